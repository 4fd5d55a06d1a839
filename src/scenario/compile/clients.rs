//! Producers and members with their workloads and programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Compiler;
use crate::base::{Dist, Instant, NodeId, Timestamp};
use crate::kafka::cast::Role;
use crate::node::Bootstrap;
use crate::node::consumer::MemberSetup;
use crate::node::consumer::program::{
    CommitOffsets, Failures, OnFailure, OnThrow, ProcessSpec, Program, RecordKey, Step,
};
use crate::node::producer::{
    Clock, Keys, OnSendFailure, Partitioning, ProducerSetup, ScriptedRecord, Values, Workload,
};
use crate::scenario::decode::{settings_of_consumer, settings_of_producer};
use crate::scenario::resolved::client::{
    self as resolved, CallFailure, Fails, KeySet, Listed, Others, ProcessFailure, Records,
    SendFailure,
};
use crate::scenario::resolved::step::{self, OffsetCommit, Offsets, Revoked};
use crate::scenario::resolved::{Member, Sender};
use crate::scenario::value::Drawn;
use crate::sim::setup::{Life, RecordName};

impl Compiler<'_> {
    fn bootstrap(&self) -> Bootstrap {
        self.with_role(Role::Broker).into()
    }

    pub(super) fn producers(&self) -> Vec<(ProducerSetup, Life)> {
        let mut setups = Vec::new();
        let topic_names = self.scenario.topics.iter();
        let topic_names: Arc<[_]> = topic_names
            .map(|(name, _)| (self.topic(name), Arc::from(name)))
            .collect();
        for (family, producer) in self.scenario.producers.iter() {
            for name in producer.actors(family) {
                let sender = producer.actor(&name);
                let node = self.node(&name);
                let setup = ProducerSetup {
                    node,
                    first_record: self.first_record(node),
                    config: settings_of_producer(&sender.config),
                    workload: Arc::new(self.workload(sender, &producer.records)),
                    clock: Clock {
                        off: sender.clock.0,
                        is_asked: false,
                    },
                    topic_names: Arc::clone(&topic_names),
                    bootstrap: self.bootstrap(),
                    seed: self.seed,
                    name: name.into(),
                };
                let life = Life {
                    start_at: Instant::ZERO + sender.start_at,
                    stop_at: sender.stop_at.map(|span| Instant::ZERO + span),
                };
                setups.push((setup, life));
            }
        }
        setups
    }

    pub(super) fn first_record(&self, producer: NodeId) -> crate::base::RecordId {
        let range = self
            .cast
            .records
            .iter()
            .find(|range| range.producer == producer);
        range.expect("every producer has a range of records").first
    }

    fn workload(&self, sender: &Sender, records: &Records) -> Workload {
        let script = match records {
            Records::Count(_) => Vec::new(),
            Records::Listed(list) => {
                let numbered = list.iter().enumerate();
                numbered
                    .map(|(index, record)| self.scripted(index, record, sender))
                    .collect()
            }
        };
        Workload {
            topics: sender.topics.iter().map(|name| self.topic(name)).collect(),
            count: records.count(),
            script,
            every: sender.every.0.clone(),
            keys: keys(sender.keys.as_ref()),
            values: values(&sender.values),
            partitioning: partitioning(sender),
            on_failure: match sender.on_failure {
                SendFailure::Continue => OnSendFailure::Continue,
                SendFailure::Resend => OnSendFailure::Resend,
                SendFailure::Stop => OnSendFailure::Stop,
            },
        }
    }

    /// A written record. What it leaves out of its value, `values` says.
    fn scripted(&self, index: usize, record: &Listed, sender: &Sender) -> ScriptedRecord {
        let value = match (&record.value, &sender.values) {
            (Some(value), _) => Some(value.as_str().into()),
            (None, resolved::Values::Cycle(values)) => {
                values[index % values.len()].as_deref().map(Arc::from)
            }
            (None, resolved::Values::Bytes(Drawn::One(bytes) | Drawn::Between(bytes, _))) => {
                Some("x".repeat(*bytes as usize).into())
            }
        };
        ScriptedRecord {
            key: record.key.as_deref().map(Arc::from),
            value,
            partition: record.partition,
            topic: record.topic.as_deref().map(|name| self.topic(name)),
            timestamp: record.timestamp.map(|span| Timestamp(span.0)),
            at: record.at.map(|span| Instant::ZERO + span),
        }
    }

    pub(super) fn members(&self) -> Vec<(MemberSetup, Life)> {
        let mut setups = Vec::new();
        for (family, group) in self.scenario.groups.iter() {
            let id = self
                .cast
                .group_id(family)
                .expect("every group was given an id");
            let actors = group.actors(family);
            let all = actors.iter().flat_map(|name| &group.actor(name).topics);
            let group_topics: Arc<[_]> = self.by_name(all).into();
            for name in actors {
                let member = group.actor(&name);
                let topics = self.by_name(member.topics.iter());
                let setup = MemberSetup {
                    name: name.into(),
                    group: id,
                    group_name: family.into(),
                    topics,
                    group_topics: Arc::clone(&group_topics),
                    family: member.client.family(),
                    config: settings_of_consumer(&member.config, member.client, family),
                    program: Arc::new(self.program(member)),
                    bootstrap: self.bootstrap(),
                    seed: self.seed,
                };
                let life = Life {
                    start_at: Instant::ZERO + member.start_at,
                    stop_at: member.stop_at.map(|span| Instant::ZERO + span),
                };
                setups.push((setup, life));
            }
        }
        setups
    }

    /// Topics with their names, each once, in the order of the names.
    fn by_name<'n>(
        &self,
        topics: impl Iterator<Item = &'n String>,
    ) -> Vec<(crate::base::TopicId, Arc<str>)> {
        let named = topics.map(|topic| (self.topic(topic), Arc::from(topic.as_str())));
        let mut named: Vec<(_, Arc<str>)> = named.collect();
        named.sort_by(|a, b| a.1.cmp(&b.1));
        named.dedup();
        named
    }

    fn program(&self, member: &Member) -> Program {
        Program {
            steps: steps(&member.steps),
            on_revoked: steps(&member.on_revoked),
            on_assigned: steps(&member.on_assigned),
            on_lost: steps(&member.on_lost),
            on_close: steps(&member.on_close),
            process: self.process(&member.process),
            on_commit_failure: on_throw(member.on_commit_failure),
            on_poll_failure: on_throw(member.on_poll_failure),
            workers: member.workers as u16,
            sink: self.sink_use(member),
        }
    }

    fn process(&self, process: &resolved::Process) -> ProcessSpec {
        let slow = process
            .slow
            .iter()
            .map(|(record, span)| (self.key_of(record), *span));
        let fails = process.fails.iter().map(|(record, fails)| {
            let failures = match fails {
                Fails::Times(times) => Failures::Times(*times as u32),
                Fails::Always => Failures::Always,
            };
            (self.key_of(record), failures)
        });
        let time: Dist = process.time.0.clone();
        ProcessSpec {
            time,
            slow: slow.collect(),
            fails: fails.collect(),
            retries: process.retries as u32,
            backoff: process.backoff,
            on_failure: match (process.on_failure, &process.send_to) {
                (ProcessFailure::Stop, _) => OnFailure::Stop,
                (ProcessFailure::Skip, _) => OnFailure::Skip,
                (ProcessFailure::SeekBack, _) => OnFailure::SeekBack,
                (ProcessFailure::Send, Some(topic)) => OnFailure::Send(self.topic(topic)),
                (ProcessFailure::Send, None) => {
                    unreachable!("the loader wants `send-to` beside `on-failure: send`")
                }
            },
            handler: None,
        }
    }

    fn key_of(&self, record: &crate::verdict::RecordName) -> RecordKey {
        match self.record(record) {
            RecordName::At(partition, offset) => RecordKey::At(partition, offset),
            RecordName::Id(id) => RecordKey::Id(id),
        }
    }
}

