//! Tree to [`Scenario`]: one run, with every mistake of its tree collected.
//!
//! Order matters: topics before clients, clients before the names of faults and statements.

mod cluster;
mod config;
mod except;
pub(crate) mod expect;
pub(crate) mod fault;
pub(crate) mod fault_network;
mod fault_rules;
mod fields;
pub(crate) mod group;
pub(crate) mod keyed;
mod must_happen;
pub(crate) mod names;
mod producer;
mod sink;
mod steps;

pub(crate) use config::{
    settings_of_broker, settings_of_consumer, settings_of_producer, settings_of_topic,
};
pub(crate) use fields::{Context, Fields};

use super::diagnostic::{Kind, Problem};
use super::not_yet::Area;
use super::resolved::client::{Fails, Process};
use super::resolved::{Group, Named, Producer, Scenario};
use super::tree::Node;
use crate::base::Span;
use crate::verdict::RecordName;
use crate::verdict::record::is_name;
use names::Names;

/// The statements that belong to the run: those of all variants, and its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statements<'t> {
    /// Trees of `expect`.
    pub(crate) expect: Vec<&'t Node>,
    /// Lists of `must-happen`.
    pub(crate) must_happen: Vec<&'t Node>,
}

/// The run that a merged tree states.
pub(crate) fn scenario(
    context: &mut Context,
    root: &Node,
    statements: &Statements<'_>,
) -> Scenario {
    let mut scenario = Scenario::default();
    let mut fields = Fields::of(context, root, "the scenario", Area::Top);
    heading(context, &mut fields, &mut scenario, root);
    let cluster = fields.get("cluster");
    scenario.cluster = cluster::cluster(context, cluster);
    let network = fields.get("network");
    scenario.network = cluster::network(context, network);
    let brokers = cluster.and_then(|cluster| cluster.get("brokers"));
    let topics = fields.get("topics");
    scenario.topics = cluster::topics(context, topics, &scenario.cluster, brokers);
    cluster::let_grow(&mut scenario.topics, fields.get("faults"));
    actors(context, &mut fields, &mut scenario);
    if let Some(node) = fields.get("warm-up") {
        scenario.warm_up = context.duration(node).unwrap_or(Span::ZERO);
    }
    scenario.limits = cluster::limits(context, fields.get("limits"));
    let faults = fields.get("faults");
    for elsewhere in ["expect", "must-happen", "variants"] {
        fields.get(elsewhere);
    }
    fields.finish(context);
    if !scenario.groups.is_empty() {
        config::check_internal_topics(context, &scenario.cluster, cluster, root);
    }
    // Names borrow what they name; the rest of the scenario is filled meanwhile.
    let topics = std::mem::take(&mut scenario.topics);
    let producers = std::mem::take(&mut scenario.producers);
    let groups = std::mem::take(&mut scenario.groups);
    let sinks = std::mem::take(&mut scenario.sinks);
    let names = Names {
        brokers: scenario.cluster.brokers,
        controllers: scenario.cluster.controllers,
        topics: &topics,
        producers: &producers,
        groups: &groups,
        sinks: &sinks,
        later: root
            .get("queues")
            .and_then(Node::entries)
            .unwrap_or_default()
            .iter()
            .map(|entry| entry.key.clone())
            .collect(),
    };
    let entries: Vec<_> = ["producers", "groups", "sinks"]
        .into_iter()
        .flat_map(|key| root.get(key).and_then(Node::entries).unwrap_or_default())
        .collect();
    names.check_unique(context, &entries);
    check_processes(context, root, &groups, &names);
    check_record_ids(context, root, &producers);
    scenario.network.links = cluster::links(context, network, &names);
    scenario.faults = fault::faults(context, faults, &names);
    scenario.expect = expect::expect(context, &statements.expect, &names);
    scenario.must_happen = must_happen::must_happen(context, &statements.must_happen, &names);
    (scenario.topics, scenario.producers, scenario.groups) = (topics, producers, groups);
    scenario.sinks = sinks;
    scenario
}

/// Sinks, producers and groups: who uses the topics.
fn actors(context: &mut Context, fields: &mut Fields<'_>, scenario: &mut Scenario) {
    for entry in context.named(fields.get("sinks")) {
        let sink = sink::sink(context, &entry.node, &entry.key);
        scenario.sinks.set(entry.key.clone(), sink);
    }
    let producers = context.named(fields.get("producers"));
    for entry in producers {
        let producer = producer::producer(context, &entry.node, &entry.key, &scenario.topics);
        scenario.producers.set(entry.key.clone(), producer);
    }
    let groups = context.named(fields.get("groups"));
    for entry in groups {
        let known = (&scenario.topics, &scenario.sinks);
        let group = group::group(context, &entry.node, &entry.key, known);
        scenario.groups.set(entry.key.clone(), group);
    }
}

