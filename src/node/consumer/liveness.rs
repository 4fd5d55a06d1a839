//! What the heartbeat thread does while the application is busy (`AbstractCoordinator`'s
//! `HeartbeatThread`): heartbeats, the search for a lost coordinator, leaving when nobody polls.
//!
//! | state | runs |
//! |---|---|
//! | `Unjoined`, `Preparing` | nothing |
//! | `Completing`, `Stable` | all of it |
//!
//! It never calls the listener and never gives partitions up: that is `poll`'s. A heartbeat refused
//! with `FENCED_INSTANCE_ID` ends the thread, and the next `poll` throws.

use super::app::Activity;
use super::membership::{Generation, MemberState};
use super::{Member, Tag};
use crate::base::Instant;
use crate::kafka::ErrorCode;
use crate::kafka::group::HeartbeatRequest;
use crate::kafka::message::{Request, Response};
use crate::node::client::Outcome;
use crate::node::fact::GroupFact;
use crate::node::{Ctx, FactId, Lane};

impl Member {
    /// When the heartbeat thread has something to do.
    pub(super) fn heart_due(&self) -> Option<Instant> {
        if !self.heart_beats() {
            None
        } else if self.group.coordinator.is_some() {
            Some(self.heart.next())
        } else {
            let alone = self.heart.search_at.unwrap_or(Instant::ZERO);
            Some(self.group.search_at()?.max(alone))
        }
    }

    fn heart_beats(&self) -> bool {
        let in_group = matches!(
            self.group.state,
            MemberState::Completing | MemberState::Stable
        );
        in_group && !self.app.is_shut()
    }

    /// One round of the heartbeat thread.
    pub(super) fn heart_tick(&mut self, ctx: &mut Ctx<'_>) {
        if !self.heart_beats() {
            return;
        }
        if !self.heart_has_coordinator(ctx) {
            // Kafka's thread looks at the poll timer only with a known coordinator; the session
            // timeout of the coordinator ends the membership then.
            return;
        }
        if self.heart.session_ends_at <= ctx.now {
            self.group.forget_coordinator();
            self.heart_has_coordinator(ctx);
        } else if self.heart.poll_due_at <= ctx.now {
            let group = self.setup.group;
            let last_poll = self
                .app
                .polled
                .runs
                .first()
                .map_or(FactId::NONE, |run| run.polled);
            let fact = if self.setup.config.instance.is_none() {
                GroupFact::PollIntervalExceeded { group }
            } else {
                GroupFact::FellSilent { group }
            };
            let since = ctx.note_since(fact, last_poll);
            self.leave(ctx, since);
        } else if self.heart.beat_at <= ctx.now {
            self.send_heartbeat(ctx);
        }
    }

    /// Whether the coordinator is known; else looks for it. While the application is in a call, that
    /// serves the network; else the thread does, once every `retry.backoff.ms`.
    fn heart_has_coordinator(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let in_call = matches!(
            self.app.activity,
            Activity::Poll(_) | Activity::Commit(_) | Activity::Close(_)
        );
        if in_call && !self.app.is_stalled(ctx.now) {
            return self.coordinator_ready(ctx);
        }
        let lane = Lane::Coordinator;
        let known = self.group.coordinator;
        if known.is_some_and(|known| !self.wire.is_unavailable(ctx.now, known, lane)) {
            return true;
        }
        self.group.forget_coordinator();
        let round = self.setup.config.retry_backoff;
        let search_at = self.heart.search_at.get_or_insert(ctx.now + round + round);
        if *search_at <= ctx.now {
            self.heart.search_at = None;
            self.coordinator_ready(ctx);
        }
        false
    }

    fn send_heartbeat(&mut self, ctx: &mut Ctx<'_>) {
        let coordinator = self.group.coordinator.expect("the coordinator is ready");
        self.heart.sent(ctx.now);
        let generation = self.group.generation.clone();
        let request = Request::Heartbeat(HeartbeatRequest {
            group: self.setup.group_name.clone(),
            member: generation.member.clone(),
            instance: self.setup.config.instance.clone(),
            generation: generation.id,
        });
        let to = (coordinator, Lane::Coordinator);
        let tag = Tag::Heartbeat(generation);
        self.wire.send(ctx, to, request, None, tag);
    }

    /// The answer to a heartbeat (`HeartbeatResponseHandler`).
    pub(super) fn heartbeat_answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        sent: &Generation,
        outcome: &Outcome,
    ) {
        let Outcome::Response(Response::Heartbeat(error)) = outcome else {
            self.group.forget_coordinator();
            self.heartbeat_failed(ctx);
            return;
        };
        match *error {
            ErrorCode::None => self.heart.received(ctx.now),
            ErrorCode::RebalanceInProgress => {
                if self.group.state == MemberState::Stable {
                    self.group.rejoin_needed = true;
                }
                self.heart.received(ctx.now);
            }
            ErrorCode::IllegalGeneration
            | ErrorCode::UnknownMemberId
            | ErrorCode::FencedInstanceId => {
                if self.group.generation == *sent {
                    let forget = *error != ErrorCode::IllegalGeneration;
                    self.group.reset(forget, ctx.cause);
                    self.group.is_fenced = *error == ErrorCode::FencedInstanceId;
                } else {
                    self.heart.received(ctx.now);
                }
            }
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.group.forget_coordinator();
                self.heartbeat_failed(ctx);
            }
            _ => self.heartbeat_failed(ctx),
        }
    }

    fn heartbeat_failed(&mut self, ctx: &mut Ctx<'_>) {
        let wait = self.retry_backoff.after(self.heart.failures);
        self.heart.failed(ctx.now, wait);
    }
}
