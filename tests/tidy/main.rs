//! House rules that no compiler checks: layers, lengths, headers, words.
//!
//! The layer table is that of `docs/ARCHITECTURE.md`. Each test collects everything that is wrong
//! and prints it as `file:line: rule`, so that one run shows all of it.

mod source;

use std::path::Path;
use std::sync::LazyLock;

use source::{Source, files, has_word};

/// Who may import whom: a layer, and the layers below it that it may name.
const LAYERS: [(&str, &[&str]); 11] = [
    ("base", &[]),
    ("kafka", &["base"]),
    ("engine", &["base"]),
    ("node", &["base", "kafka"]),
    ("sim", &["base", "kafka", "engine", "node"]),
    ("verdict", &["base", "kafka", "node"]),
    ("trace", &["base", "kafka", "node"]),
    (
        "scenario",
        &["base", "kafka", "node", "engine", "sim", "verdict"],
    ),
    (
        "lab",
        &[
            "base", "kafka", "node", "engine", "sim", "verdict", "trace", "scenario",
        ],
    ),
    (
        "report",
        &[
            "base", "kafka", "node", "engine", "sim", "verdict", "trace", "scenario", "lab",
        ],
    ),
    (
        "cli",
        &[
            "base", "kafka", "node", "engine", "sim", "verdict", "trace", "scenario", "lab",
            "report",
        ],
    ),
];

/// Layers that see of `node` only what it says of itself.
const OBSERVERS: [&str; 2] = ["verdict", "trace"];
const OBSERVABLE: [&str; 2] = ["fact", "point"];

/// The state machines: they speak through messages and never import each other.
const MACHINES: [&str; 6] = [
    "producer",
    "consumer",
    "broker",
    "coordinator",
    "controller",
    "sink",
];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// A word, where it may stand nevertheless (prefixes of paths), and what to write instead.
type Ban = (&'static str, &'static [&'static str], &'static str);

const BANS: [Ban; 25] = [
    ("thread_rng", &[], "base::Stream, named after its purpose"),
    ("StdRng", &[], "base::Stream: its bits never change"),
    ("SmallRng", &[], "base::Stream: its bits never change"),
    ("SystemTime", &[], "virtual time: base::Instant"),
    (
        "std::time::Instant",
        &["src/cli/"],
        "virtual time: base::Instant",
    ),
    ("HashMap", &[], "BTreeMap, or a vector indexed by id"),
    ("HashSet", &[], "BTreeSet, or a vector indexed by id"),
    ("Rc", &[], "Arc, for what never changes"),
    ("RefCell", &[], "ownership: a fork shares no mutable state"),
    (
        "todo!",
        &[],
        "the thing itself, or \"not yet\" in the loader",
    ),
    (
        "unimplemented!",
        &[],
        "the thing itself, or \"not yet\" in the loader",
    ),
    ("dbg!", &[], "a fact, or nothing"),
    ("println!", &[], "cli::printer"),
    ("print!", &[], "cli::printer"),
    ("eprintln!", &[], "cli::printer"),
    ("eprint!", &[], "cli::printer"),
    (".unwrap()", &[], "expect(\"the invariant as a statement\")"),
    ("utils", &[], "the name of the idea"),
    (
        "std::thread",
        &["src/lab/"],
        "one thread per run; many runs in lab",
    ),
    (
        "std::env",
        &["src/cli/"],
        "an argument: only cli reads the environment",
    ),
    (
        "std::fs",
        &["src/cli/"],
        "an argument: only cli reads and writes files",
    ),
    (
        "clap",
        &["src/cli/"],
        "plain structs: only cli knows its parser",
    ),
    (
        "serde_yaml",
        &["src/scenario/"],
        "scenario: the only layer that knows YAML",
    ),
    (
        "saphyr_parser",
        &["src/scenario/"],
        "scenario: the only layer that knows YAML",
    ),
    (
        "plotters",
        &["src/report/"],
        "report: the only layer that draws",
    ),
];

/// What the text of no file holds, comments included.
const PATHS: [&str; 5] = ["/work/", "/home/", "/root/", "/tmp/", "../shared"];

/// Every Rust file, read once for all tests.
static RUST: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let folders = ["src", "tests", "examples", "benches"];
    let there = folders.iter().filter(|folder| exists(folder));
    there.flat_map(|folder| files(folder, &["rs"])).collect()
});

fn rust_files() -> impl Iterator<Item = &'static Source> {
    RUST.iter()
}

fn program_files() -> impl Iterator<Item = &'static Source> {
    RUST.iter().filter(|file| file.path.starts_with("src/"))
}

fn exists(path: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
}

