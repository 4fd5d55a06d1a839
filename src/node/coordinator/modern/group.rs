//! A group of the consumer protocol, and what each of its records does to it (`ConsumerGroup`).
//!
//! Decisions are elsewhere; only [`ConsumerGroup::replay`] changes what is persistent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::event::{Moved, Owners, Who};
use crate::base::{Span, TopicId, TopicPartition};
use crate::kafka::consumer_protocol::{
    ClassicMember, ConsumerGroupRecord, CurrentAssignment, EPOCH_LEAVE, MemberSubscription,
    ReconcileState, ResolvedPattern,
};
use crate::kafka::group::{Assignment, MemberId};

/// Where a group stands (`ConsumerGroupState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerGroupState {
    /// No members.
    Empty,
    /// The group has changed since its target was computed.
    Assigning,
    /// Some member has not reached the target.
    Reconciling,
    /// Everybody has what the target gives.
    Stable,
}

/// A member of such a group (`ConsumerGroupMember`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerMember {
    /// Its member id.
    pub id: MemberId,
    /// What it says of itself.
    pub subscription: Arc<MemberSubscription>,
    /// What it is to own now, and how far it is.
    pub current: Arc<CurrentAssignment>,
}

/// A group of the consumer protocol.
#[derive(Clone, Debug)]
pub struct ConsumerGroup {
    /// Its name.
    pub name: Arc<str>,
    /// The group epoch.
    pub epoch: i32,
    /// The topics the epoch was made for.
    pub(super) topics: Arc<[(TopicId, u32)]>,
    /// The epoch of the target.
    pub target_epoch: i32,
    /// The members by id.
    pub members: BTreeMap<MemberId, ConsumerMember>,
    /// What each member is meant to own in the end.
    pub targets: BTreeMap<MemberId, Assignment>,
    /// The member id behind each `group.instance.id`.
    pub(super) static_members: BTreeMap<Arc<str>, MemberId>,
    /// What the regular expressions of members stand for.
    pub(super) patterns: BTreeMap<Arc<str>, Arc<ResolvedPattern>>,
    /// Who has each partition, or has still to give it up.
    pub(super) holders: BTreeMap<TopicPartition, MemberId>,
    /// The version of the metadata that the group has looked at. Memory only.
    pub(super) looked_at: u64,
    /// The `client.id` that had each partition last. Memory only.
    pub(in super::super) owners: Owners,
}

impl ConsumerMember {
    /// Somebody the group has not heard of.
    pub(super) fn new(id: MemberId) -> Self {
        let nothing: Assignment = Arc::from([]);
        let current = CurrentAssignment {
            epoch: 0,
            previous_epoch: EPOCH_LEAVE,
            state: ReconcileState::Stable,
            assigned: Arc::clone(&nothing),
            revoking: nothing,
        };
        Self {
            id,
            subscription: Arc::new(MemberSubscription {
                instance: None,
                client_id: Arc::from(""),
                rebalance_timeout: Span::ZERO,
                assignor: None,
                topics: Arc::from([]),
                pattern: None,
                classic: None,
            }),
            current: Arc::new(current),
        }
    }

    /// The member and the client behind it.
    pub fn who(&self) -> Who {
        Who {
            member: Arc::clone(&self.id),
            client_id: Arc::clone(&self.subscription.client_id),
        }
    }

    /// The regular expression it subscribes to, if any.
    pub(super) fn pattern(&self) -> Option<&Arc<str>> {
        let pattern = self.subscription.pattern.as_ref();
        pattern.filter(|pattern| !pattern.is_empty())
    }

    /// What it says of itself as a member of the classic protocol, if it is one.
    pub fn classic(&self) -> Option<&ClassicMember> {
        self.subscription.classic.as_deref()
    }

    /// Whether it has all of the target of this epoch (`isReconciledTo`).
    pub(super) fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.current.state == ReconcileState::Stable && self.current.epoch == target_epoch
    }
}

