//! The coordinator's side of its consumer-protocol groups: requests, records and timers find their
//! group here.
//!
//! A group is of one protocol at a time. An empty one of either kind makes way for the other; one
//! with members changes as `migration` says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::ConsumerGroup;
use super::heartbeat::Founding;
use super::image::{Image, ImageTopic};
use crate::base::{Instant, TopicId};
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::{
    ConsumerGroupRecord, ConsumerHeartbeatRequest, EPOCH_JOIN, EPOCH_LEAVE, EPOCH_LEAVE_STATIC,
    ReconcileState,
};
use crate::kafka::group::CoordinatorRecord;
use crate::node::coordinator::event::RemovalReason;
use crate::node::coordinator::timers::Timer;
use crate::node::coordinator::{GroupCoordinator, GroupState, Output, Token, Turn};

impl GroupCoordinator {
    /// What topics there are now.
    pub fn on_metadata(&mut self, topics: BTreeMap<TopicId, ImageTopic>) {
        self.image.update(topics);
    }

    /// Whether there is any group of the consumer protocol.
    pub fn has_consumer_groups(&self) -> bool {
        !self.consumer_groups.is_empty()
    }

    /// The group of the consumer protocol of this name.
    pub fn consumer_group(&self, name: &str) -> Option<&ConsumerGroup> {
        self.consumer_groups.get(name)
    }

    /// `ConsumerGroupHeartbeat`.
    pub fn handle_consumer_heartbeat(
        &mut self,
        now: Instant,
        request: &ConsumerHeartbeatRequest,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        let error = self.heartbeat_error(request);
        if error != ErrorCode::None {
            let (_, _, mut turn) = self.consumer_turn(now, &request.group, out);
            return turn.refuse_consumer(request, token, error);
        }
        if matches!(request.epoch, EPOCH_LEAVE | EPOCH_LEAVE_STATIC) {
            return self.consumer_leaves(now, request, token, out);
        }
        if let (Some(group), image, mut turn) = self.consumer_turn(now, &request.group, out) {
            return turn.consumer_heartbeat(group, image, request, Founding::default(), token);
        }
        let found = self.found(now, &request.group, out);
        let (_, image, mut turn) = self.consumer_turn(now, &request.group, out);
        match found {
            Ok((mut group, founding)) => {
                turn.consumer_heartbeat(&mut group, image, request, founding, token);
                self.owners_before.insert(group.name, group.owners);
            }
            Err(error) => turn.refuse_consumer(request, token, error),
        }
    }

    /// The group that the first member of the consumer protocol comes to: a new one, or the classic
    /// one of that name as it is under this protocol (`getOrMaybeCreateConsumerGroup`).
    fn found(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        out: &mut Vec<Output>,
    ) -> Result<(ConsumerGroup, Founding), ErrorCode> {
        let mut founding = Founding::default();
        let Some(classic) = self.groups.get(name) else {
            return Ok((ConsumerGroup::new(Arc::clone(name)), founding));
        };
        if classic.state == GroupState::Empty {
            let group = Arc::clone(name);
            founding
                .records
                .push(CoordinatorRecord::GroupGone { group });
            return Ok((ConsumerGroup::new(Arc::clone(name)), founding));
        }
        self.upgrade(now, name, out)
    }

    /// What refuses a heartbeat before its group is looked into.
    fn heartbeat_error(&self, request: &ConsumerHeartbeatRequest) -> ErrorCode {
        let is_asked = |name: &Arc<str>| super::target::ASSIGNORS.contains(&&**name);
        if !self.is_loaded {
            ErrorCode::CoordinatorLoadInProgress
        } else if !is_valid(request) {
            ErrorCode::InvalidRequest
        } else if !request.assignor.iter().all(is_asked) {
            ErrorCode::UnsupportedAssignor
        } else if request.epoch == EPOCH_JOIN || self.consumer_groups.contains_key(&request.group) {
            ErrorCode::None
        } else {
            ErrorCode::GroupIdNotFound
        }
    }

    /// Whether a group of the consumer protocol has members.
    pub(in super::super) fn has_consumer_members(&self, group: &str) -> bool {
        let group = self.consumer_groups.get(group);
        group.is_some_and(|group| !group.members.is_empty())
    }

    /// Applies a record of a group. While the partition is loaded, the first one ends the classic
    /// group of its name, which only held offsets. Later, a classic group of that name has taken its
    /// place already: memory is ahead. The tombstones of a group that is not there mean nothing.
    pub(in super::super) fn replay_consumer_group(
        &mut self,
        name: &Arc<str>,
        record: &ConsumerGroupRecord,
    ) {
        if self.is_loaded && self.groups.contains_key(name) {
            return;
        }
        self.groups.remove(name);
        if *record == ConsumerGroupRecord::Gone {
            self.consumer_groups.remove(name);
        } else if let Some(group) = self.consumer_groups.get_mut(name) {
            group.replay(record);
        } else if !record.is_tombstone() {
            let mut group = ConsumerGroup::new(Arc::clone(name));
            group.owners = self.owners_before.remove(name).unwrap_or_default();
            group.replay(record);
            self.consumer_groups.insert(Arc::clone(name), group);
        }
    }

