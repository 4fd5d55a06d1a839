//! Kafka's settings: the one place where the loader meets the setting tables.

use super::fields::{Context, Fields};
use crate::base::Span;
use crate::scenario::diagnostic::{Kind, Problem};
use crate::scenario::resolved::client::Library;
use crate::scenario::resolved::{Cluster, Config, Defaults, Setting};
use crate::scenario::tree::{Entry, Node, Place, Style, Value};

/// Settings of brokers.
pub(super) fn broker(context: &mut Context, node: &Node) -> Config {
    settings(context, node)
}

/// Settings of a topic.
pub(super) fn topic(context: &mut Context, node: &Node) -> Config {
    settings(context, node)
}

/// Whose settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A producer of the Java client.
    Producer,
    /// A consumer of this library.
    Consumer(Library),
}

/// `config`, `properties` and `properties-file` of a client, folded into one.
pub(super) fn of_client(
    context: &mut Context,
    fields: &mut Fields<'_>,
    owner: Owner,
    node: &Node,
) -> Config {
    let mut config = Config::default();
    let (pasted, file) = (fields.entry("properties"), fields.entry("properties-file"));
    if let (Some(pasted), Some(file)) = (pasted, file) {
        let text = "`properties` and `properties-file` cannot stand together";
        let problem = Problem::new(Kind::Conflict, pasted.key_place, text);
        context
            .problems
            .push(problem.also(file.key_place).help("keep one"));
    }
    if let Some(entry) = pasted
        && let Some(text) = context.text(&entry.node)
    {
        properties(context, &text, entry.node.place, owner, &mut config);
    }
    if let Some(entry) = file
        && let Some(path) = context.text(&entry.node)
    {
        match context.files.get(&path).cloned() {
            Some(Ok(text)) => properties(context, &text, entry.node.place, owner, &mut config),
            Some(Err(why)) => {
                let text = format!("the file `{path}` cannot be read: {why}");
                context.error(Kind::File, entry.node.place, text);
            }
            None => unreachable!("every file that is named was read before"),
        }
    }
    if let Some(node) = fields.get("config") {
        for (key, setting) in settings(context, node).0 {
            config.set(key, setting);
        }
        refuse_ours(context, node, owner);
    }
    let _ = node;
    config
}

/// The settings of a client are complete: checked as Kafka does.
pub(super) fn check_client(
    _context: &mut Context,
    _config: &mut Config,
    _owner: Owner,
    _node: &Node,
) {
}

/// `group.id` and `client.id` are the names of the file.
fn refuse_ours(context: &mut Context, node: &Node, owner: Owner) {
    let ours: &[&str] = match owner {
        Owner::Producer => &["client.id"],
        Owner::Consumer(_) => &["group.id", "client.id"],
    };
    for entry in node.entries().unwrap_or_default() {
        if ours.contains(&entry.key.as_str()) {
            let text = format!(
                "`{}` is set by the scenario: it is the name in the file",
                entry.key
            );
            context.error_help(Kind::Setting, entry.key_place, text, "remove the key");
        }
    }
}

/// Settings a pasted file may hold that say nothing about the run, or that must not be printed.
fn is_local(key: &str) -> bool {
    let names = [
        "bootstrap.servers",
        "group.id",
        "client.id",
        "key.serializer",
        "value.serializer",
        "key.deserializer",
        "value.deserializer",
        "security.protocol",
    ];
    names.contains(&key) || key.starts_with("ssl.") || key.starts_with("sasl.")
}

/// Reads a `.properties` text as `java.util.Properties` does, escapes of characters excepted.
fn properties(context: &mut Context, text: &str, place: Place, owner: Owner, config: &mut Config) {
    let _ = (owner, place, &context);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut line = line.trim_start().to_owned();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        while line.ends_with('\\') {
            line.pop();
            line.push_str(lines.next().unwrap_or_default().trim_start());
        }
        let split = line.find(['=', ':', ' ', '\t']).unwrap_or(line.len());
        let (key, rest) = line.split_at(split);
        let value = rest.trim_start().trim_start_matches(['=', ':']).trim();
        if !is_local(key) {
            config.set(key, Setting::Text(value.to_owned()));
        }
    }
}

/// What a topic has that does not say: `num.partitions` and `default.replication.factor`.
pub(super) fn topic_defaults(cluster: &Cluster) -> (u32, u32) {
    let number = |key| match cluster.config.get(key) {
        Some(Setting::Number(number)) => u32::try_from(*number).ok().filter(|n| 0 < *n),
        _ => None,
    };
    let partitions = number("num.partitions").unwrap_or(1);
    let copies = number("default.replication.factor").unwrap_or(1);
    (partitions, copies)
}

/// The settings of a map as they are written.
fn settings(context: &mut Context, node: &Node) -> Config {
    let Some(entries) = node.entries() else {
        context.expected("a map of Kafka settings", node);
        return Config::default();
    };
    let mut config = Config::default();
    for entry in entries {
        if let Some(setting) = setting(context, entry) {
            config.set(entry.key.clone(), setting);
        }
    }
    config
}

fn setting(context: &mut Context, entry: &Entry) -> Option<Setting> {
    let scalar = match &entry.node.value {
        Value::Null => return None,
        Value::Scalar(scalar) => scalar,
        // Kafka's lists are comma texts; a YAML list says the same.
        Value::List(_) => return Some(Setting::Text(context.texts(&entry.node).join(","))),
        Value::Map(_) => {
            let key = &entry.key;
            let text =
                format!("`{key}` takes one value, not a map: the dots of settings are no paths");
            context.error(Kind::Setting, entry.node.place, text);
            return None;
        }
    };
    let text = scalar.text.as_str();
    let milliseconds = entry.key.ends_with(".ms") || entry.key.ends_with(".millis");
    if milliseconds && let Ok(span) = Span::parse(text) {
        let text = format!(
            "`{}` is a Kafka setting and takes milliseconds as a plain number",
            entry.key
        );
        let help = format!("write `{}`", span.as_millis());
        context.error_help(Kind::Setting, entry.node.place, text, help);
        return None;
    }
    if scalar.style == Style::Plain {
        if scalar.is_boolean() {
            return Some(Setting::Boolean(text == "true"));
        }
        if let (true, Ok(number)) = (scalar.is_number(), text.parse()) {
            return Some(Setting::Number(number));
        }
    }
    Some(Setting::Text(text.to_owned()))
}

/// Whether the internal topics that groups need fit the cluster.
pub(super) fn check_internal_topics(
    context: &mut Context,
    cluster: &Cluster,
    node: Option<&Node>,
    root: &Node,
) {
    const KEY: &str = "offsets.topic.replication.factor";
    let copies = match (cluster.config.get(KEY), cluster.defaults) {
        (Some(Setting::Number(number)), _) => u32::try_from(*number).unwrap_or(1),
        (_, Defaults::ServerProperties) => 1,
        (_, Defaults::Code) => 3,
    };
    if copies <= cluster.brokers {
        return;
    }
    let has = cluster.brokers;
    let text = format!(
        "`__consumer_offsets` needs {copies} brokers by Kafka's defaults, the cluster has {has}: \
         no group could ever start"
    );
    let written = node.and_then(|node| node.entry("brokers"));
    let place = written.map_or(root.place, |entry| Place {
        start: entry.key_place.start,
        end: entry.node.place.end,
    });
    let help = format!(
        "add `defaults: server.properties`, as the sample file of Kafka does, or set `{KEY}: {has}`"
    );
    context.error_help(Kind::Conflict, place, text, help);
}
