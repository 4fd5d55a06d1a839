//! Members subscribe to different topics (`UniformHeterogeneousAssignmentBuilder`).
//!
//! 1. Everybody keeps what is still theirs.
//! 2. Topic by topic, those with many partitions per subscriber first, the free partitions go to the
//!    subscribers with the fewest.
//! 3. In the same order, again and again: partitions of a topic move from those subscribers that
//!    have most to those that have fewest, until a whole round has moved nothing or 16 are over.

use std::collections::BTreeMap;

use super::Input;
use super::balancer::Balancer;
use crate::base::{TopicId, TopicPartition};

/// How often all topics are gone through.
const ROUNDS_MAX: usize = 16;

/// A topic with its subscribers, in ascending order.
struct Topic {
    id: TopicId,
    subscribers: Vec<usize>,
    /// Who is to have each partition.
    owners: Vec<Option<usize>>,
}

/// The targets by visit.
pub(super) fn divide(input: &Input<'_>) -> Vec<Vec<TopicPartition>> {
    let mut loads = vec![0; input.members.len()];
    let mut topics = topics_in_order(input);
    keep(input, &mut topics, &mut loads);
    for topic in &mut topics {
        deal(topic, &mut loads);
    }
    balance(&mut topics, &mut loads);
    let mut assigned = vec![Vec::new(); input.members.len()];
    for topic in &topics {
        for (partition, owner) in (0..).zip(&topic.owners) {
            let owner = owner.expect("every subscribed topic has a subscriber");
            assigned[owner].push(TopicPartition::new(topic.id, partition));
        }
    }
    assigned
}

/// The topics: by partitions per subscriber, most first; then few subscribers first; then by id.
fn topics_in_order(input: &Input<'_>) -> Vec<Topic> {
    let mut subscribers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
    for (index, member) in input.members.iter().enumerate() {
        for id in member.candidate.topics {
            let of_topic = subscribers.entry(*id).or_default();
            if of_topic.last() != Some(&index) {
                of_topic.push(index);
            }
        }
    }
    let mut topics: Vec<Topic> = input
        .topics
        .values()
        .map(|topic| Topic {
            id: topic.known.id,
            subscribers: subscribers.remove(&topic.known.id).unwrap_or_default(),
            owners: vec![None; topic.known.partitions as usize],
        })
        .collect();
    topics.sort_by(|a, b| {
        let (few, many) = (a.subscribers.len(), b.subscribers.len());
        // The quotients, without fractions: a/few against b/many.
        let most_first = (b.owners.len() * few).cmp(&(a.owners.len() * many));
        let id = |topic: &Topic| input.topics[&topic.id].uuid;
        most_first
            .then(few.cmp(&many))
            .then_with(|| id(a).cmp(&id(b)))
    });
    topics
}

/// Targets stay where they are still subscribed to (`maybeRevokePartitions`).
fn keep(input: &Input<'_>, topics: &mut [Topic], loads: &mut [usize]) {
    let places: BTreeMap<TopicId, usize> = topics
        .iter()
        .enumerate()
        .map(|(place, topic)| (topic.id, place))
        .collect();
    for (member, of_member) in input.members.iter().enumerate() {
        for partition in of_member.target {
            let Some(place) = places.get(&partition.topic) else {
                continue;
            };
            let topic = &mut topics[*place];
            if topic.subscribers.binary_search(&member).is_err() {
                continue;
            }
            if let Some(owner) = topic.owners.get_mut(partition.partition as usize) {
                *owner = Some(member);
                loads[member] += 1;
            }
        }
    }
}

/// The free partitions of a topic (`assignRemainingPartitions`).
fn deal(topic: &mut Topic, loads: &mut [usize]) {
    if !topic.owners.contains(&None) {
        return;
    }
    let mut balancer = Balancer::new(&topic.subscribers, loads);
    for owner in topic.owners.iter_mut().filter(|owner| owner.is_none()) {
        let member = balancer.next_least(loads);
        *owner = Some(member);
        loads[member] += 1;
    }
}

/// `balanceTopics`.
fn balance(topics: &mut [Topic], loads: &mut [usize]) {
    let shared = topics.iter_mut().filter(|t| 2 <= t.subscribers.len());
    let mut shared: Vec<&mut Topic> = shared.collect();
    let mut last_moved = None;
    for _ in 0..ROUNDS_MAX {
        for (place, topic) in shared.iter_mut().enumerate() {
            if last_moved == Some(place) {
                return;
            }
            let moved = balance_topic(topic, loads);
            if moved || last_moved.is_none() {
                last_moved = Some(place);
            }
        }
    }
}

/// Moves partitions of one topic from who has most to who has fewest. Whether any moved.
fn balance_topic(topic: &mut Topic, loads: &mut [usize]) -> bool {
    let mut balancer = Balancer::new(&topic.subscribers, loads);
    if balancer.imbalance(loads) <= 1 {
        return false;
    }
    let mut owned: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (partition, owner) in topic.owners.iter().enumerate() {
        let owner = owner.expect("every partition was dealt out");
        owned.entry(owner).or_default().push(partition);
    }
    let mut moved = false;
    while !balancer.is_balanced() {
        let given = loop {
            let Some(member) = balancer.next_most(loads) else {
                return moved;
            };
            match owned.get_mut(&member).and_then(Vec::pop) {
                Some(partition) => break (member, partition),
                None => balancer.exclude_most(),
            }
        };
        let to = balancer.next_least(loads);
        if balancer.is_balanced() {
            break;
        }
        let (from, partition) = given;
        topic.owners[partition] = Some(to);
        loads[from] -= 1;
        loads[to] += 1;
        moved = true;
    }
    moved
}
