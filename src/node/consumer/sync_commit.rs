//! `commitSync`: one offset commit that is waited for and retried (`commitOffsetsSync`).
//!
//! `wakeup()` ends the wait with a `WakeupException`, after the request has left: the network
//! client polls once, then looks (`ConsumerNetworkClient.poll`, `maybeTriggerWakeup`).

use super::Member;
use super::app::{Activity, App};
use super::commit::{CommitFor, CommitOutcome, Offsets, TIMED_OUT, WOKEN, plain};
use super::program::OnThrow;
use crate::base::Instant;
use crate::node::Ctx;
use crate::node::fact::{CommitKind, GroupFact};

/// A `commitSync` under way.
#[derive(Clone, Debug)]
pub(super) struct SyncCommit {
    kind: CommitKind,
    offsets: Offsets,
    deadline: Instant,
    attempts: u32,
    /// The request under way.
    request: Option<u32>,
    retry_at: Instant,
}

impl SyncCommit {
    /// When it has to be looked at again by itself.
    pub(super) fn due(&self, now: Instant) -> Instant {
        if now < self.retry_at {
            self.deadline.min(self.retry_at)
        } else {
            self.deadline
        }
    }
}

impl App {
    /// Whether a blocking call throws `WakeupException` now: one does, after each `wakeup()`.
    pub(super) fn take_wakeup(&mut self) -> bool {
        std::mem::take(&mut self.woken)
    }

    /// Whether the application is in a call that reads from the network.
    pub(super) fn is_in_a_call(&self, now: Instant) -> bool {
        let calls = matches!(
            self.activity,
            Activity::Poll(_) | Activity::Commit(_) | Activity::Close(_)
        );
        calls && !self.is_stalled(now)
    }
}

impl Member {
    /// Goes on with the application's `commitSync`. Whether the application goes on.
    pub(super) fn commit_sync_pass(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Activity::Commit(mut commit) =
            std::mem::replace(&mut self.app.activity, Activity::None)
        else {
            unreachable!("a pass belongs to a commit")
        };
        let Some(outcome) = self.sync_commit_pass(ctx, &mut commit) else {
            self.app.activity = Activity::Commit(commit);
            return false;
        };
        if let CommitOutcome::Failed(failure) = outcome
            && self.setup.program.on_commit_failure == OnThrow::Stop
        {
            self.stop(ctx, failure.exception);
        }
        true
    }

    /// States that it is asked for; [`Member::sync_commit_pass`] does the rest.
    pub(super) fn begin_sync_commit(
        &mut self,
        ctx: &mut Ctx<'_>,
        kind: CommitKind,
        offsets: Offsets,
        deadline: Instant,
    ) -> SyncCommit {
        if !offsets.is_empty() {
            ctx.note(GroupFact::CommitRequested {
                group: self.setup.group,
                kind,
                offsets: plain(&offsets),
            });
        }
        SyncCommit {
            kind,
            offsets,
            deadline,
            attempts: 0,
            request: None,
            retry_at: ctx.now,
        }
    }

    /// Goes on with it; its outcome when it has one.
    pub(super) fn sync_commit_pass(
        &mut self,
        ctx: &mut Ctx<'_>,
        commit: &mut SyncCommit,
    ) -> Option<CommitOutcome> {
        self.run_commit_callbacks(ctx);
        let outcome = match self.commits.fenced_outcome() {
            Some(fenced) => fenced,
            None => self.sync_commit_outcome(ctx, commit)?,
        };
        self.run_commit_callbacks(ctx);
        self.note_commit_outcome(ctx, commit.kind, &commit.offsets, outcome);
        Some(outcome)
    }

    fn sync_commit_outcome(
        &mut self,
        ctx: &mut Ctx<'_>,
        commit: &mut SyncCommit,
    ) -> Option<CommitOutcome> {
        let over = commit.deadline <= ctx.now;
        let timed_out = over.then_some(CommitOutcome::Failed(TIMED_OUT));
        if commit.offsets.is_empty() {
            // Nothing to commit: waits for the asynchronous ones before it.
            let waits = self.commits.has_in_flight();
            return if waits {
                timed_out
            } else {
                Some(CommitOutcome::Done)
            };
        }
        loop {
            if let Some(request) = commit.request {
                if commit.kind == CommitKind::Sync && self.app.take_wakeup() {
                    return Some(CommitOutcome::Failed(WOKEN));
                }
                match self.commits.take_outcome(request) {
                    None => return timed_out,
                    Some(CommitOutcome::Failed(failure)) if failure.retriable => {
                        let wait = self.retry_backoff.after(commit.attempts);
                        commit.attempts += 1;
                        commit.request = None;
                        commit.retry_at = ctx.now + wait;
                    }
                    Some(outcome) => return Some(outcome),
                }
            }
            if over || ctx.now < commit.retry_at || !self.coordinator_ready(ctx) {
                return timed_out;
            }
            let offsets = commit.offsets.clone();
            commit.request = Some(self.send_commit(ctx, commit.kind, offsets, CommitFor::Waiter));
        }
    }
}
