//! What many runs of one experiment under different seeds came to: counts that can be added up.
//!
//! A tally takes runs in any order and tallies can be merged in any order: the result is the same,
//! which is why a sweep does not depend on the number of threads. It keeps no run.

use std::collections::BTreeMap;

use super::run::{Experiment, Outcome, Standing};
use super::share::Share;
use crate::base::{RecordId, Seed};
use crate::verdict::guarantee::{Evidence, Finding, Guarantee, Kind, Scope};
use crate::verdict::{Check, Ending};

/// How many seeds showed something, and the smallest of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// How many seeds.
    pub seeds: u64,
    /// The first of them, if there is one.
    pub first: Option<u64>,
}

/// The kinds of trouble that a scope had in a run, in the order of [`Kind::ALL`]; none means that
/// every record fared as it should.
pub type Class = Vec<Kind>;

/// Runs of one experiment under different seeds.
#[derive(Clone, Debug)]
pub struct Tally {
    /// How many runs.
    pub seeds: u64,
    /// How they compare with what was demanded, in the order of [`Standing::ALL`].
    pub standings: [Hits; Standing::ALL.len()],
    /// How they ended, other than drained: `stuck`, or the bound that was hit.
    pub endings: BTreeMap<String, Hits>,
    /// What was demanded and failed, in words that are the same for every seed.
    pub failed: BTreeMap<String, Hits>,
    /// The groups and then the topics, in the order of the verdict.
    pub scopes: Vec<ScopeTally>,
}

/// A group's or topic's part of a tally.
#[derive(Clone, Debug)]
pub struct ScopeTally {
    /// Which group or topic.
    pub scope: Scope,
    /// Its name.
    pub name: String,
    /// Seeds by the kinds of trouble they had.
    pub classes: BTreeMap<Class, Hits>,
    /// Seeds that broke a guarantee, and seeds that left it open.
    pub guarantees: Vec<(Guarantee, Hits, Hits)>,
    /// Records of each kind, over all seeds and the fewest and most of one seed.
    pub kinds: [Range; Kind::ALL.len()],
    /// For each kind, in how many seeds each record was of it: differences from one record to the
    /// next, so that a run adds a stretch of records in two steps.
    steps: [Vec<i64>; Kind::ALL.len()],
}

/// A number that every seed has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Over all seeds.
    pub sum: u64,
    /// The smallest.
    pub least: u64,
    /// The largest.
    pub most: u64,
}

/// Consecutive records that were of a kind in the same number of seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first record.
    pub first: RecordId,
    /// How many records.
    pub count: u32,
    /// In how many seeds each.
    pub seeds: u64,
}

impl Hits {
    pub(super) fn add(&mut self, seed: u64) {
        self.seeds += 1;
        self.first = Some(self.first.map_or(seed, |first| first.min(seed)));
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.first = match (self.first, other.first) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }
}

impl Range {
    const NONE: Self = Self {
        sum: 0,
        least: u64::MAX,
        most: 0,
    };

    fn add(&mut self, number: u64) {
        self.merge(Self {
            sum: number,
            least: number,
            most: number,
        });
    }

    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }
}

impl Range {
    /// The mean over so many seeds, to a tenth: `3.4`.
    pub fn mean(&self, seeds: u64) -> String {
        let tenths = (u128::from(self.sum) * 10 + u128::from(seeds / 2)) / u128::from(seeds);
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

impl Stretch {
    /// Its records.
    pub fn records(&self) -> impl Iterator<Item = RecordId> + use<> {
        (self.first.0..self.first.0 + self.count).map(RecordId)
    }
}

impl Tally {
    /// No run yet.
    pub(super) fn new() -> Self {
        Self {
            seeds: 0,
            standings: [Hits::default(); Standing::ALL.len()],
            endings: BTreeMap::new(),
            failed: BTreeMap::new(),
            scopes: Vec::new(),
        }
    }

    /// Takes in a run; gives what became of its records.
    pub(super) fn add(
        &mut self,
        experiment: &Experiment,
        outcome: &Outcome,
    ) -> Vec<(Scope, Evidence)> {
        let Seed(seed) = experiment.seed();
        self.seeds += 1;
        self.standings[outcome.standing() as usize].add(seed);
        if let Some(word) = ending(&outcome.verdict.ends) {
            self.endings.entry(word).or_default().add(seed);
        }
        let mut failed: Vec<String> = failures(outcome).collect();
        failed.sort_unstable();
        failed.dedup();
        for what in failed {
            self.failed.entry(what).or_default().add(seed);
        }
        let evidence = outcome.ledger.evidence(&outcome.verdict);
        if self.scopes.is_empty() {
            let scopes = evidence.iter().map(|(scope, _)| *scope);
            self.scopes = scopes
                .map(|scope| ScopeTally::new(experiment, scope))
                .collect();
        }
        for (tally, (scope, evidence)) in self.scopes.iter_mut().zip(&evidence) {
            let findings = outcome.ledger.findings(*scope, evidence);
            tally.add(seed, evidence, &findings);
        }
        evidence
    }

    /// Takes in the runs of another tally of the same experiment.
    pub(super) fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        let standings = self.standings.iter_mut();
        standings
            .zip(other.standings)
            .for_each(|(hits, more)| hits.merge(more));
        merge_maps(&mut self.endings, other.endings);
        merge_maps(&mut self.failed, other.failed);
        if self.scopes.is_empty() {
            self.scopes = other.scopes;
            return;
        }
        let scopes = self.scopes.iter_mut();
        scopes
            .zip(other.scopes)
            .for_each(|(scope, more)| scope.merge(more));
    }

    /// The worst standing of any seed.
    pub fn standing(&self) -> Standing {
        let seen = |standing: &&Standing| 0 < self.of_standing(**standing).seeds;
        let worst = [Standing::NotAsExpected, Standing::BoundHit];
        *worst.iter().find(seen).unwrap_or(&Standing::AsExpected)
    }

    /// The part of a group.
    ///
    /// # Panics
    /// If the scenario has no such group, as an index does.
    pub fn group(&self, name: &str) -> &ScopeTally {
        let is_it = |of: &&ScopeTally| matches!(of.scope, Scope::Group(_)) && of.name == name;
        let found = self.scopes.iter().find(is_it);
        found.unwrap_or_else(|| panic!("no group is called `{name}`"))
    }

    /// The seeds with a standing.
    pub fn of_standing(&self, standing: Standing) -> Hits {
        self.standings[standing as usize]
    }

    /// Hits as a share of all seeds.
    pub fn share(&self, hits: Hits) -> Share {
        Share {
            hits: hits.seeds,
            of: self.seeds,
        }
    }
}

impl ScopeTally {
    fn new(experiment: &Experiment, scope: Scope) -> Self {
        let cast = &experiment.setup.cast;
        let name = match scope {
            Scope::Group(group) => cast.group(group),
            Scope::Topic(topic) => cast.topic(topic),
        };
        let records = cast.record_count() as usize;
        Self {
            scope,
            name: name.to_owned(),
            classes: BTreeMap::new(),
            guarantees: Vec::new(),
            kinds: [Range::NONE; Kind::ALL.len()],
            steps: std::array::from_fn(|_| vec![0; records + 1]),
        }
    }