fn report(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule}\n  {}\n", wrong.join("\n  "));
}

#[test]
fn layers_import_only_what_is_below_them() {
    let mut wrong = Vec::new();
    for file in program_files() {
        let Some(layer) = layer_of(file) else {
            continue;
        };
        for (number, line) in file.lines() {
            for fault in layer_faults(file, layer, line) {
                wrong.push(format!("{}:{number}: {fault}", file.path));
            }
        }
    }
    report("the layers of docs/ARCHITECTURE.md", &wrong);
}

/// The layer a file belongs to; `lib.rs` and `main.rs` belong to none.
fn layer_of(file: &Source) -> Option<&'static str> {
    let folder = file.path.strip_prefix("src/")?.split_once('/')?.0;
    let known = LAYERS.iter().find(|(layer, _)| *layer == folder);
    Some(
        known
            .unwrap_or_else(|| panic!("src/{folder} is no layer of the table"))
            .0,
    )
}

fn layer_faults(file: &Source, layer: &str, line: &str) -> Vec<String> {
    let below = LAYERS
        .iter()
        .find(|(name, _)| *name == layer)
        .expect("a layer is in the table")
        .1;
    let mut faults = Vec::new();
    if line.contains("crate::{") {
        faults.push("one `use` per layer, so that this test can read it".to_owned());
    }
    for path in paths(line, "crate::") {
        let (target, inner) = path.split_once("::").unwrap_or((&path, ""));
        let is_layer = LAYERS.iter().any(|(name, _)| *name == target);
        if is_layer && target != layer && !below.contains(&target) {
            faults.push(format!("{layer} must not import {target}"));
        }
        if target == "node" && OBSERVERS.contains(&layer) && !is_observable(inner) {
            faults.push(format!(
                "{layer} sees of node only `fact` and `point`, not `{inner}`"
            ));
        }
        if target == "node" && layer == "node" {
            faults.extend(machine_fault(file, inner));
        }
    }
    for path in paths(line, "super::") {
        let target = path
            .trim_start_matches("super::")
            .split("::")
            .next()
            .unwrap_or("");
        if is_sibling(file, target) {
            continue;
        }
        if LAYERS.iter().any(|(name, _)| *name == target) && target != layer {
            faults.push(format!("`crate::{target}`, not `super::{target}`"));
        }
        if layer == "node" {
            faults.extend(machine_fault(file, target));
        }
    }
    faults
}

/// What follows each `prefix` in a line, up to the end of the path.
fn paths(line: &str, prefix: &str) -> Vec<String> {
    let in_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    line.match_indices(prefix)
        .filter(|(at, _)| !line[..*at].ends_with(in_path))
        .map(|(at, _)| {
            line[at + prefix.len()..]
                .chars()
                .take_while(|&c| in_path(c))
                .collect()
        })
        .collect()
}

fn is_observable(inner: &str) -> bool {
    let first = inner.split("::").next().unwrap_or("");
    OBSERVABLE.contains(&first)
}

/// What is wrong with a file of `node` naming `inner` of `node`.
fn machine_fault(file: &Source, inner: &str) -> Option<String> {
    let target = inner.split("::").next().unwrap_or("");
    let own = file
        .path
        .strip_prefix("src/node/")?
        .split('/')
        .next()
        .unwrap_or("");
    let own = own.trim_end_matches(".rs");
    let allowed = own == target || (own == "broker" && target == "coordinator");
    let is_machine = MACHINES.contains(&target);
    // Tests may bring together what never meets in the program.
    (is_machine && !allowed && !file.is_test())
        .then(|| format!("node::{own} must not import node::{target}"))
}

/// Whether `super::name` means a module near the file rather than a layer: one in its folder, below
/// it, or beside its folder.
fn is_sibling(file: &Source, name: &str) -> bool {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file.path);
    let folder = own.parent().expect("a file lies in a folder");
    let beside = folder.parent().expect("a folder of src lies in a folder");
    let places = [own.with_extension(""), folder.to_owned(), beside.to_owned()];
    let near = places.iter().filter(|place| **place != src);
    near.map(|place| place.join(name))
        .any(|module| module.exists() || module.with_extension("rs").exists())
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        let lines = file.text.lines().count();
        if FILE_LINES_MAX < lines {
            wrong.push(format!(
                "{}: {lines} lines, at most {FILE_LINES_MAX}",
                file.path
            ));
        }
        if !file.text.starts_with("//! ") {
            wrong.push(format!(
                "{}:1: opens with `//!`: what the file is",
                file.path
            ));
        }
    }
    report("one idea a file, said at its top", &wrong);
}

