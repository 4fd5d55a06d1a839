//! The integration tests, in one binary.

mod coordinator;
mod loader;
mod oracle;
