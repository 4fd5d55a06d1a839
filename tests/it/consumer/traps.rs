//! The classic traps: where the offset commit stands, who may still commit, what comes back.

use kafkasim::base::{Instant, RecordId, Span};
use kafkasim::kafka::config::ConsumerConfig;
use kafkasim::kafka::config::consumer::OffsetReset;
use kafkasim::node::consumer::program::{Failures, OnFailure, RecordKey};
use kafkasim::node::consumer::{CommitOffsets, SeekRequest, Step};
use kafkasim::node::fact::{AppFact, CommitKind, GroupFact};
use kafkasim::node::{Fact, Phase, StepKind, StepMask};

use super::broker::Broker;
use super::kernel::{Kernel, Strike, ms};
use super::scene::*;

fn ten_records(steps: Vec<Step>) -> Kernel {
    let mut broker = Broker::new();
    broker.append(tp(0), 0, 10);
    let mut kernel = Kernel::new(vec![member("w-1", config(), program(steps, 20))], broker);
    start(&mut kernel);
    kernel
}

/// Crashes before record 4 is processed, restarts 5 s later.
fn crash_before_record_four(steps: Vec<Step>) -> Kernel {
    let mut kernel = ten_records(steps);
    kernel.watched = StepMask::NONE.with(StepKind::Process, Phase::Before);
    kernel.at_point = Some(|point, _| {
        let first_time = point.concerns[0].offsets.start == 4;
        first_time.then_some(Strike::Crash)
    });
    kernel.run_to(ms(4000));
    assert!(!kernel.is_up(0));
    kernel.at_point = None;
    kernel.broker.expire("w-1");
    kernel.strike(ms(5000), 0, Strike::Restart);
    kernel.run_to(ms(10_000));
    kernel
}

fn times_processed(kernel: &Kernel) -> Vec<usize> {
    let all = processed(kernel);
    let count = |offset| all.iter().filter(|p| p.1 == offset).count();
    (0..10).map(count).collect()
}

