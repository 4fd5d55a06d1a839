//! A small kernel: one producer, brokers that append at once, 5 ms of latency each way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafkasim::base::{
    ConnId, Dist, Instant, NodeId, RecordId, Seed, Span, TopicId, TopicPartition,
};
use kafkasim::kafka::config::ProducerConfig;
use kafkasim::kafka::message::{
    Acks, Body, Envelope, PartitionMetadata, ProduceRequest, ProducedPartition, Request, Response,
    TopicMetadata,
};
use kafkasim::kafka::{Batch, ErrorCode};
use kafkasim::node::fact::{Fact, FactId, ProduceFact};
use kafkasim::node::producer::{
    Clock, Keys, OnSendFailure, Partitioning, Producer, ProducerSetup, ScriptedRecord, Values,
    Workload,
};
use kafkasim::node::{Ctx, Effect, Point, Stated, StepMask, TimerKey};

pub(crate) const TOPIC: TopicId = TopicId(0);
const LATENCY: Span = Span::from_millis(5);

/// Milliseconds as an instant.
pub(crate) fn ms(millis: u64) -> Instant {
    Instant::ZERO + Span::from_millis(millis)
}

/// A setup with `count` records to one topic: no key, 100 bytes, one each 10 ms.
pub(crate) fn setup(count: u32, config: ProducerConfig) -> ProducerSetup {
    ProducerSetup {
        name: "shop".into(),
        node: NodeId(100),
        first_record: RecordId(1000),
        config,
        workload: Arc::new(workload(count)),
        clock: Clock::default(),
        topic_names: Arc::new([(TOPIC, "orders".into())]),
        bootstrap: Arc::new([NodeId(1), NodeId(2)]),
        seed: Seed(7),
    }
}

/// What such a producer sends.
pub(crate) fn workload(count: u32) -> Workload {
    Workload {
        topics: vec![TOPIC],
        count,
        script: Vec::new(),
        every: Dist::Constant(Span::from_millis(10)),
        keys: Keys::None,
        values: Values::Bytes(100),
        partitioning: Partitioning::Client,
        on_failure: OnSendFailure::Continue,
    }
}

/// Records at given milliseconds to given partitions.
pub(crate) fn script(records: &[(u64, u32)]) -> Workload {
    let record = |(at, partition): &(u64, u32)| ScriptedRecord {
        value: Some("value".into()),
        partition: Some(*partition),
        at: Some(ms(*at)),
        ..ScriptedRecord::default()
    };
    Workload {
        script: records.iter().map(record).collect(),
        ..workload(records.len() as u32)
    }
}

/// What the brokers do with the next Produce requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Append and answer.
    Answered,
    /// Append and say nothing, nor anything more on this connection.
    Unanswered,
    /// It never arrives, and nothing behind it on its connection.
    Lost,
    /// Append nothing and answer with this error.
    Refused(ErrorCode),
}

/// What befalls the producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// Its connections break.
    Break,
    /// It dies; a new process starts so much later.
    Crash(Span),
    /// Its application thread stands still.
    Stall(Span),
    /// It is told to close.
    Close,
}

#[derive(Clone, Debug)]
enum Event {
    Connected(ConnId),
    Arrived(ConnId, Box<Envelope>),
    Answered(ConnId, u32, Response),
    Blow(Blow),
    Start,
}

/// The producer and everything around it.
pub(crate) struct World {
    pub(crate) producer: Producer,
    pub(crate) now: Instant,
    pub(crate) facts: Vec<Stated>,
    /// Every batch appended, in order.
    pub(crate) logs: BTreeMap<TopicPartition, Vec<Batch>>,
    pub(crate) points: Vec<Point>,
    pub(crate) watched: StepMask,
    /// Fates of the next Produce requests; after them all are answered.
    pub(crate) fates: Vec<Fate>,
    pub(crate) exited: bool,
    pub(crate) events_handled: u64,
    partitions: u32,
    brokers: u32,
    next_fact: FactId,
    next_conn: u32,
    sequence: u64,
    queue: BTreeMap<(Instant, u8, u64), Event>,
    timers: BTreeMap<TimerKey, (Instant, u64)>,
    open: BTreeMap<ConnId, NodeId>,
    silent: BTreeSet<ConnId>,
    next_producer_id: u64,
}

impl World {
    pub(crate) fn new(setup: ProducerSetup, partitions: u32, brokers: u32) -> Self {
        let mut world = Self {
            producer: Producer::new(setup),
            now: Instant::ZERO,
            facts: Vec::new(),
            logs: BTreeMap::new(),
            points: Vec::new(),
            watched: StepMask::NONE,
            fates: Vec::new(),
            exited: false,
            events_handled: 0,
            partitions,
            brokers,
            next_fact: FactId(1),
            next_conn: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            timers: BTreeMap::new(),
            open: BTreeMap::new(),
            silent: BTreeSet::new(),
            next_producer_id: 1,
        };
        world.at(Instant::ZERO, 1, Event::Start);
        world
    }

