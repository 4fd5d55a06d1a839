//! Cluster, network, topics and limits.

use super::config;
use super::fields::{Context, Fields};
use super::names::Names;
use crate::base::Span;
use crate::scenario::diagnostic::Kind;
use crate::scenario::not_yet::Area;
use crate::scenario::resolved::{
    Cluster, Create, Creation, Limits, Link, Named, Network, Placement, Topic,
};
use crate::scenario::tree::{Node, Value};
use crate::scenario::value;

/// More brokers or controllers than this help no lesson.
const NODES_MAX: u64 = 1_000;
/// More partitions of a topic than this are a mistake.
pub(super) const PARTITIONS_MAX: u64 = 10_000;

/// `cluster`.
pub(super) fn cluster(context: &mut Context, node: Option<&Node>) -> Cluster {
    let mut cluster = Cluster::default();
    context.begin(&["cluster"]);
    let Some(node) = node else {
        cluster.config = config::broker(context, None, cluster.defaults);
        return cluster;
    };
    let mut fields = Fields::of(context, node, "`cluster`", Area::Cluster);
    if let Some(node) = fields.get("brokers") {
        let count = context.count_in(node, 1, NODES_MAX);
        cluster.brokers = count.unwrap_or(cluster.brokers);
    }
    if let Some(node) = fields.get("controllers")
        && let Some(count) = context.count_in(node, 1, NODES_MAX)
        && count != 1
    {
        context.not_yet(node.place, "more than one controller");
    }
    if let Some(node) = fields.get("mode") {
        let mode = context.word(node, Area::Mode);
        cluster.mode = mode.unwrap_or(cluster.mode);
    }
    if let Some(node) = fields.get("defaults") {
        let defaults = context.word(node, Area::Nothing);
        cluster.defaults = defaults.unwrap_or(cluster.defaults);
    }
    cluster.config = config::broker(context, fields.get("config"), cluster.defaults);
    if let Some(node) = fields.get("features") {
        let mut features = Fields::of(context, node, "`features`", Area::Feature);
        if let Some(node) = features.get("eligible.leader.replicas.version")
            && let Some(level) = context.count_in(node, 0, 1)
        {
            cluster.features.eligible_leader_replicas = u64::from(level);
        }
        features.finish(context);
    }
    if let Some(node) = fields.get("request-time") {
        let time = context.timing(node);
        cluster.request_time = time.unwrap_or(cluster.request_time);
    }
    fields.finish(context);
    cluster
}

/// `network`, links excepted.
pub(super) fn network(context: &mut Context, node: Option<&Node>) -> Network {
    let mut network = Network::default();
    let Some(node) = node else { return network };
    let mut fields = Fields::of(context, node, "`network`", Area::Network);
    if let Some(node) = fields.get("latency") {
        let latency = context.timing(node);
        network.latency = latency.unwrap_or(network.latency);
    }
    fields.get("links");
    fields.finish(context);
    network
}

/// `network.links`, read when all names are known.
pub(super) fn links(context: &mut Context, network: Option<&Node>, names: &Names<'_>) -> Vec<Link> {
    let Some(node) = network.and_then(|network| network.get("links")) else {
        return Vec::new();
    };
    let items = context.items(node, "a list of links");
    let links = items.iter().filter_map(|item| link(context, item, names));
    links.collect()
}

fn link(context: &mut Context, node: &Node, names: &Names<'_>) -> Option<Link> {
    let mut fields = Fields::of(context, node, "a link", Area::Link);
    let sides = fields.get("link");
    let latency = fields.get("latency").map(|node| context.timing(node));
    fields.finish(context);
    let Some(sides) = sides else {
        context.error(Kind::Missing, node.place, "a link needs `link: [A, B]`");
        return None;
    };
    let Some(latency) = latency else {
        context.error(
            Kind::Missing,
            node.place,
            "this link changes nothing: give it a `latency`",
        );
        return None;
    };
    let Value::List(items) = &sides.value else {
        context.expected("a list of two sides", sides);
        return None;
    };
    let [a, b] = items.as_slice() else {
        context.error(Kind::Value, sides.place, "a link has two sides: `[A, B]`");
        return None;
    };
    let mut side = |node: &Node| {
        let items = context.one_or_more(node);
        let mut actors = Vec::new();
        for item in items {
            if let Some(name) = names.any_actor(context, item) {
                actors.push(name);
            }
        }
        actors
    };
    let link = [side(a), side(b)];
    Some(Link {
        link,
        latency: latency?,
    })
}

/// `topics`.
pub(super) fn topics(
    context: &mut Context,
    node: Option<&Node>,
    cluster: &Cluster,
    brokers_place: Option<&Node>,
) -> Named<Topic> {
    let mut topics = Named::default();
    for entry in context.named(node) {
        let topic = topic(context, &entry.node, &entry.key, cluster, brokers_place);
        topics.set(entry.key.clone(), topic);
    }
    topics
}

