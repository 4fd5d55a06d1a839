//! One `poll(timeout)` in Kafka's order (`ClassicKafkaConsumer.poll`):
//!
//! 1. group: callbacks, coordinator, joining, auto-commit of what earlier polls returned;
//! 2. positions: validation, committed offsets, resets;
//! 3. records at hand end it; else fetches leave and it waits for the network or its timeout;
//! 4. before it returns records, the next fetches leave.
//!
//! It waits without a coordinator or committed offsets too, and then hands out what is buffered
//! only when its time is up. A poll that returns nothing takes at least a millisecond, so that a
//! loop with timeout 0 cannot stop virtual time.

use super::Member;
use super::app::Activity;
use super::buffer::Run;
use super::commit::FENCED;
use super::program::OnThrow;
use super::script::Polled;
use crate::base::{Instant, Span};
use crate::node::fact::{AppFact, GroupFact};
use crate::node::{Ctx, FactId};

/// The least time of a poll that returns nothing.
const EMPTY_POLL: Span = Span::from_millis(1);

/// How a part of a poll went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Go on.
    Ready,
    /// Not done, but nothing to wait for: records at hand may be returned.
    NotReady,
    /// Not done, and the poll waits for it.
    Blocked,
    /// A listener runs now; the poll goes on when it returns.
    Called,
    /// `poll` throws this exception.
    Threw(&'static str),
}

/// A poll under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Polling {
    pub(super) deadline: Instant,
    entered: bool,
    blocked: bool,
    /// Until then it only waits for records: a member of the consumer protocol looks at nothing
    /// else before it begins its next round.
    waits_until: Option<Instant>,
}

impl Polling {
    pub(super) fn new(now: Instant, timeout: Span) -> Self {
        Self {
            deadline: now + timeout.max(EMPTY_POLL),
            entered: false,
            blocked: false,
            waits_until: None,
        }
    }

    /// A listener has returned into its group's part: that comes before records at hand.
    pub(super) fn goes_on_with_the_group(&mut self) {
        self.entered = false;
    }
}

impl Member {
    /// Goes on with the poll. Whether the application goes on.
    pub(super) fn poll_pass(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Activity::Poll(polling) = self.app.activity else {
            unreachable!("a pass belongs to a poll")
        };
        if self.app.wants_to_end() {
            self.app.take_wakeup();
            self.end_loop(ctx);
            return true;
        }
        let over = polling.deadline <= ctx.now;
        if polling.entered && (over || !polling.blocked) {
            match self.collect() {
                Err(exception) => return self.poll_throws(ctx, exception),
                Ok(runs) if !runs.is_empty() => return self.poll_returns(ctx, runs),
                Ok(_) => {}
            }
        }
        if polling.entered && over {
            self.send_fetches(ctx);
            return self.poll_returns(ctx, Vec::new());
        }
        if polling.entered && polling.waits_until.is_some_and(|until| ctx.now < until) {
            return false;
        }
        let turn = match self.coordinator_poll(ctx) {
            Turn::Ready => self.update_positions(ctx),
            other => other,
        };
        match turn {
            Turn::Called => return true,
            Turn::Threw(exception) => return self.poll_throws(ctx, exception),
            Turn::Ready | Turn::NotReady | Turn::Blocked => {}
        }
        let blocked = turn == Turn::Blocked;
        self.app.activity = Activity::Poll(Polling {
            entered: true,
            blocked,
            ..polling
        });
        if blocked && !over {
            return false;
        }
        match self.collect() {
            Err(exception) => return self.poll_throws(ctx, exception),
            Ok(runs) if !runs.is_empty() => return self.poll_returns(ctx, runs),
            Ok(_) => {}
        }
        self.send_fetches(ctx);
        // Kafka's loop turns again at the next sign of the network, and then asks for these first.
        self.send_validations(ctx);
        if over {
            return self.poll_returns(ctx, Vec::new());
        }
        self.wait_for_records(ctx.now);
        false
    }

    /// A member of the consumer protocol waits for records alone (`FetchBuffer.awaitNotEmpty`): what
    /// comes meanwhile for the group, or an empty fetch, does not end the wait.
    fn wait_for_records(&mut self, now: Instant) {
        let Some(until) = self.modern_waits_until(now) else {
            return;
        };
        if let Activity::Poll(polling) = &mut self.app.activity {
            polling.waits_until = Some(until);
        }
    }

    /// The group's part (`ConsumerCoordinator.poll`).
    fn coordinator_poll(&mut self, ctx: &mut Ctx<'_>) -> Turn {
        if self.modern.is_some() {
            return self.modern_poll(ctx);
        }
        self.run_commit_callbacks(ctx);
        if self.commits.fenced().is_some() || std::mem::take(&mut self.group.is_fenced) {
            return Turn::Threw(FENCED);
        }
        self.heart.polled(ctx.now);
        if !self.coordinator_ready(ctx) {
            return Turn::Blocked;
        }
        if self.must_join() {
            let turn = self.join_step(ctx);
            if turn != Turn::Ready {
                return turn;
            }
        }
        self.auto_commit_in_poll(ctx);
        Turn::Ready
    }

    fn poll_returns(&mut self, ctx: &mut Ctx<'_>, mut runs: Vec<Run>) -> bool {
        self.app.activity = Activity::None;
        if !runs.is_empty() {
            self.send_fetches(ctx);
        }
        let cause = ctx.cause;
        for run in &mut runs {
            let since = self.positions.get(run.tp).map_or(FactId::NONE, |o| o.since);
            let fact = AppFact::Polled {
                group: self.setup.group,
                partition: run.tp,
                first_offset: run.first_offset,
                records: run.records.clone(),
            };
            ctx.cause = cause;
            run.polled = ctx.note_since(fact, since);
        }
        self.app.polled = Polled::new(runs);
        true
    }

    fn poll_throws(&mut self, ctx: &mut Ctx<'_>, exception: &'static str) -> bool {
        self.app.activity = Activity::None;
        self.app.polled = Polled::default();
        let since = match exception {
            FENCED => self.commits.fenced().unwrap_or(self.group.fenced_since),
            _ => FactId::NONE,
        };
        let group = self.setup.group;
        ctx.note_since(GroupFact::PollFailed { group, exception }, since);
        match self.setup.program.on_poll_failure {
            // Looks again after a moment: a hot loop of exceptions would stop virtual time.
            OnThrow::Continue => self.sleep(ctx, self.setup.config.retry_backoff),
            OnThrow::Stop => self.stop(ctx, exception),
        }
        true
    }

    /// When the poll has to look again by itself.
    pub(super) fn poll_due(&self, now: Instant) -> Option<Instant> {
        let Activity::Poll(polling) = self.app.activity else {
            return None;
        };
        let auto = self
            .setup
            .config
            .auto_commit
            .then_some(self.commits.auto_at);
        let resets = self.positions.iter().map(|owned| owned.retry_at);
        let others = auto
            .into_iter()
            .chain(self.group.retry_at())
            .chain(self.modern.as_ref().and_then(|modern| modern.retry_at()))
            .chain(self.lookup_retry_at())
            .chain(resets)
            .filter(|at| now < *at);
        match polling.waits_until.filter(|until| now < *until) {
            Some(until) => Some(until.min(polling.deadline)),
            None => others.chain([polling.deadline]).min(),
        }
    }
}
