//! The settings of librdkafka clients (`rdkafka_conf.c`), in the structs of the Java client.
//!
//! Where the two clients have no setting in common, the Java default stands in: librdkafka does not
//! block in `produce()` and has no `default.api.timeout.ms`. `request.timeout.ms`, which the broker
//! alone enforces for librdkafka, is not told apart from `socket.timeout.ms`.

use std::sync::Arc;

use super::Settings;
use super::catalogue::Role;
use super::consumer::{Assignor, ConsumerConfig, GroupProtocol, OffsetReset};
use super::problem::{Note, Refusal, SettingError};
use super::producer::{PartitionerClass, ProducerConfig};
use super::reader::Reader;
use crate::base::Span;
use crate::kafka::client::ClientFamily;
use crate::kafka::message::Acks;

const IDEMPOTENCE: &str = "enable.idempotence";
const MAX_IN_FLIGHT: &str = "max.in.flight.requests.per.connection";
const STRATEGY: &str = "partition.assignment.strategy";

/// Reads the settings of a librdkafka producer.
pub(super) fn producer(
    settings: &Settings,
) -> Result<(ProducerConfig, Vec<Note>), Vec<SettingError>> {
    let mut reader = Reader::new(ClientFamily::Librdkafka, Role::Producer, settings);
    let idempotence = reader.flag(IDEMPOTENCE);
    let linger = reader.millis("queue.buffering.max.ms");
    let defaults = ProducerConfig::default();
    let config = ProducerConfig {
        acks: acks(&mut reader, idempotence),
        idempotence,
        retries: retries(&mut reader, idempotence),
        max_in_flight: max_in_flight(&mut reader, idempotence),
        batch_size: reader.count("batch.size", 1),
        batch_records_max: reader.count("batch.num.messages", 1),
        linger,
        buffer_memory: reader.number("queue.buffering.max.kbytes") as u64 * 1024,
        max_request_size: reader.count("message.max.bytes", 0),
        delivery_timeout: delivery_timeout(&mut reader, linger),
        request_timeout: reader.millis("socket.timeout.ms"),
        retry_backoff: reader.millis("retry.backoff.ms"),
        retry_backoff_max: reader.millis("retry.backoff.max.ms"),
        reconnect_backoff: reader.millis("reconnect.backoff.ms"),
        reconnect_backoff_max: reconnect_backoff_max(&mut reader),
        metadata_max_age: metadata_max_age(&mut reader),
        partitioner: partitioner(&mut reader),
        ..defaults
    };
    reader.finish(config)
}

/// Reads the settings of a librdkafka consumer.
pub(super) fn consumer(
    settings: &Settings,
) -> Result<(ConsumerConfig, Vec<Note>), Vec<SettingError>> {
    let mut reader = Reader::new(ClientFamily::Librdkafka, Role::Consumer, settings);
    let defaults = ConsumerConfig::default();
    let config = ConsumerConfig {
        auto_commit: reader.flag("enable.auto.commit"),
        auto_commit_interval: auto_commit_interval(&mut reader),
        auto_offset_store: reader.flag("enable.auto.offset.store"),
        offset_reset: offset_reset(&reader),
        max_poll_interval: reader.millis("max.poll.interval.ms"),
        session_timeout: reader.millis("session.timeout.ms"),
        heartbeat_interval: reader.millis("heartbeat.interval.ms"),
        fetch_min_bytes: reader.count("fetch.min.bytes", 1),
        fetch_max_wait: reader.millis("fetch.wait.max.ms"),
        fetch_max_bytes: fetch_max_bytes(&mut reader),
        max_partition_fetch_bytes: reader.count("fetch.message.max.bytes", 1),
        request_timeout: reader.millis("socket.timeout.ms"),
        retry_backoff: reader.millis("retry.backoff.ms"),
        retry_backoff_max: reader.millis("retry.backoff.max.ms"),
        reconnect_backoff: reader.millis("reconnect.backoff.ms"),
        reconnect_backoff_max: reconnect_backoff_max(&mut reader),
        metadata_max_age: metadata_max_age(&mut reader),
        allow_auto_create: reader.flag("allow.auto.create.topics"),
        instance: reader.text("group.instance.id").map(Arc::from),
        assignors: assignors(&mut reader),
        protocol: GroupProtocol::Classic,
        remote_assignor: None,
        ..defaults
    };
    if config.max_poll_interval < config.session_timeout {
        let message = "`max.poll.interval.ms`must be >= `session.timeout.ms`";
        let keys = ["max.poll.interval.ms", "session.timeout.ms"];
        refuse(
            &mut reader,
            &keys,
            message,
            "raise the first, or lower the second",
        );
    }
    reader.finish(config)
}

