//! Connections between nodes: who hears of what, and when. It delivers nothing itself.
//!
//! A connection has two directions, each first in, first out, as TCP is: reordering comes from
//! retries and from several connections, never from here. Loss shows as a lost connection. Latency
//! is drawn from a stream per pair of nodes, direction and kind of message, so that one more
//! message of one kind shifts no draw of another.
//!
//! Simplified: no bandwidth, no handshake beyond one round trip, no half-open states beyond
//! *silent*.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{ConnId, Dist, Instant, NodeId, Seed, Span, Stream};

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the side that opened the connection.
    ToServer,
    /// Back.
    ToClient,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    DeliverAt(Instant),
    /// It does not.
    Dropped,
}

/// A latency between two sets of nodes.
#[derive(Clone, Debug)]
pub struct LinkLatency {
    /// One side.
    pub a: Vec<NodeId>,
    /// The other.
    pub b: Vec<NodeId>,
    /// One way.
    pub latency: Dist,
}

/// What is added to the latency between two sets of nodes, for a while.
#[derive(Clone, Debug)]
pub struct Slowness {
    /// By which it is ended.
    pub id: u32,
    /// One side.
    pub a: Vec<NodeId>,
    /// The other.
    pub b: Vec<NodeId>,
    /// Only what the first side sends.
    pub one_way: bool,
    /// What is added, one way.
    pub by: Dist,
    /// What it is drawn from.
    pub stream: Stream,
}

#[derive(Clone, Debug)]
struct Connection {
    client: NodeId,
    server: NodeId,
    client_open: bool,
    server_open: bool,
    /// Nothing passes any more, and nobody is told.
    silent: bool,
    /// The last arrival per direction.
    last_arrival: [Instant; 2],
    /// Index into the latencies.
    latency: usize,
}

/// All connections of a run.
#[derive(Clone, Debug)]
pub struct Network {
    seed: Seed,
    names: Arc<[String]>,
    latencies: Vec<LinkLatency>,
    default_latency: Dist,
    connections: Vec<Connection>,
    streams: BTreeMap<(NodeId, NodeId, u8), Stream>,
    slowed: Vec<Slowness>,
}

impl Network {
    /// No connection yet. `names` are the nodes' names, which name the random streams.
    pub fn new(
        seed: Seed,
        names: Arc<[String]>,
        default_latency: Dist,
        latencies: Vec<LinkLatency>,
    ) -> Self {
        Self {
            seed,
            names,
            latencies,
            default_latency,
            connections: Vec::new(),
            streams: BTreeMap::new(),
            slowed: Vec::new(),
        }
    }

    /// A client opens a connection; returns the instant at which it knows, one round trip later.
    pub fn open(&mut self, conn: ConnId, client: NodeId, server: NodeId, now: Instant) -> Instant {
        assert_eq!(
            conn.index(),
            self.connections.len(),
            "connections are numbered in order"
        );
        let link = |l: &LinkLatency| {
            (l.a.contains(&client) && l.b.contains(&server))
                || (l.a.contains(&server) && l.b.contains(&client))
        };
        let latency = self.latencies.iter().rposition(link).unwrap_or(usize::MAX);
        self.connections.push(Connection {
            client,
            server,
            client_open: true,
            server_open: true,
            silent: false,
            last_arrival: [now; 2],
            latency,
        });
        let there = self.draw(conn, Direction::ToServer, u8::MAX);
        let back = self.draw(conn, Direction::ToClient, u8::MAX);
        self.arrive(conn, Direction::ToClient, now + there + back)
    }

    /// The fate of a message of some kind sent now.
    pub fn send(&mut self, conn: ConnId, direction: Direction, kind: u8, now: Instant) -> Fate {
        let connection = &self.connections[conn.index()];
        let sender_open = match direction {
            Direction::ToServer => connection.client_open,
            Direction::ToClient => connection.server_open,
        };
        if !sender_open || connection.silent {
            return Fate::Dropped;
        }
        let latency = self.draw(conn, direction, kind);
        Fate::DeliverAt(self.arrive(conn, direction, now + latency))
    }

    /// Whether the receiver of a direction still listens.
    pub fn is_open_at(&self, conn: ConnId, direction: Direction) -> bool {
        let connection = &self.connections[conn.index()];
        match direction {
            Direction::ToServer => connection.server_open,
            Direction::ToClient => connection.client_open,
        }
    }

