//! The tables in `data/`: keys, verbs, steps, and words that are not built.
//!
//! They are the one source of schema and reference. What the loader reads is not theirs to say:
//! tests hold them against it.

use std::sync::LazyLock;

use crate::scenario::not_yet::{self, Area};

/// A map with fixed keys.
#[derive(Debug)]
pub(super) struct Section {
    /// The name of its definition.
    pub(super) name: &'static str,
    /// Its place, for words that are not built.
    pub(super) area: Area,
    /// How the reference heads it; empty if it has no table there.
    pub(super) heading: &'static str,
    /// Its keys, in the order in which files use them.
    pub(super) keys: Vec<Key>,
}

/// A key of a map.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// The definition of its value.
    pub(super) kind: &'static str,
    /// The default as a file would write it, in brackets if told in words; or `required`, or
    /// nothing.
    pub(super) default: &'static str,
    pub(super) text: &'static str,
}

/// A verb of faults.
#[derive(Debug)]
pub(super) struct Verb {
    pub(super) word: &'static str,
    /// The definition of whom it befalls.
    pub(super) who: &'static str,
    /// Whether the message itself is the trigger.
    pub(super) is_message: bool,
    /// Its own parameters.
    pub(super) parameters: Vec<&'static str>,
    /// Those that have to be there.
    pub(super) required: Vec<&'static str>,
    pub(super) text: &'static str,
}

/// A step of an application.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) word: &'static str,
    /// Whether the word alone is a step.
    pub(super) is_word: bool,
    /// The definition of its parameters; empty if it has none.
    pub(super) kind: &'static str,
    /// Where it may stand.
    pub(super) places: Vec<&'static str>,
    pub(super) text: &'static str,
}

/// A quantity that has no place in the code yet.
#[derive(Debug)]
pub(super) struct LaterQuantity {
    /// `topic`, `sink` or `queue`.
    pub(super) of: &'static str,
    pub(super) word: &'static str,
    pub(super) kind: &'static str,
    pub(super) text: &'static str,
}

/// The maps of the format.
pub(super) static SECTIONS: LazyLock<Vec<Section>> =
    LazyLock::new(|| sections(include_str!("data/keys.txt")));
/// The verbs of faults.
pub(super) static VERBS: LazyLock<Vec<Verb>> =
    LazyLock::new(|| verbs(include_str!("data/verbs.txt")));
/// The steps of applications.
pub(super) static STEPS: LazyLock<Vec<Step>> =
    LazyLock::new(|| steps(include_str!("data/steps.txt")));
/// The quantities without a place in the code.
pub(super) static QUANTITIES: LazyLock<Vec<LaterQuantity>> =
    LazyLock::new(|| quantities(include_str!("data/quantities.txt")));

/// The section of that name.
pub(super) fn section(name: &str) -> &'static Section {
    let found = SECTIONS.iter().find(|section| section.name == name);
    found.expect("only sections of the data file are asked for")
}

/// What a word of a place means that is not built; empty where nothing is written.
pub(super) fn later_meaning(area: Area, word: &str) -> &'static str {
    let heading = format!("[{area:?}]");
    let rows = include_str!("data/later.txt").lines();
    let mut rows = rows.skip_while(|line| *line != heading).skip(1);
    let rows = rows.by_ref().take_while(|line| !line.starts_with('['));
    let mut pairs = rows.filter_map(|line| line.split_once(" | "));
    pairs
        .find(|(known, _)| *known == word)
        .map_or("", |(_, text)| text)
}

impl Section {
    /// Whether a key is known to the format and refused by this version.
    pub(super) fn is_later(&self, key: &Key) -> bool {
        not_yet::is_not_yet(self.area, key.name)
    }
}

/// The rows of a data file, cut at the bars.
fn rows<const N: usize>(text: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        columns.try_into().expect("a row has all its columns")
    })
}

fn sections(text: &'static str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(heading) = line.strip_prefix('[') {
            let (name, rest) = heading.split_once("] ").expect("a section has a name");
            let (area, heading) = rest.split_once('|').unwrap_or((rest, ""));
            sections.push(Section {
                name,
                area: area_of(area.trim()),
                heading: heading.trim(),
                keys: Vec::new(),
            });
            continue;
        }
        let mut columns = line.splitn(4, '|').map(str::trim);
        let mut column = || columns.next().expect("a row has four columns");
        let (name, kind, default, text) = (column(), column(), column(), column());
        let last = sections.last_mut().expect("a row stands in a section");
        last.keys.push(Key {
            name,
            kind,
            default,
            text,
        });
    }
    sections
}

/// The place of that name, if words of it are not built.
fn area_of(name: &str) -> Area {
    let known = not_yet::NOT_YET.iter().map(|(area, _)| *area);
    let mut known = known.filter(|area| format!("{area:?}") == name);
    known.next().unwrap_or(Area::Nothing)
}

fn verbs(text: &'static str) -> Vec<Verb> {
    let verb = |[word, who, trigger, parameters, text]: [&'static str; 5]| {
        let words = parameters.split_whitespace();
        Verb {
            word,
            who,
            is_message: trigger == "message",
            parameters: words
                .clone()
                .map(|word| word.trim_end_matches('!'))
                .collect(),
            required: words.filter_map(|word| word.strip_suffix('!')).collect(),
            text,
        }
    };
    rows(text).map(verb).collect()
}

fn steps(text: &'static str) -> Vec<Step> {
    let step = |[word, alone, kind, places, text]: [&'static str; 5]| Step {
        word,
        is_word: alone == "yes",
        kind,
        places: places.split_whitespace().collect(),
        text,
    };
    rows(text).map(step).collect()
}

fn quantities(text: &'static str) -> Vec<LaterQuantity> {
    let quantity = |[of, word, kind, text]: [&'static str; 4]| LaterQuantity {
        of,
        word,
        kind,
        text,
    };
    rows(text).map(quantity).collect()
}
