//! What a partition remembers of idempotent and transactional producers (`ProducerStateManager`,
//! `ProducerAppendInfo`, `ProducerStateEntry`, `VerificationStateEntry`).
//!
//! Per producer id: its epoch, its last five batches, and its open transaction. By the batches a retry
//! is known for what it is. The state is a function of the log: [`ProducerState::record`] takes in
//! every batch that was appended, by whomever; only the leader asks [`ProducerState::check`] before.
//! Producers of this release begin no transactions yet, so brokers use the part without.
//!
//! What a log adds to it (snapshots, the last stable offset) is `producer_history`.

use std::collections::BTreeMap;

use crate::base::{Instant, Offset, Span, Timestamp};
use crate::kafka::message::LoggedBatch;
use crate::kafka::size::{decrement_sequence, increment_sequence};
use crate::kafka::{ErrorCode, ProducerStamp};
use crate::node::FactId;

/// `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`.
const REMEMBERED: usize = 5;

/// A batch that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedBatch {
    /// The sequence number of its last record.
    pub last_sequence: i32,
    /// Its first offset.
    pub base_offset: Offset,
    /// How many records it has.
    pub count: u32,
    /// The fact of its append; none if it was read back from the log.
    pub appended: FactId,
}

impl RememberedBatch {
    /// The sequence number of its first record.
    pub fn first_sequence(&self) -> i32 {
        decrement_sequence(self.last_sequence, self.count - 1)
    }
}

/// A producer as a partition knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// Its epoch.
    pub epoch: i16,
    /// The first offset of its open transaction.
    pub transaction: Option<Offset>,
    /// The epoch of the transaction coordinator that wrote its last marker.
    pub coordinator_epoch: Option<u32>,
    /// The timestamp of its last batch or marker.
    pub timestamp: Timestamp,
    batches: [Option<RememberedBatch>; REMEMBERED],
}

impl ProducerEntry {
    fn new(epoch: i16) -> Self {
        Self {
            epoch,
            transaction: None,
            coordinator_epoch: None,
            timestamp: Timestamp::default(),
            batches: [None; REMEMBERED],
        }
    }

    /// The batches that are remembered, oldest first.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &RememberedBatch> {
        self.batches.iter().flatten()
    }

    fn push(&mut self, batch: RememberedBatch) {
        if let Some(free) = self.batches.iter_mut().find(|b| b.is_none()) {
            *free = Some(batch);
        } else {
            self.batches.rotate_left(1);
            self.batches[REMEMBERED - 1] = Some(batch);
        }
    }

    fn begin_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.batches = [None; REMEMBERED];
        }
    }

    /// What a snapshot keeps of it: the last batch only.
    fn snapshot(&self) -> Self {
        let mut kept = self.clone();
        kept.batches = [None; REMEMBERED];
        kept.batches[0] = self.batches().next_back().copied();
        kept
    }
}

/// What a leader does with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Append it.
    Append,
    /// It is in the log already.
    Duplicate(RememberedBatch),
    /// Refuse it.
    Refuse(ErrorCode),
}

/// A batch of a transaction, as the leader sees it before the append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Whether partitions have to be verified (`transaction.partition.verification.enable`).
    pub verifies: bool,
    /// Whether the transaction was verified for this batch just before.
    pub is_verified: bool,
}

/// A verification that no append has followed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    since: Instant,
    epoch: i16,
    lowest_sequence: i32,
    bumps_epoch: bool,
}

/// What one partition remembers of its producers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerState {
    producers: BTreeMap<u64, ProducerEntry>,
    pending: BTreeMap<u64, Pending>,
}

