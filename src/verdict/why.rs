//! Why a record was duplicated, lost, reordered or overtaken: a chain of at most a dozen facts, from the fault
//! to the symptom, each with the rule of Kafka behind it.
//!
//! The chain starts at the symptom and looks for what the rules looked at: the delivery before an
//! effect, the position behind the delivery, the offset commit behind the position, and how the
//! former owner lost the partition. Where a fact names the fact that set the state its rule consulted
//! (`since`), that one is taken; else the last one of the right kind. Mere triggers (a poll because
//! of an answer because of a request) are left out.
//!
//! How single facts are put into words is in `said` and `rules`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::outcome::Outcome;
use super::quantity::Stage;
use super::rules;
use super::said;
use super::summary::Verdict;
use crate::base::{GroupId, Instant, NodeId, Offset, RecordId, TopicId, TopicPartition};
use crate::kafka::Cast;
use crate::node::fact::{Fact, FactId, Stated};

/// A chain has no more links than this.
pub const LINKS_MAX: usize = 12;

/// What is to be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symptom {
    /// A group applied the effect more than once.
    Duplicated(GroupId),
    /// A group never applied the effect.
    Lost(GroupId, Stage),
    /// A group applied the effect after that of a later record.
    Reordered(GroupId),
    /// A group applied the effect after that of a later record of its key, this one, which lies in
    /// another partition.
    Overtaken(GroupId, RecordId),
    /// A topic's logs hold it more than once.
    AppendedTwice(TopicId),
    /// It lies behind a record that was sent later.
    AppendedLate(TopicId),
}

/// The value of a Kafka setting of an actor, such as `session.timeout.ms`.
pub type Settings<'a> = &'a dyn Fn(NodeId, &str) -> Option<String>;

/// Everything a chain is made from.
pub struct Question<'a> {
    /// The facts of the run; those that [`concerns`] leaves out may be missing.
    pub facts: &'a [Stated],
    /// Every name.
    pub cast: &'a Cast,
    /// The settings that the caller knows; sentences name a setting without its value otherwise.
    pub setting: Settings<'a>,
    /// The record.
    pub record: RecordId,
    /// What became of it.
    pub symptom: Symptom,
    /// Whether effects of the group in question are rows in a sink.
    pub effect_in_sink: bool,
}

/// The explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// The symptom as a sentence.
    pub symptom: String,
    /// From the fault to the symptom, in the order of time.
    pub links: Vec<Link>,
}

/// One fact of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The number of the fact.
    pub fact: FactId,
    /// When it happened.
    pub at: Instant,
    /// Who stated it, or was struck.
    pub who: String,
    /// What happened.
    pub what: String,
    /// The rule that made it so, or made it matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// What part a fact plays in a chain. The order is that of importance, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// It helps to see the picture.
    Setting,
    /// It set state that a rule consulted.
    State,
    /// A step of the takeover.
    Takeover,
    /// The former owner learnt of it, or failed to get through.
    Warning,
    /// The record was delivered.
    Delivery,
    /// The delivery after which the effect was applied again.
    Redelivery,
    /// The offset commit that stood when the position was looked up.
    StandingCommit,
    /// The offset commit that passed the record.
    PassingCommit,
    /// The position from which reading went on.
    Position,
    /// The expiry, or whatever else ended the former ownership.
    Expiry,
    /// What started it all.
    Fault,
    /// The record was written, or sent, for the first time.
    FirstWrite,
    /// The record, or a later one, was handled first.
    First,
    /// What was to be explained.
    Symptom,
}

/// Facts chosen for a chain, by their place in the list.
#[derive(Debug, Default)]
pub(super) struct Picked {
    parts: BTreeMap<usize, Part>,
}

impl Picked {
    /// Takes a fact in; the more important part counts.
    pub(super) fn add(&mut self, index: Option<usize>, part: Part) {
        if let Some(index) = index {
            let known = self.parts.entry(index).or_insert(part);
            *known = part.max(*known);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (index, part) in other.parts {
            self.add(Some(index), part);
        }
    }

    /// Drops the least important until a dozen are left; of equals the earlier ones go.
    fn shorten(mut self) -> BTreeMap<usize, Part> {
        while LINKS_MAX < self.parts.len() {
            let least = self
                .parts
                .iter()
                .min_by_key(|(index, part)| (**part, **index));
            let least = *least.expect("more than a dozen are there").0;
            self.parts.remove(&least);
        }
        self.parts
    }
}

/// What there is to explain of a record.
pub fn symptoms(verdict: &Verdict, record: RecordId) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for group in &verdict.groups {
        if group.duplicated.contains(record) {
            symptoms.push(Symptom::Duplicated(group.id));
        }
        let lost = group.lost.iter().find(|(_, set)| set.contains(record));
        symptoms.extend(lost.map(|(stage, _)| Symptom::Lost(group.id, *stage)));
        if group.reordered.contains(record) {
            symptoms.push(Symptom::Reordered(group.id));
        }
        let by = group.overtakers.get(&record);
        symptoms.extend(by.map(|by| Symptom::Overtaken(group.id, *by)));
    }
    for topic in &verdict.topics {
        if topic.appended_twice.contains(record) {
            symptoms.push(Symptom::AppendedTwice(topic.id));
        }
        if topic.reordered.contains(record) {
            symptoms.push(Symptom::AppendedLate(topic.id));
        }
    }
    symptoms
}

