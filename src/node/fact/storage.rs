//! Facts of logs as storage: what a broker removes from a log's beginning.
//!
//! A broker states them of its own copy; only those of the leader say what can be read. In a run
//! that removes nothing none of them is stated.

use std::sync::Arc;

use serde::Serialize;

use crate::base::{Offset, Timestamp, TopicPartition};

/// Why segments were deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retention {
    /// They lay before the log start offset.
    Start,
    /// `retention.bytes`.
    Size,
    /// `retention.ms`.
    Time,
}

/// Facts about what a copy of a log holds no more, or gives out no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum StorageFact {
    /// A leader carried out `DeleteRecords`: its log start offset moved.
    RecordsDeleted {
        /// The partition.
        partition: TopicPartition,
        /// The log start offset before.
        from: Offset,
        /// The log start offset now.
        to: Offset,
    },
    /// A leader refused `DeleteRecords`: nobody may delete what is not replicated.
    DeletionRefused {
        /// The partition.
        partition: TopicPartition,
        /// Up to where records were to be deleted.
        up_to: Offset,
        /// The high watermark.
        high_watermark: Offset,
    },
    /// A log began a new segment.
    SegmentRolled {
        /// The partition.
        partition: TopicPartition,
        /// The first offset of the new segment.
        base: Offset,
        /// Whether the log is the leader's.
        leads: bool,
    },
    /// Whole segments were deleted from the beginning of a log.
    SegmentDeleted {
        /// The partition.
        partition: TopicPartition,
        /// How many.
        segments: u32,
        /// The log start offset before.
        from: Offset,
        /// The log start offset now.
        to: Offset,
        /// Why.
        reason: Retention,
        /// Whether the log is the leader's.
        leads: bool,
    },
    /// The power failed, and the end of a log had not been flushed.
    UnflushedLost {
        /// The partition.
        partition: TopicPartition,
        /// Where the log ended.
        from: Offset,
        /// Where it ends now.
        to: Offset,
    },
    /// A leader appended a batch, which bears the stamps of its own clock or of the producer's. Stated
    /// only in runs in which clocks matter.
    Stamped {
        /// The partition.
        partition: TopicPartition,
        /// The first record's offset.
        base_offset: Offset,
        /// How many records.
        count: u32,
        /// Whether the broker stamped it (`LogAppendTime`).
        by_broker: bool,
        /// The largest timestamp.
        largest: Timestamp,
        /// What the leader's clock showed.
        now: Timestamp,
    },
    /// The cleaner compacted a log: of each key the last record is left.
    LogCompacted {
        /// The partition.
        partition: TopicPartition,
        /// It is clean up to here.
        up_to: Offset,
        /// The offsets whose record is gone, as a later one has its key: ranges, the end excluded.
        superseded: Arc<[(Offset, Offset)]>,
        /// The offsets of tombstones that are gone, as delete.retention.ms is over.
        tombstones: Arc<[(Offset, Offset)]>,
        /// Whether the log is the leader's.
        leads: bool,
    },
    /// A follower took over the log start offset of its leader.
    StartLearnt {
        /// The partition.
        partition: TopicPartition,
        /// The log start offset before.
        from: Offset,
        /// The log start offset now.
        to: Offset,
    },
}

impl StorageFact {
    /// The partition it is about.
    pub fn partition(&self) -> TopicPartition {
        match self {
            Self::RecordsDeleted { partition, .. }
            | Self::SegmentRolled { partition, .. }
            | Self::SegmentDeleted { partition, .. }
            | Self::UnflushedLost { partition, .. }
            | Self::DeletionRefused { partition, .. }
            | Self::Stamped { partition, .. }
            | Self::LogCompacted { partition, .. }
            | Self::StartLearnt { partition, .. } => *partition,
        }
    }

    /// The offsets that this copy gives out no more: the log start offset before and now.
    pub fn start_moved(&self) -> Option<(Offset, Offset)> {
        match self {
            Self::RecordsDeleted { from, to, .. }
            | Self::SegmentDeleted { from, to, .. }
            | Self::StartLearnt { from, to, .. } => Some((*from, *to)),
            Self::DeletionRefused { .. }
            | Self::SegmentRolled { .. }
            | Self::Stamped { .. }
            | Self::LogCompacted { .. }
            | Self::UnflushedLost { .. } => None,
        }
    }
}
