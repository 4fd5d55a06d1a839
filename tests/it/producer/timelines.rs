//! Worked timelines: when batches leave, and in which order a log comes to be.

use kafkasim::base::Span;
use kafkasim::kafka::config::ProducerConfig;
use kafkasim::node::fact::{BatchReason, ProduceFact};

use super::kernel::{Blow, Fate, World, ms, script, setup};

/// Not idempotent, with this linger.
fn plain(linger: u64) -> ProducerConfig {
    ProducerConfig {
        idempotence: false,
        linger: Span::from_millis(linger),
        ..ProducerConfig::default()
    }
}

/// Runs a script; its first record, at 0, makes the connection.
fn world(records: &[(u64, u32)], config: ProducerConfig, partitions: u32) -> World {
    let mut setup = setup(0, config);
    let warm_up = [(0, 0)];
    setup.workload = script(&[&warm_up, records].concat()).into();
    World::new(setup, partitions, 1)
}

/// Leaves the warm-up out.
fn after_warm_up(batches: Vec<(u64, Vec<u32>)>) -> Vec<(u64, Vec<u32>)> {
    batches.into_iter().filter(|(at, _)| 1000 <= *at).collect()
}

#[test]
fn a_batch_waits_for_linger_and_the_next_does_not_wait_for_its_answer() {
    let mut world = world(&[(1000, 0), (1002, 0), (1004, 0), (1006, 0)], plain(5), 1);
    world.run_until(ms(2000));
    let sent = after_warm_up(world.batches_sent());
    assert_eq!(sent, [(1005, vec![1, 2, 3]), (1011, vec![4])]);
    let acknowledged = after_warm_up(world.acknowledged());
    assert_eq!(acknowledged, [(1015, vec![1, 2, 3]), (1021, vec![4])]);
}

#[test]
fn without_linger_every_record_goes_at_once_while_in_flight_allows() {
    let records = [(1000, 0), (1002, 0), (1004, 0)];
    let mut several = world(&records, plain(0), 1);
    several.run_until(ms(2000));
    let sent = after_warm_up(several.batches_sent());
    assert_eq!(sent, [(1000, vec![1]), (1002, vec![2]), (1004, vec![3])]);

    let one = ProducerConfig {
        max_in_flight: 1,
        ..plain(0)
    };
    let mut single = world(&records, one, 1);
    single.run_until(ms(2000));
    let sent = after_warm_up(single.batches_sent());
    assert_eq!(sent, [(1000, vec![1]), (1010, vec![2, 3])]);
}

#[test]
fn a_batch_that_still_lingers_goes_along_with_one_that_is_due() {
    let mut world = world(&[(1000, 0), (1004, 1)], plain(5), 2);
    world.run_until(ms(2000));
    let reasons = world.said(|fact| match fact {
        ProduceFact::BatchSent {
            partition, reason, ..
        } => Some((partition.partition, *reason)),
        _ => None,
    });
    let mut reasons: Vec<_> = reasons.into_iter().filter(|(at, _)| 1000 <= *at).collect();
    reasons.sort_by_key(|(_, (partition, _))| *partition);
    assert_eq!(
        reasons,
        [
            (1005, (0, BatchReason::LingerOver)),
            (1005, (1, BatchReason::Piggyback)),
        ]
    );
    let requests = world.said(|fact| match fact {
        ProduceFact::RequestSent { batches, .. } => Some(*batches),
        _ => None,
    });
    assert_eq!(requests.last(), Some(&(1005, 2)));
}

/// Three batches of one partition at 1000, 1001, 1002; the first is appended, then the connection
/// breaks at 1010 before anything is answered.
fn broken(config: ProducerConfig) -> World {
    let mut world = world(&[(1000, 0), (1001, 0), (1002, 0)], config, 1);
    world.fates = vec![Fate::Answered, Fate::Unanswered];
    world.blow(ms(1010), Blow::Break);
    world.run_until(ms(5000));
    world
}

#[test]
fn batches_that_fail_together_come_back_in_reverse_and_once_too_often() {
    let world = broken(plain(0));
    assert_eq!(world.log(0), [0, 1, 3, 2, 1]);
    let again: Vec<_> = after_warm_up(world.batches_sent()).split_off(3);
    assert_eq!(again.len(), 3, "{again:?}");
    for (at, _) in &again {
        assert!((1090..=1130).contains(at), "after the backoff: {again:?}");
    }
}

#[test]
fn one_request_in_flight_keeps_the_order_but_not_the_count() {
    let config = ProducerConfig {
        max_in_flight: 1,
        ..plain(0)
    };
    let mut world = world(&[(1000, 0), (1001, 0), (1002, 0)], config, 1);
    world.fates = vec![Fate::Answered, Fate::Unanswered];
    world.blow(ms(1010), Blow::Break);
    world.run_until(ms(5000));
    assert_eq!(world.log(0), [0, 1, 1, 2, 3]);
}

#[test]
fn an_idempotent_producer_keeps_order_and_count() {
    let config = ProducerConfig {
        linger: Span::ZERO,
        ..ProducerConfig::default()
    };
    let world = broken(config);
    assert_eq!(world.log(0), [0, 1, 2, 3]);
    let sent = after_warm_up(world.batches_sent());
    let records: Vec<_> = sent.iter().map(|(_, records)| records[0]).collect();
    assert_eq!(
        records,
        [1, 2, 3, 1, 2, 3],
        "the retries in order of their numbers"
    );
    // The first retry alone; the others only when the one before is done, a round trip later.
    let at: Vec<u64> = sent[3..].iter().map(|(at, _)| *at).collect();
    assert!((1090..=1130).contains(&at[0]), "{at:?}");
    assert_eq!((at[1] - at[0]).max(10), at[1] - at[0]);
    assert_eq!((at[2] - at[1]).max(10), at[2] - at[1]);
}

#[test]
fn an_overdue_request_takes_everything_on_its_connection_down() {
    let config = ProducerConfig {
        request_timeout: Span::from_millis(300),
        retry_backoff: Span::from_millis(50),
        retry_backoff_max: Span::from_millis(50),
        ..plain(0)
    };
    let mut world = world(&[(1000, 0), (1290, 0)], config, 1);
    world.fates = vec![Fate::Answered, Fate::Lost];
    world.run_until(ms(5000));
    let timed_out = world.said(|fact| match fact {
        ProduceFact::RequestTimedOut { .. } => Some(()),
        _ => None,
    });
    assert_eq!(timed_out, [(1301, ())], "more than 300 ms after the first");
    let retries = world.said(|fact| match fact {
        ProduceFact::Retry { records, .. } => Some(records.get(0).0 - 1000),
        _ => None,
    });
    assert_eq!(retries, [(1301, 1), (1301, 2)], "the second is 11 ms old");
    assert_eq!(world.log(0), [0, 2, 1]);
}

#[test]
fn a_batch_fails_when_its_time_is_over_however_young_its_records() {
    let config = ProducerConfig {
        delivery_timeout: Span::from_millis(500),
        request_timeout: Span::from_millis(250),
        ..plain(200)
    };
    let mut world = world(&[(1000, 0), (1150, 0)], config, 1);
    world.fates = vec![Fate::Answered; 1];
    world.fates.extend([Fate::Lost; 9]);
    world.run_until(ms(5000));
    let failed = world.said(|fact| match fact {
        ProduceFact::Failed { records, .. } => Some(records.len()),
        _ => None,
    });
    assert_eq!(failed, [(1500, 2)], "500 ms after the batch began");
}
