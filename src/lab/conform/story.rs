//! A story: what happened in a run, as far as Kafka determines it, in words that both sides share.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::verdict::words;

/// What happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Story {
    /// The lives of every member, by its name, in order. A life ends with its process.
    pub lives: BTreeMap<String, Vec<Life>>,
    /// Who had what after each rebalance, by group: `workers-1: orders-0 orders-1`.
    pub rounds: BTreeMap<String, Vec<BTreeMap<String, String>>>,
    /// What the coordinator stored, by group and partition, in order.
    pub stored: BTreeMap<String, BTreeMap<String, Vec<u64>>>,
    /// The committed offsets at the end, by group and partition.
    pub committed: BTreeMap<String, BTreeMap<String, u64>>,
    /// Every record of every partition by offset: `4 shop#5 key`.
    pub logs: BTreeMap<String, Vec<String>>,
    /// What each producer was told: `acknowledged shop#1..30`.
    pub sends: BTreeMap<String, Vec<String>>,
    /// How often the records of each group took effect: `twice: orders-0@4..9`.
    pub fates: BTreeMap<String, Vec<String>>,
    /// Whether something was left to do when the run ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stuck: bool,
}

/// One process of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Life {
    /// What its application did and was told, in order.
    pub steps: Vec<Step>,
    /// What was heard of offset commits that nobody waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<String>,
    /// What worker threads did; in the order of records where there are several threads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<Step>,
    /// How it ended: `crashed`, `stopped: REASON`, or `in order`: it ran to the end of the run, or
    /// closed as it was told to.
    pub end: String,
}

/// One thing that an application did or was told: a word, and what about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The word.
    pub kind: Kind,
    /// What about, such as `orders-0@0..9`; may be empty.
    pub what: String,
}

words! {
    /// What an application can do or be told.
    pub enum Kind {
        /// `onPartitionsAssigned`.
        Assigned = "assigned",
        /// `onPartitionsRevoked`.
        Revoked = "revoked",
        /// `onPartitionsLost`.
        Lost = "lost",
        /// `poll` returned records.
        Polled = "polled",
        /// `poll` threw.
        PollFailed = "poll-failed",
        /// The effect of a record was applied.
        Processed = "processed",
        /// A record's row is in the sink.
        RowStored = "row-stored",
        /// The work on a record failed.
        ProcessingFailed = "processing-failed",
        /// The application went on without a record.
        Skipped = "skipped",
        /// The application sent a record on to another topic.
        HandedOn = "handed-on",
        /// An offset commit was asked for by a step.
        CommitAsked = "commit-asked",
        /// `commitSync` returned.
        CommitConfirmed = "commit-confirmed",
        /// `commitSync` threw.
        CommitFailed = "commit-failed",
    }
}

words! {
    /// How an offset commit came about.
    pub enum How {
        /// `commitSync`.
        Sync = "sync",
        /// `commitAsync`.
        Async = "async",
        /// Auto-commit of any kind.
        Auto = "auto",
    }
}

/// Consecutive records of a partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The partition.
    pub partition: String,
    /// The first offset.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// One thing that happened to a member, before it is put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A new process takes the member's name.
    Began,
    /// The listener was called; `generation` counts as its broker counts.
    Assigned {
        /// The generation.
        generation: i64,
        /// The partitions.
        partitions: Vec<String>,
    },
    /// The listener was called.
    Revoked(Vec<String>),
    /// The listener was called.
    Lost(Vec<String>),
    /// `poll` returned.
    Polled(Vec<Place>),
    /// `poll` threw this exception.
    PollFailed(String),
    /// Records took effect.
    Processed(Place),
    /// Rows of records are in the sink.
    RowsStored(Vec<Place>),
    /// The work on a record failed.
    ProcessingFailed(Place),
    /// A record was given up.
    Skipped(Place),
    /// A record was sent on.
    HandedOn(Place),
    /// An offset commit was asked for.
    CommitAsked(How),
    /// It was confirmed, with these offsets.
    CommitConfirmed(How, Vec<(String, u64)>),
    /// It failed with this exception.
    CommitFailed(How, String),
    /// The application leaves its loop; with a reason if nobody told it to.
    Leaving(Option<String>),
    /// The process died.
    Crashed,
}

impl Place {
    /// One record.
    pub fn one(partition: impl Into<String>, offset: u64) -> Self {
        Self {
            partition: partition.into(),
            first: offset,
            count: 1,
        }
    }

    /// `orders-0@4..9`, as it is written.
    pub fn parse(text: &str) -> Option<Self> {
        let (partition, offsets) = text.rsplit_once('@')?;
        let (first, last) = offsets.split_once("..").unwrap_or((offsets, offsets));
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        Some(Self {
            partition: partition.to_owned(),
            first,
            count: (last + 1).checked_sub(first)?,
        })
    }

    /// Whether the other begins where this one ends.
    pub fn goes_on_with(&self, next: &Self) -> bool {
        self.partition == next.partition && self.first + self.count == next.first
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            first,
            count,
        } = self;
        match count {
            1 => write!(f, "{partition}@{first}"),
            _ => write!(f, "{partition}@{first}..{}", first + count - 1),
        }
    }
}

impl Step {
    /// A step.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { kind, what }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what.as_str() {
            "" => f.write_str(self.kind.word()),
            what => write!(f, "{} {what}", self.kind.word()),
        }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (word, what) = text.split_once(' ').unwrap_or((&text, ""));
        let kind = Kind::parse(word)
            .ok_or_else(|| serde::de::Error::custom(format!("`{word}` is no step of a story")))?;
        Ok(Self::new(kind, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in ["orders-0@4", "a.b-c-12@0..9"] {
            let place = Place::parse(text).expect("a place");
            assert_eq!(place.to_string(), text);
        }
        assert_eq!(Place::parse("orders-0"), None);
        assert_eq!(Place::parse("orders-0@9..4"), None);
    }

    #[test]
    fn a_step_survives_json() {
        for step in [
            Step::new(Kind::Assigned, ""),
            Step::new(Kind::Polled, "orders-0@0..9 orders-1@3"),
        ] {
            let text = serde_json::to_string(&step).expect("a text");
            let back: Step = serde_json::from_str(&text).expect("the same");
            assert_eq!(back, step);
        }
        assert!(serde_json::from_str::<Step>("\"danced\"").is_err());
    }
}
