//! The producer inside the application, for records that are sent on to another topic.
//!
//! Kept simple: one record per batch and request, `acks=all`, no idempotence, one request at a
//! time, the sender waits, every error is retried. A record keeps its id. Its key is not known
//! here; it goes to the partition of its own number modulo the partitions of the target, which is
//! Kafka's choice for keyed records whenever the one count divides the other.

use std::collections::VecDeque;

use super::app::Activity;
use super::script::Item;
use super::{Member, Tag};
use crate::base::{Instant, TopicId, TopicPartition};
use crate::kafka::message::{Acks, Few, ProduceRequest, Request, Response};
use crate::kafka::{Batch, ErrorCode, Payload, Records};
use crate::node::client::Outcome;
use crate::node::{Ctx, Lane};

/// The size of a batch with one small record.
const BATCH_BYTES: u32 = 61 + 110;

/// Who waits for a record to be sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Application,
    Worker(u16),
}

/// A record on its way.
#[derive(Clone, Copy, Debug)]
struct Outgoing {
    item: Item,
    to: TopicId,
    sender: Sender,
}

/// What is to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Outgoing>,
    in_flight: bool,
    retry_at: Option<Instant>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// When to try again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }
}

impl Member {
    /// Sends a record on.
    pub(super) fn send_on(&mut self, ctx: &mut Ctx<'_>, item: Item, to: TopicId, sender: Sender) {
        self.metadata.want(to);
        self.outbox.queue.push_back(Outgoing { item, to, sender });
        self.serve_outbox(ctx);
    }

    /// Sends the next record, if it can go now.
    pub(super) fn serve_outbox(&mut self, ctx: &mut Ctx<'_>) {
        let waits = self.outbox.retry_at.is_some_and(|at| ctx.now < at);
        let Some(next) = self.outbox.queue.front().copied() else {
            return;
        };
        if self.outbox.in_flight || waits {
            return;
        }
        self.outbox.retry_at = None;
        let partition = self.metadata.partition_count(next.to).map(|count| {
            let number = next.item.tp.partition % count.max(1);
            TopicPartition::new(next.to, number)
        });
        let leader = partition.and_then(|tp| Some((tp, self.metadata.leader(tp)?)));
        let Some((tp, leader)) = leader else {
            self.metadata.request_update();
            self.outbox.retry_at = Some(ctx.now + self.setup.config.retry_backoff);
            return;
        };
        let batch = Batch {
            payload: Payload::Data(Records::one(next.item.record)),
            bytes: BATCH_BYTES,
            producer: None,
            max_timestamp: ctx.now.into(),
            stamps: None,
        };
        let request = Request::Produce(ProduceRequest {
            acks: Acks::All,
            timeout: self.setup.config.request_timeout,
            batches: Few::from_iter([(tp, batch)]),
        });
        self.outbox.in_flight = true;
        let to = (leader, Lane::Main);
        self.wire.send(ctx, to, request, None, Tag::Produce);
    }

    /// The answer to a send.
    pub(super) fn send_answered(&mut self, ctx: &mut Ctx<'_>, outcome: &Outcome) {
        self.outbox.in_flight = false;
        let written = matches!(
            outcome,
            Outcome::Response(Response::Produce(produced))
                if produced.iter().all(|p| p.error == ErrorCode::None)
        );
        if !written {
            self.metadata.request_update();
            self.outbox.retry_at = Some(ctx.now + self.setup.config.retry_backoff);
            return;
        }
        let sent = self
            .outbox
            .queue
            .pop_front()
            .expect("an answer is to a request");
        self.sent_on(ctx, sent.item, sent.to);
        match sent.sender {
            Sender::Application => {
                if matches!(self.app.activity, Activity::Sending) {
                    self.app.activity = Activity::None;
                }
            }
            Sender::Worker(worker) => self.worker_sent(ctx, worker),
        }
        self.serve_outbox(ctx);
    }
}
