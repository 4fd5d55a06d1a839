//! All members subscribe to the same topics (`UniformHomogeneousAssignmentBuilder`).
//!
//! Each member in turn keeps its target up to its quota: `floor(partitions / members)`, and one more
//! for `partitions % members` of them. Who needs the one more takes it while some are left, others
//! pass it on; the last ones must take what is left over. What was taken away queues up behind what
//! was free, and goes to those below their quota, member by member.

use std::collections::{BTreeMap, BTreeSet};

use super::{Input, ServerTopic};
use crate::base::{TopicId, TopicPartition};
use crate::kafka::hash::string_hash;
use crate::kafka::java_hash;

/// What members keep, what is to be dealt out, and to whom.
struct Builder<'i, 'a> {
    input: &'i Input<'a>,
    /// Quota, and how many may have one more.
    quota: usize,
    extra: usize,
    assigned: Vec<Vec<TopicPartition>>,
    free: Vec<TopicPartition>,
    /// Members with room, and how much.
    room: Vec<(usize, usize)>,
}

/// The targets by visit.
pub(super) fn divide(input: &Input<'_>) -> Vec<Vec<TopicPartition>> {
    let members = input.members.len();
    let taken: BTreeSet<TopicPartition> = input
        .members
        .iter()
        .flat_map(|member| member.target)
        .copied()
        .collect();
    let all = topics_in_hash_order(input).into_iter().flat_map(|topic| {
        let partitions = 0..input.partitions(topic);
        partitions.map(move |partition| TopicPartition::new(topic, partition))
    });
    let counts = input
        .topics
        .keys()
        .map(|topic| input.partitions(*topic) as usize);
    let count: usize = counts.sum();
    let mut builder = Builder {
        input,
        quota: count / members,
        extra: count % members,
        assigned: Vec::new(),
        free: all.filter(|tp| !taken.contains(tp)).collect(),
        room: Vec::new(),
    };
    for member in 0..members {
        builder.keep(member);
    }
    builder.deal();
    builder.assigned
}

/// The subscribed topics in the order of `new HashSet<>(ids)`, of which the names are a set
/// themselves.
fn topics_in_hash_order(input: &Input<'_>) -> Vec<TopicId> {
    let subscription = input.members[0].candidate.topics;
    let known = subscription.iter().filter_map(|id| input.topics.get(id));
    let known: Vec<_> = known.collect();
    let by_name = java_hash::iteration_order(&known, |topic| string_hash(topic.known.name));
    let count = subscription.len();
    let by_id = java_hash::collected_order(&by_name, count, |topic| topic.uuid.hash());
    by_id.into_iter().map(|topic| topic.known.id).collect()
}

impl Builder<'_, '_> {
    /// A member keeps its target up to its quota (`maybeRevokePartitions`).
    fn keep(&mut self, member: usize) {
        let may_exceed = 0 < self.extra;
        let mut left = self.quota + usize::from(may_exceed);
        let mut kept = Vec::new();
        for partitions in self.target_in_hash_order(member) {
            let staying = partitions.len().min(left);
            left -= staying;
            kept.extend(&partitions[..staying]);
            self.free.extend(&partitions[staying..]);
        }
        let after = self.input.members.len() - member;
        let passes_on = 0 < left && may_exceed && self.extra < after;
        left -= usize::from(passes_on);
        if 0 < left {
            self.room.push((member, left));
        }
        self.extra -= usize::from(may_exceed && !passes_on);
        self.assigned.push(kept);
    }

    /// A member's target by topics that are still subscribed to, both topics and numbers in the
    /// order of hash tables filled in the order of the target.
    fn target_in_hash_order(&self, member: usize) -> Vec<Vec<TopicPartition>> {
        let mut by_topic: BTreeMap<TopicId, Vec<TopicPartition>> = BTreeMap::new();
        let mut topics: Vec<&ServerTopic<'_>> = Vec::new();
        for partition in self.input.members[member].target {
            let of_topic = by_topic.entry(partition.topic).or_default();
            if of_topic.is_empty() {
                topics.extend(self.input.topics.get(&partition.topic));
            }
            of_topic.push(*partition);
        }
        let order = java_hash::iteration_order(&topics, |topic| topic.uuid.hash());
        let lists = order.into_iter().map(|topic| {
            let list = &by_topic[&topic.known.id];
            java_hash::collected_order(list, list.len(), |tp| tp.partition as i32)
        });
        lists.collect()
    }

    /// Members with room take from the front (`assignRemainingPartitions`).
    fn deal(&mut self) {
        let mut free = self.free.iter();
        for (member, room) in &self.room {
            self.assigned[*member].extend(free.by_ref().take(*room));
        }
        assert!(free.next().is_none(), "the quotas add up to all partitions");
    }
}
