//! From a setup to a world at time 0: a formed cluster, everything else still to start.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dispatch::Node;
use super::event::{Event, Turn};
use super::fault::Faults;
use super::link::Links;
use super::setup::{Setup, TopicSetup};
use super::{Requests, Sim, Status};
use crate::base::{Instant, NodeId, Stream, TopicId};
use crate::engine::network::LinkLatency;
use crate::engine::{Class, Network, Queue, Timers};
use crate::kafka::message::PartitionMetadata;
use crate::node::broker::{Broker, BrokerSetup, BrokerTopic};
use crate::node::consumer::Member;
use crate::node::controller::{Controller, ControllerSetup, Creation, Rules};
use crate::node::producer::{Draws, Producer};
use crate::node::sink::{Sink, UniqueBy};
use crate::node::{FactId, StepMask};

impl Sim {
    /// The world of a setup at time 0.
    pub fn new(setup: Arc<Setup>) -> Self {
        let count = setup.cast.actors.len();
        let names: Vec<String> = setup.cast.actors.iter().map(|a| a.name.clone()).collect();
        let latencies = setup.network.links.iter().map(|l| LinkLatency {
            a: l.a.clone(),
            b: l.b.clone(),
            latency: l.latency.clone(),
        });
        let network = Network::new(
            setup.seed,
            names.into(),
            setup.network.latency.clone(),
            latencies.collect(),
        );
        let mut sim = Self {
            faults: Faults::new(&setup),
            now: Instant::ZERO,
            queue: Queue::default(),
            network,
            links: Links::new(Stream::new(setup.seed, "connection-setup", "")),
            nodes: nodes(&setup),
            status: vec![Status::NotStarted; count],
            timers: vec![[Timers::default(), Timers::default()]; count],
            watched: vec![StepMask::NONE; count],
            next_fact: FactId(1),
            next_conn: 0,
            events: 0,
            outstanding: 0,
            data_in_flight: 0,
            requests: Requests::none(count),
            at_work: None,
            closing: Vec::new(),
            silenced: Vec::new(),
            calm_since: None,
            setup,
        };
        sim.plan_lives();
        sim.arm_faults();
        sim
    }

    fn plan_lives(&mut self) {
        let setup = self.setup.clone();
        let cluster = &setup.cluster;
        let sinks = setup.sinks.iter().map(|sink| &sink.node);
        for node in cluster
            .controllers
            .iter()
            .chain(&cluster.brokers)
            .chain(sinks)
        {
            self.plan(*node, Turn::Start, Instant::ZERO, FactId::NONE);
        }
        let producers = setup.producers.iter().map(|(p, life)| (p.node, *life));
        let members = setup.members.iter().map(|(m, life)| {
            (
                setup
                    .cast
                    .node(&m.name)
                    .expect("every member is in the cast"),
                *life,
            )
        });
        for (node, life) in producers.chain(members) {
            self.plan(node, Turn::Start, life.start_at, FactId::NONE);
            if let Some(stop_at) = life.stop_at {
                self.plan(node, Turn::Stop, stop_at, FactId::NONE);
            }
        }
        let at_least = setup.limits.at_least;
        self.queue
            .push(at_least, Class::Application, NodeId(0), Event::Wake);
    }
}

/// Every process, in the order of the cast.
fn nodes(setup: &Setup) -> Vec<Node> {
    let (controller_setup, placed) = placement(setup);
    let mut nodes: Vec<Option<Node>> = vec![None; setup.cast.actors.len()];
    for node in &setup.cluster.controllers {
        let mut controller = Controller::new(ControllerSetup {
            node: *node,
            ..controller_setup.clone()
        });
        for partitions in &placed {
            controller.preload(partitions);
        }
        nodes[node.index()] = Some(Node::Controller(Box::new(controller)));
    }
    for (index, node) in setup.cluster.brokers.iter().enumerate() {
        let mut broker = Broker::new(broker_setup(setup, *node, index as u32 + 1));
        for partitions in &placed {
            broker.preload(partitions);
        }
        for group in &setup.groups {
            if !group.committed.is_empty() {
                broker.preload_committed(&group.name, &group.committed);
            }
        }
        nodes[node.index()] = Some(Node::Broker(Box::new(broker)));
    }
    for (producer, _) in &setup.producers {
        let node = Node::Producer(Box::new(Producer::new(producer.clone())));
        nodes[producer.node.index()] = Some(node);
    }
    for (member, _) in &setup.members {
        let node = setup
            .cast
            .node(&member.name)
            .expect("every member is in the cast");
        nodes[node.index()] = Some(Node::Member(Box::new(Member::new(member.clone()))));
    }
    for sink in &setup.sinks {
        let keys = if sink.unique.is_some_and(|unique| unique.by == UniqueBy::Key) {
            keys_of_records(setup)
        } else {
            Arc::from([])
        };
        nodes[sink.node.index()] = Some(Node::Sink(Box::new(Sink::new(sink.clone(), keys))));
    }
    let all = nodes
        .into_iter()
        .map(|node| node.expect("every actor has a node"));
    all.collect()
}

