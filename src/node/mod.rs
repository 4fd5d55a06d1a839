
            "a node stops at watched points only"
            application: false,
            application: true,
            at: at.max(self.now),
            at: self.now,
            body: Body::Request(request),
            body: Body::Response(response),
            by,
            cause: self.cause.0,
            concerns,
            conn,
            correlation,
            envelope: Box::new(envelope),
            fact: fact.into(),
            id,
            key,
            phase,
            self.watches(step, phase),
            since,
            slot,
            step,
            who: self.me,
        );
        *self.next_conn += 1;
        /// The connection.
        /// The message.
        /// The new connection, already numbered.
        /// The request.
        /// The server.
        /// When it fires.
        /// Which connection it is for the client.
        /// Which.
        Self {
        assert!(
        at: Instant,
        conn
        conn: ConnId,
        correlation: u32,
        envelope: Box<Envelope>,
        id
        key: TimerKey,
        lane: Lane,
        let by = self.cause;
        let conn = ConnId(*self.next_conn);
        let envelope = Envelope {
        let id = *self.next_fact;
        self.cause = id;
        self.effects.push(Effect::CancelTimer { key });
        self.effects.push(Effect::Close { conn });
        self.effects.push(Effect::Exit);
        self.effects.push(Effect::Open { conn, to, lane });
        self.effects.push(Effect::Reached(Box::new(Point {
        self.effects.push(Effect::Send {
        self.effects.push(Effect::SetTimer {
        self.facts.push(Stated {
        self.next_fact.0 += 1;
        self.note_since(fact, FactId::NONE)
        self.watched.contains(step, phase)
        to: NodeId,
        }
        })));
        });
        };
    /// A server has dealt with a request that gets no answer (`acks=0`).
    /// A timer of the client or broker machinery.
    /// Cancel a timer, set or not.
    /// Cancels a timer.
    /// Close a connection; the other side hears of it after what was already sent.
    /// Closes a connection.
    /// Collects effects.
    /// Collects facts.
    /// Data and metadata.
    /// Open a connection; `on_connected` or `on_disconnected` follows.
    /// Opens a connection.
    /// Send a message on a connection. A client sends requests, a server responses.
    /// Sends a request.
    /// Sends a response.
    /// Set, or move, a timer.
    /// Sets or moves a timer; one in the past fires at once.
    /// States a fact whose rule consulted state that the fact `since` last set.
    /// States a fact. What the handler sends or states next has it as its cause.
    /// Stops at a watched point.
    /// The fact behind the event being handled; the `by` of what is stated now.
    /// The group coordinator.
    /// The next step of the application; workers behind `hand-off` have slots of their own.
    /// The node itself.
    /// The node stands at a watched point and waits for `go_on`.
    /// The number of the next connection.
    /// The number of the next fact.
    /// The points at which this node has to stop.
    /// The process ends by itself, everything said.
    /// The process ends.
    /// The slot, counted from 0 within the node.
    /// The time.
    /// Whether this is the next step of the application (or of one of its workers). At one instant
    /// Whether this point is watched. If so the node has to call [`Ctx::reach`] and return: the
    /// application steps come after everything else.
    /// kernel lets the faults strike that wait here and then calls `go_on`.
    Answered {
    CancelTimer {
    Close {
    Coordinator,
    Exit,
    Main,
    Open {
    Reached(Box<Point>),
    Send {
    SetTimer {
    pub application: bool,
    pub cause: FactId,
    pub const fn application(slot: u16) -> Self {
    pub const fn timer(slot: u16) -> Self {
    pub effects: &'a mut Vec<Effect>,
    pub facts: &'a mut Vec<Stated>,
    pub fn cancel_timer(&mut self, key: TimerKey) {
    pub fn close(&mut self, conn: ConnId) {
    pub fn exit(&mut self) {
    pub fn note(&mut self, fact: impl Into<Fact>) -> FactId {
    pub fn note_since(&mut self, fact: impl Into<Fact>, since: FactId) -> FactId {
    pub fn open(&mut self, to: NodeId, lane: Lane) -> ConnId {
    pub fn reach(&mut self, step: StepKind, phase: Phase, concerns: Vec<Concern>) {
    pub fn request(&mut self, conn: ConnId, correlation: u32, request: Request) {
    pub fn respond(&mut self, conn: ConnId, correlation: u32, response: Response) {
    pub fn set_timer(&mut self, key: TimerKey, at: Instant) {
    pub fn watches(&self, step: StepKind, phase: Phase) -> bool {
    pub me: NodeId,
    pub next_conn: &'a mut u32,
    pub next_fact: &'a mut FactId,
    pub now: Instant,
    pub slot: u16,
    pub watched: StepMask,
    }
    },
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(Clone, Debug, PartialEq, Eq)]
#[derive(Debug)]
//!
//! (what happened). It sees nothing else: not the queue, not the network, not another node.
//! A node is a plain struct. The kernel calls its handlers (`on_start`, `on_connected`,
//! Nodes speak through `kafka::message` and never import each other; only the broker owns a
//! State machines.
//! The nodes: producers, brokers, the controller, group members, as sans-IO state machines.
//! `on_disconnected`, `on_request`, `on_response`, `on_timer`, `go_on`) with a [`Ctx`], in which the
//! coordinator.
//! node finds the time and into which it writes *effects* (what it asks of the kernel) and *facts*
/// Names one of a node's timers. Small and dense: the kernel keeps a slot per key and node.
/// What a handler is given.
/// What a node asks of the kernel, carried out in order after the handler returns.
/// Where clients find the cluster at the start: every broker, in order.
/// Which of a client's connections to a broker: the consumer speaks to its coordinator on one of
/// its own, so that a long poll delays no heartbeat.
impl Ctx<'_> {
impl TimerKey {
pub enum Effect {
pub enum Lane {
pub mod client;
pub mod consumer;
pub mod coordinator;
pub mod fact;
pub mod point;
pub mod producer;
pub mod words;
pub struct Ctx<'a> {
pub struct TimerKey {
pub type Bootstrap = Arc<[NodeId]>;
pub use fact::{Fact, FactId, Stated};
pub use point::{Concern, Phase, Point, StepKind, StepMask};
use crate::base::{ConnId, Instant, NodeId};
use crate::kafka::message::{Body, Envelope, Request, Response};
use std::sync::Arc;
}
