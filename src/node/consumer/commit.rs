//! Offset commits: `commitSync`, `commitAsync` and auto-commit (`ConsumerCoordinator`).
//!
//! | | retried | the application hears of it |
//! |---|---|---|
//! | `commitSync` | until `default.api.timeout.ms` | at once: it waits |
//! | `commitAsync` | never: a late retry could overwrite a newer one | in a later `poll` or commit |
//! | auto-commit in `poll` | by the next interval | never |
//! | auto-commit before a rebalance | until `max.poll.interval.ms` | never; joining waits |
//! | auto-commit at the end | like `commitSync`, bounded by `close` | never |
//!
//! Java commits positions, looked at only inside `poll`; librdkafka commits what was handed to the
//! application, by a timer that runs whatever the application does ([`super::librdkafka`]).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::membership::{Generation, MemberState};
use super::{Member, Tag};
use crate::base::{Instant, Offset, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::client::ClientFamily;
use crate::kafka::group::{OffsetAndEpoch, OffsetCommitRequest, OffsetCommitResponse};
use crate::kafka::message::{Request, Response};
use crate::node::client::Outcome;
use crate::node::fact::{CommitKind, GroupFact};
use crate::node::{Ctx, FactId, Lane};

/// The version of `OffsetCommit` that 4.1 speaks by topic names.
const COMMIT_VERSION: i16 = 9;

/// What a call throws once another process has the `group.instance.id`.
pub(super) const FENCED: &str = "FencedInstanceIdException";

/// Partitions with the next offset to read.
pub(super) type Offsets = Arc<[(TopicPartition, OffsetAndEpoch)]>;

/// Who wants to hear of an offset commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommitFor {
    /// Something waits for its outcome.
    Waiter,
    /// A callback, run inside a later `poll` or commit.
    Callback,
}

/// Why an offset commit failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CommitFailure {
    /// Kafka's exception.
    pub(super) exception: &'static str,
    /// The error code behind it.
    pub(super) error: Option<ErrorCode>,
    /// Whether it is a `RetriableException`.
    pub(super) retriable: bool,
    /// The fact behind it.
    since: FactId,
}

/// How an offset commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommitOutcome {
    Done,
    Failed(CommitFailure),
}

/// A request under way.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    id: u32,
    kind: CommitKind,
    offsets: Offsets,
    audience: CommitFor,
    generation: Generation,
}

/// All offset commits of a member.
#[derive(Clone, Debug)]
pub(super) struct Commits {
    next_id: u32,
    in_flight: u32,
    outcomes: BTreeMap<u32, CommitOutcome>,
    callbacks: VecDeque<(CommitKind, Offsets, CommitOutcome)>,
    /// Asynchronous ones that wait for a coordinator.
    postponed: VecDeque<(CommitKind, Offsets)>,
    /// The fact that fenced an asynchronous one: from then on every call throws, and no callback runs
    /// (`ConsumerCoordinator.asyncCommitFenced`).
    fenced: Option<FactId>,
    /// When auto-commit is due.
    pub(super) auto_at: Instant,
}

impl CommitFailure {
    fn local(exception: &'static str, since: FactId) -> Self {
        Self {
            exception,
            error: None,
            retriable: false,
            since,
        }
    }

    fn of(exception: &'static str, error: ErrorCode, since: FactId) -> Self {
        Self {
            exception,
            error: Some(error),
            retriable: false,
            since,
        }
    }

    fn retriable(exception: &'static str, error: Option<ErrorCode>) -> Self {
        Self {
            exception,
            error,
            retriable: true,
            since: FactId::NONE,
        }
    }
}

impl Commits {
    pub(super) fn new(auto_at: Instant) -> Self {
        Self {
            next_id: 0,
            in_flight: 0,
            outcomes: BTreeMap::new(),
            callbacks: VecDeque::new(),
            postponed: VecDeque::new(),
            fenced: None,
            auto_at,
        }
    }

    /// The outcome a waiter waits for, once.
    pub(super) fn take_outcome(&mut self, id: u32) -> Option<CommitOutcome> {
        self.outcomes.remove(&id)
    }

    /// The fact that fenced an asynchronous one.
    pub(super) fn fenced(&self) -> Option<FactId> {
        self.fenced
    }

