//! Worked timelines of the Java consumer, in milliseconds.

use kafkasim::base::{Span, TopicPartition};
use kafkasim::kafka::ErrorCode;
use kafkasim::kafka::config::ConsumerConfig;
use kafkasim::kafka::message::Request;
use kafkasim::node::Fact;
use kafkasim::node::consumer::program::RecordKey;
use kafkasim::node::consumer::{CommitOffsets, Step};
use kafkasim::node::fact::{CommitKind, GroupFact};

use super::broker::Broker;
use super::kernel::{Kernel, Strike, ms};
use super::scene::*;

fn broker(partitions: u32, records: u32) -> Broker {
    let mut broker = Broker::new();
    for partition in 0..partitions {
        broker.append(tp(partition), partition * 1000, records);
    }
    broker
}

fn auto() -> ConsumerConfig {
    ConsumerConfig {
        auto_commit: true,
        ..config()
    }
}

/// One record appears whenever the last poll's batch is done, so that polls begin at 0, 4000, 6000.
fn auto_commit_world() -> Kernel {
    let mut steps = program(vec![poll(), Step::Each(vec![Step::Process])], 0);
    // Batch 0..=9 takes until 4000, batch 10..=19 until 6000.
    for (offset, millis) in [(0, 4000), (10, 2000), (20, 4000)] {
        steps
            .process
            .slow
            .insert(RecordKey::At(tp(0), offset), Span::from_millis(millis));
    }
    let mut kernel = Kernel::new(vec![member("w-1", auto(), steps)], broker(1, 30));
    start(&mut kernel);
    kernel
}

#[test]
fn auto_commit_speaks_only_inside_poll_and_of_earlier_polls() {
    let mut kernel = auto_commit_world();
    kernel.run_to(ms(6500));
    assert_eq!(polls(&kernel), [(0, 0, 9), (4000, 10, 19), (6000, 20, 29)]);
    assert_eq!(requested(&kernel), [(6000, CommitKind::Auto, vec![20])]);
    assert_eq!(kernel.broker.committed[&tp(0)], 20);
}

#[test]
fn an_auto_commit_that_could_be_retried_is_due_again_after_the_retry_backoff() {
    // `maybeAutoCommitOffsetsAsync` sets its timer anew when the callback sees a
    // `RetriableCommitFailedException`, and goes on with the interval after any other outcome.
    let due_after = |error| {
        let steps = program(vec![poll(), Step::Each(vec![Step::Process])], 1);
        let mut kernel = Kernel::new(vec![member("w-1", auto(), steps)], broker(1, 10));
        kernel.broker.commit_error = error;
        start(&mut kernel);
        kernel.run_to(ms(10_500));
        let at: Vec<u64> = requested(&kernel).iter().map(|asked| asked.0).collect();
        (at, failed(&kernel))
    };
    assert_eq!(due_after(None), (vec![5_000, 10_000], vec![]));
    let (at, failures) = due_after(Some(ErrorCode::CoordinatorLoadInProgress));
    assert_eq!(failures, [(5_000, "RetriableCommitFailedException")]);
    assert_eq!(at, [5_000, 5_100, 10_100]);
    let (at, failures) = due_after(Some(ErrorCode::OffsetMetadataTooLarge));
    assert_eq!(failures, [(5_000, "OffsetMetadataTooLarge")]);
    assert_eq!(at, [5_000, 10_000]);
}

#[test]
fn a_refused_look_up_of_committed_offsets_is_repeated_after_the_retry_backoff() {
    let patient = Step::Poll {
        timeout: Span::from_secs(5),
    };
    let steps = program(vec![patient, Step::Each(vec![Step::Process])], 1);
    let mut kernel = Kernel::new(vec![member("w-1", auto(), steps)], broker(1, 10));
    kernel.broker.lookup_error = Some(ErrorCode::CoordinatorLoadInProgress);
    start(&mut kernel);
    kernel.run_to(ms(4_000));
    let asked = kernel.broker.requests.iter();
    let look_ups = asked.filter(|(_, _, request)| matches!(request, Request::OffsetFetch(_)));
    let at: Vec<u64> = look_ups.map(|(at, ..)| at.as_millis()).collect();
    let &[first, second] = &at[..] else {
        panic!("one is refused, one answered: {at:?}")
    };
    let waited = second - first;
    assert!(
        (80..=120).contains(&waited),
        "retry.backoff.ms, give or take a fifth: {waited}"
    );
}

