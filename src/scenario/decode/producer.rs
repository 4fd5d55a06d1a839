//! Producers.

use super::config::{self, Owner};
use super::except;
use super::fields::{Context, Fields};
use crate::base::Span;
use crate::scenario::diagnostic::{Kind, Problem};
use crate::scenario::not_yet::Area;
use crate::scenario::resolved::client::{KeySet, Keys, Listed, Others, Records, Table, Values};
use crate::scenario::resolved::{Named, Producer, Sender, Topic};
use crate::scenario::suggest::nearest;
use crate::scenario::tree::{Node, Value};
use crate::scenario::value::{self, SignedSpan, Wrong};

/// More actors of a family than this help no lesson.
pub(super) const ACTORS_MAX: u64 = 10_000;
/// A producer sends at most so many records: record ids are 32 bits wide.
const RECORDS_MAX: u64 = 1_000_000_000;

/// More different keys than this help no lesson.
const KEYS_MAX: u64 = 1_000_000;
/// The largest value: sizes are 31 bits wide, as in Kafka.
const BYTES_MAX: u64 = i32::MAX as u64;

/// One producer.
pub(super) fn producer(
    context: &mut Context,
    node: &Node,
    name: &str,
    topics: &Named<Topic>,
) -> Producer {
    let what = format!("producer `{name}`");
    let mut fields = Fields::of(context, node, what.as_str(), Area::Producer);
    let instances = fields.get("instances");
    let instances = instances.and_then(|node| context.count_in(node, 1, ACTORS_MAX));
    let records = if let Some(node) = fields.get("records") {
        records(context, node, topics)
    } else {
        let text = format!("{what} needs `records`: how many it sends, or which");
        context.error(Kind::Missing, node.place, text);
        Records::Count(0)
    };
    let exceptions = fields.get("except");
    context.begin(&["producers", name]);
    let all = sender(context, fields, node, topics);
    let mut producer = Producer {
        instances,
        records,
        all,
        except: Named::default(),
    };
    let actors = producer.actors(name);
    let shared = ["records", "instances"];
    for (actor, merged) in except::members(context, node, exceptions, &actors, &shared) {
        let mut fields = Fields::of(context, &merged, what.as_str(), Area::Producer);
        for key in ["instances", "records", "except"] {
            fields.get(key);
        }
        context.begin(&["producers", name, "except", &actor]);
        let sender = sender(context, fields, &merged, topics);
        producer.except.set(actor, sender);
    }
    except::fill_actor(&mut producer.all, &mut producer.except, &actors, |sender| {
        &mut sender.config
    });
    producer
}

fn sender(
    context: &mut Context,
    mut fields: Fields<'_>,
    node: &Node,
    topics: &Named<Topic>,
) -> Sender {
    let mut sender = Sender {
        topics: targets(context, &mut fields, node, topics),
        ..Sender::default()
    };
    if let Some(node) = fields.get("every") {
        let every = context.timing(node);
        sender.every = every.unwrap_or(sender.every);
    }
    let (start_at, stop_at) = life(context, &mut fields);
    (sender.start_at, sender.stop_at) = (start_at, stop_at);
    sender.keys = fields.get("keys").and_then(|node| keys(context, node));
    if let Some(node) = fields.get("values") {
        let values = values(context, node);
        sender.values = values.unwrap_or(sender.values);
    }
    partitioning(context, &mut fields, &mut sender, topics);
    if let Some(node) = fields.get("on-failure") {
        let on_failure = context.word(node, Area::Nothing);
        sender.on_failure = on_failure.unwrap_or(sender.on_failure);
    }
    if let Some(node) = fields.get("client") {
        use crate::scenario::resolved::client::Library;
        match context.word(node, Area::Nothing) {
            Some(Library::Librdkafka) => {
                context.not_yet(node.place, "a producer with `client: librdkafka`");
            }
            Some(Library::Java) | None => {}
        }
    }
    let clock = fields.get("clock");
    sender.clock = clock.map_or(sender.clock, |node| signed(context, node));
    let written = config::written(context, &mut fields, Owner::Producer);
    sender.config = config::client(context, &written, Owner::Producer);
    let chosen = sender.partition.is_some() || sender.partitioner.is_some();
    if let Some(place) = written.place("partitioner.class").filter(|_| chosen) {
        let text = "only one of `partition`, `partitioner` and `partitioner.class` can choose";
        context.error_help(Kind::Conflict, place, text, "keep one");
    }
    fields.finish(context);
    sender
}

