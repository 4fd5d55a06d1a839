//! Fetch requests of consumers: what may be read, and the long poll
//! (`ReplicaManager.fetchMessages`, `readFromLog`, `DelayedFetch`); and what they ask about logs
//! without reading them: offsets and the ends of leader epochs.
//!
//! A request that finds less than `fetch.min.bytes` is parked with each of its partitions. The
//! high watermark of one of them wakes it; it is answered when there is enough, at its time limit
//! with whatever is there.

use std::cmp::Ordering;

use super::Broker;
use super::connections::Parked;
use crate::base::TopicPartition;
use crate::base::{ConnId, Offset};
use crate::kafka::ErrorCode;
use crate::kafka::message::{
    AskedEpoch, EpochEnd, FetchPartition, FetchRequest, FetchedPartition, OffsetSpec, Response,
};
use crate::node::{Ctx, FactId};

/// A consumer's fetch that waits for data.
#[derive(Clone, Debug)]
pub(super) struct ParkedFetch {
    request: FetchRequest,
}

/// The limits of an answer while it is filled, partition by partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    bytes: u64,
    is_empty: bool,
}

impl Room {
    pub(super) fn new(max_bytes: u32) -> Self {
        Self {
            bytes: u64::from(max_bytes),
            is_empty: true,
        }
    }

    /// How much of one partition goes in, and whether its first batch does whatever its size: so it
    /// is until there is something in the answer, or else nobody would ever get past a large batch.
    pub(super) fn of_partition(self, max_bytes: u32) -> (u64, bool) {
        (self.bytes.min(u64::from(max_bytes)), self.is_empty)
    }

