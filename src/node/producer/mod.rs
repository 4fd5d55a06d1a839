//! A producer: the application that sends, and the client library under it.

pub mod workload;

pub use workload::{Keys, OnSendFailure, Partitioning, ScriptedRecord, Values, Workload};

use std::sync::Arc;

use crate::base::{ConnId, Instant, NodeId, RecordId, Seed};
use crate::kafka::config::ProducerConfig;
use crate::kafka::message::Response;
use crate::node::{Bootstrap, Ctx, TimerKey};

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

/// A producer: a skeleton with the signatures the kernel calls.
#[derive(Clone, Debug)]
pub struct Producer {
    setup: Arc<ProducerSetup>,
    next: u32,
}

impl Producer {
    /// A producer that has not started.
    pub fn new(setup: ProducerSetup) -> Self {
        Self {
            setup: Arc::new(setup),
            next: 0,
        }
    }

    /// The process starts.
    pub fn on_start(&mut self, _ctx: &mut Ctx<'_>) {}

    /// A connection is up.
    pub fn on_connected(&mut self, _ctx: &mut Ctx<'_>, _conn: ConnId) {}

    /// A connection is lost, or could not be made.
    pub fn on_disconnected(&mut self, _ctx: &mut Ctx<'_>, _conn: ConnId) {}

    /// An answer arrived.
    pub fn on_response(&mut self, _ctx: &mut Ctx<'_>, _conn: ConnId, _number: u32, _: Response) {}

    /// A timer fired.
    pub fn on_timer(&mut self, _ctx: &mut Ctx<'_>, _key: TimerKey) {}

    /// Goes on where it stopped at a watched point.
    pub fn go_on(&mut self, _ctx: &mut Ctx<'_>) {}

    /// States what lies strictly before `ctx.now`.
    pub fn settle(&mut self, _ctx: &mut Ctx<'_>) {}

    /// The application thread stands still until then.
    pub fn stall(&mut self, _ctx: &mut Ctx<'_>, _until: Instant) {}

    /// Closes gracefully.
    pub fn close(&mut self, _ctx: &mut Ctx<'_>) {}

    /// The process dies: which record is next is all that is kept.
    pub fn crash(&mut self) {}

    /// Whether it has sent everything and heard of it, or is closed.
    pub fn is_finished(&self) -> bool {
        self.next == self.setup.workload.count
    }

    /// The index of the first record not yet passed to `send()`.
    pub fn next_record(&self) -> u32 {
        self.next
    }
}
