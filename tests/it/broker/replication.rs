//! Replication: when the high watermark moves, who learns of it when, and what waits for it.

use super::kernel::*;
use kafkasim::base::{Instant, NodeId, Span};
use kafkasim::kafka::config::{BrokerConfig, TopicConfig};
use kafkasim::kafka::message::{Acks, Response};
use kafkasim::kafka::{ErrorCode, ProducerStamp};
use kafkasim::node::Fact;
use kafkasim::node::fact::LogFact;

fn started() -> Kernel {
    let mut kernel = Kernel::new(&World::default()).start();
    kernel.run_until(Instant(100_000_000));
    kernel
}

fn replicated(kernel: &Kernel) -> Vec<(u64, u64, u64)> {
    let pick = |stated: &kafkasim::node::Stated| match stated.fact {
        Fact::Log(LogFact::Replicated {
            partition: TP,
            from,
            to,
        }) => Some((stated.at.as_millis(), from, to)),
        _ => None,
    };
    kernel.facts.iter().filter_map(pick).collect()
}

#[test]
fn acks_all_is_answered_after_both_followers_fetched_again() {
    let mut kernel = started();
    let conn = kernel.connect(CLIENT, 1);
    let request = kernel.send(conn, produce(Acks::All, batch(0, 3, None)));
    kernel.run_for(50);
    // 1 ms to the leader; 1 ms to the followers, whose fetches were parked; 1 ms back with the next
    // fetch, which proves it; 1 ms to the client.
    let (at, response) = kernel.answer(conn, request).expect("it is answered");
    assert_eq!(at, 104);
    let Response::Produce(results) = response else {
        panic!("{response:?}")
    };
    assert_eq!(
        (results[0].error, results[0].base_offset),
        (ErrorCode::None, Some(0))
    );
    assert_eq!(replicated(&kernel), [(103, 0, 3)]);
}

#[test]
fn acks_1_is_answered_at_once_and_acks_0_never() {
    let mut kernel = started();
    let conn = kernel.connect(CLIENT, 1);
    let silent = kernel.send(conn, produce(Acks::None, batch(0, 1, None)));
    let request = kernel.send(conn, produce(Acks::Leader, batch(1, 1, None)));
    kernel.run_for(50);
    assert_eq!(kernel.answer(conn, request).map(|(at, _)| at), Some(102));
    assert_eq!(kernel.answer(conn, silent), None);
    assert_eq!(kernel.end(1), 2);
}

#[test]
fn a_follower_learns_the_high_watermark_one_fetch_later() {
    let mut kernel = started();
    let conn = kernel.connect(CLIENT, 1);
    kernel.send(conn, produce(Acks::All, batch(0, 3, None)));
    kernel.run_until(Instant(104_000_000));
    assert_eq!(kernel.broker(1).high_watermark(TP), Some(3));
    assert_eq!(kernel.end(2), 3);
    assert_eq!(kernel.broker(2).high_watermark(TP), Some(0));
    // The fetch that proved the copy is parked at 103 ms. That the high watermark moved does not
    // complete it: its time limit does, 500 ms later.
    kernel.run_until(Instant(603_000_000));
    assert_eq!(kernel.broker(2).high_watermark(TP), Some(0));
    kernel.run_until(Instant(604_000_000));
    assert_eq!(kernel.broker(2).high_watermark(TP), Some(3));
}

#[test]
fn under_load_a_follower_lags_one_fetch_behind() {
    let mut kernel = started();
    let conn = kernel.connect(CLIENT, 1);
    kernel.send(conn, produce(Acks::Leader, batch(0, 3, None)));
    kernel.run_until(Instant(103_500_000));
    kernel.send(conn, produce(Acks::Leader, batch(3, 1, None)));
    // Appended at 104.5 ms, at the followers at 105.5 ms together with the high watermark 3.
    kernel.run_until(Instant(106_000_000));
    assert_eq!(kernel.end(2), 4);
    assert_eq!(kernel.broker(2).high_watermark(TP), Some(3));
}

#[test]
fn a_consumer_sees_nothing_above_the_high_watermark() {
    let mut kernel = started();
    let (writer, reader) = (kernel.connect(CLIENT, 1), kernel.connect(OTHER, 1));
    kernel.send(writer, produce(Acks::Leader, batch(0, 3, None)));
    kernel.run_until(Instant(101_500_000));
    // The record is in the leader's log; an immediate fetch finds nothing.
    let early = kernel.send(reader, fetch(0, 0, 1));
    let polling = kernel.send(reader, fetch(0, 500, 1));
    kernel.run_for(600);
    let fetched = |request| match kernel.answer(reader, request) {
        Some((at, Response::Fetch(partitions))) => (
            at,
            partitions[0].batches.len(),
            partitions[0].high_watermark,
        ),
        other => panic!("{other:?}"),
    };
    assert_eq!(fetched(early), (103, 0, 0));
    assert_eq!(fetched(polling), (104, 1, 3));
}

