//! Facts: typed, self-contained statements of what happened. The only input of ledger, verdict,
//! trace and charts.
//!
//! A fact speaks of ranges where it can, is cheap to state, and is turned into text late and
//! elsewhere. Nothing here judges.

mod cluster;
mod group;
mod sink;
mod storage;

use std::sync::Arc;

use serde::Serialize;

use crate::base::{GroupId, Instant, NodeId, Offset, Span, TopicId, TopicPartition};
use crate::kafka::message::Api;
use crate::kafka::{ErrorCode, Records};

pub use cluster::{Choice, ClusterFact};
pub use group::{CommitKind, GroupFact, PositionSource, Protocol};
pub use sink::{SinkFact, SinkSilence};
pub use storage::{Retention, StorageFact};

/// The number of a fact within its run, from 1. 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct FactId(pub u64);

impl FactId {
    /// No fact.
    pub const NONE: Self = Self(0);
}

/// A fact with its circumstances.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Stated {
    /// Its number.
    pub id: FactId,
    /// When.
    pub at: Instant,
    /// Which node states it (for a fault: on whom it struck).
    pub who: NodeId,
    /// The fact that triggered it.
    pub by: FactId,
    /// The fact that last set the state its rule looked at.
    pub since: FactId,
    /// What happened.
    pub fact: Fact,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Fact {
    /// A producer's doing.
    Produce(ProduceFact),
    /// A broker's log, and the cluster.
    Log(LogFact),
    /// Elections, in-sync replicas, truncation.
    Cluster(ClusterFact),
    /// Groups: membership, assignments, offset commits.
    Group(GroupFact),
    /// What the application did.
    App(AppFact),
    /// What was done to the system.
    Fault(FaultFact),
    /// What a sink did.
    Sink(SinkFact),
    /// What a log holds no more.
    Storage(StorageFact),
}

/// When each of several consecutive things happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Times {
    /// The first at `first`, each further one `step` later.
    Every {
        /// The first instant.
        first: Instant,
        /// The distance.
        step: Span,
    },
    /// Each at its own instant, ascending.
    List(Arc<[Instant]>),
}

impl Times {
    /// One instant.
    pub const fn at(instant: Instant) -> Self {
        Self::Every {
            first: instant,
            step: Span::ZERO,
        }
    }

    /// The `index`th instant.
    pub fn get(&self, index: u32) -> Instant {
        match self {
            Self::Every { first, step } => *first + *step * u64::from(index),
            Self::List(list) => list[index as usize],
        }
    }
}

/// Why a batch could be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchReason {
    /// No further record fits, or another batch waits behind it.
    Full,
    /// `linger.ms` is over.
    LingerOver,
    /// It left because another partition's batch made the broker ready.
    Piggyback,
    /// It goes again after a failure.
    Retry,
    /// The producer closes or flushes, or waits for memory.
    Flush,
}

/// Facts of producers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum ProduceFact {
    /// `send()` was called for these records. They speak of a range: never in the fingerprint.
    Sent {
        /// The topic.
        topic: TopicId,
        /// The records.
        records: Records,
        /// When each was sent.
        times: Times,
    },
    /// A Produce request left.
    RequestSent {
        /// The broker.
        to: NodeId,
        /// Its number on the connection.
        correlation: u32,
        /// How many batches it holds.
        batches: u32,
    },
    /// A batch left, in the request stated just before.
    BatchSent {
        /// The partition.
        partition: TopicPartition,
        /// Its records.
        records: Records,
        /// How often it was sent before.
        attempt: u32,
        /// Why now.
        reason: BatchReason,
        /// Its first sequence number, if idempotent.
        sequence: Option<i32>,
    },
    /// A batch will be sent again.
    Retry {
        /// The partition.
        partition: TopicPartition,
        /// Its records.
        records: Records,
        /// Why.
        error: ErrorCode,
    },
    /// The producer was told that these records are written.
    Acknowledged {
        /// The partition.
        partition: TopicPartition,
        /// The records.
        records: Records,
        /// The first offset, when the answer had one.
        base_offset: Option<Offset>,
    },
    /// The producer was told that these records failed. They may be in the log nevertheless.
    Failed {
        /// The topic.
        topic: TopicId,
        /// The partition, if one was chosen.
        partition: Option<u32>,
        /// The records.
        records: Records,
        /// The error.
        error: ErrorCode,
    },
    /// A request was overdue, and its connection was closed (`request.timeout.ms`).
    RequestTimedOut {
        /// The broker.
        to: NodeId,
        /// The API.
        api: Api,
    },
    /// A batch passed `delivery.timeout.ms`.
    DeliveryTimedOut {
        /// The partition.
        partition: TopicPartition,
        /// Its records.
        records: Records,
    },
    /// An answer said that an earlier sequence number is missing.
    OutOfOrderSequence {
        /// The partition.
        partition: TopicPartition,
        /// The batch's records.
        records: Records,
    },
    /// The producer got its id, or a new one.
    ProducerIdAssigned {
        /// The id.
        id: u64,
        /// The epoch.
        epoch: i16,
    },
    /// The producer raised its own epoch.
    ProducerEpochBumped {
        /// The new epoch.
        epoch: i16,
    },
    /// `send()` blocks: no memory left.
    BufferFull,
    /// The producer has heard of everything it was to send.
    Finished,
}

