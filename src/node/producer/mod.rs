//! A producer: the application that sends, and the client library under it.
//!
//! ```text
//! application --append--> accumulator --drain--> sender --request--> broker
//!      ^                       ^-------retry-------'  '<----answer-----'
//!      '---------------- told: acknowledged or failed
//! ```
//!
//! Every handler brings the application up to date, lets the sender take in what happened, and runs
//! the sender until nothing more happens at this instant. Not modelled: transactions, compression,
//! record headers, `librdkafka`, interceptors.

pub mod accumulator;
mod application;
pub mod batch;
pub mod completion;
pub mod drain;
pub mod draws;
pub mod idempotence;
pub mod partitioner;
pub mod sender;
pub mod stretch;
#[cfg(test)]
mod tests;
pub mod workload;

pub use draws::Draws;
pub use workload::{Clock, Keys, OnSendFailure, Partitioning, ScriptedRecord, Values, Workload};

use std::sync::Arc;

use self::accumulator::{Accumulator, Limits};
use self::application::{APPLICATION_TIMER, Application, Ending, Pick, Sent};
use self::completion::batches_of;
use self::partitioner::Dice;
use self::sender::{Flow, SENDER_TIMER, Sender, SenderParts, Tag};
use self::stretch::Stretch;
use crate::base::{ConnId, Instant, NodeId, RecordId, Seed, Stream, TopicId};
use crate::kafka::ErrorCode;
use crate::kafka::config::ProducerConfig;
use crate::kafka::config::producer::PartitionerClass;
use crate::kafka::hash::string_hash;
use crate::kafka::message::Response;
use crate::node::client::{Backoff, Completed, NetworkClient, NetworkConfig};
use crate::node::fact::ProduceFact;
use crate::node::{Bootstrap, Concern, Ctx, Phase, StepKind, TimerKey};

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
    /// Its clock.
    pub clock: Clock,
    /// The names of the topics that there are.
    pub topic_names: Arc<[(TopicId, Arc<str>)]>,
    /// The brokers.
    pub bootstrap: Bootstrap,
    /// The seed of the run, for its own random streams.
    pub seed: Seed,
}

/// Where a producer stands while it waits for `go_on`.
#[derive(Clone, Debug)]
enum Held {
    /// Before `send()`.
    BeforeSend(Pick),
    /// After `send()`.
    AfterSend,
    /// The sender stands at a request.
    Request,
    /// Before an answer is handled.
    BeforeAcknowledge(Box<Completed<Tag>>),
    /// After it.
    AfterAcknowledge,
    /// Before or after `close()`.
    Close,
}

/// A process of a producer.
#[derive(Clone, Debug)]
struct Process {
    application: Application,
    sender: Sender,
    held: Option<Held>,
    /// That everything is sent and heard of was stated.
    finished: bool,
}

/// A producer, through all its processes.
#[derive(Clone, Debug)]
pub struct Producer {
    setup: Arc<ProducerSetup>,
    /// The first record not passed to `send()` when the last process died.
    next: u32,
    /// How many processes there were.
    lives: u64,
    process: Option<Process>,
}

impl Producer {
    /// A producer that has not started.
    pub fn new(setup: ProducerSetup) -> Self {
        Self {
            setup: Arc::new(setup),
            next: 0,
            lives: 0,
            process: None,
        }
    }

