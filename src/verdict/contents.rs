//! What a partition's log holds, as runs of consecutive records: eight bytes per run, whatever its
//! length, so that a log costs memory per batch and not per record.
//!
//! Also sets of offsets and of records in the same spirit. Offsets of one run fit 32 bits, as record
//! ids do; a log beyond that fails loudly.

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
pub struct Contents {
    runs: Vec<Run>,
    end: Offset,
    high_watermark: Offset,
}

/// A set of numbers as disjoint, ascending ranges `from..to`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    ranges: Vec<(u64, u64)>,
}

impl Contents {
    /// Takes in a batch appended at `base`. Offsets skipped since the last batch hold no record.
    pub fn append(&mut self, base: Offset, records: &Records, count: u32) {
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

    /// The high watermark moved to `offset`.
    pub fn replicate(&mut self, offset: Offset) {
        self.high_watermark = offset;
    }

    /// The log end offset.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// The high watermark.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The record at an offset.
    pub fn get(&self, offset: Offset) -> Option<RecordId> {
        self.runs_in(offset, offset + 1).next().map(|(_, id, _)| id)
    }

    /// The runs of records within `from..to`: first offset, first record, how many.
    pub fn runs_in(
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
    pub fn runs(&self) -> impl Iterator<Item = (Offset, RecordId, u32)> + '_ {
        self.runs_in(0, self.end)
    }

    /// How many records, repeated ones counted again.
    pub fn record_count(&self) -> u64 {
        self.runs().map(|(_, _, count)| u64::from(count)).sum()
    }
}

impl Spans {
    /// Adds `from..to`. Cheap at the end, where most additions come.
    pub fn insert(&mut self, from: u64, to: u64) {
        if to <= from {
            return;
        }
        match self.ranges.last_mut() {
            Some(last) if last.1 < from => self.ranges.push((from, to)),
            Some(last) if last.0 <= from => last.1 = last.1.max(to),
            Some(_) => self.insert_before_end(from, to),
            None => self.ranges.push((from, to)),
        }
    }

    fn insert_before_end(&mut self, from: u64, to: u64) {
        let start = self.ranges.partition_point(|r| r.1 < from);
        let stop = self.ranges.partition_point(|r| r.0 <= to);
        let merged = if start < stop {
            (
                from.min(self.ranges[start].0),
                to.max(self.ranges[stop - 1].1),
            )
        } else {
            (from, to)
        };
        self.ranges.splice(start..stop, [merged]);
    }

    /// Removes everything from `from` on.
    pub fn cut(&mut self, from: u64) {
        self.ranges.retain(|r| r.0 < from);
        if let Some(last) = self.ranges.last_mut() {
            last.1 = last.1.min(from);
        }
    }

    /// Whether a number is in the set.
    pub fn contains(&self, value: u64) -> bool {
        let after = self.ranges.partition_point(|r| r.0 <= value);
        0 < after && value < self.ranges[after - 1].1
    }

    /// How many numbers.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|r| r.1 - r.0).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges `from..to`, ascending and apart.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// The ranges that meet `from..to`, not cut to it.
    pub fn ranges_in(&self, from: u64, to: u64) -> &[(u64, u64)] {
        let start = self.ranges.partition_point(|r| r.1 <= from);
        let stop = self.ranges.partition_point(|r| r.0 < to);
        &self.ranges[start.min(stop)..stop]
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.ranges.iter().flat_map(|&(from, to)| from..to)
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
        assert_eq!(log.record_count(), 3);
    }

    #[test]
    fn spans_merge_in_any_order() {
        let mut spans = Spans::default();
        for (from, to) in [(10, 20), (0, 5), (30, 40), (5, 10), (19, 31), (50, 50)] {
            spans.insert(from, to);
        }
        assert_eq!(spans.ranges(), [(0, 40)]);
        spans.cut(35);
        assert_eq!(spans.len(), 35);
        assert!(spans.contains(34) && !spans.contains(35));
    }
}
