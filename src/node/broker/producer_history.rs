//! The producers of a log through time: snapshots, what a load or a cut makes of them, open
//! transactions and the last stable offset (`UnifiedLog`, `ProducerStateManager`, `LogLoader`).
//!
//! A snapshot is taken with every new segment, at a shutdown, and after every recovery; it keeps of
//! each producer the last batch only. What is read back begins with a snapshot, so a retry of an older
//! batch is no longer known. It needs of the log where its segments begin and what its batches say of
//! their producers; the log itself is elsewhere.
//!
//! Brokers have no transactions yet and use [`ProducerState`] alone.

use std::collections::BTreeMap;

use super::producer_state::{ProducerState, RememberedBatch};
use crate::base::{Instant, Offset, Span};
use crate::kafka::ProducerStamp;
use crate::kafka::size::increment_sequence;
use crate::node::FactId;

/// What a batch says of its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// No producer id.
    Plain,
    /// Records of an idempotent producer.
    Idempotent(ProducerStamp),
    /// Records of a transaction.
    Transactional(ProducerStamp),
    /// A marker: the producer id, its epoch, and that of the transaction coordinator.
    Marker(u64, i16, u32),
}

/// A batch in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its first offset.
    pub base: Offset,
    /// How many offsets it has.
    pub count: u32,
    /// The largest timestamp.
    pub timestamp: Instant,
    /// Whose it is.
    pub origin: Origin,
}

impl Entry {
    /// The offset after its last.
    pub fn end(&self) -> Offset {
        self.base + Offset::from(self.count)
    }
}

/// A log with its producers.
#[derive(Clone, Debug)]
pub struct ProducerHistory {
    /// `producer.id.expiration.ms`.
    expiration: Span,
    log: Vec<Entry>,
    segments: Vec<Offset>,
    start: Offset,
    end: Offset,
    high_watermark: Offset,
    state: ProducerState,
    /// Open transactions: first offset, producer id.
    ongoing: BTreeMap<Offset, u64>,
    /// Ended transactions whose marker is not replicated: first offset, offset of the marker.
    unreplicated: BTreeMap<Offset, Offset>,
    first_unstable: Option<Offset>,
    snapshots: BTreeMap<Offset, ProducerState>,
    /// Up to where the log has been taken in, and up to where the last snapshot goes.
    taken: Offset,
    snapped: Offset,
}

impl ProducerHistory {
    /// An empty log.
    pub fn new(expiration: Span) -> Self {
        Self {
            expiration,
            log: Vec::new(),
            segments: vec![0],
            start: 0,
            end: 0,
            high_watermark: 0,
            state: ProducerState::default(),
            ongoing: BTreeMap::new(),
            unreplicated: BTreeMap::new(),
            first_unstable: None,
            snapshots: BTreeMap::new(),
            taken: 0,
            snapped: 0,
        }
    }

    /// What is known of the producers now.
    pub fn state(&self) -> &ProducerState {
        &self.state
    }

    /// The same, for verifications.
    pub fn state_mut(&mut self) -> &mut ProducerState {
        &mut self.state
    }

    /// The log start offset.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// The log end offset.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// The high watermark.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Readers of committed data get no further: the first offset of a transaction that is open, or
    /// whose marker is not replicated; at most the high watermark.
    pub fn last_stable(&self) -> Offset {
        let unstable = self.first_unstable.unwrap_or(self.high_watermark);
        unstable.min(self.high_watermark)
    }

    /// Appends a batch that was admitted.
    pub fn append(&mut self, count: u32, timestamp: Instant, origin: Origin) {
        let entry = Entry {
            base: self.end,
            count,
            timestamp,
            origin,
        };
        self.log.push(entry);
        self.end = entry.end();
        self.take(entry);
        self.taken = self.end;
        self.look_for_unstable();
    }

