//! How a scenario names a record: by its place in a log, by its sender, or by its key.
//!
//! Names only: which record of a run one of them is, the ledger knows.

use std::fmt;

use serde::{Serialize, Serializer};

/// A record, or a stretch of a partition, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordName {
    /// `orders-0@4`, `orders-0@4..9`: the records at these offsets.
    Stored {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The first offset.
        first: u64,
        /// The last offset, included; the first for a single record.
        last: u64,
    },
    /// `shop#7`: the 7th record that this actor sent, from 1.
    Sent {
        /// The producer instance.
        actor: String,
        /// Which, from 1.
        number: u64,
    },
    /// `orders/AAPL#3`: the 3rd record with this key sent to the topic, from 1.
    Keyed {
        /// The topic.
        topic: String,
        /// The key.
        key: String,
        /// Which, from 1.
        number: u64,
    },
}

impl RecordName {
    /// Reads one of the three forms.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((left, number)) = text.rsplit_once('#') {
            let number = positive(number)?;
            return match left.split_once('/') {
                Some((topic, key)) => (is_name(topic) && is_name(key)).then(|| Self::Keyed {
                    topic: topic.to_owned(),
                    key: key.to_owned(),
                    number,
                }),
                None => is_name(left).then(|| Self::Sent {
                    actor: left.to_owned(),
                    number,
                }),
            };
        }
        let (partition, offsets) = text.rsplit_once('@')?;
        let (topic, partition) = split_partition(partition)?;
        let (first, last) = match offsets.split_once("..") {
            Some((first, last)) => (digits(first)?, digits(last)?),
            None => (digits(offsets)?, digits(offsets)?),
        };
        (first <= last).then(|| Self::Stored {
            topic: topic.to_owned(),
            partition,
            first,
            last,
        })
    }

    /// Whether this names several records.
    pub fn is_span(&self) -> bool {
        matches!(self, Self::Stored { first, last, .. } if first < last)
    }
}

/// Splits `orders-0` at the last dash into topic and partition.
pub fn split_partition(text: &str) -> Option<(&str, u32)> {
    let (topic, partition) = text.rsplit_once('-')?;
    let number = u32::try_from(digits(partition)?).ok()?;
    is_name(topic).then_some((topic, number))
}

/// Whether a text is a NAME: letters, digits, `.`, `_`, `-`, at most 249, no sign in front.
pub fn is_name(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.len() <= 249
        && text.bytes().all(legal)
        && text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
}

fn digits(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let numeric = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (canonical && numeric).then(|| text.parse().ok()).flatten()
}

fn positive(text: &str) -> Option<u64> {
    digits(text).filter(|&number| 0 < number)
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored {
                topic,
                partition,
                first,
                last,
            } if first == last => {
                write!(f, "{topic}-{partition}@{first}")
            }
            Self::Stored {
                topic,
                partition,
                first,
                last,
            } => {
                write!(f, "{topic}-{partition}@{first}..{last}")
            }
            Self::Sent { actor, number } => write!(f, "{actor}#{number}"),
            Self::Keyed { topic, key, number } => write!(f, "{topic}/{key}#{number}"),
        }
    }
}

impl Serialize for RecordName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_printed_back() {
        for text in [
            "orders-0@4",
            "orders-0@4..9",
            "shop#7",
            "shop-2#1",
            "orders/AAPL#3",
            "historical.reannotation-2@2712",
        ] {
            let name = RecordName::parse(text).expect("the form is one of the three");
            assert_eq!(name.to_string(), text);
        }
        for text in [
            "shop",
            "shop#0",
            "orders@4",
            "orders-0@9..4",
            "#3",
            "orders-0@",
            "a b#1",
        ] {
            assert_eq!(RecordName::parse(text), None, "{text} names no record");
        }
    }
}
