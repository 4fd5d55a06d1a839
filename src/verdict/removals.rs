//! The ledger's part of what logs hold no more: where each begins, and whom that cost a record.
//!
//! Every broker speaks of its own copy; what can be read is what the leader gives out. A new leader
//! that has not heard of a removal begins where its own copy does.

use super::columns::Bits;
use super::group::GroupLedger;
use super::ledger::{Ledger, PartitionLedger};
use super::spans::Spans;
use crate::base::{NodeId, Offset, RecordId, TopicPartition};
use crate::node::fact::StorageFact;

/// What was removed from a partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Removals {
    /// The log start offset at the leader.
    start: Offset,
    /// The log start offset of each broker that stated one.
    starts: Vec<(NodeId, Offset)>,
    /// The offsets whose record compaction took from the leader's log.
    compacted: Spans,
}

impl Removals {
    fn set(&mut self, who: NodeId, start: Offset) {
        match self.starts.iter_mut().find(|(node, _)| *node == who) {
            Some((_, known)) => *known = start,
            None => self.starts.push((who, start)),
        }
    }

    fn of(&self, who: NodeId) -> Offset {
        let known = self.starts.iter().find(|(node, _)| *node == who);
        known.map_or(0, |(_, start)| *start)
    }
}

impl PartitionLedger {
    /// The log start offset.
    pub(super) fn start(&self) -> Offset {
        self.removals.as_ref().map_or(0, |removals| removals.start)
    }

    /// The offsets whose record compaction took.
    fn compacted(&self) -> &[(Offset, Offset)] {
        let removals = self.removals.as_ref();
        removals.map_or(&[], |removals| removals.compacted.ranges())
    }

    /// The runs of records that it gives out.
    fn readable(&self) -> Vec<(Offset, RecordId, u32)> {
        let (mut runs, mut from) = (Vec::new(), self.start());
        for (hole, end) in self.compacted() {
            runs.extend(self.contents.runs_in(from, (*hole).max(from)));
            from = from.max(*end);
        }
        runs.extend(self.contents.runs_in(from, self.contents.end()));
        runs
    }

    /// What lies at `offset` and after is gone, and may be written anew.
    pub(super) fn forget_compacted(&mut self, offset: Offset) {
        if let Some(removals) = &mut self.removals {
            removals.compacted.cut(offset);
        }
    }
}

impl Ledger {
    pub(super) fn storage(&mut self, who: NodeId, fact: &StorageFact) {
        if let StorageFact::Stamped {
            count, by_broker, ..
        } = fact
        {
            let stamped = &mut self.partition_mut(fact.partition()).stamped;
            stamped.add(*by_broker, *count);
        }
        if let StorageFact::LogCompacted {
            partition,
            superseded,
            tombstones,
            ..
        } = fact
        {
            self.compacted_by(who, *partition, [superseded, tombstones]);
        }
        let Some((_, to)) = fact.start_moved() else {
            return;
        };
        let known = self.partition_mut(fact.partition());
        let leads = known.leader.is_none_or(|leader| leader == who);
        known.removals.get_or_insert_default().set(who, to);
        if leads {
            self.start_of_leader(fact.partition(), who);
        }
    }

    /// A copy was compacted; only that of the leader is read from.
    fn compacted_by(
        &mut self,
        who: NodeId,
        partition: TopicPartition,
        [superseded, tombstones]: [&[(Offset, Offset)]; 2],
    ) {
        let known = self.partition_mut(partition);
        if known.leader.is_some_and(|leader| leader != who) {
            return;
        }
        let removals = known.removals.get_or_insert_default();
        for (from, to) in superseded.iter().chain(tombstones) {
            removals.compacted.insert(*from, *to);
        }
        for group in &mut self.groups {
            if group.topics.contains(&partition.topic) {
                group.compacted(partition, superseded, tombstones);
            }
        }
    }

    /// The log begins where the copy of this broker does: groups have lost what lies before and was
    /// still to come, or may read again what a removal had taken.
    pub(super) fn start_of_leader(&mut self, partition: TopicPartition, leader: NodeId) {
        let known = self.partition_mut(partition);
        let Some(removals) = &mut known.removals else {
            return;
        };
        let (from, to) = (removals.start, removals.of(leader));
        removals.start = to;
        if from == to {
            return;
        }
        for group in &mut self.groups {
            if group.topics.contains(&partition.topic) {
                group.start_moved(partition, from, to);
            }
        }
    }

    /// The records that lie before the log start offset and nowhere else.
    pub fn expired(&self, partitions: &[TopicPartition]) -> Spans {
        let before_start = |log: &PartitionLedger| match log.start() {
            0 => Vec::new(),
            start => vec![(0, start)],
        };
        self.gone(partitions, before_start)
    }

    /// The records that compaction took and that lie nowhere else.
    pub fn compacted(&self, partitions: &[TopicPartition]) -> Spans {
        self.gone(partitions, |log| {
            let from_start = |(from, to): &(Offset, Offset)| (log.start().max(*from), *to);
            let ranges = log.compacted().iter().map(from_start);
            ranges.filter(|(from, to)| from < to).collect()
        })
    }

