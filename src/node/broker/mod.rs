//! A broker: logs on its disk, everything else in its memory.
//!
//! This file routes what the kernel hands in; each API has its file. A request is read when the
//! one before it on its connection is answered, worked on for `request-time`, and then answered or
//! parked. Whoever is parked is woken by what it waits for, and by nothing else.
//!
//! ```text
//! connections --> produce, fetch, session (followers), metadata, group
//!                    |       |        |
//!                    v       v        v
//!        disk: log   memory: replica (high watermark), producer_state
//!                    ^
//! replicate (own fetches from other leaders)
//! ```
//!
//! `retention` moves the beginnings of logs, `upkeep` has the files behind them. Not here yet:
//! compaction, transactions.

mod audit;
mod connections;
mod fetch;
pub mod files;
mod group;
mod group_facts;
mod group_records;
pub mod isr;
mod lifecycle;
pub mod log;
mod metadata;
mod produce;
pub mod producer_history;
pub mod producer_state;
pub mod replica;
mod replicate;
mod retention;
mod serve;
mod session;
pub mod setup;
mod timers;
pub mod upkeep;
mod view;

use std::sync::Arc;

pub use log::PartitionLog;
pub use producer_state::ProducerState;
pub use replica::Replica;
pub use setup::{BrokerSetup, BrokerTopic};

use self::connections::Connections;
use self::files::Files;
use self::group::Groups;
use self::lifecycle::Lifecycle;
use self::metadata::View;
use self::replicate::{Errand, Fetchers, SOCKET_TIMEOUT};
use self::session::Sessions;
use self::setup::Slots;
use self::timers::{Slot, Timers};
use self::upkeep::Upkeep;
use crate::base::{ConnId, Instant, NodeId, Span, Stream, TopicId, TopicPartition};
use crate::kafka::message::{Api, Envelope, PartitionMetadata, Response};
use crate::node::client::{NetworkClient, NetworkConfig};
use crate::node::{Ctx, FactId, TimerKey};

/// A broker's connections to others reconnect after this (`reconnect.backoff.ms` of a broker's
/// internal clients).
const RECONNECT_BACKOFF: Span = Span::from_millis(50);

/// A broker.
#[derive(Clone, Debug)]
pub struct Broker {
    setup: Arc<BrokerSetup>,
    slots: Arc<Slots>,
    request_times: Vec<Stream>,
    disk: Disk,
    memory: Memory,
}

/// What a crash leaves.
#[derive(Clone, Debug, Default)]
struct Disk {
    logs: Vec<PartitionLog>,
    /// What is behind each log, where that matters; empty if it does nowhere.
    files: Vec<Option<Box<Files>>>,
    /// How many producer ids it has given out. Stands for the blocks of ids that brokers get from
    /// the controller, of which none is given twice.
    producer_ids: u64,
    /// The epoch of the process that closed the logs, until the next one has read it.
    closed: Option<u64>,
}

/// What a crash takes.
#[derive(Clone, Debug)]
struct Memory {
    partitions: Vec<Partition>,
    connections: Connections,
    sessions: Sessions,
    fetchers: Fetchers,
    network: NetworkClient<Errand>,
    view: View,
    groups: Groups,
    timers: Timers,
    lifecycle: Lifecycle,
    upkeep: Upkeep,
    /// Whether the broker's own connections may have something to do.
    has_errands: bool,
    /// Scratch space of produce requests: partitions to be looked at, and whether their high
    /// watermark moved.
    wakes: Vec<(usize, bool)>,
}

/// What a broker has in memory of one partition.
#[derive(Clone, Debug)]
struct Partition {
    name: TopicPartition,
    replica: Replica,
    producers: ProducerState,
    /// The connections whose produce request waits for its high watermark.
    produces: Vec<ConnId>,
    /// The leader epoch in which it was last listed in a fetch to its leader.
    listed_in: Option<u32>,
    /// The connections whose fetch waits for its high watermark.
    fetches: Vec<ConnId>,
    /// The fact of the last move of its high watermark.
    replicated: FactId,
}

impl Memory {
    fn new(setup: &BrokerSetup) -> Self {
        let name = setup.cast.actor(setup.node);
        let jitter = Stream::new(setup.seed, "broker-reconnect", name);
        let network = NetworkConfig {
            request_timeout: SOCKET_TIMEOUT,
            reconnect_backoff: RECONNECT_BACKOFF,
            reconnect_backoff_max: RECONNECT_BACKOFF,
            max_in_flight: usize::MAX,
        };
        let partitions = setup.topics.iter().enumerate().flat_map(|(topic, of)| {
            (0..of.partitions_max).map(move |partition| Partition {
                name: TopicPartition::new(TopicId(topic as u32), partition),
                replica: Replica::new(
                    of.config.min_insync_replicas,
                    setup.config.replica_lag_time_max,
                ),
                producers: ProducerState::default(),
                produces: Vec::new(),
                listed_in: None,
                fetches: Vec::new(),
                replicated: FactId::NONE,
            })
        });
        Self {
            partitions: partitions.collect(),
            connections: Connections::default(),
            sessions: Sessions::new(&setup.brokers),
            fetchers: Fetchers::default(),
            network: NetworkClient::new(network, jitter),
            view: View::default(),
            groups: Groups::default(),
            timers: Timers::default(),
            lifecycle: Lifecycle::registering(),
            upkeep: Upkeep::default(),
            has_errands: true,
            wakes: Vec::new(),
        }
    }
}

