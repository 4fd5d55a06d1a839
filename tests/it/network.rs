//! Faults of the network: links that are cut or slow, messages held up or refused, between clients,
//! brokers and controllers.

use std::ops::Range;

use kafkasim::base::Seed;
use kafkasim::kafka::ErrorCode;
use kafkasim::lab::Outcome;
use kafkasim::node::fact::{ClusterFact, FaultFact, LogFact, ProduceFact};
use kafkasim::node::{Fact, Stated};
use kafkasim::verdict::{Ending, FactWord};

use crate::world::{experiment, facts_of, run};

fn facts(text: &str) -> Vec<Stated> {
    facts_of(&experiment(text))
}

/// Three brokers, one topic of three copies led by broker 1, a producer and a group.
fn world(config: &str, faults: &str) -> String {
    format!(
        "
title: The network fails
cluster: {{ config: {{ offsets.topic.num.partitions: 1 }} }}
topics:
  orders: {{ replica-assignment: [[1, 2, 3]], config: {{ min.insync.replicas: 2 }} }}
producers:
  shop: {{ topic: orders, records: 200, every: 100ms, config: {{ {config} }} }}
groups:
  workers: {{ topics: [orders], members: 1, commit: after-processing, config: {{ auto.offset.reset: earliest }} }}
faults: [{faults}]
"
    )
}

fn all_is_well(outcome: &Outcome) {
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!((orders.appended, orders.appended_twice.len()), (200, 0));
    assert!(orders.truncated.is_empty());
    let group = outcome.verdict.group("workers").expect("it is in the file");
    assert_eq!((group.once.len(), group.lost_count()), (200, 0));
}

fn when(facts: &[Stated], is_it: impl Fn(&Fact) -> bool) -> u64 {
    let found = facts.iter().find(|stated| is_it(&stated.fact));
    found.expect("it happens").at.as_millis()
}

#[test]
fn what_is_sent_into_a_short_cut_waits_and_nobody_is_told() {
    let text = world("", "{ cut: [shop, brokers], at: 5s, for: 8s }");
    let outcome = run(&text);
    all_is_well(&outcome);
    let seen = outcome.ledger.seen();
    assert_eq!(seen.count(FactWord::CutMade), 1);
    assert_eq!(seen.count(FactWord::CutHealed), 1);
    assert_eq!(seen.count(FactWord::RequestTimedOut), 0, "8 s are no 30 s");
    let facts = facts(&text);
    let written_meanwhile = facts.iter().any(|s| {
        let inside = 5_002..13_000;
        matches!(s.fact, Fact::Log(LogFact::Appended { ref records, .. }) if !records.is_empty())
            && s.who.index() == 1
            && inside.contains(&s.at.as_millis())
            && s.at.as_millis() > 6_000
            && matches!(s.fact, Fact::Log(LogFact::Appended { partition, .. }) if partition.topic.index() == 0)
    });
    assert!(!written_meanwhile, "nothing passes");
}

#[test]
fn a_long_cut_ends_in_time_outs_and_a_heal_lets_the_client_back() {
    let faults = "{ cut: [shop, brokers], at: 5s }, { heal: [brokers, shop], at: 50s }";
    let outcome = run(&world("", faults));
    all_is_well(&outcome);
    assert!(0 < outcome.ledger.seen().count(FactWord::RequestTimedOut));
}

#[test]
fn one_way_only_what_the_first_side_sends_is_stopped() {
    let acks = "acks: 1, enable.idempotence: false, request.timeout.ms: 4000, delivery.timeout.ms: 30000, linger.ms: 0";
    let appended = |link: &str| {
        let text = world(
            acks,
            &format!("{{ cut: {link}, at: 5s, for: 12s, one-way: true }}"),
        );
        let facts = facts(&text);
        let inside = |s: &&Stated| (5_050..8_900).contains(&s.at.as_millis());
        let of_orders = |s: &&Stated| matches!(&s.fact, Fact::Log(LogFact::Appended { partition, .. }) if partition.topic.index() == 0);
        let acknowledged =
            |s: &&Stated| matches!(&s.fact, Fact::Produce(ProduceFact::Acknowledged { .. }));
        let appended = facts.iter().filter(inside).filter(of_orders).count();
        (
            appended,
            facts.iter().filter(inside).filter(acknowledged).count(),
        )
    };
    let (requests_stopped, told) = appended("[shop, brokers]");
    assert_eq!((requests_stopped, told), (0, 0));
    let (written, told) = appended("[brokers, shop]");
    assert!(0 < written, "what the client sends arrives");
    assert_eq!(told, 0, "and no answer does");
}

