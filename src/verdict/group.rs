//! The ledger's part of one group: what it read, processed and committed, per record and partition.
//!
//! Who was a member when, and which member had a partition, is `membership`; this file knows
//! records and offsets.

use std::collections::BTreeMap;

use super::columns::{Bits, Counts};
use super::contents::Contents;
use super::latency::{Latencies, SendTimes};
use super::ledger::{GroupInfo, TopicLedger};
use super::membership::Membership;
use super::quantity::FactWord;
use super::seen::{Concerns, Seen};
use super::spans::Spans;
use crate::base::{Instant, NodeId, Offset, RecordId, TopicId, TopicPartition};
use crate::kafka::Records;
use crate::node::fact::{AppFact, GroupFact, PositionSource, SinkFact, Stated, Times};

/// What is known of the records of one group.
#[derive(Clone, Debug)]
pub(super) struct GroupLedger {
    pub(super) topics: Vec<TopicId>,
    pub(super) membership: Membership,
    pub(super) partitions: BTreeMap<TopicPartition, Reading>,
    /// How often the effect of each record was applied: it was processed, or its row stored.
    pub(super) processed: Counts,
    /// Where effects are rows in a sink: how often each record was processed.
    executed: Option<Counts>,
    /// Records the application went on without, or threw away.
    pub(super) dropped: Bits,
    /// Records sent on to another topic instead.
    pub(super) handed_on: Bits,
    /// Records an offset commit passed before they were dealt with.
    pub(super) passed: Bits,
    pub(super) totals: Totals,
    pub(super) latencies: Latencies,
    warm_up: Instant,
}

/// Sums over all records of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Totals {
    /// Deliveries by `poll`.
    pub delivered: u64,
    /// Executions of the effect.
    pub processed: u64,
    /// Executions beyond the first of each record.
    pub processed_again: u64,
    /// Rows that a member stored for a partition that was no longer its own.
    #[serde(skip)]
    pub zombie_writes: u64,
    /// Deliveries that left a record of the partition out, after the last one.
    pub poll_skip: u64,
    /// Deliveries that went back, or gave a record again.
    pub nonmonotonic_poll: u64,
}

/// How far a group has come on one partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    /// What was committed before the run.
    pub(super) floor: Offset,
    pub(super) committed: Option<Offset>,
    /// The position of the member that reads it, while one does.
    pub(super) position: Option<(NodeId, Offset)>,
    pub(super) resumed_at: Option<Offset>,
    fresh_assignment: bool,
    pub(super) delivered: Spans,
    /// Offsets a reset jumped over, and nobody went back since.
    pub(super) reset_over: Spans,
    /// Offsets that were removed from the log while they were still to come.
    pub(super) expired: Spans,
    /// Offsets whose record compaction took.
    pub(super) compacted: Spans,
    /// Those of them that were still to come.
    pub(super) superseded: Spans,
    log_start: Offset,
    /// Offsets dealt with: processed, skipped or handed on.
    dealt_with: Spans,
    /// How far offset commits were looked at.
    checked: Offset,
    /// Effects as they were stated, which for a stretch is at its end.
    pub(super) effects: Vec<EffectRun>,
    /// Offset commits that passed something, until it was processed after all.
    passings: Vec<Passing>,
    /// What living members were given since their position was set.
    pub(super) held: Vec<(NodeId, Offset, Offset)>,
    high_watermark: Offset,
    pub(super) largest_lag: Option<u64>,
    last_polled: Option<(NodeId, Offset)>,
}

/// Effects at consecutive offsets, with their instants.
#[derive(Clone, Debug)]
pub(super) struct EffectRun {
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) times: Times,
}

/// An offset commit that passed records not known to be dealt with.
#[derive(Clone, Copy, Debug)]
struct Passing {
    at: Instant,
    from: Offset,
    to: Offset,
}

impl GroupLedger {
    pub(super) fn new(info: &GroupInfo, warm_up: Instant) -> Self {
        let reading = |&(partition, offset): &(TopicPartition, Offset)| {
            let reading = Reading {
                floor: offset,
                committed: Some(offset),
                checked: offset,
                ..Reading::default()
            };
            (partition, reading)
        };
        Self {
            topics: info.topics.clone(),
            membership: Membership::new(&info.members, warm_up),
            partitions: info.committed.iter().map(reading).collect(),
            processed: Counts::default(),
            executed: info.effect_in_sink.then(Counts::default),
            dropped: Bits::default(),
            handed_on: Bits::default(),
            passed: Bits::default(),
            totals: Totals::default(),
            latencies: Latencies::default(),
            warm_up,
        }
    }

