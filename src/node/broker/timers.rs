//! The broker's timers: one slot per kind of deadline, armed for the earliest of its kind.
//!
//! A slot is moved only to an earlier instant. When what it was armed for is gone by then, it fires
//! for nothing and is armed for the next: cheaper than moving it with every request.

use crate::base::Instant;
use crate::node::{Ctx, TimerKey};

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A request's work is done.
    Service,
    /// A parked request has waited long enough.
    Parked,
    /// A group coordinator is due: a session, a rebalance, a write.
    Coordinator,
    /// The broker's own connections and fetches.
    Network,
    /// A heartbeat, or a look for followers that lag.
    Lifecycle,
    /// Retention, or the flusher.
    Upkeep,
}

impl Slot {
    const ALL: [Self; 6] = [
        Self::Service,
        Self::Parked,
        Self::Coordinator,
        Self::Network,
        Self::Lifecycle,
        Self::Upkeep,
    ];

    /// The kind of a timer that fired.
    pub(super) fn of(key: TimerKey) -> Self {
        Self::ALL[usize::from(key.slot)]
    }
}

/// For when each slot is armed.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    armed: [Option<Instant>; Slot::ALL.len()],
}

impl Timers {
    /// Makes sure that the slot fires at `at` or before.
    pub(super) fn arm(&mut self, ctx: &mut Ctx<'_>, slot: Slot, at: Instant) {
        let armed = &mut self.armed[slot as usize];
        if armed.is_none_or(|armed| at < armed) {
            *armed = Some(at);
            ctx.set_timer(TimerKey::timer(slot as u16), at);
        }
    }

    /// The slot has fired.
    pub(super) fn fired(&mut self, slot: Slot) {
        self.armed[slot as usize] = None;
    }
}
