//! The lives of chosen records for one group: in which phase each was from when to when.
//!
//! | phase | begins with | ends with |
//! |---|---|---|
//! | in the producer | `send()` | the append to the log |
//! | in the log | the append; a crash of who had it | a poll that hands it out |
//! | in the application | that poll | the effect, or the crash of its member |
//! | done, not committed | the effect | an offset commit past it, or the crash of its member |
//!
//! A record whose offset was committed is done with its effect; without one it is lost when its
//! member crashes.

use std::collections::BTreeMap;

use super::run::Experiment;
use crate::base::{GroupId, Instant, NodeId, Offset, RecordId, TopicPartition};
use crate::node::fact::{AppFact, Fact, FaultFact, GroupFact, LogFact, ProduceFact, Stated};

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Passed to `send()`, not in the log.
    Producer,
    /// In the log, in nobody's hands.
    Log,
    /// Handed out by a poll, effect not applied.
    Application,
    /// Effect applied, not covered by an offset commit.
    Uncommitted,
}

impl Phase {
    /// Every phase, in the order of a quiet life.
    pub const ALL: [Self; 4] = [
        Self::Producer,
        Self::Log,
        Self::Application,
        Self::Uncommitted,
    ];

    /// What it is called in a key and in data.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Producer => "in the producer",
            Self::Log => "in the log",
            Self::Application => "polled, not processed",
            Self::Uncommitted => "processed, not committed",
        }
    }
}

/// A stretch of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifeSpan {
    /// Where the record was.
    pub phase: Phase,
    /// From when.
    pub from: Instant,
    /// Until when; the end of the run if to the last.
    pub to: Instant,
}

/// What became of one record.
#[derive(Clone, Debug)]
pub struct Life {
    /// The record.
    pub record: RecordId,
    /// Its first place in a log of the group.
    pub place: Option<(TopicPartition, Offset)>,
    /// How often it was appended to a log of the group.
    pub appended: u32,
    /// Its phases in order.
    pub spans: Vec<LifeSpan>,
    /// When its effect was applied.
    pub effects: Vec<Instant>,
    /// When an offset commit first covered it.
    pub committed: Option<Instant>,
    /// When it was lost: committed, and its member gone before the effect.
    pub lost: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Sent,
    Appended(TopicPartition, Offset),
    Polled(NodeId),
    Processed,
    Committed,
    Crashed(NodeId),
}

/// The lives of these records, ascending, for a group; runs the experiment once more.
pub fn lives(experiment: &Experiment, group: GroupId, records: &[RecordId]) -> Vec<Life> {
    let mut watcher = Watcher {
        group,
        turns: records.iter().map(|record| (*record, Vec::new())).collect(),
        places: BTreeMap::new(),
        topics: experiment.setup.groups[group.index()].topics.clone(),
    };
    let outcome = experiment.watched(&mut |stated| watcher.observe(stated));
    let end = outcome.verdict.at;
    let turns = watcher.turns.into_iter();
    turns
        .map(|(record, turns)| Life::of(record, turns, end))
        .collect()
}

struct Watcher {
    group: GroupId,
    turns: BTreeMap<RecordId, Vec<(Instant, Turn)>>,
    places: BTreeMap<(TopicPartition, Offset), RecordId>,
    topics: Vec<crate::base::TopicId>,
}

impl Watcher {
    fn note(&mut self, record: RecordId, at: Instant, turn: Turn) {
        if let Some(turns) = self.turns.get_mut(&record) {
            turns.push((at, turn));
        }
    }

