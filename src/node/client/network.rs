//! A client's connections (`NetworkClient`, `InFlightRequests`, `ClusterConnectionStates`).
//!
//! One link per broker and lane: connect on demand, requests in order, answers in order, an overdue
//! request closes the connection and fails everything in flight on it, reconnecting waits an
//! exponential backoff. It knows nothing of what the requests mean: each carries a tag of its owner.
//!
//! ```text
//! Idle --ready()--> Connecting --on_connected--> Ready --on_disconnected / overdue--> Idle (backoff)
//! ```

use std::collections::VecDeque;

use super::Backoff;
use crate::base::{ConnId, Instant, NodeId, Span, Stream};
use crate::kafka::message::{Api, Request, Response};
use crate::node::{Ctx, Lane};

/// A Kafka clock shows whole milliseconds, and a request is overdue when *more* than its timeout
/// has passed on it.
const OVERDUE: Span = Span::from_millis(1);

/// The settings of a client's connections.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// `request.timeout.ms`.
    pub request_timeout: Span,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: Span,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: Span,
    /// `max.in.flight.requests.per.connection`; 100 for a consumer.
    pub max_in_flight: usize,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Response(Response),
    /// The connection was lost (`NETWORK_EXCEPTION`).
    Disconnected,
    /// It, or one beside it on its connection, was overdue (`REQUEST_TIMED_OUT`).
    TimedOut,
}

/// A request that is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed<T> {
    /// The broker.
    pub broker: NodeId,
    /// The connection's purpose.
    pub lane: Lane,
    /// The API.
    pub api: Api,
    /// Its number on the connection.
    pub correlation: u32,
    /// When it was sent.
    pub sent_at: Instant,
    /// Whether it ever left.
    pub left: bool,
    /// What its owner attached.
    pub tag: T,
    /// What became of it.
    pub outcome: Outcome,
}

#[derive(Clone, Debug)]
struct InFlight<T> {
    correlation: u32,
    api: Api,
    sent_at: Instant,
    deadline: Instant,
    tag: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkState {
    Idle,
    Connecting(ConnId),
    Ready(ConnId),
}

#[derive(Clone, Debug)]
struct Link<T> {
    broker: NodeId,
    lane: Lane,
    state: LinkState,
    failures: u32,
    retry_at: Instant,
    next_correlation: u32,
    in_flight: VecDeque<InFlight<T>>,
    /// Whether the deadlines of what is in flight ascend, as they do while every request has the
    /// same timeout.
    ascends: bool,
}

impl<T> Link<T> {
    fn next_deadline(&self) -> Option<Instant> {
        let mut deadlines = self.in_flight.iter().map(|r| r.deadline);
        if self.ascends {
            deadlines.next()
        } else {
            deadlines.min()
        }
    }
}

/// The connections of one client process.
#[derive(Clone, Debug)]
pub struct NetworkClient<T> {
    config: NetworkConfig,
    backoff: Backoff,
    links: Vec<Link<T>>,
}

impl<T> NetworkClient<T> {
    /// No connection yet. `jitter` is the random stream of the reconnect backoff.
    pub fn new(config: NetworkConfig, jitter: Stream) -> Self {
        let backoff = Backoff::new(
            config.reconnect_backoff,
            config.reconnect_backoff_max,
            jitter,
        );
        Self {
            config,
            backoff,
            links: Vec::new(),
        }
    }

    /// Whether a request can go to this broker now. Begins to connect if the link is down and its
    /// backoff over.
    pub fn ready(&mut self, ctx: &mut Ctx<'_>, broker: NodeId, lane: Lane) -> bool {
        let max_in_flight = self.config.max_in_flight;
        let link = self.link(broker, lane);
        match link.state {
            LinkState::Ready(_) => link.in_flight.len() < max_in_flight,
            LinkState::Connecting(_) => false,
            LinkState::Idle => {
                if link.retry_at <= ctx.now {
                    link.state = LinkState::Connecting(ctx.open(broker, lane));
                }
                false
            }
        }
    }

    /// Whether the link is up, with or without room for a request. Connects nothing.
    pub fn is_connected(&self, broker: NodeId, lane: Lane) -> bool {
        self.find(broker, lane)
            .is_some_and(|link| matches!(link.state, LinkState::Ready(_)))
    }

