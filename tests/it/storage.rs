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
