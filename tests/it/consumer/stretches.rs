//! A stretch and the same records step by step are one: same effects, same offset commits, same
//! instants, whatever strikes in between.

use kafkasim::base::{Dist, Instant, Offset, RecordId, Span, TopicPartition};
use kafkasim::kafka::client::ClientFamily;
use kafkasim::kafka::config::ConsumerConfig;
use kafkasim::node::StepMask;
use kafkasim::node::consumer::program::{Failures, OnFailure, RecordKey};
use kafkasim::node::consumer::{CommitOffsets, MemberSetup, Program, Step};

use super::broker::Broker;
use super::kernel::{Kernel, Strike, ms};
use super::scene::*;

type Outcome = (
    Vec<(TopicPartition, Offset, u64)>,
    Vec<(Instant, TopicPartition, Offset)>,
    Vec<(u64, Offset, Offset)>,
);

fn run(setup: &MemberSetup, mask: StepMask, strikes: &[(u64, Strike)]) -> Outcome {
    let mut broker = Broker::new();
    for partition in 0..3 {
        // Batches of different sizes, ids that do not follow each other.
        for (batch, count) in [3, 1, 7, 20, 4].into_iter().enumerate() {
            broker.append(tp(partition), partition * 1000 + batch as u32 * 100, count);
        }
    }
    let mut kernel = Kernel::new(vec![setup.clone()], broker);
    kernel.watched = mask;
    start(&mut kernel);
    for (at, strike) in strikes {
        kernel.strike(ms(*at), 0, *strike);
    }
    kernel.run_to(ms(20_000));
    let (done, polled) = (processed(&kernel), polls(&kernel));
    (done, kernel.broker.commits, polled)
}

fn same_both_ways(setup: &MemberSetup, strikes: &[(u64, Strike)]) -> Outcome {
    let stretched = run(setup, StepMask::NONE, strikes);
    let stepped = run(setup, StepMask::ALL, strikes);
    assert_eq!(stretched, stepped);
    stretched
}

fn forget_member(kernel: &mut Kernel) {
    kernel.broker.expire("w-1");
}

/// A crash in the middle of a stretch, another at the very end of a record, a stall.
const STRIKES: [(u64, Strike); 6] = [
    (33, Strike::Crash),
    (34, Strike::Call(forget_member)),
    (100, Strike::Restart),
    (170, Strike::Stall(Span::from_millis(55))),
    (250, Strike::Stall(Span::from_millis(1))),
    (291, Strike::Stall(Span::from_millis(500))),
];

fn loops() -> Vec<Vec<Step>> {
    vec![
        after_processing(),
        vec![
            poll(),
            commit_sync(CommitOffsets::Polled),
            Step::Each(vec![Step::Process]),
        ],
        vec![
            poll(),
            Step::Each(vec![Step::Process, commit_sync(CommitOffsets::ThisRecord)]),
        ],
        vec![
            poll(),
            Step::Each(vec![Step::Process]),
            Step::CommitAsync {
                offsets: CommitOffsets::Processed,
                every: 2,
                shift: -1,
            },
            Step::Sleep(Span::from_millis(7)),
        ],
    ]
}

#[test]
fn constant_times_give_the_same_either_way() {
    for steps in loops() {
        let setup = member("w-1", config(), program(steps, 5));
        let (done, ..) = same_both_ways(&setup, &[]);
        assert_eq!(done.len(), 105);
        let (done, commits, _) = same_both_ways(&setup, &STRIKES);
        assert!(105 <= done.len() + 10 && !commits.is_empty());
    }
}

#[test]
fn drawn_slow_and_failing_records_give_the_same_either_way() {
    for steps in loops() {
        let mut program: Program = program(steps, 5);
        program.process.time = Dist::Uniform {
            low: Span::from_millis(1),
            high: Span::from_millis(20),
        };
        let slow = RecordKey::At(tp(1), 6);
        program.process.slow.insert(slow, Span::from_millis(40));
        let fails = RecordKey::Id(RecordId(2105));
        program.process.fails.insert(fails, Failures::Times(2));
        program
            .process
            .fails
            .insert(RecordKey::At(tp(0), 12), Failures::Always);
        program.process.retries = 2;
        program.process.backoff = Span::from_millis(3);
        program.process.on_failure = OnFailure::Skip;
        let setup = member("w-1", config(), program);
        let (done, ..) = same_both_ways(&setup, &[]);
        assert_eq!(done.len(), 104, "all but the poison pill");
        same_both_ways(&setup, &STRIKES);
    }
}

#[test]
fn the_background_commit_of_librdkafka_sees_the_same_either_way() {
    let config = ConsumerConfig {
        auto_commit: true,
        auto_commit_interval: Span::from_millis(13),
        ..config()
    };
    let steps = vec![poll(), Step::Each(vec![Step::Process])];
    let mut setup = member("w-1", config, program(steps, 5));
    setup.family = ClientFamily::Librdkafka;
    let (_, commits, _) = same_both_ways(&setup, &[]);
    // At 13 ms the third record (10 to 15 ms) is in hand, and committed.
    assert_eq!(commits[0].0, ms(13));
    assert_eq!(commits[0].2, 3);
    same_both_ways(&setup, &STRIKES);
}

#[test]
fn what_is_done_exactly_when_a_crash_strikes_has_not_happened() {
    let setup = member("w-1", config(), program(after_processing(), 5));
    let (done, ..) = same_both_ways(&setup, &[(25, Strike::Crash)]);
    assert_eq!(done.len(), 4, "5, 10, 15 and 20 ms: {done:?}");
}

#[test]
fn a_stall_holds_back_one_record_and_what_follows() {
    let setup = member("w-1", config(), program(after_processing(), 5));
    let stall = (12, Strike::Stall(Span::from_millis(100)));
    let (done, ..) = same_both_ways(&setup, &[stall]);
    let times: Vec<u64> = done.iter().take(5).map(|(.., at)| *at).collect();
    assert_eq!(times, [5, 10, 112, 117, 122]);
}
