//! Compacted logs in whole runs: what the cleaner leaves, when, and who misses what.

use std::fmt::Write as _;

use kafkasim::lab::Outcome;
use kafkasim::node::Fact;
use kafkasim::node::fact::{LogFact, StorageFact};
use kafkasim::verdict::quantity::Stage;
use kafkasim::verdict::{Ending, FactWord};

use crate::world::{experiment, run};

/// One partition on one broker, segments of five seconds; the test says more of the topic, and the
/// rest.
fn world(topic: &str, producers: &str, rest: &str) -> String {
    format!(
        "
title: Of each key the last record stays
cluster: {{ brokers: 1, defaults: server.properties, config: {{ offsets.topic.num.partitions: 1 }} }}
topics: {{ t: {{ config: {{ cleanup.policy: compact, segment.ms: 5000, {topic} }} }} }}
producers: {{ {producers} }}
{rest}
"
    )
}

/// One record a second, three keys in turn.
const THREE_KEYS: &str = "p: { topic: t, records: 30, every: 1s, keys: { cycle: [a, b, c] } }";

/// When the leader's log was compacted, in seconds; up to where; the offsets superseded and the
/// tombstones gone.
type Pass = (u64, u64, Vec<u64>, Vec<u64>);

fn passes(text: &str) -> Vec<Pass> {
    let mut passes = Vec::new();
    experiment(text).watched(&mut |stated| {
        if let Fact::Storage(StorageFact::LogCompacted {
            up_to,
            superseded,
            tombstones,
            leads: true,
            ..
        }) = &stated.fact
        {
            let all = |ranges: &[(u64, u64)]| ranges.iter().flat_map(|(f, t)| *f..*t).collect();
            let at = stated.at.as_millis() / 1000;
            passes.push((at, *up_to, all(superseded), all(tombstones)));
        }
    });
    passes
}

fn group<'o>(outcome: &'o Outcome, name: &str) -> &'o kafkasim::verdict::summary::GroupVerdict {
    outcome.verdict.group(name).expect("it is in the file")
}

#[test]
fn of_each_key_the_last_record_before_the_active_segment_stays() {
    let text = world("", THREE_KEYS, "limits: { at-least: 40s }");
    let passes = passes(&text);
    // Six records to a segment: one is rolled by the record more than five seconds behind its first.
    let first = &passes[0];
    assert_eq!((first.0, first.1), (15, 12), "{passes:?}");
    assert_eq!(first.2, (0..9).collect::<Vec<u64>>());
    let second = &passes[1];
    assert_eq!((second.0, second.1), (30, 24), "{passes:?}");
    assert_eq!(
        second.2,
        (9..21).collect::<Vec<u64>>(),
        "the clean part is gone over too"
    );
    assert_eq!(passes.len(), 2, "{passes:?}");
    let outcome = run(&text);
    let topic = outcome.verdict.topic("t").expect("it is in the file");
    assert_eq!(topic.compacted.len(), 21);
    let partition = &topic.partitions[0];
    assert_eq!((partition.start_offset, partition.end_offset), (0, 30));
}

#[test]
fn a_reader_steps_over_what_is_gone_and_commits_behind_it() {
    let rest = "groups:\n\
        \x20 now: { topics: [t], config: { auto.offset.reset: earliest } }\n\
        \x20 late: { topics: [t], start-at: 40s, config: { auto.offset.reset: earliest, max.poll.records: 2 } }\n\
        \x20 processed: { topics: [t], start-at: 40s, loop: [poll, { each: [process] }, { commit-sync: { offsets: processed } }], config: { auto.offset.reset: earliest } }";
    let outcome = run(&world("", THREE_KEYS, rest));
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let now = group(&outcome, "now");
    assert_eq!(
        (now.once.len(), now.compacted.len(), now.lost_count()),
        (30, 0, 0)
    );
    for name in ["late", "processed"] {
        let late = group(&outcome, name);
        assert_eq!(
            (late.once.len(), late.compacted.len(), late.lost_count()),
            (9, 21, 0),
            "{name}"
        );
        let committed: Vec<_> = late.partitions.values().map(|p| p.committed).collect();
        assert_eq!(committed, [Some(30)], "{name}");
        assert_eq!(
            late.totals.poll_skip, 0,
            "{name}: nothing that is there was left out"
        );
    }
}

