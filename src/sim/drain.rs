//! May the run end? The drain, as the scenario grammar defines it.
//!
//! Drained: no strike at an instant, restart or end of a fault is still to come; producers have sent
//! everything and heard of it; each group's positions are at the end of what it may read; no request
//! that carries records or offsets is open; what is auto-committed is committed. A loop that commits
//! by itself does so after records only, so once it is quiet nothing more can come of it. A group
//! without a living member has no positions; under the consumer protocol its members have come to
//! one epoch. Where brokers can fail, the cluster has settled: who is down is fenced, who is up is
//! not, and is in sync with every partition that has a leader.

use std::collections::BTreeSet;

use super::dispatch::Node;
use super::{End, Ends, Scratch, Sim, Status};
use crate::base::{Instant, NodeId, Offset, TopicId, TopicPartition};
use crate::kafka::message::PartitionMetadata;
use crate::node::broker::Broker;

/// What the drain waits for. Asked for after every event, so it is worded only for a stuck run.
#[derive(Clone, Copy, Debug)]
enum Wait {
    Flight,
    Broker(NodeId),
    Sink(NodeId),
    Rest(NodeId),
    Position {
        member: NodeId,
        partition: TopicPartition,
        position: Option<Offset>,
        end: Option<Offset>,
    },
    Commit(NodeId),
    Fenced(NodeId),
    Unfenced(NodeId),
    InSync(NodeId, TopicPartition),
    Owners {
        group: usize,
        owned: u32,
        expected: u32,
    },
}

impl Sim {
    /// Whether the run is over now, everything done.
    pub(super) fn may_end(&mut self) -> bool {
        // Asked after every event: what holds most of the time comes first.
        if self.at_work.is_none() {
            self.at_work = self.producer_at_work();
        }
        // The time to drain begins after the last record and fault.
        if self.at_work.is_some() || self.outstanding != 0 || self.awaits_topics() {
            self.calm_since = None;
            return false;
        }
        if self.now < self.setup.limits.at_least {
            return false;
        }
        self.calm_since.get_or_insert(self.now);
        // Members are hardly ever all at rest, and quicker to ask than servers.
        self.waits_of_groups().is_none()
            && self.waits_of_servers().is_none()
            && self.waits_of_cluster().is_none()
    }

    /// Whether the drain has outlasted its bound before the next event.
    pub(super) fn drain_is_over(&self, next: Instant) -> Option<Ends> {
        let calm = self.calm_since?;
        let bound = self.setup.limits.drain;
        (calm + bound < next).then(|| {
            let why = self.why_not_drained().unwrap_or_default();
            Ends::Stuck {
                reason: format!("{why}, {bound} after the last record and fault"),
            }
        })
    }

    /// Whether an administrator has yet to create a topic.
    fn awaits_topics(&self) -> bool {
        let controller = self.setup.cluster.controllers[0];
        match &self.nodes[controller.index()] {
            Node::Controller(controller) => controller.awaits_topics(),
            _ => false,
        }
    }

    /// A producer that has not sent everything and heard of it.
    fn producer_at_work(&self) -> Option<NodeId> {
        let mut producers = self.setup.producers.iter().map(|(setup, _)| setup.node);
        producers.find(|node| {
            let Node::Producer(producer) = &self.nodes[node.index()] else {
                return false;
            };
            match self.status[node.index()] {
                Status::Down => false,
                Status::NotStarted => true,
                Status::Up | Status::Paused { .. } => !producer.is_finished(),
            }
        })
    }

    /// What the drain waits for, in words.
    pub(super) fn why_not_drained(&self) -> Option<String> {
        let wait = self.waits_of_servers();
        let wait = wait.or_else(|| self.waits_of_groups());
        let wait = wait.or_else(|| self.waits_of_cluster());
        wait.map(|wait| self.words_of(wait))
    }

