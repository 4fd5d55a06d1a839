//! Where the accumulator cuts batches, against Kafka's own.

use std::sync::Arc;

use kafkasim::base::{Instant, NodeId, RecordId, Span, Timestamp, TopicId, TopicPartition};
use kafkasim::kafka::message::PartitionMetadata;
use kafkasim::kafka::size;
use kafkasim::node::producer::accumulator::{Accumulator, Append, Limits};
use kafkasim::node::producer::batch::{NewRecord, Place};
use kafkasim::node::producer::drain::Drained;
use kafkasim::node::producer::partitioner::{Dice, Route};
use serde_json::Value;

use super::{Tally, lines, list, number, text};

/// The only broker, leader of everything.
pub(super) const BROKER: NodeId = NodeId(1);

/// Its first partition.
const PLACE: Place = Place {
    topic: 0,
    partition: 0,
};

/// An accumulator with a topic of so many partitions and more memory than needed.
pub(super) fn accumulator(batch_size: u32, partitions: u32, dice: Dice) -> Accumulator {
    let limits = Limits {
        batch_size,
        linger: Span::ZERO,
        buffer_memory: 1 << 40,
        max_request_size: u32::MAX,
        delivery_timeout: Span::from_secs(120),
        adaptive: false,
    };
    let mut accumulator = Accumulator::new(limits, dice, Arc::new([]));
    let topic = accumulator.topic(TopicId(0));
    let partition = |number| PartitionMetadata {
        partition: TopicPartition::new(TopicId(0), number),
        leader: Some(BROKER),
        leader_epoch: 0,
        partition_epoch: 0,
        replicas: Arc::new([]),
        isr: Arc::new([]),
    };
    let metadata: Vec<_> = (0..partitions).map(partition).collect();
    accumulator.learn(topic, &metadata);
    accumulator
}

/// Where the timestamps of the data count from: they can be negative.
const BASE_MS: i64 = 1 << 40;

/// A record written as lengths of key and value (−1: null), headers and timestamp.
pub(super) fn record(id: u32, lengths: &Value) -> NewRecord {
    let length = |value: &Value| u32::try_from(value.as_i64().expect("a length")).ok();
    let header = |header: &Value| (length(&header[0]).expect("a name"), length(&header[1]));
    let headers = lengths.get(2).and_then(Value::as_array);
    let headers: Vec<_> = headers.into_iter().flatten().map(header).collect();
    let timestamp = lengths.get(3).and_then(Value::as_i64).unwrap_or_default();
    NewRecord {
        id: RecordId(id),
        timestamp: Timestamp((BASE_MS + timestamp) * 1_000_000),
        fields: size::fields(length(&lengths[0]), length(&lengths[1]), &headers),
    }
}

/// Takes everything out of the queues, batch by batch.
pub(super) fn drain_all(accumulator: &mut Accumulator) -> Vec<Drained> {
    let mut drained = Vec::new();
    while accumulator.has_undrained() {
        drained.extend(accumulator.drain(BROKER, Instant::ZERO, None));
    }
    drained
}

/// Batches as records, bytes, limit; and whether they were full, seen when the next was begun.
fn cut(line: &Value) -> Vec<(u32, u32, u32, bool)> {
    let mut accumulator = accumulator(number(line, "bs") as u32, 1, Dice::Loaded([].into()));
    let mut fulls = Vec::new();
    let repeated = line.get("rep");
    let records: Vec<&Value> = match repeated {
        Some(rep) => vec![&rep[1]; rep[0].as_u64().expect("a count") as usize],
        None => list(line, "r").iter().collect(),
    };
    for (id, lengths) in (0..).zip(records) {
        let record = record(id, lengths);
        let appended = accumulator.append(0, Route::Fixed(0), &record, Instant::ZERO);
        let Append::Done { new_batch, .. } = appended else {
            panic!("there is memory for everything")
        };
        if new_batch {
            fulls.push(true);
        }
    }
    let ready = accumulator.ready(Instant::ZERO);
    assert_eq!(ready.brokers[..], [BROKER], "something was appended");
    if let Some(last) = fulls.last_mut() {
        *last = accumulator.is_full(PLACE);
    }
    let drained = drain_all(&mut accumulator);
    let batch = |(drained, full): (&Drained, &bool)| {
        let batch = accumulator.shelf.get(drained.batch);
        (batch.count(), batch.bytes(), batch.limit(), *full)
    };
    drained.iter().zip(&fulls).map(batch).collect()
}

#[test]
fn oracle_batches_are_cut_where_kafka_cuts_them() {
    const FILE: &str = "batch-boundaries.jsonl";
    let Some(lines) = lines(FILE) else { return };
    let mut tally = Tally::new(FILE);
    for line in &lines {
        let expected: Vec<(u32, u32, u32, bool)> = list(line, "b")
            .iter()
            .map(|batch| {
                let field = |index: usize| batch[index].as_u64().expect("a number") as u32;
                (field(0), field(1), field(2), field(3) == 1)
            })
            .collect();
        tally.compare_eq(text(line, "id").expect("an id"), &cut(line), &expected);
    }
    tally.finish();
}