/// `topic` or `topics`: exactly one.
fn targets(
    context: &mut Context,
    fields: &mut Fields<'_>,
    node: &Node,
    topics: &Named<Topic>,
) -> Vec<String> {
    let (one, several) = (fields.entry("topic"), fields.entry("topics"));
    let elsewhere = node.get("queue").or(node.get("sink"));
    match (one, several) {
        (Some(one), Some(several)) => {
            let text = "`topic` and `topics` cannot stand together";
            let problem = Problem::new(Kind::Conflict, one.key_place, text);
            let problem = problem.also(several.key_place).help("keep one");
            context.problems.push(problem);
            Vec::new()
        }
        (Some(one), None) => known_topic(context, &one.node, topics)
            .into_iter()
            .collect(),
        (None, Some(several)) => {
            let items = context.items(&several.node, "a list of topics");
            let names = items
                .iter()
                .filter_map(|item| known_topic(context, item, topics));
            names.collect()
        }
        (None, None) => {
            if elsewhere.is_none_or(Node::is_null) {
                let text = "a producer needs a `topic`";
                context.error(Kind::Missing, node.place, text);
            }
            Vec::new()
        }
    }
}

/// The name of a listed topic.
pub(super) fn known_topic(
    context: &mut Context,
    node: &Node,
    topics: &Named<Topic>,
) -> Option<String> {
    let name = context.text(node)?;
    if topics.contains(&name) {
        return Some(name);
    }
    let text = format!("topic `{name}` is not in `topics`");
    let create =
        format!("To have it created by its first user: `{name}: {{ create: on-first-use }}`");
    let help = match nearest(&name, topics.names()) {
        Some(near) => format!("did you mean `{near}`? {create}"),
        None => create,
    };
    context.error_help(Kind::Name, node.place, text, help);
    None
}

/// `start-at` and `stop-at`.
pub(super) fn life(context: &mut Context, fields: &mut Fields<'_>) -> (Span, Option<Span>) {
    let start_at = fields
        .get("start-at")
        .and_then(|node| context.duration(node));
    let start_at = start_at.unwrap_or(Span::ZERO);
    let node = fields.get("stop-at");
    let stop_at = node.and_then(|node| context.duration(node));
    if let (Some(node), Some(stop)) = (node, stop_at)
        && stop <= start_at
    {
        let text = format!("`stop-at` ({stop}) is not after `start-at` ({start_at})");
        context.error(Kind::Conflict, node.place, text);
    }
    (start_at, stop_at)
}

/// A duration with a sign; zero where it is none, which has been said then.
fn signed(context: &mut Context, node: &Node) -> SignedSpan {
    let what = "a duration, which may be negative";
    let read = context.scalar(node, what, value::signed_duration);
    read.unwrap_or_default()
}

/// `clock` of a group: only a clock that is right is built.
pub(super) fn clock(context: &mut Context, fields: &mut Fields<'_>) {
    let Some(node) = fields.get("clock") else {
        return;
    };
    let unsigned = |text: &str| value::duration(text.strip_prefix('-').unwrap_or(text));
    if let Some(span) = context.scalar(node, "a duration, which may be negative", unsigned)
        && span != Span::ZERO
    {
        context.not_yet(node.place, "a wall clock that is off");
    }
}

fn records(context: &mut Context, node: &Node, topics: &Named<Topic>) -> Records {
    let Value::List(items) = &node.value else {
        let count = context.count_in(node, 0, RECORDS_MAX).map_or(0, u64::from);
        return Records::Count(count);
    };
    let records = items.iter().map(|item| listed(context, item, topics));
    Records::Listed(records.collect())
}

fn listed(context: &mut Context, node: &Node, topics: &Named<Topic>) -> Listed {
    let mut record = Listed::default();
    if node.scalar().is_some() {
        record.value = context.text(node);
        return record;
    }
    let mut fields = Fields::of(context, node, "a record", Area::Record);
    record.value = fields.get("value").and_then(|node| context.text(node));
    record.key = fields.get("key").and_then(|node| context.text(node));
    record.partition = fields
        .get("partition")
        .and_then(|node| context.count_in(node, 0, u64::from(u32::MAX)));
    record.topic = fields
        .get("topic")
        .and_then(|node| known_topic(context, node, topics));
    record.timestamp = fields.get("timestamp").map(|node| signed(context, node));
    record.at = fields.get("at").and_then(|node| context.duration(node));
    fields.finish(context);
    record
}

fn keys(context: &mut Context, node: &Node) -> Option<Keys> {
    let mut fields = Fields::of(context, node, "`keys`", Area::Keys);
    let choices = ["cycle", "random", "weighted", "zipf"].map(|key| fields.entry(key));
    fields.finish(context);
    let mut given = choices.into_iter().flatten();
    let (Some(entry), None) = (given.next(), given.next()) else {
        let text = "`keys` is one of `cycle`, `random`, `weighted`, `zipf`";
        context.error(Kind::Value, node.place, text);
        return None;
    };
    let node = &entry.node;
    match entry.key.as_str() {
        "cycle" => not_empty(context, node).map(Keys::Cycle),
        "random" if matches!(node.value, Value::List(_)) => {
            not_empty(context, node).map(|keys| Keys::Random(KeySet::Listed(keys)))
        }
        "random" => {
            let count = context.count_in(node, 1, KEYS_MAX)?;
            Some(Keys::Random(KeySet::Count(u64::from(count))))
        }
        "weighted" => weighted(context, node).map(Keys::Weighted),
        _ => context
            .count_in(node, 1, KEYS_MAX)
            .map(|n| Keys::Zipf(u64::from(n))),
    }
}

