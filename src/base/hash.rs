//! Two small hashes: one that names a random stream, one that fingerprints a run.
//!
//! Neither is Kafka's; those are in `kafka::hash`.

/// FNV-1a, 64 bit, with a final mix so that close names give far keys.
pub fn of_bytes(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

/// The finaliser of `SplitMix64`: every input bit moves every output bit.
pub const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A running fingerprint: order matters in [`Fingerprint::push`], not in [`Fingerprint::add`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    ordered: u64,
    unordered: u64,
}

impl Fingerprint {
    /// Takes in the next word of an ordered sequence.
    pub fn push(&mut self, word: u64) {
        self.ordered = mix(self.ordered ^ word).rotate_left(5);
    }

    /// Takes in a word of a set: a stretch of records and the same records one by one agree.
    pub fn add(&mut self, word: u64) {
        self.unordered = self.unordered.wrapping_add(mix(word));
    }

    /// The fingerprint of everything taken in so far.
    pub fn finish(self) -> u64 {
        mix(self.ordered ^ mix(self.unordered))
    }
}
