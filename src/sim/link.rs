//! Links that faults cut or slow down: what waits, and for how long.
//!
//! A cut is looked at where a message arrives. What arrives during a cut waits, and arrives, in
//! order, at the instant at which the cut is healed; a connection that is being made waits in the
//! same way, until the setup timeout of its client. Nobody is told of a cut: connections stay open
//! until somebody's request is overdue.
//!
//! Brokers fetch the metadata log of `KRaft`, so what a controller says to a broker needs both
//! directions. Simplified: TCP would try again with a growing wait, and give up after a quarter of
//! an hour; and the setup timeout is that of Kafka's defaults for every client.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::event::Event;
use super::setup::{Drawn, Target, Verb};
use super::{Scratch, Sim};
use crate::base::{ConnId, NodeId, Span, Stream};
use crate::engine::network::Slowness;
use crate::engine::{Class, Direction, Scheduled};
use crate::kafka::message::Api;
use crate::node::FactId;
use crate::node::fact::FaultFact;

/// `socket.connection.setup.timeout.ms`, which doubles up to `socket.connection.setup.timeout.max.ms`
/// and is drawn from a fifth less to a fifth more (`ClusterConnectionStates`), in milliseconds.
const SETUP_TIMEOUTS: [u64; 3] = [10_000, 20_000, 30_000];

/// The two sides of a link, at the instant of the strike.
#[derive(Clone, Debug)]
struct Sides {
    a: Arc<[NodeId]>,
    b: Arc<[NodeId]>,
    one_way: bool,
}

impl Sides {
    fn concern(&self, from: NodeId, to: NodeId) -> bool {
        (self.a.contains(&from) && self.b.contains(&to))
            || (!self.one_way && self.a.contains(&to) && self.b.contains(&from))
    }
}

#[derive(Clone, Debug)]
struct Cut {
    id: u32,
    /// The entry of the file, by which a `heal` finds it.
    fault: usize,
    sides: Sides,
    made: FactId,
}

/// What cuts keep waiting.
#[derive(Clone, Debug)]
pub(super) struct Links {
    cuts: Vec<Cut>,
    waiting: VecDeque<Event>,
    /// Connections that are being made.
    opening: BTreeSet<ConnId>,
    /// How often in a row a client could not connect.
    failures: BTreeMap<(NodeId, NodeId), usize>,
    setup_timeouts: Stream,
    next: u32,
}

impl Links {
    /// No link is cut. The stream is that of setup timeouts.
    pub(super) fn new(setup_timeouts: Stream) -> Self {
        Self {
            cuts: Vec::new(),
            waiting: VecDeque::new(),
            opening: BTreeSet::new(),
            failures: BTreeMap::new(),
            setup_timeouts,
            next: 0,
        }
    }