    pub(super) fn take(&mut self, bytes: u64) {
        self.is_empty &= bytes == 0;
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Broker {
    /// Handles a consumer's fetch.
    pub(super) fn fetch(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        correlation: u32,
        mut request: FetchRequest,
    ) {
        request.max_bytes = request.max_bytes.min(self.setup.config.fetch_max_bytes);
        let at_once = request.max_wait.0 == 0 || request.partitions.is_empty();
        if at_once || self.has_enough(&request) {
            return self.answer_fetch(ctx, conn, correlation, &request);
        }
        for wanted in &request.partitions {
            let slot = self.setup_slot(wanted.partition);
            self.memory.partitions[slot].fetches.push(conn);
        }
        let deadline = ctx.now + request.max_wait;
        let parked = Parked::Fetch(ParkedFetch { request });
        let cause = ctx.cause;
        self.park(conn, parked, cause, Some(deadline));
    }

    fn setup_slot(&self, tp: TopicPartition) -> usize {
        self.slots
            .of(tp)
            .expect("an unknown partition is an error, so its fetch is not parked")
    }

    /// Whether a fetch has nothing to wait for: enough bytes, or an error, or a position beyond
    /// what may be read.
    fn has_enough(&self, request: &FetchRequest) -> bool {
        let mut bytes = 0;
        for wanted in &request.partitions {
            let Ok(slot) = self.readable(wanted) else {
                return true;
            };
            let bound = self.memory.partitions[slot].replica.high_watermark();
            if bound < wanted.offset {
                return true;
            }
            let there = self.disk.logs[slot].bytes_between(wanted.offset, bound);
            bytes += there.min(u64::from(wanted.max_bytes));
        }
        u64::from(request.min_bytes) <= bytes
    }

    /// The place of a partition that can be read at this offset, or why it cannot.
    pub(super) fn readable(&self, wanted: &FetchPartition) -> Result<usize, ErrorCode> {
        let slot = self.slot_led_in(wanted.partition, wanted.leader_epoch)?;
        let log = &self.disk.logs[slot];
        if wanted.offset < log.start() || log.end() < wanted.offset {
            Err(ErrorCode::OffsetOutOfRange)
        } else {
            Ok(slot)
        }
    }

    /// The place of a partition for a client that knows its current leader epoch
    /// (`Partition.checkCurrentLeaderEpoch`), or why it is not served.
    pub(super) fn slot_led_in(
        &self,
        tp: TopicPartition,
        leader_epoch: u32,
    ) -> Result<usize, ErrorCode> {
        let slot = self.led_slot(tp)?;
        let known = self.memory.partitions[slot].replica.leader_epoch();
        match leader_epoch.cmp(&known) {
            Ordering::Less => Err(ErrorCode::FencedLeaderEpoch),
            Ordering::Equal => Ok(slot),
            Ordering::Greater => Err(ErrorCode::UnknownLeaderEpoch),
        }
    }

    fn answer_fetch(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        correlation: u32,
        request: &FetchRequest,
    ) {
        let mut room = Room::new(request.max_bytes);
        let mut answer = Vec::with_capacity(request.partitions.len());
        let mut because = FactId::NONE;
        for wanted in &request.partitions {
            let fetched = match self.readable(wanted) {
                Err(error) => failed(wanted.partition, error),
                Ok(slot) => {
                    let partition = &self.memory.partitions[slot];
                    let bound = partition.replica.high_watermark();
                    let (max_bytes, first_anyway) = room.of_partition(wanted.max_bytes);
                    let log = &self.disk.logs[slot];
                    let slice = log.read(wanted.offset, bound, max_bytes, first_anyway);
                    room.take(slice.bytes);
                    if !slice.batches.is_empty() {
                        because = because.max(partition.replicated);
                    }
                    FetchedPartition {
                        partition: wanted.partition,
                        error: ErrorCode::None,
                        high_watermark: bound,
                        log_start: log.start(),
                        diverging: None,
                        batches: slice.batches,
                    }
                }
            };
            answer.push(fetched);
        }
        // Records are read because they are replicated; a fetch alone explains nothing.
        if because != FactId::NONE {
            ctx.cause = because;
        }
        self.answer(ctx, conn, correlation, Response::Fetch(answer));
    }

    /// Looks at the consumers' fetches that wait for a partition.
    pub(super) fn wake_fetches(&mut self, ctx: &mut Ctx<'_>, slot: usize) {
        let mut index = 0;
        while let Some(&conn) = self.memory.partitions[slot].fetches.get(index) {
            let Some(Parked::Fetch(parked)) = self.memory.connections.parked(conn) else {
                unreachable!("who waits for data is parked")
            };
            if self.has_enough(&parked.request) {
                self.complete_fetch(ctx, conn);
            } else {
                index += 1;
            }
        }
    }

    /// Answers a parked fetch with what is there.
    pub(super) fn complete_fetch(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        let Some((Parked::Fetch(parked), correlation, cause)) =
            self.memory.connections.unpark(conn)
        else {
            unreachable!("the fetch was seen parked")
        };
        self.forget_fetch(conn, &parked);
        ctx.cause = cause;
        self.answer_fetch(ctx, conn, correlation, &parked.request);
    }

    /// The fetch no longer waits for any partition.
    pub(super) fn forget_fetch(&mut self, conn: ConnId, parked: &ParkedFetch) {
        for wanted in &parked.request.partitions {
            let slot = self.setup_slot(wanted.partition);
            let waiting = &mut self.memory.partitions[slot].fetches;
            waiting.retain(|other| *other != conn);
        }
    }

    /// Handles `ListOffsets` of a client.
    pub(super) fn list_offsets(
        &self,
        wanted: &[(TopicPartition, OffsetSpec)],
    ) -> Vec<(TopicPartition, ErrorCode, Option<Offset>)> {
        let look_up = |(tp, spec): &(TopicPartition, OffsetSpec)| match self.led_slot(*tp) {
            Err(error) => (*tp, error, None),
            Ok(slot) => {
                let replica = &self.memory.partitions[slot].replica;
                let log = &self.disk.logs[slot];
                let bound = replica.high_watermark();
                let offset = match spec {
                    OffsetSpec::Earliest => Some(log.start()),
                    OffsetSpec::Latest => (replica.epoch_start() <= bound).then_some(bound),
                    OffsetSpec::At(stamp) => {
                        log.first_stamped(*stamp).filter(|offset| *offset < bound)
                    }
                };
                // A new leader whose high watermark is behind what it began with cannot say yet.
                if offset.is_none() && bound < replica.epoch_start() {
                    (*tp, ErrorCode::OffsetNotAvailable, None)
                } else {
                    (*tp, ErrorCode::None, offset)
                }
            }
        };
        wanted.iter().map(look_up).collect()
    }

    /// Handles `OffsetForLeaderEpoch` (`ReplicaManager.lastOffsetForLeaderEpoch`).
    pub(super) fn ends_of_epochs(&self, asked: &[AskedEpoch]) -> Vec<EpochEnd> {
        let look_up = |asked: &AskedEpoch| {
            let slot = self.slot_led_in(asked.partition, asked.current_leader_epoch);
            let (error, end) = match slot {
                Err(error) => (error, None),
                Ok(slot) => {
                    let end = self.disk.logs[slot].end_of_epoch(asked.leader_epoch);
                    (ErrorCode::None, end)
                }
            };
            EpochEnd {
                partition: asked.partition,
                error,
                end,
            }
        };
        asked.iter().map(look_up).collect()
    }
}

/// A partition that cannot be read.
pub(super) fn failed(partition: TopicPartition, error: ErrorCode) -> FetchedPartition {
    FetchedPartition {
        partition,
        error,
        high_watermark: 0,
        log_start: 0,
        diverging: None,
        batches: Vec::new(),
    }
}
