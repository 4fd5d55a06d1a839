//! Identities: dense numbers, so that state lives in vectors and not in maps.
//!
//! Names are not here: a `Cast` (in `kafka::cast`) turns numbers into the words of the file.

use std::fmt;

use serde::Serialize;

/// An offset in a partition's log. Absence is `Option::None`, never −1.
pub type Offset = u64;

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The number as an index into a vector.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

dense_id! {
    /// A process: controller, broker, producer or group member, numbered in the order of the file
    /// (the cluster first). Ties at one instant are resolved in this order.
    NodeId
}
dense_id! {
    /// A topic, in the order of the file; internal topics follow when they appear.
    TopicId
}
dense_id! {
    /// A consumer group, in the order of the file.
    GroupId
}
dense_id! {
    /// A record as the application knows it: the nth `send()` of one producer instance. It stays
    /// the same through retries, `resend` and hops to other topics. Instances have disjoint,
    /// consecutive ranges, so the ledger's columns are plain vectors.
    RecordId
}
dense_id! {
    /// One TCP connection. A reconnect is a new one.
    ConnId
}

/// A partition of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicId,
    /// The partition's number within the topic, from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub const fn new(topic: TopicId, partition: u32) -> Self {
        Self { topic, partition }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node-{}", self.0)
    }
}
