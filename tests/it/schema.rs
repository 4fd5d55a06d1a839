//! The JSON Schema of the scenario file, the reference made of the same tables, and the scaffolds.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use kafkasim::scenario::schema::schema;
use serde_json::Value;

mod courses;
mod files;
mod keys;
mod mistakes;
mod values;

/// The schema, ready to judge files.
pub(crate) struct Judge {
    schemas: Schemas,
    index: SchemaIndex,
}

/// Compiled once for all tests.
static JUDGE: LazyLock<Judge> = LazyLock::new(Judge::compiled);

impl Judge {
    pub(crate) fn new() -> &'static Self {
        &JUDGE
    }

    fn compiled() -> Self {
        const PLACE: &str = "https://kafkasim.example/scenario.json";
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        let added = compiler.add_resource(PLACE, schema());
        added.expect("the schema is a document");
        let index = compiler
            .compile(PLACE, &mut schemas)
            .unwrap_or_else(|error| panic!("the schema is none: {error:#}"));
        Self { schemas, index }
    }

    /// What is wrong with a file, YAML included; nothing if it is valid.
    pub(crate) fn complaint(&self, text: &str) -> Option<String> {
        let value: serde_yaml::Value = match serde_yaml::from_str(text) {
            Ok(value) => value,
            Err(error) => return Some(format!("no YAML: {error}")),
        };
        let json = match serde_json::to_value(&value) {
            Ok(json) => json,
            Err(error) => return Some(format!("no JSON: {error}")),
        };
        let judged = self.schemas.validate(&json, self.index);
        judged.err().map(|error| format!("{error:#}"))
    }
}

/// The files of a folder and those below it that end like this, by name.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = folder.read_dir().expect("the folder can be read");
        for entry in entries {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has files");
    found
}

pub(crate) fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file is a text")
}

/// A definition of the schema.
pub(crate) fn definition<'s>(schema: &'s Value, name: &str) -> &'s Value {
    let found = &schema["definitions"][name];
    assert!(found.is_object(), "there is a definition `{name}`");
    found
}
