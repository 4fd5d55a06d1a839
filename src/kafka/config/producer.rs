//! The settings a producer uses (`ProducerConfig`), after Kafka's implicit overrides.

use super::catalogue::Role;
use super::problem::{Note, Refusal, SettingError};
use super::reader::Reader;
use super::{Settings, librdkafka};
use crate::base::Span;
use crate::kafka::client::ClientFamily;
use crate::kafka::message::Acks;

/// A choice of `partitioner.class`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionerClass {
    /// Unset: murmur2 of the key, the sticky partitioner without one (KIP-794).
    Default,
    /// `RoundRobinPartitioner`.
    RoundRobin,
    /// librdkafka's `consistent_random`: CRC32 of the key; an empty key counts as none.
    ConsistentRandom,
}

/// What a producer runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerConfig {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`, after the implicit switching off.
    pub idempotence: bool,
    /// `retries`.
    pub retries: u32,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: u32,
    /// `batch.size`, bytes; Kafka's 0 is 1.
    pub batch_size: u32,
    /// librdkafka's `batch.num.messages`: the most records in a batch; no bound in the Java client.
    pub batch_records_max: u32,
    /// `linger.ms`.
    pub linger: Span,
    /// `buffer.memory`, bytes.
    pub buffer_memory: u64,
    /// `max.block.ms`.
    pub max_block: Span,
    /// `max.request.size`, bytes.
    pub max_request_size: u32,
    /// `delivery.timeout.ms`, after the implicit raising.
    pub delivery_timeout: Span,
    /// `request.timeout.ms`.
    pub request_timeout: Span,
    /// `retry.backoff.ms`.
    pub retry_backoff: Span,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Span,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: Span,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: Span,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Span,
    /// `partitioner.class`.
    pub partitioner: PartitionerClass,
    /// `partitioner.ignore.keys`.
    pub ignore_keys: bool,
    /// `partitioner.adaptive.partitioning.enable`.
    pub adaptive_partitioning: bool,
}

impl Default for ProducerConfig {
    /// Kafka 4.1's defaults.
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotence: true,
            retries: i32::MAX as u32,
            max_in_flight: 5,
            batch_size: 16_384,
            batch_records_max: u32::MAX,
            linger: Span::from_millis(5),
            buffer_memory: 33_554_432,
            max_block: Span::from_secs(60),
            max_request_size: 1_048_576,
            delivery_timeout: Span::from_secs(120),
            request_timeout: Span::from_secs(30),
            retry_backoff: Span::from_millis(100),
            retry_backoff_max: Span::from_secs(1),
            reconnect_backoff: Span::from_millis(50),
            reconnect_backoff_max: Span::from_secs(1),
            metadata_max_age: Span::from_secs(300),
            partitioner: PartitionerClass::Default,
            ignore_keys: false,
            adaptive_partitioning: true,
        }
    }
}

/// Reads the settings of a producer and checks them as its client does.
///
/// # Errors
/// Everything that is wrong with them, in one go.
pub fn resolve_producer(
    settings: &Settings,
    family: ClientFamily,
) -> Result<(ProducerConfig, Vec<Note>), Vec<SettingError>> {
    match family {
        ClientFamily::Java => java(settings),
        ClientFamily::Librdkafka => librdkafka::producer(settings),
    }
}

