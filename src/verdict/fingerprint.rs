//! The fingerprint of a run: what happened to every record with its instant, and every fact that
//! does not speak of a range of records.
//!
//! A stretch stated whole and the same steps stated one by one give the same fingerprint: records
//! count one by one, and the sum does not depend on the order. Numbers of facts stay out, because
//! stating a stretch as one fact shifts them.

use std::hash::{Hash, Hasher};

use crate::base::hash::{Fingerprint, mix};
use crate::base::{Instant, Offset, TopicId, TopicPartition};
use crate::kafka::Records;
use crate::node::fact::{AppFact, Fact, ProduceFact, Stated, Times};

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

    fn write_u64(&mut self, value: u64) {
        self.0 = mix(self.0.rotate_left(7) ^ value);
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
pub fn take_in(print: &mut Fingerprint, stated: &Stated) {
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
    for (index, record) in (0..).zip(records.iter()) {
        print.add(word(place, u64::from(record.0), times.get(index)));
    }
}

fn processed(print: &mut Fingerprint, place: u64, what: (Offset, &Records), times: &Times) {
    let (first_offset, records) = what;
    for (index, record) in (0..).zip(records.iter()) {
        let offset = first_offset + u64::from(index);
        print.add(word(
            place,
            u64::from(record.0) | offset << 32,
            times.get(index),
        ));
    }
}

/// One word for one thing that happened to a record; `add` mixes it once more.
fn word(place: u64, record: u64, at: Instant) -> u64 {
    mix(place ^ record).wrapping_add(at.0.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
