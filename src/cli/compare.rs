//! `compare`: every variant of a scenario, side by side; with a chain for what differs if asked.

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::{Choice, Every};
use super::input::{self, Refusal};
use super::printer::Printer;
use super::run;
use super::status::Status;
use super::sweep::{self, Asked};
use crate::base::RecordId;
use crate::lab::compare::{Difference, Findings, Whose};
use crate::lab::{Comparison, Experiment};
use crate::report::Text;
use crate::report::comparison::{Compared, fate_words};
use crate::verdict::guarantee::Finding;

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
    let record = args.record.as_deref().map(input::record_name).transpose()?;
    let comparison = Comparison::new(experiments);
    let record = record.map(|name| comparison.find(&name)).transpose();
    let record = record.map_err(|reason| Refusal::argument(reason, None))?;
    let compared = Compared {
        file: &file,
        comparison: &comparison,
    };
    if json {
        printer.line(document(&compared, args.why, record));
    } else {
        printer.text(&text(&compared, args.why, record));
    }
    let statuses = comparison
        .runs
        .iter()
        .map(|(_, outcome)| run::status(outcome));
    Ok(statuses.max().unwrap_or(Status::AsExpected))
}

/// The report; or the chains, if they were asked for.
fn text(compared: &Compared<'_>, why: bool, record: Option<RecordId>) -> Text {
    let mut text = Text::default();
    match record {
        Some(record) => {
            let explained = compared.comparison.explain(record, None);
            compared.explained(&mut text, &explained);
            text
        }
        None if why => compared.explanations(),
        None => compared.report(),
    }
}

fn document(compared: &Compared<'_>, why: bool, record: Option<RecordId>) -> Value {
    let (file, comparison) = (compared.file, compared.comparison);
    let runs = comparison.runs.iter();
    let runs: Vec<Value> = runs
        .map(|(experiment, outcome)| run::document(file, experiment, outcome))
        .collect();
    let comparable = comparison.is_comparable();
    let groups = comparison.groups().into_iter().filter(|_| comparable);
    let differences: Vec<Value> = groups
        .flat_map(|group| {
            let found = comparison.differences(group).into_iter();
            found.map(move |found| difference(compared, group, &found, why))
        })
        .collect();
    let guarantees = comparison.guarantees();
    let guarantees = guarantees.iter();
    let mut document = json!({
        "version": JSON_VERSION,
        "file": file,
        "runs": runs,
        "guarantees": guarantees.map(|(whose, of)| guarantee(compared, whose, of)).collect::<Vec<_>>(),
        "comparable": comparable,
        "differences": differences,
        "reproduce": compared.repro().to_string(),
    });
    if let Some(record) = record {
        document["explained"] = explained(compared, record, None);
    }
    document
}

fn difference(compared: &Compared<'_>, group: &str, found: &Difference, why: bool) -> Value {
    let runs = &compared.comparison.runs;
    let cast = &runs[0].0.setup.cast;
    let names: Vec<String> = found.records.iter().map(|r| cast.record(*r)).collect();
    let fates: Vec<String> = found.fates.iter().map(|fate| fate_words(*fate)).collect();
    let whys = (0..runs.len()).map(|index| compared.why(index, Some(group), &names[0]).to_string());
    let whys: Vec<String> = whys.collect();
    let mut value = json!({ "group": group, "outcomes": fates, "records": names, "why": whys });
    if why {
        value["explained"] = explained(compared, found.records[0], Some(group));
    }
    value
}

/// A record's chains in every variant.
fn explained(compared: &Compared<'_>, record: RecordId, group: Option<&str>) -> Value {
    let runs = &compared.comparison.runs;
    let explanations = compared.comparison.explain(record, group);
    let variants = runs.iter().zip(&explanations);
    let variants = variants.map(|((experiment, outcome), explanation)| {
        json!({
            "variant": experiment.variant,
            "record": outcome.ledger.name_of(record),
            "chains": explanation.chains,
        })
    });
    json!({
        "sender": runs[0].0.setup.cast.record(record),
        "variants": variants.collect::<Vec<_>>(),
    })
}

/// What each variant shows of a group's or topic's guarantees.
fn guarantee(compared: &Compared<'_>, whose: &Whose, of: &[Option<Findings>]) -> Value {
    let runs = compared.comparison.runs.iter().zip(of).enumerate();
    let variants = runs.filter_map(|(index, ((experiment, outcome), findings))| {
        let findings = findings.as_ref()?.iter().map(|(guarantee, finding)| {
            let mut value = json!(finding);
            value["guarantee"] = json!(guarantee);
            if let Finding::Broken { first, .. } = finding {
                let record = outcome.ledger.name_of(*first);
                let group = match whose {
                    Whose::Group(name) => Some(name.as_str()),
                    Whose::Topic(_) => None,
                };
                value["why"] = json!(compared.why(index, group, &record).to_string());
                value["first"] = json!(record);
                value["sender"] = json!(experiment.setup.cast.record(*first));
            }
            value
        });
        let findings: Vec<Value> = findings.collect();
        Some(json!({ "variant": experiment.variant, "findings": findings }))
    });
    let variants: Vec<Value> = variants.collect();
    match whose {
        Whose::Group(name) => json!({ "group": name, "variants": variants }),
        Whose::Topic(name) => json!({ "topic": name, "variants": variants }),
    }
}