fn refuse(reader: &mut Reader, keys: &[&'static str], message: &str, help: &str) {
    let exception = "";
    let message = message.to_owned();
    reader.refuse(keys, Refusal { exception, message }, help);
}

/// `rd_kafka_topic_conf_finalize`: idempotence needs `all`.
fn acks(reader: &mut Reader, idempotence: bool) -> Acks {
    const KEY: &str = "request.required.acks";
    let acks = match reader.number(KEY) {
        0 => Acks::None,
        1 => Acks::Leader,
        -1 => Acks::All,
        other => {
            let message = format!("`acks` of {other} is refused by every broker since Kafka 0.9");
            reader.not_modelled(KEY, message, "use `all`, `1` or `0`");
            Acks::All
        }
    };
    if idempotence && acks != Acks::All {
        let message = "`acks` must be set to `all` when `enable.idempotence` is true";
        refuse(reader, &[IDEMPOTENCE, KEY], message, "remove one of them");
    }
    acks
}

fn retries(reader: &mut Reader, idempotence: bool) -> u32 {
    const KEY: &str = "message.send.max.retries";
    let retries = reader.count(KEY, 0);
    if idempotence && retries < 1 {
        let message = "`retries` must be set >= 1 when `enable.idempotence` is true";
        refuse(reader, &[IDEMPOTENCE, KEY], message, "remove one of them");
    }
    retries
}

/// Idempotence lowers a default of a million to five, and refuses more than five where somebody
/// asked for it.
fn max_in_flight(reader: &mut Reader, idempotence: bool) -> u32 {
    let in_flight = reader.count(MAX_IN_FLIGHT, 1);
    if !idempotence || in_flight <= 5 {
        return in_flight;
    }
    if reader.given(MAX_IN_FLIGHT) {
        let message = "`max.in.flight` must be set <= 5 when `enable.idempotence` is true";
        refuse(
            reader,
            &[IDEMPOTENCE, MAX_IN_FLIGHT],
            message,
            "set it to 5 or less",
        );
    } else {
        let why = "librdkafka lowers its default for idempotence";
        reader.adjust(MAX_IN_FLIGHT, &5, why);
    }
    5
}

/// 0 is no limit.
fn delivery_timeout(reader: &mut Reader, linger: Span) -> Span {
    const KEY: &str = "message.timeout.ms";
    let timeout = reader.millis(KEY);
    if timeout == Span::ZERO {
        return Span::MAX;
    }
    if timeout <= linger && reader.given("queue.buffering.max.ms") {
        let message = "`message.timeout.ms` must be greater than `linger.ms`";
        refuse(
            reader,
            &[KEY, "queue.buffering.max.ms"],
            message,
            "lower `linger.ms`",
        );
    }
    timeout
}

fn reconnect_backoff_max(reader: &mut Reader) -> Span {
    let keys = ["reconnect.backoff.ms", "reconnect.backoff.max.ms"];
    let (first, most) = (reader.millis(keys[0]), reader.millis(keys[1]));
    if most < first {
        let message = "`reconnect.backoff.max.ms` must be >= `reconnect.backoff.ms`";
        refuse(reader, &keys, message, "raise the second");
    }
    most
}

/// −1 is never.
fn metadata_max_age(reader: &mut Reader) -> Span {
    const KEY: &str = "topic.metadata.refresh.interval.ms";
    match reader.number(KEY) {
        -1 => Span::MAX,
        _ => reader.millis(KEY),
    }
}

fn partitioner(reader: &mut Reader) -> PartitionerClass {
    const KEY: &str = "partitioner";
    match reader.text(KEY).as_deref() {
        // librdkafka's manual: "functionally equivalent to the default partitioner in the Java
        // Producer".
        Some("murmur2_random") => PartitionerClass::Default,
        Some("consistent_random") | None => PartitionerClass::ConsistentRandom,
        Some(other) => {
            let known = ["random", "consistent", "murmur2", "fnv1a", "fnv1a_random"];
            if known.contains(&other) {
                let message = format!("`{KEY}: {other}` is not modelled");
                reader.not_modelled(KEY, message, "use `consistent_random` or `murmur2_random`");
            } else {
                let message = format!("Invalid value for configuration property \"{KEY}\"");
                refuse(
                    reader,
                    &[KEY],
                    &message,
                    "use `consistent_random` or `murmur2_random`",
                );
            }
            PartitionerClass::ConsistentRandom
        }
    }
}

/// 0 switches the timer off and leaves the offset commits at rebalance and close.
fn auto_commit_interval(reader: &mut Reader) -> Span {
    const KEY: &str = "auto.commit.interval.ms";
    let interval = reader.millis(KEY);
    if interval == Span::ZERO {
        let message = format!("`{KEY}` of 0 is accepted by librdkafka and not modelled");
        reader.not_modelled(KEY, message, "at least 1");
    }
    interval
}

fn offset_reset(reader: &Reader) -> OffsetReset {
    let reset = reader.text("auto.offset.reset").unwrap_or_default();
    match reset.to_ascii_lowercase().as_str() {
        "smallest" | "earliest" | "beginning" => OffsetReset::Earliest,
        "error" => OffsetReset::None,
        _ => OffsetReset::Latest,
    }
}

/// `rd_kafka_conf_finalize`: at least one whole message of the largest size.
fn fetch_max_bytes(reader: &mut Reader) -> u32 {
    let keys = ["fetch.max.bytes", "message.max.bytes"];
    let (fetch, message_max) = (reader.count(keys[0], 0), reader.count(keys[1], 0));
    if message_max <= fetch {
        return fetch;
    }
    if reader.given(keys[0]) {
        let message = "`fetch.max.bytes` must be >= `message.max.bytes`";
        refuse(reader, &keys, message, "raise the first");
    } else {
        reader.adjust(
            keys[0],
            &message_max,
            "librdkafka raises it to message.max.bytes",
        );
    }
    message_max
}

/// `rd_kafka_assignors_init`: protocol names, eager and cooperative ones never together.
fn assignors(reader: &mut Reader) -> Vec<Assignor> {
    let text = reader.text(STRATEGY).unwrap_or_default();
    let names: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    // It has no eager `sticky`.
    let known = |name: &str| {
        Assignor::from_protocol_name(name).filter(|assignor| *assignor != Assignor::Sticky)
    };
    let unknown = names.iter().find(|name| known(name).is_none());
    if let Some(name) = unknown {
        let message = format!("Unsupported partition.assignment.strategy: {name}");
        refuse(reader, &[STRATEGY], &message, "use `range`, `roundrobin`");
        return Vec::new();
    }
    let listed: Vec<Assignor> = names.iter().filter_map(|name| known(name)).collect();
    let is_cooperative = listed.contains(&Assignor::CooperativeSticky);
    let is_mixed = is_cooperative && 1 < listed.len();
    if is_mixed {
        let message = format!(
            "All partition.assignment.strategy ({text}) assignors must have the same protocol \
             type, online migration between assignors with different protocol types is not \
             supported"
        );
        refuse(
            reader,
            &[STRATEGY],
            &message,
            "use `range`, `roundrobin` or both",
        );
    } else if is_cooperative || listed.is_empty() {
        let message = format!("`{STRATEGY}` of `{text}` is not modelled yet");
        reader.not_modelled(STRATEGY, message, "use `range`, `roundrobin` or both");
    }
    listed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(settings: &[(&str, &str)]) -> Settings {
        let owned = |&(key, text): &(&str, &str)| (key.to_owned(), text.to_owned());
        settings.iter().map(owned).collect()
    }

    #[test]
    fn the_defaults_are_librdkafkas() {
        let (config, notes) = producer(&Settings::new()).expect("nothing is wrong with nothing");
        assert!(!config.idempotence);
        assert_eq!(config.max_in_flight, 1_000_000);
        assert_eq!(
            (config.batch_size, config.batch_records_max),
            (1_000_000, 10_000)
        );
        assert_eq!(config.delivery_timeout, Span::from_secs(300));
        assert_eq!(config.partitioner, PartitionerClass::ConsistentRandom);
        assert!(notes.is_empty());
        let (config, notes) = consumer(&Settings::new()).expect("nothing is wrong with nothing");
        assert_eq!(config.assignors, [Assignor::Range, Assignor::RoundRobin]);
        assert!(config.auto_commit && config.auto_offset_store && !config.allow_auto_create);
        assert!(notes.is_empty());
    }

    #[test]
    fn an_alias_sets_what_it_stands_for_and_only_once() {
        let (config, _) = producer(&settings(&[("linger.ms", "0.5"), ("acks", "all")]))
            .expect("librdkafka knows both");
        assert_eq!(config.linger, Span::from_micros(500));
        let twice = [("linger.ms", "1"), ("queue.buffering.max.ms", "2")];
        assert!(producer(&settings(&twice)).is_err());
    }

    #[test]
    fn idempotence_lowers_what_is_in_flight() {
        let idempotent = settings(&[("enable.idempotence", "true")]);
        let (config, notes) = producer(&idempotent).expect("librdkafka adjusts the rest");
        assert_eq!((config.max_in_flight, notes.len()), (5, 1));
        for (key, text) in [("acks", "1"), ("retries", "0"), ("max.in.flight", "6")] {
            let both = settings(&[("enable.idempotence", "true"), (key, text)]);
            assert!(producer(&both).is_err(), "{key}");
        }
    }

    #[test]
    fn a_consumer_speaks_librdkafkas_words() {
        for (word, reset) in [
            ("smallest", OffsetReset::Earliest),
            ("end", OffsetReset::Latest),
            ("error", OffsetReset::None),
        ] {
            let (config, _) = consumer(&settings(&[("auto.offset.reset", word)]))
                .expect("librdkafka knows the word");
            assert_eq!(config.offset_reset, reset);
        }
        for wrong in [
            "cooperative-sticky",
            "range,cooperative-sticky",
            "RangeAssignor",
        ] {
            assert!(
                consumer(&settings(&[(STRATEGY, wrong)])).is_err(),
                "{wrong}"
            );
        }
    }
}