#[test]
fn a_leader_cut_off_from_everything_but_its_producer_takes_writes_that_nobody_keeps() {
    let text = world(
        "acks: 1, enable.idempotence: false, linger.ms: 0",
        "{ cut: [broker-1, [broker-2, broker-3, controllers, workers]], at: 5s, for: 25s }",
    );
    let outcome = run(&text);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert!(!orders.truncated.is_empty(), "acknowledged by a zombie");
    let seen = outcome.ledger.seen();
    assert_eq!(seen.count(FactWord::BrokerFenced), 1);
    assert!(0 < seen.count(FactWord::LogTruncated));
    let fenced = when(&facts(&text), |fact| {
        matches!(fact, Fact::Cluster(ClusterFact::BrokerFenced { .. }))
    });
    assert!((12_000..=14_010).contains(&fenced), "{fenced}");
}

#[test]
fn the_same_cut_loses_nothing_that_all_in_sync_replicas_had() {
    for seed in 1..6 {
        let faults =
            "{ cut: [broker-1, [broker-2, broker-3, controllers, workers]], at: 5s, for: 25s }";
        let outcome = experiment(&world("", faults)).with_seed(Seed(seed)).run();
        all_is_well(&outcome);
    }
}

#[test]
fn a_cut_that_isolates_everything_stops_everything_and_all_goes_on_when_it_heals() {
    let faults = "{ cut: [[brokers, controllers, clients], [brokers, controllers, clients]], at: 5s, for: 20s }";
    let text = world("", faults);
    all_is_well(&run(&text));
    let facts = facts(&text);
    let quiet = facts
        .iter()
        .filter(|s| (5_010..25_000).contains(&s.at.as_millis()))
        .all(|s| !matches!(s.fact, Fact::Log(LogFact::Appended { .. })));
    assert!(quiet, "nobody writes while nobody hears anybody");
}

#[test]
fn a_cut_follower_leaves_the_in_sync_replicas_and_comes_back() {
    let faults = "{ cut: [broker-3, [broker-1, broker-2]], at: 2s, for: 50s }";
    let text = world("", faults).replace("records: 200", "records: 600");
    let outcome = run(&text);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let seen = outcome.ledger.seen();
    assert_eq!(
        seen.count(FactWord::BrokerFenced),
        0,
        "it hears the controller"
    );
    let shrunk = when(&facts(&text), |fact| {
        matches!(fact, Fact::Cluster(ClusterFact::IsrShrunk { .. }))
    });
    assert!(
        (30_000..48_000).contains(&shrunk),
        "30 to 45 s after: {shrunk}"
    );
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!(orders.partitions[0].isr.len(), 3);
}

#[test]
fn a_slow_link_delays_every_answer_stretchit_lasts() {
    let faults = "{ slow: [shop, brokers], by: 300ms, at: 5s, for: 10s }";
    let text = world("linger.ms: 0", faults);
    let outcome = run(&text);
    all_is_well(&outcome);
    let facts = facts(&text);
    // From the first batch that leaves in a while to the answer to it.
    let told = |stretch: Range<u64>| {
        let mut batches = facts.iter().filter_map(|s| match &s.fact {
            Fact::Produce(ProduceFact::BatchSent { records, .. }) => Some((s.at, records)),
            _ => None,
        });
        let sent = batches.find(|(at, _)| stretch.contains(&at.as_millis()));
        let (sent, batch) = sent.expect("a batch leaves");
        let mut answers = facts.iter().filter_map(|s| match &s.fact {
            Fact::Produce(ProduceFact::Acknowledged { records, .. }) => Some((s.at, records)),
            _ => None,
        });
        let answer = answers.find(|(_, records)| *records == batch);
        answer.expect("it is answered").0.since(sent).as_millis()
    };
    assert!(told(1_000..4_000) < 10);
    assert!(300 < told(7_000..9_000));
}

#[test]
fn a_held_request_arrives_although_its_sender_has_given_it_up() {
    let faults = "{ hold-request: shop, request: Produce, nth: 20, for: 40s }";
    let config = "enable.idempotence: false, max.in.flight.requests.per.connection: 1";
    let outcome = run(&world(config, faults));
    let seen = outcome.ledger.seen();
    assert_eq!(seen.count(FactWord::RequestHeld), 1);
    assert!(0 < seen.count(FactWord::RequestTimedOut));
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert!(
        !orders.appended_twice.is_empty(),
        "without idempotence it is written twice"
    );
    let outcome = run(&world("", faults));
    all_is_well(&outcome);
}

