//! What an application and the database behind it say to each other.
//!
//! Not Kafka's protocol: a sink is whatever the application keeps its results in. It stands here
//! because its messages travel as Kafka's do, on connections that break and time out.

use crate::base::{GroupId, Offset, TopicPartition};
use crate::kafka::Records;

/// Rows for records at consecutive offsets of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The partition the records were read from.
    pub partition: TopicPartition,
    /// The first record's offset.
    pub first_offset: Offset,
    /// The records, one row each.
    pub records: Records,
}

/// What an application asks of a sink. Each group has a table of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkRequest {
    /// Rows, and with them, in one transaction, the offset to go on from.
    Insert {
        /// Whose table.
        group: GroupId,
        /// The rows.
        rows: Vec<Rows>,
        /// `None`: rows alone.
        offset: Option<(TopicPartition, Offset)>,
    },
    /// The offsets stored beside the rows.
    ReadOffsets {
        /// Whose.
        group: GroupId,
        /// Of these partitions.
        partitions: Vec<TopicPartition>,
    },
}

/// Why a sink refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// As many requests wait as may wait.
    QueueFull,
    /// A row is there already, and the sink keeps rows unique.
    Conflict,
}

/// What a sink answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkResponse {
    /// The rows are in.
    Stored,
    /// The request is refused. With `row-by-row` the rows before the one refused are in.
    Refused(Refusal),
    /// The stored offsets, each with the number of the fact that stored it; a partition without
    /// one is left out.
    Offsets(Vec<(TopicPartition, Offset, u64)>),
}

impl SinkRequest {
    /// How many rows it holds.
    pub fn row_count(&self) -> u32 {
        match self {
            Self::Insert { rows, .. } => rows.iter().map(|rows| rows.records.len()).sum(),
            Self::ReadOffsets { .. } => 0,
        }
    }

    /// Whose table it is about.
    pub fn group(&self) -> GroupId {
        match self {
            Self::Insert { group, .. } | Self::ReadOffsets { group, .. } => *group,
        }
    }
}

impl Rows {
    /// The row at `index` alone.
    #[must_use]
    pub fn one(&self, index: u32) -> Self {
        Self {
            partition: self.partition,
            first_offset: self.first_offset + Offset::from(index),
            records: self.records.slice(index, index + 1),
        }
    }
}
