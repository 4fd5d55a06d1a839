//! Requests of clients: their order, the long poll, retries, and what is refused.

use super::kernel::*;
use kafkasim::base::{ConnId, Dist, Instant, NodeId, Span, TopicPartition};
use kafkasim::kafka::config::TopicConfig;
use kafkasim::kafka::message::{
    Acks, AskedEpoch, EpochEnd, Few, OffsetSpec, PartitionMetadata, ProduceRequest, Request,
    Response,
};
use kafkasim::kafka::{ErrorCode, ProducerStamp};
use kafkasim::node::Fact;
use kafkasim::node::fact::LogFact;

fn alone() -> Kernel {
    let world = World {
        brokers: 1,
        ..World::default()
    };
    Kernel::new(&world).start()
}

fn produced(kernel: &Kernel, conn: ConnId, request: u32) -> (u64, ErrorCode, Option<u64>) {
    match kernel.answer(conn, request) {
        Some((at, Response::Produce(results))) => (at, results[0].error, results[0].base_offset),
        other => panic!("{other:?}"),
    }
}

fn fetched(kernel: &Kernel, conn: ConnId, request: u32) -> (u64, usize) {
    match kernel.answer(conn, request) {
        Some((at, Response::Fetch(partitions))) => (at, partitions[0].batches.len()),
        other => panic!("{other:?}"),
    }
}

fn stamp(base_sequence: i32) -> ProducerStamp {
    ProducerStamp {
        id: 1_000_000,
        epoch: 0,
        base_sequence,
    }
}

#[test]
fn a_parked_produce_request_holds_back_the_next_of_its_connection_and_no_other() {
    let mut kernel = Kernel::new(&World::default()).start();
    kernel.run_until(Instant(100_000_000));
    let (conn, other) = (kernel.connect(CLIENT, 1), kernel.connect(OTHER, 1));
    let first = kernel.send(conn, produce(Acks::All, batch(0, 1, None)));
    let second = kernel.send(conn, produce(Acks::Leader, batch(1, 1, None)));
    let beside = kernel.send(other, produce(Acks::Leader, batch(2, 1, None)));
    kernel.run_for(50);
    assert_eq!(
        produced(&kernel, other, beside),
        (102, ErrorCode::None, Some(1))
    );
    assert_eq!(
        produced(&kernel, conn, first),
        (104, ErrorCode::None, Some(0))
    );
    // It was read when the first was answered, at 103 ms.
    assert_eq!(
        produced(&kernel, conn, second),
        (104, ErrorCode::None, Some(2))
    );
}

#[test]
fn each_request_takes_its_time_one_after_the_other() {
    let world = World {
        brokers: 1,
        request_time: Dist::Constant(Span::from_millis(5)),
        ..World::default()
    };
    let mut kernel = Kernel::new(&world).start();
    let (conn, other) = (kernel.connect(CLIENT, 1), kernel.connect(OTHER, 1));
    let requests = [0, 1, 2].map(|n| kernel.send(conn, produce(Acks::All, batch(n, 1, None))));
    let beside = kernel.send(other, produce(Acks::All, batch(3, 1, None)));
    kernel.run_for(50);
    assert_eq!(requests.map(|r| produced(&kernel, conn, r).0), [7, 12, 17]);
    assert_eq!(produced(&kernel, other, beside).0, 7);
}

#[test]
fn what_is_being_worked_on_when_the_client_goes_still_takes_effect() {
    let world = World {
        brokers: 1,
        request_time: Dist::Constant(Span::from_millis(5)),
        ..World::default()
    };
    let mut kernel = Kernel::new(&world).start();
    let conn = kernel.connect(CLIENT, 1);
    for n in 0..3 {
        kernel.send(conn, produce(Acks::All, batch(n, 1, None)));
    }
    kernel.run_for(2);
    kernel.hang_up(conn);
    assert_eq!(kernel.broker(1).open_data_requests(), 3);
    kernel.run_for(50);
    assert_eq!(kernel.end(1), 1, "the others were never read");
    assert_eq!(kernel.broker(1).open_data_requests(), 0);
    assert!(kernel.answers.is_empty());
}

