//! When fetches leave, in which order they list partitions, how polls are filled.

use kafkasim::base::{Span, TopicPartition};
use kafkasim::kafka::ErrorCode;
use kafkasim::kafka::message::Request;
use kafkasim::node::Fact;
use kafkasim::node::consumer::program::RecordKey;
use kafkasim::node::consumer::{CommitOffsets, Step};
use kafkasim::node::fact::{AppFact, GroupFact};

use super::broker::Broker;
use super::kernel::{Kernel, Strike, ms};
use super::scene::*;

/// Milliseconds and partitions of every fetch.
fn fetches(kernel: &Kernel) -> Vec<(u64, Vec<u32>)> {
    let requests = kernel.broker.requests.iter();
    let fetches = requests.filter_map(|(at, _, request)| match request {
        Request::Fetch(fetch) => {
            let partitions = fetch.partitions.iter().map(|p| p.partition.partition);
            Some((at.as_millis(), partitions.collect()))
        }
        _ => None,
    });
    fetches.collect()
}

fn world(partitions: u32, records: u32, process_ms: u64) -> Kernel {
    let mut broker = Broker::new();
    for partition in 0..partitions {
        broker.append(tp(partition), partition * 1000, records);
    }
    let steps = program(vec![poll(), Step::Each(vec![Step::Process])], process_ms);
    let mut kernel = Kernel::new(vec![member("w-1", config(), steps)], broker);
    start(&mut kernel);
    kernel
}

#[test]
fn a_full_poll_that_just_empties_a_chunk_leaves_it_buffered() {
    // Kafka finds the end of a chunk only when it reads beyond it: no fetch leaves before.
    let mut kernel = world(1, 10, 10);
    kernel.run_to(ms(150));
    assert_eq!(fetches(&kernel), [(0, vec![0]), (100, vec![0])]);
    // With one record less the end is found at once, and the next fetch leaves with the poll.
    let mut kernel = world(1, 9, 10);
    kernel.run_to(ms(80));
    assert_eq!(fetches(&kernel), [(0, vec![0]), (0, vec![0])]);
}

#[test]
fn no_fetch_goes_to_a_broker_while_something_of_it_is_buffered() {
    let mut kernel = world(2, 15, 10);
    kernel.run_to(ms(1000));
    let polled: Vec<_> = polls(&kernel);
    // p0: 0..=9; then 10..=14 and, of p1, 0..=4; then p1: 5..=14.
    assert_eq!(
        polled,
        [(0, 0, 9), (100, 10, 14), (100, 0, 4), (200, 5, 14)]
    );
    assert_eq!(fetches(&kernel)[..2], [(0, vec![0, 1]), (300, vec![0, 1])]);
}

#[test]
fn later_fetches_follow_the_session_in_which_partitions_with_data_go_last() {
    let mut kernel = world(3, 0, 1);
    let append = |kernel: &mut Kernel| kernel.broker.append(tp(0), 7, 1);
    kernel.strike(ms(1100), 0, Strike::Call(append));
    kernel.run_to(ms(1100));
    let order: Vec<Vec<u32>> = fetches(&kernel).into_iter().map(|f| f.1).collect();
    // The first lists them as a Java HashSet of `orders-0..2` does.
    assert_eq!(order[0], [0, 1, 2]);
    assert_eq!(order.last(), Some(&vec![1, 2, 0]));
}

#[test]
fn a_lost_leader_is_looked_for_and_an_unknown_leader_epoch_is_waited_for() {
    // `FetchCollector.handleInitializeErrors`: the broker that does not know an epoch yet is behind,
    // not the client.
    let metadata_asked_for = |error| {
        let mut kernel = world(1, 0, 1);
        kernel.run_to(ms(1000));
        kernel.broker.fetch_error = Some(error);
        let append = |kernel: &mut Kernel| kernel.broker.append(tp(0), 0, 1);
        kernel.strike(ms(1000), 0, Strike::Call(append));
        kernel.run_to(ms(3000));
        assert_eq!(polls(&kernel), [(1000, 0, 0)], "it is fetched again");
        let requests = kernel.broker.requests.iter();
        let since = requests.filter(|(at, ..)| ms(1000) <= *at);
        since
            .filter(|(_, _, request)| matches!(request, Request::Metadata { .. }))
            .count()
    };
    assert_eq!(metadata_asked_for(ErrorCode::UnknownLeaderEpoch), 0);
    assert_eq!(metadata_asked_for(ErrorCode::FencedLeaderEpoch), 1);
    assert_eq!(metadata_asked_for(ErrorCode::NotLeaderOrFollower), 1);
}

#[test]
fn the_first_fetch_lists_partitions_as_a_java_hash_set_does() {
    let mut broker = Broker::new();
    for partition in 0..3 {
        broker.append(tp(partition), partition * 1000, 1);
    }
    let steps = program(after_processing(), 1);
    let mut setup = member("w-1", config(), steps);
    setup.topics[0].1 = "pricing-tasks".into();
    let mut kernel = Kernel::new(vec![setup], broker);
    start(&mut kernel);
    kernel.run_to(ms(10));
    assert_eq!(fetches(&kernel)[0].1, [1, 2, 0]);
}

