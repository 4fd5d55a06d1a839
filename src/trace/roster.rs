//! Who was what at which time: leaders of partitions, coordinators of groups, who was up.
//!
//! It learns from every fact of a run, also from those that a trace does not show.

use std::collections::BTreeMap;

use super::layout::Line;
use super::link::{Direction, Peer, handed_on};
use crate::base::{GroupId, Instant, NodeId, RecordId, TopicId, TopicPartition};
use crate::kafka::Cast;
use crate::kafka::cast::Role;
use crate::node::fact::{Fact, FaultFact, LogFact, ProduceFact, Stated};

/// What a process is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Up,
    /// It stands still, wholly or its application.
    Still,
    /// It is dead.
    Down,
}

/// A message, or an attempt at one, between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// Who sent it.
    pub from: NodeId,
    /// Whom it was for.
    pub to: NodeId,
    /// Whether it answers a request.
    pub answer: bool,
    /// Whether it never arrived.
    pub lost: bool,
}

/// What somebody was, each from an instant on.
type History<T> = Vec<(Instant, T)>;

/// Who was what, and when.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    leaders: BTreeMap<TopicPartition, History<NodeId>>,
    coordinators: BTreeMap<GroupId, History<NodeId>>,
    asked: BTreeMap<NodeId, History<NodeId>>,
    lives: BTreeMap<NodeId, History<Life>>,
    handed_on: BTreeMap<(RecordId, TopicId), NodeId>,
}

impl Roster {
    /// Takes in the next fact of the run.
    pub fn learn(&mut self, cast: &Cast, stated: &Stated) {
        let (at, who) = (stated.at, stated.who);
        match &stated.fact {
            Fact::Log(LogFact::Appended { partition, .. }) => {
                note(self.leaders.entry(*partition).or_default(), at, who);
            }
            Fact::Log(LogFact::PartitionState {
                partition,
                leader: Some(leader),
                ..
            }) => note(self.leaders.entry(*partition).or_default(), at, *leader),
            Fact::Group(fact) if cast.actors[who.index()].role == Role::Broker => {
                note(self.coordinators.entry(fact.group()).or_default(), at, who);
            }
            Fact::Produce(ProduceFact::RequestSent { to, .. }) => {
                note(self.asked.entry(who).or_default(), at, *to);
            }
            Fact::Fault(fact) => {
                let life = match fact {
                    FaultFact::Crashed | FaultFact::PowerLost => Life::Down,
                    FaultFact::Paused | FaultFact::Stalled => Life::Still,
                    FaultFact::Restarted
                    | FaultFact::Started
                    | FaultFact::Resumed
                    | FaultFact::StallEnded => Life::Up,
                    _ => return,
                };
                note(self.lives.entry(who).or_default(), at, life);
            }
            fact => {
                let handed = handed_on(fact).map(|record| (record, who));
                self.handed_on.extend(handed);
            }
        }
    }

    /// What a process was at then.
    pub fn life(&self, node: NodeId, at: Instant) -> Life {
        let history = self.lives.get(&node).map_or(&[][..], Vec::as_slice);
        let since = history.partition_point(|(from, _)| *from <= at);
        since
            .checked_sub(1)
            .map_or(Life::Up, |index| history[index].1)
    }

    /// The arrow that a line stands for, if it is known between whom.
    pub fn arrow(&self, cast: &Cast, line: &Line) -> Option<Arrow> {
        let link = line.link?;
        let peer = self.peer(cast, line, link.peer)?;
        let (lost, answer, leaves) = match link.direction {
            Direction::To => (false, false, true),
            Direction::From => (false, false, false),
            Direction::AnswerFrom => (false, true, false),
            Direction::AnswerTo => (false, true, true),
            Direction::LostTo => (true, false, true),
            Direction::LostFrom => (true, true, false),
        };
        let (from, to) = if leaves {
            (line.who, peer)
        } else {
            (peer, line.who)
        };
        (from != to).then_some(Arrow {
            from,
            to,
            answer,
            lost,
        })
    }

    fn peer(&self, cast: &Cast, line: &Line, peer: Peer) -> Option<NodeId> {
        let at = line.at;
        match peer {
            Peer::Node(node) => Some(node),
            Peer::Leader(partition) => then(self.leaders.get(&partition)?, at),
            Peer::Coordinator(group) => then(self.coordinators.get(&group)?, at),
            Peer::LastAsked => then(self.asked.get(&line.who)?, at),
            Peer::Sender(record, topic) => {
                let member = self.handed_on.get(&(record, topic)).copied();
                Some(member.unwrap_or_else(|| cast.sender(record).0))
            }
        }
    }
}

fn note<T: PartialEq>(history: &mut History<T>, at: Instant, what: T) {
    if history.last().is_none_or(|(_, last)| *last != what) {
        history.push((at, what));
    }
}

/// What stood then; before the first entry, what stood first.
fn then(history: &History<NodeId>, at: Instant) -> Option<NodeId> {
    let after = history.partition_point(|(from, _)| *from <= at);
    let entry = history.get(after.saturating_sub(1))?;
    Some(entry.1)
}