fn keys(keys: Option<&resolved::Keys>) -> Keys {
    let texts = |keys: &[String]| keys.iter().map(|key| Arc::from(key.as_str())).collect();
    let numbered = |count: u64| (0..count).map(|n| Arc::from(format!("k{n}"))).collect();
    match keys {
        None => Keys::None,
        Some(resolved::Keys::Cycle(keys)) => Keys::Cycle(texts(keys)),
        Some(resolved::Keys::Random(KeySet::Count(count))) => Keys::Random(numbered(*count)),
        Some(resolved::Keys::Random(KeySet::Listed(keys))) => Keys::Random(texts(keys)),
        Some(resolved::Keys::Weighted(weights)) => {
            let pairs = weights.iter();
            Keys::Weighted(
                pairs
                    .map(|(key, weight)| (Arc::from(key), *weight))
                    .collect(),
            )
        }
        Some(resolved::Keys::Zipf(count)) => Keys::Zipf(numbered(*count)),
    }
}

fn values(values: &resolved::Values) -> Values {
    match values {
        resolved::Values::Bytes(Drawn::One(bytes)) => Values::Bytes(*bytes as u32),
        resolved::Values::Bytes(Drawn::Between(low, high)) => {
            Values::Between(*low as u32, *high as u32)
        }
        resolved::Values::Cycle(values) => {
            let texts = values.iter().map(|value| value.as_deref().map(Arc::from));
            Values::Cycle(texts.collect())
        }
    }
}

