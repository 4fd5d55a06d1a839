//! `RoundRobinAssignor`: all partitions of all topics, dealt out in one circle of members.

use super::SubscribedTopic;
use crate::base::TopicPartition;

/// Partitions by topic name and number; for each the circle moves on to the next member that
/// subscribes to its topic. The place in the circle is kept across topics.
pub(super) fn assign(
    circle: &[usize],
    topics: &[SubscribedTopic],
    assigned: &mut [Vec<TopicPartition>],
) {
    let mut next = 0;
    for topic in topics {
        let mut subscribes = vec![false; assigned.len()];
        for &member in &topic.subscribers {
            subscribes[member] = true;
        }
        for partition in 0..topic.partitions {
            while !subscribes[circle[next]] {
                next = (next + 1) % circle.len();
            }
            assigned[circle[next]].push(TopicPartition::new(topic.id, partition));
            next = (next + 1) % circle.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::base::{TopicId, TopicPartition};
    use crate::kafka::assignor::{Candidate, KnownTopic, assign};
    use crate::kafka::config::consumer::Assignor;

    #[test]
    fn topics_sort_by_name_and_the_circle_goes_on_across_them() {
        // The ids are in the order of a file, which is not that of the names.
        let (b, a) = (TopicId(0), TopicId(1));
        let known = [(b, "b"), (a, "a")].map(|(id, name)| KnownTopic {
            id,
            name,
            partitions: 3,
        });
        let topics = [b, a];
        let candidates = ["C1", "C0"].map(|member| Candidate {
            member,
            instance: None,
            topics: &topics,
        });
        let of = |list: &[(TopicId, u32)]| -> Vec<TopicPartition> {
            list.iter()
                .map(|&(topic, partition)| TopicPartition::new(topic, partition))
                .collect()
        };
        let assigned = assign(Assignor::RoundRobin, &candidates, &known);
        assert_eq!(assigned[1], of(&[(a, 0), (a, 2), (b, 1)]), "C0");
        assert_eq!(assigned[0], of(&[(a, 1), (b, 0), (b, 2)]), "C1");
    }
}
