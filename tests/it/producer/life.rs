//! Blocking, failing, restarting, closing.

use std::sync::Arc;

use kafkasim::base::{Dist, Span};
use kafkasim::kafka::ErrorCode;
use kafkasim::kafka::config::ProducerConfig;
use kafkasim::kafka::message::Acks;
use kafkasim::node::fact::ProduceFact;
use kafkasim::node::producer::{OnSendFailure, Workload};

use super::kernel::{Blow, Fate, World, ms, script, setup, workload};

fn failures(world: &World) -> Vec<(u64, (u32, ErrorCode))> {
    world.said(|fact| match fact {
        ProduceFact::Failed { records, error, .. } => Some((records.get(0).0 - 1000, *error)),
        _ => None,
    })
}

fn ids(world: &World) -> Vec<(u64, u64)> {
    world.said(|fact| match fact {
        ProduceFact::ProducerIdAssigned { id, .. } => Some(*id),
        _ => None,
    })
}

fn finished(world: &World) -> Vec<u64> {
    let facts = world.said(|fact| (*fact == ProduceFact::Finished).then_some(()));
    facts.into_iter().map(|(at, ())| at).collect()
}

#[test]
fn a_restart_goes_on_with_the_first_record_not_sent_under_a_new_id() {
    let config = ProducerConfig {
        linger: Span::from_millis(100),
        ..ProducerConfig::default()
    };
    let mut world = World::new(setup(30, config), 1, 1);
    world.blow(ms(205), Blow::Crash(Span::from_millis(295)));
    world.run_until(ms(205));
    let next = world.producer.next_record();
    world.run_until(ms(5000));
    let sends = world.sends();
    let resumed = sends
        .iter()
        .find(|(number, _)| *number == next)
        .expect("it is sent");
    assert_eq!(resumed.1, ms(500).0, "the first send at the restart");
    assert_eq!(sends.len(), 30, "no record is sent twice");
    assert_eq!(ids(&world).len(), 2);
    let log = world.log(0);
    let lost: Vec<u32> = (0..30).filter(|number| !log.contains(number)).collect();
    assert!(!lost.is_empty(), "what lay in the accumulator is gone");
    assert!(lost.iter().all(|number| *number < next));
    assert!(world.producer.is_finished());
}

#[test]
fn a_send_without_metadata_fails_after_max_block() {
    let config = ProducerConfig {
        max_block: Span::from_millis(50),
        ..ProducerConfig::default()
    };
    let mut setup = setup(0, config);
    // The topic has no partition 3.
    setup.workload = script(&[(0, 3), (10, 0)]).into();
    let mut world = World::new(setup, 1, 1);
    world.run_until(ms(5000));
    assert_eq!(failures(&world), [(50, (0, ErrorCode::RequestTimedOut))]);
    assert_eq!(
        world.sends(),
        [(0, 0), (1, ms(50).0)],
        "the second waits for the first"
    );
    assert_eq!(world.log(0), [1]);
}

#[test]
fn a_full_buffer_blocks_and_then_fails() {
    let config = ProducerConfig {
        batch_size: 1000,
        buffer_memory: 2000,
        linger: Span::ZERO,
        max_block: Span::from_millis(100),
        idempotence: false,
        max_in_flight: 1,
        retry_backoff: Span::from_millis(300),
        retry_backoff_max: Span::from_millis(300),
        ..ProducerConfig::default()
    };
    let mut setup = setup(0, config);
    setup.workload = Arc::new(Workload {
        values: kafkasim::node::producer::Values::Bytes(800),
        ..workload(6)
    });
    let mut world = World::new(setup, 1, 1);
    world.fates = vec![Fate::Refused(ErrorCode::NotEnoughReplicas)];
    world.run_until(ms(5000));
    let full = world.said(|fact| (*fact == ProduceFact::BufferFull).then_some(()));
    assert!(!full.is_empty());
    let failed = failures(&world);
    assert_eq!(
        failed[0].1,
        (2, ErrorCode::RequestTimedOut),
        "two batches fill the memory"
    );
    assert_eq!(failed[0].0, full[0].0 + 100);
    assert!(world.producer.is_finished());
    assert_eq!(world.log(0).len() + failed.len(), 6);
}

#[test]
fn a_record_that_is_too_large_fails_at_once() {
    let config = ProducerConfig {
        max_request_size: 150,
        ..ProducerConfig::default()
    };
    let mut setup = setup(1, config);
    setup.workload = Arc::new(Workload {
        on_failure: OnSendFailure::Resend,
        ..workload(1)
    });
    let mut world = World::new(setup, 1, 1);
    world.run_until(ms(5000));
    let failed: Vec<_> = failures(&world)
        .into_iter()
        .map(|(_, failure)| failure)
        .collect();
    assert_eq!(
        failed,
        [(0, ErrorCode::MessageTooLarge)],
        "and is not sent again"
    );
    assert!(world.producer.is_finished());
}