    fn waits_of_servers(&self) -> Option<Wait> {
        if self.data_in_flight != 0 {
            return Some(Wait::Flight);
        }
        let mut brokers = self.setup.cluster.brokers.iter().copied();
        let open = brokers.find(|broker| match &self.nodes[broker.index()] {
            Node::Broker(broker) => broker.open_data_requests() != 0,
            _ => false,
        });
        let sinks = self.setup.sinks.iter().map(|sink| sink.node);
        let busy = |sink: &NodeId| match &self.nodes[sink.index()] {
            Node::Sink(sink) => !sink.is_idle(),
            _ => false,
        };
        let open = open.map(Wait::Broker);
        open.or_else(|| sinks.clone().find(busy).map(Wait::Sink))
    }

    /// What a cluster whose brokers can fail has yet to notice. Without a controller, nothing.
    fn waits_of_cluster(&self) -> Option<Wait> {
        let controller = self.setup.cluster.controllers[0];
        let Node::Controller(node) = &self.nodes[controller.index()] else {
            unreachable!("the first controller of a setup is a controller")
        };
        if !node.watches_brokers() || !self.is_up(controller) {
            return None;
        }
        for &broker in &self.setup.cluster.brokers {
            match (self.is_up(broker), node.is_fenced(broker)) {
                (false, false) => return Some(Wait::Fenced(broker)),
                (true, true) => return Some(Wait::Unfenced(broker)),
                _ => {}
            }
        }
        let is_out = |state: &PartitionMetadata| {
            let mut replicas = state.replicas.iter().copied();
            let out = replicas.find(|node| self.is_up(*node) && !state.isr.contains(node));
            out.filter(|_| state.leader.is_some())
        };
        let mut states = node.partitions();
        states.find_map(|state| Some(Wait::InSync(is_out(state)?, state.partition)))
    }

    fn waits_of_groups(&self) -> Option<Wait> {
        let mut groups = 0..self.setup.groups.len();
        groups.find_map(|group| self.waits_of_group(group))
    }

    fn waits_of_group(&self, index: usize) -> Option<Wait> {
        let group = &self.setup.groups[index];
        let mut owned = BTreeSet::new();
        // Under the consumer protocol everybody ends in the epoch of the group.
        let mut epoch = None;
        let mut alive = group.members.iter().filter(|m| self.is_up(**m)).peekable();
        alive.peek()?;
        for &node in alive {
            let Node::Member(member) = &self.nodes[node.index()] else {
                continue;
            };
            if !member.quiet() {
                return Some(Wait::Rest(node));
            }
            if let Some(its) = member.epoch()
                && its != *epoch.get_or_insert(its)
            {
                return Some(Wait::Rest(node));
            }
            for (partition, position) in member.positions() {
                owned.insert(partition);
                let end = self.high_watermark(partition);
                // Behind the end too: the fetch from there fails, and the position is reset.
                if end.is_some() && position != end {
                    return Some(Wait::Position {
                        member: node,
                        partition,
                        position,
                        end,
                    });
                }
            }
            if member.committed_is_pending() {
                return Some(Wait::Commit(node));
            }
        }
        let partitions = |topic: &TopicId| self.partition_count(*topic);
        let expected: u32 = group.topics.iter().map(partitions).sum();
        let owned = owned.len() as u32;
        (owned < expected).then_some(Wait::Owners {
            group: index,
            owned,
            expected,
        })
    }

    fn words_of(&self, wait: Wait) -> String {
        let cast = &self.setup.cast;
        match wait {
            Wait::Flight => "a request with records or offsets is on its way".to_owned(),
            Wait::Broker(broker) => {
                let name = cast.actor(broker);
                format!("{name} has not answered every request with records or offsets")
            }
            Wait::Sink(sink) => format!("{} has not answered every request", cast.actor(sink)),
            Wait::Rest(member) => format!("{} is not at rest", cast.actor(member)),
            Wait::Position {
                member,
                partition,
                position,
                end,
            } => {
                let (name, partition) = (cast.actor(member), cast.partition(partition));
                let at = position.map_or("nowhere".to_owned(), |p| p.to_string());
                let end = end.unwrap_or_default();
                format!("{name} is at {at} of {end} in {partition}")
            }
            Wait::Commit(member) => {
                format!("{} has not committed its position", cast.actor(member))
            }
            Wait::Fenced(broker) => {
                format!(
                    "{} is down, and the controller has not noticed",
                    cast.actor(broker)
                )
            }
            Wait::Unfenced(broker) => format!("{} is up and still fenced", cast.actor(broker)),
            Wait::InSync(broker, partition) => {
                let (name, partition) = (cast.actor(broker), cast.partition(partition));
                format!("{name} is not in sync with {partition}")
            }
            Wait::Owners {
                group,
                owned,
                expected,
            } => {
                let name = &self.setup.groups[group].name;
                format!("{owned} of {expected} partitions of group {name} have an owner")
            }
        }
    }