/// Three keys, of which the first is deleted at 6 s; later records of another key keep the log
/// getting dirty.
const DELETED: &str = "p: { topic: t, records: 6, every: 1s, keys: { cycle: [a, b, c] } }, \
    d: { topic: t, start-at: 6s, records: 1, keys: { cycle: [a] }, values: { cycle: [null] } }, \
    q: { topic: t, start-at: 8s, records: 40, every: 3s, keys: { cycle: [z] } }";

#[test]
fn a_tombstone_goes_with_the_first_cleaning_after_its_time_is_over_since_one_met_it() {
    let topic = "min.cleanable.dirty.ratio: 0.01, delete.retention.ms: 20000";
    let passes = passes(&world(topic, DELETED, "limits: { at-least: 130s }"));
    let met = passes.iter().find(|pass| 6 < pass.1).expect("it is met");
    let gone = passes
        .iter()
        .find(|pass| !pass.3.is_empty())
        .expect("it goes");
    assert_eq!(met.0, 15, "{passes:?}");
    assert_eq!(
        (gone.0, gone.3.as_slice()),
        (45, &[6][..]),
        "the first after 35 s: {passes:?}"
    );
    let for_ever = passes.iter().filter(|pass| !pass.3.is_empty()).count();
    assert_eq!(for_ever, 1);
    let kept = "min.cleanable.dirty.ratio: 0.01";
    let kept = self::passes(&world(kept, DELETED, "limits: { at-least: 130s }"));
    assert!(
        kept.iter().all(|pass| pass.3.is_empty()),
        "a day is the default"
    );
}

#[test]
fn who_misses_a_tombstone_and_knew_the_key_has_lost_something_and_a_newcomer_has_not() {
    let topic = "min.cleanable.dirty.ratio: 0.01, delete.retention.ms: 20000";
    let rest = "groups:\n\
        \x20 knew: { topics: [t], stop-at: 5s, config: { auto.offset.reset: earliest } }\n\
        \x20 new: { topics: [t], start-at: 100s, config: { auto.offset.reset: earliest } }\n\
        faults: [{ start: knew, at: 100s }]\n\
        limits: { at-least: 130s }";
    let outcome = run(&world(topic, DELETED, rest));
    let knew = group(&outcome, "knew");
    let lost: Vec<String> = knew.lost[&Stage::Expired]
        .iter()
        .map(|r| outcome.ledger.name_of(r))
        .collect();
    assert_eq!(lost, ["t-0@6"]);
    assert!(!knew.compacted.is_empty());
    let new = group(&outcome, "new");
    assert_eq!(new.lost_count(), 0);
    assert_eq!(new.once.len() + new.compacted.len(), 47);
}

#[test]
fn what_is_too_young_waits_and_what_has_waited_too_long_is_cleaned_however_clean_the_log_is() {
    let lag = "min.compaction.lag.ms: 20000, min.cleanable.dirty.ratio: 0.01";
    let young = passes(&world(lag, THREE_KEYS, "limits: { at-least: 60s }"));
    assert_eq!((young[0].0, young[0].1), (30, 6), "{young:?}");
    let never = "min.cleanable.dirty.ratio: 1";
    assert!(passes(&world(never, THREE_KEYS, "limits: { at-least: 60s }")).is_empty());
    let overdue = "min.cleanable.dirty.ratio: 1, max.compaction.lag.ms: 20000";
    let overdue = passes(&world(overdue, THREE_KEYS, "limits: { at-least: 60s }"));
    assert_eq!((overdue[0].0, overdue[0].1), (30, 24), "{overdue:?}");
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let mut errors = Vec::new();
    let text = world("", "p: { topic: t, records: 2 }", "");
    experiment(&text).watched(&mut |stated| {
        if let Fact::Log(LogFact::AppendRefused { error, .. }) = &stated.fact {
            errors.push(error.to_string());
        }
    });
    assert_eq!(errors, ["INVALID_RECORD"; 2]);
}

