//! `RangeAssignor` without racks: per topic, consecutive partitions to members in order.

use super::SubscribedTopic;
use crate::base::TopicPartition;

/// Each topic by itself: every subscriber gets `n / m` partitions in a row, the first `n % m` one
/// more. The remainders of all topics therefore go to the same first members.
pub(super) fn assign(topics: &[SubscribedTopic], assigned: &mut [Vec<TopicPartition>]) {
    for topic in topics {
        let members = topic.subscribers.len() as u32;
        let (quota, extra) = (topic.partitions / members, topic.partitions % members);
        let mut next = 0;
        for (place, &member) in (0..members).zip(&topic.subscribers) {
            let end = next + quota + u32::from(place < extra);
            assigned[member].extend((next..end).map(|p| TopicPartition::new(topic.id, p)));
            next = end;
        }
        assert!(next == topic.partitions, "every partition has one owner");
    }
}

#[cfg(test)]
mod tests {
    use crate::base::{TopicId, TopicPartition};
    use crate::kafka::assignor::{Candidate, KnownTopic, assign};
    use crate::kafka::config::consumer::Assignor;

    #[test]
    fn with_one_partition_per_topic_the_first_member_gets_everything() {
        let topics: Vec<TopicId> = (0..4).map(TopicId).collect();
        let known: Vec<KnownTopic<'_>> = topics
            .iter()
            .zip(["a", "b", "c", "d"])
            .map(|(&id, name)| KnownTopic {
                id,
                name,
                partitions: 1,
            })
            .collect();
        let candidates = ["C0", "C1", "C2"].map(|member| Candidate {
            member,
            instance: None,
            topics: &topics,
        });
        let assigned = assign(Assignor::Range, &candidates, &known);
        let all: Vec<TopicPartition> = topics
            .iter()
            .map(|&topic| TopicPartition::new(topic, 0))
            .collect();
        assert_eq!(assigned, [all, Vec::new(), Vec::new()]);
    }
}
