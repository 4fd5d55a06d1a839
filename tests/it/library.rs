//! kafkasim as a library: a scenario written, run and asserted on in Rust.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kafkasim::lab::Experiment;
use kafkasim::scenario::{Options, load};
use kafkasim::{Expect, Fault, Group, Handled, Producer, Scenario, Sink, Span, Topic, Word};

#[test]
fn a_crash_before_the_offset_commit_repeats_records_and_loses_none() {
    let workers = Group::reading("orders")
        .members(2)
        .config("auto.offset.reset", "earliest");
    let scenario = Scenario::new("A worker crashes before it commits")
        .topic("orders", Topic::with(3, 3))
        .producer("shop", Producer::to("orders").records(30))
        .group("workers", workers)
        .fault(
            Fault::crash("workers")
                .before("commit-sync")
                .restart_after("5s"),
        );
    let outcome = kafkasim::run(&scenario).expect("the scenario has no mistake");
    assert_eq!(outcome.group("workers").lost().len(), 0);
    assert!(
        !outcome.group("workers").duplicated().is_empty(),
        "{outcome}"
    );
}

#[test]
fn a_sink_that_knows_its_rows_makes_at_least_once_harmless() {
    let scenario = |sink: Sink| {
        let workers = Group::reading("orders")
            .steps("[poll, { each: [process, store] }, commit-sync]")
            .sink("db")
            .config("auto.offset.reset", "earliest");
        Scenario::new("A worker crashes between its row and its offset commit")
            .topic("orders", Topic::with(1, 3))
            .sink("db", sink)
            .producer("shop", Producer::to("orders").records(30))
            .group("workers", workers)
            .fault(
                Fault::crash("workers")
                    .after("store")
                    .nth(5)
                    .restart_after("5s"),
            )
            .expect(Expect::sink("db").that("rows", "30.."))
    };
    let plain = kafkasim::run(&scenario(Sink::answering_in("2ms"))).expect("no mistake");
    assert_eq!(plain.group("workers").duplicated().len(), 5);
    let unique = kafkasim::run(&scenario(Sink::answering_in("2ms").unique())).expect("no mistake");
    assert!(unique.group("workers").duplicated().is_empty(), "{unique}");
}

/// One of everything that has a method, and words of every kind.
fn rich() -> Scenario {
    let shop = Producer::to("orders")
        .records(60)
        .every("1ms..9ms")
        .keys(["no", "1_000", "12:30"])
        .start_at(Span::from_millis(5))
        .config("linger.ms", 0);
    let workers = Group::reading("orders")
        .members(2)
        .start_at("1s")
        .process(Span::from_millis(2))
        .slow("orders-0@1", "30ms")
        .fails("shop#3", 1)
        .retries(2)
        .on_failure("skip")
        .steps("[poll, { each: [process] }, commit-sync: { offsets: processed }]")
        .config("auto.offset.reset", "earliest")
        .key("on-close", ["commit-sync"]);
    Scenario::new("One of everything")
        .seed(7)
        .brokers(4)
        .latency("1ms..5ms")
        .topic("orders", Topic::with(2, 3).config("min.insync.replicas", 2))
        .producer("shop", shop)
        .producer(
            "back-office",
            Producer::to("orders")
                .records(5)
                .key("every", Word::yaml("{ exponential: 5ms }")),
        )
        .group("workers", workers)
        .fault(
            Fault::crash("workers")
                .before("process")
                .nth("20..30")
                .restart_after("1s"),
        )
        .fault(Fault::lose_response("shop", "Produce").nth(2))
        .expect(
            Expect::group("workers")
                .lost(0)
                .duplicated("0..60")
                .that("reordered", "0.."),
        )
        .expect(Expect::producer("back-office").that("sent", 5))
        .must_happen("crashed")
        .key("limits", Word::yaml("{ time: 1h }"))
}

#[test]
fn a_written_scenario_prints_as_a_file_that_runs_to_the_same_outcome() {
    let scenario = rich();
    let outcome = kafkasim::run(&scenario).expect("the scenario has no mistake");
    assert!(outcome.as_expected(), "{outcome} {:?}", outcome.judgement);
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let file = scenario.to_yaml();
    let loaded = load(file.as_bytes(), "rich.yaml", &no_file, &Options::default());
    let loaded = loaded.unwrap_or_else(|errors| panic!("{errors:?}"));
    let of_file = Experiment::new(&loaded.runs[0])
        .expect("a checked scenario compiles")
        .run();
    assert_eq!(outcome.verdict.fingerprint, of_file.verdict.fingerprint);
    assert_eq!(outcome.judgement, of_file.judgement);
}

#[test]
fn a_seed_set_in_rust_is_the_seed_of_the_run() {
    let fingerprint = |seed| {
        let outcome = kafkasim::run(&rich().seed(seed)).expect("the scenario has no mistake");
        outcome.verdict.fingerprint
    };
    assert_eq!(fingerprint(3), fingerprint(3));
    assert_ne!(fingerprint(3), fingerprint(4));
}

/// The messages for a scenario with a mistake.
fn mistakes(scenario: &Scenario) -> String {
    let refused = kafkasim::run(scenario).expect_err("the scenario has a mistake");
    refused.to_string()
}

