//! Claims about queues: what wakes the sender, what a look ahead sees, how queue lengths weigh.

use std::sync::Arc;

use super::accumulator::{Accumulator, Append, Limits};
use super::batch::{NewRecord, Row};
use super::partitioner::{Dice, Route};
use crate::base::{Instant, NodeId, RecordId, Span, Timestamp, TopicId, TopicPartition};
use crate::kafka::message::PartitionMetadata;

/// One topic of two partitions with a leader, batches of 1000 bytes, requests of 600.
fn accumulator(draw: u32) -> Accumulator {
    let limits = Limits {
        batch_size: 1000,
        linger: Span::ZERO,
        buffer_memory: 1_000_000,
        max_request_size: 600,
        delivery_timeout: Span::from_secs(120),
        adaptive: true,
    };
    let mut accumulator = Accumulator::new(limits, Dice::Loaded([draw].into()), Arc::new([]));
    let topic = accumulator.topic(TopicId(0));
    let partition = |number| PartitionMetadata {
        partition: TopicPartition::new(TopicId(0), number),
        leader: Some(NodeId(1)),
        leader_epoch: 0,
        partition_epoch: 0,
        replicas: Arc::new([]),
        isr: Arc::new([]),
    };
    accumulator.learn(topic, &[0, 1].map(partition));
    accumulator
}

/// A record whose batch would be estimated at so many bytes.
fn record(id: u32, estimate: u32) -> NewRecord {
    let bare = NewRecord {
        id: RecordId(id),
        timestamp: Timestamp::default(),
        fields: 0,
    };
    NewRecord {
        fields: estimate - bare.upper_estimate(),
        ..bare
    }
}

/// Appends a record to the first partition: whether that begins a batch, whether it wakes the sender.
fn append(accumulator: &mut Accumulator, record: &NewRecord) -> (bool, bool) {
    let appended = accumulator.append(0, Route::Fixed(0), record, Instant::ZERO);
    let Append::Done {
        new_batch, full, ..
    } = appended
    else {
        panic!("there is memory for everything")
    };
    (new_batch, full)
}

#[test]
fn only_a_record_that_fits_into_a_request_lengthens_a_batch_without_a_look() {
    let mut accumulator = accumulator(0);
    append(&mut accumulator, &record(0, 100));
    for (estimate, fits) in [(599, true), (600, true), (601, false)] {
        let next = record(1, estimate);
        let quiet = accumulator.quiet_part(0, Route::Fixed(0), &Row::one(next));
        assert_eq!(quiet, u32::from(fits), "{estimate} bytes of 600");
        accumulator.begin_forecast();
        let stirs = accumulator.stirs(0, Route::Fixed(0), &next);
        assert_eq!(stirs, !fits, "{estimate} bytes of 600");
    }
}

#[test]
fn a_fixed_partition_is_known_once_the_topic_has_so_many() {
    let accumulator = accumulator(0);
    let known = [0, 1, 2].map(|p| accumulator.is_known(0, Route::Fixed(p)));
    assert_eq!(known, [true, true, false]);
}

#[test]
fn a_full_batch_wakes_the_sender_and_so_does_one_behind_another() {
    // `RecordAppendResult.batchIsFull`: the queue is longer than one, or its last batch is full.
    let second = |estimate| {
        let mut accumulator = accumulator(0);
        assert_eq!(append(&mut accumulator, &record(0, 500)), (true, false));
        append(&mut accumulator, &record(1, estimate))
    };
    let larger = (400..600).find(|estimate| second(*estimate).0);
    let larger = larger.expect("two records of 600 bytes are more than a batch");
    assert_eq!(second(larger), (true, true), "a batch behind another");
    assert_eq!(second(larger - 1), (false, true), "not a byte more goes in");
    assert_eq!(second(larger - 2), (false, false), "one byte is left");
}

#[test]
fn of_two_partitions_the_one_with_the_shorter_queue_weighs_more() {
    // Queues of 3 and 1 batches weigh 1 and 3: of four draws one goes to the first.
    for (draw, chosen) in [(0, 0), (1, 1), (2, 1), (3, 1)] {
        let mut accumulator = accumulator(draw);
        for (id, partition) in [(0, 0), (1, 0), (2, 0), (3, 1)] {
            let large = record(id, 1500);
            accumulator.append(0, Route::Fixed(partition), &large, Instant::ZERO);
        }
        accumulator.ready(Instant::ZERO);
        let next = record(4, 100);
        let Append::Done { partition, .. } =
            accumulator.append(0, Route::Sticky, &next, Instant::ZERO)
        else {
            panic!("there is memory for everything")
        };
        assert_eq!(partition, chosen, "with draw {draw}");
    }
}