impl Broker {
    /// A broker with empty logs that knows of no partition yet.
    pub fn new(setup: BrokerSetup) -> Self {
        let slots = Slots::new(&setup.topics);
        let name = setup.cast.actor(setup.node).to_owned();
        let stream =
            |api: &Api| Stream::new(setup.seed, "request-time", &format!("{name}/{api:?}"));
        let request_times = match setup.request_time.constant() {
            Some(_) => Vec::new(),
            None => Api::ALL.iter().map(stream).collect(),
        };
        Self {
            request_times,
            disk: Disk {
                logs: vec![PartitionLog::default(); slots.len()],
                files: Self::new_files(&setup),
                producer_ids: 0,
                closed: None,
            },
            memory: Memory {
                lifecycle: Lifecycle::formed(),
                ..Memory::new(&setup)
            },
            slots: Arc::new(slots),
            setup: Arc::new(setup),
        }
    }

    /// Before time 0: these partitions exist.
    pub fn preload(&mut self, partitions: &[PartitionMetadata]) {
        self.memory.view.update(partitions);
        for state in partitions {
            let slot = self.slots.of(state.partition);
            let slot = slot.expect("the setup knows every partition there can be");
            self.assign(Instant::ZERO, slot, state, FactId::NONE);
            let log_end = self.disk.logs[slot].end();
            self.memory.partitions[slot].replica.form(log_end);
        }
    }

    /// The process starts.
    pub fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        for slot in 0..self.slots.len() {
            self.host(ctx, slot);
        }
        self.begin_life(ctx);
        self.begin_upkeep(ctx);
        self.end_turn(ctx);
    }

    /// One of the broker's own connections is up.
    pub fn on_connected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        self.memory.has_errands = true;
        self.memory.network.on_connected(conn);
        self.end_turn(ctx);
    }

    /// A connection is gone: a client's, or one of the broker's own.
    pub fn on_disconnected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        for done in self.memory.network.on_disconnected(ctx.now, conn) {
            self.on_completed(ctx, done);
        }
        self.drop_connection(conn);
        self.memory.has_errands = true;
        self.end_turn(ctx);
    }

    /// A client's request arrives.
    pub fn on_request(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        client: NodeId,
        envelope: Box<Envelope>,
    ) {
        let serves = !self.setup.can_fail || self.memory.lifecycle.serves();
        if !serves && envelope.api() != Api::UpdateMetadata {
            return ctx.close(conn);
        }
        if self.memory.connections.receive(conn, client, envelope) {
            self.serve_next(ctx, conn);
        }
        self.end_turn(ctx);
    }

    /// An answer to one of the broker's own requests arrives.
    pub fn on_response(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        correlation: u32,
        response: Response,
    ) {
        let done = self.memory.network.on_response(conn, correlation, response);
        if let Some(done) = done {
            self.on_completed(ctx, done);
        }
        self.memory.has_errands = true;
        self.end_turn(ctx);
    }

    /// A timer fires.
    pub fn on_timer(&mut self, ctx: &mut Ctx<'_>, key: TimerKey) {
        let slot = Slot::of(key);
        self.memory.timers.fired(slot);
        match slot {
            Slot::Service => {}
            Slot::Parked => self.time_out_parked(ctx),
            Slot::Coordinator => self.on_coordinator_timer(ctx),
            Slot::Lifecycle => self.on_lifecycle_timer(ctx),
            Slot::Upkeep => self.on_upkeep_timer(ctx),
            Slot::Network => {
                for done in self.memory.network.expire(ctx) {
                    self.on_completed(ctx, done);
                }
                self.memory.has_errands = true;
            }
        }
        self.end_turn(ctx);
    }

    /// The process dies: its memory is gone, its logs are kept. The high watermark is as the process
    /// knew it; in Kafka it is read from a checkpoint, which may be a few seconds old. Of each producer
    /// the last batch is known: that is what the snapshot of a recovery keeps.
    pub fn crash(&mut self) {
        let memory = Memory::new(&self.setup);
        let before = std::mem::replace(&mut self.memory, memory);
        let partitions = self.memory.partitions.iter_mut().zip(&before.partitions);
        for ((partition, before), log) in partitions.zip(&self.disk.logs) {
            let high_watermark = before.replica.high_watermark();
            partition.replica.learn(high_watermark, log.end());
            partition.producers = ProducerState::of(log.batches()).snapshot();
        }
    }
}
