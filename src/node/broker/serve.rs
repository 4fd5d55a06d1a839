//! The course of a request through a broker: taken into service, worked on, answered or parked.

use super::Broker;
use super::connections::Parked;
use super::timers::Slot;
use crate::base::{ConnId, Dist, Instant, Span, Stream};
use crate::kafka::ErrorCode;
use crate::kafka::message::{Api, Body, Envelope, Request, Response};
use crate::kafka::refusal::refusal;
use crate::node::{Ctx, FactId};

impl Broker {
    /// Takes the next request of a connection into service.
    pub(super) fn serve_next(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        let (setup, streams) = (&self.setup, &mut self.request_times);
        let done_at = |api| ctx.now + work_for(api, &setup.request_time, streams);
        self.memory.connections.begin(conn, done_at);
    }

    /// Does everything that is due now, and arms the timers for the rest.
    pub(super) fn end_turn(&mut self, ctx: &mut Ctx<'_>) {
        while let Some((conn, envelope)) = self.memory.connections.take_done(ctx.now) {
            self.handle(ctx, conn, *envelope);
        }
        if std::mem::take(&mut self.memory.has_errands) {
            self.run_errands(ctx);
        }
        let memory = &mut self.memory;
        let deadlines = [
            (Slot::Service, memory.connections.next_done()),
            (Slot::Parked, memory.connections.next_deadline()),
            (Slot::Coordinator, memory.groups.next_deadline()),
        ];
        for (slot, at) in deadlines {
            if let Some(at) = at {
                memory.timers.arm(ctx, slot, at);
            }
        }
    }

    fn handle(&mut self, ctx: &mut Ctx<'_>, conn: ConnId, envelope: Envelope) {
        ctx.cause = FactId(envelope.cause);
        let correlation = envelope.correlation;
        let Body::Request(request) = envelope.body else {
            unreachable!("clients send requests")
        };
        let response = match request {
            Request::Produce(produce) => return self.produce(ctx, conn, correlation, produce),
            Request::Fetch(fetch) => match fetch.replica {
                Some(follower) => {
                    return self.follower_fetch(ctx, conn, correlation, &fetch, follower);
                }
                None => return self.fetch(ctx, conn, correlation, fetch),
            },
            Request::ListOffsets(wanted) => Response::ListOffsets(self.list_offsets(&wanted)),
            Request::OffsetForLeaderEpoch(asked) => {
                Response::OffsetForLeaderEpoch(self.ends_of_epochs(&asked))
            }
            Request::Metadata {
                topics,
                allow_auto_create,
            } => self.metadata(&topics, allow_auto_create),
            Request::FindCoordinator { group } => self.find_coordinator(&group),
            Request::InitProducerId => self.init_producer_id(),
            Request::UpdateMetadata(partitions) => {
                self.update_metadata(ctx, &partitions);
                Response::UpdateMetadata
            }
            Request::UpdateBrokers(brokers) => {
                self.update_brokers(&brokers);
                Response::UpdateMetadata
            }
            Request::CreateTopics { .. }
            | Request::RegisterBroker { .. }
            | Request::BrokerHeartbeat { .. }
            | Request::AlterPartition(_) => unreachable!("these are for the controller"),
            Request::Sink(_) => unreachable!("applications ask their sink, not a broker"),
            Request::Refused { request, error } => match refusal(&request, error) {
                Some(response) => response,
                None => return self.hang_up(ctx, conn, correlation),
            },
            Request::OffsetCommit(_)
            | Request::OffsetFetch(_)
            | Request::JoinGroup(_)
            | Request::SyncGroup(_)
            | Request::Heartbeat(_)
            | Request::LeaveGroup(_)
            | Request::ConsumerHeartbeat(_) => {
                return self.group(ctx, conn, correlation, request);
            }
        };
        self.answer(ctx, conn, correlation, response);
    }

    /// A producer id nobody else has (`RPCProducerIdManager`).
    fn init_producer_id(&mut self) -> Response {
        let given = self.disk.producer_ids;
        self.disk.producer_ids += 1;
        Response::InitProducerId {
            error: ErrorCode::None,
            id: u64::from(self.setup.node_id) * PRODUCER_IDS_PER_BROKER + given,
            epoch: 0,
        }
    }

    /// Answers a request, if its client is still there, and goes on to the next of its connection.
    pub(super) fn answer(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        correlation: u32,
        response: Response,
    ) {
        if self.memory.connections.finish(conn, correlation) {
            ctx.respond(conn, correlation, response);
            self.serve_next(ctx, conn);
        }
    }

    /// A request is done with that gets no answer.
    pub(super) fn finish(&mut self, ctx: &mut Ctx<'_>, conn: ConnId, correlation: u32) {
        if self.memory.connections.finish(conn, correlation) {
            self.serve_next(ctx, conn);
        }
    }

    /// Closes a connection, which is all an error can say to a client that awaits no answer.
    pub(super) fn hang_up(&mut self, ctx: &mut Ctx<'_>, conn: ConnId, correlation: u32) {
        if self.memory.connections.finish(conn, correlation) {
            self.memory.connections.close(conn);
            ctx.close(conn);
        }
    }

    /// Lets the request at work wait.
    pub(super) fn park(
        &mut self,
        conn: ConnId,
        parked: Parked,
        cause: FactId,
        deadline: Option<Instant>,
    ) {
        self.memory.connections.park(conn, parked, cause, deadline);
    }

    /// Answers who has waited long enough.
    pub(super) fn time_out_parked(&mut self, ctx: &mut Ctx<'_>) {
        while let Some(conn) = self.memory.connections.overdue(ctx.now) {
            match self.memory.connections.parked(conn) {
                Some(Parked::Produce(_)) => self.time_out_produce(ctx, conn),
                Some(Parked::Fetch(_)) => self.complete_fetch(ctx, conn),
                Some(Parked::Follower(index)) => {
                    let index = *index;
                    self.complete_follower_fetch(ctx, index, conn);
                }
                Some(Parked::Coordinator) | None => {
                    unreachable!("only produce requests and fetches have a deadline here")
                }
            }
        }
    }

    /// A client's connection is gone: nobody waits there any more.
    pub(super) fn drop_connection(&mut self, conn: ConnId) {
        self.memory.sessions.close(conn);
        match self.memory.connections.close(conn) {
            Some(Parked::Produce(parked)) => self.forget_produce(conn, &parked),
            Some(Parked::Fetch(parked)) => self.forget_fetch(conn, &parked),
            Some(Parked::Follower(_) | Parked::Coordinator) | None => {}
        }
    }
}

/// How long the work for a request takes.
fn work_for(api: Api, request_time: &Dist, streams: &mut [Stream]) -> Span {
    request_time.constant().unwrap_or_else(|| {
        assert_eq!(Api::ALL[api as usize], api, "every API is in its place");
        request_time.sample(&mut streams[api as usize])
    })
}

/// How far apart the producer ids of two brokers begin.
const PRODUCER_IDS_PER_BROKER: u64 = 1_000_000;
