//! Who sends a heartbeat, and whether it may: member ids, epochs, instances.
//!
//! | who comes | answered |
//! |---|---|
//! | new, with epoch 0 | yes |
//! | known, with its epoch | yes |
//! | known, with its last epoch, owning nothing it must not | yes: the last answer was lost |
//! | known, with any other epoch | `FENCED_MEMBER_EPOCH` |
//! | unknown, with an epoch | `UNKNOWN_MEMBER_ID` |
//! | epoch 0 with the instance of somebody who is there | `UNRELEASED_INSTANCE_ID` |
//! | epoch 0 with the instance of somebody who left for now, or of a member of the classic protocol | takes its place |
//! | an epoch with the instance of somebody else | `FENCED_INSTANCE_ID` |

use std::sync::Arc;

use super::fence;
use super::group::{ConsumerGroup, ConsumerMember};
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::{
    ConsumerGroupRecord, ConsumerHeartbeatRequest, CurrentAssignment, EPOCH_JOIN,
    EPOCH_LEAVE_STATIC,
};
use crate::kafka::group::{JoinGroupRequest, MemberId};

/// The member behind a heartbeat.
#[derive(Clone, Debug)]
pub(super) struct Identified {
    /// The member as it was before the heartbeat.
    pub(super) member: ConsumerMember,
    /// Whose place it takes.
    pub(super) replaces: Option<ConsumerMember>,
    /// The records by which it takes that place.
    pub(super) records: Vec<ConsumerGroupRecord>,
}

impl Identified {
    fn known(member: ConsumerMember) -> Self {
        Self {
            member,
            replaces: None,
            records: Vec::new(),
        }
    }
}

/// Finds or makes the member (`getOrMaybeSubscribe{Dynamic,Static}ConsumerGroupMember`).
pub(super) fn identify(
    group: &ConsumerGroup,
    request: &ConsumerHeartbeatRequest,
) -> Result<Identified, ErrorCode> {
    let joins = request.epoch == EPOCH_JOIN;
    let Some(instance) = &request.instance else {
        let member = match group.members.get(&request.member) {
            Some(member) => member.clone(),
            None if joins => ConsumerMember::new(Arc::clone(&request.member)),
            None => return Err(ErrorCode::UnknownMemberId),
        };
        check_epoch(&member.current, request)?;
        return Ok(Identified::known(member));
    };
    match group.static_member(instance) {
        None if joins => {
            let known = group.members.get(&request.member).cloned();
            let new = || ConsumerMember::new(Arc::clone(&request.member));
            Ok(Identified::known(known.unwrap_or_else(new)))
        }
        None => Err(ErrorCode::UnknownMemberId),
        Some(before) if joins => {
            let is_released = before.current.epoch == EPOCH_LEAVE_STATIC;
            if is_released || before.classic().is_some() {
                Ok(replace(group, before, &request.member))
            } else {
                Err(ErrorCode::UnreleasedInstanceId)
            }
        }
        Some(member) if member.id != request.member => Err(ErrorCode::FencedInstanceId),
        Some(member) => {
            check_epoch(&member.current, request)?;
            Ok(Identified::known(member.clone()))
        }
    }
}

/// Finds or makes a member that joins by the classic protocol under this id. Nothing tells whether
/// an id was ever given out.
pub(super) fn identify_classic(
    group: &ConsumerGroup,
    request: &JoinGroupRequest,
    id: &MemberId,
) -> Result<Identified, ErrorCode> {
    let known = || {
        let known = group.members.get(id).cloned();
        Identified::known(known.unwrap_or_else(|| ConsumerMember::new(Arc::clone(id))))
    };
    let Some(instance) = &request.instance else {
        return Ok(known());
    };
    match group.static_member(instance) {
        None if request.member.is_empty() => Ok(known()),
        None => Err(ErrorCode::UnknownMemberId),
        Some(before) if request.member.is_empty() => Ok(replace(group, before, id)),
        Some(member) if member.id != *id => Err(ErrorCode::FencedInstanceId),
        Some(member) => Ok(Identified::known(member.clone())),
    }
}

/// `throwIfConsumerGroupMemberEpochIsInvalid`.
fn check_epoch(
    current: &CurrentAssignment,
    request: &ConsumerHeartbeatRequest,
) -> Result<(), ErrorCode> {
    let is_subset = |owned: &[_]| owned.iter().all(|p| current.assigned.contains(p));
    let lost_answer = request.epoch < current.epoch
        && request.epoch == current.previous_epoch
        && request.owned.as_deref().is_some_and(is_subset);
    if request.epoch == current.epoch || lost_answer {
        Ok(())
    } else {
        Err(ErrorCode::FencedMemberEpoch)
    }
}

/// A static member is back under another id (`replaceMember`). The timers of the old one run out
/// without effect.
fn replace(group: &ConsumerGroup, before: &ConsumerMember, id: &MemberId) -> Identified {
    let mut member = before.clone();
    member.id = Arc::clone(id);
    let current = CurrentAssignment {
        epoch: EPOCH_JOIN,
        previous_epoch: EPOCH_JOIN,
        ..(*before.current).clone()
    };
    member.current = Arc::new(current);
    let target = group.targets.get(&before.id);
    let mut records = fence::removal(&before.id);
    records.extend([
        ConsumerGroupRecord::Member {
            member: Arc::clone(&member.id),
            subscription: Some(Arc::clone(&member.subscription)),
        },
        ConsumerGroupRecord::Target {
            member: Arc::clone(&member.id),
            assignment: Some(target.map_or_else(|| Arc::from([]), Arc::clone)),
        },
        ConsumerGroupRecord::Current {
            member: Arc::clone(&member.id),
            current: Some(Arc::clone(&member.current)),
        },
    ]);
    Identified {
        member,
        replaces: Some(before.clone()),
        records,
    }
}