    /// How an offset commit ends that is asked for after that.
    pub(super) fn fenced_outcome(&self) -> Option<CommitOutcome> {
        let failure = CommitFailure::local(FENCED, self.fenced?);
        Some(CommitOutcome::Failed(failure))
    }

    /// Whether requests are under way.
    pub(super) fn has_in_flight(&self) -> bool {
        0 < self.in_flight
    }

    /// Whether asynchronous ones are still to be heard of.
    pub(super) fn is_pending(&self) -> bool {
        0 < self.in_flight || !self.postponed.is_empty() || !self.callbacks.is_empty()
    }
}

impl Member {
    /// What auto-commit commits: Java's positions, librdkafka's stored offsets.
    pub(super) fn auto_committed_offsets(&self) -> Offsets {
        match self.setup.family {
            ClientFamily::Java => self.positions.consumed().into(),
            ClientFamily::Librdkafka => named(self.positions.stored()),
        }
    }

    /// States that an offset commit is asked for, and sends it. The outcome of the returned id may
    /// be there at once.
    pub(super) fn start_commit(
        &mut self,
        ctx: &mut Ctx<'_>,
        kind: CommitKind,
        offsets: Offsets,
        audience: CommitFor,
    ) -> u32 {
        if !offsets.is_empty() {
            ctx.note(GroupFact::CommitRequested {
                group: self.setup.group,
                kind,
                offsets: plain(&offsets),
            });
        }
        self.send_commit(ctx, kind, offsets, audience)
    }

    /// Sends an offset commit (`sendOffsetCommitRequest`), or fails it without sending.
    pub(super) fn send_commit(
        &mut self,
        ctx: &mut Ctx<'_>,
        kind: CommitKind,
        offsets: Offsets,
        audience: CommitFor,
    ) -> u32 {
        let id = self.commits.next_id;
        self.commits.next_id += 1;
        let commit = Commit {
            id,
            kind,
            offsets,
            audience,
            generation: self.group.generation.clone(),
        };
        if commit.offsets.is_empty() {
            self.commit_ended(commit, CommitOutcome::Done);
            return id;
        }
        let Some(coordinator) = self.group.coordinator else {
            let error = ErrorCode::CoordinatorNotAvailable;
            let failure = CommitFailure::retriable("CoordinatorNotAvailableException", Some(error));
            self.commit_ended(commit, CommitOutcome::Failed(failure));
            return id;
        };
        if self.modern.is_none() && self.group.state != MemberState::Stable {
            let exception = if self.group.is_rebalancing() {
                "RebalanceInProgressException"
            } else {
                "CommitFailedException"
            };
            let failure = CommitFailure::local(exception, self.group.fenced_since);
            self.commit_ended(commit, CommitOutcome::Failed(failure));
            return id;
        }
        let request = Request::OffsetCommit(OffsetCommitRequest {
            group: self.setup.group_name.clone(),
            member: commit.generation.member.clone(),
            instance: self.setup.config.instance.clone(),
            generation: commit.generation.id,
            version: COMMIT_VERSION,
            offsets: commit.offsets.to_vec(),
        });
        self.commits.in_flight += 1;
        let to = (coordinator, Lane::Coordinator);
        self.wire.send(ctx, to, request, None, Tag::Commit(commit));
        id
    }

    fn commit_ended(&mut self, commit: Commit, outcome: CommitOutcome) {
        let is_async = commit.audience == CommitFor::Callback
            || commit.kind == CommitKind::AutoBeforeRebalance;
        if let CommitOutcome::Failed(failure) = outcome
            && is_async
            && failure.exception == FENCED
        {
            self.commits.fenced = Some(failure.since);
        }
        match commit.audience {
            CommitFor::Waiter => {
                self.commits.outcomes.insert(commit.id, outcome);
            }
            CommitFor::Callback if commit.offsets.is_empty() => {}
            CommitFor::Callback => {
                let outcome = as_seen_by_callback(outcome);
                let callback = (commit.kind, commit.offsets, outcome);
                self.commits.callbacks.push_back(callback);
            }
        }
    }

