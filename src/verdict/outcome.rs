//! The outcome of every record for every group that should have had it.
//!
//! A record concerns a group if it was sent to a topic the group reads, or lies in its log. The
//! first row that fits decides. `o` is the record's offset, *committed* and *position* are the
//! group's on that partition when the run ended; a position lives as long as its member.
//!
//! | what is known | outcome |
//! |---|---|
//! | effect applied more than once | `duplicated` |
//! | effect applied once | `once` |
//! | the application sent it on to another topic | `handed-on` |
//! | in no log, client told of failure | none: the client knows (`failed` of the producer) |
//! | in no log, acknowledged | `lost`, `truncated` |
//! | in no log, nobody told, and the run drained or its producer died since | `lost`, `never-acknowledged` |
//! | in no log, nobody told, the producer may still send it | `waiting` |
//! | `o` below what was committed before the run, never delivered | none: dealt with before |
//! | the run did not drain and a living member still has it in hand | `waiting` |
//! | removed from the log while it was still to come | `lost`, `expired` |
//! | compacted away while it was still to come, as a later record has its key | `compacted` |
//! | `o` is at or past the position, or past committed without a position | `waiting` |
//! | the application went on without it, or threw it away | `lost`, `dropped-by-application` |
//! | a reset set the position past it, and nobody went back since | `lost`, `skipped-by-reset` |
//! | committed is past it | `lost`, `skipped-by-commit` |
//! | a living position is past it though nothing is committed (a `seek`, a loop without effect) | `lost`, `dropped-by-application` |
//!
//! A record that lies in the logs more than once is waiting if one of its places is, and is lost at
//! the stage of its first place otherwise.

use super::columns::Bits;
use super::group::{GroupLedger, Reading};
use super::ledger::Ledger;
use super::quantity::Stage;
use super::spans::Spans;
use crate::base::{GroupId, Offset, RecordId, TopicPartition};

/// The outcomes of one group, as sets of record ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Effect applied exactly once.
    pub once: Spans,
    /// Effect applied more than once.
    pub duplicated: Spans,
    /// Never applied and never will be, by stage in the order of [`Stage::ALL`].
    pub lost: [Spans; Stage::ALL.len()],
    /// Sent on to another topic instead.
    pub handed_on: Spans,
    /// Superseded by a later record of their key before they were read.
    pub compacted: Spans,
    /// Neither done nor lost.
    pub waiting: Spans,
}

/// What a record came to for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Effect applied exactly once.
    Once,
    /// Effect applied more than once.
    Duplicated,
    /// Never applied and never will be.
    Lost(Stage),
    /// Sent on to another topic instead.
    HandedOn,
    /// Compaction took it before it was read: a later record has its key.
    Compacted,
    /// Neither done nor lost.
    Waiting,
    /// No concern of the group: it failed before it was written, or was dealt with before the run.
    None,
}

impl Outcomes {
    /// The lost records of a stage.
    pub fn lost_at(&self, stage: Stage) -> &Spans {
        &self.lost[stage as usize]
    }

    fn add(&mut self, record: RecordId, outcome: Outcome) {
        let set = match outcome {
            Outcome::Once => &mut self.once,
            Outcome::Duplicated => &mut self.duplicated,
            Outcome::Lost(stage) => &mut self.lost[stage as usize],
            Outcome::HandedOn => &mut self.handed_on,
            Outcome::Compacted => &mut self.compacted,
            Outcome::Waiting => &mut self.waiting,
            Outcome::None => return,
        };
        set.insert(u64::from(record.0), u64::from(record.0) + 1);
    }

