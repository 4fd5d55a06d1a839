//! What loads is valid: shipped files, scaffolds, the manual's examples, and every resolved form.

use std::collections::BTreeSet;

use kafkasim::scenario::schema::{reference, schema};
use serde_json::Value;

use super::{Judge, files, text_of};
use crate::loader::examples::examples;
use crate::loader::load_text;

const MANUAL: &str = include_str!("../../../docs/scenarios.md");

/// Every file that has to be valid, with its name.
fn valid() -> Vec<(String, String)> {
    let folders = [
        "scenarios",
        "tests/real-kafka/scenarios",
        "src/cli/scaffold",
    ];
    let paths = folders.iter().flat_map(|folder| files(folder, "yaml"));
    let read = paths.map(|path| (path.display().to_string(), text_of(&path)));
    read.collect()
}

/// The examples of `docs/scenarios.md`.
fn manual() -> Vec<(String, String)> {
    let blocks = MANUAL.split("```yaml\n").skip(1).enumerate();
    let blocks = blocks.map(|(index, rest)| {
        let text = rest.split("```").next().unwrap_or_default();
        (
            format!("example {} of the manual", index + 1),
            text.to_owned(),
        )
    });
    blocks
        .filter(|(_, text)| text.starts_with("title:"))
        .collect()
}

#[test]
fn every_shipped_file_is_valid() {
    let judge = Judge::new();
    for (name, text) in valid() {
        if let Some(complaint) = judge.complaint(&text) {
            panic!("{name}\n{complaint}");
        }
    }
}

#[test]
fn the_examples_of_the_grammar_are_valid_but_for_settings_that_are_not_modelled() {
    let judge = Judge::new();
    let mut valid = 0;
    for (number, text) in examples() {
        let refused = load_text(text).err().unwrap_or_default();
        let unmodelled = refused.iter().any(|d| d.text.contains("is not modelled"));
        let complaint = judge.complaint(text);
        valid += usize::from(complaint.is_none());
        // What is pasted as `properties` is one text to a schema.
        if complaint.is_some() {
            assert!(unmodelled, "example {number}: {complaint:?}");
        }
    }
    assert!(12 <= valid, "also examples that are not built are valid");
}

#[test]
fn the_resolved_form_of_every_shipped_file_is_valid_as_yaml_and_as_json() {
    let judge = Judge::new();
    for (name, text) in valid() {
        let loaded = load_text(&text).unwrap_or_else(|_| panic!("{name} loads"));
        for run in &loaded.runs {
            for text in [run.scenario.to_yaml(), run.scenario.to_json()] {
                if let Some(complaint) = judge.complaint(&text) {
                    panic!("{name} {:?}\n{complaint}", run.variant);
                }
            }
        }
    }
}

#[test]
fn the_examples_of_the_manual_load_and_are_valid() {
    let judge = Judge::new();
    let examples = manual();
    assert!(2 <= examples.len(), "the manual shows whole files");
    for (name, text) in examples {
        assert_eq!(judge.complaint(&text), None, "{name}");
        if let Err(diagnostics) = load_text(&text) {
            let said: String = diagnostics.iter().map(ToString::to_string).collect();
            panic!("{name}\n{said}");
        }
    }
}

#[test]
fn the_manual_holds_the_reference_of_today() {
    let begin = "<!-- reference: begin, made by `kafkasim schema --markdown` -->\n";
    let (_, rest) = MANUAL.split_once(begin).expect("the reference begins");
    let (part, _) = rest
        .split_once("<!-- reference: end -->")
        .expect("the reference ends");
    let fresh = reference();
    let difference = part
        .lines()
        .zip(fresh.lines())
        .find(|(old, new)| old != new);
    assert_eq!(
        difference, None,
        "write the output of `schema --markdown` there"
    );
    assert_eq!(part, fresh, "write the output of `schema --markdown` there");
}

#[test]
fn every_definition_is_used() {
    let schema = schema();
    let mut used = BTreeSet::new();
    references(&schema, &mut used);
    let defined = schema["definitions"]
        .as_object()
        .expect("there are definitions");
    let idle: Vec<&String> = defined
        .keys()
        .filter(|name| !used.contains(*name))
        .collect();
    assert!(idle.is_empty(), "{idle:?}");
}

fn references(value: &Value, used: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get("$ref") {
                used.insert(target.trim_start_matches("#/definitions/").to_owned());
            }
            map.values().for_each(|inner| references(inner, used));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, used)),
        _ => {}
    }
}
