//! `close()` (`ConsumerCoordinator.close`): auto-commit, the listener, `LeaveGroup`.
//!
//! ```text
//! Committing --> Draining (asynchronous commits) --> Leaving (onPartitionsRevoked) --> Told --> done
//! ```
//!
//! Java commits the positions of everything the last poll returned, processed or not. The whole is
//! bounded by 30 seconds or `request.timeout.ms`. librdkafka commits in the same place here,
//! although it calls the listener first.

use super::Member;
use super::app::{Activity, Then};
use super::poll::Turn;
use super::sync_commit::SyncCommit;
use crate::base::{Instant, NodeId, Span};
use crate::node::fact::CommitKind;
use crate::node::{Ctx, FactId, Lane};

/// The default timeout of `close()`.
const CLOSE_TIMEOUT: Span = Span::from_secs(30);

/// How far `close()` is.
#[derive(Clone, Debug)]
enum ClosePhase {
    Committing(SyncCommit),
    Draining,
    /// The listener was called, or need not be.
    Leaving,
    /// Waits until the coordinator has answered everything.
    Told(Option<NodeId>),
}

/// A `close()` under way.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    deadline: Instant,
    phase: ClosePhase,
}

impl Closing {
    /// When it has to be looked at again by itself.
    pub(super) fn due(&self, now: Instant) -> Instant {
        match &self.phase {
            ClosePhase::Committing(commit) => commit.due(now).min(self.deadline),
            ClosePhase::Draining | ClosePhase::Leaving | ClosePhase::Told(_) => self.deadline,
        }
    }
}

impl Member {
    /// `close()` is called.
    pub(super) fn begin_shut(&mut self, ctx: &mut Ctx<'_>) {
        let timeout = CLOSE_TIMEOUT.min(self.setup.config.request_timeout);
        let deadline = ctx.now + timeout;
        self.store_handed_over(ctx.now);
        let phase = if self.setup.config.auto_commit {
            let offsets = self.auto_committed_offsets();
            let kind = CommitKind::AutoOnClose;
            let commit = self.begin_sync_commit(ctx, kind, offsets, deadline);
            ClosePhase::Committing(commit)
        } else {
            ClosePhase::Draining
        };
        self.app.activity = Activity::Close(Closing { deadline, phase });
    }

    /// Goes on with it. Whether the application goes on.
    pub(super) fn close_pass(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Activity::Close(mut closing) =
            std::mem::replace(&mut self.app.activity, Activity::None)
        else {
            unreachable!("a pass belongs to a close")
        };
        let over = closing.deadline <= ctx.now;
        let (goes_on, phase) = match closing.phase {
            ClosePhase::Committing(mut commit) => match self.sync_commit_pass(ctx, &mut commit) {
                Some(_) => (true, ClosePhase::Draining),
                None => (false, ClosePhase::Committing(commit)),
            },
            ClosePhase::Draining => {
                self.run_commit_callbacks(ctx);
                if !over && self.commits.is_pending() && self.group.coordinator.is_some() {
                    (false, ClosePhase::Draining)
                } else {
                    self.app.shut();
                    self.stop_joining();
                    (true, ClosePhase::Leaving)
                }
            }
            ClosePhase::Leaving => {
                closing.phase = ClosePhase::Leaving;
                return self.leave_partitions(ctx, closing);
            }
            ClosePhase::Told(Some(coordinator)) => {
                let waits = !over && self.wire.has_pending(coordinator, Lane::Coordinator);
                if !waits {
                    return true;
                }
                (false, ClosePhase::Told(Some(coordinator)))
            }
            ClosePhase::Told(None) => return true,
        };
        closing.phase = phase;
        self.app.activity = Activity::Close(closing);
        goes_on
    }

    /// Calls the listener, then leaves (`onLeavePrepare`).
    fn leave_partitions(&mut self, ctx: &mut Ctx<'_>, closing: Closing) -> bool {
        self.app.activity = Activity::Close(closing);
        let lost = match &self.modern {
            // Kafka goes by the last epoch that it told the application, which a member that is
            // out keeps (AsyncKafkaConsumer.runRebalanceCallbacksOnClose).
            Some(_) => false,
            None => self.group.has_no_generation() || self.group.is_rebalancing(),
        };
        let turn = if self.positions.is_empty() {
            Turn::Ready
        } else {
            self.revoke(ctx, lost, Then::Closing)
        };
        if turn == Turn::Ready {
            self.left_partitions(ctx);
        }
        true
    }

    /// The listener has returned: nothing is owned, the coordinator is told.
    pub(super) fn left_partitions(&mut self, ctx: &mut Ctx<'_>) {
        self.positions.assign(&[]);
        let coordinator = self.group.coordinator;
        match &self.modern {
            Some(_) => self.modern_leave(ctx),
            None => self.leave(ctx, FactId::NONE),
        }
        self.stop_joining();
        let Activity::Close(closing) = &mut self.app.activity else {
            unreachable!("a member leaves its partitions while it closes")
        };
        closing.phase = ClosePhase::Told(coordinator);
    }
}
