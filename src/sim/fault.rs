//! Faults: when an entry of the file strikes, and what the strike does.
//!
//! An entry waits for an instant, a step, a fact or a message; counts how often its condition held
//! over all actors named; strikes at the `nth` and the following `times - 1`. An entry that never
//! strikes fails the run, unless it is optional: that is for whoever judges, from [`Unstruck`].
//! What a strike does is in `strike`, lost messages are in `loss`.

use std::collections::BTreeSet;

use super::dispatch::Node;
use super::event::Event;
use super::setup::{Drawn, FactPattern, FaultSetup, RecordName, Setup, Target, Trigger};
use super::{Scratch, Sim, Unstruck};
use crate::base::{ConnId, GroupId, Instant, NodeId, RecordId, Stream, TopicPartition};
use crate::engine::Class;
use crate::node::{Concern, FactId, Point, Stated, StepMask, words};

/// What is known of one entry during a run.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    nth: u64,
    reached: u64,
    pub(super) struck: u32,
    pub(super) stream: Stream,
}

impl Entry {
    pub(super) fn draw(&mut self, drawn: Drawn) -> u64 {
        if drawn.low == drawn.high {
            drawn.low
        } else {
            self.stream.between(drawn.low, drawn.high)
        }
    }

    /// Counts an occurrence; whether the entry strikes at it.
    pub(super) fn counts(&mut self, times: u32) -> bool {
        self.reached += 1;
        self.nth <= self.reached && self.reached < self.nth + u64::from(times)
    }

    pub(super) fn is_done(&self, times: u32) -> bool {
        self.nth + u64::from(times) <= self.reached + 1
    }
}

/// All entries of a run.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    pub(super) entries: Vec<Entry>,
    messages: bool,
    facts: bool,
    /// Produce requests that carry the record a `lose-response` waits for.
    pub(super) marked: BTreeSet<(ConnId, u32, usize)>,
}

impl Faults {
    pub(super) fn new(setup: &Setup) -> Self {
        let entry = |(index, fault): (usize, &FaultSetup)| {
            let stream = Stream::new(setup.seed, "fault", &index.to_string());
            let mut entry = Entry {
                nth: 0,
                reached: 0,
                struck: 0,
                stream,
            };
            entry.nth = entry.draw(fault.nth);
            entry
        };
        let triggers = || setup.faults.iter().map(|f| &f.trigger);
        Self {
            entries: setup.faults.iter().enumerate().map(entry).collect(),
            messages: triggers().any(|t| matches!(t, Trigger::Message { .. })),
            facts: triggers().any(|t| matches!(t, Trigger::When(_))),
            marked: BTreeSet::new(),
        }
    }

    /// Whether any entry waits for a message.
    pub(super) fn watch_messages(&self) -> bool {
        self.messages
    }

    pub(super) fn unstruck(&self, setup: &Setup) -> Vec<Unstruck> {
        let missing = |(fault, entry): (usize, &Entry)| {
            let wanted = &setup.faults[fault];
            let short = entry.struck < wanted.times && !wanted.optional;
            let (reached, nth, struck) = (entry.reached, entry.nth, entry.struck);
            short.then_some(Unstruck {
                fault,
                reached,
                nth,
                struck,
            })
        };
        self.entries
            .iter()
            .enumerate()
            .filter_map(missing)
            .collect()
    }
}

impl Sim {
    /// Plans the strikes at fixed instants and tells the nodes which points are watched.
    pub(super) fn arm_faults(&mut self) {
        let setup = self.setup.clone();
        for (index, fault) in setup.faults.iter().enumerate() {
            if let Trigger::At(drawn) = fault.trigger {
                let first = Instant(self.faults.entries[index].draw(drawn));
                self.plan_strikes(index, first);
            }
        }
        self.watch_points();
    }

    pub(super) fn plan_strikes(&mut self, index: usize, first: Instant) {
        let setup = self.setup.clone();
        let mut at = first;
        for _ in 0..setup.faults[index].times {
            self.outstanding += 1;
            let event = Event::Strike {
                fault: index as u32,
            };
            self.queue.push(at, Class::Fault, NodeId(0), event);
            if let Some(every) = &setup.faults[index].every {
                at += every.sample(&mut self.faults.entries[index].stream);
            }
        }
    }

    /// Recomputes the points at which each node has to stop.
    fn watch_points(&mut self) {
        let setup = self.setup.clone();
        let base = if setup.stepped {
            StepMask::ALL
        } else {
            StepMask::NONE
        };
        self.watched.fill(base);
        for (entry, fault) in self.faults.entries.iter().zip(&setup.faults) {
            let Trigger::Step { step, phase, .. } = fault.trigger else {
                continue;
            };
            if entry.is_done(fault.times) {
                continue;
            }
            match &fault.target {
                Target::Actors(actors) => {
                    for actor in actors {
                        let mask = &mut self.watched[actor.index()];
                        *mask = mask.with(step, phase);
                    }
                }
                Target::Topic(_)
                | Target::Partition(_)
                | Target::Link(_)
                | Target::LeaderOf(_)
                | Target::FollowersOf(_)
                | Target::CoordinatorOf(_) => {}
                Target::OwnerOf(_, group) | Target::Group(group) => {
                    for member in &setup.groups[group.index()].members {
                        let mask = &mut self.watched[member.index()];
                        *mask = mask.with(step, phase);
                    }
                }
            }
        }
    }

