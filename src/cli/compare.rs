//! `compare`: every variant of a scenario, side by side.

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::{Choice, Every};
use super::input::{self, Refusal};
use super::printer::Printer;
use super::run;
use super::status::Status;
use super::sweep::{self, Asked};
use crate::lab::{Comparison, Experiment};
use crate::report::comparison as report;

/// Runs every variant and prints how they differ.
pub(super) fn compare(args: &Every, json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    let choice = Choice {
        variant: None,
        seed: args.seed,
    };
    let loaded = input::load(&args.file, &choice, printer)?;
    let experiments: Result<Vec<Experiment>, _> = loaded.runs.iter().map(input::prepare).collect();
    let experiments = experiments?;
    let file = args.file.display().to_string();
    if let Some(count) = args.many.seeds {
        let asked = Asked {
            file: &file,
            command: "compare",
            many: &args.many,
            json,
        };
        return sweep::sweep(asked, count, &experiments, printer);
    }
    let comparison = Comparison::new(experiments);
    if json {
        printer.line(document(&file, &comparison));
    } else {
        printer.text(&report::report(&comparison));
    }
    let statuses = comparison
        .runs
        .iter()
        .map(|(_, outcome)| run::status(outcome));
    Ok(statuses.max().unwrap_or(Status::AsExpected))
}

fn document(file: &str, comparison: &Comparison) -> Value {
    let runs = comparison.runs.iter();
    let runs: Vec<Value> = runs
        .map(|(experiment, outcome)| run::document(file, experiment, outcome))
        .collect();
    let comparable = comparison.is_comparable();
    let groups = comparison.groups().into_iter().filter(|_| comparable);
    let differences: Vec<Value> = groups
        .flat_map(|group| {
            let found = comparison.differences(group).into_iter();
            found.map(move |difference| {
                let cast = &comparison.runs[0].0.setup.cast;
                let names = difference.records.iter().map(|record| cast.record(*record));
                let fates = difference
                    .fates
                    .iter()
                    .map(|fate| report::fate_words(*fate));
                json!({
                    "group": group,
                    "outcomes": fates.collect::<Vec<_>>(),
                    "records": names.collect::<Vec<_>>(),
                })
            })
        })
        .collect();
    json!({
        "version": JSON_VERSION,
        "file": file,
        "runs": runs,
        "comparable": comparable,
        "differences": differences,
    })
}
