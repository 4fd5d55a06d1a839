//! The follower's side of replication: one fetcher per leader
//! (`AbstractFetcherThread`, `ReplicaFetcherThread`), over the broker's own connections.
//!
//! A fetcher has one fetch under way, which covers all its partitions; as soon as it is answered
//! the next one goes. The high watermark is what an answer says, so a follower lags behind by one
//! fetch. A partition with an error is left out for `replica.fetch.backoff.ms`.
//!
//! Not here: truncation after an election (with faults on brokers).

use std::collections::BTreeMap;

use super::Broker;
use super::timers::Slot;
use crate::base::{Instant, NodeId, Span, TopicId};
use crate::kafka::ErrorCode;
use crate::kafka::message::{FetchPartition, FetchRequest, FetchedPartition, Request, Response};
use crate::node::broker::replica::Role;
use crate::node::client::{Completed, Outcome};
use crate::node::{Ctx, Lane};

/// What a broker's own requests are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// To copy from the leader it goes to.
    Fetch,
    /// To have a topic created.
    Create(TopicId),
}

/// Copies from one leader.
#[derive(Clone, Debug, Default)]
struct Fetcher {
    /// Its partitions.
    slots: Vec<usize>,
    /// Those the next request lists.
    moved: Vec<usize>,
    /// Those left out, and until when.
    paused: Vec<(Instant, usize)>,
    is_waiting: bool,
}

/// The fetchers, by leader.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetchers {
    by_leader: BTreeMap<NodeId, Fetcher>,
}

impl Fetchers {
    /// From now on this partition is copied from `leader`, or from nobody.
    pub(super) fn assign(&mut self, slot: usize, leader: Option<NodeId>) {
        for (node, fetcher) in &mut self.by_leader {
            if Some(*node) != leader {
                fetcher.slots.retain(|of| *of != slot);
                fetcher.moved.retain(|of| *of != slot);
                fetcher.paused.retain(|(_, of)| *of != slot);
            }
        }
        if let Some(leader) = leader {
            let fetcher = self.by_leader.entry(leader).or_default();
            if !fetcher.slots.contains(&slot) {
                fetcher.slots.push(slot);
                fetcher.moved.push(slot);
            }
        }
    }

    /// The session with this leader is gone: everything is listed again.
    fn start_over(&mut self, leader: NodeId) {
        if let Some(fetcher) = self.by_leader.get_mut(&leader) {
            fetcher.is_waiting = false;
            fetcher.paused.clear();
            fetcher.moved.clone_from(&fetcher.slots);
        }
    }

    fn leaders(&self) -> Vec<NodeId> {
        let busy = self.by_leader.iter().filter(|(_, f)| !f.slots.is_empty());
        busy.map(|(node, _)| *node).collect()
    }
}

impl Fetcher {
    fn resume(&mut self, now: Instant) {
        let (due, later): (Vec<_>, Vec<_>) = self.paused.drain(..).partition(|(at, _)| *at <= now);
        self.paused = later;
        self.moved.extend(due.into_iter().map(|(_, slot)| slot));
    }
}

impl Broker {
    /// Does what the broker's own connections allow: fetches that are due, topics to be created.
    pub(super) fn run_errands(&mut self, ctx: &mut Ctx<'_>) {
        for leader in self.memory.fetchers.leaders() {
            self.fetch_from(ctx, leader);
        }
        self.create_topics(ctx);
        self.arm_network(ctx);
    }

