//! The member in its group (`AbstractCoordinator`, `ConsumerCoordinator`): finding the coordinator,
//! joining and leaving.
//!
//! ```text
//! Unjoined --JoinGroup sent--> Preparing --answered--> Completing --SyncGroup answered--> Stable
//!    ^                            ^                                                         |
//!    +--kicked out, left----------+--------- rebalance seen, next poll: commit, revoke -----+
//! ```
//!
//! Joining advances only inside `poll`, without blocking it: prepare, join, sync, complete. What
//! that takes from the application and gives it is [`super::handover`]. The heartbeats go on
//! meanwhile ([`super::liveness`]).

use std::sync::Arc;

use super::commit::Offsets;
use super::handover::AssignorMemory;
use super::join::{JoinFailure, Joining};
use super::poll::Turn;
use super::{Member, Tag};
use crate::base::{Instant, NodeId, TopicId};
use crate::kafka::ErrorCode;
use crate::kafka::group::{Assignment, LeaveGroupRequest, MemberId};
use crate::kafka::message::{Request, Response};
use crate::node::client::Outcome;
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
    pub(super) needs_prepare: bool,
    pub(super) prepare_until: Option<Instant>,
    pub(super) prepare_commit: Option<(u32, Offsets)>,
    pub(super) joining: Joining,
    /// The assignment that is taken over once the listener has given up what is not in it.
    pub(super) incoming: Option<Assignment>,
    /// What the assignors remember of earlier generations.
    pub(super) memory: AssignorMemory,
    pub(super) retry_at: Instant,
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
    pub(super) fn is_none(&self) -> bool {
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
            incoming: None,
            memory: AssignorMemory::default(),
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
                    Turn::Ready => {}
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
                Joining::Joined(assignment) => match self.complete_join(ctx, &assignment) {
                    Turn::Ready => {}
                    other => return other,
                },
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
        self.group.incoming = None;
        self.group.rejoin_needed = false;
    }
}
