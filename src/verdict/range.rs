//! Ranges of numbers and durations, as `expect` states them.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::base::Span;

/// A range with its bounds included; without a bound it is open on that side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<T = u64> {
    /// The least value.
    pub low: Option<T>,
    /// The largest value.
    pub high: Option<T>,
}

impl<T: Copy + Ord> Range<T> {
    /// Exactly one value.
    pub const fn exactly(value: T) -> Self {
        Self {
            low: Some(value),
            high: Some(value),
        }
    }

    /// This value or more.
    pub const fn at_least(value: T) -> Self {
        Self {
            low: Some(value),
            high: None,
        }
    }

    /// Whether a value lies in the range.
    pub fn contains(&self, value: T) -> bool {
        self.low.is_none_or(|low| low <= value) && self.high.is_none_or(|high| value <= high)
    }
}

impl<T: fmt::Display + PartialEq> fmt::Display for Range<T> {
    /// As the file writes it: `3`, `3..5`, `1..`, `..5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.low, &self.high) {
            (Some(low), Some(high)) if low == high => write!(f, "{low}"),
            (low, high) => {
                if let Some(low) = low {
                    write!(f, "{low}")?;
                }
                f.write_str("..")?;
                high.as_ref().map_or(Ok(()), |high| write!(f, "{high}"))
            }
        }
    }
}

impl Serialize for Range<u64> {
    /// A number where it is one, else a text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.low, self.high) {
            (Some(low), Some(high)) if low == high => serializer.serialize_u64(low),
            _ => serializer.collect_str(self),
        }
    }
}

impl Serialize for Range<Span> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_includes_its_bounds_and_prints_as_it_is_written() {
        let range = Range {
            low: Some(3_u64),
            high: Some(5),
        };
        assert!(range.contains(3) && range.contains(5) && !range.contains(6));
        assert_eq!(range.to_string(), "3..5");
        assert_eq!(Range::at_least(1_u64).to_string(), "1..");
        assert_eq!(Range::exactly(0_u64).to_string(), "0");
        assert_eq!(
            Range {
                low: None,
                high: Some(5_u64)
            }
            .to_string(),
            "..5"
        );
    }
}
