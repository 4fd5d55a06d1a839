//! Producers and consumer groups of a resolved scenario.

use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::named::{Config, Named, Setting};
use super::sink::SinkFailure;
use super::step::{Expanded, LoopName, Step};
use crate::base::Span;
use crate::kafka::client::ClientFamily;
use crate::scenario::value::{Drawn, SignedSpan, Timing};
use crate::verdict::{RecordName, words};

/// A producer, or several of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Absent: one actor that bears the bare name. Present: `NAME-1` to `NAME-N`.
    pub instances: Option<u32>,
    /// What each instance sends.
    pub records: Records,
    /// How they are sent.
    pub all: Sender,
    /// The instances that differ.
    pub except: Except<Sender>,
}

/// Actors that differ from the others of their kind, each with all its keys.
pub type Except<T> = Named<T>;

/// The part of a producer in which instances may differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sender {
    /// The topics, used in turn, record by record.
    pub topics: Vec<String>,
    /// Between two calls of `send()`.
    pub every: Timing,
    /// When the process starts.
    pub start_at: Span,
    /// When it closes gracefully.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<Span>,
    /// The keys; `None` sends records without a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Keys>,
    /// The values.
    pub values: Values,
    /// A fixed partition, as in `ProducerRecord`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// A custom partitioner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitioner: Option<Table>,
    /// What the application does when the future fails.
    pub on_failure: SendFailure,
    /// Whose rules.
    pub client: Library,
    /// How far its wall clock is off.
    #[serde(skip_serializing_if = "is_right")]
    pub clock: SignedSpan,
    /// Settings of the producer.
    pub config: Config,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_right(clock: &SignedSpan) -> bool {
    clock.0 == 0
}

/// What a producer sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Records {
    /// So many.
    Count(u64),
    /// These.
    Listed(Vec<Listed>),
}

/// A record written out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The value; by `values` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The key; by `keys` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// The topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Its timestamp, counted from time 0; by the producer's clock if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<SignedSpan>,
    /// The instant of its `send()`, instead of `every` after the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
}

/// How keys are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// In turn.
    Cycle(Vec<String>),
    /// Each equally likely.
    Random(KeySet),
    /// By weight.
    Weighted(Named<u64>),
    /// The nth of so many keys with a weight of 1/n.
    Zipf(u64),
}

/// A set of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum KeySet {
    /// `k0` to `k(N-1)`.
    Count(u64),
    /// These.
    Listed(Vec<String>),
}

/// The values of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// So many bytes.
    Bytes(Drawn<u64>),
    /// In turn; `None` is a tombstone.
    Cycle(Vec<Option<String>>),
}

/// A custom partitioner as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The partition of a key.
    pub table: Named<u32>,
    /// Over which partitions the other keys are hashed.
    pub others: Others,
}

/// Partitions for the keys that a table does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Others {
    /// All of the topic.
    All,
    /// These.
    Listed(Vec<u32>),
}

words! {
    /// What a producing application does when the future of a record fails.
    pub enum SendFailure {
        /// Goes on.
        Continue = "continue",
        /// Sends the same record anew.
        Resend = "resend",
        /// Closes and ends.
        Stop = "stop",
    }
}

words! {
    /// A client library.
    pub enum Library {
        /// Kafka's own.
        Java = "java",
        /// librdkafka.
        Librdkafka = "librdkafka",
    }
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `NAME-1` to `NAME-N`.
    pub members: u32,
    /// Offsets the group had stored before time 0, by partition.
    pub committed: Named<u64>,
    /// What the members do.
    pub all: Member,
    /// The members that differ.
    pub except: Except<Member>,
}

/// The part of a group in which members may differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Member {
    /// `subscribe(list)`.
    pub topics: Vec<String>,
    /// When the process starts.
    pub start_at: Span,
    /// When it closes gracefully.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<Span>,
    /// The work per record.
    pub process: Process,
    /// The application's loop.
    #[serde(rename = "loop")]
    pub steps: Vec<Step>,
    /// The step whose repetition counts as a duplicate.
    pub effect: Effect,
    /// Where the steps that store go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
    /// When the sink refuses or does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_sink_failure: Option<SinkFailure>,
    /// When `commit-sync` throws.
    pub on_commit_failure: CallFailure,
    /// When `poll` throws.
    pub on_poll_failure: CallFailure,
    /// Threads behind `hand-off`.
    pub workers: u32,
    /// The listener's `onPartitionsRevoked`.
    pub on_revoked: Vec<Step>,
    /// The listener's `onPartitionsAssigned`.
    pub on_assigned: Vec<Step>,
    /// The listener's `onPartitionsLost`.
    pub on_lost: Vec<Step>,
    /// What runs before `close()`.
    pub on_close: Vec<Step>,
    /// Whose rules.
    pub client: Library,
    /// Settings of the consumer.
    pub config: Config,
}

