//! What the logs of a world have to be like whatever befell it, looked at when a run ends.

use super::Sim;
use crate::base::{Offset, TopicPartition};

/// A log that is not as it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Two in-sync replicas differ at this offset, below the high watermarks of both.
    Disagreement(TopicPartition, Offset),
    /// The batch at this offset does not follow the one before of its idempotent producer.
    Sequence(TopicPartition, Offset),
}

impl Sim {
    /// What is wrong with the logs: the first of each kind. Where nothing can befall a broker its
    /// followers have what they copied, and are not looked at. Where brokers forget producers early,
    /// any sequence number may follow: whom a log does not know may begin with any.
    pub fn audit(&self) -> Vec<Finding> {
        let looks = self.setup.brokers_can_fail();
        let differ = if looks { self.disagreement() } else { None };
        let differ = differ.map(|(tp, offset)| Finding::Disagreement(tp, offset));
        let forgets = self.setup.cluster.config.expires_producers();
        let broken = if forgets {
            None
        } else {
            self.broken_sequence()
        };
        let broken = broken.map(|(tp, offset)| Finding::Sequence(tp, offset));
        differ.into_iter().chain(broken).collect()
    }

    fn broken_sequence(&self) -> Option<(TopicPartition, Offset)> {
        let mut partitions = self.partitions();
        partitions.find_map(|state| {
            let tp = state.partition;
            let first = state.isr.iter().find(|node| self.is_up(**node))?;
            Some((tp, self.broker(*first)?.broken_sequence(tp)?))
        })
    }
}
