//! The sender: its loop, and what it asks of the network (`Sender`, `NetworkClient.poll`).
//!
//! ```text
//! run: resolve numbers, raise the epoch -> no producer id? ask for one, send nothing
//!      -> ready -> drain -> expire -> send -> ask for metadata -> again until nothing happens
//! ```
//!
//! It stops before and after a request where somebody watches. Answers are dealt with in
//! `completion`; it runs when a handler of the producer says so and wakes itself by one timer. Not
//! modelled: new leaders in the answer to `Produce` (KIP-951), errors that end a producer for good.

use std::collections::VecDeque;

use super::accumulator::Accumulator;
use super::batch::BatchId;
use super::completion::Told;
use super::drain::{Drained, earlier};
use super::idempotence::Idempotence;
use super::stretch::Stretch;
use crate::base::{ConnId, Instant, NodeId};
use crate::kafka::ErrorCode;
use crate::kafka::config::ProducerConfig;
use crate::kafka::message::{Acks, Few, ProduceRequest, Request, Response};
use crate::node::client::{Backoff, Completed, Metadata, NetworkClient};
use crate::node::fact::{FactId, ProduceFact};
use crate::node::{Bootstrap, Concern, Ctx, Lane, Phase, StepKind, TimerKey};

/// The sender's timer.
pub const SENDER_TIMER: TimerKey = TimerKey::timer(0);

/// Whose answer a request awaits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// These batches.
    Produce(Few<BatchId>),
    /// The producer id.
    ProducerId,
    /// The metadata.
    Metadata,
}

/// Whether a loop came to its end or stands at a watched point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// At its end.
    Done,
    /// At a point; `go_on` follows.
    Stopped,
}

/// What happened in one pass of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// Nothing.
    Idle,
    /// Requests with data are about to leave, and nothing else.
    Sent,
    /// Something that the next pass may have to look at.
    Busy,
}

/// A request about to leave.
#[derive(Clone, Debug)]
struct Outgoing {
    broker: NodeId,
    batches: Few<Drained>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Drained,
    BeforePassed,
    Sent,
}

/// What a sender is made of.
#[derive(Debug)]
pub struct SenderParts {
    /// The producer's settings.
    pub config: ProducerConfig,
    /// Brokers that may be asked for anything.
    pub brokers: Bootstrap,
    /// The queues.
    pub accumulator: Accumulator,
    /// The connections.
    pub network: NetworkClient<Tag>,
    /// How long a failed batch waits.
    pub backoff: Backoff,
    /// Where sends are stated.
    pub stretch: Stretch,
    /// Whether the stamp of each record travels with its batch.
    pub keeps_stamps: bool,
}

/// The sender of a producer.
#[derive(Clone, Debug)]
pub struct Sender {
    pub(super) config: ProducerConfig,
    brokers: Bootstrap,
    /// The queues.
    pub accumulator: Accumulator,
    /// Sends not stated yet.
    pub stretch: Stretch,
    /// What callbacks were told since they were last looked at.
    pub told: Vec<Told>,
    pub(super) idempotence: Option<Idempotence>,
    pub(super) network: NetworkClient<Tag>,
    pub(super) metadata: Metadata,
    pub(super) backoff: Backoff,
    /// When `InitProducerId` may be sent; `None` while it is under way.
    pub(super) ask_id_at: Option<Instant>,
    outbox: VecDeque<Outgoing>,
    /// Sent with `acks=0`: no answer will come.
    unanswered: Vec<BatchId>,
    wake_at: Option<Instant>,
    armed: Option<Instant>,
    /// No batch is past `delivery.timeout.ms` before; there is nothing to look for until then.
    none_expires_before: Instant,
    keeps_stamps: bool,
}

impl Sender {
    /// A sender that has done nothing yet.
    pub fn new(parts: SenderParts) -> Self {
        let config = parts.config;
        let idempotence = config.idempotence.then(Idempotence::default);
        Self {
            keeps_stamps: parts.keeps_stamps,
            brokers: parts.brokers,
            accumulator: parts.accumulator,
            stretch: parts.stretch,
            told: Vec::new(),
            idempotence,
            network: parts.network,
            metadata: Metadata::new(config.metadata_max_age, config.retry_backoff),
            backoff: parts.backoff,
            ask_id_at: Some(Instant::ZERO),
            outbox: VecDeque::new(),
            unanswered: Vec::new(),
            wake_at: None,
            armed: None,
            none_expires_before: Instant::ZERO,
            config,
        }
    }

