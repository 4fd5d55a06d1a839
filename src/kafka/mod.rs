//! The protocol's nouns.