    /// The log is replayed: everybody gets a fresh session, and as long as ever to revoke.
    pub(in super::super) fn load_consumer_groups(&mut self, now: Instant, out: &mut Vec<Output>) {
        let names: Vec<_> = self.consumer_groups.keys().cloned().collect();
        for name in names {
            let (group, _, mut turn) = self.consumer_turn(now, &name, out);
            turn.load_consumer_group(group.expect("a loaded group is known"));
        }
    }

    /// Fires a timer of the consumer protocol, if its group still is of that.
    pub(in super::super) fn fire_of_consumer_group(
        &mut self,
        now: Instant,
        timer: &Timer,
        out: &mut Vec<Output>,
    ) {
        let (group, image, mut turn) = self.consumer_turn(now, timer.group(), out);
        let Some(group) = group else { return };
        let (member, reason) = match timer {
            Timer::ConsumerSession { member, .. } => (member, RemovalReason::SessionExpired),
            Timer::MemberJoin { member, .. } | Timer::MemberSync { member, .. } => {
                (member, RemovalReason::RejoinTimedOut)
            }
            Timer::Rebalance { member, epoch, .. } => {
                let known = group.members.get(member);
                if known.is_none_or(|member| member.current.epoch != *epoch) {
                    return;
                }
                (member, RemovalReason::DidNotRevoke)
            }
            Timer::Resolution { patterns, .. } => {
                return turn.resolve_patterns(group, image, patterns);
            }
            Timer::InitialJoin { .. }
            | Timer::Join { .. }
            | Timer::Sync { .. }
            | Timer::Session { .. } => unreachable!("{timer:?} is of a classic group"),
        };
        if group.members.contains_key(member) {
            let (name, gone) = (Arc::clone(&group.name), [Arc::clone(member)]);
            self.fence(now, &name, &gone, reason, out);
        }
    }

    pub(in super::super) fn consumer_turn<'a>(
        &'a mut self,
        now: Instant,
        group: &str,
        out: &'a mut Vec<Output>,
    ) -> (Option<&'a mut ConsumerGroup>, &'a Image, Turn<'a>) {
        let turn = Turn {
            now,
            config: &self.config,
            member_ids: &mut self.member_ids,
            timers: &mut self.timers,
            writes: &mut self.writes,
            out,
        };
        (self.consumer_groups.get_mut(group), &self.image, turn)
    }
}

impl Turn<'_> {
    fn load_consumer_group(&mut self, group: &ConsumerGroup) {
        for (id, member) in &group.members {
            let session = self.config.consumer_session_timeout;
            self.set_consumer_session_timer(&group.name, id, session);
            if member.current.state == ReconcileState::UnrevokedPartitions {
                let timer = Timer::Rebalance {
                    group: Arc::clone(&group.name),
                    member: Arc::clone(id),
                    epoch: member.current.epoch,
                };
                let timeout = member.subscription.rebalance_timeout;
                self.timers.set(self.now + timeout, timer);
            }
        }
    }

    /// Writes records of a group.
    pub(super) fn write_consumer_group(
        &mut self,
        group: &Arc<str>,
        records: Vec<ConsumerGroupRecord>,
    ) {
        self.write(consumer_group_records(group, records).collect());
    }
}

/// Parts of a group as records of the log.
pub(super) fn consumer_group_records(
    group: &Arc<str>,
    records: Vec<ConsumerGroupRecord>,
) -> impl Iterator<Item = CoordinatorRecord> + '_ {
    records.into_iter().map(|record| {
        let group = Arc::clone(group);
        CoordinatorRecord::ConsumerGroup { group, record }
    })
}

/// `GroupCoordinatorService.throwIfConsumerGroupHeartbeatRequestIsInvalid`.
fn is_valid(request: &ConsumerHeartbeatRequest) -> bool {
    if request.member.is_empty() || request.epoch < EPOCH_LEAVE_STATIC {
        return false;
    }
    match request.epoch {
        EPOCH_JOIN => {
            let subscribes = request.topics.is_some() || request.pattern.is_some();
            let owns_nothing = request.owned.as_deref().is_some_and(<[_]>::is_empty);
            request.rebalance_timeout.is_some() && owns_nothing && subscribes
        }
        EPOCH_LEAVE_STATIC => request.instance.is_some(),
        _ => true,
    }
}
