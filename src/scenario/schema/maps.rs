//! Definitions that are neither a kind of value nor a word: maps by name, lists, and values that
//! have several forms.

use serde_json::{Map, Value, json};

use super::table::{SECTIONS, Section};
use super::vocabulary::described;

/// A reference to a definition.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// The same, or `null`: the default, and in an overlay the removal of what is there.
pub(super) fn nullable(name: &str) -> Value {
    json!({ "anyOf": [reference(name), { "type": "null" }] })
}

/// The definition of a map with fixed keys.
pub(super) fn closed(section: &Section) -> Value {
    let mut properties = Map::new();
    for key in &section.keys {
        let is_required = key.default == "required";
        let mut text = key.text.to_owned();
        if !key.default.is_empty() && !is_required {
            text = format!("{text} Default: {}.", default_in_words(key.default));
        }
        let mut schema = nullable(key.kind);
        schema["description"] = json!(described(&text, section.is_later(key)));
        properties.insert(key.name.to_owned(), schema);
    }
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// `10ms` in code, `(unlimited)` in words.
pub(super) fn default_in_words(default: &str) -> String {
    let words = default.strip_prefix('(').and_then(|d| d.strip_suffix(')'));
    words.map_or_else(|| format!("`{default}`"), str::to_owned)
}

/// Every definition of this file.
pub(super) fn definitions() -> Vec<(&'static str, Value)> {
    let mut all: Vec<(&str, Value)> = SECTIONS
        .iter()
        .filter(|section| section.name != "fault")
        .map(|section| (section.name, closed(section)))
        .collect();
    for (name, of) in [
        ("topics", "topic"),
        ("sinks", "sink"),
        ("queues", "queue"),
        ("producers", "producer"),
        ("groups", "group"),
        ("nodes", "node"),
        ("queue-workers", "queue-worker"),
        ("sweep", "axis"),
    ] {
        all.push((name, by_name(&nullable(of))));
    }
    all.push((
        "producer-except",
        exceptions("producer", &["records", "instances"]),
    ));
    all.push((
        "group-except",
        exceptions("group", &["members", "type", "committed"]),
    ));
    all.push(("links", list("link-override", 0)));
    all.extend(of_clients());
    all.extend(of_settings());
    all.extend(of_the_file());
    all
}

/// A map from NAMEs.
fn by_name(value: &Value) -> Value {
    json!({
        "type": "object",
        "propertyNames": reference("name"),
        "additionalProperties": value,
    })
}

fn list(of: &str, least: u32) -> Value {
    json!({ "type": "array", "items": reference(of), "minItems": least })
}

/// What differs for single actors: some keys are shared by all. An overlay takes an actor out of it
/// with null.
fn exceptions(of: &str, shared: &[&str]) -> Value {
    let shared: Vec<Value> = shared
        .iter()
        .map(|key| json!({ "required": [key] }))
        .collect();
    let own = json!({ "allOf": [reference(of), { "not": { "anyOf": shared } }] });
    by_name(&json!({ "anyOf": [own, { "type": "null" }] }))
}

/// A map from keys that match a definition to values of another.
fn keyed(keys: &str, values: &Value) -> Value {
    json!({
        "type": "object",
        "propertyNames": reference(keys),
        "additionalProperties": values,
    })
}

fn of_clients() -> Vec<(&'static str, Value)> {
    let count = || reference("count");
    let counted = |keys: &str| json!({ "type": "object", "minProperties": 1, "propertyNames": reference(keys), "additionalProperties": count() });
    let text_or_null = json!({ "type": ["string", "null"] });
    let positive_or = |other: Value| json!({ "anyOf": [reference("positive"), other] });
    let count_or = |word: &str| json!({ "anyOf": [count(), { "const": word }] });
    let record_sent = json!({ "anyOf": [reference("text"), reference("record-sent")] });
    let sent = json!({ "anyOf": [count(), { "type": "array", "items": record_sent }] });
    let times = json!({ "anyOf": [reference("distribution"), reference("process-map")] });
    let others = json!({ "anyOf": [{ "const": "all" }, { "type": "array", "items": count() }] });
    let in_turn = json!({ "type": "array", "items": text_or_null, "minItems": 1 });
    let of_nodes = json!({ "type": "array", "items": reference("positive"), "minItems": 1 });
    vec![
        ("records-sent", sent),
        ("texts-or-more", list("text", 1)),
        ("key-set", positive_or(list("text", 1))),
        ("weights", counted("text")),
        ("values-in-turn", in_turn),
        (
            "partition-table",
            json!({ "type": "object", "additionalProperties": count() }),
        ),
        ("others", others),
        ("process", times),
        ("slow", keyed("record", &reference("duration"))),
        ("fails", keyed("record", &count_or("always"))),
        ("committed", keyed("partition", &count())),
        (
            "replica-assignment",
            json!({ "type": "array", "items": of_nodes, "minItems": 1 }),
        ),
    ]
}

/// Which settings stand under a `config`.
fn of_settings() -> Vec<(&'static str, Value)> {
    let either =
        |java: &str, librdkafka: &str| json!({ "anyOf": [reference(java), reference(librdkafka)] });
    vec![
        (
            "producer-config",
            either("producer-settings", "librdkafka-producer-settings"),
        ),
        (
            "group-consumer-config",
            either("consumer-settings", "librdkafka-consumer-settings"),
        ),
        ("any-settings", json!({ "type": "object" })),
        ("features", keyed("name", &reference("count"))),
    ]
}

fn of_the_file() -> Vec<(&'static str, Value)> {
    let row = json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, reference("name")] });
    let seeds = json!({ "type": "string", "pattern": "^[0-9_]+\\.\\.[0-9_]+$" });
    let fault_to = json!({
        "anyOf": [reference("target"), reference("actor"), reference("positive")],
    });
    let things = json!({ "anyOf": [reference("actor"), list("actor", 1)] });
    vec![
        (
            "covers",
            json!({ "type": "array", "items": row, "minItems": 1, "uniqueItems": true }),
        ),
        ("seeds", seeds),
        ("values-of-axis", json!({ "type": "array", "minItems": 1 })),
        ("variants", variants()),
        ("fault-to", fault_to),
        ("things", things),
    ]
}

/// What an overlay cannot hold.
pub(super) const OUTSIDE: [&str; 7] = crate::scenario::load::OUTSIDE;

fn variants() -> Value {
    let overlay = json!({
        "type": ["object", "null"],
        "allOf": [
            reference("shape"),
            { "propertyNames": { "not": { "enum": OUTSIDE } } },
        ],
    });
    json!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": {
            "allOf": [reference("name"), { "not": { "const": "every-variant" } }],
        },
        "additionalProperties": overlay,
    })
}
