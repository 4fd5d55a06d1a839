//! The log of one partition on one broker: batches in offset order (`UnifiedLog`, `LocalLog`).
//!
//! Sealed chunks of batches, shared between clones, and a short tail that grows: a fork of the
//! world copies the tail only. The log knows where each leader epoch begins and nothing else of
//! replication; what may be read is the caller's bound.
//!
//! A compacted log has gaps: a batch that lost all its records is not there, and others hold fewer
//! records than offsets. Not here: segments, retention, what compaction takes, flushing.

use std::sync::Arc;

use crate::base::{Offset, Timestamp};
use crate::kafka::message::LoggedBatch;

/// Batches in a sealed chunk.
const CHUNK: usize = 256;

#[derive(Clone, Debug)]
struct Chunk {
    batches: Arc<[LoggedBatch]>,
    bytes_before: u64,
}

/// The log of one partition.
#[derive(Clone, Debug, Default)]
pub struct PartitionLog {
    sealed: Vec<Chunk>,
    tail: Vec<LoggedBatch>,
    bytes_before_tail: u64,
    bytes: u64,
    start: Offset,
    end: Offset,
    epochs: Vec<(u32, Offset)>,
}

/// What a read gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Whole batches; the first may begin before the offset asked for.
    pub batches: Vec<LoggedBatch>,
    /// How many bytes the answer has, with a last batch cut off in the middle: a real answer is a
    /// piece of the file, of which the reader throws the incomplete end away.
    pub bytes: u64,
}

impl PartitionLog {
    /// The log start offset: nothing before it is given out.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// Moves the log start offset, which only goes up and never past the end. Whether it moved. The
    /// batches below stay where they are.
    pub fn raise_start(&mut self, start: Offset) -> bool {
        assert!(start <= self.end, "a log does not begin after its end");
        let moves = self.start < start;
        self.start = self.start.max(start);
        moves
    }

    /// Throws everything away: the log is empty and begins at `start`.
    pub fn start_over(&mut self, start: Offset) {
        *self = Self {
            start,
            end: start,
            ..Self::default()
        };
    }

    /// The next offset to be assigned (LEO).
    pub fn end(&self) -> Offset {
        self.end
    }

    /// How many batches it has.
    pub fn batch_count(&self) -> usize {
        self.sealed.len() * CHUNK + self.tail.len()
    }

    /// The batch at an index.
    pub fn batch(&self, index: usize) -> &LoggedBatch {
        match self.sealed.get(index / CHUNK) {
            Some(chunk) => &chunk.batches[index % CHUNK],
            None => &self.tail[index - self.sealed.len() * CHUNK],
        }
    }

    /// Every batch in order.
    pub fn batches(&self) -> impl Iterator<Item = &LoggedBatch> {
        let sealed = self.sealed.iter().flat_map(|chunk| chunk.batches.iter());
        sealed.chain(self.tail.iter())
    }

    /// Appends a batch that has its offset: the leader's next one, or a follower's copy.
    pub fn append(&mut self, batch: LoggedBatch) {
        assert!(
            self.end <= batch.base_offset,
            "a batch goes to the end of the log; what compaction took before it is skipped"
        );
        let latest = self.epochs.last().map(|(epoch, _)| *epoch);
        assert!(
            latest.is_none_or(|latest| latest <= batch.leader_epoch),
            "leader epochs only grow along a log"
        );
        if latest != Some(batch.leader_epoch) {
            self.epochs.push((batch.leader_epoch, batch.base_offset));
        }
        self.end = batch.end_offset();
        self.bytes += u64::from(batch.batch.bytes);
        self.tail.push(batch);
        if self.tail.len() == CHUNK {
            self.seal();
        }
    }

    fn seal(&mut self) {
        let tail = std::mem::replace(&mut self.tail, Vec::with_capacity(CHUNK));
        self.sealed.push(Chunk {
            batches: tail.into(),
            bytes_before: self.bytes_before_tail,
        });
        self.bytes_before_tail = self.bytes;
    }

    /// Reads from `offset` up to `bound`, whole batches of at most `max_bytes` together; the first
    /// batch whatever its size if `at_least_one`.
    pub fn read(&self, offset: Offset, bound: Offset, max_bytes: u64, at_least_one: bool) -> Slice {
        let mut slice = Slice::default();
        if bound <= offset {
            return slice;
        }
        let mut room = max_bytes;
        for index in self.index_of(offset)..self.batch_count() {
            let batch = self.batch(index);
            if bound < batch.end_offset() {
                break;
            }
            let bytes = u64::from(batch.batch.bytes);
            if room < bytes && !(at_least_one && slice.batches.is_empty()) {
                slice.bytes += room;
                break;
            }
            room = room.saturating_sub(bytes);
            slice.bytes += bytes;
            slice.batches.push(batch.clone());
        }
        slice
    }

