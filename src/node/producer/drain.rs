//! The queues from the sender's side: what is ready, what goes into a request, what expired, and
//! what comes back (`RecordAccumulator.ready`, `drain`, `expiredBatches`, `reenqueue`,
//! `splitAndReenqueue`).

use super::accumulator::{Accumulator, Queue};
use super::batch::{BatchId, NewRecord, Place, ProducerBatch};
use super::idempotence::Idempotence;
use crate::base::{Instant, NodeId};
use crate::kafka::message::Few;
use crate::kafka::size;
use crate::node::fact::BatchReason;

/// What a look at the queues found.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    /// Brokers with something to send, ascending.
    pub brokers: Few<NodeId>,
    /// When to look again.
    pub next_check: Option<Instant>,
    /// Something is queued for a partition without known leader.
    pub unknown_leader: bool,
}

/// A batch taken from its queue.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    /// The batch.
    pub batch: BatchId,
    /// Why it could go.
    pub reason: BatchReason,
}

impl Accumulator {
    /// Which brokers have something to be sent, and when to look again. The queues' lengths become
    /// the weights of the sticky partitioner.
    pub fn ready(&mut self, now: Instant) -> Readiness {
        let mut readiness = Readiness::default();
        if self.has_nothing_to_weigh() {
            return readiness;
        }
        if let Some((until, changes)) = self.waiting
            && now < until
            && changes == self.changes
        {
            readiness.next_check = Some(until);
            return readiness;
        }
        for topic in 0..self.topics.len() {
            for partition in 0..self.topics[topic].queues.len() as u32 {
                self.look_at(Place { topic, partition }, now, &mut readiness);
            }
            // Where there is no choice there is nothing to weigh, and this is done at every turn.
            if self.limits.adaptive && 1 < self.topics[topic].queues.len() {
                self.weigh(topic);
            }
        }
        readiness.brokers.sort_unstable();
        self.waiting = readiness
            .next_check
            .filter(|_| readiness.brokers.is_empty() && !readiness.unknown_leader)
            .map(|at| (at, self.changes));
        readiness
    }

    /// Whether all queues are empty, and so of one length, and have a leader: then no partition is
    /// preferred, and nothing is ready.
    pub(super) fn has_nothing_to_weigh(&mut self) -> bool {
        let nothing = self.queued == 0 && self.all_led;
        if nothing {
            let topics = self.topics.iter_mut();
            topics.for_each(|topic| topic.sticky.weigh_nothing());
        }
        nothing
    }

    fn look_at(&mut self, place: Place, now: Instant, readiness: &mut Readiness) {
        let queue = &self.topics[place.topic].queues[place.partition as usize];
        let Some(&first) = queue.batches.front() else {
            return;
        };
        let waiting = queue.batches.len();
        let batch = self.shelf.get_mut(first);
        batch.see_leader(queue.leader_epoch);
        let Some(leader) = queue.leader else {
            readiness.unknown_leader = true;
            return;
        };
        if queue.muted || readiness.brokers.contains(&leader) {
            return;
        }
        let backs_off = batch.backs_off_until().filter(|until| now < *until);
        let lingers = batch.queued_at + self.limits.linger;
        let sendable =
            1 < waiting || batch.is_full() || lingers <= now || self.exhausted || self.closing;
        match backs_off {
            None if sendable => readiness.brokers.push(leader),
            _ => {
                let check = backs_off.unwrap_or(lingers);
                earlier(&mut readiness.next_check, check);
            }
        }
    }

    /// Only once every partition of the topic ever had a record; a partition without leader has no
    /// weight, and an empty queue counts as length 0.
    fn weigh(&mut self, topic: usize) {
        let state = &mut self.topics[topic];
        let used = state.queues.iter().filter(|queue| queue.used).count();
        if used < state.known as usize {
            state.sticky.weigh_nothing();
            return;
        }
        let led = |(_, queue): &(u32, &Queue)| queue.leader.is_some();
        let length = |(partition, queue): (u32, &Queue)| (partition, queue.batches.len() as u32);
        let lengths = (0..).zip(&state.queues).filter(led).map(length);
        state.sticky.weigh(lengths, used);
    }

    /// Takes the first batch of every partition of this broker that may go, for one request.
    /// Begins where the last drain of this broker ended.
    pub fn drain(
        &mut self,
        broker: NodeId,
        now: Instant,
        mut idempotence: Option<&mut Idempotence>,
    ) -> Few<Drained> {
        let mut drained = Few::new();
        let Some(broker) = self.brokers.iter().position(|b| b.node == broker) else {
            return drained;
        };
        let places = self.brokers[broker].places.len();
        let mut size = 0;
        let start = self.brokers[broker].drain_index.checked_rem(places);
        for step in 0..places {
            let index = (start.unwrap_or_default() + step) % places;
            self.brokers[broker].drain_index = index;
            let place = self.brokers[broker].places[index];
            let Some(first) = self.first_to_send(place, now) else {
                continue;
            };
            let bytes = self.shelf.get(first).bytes();
            if !drained.is_empty() && self.limits.max_request_size < size + bytes {
                break;
            }
            if let Some(idempotence) = idempotence.as_deref_mut() {
                if idempotence.holds_back(&self.shelf, first) {
                    break;
                }
                idempotence.number(&mut self.shelf, first);
            }
            let reason = self.reason(place, first, now);
            self.queue(place).batches.pop_front();
            self.queued -= 1;
            self.shelf.get_mut(first).close();
            self.changes += 1;
            size += bytes;
            drained.push(Drained {
                batch: first,
                reason,
            });
        }
        drained
    }

