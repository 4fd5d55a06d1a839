//! What a strike does: to a process, its application, a group's offsets, or a topic.

use super::dispatch::{Call, Node};
use super::event::Turn;
use super::setup::{Drawn, SeekTo, TailLoss, Target, Trigger, Verb};
use super::{Scratch, Sim};
use crate::base::{GroupId, NodeId, Offset, Span, TopicId, TopicPartition};
use crate::kafka::hash;
use crate::node::FactId;
use crate::node::broker::upkeep::Tail;
use crate::node::consumer::SeekRequest;
use crate::node::fact::FaultFact;

impl Sim {
    pub(super) fn strike_targets(&mut self, index: usize, by: FactId, scratch: &mut Scratch) {
        let setup = self.setup.clone();
        match &setup.faults[index].target {
            Target::Actors(actors) => {
                for &actor in actors {
                    self.strike(index, actor, false, by, scratch);
                }
            }
            Target::OwnerOf(tp, group) => {
                if let Some(owner) = self.owner_of(*tp, *group) {
                    self.strike(index, owner, false, by, scratch);
                }
            }
            Target::LeaderOf(tp) => {
                let struck = self.leader_of(*tp);
                self.strike_each(index, struck, by, scratch);
            }
            Target::FollowersOf(tp) => {
                let struck = self.followers_of(*tp);
                self.strike_each(index, struck, by, scratch);
            }
            Target::CoordinatorOf(group) => {
                let struck = self.leader_of(self.offsets_partition(*group));
                self.strike_each(index, struck, by, scratch);
            }
            Target::Group(group) => {
                if let Verb::SetOffsets(to) = &setup.faults[index].verb {
                    self.set_offsets(*group, to, by, scratch);
                    self.has_struck(index);
                }
            }
            Target::Link(sides) => self.strike_link(index, sides, by, scratch),
            Target::Topic(topic) => {
                if let Verb::AddPartitions { to } = setup.faults[index].verb
                    && self.add_partitions(*topic, to, by, scratch)
                {
                    self.has_struck(index);
                }
            }
            Target::Partition(tp) => {
                let has_struck = match setup.faults[index].verb {
                    Verb::DeleteRecords { up_to } => self.delete_records(*tp, up_to, by, scratch),
                    Verb::ElectLeader { unclean } => self.elect_leader(*tp, unclean, by, scratch),
                    _ => false,
                };
                if has_struck {
                    self.has_struck(index);
                }
            }
        }
    }

    fn strike_each(
        &mut self,
        index: usize,
        struck: impl IntoIterator<Item = NodeId>,
        by: FactId,
        scratch: &mut Scratch,
    ) {
        for node in struck {
            self.strike(index, node, false, by, scratch);
        }
    }

    /// `CreatePartitions`, at the active controller. Whether it did anything: a topic that nobody
    /// has created yet, or that has as many partitions, is refused.
    fn add_partitions(
        &mut self,
        topic: TopicId,
        to: u32,
        by: FactId,
        scratch: &mut Scratch,
    ) -> bool {
        let before = self.partition_count(topic);
        let controller = self.setup.cluster.controllers[0];
        self.call(controller, by, scratch, Call::AddPartitions(topic, to));
        before < self.partition_count(topic)
    }

    /// `DeleteRecords`, at the partition's leader. Whether it did anything: beyond the high watermark,
    /// or before the log start offset, there is nothing to delete.
    fn delete_records(
        &mut self,
        tp: TopicPartition,
        up_to: Option<Offset>,
        by: FactId,
        scratch: &mut Scratch,
    ) -> bool {
        let before = self.log_start(tp);
        if let Some(leader) = self.leader_of(tp) {
            self.call(leader, by, scratch, Call::DeleteRecords(tp, up_to));
        }
        before < self.log_start(tp)
    }

    /// `ElectLeaders`, at the active controller. Whether somebody else leads then: it is refused where
    /// no election is needed, or nobody can be elected.
    fn elect_leader(
        &mut self,
        tp: TopicPartition,
        unclean: bool,
        by: FactId,
        scratch: &mut Scratch,
    ) -> bool {
        let controller = self.setup.cluster.controllers[0];
        let before = self.leader_of(tp);
        if self.is_up(controller) {
            self.call(controller, by, scratch, Call::ElectLeader(tp, unclean));
        }
        before != self.leader_of(tp)
    }

    pub(super) fn has_struck(&mut self, index: usize) {
        self.faults.entries[index].struck += 1;
        if self.faults.entries[index].struck > 1 {
            return;
        }
        let setup = self.setup.clone();
        for (later, fault) in setup.faults.iter().enumerate() {
            if let Trigger::AfterFault(first, drawn) = fault.trigger
                && first == index
            {
                let wait = Span(self.faults.entries[later].draw(drawn));
                self.plan_strikes(later, self.now + wait);
            }
        }
    }

