//! A member against a fake broker: exact times, commits, crashes.

mod broker;
mod fetching;
mod kernel;
mod scene;
mod stretches;
mod timelines;
mod traps;
