//! The controller: which partitions exist, where they are and who leads them
//! (`ReplicationControlManager`, `QuorumController`).
//!
//! It creates topics, places their replicas as Kafka does, elects leaders, confirms in-sync
//! replicas, and tells every broker. Who is alive is in `registry`, who leads in `election`, what
//! brokers ask in `requests`. Simplified: the metadata log is told to each broker in order over a
//! connection of its own, and is never behind; one controller is active all the time.

mod election;
mod registry;
mod requests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use self::election::Eligible;
use self::registry::Registry;
use crate::base::{ConnId, Instant, NodeId, Seed, Span, Stream, TopicId, TopicPartition};
use crate::kafka::config::BrokerConfig;
use crate::kafka::message::{BrokerState, PartitionMetadata, Request, Response};
use crate::kafka::placement::place;
use crate::kafka::{Cast, ErrorCode};
use crate::node::client::{NetworkClient, NetworkConfig};
use crate::node::fact::LogFact;
use crate::node::{Ctx, Lane, TimerKey};

pub use self::election::Rules;

/// The timer for overdue requests and for connecting again.
const NETWORK: TimerKey = TimerKey::timer(0);

/// The timer for the session of a broker that ends next.
const SESSIONS: TimerKey = TimerKey::timer(1);

/// The timer for partitions that others than their preferred leaders lead.
const BALANCE: TimerKey = TimerKey::timer(2);

/// The timer for the next topic that an administrator creates.
const CREATIONS: TimerKey = TimerKey::timer(3);

/// `controller.socket.timeout.ms`.
const SOCKET_TIMEOUT: Span = Span::from_secs(30);

/// How long it waits before it connects again.
const RECONNECT_BACKOFF: Span = Span::from_millis(50);

/// A controller, ready to be built.
#[derive(Clone, Debug)]
pub struct ControllerSetup {
    /// The process.
    pub node: NodeId,
    /// The seed of the run.
    pub seed: Seed,
    /// Names.
    pub cast: Arc<Cast>,
    /// Every broker, ascending.
    pub brokers: Arc<[NodeId]>,
    /// Its settings.
    pub config: BrokerConfig,
    /// How a topic's leaders are elected, by [`TopicId`].
    pub rules: Arc<[Rules]>,
    /// Whether brokers or controllers can fail in this run, so that heartbeats matter.
    pub can_fail: bool,
    /// The topics that an administrator creates.
    pub creations: Vec<Creation>,
}

/// A topic that an administrator creates in the course of the run (`CreateTopics`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// When.
    pub at: Instant,
    /// Which.
    pub topic: TopicId,
    /// Its partitions.
    pub partitions: u32,
    /// The copies of each.
    pub replication_factor: u32,
    /// Where the copies lie, leader first; `None`: where Kafka places them.
    pub assignment: Option<Vec<Vec<NodeId>>>,
}

/// What a broker is told.
#[derive(Clone, Debug)]
enum Word {
    Partitions(Arc<[PartitionMetadata]>),
    Brokers(Arc<[BrokerState]>),
}

/// The active controller.
#[derive(Clone, Debug)]
pub struct Controller {
    setup: Arc<ControllerSetup>,
    /// The metadata log of `KRaft`, as far as it matters: what a crash leaves.
    topics: BTreeMap<TopicId, Arc<[PartitionMetadata]>>,
    /// Who may lead besides those in sync; what is not here is nobody. In the metadata log, too.
    eligible: BTreeMap<TopicPartition, Eligible>,
    network: NetworkClient<()>,
    /// What each broker has yet to hear, in order.
    untold: BTreeMap<NodeId, VecDeque<Word>>,
    /// Who is alive. The metadata log has it, except for when each was heard last.
    registry: Registry,
    /// Whether leaders are looked at in a while.
    balances: bool,
    /// When leaders were looked at last, or the process became active: the looks are a whole number of
    /// intervals from there on.
    looked: Instant,
    /// What the administrator has yet to create.
    creations: Vec<Creation>,
}

impl ControllerSetup {
    /// Where the replicas of a new topic go, and who leads: a ring over the brokers, in the stream
    /// of the topic, so that another topic moves none of its replicas. `None` where there are fewer
    /// brokers than copies.
    pub fn place_topic(
        &self,
        topic: TopicId,
        partitions: u32,
        replication_factor: u32,
    ) -> Option<Arc<[PartitionMetadata]>> {
        if self.brokers.len() < replication_factor as usize {
            return None;
        }
        let name = self.cast.topic(topic);
        let mut stream = Stream::new(self.seed, "placement", name);
        let placed = place(&self.brokers, partitions, replication_factor, &mut stream);
        Some(Self::assigned(topic, &placed))
    }

    /// The partitions of a topic with a given placement, leader first, everybody in sync.
    pub fn assigned(topic: TopicId, placement: &[Vec<NodeId>]) -> Arc<[PartitionMetadata]> {
        Self::numbered(topic, 0, placement)
    }

