//! Worked timelines of the Java consumer, in milliseconds.

use kafkasim::base::{Span, TopicPartition};
use kafkasim::kafka::config::ConsumerConfig;
use kafkasim::node::Fact;
use kafkasim::node::consumer::Step;
use kafkasim::node::consumer::program::RecordKey;
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