    /// When a link that is down may be tried again; `None` if it is not waiting.
    pub fn retry_at(&self, broker: NodeId, lane: Lane) -> Option<Instant> {
        let link = self.find(broker, lane)?;
        (link.state == LinkState::Idle).then_some(link.retry_at)
    }

    /// Requests awaiting an answer on a link.
    pub fn in_flight(&self, broker: NodeId, lane: Lane) -> usize {
        self.find(broker, lane)
            .map_or(0, |link| link.in_flight.len())
    }

    /// The ready broker with the fewest requests in flight, the first of the list at a tie
    /// (`leastLoadedNode`, without its random start).
    pub fn least_loaded(&self, brokers: &[NodeId]) -> Option<NodeId> {
        let ready = brokers
            .iter()
            .filter(|b| self.is_connected(**b, Lane::Main));
        ready
            .min_by_key(|b| self.in_flight(**b, Lane::Main))
            .copied()
    }

    /// The broker for a request that any may answer: the least loaded with room for it. If there is
    /// none and none is being connected to, begins to connect to the one left alone longest
    /// (`leastLoadedNode`).
    pub fn least_loaded_or_connect(
        &mut self,
        ctx: &mut Ctx<'_>,
        brokers: &[NodeId],
    ) -> Option<NodeId> {
        let max_in_flight = self.config.max_in_flight;
        let free = |b: &&NodeId| {
            self.is_connected(**b, Lane::Main) && self.in_flight(**b, Lane::Main) < max_in_flight
        };
        let open = brokers.iter().filter(free);
        if let Some(broker) = open.min_by_key(|b| self.in_flight(**b, Lane::Main)) {
            return Some(*broker);
        }
        let connecting = |link: &Link<T>| matches!(link.state, LinkState::Connecting(_));
        if !self.links.iter().any(connecting) {
            let idle = |b: &NodeId| match self.find(*b, Lane::Main) {
                None => Some((Instant::ZERO, *b)),
                Some(link) if link.state == LinkState::Idle => Some((link.retry_at, *b)),
                Some(_) => None,
            };
            let oldest = brokers.iter().filter_map(idle).min_by_key(|(at, _)| *at);
            if let Some((_, broker)) = oldest {
                self.ready(ctx, broker, Lane::Main);
            }
        }
        None
    }

    /// When one of these brokers may be tried again, if none of them has a link that is up or
    /// coming up.
    pub fn next_retry(&self, brokers: &[NodeId]) -> Option<Instant> {
        let retry_at = |b: &NodeId| self.retry_at(*b, Lane::Main);
        brokers.iter().filter_map(retry_at).min()
    }

    /// The number the next request on a link will have.
    pub fn next_correlation(&self, broker: NodeId, lane: Lane) -> u32 {
        self.find(broker, lane)
            .map_or(0, |link| link.next_correlation)
    }

    /// Requests awaiting an answer on all links.
    pub fn total_in_flight(&self) -> usize {
        self.links.iter().map(|link| link.in_flight.len()).sum()
    }

    /// Sends a request on a ready link and returns its number. `timeout` is `request.timeout.ms`
    /// unless the API has its own.
    pub fn send(
        &mut self,
        ctx: &mut Ctx<'_>,
        (broker, lane): (NodeId, Lane),
        request: Request,
        timeout: Option<Span>,
        tag: T,
    ) -> u32 {
        let timeout = timeout.unwrap_or(self.config.request_timeout);
        let link = self.link(broker, lane);
        let LinkState::Ready(conn) = link.state else {
            panic!("requests go to ready links only")
        };
        let correlation = link.next_correlation;
        link.next_correlation += 1;
        let deadline = ctx.now + timeout + OVERDUE;
        let api = request.api();
        let last = link.in_flight.back();
        link.ascends = last.is_none_or(|last| link.ascends && last.deadline <= deadline);
        link.in_flight.push_back(InFlight {
            correlation,
            api,
            sent_at: ctx.now,
            deadline,
            tag,
        });
        ctx.request(conn, correlation, request);
        correlation
    }

    /// Takes a request out of flight that gets no answer (`acks=0`).
    pub fn forget(&mut self, broker: NodeId, lane: Lane, correlation: u32) -> Option<T> {
        let link = self.link(broker, lane);
        let index = link
            .in_flight
            .iter()
            .position(|r| r.correlation == correlation)?;
        link.in_flight.remove(index).map(|r| r.tag)
    }