    /// The first record, from the log start offset on, with this timestamp or a later one
    /// (`UnifiedLog.searchOffsetInLocalLog`). It need not be the first that was written then: the
    /// order of a log is that of its appends, whatever clocks say.
    pub fn first_stamped(&self, wanted: Timestamp) -> Option<Offset> {
        let wanted = wanted.whole();
        for index in self.index_of(self.start)..self.batch_count() {
            let logged = self.batch(index);
            if logged.batch.max_timestamp.whole() < wanted {
                continue;
            }
            let is_wanted = |index: &u32| {
                let offset = logged.offset_of(*index);
                self.start <= offset && wanted <= logged.batch.stamp(*index)
            };
            let found = (0..logged.batch.count()).find(is_wanted);
            if let Some(found) = found {
                return Some(logged.offset_of(found));
            }
        }
        None
    }

    /// The bytes of the batches from the one that holds `offset` up to `bound`.
    pub fn bytes_between(&self, offset: Offset, bound: Offset) -> u64 {
        if bound <= offset {
            return 0;
        }
        self.bytes_below(bound) - self.bytes_below(offset)
    }

    /// The bytes of all batches that end at or before `offset`.
    fn bytes_below(&self, offset: Offset) -> u64 {
        if self.end <= offset {
            return self.bytes;
        }
        let index = self.index_of(offset);
        let (before, batches) = match self.sealed.get(index / CHUNK) {
            Some(chunk) => (chunk.bytes_before, &chunk.batches[..]),
            None => (self.bytes_before_tail, &self.tail[..]),
        };
        let in_chunk = batches[..index % CHUNK].iter();
        before + in_chunk.map(|b| u64::from(b.batch.bytes)).sum::<u64>()
    }

    /// The index of the batch that holds `offset`, or of the first behind it; the number of batches
    /// from the end on.
    fn index_of(&self, offset: Offset) -> usize {
        // Compaction leaves gaps, so it is not where a batch begins that tells.
        let sealed = self.sealed.last();
        if sealed.is_none_or(|chunk| chunk.batches[CHUNK - 1].end_offset() <= offset) {
            let before = self.tail.partition_point(|b| b.end_offset() <= offset);
            return self.sealed.len() * CHUNK + before;
        }
        let chunk = self
            .sealed
            .partition_point(|chunk| chunk.batches[CHUNK - 1].end_offset() <= offset);
        let batches = &self.sealed[chunk].batches;
        chunk * CHUNK + batches.partition_point(|b| b.end_offset() <= offset)
    }

    /// Cuts off every batch that ends after `offset`, as a follower does whose log diverges from
    /// its leader's.
    pub fn truncate(&mut self, offset: Offset) {
        if self.end <= offset {
            return;
        }
        let first = self.batches().next().map_or(offset, |b| b.base_offset);
        let keep = self.index_of(offset);
        while keep < self.sealed.len() * CHUNK {
            let chunk = self
                .sealed
                .pop()
                .expect("a sealed chunk lies behind the cut");
            self.tail = chunk.batches.to_vec();
            self.bytes_before_tail = chunk.bytes_before;
        }
        self.tail.truncate(keep - self.sealed.len() * CHUNK);
        let tail_bytes = self.tail.iter().map(|b| u64::from(b.batch.bytes));
        self.bytes = self.bytes_before_tail + tail_bytes.sum::<u64>();
        self.end = match keep {
            0 => first.min(offset),
            _ => self.batch(keep - 1).end_offset(),
        };
        self.epochs.retain(|(_, start)| *start < self.end);
        self.start = self.start.min(self.end);
    }

    /// What lies before `end` is replaced by what compaction has left of it.
    pub fn replace(&mut self, end: Offset, kept: Vec<LoggedBatch>) {
        let behind = self.index_of(end);
        let behind = (behind..self.batch_count()).map(|index| self.batch(index).clone());
        let batches: Vec<LoggedBatch> = kept.into_iter().chain(behind).collect();
        let whole = std::mem::take(self);
        for batch in batches {
            self.bytes += u64::from(batch.batch.bytes);
            self.tail.push(batch);
            if self.tail.len() == CHUNK {
                self.seal();
            }
        }
        (self.start, self.end, self.epochs) = (whole.start, whole.end, whole.epochs);
    }

    /// Where each leader epoch begins, in order.
    pub fn epochs(&self) -> &[(u32, Offset)] {
        &self.epochs
    }

    /// The latest leader epoch of the log.
    pub fn latest_epoch(&self) -> Option<u32> {
        self.epochs.last().map(|(epoch, _)| *epoch)
    }

