//! What the world does with connections: opening, sending, closing, and losing a message on purpose.

use super::dispatch::Call;
use super::event::Event;
use super::setup::LossKind;
use super::{Scratch, Sim};
use crate::base::{ConnId, NodeId};
use crate::engine::{Class, Direction, Fate};
use crate::kafka::message::{Api, Body, Envelope};
use crate::node::FactId;
use crate::node::fact::FaultFact;

impl Sim {
    pub(super) fn open(&mut self, conn: ConnId, client: NodeId, server: NodeId, cause: FactId) {
        let known_at = self.network.open(conn, client, server, self.now);
        if self.is_up(server) {
            self.queue
                .push(known_at, Class::Delivery, client, Event::Connected { conn });
        } else {
            let direction = Direction::ToClient;
            let event = Event::Disconnected {
                conn,
                direction,
                cause,
            };
            self.queue.push(known_at, Class::Delivery, client, event);
        }
    }

    pub(super) fn connected(&mut self, conn: ConnId, scratch: &mut Scratch) {
        let (client, _) = self.network.ends(conn);
        if let Some(until) = self.paused_until(client) {
            self.queue
                .push(until, Class::Delivery, client, Event::Connected { conn });
        } else if self.network.is_open_at(conn, Direction::ToClient) && self.is_up(client) {
            self.call(client, FactId::NONE, scratch, Call::Connected(conn));
        }
    }

    pub(super) fn disconnected(
        &mut self,
        conn: ConnId,
        direction: Direction,
        cause: FactId,
        scratch: &mut Scratch,
    ) {
        let (client, server) = self.network.ends(conn);
        let node = if direction == Direction::ToServer {
            server
        } else {
            client
        };
        if let Some(until) = self.paused_until(node) {
            let event = Event::Disconnected {
                conn,
                direction,
                cause,
            };
            self.queue.push(until, Class::Delivery, node, event);
        } else if self.network.is_open_at(conn, direction) {
            self.network.told_closed(conn, direction);
            if self.is_up(node) {
                self.call(node, cause, scratch, Call::Disconnected(conn));
            }
        }
    }

    pub(super) fn close(&mut self, conn: ConnId, by: NodeId, cause: FactId) {
        if let Some((other, at)) = self.network.close(conn, by, self.now) {
            let (client, _) = self.network.ends(conn);
            let direction = if by == client {
                Direction::ToServer
            } else {
                Direction::ToClient
            };
            let event = Event::Disconnected {
                conn,
                direction,
                cause,
            };
            self.queue.push(at, Class::Delivery, other, event);
        }
    }

    pub(super) fn send(
        &mut self,
        conn: ConnId,
        from: NodeId,
        envelope: Box<Envelope>,
        scratch: &mut Scratch,
    ) {
        let (client, server) = self.network.ends(conn);
        let (direction, to) = if from == client {
            (Direction::ToServer, server)
        } else {
            (Direction::ToClient, client)
        };
        let api = envelope.api();
        if direction == Direction::ToServer && self.setup.warm_up <= self.now {
            self.requests.count(client, api);
        }
        if self.faults.watch_messages() && self.is_lost(conn, client, server, &envelope, scratch) {
            return;
        }
        if let Fate::DeliverAt(at) = self.network.send(conn, direction, api as u8, self.now) {
            self.data_in_flight += u32::from(carries_data(&envelope));
            self.queue.push(
                at,
                Class::Delivery,
                to,
                Event::Deliver {
                    conn,
                    direction,
                    envelope,
                },
            );
        }
    }

    /// Counts a request with records or offsets out of flight.
    pub(super) fn data_arrived(&mut self, envelope: &Envelope) {
        self.data_in_flight -= u32::from(carries_data(envelope));
    }

    /// Lets a `lose-request` or `lose-response` take the message and its connection.
    fn is_lost(
        &mut self,
        conn: ConnId,
        client: NodeId,
        server: NodeId,
        envelope: &Envelope,
        scratch: &mut Scratch,
    ) -> bool {
        let Some(loss) = self.message_fault(conn, client, server, envelope) else {
            return false;
        };
        let api = envelope.api();
        let fact = match envelope.body {
            Body::Request(_) => FaultFact::RequestLost { api },
            Body::Response(_) => FaultFact::ResponseLost { api },
        };
        let cause = self.note(client, FactId(envelope.cause), fact, scratch);
        match loss {
            LossKind::Silence => self.network.silence(conn),
            LossKind::Reset => self.reset(conn, client, server, cause),
        }
        true
    }

    /// Both ends lose the connection at once; requests already on their way still arrive.
    fn reset(&mut self, conn: ConnId, client: NodeId, server: NodeId, cause: FactId) {
        let arrived = self
            .network
            .last_arrival(conn, Direction::ToServer)
            .max(self.now);
        self.network.silence(conn);
        let to_client = Event::Disconnected {
            conn,
            direction: Direction::ToClient,
            cause,
        };
        self.queue
            .push(self.now, Class::Delivery, client, to_client);
        let to_server = Event::Disconnected {
            conn,
            direction: Direction::ToServer,
            cause,
        };
        self.queue.push(arrived, Class::Delivery, server, to_server);
    }
}

fn carries_data(envelope: &Envelope) -> bool {
    let data = matches!(
        envelope.api(),
        Api::Produce | Api::OffsetCommit | Api::StoreRows
    );
    data && matches!(envelope.body, Body::Request(_))
}
