//! The cleaner: of each key of a compacted log the last record stays (`LogCleaner`, `Cleaner`).
//!
//! It looks as soon as the process is there and then every `log.cleaner.backoff.ms`, on leaders and
//! followers alike, each at its own copy. A cleaning reads the dirty part for the last offset of each
//! key, then goes over everything up to the first segment it may not touch: a record stays if its
//! key comes no more, and, where it is a tombstone, as long as `delete.retention.ms` is not over
//! since a cleaning first met it as the last of its key (KIP-534: two passes). Offsets stay as they
//! are: a log with gaps. A batch without records stays if it is the last of its producer, whose
//! sequence it keeps, or the last of the cleaning.
//!
//! The retention of compacted logs is the cleaner's too: of segments, where `cleanup.policy` has
//! `delete`, and of what lies before the log start offset. Simplified: a cleaning takes no time and
//! its map of keys is never full; what is left of a batch is as large as its share of the records.
//! Kafka's own topics are not compacted here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Broker;
use super::dirt::Dirt;
use crate::base::{Instant, Offset, RecordId, Span, TopicPartition};
use crate::kafka::message::{Cleaned, LoggedBatch};
use crate::kafka::size::BATCH_HEADER;
use crate::kafka::{Batch, Payload, Records, Stamps};
use crate::node::Ctx;
use crate::node::fact::StorageFact;

/// What a broker reads of records when it compacts: it has their bytes, here are what matters of
/// them, by [`RecordId`].
#[derive(Clone, Debug, Default)]
pub struct RecordKeys {
    /// A number for the key, the same for the same key; 0 for none.
    pub keys: Arc<[u32]>,
    /// Whether it has no value.
    pub tombstones: Arc<[bool]>,
}

impl RecordKeys {
    fn key(&self, record: RecordId) -> u32 {
        self.keys.get(record.0 as usize).copied().unwrap_or(0)
    }

    fn is_tombstone(&self, record: RecordId) -> bool {
        self.tombstones
            .get(record.0 as usize)
            .copied()
            .unwrap_or(false)
    }
}

/// Offsets in order as ranges.
#[derive(Debug, Default)]
struct Ranges(Vec<(Offset, Offset)>);

impl Ranges {
    fn push(&mut self, offset: Offset) {
        match self.0.last_mut() {
            Some((_, end)) if *end == offset => *end += 1,
            _ => self.0.push((offset, offset + 1)),
        }
    }
}

/// A cleaning of one log.
struct Cleaning<'c> {
    keys: &'c RecordKeys,
    /// The last offset of each key in the dirty part.
    last: BTreeMap<u32, Offset>,
    now: Instant,
    tombstone_retention: Option<Span>,
    superseded: Ranges,
    tombstones: Ranges,
}

impl Cleaning<'_> {
    /// Whether a record stays (`Cleaner.shouldRetainRecord`).
    fn keeps(&mut self, record: RecordId, offset: Offset, horizon: Option<Instant>) -> bool {
        let last = self.last.get(&self.keys.key(record));
        if last.is_some_and(|last| offset < *last) {
            self.superseded.push(offset);
            return false;
        }
        let may_go = horizon.is_some_and(|horizon| horizon <= self.now);
        if self.keys.is_tombstone(record) && may_go {
            self.tombstones.push(offset);
            return false;
        }
        true
    }

    /// What is left of a batch; `None` if nothing is and nothing has to.
    fn clean(&mut self, logged: &LoggedBatch, stays_empty: bool) -> Option<LoggedBatch> {
        let records = logged.batch.records();
        let horizon = logged.cleaned.as_ref().and_then(|cleaned| cleaned.horizon);
        let count = records.len();
        let kept = (0..count)
            .filter(|index| self.keeps(records.get(*index), logged.offset_of(*index), horizon));
        let kept: Vec<u32> = kept.collect();
        if kept.is_empty() && !stays_empty {
            return None;
        }
        let has_tombstone = kept.iter().any(|i| self.keys.is_tombstone(records.get(*i)));
        let begins_to_age = has_tombstone && horizon.is_none();
        if kept.len() == count as usize && !begins_to_age {
            return Some(logged.clone());
        }
        let retention = self.tombstone_retention.filter(|_| begins_to_age);
        let cleaned = Cleaned {
            places: kept
                .iter()
                .map(|index| (logged.offset_of(*index) - logged.base_offset) as u32)
                .collect(),
            span: logged.span(),
            horizon: horizon.or(retention.map(|span| self.now + span)),
        };
        Some(LoggedBatch {
            batch: left_of(&logged.batch, &records, &kept),
            cleaned: Some(Arc::new(cleaned)),
            ..*logged
        })
    }
}

