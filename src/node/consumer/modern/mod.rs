//! A member of the consumer protocol (KIP-848; `AsyncKafkaConsumer`, `AbstractMembershipManager`,
//! `ConsumerMembershipManager`).
//!
//! ```text
//! Unsubscribed --poll--> Joining --answered--> Reconciling --listener done--> Acknowledging
//!      ^                    ^                       ^                              |
//!   close()        lost, next poll                  +---- new assignment ---- Stable <-+
//!                           |
//!        Fenced (refused)  Stale (nobody polled)      Fatal (poll throws)
//! ```
//!
//! Heartbeats go on in the background ([`heartbeat`]); what they bring is taken over inside `poll`,
//! one assignment at a time ([`reconcile`]), while the partitions that stay are read on. A `poll`
//! goes in rounds: the group's part, with one call of the listener at most, then records, and if
//! there are none a wait for nothing but records, until a heartbeat or an auto-commit is due. What
//! comes meanwhile for the group is looked at in the next round. Simplified: there is always a
//! listener, so that nothing is given up behind the application's back.

mod heartbeat;
mod reconcile;

use std::sync::Arc;

use super::app::Then;
use super::commit::Offsets;
use super::membership::Generation;
use super::poll::Turn;
use super::{Member, MemberSetup};
use crate::base::{Instant, Span, Stream};
use crate::kafka::consumer_protocol::{EPOCH_JOIN, EPOCH_LEAVE, EPOCH_LEAVE_STATIC};
use crate::kafka::group::{Assignment, MemberId};
use crate::node::{Ctx, FactId};

/// The digits of the base64 of URLs, in which Kafka writes its ids.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Where the member stands (`MemberState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not in the group, and not about to be.
    Unsubscribed,
    /// A heartbeat with epoch 0 is to be sent or under way.
    Joining,
    /// It has been told to own something else.
    Reconciling,
    /// It owns what it was told, and is about to say so.
    Acknowledging,
    /// Nothing to do but to be heard of.
    Stable,
    /// The coordinator does not know it any more.
    Fenced,
    /// It has left, because nobody called `poll`.
    Stale,
    /// A refusal that no retry changes.
    Fatal,
}

/// How far an assignment is taken over.
#[derive(Clone, Debug)]
enum Step {
    /// Auto-commit first: the request under way, until when it is retried, and when again.
    Committing {
        request: Option<(u32, Offsets)>,
        until: Instant,
        retry_at: Instant,
        failures: u32,
    },
    /// The listener is to give up what goes.
    Revoking,
    /// It has: what comes is the matter of the next round.
    Revoked,
    /// The listener is to be given what comes.
    Assigning,
    /// The listener has returned.
    Done,
}

/// An assignment being taken over.
#[derive(Clone, Debug)]
struct Reconciliation {
    target: Assignment,
    step: Step,
}

/// A member of the consumer protocol.
#[derive(Clone, Debug)]
pub(super) struct Modern {
    /// The member id, which the process has made up.
    id: MemberId,
    epoch: i32,
    state: State,
    /// What it owns and has said or will say; `None` before the first.
    current: Option<Assignment>,
    /// What it was last told to own.
    target: Option<Assignment>,
    under_way: Option<Reconciliation>,
    /// It was fenced or left: what it has is lost, and the listener is to hear of it.
    loses: bool,
    /// What `poll` throws next.
    failure: Option<&'static str>,
    /// The fact behind the assignment it was last told.
    told_by: FactId,
    interval: Span,
    beat_at: Instant,
    in_flight: bool,
    failures: u32,
    /// The last heartbeat did not get through: the next says everything.
    sends_all: bool,
    said_owned: Option<Assignment>,
}

impl Modern {
    /// A process that has just begun; `start` counts the processes of this member.
    pub(super) fn new(setup: &MemberSetup, start: u32) -> Self {
        let mut stream = Stream::new(setup.seed, "member-id", &format!("{}/{start}", setup.name));
        Self {
            id: Arc::from(uuid(stream.next_u64(), stream.next_u64())),
            epoch: EPOCH_JOIN,
            state: State::Unsubscribed,
            current: None,
            target: None,
            under_way: None,
            loses: false,
            failure: None,
            told_by: FactId::NONE,
            interval: Span::ZERO,
            beat_at: Instant::ZERO,
            in_flight: false,
            failures: 0,
            sends_all: true,
            said_owned: None,
        }
    }

    /// Whether it owns what it was told to, and has said so.
    pub(super) fn is_settled(&self) -> bool {
        self.state == State::Stable && !self.in_flight
    }

    /// Its id and epoch while it is in the group, as offset commits and lookups carry them.
    pub(super) fn in_group(&self) -> Option<(MemberId, i32)> {
        (EPOCH_JOIN < self.epoch).then(|| (Arc::clone(&self.id), self.epoch))
    }

