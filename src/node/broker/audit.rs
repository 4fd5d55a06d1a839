//! What a broker's logs have to be like whatever befell it.

use std::collections::BTreeMap;

use super::Broker;
use crate::base::{Offset, TopicPartition};
use crate::kafka::message::LoggedBatch;
use crate::kafka::size::increment_sequence;

/// The last batch of a producer: its producer id and epoch, and the sequence number that follows.
type Last = (u64, i16, i32);

impl Broker {
    /// The first offset below both high watermarks at which another broker's log is not this one's.
    pub fn disagreement(&self, other: &Self, tp: TopicPartition) -> Option<Offset> {
        if self.compacts(tp) {
            return None; // Each broker cleans its own copy when its time has come.
        }
        let end = self.high_watermark(tp)?.min(other.high_watermark(tp)?);
        // What an administrator deleted is gone from one log sooner than from the other.
        let start = self.log(tp)?.start().max(other.log(tp)?.start());
        let below = |batch: &&LoggedBatch| start < batch.end_offset() && batch.end_offset() <= end;
        let mut ours = self.log(tp)?.batches().filter(below);
        let mut theirs = other.log(tp)?.batches().filter(below);
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return None,
                (Some(one), Some(two)) if one == two => {}
                (Some(one), _) | (None, Some(one)) => return Some(one.base_offset),
            }
        }
    }

    /// The first batch of a partition that does not follow the one before of its idempotent producer
    /// and epoch: its offset.
    pub fn broken_sequence(&self, tp: TopicPartition) -> Option<Offset> {
        if self.compacts(tp) {
            return None; // Whole batches are gone.
        }
        let mut known: BTreeMap<u64, (i16, i32)> = BTreeMap::new();
        // Nearly always the producer is that of the batch before.
        let mut last: Option<Last> = None;
        for logged in self.log(tp)?.batches() {
            let Some(stamp) = logged.batch.producer else {
                continue;
            };
            let expected = match last {
                Some((id, epoch, next)) if id == stamp.id => Some((epoch, next)),
                other => {
                    known.extend(other.map(|(id, epoch, next)| (id, (epoch, next))));
                    known.get(&stamp.id).copied()
                }
            };
            if let Some((epoch, next)) = expected
                && epoch == stamp.epoch
                && next != stamp.base_sequence
            {
                return Some(logged.base_offset);
            }
            let next = increment_sequence(stamp.base_sequence, logged.span());
            last = Some((stamp.id, stamp.epoch, next));
        }
        None
    }
}
