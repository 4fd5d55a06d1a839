//! The classic traps.