    /// A process starts, with the first record not yet passed to `send()`.
    pub fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        let application = Application::new(&self.setup, self.next, ctx.now);
        let sender = sender(&self.setup, self.lives, application.topics());
        self.lives += 1;
        let mut process = Process {
            application,
            sender,
            held: None,
            finished: false,
        };
        process.run_sender(ctx);
        self.process = Some(process);
    }

    /// A connection is up.
    pub fn on_connected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        if let Some(process) = &mut self.process {
            process.catch_up(ctx);
            process.sender.on_connected(conn);
            process.run_sender(ctx);
        }
    }

    /// A connection is lost, or could not be made.
    pub fn on_disconnected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        if let Some(process) = &mut self.process {
            process.catch_up(ctx);
            process.sender.stretch.state(ctx);
            process.sender.on_disconnected(ctx, conn);
            process.run_sender(ctx);
        }
    }

    /// An answer arrived.
    pub fn on_response(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        correlation: u32,
        response: Response,
    ) {
        let Some(process) = &mut self.process else {
            return;
        };
        process.catch_up(ctx);
        let completed = process.sender.on_response(conn, correlation, response);
        if let Some(completed) = completed {
            process.answered(ctx, completed);
        }
    }

    /// A timer fired.
    pub fn on_timer(&mut self, ctx: &mut Ctx<'_>, key: TimerKey) {
        let Some(process) = &mut self.process else {
            return;
        };
        process.catch_up(ctx);
        if key == SENDER_TIMER {
            process.sender.on_timer(ctx);
            process.run_sender(ctx);
        } else {
            assert_eq!(key, APPLICATION_TIMER, "a producer has two timers");
            process.application.fired();
            process.go_on_sending(ctx);
        }
    }

    /// Goes on where it stopped at a watched point.
    pub fn go_on(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(process) = &mut self.process {
            process.go_on(ctx);
        }
    }

    /// States the sends that lie strictly before `ctx.now`. The next one gets an event of its own:
    /// what the fault that follows does to it is seen then.
    pub fn settle(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(process) = &mut self.process {
            process.catch_up(ctx);
            process.sender.stretch.state(ctx);
            process.application.cut(ctx);
        }
    }

    /// The application thread stands still until then; the sender goes on.
    pub fn stall(&mut self, ctx: &mut Ctx<'_>, until: Instant) {
        if let Some(process) = &mut self.process {
            process.catch_up(ctx);
            process.application.stall(until);
            process.arm(ctx);
        }
    }

    /// Closes gracefully, as soon as the application thread is free: what is queued is sent, and
    /// answers are awaited.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(process) = &mut self.process {
            process.catch_up(ctx);
            process.sender.stretch.state(ctx);
            if process.application.ending == Ending::No {
                process.application.ending = Ending::Wanted;
            }
            if process.held.is_none() {
                process.go_on_sending(ctx);
            }
        }
    }

    /// The process dies. Which record is next is all that is kept.
    pub fn crash(&mut self) {
        self.next = self.next_record();
        self.process = None;
    }

    /// Whether it has sent everything and heard of it, or is closed.
    pub fn is_finished(&self) -> bool {
        match &self.process {
            Some(process) => process.is_finished(),
            None => self.next == self.setup.workload.count,
        }
    }

    /// The number of the first record not yet passed to `send()`, from 0.
    pub fn next_record(&self) -> u32 {
        let process = self.process.as_ref();
        process.map_or(self.next, |process| process.application.next)
    }
}

impl Process {
    fn catch_up(&mut self, ctx: &Ctx<'_>) {
        self.application.catch_up(&mut self.sender, ctx.now);
    }

    fn is_finished(&self) -> bool {
        match self.application.ending {
            Ending::Closed => true,
            Ending::No => self.held.is_none() && self.has_heard_everything(),
            _ => false,
        }
    }

    fn has_heard_everything(&self) -> bool {
        self.application.has_sent_everything() && self.sender.accumulator.incomplete() == 0
    }

    /// Says once when everything was sent and heard of.
    fn note_finished(&mut self, ctx: &mut Ctx<'_>) {
        if !self.finished && self.held.is_none() && self.has_heard_everything() {
            self.finished = true;
            self.sender.stretch.state(ctx);
            ctx.note(ProduceFact::Finished);
        }
    }

