//! Settings, read and checked as Kafka does, in the form the state machines use.
//!
//! `show` and the loader deal in names and texts; a node is handed one of the plain structs. What
//! exists, and what is made of it here, is in `data/`.

pub mod broker;
pub mod catalogue;
pub mod consumer;
pub mod effective;
mod librdkafka;
pub mod problem;
pub mod producer;
mod reader;
pub mod topic;
mod value;

use std::collections::BTreeMap;

pub use broker::{BrokerConfig, resolve_broker};
pub use catalogue::{Role, Setting, Status};
pub use consumer::{ConsumerConfig, resolve_consumer};
pub use effective::{Effective, Source, effective};
pub use problem::{About, Mistake, Note, Refusal, SettingError};
pub use producer::{ProducerConfig, resolve_producer};
pub use topic::{TopicConfig, resolve_group, resolve_topic};

/// Settings as they are written: names and texts. A list is its texts joined by commas.
pub type Settings = BTreeMap<String, String>;
