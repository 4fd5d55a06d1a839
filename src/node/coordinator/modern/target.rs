//! The target assignment of a group: which server-side assignor, over which members
//! (`TargetAssignmentBuilder`, `ConsumerGroup.computePreferredServerAssignor`).
//!
//! The members vote; those that ask for none do not count. Without any vote it is the first of
//! `group.consumer.assignors`, `uniform`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::{ConsumerGroup, ConsumerMember};
use super::image::Image;
use crate::base::{TopicId, TopicPartition};
use crate::kafka::assignor::server::{
    ServerTopic, Subscriptions, TargetMember, server_range, server_uniform,
};
use crate::kafka::assignor::{Candidate, KnownTopic};
use crate::kafka::consumer_protocol::ConsumerGroupRecord;
use crate::kafka::group::{Assignment, MemberId};
use crate::kafka::hash::string_hash;
use crate::kafka::java_hash;

/// The assignors of `group.consumer.assignors`, the default first.
pub(super) const ASSIGNORS: [&str; 2] = ["uniform", "range"];

/// Everybody's target, in the order of the member ids.
pub(super) type Targets = Vec<(MemberId, Assignment)>;

/// Everybody's target once `updated` is a member. Whether all subscribe alike is the group's last
/// word on it: an expression that nobody has resolved does not make it look again (`is_looked_at`).
pub(super) fn compute(
    group: &ConsumerGroup,
    image: &Image,
    updated: &ConsumerMember,
    is_looked_at: bool,
) -> Targets {
    let members = group.members_with(Some(updated));
    let topics: Vec<Vec<TopicId>> = members
        .values()
        .map(|member| topics_of(group, image, member))
        .collect();
    let targets: Vec<Vec<TopicPartition>> = members
        .values()
        .map(|member| target_so_far(group, image, member))
        .collect();
    let inputs = members.values().zip(&topics).zip(&targets);
    let inputs: Vec<TargetMember<'_>> = inputs
        .map(|((member, topics), target)| TargetMember {
            candidate: Candidate {
                member: &member.id,
                instance: member.subscription.instance.as_deref(),
                topics,
            },
            target,
        })
        .collect();
    let known: Vec<ServerTopic<'_>> = image
        .topics
        .iter()
        .map(|(id, topic)| ServerTopic {
            known: KnownTopic {
                id: *id,
                name: &topic.name,
                partitions: topic.partitions,
            },
            uuid: topic.uuid,
        })
        .collect();
    let assigned = match preferred(&members) {
        "range" => server_range(&inputs, &known),
        _ if is_looked_at => server_uniform(&inputs, &known, subscriptions(&members)),
        _ => {
            let before = group.members.iter().collect();
            server_uniform(&inputs, &known, subscriptions(&before))
        }
    };
    let sorted = |mut list: Vec<TopicPartition>| {
        list.sort_unstable();
        Assignment::from(list)
    };
    let ids = members.keys().map(|id| Arc::clone(id));
    ids.zip(assigned.into_iter().map(sorted)).collect()
}

/// The records of a new target: what changed of it, then its epoch.
pub(super) fn records(
    group: &ConsumerGroup,
    targets: &Targets,
    epoch: i32,
) -> Vec<ConsumerGroupRecord> {
    let changed = targets
        .iter()
        .filter(|(id, target)| group.targets.get(id) != Some(target));
    let mut records: Vec<_> = changed
        .map(|(id, target)| ConsumerGroupRecord::Target {
            member: Arc::clone(id),
            assignment: Some(Arc::clone(target)),
        })
        .collect();
    records.push(ConsumerGroupRecord::TargetEpoch(Some(epoch)));
    records
}

/// The target of a member so far; a returned static member's is that of its place.
pub(super) fn of(group: &ConsumerGroup, member: &ConsumerMember) -> Assignment {
    let instance = member.subscription.instance.as_ref();
    let id = instance.and_then(|instance| group.static_members.get(instance));
    let target = group.targets.get(id.unwrap_or(&member.id));
    target.map_or_else(|| Arc::from([]), Arc::clone)
}

/// The existing topics a member subscribes to.
fn topics_of(group: &ConsumerGroup, image: &Image, member: &ConsumerMember) -> Vec<TopicId> {
    let subscribed = group.subscribed(std::iter::once(member));
    let exists = |topic: &TopicId| image.topics.contains_key(topic);
    subscribed.into_iter().filter(exists).collect()
}

fn target_so_far(
    group: &ConsumerGroup,
    image: &Image,
    member: &ConsumerMember,
) -> Vec<TopicPartition> {
    let exists = |tp: &TopicPartition| image.topics.contains_key(&tp.topic);
    of(group, member).iter().copied().filter(exists).collect()
}

/// The assignor most members ask for. At a tie the first of a Java hash map.
fn preferred<'a>(members: &BTreeMap<&'a MemberId, &'a ConsumerMember>) -> &'a str {
    let mut votes: BTreeMap<&str, u32> = BTreeMap::new();
    for member in members.values() {
        if let Some(assignor) = member.subscription.assignor.as_deref() {
            *votes.entry(assignor).or_default() += 1;
        }
    }
    let names: Vec<&str> = votes.keys().copied().collect();
    let mut best = None;
    for name in java_hash::copy_order(&names, |name| string_hash(name)) {
        if best.is_none_or(|(_, most)| most < votes[name]) {
            best = Some((name, votes[name]));
        }
    }
    best.map_or(ASSIGNORS[0], |(name, _)| name)
}

/// Whether all subscribe alike (`ConsumerGroup.subscriptionType`): all to the same names, or all to
/// one expression and to no name.
fn subscriptions(members: &BTreeMap<&MemberId, &ConsumerMember>) -> Subscriptions {
    let patterns: Vec<_> = members.values().map(|m| m.pattern()).collect();
    if patterns.iter().all(Option::is_none) {
        let names = members.values().map(|m| &*m.subscription.topics);
        return Subscriptions::of(names);
    }
    let one = patterns.iter().all(|p| p.is_some() && *p == patterns[0]);
    let named = members.values().any(|m| !m.subscription.topics.is_empty());
    if one && !named {
        Subscriptions::Equal
    } else {
        Subscriptions::Different
    }
}
