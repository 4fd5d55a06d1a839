//! What librdkafka does otherwise: auto-commit of *stored offsets* by a background timer.
//!
//! `rd_kafka_consumer_poll` hands over one message and stores the offset after it
//! (`enable.auto.offset.store`); every `auto.commit.interval.ms` a timer commits what is stored,
//! whatever the application is doing. So a message can be committed while it is being processed.
//!
//! How the grammar's `poll` maps: it takes what is at hand, up to `max.poll.records`; a record is
//! handed over, and its offset stored, when `each` reaches it, so inside a stretch the stored
//! offset is a function of the instant. `hand-off` hands over everything at once.
//!
//! Simplified: rebalances and fetching go as in the Java client (joining advances inside `poll`,
//! one answer per broker is fetched ahead), stored offsets are committed before the listener runs,
//! `enable.auto.offset.store` is always on, and stored offsets carry no leader epoch.

use super::Member;
use super::commit::CommitFor;
use super::membership::MemberState;
use crate::base::{Instant, Offset, TopicPartition};
use crate::kafka::client::ClientFamily;
use crate::node::Ctx;
use crate::node::fact::CommitKind;

impl Member {
    fn commits_stored(&self) -> bool {
        self.setup.family == ClientFamily::Librdkafka && self.setup.config.auto_commit
    }

    /// Stores the offset after a record that was handed to the application.
    pub(super) fn store(&mut self, tp: TopicPartition, next: Offset) {
        if !self.commits_stored() {
            return;
        }
        if let Some(owned) = self.positions.get_mut(tp) {
            owned.stored = Some(next);
        }
    }

    /// When the background timer fires.
    pub(super) fn background_commit_due(&self) -> Option<Instant> {
        let runs = self.commits_stored() && !self.app.is_shut() && !self.app.has_ended();
        runs.then_some(self.commits.auto_at)
    }

    /// The background timer fired.
    pub(super) fn background_commit(&mut self, ctx: &mut Ctx<'_>) {
        if !self.commits_stored() || ctx.now < self.commits.auto_at {
            return;
        }
        self.commits.auto_at = ctx.now + self.setup.config.auto_commit_interval;
        self.store_handed_over(ctx.now);
        let offsets = self.auto_committed_offsets();
        if self.group.state == MemberState::Stable && !offsets.is_empty() {
            self.start_commit(ctx, CommitKind::Auto, offsets, CommitFor::Callback);
        }
    }
}
