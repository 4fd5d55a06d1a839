//! `ConsumerGroupHeartbeat` from the client (`ConsumerHeartbeatRequestManager`): when it is sent,
//! what it says, what its answer means.
//!
//! | answer | then |
//! |---|---|
//! | none | the epoch and, if given, the assignment to be taken over |
//! | `FENCED_MEMBER_EPOCH`, `UNKNOWN_MEMBER_ID` | all partitions are lost; joins anew |
//! | coordinator gone or loading, connection lost | again, saying everything |
//! | `UNRELEASED_INSTANCE_ID`, `FENCED_INSTANCE_ID`, anything else | `poll` throws; out for good |
//!
//! When nobody has called `poll` for `max.poll.interval.ms` the client leaves at once, static
//! members too, and joins anew with the next `poll`. There is no session timeout on this side.

use std::sync::Arc;

use super::{Modern, State};
use crate::base::Instant;
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::{ConsumerHeartbeatRequest, ConsumerHeartbeatResponse};
use crate::kafka::message::{Request, Response};
use crate::node::client::Outcome;
use crate::node::consumer::{Member, Tag};
use crate::node::fact::GroupFact;
use crate::node::{Ctx, FactId, Lane};

impl Modern {
    /// When the heartbeat manager has something to send, with a known coordinator.
    fn due(&self, poll_due_at: Instant) -> Option<Instant> {
        if !self.is_member() {
            return None;
        }
        let wanted = match self.state {
            State::Joining | State::Acknowledging => Instant::ZERO,
            _ => self.beat_at,
        };
        let beat = (!self.in_flight).then_some(wanted);
        beat.into_iter().chain([poll_due_at]).min()
    }
}

impl Member {
    /// When the background has something to do for the group.
    pub(in super::super) fn modern_due(&self, now: Instant) -> Option<Instant> {
        let modern = self.modern.as_deref()?;
        if self.app.is_shut() {
            None
        } else if self.group.coordinator.is_some() {
            modern.due(self.heart.poll_due_at).map(|at| at.max(now))
        } else {
            self.group.search_at()
        }
    }

    /// One round of the background.
    pub(in super::super) fn modern_tick(&mut self, ctx: &mut Ctx<'_>) {
        if self.app.is_shut() || !self.coordinator_ready(ctx) {
            return;
        }
        let poll_due_at = self.heart.poll_due_at;
        if !self.modern().is_member() {
            return;
        }
        if poll_due_at <= ctx.now {
            return self.leave_unpolled(ctx);
        }
        if self
            .modern()
            .due(poll_due_at)
            .is_some_and(|at| at <= ctx.now)
        {
            self.send_modern_heartbeat(ctx);
            self.begin_in_background(ctx);
        }
    }

    /// Nobody polled in time: the client leaves, and is stale until somebody does.
    fn leave_unpolled(&mut self, ctx: &mut Ctx<'_>) {
        let polled = self.app.polled.runs.first();
        let last_poll = polled.map_or(FactId::NONE, |run| run.polled);
        let group = self.setup.group;
        let since = ctx.note_since(GroupFact::PollIntervalExceeded { group }, last_poll);
        self.say_farewell(ctx);
        self.group.fenced_since = since;
        self.modern().drop_out(State::Stale);
        self.carry_epoch();
    }

    /// Says that it leaves, if it is in the group. Nobody reads the answer.
    fn say_farewell(&mut self, ctx: &mut Ctx<'_>) {
        let Some(coordinator) = self.group.coordinator else {
            return;
        };
        let is_static = self.setup.config.instance.is_some();
        let request = ConsumerHeartbeatRequest {
            epoch: Modern::farewell(is_static),
            ..self.plain_heartbeat()
        };
        let request = Request::ConsumerHeartbeat(request);
        let to = (coordinator, Lane::Coordinator);
        self.wire.send(ctx, to, request, None, Tag::Leave);
    }

    /// `close()` leaves the group.
    pub(in super::super) fn modern_leave(&mut self, ctx: &mut Ctx<'_>) {
        if self.modern().is_member() {
            self.say_farewell(ctx);
        }
        self.modern().drop_out(State::Unsubscribed);
        self.modern().loses = false;
        self.carry_epoch();
    }

