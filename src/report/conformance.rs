//! How the simulator stands to real Kafka: a line for each run, the first difference below it, and
//! the same as a table for the manual.

use serde_json::{Value, json};

use super::text::{Text, Tone, counted};
use crate::lab::conform::{Agreement, Aspect, Comparison, Difference};

/// One run and how it compares.
#[derive(Clone, Debug)]
pub struct Row {
    /// The name of the scenario file.
    pub file: String,
    /// The variant, if the file has any.
    pub variant: Option<String>,
    /// In how many real runs.
    pub runs: u32,
    /// How it went.
    pub result: Result,
}

/// How the comparison of a run went.
#[derive(Clone, Debug)]
pub enum Result {
    /// Both sides were played.
    Compared(Comparison),
    /// Only the real side was wanted.
    Played,
    /// Real Kafka cannot play it here.
    NotComparable(String),
    /// The real side went wrong.
    Failed(String),
}

/// How many rows came out how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Equal in everything.
    pub equal: u64,
    /// Among the runs of real Kafka, which vary.
    pub varying: u64,
    /// Different.
    pub different: u64,
    /// Cannot be played here.
    pub not_comparable: u64,
    /// Went wrong.
    pub failed: u64,
}

impl Row {
    /// The word for how it came out.
    pub fn word(&self) -> &'static str {
        match &self.result {
            Result::Compared(comparison) if !comparison.agrees() => "DIFFERENT",
            Result::Compared(comparison) if comparison.varies() => "varies",
            Result::Compared(_) => "equal",
            Result::Played => "played",
            Result::NotComparable(_) => "not comparable",
            Result::Failed(_) => "FAILED",
        }
    }

    /// The scenario and its variant.
    pub fn name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{} / {variant}", self.file),
            None => self.file.clone(),
        }
    }

    fn tone(&self) -> Tone {
        match &self.result {
            Result::Compared(comparison) if comparison.agrees() => Tone::Good,
            Result::Played => Tone::Plain,
            Result::NotComparable(_) => Tone::Faint,
            Result::Compared(_) | Result::Failed(_) => Tone::Bad,
        }
    }
}

impl Tally {
    /// Counts rows.
    pub fn of(rows: &[Row]) -> Self {
        let mut tally = Self::default();
        for row in rows {
            match &row.result {
                Result::Compared(comparison) if !comparison.agrees() => tally.different += 1,
                Result::Compared(comparison) if comparison.varies() => tally.varying += 1,
                Result::Compared(_) | Result::Played => tally.equal += 1,
                Result::NotComparable(_) => tally.not_comparable += 1,
                Result::Failed(_) => tally.failed += 1,
            }
        }
        tally
    }

    /// The last line.
    pub fn line(self) -> String {
        let parts = [
            (self.equal, "equal"),
            (self.varying, "among runs that vary"),
            (self.different, "different"),
            (self.not_comparable, "not comparable"),
            (self.failed, "failed"),
        ];
        let said = parts.iter().filter(|(count, _)| 0 < *count);
        let said: Vec<String> = said
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        said.join(", ")
    }
}

/// The line of a run, and what is to be said below it.
pub fn row(row: &Row) -> Text {
    let mut text = Text::default();
    let runs = match row.runs {
        0 => String::new(),
        runs => format!("  ({})", counted(runs.into(), "run", "runs")),
    };
    text.line(
        row.tone(),
        format!("{:<14}  {}{runs}", row.word(), row.name()),
    );
    match &row.result {
        Result::NotComparable(reason) => text.wrapped(Tone::Faint, 16, reason),
        Result::Failed(reason) => {
            for line in reason.lines() {
                text.line(Tone::Plain, format!("{:16}{line}", ""));
            }
        }
        Result::Compared(comparison) => {
            let varying = aspects(comparison, Agreement::Varies);
            if !varying.is_empty() {
                let words = format!("real runs differ among themselves in {varying}");
                text.wrapped(Tone::Faint, 16, &words);
            }
            if let Some(difference) = &comparison.difference {
                let differing = aspects(comparison, Agreement::Different);
                text.wrapped(Tone::Plain, 16, &format!("differs in {differing}"));
                text.append(parting(difference));
            }
        }
        Result::Played => {}
    }
    text
}

fn aspects(comparison: &Comparison, wanted: Agreement) -> String {
    let found = comparison
        .aspects
        .iter()
        .filter(|(_, agreement)| *agreement == wanted);
    let words: Vec<&str> = found.map(|(aspect, _)| aspect.word()).collect();
    words.join(", ")
}

