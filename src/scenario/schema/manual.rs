//! The reference of the scenario file as Markdown, from the tables the schema is made of.

use std::fmt::Write as _;

use serde_json::Value;

use super::expect::{Row, later_quantities, quantities};
use super::faults::{is_later, is_later_step};
use super::kinds;
use super::maps::default_in_words;
use super::table::{QUANTITIES, SECTIONS, STEPS, Section, VERBS, Verb};
use super::vocabulary::{Entry, words};
use super::words::{definitions, facts};
use crate::scenario::not_yet::Area;
use crate::scenario::resolved::step::{LoopName, Step, in_one_line};
use crate::verdict::Stage;
use crate::verdict::quantity::SubjectKind;

/// Behind a word that the format knows and this version refuses.
const LATER: &str = "†";

/// The reference: kinds of value, every key, steps, loops, verbs, quantities and facts.
pub fn reference() -> String {
    let mut page =
        format!("{LATER} marks what the format knows and this version refuses with \"not yet\".\n");
    kinds_of_value(&mut page);
    for section in SECTIONS.iter().filter(|s| !s.heading.is_empty()) {
        keys(&mut page, section);
        if section.heading.starts_with("`groups") {
            loops(&mut page);
            steps(&mut page);
        }
    }
    verbs(&mut page);
    all_quantities(&mut page);
    all_facts(&mut page);
    page
}

/// What comes between two parts.
fn heading(page: &mut String, text: &str) {
    line(page, format_args!("\n### {text}\n"));
}

fn line(page: &mut String, text: impl std::fmt::Display) {
    writeln!(page, "{text}").expect("a text takes a line");
}

fn mark(later: bool) -> &'static str {
    if later { LATER } else { "" }
}

fn kinds_of_value(page: &mut String) {
    heading(page, "Kinds of value");
    line(page, "| kind | written |\n|---|---|");
    let mut told: Vec<&str> = Vec::new();
    for kind in kinds::kinds() {
        let is_name = kind.title.starts_with(|c: char| c.is_ascii_uppercase());
        if is_name
            && kind.title.chars().all(|c| c.is_ascii_uppercase())
            && !told.contains(&kind.title)
        {
            let about = kind.schema["description"].as_str().unwrap_or_default();
            line(page, format_args!("| {} | {about} |", kind.title));
            told.push(kind.title);
        }
    }
}

fn keys(page: &mut String, section: &Section) {
    heading(page, section.heading);
    line(
        page,
        "| key | takes | default | meaning |\n|---|---|---|---|",
    );
    for key in &section.keys {
        let default = match key.default {
            "" => "–".to_owned(),
            "required" => "required".to_owned(),
            default => default_in_words(default),
        };
        let mark = mark(section.is_later(key));
        let takes = label(key.kind);
        line(
            page,
            format_args!(
                "| `{}`{mark} | {takes} | {default} | {} |",
                key.name, key.text
            ),
        );
    }
}

/// How a definition is written: a kind of value, a few words, or by the table of labels.
fn label(kind: &str) -> String {
    let labels = include_str!("data/labels.txt").lines();
    let mut pairs = labels.filter_map(|line| line.split_once(" | "));
    if let Some((_, label)) = pairs.find(|(name, _)| *name == kind) {
        return label.to_owned();
    }
    if let Some(found) = kinds::kinds().into_iter().find(|known| known.name == kind) {
        return found.title.to_owned();
    }
    let definition = definitions().into_iter().find(|(name, _)| *name == kind);
    let words = definition.map(|(_, schema)| few_words(&schema));
    words.expect("every kind of the tables has a label")
}

/// The words of an enumeration, those that are not built with a mark.
fn few_words(schema: &Value) -> String {
    let list = |key: &str| schema[key].as_array().cloned().unwrap_or_default();
    let texts = list("enumDescriptions");
    let words = list("enum").into_iter().enumerate().map(|(index, word)| {
        let text = texts.get(index).and_then(Value::as_str).unwrap_or_default();
        let mark = mark(text.ends_with(super::vocabulary::NOT_YET));
        format!("`{}`{mark}", word.as_str().unwrap_or_default())
    });
    words.collect::<Vec<_>>().join(", ")
}