#[test]
fn a_held_answer_keeps_what_is_behind_it_waiting() {
    let faults = "{ hold-response: shop, request: Produce, nth: 20, for: 10s }";
    let text = world("", faults);
    all_is_well(&run(&text));
    let facts = facts(&text);
    let held = when(&facts, |f| {
        matches!(f, Fact::Fault(FaultFact::ResponseHeld { .. }))
    });
    let told = facts.iter().filter(|s| {
        (held + 1..held + 10_000).contains(&s.at.as_millis())
            && matches!(s.fact, Fact::Produce(ProduceFact::Acknowledged { .. }))
    });
    assert_eq!(told.count(), 0);
}

#[test]
fn a_held_fetch_of_a_follower_holds_the_high_watermark_back() {
    let faults = "{ hold-request: broker-2, request: Fetch, to: broker-1, nth: 60, for: 5s }";
    let text = world("", faults);
    all_is_well(&run(&text));
    let facts = facts(&text);
    let held = when(&facts, |f| {
        matches!(f, Fact::Fault(FaultFact::RequestHeld { .. }))
    });
    let rose = facts.iter().filter(|s| {
        (held + 10..held + 5_000).contains(&s.at.as_millis())
            && matches!(&s.fact, Fact::Log(LogFact::Replicated { partition, .. }) if partition.topic.index() == 0)
    });
    assert_eq!(rose.count(), 0);
}

#[test]
fn a_held_fetch_of_a_process_that_is_gone_does_not_disturb_the_one_that_follows_it() {
    let outcome = run("
title: A fetch from the past
cluster: { config: { offsets.topic.num.partitions: 1 } }
topics:
  orders: { replica-assignment: [[1, 2, 3]], config: { min.insync.replicas: 2 } }
producers:
  shop: { topic: orders, records: 50, every: 100ms }
  late: { topic: orders, records: 1, every: 1s, start-at: 70s }
faults:
  - { hold-request: broker-2, request: Fetch, nth: 5, for: 20s }
  - { crash: broker-2, at: 2s, restart-after: 2s }
limits: { drain: 3min }
");
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let seen = outcome.ledger.seen();
    assert_eq!(
        seen.count(FactWord::IsrExpanded),
        1,
        "it is in sync for good"
    );
}

#[test]
fn a_refused_request_does_nothing_and_is_sent_again_if_the_error_allows_it() {
    let retried =
        "{ refuse: shop, request: Produce, error: NOT_ENOUGH_REPLICAS, nth: 5, times: 3 }";
    let outcome = run(&world("", retried));
    all_is_well(&outcome);
    assert_eq!(outcome.ledger.seen().count(FactWord::RequestRefused), 3);
    let fatal = "{ refuse: shop, request: Produce, error: TOPIC_AUTHORIZATION_FAILED, nth: 5 }";
    let outcome = run(&world("linger.ms: 0", fatal));
    let shop = outcome.verdict.producer("shop").expect("it is in the file");
    assert_eq!(shop.failed.len(), 1, "the client gives the record up");
}

#[test]
fn clients_survive_every_error_to_every_request() {
    let apis = [
        "Produce",
        "Fetch",
        "ListOffsets",
        "Metadata",
        "OffsetCommit",
        "OffsetFetch",
        "FindCoordinator",
        "JoinGroup",
        "Heartbeat",
        "SyncGroup",
        "InitProducerId",
    ];
    for error in ErrorCode::ALL
        .iter()
        .filter(|error| **error != ErrorCode::None)
    {
        for nth in [1, 3] {
            let refuse = |api: &&str| {
                let error = error.name();
                format!(
                    "{{ refuse: clients, request: {api}, error: {error}, nth: {nth}, optional: true }}"
                )
            };
            let faults: Vec<String> = apis.iter().map(refuse).collect();
            let text = world("", &faults.join(", ")).replace("records: 200", "records: 20");
            run(&format!("{text}limits: {{ time: 20min, drain: 1min }}\n"));
        }
    }
}

#[test]
fn a_link_keeps_its_order_whatever_is_cut_slowed_and_held() {
    for seed in 0..30 {
        let faults = "{ cut: [clients, brokers], at: 1s..3s, for: 1ms..3s, times: 4, every: 2s }, \
             { slow: [clients, brokers], by: 0s..50ms, at: 0s..4s, for: 3s }, \
             { hold-request: shop, request: Produce, nth: 3..20, for: 1ms..500ms, times: 5 }, \
             { cut: [broker-2, broker-1], at: 2s..4s, for: 5ms, times: 10, every: 100ms, one-way: true }";
        let text = world("linger.ms: 0", faults)
            .replace("every: 100ms, config", "every: 0s..20ms, config")
            .replace("title:", "network: { latency: 1ms..9ms }\ntitle:");
        all_is_well(&experiment(&text).with_seed(Seed(seed)).run());
    }
}