    /// Something befalls the producer then.
    pub(crate) fn blow(&mut self, at: Instant, blow: Blow) {
        self.at(at, 0, Event::Blow(blow));
    }

    fn at(&mut self, at: Instant, class: u8, event: Event) {
        self.sequence += 1;
        self.queue.insert((at, class, self.sequence), event);
    }

    /// Calls a handler, carries out what it asks for, and goes on at points.
    fn call(&mut self, handler: impl FnOnce(&mut Producer, &mut Ctx<'_>)) {
        let mut effects = Vec::new();
        let mut ctx = Ctx {
            now: self.now,
            me: NodeId(100),
            cause: FactId::NONE,
            watched: self.watched,
            effects: &mut effects,
            facts: &mut self.facts,
            next_fact: &mut self.next_fact,
            next_conn: &mut self.next_conn,
        };
        handler(&mut self.producer, &mut ctx);
        let mut reached = false;
        for effect in effects {
            if let Effect::Reached(point) = effect {
                self.points.push(*point);
                reached = true;
            } else {
                self.carry_out(effect);
            }
        }
        if reached {
            self.call(Producer::go_on);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Open { conn, to, .. } => {
                self.open.insert(conn, to);
                self.at(self.now + LATENCY + LATENCY, 1, Event::Connected(conn));
            }
            Effect::Send { conn, envelope } => {
                self.at(self.now + LATENCY, 1, Event::Arrived(conn, envelope));
            }
            Effect::Close { conn } => {
                self.open.remove(&conn);
            }
            Effect::SetTimer { key, at } => {
                self.sequence += 1;
                self.timers.insert(key, (at, self.sequence));
            }
            Effect::CancelTimer { key } => {
                self.timers.remove(&key);
            }
            Effect::Exit => self.exited = true,
            Effect::Answered { .. } | Effect::Reached(_) => panic!("a producer asks for no such"),
        }
    }

    /// Runs until this instant, everything at it included.
    pub(crate) fn run_until(&mut self, end: Instant) {
        loop {
            let timer = self.timers.iter().map(|(key, (at, sequence))| {
                (
                    *at,
                    if key.application { 3 } else { 2 },
                    *sequence,
                    Some(*key),
                )
            });
            let queued = self
                .queue
                .keys()
                .next()
                .map(|(at, class, n)| (*at, *class, *n, None));
            let next = timer
                .chain(queued)
                .min_by_key(|(at, class, n, _)| (*at, *class, *n));
            let Some((at, class, sequence, key)) = next.filter(|(at, ..)| *at <= end) else {
                break;
            };
            assert!(self.now <= at, "time goes on");
            self.now = at;
            self.events_handled += 1;
            if let Some(key) = key {
                self.timers.remove(&key);
                self.call(|producer, ctx| producer.on_timer(ctx, key));
            } else {
                let event = self.queue.remove(&(at, class, sequence));
                self.handle(event.expect("the first event is there"));
            }
        }
        self.now = end;
        self.call(Producer::settle);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Start => self.call(Producer::on_start),
            Event::Connected(conn) if self.open.contains_key(&conn) => {
                self.call(|producer, ctx| producer.on_connected(ctx, conn));
            }
            Event::Answered(conn, number, response) if self.open.contains_key(&conn) => {
                self.call(|producer, ctx| producer.on_response(ctx, conn, number, response));
            }
            Event::Arrived(conn, envelope) if self.hears(conn) => {
                let Body::Request(request) = envelope.body else {
                    panic!("a producer sends requests")
                };
                if let Some(response) = self.answer(conn, &request) {
                    let answered = Event::Answered(conn, envelope.correlation, response);
                    self.at(self.now + LATENCY, 1, answered);
                }
            }
            Event::Connected(_) | Event::Answered(..) | Event::Arrived(..) => {}
            Event::Blow(blow) => self.strike(blow),
        }
    }

    fn hears(&self, conn: ConnId) -> bool {
        self.open.contains_key(&conn) && !self.silent.contains(&conn)
    }

    fn strike(&mut self, blow: Blow) {
        self.call(Producer::settle);
        match blow {
            Blow::Break => {
                for (conn, _) in std::mem::take(&mut self.open) {
                    self.call(|producer, ctx| producer.on_disconnected(ctx, conn));
                }
            }
            Blow::Crash(down) => {
                self.producer.crash();
                self.open.clear();
                self.timers.clear();
                self.at(self.now + down, 1, Event::Start);
            }
            Blow::Stall(span) => {
                let until = self.now + span;
                self.call(|producer, ctx| producer.stall(ctx, until));
            }
            Blow::Close => self.call(Producer::close),
        }
    }