impl ConsumerGroup {
    /// A group that nobody has joined.
    pub(in super::super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            epoch: 0,
            topics: Arc::from([]),
            target_epoch: 0,
            members: BTreeMap::new(),
            targets: BTreeMap::new(),
            static_members: BTreeMap::new(),
            patterns: BTreeMap::new(),
            holders: BTreeMap::new(),
            looked_at: 0,
            owners: Owners::new(),
        }
    }

    /// Where it stands (`maybeUpdateGroupState`).
    pub fn state(&self) -> ConsumerGroupState {
        let is_behind = |member: &ConsumerMember| !member.is_reconciled_to(self.target_epoch);
        if self.members.is_empty() {
            ConsumerGroupState::Empty
        } else if self.target_epoch < self.epoch {
            ConsumerGroupState::Assigning
        } else if self.members.values().any(is_behind) {
            ConsumerGroupState::Reconciling
        } else {
            ConsumerGroupState::Stable
        }
    }

    /// The member behind a `group.instance.id`.
    pub(super) fn static_member(&self, instance: &str) -> Option<&ConsumerMember> {
        self.members.get(self.static_members.get(instance)?)
    }

    /// The members as they are once `updated` is one of them, instead of the one with its instance.
    pub(super) fn members_with<'a>(
        &'a self,
        updated: Option<&'a ConsumerMember>,
    ) -> BTreeMap<&'a MemberId, &'a ConsumerMember> {
        let mut members: BTreeMap<_, _> = self.members.iter().collect();
        if let Some(updated) = updated {
            let instance = updated.subscription.instance.as_ref();
            if let Some(before) = instance.and_then(|id| self.static_members.get(id)) {
                members.remove(before);
            }
            members.insert(&updated.id, updated);
        }
        members
    }

    /// The topics that these members subscribe to, by name or by a resolved expression.
    pub(super) fn subscribed<'a>(
        &self,
        members: impl Iterator<Item = &'a ConsumerMember>,
    ) -> BTreeSet<TopicId> {
        let mut topics = BTreeSet::new();
        for member in members {
            topics.extend(member.subscription.topics.iter());
            let resolved = member.pattern().and_then(|p| self.patterns.get(p));
            topics.extend(resolved.into_iter().flat_map(|r| r.topics.iter()));
        }
        topics
    }

    /// How many members subscribe to an expression.
    pub(super) fn subscribers(&self, pattern: &str) -> usize {
        let subscribes = |m: &&ConsumerMember| m.pattern().is_some_and(|p| **p == *pattern);
        self.members.values().filter(subscribes).count()
    }

    /// What a record of the group does.
    pub(in super::super) fn replay(&mut self, record: &ConsumerGroupRecord) {
        match record {
            ConsumerGroupRecord::Epoch { epoch, topics } => {
                self.epoch = *epoch;
                self.topics = Arc::clone(topics);
            }
            ConsumerGroupRecord::Member {
                member,
                subscription: Some(subscription),
            } => self.subscribe(member, subscription),
            ConsumerGroupRecord::Member {
                member,
                subscription: None,
            } => self.forget(member),
            ConsumerGroupRecord::TargetEpoch(Some(epoch)) => self.target_epoch = *epoch,
            // The tombstone of the group itself follows.
            ConsumerGroupRecord::TargetEpoch(None) | ConsumerGroupRecord::Gone => {}
            ConsumerGroupRecord::Target { member, assignment } => match assignment {
                Some(assignment) => {
                    let assignment = Arc::clone(assignment);
                    self.targets.insert(Arc::clone(member), assignment);
                }
                None => {
                    self.targets.remove(member);
                }
            },
            ConsumerGroupRecord::Current { member, current } => {
                self.set_current(member, current.as_ref());
            }
            ConsumerGroupRecord::Pattern { pattern, resolved } => match resolved {
                Some(resolved) => {
                    let resolved = Arc::clone(resolved);
                    self.patterns.insert(Arc::clone(pattern), resolved);
                }
                None => {
                    self.patterns.remove(pattern);
                }
            },
        }
    }

    fn subscribe(&mut self, id: &MemberId, subscription: &Arc<MemberSubscription>) {
        let member = self
            .members
            .entry(Arc::clone(id))
            .or_insert_with(|| ConsumerMember::new(Arc::clone(id)));
        member.subscription = Arc::clone(subscription);
        if let Some(instance) = &subscription.instance {
            self.static_members
                .insert(Arc::clone(instance), Arc::clone(id));
        }
    }

    fn forget(&mut self, id: &MemberId) {
        let Some(member) = self.members.remove(id) else {
            return;
        };
        if let Some(instance) = &member.subscription.instance {
            self.static_members.remove(instance);
        }
    }

    fn set_current(&mut self, id: &MemberId, current: Option<&Arc<CurrentAssignment>>) {
        if let Some(before) = self.members.get(id) {
            let held = before.current.assigned.iter();
            for partition in held.chain(before.current.revoking.iter()) {
                self.holders.remove(partition);
            }
        }
        let Some(current) = current else {
            if let Some(member) = self.members.get_mut(id) {
                member.current = ConsumerMember::new(Arc::clone(id)).current;
            }
            return;
        };
        for partition in current.assigned.iter().chain(current.revoking.iter()) {
            let before = self.holders.insert(*partition, Arc::clone(id));
            assert!(before.is_none(), "a partition has one holder");
        }
        let member = self
            .members
            .entry(Arc::clone(id))
            .or_insert_with(|| ConsumerMember::new(Arc::clone(id)));
        member.current = Arc::clone(current);
    }

    /// Notes that a client has these partitions now; says which were another client's.
    pub(super) fn take_over(&mut self, who: &Who, assigned: &Assignment) -> Vec<Moved> {
        let owners = &mut self.owners;
        let taken = assigned.iter();
        taken
            .filter_map(|partition| Moved::take_over(owners, *partition, &who.client_id))
            .collect()
    }
}