    /// Runs the sender, then sees what that means for the application.
    fn run_sender(&mut self, ctx: &mut Ctx<'_>) {
        self.application.woke_sender = false;
        self.application.keep_asking(&mut self.sender);
        if self.sender.run(ctx) == Flow::Stopped {
            self.held = Some(Held::Request);
            return;
        }
        for told in self.sender.told.drain(..) {
            if told.error != ErrorCode::None {
                self.application.react(&told.records);
            }
        }
        if self.application.ending == Ending::Closing && self.sender.is_idle() {
            self.note_finished(ctx);
            self.sender.close_connections(ctx);
            self.application.ending = Ending::After;
            if ctx.watches(StepKind::Close, Phase::After) {
                return self.hold(
                    ctx,
                    Held::Close,
                    (StepKind::Close, Phase::After),
                    Vec::new(),
                );
            }
            return self.exit(ctx);
        }
        self.arm(ctx);
    }

    /// Sets the application's timer, and says so when everything is done.
    fn arm(&mut self, ctx: &mut Ctx<'_>) {
        self.note_finished(ctx);
        if self.held.is_none() {
            self.application.arm(ctx, &mut self.sender);
        }
    }

    fn exit(&mut self, ctx: &mut Ctx<'_>) {
        self.application.ending = Ending::Closed;
        ctx.exit();
    }

    /// Stops at a point.
    fn hold(
        &mut self,
        ctx: &mut Ctx<'_>,
        held: Held,
        (step, phase): (StepKind, Phase),
        concerns: Vec<Concern>,
    ) {
        self.sender.stretch.state(ctx);
        self.held = Some(held);
        ctx.reach(step, phase, concerns);
    }

    fn answered(&mut self, ctx: &mut Ctx<'_>, completed: Completed<Tag>) {
        if let Some(batches) = batches_of(&completed)
            && ctx.watches(StepKind::Acknowledge, Phase::Before)
        {
            let concerns = self.sender.concerns(batches);
            let point = (StepKind::Acknowledge, Phase::Before);
            return self.hold(
                ctx,
                Held::BeforeAcknowledge(Box::new(completed)),
                point,
                concerns,
            );
        }
        self.acknowledge(ctx, completed);
    }

    fn acknowledge(&mut self, ctx: &mut Ctx<'_>, completed: Completed<Tag>) {
        let concerns = match batches_of(&completed) {
            Some(batches) if ctx.watches(StepKind::Acknowledge, Phase::After) => {
                Some(self.sender.concerns(batches))
            }
            _ => None,
        };
        self.sender.handle(ctx, completed);
        if let Some(concerns) = concerns {
            let point = (StepKind::Acknowledge, Phase::After);
            return self.hold(ctx, Held::AfterAcknowledge, point, concerns);
        }
        self.run_sender(ctx);
    }

    fn go_on(&mut self, ctx: &mut Ctx<'_>) {
        match self.held.take() {
            None => {}
            Some(Held::BeforeSend(pick)) => {
                let stalled = self.application.is_stalled(ctx.now);
                if stalled || self.application.ending != Ending::No {
                    self.application.put_back(pick);
                    self.go_on_sending(ctx);
                } else if self.send(ctx, pick) {
                    self.go_on_sending(ctx);
                }
            }
            Some(Held::AfterSend) => self.go_on_sending(ctx),
            Some(Held::Request | Held::AfterAcknowledge) => self.run_sender(ctx),
            Some(Held::BeforeAcknowledge(completed)) => self.acknowledge(ctx, *completed),
            Some(Held::Close) if self.application.ending == Ending::Before => self.close(ctx),
            Some(Held::Close) => self.exit(ctx),
        }
    }

    /// Sends every record that is due, up to a point or a wait, then lets the sender run if one of
    /// them woke it.
    fn go_on_sending(&mut self, ctx: &mut Ctx<'_>) {
        loop {
            if let Some((pick, partition)) = self.application.unblock(ctx, &mut self.sender) {
                if self.after_send(ctx, &pick, partition) {
                    return;
                }
                continue;
            }
            let free = !self.application.is_blocked() && !self.application.is_stalled(ctx.now);
            if free && self.application.ending == Ending::Wanted {
                return self.begin_to_close(ctx);
            }
            let Some(pick) = self.application.pick(ctx.now) else {
                break;
            };
            let announced = self.application.take_announced();
            if !announced && ctx.watches(StepKind::Send, Phase::Before) {
                let concerns = self.application.concern(&self.sender, &pick, None);
                let point = (StepKind::Send, Phase::Before);
                return self.hold(ctx, Held::BeforeSend(pick), point, concerns);
            }
            if !self.send(ctx, pick) {
                return;
            }
        }
        self.sender.stretch.state(ctx);
        if self.application.woke_sender {
            self.run_sender(ctx);
        } else {
            self.arm(ctx);
        }
    }

