//! Taking an assignment over (`AbstractMembershipManager.maybeReconcile`, `revokeAndAssign`).
//!
//! Auto-commit of all positions, retried until `max.poll.interval.ms` is over and then forgotten;
//! `onPartitionsRevoked` for what goes; `onPartitionsAssigned` for what comes, even if that is
//! nothing; then the next heartbeat says what the member owns, which is the acknowledgement. What
//! goes is neither fetched nor handed out from the beginning on, what stays is. Each call of the
//! listener takes a round of `poll`: records at hand are returned between the two, and the work on
//! them is in front of the acknowledgement. Without auto-commit it begins in the background.

use std::sync::Arc;

use super::{Reconciliation, State, Step};
use crate::base::TopicPartition;
use crate::kafka::ErrorCode;
use crate::node::consumer::Member;
use crate::node::consumer::app::{Entry, Then};
use crate::node::consumer::commit::{CommitFor, CommitOutcome};
use crate::node::consumer::poll::Turn;
use crate::node::fact::{CommitKind, GroupFact};
use crate::node::{Ctx, FactId};

impl Member {
    /// Goes on with what is being taken over, or begins with what is to be.
    pub(super) fn reconcile(&mut self, ctx: &mut Ctx<'_>) -> Turn {
        loop {
            if self.modern().state != State::Reconciling {
                self.modern().under_way = None;
                return Turn::Ready;
            }
            let Some(under_way) = self.modern().under_way.clone() else {
                let modern = self.modern();
                if modern.current == modern.target {
                    return Turn::Ready;
                }
                self.begin_reconciliation(ctx);
                continue;
            };
            let turn = match under_way.step {
                Step::Committing { .. } => {
                    if !self.commit_before_reconciling(ctx) {
                        return Turn::Ready;
                    }
                    self.go_to(Step::Revoking);
                    continue;
                }
                Step::Revoking => {
                    if !self.revoke_gone(ctx, &under_way.target) {
                        self.go_to(Step::Assigning);
                        continue;
                    }
                    self.go_to(Step::Revoked);
                    self.call_listener(ctx, Entry::Revoked, Then::ModernStep)
                }
                Step::Revoked => {
                    self.positions.retain(&under_way.target);
                    self.go_to(Step::Assigning);
                    return Turn::Ready;
                }
                Step::Assigning => {
                    self.go_to(Step::Done);
                    self.take(ctx, &under_way.target)
                }
                Step::Done => {
                    self.taken_over(ctx, under_way);
                    continue;
                }
            };
            if turn != Turn::Ready {
                return turn;
            }
        }
    }

    /// Without auto-commit nothing has to wait for a `poll` to begin (`maybeReconcile(false)`).
    pub(super) fn begin_in_background(&mut self, ctx: &mut Ctx<'_>) {
        let modern = self.modern();
        let idle = modern.under_way.is_none() && modern.current != modern.target;
        if modern.state == State::Reconciling && idle && !self.setup.config.auto_commit {
            self.begin_reconciliation(ctx);
        }
    }

    fn go_to(&mut self, step: Step) {
        if let Some(under_way) = &mut self.modern().under_way {
            under_way.step = step;
        }
    }

    /// What goes is not fetched any more from here on.
    fn begin_reconciliation(&mut self, ctx: &mut Ctx<'_>) {
        let target = self.modern().target.clone();
        let target = target.expect("a member reconciles what it was told");
        for owned in self.positions.iter_mut() {
            owned.leaving = target.binary_search(&owned.tp).is_err();
        }
        let step = if self.setup.config.auto_commit {
            Step::Committing {
                request: None,
                until: ctx.now + self.setup.config.max_poll_interval,
                retry_at: ctx.now,
                failures: 0,
            }
        } else {
            Step::Revoking
        };
        self.modern().under_way = Some(Reconciliation { target, step });
    }