    /// Sends the next fetch to a leader, unless one is under way.
    fn fetch_from(&mut self, ctx: &mut Ctx<'_>, leader: NodeId) {
        let fetcher = self.memory.fetchers.by_leader.get_mut(&leader);
        let fetcher = fetcher.expect("the fetcher is known");
        // Also while a fetch is under way: what is due must not keep the timer in the past.
        if !fetcher.paused.is_empty() {
            fetcher.resume(ctx.now);
        }
        if fetcher.is_waiting || !self.memory.network.ready(ctx, leader, Lane::Main) {
            return;
        }
        if fetcher.paused.len() == fetcher.slots.len() {
            return;
        }
        fetcher.is_waiting = true;
        let moved = std::mem::take(&mut fetcher.moved);
        let config = &self.setup.config;
        let partitions = moved.iter().map(|slot| FetchPartition {
            partition: self.memory.partitions[*slot].name,
            offset: self.disk.logs[*slot].end(),
            leader_epoch: self.memory.partitions[*slot].replica.leader_epoch(),
            max_bytes: config.replica_fetch_max_bytes,
        });
        let request = FetchRequest {
            replica: Some(ctx.me),
            max_wait: config.replica_fetch_wait,
            min_bytes: config.replica_fetch_min_bytes,
            max_bytes: config.replica_fetch_response_max_bytes,
            partitions: partitions.collect(),
        };
        let request = Request::Fetch(request);
        let to = (leader, Lane::Main);
        let errand = Errand::Fetch;
        self.memory.network.send(ctx, to, request, None, errand);
    }

    fn arm_network(&mut self, ctx: &mut Ctx<'_>) {
        let paused = self.memory.fetchers.by_leader.values();
        let paused = paused
            .flat_map(|f| f.paused.iter().map(|(at, _)| *at))
            .min();
        let mut peers = self.memory.fetchers.leaders();
        peers.extend(self.wants_controller().then(|| self.controller()));
        let retries = peers
            .iter()
            .filter_map(|node| self.memory.network.retry_at(*node, Lane::Main));
        let overdue = self.memory.network.next_deadline();
        let next = overdue.into_iter().chain(paused).chain(retries).min();
        if let Some(at) = next {
            self.memory.timers.arm(ctx, Slot::Network, at);
        }
    }

    /// One of the broker's own requests is done with.
    pub(super) fn on_completed(&mut self, ctx: &mut Ctx<'_>, done: Completed<Errand>) {
        match (done.tag, done.outcome) {
            (Errand::Fetch, Outcome::Response(Response::Fetch(fetched))) => {
                self.copy(ctx, done.broker, fetched);
            }
            (Errand::Fetch, _) => self.memory.fetchers.start_over(done.broker),
            (Errand::Create(topic), _) => self.memory.view.creation_answered(topic),
        }
    }

    /// A leader has answered: its batches are copied, its high watermarks taken over.
    fn copy(&mut self, ctx: &mut Ctx<'_>, leader: NodeId, fetched: Vec<FetchedPartition>) {
        for partition in fetched {
            let Some(slot) = self.slots.of(partition.partition) else {
                continue;
            };
            if self.memory.partitions[slot].replica.role() != Role::Following(leader) {
                continue;
            }
            if partition.error == ErrorCode::None {
                self.copy_partition(leader, slot, partition);
            } else {
                let until = ctx.now + self.setup.config.replica_fetch_backoff;
                let fetcher = self.memory.fetchers.by_leader.get_mut(&leader);
                let fetcher = fetcher.expect("who is answered has asked");
                fetcher.paused.push((until, slot));
            }
        }
        if let Some(fetcher) = self.memory.fetchers.by_leader.get_mut(&leader) {
            fetcher.is_waiting = false;
        }
    }

    fn copy_partition(&mut self, leader: NodeId, slot: usize, fetched: FetchedPartition) {
        let log = &mut self.disk.logs[slot];
        let partition = &mut self.memory.partitions[slot];
        let before = log.end();
        for batch in fetched.batches {
            partition
                .producers
                .record(&batch, crate::node::FactId::NONE);
            log.append(batch);
        }
        partition.replica.learn(fetched.high_watermark, log.end());
        if log.end() != before {
            let fetcher = self.memory.fetchers.by_leader.get_mut(&leader);
            let fetcher = fetcher.expect("who is answered has asked");
            fetcher.moved.push(slot);
        }
    }
}

/// `replica.socket.timeout.ms`, and `controller.socket.timeout.ms`.
pub(super) const SOCKET_TIMEOUT: Span = Span::from_secs(30);
