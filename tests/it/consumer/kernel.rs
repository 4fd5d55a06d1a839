//! A kernel in small: members, one fake broker, constant latency, a queue ordered by instant,
//! class and sequence.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use kafkasim::base::{ConnId, Instant, NodeId, Span};
use kafkasim::kafka::message::{Body, Envelope, Request};
use kafkasim::node::consumer::{Member, MemberSetup};
use kafkasim::node::{Ctx, Effect, FactId, Point, Stated, StepMask, TimerKey};

use super::broker::{Broker, Reply};

/// The node of the only broker; members follow.
pub(super) const BROKER: NodeId = NodeId(0);

/// What a test does to a member at an instant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Strike {
    Crash,
    Restart,
    Close,
    Stall(Span),
    Call(fn(&mut Kernel)),
}

enum Event {
    Connected(ConnId),
    Disconnected(ConnId),
    Request(ConnId, Box<Envelope>),
    Response(ConnId, Box<Envelope>),
    Timer(NodeId, TimerKey, u64),
    Park(u64),
    Strike(NodeId, Strike),
}

/// Whether a strike hits a member at a point.
type AtPoint = fn(&Point, NodeId) -> Option<Strike>;

/// Class and place of an event at its instant.
type Order = (Instant, u8, u64);

pub(super) struct Kernel {
    pub(super) now: Instant,
    pub(super) broker: Broker,
    pub(super) members: Vec<Member>,
    up: Vec<bool>,
    pub(super) facts: Vec<Stated>,
    pub(super) watched: StepMask,
    /// Called at every point.
    pub(super) at_point: Option<AtPoint>,
    pub(super) points: Vec<(Instant, NodeId, Point)>,
    latency: Span,
    queue: BTreeMap<Order, Event>,
    sequence: u64,
    timers: BTreeMap<(NodeId, TimerKey), u64>,
    conns: BTreeMap<ConnId, NodeId>,
    /// Requests per connection: the first is being served, the others wait for its answer.
    inbox: BTreeMap<ConnId, VecDeque<(u32, Request)>>,
    next_fact: FactId,
    next_conn: u32,
}

impl Kernel {
    pub(super) fn new(setups: Vec<MemberSetup>, broker: Broker) -> Self {
        Self {
            now: Instant::ZERO,
            broker,
            up: vec![false; setups.len()],
            members: setups.into_iter().map(Member::new).collect(),
            facts: Vec::new(),
            watched: StepMask::NONE,
            at_point: None,
            points: Vec::new(),
            latency: Span::ZERO,
            queue: BTreeMap::new(),
            sequence: 0,
            timers: BTreeMap::new(),
            conns: BTreeMap::new(),
            inbox: BTreeMap::new(),
            next_fact: FactId(1),
            next_conn: 1,
        }
    }

    pub(super) fn strike(&mut self, at: Instant, member: usize, strike: Strike) {
        let node = NodeId(1 + member as u32);
        self.push(at, 0, Event::Strike(node, strike));
    }

    fn push(&mut self, at: Instant, class: u8, event: Event) {
        self.sequence += 1;
        self.queue
            .insert((at.max(self.now), class, self.sequence), event);
    }

