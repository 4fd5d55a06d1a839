//! The integration tests, in one binary.

mod consumer;
mod oracle;
