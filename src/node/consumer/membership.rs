//! The member in its group (`AbstractCoordinator`, `ConsumerCoordinator`): finding the coordinator,
//! joining and leaving.
//!
//! ```text
//! Unjoined --JoinGroup sent--> Preparing --answered--> Completing --SyncGroup answered--> Stable
//!    ^                            ^                                                         |
//!    +--kicked out, left----------+--------- rebalance seen, next poll: commit, revoke -----+
//! ```
//!
//! Joining advances only inside `poll`, without blocking it: prepare (auto-commit, revoke or lost),
//! join, sync, complete (assigned). The heartbeats go on meanwhile ([`super::liveness`]). Eager
//! only: the default pair of assignors is eager, cooperative groups do not load.

use std::sync::Arc;

use super::app::{Entry, Then};
use super::commit::{CommitFor, CommitOutcome, Offsets};
use super::join::{JoinFailure, Joining};
use super::poll::Turn;
use super::{Member, Tag};
use crate::base::{Instant, NodeId, TopicId, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::client::ClientFamily;
use crate::kafka::group::{Assignment, LeaveGroupRequest, MemberId};
use crate::kafka::message::{Request, Response};
use crate::node::client::Outcome;
use crate::node::fact::{CommitKind, GroupFact};
use crate::node::{Ctx, FactId, Lane};

/// Where the member stands (`MemberState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberState {
    /// Not in the group.
    Unjoined,
    /// `JoinGroup` is under way.
    Preparing,
    /// `SyncGroup` is under way.
    Completing,
    /// In the group.
    Stable,
}

/// Who the member is to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    /// The generation id, −1 for none.
    pub(super) id: i32,
    /// The member id, empty for none.
    pub(super) member: MemberId,
    /// The chosen assignor.
    pub(super) protocol: Option<Arc<str>>,
}

/// The search for the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    Idle,
    InFlight,
    Until(Instant),
}

/// The member's side of its group.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub(super) state: MemberState,
    pub(super) generation: Generation,
    pub(super) coordinator: Option<NodeId>,
    search: Search,
    pub(super) rejoin_needed: bool,
    needs_prepare: bool,
    prepare_until: Option<Instant>,
    prepare_commit: Option<(u32, Offsets)>,
    pub(super) joining: Joining,
    retry_at: Instant,
    /// What the leader assigned from: partitions per topic.
    pub(super) assigned_from: Option<Vec<(TopicId, Option<u32>)>>,
    pub(super) is_leader: bool,
    /// A heartbeat was refused since somebody else has the `group.instance.id`: the next `poll`
    /// throws (`AbstractCoordinator.pollHeartbeat`).
    pub(super) is_fenced: bool,
    /// The fact behind the loss of the last generation.
    pub(super) fenced_since: FactId,
    /// The fact of the last assignment.
    pub(super) assigned_since: FactId,
}

impl Generation {
    fn none() -> Self {
        Self {
            id: -1,
            member: Arc::from(""),
            protocol: None,
        }
    }

    /// Whether it names no place in the group.
    fn is_none(&self) -> bool {
        self.id < 0 || self.member.is_empty()
    }
}

impl Membership {
    /// Subscribed, and not in the group yet. Members of the consumer protocol join in their own way.
    pub(super) fn new(rejoin_needed: bool) -> Self {
        Self {
            state: MemberState::Unjoined,
            generation: Generation::none(),
            coordinator: None,
            search: Search::Idle,
            rejoin_needed,
            needs_prepare: true,
            prepare_until: None,
            prepare_commit: None,
            joining: Joining::Idle,
            retry_at: Instant::ZERO,
            assigned_from: None,
            is_leader: false,
            is_fenced: false,
            fenced_since: FactId::NONE,
            assigned_since: FactId::NONE,
        }
    }

    /// Between `JoinGroup` and the answer to `SyncGroup` (`rebalanceInProgress`).
    pub(super) fn is_rebalancing(&self) -> bool {
        matches!(self.state, MemberState::Preparing | MemberState::Completing)
    }

    /// Whether it has no place in the group.
    pub(super) fn has_no_generation(&self) -> bool {
        self.generation.is_none()
    }

    /// In the group and content.
    pub(super) fn is_settled(&self) -> bool {
        let idle = matches!(self.joining, Joining::Idle);
        self.state == MemberState::Stable && !self.rejoin_needed && idle
    }

