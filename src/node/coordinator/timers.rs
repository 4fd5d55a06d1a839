//! The coordinator's timers: one per key, fired in the order of (deadline, order of setting).
//!
//! Setting a timer under a key that has one moves it; the old deadline is forgotten at once
//! (`CoordinatorRuntime.EventBasedCoordinatorTimer`). Time itself is not here: who owns the table
//! says what time it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Instant, Span};
use crate::kafka::group::MemberId;

/// What a timer will do. Its key is the group, the kind and, for a session, the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The initial rebalance delay has run out: complete the join phase or wait once more.
    InitialJoin {
        /// The group.
        group: Arc<str>,
        /// The step that has just been waited.
        delay: Span,
        /// What may still be waited after it.
        remaining: Span,
    },
    /// The rebalance timeout has run out: complete the join phase with whoever joined.
    Join {
        /// The group.
        group: Arc<str>,
    },
    /// Members had until now to ask for their assignment.
    Sync {
        /// The group.
        group: Arc<str>,
        /// The generation whose assignment was waited for.
        generation: i32,
    },
    /// A member of a classic group was not heard of for its session timeout.
    Session {
        /// The group.
        group: Arc<str>,
        /// The member, joined or with an id given out only.
        member: MemberId,
    },
    /// Consumer protocol: a member was not heard of for its session timeout.
    ConsumerSession {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: MemberId,
    },
    /// Consumer protocol: a member of the classic protocol was told to join again, and had until now
    /// to do it.
    MemberJoin {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: MemberId,
    },
    /// Consumer protocol: a member of the classic protocol has joined, and had until now to ask for
    /// its assignment.
    MemberSync {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: MemberId,
    },
    /// Consumer protocol: a member had until now to give up what it was told to.
    Rebalance {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: MemberId,
        /// The epoch at which it was told.
        epoch: i32,
    },
    /// Consumer protocol: regular expressions are to be resolved.
    Resolution {
        /// The group.
        group: Arc<str>,
        /// The expressions.
        patterns: Arc<[Arc<str>]>,
    },
}

/// The name of a timer: at most one is armed under each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKey {
    Join(Arc<str>),
    Sync(Arc<str>),
    Session(Arc<str>, MemberId),
    ConsumerSession(Arc<str>, MemberId),
    MemberJoin(Arc<str>, MemberId),
    MemberSync(Arc<str>, MemberId),
    Rebalance(Arc<str>, MemberId),
    Resolution(Arc<str>),
}

/// When something is due; at one instant, what was set first comes first.
pub(super) type Due = (Instant, u64);

/// The table of armed timers.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    by_due: BTreeMap<Due, Timer>,
    by_key: BTreeMap<TimerKey, Due>,
    set_so_far: u64,
}

impl Timer {
    /// The group it belongs to.
    pub(super) fn group(&self) -> &Arc<str> {
        match self {
            Self::InitialJoin { group, .. }
            | Self::Join { group }
            | Self::Sync { group, .. }
            | Self::Session { group, .. }
            | Self::ConsumerSession { group, .. }
            | Self::MemberJoin { group, .. }
            | Self::MemberSync { group, .. }
            | Self::Rebalance { group, .. }
            | Self::Resolution { group, .. } => group,
        }
    }

    /// Whether it is a timer of the consumer protocol. One whose group is of the other protocol by
    /// now runs out without effect.
    pub(super) fn is_of_consumer_group(&self) -> bool {
        match self {
            Self::ConsumerSession { .. }
            | Self::MemberJoin { .. }
            | Self::MemberSync { .. }
            | Self::Rebalance { .. }
            | Self::Resolution { .. } => true,
            Self::InitialJoin { .. }
            | Self::Join { .. }
            | Self::Sync { .. }
            | Self::Session { .. } => false,
        }
    }

    fn key(&self) -> TimerKey {
        match self {
            Self::InitialJoin { group, .. } | Self::Join { group } => {
                TimerKey::Join(Arc::clone(group))
            }
            Self::Sync { group, .. } => TimerKey::Sync(Arc::clone(group)),
            Self::Session { group, member } => {
                TimerKey::Session(Arc::clone(group), Arc::clone(member))
            }
            Self::ConsumerSession { group, member } => {
                TimerKey::ConsumerSession(Arc::clone(group), Arc::clone(member))
            }
            Self::MemberJoin { group, member } => {
                TimerKey::MemberJoin(Arc::clone(group), Arc::clone(member))
            }
            Self::MemberSync { group, member } => {
                TimerKey::MemberSync(Arc::clone(group), Arc::clone(member))
            }
            Self::Rebalance { group, member, .. } => {
                TimerKey::Rebalance(Arc::clone(group), Arc::clone(member))
            }
            Self::Resolution { group, .. } => TimerKey::Resolution(Arc::clone(group)),
        }
    }
}

impl Timers {
    /// Arms a timer, instead of the one under the same key if there is one.
    pub(super) fn set(&mut self, deadline: Instant, timer: Timer) {
        let key = timer.key();
        let due = self.due_at(deadline);
        if let Some(previous) = self.by_key.insert(key, due) {
            self.by_due.remove(&previous);
        }
        self.by_due.insert(due, timer);
        assert!(
            self.by_due.len() == self.by_key.len(),
            "every armed timer has exactly one key"
        );
    }

    /// Arms a timer, unless there is one under the same key.
    pub(super) fn set_if_absent(&mut self, deadline: Instant, timer: Timer) {
        if !self.is_armed(&timer.key()) {
            self.set(deadline, timer);
        }
    }

    /// Disarms a timer, if it is armed.
    pub(super) fn cancel(&mut self, key: &TimerKey) {
        if let Some(due) = self.by_key.remove(key) {
            self.by_due.remove(&due);
        }
    }

    /// Whether a timer is armed under this key.
    pub(super) fn is_armed(&self, key: &TimerKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// When the first timer is due.
    pub(super) fn next_due(&self) -> Option<Due> {
        self.by_due.keys().next().copied()
    }

    /// Takes out the first timer.
    pub(super) fn pop(&mut self) -> Option<Timer> {
        let (_, timer) = self.by_due.pop_first()?;
        self.by_key.remove(&timer.key());
        Some(timer)
    }

    /// A place in the order of setting for something due at `deadline`.
    pub(super) fn due_at(&mut self, deadline: Instant) -> Due {
        self.set_so_far += 1;
        (deadline, self.set_so_far)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(member: &str) -> Timer {
        Timer::Session {
            group: Arc::from("g"),
            member: Arc::from(member),
        }
    }

    #[test]
    fn timers_of_one_instant_fire_in_the_order_in_which_they_were_set() {
        let mut timers = Timers::default();
        let later = Instant(2);
        timers.set(later, session("b"));
        timers.set(later, session("a"));
        timers.set(Instant(1), session("c"));
        let order: Vec<_> = std::iter::from_fn(|| timers.pop()).collect();
        assert_eq!(order, [session("c"), session("b"), session("a")]);
    }

    #[test]
    fn a_timer_set_again_loses_its_old_deadline_and_its_place() {
        let mut timers = Timers::default();
        timers.set(Instant(1), session("a"));
        timers.set(Instant(2), session("b"));
        timers.set(Instant(2), session("a"));
        assert_eq!(timers.pop(), Some(session("b")));
        assert_eq!(timers.pop(), Some(session("a")));
        assert_eq!(timers.pop(), None);
    }
}
