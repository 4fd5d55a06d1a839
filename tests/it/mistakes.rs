//! What a naive simulator gets wrong about brokers, where no other test holds it; `docs/testing.md`
//! lists all of it, and each test it names is there.

use std::path::Path;

use kafkasim::kafka::ErrorCode;
use kafkasim::node::fact::{ClusterFact, LogFact, ProduceFact};
use kafkasim::node::{Fact, Stated};
use kafkasim::verdict::Ending;

use crate::world::{experiment, facts_of, run};

/// Three brokers, one topic of three copies led by broker 1, and a producer.
fn world(cluster: &str, producer: &str, faults: &str) -> String {
    format!(
        "
title: What is believed of brokers
cluster: {{ config: {{ {cluster} }} }}
topics:
  orders: {{ replica-assignment: [[1, 2, 3]], config: {{ min.insync.replicas: 2 }} }}
producers:
  shop: {{ topic: orders, {producer} }}
faults: [{faults}]
"
    )
}

fn facts(text: &str) -> Vec<Stated> {
    facts_of(&experiment(text))
}

fn errors(facts: &[Stated]) -> Vec<ErrorCode> {
    let errors = facts.iter().filter_map(|s| match s.fact {
        Fact::Produce(ProduceFact::Retry { error, .. } | ProduceFact::Failed { error, .. }) => {
            Some(error)
        }
        _ => None,
    });
    errors.collect()
}

#[test]
fn a_write_that_waits_while_the_in_sync_replicas_become_too_few_times_out_and_stays_in_the_log() {
    let text = world(
        "",
        "records: 1, every: 1s, start-at: 5100ms, config: { request.timeout.ms: 25000 }",
        "{ crash: [broker-2, broker-3], at: 5s, restart-after: 60s }",
    );
    let facts = facts(&text);
    let shrunk = facts
        .iter()
        .find(|s| matches!(s.fact, Fact::Cluster(ClusterFact::IsrShrunk { .. })));
    let shrunk = shrunk.expect("two brokers are fenced").at.as_millis();
    assert!(shrunk < 30_000, "while the write waits: {shrunk}");
    let errors = errors(&facts);
    assert_eq!(errors[0], ErrorCode::RequestTimedOut, "{errors:?}");
    let after_append = ErrorCode::NotEnoughReplicasAfterAppend;
    assert!(!errors.contains(&after_append), "{errors:?}");
    let outcome = run(&text);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!((orders.appended, orders.appended_twice.len()), (1, 0));
}

#[test]
fn without_a_controller_one_dead_follower_stops_acks_all() {
    let text = world(
        "",
        "records: 100, every: 100ms",
        "{ crash: active controller, at: 3s, restart-after: 40s }, { crash: broker-3, at: 5s, restart-after: 60s }",
    );
    let replicated = facts(&text).into_iter().filter_map(|s| match s.fact {
        Fact::Log(LogFact::Replicated { .. }) => Some(s.at.as_millis()),
        _ => None,
    });
    let (mut before, mut meanwhile, mut after) = (0, 0, 0);
    for at in replicated {
        match at {
            ..5_100 => before += 1,
            5_100..43_000 => meanwhile += 1,
            _ => after += 1,
        }
    }
    assert_eq!(meanwhile, 0, "it stays in sync, and is waited for");
    assert!(0 < before && 0 < after);
}

/// The batch is of 0.2 s and written at 10.2 s; its answer is lost, and it comes again at 13.2 s. The
/// producer is forgotten by then, as its last batch is older than 5 s, though written 3 s ago.
#[test]
fn a_producer_is_forgotten_by_the_timestamp_of_its_batch_and_not_by_the_time_of_its_write() {
    let twice = |expiration: u32| {
        let cluster = format!(
            "producer.id.expiration.ms: {expiration}, producer.id.expiration.check.interval.ms: 1000"
        );
        let outcome = run(&world(
            &cluster,
            "records: 2, every: 200ms, config: { linger.ms: 0, retry.backoff.ms: 3000, retry.backoff.max.ms: 3000 }",
            "{ hold-request: shop, request: Produce, nth: 2, for: 10s }, { lose-response: shop, request: Produce, nth: 2 }",
        ));
        assert_eq!(outcome.judgement.broken, Vec::<String>::new());
        let orders = outcome.verdict.topic("orders").expect("it is in the file");
        orders.appended_twice.len()
    };
    assert_eq!(twice(5_000), 1);
    assert_eq!(twice(60_000), 0);
}

/// `PeriodicTaskControlManager`: the check is every so often since the controller is active, not so
/// long after the leader was replaced; and one partition of twenty is enough.
#[test]
fn a_preferred_leader_leads_again_at_the_next_look_of_the_controller_whatever_the_share_of_others()
{
    let others = ", [2, 3, 1]".repeat(19);
    let text = world(
        "leader.imbalance.check.interval.seconds: 40",
        "records: 100, every: 1s, partition: 0",
        "{ crash: broker-1, at: 5s, restart-after: 10s }",
    )
    .replace("[[1, 2, 3]]", &format!("[[1, 2, 3]{others}]"));
    let facts = facts(&text);
    let elections = facts.iter().filter_map(|s| match &s.fact {
        Fact::Cluster(ClusterFact::LeaderElected {
            partition, leader, ..
        }) if partition.partition == 0 => {
            Some((s.at.as_millis(), leader.map(|l| s.who.0.abs_diff(l.0))))
        }
        _ => None,
    });
    let elections: Vec<_> = elections.collect();
    let [(gone, _), (back, Some(leader))] = elections[..] else {
        panic!("away and back: {elections:?}");
    };
    assert!((12_000..=14_010).contains(&gone), "{gone}");
    assert_eq!(
        (back, leader),
        (40_000, 1),
        "broker-1 is the first after the controller"
    );
}

#[test]
fn every_test_that_the_list_of_mistakes_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = include_str!("../../docs/testing.md");
    let rows = text.lines().filter(|line| line.starts_with("| N"));
    let mut count = 0;
    for row in rows {
        count += 1;
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, number, _, held, _] = cells[..] else {
            panic!("a number, a belief, the tests: {row}");
        };
        assert_eq!(number, format!("N{count}"));
        let names: Vec<&str> = held.split('`').skip(1).step_by(2).collect();
        assert!(
            !names.is_empty() || held.starts_with("out of scope"),
            "{row}"
        );
        for pair in names.chunks(2) {
            let [file, test] = pair else {
                panic!("a file and a test: {row}");
            };
            let source = std::fs::read_to_string(root.join(file)).expect("the file is there");
            assert!(source.contains(&format!("fn {test}(")), "{file} {test}");
        }
    }
    assert_eq!(count, 25);
}
