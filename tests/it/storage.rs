//! Logs as storage, in whole runs: what is removed from them, and what that costs whom.

use kafkasim::lab::{Experiment, Outcome};
use kafkasim::node::fact::StorageFact;
use kafkasim::node::{Fact, Stated};
use kafkasim::verdict::quantity::Stage;
use kafkasim::verdict::{Ending, FactWord};

use crate::loader::{load_text, refused};

fn experiment(text: &str) -> Experiment {
    let mut loaded = load_text(text).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
    let run = loaded.runs.remove(loaded.chosen);
    Experiment::new(&run).expect("a checked scenario compiles")
}

fn run(text: &str) -> Outcome {
    experiment(text).run()
}

fn storage(text: &str) -> Vec<(Stated, StorageFact)> {
    let mut facts = Vec::new();
    experiment(text).watched(&mut |stated| {
        if let Fact::Storage(fact) = &stated.fact {
            facts.push((stated.clone(), fact.clone()));
        }
    });
    facts
}

/// One partition with three copies, 100 records within two seconds, a group of which the test says
/// more.
fn world(group: &str, faults: &str) -> String {
    format!(
        "
title: A log gets shorter at its beginning
cluster: {{ config: {{ offsets.topic.num.partitions: 1 }} }}
topics:
  orders: {{ replica-assignment: [[1, 2, 3]] }}
producers:
  shop: {{ topic: orders, records: 100, every: 20ms }}
groups:
  workers: {{ topics: [orders], commit: after-processing, {group} }}
faults: [{faults}]
"
    )
}

const DELETE: &str = "{ delete-records: orders-0, up-to: 60, at: 10s }";

fn lost(outcome: &Outcome, stage: Stage) -> Vec<String> {
    let group = outcome.verdict.group("workers").expect("it is in the file");
    let lost = group.lost.get(&stage);
    let records = lost
        .into_iter()
        .flat_map(kafkasim::verdict::names::NamedSet::iter);
    records.map(|r| outcome.ledger.name_of(r)).collect()
}

fn places(offsets: std::ops::Range<u64>) -> Vec<String> {
    offsets.map(|offset| format!("orders-0@{offset}")).collect()
}

#[test]
fn a_group_that_comes_after_a_deletion_has_lost_what_was_deleted_and_reads_the_rest() {
    let late = "start-at: 12s, config: { auto.offset.reset: earliest }";
    let outcome = run(&world(late, DELETE));
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    assert_eq!(lost(&outcome, Stage::Expired), places(0..60));
    let group = outcome.verdict.group("workers").expect("it is in the file");
    assert_eq!((group.once.len(), group.lost_count()), (40, 60));
    let topic = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!((topic.appended, topic.expired.len()), (100, 60));
    assert_eq!(topic.partitions[0].start_offset, 60);
}

#[test]
fn a_group_that_has_committed_past_a_deletion_loses_nothing() {
    let outcome = run(&world("config: { auto.offset.reset: earliest }", DELETE));
    let group = outcome.verdict.group("workers").expect("it is in the file");
    assert_eq!((group.once.len(), group.lost_count()), (100, 0));
    assert_eq!(
        outcome.ledger.seen().count(FactWord::OffsetReset),
        1,
        "at the start only"
    );
}

#[test]
fn a_group_behind_a_deletion_goes_where_its_reset_policy_says() {
    let slow = |reset: &str| {
        let reads = "process: 400ms, committed: { orders-0: 0 }";
        let config = format!(
            "config: {{ auto.offset.reset: {reset}, max.poll.records: 5, max.partition.fetch.bytes: 1000 }}"
        );
        run(&world(&format!("{reads}, {config}"), DELETE))
    };
    let outcome = slow("earliest");
    let expired = lost(&outcome, Stage::Expired);
    assert!((30..60).contains(&expired.len()), "{expired:?}");
    assert_eq!(expired.last().map(String::as_str), Some("orders-0@59"));
    assert_eq!(lost(&outcome, Stage::SkippedByReset), [""; 0]);
    let outcome = slow("latest");
    assert_eq!(lost(&outcome, Stage::Expired), expired);
    assert_eq!(lost(&outcome, Stage::SkippedByReset), places(60..100));
    let outcome = slow("none");
    assert_eq!(lost(&outcome, Stage::Expired), expired);
    assert_eq!(outcome.ledger.seen().count(FactWord::PollFailed), 1);
    let group = outcome.verdict.group("workers").expect("it is in the file");
    assert_eq!(group.waiting.len(), 40, "nobody has gone past the rest");
}

