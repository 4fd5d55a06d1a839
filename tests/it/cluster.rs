//! Clusters whose brokers fail: what clients and logs come to, and what has to hold whatever happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafkasim::base::{NodeId, Seed, Stream, TopicPartition};
use kafkasim::node::fact::{Choice, ClusterFact, FaultFact, GroupFact, LogFact};
use kafkasim::node::{Fact, Stated};
use kafkasim::sim::Sim;
use kafkasim::verdict::{Ending, FactWord};

use crate::world::{experiment, facts_of, run};

/// Three brokers, one topic of three copies led by broker 1, a producer and a group.
fn world(config: &str, faults: &str) -> String {
    format!(
        "
title: Brokers fail
cluster: {{ config: {{ offsets.topic.num.partitions: 1 }} }}
topics:
  orders: {{ replica-assignment: [[1, 2, 3]], config: {{ min.insync.replicas: 2 }} }}
producers:
  shop: {{ topic: orders, records: 300, every: 100ms, config: {{ {config} }} }}
groups:
  workers: {{ topics: [orders], members: 1, commit: after-processing, config: {{ auto.offset.reset: earliest }} }}
faults: [{faults}]
"
    )
}

#[test]
fn a_dead_leader_is_replaced_after_its_session_and_nothing_with_acks_all_is_lost_or_doubled() {
    let outcome = run(&world(
        "",
        "{ crash: leader of orders-0, at: 5s, restart-after: 15s }",
    ));
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!((orders.appended, orders.appended_twice.len()), (300, 0));
    assert!(orders.truncated.is_empty());
    let group = outcome.verdict.group("workers").expect("it is in the file");
    assert_eq!((group.once.len(), group.lost_count()), (300, 0));
    assert_eq!(outcome.ledger.seen().count(FactWord::BrokerFenced), 1);
    let partition = &orders.partitions[0];
    assert_eq!(partition.leader.as_deref(), Some("broker-2"));
    assert_eq!(partition.isr.len(), 3, "the old leader is in sync again");
}

#[test]
fn the_session_of_a_silent_broker_ends_nine_seconds_after_its_last_heartbeat() {
    for seed in 1..20 {
        let text = world("", "{ crash: broker-1, at: 5s }");
        let experiment = experiment(&text).with_seed(Seed(seed));
        let facts = facts_of(&experiment);
        let fenced = facts
            .iter()
            .find(|s| matches!(s.fact, Fact::Cluster(ClusterFact::BrokerFenced { .. })));
        let at = fenced.expect("nobody hears of it any more").at.as_millis();
        assert!(
            (12_000..=14_010).contains(&at),
            "7 to 9 s after the crash: {at}"
        );
    }
}

#[test]
fn a_process_that_returns_within_the_session_of_the_one_before_is_refused_until_that_ends() {
    let outcome = run(&world("", "{ crash: broker-1, at: 5s, restart-after: 1s }"));
    assert_eq!(outcome.ledger.seen().count(FactWord::BrokerFenced), 1);
    assert_eq!(outcome.ledger.seen().count(FactWord::LeaderElected), 1);
}

#[test]
fn the_last_replica_in_sync_leads_again_when_it_is_back() {
    let faults =
        "{ crash: [broker-2, broker-3], at: 3s }, { crash: broker-1, at: 18s, restart-after: 20s }";
    let text = world("", faults).replace("min.insync.replicas: 2", "min.insync.replicas: 1");
    let outcome = run(&text);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!(orders.appended, 300);
    assert_eq!(orders.partitions[0].leader.as_deref(), Some("broker-1"));
    assert_eq!(orders.partitions[0].isr, ["broker-1"]);
}

#[test]
fn a_leader_that_closes_hands_over_at_once() {
    let outcome = run(&world(
        "",
        "{ close: leader of orders-0, at: 5s, restart-after: 3s }",
    ));
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!((orders.appended, orders.appended_twice.len()), (300, 0));
    let text = world(
        "",
        "{ close: leader of orders-0, at: 5s, restart-after: 3s }",
    );
    let facts = facts_of(&experiment(&text));
    let elected = facts.iter().find(|s| {
        matches!(
            s.fact,
            Fact::Cluster(ClusterFact::LeaderElected {
                leader: Some(_),
                ..
            })
        )
    });
    let at = elected.expect("another leads").at.as_millis();
    assert!(at < 5_100, "no session has to end first: {at}");
}

#[test]
fn a_broker_that_takes_longer_to_close_than_its_restart_is_off_begins_anew_when_it_has_closed() {
    let text = world(
        "",
        "{ pause: active controller, at: 3s, for: 20s }, { close: broker-1, at: 5s, restart-after: 5s }",
    );
    let facts = facts_of(&experiment(&text));
    let began = |s: &&Stated| s.fact == Fact::Fault(FaultFact::Restarted);
    let began: Vec<u64> = facts
        .iter()
        .filter(began)
        .map(|s| s.at.as_millis())
        .collect();
    let [at] = began[..] else {
        panic!("it begins anew once: {began:?}");
    };
    assert!(
        (23_000..24_000).contains(&at),
        "a broker awaits the controller's leave to stop: {at}"
    );
    let outcome = run(&text);
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!(orders.partitions[0].isr.len(), 3);
}