fn partitioning(sender: &Sender) -> Partitioning {
    match (sender.partition, &sender.partitioner) {
        (Some(partition), _) => Partitioning::Fixed(partition),
        (None, Some(table)) => {
            let rows = table.table.iter();
            let rows: BTreeMap<Arc<str>, u32> = rows
                .map(|(key, partition)| (Arc::from(key), *partition))
                .collect();
            let others = match &table.others {
                Others::All => Vec::new(),
                Others::Listed(partitions) => partitions.clone(),
            };
            Partitioning::Table {
                table: rows,
                others,
            }
        }
        (None, None) => Partitioning::Client,
    }
}

fn on_throw(failure: CallFailure) -> OnThrow {
    match failure {
        CallFailure::Continue => OnThrow::Continue,
        CallFailure::Stop => OnThrow::Stop,
    }
}

fn steps(list: &[step::Step]) -> Vec<Step> {
    list.iter().map(one_step).collect()
}

fn one_step(step: &step::Step) -> Step {
    match step {
        step::Step::Poll { timeout } => Step::Poll { timeout: *timeout },
        step::Step::Each(inner) => Step::Each(steps(inner)),
        step::Step::Process => Step::Process,
        step::Step::CommitSync(commit) => {
            let (offsets, every, shift) = commit_parts(*commit);
            Step::CommitSync {
                offsets,
                every,
                shift,
            }
        }
        step::Step::CommitAsync(commit) => {
            let (offsets, every, shift) = commit_parts(*commit);
            Step::CommitAsync {
                offsets,
                every,
                shift,
            }
        }
        step::Step::HandOff {
            steps: inner,
            queue,
            revoked,
        } => Step::HandOff {
            steps: steps(inner),
            queue: queue.map(|queue| queue as u32),
            drop_revoked: *revoked == Revoked::Drop,
        },
        step::Step::Store => Step::Store,
        step::Step::StoreAll => Step::StoreAll,
        step::Step::StoreWithOffset => Step::StoreWithOffset,
        step::Step::SeekToStored => Step::SeekToStored,
        step::Step::Sleep(span) => Step::Sleep(*span),
        step::Step::Close => Step::Close,
    }
}

fn commit_parts(commit: OffsetCommit) -> (CommitOffsets, u32, i64) {
    let offsets = match commit.offsets {
        Offsets::Polled => CommitOffsets::Polled,
        Offsets::ThisRecord => CommitOffsets::ThisRecord,
        Offsets::Processed => CommitOffsets::Processed,
    };
    (offsets, commit.every as u32, commit.shift)
}
