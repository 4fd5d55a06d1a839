//! `show`: the scenario as it runs, every default and loop written out.

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::One;
use super::input::{self, Refusal};
use super::printer::Printer;
use super::status::Status;
use crate::scenario::Run;

/// Prints the resolved scenario, as YAML that loads to the same run, or as JSON.
pub(super) fn show(args: &One, json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    let loaded = input::load(&args.file, &args.choice, printer)?;
    let run = &loaded.runs[loaded.chosen];
    if json {
        printer.line(document(run));
    } else {
        printer.line(run.to_yaml().trim_end());
    }
    Ok(Status::AsExpected)
}

/// The resolved scenario for a program; real Kafka is played from it too.
pub(super) fn document(run: &Run) -> Value {
    json!({
        "version": JSON_VERSION,
        "variant": run.variant,
        "scenario": run.scenario,
    })
}