#[test]
fn functions_are_short() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        for (name, from, to) in functions(file) {
            let lines = to - from + 1;
            if FUNCTION_LINES_MAX < lines {
                let rule = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}");
                wrong.push(format!("{}:{from}: {rule}", file.path));
            }
        }
    }
    report("a function fits on a screen", &wrong);
}

/// Every function with a body: name, first and last line.
fn functions(file: &Source) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = file.code[at..].find("fn ") {
        let start = at + next;
        at = start + 3;
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let name: String = file.code[at..]
            .chars()
            .take_while(|&c| is_word(c))
            .collect();
        if name.is_empty() || file.code[..start].ends_with(is_word) {
            continue;
        }
        if let Some(length) = body_end(&file.code[at..]) {
            found.push((name, file.line_at(start), file.line_at(at + length)));
        }
    }
    found
}

/// Where the body that begins behind a signature ends; none for a signature alone.
fn body_end(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut brackets = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if depth == 0 && brackets == 0 => return None,
            '{' => depth += 1,
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn banned_words_have_a_replacement() {
    let mut wrong = Vec::new();
    for file in program_files() {
        for (word, allowed, instead) in BANS {
            if allowed.iter().any(|prefix| file.path.starts_with(prefix)) {
                continue;
            }
            let hits = file
                .lines_of_program()
                .filter(|(_, line)| has_word(line, word));
            wrong.extend(hits.map(|(n, _)| format!("{}:{n}: `{word}`: {instead}", file.path)));
        }
        for word in ["f32", "f64"] {
            let may = ["src/lab/", "src/report/", "src/cli/"];
            if may.iter().any(|prefix| file.path.starts_with(prefix)) {
                continue;
            }
            let hits = file
                .lines_of_program()
                .filter(|(_, line)| has_word(line, word));
            wrong.extend(hits.map(|(n, _)| format!("{}:{n}: `{word}`: integers", file.path)));
        }
    }
    report("words that this project does without", &wrong);
}

#[test]
fn no_file_speaks_of_unfinished_work_or_of_one_machine() {
    let mut wrong = Vec::new();
    let folders = [
        "src",
        "tests",
        "examples",
        "benches",
        "scenarios",
        "docs",
        "README.md",
        ".ci",
    ];
    let kinds = ["rs", "yaml", "md", "sh"];
    let all = folders
        .iter()
        .filter(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).exists());
    for file in all.flat_map(|folder| files(folder, &kinds)) {
        if file.path.starts_with("tests/tidy/") {
            continue;
        }
        for (line, number) in file.text.lines().zip(1..) {
            for word in ["FIXME", "TODO", "XXX"] {
                if has_word(line, word) {
                    wrong.push(format!(
                        "{}:{number}: `{word}`: do it, or leave it",
                        file.path
                    ));
                }
            }
            for path in PATHS.iter().filter(|path| line.contains(**path)) {
                wrong.push(format!(
                    "{}:{number}: `{path}`: a path of one machine",
                    file.path
                ));
            }
        }
    }
    report("text that stays true elsewhere", &wrong);
}

#[test]
fn the_rules_bite() {
    let file = |path: &str| Source::new(path.to_owned(), String::new());
    let faults = |path, layer, line| layer_faults(&file(path), layer, line);
    let node = "src/node/producer/mod.rs";
    assert_eq!(
        faults(node, "node", "use crate::sim::Sim;"),
        ["node must not import sim"]
    );
    assert_eq!(
        faults(
            node,
            "node",
            "let x = crate::node::consumer::Member::new();"
        ),
        ["node::producer must not import node::consumer"]
    );
    assert!(
        faults(
            "src/node/broker/mod.rs",
            "node",
            "use crate::node::coordinator::X;"
        )
        .is_empty()
    );
    assert_eq!(
        faults("src/verdict/x.rs", "verdict", "use crate::node::Fact;"),
        ["verdict sees of node only `fact` and `point`, not `Fact`"]
    );
    assert!(
        faults(
            "src/verdict/x.rs",
            "verdict",
            "use crate::node::fact::Fact;"
        )
        .is_empty()
    );
    assert!(has_word("let x = a.unwrap();", ".unwrap()"));
    assert!(!has_word("let x = a.unwrap_or(1);", ".unwrap()"));
    assert!(!has_word("struct JavaHashMap;", "HashMap"));
    let code = "fn f(a: [u8; 2]) -> u8 {\n\n}\nfn g();\n";
    let long = Source::new("src/base/x.rs".to_owned(), code.to_owned());
    assert_eq!(functions(&long), [("f".to_owned(), 1, 3)]);
}
