//! The copies of a partition as they are now, for those who look at a run from outside.

use super::Sim;
use crate::base::{NodeId, Offset, TopicPartition};

/// One copy of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyState {
    /// The broker that holds it.
    pub broker: NodeId,
    /// Whether its process is there.
    pub is_up: bool,
    /// Whether it is in sync, by the controller's word.
    pub is_in_sync: bool,
    /// The leader epoch in which the broker believes that it leads.
    pub leads_in: Option<u32>,
    /// Where its log ends.
    pub log_end: Offset,
    /// The high watermark as the broker knows it; none while its process is gone.
    pub high_watermark: Option<Offset>,
}

impl Sim {
    /// All copies of a partition in the order of their assignment; none before it is created.
    pub fn copies(&self, tp: TopicPartition) -> Vec<CopyState> {
        let Some(state) = self.state_of(tp) else {
            return Vec::new();
        };
        let copies = state.replicas.iter().filter_map(|node| {
            let broker = self.broker(*node)?;
            let is_up = self.is_up(*node);
            Some(CopyState {
                broker: *node,
                is_up,
                is_in_sync: state.isr.contains(node),
                leads_in: broker.leads_in(tp).filter(|_| is_up),
                log_end: broker.log(tp)?.end(),
                high_watermark: broker.high_watermark(tp).filter(|_| is_up),
            })
        });
        copies.collect()
    }
}
