//! The settings a consumer uses (`ConsumerConfig`).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::Span;

/// `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffsetReset {
    /// Begin at the log start offset.
    Earliest,
    /// Begin at the end.
    Latest,
    /// `poll` throws.
    None,
}

/// An assignor of the classic protocol that is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// `RangeAssignor`.
    Range,
    /// `RoundRobinAssignor`.
    RoundRobin,
    /// `CooperativeStickyAssignor`: only behind `RangeAssignor`, as in Kafka's default pair.
    CooperativeSticky,
}

/// What a consumer runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// `enable.auto.commit`.
    pub auto_commit: bool,
    /// `auto.commit.interval.ms`.
    pub auto_commit_interval: Span,
    /// `auto.offset.reset`.
    pub offset_reset: OffsetReset,
    /// `max.poll.records`.
    pub max_poll_records: u32,
    /// `max.poll.interval.ms`.
    pub max_poll_interval: Span,
    /// `session.timeout.ms`.
    pub session_timeout: Span,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Span,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: u32,
    /// `fetch.max.wait.ms`.
    pub fetch_max_wait: Span,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: u32,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: u32,
    /// `request.timeout.ms`.
    pub request_timeout: Span,
    /// `default.api.timeout.ms`.
    pub default_api_timeout: Span,
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
    /// `allow.auto.create.topics`.
    pub allow_auto_create: bool,
    /// `group.instance.id`: "not yet", so always `None` until static membership is built.
    pub instance: Option<Arc<str>>,
    /// `partition.assignment.strategy` by preference.
    pub assignors: Vec<Assignor>,
}

impl Default for ConsumerConfig {
    /// Kafka 4.1's defaults.
    fn default() -> Self {
        Self {
            auto_commit: true,
            auto_commit_interval: Span::from_secs(5),
            offset_reset: OffsetReset::Latest,
            max_poll_records: 500,
            max_poll_interval: Span::from_secs(300),
            session_timeout: Span::from_secs(45),
            heartbeat_interval: Span::from_secs(3),
            fetch_min_bytes: 1,
            fetch_max_wait: Span::from_millis(500),
            fetch_max_bytes: 52_428_800,
            max_partition_fetch_bytes: 1_048_576,
            request_timeout: Span::from_secs(30),
            default_api_timeout: Span::from_secs(60),
            retry_backoff: Span::from_millis(100),
            retry_backoff_max: Span::from_secs(1),
            reconnect_backoff: Span::from_millis(50),
            reconnect_backoff_max: Span::from_secs(1),
            metadata_max_age: Span::from_secs(300),
            allow_auto_create: true,
            instance: None,
            assignors: vec![Assignor::Range, Assignor::CooperativeSticky],
        }
    }
}
