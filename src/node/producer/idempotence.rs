//! Sequence numbers: what makes a retry recognisable (`TransactionManager`, `TxnPartitionEntry`,
//! the part without transactions).
//!
//! A batch is numbered when it is drained for the first time and *tracked* until its result is
//! known. When numbers cannot be trusted any more the producer raises its own epoch and numbers the
//! partition's tracked batches anew from 0; a batch that was appended under the old epoch is then
//! appended twice.
//!
//! ```text
//! no id --InitProducerId--> (id, 0) --bump--> (id, 1) .. (id, 32767) --bump--> no id
//! ```

use super::batch::{BatchId, Place, Shelf};
use crate::kafka::{ProducerStamp, size};

/// A producer id with its epoch.
pub type Identity = (u64, i16);

/// Not yet known.
const NO_IDENTITY: Identity = (u64::MAX, -1);

/// Nothing acknowledged yet.
const NONE_ACKED: i32 = -1;

/// The numbers of one partition.
#[derive(Clone, Debug)]
struct Numbers {
    identity: Identity,
    next: i32,
    last_acked: i32,
    /// Numbered batches without result, in order of their numbers.
    tracked: Vec<BatchId>,
    /// The number after a batch that expired and may have been written.
    unresolved: Option<i32>,
    /// Whether the next bump numbers it anew.
    renumber: bool,
}

impl Numbers {
    fn new() -> Self {
        Self {
            identity: NO_IDENTITY,
            next: 0,
            last_acked: NONE_ACKED,
            tracked: Vec::new(),
            unresolved: None,
            renumber: false,
        }
    }

    fn follows_last_acked(&self, sequence: i32) -> bool {
        sequence.wrapping_sub(self.last_acked) == 1
    }

    fn track(&mut self, shelf: &Shelf, id: BatchId) {
        let order = |id: BatchId| {
            let stamp = shelf.get(id).stamp.expect("a tracked batch is numbered");
            (stamp.id, stamp.epoch, stamp.base_sequence)
        };
        let own = order(id);
        // Nearly always it is the last.
        let later = self.tracked.iter().rev();
        let later = later.take_while(|other| own < order(**other)).count();
        self.tracked.insert(self.tracked.len() - later, id);
    }
}

/// The numbers of a producer.
#[derive(Clone, Debug)]
pub struct Idempotence {
    identity: Identity,
    topics: Vec<Vec<Numbers>>,
    bump_required: bool,
    /// Whether a partition may be unresolved.
    may_be_unresolved: bool,
}

impl Default for Idempotence {
    fn default() -> Self {
        Self {
            identity: NO_IDENTITY,
            topics: Vec::new(),
            bump_required: false,
            may_be_unresolved: false,
        }
    }
}

impl Idempotence {
    /// The id and epoch, if there is one.
    pub fn identity(&self) -> Option<Identity> {
        (self.identity.0 != NO_IDENTITY.0).then_some(self.identity)
    }

    /// The answer to `InitProducerId`.
    pub fn assign(&mut self, identity: Identity) {
        self.identity = identity;
    }

    fn numbers(&mut self, place: Place) -> &mut Numbers {
        let index = place.partition as usize;
        let topic = self.topics.get(place.topic);
        if topic.is_none_or(|partitions| partitions.len() <= index) {
            self.make_room(place);
        }
        &mut self.topics[place.topic][index]
    }

    #[cold]
    fn make_room(&mut self, place: Place) {
        let (topics, partitions) = (place.topic + 1, place.partition as usize + 1);
        self.topics
            .resize_with(topics.max(self.topics.len()), Vec::new);
        self.topics[place.topic].resize_with(partitions, Numbers::new);
    }

    /// Whether the first batch of a queue has to wait (`shouldStopDrainBatchesForPartition`): there
    /// is no id; older numbers of the partition are still under way or open; or it is a retry and
    /// not the lowest number under way.
    pub fn holds_back(&mut self, shelf: &Shelf, id: BatchId) -> bool {
        let identity = self.identity;
        if self.identity().is_none() {
            return true;
        }
        let batch = shelf.get(id);
        let numbers = self.numbers(batch.place);
        match batch.base_sequence() {
            None => {
                let stale = numbers.identity != identity;
                (stale && !numbers.tracked.is_empty()) || numbers.unresolved.is_some()
            }
            Some(sequence) => {
                let lowest = numbers.tracked.first();
                lowest.is_some_and(|lowest| shelf.get(*lowest).base_sequence() != Some(sequence))
            }
        }
    }

