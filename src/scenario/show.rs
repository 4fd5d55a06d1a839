//! The resolved form as text, and back.

use serde::{Deserialize, Deserializer, Serialize};

use super::diagnostic::Diagnostic;
use super::load::{Options, load};
use super::reader;
use super::resolved::Scenario;
use super::tree::{Node, Place, Value};

impl Scenario {
    /// The scenario as a file, which loads to the same scenario.
    pub fn to_yaml(&self) -> String {
        as_file(self)
    }

    /// The same as JSON, which the loader reads too.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a scenario consists of maps, lists and texts")
    }

    /// A scenario that a program built, checked as a file is, with every default filled in.
    ///
    /// # Errors
    /// The mistakes, with their places in the text that [`Scenario::to_json`] gives.
    pub fn checked(&self) -> Result<Self, Vec<Diagnostic>> {
        read(&self.to_json())
    }
}

/// Any part of a scenario as the text of a file.
pub(super) fn as_file(value: &impl Serialize) -> String {
    /// Line breaks to the YAML crate, which follows YAML 1.1, and to the loader none.
    const BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];
    let text = serde_yaml::to_string(value);
    let text = text.expect("a scenario consists of maps, lists, texts and numbers");
    let as_yaml = (!text.contains(BREAKS))
        .then(|| with_quotes(text))
        .flatten();
    as_yaml.unwrap_or_else(|| {
        let text = serde_json::to_string_pretty(value);
        text.expect("what is YAML without tags is JSON")
    })
}

/// Puts quotes around the plain scalars that the loader refuses: the YAML crate writes `NO` and
/// `12:30` without. `None` if the loader refuses something that is no plain scalar.
fn with_quotes(mut text: String) -> Option<String> {
    loop {
        let places: Vec<Place> = match reader::read_text(&text) {
            Ok(tree) => grouped_numbers(&tree),
            Err(problems) => problems.iter().map(|problem| problem.place).collect(),
        };
        if places.is_empty() {
            return Some(text);
        }
        for place in places.iter().rev() {
            let scalar = &text[place.start..place.end];
            if scalar.is_empty()
                || scalar.starts_with(['"', '\'', '|', '>'])
                || scalar.contains('\n')
            {
                return None;
            }
            text.insert(place.end, '"');
            text.insert(place.start, '"');
        }
    }
}

/// The places of texts such as `1_000`, which the loader takes for a number where it wants one.
fn grouped_numbers(node: &Node) -> Vec<Place> {
    match &node.value {
        Value::Scalar(scalar) if scalar.is_grouped_number() => vec![node.place],
        Value::Scalar(_) | Value::Null => Vec::new(),
        Value::List(items) => items.iter().flat_map(grouped_numbers).collect(),
        Value::Map(entries) => {
            let nodes = entries.iter().map(|entry| &entry.node);
            nodes.flat_map(grouped_numbers).collect()
        }
    }
}

fn read(text: &str) -> Result<Scenario, Vec<Diagnostic>> {
    let no_files = |path: &str| Err(format!("`{path}`: only files can name other files"));
    let loaded = load(text.as_bytes(), "scenario", &no_files, &Options::default())?;
    let run = loaded.runs.into_iter().next();
    Ok(run.expect("a loaded file has at least one run").scenario)
}

impl<'de> Deserialize<'de> for Scenario {
    /// From any format that has maps, lists and texts, with all checks of a file.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        // The value type of the YAML crate keeps the order of maps, which is the order of actors.
        let value = serde_yaml::Value::deserialize(deserializer)?;
        let text = serde_json::to_string(&value).map_err(D::Error::custom)?;
        read(&text).map_err(|diagnostics| {
            let texts: Vec<String> = diagnostics.into_iter().map(|d| d.text).collect();
            D::Error::custom(texts.join("; "))
        })
    }
}
