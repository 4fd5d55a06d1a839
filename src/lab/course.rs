//! The course of a run for each group, as integers over time: what charts are drawn from.
//!
//! A plain run keeps no facts, so the experiment runs once more and is watched. Nothing is judged
//! here: offsets, owners and incidents stand as the facts state them.

use std::collections::BTreeMap;

use super::run::Experiment;
use crate::base::{GroupId, Instant, NodeId, Offset, TopicPartition};
use crate::kafka::Cast;
use crate::kafka::cast::Role;
use crate::node::fact::{AppFact, Fact, FaultFact, GroupFact, LogFact, SinkFact, Stated};

/// What happened to one group over time.
#[derive(Clone, Debug)]
pub struct Course {
    /// The group.
    pub group: GroupId,
    /// When the run ended.
    pub end: Instant,
    /// Its partitions, in the order of topics and numbers.
    pub partitions: Vec<PartitionCourse>,
    /// Who had which partition when, in order of the beginning.
    pub tenures: Vec<Tenure>,
    /// Rebalances from the first join to the stored assignment, in order.
    pub rebalances: Vec<Rebalance>,
    /// What struck the group's members and brokers, in order.
    pub incidents: Vec<Incident>,
}

/// A number that changes in steps; absent while there is none.
pub type Steps = Vec<(Instant, Option<Offset>)>;

/// How far everything came on one partition.
#[derive(Clone, Debug)]
pub struct PartitionCourse {
    /// The partition.
    pub partition: TopicPartition,
    /// The log end offset: what was produced.
    pub log_end: Steps,
    /// The next offset that `poll` hands out, while a member reads the partition.
    pub position: Steps,
    /// The committed offset.
    pub committed: Steps,
    /// Effects: when, and at which offset.
    pub processed: Vec<(Instant, Offset)>,
}

/// A member's having a partition, from `onPartitionsAssigned` until it is revoked, lost, or its
/// process is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// The partition.
    pub partition: TopicPartition,
    /// Who has it.
    pub member: NodeId,
    /// From when.
    pub from: Instant,
    /// Until when; the end of the run if to the last.
    pub to: Instant,
}

/// One round of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebalance {
    /// When the coordinator began to wait for members.
    pub from: Instant,
    /// When the assignment was stored; the end of the run if it never was.
    pub to: Instant,
}

/// Something that struck, or was done to, a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// When.
    pub at: Instant,
    /// Whom.
    pub who: NodeId,
    /// What.
    pub what: IncidentKind,
}

/// What struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IncidentKind {
    /// The process died.
    Crashed,
    /// A new one took its place.
    Restarted,
    /// The process or its application stands still.
    Halted,
    /// It goes on.
    WentOn,
    /// It was closed, or left by itself.
    Left,
    /// The coordinator gave it up: its session is over.
    Expelled,
    /// It called `poll` too late and left.
    TooSlow,
    /// `seek` was called.
    Sought,
    /// It was chosen to lead.
    Elected,
    /// The others do not hear it.
    CutOff,
    /// They hear it again.
    Back,
}

impl IncidentKind {
    /// What a fault is to the process that it strikes; nothing if it strikes a message or a link.
    pub(super) const fn of(fact: &FaultFact) -> Option<Self> {
        match fact {
            FaultFact::Crashed | FaultFact::PowerLost => Some(Self::Crashed),
            FaultFact::Restarted | FaultFact::Started => Some(Self::Restarted),
            FaultFact::Paused | FaultFact::Stalled => Some(Self::Halted),
            FaultFact::Resumed | FaultFact::StallEnded => Some(Self::WentOn),
            FaultFact::Closed => Some(Self::Left),
            FaultFact::Sought => Some(Self::Sought),
            FaultFact::OffsetsSet { .. }
            | FaultFact::RequestLost { .. }
            | FaultFact::ResponseLost { .. }
            | FaultFact::RequestHeld { .. }
            | FaultFact::ResponseHeld { .. }
            | FaultFact::RequestRefused { .. }
            | FaultFact::CutMade { .. }
            | FaultFact::CutHealed { .. }
            | FaultFact::Slowed { .. }
            | FaultFact::SlowEnded { .. } => None,
        }
    }

    /// The word for it behind an actor's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Crashed => "crashes",
            Self::Restarted => "restarts",
            Self::Halted => "stands still",
            Self::WentOn => "goes on",
            Self::Left => "leaves",
            Self::Expelled => "is expelled",
            Self::TooSlow => "polls too late",
            Self::Sought => "seeks",
            Self::Elected => "is elected",
            Self::CutOff => "is cut off",
            Self::Back => "is back",
        }
    }
}

