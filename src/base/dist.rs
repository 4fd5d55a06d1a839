//! Distributions of durations, sampled with integers only.
//!
//! No `ln`, no `exp`: the platform's mathematics differs in the last bit, and a run must not.

use serde::{Deserialize, Serialize};

use super::{Span, Stream};

/// How a duration is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dist {
    /// Always the same. Takes no draw.
    Constant(Span),
    /// Every nanosecond of `low..=high` equally likely.
    Uniform {
        /// The least value.
        low: Span,
        /// The largest value.
        high: Span,
    },
    /// Exponential with this mean.
    Exponential {
        /// The mean.
        mean: Span,
    },
    /// One of several values by weight.
    Weighted(Vec<(Span, u64)>),
}

impl Dist {
    /// The one value of a constant distribution.
    pub fn constant(&self) -> Option<Span> {
        match self {
            Self::Constant(span) => Some(*span),
            Self::Uniform { .. } | Self::Exponential { .. } | Self::Weighted(_) => None,
        }
    }

    /// Draws a duration: one draw, or none for a constant.
    pub fn sample(&self, stream: &mut Stream) -> Span {
        match self {
            Self::Constant(span) => *span,
            Self::Uniform { low, high } => Span(stream.between(low.0, high.0)),
            Self::Exponential { mean } => exponential(*mean, stream.next_u64()),
            Self::Weighted(values) => weighted(values, stream),
        }
    }
}

/// Inverse transform: `-mean · ln(u)` for the uniform `u = (draw + 1) / 2^64`, with the logarithm
/// in fixed point.
fn exponential(mean: Span, draw: u64) -> Span {
    const LN2_Q32: u128 = 2_977_044_472; // ln 2 · 2^32
    let negative_log2_q32 = (64_u128 << 32) - log2_q32(u128::from(draw) + 1);
    Span(((u128::from(mean.0) * negative_log2_q32 * LN2_Q32) >> 64) as u64)
}

/// `log2(value) · 2^32` for `1 <= value <= 2^64`, by repeated squaring: 32 exact binary digits.
fn log2_q32(value: u128) -> u128 {
    let whole = value.ilog2();
    let mut result = u128::from(whole) << 32;
    // The mantissa in [1, 2) as a fixed-point number with 63 fractional bits.
    let mut mantissa = if whole <= 63 {
        value << (63 - whole)
    } else {
        value >> (whole - 63)
    };
    for bit in (0..32).rev() {
        mantissa = (mantissa * mantissa) >> 63;
        if mantissa >> 64 != 0 {
            mantissa >>= 1;
            result |= 1 << bit;
        }
    }
    result
}

fn weighted(values: &[(Span, u64)], stream: &mut Stream) -> Span {
    let total: u64 = values.iter().map(|(_, weight)| weight).sum();
    let mut draw = stream.below(total);
    for (span, weight) in values {
        if draw < *weight {
            return *span;
        }
        draw -= weight;
    }
    unreachable!("a draw below the sum of the weights lies under one of them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn the_exponential_has_the_right_mean_and_tail() {
        let mut stream = Stream::new(Seed(1), "test", "exponential");
        let dist = Dist::Exponential {
            mean: Span::from_millis(20),
        };
        let draws: Vec<u64> = (0..100_000).map(|_| dist.sample(&mut stream).0).collect();
        let mean = draws.iter().sum::<u64>() / draws.len() as u64;
        assert!((19_800_000..20_200_000).contains(&mean), "mean {mean} ns");
        // P(X > 3·mean) = e^-3 = 4.98 %.
        let tail = draws.iter().filter(|&&d| 60_000_000 < d).count();
        assert!(
            (4_700..5_300).contains(&tail),
            "{tail} of 100000 beyond three means"
        );
    }

    #[test]
    fn logarithms_of_powers_of_two_are_exact() {
        assert_eq!(log2_q32(1), 0);
        assert_eq!(log2_q32(1 << 20), 20 << 32);
        assert_eq!(log2_q32(1 << 64), 64 << 32);
    }

    #[test]
    fn weights_are_kept() {
        let mut stream = Stream::new(Seed(1), "test", "weighted");
        let dist = Dist::Weighted(vec![(Span::from_millis(10), 99), (Span::from_secs(2), 1)]);
        let slow = (0..100_000)
            .filter(|_| dist.sample(&mut stream) == Span::from_secs(2))
            .count();
        assert!((900..1_100).contains(&slow), "{slow} of 100000 are slow");
    }
}
