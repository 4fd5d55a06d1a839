//! What a rebalance takes from the application, and what it gives it (`onJoinPrepare`,
//! `onJoinComplete` of `ConsumerCoordinator`).
//!
//! | | before `JoinGroup` | after the answer to `SyncGroup` |
//! |---|---|---|
//! | eager | auto-commit, nothing more fetched; then everything is revoked | assigned: all of the assignment |
//! | cooperative | auto-commit; everything is kept, and polled on | revoked: what is no longer assigned; assigned: what is new; after a revocation the member joins again |
//! | no generation | everything is lost | |
//!
//! `onPartitionsAssigned` is called even with nothing; so is `onPartitionsRevoked` of an eager
//! member. The subscription of a member never changes here, so a cooperative one revokes nothing
//! before it joins.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Member;
use super::app::{Activity, Entry, Then};
use super::commit::{CommitFor, CommitOutcome};
use super::membership::MemberState;
use super::poll::Turn;
use crate::base::{Instant, TopicPartition};
use crate::kafka::client::ClientFamily;
use crate::kafka::config::consumer::{Assignor, RebalanceProtocol};
use crate::kafka::group::{Assignment, UserData};
use crate::node::Ctx;
use crate::node::fact::{CommitKind, GroupFact};

/// What the sticky assignors of a member remember (their `onAssignment`). It outlives fencing, not
/// the process.
#[derive(Clone, Debug, Default)]
pub(super) struct AssignorMemory {
    sticky: Option<UserData>,
    /// The generation in which the cooperative one was last used.
    cooperative: Option<i32>,
}

impl AssignorMemory {
    /// What an assignor adds to the subscription (`subscriptionUserData`).
    pub(super) fn of(&self, assignor: Assignor) -> Option<UserData> {
        match assignor {
            Assignor::Range | Assignor::RoundRobin => None,
            Assignor::Sticky => self.sticky.clone(),
            Assignor::CooperativeSticky => Some(UserData {
                assigned: Assignment::from([]),
                generation: self.cooperative.unwrap_or(-1),
            }),
        }
    }

    /// An assignment of the chosen assignor arrived.
    fn assigned(&mut self, by: Option<&str>, assigned: &Assignment, generation: i32) {
        match by.and_then(Assignor::from_protocol_name) {
            Some(Assignor::Sticky) => {
                let assigned = Assignment::clone(assigned);
                self.sticky = Some(UserData {
                    assigned,
                    generation,
                });
            }
            Some(Assignor::CooperativeSticky) => self.cooperative = Some(generation),
            Some(Assignor::Range | Assignor::RoundRobin) | None => {}
        }
    }
}

impl Member {
    /// Auto-commit, then revoke or lose what has to go (`onJoinPrepare`).
    pub(super) fn prepare_join(&mut self, ctx: &mut Ctx<'_>) -> Turn {
        let limit = ctx.now + self.setup.config.max_poll_interval;
        let until = *self.group.prepare_until.get_or_insert(limit);
        if self.setup.config.auto_commit && !self.commit_before_join(ctx, until) {
            return Turn::NotReady;
        }
        let lost = self.group.generation.is_none();
        let eager = self.setup.config.rebalance_protocol() == RebalanceProtocol::Eager;
        if !lost && !eager {
            self.prepared();
            return Turn::Ready;
        }
        let turn = self.revoke(ctx, lost, Then::Prepared);
        if turn == Turn::Ready {
            self.gave_all();
        }
        turn
    }

    /// Whether the commit before the rebalance is done with, one way or another.
    fn commit_before_join(&mut self, ctx: &mut Ctx<'_>, until: Instant) -> bool {
        if self.group.prepare_commit.is_none() {
            if ctx.now < self.group.retry_at {
                return false;
            }
            if self.setup.config.rebalance_protocol() == RebalanceProtocol::Eager {
                for owned in self.positions.iter_mut() {
                    owned.leaving = true;
                }
            }
            let offsets = self.auto_committed_offsets();
            let kind = CommitKind::AutoBeforeRebalance;
            let id = self.start_commit(ctx, kind, offsets.clone(), CommitFor::Waiter);
            self.group.prepare_commit = Some((id, offsets));
        }
        let Some((id, offsets)) = self.group.prepare_commit.clone() else {
            unreachable!("it was sent just before")
        };
        if until <= ctx.now {
            return true;
        }
        let Some(outcome) = self.commits.take_outcome(id) else {
            return false;
        };
        self.note_commit_outcome(ctx, CommitKind::AutoBeforeRebalance, &offsets, outcome);
        self.group.prepare_commit = None;
        match outcome {
            CommitOutcome::Failed(failure) if failure.retriable => {
                self.group.retry_at = ctx.now + self.setup.config.retry_backoff;
                false
            }
            CommitOutcome::Failed(_) | CommitOutcome::Done => true,
        }
    }

