//! The judgement: what was demanded of a run against what it came to.
//!
//! Four kinds of demand: quantities of `expect`, the end of the run, facts of `must-happen`, and that
//! every fault strikes. Besides, no run may break a promise of Kafka (`promise`). A run that met its `expect` while nothing happened proves nothing, so the
//! last two fail a run however green the first.

use serde::Serialize;

use super::compare::Comparison;
use super::expect::{Claim, Ends, Expect, MustHappen, Subject};
use super::ledger::Ledger;
use super::order::Keys;
use super::quantity::FactWord;
use super::range::Range;
use super::summary::{EndOfRun, Ending, Unstruck, Verdict};
use crate::base::{Instant, Span};

/// One demand and what the run has to say to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about, such as `groups.workers`; empty for the run.
    pub place: String,
    /// The quantity, such as `duplicated`, with the part of it that is compared, such as
    /// `committed orders-0`.
    pub quantity: String,
    /// What was demanded, as the file would write it.
    pub expected: String,
    /// What is.
    pub actual: String,
    /// Whether they agree.
    pub ok: bool,
    /// What is missing or too much, or why the demand cannot be met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A fact that was demanded and did not happen, or not as often as demanded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// The fact.
    pub fact: FactWord,
    /// How it was narrowed, such as `of workers-1`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub narrowed: String,
    /// How often it was to happen.
    pub demanded: Range,
    /// How often it happened.
    pub seen: u64,
    /// Facts of the same theme, and how often each happened.
    pub nearest: Vec<(FactWord, u64)>,
}

/// Everything that was demanded of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The quantities and the end.
    pub checks: Vec<Check>,
    /// The facts that did not happen.
    pub missed: Vec<Missed>,
    /// The faults that never struck and had to.
    pub unstruck: Vec<Unstruck>,
    /// What Kafka promises in every run and was not kept: a mistake of the simulator.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
}

impl Check {
    /// The demand as a line: `groups.workers lost: 0`.
    pub fn demand(&self) -> String {
        let place = if self.place.is_empty() {
            String::new()
        } else {
            format!("{} ", self.place)
        };
        format!("{place}{}: {}", self.quantity, self.expected)
    }
}

impl Judgement {
    /// Whether the run is as demanded.
    pub fn as_expected(&self) -> bool {
        self.missed.is_empty()
            && self.unstruck.is_empty()
            && self.broken.is_empty()
            && self.checks.iter().all(|c| c.ok)
    }

    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.ok)
    }
}

impl Missed {
    /// The sentence for the user.
    pub fn message(&self) -> String {
        let fact = format!("`{}`{}", self.fact, self.narrowed);
        if self.seen == 0 {
            return format!("{fact} was demanded and did not happen; the verdict would be empty");
        }
        let times = if self.seen == 1 { "time" } else { "times" };
        let (demanded, seen) = (self.demanded, self.seen);
        format!("{fact} was demanded {demanded} times and happened {seen} {times}")
    }

    /// What did happen nearby.
    pub fn help(&self) -> String {
        let near = |(fact, seen): &(FactWord, u64)| format!("`{fact}` {seen}");
        let near: Vec<String> = self.nearest.iter().map(near).collect();
        format!("nearest facts seen: {}", near.join(", "))
    }
}

impl Unstruck {
    /// The sentence for the user.
    pub fn message(&self) -> String {
        let line = self.line;
        let Some((who, step)) = &self.condition else {
            return format!("the fault at line {line} never struck");
        };
        let times = if self.reached == 1 { "time" } else { "times" };
        let (reached, nth) = (self.reached, self.nth);
        format!(
            "the fault at line {line} never struck: `{who}` reached `{step}` {reached} {times}, \
             `nth` is {nth}"
        )
    }
}

impl Ledger {
    /// Judges a run by its verdict and what the ledger knows beyond it.
    pub fn judge(
        &self,
        verdict: &Verdict,
        expect: &Expect,
        must_happen: &[MustHappen],
        keys: Keys<'_>,
    ) -> Judgement {
        let mut checks: Vec<Check> = ends(expect.ends, &verdict.ends).into_iter().collect();
        let comparison = Comparison {
            ledger: self,
            verdict,
            keys,
        };
        for claim in &expect.claims {
            checks.extend(comparison.checks(claim));
        }
        checks.extend(expect.anomalies.iter().map(|(name, range)| {
            let seen = verdict.anomaly(name);
            Check {
                place: "anomalies".to_owned(),
                quantity: name.clone(),
                expected: range.to_string(),
                actual: seen.map_or("not counted".to_owned(), |n| n.to_string()),
                ok: seen.is_some_and(|n| range.contains(n)),
                note: None,
            }
        }));
        let struck = |fault: &&Unstruck| !fault.optional;
        Judgement {
            checks,
            missed: must_happen.iter().filter_map(|m| self.missed(m)).collect(),
            unstruck: verdict.unstruck.iter().filter(struck).cloned().collect(),
            broken: self.broken_promises(),
        }
    }

