//! What a checked scenario becomes.

use kafkasim::base::{RecordId, TopicId, TopicPartition};
use kafkasim::scenario::compile;
use kafkasim::sim::setup::{RecordName, Trigger};

use super::accepted;

const TEXT: &str = "\
title: Names become ids
cluster: { brokers: 3 }
topics: { payments: {}, orders: { partitions: 3 } }
producers:
  bank: { topic: payments, records: 5 }
  shop: { topic: orders, instances: 2, records: 30, keys: { cycle: [A, B] } }
groups:
  workers: { topics: [orders], members: 2 }
faults:
  - { crash: workers, before: process, record: shop-2#7 }
  - { crash: workers-2, after: process, record: orders-1@4 }
  - { lose-request: clients, request: Produce, record: payments/X#1, optional: true }
";

#[test]
fn the_cluster_comes_first_and_records_are_numbered_by_instance() {
    let text = TEXT.replace("records: 5", "records: [{ key: X }, { key: Z }]");
    let setup = compile(&accepted(&text));
    let names: Vec<&str> = setup
        .cast
        .actors
        .iter()
        .map(|actor| actor.name.as_str())
        .collect();
    let expected = [
        "controller-1",
        "broker-1",
        "broker-2",
        "broker-3",
        "bank",
        "shop-1",
        "shop-2",
        "workers-1",
        "workers-2",
    ];
    assert_eq!(names, expected);
    let first: Vec<u32> = setup
        .cast
        .records
        .iter()
        .map(|range| range.first.0)
        .collect();
    assert_eq!(first, [0, 2, 32]);
    let records: Vec<Option<RecordName>> = setup
        .faults
        .iter()
        .map(|fault| match &fault.trigger {
            Trigger::Step { record, .. } | Trigger::Message { record, .. } => record.clone(),
            _ => None,
        })
        .collect();
    let orders = TopicPartition::new(TopicId(1), 1);
    let expected = [
        Some(RecordName::Id(RecordId(38))),
        Some(RecordName::At(orders, 4)),
        Some(RecordName::Id(RecordId(0))),
    ];
    assert_eq!(records, expected);
    assert_eq!(setup.topics.last().map(|topic| topic.internal), Some(true));
    assert_eq!(setup.faults[1].line, 11);
}
