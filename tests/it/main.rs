//! The integration tests, in one binary.

mod consumer;
mod coordinator;
mod loader;
mod oracle;
mod producer;
