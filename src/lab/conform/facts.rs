//! The simulator's side: the story of a run from its facts.

use std::collections::BTreeMap;

use super::build::Builder;
use super::story::{Happened, How, Place, Story};
use crate::base::{GroupId, Instant, NodeId, Offset, TopicPartition};
use crate::kafka::{Cast, Records};
use crate::lab::Experiment;
use crate::lab::keys::KeyBook;
use crate::node::Fact;
use crate::node::Stated;
use crate::node::fact::{
    AppFact, CommitKind, FaultFact, GroupFact, LogFact, ProduceFact, SinkFact, StorageFact,
};
use crate::scenario::Scenario;
use crate::scenario::resolved::client::{Records as Sent, Values};
use crate::verdict::Ending;

/// Runs an experiment and tells its story.
pub fn simulated(experiment: &Experiment) -> Story {
    let mut teller = Teller::new(experiment);
    let outcome = experiment.watched(&mut |stated| teller.hear(stated));
    teller.finish(outcome.verdict.ends != Ending::Drained)
}

/// Partitions returned by one poll, at one instant.
#[derive(Debug)]
struct Poll {
    who: NodeId,
    at: Instant,
    group: GroupId,
    places: Vec<Place>,
}

struct Teller<'e> {
    scenario: &'e Scenario,
    cast: &'e Cast,
    keys: KeyBook,
    builder: Builder<'e>,
    poll: Option<Poll>,
    /// What stands in the logs, by partition and offset: the record's number and sender.
    logs: BTreeMap<TopicPartition, BTreeMap<Offset, String>>,
    committed: BTreeMap<(GroupId, TopicPartition), Offset>,
}

impl<'e> Teller<'e> {
    fn new(experiment: &'e Experiment) -> Self {
        let cast = &experiment.setup.cast;
        let mut logs: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (name, topic) in experiment.scenario.topics.iter() {
            let id = cast
                .topic_id(name)
                .expect("a topic of the file is in the cast");
            for partition in 0..topic.partitions() {
                logs.insert(TopicPartition::new(id, partition), BTreeMap::new());
            }
        }
        let mut committed = BTreeMap::new();
        for (group, id) in experiment.setup.groups.iter().zip(0..) {
            for (partition, offset) in &group.committed {
                committed.insert((GroupId(id), *partition), *offset);
            }
        }
        Self {
            scenario: &experiment.scenario,
            cast,
            keys: experiment.keys(),
            builder: Builder::new(&experiment.scenario),
            poll: None,
            logs,
            committed,
        }
    }

    fn hear(&mut self, stated: &Stated) {
        // The partitions of one poll are stated one after the other.
        let going_on = self.poll.as_ref().is_some_and(|poll| {
            let polled = matches!(stated.fact, Fact::App(AppFact::Polled { .. }));
            polled && poll.who == stated.who && poll.at == stated.at
        });
        if !going_on {
            self.tell_poll();
        }
        match &stated.fact {
            Fact::Produce(fact) => self.hear_produce(stated.who, fact),
            Fact::Log(fact) => self.hear_log(fact),
            Fact::Group(fact) => self.hear_group(stated.who, fact),
            Fact::App(fact) => self.hear_app(stated, fact),
            Fact::Fault(fact) => self.hear_fault(stated.who, fact),
            Fact::Storage(fact) => self.hear_storage(fact),
            Fact::Sink(fact) => self.hear_sink(fact),
            // Only scenarios without failing brokers are compared.
            Fact::Cluster(_) => {}
        }
    }

    fn tell_poll(&mut self) {
        if let Some(poll) = self.poll.take() {
            self.happened(poll.who, poll.group, Happened::Polled(poll.places));
        }
    }

    fn happened(&mut self, who: NodeId, group: GroupId, what: Happened) {
        let (group, member) = (self.cast.group(group), self.cast.actor(who));
        self.builder.happened(group, member, what);
    }

    fn hear_produce(&mut self, who: NodeId, fact: &ProduceFact) {
        let producer = self.cast.actor(who);
        match fact {
            ProduceFact::Acknowledged { records, .. } => {
                for record in records.iter() {
                    let (_, number) = self.cast.sender(record);
                    self.builder.acknowledged(producer, number.into());
                }
            }
            ProduceFact::Failed { records, error, .. } => {
                let error = error.exception().unwrap_or("none");
                for record in records.iter() {
                    let (_, number) = self.cast.sender(record);
                    self.builder.send_failed(producer, number.into(), error);
                }
            }
            _ => {}
        }
    }

    /// Whoever reads the log at the end finds what was not deleted.
    fn hear_storage(&mut self, fact: &StorageFact) {
        if let StorageFact::RecordsDeleted { partition, to, .. } = fact
            && let Some(log) = self.logs.get_mut(partition)
        {
            *log = log.split_off(to);
        }
    }

    fn hear_sink(&mut self, fact: &SinkFact) {
        if let SinkFact::RowsStored {
            group,
            from,
            partition,
            first_offset,
            records,
            ..
        } = fact
        {
            let place = self.place(*partition, *first_offset, records);
            self.happened(*from, *group, Happened::RowsStored(vec![place]));
        }
    }

    fn hear_log(&mut self, fact: &LogFact) {
        let LogFact::Appended {
            partition,
            base_offset,
            records,
            ..
        } = fact
        else {
            return;
        };
        let lines: Vec<String> = records
            .iter()
            .map(|record| self.record_text(record))
            .collect();
        if let Some(log) = self.logs.get_mut(partition) {
            log.extend((*base_offset..).zip(lines));
        }
    }

