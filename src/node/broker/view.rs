//! What a broker shows: the views of verdict, drain and tests, and the one thing that moves both
//! log and memory, the high watermark.

use super::{Broker, PartitionLog};
use crate::base::{Offset, TopicPartition};
use crate::node::Ctx;
use crate::node::fact::LogFact;

impl Broker {
    /// The log of a partition; `None` for a partition that cannot exist. Empty where this broker
    /// holds no replica.
    pub fn log(&self, tp: TopicPartition) -> Option<&PartitionLog> {
        Some(&self.disk.logs[self.slots.of(tp)?])
    }

    /// The high watermark of a partition as this broker knows it.
    pub fn high_watermark(&self, tp: TopicPartition) -> Option<Offset> {
        let slot = self.slots.of(tp)?;
        Some(self.memory.partitions[slot].replica.high_watermark())
    }

    /// Whether this broker leads a partition.
    pub fn is_leader(&self, tp: TopicPartition) -> bool {
        self.led_slot(tp).is_ok()
    }

    /// The leader epoch in which this broker leads a partition, if it does.
    pub fn leads_in(&self, tp: TopicPartition) -> Option<u32> {
        let slot = self.led_slot(tp).ok()?;
        Some(self.memory.partitions[slot].replica.leader_epoch())
    }

    /// Produce requests and offset commits that are waiting to be read, at work or parked, and
    /// offset commits that are not replicated yet.
    pub fn open_data_requests(&self) -> usize {
        self.memory.connections.open_data_requests() + self.memory.groups.open_commits()
    }

    /// Looks whether the high watermark of a led partition moves, and says so.
    pub(super) fn advance(&mut self, ctx: &mut Ctx<'_>, slot: usize) -> bool {
        let log_end = self.disk.logs[slot].end();
        let partition = &mut self.memory.partitions[slot];
        let Some((from, to)) = partition.replica.advance(ctx.now, log_end) else {
            return false;
        };
        partition.replicated = ctx.note(LogFact::Replicated {
            partition: partition.name,
            from,
            to,
        });
        true
    }

    /// The high watermark moved: whoever waits for it is looked at, and followers are told with
    /// their next answer.
    pub(super) fn wake_at_high_watermark(&mut self, ctx: &mut Ctx<'_>, slot: usize) {
        let cause = ctx.cause;
        let replicated = self.memory.partitions[slot].replicated;
        self.mark_for_followers(slot);
        if !self.memory.partitions[slot].produces.is_empty() {
            ctx.cause = replicated;
            self.wake_produces(ctx, slot);
        }
        self.wake_fetches(ctx, slot);
        ctx.cause = replicated;
        self.on_offsets_replicated(ctx, slot);
        ctx.cause = cause;
    }
}
