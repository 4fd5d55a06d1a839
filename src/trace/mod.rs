//! Facts as text: lines for people, JSON lines for programs.
//!
//! A line has four columns, always in this order: time, actor, verb, what. It fits into 100 columns
//! and holds no number that only this program knows (fact numbers, ids, addresses). All wording is
//! in `line` and `application`, so that a change of words touches one file and the snapshots. Nothing here judges.

mod application;
mod cluster;
pub mod condense;
mod fault;
pub mod focus;
pub mod json;
pub mod lanes;
pub mod layout;
pub mod line;
pub mod link;
pub mod mermaid;
mod modern;
pub mod name;
pub mod roster;
mod routine;
mod storage;
mod stretch;

pub use condense::Condenser;
pub use focus::{Detail, Focus};
pub use lanes::Diagram;
pub use layout::{Layout, Line};
pub use line::line_of;
pub use roster::Roster;

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wording_tests;