    /// What a record came to.
    pub fn of(&self, record: RecordId) -> Outcome {
        let id = u64::from(record.0);
        let lost = |stage: &&Stage| self.lost_at(**stage).contains(id);
        if self.once.contains(id) {
            Outcome::Once
        } else if self.duplicated.contains(id) {
            Outcome::Duplicated
        } else if self.handed_on.contains(id) {
            Outcome::HandedOn
        } else if self.compacted.contains(id) {
            Outcome::Compacted
        } else if self.waiting.contains(id) {
            Outcome::Waiting
        } else {
            let stage = Stage::ALL.iter().find(lost);
            stage.map_or(Outcome::None, |stage| Outcome::Lost(*stage))
        }
    }
}

impl Ledger {
    /// The outcomes of a group, if the run ended now; `drained` says that nothing is under way.
    pub fn outcomes(&self, group: GroupId, drained: bool) -> Outcomes {
        let reader = &self.groups[group.index()];
        let mut outcomes = Outcomes::default();
        let mut open = Bits::default();
        for record in self.concerns(reader).iter() {
            match reader.times_processed(record) {
                0 if reader.handed_on.get(record) => outcomes.add(record, Outcome::HandedOn),
                0 => open.set(record),
                1 => outcomes.add(record, Outcome::Once),
                _ => outcomes.add(record, Outcome::Duplicated),
            }
        }
        let places = self.places_of(reader, &open);
        let mut rest = &places[..];
        for record in open.iter() {
            let here = rest.iter().take_while(|place| place.0 == record).count();
            let (own, others) = rest.split_at(here);
            rest = others;
            outcomes.add(record, self.unprocessed(reader, record, own, drained));
        }
        outcomes
    }

    /// The records sent to a group's topics, or in their logs.
    fn concerns(&self, reader: &GroupLedger) -> Bits {
        let mut concerns = Bits::default();
        for topic in &reader.topics {
            concerns.or(&self.topics[topic.index()].sent);
            for (_, log) in self.logs(*topic) {
                for (_, first, count) in log.contents.runs() {
                    concerns.set_run(first, count);
                }
            }
        }
        concerns
    }

    /// Where these records lie in a group's topics, by record.
    fn places_of(
        &self,
        reader: &GroupLedger,
        records: &Bits,
    ) -> Vec<(RecordId, TopicPartition, Offset)> {
        let mut places = Vec::new();
        if records.count() == 0 {
            return places;
        }
        for topic in &reader.topics {
            for (partition, log) in self.logs(*topic) {
                for (base, first, count) in log.contents.runs() {
                    for (index, id) in (first.0..first.0 + count).enumerate() {
                        if records.get(RecordId(id)) {
                            places.push((RecordId(id), partition, base + index as Offset));
                        }
                    }
                }
            }
        }
        places.sort_unstable();
        places
    }

    fn unprocessed(
        &self,
        reader: &GroupLedger,
        record: RecordId,
        places: &[(RecordId, TopicPartition, Offset)],
        drained: bool,
    ) -> Outcome {
        if places.is_empty() {
            return self.unwritten(record, drained);
        }
        let mut first = None;
        for &(_, partition, offset) in places {
            let outcome = match reader.partitions.get(&partition) {
                Some(reading) => reading.unprocessed(offset, reader.dropped.get(record), drained),
                None => Outcome::Waiting,
            };
            if outcome == Outcome::Waiting {
                return outcome;
            }
            first = first.or(Some(outcome));
        }
        first.expect("a record that lies somewhere has a first place")
    }

    pub(super) fn unwritten(&self, record: RecordId, drained: bool) -> Outcome {
        let (producer, _) = self.cast.sender(record);
        let orphaned = self.producers[producer.index()].orphaned.get(record);
        if self.acknowledged.get(record) {
            Outcome::Lost(Stage::Truncated)
        } else if self.failed.get(record) {
            Outcome::None
        } else if drained || orphaned {
            Outcome::Lost(Stage::NeverAcknowledged)
        } else {
            Outcome::Waiting
        }
    }
}

