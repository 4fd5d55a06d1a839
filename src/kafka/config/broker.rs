//! The settings brokers and controllers use (`KafkaConfig`, `GroupCoordinatorConfig`).

use super::Settings;
use super::catalogue::Role;
use super::cleanup::{self, Cleanup};
use super::problem::{Note, Refusal, SettingError};
use super::reader::Reader;
use super::stamping::{self, Stamping};
use super::storage::{self, StorageConfig};
use crate::base::Span;
use crate::kafka::client::ClientFamily;

/// `group.consumer.migration.policy`: whether a group with members may change from one protocol to
/// the other (`ConsumerGroupMigrationPolicy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Neither way.
    Disabled,
    /// From the classic protocol to the consumer protocol.
    Upgrade,
    /// From the consumer protocol to the classic one.
    Downgrade,
    /// Both ways.
    Bidirectional,
}

impl MigrationPolicy {
    /// Whether the first member of the consumer protocol takes its classic group along.
    pub fn upgrades(self) -> bool {
        matches!(self, Self::Upgrade | Self::Bidirectional)
    }

    /// Whether a group whose last member of the consumer protocol is gone turns classic.
    pub fn downgrades(self) -> bool {
        matches!(self, Self::Downgrade | Self::Bidirectional)
    }

    /// The policy of this name in any case; the reader has checked that it is one.
    fn from_name(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "upgrade" => Self::Upgrade,
            "downgrade" => Self::Downgrade,
            "disabled" => Self::Disabled,
            _ => Self::Bidirectional,
        }
    }
}

/// What a broker runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// `num.partitions`.
    pub num_partitions: u32,
    /// `default.replication.factor`.
    pub default_replication_factor: u32,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `min.insync.replicas`, the default of topics.
    pub min_insync_replicas: u32,
    /// `message.max.bytes`, the default of topics' `max.message.bytes`.
    pub message_max_bytes: u32,
    /// `offsets.topic.num.partitions`.
    pub offsets_topic_partitions: u32,
    /// `offsets.topic.replication.factor`.
    pub offsets_topic_replication_factor: u32,
    /// `offsets.commit.timeout.ms`.
    pub offsets_commit_timeout: Span,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay: Span,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout: Span,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout: Span,
    /// `group.max.size`.
    pub group_max_size: u32,
    /// `group.consumer.session.timeout.ms`.
    pub consumer_session_timeout: Span,
    /// `group.consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval: Span,
    /// `group.consumer.max.size`.
    pub consumer_max_size: u32,
    /// `group.consumer.migration.policy`.
    pub migration_policy: MigrationPolicy,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub consumer_pattern_interval: Span,
    /// `group.coordinator.append.linger.ms`.
    pub coordinator_append_linger: Span,
    /// `replica.fetch.wait.max.ms`.
    pub replica_fetch_wait: Span,
    /// `replica.fetch.min.bytes`.
    pub replica_fetch_min_bytes: u32,
    /// `replica.fetch.max.bytes`, per partition.
    pub replica_fetch_max_bytes: u32,
    /// `replica.fetch.response.max.bytes`.
    pub replica_fetch_response_max_bytes: u32,
    /// `replica.fetch.backoff.ms`.
    pub replica_fetch_backoff: Span,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max: Span,
    /// `fetch.max.bytes` of the broker.
    pub fetch_max_bytes: u32,
    /// `unclean.leader.election.enable`, the default of topics.
    pub unclean_leader_election: bool,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval: Span,
    /// `broker.session.timeout.ms`.
    pub session_timeout: Span,
    /// `auto.leader.rebalance.enable`.
    pub auto_leader_rebalance: bool,
    /// `leader.imbalance.check.interval.seconds`.
    pub leader_imbalance_check: Span,
    /// The default of topics: how their files are cut, kept and flushed.
    pub storage: StorageConfig,
    /// What topics have that do not say what becomes of old records.
    pub cleanup: Cleanup,
    /// `log.cleaner.backoff.ms`: how often the cleaner looks.
    pub cleaner_backoff: Span,
    /// What topics have that do not say who stamps their records.
    pub stamping: Stamping,
    /// `log.retention.check.interval.ms`.
    pub retention_check: Span,
    /// `log.flush.scheduler.interval.ms`; `None`: once.
    pub flush_check: Option<Span>,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration: Span,
    /// `producer.id.expiration.check.interval.ms`.
    pub producer_id_check: Span,
}

