//! A histogram of durations with integer bounds, for when there are too many to keep.
//!
//! Log-linear, as in `HdrHistogram`: values below 128 ns have a bucket each, and every power of two
//! above is cut into 128 buckets of equal width. What is read out is the largest value of a bucket,
//! so it is never too small, and too large by less than one part in 128. The largest value is kept
//! exactly.

use crate::base::Span;

/// Buckets per power of two, and its logarithm.
const PARTS: u64 = 128;
const PARTS_LOG: u32 = PARTS.ilog2();

/// How many durations fell where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Histogram {
    /// Counts a duration.
    pub(super) fn add(&mut self, value: Span) {
        let bucket = bucket_of(value.0);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.max = self.max.max(value.0);
    }

    /// Counts everything that another histogram counted.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (bucket, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += count;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// How many durations were counted.
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// The largest value of the bucket with the duration of that rank, from 1.
    pub(super) fn at_rank(&self, rank: u64) -> Span {
        assert!(
            (1..=self.count).contains(&rank),
            "a rank is within the count"
        );
        let mut below = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            below += count;
            if rank <= below {
                return Span(largest_of(bucket).min(self.max));
            }
        }
        unreachable!("the buckets hold as many durations as were counted")
    }

    /// The largest duration, exactly.
    pub(super) fn max(&self) -> Span {
        Span(self.max)
    }
}

/// The bucket of a value.
fn bucket_of(value: u64) -> usize {
    if value < PARTS {
        return value as usize;
    }
    let shift = value.ilog2() - PARTS_LOG;
    let part = (value >> shift) - PARTS;
    ((u64::from(shift) + 1) * PARTS + part) as usize
}

/// The largest value of a bucket.
fn largest_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < PARTS {
        return bucket;
    }
    let (shift, part) = (bucket / PARTS - 1, bucket % PARTS);
    ((PARTS + part) << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_less_than_one_part_in_128_wide() {
        let powers = (0..64).map(|power| 1u64 << power);
        let around = powers.flat_map(|power| [power - 1, power, power + 1, power + power / 3]);
        for value in around.chain([u64::MAX, u64::MAX - 1, 999_999_937]) {
            let largest = largest_of(bucket_of(value));
            assert!(value <= largest, "{value} is within its bucket");
            assert!(
                largest - value <= value / PARTS,
                "{largest} is near {value}"
            );
            assert_eq!(bucket_of(largest), bucket_of(value));
            if let Some(next) = largest.checked_add(1) {
                assert_eq!(bucket_of(next), bucket_of(value) + 1, "buckets are apart");
            }
        }
    }

    #[test]
    fn ranks_are_never_too_small_and_the_largest_is_exact() {
        let mut histogram = Histogram::default();
        (1..=100_000)
            .rev()
            .for_each(|value| histogram.add(Span(value * 1_000)));
        for (rank, exact) in [(1, 1_000), (50_000, 50_000_000), (99_000, 99_000_000)] {
            let found = histogram.at_rank(rank).0;
            assert!((exact..=exact + exact / PARTS).contains(&found), "{found}");
        }
        assert_eq!(histogram.at_rank(100_000), Span(100_000_000));
        assert_eq!(histogram.max(), Span(100_000_000));
    }

    #[test]
    fn merging_is_counting_together() {
        let (mut all, mut odd, mut even) = <(Histogram, Histogram, Histogram)>::default();
        for value in (0..5_000).map(|n| n * n) {
            all.add(Span(value));
            if value % 2 == 0 { &mut even } else { &mut odd }.add(Span(value));
        }
        odd.merge(&even);
        assert_eq!(odd, all);
        assert_eq!(odd.len(), 5_000);
    }
}