/// The courses of all groups, in the order of the file.
pub fn courses(experiment: &Experiment) -> Vec<Course> {
    let setup = &experiment.setup;
    let mut watchers: Vec<Watcher<'_>> = (setup.groups.iter().zip(0..))
        .map(|(group, id)| {
            let committed = group.committed.iter();
            let mut watcher = Watcher::new(&setup.cast, GroupId(id));
            for topic in &group.topics {
                let partitions = 0..setup.topics[topic.index()].partitions;
                for number in partitions {
                    watcher.open(TopicPartition::new(*topic, number));
                }
            }
            for (partition, offset) in committed {
                let course = watcher.open(*partition);
                course.committed.push((Instant::ZERO, Some(*offset)));
            }
            watcher
        })
        .collect();
    let outcome = experiment.watched(&mut |stated| {
        for watcher in &mut watchers {
            watcher.observe(stated);
        }
    });
    let end = outcome.verdict.at;
    watchers.into_iter().map(|w| w.finish(end)).collect()
}

/// A course under way.
#[derive(Debug)]
struct Watcher<'c> {
    cast: &'c Cast,
    group: GroupId,
    partitions: BTreeMap<TopicPartition, PartitionCourse>,
    /// Who has each partition, and since when.
    owners: BTreeMap<TopicPartition, (NodeId, Instant)>,
    /// Whose position a partition's is.
    readers: BTreeMap<TopicPartition, NodeId>,
    tenures: Vec<Tenure>,
    joining_since: Option<Instant>,
    rebalances: Vec<Rebalance>,
    incidents: Vec<Incident>,
}

impl<'c> Watcher<'c> {
    fn new(cast: &'c Cast, group: GroupId) -> Self {
        Self {
            cast,
            group,
            partitions: BTreeMap::new(),
            owners: BTreeMap::new(),
            readers: BTreeMap::new(),
            tenures: Vec::new(),
            joining_since: None,
            rebalances: Vec::new(),
            incidents: Vec::new(),
        }
    }

    fn open(&mut self, partition: TopicPartition) -> &mut PartitionCourse {
        let fresh = || PartitionCourse {
            partition,
            log_end: vec![(Instant::ZERO, Some(0))],
            position: Vec::new(),
            committed: Vec::new(),
            processed: Vec::new(),
        };
        self.partitions.entry(partition).or_insert_with(fresh)
    }

    fn observe(&mut self, stated: &Stated) {
        match &stated.fact {
            Fact::Log(fact) => self.log(stated.at, fact),
            Fact::Group(fact) if fact.group() == self.group => self.membership(stated, fact),
            Fact::App(fact) => self.application(stated, fact),
            Fact::Fault(fact) => self.fault(stated, fact),
            Fact::Sink(SinkFact::OffsetStored {
                group,
                partition,
                offset,
                ..
            }) if *group == self.group => {
                let course = self.open(*partition);
                course.committed.push((stated.at, Some(*offset)));
            }
            Fact::Produce(_)
            | Fact::Cluster(_)
            | Fact::Storage(_)
            | Fact::Group(_)
            | Fact::Sink(_) => {}
        }
    }

    fn log(&mut self, at: Instant, fact: &LogFact) {
        if let LogFact::Appended {
            partition,
            base_offset,
            count,
            ..
        } = fact
        {
            let end = base_offset + Offset::from(*count);
            if let Some(course) = self.partitions.get_mut(partition) {
                course.log_end.push((at, Some(end)));
            }
        }
    }

    fn membership(&mut self, stated: &Stated, fact: &GroupFact) {
        let (at, who) = (stated.at, stated.who);
        match fact {
            GroupFact::RebalanceStarted { .. } => {
                self.joining_since.get_or_insert(at);
            }
            GroupFact::RoundCompleted { .. } => self.round_ends(at),
            GroupFact::SessionExpired { member, .. }
            | GroupFact::RevocationTimedOut { member, .. }
            | GroupFact::RejoinTimedOut { member, .. } => {
                self.gone(at, *member);
                self.incident(at, *member, IncidentKind::Expelled);
            }
            GroupFact::PollIntervalExceeded { .. } => {
                self.incident(at, who, IncidentKind::TooSlow);
            }
            GroupFact::OffsetCommitted {
                partition, offset, ..
            } => {
                let course = self.open(*partition);
                course.committed.push((at, Some(*offset)));
            }
            GroupFact::Assigned { partitions, .. } => {
                for partition in partitions.iter() {
                    self.ends_tenure(at, *partition);
                    self.owners.insert(*partition, (who, at));
                }
            }
            GroupFact::Revoked { partitions, .. } | GroupFact::Lost { partitions, .. } => {
                for partition in partitions.iter() {
                    self.gives_up(at, who, *partition);
                }
            }
            GroupFact::PositionSet {
                partition, offset, ..
            } => self.position(at, who, *partition, *offset),
            _ => {}
        }
    }