#[test]
fn followers_hear_of_a_deletion_and_one_that_leads_later_begins_where_it_heard() {
    let faults = format!("{DELETE}, {{ crash: broker-1, at: 20s }}");
    let text = world(
        "start-at: 40s, config: { auto.offset.reset: earliest }",
        &faults,
    );
    let facts = storage(&text);
    let heard = facts
        .iter()
        .filter(|(_, fact)| matches!(fact, StorageFact::StartLearnt { to: 60, .. }));
    let heard: Vec<u64> = heard.map(|(stated, _)| stated.at.as_millis()).collect();
    assert_eq!(heard.len(), 2, "{heard:?}");
    let wait = 10_000..=10_600;
    assert!(
        heard.iter().all(|at| wait.contains(at)),
        "with the next answer: {heard:?}"
    );
    let outcome = run(&text);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    assert_eq!(lost(&outcome, Stage::Expired), places(0..60));
}

#[test]
fn a_follower_that_slept_through_everything_that_was_deleted_begins_anew() {
    let faults = "{ crash: broker-3, at: 300ms, restart-after: 30s }, \
                  { delete-records: orders-0, up-to: latest, at: 12s }";
    let text = world("config: { auto.offset.reset: earliest }", faults);
    let facts = storage(&text);
    let last = facts.last().expect("the follower hears of it in the end");
    assert!(last.0.at.as_millis() > 30_000);
    assert!(
        matches!(
            last.1,
            StorageFact::StartLearnt {
                from: 0,
                to: 100,
                ..
            }
        ),
        "{last:?}"
    );
    let outcome = run(&text);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let topic = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!(topic.partitions[0].isr.len(), 3, "it is in sync again");
}

#[test]
fn a_removal_that_a_new_leader_has_not_heard_of_is_undone() {
    let faults = "{ delete-records: orders-0, up-to: 60, at: 10s }, \
                  { crash: broker-1, at: 10001ms }";
    let text = world(
        "start-at: 40s, config: { auto.offset.reset: earliest }",
        faults,
    );
    let outcome = run(&text);
    let group = outcome.verdict.group("workers").expect("it is in the file");
    assert_eq!((group.once.len(), group.lost_count()), (100, 0));
    let topic = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!(
        (topic.expired.len(), topic.partitions[0].start_offset),
        (0, 0)
    );
}

#[test]
fn nobody_may_delete_what_is_not_replicated() {
    let faults = "{ delete-records: orders-0, up-to: 101, at: 10s }";
    let text = world("config: { auto.offset.reset: earliest }", faults);
    let facts = storage(&text);
    let facts: Vec<_> = facts.iter().map(|(_, fact)| fact).collect();
    assert!(
        matches!(
            facts[..],
            [StorageFact::DeletionRefused {
                up_to: 101,
                high_watermark: 100,
                ..
            }]
        ),
        "{facts:?}"
    );
    let outcome = run(&text);
    assert_eq!(outcome.ledger.seen().count(FactWord::RecordsDeleted), 0);
    assert_eq!(outcome.verdict.unstruck.len(), 1, "it did nothing");
}

#[test]
fn mistakes_about_deletions_are_found_where_they_stand() {
    let cases = [
        (
            "{ delete-records: orders-0, at: 1s }",
            "does not say up to where",
        ),
        (
            "{ delete-records: orders, up-to: 5, at: 1s }",
            "`orders` is no partition",
        ),
        (
            "{ delete-records: orders-7, up-to: 5, at: 1s }",
            "there is no 7",
        ),
        (
            "{ delete-records: orders-0, up-to: soon, at: 1s }",
            "`soon`",
        ),
        (
            "{ delete-records: orders-0, up-to: 5, before: poll }",
            "a partition takes no steps",
        ),
    ];
    for (fault, message) in cases {
        let problems = refused(&world("config: {}", fault));
        assert!(problems.contains(message), "{fault}: {problems}");
    }
}

/// One copy on one broker, ten records a second for twenty seconds.
fn kept(cluster: &str, topic: &str, rest: &str) -> String {
    format!(
        "
title: A log is files
cluster: {{ brokers: 1, defaults: server.properties, config: {{ offsets.topic.num.partitions: 1{cluster} }} }}
topics:
  orders: {{ config: {{ {topic} }} }}
producers:
  shop: {{ topic: orders, records: 200, every: 100ms }}
{rest}
"
    )
}

/// Where segments begin and where the log begins, with the instants in milliseconds.
fn course(text: &str) -> (Vec<u64>, Vec<(u64, u64)>) {
    let (mut bases, mut starts) = (Vec::new(), Vec::new());
    for (stated, fact) in storage(text) {
        match fact {
            StorageFact::SegmentRolled { base, .. } => bases.push(base),
            StorageFact::SegmentDeleted { to, .. } => starts.push((stated.at.as_millis(), to)),
            _ => {}
        }
    }
    (bases, starts)
}

