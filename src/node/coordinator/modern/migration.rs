//! A group with members goes from one protocol to the other while it is at work
//! (`group.consumer.migration.policy`).
//!
//! ```text
//!  classic group --first heartbeat of the consumer protocol--> group of the consumer protocol
//!       ^                                                                 |
//!       +-- last such member gone, or replaced by a static classic one ---+
//! ```
//!
//! Upwards the group epoch goes on from the generation, everybody keeps what the last `SyncGroup`
//! gave, and whoever waits for a join or a sync is told to join again. Downwards the generation goes
//! on from the group epoch and everybody is given what the target gave; a rebalance starts, unless a
//! static member took the place of the last one.
//!
//! Sources: `validateOnlineUpgrade`, `convertToConsumerGroup`, `ConsumerGroup.fromClassicGroup`,
//! `validateOnlineDowngrade*`, `convertToClassicGroup`, `ClassicGroup.fromConsumerGroup`.

use std::sync::Arc;

use super::super::event::{GroupEvent, Owners, RebalanceReason};
use super::super::group::{ClassicGroup, GroupState, Member};
use super::super::write::Continuation;
use super::super::{GroupCoordinator, Output, Turn, WriteId, join, reply_to, sync};
use super::group::{ConsumerGroup, ConsumerMember};
use super::heartbeat::Founding;
use super::hosting::consumer_group_records;
use super::image::Image;
use crate::base::{Instant, TopicId};
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::{
    ClassicMember, ConsumerGroupRecord, CurrentAssignment, MemberSubscription, ReconcileState,
};
use crate::kafka::group::{Assignment, CoordinatorRecord, MemberId, Subscription};

/// The protocol type of consumers (`ConsumerProtocol.PROTOCOL_TYPE`).
pub(super) const PROTOCOL_TYPE: &str = "consumer";

impl GroupCoordinator {
    /// The classic group of this name as one of the consumer protocol, and the records by which it
    /// becomes that. Whoever waits in it is answered even if it does not come to it.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND` where that may not be. A group that has never chosen an assignor fails
    /// with `UNKNOWN_SERVER_ERROR`: Kafka asks it for the one it has.
    pub(super) fn upgrade(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        out: &mut Vec<Output>,
    ) -> Result<(ConsumerGroup, Founding), ErrorCode> {
        let (group, mut turn) = self.turn(now, name, out);
        let classic = group.expect("a group that is upgraded is there");
        if !turn.may_upgrade(classic) {
            return Err(ErrorCode::GroupIdNotFound);
        }
        turn.send_back(classic);
        if classic.protocol.is_none() && !classic.members.is_empty() {
            return Err(ErrorCode::UnknownServerError);
        }
        let generation = classic.generation;
        let (group, records) = upgraded(&self.groups[name], &self.image);
        let (_, _, mut turn) = self.consumer_turn(now, name, out);
        let mut members: Vec<_> = group.members.values().collect();
        turn.member_ids.sort(&mut members, |member| &member.id);
        for member in members {
            let classic = member.classic().expect("all of them come from there");
            turn.set_consumer_session_timer(name, &member.id, classic.session_timeout);
        }
        let gone = CoordinatorRecord::GroupGone {
            group: Arc::clone(name),
        };
        let made = consumer_group_records(name, records);
        let founding = Founding {
            records: std::iter::once(gone).chain(made).collect(),
            upgrades: Some(generation),
        };
        Ok((group, founding))
    }

    /// The group turns classic without those that are gone, and all others join again.
    pub(super) fn downgrade(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        gone: &[MemberId],
        out: &mut Vec<Output>,
    ) {
        let before = &self.consumer_groups[name];
        let records = tombstones(before);
        let stays = |member: &&ConsumerMember| !gone.contains(&member.id);
        let members = before.members.values().filter(stays);
        let members = members.map(|member| downgraded(before, member, &member.id));
        let mut members: Vec<_> = members.collect();
        self.member_ids.sort(&mut members, |member| &member.id);
        let classic = classic_group(before, members, now);
        self.make_classic(now, records, classic, out);
        let (group, mut turn) = self.turn(now, name, out);
        let group = group.expect("the group was just put here");
        turn.prepare_rebalance(group, RebalanceReason::Downgraded);
    }