/// The symptom of an outcome, if it is one.
pub fn symptom_of(outcome: Outcome, group: GroupId) -> Option<Symptom> {
    match outcome {
        Outcome::Duplicated => Some(Symptom::Duplicated(group)),
        Outcome::Lost(stage) => Some(Symptom::Lost(group, stage)),
        Outcome::Once
        | Outcome::HandedOn
        | Outcome::Compacted
        | Outcome::Waiting
        | Outcome::None => None,
    }
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (facts, record) = (self.facts.len(), self.record);
        write!(f, "{:?} of {record:?} in {facts} facts", self.symptom)
    }
}

impl Question<'_> {
    /// The chain behind the symptom; `None` if the facts do not show it.
    pub fn explain(&self) -> Option<Chain> {
        let trail = Trail::new(self);
        let mut picked = match self.symptom {
            Symptom::Duplicated(group) => trail.duplicated(group)?,
            Symptom::Lost(group, stage) => trail.lost(group, stage)?,
            Symptom::Reordered(group) => trail.reordered(group)?,
            Symptom::Overtaken(group, by) => trail.overtaken(group, by)?,
            Symptom::AppendedTwice(topic) => trail.appended_twice(topic)?,
            Symptom::AppendedLate(topic) => trail.appended_late(topic)?,
        };
        trail.add_state(&mut picked);
        let links = picked.shorten().into_iter();
        Some(Chain {
            symptom: said::symptom(self),
            links: links
                .map(|(index, part)| self.link(trail.facts[index], part))
                .collect(),
        })
    }

    fn link(&self, stated: &Stated, part: Part) -> Link {
        Link {
            fact: stated.id,
            at: said::instant(self, stated),
            who: self.cast.actor(stated.who).to_owned(),
            what: said::what(self, stated),
            rule: rules::rule(self, stated, part),
        }
    }
}

/// The facts in the order of time. A stretch is stated as a whole, so it is put where the record in
/// question had its turn.
pub(super) struct Trail<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) facts: Vec<&'a Stated>,
}

impl<'a> Trail<'a> {
    fn new(question: &'a Question<'a>) -> Self {
        let mut facts: Vec<&Stated> = question.facts.iter().collect();
        facts.sort_by_key(|stated| (said::instant(question, stated), stated.id));
        Self { question, facts }
    }

    /// Adds what the chosen facts' rules looked at, where the facts say so.
    fn add_state(&self, picked: &mut Picked) {
        let chosen: Vec<usize> = picked.parts.keys().copied().collect();
        for index in chosen {
            let state = self.by_id(self.facts[index].since);
            let telling = |i: &usize| said::sets_state(&self.facts[*i].fact);
            picked.add(state.filter(telling), Part::State);
        }
    }

    /// The place of the fact with this number.
    pub(super) fn by_id(&self, id: FactId) -> Option<usize> {
        self.facts.iter().position(|stated| stated.id == id)
    }

    /// The last fact before `index` that the test accepts.
    pub(super) fn last_before(
        &self,
        index: usize,
        test: impl Fn(&Stated) -> bool,
    ) -> Option<usize> {
        self.facts[..index].iter().rposition(|stated| test(stated))
    }

    /// The first fact from `index` on that the test accepts.
    pub(super) fn first_from(&self, index: usize, test: impl Fn(&Stated) -> bool) -> Option<usize> {
        let found = self.facts[index..].iter().position(|stated| test(stated));
        found.map(|after| index + after)
    }

    /// The last fact within `from..to` that the test accepts.
    pub(super) fn last_in(
        &self,
        (from, to): (usize, usize),
        test: impl Fn(&Stated) -> bool,
    ) -> Option<usize> {
        self.last_before(to, test).filter(|index| from <= *index)
    }

    /// The first fact within `from..to` that the test accepts.
    pub(super) fn first_in(
        &self,
        (from, to): (usize, usize),
        test: impl Fn(&Stated) -> bool,
    ) -> Option<usize> {
        self.first_from(from, test).filter(|index| *index < to)
    }
}

/// A fact is worth keeping for a chain about this record and these partitions: everything but what
/// speaks only of other records and partitions.
pub fn concerns(stated: &Stated, record: RecordId, partitions: &[TopicPartition]) -> bool {
    let here = super::seen::Concerns::of(stated);
    let other_place = here.partition.is_some_and(|p| !partitions.contains(&p));
    let names_it = || {
        stated
            .fact
            .records()
            .map(|records| records.position(record).is_some())
    };
    match &stated.fact {
        Fact::Produce(_) => !other_place || names_it().unwrap_or(true),
        Fact::Log(_) | Fact::App(_) | Fact::Sink(_) => !other_place || names_it().unwrap_or(false),
        Fact::Cluster(_) | Fact::Storage(_) => !other_place,
        Fact::Group(_) | Fact::Fault(_) => true,
    }
}

/// A place in a log.
pub(super) type Place = (TopicPartition, Offset);

#[cfg(test)]
mod tests;
