//! Points: the places in an application's or client's run at which a fault can be told to strike.
//!
//! A point is `before` or `after` a step. Nodes stop only at points somebody watches; everywhere
//! else a stretch of steps is simulated in one go.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::base::{Offset, TopicPartition};
use crate::kafka::Records;

/// A step that can be named in a fault (grammar 2.6 and 2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Member: `poll()`.
    Poll,
    /// Member: the application's work on one record.
    Process,
    /// Member: `commitSync()`.
    CommitSync,
    /// Member: `commitAsync()`.
    CommitAsync,
    /// Member: records given to the workers.
    HandOff,
    /// Member: the application thread waits.
    Sleep,
    /// Member or producer: `close()`.
    Close,
    /// Producer: `send()`.
    Send,
    /// Producer: a Produce request leaves.
    Request,
    /// Producer: the answer to a Produce request is handled.
    Acknowledge,
    /// Member: a row into the sink.
    Store,
    /// Member: a row per polled record into the sink, in one request.
    StoreAll,
    /// Member: row and offset into the sink, in one transaction.
    StoreWithOffset,
    /// Member: where the sink says to go on.
    SeekToStored,
    /// Sink: a request arrives.
    Receive,
    /// Sink: one row.
    Insert,
    /// Sink: the answer leaves.
    Respond,
}

impl StepKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Poll,
        Self::Process,
        Self::CommitSync,
        Self::CommitAsync,
        Self::HandOff,
        Self::Sleep,
        Self::Close,
        Self::Send,
        Self::Request,
        Self::Acknowledge,
        Self::Store,
        Self::StoreAll,
        Self::StoreWithOffset,
        Self::SeekToStored,
        Self::Receive,
        Self::Insert,
        Self::Respond,
    ];

    /// The word of the scenario file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Process => "process",
            Self::CommitSync => "commit-sync",
            Self::CommitAsync => "commit-async",
            Self::HandOff => "hand-off",
            Self::Sleep => "sleep",
            Self::Close => "close",
            Self::Send => "send",
            Self::Request => "request",
            Self::Acknowledge => "acknowledge",
            Self::Store => "store",
            Self::StoreAll => "store-all",
            Self::StoreWithOffset => "store-with-offset",
            Self::SeekToStored => "seek-to-stored",
            Self::Receive => "receive",
            Self::Insert => "insert",
            Self::Respond => "respond",
        }
    }
}

/// Which side of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The actor is about to take the step; nothing of it has happened.
    Before,
    /// The step has returned to the actor and the next has not begun.
    After,
}

/// A set of points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepMask(u64);

impl StepMask {
    /// No point.
    pub const NONE: Self = Self(0);
    /// Every point: stretches are taken step by step.
    pub const ALL: Self = Self(u64::MAX);

    const fn bit(step: StepKind, phase: Phase) -> u64 {
        1 << (step as u64 * 2 + phase as u64)
    }

    /// Whether the point is in the set.
    pub const fn contains(self, step: StepKind, phase: Phase) -> bool {
        self.0 & Self::bit(step, phase) != 0
    }

    /// Whether either side of the step is in the set.
    pub const fn touches(self, step: StepKind) -> bool {
        self.contains(step, Phase::Before) || self.contains(step, Phase::After)
    }

    /// The set with one more point.
    #[must_use]
    pub const fn with(self, step: StepKind, phase: Phase) -> Self {
        Self(self.0 | Self::bit(step, phase))
    }
}

/// Records a step concerns, on one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// The partition. For a record that has no partition yet, the topic's partition `u32::MAX`.
    pub partition: TopicPartition,
    /// Their offsets; empty where they have none yet.
    pub offsets: Range<Offset>,
    /// The records themselves; empty where the node knows offsets only (an offset commit).
    pub records: Records,
}

/// A point an actor stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The step.
    pub step: StepKind,
    /// Before or after it.
    pub phase: Phase,
    /// What the step concerns.
    pub concerns: Vec<Concern>,
}
