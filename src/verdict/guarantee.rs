//! Which delivery guarantee a run kept, and which it broke with which record first.
//!
//! A run shows that a guarantee is broken; that it was kept is said of this run, not of all.
//!
//! | guarantee | of a group: effects | of a topic: its logs | broken by |
//! |---|---|---|---|
//! | `at-most-once` | none applied twice | no record in them twice | a duplicate |
//! | `at-least-once` | none lost | none missing that the client believes, or was told nothing of | a loss |
//! | `exactly-once` | both | both | either |
//! | `order-per-key` | none before an earlier one of its key | | a reordering |
//! | `order-per-partition` | | none behind one that its producer sent later | a reordering |
//!
//! While records wait, and where a bound cut the run short, what is not broken is *open*.

use serde::Serialize;

use super::columns::Bits;
use super::ledger::Ledger;
use super::names::NamedSet;
use super::order::collect;
use super::outcome::Outcome;
use super::spans::Spans;
use super::summary::{Ending, TopicVerdict, Verdict};
use crate::base::{GroupId, Instant, RecordId, TopicId};

/// A promise about records, in the field's own terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// No duplicates.
    AtMostOnce,
    /// No losses.
    AtLeastOnce,
    /// Neither.
    ExactlyOnce,
    /// Effects of one key and partition in the order of their offsets.
    OrderPerKey,
    /// Records of one producer in a partition in the order in which they were sent.
    OrderPerPartition,
}

/// Whose guarantees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The effects of a group.
    Group(GroupId),
    /// The logs of a topic.
    Topic(TopicId),
}

/// What a run shows of a guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Finding {
    /// Nothing speaks against it.
    Kept,
    /// Records show that it does not hold.
    Broken {
        /// How many show it.
        count: u64,
        /// The one of them that was sent first.
        #[serde(skip)]
        first: RecordId,
    },
    /// Nothing speaks against it yet: records wait, or a bound cut the run short.
    Open {
        /// How many records wait.
        waiting: u64,
    },
}

/// What became of the records of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Effect applied once; in the log once.
    Once,
    /// More than once.
    Duplicated,
    /// Never, for good; in no log, and the client does not know.
    Lost,
    /// In another order than promised. Such a record is of another kind as well.
    Reordered,
    /// Sent on to another topic instead.
    HandedOn,
    /// Neither done nor lost.
    Waiting,
}

/// The records of a scope by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    sets: [Spans; Kind::ALL.len()],
    /// Whether a bound cut the run short.
    cut_short: bool,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Once,
        Self::Duplicated,
        Self::Lost,
        Self::Reordered,
        Self::HandedOn,
        Self::Waiting,
    ];

    /// In a report.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Duplicated => "duplicated",
            Self::Lost => "lost",
            Self::Reordered => "reordered",
            Self::HandedOn => "handed on",
            Self::Waiting => "waiting",
        }
    }
}

impl Evidence {
    /// The records of a kind.
    pub fn of(&self, kind: Kind) -> &Spans {
        &self.sets[kind as usize]
    }
}

impl Guarantee {
    /// Its name in the field.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AtMostOnce => "at-most-once",
            Self::AtLeastOnce => "at-least-once",
            Self::ExactlyOnce => "exactly-once",
            Self::OrderPerKey => "order-per-key",
            Self::OrderPerPartition => "order-per-partition",
        }
    }
}

impl Finding {
    /// Whether records show that the guarantee does not hold.
    pub const fn is_broken(self) -> bool {
        matches!(self, Self::Broken { .. })
    }
}

impl Ledger {
    /// The four guarantees of every group and then of every topic, in the order of the verdict.
    pub fn guarantees(&self, verdict: &Verdict) -> Vec<(Scope, [(Guarantee, Finding); 4])> {
        let all = self.evidence(verdict).into_iter();
        all.map(|(scope, evidence)| (scope, self.findings(scope, &evidence)))
            .collect()
    }

    /// What became of the records of every group and then of every topic, in the order of the
    /// verdict.
    pub fn evidence(&self, verdict: &Verdict) -> Vec<(Scope, Evidence)> {
        let cut_short = matches!(verdict.ends, Ending::Limit { .. });
        let groups = verdict.groups.iter().map(|group| {
            let sets = [
                group.once.ids().clone(),
                group.duplicated.ids().clone(),
                union(group.lost.values()),
                group.reordered.ids().clone(),
                group.handed_on.ids().clone(),
                group.waiting.ids().clone(),
            ];
            (Scope::Group(group.id), Evidence { sets, cut_short })
        });
        let topics = verdict.topics.iter().map(|topic| {
            let drained = verdict.ends == Ending::Drained;
            let (once, lost, waiting) = self.written_once(topic, drained);
            let (twice, reordered) = (topic.appended_twice.ids(), topic.reordered.ids());
            let sets = [
                once,
                twice.clone(),
                lost,
                reordered.clone(),
                Spans::default(),
                waiting,
            ];
            (Scope::Topic(topic.id), Evidence { sets, cut_short })
        });
        groups.chain(topics).collect()
    }

    /// What the evidence says of each guarantee of the scope.
    pub fn findings(&self, scope: Scope, evidence: &Evidence) -> [(Guarantee, Finding); 4] {
        let order = match scope {
            Scope::Group(_) => Guarantee::OrderPerKey,
            Scope::Topic(_) => Guarantee::OrderPerPartition,
        };
        let waiting = evidence.of(Kind::Waiting).len();
        [
            (Guarantee::AtMostOnce, &[Kind::Duplicated][..]),
            (Guarantee::AtLeastOnce, &[Kind::Lost]),
            (Guarantee::ExactlyOnce, &[Kind::Duplicated, Kind::Lost]),
            (order, &[Kind::Reordered]),
        ]
        .map(|(guarantee, kinds)| {
            let sets = || kinds.iter().map(|kind| evidence.of(*kind));
            let records = sets().flat_map(Spans::iter).map(|id| RecordId(id as u32));
            let needs_all = kinds.contains(&Kind::Lost) && 0 < waiting;
            let finding = match records.min_by_key(|record| self.sending_order(*record)) {
                Some(first) => Finding::Broken {
                    count: sets().map(Spans::len).sum(),
                    first,
                },
                None if evidence.cut_short || needs_all => Finding::Open { waiting },
                None => Finding::Kept,
            };
            (guarantee, finding)
        })
    }

