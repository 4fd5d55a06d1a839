//! A kernel for tests: brokers, a controller, and clients that are no more than a connection.
//!
//! Every message takes one millisecond; at one instant deliveries come before timers.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafkasim::base::{
    ConnId, Dist, Instant, NodeId, RecordId, Seed, Span, TopicId, TopicPartition,
};
use kafkasim::kafka::cast::{Actor, Role};
use kafkasim::kafka::config::{BrokerConfig, TopicConfig};
use kafkasim::kafka::message::{
    Acks, Body, Envelope, FetchPartition, FetchRequest, Few, ProduceRequest, Request, Response,
};
use kafkasim::kafka::{Batch, Cast, Payload, ProducerStamp, Records};
use kafkasim::node::broker::{Broker, BrokerSetup, BrokerTopic};
use kafkasim::node::controller::{Controller, ControllerSetup, Rules};
use kafkasim::node::{Ctx, Effect, Fact, FactId, Stated, StepMask, TimerKey};

pub(super) const LATENCY: Span = Span::from_millis(1);
pub(super) const CONTROLLER: NodeId = NodeId(0);
pub(super) const CLIENT: NodeId = NodeId(10);
pub(super) const OTHER: NodeId = NodeId(11);
pub(super) const ORDERS: TopicId = TopicId(0);
pub(super) const LATE: TopicId = TopicId(1);
pub(super) const OFFSETS: TopicId = TopicId(2);

/// The partition most tests are about; broker 1 leads it.
pub(super) const TP: TopicPartition = TopicPartition::new(ORDERS, 0);

#[derive(Clone, Debug)]
enum Event {
    Deliver(ConnId, NodeId, Box<Envelope>),
    Connected(ConnId),
    Lost(ConnId, NodeId),
    Timer(NodeId, TimerKey),
}

/// What a test may choose.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) brokers: u32,
    pub(super) config: BrokerConfig,
    pub(super) topic: TopicConfig,
    pub(super) request_time: Dist,
}

impl Default for World {
    fn default() -> Self {
        let config = BrokerConfig {
            offsets_topic_partitions: 3,
            ..BrokerConfig::default()
        };
        Self {
            brokers: 3,
            config,
            topic: TopicConfig::default(),
            request_time: Dist::Constant(Span::ZERO),
        }
    }
}

/// The kernel.
#[derive(Debug)]
pub(super) struct Kernel {
    pub(super) now: Instant,
    pub(super) brokers: Vec<Broker>,
    pub(super) controller: Controller,
    /// What clients were answered: when, on which connection, to which request.
    pub(super) answers: Vec<(Instant, ConnId, u32, Response)>,
    /// Requests of followers to broker 1: when they left.
    pub(super) follower_fetches: Vec<(Instant, NodeId, FetchRequest)>,
    pub(super) closed: Vec<ConnId>,
    pub(super) facts: Vec<Stated>,
    queue: BTreeMap<(Instant, u8, u64), Event>,
    timers: BTreeMap<(NodeId, u16), (Instant, u8, u64)>,
    ends: BTreeMap<ConnId, (NodeId, NodeId)>,
    sequence: u64,
    next_fact: FactId,
    next_conn: u32,
    correlations: BTreeMap<ConnId, u32>,
}

fn cast() -> Arc<Cast> {
    let name = |n: u32| match n {
        0 => ("controller-1".to_owned(), Role::Controller),
        1..=3 => (format!("broker-{n}"), Role::Broker),
        _ => (format!("client-{n}"), Role::Member),
    };
    let actor = |n| {
        let (name, role) = name(n);
        let family = name.clone();
        Actor {
            name,
            role,
            family,
            group: None,
        }
    };
    Arc::new(Cast {
        actors: (0..12).map(actor).collect(),
        topics: ["orders", "late", "__consumer_offsets"]
            .map(str::to_owned)
            .into(),
        groups: vec!["workers".to_owned()],
        records: Vec::new(),
    })
}

