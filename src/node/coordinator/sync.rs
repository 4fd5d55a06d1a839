//! `SyncGroup`: the leader hands in the assignment, everybody gets its share
//! (`GroupMetadataManager.classicGroupSync`).
//!
//! | state | answer |
//! |---|---|
//! | Empty | `UNKNOWN_MEMBER_ID` |
//! | `PreparingRebalance` | `REBALANCE_IN_PROGRESS` |
//! | `CompletingRebalance` | waits; the leader's request is stored, then all are answered |
//! | Stable | the member's assignment, at once |

use std::sync::Arc;

use super::group::{ClassicGroup, GroupState, Member, Parked};
use super::timers::TimerKey;
use super::write::{Continuation, Plan};
use super::{GroupEvent, RebalanceReason, RemovalReason, Token, Turn, reply_to};
use crate::kafka::ErrorCode;
use crate::kafka::group::{Assignment, MemberId, SyncGroupRequest, SyncGroupResponse};
use crate::kafka::message::{Api, Response};

impl Turn<'_> {
    /// A sync to a group with members.
    pub(super) fn sync(
        &mut self,
        group: &mut ClassicGroup,
        request: &SyncGroupRequest,
        token: Token,
    ) {
        let error = sync_error(group, request);
        if error != ErrorCode::None {
            return self.refuse_sync(request, token, error);
        }
        self.has_synced(group, &request.member);
        let protocol = group.protocol.clone();
        let member = group.members.get_mut(&request.member);
        let member = member.expect("the sender was found to be a member");
        if group.state == GroupState::Stable {
            let response = synced(member, protocol);
            return self.reply(token, response);
        }
        member.sync = Some(Parked::new(token));
        if group.is_leader(&request.member) {
            self.store_assignment(group, request);
        }
    }

    /// One member less to wait for.
    fn has_synced(&mut self, group: &mut ClassicGroup, member: &str) {
        group.pending_sync.remove(member);
        if group.pending_sync.is_empty() {
            self.timers.cancel(&TimerKey::Sync(Arc::clone(&group.name)));
        }
    }

    /// Writes what the leader has decided. Whoever it forgot gets nothing.
    fn store_assignment(&mut self, group: &ClassicGroup, request: &SyncGroupRequest) {
        let share = |member: &Member| -> Assignment {
            let given = request.assignments.iter().find(|(id, _)| *id == member.id);
            given.map_or_else(|| Arc::from([]), |(_, share)| Arc::clone(share))
        };
        let members = group.members.values();
        let plan = Plan {
            generation: group.generation,
            assignments: members.map(|m| (Arc::clone(&m.id), share(m))).collect(),
        };
        let id = self.write(vec![group.to_record(share)]);
        let group = Arc::clone(&group.name);
        self.defer(id, Continuation::Assignment { group, plan });
    }

    /// The assignment is stored, or is not. If the group has moved on meanwhile, nothing happens.
    pub(super) fn after_assignment(
        &mut self,
        group: &mut ClassicGroup,
        plan: &Plan,
        error: ErrorCode,
    ) {
        if group.state != GroupState::CompletingRebalance || group.generation != plan.generation {
            return;
        }
        if error != ErrorCode::None {
            self.drop_assignments(group, error);
            return self.prepare_rebalance(group, RebalanceReason::AssignmentNotStored(error));
        }
        for member in group.members.values_mut() {
            let share = plan.assignments.iter().find(|(id, _)| *id == member.id);
            member.assignment = share.map_or_else(|| Arc::from([]), |(_, s)| Arc::clone(s));
            let response = synced(member, group.protocol.clone());
            let mut parked = member.sync.take();
            if reply_to(&mut parked, self.out, || response) {
                self.set_session_timer(&group.name, &member.id, member.session_timeout);
            }
        }
        group.transition(GroupState::Stable, self.now);
        let moved = group.take_over_owners();
        let members = group.members.values();
        self.note(GroupEvent::RoundCompleted {
            group: Arc::clone(&group.name),
            generation: group.generation,
            first: !group.has_formed,
            assignments: members
                .map(|m| (m.who(), Arc::clone(&m.assignment)))
                .collect(),
            moved: moved.into(),
        });
        group.has_formed = true;
    }

    /// Takes all assignments back; waiting syncs are answered with an error.
    pub(super) fn drop_assignments(&mut self, group: &mut ClassicGroup, error: ErrorCode) {
        for member in group.members.values_mut() {
            member.assignment = Arc::from([]);
            if reply_to(&mut member.sync, self.out, || refusal(error)) {
                self.set_session_timer(&group.name, &member.id, member.session_timeout);
            }
        }
    }

    /// Whoever joined but did not ask for its assignment in time is out.
    pub(super) fn sync_timed_out(&mut self, group: &mut ClassicGroup, generation: i32) {
        let awaits_sync = matches!(
            group.state,
            GroupState::CompletingRebalance | GroupState::Stable
        );
        if generation != group.generation || !awaits_sync || group.pending_sync.is_empty() {
            return;
        }
        let late: Vec<MemberId> = group.pending_sync.iter().cloned().collect();
        for id in &late {
            self.cancel_session_timer(group, id);
            // A static member that has come back meanwhile is late under its old id.
            if let Some(member) = group.remove(id) {
                self.note_removed(&group.name, &member, RemovalReason::DidNotSync);
            }
        }
        self.prepare_rebalance(group, RebalanceReason::SyncTimedOut(late));
    }

    /// Refuses a sync at once.
    pub(super) fn refuse_sync(
        &mut self,
        request: &SyncGroupRequest,
        token: Token,
        error: ErrorCode,
    ) {
        self.note_refusal(&request.group, token, Api::SyncGroup, error);
        self.reply(token, refusal(error));
    }
}

/// What refuses a sync to a group with members.
fn sync_error(group: &ClassicGroup, request: &SyncGroupRequest) -> ErrorCode {
    let error = group.validate_member(&request.member, request.instance.as_deref());
    let said = request.protocol.as_ref();
    if error != ErrorCode::None {
        error
    } else if request.generation != group.generation {
        ErrorCode::IllegalGeneration
    } else if said.is_some() && group.protocol.is_some() && said != group.protocol.as_ref() {
        ErrorCode::InconsistentGroupProtocol
    } else if group.state == GroupState::PreparingRebalance {
        ErrorCode::RebalanceInProgress
    } else {
        ErrorCode::None
    }
}

/// The answer with a member's assignment.
fn synced(member: &Member, protocol: Option<Arc<str>>) -> Response {
    Response::SyncGroup(SyncGroupResponse {
        error: ErrorCode::None,
        protocol,
        assignment: Arc::clone(&member.assignment),
    })
}

/// The answer that refuses a sync.
pub(super) fn refusal(error: ErrorCode) -> Response {
    Response::SyncGroup(SyncGroupResponse {
        error,
        protocol: None,
        assignment: Arc::from([]),
    })
}
