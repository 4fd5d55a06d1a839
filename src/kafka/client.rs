//! The two families of clients the simulator knows.

use serde::{Deserialize, Serialize};

/// Whose rules, setting names and defaults a client follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientFamily {
    /// Apache Kafka's own Java client.
    #[default]
    Java,
    /// librdkafka and everything bound to it.
    Librdkafka,
}
