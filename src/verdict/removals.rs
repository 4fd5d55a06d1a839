//! The ledger's part of what logs hold no more: where each begins, and whom that cost a record.
//!
//! Every broker speaks of its own copy; what can be read is what the leader gives out. A new leader
//! that has not heard of a removal begins where its own copy does.

use super::columns::Bits;
use super::ledger::{Ledger, PartitionLedger};
use super::spans::Spans;
use crate::base::{NodeId, Offset, TopicPartition};
use crate::node::fact::StorageFact;

/// What was removed from a partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Removals {
    /// The log start offset at the leader.
    start: Offset,
    /// The log start offset of each broker that stated one.
    starts: Vec<(NodeId, Offset)>,
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
        let (mut gone, mut there) = (Bits::default(), Bits::default());
        for partition in partitions {
            let topic = &self.topics[partition.topic.index()];
            let Some(log) = topic.partitions.get(partition.partition as usize) else {
                continue;
            };
            let start = log.start();
            if start == 0 {
                continue;
            }
            for (_, first, count) in log.contents.runs_in(0, start) {
                gone.set_run(first, count);
            }
        }
        if gone.count() == 0 {
            return Spans::default();
        }
        for partition in partitions {
            let topic = &self.topics[partition.topic.index()];
            if let Some(log) = topic.partitions.get(partition.partition as usize) {
                let end = log.contents.end();
                for (_, first, count) in log.contents.runs_in(log.start(), end) {
                    there.set_run(first, count);
                }
            }
        }
        let mut expired = Spans::default();
        for record in gone.iter().filter(|record| !there.get(*record)) {
            expired.insert(record.0.into(), u64::from(record.0) + 1);
        }
        expired
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
