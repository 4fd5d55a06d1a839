//! Fetching ahead (`AbstractFetch`): which partitions are asked of which broker, and when.
//!
//! One fetch per broker at a time; a partition only while nothing of it is buffered; and no broker
//! at all while a fetchable partition it leads is buffered (KAFKA-17182, in 4.1). The order of the
//! partitions in a request decides the order of records in a poll. It is Kafka's: a full request
//! lists them as Java's `HashSet` hands them out, later ones follow the broker's fetch session, in
//! which partitions that returned data move to the end (`IncrementalFetchContext`).
//!
//! Not here: follower fetching, `read_committed`, fetch sessions on the wire (every request lists
//! all its partitions, and answers without data are dropped).

use super::buffer::{Buffer, Chunk, ChunkError, Run};
use super::positions::{Place, PositionState};
use super::{Member, Tag};
use crate::base::{NodeId, Offset, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::config::consumer::OffsetReset;
use crate::kafka::hash::{string_hash, topic_partition_hash};
use crate::kafka::java_hash;
use crate::kafka::message::{
    FetchPartition, FetchRequest, FetchedPartition, Few, Request, Response,
};
use crate::node::client::Outcome;
use crate::node::{Ctx, Lane};

/// The order in which a broker's fetch session serves partitions.
#[derive(Clone, Debug)]
struct Session {
    broker: NodeId,
    order: Vec<TopicPartition>,
}

/// What was asked of a broker.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    partitions: Vec<(TopicPartition, Offset)>,
    /// Whether this was the request that opened the session.
    full: bool,
}

/// The fetching side of a member.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetcher {
    pub(super) buffer: Buffer,
    pending: Vec<NodeId>,
    sessions: Vec<Session>,
}

impl Fetcher {
    /// The partitions to ask for in the order in which they will be served, and whether the
    /// session is new.
    fn order(&mut self, broker: NodeId, wanted: &[TopicPartition]) -> (Vec<TopicPartition>, bool) {
        let Some(session) = self.sessions.iter_mut().find(|s| s.broker == broker) else {
            let order = wanted.to_vec();
            self.sessions.push(Session {
                broker,
                order: order.clone(),
            });
            return (order, true);
        };
        session.order.retain(|tp| wanted.contains(tp));
        for tp in wanted {
            if !session.order.contains(tp) {
                session.order.push(*tp);
            }
        }
        (session.order.clone(), false)
    }

    /// An incremental answer: what returned data goes to the end of its session.
    fn served(&mut self, broker: NodeId, fetched: &[FetchedPartition]) {
        let Some(session) = self.sessions.iter_mut().find(|s| s.broker == broker) else {
            return;
        };
        for partition in fetched.iter().filter(|p| !p.batches.is_empty()) {
            let before = session.order.len();
            session.order.retain(|tp| *tp != partition.partition);
            if session.order.len() < before {
                session.order.push(partition.partition);
            }
        }
    }
}

impl Member {
    /// Sends a fetch to every broker that may be asked (`sendFetches`).
    pub(super) fn send_fetches(&mut self, ctx: &mut Ctx<'_>) {
        if self.positions.iter().all(|owned| !owned.is_fetchable()) {
            return;
        }
        let wanted = self.unbuffered();
        if wanted.is_empty() {
            return;
        }
        let busy: Few<NodeId> = self
            .fetcher
            .buffer
            .partitions()
            .filter(|tp| {
                self.positions
                    .get(*tp)
                    .is_some_and(super::positions::Owned::is_fetchable)
            })
            .filter_map(|tp| self.metadata.leader(tp))
            .collect();
        let mut brokers: Few<NodeId> = Few::new();
        let mut leaderless = false;
        for tp in &wanted {
            match self.metadata.leader(*tp) {
                None => leaderless = true,
                Some(broker) if !brokers.contains(&broker) => brokers.push(broker),
                Some(_) => {}
            }
        }
        if leaderless {
            self.metadata.request_update();
        }
        brokers.sort_unstable();
        for broker in brokers {
            let skip = busy.contains(&broker)
                || self.fetcher.pending.contains(&broker)
                || self.wire.is_unavailable(ctx.now, broker, Lane::Main);
            if !skip {
                self.send_fetch(ctx, broker, &wanted);
            }
        }
    }

