//! State machines.

pub mod coordinator;
