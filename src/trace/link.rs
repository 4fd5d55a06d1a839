//! Between whom a line of a trace passes: what was sent from whom to whom, where the fact tells of a
//! message that arrived, left or was lost.
//!
//! A fact names only what its actor knows. Who led a partition or coordinated a group at that time is
//! looked up in the [`Roster`](super::roster::Roster).

use super::stretch::{Doing, Stretch};
use crate::base::{GroupId, NodeId, RecordId, TopicId, TopicPartition};
use crate::kafka::Cast;
use crate::kafka::message::Api;
use crate::node::fact::{
    AppFact, Fact, FaultFact, GroupFact, LogFact, PositionSource, ProduceFact, SinkFact, Stated,
};

/// The other end of what a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A node that the fact names.
    Node(NodeId),
    /// The leader of a partition.
    Leader(TopicPartition),
    /// The coordinator of a group.
    Coordinator(GroupId),
    /// Whoever sent this record to this topic: its producer, or a member that handed it on.
    Sender(RecordId, TopicId),
    /// The broker to which this producer's last request went.
    LastAsked,
}

/// In which direction something passes, seen from the actor of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A request leaves the actor.
    To,
    /// A request has reached the actor.
    From,
    /// An answer has reached the actor.
    AnswerFrom,
    /// An answer leaves the actor.
    AnswerTo,
    /// A request of the actor is lost.
    LostTo,
    /// An answer to the actor is lost.
    LostFrom,
}

/// What passes between the actor of a line and another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which way.
    pub direction: Direction,
    /// To or from whom.
    pub peer: Peer,
}

const fn link(direction: Direction, peer: Peer) -> Link {
    Link { direction, peer }
}

/// What passes in a stretch.
pub(crate) fn of_stretch(cast: &Cast, stretch: &Stretch) -> Option<Link> {
    let partition = stretch.place.map(|(partition, _)| partition);
    match stretch.doing {
        Doing::Appends => {
            let sender = |record: &RecordId| cast.sender(*record).0;
            let first = stretch.records.first()?;
            let is_of_one = stretch.records.iter().all(|r| sender(r) == sender(first));
            let peer = Peer::Sender(*first, partition?.topic);
            is_of_one.then_some(link(Direction::From, peer))
        }
        Doing::HearsWritten | Doing::Polls => {
            Some(link(Direction::AnswerFrom, Peer::Leader(partition?)))
        }
        Doing::Sends(_)
        | Doing::Processes
        | Doing::HandsOff
        | Doing::Drops
        | Doing::Stores(_)
        | Doing::FindsThere(_) => None,
    }
}

/// What passes in a fact that is no stretch.
pub(crate) fn of_fact(cast: &Cast, stated: &Stated) -> Option<Link> {
    match &stated.fact {
        Fact::Produce(fact) => of_producer(fact),
        Fact::Log(
            LogFact::RetryDeduplicated {
                partition, records, ..
            }
            | LogFact::AppendRefused {
                partition, records, ..
            },
        ) => {
            let first = records.iter().next()?;
            Some(link(Direction::From, Peer::Sender(first, partition.topic)))
        }
        Fact::Group(fact) => of_group(fact),
        Fact::Fault(FaultFact::RequestLost { api }) => {
            Some(link(Direction::LostTo, asked(cast, stated.who, *api)?))
        }
        Fact::Fault(FaultFact::ResponseLost { api }) => {
            Some(link(Direction::LostFrom, asked(cast, stated.who, *api)?))
        }
        Fact::Sink(SinkFact::Received { from, .. } | SinkFact::InsertRefused { from, .. }) => {
            Some(link(Direction::From, Peer::Node(*from)))
        }
        Fact::Log(_)
        | Fact::Cluster(_)
        | Fact::Storage(_)
        | Fact::App(_)
        | Fact::Sink(_)
        | Fact::Fault(_) => None,
    }
}

fn of_producer(fact: &ProduceFact) -> Option<Link> {
    match fact {
        ProduceFact::RequestSent { to, .. } => Some(link(Direction::To, Peer::Node(*to))),
        ProduceFact::BatchSent { partition, .. } => {
            Some(link(Direction::To, Peer::Leader(*partition)))
        }
        ProduceFact::OutOfOrderSequence { partition, .. } => {
            Some(link(Direction::AnswerFrom, Peer::Leader(*partition)))
        }
        _ => None,
    }
}

fn of_group(fact: &GroupFact) -> Option<Link> {
    match fact {
        GroupFact::Joining { group }
        | GroupFact::CommitRequested { group, .. }
        | GroupFact::PollIntervalExceeded { group } => {
            Some(link(Direction::To, Peer::Coordinator(*group)))
        }
        GroupFact::Assigned { group, .. }
        | GroupFact::CommitConfirmed { group, .. }
        | GroupFact::PositionSet {
            group,
            source: PositionSource::Committed,
            ..
        }
        | GroupFact::CommitFailed {
            group,
            error: Some(_),
            ..
        } => Some(link(Direction::AnswerFrom, Peer::Coordinator(*group))),
        GroupFact::MemberFenced { member, .. } | GroupFact::MemberReconciled { member, .. } => {
            Some(link(Direction::AnswerTo, Peer::Node(*member)))
        }
        GroupFact::MemberLeft { member, .. } => Some(link(Direction::From, Peer::Node(*member))),
        _ => None,
    }
}

/// Whom a client asked this.
fn asked(cast: &Cast, who: NodeId, api: Api) -> Option<Peer> {
    match api {
        Api::Produce => Some(Peer::LastAsked),
        Api::OffsetCommit
        | Api::OffsetFetch
        | Api::JoinGroup
        | Api::SyncGroup
        | Api::Heartbeat
        | Api::LeaveGroup => Some(Peer::Coordinator(cast.actors[who.index()].group?)),
        _ => None,
    }
}

/// Whether the fact is the application's handing on of a record, and of which.
pub(crate) fn handed_on(fact: &Fact) -> Option<(RecordId, TopicId)> {
    match fact {
        Fact::App(AppFact::HandedOn { records, to, .. }) => Some((records.iter().next()?, *to)),
        _ => None,
    }
}
