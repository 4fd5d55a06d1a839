//! What a sink and an application make of rows: whole runs, each a claim on one rule.

use std::sync::Arc;

use kafkasim::base::{Instant, Span};
use kafkasim::lab::{Experiment, Outcome};
use kafkasim::node::Fact;
use kafkasim::node::fact::SinkFact;
use kafkasim::scenario;
use kafkasim::verdict::summary::{GroupVerdict, SinkVerdict};
use kafkasim::verdict::{Ending, FactWord};

/// One partition, one member, a row each; what is tested replaces or follows a line.
const BASE: &str = "
title: Rows
topics: { orders: { replication.factor: 3 } }
sinks: { db: {} }
producers: { shop: { topic: orders, records: 20, every: 10ms } }
groups:
  workers:
    topics: [orders]
    start-at: 5s
    process: 10ms
    commit: with-effect
    config: { auto.offset.reset: earliest }
";

fn load(text: &str) -> Result<scenario::Loaded, Vec<String>> {
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let options = scenario::Options::default();
    let loaded = scenario::load(text.as_bytes(), "test.yaml", &no_file, &options);
    loaded.map_err(|diagnostics| {
        let told = diagnostics.iter().map(|d| {
            let help = d.help.as_deref().unwrap_or_default();
            format!("{} / {help}", d.text)
        });
        told.collect()
    })
}

fn run(text: &str) -> Outcome {
    let loaded = load(text).unwrap_or_else(|told| panic!("{told:#?}\n{text}"));
    let experiment = Experiment::new(&loaded.runs[0]).expect("a checked scenario compiles");
    let outcome = experiment.run();
    let unstruck = &outcome.verdict.unstruck;
    assert!(unstruck.is_empty(), "every fault strikes: {unstruck:?}");
    outcome
}

/// When each row was stored.
fn stored_at(text: &str) -> Vec<Instant> {
    let loaded = load(text).expect("the file was run before");
    let experiment = Experiment::new(&loaded.runs[0]).expect("a checked scenario compiles");
    let mut instants = Vec::new();
    experiment.watched(&mut |stated| {
        if matches!(stated.fact, Fact::Sink(SinkFact::RowsStored { .. })) {
            instants.push(stated.at);
        }
    });
    instants
}

/// The base with changes, each a pair of texts, and more behind it.
fn with(changes: &[(&str, &str)], more: &str) -> String {
    let mut text = BASE.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "the base has `{from}`");
        text = text.replacen(from, to, 1);
    }
    text + more
}

fn workers(outcome: &Outcome) -> &GroupVerdict {
    outcome
        .verdict
        .group("workers")
        .expect("the group is there")
}

fn db(outcome: &Outcome) -> &SinkVerdict {
    outcome.verdict.sink("db").expect("the sink is there")
}

/// Once, duplicated, lost; and how often work was done again.
fn counts(outcome: &Outcome) -> (u64, u64, u64, u64) {
    let group = workers(outcome);
    let again = group.totals.processed_again;
    (
        group.once.len(),
        group.duplicated.len(),
        group.lost_count(),
        again,
    )
}

fn seen(outcome: &Outcome, word: FactWord) -> u64 {
    outcome.ledger.seen().count(word)
}

const PLAIN: (&str, &str) = (
    "commit: with-effect",
    "loop: [poll, { each: [process, store] }, commit-sync]",
);

#[test]
fn without_a_fault_every_record_has_one_row_and_kafka_has_no_offset() {
    let outcome = run(BASE);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    assert_eq!(counts(&outcome), (20, 0, 0, 0));
    assert_eq!(db(&outcome).rows, 20);
    assert_eq!(
        db(&outcome).requests,
        21,
        "a question where to go on, and the rows"
    );
    assert_eq!(workers(&outcome).partitions["orders-0"].committed, None);
    let later = run(&with(&[], "warm-up: 1min"));
    assert_eq!((db(&later).rows, db(&later).requests), (20, 0));
}

#[test]
fn a_crash_before_row_and_offset_repeats_the_work_and_one_after_repeats_nothing() {
    let crash = |side| {
        format!(
            "faults: [{{ crash: workers, {side}: store-with-offset, nth: 7, restart-after: 2s }}]"
        )
    };
    let before = run(&with(&[], &crash("before")));
    assert_eq!(counts(&before), (20, 0, 0, 1));
    let after = run(&with(&[], &crash("after")));
    assert_eq!(counts(&after), (20, 0, 0, 0));
}

