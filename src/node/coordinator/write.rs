//! Writes on their way to being replicated, and what waits for them.
//!
//! Every answer that tells of the state of the log waits until all writes before it are replicated,
//! also one that wrote nothing itself: a heartbeat behind a write that does not get through is not
//! answered either (`CoordinatorRuntime.append`). What waits gives up after
//! `offsets.commit.timeout.ms`; the records stay where they are and may be replicated later.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::event::GroupEvent;
use super::group::Member;
use super::timers::Due;
use super::{ConsumerGroup, Token, WriteId, join, sync};
use crate::base::Span;
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::ConsumerHeartbeatResponse;
use crate::kafka::group::{Assignment, MemberId};
use crate::kafka::message::Response;

/// What follows when a write is replicated, or is not.
#[derive(Clone, Debug)]
pub(super) enum Continuation {
    /// Send this answer.
    Answer(Token, Response),
    /// Nothing if all went well; else a join or sync that is still parked is told.
    Parked { group: Arc<str>, token: Token },
    /// A new group; it is forgotten if it could not be written.
    NewGroup { group: Arc<str> },
    /// The leader's assignment: hand it out.
    Assignment { group: Arc<str>, plan: Plan },
    /// A classic group took the place of this one; if it could not be written, this one stands.
    Replaced { before: Box<ConsumerGroup> },
    /// A member of the classic protocol in a group of the other one is answered.
    Classic { answer: Box<ClassicAnswer> },
    /// A static member's new id: answer its join, or put the old member back.
    StaticRejoin {
        group: Arc<str>,
        rejoin: Box<StaticRejoin>,
    },
}

/// Who is to get what in a generation.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) generation: i32,
    pub(super) assignments: Vec<(MemberId, Assignment)>,
}

/// A static member that came back under a new id, without a rebalance.
#[derive(Clone, Debug)]
pub(super) struct StaticRejoin {
    pub(super) old: Member,
    pub(super) new: MemberId,
    pub(super) leader_before: MemberId,
    pub(super) version: i16,
    pub(super) token: Token,
}

/// The answer to a `JoinGroup` or `SyncGroup` that went to a group of the consumer protocol.
#[derive(Clone, Debug)]
pub(super) struct ClassicAnswer {
    pub(super) group: Arc<str>,
    pub(super) member: MemberId,
    pub(super) token: Token,
    pub(super) response: Response,
    /// What the member has time for from then on; none if its group has turned classic with it.
    pub(super) timeouts: Option<ClassicTimeouts>,
}

/// The timeouts of a member of the classic protocol in a group of the consumer protocol.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClassicTimeouts {
    /// For its next heartbeat.
    pub(super) session: Span,
    /// For its `SyncGroup`; none once it has sent that.
    pub(super) sync: Option<Span>,
}

/// A continuation and what it waits for.
#[derive(Clone, Debug)]
struct Deferred {
    after: WriteId,
    due: Due,
    then: Continuation,
}

/// The writes that are not replicated yet. Both what they wait for and when they give up rises
/// along the queue, because all wait equally long.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    issued: u64,
    outstanding: BTreeSet<WriteId>,
    deferred: VecDeque<Deferred>,
    events: VecDeque<(WriteId, GroupEvent)>,
}

impl Writes {
    /// A name for the next write.
    pub(super) fn issue(&mut self) -> WriteId {
        self.issued += 1;
        let id = WriteId(self.issued);
        self.outstanding.insert(id);
        id
    }

    /// The last write that is not replicated yet.
    pub(super) fn last_outstanding(&self) -> Option<WriteId> {
        self.outstanding.last().copied()
    }

    /// Lets something wait for a write.
    pub(super) fn defer(&mut self, after: WriteId, due: Due, then: Continuation) {
        assert!(
            self.deferred
                .back()
                .is_none_or(|last| last.after <= after && last.due < due),
            "what waits longer stands further back"
        );
        self.deferred.push_back(Deferred { after, due, then });
    }

    /// Lets it be said that a write is replicated, even if nobody waits for it any more.
    pub(super) fn note_when_replicated(&mut self, id: WriteId, event: GroupEvent) {
        self.events.push_back((id, event));
    }

    /// What is to be said now that everything up to this write is replicated.
    pub(super) fn events_replicated(
        &mut self,
        up_to: WriteId,
    ) -> impl Iterator<Item = GroupEvent> + '_ {
        let ready = self.events.partition_point(|(id, _)| *id <= up_to);
        self.events.drain(..ready).map(|(_, event)| event)
    }

    /// Everything up to this write is replicated: what waited for it may go on, in order.
    pub(super) fn replicated(&mut self, up_to: WriteId) -> Vec<Continuation> {
        self.outstanding = self.outstanding.split_off(&WriteId(up_to.0 + 1));
        let ready = self.deferred.partition_point(|d| d.after <= up_to);
        self.deferred.drain(..ready).map(|d| d.then).collect()
    }

    /// A write was not made: what waited for it must give up.
    pub(super) fn failed(&mut self, id: WriteId) -> Vec<Continuation> {
        self.outstanding.remove(&id);
        self.events.retain(|(write, _)| *write != id);
        let start = self.deferred.partition_point(|d| d.after < id);
        let end = self.deferred.partition_point(|d| d.after <= id);
        self.deferred.drain(start..end).map(|d| d.then).collect()
    }

    /// When the first gives up.
    pub(super) fn next_due(&self) -> Option<Due> {
        self.deferred.front().map(|d| d.due)
    }

    /// Takes out the first, which gives up.
    pub(super) fn time_out(&mut self) -> Option<Continuation> {
        self.deferred.pop_front().map(|d| d.then)
    }

    /// Takes out everything: the coordinator resigns.
    pub(super) fn abandon(&mut self) -> Vec<Continuation> {
        self.outstanding.clear();
        self.deferred.drain(..).map(|d| d.then).collect()
    }
}

/// The answer of the same API that says that a write did not get through.
pub(super) fn failure(response: Response, error: ErrorCode) -> Response {
    match response {
        Response::JoinGroup(_) => join::refusal("", error),
        Response::SyncGroup(_) => sync::refusal(error),
        Response::Heartbeat(_) => Response::Heartbeat(error),
        Response::LeaveGroup(mut leave) => {
            leave.error = error;
            leave.members.clear();
            Response::LeaveGroup(leave)
        }
        Response::ConsumerHeartbeat(_) => {
            Response::ConsumerHeartbeat(ConsumerHeartbeatResponse::refusal(error))
        }
        Response::OffsetCommit(mut commit) => {
            for (_, outcome) in &mut commit.partitions {
                *outcome = error;
            }
            Response::OffsetCommit(commit)
        }
        Response::OffsetFetch(mut fetch) => {
            // A consumer does not expect COORDINATOR_NOT_AVAILABLE here
            // (GroupCoordinatorService.handleOffsetFetchException).
            fetch.error = match error {
                ErrorCode::CoordinatorNotAvailable => ErrorCode::NotCoordinator,
                other => other,
            };
            fetch.offsets.clear();
            Response::OffsetFetch(fetch)
        }
        other => unreachable!("{:?} does not wait for a write", other.api()),
    }
}

/// The error a client sees for one of the log (`appendGroupMetadataErrorToResponseError`).
pub(super) fn client_error(append: ErrorCode) -> ErrorCode {
    match append {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => ErrorCode::UnknownServerError,
        other => other,
    }
}
