//! How dirty a compacted log is: what the cleaner may clean of it and whether it is worth it
//! (`LogCleanerManager.cleanableOffsets`, `LogToClean`); and its segments after a cleaning
//! (`Cleaner.groupSegmentsBySize`).
//!
//! ```text
//!  clean            dirty, cleanable         not cleanable
//! |---------------|------------------------|------------------------------|
//! start      clean up to           the active segment, the first segment younger than
//!                                  min.compaction.lag.ms, the high watermark
//! ```

use super::files::{Files, Segment};
use crate::base::{Instant, Offset, Span, Timestamp};

/// The part of a log that is to be cleaned: whole segments, but for where the last cleaning ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirt {
    /// The first dirty offset.
    pub from: Offset,
    /// The first offset that cannot be cleaned.
    pub to: Offset,
}

const BILLION: u128 = 1_000_000_000;

impl Files {
    /// What is to be cleaned now, if anything: the dirty share of the log is above
    /// `min.cleanable.dirty.ratio`, or a record has waited longer than `max.compaction.lag.ms`.
    pub fn dirt(
        &self,
        now: Instant,
        (start, high_watermark, end): (Offset, Offset, Offset),
    ) -> Option<Dirt> {
        let cleanup = self.limits.cleanup;
        if !cleanup.compact {
            return None;
        }
        let known = self.clean_to.filter(|to| (start..=end).contains(to));
        let from = known.unwrap_or(start);
        let closed = &self.segments[self.floor(from)..self.segments.len() - 1];
        let active = self.active().base;
        let is_young = |segment: &&Segment| {
            let lag = cleanup.lag_min;
            lag != Span::ZERO
                && segment
                    .largest
                    .is_some_and(|at| Timestamp::from(now) - lag < at)
        };
        let young = closed.iter().find(is_young).map(|segment| segment.base);
        let bound = high_watermark.min(active).min(young.unwrap_or(active));
        let bound = bound.max(from);
        let to = if active <= bound {
            active
        } else {
            self.segments[self.floor(bound)].base
        };
        let dirty: u64 = if from < to {
            let first = self.segments[self.floor(from)].base;
            self.bytes_of(|segment| first <= segment.base && segment.base < to)
        } else {
            0
        };
        let clean = self.bytes_of(|segment| segment.base < from);
        let waited = closed.iter().filter_map(|segment| segment.first).min();
        let is_overdue = cleanup
            .lag_max
            .is_some_and(|lag| waited.is_some_and(|since| lag < Timestamp::from(now).since(since)));
        let share = u128::from(cleanup.dirty_ratio) * u128::from(clean + dirty);
        let is_dirty = share < u128::from(dirty) * BILLION;
        (0 < dirty && (is_dirty || is_overdue)).then_some(Dirt { from, to })
    }

    /// The place of the segment that holds an offset.
    fn floor(&self, offset: Offset) -> usize {
        let behind = self
            .segments
            .partition_point(|segment| segment.base <= offset);
        behind.saturating_sub(1)
    }

    fn bytes_of(&self, wanted: impl Fn(&Segment) -> bool) -> u64 {
        let segments = self.segments.iter().filter(|segment| wanted(segment));
        segments.map(|segment| segment.bytes).sum()
    }