    /// One side closes, or dies. Returns the other side and when it hears of it, after everything
    /// already sent; `None` if it need not hear.
    pub fn close(&mut self, conn: ConnId, by: NodeId, now: Instant) -> Option<(NodeId, Instant)> {
        let connection = &mut self.connections[conn.index()];
        let direction = if by == connection.client {
            connection.client_open = false;
            Direction::ToServer
        } else {
            connection.server_open = false;
            Direction::ToClient
        };
        let other = if by == connection.client {
            connection.server
        } else {
            connection.client
        };
        if connection.silent || !self.is_open_at(conn, direction) {
            return None;
        }
        let latency = self.draw(conn, direction, u8::MAX);
        Some((other, self.arrive(conn, direction, now + latency)))
    }

    /// A side has been told that its connection is gone.
    pub fn told_closed(&mut self, conn: ConnId, direction: Direction) {
        let connection = &mut self.connections[conn.index()];
        match direction {
            Direction::ToServer => connection.server_open = false,
            Direction::ToClient => connection.client_open = false,
        }
    }

    /// From now on nothing passes, and nobody is told.
    pub fn silence(&mut self, conn: ConnId) {
        self.connections[conn.index()].silent = true;
    }

    /// A link is slower from now on; slownesses add up.
    pub fn slow(&mut self, slowness: Slowness) {
        self.slowed.push(slowness);
    }

    /// A slowness ends, if it is there.
    pub fn quicken(&mut self, id: u32) -> Option<Slowness> {
        let place = self.slowed.iter().position(|slow| slow.id == id)?;
        Some(self.slowed.remove(place))
    }

    /// The last arrival scheduled in a direction.
    pub fn last_arrival(&self, conn: ConnId, direction: Direction) -> Instant {
        self.connections[conn.index()].last_arrival[direction as usize]
    }

    /// The two sides of a connection, client first.
    pub fn ends(&self, conn: ConnId) -> (NodeId, NodeId) {
        let connection = &self.connections[conn.index()];
        (connection.client, connection.server)
    }

    /// The connections a node still holds open on its side.
    pub fn open_of(&self, node: NodeId) -> Vec<ConnId> {
        let mine = |c: &Connection| {
            (c.client == node && c.client_open) || (c.server == node && c.server_open)
        };
        let all = self.connections.iter().enumerate();
        all.filter(|(_, c)| mine(c))
            .map(|(i, _)| ConnId(i as u32))
            .collect()
    }

    fn arrive(&mut self, conn: ConnId, direction: Direction, at: Instant) -> Instant {
        let last = &mut self.connections[conn.index()].last_arrival[direction as usize];
        *last = at.max(*last);
        *last
    }

    fn draw(&mut self, conn: ConnId, direction: Direction, kind: u8) -> Span {
        let latency = self.draw_usual(conn, direction, kind);
        if self.slowed.is_empty() {
            return latency;
        }
        let (client, server) = self.ends(conn);
        let (from, to) = match direction {
            Direction::ToServer => (client, server),
            Direction::ToClient => (server, client),
        };
        let concerned = |slow: &&mut Slowness| {
            (slow.a.contains(&from) && slow.b.contains(&to))
                || (!slow.one_way && slow.a.contains(&to) && slow.b.contains(&from))
        };
        let slowed = self.slowed.iter_mut().filter(concerned);
        slowed.fold(latency, |sum, slow| sum + slow.by.sample(&mut slow.stream))
    }

