//! The program as a user meets it: what it prints, where, and with which exit code.

mod charts;
mod conform;
mod outputs;
mod program;
#[cfg(target_os = "linux")]
mod stopping;
mod sweep;
mod tools;

use program::{Kafkasim, Scenario};

/// Two workers, one crash: what was processed and not yet committed is done again.
const LESSON: &str = "\
title: A worker crashes before it commits
question: Which records are done twice?
topics: { orders: { partitions: 3, replication.factor: 3 } }
producers: { shop: { topic: orders, records: 30 } }
groups:
  workers: { topics: [orders], members: 2, start-at: 5s, config: { auto.offset.reset: earliest } }
faults:
  - { crash: workers, before: commit-sync, restart-after: 5s }
variants:
  at-least-once: {}
  at-most-once: { groups: { workers: { commit: before-processing } } }
expect:
  every-variant: { lost: 0 }
  at-least-once: { duplicated: 1.. }
must-happen: [rebalance]
";

fn lesson(name: &str) -> Scenario {
    Scenario::new(name, LESSON)
}

#[test]
fn a_run_says_what_happened_and_how_to_see_it_again() {
    let file = lesson("says");
    let run = Kafkasim::new(&["run", file.path()]).run();
    run.exits(0);
    assert_eq!(run.stderr, "", "nothing to remark");
    assert!(
        run.stdout
            .starts_with("A worker crashes before it commits\n")
    );
    assert!(run.stdout.contains("AS EXPECTED"));
    let last = run.stdout.lines().last().expect("a run prints something");
    let words: Vec<&str> = last.split(' ').collect();
    assert_eq!(words[0], "reproduce:");
    assert_eq!(words[1], "kafkasim");
    let again = Kafkasim::new(&words[2..]).run();
    assert_eq!(again.stdout, run.stdout, "the line reproduces the run");
}

#[test]
fn text_is_narrow_and_without_colour_in_a_pipe() {
    let file = lesson("narrow");
    for (command, columns) in [("run", 80), ("compare", 80), ("trace", 100)] {
        let run = Kafkasim::new(&[command, file.path()]).run();
        for line in run
            .stdout
            .lines()
            .filter(|line| !line.contains(file.path()))
        {
            assert!(line.chars().count() <= columns, "{command}: {line}");
        }
        assert!(!run.stdout.contains('\u{1b}'), "{command} is not coloured");
    }
}

#[test]
fn a_trace_is_drawn_on_any_screen_or_refused() {
    let file = lesson("lanes");
    for width in [40, 60, 100, 200] {
        let words = [
            "trace",
            file.path(),
            "--lanes",
            "--explain",
            "--width",
            &width.to_string(),
        ];
        let run = Kafkasim::new(&words).run();
        run.exits(0);
        let widest = run.stdout.lines().map(|line| line.chars().count()).max();
        assert!(
            widest.expect("something is drawn") <= width,
            "{}",
            run.stdout
        );
        assert!(
            run.stdout.contains('X') && run.stdout.contains("crashes"),
            "{}",
            run.stdout
        );
    }
    let narrow = Kafkasim::new(&["trace", file.path(), "--lanes", "--width", "15"]).run();
    narrow.exits(2);
    assert_eq!(narrow.stdout, "");
    assert!(narrow.stderr.contains("--width"), "{}", narrow.stderr);
    let mermaid = Kafkasim::new(&["trace", file.path(), "--mermaid", "--actor", "workers"]).run();
    mermaid.exits(0);
    assert!(
        mermaid.stdout.starts_with("sequenceDiagram\n"),
        "{}",
        mermaid.stdout
    );
    assert!(
        !mermaid.stdout.contains("as shop\n"),
        "only who is involved has a lane"
    );
    for words in [
        ["--lanes", "--mermaid"],
        ["--lanes", "--json"],
        ["--width", "80"],
    ] {
        Kafkasim::new(&["trace", file.path(), words[0], words[1]])
            .run()
            .exits(2);
    }
}

