//! The variants of a scenario side by side: the same seed, workload, latencies and faults.

use std::collections::BTreeMap;

use super::explain::{Explanation, explain};
use super::run::{Experiment, Outcome};
use crate::base::RecordId;
use crate::kafka::Cast;
use crate::verdict::guarantee::{Finding, Guarantee, Scope};
use crate::verdict::outcome::{Outcome as Fate, Outcomes};
use crate::verdict::{Ending, RecordName};

/// Variants that have run.
#[derive(Debug)]
pub struct Comparison {
    /// Each with its outcome, in the order of the file; the first is the baseline.
    pub runs: Vec<(Experiment, Outcome)>,
}

/// Records that came to the same in each variant, but not to the same in all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What they came to, in the order of the runs.
    pub fates: Vec<Fate>,
    /// The records, ascending.
    pub records: Vec<RecordId>,
}

/// Whose guarantees, by name: groups and topics keep their names over all variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The effects of a group.
    Group(String),
    /// The logs of a topic.
    Topic(String),
}

/// What a run shows of each of the four guarantees.
pub type Findings = [(Guarantee, Finding); 4];

impl Whose {
    fn new(cast: &Cast, scope: Scope) -> Self {
        match scope {
            Scope::Group(group) => Self::Group(cast.group(group).to_owned()),
            Scope::Topic(topic) => Self::Topic(cast.topic(topic).to_owned()),
        }
    }
}

impl Comparison {
    /// Runs every experiment.
    pub fn new(experiments: Vec<Experiment>) -> Self {
        let run = |experiment: Experiment| {
            let outcome = experiment.run();
            (experiment, outcome)
        };
        Self {
            runs: experiments.into_iter().map(run).collect(),
        }
    }

    /// The groups of all variants by name, in order of first appearance.
    pub fn groups(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (_, outcome) in &self.runs {
            for group in &outcome.verdict.groups {
                if !names.contains(&group.name.as_str()) {
                    names.push(&group.name);
                }
            }
        }
        names
    }

    /// What each variant shows of each guarantee, for every group and then every topic; `None` in
    /// a variant that has no such group or topic.
    pub fn guarantees(&self) -> Vec<(Whose, Vec<Option<Findings>>)> {
        let mut all: Vec<(Whose, Vec<Option<Findings>>)> = Vec::new();
        for (index, (experiment, outcome)) in self.runs.iter().enumerate() {
            for (scope, findings) in outcome.ledger.guarantees(&outcome.verdict) {
                let whose = Whose::new(&experiment.setup.cast, scope);
                let at = all.iter().position(|(known, _)| *known == whose);
                let at = at.unwrap_or_else(|| {
                    all.push((whose, vec![None; self.runs.len()]));
                    all.len() - 1
                });
                all[at].1[index] = Some(findings);
            }
        }
        all.sort_by_key(|(whose, _)| matches!(whose, Whose::Topic(_)));
        all
    }

    /// The record of that name; what lies at an offset is looked up in the first variant in which
    /// something does.
    ///
    /// # Errors
    /// A sentence that says why there is no such record, or none that could be compared.
    pub fn find(&self, name: &RecordName) -> Result<RecordId, String> {
        if !self.is_comparable() {
            let why =
                "the variants send different records; ask `why --variant NAME` for one of them";
            return Err(why.to_owned());
        }
        let mut wrong = "there is no variant".to_owned();
        for (experiment, outcome) in &self.runs {
            match experiment.find(outcome, name) {
                Ok(record) => return Ok(record),
                Err(why) => wrong = why,
            }
        }
        Err(wrong)
    }

    /// What there is to say about a record in every variant, in the order of the runs; for one
    /// group or for all.
    pub fn explain(&self, record: RecordId, group: Option<&str>) -> Vec<Explanation> {
        let explained = self.runs.iter().map(|(experiment, outcome)| {
            let group = group.and_then(|name| experiment.setup.cast.group_id(name));
            explain(experiment, outcome, record, group)
        });
        explained.collect()
    }

    /// Whether every variant sends the same records, so that one can be found in the other.
    pub fn is_comparable(&self) -> bool {
        let mut casts = self
            .runs
            .iter()
            .map(|(experiment, _)| &experiment.setup.cast);
        let Some(first) = casts.next() else {
            return true;
        };
        let senders = |cast: &Cast| -> Vec<(String, u32)> {
            let ranges = cast.records.iter();
            ranges
                .map(|range| (cast.actor(range.producer).to_owned(), range.count))
                .collect()
        };
        casts.all(|cast| senders(cast) == senders(first))
    }

    /// The records whose outcome for a group is not the same in every variant, by what they came
    /// to; those with the smallest record first.
    pub fn differences(&self, group: &str) -> Vec<Difference> {
        assert!(
            self.is_comparable(),
            "records are compared by their senders"
        );
        let runs: Vec<Option<Outcomes>> =
            self.runs.iter().map(|run| outcomes(run, group)).collect();
        let count = self
            .runs
            .first()
            .map_or(0, |run| run.0.setup.cast.record_count());
        let mut differences: BTreeMap<Vec<Fate>, Vec<RecordId>> = BTreeMap::new();
        for record in (0..count).map(RecordId) {
            let fate =
                |run: &Option<Outcomes>| run.as_ref().map_or(Fate::None, |run| run.of(record));
            let fates: Vec<Fate> = runs.iter().map(fate).collect();
            if fates.windows(2).any(|pair| pair[0] != pair[1]) {
                differences.entry(fates).or_default().push(record);
            }
        }
        let pairs = differences.into_iter();
        let mut differences: Vec<Difference> = pairs
            .map(|(fates, records)| Difference { fates, records })
            .collect();
        differences.sort_by_key(|difference| difference.records[0]);
        differences
    }
}

/// The outcomes of a group in a run, if the run has it.
fn outcomes((experiment, outcome): &(Experiment, Outcome), group: &str) -> Option<Outcomes> {
    let id = experiment.setup.cast.group_id(group)?;
    let drained = outcome.verdict.ends == Ending::Drained;
    Some(outcome.ledger.outcomes(id, drained))
}
