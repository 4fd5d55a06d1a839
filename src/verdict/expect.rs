//! The statements a run is judged by: the types of `expect` and `must-happen`.
//!
//! Types only, with names as the file gives them; the judgement stands beside this file.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::quantity::{Clock, FactWord, Quantity, Stage, SubjectKind};
use super::range::Range;
use super::record::RecordName;
use super::words;
use crate::base::Span;

/// Everything `expect` says about one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// How the run must end.
    pub ends: Ends,
    /// Anomalies by name, with how often each may occur.
    pub anomalies: Vec<(String, Range)>,
    /// The quantities, in the order of the file.
    pub claims: Vec<Claim>,
    /// States at instants, ascending: after everything of that instant.
    pub at: Vec<(Span, Vec<Claim>)>,
}

impl Expect {
    /// Whether a latency is demanded, so that latencies have to be kept.
    pub fn asks_for_latency(&self) -> bool {
        let latencies = [
            Quantity::LatencyP50,
            Quantity::LatencyP99,
            Quantity::LatencyMax,
        ];
        let mut claims = self.claims.iter();
        claims.any(|claim| latencies.contains(&claim.quantity))
    }
}

words! {
    /// How a run ends.
    pub enum Ends {
        /// Everything was processed and committed.
        Drained = "drained",
        /// The drain bound was reached.
        Stuck = "stuck",
        /// Not judged.
        Any = "any",
    }
}

#[allow(
    clippy::derivable_impls,
    reason = "the table of words takes documentation and no other attribute"
)]
impl Default for Ends {
    fn default() -> Self {
        Self::Drained
    }
}

/// One quantity of one subject and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What the statement is about.
    pub of: Subject,
    /// The quantity.
    pub quantity: Quantity,
    /// What it must be.
    pub want: Want,
}

/// What a statement is about, by the names of the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// All groups, or all producers, summed.
    Run,
    /// A group.
    Group(String),
    /// A topic.
    Topic(String),
    /// A partition of a topic.
    Partition(String, u32),
    /// A producer with all its instances.
    Producer(String),
    /// A sink.
    Sink(String),
}

/// What a quantity must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// A number in a range.
    Count(Range),
    /// A duration in a range.
    Time(Range<Span>),
    /// A set of records.
    Records(RecordSet),
    /// Sets of lost records by stage; stages not named are not judged.
    Lost(Vec<(Stage, RecordSet)>),
    /// An offset or number by partition (`orders-0`); `None` is the word `none`.
    Offsets(Vec<(String, Option<Range>)>),
    /// Partitions by member.
    Partitions(Vec<(String, Owned)>),
    /// Calls of the rebalance listener by member, in order.
    Calls(Vec<(String, Vec<String>)>),
    /// The exact content of partitions.
    Contents(Vec<(String, Vec<RecordName>)>),
    /// The keys in partitions, in any order.
    Keys(Vec<(String, Vec<String>)>),
    /// An actor; `None` is the word `none`.
    Actor(Option<String>),
    /// A list of actors, in any order.
    Actors(Vec<String>),
    /// Whose clock.
    Clock(Clock),
}

/// A set of records: its size, or exactly which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RecordSet {
    /// So many, whichever.
    Size(Range),
    /// Exactly these, spans allowed.
    Exactly(Vec<RecordName>),
}

/// What a member owns: how many partitions, or exactly which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Owned {
    /// So many partitions.
    Count(u64),
    /// Exactly these, in any order.
    Exactly(Vec<String>),
}

/// One demand of `must-happen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MustHappen {
    /// The fact.
    pub fact: FactWord,
    /// How often.
    pub count: Range,
    /// Only of these actors, groups, topics or partitions; of all if empty.
    pub of: Vec<String>,
    /// Only with this error: Kafka's exception or error code.
    pub error: Option<String>,
}

impl Subject {
    /// What kind of subject this is.
    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::Run => SubjectKind::Run,
            Self::Group(_) => SubjectKind::Group,
            Self::Topic(_) | Self::Partition(..) => SubjectKind::Topic,
            Self::Producer(_) => SubjectKind::Producer,
            Self::Sink(_) => SubjectKind::Sink,
        }
    }

    /// The name under which the file states it; empty for the run.
    pub fn name(&self) -> String {
        match self {
            Self::Run => String::new(),
            Self::Group(name) | Self::Topic(name) | Self::Producer(name) | Self::Sink(name) => {
                name.clone()
            }
            Self::Partition(topic, partition) => format!("{topic}-{partition}"),
        }
    }
}