    /// The answer to an offset commit (`OffsetCommitResponseHandler`).
    pub(super) fn commit_answered(&mut self, ctx: &mut Ctx<'_>, commit: Commit, outcome: Outcome) {
        self.commits.in_flight -= 1;
        let ended = match outcome {
            Outcome::Response(Response::OffsetCommit(response)) => {
                self.read_commit_answer(ctx, &commit, &response)
            }
            Outcome::Response(_) => unreachable!("an answer belongs to its request"),
            Outcome::Disconnected | Outcome::TimedOut => {
                self.group.forget_coordinator();
                CommitOutcome::Failed(CommitFailure::retriable("DisconnectException", None))
            }
        };
        if ended == CommitOutcome::Done {
            self.positions.confirm(&commit.offsets);
        }
        self.commit_ended(commit, ended);
    }

    fn read_commit_answer(
        &mut self,
        ctx: &mut Ctx<'_>,
        commit: &Commit,
        response: &OffsetCommitResponse,
    ) -> CommitOutcome {
        let mut errors = response.partitions.iter().map(|(_, error)| *error);
        let Some(error) = errors.find(|error| *error != ErrorCode::None) else {
            return CommitOutcome::Done;
        };
        let exception = error.exception().unwrap_or("KafkaException");
        CommitOutcome::Failed(match error {
            ErrorCode::CoordinatorLoadInProgress | ErrorCode::UnknownTopicOrPartition => {
                CommitFailure::retriable(exception, Some(error))
            }
            ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
            | ErrorCode::RequestTimedOut => {
                self.group.forget_coordinator();
                CommitFailure::retriable(exception, Some(error))
            }
            ErrorCode::RebalanceInProgress => {
                self.group.rejoin_needed = true;
                CommitFailure::of("RebalanceInProgressException", error, ctx.cause)
            }
            ErrorCode::UnknownMemberId
            | ErrorCode::StaleMemberEpoch
            | ErrorCode::FencedInstanceId
                if self.modern.is_some() =>
            {
                CommitFailure::of(modern_exception(error, commit.kind), error, ctx.cause)
            }
            ErrorCode::FencedInstanceId if self.group.generation != commit.generation => {
                let exception = if self.group.state == MemberState::Preparing {
                    "RebalanceInProgressException"
                } else {
                    "CommitFailedException"
                };
                CommitFailure::of(exception, error, ctx.cause)
            }
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => {
                let unchanged = self.group.generation == commit.generation;
                if !unchanged && self.group.state == MemberState::Preparing {
                    CommitFailure::of("RebalanceInProgressException", error, ctx.cause)
                } else {
                    let forget = error == ErrorCode::UnknownMemberId;
                    self.group.reset(forget, ctx.cause);
                    CommitFailure::of("CommitFailedException", error, ctx.cause)
                }
            }
            ErrorCode::FencedInstanceId | ErrorCode::OffsetMetadataTooLarge => {
                CommitFailure::of(exception, error, ctx.cause)
            }
            error => CommitFailure::of("KafkaException", error, ctx.cause),
        })
    }

    /// `commitAsync`: returns at once. Without a coordinator it waits for one.
    pub(super) fn commit_async(&mut self, ctx: &mut Ctx<'_>, kind: CommitKind, offsets: Offsets) {
        self.run_commit_callbacks(ctx);
        if let Some(outcome) = self.commits.fenced_outcome() {
            return self.note_commit_outcome(ctx, kind, &offsets, outcome);
        }
        if offsets.is_empty() || self.coordinator_ready(ctx) {
            self.start_commit(ctx, kind, offsets, CommitFor::Callback);
            return;
        }
        ctx.note(GroupFact::CommitRequested {
            group: self.setup.group,
            kind,
            offsets: plain(&offsets),
        });
        self.commits.postponed.push_back((kind, offsets));
    }

    /// A coordinator was found: what waited for it leaves.
    pub(super) fn send_postponed_commits(&mut self, ctx: &mut Ctx<'_>) {
        for (kind, offsets) in std::mem::take(&mut self.commits.postponed) {
            self.send_commit(ctx, kind, offsets, CommitFor::Callback);
        }
    }

    /// No coordinator was found: what waited for it fails.
    pub(super) fn fail_postponed_commits(&mut self) {
        for (kind, offsets) in std::mem::take(&mut self.commits.postponed) {
            let failure = CommitFailure::retriable("RetriableCommitFailedException", None);
            let outcome = CommitOutcome::Failed(failure);
            self.commits.callbacks.push_back((kind, offsets, outcome));
        }
    }

