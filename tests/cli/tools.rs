//! `new`, `schema`, `list` and `completions`: the tools around scenario files.

use std::fs;
use std::path::Path;

use super::LESSON;
use super::program::{Kafkasim, Scenario};

/// The themes that `new --list` names.
fn themes() -> Vec<String> {
    let run = Kafkasim::new(&["new", "--list"]).run();
    run.exits(0);
    let words = run.stdout.lines().filter_map(|line| line.split(' ').next());
    words.map(str::to_owned).collect()
}

/// An empty folder of this name.
fn empty_folder(name: &str) -> String {
    let folder = Scenario::folder(name, &[("begun", String::new())]);
    for entry in fs::read_dir(&folder).expect("the folder was made") {
        fs::remove_file(entry.expect("a readable entry").path()).expect("the file can go");
    }
    folder
}

fn files_in(folder: &str) -> usize {
    fs::read_dir(folder).expect("the folder is there").count()
}

#[test]
fn every_scaffold_meets_its_own_expectations() {
    let folder = empty_folder("scaffolds");
    let themes = themes();
    assert!(5 <= themes.len(), "{themes:?}");
    for theme in &themes {
        let file = format!("{folder}/{theme}.yaml");
        let made = Kafkasim::new(&["new", theme, "--out", &file]).run();
        made.exits(0);
        assert!(made.stdout.contains(&file), "it says what it wrote");
        let text = fs::read_to_string(&file).expect("the file was written");
        let printed = Kafkasim::new(&["new", theme]).run();
        assert_eq!(printed.stdout, text, "the same on stdout");
        let comments = text.lines().filter(|line| line.contains('#')).count();
        assert!(3 <= comments, "{theme} is commented");
        assert!(
            text.contains("must-happen:"),
            "{theme} is not green by accident"
        );
    }
    let run = Kafkasim::new(&["test", &folder]).run();
    run.exits(0);
    assert_eq!(
        files_in(&folder),
        themes.len(),
        "nothing else is left behind"
    );
}

#[test]
fn a_file_that_is_there_is_only_overwritten_when_told() {
    let folder = empty_folder("existing");
    let file = format!("{folder}/mine.yaml");
    fs::write(&file, "precious").expect("the file can be written");
    for words in [
        vec!["new", "delivery", "--out", &file],
        vec!["schema", "--out", &file],
    ] {
        let run = Kafkasim::new(&words).run();
        run.exits(2);
        assert!(run.stderr.contains("is there already") && run.stderr.contains("--force"));
        let kept = fs::read_to_string(&file).expect("the file is there");
        assert_eq!(kept, "precious");
    }
    let run = Kafkasim::new(&["new", "delivery", "--out", &file, "--force"]).run();
    run.exits(0);
    let text = fs::read_to_string(&file).expect("the file is there");
    assert!(text.contains("title:") && files_in(&folder) == 1);
}

#[test]
fn what_cannot_be_made_is_refused_and_leaves_nothing_behind() {
    let folder = empty_folder("refused");
    let nowhere = format!("{folder}/no/such/folder.yaml");
    let below_a_file = format!("{}/x.yaml", lesson_path());
    for (words, says) in [
        (vec!["new", "delivry"], "did you mean `delivery`?"),
        (vec!["new", "elephants"], "themes: smallest"),
        (vec!["new"], "themes: smallest"),
        (vec!["new", "delivery", "--force"], "--out"),
        (
            vec!["new", "delivery", "--out", &folder],
            "this is a folder",
        ),
        (vec!["new", "delivery", "--out", &nowhere], "no such folder"),
        (
            vec!["new", "delivery", "--out", &below_a_file],
            "no such folder",
        ),
        (vec!["new", "delivery", "--out", ".."], "this is a folder"),
        (vec!["schema", "--out", &nowhere], "no such folder"),
        (vec!["list", &nowhere], "no such file"),
        (vec!["list", &folder], "no scenario file"),
        (vec!["completions", "cmd"], "possible values: bash"),
    ] {
        let run = Kafkasim::new(&words).run();
        run.exits(2);
        assert_eq!(run.stdout, "", "no result of {words:?}");
        assert!(
            run.stderr.contains(says),
            "{words:?} says `{says}`:\n{}",
            run.stderr
        );
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
    assert_eq!(files_in(&folder), 0);
    // Nobody can make a file here, not even the administrator.
    if Path::new("/proc/self").exists() {
        let run = Kafkasim::new(&["new", "delivery", "--out", "/proc/mine.yaml"]).run();
        run.exits(2);
        assert!(run.stderr.contains("cannot be written"), "{}", run.stderr);
    }
}

fn lesson_path() -> String {
    Scenario::new("tools-lesson", LESSON).path().to_owned()
}

/// A device that is always full, where there is one.
#[test]
fn a_full_disk_leaves_no_half_written_file() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let full = fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("it can be opened");
    let run = Kafkasim::new(&["schema"]).with_stdout(full);
    run.exits(2);
    assert!(run.stderr.contains("error[output]"), "{}", run.stderr);
}

#[test]
fn the_schema_is_json_and_the_reference_markdown() {
    let run = Kafkasim::new(&["schema"]).run();
    run.exits(0);
    let schema: serde_json::Value = serde_json::from_str(&run.stdout).expect("a document");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let page = Kafkasim::new(&["schema", "--markdown"]).run();
    page.exits(0);
    assert!(page.stdout.contains("### `groups.<NAME>`"));
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = Kafkasim::new(&["completions", shell]).run();
        run.exits(0);
        for word in ["kafkasim", "compare", "completions", "covers"] {
            assert!(run.stdout.contains(word), "{shell} knows {word}");
        }
    }
}

#[test]
fn a_list_names_theme_title_and_rows_and_finds_a_row() {
    let folder = Scenario::folder(
        "listed",
        &[
            ("a.yaml", format!("{LESSON}covers: [29, 3-in-part]\n")),
            ("b.yaml", LESSON.to_owned()),
        ],
    );
    let run = Kafkasim::new(&["list", &folder]).run();
    run.exits(0);
    assert!(
        run.stdout.starts_with("listed\n"),
        "the folder is the theme"
    );
    assert!(
        run.stdout.contains("a.yaml  (rows 29, 3-in-part)\n"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout
            .contains("      A worker crashes before it commits\n")
    );
    let found = Kafkasim::new(&["list", &folder, "--covers", "29", "--json"]).run();
    found.exits(0);
    let document: serde_json::Value = serde_json::from_str(&found.stdout).expect("a document");
    let scenarios = document["scenarios"].as_array().expect("a list");
    assert_eq!(
        (document["version"].as_u64(), scenarios.len()),
        (Some(1), 1)
    );
    assert_eq!(scenarios[0]["variants"][0], "at-least-once");
    let none = Kafkasim::new(&["list", &folder, "--covers", "2"]).run();
    none.exits(2);
    assert!(
        none.stderr.contains("rows covered here: 29, 3-in-part"),
        "{}",
        none.stderr
    );
    assert_eq!(none.stdout, "");
}

#[test]
fn a_broken_file_does_not_hide_the_list() {
    let folder = Scenario::folder(
        "listed-broken",
        &[
            ("a.yaml", "title: [\n".to_owned()),
            ("b.yaml", LESSON.to_owned()),
        ],
    );
    let run = Kafkasim::new(&["list", &folder]).run();
    run.exits(2);
    assert!(run.stdout.contains("b.yaml") && run.stderr.contains("a.yaml"));
}