    /// When the sender wakes by itself.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.armed
    }

    /// The producer id and epoch, if there is one.
    pub fn identity(&self) -> Option<(u64, i16)> {
        self.idempotence.as_ref().and_then(Idempotence::identity)
    }

    /// Whether nothing is queued and no request awaits an answer.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty()
            && !self.accumulator.has_undrained()
            && self.network.total_in_flight() == 0
    }

    /// Runs the loop until nothing more happens at this instant, and sets the timer.
    pub fn run(&mut self, ctx: &mut Ctx<'_>) -> Flow {
        let mut pass = Pass::Busy;
        loop {
            if self.send_outbox(ctx) == Flow::Stopped {
                return Flow::Stopped;
            }
            self.complete_unanswered(ctx);
            // With every queue empty and nothing else done, another pass would only find the same.
            let rests = pass == Pass::Sent
                && self.config.acks != Acks::None
                && self.accumulator.has_nothing_to_weigh();
            if rests {
                break;
            }
            pass = self.run_once(ctx);
            if pass == Pass::Idle {
                break;
            }
        }
        self.arm(ctx);
        Flow::Done
    }

    fn arm(&mut self, ctx: &mut Ctx<'_>) {
        let mut at = self.wake_at;
        if let Some(deadline) = self.network.next_deadline() {
            earlier(&mut at, deadline);
        }
        if at == self.armed {
            return;
        }
        match at {
            Some(at) => ctx.set_timer(SENDER_TIMER, at),
            None => ctx.cancel_timer(SENDER_TIMER),
        }
        self.armed = at;
    }

    /// The timer fired.
    pub fn on_timer(&mut self, ctx: &mut Ctx<'_>) {
        self.armed = None;
        self.expire_requests(ctx);
    }

    /// A connection is up.
    pub fn on_connected(&mut self, conn: ConnId) {
        self.network.on_connected(conn);
    }

    /// An answer arrived; [`Sender::handle`] deals with it.
    pub fn on_response(
        &mut self,
        conn: ConnId,
        correlation: u32,
        response: Response,
    ) -> Option<Completed<Tag>> {
        self.network.on_response(conn, correlation, response)
    }

    fn wake(&mut self, now: Instant, at: Instant) {
        if now < at {
            earlier(&mut self.wake_at, at);
        }
    }

    /// One pass. What happened.
    fn run_once(&mut self, ctx: &mut Ctx<'_>) -> Pass {
        self.wake_at = None;
        let mut busy = false;
        if let Some(idempotence) = &mut self.idempotence {
            idempotence.resolve();
            if idempotence.bump(&mut self.accumulator.shelf) {
                busy = true;
                if let Some((_, epoch)) = idempotence.identity() {
                    ctx.note(ProduceFact::ProducerEpochBumped { epoch });
                }
            }
        }
        if self.idempotence.is_some() && self.identity().is_none() {
            busy |= self.ask_id(ctx);
        } else {
            busy |= self.send_data(ctx);
        }
        busy |= self.ask_metadata(ctx);
        if busy {
            Pass::Busy
        } else if self.outbox.is_empty() {
            Pass::Idle
        } else {
            Pass::Sent
        }
    }

    fn ask_id(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Some(at) = self.ask_id_at else {
            return false;
        };
        if ctx.now < at {
            self.wake(ctx.now, at);
            return false;
        }
        let Some(broker) = self.any_broker(ctx) else {
            return false;
        };
        let link = (broker, Lane::Main);
        self.network
            .send(ctx, link, Request::InitProducerId, None, Tag::ProducerId);
        self.ask_id_at = None;
        true
    }

    fn ask_metadata(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Some(due) = self.metadata.update_due() else {
            return false;
        };
        if ctx.now < due {
            self.wake(ctx.now, due);
            return false;
        }
        let Some(broker) = self.any_broker(ctx) else {
            return false;
        };
        let request = Request::Metadata {
            topics: self.metadata.wanted().to_vec(),
            allow_auto_create: true,
        };
        self.network
            .send(ctx, (broker, Lane::Main), request, None, Tag::Metadata);
        self.metadata.started(ctx.now);
        true
    }

    fn any_broker(&mut self, ctx: &mut Ctx<'_>) -> Option<NodeId> {
        let broker = self.network.least_loaded_or_connect(ctx, &self.brokers);
        if broker.is_none()
            && let Some(at) = self.network.next_retry(&self.brokers)
        {
            self.wake(ctx.now, at);
        }
        broker
    }

    /// Ready, drain, expire: what leaves is in the outbox afterwards (`sendProducerData`). Whether
    /// anything expired.
    fn send_data(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let now = ctx.now;
        let readiness = self.accumulator.ready(now);
        if readiness.unknown_leader {
            self.metadata.request_update();
        }
        if let Some(at) = readiness.next_check {
            self.wake(now, at);
        }
        if readiness.brokers.is_empty() {
            return self.expire_batches(ctx);
        }
        // While new metadata are due nothing is sent, as if no broker were ready.
        let due = self.metadata.update_due();
        let stale = due.is_some_and(|due| due <= now);
        for broker in readiness.brokers {
            if self.network.ready(ctx, broker, Lane::Main) {
                if !stale {
                    self.drain(broker, now);
                }
            } else if let Some(at) = self.network.retry_at(broker, Lane::Main) {
                self.wake(now, at);
            }
        }
        self.expire_batches(ctx)
    }

    fn drain(&mut self, broker: NodeId, now: Instant) {
        let batches = self
            .accumulator
            .drain(broker, now, self.idempotence.as_mut());
        if batches.is_empty() {
            return;
        }
        let mute = self.config.max_in_flight == 1;
        for drained in &batches {
            let batch = self.accumulator.shelf.get_mut(drained.batch);
            batch.in_request = true;
            let place = batch.place;
            let queue = self.accumulator.queue(place);
            queue.in_flight.push(drained.batch);
            queue.muted |= mute;
        }
        self.outbox.push_back(Outgoing {
            broker,
            batches,
            stage: Stage::Drained,
        });
    }

    /// Fails what is past `delivery.timeout.ms`: what is queued first, then what is under way.
    fn expire_batches(&mut self, ctx: &mut Ctx<'_>) -> bool {
        if ctx.now < self.none_expires_before {
            if 0 < self.accumulator.incomplete() {
                self.wake(ctx.now, self.none_expires_before);
            }
            return false;
        }
        let mut next = None;
        let under_way = self.accumulator.expired_in_flight(ctx.now, &mut next);
        let mut expired = self.accumulator.expired_in_queues(ctx.now, &mut next);
        expired.extend(under_way);
        // Of those that wait behind others too; what is begun later expires later still.
        let oldest = self.accumulator.oldest().unwrap_or(ctx.now);
        self.none_expires_before = oldest + self.config.delivery_timeout;
        if let Some(at) = next {
            self.wake(ctx.now, at);
        }
        for id in &expired {
            self.expire(ctx, *id);
        }
        !expired.is_empty()
    }

    /// Sends the requests drained, stopping where somebody watches.
    fn send_outbox(&mut self, ctx: &mut Ctx<'_>) -> Flow {
        while let Some(mut outgoing) = self.outbox.pop_front() {
            if outgoing.stage == Stage::Drained {
                outgoing.stage = Stage::BeforePassed;
                if ctx.watches(StepKind::Request, Phase::Before) {
                    return self.stop(ctx, outgoing, Phase::Before);
                }
            }
            if outgoing.stage == Stage::BeforePassed {
                self.send_request(ctx, &outgoing);
                outgoing.stage = Stage::Sent;
                if ctx.watches(StepKind::Request, Phase::After) {
                    return self.stop(ctx, outgoing, Phase::After);
                }
            }
        }
        Flow::Done
    }

    fn stop(&mut self, ctx: &mut Ctx<'_>, outgoing: Outgoing, phase: Phase) -> Flow {
        self.stretch.state(ctx);
        let batches: Vec<BatchId> = outgoing.batches.iter().map(|d| d.batch).collect();
        ctx.reach(StepKind::Request, phase, self.concerns(&batches));
        self.outbox.push_front(outgoing);
        Flow::Stopped
    }

    /// The records of these batches, for a point.
    pub fn concerns(&mut self, batches: &[BatchId]) -> Vec<Concern> {
        let concern = |id: &BatchId| {
            let batch = self.accumulator.shelf.get_mut(*id);
            let (place, records) = (batch.place, batch.records());
            Concern {
                partition: self.accumulator.partition(place),
                offsets: 0..0,
                records,
            }
        };
        batches.iter().map(concern).collect()
    }

    fn send_request(&mut self, ctx: &mut Ctx<'_>, outgoing: &Outgoing) {
        self.stretch.state(ctx);
        let broker = outgoing.broker;
        if !self.network.is_connected(broker, Lane::Main) {
            let batches: Vec<BatchId> = outgoing.batches.iter().map(|d| d.batch).collect();
            self.fail_unsent(ctx, &batches);
            return;
        }
        let before = ctx.cause;
        let cause = ctx.note(ProduceFact::RequestSent {
            to: broker,
            correlation: self.network.next_correlation(broker, Lane::Main),
            batches: outgoing.batches.len() as u32,
        });
        let mut batches = Few::with_capacity(outgoing.batches.len());
        for drained in &outgoing.batches {
            ctx.cause = cause;
            let batch = self.accumulator.shelf.get_mut(drained.batch);
            let message = batch.message(self.keeps_stamps);
            let (place, attempt, since) = (batch.place, batch.attempts, batch.since);
            let partition = self.accumulator.partition(place);
            let fact = ctx.note_since(
                ProduceFact::BatchSent {
                    partition,
                    records: message.records(),
                    attempt,
                    reason: drained.reason,
                    sequence: message.producer.map(|stamp| stamp.base_sequence),
                },
                since,
            );
            self.accumulator.shelf.get_mut(drained.batch).since = fact;
            batches.push((partition, message));
        }
        if 1 < batches.len() {
            ctx.cause = cause;
        }
        let request = Request::Produce(ProduceRequest {
            acks: self.config.acks,
            timeout: self.config.request_timeout,
            batches,
        });
        let ids: Few<BatchId> = outgoing.batches.iter().map(|d| d.batch).collect();
        let link = (broker, Lane::Main);
        if self.config.acks == Acks::None {
            self.unanswered.extend(&ids);
        }
        let tag = Tag::Produce(ids);
        let correlation = self.network.send(ctx, link, request, None, tag);
        if self.config.acks == Acks::None {
            self.network.forget(broker, Lane::Main, correlation);
        }
        ctx.cause = before;
    }

    /// The connection was lost while the sender stood at a point before the request.
    fn fail_unsent(&mut self, ctx: &mut Ctx<'_>, batches: &[BatchId]) {
        self.all_back(ctx, batches, ErrorCode::NetworkException);
    }

    /// `acks=0`: a request that is out counts as delivered.
    fn complete_unanswered(&mut self, ctx: &mut Ctx<'_>) {
        if self.unanswered.is_empty() {
            return;
        }
        let batches = std::mem::take(&mut self.unanswered);
        self.all_back(ctx, &batches, ErrorCode::None);
    }

    /// A `send()` waits for the metadata of this topic.
    pub fn await_metadata(&mut self, topic: usize) {
        let id = self.accumulator.topics[topic].id;
        self.metadata.want(id);
        self.metadata.request_update();
    }

    /// Closes every connection.
    pub fn close_connections(&mut self, ctx: &mut Ctx<'_>) {
        self.network.close_all(ctx);
        ctx.cancel_timer(SENDER_TIMER);
        self.armed = None;
    }

    /// A fact may speak of this batch as the last that changed its course.
    pub(super) fn since(&self, id: BatchId) -> FactId {
        self.accumulator.shelf.get(id).since
    }
}