impl Kernel {
    /// A formed cluster at time 0: topic `orders` with one partition, copied everywhere.
    pub(super) fn new(world: &World) -> Self {
        let cast = cast();
        let nodes: Arc<[NodeId]> = (1..=world.brokers).map(NodeId).collect();
        let topic = |partitions, internal| BrokerTopic {
            partitions_max: partitions,
            config: world.topic.clone(),
            partitions,
            replication_factor: world.brokers,
            internal,
        };
        let offsets = world.config.offsets_topic_partitions;
        let topics: Arc<[BrokerTopic]> =
            [topic(2, false), topic(1, false), topic(offsets, true)].into();
        let setup = |n: u32| BrokerSetup {
            node: NodeId(n),
            node_id: n,
            seed: Seed(1),
            config: world.config.clone(),
            cast: Arc::clone(&cast),
            topics: Arc::clone(&topics),
            offsets_topic: Some(OFFSETS),
            controllers: Arc::from([CONTROLLER]),
            brokers: Arc::clone(&nodes),
            request_time: world.request_time.clone(),
            can_fail: false,
            can_lose_power: false,
        };
        let controller = ControllerSetup {
            creations: Vec::new(),
            node: CONTROLLER,
            seed: Seed(1),
            cast: Arc::clone(&cast),
            brokers: Arc::clone(&nodes),
            config: world.config.clone(),
            rules: [Rules {
                min_isr: None,
                unclean: false,
            }; 3]
                .into(),
            can_fail: false,
        };
        let mut kernel = Self {
            now: Instant::ZERO,
            brokers: (1..=world.brokers).map(|n| Broker::new(setup(n))).collect(),
            controller: Controller::new(controller),
            answers: Vec::new(),
            follower_fetches: Vec::new(),
            closed: Vec::new(),
            facts: Vec::new(),
            queue: BTreeMap::new(),
            timers: BTreeMap::new(),
            ends: BTreeMap::new(),
            sequence: 0,
            next_fact: FactId(1),
            next_conn: 0,
            correlations: BTreeMap::new(),
        };
        let mut second: Vec<NodeId> = nodes.to_vec();
        second.rotate_left(1 % nodes.len());
        let placed = ControllerSetup::assigned(ORDERS, &[nodes.to_vec(), second]);
        kernel.controller.preload(&placed);
        for broker in &mut kernel.brokers {
            broker.preload(&placed);
        }
        kernel
    }

    /// Everybody starts.
    pub(super) fn start(mut self) -> Self {
        self.with(CONTROLLER, start);
        for n in 1..=self.brokers.len() as u32 {
            self.with(NodeId(n), start);
        }
        self
    }

    fn with(&mut self, node: NodeId, handle: impl FnOnce(&mut Server<'_>, &mut Ctx<'_>)) {
        self.because(node, FactId::NONE, handle);
    }

    pub(super) fn because(
        &mut self,
        node: NodeId,
        cause: FactId,
        handle: impl FnOnce(&mut Server<'_>, &mut Ctx<'_>),
    ) {
        let mut effects = Vec::new();
        let mut ctx = Ctx {
            now: self.now,
            me: node,
            cause,
            watched: StepMask::NONE,
            effects: &mut effects,
            facts: &mut self.facts,
            next_fact: &mut self.next_fact,
            next_conn: &mut self.next_conn,
        };
        let mut server = match node {
            CONTROLLER => Server::Controller(&mut self.controller),
            NodeId(n) => Server::Broker(&mut self.brokers[n as usize - 1]),
        };
        handle(&mut server, &mut ctx);
        for effect in effects {
            self.carry_out(node, effect);
        }
    }

    fn push(&mut self, at: Instant, class: u8, event: Event) -> (Instant, u8, u64) {
        self.sequence += 1;
        let key = (at, class, self.sequence);
        self.queue.insert(key, event);
        key
    }

