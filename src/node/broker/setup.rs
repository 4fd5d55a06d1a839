//! What a broker is made of, and where each partition has its place in the broker's tables.
//!
//! Plain data, shared by all brokers of a run. Which partitions exist is not here: that the
//! controller says.

use std::sync::Arc;

use super::cleaner::RecordKeys;
use crate::base::{Dist, NodeId, Seed, TopicId, TopicPartition};
use crate::kafka::Cast;
use crate::kafka::config::{BrokerConfig, TopicConfig};

/// A topic as its brokers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerTopic {
    /// Its settings.
    pub config: TopicConfig,
    /// How many partitions it has when it comes to be.
    pub partitions: u32,
    /// How many it can have: with all that an administrator adds during the run.
    pub partitions_max: u32,
    /// How many copies of each.
    pub replication_factor: u32,
    /// Whether it is Kafka's own.
    pub internal: bool,
}

/// A broker, ready to be built.
#[derive(Clone, Debug)]
pub struct BrokerSetup {
    /// The process.
    pub node: NodeId,
    /// `node.id`, from 1.
    pub node_id: u32,
    /// The seed of the run.
    pub seed: Seed,
    /// Its settings.
    pub config: BrokerConfig,
    /// Names: a member's process is known by its `client.id`, which is the actor's name.
    pub cast: Arc<Cast>,
    /// Every topic there is or can be, by [`TopicId`].
    pub topics: Arc<[BrokerTopic]>,
    /// `__consumer_offsets`, if there are groups.
    pub offsets_topic: Option<TopicId>,
    /// The controllers; the first is active.
    pub controllers: Arc<[NodeId]>,
    /// Every broker, ascending.
    pub brokers: Arc<[NodeId]>,
    /// The work per request.
    pub request_time: Dist,
    /// Whether brokers or controllers can fail in this run, so that heartbeats matter.
    pub can_fail: bool,
    /// Whether the power can fail in this run, so that it matters what is flushed.
    pub can_lose_power: bool,
    /// What a broker reads of records when it compacts; empty where no topic is compacted.
    pub records: RecordKeys,
    /// Whether clocks matter in this run, so that it is said who stamped what.
    pub shows_stamps: bool,
}

impl BrokerSetup {
    /// Whether any topic is compacted.
    pub fn compacts(&self) -> bool {
        let mut topics = self.topics.iter();
        topics.any(|topic| topic.config.storage.cleanup.compact)
    }
}

/// Where the partitions are in a broker's tables: a dense number for each, topic by topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    first_of_topic: Vec<u32>,
}

impl Slots {
    /// The places of the partitions of these topics.
    pub fn new(topics: &[BrokerTopic]) -> Self {
        let mut next = 0;
        let mut first_of_topic = vec![0];
        for topic in topics {
            next += topic.partitions_max;
            first_of_topic.push(next);
        }
        Self { first_of_topic }
    }

    /// How many places there are.
    pub fn len(&self) -> usize {
        self.first_of_topic.last().map_or(0, |n| *n as usize)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of a partition; `None` for one that cannot exist.
    pub fn of(&self, tp: TopicPartition) -> Option<usize> {
        let first = *self.first_of_topic.get(tp.topic.index())?;
        let end = *self.first_of_topic.get(tp.topic.index() + 1)?;
        let slot = first + tp.partition;
        (slot < end).then_some(slot as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_its_own_place_and_no_other_has_one() {
        let topic = |partitions| BrokerTopic {
            config: TopicConfig::default(),
            partitions: 1,
            partitions_max: partitions,
            replication_factor: 1,
            internal: false,
        };
        let slots = Slots::new(&[topic(2), topic(3)]);
        let of = |topic, partition| slots.of(TopicPartition::new(TopicId(topic), partition));
        let places: Vec<_> = [of(0, 0), of(0, 1), of(1, 0), of(1, 1), of(1, 2)].into();
        assert_eq!(places, (0..5).map(Some).collect::<Vec<_>>());
        assert_eq!([of(0, 2), of(1, 3), of(2, 0)], [None; 3]);
        assert_eq!(slots.len(), 5);
    }
}