    /// A node stands at a watched point: counts it for every entry that waits there, and lets one
    /// strike. Whether the node goes on.
    pub(super) fn strike_at_point(
        &mut self,
        node: NodeId,
        point: &Point,
        scratch: &mut Scratch,
    ) -> bool {
        let setup = self.setup.clone();
        let mut goes_on = true;
        for (index, fault) in setup.faults.iter().enumerate() {
            let Trigger::Step {
                step,
                phase,
                record,
            } = &fault.trigger
            else {
                continue;
            };
            if !goes_on
                || (*step, *phase) != (point.step, point.phase)
                || self.faults.entries[index].is_done(fault.times)
                || !self.is_target(&fault.target, node)
                || !record
                    .as_ref()
                    .is_none_or(|r| self.concerns(&point.concerns, r))
            {
                continue;
            }
            if self.faults.entries[index].counts(fault.times) {
                goes_on = self.strike(index, node, true, FactId::NONE, scratch);
            }
            if self.faults.entries[index].is_done(fault.times) {
                self.watch_points();
            }
        }
        goes_on
    }

    pub(super) fn is_target(&self, target: &Target, node: NodeId) -> bool {
        match target {
            Target::Actors(actors) => actors.contains(&node),
            Target::OwnerOf(tp, group) => self.owner_of(*tp, *group) == Some(node),
            Target::LeaderOf(tp) => self.leader_of(*tp) == Some(node),
            Target::FollowersOf(tp) => self.followers_of(*tp).contains(&node),
            Target::CoordinatorOf(group) => {
                self.leader_of(self.offsets_partition(*group)) == Some(node)
            }
            Target::Group(_) | Target::Topic(_) | Target::Partition(_) | Target::Link(_) => false,
        }
    }

    pub(super) fn owner_of(&self, tp: TopicPartition, group: GroupId) -> Option<NodeId> {
        let members = self.setup.groups[group.index()].members.iter().copied();
        members.filter(|m| self.is_up(*m)).find(|m| {
            let Node::Member(member) = &self.nodes[m.index()] else {
                return false;
            };
            member.positions().any(|(owned, _)| owned == tp)
        })
    }

    /// Whether a step concerns a record.
    fn concerns(&self, concerns: &[Concern], name: &RecordName) -> bool {
        concerns.iter().any(|concern| match name {
            RecordName::At(tp, offset) => {
                concern.partition == *tp && concern.offsets.contains(offset)
            }
            RecordName::Id(id) => {
                concern.records.position(*id).is_some()
                    || (concern.records.is_empty() && self.stands_in(concern, *id))
            }
        })
    }

    /// Whether a record stands in the log at one of the offsets.
    pub(super) fn stands_in(&self, concern: &Concern, id: RecordId) -> bool {
        let leader = self.leader_of(concern.partition);
        let leader = leader.and_then(|node| self.broker(node));
        let Some(log) = leader.and_then(|broker| broker.log(concern.partition)) else {
            return false;
        };
        let range = &concern.offsets;
        log.batches().any(|logged| {
            let index = logged.batch.records().position(id);
            index.is_some_and(|i| range.contains(&(logged.base_offset + u64::from(i))))
        })
    }

    /// Lets faults strike that waited for a fact stated in this step.
    pub(super) fn strike_for_facts(&mut self, scratch: &mut Scratch) {
        if !self.faults.facts {
            return;
        }
        let setup = self.setup.clone();
        let mut seen = 0;
        while seen < scratch.facts.len() {
            let stated = scratch.facts[seen].clone();
            seen += 1;
            for (index, fault) in setup.faults.iter().enumerate() {
                let Trigger::When(pattern) = &fault.trigger else {
                    continue;
                };
                if self.faults.entries[index].is_done(fault.times)
                    || !matches_pattern(pattern, &stated)
                {
                    continue;
                }
                if self.faults.entries[index].counts(fault.times) {
                    self.strike_targets(index, stated.id, scratch);
                }
            }
        }
    }

    pub(super) fn strike_at_instant(&mut self, index: usize, scratch: &mut Scratch) {
        self.faults.entries[index].reached += 1;
        self.strike_targets(index, FactId::NONE, scratch);
    }
}

fn matches_pattern(pattern: &FactPattern, stated: &Stated) -> bool {
    if !words::counts_for(&stated.fact, pattern.word) {
        return false;
    }
    let subject = words::subject(stated);
    let actor = subject.actor.unwrap_or(stated.who);
    let error = |name: &str| {
        subject.exception == Some(name)
            || subject
                .error
                .is_some_and(|e| e.name() == name || e.exception() == Some(name))
    };
    (pattern.actors.is_empty()
        || pattern.actors.contains(&actor)
        || pattern.actors.contains(&stated.who))
        && pattern.group.is_none_or(|g| subject.group == Some(g))
        && pattern
            .topic
            .is_none_or(|t| subject.partition.is_some_and(|tp| tp.topic == t))
        && pattern
            .partition
            .is_none_or(|tp| subject.partition == Some(tp))
        && pattern.error.as_deref().is_none_or(error)
}
