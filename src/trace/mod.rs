//! Facts as text: lines for people, JSON lines for programs.
//!
//! A line has four columns, always in this order: time, actor, verb, what. It fits into 100 columns
//! and holds no number that only this program knows (fact numbers, ids, addresses). All wording is
//! in `line` and `application`, so that a change of words touches one file and the snapshots. Nothing here judges.

mod application;
pub mod condense;
pub mod focus;
pub mod json;
pub mod layout;
pub mod line;
pub mod name;
mod stretch;

pub use condense::Condenser;
pub use focus::{Detail, Focus};
pub use layout::{Layout, Line};
pub use line::line_of;

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wording_tests;