/// A batch with these of its records only.
fn left_of(batch: &Batch, records: &Records, kept: &[u32]) -> Batch {
    let ids: Vec<RecordId> = kept.iter().map(|index| records.get(*index)).collect();
    let body = u64::from(batch.bytes - BATCH_HEADER) * kept.len() as u64;
    let body = body / u64::from(records.len().max(1));
    let stamps = kept.iter().map(|index| batch.stamp(*index)).collect();
    Batch {
        payload: Payload::Data(Records::from_slice(&ids)),
        bytes: BATCH_HEADER + body as u32,
        producer: batch.producer,
        max_timestamp: batch.max_timestamp,
        stamps: batch
            .stamps
            .is_some()
            .then(|| Arc::new(Stamps::List(stamps))),
    }
}

impl Broker {
    /// Whether a partition's log is compacted.
    pub(super) fn compacts(&self, tp: TopicPartition) -> bool {
        self.setup.topics[tp.topic.index()]
            .config
            .storage
            .cleanup
            .compact
    }

    /// Whether every record of a batch has the key that a compacted log needs
    /// (`LogValidator.validateKey`).
    pub(super) fn takes_keys(&self, tp: TopicPartition, batch: &Batch) -> bool {
        let has_key = |record| self.setup.records.key(record) != 0;
        !self.compacts(tp) || batch.records().iter().all(has_key)
    }

    /// The cleaner looks: what is dirty enough is cleaned, and what retention no longer keeps goes.
    pub(super) fn clean_logs(&mut self, ctx: &mut Ctx<'_>) {
        for slot in 0..self.disk.files.len() {
            if !self.compacts(self.memory.partitions[slot].name) {
                continue;
            }
            let log = &self.disk.logs[slot];
            let high_watermark = self.memory.partitions[slot].replica.high_watermark();
            let bounds = (log.start(), high_watermark, log.end());
            let files = self.disk.files[slot].as_ref();
            if let Some(dirt) = files.and_then(|files| files.dirt(ctx.now, bounds)) {
                self.clean(ctx, slot, dirt);
            }
            self.retain(ctx, slot);
        }
    }

    fn clean(&mut self, ctx: &mut Ctx<'_>, slot: usize, dirt: Dirt) {
        let partition = &self.memory.partitions[slot];
        let (name, leads) = (partition.name, partition.replica.leads());
        let cleanup = self.setup.topics[name.topic.index()].config.storage.cleanup;
        let log = &mut self.disk.logs[slot];
        let mut cleaning = Cleaning {
            keys: &self.setup.records,
            last: last_offsets(log.batches(), dirt, &self.setup.records),
            now: ctx.now,
            tombstone_retention: cleanup.tombstone_retention,
            superseded: Ranges::default(),
            tombstones: Ranges::default(),
        };
        let mut kept = Vec::new();
        for logged in log
            .batches()
            .take_while(|batch| batch.base_offset < dirt.to)
        {
            let is_last = logged.end_offset() == dirt.to || partition.producers.ends_at(logged);
            kept.extend(cleaning.clean(logged, is_last));
        }
        let (superseded, tombstones) = (cleaning.superseded.0, cleaning.tombstones.0);
        log.replace(dirt.to, kept);
        let files = self.disk.files[slot].as_mut();
        let files = files.expect("what is dirty has files");
        let log = &self.disk.logs[slot];
        files.cleaned(dirt.to, |from, to| {
            let (mut bytes, mut first, mut largest) = (0, None, None);
            let inside = |batch: &&LoggedBatch| (from..to).contains(&batch.base_offset);
            for logged in log.batches().filter(inside) {
                let stamp = logged.batch.max_timestamp;
                bytes += u64::from(logged.batch.bytes);
                first = first.or(Some(stamp));
                largest = largest.max(Some(stamp));
            }
            (bytes, first, largest)
        });
        ctx.note(StorageFact::LogCompacted {
            partition: name,
            up_to: dirt.to,
            superseded: superseded.into(),
            tombstones: tombstones.into(),
            leads,
        });
    }
}

/// The last offset of each key in the dirty part (`Cleaner.buildOffsetMap`).
fn last_offsets<'b>(
    batches: impl Iterator<Item = &'b LoggedBatch>,
    dirt: Dirt,
    keys: &RecordKeys,
) -> BTreeMap<u32, Offset> {
    let mut last = BTreeMap::new();
    let dirty = batches.skip_while(|batch| batch.end_offset() <= dirt.from);
    for logged in dirty.take_while(|batch| batch.base_offset < dirt.to) {
        for (index, record) in (0..).zip(logged.batch.records().iter()) {
            let offset = logged.offset_of(index);
            if dirt.from <= offset {
                last.insert(keys.key(record), offset);
            }
        }
    }
    last
}
