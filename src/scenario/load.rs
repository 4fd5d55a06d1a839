//! A file to its runs: one for each variant, all of them checked in one go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::decode::expect::is_quantity_of_run;
use super::decode::{self, Context, Statements};
use super::diagnostic::{Diagnostic, Kind, Problem, Severity, line_of};
use super::merge::merge;
use super::origin::Origins;
use super::reader;
use super::resolved::Scenario;
use super::suggest::nearest;
use super::tree::{Entry, Node, Place, Value};
use crate::verdict::record::is_name;

/// What an overlay cannot hold.
pub(super) const OUTSIDE: [&str; 7] = [
    "title",
    "seed",
    "seeds",
    "variants",
    "sweep",
    "expect",
    "must-happen",
];

/// The name under which `expect` and `must-happen` speak of all variants.
const EVERY: &str = "every-variant";

/// What the caller asks for beside the file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The variant to choose; the baseline if absent.
    pub variant: Option<String>,
    /// The seed, instead of the file's.
    pub seed: Option<u64>,
}

/// A file that can run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The title of the file.
    pub title: String,
    /// Its runs: one for each variant in the order of the file, or the bare file.
    pub runs: Vec<Run>,
    /// Which run the options choose; the first is the baseline.
    pub chosen: usize,
    /// What has no effect here, though it runs.
    pub warnings: Vec<Diagnostic>,
}

/// One run of a file.
#[derive(Clone, Debug)]
pub struct Run {
    /// The variant; `None` in a file without variants.
    pub variant: Option<String>,
    /// What runs.
    pub scenario: Scenario,
    /// Where each of its Kafka settings comes from.
    pub origins: Origins,
}

/// Reads a scenario file. `read_file` gives the text of a file that the scenario names, by the path
/// as it stands there, or says why it cannot.
///
/// # Errors
/// Every mistake of the file and of all its variants, in the order of their places.
pub fn load(
    bytes: &[u8],
    file: &str,
    read_file: &dyn Fn(&str) -> Result<String, String>,
    options: &Options,
) -> Result<Loaded, Vec<Diagnostic>> {
    let file: Arc<str> = file.into();
    let lossy = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).into_owned();
    let reader::Text {
        root,
        source,
        problems: misread,
    } = reader::read(bytes).map_err(|problems| {
        let source = std::str::from_utf8(bytes).unwrap_or(&lossy);
        located(&problems, &file, source)
    })?;
    let mut loader = Loader::new(&root, source, read_file);
    let runs = loader.runs(options);
    // What was misread is told once: what follows from it on the same line is no news.
    let line = |problem: &Problem| line_of(source, problem.place.start);
    let spoiled: BTreeSet<usize> = misread.iter().map(line).collect();
    let mut problems = loader.problems;
    problems.retain(|problem| !spoiled.contains(&line(problem)));
    problems.extend(misread);
    problems.sort();
    problems.dedup();
    let failed = problems.iter().any(|p| p.severity == Severity::Error);
    let (errors, warnings): (Vec<Problem>, Vec<Problem>) = problems
        .into_iter()
        .partition(|p| p.severity == Severity::Error);
    if failed {
        return Err(located(&errors, &file, source));
    }
    let chosen = match &options.variant {
        None => 0,
        Some(name) => runs
            .iter()
            .position(|run| run.variant.as_ref() == Some(name))
            .expect("an unknown variant was reported above"),
    };
    Ok(Loaded {
        title: runs[chosen].scenario.title.clone(),
        runs,
        chosen,
        warnings: located(&warnings, &file, source),
    })
}

fn located(problems: &[Problem], file: &Arc<str>, source: &str) -> Vec<Diagnostic> {
    problems
        .iter()
        .map(|problem| problem.located(file, source))
        .collect()
}

struct Loader<'t> {
    root: &'t Node,
    source: Arc<str>,
    files: BTreeMap<String, Result<String, String>>,
    problems: Vec<Problem>,
}

impl<'t> Loader<'t> {
    fn new(
        root: &'t Node,
        source: &str,
        read_file: &dyn Fn(&str) -> Result<String, String>,
    ) -> Self {
        let mut files = BTreeMap::new();
        collect_files(root, read_file, &mut files);
        Self {
            root,
            source: source.into(),
            files,
            problems: Vec::new(),
        }
    }