#[test]
fn nobody_reads_the_answer_to_a_join_while_the_application_stands_still() {
    let mut busy = program(after_processing(), 0);
    let slow = RecordKey::At(tp(0), 0);
    busy.process.slow.insert(slow, Span::from_millis(20_000));
    let setups = vec![
        member("w-a", config(), busy),
        member("w-b", config(), program(after_processing(), 0)),
    ];
    let mut broker = Broker::new();
    broker.append(tp(0), 0, 1);
    let mut kernel = Kernel::new(setups, broker);
    kernel.strike(ms(0), 0, Strike::Restart);
    kernel.strike(ms(1000), 1, Strike::Restart);
    // B has asked to join and waits for A, which polls at 20000.
    kernel.strike(ms(2000), 1, Strike::Stall(Span::from_millis(28_000)));
    kernel.run_to(ms(40_000));
    let assigned = when(&kernel, |fact| {
        matches!(fact, Fact::Group(GroupFact::Assigned { .. }))
    });
    assert_eq!(assigned, [(0, 0), (20_000, 0), (30_000, 1)]);
}

#[test]
fn queued_records_of_revoked_partitions_are_dropped_if_the_group_says_so() {
    let hand_off = Step::HandOff {
        steps: vec![Step::Process],
        queue: None,
        drop_revoked: true,
    };
    let mut broker = Broker::new();
    broker.append(tp(0), 0, 10);
    broker.append(tp(1), 100, 10);
    let mut steps = program(vec![poll(), hand_off], 1000);
    steps.workers = 1;
    let setups = vec![
        member("w-1", config(), steps),
        member("w-2", config(), program(after_processing(), 1)),
    ];
    let mut kernel = Kernel::new(setups, broker);
    kernel.strike(ms(0), 0, Strike::Restart);
    kernel.strike(ms(2500), 1, Strike::Restart);
    kernel.run_to(ms(3000));
    let dropped: Vec<(TopicPartition, u64, u32)> = kernel
        .facts
        .iter()
        .filter_map(|stated| match &stated.fact {
            Fact::App(AppFact::Dropped {
                partition,
                first_offset,
                records,
                ..
            }) => Some((*partition, *first_offset, records.len())),
            _ => None,
        })
        .collect();
    // At 3000 the heartbeat says so: three are done (or in hand), the rest is thrown away.
    assert_eq!(dropped, [(tp(0), 3, 7), (tp(1), 0, 10)]);
}

#[test]
fn a_quiet_member_is_one_that_waits_with_nothing_at_hand() {
    let mut kernel = world(1, 10, 10);
    kernel.run_to(ms(50));
    assert!(!kernel.members[0].quiet(), "records are being processed");
    kernel.run_to(ms(150));
    assert!(kernel.members[0].quiet());
    assert_eq!(kernel.members[0].owned().collect::<Vec<_>>(), [tp(0)]);
    assert!(
        !kernel.members[0].committed_is_pending(),
        "nothing is auto-committed"
    );
}

#[test]
fn a_committed_offset_with_a_leader_epoch_is_validated_before_it_is_fetched_from() {
    let mut broker = Broker::new();
    for partition in 0..2 {
        broker.append(tp(partition), partition * 1000, 10);
        broker.committed.insert(tp(partition), 4);
    }
    broker.epochs.insert(tp(0), 0);
    let steps = program(vec![poll(), Step::Each(vec![Step::Process])], 10);
    let mut kernel = Kernel::new(vec![member("w-1", config(), steps)], broker);
    start(&mut kernel);
    kernel.run_to(ms(1000));
    let fetched: Vec<Vec<u32>> = fetches(&kernel).into_iter().map(|f| f.1).collect();
    assert_eq!(fetched[0], [1]);
    let asked = kernel.broker.requests.iter();
    let asked = asked.filter_map(|(_, _, request)| match request {
        Request::OffsetForLeaderEpoch(asked) => Some(asked.iter().map(|a| a.partition).collect()),
        _ => None,
    });
    assert_eq!(asked.collect::<Vec<Vec<_>>>(), [[tp(0)]]);
    let order: Vec<_> = processed(&kernel).iter().map(|(tp, ..)| *tp).collect();
    assert_eq!(order, [[tp(1); 6], [tp(0); 6]].concat());
}

#[test]
fn positions_are_committed_with_the_epoch_of_the_last_record_and_named_offsets_without() {
    let committed = |step: Vec<Step>| {
        let mut broker = Broker::new();
        broker.append(tp(0), 0, 5);
        broker.append(tp(1), 1000, 0);
        let mut kernel = Kernel::new(vec![member("w-1", config(), program(step, 1))], broker);
        start(&mut kernel);
        kernel.run_to(ms(1000));
        let requests = kernel.broker.requests.iter();
        let mut commits = requests.filter_map(|(_, _, request)| match request {
            Request::OffsetCommit(commit) => Some(commit.offsets.clone()),
            _ => None,
        });
        commits.next().expect("it commits")
    };
    let epochs = |step| {
        let offsets = committed(step).into_iter();
        offsets
            .map(|(_, at)| (at.offset, at.leader_epoch))
            .collect::<Vec<_>>()
    };
    // Of partition 1 nothing was ever read.
    assert_eq!(epochs(after_processing()), [(5, Some(0)), (0, None)]);
    let this_record = commit_sync(CommitOffsets::ThisRecord);
    let each = Step::Each(vec![Step::Process, this_record]);
    assert_eq!(epochs(vec![poll(), each]), [(1, None)]);
    let shifted = Step::CommitSync {
        offsets: CommitOffsets::Polled,
        every: 1,
        shift: -1,
    };
    assert_eq!(epochs(vec![poll(), shifted])[0], (4, None));
}