    fn draw_usual(&mut self, conn: ConnId, direction: Direction, kind: u8) -> Span {
        let connection = &self.connections[conn.index()];
        let (client, server) = (connection.client, connection.server);
        let dist = match self.latencies.get(connection.latency) {
            Some(link) => &link.latency,
            None => &self.default_latency,
        };
        if let Some(constant) = dist.constant() {
            return constant;
        }
        let (from, to) = match direction {
            Direction::ToServer => (client, server),
            Direction::ToClient => (server, client),
        };
        let (seed, names) = (self.seed, &self.names);
        let stream = self.streams.entry((from, to, kind)).or_insert_with(|| {
            let name = format!("{}>{} {kind}", names[from.index()], names[to.index()]);
            Stream::new(seed, "latency", &name)
        });
        dist.sample(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: NodeId = NodeId(0);
    const SERVER: NodeId = NodeId(1);

    fn network(latency: Dist) -> Network {
        let names = vec!["client".to_owned(), "server".to_owned(), "other".to_owned()];
        Network::new(Seed(1), names.into(), latency, Vec::new())
    }

    #[test]
    fn a_connection_never_reorders_however_latencies_fall() {
        let low = Span::from_millis(1);
        let mut network = network(Dist::Uniform {
            low,
            high: Span::from_millis(50),
        });
        let conn = ConnId(0);
        network.open(conn, CLIENT, SERVER, Instant::ZERO);
        let mut last = Instant::ZERO;
        for i in 0..1_000 {
            let sent = Instant(i * 1_000_000);
            let Fate::DeliverAt(at) = network.send(conn, Direction::ToServer, 0, sent) else {
                panic!("an open connection delivers")
            };
            assert!(last <= at && sent + low <= at);
            last = at;
        }
    }

    #[test]
    fn the_other_side_hears_of_a_close_after_what_was_sent() {
        let mut network = network(Dist::Constant(Span::from_millis(5)));
        let conn = ConnId(0);
        assert_eq!(
            network.open(conn, CLIENT, SERVER, Instant::ZERO),
            Instant(10_000_000)
        );
        let sent = network.send(conn, Direction::ToServer, 0, Instant(20_000_000));
        assert_eq!(sent, Fate::DeliverAt(Instant(25_000_000)));
        let told = network.close(conn, CLIENT, Instant(20_000_000));
        assert_eq!(told, Some((SERVER, Instant(25_000_000))));
        assert_eq!(
            network.send(conn, Direction::ToServer, 0, Instant(21_000_000)),
            Fate::Dropped
        );
        assert!(!network.is_open_at(conn, Direction::ToClient));
    }

    #[test]
    fn messages_of_one_kind_do_not_shift_the_latencies_of_another() {
        let dist = Dist::Uniform {
            low: Span::ZERO,
            high: Span::from_millis(50),
        };
        let draw = |noise: u64| {
            let mut network = network(dist.clone());
            network.open(ConnId(0), CLIENT, SERVER, Instant::ZERO);
            for _ in 0..noise {
                network.draw(ConnId(0), Direction::ToServer, 8);
            }
            network.draw(ConnId(0), Direction::ToServer, 0)
        };
        assert_eq!(draw(0), draw(17));
    }

    #[test]
    fn a_slow_link_delays_what_its_first_side_sends_and_nothing_else_until_it_ends() {
        let mut network = network(Dist::Constant(Span::from_millis(1)));
        let conn = ConnId(0);
        network.open(conn, CLIENT, SERVER, Instant::ZERO);
        network.slow(Slowness {
            id: 7,
            a: vec![CLIENT],
            b: vec![SERVER],
            one_way: true,
            by: Dist::Constant(Span::from_millis(20)),
            stream: Stream::new(Seed(1), "slow", "0"),
        });
        let send = |network: &mut Network, direction, at: u64| match network.send(
            conn,
            direction,
            0,
            Instant(at * 1_000_000),
        ) {
            Fate::DeliverAt(at) => at.as_millis(),
            Fate::Dropped => panic!("an open connection delivers"),
        };
        assert_eq!(send(&mut network, Direction::ToServer, 10), 31);
        assert_eq!(send(&mut network, Direction::ToClient, 10), 11);
        assert!(network.quicken(7).is_some() && network.quicken(7).is_none());
        assert_eq!(send(&mut network, Direction::ToServer, 11), 31, "in order");
        assert_eq!(send(&mut network, Direction::ToServer, 40), 41);
    }

    #[test]
    fn a_silent_connection_loses_everything_and_tells_nobody() {
        let mut network = network(Dist::Constant(Span::from_millis(1)));
        network.open(ConnId(0), CLIENT, SERVER, Instant::ZERO);
        network.silence(ConnId(0));
        assert_eq!(
            network.send(ConnId(0), Direction::ToClient, 0, Instant(5)),
            Fate::Dropped
        );
        assert_eq!(network.close(ConnId(0), CLIENT, Instant(9)), None);
    }
}
