//! A scenario as a program writes it: the keys and words of the file, through methods.
//!
//! Nothing is read or checked here. A scenario prints as a file ([`Scenario::to_yaml`]) and goes
//! through the loader like any other, so a program is told of its mistakes as a file is, and both
//! mean the same. What has no method is set by its key in the file, with `key`.
//!
//! ```text
//!   written::Scenario --to_yaml--> text --load--> resolved::Scenario --compile--> Setup
//! ```

mod actors;
mod fault;
mod logic;
mod word;

use std::fmt;

pub use actors::{Group, Producer, Sink, Topic};
pub use fault::Fault;
pub use logic::{Logic, Record};
pub use word::Word;

use super::diagnostic::Diagnostic;
use super::load::{Options, load};
use super::resolved;
use word::Entries;

/// A scenario in the words of the file.
#[derive(Clone, Debug)]
pub struct Scenario {
    entries: Entries,
    logic: Vec<(String, Logic)>,
}

/// What a run is to come to: the key `expect` of the file, for one group, topic, producer or sink.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The keys above the quantities, such as `groups`, `workers`.
    place: Vec<String>,
    quantities: Vec<(String, Word)>,
}

/// All that is wrong with a scenario. `Display` and `Debug` print every mistake with its place in
/// the text that [`Scenario::to_yaml`] gives.
#[derive(Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Diagnostic>);

impl Scenario {
    /// A scenario with a title, the claim in one sentence, and nobody in it. The cluster, the
    /// network and the bounds are those of a file that does not mention them.
    pub fn new(title: &str) -> Self {
        let mut entries = Entries::default();
        entries.set(&["title"], title);
        Self {
            entries,
            logic: Vec::new(),
        }
    }

    /// With another seed. Every draw of a run comes from it; without it the seed is 1.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.key("seed", seed)
    }

    /// With so many brokers, instead of 3.
    #[must_use]
    pub fn brokers(mut self, brokers: u32) -> Self {
        self.entries.set(&["cluster", "brokers"], brokers);
        self
    }

    /// With this latency, one way, on every link: `"5ms"`, or `"1ms..20ms"` drawn per message.
    #[must_use]
    pub fn latency(mut self, latency: impl Into<Word>) -> Self {
        self.entries.set(&["network", "latency"], latency);
        self
    }

    /// With a topic, in the place of one of that name.
    #[must_use]
    pub fn topic(mut self, name: &str, topic: Topic) -> Self {
        self.entries.set(&["topics", name], topic.0);
        self
    }

    /// With a producer, in the place of one of that name.
    #[must_use]
    pub fn producer(mut self, name: &str, producer: Producer) -> Self {
        self.entries.set(&["producers", name], producer.0);
        self
    }

    /// With a sink, in the place of one of that name.
    #[must_use]
    pub fn sink(mut self, name: &str, sink: Sink) -> Self {
        self.entries.set(&["sinks", name], sink.0);
        self
    }

    /// With a consumer group, in the place of one of that name.
    #[must_use]
    pub fn group(mut self, name: &str, group: Group) -> Self {
        self.logic.retain(|(known, _)| known != name);
        let logic = group.logic.map(|logic| (name.to_owned(), logic));
        self.logic.extend(logic);
        self.entries.set(&["groups", name], group.entries);
        self
    }

    /// With a further fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.entries.push("faults", fault.0);
        self
    }

    /// With a further demand on the outcome.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        for (quantity, want) in expect.quantities {
            let mut path = vec!["expect"];
            path.extend(expect.place.iter().map(String::as_str));
            path.push(&quantity);
            self.entries.set(&path, want);
        }
        self
    }

    /// With a fact that must occur, such as `"rebalance"`, or the verdict proves nothing.
    #[must_use]
    pub fn must_happen(mut self, fact: impl Into<Word>) -> Self {
        self.entries.push("must-happen", fact);
        self
    }

    /// With any key of the top of a file.
    #[must_use]
    pub fn key(mut self, key: &str, value: impl Into<Word>) -> Self {
        self.entries.set(&[key], value);
        self
    }

    /// The scenario as a file, which runs to the same outcome. Own logic is no part of it.
    pub fn to_yaml(&self) -> String {
        self.entries.to_yaml()
    }

    /// The scenario with every default, checked as a file is.
    ///
    /// # Errors
    /// All its mistakes.
    pub fn resolved(&self) -> Result<resolved::Scenario, Mistakes> {
        let no_files = |path: &str| Err(format!("`{path}`: only files can name other files"));
        let text = self.to_yaml();
        let loaded = load(text.as_bytes(), "scenario", &no_files, &Options::default());
        let mut loaded = loaded.map_err(Mistakes)?;
        Ok(loaded.runs.swap_remove(loaded.chosen).scenario)
    }

    /// The groups with own logic.
    pub(crate) fn logic(&self) -> &[(String, Logic)] {
        &self.logic
    }
}

impl Expect {
    /// Of the run as a whole.
    pub fn run() -> Self {
        Self::at(&[])
    }

    /// Of a sink.
    pub fn sink(name: &str) -> Self {
        Self::at(&["sinks", name])
    }

    /// Of a group.
    pub fn group(name: &str) -> Self {
        Self::at(&["groups", name])
    }

    /// Of a topic, or of a partition such as `orders-0`.
    pub fn topic(name: &str) -> Self {
        Self::at(&["topics", name])
    }

    /// Of a producer.
    pub fn producer(name: &str) -> Self {
        Self::at(&["producers", name])
    }

    fn at(place: &[&str]) -> Self {
        Self {
            place: place.iter().map(ToString::to_string).collect(),
            quantities: Vec::new(),
        }
    }

    /// So many records, or these, took effect exactly once.
    #[must_use]
    pub fn once(self, want: impl Into<Word>) -> Self {
        self.that("once", want)
    }

    /// So many records, or these, took effect more than once.
    #[must_use]
    pub fn duplicated(self, want: impl Into<Word>) -> Self {
        self.that("duplicated", want)
    }

    /// So many records, or these, never took effect.
    #[must_use]
    pub fn lost(self, want: impl Into<Word>) -> Self {
        self.that("lost", want)
    }

    /// Any quantity by its word in the file: a number, a range such as `"1.."`, or names.
    #[must_use]
    pub fn that(mut self, quantity: &str, want: impl Into<Word>) -> Self {
        self.quantities.push((quantity.to_owned(), want.into()));
        self
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|mistake| write!(f, "{mistake}"))
    }
}

impl fmt::Debug for Mistakes {
    /// As `Display`, so that a test that expects none shows them readably.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl std::error::Error for Mistakes {}