    /// `shop#7 key "value"`, as far as the file gives them.
    fn record_text(&self, record: crate::base::RecordId) -> String {
        let (producer, number) = self.cast.sender(record);
        let key = self.keys.of(record);
        let family = &self.cast.actors[producer.index()].family;
        let name = self.cast.actor(producer);
        let producer = self.scenario.producers.get(family);
        let value = producer.and_then(|producer| {
            let index = number as usize - 1;
            if let Sent::Listed(list) = &producer.records
                && let Some(value) = &list[index].value
            {
                return Some(Some(value.clone()));
            }
            match &producer.actor(name).values {
                Values::Cycle(values) => values.get(index % values.len()).cloned(),
                Values::Bytes(_) => None,
            }
        });
        super::lines::record_text(&self.cast.record(record), key.as_deref(), value.as_ref())
    }

    fn hear_group(&mut self, who: NodeId, fact: &GroupFact) {
        let group = fact.group();
        let what = match fact {
            GroupFact::OffsetCommitted {
                partition, offset, ..
            } => {
                let name = self.cast.partition(*partition);
                self.builder.stored(self.cast.group(group), &name, *offset);
                self.committed.insert((group, *partition), *offset);
                return;
            }
            GroupFact::Assigned {
                generation,
                partitions,
                ..
            } => Happened::Assigned {
                generation: i64::from(*generation),
                partitions: self.names(partitions),
            },
            GroupFact::Revoked { partitions, .. } => Happened::Revoked(self.names(partitions)),
            GroupFact::Lost { partitions, .. } => Happened::Lost(self.names(partitions)),
            GroupFact::CommitRequested { kind, .. } => Happened::CommitAsked(how(*kind)),
            GroupFact::CommitConfirmed { kind, offsets, .. } => {
                let named =
                    |(tp, offset): &(TopicPartition, Offset)| (self.cast.partition(*tp), *offset);
                Happened::CommitConfirmed(how(*kind), offsets.iter().map(named).collect())
            }
            GroupFact::CommitFailed {
                kind, exception, ..
            } => Happened::CommitFailed(how(*kind), (*exception).to_owned()),
            GroupFact::PollFailed { exception, .. } => {
                Happened::PollFailed((*exception).to_owned())
            }
            _ => return,
        };
        self.happened(who, group, what);
    }

    fn names(&self, partitions: &[TopicPartition]) -> Vec<String> {
        let mut sorted = partitions.to_vec();
        sorted.sort_by_key(|tp| (self.cast.topic(tp.topic), tp.partition));
        sorted.iter().map(|tp| self.cast.partition(*tp)).collect()
    }

    fn place(&self, partition: TopicPartition, first: Offset, records: &Records) -> Place {
        Place {
            partition: self.cast.partition(partition),
            first,
            count: records.len().into(),
        }
    }

    fn hear_app(&mut self, stated: &Stated, fact: &AppFact) {
        let who = stated.who;
        match fact {
            AppFact::Polled {
                group,
                partition,
                first_offset,
                records,
            } => {
                let place = self.place(*partition, *first_offset, records);
                let poll = self.poll.get_or_insert(Poll {
                    who,
                    at: stated.at,
                    group: *group,
                    places: Vec::new(),
                });
                super::build::join(&mut poll.places, place);
            }
            AppFact::Processed {
                group,
                partition,
                first_offset,
                records,
                ..
            } => {
                let place = self.place(*partition, *first_offset, records);
                self.happened(who, *group, Happened::Processed(place));
            }
            AppFact::ProcessingFailed {
                group,
                partition,
                offset,
                records,
                ..
            } => {
                let place = self.place(*partition, *offset, records);
                self.happened(who, *group, Happened::ProcessingFailed(place));
            }
            AppFact::RecordSkipped {
                group,
                partition,
                offset,
                records,
            } => {
                let place = self.place(*partition, *offset, records);
                self.happened(who, *group, Happened::Skipped(place));
            }
            AppFact::HandedOn {
                group,
                partition,
                offset,
                records,
                ..
            } => {
                let place = self.place(*partition, *offset, records);
                self.happened(who, *group, Happened::HandedOn(place));
            }
            AppFact::Stopped { group, reason } => {
                self.happened(who, *group, Happened::Leaving(Some((*reason).to_owned())));
            }
            AppFact::HandedOff { .. } | AppFact::Dropped { .. } | AppFact::SinkOutage { .. } => {}
        }
    }

    fn hear_fault(&mut self, who: NodeId, fact: &FaultFact) {
        let what = match fact {
            FaultFact::Crashed => Happened::Crashed,
            FaultFact::Restarted | FaultFact::Started => Happened::Began,
            FaultFact::Closed => Happened::Leaving(None),
            _ => return,
        };
        if let Some(group) = self.cast.actors[who.index()].group {
            self.happened(who, group, what);
        }
    }

    fn finish(mut self, stuck: bool) -> Story {
        self.tell_poll();
        for (partition, log) in std::mem::take(&mut self.logs) {
            let name = self.cast.partition(partition);
            for (offset, record) in log {
                self.builder.logged(&name, format!("{offset} {record}"));
            }
        }
        for ((group, partition), offset) in std::mem::take(&mut self.committed) {
            let name = self.cast.partition(partition);
            self.builder
                .committed(self.cast.group(group), &name, offset);
        }
        self.builder.finish(stuck)
    }
}

fn how(kind: CommitKind) -> How {
    match kind {
        CommitKind::Sync => How::Sync,
        CommitKind::Async => How::Async,
        CommitKind::Auto
        | CommitKind::AutoBeforeRebalance
        | CommitKind::AutoOnClose
        | CommitKind::Admin => How::Auto,
    }
}
