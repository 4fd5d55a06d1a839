//! May the run end? The drain, as the scenario grammar defines it.
//!
//! Drained: no strike at an instant, restart or end of a fault is still to come; producers have sent
//! everything and heard of it; each group's positions are at the end of what it may read; no request
//! that carries records or offsets is open; what is auto-committed is committed. A loop that commits
//! by itself does so after records only, so once it is quiet nothing more can come of it. A group
//! without a living member has no positions.

use super::dispatch::Node;
use super::{End, Ends, Scratch, Sim, Status};
use crate::base::{Instant, NodeId, Offset, TopicPartition};

impl Sim {
    /// Whether the run is over now, everything done.
    pub(super) fn may_end(&mut self) -> bool {
        if self.outstanding != 0 {
            // The time to drain begins after the last fault.
            self.calm_since = None;
            return false;
        }
        if self.now < self.setup.limits.at_least {
            return false;
        }
        if !self.producers_are_done() {
            self.calm_since = None;
            return false;
        }
        self.calm_since.get_or_insert(self.now);
        self.why_not_drained().is_none()
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

    fn producers_are_done(&self) -> bool {
        self.setup.producers.iter().all(|(setup, _)| {
            let Node::Producer(producer) = &self.nodes[setup.node.index()] else {
                return true;
            };
            match self.status[setup.node.index()] {
                Status::Down => true,
                Status::NotStarted => false,
                Status::Up | Status::Paused { .. } => producer.is_finished(),
            }
        })
    }

    /// What the drain waits for, in words.
    pub(super) fn why_not_drained(&self) -> Option<String> {
        if self.data_in_flight != 0 {
            return Some("a request with records or offsets is on its way".to_owned());
        }
        for broker in &self.setup.cluster.brokers {
            let Node::Broker(broker_node) = &self.nodes[broker.index()] else {
                continue;
            };
            if broker_node.open_data_requests() != 0 {
                let name = self.setup.cast.actor(*broker);
                return Some(format!(
                    "{name} has not answered every request with records or offsets"
                ));
            }
        }
        self.setup
            .groups
            .iter()
            .find_map(|group| self.group_waits_for(group))
    }

    fn group_waits_for(&self, group: &super::setup::GroupSetup) -> Option<String> {
        let alive: Vec<NodeId> = group
            .members
            .iter()
            .copied()
            .filter(|m| self.is_up(*m))
            .collect();
        if alive.is_empty() {
            return None;
        }
        let mut owned = 0;
        for &node in &alive {
            let Node::Member(member) = &self.nodes[node.index()] else {
                continue;
            };
            let name = self.setup.cast.actor(node);
            if !member.quiet() {
                return Some(format!("{name} is not at rest"));
            }
            for (tp, position) in member.positions() {
                owned += 1;
                let end = self.high_watermark(tp);
                // Behind the end too: the fetch from there fails, and the position is reset.
                if end.is_some() && position != end {
                    let partition = self.setup.cast.partition(tp);
                    let at = position.map_or("nowhere".to_owned(), |p| p.to_string());
                    let end = end.unwrap_or_default();
                    return Some(format!("{name} is at {at} of {end} in {partition}"));
                }
            }
            if member.committed_is_pending() {
                return Some(format!("{name} has not committed its position"));
            }
        }
        let partitions = |topic: &crate::base::TopicId| self.partition_count(*topic);
        let expected: u32 = group.topics.iter().map(partitions).sum();
        (owned < expected).then(|| {
            format!(
                "{} of {expected} partitions of group {} have an owner",
                owned, group.name
            )
        })
    }

    /// How many partitions a topic has now; none if nobody has created it yet.
    fn partition_count(&self, topic: crate::base::TopicId) -> u32 {
        let setup = &self.setup.topics[topic.index()];
        let first = TopicPartition::new(topic, 0);
        if self.high_watermark(first).is_some() {
            setup.partitions
        } else {
            0
        }
    }

    /// The high watermark at the leader of a partition.
    pub fn high_watermark(&self, tp: TopicPartition) -> Option<Offset> {
        self.setup.cluster.brokers.iter().find_map(|broker| {
            let Node::Broker(broker) = &self.nodes[broker.index()] else {
                return None;
            };
            broker
                .is_leader(tp)
                .then(|| broker.high_watermark(tp))
                .flatten()
        })
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
        }
    }
}
