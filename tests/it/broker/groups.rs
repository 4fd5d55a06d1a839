//! Group coordinators on their brokers: offset commits, failover of nothing, tools from outside.

use std::sync::Arc;

use super::kernel::*;
use kafkasim::base::{ConnId, GroupId, Instant, NodeId, TopicPartition};
use kafkasim::kafka::ErrorCode;
use kafkasim::kafka::group::{OffsetCommitRequest, OffsetFetchRequest};
use kafkasim::kafka::hash::partition_for_group;
use kafkasim::kafka::message::{Request, Response};
use kafkasim::node::broker::PartitionLog;
use kafkasim::node::controller::ControllerSetup;
use kafkasim::node::fact::{FaultFact, GroupFact};
use kafkasim::node::{Fact, FactId};

fn commit(offset: u64) -> Request {
    Request::OffsetCommit(OffsetCommitRequest {
        group: Arc::from("workers"),
        member: Arc::from(""),
        instance: None,
        generation: -1,
        version: 9,
        offsets: vec![(TP, offset.into())],
    })
}

fn committed(kernel: &Kernel) -> Vec<(u64, Option<u64>, u64)> {
    let pick = |stated: &kafkasim::node::Stated| match stated.fact {
        Fact::Group(GroupFact::OffsetCommitted { offset, before, .. }) => {
            Some((stated.at.as_millis(), before, offset))
        }
        _ => None,
    };
    kernel.facts.iter().filter_map(pick).collect()
}

/// A cluster with `__consumer_offsets`, and a connection to the coordinator.
fn with_coordinator() -> (Kernel, ConnId, u32) {
    let mut kernel = Kernel::new(&World::default()).start();
    let conn = kernel.connect(CLIENT, 1);
    let find = || Request::FindCoordinator {
        group: Arc::from("workers"),
    };
    let first = kernel.send(conn, find());
    kernel.run_for(20);
    let second = kernel.send(conn, find());
    // Every follower has its fetch parked at this instant.
    kernel.run_until(Instant(1_200_000_000));
    let coordinator = |request| match kernel.answer(conn, request) {
        Some((_, Response::FindCoordinator { error, coordinator })) => (*error, *coordinator),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        coordinator(first),
        (ErrorCode::CoordinatorNotAvailable, None)
    );
    let (ErrorCode::None, Some(NodeId(broker))) = coordinator(second) else {
        panic!("the topic was created")
    };
    let conn = kernel.connect(CLIENT, broker);
    (kernel, conn, broker)
}

#[test]
fn an_offset_commit_is_answered_when_it_is_replicated() {
    let (mut kernel, conn, broker) = with_coordinator();
    let request = kernel.send(conn, commit(7));
    kernel.run_for(5);
    assert_eq!(kernel.answer(conn, request), None);
    assert_eq!(
        kernel.broker(broker).open_data_requests(),
        2,
        "the request, and its records"
    );
    kernel.run_for(50);
    // At the coordinator at 1201 ms, appended after the linger of 5 ms at 1206, fetched by 1207,
    // proven at 1208, told at 1209.
    assert_eq!(kernel.answer(conn, request).map(|(at, _)| at), Some(1209));
    assert_eq!(committed(&kernel), [(1208, None, 7)]);
    assert_eq!(kernel.broker(broker).committed("workers", TP), Some(7));
    assert_eq!(kernel.broker(broker).open_data_requests(), 0);
    let request = kernel.send(conn, commit(9));
    kernel.run_for(50);
    assert!(kernel.answer(conn, request).is_some());
    assert_eq!(committed(&kernel)[1].1, Some(7));
}

#[test]
fn offset_commits_that_come_together_share_a_batch() {
    let (mut kernel, conn, broker) = with_coordinator();
    let other = kernel.connect(OTHER, broker);
    kernel.send(conn, commit(7));
    kernel.run_for(3);
    kernel.send(other, commit(9));
    kernel.run_for(50);
    assert_eq!(committed(&kernel), [(1208, None, 7), (1208, Some(7), 9)]);
}

#[test]
fn the_offset_commit_of_a_client_that_is_gone_still_counts() {
    let (mut kernel, conn, broker) = with_coordinator();
    kernel.send(conn, commit(7));
    kernel.run_for(2);
    kernel.hang_up(conn);
    kernel.run_for(50);
    assert_eq!(committed(&kernel).len(), 1);
    assert_eq!(kernel.broker(broker).open_data_requests(), 0);
}

#[test]
fn an_offset_that_is_fetched_is_the_one_that_was_committed() {
    let (mut kernel, conn, _) = with_coordinator();
    kernel.send(conn, commit(7));
    kernel.run_for(50);
    let fetch = Request::OffsetFetch(OffsetFetchRequest {
        member: None,
        group: Arc::from("workers"),
        partitions: vec![TP],
    });
    let request = kernel.send(conn, fetch);
    kernel.run_for(50);
    let Some((_, Response::OffsetFetch(fetched))) = kernel.answer(conn, request) else {
        panic!("it is answered")
    };
    assert_eq!(fetched.offsets, [(TP, Some((7.into(), 0)))]);
}

#[test]
fn a_request_to_another_broker_is_told_so() {
    let (mut kernel, _, broker) = with_coordinator();
    let wrong = kernel.connect(OTHER, broker % 3 + 1);
    let request = kernel.send(wrong, commit(7));
    kernel.run_for(50);
    let Some((_, Response::OffsetCommit(response))) = kernel.answer(wrong, request) else {
        panic!("it is answered")
    };
    assert_eq!(response.partitions, [(TP, ErrorCode::NotCoordinator)]);
}

#[test]
fn a_tool_sets_the_offsets_of_a_group_without_members() {
    let (mut kernel, _, broker) = with_coordinator();
    kernel.because(NodeId(broker), FactId::NONE, |server, ctx| {
        let Server::Broker(broker) = server else {
            unreachable!("a broker coordinates")
        };
        broker.reset_offsets(ctx, GroupId(0), vec![(TP, 3)]);
    });
    assert_eq!(kernel.broker(broker).open_data_requests(), 2);
    kernel.run_for(50);
    assert_eq!(committed(&kernel), [(1207, None, 3)]);
    let set = kernel.facts_like(|fact| match fact {
        Fact::Fault(FaultFact::OffsetsSet { group, error }) => Some((*group, *error)),
        _ => None,
    });
    assert_eq!(set, [(GroupId(0), ErrorCode::None)]);
    assert_eq!(kernel.broker(broker).open_data_requests(), 0);
}

#[test]
fn offsets_committed_before_time_zero_are_there_and_replicated() {
    let mut kernel = Kernel::new(&World::default());
    let brokers = [1, 2, 3].map(NodeId).to_vec();
    let placed = ControllerSetup::assigned(OFFSETS, &vec![brokers; 3]);
    kernel.controller.preload(&placed);
    let workers: Arc<str> = Arc::from("workers");
    for broker in &mut kernel.brokers {
        broker.preload(&placed);
        broker.preload_committed(&workers, &[(TP, 5)]);
    }
    let mut kernel = kernel.start();
    kernel.run_for(50);
    assert!(kernel.broker(1).coordinates("workers"));
    assert_eq!(kernel.broker(1).committed("workers", TP), Some(5));
    let tp = TopicPartition::new(OFFSETS, partition_for_group("workers", 3));
    for n in 1..=3 {
        let end = kernel.broker(n).log(tp).map(PartitionLog::end);
        assert_eq!(end, Some(1));
        assert_eq!(kernel.broker(n).high_watermark(tp), Some(1));
    }
}
