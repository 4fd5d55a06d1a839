//! Facts of sinks: what became of rows, and of the offsets beside them.

use serde::Serialize;

use crate::base::{GroupId, NodeId, Offset, TopicPartition};
use crate::kafka::Records;
use crate::kafka::sink::Refusal;

/// How a request to a sink came to have no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SinkSilence {
    /// It never left: there was no connection.
    NotSent,
    /// The connection was lost under it; it may have been carried out.
    ConnectionLost,
    /// The application's patience ended; it may have been carried out.
    TimedOut,
}

/// What a sink states.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum SinkFact {
    /// A request arrived.
    Received {
        /// Whose table it is about.
        group: GroupId,
        /// Who asks.
        from: NodeId,
        /// How many rows it brings; none for a question about offsets.
        rows: u32,
    },
    /// Rows for records at consecutive offsets of one partition are in.
    RowsStored {
        /// Whose table.
        group: GroupId,
        /// Who asked.
        from: NodeId,
        /// The partition.
        partition: TopicPartition,
        /// The first record's offset.
        first_offset: Offset,
        /// The records.
        records: Records,
        /// Whether an offset is stored in the same transaction.
        with_offset: bool,
    },
    /// The offset to go on from is stored, in one transaction with the rows stated just before.
    OffsetStored {
        /// Whose.
        group: GroupId,
        /// Who asked.
        from: NodeId,
        /// The partition.
        partition: TopicPartition,
        /// The next offset to read.
        offset: Offset,
        /// What was stored before.
        before: Option<Offset>,
    },
    /// Rows that were there already: they do not count again.
    InsertDeduplicated {
        /// Whose table.
        group: GroupId,
        /// Who asked.
        from: NodeId,
        /// The partition.
        partition: TopicPartition,
        /// The first record's offset.
        first_offset: Offset,
        /// The records.
        records: Records,
        /// Whether the new rows took the place of the old ones.
        overwritten: bool,
    },
    /// A request was refused.
    InsertRefused {
        /// Whose table.
        group: GroupId,
        /// Who asked.
        from: NodeId,
        /// Why.
        reason: Refusal,
    },
    /// The sink died amid a request whose first rows are in, and stay.
    BulkTorn {
        /// Whose table.
        group: GroupId,
        /// Who asked.
        from: NodeId,
        /// How many rows are in.
        stored: u32,
        /// Of so many.
        of: u32,
    },
}

impl SinkFact {
    /// The group it concerns.
    pub fn group(&self) -> GroupId {
        match self {
            Self::Received { group, .. }
            | Self::RowsStored { group, .. }
            | Self::OffsetStored { group, .. }
            | Self::InsertDeduplicated { group, .. }
            | Self::InsertRefused { group, .. }
            | Self::BulkTorn { group, .. } => *group,
        }
    }

    /// The member that asked.
    pub fn from(&self) -> NodeId {
        match self {
            Self::Received { from, .. }
            | Self::RowsStored { from, .. }
            | Self::OffsetStored { from, .. }
            | Self::InsertDeduplicated { from, .. }
            | Self::InsertRefused { from, .. }
            | Self::BulkTorn { from, .. } => *from,
        }
    }

    /// The partition it speaks of.
    pub fn partition(&self) -> Option<TopicPartition> {
        match self {
            Self::RowsStored { partition, .. }
            | Self::OffsetStored { partition, .. }
            | Self::InsertDeduplicated { partition, .. } => Some(*partition),
            Self::Received { .. } | Self::InsertRefused { .. } | Self::BulkTorn { .. } => None,
        }
    }

    /// The records it speaks of.
    pub fn records(&self) -> Option<&Records> {
        match self {
            Self::RowsStored { records, .. } | Self::InsertDeduplicated { records, .. } => {
                Some(records)
            }
            Self::Received { .. }
            | Self::OffsetStored { .. }
            | Self::InsertRefused { .. }
            | Self::BulkTorn { .. } => None,
        }
    }
}
