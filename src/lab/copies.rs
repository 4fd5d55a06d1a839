//! The course of a partition's copies over time, as charts draw it: logs, high watermarks, who leads
//! and who is in sync.
//!
//! Followers state no facts of what they fetch, so the run is gone through once more, event by
//! event, and the copies are looked at after each. Nothing is judged here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::course::{Incident, IncidentKind, Steps};
use super::run::Experiment;
use crate::base::{Instant, NodeId, Offset, TopicPartition};
use crate::kafka::cast::Role;
use crate::node::fact::{Choice, ClusterFact, Fact, FaultFact, Stated, StorageFact};
use crate::sim::{CopyState, Scratch, Sim};

/// What happened to one partition.
#[derive(Clone, Debug)]
pub struct PartitionCopies {
    /// The partition.
    pub partition: TopicPartition,
    /// When the run ended.
    pub end: Instant,
    /// Its copies, in the order of their brokers.
    pub copies: Vec<CopyCourse>,
    /// What struck its brokers, and elections, in order.
    pub incidents: Vec<Incident>,
    /// What followers cut off, and what a loss of power took, in order.
    pub cuts: Vec<Cut>,
    /// Elections of a leader that was not in sync.
    pub unclean: u64,
}

/// One copy over time.
#[derive(Clone, Debug)]
pub struct CopyCourse {
    /// The broker that holds it.
    pub broker: NodeId,
    /// Where its log ends.
    pub log_end: Steps,
    /// Its high watermark, while there is a process that knows it.
    pub high_watermark: Steps,
    /// Stretches of time in which it was in sync.
    pub in_sync: Vec<(Instant, Instant)>,
    /// Stretches of time in which its process was there.
    pub up: Vec<(Instant, Instant)>,
    /// Stretches of time in which the broker believed that it led, with the leader epoch.
    pub leads: Vec<(Instant, Instant, u32)>,
}

/// The end of a log that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// When.
    pub at: Instant,
    /// Whose log.
    pub broker: NodeId,
    /// Where it ended before.
    pub from: Offset,
    /// Where it ends since.
    pub to: Offset,
}

/// The copies of the partition to which most happened; nothing of a run in which nothing did.
pub fn copies(experiment: &Experiment) -> Option<PartitionCopies> {
    let partition = most_eventful(experiment)?;
    let mut watcher = Watcher::new(experiment, partition);
    let mut sim = Sim::new(Arc::clone(&experiment.setup));
    let mut scratch = Scratch::default();
    loop {
        let end = sim.step(&mut scratch);
        for stated in scratch.facts.drain(..) {
            watcher.hear(&stated);
        }
        let at = end.as_ref().map_or_else(|| sim.now(), |end| end.at);
        watcher.look(at, &sim.copies(partition));
        if let Some(end) = end {
            return Some(watcher.finish(end.at));
        }
    }
}

/// The partition of a topic with data about whose copies most was stated.
fn most_eventful(experiment: &Experiment) -> Option<TopicPartition> {
    let topics = &experiment.setup.topics;
    let mut counts: BTreeMap<TopicPartition, u64> = BTreeMap::new();
    experiment.watched(&mut |stated| {
        if let Fact::Cluster(fact) = &stated.fact
            && let Some(partition) = fact.partition()
            && !topics[partition.topic.index()].internal
        {
            *counts.entry(partition).or_default() += 1;
        }
    });
    let most = counts.values().copied().max()?;
    let found = counts.into_iter().find(|(_, count)| *count == most);
    found.map(|(partition, _)| partition)
}

/// The copies as far as they were looked at.
#[derive(Debug)]
struct Watcher<'e> {
    experiment: &'e Experiment,
    last: Vec<CopyState>,
    course: PartitionCopies,
}

impl<'e> Watcher<'e> {
    fn new(experiment: &'e Experiment, partition: TopicPartition) -> Self {
        Self {
            experiment,
            last: Vec::new(),
            course: PartitionCopies {
                partition,
                end: Instant::ZERO,
                copies: Vec::new(),
                incidents: Vec::new(),
                cuts: Vec::new(),
                unclean: 0,
            },
        }
    }

