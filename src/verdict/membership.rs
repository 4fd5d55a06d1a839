//! Who was a member of a group, and which member had which partition, over time.
//!
//! Two views are kept apart: the coordinator's (rounds and what they assign) and the members' own
//! (from `onPartitionsAssigned` until the partition is revoked, lost, or its process is gone). A
//! *stop* is the time in which no member has a partition that had an owner before.

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
    /// What the coordinator last assigned.
    pub(super) assignment: BTreeMap<NodeId, Arc<[TopicPartition]>>,
    /// Members that the coordinator has removed since.
    removed: BTreeSet<NodeId>,
    /// Calls of each member's rebalance listener.
    pub(super) calls: BTreeMap<NodeId, Vec<ListenerCall>>,
    ownership: BTreeMap<TopicPartition, Ownership>,
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
            | GroupFact::RevocationTimedOut { member, .. } => {
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
        ownership.owner = Some(member);
    }

    fn loses(&mut self, at: Instant, member: NodeId, partitions: &[TopicPartition]) {
        for partition in partitions {
            if let Some(ownership) = self.ownership.get_mut(partition) {
                ownership.lost_by(at, member);
            }
        }
    }

    /// A member's process died, or its session expired: it has no partition any more.
    pub(super) fn member_died(&mut self, at: Instant, member: NodeId) {
        for ownership in self.ownership.values_mut() {
            ownership.lost_by(at, member);
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
        }
        self.assignment.insert(member, partitions);
    }

    /// How many partitions changed owner.
    pub(super) fn moved(&self) -> u64 {
        self.moved.len() as u64
    }

    /// How many partitions had no owner for a while, and the longest such while; stops that last
    /// until the run's end are counted up to there.
    pub(super) fn stops(&self, end: Instant) -> (u64, Span) {
        let mut all = self.ownership.clone();
        for ownership in all.values_mut() {
            ownership.stop_ends(end, self.warm_up);
        }
        let stops = all.values().map(|o| o.longest_stop);
        let stopped = stops.clone().filter(|&s| Span::ZERO < s).count();
        (stopped as u64, stops.max().unwrap_or(Span::ZERO))
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
    fn lost_by(&mut self, at: Instant, member: NodeId) {
        if self.owner == Some(member) {
            self.owner = None;
            self.stopped_at = Some(at);
        }
    }

    fn stop_ends(&mut self, at: Instant, warm_up: Instant) {
        if let Some(start) = self.stopped_at.take() {
            self.longest_stop = self.longest_stop.max(at.since(start.max(warm_up)));
        }
    }
}