impl ProducerState {
    /// The state a log leaves.
    pub fn of<'a>(batches: impl Iterator<Item = &'a LoggedBatch>) -> Self {
        let mut state = Self::default();
        for batch in batches {
            state.record(batch, FactId::NONE);
        }
        state
    }

    /// What is known of a producer.
    pub fn get(&self, id: u64) -> Option<&ProducerEntry> {
        self.producers.get(&id)
    }

    /// Every producer that is known, by id.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &ProducerEntry)> {
        self.producers.iter().map(|(id, entry)| (*id, entry))
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// What a snapshot keeps: of each producer the last batch (`ProducerStateManager.writeSnapshot`).
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let kept = self.entries().map(|(id, entry)| (id, entry.snapshot()));
        Self {
            producers: kept.collect(),
            pending: BTreeMap::new(),
        }
    }

    /// Whether a batch of `count` records may be appended. A duplicate is looked for before
    /// anything else, so it is one even if later batches were appended.
    pub fn check(&self, stamp: ProducerStamp, count: u32) -> Admission {
        self.check_enrolled(stamp, count, None)
    }

    /// The same for a batch that may be of a transaction.
    pub fn check_enrolled(
        &self,
        stamp: ProducerStamp,
        count: u32,
        enrolment: Option<Enrolment>,
    ) -> Admission {
        let entry = self.producers.get(&stamp.id);
        let last_sequence = increment_sequence(stamp.base_sequence, count - 1);
        let same_range =
            |b: &&RememberedBatch| b.last_sequence == last_sequence && b.count == count;
        if let Some(entry) = entry.filter(|entry| entry.epoch == stamp.epoch)
            && let Some(original) = entry.batches().find(same_range)
        {
            return Admission::Duplicate(*original);
        }
        let is_open = self.has_open(stamp.id, stamp.epoch);
        if enrolment.is_some_and(|e| e.verifies && !e.is_verified && !is_open) {
            return Admission::Refuse(ErrorCode::InvalidTxnState);
        }
        if entry.is_some_and(|entry| stamp.epoch < entry.epoch) {
            return Admission::Refuse(ErrorCode::InvalidProducerEpoch);
        }
        if !self.is_in_sequence(stamp, entry) {
            return Admission::Refuse(ErrorCode::OutOfOrderSequenceNumber);
        }
        if enrolment.is_none() && entry.is_some_and(|entry| entry.transaction.is_some()) {
            return Admission::Refuse(ErrorCode::InvalidTxnState);
        }
        Admission::Append
    }

    /// `ProducerAppendInfo.checkSequence`.
    fn is_in_sequence(&self, stamp: ProducerStamp, entry: Option<&ProducerEntry>) -> bool {
        let last = entry.and_then(|entry| entry.batches().next_back());
        if !self.pending.is_empty()
            && let Some(pending) = self.pending.get(&stamp.id)
        {
            let must_begin = pending.bumps_epoch && last.is_none();
            let is_early = pending.lowest_sequence < stamp.base_sequence;
            if is_early || must_begin && stamp.base_sequence != 0 {
                return false;
            }
        }
        let Some(entry) = entry else {
            // A producer the log does not know may start with any sequence number.
            return true;
        };
        let expected = match last {
            Some(last) if stamp.epoch == entry.epoch => increment_sequence(last.last_sequence, 1),
            _ => 0,
        };
        stamp.base_sequence == expected
    }

    /// Whether a producer has an open transaction in this epoch.
    pub fn has_open(&self, id: u64, epoch: i16) -> bool {
        let entry = self.producers.get(&id);
        entry.is_some_and(|entry| entry.transaction.is_some() && entry.epoch == epoch)
    }

    /// A batch is about to be verified with the transaction coordinator
    /// (`UnifiedLog.maybeStartTransactionVerification`). Returns whether a verification is due.
    ///
    /// # Errors
    /// The epoch is an older one.
    pub fn begin_verification(
        &mut self,
        now: Instant,
        stamp: ProducerStamp,
        bumps_epoch: bool,
    ) -> Result<bool, ErrorCode> {
        let entry = self.producers.get(&stamp.id);
        if entry.is_some_and(|entry| stamp.epoch < entry.epoch) {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if self.has_open(stamp.id, stamp.epoch) {
            return Ok(false);
        }
        let pending = self.pending.entry(stamp.id).or_insert(Pending {
            since: now,
            epoch: stamp.epoch,
            lowest_sequence: stamp.base_sequence,
            bumps_epoch,
        });
        if pending.epoch < stamp.epoch {
            pending.epoch = stamp.epoch;
            pending.lowest_sequence = stamp.base_sequence;
        } else if pending.epoch == stamp.epoch {
            pending.lowest_sequence = pending.lowest_sequence.min(stamp.base_sequence);
        }
        Ok(true)
    }

    /// Whether a marker may be written.
    ///
    /// # Errors
    /// It is of an older epoch of the producer, or of an older transaction coordinator.
    pub fn check_marker(
        &self,
        id: u64,
        epoch: i16,
        coordinator_epoch: u32,
    ) -> Result<(), ErrorCode> {
        match self.producers.get(&id) {
            Some(entry) if epoch < entry.epoch => Err(ErrorCode::InvalidProducerEpoch),
            Some(entry) if Some(coordinator_epoch) < entry.coordinator_epoch => {
                Err(ErrorCode::TransactionCoordinatorFenced)
            }
            _ => Ok(()),
        }
    }

    /// Whether a batch of a log is the last of its producer.
    pub fn ends_at(&self, logged: &LoggedBatch) -> bool {
        let producer = logged
            .batch
            .producer
            .and_then(|stamp| self.producers.get(&stamp.id));
        let last = producer.and_then(|entry| entry.batches().next_back());
        last.is_some_and(|last| last.base_offset == logged.base_offset)
    }

    /// Takes in a batch that was appended. `appended` is the fact of it.
    pub fn record(&mut self, logged: &LoggedBatch, appended: FactId) {
        if let Some(stamp) = logged.batch.producer {
            let remembered = RememberedBatch {
                last_sequence: increment_sequence(stamp.base_sequence, logged.span() - 1),
                base_offset: logged.base_offset,
                count: logged.span(),
                appended,
            };
            self.remember(stamp, remembered, logged.batch.max_timestamp);
        }
    }

    fn remember(&mut self, stamp: ProducerStamp, batch: RememberedBatch, timestamp: Timestamp) {
        let entry = self.producers.entry(stamp.id);
        let entry = entry.or_insert_with(|| ProducerEntry::new(stamp.epoch));
        entry.begin_epoch(stamp.epoch);
        entry.timestamp = timestamp;
        entry.push(batch);
    }

    /// Takes in a batch of an idempotent producer.
    pub fn record_plain(
        &mut self,
        stamp: ProducerStamp,
        batch: RememberedBatch,
        timestamp: Timestamp,
    ) {
        self.remember(stamp, batch, timestamp);
    }

    /// Forgets every producer; verifications go on.
    pub fn forget_producers(&mut self) {
        self.producers.clear();
    }

    /// Takes over what a snapshot kept, but for who has been silent for too long.
    pub fn read_back(&mut self, snapshot: &Self, now: Instant, expiration: Span) {
        let mut kept = snapshot.clone();
        kept.expire(now, expiration);
        self.producers = kept.producers;
    }

    /// Takes in a batch of a transaction. Returns whether the transaction begins with it.
    pub fn record_enrolled(
        &mut self,
        stamp: ProducerStamp,
        batch: RememberedBatch,
        timestamp: Timestamp,
    ) -> bool {
        self.remember(stamp, batch, timestamp);
        self.pending.remove(&stamp.id);
        let entry = self.producers.get_mut(&stamp.id);
        let entry = entry.expect("the producer was just remembered");
        let begins = entry.transaction.is_none();
        entry.transaction.get_or_insert(batch.base_offset);
        begins
    }

    /// Takes in a marker. Returns the first offset of the transaction that it ends, if there is one.
    pub fn record_marker(
        &mut self,
        (id, epoch): (u64, i16),
        coordinator_epoch: u32,
        timestamp: Timestamp,
    ) -> Option<Offset> {
        let entry = self.producers.entry(id);
        let entry = entry.or_insert_with(|| ProducerEntry::new(epoch));
        entry.begin_epoch(epoch);
        entry.coordinator_epoch = Some(coordinator_epoch);
        entry.timestamp = timestamp;
        let ended = entry.transaction.take();
        // The next transaction of the same epoch may be under verification already.
        let is_of_next = |pending: &Pending| pending.bumps_epoch && pending.epoch == epoch;
        if !self.pending.get(&id).is_some_and(is_of_next) {
            self.pending.remove(&id);
        }
        ended
    }

    /// Forgets who has written nothing for `producer.id.expiration.ms`, by the timestamps of their
    /// batches; nobody with an open transaction.
    pub fn expire(&mut self, now: Instant, after: Span) {
        let is_old = |at: Timestamp| after <= Timestamp::from(now).since(at);
        self.producers
            .retain(|_, entry| entry.transaction.is_some() || !is_old(entry.timestamp));
        self.pending
            .retain(|_, pending| !is_old(pending.since.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RecordId;
    use crate::kafka::{Batch, Payload, Records};

    fn stamp(epoch: i16, base_sequence: i32) -> ProducerStamp {
        ProducerStamp {
            id: 1000,
            epoch,
            base_sequence,
        }
    }

    fn logged(base_offset: Offset, count: u32, producer: ProducerStamp) -> LoggedBatch {
        LoggedBatch {
            base_offset,
            leader_epoch: 0,
            batch: Batch {
                payload: Payload::Data(Records::Run {
                    first: RecordId(0),
                    count,
                }),
                bytes: 100,
                producer: Some(producer),
                max_timestamp: Timestamp::default(),
                stamps: None,
            },
            cleaned: None,
        }
    }

    /// Seven batches of two records each, sequences from 0, at offsets from 100.
    fn seven() -> ProducerState {
        let batches: Vec<_> = (0..7)
            .map(|n| logged(100 + n * 2, 2, stamp(0, n as i32 * 2)))
            .collect();
        ProducerState::of(batches.iter())
    }

    #[test]
    fn the_last_five_batches_are_known_again_and_an_older_one_is_out_of_order() {
        let state = seven();
        for n in 2..7 {
            let Admission::Duplicate(original) = state.check(stamp(0, n * 2), 2) else {
                panic!("batch {n} is remembered");
            };
            assert_eq!(original.base_offset, 100 + n as u64 * 2);
            assert_eq!(original.first_sequence(), n * 2);
        }
        let out_of_order = Admission::Refuse(ErrorCode::OutOfOrderSequenceNumber);
        assert_eq!(state.check(stamp(0, 2), 2), out_of_order);
        assert_eq!(
            state.check(stamp(0, 12), 1),
            out_of_order,
            "half a batch is no duplicate"
        );
        assert_eq!(
            state.check(stamp(0, 16), 2),
            out_of_order,
            "a gap is out of order"
        );
        assert_eq!(state.check(stamp(0, 14), 3), Admission::Append);
    }

    #[test]
    fn an_unknown_producer_may_start_anywhere_and_a_new_epoch_starts_at_zero() {
        let state = seven();
        let unknown = ProducerStamp {
            id: 2000,
            ..stamp(0, 77)
        };
        assert_eq!(state.check(unknown, 1), Admission::Append);
        assert_eq!(state.check(stamp(1, 0), 1), Admission::Append);
        assert_eq!(
            state.check(stamp(1, 14), 1),
            Admission::Refuse(ErrorCode::OutOfOrderSequenceNumber)
        );
        let mut state = state;
        state.record(&logged(114, 1, stamp(1, 0)), FactId::NONE);
        assert_eq!(
            state.check(stamp(0, 12), 2),
            Admission::Refuse(ErrorCode::InvalidProducerEpoch)
        );
    }

    #[test]
    fn sequence_numbers_wrap_around_to_zero() {
        let state = ProducerState::of([logged(0, 2, stamp(0, i32::MAX))].iter());
        assert_eq!(state.check(stamp(0, 1), 1), Admission::Append);
        let repeated = state.check(stamp(0, i32::MAX), 2);
        assert!(matches!(repeated, Admission::Duplicate(_)), "{repeated:?}");
    }
}