#[test]
fn compact_and_delete_does_both_and_compact_alone_keeps_old_segments() {
    let expired = |policy: &str| {
        let topic = format!("cleanup.policy: '{policy}', retention.ms: 30000");
        let text = world("", THREE_KEYS, "limits: { at-least: 70s }");
        let text = text.replace("cleanup.policy: compact,", &format!("{topic},"));
        run(&text)
            .verdict
            .topic("t")
            .expect("it is in the file")
            .partitions[0]
            .start_offset
    };
    assert_eq!(expired("compact"), 0);
    assert_eq!(expired("compact,delete"), 30);
    assert_eq!(
        expired("delete"),
        0,
        "retention looks every five minutes, the cleaner every 15 s"
    );
}

#[test]
fn a_follower_copies_what_is_left_and_each_copy_is_cleaned_by_its_broker() {
    let text = "
title: Three copies
cluster: { config: { offsets.topic.num.partitions: 1 } }
topics: { t: { replica-assignment: [[1, 2, 3]], config: { cleanup.policy: compact, segment.ms: 5000 } } }
producers: { p: { topic: t, records: 60, every: 1s, keys: { cycle: [a, b, c] } } }
groups:
  early: { topics: [t], config: { auto.offset.reset: earliest } }
  g: { topics: [t], start-at: 200s, config: { auto.offset.reset: earliest } }
faults:
  - { crash: broker-3, at: 500ms, restart-after: 80s }
  - { crash: broker-1, at: 150s }
  - { crash: broker-2, at: 170s }
limits: { at-least: 210s }
";
    let outcome = run(text);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let topic = outcome.verdict.topic("t").expect("it is in the file");
    assert_eq!(
        topic.partitions[0].leader.as_deref(),
        Some("broker-3"),
        "it copied a log with gaps"
    );
    let g = group(&outcome, "g");
    assert_eq!((g.lost_count(), g.once.len() + g.compacted.len()), (0, 60));
    assert!(g.once.len() < 20);
    assert!(0 < outcome.ledger.seen().count(FactWord::LogCompacted));
}

/// What lay in the log of Apache Kafka 4.1.0, played with one broker whose cleaner looks every second:
/// thirty records of three keys, a tombstone, then others; timestamps as written, so that segments
/// roll by them.
#[test]
fn what_is_left_is_what_apache_kafka_left() {
    let mut records = String::new();
    let mut send = |key: &str, stamp: u64, at: u64| {
        write!(
            records,
            "{{ key: {key}, timestamp: {stamp}s, at: {at}ms }}, "
        )
        .expect("a string takes it");
    };
    for n in 0..30 {
        send(["a", "b", "c"][n as usize % 3], n, 1_000);
    }
    // With the tombstone, which is written at 5 s, before the cleaner looks again.
    send("z", 36, 5_500);
    send("z", 42, 16_000);
    for stamp in [48, 54, 60] {
        send("z", stamp, 20_000);
    }
    let left = |until: u64| {
        let text = format!(
            "
title: As real Kafka
cluster: {{ brokers: 1, defaults: server.properties, config: {{ offsets.topic.num.partitions: 1, log.cleaner.backoff.ms: 1000 }} }}
topics: {{ t: {{ config: {{ cleanup.policy: compact, segment.ms: 5000, delete.retention.ms: 5000 }} }} }}
producers:
  p: {{ topic: t, records: [{records}], config: {{ linger.ms: 0, batch.size: 0 }} }}
  d: {{ topic: t, records: [{{ key: a, timestamp: 30s, at: 5s }}], values: {{ cycle: [null] }}, config: {{ linger.ms: 0 }} }}
limits: {{ time: {until}s, at-least: {until}s }}
"
        );
        let outcome = run(&text);
        let topic = outcome.verdict.topic("t").expect("it is in the file");
        let partition = kafkasim::base::TopicPartition::new(topic.id, 0);
        outcome.ledger.offsets_left(partition)
    };
    let all =
        |ranges: &[(u64, u64)]| -> Vec<u64> { ranges.iter().flat_map(|(f, t)| *f..*t).collect() };
    assert_eq!(left(5), all(&[(21, 30)]), "nothing of the active segment");
    assert_eq!(left(10), all(&[(28, 32)]), "the tombstone at 30 is met");
    assert_eq!(
        left(15),
        all(&[(28, 32)]),
        "nothing is dirty, so nothing is looked at"
    );
    assert_eq!(left(19), all(&[(28, 33)]), "not dirty enough");
    assert_eq!(left(25), all(&[(28, 30), (34, 36)]));
}
