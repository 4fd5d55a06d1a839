//! How members get out: they leave, are not heard of, or do not do in time what they have to.
//!
//! Their partitions are free at once, but the target is computed by the next heartbeat of somebody
//! (`consumerGroupFenceMembers`). If only members of the classic protocol are left, the group may
//! turn classic instead.

use std::sync::Arc;

use super::super::event::{GroupEvent, RemovalReason};
use super::super::timers::TimerKey;
use super::super::{GroupCoordinator, Output, Token, Turn};
use super::group::{ConsumerGroup, ConsumerMember};
use super::image::Image;
use crate::base::{Instant, Span};
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::{
    ConsumerGroupRecord, ConsumerHeartbeatRequest, ConsumerHeartbeatResponse, CurrentAssignment,
    EPOCH_LEAVE_STATIC,
};
use crate::kafka::group::MemberId;
use crate::kafka::message::Response;

/// The records that remove a member, in Kafka's order.
pub(super) fn removal(member: &MemberId) -> Vec<ConsumerGroupRecord> {
    vec![
        ConsumerGroupRecord::Current {
            member: Arc::clone(member),
            current: None,
        },
        ConsumerGroupRecord::Target {
            member: Arc::clone(member),
            assignment: None,
        },
        ConsumerGroupRecord::Member {
            member: Arc::clone(member),
            subscription: None,
        },
    ]
}

impl GroupCoordinator {
    /// A heartbeat that says farewell (`consumerGroupLeave`).
    pub(super) fn consumer_leaves(
        &mut self,
        now: Instant,
        request: &ConsumerHeartbeatRequest,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        let (group, _, mut turn) = self.consumer_turn(now, &request.group, out);
        let group = group.expect("a farewell to no group was refused");
        let member = match leaver(group, request) {
            Ok(member) => member,
            Err(error) => return turn.refuse_consumer(request, token, error),
        };
        let id = Arc::clone(&member.id);
        if request.instance.is_some() && request.epoch == EPOCH_LEAVE_STATIC {
            turn.leave_for_now(group, member);
        } else {
            let name = Arc::clone(&group.name);
            let gone = [Arc::clone(&id)];
            self.fence(now, &name, &gone, RemovalReason::Left, out);
        }
        let response = ConsumerHeartbeatResponse {
            error: ErrorCode::None,
            member: id,
            epoch: request.epoch,
            heartbeat_interval: Span::ZERO,
            assignment: None,
        };
        let (_, _, mut turn) = self.consumer_turn(now, &request.group, out);
        turn.reply_when_replicated(token, Response::ConsumerHeartbeat(response));
    }

    /// These members are out. Either the group turns classic with those that are left, or the group
    /// epoch moves on.
    pub(super) fn fence(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        gone: &[MemberId],
        reason: RemovalReason,
        out: &mut Vec<Output>,
    ) {
        let (group, image, mut turn) = self.consumer_turn(now, name, out);
        let group = group.expect("the group of a member that goes is known");
        turn.note_gone(group, gone, reason);
        if turn.may_downgrade_without(group, gone) {
            self.downgrade(now, name, gone, out);
        } else {
            turn.remove_consumers(group, image, gone);
        }
    }
}

impl Turn<'_> {
    /// A static member leaves and means to come back: it keeps what it has.
    fn leave_for_now(&mut self, group: &ConsumerGroup, member: &ConsumerMember) {
        let current = CurrentAssignment {
            epoch: EPOCH_LEAVE_STATIC,
            revoking: Arc::from([]),
            ..(*member.current).clone()
        };
        let record = ConsumerGroupRecord::Current {
            member: Arc::clone(&member.id),
            current: Some(Arc::new(current)),
        };
        self.write_consumer_group(&group.name, vec![record]);
    }

    fn note_gone(&mut self, group: &ConsumerGroup, gone: &[MemberId], reason: RemovalReason) {
        for id in gone {
            self.note(GroupEvent::MemberRemoved {
                group: Arc::clone(&group.name),
                who: group.members[id].who(),
                reason,
            });
        }
        if group.members.len() == gone.len() {
            self.note(GroupEvent::Emptied {
                group: Arc::clone(&group.name),
                generation: group.epoch + 1,
            });
        }
    }

    /// Removes members; the group epoch moves on, once.
    fn remove_consumers(&mut self, group: &ConsumerGroup, image: &Image, gone: &[MemberId]) {
        let mut records: Vec<_> = gone.iter().flat_map(removal).collect();
        let others = || group.members.values().filter(|m| !gone.contains(&m.id));
        let mut patterns: Vec<_> = gone
            .iter()
            .filter_map(|id| group.members[id].pattern())
            .filter(|pattern| others().all(|other| other.pattern() != Some(pattern)))
            .collect();
        patterns.sort_unstable();
        patterns.dedup();
        records.extend(patterns.into_iter().map(|pattern| {
            let pattern = Arc::clone(pattern);
            let resolved = None;
            ConsumerGroupRecord::Pattern { pattern, resolved }
        }));
        let subscribed = group.subscribed(others());
        records.push(ConsumerGroupRecord::Epoch {
            epoch: group.epoch + 1,
            topics: image.counts(subscribed),
        });
        self.write_consumer_group(&group.name, records);
        for id in gone {
            for of in [
                TimerKey::ConsumerSession,
                TimerKey::Rebalance,
                TimerKey::MemberJoin,
                TimerKey::MemberSync,
            ] {
                let (group, member) = (Arc::clone(&group.name), Arc::clone(id));
                self.timers.cancel(&of(group, member));
            }
        }
    }
}

/// Who is meant by a farewell.
fn leaver<'a>(
    group: &'a ConsumerGroup,
    request: &ConsumerHeartbeatRequest,
) -> Result<&'a ConsumerMember, ErrorCode> {
    let Some(instance) = &request.instance else {
        let member = group.members.get(&request.member);
        return member.ok_or(ErrorCode::UnknownMemberId);
    };
    match group.static_member(instance) {
        None => Err(ErrorCode::UnknownMemberId),
        Some(member) if member.id != request.member => Err(ErrorCode::FencedInstanceId),
        Some(member) => Ok(member),
    }
}