    /// Runs the callbacks of asynchronous offset commits that have ended
    /// (`invokeCompletedOffsetCommitCallbacks`). Once one was fenced, none runs any more.
    pub(super) fn run_commit_callbacks(&mut self, ctx: &mut Ctx<'_>) {
        if self.commits.fenced.is_some() {
            return self.commits.callbacks.clear();
        }
        for (kind, offsets, outcome) in std::mem::take(&mut self.commits.callbacks) {
            if let CommitOutcome::Failed(failure) = outcome
                && failure.retriable
                && kind == CommitKind::Auto
            {
                self.commits.auto_at = ctx.now + self.setup.config.retry_backoff;
            }
            self.note_commit_outcome(ctx, kind, &offsets, outcome);
        }
    }

    /// States how an offset commit ended, as the application sees it.
    pub(super) fn note_commit_outcome(
        &mut self,
        ctx: &mut Ctx<'_>,
        kind: CommitKind,
        offsets: &Offsets,
        outcome: CommitOutcome,
    ) {
        if offsets.is_empty() {
            return;
        }
        let group = self.setup.group;
        let offsets = plain(offsets);
        match outcome {
            CommitOutcome::Done => {
                ctx.note(GroupFact::CommitConfirmed {
                    group,
                    kind,
                    offsets,
                });
            }
            CommitOutcome::Failed(failure) => {
                let fact = GroupFact::CommitFailed {
                    group,
                    kind,
                    exception: failure.exception,
                    error: failure.error,
                };
                ctx.note_since(fact, failure.since);
            }
        }
    }

    /// Java's auto-commit, at its place inside `poll` (`maybeAutoCommitOffsetsAsync`).
    pub(super) fn auto_commit_in_poll(&mut self, ctx: &mut Ctx<'_>) {
        let config = &self.setup.config;
        let on = config.auto_commit && self.setup.family == ClientFamily::Java;
        if !on || ctx.now < self.commits.auto_at {
            return;
        }
        self.commits.auto_at = ctx.now + config.auto_commit_interval;
        let offsets = self.auto_committed_offsets();
        self.commit_async(ctx, CommitKind::Auto, offsets);
    }
}

/// Offsets that somebody names instead of positions: without leader epochs.
pub(super) fn named(offsets: Vec<(TopicPartition, Offset)>) -> Offsets {
    let offsets = offsets.into_iter();
    offsets.map(|(tp, offset)| (tp, offset.into())).collect()
}

/// The offsets alone, as facts state them.
pub(super) fn plain(offsets: &Offsets) -> Arc<[(TopicPartition, Offset)]> {
    offsets.iter().map(|(tp, at)| (*tp, at.offset)).collect()
}

/// What a member of the consumer protocol throws (`OffsetCommitRequestState.onResponse`,
/// `commitSyncExceptionForError`): a stale epoch is itself to everybody but `commitSync`.
fn modern_exception(error: ErrorCode, kind: CommitKind) -> &'static str {
    let waits = matches!(kind, CommitKind::Sync | CommitKind::AutoOnClose);
    if error == ErrorCode::StaleMemberEpoch && !waits {
        "StaleMemberEpochException"
    } else {
        "CommitFailedException"
    }
}

/// `commitAsync` wraps what could be retried, because it does not retry itself.
fn as_seen_by_callback(outcome: CommitOutcome) -> CommitOutcome {
    match outcome {
        CommitOutcome::Failed(failure) if failure.retriable => {
            CommitOutcome::Failed(CommitFailure {
                exception: "RetriableCommitFailedException",
                ..failure
            })
        }
        other => other,
    }
}

/// The failure of a `commitSync` that was woken: its request has left nevertheless.
pub(super) const WOKEN: CommitFailure = CommitFailure {
    exception: "WakeupException",
    error: None,
    retriable: false,
    since: FactId::NONE,
};

/// The failure of a `commitSync` that ran out of time.
pub(super) const TIMED_OUT: CommitFailure = CommitFailure {
    exception: "TimeoutException",
    error: None,
    retriable: true,
    since: FactId::NONE,
};
