//! Effects that overtook each other across the partitions of a topic.
//!
//! A record is *overtaken* if a record with the same key, which the same producer sent to the topic
//! later and which lies in another partition, had its effect first. Kafka keeps the order of a
//! partition only, so this happens where a key changes its partition: when partitions are added, or
//! when a partitioner does not go by the key. What happens within a partition is `order`.
//!
//! Keys are asked for only where a topic can hold a key in several partitions
//! ([`Options::scattered`](super::Options::scattered)).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ledger::Ledger;
use super::order::Keys;
use crate::base::{GroupId, Instant, NodeId, RecordId, TopicId};

/// The first effect on a record: when, and from which partition it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct First {
    record: RecordId,
    at: Instant,
    partition: u32,
}

/// The records of one key and sender whose effects are behind, as far as they can overtake: the one
/// sent last, and the one sent last among those of other partitions.
#[derive(Clone, Copy, Debug, Default)]
struct Furthest {
    last: Option<First>,
    elsewhere: Option<First>,
}

impl Ledger {
    /// The records that were overtaken, each with the record sent last of those that overtook it.
    pub fn overtaken(&self, group: GroupId, keys: Keys<'_>) -> BTreeMap<RecordId, RecordId> {
        let topics = self.groups[group.index()].topics.iter().copied();
        let scattered = |topic: &TopicId| {
            let known = self.options.scattered.get(topic.index());
            known.copied().unwrap_or(true)
        };
        topics
            .filter(scattered)
            .flat_map(|topic| self.overtaken_in(group, topic, keys))
            .collect()
    }

    fn overtaken_in(
        &self,
        group: GroupId,
        topic: TopicId,
        keys: Keys<'_>,
    ) -> Vec<(RecordId, RecordId)> {
        let mut by_key: BTreeMap<(Arc<str>, NodeId), Vec<First>> = BTreeMap::new();
        for first in self.first_effects(group, topic) {
            if let Some(key) = keys(first.record) {
                let (producer, _) = self.cast.sender(first.record);
                by_key.entry((key, producer)).or_default().push(first);
            }
        }
        by_key.into_values().flat_map(overtakings).collect()
    }

    /// The first effect on each record of a topic, by record.
    fn first_effects(&self, group: GroupId, topic: TopicId) -> Vec<First> {
        let mut effects = Vec::new();
        for (partition, reading) in &self.groups[group.index()].partitions {
            let Some(log) = self
                .contents(*partition)
                .filter(|_| partition.topic == topic)
            else {
                continue;
            };
            for run in &reading.effects {
                let offsets = (0..run.count).map(|i| (i, u64::from(run.first + i)));
                effects.extend(offsets.filter_map(|(i, offset)| {
                    Some(First {
                        record: log.get(offset)?,
                        at: run.times.get(i),
                        partition: partition.partition,
                    })
                }));
            }
        }
        effects.sort_unstable();
        effects.dedup_by_key(|first| first.record);
        effects
    }
}

/// Who of one key was overtaken, and by whom.
fn overtakings(mut effects: Vec<First>) -> Vec<(RecordId, RecordId)> {
    effects.sort_unstable_by_key(|first| (first.at, first.record));
    let mut furthest = Furthest::default();
    let mut overtaken = Vec::new();
    for now in effects.chunk_by(|a, b| a.at == b.at) {
        let late = now.iter().filter_map(|first| {
            let by = furthest.ahead_of(first)?;
            Some((first.record, by.record))
        });
        overtaken.extend(late);
        // Effects of one instant overtake each other in neither direction.
        for first in now {
            furthest.take_in(*first);
        }
    }
    overtaken
}

impl Furthest {
    /// The record sent last in another partition, if it was sent later.
    fn ahead_of(&self, first: &First) -> Option<First> {
        let other = |known: &First| known.partition != first.partition;
        let by = self.last.filter(other).or(self.elsewhere.filter(other))?;
        (first.record < by.record).then_some(by)
    }

    fn take_in(&mut self, first: First) {
        match self.last {
            Some(last) if last.partition == first.partition => {
                self.last = Some(last.max(first));
            }
            Some(last) if first.record < last.record => {
                self.elsewhere = self.elsewhere.max(Some(first));
            }
            before => {
                self.elsewhere = before;
                self.last = Some(first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::*;
    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "the signature is that of `Keys`")]
    fn one_key(_: RecordId) -> Option<Arc<str>> {
        Some("a".into())
    }

    /// Records 0 to 3 lie in the first partition, 4 to 7 in the second.
    fn moved() -> Story {
        let mut story = Story::new();
        story.sent(0..8);
        story.appended(P0, 0, 0..4);
        story.appended(P1, 0, 4..8);
        story
    }

    fn overtaken(story: &Story, keys: Keys<'_>) -> Vec<(u32, u32)> {
        let found = story.ledger().overtaken(WORKERS, keys);
        found.into_iter().map(|(late, by)| (late.0, by.0)).collect()
    }

    #[test]
    fn a_key_that_moved_is_overtaken_by_what_was_sent_later_to_its_new_partition() {
        let mut story = moved();
        story.processed_in(ONE, P0, (0, 0..2));
        story.processed_in(TWO, P1, (0, 4..6));
        story.processed_in(ONE, P0, (2, 2..4));
        story.processed_in(TWO, P1, (2, 6..8));
        assert_eq!(overtaken(&story, &one_key), [(2, 5), (3, 5)]);
    }

    #[test]
    fn records_of_different_keys_or_without_one_overtake_nobody() {
        let mut story = moved();
        story.processed_in(TWO, P1, (0, 4..8));
        story.processed_in(ONE, P0, (0, 0..4));
        let own = |record: RecordId| Some(Arc::from(record.0.to_string()));
        assert_eq!(overtaken(&story, &own), []);
        assert_eq!(overtaken(&story, &|_| None), []);
    }

    #[test]
    fn within_a_partition_nobody_is_overtaken_and_only_first_effects_count() {
        let mut story = moved();
        story.processed_in(ONE, P0, (1, 1..2));
        story.processed_in(ONE, P0, (0, 0..1));
        story.processed_in(ONE, P0, (2, 2..4));
        story.processed_in(TWO, P1, (0, 4..8));
        story.processed_in(ONE, P0, (0, 0..4));
        assert_eq!(overtaken(&story, &one_key), []);
    }

    #[test]
    fn a_key_that_moves_back_and_forth_is_compared_with_every_other_partition() {
        let first = |record, at, partition| First {
            record: RecordId(record),
            at: Instant(at),
            partition,
        };
        let effects = vec![
            first(5, 1, 1),
            first(9, 2, 0),
            first(6, 3, 0),
            first(4, 4, 0),
            first(7, 5, 1),
        ];
        let found = overtakings(effects);
        assert_eq!(
            found,
            [(RecordId(4), RecordId(5)), (RecordId(7), RecordId(9))]
        );
    }
}
