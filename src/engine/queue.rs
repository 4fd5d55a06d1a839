//! The event queue: a total order in one packed integer.
//!
//! `(instant, class, node, sequence)`: at one instant faults come first, then deliveries, timers and
//! application steps; within a class nodes in the order of the file; within a node in the order of
//! scheduling. With constant latencies ties are everywhere, and an order by scheduling alone would
//! let a stretch of steps, scheduled early, tie otherwise than the same steps taken one by one.
//!
//! A run has few events pending and schedules most of them soon: the nearest lie in a short sorted
//! list, where coming and going costs next to nothing, and a heap takes what is more.

use std::cmp::Ordering;

use dary_heap::QuaternaryHeap;

use crate::base::{Instant, NodeId};

/// What kind of event it is; the first thing that resolves a tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A fault, a start, a restart, the end of a pause.
    Fault,
    /// A message or the news of a connection arrives.
    Delivery,
    /// A timer fires.
    Timer,
    /// An application takes its next step.
    Application,
}

const SEQUENCE_BITS: u32 = 42;
const NODE_BITS: u32 = 20;

/// An event taken from the queue.
#[derive(Clone, Debug)]
pub struct Scheduled<E> {
    /// When it happens.
    pub at: Instant,
    /// Its number in the order of scheduling.
    pub sequence: u64,
    /// What happens.
    pub event: E,
}

#[derive(Clone, Debug)]
struct Entry<E> {
    key: u128,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    /// Reversed, because the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

/// How many events lie in the sorted list at most.
const NEAR_MAX: usize = 24;

/// Everything that is still to happen.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    /// The next events, the very next last. Empty only when the heap is.
    near: Vec<Entry<E>>,
    /// What comes after all of them.
    far: QuaternaryHeap<Entry<E>>,
    next_sequence: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            near: Vec::with_capacity(NEAR_MAX + 1),
            far: QuaternaryHeap::new(),
            next_sequence: 0,
        }
    }
}

impl<E> Queue<E> {
    /// Takes a number in the order of scheduling.
    pub fn number(&mut self) -> u64 {
        self.next_sequence += 1;
        assert!(
            self.next_sequence < 1 << SEQUENCE_BITS,
            "a run schedules fewer than 2^42 events"
        );
        self.next_sequence
    }

    /// Schedules an event.
    pub fn push(&mut self, at: Instant, class: Class, node: NodeId, event: E) {
        let sequence = self.number();
        self.push_numbered(at, class, node, sequence, event);
    }

    /// Schedules an event under a number taken earlier.
    pub fn push_numbered(
        &mut self,
        at: Instant,
        class: Class,
        node: NodeId,
        sequence: u64,
        event: E,
    ) {
        assert!(
            node.0 < 1 << NODE_BITS,
            "a run has fewer than a million nodes"
        );
        let rank = (class as u128) << NODE_BITS | u128::from(node.0);
        let key = (u128::from(at.0) << 64) | (rank << SEQUENCE_BITS) | u128::from(sequence);
        let entry = Entry { key, event };
        let is_near = match self.near.first() {
            Some(last) => key < last.key || (self.far.is_empty() && self.near.len() < NEAR_MAX),
            None => true,
        };
        if !is_near {
            self.far.push(entry);
            return;
        }
        // Most of what is scheduled comes soon, so its place is near the end.
        let sooner = self.near.iter().rev().take_while(|other| other.key < key);
        let place = self.near.len() - sooner.count();
        self.near.insert(place, entry);
        if NEAR_MAX < self.near.len() {
            self.far.push(self.near.remove(0));
        }
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<Scheduled<E>> {
        let entry = self.near.pop()?;
        if self.near.is_empty() {
            self.refill();
        }
        let at = Instant((entry.key >> 64) as u64);
        let sequence = (entry.key as u64) & ((1 << SEQUENCE_BITS) - 1);
        Some(Scheduled {
            at,
            sequence,
            event: entry.event,
        })
    }

    /// Takes half a list of what comes next out of the heap.
    fn refill(&mut self) {
        let next = std::iter::from_fn(|| self.far.pop());
        self.near.extend(next.take(NEAR_MAX / 2));
        self.near.reverse();
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Option<Instant> {
        let next = self.near.last()?;
        Some(Instant((next.key >> 64) as u64))
    }

    /// How many events are pending.
    pub fn len(&self) -> usize {
        self.near.len() + self.far.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.near.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_by_class_then_node_then_order_of_scheduling() {
        let mut queue = Queue::default();
        let at = Instant(5);
        queue.push(
            at,
            Class::Application,
            NodeId(0),
            "application of the first node",
        );
        queue.push(at, Class::Timer, NodeId(1), "timer of the second node");
        queue.push(at, Class::Timer, NodeId(0), "timer of the first node");
        queue.push(at, Class::Delivery, NodeId(7), "delivery, scheduled first");
        queue.push(at, Class::Delivery, NodeId(7), "delivery, scheduled second");
        queue.push(at, Class::Fault, NodeId(9), "fault");
        queue.push(Instant(4), Class::Application, NodeId(9), "earlier");
        let order: Vec<&str> = std::iter::from_fn(|| queue.pop().map(|s| s.event)).collect();
        assert_eq!(
            order,
            [
                "earlier",
                "fault",
                "delivery, scheduled first",
                "delivery, scheduled second",
                "timer of the first node",
                "timer of the second node",
                "application of the first node",
            ]
        );
    }

    #[test]
    fn events_come_in_order_however_many_are_pending() {
        let mut queue = Queue::default();
        let mut pending = std::collections::BTreeSet::new();
        let mut draw = 1_u64;
        for round in 0..5_000 {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Grows to some hundreds and shrinks to nothing, again and again.
            if round % 1_000 < 600 || (draw >> 40).is_multiple_of(5) {
                let at = draw >> 50;
                queue.push(Instant(at), Class::Timer, NodeId(0), at);
                pending.insert((at, queue.next_sequence));
            } else {
                let next = queue.pop().map(|popped| (popped.event, popped.sequence));
                assert_eq!(next, pending.pop_first());
            }
            assert_eq!(queue.len(), pending.len());
            let next = pending.first().map(|(at, _)| Instant(*at));
            assert_eq!(
                (queue.next_at(), queue.is_empty()),
                (next, pending.is_empty())
            );
        }
    }

    #[test]
    fn what_is_pushed_comes_out_with_its_instant_and_number() {
        let mut queue = Queue::default();
        queue.push(
            Instant(u64::MAX),
            Class::Timer,
            NodeId((1 << NODE_BITS) - 1),
            (),
        );
        let popped = queue.pop().unwrap();
        assert_eq!((popped.at, popped.sequence), (Instant(u64::MAX), 1));
        assert!(queue.is_empty());
    }
}
