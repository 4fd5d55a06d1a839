//! The vocabulary under everything: time, identities, randomness, distributions.
//!
//! Nothing here knows Kafka, and nothing here is imported from another layer.

pub mod dist;
pub mod hash;
pub mod id;
pub mod rng;
pub mod time;

pub use dist::Dist;
pub use id::{ConnId, GroupId, NodeId, Offset, RecordId, TopicId, TopicPartition};
pub use rng::{Seed, Stream};
pub use time::{Instant, Span, Timestamp};
