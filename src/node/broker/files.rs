//! The files behind a log: where its segments begin, and how much of it is on the disk
//! (`LogSegment`, `UnifiedLog.maybeRoll`, `deletableSegments`, `flush`).
//!
//! Kept only where it can matter: for topics whose settings differ from Kafka's defaults, and where
//! the power can fail. A log rolls while it is appended to and at no other time, by the timestamps of
//! its batches and not by the clock. Not here: indexes (their size rolls nothing), checksums.

use crate::base::{Instant, Offset, Span, Timestamp};
use crate::kafka::config::StorageConfig;

/// A segment: the last one is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) base: Offset,
    pub(super) bytes: u64,
    /// The largest timestamp of the first append.
    pub(super) first: Option<Timestamp>,
    /// The largest timestamp of all.
    pub(super) largest: Option<Timestamp>,
}

/// Why segments are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// They lie before the log start offset.
    Start,
    /// The log is larger than `retention.bytes`.
    Size,
    /// Everything in them is older than `retention.ms`.
    Time,
}

/// The files of one log.
#[derive(Clone, Debug)]
pub struct Files {
    pub(super) limits: StorageConfig,
    pub(super) segments: Vec<Segment>,
    /// Up to where a compacted log is clean (`cleaner-offset-checkpoint`).
    pub(super) clean_to: Option<Offset>,
    /// Everything before it is on the disk (the recovery point).
    flushed: Offset,
    flushed_at: Instant,
}

impl Segment {
    fn at(base: Offset) -> Self {
        Self {
            base,
            bytes: 0,
            first: None,
            largest: None,
        }
    }
}

impl Files {
    /// The files of an empty log.
    pub fn new(limits: StorageConfig) -> Self {
        Self {
            limits,
            segments: vec![Segment::at(0)],
            clean_to: None,
            flushed: 0,
            flushed_at: Instant::ZERO,
        }
    }

    pub(super) fn active(&self) -> &Segment {
        self.segments.last().expect("a log has an active segment")
    }

    /// How many segments there are.
    pub fn count(&self) -> usize {
        self.segments.len()
    }

    /// The bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Everything before it survives a loss of power.
    pub fn flushed(&self) -> Offset {
        self.flushed
    }

    /// Before so many bytes with this largest timestamp go to `end`: whether a new segment begins for
    /// them (`LogSegment.shouldRoll`). What lies before is flushed then.
    pub fn make_room(&mut self, now: Instant, end: Offset, bytes: u64, largest: Timestamp) -> bool {
        let active = self.active();
        let is_full = u64::from(self.limits.segment_bytes) < active.bytes + bytes;
        let waited = active
            .first
            .map_or(Span::ZERO, |first| largest.since(first));
        let is_old = self.limits.roll_span().is_some_and(|span| span < waited);
        let rolls = 0 < active.bytes && (is_full || is_old);
        if rolls {
            self.roll(now, end);
        }
        rolls
    }

    fn roll(&mut self, now: Instant, end: Offset) {
        self.segments.push(Segment::at(end));
        self.flush(now, end);
    }

    /// So many bytes with this largest timestamp were written, up to `end`.
    pub fn wrote(&mut self, now: Instant, end: Offset, bytes: u64, largest: Timestamp) {
        let active = self.segments.last_mut();
        let active = active.expect("a log has an active segment");
        active.bytes += bytes;
        active.first.get_or_insert(largest);
        active.largest = active.largest.max(Some(largest));
        let unflushed = end - self.flushed;
        if self
            .limits
            .flush_messages
            .is_some_and(|most| most <= unflushed)
        {
            self.flush(now, end);
        }
    }

    /// Everything before `end` is on the disk now.
    pub fn flush(&mut self, now: Instant, end: Offset) {
        self.flushed = end;
        self.flushed_at = now;
    }

    /// The flusher looks: `flush.ms` have passed since the last flush, or not
    /// (`LogManager.flushDirtyLogs`).
    pub fn flush_if_due(&mut self, now: Instant, end: Offset) {
        let since = now.since(self.flushed_at);
        if self.limits.flush_span.is_some_and(|span| span <= since) {
            self.flush(now, end);
        }
    }