    /// Whether any link is cut now.
    pub(super) fn any_is_cut(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// The fact of the cut that stops what `from` says to `to`.
    fn stopped_by(&self, from: NodeId, to: NodeId) -> Option<FactId> {
        let mut cuts = self.cuts.iter();
        cuts.find(|cut| cut.sides.concern(from, to))
            .map(|cut| cut.made)
    }

    /// The same, where what is said needs both directions.
    fn stopped_either_way(&self, one: NodeId, other: NodeId) -> Option<FactId> {
        let there = self.stopped_by(one, other);
        there.or_else(|| self.stopped_by(other, one))
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn setup_timeout(&mut self, client: NodeId, server: NodeId) -> Span {
        let failures = self.failures.entry((client, server)).or_insert(0);
        let last = SETUP_TIMEOUTS.len() - 1;
        let usual = SETUP_TIMEOUTS[(*failures).min(last)];
        *failures += 1;
        let drawn = self.setup_timeouts.between(usual * 4 / 5, usual * 6 / 5);
        Span::from_millis(drawn.min(SETUP_TIMEOUTS[last]))
    }
}

impl Sim {
    /// Keeps what a cut stops; gives back what passes.
    pub(super) fn through_cuts(&mut self, next: Scheduled<Event>) -> Option<Scheduled<Event>> {
        // A paused receiver holds it first: what was held there before must not be overtaken.
        let is_paused = |sim: &Self| match &next.event {
            Event::Deliver {
                conn, direction, ..
            }
            | Event::Disconnected {
                conn, direction, ..
            } => sim.paused_until(sim.receiver(*conn, *direction)).is_some(),
            _ => false,
        };
        if self.stopped(&next.event).is_none() || is_paused(self) {
            return Some(next);
        }
        match next.event {
            Event::Connected { conn } => self.opening_waits(conn),
            event => self.links.waiting.push_back(event),
        }
        None
    }

    /// The cut that stops an arrival.
    fn stopped(&self, event: &Event) -> Option<FactId> {
        let (conn, direction) = match event {
            Event::Deliver {
                conn, direction, ..
            }
            | Event::Disconnected {
                conn, direction, ..
            } => (*conn, *direction),
            Event::Connected { conn } => (*conn, Direction::ToClient),
            _ => return None,
        };
        let (client, server) = self.network.ends(conn);
        let needs_both = match event {
            Event::Deliver { envelope, .. } => envelope.api() == Api::UpdateMetadata,
            Event::Connected { .. } => true,
            _ => false,
        };
        if needs_both {
            return self.links.stopped_either_way(client, server);
        }
        match direction {
            Direction::ToServer => self.links.stopped_by(client, server),
            Direction::ToClient => self.links.stopped_by(server, client),
        }
    }

    /// Whether a cut keeps a new connection waiting; then it waits.
    pub(super) fn must_wait(&mut self, conn: ConnId) -> bool {
        let (client, server) = self.network.ends(conn);
        let waits = self.links.stopped_either_way(client, server).is_some();
        if waits {
            self.opening_waits(conn);
        }
        waits
    }

    fn opening_waits(&mut self, conn: ConnId) {
        let (client, server) = self.network.ends(conn);
        self.links.opening.insert(conn);
        let patience = self.links.setup_timeout(client, server);
        let event = Event::SetupOver { conn };
        self.queue
            .push(self.now + patience, Class::Delivery, client, event);
    }

    /// A client waits no longer for a connection to be made.
    pub(super) fn setup_is_over(&mut self, conn: ConnId, scratch: &mut Scratch) {
        if self.links.opening.remove(&conn) {
            let (client, server) = self.network.ends(conn);
            let cause = self.links.stopped_either_way(client, server);
            let cause = cause.unwrap_or(FactId::NONE);
            self.disconnected(conn, Direction::ToClient, cause, scratch);
        }
    }

    /// A `cut`, `heal` or `slow` strikes.
    pub(super) fn strike_link(
        &mut self,
        index: usize,
        sides: &[Vec<Target>; 2],
        by: FactId,
        scratch: &mut Scratch,
    ) {
        let setup = self.setup.clone();
        let [a, b] = sides;
        let nodes = |sim: &Self, side: &[Target]| -> Arc<[NodeId]> {
            let all: BTreeSet<NodeId> = side.iter().flat_map(|t| sim.nodes_of(t)).collect();
            all.into_iter().collect()
        };
        let (a, b) = (nodes(self, a), nodes(self, b));
        match &setup.faults[index].verb {
            Verb::Heal => {
                let same = |cut: &Cut| is_same_link(&setup.faults[cut.fault].target, sides);
                let cuts = self.links.cuts.iter().filter(|cut| same(cut));
                let healed: Vec<u32> = cuts.map(|cut| cut.id).collect();
                if healed.is_empty() {
                    return; // There is no such cut: it has healed by itself.
                }
                self.has_struck(index);
                for id in healed {
                    self.heal(id, by, scratch);
                }
            }
            verb if a.is_empty() || b.is_empty() => {
                assert!(!matches!(verb, Verb::Heal), "handled above");
            }
            Verb::Cut { lasting, one_way } => {
                let one_way = *one_way;
                self.has_struck(index);
                self.cut(index, Sides { a, b, one_way }, *lasting, by, scratch);
            }
            Verb::Slow {
                by: more,
                lasting,
                one_way,
            } => {
                self.has_struck(index);
                let one_way = *one_way;
                let id = self.links.number();
                let slowed = FaultFact::Slowed {
                    a: Arc::clone(&a),
                    b: Arc::clone(&b),
                    one_way,
                };
                let cause = self.note(a[0], by, slowed, scratch);
                self.network.slow(Slowness {
                    id,
                    a: a.to_vec(),
                    b: b.to_vec(),
                    one_way,
                    by: more.clone(),
                    stream: Stream::new(setup.seed, "slow", &id.to_string()),
                });
                self.plan_end(index, id, *lasting, cause);
            }
            other => unreachable!("{other:?} befalls no link"),
        }
    }

    fn cut(
        &mut self,
        fault: usize,
        sides: Sides,
        lasting: Option<Drawn>,
        by: FactId,
        scratch: &mut Scratch,
    ) {
        let id = self.links.number();
        let fact = FaultFact::CutMade {
            a: Arc::clone(&sides.a),
            b: Arc::clone(&sides.b),
            one_way: sides.one_way,
        };
        let made = self.note(sides.a[0], by, fact, scratch);
        self.links.cuts.push(Cut {
            id,
            fault,
            sides,
            made,
        });
        self.plan_end(fault, id, lasting, made);
    }

    fn plan_end(&mut self, fault: usize, id: u32, lasting: Option<Drawn>, cause: FactId) {
        if let Some(lasting) = lasting {
            let lasting = Span(self.faults.entries[fault].draw(lasting));
            self.outstanding += 1;
            let event = Event::LinkOver { id, cause };
            self.queue
                .push(self.now + lasting, Class::Fault, NodeId(0), event);
        }
    }

    /// The time of a cut or of a slowness is over.
    pub(super) fn link_is_over(&mut self, id: u32, by: FactId, scratch: &mut Scratch) {
        if let Some(slow) = self.network.quicken(id) {
            let who = slow.a[0];
            let (a, b) = (slow.a.into(), slow.b.into());
            self.note(who, by, FaultFact::SlowEnded { a, b }, scratch);
        } else {
            self.heal(id, by, scratch);
        }
    }

    fn heal(&mut self, id: u32, by: FactId, scratch: &mut Scratch) {
        let Some(place) = self.links.cuts.iter().position(|cut| cut.id == id) else {
            return; // A `heal` came first.
        };
        let cut = self.links.cuts.remove(place);
        let (who, Sides { a, b, .. }) = (cut.sides.a[0], cut.sides);
        let healed = self.note(who, by, FaultFact::CutHealed { a, b }, scratch);
        if !self.links.any_is_cut() {
            self.links.failures.clear();
        }
        for event in std::mem::take(&mut self.links.waiting) {
            if self.stopped(&event).is_some() {
                self.links.waiting.push_back(event);
            } else {
                self.let_through(event);
            }
        }
        for conn in std::mem::take(&mut self.links.opening) {
            let (client, server) = self.network.ends(conn);
            if self.links.stopped_either_way(client, server).is_some() {
                self.links.opening.insert(conn);
            } else if self.is_up(server) && self.network.is_open_at(conn, Direction::ToServer) {
                self.let_through(Event::Connected { conn });
            } else {
                self.let_through(Event::Disconnected {
                    conn,
                    direction: Direction::ToClient,
                    cause: healed,
                });
            }
        }
    }

    /// What waited arrives now, before anything that arrives at this instant anyway.
    fn let_through(&mut self, event: Event) {
        let receiver = match &event {
            Event::Deliver {
                conn, direction, ..
            }
            | Event::Disconnected {
                conn, direction, ..
            } => self.receiver(*conn, *direction),
            Event::Connected { conn } => self.receiver(*conn, Direction::ToClient),
            other => unreachable!("no cut keeps {other:?}"),
        };
        self.queue.push(self.now, Class::Fault, receiver, event);
    }

    fn receiver(&self, conn: ConnId, direction: Direction) -> NodeId {
        let (client, server) = self.network.ends(conn);
        match direction {
            Direction::ToServer => server,
            Direction::ToClient => client,
        }
    }

    /// The nodes that a name of the file stands for now.
    fn nodes_of(&self, target: &Target) -> Vec<NodeId> {
        match target {
            Target::Actors(actors) => actors.clone(),
            Target::OwnerOf(tp, group) => self.owner_of(*tp, *group).into_iter().collect(),
            Target::LeaderOf(tp) => self.leader_of(*tp).into_iter().collect(),
            Target::FollowersOf(tp) => self.followers_of(*tp),
            Target::CoordinatorOf(group) => {
                let home = self.offsets_partition(*group);
                self.leader_of(home).into_iter().collect()
            }
            Target::Group(_) | Target::Topic(_) | Target::Partition(_) | Target::Link(_) => {
                unreachable!("the sides of a link are processes")
            }
        }
    }
}

/// Whether the target of a cut is this link, from either side.
fn is_same_link(cut: &Target, sides: &[Vec<Target>; 2]) -> bool {
    let Target::Link(of) = cut else { return false };
    let [a, b] = sides;
    (of[0] == *a && of[1] == *b) || (of[0] == *b && of[1] == *a)
}
