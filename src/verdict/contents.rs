//! What a partition's log holds, as runs of consecutive records: eight bytes per run, whatever its
//! length, so that a log costs memory per batch and not per record.
//!
//! Offsets of one run fit 32 bits, as record ids do; a log beyond that fails loudly.

use crate::base::{Offset, RecordId};
use crate::kafka::Records;

/// A stretch of a log: records with consecutive ids at consecutive offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    base: u32,
    first: u32,
}

/// Offsets without a record of an application.
const NO_RECORD: u32 = u32::MAX;

/// The content of one partition in offset order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    runs: Vec<Run>,
    end: Offset,
    high_watermark: Offset,
}

impl Contents {
    /// Takes in a batch appended at `base`. Offsets skipped since the last batch hold no record.
    pub(super) fn append(&mut self, base: Offset, records: &Records, count: u32) {
        if self.end < base {
            self.push(self.end, NO_RECORD);
        }
        match records {
            Records::Run { first, count } if 0 < *count => self.push(base, first.0),
            Records::Run { .. } => self.push(base, NO_RECORD),
            Records::List(ids) => {
                for (id, offset) in ids.iter().zip(base..) {
                    self.push(offset, id.0);
                    self.end = offset + 1;
                }
            }
        }
        self.end = base + Offset::from(count);
        assert!(
            self.end < Offset::from(u32::MAX),
            "a log outgrew the ledger"
        );
    }

    fn push(&mut self, base: Offset, first: u32) {
        if let Some(last) = self.runs.last() {
            let next = last.first.wrapping_add(base as u32 - last.base);
            let gap = first == NO_RECORD && last.first == NO_RECORD;
            if gap || (first != NO_RECORD && last.first != NO_RECORD && next == first) {
                return;
            }
        }
        self.runs.push(Run {
            base: base as u32,
            first,
        });
    }

    /// What lies at `offset` and after is gone.
    pub(super) fn truncate(&mut self, offset: Offset) {
        if self.end <= offset {
            return;
        }
        self.runs.retain(|run| Offset::from(run.base) < offset);
        self.end = offset;
        self.high_watermark = self.high_watermark.min(offset);
    }

    /// The high watermark moved to `offset`.
    pub(super) fn replicate(&mut self, offset: Offset) {
        self.high_watermark = offset;
    }

    /// The log end offset.
    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// The high watermark.
    pub(super) fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The record at an offset.
    pub(super) fn get(&self, offset: Offset) -> Option<RecordId> {
        self.runs_in(offset, offset + 1).next().map(|(_, id, _)| id)
    }

    /// The runs of records within `from..to`: first offset, first record, how many.
    pub(super) fn runs_in(
        &self,
        from: Offset,
        to: Offset,
    ) -> impl Iterator<Item = (Offset, RecordId, u32)> + '_ {
        let to = to.min(self.end);
        let start = self.runs.partition_point(|r| Offset::from(r.base) <= from);
        (start.saturating_sub(1)..self.runs.len())
            .map_while(move |index| {
                let run = self.runs[index];
                let next = self.runs.get(index + 1);
                let end = next.map_or(self.end, |r| Offset::from(r.base)).min(to);
                let base = Offset::from(run.base).max(from);
                (base < to).then_some((run, base, end))
            })
            .filter(|(run, base, end)| run.first != NO_RECORD && base < end)
            .map(|(run, base, end)| {
                let first = run.first + (base as u32 - run.base);
                (base, RecordId(first), (end - base) as u32)
            })
    }

    /// All runs of records.
    pub(super) fn runs(&self) -> impl Iterator<Item = (Offset, RecordId, u32)> + '_ {
        self.runs_in(0, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u32, count: u32) -> Records {
        Records::Run {
            first: RecordId(first),
            count,
        }
    }

    #[test]
    fn batches_that_go_on_where_the_last_ended_are_one_run() {
        let mut log = Contents::default();
        log.append(0, &run(10, 5), 5);
        log.append(5, &run(15, 5), 5);
        log.append(10, &run(40, 2), 2);
        assert_eq!(log.runs.len(), 2);
        assert_eq!(log.end(), 12);
        assert_eq!(log.get(9), Some(RecordId(19)));
        assert_eq!(log.get(10), Some(RecordId(40)));
        assert_eq!(log.get(12), None);
        let inside: Vec<_> = log.runs_in(3, 11).collect();
        assert_eq!(inside, [(3, RecordId(13), 7), (10, RecordId(40), 1)]);
    }

    #[test]
    fn offsets_without_records_stay_empty() {
        let mut log = Contents::default();
        log.append(0, &Records::EMPTY, 2);
        log.append(2, &Records::List([RecordId(7), RecordId(3)].into()), 2);
        log.append(6, &run(4, 1), 1);
        assert_eq!([log.get(1), log.get(4), log.get(5)], [None; 3]);
        assert_eq!(log.get(2), Some(RecordId(7)));
        assert_eq!(log.get(3), Some(RecordId(3)));
        assert_eq!(log.get(6), Some(RecordId(4)));
        assert_eq!(log.runs().count(), 3);
    }
}
