//! What a world is made of: the scenario with every name turned into an id.
//!
//! Plain data, made by the scenario layer or by a test. Making the nodes of it is `sim::build`.

use std::sync::Arc;

use crate::base::{
    Dist, GroupId, Instant, NodeId, Offset, RecordId, Seed, Span, TopicId, TopicPartition,
};
use crate::kafka::config::{BrokerConfig, TopicConfig};
use crate::kafka::message::Api;
use crate::kafka::{Cast, ErrorCode};
use crate::node::consumer::MemberSetup;
use crate::node::producer::ProducerSetup;
use crate::node::sink::SinkSetup;
use crate::node::{Phase, StepKind};

/// A run, ready to be built.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The seed.
    pub seed: Seed,
    /// Every name.
    pub cast: Arc<Cast>,
    /// Brokers and controllers.
    pub cluster: ClusterSetup,
    /// Connections.
    pub network: NetworkSetup,
    /// Topics by [`TopicId`], internal ones last (`create: None`).
    pub topics: Vec<TopicSetup>,
    /// Producers with their planned lives.
    pub producers: Vec<(ProducerSetup, Life)>,
    /// Members with their planned lives.
    pub members: Vec<(MemberSetup, Life)>,
    /// Sinks; they are there from time 0.
    pub sinks: Vec<SinkSetup>,
    /// Groups by [`GroupId`].
    pub groups: Vec<GroupSetup>,
    /// Faults in the order of the file.
    pub faults: Vec<FaultSetup>,
    /// Stops, rebalances, moves, latencies and requests are counted from here.
    pub warm_up: Instant,
    /// Bounds.
    pub limits: Limits,
    /// Takes every stretch step by step, for the test that both give the same.
    pub stepped: bool,
}

impl Setup {
    /// Whether a fault can take a broker or a controller down, keep it still or cut it off: only then do
    /// brokers send heartbeats, which cost events and change nothing while all is well.
    pub fn brokers_can_fail(&self) -> bool {
        let serves = |node: &NodeId| {
            self.cluster.brokers.contains(node) || self.cluster.controllers.contains(node)
        };
        let has_server = |target: &Target| match target {
            Target::Actors(actors) => actors.iter().any(serves),
            Target::LeaderOf(_) | Target::FollowersOf(_) | Target::CoordinatorOf(_) => true,
            Target::OwnerOf(..)
            | Target::Group(_)
            | Target::Topic(_)
            | Target::Partition(_)
            | Target::Link(_) => false,
        };
        let meets = |fault: &FaultSetup| match (&fault.verb, &fault.target) {
            // What keeps servers apart from clients alone lets no broker fall silent.
            (Verb::Cut { .. } | Verb::Slow { .. }, Target::Link(sides)) => {
                sides.iter().all(|side| side.iter().any(has_server))
            }
            (
                Verb::Crash { .. }
                | Verb::PowerLoss { .. }
                | Verb::Pause { .. }
                | Verb::Close { .. }
                | Verb::Start
                | Verb::HoldRequest { .. }
                | Verb::HoldResponse { .. },
                target,
            ) => has_server(target),
            _ => false,
        };
        self.faults.iter().any(meets)
    }

    /// Whether a fault can take the power of a broker.
    pub fn power_can_fail(&self) -> bool {
        let is_loss = |fault: &FaultSetup| matches!(fault.verb, Verb::PowerLoss { .. });
        self.faults.iter().any(is_loss)
    }

    /// The same world under another seed.
    #[must_use]
    pub fn with_seed(&self, seed: Seed) -> Self {
        let mut setup = self.clone();
        setup.seed = seed;
        let producers = setup.producers.iter_mut();
        producers.for_each(|(producer, _)| producer.seed = seed);
        let members = setup.members.iter_mut();
        members.for_each(|(member, _)| member.seed = seed);
        setup.sinks.iter_mut().for_each(|sink| sink.seed = seed);
        setup
    }
}

/// The planned life of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// When it starts.
    pub start_at: Instant,
    /// When it closes gracefully, if ever.
    pub stop_at: Option<Instant>,
}

/// Brokers and controllers.
#[derive(Clone, Debug)]
pub struct ClusterSetup {
    /// The controllers; the first is active.
    pub controllers: Vec<NodeId>,
    /// The brokers, `node.id` 1..N in order.
    pub brokers: Vec<NodeId>,
    /// Their settings.
    pub config: BrokerConfig,
    /// Whether replicas that left the in-sync replicas may lead (KIP-966,
    /// `eligible.leader.replicas.version`).
    pub eligible_leader_replicas: bool,
    /// A broker's work per request.
    pub request_time: Dist,
}