    fn add(&mut self, seed: u64, evidence: &Evidence, findings: &[(Guarantee, Finding)]) {
        let troubles = Kind::ALL.iter().copied().filter(|kind| *kind != Kind::Once);
        let class: Class = troubles
            .filter(|kind| !evidence.of(*kind).is_empty())
            .collect();
        self.classes.entry(class).or_default().add(seed);
        if self.guarantees.is_empty() {
            let none = Hits::default();
            self.guarantees = findings.iter().map(|(of, _)| (*of, none, none)).collect();
        }
        for ((_, broken, open), (_, finding)) in self.guarantees.iter_mut().zip(findings) {
            match finding {
                Finding::Kept => {}
                Finding::Broken { .. } => broken.add(seed),
                Finding::Open { .. } => open.add(seed),
            }
        }
        for kind in Kind::ALL {
            let records = evidence.of(kind);
            self.kinds[kind as usize].add(records.len());
            let steps = &mut self.steps[kind as usize];
            for &(from, to) in records.ranges() {
                steps[from as usize] += 1;
                steps[to as usize] -= 1;
            }
        }
    }

    fn merge(&mut self, other: Self) {
        merge_maps(&mut self.classes, other.classes);
        let guarantees = self.guarantees.iter_mut();
        for ((_, broken, open), (_, more_broken, more_open)) in guarantees.zip(other.guarantees) {
            broken.merge(more_broken);
            open.merge(more_open);
        }
        let kinds = self.kinds.iter_mut();
        kinds
            .zip(other.kinds)
            .for_each(|(range, more)| range.merge(more));
        let steps = self.steps.iter_mut().flatten();
        steps
            .zip(other.steps.into_iter().flatten())
            .for_each(|(step, more)| *step += more);
    }

    /// The seeds in which some record was of a kind of trouble.
    pub fn with(&self, kind: Kind) -> Hits {
        assert!(kind != Kind::Once, "what went well is no trouble");
        let mut all = Hits::default();
        let classes = self
            .classes
            .iter()
            .filter(|(class, _)| class.contains(&kind));
        classes.for_each(|(_, hits)| all.merge(*hits));
        all
    }

    /// The records of a kind with the seeds in which they were, ascending; neighbours with the same
    /// number stand together. Records that were never of it are left out.
    pub fn records(&self, kind: Kind) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut seeds = 0;
        for (id, step) in (0..).zip(&self.steps[kind as usize]) {
            seeds += step;
            match stretches.last_mut() {
                Some(last) if *step == 0 && last.first.0 + last.count == id && 0 < seeds => {
                    last.count += 1;
                }
                _ if 0 < seeds => stretches.push(Stretch {
                    first: RecordId(id),
                    count: 1,
                    seeds: seeds as u64,
                }),
                _ => {}
            }
        }
        stretches
    }
}

fn merge_maps<K: Ord>(hits: &mut BTreeMap<K, Hits>, more: BTreeMap<K, Hits>) {
    for (key, more) in more {
        hits.entry(key).or_default().merge(more);
    }
}

/// How a run ended that did not drain. The reason of a stuck run names records, so it is left out.
fn ending(ends: &Ending) -> Option<String> {
    match ends {
        Ending::Drained => None,
        Ending::Stuck { .. } => Some("stuck".to_owned()),
        Ending::Limit { which } => Some(format!("{which} was hit")),
    }
}

/// What was demanded and is not so, without what is instead: that differs from seed to seed.
fn failures(outcome: &Outcome) -> impl Iterator<Item = String> {
    let judgement = &outcome.judgement;
    let checks = judgement.failed().map(Check::demand);
    let missed = judgement.missed.iter().map(|missed| {
        let (fact, narrowed) = (missed.fact, &missed.narrowed);
        format!("must happen: {fact}{narrowed}")
    });
    let unstruck = judgement.unstruck.iter();
    let unstruck = unstruck.map(|unstruck| format!("the fault at line {} strikes", unstruck.line));
    let broken = judgement.broken.iter();
    let broken = broken.map(|broken| format!("a promise of Kafka is kept: {broken}"));
    checks.chain(missed).chain(unstruck).chain(broken)
}