    /// Passes a record to `send()`. Whether to go on: it does not stand at a point.
    fn send(&mut self, ctx: &mut Ctx<'_>, pick: Pick) -> bool {
        match self.application.send(ctx, &mut self.sender, pick) {
            Sent::Returned(partition) => !self.after_send(ctx, &pick, partition),
            Sent::Blocked => true,
        }
    }

    /// `send()` has returned. Whether it stands at the point after it.
    fn after_send(&mut self, ctx: &mut Ctx<'_>, pick: &Pick, partition: Option<u32>) -> bool {
        let watched = ctx.watches(StepKind::Send, Phase::After);
        if watched {
            let concerns = self.application.concern(&self.sender, pick, partition);
            let point = (StepKind::Send, Phase::After);
            self.hold(ctx, Held::AfterSend, point, concerns);
        }
        watched
    }

    fn begin_to_close(&mut self, ctx: &mut Ctx<'_>) {
        self.application.ending = Ending::Before;
        if ctx.watches(StepKind::Close, Phase::Before) {
            let point = (StepKind::Close, Phase::Before);
            return self.hold(ctx, Held::Close, point, Vec::new());
        }
        self.close(ctx);
    }

    fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.application.ending = Ending::Closing;
        self.sender.accumulator.closing = true;
        self.sender.accumulator.changes += 1;
        self.sender.stretch.state(ctx);
        self.run_sender(ctx);
    }
}

/// The sender of a new process, with random streams of its own.
fn sender(setup: &Arc<ProducerSetup>, life: u64, topics: &[TopicId]) -> Sender {
    let config = &setup.config;
    let stream = |purpose| {
        let mut stream = Stream::new(setup.seed, purpose, &setup.name);
        stream.seek(life, 0);
        stream
    };
    let client = setup.workload.partitioning == Partitioning::Client;
    let limits = Limits {
        batch_size: config.batch_size,
        linger: config.linger,
        buffer_memory: config.buffer_memory,
        max_request_size: config.max_request_size,
        delivery_timeout: config.delivery_timeout,
        adaptive: config.adaptive_partitioning
            && client
            && config.partitioner == PartitionerClass::Default,
    };
    let others: Arc<[u32]> = match &setup.workload.partitioning {
        Partitioning::Table { others, .. } => others.as_slice().into(),
        _ => Arc::new([]),
    };
    let dice = Dice::Fair(Box::new(stream("partitioner")));
    let mut accumulator = Accumulator::new(limits, dice, others);
    for topic in topics {
        let index = accumulator.topic(*topic);
        let mut names = setup.topic_names.iter();
        let name = names.find(|(id, _)| id == topic);
        accumulator.name_topic(index, name.map_or(0, |(_, name)| string_hash(name)));
    }
    let network = NetworkConfig {
        request_timeout: config.request_timeout,
        reconnect_backoff: config.reconnect_backoff,
        reconnect_backoff_max: config.reconnect_backoff_max,
        max_in_flight: config.max_in_flight as usize,
    };
    Sender::new(SenderParts {
        keeps_stamps: setup.clock.is_asked,
        config: config.clone(),
        brokers: setup.bootstrap.clone(),
        accumulator,
        network: NetworkClient::new(network, stream("reconnect")),
        backoff: Backoff::new(
            config.retry_backoff,
            config.retry_backoff_max,
            stream("retry"),
        ),
        stretch: Stretch::new(topics),
    })
}
