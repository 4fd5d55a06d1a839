//! The integration tests, in one binary.

mod consumer;
mod coordinator;
mod lessons;
mod loader;
mod oracle;
mod producer;
mod worlds;