fn not_empty(context: &mut Context, node: &Node) -> Option<Vec<String>> {
    let texts = context.texts(node);
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        context.error(Kind::Value, node.place, "the list is empty");
    }
    (!texts.is_empty()).then_some(texts)
}

fn weighted(context: &mut Context, node: &Node) -> Option<Named<u64>> {
    let Some(entries) = node.entries() else {
        context.expected("a map from keys to weights", node);
        return None;
    };
    let mut weights = Named::default();
    for entry in entries {
        if let Some(weight) = context.count(&entry.node) {
            weights.set(entry.key.clone(), weight);
        }
    }
    let total = weights
        .iter()
        .try_fold(0_u64, |sum, (_, w)| sum.checked_add(*w));
    if total.is_none_or(|total| total == 0) {
        context.error(
            Kind::Value,
            node.place,
            "the weights must sum to more than 0",
        );
        return None;
    }
    Some(weights)
}

fn values(context: &mut Context, node: &Node) -> Option<Values> {
    let mut fields = Fields::of(context, node, "`values`", Area::Values);
    let (bytes, cycle) = (fields.get("bytes"), fields.get("cycle"));
    fields.finish(context);
    match (bytes, cycle) {
        (Some(node), None) => {
            let read = |text: &str| value::drawn(text, length);
            context
                .scalar(node, "a number of bytes", read)
                .map(Values::Bytes)
        }
        (None, Some(node)) => {
            let items = context.items(node, "a list of values");
            let mut values = Vec::new();
            for item in items {
                values.push(if item.is_null() {
                    None
                } else {
                    context.text(item)
                });
            }
            if values.is_empty() {
                context.error(Kind::Value, node.place, "the list is empty");
                return None;
            }
            Some(Values::Cycle(values))
        }
        _ => {
            let text = "`values` is one of `bytes` and `cycle`";
            context.error(Kind::Value, node.place, text);
            None
        }
    }
}

/// A number of bytes that a value can have.
fn length(text: &str) -> Result<u64, Wrong> {
    let bytes = value::bytes(text)?;
    if BYTES_MAX < bytes {
        return Err(value::wrong(format!(
            "a value has at most {BYTES_MAX} bytes"
        )));
    }
    Ok(bytes)
}

/// `partition` and `partitioner`: at most one, and within the partitions of every topic.
fn partitioning(
    context: &mut Context,
    fields: &mut Fields<'_>,
    sender: &mut Sender,
    topics: &Named<Topic>,
) {
    let fewest = |partitions: fn(&Topic) -> u32| {
        let topics = sender.topics.iter().filter_map(|name| topics.get(name));
        topics.map(partitions).min().unwrap_or(u32::MAX)
    };
    // A record's own partition is waited for; a custom partitioner must name one that is there.
    let (ever, at_first) = (fewest(Topic::partitions_max), fewest(Topic::partitions));
    let (fixed, table) = (fields.entry("partition"), fields.entry("partitioner"));
    if let (Some(fixed), Some(table)) = (fixed, table) {
        let text = "`partition` and `partitioner` cannot stand together";
        let problem = Problem::new(Kind::Conflict, fixed.key_place, text);
        context
            .problems
            .push(problem.also(table.key_place).help("keep one"));
        return;
    }
    let partition = |context: &mut Context, node: &Node, fewest: u32| {
        let number = context.count_in(node, 0, u64::from(u32::MAX))?;
        if fewest <= number {
            let text = format!("there is no partition {number}: the topic has {fewest}, from 0");
            context.error(Kind::Value, node.place, text);
        }
        Some(number)
    };
    sender.partition = fixed.and_then(|entry| partition(context, &entry.node, ever));
    let Some(table) = table else { return };
    let node = &table.node;
    let mut fields = Fields::of(context, node, "`partitioner`", Area::Partitioner);
    let (rows, others) = (fields.get("table"), fields.get("others"));
    fields.finish(context);
    let mut by_key = Named::default();
    match rows {
        Some(rows) => {
            for entry in rows.entries().unwrap_or_default() {
                if let Some(number) = partition(context, &entry.node, at_first) {
                    by_key.set(entry.key.clone(), number);
                }
            }
            if rows.entries().is_none() {
                context.expected("a map from keys to partitions", rows);
            }
        }
        None => context.error(Kind::Missing, node.place, "`partitioner` needs a `table`"),
    }
    let others = match others {
        None => Others::All,
        Some(node) if node.text() == Some("all") => Others::All,
        Some(node) => {
            let items = context.items(node, "`all`, or a list of partitions");
            let numbers = items
                .iter()
                .filter_map(|item| partition(context, item, at_first));
            Others::Listed(numbers.collect())
        }
    };
    sender.partitioner = Some(Table {
        table: by_key,
        others,
    });
}
