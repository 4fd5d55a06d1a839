//! Randomness: one `ChaCha8` stream per purpose and entity name, and integer draws only.
//!
//! A stream is named after what it decides and for whom, never after the order of creation, so that
//! adding an actor changes no draw of another, and two variants meet the same workload and faults.
//! `rand` and `rand_chacha` give the bits; the sampling above them is ours, because the
//! distributions of common crates may change between releases and differ between platforms.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::hash;

/// The seed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

/// An independent stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream for one purpose (such as `latency`) of one entity (such as `shop-1`).
    pub fn new(seed: Seed, purpose: &str, name: &str) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.0.to_le_bytes());
        key[8..16].copy_from_slice(&hash::of_bytes(purpose.as_bytes()).to_le_bytes());
        key[16..24].copy_from_slice(&hash::of_bytes(name.as_bytes()).to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, always with exactly one draw. The bias is below `bound / 2^64`.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(0 < bound, "a draw needs at least one possible value");
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`, with exactly one draw.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "the bounds of a draw are in order");
        match (high - low).checked_add(1) {
            Some(width) => low + self.below(width),
            None => self.next_u64(),
        }
    }

    /// Puts the stream where draw `index` of `lane` begins: random access, for decisions that
    /// belong to a record and an attempt rather than to a point in a sequence.
    pub fn seek(&mut self, lane: u64, index: u64) {
        self.0.set_stream(lane);
        self.0.set_word_pos(u128::from(index) * 2);
    }

    /// Shuffles in place (Fisher–Yates), with `len - 1` draws.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first draws of a stream, for ever: if this moves, every seed in every lesson moves.
    #[test]
    fn the_first_sixteen_draws_are_golden() {
        let mut stream = Stream::new(Seed(1), "latency", "shop-1");
        let draws: Vec<u64> = (0..16).map(|_| stream.below(1000)).collect();
        insta::assert_snapshot!(format!("{draws:?}"), @"[181, 691, 295, 685, 785, 303, 48, 773, 444, 303, 882, 612, 813, 401, 43, 643]");
    }

    #[test]
    fn streams_with_other_names_are_unrelated() {
        let mut a = Stream::new(Seed(1), "latency", "shop-1");
        let mut b = Stream::new(Seed(1), "latency", "shop-2");
        let mut c = Stream::new(Seed(1), "workload", "shop-1");
        let first = [a.next_u64(), b.next_u64(), c.next_u64()];
        assert!(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
    }

    #[test]
    fn seeking_gives_the_same_draw_whatever_came_before() {
        let mut stream = Stream::new(Seed(7), "processing", "workers");
        stream.seek(42, 3);
        let expected = stream.next_u64();
        stream.seek(9, 0);
        stream.next_u64();
        stream.seek(42, 3);
        assert_eq!(stream.next_u64(), expected);
    }
}