#[test]
fn who_is_unknown_joins_again_without_its_id_and_who_is_late_with_it() {
    let rejoins_with_its_id = |error| {
        let mut kernel = Kernel::new(
            vec![member("w-1", config(), program(after_processing(), 1))],
            broker(1, 10),
        );
        kernel.broker.commit_error = Some(error);
        start(&mut kernel);
        kernel.run_to(ms(8_000));
        let asked = kernel.broker.requests.iter();
        let ids = asked.filter_map(|(_, _, request)| match request {
            Request::JoinGroup(join) => Some(!join.member.is_empty()),
            _ => None,
        });
        let ids: Vec<bool> = ids.collect();
        assert_eq!(
            ids[..2],
            [false, true],
            "a first join is told to come again with an id"
        );
        ids[2]
    };
    assert!(!rejoins_with_its_id(ErrorCode::UnknownMemberId));
    assert!(rejoins_with_its_id(ErrorCode::IllegalGeneration));
}

#[test]
fn before_a_rebalance_auto_commit_is_retried_and_nothing_is_revoked_until_it_is_in() {
    let steps = || program(vec![poll(), Step::Each(vec![Step::Process])], 1);
    let setups = ["w-1", "w-2"].map(|name| member(name, auto(), steps()));
    let mut kernel = Kernel::new(setups.into(), broker(2, 10));
    kernel.broker.commit_error = Some(ErrorCode::CoordinatorLoadInProgress);
    kernel.strike(ms(0), 0, Strike::Restart);
    kernel.strike(ms(1_000), 1, Strike::Restart);
    kernel.run_to(ms(4_000));
    let failures = [(3_000, "CoordinatorLoadInProgressException")];
    assert_eq!(
        failed(&kernel),
        failures,
        "heard of by the heartbeat at 3000"
    );
    let kind = CommitKind::AutoBeforeRebalance;
    let tries = [3_000, 3_100].map(|at| (at, kind, vec![10, 10]));
    assert_eq!(requested(&kernel), tries);
    let revoked = when(&kernel, |fact| {
        matches!(fact, Fact::Group(GroupFact::Revoked { .. }))
    });
    assert_eq!(revoked.last(), Some(&(3_100, 0)));
}

#[test]
fn a_crash_before_the_first_poll_past_the_interval_loses_every_commit() {
    let mut kernel = auto_commit_world();
    kernel.strike(ms(5900), 0, Strike::Crash);
    kernel.run_to(ms(7000));
    assert!(kernel.broker.commits.is_empty());
    assert_eq!(requested(&kernel), []);
}

#[test]
fn a_crash_after_it_repeats_what_was_processed_since() {
    let mut kernel = auto_commit_world();
    kernel.strike(ms(10_500), 0, Strike::Crash);
    kernel.strike(ms(11_000), 0, Strike::Restart);
    kernel.broker.expire("never");
    kernel.run_to(ms(10_900));
    kernel.broker.expire("w-1");
    kernel.run_to(ms(30_000));
    let twice = processed(&kernel)
        .iter()
        .filter(|(_, offset, _)| *offset == 25)
        .count();
    assert_eq!(twice, 2, "20..=29 were returned before the commit of 20");
    let once = processed(&kernel)
        .iter()
        .filter(|(_, offset, _)| *offset == 19)
        .count();
    assert_eq!(once, 1);
}

#[test]
fn close_commits_the_whole_last_batch_processed_or_not() {
    // At 6500 the record 20 is in hand; the loop ends at the next poll, unless a step ends it.
    let mut kernel = auto_commit_world();
    kernel.watched = kafkasim::node::StepMask::NONE.with(
        kafkasim::node::StepKind::Process,
        kafkasim::node::Phase::Before,
    );
    kernel.at_point = Some(|point, _| {
        let at = point.concerns[0].offsets.start;
        (at == 25).then_some(Strike::Close)
    });
    kernel.run_to(ms(20_000));
    assert_eq!(kernel.broker.committed[&tp(0)], 30);
    assert_eq!(
        requested(&kernel).last(),
        Some(&(10_000, CommitKind::AutoOnClose, vec![30]))
    );
    let last = processed(&kernel).last().copied();
    assert_eq!(last, Some((tp(0), 24, 10_000)), "25..=29 are lost");
    assert!(!kernel.is_up(0));
}

