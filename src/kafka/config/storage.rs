//! The settings of a log as files: segments, retention, flushing (`LogConfig`).
//!
//! A topic has its own; what it leaves out it has from its brokers, whose names for them begin with
//! `log.`.

use super::broker::BrokerConfig;
use super::cleanup::{self, Cleanup};
use super::reader::Reader;
use crate::base::Span;

/// How the files of a log are cut, kept and brought to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageConfig {
    /// `segment.bytes`.
    pub segment_bytes: u32,
    /// `segment.ms`; `None`: never.
    pub segment_span: Option<Span>,
    /// `retention.ms`; `None`: for ever.
    pub retention_span: Option<Span>,
    /// `retention.bytes`; `None`: any size.
    pub retention_bytes: Option<u64>,
    /// `flush.messages`; `None`: never.
    pub flush_messages: Option<u64>,
    /// `flush.ms`; `None`: never.
    pub flush_span: Option<Span>,
    /// Deletion and compaction.
    pub cleanup: Cleanup,
}

impl StorageConfig {
    /// After how long a segment is rolled (`LogConfig.maxSegmentMs`): the oldest record of a compacted
    /// log is not to wait for compaction longer than it may.
    pub fn roll_span(&self) -> Option<Span> {
        let lag = self
            .cleanup
            .lag_max
            .filter(|lag| self.cleanup.compact && 0 < lag.0);
        match (lag, self.segment_span) {
            (Some(lag), Some(span)) => Some(lag.min(span)),
            (lag, span) => lag.or(span),
        }
    }
}

impl Default for StorageConfig {
    /// Kafka 4.1's defaults.
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_span: Some(Span::from_secs(7 * 86_400)),
            retention_span: Some(Span::from_secs(7 * 86_400)),
            retention_bytes: None,
            flush_messages: None,
            flush_span: None,
            cleanup: Cleanup::default(),
        }
    }
}

/// The settings of topics whose values brokers give under other names.
const OF_TOPIC: [&str; 6] = [
    "segment.bytes",
    "segment.ms",
    "retention.ms",
    "retention.bytes",
    "flush.messages",
    "flush.ms",
];

/// Reads the settings of a topic; what is not given is the brokers'.
pub(super) fn of_topic(reader: &mut Reader, broker: &BrokerConfig) -> StorageConfig {
    let theirs = &broker.storage;
    let own = StorageConfig {
        segment_bytes: reader.count("segment.bytes", 1),
        segment_span: span(reader.number("segment.ms")),
        retention_span: span(reader.number("retention.ms")),
        retention_bytes: u64::try_from(reader.number("retention.bytes")).ok(),
        flush_messages: finite(reader.number("flush.messages")),
        flush_span: span(reader.number("flush.ms")),
        cleanup: cleanup::of_topic(reader, broker),
    };
    let given = OF_TOPIC.map(|key| reader.given(key));
    let config = StorageConfig {
        segment_bytes: choose(given[0], own.segment_bytes, theirs.segment_bytes),
        segment_span: choose(given[1], own.segment_span, theirs.segment_span),
        retention_span: choose(given[2], own.retention_span, theirs.retention_span),
        retention_bytes: choose(given[3], own.retention_bytes, theirs.retention_bytes),
        flush_messages: choose(given[4], own.flush_messages, theirs.flush_messages),
        flush_span: choose(given[5], own.flush_span, theirs.flush_span),
        cleanup: own.cleanup,
    };
    let shown = [
        config.segment_bytes.to_string(),
        millis(config.segment_span, i64::MAX),
        millis(config.retention_span, -1),
        config
            .retention_bytes
            .map_or("-1".to_owned(), |b| b.to_string()),
        config
            .flush_messages
            .map_or(i64::MAX.to_string(), |n| n.to_string()),
        millis(config.flush_span, i64::MAX),
    ];
    let changed = [
        config.segment_bytes != own.segment_bytes,
        config.segment_span != own.segment_span,
        config.retention_span != own.retention_span,
        config.retention_bytes != own.retention_bytes,
        config.flush_messages != own.flush_messages,
        config.flush_span != own.flush_span,
    ];
    for ((key, value), _) in OF_TOPIC.iter().zip(&shown).zip(changed).filter(|(_, c)| *c) {
        reader.adjust(key, value, "the brokers say so");
    }
    config
}

