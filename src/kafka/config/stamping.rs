//! The settings about timestamps of records (`LogConfig`): who stamps, and what stamps are taken.
//!
//! A topic has its own; what it leaves out it has from its brokers, whose names for them begin with
//! `log.`.

use super::broker::BrokerConfig;
use super::reader::Reader;
use super::storage::span;
use crate::base::Span;

/// `message.timestamp.type`, and how far a producer's stamp may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamping {
    /// `LogAppendTime`: the leader stamps each batch with its own time when it appends it. Else
    /// `CreateTime`: records keep the stamps of their producer.
    pub by_broker: bool,
    /// `message.timestamp.before.max.ms`; `None`: any age.
    pub before_max: Option<Span>,
    /// `message.timestamp.after.max.ms`; `None`: however far ahead.
    pub after_max: Option<Span>,
}

impl Default for Stamping {
    /// Kafka 4.1's defaults.
    fn default() -> Self {
        Self {
            by_broker: false,
            before_max: None,
            after_max: Some(Span::from_secs(3600)),
        }
    }
}

const OF_TOPIC: [&str; 3] = [
    "message.timestamp.type",
    "message.timestamp.before.max.ms",
    "message.timestamp.after.max.ms",
];
const OF_BROKER: [&str; 3] = [
    "log.message.timestamp.type",
    "log.message.timestamp.before.max.ms",
    "log.message.timestamp.after.max.ms",
];

/// Reads the settings of a topic; what is not given is the brokers'.
pub(super) fn of_topic(reader: &mut Reader, broker: &BrokerConfig) -> Stamping {
    let [kind, before, after] = OF_TOPIC;
    let own = read(reader, OF_TOPIC);
    let theirs = broker.stamping;
    let mut config = own;
    if !reader.given(kind) && own.by_broker != theirs.by_broker {
        config.by_broker = theirs.by_broker;
        let word = ["CreateTime", "LogAppendTime"][usize::from(theirs.by_broker)];
        reader.adjust(kind, &word, "the brokers say so");
    }
    for (key, own, theirs) in [
        (before, &mut config.before_max, theirs.before_max),
        (after, &mut config.after_max, theirs.after_max),
    ] {
        if !reader.given(key) && *own != theirs {
            *own = theirs;
            let millis = theirs.map_or(i64::MAX.to_string(), |span| span.as_millis().to_string());
            reader.adjust(key, &millis, "the brokers say so");
        }
    }
    config
}

/// Reads the brokers' defaults of the same.
pub(super) fn of_broker(reader: &Reader) -> Stamping {
    read(reader, OF_BROKER)
}

fn read(reader: &Reader, [kind, before, after]: [&'static str; 3]) -> Stamping {
    Stamping {
        by_broker: reader.text(kind).as_deref() == Some("LogAppendTime"),
        before_max: span(reader.number(before)),
        after_max: span(reader.number(after)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, resolve_broker, resolve_topic};
    use super::*;

    #[test]
    fn a_topic_has_its_own_stamping_and_else_that_of_its_brokers() {
        let settings = |pairs: &[(&str, &str)]| -> Settings {
            let own = |(key, text): &(&str, &str)| ((*key).to_owned(), (*text).to_owned());
            pairs.iter().map(own).collect()
        };
        let of_broker = settings(&[
            ("log.message.timestamp.type", "LogAppendTime"),
            ("log.message.timestamp.before.max.ms", "5000"),
        ]);
        let (broker, _) = resolve_broker(&of_broker).expect("both are modelled");
        let (topic, notes) = resolve_topic(&Settings::new(), &broker).expect("nothing is wrong");
        assert!(topic.stamping.by_broker);
        assert_eq!(topic.stamping.before_max, Some(Span::from_secs(5)));
        assert_eq!(topic.stamping.after_max, Some(Span::from_secs(3600)));
        assert_eq!(notes.len(), 2, "{notes:?}");
        let own = settings(&[("message.timestamp.type", "CreateTime")]);
        let (topic, _) = resolve_topic(&own, &broker).expect("it is modelled");
        assert!(!topic.stamping.by_broker);
        let default = resolve_topic(&Settings::new(), &BrokerConfig::default());
        assert_eq!(
            default.expect("nothing is wrong").0.stamping,
            Stamping::default()
        );
    }
}
