//! [`Scenario`] to [`Setup`]: every name turned into an id.
//!
//! The scenario has been checked: a name that nobody bears is a programmer's error here. A
//! scenario built by a program is checked by `Scenario::checked` first.

mod clients;
mod faults;
mod sinks;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decode::{settings_of_broker, settings_of_topic};
use super::resolved::client::Effect;
use super::resolved::{Create, Creation, Placement, Scenario, Topic};
use crate::base::{Dist, Instant, NodeId, RecordId, Seed, TopicId, TopicPartition};
use crate::kafka::Cast;
use crate::kafka::cast::{Actor, RecordRange, Role};
use crate::kafka::config::{BrokerConfig, TopicConfig};
use crate::sim::setup::{
    ClusterSetup, GroupSetup, Limits, LinkSetup, NetworkSetup, Setup, TopicSetup,
};
use crate::verdict::record::split_partition;

/// The topic in which groups keep their offsets.
const CONSUMER_OFFSETS: &str = "__consumer_offsets";

/// The world that a checked scenario describes.
pub fn compile(scenario: &Scenario) -> Setup {
    let broker = settings_of_broker(&scenario.cluster.config);
    let cast = Arc::new(cast(scenario));
    let compiler = Compiler {
        scenario,
        cast: &cast,
        seed: Seed(scenario.seed),
    };
    Setup {
        seed: compiler.seed,
        cluster: compiler.cluster(broker.clone()),
        network: compiler.network(),
        topics: compiler.topics(&broker),
        producers: compiler.producers(),
        members: compiler.members(),
        sinks: compiler.sinks(),
        groups: compiler.groups(),
        faults: compiler.faults(),
        warm_up: Instant::ZERO + scenario.warm_up,
        limits: Limits {
            time: scenario.limits.time,
            drain: scenario.limits.drain,
            events: scenario.limits.events,
            at_least: Instant(scenario.limits.at_least.map_or(0, |span| span.0)),
        },
        stepped: false,
        cast: cast.clone(),
    }
}

/// A scenario with the ids of its names.
struct Compiler<'s> {
    scenario: &'s Scenario,
    cast: &'s Cast,
    seed: Seed,
}

/// The ids of all names: the cluster first, then producers, members and sinks, in the file's order.
fn cast(scenario: &Scenario) -> Cast {
    let mut cast = Cast::default();
    let mut actor = |name: String, role: Role, family: &str, group| {
        let family = family.to_owned();
        cast.actors.push(Actor {
            name,
            role,
            family,
            group,
        });
    };
    for n in 1..=scenario.cluster.controllers {
        let name = format!("controller-{n}");
        actor(name.clone(), Role::Controller, &name, None);
    }
    for n in 1..=scenario.cluster.brokers {
        let name = format!("broker-{n}");
        actor(name.clone(), Role::Broker, &name, None);
    }
    for (family, producer) in scenario.producers.iter() {
        for name in producer.actors(family) {
            actor(name, Role::Producer, family, None);
        }
    }
    for (index, (family, group)) in scenario.groups.iter().enumerate() {
        let id = crate::base::GroupId(index as u32);
        for name in group.actors(family) {
            actor(name, Role::Member, family, Some(id));
        }
    }
    for name in scenario.sinks.names() {
        actor(name.to_owned(), Role::Sink, name, None);
    }
    cast.topics = scenario.topics.names().map(str::to_owned).collect();
    cast.topics.push(CONSUMER_OFFSETS.to_owned());
    cast.groups = scenario.groups.names().map(str::to_owned).collect();
    let mut first = 0;
    for (family, producer) in scenario.producers.iter() {
        for name in producer.actors(family) {
            let node = cast
                .node(&name)
                .expect("every instance was given an id above");
            let count = producer.records.count();
            let first_record = RecordId(first);
            cast.records.push(RecordRange {
                producer: node,
                first: first_record,
                count,
            });
            first += count;
        }
    }
    cast
}