/// The work per record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Process {
    /// Time per record.
    pub time: Timing,
    /// Records that take another time.
    #[serde(serialize_with = "pairs")]
    pub slow: Vec<(RecordName, Span)>,
    /// Records at which the work fails, and how often.
    #[serde(serialize_with = "pairs")]
    pub fails: Vec<(RecordName, Fails)>,
    /// How often a failed record is tried again on the spot.
    pub retries: u64,
    /// The wait before each such try.
    pub backoff: Span,
    /// What is done when the tries are used up.
    pub on_failure: ProcessFailure,
    /// Where `on-failure: send` sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_to: Option<String>,
}

/// How often the work on a record fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// The first so many times.
    Times(u64),
    /// Every time.
    Always,
}

words! {
    /// What an application does with a record whose tries are used up.
    pub enum ProcessFailure {
        /// Closes and ends.
        Stop = "stop",
        /// Goes on with the next.
        Skip = "skip",
        /// Seeks back to the record and polls again.
        SeekBack = "seek-back",
        /// Sends it to another topic.
        Send = "send",
    }
}

words! {
    /// What an application does when a call of the consumer throws.
    pub enum CallFailure {
        /// Logs and polls on.
        Continue = "continue",
        /// Closes and ends.
        Stop = "stop",
    }
}

words! {
    /// The step that counts as the effect of a record.
    pub enum Effect {
        /// The work itself.
        Process = "process",
        /// The row in the sink.
        Store = "store",
    }
}

impl Records {
    /// How many there are.
    pub fn count(&self) -> u32 {
        match self {
            Self::Count(count) => *count as u32,
            Self::Listed(list) => list.len() as u32,
        }
    }
}

impl Member {
    /// Whether offsets are committed at all, by a step or by auto-commit.
    pub fn commits(&self) -> bool {
        let auto = self.config.get("enable.auto.commit") == Some(&Setting::Boolean(true));
        auto || self.has(Step::commits)
    }

    /// Whether a step passes such a test, in the loop or a listener.
    pub fn has(&self, test: impl Fn(&Step) -> bool) -> bool {
        let lists = [
            &self.steps,
            &self.on_revoked,
            &self.on_assigned,
            &self.on_lost,
            &self.on_close,
        ];
        lists.iter().any(|list| list.iter().any(&test))
    }

    /// Whether it asks a sink for anything.
    pub fn stores(&self) -> bool {
        self.has(|step| step.is_any(&|step| step.stores_rows() || *step == Step::SeekToStored))
    }

    /// Whether it puts rows into a sink.
    pub fn stores_rows(&self) -> bool {
        self.has(|step| step.is_any(&Step::stores_rows))
    }
}

impl Library {
    /// The family of clients whose rules these are.
    pub fn family(self) -> ClientFamily {
        match self {
            Self::Java => ClientFamily::Java,
            Self::Librdkafka => ClientFamily::Librdkafka,
        }
    }
}

impl Producer {
    /// The instances' names, in order.
    pub fn actors(&self, name: &str) -> Vec<String> {
        match self.instances {
            None => vec![name.to_owned()],
            Some(count) => (1..=count).map(|n| format!("{name}-{n}")).collect(),
        }
    }

    /// What an instance does.
    pub fn actor(&self, name: &str) -> &Sender {
        self.except.get(name).unwrap_or(&self.all)
    }
}

impl Group {
    /// The members' names, in order.
    pub fn actors(&self, name: &str) -> Vec<String> {
        (1..=self.members).map(|n| format!("{name}-{n}")).collect()
    }

    /// What a member does.
    pub fn actor(&self, name: &str) -> &Member {
        self.except.get(name).unwrap_or(&self.all)
    }
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            every: Timing::constant(Span::from_millis(10)),
            start_at: Span::ZERO,
            stop_at: None,
            keys: None,
            values: Values::Bytes(Drawn::One(100)),
            partition: None,
            partitioner: None,
            on_failure: SendFailure::Continue,
            client: Library::Java,
            clock: SignedSpan::default(),
            config: Config::default(),
        }
    }
}