    pub(super) fn reading(&mut self, partition: TopicPartition) -> &mut Reading {
        self.partitions.entry(partition).or_default()
    }

    pub(super) fn group_fact(&mut self, stated: &Stated, fact: &GroupFact, topics: &[TopicLedger]) {
        self.membership.observe(stated, fact);
        match fact {
            GroupFact::OffsetCommitted {
                partition, offset, ..
            } => {
                let log = topics[partition.topic.index()]
                    .partitions
                    .get(partition.partition as usize);
                let log = log.map(|log| &log.contents);
                self.offset_committed(stated.at, *partition, *offset, log);
            }
            GroupFact::PositionSet {
                partition,
                offset,
                source,
                ..
            } => {
                let hw = topics[partition.topic.index()]
                    .partitions
                    .get(partition.partition as usize)
                    .map_or(0, |log| log.contents.high_watermark());
                let reading = self.reading(*partition);
                reading.high_watermark = hw;
                reading.position_set(stated.who, *offset, *source);
            }
            GroupFact::Assigned { partitions, .. } => {
                for partition in partitions.iter() {
                    let reading = self.reading(*partition);
                    reading.resumed_at = None;
                    reading.fresh_assignment = true;
                }
            }
            GroupFact::Revoked { partitions, .. } | GroupFact::Lost { partitions, .. } => {
                for partition in partitions.iter() {
                    self.reading(*partition).given_up_by(stated.who);
                }
            }
            _ => {}
        }
    }

    fn offset_committed(
        &mut self,
        at: Instant,
        partition: TopicPartition,
        offset: Offset,
        log: Option<&Contents>,
    ) {
        let reading = self.partitions.entry(partition).or_default();
        reading.committed = Some(offset);
        reading.note_lag();
        let from = reading.checked;
        reading.checked = from.max(offset);
        let Some(log) = log else {
            return;
        };
        let mut gaps = Vec::new();
        let mut next = from;
        for &(start, stop) in reading.dealt_with.ranges_in(from, offset) {
            gaps.push((next, start));
            next = stop;
        }
        gaps.push((next, offset));
        for (from, to) in gaps {
            let done = self.executed.as_ref().unwrap_or(&self.processed);
            if pass(done, &mut self.passed, reading, log, (from, to)) {
                reading.passings.push(Passing { at, from, to });
            }
        }
    }

    pub(super) fn application(
        &mut self,
        stated: &Stated,
        fact: &AppFact,
        sent: Option<&SendTimes>,
        seen: &mut Seen,
    ) {
        match fact {
            AppFact::Polled {
                partition,
                first_offset,
                records,
                ..
            } => self.polled(stated.who, *partition, *first_offset, records),
            AppFact::Processed {
                partition,
                first_offset,
                records,
                times,
                ..
            } => {
                let again = self.processed(*partition, *first_offset, (records, times), sent);
                if 0 < again {
                    seen.add(FactWord::ProcessedAgain, Concerns::of(stated), again.into());
                }
            }
            AppFact::RecordSkipped {
                partition,
                offset,
                records,
                ..
            } => {
                self.dropped.set_all(records);
                self.deal_with(*partition, *offset, records.len());
            }
            AppFact::HandedOn {
                partition,
                offset,
                records,
                ..
            } => {
                self.handed_on.set_all(records);
                self.deal_with(*partition, *offset, records.len());
            }
            AppFact::Dropped { records, .. } => self.dropped.set_all(records),
            AppFact::Stopped { .. } => self.no_longer_holds(stated.who),
            AppFact::ProcessingFailed { .. }
            | AppFact::HandedOff { .. }
            | AppFact::SinkOutage { .. } => {}
        }
    }

    fn deal_with(&mut self, partition: TopicPartition, first: Offset, count: u32) {
        let end = first + Offset::from(count);
        self.reading(partition).dealt_with.insert(first, end);
    }

