//! The world of a run.

pub mod setup;
