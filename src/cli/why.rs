//! `why`: what became of one record, from the fault to the symptom.

use serde_json::json;

use super::JSON_VERSION;
use super::args::Why;
use super::input::{self, Refusal};
use super::printer::Printer;
use super::status::Status;
use super::trace::group;
use crate::lab::explain;
use crate::report::comparison::fate_words;
use crate::report::explanation;

/// Explains a record.
pub(super) fn why(args: &Why, json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    let experiment = input::experiment(&args.file, &args.choice, printer)?;
    let cast = &experiment.setup.cast;
    let group = args
        .group
        .as_ref()
        .map(|name| group(cast, name))
        .transpose()?;
    let outcome = experiment.run();
    let record = input::record(&experiment, &outcome, &args.record)?;
    let explained = explain::explain(&experiment, &outcome, record, group);
    if json {
        let fates = explained.fates.iter();
        let fates = fates.map(|(group, fate)| (cast.group(*group), fate_words(*fate)));
        printer.line(json!({
            "version": JSON_VERSION,
            "record": outcome.ledger.name_of(record),
            "sender": cast.record(record),
            "outcomes": fates.collect::<std::collections::BTreeMap<_, _>>(),
            "chains": explained.chains,
        }));
    } else {
        printer.text(&explanation::report(&experiment, &outcome, &explained));
    }
    Ok(Status::AsExpected)
}