    fn polled(
        &mut self,
        member: NodeId,
        partition: TopicPartition,
        first: Offset,
        records: &Records,
    ) {
        let end = first + Offset::from(records.len());
        self.totals.delivered += u64::from(records.len());
        let reading = self.partitions.entry(partition).or_default();
        if let Some((reader, next)) = reading.last_polled
            && reader == member
        {
            let left_out = (next..first).any(|offset| !reading.compacted.contains(offset));
            self.totals.poll_skip += u64::from(left_out);
            self.totals.nonmonotonic_poll += u64::from(first < next);
        }
        reading.last_polled = Some((member, end));
        reading.delivered.insert(first, end);
        reading.position = Some((member, end));
        if std::mem::take(&mut reading.fresh_assignment) {
            reading.resumed_at = Some(first);
        }
        match reading.held.iter_mut().find(|held| held.0 == member) {
            Some(held) => held.2 = end,
            None => reading.held.push((member, first, end)),
        }
    }

    /// What a sink did for this group.
    pub(super) fn sink_fact(&mut self, at: Instant, fact: &SinkFact, sent: Option<&SendTimes>) {
        let (from, partition, first_offset, records) = match fact {
            SinkFact::RowsStored {
                from,
                partition,
                first_offset,
                records,
                ..
            } => (from, partition, first_offset, records),
            SinkFact::InsertDeduplicated {
                partition,
                first_offset,
                records,
                overwritten,
                ..
            } => {
                return self.row_was_there(
                    at,
                    (*partition, *first_offset, records),
                    *overwritten,
                    sent,
                );
            }
            _ => return,
        };
        if !self.membership.has(*from, *partition) {
            self.totals.zombie_writes += u64::from(records.len());
        }
        if self.executed.is_some() {
            let times = Times::at(at);
            self.effects(*partition, *first_offset, (records, &times), sent);
        }
    }

    /// A row was there already. Where that was another record's, by a key they share, this record
    /// has its effect if it took the place of the old one, and will never have one if not.
    fn row_was_there(
        &mut self,
        at: Instant,
        (partition, first_offset, records): (TopicPartition, Offset, &Records),
        overwritten: bool,
        sent: Option<&SendTimes>,
    ) {
        if self.executed.is_none() {
            return;
        }
        for (offset, record) in (first_offset..).zip(records.iter()) {
            let one = Records::one(record);
            match overwritten {
                _ if self.processed.get(record) != 0 => {}
                true => {
                    self.effects(partition, offset, (&one, &Times::at(at)), sent);
                }
                false => self.dropped.set_all(&one),
            }
        }
    }

    /// Counts executions; says how many were repeated.
    fn processed(
        &mut self,
        partition: TopicPartition,
        first_offset: Offset,
        (records, times): (&Records, &Times),
        sent: Option<&SendTimes>,
    ) -> u32 {
        let count = records.len();
        let fresh = match &mut self.executed {
            Some(executed) => executed.add_all(records),
            None => self.effects(partition, first_offset, (records, times), sent),
        };
        self.totals.processed += u64::from(count);
        self.totals.processed_again += u64::from(count - fresh);
        self.deal_with(partition, first_offset, count);
        self.forgive(partition, first_offset, (records, times));
        count - fresh
    }

    /// Counts effects; says how many are the first of their record.
    fn effects(
        &mut self,
        partition: TopicPartition,
        first_offset: Offset,
        (records, times): (&Records, &Times),
        sent: Option<&SendTimes>,
    ) -> u32 {
        let count = records.len();
        let fresh = self.processed.add_all(records);
        self.reading(partition).applied(first_offset, count, times);
        let Some(sent) = sent else {
            return fresh;
        };
        if fresh == count {
            self.note_latencies(sent, records, times);
            return fresh;
        }
        for index in 0..count {
            if self.processed.get(records.get(index)) == 1 {
                let record = records.slice(index, index + 1);
                self.note_latencies(sent, &record, &Times::at(times.get(index)));
            }
        }
        fresh
    }

    /// An offset commit did not pass what had been processed by then, though it is stated only now:
    /// a stretch is stated at its end.
    fn forgive(
        &mut self,
        partition: TopicPartition,
        first: Offset,
        (records, times): (&Records, &Times),
    ) {
        let reading = self.partitions.entry(partition).or_default();
        if reading.passings.is_empty() {
            return;
        }
        for index in 0..records.len() {
            let offset = first + Offset::from(index);
            let by = |p: &&Passing| p.from <= offset && offset < p.to;
            let passing = reading.passings.iter().find(by);
            if passing.is_some_and(|p| times.get(index) <= p.at) {
                self.passed.clear_all(&records.slice(index, index + 1));
            }
        }
        let end = first + Offset::from(records.len());
        reading.passings.retain(|passing| end < passing.to);
    }

