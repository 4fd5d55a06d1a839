//! Many seeds and variants side by side, as a user meets them.

use serde_json::Value;

use crate::lesson;
use crate::program::{Kafkasim, Scenario};

fn document(words: &[&str]) -> Value {
    let run = Kafkasim::new(words).run();
    run.exits(0);
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

#[test]
fn a_sweep_prints_the_same_with_every_number_of_threads_and_no_progress_in_a_pipe() {
    let file = lesson("threads");
    for command in ["run", "compare"] {
        let mut printed = Vec::new();
        for threads in ["1", "2", "5"] {
            let words = [command, file.path(), "--seeds", "7", "--threads", threads];
            let run = Kafkasim::new(&words).run();
            run.exits(0);
            assert_eq!(run.stderr, "", "progress is for terminals");
            printed.push(run.stdout);
        }
        assert!(printed.windows(2).all(|pair| pair[0] == pair[1]));
        assert!(printed[0].contains("seeds 1 to 7"), "{}", printed[0]);
        assert!(printed[0].contains("95 % interval"), "{}", printed[0]);
    }
}

#[test]
fn bad_numbers_and_records_exit_with_2_and_say_what_is_possible() {
    let file = lesson("bad-numbers");
    for (words, says) in [
        ("run FILE --seeds 0", "1 to 1000000"),
        ("run FILE --seeds -3", "--seeds"),
        ("run FILE --seeds many", "--seeds"),
        ("run FILE --seeds 1000001", "1 to 1000000"),
        ("run FILE --threads 2", "--seeds"),
        ("run FILE --seeds 2 --threads 0", "--threads"),
        ("run FILE --seeds 2 --threads 9999", "1 to 1024"),
        ("run FILE --seed 18446744073709551615 --seeds 2", "largest"),
        ("compare FILE --seeds 2 --why", "--why"),
        ("compare FILE --record shop", "orders-0@4"),
        ("compare FILE --record shop#31", "30"),
        ("compare FILE --record orders-0@99", "orders-0"),
    ] {
        let words = words.split(' ');
        let words = words.map(|word| if word == "FILE" { file.path() } else { word });
        let words: Vec<&str> = words.collect();
        let run = Kafkasim::new(&words).run();
        run.exits(2);
        assert_eq!(run.stdout, "", "no result of {words:?}");
        let stderr = &run.stderr;
        assert!(stderr.contains(says), "{words:?} says `{says}`:\n{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn the_first_seed_of_an_outcome_shows_that_outcome() {
    let file = lesson("first-seed");
    let words = ["run", file.path(), "--seed", "5", "--seeds", "4", "--json"];
    let swept = document(&words);
    assert_eq!(swept["version"], 1);
    assert_eq!(swept["seeds"]["first"], 5);
    let outcome = &swept["runs"][0]["scopes"][0]["outcomes"][0];
    assert_eq!(outcome["words"], "duplicated");
    assert_eq!(outcome["in"]["seeds"], 4);
    assert_eq!(outcome["in"]["first-seed"], 5);
    let command = outcome["in"]["reproduce"].as_str().expect("a command");
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let run = Kafkasim::new(&words).run();
    run.exits(0);
    assert!(run.stdout.contains("seed 5") && run.stdout.contains("processed more than once"));
}

#[test]
fn a_demand_that_some_seed_fails_exits_with_1_and_names_the_seed() {
    let file = Scenario::new(
        "fails-in-a-sweep",
        &crate::LESSON.replace("duplicated: 1..", "duplicated: 0"),
    );
    let run = Kafkasim::new(&["run", file.path(), "--seeds", "3"]).run();
    run.exits(1);
    let flat = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("as expected under 0 of 3 seeds"), "{flat}");
    assert!(flat.contains("duplicated: 0: failed in 3 seeds"), "{flat}");
    assert!(flat.contains("first in seed 1"), "{flat}");
}

#[test]
fn a_bound_that_some_seed_hits_exits_with_3() {
    let text = format!("{}limits: {{ events: 50 }}\n", crate::LESSON);
    let file = Scenario::new("bound-in-a-sweep", &text);
    let run = Kafkasim::new(&["run", file.path(), "--seeds", "2"]).run();
    run.exits(3);
    assert!(
        run.stdout.contains("limits.events: 50 was hit"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("left open"), "{}", run.stdout);
}

#[test]
fn a_comparison_says_what_each_variant_kept_and_broke_and_what_it_cost() {
    let file = lesson("kept-and-broken");
    let run = Kafkasim::new(&["compare", file.path()]).run();
    run.exits(0);
    let flat = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("at-least-once breaks at-most-once: "),
        "{flat}"
    );
    assert!(
        !flat.contains("at-least-once breaks at-least-once"),
        "{flat}"
    );
    for words in [
        "shop, to ack",
        "workers, to effect",
        "requests of workers fetch",
    ] {
        assert!(flat.contains(words), "`{words}` in\n{}", run.stdout);
    }
    let json = document(&["compare", file.path(), "--json"]);
    let at_most_once = &json["guarantees"][0]["variants"][0]["findings"][0];
    assert_eq!(at_most_once["guarantee"], "at-most-once");
    assert_eq!(at_most_once["state"], "broken");
    let why = at_most_once["why"].as_str().expect("a command");
    let words: Vec<&str> = why.split(' ').skip(1).collect();
    let run = Kafkasim::new(&words).run();
    run.exits(0);
    assert!(run.stdout.contains("more than once"), "{}", run.stdout);
    assert!(json["runs"][0]["verdict"]["producers"][0]["latency"]["p99"].is_string());
    assert!(
        0 < json["runs"][0]["requests"]["workers"]["OffsetCommit"]
            .as_u64()
            .expect("a count")
    );
}

#[test]
fn why_explains_what_differs_in_every_variant() {
    let file = lesson("why-differs");
    let differs = Kafkasim::new(&["compare", file.path(), "--why"]).run();
    differs.exits(0);
    for words in [
        "In at-least-once:",
        "In at-most-once:",
        "crashes",
        "Nothing went wrong",
    ] {
        assert!(
            differs.stdout.contains(words),
            "`{words}` in\n{}",
            differs.stdout
        );
    }
    let one = Kafkasim::new(&["compare", file.path(), "--record", "shop#1"]).run();
    one.exits(0);
    assert_eq!(one.stdout.matches("shop#1)").count(), 2, "{}", one.stdout);
    let json = document(&["compare", file.path(), "--record", "shop#1", "--json"]);
    assert_eq!(json["explained"]["sender"], "shop#1");
    assert_eq!(
        json["explained"]["variants"].as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn a_closed_pipe_does_not_disturb_a_sweep() {
    let file = lesson("sweep-pipe");
    for command in ["run", "compare"] {
        let words = [command, file.path(), "--seeds", "3"];
        let run = Kafkasim::new(&words).with_nobody_reading();
        run.exits(0);
        assert_eq!(run.stderr, "");
    }
}