    /// How many partitions a topic has now, by the controller's word; none if nobody has created it
    /// yet.
    pub(super) fn partition_count(&self, topic: TopicId) -> u32 {
        let controller = self.setup.cluster.controllers[0];
        let Node::Controller(controller) = &self.nodes[controller.index()] else {
            unreachable!("the first controller of a setup is a controller")
        };
        controller.topic(topic).map_or(0, |all| all.len() as u32)
    }

    /// The high watermark at the leader of a partition.
    pub fn high_watermark(&self, tp: TopicPartition) -> Option<Offset> {
        let leader = self.leader_of(tp)?;
        self.broker(leader)?.high_watermark(tp)
    }

    /// The log start offset at the leader of a partition.
    pub(super) fn log_start(&self, tp: TopicPartition) -> Option<Offset> {
        let leader = self.leader_of(tp)?;
        Some(self.broker(leader)?.log(tp)?.start())
    }

    pub(super) fn broker(&self, node: NodeId) -> Option<&Broker> {
        match &self.nodes[node.index()] {
            Node::Broker(broker) => Some(broker),
            _ => None,
        }
    }

    /// The state of every partition, by the controller's word.
    pub fn partitions(&self) -> impl Iterator<Item = &PartitionMetadata> {
        let controller = self.setup.cluster.controllers[0];
        let Node::Controller(controller) = &self.nodes[controller.index()] else {
            unreachable!("the first controller of a setup is a controller")
        };
        controller.partitions()
    }

    /// Whether the logs of all replicas agree below their high watermarks: the first offset at which
    /// two do not. Logs that are still to be cut are left out: those of brokers that are down or
    /// fenced, or not in sync.
    pub fn disagreement(&self) -> Option<(TopicPartition, Offset)> {
        self.partitions().find_map(|state| {
            let tp = state.partition;
            let alive = state.isr.iter().filter(|node| self.is_up(**node));
            let mut brokers = alive.filter_map(|node| self.broker(*node));
            let first = brokers.next()?;
            brokers.find_map(|other| Some((tp, first.disagreement(other, tp)?)))
        })
    }

    /// The broker that leads a partition, by the controller's word and its own; of two that both
    /// believe they do the controller's. `None` while it is down or has not heard yet.
    pub(super) fn leader_of(&self, tp: TopicPartition) -> Option<NodeId> {
        let leader = self.state_of(tp)?.leader?;
        let leads = self.is_up(leader) && self.broker(leader)?.is_leader(tp);
        leads.then_some(leader)
    }

    /// The brokers that are up and hold the other copies of a partition.
    pub(super) fn followers_of(&self, tp: TopicPartition) -> Vec<NodeId> {
        let Some(state) = self.state_of(tp) else {
            return Vec::new();
        };
        let others = state.replicas.iter().copied();
        others
            .filter(|node| Some(*node) != state.leader && self.is_up(*node))
            .collect()
    }

    pub(super) fn state_of(&self, tp: TopicPartition) -> Option<&PartitionMetadata> {
        let controller = self.setup.cluster.controllers[0];
        let Node::Controller(controller) = &self.nodes[controller.index()] else {
            unreachable!("the first controller of a setup is a controller")
        };
        controller.topic(tp.topic)?.get(tp.partition as usize)
    }

    /// Ends the run: running stretches are cut here.
    pub(super) fn end(&mut self, scratch: &mut Scratch, how: Ends) -> End {
        for node in 0..self.nodes.len() {
            let node = NodeId(node as u32);
            if self.status[node.index()] == Status::Up {
                self.settle(node, scratch);
            }
        }
        End {
            at: self.now,
            events: self.events,
            how,
            unstruck: self.faults.unstruck(&self.setup),
            requests: self.requests.clone(),
        }
    }
}
