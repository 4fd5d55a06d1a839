//! The integration tests, in one binary.

mod consumer;
mod coordinator;
mod oracle;
mod producer;