#[test]
fn an_administrator_has_the_preferred_leader_lead_again_once_it_is_in_sync() {
    let crash = "{ crash: broker-1, at: 5s, restart-after: 10s }";
    let ask = |at: &str| format!("{crash}, {{ elect-leader: orders-0, at: {at}, optional: true }}");
    let leader_of = |faults: &str| {
        let outcome = run(&world("", faults));
        assert_eq!(outcome.verdict.ends, Ending::Drained);
        let orders = outcome.verdict.topic("orders").expect("it is in the file");
        assert_eq!((orders.appended, orders.appended_twice.len()), (300, 0));
        orders.partitions[0].leader.clone()
    };
    assert_eq!(leader_of(crash).as_deref(), Some("broker-2"));
    assert_eq!(
        leader_of(&ask("14500ms")).as_deref(),
        Some("broker-2"),
        "PREFERRED_LEADER_NOT_AVAILABLE: it is not in sync"
    );
    assert_eq!(leader_of(&ask("25s")).as_deref(), Some("broker-1"));
}

#[test]
fn an_administrator_has_an_unclean_leader_elected_where_nobody_leads() {
    let crashes =
        "{ crash: [broker-2, broker-3], at: 3s, restart-after: 40s }, { crash: broker-1, at: 30s }";
    let unclean = |at: &str| {
        let faults = format!(
            "{crashes}, {{ elect-leader: orders-0, type: unclean, at: {at}, optional: true }}"
        );
        let text = world("", &faults).replace("min.insync.replicas: 2", "min.insync.replicas: 1");
        let facts = facts_of(&experiment(&text));
        let unclean = facts.iter().filter(|s| {
            let elected = match &s.fact {
                Fact::Cluster(ClusterFact::LeaderElected { choice, .. }) => Some(*choice),
                _ => None,
            };
            elected == Some(Choice::Unclean)
        });
        unclean.count()
    };
    assert_eq!(unclean("20s"), 0, "ELECTION_NOT_NEEDED: broker-1 leads");
    assert_eq!(unclean("50s"), 1, "broker-2 is alive and was not in sync");
}

#[test]
fn while_the_controller_is_down_leaders_go_on_and_nobody_is_fenced() {
    let faults = "{ crash: active controller, at: 3s, restart-after: 40s }";
    let outcome = run(&world("", faults));
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    assert_eq!(outcome.ledger.seen().count(FactWord::BrokerFenced), 0);
    let orders = outcome.verdict.topic("orders").expect("it is in the file");
    assert_eq!(orders.appended, 300);
}

#[test]
fn a_paused_leader_is_replaced_and_what_it_still_writes_is_cut_off() {
    let text = world(
        "acks: 1, enable.idempotence: false, linger.ms: 0",
        "{ pause: leader of orders-0, at: 5s, for: 20s }",
    );
    let facts = facts_of(&experiment(&text));
    let cut = facts.iter().find_map(|s| match s.fact {
        Fact::Cluster(ClusterFact::LogTruncated { from, to, .. }) => Some((s.who, from - to)),
        _ => None,
    });
    let (who, count) = cut.expect("the old leader follows now");
    let name = facts
        .iter()
        .any(|s| s.who == who && matches!(s.fact, Fact::Log(LogFact::Appended { .. })));
    assert!(name && 0 < count);
    assert_eq!(run(&text).verdict.ends, Ending::Drained);
}

/// What has to hold in every run, from its facts.
#[derive(Debug, Default)]
struct Invariants {
    leaders: BTreeMap<(TopicPartition, u32), NodeId>,
    epochs: BTreeMap<TopicPartition, u32>,
    watermarks: BTreeMap<(TopicPartition, NodeId), u64>,
}

impl Invariants {
    fn see(&mut self, stated: &Stated) {
        match &stated.fact {
            Fact::Log(LogFact::Appended {
                partition,
                leader_epoch,
                ..
            })
            | Fact::Cluster(ClusterFact::LeadershipBegun {
                partition,
                leader_epoch,
                ..
            }) => {
                let leader = self.leaders.entry((*partition, *leader_epoch));
                let leader = *leader.or_insert(stated.who);
                assert_eq!(leader, stated.who, "one leader per epoch: {stated:?}");
                if matches!(stated.fact, Fact::Cluster(_)) {
                    self.watermarks.remove(&(*partition, stated.who));
                }
            }
            Fact::Cluster(ClusterFact::LeaderElected {
                partition,
                leader_epoch,
                ..
            }) => {
                let before = self.epochs.insert(*partition, *leader_epoch);
                assert!(before < Some(*leader_epoch), "epochs grow: {stated:?}");
            }
            Fact::Log(LogFact::Replicated {
                partition,
                from,
                to,
            }) => {
                assert!(from < to, "high watermarks grow: {stated:?}");
                let known = self.watermarks.insert((*partition, stated.who), *to);
                assert!(
                    known.is_none_or(|known| known == *from),
                    "{stated:?} after {known:?}"
                );
            }
            _ => {}
        }
    }
}

