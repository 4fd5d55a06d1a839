//! The tables of the schema and what the loader reads name the same words at the same places.

use std::collections::BTreeSet;

use kafkasim::scenario::Diagnostic;
use kafkasim::scenario::schema::schema;
use serde_json::Value;

use super::definition;
use crate::loader::{BASE, load_text};

/// A word that no place knows.
const WRONG: &str = "elephant";

/// A definition, and a file in which the wrong word stands where the definition does.
const PLACES: [(&str, &str); 27] = [
    ("shape", "elephant: x\n"),
    ("cluster", "cluster: { elephant: x }\n"),
    ("network", "network: { elephant: x }\n"),
    ("link-override", "network: { links: [{ elephant: x }] }\n"),
    ("topic", "topics: { orders: { elephant: x } }\n"),
    ("sink", "sinks: { s: { elephant: x } }\n"),
    ("queue", "queues: { q: { elephant: x } }\n"),
    ("producer", "producers: { p: { elephant: x } }\n"),
    (
        "record-sent",
        "producers: { p: { records: [{ elephant: x }] } }\n",
    ),
    ("keys", "producers: { p: { keys: { elephant: x } } }\n"),
    ("values", "producers: { p: { values: { elephant: x } } }\n"),
    (
        "partitioner",
        "producers: { p: { partitioner: { elephant: x } } }\n",
    ),
    (
        "transaction",
        "producers: { p: { transaction: { elephant: x } } }\n",
    ),
    ("group", "groups: { workers: { elephant: x } }\n"),
    (
        "group-producer",
        "groups: { workers: { producer: { elephant: x } } }\n",
    ),
    (
        "process-map",
        "groups: { workers: { process: { elephant: x } } }\n",
    ),
    (
        "poll-step",
        "groups: { workers: { loop: [{ poll: { elephant: x } }] } }\n",
    ),
    (
        "commit-step",
        "groups: { workers: { loop: [poll, { commit-sync: { elephant: x } }] } }\n",
    ),
    (
        "hand-off-step",
        "groups: { workers: { loop: [poll, { hand-off: { elephant: x } }] } }\n",
    ),
    (
        "send-step",
        "groups: { workers: { loop: [poll, { each: [{ send: { elephant: x } }] }] } }\n",
    ),
    (
        "abort-step",
        "groups: { workers: { loop: [poll, { abort-transaction: { elephant: x } }] } }\n",
    ),
    (
        "fact-detail",
        "must-happen: [{ rebalance: { elephant: x } }]\n",
    ),
    ("limits", "limits: { elephant: x }\n"),
    (
        "sink-quantities",
        "sinks: { s: {} }\nexpect: { sinks: { s: { elephant: 0 } } }\n",
    ),
    (
        "queue-quantities",
        "queues: { q: {} }\nexpect: { queues: { q: { elephant: 0 } } }\n",
    ),
    (
        "group-quantities",
        "expect: { groups: { workers: { elephant: 0 } } }\n",
    ),
    ("axis", "sweep: { a: { elephant: x } }\n"),
];

/// The base file without the keys that the text gives anew.
fn whole(text: &str) -> String {
    let keys: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split(':').next())
        .collect();
    let kept = BASE
        .lines()
        .filter(|line| !keys.iter().any(|key| line.starts_with(key)));
    format!("{}\n{text}", kept.collect::<Vec<_>>().join("\n"))
}

fn diagnostics(text: &str) -> Vec<Diagnostic> {
    load_text(&whole(text)).expect_err("the wrong word is refused")
}

/// The words behind a phrase of a help, such as `keys here: `.
fn listed(diagnostics: &[Diagnostic], phrase: &str) -> Option<BTreeSet<String>> {
    let about = diagnostics
        .iter()
        .filter(|d| d.text.contains(&format!("`{WRONG}`")));
    let mut helps = about.filter_map(|d| d.help.as_deref());
    let list = helps.find_map(|help| help.split_once(phrase))?.1;
    Some(list.split(", ").map(str::to_owned).collect())
}

fn keys_of(schema: &Value) -> BTreeSet<String> {
    let properties = schema["properties"]
        .as_object()
        .expect("a closed map has properties");
    properties.keys().cloned().collect()
}

#[test]
fn every_map_of_the_schema_has_the_keys_that_the_loader_reads() {
    let schema = schema();
    let mut compared = 0;
    for (name, text) in PLACES {
        // Where the whole place is not built, the loader says nothing of its keys.
        let Some(read) = listed(&diagnostics(text), "keys here: ") else {
            continue;
        };
        assert_eq!(keys_of(definition(&schema, name)), read, "{name}");
        compared += 1;
    }
    assert!(15 <= compared, "only {compared} places were compared");
}