    /// Strikes one node. Whether the node, if it stands at a point, is to go on.
    pub(super) fn strike(
        &mut self,
        index: usize,
        node: NodeId,
        at_point: bool,
        by: FactId,
        scratch: &mut Scratch,
    ) -> bool {
        let setup = self.setup.clone();
        let verb = &setup.faults[index].verb;
        let is_start = *verb == Verb::Start;
        if self.is_up(node) == is_start {
            return true; // Nothing to strike: a dead process cannot die, a living one not start.
        }
        self.has_struck(index);
        match verb {
            Verb::Crash { restart_after } => {
                let cause = self.crash(node, by, scratch);
                self.plan_restart(index, node, *restart_after, cause);
                false
            }
            Verb::PowerLoss {
                restart_after,
                tail,
            } => {
                let tail = self.tail_of(index, *tail);
                let cause = self.lose_power(node, tail, by, scratch);
                self.plan_restart(index, node, *restart_after, cause);
                false
            }
            Verb::Close { restart_after } => {
                let cause = self.close_process(node, by, scratch);
                self.plan_restart(index, node, *restart_after, cause);
                false
            }
            Verb::Pause { lasting } => {
                let lasting = Span(self.faults.entries[index].draw(*lasting));
                self.pause(node, lasting, at_point, by, scratch);
                false
            }
            Verb::Stall { lasting } => {
                let lasting = Span(self.faults.entries[index].draw(*lasting));
                self.stall(node, lasting, by, scratch);
                true
            }
            Verb::Start => {
                let cause = self.note(node, by, FaultFact::Started, scratch);
                self.start(node, cause, scratch);
                true
            }
            Verb::Seek(to) => {
                let cause = self.note(node, by, FaultFact::Sought, scratch);
                self.invoke(node, cause, scratch, Call::Seek(seek_request(to)));
                true
            }
            Verb::SetOffsets(_)
            | Verb::LoseRequest(_)
            | Verb::LoseResponse(_)
            | Verb::Cut { .. }
            | Verb::Heal
            | Verb::Slow { .. }
            | Verb::HoldRequest { .. }
            | Verb::HoldResponse { .. }
            | Verb::Refuse { .. }
            | Verb::AddPartitions { .. }
            | Verb::DeleteRecords { .. }
            | Verb::ElectLeader { .. } => unreachable!("these verbs strike no process"),
        }
    }

    /// The application thread of a node stands still for so long.
    fn stall(&mut self, node: NodeId, lasting: Span, by: FactId, scratch: &mut Scratch) {
        self.settle(node, scratch);
        let cause = self.note(node, by, FaultFact::Stalled, scratch);
        let until = self.now + lasting;
        self.plan(node, Turn::StallEnd, until, cause);
        self.invoke(node, cause, scratch, Call::Stall(until));
    }

    fn tail_of(&mut self, index: usize, tail: TailLoss) -> Tail {
        match tail {
            TailLoss::All => Tail::All,
            TailLoss::Batches(most) => Tail::Last(most),
            TailLoss::Drawn => {
                let any = Drawn {
                    low: 0,
                    high: u64::from(u32::MAX),
                };
                Tail::Drawn(self.faults.entries[index].draw(any))
            }
        }
    }

    fn plan_restart(&mut self, index: usize, node: NodeId, after: Option<Drawn>, cause: FactId) {
        if let Some(after) = after {
            let wait = Span(self.faults.entries[index].draw(after));
            self.plan(node, Turn::Restart, self.now + wait, cause);
        }
    }

    /// The partition of `__consumer_offsets` that keeps a group.
    pub(super) fn offsets_partition(&self, group: GroupId) -> TopicPartition {
        let topics = &self.setup.topics;
        let internal = topics.iter().position(|t| t.internal);
        let index = internal.expect("a setup with groups has the offsets topic");
        let name = &self.setup.groups[group.index()].name;
        let partition = hash::partition_for_group(name, topics[index].partitions);
        TopicPartition::new(crate::base::TopicId(index as u32), partition)
    }

    /// `kafka-consumer-groups --reset-offsets`, at the group's coordinator.
    fn set_offsets(&mut self, group: GroupId, to: &SeekTo, by: FactId, scratch: &mut Scratch) {
        let home = self.offsets_partition(group);
        let Some(coordinator) = self.leader_of(home) else {
            return;
        };
        let offsets = self.offsets_to_set(coordinator, group, to);
        self.call(coordinator, by, scratch, Call::ResetOffsets(group, offsets));
    }

    fn offsets_to_set(
        &self,
        coordinator: NodeId,
        group: GroupId,
        to: &SeekTo,
    ) -> Vec<(TopicPartition, Offset)> {
        if let SeekTo::Offset(tp, offset) = to {
            return vec![(*tp, *offset)];
        }
        let Node::Broker(broker) = &self.nodes[coordinator.index()] else {
            return Vec::new();
        };
        let setup = &self.setup;
        let name = &setup.groups[group.index()].name;
        let mut offsets = Vec::new();
        for topic in &setup.groups[group.index()].topics {
            for partition in 0..self.partition_count(*topic) {
                let tp = TopicPartition::new(*topic, partition);
                let end = self.high_watermark(tp).unwrap_or_default();
                let offset = match to {
                    SeekTo::Offset(..) => unreachable!("handled above"),
                    SeekTo::Earliest => Some(self.log_start(tp).unwrap_or_default()),
                    SeekTo::Latest => Some(end),
                    SeekTo::Time(stamp) => Some(self.first_stamped(tp, *stamp).unwrap_or(end)),
                    SeekTo::ShiftBy(by) => {
                        let committed = broker.committed(name, tp);
                        committed.map(|c| c.saturating_add_signed(*by).min(end))
                    }
                };
                offsets.extend(offset.map(|offset| (tp, offset)));
            }
        }
        offsets
    }
}

/// What the application is told to do.
fn seek_request(to: &SeekTo) -> SeekRequest {
    match to {
        SeekTo::Offset(tp, offset) => SeekRequest::Offset(*tp, *offset),
        SeekTo::Earliest => SeekRequest::Earliest,
        SeekTo::Latest => SeekRequest::Latest,
        SeekTo::Time(stamp) => SeekRequest::Time(*stamp),
        SeekTo::ShiftBy(_) => unreachable!("a seek has no `shift-by`"),
    }
}
