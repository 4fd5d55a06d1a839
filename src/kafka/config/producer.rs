//! The settings a producer uses (`ProducerConfig`), after Kafka's implicit overrides.

use crate::base::Span;
use crate::kafka::message::Acks;

/// A choice of `partitioner.class`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionerClass {
    /// Unset: murmur2 of the key, the sticky partitioner without one (KIP-794).
    Default,
    /// `RoundRobinPartitioner`.
    RoundRobin,
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
    /// `batch.size`, bytes.
    pub batch_size: u32,
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
