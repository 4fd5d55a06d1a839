//! The scenario file as JSON Schema, for editors, and as a reference for people.
//!
//! Both come from the tables of `data/`, the enumerations of the code and the settings; what a
//! schema cannot hold (names, records that exist, overlays laid over a file) the loader alone
//! checks. Draft 7, because that is what editors know best.

mod expect;
mod faults;
mod kinds;
mod manual;
mod maps;
mod rules;
mod settings;
mod table;
mod vocabulary;
mod words;

use serde_json::{Map, Value, json};

pub use manual::reference;

/// The JSON Schema (draft 7) of a scenario file.
pub fn schema() -> Value {
    let mut definitions: Map<String, Value> = Map::new();
    let kinds = kinds::kinds().into_iter();
    let parts = kinds
        .map(|kind| (kind.name, kind.schema))
        .chain(maps::definitions())
        .chain(words::definitions())
        .chain(settings::definitions())
        .chain(faults::definitions())
        .chain(expect::definitions());
    for (name, definition) in parts {
        let before = definitions.insert(name.to_owned(), definition);
        debug_assert!(before.is_none(), "`{name}` is defined once");
    }
    rules::add(&mut definitions);
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "kafkasim scenario",
        "description": "A scenario of kafkasim: topics, clients, what breaks and when, what is expected.",
        "allOf": [maps::reference("shape"), maps::reference("whole")],
        "definitions": definitions,
    })
}
