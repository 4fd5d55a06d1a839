//! Kafka's nouns: batches, requests, settings, error codes, and its pure functions.
//!
//! Data only: no file here holds state over time. What is modelled of the protocol is the Java
//! client and broker of release 4.1.0; see `docs/fidelity.md` for what is simplified or refused.

pub mod assignor;
pub mod batch;
pub mod cast;
pub mod client;
pub mod config;
pub mod consumer_protocol;
pub mod error;
pub mod group;
pub mod hash;
pub mod java_hash;
pub mod message;
pub mod placement;
pub mod refusal;
pub mod sink;
pub mod size;

pub use batch::{Batch, Payload, ProducerStamp, Records, Stamps};
pub use cast::Cast;
pub use error::ErrorCode;
