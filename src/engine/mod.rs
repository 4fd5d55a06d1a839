//! The kernel's parts: the event queue, the timer table, the network. They know no Kafka.
//!
//! Promises: time never goes back; the order of events is total and the same on every machine
//! (`queue`); a connection never reorders (`network`); an armed timer has one entry in the queue
//! (`timer`).

pub mod network;
pub mod queue;
pub mod timer;

pub use network::{Direction, Fate, Network};
pub use queue::{Class, Queue, Scheduled};
pub use timer::{Fired, Timers};