    /// The largest known epoch that is at most `epoch`, and where it ends
    /// (`LeaderEpochFileCache.endOffsetFor`). `None` where nothing is known.
    pub fn end_of_epoch(&self, epoch: u32) -> Option<(u32, Offset)> {
        let after = self.epochs.partition_point(|(known, _)| *known <= epoch);
        let known = self.epochs[..after].last()?.0;
        let end = self.epochs.get(after).map_or(self.end, |(_, start)| *start);
        Some((known, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{RecordId, Timestamp};
    use crate::kafka::{Batch, Payload, Records};

    fn batch(base_offset: Offset, count: u32, leader_epoch: u32) -> LoggedBatch {
        LoggedBatch {
            base_offset,
            leader_epoch,
            batch: Batch {
                payload: Payload::Data(Records::Run {
                    first: RecordId(base_offset as u32),
                    count,
                }),
                bytes: 100,
                producer: None,
                max_timestamp: Timestamp::default(),
                stamps: None,
            },
            cleaned: None,
        }
    }

    fn log_of(batches: u64) -> PartitionLog {
        let mut log = PartitionLog::default();
        for n in 0..batches {
            log.append(batch(n * 3, 3, 0));
        }
        log
    }

    #[test]
    fn a_read_from_within_a_batch_begins_with_that_batch_wherever_it_lies() {
        let log = log_of(1000);
        for offset in [0, 1, 767, 768, 769, 1535, 1536, 2999] {
            let read = log.read(offset, log.end(), 1, true);
            assert_eq!(read.batches.len(), 1, "offset {offset}");
            assert_eq!(read.batches[0].base_offset, offset / 3 * 3);
        }
    }

    #[test]
    fn a_read_stops_at_the_bound_and_at_the_size() {
        let log = log_of(10);
        assert_eq!(log.read(0, 12, 10_000, true).batches.len(), 4);
        assert_eq!(log.read(12, 12, 10_000, true), Slice::default());
        let cut = log.read(0, 30, 250, true);
        assert_eq!((cut.batches.len(), cut.bytes), (2, 250));
        let first = log.read(0, 30, 50, true);
        assert_eq!((first.batches.len(), first.bytes), (1, 100));
        let none = log.read(0, 30, 50, false);
        assert_eq!((none.batches.len(), none.bytes), (0, 50));
    }

    #[test]
    fn bytes_between_offsets_are_those_of_whole_batches() {
        let log = log_of(1000);
        assert_eq!(log.bytes_between(0, 3000), 100_000);
        assert_eq!(log.bytes_between(766, 1539), 25_800);
        assert_eq!(log.bytes_between(2999, 3000), 100);
        assert_eq!(log.bytes_between(3000, 3000), 0);
    }

    #[test]
    fn truncation_leaves_what_was_there_before() {
        for keep in [0, 1, 255, 256, 257, 512, 600] {
            let mut log = log_of(700);
            log.truncate(keep * 3 + 1);
            assert_eq!(log.end(), keep * 3);
            assert_eq!(log.batch_count() as u64, keep);
            assert_eq!(log.bytes_between(0, log.end()), keep * 100);
            log.append(batch(keep * 3, 5, 1));
            assert_eq!(log.end_of_epoch(1), Some((1, keep * 3 + 5)));
        }
    }

    #[test]
    fn the_start_only_goes_up_and_a_log_begun_anew_is_empty_there() {
        let mut log = log_of(10);
        assert!(log.raise_start(7));
        assert!(!log.raise_start(5));
        assert_eq!((log.start(), log.end(), log.batch_count()), (7, 30, 10));
        log.start_over(90);
        assert_eq!((log.start(), log.end(), log.batch_count()), (90, 90, 0));
        assert_eq!((log.latest_epoch(), log.bytes_between(90, 90)), (None, 0));
        log.append(batch(90, 3, 2));
        assert_eq!(log.read(90, 93, 1, true).batches.len(), 1);
        log.truncate(91);
        assert_eq!((log.start(), log.end()), (90, 90));
    }

    #[test]
    fn what_compaction_leaves_is_found_across_gaps() {
        for kept in [
            vec![],
            vec![0],
            vec![5],
            vec![299, 301],
            (0..600).step_by(2).collect(),
        ] {
            let mut log = log_of(700);
            let left = kept.iter().map(|n| batch(n * 3, 3, 0)).collect();
            log.replace(600 * 3, left);
            assert_eq!((log.start(), log.end()), (0, 2100));
            assert_eq!(log.batch_count(), kept.len() + 100, "{kept:?}");
            let bytes = 100 * (kept.len() as u64 + 100);
            assert_eq!(log.bytes_between(0, 2100), bytes, "{kept:?}");
            for offset in [0, 4, 17, 900, 1799, 1800] {
                let read = log.read(offset, log.end(), 1, true);
                let next = kept.iter().map(|n| n * 3).chain([1800]);
                let next = next.filter(|base| offset < base + 3).min();
                assert_eq!(
                    Some(read.batches[0].base_offset),
                    next,
                    "{offset} of {kept:?}"
                );
            }
            log.truncate(1900);
            assert_eq!(log.end(), 1899);
        }
    }

    #[test]
    fn a_clone_does_not_see_what_its_original_appends() {
        let mut log = log_of(300);
        let fork = log.clone();
        log.append(batch(900, 3, 0));
        assert_eq!((fork.end(), log.end()), (900, 903));
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let mut log = log_of(2);
        log.append(batch(6, 3, 4));
        log.append(batch(9, 3, 6));
        assert_eq!(log.end_of_epoch(0), Some((0, 6)));
        assert_eq!(log.end_of_epoch(3), Some((0, 6)));
        assert_eq!(log.end_of_epoch(5), Some((4, 9)));
        assert_eq!(log.end_of_epoch(6), Some((6, 12)));
        assert_eq!(PartitionLog::default().end_of_epoch(6), None);
    }
}
