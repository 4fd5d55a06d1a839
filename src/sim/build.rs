//! From a setup to a world at time 0: a formed cluster, everything else still to start.

use std::sync::Arc;

use super::dispatch::Node;
use super::event::{Event, Turn};
use super::fault::Faults;
use super::setup::{GroupSetup, Setup};
use super::{Sim, Status};
use crate::base::{Instant, NodeId};
use crate::engine::network::LinkLatency;
use crate::engine::{Class, Network, Queue, Timers};
use crate::kafka::cast::Role;
use crate::kafka::message::PartitionMetadata;
use crate::node::broker::{Broker, BrokerSetup, BrokerTopic};
use crate::node::consumer::Member;
use crate::node::controller::{Controller, ControllerSetup};
use crate::node::producer::Producer;
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
            nodes: nodes(&setup),
            status: vec![Status::NotStarted; count],
            timers: vec![[Timers::default(), Timers::default()]; count],
            timer_causes: vec![[Vec::new(), Vec::new()]; count],
            watched: vec![StepMask::NONE; count],
            next_fact: FactId(1),
            next_conn: 0,
            events: 0,
            outstanding: 0,
            data_in_flight: 0,
            calm_since: None,
            setup,
        };
        sim.plan_lives();
        sim.arm_faults();
        sim
    }

    fn plan_lives(&mut self) {
        let setup = self.setup.clone();
        for node in setup.cluster.controllers.iter().chain(&setup.cluster.brokers) {
            self.plan(*node, Turn::Start, Instant::ZERO, FactId::NONE);
        }
        let producers = setup.producers.iter().map(|(p, life)| (p.node, *life));
        let members = setup.members.iter().map(|(m, life)| {
            (setup.cast.node(&m.name).expect("every member is in the cast"), *life)
        });
        for (node, life) in producers.chain(members) {
            self.plan(node, Turn::Start, life.start_at, FactId::NONE);
            if let Some(stop_at) = life.stop_at {
                self.plan(node, Turn::Stop, stop_at, FactId::NONE);
            }
        }
        let at_least = setup.limits.at_least;
        self.queue.push(at_least, Class::Application, NodeId(0), Event::Wake);
    }
}