    /// The log was cut at `end`; `largest` is the largest timestamp of what is left from an offset on,
    /// `bytes` its size.
    pub fn truncate(
        &mut self,
        end: Offset,
        bytes: impl Fn(Offset) -> u64,
        largest: impl Fn(Offset) -> Option<Timestamp>,
    ) {
        self.flushed = self.flushed.min(end);
        self.clean_to = self.clean_to.map(|to| to.min(end));
        while 1 < self.segments.len() && end < self.active().base {
            self.segments.pop();
        }
        let active = self.segments.last_mut();
        let active = active.expect("a log has an active segment");
        if end < active.base {
            *active = Segment::at(end);
        }
        active.bytes = bytes(active.base);
        active.largest = largest(active.base);
        if active.largest.is_none() {
            active.first = None;
        }
    }

    /// The log begins anew at `start`, empty.
    pub fn start_over(&mut self, start: Offset) {
        self.segments = vec![Segment::at(start)];
        self.clean_to = None;
        self.flushed = start;
    }

    /// Deletes from the oldest on what retention no longer keeps, for one reason. Returns how many
    /// segments went and where the log begins then (`deletableSegments`): never past the high
    /// watermark. If all of them go, the active one too, a new one begins at the end.
    pub fn expire(
        &mut self,
        now: Instant,
        why: Expiry,
        (start, high_watermark, end): (Offset, Offset, Offset),
    ) -> Option<(u32, Offset)> {
        let surplus = self.limits.retention_bytes.map(|most| (self.bytes(), most));
        let mut surplus = surplus
            .filter(|(size, most)| most <= size)
            .map(|(size, most)| size - most);
        let mut count = 0;
        for (index, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(index + 1).map(|next| next.base);
            let is_empty_active = next.is_none() && segment.bytes == 0;
            let goes = next.unwrap_or(end) <= high_watermark
                && !is_empty_active
                && match why {
                    Expiry::Start => next.is_some_and(|next| next <= start),
                    Expiry::Size => surplus.is_some_and(|left| segment.bytes <= left),
                    Expiry::Time => self.is_outdated(now, segment),
                };
            if !goes {
                break;
            }
            surplus = surplus.map(|left| left.saturating_sub(segment.bytes));
            count += 1;
        }
        if count == 0 {
            return None;
        }
        if count == self.segments.len() {
            self.roll(now, end);
        }
        self.segments.drain(..count);
        Some((count as u32, self.segments[0].base))
    }