    fn observe(&mut self, stated: &Stated) {
        let at = stated.at;
        match &stated.fact {
            Fact::Produce(ProduceFact::Sent { records, times, .. }) => {
                for (index, record) in (0..).zip(records.iter()) {
                    self.note(record, times.get(index), Turn::Sent);
                }
            }
            Fact::Log(LogFact::Appended {
                partition,
                base_offset,
                records,
                ..
            }) if self.topics.contains(&partition.topic) => {
                for (offset, record) in (*base_offset..).zip(records.iter()) {
                    if self.turns.contains_key(&record) {
                        self.places.insert((*partition, offset), record);
                        self.note(record, at, Turn::Appended(*partition, offset));
                    }
                }
            }
            Fact::App(fact) => self.application(stated, fact),
            Fact::Group(GroupFact::OffsetCommitted {
                group,
                partition,
                offset,
                ..
            }) if *group == self.group => {
                let covered = (*partition, 0)..(*partition, *offset);
                let covered: Vec<RecordId> = self.places.range(covered).map(|(_, r)| *r).collect();
                for record in covered {
                    self.note(record, at, Turn::Committed);
                }
            }
            Fact::Fault(FaultFact::Crashed) => {
                for turns in self.turns.values_mut() {
                    turns.push((at, Turn::Crashed(stated.who)));
                }
            }
            _ => {}
        }
    }

    fn application(&mut self, stated: &Stated, fact: &AppFact) {
        match fact {
            AppFact::Polled { group, records, .. } if *group == self.group => {
                for record in records.iter() {
                    self.note(record, stated.at, Turn::Polled(stated.who));
                }
            }
            AppFact::Processed {
                group,
                records,
                times,
                ..
            } if *group == self.group => {
                for (index, record) in (0..).zip(records.iter()) {
                    self.note(record, times.get(index), Turn::Processed);
                }
            }
            _ => {}
        }
    }
}

impl Life {
    fn of(record: RecordId, mut turns: Vec<(Instant, Turn)>, end: Instant) -> Self {
        // Stretches are stated when they end; at one instant the order of statement holds.
        turns.sort_by_key(|(at, _)| *at);
        let mut life = Self {
            record,
            place: None,
            appended: 0,
            spans: Vec::new(),
            effects: Vec::new(),
            committed: None,
            lost: None,
        };
        let mut open: Option<(Phase, Instant)> = None;
        let mut holder = None;
        for (at, turn) in turns {
            life.appended += u32::from(matches!(turn, Turn::Appended(..)));
            let phase = open.map(|(phase, _)| phase);
            let next = life.after(phase, at, turn, &mut holder);
            if next != phase {
                life.close(open, at);
                open = next.map(|phase| (phase, at));
            }
        }
        life.close(open, end);
        life
    }

    fn close(&mut self, open: Option<(Phase, Instant)>, to: Instant) {
        if let Some((phase, from)) = open {
            self.spans.push(LifeSpan { phase, from, to });
        }
    }

    /// The phase after a turn; none once the record is dealt with.
    fn after(
        &mut self,
        phase: Option<Phase>,
        at: Instant,
        turn: Turn,
        holder: &mut Option<NodeId>,
    ) -> Option<Phase> {
        match turn {
            Turn::Sent if self.spans.is_empty() => Some(Phase::Producer),
            Turn::Appended(partition, offset) if self.place.is_none() => {
                self.place = Some((partition, offset));
                Some(Phase::Log)
            }
            Turn::Polled(member) => {
                *holder = Some(member);
                self.lost = None;
                Some(Phase::Application)
            }
            Turn::Processed => {
                self.effects.push(at);
                self.committed.is_none().then_some(Phase::Uncommitted)
            }
            Turn::Committed => {
                self.committed.get_or_insert(at);
                phase.filter(|phase| *phase != Phase::Uncommitted)
            }
            Turn::Crashed(member) if *holder == Some(member) => {
                *holder = None;
                match phase {
                    Some(Phase::Application) if self.committed.is_some() => {
                        self.lost = Some(at);
                        None
                    }
                    Some(Phase::Application | Phase::Uncommitted) => Some(Phase::Log),
                    _ => phase,
                }
            }
            Turn::Sent | Turn::Appended(..) | Turn::Crashed(_) => phase,
        }
    }
}