#[test]
fn a_trace_says_the_rule_behind_a_fact_once() {
    let file = lesson("explain");
    let plain = Kafkasim::new(&["trace", file.path()]).run();
    let explained = Kafkasim::new(&["trace", file.path(), "--explain"]).run();
    explained.exits(0);
    let rule = "A crash says goodbye to nobody";
    assert_eq!(explained.stdout.matches(rule).count(), 1);
    let is_rule = |line: &&str| line.starts_with("               ");
    let kept: Vec<&str> = explained
        .stdout
        .lines()
        .filter(|line| !is_rule(line))
        .collect();
    assert_eq!(
        kept,
        plain.stdout.lines().collect::<Vec<_>>(),
        "rules are added, nothing else"
    );
    let json = Kafkasim::new(&["trace", file.path(), "--explain", "--json"]).run();
    assert!(
        json.stdout.contains("\"rule\":\"A crash says"),
        "facts of programs have it too"
    );
}

#[test]
fn a_file_is_checked_for_being_the_same_every_time() {
    let file = lesson("determinism");
    let check = Kafkasim::new(&["check-determinism", file.path()]).run();
    check.exits(0);
    let same = check
        .stdout
        .lines()
        .filter(|line| line.starts_with("same "));
    assert_eq!(same.count(), 2, "{}", check.stdout);
    let print = |threads: &str| {
        let words = [
            "check-determinism",
            file.path(),
            "--print",
            "--threads",
            threads,
        ];
        let run = Kafkasim::new(&words).run();
        run.exits(0);
        run.stdout
    };
    let printed = print("1");
    assert_eq!(printed, print("2"));
    let run = Kafkasim::new(&["run", file.path()]).run();
    let (_, fingerprint) = run
        .stdout
        .split_once("fingerprint ")
        .expect("a run ends with it");
    assert!(printed.starts_with(&fingerprint[..16]), "{printed}");
    let bound = Scenario::new("same-bound", &format!("{LESSON}limits: {{ events: 50 }}\n"));
    let check = Kafkasim::new(&["check-determinism", bound.path()]).run();
    check.exits(0);
    assert!(
        check.stdout.contains("not run step by step"),
        "{}",
        check.stdout
    );
    let json = Kafkasim::new(&["check-determinism", file.path(), "--json"]).run();
    let document: serde_json::Value = serde_json::from_str(&json.stdout).expect("one document");
    assert_eq!(document["same"], 2);
    assert_eq!(document["runs"][0]["ways"][2], "stepped");
    for words in [["--threads", "2"], ["--print", "--threads=0"]] {
        Kafkasim::new(&["check-determinism", file.path(), words[0], words[1]])
            .run()
            .exits(2);
    }
}

#[test]
fn what_is_not_as_expected_exits_with_1_and_says_what() {
    let file = Scenario::new(
        "unexpected",
        &LESSON.replace("duplicated: 1..", "duplicated: 0"),
    );
    let run = Kafkasim::new(&["run", file.path()]).run();
    run.exits(1);
    assert!(run.stdout.contains("FAILED"));
    assert!(run.stdout.contains("duplicated: 0"));
    assert!(run.stdout.contains("NOT AS EXPECTED"));
}

#[test]
fn a_bound_exits_with_3_and_says_which() {
    let file = Scenario::new("bound", &format!("{LESSON}limits: {{ events: 50 }}\n"));
    let run = Kafkasim::new(&["run", file.path()]).run();
    run.exits(3);
    assert!(run.stdout.contains("limits.events"), "{}", run.stdout);
    assert!(!run.stdout.contains("  AS EXPECTED"));
}

