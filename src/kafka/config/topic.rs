//! The settings of a topic (`TopicConfig`, `LogConfig`).

/// What a topic runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
}

impl Default for TopicConfig {
    /// Kafka 4.1's defaults.
    fn default() -> Self {
        Self {
            min_insync_replicas: 1,
            max_message_bytes: 1_048_588,
        }
    }
}
