//! `expect` and `must-happen`: quantities by subject and shape, facts with their counts.

use serde_json::{Map, Value, json};

use super::maps::reference;
use super::table::QUANTITIES;
use super::vocabulary::{Entry, NOT_YET, described, words};
use super::words::{anomalies, facts};
use crate::scenario::not_yet::{self, Area};
use crate::verdict::quantity::{Shape, SubjectKind};
use crate::verdict::{Quantity, Stage, Word};

/// A quantity of a subject.
pub(super) struct Row {
    pub(super) word: &'static str,
    /// The definition of what it is compared with.
    pub(super) kind: &'static str,
    pub(super) text: &'static str,
    /// Known to the format, refused by this version.
    pub(super) later: bool,
}

/// The quantities of a kind of subject, those of the code first.
pub(super) fn quantities(of: SubjectKind) -> Vec<Row> {
    let built = Quantity::ALL.iter().filter_map(|quantity| {
        Some(Row {
            word: quantity.word(),
            kind: kind(Shape::of(*quantity, of)?),
            text: quantity.meaning(),
            later: false,
        })
    });
    let mut rows: Vec<Row> = built.collect();
    if of == SubjectKind::Topic {
        let later = later_quantities("topic");
        let new: Vec<Row> = later
            .filter(|row| rows.iter().all(|known| known.word != row.word))
            .collect();
        rows.extend(new);
    }
    rows
}

/// The quantities of a subject that have no place in the code.
pub(super) fn later_quantities(of: &'static str) -> impl Iterator<Item = Row> {
    let rows = QUANTITIES.iter().filter(move |row| row.of == of);
    rows.map(|row| Row {
        word: row.word,
        kind: row.kind,
        text: row.text,
        later: true,
    })
}

/// The definition of what a shape is compared with.
const fn kind(shape: Shape) -> &'static str {
    match shape {
        Shape::Count | Shape::Offset => "range",
        Shape::Time => "time-range",
        Shape::Records => "record-set",
        Shape::LostRecords => "lost",
        Shape::Offsets => "offsets-by-partition",
        Shape::Partitions => "assignment",
        Shape::Calls => "calls",
        Shape::Contents => "contents",
        Shape::Keys => "keys-by-partition",
        Shape::Actor => "actor",
        Shape::Actors => "actor-list",
        Shape::Clock => "timestamps",
    }
}

/// Every definition of this file.
pub(super) fn definitions() -> Vec<(&'static str, Value)> {
    let mut all = shapes();
    for (name, kind) in [
        ("group-quantities", SubjectKind::Group),
        ("topic-quantities", SubjectKind::Topic),
        ("producer-quantities", SubjectKind::Producer),
    ] {
        all.push((name, map(&quantities(kind))));
    }
    all.push((
        "sink-quantities",
        map(&later_quantities("sink").collect::<Vec<_>>()),
    ));
    all.push((
        "queue-quantities",
        map(&later_quantities("queue").collect::<Vec<_>>()),
    ));
    all.push(("anomalies", anomalies()));
    all.push(("expectations", expectations()));
    all.push(("expect", json!({ "type": "object" })));
    all.push(("must-happen", json!({ "type": ["array", "object"] })));
    all.push(("expect-by-variant", by_variant(&reference("expectations"))));
    all.push(("facts", json!({ "type": "array", "items": demand() })));
    all.push(("facts-by-variant", by_variant(&reference("facts"))));
    all
}

fn by_variant(of: &Value) -> Value {
    let or_nothing = json!({ "anyOf": [of, { "type": "null" }] });
    json!({
        "type": "object",
        "properties": {
            "every-variant": { "description": "Of all variants.", "anyOf": [or_nothing] },
        },
        "propertyNames": reference("name"),
        "additionalProperties": or_nothing,
    })
}

