//! Which message a fault takes, and what becomes of it: lost, held up, or refused.

use super::Sim;
use super::dispatch::Node;
use super::setup::{LossKind, RecordName, ServerFilter, Trigger, Verb};
use crate::base::{ConnId, NodeId, Span};
use crate::kafka::group::OffsetAndEpoch;
use crate::kafka::message::{Body, Envelope, ProduceRequest, Request};
use crate::kafka::{ErrorCode, Records};
use crate::node::Concern;

/// What a fault does to a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Blow {
    /// It is lost with its connection.
    Lose(LossKind),
    /// It stays in the network for so long.
    Hold(Span),
    /// Its broker answers with this error, and does nothing.
    Refuse(ErrorCode),
}

impl Sim {
    /// What the first fault that takes this message does to it.
    pub(super) fn message_fault(
        &mut self,
        conn: ConnId,
        client: NodeId,
        server: NodeId,
        envelope: &Envelope,
    ) -> Option<Blow> {
        let setup = self.setup.clone();
        let mut taken = None;
        for (index, fault) in setup.faults.iter().enumerate() {
            let Trigger::Message { api, to, record } = &fault.trigger else {
                continue;
            };
            let waits = !self.faults.entries[index].is_done(fault.times)
                && self.is_target(&fault.target, client)
                && api.is_none_or(|api| api == envelope.api())
                && self.is_server(to, client, server);
            if !waits {
                continue;
            }
            let carries = match record {
                None => true,
                Some(name) => self.carries(conn, envelope, index, name),
            };
            let is_its_side = matches!(
                (&fault.verb, &envelope.body),
                (
                    Verb::LoseRequest(_) | Verb::HoldRequest { .. } | Verb::Refuse { .. },
                    Body::Request(_)
                ) | (
                    Verb::LoseResponse(_) | Verb::HoldResponse { .. },
                    Body::Response(_)
                )
            );
            if !is_its_side {
                continue;
            }
            if carries && self.faults.entries[index].counts(fault.times) && taken.is_none() {
                self.has_struck(index);
                taken = Some(self.blow(index, &fault.verb));
            }
        }
        taken
    }

    fn blow(&mut self, index: usize, verb: &Verb) -> Blow {
        match verb {
            Verb::LoseRequest(kind) | Verb::LoseResponse(kind) => Blow::Lose(*kind),
            Verb::HoldRequest { lasting } | Verb::HoldResponse { lasting } => {
                Blow::Hold(Span(self.faults.entries[index].draw(*lasting)))
            }
            Verb::Refuse { error } => Blow::Refuse(*error),
            other => unreachable!("{other:?} befalls no message"),
        }
    }

    fn is_server(&self, filter: &ServerFilter, client: NodeId, server: NodeId) -> bool {
        let leads = |tp| match &self.nodes[server.index()] {
            Node::Broker(broker) => broker.is_leader(tp),
            _ => false,
        };
        match filter {
            ServerFilter::Any => match &self.nodes[server.index()] {
                Node::Broker(_) => true,
                Node::Controller(_) => matches!(self.nodes[client.index()], Node::Broker(_)),
                _ => false,
            },
            ServerFilter::Brokers(brokers) => brokers.contains(&server),
            ServerFilter::LeaderOf(tp) => leads(*tp),
            ServerFilter::CoordinatorOf(group) => leads(self.offsets_partition(*group)),
        }
    }

    /// Whether a request, or the request this answers, carries a record.
    fn carries(
        &mut self,
        conn: ConnId,
        envelope: &Envelope,
        index: usize,
        name: &RecordName,
    ) -> bool {
        let key = (conn, envelope.correlation, index);
        match &envelope.body {
            Body::Request(Request::Produce(ProduceRequest { batches, .. })) => {
                let id = match name {
                    RecordName::Id(id) => *id,
                    RecordName::At(..) => return false,
                };
                let held = batches
                    .iter()
                    .any(|(_, b)| b.records().position(id).is_some());
                if held {
                    self.faults.marked.insert(key);
                }
                held
            }
            Body::Request(Request::OffsetCommit(request)) => {
                // An offset commit carries the record just below the offset it stores.
                let below = |(tp, at): &(_, OffsetAndEpoch)| match name {
                    RecordName::At(named, record) => named == tp && record + 1 == at.offset,
                    RecordName::Id(id) => {
                        at.offset != 0 && {
                            let offsets = at.offset - 1..at.offset;
                            let records = Records::EMPTY;
                            self.stands_in(
                                &Concern {
                                    partition: *tp,
                                    offsets,
                                    records,
                                },
                                *id,
                            )
                        }
                    }
                };
                let held = request.offsets.iter().any(below);
                if held {
                    self.faults.marked.insert(key);
                }
                held
            }
            Body::Request(_) => false,
            Body::Response(_) => self.faults.marked.remove(&key),
        }
    }
}
