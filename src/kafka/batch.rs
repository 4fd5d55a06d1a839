//! Record batches: what is produced, stored, replicated and fetched as one piece.
//!
//! A batch does not hold its records' bytes, only who they are and how long they would be: sizes
//! are exact to the record format v2, contents live in the producer's workload.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;

use super::group::CoordinatorRecord;
use crate::base::{RecordId, Span, Timestamp};

/// The records of a batch, in offset order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// `count` records with consecutive ids from `first`.
    Run {
        /// The first record.
        first: RecordId,
        /// How many.
        count: u32,
    },
    /// Any records.
    List(Arc<[RecordId]>),
}

impl Records {
    /// No records.
    pub const EMPTY: Self = Self::Run {
        first: RecordId(0),
        count: 0,
    };

    /// The shortest form of these records.
    pub fn from_slice(ids: &[RecordId]) -> Self {
        let Some(first) = ids.first() else {
            return Self::EMPTY;
        };
        let consecutive = ids
            .iter()
            .zip(first.0..)
            .all(|(id, expected)| id.0 == expected);
        if consecutive {
            Self::Run {
                first: *first,
                count: ids.len() as u32,
            }
        } else {
            Self::List(ids.into())
        }
    }

    /// One record.
    pub fn one(record: RecordId) -> Self {
        Self::Run {
            first: record,
            count: 1,
        }
    }

    /// How many records.
    pub fn len(&self) -> u32 {
        match self {
            Self::Run { count, .. } => *count,
            Self::List(ids) => ids.len() as u32,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record at `index`.
    pub fn get(&self, index: u32) -> RecordId {
        match self {
            Self::Run { first, count } => {
                assert!(index < *count, "an index lies within its batch");
                RecordId(first.0 + index)
            }
            Self::List(ids) => ids[index as usize],
        }
    }

    /// The records `from..to` of this batch.
    #[must_use]
    pub fn slice(&self, from: u32, to: u32) -> Self {
        assert!(
            from <= to && to <= self.len(),
            "a slice lies within its batch"
        );
        match self {
            _ if from == to => Self::EMPTY,
            Self::Run { first, .. } => Self::Run {
                first: RecordId(first.0 + from),
                count: to - from,
            },
            Self::List(ids) if from == 0 && to as usize == ids.len() => self.clone(),
            Self::List(ids) => Self::from_slice(&ids[from as usize..to as usize]),
        }
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = RecordId> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The place of a record in this batch.
    pub fn position(&self, record: RecordId) -> Option<u32> {
        match self {
            Self::Run { first, count } => {
                let index = record.0.wrapping_sub(first.0);
                (index < *count).then_some(index)
            }
            Self::List(ids) => ids.iter().position(|id| *id == record).map(|i| i as u32),
        }
    }
}

impl Hash for Records {
    /// The same for the same records, whichever form they have.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let count = self.len();
        count.hash(state);
        if count == 0 {
            return;
        }
        let first = self.get(0).0;
        first.hash(state);
        let consecutive = |ids: &[RecordId]| ids.iter().zip(first..).all(|(id, next)| id.0 == next);
        match self {
            Self::List(ids) if !consecutive(ids) => ids.iter().for_each(|id| id.hash(state)),
            Self::Run { .. } | Self::List(_) => {}
        }
    }
}

impl Serialize for Records {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|id| id.0))
    }
}

/// Who wrote a batch, for deduplication (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProducerStamp {
    /// The producer id.
    pub id: u64,
    /// The producer epoch.
    pub epoch: i16,
    /// The sequence number of the first record.
    pub base_sequence: i32,
}

/// What a batch holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Records of an application.
    Data(Records),
    /// Records of a group coordinator, in `__consumer_offsets`.
    Coordinator(Arc<[CoordinatorRecord]>),
}

/// What the records of a batch are stamped with, in the order of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// The first, and how much later each is than the one before.
    Even {
        /// The timestamp of the first record.
        first: Timestamp,
        /// From one to the next.
        step: Span,
    },
    /// Any timestamps.
    List(Box<[Timestamp]>),
}

impl Stamps {
    /// The timestamp of the record at `index`, in whole milliseconds.
    pub fn get(&self, index: u32) -> Timestamp {
        match self {
            Self::Even { first, step } => (*first + *step * u64::from(index)).whole(),
            Self::List(list) => list[index as usize].whole(),
        }
    }
}

/// A record batch of format v2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// What it holds.
    pub payload: Payload,
    /// Its size in bytes with the header of 61, uncompressed.
    pub bytes: u32,
    /// Set when the producer is idempotent.
    pub producer: Option<ProducerStamp>,
    /// The largest timestamp of its records: by the producer's clock, or by that of the leader that
    /// appended it (`message.timestamp.type`).
    pub max_timestamp: Timestamp,
    /// The timestamps of all of them, where anybody in the run asks for those of single records.
    pub stamps: Option<Arc<Stamps>>,
}

impl Batch {
    /// The timestamp of the record at `index`, in whole milliseconds, as far as it is kept: else the
    /// largest of the batch.
    pub fn stamp(&self, index: u32) -> Timestamp {
        let own = self.stamps.as_ref().map(|stamps| stamps.get(index));
        own.unwrap_or(self.max_timestamp.whole())
    }

    /// How many offsets it takes.
    pub fn count(&self) -> u32 {
        match &self.payload {
            Payload::Data(records) => records.len(),
            Payload::Coordinator(records) => records.len() as u32,
        }
    }

    /// The application's records; none in a coordinator's batch.
    pub fn records(&self) -> Records {
        match &self.payload {
            Payload::Data(records) => records.clone(),
            Payload::Coordinator(_) => Records::EMPTY,
        }
    }
}