    /// Gives a batch that leaves for the first time its number, and tracks it.
    pub fn number(&mut self, shelf: &mut Shelf, id: BatchId) {
        let batch = shelf.get_mut(id);
        if batch.stamp.is_some() {
            return;
        }
        let (place, count) = (batch.place, batch.count());
        let identity = self.identity;
        let numbers = self.numbers(place);
        if numbers.identity != identity && numbers.tracked.is_empty() {
            numbers.identity = identity;
            numbers.next = 0;
            numbers.last_acked = NONE_ACKED;
        }
        let batch = shelf.get_mut(id);
        batch.stamp = Some(ProducerStamp {
            id: identity.0,
            epoch: identity.1,
            base_sequence: numbers.next,
        });
        numbers.next = size::increment_sequence(numbers.next, count);
        numbers.track(shelf, id);
    }

    /// Tracks a numbered batch.
    pub fn track(&mut self, shelf: &Shelf, id: BatchId) {
        self.numbers(shelf.get(id).place).track(shelf, id);
    }

    /// Stops to track a batch: it has its result, or was split.
    pub fn untrack(&mut self, place: Place, id: BatchId) {
        self.numbers(place).tracked.retain(|other| *other != id);
    }

    /// A batch was acknowledged, though perhaps after it had expired.
    pub fn acknowledged(&mut self, shelf: &Shelf, id: BatchId) {
        let batch = shelf.get(id);
        let numbers = self.numbers(batch.place);
        numbers.last_acked = numbers.last_acked.max(batch.last_sequence());
        numbers.tracked.retain(|other| *other != id);
    }

    /// A batch failed for good, with `OUT_OF_ORDER_SEQUENCE_NUMBER` or a subclass of its exception,
    /// or before its retries were used up: the partition is numbered anew (`handleFailedBatch`).
    pub fn failed(&mut self, place: Place, id: BatchId, renumber: bool) {
        self.untrack(place, id);
        if renumber {
            self.require_bump(place);
        }
    }

    /// Asks for a bump that numbers this partition anew.
    pub fn require_bump(&mut self, place: Place) {
        self.numbers(place).renumber = true;
        self.bump_required = true;
    }

    /// `OUT_OF_ORDER_SEQUENCE_NUMBER`: always worth a retry; asks for a bump where an earlier batch
    /// cannot be what is missing (`canRetry`).
    pub fn out_of_order(&mut self, shelf: &Shelf, id: BatchId) {
        let batch = shelf.get(id);
        let Some(sequence) = batch.base_sequence() else {
            return;
        };
        let numbers = self.numbers(batch.place);
        let bump = match numbers.unresolved {
            None => !batch.renumbered && numbers.follows_last_acked(sequence),
            Some(after_expired) => sequence == after_expired,
        };
        if bump {
            self.require_bump(batch.place);
        }
    }

    /// A batch that was sent more than once expired: whether it was written is open, and so is what
    /// number comes next (`markSequenceUnresolved`).
    pub fn unresolved(&mut self, shelf: &Shelf, id: BatchId) {
        let batch = shelf.get(id);
        let after = batch.last_sequence().wrapping_add(1);
        let numbers = self.numbers(batch.place);
        numbers.unresolved = numbers.unresolved.max(Some(after));
        self.may_be_unresolved = true;
    }

    /// Where nothing is under way any more: either the next number follows the last acknowledged
    /// one after all, or the partition is numbered anew (`maybeResolveSequences`).
    pub fn resolve(&mut self) {
        if !std::mem::take(&mut self.may_be_unresolved) {
            return;
        }
        for numbers in self.topics.iter_mut().flatten() {
            self.may_be_unresolved |= numbers.unresolved.is_some();
            if numbers.unresolved.is_some() && numbers.tracked.is_empty() {
                numbers.unresolved = None;
                if !numbers.follows_last_acked(numbers.next) {
                    numbers.renumber = true;
                    self.bump_required = true;
                }
            }
        }
    }

    /// Raises the epoch if that was asked for (`bumpIdempotentProducerEpoch`). After the last epoch
    /// the id is dropped instead. Whether anything changed.
    pub fn bump(&mut self, shelf: &mut Shelf) -> bool {
        if !self.bump_required {
            return false;
        }
        self.bump_required = false;
        self.identity = match self.identity {
            (_, i16::MAX) | NO_IDENTITY => NO_IDENTITY,
            (id, epoch) => (id, epoch + 1),
        };
        for numbers in self.topics.iter_mut().flatten().filter(|n| n.renumber) {
            numbers.renumber = false;
            numbers.unresolved = None;
            numbers.identity = self.identity;
            numbers.last_acked = NONE_ACKED;
            numbers.next = 0;
            for id in &numbers.tracked {
                let batch = shelf.get_mut(*id);
                batch.stamp = Some(ProducerStamp {
                    id: self.identity.0,
                    epoch: self.identity.1,
                    base_sequence: numbers.next,
                });
                batch.renumbered = true;
                numbers.next = size::increment_sequence(numbers.next, batch.count());
            }
        }
        true
    }
}
