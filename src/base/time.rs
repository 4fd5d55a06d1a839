//! Virtual time: integer nanoseconds, and the way durations are written.
//!
//! No wall clock and no floating point: two machines agree on every instant.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};

use serde::{Deserialize, Serialize};

/// A point of virtual time, in nanoseconds since time 0 of the run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Instant(pub u64);

/// A length of virtual time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// A number without a unit, such as `20`.
    NoUnit,
    /// `5m`, which half the room reads as minutes and half as milliseconds.
    AmbiguousM,
    /// Finer than a nanosecond, or beyond 584 years.
    OutOfRange,
    /// Anything else.
    Malformed,
}

/// The units of a duration with their length in nanoseconds, longest first.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// What a clock writes on a record, in nanoseconds from time 0 of the run: negative if the clock is
/// behind by more than the run is old. Kafka's has whole milliseconds ([`Timestamp::whole`]).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// What a clock shows that is off by so many nanoseconds.
    pub fn shown(at: Instant, off: i64) -> Self {
        Self(i64::try_from(at.0).unwrap_or(i64::MAX).saturating_add(off))
    }

    /// Milliseconds from time 0, rounded down.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The same in whole milliseconds, rounded down: what a record really bears.
    #[must_use]
    pub fn whole(self) -> Self {
        Self(self.as_millis() * 1_000_000)
    }

    /// The time since an earlier timestamp; zero if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}

impl From<Instant> for Timestamp {
    fn from(at: Instant) -> Self {
        Self::shown(at, 0)
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }
}

impl AddAssign<Span> for Timestamp {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;

    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }
}

impl fmt::Display for Timestamp {
    /// As a duration from time 0, with its sign.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", Span(self.0.unsigned_abs()))
    }
}

impl Instant {
    /// Time 0: a formed cluster, nothing else running.
    pub const ZERO: Self = Self(0);
    /// Later than every instant of a run.
    pub const MAX: Self = Self(u64::MAX);

    /// Milliseconds since time 0, rounded down: what a Kafka clock shows.
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The time since an earlier instant; zero if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// This instant moved on by a span; stays at [`Instant::MAX`] instead of wrapping.
    #[must_use]
    pub fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// Longer than every run.
    pub const MAX: Self = Self(u64::MAX);

    /// A span of nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A span of microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// A span of milliseconds, Kafka's own unit.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A span of seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Whole milliseconds in this span, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The sum, or [`Span::MAX`] where it would not fit.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Reads a duration as the scenario file writes it: a number and one unit, such as `250ms` or
    /// `1.5s`, exact to the nanosecond.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let split = text.find(|c: char| c.is_ascii_alphabetic());
        let Some(split) = split else {
            let numeric = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
            return Err(if numeric {
                SpanError::NoUnit
            } else {
                SpanError::Malformed
            });
        };
        let (number, unit) = text.split_at(split);
        if unit == "m" && number.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return Err(SpanError::AmbiguousM);
        }
        let scale = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(SpanError::Malformed)?
            .1;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(SpanError::Malformed);
        }
        let whole: u64 = whole.parse().map_err(|_| SpanError::OutOfRange)?;
        let mut nanos = whole.checked_mul(scale).ok_or(SpanError::OutOfRange)?;
        let mut unit = scale;
        for digit in fraction.trim_end_matches('0').bytes() {
            if unit % 10 != 0 {
                return Err(SpanError::OutOfRange);
            }
            unit /= 10;
            nanos = nanos
                .checked_add(unit * u64::from(digit - b'0'))
                .ok_or(SpanError::OutOfRange)?;
        }
        Ok(Self(nanos))
    }
}

impl fmt::Display for Span {
    /// The shortest exact form with one unit, which [`Span::parse`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        for (unit, scale) in UNITS {
            if self.0.is_multiple_of(scale) {
                return write!(f, "{}{unit}", self.0 / scale);
            }
            // A value above one second with a short fraction reads best as `1.5s`.
            if unit == "s" && self.0 > scale && self.0.is_multiple_of(1_000_000) {
                let millis = (self.0 % scale) / 1_000_000;
                let fraction = format!("{millis:03}");
                return write!(f, "{}.{}s", self.0 / scale, fraction.trim_end_matches('0'));
            }
        }
        unreachable!("every number of nanoseconds is a multiple of one nanosecond")
    }
}

impl fmt::Display for Instant {
    /// Seconds with as many decimals as needed, at least three: `10.101s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let fraction = format!("{nanos:09}");
        let keep = fraction.trim_end_matches('0').len().max(3);
        write!(f, "{secs}.{}s", &fraction[..keep])
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .map_err(|e| serde::de::Error::custom(format!("`{text}` is no duration: {e:?}")))
    }
}

impl Add<Span> for Instant {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        self.saturating_add(span)
    }
}

impl AddAssign<Span> for Instant {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub for Instant {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        assert!(
            earlier <= self,
            "an instant is subtracted from an earlier one"
        );
        Span(self.0 - earlier.0)
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl Mul<u64> for Span {
    type Output = Self;
    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact_and_read_back() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("7d", 604_800_000_000_000),
            ("0s", 0),
            ("100us", 100_000),
            ("90min", 5_400_000_000_000),
        ] {
            let span = Span::parse(text).unwrap();
            assert_eq!(span.0, nanos, "{text}");
            assert_eq!(
                Span::parse(&span.to_string()),
                Ok(span),
                "{text} printed as {span}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        assert_eq!(Span::parse("20"), Err(SpanError::NoUnit));
        assert_eq!(Span::parse("5m"), Err(SpanError::AmbiguousM));
        assert_eq!(Span::parse("1h30min"), Err(SpanError::Malformed));
        assert_eq!(Span::parse("0.5ns"), Err(SpanError::OutOfRange));
        assert_eq!(Span::parse("-1s"), Err(SpanError::Malformed));
        assert_eq!(Span::parse("ms"), Err(SpanError::Malformed));
        assert_eq!(Span::parse("99999999999999d"), Err(SpanError::OutOfRange));
    }

    #[test]
    fn instants_print_at_least_milliseconds() {
        assert_eq!(Instant(10_101_000_000).to_string(), "10.101s");
        assert_eq!(Instant(100_000).to_string(), "0.0001s");
        assert_eq!(Instant::ZERO.to_string(), "0.000s");
    }
}
