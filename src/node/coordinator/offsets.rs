//! Committed offsets: who may commit, what is kept, and what is read
//! (`ClassicGroup.validateOffsetCommit`, `OffsetMetadataManager`).
//!
//! | who commits | accepted |
//! |---|---|
//! | generation below 0, group unknown or Empty | always, whoever asks: tools and consumers without a group |
//! | member with its generation | Stable, and `PreparingRebalance` until the join phase is over |
//! | the same in `CompletingRebalance` | no: `REBALANCE_IN_PROGRESS` |
//! | anybody else | no: `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION` |
//! | member of the consumer protocol | with exactly its epoch, in any state; else `STALE_MEMBER_EPOCH` |
//! | member of the classic protocol in a group of that one | the same; else `ILLEGAL_GENERATION` |
//!
//! Nothing checks who owns a partition, nor that an offset grows: a valid member may set any.
//! An offset commit that times out stays in the log, and is read by whoever asks after it is replicated.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{OffsetChange, Who};
use super::group::{ClassicGroup, GroupState};
use super::{ConsumerGroup, ConsumerMember, GroupCoordinator, GroupEvent, Output, Token};
use crate::base::{Instant, Offset, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::group::{
    CoordinatorRecord, OffsetAndEpoch, OffsetCommitRequest, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchResponse,
};
use crate::kafka::message::{Api, Response};

/// The first version of `OffsetCommit` that knows `GROUP_ID_NOT_FOUND`.
const VERSION_GROUP_ID_NOT_FOUND: i16 = 9;

/// The first version of `OffsetCommit` that knows member epochs.
const VERSION_MEMBER_EPOCH: i16 = 9;

/// A committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the record before it, if the commit carried one.
    pub leader_epoch: Option<u32>,
    /// When the coordinator wrote it.
    pub committed_at: Instant,
    /// The number of the fact that asked for it.
    pub because: u64,
}

impl CommittedOffset {
    /// What a reader is told.
    fn position(self) -> OffsetAndEpoch {
        OffsetAndEpoch {
            offset: self.offset,
            leader_epoch: self.leader_epoch,
        }
    }
}

/// Who somebody that commits offsets says it is.
#[derive(Clone, Copy, Debug)]
pub struct CommitClaim<'a> {
    /// The member id, or empty.
    pub member: &'a str,
    /// The `group.instance.id`.
    pub instance: Option<&'a str>,
    /// The generation, negative outside a group.
    pub generation: i32,
}

/// How offsets are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitKind {
    /// `OffsetCommit` of this version.
    Plain {
        /// The request's version.
        version: i16,
    },
    /// `TxnOffsetCommit`: a rebalance does not stop it.
    Transactional,
}

/// The committed offsets of all groups here. [`GroupCoordinator::replay`] alone changes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    by_group: BTreeMap<Arc<str>, BTreeMap<TopicPartition, CommittedOffset>>,
}

impl Offsets {
    pub(super) fn set(
        &mut self,
        group: &Arc<str>,
        partition: TopicPartition,
        committed: CommittedOffset,
    ) {
        let offsets = self.by_group.entry(Arc::clone(group)).or_default();
        offsets.insert(partition, committed);
    }

    pub(super) fn get(&self, group: &str, partition: TopicPartition) -> Option<CommittedOffset> {
        self.by_group.get(group)?.get(&partition).copied()
    }
}

impl GroupCoordinator {
    /// `OffsetCommit`. `because` is the number of the fact behind it, which whoever reads the offset
    /// gets back. Answered once the records are replicated; after `offsets.commit.timeout.ms` with
    /// `COORDINATOR_NOT_AVAILABLE`, which does not undo them.
    pub fn handle_commit(
        &mut self,
        now: Instant,
        request: &OffsetCommitRequest,
        because: u64,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        let error = self.commit_error(request);
        if error != ErrorCode::None {
            let (_, mut turn) = self.turn(now, &request.group, out);
            turn.note_refusal(&request.group, token, Api::OffsetCommit, error);
            return turn.reply(token, commit_outcome(request, error));
        }
        let offsets = self.offset_changes(request);
        let who = self.committer(now, request, out);
        let (_, mut turn) = self.turn(now, &request.group, out);
        if !request.offsets.is_empty() {
            let id = turn.write(commit_records(now, request, because));
            let event = GroupEvent::OffsetsCommitted {
                group: Arc::clone(&request.group),
                who,
                offsets,
                because,
            };
            turn.writes.note_when_replicated(id, event);
        }
        turn.reply_when_replicated(token, commit_outcome(request, ErrorCode::None));
    }

    /// The member that commits, if it is one. To a classic group its commit is a sign of life.
    fn committer(
        &mut self,
        now: Instant,
        request: &OffsetCommitRequest,
        out: &mut Vec<Output>,
    ) -> Option<Who> {
        if let Some(group) = self.consumer_groups.get(&request.group) {
            let member = group.members.get(&request.member);
            return member.map(ConsumerMember::who);
        }
        self.group_or_new(now, &request.group);
        let (group, mut turn) = self.turn(now, &request.group, out);
        let group = group.expect("the group was made if need be");
        let member = group.members.get(&request.member)?;
        turn.set_session_timer(&group.name, &member.id, member.session_timeout);
        Some(member.who())
    }

    fn offset_changes(&self, request: &OffsetCommitRequest) -> Arc<[OffsetChange]> {
        let change = |&(partition, at): &(TopicPartition, OffsetAndEpoch)| OffsetChange {
            partition,
            offset: at.offset,
            before: self
                .offsets
                .get(&request.group, partition)
                .map(|c| c.offset),
        };
        request.offsets.iter().map(change).collect()
    }

