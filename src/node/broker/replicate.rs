//! The follower's side of replication: one fetcher per leader
//! (`AbstractFetcherThread`, `ReplicaFetcherThread`), over the broker's own connections.
//!
//! A fetcher has one fetch under way, which covers all its partitions; as soon as it is answered
//! the next one goes. The high watermark is what an answer says, so a follower lags behind by one
//! fetch. A partition with an error is left out for `replica.fetch.backoff.ms`.
//! A follower whose log is another than its leader's is told so, and cuts off what the leader does
//! not have, by leader epochs (KIP-595's form of KIP-101).

use std::collections::BTreeMap;

use super::timers::Slot;
use super::{Broker, RECONNECT_BACKOFF};
use crate::base::{Instant, NodeId, Offset, Span, TopicId};
use crate::kafka::ErrorCode;
use crate::kafka::message::{FetchPartition, FetchRequest, FetchedPartition, Request, Response};
use crate::node::broker::producer_state::ProducerState;
use crate::node::broker::replica::Role;
use crate::node::client::{Completed, Outcome};
use crate::node::fact::ClusterFact;
use crate::node::{Ctx, Lane};

/// What a broker's own requests are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// To copy from the leader it goes to.
    Fetch,
    /// To have a topic created.
    Create(TopicId),
    /// To register, or to show that it lives.
    Life,
    /// To have other replicas in sync.
    Alter,
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
    /// Whether the leader has ever answered: the brokers of a formed cluster look for each other, and
    /// are not put off by one that starts a moment later.
    has_fetched: bool,
}

/// The fetchers, by leader.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetchers {
    by_leader: BTreeMap<NodeId, Fetcher>,
}

