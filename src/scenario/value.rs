//! The kinds of value of the format, read from text.
//!
//! Every function takes a text and gives the value or what is wrong with the text, as the words of
//! an error. Nothing here knows places.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::base::time::SpanError;
use crate::base::{Dist, Span, Timestamp};
use crate::verdict::Range;

/// What is wrong with a text, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) text: String,
    pub(crate) help: Option<String>,
}

/// A duration that may be negative, in nanoseconds: how far a clock is off, or a timestamp counted
/// from time 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignedSpan(pub i64);

impl fmt::Display for SignedSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Timestamp(self.0).fmt(f)
    }
}

impl Serialize for SignedSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `-1h`, `250ms`.
pub(crate) fn signed_duration(text: &str) -> Result<SignedSpan, Wrong> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text),
    };
    let nanos = i64::try_from(duration(unsigned)?.0)
        .map_err(|_| wrong(format!("`{text}` is longer than 292 years")))?;
    Ok(SignedSpan(if is_negative { -nanos } else { nanos }))
}

/// One value, or a range from which each seed draws one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn<T> {
    /// Always this value.
    One(T),
    /// Any value from the first to the second, both included.
    Between(T, T),
}

impl<T: Copy> Drawn<T> {
    /// The one value, if nothing is drawn.
    pub fn fixed(self) -> Option<T> {
        match self {
            Self::One(value) => Some(value),
            Self::Between(..) => None,
        }
    }
}

impl<T: fmt::Display> fmt::Display for Drawn<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(value) => write!(f, "{value}"),
            Self::Between(low, high) => write!(f, "{low}..{high}"),
        }
    }
}

impl Serialize for Drawn<u64> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(value) => serializer.serialize_u64(*value),
            Self::Between(..) => serializer.collect_str(self),
        }
    }
}

impl Serialize for Drawn<Span> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A distribution of durations in the notation of the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing(pub Dist);

impl Timing {
    /// Always the same.
    pub const fn constant(span: Span) -> Self {
        Self(Dist::Constant(span))
    }
}

impl Serialize for Timing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Dist::Constant(span) => span.serialize(serializer),
            Dist::Uniform { low, high } => serializer.collect_str(&format_args!("{low}..{high}")),
            Dist::Exponential { mean } => serializer.collect_map([("exponential", mean)]),
            Dist::Weighted(values) => {
                struct Weights<'v>(&'v [(Span, u64)]);
                impl Serialize for Weights<'_> {
                    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                        serializer.collect_map(self.0.iter().map(|(span, w)| (span.to_string(), w)))
                    }
                }
                serializer.collect_map([("weighted", Weights(values))])
            }
        }
    }
}

/// `30`, `10_000`: an integer, `_` only between groups of three digits.
pub(crate) fn count(text: &str) -> Result<u64, Wrong> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(&text.replace('_', "")) {
        return Err(wrong(format!("`{text}` is no whole number")));
    }
    if text.contains('_') {
        let mut groups = text.split('_');
        let first = groups.next().unwrap_or_default();
        if !(1..=3).contains(&first.len()) || groups.any(|group| group.len() != 3) {
            let text = format!("in `{text}`, `_` does not stand between groups of three digits");
            return Err(wrong(text));
        }
    }
    let value = text.replace('_', "").parse();
    value.map_err(|_| wrong(format!("`{text}` is too large")))
}

/// `250ms`, `1.5s`.
pub(crate) fn duration(text: &str) -> Result<Span, Wrong> {
    Span::parse(text).map_err(|error| match error {
        SpanError::NoUnit => Wrong {
            text: format!("`{text}` has no unit"),
            help: Some(match text {
                "0" => "write `0s`".to_owned(),
                _ => format!("write `{text}ms` or `{text}s`"),
            }),
        },
        SpanError::AmbiguousM => {
            let number = text.trim_end_matches('m');
            Wrong {
                text: format!("`{text}` could be minutes or milliseconds"),
                help: Some(format!("write `{number}min` or `{number}ms`")),
            }
        }
        SpanError::OutOfRange => wrong(format!(
            "`{text}` is finer than a nanosecond or longer than 584 years"
        )),
        SpanError::Malformed => Wrong {
            text: format!("`{text}` is no duration"),
            help: Some(
                "a number and one unit of `ns us ms s min h d`, such as `250ms` or `1.5s`"
                    .to_owned(),
            ),
        },
    })
}