#[test]
fn slow_processing_leaves_the_group_and_the_late_commit_fails() {
    let mut steps = program(after_processing(), 0);
    steps
        .process
        .slow
        .insert(RecordKey::At(tp(0), 9), Span::from_millis(400_000));
    let setups = vec![
        member("w-1", config(), steps),
        member("w-2", config(), program(after_processing(), 1)),
    ];
    let mut kernel = Kernel::new(setups, broker(1, 10));
    kernel.strike(ms(0), 0, Strike::Restart);
    kernel.strike(ms(200_000), 1, Strike::Restart);
    kernel.run_to(ms(300_500));
    let exceeded = when(&kernel, |fact| {
        matches!(fact, Fact::Group(GroupFact::PollIntervalExceeded { .. }))
    });
    assert_eq!(exceeded, [(300_000, 0)]);
    // The other member begins at the last committed offset and reads everything again.
    kernel.run_to(ms(399_000));
    assert_eq!(polls(&kernel).last().map(|p| (p.1, p.2)), Some((0, 9)));
    kernel.run_to(ms(400_000));
    assert_eq!(failed(&kernel), [(400_000, "CommitFailedException")]);
    kernel.run_to(ms(410_000));
    let lost = when(&kernel, |fact| {
        matches!(fact, Fact::Group(GroupFact::Lost { .. }))
    });
    assert_eq!(lost, [(400_000, 0)]);
    let assigned = when(&kernel, |fact| {
        matches!(fact, Fact::Group(GroupFact::Assigned { .. }))
    });
    assert!(
        assigned.iter().any(|(at, who)| 400_000 <= *at && *who == 0),
        "it joins again: {assigned:?}"
    );
}

/// A static member that is busy from its first poll on, beside one that joined with it.
fn busy_static_member(millis: u64) -> Kernel {
    let named = |name: &str| ConsumerConfig {
        instance: Some(name.into()),
        ..config()
    };
    let mut steps = program(after_processing(), 0);
    let busy = Span::from_millis(millis);
    steps.process.slow.insert(RecordKey::At(tp(0), 9), busy);
    let setups = vec![
        member("w-1", named("w-1"), steps),
        member("w-2", named("w-2"), program(after_processing(), 1)),
    ];
    let mut kernel = Kernel::new(setups, broker(2, 10));
    start(&mut kernel);
    kernel
}

/// The requests of the first member about its group after an instant, by name, with milliseconds.
fn group_requests(kernel: &Kernel, after: u64) -> Vec<(u64, &'static str)> {
    let named = kernel
        .broker
        .requests
        .iter()
        .filter_map(|(at, who, request)| {
            let name = match request {
                Request::JoinGroup(join) if join.member.is_empty() => "JoinGroup as nobody",
                Request::JoinGroup(_) => "JoinGroup",
                Request::SyncGroup(_) => "SyncGroup",
                Request::Heartbeat(_) => "Heartbeat",
                Request::LeaveGroup(_) => "LeaveGroup",
                Request::OffsetCommit(_) => "OffsetCommit",
                _ => return None,
            };
            (who.0 == 1 && after < at.as_millis()).then_some((at.as_millis(), name))
        });
    named.collect()
}

