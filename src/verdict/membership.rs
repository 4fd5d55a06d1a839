//! Who was a member of a group, and which member had which partition, over time.
//!
//! Two views are kept apart: the coordinator's (rounds and what they assign) and the members' own
//! (from `onPartitionsAssigned` until the partition is revoked, lost, or its process is gone). A
//! *stop* is the time in which no member has a partition that had an owner before; a *standstill*
//! the time in which no member has any.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::{Instant, NodeId, Span, TopicPartition};
use crate::node::fact::{GroupFact, Stated};

/// The members of one group and their partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct Membership {
    members: Vec<NodeId>,
    warm_up: Instant,
    /// Completed rounds after the first.
    pub(super) rebalances: u64,
    pub(super) idle_members: u64,
    moved: BTreeSet<TopicPartition>,
    /// Changes of owner, each counted.
    pub(super) moves: u64,
    /// How many of them an even spread needed, over all changes of membership.
    pub(super) moves_needed: u64,
    /// Who had each partition last by the coordinator's word.
    last_owners: BTreeMap<TopicPartition, NodeId>,
    /// The members of the last round.
    in_last_round: BTreeSet<NodeId>,
    /// What the coordinator last assigned.
    pub(super) assignment: BTreeMap<NodeId, Arc<[TopicPartition]>>,
    /// Members that the coordinator has removed since.
    removed: BTreeSet<NodeId>,
    /// Calls of each member's rebalance listener.
    pub(super) calls: BTreeMap<NodeId, Vec<ListenerCall>>,
    ownership: BTreeMap<TopicPartition, Ownership>,
    /// How many partitions have an owner in the members' view.
    owned: usize,
    /// Since when no partition has one, after some had.
    standing_since: Option<Instant>,
    longest_standstill: Span,
}

/// The times without an owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stops {
    /// How many partitions had none for a while.
    pub(super) partitions: u64,
    /// The longest such while of a partition.
    pub(super) longest: Span,
    /// All of them together.
    pub(super) total: Span,
    /// The longest while in which no partition had one.
    pub(super) standstill: Span,
}

/// One call of a rebalance listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListenerCall {
    /// `assigned`, `revoked` or `lost`.
    pub(super) what: &'static str,
    pub(super) partitions: Arc<[TopicPartition]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ownership {
    owner: Option<NodeId>,
    /// Since when nobody has it, after somebody had.
    stopped_at: Option<Instant>,
    longest_stop: Span,
    stopped: Span,
}

impl Membership {
    pub(super) fn new(members: &[NodeId], warm_up: Instant) -> Self {
        Self {
            members: members.to_vec(),
            warm_up,
            ..Self::default()
        }
    }

    pub(super) fn observe(&mut self, stated: &Stated, fact: &GroupFact) {
        let (at, who) = (stated.at, stated.who);
        match fact {
            GroupFact::RoundCompleted {
                first, assignment, ..
            } => {
                self.rebalances += u64::from(!first && self.warm_up <= at);
                let idle = assignment.iter().filter(|(_, has)| has.is_empty()).count();
                self.idle_members = self.idle_members.max(idle as u64);
                self.count_needed(at, assignment);
                self.assignment = assignment.iter().cloned().collect();
                self.removed.clear();
            }
            GroupFact::TargetComputed {
                first, assignment, ..
            } => {
                self.rebalances += u64::from(!first && self.warm_up <= at);
                let idle = assignment.iter().filter(|(_, has)| has.is_empty()).count();
                self.idle_members = self.idle_members.max(idle as u64);
            }
            GroupFact::MemberReconciled {
                member,
                assigned,
                revoking,
                ..
            } => {
                let has = assigned.iter().chain(revoking.iter()).copied().collect();
                self.assignment.insert(*member, has);
                self.removed.remove(member);
            }
            GroupFact::GroupEmpty { .. } => self.assignment.clear(),
            GroupFact::PartitionMoved { partition, .. } if self.warm_up <= at => {
                self.moved.insert(*partition);
                self.moves += 1;
            }
            GroupFact::Assigned { partitions, .. } => {
                self.call(at, who, "assigned", partitions);
                for partition in partitions.iter() {
                    self.gains(at, who, *partition);
                }
            }
            GroupFact::Revoked { partitions, .. } => {
                self.call(at, who, "revoked", partitions);
                self.loses(at, who, partitions);
            }
            GroupFact::Lost { partitions, .. } => {
                self.call(at, who, "lost", partitions);
                self.loses(at, who, partitions);
            }
            GroupFact::SessionExpired { member, .. }
            | GroupFact::RevocationTimedOut { member, .. }
            | GroupFact::RejoinTimedOut { member, .. } => {
                self.removed.insert(*member);
                self.member_died(at, *member);
            }
            GroupFact::MemberLeft { member, .. } => {
                self.removed.insert(*member);
            }
            GroupFact::StaticRejoin { member, before, .. } if member != before => {
                self.replaced(at, *before, *member);
            }
            _ => {}
        }
    }