    /// The runs, as far as they can be read.
    fn runs(&mut self, options: &Options) -> Vec<Run> {
        if self.root.entries().is_none() {
            let text = "a scenario is a map that begins with `title:`";
            self.problems
                .push(Problem::new(Kind::File, self.root.place, text));
            return Vec::new();
        }
        let overlays = self.overlays();
        self.check_chosen(options, &overlays);
        if overlays.is_empty() {
            let statements = self.plain_statements();
            let (run, problems) = self.decode(self.root, None, &statements, options);
            self.problems.extend(problems);
            return vec![run];
        }
        let statements = self.statements(&overlays);
        let mut runs = Vec::new();
        let mut found: Vec<(String, usize, Vec<Problem>)> = Vec::new();
        for (entry, statements) in overlays.iter().zip(&statements) {
            let mut problems = Vec::new();
            let merged = self.merged(entry, &mut problems);
            self.problems.append(&mut problems);
            let own = Some((entry.key.clone(), entry.node.place));
            let (run, problems) = self.decode(&merged, own, statements, options);
            let line = line_of(&self.source, entry.key_place.start);
            found.push((entry.key.clone(), line, problems));
            runs.push(run);
        }
        self.problems.extend(attributed(found));
        runs
    }

    fn decode(
        &self,
        tree: &Node,
        overlay: Option<(String, Place)>,
        statements: &Statements<'_>,
        options: &Options,
    ) -> (Run, Vec<Problem>) {
        let variant = overlay.as_ref().map(|(name, _)| name.clone());
        let mut context = Context {
            problems: Vec::new(),
            overlay,
            files: self.files.clone(),
            unread_loops: BTreeSet::new(),
            source: self.source.clone(),
            owner: Vec::new(),
            origins: Origins::default(),
        };
        let mut scenario = decode::scenario(&mut context, tree, statements);
        scenario.seed = options.seed.unwrap_or(scenario.seed);
        let run = Run {
            variant,
            scenario,
            origins: context.origins,
        };
        (run, context.problems)
    }

