//! What the outcome of a run looks like to a person: text of at most 80 columns.
//!
//! Data comes from `lab`; nothing here runs, judges or prints. Colour is not decided here either:
//! a line says its [`Tone`], and whoever prints knows whether that can be shown.

mod columns;
pub mod comparison;
pub mod conformance;
pub mod explanation;
pub mod table;
pub mod text;
pub mod verdict;
mod words;

pub use table::Table;
pub use text::{Text, Tone};
