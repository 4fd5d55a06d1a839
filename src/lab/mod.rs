//! Runs as experiments: one run and its outcome, variants side by side, many seeds, suites of files.
//!
//! The only layer that may use threads. It takes scenarios that are loaded and gives outcomes that
//! are judged; files are read and text is printed above it.

pub mod compare;
pub mod conform;
pub mod copies;
pub mod course;
pub mod determinism;
pub mod explain;
pub mod keys;
pub mod lives;
pub mod outcome;
pub mod repro;
pub mod run;
pub mod share;
pub mod swarm;
pub mod sweep;
pub mod tally;
pub mod tell;
mod threads;

pub use compare::Comparison;
pub use outcome::{Found, GroupOutcome};
pub use repro::Repro;
pub use run::{Experiment, Outcome, Standing};
pub use share::Share;
pub use sweep::{Seeds, Sweep};
pub use tally::Tally;
pub use tell::trace;