    fn hear(&mut self, stated: &Stated) {
        let (at, who) = (stated.at, stated.who);
        let what = match &stated.fact {
            Fact::Cluster(fact) if fact.partition() == Some(self.course.partition) => {
                self.cluster(at, who, fact);
                return;
            }
            Fact::Storage(StorageFact::UnflushedLost {
                partition,
                from,
                to,
            }) if *partition == self.course.partition => {
                self.cut(at, who, (*from, *to));
                return;
            }
            Fact::Fault(FaultFact::CutMade { a, b, .. }) => {
                self.linked(at, [a, b], IncidentKind::CutOff);
                return;
            }
            Fact::Fault(FaultFact::CutHealed { a, b }) => {
                self.linked(at, [a, b], IncidentKind::Back);
                return;
            }
            Fact::Fault(fact) => IncidentKind::of(fact),
            _ => None,
        };
        let is_broker = self.experiment.setup.cast.actors[who.index()].role == Role::Broker;
        if let Some(what) = what.filter(|_| is_broker) {
            self.course.incidents.push(Incident { at, who, what });
        }
    }

    fn cluster(&mut self, at: Instant, who: NodeId, fact: &ClusterFact) {
        match fact {
            ClusterFact::LeaderElected {
                leader: Some(leader),
                choice,
                ..
            } => {
                self.course.unclean += u64::from(*choice == Choice::Unclean);
                let (who, what) = (*leader, IncidentKind::Elected);
                self.course.incidents.push(Incident { at, who, what });
            }
            ClusterFact::LogTruncated { from, to, .. } => self.cut(at, who, (*from, *to)),
            _ => {}
        }
    }

    fn cut(&mut self, at: Instant, broker: NodeId, (from, to): (Offset, Offset)) {
        self.course.cuts.push(Cut {
            at,
            broker,
            from,
            to,
        });
    }

    /// A cut between two sides is told of a broker that is alone on one of them.
    fn linked(&mut self, at: Instant, sides: [&[NodeId]; 2], what: IncidentKind) {
        let alone = sides.into_iter().find(|side| side.len() == 1);
        if let Some([who]) = alone
            && self.last.iter().any(|copy| copy.broker == *who)
        {
            let who = *who;
            self.course.incidents.push(Incident { at, who, what });
        }
    }

    /// Adds what is different now.
    fn look(&mut self, at: Instant, now: &[CopyState]) {
        if now == self.last {
            return;
        }
        for (index, copy) in now.iter().enumerate() {
            if self.course.copies.len() <= index {
                self.course.copies.push(CopyCourse::new(copy.broker));
            }
            self.course.copies[index].look(at, self.last.get(index), copy);
        }
        self.last = now.to_vec();
    }

    fn finish(mut self, end: Instant) -> PartitionCopies {
        for copy in &mut self.course.copies {
            copy.ends(end);
        }
        self.course.copies.sort_by_key(|copy| copy.broker);
        PartitionCopies { end, ..self.course }
    }
}

/// Stretches that are not over end here, until something tells otherwise.
const OPEN: Instant = Instant(u64::MAX);

impl CopyCourse {
    fn new(broker: NodeId) -> Self {
        Self {
            broker,
            log_end: Steps::new(),
            high_watermark: Steps::new(),
            in_sync: Vec::new(),
            up: Vec::new(),
            leads: Vec::new(),
        }
    }

    fn look(&mut self, at: Instant, before: Option<&CopyState>, now: &CopyState) {
        if before.is_none_or(|before| before.log_end != now.log_end) {
            self.log_end.push((at, Some(now.log_end)));
        }
        if before.is_none_or(|before| before.high_watermark != now.high_watermark) {
            self.high_watermark.push((at, now.high_watermark));
        }
        stretch(&mut self.up, at, now.is_up);
        stretch(&mut self.in_sync, at, now.is_in_sync);
        let led = before.and_then(|before| before.leads_in);
        if led != now.leads_in {
            if let Some(last) = self.leads.last_mut().filter(|last| last.1 == OPEN) {
                last.1 = at;
            }
            let leads = now.leads_in.map(|epoch| (at, OPEN, epoch));
            self.leads.extend(leads);
        }
    }

    fn ends(&mut self, end: Instant) {
        let stretches = self.in_sync.iter_mut().chain(&mut self.up);
        let ends = stretches.map(|(_, to)| to);
        let leads = self.leads.iter_mut().map(|(_, to, _)| to);
        for to in ends.chain(leads).filter(|to| **to == OPEN) {
            *to = end;
        }
    }
}

/// Begins a stretch, ends it, or lets it go on.
fn stretch(stretches: &mut Vec<(Instant, Instant)>, at: Instant, is_so: bool) {
    match stretches.last_mut().filter(|(_, to)| *to == OPEN) {
        Some((_, to)) if !is_so => *to = at,
        None if is_so => stretches.push((at, OPEN)),
        _ => {}
    }
}