#[test]
fn a_long_poll_ends_with_enough_bytes_or_with_its_time() {
    let mut kernel = alone();
    let (writer, reader) = (kernel.connect(CLIENT, 1), kernel.connect(OTHER, 1));
    let enough = kernel.send(reader, fetch(0, 500, 250));
    let too_little = kernel.send(reader, fetch(3, 500, 250));
    kernel.run_until(Instant(10_000_000));
    for n in 0..4 {
        kernel.send(writer, produce(Acks::Leader, batch(n, 1, None)));
        kernel.run_for(10);
    }
    kernel.run_for(1000);
    // The third batch of 100 bytes arrives at 31 ms.
    assert_eq!(fetched(&kernel, reader, enough), (32, 3));
    // Read at 31 ms; by 531 ms one batch has come.
    assert_eq!(fetched(&kernel, reader, too_little), (532, 1));
}

#[test]
fn a_fetch_from_beyond_the_log_is_refused_at_once() {
    let mut kernel = alone();
    let conn = kernel.connect(CLIENT, 1);
    let request = kernel.send(conn, fetch(1, 500, 1));
    kernel.run_for(10);
    let Some((2, Response::Fetch(partitions))) = kernel.answer(conn, request) else {
        panic!("it is answered at once")
    };
    assert_eq!(partitions[0].error, ErrorCode::OffsetOutOfRange);
}

#[test]
fn between_high_watermark_and_end_a_fetch_is_answered_empty_at_once() {
    let mut kernel = Kernel::new(&World::default()).start();
    kernel.run_until(Instant(100_000_000));
    let (writer, reader) = (kernel.connect(CLIENT, 1), kernel.connect(OTHER, 1));
    kernel.send(writer, produce(Acks::Leader, batch(0, 3, None)));
    let request = kernel.send(reader, fetch(3, 500, 1));
    kernel.run_for(50);
    assert_eq!(fetched(&kernel, reader, request), (102, 0));
}

#[test]
fn a_retry_is_answered_with_the_first_offset_and_waits_for_its_replication() {
    let mut kernel = Kernel::new(&World::default()).start();
    kernel.run_until(Instant(100_000_000));
    let conn = kernel.connect(CLIENT, 1);
    let first = kernel.send(conn, produce(Acks::All, batch(0, 3, Some(stamp(0)))));
    kernel.run_until(Instant(101_500_000));
    // The producer gives the connection up and sends the batch again on another.
    let again = kernel.connect(CLIENT, 1);
    let retry = kernel.send(again, produce(Acks::All, batch(0, 3, Some(stamp(0)))));
    kernel.hang_up(conn);
    kernel.run_for(50);
    assert_eq!(
        produced(&kernel, again, retry),
        (104, ErrorCode::None, Some(0))
    );
    assert_eq!(kernel.answer(conn, first), None);
    assert_eq!(kernel.end(1), 3);
    let appended = kernel
        .facts
        .iter()
        .find(|s| matches!(s.fact, Fact::Log(LogFact::Appended { .. })));
    let repeated = kernel.facts.iter().find(|s| {
        matches!(
            s.fact,
            Fact::Log(LogFact::RetryDeduplicated { base_offset: 0, .. })
        )
    });
    assert_eq!(repeated.unwrap().since, appended.unwrap().id);
}

#[test]
fn a_gap_in_the_sequence_is_refused_and_nothing_is_appended() {
    let mut kernel = alone();
    let conn = kernel.connect(CLIENT, 1);
    kernel.send(conn, produce(Acks::All, batch(0, 1, Some(stamp(0)))));
    let gap = kernel.send(conn, produce(Acks::All, batch(2, 1, Some(stamp(2)))));
    kernel.run_for(10);
    assert_eq!(
        produced(&kernel, conn, gap),
        (2, ErrorCode::OutOfOrderSequenceNumber, None)
    );
    assert_eq!(kernel.end(1), 1);
}

