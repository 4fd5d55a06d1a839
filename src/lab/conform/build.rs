//! Puts what happened into a story: one order, one wording, for both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::fates;
use super::story::{Happened, How, Kind, Life, Place, Step, Story};
use crate::kafka::client::ClientFamily;
use crate::scenario::Scenario;
use crate::scenario::resolved::{Setting, Step as Program};

/// The end of a life that did not end otherwise.
const IN_ORDER: &str = "in order";

/// A story under construction.
#[derive(Debug)]
pub(super) struct Builder<'s> {
    scenario: &'s Scenario,
    story: Story,
    /// Who was assigned what in which generation, by group: the generation, the member, what it owns.
    assigned: BTreeMap<String, Vec<(i64, String, Vec<String>)>>,
    owned: BTreeMap<String, BTreeSet<String>>,
    acknowledged: BTreeMap<String, BTreeSet<u64>>,
    failed: BTreeMap<String, BTreeMap<u64, String>>,
}

impl<'s> Builder<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        Self {
            scenario,
            story: Story::default(),
            assigned: BTreeMap::new(),
            owned: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            failed: BTreeMap::new(),
        }
    }

    /// Something happened to a member of a group.
    pub(super) fn happened(&mut self, group: &str, member: &str, what: Happened) {
        if matches!(what, Happened::Began) || !self.story.lives.contains_key(member) {
            let lives = self.story.lives.entry(member.to_owned()).or_default();
            lives.push(Life {
                end: IN_ORDER.to_owned(),
                ..Life::default()
            });
            self.owned.remove(member);
        }
        self.note_owned(group, member, &what);
        if self.is_left_out(group, member, &what) {
            return;
        }
        let threads = self.threads(group, member);
        let lives = self.story.lives.get_mut(member);
        let life = lives.and_then(|lives| lives.last_mut());
        tell(
            life.expect("a member that does something lives"),
            threads,
            what,
        );
    }

    /// Where a poll ends is not shown by librdkafka's binding, which hands over one record at a time.
    fn is_left_out(&self, group: &str, member: &str, what: &Happened) -> bool {
        matches!(what, Happened::Polled(_))
            && self.family(group, member) == Some(ClientFamily::Librdkafka)
    }

    /// librdkafka commits by a timer that runs beside the work: what it stores on the way hangs on
    /// milliseconds.
    fn commits_by_timer(&self, group: &str) -> bool {
        self.scenario.groups.get(group).is_some_and(|group| {
            let auto = group.all.config.get("enable.auto.commit");
            let librdkafka = group.all.client.family() == ClientFamily::Librdkafka;
            librdkafka && auto == Some(&Setting::Boolean(true))
        })
    }

    fn family(&self, group: &str, member: &str) -> Option<ClientFamily> {
        let group = self.scenario.groups.get(group)?;
        Some(group.actor(member).client.family())
    }

    /// How many worker threads process records; 0 if the application does it itself.
    fn threads(&self, group: &str, member: &str) -> u32 {
        let Some(group) = self.scenario.groups.get(group) else {
            return 0;
        };
        let program = group.actor(member);
        let hands_off = |step: &Program| matches!(step, Program::HandOff { .. });
        if program.steps.iter().any(hands_off) {
            program.workers
        } else {
            0
        }
    }

    fn note_owned(&mut self, group: &str, member: &str, what: &Happened) {
        let owned = self.owned.entry(member.to_owned()).or_default();
        match what {
            Happened::Assigned {
                generation,
                partitions,
            } => {
                owned.extend(partitions.iter().cloned());
                let owns = owned.iter().cloned().collect();
                // The binding of librdkafka does not say the generation.
                if self.family(group, member) == Some(ClientFamily::Librdkafka) {
                    return;
                }
                let rounds = self.assigned.entry(group.to_owned()).or_default();
                rounds.push((*generation, member.to_owned(), owns));
            }
            Happened::Revoked(partitions) | Happened::Lost(partitions) => {
                owned.retain(|partition| !partitions.contains(partition));
            }
            _ => {}
        }
    }

    /// A producer was told that a record is written.
    pub(super) fn acknowledged(&mut self, producer: &str, record: u64) {
        let records = self.acknowledged.entry(producer.to_owned()).or_default();
        records.insert(record);
    }

    /// A producer was told that a record failed.
    pub(super) fn send_failed(&mut self, producer: &str, record: u64, error: &str) {
        let records = self.failed.entry(producer.to_owned()).or_default();
        records.insert(record, error.to_owned());
    }

    /// The coordinator stored an offset.
    pub(super) fn stored(&mut self, group: &str, partition: &str, offset: u64) {
        if self.commits_by_timer(group) {
            return;
        }
        let groups = self.story.stored.entry(group.to_owned()).or_default();
        let offsets = groups.entry(partition.to_owned()).or_default();
        // Whether an auto-commit that moves nothing comes once more hangs on milliseconds.
        if offsets.last() != Some(&offset) {
            offsets.push(offset);
        }
    }

    /// The committed offset of a partition at the end.
    pub(super) fn committed(&mut self, group: &str, partition: &str, offset: u64) {
        let offsets = self.story.committed.entry(group.to_owned()).or_default();
        offsets.insert(partition.to_owned(), offset);
    }

    /// A record stands in a log.
    pub(super) fn logged(&mut self, partition: &str, line: String) {
        let log = self.story.logs.entry(partition.to_owned()).or_default();
        log.push(line);
    }

    pub(super) fn finish(mut self, stuck: bool) -> Story {
        self.story.stuck = stuck;
        for lives in self.story.lives.values_mut() {
            lives.iter_mut().for_each(Life::put_in_order);
            lives.retain(|life| !life.is_empty());
        }
        self.story.lives.retain(|_, lives| !lives.is_empty());
        for (group, assigned) in &self.assigned {
            let rounds = rounds(assigned);
            self.story.rounds.insert(group.clone(), rounds);
        }
        let told: BTreeSet<&String> = self.acknowledged.keys().chain(self.failed.keys()).collect();
        for producer in told {
            let acknowledged = self.acknowledged.get(producer);
            let mut lines = runs(producer, acknowledged.into_iter().flatten().copied());
            let failed = self.failed.get(producer).into_iter().flatten();
            lines.extend(
                failed.map(|(number, error)| format!("failed {producer}#{number} {error}")),
            );
            self.story.sends.insert(producer.clone(), lines);
        }
        self.story.fates = fates::of(self.scenario, &self.story);
        self.story
    }
}

