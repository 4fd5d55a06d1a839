//! Timestamps: what a leader takes from producers, what it stamps itself, and what it says of it
//! (`LogValidator`, `message.timestamp.type`).
//!
//! With `CreateTime` records keep what their producer's clock showed, and a batch with a record too
//! far from the leader's own time is refused whole. With `LogAppendTime` the leader's time stands on
//! every record of a batch. Followers copy either as it is.

use super::Broker;
use crate::base::{Instant, Offset, Span, Timestamp, TopicPartition};
use crate::kafka::Batch;
use crate::kafka::config::Stamping;
use crate::node::Ctx;
use crate::node::fact::StorageFact;

impl Broker {
    fn stamping(&self, tp: TopicPartition) -> Stamping {
        self.setup.topics[tp.topic.index()].config.stamping
    }

    /// Whether no record of a batch is stamped too early or too late for its topic
    /// (`LogValidator.recordHasInvalidTimestamp`).
    pub(super) fn takes_stamps(&self, now: Instant, tp: TopicPartition, batch: &Batch) -> bool {
        let stamping = self.stamping(tp);
        if stamping.by_broker {
            return true;
        }
        let now = Timestamp::from(now).whole();
        let is_ahead = |most: Span| most < batch.max_timestamp.whole().since(now);
        let is_behind = |most: Span| {
            let mut stamps = (0..batch.count()).map(|index| batch.stamp(index));
            stamps.any(|stamp| most < now.since(stamp))
        };
        !stamping.after_max.is_some_and(is_ahead) && !stamping.before_max.is_some_and(is_behind)
    }

    /// Puts the leader's time on a batch, where its topic wants that.
    pub(super) fn stamp(&self, now: Instant, tp: TopicPartition, batch: &mut Batch) {
        if self.stamping(tp).by_broker {
            batch.max_timestamp = now.into();
            batch.stamps = None;
        }
    }

    /// Says what an appended batch is stamped with.
    pub(super) fn say_stamped(
        &self,
        ctx: &mut Ctx<'_>,
        tp: TopicPartition,
        (base_offset, count): (Offset, u32),
        largest: Timestamp,
    ) {
        if self.setup.topics[tp.topic.index()].internal {
            return;
        }
        let cause = ctx.cause;
        ctx.note(StorageFact::Stamped {
            now: ctx.now.into(),
            partition: tp,
            base_offset,
            count,
            by_broker: self.stamping(tp).by_broker,
            largest,
        });
        ctx.cause = cause;
    }
}