fn shapes() -> Vec<(&'static str, Value)> {
    let by = |key: &str, value: Value| json!({ "type": "object", "propertyNames": reference(key), "additionalProperties": value });
    let partitions = json!({ "anyOf": [reference("partitions"), reference("count")] });
    let calls = json!({
        "type": "array",
        "items": { "type": "string", "pattern": "^(assigned|revoked|lost)( [A-Za-z0-9][A-Za-z0-9._-]*-[0-9]+)*$" },
    });
    let stages = words::<Stage>(Area::Nothing);
    let stages = stages.iter().map(|stage| {
        let schema =
            json!({ "description": stage.described(), "anyOf": [reference("record-set")] });
        (stage.word.to_owned(), schema)
    });
    let stages = json!({
        "type": "object",
        "properties": stages.collect::<Map<_, _>>(),
        "additionalProperties": false,
    });
    let lost = json!({ "anyOf": [reference("record-set"), stages] });
    let actors = json!({ "type": "array", "items": reference("actor") });
    vec![
        ("lost", lost),
        (
            "offsets-by-partition",
            by("partition", reference("offset-range")),
        ),
        ("assignment", by("name", partitions)),
        ("calls", by("name", calls)),
        ("contents", by("partition", reference("records"))),
        ("keys-by-partition", by("partition", reference("texts"))),
        ("actor-list", actors),
    ]
}

fn map(rows: &[Row]) -> Value {
    json!({
        "type": "object",
        "properties": rows.iter().map(property).collect::<Map<_, _>>(),
        "additionalProperties": false,
    })
}

fn property(row: &Row) -> (String, Value) {
    let schema = json!({
        "description": described(row.text, row.later),
        "anyOf": [reference(row.kind), { "type": "null" }],
    });
    (row.word.to_owned(), schema)
}

/// What a run is judged by: quantities of the whole, then by name.
fn expectations() -> Value {
    let rows = quantities(SubjectKind::Run);
    let mut properties: Map<String, Value> = rows.iter().map(property).collect();
    let named = |of: &str| {
        json!({
            "type": "object",
            "propertyNames": reference("name"),
            "additionalProperties": reference(of),
        })
    };
    let at = json!({
        "type": "object",
        "propertyNames": reference("moment"),
        "additionalProperties": reference("expectations"),
    });
    for (word, text, value) in [
        ("ends", "How the run must end.", reference("ends")),
        (
            "anomalies",
            "How often each anomaly may occur.",
            reference("anomalies"),
        ),
        ("groups", "Quantities by group.", named("group-quantities")),
        (
            "topics",
            "Quantities by topic or partition.",
            named("topic-quantities"),
        ),
        (
            "producers",
            "Quantities by producer.",
            named("producer-quantities"),
        ),
        ("sinks", "Quantities by sink.", named("sink-quantities")),
        ("queues", "Quantities by queue.", named("queue-quantities")),
        (
            "some-seed",
            "What some seed of `seeds` shows.",
            reference("expectations"),
        ),
        (
            "every-seed",
            "What every seed of `seeds` shows.",
            reference("expectations"),
        ),
        ("at", "States at an instant.", at),
    ] {
        let later = not_yet::is_not_yet(Area::Expect, word);
        let schema = json!({
            "description": described(text, later),
            "anyOf": [value, { "type": "null" }],
        });
        properties.insert(word.to_owned(), schema);
    }
    json!({
        "description": "Quantities of all groups or all producers summed, or by name. What is not mentioned is not judged.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// A demanded fact: a word, or a map from words to how often.
fn demand() -> Value {
    let property = |entry: &Entry| {
        let schema = json!({
            "description": entry.described(),
            "anyOf": [reference("range"), reference("fact-detail")],
        });
        (entry.word.to_owned(), schema)
    };
    let facts = facts();
    json!({
        "description": format!("A fact that has to happen. {}", remark(&facts)),
        "anyOf": [
            reference("fact"),
            {
                "type": "object",
                "properties": facts.iter().map(property).collect::<Map<_, _>>(),
                "additionalProperties": false,
                "minProperties": 1,
            },
        ],
    })
}

/// How many of the facts are not built.
fn remark(facts: &[Entry]) -> String {
    let later = facts.iter().filter(|fact| fact.later).count();
    format!("{later} of {} facts are marked {NOT_YET}", facts.len())
}
