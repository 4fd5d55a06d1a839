//! One step of the world: the only code that touches everything.

use super::dispatch::{Call, Node};
use super::event::Event;
use super::{End, Ends, Scratch, Sim, Status};
use crate::base::{Instant, NodeId};
use crate::engine::{Class, Direction, Fired, Scheduled};
use crate::node::fact::AppFact;
use crate::node::{Ctx, Effect, Fact, FactId, Stated, TimerKey};

impl Sim {
    /// Handles the next event; its facts are left in the scratch. Gives the end of the run, if this
    /// was it.
    pub fn step(&mut self, scratch: &mut Scratch) -> Option<End> {
        let Some(next) = self.queue.pop() else {
            let reason = self.why_not_drained().unwrap_or_default();
            return Some(self.end(scratch, Ends::Stuck { reason }));
        };
        if let Some(limit) = self.limit_at(next.at) {
            return Some(self.end(scratch, limit));
        }
        if let Some(stuck) = self.drain_is_over(next.at) {
            return Some(self.end(scratch, stuck));
        }
        assert!(self.now <= next.at, "time never goes back");
        self.now = next.at;
        self.events += 1;
        self.handle(next, scratch);
        self.pass_on_failures(scratch);
        self.strike_for_facts(scratch);
        self.may_end().then(|| self.end(scratch, Ends::Drained))
    }

    /// The bound of the run that one more event, at this instant, would pass.
    fn limit_at(&self, at: Instant) -> Option<Ends> {
        let limits = &self.setup.limits;
        let which = if Instant::ZERO + limits.time < at {
            format!("limits.time: {}", limits.time)
        } else if limits.events <= self.events {
            format!("limits.events: {}", limits.events)
        } else {
            return None;
        };
        Some(Ends::Limit { which })
    }

    /// `fails: N` counts over all members of a group: what failed in one is told to the others.
    fn pass_on_failures(&mut self, scratch: &Scratch) {
        for stated in &scratch.facts {
            let Fact::App(AppFact::ProcessingFailed { group, records, .. }) = &stated.fact else {
                continue;
            };
            for member in &self.setup.groups[group.index()].members {
                if *member == stated.who {
                    continue;
                }
                if let Node::Member(member) = &mut self.nodes[member.index()] {
                    member.failed_elsewhere(records.get(0));
                }
            }
        }
    }

    fn handle(&mut self, mut next: Scheduled<Event>, scratch: &mut Scratch) {
        if self.links.any_is_cut() {
            match self.through_cuts(next) {
                Some(passes) => next = passes,
                None => return,
            }
        }
        match next.event {
            Event::Deliver {
                conn,
                direction,
                envelope,
            } => {
                let (client, server) = self.network.ends(conn);
                let (from, to) = match direction {
                    Direction::ToServer => (client, server),
                    Direction::ToClient => (server, client),
                };
                if let Some(until) = self.paused_until(to) {
                    let event = Event::Deliver {
                        conn,
                        direction,
                        envelope,
                    };
                    self.queue.push(until, Class::Delivery, to, event);
                    return;
                }
                self.data_arrived(&envelope);
                if self.network.is_open_at(conn, direction) && self.is_up(to) {
                    let cause = FactId(envelope.cause);
                    self.call(to, cause, scratch, Call::Message(conn, from, envelope));
                }
            }
            Event::Connected { conn } => self.connected(conn, scratch),
            Event::Disconnected {
                conn,
                direction,
                cause,
            } => {
                self.disconnected(conn, direction, cause, scratch);
            }
            Event::Timer { node, key } => self.timer_came_up(node, key, &next, scratch),
            Event::Overdue { node, key, cause } => {
                if self.is_up(node) {
                    self.call(node, cause, scratch, Call::Timer(key));
                }
            }
            Event::Life { node, turn, cause } => {
                self.outstanding -= 1;
                self.turn(node, turn, cause, scratch);
            }
            Event::Strike { fault } => {
                self.outstanding -= 1;
                self.strike_at_instant(fault as usize, scratch);
            }
            Event::SetupOver { conn } => self.setup_is_over(conn, scratch),
            Event::LinkOver { id, cause } => {
                self.outstanding -= 1;
                self.link_is_over(id, cause, scratch);
            }
            Event::Wake => {}
        }
    }

    pub(super) fn paused_until(&self, node: NodeId) -> Option<Instant> {
        match self.status[node.index()] {
            Status::Paused { until, held_at, .. } => {
                Some(if self.now < held_at { held_at } else { until })
            }
            Status::NotStarted | Status::Up | Status::Down => None,
        }
    }

