//! kafkasim: a deterministic discrete-event simulator of Apache Kafka's delivery semantics.

pub mod base;
#[cfg(feature = "cli")]
pub mod cli;
pub mod engine;
pub mod kafka;
pub mod lab;
pub mod node;
pub mod report;
pub mod scenario;
pub mod sim;
pub mod trace;
pub mod verdict;
