//! A batch on its way: filled, queued, sent, answered. And the shelf they all lie on.
//!
//! It keeps lengths and identities, never contents. What may be done with it and when is the
//! accumulator's and the sender's business (`ProducerBatch`, `MemoryRecordsBuilder`).

use crate::base::{Instant, RecordId, Span, Timestamp};
use crate::kafka::{Batch, Payload, ProducerStamp, Records, Stamps, size};
use crate::node::FactId;

/// Names a batch on the [`Shelf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchId(u32);

/// Where a batch belongs: the producer's own number of the topic, and the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The topic, as an index into the accumulator's topics.
    pub topic: usize,
    /// The partition.
    pub partition: u32,
}

/// A record to append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Who it is.
    pub id: RecordId,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Bytes of its key, value and headers (`kafka::size::fields`).
    pub fields: u32,
}

impl NewRecord {
    /// What a batch of this record alone reserves.
    pub const fn upper_estimate(&self) -> u32 {
        size::BATCH_HEADER + size::RECORD_OVERHEAD_MAX + self.fields
    }
}

/// A row of records, each as long as the others and `step` later than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The first.
    pub first: NewRecord,
    /// From one to the next.
    pub step: Span,
    /// How many.
    pub count: u32,
}

impl Row {
    /// A single record.
    pub const fn one(record: NewRecord) -> Self {
        Self {
            first: record,
            step: Span::ZERO,
            count: 1,
        }
    }

    /// The one at `index`.
    fn get(&self, index: u32) -> NewRecord {
        NewRecord {
            id: RecordId(self.first.id.0 + index),
            timestamp: self.first.timestamp + self.step * u64::from(index),
            fields: self.first.fields,
        }
    }

    /// Takes on a row that goes on in the same way; whether it does.
    fn take_on(&mut self, other: &Self) -> bool {
        let step = if self.count == 1 {
            other.first.timestamp.since(self.first.timestamp)
        } else {
            self.step
        };
        let longer = Self { step, ..*self };
        let goes_on =
            longer.get(self.count) == other.first && (other.count == 1 || other.step == step);
        if goes_on {
            self.step = step;
            self.count += other.count;
        }
        goes_on
    }
}

/// Record ids in order, as a run for as long as they are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    first: RecordId,
    count: u32,
    list: Vec<RecordId>,
}

impl Ids {
    /// Adds `count` at the end: this one and those that follow it.
    pub(super) fn push(&mut self, id: RecordId, count: u32) {
        let added = (0..count).map(|i| RecordId(id.0 + i));
        if !self.list.is_empty() {
            self.list.extend(added);
        } else if self.count == 0 {
            self.first = id;
        } else if id.0 != self.first.0.wrapping_add(self.count) {
            let run = (0..self.count).map(|i| RecordId(self.first.0 + i));
            self.list.extend(run);
            self.list.extend(added);
        }
        self.count += count;
    }

    /// How many.
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// All of them.
    pub(super) fn records(&self) -> Records {
        if self.list.is_empty() {
            Records::Run {
                first: self.first,
                count: self.count,
            }
        } else {
            Records::List(self.list.as_slice().into())
        }
    }

    /// Forgets them, keeping the room.
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.list.clear();
    }
}

/// A batch of the producer.
#[derive(Clone, Debug)]
pub struct ProducerBatch {
    /// Where it goes.
    pub place: Place,
    /// When it was begun; `delivery.timeout.ms` counts from here.
    pub created: Instant,
    /// When it was last queued; `linger.ms` and the backoff count from here.
    pub queued_at: Instant,
    /// How often it failed and was queued again.
    pub attempts: u32,
    /// Whether it was ever queued again.
    pub retried: bool,
    /// How long it waits after its last failure.
    pub backoff: Span,
    /// Who wrote it, once it has a sequence number.
    pub stamp: Option<ProducerStamp>,
    /// Whether the sequence number was rewritten since it was last closed.
    pub renumbered: bool,
    /// What became of it is known, and was told.
    pub done: bool,
    /// A request with it is under way.
    pub in_request: bool,
    /// Memory it holds of `buffer.memory`; 0 for a part of a batch that was split.
    pub reserved: u32,
    /// The fact that last changed its course.
    pub since: FactId,
    limit: u32,
    bytes: u32,
    closed: bool,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
    ids: Ids,
    sealed: Option<Records>,
    rows: Vec<Row>,
    leader_epoch: Option<u32>,
    attempts_at_leader_change: u32,
}