fn loops(page: &mut String) {
    heading(page, "`commit`: loops that have a name");
    line(page, "| name | stands for | |\n|---|---|---|");
    for entry in words::<LoopName>(Area::Loop) {
        let steps = LoopName::parse(entry.word).map(|name| {
            let loop_of = name.expand();
            let listener = |key: &str, steps: &[Step]| match steps {
                [] => String::new(),
                steps => format!(", `{key}: {}`", in_one_line(steps)),
            };
            let assigned = listener("on-assigned", &loop_of.on_assigned);
            let close = listener("on-close", &loop_of.on_close);
            format!("`{}`{assigned}{close}", in_one_line(&loop_of.steps))
        });
        let mark = mark(entry.later);
        let steps = steps.unwrap_or_default();
        line(
            page,
            format_args!("| `{}`{mark} | {steps} | {} |", entry.word, entry.meaning),
        );
    }
}

fn steps(page: &mut String) {
    heading(page, "Steps");
    line(
        page,
        "One step is a word, or a map of one word to its parameters.\n",
    );
    line(page, "| step | stands in | does |\n|---|---|---|");
    for step in STEPS.iter() {
        let places: Vec<String> = step
            .places
            .iter()
            .map(|place| match *place {
                "each" | "hand-off" => format!("`{place}`"),
                "first" => "loop, first".to_owned(),
                other => other.to_owned(),
            })
            .collect();
        let mark = mark(is_later_step(step));
        let places = places.join(", ");
        line(
            page,
            format_args!("| `{}`{mark} | {places} | {} |", step.word, step.text),
        );
    }
}

fn verbs(page: &mut String) {
    heading(page, "Verbs of faults");
    line(
        page,
        "Verbs of messages take no trigger: the message is one. Parameters in bold have to be there.\n",
    );
    line(page, "| verb | parameters | does |\n|---|---|---|");
    for verb in VERBS.iter() {
        let mark = mark(is_later(verb));
        let parameters = parameters(verb);
        let of = if verb.is_message { " (message)" } else { "" };
        line(
            page,
            format_args!(
                "| `{}`{mark}{of} | {parameters} | {} |",
                verb.word, verb.text
            ),
        );
    }
}

fn parameters(verb: &Verb) -> String {
    let words = verb.parameters.iter().map(|word| {
        if verb.required.contains(word) {
            format!("**`{word}`**")
        } else {
            format!("`{word}`")
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

fn all_quantities(page: &mut String) {
    heading(page, "Quantities of `expect`");
    line(
        page,
        "At the top: those of groups and producers that are numbers or sets, summed. Under a \
         variant's name, or `every-variant`, in a file with variants. A *set* is a RANGE for its \
         size, or the exact list of RECORDs. Beside them: `ends` (`drained`, `stuck`, `any`) and \
         `anomalies`.\n",
    );
    line(
        page,
        "| of | quantity | compared with | counts |\n|---|---|---|---|",
    );
    for (of, kind) in [
        ("group", SubjectKind::Group),
        ("producer", SubjectKind::Producer),
        ("topic", SubjectKind::Topic),
    ] {
        quantities_of(page, of, quantities(kind));
    }
    let mut others: Vec<&'static str> = QUANTITIES.iter().map(|row| row.of).collect();
    others.dedup();
    for of in others.into_iter().filter(|of| *of != "topic") {
        quantities_of(page, of, later_quantities(of).collect());
    }
    let stages: Vec<String> = Stage::ALL
        .iter()
        .map(|stage| format!("`{stage}`"))
        .collect();
    line(
        page,
        format_args!("\nStages of `lost`: {}.", stages.join(", ")),
    );
}

fn quantities_of(page: &mut String, of: &str, rows: Vec<Row>) {
    for row in rows {
        let mark = mark(row.later);
        let with = label(row.kind);
        line(
            page,
            format_args!("| {of} | `{}`{mark} | {with} | {} |", row.word, row.text),
        );
    }
}

fn all_facts(page: &mut String) {
    heading(page, "Facts of `must-happen` and `when`");
    line(
        page,
        "A word, `word: RANGE`, or `word: { count, of, error }`.\n",
    );
    line(page, "| fact | |\n|---|---|");
    let facts = facts();
    let row = |page: &mut String, fact: &Entry| {
        let mark = mark(fact.later);
        line(
            page,
            format_args!("| `{}`{mark} | {} |", fact.word, fact.meaning),
        );
    };
    for fact in &facts {
        row(page, fact);
    }
}
