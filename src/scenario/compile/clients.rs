//! Producers, members and groups of a setup.

use std::sync::Arc;

use super::super::resolved::Step;
use super::super::resolved::client::{
    CallFailure, Fails, KeySet, Keys, Library, Listed, Member, Others, Process, ProcessFailure,
    Records, SendFailure, Sender, Values,
};
use super::super::resolved::step::{OffsetCommit, Offsets, Revoked};
use super::super::value::Drawn;
use super::{Names, Result, faults, refused, settings};
use crate::base::{GroupId, Instant, Seed};
use crate::kafka::client::ClientFamily;
use crate::kafka::config::consumer::resolve_consumer;
use crate::kafka::config::producer::resolve_producer;
use crate::node::Bootstrap;
use crate::node::consumer::program::{self, CommitOffsets, Failures, OnFailure, OnThrow};
use crate::node::consumer::{MemberSetup, ProcessSpec, Program};
use crate::node::producer::{
    self, OnSendFailure, Partitioning, ProducerSetup, ScriptedRecord, Workload,
};
use crate::sim::setup::{GroupSetup, Life};

pub(super) fn producers(
    names: &Names<'_>,
    seed: Seed,
    bootstrap: &Bootstrap,
) -> Result<Vec<(ProducerSetup, Life)>> {
    let mut all = Vec::new();
    let mut ranges = names.cast.records.iter();
    for (name, producer) in names.scenario.producers.iter() {
        for actor in producer.actors(name) {
            let sender = producer.actor(&actor);
            let range = ranges
                .next()
                .expect("every instance has a range of records");
            let (config, _) = resolve_producer(&settings(&sender.config), family(sender.client))
                .map_err(|e| refused(&format!("producers.{name}.config"), &e))?;
            let workload = workload(names, sender, &producer.records, range.count)?;
            let setup = ProducerSetup {
                name: actor.into(),
                node: range.producer,
                first_record: range.first,
                config,
                workload: Arc::new(workload),
                bootstrap: bootstrap.clone(),
                seed,
            };
            all.push((setup, life(sender.start_at, sender.stop_at)));
        }
    }
    Ok(all)
}

fn life(start_at: crate::base::Span, stop_at: Option<crate::base::Span>) -> Life {
    let start_at = Instant::ZERO + start_at;
    Life {
        start_at,
        stop_at: stop_at.map(|span| Instant::ZERO + span),
    }
}

fn family(library: Library) -> ClientFamily {
    match library {
        Library::Java => ClientFamily::Java,
        Library::Librdkafka => ClientFamily::Librdkafka,
    }
}

fn workload(names: &Names<'_>, sender: &Sender, records: &Records, count: u32) -> Result<Workload> {
    let topics = sender
        .topics
        .iter()
        .map(|t| names.topic(t))
        .collect::<Result<_>>()?;
    let script = match records {
        Records::Count(_) => Vec::new(),
        Records::Listed(listed) => listed
            .iter()
            .enumerate()
            .map(|(index, record)| scripted(names, sender, index, record))
            .collect::<Result<_>>()?,
    };
    let partitioning = match (sender.partition, &sender.partitioner) {
        (Some(partition), _) => Partitioning::Fixed(partition),
        (None, Some(table)) => Partitioning::Table {
            table: table
                .table
                .iter()
                .map(|(key, p)| (key.into(), *p))
                .collect(),
            others: match &table.others {
                Others::All => Vec::new(),
                Others::Listed(partitions) => partitions.clone(),
            },
        },
        (None, None) => Partitioning::Client,
    };
    Ok(Workload {
        topics,
        count,
        script,
        every: sender.every.0.clone(),
        keys: keys(sender.keys.as_ref()),
        values: match &sender.values {
            Values::Bytes(Drawn::One(bytes)) => producer::Values::Bytes(*bytes as u32),
            Values::Bytes(Drawn::Between(low, high)) => {
                producer::Values::Between(*low as u32, *high as u32)
            }
            Values::Cycle(values) => producer::Values::Cycle(
                values.iter().map(|v| v.as_deref().map(Arc::from)).collect(),
            ),
        },
        partitioning,
        on_failure: match sender.on_failure {
            SendFailure::Continue => OnSendFailure::Continue,
            SendFailure::Resend => OnSendFailure::Resend,
            SendFailure::Stop => OnSendFailure::Stop,
        },
    })
}

