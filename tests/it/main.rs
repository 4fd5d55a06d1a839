//! The integration tests, in one binary.

mod broker;
mod cluster;
mod consumer;
mod consumer_protocol;
mod cooperative;
mod coordinator;
mod fidelity;
mod growth;
mod idempotence;
mod lessons;
mod library;
mod loader;
mod map;
mod mistakes;
mod network;
mod oracle;
mod producer;
mod real_kafka;
mod schema;
mod sinks;
mod static_members;
mod storage;
mod swarm;
mod sweep;
mod world;
mod worlds;