    /// The group turns classic because a static member that joins by the classic protocol replaced
    /// the last one of the other. `records` are those of the replacement. No rebalance: the new
    /// member has what the old one had.
    pub(super) fn downgrade_with(
        &mut self,
        now: Instant,
        joining: &ConsumerMember,
        (name, mut records): (&Arc<str>, Vec<CoordinatorRecord>),
        out: &mut Vec<Output>,
    ) -> WriteId {
        let before = &self.consumer_groups[name];
        let instance = joining.subscription.instance.as_ref();
        let replaced = instance.and_then(|instance| before.static_members.get(instance));
        let replaced = replaced.expect("who replaces somebody has its instance");
        let ids = before.members.keys();
        let ids = ids.map(|id| if id == replaced { &joining.id } else { id });
        records.extend(tombstones_of(before, &ids.collect::<Vec<_>>()));
        let others = before.members.values().filter(|m| m.id != *replaced);
        let mut members: Vec<_> = others.map(|m| downgraded(before, m, &m.id)).collect();
        self.member_ids.sort(&mut members, |member| &member.id);
        members.push(downgraded(before, joining, replaced));
        let classic = classic_group(before, members, now);
        self.make_classic(now, records, classic, out)
    }

    /// Puts a classic group in the place of a group of the consumer protocol, in memory and, after
    /// what is written of the old one, in the log.
    fn make_classic(
        &mut self,
        now: Instant,
        mut records: Vec<CoordinatorRecord>,
        classic: ClassicGroup,
        out: &mut Vec<Output>,
    ) -> WriteId {
        let name = Arc::clone(&classic.name);
        records.push(classic.to_record(|member| Arc::clone(&member.assignment)));
        let before = self.consumer_groups.remove(&name);
        let before = before.expect("a group that turns classic was none");
        self.groups.insert(Arc::clone(&name), classic);
        let (group, mut turn) = self.turn(now, &name, out);
        turn.note(GroupEvent::Downgraded {
            group: Arc::clone(&name),
            epoch: before.epoch,
        });
        let id = turn.write(records);
        let before = Box::new(before);
        turn.defer(id, Continuation::Replaced { before });
        for member in group.expect("it was just put here").members.values() {
            turn.set_session_timer(&name, &member.id, member.session_timeout);
        }
        id
    }
}

impl Turn<'_> {
    /// `validateOnlineUpgrade`.
    fn may_upgrade(&self, classic: &ClassicGroup) -> bool {
        self.config.migration_policy.upgrades()
            && classic.protocol_type.as_deref() == Some(PROTOCOL_TYPE)
            && classic.members.len() <= self.config.consumer_max_size as usize
    }

    /// Whether the group turns classic once these members are gone
    /// (`validateOnlineDowngradeWithFencedMembers`).
    pub(super) fn may_downgrade_without(&self, group: &ConsumerGroup, gone: &[MemberId]) -> bool {
        let mut left = group.members.values().filter(|m| !gone.contains(&m.id));
        let is_classic = left.all(|member| member.classic().is_some());
        let count = group.members.len() - gone.len();
        is_classic && 0 < count && self.may_turn_classic(count)
    }

    /// Whether the group turns classic once this member is replaced by one of the classic protocol
    /// (`validateOnlineDowngradeWithReplacedMember`).
    pub(super) fn may_downgrade_with(
        &self,
        group: &ConsumerGroup,
        replaced: &ConsumerMember,
    ) -> bool {
        let mut others = group.members.values().filter(|m| m.id != replaced.id);
        let is_last = others.all(|m| m.classic().is_some()) && replaced.classic().is_none();
        is_last && self.may_turn_classic(group.members.len())
    }

    fn may_turn_classic(&self, members: usize) -> bool {
        self.config.migration_policy.downgrades() && members <= self.config.group_max_size as usize
    }

    /// Tells whoever waits in a classic group to join again.
    fn send_back(&mut self, classic: &mut ClassicGroup) {
        let error = ErrorCode::RebalanceInProgress;
        for member in classic.members.values_mut() {
            let response = join::refusal(&member.id, error);
            reply_to(&mut member.join, self.out, || response);
        }
        for member in classic.members.values_mut() {
            reply_to(&mut member.sync, self.out, || sync::refusal(error));
        }
    }
}