#[test]
fn resend_appends_the_same_record_anew() {
    let config = ProducerConfig {
        retries: 0,
        idempotence: false,
        ..ProducerConfig::default()
    };
    let mut setup = setup(0, config);
    setup.workload = Arc::new(Workload {
        on_failure: OnSendFailure::Resend,
        ..workload(2)
    });
    let mut world = World::new(setup, 1, 1);
    world.fates = vec![Fate::Refused(ErrorCode::NotEnoughReplicasAfterAppend)];
    world.run_until(ms(5000));
    assert_eq!(failures(&world).len(), 1);
    let mut log = world.log(0);
    log.sort_unstable();
    assert_eq!(log, [0, 1]);
    let sends: Vec<u32> = world
        .sends()
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    assert_eq!(sends.iter().filter(|number| **number == 0).count(), 2);
}

#[test]
fn stop_closes_after_the_first_failure() {
    let config = ProducerConfig {
        retries: 0,
        idempotence: false,
        ..ProducerConfig::default()
    };
    let mut setup = setup(0, config);
    setup.workload = Arc::new(Workload {
        on_failure: OnSendFailure::Stop,
        ..workload(100)
    });
    let mut world = World::new(setup, 1, 1);
    world.fates = vec![Fate::Answered, Fate::Refused(ErrorCode::CorruptMessage)];
    world.run_until(ms(5000));
    assert!(world.exited && world.producer.is_finished());
    assert!(world.producer.next_record() < 20);
    assert!(finished(&world).len() <= 1);
}

#[test]
fn close_sends_what_is_queued_and_waits_for_the_answers() {
    let config = ProducerConfig {
        linger: Span::from_secs(10),
        ..ProducerConfig::default()
    };
    let mut world = World::new(setup(1000, config), 1, 1);
    world.blow(ms(305), Blow::Close);
    world.run_until(ms(304));
    assert!(world.log(0).is_empty(), "everything lingers");
    world.run_until(ms(314));
    assert!(!world.exited, "the answer takes a round trip");
    world.run_until(ms(315));
    let sent = world.producer.next_record();
    assert_eq!(world.log(0), (0..sent).collect::<Vec<_>>());
    assert!(world.exited && world.producer.is_finished());
    assert_eq!(world.sends().len() as u32, sent);
}

#[test]
fn with_acks_0_nobody_is_told_anything() {
    let config = ProducerConfig {
        acks: Acks::None,
        idempotence: false,
        ..ProducerConfig::default()
    };
    let mut world = World::new(setup(20, config), 1, 1);
    world.fates = vec![Fate::Answered, Fate::Lost];
    world.run_until(ms(5000));
    assert!(world.acknowledged().is_empty() && failures(&world).is_empty());
    assert!(world.log(0).len() < 20);
    assert!(world.producer.is_finished());
    assert_eq!(finished(&world).len(), 1);
}

#[test]
fn too_large_batches_are_split_until_they_fit() {
    let config = ProducerConfig {
        batch_size: 600,
        linger: Span::from_millis(50),
        ..ProducerConfig::default()
    };
    let mut setup = setup(0, config);
    setup.workload = Arc::new(Workload {
        every: Dist::Constant(Span::from_millis(1)),
        ..workload(5)
    });
    let mut world = World::new(setup, 1, 1);
    world.fates = vec![Fate::Refused(ErrorCode::MessageTooLarge); 3];
    world.run_until(ms(5000));
    assert!(failures(&world).is_empty());
    assert_eq!(world.log(0), [0, 1, 2, 3, 4], "in order, none lost");
}

#[test]
fn a_stalled_application_sends_nothing_while_the_sender_goes_on() {
    let mut world = World::new(setup(100, ProducerConfig::default()), 1, 1);
    world.blow(ms(202), Blow::Stall(Span::from_millis(300)));
    world.run_until(ms(5000));
    let during = |(_, at): &&(u32, u64)| (ms(202).0..ms(502).0).contains(at);
    assert_eq!(world.sends().iter().find(during), None);
    let again = world.sends().into_iter().find(|(_, at)| ms(502).0 <= *at);
    assert_eq!(
        again.map(|(_, at)| at),
        Some(ms(502).0),
        "the overdue send comes first"
    );
    assert_eq!(world.log(0).len(), 100);
}
