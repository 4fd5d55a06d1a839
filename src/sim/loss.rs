//! Which message a `lose-request` or `lose-response` takes.

use super::Sim;
use super::dispatch::Node;
use super::setup::{LossKind, RecordName, ServerFilter, Trigger, Verb};
use crate::base::{ConnId, NodeId};
use crate::kafka::Records;
use crate::kafka::group::OffsetAndEpoch;
use crate::kafka::message::{Body, Envelope, ProduceRequest, Request};
use crate::node::Concern;

impl Sim {
    /// The fault that takes this message, if one does.
    pub(super) fn message_fault(
        &mut self,
        conn: ConnId,
        client: NodeId,
        server: NodeId,
        envelope: &Envelope,
    ) -> Option<LossKind> {
        let setup = self.setup.clone();
        let mut taken = None;
        for (index, fault) in setup.faults.iter().enumerate() {
            let Trigger::Message { api, to, record } = &fault.trigger else {
                continue;
            };
            let waits = !self.faults.entries[index].is_done(fault.times)
                && self.is_target(&fault.target, client)
                && api.is_none_or(|api| api == envelope.api())
                && self.is_server(to, server);
            if !waits {
                continue;
            }
            let carries = match record {
                None => true,
                Some(name) => self.carries(conn, envelope, index, name),
            };
            let kind = match (&fault.verb, &envelope.body) {
                (Verb::LoseRequest(kind), Body::Request(_))
                | (Verb::LoseResponse(kind), Body::Response(_)) => *kind,
                _ => continue,
            };
            if carries && self.faults.entries[index].counts(fault.times) && taken.is_none() {
                self.has_struck(index);
                taken = Some(kind);
            }
        }
        taken
    }

    fn is_server(&self, filter: &ServerFilter, server: NodeId) -> bool {
        let leads = |tp| match &self.nodes[server.index()] {
            Node::Broker(broker) => broker.is_leader(tp),
            _ => false,
        };
        match filter {
            ServerFilter::Any => matches!(self.nodes[server.index()], Node::Broker(_)),
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
