//! The world: every mutable byte of a run, the loop that moves it, and the faults done to it.
//!
//! A [`Sim`] owns everything and is `Clone`: a clone is a fork of the world that goes on alike and
//! apart. It does not know that anybody judges it: facts go out through a sink.
//!
//! ```text
//! step: pop the next event -> call one node's handler -> carry out its effects in order
//!       -> let faults strike that waited for a point or a fact -> may the run end?
//! ```

pub mod audit;
mod build;
mod connections;
mod copies;
mod dispatch;
mod drain;
mod event;
mod fault;
mod life;
mod link;
mod loss;
pub mod setup;
mod step;
mod strike;

use std::sync::Arc;

use crate::base::{ConnId, Instant, NodeId};
use crate::engine::{Network, Queue, Timers};
use crate::kafka::message::Api;
use crate::node::{Effect, FactId, Point, Stated, StepMask};

pub use copies::CopyState;
use dispatch::Node;
use event::Event;
use fault::Faults;
use link::Links;
use setup::Setup;

/// Whether a process is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// It has not been started yet.
    NotStarted,
    /// It runs.
    Up,
    /// It stands still until then; whether it also stands at a point and is to go on there.
    Paused {
        /// The end of the pause.
        until: Instant,
        /// What arrives is held until then: the end of an earlier pause that this one outlasts, so
        /// that nothing overtakes what that one held.
        held_at: Instant,
        /// Whether it is to be told to go on.
        at_point: bool,
    },
    /// It is gone: crashed, closed, or ended by itself.
    Down,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Everything was sent, read and committed; nothing was still to come.
    Drained,
    /// The drain took longer than its bound.
    Stuck {
        /// What it waited for.
        reason: String,
    },
    /// A bound of the run was hit, so nothing is known.
    Limit {
        /// Which.
        which: String,
    },
}

/// A fault that did not strike as often as the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unstruck {
    /// Its index in the setup.
    pub fault: usize,
    /// How often its condition held.
    pub reached: u64,
    /// The drawn `nth`.
    pub nth: u64,
    /// How often it struck.
    pub struck: u32,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Instant,
    /// How many events were handled.
    pub events: u64,
    /// How.
    pub how: Ends,
    /// Faults that never struck although they were not optional.
    pub unstruck: Vec<Unstruck>,
    /// What clients asked of brokers.
    pub requests: Requests,
}

/// How many requests each node sent since the warm-up, by API, lost ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests(Vec<[u64; Api::ALL.len()]>);

impl Requests {
    fn none(nodes: usize) -> Self {
        Self(vec![[0; Api::ALL.len()]; nodes])
    }

    fn count(&mut self, node: NodeId, api: Api) {
        self.0[node.index()][api as usize] += 1;
    }

    /// How many requests of an API a node sent.
    pub fn of(&self, node: NodeId, api: Api) -> u64 {
        self.0[node.index()][api as usize]
    }
}

/// Buffers of the loop, outside the world so that a fork does not copy them.
#[derive(Debug, Default)]
pub struct Scratch {
    effects: Vec<Effect>,
    reached: Option<Box<Point>>,
    /// The facts of the last step.
    pub facts: Vec<Stated>,
}

/// A world.
#[derive(Clone, Debug)]
pub struct Sim {
    setup: Arc<Setup>,
    now: Instant,
    queue: Queue<Event>,
    network: Network,
    links: Links,
    nodes: Vec<Node>,
    status: Vec<Status>,
    /// Per node: machinery timers and application timers, each with the fact behind it.
    timers: Vec<[Timers<FactId>; 2]>,
    watched: Vec<StepMask>,
    faults: Faults,
    next_fact: FactId,
    next_conn: u32,
    events: u64,
    /// Turns of life and strikes at instants that are still to come.
    outstanding: u32,
    /// Requests with records or offsets that are on their way.
    data_in_flight: u32,
    requests: Requests,
    /// A producer found at work when last looked for, until it has another turn.
    at_work: Option<NodeId>,
    /// Who was told to close and is still at it, with the fact of the close, and whether its restart
    /// is due already.
    closing: Vec<(NodeId, FactId, bool)>,
    /// Connections that a loss of power has silenced, by the machine that is down.
    silenced: Vec<(NodeId, ConnId)>,
    /// Since when only the drain is left.
    calm_since: Option<Instant>,
}

impl Sim {
    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Runs to the end, handing every fact to the sink.
    pub fn run(&mut self, sink: &mut impl FnMut(&Stated)) -> End {
        let mut scratch = Scratch::default();
        loop {
            let end = self.step(&mut scratch);
            scratch.facts.iter().for_each(&mut *sink);
            scratch.facts.clear();
            if let Some(end) = end {
                return end;
            }
        }
    }

    fn is_up(&self, node: NodeId) -> bool {
        matches!(
            self.status[node.index()],
            Status::Up | Status::Paused { .. }
        )
    }
}
