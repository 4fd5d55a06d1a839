//! Timestamps in whole runs: who stamps, what stamps are taken, and what a reader gets that asks for
//! a time.

use kafkasim::lab::Outcome;
use kafkasim::node::Fact;
use kafkasim::node::fact::{GroupFact, LogFact};
use kafkasim::verdict::{Clock, Ending};

use crate::loader::refused;
use crate::world::{experiment, run};

/// One partition, one broker; the test says what the topic, the producers and the rest are.
fn world(topic: &str, producers: &str, rest: &str) -> String {
    format!(
        "
title: Clocks
cluster: {{ brokers: 1, defaults: server.properties, config: {{ offsets.topic.num.partitions: 1 }} }}
topics: {{ orders: {{ config: {{ {topic} }} }} }}
producers: {{ {producers} }}
{rest}
"
    )
}

const SHOP: &str = "shop: { topic: orders, records: 30, every: 1s }";

/// A late record, two that say they are from before, one that says it is from the future.
const OUT_OF_ORDER: &str = "shop: { topic: orders, every: 1s, records: [\
    { value: a, timestamp: 10s }, { value: b, timestamp: 30s }, { value: c, timestamp: 5s }, \
    { value: d, timestamp: 20s }, { value: e, timestamp: 31s }] }";

/// A group that seeks once it has read everything; where its positions were set to by that.
fn sought(producers: &str, to: &str) -> Vec<u64> {
    let rest = format!(
        "groups: {{ g: {{ topics: [orders], config: {{ auto.offset.reset: earliest }} }} }}\n\
         faults: [{{ seek: g, to: {to}, at: 60s }}]"
    );
    let mut set = Vec::new();
    experiment(&world("", producers, &rest)).watched(&mut |stated| {
        if let Fact::Group(GroupFact::PositionSet { offset, .. }) = &stated.fact
            && 60_000 <= stated.at.as_millis()
        {
            set.push(*offset);
        }
    });
    set
}

#[test]
fn a_time_leads_to_the_first_record_that_bears_it_or_a_later_one_in_the_order_of_the_log() {
    assert_eq!(
        sought(SHOP, "10s"),
        [10],
        "sent at 10 s and a few milliseconds"
    );
    assert_eq!(sought(SHOP, "0s"), [0]);
    assert_eq!(sought(SHOP, "-5s"), [0]);
    // Not the record closest in time: the first of the log that is not older.
    assert_eq!(sought(OUT_OF_ORDER, "5s"), [0]);
    assert_eq!(sought(OUT_OF_ORDER, "15s"), [1]);
    assert_eq!(sought(OUT_OF_ORDER, "30s"), [1]);
    assert_eq!(sought(OUT_OF_ORDER, "30001ms"), [4]);
}

#[test]
fn a_time_that_no_record_reaches_leads_to_the_end() {
    assert_eq!(sought(SHOP, "59s"), [30]);
    assert_eq!(sought(OUT_OF_ORDER, "32s"), [5]);
}

#[test]
fn offsets_of_a_group_can_be_set_to_a_time() {
    let rest = "groups: { g: { topics: [orders], stop-at: 40s, config: { auto.offset.reset: earliest } } }\n\
                faults: [{ set-offsets: g, to: 25s, at: 60s }, { start: g, at: 61s }]";
    let outcome = run(&world("", SHOP, rest));
    let group = outcome.verdict.group("g").expect("it is in the file");
    assert_eq!((group.once.len(), group.duplicated.len()), (25, 5));
}

fn reset_at(outcome_text: &str) -> Vec<(u64, u64)> {
    let mut resets = Vec::new();
    experiment(outcome_text).watched(&mut |stated| {
        if let Fact::Group(GroupFact::OffsetReset { offset, .. }) = &stated.fact {
            resets.push((stated.at.as_millis() / 1000, *offset));
        }
    });
    resets
}

#[test]
fn a_reset_by_duration_begins_with_the_first_record_that_is_young_enough() {
    let rest = "groups: { g: { topics: [orders], start-at: 20s, \
                config: { auto.offset.reset: 'by_duration:PT10S' } } }";
    let resets = reset_at(&world("", SHOP, rest));
    assert_eq!(
        resets,
        [(23, 14)],
        "it was in its group after three seconds"
    );
}

#[test]
fn a_reset_by_duration_that_finds_nothing_asks_again_when_its_question_has_timed_out() {
    // As in Kafka 4.1.0: a partition without an answer is left out, and is due again after
    // request.timeout.ms. What was written and grew old in between is skipped.
    let producers = "old: { topic: orders, records: 5, clock: -1h, every: 1s }, \
                     new: { topic: orders, records: 40, every: 1s, start-at: 30s }";
    let rest = "groups: { g: { topics: [orders], start-at: 10s, \
                config: { auto.offset.reset: 'by_duration:PT10S' } } }";
    let text = world("", producers, rest);
    let resets = reset_at(&text);
    assert_eq!(resets.len(), 1);
    let (at, offset) = resets[0];
    assert!((43..=44).contains(&at), "{resets:?}");
    assert_eq!(offset, 5 + 4, "the first of 34 s");
    let outcome = run(&text);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
}