#[test]
fn every_mistake_of_a_program_is_a_diagnostic_and_none_is_a_panic() {
    let wrong = Scenario::new("Wrong in every way")
        .topic("orders", Topic::with(3, 3))
        .producer("shop", Producer::to("ordres").records(30).every("5"))
        .group(
            "workers",
            Group::reading("orders").config("auto.ofset.reset", "earliest"),
        )
        .fault(
            Fault::crash("wokers")
                .before("commit-synk")
                .restart_after("5s"),
        )
        .fault(Fault::crash("workers").at("5s").record("no record"))
        .expect(Expect::group("workers").that("lots", 0));
    let text = mistakes(&wrong);
    for culprit in [
        "ordres",
        "`5`",
        "auto.ofset.reset",
        "wokers",
        "commit-synk",
        "no record",
        "lots",
    ] {
        assert!(text.contains(culprit), "{culprit} is missing in:\n{text}");
    }
}

/// Texts that YAML, or one of its readers, takes for something else.
const ODD: [&str; 27] = [
    "", " ", "no", "~", "null", "1_000", "a: b", "- a", "# a", "a\nb", "\0", "\u{feff}", "\u{85}",
    "\u{2028}", "\t", "&a", "*a", "!a", "{", "'", "\"", "\n a", " a\n", "a\n\n", "a \nb", "a\r\nb",
    "12:30",
];

#[test]
fn a_text_that_no_file_would_hold_is_a_diagnostic_or_itself() {
    for odd in ODD {
        let scenario = Scenario::new(odd)
            .topic(odd, Topic::with(1, 1))
            .producer("shop", Producer::to(odd).records(1).keys([odd]).every(odd))
            .group(odd, Group::reading(odd).steps(odd))
            .fault(Fault::crash(odd).at(odd).key(odd, odd));
        assert!(!mistakes(&scenario).is_empty(), "{odd:?}");
        let titled = Scenario::new(odd).resolved().map(|resolved| resolved.title);
        assert!(
            titled.is_err() || titled == Ok(odd.to_owned()),
            "{odd:?}: {titled:?}"
        );
    }
}

/// Ten records on two partitions, read by a group with own logic.
fn with_logic(workers: Group) -> Scenario {
    let shop = Producer::to("orders").records(10).keys(["AAPL", "MSFT"]);
    Scenario::new("A group with own logic")
        .topic("orders", Topic::with(2, 1))
        .producer("shop", shop)
        .group("workers", workers.config("auto.offset.reset", "earliest"))
}

#[test]
fn own_logic_is_asked_about_every_try_at_every_record() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let workers = Group::reading("orders").retries(2).logic(move |record| {
        counter.fetch_add(1, Ordering::Relaxed);
        assert_eq!(record.topic, "orders");
        assert!(record.partition < 2 && record.offset < 10);
        match (record.key, record.attempt) {
            (Some("AAPL"), 1) => Handled::Failed,
            (Some("AAPL"), 2) | (Some("MSFT"), 1) => Handled::Done,
            other => panic!("nobody tries {other:?}"),
        }
    });
    let outcome = kafkasim::run(&with_logic(workers)).expect("the scenario has no mistake");
    assert_eq!(outcome.group("workers").once().len(), 10, "{outcome}");
    assert_eq!(
        asked.load(Ordering::Relaxed),
        15,
        "five records twice and five once"
    );
}

#[test]
fn own_logic_is_asked_by_worker_threads_too() {
    let failing = |record: &kafkasim::Record<'_>| match record.key {
        Some("AAPL") => Handled::Failed,
        _ => Handled::Done,
    };
    let workers = Group::reading("orders")
        .commit("auto-hand-off")
        .on_failure("skip");
    let outcome = kafkasim::run(&with_logic(workers.logic(failing))).expect("no mistake");
    assert_eq!(
        outcome
            .group("workers")
            .lost_at("dropped-by-application")
            .len(),
        5,
        "{outcome}"
    );
}

#[test]
fn own_logic_that_agrees_changes_nothing() {
    let fingerprint = |workers: Group| {
        let workers = workers.members(2).process("1ms..5ms");
        let outcome = kafkasim::run(&with_logic(workers)).expect("the scenario has no mistake");
        outcome.verdict.fingerprint
    };
    let plain = Group::reading("orders");
    assert_eq!(
        fingerprint(plain.clone()),
        fingerprint(plain.logic(|_| Handled::Done))
    );
}

#[test]
fn own_logic_goes_with_its_group_when_that_is_replaced() {
    let failing = Group::reading("orders")
        .on_failure("skip")
        .logic(|_| Handled::Failed);
    let scenario = with_logic(failing);
    let lost = |scenario: &Scenario| {
        let outcome = kafkasim::run(scenario).expect("the scenario has no mistake");
        outcome.group("workers").lost().len()
    };
    assert_eq!(lost(&scenario), 10);
    let replaced = Group::reading("orders").config("auto.offset.reset", "earliest");
    assert_eq!(lost(&scenario.group("workers", replaced)), 0);
}

#[test]
fn a_trace_tells_the_crash_in_lines_of_at_most_a_hundred_columns() {
    let trace = kafkasim::trace(&rich()).expect("the scenario has no mistake");
    assert!(trace.lines().any(|line| line.contains("crash")), "{trace}");
    assert!(
        trace.lines().all(|line| line.chars().count() <= 100),
        "{trace}"
    );
}

#[test]
#[should_panic(expected = "no group is called `wokers`; groups: workers")]
fn asking_for_a_group_that_is_not_there_says_which_are() {
    let outcome = kafkasim::run(&with_logic(Group::reading("orders"))).expect("no mistake");
    let _ = outcome.group("wokers");
}
