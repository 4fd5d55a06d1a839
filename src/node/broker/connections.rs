//! The connections of clients to a broker (`SocketServer`).
//!
//! ```text
//!          on_request                    work done                 answered
//! Idle ------------------> In service ----------------> Parked ----------------> Idle, or the next
//!                               |                          answered at once          ^
//!                               +----------------------------------------------------+
//! ```
//!
//! One request per connection at a time: what follows is not read before the answer was sent, so a
//! produce request that waits for replication holds back the next one behind it. When a client goes
//! away, what was not read is lost; what is being worked on still takes effect, and only its answer
//! is dropped.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use super::fetch::ParkedFetch;
use super::produce::ParkedProduce;
use crate::base::{ConnId, Instant, NodeId};
use crate::kafka::message::{Api, Envelope};
use crate::node::FactId;

/// What a parked request waits for.
#[derive(Clone, Debug)]
pub(super) enum Parked {
    /// Replication.
    Produce(ParkedProduce),
    /// Data, for a consumer.
    Fetch(ParkedFetch),
    /// Data, for the follower at this place in the list of brokers.
    Follower(usize),
    /// Whatever the group coordinator says.
    Coordinator,
}

#[derive(Clone, Debug)]
enum State {
    InService(Box<Envelope>),
    AtWork,
    Parked(Parked),
}

/// The request a connection is at.
#[derive(Clone, Debug)]
struct Current {
    correlation: u32,
    api: Api,
    deadline: Option<Instant>,
    cause: FactId,
    state: State,
}

#[derive(Clone, Debug)]
struct Connection {
    client: NodeId,
    current: Option<Current>,
    queue: VecDeque<Box<Envelope>>,
    is_closed: bool,
}

/// Connections in order of their ids.
#[derive(Clone, Debug, Default)]
struct Open {
    all: Vec<(ConnId, Connection)>,
    /// Where the last one looked up is: mostly it is the next one too.
    last: usize,
}

impl Open {
    fn place(&self, conn: ConnId) -> Result<usize, usize> {
        if self.all.get(self.last).is_some_and(|(id, _)| *id == conn) {
            return Ok(self.last);
        }
        self.all.binary_search_by_key(&conn, |(id, _)| *id)
    }

    fn get(&self, conn: ConnId) -> Option<&Connection> {
        let place = self.place(conn).ok()?;
        Some(&self.all[place].1)
    }

    fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.last = self.place(conn).ok()?;
        Some(&mut self.all[self.last].1)
    }

    fn get_or_insert(&mut self, conn: ConnId, client: NodeId) -> &mut Connection {
        let place = self.place(conn).unwrap_or_else(|place| {
            let connection = Connection {
                client,
                current: None,
                queue: VecDeque::new(),
                is_closed: false,
            };
            self.all.insert(place, (conn, connection));
            place
        });
        self.last = place;
        &mut self.all[place].1
    }

    fn remove(&mut self, conn: ConnId) {
        if let Ok(place) = self.place(conn) {
            self.all.remove(place);
        }
    }
}

/// The connections of clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    open: Open,
    in_service: BinaryHeap<Reverse<(Instant, u64, ConnId)>>,
    deadlines: BTreeSet<(Instant, ConnId)>,
    served: u64,
    open_data_requests: usize,
}

/// Whether a request carries records or offsets to be stored.
fn carries_data(api: Api) -> bool {
    matches!(api, Api::Produce | Api::OffsetCommit)
}

impl Connections {
    /// A request arrives. Returns whether the connection has nothing else to do.
    pub(super) fn receive(
        &mut self,
        conn: ConnId,
        client: NodeId,
        envelope: Box<Envelope>,
    ) -> bool {
        self.open_data_requests += usize::from(carries_data(envelope.api()));
        let connection = self.open.get_or_insert(conn, client);
        assert_eq!(connection.client, client, "a connection has one client");
        connection.queue.push_back(envelope);
        connection.current.is_none()
    }

    /// Whose connection it is, while anybody has a use for it.
    pub(super) fn client(&self, conn: ConnId) -> Option<NodeId> {
        self.open.get(conn).map(|connection| connection.client)
    }

    /// The next request of a connection, if there is one, is taken into service; `done_at` says when
    /// the work for its API is done.
    pub(super) fn begin(&mut self, conn: ConnId, done_at: impl FnOnce(Api) -> Instant) {
        let Some(connection) = self.open.get_mut(conn) else {
            return;
        };
        let Some(envelope) = connection.queue.pop_front() else {
            return;
        };
        assert!(connection.current.is_none(), "one request at a time");
        let done_at = done_at(envelope.api());
        connection.current = Some(Current {
            correlation: envelope.correlation,
            api: envelope.api(),
            deadline: None,
            cause: FactId(envelope.cause),
            state: State::InService(envelope),
        });
        self.served += 1;
        self.in_service.push(Reverse((done_at, self.served, conn)));
    }

