//! The sender against recordings of Kafka's own: every request, callback, closed connection and
//! producer id with its millisecond.
//!
//! Connections are made up as in the recordings: connecting takes no time, answers and losses are
//! given. The order is compared within each kind of event; of requests within each node, of
//! callbacks within each partition, since Kafka goes through partitions in the order of a hash map.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafkasim::base::TopicPartition;
use kafkasim::base::{ConnId, Instant, NodeId, RecordId, Seed, Span, Stream, TopicId};
use kafkasim::kafka::config::ProducerConfig;
use kafkasim::kafka::message::{
    Acks, Body, Few, PartitionMetadata, ProducedPartition, Request, Response,
};
use kafkasim::kafka::{Batch, ErrorCode, size};
use kafkasim::node::client::{Backoff, NetworkClient, NetworkConfig};
use kafkasim::node::fact::{Fact, FactId, ProduceFact};
use kafkasim::node::producer::accumulator::{Accumulator, Append, Limits};
use kafkasim::node::producer::batch::NewRecord;
use kafkasim::node::producer::partitioner::{Dice, Route};
use kafkasim::node::producer::sender::{Flow, Sender, SenderParts};
use kafkasim::node::producer::stretch::Stretch;
use kafkasim::node::{Ctx, Effect, Stated, StepMask};
use serde_json::Value;

use super::{Tally, lines, list, number, text};

const TOPIC: TopicId = TopicId(0);

/// What happened, by kind, each with its time.
#[derive(Debug, Default, PartialEq, Eq)]
struct Happened {
    sends: Vec<(i64, Sent)>,
    closes: Vec<(i64, i64)>,
    callbacks: Vec<(i64, i64, i64, String)>,
    producers: Vec<(i64, i64, i64)>,
    /// Whether records are left without callback at the end.
    open: bool,
}

/// Epoch, base sequence and records of a batch.
type SentBatch = (Option<i64>, Option<i64>, Vec<i64>);

/// A request: node, whether into a lost connection, and the batches by partition; none for `InitProducerId`.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    node: i64,
    dead: bool,
    batches: BTreeMap<i64, SentBatch>,
}

/// A connection the client opened.
struct Conn {
    node: NodeId,
    lost: bool,
}

/// A sender with made-up connections.
struct Story {
    sender: Sender,
    now: i64,
    effects: Vec<Effect>,
    facts: Vec<Stated>,
    next_fact: FactId,
    next_conn: u32,
    conns: Vec<Conn>,
    /// Requests by node in order: connection, number on it, partitions.
    requests: BTreeMap<i64, Vec<(ConnId, u32, Vec<TopicPartition>)>>,
    /// The node and place among its requests of every request in the recording.
    places: BTreeMap<i64, (i64, usize)>,
    producer: (i64, i64),
    happened: Happened,
}

/// Calls a method of the sender with a context.
macro_rules! tell {
    ($story:expr, $method:ident $(, $argument:expr)*) => {{
        let story = &mut *$story;
        let mut ctx = Ctx {
            now: Instant::ZERO + Span::from_millis(story.now as u64),
            me: NodeId(1000),
            cause: FactId::NONE,
            watched: StepMask::NONE,
            effects: &mut story.effects,
            facts: &mut story.facts,
            next_fact: &mut story.next_fact,
            next_conn: &mut story.next_conn,
        };
        story.sender.$method(&mut ctx $(, $argument)*)
    }};
}

impl Story {
    fn new(line: &Value) -> Self {
        let cfg = &line["cfg"];
        let millis = |key| Span::from_millis(number(cfg, key) as u64);
        let config = ProducerConfig {
            acks: match number(cfg, "acks") {
                0 => Acks::None,
                1 => Acks::Leader,
                _ => Acks::All,
            },
            idempotence: cfg["idempotent"] == true,
            retries: number(cfg, "retries") as u32,
            max_in_flight: number(cfg, "in_flight") as u32,
            batch_size: number(cfg, "batch_size") as u32,
            linger: millis("linger"),
            delivery_timeout: millis("delivery_timeout"),
            request_timeout: millis("request_timeout"),
            retry_backoff: millis("backoff"),
            reconnect_backoff: Span::from_millis(50),
            reconnect_backoff_max: Span::from_millis(50),
            ..ProducerConfig::default()
        };
        let nodes = number(cfg, "nodes") as u32;
        let most = cfg
            .get("backoff_max")
            .map_or(millis("backoff"), |_| millis("backoff_max"));
        let jitter = Stream::new(Seed(0), "reconnect", "story");
        let network = NetworkConfig {
            request_timeout: config.request_timeout,
            reconnect_backoff: config.reconnect_backoff,
            reconnect_backoff_max: config.reconnect_backoff_max,
            max_in_flight: config.max_in_flight as usize,
        };
        let sender = Sender::new(SenderParts {
            keeps_stamps: false,
            brokers: Arc::new([init_node(line)]),
            accumulator: accumulator(&config, number(cfg, "partitions") as u32, nodes),
            network: NetworkClient::new(network, jitter),
            backoff: Backoff::steady(config.retry_backoff, most),
            stretch: Stretch::new(&[TOPIC]),
            config,
        });
        Self {
            sender,
            now: 0,
            effects: Vec::new(),
            facts: Vec::new(),
            next_fact: FactId(1),
            next_conn: 0,
            conns: Vec::new(),
            requests: BTreeMap::new(),
            places: places(line),
            producer: (-1, -1),
            happened: Happened::default(),
        }
    }