    fn commit_error(&self, request: &OffsetCommitRequest) -> ErrorCode {
        if !self.is_loaded {
            return ErrorCode::CoordinatorLoadInProgress;
        }
        let claim = CommitClaim {
            member: &request.member,
            instance: request.instance.as_deref(),
            generation: request.generation,
        };
        let version = request.version;
        self.validate_commit(&request.group, claim, CommitKind::Plain { version })
    }

    /// Whether somebody may commit offsets to a group now: `NONE` or why not.
    pub fn validate_commit(
        &self,
        group: &str,
        claim: CommitClaim<'_>,
        kind: CommitKind,
    ) -> ErrorCode {
        if let Some(group) = self.consumer_groups.get(group) {
            return consumer_commit_error(group, claim, kind);
        }
        match (self.groups.get(group), kind) {
            (Some(group), _) => member_commit_error(group, claim, kind),
            (None, _) if claim.generation < 0 => ErrorCode::None,
            (None, CommitKind::Plain { version }) if VERSION_GROUP_ID_NOT_FOUND <= version => {
                ErrorCode::GroupIdNotFound
            }
            (None, _) => ErrorCode::IllegalGeneration,
        }
    }

    /// A member of the consumer protocol reads with its epoch (`ConsumerGroup.validateOffsetFetch`).
    fn offset_fetch_error(&self, request: &OffsetFetchRequest) -> ErrorCode {
        let group = self.consumer_groups.get(&request.group);
        let (Some(group), Some((member, epoch))) = (group, &request.member) else {
            return ErrorCode::None;
        };
        match group.members.get(member) {
            None => ErrorCode::UnknownMemberId,
            Some(member) if member.current.epoch == *epoch => ErrorCode::None,
            Some(member) if member.classic().is_some() => ErrorCode::IllegalGeneration,
            Some(_) => ErrorCode::StaleMemberEpoch,
        }
    }

    /// `OffsetFetch` as Java consumers send it, with `require.stable`: the latest offsets, answered
    /// once everything written so far is replicated.
    pub fn handle_offset_fetch(
        &mut self,
        now: Instant,
        request: &OffsetFetchRequest,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        let error = if self.is_loaded {
            self.offset_fetch_error(request)
        } else {
            ErrorCode::CoordinatorLoadInProgress
        };
        let known = |&partition: &TopicPartition| {
            let committed = self.offsets.get(&request.group, partition);
            (partition, committed.map(|c| (c.position(), c.because)))
        };
        let offsets = match error {
            ErrorCode::None => request.partitions.iter().map(known).collect(),
            _ => Vec::new(),
        };
        let response = Response::OffsetFetch(OffsetFetchResponse { error, offsets });
        let (_, mut turn) = self.turn(now, &request.group, out);
        turn.reply_when_replicated(token, response);
    }
}

/// `ConsumerGroup.validateOffsetCommit`, check by check in its order.
fn consumer_commit_error(
    group: &ConsumerGroup,
    claim: CommitClaim<'_>,
    kind: CommitKind,
) -> ErrorCode {
    if claim.generation < 0 && group.members.is_empty() {
        return ErrorCode::None;
    }
    let is_transactional = kind == CommitKind::Transactional;
    let names_nobody =
        claim.generation == -1 && claim.member.is_empty() && claim.instance.is_none();
    if is_transactional && names_nobody {
        return ErrorCode::None;
    }
    let Some(member) = group.members.get(claim.member) else {
        return ErrorCode::UnknownMemberId;
    };
    let is_classic = member.classic().is_some();
    match kind {
        CommitKind::Plain { version } if version < VERSION_MEMBER_EPOCH && !is_classic => {
            ErrorCode::UnsupportedVersion
        }
        _ if claim.generation == member.current.epoch => ErrorCode::None,
        _ if is_classic => ErrorCode::IllegalGeneration,
        CommitKind::Plain { .. } => ErrorCode::StaleMemberEpoch,
        CommitKind::Transactional => ErrorCode::IllegalGeneration,
    }
}

/// `ClassicGroup.validateOffsetCommit`, check by check in its order.
fn member_commit_error(
    group: &ClassicGroup,
    claim: CommitClaim<'_>,
    kind: CommitKind,
) -> ErrorCode {
    let is_empty = group.state == GroupState::Empty;
    if claim.generation < 0 && is_empty {
        return ErrorCode::None;
    }
    let is_plain = kind != CommitKind::Transactional;
    let names_somebody =
        0 <= claim.generation || !claim.member.is_empty() || claim.instance.is_some();
    if names_somebody {
        let error = group.validate_member(claim.member, claim.instance);
        if error != ErrorCode::None {
            return error;
        }
        if claim.generation != group.generation {
            return ErrorCode::IllegalGeneration;
        }
    } else if is_plain && !is_empty {
        return ErrorCode::UnknownMemberId;
    }
    if is_plain && group.state == GroupState::CompletingRebalance {
        return ErrorCode::RebalanceInProgress;
    }
    ErrorCode::None
}

fn commit_records(
    now: Instant,
    request: &OffsetCommitRequest,
    because: u64,
) -> Vec<CoordinatorRecord> {
    let record =
        |&(partition, at): &(TopicPartition, OffsetAndEpoch)| CoordinatorRecord::OffsetCommit {
            group: Arc::clone(&request.group),
            partition,
            at,
            committed_at: now,
            because,
        };
    request.offsets.iter().map(record).collect()
}

fn commit_outcome(request: &OffsetCommitRequest, error: ErrorCode) -> Response {
    let outcome = |&(partition, _): &(TopicPartition, OffsetAndEpoch)| (partition, error);
    Response::OffsetCommit(OffsetCommitResponse {
        partitions: request.offsets.iter().map(outcome).collect(),
    })
}
