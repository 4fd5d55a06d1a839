//! The world: every mutable byte of a run, the loop that moves it, and the faults done to it.

pub mod setup;