    /// Runs the sender until nothing more happens; connections come up at once.
    fn run(&mut self) {
        loop {
            let flow = tell!(self, run);
            assert_eq!(flow, Flow::Done, "nobody watches");
            if !self.carry_out() {
                return;
            }
        }
    }

    /// Carries effects out; whether a connection came up.
    fn carry_out(&mut self) -> bool {
        let mut connected = false;
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Open { conn, to, .. } => {
                    assert_eq!(conn.index(), self.conns.len());
                    self.conns.push(Conn {
                        node: to,
                        lost: false,
                    });
                    self.sender.on_connected(conn);
                    connected = true;
                }
                Effect::Send { conn, envelope } => {
                    let Body::Request(request) = envelope.body else {
                        panic!("a client sends requests")
                    };
                    self.sent(conn, envelope.correlation, &request);
                }
                Effect::Close { conn } => {
                    let node = i64::from(self.conns[conn.index()].node.0);
                    self.happened.closes.push((self.now, node));
                }
                _ => {}
            }
        }
        self.note_facts();
        connected
    }

    fn sent(&mut self, conn: ConnId, correlation: u32, request: &Request) {
        let mut batches = BTreeMap::new();
        let mut partitions = Vec::new();
        if let Request::Produce(produce) = request {
            for (partition, batch) in &produce.batches {
                partitions.push(*partition);
                batches.insert(i64::from(partition.partition), described(batch));
            }
        }
        let Conn { node, lost } = self.conns[conn.index()];
        let sent = Sent {
            node: i64::from(node.0),
            dead: lost,
            batches,
        };
        let requests = self.requests.entry(sent.node).or_default();
        requests.push((conn, correlation, partitions));
        self.happened.sends.push((self.now, sent));
    }

    fn note_facts(&mut self) {
        for stated in std::mem::take(&mut self.facts) {
            match stated.fact {
                Fact::Produce(ProduceFact::ProducerIdAssigned { id, epoch }) => {
                    self.producer = (id as i64, i64::from(epoch));
                }
                Fact::Produce(ProduceFact::ProducerEpochBumped { epoch }) => {
                    self.producer.1 = i64::from(epoch);
                }
                _ => continue,
            }
            let (id, epoch) = self.producer;
            self.happened.producers.push((self.now, id, epoch));
        }
        for told in std::mem::take(&mut self.sender.told) {
            for (id, index) in told.records.iter().zip(0..) {
                let outcome = match (told.error, told.base_offset) {
                    (ErrorCode::None, Some(offset)) => (offset + index).to_string(),
                    (ErrorCode::None, None) => "-1".to_owned(),
                    (error, _) => error.exception().unwrap_or("none").to_owned(),
                };
                let partition = i64::from(told.partition.partition);
                self.happened
                    .callbacks
                    .push((self.now, i64::from(id.0), partition, outcome));
            }
        }
    }

    /// Appends a record; an error if Kafka began or filled a batch elsewhere.
    fn append(&mut self, event: &Value) -> Result<(), String> {
        let now = Instant::ZERO + Span::from_millis(self.now as u64);
        let record = NewRecord {
            id: RecordId(number(event, "r") as u32),
            timestamp: now.into(),
            fields: size::fields(None, Some(number(event, "v") as u32), &[]),
        };
        let route = Route::Fixed(number(event, "p") as u32);
        let flag = |key| event.get(key).is_some_and(|flag| flag == true);
        match self.sender.accumulator.append(0, route, &record, now) {
            Append::Done {
                new_batch, full, ..
            } if (new_batch, full) == (flag("new"), flag("full")) => Ok(()),
            other => Err(format!("{event}: ours {other:?}")),
        }
    }

    fn answer(&mut self, event: &Value) -> Result<(), String> {
        let (node, place) = self.places[&number(event, "ans")];
        let request = self.requests.get(&node).and_then(|all| all.get(place));
        let (conn, correlation, partitions) = request.ok_or("no such request")?.clone();
        let response = if let Some(init) = event.get("init") {
            Response::InitProducerId {
                error: ErrorCode::None,
                id: init[0].as_u64().expect("a producer id"),
                epoch: init[1].as_i64().expect("an epoch") as i16,
            }
        } else {
            let answers = &event["p"];
            let answer = |partition: &TopicPartition| produced(*partition, answers);
            let produced: Option<Few<_>> = partitions.iter().map(answer).collect();
            Response::Produce(produced.ok_or("the request holds other partitions")?)
        };
        if let Some(completed) = self.sender.on_response(conn, correlation, response) {
            tell!(self, handle, completed);
        }
        self.carry_out();
        Ok(())
    }

    /// All of an instant: appends, what that lets the sender do, what the connections bring, and
    /// the sender again.
    fn instant(&mut self, events: &[&Value], timer: bool) -> Result<(), String> {
        for event in events.iter().filter(|e| e.get("do").is_some()) {
            self.append(event)?;
        }
        let mut lost = Vec::new();
        for event in events.iter().filter(|e| e.get("lost").is_some()) {
            let node = NodeId(number(event, "lost") as u32);
            let conn = self
                .conns
                .iter()
                .rposition(|conn| conn.node == node && !conn.lost);
            let conn = conn.ok_or("a connection that is lost was open")?;
            self.conns[conn].lost = true;
            lost.push(ConnId(conn as u32));
        }
        self.run();
        for event in events.iter().filter(|e| e.get("ans").is_some()) {
            self.answer(event)?;
        }
        for conn in lost {
            tell!(self, on_disconnected, conn);
            self.carry_out();
        }
        if timer {
            tell!(self, on_timer);
            self.carry_out();
        }
        self.run();
        Ok(())
    }

    /// Plays the inputs of a story; stops where they do not fit any more.
    fn play(&mut self, line: &Value) -> Result<(), String> {
        let inputs: Vec<&Value> = list(line, "ev").iter().filter(|e| is_input(e)).collect();
        let mut rest = inputs.as_slice();
        let end = number(line, "end");
        self.run();
        loop {
            let timer = self.sender.wakes_at().map(|at| at.as_millis() as i64);
            let input = rest.first().map(|event| number(event, "t"));
            let Some(next) = timer.into_iter().chain(input).min().filter(|at| *at <= end) else {
                break;
            };
            assert!(self.now <= next, "time goes on");
            self.now = next;
            let count = rest.iter().take_while(|e| number(e, "t") == next).count();
            self.instant(&rest[..count], timer == Some(next))?;
            rest = &rest[count..];
        }
        let mut appended = inputs.iter().filter_map(|event| event.get("r")?.as_i64());
        let told = |r: &i64| self.happened.callbacks.iter().any(|(_, id, ..)| id == r);
        self.happened.open = !appended.all(|r| told(&r));
        Ok(())
    }
}

