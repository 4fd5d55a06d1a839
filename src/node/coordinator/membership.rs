//! How a member stays in its group, or gets out: `Heartbeat`, `LeaveGroup`, the end of its session.
//!
//! A heartbeat restarts the session in every state with members, and is refused only for a wrong
//! id or generation. It answers `REBALANCE_IN_PROGRESS` in `PreparingRebalance` alone; in
//! `CompletingRebalance` it is fine, since the member is on its way to ask for its assignment.

use std::sync::Arc;

use super::group::{ClassicGroup, GroupState};
use super::{RebalanceReason, RemovalReason, Token, Turn, join, reply_to};
use crate::kafka::ErrorCode;
use crate::kafka::group::{HeartbeatRequest, LeaveGroupRequest, LeaveGroupResponse, MemberId};
use crate::kafka::message::{Api, Response};

impl Turn<'_> {
    /// `Heartbeat` (`classicGroupHeartbeatToClassicGroup`).
    pub(super) fn heartbeat(
        &mut self,
        group: &ClassicGroup,
        request: &HeartbeatRequest,
        token: Token,
    ) {
        let mut error = group.validate_member(&request.member, request.instance.as_deref());
        if error == ErrorCode::None && request.generation != group.generation {
            error = ErrorCode::IllegalGeneration;
        }
        if error != ErrorCode::None {
            return self.refuse_heartbeat(request, token, error);
        }
        let member = &group.members[&request.member];
        self.set_session_timer(&group.name, &member.id, member.session_timeout);
        let answer = match group.state {
            GroupState::PreparingRebalance => ErrorCode::RebalanceInProgress,
            GroupState::CompletingRebalance | GroupState::Stable => ErrorCode::None,
            GroupState::Empty => unreachable!("an empty group has no member to be heard of"),
        };
        self.reply_when_replicated(token, Response::Heartbeat(answer));
    }

    /// Refuses a heartbeat at once.
    pub(super) fn refuse_heartbeat(
        &mut self,
        request: &HeartbeatRequest,
        token: Token,
        error: ErrorCode,
    ) {
        self.note_refusal(&request.group, token, Api::Heartbeat, error);
        self.reply(token, Response::Heartbeat(error));
    }

    /// `LeaveGroup` (`classicGroupLeaveToClassicGroup`). Each of those named is out or refused on
    /// its own.
    pub(super) fn leave(
        &mut self,
        group: &mut ClassicGroup,
        request: &LeaveGroupRequest,
        token: Token,
    ) {
        let mut left = Vec::new();
        let mut errors = Vec::new();
        for (member, instance) in &request.members {
            match leaver(group, member, instance.as_ref()) {
                Ok(id) => {
                    self.remove_leaver(group, &id);
                    left.push(id);
                    errors.push(ErrorCode::None);
                }
                Err(error) => {
                    self.note_refusal(&request.group, token, Api::LeaveGroup, error);
                    errors.push(error);
                }
            }
        }
        if !left.is_empty() && group.state != GroupState::Empty {
            self.rebalance_or_complete(group, RebalanceReason::MembersLeft(left));
        }
        let response = LeaveGroupResponse {
            error: ErrorCode::None,
            members: errors,
        };
        self.reply_when_replicated(token, Response::LeaveGroup(response));
    }

    /// Removes a member, or an id given out, that leaves. A sync of it that waits is never
    /// answered.
    fn remove_leaver(&mut self, group: &mut ClassicGroup, id: &MemberId) {
        self.cancel_session_timer(group, id);
        let Some(mut member) = group.remove(id) else {
            return;
        };
        reply_to(&mut member.join, self.out, || {
            join::refusal("", ErrorCode::UnknownMemberId)
        });
        self.note_removed(&group.name, &member, RemovalReason::Left);
    }

    /// A session has ended (`expireClassicGroupMemberHeartbeat`). Not while a request of the
    /// member waits here, unless it is the first join of a new member.
    pub(super) fn session_expired(&mut self, group: &mut ClassicGroup, id: &MemberId) {
        if group.pending_join.contains(id) {
            group.remove(id);
            return self.complete_join_if_all_joined(group);
        }
        let Some(member) = group.members.get_mut(id) else {
            return;
        };
        if member.has_satisfied_heartbeat() {
            return;
        }
        reply_to(&mut member.join, self.out, || {
            join::refusal("", ErrorCode::UnknownMemberId)
        });
        let member = group.remove(id).expect("the member was found above");
        self.note_removed(&group.name, &member, RemovalReason::SessionExpired);
        match group.state {
            GroupState::Stable | GroupState::CompletingRebalance => {
                self.prepare_rebalance(group, RebalanceReason::SessionExpired(Arc::clone(id)));
            }
            GroupState::PreparingRebalance => self.complete_join_if_all_joined(group),
            GroupState::Empty => unreachable!("an empty group had no member to expire"),
        }
    }

    /// Ends the join phase, even the initial one: the end of a session does that where a join or a
    /// leave does not.
    fn complete_join_if_all_joined(&mut self, group: &mut ClassicGroup) {
        if group.state == GroupState::PreparingRebalance && group.has_all_members_joined() {
            self.complete_join(group);
        }
    }
}

/// Who is meant by an entry of `LeaveGroup`. An instance without a member id is an administrator's
/// way to remove a static member.
fn leaver(
    group: &ClassicGroup,
    member: &MemberId,
    instance: Option<&Arc<str>>,
) -> Result<MemberId, ErrorCode> {
    if member.is_empty() {
        let known = instance.and_then(|instance| group.static_members.get(instance));
        return known.cloned().ok_or(ErrorCode::UnknownMemberId);
    }
    if group.pending_join.contains(member) {
        return Ok(Arc::clone(member));
    }
    match group.validate_member(member, instance.map(|i| &**i)) {
        ErrorCode::None => Ok(Arc::clone(member)),
        error => Err(error),
    }
}

/// The answer to a leave that fails as a whole.
pub(super) fn leave_failure(error: ErrorCode) -> Response {
    Response::LeaveGroup(LeaveGroupResponse {
        error,
        members: Vec::new(),
    })
}

/// The answer to a leave of a group that is not there.
pub(super) fn leave_of_unknown_group(request: &LeaveGroupRequest) -> Response {
    Response::LeaveGroup(LeaveGroupResponse {
        error: ErrorCode::None,
        members: vec![ErrorCode::UnknownMemberId; request.members.len()],
    })
}
