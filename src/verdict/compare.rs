//! One claim of `expect` against one run: the actual value beside the demanded one, as text.
//!
//! A claim about several things at once, such as the committed offset of each partition, gives a
//! check for each.

use std::collections::{BTreeMap, BTreeSet};

use super::expect::{Claim, Owned, RecordSet, Subject, Want};
use super::judge::{Check, place};
use super::ledger::Ledger;
use super::names::NamedSet;
use super::order::Keys;
use super::quantity::{Quantity, Shape, Stage, SubjectKind};
use super::range::Range;
use super::record::RecordName;
use super::spans::Spans;
use super::summary::{GroupPartition, GroupVerdict, PartitionVerdict, ProducerVerdict, Verdict};
use crate::base::{Span, TopicId, TopicPartition};

/// How many names of a set are shown.
const SHOWN: usize = 12;

/// A run, ready to be compared.
pub(super) struct Comparison<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) verdict: &'a Verdict,
    pub(super) keys: Keys<'a>,
}

/// The outcome of one comparison.
struct Compared {
    expected: String,
    actual: String,
    ok: bool,
    note: Option<String>,
}

/// A set of records as it is, with the topics whose offsets name it. The size of a set summed over
/// groups counts a record once for each.
#[derive(Default)]
struct Found {
    size: u64,
    ids: Spans,
    topics: Vec<TopicId>,
}

/// Which sets of a group.
#[derive(Clone, Copy)]
enum Pick {
    /// Those of a quantity; of `lost` all stages.
    All(Quantity),
    /// What was lost at a stage.
    LostAt(Stage),
}

impl Compared {
    fn new(expected: impl Into<String>, actual: impl Into<String>, ok: bool) -> Self {
        Self {
            expected: expected.into(),
            actual: actual.into(),
            ok,
            note: None,
        }
    }

    fn range(range: Range, actual: Option<u64>) -> Self {
        let text = actual.map_or("none".to_owned(), |n| n.to_string());
        Self::new(
            range.to_string(),
            text,
            actual.is_some_and(|n| range.contains(n)),
        )
    }
}

