//! The settings brokers and controllers use (`KafkaConfig`, `GroupCoordinatorConfig`).

use crate::base::Span;

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
            coordinator_append_linger: Span::from_millis(5),
            replica_fetch_wait: Span::from_millis(500),
            replica_fetch_min_bytes: 1,
            replica_fetch_max_bytes: 1_048_576,
            replica_fetch_response_max_bytes: 10_485_760,
            replica_fetch_backoff: Span::from_secs(1),
            replica_lag_time_max: Span::from_secs(30),
            fetch_max_bytes: 57_671_680,
        }
    }
}