impl ProducerBatch {
    fn blank() -> Self {
        let place = Place {
            topic: 0,
            partition: 0,
        };
        Self {
            place,
            created: Instant::ZERO,
            queued_at: Instant::ZERO,
            attempts: 0,
            retried: false,
            backoff: Span::ZERO,
            stamp: None,
            renumbered: false,
            done: false,
            in_request: false,
            reserved: 0,
            since: FactId::NONE,
            limit: 0,
            bytes: 0,
            closed: false,
            base_timestamp: Timestamp::default(),
            max_timestamp: Timestamp::default(),
            ids: Ids::default(),
            sealed: None,
            rows: Vec::new(),
            leader_epoch: None,
            attempts_at_leader_change: 0,
        }
    }

    /// How many records.
    pub fn count(&self) -> u32 {
        self.ids.len()
    }

    /// Bytes so far, with the header.
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Its records. Closes it: they are final.
    pub fn records(&mut self) -> Records {
        self.closed = true;
        self.sealed
            .get_or_insert_with(|| self.ids.records())
            .clone()
    }

    /// Whether nothing more goes in (`isFull`).
    pub fn is_full(&self) -> bool {
        self.closed || (0 < self.count() && self.limit <= self.bytes)
    }

    /// Nothing more goes in from now on (`closeForRecordAppends`).
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// The size a record would have here as the `index`th.
    fn size_of(&self, index: u32, fields: u32, timestamp: Timestamp) -> u32 {
        let delta = millis_between(self.base_timestamp, timestamp);
        size::framed(index, i64::from(delta), fields)
    }

    /// What a batch of `bytes` would have with this record as the `index`th; `None` without room.
    pub fn with_one_more(&self, index: u32, bytes: u32, record: &NewRecord) -> Option<u32> {
        let more = self.size_of(index, record.fields, record.timestamp);
        size::has_room(bytes, self.limit, more).then_some(bytes + more)
    }

    /// How many records of a row the batch takes in before it is full or has gained `allowance`
    /// bytes; the record that fills it or passes the allowance does not count.
    pub fn room_for(&self, row: &Row, allowance: u32) -> u32 {
        let (mut bytes, mut at) = (self.bytes, row.first.timestamp);
        let full = self.limit.min(self.bytes.saturating_add(allowance));
        for taken in 0..row.count {
            bytes += self.size_of(self.count() + taken, row.first.fields, at);
            if full <= bytes {
                return taken;
            }
            at += row.step;
        }
        row.count
    }

    /// The bytes at which it is full.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Takes a record in if there is room; the bytes it added.
    pub fn try_append(&mut self, record: &NewRecord) -> Option<u32> {
        if self.closed {
            return None;
        }
        if self.count() == 0 {
            self.base_timestamp = record.timestamp;
            self.max_timestamp = record.timestamp;
            self.bytes = size::BATCH_HEADER + self.size_of(0, record.fields, record.timestamp);
            self.take(Row::one(*record));
            return Some(self.bytes);
        }
        let before = self.bytes;
        self.bytes = self.with_one_more(self.count(), self.bytes, record)?;
        self.take(Row::one(*record));
        Some(self.bytes - before)
    }

    /// Takes a row in that it is known to have room for; the bytes it added.
    pub fn append_row(&mut self, row: &Row) -> u32 {
        let (before, mut at) = (self.bytes, row.first.timestamp);
        for index in 0..row.count {
            self.bytes += self.size_of(self.count() + index, row.first.fields, at);
            at += row.step;
        }
        assert!(
            !self.closed && self.bytes <= self.limit,
            "a row only lengthens an open batch"
        );
        self.take(*row);
        self.bytes - before
    }

    fn take(&mut self, row: Row) {
        let taken_on = self.rows.last_mut().is_some_and(|last| last.take_on(&row));
        if !taken_on {
            self.rows.push(row);
        }
        self.ids.push(row.first.id, row.count);
        let last = row.get(row.count - 1);
        self.max_timestamp = self.max_timestamp.max(last.timestamp);
    }

    /// All its records, to put them into other batches: with timestamps in whole milliseconds from
    /// the first, as the batch has them.
    pub fn all(&self) -> impl Iterator<Item = NewRecord> {
        let base = self.base_timestamp;
        let records = self
            .rows
            .iter()
            .flat_map(|row| (0..row.count).map(|i| row.get(i)));
        records.map(move |record| {
            let delta = i64::from(millis_between(base, record.timestamp));
            let nanos = base.0 + delta * 1_000_000;
            NewRecord {
                timestamp: Timestamp(nanos),
                ..record
            }
        })
    }

