//! Scenario files: text to [`Scenario`], strictly, with every mistake located.

mod diagnostic;
mod plain;
mod reader;
mod suggest;
mod tree;
