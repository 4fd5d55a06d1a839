//! The fingerprint of a run: what happened to every record with its instant, and every fact that
//! does not speak of a range of records.
//!
//! A stretch stated whole and the same steps stated one by one give the same fingerprint: records
//! count one by one, and the sum does not depend on the order. Numbers of facts stay out, because
//! stating a stretch as one fact shifts them.

use std::hash::{Hash, Hasher};

use crate::base::hash::Fingerprint;
use crate::base::{Instant, Offset, RecordId, TopicId, TopicPartition};
use crate::kafka::Records;
use crate::node::fact::{AppFact, Fact, ProduceFact, Stated, Times};

/// The golden ratio as a 64-bit fraction, made odd.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hasher with the same result on every platform.
#[derive(Clone, Copy, Debug, Default)]
struct Portable(u64);

impl Hasher for Portable {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    /// Two operations a word, because every fact passes here; the sum mixes once more.
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(ODD);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }
}

fn portable(value: impl Hash) -> u64 {
    let mut hasher = Portable::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Takes one fact into the fingerprint.
pub(super) fn take_in(print: &mut Fingerprint, stated: &Stated) {
    match &stated.fact {
        Fact::Produce(ProduceFact::Sent {
            topic,
            records,
            times,
        }) => sent(print, *topic, records, times),
        Fact::App(AppFact::Processed {
            group,
            partition,
            first_offset,
            records,
            times,
        }) => {
            let place = portable((group, partition, stated.who));
            processed(print, place, (*first_offset, records), times);
        }
        fact => print.add(portable((stated.at, stated.who, fact))),
    }
}

fn sent(print: &mut Fingerprint, topic: TopicId, records: &Records, times: &Times) {
    let place = portable((TopicPartition::new(topic, u32::MAX), 's'));
    each(records, times, |_, record, at| {
        print.add(word(place, u64::from(record.0), at));
    });
}

fn processed(print: &mut Fingerprint, place: u64, what: (Offset, &Records), times: &Times) {
    let (first_offset, records) = what;
    each(records, times, |index, record, at| {
        let offset = first_offset + u64::from(index);
        print.add(word(place, u64::from(record.0) | offset << 32, at));
    });
}

/// Every record with its index and instant. A regular row, which is nearly all there is, is walked
/// without a look at each index.
fn each(records: &Records, times: &Times, mut take: impl FnMut(u32, RecordId, Instant)) {
    match (records, times) {
        (Records::Run { first, count }, Times::Every { first: at, step }) => {
            let mut at = *at;
            for index in 0..*count {
                take(index, RecordId(first.0 + index), at);
                at += *step;
            }
        }
        _ => {
            for (index, record) in (0..).zip(records.iter()) {
                take(index, record, times.get(index));
            }
        }
    }
}

/// One word for one thing that happened to a record; `add` mixes it.
fn word(place: u64, record: u64, at: Instant) -> u64 {
    let spread = record.wrapping_mul(0xd134_2543_de82_ef95);
    (place ^ spread).wrapping_add(at.0.wrapping_mul(ODD))
}

#[cfg(test)]
mod tests {
    use super::super::story::*;
    use super::*;
    use crate::base::Span;
    use crate::node::fact::{AppFact, FactId};

    fn processed(story: &mut Story, first: u32, count: u32, times: Times) {
        let fact = AppFact::Processed {
            group: WORKERS,
            partition: P0,
            first_offset: first.into(),
            records: records(first..first + count),
            times,
        };
        story.states(ONE, fact);
    }

    #[test]
    fn a_stretch_and_its_steps_have_one_fingerprint() {
        let steady = Times::Every {
            first: Instant(500),
            step: Span(20),
        };
        let mut whole = Story::new();
        processed(&mut whole, 0, 5, steady.clone());
        let mut stepped = Story::new();
        for index in [0, 1, 2, 3, 4] {
            processed(&mut stepped, index, 1, Times::at(steady.get(index)));
        }
        assert_eq!(whole.ledger().fingerprint(), stepped.ledger().fingerprint());
        let mut later = Story::new();
        processed(&mut later, 0, 5, Times::at(Instant(500)));
        assert_ne!(whole.ledger().fingerprint(), later.ledger().fingerprint());
    }

    #[test]
    fn other_facts_count_by_content_and_instant_but_not_by_number() {
        let print = |offset, number, at| {
            let mut story = Story::new();
            story.offset_committed(ONE, offset);
            story.facts[0].id = FactId(number);
            story.facts[0].at = Instant(at);
            story.ledger().fingerprint()
        };
        assert_eq!(print(5, 1, 7), print(5, 9, 7));
        assert_ne!(print(5, 1, 7), print(6, 1, 7));
        assert_ne!(print(5, 1, 7), print(5, 1, 8));
    }

    #[test]
    fn equal_records_hash_alike_in_both_forms() {
        let listed = Records::List((3..7).map(RecordId).collect());
        assert_eq!(portable(&listed), portable(records(3..7)));
        assert_ne!(portable(&listed), portable(records(3..8)));
        let scattered = |ids: &[u32]| Records::List(ids.iter().copied().map(RecordId).collect());
        assert_ne!(portable(scattered(&[3, 5])), portable(scattered(&[3, 6])));
    }
}