/// `10ms..30ms`, or one duration.
pub(crate) fn timing(text: &str) -> Result<Dist, Wrong> {
    Ok(match drawn(text, duration)? {
        Drawn::One(span) => Dist::Constant(span),
        Drawn::Between(low, high) => Dist::Uniform { low, high },
    })
}

/// One value or `low..high`.
pub(crate) fn drawn<T: Copy + Ord>(
    text: &str,
    one: impl Fn(&str) -> Result<T, Wrong>,
) -> Result<Drawn<T>, Wrong> {
    let Some((low, high)) = text.split_once("..") else {
        return Ok(Drawn::One(one(text)?));
    };
    if low.is_empty() || high.is_empty() {
        let text = format!("`{text}` has an open end, and one value is drawn from it");
        return Err(wrong(text));
    }
    let (low, high) = (one(low)?, one(high)?);
    if high < low {
        return Err(wrong(format!("`{text}` ends before it begins")));
    }
    Ok(Drawn::Between(low, high))
}

/// `3`, `3..5`, `1..`, `..5`.
pub(crate) fn range<T: Copy + Ord>(
    text: &str,
    one: impl Fn(&str) -> Result<T, Wrong>,
) -> Result<Range<T>, Wrong> {
    let Some((low, high)) = text.split_once("..") else {
        return Ok(Range::exactly(one(text)?));
    };
    if low.is_empty() && high.is_empty() {
        return Err(wrong("`..` has no bound at all".to_owned()));
    }
    let bound = |text: &str| {
        if text.is_empty() {
            Ok(None)
        } else {
            one(text).map(Some)
        }
    };
    let range = Range {
        low: bound(low)?,
        high: bound(high)?,
    };
    match (range.low, range.high) {
        (Some(low), Some(high)) if high < low => {
            Err(wrong(format!("`{text}` ends before it begins")))
        }
        _ => Ok(range),
    }
}

/// `100`, `16KiB`, `1MiB`.
pub(crate) fn bytes(text: &str) -> Result<u64, Wrong> {
    const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    for (unit, scale) in UNITS {
        if let Some(number) = text.strip_suffix(unit) {
            let value = count(number)?.checked_mul(scale);
            return value.ok_or_else(|| wrong(format!("`{text}` is too large")));
        }
    }
    let help = "a whole number of bytes, or one with `KiB`, `MiB` or `GiB`";
    count(text).map_err(|_| Wrong {
        text: format!("`{text}` is no number of bytes"),
        help: Some(help.to_owned()),
    })
}

pub(crate) fn wrong(text: String) -> Wrong {
    Wrong { text, help: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_group_their_digits_by_three() {
        assert_eq!(count("10_000"), Ok(10_000));
        assert_eq!(count("30"), Ok(30));
        for text in [
            "1_00", "1__000", "_100", "1e3", "-1", "0x10", "", "1000_000",
        ] {
            assert!(count(text).is_err(), "{text} is no count");
        }
    }

    #[test]
    fn ranges_may_be_open_and_draws_may_not() {
        assert_eq!(range("1..", count), Ok(Range::at_least(1)));
        assert_eq!(range("3", count), Ok(Range::exactly(3)));
        assert!(range("..", count).is_err() && range("5..3", count).is_err());
        assert!(drawn("1..", count).is_err());
        let seconds = Span::from_secs;
        let drawn = drawn("2s..8s", duration);
        assert_eq!(drawn, Ok(Drawn::Between(seconds(2), seconds(8))));
    }

    #[test]
    fn bytes_know_binary_units() {
        assert_eq!(bytes("16KiB"), Ok(16_384));
        assert_eq!(bytes("100"), Ok(100));
        assert!(bytes("16kB").is_err());
    }
}