#[test]
fn a_row_on_its_way_outlives_the_member_that_sent_it() {
    let slow = ("db: {}", "db: { latency: 1s }");
    let crash = "faults: [{ crash: db, before: respond, nth: 4, restart-after: 1s }]";
    // A row is at work in the sink when its sender dies.
    let dies = "faults: [{ crash: workers-1, at: 13500ms, restart-after: 1s }]";
    let text = with(&[slow], dies);
    let outcome = run(&text);
    assert_eq!(counts(&outcome), (20, 0, 0, 0));
    let second = Span::from_millis(1_000);
    let crash_at = Instant::ZERO + Span::from_millis(13_500);
    let orphans = stored_at(&text)
        .into_iter()
        .filter(|at| crash_at < *at && *at < crash_at + second);
    assert_eq!(orphans.count(), 1, "row and offset are stored without it");
    let outcome = run(&with(&[slow], crash));
    assert_eq!(
        counts(&outcome),
        (20, 0, 0, 0),
        "what had not appeared is gone, and sent again"
    );
    assert_eq!(seen(&outcome, FactWord::SinkOutage), 1);
}

#[test]
fn with_rows_alone_the_offset_decides_what_is_stored_twice() {
    let crash = "faults: [{ crash: workers, after: store, record: orders-0@6, restart-after: 2s }]";
    let outcome = run(&with(&[PLAIN], crash));
    assert_eq!(counts(&outcome), (13, 7, 0, 7));
    assert_eq!(db(&outcome).rows, 27);
    let unique = ("db: {}", "db: { unique: record }");
    let outcome = run(&with(&[PLAIN, unique], crash));
    assert_eq!(
        counts(&outcome),
        (20, 0, 0, 7),
        "processed twice, applied once"
    );
    assert_eq!(db(&outcome).rows, 20);
    assert_eq!(seen(&outcome, FactWord::InsertDeduplicated), 7);
    let effect = ("commit-sync]", "commit-sync]\n    effect: process");
    let outcome = run(&with(&[PLAIN, unique, effect], crash));
    assert_eq!(
        counts(&outcome).1,
        7,
        "an effect outside the sink is not protected by it"
    );
}

#[test]
fn patience_that_ends_too_early_writes_a_row_twice_even_in_a_transaction() {
    let pause = "faults: [{ pause: db, after: receive, nth: 6, for: 8s }]";
    let outcome = run(&with(&[], pause));
    assert_eq!(seen(&outcome, FactWord::SinkOutage), 1, "5 s are over");
    assert_eq!(counts(&outcome), (19, 1, 0, 0));
    let patient = ("db: {}", "db: { timeout: 10s }");
    let outcome = run(&with(&[patient], pause));
    assert_eq!(counts(&outcome), (20, 0, 0, 0));
}

#[test]
fn a_sink_that_dies_keeps_rows_one_by_one_and_none_of_a_transaction() {
    let bulk = |kind: &str| {
        let sink = format!("db: {{ per-row: 1ms, bulk: {kind} }}");
        let crash = "faults: [{ crash: db, after: insert, nth: 8, restart-after: 1s }]";
        let bulk = ("commit: with-effect", "commit: bulk-insert");
        run(&with(&[("db: {}", &sink), bulk], crash))
    };
    let torn = bulk("row-by-row");
    assert_eq!(counts(&torn), (12, 8, 0, 0));
    assert_eq!(seen(&torn, FactWord::BulkTorn), 1);
    let atomic = bulk("atomic");
    assert_eq!(counts(&atomic), (20, 0, 0, 0));
    assert_eq!(seen(&atomic, FactWord::BulkTorn), 0);
}