#[test]
fn the_verbs_of_the_schema_are_those_of_the_loader() {
    let read = listed(&diagnostics("faults: [{ elephant: x }]\n"), "verbs: ");
    let read = read.or_else(|| {
        let all = diagnostics("faults: [{ elephant: x }]\n");
        let help = all
            .iter()
            .find_map(|d| d.help.as_deref()?.split_once("verbs: "))?;
        Some(help.1.split(", ").map(str::to_owned).collect())
    });
    let schema = schema();
    let rules = definition(&schema, "fault")["oneOf"]
        .as_array()
        .expect("one verb");
    let verbs: BTreeSet<String> = rules
        .iter()
        .map(|rule| {
            rule["required"][0]
                .as_str()
                .expect("a verb is a word")
                .to_owned()
        })
        .collect();
    assert_eq!(Some(verbs), read);
}

#[test]
fn a_verb_has_the_parameters_that_the_loader_reads() {
    let schema = schema();
    let rules = definition(&schema, "fault")["allOf"]
        .as_array()
        .expect("rules by verb");
    let mut compared = 0;
    for rule in rules {
        let verb = rule["if"]["required"][0]
            .as_str()
            .expect("a verb is a word");
        let names = rule["then"]["propertyNames"]["enum"].as_array();
        let known: BTreeSet<String> = names
            .expect("the keys of a verb are listed")
            .iter()
            .map(|name| name.as_str().expect("a key is a text").to_owned())
            .collect();
        let is_message = rule["then"].get("oneOf").is_none();
        let text = format!(
            "faults: [{{ {verb}: workers, {}, elephant: x, for: 5s, to: latest }}]\n",
            if is_message { "nth: 1" } else { "before: poll" }
        );
        let Some(mut read) = listed(&diagnostics(&text), "keys here: ") else {
            continue;
        };
        if is_message {
            // The loader knows the triggers, to say that the message itself is one.
            for key in ["at", "before", "after", "when", "of", "error", "every"] {
                if !known.contains(key) {
                    read.remove(key);
                }
            }
        }
        assert_eq!(known, read, "{verb}");
        compared += 1;
    }
    assert!(7 <= compared, "only {compared} verbs were compared");
}

#[test]
fn the_steps_of_the_schema_are_those_of_the_loader_and_stand_where_it_lets_them() {
    let schema = schema();
    let mut all = BTreeSet::new();
    for (name, template, pointer) in [
        (
            "loop",
            "groups: { workers: { topics: [orders], loop: [poll, STEP, { each: [process] }] } }\n",
            "/additionalItems/anyOf/0/enum",
        ),
        (
            "loop",
            "groups: { workers: { topics: [orders], loop: [STEP, { each: [process] }] } }\n",
            "/items/0/anyOf/0/enum",
        ),
        (
            "each-steps",
            "groups: { workers: { topics: [orders], loop: [poll, { each: [STEP] }] } }\n",
            "/items/anyOf/0/enum",
        ),
        (
            "hand-off-steps",
            "groups: { workers: { topics: [orders], loop: [poll, { hand-off: { steps: [STEP] } }] } }\n",
            "/items/anyOf/0/enum",
        ),
        (
            "listener",
            "groups: { workers: { topics: [orders], on-revoked: [STEP] } }\n",
            "/items/anyOf/0/enum",
        ),
    ] {
        let definition = definition(&schema, name);
        let words = definition.pointer(pointer).and_then(Value::as_array);
        let words: Vec<&str> = words
            .expect("words stand there")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let maps = definition.pointer(&pointer.replace("/0/enum", "/1/properties"));
        let maps = maps.and_then(Value::as_object).expect("maps stand there");
        all.extend(words.iter().map(|word| (*word).to_owned()));
        all.extend(maps.keys().cloned());
        for word in [
            "poll",
            "process",
            "commit-sync",
            "commit-async",
            "hand-off",
            "close",
        ] {
            let loads = load_text(&whole(&template.replace("STEP", word))).is_ok();
            assert_eq!(words.contains(&word), loads, "`{word}` in {name}");
        }
    }
    let read = listed(
        &diagnostics("groups: { workers: { loop: [poll, elephant] } }\n"),
        "words here: ",
    );
    assert_eq!(Some(all), read);
}

#[test]
fn every_word_that_is_not_built_is_described() {
    let schema = schema();
    let definitions = schema["definitions"]
        .as_object()
        .expect("there are definitions");
    for (name, definition) in definitions {
        if matches!(name.as_str(), "release" | "request") {
            continue;
        }
        let texts = definition["enumDescriptions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for text in texts {
            let text = text.as_str().expect("a description is a text");
            assert!(
                !text.is_empty() && !text.starts_with("(Not yet"),
                "{name}: `{text}`"
            );
        }
    }
}