    fn numbered(topic: TopicId, from: u32, placement: &[Vec<NodeId>]) -> Arc<[PartitionMetadata]> {
        let partition = |(number, replicas): (u32, &Vec<NodeId>)| {
            let replicas: Arc<[NodeId]> = Arc::from(replicas.as_slice());
            PartitionMetadata {
                partition: TopicPartition::new(topic, number),
                leader: replicas.first().copied(),
                leader_epoch: 0,
                partition_epoch: 0,
                isr: Arc::clone(&replicas),
                replicas,
            }
        };
        (from..).zip(placement).map(partition).collect()
    }

    /// Where the replicas of partitions `from..to` of a topic go: a ring of their own, with as many
    /// copies as the partitions before have (`createPartitions`). The stream is the topic's, in a
    /// lane that the first of them numbers.
    fn place_more(&self, known: &[PartitionMetadata], to: u32) -> Arc<[PartitionMetadata]> {
        let first = known.first().expect("a topic has a partition");
        let from = known.len() as u32;
        let topic = first.partition.topic;
        let mut stream = Stream::new(self.seed, "placement", self.cast.topic(topic));
        stream.seek(u64::from(from), 0);
        let copies = first.replicas.len() as u32;
        let placed = place(&self.brokers, to - from, copies, &mut stream);
        Self::numbered(topic, from, &placed)
    }

    fn network(&self) -> NetworkClient<()> {
        let config = NetworkConfig {
            request_timeout: SOCKET_TIMEOUT,
            reconnect_backoff: RECONNECT_BACKOFF,
            reconnect_backoff_max: RECONNECT_BACKOFF,
            max_in_flight: usize::MAX,
        };
        let name = self.cast.actor(self.node);
        NetworkClient::new(config, Stream::new(self.seed, "controller-reconnect", name))
    }
}

impl Controller {
    /// A controller that knows of no topic yet.
    pub fn new(setup: ControllerSetup) -> Self {
        let untold = setup.brokers.iter().map(|node| (*node, VecDeque::new()));
        Self {
            network: setup.network(),
            topics: BTreeMap::new(),
            eligible: BTreeMap::new(),
            registry: Registry::formed(&setup.brokers, setup.config.session_timeout),
            balances: false,
            looked: Instant::ZERO,
            creations: setup.creations.clone(),
            untold: untold.collect(),
            setup: Arc::new(setup),
        }
    }

    /// Before time 0: these partitions of one topic exist, and every broker knows of them.
    pub fn preload(&mut self, partitions: &Arc<[PartitionMetadata]>) {
        if let Some(first) = partitions.first() {
            self.topics
                .insert(first.partition.topic, Arc::clone(partitions));
        }
    }

    /// The partitions of a topic, if it exists.
    pub fn topic(&self, topic: TopicId) -> Option<&Arc<[PartitionMetadata]>> {
        self.topics.get(&topic)
    }

    /// The state of every partition.
    pub fn partitions(&self) -> impl Iterator<Item = &PartitionMetadata> {
        self.topics.values().flat_map(|all| all.iter())
    }

    /// Whether brokers send heartbeats in this run.
    pub fn watches_brokers(&self) -> bool {
        self.setup.can_fail
    }

    /// Whether it counts a broker as gone.
    pub fn is_fenced(&self, broker: NodeId) -> bool {
        self.registry.is_fenced(broker)
    }