/// One topic; `defaults` are the broker's partitions and copies.
fn topic(
    context: &mut Context,
    node: &Node,
    name: &str,
    cluster: &Cluster,
    brokers_place: Option<&Node>,
) -> Topic {
    let mut fields = Fields::of(context, node, format!("topic `{name}`"), Area::Topic);
    let partitions = fields.get("partitions");
    let factor = fields.get("replication.factor");
    let assignment = fields.get("replica-assignment");
    let placement = match assignment {
        Some(node) => {
            for beside in [partitions, factor].into_iter().flatten() {
                let text = "`replica-assignment` fixes `partitions` and `replication.factor`";
                context.error_help(Kind::Conflict, beside.place, text, "remove this key");
            }
            assigned(context, node, cluster.brokers)
        }
        None => counted(context, partitions, factor, cluster, brokers_place, node),
    };
    let mut topic = Topic {
        placement,
        ..Topic::default()
    };
    if let Some(node) = fields.get("create") {
        let create = match node.text() {
            Some(text) if text.starts_with(|c: char| c.is_ascii_digit()) => {
                context.duration(node).map(Creation::At)
            }
            _ => context.word(node, Area::Create).map(Creation::By),
        };
        topic.create = create.unwrap_or(topic.create);
    }
    let written = fields.entry("config");
    let others = ["partitions", "replication.factor", "replica-assignment"];
    let others = others.into_iter().filter_map(|key| fields.entry(key));
    if topic.create == Creation::By(Create::OnFirstUse) {
        for entry in others.chain(written) {
            let text = "a topic created on first use has the brokers' defaults, so `create` is its only key";
            let help = "set `num.partitions` or `default.replication.factor` in `cluster.config`, or \
                        remove `create`";
            context.error_help(Kind::Conflict, entry.key_place, text, help);
        }
    }
    context.begin(&["topics", name]);
    topic.config = config::topic(context, written.map(|entry| &entry.node), cluster);
    fields.finish(context);
    topic
}

/// Lets every topic know how many partitions the faults of this run give it: names of partitions
/// may be above those it begins with. What is wrong with a fault is said where it is read.
pub(super) fn let_grow(topics: &mut Named<Topic>, faults: Option<&Node>) {
    let Some(Value::List(items)) = faults.map(|faults| &faults.value) else {
        return;
    };
    for item in items {
        let name = item.get("add-partitions").and_then(Node::text);
        let to = item.get("to").and_then(Node::text);
        let to = to.and_then(|to| value::count(to).ok());
        let to = to.and_then(|to| u32::try_from(to.min(PARTITIONS_MAX)).ok());
        if let (Some(topic), Some(to)) = (name.and_then(|name| topics.get_mut(name)), to) {
            topic.grows_to = topic.grows_to.max(to);
        }
    }
}

fn counted(
    context: &mut Context,
    partitions: Option<&Node>,
    factor: Option<&Node>,
    cluster: &Cluster,
    brokers: Option<&Node>,
    topic: &Node,
) -> Placement {
    let broker = config::settings_of_broker(&cluster.config);
    let partitions = partitions.and_then(|node| context.count_in(node, 1, PARTITIONS_MAX));
    let written = factor.and_then(|node| context.count_in(node, 1, NODES_MAX));
    let copies = written.unwrap_or(broker.default_replication_factor);
    if cluster.brokers < copies {
        let place = factor.map_or(topic.place, |node| node.place);
        let text = format!(
            "{copies} copies need {copies} brokers, the cluster has {}",
            cluster.brokers
        );
        let mut problem = crate::scenario::diagnostic::Problem::new(Kind::Conflict, place, text)
            .help("lower `replication.factor`, or raise `cluster.brokers`");
        if let Some(brokers) = brokers {
            problem = problem.also(brokers.place);
        }
        context.problems.push(problem);
    }
    Placement::Counted {
        partitions: partitions.unwrap_or(broker.num_partitions),
        replication_factor: copies,
    }
}

fn assigned(context: &mut Context, node: &Node, brokers: u32) -> Placement {
    let mut replica_assignment: Vec<Vec<u32>> = Vec::new();
    for partition in context.items(node, "a list of lists of node ids") {
        let mut ids: Vec<u32> = Vec::new();
        for item in context.items(partition, "a list of node ids") {
            let Some(id) = context.count(item) else {
                continue;
            };
            if id == 0 || u64::from(brokers) < id {
                let text = format!("there is no broker with node id {id}, only 1 to {brokers}");
                context.error(Kind::Name, item.place, text);
            } else if ids.contains(&(id as u32)) {
                context.error(
                    Kind::Value,
                    item.place,
                    format!("node id {id} stands here twice"),
                );
            } else {
                ids.push(id as u32);
            }
        }
        let copies = replica_assignment.first().map_or(ids.len(), Vec::len);
        if copies != ids.len() {
            let text = "every partition of a topic has equally many copies";
            context.error(Kind::Value, partition.place, text);
        }
        replica_assignment.push(ids);
    }
    if replica_assignment.iter().any(Vec::is_empty) || replica_assignment.is_empty() {
        context.error(
            Kind::Value,
            node.place,
            "a partition needs at least one copy",
        );
    }
    Placement::Assigned { replica_assignment }
}

/// `limits`.
pub(super) fn limits(context: &mut Context, node: Option<&Node>) -> Limits {
    let mut limits = Limits::default();
    let Some(node) = node else { return limits };
    let mut fields = Fields::of(context, node, "`limits`", Area::Limits);
    let mut span = |key, default: Span| match fields.get(key) {
        Some(node) => context.duration(node).unwrap_or(default),
        None => default,
    };
    limits.time = span("time", limits.time);
    limits.drain = span("drain", limits.drain);
    if let Some(node) = fields.get("events") {
        limits.events = context.count(node).unwrap_or(limits.events);
    }
    if let Some(node) = fields.get("trace") {
        limits.trace = context.count(node).unwrap_or(limits.trace);
    }
    if let Some(node) = fields.get("at-least") {
        limits.at_least = context.duration(node);
    }
    fields.finish(context);
    limits
}