    fn call(
        &mut self,
        at: Instant,
        member: NodeId,
        what: &'static str,
        partitions: &Arc<[TopicPartition]>,
    ) {
        if self.warm_up <= at {
            let partitions = Arc::clone(partitions);
            let calls = self.calls.entry(member).or_default();
            calls.push(ListenerCall { what, partitions });
        }
    }

    fn gains(&mut self, at: Instant, member: NodeId, partition: TopicPartition) {
        let warm_up = self.warm_up;
        let ownership = self.ownership.entry(partition).or_default();
        ownership.stop_ends(at, warm_up);
        if ownership.owner.replace(member).is_none() {
            self.owned += 1;
            self.standstill_ends(at);
        }
    }

    fn standstill_ends(&mut self, at: Instant) {
        if let Some(start) = self.standing_since.take() {
            let lasted = at.since(start.max(self.warm_up).min(at));
            self.longest_standstill = self.longest_standstill.max(lasted);
        }
    }

    fn loses(&mut self, at: Instant, member: NodeId, partitions: &[TopicPartition]) {
        for partition in partitions {
            if let Some(ownership) = self.ownership.get_mut(partition) {
                self.owned -= usize::from(ownership.lost_by(at, member));
            }
        }
        self.note_standstill(at);
    }

    fn note_standstill(&mut self, at: Instant) {
        if self.owned == 0 && !self.ownership.is_empty() {
            self.standing_since.get_or_insert(at);
        }
    }

    /// A member's process died, or its session expired: it has no partition any more.
    pub(super) fn member_died(&mut self, at: Instant, member: NodeId) {
        for ownership in self.ownership.values_mut() {
            self.owned -= usize::from(ownership.lost_by(at, member));
        }
        self.note_standstill(at);
    }

    /// Adds what this round has to move if its members differ from those of the round before.
    fn count_needed(&mut self, at: Instant, assignment: &[(NodeId, Arc<[TopicPartition]>)]) {
        let members: BTreeSet<NodeId> = assignment.iter().map(|(member, _)| *member).collect();
        if members != self.in_last_round && self.warm_up <= at {
            let mut known: BTreeSet<TopicPartition> = self.last_owners.keys().copied().collect();
            known.extend(assignment.iter().flat_map(|(_, has)| has.iter()));
            self.moves_needed += needed(&self.last_owners, &members, known.len());
        }
        self.in_last_round = members;
        for (member, has) in assignment {
            let has = has.iter().map(|partition| (*partition, *member));
            self.last_owners.extend(has);
        }
    }

    /// Whether a member has a partition by the coordinator's word.
    pub(super) fn has(&self, member: NodeId, partition: TopicPartition) -> bool {
        let assigned = self.assignment.get(&member);
        !self.removed.contains(&member) && assigned.is_some_and(|has| has.contains(&partition))
    }

    /// Another member has taken a static member's place, without a round.
    fn replaced(&mut self, at: Instant, before: NodeId, member: NodeId) {
        let Some(partitions) = self.assignment.remove(&before) else {
            return;
        };
        if self.warm_up <= at {
            self.moved.extend(partitions.iter());
            self.moves += partitions.len() as u64;
            self.moves_needed += partitions.len() as u64;
        }
        if self.in_last_round.remove(&before) {
            self.in_last_round.insert(member);
        }
        let has = partitions.iter().map(|partition| (*partition, member));
        self.last_owners.extend(has);
        self.assignment.insert(member, partitions);
    }

