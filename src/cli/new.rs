//! `new`: a commented scenario file to begin with, by theme.
//!
//! Every scaffold is a whole lesson in small: it loads, runs and meets its own expectations.

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::New;
use super::input::Refusal;
use super::printer::Printer;
use super::schema::deliver;
use super::status::Status;
use crate::scenario::nearest;

/// A file to begin with.
struct Scaffold {
    theme: &'static str,
    /// What it is a beginning of.
    about: &'static str,
    text: &'static str,
}

/// The scaffold of a theme, from the file of its name.
macro_rules! scaffold {
    ($theme:literal, $about:literal) => {
        Scaffold {
            theme: $theme,
            about: $about,
            text: include_str!(concat!("scaffold/", $theme, ".yaml")),
        }
    };
}

static SCAFFOLDS: [Scaffold; 7] = [
    scaffold!("smallest", "the shortest useful file: one crash"),
    scaffold!("topics", "partitions, keys, order, what stands in the logs"),
    scaffold!("producers", "batches, acknowledgements, a lost answer"),
    scaffold!("groups", "members, assignments, rebalances"),
    scaffold!(
        "offsets",
        "resets, positions, committed offsets, seeking back"
    ),
    scaffold!(
        "delivery",
        "where the offset commit stands, compared by variants"
    ),
    scaffold!(
        "failures",
        "a record whose processing fails: stop, skip, send on"
    ),
];

/// Prints or writes the scaffold of a theme, or lists the themes.
pub(super) fn new(args: &New, json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    if args.list {
        return Ok(list(json, printer));
    }
    let scaffold = chosen(args.theme.as_deref())?;
    if json && args.out.is_none() {
        let document = json!({
            "version": JSON_VERSION,
            "theme": scaffold.theme,
            "about": scaffold.about,
            "text": scaffold.text,
        });
        printer.line(document);
        return Ok(Status::AsExpected);
    }
    deliver(scaffold.text, args.out.as_deref(), args.force, printer)
}

/// The scaffold of a theme.
fn chosen(theme: Option<&str>) -> Result<&'static Scaffold, Refusal> {
    let themes = SCAFFOLDS.iter().map(|scaffold| scaffold.theme);
    let list = format!("themes: {}", themes.clone().collect::<Vec<_>>().join(", "));
    let Some(theme) = theme else {
        return Err(Refusal::argument("`new` needs a theme", Some(list)));
    };
    let found = SCAFFOLDS.iter().find(|scaffold| scaffold.theme == theme);
    found.ok_or_else(|| {
        let help = match nearest(theme, themes) {
            Some(near) => format!("did you mean `{near}`? {list}"),
            None => list,
        };
        Refusal::argument(format!("there is no scaffold for `{theme}`"), Some(help))
    })
}

fn list(json: bool, printer: &mut Printer) -> Status {
    if json {
        let themes = SCAFFOLDS.iter();
        let themes: Vec<Value> = themes
            .map(|scaffold| json!({ "theme": scaffold.theme, "about": scaffold.about }))
            .collect();
        printer.line(json!({ "version": JSON_VERSION, "themes": themes }));
    } else {
        for Scaffold { theme, about, .. } in &SCAFFOLDS {
            printer.line(format_args!("{theme:<10} {about}"));
        }
    }
    Status::AsExpected
}
