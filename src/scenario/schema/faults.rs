//! Faults and the steps of applications: one verb, one trigger, parameters; where a step may stand.

use serde_json::{Map, Value, json};

use super::maps::{closed, nullable, reference};
use super::table::{STEPS, Step, VERBS, Verb, section};
use super::vocabulary::described;
use crate::scenario::not_yet::{self, Area};

/// The triggers of a fault.
const TRIGGERS: [&str; 4] = ["at", "before", "after", "when"];
/// What may stand beside every verb.
const ANYWHERE: [&str; 5] = ["name", "optional", "record", "nth", "times"];

/// Every definition of this file.
pub(super) fn definitions() -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("fault", fault()),
        ("faults", faults()),
        ("loop", the_loop()),
    ];
    for (name, place) in [
        ("each-steps", "each"),
        ("hand-off-steps", "hand-off"),
        ("listener", "listener"),
    ] {
        let least = usize::from(place != "listener");
        let list = json!({ "type": "array", "items": step(place), "minItems": least });
        all.push((name, list));
    }
    all
}

/// Whether a verb is known to the format and refused by this version.
pub(super) fn is_later(verb: &Verb) -> bool {
    not_yet::is_not_yet(Area::Verb, verb.word)
}

fn fault() -> Value {
    let mut schema = closed(section("fault"));
    let properties = schema["properties"].as_object_mut();
    let properties = properties.expect("a closed map has properties");
    for verb in VERBS.iter() {
        let text = described(verb.text, is_later(verb));
        let mut property = reference(verb.who);
        property = json!({ "description": text, "allOf": [property] });
        properties.insert(verb.word.to_owned(), property);
    }
    let verbs: Vec<Value> = VERBS
        .iter()
        .map(|verb| json!({ "required": [verb.word] }))
        .collect();
    schema["description"] = json!("One verb, one trigger, parameters.");
    schema["oneOf"] = json!(verbs);
    schema["errorMessage"] = json!("a fault has one verb");
    schema["allOf"] = json!(VERBS.iter().map(rule).collect::<Vec<_>>());
    schema
}

/// What may and what has to stand beside a verb.
fn rule(verb: &Verb) -> Value {
    let mut keys: Vec<&str> = ANYWHERE.to_vec();
    keys.push(verb.word);
    keys.extend(&verb.parameters);
    let mut then = Map::new();
    then.insert("required".to_owned(), json!(verb.required));
    if !verb.is_message {
        keys.extend(TRIGGERS);
        keys.extend(["of", "error", "every"]);
        let one: Vec<Value> = TRIGGERS
            .iter()
            .map(|trigger| json!({ "required": [trigger] }))
            .collect();
        then.insert("oneOf".to_owned(), json!(one));
    }
    then.insert("propertyNames".to_owned(), json!({ "enum": keys }));
    let to = match verb.word {
        "seek" | "set-offsets" => Some(reference("target")),
        "add-partitions" => Some(reference("positive")),
        _ if verb.is_message => Some(reference("actor")),
        _ => None,
    };
    let mut properties = Map::new();
    if let Some(to) = to {
        let to = json!({ "anyOf": [to, { "type": "null" }] });
        properties.insert("to".to_owned(), to);
    }
    if verb.word == "set-offsets" {
        let one = json!([{ "required": ["to"] }, { "required": ["shift-by"] }]);
        then.insert("anyOf".to_owned(), one);
        let both = json!({ "required": ["to", "shift-by"] });
        then.insert("not".to_owned(), both);
    }
    then.insert("properties".to_owned(), Value::Object(properties));
    json!({ "if": { "required": [verb.word] }, "then": then })
}

/// A list of faults. A cut without an end needs a `heal`; of which link, the loader sees.
fn faults() -> Value {
    let endless = json!({ "required": ["cut"], "not": { "required": ["for"] } });
    json!({
        "type": "array",
        "items": reference("fault"),
        "if": { "contains": endless },
        "then": { "contains": { "required": ["heal"] } },
        "errorMessage": "a cut ends: `for: 30s`, or a later `heal` of the same link",
    })
}

fn the_loop() -> Value {
    json!({
        "description": "The steps between two polls. It begins with `poll`.",
        "type": "array",
        "items": [step("first")],
        "additionalItems": step("loop"),
        "minItems": 2,
    })
}

/// A step at a place: a word, or a map of one word to its parameters.
fn step(place: &str) -> Value {
    let here: Vec<&Step> = STEPS
        .iter()
        .filter(|step| step.places.contains(&place))
        .collect();
    let words = here.iter().filter(|step| step.is_word);
    let words: Vec<&str> = words.map(|step| step.word).collect();
    let texts = here
        .iter()
        .filter(|step| step.is_word)
        .map(|step| text(step));
    let texts: Vec<String> = texts.collect();
    let mut properties = Map::new();
    for step in here.iter().filter(|step| !step.kind.is_empty()) {
        let kind = nullable_if_word(step);
        let property = json!({ "description": text(step), "anyOf": [kind] });
        properties.insert(step.word.to_owned(), property);
    }
    json!({
        "anyOf": [
            { "enum": words, "enumDescriptions": texts },
            {
                "type": "object",
                "properties": properties,
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ],
    })
}

/// A step that is complete without parameters takes `null` for them.
fn nullable_if_word(step: &Step) -> Value {
    if step.is_word {
        nullable(step.kind)
    } else {
        reference(step.kind)
    }
}

/// Whether a step is known to the format and refused by this version.
pub(super) fn is_later_step(step: &Step) -> bool {
    not_yet::is_not_yet(Area::Step, step.word)
}

fn text(step: &Step) -> String {
    described(step.text, is_later_step(step))
}
