//! The integration tests, in one binary.

mod broker;
mod consumer;
mod coordinator;
mod lessons;
mod library;
mod loader;
mod oracle;
mod producer;
mod worlds;
