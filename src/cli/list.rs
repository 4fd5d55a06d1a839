//! `list`: the scenarios of a folder with their titles, and which of them cover a row of a course.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::{Choice, List};
use super::files;
use super::input::{self, Refusal};
use super::printer::Printer;
use super::status::Status;
use crate::report::Tone;

/// What a list says of a file.
struct Listed {
    path: PathBuf,
    theme: String,
    title: String,
    covers: Vec<String>,
    variants: Vec<String>,
}

/// Lists scenarios by theme.
pub(super) fn list(args: &List, json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    let mut all = Vec::new();
    let mut status = Status::AsExpected;
    for path in files::all_scenarios(std::slice::from_ref(&args.folder))? {
        match listed(&path) {
            Ok(listed) => all.push(listed),
            Err(refusal) => {
                refusal.tell(printer);
                status = Status::BadInput;
            }
        }
    }
    if let Some(row) = &args.covers {
        all = covering(all, row, &args.folder)?;
    }
    if json {
        let scenarios: Vec<Value> = all.iter().map(document).collect();
        printer.line(json!({ "version": JSON_VERSION, "scenarios": scenarios }));
    } else {
        print(&all, printer);
    }
    Ok(status)
}

fn listed(path: &Path) -> Result<Listed, Refusal> {
    let choice = Choice {
        variant: None,
        seed: None,
    };
    let loaded = input::quietly(path, &choice)?;
    let folder = path.parent().and_then(Path::file_name);
    let variants = loaded.runs.iter();
    Ok(Listed {
        path: path.to_owned(),
        theme: folder.map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        covers: loaded.runs[loaded.chosen].scenario.covers.clone(),
        variants: variants.filter_map(|run| run.variant.clone()).collect(),
        title: loaded.title,
    })
}

/// Those that cover a row; that none does is a mistake of whoever asked.
fn covering(all: Vec<Listed>, row: &str, folder: &Path) -> Result<Vec<Listed>, Refusal> {
    let mut rows: Vec<String> = all
        .iter()
        .flat_map(|listed| listed.covers.clone())
        .collect();
    let found: Vec<Listed> = all
        .into_iter()
        .filter(|listed| listed.covers.iter().any(|covered| covered == row))
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    rows.sort_by_key(|row| (row.parse().unwrap_or(u64::MAX), row.clone()));
    rows.dedup();
    let help = if rows.is_empty() {
        "a scenario says so itself: `covers: [29, 30]`".to_owned()
    } else {
        format!("rows covered here: {}", rows.join(", "))
    };
    let text = format!("no scenario below {} covers row `{row}`", folder.display());
    Err(Refusal::argument(text, Some(help)))
}

fn document(listed: &Listed) -> Value {
    json!({
        "file": listed.path.display().to_string(),
        "theme": listed.theme,
        "title": listed.title,
        "covers": listed.covers,
        "variants": listed.variants,
    })
}

/// A heading for each theme; then a line for each file, and its title below.
fn print(all: &[Listed], printer: &mut Printer) {
    let mut theme = None;
    for listed in all {
        if theme != Some(&listed.theme) {
            if theme.is_some() {
                printer.line("");
            }
            printer.toned(Tone::Strong, &listed.theme);
            theme = Some(&listed.theme);
        }
        let rows = match listed.covers.as_slice() {
            [] => String::new(),
            [row] => format!("  (row {row})"),
            rows => format!("  (rows {})", rows.join(", ")),
        };
        printer.line(format_args!("  {}{rows}", listed.path.display()));
        printer.line(format_args!("      {}", listed.title));
    }
}
