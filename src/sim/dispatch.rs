//! The one place that knows which node is what: a call to a node becomes a handler of its role.

use crate::base::{ConnId, GroupId, Instant, NodeId, Offset, TopicId, TopicPartition};
use crate::kafka::message::{Body, Envelope, Response};
use crate::node::broker::Broker;
use crate::node::broker::upkeep::Tail;
use crate::node::consumer::{Member, SeekRequest};
use crate::node::controller::Controller;
use crate::node::producer::Producer;
use crate::node::sink::Sink;
use crate::node::{Ctx, TimerKey};

/// A process of the run.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A controller.
    Controller(Box<Controller>),
    /// A broker.
    Broker(Box<Broker>),
    /// A producer instance.
    Producer(Box<Producer>),
    /// A group member.
    Member(Box<Member>),
    /// A sink.
    Sink(Box<Sink>),
}

/// What the kernel says to a node.
#[derive(Debug)]
pub(super) enum Call {
    /// The process begins.
    Start,
    /// A connection it opened is up.
    Connected(ConnId),
    /// A connection is gone.
    Disconnected(ConnId),
    /// A message arrived; the sender stands beside it.
    Message(ConnId, NodeId, Box<Envelope>),
    /// A timer fired.
    Timer(TimerKey),
    /// No fault took it down at the point it stands at.
    GoOn,
    /// A fault is about to act: state what has happened before this instant.
    Settle,
    /// End gracefully.
    Close,
    /// The application thread stands still until then.
    Stall(Instant),
    /// The application seeks before its next poll.
    Seek(SeekRequest),
    /// It is about to die: a sink states what it leaves half done.
    Dies,
    /// A tool sets the offsets of a group at its coordinator.
    ResetOffsets(GroupId, Vec<(TopicPartition, Offset)>),
    /// The power is about to fail: a broker states what it loses.
    LosePower(Tail),
    /// An administrator gives a topic more partitions, at the controller.
    AddPartitions(TopicId, u32),
    /// An administrator deletes the records of a partition up to an offset, or up to the high
    /// watermark, at its leader.
    DeleteRecords(TopicPartition, Option<Offset>),
    /// An administrator asks for an election, an unclean one or one of the preferred leader, at the
    /// controller.
    ElectLeader(TopicPartition, bool),
}

impl Node {
    /// Calls the handler.
    pub(super) fn handle(&mut self, ctx: &mut Ctx<'_>, call: Call) {
        match self {
            Self::Controller(controller) => handle_controller(controller, ctx, call),
            Self::Broker(broker) => handle_broker(broker, ctx, call),
            Self::Producer(producer) => match call {
                Call::Start => producer.on_start(ctx),
                Call::Connected(conn) => producer.on_connected(ctx, conn),
                Call::Disconnected(conn) => producer.on_disconnected(ctx, conn),
                Call::Message(conn, _, envelope) => {
                    let number = envelope.correlation;
                    producer.on_response(ctx, conn, number, answer(*envelope));
                }
                Call::Timer(key) => producer.on_timer(ctx, key),
                Call::GoOn => producer.go_on(ctx),
                Call::Settle => producer.settle(ctx),
                Call::Close => producer.close(ctx),
                Call::Stall(until) => producer.stall(ctx, until),
                other @ (Call::Seek(_)
                | Call::Dies
                | Call::LosePower(_)
                | Call::ResetOffsets(..)
                | Call::AddPartitions(..)
                | Call::DeleteRecords(..)
                | Call::ElectLeader(..)) => {
                    unreachable!("a producer is never told {other:?}")
                }
            },
            Self::Member(member) => match call {
                Call::Start => member.on_start(ctx),
                Call::Connected(conn) => member.on_connected(ctx, conn),
                Call::Disconnected(conn) => member.on_disconnected(ctx, conn),
                Call::Message(conn, _, envelope) => {
                    let number = envelope.correlation;
                    member.on_response(ctx, conn, number, answer(*envelope));
                }
                Call::Timer(key) => member.on_timer(ctx, key),
                Call::GoOn => member.go_on(ctx),
                Call::Settle => member.settle(ctx),
                Call::Close => member.close(ctx),
                Call::Stall(until) => member.stall(ctx, until),
                Call::Seek(request) => member.seek(ctx, request),
                other @ (Call::Dies
                | Call::LosePower(_)
                | Call::ResetOffsets(..)
                | Call::AddPartitions(..)
                | Call::DeleteRecords(..)
                | Call::ElectLeader(..)) => {
                    unreachable!("a member is never told {other:?}")
                }
            },
            Self::Sink(sink) => handle_sink(sink, ctx, call),
        }
    }

    /// The process dies: memory gone, disk kept.
    pub(super) fn crash(&mut self) {
        match self {
            Self::Controller(controller) => controller.crash(),
            Self::Broker(broker) => broker.crash(),
            Self::Producer(producer) => producer.crash(),
            Self::Member(member) => member.crash(),
            Self::Sink(sink) => sink.crash(),
        }
    }
}

fn handle_broker(broker: &mut Broker, ctx: &mut Ctx<'_>, call: Call) {
    match call {
        Call::Start => broker.on_start(ctx),
        Call::Connected(conn) => broker.on_connected(ctx, conn),
        Call::Disconnected(conn) => broker.on_disconnected(ctx, conn),
        Call::Message(conn, from, envelope) => match envelope.body {
            Body::Request(_) => broker.on_request(ctx, conn, from, envelope),
            Body::Response(response) => {
                broker.on_response(ctx, conn, envelope.correlation, response);
            }
        },
        Call::Timer(key) => broker.on_timer(ctx, key),
        Call::Close => broker.close(ctx),
        Call::LosePower(tail) => broker.lose_power(ctx, tail),
        Call::ResetOffsets(group, offsets) => broker.reset_offsets(ctx, group, offsets),
        Call::DeleteRecords(tp, up_to) => {
            broker.delete_records(ctx, tp, up_to);
        }
        other => unreachable!("a broker is never told {other:?}"),
    }
}

fn handle_sink(sink: &mut Sink, ctx: &mut Ctx<'_>, call: Call) {
    match call {
        Call::Start | Call::Connected(_) => {}
        Call::Disconnected(conn) => sink.on_disconnected(conn),
        Call::Message(conn, from, envelope) => sink.on_request(ctx, conn, from, *envelope),
        Call::Timer(_) => sink.on_timer(ctx),
        Call::GoOn => sink.go_on(ctx),
        Call::Dies => sink.dies(ctx),
        other => unreachable!("a sink is never told {other:?}"),
    }
}

fn handle_controller(controller: &mut Controller, ctx: &mut Ctx<'_>, call: Call) {
    match call {
        Call::Start => controller.on_start(ctx),
        Call::Connected(conn) => controller.on_connected(ctx, conn),
        Call::Disconnected(conn) => controller.on_disconnected(ctx, conn),
        Call::Message(conn, from, envelope) => match envelope.body {
            Body::Request(_) => controller.on_request(ctx, conn, from, *envelope),
            Body::Response(response) => {
                controller.on_response(ctx, conn, envelope.correlation, response);
            }
        },
        Call::Timer(key) => controller.on_timer(ctx, key),
        Call::AddPartitions(topic, to) => controller.add_partitions(ctx, topic, to),
        Call::ElectLeader(tp, unclean) => controller.elect_leader(ctx, tp, unclean),
        other => unreachable!("a controller is never told {other:?}"),
    }
}

fn answer(envelope: Envelope) -> Response {
    match envelope.body {
        Body::Response(response) => response,
        Body::Request(request) => unreachable!("nobody asks a client: {request:?}"),
    }
}