    /// The entries of `variants`, checked as far as they can be by themselves.
    fn overlays(&mut self) -> Vec<&'t Entry> {
        let root = self.root;
        let Some(node) = root.get("variants").filter(|node| !node.is_null()) else {
            return Vec::new();
        };
        let Some(entries) = node.entries() else {
            let text = "`variants` is a map from names to overlays";
            self.problems
                .push(Problem::new(Kind::Overlay, node.place, text));
            return Vec::new();
        };
        for entry in entries {
            if !is_name(&entry.key) || entry.key == EVERY {
                let text = format!("`{}` cannot be the name of a variant", entry.key);
                self.problems
                    .push(Problem::new(Kind::Name, entry.key_place, text));
            }
            let Some(keys) = entry.node.entries() else {
                let text = format!("the overlay `{}` is no map", entry.key);
                let problem = Problem::new(Kind::Overlay, entry.node.place, text);
                self.problems
                    .push(problem.help("`{}` is the file as it stands"));
                continue;
            };
            for key in keys
                .iter()
                .filter(|key| OUTSIDE.contains(&key.key.as_str()))
            {
                let text = format!("an overlay cannot hold `{}`", key.key);
                let problem = Problem::new(Kind::Overlay, key.key_place, text);
                let help = match key.key.as_str() {
                    "expect" | "must-happen" => {
                        format!("write it at the top: `{}: {{ {}: … }}`", key.key, entry.key)
                    }
                    _ => "it is the same for all variants of a file".to_owned(),
                };
                self.problems.push(problem.help(help));
            }
        }
        entries.iter().collect()
    }

    fn check_chosen(&mut self, options: &Options, overlays: &[&Entry]) {
        let Some(name) = &options.variant else { return };
        if overlays.iter().any(|entry| entry.key == *name) {
            return;
        }
        let known: Vec<&str> = overlays.iter().map(|entry| entry.key.as_str()).collect();
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "the file has no variants".to_owned(),
            None => format!("variants: {}", known.join(", ")),
        };
        let place = self
            .root
            .entry("variants")
            .map_or(self.root.place.part(0, 1), |e| e.key_place);
        let text = format!("no variant is called `{name}`");
        self.problems
            .push(Problem::new(Kind::Name, place, text).help(help));
    }

    /// The file with one overlay on it.
    fn merged(&self, entry: &Entry, problems: &mut Vec<Problem>) -> Node {
        let merged = merge(self.root, &entry.node, &[], problems);
        let empty = entry.node.entries().is_none_or(<[Entry]>::is_empty);
        if !merged.changed && !empty && problems.is_empty() {
            let text = format!("the overlay `{}` changes nothing", entry.key);
            let problem = Problem::new(Kind::Overlay, entry.key_place, text);
            problems.push(problem.help("`{}` is the file as it stands"));
        }
        merged.node
    }

    fn plain_statements(&self) -> Statements<'t> {
        let all = |key: &str| {
            let node = self.root.get(key).filter(|node| !node.is_null());
            node.into_iter().collect()
        };
        Statements {
            expect: all("expect"),
            must_happen: all("must-happen"),
        }
    }

    /// What `expect` and `must-happen` say of each variant.
    fn statements(&mut self, overlays: &[&'t Entry]) -> Vec<Statements<'t>> {
        let mut statements = vec![Statements::default(); overlays.len()];
        let names: Vec<&str> = overlays.iter().map(|entry| entry.key.as_str()).collect();
        let root = self.root;
        let some = |key: &str| root.entry(key).filter(|entry| !entry.node.is_null());
        if let Some(entry) = some("expect") {
            for (index, node) in self.by_variant(entry, &names) {
                statements[index].expect.push(node);
            }
        }
        match some("must-happen") {
            Some(entry) if matches!(entry.node.value, Value::List(_)) => {
                for statement in &mut statements {
                    statement.must_happen.push(&entry.node);
                }
            }
            Some(entry) => {
                for (index, node) in self.by_variant(entry, &names) {
                    statements[index].must_happen.push(node);
                }
            }
            None => {}
        }
        statements
    }

    /// The trees under the names of variants, with the index of each variant they speak of.
    fn by_variant(&mut self, entry: &'t Entry, names: &[&str]) -> Vec<(usize, &'t Node)> {
        let Some(entries) = entry.node.entries() else {
            let text = format!("`{}` is a map from variants here", entry.key);
            self.problems
                .push(Problem::new(Kind::Expect, entry.node.place, text));
            return Vec::new();
        };
        let mut found = Vec::new();
        for variant in entries.iter().filter(|entry| !entry.node.is_null()) {
            if variant.key == EVERY {
                found.extend((0..names.len()).map(|index| (index, &variant.node)));
            } else if let Some(index) = names.iter().position(|name| *name == variant.key) {
                found.push((index, &variant.node));
            } else {
                let problem = unknown_variant(&entry.key, variant, names);
                self.problems.push(problem);
            }
        }
        found
    }
}

/// A key of `expect` or `must-happen` that is no variant.
fn unknown_variant(what: &str, entry: &Entry, names: &[&str]) -> Problem {
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if is_quantity_of_run(&entry.key) {
        let text = format!("`{what}` must say for which variant");
        let help = format!(
            "put it under `{EVERY}:`, or under one of {}",
            listed.join(", ")
        );
        return Problem::new(Kind::Expect, entry.key_place, text).help(help);
    }
    let text = format!("no variant is called `{}`", entry.key);
    let help = match nearest(&entry.key, names.iter().copied().chain([EVERY])) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("variants: {}, and `{EVERY}` for all", listed.join(", ")),
    };
    Problem::new(Kind::Name, entry.key_place, text).help(help)
}

/// The problems of all variants, each once; one that not all variants have says which have it.
fn attributed(found: Vec<(String, usize, Vec<Problem>)>) -> Vec<Problem> {
    let variants = found.len();
    let mut all: BTreeMap<Problem, Vec<(String, usize)>> = BTreeMap::new();
    for (name, line, mut problems) in found {
        problems.sort();
        problems.dedup();
        for problem in problems {
            all.entry(problem).or_default().push((name.clone(), line));
        }
    }
    let attribute = |(mut problem, who): (Problem, Vec<(String, usize)>)| {
        if who.len() < variants {
            let listed: Vec<String> = who
                .iter()
                .map(|(name, line)| format!("`{name}` (line {line})"))
                .collect();
            let plural = if who.len() == 1 { "" } else { "s" };
            let note = format!("In variant{plural} {}", listed.join(", "));
            problem.help = Some(match problem.help {
                Some(help) => format!("{help}. {note}"),
                None => note,
            });
        }
        problem
    };
    all.into_iter().map(attribute).collect()
}

/// Reads every file that the tree names.
fn collect_files(
    node: &Node,
    read_file: &dyn Fn(&str) -> Result<String, String>,
    files: &mut BTreeMap<String, Result<String, String>>,
) {
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let path = entry.node.text().filter(|_| entry.key == "properties-file");
                if let Some(path) = path {
                    files
                        .entry(path.to_owned())
                        .or_insert_with(|| read_file(path));
                }
                collect_files(&entry.node, read_file, files);
            }
        }
        Value::List(items) => {
            for item in items {
                collect_files(item, read_file, files);
            }
        }
        Value::Null | Value::Scalar(_) => {}
    }
}