    /// Runs everything up to and including an instant.
    pub(super) fn run_to(&mut self, end: Instant) {
        for _ in 0..20_000_000_u64 {
            let Some(entry) = self.queue.first_entry() else {
                break;
            };
            if end < entry.key().0 {
                break;
            }
            let ((at, ..), event) = entry.remove_entry();
            self.now = at;
            self.handle(event);
        }
        self.now = end;
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Connected(conn) => self.with_conn(conn, |m, ctx| m.on_connected(ctx, conn)),
            Event::Disconnected(conn) => {
                self.with_conn(conn, |m, ctx| m.on_disconnected(ctx, conn));
            }
            Event::Request(conn, envelope) => {
                let Body::Request(request) = envelope.body else {
                    panic!("clients send requests")
                };
                let waiting = self.inbox.entry(conn).or_default();
                waiting.push_back((envelope.correlation, request));
                if waiting.len() == 1 {
                    self.serve(conn);
                }
            }
            Event::Response(conn, envelope) => {
                let Body::Response(response) = envelope.body else {
                    panic!("servers send responses")
                };
                let correlation = envelope.correlation;
                self.with_conn(conn, |m, ctx| {
                    m.on_response(ctx, conn, correlation, response);
                });
            }
            Event::Timer(node, key, generation) => {
                if self.timers.get(&(node, key)) == Some(&generation) {
                    self.timers.remove(&(node, key));
                    self.with(node, |m, ctx| m.on_timer(ctx, key));
                }
            }
            Event::Park(ticket) => {
                let replies = self.broker.park_over(self.now, ticket);
                self.reply(replies);
            }
            Event::Strike(node, strike) => self.struck(node, strike),
        }
    }

    fn struck(&mut self, node: NodeId, strike: Strike) {
        let index = node.index() - 1;
        match strike {
            Strike::Crash => {
                self.with(node, Member::settle);
                self.members[index].crash();
                self.up[index] = false;
                self.timers.retain(|(owner, _), _| *owner != node);
                self.conns.retain(|_, owner| *owner != node);
            }
            Strike::Restart => {
                assert!(!self.up[index], "only what is down is started");
                self.up[index] = true;
                self.with(node, Member::on_start);
            }
            Strike::Close => self.with(node, |m, ctx| {
                m.settle(ctx);
                m.close(ctx);
            }),
            Strike::Stall(span) => self.with(node, |m, ctx| {
                m.settle(ctx);
                let until = ctx.now + span;
                m.stall(ctx, until);
            }),
            Strike::Call(call) => {
                call(self);
                let replies = self.broker.take_replies();
                self.reply(replies);
            }
        }
    }

    fn serve(&mut self, conn: ConnId) {
        let (correlation, request) = self.inbox[&conn][0].clone();
        let Some(client) = self.conns.get(&conn).copied() else {
            return;
        };
        let replies = self
            .broker
            .serve(self.now, (client, conn, correlation), request);
        self.reply(replies);
    }

    fn reply(&mut self, replies: Vec<Reply>) {
        for reply in replies {
            match reply {
                Reply::Answer((_, conn, correlation), response) => {
                    let envelope = Envelope::new(correlation, 0, Body::Response(response));
                    let at = self.now + self.latency;
                    self.push(at, 1, Event::Response(conn, Box::new(envelope)));
                    let waiting = self.inbox.get_mut(&conn).expect("it asked");
                    waiting.pop_front();
                    if !waiting.is_empty() {
                        self.serve(conn);
                    }
                }
                Reply::Park(until, ticket) => self.push(until, 2, Event::Park(ticket)),
            }
        }
    }

    fn with_conn(&mut self, conn: ConnId, call: impl FnOnce(&mut Member, &mut Ctx<'_>)) {
        if let Some(node) = self.conns.get(&conn).copied() {
            self.with(node, call);
        }
    }

    fn with(&mut self, node: NodeId, call: impl FnOnce(&mut Member, &mut Ctx<'_>)) {
        let index = node.index() - 1;
        if !self.up[index] {
            return;
        }
        let mut effects = Vec::new();
        let mut ctx = Ctx {
            now: self.now,
            me: node,
            cause: FactId::NONE,
            watched: self.watched,
            effects: &mut effects,
            facts: &mut self.facts,
            next_fact: &mut self.next_fact,
            next_conn: &mut self.next_conn,
        };
        call(&mut self.members[index], &mut ctx);
        self.carry_out(node, effects);
    }

    fn carry_out(&mut self, node: NodeId, effects: Vec<Effect>) {
        let round_trip = self.latency + self.latency;
        for effect in effects {
            match effect {
                Effect::Open { conn, to, .. } => {
                    assert_eq!(to, BROKER, "there is one broker");
                    self.conns.insert(conn, node);
                    let event = if self.broker.up {
                        Event::Connected(conn)
                    } else {
                        Event::Disconnected(conn)
                    };
                    self.push(self.now + round_trip, 1, event);
                }
                Effect::Send { conn, envelope } => {
                    self.push(self.now + self.latency, 1, Event::Request(conn, envelope));
                }
                Effect::Close { conn } => {
                    self.conns.remove(&conn);
                }
                Effect::SetTimer { key, at } => {
                    let generation = self.sequence + 1;
                    self.timers.insert((node, key), generation);
                    let class = if key.application { 3 } else { 2 };
                    self.push(at, class, Event::Timer(node, key, generation));
                }
                Effect::CancelTimer { key } => {
                    self.timers.remove(&(node, key));
                }
                Effect::Reached(point) => self.reached(node, *point),
                Effect::Exit => self.up[node.index() - 1] = false,
                Effect::Answered { .. } => panic!("only servers say that"),
            }
        }
    }

    fn reached(&mut self, node: NodeId, point: Point) {
        let strike = self.at_point.and_then(|at_point| at_point(&point, node));
        self.points.push((self.now, node, point));
        match strike {
            None => self.with(node, Member::go_on),
            Some(strike @ Strike::Stall(_)) => {
                self.struck(node, strike);
                self.with(node, Member::go_on);
            }
            Some(strike) => self.struck(node, strike),
        }
    }

    pub(super) fn is_up(&self, member: usize) -> bool {
        self.up[member]
    }
}

/// An instant in milliseconds.
pub(super) fn ms(millis: u64) -> Instant {
    Instant::ZERO + Span::from_millis(millis)
}

/// The bootstrap list.
pub(super) fn bootstrap() -> Arc<[NodeId]> {
    [BROKER].into()
}
