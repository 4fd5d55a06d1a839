//! The lives of processes: start, stop, crash, restart, pause, stall.

use super::dispatch::{Call, Node};
use super::event::{Event, Turn};
use super::{Scratch, Sim, Status};
use crate::base::{Instant, NodeId, Span};
use crate::engine::{Class, Direction};
use crate::node::FactId;
use crate::node::broker::upkeep::Tail;
use crate::node::fact::FaultFact;

impl Sim {
    /// Plans a turn in a node's life.
    pub(super) fn plan(&mut self, node: NodeId, turn: Turn, at: Instant, cause: FactId) {
        self.outstanding += 1;
        self.queue
            .push(at, Class::Fault, node, Event::Life { node, turn, cause });
    }

    pub(super) fn turn(&mut self, node: NodeId, turn: Turn, by: FactId, scratch: &mut Scratch) {
        let status = self.status[node.index()];
        match turn {
            Turn::Start => {
                if status == Status::NotStarted {
                    self.start(node, FactId::NONE, scratch);
                }
            }
            Turn::Stop => {
                if status == Status::Up {
                    self.close_process(node, by, scratch);
                }
            }
            Turn::Restart => {
                if status == Status::Down {
                    let cause = self.note(node, by, FaultFact::Restarted, scratch);
                    self.start(node, cause, scratch);
                } else if let Some((.., due)) = self.closing.iter_mut().find(|c| c.0 == node) {
                    *due = true;
                }
            }
            Turn::Resume => self.resume(node, by, scratch),
            Turn::StallEnd => {
                if self.is_up(node) {
                    self.note(node, by, FaultFact::StallEnded, scratch);
                }
            }
        }
    }

    pub(super) fn start(&mut self, node: NodeId, cause: FactId, scratch: &mut Scratch) {
        self.status[node.index()] = Status::Up;
        if !self.silenced.is_empty() {
            self.break_silence(node, cause);
        }
        self.call(node, cause, scratch, Call::Start);
    }

    fn resume(&mut self, node: NodeId, by: FactId, scratch: &mut Scratch) {
        let Status::Paused {
            until, at_point, ..
        } = self.status[node.index()]
        else {
            return;
        };
        if until != self.now {
            return; // A longer pause struck meanwhile; its own end is planned.
        }
        self.status[node.index()] = Status::Up;
        let cause = self.note(node, by, FaultFact::Resumed, scratch);
        if at_point {
            self.call(node, cause, scratch, Call::GoOn);
        }
    }

    /// The process dies at once. Returns the fact.
    pub(super) fn crash(&mut self, node: NodeId, by: FactId, scratch: &mut Scratch) -> FactId {
        self.settle(node, scratch);
        scratch.reached = None;
        let cause = self.note(node, by, FaultFact::Crashed, scratch);
        if matches!(self.nodes[node.index()], Node::Sink(_)) {
            self.invoke(node, cause, scratch, Call::Dies);
        }
        self.nodes[node.index()].crash();
        self.gone(node, cause);
        cause
    }

    /// The power of a broker's machine fails: the process dies, what was not flushed is gone, and its
    /// connections fall silent. Returns the fact.
    pub(super) fn lose_power(
        &mut self,
        node: NodeId,
        tail: Tail,
        by: FactId,
        scratch: &mut Scratch,
    ) -> FactId {
        scratch.reached = None;
        let cause = self.note(node, by, FaultFact::PowerLost, scratch);
        self.invoke(node, cause, scratch, Call::LosePower(tail));
        self.nodes[node.index()].crash();
        for conn in self.network.open_of(node) {
            self.network.silence(conn);
            self.silenced.push((node, conn));
        }
        self.gone(node, cause);
        cause
    }

    /// A machine is back: whoever still believes in a connection with it learns better.
    fn break_silence(&mut self, node: NodeId, cause: FactId) {
        let all = std::mem::take(&mut self.silenced);
        let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(of, _)| *of == node);
        self.silenced = others;
        for (_, conn) in own {
            let (client, server) = self.network.ends(conn);
            let (other, direction) = if client == node {
                (server, Direction::ToServer)
            } else {
                (client, Direction::ToClient)
            };
            if self.network.is_open_at(conn, direction) {
                let event = Event::Disconnected {
                    conn,
                    direction,
                    cause,
                };
                self.queue.push(self.now, Class::Delivery, other, event);
            }
        }
    }

    /// Lets a client state what has happened before this instant.
    pub(super) fn settle(&mut self, node: NodeId, scratch: &mut Scratch) {
        if matches!(
            self.nodes[node.index()],
            Node::Producer(_) | Node::Member(_)
        ) {
            let standing = scratch.reached.take();
            self.invoke(node, FactId::NONE, scratch, Call::Settle);
            assert!(
                scratch.reached.is_none(),
                "settling states facts and reaches no point"
            );
            scratch.reached = standing;
        }
    }

    /// The process is no more: its timers are off, its connections close. One that took longer to
    /// close than its restart was off begins anew at once.
    pub(super) fn gone(&mut self, node: NodeId, cause: FactId) {
        self.has_a_turn(node);
        self.status[node.index()] = Status::Down;
        for table in &mut self.timers[node.index()] {
            table.clear();
        }
        for conn in self.network.open_of(node) {
            self.close(conn, node, cause);
        }
        if let Some(at) = self.closing.iter().position(|closing| closing.0 == node) {
            let (_, by, is_due) = self.closing.remove(at);
            if is_due {
                self.plan(node, Turn::Restart, self.now, by);
            }
        }
    }

    /// Tells a client to end gracefully. Returns the fact.
    pub(super) fn close_process(
        &mut self,
        node: NodeId,
        by: FactId,
        scratch: &mut Scratch,
    ) -> FactId {
        let cause = self.note(node, by, FaultFact::Closed, scratch);
        self.closing.retain(|closing| closing.0 != node);
        self.closing.push((node, cause, false));
        self.call(node, cause, scratch, Call::Close);
        cause
    }

    pub(super) fn pause(
        &mut self,
        node: NodeId,
        lasting: Span,
        at_point: bool,
        by: FactId,
        scratch: &mut Scratch,
    ) -> FactId {
        self.settle(node, scratch);
        let cause = self.note(node, by, FaultFact::Paused, scratch);
        let mut until = self.now + lasting;
        let mut held_at = until;
        if let Status::Paused {
            until: earlier,
            held_at: first,
            ..
        } = self.status[node.index()]
        {
            held_at = if self.now < first { first } else { earlier };
            until = until.max(earlier);
        }
        self.status[node.index()] = Status::Paused {
            until,
            held_at,
            at_point,
        };
        self.plan(node, Turn::Resume, until, cause);
        cause
    }
}