fn heading(context: &mut Context, fields: &mut Fields<'_>, scenario: &mut Scenario, root: &Node) {
    if let Some(node) = fields.get("title") {
        scenario.title = context.text(node).unwrap_or_default();
    } else {
        let place = root.place.part(0, 1);
        let problem = Problem::new(Kind::Missing, place, "the scenario has no `title`");
        let help = "one sentence, the claim: `title: …`";
        context.problems.push(problem.help(help));
    }
    scenario.about = fields.get("about").and_then(|node| context.text(node));
    scenario.question = fields.get("question").and_then(|node| context.text(node));
    if let Some(node) = fields.get("covers") {
        scenario.covers = covers(context, node);
    }
    if let Some(node) = fields.get("kafka") {
        release(context, node);
    }
    if let Some(node) = fields.get("seed") {
        scenario.seed = context.count(node).unwrap_or(scenario.seed);
    }
}

/// `covers`: the rows of a course, by number or name.
fn covers(context: &mut Context, node: &Node) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for item in context.items(node, "a list of rows such as `[29, 30]`") {
        let Some(row) = context.text_of_any(item) else {
            continue;
        };
        if !is_name(&row) {
            context.name(&row, item.place);
        } else if rows.contains(&row) {
            let text = format!("row `{row}` stands here twice");
            context.error(Kind::Value, item.place, text);
        } else {
            rows.push(row);
        }
    }
    rows
}

/// The releases whose rules are known to the format.
pub(crate) const RELEASES: [&str; 9] = [
    "2.8", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "4.0", "4.1",
];

/// `kafka`: a release in quotes.
fn release(context: &mut Context, node: &Node) {
    let Some(scalar) = node.scalar() else {
        context.expected("a release in quotes such as `\"4.1\"`", node);
        return;
    };
    if scalar.is_number() {
        let text = "the release must be in quotes";
        let help = format!(
            "write `\"{}\"`; unquoted, 4.10 would be read as 4.1",
            scalar.text
        );
        context.error_help(Kind::Value, node.place, text, help);
        return;
    }
    match scalar.text.as_str() {
        "4.1" => {}
        other if RELEASES.contains(&other) => {
            context.not_yet(node.place, &format!("the rules of Kafka {other}"));
        }
        other => {
            let text = format!("`{other}` is no release of Kafka that is known here");
            let help = format!("releases: {}", RELEASES.join(", "));
            context.error_help(Kind::Value, node.place, text, help);
        }
    }
}

/// Record ids are 32 bits wide.
fn check_record_ids(context: &mut Context, root: &Node, producers: &Named<Producer>) {
    let each = producers.iter().map(|(name, producer)| {
        let actors = producer.actors(name).len() as u64;
        u64::from(producer.records.count()) * actors
    });
    let sum: u64 = each.sum();
    if u64::from(u32::MAX) <= sum {
        let place = root
            .entry("producers")
            .map_or(root.place, |entry| entry.key_place);
        let text = format!("all producers together send {sum} records, more than a run can hold");
        context.error(Kind::Value, place, text);
    }
}

/// The records that `process` names, once all names are known.
fn check_processes(context: &mut Context, root: &Node, groups: &Named<Group>, names: &Names<'_>) {
    for (name, group) in groups.iter() {
        let node = root.get("groups").and_then(|groups| groups.get(name));
        let Some(node) = node else { continue };
        check_process(context, node, &group.all.process, names);
        for (actor, member) in group.except.iter() {
            let own = node.get("except").and_then(|except| except.get(actor));
            if let Some(own) = own {
                check_process(context, own, &member.process, names);
            }
        }
    }
}

fn check_process(context: &mut Context, actor: &Node, process: &Process, names: &Names<'_>) {
    let slow = process
        .slow
        .iter()
        .map(|(record, _): &(RecordName, Span)| record);
    let fails = process
        .fails
        .iter()
        .map(|(record, _): &(RecordName, Fails)| record);
    let lists: [(&str, Vec<&RecordName>); 2] =
        [("slow", slow.collect()), ("fails", fails.collect())];
    for (key, records) in lists {
        let map = actor.get("process").and_then(|process| process.get(key));
        for record in records {
            let entry = map.and_then(|map| map.entry(&record.to_string()));
            if let Some(entry) = entry {
                names.check_record(context, record, entry.key_place);
                names.check_known_before(context, record, entry.key_place);
            }
        }
    }
}