    /// A heartbeat that says nothing but that the member lives.
    fn plain_heartbeat(&self) -> ConsumerHeartbeatRequest {
        let modern = self.modern.as_deref();
        let modern = modern.expect("only members of the consumer protocol come here");
        ConsumerHeartbeatRequest {
            group: Arc::clone(&self.setup.group_name),
            member: Arc::clone(&modern.id),
            epoch: modern.epoch,
            instance: self.setup.config.instance.clone(),
            client_id: Arc::clone(&self.setup.name),
            rebalance_timeout: None,
            topics: None,
            pattern: None,
            assignor: None,
            owned: None,
        }
    }

    /// A heartbeat with what was not said yet (`HeartbeatState.buildRequestData`).
    fn send_modern_heartbeat(&mut self, ctx: &mut Ctx<'_>) {
        let coordinator = self.group.coordinator.expect("the coordinator is ready");
        let mut request = self.plain_heartbeat();
        let says_all = self.modern().sends_all || self.modern().state == State::Joining;
        if says_all {
            let config = &self.setup.config;
            request.rebalance_timeout = Some(config.max_poll_interval);
            let mut topics: Vec<_> = self.setup.topics.iter().map(|(topic, _)| *topic).collect();
            topics.sort_unstable();
            request.topics = Some(topics.into());
            request.assignor.clone_from(&config.remote_assignor);
        }
        let modern = self.modern();
        if says_all || modern.current != modern.said_owned {
            let current = modern.current.clone();
            request.owned = Some(current.unwrap_or_else(|| Arc::from([])));
            modern.said_owned.clone_from(&modern.current);
        }
        modern.sends_all = false;
        modern.in_flight = true;
        modern.beat_at = ctx.now + modern.interval;
        if modern.state == State::Acknowledging {
            let is_done = modern.current == modern.target;
            modern.state = if is_done {
                State::Stable
            } else {
                State::Reconciling
            };
        }
        let epoch = modern.epoch;
        let request = Request::ConsumerHeartbeat(request);
        let to = (coordinator, Lane::Coordinator);
        let tag = Tag::ConsumerHeartbeat { epoch };
        self.wire.send(ctx, to, request, None, tag);
    }

    /// The answer to a heartbeat that was sent with this epoch.
    pub(in super::super) fn modern_answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        epoch: i32,
        outcome: Outcome,
    ) {
        self.modern().in_flight = false;
        let Outcome::Response(Response::ConsumerHeartbeat(response)) = outcome else {
            self.group.forget_coordinator();
            return self.modern_failed(ctx);
        };
        match response.error {
            ErrorCode::None => self.modern_accepted(ctx, epoch, response),
            _ if !self.modern().is_member() => {}
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.group.forget_coordinator();
                let modern = self.modern();
                modern.sends_all = true;
                modern.failures = 0;
                modern.beat_at = ctx.now;
            }
            ErrorCode::CoordinatorLoadInProgress => self.modern_failed(ctx),
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => {
                self.group.fenced_since = ctx.cause;
                self.modern().drop_out(State::Fenced);
                self.carry_epoch();
            }
            error => {
                self.group.fenced_since = ctx.cause;
                let modern = self.modern();
                modern.drop_out(State::Fatal);
                modern.failure = Some(error.exception().unwrap_or("KafkaException"));
                self.carry_epoch();
            }
        }
    }

    /// No answer, or one that asks for patience: again after a while, saying everything.
    fn modern_failed(&mut self, ctx: &mut Ctx<'_>) {
        let failures = self.modern().failures;
        let wait = self.retry_backoff.after(failures);
        let modern = self.modern();
        modern.failures += 1;
        modern.sends_all = true;
        modern.beat_at = ctx.now + wait;
    }

    /// `onHeartbeatSuccess`. An answer to what the member was before it dropped out says nothing.
    fn modern_accepted(
        &mut self,
        ctx: &mut Ctx<'_>,
        epoch: i32,
        response: ConsumerHeartbeatResponse,
    ) {
        let modern = self.modern();
        if !modern.is_member() || (modern.state == State::Joining && epoch != modern.epoch) {
            return;
        }
        modern.failures = 0;
        modern.interval = response.heartbeat_interval;
        let sent_at_join = modern.state == State::Joining;
        if sent_at_join {
            modern.beat_at = ctx.now + modern.interval;
        }
        modern.epoch = response.epoch;
        if let Some(assignment) = response.assignment {
            modern.target = Some(assignment);
            modern.told_by = ctx.cause;
            if modern.current != modern.target {
                modern.state = State::Reconciling;
            } else if matches!(modern.state, State::Reconciling | State::Joining) {
                modern.state = State::Stable;
            }
        }
        self.carry_epoch();
        self.begin_in_background(ctx);
    }
}