fn numbered(count: u64) -> Arc<[Arc<str>]> {
    (0..count).map(|n| Arc::from(format!("k{n}"))).collect()
}

fn listed(keys: &[String]) -> Arc<[Arc<str>]> {
    keys.iter().map(|key| Arc::from(key.as_str())).collect()
}

fn keys(keys: Option<&Keys>) -> producer::Keys {
    match keys {
        None => producer::Keys::None,
        Some(Keys::Cycle(keys)) => producer::Keys::Cycle(listed(keys)),
        Some(Keys::Random(KeySet::Count(count))) => producer::Keys::Random(numbered(*count)),
        Some(Keys::Random(KeySet::Listed(keys))) => producer::Keys::Random(listed(keys)),
        Some(Keys::Weighted(weights)) => {
            producer::Keys::Weighted(weights.iter().map(|(k, w)| (Arc::from(k), *w)).collect())
        }
        Some(Keys::Zipf(count)) => producer::Keys::Zipf(numbered(*count)),
    }
}

/// A record as written; what it leaves open comes from `keys` and `values`.
fn scripted(
    names: &Names<'_>,
    sender: &Sender,
    index: usize,
    record: &Listed,
) -> Result<ScriptedRecord> {
    let key = record
        .key
        .as_deref()
        .map(Arc::from)
        .or_else(|| match &sender.keys {
            Some(Keys::Cycle(keys)) => Some(Arc::from(keys[index % keys.len()].as_str())),
            _ => None,
        });
    let value = match (&record.value, &sender.values) {
        (Some(value), _) => Some(Arc::from(value.as_str())),
        (None, Values::Bytes(Drawn::One(bytes) | Drawn::Between(bytes, _))) => {
            Some(Arc::from("x".repeat(*bytes as usize)))
        }
        (None, Values::Cycle(values)) => values[index % values.len()].as_deref().map(Arc::from),
    };
    Ok(ScriptedRecord {
        key,
        value,
        partition: record.partition,
        topic: record
            .topic
            .as_deref()
            .map(|t| names.topic(t))
            .transpose()?,
        timestamp: None,
        at: record.at.map(|span| Instant::ZERO + span),
    })
}

pub(super) fn members(
    names: &Names<'_>,
    seed: Seed,
    bootstrap: &Bootstrap,
) -> Result<Vec<(MemberSetup, Life)>> {
    let mut all = Vec::new();
    for (index, (name, group)) in names.scenario.groups.iter().enumerate() {
        for actor in group.actors(name) {
            let member = group.actor(&actor);
            let mut given = settings(&member.config);
            given.insert("group.id".to_owned(), name.to_owned());
            let commits = member
                .steps
                .iter()
                .chain(&member.on_close)
                .any(Step::commits);
            given
                .entry("enable.auto.commit".to_owned())
                .or_insert((!commits).to_string());
            let (config, _) = resolve_consumer(&given, family(member.client))
                .map_err(|e| refused(&format!("groups.{name}.config"), &e))?;
            let mut topics = Vec::new();
            for topic in &member.topics {
                topics.push((names.topic(topic)?, Arc::from(topic.as_str())));
            }
            topics.sort_by(|a, b| a.1.cmp(&b.1));
            let setup = MemberSetup {
                name: actor.into(),
                group: GroupId(index as u32),
                group_name: name.into(),
                topics,
                family: family(member.client),
                config,
                program: Arc::new(program(names, member)?),
                bootstrap: bootstrap.clone(),
                seed,
            };
            all.push((setup, life(member.start_at, member.stop_at)));
        }
    }
    Ok(all)
}

