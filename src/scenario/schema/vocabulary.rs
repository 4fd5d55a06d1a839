//! Words of the format with what they mean: enumerations of the code, and the words not built.
//!
//! A built word is described by the documentation of its value; one that is not built, here.

use serde_json::{Value, json};

use super::table;
use crate::scenario::not_yet::{self, Area};
use crate::verdict::Word;

/// A word that can stand at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) word: &'static str,
    pub(super) meaning: &'static str,
    /// Known to the format, refused by this version.
    pub(super) later: bool,
}

/// The words of an enumeration, then those of its place that are not built.
pub(super) fn words<T: Word>(area: Area) -> Vec<Entry> {
    let built = T::WORDS.iter().map(|value| Entry {
        word: value.as_word(),
        meaning: value.meaning(),
        later: false,
    });
    let rest = later_words(area);
    let mut all: Vec<Entry> = built.collect();
    all.extend(rest.filter(|entry| T::WORDS.iter().all(|value| value.as_word() != entry.word)));
    all
}

/// The words of a place that are not built.
pub(super) fn later_words(area: Area) -> impl Iterator<Item = Entry> {
    not_yet::words(area).iter().map(move |&word| Entry {
        word,
        meaning: table::later_meaning(area, word),
        later: true,
    })
}

impl Entry {
    /// The meaning, with a remark if it is not built.
    pub(super) fn described(&self) -> String {
        described(self.meaning, self.later)
    }
}

/// A description, marked if the thing is not built.
pub(super) fn described(text: &str, later: bool) -> String {
    match (later, text) {
        (false, _) => text.to_owned(),
        (true, "") => NOT_YET.to_owned(),
        (true, _) => format!("{text} {NOT_YET}"),
    }
}

/// What is said of a word that this version refuses.
pub(super) const NOT_YET: &str = "(Not yet: this version refuses it.)";

/// One of these words.
pub(super) fn one_of(entries: &[Entry]) -> Value {
    let words: Vec<&str> = entries.iter().map(|entry| entry.word).collect();
    let texts: Vec<String> = entries.iter().map(Entry::described).collect();
    json!({ "enum": words, "enumDescriptions": texts, "description": list(entries) })
}

/// The words as a list in Markdown, for a description.
fn list(entries: &[Entry]) -> String {
    let lines = entries.iter().map(|entry| match entry.described() {
        text if text.is_empty() => format!("- `{}`", entry.word),
        text => format!("- `{}`: {text}", entry.word),
    });
    lines.collect::<Vec<_>>().join("\n")
}