/// The short name of a class: its full name without the package.
pub(super) fn last_part(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

fn java(settings: &Settings) -> Result<(ProducerConfig, Vec<Note>), Vec<SettingError>> {
    let mut reader = Reader::new(ClientFamily::Java, Role::Producer, settings);
    let acks = match reader.text("acks").as_deref() {
        Some("0") => Acks::None,
        Some("1") => Acks::Leader,
        _ => Acks::All,
    };
    let linger = reader.millis("linger.ms").min(INT_MILLIS_MAX);
    let request_timeout = reader.millis("request.timeout.ms");
    let config = ProducerConfig {
        acks,
        idempotence: idempotence(&mut reader, acks),
        retries: reader.count("retries", 0),
        max_in_flight: reader.count(MAX_IN_FLIGHT, 1),
        batch_size: reader.count("batch.size", 0).max(1),
        batch_records_max: u32::MAX,
        linger,
        buffer_memory: reader.number("buffer.memory") as u64,
        max_block: reader.millis("max.block.ms"),
        max_request_size: reader.count("max.request.size", 0),
        delivery_timeout: delivery_timeout(&mut reader, linger, request_timeout),
        request_timeout,
        retry_backoff: reader.millis("retry.backoff.ms"),
        retry_backoff_max: reader.millis("retry.backoff.max.ms"),
        reconnect_backoff: reader.millis("reconnect.backoff.ms"),
        reconnect_backoff_max: reconnect_backoff_max(&mut reader),
        metadata_max_age: reader.millis("metadata.max.age.ms"),
        partitioner: partitioner(&mut reader),
        ignore_keys: reader.flag("partitioner.ignore.keys"),
        adaptive_partitioning: reader.flag("partitioner.adaptive.partitioning.enable"),
    };
    two_phase_commit(&mut reader);
    reader.finish(config)
}

const MAX_IN_FLIGHT: &str = "max.in.flight.requests.per.connection";
const IDEMPOTENCE: &str = "enable.idempotence";

/// 2^31 − 1 ms: where Kafka's client caps what it adds up as an `int`.
const INT_MILLIS_MAX: Span = Span::from_millis(i32::MAX as u64);

/// A setting that Kafka's constructor or its `ConfigDef` refuses.
fn config_exception(message: impl Into<String>) -> Refusal {
    Refusal {
        exception: "ConfigException",
        message: message.into(),
    }
}

/// `ProducerConfig.postProcessAndValidateIdempotenceConfigs`: what idempotence needs switches it
/// off where nobody asked for it, and is refused where somebody did.
fn idempotence(reader: &mut Reader, acks: Acks) -> bool {
    let mut enabled = reader.flag(IDEMPOTENCE);
    if enabled {
        let explicit = reader.given(IDEMPOTENCE);
        let mut conflict = |reader: &mut Reader, key, [needs, remedy]: [&str; 2], message: &str| {
            if explicit {
                let words = format!("idempotence needs {needs}");
                let help = format!("remove `{IDEMPOTENCE}: true`, or {remedy}");
                let refusal = config_exception(message);
                reader.refuse_in_words(&[IDEMPOTENCE, key], refusal, &words, &help);
            } else {
                let why = format!("it needs {needs}, so Kafka switches it off");
                reader.adjust(IDEMPOTENCE, &false, &why);
                enabled = false;
            }
        };
        if reader.number("retries") == 0 {
            let message = "Must set retries to non-zero when using the idempotent producer.";
            let needs = ["`retries` above 0", "raise `retries`"];
            conflict(reader, "retries", needs, message);
        }
        if acks != Acks::All {
            let message = "Must set acks to all in order to use the idempotent producer. \
                           Otherwise we cannot guarantee idempotence.";
            let needs = ["`acks=all`", "write `acks: all`"];
            conflict(reader, "acks", needs, message);
        }
        let in_flight = reader.number(MAX_IN_FLIGHT);
        if 5 < in_flight {
            let message = format!(
                "To use the idempotent producer, {MAX_IN_FLIGHT} must be set to at most 5. \
                 Current value is {in_flight}."
            );
            let help = format!("set it to 5 or less, or `{IDEMPOTENCE}: false`");
            reader.refuse(
                &[IDEMPOTENCE, MAX_IN_FLIGHT],
                config_exception(message),
                &help,
            );
        }
    }
    if reader.given("transactional.id") && !enabled {
        let message = "Cannot set a transactional.id without also enabling idempotence.";
        let keys = ["transactional.id", IDEMPOTENCE, "acks", "retries"];
        let help = "a transactional producer needs `acks: all` and `retries` above 0";
        reader.refuse(&keys, config_exception(message), help);
    }
    enabled
}

/// `KafkaProducer.configureDeliveryTimeout`: at least linger and one request.
fn delivery_timeout(reader: &mut Reader, linger: Span, request_timeout: Span) -> Span {
    const KEY: &str = "delivery.timeout.ms";
    let timeout = reader.millis(KEY);
    let least = (linger + request_timeout).min(INT_MILLIS_MAX);
    if least <= timeout {
        return timeout;
    }
    if reader.given(KEY) {
        let message = "delivery.timeout.ms should be equal to or larger than \
                       linger.ms + request.timeout.ms";
        let keys = [KEY, "linger.ms", "request.timeout.ms"];
        let help = format!("set `{KEY}` to at least {}", least.as_millis());
        reader.refuse(&keys, config_exception(message), &help);
    } else {
        let why = "Kafka raises its default to linger.ms + request.timeout.ms";
        reader.adjust(KEY, &least.as_millis(), why);
    }
    least
}

/// `CommonClientConfigs.postProcessReconnectBackoffConfigs`: whoever sets only the first backoff
/// gets it without growth.
pub(super) fn reconnect_backoff_max(reader: &mut Reader) -> Span {
    const KEY: &str = "reconnect.backoff.max.ms";
    if reader.given("reconnect.backoff.ms") && !reader.given(KEY) {
        let backoff = reader.millis("reconnect.backoff.ms");
        let why = "Kafka sets it to reconnect.backoff.ms where only that is given";
        reader.adjust(KEY, &backoff.as_millis(), why);
        return backoff;
    }
    reader.millis(KEY)
}

fn partitioner(reader: &mut Reader) -> PartitionerClass {
    const KEY: &str = "partitioner.class";
    let Some(class) = reader.text(KEY) else {
        return PartitionerClass::Default;
    };
    let known = "org.apache.kafka.clients.producer.RoundRobinPartitioner";
    if class == known || class == last_part(known) {
        return PartitionerClass::RoundRobin;
    }
    let message =
        format!("Invalid value {class} for configuration {KEY}: Class {class} could not be found.");
    let help = "write `RoundRobinPartitioner`, or leave it out; a partitioner of your own is \
                `partition: { table: .. }`";
    reader.refuse(&[KEY], config_exception(message), help);
    PartitionerClass::Default
}

/// `ProducerConfig.postProcessParsedConfig`: prepared transactions do not expire.
fn two_phase_commit(reader: &mut Reader) {
    const KEYS: [&str; 2] = [
        "transaction.two.phase.commit.enable",
        "transaction.timeout.ms",
    ];
    if reader.flag(KEYS[0]) && reader.given(KEYS[1]) {
        let message = "Cannot set transaction.timeout.ms when transaction.two.phase.commit.enable \
                       is set to true. Transactions will not expire with two-phase commit enabled.";
        reader.refuse(&KEYS, config_exception(message), "keep one of them");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::config::problem::Mistake;

    fn resolve(
        settings: &[(&str, &str)],
    ) -> Result<(ProducerConfig, Vec<Note>), Vec<SettingError>> {
        let owned = |&(key, text): &(&str, &str)| (key.to_owned(), text.to_owned());
        resolve_producer(&settings.iter().map(owned).collect(), ClientFamily::Java)
    }

    #[test]
    fn kafkas_defaults_are_those_of_the_data_file() {
        assert_eq!(resolve(&[]), Ok((ProducerConfig::default(), Vec::new())));
    }

    #[test]
    fn acks_1_switches_idempotence_off_and_says_so() {
        let (config, notes) = resolve(&[("acks", "1")]).expect("Kafka accepts it");
        assert!(!config.idempotence);
        assert_eq!(notes[0].key, "enable.idempotence");
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let errors = resolve(&[
            ("acks", "2"),
            ("compresion.type", "lz4"),
            ("interceptor.classes", "com.example.Audit"),
            ("linger.ms", "5ms"),
        ])
        .expect_err("all four are wrong");
        let kinds: Vec<Mistake> = errors.iter().map(|error| error.kind).collect();
        assert_eq!(
            kinds,
            [
                Mistake::OutOfRange,
                Mistake::Unknown,
                Mistake::NotModelled,
                Mistake::WrongType
            ]
        );
        assert_eq!(
            errors[1].help.as_deref(),
            Some("nearest: `compression.type`")
        );
    }

    #[test]
    fn a_combination_names_both_settings_and_keeps_kafkas_words_too() {
        let errors = resolve(&[("acks", "1"), ("enable.idempotence", "true")])
            .expect_err("Kafka refuses it");
        let [error] = &errors[..] else {
            panic!("one rule is broken: {errors:?}");
        };
        assert_eq!(error.keys, ["enable.idempotence", "acks"]);
        let message = "Kafka refuses this: idempotence needs `acks=all` (ConfigException)";
        assert_eq!(error.message, message);
        let said = error
            .refusal
            .as_ref()
            .map_or("", |refusal| &refusal.message);
        assert!(said.starts_with("Must set acks to all"));
    }

    #[test]
    fn a_broken_value_is_not_blamed_for_a_combination_too() {
        let errors = resolve(&[("enable.idempotence", "true"), ("retries", "zero")])
            .expect_err("`zero` is no number");
        assert_eq!(errors.len(), 1, "{errors:?}");
    }

    #[test]
    fn the_default_of_a_setting_that_is_not_modelled_is_accepted() {
        assert!(resolve(&[("compression.type", "none")]).is_ok());
        assert!(resolve(&[("compression.type", "lz4")]).is_err());
    }
}