impl Reading {
    /// The outcome of a record at this offset whose effect was never applied.
    fn unprocessed(&self, offset: Offset, dropped: bool, drained: bool) -> Outcome {
        if offset < self.floor && !self.delivered.contains(offset) {
            return Outcome::None;
        }
        let in_hand = |held: &(_, Offset, Offset)| held.1 <= offset && offset < held.2;
        if !drained && !dropped && self.held.iter().any(in_hand) {
            return Outcome::Waiting;
        }
        if self.expired.contains(offset) {
            return Outcome::Lost(if dropped {
                Stage::DroppedByApplication
            } else {
                Stage::Expired
            });
        }
        if self.superseded.contains(offset) && !dropped {
            return Outcome::Compacted;
        }
        let committed = self.committed.is_some_and(|committed| offset < committed);
        let position = self.position.map(|(_, position)| position);
        let jumped = self.reset_over.contains(offset);
        let read_past = position.is_some_and(|position| offset < position);
        if position.is_some() && !read_past || position.is_none() && !committed && !jumped {
            Outcome::Waiting
        } else if dropped {
            Outcome::Lost(Stage::DroppedByApplication)
        } else if jumped {
            Outcome::Lost(Stage::SkippedByReset)
        } else if committed {
            Outcome::Lost(Stage::SkippedByCommit)
        } else {
            Outcome::Lost(Stage::DroppedByApplication)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::*;
    use super::*;
    use crate::base::Span;
    use crate::node::fact::PositionSource::{Committed, Reset, Seek};
    use crate::node::fact::Times;

    const STAGES: [Stage; 6] = [
        Stage::NeverAcknowledged,
        Stage::Truncated,
        Stage::Expired,
        Stage::SkippedByCommit,
        Stage::SkippedByReset,
        Stage::DroppedByApplication,
    ];

    /// The outcomes of the group `workers` as words, such as `once 0..4, lost skipped-by-commit 4..9`.
    fn outcomes(story: &Story, drained: bool) -> String {
        let outcomes = story.ledger().outcomes(WORKERS, drained);
        let mut sets = vec![
            ("once", &outcomes.once),
            ("duplicated", &outcomes.duplicated),
            ("handed-on", &outcomes.handed_on),
            ("waiting", &outcomes.waiting),
        ];
        sets.extend(STAGES.map(|stage| (stage.word(), outcomes.lost_at(stage))));
        let mut words = Vec::new();
        for (word, set) in sets {
            for (from, to) in set.ranges() {
                words.push(format!("{word} {from}..{to}"));
            }
        }
        words.join(", ")
    }

    fn at_the_end(story: &Story) -> String {
        outcomes(story, true)
    }

    #[test]
    fn processed_then_committed_is_once() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..10);
        story.processed(ONE, 0..10);
        story.offset_committed(ONE, 10);
        assert_eq!(at_the_end(&story), "once 0..10");
    }

