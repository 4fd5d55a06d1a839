//! The coordinator's side of its consumer-protocol groups: requests, records and timers find their
//! group here.
//!
//! A group is of one protocol at a time. An empty one of either kind makes way for the other; with
//! members in it a classic group refuses the consumer protocol as Kafka does under
//! `group.consumer.migration.policy=disabled`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::ConsumerGroup;
use super::image::{Image, ImageTopic};
use crate::base::{Instant, TopicId};
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::{
    ConsumerGroupRecord, ConsumerHeartbeatRequest, EPOCH_JOIN, EPOCH_LEAVE_STATIC, ReconcileState,
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
        let (group, image, mut turn) = self.consumer_turn(now, &request.group, out);
        match (error, group) {
            (ErrorCode::None, Some(group)) => {
                turn.consumer_heartbeat(group, image, request, token);
            }
            (ErrorCode::None, None) => {
                let mut group = ConsumerGroup::new(Arc::clone(&request.group));
                turn.consumer_heartbeat(&mut group, image, request, token);
            }
            (error, _) => turn.refuse_consumer(request, token, error),
        }
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
        } else if self.consumer_groups.contains_key(&request.group) {
            ErrorCode::None
        } else {
            let classic = self.groups.get(&request.group);
            let makes_way = classic.is_none_or(|group| group.state == GroupState::Empty);
            if request.epoch == EPOCH_JOIN && makes_way {
                ErrorCode::None
            } else {
                ErrorCode::GroupIdNotFound
            }
        }
    }

    /// Whether a group of the consumer protocol has members.
    pub(in super::super) fn has_consumer_members(&self, group: &str) -> bool {
        let group = self.consumer_groups.get(group);
        group.is_some_and(|group| !group.members.is_empty())
    }

    /// Applies a record of a group. The first one of a group ends the classic group of its name,
    /// which was empty.
    pub(in super::super) fn replay_consumer_group(
        &mut self,
        name: &Arc<str>,
        record: &ConsumerGroupRecord,
    ) {
        self.groups.remove(name);
        let group = self
            .consumer_groups
            .entry(Arc::clone(name))
            .or_insert_with(|| ConsumerGroup::new(Arc::clone(name)));
        group.replay(record);
    }

    /// The log is replayed: everybody gets a fresh session, and as long as ever to revoke.
    pub(in super::super) fn load_consumer_groups(&mut self, now: Instant, out: &mut Vec<Output>) {
        let names: Vec<_> = self.consumer_groups.keys().cloned().collect();
        for name in names {
            let (group, _, mut turn) = self.consumer_turn(now, &name, out);
            turn.load_consumer_group(group.expect("a loaded group is known"));
        }
    }

    /// Fires a timer if its group is of the consumer protocol, or of none any more.
    pub(in super::super) fn fire_of_consumer_group(
        &mut self,
        now: Instant,
        timer: &Timer,
        out: &mut Vec<Output>,
    ) -> bool {
        let (group, image, mut turn) = self.consumer_turn(now, timer.group(), out);
        let Some(group) = group else {
            return matches!(timer, Timer::Rebalance { .. } | Timer::Resolution { .. });
        };
        match timer {
            Timer::Session { member, .. } => {
                turn.consumer_timed_out(group, image, member, RemovalReason::SessionExpired);
            }
            Timer::Rebalance { member, epoch, .. } => {
                let known = group.members.get(member);
                if known.is_some_and(|member| member.current.epoch == *epoch) {
                    turn.consumer_timed_out(group, image, member, RemovalReason::DidNotRevoke);
                }
            }
            Timer::Resolution { patterns, .. } => turn.resolve_patterns(group, image, patterns),
            Timer::InitialJoin { .. } | Timer::Join { .. } | Timer::Sync { .. } => {}
        }
        true
    }

    fn consumer_turn<'a>(
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
            self.set_session_timer(&group.name, id, self.config.consumer_session_timeout);
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
        let records = records.into_iter().map(|record| {
            let group = Arc::clone(group);
            CoordinatorRecord::ConsumerGroup { group, record }
        });
        self.write(records.collect());
    }
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
