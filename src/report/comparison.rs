//! Variants side by side: a row per variant and group, and the records that fared differently.

use super::columns::{self, Row};
use super::text::{Text, Tone, counted};
use super::verdict::by_sender;
use crate::lab::compare::Difference;
use crate::lab::{Comparison, Standing};
use crate::verdict::outcome::Outcome as Fate;

/// Differences shown of one group.
const DIFFERENCES_MAX: usize = 20;

/// The whole report of a comparison.
pub fn report(comparison: &Comparison) -> Text {
    let mut text = Text::default();
    if let Some((experiment, _)) = comparison.runs.first() {
        text.wrapped(Tone::Strong, 0, &experiment.scenario.title);
        if let Some(question) = &experiment.scenario.question {
            text.wrapped(Tone::Plain, 0, question);
        }
        text.line(Tone::Faint, format!("seed {}", experiment.seed().0));
    }
    for group in comparison.groups() {
        text.gap();
        text.append(rows(comparison, group));
        text.gap();
        text.append(differences(comparison, group));
    }
    text
}

/// A row per variant.
fn rows(comparison: &Comparison, group: &str) -> Text {
    let rows: Vec<Row<'_>> = (comparison.runs.iter())
        .map(|(experiment, outcome)| Row {
            name: experiment
                .variant
                .clone()
                .unwrap_or_else(|| "the file".to_owned()),
            group: outcome.verdict.group(group),
            end: Some(match outcome.standing() {
                Standing::AsExpected => "yes",
                Standing::NotAsExpected => "NO",
                Standing::BoundHit => "unknown",
            }),
        })
        .collect();
    columns::table(group, &rows, Some("expected"))
}

fn differences(comparison: &Comparison, group: &str) -> Text {
    let mut text = Text::default();
    if !comparison.is_comparable() {
        let why = "The variants send different records, so single records are not compared.";
        text.wrapped(Tone::Plain, 2, why);
        return text;
    }
    let differences = comparison.differences(group);
    if differences.is_empty() {
        text.wrapped(Tone::Plain, 2, "Every record fares alike in all variants.");
    }
    for difference in differences.iter().take(DIFFERENCES_MAX) {
        one_difference(&mut text, comparison, difference);
    }
    if DIFFERENCES_MAX < differences.len() {
        let more = differences.len() - DIFFERENCES_MAX;
        text.line(Tone::Faint, format!("  … and {more} further combinations"));
    }
    text
}

/// `4 records: duplicated in at-least-once, once in at-most-once` and their names below.
fn one_difference(text: &mut Text, comparison: &Comparison, difference: &Difference) {
    let runs = comparison.runs.iter().map(|(experiment, _)| experiment);
    let fates: Vec<String> = runs
        .zip(&difference.fates)
        .map(|(experiment, fate)| {
            let variant = experiment.variant.as_deref().unwrap_or("the file");
            format!("{} in {variant}", fate_words(*fate))
        })
        .collect();
    let count = counted(difference.records.len() as u64, "record", "records");
    text.hanging(Tone::Plain, 2, 4, &format!("{count}: {}", fates.join("; ")));
    let baseline = &comparison.runs[0].0;
    text.wrapped(Tone::Faint, 6, &by_sender(baseline, &difference.records));
}

/// What a record came to, in a few words.
pub fn fate_words(fate: Fate) -> String {
    match fate {
        Fate::Once => "once".to_owned(),
        Fate::Duplicated => "duplicated".to_owned(),
        Fate::Lost(stage) => format!("lost ({})", stage.word()),
        Fate::HandedOn => "handed on".to_owned(),
        Fate::Waiting => "waiting".to_owned(),
        Fate::None => "no concern".to_owned(),
    }
}