impl Fetchers {
    /// From now on this partition is copied from `leader`, or from nobody; `anew` in a new leader
    /// epoch, of which the leader has to hear.
    pub(super) fn assign(&mut self, slot: usize, leader: Option<NodeId>, anew: bool) {
        for (node, fetcher) in &mut self.by_leader {
            if Some(*node) != leader {
                fetcher.slots.retain(|of| *of != slot);
                fetcher.moved.retain(|of| *of != slot);
                fetcher.paused.retain(|(_, of)| *of != slot);
            }
        }
        if let Some(leader) = leader {
            let fetcher = self.by_leader.entry(leader).or_default();
            let is_new = !fetcher.slots.contains(&slot);
            if is_new {
                fetcher.slots.push(slot);
            }
            if (is_new || anew) && !fetcher.moved.contains(&slot) {
                fetcher.paused.retain(|(_, of)| *of != slot);
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
        self.speak_to_controller(ctx);
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
        let again_at = self.fetch_again_at(leader);
        let fetcher = self.memory.fetchers.by_leader.get_mut(&leader);
        let fetcher = fetcher.expect("the fetcher is known");
        if again_at.is_some_and(|at| ctx.now < at) {
            return;
        }
        if fetcher.is_waiting || !self.memory.network.ready(ctx, leader, Lane::Main) {
            return;
        }
        if fetcher.paused.len() == fetcher.slots.len() {
            return;
        }
        fetcher.is_waiting = true;
        let moved = std::mem::take(&mut fetcher.moved);
        for slot in &moved {
            let partition = &mut self.memory.partitions[*slot];
            partition.listed_in = Some(partition.replica.leader_epoch());
        }
        let config = &self.setup.config;
        let partitions = moved.iter().map(|slot| FetchPartition {
            partition: self.memory.partitions[*slot].name,
            offset: self.disk.logs[*slot].end(),
            leader_epoch: self.memory.partitions[*slot].replica.leader_epoch(),
            last_epoch: self.disk.logs[*slot].latest_epoch(),
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

    /// When a leader may be fetched from again after the connection to it was lost:
    /// `replica.fetch.backoff.ms` later.
    fn fetch_again_at(&self, leader: NodeId) -> Option<Instant> {
        let fetcher = self.memory.fetchers.by_leader.get(&leader)?;
        let backoff = if fetcher.has_fetched {
            self.setup.config.replica_fetch_backoff
        } else {
            RECONNECT_BACKOFF
        };
        let retry_at = self.memory.network.retry_at(leader, Lane::Main)?;
        (retry_at != Instant::ZERO).then(|| retry_at + backoff.saturating_sub(RECONNECT_BACKOFF))
    }

    fn arm_network(&mut self, ctx: &mut Ctx<'_>) {
        let paused = self.memory.fetchers.by_leader.values();
        let paused = paused
            .flat_map(|f| f.paused.iter().map(|(at, _)| *at))
            .min();
        let leaders = self.memory.fetchers.leaders();
        let again = leaders
            .iter()
            .filter_map(|node| self.fetch_again_at(*node))
            .min();
        let mut peers = Vec::new();
        peers.extend(self.wants_controller(ctx.now).then(|| self.controller()));
        let retries = peers
            .iter()
            .filter_map(|node| self.memory.network.retry_at(*node, Lane::Main));
        let overdue = self.memory.network.next_deadline();
        let next = overdue
            .into_iter()
            .chain(paused)
            .chain(again)
            .chain(retries)
            .min();
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
            (Errand::Life, outcome) => self.on_life_answered(ctx, &outcome),
            (Errand::Alter, outcome) => self.on_alter_answered(ctx, &outcome),
        }
    }

    /// A leader has answered: its batches are copied, its high watermarks taken over.
    fn copy(&mut self, ctx: &mut Ctx<'_>, leader: NodeId, fetched: Vec<FetchedPartition>) {
        for partition in fetched {
            let Some(slot) = self.slots.of(partition.partition) else {
                continue;
            };
            let replica = &self.memory.partitions[slot].replica;
            let is_current = self.memory.partitions[slot].listed_in == Some(replica.leader_epoch());
            if replica.role() != Role::Following(leader) || !is_current {
                continue; // What was asked for in an earlier leadership is of no use.
            }
            if let Some(diverging) = partition.diverging {
                self.truncate(ctx, (leader, slot), diverging);
            } else if partition.error == ErrorCode::None {
                self.copy_partition(ctx, (leader, slot), partition);
            } else if partition.error == ErrorCode::OffsetOutOfRange
                && self.disk.logs[slot].end() < partition.log_start
            {
                self.start_over_at(ctx, (leader, slot), partition.log_start);
            } else {
                let until = ctx.now + self.setup.config.replica_fetch_backoff;
                let fetcher = self.memory.fetchers.by_leader.get_mut(&leader);
                let fetcher = fetcher.expect("who is answered has asked");
                fetcher.paused.push((until, slot));
            }
        }
        if let Some(fetcher) = self.memory.fetchers.by_leader.get_mut(&leader) {
            fetcher.is_waiting = false;
            fetcher.has_fetched = true;
        }
    }

    /// The leader's log is another from some offset on: what this one has beyond goes
    /// (`AbstractFetcherThread.getOffsetTruncationState`).
    fn truncate(
        &mut self,
        ctx: &mut Ctx<'_>,
        (leader, slot): (NodeId, usize),
        (epoch, leader_end): (u32, Offset),
    ) {
        let log = &mut self.disk.logs[slot];
        let from = log.end();
        let to = match log.end_of_epoch(epoch) {
            None => leader_end,
            Some((own, own_end)) if own != epoch => own_end,
            Some((_, own_end)) => own_end.min(leader_end),
        };
        log.truncate(to);
        let to = log.end();
        self.cut_files(slot);
        let log = &self.disk.logs[slot];
        let partition = &mut self.memory.partitions[slot];
        partition.producers = ProducerState::of(log.batches());
        let high_watermark = partition.replica.high_watermark();
        partition.replica.learn(high_watermark, to);
        if to < from {
            let truncated = ClusterFact::LogTruncated {
                partition: partition.name,
                from,
                to,
                leader,
            };
            let cause = ctx.cause;
            ctx.note_since(truncated, partition.replica.set_by());
            ctx.cause = cause;
        }
        self.list_again(leader, slot);
    }

    /// The next fetch to this leader lists the partition.
    pub(super) fn list_again(&mut self, leader: NodeId, slot: usize) {
        let fetcher = self.memory.fetchers.by_leader.get_mut(&leader);
        let fetcher = fetcher.expect("who is answered has asked");
        if !fetcher.moved.contains(&slot) {
            fetcher.moved.push(slot);
        }
    }

    fn copy_partition(
        &mut self,
        ctx: &mut Ctx<'_>,
        (leader, slot): (NodeId, usize),
        fetched: FetchedPartition,
    ) {
        let batches = fetched.batches.iter().map(|logged| &logged.batch);
        let bytes: u64 = batches.clone().map(|batch| u64::from(batch.bytes)).sum();
        let largest = batches.map(|batch| batch.max_timestamp).max();
        let largest = largest.filter(|_| !self.disk.files.is_empty());
        if let Some(largest) = largest {
            self.make_room(ctx, slot, bytes, largest);
        }
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
        let (is_behind, is_longer) = (log.start() < fetched.log_start, log.end() != before);
        if let Some(largest) = largest {
            self.wrote(ctx, slot, bytes, largest);
        }
        if is_longer {
            self.list_again(leader, slot);
        }
        if is_behind {
            self.learn_start(ctx, slot, fetched.log_start);
        }
    }
}

/// `replica.socket.timeout.ms`, and `controller.socket.timeout.ms`.
pub(super) const SOCKET_TIMEOUT: Span = Span::from_secs(30);