    /// When something here has to be tried again inside `poll`.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        match &self.under_way.as_ref()?.step {
            Step::Committing {
                request: None,
                retry_at,
                ..
            } => Some(*retry_at),
            Step::Committing { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// Whether the group may be told that it leaves.
    fn is_member(&self) -> bool {
        !matches!(
            self.state,
            State::Unsubscribed | State::Fenced | State::Stale | State::Fatal
        )
    }

    /// Out of the group; what it owns is lost.
    fn drop_out(&mut self, state: State) {
        self.state = state;
        self.epoch = EPOCH_JOIN;
        self.current = None;
        self.target = None;
        self.under_way = None;
        self.loses = true;
        self.sends_all = true;
    }

    /// The epoch by which it says farewell.
    fn farewell(is_static: bool) -> i32 {
        if is_static {
            EPOCH_LEAVE_STATIC
        } else {
            EPOCH_LEAVE
        }
    }
}

impl Member {
    /// The part of a member of the consumer protocol.
    fn modern(&mut self) -> &mut Modern {
        let modern = self.modern.as_deref_mut();
        modern.expect("only members of the consumer protocol come here")
    }

    /// The group's part of a `poll` (`ApplicationEventProcessor.process(PollEvent)`, then
    /// `processBackgroundEvents`).
    pub(super) fn modern_poll(&mut self, ctx: &mut Ctx<'_>) -> Turn {
        self.run_commit_callbacks(ctx);
        self.coordinator_ready(ctx);
        self.heart.polled(ctx.now);
        if let Some(exception) = self.modern().failure.take() {
            return Turn::Threw(exception);
        }
        if self.modern().loses {
            match self.lose_all(ctx) {
                Turn::Ready => {}
                other => return other,
            }
        }
        if self.modern().state == State::Unsubscribed {
            self.join_anew(ctx.now);
        }
        self.end_commit_before(ctx);
        // The commit before a reconciliation takes the place of the one by the clock.
        if !self.commits_for_reconciliation() {
            self.auto_commit_in_poll(ctx);
        }
        self.reconcile(ctx)
    }

    /// Whether an offset commit for a new assignment is under way or about to be.
    fn commits_for_reconciliation(&mut self) -> bool {
        let modern = self.modern();
        match &modern.under_way {
            Some(under_way) => matches!(under_way.step, Step::Committing { .. }),
            None => modern.state == State::Reconciling && modern.current != modern.target,
        }
    }

    /// Until when a round of `poll` that found no records waits for some
    /// (`AsyncKafkaConsumer.pollForFetches`, `maximumTimeToWait` of its managers); `None` if the
    /// next round begins with whatever comes.
    pub(super) fn modern_waits_until(&self, now: Instant) -> Option<Instant> {
        let modern = self.modern.as_deref()?;
        let beats_now = matches!(modern.state, State::Joining | State::Acknowledging);
        if beats_now && !modern.in_flight {
            return None;
        }
        let half_the_rest = self.heart.poll_due_at.since(now).0 / 2;
        let polled_half = now + Span::from_nanos(half_the_rest);
        let mut until = modern.beat_at.min(polled_half);
        if self.setup.config.auto_commit {
            until = until.min(self.commits.auto_at);
        }
        if !self.positions.all_valid() {
            until = until.min(now + self.setup.config.retry_backoff);
        }
        (now < until).then_some(until)
    }

    /// The next heartbeat joins, at once (`transitionToJoining`).
    fn join_anew(&mut self, now: Instant) {
        let modern = self.modern();
        modern.state = State::Joining;
        modern.epoch = EPOCH_JOIN;
        modern.beat_at = now;
        modern.sends_all = true;
    }

    /// Everything is lost: the listener hears of it, then the member joins anew.
    fn lose_all(&mut self, ctx: &mut Ctx<'_>) -> Turn {
        let turn = self.revoke(ctx, true, Then::ModernLost);
        if turn == Turn::Ready {
            self.modern_lost(ctx.now);
        }
        turn
    }

    /// `onPartitionsLost` has returned.
    pub(super) fn modern_lost(&mut self, now: Instant) {
        self.positions.assign(&[]);
        self.modern().loses = false;
        if matches!(self.modern().state, State::Fenced | State::Stale) && !self.app.is_shut() {
            self.join_anew(now);
        }
    }

    /// Offset commits carry what the member is now.
    fn carry_epoch(&mut self) {
        let (member, id) = match self.modern().in_group() {
            Some((member, epoch)) => (member, epoch),
            None => (Arc::from(""), -1),
        };
        self.group.generation = Generation {
            id,
            member,
            protocol: None,
        };
    }
}

/// 128 random bits as Kafka writes an id: 22 digits of base64.
fn uuid(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let bits = u128::from(high) << 64 | u128::from(low);
    let digit = |place: u32| {
        let rest = if place < 21 {
            bits >> (122 - 6 * place)
        } else {
            bits << 4
        };
        char::from(DIGITS[(rest & 0x3f) as usize])
    };
    (0..22).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_zero_bits_shows_its_version_and_variant_alone() {
        assert_eq!(uuid(0, 0), "AAAAAAAAQACAAAAAAAAAAA");
        assert_eq!(uuid(u64::MAX, u64::MAX).len(), 22);
    }
}
