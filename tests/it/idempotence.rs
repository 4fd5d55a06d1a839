//! What idempotence does not keep: a broker that begins anew knows the last batch of a producer only.

use kafkasim::base::RecordId;
use kafkasim::lab::explain::explain;
use kafkasim::node::Fact;
use kafkasim::node::fact::LogFact;
use kafkasim::verdict::Ending;

use crate::world::{experiment, facts_of};

/// One broker, a producer of four records 200 ms apart, the answers to all but the first held up;
/// then the broker ends in the given way and begins anew.
fn world(end: &str, records: u32) -> String {
    format!(
        "
title: A broker begins anew
cluster: {{ brokers: 1 }}
network: {{ latency: 1ms }}
topics: {{ orders: {{ partitions: 1 }} }}
producers:
  shop: {{ topic: orders, records: {records}, every: 200ms, config: {{ linger.ms: 0, request.timeout.ms: 4000 }} }}
faults:
  - {{ hold-response: shop, request: Produce, nth: 2, for: 30s }}
  - {{ {end}: broker-1, at: 1500ms, restart-after: 5s }}
"
    )
}

/// The records of the log of `orders-0` in the order of offsets.
fn log(text: &str) -> Vec<u32> {
    let facts = facts_of(&experiment(text));
    let records = facts.iter().filter_map(|s| match &s.fact {
        Fact::Log(LogFact::Appended { records, .. }) => Some(records.iter().map(|r| r.0)),
        _ => None,
    });
    records.flatten().collect()
}

/// Played on Apache Kafka 4.1.0 (one broker, the answers swallowed by a proxy; once SIGTERM, once
/// SIGKILL): its log holds 0 1 2 3 in epoch 0 and 1 2 3 in epoch 1.
#[test]
fn batches_before_the_last_are_written_again_after_a_broker_began_anew_as_real_kafka_does() {
    for end in ["close", "crash"] {
        assert_eq!(log(&world(end, 4)), [0, 1, 2, 3, 1, 2, 3], "{end}");
    }
}

#[test]
fn a_single_batch_under_way_is_known_again_after_a_broker_began_anew() {
    for end in ["close", "crash"] {
        assert_eq!(log(&world(end, 2)), [0, 1], "{end}");
    }
}

#[test]
fn that_it_is_written_again_breaks_no_promise_and_why_names_broker_and_epoch() {
    let experiment = experiment(&world("close", 4));
    let outcome = experiment.run();
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    assert_eq!(outcome.judgement.broken, Vec::<String>::new());
    let explanation = explain(&experiment, &outcome, RecordId(2), None);
    let [chain] = &explanation.chains[..] else {
        panic!("one thing went wrong: {explanation:#?}");
    };
    let said: Vec<&str> = chain.links.iter().map(|link| link.what.as_str()).collect();
    for what in [
        "broker-1 is started again",
        "broker-1 refuses another batch: OUT_OF_ORDER_SEQUENCE_NUMBER",
        "shop begins epoch 1",
    ] {
        assert!(said.contains(&what), "{what}: {said:#?}");
    }
    let last = chain.links.last().expect("there is a chain");
    let rule = last.rule.as_deref().expect("the second write has a rule");
    assert!(rule.contains("has others now"), "{rule}");
}
