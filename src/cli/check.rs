//! `check`: load files without running them.

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::{Choice, Files};
use super::files;
use super::input::{self, Refusal};
use super::printer::Printer;
use super::status::Status;
use crate::report::Tone;
use crate::scenario::Diagnostic;

/// Loads every file and says what is wrong with it.
pub(super) fn check(args: &Files, json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    let choice = Choice {
        variant: None,
        seed: None,
    };
    let mut status = Status::AsExpected;
    let mut documents = Vec::new();
    for path in files::all_scenarios(&args.paths)? {
        let name = path.display().to_string();
        let (ok, diagnostics) = match input::quietly(&path, &choice) {
            Ok(loaded) => (true, loaded.warnings),
            Err(Refusal::Mistakes(diagnostics)) => (false, diagnostics),
            Err(refusal) => return Err(refusal),
        };
        if !ok {
            status = Status::BadInput;
        }
        if json {
            documents.push(document(&name, ok, &diagnostics));
            continue;
        }
        input::tell_all(&diagnostics, printer);
        if ok {
            printer.toned(Tone::Good, format_args!("ok      {name}"));
        } else {
            printer.toned(Tone::Bad, format_args!("FAILED  {name}"));
        }
    }
    if json {
        printer.line(json!({ "version": JSON_VERSION, "files": documents }));
    }
    Ok(status)
}

fn document(file: &str, ok: bool, diagnostics: &[Diagnostic]) -> Value {
    json!({ "file": file, "ok": ok, "diagnostics": diagnostics })
}
