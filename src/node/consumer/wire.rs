//! The member's requests on their way out (`ConsumerNetworkClient`): a request waits here until
//! its connection is up, and fails with it if it cannot be made. One that finds its connection
//! lost, and too early to be made anew, fails at the next look at the network.
//!
//! It does not know what requests mean. Connections themselves are [`NetworkClient`]'s.

use std::collections::VecDeque;

use crate::base::{ConnId, Instant, NodeId, Span};
use crate::kafka::message::{Request, Response};
use crate::node::client::{Completed, NetworkClient, Outcome};
use crate::node::{Ctx, Lane};

use super::Tag;

/// A request without a connection yet.
#[derive(Clone, Debug)]
struct Unsent {
    broker: NodeId,
    lane: Lane,
    request: Request,
    timeout: Option<Span>,
    tag: Tag,
    queued_at: Instant,
    deadline: Instant,
}

/// Connections and what waits for them.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    net: NetworkClient<Tag>,
    unsent: VecDeque<Unsent>,
    request_timeout: Span,
}

impl Wire {
    pub(super) fn new(net: NetworkClient<Tag>, request_timeout: Span) -> Self {
        Self {
            net,
            unsent: VecDeque::new(),
            request_timeout,
        }
    }

    /// Sends a request, now or when its connection is up.
    pub(super) fn send(
        &mut self,
        ctx: &mut Ctx<'_>,
        (broker, lane): (NodeId, Lane),
        request: Request,
        timeout: Option<Span>,
        tag: Tag,
    ) {
        if self.net.ready(ctx, broker, lane) {
            self.net.send(ctx, (broker, lane), request, timeout, tag);
            return;
        }
        // A sink is no broker of Kafka's, and its client waits.
        let waits = matches!(tag, Tag::Sink(_)) || !self.is_unavailable(ctx.now, broker, lane);
        let patience = timeout.unwrap_or(self.request_timeout);
        self.unsent.push_back(Unsent {
            broker,
            lane,
            request,
            timeout,
            tag,
            queued_at: ctx.now,
            // `checkDisconnects`
            deadline: if waits { ctx.now + patience } else { ctx.now },
        });
    }

    /// Begins to connect, if the link is down and may be tried.
    pub(super) fn connect(&mut self, ctx: &mut Ctx<'_>, broker: NodeId, lane: Lane) {
        self.net.ready(ctx, broker, lane);
    }

    /// Whether the link is down and its reconnect backoff not over
    /// (`NetworkClientUtils.isUnavailable`).
    pub(super) fn is_unavailable(&self, now: Instant, broker: NodeId, lane: Lane) -> bool {
        self.net
            .retry_at(broker, lane)
            .is_some_and(|retry_at| now < retry_at)
    }

    /// When a link that is down may be tried again; `None` if it is not waiting.
    pub(super) fn retry_at(&self, node: NodeId, lane: Lane) -> Option<Instant> {
        self.net.retry_at(node, lane)
    }

    /// The broker for a request that any broker can answer: the least loaded ready one; else the
    /// one that was not tried for longest, the first of the list at a tie (`leastLoadedNode`,
    /// without its random start).
    pub(super) fn any_broker(&self, now: Instant, brokers: &[NodeId]) -> Option<NodeId> {
        let tried = |broker: &NodeId| self.net.retry_at(*broker, Lane::Main);
        self.net.least_loaded(brokers).or_else(|| {
            let reachable = brokers
                .iter()
                .copied()
                .filter(|broker| !self.is_unavailable(now, *broker, Lane::Main));
            reachable.min_by_key(|broker| tried(broker).unwrap_or(Instant::ZERO))
        })
    }

    /// A connection is up: what waited for it leaves.
    pub(super) fn on_connected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        self.net.on_connected(conn);
        for _ in 0..self.unsent.len() {
            let waiting = self.unsent.pop_front().expect("counted just before");
            let (broker, lane) = (waiting.broker, waiting.lane);
            if self.net.is_connected(broker, lane) {
                self.net.send(
                    ctx,
                    (broker, lane),
                    waiting.request,
                    waiting.timeout,
                    waiting.tag,
                );
            } else {
                self.unsent.push_back(waiting);
            }
        }
    }

    /// A connection is lost or could not be made: what was in flight on it or waited for it fails.
    pub(super) fn on_disconnected(&mut self, now: Instant, conn: ConnId) -> Vec<Completed<Tag>> {
        let mut failed = self.net.on_disconnected(now, conn);
        let net = &self.net;
        let down = |waiting: &Unsent| net.retry_at(waiting.broker, waiting.lane).is_some();
        let (lost, kept) = self.unsent.drain(..).partition(down);
        self.unsent = kept;
        failed.extend(
            lost.into_iter()
                .map(|w: Unsent| fail(w, Outcome::Disconnected)),
        );
        failed
    }

    /// An answer arrived. `None` if nobody waits for it any more.
    pub(super) fn on_response(
        &mut self,
        conn: ConnId,
        correlation: u32,
        response: Response,
    ) -> Option<Completed<Tag>> {
        self.net.on_response(conn, correlation, response)
    }

    /// When the next request will be overdue.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let unsent = self.unsent.iter().map(|waiting| waiting.deadline);
        unsent.chain(self.net.next_deadline()).min()
    }

    /// What is overdue fails, and its connections with it.
    pub(super) fn expire(&mut self, ctx: &mut Ctx<'_>) -> Vec<Completed<Tag>> {
        let mut failed = self.net.expire(ctx);
        let now = ctx.now;
        let overdue = |waiting: &Unsent| waiting.deadline <= now;
        let (late, kept) = self.unsent.drain(..).partition(overdue);
        self.unsent = kept;
        failed.extend(late.into_iter().map(|w: Unsent| fail(w, Outcome::TimedOut)));
        failed
    }

    /// Whether a request is on its way on a link or waits for it.
    pub(super) fn has_pending(&self, broker: NodeId, lane: Lane) -> bool {
        let waits = |w: &Unsent| w.broker == broker && w.lane == lane;
        0 < self.net.in_flight(broker, lane) || self.unsent.iter().any(waits)
    }

    /// Closes every connection.
    pub(super) fn close_all(&mut self, ctx: &mut Ctx<'_>) {
        self.unsent.clear();
        self.net.close_all(ctx);
    }
}

fn fail(waiting: Unsent, outcome: Outcome) -> Completed<Tag> {
    Completed {
        broker: waiting.broker,
        lane: waiting.lane,
        api: waiting.request.api(),
        correlation: 0,
        sent_at: waiting.queued_at,
        left: false,
        tag: waiting.tag,
        outcome,
    }
}
