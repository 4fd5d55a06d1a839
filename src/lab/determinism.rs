//! Whether an experiment gives the same run every time: once more, in another thread at the same
//! time, and with every stretch taken step by step.
//!
//! Runs are compared by their fingerprints. Only when those differ are the facts compared, to say
//! where the runs part.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::run::{Experiment, Outcome, Standing};
use super::threads::{both, share_out};
use crate::base::{Instant, NodeId};
use crate::node::fact::{Fact, Stated};
use crate::trace::focus::narrowed;
use crate::trace::{Layout, line_of};

/// In which way an experiment is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// After the first run, in the same thread.
    Again,
    /// In another thread, while the first run is under way.
    Beside,
    /// With every stretch taken step by step.
    Stepped,
}

/// What was found out about an experiment.
#[derive(Debug)]
pub struct Checked {
    /// The first run.
    pub first: Outcome,
    /// The ways in which it was run again.
    pub ways: Vec<Way>,
    /// Those that gave another run.
    pub differences: Vec<Difference>,
}

/// A run that is not the same as the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How it was run.
    pub way: Way,
    /// Its fingerprint.
    pub fingerprint: u64,
    /// Where the two part. Missing if a third run shows no difference.
    pub parting: Option<Parting>,
}

/// The first facts that two runs do not share, as lines of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// Of the first run; missing where it states nothing more.
    pub first: Option<String>,
    /// Of the other run.
    pub other: Option<String>,
}

impl Way {
    /// The word in JSON documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Beside => "beside",
            Self::Stepped => "stepped",
        }
    }

    /// As a clause: the run was another one ...
    pub const fn clause(self) -> &'static str {
        match self {
            Self::Again => "the second time",
            Self::Beside => "in another thread at the same time",
            Self::Stepped => "with every stretch taken step by step",
        }
    }
}