    fn note_latencies(&mut self, sent: &SendTimes, records: &Records, times: &Times) {
        let early = (0..records.len())
            .take_while(|&i| times.get(i) < self.warm_up)
            .count() as u32;
        if early == 0 {
            self.latencies.done(sent, records, times);
            return;
        }
        for index in early..records.len() {
            let record = records.slice(index, index + 1);
            self.latencies
                .done(sent, &record, &Times::at(times.get(index)));
        }
    }

    /// The log of a partition begins elsewhere: what was still to come and lies before is gone, or
    /// there again.
    pub(super) fn start_moved(&mut self, partition: TopicPartition, from: Offset, to: Offset) {
        let reading = self.reading(partition);
        reading.log_start = to;
        reading.expired.cut(to);
        let open = reading
            .committed
            .map_or(from, |committed| committed.max(from));
        if open < to {
            reading
                .expired
                .insert_without(open, to, &reading.reset_over);
        }
    }

    pub(super) fn replicated(&mut self, partition: TopicPartition, to: Offset) {
        if let Some(reading) = self.partitions.get_mut(&partition) {
            reading.high_watermark = to;
            reading.note_lag();
        }
    }

    /// A member's process died: its position is gone, and what it had in hand.
    pub(super) fn member_died(&mut self, at: Instant, member: NodeId) {
        self.membership.member_died(at, member);
        self.no_longer_holds(member);
    }

    fn no_longer_holds(&mut self, member: NodeId) {
        for reading in self.partitions.values_mut() {
            reading.given_up_by(member);
        }
    }

    /// Whether effects are rows in a sink.
    pub(super) fn effect_in_sink(&self) -> bool {
        self.executed.is_some()
    }

    pub(super) fn times_processed(&self, record: RecordId) -> u8 {
        self.processed.get(record)
    }
}

/// Marks what an offset commit passes within `from..to` though it was not dealt with, and says whether
/// there was anything. What a reset jumped over, or was removed before, was lost there, not by
/// the offset commit.
fn pass(
    processed: &Counts,
    passed: &mut Bits,
    reading: &Reading,
    log: &Contents,
    (from, to): (Offset, Offset),
) -> bool {
    let mut any = false;
    for (base, first, count) in log.runs_in(from, to) {
        for index in 0..count {
            let record = RecordId(first.0 + index);
            let offset = base + Offset::from(index);
            let jumped = reading.reset_over.contains(offset)
                || reading.expired.contains(offset)
                || reading.superseded.contains(offset);
            if processed.get(record) == 0 && !jumped {
                passed.set(record);
                any = true;
            }
        }
    }
    any
}

impl Reading {
    fn position_set(&mut self, member: NodeId, offset: Offset, source: PositionSource) {
        self.reset_over.cut(offset);
        if source == PositionSource::Reset {
            let from = self.committed.unwrap_or(0).max(self.log_start);
            self.reset_over.insert(from, offset);
        }
        self.position = Some((member, offset));
        self.held.retain(|held| held.0 != member);
        self.held.push((member, offset, offset));
        if source != PositionSource::Seek {
            self.last_polled = None;
        }
        self.note_lag();
    }

    fn given_up_by(&mut self, member: NodeId) {
        self.held.retain(|held| held.0 != member);
        if self.position.is_some_and(|(owner, _)| owner == member) {
            self.position = None;
        }
    }

    fn applied(&mut self, first: Offset, count: u32, times: &Times) {
        let first = u32::try_from(first).expect("a log that the ledger holds has small offsets");
        if let Some(last) = self.effects.last_mut()
            && last.goes_on_with(first, times)
        {
            last.count += count;
            return;
        }
        self.effects.push(EffectRun {
            first,
            count,
            times: times.clone(),
        });
    }

    /// The lag is what tools show: from the committed offset to the high watermark; from the
    /// position while nothing is committed.
    fn note_lag(&mut self) {
        let position = self.position.map(|(_, offset)| offset);
        if let Some(base) = self.committed.or(position) {
            let lag = self.high_watermark.saturating_sub(base);
            self.largest_lag = self.largest_lag.max(Some(lag));
        }
    }
}

impl EffectRun {
    /// Whether effects from this offset on are the same run: the next offset, at the same pace.
    fn goes_on_with(&self, first: u32, times: &Times) -> bool {
        let next = self.first + self.count == first;
        match (&self.times, times) {
            (
                Times::Every { first: own, step },
                Times::Every {
                    first: at,
                    step: pace,
                },
            ) => next && step == pace && *own + *step * u64::from(self.count) == *at,
            _ => false,
        }
    }
}