#[test]
fn bad_input_exits_with_2_and_prints_no_result() {
    let file = lesson("bad-input");
    let folder = env!("CARGO_TARGET_TMPDIR");
    let broken = Scenario::new(
        "broken",
        &LESSON.replace("topics: [orders]", "topic: orders"),
    );
    let latin = Scenario::bytes("latin", b"title: caf\xe9\n");
    let empty = Scenario::new("empty", "");
    for (words, says) in [
        (vec!["run", "nowhere.yaml"], "no such file"),
        (vec!["run", folder], "folder"),
        (vec!["run", broken.path()], "unknown key"),
        (vec!["run", latin.path()], "UTF-8"),
        (vec!["run", empty.path()], "empty"),
        (
            vec!["run", file.path(), "--variant", "at-most-onze"],
            "at-most-once",
        ),
        (vec!["why", file.path(), "--record", "shop#31"], "30"),
        (vec!["why", file.path(), "--record", "shop"], "orders-0@4"),
        (
            vec!["why", file.path(), "--record", "orders-0@99"],
            "orders-0",
        ),
        (
            vec![
                "why",
                file.path(),
                "--record",
                "shop#1",
                "--group",
                "worker",
            ],
            "workers",
        ),
        (vec!["trace", file.path(), "--record", "shop#31"], "30"),
        (
            vec!["trace", file.path(), "--partition", "orders-3"],
            "0 to 2",
        ),
        (
            vec!["trace", file.path(), "--partition", "order-0"],
            "orders-0",
        ),
        (
            vec!["trace", file.path(), "--actor", "workers-3"],
            "workers-",
        ),
        (vec!["trace", file.path(), "--group", "worker"], "workers"),
        (vec!["trace", file.path(), "--from", "5"], "unit"),
        (vec!["run", file.path(), "--seed", "-1"], "--seed"),
        (vec!["run"], "FILE"),
        (vec!["fly"], "fly"),
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
}

#[test]
fn json_documents_carry_a_version() {
    let file = lesson("json");
    for words in [
        vec!["run", file.path(), "--json"],
        vec!["compare", file.path(), "--json"],
        vec!["show", file.path(), "--json"],
        vec!["check", file.path(), "--json"],
        vec!["test", file.path(), "--json"],
        vec!["why", file.path(), "--record", "shop#1", "--json"],
    ] {
        let run = Kafkasim::new(&words).run();
        run.exits(0);
        let document: serde_json::Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{words:?}: {e}"));
        assert_eq!(document["version"], 1, "{words:?}");
    }
    let trace = Kafkasim::new(&["trace", file.path(), "--json"]).run();
    trace.exits(0);
    assert!(
        100 < trace.stdout.lines().count(),
        "a trace as JSON leaves nothing out"
    );
    for line in trace.stdout.lines() {
        let fact: serde_json::Value = serde_json::from_str(line).expect("a line is a document");
        assert_eq!(fact["version"], 1);
        assert!(fact["fact"].is_string() && fact["who"].is_string() && fact["at_ns"].is_u64());
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let file = lesson("pipe");
    for command in ["run", "trace", "show"] {
        let run = Kafkasim::new(&[command, file.path()]).with_nobody_reading();
        run.exits(0);
        assert_eq!(run.stderr, "", "{command} says nothing about it");
    }
}

#[test]
fn what_is_shown_is_a_file_that_runs_alike() {
    let file = lesson("shown");
    let shown = Kafkasim::new(&["show", file.path(), "--variant", "at-most-once"]).run();
    shown.exits(0);
    let resolved = Scenario::new("resolved", &shown.stdout);
    let fingerprint = |words: &[&str]| {
        let run = Kafkasim::new(words).run();
        let document: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
        document["verdict"]["fingerprint"].clone()
    };
    assert_eq!(
        fingerprint(&["run", resolved.path(), "--json"]),
        fingerprint(&["run", file.path(), "--variant", "at-most-once", "--json"])
    );
    let again = Kafkasim::new(&["show", resolved.path()]).run();
    let bare = |yaml: &str| -> Vec<String> {
        let lines = yaml.lines().map(|line| line.split("  # ").next());
        lines
            .flatten()
            .map(|line| line.trim_end().to_owned())
            .collect()
    };
    assert_eq!(
        bare(&again.stdout),
        bare(&shown.stdout),
        "it is its own `show`, but for where its settings come from"
    );
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = "enable.auto.commit: false # the loop implies it";
    assert!(shown.stdout.lines().any(|line| squeezed(line) == said));
}

#[test]
fn a_comparison_names_the_records_that_fare_differently() {
    let file = lesson("compare");
    let run = Kafkasim::new(&["compare", file.path()]).run();
    run.exits(0);
    assert!(run.stdout.contains("at-least-once") && run.stdout.contains("at-most-once"));
    assert!(
        run.stdout
            .contains("duplicated in at-least-once; once in at-most-once")
    );
    assert!(run.stdout.contains("shop#"));
}

#[test]
fn a_test_prints_a_line_a_run_and_a_summary() {
    let folder = Scenario::folder(
        "suite",
        &[
            ("a-good.yaml", LESSON.to_owned()),
            (
                "b-bad.yaml",
                LESSON.replace("duplicated: 1..", "duplicated: 0"),
            ),
            ("notes.txt", "no scenario".to_owned()),
        ],
    );
    let run = Kafkasim::new(&["test", &folder]).run();
    run.exits(1);
    let lines = |start: &str| {
        run.stdout
            .lines()
            .filter(|line| line.starts_with(start))
            .count()
    };
    assert_eq!((lines("ok "), lines("FAILED ")), (3, 1), "{}", run.stdout);
    assert!(
        run.stdout.ends_with("\n3 passed, 1 failed\n"),
        "{}",
        run.stdout
    );
    let good = Kafkasim::new(&["test", &format!("{folder}/a-good.yaml")]).run();
    good.exits(0);
    assert!(good.stdout.ends_with("\n2 passed, 0 failed\n"));
}

#[test]
fn a_mistake_in_one_file_does_not_hide_the_others() {
    let folder = Scenario::folder(
        "mixed",
        &[
            ("a-broken.yaml", "title: [\n".to_owned()),
            ("b-good.yaml", LESSON.to_owned()),
        ],
    );
    let run = Kafkasim::new(&["test", &folder]).run();
    run.exits(2);
    assert!(
        run.stdout.ends_with("\n2 passed, 1 failed\n"),
        "{}",
        run.stdout
    );
    let check = Kafkasim::new(&["check", &folder]).run();
    check.exits(2);
    assert!(check.stdout.contains("ok ") && check.stdout.contains("FAILED "));
}

#[test]
fn a_trace_can_be_narrowed() {
    let file = lesson("focus");
    let lines = |more: &[&str]| {
        let words = [&["trace", file.path()], more].concat();
        let run = Kafkasim::new(&words).run();
        run.exits(0);
        run.stdout
    };
    let all = lines(&["--all"]);
    let lesson = lines(&[]);
    assert!(lesson.lines().count() < all.lines().count());
    assert!(
        lesson.lines().count() <= 100,
        "a lesson's trace fits on two screens:\n{lesson}"
    );
    let record = lines(&["--record", "shop#1"]);
    assert!(
        record.contains("shop#1") && record.lines().count() < 30,
        "{record}"
    );
    let member = lines(&["--actor", "workers-1"]);
    assert!(
        member.lines().all(|line| line.contains("workers-1")),
        "{member}"
    );
    let window = lines(&["--from", "5s", "--to", "6s"]);
    assert!(!window.is_empty());
    for line in window.lines() {
        let at: f64 = line
            .split_whitespace()
            .next()
            .and_then(|t| t.parse().ok())
            .expect("a time");
        assert!((5.0..=6.0).contains(&at), "{line}");
    }
}

#[test]
fn why_explains_a_duplicate_in_a_dozen_facts() {
    let file = lesson("why");
    let run = Kafkasim::new(&["run", file.path()]).run();
    let hint = run
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("why:"));
    let words: Vec<&str> = hint
        .expect("an anomaly comes with a hint")
        .split_whitespace()
        .collect();
    let why = Kafkasim::new(&words[1..]).run();
    why.exits(0);
    assert!(
        why.stdout.contains("crashes"),
        "the chain begins at the fault:\n{}",
        why.stdout
    );
}