impl Comparison<'_> {
    /// The checks of one claim.
    pub(super) fn checks(&self, claim: &Claim) -> Vec<Check> {
        let parts = self.compare(claim);
        let check = |(part, compared): (String, Compared)| Check {
            place: place(claim),
            quantity: format!("{}{part}", claim.quantity),
            expected: compared.expected,
            actual: compared.actual,
            ok: compared.ok,
            note: compared.note,
        };
        parts.into_iter().map(check).collect()
    }

    fn compare(&self, claim: &Claim) -> Vec<(String, Compared)> {
        let whole = |compared| vec![(String::new(), compared)];
        match &claim.want {
            Want::Count(range) => whole(Compared::range(*range, self.number(claim))),
            Want::Time(range) => whole(time(*range, self.time(claim))),
            Want::Records(set) => {
                let found = self.set(claim);
                whole(self.records(set, &found))
            }
            Want::Lost(stages) => {
                let of_stage = |(stage, set): &(Stage, RecordSet)| {
                    let found = self.set_of(&claim.of, Pick::LostAt(*stage));
                    (format!(" {stage}"), self.records(set, &found))
                };
                stages.iter().map(of_stage).collect()
            }
            Want::Offsets(offsets) => each(offsets, |name, range| self.offset(claim, name, *range)),
            Want::Partitions(members) => {
                let has = self.by_member(claim, |group| &group.assignment);
                each(members, |name, owned| assignment(owned, has.get(name)))
            }
            Want::Calls(members) => {
                let calls = self.by_member(claim, |group| &group.callbacks);
                each(members, |name, want| callbacks(want, calls.get(name)))
            }
            Want::Contents(logs) => each(logs, |name, want| self.log(name, want)),
            Want::Keys(logs) => each(logs, |name, want| self.keys_in(name, want)),
            Want::Actor(actor) => {
                let leader = self.partition(claim).and_then(|p| p.leader.clone());
                let text = |name: &Option<String>| name.clone().unwrap_or("none".to_owned());
                whole(Compared::new(text(actor), text(&leader), *actor == leader))
            }
            Want::Actors(actors) => {
                let found = self
                    .partition(claim)
                    .map_or(&[][..], |p| match claim.quantity {
                        Quantity::Elr => &p.elr,
                        _ => &p.isr,
                    });
                whole(same_set(actors, found))
            }
        }
    }

    fn groups(&self, of: &Subject) -> Vec<&GroupVerdict> {
        let chosen = |group: &&GroupVerdict| match of {
            Subject::Run => true,
            Subject::Group(name) => group.name == *name,
            Subject::Topic(_)
            | Subject::Partition(..)
            | Subject::Producer(_)
            | Subject::Sink(_) => false,
        };
        self.verdict.groups.iter().filter(chosen).collect()
    }

    fn producers(&self, of: &Subject) -> Vec<&ProducerVerdict> {
        let chosen = |producer: &&ProducerVerdict| match of {
            Subject::Run => true,
            Subject::Producer(name) => producer.name == *name,
            Subject::Topic(_) | Subject::Partition(..) | Subject::Group(_) | Subject::Sink(_) => {
                false
            }
        };
        self.verdict.producers.iter().filter(chosen).collect()
    }

    fn partitions(&self, of: &Subject) -> Vec<TopicPartition> {
        let (name, only) = match of {
            Subject::Topic(name) => (name, None),
            Subject::Partition(name, number) => (name, Some(*number)),
            Subject::Run | Subject::Group(_) | Subject::Producer(_) | Subject::Sink(_) => {
                return Vec::new();
            }
        };
        let topic = self.ledger.cast.topic_id(name);
        let all = topic.into_iter().flat_map(|topic| self.ledger.logs(topic));
        let all = all.map(|(partition, _)| partition);
        all.filter(|p| only.is_none_or(|number| p.partition == number))
            .collect()
    }

    fn partition(&self, claim: &Claim) -> Option<&PartitionVerdict> {
        let name = claim.of.name();
        self.partition_called(&name)
    }

    fn partition_called(&self, name: &str) -> Option<&PartitionVerdict> {
        let topics = self.verdict.topics.iter();
        topics.flat_map(|t| &t.partitions).find(|p| p.name == name)
    }

    /// A count; summed over all groups or producers where the claim is about the run.
    fn number(&self, claim: &Claim) -> Option<u64> {
        let of_group = |q| Shape::of(q, SubjectKind::Group).is_some();
        match &claim.of {
            Subject::Topic(_) | Subject::Partition(..) => self.topic_number(claim),
            Subject::Sink(name) => self.verdict.sink(name).map(|sink| match claim.quantity {
                Quantity::Rows => sink.rows,
                Quantity::Requests => sink.requests,
                Quantity::Refused => sink.refused,
                other => unreachable!("{other} is no count of a sink"),
            }),
            Subject::Group(_) | Subject::Run if of_group(claim.quantity) => {
                let numbers = self.groups(&claim.of).into_iter();
                Some(numbers.map(|g| group_number(g, claim.quantity)).sum())
            }
            Subject::Run | Subject::Producer(_) | Subject::Group(_) => {
                let number = |p: &ProducerVerdict| match claim.quantity {
                    Quantity::Requests => p.requests,
                    Quantity::Retries => p.retries,
                    Quantity::Batches => p.batches,
                    other => unreachable!("{other} is no count of a producer"),
                };
                Some(self.producers(&claim.of).into_iter().map(number).sum())
            }
        }
    }

    fn topic_number(&self, claim: &Claim) -> Option<u64> {
        let partitions = self.partitions(&claim.of);
        match claim.quantity {
            Quantity::HighWatermark => self.partition(claim).map(|p| p.high_watermark),
            Quantity::LeaderEpoch => self.partition(claim).map(|p| u64::from(p.leader_epoch)),
            Quantity::Partitions => Some(partitions.len() as u64),
            Quantity::PartitionsUsed => {
                let used = |p: &&TopicPartition| !self.ledger.appended(&[**p]).is_empty();
                Some(partitions.iter().filter(used).count() as u64)
            }
            Quantity::KeyMoved => {
                let mut homes: BTreeMap<String, u64> = BTreeMap::new();
                for partition in partitions {
                    for key in self.keys_of(partition) {
                        *homes.entry(key).or_default() += 1;
                    }
                }
                Some(homes.values().filter(|homes| 1 < **homes).count() as u64)
            }
            other => unreachable!("{other} is no count of a topic"),
        }
    }

    fn time(&self, claim: &Claim) -> Option<Span> {
        let group = self.groups(&claim.of).into_iter().next();
        let latency = match claim.of.kind() {
            SubjectKind::Producer => self.producers(&claim.of).first().and_then(|p| p.latency),
            _ => group.and_then(|g| g.latency),
        };
        match claim.quantity {
            Quantity::LongestStop => group.map(|g| g.longest_stop),
            Quantity::StoppedTime => group.map(|g| g.stopped_time),
            Quantity::LongestStandstill => group.map(|g| g.longest_standstill),
            Quantity::LatencyP50 => latency.map(|l| l.p50),
            Quantity::LatencyP99 => latency.map(|l| l.p99),
            Quantity::LatencyMax => latency.map(|l| l.max),
            other => unreachable!("{other} is no duration"),
        }
    }

    fn set(&self, claim: &Claim) -> Found {
        let partitions = self.partitions(&claim.of);
        let ids = match (claim.of.kind(), claim.quantity) {
            (SubjectKind::Topic, Quantity::Appended) => self.ledger.appended(&partitions),
            (SubjectKind::Topic, Quantity::AppendedTwice) => {
                self.ledger.appended_twice(&partitions)
            }
            (SubjectKind::Topic, Quantity::Truncated) => self.ledger.truncated(&partitions),
            (SubjectKind::Topic, Quantity::Expired) => self.ledger.expired(&partitions),
            (SubjectKind::Topic, _) => self.ledger.reordered_appends(&partitions),
            (_, Quantity::Sent) => self.told(&claim.of, |p| &p.sent),
            (_, Quantity::Acknowledged) => self.told(&claim.of, |p| &p.acknowledged),
            (_, Quantity::Failed) => self.told(&claim.of, |p| &p.failed),
            _ => return self.set_of(&claim.of, Pick::All(claim.quantity)),
        };
        let topics: BTreeSet<TopicId> = partitions.iter().map(|p| p.topic).collect();
        Found {
            size: ids.len(),
            ids,
            topics: topics.into_iter().collect(),
        }
    }

    fn told(&self, of: &Subject, set: impl Fn(&ProducerVerdict) -> &NamedSet) -> Spans {
        let mut ids = Spans::default();
        for producer in self.producers(of) {
            add_all(&mut ids, set(producer).ids());
        }
        ids
    }

    fn set_of(&self, of: &Subject, pick: Pick) -> Found {
        let mut found = Found::default();
        for group in self.groups(of) {
            for set in pick.of(group) {
                found.size += set.len();
                add_all(&mut found.ids, set.ids());
            }
            let topics = &self.ledger.groups[group.id.index()].topics;
            let new = topics.iter().filter(|t| !found.topics.contains(t));
            let new: Vec<TopicId> = new.copied().collect();
            found.topics.extend(new);
        }
        found
    }

    fn records(&self, want: &RecordSet, found: &Found) -> Compared {
        let named = |ids: Spans| self.ledger.named(ids, &found.topics).brief(SHOWN);
        match want {
            RecordSet::Size(range) => {
                let ok = range.contains(found.size);
                let list = named(found.ids.clone());
                let actual = match found.size {
                    0 => "0".to_owned(),
                    size => format!("{size} {list}"),
                };
                Compared::new(range.to_string(), actual, ok)
            }
            RecordSet::Exactly(names) => {
                let expected = list(names.iter());
                let actual = named(found.ids.clone());
                match self.ledger.resolve_all(names, self.keys) {
                    Err(why) => Compared {
                        note: Some(why),
                        ..Compared::new(expected, actual, false)
                    },
                    Ok(ids) => {
                        let mut compared = Compared::new(expected, actual, ids == found.ids);
                        let missing = without(&ids, &found.ids);
                        let extra = without(&found.ids, &ids);
                        compared.note = difference(&missing, &extra, &named);
                        compared
                    }
                }
            }
        }
    }

    fn offset(&self, claim: &Claim, name: &str, want: Option<Range>) -> Compared {
        let group = self.groups(&claim.of).into_iter().next();
        let reading = group.and_then(|g| g.partitions.get(name).copied());
        let reading: GroupPartition = reading.unwrap_or_default();
        let actual = match claim.quantity {
            Quantity::Committed => reading.committed,
            Quantity::Position => reading.position,
            Quantity::ResumedAt => reading.resumed_at,
            Quantity::LargestLag => reading.largest_lag,
            Quantity::EndOffset => self.partition_called(name).map(|p| p.end_offset),
            Quantity::StartOffset => self.partition_called(name).map(|p| p.start_offset),
            other => unreachable!("{other} is no offset by partition"),
        };
        if let Some(range) = want {
            return Compared::range(range, actual);
        }
        let text = actual.map_or("none".to_owned(), |n| n.to_string());
        Compared::new("none", text, actual.is_none())
    }

    fn by_member(
        &self,
        claim: &Claim,
        of: impl Fn(&GroupVerdict) -> &BTreeMap<String, Vec<String>>,
    ) -> BTreeMap<String, Vec<String>> {
        let group = self.groups(&claim.of).into_iter().next();
        group.map_or_else(BTreeMap::new, |group| of(group).clone())
    }

    fn place_called(&self, name: &str) -> Option<TopicPartition> {
        let (topic, partition) = super::record::split_partition(name)?;
        let topic = self.ledger.cast.topic_id(topic)?;
        Some(TopicPartition::new(topic, partition))
    }

    fn log(&self, name: &str, want: &[RecordName]) -> Compared {
        let place = self.place_called(name);
        let log = place.and_then(|place| self.ledger.contents(place));
        let runs = log.into_iter().flat_map(super::contents::Contents::runs);
        let actual: Vec<_> = runs
            .flat_map(|(_, first, count)| (first.0..first.0 + count).map(crate::base::RecordId))
            .collect();
        let names = actual.iter().map(|record| self.ledger.cast.record(*record));
        let mut demanded = Vec::new();
        let mut note = None;
        for name in want {
            match self.ledger.resolve(name, self.keys) {
                Ok(records) => demanded.extend(records),
                Err(why) => note = Some(why),
            }
        }
        let ok = note.is_none() && demanded == actual;
        Compared {
            note,
            ..Compared::new(list(want.iter()), brief_list(names), ok)
        }
    }

    fn keys_of(&self, partition: TopicPartition) -> BTreeSet<String> {
        let ids = self.ledger.appended(&[partition]);
        let keys = ids
            .iter()
            .filter_map(|id| (self.keys)(crate::base::RecordId(id as u32)));
        keys.map(|key| key.to_string()).collect()
    }

    fn keys_in(&self, name: &str, want: &[String]) -> Compared {
        let place = self.place_called(name);
        let actual: Vec<String> =
            place.map_or_else(Vec::new, |place| self.keys_of(place).into_iter().collect());
        same_set(want, &actual)
    }
}