    /// How many partitions changed owner.
    pub(super) fn moved(&self) -> u64 {
        self.moved.len() as u64
    }

    /// The times without an owner; those that last until the run's end are counted up to there.
    pub(super) fn stops(&self, end: Instant) -> Stops {
        let mut ended = self.clone();
        ended.standstill_ends(end);
        let mut stops = Stops {
            standstill: ended.longest_standstill,
            ..Stops::default()
        };
        for ownership in ended.ownership.values_mut() {
            ownership.stop_ends(end, self.warm_up);
            stops.partitions += u64::from(Span::ZERO < ownership.longest_stop);
            stops.longest = stops.longest.max(ownership.longest_stop);
            stops.total = stops.total.saturating_add(ownership.stopped);
        }
        stops
    }

    /// Every member with what it has by the coordinator's word, in the order of the file.
    pub(super) fn assigned(&self) -> impl Iterator<Item = (NodeId, &[TopicPartition])> {
        self.members.iter().map(|member| {
            let has = self.assignment.get(member);
            (*member, has.map_or(&[][..], |partitions| &partitions[..]))
        })
    }

    /// Every member with its listener's calls, in the order of the file.
    pub(super) fn calls(&self) -> impl Iterator<Item = (NodeId, &[ListenerCall])> {
        self.members.iter().map(|member| {
            let calls = self.calls.get(member);
            (*member, calls.map_or(&[][..], |calls| &calls[..]))
        })
    }
}

impl Ownership {
    /// Whether it was this member's.
    fn lost_by(&mut self, at: Instant, member: NodeId) -> bool {
        let was = self.owner == Some(member);
        if was {
            self.owner = None;
            self.stopped_at = Some(at);
        }
        was
    }

    fn stop_ends(&mut self, at: Instant, warm_up: Instant) {
        if let Some(start) = self.stopped_at.take() {
            let lasted = at.since(start.max(warm_up).min(at));
            self.longest_stop = self.longest_stop.max(lasted);
            self.stopped = self.stopped.saturating_add(lasted);
        }
    }
}

/// How many partitions have to change owner, at least, until these members have equally many of all.
fn needed(
    owners: &BTreeMap<TopicPartition, NodeId>,
    members: &BTreeSet<NodeId>,
    partitions: usize,
) -> u64 {
    if members.is_empty() {
        return 0;
    }
    let mut counts: BTreeMap<NodeId, usize> = members.iter().map(|member| (*member, 0)).collect();
    for owner in owners.values() {
        if let Some(count) = counts.get_mut(owner) {
            *count += 1;
        }
    }
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let (share, larger) = (partitions / members.len(), partitions % members.len());
    let quota = |place: usize| share + usize::from(place < larger);
    let kept = counts.iter().enumerate();
    let kept: usize = kept.map(|(place, count)| quota(place).min(*count)).sum();
    (owners.len() - kept) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TopicId;

    #[test]
    fn an_even_spread_needs_what_leavers_had_and_what_exceeds_a_share() {
        let owners = |shares: &[(u32, u32)]| {
            let mut owners = BTreeMap::new();
            for (member, count) in shares {
                for _ in 0..*count {
                    let next = TopicPartition::new(TopicId(0), owners.len() as u32);
                    owners.insert(next, NodeId(*member));
                }
            }
            owners
        };
        let members = |ids: &[u32]| ids.iter().map(|id| NodeId(*id)).collect();
        let two = owners(&[(1, 3), (2, 3)]);
        assert_eq!(needed(&two, &members(&[1, 2]), 6), 0);
        assert_eq!(needed(&two, &members(&[1, 2, 3]), 6), 2);
        assert_eq!(needed(&two, &members(&[1]), 6), 3);
        assert_eq!(needed(&two, &members(&[]), 6), 0);
        let uneven = owners(&[(1, 4), (2, 3)]);
        assert_eq!(needed(&uneven, &members(&[1, 2, 3]), 7), 2);
        assert_eq!(needed(&uneven, &members(&[1, 2]), 9), 0, "two are new");
    }
}