/// Facts of brokers, logs and the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum LogFact {
    /// The leader appended a batch.
    Appended {
        /// The partition.
        partition: TopicPartition,
        /// The first record's offset.
        base_offset: Offset,
        /// The records; empty for a coordinator's batch.
        records: Records,
        /// How many offsets.
        count: u32,
        /// The leader epoch.
        leader_epoch: u32,
    },
    /// The leader recognised a batch it already has, and answered as the first time.
    RetryDeduplicated {
        /// The partition.
        partition: TopicPartition,
        /// The records.
        records: Records,
        /// Where they already are.
        base_offset: Offset,
    },
    /// A batch was refused; nothing was appended.
    AppendRefused {
        /// The partition.
        partition: TopicPartition,
        /// The records.
        records: Records,
        /// Why.
        error: ErrorCode,
    },
    /// The leader's high watermark moved: everything below is on every in-sync replica.
    Replicated {
        /// The partition.
        partition: TopicPartition,
        /// The high watermark before.
        from: Offset,
        /// The high watermark now.
        to: Offset,
    },
    /// A topic came to be.
    TopicCreated {
        /// The topic.
        topic: TopicId,
        /// Its partitions.
        partitions: u32,
    },
    /// The state of a partition as the controller set it.
    PartitionState {
        /// The partition.
        partition: TopicPartition,
        /// Its leader.
        leader: Option<NodeId>,
        /// The leader epoch.
        leader_epoch: u32,
        /// The in-sync replicas.
        isr: Arc<[NodeId]>,
    },
    /// A client has new metadata.
    MetadataRefreshed,
    /// A topic got more partitions (`CreatePartitions`); old records stay where they are.
    PartitionsAdded {
        /// The topic.
        topic: TopicId,
        /// How many it had.
        from: u32,
        /// How many it has now.
        to: u32,
    },
}

/// Facts of applications.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum AppFact {
    /// `poll()` returned these records of one partition, at consecutive offsets from `first_offset`.
    Polled {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The first record's offset.
        first_offset: Offset,
        /// The records.
        records: Records,
    },
    /// The effect was applied for these records of one partition, in this order. They speak of a
    /// range: never in the fingerprint.
    Processed {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The first record's offset.
        first_offset: Offset,
        /// The records.
        records: Records,
        /// When each was done.
        times: Times,
    },
    /// Processing failed for a record; `final_` after the last retry.
    ProcessingFailed {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The offset.
        offset: Offset,
        /// The record.
        records: Records,
        /// Whether no try is left.
        last_attempt: bool,
    },
    /// The application went on without this record.
    RecordSkipped {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The offset.
        offset: Offset,
        /// The record.
        records: Records,
    },
    /// The application sent this record on to another topic instead of processing it.
    HandedOn {
        /// The group.
        group: GroupId,
        /// The partition it was read from.
        partition: TopicPartition,
        /// The offset there.
        offset: Offset,
        /// The record.
        records: Records,
        /// Where it went.
        to: TopicId,
    },
    /// Records were given to the workers.
    HandedOff {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The first record's offset.
        first_offset: Offset,
        /// The records.
        records: Records,
    },
    /// Queued records of a partition taken away were thrown away (`hand-off: { revoked: drop }`).
    Dropped {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The first record's offset.
        first_offset: Offset,
        /// The records.
        records: Records,
    },
    /// The application stopped by itself.
    Stopped {
        /// The group.
        group: GroupId,
        /// Why: an exception's name, or `processing failed`.
        reason: &'static str,
    },
    /// A request to the sink had no answer.
    SinkOutage {
        /// The group.
        group: GroupId,
        /// The sink.
        sink: NodeId,
        /// How far it came.
        silence: SinkSilence,
    },
}

