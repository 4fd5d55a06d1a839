//! The files of the logs, as the broker keeps them: segments while appending, the retention task,
//! the flusher, and what a loss of power leaves (`LogManager`).
//!
//! A broker answers from the page cache: nothing waits for the disk. A process that dies loses
//! nothing, for the operating system has it; when the power goes, what was not flushed goes too. The
//! tasks begin 30 s after the process and run on leaders and followers alike. A third forgets producer
//! ids, where its settings are not the defaults: a day does not matter in runs of less than a day. Simplified: a flush takes
//! no time, a deleted file is gone at once, segments of the same log may roll at other offsets on
//! another broker only by what each of its appends held.

use super::Broker;
use super::files::{Expiry, Files};
use super::timers::Slot;
use crate::base::{Instant, Offset, Span, Timestamp};
use crate::node::Ctx;
use crate::node::fact::{Retention, StorageFact};

/// `log.initial.task.delay.ms`.
const FIRST_TASK: Span = Span::from_secs(30);

/// When the two tasks are due next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Upkeep {
    retention: Option<Instant>,
    flush: Option<Instant>,
    expiry: Option<Instant>,
    clean: Option<Instant>,
}

/// How much of what was not flushed a loss of power takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// All of it.
    All,
    /// So many batches at most.
    Last(u64),
    /// A part, by this draw.
    Drawn(u64),
}

impl Broker {
    /// The files of each log, where files matter.
    pub(super) fn new_files(setup: &super::BrokerSetup) -> Vec<Option<Box<Files>>> {
        let default = crate::kafka::config::StorageConfig::default();
        let matters = |config| setup.can_lose_power || config != default;
        let mut files = Vec::new();
        for topic in setup.topics.iter() {
            let limits = topic.config.storage;
            let one = matters(limits).then(|| Box::new(Files::new(limits)));
            files.extend(std::iter::repeat_n(one, topic.partitions_max as usize));
        }
        if files.iter().all(Option::is_none) {
            files.clear();
        }
        files
    }

    /// The process begins: its tasks are due in half a minute.
    pub(super) fn begin_upkeep(&mut self, ctx: &mut Ctx<'_>) {
        let config = &self.setup.config;
        let first = (!self.disk.files.is_empty()).then(|| ctx.now + FIRST_TASK);
        self.memory.upkeep = Upkeep {
            retention: first,
            flush: first,
            expiry: config
                .expires_producers()
                .then(|| ctx.now + config.producer_id_check),
            clean: self.setup.compacts().then_some(ctx.now),
        };
        self.arm_upkeep(ctx);
    }

    fn arm_upkeep(&mut self, ctx: &mut Ctx<'_>) {
        let Upkeep {
            retention,
            flush,
            expiry,
            clean,
        } = self.memory.upkeep;
        let all = [retention, flush, expiry, clean];
        if let Some(at) = all.into_iter().flatten().min() {
            self.memory.timers.arm(ctx, Slot::Upkeep, at);
        }
    }

    /// A task is due.
    pub(super) fn on_upkeep_timer(&mut self, ctx: &mut Ctx<'_>) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= ctx.now);
        let (retains, flushes, expires, cleans) = (
            is_due(self.memory.upkeep.retention),
            is_due(self.memory.upkeep.flush),
            is_due(self.memory.upkeep.expiry),
            is_due(self.memory.upkeep.clean),
        );
        if cleans {
            self.memory.upkeep.clean = Some(ctx.now + self.setup.config.cleaner_backoff);
            self.clean_logs(ctx);
        }
        if retains {
            self.memory.upkeep.retention = Some(ctx.now + self.setup.config.retention_check);
            for slot in 0..self.disk.files.len() {
                // Those of compacted logs are the cleaner's.
                if !self.compacts(self.memory.partitions[slot].name) {
                    self.retain(ctx, slot);
                }
            }
        }
        if flushes {
            let again = self.setup.config.flush_check;
            self.memory.upkeep.flush = again.map(|span| ctx.now + span);
            for (files, log) in self.disk.files.iter_mut().zip(&self.disk.logs) {
                if let Some(files) = files {
                    files.flush_if_due(ctx.now, log.end());
                }
            }
        }
        if expires {
            let config = &self.setup.config;
            self.memory.upkeep.expiry = Some(ctx.now + config.producer_id_check);
            for partition in &mut self.memory.partitions {
                partition
                    .producers
                    .expire(ctx.now, config.producer_id_expiration);
            }
        }
        self.arm_upkeep(ctx);
    }

