//! `run`: one run, its verdict, and the line that reproduces it; or many seeds of it.

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::Run;
use super::input::{self, Refusal};
use super::printer::Printer;
use super::status::Status;
use super::sweep::{self, Asked};
use crate::lab::{Experiment, Outcome, Repro, Standing};
use crate::report::verdict;

/// Runs a scenario and prints what came of it.
pub(super) fn run(args: &Run, json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    let experiment = input::experiment(&args.file, &args.choice, printer)?;
    let file = args.file.display().to_string();
    if let Some(count) = args.many.seeds {
        let asked = Asked {
            file: &file,
            command: "run",
            many: &args.many,
            json,
        };
        return sweep::sweep(asked, count, &[experiment], printer);
    }
    let outcome = experiment.run();
    if json {
        printer.line(document(&file, &experiment, &outcome));
    } else {
        printer.text(&verdict::report(&file, &experiment, &outcome));
    }
    Ok(status(&outcome))
}

/// The exit code that an outcome deserves.
pub(super) fn status(outcome: &Outcome) -> Status {
    match outcome.standing() {
        Standing::AsExpected => Status::AsExpected,
        Standing::NotAsExpected => Status::NotAsExpected,
        Standing::BoundHit => Status::BoundHit,
    }
}

/// An outcome as a JSON document.
pub(super) fn document(file: &str, experiment: &Experiment, outcome: &Outcome) -> Value {
    let seed = experiment.seed().0;
    let repro = Repro::new("run", file, experiment.variant.as_deref(), seed);
    json!({
        "version": JSON_VERSION,
        "file": file,
        "title": experiment.scenario.title,
        "variant": experiment.variant,
        "seed": seed,
        "standing": status(outcome).word(),
        "events": outcome.events,
        "requests": outcome.requests,
        "verdict": outcome.verdict,
        "judgement": outcome.judgement,
        "reproduce": repro.to_string(),
    })
}