    /// The records at the offsets that `taken` says of each log, without those that can be read
    /// somewhere.
    fn gone(
        &self,
        partitions: &[TopicPartition],
        taken: impl Fn(&PartitionLedger) -> Vec<(Offset, Offset)>,
    ) -> Spans {
        let (mut gone, mut there) = (Bits::default(), Bits::default());
        let logs = || {
            partitions
                .iter()
                .filter_map(|partition| self.log_of(*partition))
        };
        for log in logs() {
            for (from, to) in taken(log) {
                for (_, first, count) in log.contents.runs_in(from, to) {
                    gone.set_run(first, count);
                }
            }
        }
        if gone.count() == 0 {
            return Spans::default();
        }
        for log in logs() {
            for (_, first, count) in log.readable() {
                there.set_run(first, count);
            }
        }
        let mut spans = Spans::default();
        for record in gone.iter().filter(|record| !there.get(*record)) {
            spans.insert(record.0.into(), u64::from(record.0) + 1);
        }
        spans
    }

    fn log_of(&self, partition: TopicPartition) -> Option<&PartitionLedger> {
        let topic = &self.topics[partition.topic.index()];
        topic.partitions.get(partition.partition as usize)
    }

    /// The offsets at which a partition's log gives out a record, in order.
    pub fn offsets_left(&self, partition: TopicPartition) -> Vec<Offset> {
        let log = self.log_of(partition).into_iter();
        let runs = log.flat_map(PartitionLedger::readable);
        let offsets = runs.flat_map(|(base, _, count)| base..base + Offset::from(count));
        offsets.collect()
    }

    /// The records that a partition's log gives out, in order.
    pub(super) fn readable(&self, partition: TopicPartition) -> Vec<RecordId> {
        let log = self.log_of(partition).into_iter();
        let runs = log.flat_map(super::ledger::PartitionLedger::readable);
        let ids = runs.flat_map(|(_, first, count)| (first.0..first.0 + count).map(RecordId));
        ids.collect()
    }
}

impl GroupLedger {
    /// Compaction took records: of these keys there is a later one; these tombstones are gone, which
    /// costs whoever has read older records of the partition the news that a key was deleted.
    pub(super) fn compacted(
        &mut self,
        partition: TopicPartition,
        superseded: &[(Offset, Offset)],
        tombstones: &[(Offset, Offset)],
    ) {
        let reading = self.reading(partition);
        let open = reading.committed.unwrap_or(0);
        let knows_older = !reading.delivered.is_empty();
        let gone = |ranges: &[(Offset, Offset)], into: &mut Spans| {
            for (from, to) in ranges.iter().filter(|(_, to)| open < *to) {
                into.insert_without(open.max(*from), *to, &reading.reset_over);
            }
        };
        gone(superseded, &mut reading.superseded);
        if knows_older {
            gone(tombstones, &mut reading.expired);
        } else {
            gone(tombstones, &mut reading.superseded);
        }
        for (from, to) in superseded.iter().chain(tombstones) {
            reading.compacted.insert(*from, *to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Outcome;
    use super::super::quantity::Stage;
    use super::super::story::*;
    use super::*;
    use crate::node::fact::PositionSource::{Committed, Reset};

    fn deleted(story: &mut Story, from: Offset, to: Offset) {
        story.states(
            BROKER,
            StorageFact::RecordsDeleted {
                partition: P0,
                from,
                to,
            },
        );
    }

    fn outcome(story: &Story, record: u32) -> Outcome {
        let outcomes = story.ledger().outcomes(WORKERS, true);
        outcomes.of(crate::base::RecordId(record))
    }

    #[test]
    fn what_is_removed_before_it_was_committed_is_expired_whatever_follows() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..2);
        story.processed(ONE, 0..2);
        story.offset_committed(ONE, 2);
        deleted(&mut story, 0, 6);
        story.position(ONE, 6, Reset);
        story.polled(ONE, 6..10);
        story.processed(ONE, 6..10);
        story.offset_committed(ONE, 10);
        let expired = Outcome::Lost(Stage::Expired);
        let seen = [0, 1, 2, 5, 6].map(|record| outcome(&story, record));
        assert_eq!(
            seen,
            [
                Outcome::Once,
                Outcome::Once,
                expired,
                expired,
                Outcome::Once
            ]
        );
        let ledger = story.ledger();
        assert_eq!(ledger.expired(&[P0, P1]).ranges(), [(0, 6)]);
        assert_eq!(
            ledger.groups[0].passed.count(),
            0,
            "the offset commit passed nothing"
        );
    }

    #[test]
    fn what_was_skipped_before_it_was_removed_stays_skipped() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 4, Reset);
        story.polled(ONE, 4..8);
        story.offset_committed(ONE, 8);
        story.crashed(ONE);
        deleted(&mut story, 0, 9);
        story.position(TWO, 9, Reset);
        let seen = [0, 4, 8, 9].map(|record| outcome(&story, record));
        let lost = Outcome::Lost;
        let stages = [
            Stage::SkippedByReset,
            Stage::SkippedByCommit,
            Stage::Expired,
        ];
        assert_eq!(seen[..3], stages.map(lost));
        assert_eq!(seen[3], Outcome::Waiting);
    }

    #[test]
    fn what_was_in_hand_when_it_was_removed_may_still_be_processed() {
        let mut story = Story::with_records(0..4);
        story.position(ONE, 0, Committed);
        story.polled(ONE, 0..4);
        deleted(&mut story, 0, 4);
        story.processed(ONE, 0..3);
        assert_eq!(outcome(&story, 2), Outcome::Once);
        assert_eq!(outcome(&story, 3), Outcome::Lost(Stage::Expired));
    }

    #[test]
    fn a_record_that_lies_there_again_is_not_gone() {
        let mut story = Story::with_records(0..4);
        story.appended(P0, 4, 2..4);
        deleted(&mut story, 0, 4);
        assert_eq!(story.ledger().expired(&[P0, P1]).ranges(), [(0, 2)]);
    }
}