/// Facts about faults. Stated by the kernel; `who` of the statement is the struck node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum FaultFact {
    /// A process died.
    Crashed,
    /// A new process took its place.
    Restarted,
    /// A process stands still.
    Paused,
    /// It goes on.
    Resumed,
    /// An application thread stands still.
    Stalled,
    /// It goes on.
    StallEnded,
    /// An actor was told to close gracefully, or reached its planned end.
    Closed,
    /// What was down was started.
    Started,
    /// `seek` was asked of a member.
    Sought,
    /// Offsets of a group were set from outside.
    OffsetsSet {
        /// The group.
        group: GroupId,
        /// Whether the group accepted it.
        error: ErrorCode,
    },
    /// A request was lost with its connection.
    RequestLost {
        /// The API.
        api: Api,
    },
    /// A response was lost with its connection.
    ResponseLost {
        /// The API.
        api: Api,
    },
    /// A request stays in the network.
    RequestHeld {
        /// The API.
        api: Api,
        /// For so long.
        length: Span,
    },
    /// A response stays in the network.
    ResponseHeld {
        /// The API.
        api: Api,
        /// For so long.
        length: Span,
    },
    /// A broker is made to refuse a request.
    RequestRefused {
        /// The API.
        api: Api,
        /// What it answers.
        error: ErrorCode,
    },
    /// Nothing passes between two sides any more.
    CutMade {
        /// One side.
        a: Arc<[NodeId]>,
        /// The other.
        b: Arc<[NodeId]>,
        /// Only what the first side sends is stopped.
        one_way: bool,
    },
    /// It passes again, and what waited arrives.
    CutHealed {
        /// One side.
        a: Arc<[NodeId]>,
        /// The other.
        b: Arc<[NodeId]>,
    },
    /// A link is slower.
    Slowed {
        /// One side.
        a: Arc<[NodeId]>,
        /// The other.
        b: Arc<[NodeId]>,
        /// Only for what the first side sends.
        one_way: bool,
    },
    /// It is as fast as before.
    SlowEnded {
        /// One side.
        a: Arc<[NodeId]>,
        /// The other.
        b: Arc<[NodeId]>,
    },
    /// The power of a broker's machine failed.
    PowerLost,
}

impl ProduceFact {
    /// The records it speaks of.
    pub fn records(&self) -> Option<&Records> {
        match self {
            Self::Sent { records, .. }
            | Self::BatchSent { records, .. }
            | Self::Retry { records, .. }
            | Self::Acknowledged { records, .. }
            | Self::Failed { records, .. }
            | Self::DeliveryTimedOut { records, .. }
            | Self::OutOfOrderSequence { records, .. } => Some(records),
            Self::RequestSent { .. }
            | Self::RequestTimedOut { .. }
            | Self::ProducerIdAssigned { .. }
            | Self::ProducerEpochBumped { .. }
            | Self::BufferFull
            | Self::Finished => None,
        }
    }
}

impl Fact {
    /// The records it speaks of.
    pub fn records(&self) -> Option<&Records> {
        match self {
            Self::Produce(fact) => fact.records(),
            Self::Log(
                LogFact::Appended { records, .. }
                | LogFact::RetryDeduplicated { records, .. }
                | LogFact::AppendRefused { records, .. },
            )
            | Self::App(
                AppFact::Polled { records, .. }
                | AppFact::Processed { records, .. }
                | AppFact::ProcessingFailed { records, .. }
                | AppFact::RecordSkipped { records, .. }
                | AppFact::HandedOn { records, .. }
                | AppFact::HandedOff { records, .. }
                | AppFact::Dropped { records, .. },
            ) => Some(records),
            Self::Sink(fact) => fact.records(),
            Self::Log(_)
            | Self::Cluster(_)
            | Self::Storage(_)
            | Self::Group(_)
            | Self::App(AppFact::Stopped { .. } | AppFact::SinkOutage { .. })
            | Self::Fault(_) => None,
        }
    }

    /// Whether it speaks of a stretch, which may be stated whole or step by step.
    pub fn is_stretch(&self) -> bool {
        matches!(
            self,
            Self::Produce(ProduceFact::Sent { .. }) | Self::App(AppFact::Processed { .. })
        )
    }
}

macro_rules! theme {
    ($theme:ident, $variant:ident) => {
        impl From<$theme> for Fact {
            fn from(fact: $theme) -> Self {
                Self::$variant(fact)
            }
        }
    };
}

theme!(ProduceFact, Produce);
theme!(LogFact, Log);
theme!(ClusterFact, Cluster);
theme!(GroupFact, Group);
theme!(AppFact, App);
theme!(SinkFact, Sink);
theme!(StorageFact, Storage);
theme!(FaultFact, Fault);