/// Where two stories part.
fn parting(difference: &Difference) -> Text {
    let mut text = Text::default();
    let Difference {
        of,
        after,
        simulated,
        real,
        ..
    } = difference;
    let after = match after {
        Some(line) => format!("{of}, after `{line}`:"),
        None => format!("{of}, from the start:"),
    };
    text.line(Tone::Plain, format!("{:16}{after}", ""));
    let nothing = "nothing more".to_owned();
    for (side, line) in [("simulated", simulated), ("real", real)] {
        let line = line.as_ref().unwrap_or(&nothing);
        text.line(Tone::Strong, format!("{:18}{side:<9}  {line}", ""));
    }
    text
}

/// A table in Markdown: a row for each run, a column for each aspect.
pub fn markdown(rows: &[Row]) -> String {
    let heading: Vec<&str> = Aspect::ALL.iter().map(|aspect| aspect.word()).collect();
    let mut lines = vec![
        format!("| scenario | runs | {} |", heading.join(" | ")),
        format!("|---|---{}|", "|:-:".repeat(heading.len())),
    ];
    lines.extend(rows.iter().map(|row| {
        let cells = match &row.result {
            Result::Compared(comparison) => {
                let aspects = comparison.aspects.iter();
                let signs = aspects.map(|(_, agreement)| sign(*agreement));
                signs.collect::<Vec<_>>().join(" | ")
            }
            Result::Played => "played".to_owned(),
            Result::NotComparable(reason) => format!("not comparable: {reason}"),
            Result::Failed(_) => "failed".to_owned(),
        };
        format!("| {} | {} | {cells} |", row.name(), row.runs)
    }));
    lines.join("\n") + "\n"
}

const fn sign(agreement: Agreement) -> &'static str {
    match agreement {
        Agreement::Nothing => "",
        Agreement::Equal => "=",
        Agreement::Varies => "~",
        Agreement::Different => "≠",
    }
}

/// A row for a program.
pub fn document(row: &Row) -> Value {
    let mut document = json!({
        "file": row.file,
        "variant": row.variant,
        "result": row.word().to_lowercase().replace(' ', "-"),
        "runs": row.runs,
    });
    match &row.result {
        Result::Compared(comparison) => {
            let aspects = comparison.aspects.iter().map(|(aspect, agreement)| {
                let word = match agreement {
                    Agreement::Nothing => "nothing",
                    Agreement::Equal => "equal",
                    Agreement::Varies => "varies",
                    Agreement::Different => "different",
                };
                (aspect.word().to_owned(), json!(word))
            });
            document["aspects"] = Value::Object(aspects.collect());
            if let Some(difference) = &comparison.difference {
                document["difference"] = json!({
                    "aspect": difference.aspect.word(),
                    "of": difference.of,
                    "after": difference.after,
                    "simulated": difference.simulated,
                    "real": difference.real,
                });
            }
        }
        Result::NotComparable(reason) | Result::Failed(reason) => {
            document["reason"] = json!(reason);
        }
        Result::Played => {}
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    fn different() -> Row {
        Row {
            file: "01-after-processing".to_owned(),
            variant: Some("crash-before-process".to_owned()),
            runs: 5,
            result: Result::Compared(Comparison {
                aspects: vec![
                    (Aspect::Callbacks, Agreement::Equal),
                    (Aspect::Polls, Agreement::Varies),
                    (Aspect::Order, Agreement::Different),
                ],
                difference: Some(Difference {
                    aspect: Aspect::Order,
                    of: "workers-1, life 2".to_owned(),
                    after: Some("polled orders-0@10..19".to_owned()),
                    simulated: Some("commit-asked sync".to_owned()),
                    real: None,
                }),
            }),
        }
    }

    #[test]
    fn a_difference_is_told_with_its_place() {
        insta::assert_snapshot!(row(&different()).to_string(), @r#"
        DIFFERENT       01-after-processing / crash-before-process  (5 runs)
                        real runs differ among themselves in polls
                        differs in order
                        workers-1, life 2, after `polled orders-0@10..19`:
                          simulated  commit-asked sync
                          real       nothing more
        "#);
    }

    #[test]
    fn the_last_line_counts_what_there_was() {
        let other = Row {
            result: Result::NotComparable("keys are drawn".to_owned()),
            ..different()
        };
        let tally = Tally::of(&[different(), other]);
        assert_eq!(tally.line(), "1 different, 1 not comparable");
    }
}