fn program(names: &Names<'_>, member: &Member) -> Result<Program> {
    Ok(Program {
        steps: steps(&member.steps),
        on_revoked: steps(&member.on_revoked),
        on_assigned: steps(&member.on_assigned),
        on_lost: steps(&member.on_lost),
        on_close: steps(&member.on_close),
        process: process(names, &member.process)?,
        on_commit_failure: on_throw(member.on_commit_failure),
        on_poll_failure: on_throw(member.on_poll_failure),
        workers: member.workers as u16,
    })
}

fn on_throw(failure: CallFailure) -> OnThrow {
    match failure {
        CallFailure::Continue => OnThrow::Continue,
        CallFailure::Stop => OnThrow::Stop,
    }
}

fn steps(written: &[Step]) -> Vec<program::Step> {
    written.iter().map(step).collect()
}

fn step(written: &Step) -> program::Step {
    let offsets = |commit: &OffsetCommit| match commit.offsets {
        Offsets::Polled => CommitOffsets::Polled,
        Offsets::ThisRecord => CommitOffsets::ThisRecord,
        Offsets::Processed => CommitOffsets::Processed,
    };
    match written {
        Step::Poll { timeout } => program::Step::Poll { timeout: *timeout },
        Step::Each(inner) => program::Step::Each(steps(inner)),
        Step::Process => program::Step::Process,
        Step::CommitSync(commit) => program::Step::CommitSync {
            offsets: offsets(commit),
            every: commit.every as u32,
            shift: commit.shift,
        },
        Step::CommitAsync(commit) => program::Step::CommitAsync {
            offsets: offsets(commit),
            every: commit.every as u32,
            shift: commit.shift,
        },
        Step::HandOff {
            steps: inner,
            queue,
            revoked,
        } => program::Step::HandOff {
            steps: steps(inner),
            queue: queue.map(|q| q as u32),
            drop_revoked: *revoked == Revoked::Drop,
        },
        Step::Sleep(span) => program::Step::Sleep(*span),
        Step::Close => program::Step::Close,
    }
}

fn process(names: &Names<'_>, process: &Process) -> Result<ProcessSpec> {
    let slow = process
        .slow
        .iter()
        .map(|(record, span)| Ok((faults::key(names, record)?, *span)));
    let fails = process.fails.iter().map(|(record, fails)| {
        let fails = match fails {
            Fails::Times(times) => Failures::Times(*times as u32),
            Fails::Always => Failures::Always,
        };
        Ok((faults::key(names, record)?, fails))
    });
    Ok(ProcessSpec {
        time: process.time.0.clone(),
        slow: slow.collect::<Result<_>>()?,
        fails: fails.collect::<Result<_>>()?,
        retries: process.retries as u32,
        backoff: process.backoff,
        on_failure: match process.on_failure {
            ProcessFailure::Stop => OnFailure::Stop,
            ProcessFailure::Skip => OnFailure::Skip,
            ProcessFailure::SeekBack => OnFailure::SeekBack,
            ProcessFailure::Send => {
                let to = process.send_to.as_deref().unwrap_or_default();
                OnFailure::Send(names.topic(to)?)
            }
        },
        handler: None,
    })
}

pub(super) fn groups(
    names: &Names<'_>,
    members: &[(MemberSetup, Life)],
) -> Result<Vec<GroupSetup>> {
    let mut all = Vec::new();
    for (index, (name, group)) in names.scenario.groups.iter().enumerate() {
        let own = |m: &&(MemberSetup, Life)| m.0.group == GroupId(index as u32);
        let mut committed = Vec::new();
        for (partition, offset) in group.committed.iter() {
            committed.push((names.partition(partition)?, *offset));
        }
        let mut topics: Vec<_> = members
            .iter()
            .filter(own)
            .flat_map(|(m, _)| m.topics.iter().map(|t| t.0))
            .collect();
        topics.sort_unstable();
        topics.dedup();
        all.push(GroupSetup {
            name: name.into(),
            members: names.select(|a| a.group == Some(GroupId(index as u32))),
            topics,
            committed,
            commits: members
                .iter()
                .filter(own)
                .any(|(m, _)| m.config.auto_commit || m.program.commits()),
        });
    }
    Ok(all)
}