    /// Holds states against what they are now, at an instant of the run.
    pub fn judge_now(&self, at: Span, claims: &[Claim], keys: Keys<'_>) -> Vec<Check> {
        let now = EndOfRun {
            at: Instant::ZERO + at,
            ending: Ending::Drained,
            unstruck: Vec::new(),
        };
        let verdict = self.verdict(&now, keys);
        let comparison = Comparison {
            ledger: self,
            verdict: &verdict,
            keys,
        };
        let checks = claims.iter().flat_map(|claim| comparison.checks(claim));
        let stated = |check: Check| Check {
            place: format!("at {at} {}", check.place),
            ..check
        };
        checks.map(stated).collect()
    }

    fn missed(&self, demand: &MustHappen) -> Option<Missed> {
        let seen = self.seen.count_where(demand.fact, |concerns| {
            let mut names = demand.of.iter();
            let of = demand.of.is_empty() || names.any(|n| concerns.includes(n, &self.cast));
            let error = demand.error.as_deref();
            of && error.is_none_or(|error| concerns.has_error(error))
        });
        if demand.count.contains(seen) {
            return None;
        }
        let mut narrowed = String::new();
        if !demand.of.is_empty() {
            narrowed = format!(" of {}", demand.of.join(" or "));
        }
        if let Some(error) = &demand.error {
            narrowed = format!("{narrowed} with {error}");
        }
        Some(Missed {
            fact: demand.fact,
            narrowed,
            demanded: demand.count,
            seen,
            nearest: self.nearest(demand),
        })
    }

    /// The most frequent facts of the same theme; first of all the same fact of somebody else.
    fn nearest(&self, demand: &MustHappen) -> Vec<(FactWord, u64)> {
        let theme = THEMES.iter().find(|theme| theme.contains(&demand.fact));
        let others = theme.expect("every fact word has a theme").iter();
        let mut near: Vec<(FactWord, u64)> = others
            .map(|word| (*word, self.seen.count(*word)))
            .filter(|(word, seen)| *word != demand.fact || 0 < *seen)
            .collect();
        near.sort_by_key(|(word, seen)| (*word != demand.fact, std::cmp::Reverse(*seen)));
        near.truncate(4);
        near
    }
}

/// Facts that a lesson is likely to confuse, theme by theme.
const THEMES: [&[FactWord]; 7] = {
    use FactWord as F;
    [
        &[
            F::BatchSent,
            F::BatchFull,
            F::LingerOver,
            F::Retry,
            F::RetryDeduplicated,
            F::OutOfOrderSequence,
            F::RequestTimedOut,
            F::DeliveryTimedOut,
            F::ProducerEpochBumped,
            F::BufferFull,
            F::ResponseLost,
            F::RequestLost,
            F::RequestHeld,
            F::ResponseHeld,
            F::RequestRefused,
        ],
        &[
            F::LeaderElected,
            F::UncleanElection,
            F::IsrShrunk,
            F::IsrExpanded,
            F::BrokerFenced,
            F::LogTruncated,
            F::UnflushedLost,
        ],
        &[
            F::SegmentRolled,
            F::SegmentDeleted,
            F::LogCompacted,
            F::RecordsDeleted,
        ],
        &[F::TopicCreated, F::PartitionsAdded, F::MetadataRefreshed],
        &[
            F::GroupFormed,
            F::Rebalance,
            F::PartitionMoved,
            F::SessionExpired,
            F::PollIntervalExceeded,
            F::MemberFenced,
            F::StaticRejoin,
            F::ProtocolChanged,
            F::OffsetCommitted,
            F::CommitFailed,
            F::PollFailed,
            F::CommitRewound,
            F::OffsetReset,
            F::PositionTruncated,
        ],
        &[
            F::ProcessingFailed,
            F::RecordSkipped,
            F::ProcessedAgain,
            F::InsertDeduplicated,
            F::InsertRefused,
            F::BulkTorn,
            F::SinkOutage,
        ],
        &[
            F::Crashed,
            F::Restarted,
            F::Paused,
            F::Resumed,
            F::Stalled,
            F::Closed,
            F::Started,
            F::Sought,
            F::OffsetsSet,
            F::CutMade,
            F::CutHealed,
            F::Slowed,
            F::PowerLost,
        ],
    ]
};

fn ends(demanded: Ends, ending: &Ending) -> Option<Check> {
    let (actual, note) = match ending {
        Ending::Drained => ("drained", None),
        Ending::Stuck { reason } => ("stuck", Some(reason.clone())),
        Ending::Limit { which } => ("unknown", Some(format!("{which} was hit"))),
    };
    (demanded != Ends::Any).then(|| Check {
        place: String::new(),
        quantity: "ends".to_owned(),
        expected: demanded.word().to_owned(),
        actual: actual.to_owned(),
        ok: demanded.word() == actual,
        note,
    })
}

/// Where the file states a claim.
pub(super) fn place(claim: &Claim) -> String {
    match &claim.of {
        Subject::Run => String::new(),
        Subject::Group(name) => format!("groups.{name}"),
        Subject::Topic(_) | Subject::Partition(..) => format!("topics.{}", claim.of.name()),
        Subject::Producer(name) => format!("producers.{name}"),
        Subject::Sink(name) => format!("sinks.{name}"),
    }
}

#[cfg(test)]
mod tests;