    #[test]
    fn a_crash_between_effect_and_offset_commit_duplicates() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..10);
        story.processed(ONE, 0..4);
        story.crashed(ONE);
        story.position(TWO, 0, Reset);
        story.polled(TWO, 0..10);
        story.processed(TWO, 0..10);
        story.offset_committed(TWO, 10);
        assert_eq!(at_the_end(&story), "once 4..10, duplicated 0..4");
    }

    #[test]
    fn an_offset_commit_before_the_effect_loses_what_a_crash_leaves() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..10);
        story.offset_committed(ONE, 10);
        story.processed(ONE, 0..4);
        story.crashed(ONE);
        story.position(TWO, 10, Committed);
        assert_eq!(at_the_end(&story), "once 0..4, skipped-by-commit 4..10");
    }

    #[test]
    fn without_a_crash_a_run_cut_short_still_waits_for_what_is_in_hand() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..10);
        story.offset_committed(ONE, 10);
        story.processed(ONE, 0..4);
        assert_eq!(outcomes(&story, false), "once 0..4, waiting 4..10");
        story.crashed(ONE);
        assert_eq!(
            outcomes(&story, false),
            "once 0..4, skipped-by-commit 4..10",
            "a dead process has nothing in hand"
        );
    }

    #[test]
    fn polled_but_neither_processed_nor_committed_is_read_again_after_a_crash() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..10);
        story.crashed(ONE);
        assert_eq!(outcomes(&story, false), "waiting 0..10");
    }

    #[test]
    fn a_reset_to_the_end_skips_what_was_there() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 6, Reset);
        story.polled(ONE, 6..10);
        story.processed(ONE, 6..10);
        assert_eq!(at_the_end(&story), "once 6..10, skipped-by-reset 0..6");
        story.offset_committed(ONE, 10);
        assert_eq!(
            at_the_end(&story),
            "once 6..10, skipped-by-reset 0..6",
            "the later offset commit is not what skipped them"
        );
    }

    #[test]
    fn going_back_before_a_reset_makes_it_harmless() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 10, Reset);
        story.position(ONE, 2, Seek);
        story.polled(ONE, 2..10);
        story.processed(ONE, 2..10);
        story.offset_committed(ONE, 10);
        assert_eq!(at_the_end(&story), "once 2..10, skipped-by-reset 0..2");
    }

    #[test]
    fn a_seek_past_records_drops_them_unless_an_offset_commit_follows() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Committed);
        story.position(ONE, 7, Seek);
        story.polled(ONE, 7..10);
        story.processed(ONE, 7..10);
        assert_eq!(
            at_the_end(&story),
            "once 7..10, dropped-by-application 0..7"
        );
        story.offset_committed(ONE, 10);
        assert_eq!(at_the_end(&story), "once 7..10, skipped-by-commit 0..7");
    }

    #[test]
    fn what_the_application_skips_drops_or_hands_on_has_its_own_name() {
        let mut story = Story::with_records(0..6);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..6);
        story.processed(ONE, 0..2);
        story.skipped(ONE, 2);
        story.handed_on(ONE, 3);
        story.dropped(ONE, 4..6);
        assert_eq!(
            at_the_end(&story),
            "once 0..2, handed-on 3..4, dropped-by-application 2..3, dropped-by-application 4..6"
        );
    }

    #[test]
    fn a_dropped_record_that_is_read_again_is_not_lost() {
        let mut story = Story::with_records(0..4);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..4);
        story.dropped(ONE, 0..4);
        story.revoked(ONE, &[P0]);
        assert_eq!(outcomes(&story, false), "waiting 0..4");
        story.position(TWO, 0, Reset);
        story.polled(TWO, 0..4);
        story.processed(TWO, 0..4);
        assert_eq!(at_the_end(&story), "once 0..4");
    }

    #[test]
    fn what_lies_below_the_offset_committed_before_the_run_is_no_concern() {
        let mut story = Story::with_records(0..10).committed_before(P0, 6);
        story.position(ONE, 6, Committed);
        story.polled(ONE, 6..10);
        story.processed(ONE, 6..10);
        story.offset_committed(ONE, 10);
        assert_eq!(at_the_end(&story), "once 6..10");
    }

    #[test]
    fn a_record_nobody_was_told_about_and_no_log_holds_is_lost_at_the_first_stage() {
        let mut story = Story::new();
        story.sent(0..4);
        story.failed(2..4);
        assert_eq!(
            at_the_end(&story),
            "never-acknowledged 0..2",
            "of 2 and 3 the client knows"
        );
        assert_eq!(outcomes(&story, false), "waiting 0..2");
        story.crashed(SHOP);
        assert_eq!(outcomes(&story, false), "never-acknowledged 0..2");
    }

    #[test]
    fn a_failed_record_that_is_in_the_log_nevertheless_is_read_like_any_other() {
        let mut story = Story::new();
        story.sent(0..2);
        story.appended(P0, 0, 0..2);
        story.replicated(P0, 2);
        story.failed(0..2);
        assert_eq!(at_the_end(&story), "waiting 0..2");
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..2);
        story.processed(ONE, 0..2);
        assert_eq!(at_the_end(&story), "once 0..2");
    }

    #[test]
    fn a_record_appended_twice_and_processed_twice_is_duplicated() {
        let mut story = Story::with_records(0..3);
        story.appended(P0, 3, 1..3);
        story.position(ONE, 0, Reset);
        story.processed(ONE, 0..3);
        assert_eq!(at_the_end(&story), "once 0..3");
        story.processed_at(ONE, 3, 1..3);
        assert_eq!(at_the_end(&story), "once 0..1, duplicated 1..3");
        let twice = story.ledger().appended_twice(&[P0, P1]);
        assert_eq!(twice.ranges(), [(1, 3)]);
    }

    #[test]
    fn a_group_has_no_outcome_for_a_topic_it_does_not_read() {
        let story = Story::with_records(0..3);
        let readers = story.ledger().outcomes(READERS, true);
        assert_eq!(readers, Outcomes::default());
    }

    #[test]
    fn what_a_stretch_had_done_before_the_offset_commit_was_not_passed() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..10);
        let begun = story.now;
        story.wait(Span::from_secs(4));
        story.offset_committed(ONE, 7);
        let second = Span::from_secs(1);
        let times = Times::Every {
            first: begun + second,
            step: second,
        };
        story.applied_at(ONE, 0..10, times);
        let ledger = story.ledger();
        let passed: Vec<u32> = ledger.groups[0].passed.iter().map(|r| r.0).collect();
        assert_eq!(
            passed,
            [5, 6],
            "the fifth second had passed, so 0 to 4 were done"
        );
    }

    #[test]
    fn every_stretch_is_forgiven_what_it_had_done_before_the_offset_commit() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..10);
        let begun = story.now;
        story.wait(Span::from_secs(20));
        story.offset_committed(ONE, 10);
        for first in [0, 5] {
            let second = Span::from_secs(1);
            let times = Times::Every {
                first: begun + second * u64::from(first + 1),
                step: second,
            };
            story.applied_at(ONE, first..first + 5, times);
        }
        let ledger = story.ledger();
        assert_eq!(ledger.groups[0].passed.iter().count(), 0);
    }

    #[test]
    fn a_poll_skips_or_goes_back_compared_with_the_last_one_of_the_same_member() {
        let mut story = Story::with_records(0..10);
        let totals = |story: &Story| {
            let totals = story.ledger().groups[0].totals;
            (totals.poll_skip, totals.nonmonotonic_poll, totals.delivered)
        };
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..3);
        story.polled(ONE, 3..5);
        assert_eq!(
            totals(&story),
            (0, 0, 5),
            "each goes on where the last ended"
        );
        story.polled(ONE, 7..9);
        assert_eq!(totals(&story), (1, 0, 7), "5 and 6 are left out");
        story.polled(ONE, 8..10);
        assert_eq!(totals(&story), (1, 1, 9), "8 comes again");
        story.polled(TWO, 0..2);
        story.polled(TWO, 2..4);
        assert_eq!(totals(&story), (1, 1, 13), "another member begins anew");
    }

    #[test]
    fn an_offset_commit_past_unprocessed_records_is_noticed_without_any_crash() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..10);
        story.processed(ONE, 0..3);
        story.skipped(ONE, 3);
        story.offset_committed(ONE, 6);
        story.processed(ONE, 4..10);
        story.offset_committed(ONE, 10);
        let ledger = story.ledger();
        let passed: Vec<u32> = ledger.groups[0].passed.iter().map(|r| r.0).collect();
        assert_eq!(
            passed,
            [4, 5],
            "3 was dealt with, 6 to 9 were processed first"
        );
        assert_eq!(
            at_the_end(&story),
            "once 0..3, once 4..10, dropped-by-application 3..4"
        );
    }
}