    fn answer(&mut self, conn: ConnId, request: &Request) -> Option<Response> {
        Some(match request {
            Request::Metadata { topics, .. } => {
                let topics = topics.iter().map(|topic| self.metadata(*topic));
                Response::Metadata(topics.collect())
            }
            Request::InitProducerId => {
                self.next_producer_id += 1;
                Response::InitProducerId {
                    error: ErrorCode::None,
                    id: self.next_producer_id - 1,
                    epoch: 0,
                }
            }
            Request::Produce(produce) => return self.produce(conn, produce),
            other => panic!("a producer does not ask for {other:?}"),
        })
    }

    fn metadata(&self, topic: TopicId) -> TopicMetadata {
        let partition = |number| PartitionMetadata {
            partition: TopicPartition::new(topic, number),
            leader: Some(NodeId(1 + number % self.brokers)),
            leader_epoch: 0,
            partition_epoch: 0,
            replicas: Arc::new([]),
            isr: Arc::new([]),
        };
        TopicMetadata {
            topic,
            error: ErrorCode::None,
            partitions: (0..self.partitions).map(partition).collect(),
        }
    }

    fn produce(&mut self, conn: ConnId, request: &ProduceRequest) -> Option<Response> {
        let fate = if self.fates.is_empty() {
            Fate::Answered
        } else {
            self.fates.remove(0)
        };
        if fate == Fate::Lost || fate == Fate::Unanswered {
            self.silent.insert(conn);
        }
        if fate == Fate::Lost {
            return None;
        }
        let batches = request.batches.iter();
        let answers = batches.map(|(partition, batch)| match fate {
            Fate::Refused(error) => ProducedPartition {
                partition: *partition,
                error,
                base_offset: None,
            },
            _ => ProducedPartition {
                partition: *partition,
                error: ErrorCode::None,
                base_offset: Some(append(self.logs.entry(*partition).or_default(), batch)),
            },
        });
        let answers = answers.collect();
        let answered = fate != Fate::Unanswered && request.acks != Acks::None;
        answered.then_some(Response::Produce(answers))
    }

    /// The records of a log in order, by their number from 0.
    pub(crate) fn log(&self, partition: u32) -> Vec<u32> {
        let log = self.logs.get(&TopicPartition::new(TOPIC, partition));
        let batches = log.into_iter().flatten();
        let records: Vec<_> = batches.map(Batch::records).collect();
        records
            .iter()
            .flat_map(|r| r.iter().map(|id| id.0 - 1000))
            .collect()
    }

    /// Facts of the producer that `pick` takes, with their time in milliseconds.
    pub(crate) fn said<T>(&self, pick: impl Fn(&ProduceFact) -> Option<T>) -> Vec<(u64, T)> {
        let facts = self.facts.iter().filter_map(|stated| match &stated.fact {
            Fact::Produce(fact) => pick(fact).map(|picked| (stated.at.as_millis(), picked)),
            _ => None,
        });
        facts.collect()
    }

    /// When which records were sent, as batches of numbers from 0.
    pub(crate) fn batches_sent(&self) -> Vec<(u64, Vec<u32>)> {
        self.said(|fact| match fact {
            ProduceFact::BatchSent { records, .. } => {
                Some(records.iter().map(|id| id.0 - 1000).collect())
            }
            _ => None,
        })
    }

    /// When which records were acknowledged.
    pub(crate) fn acknowledged(&self) -> Vec<(u64, Vec<u32>)> {
        self.said(|fact| match fact {
            ProduceFact::Acknowledged { records, .. } => {
                Some(records.iter().map(|id| id.0 - 1000).collect())
            }
            _ => None,
        })
    }

    /// The instant of every `send()`, in nanoseconds, by record number.
    pub(crate) fn sends(&self) -> Vec<(u32, u64)> {
        let mut sends = Vec::new();
        for stated in &self.facts {
            if let Fact::Produce(ProduceFact::Sent { records, times, .. }) = &stated.fact {
                let one = |(id, index): (RecordId, u32)| (id.0 - 1000, times.get(index).0);
                sends.extend(records.iter().zip(0..).map(one));
            }
        }
        sends
    }
}

/// Appends a batch and returns its first offset; a numbered batch that is there already keeps its
/// place.
fn append(log: &mut Vec<Batch>, batch: &Batch) -> u64 {
    let mut offset = 0;
    for other in log.iter() {
        if batch.producer.is_some() && other.producer == batch.producer {
            return offset;
        }
        offset += u64::from(other.count());
    }
    log.push(batch.clone());
    offset
}
