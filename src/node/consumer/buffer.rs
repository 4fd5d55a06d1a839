//! Fetched data that the application has not been given yet (`FetchBuffer`, `CompletedFetch`), and
//! how a poll is filled from it (`FetchCollector`).
//!
//! Chunks stand in the order of the answers; a poll drains the first as far as it may, then the
//! next, so one poll is often of one partition. A chunk counts as buffered until somebody tried to
//! read beyond its end, which decides when the next fetch may leave.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::{Offset, RecordId, TopicPartition};
use crate::kafka::message::LoggedBatch;
use crate::kafka::{ErrorCode, Records};
use crate::node::FactId;

use super::positions::Positions;

/// Records of one partition at consecutive offsets, as a poll returns them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) tp: TopicPartition,
    pub(super) first_offset: Offset,
    pub(super) records: Records,
    /// The fact that says the poll returned it.
    pub(super) polled: FactId,
}

impl Run {
    /// The offset after its last record.
    pub(super) fn end_offset(&self) -> Offset {
        self.first_offset + Offset::from(self.records.len())
    }

    /// The records `from..to` of it.
    pub(super) fn slice(&self, from: u32, to: u32) -> Self {
        Self {
            tp: self.tp,
            first_offset: self.first_offset + Offset::from(from),
            records: self.records.slice(from, to),
            polled: self.polled,
        }
    }
}

/// One partition of a fetch answer.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) tp: TopicPartition,
    /// The next offset to read from it.
    pub(super) next: Offset,
    pub(super) error: ErrorCode,
    /// The leader epoch of the last record taken.
    epoch: Option<u32>,
    batches: VecDeque<LoggedBatch>,
}

/// What became of the first chunk's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkError {
    /// Nothing was in line with an error.
    None,
    /// The partition of the first chunk failed; the chunk is gone.
    Failed(TopicPartition, ErrorCode, Offset),
}

/// The buffer.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer {
    chunks: VecDeque<Chunk>,
}

impl Chunk {
    pub(super) fn new(
        tp: TopicPartition,
        fetched: Offset,
        error: ErrorCode,
        batches: Vec<LoggedBatch>,
    ) -> Self {
        Self {
            tp,
            next: fetched,
            error,
            epoch: None,
            batches: batches.into(),
        }
    }

    /// Takes up to `limit` records from the front, as far as they lie at consecutive offsets. Offsets
    /// that compaction left without a record are passed over.
    fn take(&mut self, limit: u32) -> Option<Run> {
        let mut first_offset = self.next;
        let mut taken = Collected::default();
        while taken.count < limit {
            let Some(batch) = self.batches.front() else {
                break;
            };
            if batch.end_offset() <= self.next {
                self.batches.pop_front();
                continue;
            }
            let from = batch.index_from(self.next);
            let row = batch.row_from(from).min(limit - taken.count);
            if row == 0 {
                if 0 < taken.count && self.next < batch.end_offset() {
                    break;
                }
                self.next = batch.end_offset();
                self.batches.pop_front();
                continue;
            }
            let at = batch.offset_of(from);
            if taken.count == 0 {
                first_offset = at;
            } else if at != self.next {
                break;
            }
            taken.push(&batch.batch.records().slice(from, from + row));
            self.next = at + Offset::from(row);
            self.epoch = Some(batch.leader_epoch);
        }
        (0 < taken.count).then(|| Run {
            tp: self.tp,
            first_offset,
            records: taken.finish(),
            polled: FactId::NONE,
        })
    }
}

/// Records of several batches on their way to being one range.
#[derive(Debug, Default)]
struct Collected {
    whole: Option<Records>,
    mixed: Vec<RecordId>,
    count: u32,
}

impl Collected {
    fn push(&mut self, records: &Records) {
        self.count += records.len();
        if let Some(whole) = &mut self.whole
            && extend_run(whole, records)
        {
            return;
        }
        if self.count == records.len() {
            self.whole = Some(records.clone());
            return;
        }
        if let Some(whole) = self.whole.take() {
            self.mixed.extend(whole.iter());
        }
        self.mixed.extend(records.iter());
    }

    fn finish(self) -> Records {
        self.whole
            .unwrap_or_else(|| Records::List(Arc::from(self.mixed)))
    }
}

/// Appends records to a run that they continue; false if they do not.
fn extend_run(run: &mut Records, records: &Records) -> bool {
    match (run, records) {
        (
            Records::Run { first, count },
            Records::Run {
                first: next,
                count: more,
            },
        ) if first.0 + *count == next.0 => {
            *count += more;
            true
        }
        _ => false,
    }
}

impl Buffer {
    /// An answer's partition, to be read after what came before.
    pub(super) fn push(&mut self, chunk: Chunk) {
        self.chunks.push_back(chunk);
    }

    /// The partitions with unread data (`bufferedPartitions`).
    pub(super) fn partitions(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        self.chunks.iter().map(|chunk| chunk.tp)
    }

    /// Whether a partition has unread data.
    pub(super) fn holds(&self, tp: TopicPartition) -> bool {
        self.partitions().any(|buffered| buffered == tp)
    }

    /// Whether some chunk still has records of an owned partition.
    pub(super) fn has_records(&self, positions: &Positions) -> bool {
        self.chunks.iter().any(|chunk| {
            let owned = positions.get(chunk.tp);
            let wanted = owned.is_some_and(|o| o.position() == Some(chunk.next));
            let last = chunk.batches.back();
            wanted && last.is_some_and(|batch| chunk.next < batch.end_offset())
        })
    }

    /// Fills a poll with up to `limit` records and moves the positions past them
    /// (`FetchCollector.collectFetch`). Chunks that no longer fit their partition are dropped. An
    /// error of a partition ends the filling; with records at hand it waits for the next poll.
    pub(super) fn collect(
        &mut self,
        positions: &mut Positions,
        limit: u32,
    ) -> (Vec<Run>, ChunkError) {
        let mut runs = Vec::new();
        let mut left = limit;
        while 0 < left {
            let Some(chunk) = self.chunks.front_mut() else {
                break;
            };
            if chunk.error != ErrorCode::None {
                if !runs.is_empty() && chunk.error == ErrorCode::OffsetOutOfRange {
                    break;
                }
                let failed = ChunkError::Failed(chunk.tp, chunk.error, chunk.next);
                self.chunks.pop_front();
                return (runs, failed);
            }
            let fits = positions
                .get_mut(chunk.tp)
                .filter(|owned| owned.is_fetchable() && owned.offset == chunk.next);
            let Some(owned) = fits else {
                self.chunks.pop_front();
                continue;
            };
            let before = owned.offset;
            let run = chunk.take(left);
            owned.offset = chunk.next;
            let Some(run) = run else {
                owned.pass_over(before, chunk.next);
                self.chunks.pop_front();
                continue;
            };
            owned.pass_over(before, run.first_offset);
            owned.epoch = chunk.epoch;
            left -= run.records.len();
            runs.push(run);
        }
        (runs, ChunkError::None)
    }
}