/// Latencies.
#[derive(Clone, Debug)]
pub struct NetworkSetup {
    /// One way, every link.
    pub latency: Dist,
    /// Overrides; the last match wins. A link matches in both directions.
    pub links: Vec<LinkSetup>,
}

/// The latency between two sides.
#[derive(Clone, Debug)]
pub struct LinkSetup {
    /// One side.
    pub a: Vec<NodeId>,
    /// The other side.
    pub b: Vec<NodeId>,
    /// One way.
    pub latency: Dist,
}

/// A topic.
#[derive(Clone, Debug)]
pub struct TopicSetup {
    /// Its name.
    pub name: Arc<str>,
    /// Present at time 0; otherwise created by its first user, unless an administrator is earlier.
    pub before_start: bool,
    /// When an administrator creates it.
    pub created_at: Option<Instant>,
    /// Partitions when it comes to be.
    pub partitions: u32,
    /// Partitions when every fault that adds some has struck.
    pub partitions_max: u32,
    /// Copies.
    pub replication_factor: u32,
    /// Explicit placement: per partition the brokers, leader first.
    pub assignment: Option<Vec<Vec<NodeId>>>,
    /// Its settings.
    pub config: TopicConfig,
    /// Whether the keys and lags of the lesson are its (`false` for internal topics).
    pub internal: bool,
}

/// A group.
#[derive(Clone, Debug)]
pub struct GroupSetup {
    /// Its name.
    pub name: Arc<str>,
    /// Its members.
    pub members: Vec<NodeId>,
    /// The topics it reads.
    pub topics: Vec<TopicId>,
    /// Offsets stored before time 0.
    pub committed: Vec<(TopicPartition, Offset)>,
    /// Whether it commits offsets at all, by a step or by auto-commit.
    pub commits: bool,
    /// Whether its effects are rows in a sink, and not the processing itself.
    pub effect_in_sink: bool,
}

/// A value, or a range of which one is drawn per seed from the fault's own stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The least.
    pub low: u64,
    /// The largest.
    pub high: u64,
}

/// When a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// At an instant (nanoseconds since time 0).
    At(Drawn),
    /// So long (nanoseconds) after another fault, by index, first struck.
    AfterFault(usize, Drawn),
    /// At a step of one of the actors.
    Step {
        /// The step.
        step: StepKind,
        /// The side of it.
        phase: Phase,
        /// Only where it concerns this record.
        record: Option<RecordName>,
    },
    /// At the first such fact.
    When(FactPattern),
    /// The message itself (`lose-request`, `hold-response`, `refuse`, ...).
    Message {
        /// Only this API.
        api: Option<Api>,
        /// Only to (or from) such a broker.
        to: ServerFilter,
        /// Only if it carries this record.
        record: Option<RecordName>,
    },
}

/// Which broker or controller a message goes to, or comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFilter {
    /// Any; of clients, any broker.
    Any,
    /// One of these.
    Brokers(Vec<NodeId>),
    /// The leader of a partition at that instant.
    LeaderOf(TopicPartition),
    /// The coordinator of a group at that instant.
    CoordinatorOf(GroupId),
}

/// How the file names a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordName {
    /// `orders-0@4`.
    At(TopicPartition, Offset),
    /// `shop#7`.
    Id(RecordId),
}

/// A fact that a fault waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactPattern {
    /// The word of the grammar.
    pub word: &'static str,
    /// Narrowed to one of these actors; empty: any.
    pub actors: Vec<NodeId>,
    /// Narrowed to a group.
    pub group: Option<GroupId>,
    /// Narrowed to a topic.
    pub topic: Option<TopicId>,
    /// Narrowed to a partition.
    pub partition: Option<TopicPartition>,
    /// Narrowed to an exception or error code by name.
    pub error: Option<Arc<str>>,
}