impl Pick {
    fn of(self, group: &GroupVerdict) -> Vec<&NamedSet> {
        match self {
            Self::LostAt(stage) => group.lost.get(&stage).into_iter().collect(),
            Self::All(Quantity::Once) => vec![&group.once],
            Self::All(Quantity::Duplicated) => vec![&group.duplicated],
            Self::All(Quantity::Reordered) => vec![&group.reordered],
            Self::All(Quantity::Overtaken) => vec![&group.overtaken],
            Self::All(Quantity::HandedOn) => vec![&group.handed_on],
            Self::All(Quantity::Waiting) => vec![&group.waiting],
            Self::All(Quantity::PastUnprocessed) => vec![&group.past_unprocessed],
            Self::All(Quantity::Lost) => group.lost.values().collect(),
            Self::All(other) => unreachable!("{other} is no set of records of a group"),
        }
    }
}

fn group_number(group: &GroupVerdict, quantity: Quantity) -> u64 {
    match quantity {
        Quantity::Delivered => group.totals.delivered,
        Quantity::Processed => group.totals.processed,
        Quantity::ProcessedAgain => group.totals.processed_again,
        Quantity::Rebalances => group.rebalances,
        Quantity::Moved => group.moved,
        Quantity::Moves => group.moves,
        Quantity::MovesNeeded => group.moves_needed,
        Quantity::PartitionsStopped => group.partitions_stopped,
        Quantity::IdleMembers => group.idle_members,
        other => unreachable!("{other} is no count of a group"),
    }
}