#[test]
fn segments_roll_by_the_time_of_their_records_and_go_when_the_latest_is_too_old() {
    let text = kept(
        ", log.retention.check.interval.ms: 5000",
        "segment.ms: 4950, retention.ms: 30000",
        "limits: { at-least: 70s }",
    );
    let (bases, starts) = course(&text);
    assert_eq!(bases, [50, 100, 150], "fifty records each");
    // The looks are at 30 s, 35 s, ...; the latest records are of 5, 10, 15 and 20 s.
    assert_eq!(
        starts,
        [(35_000, 50), (40_000, 100), (45_000, 150), (50_000, 200)]
    );
    let outcome = run(&text);
    let topic = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!(topic.partitions[0].start_offset, 200, "the active one too");
    assert_eq!(topic.expired.len(), 200);
}

#[test]
fn size_keeps_at_least_as_much_as_it_says() {
    let text = kept(
        "",
        "segment.ms: 4950, retention.bytes: 10000",
        "limits: { at-least: 40s }",
    );
    let (_, starts) = course(&text);
    assert_eq!(starts.len(), 1, "{starts:?}");
    let (at, start) = starts[0];
    assert_eq!(at, 30_000, "at the first look");
    assert_eq!(start % 50, 0, "whole segments");
    let outcome = run(&text);
    let log = outcome.verdict.topic("orders").expect("it is in the file");
    assert!((50..200).contains(&log.expired.len()), "{start}");
}

#[test]
fn a_crash_loses_nothing_and_a_loss_of_power_what_was_not_flushed() {
    let lost = |topic: &str, fault: &str| {
        let faults = format!("faults: [{{ {fault}: broker-1, at: 10050ms, restart-after: 15s }}]");
        let outcome = run(&kept("", topic, &faults));
        assert_eq!(outcome.verdict.ends, Ending::Drained, "{topic} {fault}");
        let orders = outcome.verdict.topic("orders").expect("it is in the file");
        orders.truncated.len()
    };
    assert_eq!(lost("", "crash"), 0);
    assert_eq!(lost("", "power-loss"), 101, "everything so far");
    assert_eq!(lost("flush.messages: 1", "power-loss"), 0);
    assert_eq!(
        lost("flush.messages: 20", "power-loss"),
        1,
        "100 were flushed"
    );
    assert_eq!(
        lost("segment.ms: 4950", "power-loss"),
        1,
        "the second segment began at 100"
    );
    assert_eq!(
        lost("flush.ms: 1000", "power-loss"),
        101,
        "the flusher has not looked yet"
    );
    assert_eq!(lost("", "close"), 0);
}

#[test]
fn how_much_of_the_tail_is_lost_can_be_said_or_drawn() {
    let lost = |tail: &str, seed: u64| {
        let fault = format!("power-loss: broker-1, tail: {tail}, at: 10050ms, restart-after: 15s");
        let text = kept("", "", &format!("faults: [{{ {fault} }}]"));
        let outcome = experiment(&text)
            .with_seed(kafkasim::base::Seed(seed))
            .run();
        let orders = outcome.verdict.topic("orders").expect("it is in the file");
        orders.truncated.len()
    };
    assert_eq!(lost("3", 1), 3);
    assert_eq!(lost("1000", 1), 101, "more than there is");
    let drawn: Vec<u64> = (1..6).map(|seed| lost("drawn", seed)).collect();
    assert!(drawn.iter().all(|count| *count <= 101), "{drawn:?}");
    assert!(drawn.iter().any(|count| *count != drawn[0]), "{drawn:?}");
}

#[test]
fn what_one_machine_loses_the_others_have_and_it_copies_from_them() {
    let faults = "{ power-loss: leader of orders-0, at: 1500ms, restart-after: 20s }";
    let text = world(
        "start-at: 40s, config: { auto.offset.reset: earliest }",
        faults,
    );
    let outcome = run(&text);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let group = outcome.verdict.group("workers").expect("it is in the file");
    assert_eq!((group.once.len(), group.lost_count()), (100, 0));
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!(orders.partitions[0].isr.len(), 3, "it has caught up");
    let seen = outcome.ledger.seen();
    assert_eq!(
        (
            seen.count(FactWord::PowerLost),
            seen.count(FactWord::UnflushedLost)
        ),
        (1, 1)
    );
    assert_eq!(
        seen.count(FactWord::RequestTimedOut),
        0,
        "it was back before that"
    );
}

#[test]
fn a_loss_of_power_befalls_brokers_only() {
    let cases = [
        (
            "{ power-loss: workers, at: 1s }",
            "befalls brokers, not `workers`",
        ),
        (
            "{ power-loss: active controller, at: 1s }",
            "befalls brokers",
        ),
        ("{ power-loss: broker-1, tail: some, at: 1s }", "`some`"),
    ];
    for (fault, message) in cases {
        let problems = refused(&world("config: {}", fault));
        assert!(problems.contains(message), "{fault}: {problems}");
    }
}
