//! Faults with ids for names.

use std::collections::BTreeSet;

use super::Compiler;
use crate::base::{NodeId, RecordId, Span, Timestamp, TopicPartition};
use crate::node::{Phase, StepKind};
use crate::scenario::decode::keyed::{self, Keyed};
use crate::scenario::resolved::Fault;
use crate::scenario::resolved::fault::{self as resolved, Action, Breakage, Moment, Reset, Tail};
use crate::scenario::resolved::step::StepName;
use crate::scenario::value;
use crate::sim::setup::{
    Drawn, FactPattern, FaultSetup, LossKind, RecordName, SeekTo, ServerFilter, TailLoss, Target,
    Trigger, Verb,
};
use crate::verdict::{self, FactWord};

impl Compiler<'_> {
    pub(super) fn faults(&self) -> Vec<FaultSetup> {
        self.scenario
            .faults
            .iter()
            .map(|fault| self.fault(fault))
            .collect()
    }

    fn fault(&self, fault: &Fault) -> FaultSetup {
        FaultSetup {
            verb: self.verb(&fault.action),
            target: self.target(&fault.action),
            trigger: self.trigger(fault),
            nth: count(fault.nth),
            times: fault.times as u32,
            every: fault.every.as_ref().map(|every| every.0.clone()),
            optional: fault.optional,
            line: fault.line,
            text: fault.written.as_str().into(),
        }
    }

    fn verb(&self, action: &Action) -> Verb {
        match action {
            Action::Crash { restart_after, .. } => Verb::Crash {
                restart_after: restart_after.map(span),
            },
            Action::PowerLoss {
                restart_after,
                tail,
                ..
            } => Verb::PowerLoss {
                restart_after: restart_after.map(span),
                tail: match tail {
                    Tail::All => TailLoss::All,
                    Tail::Drawn => TailLoss::Drawn,
                    Tail::Batches(count) => TailLoss::Batches(*count),
                },
            },
            Action::Close { restart_after, .. } => Verb::Close {
                restart_after: restart_after.map(span),
            },
            Action::Pause { length, .. } => Verb::Pause {
                lasting: span(*length),
            },
            Action::Stall { length, .. } => Verb::Stall {
                lasting: span(*length),
            },
            Action::Start { .. } => Verb::Start,
            Action::Seek { to, .. } => Verb::Seek(self.seek_to(to)),
            Action::SetOffsets {
                to: Reset::To(to), ..
            } => Verb::SetOffsets(self.seek_to(to)),
            Action::SetOffsets {
                to: Reset::ShiftBy(shift),
                ..
            } => Verb::SetOffsets(SeekTo::ShiftBy(*shift)),
            Action::Cut {
                length, one_way, ..
            } => Verb::Cut {
                lasting: length.map(span),
                one_way: *one_way,
            },
            Action::Heal { .. } => Verb::Heal,
            Action::Slow {
                by,
                length,
                one_way,
                ..
            } => Verb::Slow {
                by: by.0.clone(),
                lasting: length.map(span),
                one_way: *one_way,
            },
            Action::LoseRequest(_, breakage) => Verb::LoseRequest(loss_kind(*breakage)),
            Action::LoseResponse(_, breakage) => Verb::LoseResponse(loss_kind(*breakage)),
            Action::HoldRequest(_, length) => Verb::HoldRequest {
                lasting: span(*length),
            },
            Action::HoldResponse(_, length) => Verb::HoldResponse {
                lasting: span(*length),
            },
            Action::Refuse(_, error) => Verb::Refuse { error: *error },
            Action::AddPartitions { to, .. } => Verb::AddPartitions { to: *to },
            Action::DeleteRecords { up_to, .. } => Verb::DeleteRecords { up_to: *up_to },
            Action::ElectLeader { unclean, .. } => Verb::ElectLeader { unclean: *unclean },
        }
    }

    fn seek_to(&self, to: &resolved::Target) -> SeekTo {
        match to {
            resolved::Target::Earliest => SeekTo::Earliest,
            resolved::Target::Latest => SeekTo::Latest,
            resolved::Target::Time(span) => SeekTo::Time(Timestamp(span.0)),
            resolved::Target::Offset {
                topic,
                partition,
                offset,
            } => SeekTo::Offset(TopicPartition::new(self.topic(topic), *partition), *offset),
        }
    }

    fn target(&self, action: &Action) -> Target {
        if let Action::SetOffsets { group, .. } = action {
            let group = self.cast.group_id(group);
            return Target::Group(group.expect("the loader has checked the group"));
        }
        if let Action::AddPartitions { topic, .. } = action {
            return Target::Topic(self.topic(topic));
        }
        if let Action::DeleteRecords { partition, .. } | Action::ElectLeader { partition, .. } =
            action
        {
            return Target::Partition(self.partition(partition));
        }
        if let Some(link) = action.link() {
            let side = |names: &Vec<String>| names.iter().map(|n| self.one_target(n)).collect();
            let [a, b] = &link.sides;
            return Target::Link(Box::new([side(a), side(b)]));
        }
        self.targets(action.who())
    }

    /// What one name of a link stands for.
    fn one_target(&self, name: &String) -> Target {
        self.targets(std::slice::from_ref(name))
    }

    fn targets(&self, who: &[String]) -> Target {
        if let [role] = who
            && let Some(rest) = role.strip_prefix("owner of ")
        {
            let (partition, group) = rest
                .split_once(" in ")
                .expect("the loader has checked the role");
            let group = self
                .cast
                .group_id(group)
                .expect("the loader has checked the group");
            return Target::OwnerOf(self.partition(partition), group);
        }
        if let [role] = who {
            if let Some(partition) = role.strip_prefix("leader of ") {
                return Target::LeaderOf(self.partition(partition));
            }
            if let Some(partition) = role.strip_prefix("followers of ") {
                return Target::FollowersOf(self.partition(partition));
            }
            if let Some(group) = role.strip_prefix("group coordinator of ") {
                let group = self.cast.group_id(group);
                return Target::CoordinatorOf(group.expect("the loader has checked the group"));
            }
        }
        let who = who.iter().map(|name| match name.as_str() {
            // One controller is active all the time: the first.
            "active controller" => "controller-1",
            name => name,
        });
        let nodes: BTreeSet<NodeId> = who.flat_map(|name| self.actors(name)).collect();
        Target::Actors(nodes.into_iter().collect())
    }

    fn trigger(&self, fault: &Fault) -> Trigger {
        let record = fault.record.as_ref().map(|record| self.record(record));
        let step = |name: StepName, phase| Trigger::Step {
            step: step_kind(name),
            phase,
            record: record.clone(),
        };
        match &fault.trigger {
            None => self.message(&fault.action, record),
            Some(resolved::Trigger::Before(name)) => step(*name, Phase::Before),
            Some(resolved::Trigger::After(name)) => step(*name, Phase::After),
            Some(resolved::Trigger::At(Moment::Time(time))) => Trigger::At(span(*time)),
            Some(resolved::Trigger::At(Moment::AfterFault { name, span })) => {
                let faults = self.scenario.faults.iter();
                let index = faults
                    .clone()
                    .position(|other| other.name.as_ref() == Some(name));
                let index = index.expect("the loader has checked the name of a fault");
                let (low, high) = (span.0, span.0);
                Trigger::AfterFault(index, Drawn { low, high })
            }
            Some(resolved::Trigger::When { fact, of, error }) => {
                Trigger::When(self.pattern(*fact, of, error.as_deref()))
            }
        }
    }

    fn message(&self, action: &Action, record: Option<RecordName>) -> Trigger {
        let message = action.message();
        let message = message.expect("the loader wants a trigger for every other verb");
        let to = message.to.as_deref().map(|to| self.server(to));
        Trigger::Message {
            api: message.request,
            to: to.unwrap_or(ServerFilter::Any),
            record,
        }
    }

    /// The broker a message goes to: by name, or by a role that is looked up when it leaves.
    fn server(&self, to: &str) -> ServerFilter {
        if let Some(partition) = to.strip_prefix("leader of ") {
            return ServerFilter::LeaderOf(self.partition(partition));
        }
        match to.strip_prefix("group coordinator of ") {
            Some(group) => {
                let group = self.cast.group_id(group);
                ServerFilter::CoordinatorOf(group.expect("the loader has checked the group"))
            }
            None if to == "active controller" => ServerFilter::Brokers(self.actors("controller-1")),
            None => ServerFilter::Brokers(self.actors(to)),
        }
    }

    fn pattern(&self, fact: FactWord, of: &[String], error: Option<&str>) -> FactPattern {
        let mut pattern = FactPattern {
            word: fact.word(),
            actors: Vec::new(),
            group: None,
            topic: None,
            partition: None,
            error: error.map(Into::into),
        };
        for name in of {
            if let Some(group) = self.cast.group_id(name) {
                pattern.group = Some(group);
            } else if let Some(topic) = self.cast.topic_id(name) {
                pattern.topic = Some(topic);
            } else {
                let actors = self.actors(name);
                if actors.is_empty() {
                    pattern.partition = Some(self.partition(name));
                }
                pattern.actors.extend(actors);
            }
        }
        pattern
    }

    /// A record by the name of the file.
    pub(super) fn record(&self, record: &verdict::RecordName) -> RecordName {
        match record {
            verdict::RecordName::Stored {
                topic,
                partition,
                first,
                ..
            } => RecordName::At(TopicPartition::new(self.topic(topic), *partition), *first),
            verdict::RecordName::Sent { actor, number } => self.sent(actor, *number),
            verdict::RecordName::Keyed { topic, key, number } => {
                match keyed::find(&self.scenario.producers, topic, key, *number) {
                    Keyed::Record(actor, number) => self.sent(&actor, number),
                    Keyed::Missing(_) | Keyed::Unknown => {
                        unreachable!("the loader wants a record that is known before the run")
                    }
                }
            }
        }
    }

    fn sent(&self, actor: &str, number: u64) -> RecordName {
        let first = self.first_record(self.node(actor));
        RecordName::Id(RecordId(first.0 + number as u32 - 1))
    }
}