    fn carry_out(&mut self, node: NodeId, effect: Effect) {
        let arrival = self.now + LATENCY;
        match effect {
            Effect::Open { conn, to, .. } => {
                self.ends.insert(conn, (node, to));
                self.push(arrival + LATENCY, 1, Event::Connected(conn));
            }
            Effect::Send { conn, envelope } => {
                let (client, server) = self.ends[&conn];
                if let Body::Request(Request::Fetch(fetch)) = &envelope.body
                    && server == NodeId(1)
                    && let Some(follower) = fetch.replica
                {
                    let sent = (self.now, follower, fetch.clone());
                    self.follower_fetches.push(sent);
                }
                let to = if node == client { server } else { client };
                self.push(arrival, 1, Event::Deliver(conn, to, envelope));
            }
            Effect::SetTimer { key, at } => {
                let place = self.push(at, 2, Event::Timer(node, key));
                if let Some(old) = self.timers.insert((node, key.slot), place) {
                    self.queue.remove(&old);
                }
            }
            Effect::CancelTimer { key } => {
                if let Some(old) = self.timers.remove(&(node, key.slot)) {
                    self.queue.remove(&old);
                }
            }
            Effect::Close { conn } => {
                self.closed.push(conn);
                let (client, server) = self.ends[&conn];
                let other = if node == client { server } else { client };
                self.push(arrival, 1, Event::Lost(conn, other));
            }
            Effect::Answered { .. } => {}
            Effect::Reached(_) | Effect::Exit => unreachable!("servers do not"),
        }
    }

    /// Handles everything up to and including this instant.
    pub(super) fn run_until(&mut self, end: Instant) {
        while let Some((&key, _)) = self.queue.first_key_value()
            && key.0 <= end
        {
            let event = self.queue.remove(&key).expect("the event was just seen");
            self.now = key.0;
            self.handle(event);
        }
        self.now = end;
    }

    pub(super) fn run_for(&mut self, millis: u64) {
        self.run_until(self.now + Span::from_millis(millis));
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver(conn, to, envelope) if CLIENT <= to => {
                let Body::Response(response) = envelope.body else {
                    unreachable!("clients are answered")
                };
                self.answers
                    .push((self.now, conn, envelope.correlation, response));
            }
            Event::Deliver(conn, to, envelope) => {
                let client = self.ends[&conn].0;
                let cause = FactId(envelope.cause);
                self.because(to, cause, |node, ctx| {
                    node.deliver(ctx, conn, client, *envelope);
                });
            }
            Event::Connected(conn) => {
                let client = self.ends[&conn].0;
                if client < CLIENT {
                    self.with(client, |node, ctx| node.connected(ctx, conn));
                }
            }
            Event::Lost(conn, node) if node < CLIENT => {
                self.with(node, |node, ctx| node.disconnected(ctx, conn));
            }
            Event::Lost(..) => {}
            Event::Timer(node, key) => {
                self.timers.remove(&(node, key.slot));
                self.with(node, |server, ctx| server.timer(ctx, key));
            }
        }
    }

    /// A client's connection to a broker.
    pub(super) fn connect(&mut self, client: NodeId, broker: u32) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        self.ends.insert(conn, (client, NodeId(broker)));
        self.correlations.insert(conn, 0);
        conn
    }

    /// A client sends a request.
    pub(super) fn send(&mut self, conn: ConnId, request: Request) -> u32 {
        let next = self
            .correlations
            .get_mut(&conn)
            .expect("a client's connection");
        let correlation = *next;
        *next += 1;
        let envelope = Envelope::new(correlation, 0, Body::Request(request));
        let (client, _) = self.ends[&conn];
        let envelope = Box::new(envelope);
        self.carry_out(client, Effect::Send { conn, envelope });
        correlation
    }

    /// A client goes away.
    pub(super) fn hang_up(&mut self, conn: ConnId) {
        let (client, _) = self.ends[&conn];
        self.carry_out(client, Effect::Close { conn });
    }

    /// The connection that one broker has to another.
    pub(super) fn own_connection(&self, from: NodeId, to: NodeId) -> ConnId {
        let found = self.ends.iter().find(|(_, ends)| **ends == (from, to));
        *found.expect("they are connected").0
    }

    /// A connection breaks: both sides hear of it a moment later, what is under way is lost.
    pub(super) fn reset(&mut self, conn: ConnId) {
        let is_on_it = |event: &Event| matches!(event, Event::Deliver(on, ..) if *on == conn);
        self.queue.retain(|_, event| !is_on_it(event));
        let (client, server) = self.ends[&conn];
        self.push(self.now + LATENCY, 1, Event::Lost(conn, client));
        self.push(self.now + LATENCY, 1, Event::Lost(conn, server));
    }

    /// The answer to a request, with the millisecond of its arrival.
    pub(super) fn answer(&self, conn: ConnId, correlation: u32) -> Option<(u64, &Response)> {
        let found = self
            .answers
            .iter()
            .find(|a| a.1 == conn && a.2 == correlation)?;
        Some((found.0.as_millis(), &found.3))
    }

    /// The facts of a kind, as text.
    pub(super) fn facts_like<T>(&self, pick: impl Fn(&Fact) -> Option<T>) -> Vec<T> {
        self.facts
            .iter()
            .filter_map(|stated| pick(&stated.fact))
            .collect()
    }

    /// Where the log of [`TP`] ends at a broker.
    pub(super) fn end(&self, n: u32) -> u64 {
        let log = self.broker(n).log(TP);
        log.expect("every broker has a log for it").end()
    }

    pub(super) fn broker(&self, n: u32) -> &Broker {
        &self.brokers[n as usize - 1]
    }
}

