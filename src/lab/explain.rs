//! Why a record came to what it came to: the run once more, with the facts that concern it.

use super::run::{Experiment, Outcome};
use crate::base::{GroupId, NodeId, RecordId, TopicPartition};
use crate::kafka::cast::Role;
use crate::node::fact::{Fact, LogFact, Stated};
use crate::scenario::resolved::Setting;
use crate::verdict::Ending;
use crate::verdict::outcome::Outcome as Fate;
use crate::verdict::why::{self, Chain, Question, Symptom};

/// What there is to say about one record.
#[derive(Debug)]
pub struct Explanation {
    /// The record.
    pub record: RecordId,
    /// What it came to for each group that was asked about.
    pub fates: Vec<(GroupId, Fate)>,
    /// A chain for each thing that went wrong with it.
    pub chains: Vec<Chain>,
}

/// Explains a record of a run that is over, for one group or for all.
pub fn explain(
    experiment: &Experiment,
    outcome: &Outcome,
    record: RecordId,
    group: Option<GroupId>,
) -> Explanation {
    let symptoms: Vec<Symptom> = why::symptoms(&outcome.verdict, record)
        .into_iter()
        .filter(|symptom| concerns(*symptom, group))
        .collect();
    let facts = if symptoms.is_empty() {
        Vec::new()
    } else {
        let overtakers = symptoms.iter().filter_map(|symptom| match symptom {
            Symptom::Overtaken(_, by) => Some(*by),
            _ => None,
        });
        let records: Vec<RecordId> = std::iter::once(record).chain(overtakers).collect();
        facts(experiment, outcome, &records)
    };
    let setting = |node: NodeId, name: &str| setting(experiment, node, name);
    let chain = |symptom: Symptom| {
        let question = Question {
            facts: &facts,
            cast: &experiment.setup.cast,
            setting: &setting,
            record,
            symptom,
            effect_in_sink: effect_in_sink(experiment, symptom),
        };
        question.explain()
    };
    Explanation {
        record,
        fates: fates(outcome, record, group),
        chains: symptoms.into_iter().filter_map(chain).collect(),
    }
}

/// Whether the effects that a symptom is about are rows in a sink.
fn effect_in_sink(experiment: &Experiment, symptom: Symptom) -> bool {
    match symptom {
        Symptom::Duplicated(of)
        | Symptom::Lost(of, _)
        | Symptom::Reordered(of)
        | Symptom::Overtaken(of, _) => experiment.setup.groups[of.index()].effect_in_sink,
        Symptom::AppendedTwice(_) | Symptom::AppendedLate(_) => false,
    }
}

/// Whether a symptom is about the group; what concerns a log concerns every group.
fn concerns(symptom: Symptom, group: Option<GroupId>) -> bool {
    match symptom {
        Symptom::Duplicated(of)
        | Symptom::Lost(of, _)
        | Symptom::Reordered(of)
        | Symptom::Overtaken(of, _) => group.is_none_or(|group| group == of),
        Symptom::AppendedTwice(_) | Symptom::AppendedLate(_) => true,
    }
}

/// Runs once more and keeps what may belong to the chain: of the record in question, which comes
/// first, and of those that overtook it.
fn facts(experiment: &Experiment, outcome: &Outcome, records: &[RecordId]) -> Vec<Stated> {
    let places = records
        .iter()
        .flat_map(|record| outcome.ledger.places(*record));
    let mut partitions: Vec<_> = places.map(|(partition, _)| partition).collect();
    if partitions.is_empty() {
        partitions = written_to(experiment, records[0]);
    }
    let mut facts = Vec::new();
    experiment.watched(&mut |stated| {
        if why::concerns(stated, records[0], &partitions) {
            facts.push(stated.clone());
        }
    });
    facts
}

/// Where a record was written that is in no log any more, if it ever was.
fn written_to(experiment: &Experiment, record: RecordId) -> Vec<TopicPartition> {
    let mut partitions = Vec::new();
    experiment.watched(&mut |stated| {
        if let Fact::Log(LogFact::Appended {
            partition, records, ..
        }) = &stated.fact
            && records.position(record).is_some()
        {
            partitions.push(*partition);
        }
    });
    partitions
}

fn fates(outcome: &Outcome, record: RecordId, group: Option<GroupId>) -> Vec<(GroupId, Fate)> {
    let drained = outcome.verdict.ends == Ending::Drained;
    let groups = outcome.verdict.groups.iter().map(|verdict| verdict.id);
    groups
        .filter(|id| group.is_none_or(|group| group == *id))
        .map(|id| (id, outcome.ledger.outcomes(id, drained).of(record)))
        .collect()
}

/// The rule of Kafka behind a fact, as a sentence, if it has one.
pub fn rule_of(experiment: &Experiment, stated: &Stated) -> Option<String> {
    let setting = |node: NodeId, name: &str| setting(experiment, node, name);
    crate::verdict::rule_of(&experiment.setup.cast, &setting, stated)
}

/// A client's setting as the scenario resolves it.
fn setting(experiment: &Experiment, node: NodeId, name: &str) -> Option<String> {
    let actor = &experiment.setup.cast.actors[node.index()];
    let scenario = &experiment.scenario;
    let config = match actor.role {
        Role::Producer => {
            &scenario
                .producers
                .get(&actor.family)?
                .actor(&actor.name)
                .config
        }
        Role::Member => {
            &scenario
                .groups
                .get(&actor.family)?
                .actor(&actor.name)
                .config
        }
        Role::Broker | Role::Controller => &scenario.cluster.config,
        Role::Sink => return None,
    };
    config.get(name).map(Setting::text)
}