/// `acknowledged shop#1..30`.
fn runs(producer: &str, numbers: impl Iterator<Item = u64>) -> Vec<String> {
    let mut places: Vec<Place> = Vec::new();
    for number in numbers {
        join(&mut places, Place::one("", number));
    }
    let line = |place: Place| match place.count {
        1 => format!("acknowledged {producer}#{}", place.first),
        count => format!(
            "acknowledged {producer}#{}..{}",
            place.first,
            place.first + count - 1
        ),
    };
    places.into_iter().map(line).collect()
}

/// Appends a place, or lengthens the last one.
pub(super) fn join(places: &mut Vec<Place>, place: Place) {
    match places.last_mut() {
        Some(last) if last.goes_on_with(&place) => last.count += place.count,
        _ => places.push(place),
    }
}

/// What each member had after each rebalance, as far as it was told: generations in their order.
fn rounds(assigned: &[(i64, String, Vec<String>)]) -> Vec<BTreeMap<String, String>> {
    let mut generations: BTreeMap<i64, BTreeMap<String, String>> = BTreeMap::new();
    for (generation, member, partitions) in assigned {
        let round = generations.entry(*generation).or_default();
        round.insert(member.clone(), partitions.join(" "));
    }
    generations.into_values().collect()
}

/// Writes into a life what happened in it.
fn tell(life: &mut Life, threads: u32, what: Happened) {
    let step = match what {
        Happened::Began => return,
        Happened::Assigned { partitions, .. } => Step::new(Kind::Assigned, partitions.join(" ")),
        Happened::Revoked(partitions) => Step::new(Kind::Revoked, partitions.join(" ")),
        Happened::Lost(partitions) => Step::new(Kind::Lost, partitions.join(" ")),
        Happened::Polled(places) => {
            let places: Vec<String> = places.iter().map(Place::to_string).collect();
            Step::new(Kind::Polled, places.join(" "))
        }
        Happened::PollFailed(error) => Step::new(Kind::PollFailed, error),
        Happened::Processed(place) => return work(life, threads, Kind::Processed, &place),
        Happened::RowsStored(places) => {
            for place in &places {
                work(life, threads, Kind::RowStored, place);
            }
            return;
        }
        Happened::ProcessingFailed(at) => return work(life, threads, Kind::ProcessingFailed, &at),
        Happened::Skipped(place) => return work(life, threads, Kind::Skipped, &place),
        Happened::HandedOn(place) => return work(life, threads, Kind::HandedOn, &place),
        // Of auto-commit no application hears; what was stored tells of it.
        Happened::CommitAsked(How::Auto)
        | Happened::CommitConfirmed(How::Auto, _)
        | Happened::CommitFailed(How::Auto, _) => return,
        Happened::CommitAsked(how) => Step::new(Kind::CommitAsked, how.word()),
        Happened::CommitConfirmed(How::Sync, offsets) => {
            Step::new(Kind::CommitConfirmed, offsets_text(&offsets))
        }
        Happened::CommitConfirmed(how, offsets) => {
            let line = format!("{} {}", how.word(), offsets_text(&offsets));
            life.heard.push(line);
            return;
        }
        Happened::CommitFailed(How::Sync, error) => Step::new(Kind::CommitFailed, error),
        Happened::CommitFailed(how, error) => {
            life.heard.push(format!("{} failed {error}", how.word()));
            return;
        }
        Happened::Leaving(None) => return,
        Happened::Leaving(Some(reason)) => {
            life.end = format!("stopped: {reason}");
            return;
        }
        Happened::Crashed => {
            "crashed".clone_into(&mut life.end);
            return;
        }
    };
    // A poll that throws is tried again; how often hangs on milliseconds.
    if step.kind != Kind::PollFailed || life.steps.last() != Some(&step) {
        life.steps.push(step);
    }
}

