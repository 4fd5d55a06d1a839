//! `schema`: what a scenario file may hold, for editors and for people.

use std::path::Path;

use super::args::Schema;
use super::files;
use super::input::Refusal;
use super::printer::Printer;
use super::status::Status;
use crate::scenario::schema;

/// Prints the JSON Schema, or the reference as Markdown, or writes it to a file.
pub(super) fn schema(args: &Schema, printer: &mut Printer) -> Result<Status, Refusal> {
    let text = if args.markdown {
        schema::reference()
    } else {
        let schema = schema::schema();
        serde_json::to_string_pretty(&schema).expect("a schema consists of maps, lists and texts")
    };
    deliver(&text, args.out.as_deref(), args.force, printer)
}

/// Prints a text, or writes it whole to a file that is not there yet.
pub(super) fn deliver(
    text: &str,
    out: Option<&Path>,
    overwrite: bool,
    printer: &mut Printer,
) -> Result<Status, Refusal> {
    match out {
        None => printer.line(text.trim_end()),
        Some(path) => {
            files::write(path, &format!("{}\n", text.trim_end()), overwrite)?;
            printer.line(format_args!("wrote {}", path.display()));
        }
    }
    Ok(Status::AsExpected)
}