    /// A connection is up.
    pub fn on_connected(&mut self, conn: ConnId) {
        let connecting = LinkState::Connecting(conn);
        if let Some(link) = self.links.iter_mut().find(|link| link.state == connecting) {
            link.state = LinkState::Ready(conn);
            link.failures = 0;
        }
    }

    /// A connection is lost, or could not be made: everything in flight on it fails, oldest first.
    pub fn on_disconnected(&mut self, now: Instant, conn: ConnId) -> Vec<Completed<T>> {
        let lost = |link: &Link<T>| {
            link.state == LinkState::Ready(conn) || link.state == LinkState::Connecting(conn)
        };
        match self.links.iter().position(lost) {
            Some(index) => self.drop_link(now, index, &Outcome::Disconnected),
            None => Vec::new(),
        }
    }

    /// An answer arrived. `None` if nobody waits for it any more.
    pub fn on_response(
        &mut self,
        conn: ConnId,
        correlation: u32,
        response: Response,
    ) -> Option<Completed<T>> {
        let link = self
            .links
            .iter_mut()
            .find(|link| link.state == LinkState::Ready(conn))?;
        let first = link.in_flight.front()?;
        assert_eq!(
            first.correlation, correlation,
            "answers come in the order of the requests"
        );
        let done = link
            .in_flight
            .pop_front()
            .expect("the request looked at is there");
        Some(Completed {
            broker: link.broker,
            lane: link.lane,
            api: done.api,
            correlation,
            sent_at: done.sent_at,
            left: true,
            tag: done.tag,
            outcome: Outcome::Response(response),
        })
    }

    /// When the next request will be overdue.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.links.iter().filter_map(Link::next_deadline).min()
    }

    /// Closes every connection with an overdue request; all its requests fail, oldest first.
    pub fn expire(&mut self, ctx: &mut Ctx<'_>) -> Vec<Completed<T>> {
        let mut failed = Vec::new();
        for index in 0..self.links.len() {
            let overdue = self.links[index]
                .in_flight
                .iter()
                .any(|r| r.deadline <= ctx.now);
            if overdue && let LinkState::Ready(conn) = self.links[index].state {
                ctx.close(conn);
                failed.extend(self.drop_link(ctx.now, index, &Outcome::TimedOut));
            }
        }
        failed
    }

    /// Closes every connection, as a closing process does.
    pub fn close_all(&mut self, ctx: &mut Ctx<'_>) {
        for link in &mut self.links {
            if let LinkState::Ready(conn) | LinkState::Connecting(conn) = link.state {
                ctx.close(conn);
            }
            link.state = LinkState::Idle;
            link.in_flight.clear();
        }
    }

    fn drop_link(&mut self, now: Instant, index: usize, outcome: &Outcome) -> Vec<Completed<T>> {
        let wait = self.backoff.after(self.links[index].failures);
        let link = &mut self.links[index];
        link.state = LinkState::Idle;
        link.failures += 1;
        link.retry_at = now + wait;
        let (broker, lane) = (link.broker, link.lane);
        let fail = |request: InFlight<T>| Completed {
            broker,
            lane,
            api: request.api,
            correlation: request.correlation,
            sent_at: request.sent_at,
            left: true,
            tag: request.tag,
            outcome: outcome.clone(),
        };
        link.in_flight.drain(..).map(fail).collect()
    }

    fn find(&self, broker: NodeId, lane: Lane) -> Option<&Link<T>> {
        self.links
            .iter()
            .find(|link| link.broker == broker && link.lane == lane)
    }

    fn link(&mut self, broker: NodeId, lane: Lane) -> &mut Link<T> {
        let known = self
            .links
            .iter()
            .position(|l| l.broker == broker && l.lane == lane);
        let index = known.unwrap_or_else(|| {
            self.links.push(Link {
                broker,
                lane,
                state: LinkState::Idle,
                failures: 0,
                retry_at: Instant::ZERO,
                next_correlation: 0,
                in_flight: VecDeque::new(),
                ascends: true,
            });
            self.links.len() - 1
        });
        &mut self.links[index]
    }
}