    /// When something here has to be tried again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        let search = match self.search {
            Search::Until(at) => Some(at),
            Search::Idle | Search::InFlight => None,
        };
        let join = self.rejoin_needed.then_some(self.retry_at);
        search.into_iter().chain(join).min()
    }

    /// When the search for the coordinator may begin; `None` while it is under way.
    pub(super) fn search_at(&self) -> Option<Instant> {
        match self.search {
            Search::Idle => Some(Instant::ZERO),
            Search::InFlight => None,
            Search::Until(at) => Some(at),
        }
    }

    /// Out of the group: everything to be done again at the next `poll`.
    pub(super) fn reset(&mut self, forget_member: bool, since: FactId) {
        self.state = MemberState::Unjoined;
        self.generation.id = -1;
        self.generation.protocol = None;
        if forget_member {
            self.generation.member = Arc::from("");
        }
        self.rejoin_needed = true;
        self.needs_prepare = true;
        self.fenced_since = since;
    }

    /// The coordinator is not what we thought.
    pub(super) fn forget_coordinator(&mut self) {
        self.coordinator = None;
    }
}

impl Member {
    /// Whether the coordinator is known and can be reached; else looks for it
    /// (`ensureCoordinatorReady`).
    pub(super) fn coordinator_ready(&mut self, ctx: &mut Ctx<'_>) -> bool {
        if let Some(coordinator) = self.group.coordinator {
            let lost = self
                .wire
                .is_unavailable(ctx.now, coordinator, Lane::Coordinator);
            if !lost {
                return true;
            }
            // It was found just now and cannot be reached: the search waits a moment too.
            self.group.forget_coordinator();
            let wait = self.retry_backoff.after(0);
            self.group.search = Search::Until(ctx.now + wait);
        }
        let due = match self.group.search {
            Search::Idle => true,
            Search::InFlight => false,
            Search::Until(at) => at <= ctx.now,
        };
        if due {
            self.find_coordinator(ctx);
        }
        false
    }

    fn find_coordinator(&mut self, ctx: &mut Ctx<'_>) {
        let bootstrap = self.setup.bootstrap.clone();
        let Some(broker) = self.wire.any_broker(ctx.now, &bootstrap) else {
            self.group.search = Search::Until(ctx.now + self.setup.config.retry_backoff);
            return;
        };
        self.group.search = Search::InFlight;
        let request = Request::FindCoordinator {
            group: self.setup.group_name.clone(),
        };
        let to = (broker, Lane::Main);
        self.wire.send(ctx, to, request, None, Tag::FindCoordinator);
    }

    /// The answer to `FindCoordinator`.
    pub(super) fn coordinator_found(&mut self, ctx: &mut Ctx<'_>, outcome: &Outcome) {
        if let Outcome::Response(Response::FindCoordinator {
            error: ErrorCode::None,
            coordinator: Some(coordinator),
        }) = outcome
        {
            self.group.search = Search::Idle;
            self.group.coordinator = Some(*coordinator);
            self.wire.connect(ctx, *coordinator, Lane::Coordinator);
            self.heart.heard(ctx.now);
            self.send_postponed_commits(ctx);
            return;
        }
        let wait = self.retry_backoff.after(0);
        self.group.search = Search::Until(ctx.now + wait);
        self.metadata.request_update();
        self.fail_postponed_commits();
    }

    /// Whether the member has to join (`rejoinNeededOrPending`). The leader also watches the
    /// metadata its assignment was made from.
    pub(super) fn must_join(&mut self) -> bool {
        if let Some(before) = &self.group.assigned_from
            && !self.metadata_snapshot().eq(before.iter().copied())
        {
            self.group.rejoin_needed = true;
        }
        self.group.rejoin_needed || !matches!(self.group.joining, Joining::Idle)
    }

    /// How many partitions each topic of the subscription has, as far as is known.
    pub(super) fn metadata_snapshot(&self) -> impl Iterator<Item = (TopicId, Option<u32>)> {
        let topics = self.setup.topics.iter();
        topics.map(|(topic, _)| (*topic, self.metadata.partition_count(*topic)))
    }

