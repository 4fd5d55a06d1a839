//! The nodes: producers, brokers, the controller, group members, sinks, as sans-IO state machines.
//!
//! A node is a plain struct. The kernel calls its handlers (`on_start`, `on_connected`,
//! `on_disconnected`, `on_request`, `on_response`, `on_timer`, `go_on`) with a [`Ctx`], in which the
//! node finds the time and into which it writes *effects* (what it asks of the kernel) and *facts*
//! (what happened). It sees nothing else: not the queue, not the network, not another node.
//!
//! Nodes speak through `kafka::message` and never import each other; only the broker owns a
//! coordinator.

pub mod broker;
pub mod client;
pub mod consumer;
pub mod controller;
pub mod coordinator;
pub mod fact;
pub mod point;
pub mod producer;
pub mod sink;
pub mod words;

use std::sync::Arc;

use crate::base::{ConnId, Instant, NodeId};
use crate::kafka::message::{Body, Envelope, Request, Response};

pub use fact::{Fact, FactId, Stated};
pub use point::{Concern, Phase, Point, StepKind, StepMask};

/// Names one of a node's timers. Small and dense: the kernel keeps a slot per key and node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey {
    /// The slot, counted from 0 within the node.
    pub slot: u16,
    /// Whether this is the next step of the application (or of one of its workers). At one instant
    /// application steps come after everything else.
    pub application: bool,
}

impl TimerKey {
    /// A timer of the client or broker machinery.
    pub const fn timer(slot: u16) -> Self {
        Self {
            slot,
            application: false,
        }
    }

    /// The next step of the application; workers behind `hand-off` have slots of their own.
    pub const fn application(slot: u16) -> Self {
        Self {
            slot,
            application: true,
        }
    }
}

/// Which of a client's connections to a broker: the consumer speaks to its coordinator on one of
/// its own, so that a long poll delays no heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Data and metadata.
    Main,
    /// The group coordinator.
    Coordinator,
}

/// What a node asks of the kernel, carried out in order after the handler returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a connection; `on_connected` or `on_disconnected` follows.
    Open {
        /// The new connection, already numbered.
        conn: ConnId,
        /// The server.
        to: NodeId,
        /// Which connection it is for the client.
        lane: Lane,
    },
    /// Send a message on a connection. A client sends requests, a server responses.
    Send {
        /// The connection.
        conn: ConnId,
        /// The message.
        envelope: Box<Envelope>,
    },
    /// A server has dealt with a request that gets no answer (`acks=0`).
    Answered {
        /// The connection.
        conn: ConnId,
        /// The request.
        correlation: u32,
    },
    /// Close a connection; the other side hears of it after what was already sent.
    Close {
        /// The connection.
        conn: ConnId,
    },
    /// Set, or move, a timer.
    SetTimer {
        /// Which.
        key: TimerKey,
        /// When it fires.
        at: Instant,
    },
    /// Cancel a timer, set or not.
    CancelTimer {
        /// Which.
        key: TimerKey,
    },
    /// The node stands at a watched point and waits for `go_on`.
    Reached(Box<Point>),
    /// The process ends by itself, everything said.
    Exit,
}

/// What a handler is given.
#[derive(Debug)]
pub struct Ctx<'a> {
    /// The time.
    pub now: Instant,
    /// The node itself.
    pub me: NodeId,
    /// The fact behind the event being handled; the `by` of what is stated now.
    pub cause: FactId,
    /// The points at which this node has to stop.
    pub watched: StepMask,
    /// Collects effects.
    pub effects: &'a mut Vec<Effect>,
    /// Collects facts.
    pub facts: &'a mut Vec<Stated>,
    /// The number of the next fact.
    pub next_fact: &'a mut FactId,
    /// The number of the next connection.
    pub next_conn: &'a mut u32,
}

impl Ctx<'_> {
    /// States a fact. What the handler sends or states next has it as its cause.
    pub fn note(&mut self, fact: impl Into<Fact>) -> FactId {
        self.note_since(fact, FactId::NONE)
    }

    /// States a fact whose rule consulted state that the fact `since` last set.
    pub fn note_since(&mut self, fact: impl Into<Fact>, since: FactId) -> FactId {
        let id = *self.next_fact;
        self.next_fact.0 += 1;
        let by = self.cause;
        self.facts.push(Stated {
            id,
            at: self.now,
            who: self.me,
            by,
            since,
            fact: fact.into(),
        });
        self.cause = id;
        id
    }

    /// Opens a connection.
    pub fn open(&mut self, to: NodeId, lane: Lane) -> ConnId {
        let conn = ConnId(*self.next_conn);
        *self.next_conn += 1;
        self.effects.push(Effect::Open { conn, to, lane });
        conn
    }

    /// Sends a request.
    pub fn request(&mut self, conn: ConnId, correlation: u32, request: Request) {
        self.send(conn, correlation, Body::Request(request));
    }

    /// Sends a response.
    pub fn respond(&mut self, conn: ConnId, correlation: u32, response: Response) {
        self.send(conn, correlation, Body::Response(response));
    }

    fn send(&mut self, conn: ConnId, correlation: u32, body: Body) {
        let envelope = Box::new(Envelope::new(correlation, self.cause.0, body));
        self.effects.push(Effect::Send { conn, envelope });
    }

    /// Closes a connection.
    pub fn close(&mut self, conn: ConnId) {
        self.effects.push(Effect::Close { conn });
    }

    /// Sets or moves a timer; one in the past fires at once.
    pub fn set_timer(&mut self, key: TimerKey, at: Instant) {
        self.effects.push(Effect::SetTimer {
            key,
            at: at.max(self.now),
        });
    }

    /// Cancels a timer.
    pub fn cancel_timer(&mut self, key: TimerKey) {
        self.effects.push(Effect::CancelTimer { key });
    }

    /// Whether this point is watched. If so the node has to call [`Ctx::reach`] and return: the
    /// kernel lets the faults strike that wait here and then calls `go_on`.
    pub fn watches(&self, step: StepKind, phase: Phase) -> bool {
        self.watched.contains(step, phase)
    }

    /// Stops at a watched point.
    pub fn reach(&mut self, step: StepKind, phase: Phase, concerns: Vec<Concern>) {
        assert!(
            self.watches(step, phase),
            "a node stops at watched points only"
        );
        self.effects.push(Effect::Reached(Box::new(Point {
            step,
            phase,
            concerns,
        })));
    }

    /// The process ends.
    pub fn exit(&mut self) {
        self.effects.push(Effect::Exit);
    }
}

/// Where clients find the cluster at the start: every broker, in order.
pub type Bootstrap = Arc<[NodeId]>;