    /// The first batch of a queue, unless the partition is muted or the batch backs off.
    fn first_to_send(&mut self, place: Place, now: Instant) -> Option<BatchId> {
        let queue = &self.topics[place.topic].queues[place.partition as usize];
        let first = *queue.batches.front()?;
        if queue.muted {
            return None;
        }
        let batch = self.shelf.get_mut(first);
        batch.see_leader(queue.leader_epoch);
        let backs_off = batch.backs_off_until().is_some_and(|until| now < until);
        (!backs_off).then_some(first)
    }

    fn reason(&mut self, place: Place, first: BatchId, now: Instant) -> BatchReason {
        let waiting = self.queue(place).batches.len();
        let batch = self.shelf.get(first);
        if batch.retried {
            BatchReason::Retry
        } else if 1 < waiting || batch.is_full() {
            BatchReason::Full
        } else if batch.queued_at + self.limits.linger <= now {
            BatchReason::LingerOver
        } else if self.exhausted || self.closing {
            BatchReason::Flush
        } else {
            BatchReason::Piggyback
        }
    }

    /// Takes the batches out of the queues whose time is over.
    pub fn expired_in_queues(&mut self, now: Instant, next: &mut Option<Instant>) -> Vec<BatchId> {
        let timeout = self.limits.delivery_timeout;
        let mut expired = Vec::new();
        if self.queued == 0 {
            return expired;
        }
        let (changes, queued) = (&mut self.changes, &mut self.queued);
        for topic in &mut self.topics {
            for queue in &mut topic.queues {
                while let Some(&first) = queue.batches.front() {
                    let batch = self.shelf.get_mut(first);
                    if !batch.is_expired(now, timeout) {
                        earlier(next, batch.created + timeout);
                        break;
                    }
                    batch.close();
                    queue.batches.pop_front();
                    *changes += 1;
                    *queued -= 1;
                    expired.push(first);
                }
            }
        }
        expired
    }

    /// Takes the batches off the lists of what is under way whose time is over. Their answers will
    /// be ignored.
    pub fn expired_in_flight(&mut self, now: Instant, next: &mut Option<Instant>) -> Vec<BatchId> {
        let timeout = self.limits.delivery_timeout;
        let mut expired = Vec::new();
        for topic in &mut self.topics {
            for queue in &mut topic.queues {
                while let Some(&first) = queue.in_flight.first() {
                    let batch = self.shelf.get(first);
                    if !batch.is_expired(now, timeout) {
                        earlier(next, batch.created + timeout);
                        break;
                    }
                    expired.push(queue.in_flight.remove(0));
                }
            }
        }
        expired
    }

    /// When the oldest batch without a result was begun.
    pub fn oldest(&self) -> Option<Instant> {
        let queues = self.topics.iter().flat_map(|topic| &topic.queues);
        let batches = queues.flat_map(|queue| queue.batches.iter().chain(&queue.in_flight));
        batches.map(|id| self.shelf.get(*id).created).min()
    }

    /// Queues a failed batch again: in front, or where its sequence number belongs.
    pub fn requeue(&mut self, id: BatchId) {
        let batch = self.shelf.get(id);
        let (place, sequence) = (batch.place, batch.base_sequence());
        let shelf = &self.shelf;
        let queue = &self.topics[place.topic].queues[place.partition as usize];
        let before = |other: &&BatchId| {
            let other = shelf.get(**other).base_sequence();
            other.is_some() && other < sequence
        };
        let index = queue.batches.iter().take_while(before).count();
        self.queue(place).batches.insert(index, id);
        self.queued += 1;
        self.changes += 1;
    }

    /// Deals the records of a batch that was too large out to batches of `batch.size`, which count
    /// as never tried and carry its sequence numbers on (`ProducerBatch.split`). In order.
    pub fn split(&mut self, id: BatchId) -> Vec<BatchId> {
        let big = self.shelf.get(id);
        let (place, created) = (big.place, big.created);
        let (mut stamp, since) = (big.stamp, big.since);
        let records: Vec<NewRecord> = big.all().collect();
        let mut parts: Vec<BatchId> = Vec::new();
        for record in &records {
            let open = parts.last().map(|last| self.shelf.get_mut(*last));
            if open.and_then(|part| part.try_append(record)).is_some() {
                continue;
            }
            let limit = size::batch_limit(self.limits.batch_size, record.upper_estimate());
            let part = self.shelf.begin(place, limit, created);
            let fits = self.shelf.get_mut(part).try_append(record);
            assert!(fits.is_some(), "the first record of a batch always fits");
            parts.push(part);
        }
        for part in &parts {
            let part: &mut ProducerBatch = self.shelf.get_mut(*part);
            part.close();
            part.stamp = stamp;
            part.since = since;
            if let Some(stamp) = &mut stamp {
                stamp.base_sequence = size::increment_sequence(stamp.base_sequence, part.count());
            }
        }
        self.incomplete += parts.len() as u32;
        parts
    }

    /// A batch has its result: its memory is free again.
    pub fn settle(&mut self, id: BatchId) {
        let batch = self.shelf.get_mut(id);
        self.free_memory += u64::from(batch.reserved);
        batch.reserved = 0;
        batch.done = true;
        let place = batch.place;
        self.incomplete -= 1;
        self.queue(place).in_flight.retain(|other| *other != id);
    }
}

/// Keeps the earlier of two instants.
pub(super) fn earlier(earliest: &mut Option<Instant>, at: Instant) {
    *earliest = Some(earliest.map_or(at, |other| other.min(at)));
}
