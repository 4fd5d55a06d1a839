//! Whose clock stamped the records of a partition.

use super::ledger::Ledger;
use super::quantity::Clock;
use crate::base::TopicPartition;

/// How many records were stamped by whom; none is counted in runs in which clocks do not matter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamped {
    by_broker: u64,
    by_producer: u64,
}

impl Stamped {
    pub(super) fn add(&mut self, by_broker: bool, count: u32) {
        let counted = if by_broker {
            &mut self.by_broker
        } else {
            &mut self.by_producer
        };
        *counted += u64::from(count);
    }
}

impl Ledger {
    /// Whose clock stamped every record of these partitions; `None` if some by one and some by the
    /// other. Where nothing is said of clocks it is the producer's, which is Kafka's default.
    pub fn stamped_by(&self, partitions: &[TopicPartition]) -> Option<Clock> {
        let (mut by_broker, mut by_producer) = (0, 0);
        for partition in partitions {
            let topic = &self.topics[partition.topic.index()];
            if let Some(log) = topic.partitions.get(partition.partition as usize) {
                by_broker += log.stamped.by_broker;
                by_producer += log.stamped.by_producer;
            }
        }
        match (by_broker, by_producer) {
            (0, _) => Some(Clock::Create),
            (_, 0) => Some(Clock::Append),
            _ => None,
        }
    }
}
