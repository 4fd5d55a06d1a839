//! `check-determinism`: whether a file gives the same run every time, however it is run.
//!
//! With `--print` nothing is checked: each run's fingerprint is a line, for holding two builds of
//! the program, two machines or two environments against each other with `diff`.

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::{CheckDeterminism, Choice};
use super::files;
use super::input::{self, Refusal};
use super::printer::Printer;
use super::status::Status;
use crate::lab::Experiment;
use crate::lab::determinism::{self, Checked, Difference, Parting, Way};
use crate::report::Tone;

/// A run of a file, by names.
struct Named {
    file: String,
    experiment: Experiment,
}

/// Checks every variant of every file, or prints its fingerprint. Nothing is run unless all files
/// can be.
pub(super) fn check_determinism(
    args: &CheckDeterminism,
    json: bool,
    printer: &mut Printer,
) -> Result<Status, Refusal> {
    let runs = runs(args)?;
    if args.print {
        print(&runs, args, json, printer);
        return Ok(Status::AsExpected);
    }
    let mut documents = Vec::new();
    let mut differing = 0;
    for run in &runs {
        let checked = determinism::check(&run.experiment);
        differing += usize::from(!checked.is_same());
        if json {
            documents.push(document(run, &checked));
        } else {
            tell(run, &checked, printer);
        }
    }
    if json {
        let same = runs.len() - differing;
        printer.line(json!({
            "version": JSON_VERSION, "same": same, "differing": differing, "runs": documents,
        }));
    } else {
        summary(runs.len(), differing, printer);
    }
    Ok(match differing {
        0 => Status::AsExpected,
        _ => Status::NotAsExpected,
    })
}

/// Every variant of every file, in the order of the paths.
fn runs(args: &CheckDeterminism) -> Result<Vec<Named>, Refusal> {
    let choice = Choice {
        variant: None,
        seed: args.seed,
    };
    let mut runs = Vec::new();
    for path in files::all_scenarios(&args.paths)? {
        for run in &input::quietly(&path, &choice)?.runs {
            runs.push(Named {
                file: path.display().to_string(),
                experiment: input::prepare(run)?,
            });
        }
    }
    Ok(runs)
}

impl Named {
    /// `FILE [VARIANT]`.
    fn name(&self) -> String {
        let variant = self.experiment.variant.as_ref();
        let variant = variant.map_or(String::new(), |variant| format!(" [{variant}]"));
        format!("{}{variant}", self.file)
    }

    /// The fields that say which run a document is about.
    fn document(&self, fingerprint: u64) -> Value {
        json!({
            "file": self.file,
            "variant": self.experiment.variant,
            "seed": self.experiment.seed().0,
            "fingerprint": format!("{fingerprint:016x}"),
        })
    }
}

fn print(runs: &[Named], args: &CheckDeterminism, json: bool, printer: &mut Printer) {
    let experiments: Vec<Experiment> = runs.iter().map(|run| run.experiment.clone()).collect();
    let fingerprints = determinism::fingerprints(&experiments, args.threads);
    let pairs = runs.iter().zip(fingerprints);
    if json {
        let documents: Vec<Value> = pairs.map(|(run, print)| run.document(print)).collect();
        printer.line(json!({ "version": JSON_VERSION, "runs": documents }));
        return;
    }
    for (run, fingerprint) in pairs {
        printer.line(format_args!("{fingerprint:016x}  {}", run.name()));
    }
}

fn tell(run: &Named, checked: &Checked, printer: &mut Printer) {
    let fingerprint = checked.first.verdict.fingerprint;
    let (tone, word) = if checked.is_same() {
        (Tone::Good, "same")
    } else {
        (Tone::Bad, "DIFFERS")
    };
    printer.toned(
        tone,
        format_args!("{word:<8}{fingerprint:016x}  {}", run.name()),
    );
    if !checked.ways.contains(&Way::Stepped) {
        printer.line("        a bound was hit: not run step by step");
    }
    for line in checked.differences.iter().flat_map(difference_lines) {
        printer.toned(Tone::Bad, line);
    }
}

/// What differs, indented.
fn difference_lines(difference: &Difference) -> Vec<String> {
    let (clause, fingerprint) = (difference.way.clause(), difference.fingerprint);
    let Some(Parting { first, other }) = &difference.parting else {
        return vec![
            format!("        {fingerprint:016x}  {clause}"),
            "          two further runs did not differ".to_owned(),
        ];
    };
    let line = |line: &Option<String>| line.clone().unwrap_or("   (nothing more)".to_owned());
    vec![
        format!("        {fingerprint:016x}  {clause}; the first fact that differs:"),
        format!("          first {}", line(first)),
        format!("          other {}", line(other)),
    ]
}

fn summary(runs: usize, differing: usize, printer: &mut Printer) {
    let runs = match runs {
        1 => "1 run".to_owned(),
        many => format!("{many} runs"),
    };
    printer.line("");
    match differing {
        0 => printer.toned(
            Tone::Good,
            format_args!("{runs}, each the same a second time, in another thread and step by step"),
        ),
        some => printer.toned(
            Tone::Bad,
            format_args!("{runs}, {some} of them not the same every time"),
        ),
    }
}

fn document(run: &Named, checked: &Checked) -> Value {
    let differences = checked.differences.iter().map(|difference| {
        let parting = difference.parting.as_ref();
        json!({
            "way": difference.way.word(),
            "fingerprint": format!("{:016x}", difference.fingerprint),
            "first": parting.and_then(|parting| parting.first.clone()),
            "other": parting.and_then(|parting| parting.other.clone()),
        })
    });
    let differences: Vec<Value> = differences.collect();
    let mut document = run.document(checked.first.verdict.fingerprint);
    let ways: Vec<&str> = checked.ways.iter().map(|way| way.word()).collect();
    document["ways"] = json!(ways);
    document["same"] = json!(checked.is_same());
    document["differences"] = json!(differences);
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_by_its_first_fact() {
        let mut difference = Difference {
            way: Way::Stepped,
            fingerprint: 0xbeef,
            parting: Some(Parting {
                first: Some("    0.000000   shop      finishes".to_owned()),
                other: None,
            }),
        };
        let told = difference_lines(&difference).join("\n");
        insta::assert_snapshot!(told, @r"
                000000000000beef  with every stretch taken step by step; the first fact that differs:
                  first     0.000000   shop      finishes
                  other    (nothing more)
        ");
        difference.parting = None;
        assert!(difference_lines(&difference)[1].contains("did not differ"));
    }
}