    /// The log is clean up to `to`. Neighbouring segments that were no larger than one together are one
    /// now. `content` says of a range of offsets: its bytes, its first and its largest timestamp.
    pub fn cleaned(
        &mut self,
        to: Offset,
        content: impl Fn(Offset, Offset) -> (u64, Option<Timestamp>, Option<Timestamp>),
    ) {
        let limit = u64::from(self.limits.segment_bytes);
        let behind = self.segments.partition_point(|segment| segment.base < to);
        let mut groups: Vec<(Offset, u64)> = Vec::new();
        for segment in &self.segments[..behind] {
            match groups.last_mut() {
                Some((_, bytes)) if *bytes + segment.bytes <= limit => *bytes += segment.bytes,
                _ => groups.push((segment.base, segment.bytes)),
            }
        }
        let ends = groups.iter().skip(1).map(|(base, _)| *base).chain([to]);
        let merged = groups.iter().zip(ends).map(|((base, _), end)| {
            let (bytes, first, largest) = content(*base, end);
            Segment {
                base: *base,
                bytes,
                first,
                largest,
            }
        });
        let merged: Vec<Segment> = merged.collect();
        self.segments.splice(..behind, merged);
        self.clean_to = Some(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::config::{Cleanup, StorageConfig};

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Span::from_millis(millis)
    }

    /// One record of 100 bytes a second, four to a segment.
    fn written(records: u64, cleanup: Cleanup) -> Files {
        let mut files = Files::new(StorageConfig {
            segment_bytes: 400,
            cleanup: Cleanup {
                compact: true,
                delete: false,
                ..cleanup
            },
            ..StorageConfig::default()
        });
        for offset in 0..records {
            let now = at(offset * 1000);
            files.make_room(now, offset, 100, now.into());
            files.wrote(now, offset + 1, 100, now.into());
        }
        files
    }

    fn dirt(
        files: &Files,
        seconds: u64,
        high_watermark: Offset,
        end: Offset,
    ) -> Option<(u64, u64)> {
        let dirt = files.dirt(at(seconds * 1000), (0, high_watermark, end));
        dirt.map(|dirt| (dirt.from, dirt.to))
    }

    #[test]
    fn neither_the_active_segment_is_cleaned_nor_what_is_not_replicated() {
        let files = written(10, Cleanup::default());
        assert_eq!(dirt(&files, 10, 10, 10), Some((0, 8)));
        assert_eq!(dirt(&files, 10, 8, 10), Some((0, 8)));
        assert_eq!(dirt(&files, 10, 7, 10), Some((0, 4)), "whole segments");
        assert_eq!(dirt(&files, 10, 3, 10), None);
        assert_eq!(dirt(&written(4, Cleanup::default()), 10, 4, 4), None);
    }

    #[test]
    fn a_log_is_cleaned_when_more_of_it_is_dirty_than_it_may_be() {
        let half = Cleanup::default();
        let mut files = written(10, half);
        files.cleaned(8, |from, to| ((to - from) * 100, None, None));
        assert_eq!(files.bytes(), 1000);
        assert_eq!(dirt(&files, 10, 10, 10), None, "all of it is clean");
        for (records, expected) in [(14, None), (18, None), (21, Some((8, 20)))] {
            let mut files = written(records, half);
            files.cleaned(8, |from, to| ((to - from) * 100, None, None));
            assert_eq!(
                dirt(&files, 30, records, records),
                expected,
                "{records}: half is not more than half"
            );
        }
    }

    #[test]
    fn young_segments_wait_and_old_records_do_not() {
        let lag_min = Cleanup {
            lag_min: Span::from_secs(5),
            ..Cleanup::default()
        };
        let files = written(10, lag_min);
        assert_eq!(
            dirt(&files, 8, 10, 10),
            Some((0, 4)),
            "the largest are of 3 s and 7 s"
        );
        assert_eq!(
            dirt(&files, 12, 10, 10),
            Some((0, 8)),
            "exactly as old as it has to be"
        );
        let lag_max = Cleanup {
            dirty_ratio: 1_000_000_000,
            lag_max: Some(Span::from_secs(20)),
            ..Cleanup::default()
        };
        let files = written(10, lag_max);
        assert_eq!(dirt(&files, 20, 10, 10), None);
        assert_eq!(dirt(&files, 21, 10, 10), Some((0, 8)));
    }

    #[test]
    fn small_neighbours_become_one_segment() {
        let mut files = written(13, Cleanup::default());
        files.cleaned(12, |_, _| (100, None, None));
        assert_eq!((files.count(), files.bytes()), (4, 400));
        files.cleaned(12, |from, to| (to - from, None, None));
        assert_eq!((files.count(), files.bytes()), (2, 112));
    }
}
