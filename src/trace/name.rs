//! Names of records, offsets and partitions, as the scenario file writes them.
//!
//! Lists are shortened to runs (`shop#1..30`), and long ones are cut with the number of what they
//! hold.

use serde::Serialize;

use crate::base::{Offset, RecordId, TopicPartition};
use crate::kafka::{Cast, Records};

/// Offsets of one partition: `orders-0@4`, `orders-0@4..9`.
pub fn offsets(cast: &Cast, partition: TopicPartition, first: Offset, count: u32) -> String {
    let name = cast.partition(partition);
    match count {
        0 | 1 => format!("{name}@{first}"),
        _ => format!("{name}@{first}..{}", first + u64::from(count) - 1),
    }
}

/// Records by their senders: `shop#1..3 #7`. Where that takes more than `room`, only the first and
/// the last: `shop#1…7`.
pub fn records(cast: &Cast, ids: &[RecordId], room: usize) -> String {
    let mut text = String::new();
    let mut sender = None;
    let mut rest = ids;
    while let Some(&first) = rest.first() {
        let (producer, number) = cast.sender(first);
        let length = run_length(cast, rest);
        let space = if text.is_empty() { "" } else { " " };
        let who = if sender == Some(producer) {
            ""
        } else {
            cast.actor(producer)
        };
        let last = match length {
            1 => String::new(),
            _ => format!("..{}", number as usize + length - 1),
        };
        text = format!("{text}{space}{who}#{number}{last}");
        sender = Some(producer);
        rest = &rest[length..];
        if room < text.chars().count() && (!rest.is_empty() || length < ids.len()) {
            return ends(cast, ids);
        }
    }
    text
}

/// The first and the last of many records.
fn ends(cast: &Cast, ids: &[RecordId]) -> String {
    let senders: Vec<_> = ids.iter().map(|id| cast.sender(*id)).collect();
    let (producer, first) = senders[0];
    if senders.iter().any(|(other, _)| *other != producer) {
        return format!("{} records", ids.len());
    }
    let numbers = || senders.iter().map(|(_, number)| *number);
    let (low, high) = (
        numbers().min().unwrap_or(first),
        numbers().max().unwrap_or(first),
    );
    format!("{}#{low}…{high}", cast.actor(producer))
}

/// The records of a fact, by their senders.
pub fn batch(cast: &Cast, records_of: &Records, room: usize) -> String {
    let ids: Vec<RecordId> = records_of.iter().collect();
    records(cast, &ids, room)
}

/// Partitions, each by its name, or in runs `orders-0..5` where that would exceed `room`.
pub fn partitions(cast: &Cast, list: &[TopicPartition], room: usize) -> String {
    if list.is_empty() {
        return "nothing".to_owned();
    }
    let names: Vec<String> = list.iter().map(|&tp| cast.partition(tp)).collect();
    let plain = names.join(" ");
    if plain.len() <= room {
        return plain;
    }
    let mut runs: Vec<(TopicPartition, u32)> = Vec::new();
    for &tp in list {
        match runs.last_mut() {
            Some((first, last)) if first.topic == tp.topic && *last + 1 == tp.partition => {
                *last = tp.partition;
            }
            _ => runs.push((tp, tp.partition)),
        }
    }
    let names: Vec<String> = runs
        .iter()
        .map(|&(first, last)| {
            let name = cast.partition(first);
            if last == first.partition {
                name
            } else {
                format!("{name}..{last}")
            }
        })
        .collect();
    names.join(" ")
}

/// A number with its noun.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Kafka's own spelling of an error code or API.
pub(crate) fn code(word: impl Serialize) -> String {
    let spelled = serde_json::to_value(word).expect("a word is plain data");
    spelled
        .as_str()
        .expect("a code is spelled as a word")
        .to_owned()
}

/// How many of the first records have consecutive numbers of one sender.
fn run_length(cast: &Cast, ids: &[RecordId]) -> usize {
    let sender = cast.sender(ids[0]).0;
    ids.iter()
        .zip(ids[0].0..)
        .take_while(|(id, expected)| id.0 == *expected && cast.sender(**id).0 == sender)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TopicId;
    use crate::trace::example;

    fn ids(numbers: &[u32]) -> Vec<RecordId> {
        numbers.iter().map(|&n| RecordId(n)).collect()
    }

    #[test]
    fn records_are_named_in_runs_and_by_sender() {
        let cast = example::cast();
        assert_eq!(records(&cast, &ids(&[0]), 50), "shop#1");
        assert_eq!(records(&cast, &ids(&[0, 1, 2, 6]), 50), "shop#1..3 #7");
        assert_eq!(records(&cast, &ids(&[29, 30]), 50), "shop#30 desk#1");
        assert_eq!(records(&cast, &ids(&[0, 2, 4, 6, 8, 10]), 14), "shop#1…11");
        assert_eq!(records(&cast, &ids(&[0, 2, 30, 32]), 10), "4 records");
    }

    #[test]
    fn many_partitions_are_named_in_runs() {
        let cast = example::cast();
        let tp = |n| TopicPartition::new(TopicId(0), n);
        let list: Vec<_> = [0, 1, 2, 5].map(tp).into();
        assert_eq!(partitions(&cast, &list[..1], 40), "orders-0");
        assert_eq!(
            partitions(&cast, &list, 40),
            "orders-0 orders-1 orders-2 orders-5"
        );
        assert_eq!(partitions(&cast, &list, 20), "orders-0..2 orders-5");
        assert_eq!(partitions(&cast, &[], 20), "nothing");
    }
}
