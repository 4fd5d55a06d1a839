//! Produce requests: the leader's append, and the wait for replication
//! (`ReplicaManager.appendRecords`, `Partition.appendRecordsToLeader`, `DelayedProduce`).
//!
//! A request that waits, with `acks=all`, holds for each of its partitions the offset the high
//! watermark has to reach. Its data is in the log whatever becomes of the wait.

use super::connections::Parked;
use super::producer_state::Admission;
use super::{Broker, Partition};
use crate::base::{ConnId, Offset, TopicPartition};
use crate::kafka::message::{Acks, Few, LoggedBatch, ProduceRequest, ProducedPartition, Response};
use crate::kafka::{Batch, ErrorCode};
use crate::node::fact::LogFact;
use crate::node::{Ctx, Effect, FactId};

/// A produce request that waits for replication.
#[derive(Clone, Debug)]
pub(super) struct ParkedProduce {
    results: Few<ProducedPartition>,
    /// Place in `results`, the partition's slot, and the offset its high watermark has to reach.
    pending: Few<(usize, usize, Offset)>,
}

impl ParkedProduce {
    /// The partitions it waits for.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> + '_ {
        self.pending.iter().map(|(_, slot, _)| *slot)
    }

    /// Settles the batches whose outcome is known, of one partition or of all. Returns whether
    /// nothing is left to wait for.
    fn settle(&mut self, partitions: &[Partition], only: Option<usize>) -> bool {
        let results = &mut self.results;
        self.pending.retain(|(index, slot, required)| {
            if only.is_some_and(|only| only != *slot) {
                return true;
            }
            let outcome = partitions[*slot].replica.write_outcome(*required);
            if let Some(error) = outcome {
                results[*index].error = error;
            }
            outcome.is_none()
        });
        self.pending.is_empty()
    }
}

/// Where a batch is in the log.
#[derive(Clone, Copy, Debug)]
struct Written {
    slot: usize,
    base_offset: Offset,
    end: Offset,
    moved: bool,
}

impl Broker {
    /// Handles a produce request.
    pub(super) fn produce(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        correlation: u32,
        request: ProduceRequest,
    ) {
        let cause = ctx.cause;
        let mut parked = ParkedProduce {
            results: Few::with_capacity(request.batches.len()),
            pending: Few::new(),
        };
        let mut is_refused = false;
        let mut wakes = std::mem::take(&mut self.memory.wakes);
        for (tp, batch) in request.batches {
            ctx.cause = cause;
            let written = self.write_batch(ctx, tp, batch, request.acks);
            let error = written.err().unwrap_or(ErrorCode::None);
            is_refused |= error != ErrorCode::None;
            if let Ok(written) = written {
                if request.acks == Acks::All {
                    let index = parked.results.len();
                    parked.pending.push((index, written.slot, written.end));
                }
                wakes.push((written.slot, written.moved));
            }
            parked.results.push(ProducedPartition {
                partition: tp,
                error,
                base_offset: written.ok().map(|w| w.base_offset),
            });
        }
        let is_settled = parked.settle(&self.memory.partitions, None);
        match request.acks {
            Acks::None if is_refused => self.hang_up(ctx, conn, correlation),
            Acks::None => {
                ctx.effects.push(Effect::Answered { conn, correlation });
                self.finish(ctx, conn, correlation);
            }
            _ if is_settled => {
                self.answer(ctx, conn, correlation, Response::Produce(parked.results));
            }
            _ => {
                for slot in parked.slots() {
                    self.memory.partitions[slot].produces.push(conn);
                }
                let deadline = ctx.now + request.timeout;
                let cause = ctx.cause;
                self.park(conn, Parked::Produce(parked), cause, Some(deadline));
            }
        }
        // As in Kafka, whoever waits for data is looked at when the whole request is appended.
        for (slot, moved) in wakes.drain(..) {
            self.wake_after_append(ctx, slot, moved);
        }
        self.memory.wakes = wakes;
    }

