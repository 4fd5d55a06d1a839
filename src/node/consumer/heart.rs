//! The deadlines of the heartbeat thread (`Heartbeat`): when to say we live, when to doubt the
//! coordinator, when the application has not polled for too long.
//!
//! Only the deadlines; what follows from them is `membership`. Kafka's thread looks at them every
//! `retry.backoff.ms` or when `poll` wakes it; here each is met at its instant, except that its
//! search for a lost coordinator takes two rounds: one sends the question, the next reads the answer.

use crate::base::{Instant, Span};

/// The three timers.
#[derive(Clone, Debug)]
pub(super) struct Heart {
    interval: Span,
    session_timeout: Span,
    poll_interval_max: Span,
    /// When the next heartbeat is due.
    pub(super) beat_at: Instant,
    /// When the coordinator has been silent for `session.timeout.ms`.
    pub(super) session_ends_at: Instant,
    /// When `max.poll.interval.ms` is over.
    pub(super) poll_due_at: Instant,
    /// When the thread, alone with the network, looks for a lost coordinator.
    pub(super) search_at: Option<Instant>,
    /// Failed heartbeats in a row.
    pub(super) failures: u32,
}

impl Heart {
    pub(super) fn new(interval: Span, session_timeout: Span, poll_interval_max: Span) -> Self {
        Self {
            interval,
            session_timeout,
            poll_interval_max,
            beat_at: Instant::MAX,
            session_ends_at: Instant::MAX,
            poll_due_at: Instant::MAX,
            search_at: None,
            failures: 0,
        }
    }

    /// The application is in `poll`.
    pub(super) fn polled(&mut self, now: Instant) {
        self.poll_due_at = now + self.poll_interval_max;
    }

    /// The group was joined: everything begins anew (`resetTimeouts`).
    pub(super) fn enable(&mut self, now: Instant) {
        self.polled(now);
        self.heard(now);
        self.beat_at = now + self.interval;
    }

    /// The coordinator was heard of, or found anew.
    pub(super) fn heard(&mut self, now: Instant) {
        self.search_at = None;
        self.session_ends_at = now + self.session_timeout;
    }

    /// A heartbeat leaves.
    pub(super) fn sent(&mut self, now: Instant) {
        self.beat_at = now + self.interval;
    }

    /// A heartbeat was answered.
    pub(super) fn received(&mut self, now: Instant) {
        self.failures = 0;
        self.heard(now);
    }

    /// A heartbeat failed; another follows after the backoff.
    pub(super) fn failed(&mut self, now: Instant, backoff: Span) {
        self.failures += 1;
        self.beat_at = now + backoff;
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Instant {
        self.beat_at.min(self.session_ends_at).min(self.poll_due_at)
    }
}
