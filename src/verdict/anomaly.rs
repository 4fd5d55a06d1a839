//! Anomalies by name: how often each occurred in a run.
//!
//! The effect-level names are ours. The log-level names and their definitions are those of Jepsen's
//! Kafka workload, where a *key* is a partition. A name whose cause is not modelled yet (nothing is
//! truncated, nobody has transactions) stands in the list at zero, so that it can be demanded.
//!
//! | name | counted here as |
//! |---|---|
//! | `effect-lost` | lost records that were written, over all groups |
//! | `effect-duplicated`, `effect-reordered` | records, over all groups |
//! | `committed-past-unprocessed` | records an offset commit passed too early, over all groups |
//! | `zombie-write` | rows in a sink for a partition that was its member's no longer |
//! | `unavailable` | 1 if the run was stuck |
//! | `duplicate` | records at more than one offset of a partition |
//! | `lost-write` | acknowledged records that nobody was given, below one that somebody was given |
//! | `unseen` | acknowledged records that nobody was given |
//! | `poll-skip`, `nonmonotonic-poll` | polls of a partition that left records out, or went back, since the same member's last poll under the same assignment |

use super::columns::Bits;
use super::contents::Contents;
use super::ledger::Ledger;
use super::spans::Spans;
use super::summary::GroupVerdict;
use crate::base::{RecordId, TopicId, TopicPartition};

/// Every name, in the order of the vocabulary.
pub(super) const NAMES: [&str; 18] = [
    "effect-lost",
    "effect-duplicated",
    "effect-reordered",
    "effect-of-aborted",
    "committed-past-unprocessed",
    "zombie-write",
    "torn-transaction",
    "stuck-reader",
    "unavailable",
    "inconsistent-offsets",
    "duplicate",
    "lost-write",
    "unseen",
    "poll-skip",
    "nonmonotonic-poll",
    "int-poll-skip",
    "int-nonmonotonic-poll",
    "G1a",
];

/// How often each anomaly occurred, in the order of [`NAMES`].
pub(super) fn count(
    ledger: &Ledger,
    groups: &[GroupVerdict],
    stuck: bool,
) -> Vec<(&'static str, u64)> {
    let sum = |of: fn(&GroupVerdict) -> u64| groups.iter().map(of).sum();
    let log = LogAnomalies::of(ledger);
    let value = |name: &str| match name {
        "effect-lost" => sum(GroupVerdict::lost_after_write),
        "effect-duplicated" => sum(|g| g.duplicated.len()),
        "effect-reordered" => sum(|g| g.reordered.len()),
        "committed-past-unprocessed" => sum(|g| g.past_unprocessed.len()),
        "zombie-write" => sum(|g| g.totals.zombie_writes),
        "unavailable" => stuck.into(),
        "duplicate" => log.duplicate,
        "lost-write" => log.lost_write,
        "unseen" => log.unseen,
        "poll-skip" => sum(|g| g.totals.poll_skip),
        "nonmonotonic-poll" => sum(|g| g.totals.nonmonotonic_poll),
        _ => 0,
    };
    NAMES.map(|name| (name, value(name))).to_vec()
}

#[derive(Default)]
struct LogAnomalies {
    duplicate: u64,
    lost_write: u64,
    unseen: u64,
}

impl LogAnomalies {
    fn of(ledger: &Ledger) -> Self {
        let mut found = Self::default();
        let mut given = Bits::default();
        let topics: Vec<TopicId> = (0..ledger.topics.len() as u32).map(TopicId).collect();
        for topic in &topics {
            for (partition, log) in ledger.logs(*topic) {
                found.duplicate += ledger.appended_twice(&[partition]).len();
                let delivered = ledger.delivered_to_anybody(partition);
                for &(from, to) in delivered.ranges() {
                    for (_, first, count) in log.contents.runs_in(from, to) {
                        given.set_run(first, count);
                    }
                }
            }
        }
        for topic in topics {
            for (partition, log) in ledger.logs(topic) {
                let delivered = ledger.delivered_to_anybody(partition);
                let read_past = delivered.ranges().last().map_or(0, |range| range.1);
                let missing = ledger.acknowledged_and_not_in(&given, &log.contents, read_past);
                found.lost_write += missing;
            }
        }
        let unseen = ledger.acknowledged.iter().filter(|r| !given.get(*r));
        found.unseen = unseen.count() as u64;
        found
    }
}

impl Ledger {
    /// The offsets of a partition that some group was given.
    fn delivered_to_anybody(&self, partition: TopicPartition) -> Spans {
        let mut all = Spans::default();
        for reading in self
            .groups
            .iter()
            .filter_map(|g| g.partitions.get(&partition))
        {
            for &(from, to) in reading.delivered.ranges() {
                all.insert(from, to);
            }
        }
        all
    }

    /// How many acknowledged records lie below an offset and were given to nobody.
    fn acknowledged_and_not_in(&self, given: &Bits, log: &Contents, below: u64) -> u64 {
        let runs = log.runs_in(0, below);
        let records = runs.flat_map(|(_, first, count)| (first.0..first.0 + count).map(RecordId));
        let missing = records.filter(|r| self.acknowledged.get(*r) && !given.get(*r));
        missing.count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::*;
    use super::super::{EndOfRun, Ending};
    use crate::node::fact::PositionSource::{Committed, Reset, Seek};

    fn anomalies(story: &Story, ending: Ending) -> Vec<(&'static str, u64)> {
        let end = EndOfRun {
            at: story.now,
            ending,
            unstruck: Vec::new(),
        };
        let verdict = story.ledger().verdict(&end, &|_| None);
        let found = verdict.anomalies.iter().filter(|(_, count)| 0 < *count);
        found.copied().collect()
    }

    #[test]
    fn a_loss_by_offset_commit_shows_on_every_level_where_it_can_be_seen() {
        let mut story = Story::with_records(0..6);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..2);
        story.offset_committed(ONE, 4);
        story.crashed(ONE);
        story.position(TWO, 4, Committed);
        story.polled(TWO, 4..6);
        story.processed(TWO, 4..6);
        story.offset_committed(TWO, 6);
        assert_eq!(
            anomalies(&story, Ending::Drained),
            [
                ("effect-lost", 4),
                ("committed-past-unprocessed", 4),
                ("lost-write", 2),
                ("unseen", 2)
            ]
        );
    }

    #[test]
    fn polls_that_go_back_or_leave_out_are_counted_per_member_and_assignment() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..4);
        story.polled(ONE, 6..8);
        story.polled(ONE, 2..3);
        story.position(TWO, 0, Reset);
        story.polled(TWO, 0..10);
        story.processed(TWO, 0..10);
        let found = anomalies(&story, Ending::Drained);
        assert_eq!(found, [("poll-skip", 1), ("nonmonotonic-poll", 1)]);
    }

    #[test]
    fn a_poll_is_compared_with_the_last_one_across_a_seek_and_not_across_an_assignment() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..8);
        story.position(ONE, 2, Committed);
        story.polled(ONE, 2..10);
        story.processed(ONE, 0..10);
        assert_eq!(anomalies(&story, Ending::Drained), []);
        story.position(ONE, 2, Seek);
        story.polled(ONE, 2..3);
        let found = anomalies(&story, Ending::Drained);
        assert_eq!(found, [("nonmonotonic-poll", 1)]);
    }

    #[test]
    fn a_stuck_run_is_unavailable() {
        let story = Story::new();
        let stuck = Ending::Stuck {
            reason: String::new(),
        };
        assert_eq!(anomalies(&story, stuck), [("unavailable", 1)]);
    }
}