#[test]
fn a_slow_static_member_does_not_leave_and_gets_its_partitions_back() {
    let mut kernel = busy_static_member(320_000);
    kernel.run_to(ms(330_000));
    let silent = when(&kernel, |fact| {
        matches!(fact, Fact::Group(GroupFact::FellSilent { .. }))
    });
    assert_eq!(silent, [(300_000, 0)]);
    // No LeaveGroup; the poll after the processing joins under the instance id alone. The commit
    // before it is not even sent: the member knows of no generation any more.
    let requests = group_requests(&kernel, 294_000);
    let expected = [
        (297_000, "Heartbeat"),
        (320_000, "JoinGroup as nobody"),
        (320_000, "SyncGroup"),
        (323_000, "Heartbeat"),
        (326_000, "Heartbeat"),
        (329_000, "Heartbeat"),
    ];
    assert_eq!(requests[..expected.len()], expected);
    assert_eq!(failed(&kernel), [(320_000, "CommitFailedException")]);
    let changes = |wanted: fn(&GroupFact) -> Option<&[TopicPartition]>| {
        let facts = kernel.facts.iter().filter_map(move |stated| {
            let Fact::Group(fact) = &stated.fact else {
                return None;
            };
            Some((
                stated.at.as_millis(),
                stated.who.0 - 1,
                wanted(fact)?.to_vec(),
            ))
        });
        facts.collect::<Vec<_>>()
    };
    let lost = changes(|fact| match fact {
        GroupFact::Lost { partitions, .. } => Some(partitions),
        _ => None,
    });
    assert_eq!(lost, [(320_000, 0, vec![tp(0)])]);
    let assigned = changes(|fact| match fact {
        GroupFact::Assigned { partitions, .. } => Some(partitions),
        _ => None,
    });
    assert_eq!(
        assigned.last(),
        Some(&(320_000, 0, vec![tp(0)])),
        "the other member is asked nothing: {assigned:?}"
    );
}

#[test]
fn a_fenced_heartbeat_is_thrown_by_the_next_poll() {
    let mut kernel = busy_static_member(10_000);
    // Another process takes the id while the first one is busy.
    let twin = |kernel: &mut Kernel| kernel.broker.take_instance("w-1");
    kernel.strike(ms(4_000), 0, Strike::Call(twin));
    kernel.run_to(ms(20_000));
    // Heartbeats end with the refused one.
    let requests = group_requests(&kernel, 3_000);
    assert_eq!(requests, [(6_000, "Heartbeat")]);
    let thrown = when(&kernel, |fact| {
        let fenced = "FencedInstanceIdException";
        matches!(fact, Fact::Group(GroupFact::PollFailed { exception, .. }) if *exception == fenced)
    });
    assert_eq!(thrown, [(10_000, 0)]);
    let lost = when(&kernel, |fact| {
        matches!(fact, Fact::Group(GroupFact::Lost { .. }))
    });
    assert_eq!(lost, [(10_000, 0)]);
    assert!(!kernel.is_up(0), "it closes");
}

#[test]
fn an_offset_commit_that_is_fenced_while_it_is_waited_for_does_not_end_the_loop() {
    let mut kernel = busy_static_member(2_000);
    let twin = |kernel: &mut Kernel| kernel.broker.take_instance("w-1");
    kernel.strike(ms(1_000), 0, Strike::Call(twin));
    kernel.run_to(ms(2_500));
    assert_eq!(failed(&kernel), [(2_000, "FencedInstanceIdException")]);
    assert!(kernel.is_up(0), "commitSync threw, and that was caught");
    kernel.run_to(ms(4_000));
    assert!(!kernel.is_up(0), "the heartbeat at 3000 is fatal");
}

#[test]
fn after_a_fenced_asynchronous_commit_poll_throws_and_no_callback_runs() {
    let config = ConsumerConfig {
        instance: Some("w-1".into()),
        ..config()
    };
    let commit = Step::CommitAsync {
        offsets: CommitOffsets::Polled,
        every: 1,
        shift: 0,
    };
    let steps = vec![poll(), Step::Each(vec![Step::Process]), commit];
    let mut kernel = Kernel::new(
        vec![member("w-1", config, program(steps, 100))],
        broker(1, 10),
    );
    start(&mut kernel);
    let twin = |kernel: &mut Kernel| kernel.broker.take_instance("w-1");
    kernel.strike(ms(500), 0, Strike::Call(twin));
    kernel.run_to(ms(2_000));
    let thrown = when(&kernel, |fact| {
        matches!(fact, Fact::Group(GroupFact::PollFailed { .. }))
    });
    assert_eq!(thrown, [(1_000, 0)], "long before the heartbeat at 3000");
    assert_eq!(failed(&kernel), []);
    assert_eq!(kernel.broker.committed.get(&tp(0)), None);
}