#[test]
fn wrong_leader_unknown_partition_and_large_batch_are_refused() {
    let world = World {
        topic: TopicConfig {
            max_message_bytes: 99,
            ..TopicConfig::default()
        },
        ..World::default()
    };
    let mut kernel = Kernel::new(&world).start();
    let (leader, follower) = (kernel.connect(CLIENT, 1), kernel.connect(CLIENT, 2));
    let large = kernel.send(leader, produce(Acks::All, batch(0, 1, None)));
    let wrong = kernel.send(follower, produce(Acks::All, batch(0, 1, None)));
    let nowhere = Request::Produce(ProduceRequest {
        acks: Acks::All,
        timeout: Span::from_secs(30),
        batches: Few::from_iter([(TopicPartition::new(LATE, 0), batch(0, 1, None))]),
    });
    let unknown = kernel.send(leader, nowhere);
    let silent = kernel.connect(CLIENT, 2);
    kernel.send(silent, produce(Acks::None, batch(0, 1, None)));
    kernel.run_for(10);
    assert_eq!(
        produced(&kernel, leader, large).1,
        ErrorCode::MessageTooLarge
    );
    assert_eq!(
        produced(&kernel, follower, wrong).1,
        ErrorCode::NotLeaderOrFollower
    );
    assert_eq!(
        produced(&kernel, leader, unknown).1,
        ErrorCode::UnknownTopicOrPartition
    );
    assert_eq!(
        kernel.closed,
        [silent],
        "without an answer, all it can say is goodbye"
    );
    let refused = kernel.facts_like(|fact| match fact {
        Fact::Log(LogFact::AppendRefused { error, .. }) => Some(*error),
        _ => None,
    });
    assert_eq!(refused.len(), 4);
}

#[test]
fn list_offsets_knows_the_start_and_the_high_watermark() {
    let mut kernel = Kernel::new(&World::default()).start();
    kernel.run_until(Instant(100_000_000));
    let (writer, reader) = (kernel.connect(CLIENT, 1), kernel.connect(OTHER, 1));
    kernel.send(writer, produce(Acks::Leader, batch(0, 3, None)));
    let both = vec![(TP, OffsetSpec::Earliest), (TP, OffsetSpec::Latest)];
    let early = kernel.send(reader, Request::ListOffsets(both.clone()));
    kernel.run_for(10);
    let late = kernel.send(reader, Request::ListOffsets(both));
    kernel.run_for(10);
    let offsets = |request| match kernel.answer(reader, request) {
        Some((_, Response::ListOffsets(offsets))) => [offsets[0].2, offsets[1].2],
        other => panic!("{other:?}"),
    };
    assert_eq!(offsets(early), [Some(0), Some(0)]);
    assert_eq!(offsets(late), [Some(0), Some(3)]);
}