impl Default for BrokerConfig {
    /// Kafka 4.1's defaults.
    fn default() -> Self {
        Self {
            num_partitions: 1,
            default_replication_factor: 1,
            auto_create_topics: true,
            min_insync_replicas: 1,
            message_max_bytes: 1_048_588,
            offsets_topic_partitions: 50,
            offsets_topic_replication_factor: 3,
            offsets_commit_timeout: Span::from_secs(5),
            initial_rebalance_delay: Span::from_secs(3),
            min_session_timeout: Span::from_secs(6),
            max_session_timeout: Span::from_secs(1800),
            group_max_size: i32::MAX as u32,
            consumer_session_timeout: Span::from_secs(45),
            consumer_heartbeat_interval: Span::from_secs(5),
            consumer_max_size: i32::MAX as u32,
            migration_policy: MigrationPolicy::Bidirectional,
            consumer_pattern_interval: Span::from_secs(600),
            coordinator_append_linger: Span::from_millis(5),
            replica_fetch_wait: Span::from_millis(500),
            replica_fetch_min_bytes: 1,
            replica_fetch_max_bytes: 1_048_576,
            replica_fetch_response_max_bytes: 10_485_760,
            replica_fetch_backoff: Span::from_secs(1),
            replica_lag_time_max: Span::from_secs(30),
            fetch_max_bytes: 57_671_680,
            unclean_leader_election: false,
            heartbeat_interval: Span::from_secs(2),
            session_timeout: Span::from_secs(9),
            auto_leader_rebalance: true,
            leader_imbalance_check: Span::from_secs(300),
            storage: StorageConfig::default(),
            cleanup: Cleanup::default(),
            cleaner_backoff: Span::from_secs(15),
            stamping: Stamping::default(),
            retention_check: Span::from_secs(300),
            flush_check: None,
            producer_id_expiration: Span::from_secs(86_400),
            producer_id_check: Span::from_secs(600),
        }
    }
}

impl BrokerConfig {
    /// Whether producer ids are forgotten otherwise than by default.
    pub fn expires_producers(&self) -> bool {
        let default = Self::default();
        self.producer_id_expiration != default.producer_id_expiration
            || self.producer_id_check != default.producer_id_check
    }
}

/// What the sample `server.properties` that ships with Kafka 4.1 says otherwise than the code: one
/// copy of the internal topics. Kept apart from the code's defaults, as in Kafka.
pub const SERVER_PROPERTIES: [(&str, &str); 5] = [
    ("offsets.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.replication.factor", "1"),
];