    fn timer_came_up(
        &mut self,
        node: NodeId,
        key: TimerKey,
        next: &Scheduled<Event>,
        scratch: &mut Scratch,
    ) {
        let (table, slot) = (usize::from(key.application), usize::from(key.slot));
        let class = if key.application {
            Class::Application
        } else {
            Class::Timer
        };
        match self.timers[node.index()][table].fired(slot, next.at, next.sequence) {
            Fired::Stale => {}
            Fired::Rearm(at, number) => {
                self.queue
                    .push_numbered(at, class, node, number, Event::Timer { node, key });
            }
            Fired::Fire(cause) => match self.paused_until(node) {
                Some(until) => {
                    self.queue
                        .push(until, class, node, Event::Overdue { node, key, cause });
                }
                None => self.call(node, cause, scratch, Call::Timer(key)),
            },
        }
    }

    /// Calls a node, carries out what it asks, and lets it go on from every watched point at which
    /// no fault holds it.
    pub(super) fn call(&mut self, node: NodeId, cause: FactId, scratch: &mut Scratch, first: Call) {
        self.invoke(node, cause, scratch, first);
        while let Some(point) = scratch.reached.take() {
            let goes_on = self.strike_at_point(node, &point, scratch);
            // What a strike says to the node may have brought it to its next point already.
            if goes_on && scratch.reached.is_none() {
                // What follows is caused by the youngest fact of this step.
                let cause = scratch.facts.last().map_or(cause, |stated| stated.id);
                self.invoke(node, cause, scratch, Call::GoOn);
            }
        }
    }

    pub(super) fn invoke(
        &mut self,
        node: NodeId,
        cause: FactId,
        scratch: &mut Scratch,
        call: Call,
    ) {
        self.has_a_turn(node);
        let mut ctx = Ctx {
            now: self.now,
            me: node,
            cause,
            watched: self.watched[node.index()],
            effects: &mut scratch.effects,
            facts: &mut scratch.facts,
            next_fact: &mut self.next_fact,
            next_conn: &mut self.next_conn,
        };
        self.nodes[node.index()].handle(&mut ctx, call);
        let cause = ctx.cause;
        let mut effects = std::mem::take(&mut scratch.effects);
        for effect in effects.drain(..) {
            self.carry_out(node, cause, effect, scratch);
        }
        scratch.effects = effects;
    }

    /// What was known of whether a node is done holds no longer.
    pub(super) fn has_a_turn(&mut self, node: NodeId) {
        if self.at_work == Some(node) {
            self.at_work = None;
        }
    }

    fn carry_out(&mut self, node: NodeId, cause: FactId, effect: Effect, scratch: &mut Scratch) {
        match effect {
            Effect::Open { conn, to, lane: _ } => self.open(conn, node, to, cause),
            Effect::Send { conn, envelope } => self.send(conn, node, envelope, scratch),
            Effect::Answered { .. } => {}
            Effect::Close { conn } => self.close(conn, node, cause),
            Effect::SetTimer { key, at } => self.set_timer(node, key, at, cause),
            Effect::CancelTimer { key } => {
                let table = usize::from(key.application);
                self.timers[node.index()][table].cancel(usize::from(key.slot));
            }
            Effect::Reached(point) => {
                assert!(
                    scratch.reached.is_none(),
                    "a node stands at one point at a time"
                );
                scratch.reached = Some(point);
            }
            Effect::Exit => self.gone(node, cause),
        }
    }

    fn set_timer(&mut self, node: NodeId, key: TimerKey, at: Instant, cause: FactId) {
        let (table, slot) = (usize::from(key.application), usize::from(key.slot));
        let number = self.queue.number();
        if self.timers[node.index()][table].set(slot, at, number, cause) {
            let class = if key.application {
                Class::Application
            } else {
                Class::Timer
            };
            self.queue
                .push_numbered(at, class, node, number, Event::Timer { node, key });
        }
    }

    /// States a fact on behalf of the kernel.
    pub(super) fn note(
        &mut self,
        who: NodeId,
        by: FactId,
        fact: impl Into<Fact>,
        scratch: &mut Scratch,
    ) -> FactId {
        let id = self.next_fact;
        self.next_fact.0 += 1;
        let stated = Stated {
            id,
            at: self.now,
            who,
            by,
            since: FactId::NONE,
            fact: fact.into(),
        };
        scratch.facts.push(stated);
        id
    }
}
