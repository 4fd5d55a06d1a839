//! Static members in whole worlds: brokers, coordinator and members together, by the file's words.

use kafkasim::lab::Experiment;
use kafkasim::node::fact::GroupFact;
use kafkasim::node::{Fact, Stated};

use crate::world::{self, facts_of};

/// Nothing takes time but what the members do: two of them, one partition each.
const WORLD: &str = "
title: Static members
network: { latency: 0ms }
cluster: { request-time: 0ms }
topics: { orders: { partitions: 2, replication.factor: 3 } }
producers: { shop: { topic: orders, records: 1000, every: 1s, keys: { cycle: [a, b, c, d] } } }
groups:
  workers:
    topics: [orders]
    members: 2
    config: { auto.offset.reset: earliest, group.instance.id: <actor> }
";

fn experiment(more: &str) -> Experiment {
    world::experiment(&format!("{WORLD}{more}"))
}

/// The milliseconds at which facts of the group were stated that match.
fn when(facts: &[Stated], wanted: impl Fn(&GroupFact) -> bool) -> Vec<u64> {
    let matching = facts.iter().filter(|stated| match &stated.fact {
        Fact::Group(fact) => wanted(fact),
        _ => false,
    });
    matching.map(|stated| stated.at.as_millis()).collect()
}

fn rebalances(facts: &[Stated]) -> Vec<u64> {
    when(facts, |fact| {
        matches!(fact, GroupFact::RoundCompleted { first: false, .. })
    })
}

fn expired(facts: &[Stated]) -> Vec<u64> {
    when(facts, |fact| {
        matches!(fact, GroupFact::SessionExpired { .. })
    })
}

fn returned(facts: &[Stated]) -> Vec<u64> {
    when(facts, |fact| matches!(fact, GroupFact::StaticRejoin { .. }))
}

#[test]
fn the_place_of_a_static_member_is_kept_for_exactly_one_session_after_its_last_heartbeat() {
    // The group forms at 6000 or soon after, and heartbeats leave every 3 s from then on.
    let stays_away = experiment("faults: [{ crash: workers-2, at: 100s }]\n");
    let facts = facts_of(&stays_away);
    let [expired] = expired(&facts)[..] else {
        panic!("one session ends");
    };
    let joined = when(&facts, |fact| {
        matches!(fact, GroupFact::JoinCompleted { generation: 1, .. })
    });
    let last_beat = joined[0] + (100_000 - joined[0]) / 3_000 * 3_000;
    assert_eq!(expired, last_beat + 45_000);

    // Back one millisecond before that it finds its place; one millisecond after it joins anew.
    let back_after = |millis: u64| {
        let fault = format!("{{ crash: workers-2, at: 100s, restart-after: {millis}ms }}");
        facts_of(&experiment(&format!("faults: [{fault}]\n")))
    };
    let in_time = back_after(expired - 100_000 - 1);
    assert_eq!(returned(&in_time), [expired - 1]);
    assert!(rebalances(&in_time).is_empty());
    let too_late = back_after(expired - 100_000 + 1);
    assert!(returned(&too_late).is_empty());
    assert_eq!(rebalances(&too_late).len(), 1, "one round has both in it");
}

#[test]
fn a_busy_static_member_falls_silent_and_is_expired_a_session_later() {
    let busy = experiment("    process: { slow: { shop#50: 350s } }\nlimits: { drain: 20min }\n");
    let facts = facts_of(&busy);
    let silent = when(&facts, |fact| matches!(fact, GroupFact::FellSilent { .. }));
    // Whoever gets the record next falls silent over it too.
    let (silent, expired) = (silent[0], expired(&facts)[0]);
    // The last heartbeat left at most one interval before, and none at the instant itself.
    assert!(
        (silent + 42_000..silent + 45_000).contains(&expired),
        "silent at {silent}, expired at {expired}"
    );
    let left = when(&facts, |fact| matches!(fact, GroupFact::MemberLeft { .. }));
    assert!(left.is_empty());
}

#[test]
fn twins_take_each_others_place_without_a_round_and_the_older_one_is_fenced() {
    let twins = experiment(
        "variants: { twins: { groups: { workers: { members: 3, config: { group.instance.id: one }, \
         except: { workers-2: { start-at: 30s }, workers-3: { config: { group.instance.id: other } } } } } } }\n",
    );
    let facts = facts_of(&twins);
    let places: Vec<(u32, u32)> = facts
        .iter()
        .filter_map(|stated| match &stated.fact {
            Fact::Group(GroupFact::StaticRejoin { member, before, .. }) => {
                Some((before.0, member.0))
            }
            _ => None,
        })
        .collect();
    let [(older, younger)] = places[..] else {
        panic!("one takes the place of the other, once: {places:?}");
    };
    assert_eq!(younger, older + 1);
    let fenced: Vec<u32> = facts
        .iter()
        .filter_map(|stated| match &stated.fact {
            Fact::Group(GroupFact::MemberFenced { member, .. }) => Some(member.0),
            _ => None,
        })
        .collect();
    assert!(!fenced.is_empty() && fenced.iter().all(|member| *member == older));
    assert!(rebalances(&facts).is_empty());
    // The verdict knows whose the partition is now.
    let outcome = twins.run();
    let group = outcome
        .verdict
        .group("workers")
        .expect("the group is there");
    assert_eq!(group.moved, 1);
}