/// Claims as the tree of the file: quantities of all, then by group, topic, producer and sink.
struct Tree<'e>(&'e [Claim]);

impl Tree<'_> {
    fn subjects(&self, kind: SubjectKind) -> Vec<&Subject> {
        let mut subjects: Vec<&Subject> = Vec::new();
        for claim in self.0.iter().filter(|claim| claim.of.kind() == kind) {
            if !subjects.contains(&&claim.of) {
                subjects.push(&claim.of);
            }
        }
        subjects
    }

    fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for claim in self.0.iter().filter(|claim| claim.of == Subject::Run) {
            map.serialize_entry(&claim.quantity, &claim.want)?;
        }
        let kinds = [
            ("groups", SubjectKind::Group),
            ("topics", SubjectKind::Topic),
            ("producers", SubjectKind::Producer),
            ("sinks", SubjectKind::Sink),
        ];
        for (key, kind) in kinds {
            let subjects = self.subjects(kind);
            if !subjects.is_empty() {
                let claims = self.0;
                map.serialize_entry(key, &Level { claims, subjects })?;
            }
        }
        Ok(())
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.serialize_into(&mut map)?;
        map.end()
    }
}

/// States at instants, each as a tree.
struct Instants<'e>(&'e [(Span, Vec<Claim>)]);

impl Serialize for Instants<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let instants = self.0.iter();
        serializer.collect_map(instants.map(|(at, claims)| (at.to_string(), Tree(claims))))
    }
}

impl Serialize for Expect {
    /// The tree of the file, states at instants and anomalies last.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ends", &self.ends)?;
        Tree(&self.claims).serialize_into(&mut map)?;
        if !self.at.is_empty() {
            map.serialize_entry("at", &Instants(&self.at))?;
        }
        if !self.anomalies.is_empty() {
            map.serialize_entry("anomalies", &Pairs(&self.anomalies))?;
        }
        map.end()
    }
}

/// The map from the names of one kind of subject to their quantities.
struct Level<'e> {
    claims: &'e [Claim],
    subjects: Vec<&'e Subject>,
}

/// The map from quantities to wants of one subject.
struct Leaf<'e>(&'e [Claim], &'e Subject);

/// A list of pairs as a map, in order.
struct Pairs<'e, K, V>(&'e [(K, V)]);

impl Serialize for Level<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let subjects = self.subjects.iter();
        serializer.collect_map(subjects.map(|s| (s.name(), Leaf(self.claims, s))))
    }
}

impl Serialize for Leaf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let claims = self.0.iter().filter(|claim| claim.of == *self.1);
        serializer.collect_map(claims.map(|claim| (claim.quantity, &claim.want)))
    }
}

impl<K: Serialize, V: Serialize> Serialize for Pairs<'_, K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Serialize for Want {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(range) => range.serialize(serializer),
            Self::Time(range) => range.serialize(serializer),
            Self::Records(set) => set.serialize(serializer),
            Self::Lost(stages) => Pairs(stages).serialize(serializer),
            Self::Offsets(offsets) => serializer.collect_map(
                offsets
                    .iter()
                    .map(|(partition, range)| (partition, OrNone(range.as_ref()))),
            ),
            Self::Partitions(owned) => Pairs(owned).serialize(serializer),
            Self::Calls(calls) => Pairs(calls).serialize(serializer),
            Self::Contents(contents) => Pairs(contents).serialize(serializer),
            Self::Keys(keys) => Pairs(keys).serialize(serializer),
            Self::Actor(actor) => OrNone(actor.as_ref()).serialize(serializer),
            Self::Actors(actors) => actors.serialize(serializer),
            Self::Clock(clock) => clock.serialize(serializer),
        }
    }
}

/// A value, or the word `none`.
struct OrNone<'e, T>(Option<&'e T>);

impl<T: Serialize> Serialize for OrNone<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(value) => value.serialize(serializer),
            None => serializer.serialize_str("none"),
        }
    }
}

impl Serialize for MustHappen {
    /// The long form: `{ word: { count, of, error } }`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Long<'e> {
            count: Range,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            of: &'e [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'e str>,
        }
        let long = Long {
            count: self.count,
            of: &self.of,
            error: self.error.as_deref(),
        };
        serializer.collect_map([(self.fact, long)])
    }
}