#[test]
fn a_static_member_that_closes_commits_and_says_nothing() {
    let mut kernel = busy_static_member(0);
    kernel.strike(ms(4_000), 0, Strike::Close);
    kernel.run_to(ms(5_000));
    assert!(!kernel.is_up(0));
    assert_eq!(group_requests(&kernel, 0), [(3_000, "Heartbeat")]);
    let revoked = when(&kernel, |fact| {
        matches!(fact, Fact::Group(GroupFact::Revoked { .. }))
    });
    let closing: Vec<_> = revoked.into_iter().filter(|(at, _)| 0 < *at).collect();
    assert_eq!(closing, [(4_000, 0)]);
}

#[test]
fn an_eager_join_stops_everybody_until_the_slowest_has_polled() {
    let mut busy = program(after_processing(), 0);
    busy.process
        .slow
        .insert(RecordKey::At(tp(1), 0), Span::from_millis(60_000));
    let setups = vec![
        member("w-a", config(), program(after_processing(), 0)),
        member("w-b", config(), busy),
        member("w-c", config(), program(after_processing(), 0)),
    ];
    let mut kernel = Kernel::new(setups, broker(2, 0));
    kernel.strike(ms(0), 0, Strike::Restart);
    kernel.strike(ms(0), 1, Strike::Restart);
    // B has orders-1; its record keeps it busy from 20000 to 80000. C joins at 20500.
    let append = |kernel: &mut Kernel| kernel.broker.append(tp(1), 5, 1);
    kernel.strike(ms(20_000), 0, Strike::Call(append));
    kernel.strike(ms(20_500), 2, Strike::Restart);
    // What comes for A while it owns nothing waits.
    let append = |kernel: &mut Kernel| kernel.broker.append(tp(0), 7, 1);
    kernel.strike(ms(30_000), 0, Strike::Call(append));
    kernel.run_to(ms(100_000));
    let revoked: Vec<(u64, u32)> = when(&kernel, |fact| {
        let revoked = |p: &[TopicPartition]| !p.is_empty();
        matches!(fact, Fact::Group(GroupFact::Revoked { partitions, .. }) if revoked(partitions))
    });
    let revoked: Vec<(u64, u32)> = revoked.into_iter().filter(|r| 20_000 < r.0).collect();
    // Every heartbeat falls on a multiple of 3000 here: A hears at 21000 and revokes in that poll.
    assert_eq!(revoked, [(21_000, 0), (80_000, 1)]);
    let assigned = when(&kernel, |fact| {
        matches!(fact, Fact::Group(GroupFact::Assigned { .. }))
    });
    let assigned: Vec<(u64, u32)> = assigned.into_iter().filter(|a| 20_000 < a.0).collect();
    assert_eq!(assigned, [(80_000, 0), (80_000, 1), (80_000, 2)]);
    let of_a = processed(&kernel).iter().find(|p| p.0 == tp(0)).copied();
    assert_eq!(of_a, Some((tp(0), 0, 80_000)));
    // B's commit of what it processed meanwhile was accepted, although the group was rebalancing.
    assert_eq!(failed(&kernel), []);
    assert_eq!(kernel.broker.committed[&tp(1)], 1);
}

#[test]
fn the_first_join_needs_no_listener_and_reads_from_the_committed_offset() {
    let mut kernel = Kernel::new(
        vec![member("w-1", config(), program(after_processing(), 1))],
        broker(1, 30),
    );
    kernel.broker.committed.insert(tp(0), 20);
    start(&mut kernel);
    kernel.run_to(ms(1000));
    assert_eq!(polls(&kernel), [(0, 20, 29)]);
    assert_eq!(requested(&kernel), [(10, CommitKind::Sync, vec![30])]);
    let lost = when(&kernel, |fact| {
        matches!(
            fact,
            Fact::Group(GroupFact::Lost { .. } | GroupFact::Revoked { .. })
        )
    });
    assert_eq!(lost, []);
    assert!(kernel.members[0].quiet());
    assert_eq!(
        kernel.members[0].positions().collect::<Vec<_>>(),
        [(tp(0), Some(30))]
    );
}