    /// Deletes the segments of a log that are not to be kept (`UnifiedLog.deleteOldSegments`).
    pub(super) fn retain(&mut self, ctx: &mut Ctx<'_>, slot: usize) {
        let partition = &self.memory.partitions[slot];
        let (name, leads) = (partition.name, partition.replica.leads());
        let high_watermark = partition.replica.high_watermark();
        let cleanup = self.setup.topics[name.topic.index()].config.storage.cleanup;
        for (why, reason) in [
            (Expiry::Start, Retention::Start),
            (Expiry::Size, Retention::Size),
            (Expiry::Time, Retention::Time),
        ] {
            if why != Expiry::Start && !cleanup.delete {
                continue;
            }
            let Some(files) = &mut self.disk.files[slot] else {
                return;
            };
            let log = &mut self.disk.logs[slot];
            let from = log.start();
            let bounds = (from, high_watermark, log.end());
            let Some((segments, base)) = files.expire(ctx.now, why, bounds) else {
                continue;
            };
            log.raise_start(base);
            let to = log.start();
            ctx.note(StorageFact::SegmentDeleted {
                partition: name,
                segments,
                from,
                to,
                reason,
                leads,
            });
            self.mark_for_followers(slot);
        }
    }

    /// So many bytes with this largest timestamp are about to go to the end of a log: a new segment
    /// may begin for them.
    pub(super) fn make_room(
        &mut self,
        ctx: &mut Ctx<'_>,
        slot: usize,
        bytes: u64,
        largest: Timestamp,
    ) {
        let end = self.disk.logs[slot].end();
        if let Some(Some(files)) = self.disk.files.get_mut(slot)
            && files.make_room(ctx.now, end, bytes, largest)
        {
            let partition = &self.memory.partitions[slot];
            let rolled = StorageFact::SegmentRolled {
                partition: partition.name,
                base: end,
                leads: partition.replica.leads(),
            };
            let cause = ctx.cause;
            ctx.note(rolled);
            ctx.cause = cause;
        }
    }

    /// They are written.
    pub(super) fn wrote(&mut self, ctx: &Ctx<'_>, slot: usize, bytes: u64, largest: Timestamp) {
        if let Some(Some(files)) = self.disk.files.get_mut(slot) {
            let end = self.disk.logs[slot].end();
            files.wrote(ctx.now, end, bytes, largest);
        }
    }

    /// A log was cut: its files are as long.
    pub(super) fn cut_files(&mut self, slot: usize) {
        if let Some(Some(files)) = self.disk.files.get_mut(slot) {
            let log = &self.disk.logs[slot];
            let largest = |from: Offset| {
                let inside = log.batches().filter(|batch| from <= batch.base_offset);
                inside.map(|batch| batch.batch.max_timestamp).max()
            };
            files.truncate(
                log.end(),
                |from| log.bytes_between(from, log.end()),
                largest,
            );
        }
    }

    /// The process ends in good order: everything is flushed.
    pub(super) fn flush_all(&mut self, now: Instant) {
        for (files, log) in self.disk.files.iter_mut().zip(&self.disk.logs) {
            if let Some(files) = files {
                files.flush(now, log.end());
            }
        }
    }

    /// The power goes: of what is not on the disk this tail is lost. The log is cut where a batch
    /// ends (`LogSegment.recover` finds the first that is not whole).
    pub fn lose_power(&mut self, ctx: &mut Ctx<'_>, tail: Tail) {
        let cause = ctx.cause;
        for slot in 0..self.disk.files.len() {
            let Some(files) = &self.disk.files[slot] else {
                continue;
            };
            let (flushed, from) = (files.flushed(), self.disk.logs[slot].end());
            let log = &self.disk.logs[slot];
            let unflushed = || log.batches().filter(|b| flushed < b.end_offset());
            let count = unflushed().count() as u64;
            let kept = match tail {
                Tail::All => 0,
                Tail::Last(most) => count.saturating_sub(most),
                Tail::Drawn(draw) => (draw ^ slot as u64) % (count + 1),
            };
            let Some(first_lost) = unflushed().nth(kept as usize) else {
                continue;
            };
            let to = first_lost.base_offset;
            self.disk.logs[slot].truncate(to);
            self.cut_files(slot);
            let partition = self.memory.partitions[slot].name;
            ctx.cause = cause;
            ctx.note(StorageFact::UnflushedLost {
                partition,
                from,
                to,
            });
        }
        ctx.cause = cause;
    }
}