/// A classic group as one of the consumer protocol, and the records that make it.
fn upgraded(classic: &ClassicGroup, image: &Image) -> (ConsumerGroup, Vec<ConsumerGroupRecord>) {
    let epoch = classic.generation;
    let mut group = ConsumerGroup::new(Arc::clone(&classic.name));
    group.owners = classic.owners.clone();
    let mut records = Vec::new();
    let mut add = |group: &mut ConsumerGroup, record: ConsumerGroupRecord| {
        group.replay(&record);
        records.push(record);
    };
    for member in classic.members.values() {
        let protocol = classic.protocol.as_ref();
        let protocol = protocol.expect("a group with members that is upgraded has an assignor");
        let subscription = Arc::new(upgraded_subscription(member, member.subscription(protocol)));
        let record = ConsumerGroupRecord::Member {
            member: Arc::clone(&member.id),
            subscription: Some(subscription),
        };
        add(&mut group, record);
    }
    let topics = image.counts(group.subscribed(group.members.values()));
    add(&mut group, ConsumerGroupRecord::Epoch { epoch, topics });
    let assigned = |member: &Member| -> Assignment {
        let exists = |topic: TopicId| image.topics.contains_key(&topic);
        let known = member.assignment.iter().filter(|tp| exists(tp.topic));
        let mut known: Vec<_> = known.copied().collect();
        known.sort_unstable();
        known.into()
    };
    for member in classic.members.values() {
        let record = ConsumerGroupRecord::Target {
            member: Arc::clone(&member.id),
            assignment: Some(assigned(member)),
        };
        add(&mut group, record);
    }
    add(&mut group, ConsumerGroupRecord::TargetEpoch(Some(epoch)));
    for member in classic.members.values() {
        let current = CurrentAssignment {
            epoch,
            previous_epoch: epoch,
            state: ReconcileState::Stable,
            assigned: assigned(member),
            revoking: Arc::from([]),
        };
        let record = ConsumerGroupRecord::Current {
            member: Arc::clone(&member.id),
            current: Some(Arc::new(current)),
        };
        add(&mut group, record);
    }
    (group, records)
}

/// What a member of a classic group says of itself, as the other protocol keeps it.
fn upgraded_subscription(member: &Member, subscription: &Subscription) -> MemberSubscription {
    let classic = ClassicMember {
        session_timeout: member.session_timeout,
        protocols: member.protocols.clone(),
    };
    MemberSubscription {
        instance: member.instance.clone(),
        client_id: Arc::clone(&member.client_id),
        rebalance_timeout: member.rebalance_timeout,
        assignor: None,
        topics: topics_of(subscription),
        pattern: None,
        classic: Some(Arc::new(classic)),
    }
}

/// The topics of a classic member's subscription, ascending.
pub(super) fn topics_of(subscription: &Subscription) -> Arc<[TopicId]> {
    let mut topics = subscription.topics.clone();
    topics.sort_unstable();
    topics.into()
}

/// A member of the classic protocol as a classic group keeps it, with the target that `target_of`
/// has.
fn downgraded(group: &ConsumerGroup, member: &ConsumerMember, target_of: &MemberId) -> Member {
    let classic = member.classic().expect("only such members are left");
    let target = group.targets.get(target_of);
    Member {
        id: Arc::clone(&member.id),
        instance: member.subscription.instance.clone(),
        client_id: Arc::clone(&member.subscription.client_id),
        session_timeout: classic.session_timeout,
        rebalance_timeout: member.subscription.rebalance_timeout,
        protocols: classic.protocols.clone(),
        assignment: target.map_or_else(|| Arc::from([]), Arc::clone),
        is_new: false,
        join: None,
        sync: None,
    }
}

/// A Stable classic group of these members, the first of which leads.
fn classic_group(before: &ConsumerGroup, members: Vec<Member>, now: Instant) -> ClassicGroup {
    let mut group = ClassicGroup::new(Arc::clone(&before.name), now);
    group.state = GroupState::Stable;
    group.generation = before.epoch;
    group.has_formed = true;
    group.owners = Owners::clone(&before.owners);
    let protocol_type = Arc::from(PROTOCOL_TYPE);
    for member in members {
        group.add(member, &protocol_type);
    }
    group.protocol = Some(group.select_protocol());
    group
}

/// The tombstones of a whole group (`ConsumerGroup.createGroupTombstoneRecords`).
pub(in super::super) fn tombstones(group: &ConsumerGroup) -> Vec<CoordinatorRecord> {
    tombstones_of(group, &group.members.keys().collect::<Vec<_>>())
}

/// The tombstones of a group with these members.
fn tombstones_of(group: &ConsumerGroup, ids: &[&MemberId]) -> Vec<CoordinatorRecord> {
    let mut records = Vec::new();
    let member = |id: &&MemberId| Arc::clone(*id);
    records.extend(ids.iter().map(|id| ConsumerGroupRecord::Current {
        member: member(id),
        current: None,
    }));
    records.extend(ids.iter().map(|id| ConsumerGroupRecord::Target {
        member: member(id),
        assignment: None,
    }));
    records.push(ConsumerGroupRecord::TargetEpoch(None));
    records.extend(ids.iter().map(|id| ConsumerGroupRecord::Member {
        member: member(id),
        subscription: None,
    }));
    let patterns = group.patterns.keys();
    records.extend(patterns.map(|pattern| ConsumerGroupRecord::Pattern {
        pattern: Arc::clone(pattern),
        resolved: None,
    }));
    records.push(ConsumerGroupRecord::Gone);
    consumer_group_records(&group.name, records).collect()
}
