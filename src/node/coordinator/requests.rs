//! The requests of the classic protocol find their group: `JoinGroup`, `SyncGroup`, `Heartbeat` and
//! `LeaveGroup`.
//!
//! A group of the consumer protocol that has members takes them too: who sends them is then a member
//! of it (`modern::classic`). An empty one is as none.

use super::group::GroupState;
use super::{GroupCoordinator, Output, Token, membership};
use crate::base::{Instant, Span};
use crate::kafka::ErrorCode;
use crate::kafka::group::{
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest,
};
use crate::kafka::message::Response;

impl GroupCoordinator {
    /// `JoinGroup`. Answered when the join phase completes, or at once if refused.
    pub fn handle_join(
        &mut self,
        now: Instant,
        request: &JoinGroupRequest,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        assert!(
            Span::ZERO < request.rebalance_timeout,
            "max.poll.interval.ms is at least 1"
        );
        let bounds = self.config.min_session_timeout..=self.config.max_session_timeout;
        let error = if !bounds.contains(&request.session_timeout) {
            ErrorCode::InvalidSessionTimeout
        } else if !self.is_loaded {
            ErrorCode::CoordinatorLoadInProgress
        } else {
            ErrorCode::None
        };
        if error != ErrorCode::None {
            let (_, mut turn) = self.turn(now, &request.group, out);
            turn.refuse_join(&request.group, &request.member, token, error);
        } else if self.has_consumer_members(&request.group) {
            self.join_consumer_group(now, request, token, out);
        } else {
            self.join_classic_group(now, request, token, out);
        }
    }

    /// A join of a classic group, or of none yet. An empty group of the other protocol makes way,
    /// even for a member that is refused (`classicGroupJoinToClassicGroup`).
    fn join_classic_group(
        &mut self,
        now: Instant,
        request: &JoinGroupRequest,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        let made_way = self.consumer_groups.remove(&request.group);
        let is_new = !self.groups.contains_key(&request.group);
        if is_new && !request.member.is_empty() {
            let (_, mut turn) = self.turn(now, &request.group, out);
            let error = ErrorCode::UnknownMemberId;
            turn.refuse_join(&request.group, &request.member, token, error);
            return;
        }
        self.group_or_new(now, &request.group);
        let (group, mut turn) = self.turn(now, &request.group, out);
        let group = group.expect("the group was made if need be");
        turn.join(group, request, token);
        if is_new {
            turn.write_new_group(group, made_way);
        }
        turn.watch_parked(&request.group, token);
    }

    /// `SyncGroup`. Answered when the leader's assignment is replicated, or at once.
    pub fn handle_sync(
        &mut self,
        now: Instant,
        request: &SyncGroupRequest,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        if self.has_consumer_members(&request.group) && self.is_loaded {
            let (group, _, mut turn) = self.consumer_turn(now, &request.group, out);
            let group = group.expect("a group with members is known");
            return turn.sync_consumer_group(group, request, token);
        }
        let is_loaded = self.is_loaded;
        let (group, mut turn) = self.turn(now, &request.group, out);
        match group {
            _ if !is_loaded => {
                turn.refuse_sync(request, token, ErrorCode::CoordinatorLoadInProgress);
            }
            Some(group) if group.state != GroupState::Empty => {
                turn.sync(group, request, token);
                turn.watch_parked(&request.group, token);
            }
            _ => turn.refuse_sync(request, token, ErrorCode::UnknownMemberId),
        }
    }

    /// `Heartbeat`. While the partition is loaded every heartbeat is fine.
    pub fn handle_heartbeat(
        &mut self,
        now: Instant,
        request: &HeartbeatRequest,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        if self.has_consumer_members(&request.group) && self.is_loaded {
            let (group, _, mut turn) = self.consumer_turn(now, &request.group, out);
            let group = group.expect("a group with members is known");
            return turn.heartbeat_of_classic_member(group, request, token);
        }
        let is_loaded = self.is_loaded;
        let (group, mut turn) = self.turn(now, &request.group, out);
        match group {
            _ if !is_loaded => turn.reply(token, Response::Heartbeat(ErrorCode::None)),
            Some(group) => turn.heartbeat(group, request, token),
            None => turn.refuse_heartbeat(request, token, ErrorCode::UnknownMemberId),
        }
    }

    /// `LeaveGroup`.
    pub fn handle_leave(
        &mut self,
        now: Instant,
        request: &LeaveGroupRequest,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        if self.has_consumer_members(&request.group) && self.is_loaded {
            return self.leave_consumer_group(now, request, token, out);
        }
        let is_loaded = self.is_loaded;
        let (group, mut turn) = self.turn(now, &request.group, out);
        match group {
            _ if !is_loaded => {
                let loading = membership::leave_failure(ErrorCode::CoordinatorLoadInProgress);
                turn.reply(token, loading);
            }
            Some(group) => turn.leave(group, request, token),
            None => turn.reply(token, membership::leave_of_unknown_group(request)),
        }
    }
}
