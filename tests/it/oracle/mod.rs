//! Kafka's own answers as data, and what every test that compares with them shares.
//!
//! Files come from `tests/oracle/`, or from the folder that `KAFKASIM_ORACLE` names; a file that
//! folder lacks is skipped with a line that says so, and a folder with no known file is an error.
//! The name of every such test contains `oracle`, so `cargo test oracle` runs them all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kafkasim::base::{Instant, Span};
use serde_json::Value;

mod assignments;
mod assignor;
mod batch_boundaries;
mod config;
mod error;
mod group_classic;
mod group_consumer;
mod group_migration;
mod group_player;
mod hash;
mod hw_timeline;
mod java_hash;
mod offset_commit_rules;
mod producer_state;
mod producer_timeline;
mod server_assignor;
mod size;
mod sticky;
mod sticky_partitioner;

/// Every file the tests read: what makes a folder a folder of oracle data.
const FILES: [&str; 33] = [
    "batch-boundaries.jsonl",
    "batch-sizes.jsonl",
    "client-cooperative-sticky.jsonl",
    "client-cooperative-sticky-sequences.jsonl",
    "client-range.jsonl",
    "client-range-sequences.jsonl",
    "client-roundrobin.jsonl",
    "client-roundrobin-sequences.jsonl",
    "client-sticky.jsonl",
    "client-sticky-sequences.jsonl",
    "config-broker.json",
    "config-combinations.jsonl",
    "config-consumer.json",
    "config-group.json",
    "config-producer.json",
    "config-topic.json",
    "coordinator-partition.jsonl",
    "errors.jsonl",
    "group-classic-timeline.jsonl",
    "group-consumer-timeline.jsonl",
    "group-migration-timeline.jsonl",
    "hw-timeline.jsonl",
    "java-hash-order.jsonl",
    "murmur2.jsonl",
    "offset-commit-rules.jsonl",
    "producer-state.jsonl",
    "producer-timeline.jsonl",
    "record-sizes.jsonl",
    "server-range.jsonl",
    "server-range-sequences.jsonl",
    "server-uniform.jsonl",
    "server-uniform-sequences.jsonl",
    "sticky-partitioner.jsonl",
];

/// The lines of an oracle file, or `None` where the folder in use does not have it.
pub(crate) fn lines(file: &str) -> Option<Vec<Value>> {
    let text = read(file)?;
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}:{}: {error}", number + 1))
    };
    let lines: Vec<Value> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(parse)
        .collect();
    assert!(!lines.is_empty(), "{file} has lines");
    Some(lines)
}

/// Tells every story of an oracle file; `told` says where one first differs.
pub(crate) fn tell_stories(file: &'static str, told: impl Fn(&Value) -> Result<(), String>) {
    let Some(stories) = lines(file) else { return };
    let mut tally = Tally::new(file);
    for story in &stories {
        let id = text(story, "id").expect("a story has an id");
        tally.compare(id, told(story));
    }
    tally.finish();
}

/// The instant of an event of a story.
pub(crate) fn at(event: &Value) -> Instant {
    Instant::ZERO + Span::from_millis(number(event, "t") as u64)
}

/// Where what we told first differs from what Kafka's classes told.
pub(crate) fn same_lines(ours: &[Value], theirs: &[Value]) -> Result<(), String> {
    for (line, theirs) in theirs.iter().enumerate() {
        let ours = ours.get(line);
        if ours != Some(theirs) {
            let ours = ours.map_or_else(|| "nothing".to_owned(), Value::to_string);
            return Err(format!("line {line}: ours {ours}, Kafka's {theirs}"));
        }
    }
    match ours.get(theirs.len()) {
        Some(more) => Err(format!("ours goes on with {more}")),
        None => Ok(()),
    }
}

/// An oracle file that is one value, or `None` where the folder in use does not have it.
pub(crate) fn document(file: &str) -> Option<Value> {
    let text = read(file)?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}")))
}

fn read(file: &str) -> Option<String> {
    assert!(FILES.contains(&file), "{file} is listed in FILES");
    let (folder, foreign) = folder();
    let path = folder.join(file);
    if foreign && !path.exists() {
        say(&format!("SKIPPED {file}: not in {}", folder.display()));
        return None;
    }
    let text = std::fs::read_to_string(&path);
    Some(text.unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display())))
}

/// The folder in use, and whether somebody else's.
fn folder() -> (PathBuf, bool) {
    #[allow(
        clippy::disallowed_methods,
        reason = "the variable is how one points the tests at other data"
    )]
    let named = std::env::var("KAFKASIM_ORACLE").ok();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
    let Some(named) = named else {
        return (own, false);
    };
    let folder = PathBuf::from(named);
    let known = FILES.iter().any(|file| folder.join(file).exists());
    assert!(
        known,
        "KAFKASIM_ORACLE={} has no oracle file",
        folder.display()
    );
    (folder, true)
}

/// What one test compared, and what it had to leave out and why. Prints itself when done.
#[derive(Debug)]
pub(crate) struct Tally {
    file: &'static str,
    compared: u32,
    skipped: BTreeMap<String, u32>,
    failures: Vec<String>,
}

impl Tally {
    /// A tally for one oracle file.
    pub(crate) fn new(file: &'static str) -> Self {
        Self {
            file,
            compared: 0,
            skipped: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    /// A case was compared and agreed, or did not: then `difference` says how.
    pub(crate) fn compare(&mut self, id: &str, difference: Result<(), String>) {
        self.compared += 1;
        if let Err(difference) = difference {
            self.failures.push(format!("{id}: {difference}"));
        }
    }

    /// Compares two values of one case.
    pub(crate) fn compare_eq<T: PartialEq + std::fmt::Debug>(
        &mut self,
        id: &str,
        ours: &T,
        kafka: &T,
    ) {
        let same = ours == kafka;
        let difference = || format!("ours {ours:?}, Kafka's {kafka:?}");
        self.compare(id, if same { Ok(()) } else { Err(difference()) });
    }

    /// A case is left out, and why, such as `not yet: transactional.id`.
    pub(crate) fn skip(&mut self, why: impl Into<String>) {
        *self.skipped.entry(why.into()).or_default() += 1;
    }

    /// Prints the counts, and fails if a case differed or none was compared.
    pub(crate) fn finish(self) {
        let skipped: u32 = self.skipped.values().sum();
        let (file, compared) = (self.file, self.compared);
        say(&format!("{file}: {compared} compared, {skipped} skipped"));
        for (why, count) in &self.skipped {
            say(&format!("{file}:   {count} skipped: {why}"));
        }
        let shown = self.failures.len().min(20);
        assert!(
            self.failures.is_empty(),
            "{}: {} of {} differ from Kafka:\n{}",
            self.file,
            self.failures.len(),
            self.compared,
            self.failures[..shown].join("\n")
        );
        assert!(
            0 < self.compared || 0 < skipped,
            "{}: nothing was looked at",
            self.file
        );
    }
}

/// Writes a line to the terminal past the capture of test output, so that it is seen in every run.
fn say(line: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "oracle: {line}").expect("standard error is open");
}

/// The text at `key`, or none.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// The number at `key`; a line without it is broken.
pub(crate) fn number(value: &Value, key: &str) -> i64 {
    value
        .get(key)
        .and_then(Value::as_i64)
        .unwrap_or_else(|| panic!("`{key}` is a number in {value}"))
}

/// The list at `key`, empty where it is left out.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