/// Reads the settings of a broker.
///
/// # Errors
/// Everything that is wrong with them, in one go.
pub fn resolve_broker(settings: &Settings) -> Result<(BrokerConfig, Vec<Note>), Vec<SettingError>> {
    let mut reader = Reader::new(ClientFamily::Java, Role::Broker, settings);
    let config = BrokerConfig {
        num_partitions: reader.count("num.partitions", 1),
        default_replication_factor: reader.count("default.replication.factor", 1),
        auto_create_topics: reader.flag("auto.create.topics.enable"),
        min_insync_replicas: reader.count("min.insync.replicas", 1),
        message_max_bytes: reader.count("message.max.bytes", 0),
        offsets_topic_partitions: reader.count("offsets.topic.num.partitions", 1),
        offsets_topic_replication_factor: reader.count("offsets.topic.replication.factor", 1),
        offsets_commit_timeout: reader.millis("offsets.commit.timeout.ms"),
        initial_rebalance_delay: reader.millis("group.initial.rebalance.delay.ms"),
        min_session_timeout: reader.millis("group.min.session.timeout.ms"),
        max_session_timeout: reader.millis("group.max.session.timeout.ms"),
        group_max_size: reader.count("group.max.size", 1),
        consumer_session_timeout: reader.millis("group.consumer.session.timeout.ms"),
        consumer_heartbeat_interval: reader.millis("group.consumer.heartbeat.interval.ms"),
        consumer_max_size: reader.count("group.consumer.max.size", 1),
        migration_policy: MigrationPolicy::from_name(
            &reader
                .text("group.consumer.migration.policy")
                .unwrap_or_default(),
        ),
        consumer_pattern_interval: reader.millis("group.consumer.regex.refresh.interval.ms"),
        coordinator_append_linger: reader.millis("group.coordinator.append.linger.ms"),
        replica_fetch_wait: reader.millis("replica.fetch.wait.max.ms"),
        replica_fetch_min_bytes: reader.count("replica.fetch.min.bytes", 0),
        replica_fetch_max_bytes: reader.count("replica.fetch.max.bytes", 0),
        replica_fetch_response_max_bytes: reader.count("replica.fetch.response.max.bytes", 0),
        replica_fetch_backoff: reader.millis("replica.fetch.backoff.ms"),
        replica_lag_time_max: reader.millis("replica.lag.time.max.ms"),
        fetch_max_bytes: reader.count("fetch.max.bytes", 0),
        unclean_leader_election: reader.flag("unclean.leader.election.enable"),
        heartbeat_interval: reader.millis("broker.heartbeat.interval.ms"),
        session_timeout: reader.millis("broker.session.timeout.ms"),
        auto_leader_rebalance: reader.flag("auto.leader.rebalance.enable"),
        leader_imbalance_check: Span::from_secs(u64::from(
            reader.count("leader.imbalance.check.interval.seconds", 1),
        )),
        storage: storage::of_broker(&mut reader),
        cleanup: cleanup::of_broker(&reader),
        cleaner_backoff: reader.millis("log.cleaner.backoff.ms"),
        stamping: stamping::of_broker(&reader),
        retention_check: reader.millis("log.retention.check.interval.ms"),
        producer_id_expiration: reader.millis("producer.id.expiration.ms"),
        producer_id_check: reader.millis("producer.id.expiration.check.interval.ms"),
        flush_check: storage::span(reader.number("log.flush.scheduler.interval.ms")),
    };
    consumer_group_bounds(&mut reader);
    if config.replica_lag_time_max < config.replica_fetch_wait {
        let message = "requirement failed: replica.fetch.wait.max.ms should always be less than or \
                       equal to replica.lag.time.max.ms to prevent frequent changes in ISR";
        let refusal = Refusal {
            exception: "IllegalArgumentException",
            message: message.to_owned(),
        };
        let keys = ["replica.fetch.wait.max.ms", "replica.lag.time.max.ms"];
        reader.refuse(&keys, refusal, "lower the first, or raise the second");
    }
    reader.finish(config)
}

/// What a broker checks of the settings of the consumer protocol (`GroupCoordinatorConfig`).
fn consumer_group_bounds(reader: &mut Reader) {
    const BOUNDED: [[&str; 3]; 2] = [
        [
            "group.consumer.min.heartbeat.interval.ms",
            "group.consumer.heartbeat.interval.ms",
            "group.consumer.max.heartbeat.interval.ms",
        ],
        [
            "group.consumer.min.session.timeout.ms",
            "group.consumer.session.timeout.ms",
            "group.consumer.max.session.timeout.ms",
        ],
    ];
    for [least, key, most] in BOUNDED {
        for (low, high) in [(least, key), (key, most)] {
            if reader.number(high) < reader.number(low) {
                let words = if low == least { "greater" } else { "less" };
                let other = if low == least { least } else { most };
                let message =
                    format!("requirement failed: {key} must be {words} than or equal to {other}");
                let refusal = Refusal {
                    exception: "IllegalArgumentException",
                    message,
                };
                reader.refuse(&[low, high], refusal, "move the bound too");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_defaults_are_those_of_the_data_file() {
        let resolved = resolve_broker(&Settings::new());
        assert_eq!(resolved, Ok((BrokerConfig::default(), Vec::new())));
    }

    #[test]
    fn the_sample_file_loads_and_gives_internal_topics_one_copy() {
        let sample = SERVER_PROPERTIES.map(|(key, text)| (key.to_owned(), text.to_owned()));
        let (config, _) = resolve_broker(&Settings::from(sample)).expect("Kafka ships it");
        assert_eq!(config.offsets_topic_replication_factor, 1);
    }
}