impl Compiler<'_> {
    fn node(&self, name: &str) -> NodeId {
        self.cast
            .node(name)
            .expect("the loader has checked the name of an actor")
    }

    fn topic(&self, name: &str) -> TopicId {
        self.cast
            .topic_id(name)
            .expect("the loader has checked the name of a topic")
    }

    fn partition(&self, name: &str) -> TopicPartition {
        let (topic, partition) =
            split_partition(name).expect("the loader has checked the name of a partition");
        TopicPartition::new(self.topic(topic), partition)
    }

    fn with_role(&self, role: Role) -> Vec<NodeId> {
        let actors = self.cast.actors.iter().enumerate();
        let found = actors.filter(|(_, actor)| actor.role == role);
        found.map(|(index, _)| NodeId(index as u32)).collect()
    }

    /// The actors that a name stands for: itself, its family, or all of a kind.
    fn actors(&self, name: &str) -> Vec<NodeId> {
        match name {
            "clients" => {
                let mut clients = self.with_role(Role::Producer);
                clients.extend(self.with_role(Role::Member));
                return clients;
            }
            "brokers" => return self.with_role(Role::Broker),
            "controllers" => return self.with_role(Role::Controller),
            _ => {}
        }
        if let Some(node) = self.cast.node(name) {
            return vec![node];
        }
        let actors = self.cast.actors.iter().enumerate();
        let family = actors.filter(|(_, actor)| actor.family == name);
        family.map(|(index, _)| NodeId(index as u32)).collect()
    }

    fn cluster(&self, config: BrokerConfig) -> ClusterSetup {
        ClusterSetup {
            controllers: self.with_role(Role::Controller),
            brokers: self.with_role(Role::Broker),
            config,
            eligible_leader_replicas: self.scenario.cluster.features.eligible_leader_replicas != 0,
            request_time: self.scenario.cluster.request_time.0.clone(),
        }
    }

    fn network(&self) -> NetworkSetup {
        let side = |names: &[String]| -> Vec<NodeId> {
            let nodes: BTreeSet<NodeId> = names.iter().flat_map(|n| self.actors(n)).collect();
            nodes.into_iter().collect()
        };
        let links = self.scenario.network.links.iter().map(|link| LinkSetup {
            a: side(&link.link[0]),
            b: side(&link.link[1]),
            latency: link.latency.0.clone(),
        });
        let latency: Dist = self.scenario.network.latency.0.clone();
        NetworkSetup {
            latency,
            links: links.collect(),
        }
    }

    fn topics(&self, broker: &BrokerConfig) -> Vec<TopicSetup> {
        let topics = self.scenario.topics.iter();
        let mut setups: Vec<TopicSetup> = topics
            .map(|(name, topic)| self.topic_setup(name, topic, broker))
            .collect();
        setups.push(TopicSetup {
            name: CONSUMER_OFFSETS.into(),
            before_start: false,
            created_at: None,
            partitions: broker.offsets_topic_partitions,
            partitions_max: broker.offsets_topic_partitions,
            replication_factor: broker.offsets_topic_replication_factor,
            assignment: None,
            config: TopicConfig::default(),
            internal: true,
        });
        setups
    }

    fn topic_setup(&self, name: &str, topic: &Topic, broker: &BrokerConfig) -> TopicSetup {
        let brokers = self.with_role(Role::Broker);
        let (copies, assignment) = match &topic.placement {
            Placement::Counted {
                replication_factor, ..
            } => (*replication_factor, None),
            Placement::Assigned { replica_assignment } => {
                let nodes =
                    |ids: &Vec<u32>| ids.iter().map(|id| brokers[*id as usize - 1]).collect();
                let copies = replica_assignment.first().map_or(0, Vec::len);
                (
                    copies as u32,
                    Some(replica_assignment.iter().map(nodes).collect()),
                )
            }
        };
        let created_at = match topic.create {
            Creation::At(span) => Some(Instant::ZERO + span),
            Creation::By(_) => None,
        };
        TopicSetup {
            name: name.into(),
            before_start: topic.create == Creation::By(Create::BeforeStart),
            created_at,
            partitions: topic.partitions(),
            // A client may have it created before, with the brokers' defaults.
            partitions_max: created_at
                .map_or(0, |_| broker.num_partitions)
                .max(topic.partitions_max()),
            replication_factor: copies,
            assignment,
            config: settings_of_topic(&topic.config, broker),
            internal: false,
        }
    }

    fn groups(&self) -> Vec<GroupSetup> {
        let group = |(name, group): (&str, &super::resolved::Group)| {
            let members = group.actors(name);
            let each = members.iter().map(|member| group.actor(member));
            let topics: BTreeSet<TopicId> = each
                .clone()
                .flat_map(|member| member.topics.iter().map(|topic| self.topic(topic)))
                .collect();
            let committed = group.committed.iter();
            GroupSetup {
                name: name.into(),
                members: members.iter().map(|member| self.node(member)).collect(),
                topics: topics.into_iter().collect(),
                committed: committed
                    .map(|(name, offset)| (self.partition(name), *offset))
                    .collect(),
                commits: each.clone().any(super::resolved::Member::commits),
                effect_in_sink: each.clone().any(|member| member.effect == Effect::Store),
            }
        };
        self.scenario.groups.iter().map(group).collect()
    }
}