/// Where the partitions of the topics present at time 0 lie. `__consumer_offsets` is among them only
/// if a group has stored offsets before.
fn placement(setup: &Setup) -> (ControllerSetup, Vec<Arc<[PartitionMetadata]>>) {
    let elr = setup.cluster.eligible_leader_replicas;
    let rules = |topic: &TopicSetup| Rules {
        min_isr: elr.then_some(topic.config.min_insync_replicas),
        unclean: topic.config.unclean_leader_election,
    };
    let created = |(index, topic): (usize, &TopicSetup)| {
        Some(Creation {
            at: topic.created_at?,
            topic: TopicId(index as u32),
            partitions: topic.partitions,
            replication_factor: topic.replication_factor,
            assignment: topic.assignment.clone(),
        })
    };
    let creations = setup.topics.iter().enumerate().filter_map(created);
    let controller = ControllerSetup {
        creations: creations.collect(),
        node: setup.cluster.controllers[0],
        seed: setup.seed,
        cast: setup.cast.clone(),
        brokers: setup.cluster.brokers.clone().into(),
        config: setup.cluster.config.clone(),
        rules: setup.topics.iter().map(rules).collect(),
        can_fail: setup.brokers_can_fail(),
    };
    let has_committed = setup.groups.iter().any(|group| !group.committed.is_empty());
    let mut placed = Vec::new();
    for (index, topic) in setup.topics.iter().enumerate() {
        let id = TopicId(index as u32);
        let present = topic.before_start || (topic.internal && has_committed);
        if !present {
            continue;
        }
        let partitions = match &topic.assignment {
            Some(assignment) => Some(ControllerSetup::assigned(id, assignment)),
            None => controller.place_topic(id, topic.partitions, topic.replication_factor),
        };
        placed.push(partitions.expect("the loader counts brokers against replication factors"));
    }
    (controller, placed)
}

fn broker_setup(setup: &Setup, node: NodeId, node_id: u32) -> BrokerSetup {
    let config = &setup.cluster.config;
    let topics = setup.topics.iter().map(|topic| {
        // What a first user gets: for a topic that an administrator creates later, the defaults.
        let (partitions, replication_factor) = match topic.created_at {
            Some(_) => (config.num_partitions, config.default_replication_factor),
            None => (topic.partitions, topic.replication_factor),
        };
        BrokerTopic {
            config: topic.config.clone(),
            partitions,
            partitions_max: topic.partitions_max,
            replication_factor,
            internal: topic.internal,
        }
    });
    let offsets = setup
        .topics
        .iter()
        .position(|t| t.internal)
        .map(|i| TopicId(i as u32));
    BrokerSetup {
        node,
        node_id,
        seed: setup.seed,
        config: setup.cluster.config.clone(),
        cast: setup.cast.clone(),
        topics: topics.collect(),
        offsets_topic: offsets,
        controllers: setup.cluster.controllers.clone().into(),
        brokers: setup.cluster.brokers.clone().into(),
        request_time: setup.cluster.request_time.clone(),
        can_fail: setup.brokers_can_fail(),
        can_lose_power: setup.power_can_fail(),
    }
}

/// A number for the key of every record, the same for the same key; 0 for none.
fn keys_of_records(setup: &Setup) -> Arc<[u32]> {
    let mut numbers: BTreeMap<Arc<str>, u32> = BTreeMap::new();
    let mut keys = Vec::new();
    for (producer, _) in &setup.producers {
        let count = producer.workload.count;
        let first = producer.first_record.0 as usize;
        keys.resize(keys.len().max(first + count as usize), 0);
        let mut draws = Draws::new(&Arc::new(producer.clone()), 0);
        for number in 0..count {
            if let Some(key) = draws.key_of(number) {
                let next = numbers.len() as u32 + 1;
                keys[first + number as usize] = *numbers.entry(key).or_insert(next);
            }
        }
    }
    keys.into()
}