    /// The process starts: it connects to every broker.
    pub fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        if self.setup.can_fail {
            self.registry.start(ctx.now);
            self.watch_sessions(ctx);
            self.looked = ctx.now;
            self.balance_later(ctx);
        }
        self.create_due(ctx);
        self.tell(ctx);
    }

    /// A connection to a broker is up.
    pub fn on_connected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        self.network.on_connected(conn);
        self.tell(ctx);
    }

    /// A connection is gone. If it led to a broker, that hears everything again.
    pub fn on_disconnected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        self.network.on_disconnected(ctx.now, conn);
        // Also where nothing was under way: the broker may be another process by now.
        let network = &self.network;
        let brokers = self.setup.brokers.iter().copied();
        let away: Vec<NodeId> = brokers
            .filter(|broker| !network.is_connected(*broker, Lane::Main))
            .collect();
        self.tell_again(away.into_iter());
        self.tell(ctx);
    }

    /// A broker has taken in what it was told.
    pub fn on_response(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        correlation: u32,
        response: Response,
    ) {
        self.network.on_response(conn, correlation, response);
        self.tell(ctx);
    }

    /// A timer fires.
    pub fn on_timer(&mut self, ctx: &mut Ctx<'_>, key: TimerKey) {
        match key {
            NETWORK => {
                let lost = self.network.expire(ctx);
                self.tell_again(lost.iter().map(|done| done.broker));
            }
            SESSIONS => self.fence_next(ctx),
            BALANCE => self.balance(ctx),
            CREATIONS => self.create_due(ctx),
            other => unreachable!("the controller has no timer {other:?}"),
        }
        self.tell(ctx);
    }

    /// The process dies; the metadata log stays.
    pub fn crash(&mut self) {
        self.network = self.setup.network();
        self.balances = false;
        for told in self.untold.values_mut() {
            told.clear();
        }
        let brokers: Vec<_> = self.untold.keys().copied().collect();
        self.tell_again(brokers.into_iter());
    }

    /// Whether an administrator has yet to create a topic.
    pub fn awaits_topics(&self) -> bool {
        !self.creations.is_empty()
    }

    /// Creates what the administrator wants by now; while the controller is down he waits. A topic
    /// that a client had created before is left as it is (`TOPIC_ALREADY_EXISTS`).
    fn create_due(&mut self, ctx: &mut Ctx<'_>) {
        let is_due = |creation: &Creation| creation.at <= ctx.now;
        let (due, later) = self.creations.drain(..).partition(is_due);
        self.creations = later;
        for creation in due {
            self.create_as_told(ctx, creation);
        }
        if let Some(next) = self.creations.iter().map(|creation| creation.at).min() {
            ctx.set_timer(CREATIONS, next);
        }
    }

    fn create_as_told(&mut self, ctx: &mut Ctx<'_>, creation: Creation) {
        let topic = creation.topic;
        let cause = ctx.cause;
        match creation.assignment {
            _ if self.topics.contains_key(&topic) => {}
            None => {
                let (partitions, copies) = (creation.partitions, creation.replication_factor);
                self.create(ctx, topic, partitions, copies);
            }
            Some(placement) => {
                let placed = ControllerSetup::assigned(topic, &placement);
                self.created(ctx, topic, placed);
            }
        }
        ctx.cause = cause;
    }

    fn create(
        &mut self,
        ctx: &mut Ctx<'_>,
        topic: TopicId,
        partitions: u32,
        replication_factor: u32,
    ) -> ErrorCode {
        if self.topics.contains_key(&topic) {
            return ErrorCode::TopicAlreadyExists;
        }
        let placed = self
            .setup
            .place_topic(topic, partitions, replication_factor);
        let Some(created) = placed else {
            return ErrorCode::InvalidReplicationFactor;
        };
        self.created(ctx, topic, created);
        ErrorCode::None
    }

    fn created(&mut self, ctx: &mut Ctx<'_>, topic: TopicId, created: Arc<[PartitionMetadata]>) {
        let partitions = created.len() as u32;
        ctx.note(LogFact::TopicCreated { topic, partitions });
        self.announce(ctx, &created);
        self.topics.insert(topic, created);
    }

    /// An administrator's `CreatePartitions`, which brokers forward: the topic has `to` partitions
    /// from now on. Old records stay; who reads and writes learns of it with its next metadata. A
    /// topic that is not there, or has as many, stays as it is (`UNKNOWN_TOPIC_OR_PARTITION`,
    /// `INVALID_PARTITIONS`).
    pub fn add_partitions(&mut self, ctx: &mut Ctx<'_>, topic: TopicId, to: u32) {
        let known = self.topics.get(&topic).map_or(&[][..], |known| known);
        let from = known.len() as u32;
        if from == 0 || to <= from {
            return;
        }
        let added = self.setup.place_more(known, to);
        let all = known.iter().chain(added.iter()).cloned().collect();
        self.topics.insert(topic, all);
        ctx.note(LogFact::PartitionsAdded { topic, from, to });
        self.announce(ctx, &added);
        self.tell(ctx);
    }

    /// States how new partitions stand, and has every broker hear of them.
    fn announce(&mut self, ctx: &mut Ctx<'_>, created: &Arc<[PartitionMetadata]>) {
        let cause = ctx.cause;
        for state in created.iter() {
            ctx.note(LogFact::PartitionState {
                partition: state.partition,
                leader: state.leader,
                leader_epoch: state.leader_epoch,
                isr: Arc::clone(&state.isr),
            });
            ctx.cause = cause;
        }
        for untold in self.untold.values_mut() {
            untold.push_back(Word::Partitions(Arc::clone(created)));
        }
    }

    /// These brokers may have missed something: they hear everything again.
    fn tell_again(&mut self, brokers: impl Iterator<Item = NodeId>) {
        for broker in brokers {
            if let Some(untold) = self.untold.get_mut(&broker) {
                untold.clear();
                if self.setup.can_fail {
                    untold.push_back(Word::Brokers(self.registry.states().into()));
                }
                untold.extend(self.topics.values().cloned().map(Word::Partitions));
            }
        }
    }

    /// Tells each broker that can be reached what it has yet to hear.
    fn tell(&mut self, ctx: &mut Ctx<'_>) {
        for (&broker, untold) in &mut self.untold {
            while self.network.ready(ctx, broker, Lane::Main)
                && let Some(word) = untold.pop_front()
            {
                let request = match word {
                    Word::Partitions(partitions) => Request::UpdateMetadata(partitions),
                    Word::Brokers(brokers) => Request::UpdateBrokers(brokers),
                };
                self.network
                    .send(ctx, (broker, Lane::Main), request, None, ());
            }
        }
        let down = self.setup.brokers.iter();
        let retries = down.filter_map(|node| self.network.retry_at(*node, Lane::Main));
        let next = self
            .network
            .next_deadline()
            .into_iter()
            .chain(retries)
            .min();
        match next {
            Some(at) => ctx.set_timer(NETWORK, at),
            None => ctx.cancel_timer(NETWORK),
        }
    }
}