fn each<T>(
    pairs: &[(String, T)],
    compare: impl Fn(&str, &T) -> Compared,
) -> Vec<(String, Compared)> {
    let part = |(name, want): &(String, T)| (format!(" {name}"), compare(name, want));
    pairs.iter().map(part).collect()
}

fn time(range: Range<Span>, actual: Option<Span>) -> Compared {
    let text = actual.map_or("none".to_owned(), |span| span.to_string());
    Compared::new(
        range.to_string(),
        text,
        actual.is_some_and(|span| range.contains(span)),
    )
}

fn assignment(want: &Owned, actual: Option<&Vec<String>>) -> Compared {
    let actual = actual.map_or(&[][..], |partitions| &partitions[..]);
    match want {
        Owned::Count(count) => {
            let text = format!("{} {}", actual.len(), list(actual.iter()));
            Compared::new(count.to_string(), text, *count == actual.len() as u64)
        }
        Owned::Exactly(partitions) => same_set(partitions, actual),
    }
}

/// Calls in order; within one call the partitions in any order.
fn callbacks(want: &[String], actual: Option<&Vec<String>>) -> Compared {
    let actual = actual.map_or(&[][..], |calls| &calls[..]);
    let normal = |call: &String| {
        let mut words = call.split(' ');
        let what = words.next().map(str::to_owned);
        (what, words.map(str::to_owned).collect::<BTreeSet<_>>())
    };
    let same = want.iter().map(normal).eq(actual.iter().map(normal));
    let quoted = |calls: &[String]| list(calls.iter().map(|call| format!("\"{call}\"")));
    Compared::new(quoted(want), quoted(actual), same)
}

