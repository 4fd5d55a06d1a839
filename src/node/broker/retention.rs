//! What leaves a log at its beginning: `DeleteRecords`, and what followers learn of it
//! (`Partition.deleteRecordsOnLeader`, `UnifiedLog.maybeIncrementLogStartOffset`).
//!
//! Only the log start offset moves: batches below it may still lie in the file, and nobody is given
//! them. Followers hear of it with their next answer. Simplified: the start is on the disk at once,
//! where Kafka writes a checkpoint every minute; the tool does not wait until followers have heard.

use super::Broker;
use crate::base::{NodeId, Offset, TopicPartition};
use crate::node::Ctx;
use crate::node::fact::StorageFact;

impl Broker {
    /// Handles `DeleteRecords`: everything before `up_to` goes, or before the high watermark if
    /// `None`. Whether the log start offset moved.
    pub fn delete_records(
        &mut self,
        ctx: &mut Ctx<'_>,
        tp: TopicPartition,
        up_to: Option<Offset>,
    ) -> bool {
        let Ok(slot) = self.led_slot(tp) else {
            return false;
        };
        let high_watermark = self.memory.partitions[slot].replica.high_watermark();
        let up_to = up_to.unwrap_or(high_watermark);
        if high_watermark < up_to {
            ctx.note(StorageFact::DeletionRefused {
                partition: tp,
                up_to,
                high_watermark,
            });
            return false;
        }
        let log = &mut self.disk.logs[slot];
        let from = log.start();
        if !log.raise_start(up_to) {
            return false;
        }
        ctx.note(StorageFact::RecordsDeleted {
            partition: tp,
            from,
            to: up_to,
        });
        self.mark_for_followers(slot);
        true
    }

    /// A follower has heard where its leader's log begins.
    pub(super) fn learn_start(&mut self, ctx: &mut Ctx<'_>, slot: usize, start: Offset) {
        let log = &mut self.disk.logs[slot];
        let from = log.start();
        if log.raise_start(start.min(log.end())) {
            let to = log.start();
            self.note_start_learnt(ctx, slot, (from, to));
        }
    }

    /// A leader has nothing where this follower's log ends: the log begins anew where the leader's
    /// does (`fetchOffsetAndTruncate`). Kafka asks for that offset with a request of its own.
    pub(super) fn start_over_at(
        &mut self,
        ctx: &mut Ctx<'_>,
        (leader, slot): (NodeId, usize),
        start: Offset,
    ) {
        let log = &mut self.disk.logs[slot];
        let from = log.start();
        log.start_over(start);
        if let Some(Some(files)) = self.disk.files.get_mut(slot) {
            files.start_over(start);
        }
        let partition = &mut self.memory.partitions[slot];
        let high_watermark = partition.replica.high_watermark();
        partition.replica.learn(high_watermark.max(start), start);
        self.note_start_learnt(ctx, slot, (from, start));
        self.list_again(leader, slot);
    }

    fn note_start_learnt(&self, ctx: &mut Ctx<'_>, slot: usize, (from, to): (Offset, Offset)) {
        let cause = ctx.cause;
        let partition = self.memory.partitions[slot].name;
        ctx.note(StorageFact::StartLearnt {
            partition,
            from,
            to,
        });
        ctx.cause = cause;
    }
}
