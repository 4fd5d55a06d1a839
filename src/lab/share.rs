//! So many of so many, with the interval that says how much that tells.
//!
//! The interval is Wilson's score interval at 95 %: it stays within 0 and 1 and is sensible at the
//! ends, where most counts of a sweep lie ("no loss in 1 000 seeds"). It needs the seeds to be
//! independent, which they are; records of one run are not, so their shares are always of seeds.
#![allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "statistics above the simulation; additions, products, quotients and square roots are \
              exactly rounded everywhere, so the digits are the same on every machine"
)]

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A count out of a number of independent trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// How many.
    pub hits: u64,
    /// Out of how many, at least one.
    pub of: u64,
}

impl Share {
    /// The share itself, from 0 to 1.
    pub fn value(self) -> f64 {
        self.hits as f64 / self.of as f64
    }

    /// Wilson's 95 % interval of the probability behind it, both ends from 0 to 1.
    pub fn interval(self) -> (f64, f64) {
        assert!(
            0 < self.of && self.hits <= self.of,
            "a share is of something"
        );
        let (n, p) = (self.of as f64, self.value());
        let z2 = Z * Z;
        let centre = p + z2 / (2.0 * n);
        let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z2 / n;
        let low = if self.hits == 0 {
            0.0
        } else {
            (centre - spread) / scale
        };
        let high = if self.hits == self.of {
            1.0
        } else {
            (centre + spread) / scale
        };
        (low, high)
    }

    /// `58.1 to 64.2 %`: the interval, rounded outwards to a tenth of a per cent, so that it never
    /// says more than it knows.
    pub fn interval_text(self) -> String {
        let (low, high) = self.interval();
        // A bound that lies on a tenth is not to be pushed off it by the last bit.
        let low = (low * 1_000.0 + 1e-9).floor() / 10.0;
        let high = (high * 1_000.0 - 1e-9).ceil() / 10.0;
        format!("{low:.1} to {high:.1} %")
    }
}

impl fmt::Display for Share {
    /// `61.2 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", self.value() * 100.0)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = |value: f64| (value * 1e6).round() / 1e6;
        let (low, high) = self.interval();
        let mut fields = serializer.serialize_struct("share", 3)?;
        fields.serialize_field("seeds", &self.hits)?;
        fields.serialize_field("share", &digits(self.value()))?;
        fields.serialize_field("interval", &[digits(low), digits(high)])?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(hits: u64, of: u64) -> String {
        Share { hits, of }.interval_text()
    }

    /// Values of R's `prop.test(hits, of, correct = FALSE)`, rounded outwards.
    #[test]
    fn the_interval_is_wilsons() {
        assert_eq!(text(0, 10), "0.0 to 27.8 %");
        assert_eq!(text(5, 10), "23.6 to 76.4 %");
        assert_eq!(text(1, 20), "0.8 to 23.7 %");
        assert_eq!(text(81, 263), "25.5 to 36.7 %");
        assert_eq!(text(0, 1_000), "0.0 to 0.4 %");
        assert_eq!(text(1_000, 1_000), "99.6 to 100.0 %");
        assert_eq!(text(1, 1), "20.6 to 100.0 %");
    }

    #[test]
    fn the_interval_holds_the_share_and_mirrors() {
        for of in [1, 2, 7, 100, 12_345] {
            for hits in (0..=of).step_by((of as usize / 50).max(1)) {
                let share = Share { hits, of };
                let (low, high) = share.interval();
                assert!(0.0 <= low && low <= share.value() && share.value() <= high && high <= 1.0);
                let (other_low, _) = Share {
                    hits: of - hits,
                    of,
                }
                .interval();
                assert!((1.0 - high - other_low).abs() < 1e-12);
            }
        }
    }
}
