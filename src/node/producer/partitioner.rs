//! Which partition a record goes to: by key, in turn, from a table, or wherever it is quiet.
//!
//! The sticky rule stays with a partition until about `batch.size` bytes went there (KIP-794), and
//! with adaptive weights prefers short queues (`BuiltInPartitioner`). `RoundRobinPartitioner` of
//! 4.1 is asked once per record; the second call for a new batch is gone since 4.0.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::Stream;

/// What is known of a record's partition before the topic's metadata are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// This one.
    Fixed(u32),
    /// By a hash of 31 bits over all partitions.
    Hashed(u32),
    /// By a hash of 31 bits over the partitions a table leaves for other keys.
    Others(u32),
    /// Each available partition in turn.
    InTurn,
    /// Where the sticky partitioner stands.
    Sticky,
}

/// Where random choices come from.
#[derive(Clone, Debug)]
pub enum Dice {
    /// The producer's own random stream.
    Fair(Box<Stream>),
    /// Choices that were recorded, for comparison.
    Loaded(VecDeque<u32>),
}

impl Dice {
    /// A number below `bound`.
    fn below(&mut self, bound: u32) -> u32 {
        match self {
            Self::Fair(stream) => stream.below(u64::from(bound)) as u32,
            Self::Loaded(choices) => choices.pop_front().expect("as many choices as draws"),
        }
    }
}

/// The sticky partitioner of one topic.
#[derive(Clone, Debug)]
pub struct Sticky {
    current: Option<u32>,
    produced: u32,
    /// Running sum of the weights and partition (`PartitionLoadStats`); empty: all weigh the same.
    weights: Vec<(u32, u32)>,
    stickiness: u32,
}

impl Sticky {
    /// Stays for about `stickiness` bytes: `batch.size`.
    pub fn new(stickiness: u32) -> Self {
        Self {
            current: None,
            produced: 0,
            weights: Vec::new(),
            stickiness: stickiness.max(1),
        }
    }

    /// Where it stands, if it was ever asked.
    pub fn current(&self) -> Option<u32> {
        self.current
    }

    /// Bytes that went to the current partition.
    pub fn produced(&self) -> u32 {
        self.produced
    }

    /// Whether it moves on when so many bytes have gone there, whatever the batch looks like.
    pub fn would_leave(&self, produced: u32) -> bool {
        self.stickiness.saturating_mul(2) <= produced
    }

    /// Takes note of bytes appended to the current partition if that cannot make it move on.
    pub fn leaves_after(&self) -> u32 {
        let limit = self.stickiness.saturating_mul(2);
        limit.saturating_sub(self.produced)
    }

    /// Counts bytes after which it stays.
    pub fn count(&mut self, bytes: u32) {
        self.produced += bytes;
    }

    /// Counts bytes if that needs no look at the batch; whether it did.
    pub fn stays(&mut self, bytes: u32) -> bool {
        let stays = self.produced + bytes < self.stickiness;
        if stays {
            self.produced += bytes;
        }
        stays
    }

    /// Where it stands; chooses at the first call.
    pub fn stand(&mut self, dice: &mut Dice, available: &[u32], partitions: u32) -> u32 {
        match self.current {
            Some(current) => current,
            None => self.choose(dice, available, partitions),
        }
    }

    /// Takes note of bytes appended to the current partition, and moves on if it is time: after
    /// `batch.size` at the end of a batch, after twice that at once. Whether it chose anew.
    pub fn add(
        &mut self,
        bytes: u32,
        batch_ends: bool,
        dice: &mut Dice,
        (available, partitions): (&[u32], u32),
    ) -> bool {
        self.produced += bytes;
        let leaves = self.would_leave(self.produced);
        let moves = leaves || (batch_ends && self.stickiness <= self.produced);
        if moves {
            self.choose(dice, available, partitions);
        }
        moves
    }

    fn choose(&mut self, dice: &mut Dice, available: &[u32], partitions: u32) -> u32 {
        let chosen = match self.weights.last() {
            Some((total, _)) => {
                let draw = dice.below(*total);
                let index = self.weights.partition_point(|(sum, _)| *sum <= draw);
                self.weights[index].1
            }
            None if available.is_empty() => dice.below(partitions),
            None => available[dice.below(available.len() as u32) as usize],
        };
        self.current = Some(chosen);
        self.produced = 0;
        chosen
    }

    /// Takes in number and queue length of every partition with a leader, of `queues` with a queue
    /// (`updatePartitionLoadStats`).
    pub fn weigh(&mut self, lengths: impl Iterator<Item = (u32, u32)> + Clone, queues: usize) {
        self.weights.clear();
        let numbers = || lengths.clone().map(|(_, length)| length);
        let (Some(shortest), Some(longest)) = (numbers().min(), numbers().max()) else {
            return;
        };
        let all_there = lengths.clone().count() == queues;
        if queues < 2 || (shortest == longest && all_there) {
            return;
        }
        let mut sum = 0;
        for (partition, length) in lengths {
            sum += longest + 1 - length;
            self.weights.push((sum, partition));
        }
    }

    /// Chooses evenly again: not all partitions ever had a queue.
    pub fn weigh_nothing(&mut self) {
        self.weights.clear();
    }
}

/// The partition of a record that needs neither turn nor stickiness.
pub fn partition_of(route: Route, partitions: u32, others: &Arc<[u32]>) -> Option<u32> {
    match route {
        Route::Fixed(partition) => Some(partition),
        Route::Hashed(hash) => Some(hash % partitions),
        Route::Others(hash) if others.is_empty() => Some(hash % partitions),
        Route::Others(hash) => Some(others[(hash % others.len() as u32) as usize]),
        Route::InTurn | Route::Sticky => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_queues_are_preferred_by_weight() {
        // Queue lengths 0, 3, 1 give the weights 4, 1, 3.
        let expected = [0, 0, 0, 0, 1, 2, 2, 2];
        for (draw, partition) in (0..).zip(expected) {
            let mut sticky = Sticky::new(100);
            sticky.weigh([(0, 0), (1, 3), (2, 1)].into_iter(), 3);
            let mut dice = Dice::Loaded([draw].into());
            assert_eq!(sticky.stand(&mut dice, &[0, 1, 2], 3), partition);
        }
    }

    #[test]
    fn equal_queues_have_no_weights_unless_a_partition_has_no_leader() {
        let mut sticky = Sticky::new(100);
        sticky.weigh([(0, 2), (1, 2)].into_iter(), 2);
        assert!(sticky.weights.is_empty());
        sticky.weigh([(0, 2), (1, 2)].into_iter(), 3);
        assert!(!sticky.weights.is_empty());
    }
}