    fn application(&mut self, stated: &Stated, fact: &AppFact) {
        match fact {
            AppFact::Polled {
                group,
                partition,
                first_offset,
                records,
            } if *group == self.group => {
                let next = first_offset + Offset::from(records.len());
                self.position(stated.at, stated.who, *partition, next);
            }
            AppFact::Processed {
                group,
                partition,
                first_offset,
                records,
                times,
            } if *group == self.group => {
                let course = self.open(*partition);
                let effects = (0..records.len())
                    .map(|index| (times.get(index), first_offset + Offset::from(index)));
                course.processed.extend(effects);
            }
            AppFact::Stopped { group, .. } if *group == self.group => {
                self.incident(stated.at, stated.who, IncidentKind::Left);
            }
            _ => {}
        }
    }

    fn fault(&mut self, stated: &Stated, fact: &FaultFact) {
        let actor = &self.cast.actors[stated.who.index()];
        let is_member = actor.role == Role::Member && actor.group == Some(self.group);
        if !is_member && actor.role != Role::Broker {
            return;
        }
        let Some(what) = IncidentKind::of(fact) else {
            return;
        };
        if what == IncidentKind::Crashed && is_member {
            self.gone(stated.at, stated.who);
        }
        self.incident(stated.at, stated.who, what);
    }

    fn incident(&mut self, at: Instant, who: NodeId, what: IncidentKind) {
        self.incidents.push(Incident { at, who, what });
    }

    fn position(&mut self, at: Instant, who: NodeId, partition: TopicPartition, next: Offset) {
        self.readers.insert(partition, who);
        self.open(partition).position.push((at, Some(next)));
    }

    /// A member's process is gone, or its membership: it has no partition and no position.
    fn gone(&mut self, at: Instant, member: NodeId) {
        let partitions: Vec<TopicPartition> = self.partitions.keys().copied().collect();
        for partition in partitions {
            self.gives_up(at, member, partition);
        }
    }

    fn gives_up(&mut self, at: Instant, member: NodeId, partition: TopicPartition) {
        if self
            .owners
            .get(&partition)
            .is_some_and(|(owner, _)| *owner == member)
        {
            self.ends_tenure(at, partition);
        }
        if self.readers.get(&partition) == Some(&member) {
            self.readers.remove(&partition);
            self.open(partition).position.push((at, None));
        }
    }

    fn ends_tenure(&mut self, at: Instant, partition: TopicPartition) {
        if let Some((member, from)) = self.owners.remove(&partition) {
            self.tenures.push(Tenure {
                partition,
                member,
                from,
                to: at,
            });
        }
    }

    fn round_ends(&mut self, at: Instant) {
        if let Some(from) = self.joining_since.take() {
            self.rebalances.push(Rebalance { from, to: at });
        }
    }

    fn finish(mut self, end: Instant) -> Course {
        let owned: Vec<TopicPartition> = self.owners.keys().copied().collect();
        for partition in owned {
            self.ends_tenure(end, partition);
        }
        self.round_ends(end);
        self.tenures
            .sort_by_key(|tenure| (tenure.from, tenure.partition));
        let mut partitions: Vec<_> = self.partitions.into_values().collect();
        for course in &mut partitions {
            // Stretches are stated when they end.
            course.processed.sort_unstable();
        }
        Course {
            group: self.group,
            end,
            partitions,
            tenures: self.tenures,
            rebalances: self.rebalances,
            incidents: self.incidents,
        }
    }
}

/// The value of a stepped number at an instant.
pub fn at(steps: &Steps, instant: Instant) -> Option<Offset> {
    let known = steps.partition_point(|(when, _)| *when <= instant);
    steps.get(known.checked_sub(1)?)?.1
}

impl PartitionCourse {
    /// The records that no offset commit covers: from the committed offset to the log end. While
    /// nothing is committed it counts from where reading is going to begin, so that records that
    /// wait for a group to come count too.
    pub fn lag(&self, instant: Instant) -> Offset {
        self.beyond(at(&self.committed, instant), instant)
    }

    /// The records that no poll handed out yet: from the position to the log end; from the committed
    /// offset while nobody reads.
    pub fn unread(&self, instant: Instant) -> Offset {
        let position = at(&self.position, instant);
        self.beyond(position.or_else(|| at(&self.committed, instant)), instant)
    }

    fn beyond(&self, base: Option<Offset>, instant: Instant) -> Offset {
        let end = at(&self.log_end, instant).unwrap_or(0);
        end.saturating_sub(base.or(self.begins()).unwrap_or(0))
    }

    /// Where reading begins: the first position there is.
    pub fn begins(&self) -> Option<Offset> {
        self.position.first().and_then(|(_, offset)| *offset)
    }

    /// Every instant at which something changed on the partition.
    pub fn instants(&self) -> impl Iterator<Item = Instant> + '_ {
        let steps = [&self.log_end, &self.position, &self.committed];
        let stepped = steps.into_iter().flatten().map(|(at, _)| *at);
        stepped.chain(self.processed.iter().map(|(at, _)| *at))
    }
}