    fn is_outdated(&self, now: Instant, segment: &Segment) -> bool {
        let (Some(keep), Some(largest)) = (self.limits.retention_span, segment.largest) else {
            return false;
        };
        keep < Timestamp::from(now).since(largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Span::from_millis(millis)
    }

    fn limits() -> StorageConfig {
        StorageConfig {
            segment_bytes: 1000,
            segment_span: Some(Span::from_secs(10)),
            retention_span: Some(Span::from_secs(60)),
            ..StorageConfig::default()
        }
    }

    /// Appends of 300 bytes and one record each, at these milliseconds by the producer's clock.
    fn written(limits: StorageConfig, times: &[u64]) -> Files {
        let mut files = Files::new(limits);
        for (end, millis) in (0..).zip(times) {
            files.make_room(at(*millis), end, 300, at(*millis).into());
            files.wrote(at(*millis), end + 1, 300, at(*millis).into());
        }
        files
    }

    fn bases(files: &Files) -> Vec<Offset> {
        files.segments.iter().map(|segment| segment.base).collect()
    }

    #[test]
    fn a_segment_is_rolled_before_the_batch_that_would_not_fit_or_comes_too_late() {
        assert_eq!(bases(&written(limits(), &[0; 7])), [0, 3, 6]);
        let late = written(limits(), &[0, 10_000, 10_001, 20_001, 20_002]);
        assert_eq!(
            bases(&late),
            [0, 2, 4],
            "by the first append of the segment"
        );
    }

    #[test]
    fn it_is_the_timestamps_that_count_and_not_the_clock() {
        let mut files = written(limits(), &[0]);
        let much_later = at(1_000_000);
        assert!(!files.make_room(much_later, 1, 300, at(5).into()));
    }

    #[test]
    fn what_lies_before_a_new_segment_is_on_the_disk() {
        assert_eq!(written(limits(), &[0; 3]).flushed(), 0);
        assert_eq!(written(limits(), &[0; 4]).flushed(), 3);
        let each = StorageConfig {
            flush_messages: Some(2),
            ..limits()
        };
        assert_eq!(written(each, &[0; 2]).flushed(), 2);
        assert_eq!(written(each, &[0; 5]).flushed(), 5, "with the roll at 3");
    }

    #[test]
    fn the_flusher_counts_from_the_last_flush() {
        let timed = StorageConfig {
            flush_span: Some(Span::from_secs(5)),
            ..limits()
        };
        let mut files = written(timed, &[0, 0]);
        files.flush_if_due(at(4_999), 2);
        assert_eq!(files.flushed(), 0);
        files.flush_if_due(at(5_000), 2);
        assert_eq!(files.flushed(), 2);
        files.flush_if_due(at(9_000), 4);
        assert_eq!(files.flushed(), 2);
    }

    #[test]
    fn time_takes_whole_segments_and_the_active_one_too() {
        let mut files = written(limits(), &[0, 0, 0, 1000, 1000, 1000, 2000]);
        let log = (0, 7, 7);
        assert_eq!(files.expire(at(60_000), Expiry::Time, log), None);
        assert_eq!(files.expire(at(60_001), Expiry::Time, log), Some((1, 3)));
        assert_eq!(
            files.expire(at(70_000), Expiry::Time, (3, 7, 7)),
            Some((2, 7))
        );
        assert_eq!(bases(&files), [7]);
        assert_eq!(files.expire(at(99_000), Expiry::Time, (7, 7, 7)), None);
    }

    #[test]
    fn one_record_from_the_future_keeps_its_segment_and_all_that_follow() {
        let times = [0, 0, 90_000, 1000, 1000, 1000];
        let mut files = written(limits(), &times);
        let gone = files.expire(at(80_000), Expiry::Time, (0, 6, 6));
        assert_eq!(
            gone,
            Some((1, 2)),
            "the record at 2 was late for the first segment"
        );
        assert_eq!(files.expire(at(140_000), Expiry::Time, (2, 6, 6)), None);
    }

    #[test]
    fn nothing_goes_that_is_not_replicated() {
        let mut files = written(limits(), &[0; 7]);
        assert_eq!(
            files.expire(at(90_000), Expiry::Time, (0, 5, 7)),
            Some((1, 3))
        );
    }

    #[test]
    fn size_stops_before_the_log_would_be_smaller_than_it_may_be() {
        let most = |bytes| StorageConfig {
            retention_bytes: Some(bytes),
            ..limits()
        };
        for (bytes, gone) in [
            (2100, None),
            (1201, None),
            (1200, Some((1, 3))),
            (0, Some((3, 7))),
        ] {
            let mut files = written(most(bytes), &[0; 7]);
            assert_eq!(
                files.expire(at(0), Expiry::Size, (0, 7, 7)),
                gone,
                "{bytes}"
            );
        }
    }

    #[test]
    fn segments_before_the_log_start_offset_go_and_the_one_it_lies_in_stays() {
        for (start, gone) in [
            (2, None),
            (3, Some((1, 3))),
            (5, Some((1, 3))),
            (7, Some((2, 6))),
        ] {
            let mut files = written(limits(), &[0; 7]);
            assert_eq!(
                files.expire(at(0), Expiry::Start, (start, 7, 7)),
                gone,
                "{start}"
            );
        }
    }

    #[test]
    fn a_cut_takes_the_segments_behind_it_and_what_it_cut_is_no_longer_flushed() {
        let mut files = written(limits(), &[0; 7]);
        files.truncate(4, |base| (4 - base) * 300, |_| Some(at(0).into()));
        assert_eq!((bases(&files), files.bytes()), (vec![0, 3], 1200));
        assert_eq!(files.flushed(), 4);
        files.truncate(1, |base| (1 - base) * 300, |_| Some(at(0).into()));
        assert_eq!((bases(&files), files.flushed()), (vec![0], 1));
    }
}