#[test]
fn a_run_ends_where_no_record_will_ever_be_young_enough() {
    let producers = "old: { topic: orders, records: 5, clock: -1h }";
    let rest = "groups: { g: { topics: [orders], start-at: 10s, \
                config: { auto.offset.reset: 'by_duration:PT10S' } } }";
    let outcome = run(&world("", producers, rest));
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let group = outcome.verdict.group("g").expect("it is in the file");
    assert_eq!((group.once.len(), group.waiting.len()), (0, 5));
}

fn refusals(topic: &str, producers: &str) -> usize {
    let mut count = 0;
    experiment(&world(topic, producers, "")).watched(&mut |stated| {
        if let Fact::Log(LogFact::AppendRefused { error, .. }) = &stated.fact {
            assert_eq!(error.to_string(), "INVALID_TIMESTAMP");
            count += 1;
        }
    });
    count
}

#[test]
fn a_record_too_far_from_the_leaders_time_fails_for_good() {
    let shop =
        |clock: &str| format!("shop: {{ topic: orders, records: 3, every: 1s, clock: {clock} }}");
    assert_eq!(refusals("", &shop("1h")), 0, "an hour is the default");
    assert_eq!(refusals("", &shop("3601s")), 3);
    assert_eq!(refusals("", &shop("-1000d")), 0, "any age");
    let strict = "message.timestamp.before.max.ms: 5000, message.timestamp.after.max.ms: 1000";
    assert_eq!(refusals(strict, &shop("900ms")), 0);
    assert_eq!(refusals(strict, &shop("2s")), 3);
    assert_eq!(refusals(strict, &shop("-4s")), 0);
    assert_eq!(refusals(strict, &shop("-6s")), 3);
    let by_broker = "message.timestamp.type: LogAppendTime, message.timestamp.after.max.ms: 1000";
    assert_eq!(refusals(by_broker, &shop("5h")), 0, "nobody looks at it");
}

#[test]
fn one_record_that_is_too_old_takes_its_whole_batch_with_it() {
    let topic = "message.timestamp.before.max.ms: 5000";
    let producers = "shop: { topic: orders, every: 1ms, config: { linger.ms: 50 }, records: [\
        { value: a }, { value: b, timestamp: -1h }, { value: c }] }";
    let outcome = run(&world(topic, producers, ""));
    let shop = outcome.verdict.producer("shop").expect("it is in the file");
    assert_eq!((shop.failed.len(), shop.acknowledged.len()), (3, 0));
}

fn clock_of(topic: &str) -> Option<Clock> {
    let outcome: Outcome = run(&world(topic, SHOP, ""));
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    let partition = kafkasim::base::TopicPartition::new(orders.id, 0);
    outcome.ledger.stamped_by(&[partition])
}

#[test]
fn the_ledger_knows_whose_clock_stamped_the_records() {
    assert_eq!(clock_of(""), Some(Clock::Create));
    assert_eq!(
        clock_of("message.timestamp.type: LogAppendTime"),
        Some(Clock::Append)
    );
}

#[test]
fn retention_believes_the_producer_unless_the_broker_stamps() {
    let kept = |kind: &str, clock: &str| {
        let topic = format!("retention.ms: 60000, message.timestamp.type: {kind}");
        let shop = format!("shop: {{ topic: orders, records: 10, every: 1s, clock: {clock} }}");
        let outcome = run(&world(&topic, &shop, "limits: { at-least: 35s }"));
        10 - outcome
            .verdict
            .topic("orders")
            .expect("it is in the file")
            .expired
            .len()
    };
    assert_eq!(kept("CreateTime", "0s"), 10);
    assert_eq!(kept("CreateTime", "-2h"), 0);
    assert_eq!(kept("LogAppendTime", "-2h"), 10);
}

#[test]
fn mistakes_about_times_are_found_where_they_stand() {
    let cases = [
        (
            SHOP,
            "faults: [{ set-offsets: g, to: 5m, at: 60s }]",
            "`5m`",
        ),
        (
            "shop: { topic: orders, records: 1, clock: soon }",
            "",
            "`soon` is no duration",
        ),
        (
            "shop: { topic: orders, records: [{ value: a, timestamp: 12 }] }",
            "",
            "`12` has no unit",
        ),
    ];
    for (producers, rest, message) in cases {
        let groups = "groups: { g: { topics: [orders] } }\n";
        let problems = refused(&world("", producers, &format!("{groups}{rest}")));
        assert!(problems.contains(message), "{rest}: {problems}");
    }
}
