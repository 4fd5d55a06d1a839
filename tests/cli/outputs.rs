//! Outputs that fail or are small: every command meets a reader that has gone, a full disk and a
//! terminal of 40 columns.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::program::{Kafkasim, Scenario};
use super::{LESSON, lesson};

/// A call of every command that prints something; `name` keeps the tests apart.
fn every_command(name: &str) -> Vec<Vec<String>> {
    let file = lesson(name).path().to_owned();
    let lessons = Scenario::folder(
        &format!("{name}-lessons"),
        &[("one.yaml", LESSON.to_owned())],
    );
    let out = format!("{lessons}-out");
    [
        vec!["run", &file],
        vec!["run", &file, "--json"],
        vec!["run", &file, "--seeds", "3"],
        vec!["compare", &file],
        vec!["show", &file],
        vec!["trace", &file],
        vec!["trace", &file, "--json"],
        vec!["why", &file, "--record", "shop#1"],
        vec!["check", &file],
        vec!["check-determinism", &file],
        vec!["test", &file],
        vec!["list", &lessons],
        vec!["new", "delivery"],
        vec!["new", "--list"],
        vec!["schema"],
        vec!["schema", "--markdown"],
        vec!["completions", "bash"],
        vec!["chart", &file, "--out", &out, "--kind", "outcomes"],
        vec!["report", &lessons, "--out", &out],
    ]
    .into_iter()
    .map(|words| words.into_iter().map(str::to_owned).collect())
    .collect()
}

fn call(words: &[String]) -> Kafkasim {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Kafkasim::new(&words)
}

#[test]
fn a_reader_that_has_gone_is_no_error_for_any_command() {
    for words in every_command("gone") {
        let run = call(&words).with_nobody_reading();
        run.exits(0);
        assert!(!run.stderr.contains("error"), "{words:?}: {}", run.stderr);
    }
}

#[test]
fn a_full_disk_under_stdout_is_told_by_every_command() {
    if !Path::new("/dev/full").exists() {
        println!("SKIPPED: there is no /dev/full here");
        return;
    }
    for words in every_command("full-stdout") {
        let full = fs::File::options().write(true).open("/dev/full");
        let run = call(&words).with_stdout(full.expect("it can be opened"));
        run.exits(2);
        let says = "error[output]: standard output: the disk is full";
        assert!(run.stderr.contains(says), "{words:?}: {}", run.stderr);
    }
}

/// What a command prints on a terminal of 40 columns, by the program `script` of util-linux.
fn on_a_narrow_terminal(words: &[String]) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_kafkasim");
    let words = words.iter().map(|word| format!(" '{word}'"));
    let line = format!(
        "stty rows 24 cols 40; '{program}'{}",
        words.collect::<String>()
    );
    let script = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    assert!(script.status.success(), "{line}: {script:?}");
    Some(String::from_utf8_lossy(&script.stdout).replace('\r', ""))
}

#[test]
fn verdicts_and_comparisons_fit_a_terminal_of_40_columns() {
    let file = lesson("narrow").path().to_owned();
    for command in ["run", "compare"] {
        let words = [command.to_owned(), file.clone()];
        let Some(text) = on_a_narrow_terminal(&words) else {
            println!("SKIPPED: there is no `script` here");
            return;
        };
        // A command to be copied stays on its line.
        let wide = |line: &&str| 40 < line.chars().count() && !line.contains("kafkasim ");
        let wide: Vec<&str> = text.lines().filter(wide).collect();
        assert!(wide.is_empty(), "{command} on 40 columns: {wide:#?}");
    }
}