#[test]
fn a_new_leader_tells_the_latest_offset_once_what_it_began_with_is_replicated() {
    // KIP-207: its high watermark may be behind what a consumer was told before.
    let mut kernel = Kernel::new(&World::default()).start();
    kernel.run_until(Instant(100_000_000));
    let (writer, reader) = (kernel.connect(CLIENT, 1), kernel.connect(OTHER, 2));
    kernel.send(writer, produce(Acks::Leader, batch(0, 3, None)));
    while kernel.end(2) == 0 {
        kernel.run_for(1);
    }
    assert_eq!(kernel.broker(2).high_watermark(TP), Some(0));
    let nodes = [1, 2, 3].map(NodeId);
    let elected = PartitionMetadata {
        partition: TP,
        leader: Some(NodeId(2)),
        leader_epoch: 1,
        partition_epoch: 1,
        replicas: nodes.into(),
        isr: nodes.into(),
    };
    let told = Request::UpdateMetadata([elected].into());
    kernel.send(reader, told.clone());
    let both = vec![(TP, OffsetSpec::Earliest), (TP, OffsetSpec::Latest)];
    let early = kernel.send(reader, Request::ListOffsets(both.clone()));
    kernel.run_for(10);
    for broker in [1, 3] {
        let conn = kernel.connect(CLIENT, broker);
        kernel.send(conn, told.clone());
    }
    kernel.run_for(1000);
    let late = kernel.send(reader, Request::ListOffsets(both));
    kernel.run_for(10);
    let offsets = |request| match kernel.answer(reader, request) {
        Some((_, Response::ListOffsets(told))) => [0, 1].map(|n| (told[n].1, told[n].2)),
        other => panic!("{other:?}"),
    };
    let (known, not_yet) = (ErrorCode::None, ErrorCode::OffsetNotAvailable);
    assert_eq!(offsets(early), [(known, Some(0)), (not_yet, None)]);
    assert_eq!(offsets(late), [(known, Some(0)), (known, Some(3))]);
}

#[test]
fn a_leader_says_where_an_epoch_ends_to_who_knows_its_own() {
    let mut kernel = alone();
    kernel.run_until(Instant(100_000_000));
    let conn = kernel.connect(CLIENT, 1);
    kernel.send(conn, produce(Acks::Leader, batch(0, 3, None)));
    kernel.run_for(10);
    let mut ask = |current_leader_epoch| {
        let asked = AskedEpoch {
            partition: TP,
            current_leader_epoch,
            leader_epoch: 0,
        };
        let request = kernel.send(conn, Request::OffsetForLeaderEpoch(vec![asked]));
        kernel.run_for(10);
        match kernel.answer(conn, request) {
            Some((_, Response::OffsetForLeaderEpoch(ends))) => ends[0],
            other => panic!("{other:?}"),
        }
    };
    let answer = |error, end| EpochEnd {
        partition: TP,
        error,
        end,
    };
    assert_eq!(ask(0), answer(ErrorCode::None, Some((0, 3))));
    assert_eq!(ask(1), answer(ErrorCode::UnknownLeaderEpoch, None));
}

#[test]
fn a_topic_is_created_by_whoever_asks_for_it_first() {
    let mut kernel = Kernel::new(&World::default()).start();
    kernel.run_until(Instant(100_000_000));
    let conn = kernel.connect(CLIENT, 2);
    let ask = || Request::Metadata {
        topics: vec![LATE],
        allow_auto_create: true,
    };
    let first = kernel.send(conn, ask());
    kernel.run_for(20);
    let second = kernel.send(conn, ask());
    kernel.run_for(20);
    let known = |request| match kernel.answer(conn, request) {
        Some((_, Response::Metadata(topics))) => (topics[0].error, topics[0].partitions.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!(known(first), (ErrorCode::UnknownTopicOrPartition, 0));
    assert_eq!(known(second), (ErrorCode::None, 1));
    let created = kernel.facts_like(|fact| match fact {
        Fact::Log(LogFact::TopicCreated { topic, partitions }) => Some((*topic, *partitions)),
        _ => None,
    });
    assert_eq!(created, [(LATE, 1)]);
}

#[test]
fn producer_ids_are_never_given_twice() {
    let mut kernel = Kernel::new(&World::default()).start();
    let conns = [
        kernel.connect(CLIENT, 1),
        kernel.connect(CLIENT, 1),
        kernel.connect(CLIENT, 2),
    ];
    for conn in conns {
        kernel.send(conn, Request::InitProducerId);
    }
    kernel.run_for(10);
    let mut ids: Vec<u64> = kernel
        .answers
        .iter()
        .map(|answer| match answer.3 {
            Response::InitProducerId { id, .. } => id,
            ref other => panic!("{other:?}"),
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}