impl Default for Process {
    fn default() -> Self {
        Self {
            time: Timing::constant(Span::from_millis(1)),
            slow: Vec::new(),
            fails: Vec::new(),
            retries: 0,
            backoff: Span::from_secs(1),
            on_failure: ProcessFailure::Stop,
            send_to: None,
        }
    }
}

impl Default for Member {
    fn default() -> Self {
        let Expanded {
            steps,
            on_assigned,
            on_close,
        } = LoopName::AfterProcessing.expand();
        Self {
            topics: Vec::new(),
            start_at: Span::ZERO,
            stop_at: None,
            process: Process::default(),
            steps,
            effect: Effect::Process,
            sink: None,
            on_sink_failure: None,
            on_commit_failure: CallFailure::Continue,
            on_poll_failure: CallFailure::Stop,
            workers: 4,
            on_revoked: Vec::new(),
            on_assigned,
            on_lost: Vec::new(),
            on_close,
            client: Library::Java,
            config: Config::default(),
        }
    }
}

/// A list of pairs as a map, in order.
fn pairs<K: Serialize, V: Serialize, S: Serializer>(
    pairs: &[(K, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Cycle(keys) => serializer.collect_map([("cycle", keys)]),
            Self::Random(set) => serializer.collect_map([("random", set)]),
            Self::Weighted(weights) => serializer.collect_map([("weighted", weights)]),
            Self::Zipf(count) => serializer.collect_map([("zipf", count)]),
        }
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(bytes) => serializer.collect_map([("bytes", bytes)]),
            Self::Cycle(values) => serializer.collect_map([("cycle", values)]),
        }
    }
}

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Times(times) => serializer.serialize_u64(*times),
            Self::Always => serializer.serialize_str("always"),
        }
    }
}

impl Serialize for Others {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Listed(partitions) => partitions.serialize(serializer),
        }
    }
}

impl Serialize for Producer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'p> {
            #[serde(skip_serializing_if = "Option::is_none")]
            instances: Option<u32>,
            records: &'p Records,
            #[serde(flatten)]
            all: &'p Sender,
            #[serde(skip_serializing_if = "Named::is_empty")]
            except: Named<Value>,
        }
        let written = Written {
            instances: self.instances,
            records: &self.records,
            all: &self.all,
            except: overlays(&self.all, &self.except).map_err(S::Error::custom)?,
        };
        written.serialize(serializer)
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'g> {
            members: u32,
            #[serde(flatten)]
            all: &'g Member,
            #[serde(skip_serializing_if = "Named::is_empty")]
            committed: &'g Named<u64>,
            #[serde(skip_serializing_if = "Named::is_empty")]
            except: Named<Value>,
        }
        let written = Written {
            members: self.members,
            all: &self.all,
            committed: &self.committed,
            except: overlays(&self.all, &self.except).map_err(S::Error::custom)?,
        };
        written.serialize(serializer)
    }
}

/// What each exceptional actor must state over what all share.
fn overlays<T: Serialize>(all: &T, except: &Except<T>) -> serde_json::Result<Named<Value>> {
    let all = serde_json::to_value(all)?;
    let mut overlays = Named::default();
    for (name, one) in except.iter() {
        if let Some(overlay) = overlay(&all, &serde_json::to_value(one)?) {
            overlays.set(name, overlay);
        }
    }
    Ok(overlays)
}

/// The overlay that turns `all` into `one` by the rules of merging; `None` if they are alike.
fn overlay(all: &Value, one: &Value) -> Option<Value> {
    let (Value::Object(all), Value::Object(one)) = (all, one) else {
        return (all != one).then(|| one.clone());
    };
    let mut result = Map::new();
    for (key, value) in one {
        let change = match all.get(key) {
            Some(old) => overlay(old, value),
            None => Some(value.clone()),
        };
        if let Some(change) = change {
            result.insert(key.clone(), change);
        }
    }
    for key in all.keys().filter(|key| !one.contains_key(*key)) {
        result.insert(key.clone(), Value::Null);
    }
    (!result.is_empty()).then_some(Value::Object(result))
}
