//! `report`: the gallery of every comparison in a folder, written or checked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::JSON_VERSION;
use super::args::{Choice, Report};
use super::files;
use super::input::{self, Refusal};
use super::printer::Printer;
use super::status::Status;
use super::write;
use crate::lab::{Comparison, Repro};
use crate::report::Tone;
use crate::report::gallery::{Gallery, Leaf};

/// Makes the gallery, or says where the one that is there is not what would be made.
pub(super) fn report(args: &Report, json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    let leaves = leaves(args, printer)?;
    let out = &args.out;
    let differing: Vec<String> = leaves
        .iter()
        .filter(|leaf| fs::read(out.join(&leaf.path)).ok().as_ref() != Some(&leaf.bytes))
        .map(|leaf| leaf.path.clone())
        .collect();
    let stray = stray(out, &leaves);
    if !args.check {
        for leaf in leaves.iter().filter(|leaf| differing.contains(&leaf.path)) {
            let path = out.join(&leaf.path);
            write::folder(path.parent().unwrap_or(out))?;
            write::file(&path, &leaf.bytes)?;
        }
    }
    let status = if args.check && !(differing.is_empty() && stray.is_empty()) {
        Status::NotAsExpected
    } else {
        Status::AsExpected
    };
    if json {
        printer.line(json!({
            "version": JSON_VERSION,
            "out": out.display().to_string(),
            "files": leaves.len(),
            "changed": differing,
            "stray": stray,
            "standing": status.word(),
        }));
        return Ok(status);
    }
    let word = if args.check { "out of date" } else { "written" };
    for path in &differing {
        printer.line(format_args!("{word:<12}{}", out.join(path).display()));
    }
    for path in &stray {
        printer.toned(
            Tone::Bad,
            format_args!("{:<12}{}", "not made", out.join(path).display()),
        );
    }
    let (all, changed) = (leaves.len(), differing.len());
    if status == Status::AsExpected {
        let done = if args.check { 0 } else { changed };
        printer.line(format_args!("{all} files, {done} of them written"));
    } else {
        let again = command(args);
        printer.toned(
            Tone::Bad,
            format_args!("not up to date; made anew by: {again}"),
        );
    }
    Ok(status)
}

/// The gallery of the files that have variants to compare.
fn leaves(args: &Report, printer: &mut Printer) -> Result<Vec<Leaf>, Refusal> {
    let mut gallery = Gallery::default();
    let mut folders = BTreeSet::new();
    for root in &args.paths {
        for path in files::all_scenarios(std::slice::from_ref(root))? {
            let choice = Choice {
                variant: None,
                seed: None,
            };
            let loaded = input::load(&path, &choice, printer)?;
            if loaded.runs.len() < 2 {
                continue;
            }
            let folder = folder(root, &path);
            if !folders.insert(folder.clone()) {
                let text = format!("two scenarios would both be reported in `{folder}`");
                let help = "give one folder that holds both".to_owned();
                return Err(Refusal::argument(text, Some(help)));
            }
            let experiments: Result<_, _> = loaded.runs.iter().map(input::prepare).collect();
            let file = path.display().to_string().replace('\\', "/");
            gallery.add(&folder, &file, &Comparison::new(experiments?));
        }
    }
    if folders.is_empty() {
        let text = "no scenario here has variants to compare";
        return Err(Refusal::argument(text, None));
    }
    Ok(gallery.finish(&command(args)))
}

/// Where a scenario's page goes: its path below the folder that was given, without extension.
fn folder(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).ok();
    let below = below.filter(|below| !below.as_os_str().is_empty());
    let name = PathBuf::from(path.file_name().unwrap_or_default());
    let below = below.map_or(name, Path::to_path_buf).with_extension("");
    below.display().to_string().replace('\\', "/")
}

fn command(args: &Report) -> String {
    let out = args.out.display().to_string();
    let (first, rest) = args.paths.split_first().expect("a path is required");
    let repro = Repro::plain("report", &first.display().to_string());
    let words = rest.iter().map(|path| path.display().to_string());
    words
        .fold(repro, |repro, word| repro.and(&word))
        .with("--out", &out)
        .to_string()
}

/// Files of the kinds that a gallery holds which this one would not: left over from before.
fn stray(out: &Path, leaves: &[Leaf]) -> Vec<String> {
    let made: BTreeSet<PathBuf> = leaves.iter().map(|leaf| out.join(&leaf.path)).collect();
    let mut open = vec![out.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let kind = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                open.push(path);
            } else if matches!(kind, Some("svg" | "md")) && !made.contains(&path) {
                let below = path.strip_prefix(out).unwrap_or(&path);
                found.push(below.display().to_string().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}
