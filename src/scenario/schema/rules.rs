//! What holds between keys: what excludes what, what has to be there, what hangs on `variants`.
//!
//! A file with variants or a sweep may leave to its overlays what every run needs; then only the
//! loader, which merges, knows whether a run is complete.

use serde_json::{Map, Value, json};

use super::maps::reference;

/// Adds the rules to the definitions.
pub(super) fn add(definitions: &mut Map<String, Value>) {
    let shape = definitions.remove("file");
    let shape = shape.expect("the file is a section");
    definitions.insert("shape".to_owned(), shape);
    definitions.insert("whole".to_owned(), whole());
    definitions.insert("complete".to_owned(), complete());
    for (name, rules) in [
        (
            "producer",
            vec![
                at_most_one(&["topic", "topics", "queue", "sink"]),
                at_most_one(&["partition", "partitioner"]),
                at_most_one(&["properties", "properties-file"]),
                settings_of_library("producer", "producer-settings"),
            ],
        ),
        (
            "group",
            vec![
                at_most_one(&["topics", "pattern", "assign"]),
                at_most_one(&["commit", "loop"]),
                at_most_one(&["properties", "properties-file"]),
                settings_of_library("consumer", "consumer-settings"),
            ],
        ),
        (
            "topic",
            vec![
                at_most_one(&["replica-assignment", "partitions"]),
                at_most_one(&["replica-assignment", "replication.factor"]),
            ],
        ),
        ("keys", vec![one_key()]),
        ("values", vec![one_key()]),
        ("partitioner", vec![required(&["table"])]),
        ("transaction", vec![required(&["records"])]),
        ("axis", vec![required(&["values", "set"])]),
        ("link-override", vec![required(&["link"])]),
    ] {
        let definition = definitions.get_mut(name);
        let definition = definition.expect("only definitions that are there have rules");
        definition["allOf"] = json!(rules);
    }
}

/// At most one of these keys with a value.
fn at_most_one(keys: &[&str]) -> Value {
    let pairs = keys.iter().enumerate().flat_map(|(index, first)| {
        let rest = keys[index + 1..].iter();
        rest.map(move |second| json!({ "allOf": [given(first), given(second)] }))
    });
    let list: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    json!({
        "not": { "anyOf": pairs.collect::<Vec<_>>() },
        "errorMessage": format!("only one of {} can stand here", list.join(", ")),
    })
}

/// The key is there, and not `null`.
fn given(key: &str) -> Value {
    json!({ "required": [key], "properties": { key: { "not": { "type": "null" } } } })
}

fn one_key() -> Value {
    json!({ "minProperties": 1, "maxProperties": 1 })
}

fn required(keys: &[&str]) -> Value {
    json!({ "required": keys })
}

/// The names of settings hang on `client`. Where an overlay does not say which, both are known.
fn settings_of_library(role: &str, java: &str) -> Value {
    let librdkafka = format!("librdkafka-{role}-settings");
    let config = |name: &str| {
        let settings = json!({ "anyOf": [reference(name), { "type": "null" }] });
        json!({ "properties": { "config": settings } })
    };
    let is = |client: &str| json!({ "required": ["client"], "properties": { "client": { "const": client } } });
    json!({
        "if": is("librdkafka"),
        "then": config(&librdkafka),
        "else": { "if": is("java"), "then": config(java) },
    })
}

/// What hangs on whether the file has variants.
fn whole() -> Value {
    let by = |expect: &str, facts: Value| {
        let or_nothing = |schema: Value| json!({ "anyOf": [schema, { "type": "null" }] });
        json!({
            "properties": {
                "expect": or_nothing(reference(expect)),
                "must-happen": or_nothing(facts),
            },
        })
    };
    let either = json!({ "anyOf": [reference("facts"), reference("facts-by-variant")] });
    json!({
        "type": "object",
        "required": ["title"],
        "properties": { "title": { "type": "string" } },
        "allOf": [
            {
                "if": given("variants"),
                "then": by("expect-by-variant", either),
                "else": by("expectations", reference("facts")),
            },
            {
                "if": { "anyOf": [given("variants"), given("sweep")] },
                "else": reference("complete"),
            },
        ],
    })
}

/// What a run needs, in a file that is one run.
fn complete() -> Value {
    let one_of =
        |keys: &[&str]| json!({ "anyOf": keys.iter().map(|key| given(key)).collect::<Vec<_>>() });
    let java = |settings: &str| {
        json!({
            "if": { "not": given("client") },
            "then": { "properties": { "config": { "anyOf": [reference(settings), { "type": "null" }] } } },
        })
    };
    let producer = json!({
        "type": "object",
        "allOf": [
            given("records"),
            one_of(&["topic", "topics", "queue", "sink"]),
            java("producer-settings"),
        ],
    });
    let group = json!({
        "type": "object",
        "allOf": [one_of(&["topics", "pattern", "assign"]), java("consumer-settings")],
    });
    json!({
        "properties": {
            "producers": { "additionalProperties": producer },
            "groups": { "additionalProperties": group },
        },
        "if": {
            "properties": { "groups": { "type": "object", "minProperties": 1 } },
            "required": ["groups"],
        },
        "then": internal_topics(),
    })
}

/// A group needs `__consumer_offsets`, which by Kafka's defaults needs three brokers.
fn internal_topics() -> Value {
    let few = json!({
        "required": ["brokers"],
        "properties": { "brokers": { "enum": [1, 2, "1", "2"] } },
    });
    let copies = json!({
        "required": ["config"],
        "properties": { "config": { "required": ["offsets.topic.replication.factor"] } },
    });
    let sample = json!({
        "required": ["defaults"],
        "properties": { "defaults": { "const": "server.properties" } },
    });
    json!({
        "properties": {
            "cluster": {
                "if": few,
                "then": {
                    "anyOf": [sample, copies],
                    "errorMessage": "`__consumer_offsets` needs 3 brokers by Kafka's defaults: add `defaults: server.properties`",
                },
            },
        },
    })
}
