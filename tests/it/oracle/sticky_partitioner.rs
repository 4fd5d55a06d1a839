//! When the sticky partitioner moves on, against Kafka's own.

use kafkasim::base::Instant;
use kafkasim::node::producer::accumulator::{Accumulator, Append};
use kafkasim::node::producer::drain::Drained;
use kafkasim::node::producer::partitioner::{Dice, Route};
use serde_json::Value;

use super::batch_boundaries::{accumulator, drain_all, record};
use super::{Tally, lines, list, number, text};

/// Partition, records and bytes of a batch.
type Batch = (u64, u64, u64);

/// Where the records went, and what every drain found; the last entry is what was left.
fn play(line: &Value) -> (Vec<u64>, Vec<Vec<Batch>>) {
    let draws = list(line, "draws")
        .iter()
        .map(|d| d.as_u64().expect("a draw") as u32);
    let partitions = number(line, "parts") as u32;
    let dice = Dice::Loaded(draws.collect());
    let mut accumulator = accumulator(number(line, "bs") as u32, partitions, dice);
    let (mut used, mut drains) = (Vec::new(), Vec::new());
    for (id, op) in (0..).zip(list(line, "ops")) {
        if op == "drain" {
            let drained = drain_all(&mut accumulator);
            drains.push(batches(&accumulator, &drained));
            continue;
        }
        let (route, lengths) = match op.get("to") {
            Some(to) => (
                Route::Fixed(to.as_u64().expect("a partition") as u32),
                &op["r"],
            ),
            None => (Route::Sticky, op),
        };
        let record = record(id, lengths);
        match accumulator.append(0, route, &record, Instant::ZERO) {
            Append::Done { partition, .. } => used.push(u64::from(partition)),
            Append::NoMemory => panic!("there is memory for everything"),
        }
    }
    let left = drain_all(&mut accumulator);
    drains.push(batches(&accumulator, &left));
    (used, drains)
}

/// By partition, in the order of the queues.
fn batches(accumulator: &Accumulator, drained: &[Drained]) -> Vec<Batch> {
    let batch = |drained: &Drained| {
        let batch = accumulator.shelf.get(drained.batch);
        let partition = u64::from(batch.place.partition);
        (
            partition,
            u64::from(batch.count()),
            u64::from(batch.bytes()),
        )
    };
    let mut batches: Vec<Batch> = drained.iter().map(batch).collect();
    batches.sort_by_key(|(partition, ..)| *partition);
    batches
}

fn listed(batches: &Value) -> Vec<Batch> {
    let field = |batch: &Value, index: usize| batch[index].as_u64().expect("a number");
    let batches = batches.as_array().into_iter().flatten();
    batches
        .map(|b| (field(b, 0), field(b, 1), field(b, 2)))
        .collect()
}

#[test]
fn oracle_the_sticky_partitioner_moves_when_kafkas_does() {
    const FILE: &str = "sticky-partitioner.jsonl";
    let Some(lines) = lines(FILE) else { return };
    let mut tally = Tally::new(FILE);
    for line in &lines {
        let used: Vec<u64> = list(line, "used")
            .iter()
            .filter_map(Value::as_u64)
            .collect();
        let mut drains: Vec<Vec<Batch>> = list(line, "drained").iter().map(listed).collect();
        drains.push(line.get("left").map(listed).unwrap_or_default());
        let id = text(line, "id").expect("an id");
        tally.compare_eq(id, &play(line), &(used, drains));
    }
    tally.finish();
}