/// Reads the brokers' defaults of the same (`KafkaConfig.extractLogConfigMap`).
pub(super) fn of_broker(reader: &mut Reader) -> StorageConfig {
    let hours = |reader: &Reader, key| reader.number(key).saturating_mul(3_600_000);
    let roll = match reader.optional("log.roll.ms") {
        Some(ms) => ms,
        None => hours(reader, "log.roll.hours"),
    };
    let minutes = reader.optional("log.retention.minutes");
    let retention = match (reader.optional("log.retention.ms"), minutes) {
        (Some(ms), _) => ms,
        (None, Some(minutes)) => minutes.saturating_mul(60_000),
        (None, None) => hours(reader, "log.retention.hours"),
    };
    let flush = match reader.optional("log.flush.interval.ms") {
        Some(ms) => ms,
        None => reader.number("log.flush.scheduler.interval.ms"),
    };
    StorageConfig {
        segment_bytes: reader.count("log.segment.bytes", 1),
        segment_span: span(roll),
        retention_span: span(retention),
        retention_bytes: u64::try_from(reader.number("log.retention.bytes")).ok(),
        flush_messages: finite(reader.number("log.flush.interval.messages")),
        flush_span: span(flush),
        cleanup: Cleanup::default(),
    }
}

fn choose<T>(is_given: bool, own: T, of_broker: T) -> T {
    if is_given { own } else { of_broker }
}

/// A number of records, unless it is so large that it means never.
fn finite(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|_| number != i64::MAX)
}

/// Milliseconds as a span; `None` if they are negative, which is how Kafka writes "never", or do not
/// fit a clock of nanoseconds, which counts 584 years.
pub(super) fn span(millis: i64) -> Option<Span> {
    let millis = u64::try_from(millis).ok()?;
    (millis <= u64::MAX / 1_000_000).then(|| Span::from_millis(millis))
}

fn millis(span: Option<Span>, never: i64) -> String {
    span.map_or(never.to_string(), |span| span.as_millis().to_string())
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
    fn the_finer_unit_of_a_broker_wins_and_a_topic_wins_over_its_brokers() {
        let hours = [("log.retention.hours", "2"), ("log.roll.hours", "1")];
        let (broker, _) = resolve_broker(&settings(&hours)).expect("both are modelled");
        assert_eq!(broker.storage.retention_span, Some(Span::from_secs(7200)));
        assert_eq!(broker.storage.segment_span, Some(Span::from_secs(3600)));
        let all = [
            ("log.retention.hours", "2"),
            ("log.retention.minutes", "3"),
            ("log.retention.ms", "-1"),
        ];
        let (broker, _) = resolve_broker(&settings(&all)).expect("all are modelled");
        assert_eq!(broker.storage.retention_span, None);
        let own = settings(&[("retention.ms", "5000")]);
        let (topic, _) = resolve_topic(&own, &broker).expect("it is modelled");
        assert_eq!(topic.storage.retention_span, Some(Span::from_secs(5)));
        let (topic, notes) = resolve_topic(&Settings::new(), &broker).expect("nothing is wrong");
        assert_eq!(topic.storage.retention_span, None);
        assert_eq!(notes.len(), 1, "{notes:?}");
    }

    #[test]
    fn never_is_written_as_the_largest_number_or_as_minus_one() {
        assert_eq!(span(i64::MAX), None);
        assert_eq!(span(-1), None);
        assert_eq!(span(0), Some(Span::ZERO));
        assert_eq!((finite(i64::MAX), finite(1)), (None, Some(1)));
    }
}
