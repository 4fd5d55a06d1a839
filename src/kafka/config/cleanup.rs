//! The settings of what becomes of a log's old records: deletion, compaction (`LogConfig`).
//!
//! A topic has its own; what it leaves out it has from its brokers, whose names for them begin with
//! `log.` or `log.cleaner.`.

use super::broker::BrokerConfig;
use super::reader::Reader;
use super::storage::span;
use crate::base::Span;

/// How a log gets rid of old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// `cleanup.policy` has `compact`: of each key the last record stays.
    pub compact: bool,
    /// `cleanup.policy` has `delete`: segments go by age and size.
    pub delete: bool,
    /// `min.cleanable.dirty.ratio`, in parts of a billion.
    pub dirty_ratio: u64,
    /// `min.compaction.lag.ms`.
    pub lag_min: Span,
    /// `max.compaction.lag.ms`; `None`: for ever.
    pub lag_max: Option<Span>,
    /// `delete.retention.ms`; `None`: for ever.
    pub tombstone_retention: Option<Span>,
}

impl Default for Cleanup {
    /// Kafka 4.1's defaults.
    fn default() -> Self {
        Self {
            compact: false,
            delete: true,
            dirty_ratio: BILLION / 2,
            lag_min: Span::ZERO,
            lag_max: None,
            tombstone_retention: Some(Span::from_secs(86_400)),
        }
    }
}

const BILLION: u64 = 1_000_000_000;

const OF_TOPIC: [&str; 5] = [
    "cleanup.policy",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "max.compaction.lag.ms",
    "delete.retention.ms",
];
const OF_BROKER: [&str; 5] = [
    "log.cleanup.policy",
    "log.cleaner.min.cleanable.ratio",
    "log.cleaner.min.compaction.lag.ms",
    "log.cleaner.max.compaction.lag.ms",
    "log.cleaner.delete.retention.ms",
];

/// Reads the settings of a topic; what is not given is the brokers'.
pub(super) fn of_topic(reader: &mut Reader, broker: &BrokerConfig) -> Cleanup {
    let own = read(reader, OF_TOPIC);
    let theirs = broker.cleanup;
    let given = OF_TOPIC.map(|key| reader.given(key));
    let policy = if given[0] { own } else { theirs };
    let config = Cleanup {
        compact: policy.compact,
        delete: policy.delete,
        dirty_ratio: choose(given[1], own.dirty_ratio, theirs.dirty_ratio),
        lag_min: choose(given[2], own.lag_min, theirs.lag_min),
        lag_max: choose(given[3], own.lag_max, theirs.lag_max),
        tombstone_retention: choose(
            given[4],
            own.tombstone_retention,
            theirs.tombstone_retention,
        ),
    };
    let (shown, before) = (shown(&config), shown(&own));
    for ((key, value), before) in OF_TOPIC.into_iter().zip(&shown).zip(&before) {
        if value != before {
            reader.adjust(key, value, "the brokers say so");
        }
    }
    config
}

/// Reads the brokers' defaults of the same.
pub(super) fn of_broker(reader: &Reader) -> Cleanup {
    read(reader, OF_BROKER)
}

fn read(
    reader: &Reader,
    [policy, ratio, lag_min, lag_max, retention]: [&'static str; 5],
) -> Cleanup {
    let policies = reader.list(policy);
    let has = |word: &str| policies.iter().any(|policy| policy == word);
    Cleanup {
        compact: has("compact"),
        delete: has("delete"),
        dirty_ratio: billionths(&reader.text(ratio).unwrap_or_default()),
        lag_min: span(reader.number(lag_min)).unwrap_or(Span::MAX),
        lag_max: span(reader.number(lag_max)),
        tombstone_retention: span(reader.number(retention)),
    }
}

fn choose<T>(is_given: bool, own: T, of_broker: T) -> T {
    if is_given { own } else { of_broker }
}

/// The settings as Kafka would write them, in the order of their names.
fn shown(config: &Cleanup) -> [String; 5] {
    let words = [("compact", config.compact), ("delete", config.delete)];
    let words = words.into_iter().filter(|(_, has)| *has);
    let words: Vec<&str> = words.map(|(word, _)| word).collect();
    let millis =
        |span: Option<Span>| span.map_or(i64::MAX.to_string(), |span| span.as_millis().to_string());
    let ratio = format!("{:09}", config.dirty_ratio % BILLION);
    let ratio = format!(
        "{}.{}",
        config.dirty_ratio / BILLION,
        ratio.trim_end_matches('0')
    );
    [
        words.join(","),
        ratio.trim_end_matches('.').to_owned(),
        millis(Some(config.lag_min)),
        millis(config.lag_max),
        millis(config.tombstone_retention),
    ]
}

/// A fraction between 0 and 1 in parts of a billion; what is finer is cut off. No floating point:
/// the same on every machine.
fn billionths(text: &str) -> u64 {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or(0)),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('+'));
    let value: u128 = digits.parse().unwrap_or(0);
    let shift = 9 + exponent - i32::try_from(fraction.len()).unwrap_or(0);
    let power = 10_u128.pow(shift.unsigned_abs().min(30));
    let scaled = if shift < 0 {
        value / power
    } else {
        value.saturating_mul(power)
    };
    u64::try_from(scaled).unwrap_or(BILLION).min(BILLION)
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, resolve_broker, resolve_topic};
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let own = |(key, text): &(&str, &str)| ((*key).to_owned(), (*text).to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn a_topic_has_its_own_policy_and_else_that_of_its_brokers() {
        let of_broker = settings(&[
            ("log.cleanup.policy", "compact,delete"),
            ("log.cleaner.min.cleanable.ratio", "0.25"),
            ("log.cleaner.delete.retention.ms", "7000"),
        ]);
        let (broker, _) = resolve_broker(&of_broker).expect("all are modelled");
        let (topic, notes) = resolve_topic(&Settings::new(), &broker).expect("nothing is wrong");
        let cleanup = topic.storage.cleanup;
        assert_eq!((cleanup.compact, cleanup.delete), (true, true));
        assert_eq!(cleanup.dirty_ratio, 250_000_000);
        assert_eq!(cleanup.tombstone_retention, Some(Span::from_secs(7)));
        assert_eq!(notes.len(), 3, "{notes:?}");
        let own = settings(&[
            ("cleanup.policy", "compact"),
            ("max.compaction.lag.ms", "9"),
        ]);
        let (topic, _) = resolve_topic(&own, &broker).expect("both are modelled");
        let cleanup = topic.storage.cleanup;
        assert_eq!((cleanup.compact, cleanup.delete), (true, false));
        assert_eq!(cleanup.lag_max, Some(Span::from_millis(9)));
        let plain = resolve_topic(&Settings::new(), &BrokerConfig::default());
        let plain = plain.expect("nothing is wrong").0.storage.cleanup;
        assert_eq!(plain, Cleanup::default());
    }

    #[test]
    fn fractions_are_read_without_floating_point() {
        let cases = [
            ("0.5", BILLION / 2),
            ("1", BILLION),
            ("1.0", BILLION),
            ("0", 0),
            (".01", 10_000_000),
            ("5e-3", 5_000_000),
            ("0.0000000001", 0),
        ];
        for (text, parts) in cases {
            assert_eq!(billionths(text), parts, "{text}");
        }
    }
}
