//! How a member gets out: it leaves, is not heard of, or does not give up what it has to in time.
//!
//! Its partitions are free at once, but the target is computed by the next heartbeat of somebody
//! (`consumerGroupFenceMember`).

use std::sync::Arc;

use super::super::event::{GroupEvent, RemovalReason};
use super::super::timers::TimerKey;
use super::super::{Token, Turn};
use super::group::{ConsumerGroup, ConsumerMember};
use super::image::Image;
use crate::base::Span;
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

impl Turn<'_> {
    /// A heartbeat that says farewell (`consumerGroupLeave`).
    pub(super) fn consumer_leaves(
        &mut self,
        group: &ConsumerGroup,
        image: &Image,
        request: &ConsumerHeartbeatRequest,
        token: Token,
    ) {
        let member = match leaver(group, request) {
            Ok(member) => member,
            Err(error) => return self.refuse_consumer(request, token, error),
        };
        if request.instance.is_some() && request.epoch == EPOCH_LEAVE_STATIC {
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
        } else {
            self.remove_consumer(group, image, member, RemovalReason::Left);
        }
        let response = ConsumerHeartbeatResponse {
            error: ErrorCode::None,
            member: Arc::clone(&member.id),
            epoch: request.epoch,
            heartbeat_interval: Span::ZERO,
            assignment: None,
        };
        self.reply_when_replicated(token, Response::ConsumerHeartbeat(response));
    }

    /// A session or rebalance timeout is over.
    pub(in super::super) fn consumer_timed_out(
        &mut self,
        group: &ConsumerGroup,
        image: &Image,
        member: &MemberId,
        reason: RemovalReason,
    ) {
        if let Some(member) = group.members.get(member) {
            self.remove_consumer(group, image, member, reason);
        }
    }

    /// Removes a member; the group epoch moves on.
    fn remove_consumer(
        &mut self,
        group: &ConsumerGroup,
        image: &Image,
        member: &ConsumerMember,
        reason: RemovalReason,
    ) {
        let mut records = removal(&member.id);
        let last_of = member.pattern().filter(|p| group.subscribers(p) == 1);
        if let Some(pattern) = last_of {
            records.push(ConsumerGroupRecord::Pattern {
                pattern: Arc::clone(pattern),
                resolved: None,
            });
        }
        let others = group.members.values().filter(|m| m.id != member.id);
        let subscribed = group.subscribed(others);
        records.push(ConsumerGroupRecord::Epoch {
            epoch: group.epoch + 1,
            topics: image.counts(subscribed),
        });
        self.note(GroupEvent::MemberRemoved {
            group: Arc::clone(&group.name),
            who: member.who(),
            reason,
        });
        if group.members.len() == 1 {
            self.note(GroupEvent::Emptied {
                group: Arc::clone(&group.name),
                generation: group.epoch + 1,
            });
        }
        self.write_consumer_group(&group.name, records);
        let (name, id) = (Arc::clone(&group.name), Arc::clone(&member.id));
        self.timers
            .cancel(&TimerKey::Session(Arc::clone(&name), Arc::clone(&id)));
        self.timers.cancel(&TimerKey::Rebalance(name, id));
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