/// A node of the cluster.
pub(super) enum Server<'a> {
    Broker(&'a mut Broker),
    Controller(&'a mut Controller),
}

fn start(server: &mut Server<'_>, ctx: &mut Ctx<'_>) {
    match server {
        Server::Broker(broker) => broker.on_start(ctx),
        Server::Controller(controller) => controller.on_start(ctx),
    }
}

impl Server<'_> {
    fn deliver(&mut self, ctx: &mut Ctx<'_>, conn: ConnId, client: NodeId, envelope: Envelope) {
        let correlation = envelope.correlation;
        match (self, envelope.body) {
            (Self::Broker(broker), Body::Response(response)) => {
                broker.on_response(ctx, conn, correlation, response);
            }
            (Self::Controller(controller), Body::Response(response)) => {
                controller.on_response(ctx, conn, correlation, response);
            }
            (Self::Broker(broker), body) => {
                let envelope = Box::new(Envelope::new(correlation, envelope.cause, body));
                broker.on_request(ctx, conn, client, envelope);
            }
            (Self::Controller(controller), body) => {
                let envelope = Envelope::new(correlation, envelope.cause, body);
                controller.on_request(ctx, conn, client, envelope);
            }
        }
    }

    fn connected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        match self {
            Self::Broker(broker) => broker.on_connected(ctx, conn),
            Self::Controller(controller) => controller.on_connected(ctx, conn),
        }
    }

    fn disconnected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        match self {
            Self::Broker(broker) => broker.on_disconnected(ctx, conn),
            Self::Controller(controller) => controller.on_disconnected(ctx, conn),
        }
    }

    fn timer(&mut self, ctx: &mut Ctx<'_>, key: TimerKey) {
        match self {
            Self::Broker(broker) => broker.on_timer(ctx, key),
            Self::Controller(controller) => controller.on_timer(ctx, key),
        }
    }
}

/// A batch of 100 bytes.
pub(super) fn batch(first: u32, count: u32, producer: Option<ProducerStamp>) -> Batch {
    Batch {
        payload: Payload::Data(Records::Run {
            first: RecordId(first),
            count,
        }),
        bytes: 100,
        producer,
        max_timestamp: Instant::ZERO,
    }
}

pub(super) fn produce(acks: Acks, batch: Batch) -> Request {
    Request::Produce(ProduceRequest {
        acks,
        timeout: Span::from_secs(30),
        batches: Few::from_iter([(TP, batch)]),
    })
}

pub(super) fn fetch(offset: u64, max_wait: u64, min_bytes: u32) -> Request {
    Request::Fetch(FetchRequest {
        replica: None,
        max_wait: Span::from_millis(max_wait),
        min_bytes,
        max_bytes: 1_000_000,
        partitions: vec![FetchPartition {
            partition: TP,
            offset,
            leader_epoch: 0,
            last_epoch: None,
            max_bytes: 1_000_000,
        }],
    })
}
