//! What the tests build worlds of.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafkasim::base::{Dist, GroupId, Offset, Seed, Span, TopicId, TopicPartition};
use kafkasim::kafka::client::ClientFamily;
use kafkasim::kafka::config::ConsumerConfig;
use kafkasim::kafka::config::consumer::OffsetReset;
use kafkasim::node::Fact;
use kafkasim::node::consumer::program::{OnFailure, OnThrow};
use kafkasim::node::consumer::{CommitOffsets, MemberSetup, ProcessSpec, Program, Step};
use kafkasim::node::fact::{AppFact, CommitKind, GroupFact};

use super::kernel::{Kernel, bootstrap, ms};

pub(super) const TOPIC: TopicId = TopicId(0);

pub(super) fn tp(partition: u32) -> TopicPartition {
    TopicPartition::new(TOPIC, partition)
}

pub(super) fn poll() -> Step {
    Step::Poll {
        timeout: Span::from_millis(100),
    }
}

pub(super) fn commit_sync(offsets: CommitOffsets) -> Step {
    Step::CommitSync {
        offsets,
        every: 1,
        shift: 0,
    }
}

/// `after-processing`.
pub(super) fn after_processing() -> Vec<Step> {
    vec![
        poll(),
        Step::Each(vec![Step::Process]),
        commit_sync(CommitOffsets::Polled),
    ]
}

pub(super) fn program(steps: Vec<Step>, process_ms: u64) -> Program {
    Program {
        steps,
        on_revoked: Vec::new(),
        on_assigned: Vec::new(),
        on_lost: Vec::new(),
        on_close: Vec::new(),
        process: ProcessSpec {
            time: Dist::Constant(Span::from_millis(process_ms)),
            slow: BTreeMap::new(),
            fails: BTreeMap::new(),
            retries: 0,
            backoff: Span::from_secs(1),
            on_failure: OnFailure::Stop,
            handler: None,
        },
        on_commit_failure: OnThrow::Continue,
        on_poll_failure: OnThrow::Stop,
        workers: 4,
        sink: None,
    }
}

/// Reads from the start, ten records a poll, without auto-commit.
pub(super) fn config() -> ConsumerConfig {
    ConsumerConfig {
        auto_commit: false,
        offset_reset: OffsetReset::Earliest,
        max_poll_records: 10,
        ..ConsumerConfig::default()
    }
}

pub(super) fn member(name: &str, config: ConsumerConfig, program: Program) -> MemberSetup {
    MemberSetup {
        name: Arc::from(name),
        group: GroupId(0),
        group_name: Arc::from("workers"),
        topics: vec![(TOPIC, Arc::from("orders"))],
        group_topics: Arc::from([(TOPIC, Arc::from("orders"))]),
        family: ClientFamily::Java,
        config,
        program: Arc::new(program),
        bootstrap: bootstrap(),
        seed: Seed(1),
    }
}

/// Offsets of one partition that were processed in order, with the milliseconds of each.
pub(super) fn processed(kernel: &Kernel) -> Vec<(TopicPartition, Offset, u64)> {
    let mut all = Vec::new();
    for stated in &kernel.facts {
        if let Fact::App(AppFact::Processed {
            partition,
            first_offset,
            records,
            times,
            ..
        }) = &stated.fact
        {
            for index in 0..records.len() {
                let offset = first_offset + Offset::from(index);
                all.push((*partition, offset, times.get(index).as_millis()));
            }
        }
    }
    all.sort_by_key(|(tp, offset, at)| (*at, *tp, *offset));
    all
}

/// The offsets of each poll that returned something, with its milliseconds.
pub(super) fn polls(kernel: &Kernel) -> Vec<(u64, Offset, Offset)> {
    let polled = kernel.facts.iter().filter_map(|stated| match &stated.fact {
        Fact::App(AppFact::Polled {
            first_offset,
            records,
            ..
        }) => Some((
            stated.at.as_millis(),
            *first_offset,
            first_offset + Offset::from(records.len()) - 1,
        )),
        _ => None,
    });
    polled.collect()
}

/// Offset commits asked for: milliseconds, kind, offsets.
pub(super) fn requested(kernel: &Kernel) -> Vec<(u64, CommitKind, Vec<Offset>)> {
    let asked = kernel.facts.iter().filter_map(|stated| match &stated.fact {
        Fact::Group(GroupFact::CommitRequested { kind, offsets, .. }) => Some((
            stated.at.as_millis(),
            *kind,
            offsets.iter().map(|(_, offset)| *offset).collect(),
        )),
        _ => None,
    });
    asked.collect()
}

/// Failed offset commits: milliseconds and exception.
pub(super) fn failed(kernel: &Kernel) -> Vec<(u64, &'static str)> {
    let failed = kernel.facts.iter().filter_map(|stated| match &stated.fact {
        Fact::Group(GroupFact::CommitFailed { exception, .. }) => {
            Some((stated.at.as_millis(), *exception))
        }
        _ => None,
    });
    failed.collect()
}

/// When facts that match were stated, in milliseconds, and by which member (from 0).
pub(super) fn when(kernel: &Kernel, wanted: impl Fn(&Fact) -> bool) -> Vec<(u64, u32)> {
    let matching = kernel.facts.iter().filter(|stated| wanted(&stated.fact));
    matching
        .map(|stated| (stated.at.as_millis(), stated.who.0 - 1))
        .collect()
}

/// Starts every member at time 0.
pub(super) fn start(kernel: &mut Kernel) {
    for index in 0..kernel.members.len() {
        kernel.strike(ms(0), index, super::kernel::Strike::Restart);
    }
}