    /// The offset commit before may have been answered since the last round: then the listener's
    /// turn has come.
    pub(super) fn end_commit_before(&mut self, ctx: &mut Ctx<'_>) {
        let is_reconciling = self.modern().state == State::Reconciling;
        let step = self.modern().under_way.as_ref().map(|one| &one.step);
        let commits = matches!(step, Some(Step::Committing { .. }));
        if is_reconciling && commits && self.commit_before_reconciling(ctx) {
            self.go_to(Step::Revoking);
        }
    }

    /// Whether the offset commit before is done with, one way or another
    /// (`maybeAutoCommitSyncBeforeRebalance`).
    fn commit_before_reconciling(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Some(Reconciliation {
            step:
                Step::Committing {
                    request,
                    until,
                    mut retry_at,
                    mut failures,
                },
            ..
        }) = self.modern().under_way.clone()
        else {
            unreachable!("it is committing")
        };
        let mut request = request;
        if let Some((id, offsets)) = &request {
            let Some(outcome) = self.commits.take_outcome(*id) else {
                return until <= ctx.now;
            };
            let kind = CommitKind::AutoBeforeRebalance;
            self.note_commit_outcome(ctx, kind, offsets, outcome);
            let CommitOutcome::Failed(failure) = outcome else {
                return true;
            };
            let is_stale = failure.error == Some(ErrorCode::StaleMemberEpoch)
                && self.modern().in_group().is_some();
            if until <= ctx.now || !(failure.retriable || is_stale) {
                return true;
            }
            retry_at = ctx.now + self.retry_backoff.after(failures);
            failures += 1;
            request = None;
        }
        if request.is_none() && retry_at <= ctx.now && self.coordinator_ready(ctx) {
            let offsets = self.auto_committed_offsets();
            if offsets.is_empty() {
                return true;
            }
            let kind = CommitKind::AutoBeforeRebalance;
            let id = self.start_commit(ctx, kind, offsets.clone(), CommitFor::Waiter);
            request = Some((id, offsets));
        }
        self.go_to(Step::Committing {
            request,
            until,
            retry_at,
            failures,
        });
        false
    }

    /// States what goes. Whether anything does, of which the listener is to hear.
    fn revoke_gone(&mut self, ctx: &mut Ctx<'_>, target: &[TopicPartition]) -> bool {
        let goes = |tp: &TopicPartition| target.binary_search(tp).is_err();
        let gone: Arc<[_]> = self
            .positions
            .partitions()
            .into_iter()
            .filter(goes)
            .collect();
        if gone.is_empty() {
            return false;
        }
        let told_by = self.modern().told_by;
        let fact = GroupFact::Revoked {
            group: self.setup.group,
            partitions: Arc::clone(&gone),
        };
        ctx.note_since(fact, told_by);
        self.drop_queued(ctx, &gone);
        true
    }

    /// `onPartitionsAssigned` for what comes.
    fn take(&mut self, ctx: &mut Ctx<'_>, target: &[TopicPartition]) -> Turn {
        let is_new = |tp: &TopicPartition| self.positions.get(*tp).is_none();
        let new: Arc<[_]> = target.iter().copied().filter(is_new).collect();
        self.positions.assign(target);
        self.lookup_is_stale();
        let (epoch, told_by) = (self.modern().epoch, self.modern().told_by);
        let fact = GroupFact::Assigned {
            group: self.setup.group,
            generation: epoch,
            partitions: new,
        };
        self.group.assigned_since = ctx.note_since(fact, told_by);
        self.call_listener(ctx, Entry::Assigned, Then::ModernStep)
    }

    /// The listener is done: the member owns what it was told, and says so.
    fn taken_over(&mut self, ctx: &mut Ctx<'_>, under_way: Reconciliation) {
        self.assigned();
        if self.setup.config.auto_commit {
            self.commits.auto_at = ctx.now + self.setup.config.auto_commit_interval;
        }
        let modern = self.modern();
        modern.current = Some(under_way.target);
        modern.under_way = None;
        modern.told_by = FactId::NONE;
        modern.state = State::Acknowledging;
    }
}
