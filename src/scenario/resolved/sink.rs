//! Sinks of a resolved scenario.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::base::Span;
use crate::scenario::value::Timing;
use crate::verdict::words;

/// The database behind an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sink {
    /// The time of a request, before its rows.
    pub latency: Timing,
    /// The time of a row.
    pub per_row: Timing,
    /// How many requests may begin per second; any number if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Rate>,
    /// How many requests may wait to begin; any number if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<u64>,
    /// How long an application waits for an answer.
    pub timeout: Span,
    /// Whether a request cut short leaves its first rows.
    pub bulk: Bulk,
    /// What makes two rows the same.
    pub unique: Unique,
    /// What happens to a row that is there already; only where rows are unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<OnConflict>,
}

/// So many per second, such as `50/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub u64);

words! {
    /// Whether a request cut short leaves its first rows.
    pub enum Bulk {
        /// All rows or none.
        Atomic = "atomic",
        /// Rows stay as they come.
        RowByRow = "row-by-row",
    }
}

words! {
    /// What makes two rows the same.
    pub enum Unique {
        /// Nothing: every row is a new one.
        None = "none",
        /// The record they are for.
        Record = "record",
        /// The key of that record; a row without a key is always a new one.
        Key = "key",
    }
}

words! {
    /// What happens to a row that is there already.
    pub enum OnConflict {
        /// The old row stays.
        Ignore = "ignore",
        /// The new row takes its place.
        Overwrite = "overwrite",
        /// The request is refused.
        Refuse = "refuse",
    }
}

words! {
    /// What an application does when its sink refuses a request or does not answer.
    pub enum SinkFailure {
        /// The same request again after a second.
        Retry = "retry",
        /// Goes on with the next step.
        Continue = "continue",
        /// Closes and ends.
        Stop = "stop",
    }
}

impl Default for Sink {
    fn default() -> Self {
        Self {
            latency: Timing::constant(Span::from_millis(1)),
            per_row: Timing::constant(Span::ZERO),
            capacity: None,
            queue: None,
            timeout: Span::from_secs(5),
            bulk: Bulk::Atomic,
            unique: Unique::None,
            on_conflict: None,
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
