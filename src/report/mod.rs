//! What the outcome of a run looks like to a person: text of at most 80 columns, and charts.
//!
//! Data comes from `lab`; nothing here runs, judges or prints. Colour is not decided here either:
//! a line says its [`Tone`], and whoever prints knows whether that can be shown.

#[cfg(feature = "cli")]
pub mod charts;
mod columns;
pub mod comparison;
pub mod conformance;
mod costs;
pub mod explanation;
#[cfg(feature = "cli")]
pub mod gallery;
pub mod sweep;
pub mod table;
pub mod text;
pub mod verdict;
mod words;

pub use table::Table;
pub use text::{Text, Tone};
