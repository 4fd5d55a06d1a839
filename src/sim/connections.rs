//! What the world does with connections: opening, sending, closing, and what faults do to a message.

use super::dispatch::Call;
use super::event::Event;
use super::loss::Blow;
use super::setup::LossKind;
use super::{Scratch, Sim};
use crate::base::{ConnId, NodeId, Span};
use crate::engine::{Class, Direction, Fate};
use crate::kafka::ErrorCode;
use crate::kafka::message::{Api, Body, Envelope, Request};
use crate::node::FactId;
use crate::node::fact::FaultFact;

impl Sim {
    pub(super) fn open(&mut self, conn: ConnId, client: NodeId, server: NodeId, cause: FactId) {
        let known_at = self.network.open(conn, client, server, self.now);
        if self.links.any_is_cut() && self.must_wait(conn) {
            return;
        }
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
        mut envelope: Box<Envelope>,
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
        let mut leaves_at = self.now;
        if self.faults.watch_messages() {
            match self.befall(conn, (client, server), &mut envelope, scratch) {
                Some(held) => leaves_at += held,
                None => return,
            }
        }
        if let Fate::DeliverAt(at) = self.network.send(conn, direction, api as u8, leaves_at) {
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

    /// Lets a fault take the message: lose it with its connection (`None`), hold it up for so long,
    /// or have it refused.
    fn befall(
        &mut self,
        conn: ConnId,
        (client, server): (NodeId, NodeId),
        envelope: &mut Envelope,
        scratch: &mut Scratch,
    ) -> Option<Span> {
        let Some(blow) = self.message_fault(conn, client, server, envelope) else {
            return Some(Span::ZERO);
        };
        let api = envelope.api();
        let is_request = matches!(envelope.body, Body::Request(_));
        let fact = match (blow, is_request) {
            (Blow::Lose(_), true) => FaultFact::RequestLost { api },
            (Blow::Lose(_), false) => FaultFact::ResponseLost { api },
            (Blow::Hold(length), true) => FaultFact::RequestHeld { api, length },
            (Blow::Hold(length), false) => FaultFact::ResponseHeld { api, length },
            (Blow::Refuse(error), _) => FaultFact::RequestRefused { api, error },
        };
        let cause = self.note(client, FactId(envelope.cause), fact, scratch);
        match blow {
            Blow::Lose(LossKind::Silence) => self.network.silence(conn),
            Blow::Lose(LossKind::Reset) => self.reset(conn, client, server, cause),
            Blow::Hold(length) => return Some(length),
            Blow::Refuse(error) => {
                envelope.cause = cause.0;
                refuse(&mut envelope.body, error);
                return Some(Span::ZERO);
            }
        }
        None
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

/// Has a request refused by the broker it goes to.
fn refuse(body: &mut Body, error: ErrorCode) {
    if let Body::Request(request) = body {
        // `InitProducerId` is but a place-holder that holds nothing.
        let asked = std::mem::replace(request, Request::InitProducerId);
        let request = Box::new(asked);
        *body = Body::Request(Request::Refused { request, error });
    }
}

fn carries_data(envelope: &Envelope) -> bool {
    let data = matches!(
        envelope.api(),
        Api::Produce | Api::OffsetCommit | Api::StoreRows
    );
    data && matches!(envelope.body, Body::Request(_))
}
