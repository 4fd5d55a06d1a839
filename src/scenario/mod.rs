//! Scenario files: text to [`Scenario`], strictly, with every mistake located.

mod diagnostic;
mod plain;
mod reader;
pub mod resolved;
mod suggest;
mod tree;
pub mod value;