    /// Takes everything from the application, as revoked or as lost, and runs its listener.
    /// `Ready` if nothing had to run.
    pub(super) fn revoke(&mut self, ctx: &mut Ctx<'_>, lost: bool, then: Then) -> Turn {
        let partitions: Arc<[TopicPartition]> = self.positions.partitions().into();
        if lost && partitions.is_empty() {
            return Turn::Ready;
        }
        let nothing = partitions.is_empty();
        let entry = if lost { Entry::Lost } else { Entry::Revoked };
        self.take_away(ctx, lost, partitions);
        if nothing && self.app.is_empty(entry) {
            return Turn::Ready;
        }
        self.call_listener(ctx, entry, then)
    }

    /// States that partitions go, before the listener hears of it.
    fn take_away(&mut self, ctx: &mut Ctx<'_>, lost: bool, partitions: Arc<[TopicPartition]>) {
        let group = self.setup.group;
        let dropped = partitions.clone();
        if lost {
            let fact = GroupFact::Lost { group, partitions };
            ctx.note_since(fact, self.group.fenced_since);
        } else {
            ctx.note(GroupFact::Revoked { group, partitions });
        }
        self.drop_queued(ctx, &dropped);
    }

    /// The listener has given everything up, and `onJoinPrepare` is over.
    pub(super) fn gave_all(&mut self) {
        self.positions.assign(&[]);
        self.prepared();
    }

    /// `onJoinPrepare` is over.
    fn prepared(&mut self) {
        self.group.is_leader = false;
        self.group.needs_prepare = false;
        self.group.prepare_until = None;
        self.group.prepare_commit = None;
    }

    /// Gives up what the assignment no longer has, then takes it over (`onJoinComplete`).
    pub(super) fn complete_join(&mut self, ctx: &mut Ctx<'_>, assignment: &Assignment) -> Turn {
        if self.group.state != MemberState::Stable || self.group.generation.is_none() {
            self.group.reset(true, self.group.fenced_since);
            return Turn::NotReady;
        }
        if !self.group.is_leader {
            self.group.assigned_from = None;
        }
        self.group.needs_prepare = true;
        let given: BTreeSet<&TopicPartition> = assignment.iter().collect();
        let mut surplus = self.positions.partitions();
        surplus.retain(|tp| !given.contains(tp));
        if surplus.is_empty() {
            return self.take_over_assignment(ctx, assignment);
        }
        // Only a cooperative member still owns anything here.
        self.take_away(ctx, false, surplus.into());
        match self.call_listener(ctx, Entry::Revoked, Then::GaveUp) {
            Turn::Ready => {
                self.group.rejoin_needed = true;
                self.take_over_assignment(ctx, assignment)
            }
            other => {
                self.group.incoming = Some(Assignment::clone(assignment));
                other
            }
        }
    }

    /// The listener has given up what a cooperative member is no longer assigned: it takes the rest
    /// over and joins again, so that the others may have it.
    pub(super) fn gave_up(&mut self, ctx: &mut Ctx<'_>) {
        let assignment = self.group.incoming.take();
        let assignment = assignment.expect("partitions are given up for an assignment");
        self.group.rejoin_needed = true;
        self.take_over_assignment(ctx, &assignment);
    }

    /// Takes the assignment over and tells the listener what is new in it.
    fn take_over_assignment(&mut self, ctx: &mut Ctx<'_>, assignment: &Assignment) -> Turn {
        let generation = &self.group.generation;
        let by = generation.protocol.as_deref();
        self.group.memory.assigned(by, assignment, generation.id);
        if self.setup.config.auto_commit && self.setup.family == ClientFamily::Java {
            self.commits.auto_at = ctx.now + self.setup.config.auto_commit_interval;
        }
        let mut added = assignment.to_vec();
        added.retain(|tp| self.positions.get(*tp).is_none());
        added.sort_unstable();
        self.positions.assign(assignment);
        self.lookup_is_stale();
        self.group.assigned_since = ctx.note(GroupFact::Assigned {
            group: self.setup.group,
            generation: self.group.generation.id,
            partitions: added.into(),
        });
        match self.call_listener(ctx, Entry::Assigned, Then::Assigned) {
            Turn::Ready => {
                self.assigned();
                Turn::Ready
            }
            other => other,
        }
    }

    /// `onPartitionsAssigned` has returned: fetching may begin.
    pub(super) fn assigned(&mut self) {
        for owned in self.positions.iter_mut() {
            owned.arriving = false;
        }
    }

    /// A listener returns: what it interrupted goes on.
    pub(super) fn end_listener(&mut self, ctx: &mut Ctx<'_>) {
        let frame = self.app.frames.pop().expect("a listener has a frame");
        let (activity, then) = frame.interrupts.expect("a listener interrupts something");
        self.app.activity = activity;
        if let Activity::Poll(polling) = &mut self.app.activity {
            polling.goes_on_with_the_group();
        }
        match then {
            Then::Prepared => self.gave_all(),
            Then::GaveUp => self.gave_up(ctx),
            Then::Assigned => self.assigned(),
            Then::Closing => self.left_partitions(ctx),
            Then::ModernStep => {}
            Then::ModernLost => self.modern_lost(ctx.now),
        }
    }
}