#[test]
fn at_most_once_loses_what_was_committed_and_not_processed() {
    let kernel = crash_before_record_four(vec![
        poll(),
        commit_sync(CommitOffsets::Polled),
        Step::Each(vec![Step::Process]),
    ]);
    assert_eq!(times_processed(&kernel), [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn at_least_once_repeats_what_was_processed_and_not_committed() {
    let kernel = crash_before_record_four(after_processing());
    assert_eq!(times_processed(&kernel), [2, 2, 2, 2, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn a_commit_after_each_record_repeats_at_most_one() {
    let kernel = crash_before_record_four(vec![
        poll(),
        Step::Each(vec![Step::Process, commit_sync(CommitOffsets::ThisRecord)]),
    ]);
    assert_eq!(times_processed(&kernel), [1; 10]);
}

#[test]
fn committing_positions_inside_each_is_committing_too_much() {
    let kernel = crash_before_record_four(vec![
        poll(),
        Step::Each(vec![Step::Process, commit_sync(CommitOffsets::Polled)]),
    ]);
    assert_eq!(times_processed(&kernel), [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_commit_of_the_offset_itself_repeats_one_record_after_every_restart() {
    let mut kernel = ten_records(vec![
        poll(),
        Step::Each(vec![Step::Process]),
        Step::CommitSync {
            offsets: CommitOffsets::Polled,
            every: 1,
            shift: -1,
        },
    ]);
    kernel.strike(ms(1000), 0, Strike::Close);
    kernel.strike(ms(2000), 0, Strike::Restart);
    kernel.run_to(ms(3000));
    assert_eq!(times_processed(&kernel), [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
}

#[test]
fn after_being_kicked_out_a_commit_fails_and_the_member_comes_back() {
    let mut kernel = ten_records(after_processing());
    kernel.strike(
        ms(100),
        0,
        Strike::Call(|kernel| kernel.broker.expire("w-1")),
    );
    kernel.run_to(ms(1000));
    assert_eq!(failed(&kernel), [(200, "CommitFailedException")]);
    // Lost, joined again, everything read and processed again, and committed this time.
    assert_eq!(times_processed(&kernel), [2; 10]);
    assert_eq!(kernel.broker.committed[&tp(0)], 10);
}

#[test]
fn a_listener_commits_during_a_rebalance_what_was_processed() {
    let mut busy = program(vec![poll(), Step::Each(vec![Step::Process])], 20);
    busy.on_revoked = vec![commit_sync(CommitOffsets::Polled)];
    let mut broker = Broker::new();
    broker.append(tp(0), 0, 10);
    broker.append(tp(1), 100, 10);
    let idle = program(after_processing(), 1);
    let setups = vec![member("w-1", config(), busy), member("w-2", config(), idle)];
    let mut kernel = Kernel::new(setups, broker);
    kernel.strike(ms(0), 0, Strike::Restart);
    kernel.strike(ms(1000), 1, Strike::Restart);
    kernel.run_to(ms(10_000));
    let first = requested(&kernel).first().cloned();
    assert_eq!(first, Some((3000, CommitKind::Sync, vec![10, 10])));
    assert_eq!(failed(&kernel), []);
    assert_eq!(polls(&kernel).len(), 2, "nothing is read again");
}

#[test]
fn nothing_committed_and_latest_skips_what_came_while_away() {
    let late = ConsumerConfig {
        offset_reset: OffsetReset::Latest,
        ..config()
    };
    let mut broker = Broker::new();
    broker.append(tp(0), 0, 10);
    let setup = member("w-1", late, program(after_processing(), 1));
    let mut kernel = Kernel::new(vec![setup], broker);
    start(&mut kernel);
    let append = |kernel: &mut Kernel| kernel.broker.append(tp(0), 10, 5);
    kernel.strike(ms(1000), 0, Strike::Call(append));
    kernel.run_to(ms(2000));
    assert_eq!(polls(&kernel), [(1000, 10, 14)]);
}

#[test]
fn without_a_reset_policy_poll_throws_and_the_application_ends() {
    let strict = ConsumerConfig {
        offset_reset: OffsetReset::None,
        ..config()
    };
    let mut broker = Broker::new();
    broker.append(tp(0), 0, 10);
    let setup = member("w-1", strict, program(after_processing(), 1));
    let mut kernel = Kernel::new(vec![setup], broker);
    start(&mut kernel);
    kernel.run_to(ms(2000));
    let thrown = when(&kernel, |fact| {
        let wanted = "NoOffsetForPartitionException";
        matches!(fact, Fact::Group(GroupFact::PollFailed { exception, .. }) if *exception == wanted)
    });
    assert_eq!(thrown.len(), 1);
    assert!(!kernel.is_up(0));
}

#[test]
fn a_position_beyond_the_end_is_reset() {
    let mut kernel = ten_records(after_processing());
    kernel.broker.committed.insert(tp(0), 99);
    kernel.run_to(ms(2000));
    assert_eq!(polls(&kernel).first().map(|p| p.1), Some(0));
    assert_eq!(kernel.broker.committed[&tp(0)], 10);
}

#[test]
fn a_seek_is_applied_before_the_next_poll() {
    let mut kernel = ten_records(after_processing());
    let seek = |kernel: &mut Kernel| {
        let mut effects = Vec::new();
        let mut facts = Vec::new();
        let (mut next_fact, mut next_conn) = (kafkasim::node::FactId(1), 0);
        let mut ctx = kafkasim::node::Ctx {
            now: Instant::ZERO,
            me: kafkasim::base::NodeId(1),
            cause: kafkasim::node::FactId::NONE,
            watched: StepMask::NONE,
            effects: &mut effects,
            facts: &mut facts,
            next_fact: &mut next_fact,
            next_conn: &mut next_conn,
        };
        kernel.members[0].seek(&mut ctx, SeekRequest::Offset(tp(0), 3));
    };
    kernel.strike(ms(500), 0, Strike::Call(seek));
    kernel.run_to(ms(2000));
    let ranges: Vec<_> = polls(&kernel).iter().map(|p| (p.1, p.2)).collect();
    assert_eq!(ranges, [(0, 9), (3, 9)]);
}

fn failing(on_failure: OnFailure, failures: Failures) -> Kernel {
    let mut broker = Broker::new();
    broker.append(tp(0), 0, 10);
    let mut steps = program(after_processing(), 20);
    steps.process.on_failure = on_failure;
    let pill = RecordKey::Id(RecordId(4));
    steps.process.fails.insert(pill, failures);
    let mut kernel = Kernel::new(vec![member("w-1", config(), steps)], broker);
    start(&mut kernel);
    kernel
}

#[test]
fn stopping_at_a_poison_pill_commits_nothing_of_its_batch() {
    let mut kernel = failing(OnFailure::Stop, Failures::Always);
    kernel.run_to(ms(1000));
    assert!(!kernel.is_up(0));
    assert_eq!(times_processed(&kernel), [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    assert!(kernel.broker.commits.is_empty());
}

#[test]
fn seeking_back_polls_again_from_the_failed_record() {
    let mut kernel = failing(OnFailure::SeekBack, Failures::Times(2));
    kernel.run_to(ms(2000));
    assert_eq!(times_processed(&kernel), [1; 10]);
    let ranges: Vec<_> = polls(&kernel).iter().map(|p| (p.1, p.2)).collect();
    assert_eq!(ranges, [(0, 9), (4, 9), (4, 9)]);
}

#[test]
fn a_record_sent_on_is_in_the_other_topic_before_the_application_goes_on() {
    let mut kernel = failing(OnFailure::Send(TOPIC), Failures::Always);
    kernel.run_to(ms(1000));
    assert!(
        kernel.broker.end(tp(0)) > 10,
        "sent to the same topic, it fails for ever"
    );
    let handed_on = when(&kernel, |fact| {
        matches!(fact, Fact::App(AppFact::HandedOn { .. }))
    });
    assert_eq!(handed_on[0].0, 100);
}

#[test]
fn workers_behind_the_loop_process_in_parallel_while_offsets_run_ahead() {
    let hand_off = Step::HandOff {
        steps: vec![Step::Process],
        queue: None,
        drop_revoked: false,
    };
    let mut kernel = ten_records(vec![poll(), hand_off, commit_sync(CommitOffsets::Polled)]);
    kernel.strike(ms(45), 0, Strike::Crash);
    kernel.run_to(ms(1000));
    let done: Vec<(u64, u64)> = processed(&kernel).iter().map(|p| (p.1, p.2)).collect();
    assert_eq!(
        done,
        [
            (0, 20),
            (1, 20),
            (2, 20),
            (3, 20),
            (4, 40),
            (5, 40),
            (6, 40),
            (7, 40)
        ]
    );
    assert_eq!(kernel.broker.committed[&tp(0)], 10, "8 and 9 are lost");
}

#[test]
fn a_careful_hand_off_commits_what_is_processed_in_order() {
    let hand_off = Step::HandOff {
        steps: vec![Step::Process],
        queue: Some(2),
        drop_revoked: false,
    };
    let mut kernel = ten_records(vec![
        poll(),
        hand_off,
        commit_sync(CommitOffsets::Processed),
    ]);
    kernel.run_to(ms(1000));
    // Four in hand and two waiting: six at once, then one for each that is done.
    let handed = when(&kernel, |fact| {
        matches!(fact, Fact::App(AppFact::HandedOff { .. }))
    });
    assert_eq!(handed.first(), Some(&(0, 0)));
    let committed: Vec<u64> = kernel.broker.commits.iter().map(|c| c.2).collect();
    assert_eq!(committed, [4], "at 20 ms the last record is handed over");
}

#[test]
fn a_commit_concerns_what_it_moves_past_for_the_first_time() {
    let mut kernel = ten_records(after_processing());
    kernel.watched = StepMask::ALL;
    kernel.run_to(ms(1000));
    let commits: Vec<_> = kernel
        .points
        .iter()
        .filter(|(_, _, point)| point.step == StepKind::CommitSync)
        .map(|(at, _, point)| {
            (
                at.as_millis(),
                point.phase,
                point.concerns[0].offsets.clone(),
            )
        })
        .collect();
    assert_eq!(
        commits,
        [(200, Phase::Before, 0..10), (200, Phase::After, 0..10)]
    );
    let polled = kernel
        .points
        .iter()
        .find(|(_, _, point)| point.step == StepKind::Poll && point.phase == Phase::After);
    let (_, _, point) = polled.expect("polls are watched");
    assert_eq!(point.concerns[0].offsets, 0..10);
    let _ = Span::ZERO;
}
