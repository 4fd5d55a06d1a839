//! Kafka's settings, read and checked as Kafka does, in the form the state machines use.
//!
//! `show` and the loader deal in names and texts; a node is handed one of these plain structs.

pub mod broker;
pub mod consumer;
pub mod producer;
pub mod topic;

pub use broker::BrokerConfig;
pub use consumer::ConsumerConfig;
pub use producer::ProducerConfig;
pub use topic::TopicConfig;
