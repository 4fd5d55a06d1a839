//! `orders/AAPL#3` as a record of a sender, where the file alone says which one that is.
//!
//! Faults and `process` need to know the record before the run. With one sender whose keys are
//! written out or cycle, its records can be counted; drawn keys and several senders are told apart
//! only by the run, and only `expect` can speak of them.

use crate::scenario::resolved::client::{Keys, Records};
use crate::scenario::resolved::{Named, Producer, Sender};

/// What a name by key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keyed {
    /// The nth record of this actor, from 1.
    Record(String, u64),
    /// There are only so many.
    Missing(u64),
    /// The run decides.
    Unknown,
}

/// The record with that key and number.
pub(crate) fn find(producers: &Named<Producer>, topic: &str, key: &str, number: u64) -> Keyed {
    let mut senders = Vec::new();
    for (family, producer) in producers.iter() {
        for actor in producer.actors(family) {
            let sender = producer.actor(&actor);
            if sends_to(sender, &producer.records, topic) {
                senders.push((actor.clone(), sender, &producer.records));
            }
        }
    }
    let [(actor, sender, records)] = senders.as_slice() else {
        return if senders.is_empty() {
            Keyed::Missing(0)
        } else {
            Keyed::Unknown
        };
    };
    let cycle: &[String] = match (&sender.keys, records) {
        (Some(Keys::Cycle(keys)), _) => keys,
        (Some(_), _) => return Keyed::Unknown,
        (None, _) => &[],
    };
    let mut seen = 0;
    for index in 0..records.count() as usize {
        if has_key(sender, records, cycle, index, topic, key) {
            seen += 1;
            if seen == number {
                return Keyed::Record(actor.clone(), index as u64 + 1);
            }
        }
    }
    Keyed::Missing(seen)
}

fn sends_to(sender: &Sender, records: &Records, topic: &str) -> bool {
    let listed = match records {
        Records::Count(_) => false,
        Records::Listed(list) => list.iter().any(|r| r.topic.as_deref() == Some(topic)),
    };
    listed || sender.topics.iter().any(|name| name == topic)
}

fn has_key(
    sender: &Sender,
    records: &Records,
    cycle: &[String],
    index: usize,
    topic: &str,
    key: &str,
) -> bool {
    let in_turn = |list: &[String]| list.get(index % list.len().max(1)).cloned();
    let written = match records {
        Records::Count(_) => None,
        Records::Listed(list) => Some(&list[index]),
    };
    let own_topic = written.and_then(|record| record.topic.clone());
    let own_key = written.and_then(|record| record.key.clone());
    own_topic.or_else(|| in_turn(&sender.topics)).as_deref() == Some(topic)
        && own_key.or_else(|| in_turn(cycle)).as_deref() == Some(key)
}