    /// Takes in what a batch says of its producer.
    fn take(&mut self, entry: Entry) {
        let remembered = |stamp: ProducerStamp| RememberedBatch {
            last_sequence: increment_sequence(stamp.base_sequence, entry.count - 1),
            base_offset: entry.base,
            count: entry.count,
            appended: FactId::NONE,
        };
        match entry.origin {
            Origin::Plain => {}
            Origin::Idempotent(stamp) => {
                self.state
                    .record_plain(stamp, remembered(stamp), entry.timestamp.into());
            }
            Origin::Transactional(stamp) => {
                let batch = remembered(stamp);
                if self
                    .state
                    .record_enrolled(stamp, batch, entry.timestamp.into())
                {
                    self.ongoing.insert(entry.base, stamp.id);
                }
            }
            Origin::Marker(id, epoch, coordinator) => {
                let ended =
                    self.state
                        .record_marker((id, epoch), coordinator, entry.timestamp.into());
                if let Some(first) = ended.filter(|first| self.ongoing.remove(first).is_some()) {
                    self.unreplicated.insert(first, entry.base);
                }
            }
        }
    }

    /// `UnifiedLog.maybeIncrementFirstUnstableOffset`: one that reaches below the log start offset
    /// stands at the batch in which the log begins.
    fn look_for_unstable(&mut self) {
        let ongoing = self.ongoing.keys().next();
        let unreplicated = self.unreplicated.keys().next();
        let first = ongoing.into_iter().chain(unreplicated).min().copied();
        self.first_unstable = first.map(|first| {
            if self.start <= first {
                return first;
            }
            let holds = |entry: &&Entry| entry.base <= self.start && self.start < entry.end();
            let begins = self.log.iter().find(holds);
            begins.map_or(self.start, |entry| entry.base)
        });
    }

    /// The high watermark moves, within the log.
    pub fn set_high_watermark(&mut self, offset: Offset) {
        self.high_watermark = offset.clamp(self.start, self.end);
        self.forget_replicated(self.high_watermark);
        self.look_for_unstable();
    }

    fn forget_replicated(&mut self, below: Offset) {
        self.unreplicated.retain(|_, marker| below <= *marker);
    }

    /// A new segment begins.
    pub fn roll(&mut self) {
        if self.segments.last() != Some(&self.end) {
            self.segments.push(self.end);
        }
        self.taken = self.end;
        self.snap();
        if self.end <= self.high_watermark {
            self.set_high_watermark(self.end);
        }
    }

    fn snap(&mut self) {
        if self.snapped < self.taken {
            self.snapshots.insert(self.taken, self.state.snapshot());
            self.snapped = self.taken;
        }
    }

    /// The log start offset moves, up to the high watermark.
    pub fn delete_records(&mut self, up_to: Offset) {
        if self.start < up_to && up_to <= self.high_watermark {
            self.start = up_to;
            self.on_start_moved();
            self.look_for_unstable();
        }
    }

    fn on_start_moved(&mut self) {
        self.forget_replicated(self.start);
        self.taken = self.taken.max(self.start);
        self.snapped = self
            .snapshots
            .keys()
            .next_back()
            .copied()
            .unwrap_or(self.start);
    }

    /// Forgets who has been silent for too long.
    pub fn expire(&mut self, now: Instant) {
        self.state.expire(now, self.expiration);
    }

    /// A follower cuts its log at `end`.
    pub fn truncate(&mut self, now: Instant, end: Offset) {
        if self.end <= end {
            return;
        }
        self.log.retain(|entry| entry.end() <= end);
        self.segments.retain(|base| *base <= end);
        if self.segments.is_empty() {
            self.segments.push(end);
        }
        self.end = end;
        self.start = self.start.min(end);
        self.rebuild(now, end, false);
        if self.end <= self.high_watermark {
            self.set_high_watermark(self.end);
        }
    }

    /// The process ends in good order and begins again.
    pub fn restart(&mut self, now: Instant) {
        self.snap();
        self.reopen();
        self.load(now, true);
    }