/// What is sent to several nodes at one instant has no order among them: requests are found by
/// their place among those of their node.
fn places(line: &Value) -> BTreeMap<i64, (i64, usize)> {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for event in list(line, "ev").iter().filter(|e| e.get("send").is_some()) {
        let count = counts.entry(number(event, "node")).or_default();
        places.insert(number(event, "send"), (number(event, "node"), *count));
        *count += 1;
    }
    places
}

fn init_node(line: &Value) -> NodeId {
    let init = list(line, "ev").iter().find(|e| e["init"] == true);
    NodeId(init.map_or(0, |event| number(event, "node") as u32))
}

fn accumulator(config: &ProducerConfig, partitions: u32, nodes: u32) -> Accumulator {
    let limits = Limits {
        batch_size: config.batch_size,
        linger: config.linger,
        buffer_memory: config.buffer_memory,
        max_request_size: config.max_request_size,
        delivery_timeout: config.delivery_timeout,
        adaptive: false,
    };
    let dice = Dice::Loaded([].into());
    let mut accumulator = Accumulator::new(limits, dice, Arc::new([]));
    let topic = accumulator.topic(TOPIC);
    let partition = |number: u32| PartitionMetadata {
        partition: TopicPartition::new(TOPIC, number),
        leader: Some(NodeId(number % nodes)),
        leader_epoch: 0,
        partition_epoch: 0,
        replicas: Arc::new([]),
        isr: Arc::new([]),
    };
    let metadata: Vec<_> = java_order(partitions)
        .iter()
        .map(|p| partition(*p))
        .collect();
    accumulator.learn(topic, &metadata);
    accumulator
}