    /// Whether `delivery.timeout.ms` is over (`hasReachedDeliveryTimeout`).
    pub fn is_expired(&self, now: Instant, delivery_timeout: Span) -> bool {
        self.created + delivery_timeout <= now
    }

    /// Until when it backs off, if it failed before and its leader is still the same
    /// (`shouldBackoff`, KIP-951).
    pub fn backs_off_until(&self) -> Option<Instant> {
        // Before the first failure both are 0.
        let failed_there = self.attempts != self.attempts_at_leader_change;
        failed_there.then(|| self.queued_at + self.backoff)
    }

    /// Takes note of the leader's epoch it will be sent under (`maybeUpdateLeaderEpoch`).
    pub fn see_leader(&mut self, leader_epoch: Option<u32>) {
        if leader_epoch.is_some() && self.leader_epoch < leader_epoch {
            self.attempts_at_leader_change = self.attempts;
            self.leader_epoch = leader_epoch;
        }
    }

    /// Failed, and will go again after the backoff (`reenqueued`).
    pub fn again(&mut self, now: Instant, backoff: Span) {
        self.attempts += 1;
        self.retried = true;
        self.queued_at = now;
        self.backoff = backoff;
    }

    /// The number of its last record; −1 without sequence.
    pub fn last_sequence(&self) -> i32 {
        self.stamp.map_or(-1, |stamp| {
            stamp.base_sequence.wrapping_add(self.count() as i32 - 1)
        })
    }

    /// Its first sequence number.
    pub fn base_sequence(&self) -> Option<i32> {
        self.stamp.map(|stamp| stamp.base_sequence)
    }

    /// The timestamps of its records.
    fn stamps(&self) -> Stamps {
        match self.rows.as_slice() {
            [row] => Stamps::Even {
                first: row.first.timestamp,
                step: row.step,
            },
            rows => {
                let records = rows
                    .iter()
                    .flat_map(|row| (0..row.count).map(|i| row.get(i)));
                Stamps::List(records.map(|record| record.timestamp).collect())
            }
        }
    }

    /// What goes over the wire, with the timestamp of each record if `keeps_stamps`. Closes it.
    pub fn message(&mut self, keeps_stamps: bool) -> Batch {
        self.renumbered = false;
        Batch {
            payload: Payload::Data(self.records()),
            bytes: self.bytes,
            producer: self.stamp,
            max_timestamp: self.max_timestamp,
            stamps: keeps_stamps.then(|| self.stamps().into()),
        }
    }
}

/// Milliseconds from one instant to another, as Kafka's clocks show them.
fn millis_between(from: Timestamp, to: Timestamp) -> i32 {
    to.as_millis().wrapping_sub(from.as_millis()) as i32
}

/// All batches, by id; room is used again.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    batches: Vec<ProducerBatch>,
    free: Vec<BatchId>,
}

impl Shelf {
    /// A new, empty batch that is full at `limit` bytes.
    pub fn begin(&mut self, place: Place, limit: u32, created: Instant) -> BatchId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.batches.push(ProducerBatch::blank());
            BatchId(self.batches.len() as u32 - 1)
        });
        let batch = &mut self.batches[id.0 as usize];
        batch.place = place;
        batch.limit = limit;
        batch.created = created;
        batch.queued_at = created;
        id
    }

    /// Takes a batch off that nobody refers to any more.
    pub fn release(&mut self, id: BatchId) {
        let batch = &mut self.batches[id.0 as usize];
        assert!(
            batch.done && !batch.in_request,
            "a batch is released when it is done and out of every request"
        );
        let (mut ids, mut rows) = (
            std::mem::take(&mut batch.ids),
            std::mem::take(&mut batch.rows),
        );
        ids.clear();
        rows.clear();
        *batch = ProducerBatch {
            ids,
            rows,
            ..ProducerBatch::blank()
        };
        self.free.push(id);
    }

    /// A batch.
    pub fn get(&self, id: BatchId) -> &ProducerBatch {
        &self.batches[id.0 as usize]
    }

    /// A batch, to change it.
    pub fn get_mut(&mut self, id: BatchId) -> &mut ProducerBatch {
        &mut self.batches[id.0 as usize]
    }
}
