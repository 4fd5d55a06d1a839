//! Topics that change in the course of a run: partitions are added, or the first user creates it.

use std::sync::Arc;

use kafkasim::base::Instant;
use kafkasim::lab::{Experiment, Outcome};
use kafkasim::node::Fact;
use kafkasim::node::fact::{LogFact, ProduceFact};
use kafkasim::sim::Sim;
use kafkasim::verdict::names::NamedSet;
use kafkasim::verdict::{Ending, FactWord};

use crate::loader::{accepted, load_text, refused};

fn experiment(text: &str) -> Experiment {
    let mut loaded = load_text(text).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
    let run = loaded.runs.remove(loaded.chosen);
    Experiment::new(&run).expect("a checked scenario compiles")
}

fn run(text: &str) -> Outcome {
    experiment(text).run()
}

/// Three partitions become six; the producer refreshes its metadata more often than the group.
fn growing(reset: &str, faults: &str) -> String {
    format!(
        "
title: A topic grows
topics: {{ user-events: {{ partitions: 3, replication.factor: 3 }} }}
producers:
  site:
    topic: user-events
    start-at: 8s
    records: 60
    every: 500ms
    keys: {{ cycle: [\"123\", \"124\"] }}
    config: {{ metadata.max.age.ms: 4000 }}
groups:
  late: {{ topics: [user-events], members: 2, config: {{ auto.offset.reset: {reset}, metadata.max.age.ms: 12000 }} }}
faults: [{faults}]
"
    )
}

const AT_13: &str = "{ add-partitions: user-events, to: 6, at: 13s }";

/// What a run of Kafka 4.1.0 with the same clients did: user 123 moved to partition 5 and 124 stayed,
/// the group divided anew when its leader's metadata were twelve seconds old, and what had been
/// written to partition 5 by then was read with `earliest` and never with `latest`.
#[test]
fn keys_move_with_the_producers_metadata_and_the_group_follows_with_its_leaders() {
    for (reset, loses) in [("latest", true), ("earliest", false)] {
        let outcome = run(&growing(reset, AT_13));
        assert_eq!(outcome.verdict.ends, Ending::Drained);
        let topic = outcome
            .verdict
            .topic("user-events")
            .expect("it is in the file");
        let ends: Vec<u64> = topic.partitions.iter().map(|p| p.end_offset).collect();
        let moved = ends[5];
        assert!((10..24).contains(&moved), "123 moves in mid-run: {ends:?}");
        assert_eq!(ends, [0, 0, 60 - moved, 0, 0, moved]);
        let group = outcome.verdict.group("late").expect("it is in the file");
        assert_eq!((group.rebalances, group.duplicated.len()), (1, 0));
        assert_eq!(0 < group.lost_count(), loses, "{reset}");
        if loses {
            let lost = group.lost.values().flat_map(NamedSet::iter);
            let places = lost.map(|record| outcome.ledger.name_of(record));
            let first: Vec<String> = (0..group.lost_count())
                .map(|offset| format!("user-events-5@{offset}"))
                .collect();
            assert_eq!(
                places.collect::<Vec<_>>(),
                first,
                "the first of the new partition"
            );
        }
    }
}

#[test]
fn growth_changes_nothing_before_it_happens_and_moves_no_old_partition() {
    let facts = |text: &str| {
        let mut facts = Vec::new();
        Sim::new(Arc::clone(&experiment(text).setup)).run(&mut |stated| facts.push(stated.clone()));
        facts
    };
    let before = |facts: Vec<kafkasim::node::Stated>| -> Vec<kafkasim::node::Stated> {
        let early = |stated: &kafkasim::node::Stated| stated.at < Instant(13_000_000_000);
        facts.into_iter().take_while(early).collect()
    };
    let (grown, same) = (
        facts(&growing("latest", AT_13)),
        facts(&growing("latest", "")),
    );
    let states = |facts: &[kafkasim::node::Stated]| {
        let old = facts.iter().filter_map(|stated| match &stated.fact {
            Fact::Log(LogFact::PartitionState {
                partition, leader, ..
            }) => Some((*partition, *leader)),
            _ => None,
        });
        old.filter(|(partition, _)| partition.topic.0 == 0).count()
    };
    assert_eq!(states(&grown), 3, "only the new partitions get a leader");
    let (grown, same) = (before(grown), before(same));
    assert!(100 < same.len());
    assert_eq!(grown, same);
}

#[test]
fn partitions_can_be_added_again_but_never_to_as_many_as_there_are() {
    let twice = "{ add-partitions: user-events, to: 4, at: 10s }, { add-partitions: user-events, to: 6, at: 20s }";
    let outcome = run(&growing("earliest", twice));
    let topic = outcome
        .verdict
        .topic("user-events")
        .expect("it is in the file");
    assert_eq!(topic.partitions.len(), 6);
    assert_eq!(outcome.ledger.seen().count(FactWord::PartitionsAdded), 2);
    let backwards = "{ add-partitions: user-events, to: 6, at: 10s }, { add-partitions: user-events, to: 4, at: 20s }";
    let outcome = run(&growing("earliest", backwards));
    let unstruck = &outcome.judgement.unstruck;
    assert_eq!(
        unstruck.len(),
        1,
        "INVALID_PARTITIONS: the second never struck"
    );
    assert!(unstruck[0].text.contains("to: 4"));
}

#[test]
fn a_send_to_a_partition_that_is_not_there_yet_waits_for_it() {
    let text = "
title: It waits
topics: { orders: { partitions: 3 } }
producers: { shop: { topic: orders, partition: 5, records: 3, every: 100ms } }
faults: [{ add-partitions: orders, to: 6, at: 7s }]
";
    let mut written = Vec::new();
    let outcome = experiment(text).watched(&mut |stated| {
        if let Fact::Produce(ProduceFact::Acknowledged { records, .. }) = &stated.fact {
            written.push((stated.at, records.len()));
        }
    });
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let (first, _) = written[0];
    let seven = Instant(7_000_000_000);
    assert!(
        seven < first && first < Instant(7_200_000_000),
        "{first}: soon after it is there"
    );
    let late = text.replace("at: 7s", "at: 70s");
    let outcome = run(&late);
    let shop = outcome.verdict.producer("shop").expect("it is in the file");
    assert_eq!(shop.failed.len(), 1, "max.block.ms is over after a minute");
    assert_eq!(
        shop.acknowledged.len(),
        2,
        "the next ones wait as long again"
    );
}

const AUTO: &str = "
title: Nobody created it
topics: { clicks: { create: on-first-use } }
producers: { web: { topic: clicks, records: 5, start-at: 20s } }
groups: { readers: { topics: [clicks], members: 2, config: { auto.offset.reset: earliest } } }
";

#[test]
fn the_first_user_creates_a_topic_with_the_brokers_defaults() {
    let outcome = run(AUTO);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let topic = outcome.verdict.topic("clicks").expect("it is in the file");
    assert_eq!((topic.partitions.len(), topic.appended), (1, 5));
    assert_eq!(
        topic.partitions[0].isr.len(),
        1,
        "default.replication.factor"
    );
    let defaults = "cluster: { config: { num.partitions: 4, default.replication.factor: 2 } }\n";
    let outcome = run(&format!("{AUTO}{defaults}"));
    let topic = outcome.verdict.topic("clicks").expect("it is in the file");
    let copies = topic.partitions.iter().map(|p| p.isr.len());
    assert_eq!(copies.collect::<Vec<_>>(), [2; 4]);
    assert_eq!(
        outcome
            .verdict
            .group("readers")
            .expect("it is in the file")
            .idle_members,
        0
    );
}

#[test]
fn who_may_not_create_topics_waits_for_somebody_who_may() {
    let shy = AUTO.replace(
        "reset: earliest",
        "reset: earliest, allow.auto.create.topics: false",
    );
    let mut created = Vec::new();
    let outcome = experiment(&shy).watched(&mut |stated| {
        if let Fact::Log(LogFact::TopicCreated { topic, .. }) = &stated.fact
            && topic.0 == 0
        {
            created.push(stated.at);
        }
    });
    assert!(
        Instant(20_000_000_000) < created[0],
        "the producer is the first that may"
    );
    assert_eq!(
        outcome
            .verdict
            .group("readers")
            .expect("it is in the file")
            .once
            .len(),
        5
    );
    let never = format!("{AUTO}cluster: {{ config: {{ auto.create.topics.enable: false }} }}\n");
    let outcome = run(&never);
    let web = outcome.verdict.producer("web").expect("it is in the file");
    assert_eq!(
        (web.failed.len(), web.acknowledged.len()),
        (5, 0),
        "TimeoutException"
    );
    assert_eq!(
        outcome.ledger.seen().count(FactWord::TopicCreated),
        1,
        "__consumer_offsets alone"
    );
}

/// An administrator creates the topic with three partitions, ten seconds late.
fn created_late(more: &str) -> String {
    let late = "{ create: 10s, partitions: 3, replication.factor: 2 }";
    AUTO.replace("{ create: on-first-use }", late) + more
}

const NO_AUTO: &str = "cluster: { config: { auto.create.topics.enable: false } }\n";

#[test]
fn an_administrator_creates_a_topic_at_its_instant() {
    let early = created_late(NO_AUTO).replace("start-at: 20s", "start-at: 2s");
    let mut created = Vec::new();
    let outcome = experiment(&early).watched(&mut |stated| {
        if let Fact::Log(LogFact::TopicCreated { topic, partitions }) = &stated.fact
            && topic.0 == 0
        {
            created.push((stated.at, *partitions));
        }
    });
    assert_eq!(created, [(Instant(10_000_000_000), 3)]);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let topic = outcome.verdict.topic("clicks").expect("it is in the file");
    let copies = topic.partitions.iter().map(|p| p.isr.len());
    assert_eq!(copies.collect::<Vec<_>>(), [2; 3]);
    let group = outcome.verdict.group("readers").expect("it is in the file");
    assert_eq!(group.once.len(), 5, "send() waited for the topic");
}

#[test]
fn who_comes_before_the_administrator_has_a_topic_created_with_the_defaults() {
    let outcome = run(&created_late(""));
    let topic = outcome.verdict.topic("clicks").expect("it is in the file");
    assert_eq!(topic.partitions.len(), 1, "the group asked at 0s");
    assert_eq!(topic.appended, 5);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
}

#[test]
fn a_run_does_not_end_before_its_topics_are_created() {
    let unused = "
title: Nobody uses it
topics: { a: { replication.factor: 1 }, b: { create: 90s, replica-assignment: [[2], [3]] } }
producers: { web: { topic: a, records: 5 } }
";
    let outcome = run(unused);
    let topic = outcome.verdict.topic("b").expect("it is in the file");
    assert_eq!(topic.partitions.len(), 2);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
}

#[test]
fn what_grows_and_what_is_created_later_is_its_own_show() {
    for text in [growing("latest", AT_13), AUTO.to_owned(), created_late("")] {
        let yaml = accepted(&text).to_yaml();
        assert_eq!(accepted(&yaml).to_yaml(), yaml);
    }
}

#[test]
fn what_cannot_grow_is_refused_where_it_stands() {
    let mistakes = [
        (
            "{ add-partitions: user-event, to: 6, at: 1s }",
            "topic `user-event` is not in `topics`",
        ),
        (
            "{ add-partitions: user-events, at: 1s }",
            "does not say how many the topic has then",
        ),
        (
            "{ add-partitions: user-events, to: 3, at: 1s }",
            "has 3 partitions already: Kafka only adds some",
        ),
        (
            "{ add-partitions: user-events, to: 20_000, at: 1s }",
            "is not between 1 and 10000",
        ),
        (
            "{ add-partitions: user-events, to: 6, before: poll }",
            "a topic takes no steps",
        ),
        (
            "{ add-partitions: user-events, to: 6 }",
            "this fault never strikes",
        ),
        (
            "{ crash: late, before: process, record: user-events-6@0 }, { add-partitions: user-events, to: 6, at: 1s }",
            "topic `user-events` has 6 partitions from 0, there is no 6",
        ),
    ];
    for (fault, text) in mistakes {
        let printed = refused(&growing("latest", fault));
        assert!(printed.contains(text), "{fault}\n{printed}");
    }
    let counted = AUTO.replace("on-first-use", "on-first-use, partitions: 3");
    assert!(refused(&counted).contains("`create` is its only key"));
    let unitless = created_late("").replace("create: 10s", "create: 10");
    assert!(refused(&unitless).contains("`10` has no unit"));
    let table = growing("latest", AT_13)
        .replace("keys:", "partitioner: { table: { \"123\": 5 } }\n    keys:");
    assert!(
        refused(&table).contains("there is no partition 5"),
        "a table knows what is there"
    );
}
