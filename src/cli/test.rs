//! `test`: every variant of every file, one line each, and a summary.

use std::path::Path;

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::{Choice, Files};
use super::files;
use super::input::{self, Refusal};
use super::printer::Printer;
use super::run;
use super::status::Status;
use crate::lab::{Experiment, Repro};
use crate::report::{Text, Tone, verdict};

/// How many runs came out how.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    passed: u32,
    failed: u32,
    worst: Option<Status>,
}

/// Runs everything and says what did not come out as expected.
pub(super) fn test(args: &Files, json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    let mut tally = Tally::default();
    let mut documents = Vec::new();
    for path in files::all_scenarios(&args.paths)? {
        let found = one_file(&path, json, &mut tally, printer);
        documents.extend(found);
    }
    let Tally { passed, failed, .. } = tally;
    if json {
        printer.line(json!({
            "version": JSON_VERSION,
            "passed": passed,
            "failed": failed,
            "runs": documents,
        }));
    } else {
        let tone = if failed == 0 { Tone::Good } else { Tone::Bad };
        printer.line("");
        printer.toned(tone, format_args!("{passed} passed, {failed} failed"));
    }
    Ok(tally.worst.unwrap_or(Status::AsExpected))
}

/// Runs the variants of one file; a file with mistakes is one failure.
fn one_file(path: &Path, json: bool, tally: &mut Tally, printer: &mut Printer) -> Vec<Value> {
    let file = path.display().to_string();
    let experiments = match experiments(path, printer) {
        Ok(experiments) => experiments,
        Err(refusal) => {
            refusal.tell(printer);
            tally.count(Status::BadInput);
            if !json {
                printer.toned(Tone::Bad, format_args!("FAILED  {file}"));
            }
            return vec![json!({ "file": file, "standing": Status::BadInput.word() })];
        }
    };
    let mut documents = Vec::new();
    for experiment in experiments {
        let outcome = experiment.run();
        let status = run::status(&outcome);
        tally.count(status);
        if json {
            documents.push(run::document(&file, &experiment, &outcome));
            continue;
        }
        let (tone, line) = verdict::line(&file, &experiment, &outcome);
        printer.toned(tone, line);
        if status != Status::AsExpected {
            printer.text(&failures(&file, &experiment, &outcome));
        }
    }
    documents
}

/// Every variant of a file.
fn experiments(path: &Path, printer: &mut Printer) -> Result<Vec<Experiment>, Refusal> {
    let choice = Choice {
        variant: None,
        seed: None,
    };
    let loaded = input::load(path, &choice, printer)?;
    loaded.runs.iter().map(input::prepare).collect()
}

/// What was not as expected in a run, indented, and the line that shows all of it.
fn failures(file: &str, experiment: &Experiment, outcome: &crate::lab::Outcome) -> Text {
    let mut text = verdict::failures(&outcome.judgement);
    let variant = experiment.variant.as_deref();
    let repro = Repro::new("run", file, variant, experiment.seed().0);
    text.line(Tone::Plain, format!("  reproduce: {repro}"));
    text
}

impl Tally {
    fn count(&mut self, status: Status) {
        if status == Status::AsExpected {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        self.worst = self.worst.max(Some(status));
    }
}