    /// Earlier sent is smaller; at one instant the order of the cast decides.
    fn sending_order(&self, record: RecordId) -> (Option<Instant>, RecordId) {
        (self.send_times.get(record), record)
    }

    /// The records of a topic that are in its logs once; those that are in none and will not be,
    /// though their client was not told of it; and those that may still come.
    fn written_once(&self, topic: &TopicVerdict, drained: bool) -> (Spans, Spans, Spans) {
        let mut written = Bits::default();
        for (_, log) in self.logs(topic.id) {
            for (_, first, count) in log.contents.runs() {
                written.set_run(first, count);
            }
        }
        let (mut lost, mut waiting) = (Vec::new(), Vec::new());
        let sent = self.topics[topic.id.index()].sent.iter();
        for record in sent.filter(|record| !written.get(*record)) {
            match self.unwritten(record, drained) {
                Outcome::Lost(_) => lost.push(record),
                Outcome::Waiting => waiting.push(record),
                _ => {}
            }
        }
        for record in topic.appended_twice.iter() {
            written.clear(record);
        }
        (written.spans(), collect(lost), collect(waiting))
    }
}

fn union<'s>(sets: impl Iterator<Item = &'s NamedSet>) -> Spans {
    collect(sets.flat_map(NamedSet::iter).collect())
}

#[cfg(test)]
mod tests {
    use super::super::EndOfRun;
    use super::super::story::*;
    use super::*;
    use crate::node::fact::PositionSource::{Committed, Reset};

    /// What a story shows of a scope, as words such as `at-most-once broken by 4 from 0`.
    fn found(story: &Story, scope: Scope, ending: Ending) -> Vec<String> {
        let end = EndOfRun {
            at: story.now,
            ending,
            unstruck: Vec::new(),
        };
        let ledger = story.ledger();
        let verdict = ledger.verdict(&end, &|_| None);
        let all = ledger.guarantees(&verdict);
        let (_, four) = all
            .iter()
            .find(|(of, _)| *of == scope)
            .expect("every group and topic has its guarantees");
        let words = |(guarantee, finding): &(Guarantee, Finding)| {
            let word = guarantee.word();
            match finding {
                Finding::Kept => format!("{word} kept"),
                Finding::Broken { count, first } => {
                    format!("{word} broken by {count} from {first:?}")
                }
                Finding::Open { waiting } => format!("{word} open, {waiting} wait"),
            }
        };
        four.iter().map(words).collect()
    }

    const GROUP: Scope = Scope::Group(WORKERS);

    #[test]
    fn a_duplicate_breaks_at_most_once_and_with_it_exactly_once() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..10);
        story.processed(ONE, 0..2);
        story.crashed(ONE);
        story.position(TWO, 0, Reset);
        story.polled(TWO, 0..10);
        story.processed(TWO, 0..10);
        story.offset_committed(TWO, 10);
        assert_eq!(
            found(&story, GROUP, Ending::Drained),
            [
                "at-most-once broken by 2 from RecordId(0)",
                "at-least-once kept",
                "exactly-once broken by 2 from RecordId(0)",
                "order-per-key kept",
            ]
        );
    }

    #[test]
    fn a_loss_breaks_at_least_once_and_with_it_exactly_once() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..10);
        story.offset_committed(ONE, 10);
        story.processed(ONE, 0..4);
        story.crashed(ONE);
        story.position(TWO, 10, Committed);
        assert_eq!(
            found(&story, GROUP, Ending::Drained),
            [
                "at-most-once kept",
                "at-least-once broken by 6 from RecordId(4)",
                "exactly-once broken by 6 from RecordId(4)",
                "order-per-key kept",
            ]
        );
    }

    #[test]
    fn what_waits_leaves_open_whether_everything_arrives_and_a_bound_leaves_all_open() {
        let mut story = Story::with_records(0..10);
        story.position(ONE, 0, Reset);
        story.polled(ONE, 0..4);
        story.processed(ONE, 0..4);
        let stuck = Ending::Stuck {
            reason: String::new(),
        };
        assert_eq!(
            found(&story, GROUP, stuck),
            [
                "at-most-once kept",
                "at-least-once open, 6 wait",
                "exactly-once open, 6 wait",
                "order-per-key kept",
            ]
        );
        let limit = Ending::Limit {
            which: String::new(),
        };
        let open = found(&story, GROUP, limit);
        assert!(
            open.iter().all(|finding| finding.contains("open")),
            "{open:?}"
        );
    }

    #[test]
    fn a_log_has_guarantees_of_its_own() {
        let mut story = Story::new();
        story.sent(0..6);
        story.appended(P0, 0, 3..5);
        story.appended(P0, 2, 0..3);
        story.appended(P0, 5, 3..5);
        let log = Scope::Topic(ORDERS);
        assert_eq!(
            found(&story, log, Ending::Drained),
            [
                "at-most-once broken by 2 from RecordId(3)",
                "at-least-once broken by 1 from RecordId(5)",
                "exactly-once broken by 3 from RecordId(3)",
                "order-per-partition broken by 3 from RecordId(0)",
            ]
        );
    }
}
