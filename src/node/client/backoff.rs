//! Exponential backoff with jitter (`ExponentialBackoff`): `initial · 2^n · u`, `u` in [0.8, 1.2],
//! at most `max`. Equal bounds mean neither growth nor jitter.

use crate::base::{Span, Stream};

/// How long to wait after the `n`th failure.
#[derive(Clone, Debug)]
pub struct Backoff {
    initial: Span,
    max: Span,
    jitter: Option<Stream>,
}

impl Backoff {
    /// Between `initial` and `max`, with the jitter's own random stream.
    pub fn new(initial: Span, max: Span, jitter: Stream) -> Self {
        Self {
            initial: initial.min(max),
            max,
            jitter: Some(jitter),
        }
    }

    /// Growth without jitter, for comparison with recordings in which `u` was fixed at 1.
    pub fn steady(initial: Span, max: Span) -> Self {
        Self {
            initial: initial.min(max),
            max,
            jitter: None,
        }
    }

    /// The wait after `failures` earlier failures (0 for the first). One draw, unless the bounds
    /// are equal. Kafka draws anew every time it looks; here once per attempt (`docs/fidelity.md`).
    pub fn after(&mut self, failures: u32) -> Span {
        if self.max <= self.initial {
            return self.max;
        }
        let jitter_percent_milli = match &mut self.jitter {
            Some(jitter) => jitter.between(80_000, 120_000),
            None => 100_000,
        };
        let mut span = self.initial;
        for _ in 0..failures {
            if self.max <= span {
                break;
            }
            span = span * 2;
        }
        // Kafka computes in whole milliseconds, rounding down.
        let nanos = u128::from(span.min(self.max).0) * u128::from(jitter_percent_milli) / 100_000;
        Span::from_millis(nanos as u64 / 1_000_000).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn waits_double_up_to_the_maximum_within_the_jitter() {
        let jitter = Stream::new(Seed(1), "backoff", "test");
        let mut backoff = Backoff::new(Span::from_millis(100), Span::from_secs(1), jitter);
        for (failures, mean) in [(0, 100), (1, 200), (2, 400), (3, 800)] {
            let wait = backoff.after(failures).as_millis();
            assert!(
                (mean * 8 / 10..=mean * 12 / 10).contains(&wait),
                "{failures}: {wait}"
            );
        }
        assert!((800..=1000).contains(&backoff.after(9).as_millis()));
    }

    #[test]
    fn equal_bounds_give_a_constant() {
        let jitter = Stream::new(Seed(1), "backoff", "test");
        let mut backoff = Backoff::new(Span::from_millis(50), Span::from_millis(50), jitter);
        assert_eq!(backoff.after(0), Span::from_millis(50));
        assert_eq!(backoff.after(7), Span::from_millis(50));
    }
}