fn same_set(want: &[String], actual: &[String]) -> Compared {
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    let same = set(want) == set(actual) && want.len() == actual.len();
    Compared::new(list(want.iter()), brief_list(actual.iter()), same)
}

fn list(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

/// A list that is cut off when it is long.
fn brief_list(items: impl Iterator<Item = impl ToString>) -> String {
    let mut items: Vec<String> = items.map(|item| item.to_string()).collect();
    let count = items.len();
    if SHOWN < count {
        items.truncate(SHOWN);
        items.push(format!("… {count} in all"));
    }
    list(items.into_iter())
}

fn add_all(set: &mut Spans, more: &Spans) {
    for &(from, to) in more.ranges() {
        set.insert(from, to);
    }
}

/// The numbers of `set` that are not in `other`.
fn without(set: &Spans, other: &Spans) -> Spans {
    let mut rest = Spans::default();
    for id in set.iter().filter(|id| !other.contains(*id)) {
        rest.insert(id, id + 1);
    }
    rest
}

fn difference(missing: &Spans, extra: &Spans, named: &dyn Fn(Spans) -> String) -> Option<String> {
    let part = |what: &str, set: &Spans| {
        (!set.is_empty()).then(|| format!("{what} {}", named(set.clone())))
    };
    let parts = [part("missing", missing), part("not expected", extra)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