#[test]
fn capacity_spaces_requests_and_a_full_queue_refuses() {
    let paced = ("db: {}", "db: { capacity: 10/s }");
    let outcome = run(&with(&[paced], ""));
    assert_eq!(counts(&outcome), (20, 0, 0, 0));
    let fast = run(BASE).verdict.at;
    let wait = outcome.verdict.at.since(fast).as_millis();
    assert!(
        (1_500..2_100).contains(&wait),
        "20 requests take 2 s, not {wait} ms more"
    );
    let members = ("topics: [orders]\n", "topics: [orders]\n    members: 3\n");
    let partitions = (
        "{ replication.factor: 3 }",
        "{ partitions: 3, replication.factor: 3 }",
    );
    let keys = ("every: 10ms", "every: 10ms, keys: { cycle: [k0, k2, k3] }");
    let small = ("db: {}", "db: { capacity: 1/s, queue: 1 }");
    let on_failure = |word: &str| format!("commit: with-effect\n    on-sink-failure: {word}");
    let (go_on, again) = (on_failure("continue"), on_failure("retry"));
    let three = [members, partitions, keys, small];
    let outcome = run(&with(
        &[&three[..], &[("commit: with-effect", &go_on)]].concat(),
        "",
    ));
    let refused = db(&outcome).refused;
    assert!(0 < refused, "three members and room for one that waits");
    assert_eq!(
        counts(&outcome).2,
        20 - db(&outcome).rows,
        "a refused row is given up"
    );
    let outcome = run(&with(
        &[&three[..], &[("commit: with-effect", &again)]].concat(),
        "",
    ));
    assert_eq!(
        counts(&outcome),
        (20, 0, 0, 0),
        "patience gets every row in"
    );
    assert!(0 < db(&outcome).refused);
}

#[test]
fn an_application_may_end_over_its_sink_or_wait_for_ever() {
    let crash = "faults: [{ crash: db, before: receive, nth: 5 }]\n";
    let stop = (
        "commit: with-effect",
        "commit: with-effect\n    on-sink-failure: stop",
    );
    let outcome = run(&with(&[stop], crash));
    assert_eq!(
        db(&outcome).rows,
        3,
        "the first request asks where to go on"
    );
    assert_eq!(counts(&outcome).0, 3);
    let limits = format!("{crash}limits: {{ drain: 1min }}\n");
    let outcome = run(&with(&[], &limits));
    assert!(matches!(outcome.verdict.ends, Ending::Stuck { .. }));
    assert_eq!(workers(&outcome).waiting.len(), 17);
}

#[test]
fn where_the_sink_has_no_offset_the_committed_one_counts() {
    let committed = (
        "start-at: 5s",
        "start-at: 5s\n    committed: { orders-0: 4 }",
    );
    let outcome = run(&with(&[committed], ""));
    assert_eq!(workers(&outcome).partitions["orders-0"].resumed_at, Some(4));
    assert_eq!(db(&outcome).rows, 16);
}

