//! The definitions made of words: enumerations of the code with the words that are not built, facts
//! and steps that a fault names.

use serde_json::{Value, json};

use super::vocabulary::{Entry, described, one_of, words};
use crate::scenario::decode::RELEASES;
use crate::scenario::decode::fault_network::{APIS, LaterApi};
use crate::scenario::decode::group::GroupType;
use crate::scenario::not_yet::Area;
use crate::scenario::resolved::client::{
    CallFailure, Effect, Library, ProcessFailure, SendFailure,
};
use crate::scenario::resolved::fault::Breakage;
use crate::scenario::resolved::step::{LoopName, Offsets, Revoked, StepName};
use crate::scenario::resolved::{Create, Defaults, Mode};
use crate::verdict::{Ends, FactWord, Word};

/// Definitions by name, and how the manual writes their values.
pub(super) fn definitions() -> Vec<(&'static str, Value)> {
    let duration = json!({ "$ref": "#/definitions/duration" });
    let nowhere = Area::Nothing;
    let mut create = one_of(&words::<Create>(Area::Create));
    create = or(&create, &duration, "Or an instant.");
    let mut all = vec![
        ("release", releases()),
        ("mode", one_of(&words::<Mode>(Area::Mode))),
        ("defaults", one_of(&words::<Defaults>(nowhere))),
        ("create", create),
        ("on-failure", one_of(&words::<SendFailure>(nowhere))),
        ("client", one_of(&words::<Library>(nowhere))),
        ("group-type", one_of(&words::<GroupType>(Area::GroupType))),
        ("commit", one_of(&words::<LoopName>(Area::Loop))),
        ("effect", one_of(&words::<Effect>(Area::Effect))),
        ("call-failure", one_of(&words::<CallFailure>(nowhere))),
        ("process-failure", one_of(&words::<ProcessFailure>(nowhere))),
        ("offsets", one_of(&words::<Offsets>(nowhere))),
        ("revoked", one_of(&words::<Revoked>(nowhere))),
        ("breakage", one_of(&words::<Breakage>(nowhere))),
        ("ends", one_of(&words::<Ends>(nowhere))),
        ("fault-step", one_of(&words::<StepName>(Area::FaultStep))),
        ("fact", one_of(&facts())),
        ("request", requests()),
    ];
    all.extend(not_built(&duration));
    all
}

/// Every fact, built or not.
pub(super) fn facts() -> Vec<Entry> {
    words::<FactWord>(Area::Fact)
}

/// Words whose whole surroundings are not built.
fn not_built(duration: &Value) -> Vec<(&'static str, Value)> {
    let plain = |words: &[&str]| json!({ "enum": words });
    let disconnect = json!({ "anyOf": [duration, { "const": "until-disconnect" }] });
    let count = json!({ "$ref": "#/definitions/count" });
    vec![
        ("bulk", plain(&["atomic", "row-by-row"])),
        ("unique", plain(&["none", "record", "key"])),
        ("on-conflict", plain(&["ignore", "overwrite", "refuse"])),
        ("on-sink-failure", plain(&["retry", "continue", "stop"])),
        ("visibility-timeout", disconnect),
        (
            "delete",
            plain(&["after-processing", "before-processing", "after-batch"]),
        ),
        ("order", plain(&["none", "fifo"])),
        ("acknowledgement", plain(&["accept", "release", "reject"])),
        (
            "tail",
            json!({ "anyOf": [{ "enum": ["all", "drawn"] }, count.clone()] }),
        ),
        ("up-to", json!({ "anyOf": [{ "enum": ["latest"] }, count] })),
        ("election", plain(&["preferred", "unclean"])),
        ("timestamps", plain(&["create", "append"])),
    ]
}

/// A word, or something else.
fn or(words: &Value, other: &Value, about: &str) -> Value {
    let mut description = words["description"].as_str().unwrap_or_default().to_owned();
    description.push('\n');
    description.push_str(about);
    json!({ "anyOf": [words, other], "description": description })
}

fn releases() -> Value {
    let newest = RELEASES.last().expect("a release is known");
    let entry = |word: &&'static str| Entry {
        word,
        meaning: "",
        later: word != newest,
    };
    one_of(&RELEASES.iter().rev().map(entry).collect::<Vec<_>>())
}

fn requests() -> Value {
    let built = APIS.iter().map(|(word, _)| (*word, false));
    let later = LaterApi::WORDS.iter().map(|api| (api.as_word(), true));
    let entry = |(word, later)| Entry {
        word,
        meaning: "",
        later,
    };
    one_of(&built.chain(later).map(entry).collect::<Vec<_>>())
}

/// The anomalies of `expect` as keys.
pub(super) fn anomalies() -> Value {
    let entries = words::<crate::scenario::decode::expect::Anomaly>(Area::Anomaly);
    let property = |entry: &Entry| {
        let schema = json!({
            "description": described(entry.meaning, entry.later),
            "anyOf": [{ "$ref": "#/definitions/range" }, { "type": "null" }],
        });
        (entry.word.to_owned(), schema)
    };
    json!({
        "description": "Anomalies by name, with how often each may occur.",
        "type": "object",
        "properties": entries.iter().map(property).collect::<serde_json::Map<_, _>>(),
        "additionalProperties": false,
    })
}
