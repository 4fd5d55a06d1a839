//! What a producer sends: how many records, when, with which keys and values, to which partitions.
//!
//! Data only; drawing is the producer's. Every draw comes from a stream named after the producer
//! and the purpose (`every`, `keys`, `values`), with a fixed number of draws per record.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Draws, ProducerSetup};
use crate::base::{Dist, Instant, Timestamp, TopicId};

/// How the keys of a workload are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// No key.
    None,
    /// One after the other, for ever.
    Cycle(Arc<[Arc<str>]>),
    /// Each equally likely.
    Random(Arc<[Arc<str>]>),
    /// By weight.
    Weighted(Arc<[(Arc<str>, u64)]>),
    /// Zipf's law with exponent 1 over the list: the nth has weight 1/n.
    Zipf(Arc<[Arc<str>]>),
}

/// How the values of a workload are chosen. Only lengths and tombstones matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// So many bytes.
    Bytes(u32),
    /// Uniformly between two sizes.
    Between(u32, u32),
    /// One after the other; `None` is a tombstone.
    Cycle(Arc<[Option<Arc<str>>]>),
}

/// How a partition is chosen before the client's own partitioner is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// Kafka's: the key's hash, or the partitioner of the settings.
    Client,
    /// Always this one, as in `ProducerRecord`.
    Fixed(u32),
    /// A custom partitioner: a table, and the other keys (and records without key) hashed over
    /// `others`; an empty list stands for all partitions.
    Table {
        /// Key to partition.
        table: BTreeMap<Arc<str>, u32>,
        /// The partitions for everything else.
        others: Vec<u32>,
    },
}

/// One record of a written list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptedRecord {
    /// Its key.
    pub key: Option<Arc<str>>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Arc<str>>,
    /// Its partition, if fixed.
    pub partition: Option<u32>,
    /// Its topic, if not the producer's.
    pub topic: Option<TopicId>,
    /// Its timestamp, if not the time of `send()`.
    pub timestamp: Option<Timestamp>,
    /// When it is sent, if not after `every`.
    pub at: Option<Instant>,
}

/// What the clock of a producer's machine is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// How far it is off, in nanoseconds: negative if it is behind. Constant, so only stamps show it:
    /// every timeout of a client is a difference.
    pub off: i64,
    /// Whether anybody asks for the stamps of single records: then they travel with the batches.
    pub is_asked: bool,
}

/// What the application does when a send fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSendFailure {
    /// Goes on.
    Continue,
    /// Sends the same record anew.
    Resend,
    /// Closes and ends.
    Stop,
}

/// The work of one producer instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The topics, used in turn.
    pub topics: Vec<TopicId>,
    /// How many records.
    pub count: u32,
    /// The records themselves, when they are written out; else empty.
    pub script: Vec<ScriptedRecord>,
    /// Time between two `send()` calls.
    pub every: Dist,
    /// Keys.
    pub keys: Keys,
    /// Values.
    pub values: Values,
    /// Partitions.
    pub partitioning: Partitioning,
    /// What happens when a send fails.
    pub on_failure: OnSendFailure,
}

/// The key of the `nth` record (from 0) of a producer, asked in any order. Who asks for many makes
/// the [`Draws`] once and asks those.
pub fn key_of(setup: &Arc<ProducerSetup>, nth: u32) -> Option<Arc<str>> {
    Draws::new(setup, nth).key_of(nth)
}

/// Whether the `nth` record (from 0) of a producer has no value: a tombstone.
pub fn is_tombstone(setup: &ProducerSetup, nth: u32) -> bool {
    let workload = &setup.workload;
    match (workload.script.get(nth as usize), &workload.values) {
        (Some(scripted), _) => scripted.value.is_none(),
        (None, Values::Cycle(values)) => values[nth as usize % values.len()].is_none(),
        (None, _) => false,
    }
}

/// The topic the `nth` record (from 0) of a producer is sent to.
pub fn topic_of(setup: &ProducerSetup, nth: u32) -> TopicId {
    let workload = &setup.workload;
    let scripted = workload.script.get(nth as usize);
    let own = scripted.and_then(|record| record.topic);
    own.unwrap_or_else(|| workload.topics[nth as usize % workload.topics.len()])
}