    /// Fetchable partitions without buffered data, as Java's `HashSet` orders them.
    fn unbuffered(&self) -> Few<TopicPartition> {
        let fetchable: Few<TopicPartition> = self
            .positions
            .iter()
            .filter(|owned| owned.is_fetchable() && !self.fetcher.buffer.holds(owned.tp))
            .map(|owned| owned.tp)
            .collect();
        if fetchable.len() < 2 {
            return fetchable;
        }
        let hash = |tp: &TopicPartition| {
            let name = self.setup.topics.iter().find(|(id, _)| *id == tp.topic);
            let name = name.map_or(0, |(_, name)| string_hash(name));
            topic_partition_hash(name, tp.partition)
        };
        java_hash::collected_order(&fetchable, fetchable.len(), hash).into()
    }

    fn send_fetch(&mut self, ctx: &mut Ctx<'_>, broker: NodeId, wanted: &[TopicPartition]) {
        let led: Few<TopicPartition> = wanted
            .iter()
            .copied()
            .filter(|tp| self.metadata.leader(*tp) == Some(broker))
            .collect();
        let (order, full) = self.fetcher.order(broker, &led);
        let config = &self.setup.config;
        let partitions: Vec<FetchPartition> = order
            .iter()
            .map(|tp| FetchPartition {
                partition: *tp,
                offset: self
                    .positions
                    .get(*tp)
                    .and_then(super::positions::Owned::position)
                    .expect("fetchable partitions have a valid position"),
                leader_epoch: self.metadata.leader_epoch(*tp).unwrap_or(0),
                last_epoch: None,
                max_bytes: config.max_partition_fetch_bytes,
            })
            .collect();
        let asked = Asked {
            partitions: partitions.iter().map(|p| (p.partition, p.offset)).collect(),
            full,
        };
        let request = Request::Fetch(FetchRequest {
            replica: None,
            max_wait: config.fetch_max_wait,
            min_bytes: config.fetch_min_bytes,
            max_bytes: config.fetch_max_bytes,
            partitions,
        });
        self.fetcher.pending.push(broker);
        let to = (broker, Lane::Main);
        self.wire.send(ctx, to, request, None, Tag::Fetch(asked));
    }

    /// A fetch is over: its partitions go into the buffer.
    pub(super) fn fetched(&mut self, broker: NodeId, asked: &Asked, outcome: Outcome) {
        self.fetcher.pending.retain(|pending| *pending != broker);
        let Outcome::Response(Response::Fetch(fetched)) = outcome else {
            // The session is gone with its connection; the next request is a full one.
            self.fetcher.sessions.retain(|s| s.broker != broker);
            self.metadata.request_update();
            return;
        };
        if !asked.full {
            self.fetcher.served(broker, &fetched);
        }
        for partition in fetched {
            let tp = partition.partition;
            let offset = asked.partitions.iter().find(|(asked, _)| *asked == tp);
            let offset = offset.expect("an answer speaks of what was asked").1;
            if !partition.batches.is_empty() || partition.error != ErrorCode::None {
                let chunk = Chunk::new(tp, offset, partition.error, partition.batches);
                self.fetcher.buffer.push(chunk);
            }
        }
    }

    /// Fills a poll from the buffer; an exception's name if the poll throws instead.
    pub(super) fn collect(&mut self) -> Result<Vec<Run>, &'static str> {
        let limit = self.setup.config.max_poll_records;
        loop {
            let (runs, error) = self.fetcher.buffer.collect(&mut self.positions, limit);
            let ChunkError::Failed(tp, error, offset) = error else {
                return Ok(runs);
            };
            let thrown = self.fetch_error(tp, error, offset);
            match thrown {
                Some(exception) if runs.is_empty() => return Err(exception),
                _ if !runs.is_empty() => return Ok(runs),
                _ => {}
            }
        }
    }

    /// What a partition's error leads to (`FetchCollector.handleInitializeErrors`).
    fn fetch_error(
        &mut self,
        tp: TopicPartition,
        error: ErrorCode,
        fetched: Offset,
    ) -> Option<&'static str> {
        let policy = self.setup.config.offset_reset;
        if error != ErrorCode::OffsetOutOfRange {
            if error != ErrorCode::UnknownLeaderEpoch {
                self.metadata.request_update();
            }
            return None;
        }
        let owned = self.positions.get_mut(tp)?;
        if owned.position() != Some(fetched) {
            return None;
        }
        let Some(to) = reset_place(policy) else {
            return Some("OffsetOutOfRangeException");
        };
        owned.becomes(PositionState::AwaitingReset { to, seek: false });
        None
    }
}

/// Where `auto.offset.reset` goes; `None` where `poll` throws.
pub(super) fn reset_place(policy: OffsetReset) -> Option<Place> {
    match policy {
        OffsetReset::Earliest => Some(Place::Earliest),
        OffsetReset::Latest => Some(Place::Latest),
        OffsetReset::ByDuration(span) => Some(Place::Ago(span)),
        OffsetReset::None => None,
    }
}