/// A random schedule: which broker, what, when, for how long. At most one broker is struck at a
/// time where `overlapping` is false.
fn schedule(stream: &mut Stream, overlapping: bool) -> String {
    let mut faults = Vec::new();
    let mut at = 3_000;
    for _ in 0..stream.between(1, 4) {
        let broker = stream.between(1, 3);
        let down = stream.between(100, 25_000);
        faults.push(match stream.between(0, 3) {
            0 => format!("{{ pause: broker-{broker}, at: {at}ms, for: {down}ms, optional: true }}"),
            1 => format!(
                "{{ close: broker-{broker}, at: {at}ms, restart-after: {down}ms, optional: true }}"
            ),
            _ => format!(
                "{{ crash: broker-{broker}, at: {at}ms, restart-after: {down}ms, optional: true }}"
            ),
        });
        at += if overlapping {
            stream.between(0, 20_000)
        } else {
            down + stream.between(15_000, 30_000)
        };
    }
    faults.join(", ")
}

/// A swarm of random schedules: what is drawn differs from seed to seed, what holds does not.
#[test]
fn whatever_brokers_do_logs_agree_and_nothing_that_all_in_sync_had_is_lost() {
    for seed in 0..120_u64 {
        let mut stream = Stream::new(Seed(seed), "swarm", "faults");
        let overlapping = stream.between(0, 1) == 1;
        let acks = ["", "acks: 1, enable.idempotence: false"][stream.between(0, 1) as usize];
        let min_isr = stream.between(1, 2);
        let unclean = stream.between(0, 3) == 0;
        let text = world(acks, &schedule(&mut stream, overlapping)).replace(
            "min.insync.replicas: 2",
            &format!("min.insync.replicas: {min_isr}, unclean.leader.election.enable: {unclean}"),
        );
        let experiment = experiment(&text).with_seed(Seed(seed));
        let mut invariants = Invariants::default();
        let mut sim = Sim::new(Arc::clone(&experiment.setup));
        let end = sim.run(&mut |stated| invariants.see(stated));
        assert_eq!(sim.disagreement(), None, "seed {seed}\n{text}");
        let outcome = experiment.run();
        let is_drained = outcome.verdict.ends == Ending::Drained;
        assert!(
            is_drained,
            "seed {seed}: {:?} {:?}\n{text}",
            outcome.verdict.ends, end.at
        );
        let orders = outcome.verdict.topic("orders").expect("it is in the file");
        if acks.is_empty() && !unclean {
            assert!(
                orders.truncated.is_empty(),
                "seed {seed}: {:?}\n{text}",
                orders.truncated
            );
            assert!(
                orders.appended_twice.is_empty(),
                "seed {seed}: {:?}\n{text}",
                orders.appended_twice
            );
        }
    }
}

/// The world with so many copies of the offsets of its group.
fn with_offsets_on(copies: u32, faults: &str) -> String {
    world("", faults).replace(
        "offsets.topic.num.partitions: 1",
        &format!("offsets.topic.num.partitions: 1, offsets.topic.replication.factor: {copies}"),
    )
}

#[test]
fn the_offsets_of_a_group_survive_their_coordinator() {
    let faults = "{ crash: group coordinator of workers, at: 10s, restart-after: 30s }";
    let outcome = run(&with_offsets_on(3, faults));
    assert_eq!(outcome.verdict.ends, Ending::Drained);
    let group = outcome.verdict.group("workers").expect("it is in the file");
    assert_eq!((group.once.len(), group.lost_count()), (300, 0));
    let resets = outcome.ledger.seen().count(FactWord::OffsetReset);
    assert_eq!(resets, 1, "at the very start, and never again");
}

#[test]
fn with_one_copy_of_its_offsets_a_group_commits_nothing_until_the_coordinator_is_back() {
    let faults = "{ crash: group coordinator of workers, at: 10s, restart-after: 60s }";
    let commits = |copies| {
        let text = with_offsets_on(copies, faults);
        let outcome = run(&text);
        assert_eq!(outcome.verdict.ends, Ending::Drained);
        let group = outcome.verdict.group("workers").expect("it is in the file");
        assert_eq!(group.lost_count(), 0);
        let facts = facts_of(&experiment(&text));
        let stored = |s: &&Stated| {
            (25_000..69_000).contains(&s.at.as_millis())
                && matches!(s.fact, Fact::Group(GroupFact::OffsetCommitted { .. }))
        };
        facts.iter().filter(stored).count()
    };
    assert!(0 < commits(3), "another broker has the offsets too");
    assert_eq!(commits(1), 0, "nobody else has them");
}