/// The order in which a Java hash map of so many partitions of a topic `t` goes through them, and
/// with it a drain.
fn java_order(partitions: u32) -> Vec<u32> {
    let hash = |partition: u32| 31 * (31 + partition) + 116;
    let buckets = partitions.next_power_of_two();
    let mut order: Vec<u32> = (0..partitions).collect();
    order.sort_by_key(|partition| hash(*partition) % buckets);
    order
}

fn described(batch: &Batch) -> SentBatch {
    let records = batch.records().iter().map(|id| i64::from(id.0)).collect();
    let stamp = batch.producer;
    (
        stamp.map(|stamp| i64::from(stamp.epoch)),
        stamp.map(|stamp| i64::from(stamp.base_sequence)),
        records,
    )
}

fn produced(partition: TopicPartition, answers: &Value) -> Option<ProducedPartition> {
    let answer = answers.get(partition.partition.to_string())?;
    let name = answer[0].as_str()?;
    Some(ProducedPartition {
        partition,
        error: ErrorCode::from_name(name).expect("a known error"),
        base_offset: answer[1].as_u64(),
    })
}

fn is_input(event: &Value) -> bool {
    ["do", "ans", "lost"]
        .iter()
        .any(|key| event.get(key).is_some())
}

/// What Kafka did.
fn expected(line: &Value) -> Happened {
    let mut happened = Happened::default();
    for event in list(line, "ev").iter().filter(|event| !is_input(event)) {
        let at = number(event, "t");
        if event.get("send").is_some() {
            happened.sends.push((at, expected_send(event)));
        } else if event.get("close").is_some() {
            happened.closes.push((at, number(event, "close")));
        } else if let Some(producer) = event.get("producer") {
            let number = |index: usize| producer[index].as_i64().expect("a number");
            happened.producers.push((at, number(0), number(1)));
        } else {
            for (id, index) in list(event, "cb").iter().zip(0..) {
                let outcome = match text(event, "e") {
                    Some(exception) => exception.to_owned(),
                    None if number(event, "off") == -1 => "-1".to_owned(),
                    None => (number(event, "off") + index).to_string(),
                };
                let id = id.as_i64().expect("a record");
                happened
                    .callbacks
                    .push((at, id, number(event, "p"), outcome));
            }
        }
    }
    happened.open = line["open"] == true;
    happened
}

fn expected_send(event: &Value) -> Sent {
    let batch = |batch: &Value| {
        let optional = |key: &str| batch.get(key).and_then(Value::as_i64);
        let records = list(batch, "r").iter().filter_map(Value::as_i64);
        (optional("epoch"), optional("seq"), records.collect())
    };
    let entries = event.get("b").and_then(Value::as_object);
    let entries = entries.into_iter().flatten();
    Sent {
        node: number(event, "node"),
        dead: event.get("dead").is_some(),
        batches: entries
            .map(|(partition, value)| (partition.parse().expect("a partition"), batch(value)))
            .collect(),
    }
}

/// The first difference of two lists, if any.
fn differ<T: PartialEq + std::fmt::Debug>(
    kind: &str,
    ours: &[T],
    kafka: &[T],
) -> Result<(), String> {
    let length = ours.len().max(kafka.len());
    match (0..length).find(|index| ours.get(*index) != kafka.get(*index)) {
        None => Ok(()),
        Some(index) => Err(format!(
            "{kind} {index}: ours {:?}, Kafka's {:?}",
            ours.get(index),
            kafka.get(index)
        )),
    }
}

fn compare(line: &Value) -> Result<(), String> {
    let mut story = Story::new(line);
    let played = story.play(line);
    let (mut ours, mut kafka) = (story.happened, expected(line));
    for sends in [&mut ours.sends, &mut kafka.sends] {
        sends.sort_by_key(|(at, sent)| (*at, sent.node));
    }
    for callbacks in [&mut ours.callbacks, &mut kafka.callbacks] {
        callbacks.sort_by_key(|(at, _, partition, _)| (*at, *partition));
    }
    differ("send", &ours.sends, &kafka.sends)?;
    differ("close", &ours.closes, &kafka.closes)?;
    differ("callback", &ours.callbacks, &kafka.callbacks)?;
    differ("producer", &ours.producers, &kafka.producers)?;
    played?;
    differ("open", &[ours.open], &[kafka.open])
}

#[test]
fn oracle_the_sender_does_what_kafkas_does_and_when() {
    const FILE: &str = "producer-timeline.jsonl";
    let Some(lines) = lines(FILE) else { return };
    let mut tally = Tally::new(FILE);
    for line in &lines {
        tally.compare(text(line, "id").expect("an id"), compare(line));
    }
    tally.finish();
}