#[test]
fn idle_fetches_list_no_partition() {
    let mut kernel = started();
    kernel.run_until(Instant(3_000_000_000));
    let of_two = |fetches: &[(Instant, NodeId, _)]| {
        fetches
            .iter()
            .filter(|(_, node, _)| *node == NodeId(2))
            .count()
    };
    // The first lists all at 2 ms; then one every 502 ms.
    assert_eq!(of_two(&kernel.follower_fetches), 6);
    let listed = |n: usize| kernel.follower_fetches[n].2.partitions.len();
    assert_eq!([listed(0), listed(1), listed(2), listed(3)], [1, 1, 0, 0]);
}

#[test]
fn with_one_copy_the_high_watermark_is_the_end_of_the_log_at_once() {
    let world = World {
        brokers: 1,
        ..World::default()
    };
    let mut kernel = Kernel::new(&world).start();
    let conn = kernel.connect(CLIENT, 1);
    let request = kernel.send(conn, produce(Acks::All, batch(0, 3, None)));
    kernel.run_for(10);
    assert_eq!(kernel.answer(conn, request).map(|(at, _)| at), Some(2));
    assert_eq!(replicated(&kernel), [(1, 0, 3)]);
}

#[test]
fn a_write_nobody_copies_times_out_and_stays_in_the_log() {
    let world = World {
        config: BrokerConfig {
            // The followers' long poll hides the copy: nothing is fetched before 600 KiB are there.
            replica_fetch_min_bytes: 600_000,
            replica_fetch_wait: Span::from_secs(3600),
            ..World::default().config
        },
        ..World::default()
    };
    let mut kernel = Kernel::new(&world).start();
    kernel.run_until(Instant(100_000_000));
    let conn = kernel.connect(CLIENT, 1);
    let request = kernel.send(conn, produce(Acks::All, batch(0, 3, None)));
    kernel.run_until(Instant(31_000_000_000));
    let Some((at, Response::Produce(results))) = kernel.answer(conn, request) else {
        panic!("it is answered")
    };
    assert_eq!((at, results[0].error), (30_102, ErrorCode::RequestTimedOut));
    assert_eq!(kernel.end(1), 3);
}

#[test]
fn more_in_sync_replicas_asked_for_than_there_are_copies_is_all_copies() {
    let world = World {
        topic: TopicConfig {
            min_insync_replicas: 7,
            ..TopicConfig::default()
        },
        ..World::default()
    };
    let mut kernel = Kernel::new(&world).start();
    kernel.run_until(Instant(100_000_000));
    let conn = kernel.connect(CLIENT, 1);
    let request = kernel.send(conn, produce(Acks::All, batch(0, 1, None)));
    kernel.run_for(50);
    let Some((_, Response::Produce(results))) = kernel.answer(conn, request) else {
        panic!("it is answered")
    };
    assert_eq!(results[0].error, ErrorCode::None);
}

#[test]
fn a_crash_keeps_the_log_and_what_it_says_of_producers() {
    let mut kernel = started();
    let conn = kernel.connect(CLIENT, 1);
    let stamp = ProducerStamp {
        id: 7,
        epoch: 0,
        base_sequence: 0,
    };
    kernel.send(conn, produce(Acks::All, batch(0, 3, Some(stamp))));
    kernel.run_for(50);
    kernel.brokers[0].crash();
    assert_eq!(kernel.end(1), 3);
    assert!(
        !kernel.broker(1).is_leader(TP),
        "who leads is no longer known"
    );
    assert_eq!(kernel.broker(1).open_data_requests(), 0);
    let placed = kernel.controller.topic(ORDERS).expect("it exists").to_vec();
    kernel.brokers[0].preload(&placed);
    let conn = kernel.connect(CLIENT, 1);
    let retry = kernel.send(conn, produce(Acks::Leader, batch(0, 3, Some(stamp))));
    kernel.run_for(50);
    let Some((_, Response::Produce(results))) = kernel.answer(conn, retry) else {
        panic!("it is answered")
    };
    assert_eq!(
        (results[0].error, results[0].base_offset),
        (ErrorCode::None, Some(0))
    );
    assert_eq!(kernel.end(1), 3, "it is the same batch again");
}

#[test]
fn a_follower_that_comes_back_on_another_connection_lists_everything_again() {
    let mut kernel = started();
    let lost = kernel.own_connection(NodeId(2), NodeId(1));
    kernel.reset(lost);
    let conn = kernel.connect(CLIENT, 1);
    let request = kernel.send(conn, produce(Acks::All, batch(0, 3, None)));
    kernel.run_for(1000);
    // It connects again after 50 ms, which takes 2 ms; its first fetch gets the batch, its second
    // proves it.
    assert_eq!(kernel.answer(conn, request).map(|(at, _)| at), Some(157));
    assert_eq!(kernel.end(2), 3);
    let fetches = kernel.follower_fetches.iter();
    let listed = fetches.filter(|(at, node, _)| *node == NodeId(2) && 150 < at.as_millis());
    let listed: Vec<_> = listed.map(|(_, _, fetch)| fetch.partitions.len()).collect();
    assert_eq!(listed[..2], [1, 1]);
}
