//! Order: of effects against offsets, and of appends against sends.
//!
//! *Group*: a record is reordered if its effect was first applied after that of a record with the
//! same key at a larger offset of the same partition. Records without a key count as one key: what
//! Kafka promises them is the partition's order as well. *Topic*: a record is reordered in a
//! partition if it was first appended there behind a record that the same producer sent later.
//!
//! Keys are asked for only where a partition's effects are out of offset order at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::columns::Bits;
use super::contents::Contents;
use super::group::EffectRun;
use super::ledger::Ledger;
use super::spans::Spans;
use crate::base::{GroupId, Instant, Offset, RecordId, TopicPartition};

/// The key of a record.
pub type Keys<'a> = &'a dyn Fn(RecordId) -> Option<Arc<str>>;

impl Ledger {
    /// The records whose effects came too late for their key.
    pub fn reordered_effects(&self, group: GroupId, keys: Keys<'_>) -> Spans {
        let mut late = Vec::new();
        for (partition, reading) in &self.groups[group.index()].partitions {
            if !in_order(&reading.effects)
                && let Some(log) = self.contents(*partition)
            {
                late.extend(late_for_their_key(&reading.effects, log, keys));
            }
        }
        collect(late)
    }

    /// The records first appended to one of these partitions behind one that was sent later.
    pub fn reordered_appends(&self, partitions: &[TopicPartition]) -> Spans {
        let logs = partitions.iter().filter_map(|p| self.contents(*p));
        collect(logs.flat_map(|log| self.appended_late(log)).collect())
    }

    fn appended_late(&self, log: &Contents) -> Vec<RecordId> {
        let mut newest: BTreeMap<u32, RecordId> = BTreeMap::new();
        let mut appended = Bits::default();
        let mut late = Vec::new();
        for (_, first, count) in log.runs() {
            for record in (first.0..first.0 + count).map(RecordId) {
                let (producer, _) = self.cast.sender(record);
                let newest = newest.entry(producer.0).or_insert(record);
                if record < *newest && !appended.get(record) {
                    late.push(record);
                }
                *newest = record.max(*newest);
            }
            appended.set_run(first, count);
        }
        late
    }

    /// The records sent to the topics of these partitions that were acknowledged and are in none of
    /// their logs: a new leader did not have them.
    pub fn truncated(&self, partitions: &[TopicPartition]) -> Spans {
        let mut gone = Bits::default();
        for tp in partitions {
            gone.or(&self.topics[tp.topic.index()].sent);
        }
        let written = self.appended(partitions);
        let ids = gone
            .iter()
            .filter(|id| self.acknowledged.get(*id) && !written.contains(u64::from(id.0)));
        collect(ids.collect())
    }

    /// The records that lie in the logs of these partitions more than once.
    pub fn appended_twice(&self, partitions: &[TopicPartition]) -> Spans {
        let mut seen = Bits::default();
        let mut again = Vec::new();
        for log in partitions.iter().filter_map(|p| self.contents(*p)) {
            for (_, first, count) in log.runs() {
                let ids = (first.0..first.0 + count).map(RecordId);
                again.extend(ids.filter(|id| seen.get(*id)));
                seen.set_run(first, count);
            }
        }
        collect(again)
    }
}

/// Whether offsets and instants ascend together.
fn in_order(effects: &[EffectRun]) -> bool {
    effects.windows(2).all(|pair| {
        let last = pair[0].times.get(pair[0].count - 1);
        pair[0].first < pair[1].first && last <= pair[1].times.get(0)
    })
}

fn late_for_their_key(effects: &[EffectRun], log: &Contents, keys: Keys<'_>) -> Vec<RecordId> {
    // A stretch is stated at its end, and another member may have been at work meanwhile.
    let mut by_time: Vec<(Instant, Offset)> = Vec::new();
    for run in effects {
        by_time.extend((0..run.count).map(|i| (run.times.get(i), Offset::from(run.first + i))));
    }
    by_time.sort_by_key(|(at, _)| *at);
    let mut furthest: BTreeMap<Option<Arc<str>>, Offset> = BTreeMap::new();
    let mut applied = Bits::default();
    let mut late = Vec::new();
    for (_, offset) in by_time {
        let Some(record) = log.get(offset).filter(|record| !applied.get(*record)) else {
            continue;
        };
        applied.set(record);
        let furthest = furthest.entry(keys(record)).or_insert(offset);
        if offset < *furthest {
            late.push(record);
        }
        *furthest = offset.max(*furthest);
    }
    late
}

/// Records in any order as a set.
pub(super) fn collect(mut records: Vec<RecordId>) -> Spans {
    records.sort_unstable();
    let mut set = Spans::default();
    for record in records {
        set.insert(u64::from(record.0), u64::from(record.0) + 1);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::super::story::*;
    use super::*;
    use crate::base::Span;
    use crate::node::fact::Times;

    /// Every second record has the key `b`.
    #[allow(clippy::unnecessary_wraps, reason = "the signature is that of `Keys`")]
    fn two_keys(record: RecordId) -> Option<Arc<str>> {
        Some(if record.0.is_multiple_of(2) { "a" } else { "b" }.into())
    }

    fn late(story: &Story, keys: Keys<'_>) -> Vec<u64> {
        story
            .ledger()
            .reordered_effects(WORKERS, keys)
            .iter()
            .collect()
    }

    #[test]
    fn only_records_of_one_key_can_overtake_each_other() {
        let mut story = Story::with_records(0..6);
        story.processed(ONE, 1..2);
        story.processed(ONE, 0..1);
        story.processed(ONE, 4..5);
        story.processed(ONE, 2..3);
        story.processed(ONE, 3..4);
        assert_eq!(
            late(&story, &two_keys),
            [2],
            "2 comes after 4, both have key a"
        );
        assert_eq!(
            late(&story, &|_| None),
            [0, 2, 3],
            "without keys the partition's order counts"
        );
    }

    #[test]
    fn the_order_is_that_of_the_instants_not_of_the_statements() {
        let mut story = Story::with_records(0..6);
        let at = |seconds, step| Times::Every {
            first: Instant(0) + Span::from_secs(seconds),
            step: Span::from_secs(step),
        };
        story.applied_at(TWO, 4..6, at(112, 1));
        story.applied_at(ONE, 0..4, at(100, 5));
        assert_eq!(
            late(&story, &|_| None),
            [3],
            "3 is done at 115 s, 4 and 5 at 112 s and 113 s"
        );
    }

    #[test]
    fn a_redelivery_is_no_reordering() {
        let mut story = Story::with_records(0..4);
        story.processed(ONE, 0..3);
        story.processed(TWO, 1..4);
        assert_eq!(late(&story, &|_| None), [0; 0]);
    }

    #[test]
    fn a_batch_that_arrives_behind_its_successor_is_reordered_and_its_repetition_is_not() {
        let mut story = Story::new();
        story.appended(P0, 0, 3..6);
        story.appended(P0, 3, 0..3);
        story.appended(P0, 6, 3..6);
        story.appended(P1, 0, 10..12);
        let reordered = story.ledger().reordered_appends(&[P0, P1]);
        assert_eq!(reordered.ranges(), [(0, 3)]);
    }
}
