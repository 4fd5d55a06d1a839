//! The application of a group as a program one can read: the steps between two polls.
//!
//! What an application does there decides its delivery semantics. This is data; the member runs it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::base::{Dist, NodeId, Offset, RecordId, Span, TopicId, TopicPartition};

/// Which offsets a commit step commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOffsets {
    /// The positions: just past everything the last poll returned.
    Polled,
    /// Just past the current record; inside `each` only.
    ThisRecord,
    /// Just past the last record of each partition that was processed in order.
    Processed,
}

/// One step of a loop or listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `poll(timeout)`.
    Poll {
        /// How long it may wait.
        timeout: Span,
    },
    /// The steps for each polled record, in poll order.
    Each(Vec<Step>),
    /// The work on the current record; then it counts as processed.
    Process,
    /// `commitSync()`.
    CommitSync {
        /// Which offsets.
        offsets: CommitOffsets,
        /// Only each nth time it is reached.
        every: u32,
        /// Added to each offset: −1 is the well-known mistake.
        shift: i64,
    },
    /// `commitAsync()`.
    CommitAsync {
        /// Which offsets.
        offsets: CommitOffsets,
        /// Only each nth time it is reached.
        every: u32,
        /// Added to each offset.
        shift: i64,
    },
    /// Gives the polled records to the worker threads; the loop goes on.
    HandOff {
        /// What a worker does with each record.
        steps: Vec<Step>,
        /// How many records may wait; `None`: unlimited.
        queue: Option<u32>,
        /// Whether queued records of a partition taken away are dropped instead of processed.
        drop_revoked: bool,
    },
    /// A row for the current record into the sink.
    Store,
    /// A row for each polled record into the sink, in one request.
    StoreAll,
    /// Row and next offset into the sink, in one transaction.
    StoreWithOffset,
    /// Asks the sink where to go on, and seeks there.
    SeekToStored,
    /// The application thread waits.
    Sleep(Span),
    /// `on-close`, then `close()`.
    Close,
}

/// How an effect comes out that the application computes itself (library users only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Processed.
    Done,
    /// Failed; the `retries` and `on-failure` of the group apply.
    Failed,
}

/// A record as own processing logic sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandledRecord {
    /// The record.
    pub record: RecordId,
    /// Where it was read.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// Which attempt of this process at this record, from 1.
    pub attempt: u32,
}

/// Own processing logic: stateless, so that a fork and a rerun agree.
#[derive(Clone)]
pub struct Handler(pub Arc<dyn Fn(&HandledRecord) -> Handled + Send + Sync>);

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

/// How often processing fails for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failures {
    /// The first so many attempts, counted over all members.
    Times(u32),
    /// Every attempt: a poison pill.
    Always,
}

/// What the application does with a record that has failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Close and end.
    Stop,
    /// Go on with the next record.
    Skip,
    /// `seek` back to it, and poll again.
    SeekBack,
    /// Send it to another topic and go on.
    Send(TopicId),
}

/// How a record is named before the run has given it an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKey {
    /// The record itself, as its producer counts.
    Id(RecordId),
    /// Whatever stands at this place.
    At(TopicPartition, Offset),
}

/// The work on one record.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// How long it takes.
    pub time: Dist,
    /// Records that take their own time.
    pub slow: BTreeMap<RecordKey, Span>,
    /// Records whose processing fails.
    pub fails: BTreeMap<RecordKey, Failures>,
    /// How often the application tries again at once.
    pub retries: u32,
    /// How long it waits between tries.
    pub backoff: Span,
    /// What it does when tries are used up.
    pub on_failure: OnFailure,
    /// Own logic, consulted after `fails`.
    pub handler: Option<Handler>,
}

/// What to do when a call throws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnThrow {
    /// Log it and poll on.
    Continue,
    /// Close and end.
    Stop,
}

/// What to do when the sink refuses a request or does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSinkFailure {
    /// The same request again after a second, inside the loop.
    Retry,
    /// Go on with the next step.
    Continue,
    /// Close and end.
    Stop,
}

/// The sink of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkUse {
    /// Which.
    pub node: NodeId,
    /// How long an answer is awaited.
    pub timeout: Span,
    /// When it fails.
    pub on_failure: OnSinkFailure,
}

/// An application.
#[derive(Clone, Debug)]
pub struct Program {
    /// The loop; begins with `poll`.
    pub steps: Vec<Step>,
    /// `onPartitionsRevoked`.
    pub on_revoked: Vec<Step>,
    /// `onPartitionsAssigned`.
    pub on_assigned: Vec<Step>,
    /// `onPartitionsLost`; by default what `on_revoked` is.
    pub on_lost: Vec<Step>,
    /// What runs before `close()`.
    pub on_close: Vec<Step>,
    /// The work.
    pub process: ProcessSpec,
    /// When `commitSync` throws.
    pub on_commit_failure: OnThrow,
    /// When `poll` throws.
    pub on_poll_failure: OnThrow,
    /// Threads behind `hand-off`.
    pub workers: u16,
    /// Where the steps that store go; there is one if there are such steps.
    pub sink: Option<SinkUse>,
}

impl Program {
    /// Whether the application ever commits offsets itself. Auto-commit is a setting, not a step.
    pub fn commits(&self) -> bool {
        fn any(steps: &[Step]) -> bool {
            steps.iter().any(|step| match step {
                Step::CommitSync { .. } | Step::CommitAsync { .. } => true,
                Step::Each(inner) | Step::HandOff { steps: inner, .. } => any(inner),
                Step::Poll { .. }
                | Step::Process
                | Step::Store
                | Step::StoreAll
                | Step::StoreWithOffset
                | Step::SeekToStored
                | Step::Sleep(_)
                | Step::Close => false,
            })
        }
        [
            &self.steps,
            &self.on_revoked,
            &self.on_assigned,
            &self.on_lost,
            &self.on_close,
        ]
        .into_iter()
        .any(|steps| any(steps))
    }
}

impl ProcessSpec {
    /// Whether a record has its own time or failures.
    pub fn is_special(&self, record: RecordId, tp: TopicPartition, offset: Offset) -> bool {
        let keys = [RecordKey::Id(record), RecordKey::At(tp, offset)];
        keys.iter()
            .any(|key| self.slow.contains_key(key) || self.fails.contains_key(key))
    }

    /// The time a record takes of its own, if any.
    pub fn slow_time(&self, record: RecordId, tp: TopicPartition, offset: Offset) -> Option<Span> {
        let by_id = self.slow.get(&RecordKey::Id(record));
        by_id
            .or_else(|| self.slow.get(&RecordKey::At(tp, offset)))
            .copied()
    }

    /// How often processing of a record fails, if at all.
    pub fn failures(
        &self,
        record: RecordId,
        tp: TopicPartition,
        offset: Offset,
    ) -> Option<Failures> {
        let by_id = self.fails.get(&RecordKey::Id(record));
        by_id
            .or_else(|| self.fails.get(&RecordKey::At(tp, offset)))
            .copied()
    }
}
