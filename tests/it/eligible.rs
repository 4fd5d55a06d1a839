//! Eligible leader replicas (KIP-966): who may lead when nobody is in sync.
//!
//! The table was recorded from three brokers and a controller of Kafka 4.1.0: processes killed with
//! signal 9, started again, closed, stopped and continued, with `describeTopics` after each.

use std::fmt::Write as _;

use kafkasim::node::Fact;
use kafkasim::node::fact::{Choice, ClusterFact};
use kafkasim::verdict::Ending;

use crate::world::{experiment, facts_of, run};

/// Topics by name: copies, leader first, and settings.
const TOPICS: &str = "
  t: { replica-assignment: [[1, 2, 3]], config: { min.insync.replicas: 2 } }
  u: { replica-assignment: [[2]] }
  v: { replica-assignment: [[3, 2, 1]], config: { unclean.leader.election.enable: true } }
  w: { replica-assignment: [[1, 2]] }
";

const FAULTS: &str = "
  - { crash: broker-3, at: 10s, restart-after: 50s }
  - { crash: broker-2, at: 20s, restart-after: 20s }
  - { crash: broker-1, at: 30s, restart-after: 50s }
  - { close: broker-2, at: 100s }
  - { pause: broker-3, at: 120s, for: 20s }
";

/// A topic, its leader, its in-sync and its eligible replicas.
type Stands = (&'static str, &'static str, &'static [u32], &'static [u32]);

/// When, and how each topic stands then, as Kafka gave it.
const RECORDED: &[(&str, [Stands; 4])] = &[
    (
        "18s", // broker 3 is gone
        [
            ("t", "1", &[1, 2], &[]),
            ("u", "2", &[2], &[]),
            ("v", "2", &[1, 2], &[]),
            ("w", "1", &[1, 2], &[]),
        ],
    ),
    (
        "28s", // broker 2 too
        [
            ("t", "1", &[1], &[2]),
            ("u", "none", &[], &[2]),
            ("v", "1", &[1], &[]),
            ("w", "1", &[1], &[]),
        ],
    ),
    (
        "50s", // broker 1 too; broker 2 is back
        [
            ("t", "none", &[], &[1]),
            ("u", "2", &[2], &[]),
            ("v", "2", &[2], &[]),
            ("w", "none", &[], &[1]),
        ],
    ),
    (
        "70s", // broker 3 is back
        [
            ("t", "none", &[], &[1]),
            ("u", "2", &[2], &[]),
            ("v", "2", &[2, 3], &[]),
            ("w", "none", &[], &[1]),
        ],
    ),
    (
        "90s", // broker 1 is back
        [
            ("t", "1", &[1, 2, 3], &[]),
            ("u", "2", &[2], &[]),
            ("v", "2", &[1, 2, 3], &[]),
            ("w", "1", &[1, 2], &[]),
        ],
    ),
    (
        "110s", // broker 2 was closed
        [
            ("t", "1", &[1, 3], &[]),
            ("u", "none", &[], &[2]),
            ("v", "3", &[1, 3], &[]),
            ("w", "1", &[1], &[]),
        ],
    ),
    (
        "130s", // broker 3 stands still
        [
            ("t", "1", &[1], &[3]),
            ("u", "none", &[], &[2]),
            ("v", "1", &[1], &[]),
            ("w", "1", &[1], &[]),
        ],
    ),
    (
        "150s", // broker 3 goes on
        [
            ("t", "1", &[1, 3], &[]),
            ("u", "none", &[], &[2]),
            ("v", "1", &[1, 3], &[]),
            ("w", "1", &[1], &[]),
        ],
    ),
];

fn brokers(numbers: &[u32]) -> String {
    let names: Vec<String> = numbers.iter().map(|n| format!("broker-{n}")).collect();
    format!("[{}]", names.join(", "))
}

/// The recorded story, with the table as what is expected at each instant.
fn story() -> String {
    let mut at = String::new();
    for (instant, topics) in RECORDED {
        writeln!(at, "    {instant}:\n      topics:").expect("a string takes it");
        for (topic, leader, isr, elr) in topics {
            let leader = match *leader {
                "none" => leader.to_string(),
                number => format!("broker-{number}"),
            };
            let (isr, elr) = (brokers(isr), brokers(elr));
            writeln!(
                at,
                "        {topic}-0: {{ leader: {leader}, isr: {isr}, elr: {elr} }}"
            )
            .expect("a string takes it");
        }
    }
    format!(
        "
title: Who may lead
cluster: {{ config: {{ broker.session.timeout.ms: 3000, broker.heartbeat.interval.ms: 500 }} }}
topics:{TOPICS}
producers: {{ shop: {{ topic: w, records: 10, every: 100ms }} }}
groups: {{ readers: {{ topics: [w], members: 1 }} }}
faults:{FAULTS}
expect:
  at:
{at}"
    )
}

#[test]
fn leaders_and_in_sync_and_eligible_replicas_are_kafkas_after_every_blow() {
    let outcome = run(&story());
    let wrong: Vec<String> = (outcome.judgement.checks.iter().filter(|check| !check.ok))
        .map(|check| format!("{check:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let drains = 1;
    assert_eq!(outcome.judgement.checks.len(), 8 * 4 * 3 + drains);
}

/// How each leader of a topic was found, in order; nobody counts as a leader.
fn choices(text: &str, topic: &str) -> Vec<Choice> {
    let experiment = experiment(text);
    let id = experiment.setup.cast.topic_id(topic);
    let elected = |fact: &Fact| match fact {
        Fact::Cluster(ClusterFact::LeaderElected {
            partition,
            leader: Some(_),
            choice,
            ..
        }) if Some(partition.topic) == id => Some(*choice),
        _ => None,
    };
    let facts = facts_of(&experiment);
    facts.iter().filter_map(|s| elected(&s.fact)).collect()
}

/// Three copies of which two must be in sync; all brokers go, one after the other, by this verb.
fn all_go(verb: &str, back: &str, features: &str) -> String {
    let gone = |broker: u32, at: u32| format!("{{ {verb}: broker-{broker}, at: {at}s{back} }}");
    format!(
        "
title: All brokers go
cluster: {{ {features} }}
topics: {{ t: {{ replica-assignment: [[1, 2, 3]], config: {{ min.insync.replicas: 2 }} }} }}
producers: {{ shop: {{ topic: t, records: 20, every: 100ms }} }}
groups: {{ readers: {{ topics: [t], members: 1, config: {{ auto.offset.reset: earliest }} }} }}
faults: [{}, {}, {}]
limits: {{ drain: 5min }}
",
        gone(3, 10),
        gone(2, 25),
        gone(1, 40)
    )
}

#[test]
fn who_was_only_paused_leads_out_of_the_eligible_without_being_unclean() {
    let text = all_go("pause", ", for: 60s", "");
    assert_eq!(choices(&text, "t"), [Choice::Eligible]);
    assert_eq!(run(&text).verdict.ends, Ending::Drained);
}

#[test]
fn who_led_last_leads_again_when_no_process_closed_its_logs() {
    let text = all_go("crash", ", restart-after: 60s", "");
    assert_eq!(choices(&text, "t"), [Choice::LastLeader]);
    assert_eq!(run(&text).verdict.ends, Ending::Drained);
}

#[test]
fn without_the_feature_the_last_replica_in_sync_stays_in_sync() {
    let off = "features: { eligible.leader.replicas.version: 0 }";
    let text = all_go("crash", ", restart-after: 60s", off);
    assert_eq!(choices(&text, "t"), [Choice::InSync]);
    assert_eq!(run(&text).verdict.ends, Ending::Drained);
}