    /// When the next piece of work is done.
    pub(super) fn next_done(&self) -> Option<Instant> {
        self.in_service.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes out the next request whose work is done by now, oldest first.
    pub(super) fn take_done(&mut self, now: Instant) -> Option<(ConnId, Box<Envelope>)> {
        if now < self.next_done()? {
            return None;
        }
        let Reverse((_, _, conn)) = self.in_service.pop().expect("a request is in service");
        let connection = self.open.get_mut(conn).expect("the connection is known");
        let current = connection
            .current
            .as_mut()
            .expect("a request is in service");
        match std::mem::replace(&mut current.state, State::AtWork) {
            State::InService(envelope) => Some((conn, envelope)),
            other => unreachable!("a request in service is {other:?}"),
        }
    }

    /// The request at work has to wait, until `deadline` at most.
    pub(super) fn park(
        &mut self,
        conn: ConnId,
        parked: Parked,
        cause: FactId,
        deadline: Option<Instant>,
    ) {
        let connection = self.open.get_mut(conn).expect("the connection is known");
        let current = connection.current.as_mut().expect("a request is at work");
        current.state = State::Parked(parked);
        current.cause = cause;
        current.deadline = deadline;
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, conn));
        }
    }

    /// What the request of a connection waits for, if it is parked.
    pub(super) fn parked(&self, conn: ConnId) -> Option<&Parked> {
        match &self.open.get(conn)?.current.as_ref()?.state {
            State::Parked(parked) => Some(parked),
            State::InService(_) | State::AtWork => None,
        }
    }

    /// What the request of a connection waits for, if it is parked, to be changed.
    pub(super) fn parked_mut(&mut self, conn: ConnId) -> Option<&mut Parked> {
        match &mut self.open.get_mut(conn)?.current.as_mut()?.state {
            State::Parked(parked) => Some(parked),
            State::InService(_) | State::AtWork => None,
        }
    }

    /// A parked request waits no longer: what it waited for, its number, and the fact behind it.
    pub(super) fn unpark(&mut self, conn: ConnId) -> Option<(Parked, u32, FactId)> {
        let current = self.open.get_mut(conn)?.current.as_mut()?;
        if !matches!(current.state, State::Parked(_)) {
            return None;
        }
        if let Some(deadline) = current.deadline.take() {
            self.deadlines.remove(&(deadline, conn));
        }
        match std::mem::replace(&mut current.state, State::AtWork) {
            State::Parked(parked) => Some((parked, current.correlation, current.cause)),
            State::InService(_) | State::AtWork => unreachable!("the request was seen parked"),
        }
    }

    /// When the next parked request has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The first parked request that has waited long enough by now.
    pub(super) fn overdue(&self, now: Instant) -> Option<ConnId> {
        let (at, conn) = self.deadlines.first()?;
        (*at <= now).then_some(*conn)
    }

    /// The request of this number is done with. Returns whether anybody is there to be answered.
    pub(super) fn finish(&mut self, conn: ConnId, correlation: u32) -> bool {
        let Some(connection) = self.open.get_mut(conn) else {
            return false;
        };
        let is_current = |current: &mut Current| current.correlation == correlation;
        let Some(done) = connection.current.take_if(is_current) else {
            return false;
        };
        assert!(
            !matches!(done.state, State::InService(_)),
            "work is answered when it is done"
        );
        if let Some(deadline) = done.deadline {
            self.deadlines.remove(&(deadline, conn));
        }
        self.open_data_requests -= usize::from(carries_data(done.api));
        if connection.is_closed {
            self.open.remove(conn);
            return false;
        }
        true
    }

    /// The client is gone. What was not read is lost; returns what its request was parked for.
    pub(super) fn close(&mut self, conn: ConnId) -> Option<Parked> {
        let connection = self.open.get_mut(conn)?;
        let unread = connection.queue.drain(..);
        self.open_data_requests -= unread.filter(|e| carries_data(e.api())).count();
        connection.is_closed = true;
        let unparked = self.unpark(conn);
        let connection = self.open.get(conn).expect("the connection is known");
        let (idle, correlation) = match &connection.current {
            None => (true, None),
            Some(current) => (false, Some(current.correlation)),
        };
        match (idle, unparked, correlation) {
            (true, _, _) => {
                self.open.remove(conn);
                None
            }
            (false, Some((parked, _, _)), Some(correlation)) => {
                self.finish(conn, correlation);
                Some(parked)
            }
            (false, _, _) => None,
        }
    }

    /// Produce requests and offset commits that are waiting to be read, at work or parked.
    pub(super) fn open_data_requests(&self) -> usize {
        self.open_data_requests
    }
}
