//! A stretch of sends simulated in one go is the same as the sends taken one by one.

use std::sync::Arc;

use kafkasim::base::{Dist, Span};
use kafkasim::kafka::config::ProducerConfig;
use kafkasim::node::producer::{Keys, ProducerSetup, Values, Workload};
use kafkasim::node::{StepKind, StepMask};

use super::kernel::{Blow, Fate, World, ms, setup, workload};

/// Everything but the way sends are stated.
fn outcome(world: &World) -> (Vec<(u32, u64)>, Vec<String>, Vec<String>) {
    let facts = world
        .facts
        .iter()
        .filter(|stated| !stated.fact.is_stretch());
    let facts = facts.map(|stated| format!("{} {:?}", stated.at, stated.fact));
    let logs = world.logs.iter().map(|log| format!("{log:?}"));
    (world.sends(), facts.collect(), logs.collect())
}

fn run(setup: &ProducerSetup, watched: StepMask, blows: &[(u64, Blow)]) -> World {
    let mut world = World::new(setup.clone(), 3, 2);
    world.watched = watched;
    world.fates = vec![Fate::Answered, Fate::Lost, Fate::Answered, Fate::Unanswered];
    for (at, blow) in blows {
        world.blow(ms(*at), *blow);
    }
    world.run_until(ms(60_000));
    world
}

fn key(number: u32) -> Arc<str> {
    format!("k{number}").into()
}

fn workloads() -> Vec<Workload> {
    let keys: Arc<[Arc<str>]> = (0..7).map(key).collect();
    let exponential = Dist::Exponential {
        mean: Span::from_micros(300),
    };
    vec![
        Workload {
            every: Dist::Constant(Span::from_micros(700)),
            ..workload(3000)
        },
        Workload {
            every: exponential.clone(),
            keys: Keys::Random(keys.clone()),
            values: Values::Between(10, 900),
            ..workload(3000)
        },
        Workload {
            every: exponential,
            keys: Keys::Zipf(keys),
            ..workload(3000)
        },
        Workload {
            every: Dist::Constant(Span::ZERO),
            ..workload(500)
        },
    ]
}

fn configs() -> Vec<ProducerConfig> {
    let base = ProducerConfig {
        request_timeout: Span::from_millis(400),
        ..ProducerConfig::default()
    };
    vec![
        base.clone(),
        ProducerConfig {
            linger: Span::ZERO,
            batch_size: 1000,
            ..base.clone()
        },
        ProducerConfig {
            idempotence: false,
            linger: Span::from_millis(20),
            buffer_memory: 40_000,
            max_block: Span::from_millis(300),
            ..base
        },
    ]
}

#[test]
fn stretched_and_stepped_runs_are_the_same() {
    let blows = [
        (120, Blow::Stall(Span::from_millis(37))),
        (210, Blow::Break),
        (333, Blow::Crash(Span::from_millis(250))),
        (900, Blow::Stall(Span::from_millis(11))),
    ];
    for workload in workloads() {
        for config in configs() {
            let mut setup = setup(0, config);
            setup.workload = Arc::new(workload.clone());
            let stretched = run(&setup, StepMask::NONE, &blows);
            let stepped = run(&setup, StepMask::ALL, &blows);
            let (ours, one_by_one) = (outcome(&stretched), outcome(&stepped));
            let difference = ours.1.iter().zip(&one_by_one.1).find(|(a, b)| a != b);
            assert_eq!(difference, None, "{:?}", setup.config);
            assert_eq!(ours, one_by_one, "{:?}", setup.config);
            assert!(stretched.points.is_empty() && !stepped.points.is_empty());
            assert!(stretched.producer.is_finished() && stepped.producer.is_finished());
        }
    }
}

#[test]
fn a_stretch_needs_fewer_events_than_records() {
    let mut setup = setup(0, ProducerConfig::default());
    setup.workload = Arc::new(Workload {
        every: Dist::Constant(Span::from_micros(10)),
        ..workload(20_000)
    });
    let mut world = World::new(setup, 1, 1);
    world.run_until(ms(5000));
    assert_eq!(world.log(0).len(), 20_000);
    assert!(world.events_handled < 2000, "{}", world.events_handled);
}

#[test]
fn every_send_can_be_stopped_at_before_and_after() {
    let setup = setup(5, ProducerConfig::default());
    let mut world = World::new(setup, 1, 1);
    world.watched = StepMask::ALL;
    world.run_until(ms(5000));
    let sends = world
        .points
        .iter()
        .filter(|point| point.step == StepKind::Send);
    assert_eq!(sends.count(), 10);
    let records = world
        .points
        .iter()
        .filter(|point| point.step == StepKind::Acknowledge);
    let records: u32 = records
        .flat_map(|p| &p.concerns)
        .map(|c| c.records.len())
        .sum();
    assert_eq!(records, 10, "each record before and after its answer");
}

#[test]
fn sends_are_stated_up_to_the_instant_of_a_fault_and_not_beyond() {
    let setup = setup(
        100,
        ProducerConfig {
            linger: Span::from_secs(1),
            ..ProducerConfig::default()
        },
    );
    let mut world = World::new(setup, 1, 1);
    world.run_until(ms(500));
    // The first send waits for metadata until 20 ms; the second is due 10 ms after it returned.
    let expected: Vec<(u32, u64)> = std::iter::once((0, 0))
        .chain((1..48).map(|number| (number, ms(20 + 10 * u64::from(number)).0)))
        .collect();
    assert_eq!(world.sends(), expected);
    world.run_until(ms(505));
    assert_eq!(world.sends().last(), Some(&(48, ms(500).0)));
}
