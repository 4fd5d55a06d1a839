//! Topics, producers, consumer groups and sinks in the words of the file.

use std::sync::Arc;

use super::logic::{Logic, Record};
use super::word::{Entries, Word};
use crate::base::Span;
use crate::node::consumer::program::Handled;

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic(pub(super) Entries);

/// A producer, or several of one kind.
#[derive(Clone, Debug)]
pub struct Producer(pub(super) Entries);

/// A consumer group: what its members read, and what they do between two polls.
#[derive(Clone, Debug)]
pub struct Group {
    pub(super) entries: Entries,
    pub(super) logic: Option<Logic>,
}

/// A sink: the database behind an application.
#[derive(Clone, Debug, Default)]
pub struct Sink(pub(super) Entries);

impl Sink {
    /// A sink that answers after this time: `"5ms"`, or `"1ms..20ms"` drawn per request.
    pub fn answering_in(latency: impl Into<Word>) -> Self {
        Self::default().key("latency", latency)
    }

    /// One row for a record; a second one is ignored, or what `on-conflict` says.
    #[must_use]
    pub fn unique(self) -> Self {
        self.key("unique", "record")
    }
}

/// What can be said of several kinds of things alike.
macro_rules! any_key {
    ($kind:ty, $what:literal) => {
        impl $kind {
            #[doc = concat!("Any key of ", $what, " in a file.")]
            #[must_use]
            pub fn key(mut self, key: &str, value: impl Into<Word>) -> Self {
                self.0.set(&[key], value);
                self
            }
        }
    };
}

/// The same for what has Kafka's settings.
macro_rules! any_setting {
    ($kind:ty, $whose:literal) => {
        impl $kind {
            #[doc = concat!("A setting of ", $whose, ", by Kafka's name.")]
            #[must_use]
            pub fn config(mut self, name: &str, value: impl Into<Word>) -> Self {
                self.0.set(&["config", name], value);
                self
            }
        }
    };
}

any_key!(Sink, "a sink");
any_key!(Topic, "a topic");
any_key!(Producer, "a producer");
any_setting!(Topic, "the topic");
any_setting!(Producer, "the client");

impl Topic {
    /// So many partitions, each with so many copies.
    pub fn with(partitions: u32, replication_factor: u32) -> Self {
        Self(Entries::default())
            .key("partitions", partitions)
            .key("replication.factor", replication_factor)
    }

    /// Created by the first client that asks for it, with the brokers' defaults.
    pub fn on_first_use() -> Self {
        Self(Entries::default()).key("create", "on-first-use")
    }

    /// Created by an administrator so long after time 0.
    #[must_use]
    pub fn created_at(self, at: Span) -> Self {
        self.key("create", at.to_string())
    }
}

impl Producer {
    /// One process that sends to a topic.
    pub fn to(topic: &str) -> Self {
        Self(Entries::default()).key("topic", topic)
    }

    /// Each instance sends so many records, or those of a list.
    #[must_use]
    pub fn records(self, records: impl Into<Word>) -> Self {
        self.key("records", records)
    }

    /// So long between two calls of `send()`.
    #[must_use]
    pub fn every(self, time: impl Into<Word>) -> Self {
        self.key("every", time)
    }

    /// Records bear these keys in turn.
    #[must_use]
    pub fn keys(mut self, keys: impl Into<Word>) -> Self {
        self.0.set(&["keys", "cycle"], keys);
        self
    }

    /// Starts at this instant, instead of time 0.
    #[must_use]
    pub fn start_at(self, at: impl Into<Word>) -> Self {
        self.key("start-at", at)
    }
}

impl Group {
    /// One member that reads a topic, processes every record of a poll and then commits.
    pub fn reading(topic: &str) -> Self {
        let group = Self {
            entries: Entries::default(),
            logic: None,
        };
        group.key("topics", [topic])
    }

    /// So many members.
    #[must_use]
    pub fn members(self, members: u32) -> Self {
        self.key("members", members)
    }

    /// Members start at this instant, instead of time 0.
    #[must_use]
    pub fn start_at(self, at: impl Into<Word>) -> Self {
        self.key("start-at", at)
    }

    /// The work on a record takes so long.
    #[must_use]
    pub fn process(self, time: impl Into<Word>) -> Self {
        self.work(&["time"], time)
    }

    /// The work on one record takes so long instead.
    #[must_use]
    pub fn slow(self, record: &str, time: impl Into<Word>) -> Self {
        self.work(&["slow", record], time)
    }

    /// The work on one record fails the first so many times, or `"always"`.
    #[must_use]
    pub fn fails(self, record: &str, times: impl Into<Word>) -> Self {
        self.work(&["fails", record], times)
    }

    /// A record at which the work failed is tried again so often on the spot.
    #[must_use]
    pub fn retries(self, retries: u64) -> Self {
        self.work(&["retries"], retries)
    }

    /// When tries are used up: `"stop"`, `"skip"` or `"seek-back"`.
    #[must_use]
    pub fn on_failure(self, what: impl Into<Word>) -> Self {
        self.work(&["on-failure"], what)
    }

    /// One of the loops that have a name, such as `"before-processing"`.
    #[must_use]
    pub fn commit(self, name: &str) -> Self {
        self.key("commit", name)
    }

    /// A loop of one's own, as the file has it: `"[poll, { each: [process] }, commit-sync]"`.
    #[must_use]
    pub fn steps(self, steps: &str) -> Self {
        self.key("loop", Word::yaml(steps))
    }

    /// Steps that store go into this sink; needless where there is only one.
    #[must_use]
    pub fn sink(self, name: &str) -> Self {
        self.key("sink", name)
    }

    /// A setting of the client, by Kafka's name.
    #[must_use]
    pub fn config(mut self, name: &str, value: impl Into<Word>) -> Self {
        self.entries.set(&["config", name], value);
        self
    }

    /// Own processing logic of every member, asked at the end of each try at a record that no
    /// `fails` concerns. What becomes of a failure, `retries` and `on_failure` say.
    ///
    /// It must be a function of the record alone: a rerun asks it again, and has to agree.
    #[must_use]
    pub fn logic(mut self, logic: impl Fn(&Record<'_>) -> Handled + Send + Sync + 'static) -> Self {
        self.logic = Some(Logic(Arc::new(logic)));
        self
    }

    /// Any key of a group in a file.
    #[must_use]
    pub fn key(mut self, key: &str, value: impl Into<Word>) -> Self {
        self.entries.set(&[key], value);
        self
    }

    /// A key of the map `process`.
    fn work(mut self, path: &[&str], value: impl Into<Word>) -> Self {
        self.entries.set(&[&["process"], path].concat(), value);
        self
    }
}