/// A file with a mistake: changes of the base, what stands behind it, and what is told.
type Mistake = (
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const STORES_NOTHING: (&str, &str) = ("commit: with-effect", "commit: after-processing");

const MISTAKES: &[Mistake] = &[
    (
        &[("sinks: { db: {} }", "sinks: {}")],
        "",
        "group `workers` stores rows, and the file has no sink / write `sinks: { db: {} }`",
    ),
    (
        &[("db: {}", "db: {}, other: {}")],
        "",
        "does not say into which sink / write `sink: db`; there are db, other",
    ),
    (
        &[("commit: with-effect", "commit: with-effect\n    sink: bd")],
        "",
        "sink `bd` is not in `sinks` / did you mean `db`?",
    ),
    (
        &[STORES_NOTHING, ("start-at: 5s", "sink: db")],
        "",
        "`sink` has no effect: the loop of group `workers` stores nothing",
    ),
    (
        &[STORES_NOTHING, ("start-at: 5s", "effect: store")],
        "",
        "stores nothing, so no row is an effect",
    ),
    (
        &[("db: {}", "db: { queue: 5 }")],
        "",
        "`queue` has no effect without `capacity`",
    ),
    (
        &[("db: {}", "db: { on-conflict: ignore }")],
        "",
        "`on-conflict` needs `unique`",
    ),
    (
        &[("db: {}", "db: { unique: keys }")],
        "",
        "`keys` is no word that can stand here / did you mean `key`?",
    ),
    (
        &[("db: {}", "db: { capacity: 50 }")],
        "",
        "`50` is no rate / a whole number of requests per second, such as `50/s`",
    ),
    (
        &[("db: {}", "db: { capacity: 0/s }")],
        "",
        "`0/s` is not between 1/s and",
    ),
    (
        &[(
            "commit: with-effect",
            "loop: [poll, { each: [process] }, store]",
        )],
        "",
        "`store` stands inside `each` or `hand-off`: it is one row",
    ),
    (
        &[("start-at: 5s", "on-revoked: [seek-to-stored]")],
        "",
        "`seek-to-stored` stands in `on-assigned`",
    ),
    (
        &[],
        "faults: [{ crash: db, before: store, nth: 2 }]",
        "sink `db` has no step `store` / its steps: receive, insert, respond",
    ),
    (
        &[],
        "faults: [{ close: db, at: 2s }]",
        "`close` befalls clients, not `db`",
    ),
];

#[test]
fn mistakes_about_sinks_are_told() {
    for (changes, more, wanted) in MISTAKES {
        let text = with(changes, more);
        let told = load(&text).err().unwrap_or_default();
        assert!(
            told.iter().any(|line| line.contains(wanted)),
            "`{wanted}` is not among {told:#?}"
        );
    }
}

#[test]
fn what_show_prints_of_sinks_loads_to_the_same_run() {
    let unique = (
        "db: {}",
        "db: { capacity: 50/s, queue: 9, unique: record, bulk: row-by-row }",
    );
    let text = with(&[unique], "");
    let loaded = load(&text).expect("the file is right");
    let shown = loaded.runs[0].scenario.to_yaml();
    let again = load(&shown).expect("what is shown is a file");
    assert_eq!(shown, again.runs[0].scenario.to_yaml());
    let prints = [run(&text), run(&shown)].map(|outcome| outcome.verdict.fingerprint);
    assert_eq!(prints[0], prints[1]);
}

/// Four keys in turn, and rows that are unique by them.
fn by_key(on_conflict: &str) -> String {
    let unique = format!("db: {{ unique: key, on-conflict: {on_conflict} }}");
    let keyed = (
        "records: 20,",
        "records: 20, keys: { cycle: [a, b, c, d] },",
    );
    with(&[("db: {}", &unique), keyed], "")
}

#[test]
fn rows_that_are_unique_by_key_keep_one_record_of_each_key() {
    let latest = run(&by_key("overwrite"));
    assert_eq!((db(&latest).rows, counts(&latest)), (4, (20, 0, 0, 0)));
    assert_eq!(seen(&latest, FactWord::InsertDeduplicated), 16);
    let first = run(&by_key("ignore"));
    assert_eq!(db(&first).rows, 4);
    let (once, twice, lost, _) = counts(&first);
    assert_eq!((once, twice, lost), (4, 0, 16), "later ones have no effect");
    let unkeyed = run(&with(&[("db: {}", "db: { unique: key }")], ""));
    assert_eq!(db(&unkeyed).rows, 20, "no key is like no other");
}

#[test]
fn a_row_sent_again_is_no_duplicate_where_its_key_is_unique() {
    let fault = "faults: [{ crash: db, after: respond, nth: 6, restart-after: 1s }, { crash: workers, after: store, nth: 9, restart-after: 1s }]\n";
    let outcome = run(&with(
        &[
            PLAIN,
            ("db: {}", "db: { unique: key, on-conflict: overwrite }"),
            ("records: 20,", "records: 20, keys: { random: 7 },"),
        ],
        fault,
    ));
    let (once, twice, lost, again) = counts(&outcome);
    assert_eq!((once, twice, lost), (20, 0, 0));
    assert!(0 < again, "work was done again");
}

#[test]
fn the_draws_of_a_sink_are_those_of_the_seed_however_it_is_given() {
    let drawn = with(&[("db: {}", "db: { latency: 1ms..90ms }")], "");
    let loaded = load(&drawn).expect("the file is right");
    let mut other = Experiment::new(&loaded.runs[0]).expect("a checked scenario compiles");
    other.setup = Arc::new(other.setup.with_seed(kafkasim::base::Seed(7)));
    let given = run(&format!("{drawn}seed: 7\n"));
    let own = run(&drawn);
    assert_eq!(other.run().verdict.fingerprint, given.verdict.fingerprint);
    assert_ne!(own.verdict.fingerprint, given.verdict.fingerprint);
}

/// Rows stored by the workers behind a hand-off, four at a time.
const HANDED: (&str, &str) = (
    "commit: with-effect",
    "loop: [poll, { hand-off: { steps: [process, store] } }, { commit-sync: { offsets: processed } }]",
);

#[test]
fn workers_store_the_rows_of_the_records_they_work_on() {
    let outcome = run(&with(&[HANDED], ""));
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    assert_eq!(counts(&outcome), (20, 0, 0, 0));
    assert_eq!((db(&outcome).rows, db(&outcome).requests), (20, 20));
    let rows = stored_at(&with(&[HANDED], ""));
    assert_eq!(rows[0], rows[3], "four workers store at the same instant");
    assert!(rows[3] < rows[4], "the fifth record waits for a worker");
}

#[test]
fn a_worker_waits_for_the_sink_and_asks_again() {
    let fault = "faults: [{ crash: db, before: respond, nth: 6, restart-after: 3s }]\n";
    let outcome = run(&with(&[HANDED], fault));
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    assert_eq!(counts(&outcome), (20, 0, 0, 0));
    assert_eq!(
        db(&outcome).rows,
        20,
        "what had not appeared was asked for again"
    );
    assert!(
        1 < seen(&outcome, FactWord::SinkOutage),
        "of several workers"
    );
}

#[test]
fn a_crash_at_a_workers_store_strikes_there() {
    let fault =
        "faults: [{ crash: workers, after: store, record: orders-0@2, restart-after: 1s }]\n";
    let outcome = run(&with(&[HANDED], fault));
    let (once, twice, lost, _) = counts(&outcome);
    assert_eq!((once + twice, lost), (20, 0));
    let again = format!("{:?}", workers(&outcome).duplicated);
    assert!(again.contains("orders-0@"), "its row was in: {again}");
}

#[test]
fn a_worker_that_stops_over_the_sink_ends_the_application() {
    let stops = ("process: 10ms", "process: 10ms\n    on-sink-failure: stop");
    let fault = "faults: [{ crash: db, before: insert, nth: 6 }]\n";
    let outcome = run(&with(&[HANDED, stops], fault));
    assert_eq!(seen(&outcome, FactWord::Crashed), 1);
    assert!(workers(&outcome).waiting.len() + workers(&outcome).lost_count() > 0);
    assert!(db(&outcome).rows < 20);
}

#[test]
fn workers_that_store_offsets_out_of_order_skip_what_is_not_done() {
    let loop_ = (
        "commit: with-effect",
        "loop: [poll, { hand-off: { steps: [process, store-with-offset] } }]\n    on-assigned: [seek-to-stored]",
    );
    let slow = (
        "process: 10ms",
        "process: { time: 10ms, slow: { orders-0@1: 1s } }",
    );
    let fault =
        "faults: [{ crash: workers, after: store-with-offset, nth: 8, restart-after: 1s }]\n";
    let outcome = run(&with(&[loop_, slow], fault));
    let (_, _, lost, _) = counts(&outcome);
    assert_eq!(
        lost, 1,
        "the offset of a later record went past the slow one"
    );
}

/// Latencies, times of rows, faults of members and of the sink, all drawn.
const NOISY: &str = "
title: Noise around a sink
network: { latency: 1ms..30ms }
topics: { orders: { partitions: 3, replication.factor: 3 } }
sinks: { db: { latency: 1ms..40ms, per-row: { exponential: 2ms }, capacity: 60/s, queue: 3, timeout: 200ms, bulk: row-by-row, unique: record } }
producers: { shop: { topic: orders, records: 200, every: { exponential: 5ms }, keys: { random: 9 } } }
groups:
  workers: { topics: [orders], members: 3, process: 1ms..9ms, commit: bulk-insert, config: { auto.offset.reset: earliest, max.poll.records: 20 } }
  single: { topics: [orders], members: 2, process: 1ms..9ms, commit: with-effect, config: { auto.offset.reset: earliest } }
faults:
  - { crash: workers, before: process, nth: 20..80, restart-after: 1s..3s }
  - { crash: db, after: insert, nth: 20..90, restart-after: 1s..3s }
  - { pause: db, before: respond, nth: 40..60, for: 1s..9s }
  - { pause: single, after: store-with-offset, nth: 10..60, for: 40s..90s }
";

#[test]
fn whatever_befalls_members_and_sink_unique_rows_lose_and_repeat_nothing() {
    for seed in 1..=12 {
        let text = format!("{NOISY}seed: {seed}\n");
        let outcome = run(&text);
        assert_eq!(outcome.verdict.ends, Ending::Drained, "seed {seed}");
        for group in &outcome.verdict.groups {
            let (once, twice) = (group.once.len(), group.duplicated.len());
            assert_eq!((once, twice), (200, 0), "{} with seed {seed}", group.name);
        }
        assert!(
            0 < seen(&outcome, FactWord::InsertDeduplicated),
            "seed {seed}"
        );
        let loaded = load(&text).expect("the file was run before");
        let mut setup = scenario::compile(&loaded.runs[0].scenario);
        setup.stepped = true;
        let mut experiment = Experiment::new(&loaded.runs[0]).expect("it compiles");
        experiment.setup = Arc::new(setup);
        let stepped = experiment.run().verdict.fingerprint;
        assert_eq!(
            stepped, outcome.verdict.fingerprint,
            "seed {seed}, step by step"
        );
    }
}