/// The work on records: by the application among its other steps, or by worker threads.
fn work(life: &mut Life, threads: u32, kind: Kind, place: &Place) {
    let steps = match threads {
        0 => &mut life.steps,
        _ => &mut life.workers,
    };
    for offset in place.first..place.first + place.count {
        let one = Place::one(place.partition.clone(), offset);
        steps.push(Step::new(kind, one.to_string()));
    }
    if 1 < threads {
        // Which of several threads is done first is nobody's promise.
        steps.sort_by_cached_key(|step| (step.kind.word(), Place::parse(&step.what)));
    }
}

/// `orders-0=10 orders-1=0`.
fn offsets_text(offsets: &[(String, u64)]) -> String {
    let mut sorted: Vec<_> = offsets.iter().collect();
    sorted.sort();
    let texts = sorted
        .iter()
        .map(|(partition, offset)| format!("{partition}={offset}"));
    texts.collect::<Vec<_>>().join(" ")
}

impl Life {
    fn is_empty(&self) -> bool {
        self.steps.is_empty()
            && self.heard.is_empty()
            && self.workers.is_empty()
            && self.end == IN_ORDER
    }

    /// Joins neighbours: `processed orders-0@0`, `@1`, `@2` as `processed orders-0@0..2`.
    fn put_in_order(&mut self) {
        self.steps = joined(&self.steps);
        self.workers = joined(&self.workers);
    }
}

/// Steps with neighbouring records of one kind joined.
pub(super) fn joined(steps: &[Step]) -> Vec<Step> {
    let mut result: Vec<Step> = Vec::new();
    for step in steps {
        let joins = match step.kind {
            Kind::Processed | Kind::Skipped | Kind::RowStored => {
                result.last().filter(|last| last.kind == step.kind)
            }
            _ => None,
        };
        let places = joins.and_then(|last| Place::parse(&last.what).zip(Place::parse(&step.what)));
        match places {
            Some((mut last, next)) if last.goes_on_with(&next) => {
                last.count += next.count;
                result.pop();
                result.push(Step::new(step.kind, last.to_string()));
            }
            _ => result.push(step.clone()),
        }
    }
    result
}
