//! From a path to experiments: read, load, and refuse in one voice what cannot be run.

use std::path::{Path, PathBuf};

use super::args::Choice;
use super::files::{self, Unreadable};
use super::printer::Printer;
use super::write::Unwritable;
use crate::base::RecordId;
use crate::lab::{Experiment, Outcome};
use crate::report::Tone;
use crate::scenario::{self, Diagnostic, Loaded, Options, Run, Severity};
use crate::verdict::RecordName;

/// Why a command did nothing.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A file cannot be read.
    Unreadable(Unreadable),
    /// A file or folder cannot be written.
    Unwritable(Unwritable),
    /// A file has mistakes.
    Mistakes(Vec<Diagnostic>),
    /// An argument names something that is not there.
    Argument {
        /// What is wrong.
        text: String,
        /// What to type instead.
        help: Option<String>,
    },
}

impl Refusal {
    /// An argument that names nothing.
    pub(super) fn argument(text: impl Into<String>, help: Option<String>) -> Self {
        let text = text.into();
        Self::Argument { text, help }
    }

    /// Says so on stderr.
    pub(super) fn tell(&self, printer: &mut Printer) {
        match self {
            Self::Unreadable(unreadable) => printer.remark(Tone::Bad, unreadable),
            Self::Unwritable(unwritable) => printer.remark(Tone::Bad, unwritable),
            Self::Mistakes(diagnostics) => tell_all(diagnostics, printer),
            Self::Argument { text, help } => {
                printer.remark(Tone::Bad, format_args!("error[argument]: {text}"));
                if let Some(help) = help {
                    printer.remark(Tone::Plain, format_args!("help: {help}"));
                }
            }
        }
    }
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

impl From<Unwritable> for Refusal {
    fn from(unwritable: Unwritable) -> Self {
        Self::Unwritable(unwritable)
    }
}

/// Prints diagnostics in the form of the manual, with an empty line between them.
pub(super) fn tell_all(diagnostics: &[Diagnostic], printer: &mut Printer) {
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        let tone = match diagnostic.severity {
            Severity::Error => Tone::Bad,
            Severity::Warning => Tone::Plain,
        };
        let text = diagnostic.to_string();
        printer.remark(tone, format_args!("{gap}{}", text.trim_end()));
    }
}

/// Loads a file, and tells its warnings.
pub(super) fn load(path: &Path, choice: &Choice, printer: &mut Printer) -> Result<Loaded, Refusal> {
    let loaded = quietly(path, choice)?;
    tell_all(&loaded.warnings, printer);
    Ok(loaded)
}

/// Loads a file, and keeps its warnings.
pub(super) fn quietly(path: &Path, choice: &Choice) -> Result<Loaded, Refusal> {
    let bytes = files::read(path)?;
    let options = Options {
        variant: choice.variant.clone(),
        seed: choice.seed,
    };
    let name = path.display().to_string();
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let read_file = |named: &str| beside(&folder, named);
    scenario::load(&bytes, &name, &read_file, &options).map_err(Refusal::Mistakes)
}

/// The text of a file that a scenario names, relative to the scenario.
fn beside(folder: &Path, named: &str) -> Result<String, String> {
    let path: PathBuf = folder.join(named);
    let bytes = files::read(&path).map_err(|unreadable| unreadable.reason)?;
    String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

/// The one experiment that was chosen.
pub(super) fn experiment(
    path: &Path,
    choice: &Choice,
    printer: &mut Printer,
) -> Result<Experiment, Refusal> {
    let loaded = load(path, choice, printer)?;
    prepare(&loaded.runs[loaded.chosen])
}

/// The world of a run.
pub(super) fn prepare(run: &Run) -> Result<Experiment, Refusal> {
    Experiment::new(run).map_err(|reason| Refusal::argument(reason, None))
}

/// The record that an argument names, in a run that is over.
pub(super) fn record(
    experiment: &Experiment,
    outcome: &Outcome,
    name: &str,
) -> Result<RecordId, Refusal> {
    let found = experiment.find(outcome, &record_name(name)?);
    found.map_err(|reason| Refusal::argument(reason, None))
}

/// An argument as the name of a record.
pub(super) fn record_name(name: &str) -> Result<RecordName, Refusal> {
    RecordName::parse(name).ok_or_else(|| {
        let help = "a record is written `orders-0@4`, `shop#7` or `orders/AAPL#3`";
        Refusal::argument(format!("`{name}` names no record"), Some(help.to_owned()))
    })
}