/// Whom a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// These actors: all of them at an instant, whichever gets there with a step.
    Actors(Vec<NodeId>),
    /// The member that owns a partition, at the instant of the strike.
    OwnerOf(TopicPartition, GroupId),
    /// The broker that leads a partition, at the instant of the strike.
    LeaderOf(TopicPartition),
    /// The brokers with the other copies of a partition, at the instant of the strike.
    FollowersOf(TopicPartition),
    /// The broker that coordinates a group, at the instant of the strike.
    CoordinatorOf(GroupId),
    /// A group, for `set-offsets`.
    Group(GroupId),
    /// A topic, for `add-partitions`.
    Topic(TopicId),
    /// A partition, for `delete-records`.
    Partition(TopicPartition),
    /// A link: the names of its two sides.
    Link(Box<[Vec<Self>; 2]>),
}

/// How a lost message takes its connection down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    /// Both ends are reset at once.
    Reset,
    /// Silence, until the request times out.
    Silence,
}

/// Where `seek` and `set-offsets` go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeekTo {
    /// One partition.
    Offset(TopicPartition, Offset),
    /// The log start of every partition.
    Earliest,
    /// The end of every partition.
    Latest,
    /// Relative to what is committed (`set-offsets` only).
    ShiftBy(i64),
}

/// How much of what was not flushed a loss of power takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailLoss {
    /// All of it.
    All,
    /// A part, drawn from the fault's own stream.
    Drawn,
    /// So many batches at most.
    Batches(u64),
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The process dies at once.
    Crash {
        /// A new process so long after.
        restart_after: Option<Drawn>,
    },
    /// The power of a broker's machine fails.
    PowerLoss {
        /// A new process so long after.
        restart_after: Option<Drawn>,
        /// How much of what was not flushed is lost.
        tail: TailLoss,
    },
    /// The process stands still.
    Pause {
        /// For so long.
        lasting: Drawn,
    },
    /// The application thread stands still.
    Stall {
        /// For so long.
        lasting: Drawn,
    },
    /// A graceful end.
    Close {
        /// A new process so long after.
        restart_after: Option<Drawn>,
    },
    /// Starts what is down.
    Start,
    /// The application seeks before its next poll.
    Seek(SeekTo),
    /// A tool sets the group's offsets.
    SetOffsets(SeekTo),
    /// A request is lost with its connection.
    LoseRequest(LossKind),
    /// A response is lost with its connection.
    LoseResponse(LossKind),
    /// An administrator moves the log start offset of a partition.
    DeleteRecords {
        /// To here; to the high watermark if absent.
        up_to: Option<Offset>,
    },
    /// An administrator asks the controller for an election of a partition's leader.
    ElectLeader {
        /// Of any replica that is alive, where nobody leads; else of the preferred one.
        unclean: bool,
    },
    /// Nothing passes between the sides of a link.
    Cut {
        /// For so long; until a `heal`, if absent.
        lasting: Option<Drawn>,
        /// Only what the first side sends is stopped.
        one_way: bool,
    },
    /// The cuts of a link end.
    Heal,
    /// A link is slower.
    Slow {
        /// By so much, one way.
        by: Dist,
        /// For so long; to the end, if absent.
        lasting: Option<Drawn>,
        /// Only what the first side sends.
        one_way: bool,
    },
    /// A request stays in the network for so long.
    HoldRequest {
        /// So long.
        lasting: Drawn,
    },
    /// A response stays in the network for so long.
    HoldResponse {
        /// So long.
        lasting: Drawn,
    },
    /// A broker answers a request with this error and does nothing.
    Refuse {
        /// The error.
        error: ErrorCode,
    },
    /// An administrator gives a topic so many partitions.
    AddPartitions {
        /// How many it has then.
        to: u32,
    },
}

/// One entry of `faults`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSetup {
    /// What it does.
    pub verb: Verb,
    /// To whom.
    pub target: Target,
    /// When.
    pub trigger: Trigger,
    /// The nth time the condition holds, from 1.
    pub nth: Drawn,
    /// At so many occurrences from there.
    pub times: u32,
    /// With an instant: the distance between strikes.
    pub every: Option<Dist>,
    /// No failure if it never strikes.
    pub optional: bool,
    /// Its place in the file, for messages: line, and the entry as written.
    pub line: u32,
    /// The entry as written, for messages.
    pub text: Arc<str>,
}

/// The bounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The virtual end.
    pub time: Span,
    /// How long the drain may take after the last workload and fault.
    pub drain: Span,
    /// Events handled.
    pub events: u64,
    /// The run does not end before this.
    pub at_least: Instant,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Span::from_secs(30 * 86_400),
            drain: Span::from_secs(600),
            events: 1_000_000_000,
            at_least: Instant::ZERO,
        }
    }
}