    /// The process dies and begins again: segment by segment is recovered, each with a snapshot.
    pub fn crash(&mut self, now: Instant) {
        self.reopen();
        for (index, base) in self.segments.clone().into_iter().enumerate() {
            let end = self.segments.get(index + 1).copied().unwrap_or(self.end);
            self.forget();
            self.rebuild(now, base, false);
            for entry in self.log.clone() {
                if (base..end).contains(&entry.base) {
                    self.take(entry);
                    self.taken = entry.end();
                }
            }
            self.snap();
        }
        self.load(now, false);
    }

    /// The files are opened: the log ends with its last batch, and begins with its first segment. (A
    /// broker then hands in its checkpoint of the log start offset.)
    fn reopen(&mut self) {
        let last = self.segments.last().copied().unwrap_or(0);
        let end = self.log.last().map_or(last, Entry::end);
        self.end = end.max(last);
        self.start = self.segments.first().copied().unwrap_or(0);
    }

    fn forget(&mut self) {
        self.state = ProducerState::default();
        self.ongoing.clear();
        self.unreplicated.clear();
        self.taken = 0;
        self.snapped = 0;
    }

    fn load(&mut self, now: Instant, clean: bool) {
        self.forget();
        self.remove_strays();
        self.rebuild(now, self.end, clean);
        self.high_watermark = self.start;
        self.set_high_watermark(self.start);
    }

    /// Snapshots that begin no segment go, but for one behind the last segment
    /// (`ProducerStateManager.removeStraySnapshots`).
    fn remove_strays(&mut self) {
        let last = self.segments.last().copied().unwrap_or(0);
        let stray = |offset: &Offset| !self.segments.contains(offset);
        let latest = self.snapshots.keys().copied().filter(stray).max();
        let kept = latest.filter(|offset| last <= *offset);
        let segments = &self.segments;
        self.snapshots
            .retain(|offset, _| segments.contains(offset) || Some(*offset) == kept);
    }

    /// `UnifiedLog.rebuildProducerState`: the newest snapshot that fits, and the batches behind it.
    fn rebuild(&mut self, now: Instant, end: Offset, clean: bool) {
        let latest_two = self.segments.len().saturating_sub(2);
        let mut points: Vec<Offset> = self.segments[latest_two..].to_vec();
        points.push(end);
        if self.snapshots.is_empty() && clean {
            for point in points {
                self.taken = point;
                self.snap();
            }
            return;
        }
        let was_empty = self.state.is_empty() && self.unreplicated.is_empty() && end <= self.taken;
        let start = self.start;
        self.snapshots
            .retain(|offset, _| start < *offset && *offset <= end);
        if end == self.taken {
            self.on_start_moved();
        } else {
            self.read_snapshot(now);
        }
        if self.taken < end && !was_empty {
            self.replay(end, &points);
        }
        self.taken = end;
        self.snap();
    }

    fn read_snapshot(&mut self, now: Instant) {
        self.state.forget_producers();
        self.ongoing.clear();
        self.unreplicated.clear();
        (self.taken, self.snapped) = (self.start, self.start);
        if let Some((offset, snapshot)) = self.snapshots.last_key_value() {
            (self.taken, self.snapped) = (*offset, *offset);
            self.state.read_back(snapshot, now, self.expiration);
            for (id, entry) in self.state.entries() {
                self.ongoing
                    .extend(entry.transaction.map(|first| (first, id)));
            }
        }
    }

    fn replay(&mut self, end: Offset, points: &[Offset]) {
        let from = self.taken;
        for (index, base) in self.segments.clone().into_iter().enumerate() {
            let next = self.segments.get(index + 1).copied();
            let is_before = next.is_some_and(|next| next <= from);
            let is_behind = end <= base && base != from;
            if is_before || is_behind {
                continue;
            }
            let begins = base.max(self.taken).max(self.start);
            self.taken = begins;
            if points.contains(&base) {
                self.snap();
            }
            let inside = |entry: &&Entry| {
                begins < entry.end()
                    && base <= entry.base
                    && entry.base < next.unwrap_or(Offset::MAX).min(end)
            };
            let entries: Vec<Entry> = self.log.iter().filter(inside).copied().collect();
            for entry in entries {
                self.take(entry);
            }
        }
    }
}
