//! Keyed deadlines, moved lazily: one entry in the queue per armed timer.
//!
//! Clients set a timeout with every request and cancel it with every answer. Moving the deadline in
//! a table and leaving the queue's entry where it is keeps the queue as short as the timers are
//! many; an entry that comes up early is put back.

use crate::base::Instant;

/// What an entry of the queue means when it comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired<C> {
    /// The timer fires now, for the cause it was last set with.
    Fire(C),
    /// The deadline was moved: an entry is due at this instant, under this number.
    Rearm(Instant, u64),
    /// Nobody waits for this entry any more.
    Stale,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot<C> {
    /// When it is to fire, with the number it took when it was set.
    deadline: Option<(Instant, u64)>,
    /// The entry in the queue.
    armed: Option<(Instant, u64)>,
    cause: C,
}

/// The timers of one node, each with the cause `C` it was set for.
#[derive(Clone, Debug, Default)]
pub struct Timers<C> {
    slots: Vec<Slot<C>>,
}

impl<C: Copy + Default> Timers<C> {
    /// Sets or moves a timer. `number` orders timers of one instant. Returns whether the caller has
    /// to put an entry into the queue.
    pub fn set(&mut self, slot: usize, at: Instant, number: u64, cause: C) -> bool {
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, Slot::default);
        }
        let slot = &mut self.slots[slot];
        slot.deadline = Some((at, number));
        slot.cause = cause;
        let covered = slot.armed.is_some_and(|(armed_at, _)| armed_at <= at);
        if !covered {
            slot.armed = Some((at, number));
        }
        !covered
    }

    /// Cancels a timer, set or not.
    pub fn cancel(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.deadline = None;
        }
    }

    /// Cancels every timer, as the death of a process does.
    pub fn clear(&mut self) {
        for slot in &mut self.slots {
            slot.deadline = None;
        }
    }

    /// An entry came up.
    pub fn fired(&mut self, slot: usize, at: Instant, number: u64) -> Fired<C> {
        let slot = &mut self.slots[slot];
        if slot.armed != Some((at, number)) {
            return Fired::Stale;
        }
        slot.armed = None;
        match slot.deadline {
            None => Fired::Stale,
            Some(deadline) if deadline == (at, number) => {
                slot.deadline = None;
                Fired::Fire(slot.cause)
            }
            Some((later, number)) => {
                slot.armed = Some((later, number));
                Fired::Rearm(later, number)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_timer_has_one_entry_and_fires_once_at_its_last_deadline() {
        let mut timers = Timers::default();
        assert!(timers.set(0, Instant(10), 1, 'a'));
        for (at, number) in [(20, 2), (30, 3), (40, 4)] {
            assert!(
                !timers.set(0, Instant(at), number, 'z'),
                "moving later needs no entry"
            );
        }
        assert_eq!(
            timers.fired(0, Instant(10), 1),
            Fired::Rearm(Instant(40), 4)
        );
        assert_eq!(timers.fired(0, Instant(40), 4), Fired::Fire('z'));
        assert_eq!(timers.fired(0, Instant(40), 4), Fired::Stale);
    }

    #[test]
    fn a_timer_moved_forward_fires_early_and_its_old_entry_is_stale() {
        let mut timers = Timers::default();
        assert!(timers.set(0, Instant(30), 1, 'z'));
        assert!(timers.set(0, Instant(10), 2, 'z'));
        assert_eq!(timers.fired(0, Instant(10), 2), Fired::Fire('z'));
        assert_eq!(timers.fired(0, Instant(30), 1), Fired::Stale);
    }

    #[test]
    fn a_cancelled_timer_never_fires() {
        let mut timers = Timers::default();
        timers.set(3, Instant(10), 1, 'z');
        timers.cancel(3);
        assert_eq!(timers.fired(3, Instant(10), 1), Fired::Stale);
    }

    #[test]
    fn setting_again_for_the_same_instant_takes_the_later_place() {
        let mut timers = Timers::default();
        timers.set(0, Instant(10), 1, 'z');
        assert!(!timers.set(0, Instant(10), 5, 'z'));
        assert_eq!(
            timers.fired(0, Instant(10), 1),
            Fired::Rearm(Instant(10), 5)
        );
        assert_eq!(timers.fired(0, Instant(10), 5), Fired::Fire('z'));
    }
}