fn span(drawn: value::Drawn<Span>) -> Drawn {
    let (low, high) = match drawn {
        value::Drawn::One(span) => (span, span),
        value::Drawn::Between(low, high) => (low, high),
    };
    Drawn {
        low: low.0,
        high: high.0,
    }
}

fn count(drawn: value::Drawn<u64>) -> Drawn {
    match drawn {
        value::Drawn::One(value) => Drawn {
            low: value,
            high: value,
        },
        value::Drawn::Between(low, high) => Drawn { low, high },
    }
}

fn loss_kind(breakage: Breakage) -> LossKind {
    match breakage {
        Breakage::Reset => LossKind::Reset,
        Breakage::Silence => LossKind::Silence,
    }
}

fn step_kind(name: StepName) -> StepKind {
    match name {
        StepName::Poll => StepKind::Poll,
        StepName::Process => StepKind::Process,
        StepName::CommitSync => StepKind::CommitSync,
        StepName::CommitAsync => StepKind::CommitAsync,
        StepName::HandOff => StepKind::HandOff,
        StepName::Sleep => StepKind::Sleep,
        StepName::Send => StepKind::Send,
        StepName::Request => StepKind::Request,
        StepName::Acknowledge => StepKind::Acknowledge,
        StepName::Close => StepKind::Close,
        StepName::Store => StepKind::Store,
        StepName::StoreAll => StepKind::StoreAll,
        StepName::StoreWithOffset => StepKind::StoreWithOffset,
        StepName::SeekToStored => StepKind::SeekToStored,
        StepName::Receive => StepKind::Receive,
        StepName::Insert => StepKind::Insert,
        StepName::Respond => StepKind::Respond,
    }
}