impl Checked {
    /// Whether every run was the same.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs an experiment in every way and compares the fingerprints.
///
/// A run that hits a bound ends in the middle of things, and counts its events otherwise when it
/// goes step by step: it is then not run in that way.
pub fn check(experiment: &Experiment) -> Checked {
    let (first, beside) = both(|| experiment.run(), || experiment.run());
    let mut runs = vec![(Way::Beside, beside)];
    if first.standing() == Standing::BoundHit {
        runs.push((Way::Again, experiment.run()));
    } else {
        let stepped = in_the_way(experiment, Way::Stepped);
        let (again, stepped) = both(|| experiment.run(), || stepped.run());
        runs.extend([(Way::Again, again), (Way::Stepped, stepped)]);
    }
    runs.sort_by_key(|(way, _)| *way as u8);
    let expected = first.verdict.fingerprint;
    let others = runs
        .iter()
        .map(|(way, run)| (*way, run.verdict.fingerprint));
    let differing = others.filter(|(_, fingerprint)| *fingerprint != expected);
    let differences = differing.map(|(way, fingerprint)| Difference {
        way,
        fingerprint,
        parting: parting(experiment, &in_the_way(experiment, way)),
    });
    Checked {
        differences: differences.collect(),
        ways: runs.iter().map(|(way, _)| *way).collect(),
        first,
    }
}

/// The fingerprints of experiments, each run once, so many at a time.
pub fn fingerprints(experiments: &[Experiment], threads: NonZeroUsize) -> Vec<u64> {
    let count = experiments.len() as u64;
    let parts = share_out(count, threads, Vec::new, |found, index| {
        let experiment = &experiments[index as usize];
        found.push((index, experiment.run().verdict.fingerprint));
    });
    let found: BTreeMap<u64, u64> = parts.into_iter().flatten().collect();
    found.into_values().collect()
}

/// The experiment as that way runs it. Steps are more events than stretches are: they get as many
/// as they need, for the run is known to end.
fn in_the_way(experiment: &Experiment, way: Way) -> Experiment {
    let mut copy = experiment.clone();
    if way == Way::Stepped {
        let setup = Arc::make_mut(&mut copy.setup);
        setup.stepped = true;
        setup.limits.events = u64::MAX;
    }
    copy
}

/// A fact about one record at most, comparable across runs: numbers of facts are left out, since
/// they depend on how many facts a stretch was stated in.
#[derive(Debug)]
struct Single {
    at: Instant,
    who: NodeId,
    content: String,
    stated: Stated,
}

/// Runs both once more and finds the first fact that one has and the other has not.
fn parting(first: &Experiment, other: &Experiment) -> Option<Parting> {
    let (ours, theirs) = (singles(first), singles(other));
    let key = |single: &Single| (single.at, single.who, single.content.clone());
    let mut pairs = ours.iter().zip(&theirs);
    let same = pairs.position(|(ours, theirs)| key(ours) != key(theirs));
    let index = same.unwrap_or(ours.len().min(theirs.len()));
    let (first_single, other_single) = (ours.get(index), theirs.get(index));
    if first_single.is_none() && other_single.is_none() {
        return None;
    }
    let cast = &first.setup.cast;
    let line = |single: &Single| Layout::new(cast).render(cast, &line_of(cast, &single.stated));
    Some(Parting {
        first: first_single.map(line),
        other: other_single.map(line),
    })
}

/// Every fact of a run, those about several records told of each alone, in order of time; at one
/// instant by content, since the order of statement is free there.
fn singles(experiment: &Experiment) -> Vec<Single> {
    let mut singles = Vec::new();
    experiment.watched(&mut |stated| {
        let mut take = |stated: Stated| {
            singles.push(Single {
                at: instant(&stated),
                who: stated.who,
                content: serde_json::to_string(&stated.fact).expect("a fact is plain data"),
                stated,
            });
        };
        match stated.fact.records() {
            Some(records) if stated.fact.is_stretch() => {
                records
                    .iter()
                    .for_each(|record| take(narrowed(stated, record)));
            }
            _ => take(stated.clone()),
        }
    });
    singles.sort_by(|a, b| (a.at, a.who, &a.content).cmp(&(b.at, b.who, &b.content)));
    singles
}

/// When it happened: a stretch is stated when it is over, and tells of each record its own instant.
fn instant(stated: &Stated) -> Instant {
    use crate::node::fact::{AppFact, ProduceFact};
    match &stated.fact {
        Fact::Produce(ProduceFact::Sent { times, .. })
        | Fact::App(AppFact::Processed { times, .. }) => times.get(0),
        _ => stated.at,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::node::consumer::program::Handled;
    use crate::scenario::written::{Group, Producer, Scenario, Topic};

    fn lesson(group: Group) -> Experiment {
        let scenario = Scenario::new("Orders are shipped")
            .topic("orders", Topic::with(2, 1))
            .producer("shop", Producer::to("orders").records(40))
            .group("workers", group);
        Experiment::of(&scenario).expect("the scenario has no mistake")
    }

    fn readers() -> Group {
        Group::reading("orders").config("auto.offset.reset", "earliest")
    }

    #[test]
    fn a_plain_run_is_the_same_in_every_way() {
        let checked = check(&lesson(readers()));
        assert_eq!(checked.ways, [Way::Again, Way::Beside, Way::Stepped]);
        assert!(checked.is_same(), "{:?}", checked.differences);
    }

    #[test]
    fn logic_that_remembers_is_found_out_and_the_first_difference_told() {
        let calls = AtomicU32::new(0);
        // A run makes 40 calls or 41: no two runs in a row see the fiftieth at the same record.
        let remembers =
            readers()
                .retries(1)
                .logic(move |_| match calls.fetch_add(1, Ordering::Relaxed) % 50 {
                    0 => Handled::Failed,
                    _ => Handled::Done,
                });
        let checked = check(&lesson(remembers));
        let beside = checked.differences.iter().find(|d| d.way == Way::Beside);
        let parting = beside.and_then(|difference| difference.parting.as_ref());
        let Parting { first, other } = parting.expect("two runs in a row differ");
        assert_ne!(first, other);
        let told = format!("{first:?} {other:?}");
        assert!(told.contains("workers-1"), "{told}");
    }

    #[test]
    fn as_many_threads_as_one_likes_give_the_same_fingerprints() {
        let experiments: Vec<Experiment> = (1..=3)
            .map(|members| lesson(readers().members(members)))
            .collect();
        let one_by_one = fingerprints(&experiments, NonZeroUsize::MIN);
        let expected: Vec<u64> = experiments
            .iter()
            .map(|experiment| experiment.run().verdict.fingerprint)
            .collect();
        assert_eq!(one_by_one, expected);
        for threads in [2, 7] {
            let threads = NonZeroUsize::new(threads).expect("not zero");
            assert_eq!(fingerprints(&experiments, threads), expected);
        }
    }
}
