//! A producer: the application that sends, and the client library under it.

pub mod workload;

pub use workload::{Keys, OnSendFailure, Partitioning, ScriptedRecord, Values, Workload};

use std::sync::Arc;

use crate::base::{NodeId, RecordId, Seed};
use crate::kafka::config::ProducerConfig;
use crate::node::Bootstrap;

/// Everything one producer instance is made of; a restarted process is made of the same, and goes
/// on with the first record it had not yet passed to `send()`.
#[derive(Clone, Debug)]
pub struct ProducerSetup {
    /// Its actor name.
    pub name: Arc<str>,
    /// The producer's node.
    pub node: NodeId,
    /// Its first record; the others follow.
    pub first_record: RecordId,
    /// Its settings.
    pub config: ProducerConfig,
    /// What it sends.
    pub workload: Arc<Workload>,
    /// The brokers.
    pub bootstrap: Bootstrap,
    /// The seed of the run, for its own random streams.
    pub seed: Seed,
}
