//! What becomes of batches: answers, lost connections, time-outs, and what the callbacks are told
//! (`Sender.completeBatch`, `canRetry`, `failBatch`, `handleProduceResponse`).

use super::batch::BatchId;
use super::sender::{Sender, Tag};
use crate::base::{ConnId, Offset, TopicPartition};
use crate::kafka::message::{Acks, Api, Few, ProducedPartition, Response, TopicMetadata};
use crate::kafka::{ErrorCode, Records};
use crate::node::Ctx;
use crate::node::client::{Completed, Outcome};
use crate::node::fact::{FactId, LogFact, ProduceFact};

/// What the callbacks of a batch's records were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The partition.
    pub partition: TopicPartition,
    /// The records.
    pub records: Records,
    /// `NONE` or why they failed.
    pub error: ErrorCode,
    /// The first offset, when known.
    pub base_offset: Option<Offset>,
}

impl Sender {
    /// A connection is lost, or could not be made.
    pub fn on_disconnected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        self.metadata.request_update();
        for completed in self.network.on_disconnected(ctx.now, conn) {
            self.handle(ctx, completed);
        }
    }

    /// Closes the connections with an overdue request; all that is under way on them failed.
    pub(super) fn expire_requests(&mut self, ctx: &mut Ctx<'_>) {
        let cause = ctx.cause;
        let mut last = None;
        for completed in self.network.expire(ctx) {
            if last != Some(completed.broker) {
                last = Some(completed.broker);
                self.metadata.request_update();
                self.stretch.state(ctx);
                ctx.cause = cause;
                ctx.note(ProduceFact::RequestTimedOut {
                    to: completed.broker,
                    api: completed.api,
                });
            }
            self.handle(ctx, completed);
        }
        ctx.cause = cause;
    }

    /// Deals with a request that was answered or is lost.
    pub fn handle(&mut self, ctx: &mut Ctx<'_>, completed: Completed<Tag>) {
        match (completed.tag, completed.outcome) {
            (Tag::Produce(batches), Outcome::Response(Response::Produce(answers))) => {
                self.answered(ctx, &batches, &answers);
            }
            (Tag::Produce(batches), Outcome::TimedOut) => {
                self.all_back(ctx, &batches, ErrorCode::RequestTimedOut);
            }
            (Tag::Produce(batches), _) => {
                self.all_back(ctx, &batches, ErrorCode::NetworkException);
            }
            (
                Tag::ProducerId,
                Outcome::Response(Response::InitProducerId {
                    error: ErrorCode::None,
                    id,
                    epoch,
                }),
            ) => {
                let idempotence = self.idempotence.as_mut();
                let idempotence = idempotence.expect("only an idempotent producer asks for an id");
                idempotence.assign((id, epoch));
                self.ask_id_at = Some(ctx.now);
                ctx.note(ProduceFact::ProducerIdAssigned { id, epoch });
            }
            (Tag::ProducerId, _) => self.ask_id_at = Some(ctx.now + self.config.retry_backoff),
            (Tag::Metadata, Outcome::Response(Response::Metadata(topics))) => {
                self.learn(ctx, &topics);
            }
            (Tag::Metadata, _) => self.metadata.failed(),
        }
    }

    fn learn(&mut self, ctx: &mut Ctx<'_>, topics: &[TopicMetadata]) {
        if !self.metadata.update(ctx.now, topics) {
            return;
        }
        for topic in topics {
            let index = self.accumulator.topic(topic.topic);
            if let Some(partitions) = self.metadata.partitions(topic.topic) {
                self.accumulator.learn(index, partitions);
            }
        }
        ctx.note(LogFact::MetadataRefreshed);
    }

    fn answered(&mut self, ctx: &mut Ctx<'_>, batches: &[BatchId], answers: &[ProducedPartition]) {
        assert_eq!(
            batches.len(),
            answers.len(),
            "every batch of a request is answered"
        );
        let place = |id: &BatchId| self.accumulator.shelf.get(*id).place;
        let partition = |id: &BatchId| (self.accumulator.partition(place(id)), *id);
        let sent: Few<(TopicPartition, BatchId)> = batches.iter().map(partition).collect();
        for answer in answers {
            let (_, id) = sent
                .iter()
                .find(|(partition, _)| *partition == answer.partition)
                .expect("what is answered was sent");
            self.complete(ctx, *id, answer.error, answer.base_offset);
        }
    }

    /// Nobody answers any more: in order of the partitions.
    pub(super) fn all_back(&mut self, ctx: &mut Ctx<'_>, batches: &[BatchId], error: ErrorCode) {
        let mut batches = Few::from_slice(batches);
        batches.sort_by_key(|id| self.accumulator.shelf.get(*id).place);
        for id in batches {
            self.complete(ctx, id, error, None);
        }
    }

    /// A batch is back from its request.
    pub(super) fn complete(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: BatchId,
        error: ErrorCode,
        base_offset: Option<Offset>,
    ) {
        let cause = ctx.cause;
        let batch = self.accumulator.shelf.get_mut(id);
        batch.in_request = false;
        let (place, attempts) = (batch.place, batch.attempts);
        let splits = error == ErrorCode::MessageTooLarge && 1 < batch.count() && !batch.done;
        if error == ErrorCode::None {
            self.succeed(ctx, id, base_offset);
        } else if splits {
            self.split(ctx, id);
        } else {
            if self.can_retry(ctx, id, error) {
                self.retry(ctx, id, error);
            } else if error == ErrorCode::DuplicateSequenceNumber {
                self.succeed(ctx, id, None);
            } else {
                self.fail(ctx, id, error, attempts < self.config.retries);
            }
            if error.is_invalid_metadata() {
                self.metadata.request_update();
            }
        }
        if self.config.max_in_flight == 1 {
            self.accumulator.queue(place).muted = false;
            self.accumulator.changes += 1;
        }
        if self.accumulator.shelf.get(id).done {
            self.accumulator.shelf.release(id);
        }
        ctx.cause = cause;
    }

    /// Whether the batch may go again. An idempotent producer prepares what that needs.
    fn can_retry(&mut self, ctx: &mut Ctx<'_>, id: BatchId, error: ErrorCode) -> bool {
        let batch = self.accumulator.shelf.get_mut(id);
        if error == ErrorCode::OutOfOrderSequenceNumber && !batch.done {
            let (place, records) = (batch.place, batch.records());
            let partition = self.accumulator.partition(place);
            let since = self.since(id);
            ctx.note_since(
                ProduceFact::OutOfOrderSequence { partition, records },
                since,
            );
        }
        let batch = self.accumulator.shelf.get(id);
        if batch.done
            || batch.is_expired(ctx.now, self.config.delivery_timeout)
            || self.config.retries <= batch.attempts
        {
            return false;
        }
        let Some(idempotence) = &mut self.idempotence else {
            return error.is_retriable();
        };
        match error {
            ErrorCode::OutOfOrderSequenceNumber => {
                idempotence.out_of_order(&self.accumulator.shelf, id);
                true
            }
            ErrorCode::UnknownProducerId => {
                if !batch.renumbered {
                    idempotence.require_bump(batch.place);
                }
                true
            }
            _ => error.is_retriable(),
        }
    }

    fn retry(&mut self, ctx: &mut Ctx<'_>, id: BatchId, error: ErrorCode) {
        let fact = self.note_retry(ctx, id, error);
        let attempts = self.accumulator.shelf.get(id).attempts;
        let backoff = self.backoff.after(attempts);
        let batch = self.accumulator.shelf.get_mut(id);
        batch.again(ctx.now, backoff);
        batch.since = fact;
        self.accumulator.requeue(id);
    }

    fn note_retry(&mut self, ctx: &mut Ctx<'_>, id: BatchId, error: ErrorCode) -> FactId {
        let since = self.since(id);
        let batch = self.accumulator.shelf.get_mut(id);
        let (place, records) = (batch.place, batch.records());
        self.accumulator.queue(place).in_flight.retain(|b| *b != id);
        let partition = self.accumulator.partition(place);
        let retry = ProduceFact::Retry {
            partition,
            records,
            error,
        };
        ctx.note_since(retry, since)
    }

    /// `MESSAGE_TOO_LARGE` for several records: smaller batches go at once, and count as never
    /// tried.
    fn split(&mut self, ctx: &mut Ctx<'_>, id: BatchId) {
        let fact = self.note_retry(ctx, id, ErrorCode::MessageTooLarge);
        let place = self.accumulator.shelf.get(id).place;
        if let Some(idempotence) = &mut self.idempotence {
            idempotence.untrack(place, id);
        }
        for part in self.accumulator.split(id).into_iter().rev() {
            self.accumulator.shelf.get_mut(part).since = fact;
            if let Some(idempotence) = &mut self.idempotence {
                idempotence.track(&self.accumulator.shelf, part);
            }
            self.accumulator.requeue(part);
        }
        self.accumulator.settle(id);
    }

    fn succeed(&mut self, ctx: &mut Ctx<'_>, id: BatchId, base_offset: Option<Offset>) {
        if let Some(idempotence) = &mut self.idempotence {
            idempotence.acknowledged(&self.accumulator.shelf, id);
        }
        let since = self.since(id);
        let batch = self.accumulator.shelf.get_mut(id);
        if batch.done {
            return;
        }
        let (place, records) = (batch.place, batch.records());
        let partition = self.accumulator.partition(place);
        self.accumulator.settle(id);
        self.told.push(Told {
            partition,
            records: records.clone(),
            error: ErrorCode::None,
            base_offset,
        });
        if self.config.acks != Acks::None {
            let fact = ProduceFact::Acknowledged {
                partition,
                records,
                base_offset,
            };
            ctx.note_since(fact, since);
        }
    }

    /// A batch failed for good; `renumber`: while it had retries left.
    fn fail(&mut self, ctx: &mut Ctx<'_>, id: BatchId, error: ErrorCode, renumber: bool) {
        let since = self.since(id);
        let batch = self.accumulator.shelf.get_mut(id);
        if batch.done {
            return;
        }
        let (place, records) = (batch.place, batch.records());
        let partition = self.accumulator.partition(place);
        ctx.note_since(
            ProduceFact::Failed {
                topic: partition.topic,
                partition: Some(partition.partition),
                records: records.clone(),
                error,
            },
            since,
        );
        self.told.push(Told {
            partition,
            records,
            error,
            base_offset: None,
        });
        if let Some(idempotence) = &mut self.idempotence {
            let out_of_order = matches!(
                error,
                ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId
            );
            idempotence.failed(place, id, renumber || out_of_order);
        }
        self.accumulator.settle(id);
    }

    /// A batch is past `delivery.timeout.ms`; a request with it may still be under way.
    pub(super) fn expire(&mut self, ctx: &mut Ctx<'_>, id: BatchId) {
        self.stretch.state(ctx);
        let cause = ctx.cause;
        let since = self.since(id);
        let batch = self.accumulator.shelf.get_mut(id);
        let (place, records) = (batch.place, batch.records());
        let partition = self.accumulator.partition(place);
        ctx.note_since(ProduceFact::DeliveryTimedOut { partition, records }, since);
        self.fail(ctx, id, ErrorCode::RequestTimedOut, false);
        let batch = self.accumulator.shelf.get(id);
        if let Some(idempotence) = &mut self.idempotence
            && batch.retried
        {
            idempotence.unresolved(&self.accumulator.shelf, id);
        }
        if !batch.in_request {
            self.accumulator.shelf.release(id);
        }
        ctx.cause = cause;
    }
}

/// The batches of an answer to `Produce`.
pub(super) fn batches_of(completed: &Completed<Tag>) -> Option<&[BatchId]> {
    match &completed.tag {
        Tag::Produce(batches) if completed.api == Api::Produce => Some(batches),
        _ => None,
    }
}