    /// Appends one batch, or recognises it, or refuses it.
    fn write_batch(
        &mut self,
        ctx: &mut Ctx<'_>,
        tp: TopicPartition,
        batch: Batch,
        acks: Acks,
    ) -> Result<Written, ErrorCode> {
        let refuse = |ctx: &mut Ctx<'_>, batch: &Batch, error, since| {
            let refused = LogFact::AppendRefused {
                partition: tp,
                records: batch.records(),
                error,
            };
            ctx.note_since(refused, since);
            Err(error)
        };
        let slot = match self.led_slot(tp) {
            Ok(slot) => slot,
            Err(error) => {
                let since = self.set_by(tp);
                return refuse(ctx, &batch, error, since);
            }
        };
        let partition = &self.memory.partitions[slot];
        let set_by = partition.replica.set_by();
        if acks == Acks::All && !partition.replica.has_enough_in_sync() {
            return refuse(ctx, &batch, ErrorCode::NotEnoughReplicas, set_by);
        }
        let limit = self.setup.topics[tp.topic.index()].config.max_message_bytes;
        if limit < batch.bytes {
            return refuse(ctx, &batch, ErrorCode::MessageTooLarge, FactId::NONE);
        }
        if !self.takes_keys(tp, &batch) {
            return refuse(ctx, &batch, ErrorCode::InvalidRecord, FactId::NONE);
        }
        if !self.takes_stamps(ctx.now, tp, &batch) {
            return refuse(ctx, &batch, ErrorCode::InvalidTimestamp, FactId::NONE);
        }
        let admission = match batch.producer {
            Some(stamp) => partition.producers.check(stamp, batch.count()),
            None => Admission::Append,
        };
        match admission {
            Admission::Append => Ok(self.append(ctx, slot, tp, batch)),
            Admission::Refuse(error) => refuse(ctx, &batch, error, FactId::NONE),
            Admission::Duplicate(original) => {
                let again = LogFact::RetryDeduplicated {
                    partition: tp,
                    records: batch.records(),
                    base_offset: original.base_offset,
                };
                ctx.note_since(again, original.appended);
                Ok(Written {
                    slot,
                    base_offset: original.base_offset,
                    end: original.base_offset + Offset::from(original.count),
                    moved: false,
                })
            }
        }
    }

    fn append(
        &mut self,
        ctx: &mut Ctx<'_>,
        slot: usize,
        tp: TopicPartition,
        batch: Batch,
    ) -> Written {
        let before = self.append_as_leader(ctx, slot, tp, batch);
        let moved = self.advance(ctx, slot);
        Written {
            slot,
            base_offset: before,
            end: self.disk.logs[slot].end(),
            moved,
        }
    }

    /// Appends a batch to a partition this broker leads, and returns its first offset. The high
    /// watermark is the caller's next thought.
    pub(super) fn append_as_leader(
        &mut self,
        ctx: &mut Ctx<'_>,
        slot: usize,
        tp: TopicPartition,
        mut batch: Batch,
    ) -> Offset {
        if self.setup.shows_stamps {
            self.stamp(ctx.now, tp, &mut batch);
        }
        let keeps_files = !self.disk.files.is_empty();
        let (bytes, largest) = (u64::from(batch.bytes), batch.max_timestamp);
        if keeps_files {
            self.make_room(ctx, slot, bytes, largest);
        }
        let log = &mut self.disk.logs[slot];
        let partition = &mut self.memory.partitions[slot];
        let (base_offset, count) = (log.end(), batch.count());
        let leader_epoch = partition.replica.leader_epoch();
        let sessions = &self.memory.sessions;
        partition
            .replica
            .note_silent_fetches(base_offset, |node| sessions.last_fetch(node));
        let appended = ctx.note(LogFact::Appended {
            partition: tp,
            base_offset,
            records: batch.records(),
            count,
            leader_epoch,
        });
        let logged = LoggedBatch {
            base_offset,
            leader_epoch,
            batch,
            cleaned: None,
        };
        partition.producers.record(&logged, appended);
        let largest = logged.batch.max_timestamp;
        log.append(logged);
        if self.setup.shows_stamps {
            self.say_stamped(ctx, tp, (base_offset, count), largest);
        }
        if keeps_files {
            self.wrote(ctx, slot, bytes, largest);
        }
        base_offset
    }

    /// After an append: followers have something to fetch, and if the high watermark moved, others
    /// may go on too.
    pub(super) fn wake_after_append(&mut self, ctx: &mut Ctx<'_>, slot: usize, moved: bool) {
        self.wake_followers(ctx, slot);
        if moved {
            self.wake_at_high_watermark(ctx, slot);
        }
    }

    /// Looks at the produce requests that wait for a partition.
    pub(super) fn wake_produces(&mut self, ctx: &mut Ctx<'_>, slot: usize) {
        let mut waiting = std::mem::take(&mut self.memory.partitions[slot].produces);
        waiting.retain(|conn| !self.try_complete_produce(ctx, slot, *conn));
        assert!(
            self.memory.partitions[slot].produces.is_empty(),
            "nobody begins to wait while others are woken"
        );
        self.memory.partitions[slot].produces = waiting;
    }

    /// Returns whether the request waits for this partition no longer.
    fn try_complete_produce(&mut self, ctx: &mut Ctx<'_>, slot: usize, conn: ConnId) -> bool {
        let memory = &mut self.memory;
        let Some(Parked::Produce(parked)) = memory.connections.parked_mut(conn) else {
            unreachable!("who waits for a high watermark is parked")
        };
        let is_settled = parked.settle(&memory.partitions, Some(slot));
        let waits_on = parked.slots().any(|of| of == slot);
        if is_settled {
            self.complete_produce(ctx, conn);
        }
        !waits_on
    }

    fn complete_produce(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        let Some((Parked::Produce(parked), correlation, _)) = self.memory.connections.unpark(conn)
        else {
            unreachable!("the request was seen parked")
        };
        self.answer(ctx, conn, correlation, Response::Produce(parked.results));
    }

    /// The wait is over: what is not replicated has timed out. It stays in the log.
    pub(super) fn time_out_produce(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        let Some((Parked::Produce(mut parked), correlation, cause)) =
            self.memory.connections.unpark(conn)
        else {
            unreachable!("the request was seen parked")
        };
        self.forget_produce(conn, &parked);
        for (index, _, _) in &parked.pending {
            parked.results[*index].error = ErrorCode::RequestTimedOut;
        }
        ctx.cause = cause;
        self.answer(ctx, conn, correlation, Response::Produce(parked.results));
    }

    /// The request no longer waits for any partition.
    pub(super) fn forget_produce(&mut self, conn: ConnId, parked: &ParkedProduce) {
        for slot in parked.slots() {
            let waiting = &mut self.memory.partitions[slot].produces;
            waiting.retain(|other| *other != conn);
        }
    }
}
