//! Conformance: the same scenario simulated and played on real Apache Kafka, compared step by step.
//!
//! ```text
//! facts of a run --------> Happened --+
//!                                     +--> Builder --> Story --> compare --> Comparison
//! JSON lines of the real one --> Happened --+              \--> stored with its versions
//! ```
//!
//! Both sides become the same words before anything is compared, so that what is left out is left
//! out of both. Left out is what Kafka does not determine: times, ids of members, the absolute
//! number of a generation, and auto-commits that move nothing. Nothing here starts a process.

mod build;
pub mod compare;
mod facts;
mod fates;
mod lines;
mod playable;
pub mod stored;
mod story;

pub use compare::{Agreement, Aspect, Comparison, Difference};
pub use facts::simulated;
pub use lines::{Played, Versions, read};
pub use playable::why_not;
pub use stored::Stored;
pub use story::{Happened, How, Kind, Life, Step, Story};
