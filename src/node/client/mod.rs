//! What producers and consumers share: connections to brokers, and what a client knows of the
//! cluster.

pub mod backoff;
pub mod metadata;
pub mod network;

pub use backoff::Backoff;
pub use metadata::Metadata;
pub use network::{Completed, NetworkClient, NetworkConfig, Outcome};
