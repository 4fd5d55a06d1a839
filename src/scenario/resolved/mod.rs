//! The resolved form of a scenario: one run with every default written, as plain data.
//!
//! It is what `show` prints, what a program builds by hand and what is compiled into a world. Its
//! keys are the file's keys, so that the printed form is a file that resolves to itself. Names
//! stay names here; what they became in a run, the trace tells.

pub mod client;
pub mod fault;
pub mod named;
pub mod sink;
pub mod step;

use serde::{Serialize, Serializer};

pub use client::{Except, Group, Member, Producer, Sender};
pub use fault::Fault;
pub use named::{Config, Named, Setting};
pub use sink::Sink;
pub use step::Step;

use super::value::Timing;
use crate::base::Span;
use crate::verdict::{Expect, MustHappen, words};

/// One run, completely stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Scenario {
    /// One sentence, the claim.
    pub title: String,
    /// What to watch for, as Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What to ask before the verdict is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The rows of a course that the scenario shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
    /// The rule set: a release of Kafka.
    pub kafka: String,
    /// The seed of every draw.
    pub seed: u64,
    /// Brokers and controllers.
    pub cluster: Cluster,
    /// Links between processes.
    pub network: Network,
    /// Topics in the order of the file.
    pub topics: Named<Topic>,
    /// Sinks in the order of the file.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub sinks: Named<Sink>,
    /// Producers in the order of the file.
    pub producers: Named<Producer>,
    /// Consumer groups in the order of the file.
    pub groups: Named<Group>,
    /// Stops, rebalances, moves, latencies and requests are counted from here.
    pub warm_up: Span,
    /// What is done to the system.
    pub faults: Vec<Fault>,
    /// What the run is judged by.
    pub expect: Expect,
    /// What must occur for the verdict to mean anything.
    pub must_happen: Vec<MustHappen>,
    /// The bounds of the run.
    pub limits: Limits,
}

/// The cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cluster {
    /// `broker-1` to `broker-N`.
    pub brokers: u32,
    /// `controller-1` to `controller-N`.
    pub controllers: u32,
    /// How the cluster keeps its metadata.
    pub mode: Mode,
    /// Whose defaults fill `config`.
    pub defaults: Defaults,
    /// Settings of brokers.
    pub config: Config,
    /// Which of Kafka's features are on.
    pub features: Features,
    /// A broker's work per request.
    pub request_time: Timing,
}

/// Levels of features that a cluster agrees on (`kafka-features.sh`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Features {
    /// 1: replicas that left the in-sync replicas may lead (KIP-966); 0: they may not.
    #[serde(rename = "eligible.leader.replicas.version")]
    pub eligible_leader_replicas: u64,
}

impl Default for Features {
    /// Those of a new cluster of release 4.1.
    fn default() -> Self {
        Self {
            eligible_leader_replicas: 1,
        }
    }
}

words! {
    /// How a cluster keeps its metadata.
    pub enum Mode {
        /// By its own controllers (KIP-500).
        Kraft = "kraft",
    }
}

words! {
    /// Whose defaults brokers run with.
    pub enum Defaults {
        /// Those of the code.
        Code = "code",
        /// Those of the sample file that Kafka ships: internal topics with one copy.
        ServerProperties = "server.properties",
    }
}

/// The network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Network {
    /// One way, every link.
    pub latency: Timing,
    /// Exceptions; the last match wins.
    pub links: Vec<Link>,
}

/// The latency between two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The two sides, each a list of actors.
    pub link: [Vec<String>; 2],
    /// One way, in both directions.
    pub latency: Timing,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// How many partitions and copies, or which.
    pub placement: Placement,
    /// When the topic comes into being.
    pub create: Creation,
    /// Settings of the topic.
    pub config: Config,
    /// The most partitions that a fault of the run gives it; 0 where none does. It follows from
    /// `faults`, so it is not printed.
    pub grows_to: u32,
}

impl Serialize for Topic {
    /// The map of the file. Of a topic created on first use only that: the rest are the brokers'
    /// defaults, and the file may not state them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'t> {
            #[serde(flatten)]
            placement: Option<&'t Placement>,
            create: Creation,
            #[serde(skip_serializing_if = "Option::is_none")]
            config: Option<&'t Config>,
        }
        let stated = self.create != Creation::By(Create::OnFirstUse);
        let form = Form {
            placement: stated.then_some(&self.placement),
            create: self.create,
            config: stated.then_some(&self.config),
        };
        form.serialize(serializer)
    }
}

/// Where the copies of a topic's partitions lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Placement {
    /// So many, placed as Kafka places them.
    Counted {
        /// The partitions.
        partitions: u32,
        /// The copies of each.
        #[serde(rename = "replication.factor")]
        replication_factor: u32,
    },
    /// By hand: the node ids of each partition's copies, the leader first.
    Assigned {
        /// A list of node ids for each partition.
        #[serde(rename = "replica-assignment")]
        replica_assignment: Vec<Vec<u32>>,
    },
}

words! {
    /// When a topic comes into being.
    pub enum Create {
        /// Before time 0.
        BeforeStart = "before-start",
        /// When the first client asks for it, with the brokers' defaults.
        OnFirstUse = "on-first-use",
    }
}

/// When a topic comes into being: by a word, or by an administrator at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Creation {
    /// As the word says.
    By(Create),
    /// `CreateTopics` so long after time 0.
    At(Span),
}

/// The bounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limits {
    /// The virtual end.
    pub time: Span,
    /// After the last workload and the last fault: time to process and commit everything.
    pub drain: Span,
    /// Events handled.
    pub events: u64,
    /// Lines of the trace that are printed.
    pub trace: u64,
    /// The run does not end before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Span>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            brokers: 3,
            controllers: 1,
            mode: Mode::Kraft,
            defaults: Defaults::Code,
            config: Config::default(),
            features: Features::default(),
            request_time: Timing::constant(Span::from_micros(100)),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: Timing::constant(Span::from_millis(1)),
            links: Vec::new(),
        }
    }
}

impl Default for Topic {
    fn default() -> Self {
        Self {
            placement: Placement::Counted {
                partitions: 1,
                replication_factor: 1,
            },
            create: Creation::By(Create::BeforeStart),
            config: Config::default(),
            grows_to: 0,
        }
    }
}

impl Topic {
    /// How many partitions the topic begins with.
    pub fn partitions(&self) -> u32 {
        match &self.placement {
            Placement::Counted { partitions, .. } => *partitions,
            Placement::Assigned { replica_assignment } => replica_assignment.len() as u32,
        }
    }

    /// How many partitions it can have in the course of the run.
    pub fn partitions_max(&self) -> u32 {
        self.partitions().max(self.grows_to)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Span::from_secs(30 * 86_400),
            drain: Span::from_secs(600),
            events: 1_000_000_000,
            trace: 1_000_000,
            at_least: None,
        }
    }
}

impl Default for Scenario {
    /// An empty cluster with the format's defaults, to be filled by a program.
    fn default() -> Self {
        Self {
            title: String::new(),
            about: None,
            question: None,
            covers: Vec::new(),
            kafka: "4.1".to_owned(),
            seed: 1,
            cluster: Cluster::default(),
            network: Network::default(),
            topics: Named::default(),
            sinks: Named::default(),
            producers: Named::default(),
            groups: Named::default(),
            warm_up: Span::ZERO,
            faults: Vec::new(),
            expect: Expect::default(),
            must_happen: Vec::new(),
            limits: Limits::default(),
        }
    }
}
