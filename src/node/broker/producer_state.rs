//! What a partition remembers of idempotent producers (`ProducerStateManager`,
//! `ProducerAppendInfo`, `ProducerStateEntry`).
//!
//! Per producer id: its epoch and its last five batches. By them a retry is known for what it is.
//! The state is a function of the log: [`ProducerState::record`] takes in every batch that was
//! appended, by whomever; only the leader asks [`ProducerState::check`] before.
//!
//! Not here: transactions, expiry (`producer.id.expiration.ms`), snapshots.

use std::collections::BTreeMap;

use crate::base::Offset;
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerEntry {
    /// Its epoch.
    pub epoch: i16,
    batches: [Option<RememberedBatch>; REMEMBERED],
}

impl ProducerEntry {
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

/// What one partition remembers of its producers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerState {
    producers: BTreeMap<u64, ProducerEntry>,
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

    /// Whether a batch of `count` records may be appended. A duplicate is looked for before
    /// anything else, so it is one even if later batches were appended.
    pub fn check(&self, stamp: ProducerStamp, count: u32) -> Admission {
        let Some(entry) = self.producers.get(&stamp.id) else {
            // A producer the log does not know may start with any sequence number.
            return Admission::Append;
        };
        let last_sequence = increment_sequence(stamp.base_sequence, count - 1);
        let same_range =
            |b: &&RememberedBatch| b.last_sequence == last_sequence && b.count == count;
        if stamp.epoch == entry.epoch
            && let Some(original) = entry.batches().find(same_range)
        {
            return Admission::Duplicate(*original);
        }
        let last = entry.batches().next_back();
        let expected = match last {
            Some(last) if stamp.epoch == entry.epoch => increment_sequence(last.last_sequence, 1),
            _ => 0,
        };
        if stamp.epoch < entry.epoch {
            Admission::Refuse(ErrorCode::InvalidProducerEpoch)
        } else if stamp.base_sequence != expected {
            Admission::Refuse(ErrorCode::OutOfOrderSequenceNumber)
        } else {
            Admission::Append
        }
    }

    /// Takes in a batch that was appended. `appended` is the fact of it.
    pub fn record(&mut self, logged: &LoggedBatch, appended: FactId) {
        let Some(stamp) = logged.batch.producer else {
            return;
        };
        let count = logged.batch.count();
        let entry = self.producers.entry(stamp.id).or_default();
        if stamp.epoch != entry.epoch {
            *entry = ProducerEntry {
                epoch: stamp.epoch,
                ..ProducerEntry::default()
            };
        }
        entry.push(RememberedBatch {
            last_sequence: increment_sequence(stamp.base_sequence, count - 1),
            base_offset: logged.base_offset,
            count,
            appended,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Instant, RecordId};
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
                max_timestamp: Instant::ZERO,
            },
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