    /// Brings the joining as far as it goes now (`joinGroupIfNeeded` with a zero timer).
    pub(super) fn join_step(&mut self, ctx: &mut Ctx<'_>) -> Turn {
        while self.must_join() {
            if !self.coordinator_ready(ctx) {
                return Turn::NotReady;
            }
            if self.group.needs_prepare {
                match self.prepare_join(ctx) {
                    Turn::Ready => self.prepared(),
                    other => return other,
                }
            }
            match std::mem::replace(&mut self.group.joining, Joining::Idle) {
                Joining::Idle => {
                    if ctx.now < self.group.retry_at {
                        return Turn::NotReady;
                    }
                    self.send_join(ctx);
                    return Turn::NotReady;
                }
                Joining::InFlight => {
                    self.group.joining = Joining::InFlight;
                    return Turn::NotReady;
                }
                Joining::Electing(response) => {
                    if !self.metadata_is_fresh(ctx.now) {
                        self.group.joining = Joining::Electing(response);
                        return Turn::NotReady;
                    }
                    self.lead(ctx, &response);
                    return Turn::NotReady;
                }
                Joining::Joined(assignment) => return self.complete_join(ctx, &assignment),
                Joining::Failed(failure) => {
                    self.group.rejoin_needed = true;
                    match failure {
                        JoinFailure::AtOnce => {}
                        JoinFailure::Later => {
                            self.group.retry_at = ctx.now + self.setup.config.retry_backoff;
                        }
                        JoinFailure::Fatal(exception) => return Turn::Threw(exception),
                    }
                }
            }
        }
        Turn::Ready
    }

    /// Auto-commit, then revoke or lose what is owned (`onJoinPrepare`).
    fn prepare_join(&mut self, ctx: &mut Ctx<'_>) -> Turn {
        let limit = ctx.now + self.setup.config.max_poll_interval;
        let until = *self.group.prepare_until.get_or_insert(limit);
        if self.setup.config.auto_commit && !self.commit_before_join(ctx, until) {
            return Turn::NotReady;
        }
        self.revoke(ctx, self.group.generation.is_none(), Then::Prepared)
    }

    /// Whether the commit before the rebalance is done with, one way or another.
    fn commit_before_join(&mut self, ctx: &mut Ctx<'_>, until: Instant) -> bool {
        if self.group.prepare_commit.is_none() {
            if ctx.now < self.group.retry_at {
                return false;
            }
            for owned in self.positions.iter_mut() {
                owned.leaving = true;
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
        let group = self.setup.group;
        let nothing = partitions.is_empty();
        let entry = if lost { Entry::Lost } else { Entry::Revoked };
        let dropped = partitions.clone();
        let fact = if lost {
            GroupFact::Lost { group, partitions }
        } else {
            GroupFact::Revoked { group, partitions }
        };
        let since = if lost {
            self.group.fenced_since
        } else {
            FactId::NONE
        };
        ctx.note_since(fact, since);
        self.drop_queued(ctx, &dropped);
        if nothing && self.app.is_empty(entry) {
            return Turn::Ready;
        }
        self.call_listener(ctx, entry, then)
    }

    /// `onJoinPrepare` is over: nothing is owned any more.
    pub(super) fn prepared(&mut self) {
        self.positions.assign(&[]);
        self.group.is_leader = false;
        self.group.needs_prepare = false;
        self.group.prepare_until = None;
        self.group.prepare_commit = None;
    }

    /// Takes the assignment over and tells the listener (`onJoinComplete`).
    fn complete_join(&mut self, ctx: &mut Ctx<'_>, assignment: &Assignment) -> Turn {
        if self.group.state != MemberState::Stable || self.group.generation.is_none() {
            self.group.reset(true, self.group.fenced_since);
            return Turn::NotReady;
        }
        if !self.group.is_leader {
            self.group.assigned_from = None;
        }
        self.group.needs_prepare = true;
        if self.setup.config.auto_commit && self.setup.family == ClientFamily::Java {
            self.commits.auto_at = ctx.now + self.setup.config.auto_commit_interval;
        }
        self.positions.assign(assignment);
        self.lookup_is_stale();
        let mut partitions = assignment.to_vec();
        partitions.sort_unstable();
        self.group.assigned_since = ctx.note(GroupFact::Assigned {
            group: self.setup.group,
            generation: self.group.generation.id,
            partitions: partitions.into(),
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

    /// Leaves the group, if there is somebody to tell (`maybeLeaveGroup`). A static member tells
    /// nobody: its place is kept until its session ends (KIP-345).
    pub(super) fn leave(&mut self, ctx: &mut Ctx<'_>, since: FactId) {
        let generation = self.group.generation.clone();
        let tells = self.setup.config.instance.is_none()
            && self.group.state != MemberState::Unjoined
            && !generation.member.is_empty();
        if tells && let Some(coordinator) = self.group.coordinator {
            let request = Request::LeaveGroup(LeaveGroupRequest {
                group: self.setup.group_name.clone(),
                members: vec![(generation.member, None)],
            });
            let to = (coordinator, Lane::Coordinator);
            self.wire.send(ctx, to, request, None, Tag::Leave);
        }
        self.group.reset(true, since);
    }

    /// Forgets the joining, as a closing client does.
    pub(super) fn stop_joining(&mut self) {
        self.group.joining = Joining::Idle;
        self.group.rejoin_needed = false;
    }
}
