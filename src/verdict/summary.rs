//! The verdict of a run: what the ledger comes to, ready to be printed, compared or written as JSON.
//!
//! It states, and judges nothing: what was demanded is compared with it in `judge`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::anomaly;
use super::group::{GroupLedger, Totals};
use super::latency::{Latencies, LatencySummary};
use super::ledger::{Ledger, SinkLedger};
use super::names::NamedSet;
use super::order::{Keys, collect};
use super::outcome::Outcomes;
use super::quantity::Stage;
use crate::base::{GroupId, Instant, NodeId, Offset, RecordId, Span, TopicId, TopicPartition};
use crate::kafka::cast::{Actor, Role};

/// How a run came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Ending {
    /// Everything was sent, read, processed and committed.
    Drained,
    /// The drain bound was reached.
    Stuck {
        /// What was still under way.
        reason: String,
    },
    /// A bound of the run was hit: nothing is known.
    Limit {
        /// Which, such as `limits.events`.
        which: String,
    },
}

/// A fault that never struck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unstruck {
    /// Its line in the file.
    pub line: u32,
    /// The entry as written.
    pub text: Arc<str>,
    /// Who got where: the actors and the step, such as `workers` and `commit-sync`.
    pub condition: Option<(String, String)>,
    /// How often its condition held.
    pub reached: u64,
    /// The time at which it was to strike.
    pub nth: u64,
    /// Whether the file allows it.
    pub optional: bool,
}

/// What the kernel knows of the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndOfRun {
    /// When.
    pub at: Instant,
    /// How.
    pub ending: Ending,
    /// The faults that never struck.
    pub unstruck: Vec<Unstruck>,
}

/// The verdict of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// How the run ended.
    pub ends: Ending,
    /// When.
    pub at: Instant,
    /// The groups in the order of the file.
    pub groups: Vec<GroupVerdict>,
    /// The topics in the order of the file, without internal ones.
    pub topics: Vec<TopicVerdict>,
    /// The producers in the order of the file.
    pub producers: Vec<ProducerVerdict>,
    /// The sinks in the order of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<SinkVerdict>,
    /// How often each anomaly occurred.
    #[serde(serialize_with = "as_map")]
    pub anomalies: Vec<(&'static str, u64)>,
    /// The faults that never struck.
    pub unstruck: Vec<Unstruck>,
    /// The fingerprint of the run.
    #[serde(serialize_with = "as_hex")]
    pub fingerprint: u64,
}

/// What a group came to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GroupVerdict {
    /// Which group.
    #[serde(skip)]
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Whether its effects are rows in a sink.
    #[serde(skip)]
    pub effect_in_sink: bool,
    /// Effect applied exactly once.
    pub once: NamedSet,
    /// Effect applied more than once.
    pub duplicated: NamedSet,
    /// Effect never applied, and never will be, by stage.
    pub lost: BTreeMap<Stage, NamedSet>,
    /// Effects out of order.
    pub reordered: NamedSet,
    /// Effects behind that of a later record of the key, in another partition.
    pub overtaken: NamedSet,
    /// Who overtook each of them.
    #[serde(skip)]
    pub overtakers: BTreeMap<RecordId, RecordId>,
    /// Failed here and sent to another topic.
    pub handed_on: NamedSet,
    /// Neither done nor lost.
    pub waiting: NamedSet,
    /// Passed by an offset commit before they were dealt with.
    pub past_unprocessed: NamedSet,
    /// Sums over records.
    #[serde(flatten)]
    pub totals: Totals,
    /// Completed rounds after the first.
    pub rebalances: u64,
    /// Partitions that changed owner.
    pub moved: u64,
    /// Changes of owner.
    pub moves: u64,
    /// How many of them an even spread needed, at least.
    pub moves_needed: u64,
    /// Partitions that had an owner and then none for a while.
    pub partitions_stopped: u64,
    /// The longest time a partition had no owner.
    pub longest_stop: Span,
    /// The time without an owner, summed over partitions.
    pub stopped_time: Span,
    /// The longest time in which no partition had an owner.
    pub longest_standstill: Span,
    /// The most members without a partition at the end of a round.
    pub idle_members: u64,
    /// From `send()` to the first effect.
    pub latency: Option<LatencySummary>,
    /// The calls of each member's rebalance listener.
    pub callbacks: BTreeMap<String, Vec<String>>,
    /// The partitions of each member.
    pub assignment: BTreeMap<String, Vec<String>>,
    /// The partitions, by name.
    pub partitions: BTreeMap<String, GroupPartition>,
}

/// How far a group came on a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GroupPartition {
    /// The committed offset.
    pub committed: Option<Offset>,
    /// The position of the member that reads it.
    pub position: Option<Offset>,
    /// The first offset delivered after the last assignment.
    pub resumed_at: Option<Offset>,
    /// The largest lag seen.
    pub largest_lag: Option<u64>,
}

/// What a topic came to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TopicVerdict {
    /// Which topic.
    #[serde(skip)]
    pub id: TopicId,
    /// Its name.
    pub name: String,
    /// The records in its logs.
    pub appended: u64,
    /// The records that are there more than once.
    pub appended_twice: NamedSet,
    /// The records that were acknowledged and are in no log.
    #[serde(skip_serializing_if = "NamedSet::is_empty")]
    pub truncated: NamedSet,
    /// The records that lie before the log start offset, and nowhere else.
    #[serde(skip_serializing_if = "NamedSet::is_empty")]
    pub expired: NamedSet,
    /// The records first appended behind one sent later.
    pub reordered: NamedSet,
    /// Its partitions in order.
    pub partitions: Vec<PartitionVerdict>,
}

/// What a partition came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartitionVerdict {
    /// Its name.
    pub name: String,
    /// The log start offset.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_offset: Offset,
    /// The log end offset.
    pub end_offset: Offset,
    /// The high watermark.
    pub high_watermark: Offset,
    /// Its leader.
    pub leader: Option<String>,
    /// The leader epoch.
    #[serde(skip)]
    pub leader_epoch: u32,
    /// Its in-sync replicas.
    pub isr: Vec<String>,
    /// Its eligible leader replicas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elr: Vec<String>,
}

/// What a sink came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SinkVerdict {
    /// Its name.
    pub name: String,
    /// The rows in it.
    pub rows: u64,
    /// Requests that reached it.
    pub requests: u64,
    /// Requests that it refused.
    pub refused: u64,
}

/// What a producer was told, beside what is true.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProducerVerdict {
    /// Its name.
    pub name: String,
    /// Passed to `send()`.
    pub sent: NamedSet,
    /// Told: written.
    pub acknowledged: NamedSet,
    /// Told: failed.
    pub failed: NamedSet,
    /// Told nothing.
    pub unknown: NamedSet,
    /// Told that it failed, and in a log nevertheless.
    pub failed_but_written: NamedSet,
    /// Told nothing, and in a log nevertheless.
    pub unknown_but_written: NamedSet,
    /// Produce requests sent.
    pub requests: u64,
    /// Batches sent again.
    pub retries: u64,
    /// Batches sent for the first time.
    pub batches: u64,
    /// From `send()` to the acknowledgement.
    pub latency: Option<LatencySummary>,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is that of `skip_serializing_if`"
)]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn as_map<S: Serializer>(pairs: &[(&str, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is that of `serialize_with`"
)]
fn as_hex<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{value:016x}"))
}

impl Verdict {
    /// The group of that name.
    pub fn group(&self, name: &str) -> Option<&GroupVerdict> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&TopicVerdict> {
        self.topics.iter().find(|topic| topic.name == name)
    }

    /// The producer of that name.
    pub fn producer(&self, name: &str) -> Option<&ProducerVerdict> {
        self.producers.iter().find(|producer| producer.name == name)
    }

    /// The sink of that name.
    pub fn sink(&self, name: &str) -> Option<&SinkVerdict> {
        self.sinks.iter().find(|sink| sink.name == name)
    }

    /// How often an anomaly occurred; `None` for a name that is none.
    pub fn anomaly(&self, name: &str) -> Option<u64> {
        let found = self.anomalies.iter().find(|(known, _)| *known == name);
        found.map(|(_, count)| *count)
    }
}

impl GroupVerdict {
    /// How many records are lost, whatever the stage.
    pub fn lost_count(&self) -> u64 {
        self.lost.values().map(NamedSet::len).sum()
    }

    /// How many lost records had been written to a log.
    pub fn lost_after_write(&self) -> u64 {
        let written = |(stage, _): &(&Stage, &NamedSet)| **stage != Stage::NeverAcknowledged;
        self.lost
            .iter()
            .filter(written)
            .map(|(_, set)| set.len())
            .sum()
    }
}

impl Ledger {
    /// The verdict on the run, given how it ended and the keys of its records.
    pub fn verdict(&self, end: &EndOfRun, keys: Keys<'_>) -> Verdict {
        let groups = (0..self.groups.len() as u32).map(GroupId);
        let groups: Vec<_> = groups.map(|g| self.group_verdict(g, end, keys)).collect();
        let stuck = matches!(end.ending, Ending::Stuck { .. });
        Verdict {
            ends: end.ending.clone(),
            at: end.at,
            topics: self.topic_verdicts(),
            producers: self.producer_verdicts(),
            sinks: self.sink_verdicts(),
            anomalies: anomaly::count(self, &groups, stuck),
            groups,
            unstruck: end.unstruck.clone(),
            fingerprint: self.fingerprint(),
        }
    }

    fn sink_verdicts(&self) -> Vec<SinkVerdict> {
        let actors = self.cast.actors.iter().zip(&self.sinks);
        let sinks = actors.filter(|(actor, _)| actor.role == Role::Sink);
        let verdict = |(actor, sink): (&Actor, &SinkLedger)| SinkVerdict {
            name: actor.name.clone(),
            rows: sink.rows,
            requests: sink.requests,
            refused: sink.refused,
        };
        sinks.map(verdict).collect()
    }

    fn group_verdict(&self, id: GroupId, end: &EndOfRun, keys: Keys<'_>) -> GroupVerdict {
        let group = &self.groups[id.index()];
        let membership = &group.membership;
        let drained = end.ending == Ending::Drained;
        let outcomes = self.outcomes(id, drained);
        let named = |ids| self.named(ids, &group.topics);
        let overtakers = self.overtaken(id, keys);
        let stops = membership.stops(end.at);
        let Outcomes {
            once,
            duplicated,
            lost,
            handed_on,
            waiting,
        } = outcomes;
        let stages = Stage::ALL.iter().copied().zip(lost);
        GroupVerdict {
            id,
            name: self.cast.group(id).to_owned(),
            effect_in_sink: group.effect_in_sink(),
            once: named(once),
            duplicated: named(duplicated),
            lost: stages
                .filter(|(_, ids)| !ids.is_empty())
                .map(|(stage, ids)| (stage, named(ids)))
                .collect(),
            reordered: named(self.reordered_effects(id, keys)),
            overtaken: named(collect(overtakers.keys().copied().collect())),
            overtakers,
            handed_on: named(handed_on),
            waiting: named(waiting),
            past_unprocessed: named(group.passed.spans()),
            totals: group.totals,
            rebalances: membership.rebalances,
            moved: membership.moved(),
            moves: membership.moves,
            moves_needed: membership.moves_needed,
            partitions_stopped: stops.partitions,
            longest_stop: stops.longest,
            stopped_time: stops.total,
            longest_standstill: stops.standstill,
            idle_members: membership.idle_members,
            latency: group.latencies.summary(),
            callbacks: self.callbacks(group),
            assignment: self.assignment(group),
            partitions: self.group_partitions(group),
        }
    }

    fn callbacks(&self, group: &GroupLedger) -> BTreeMap<String, Vec<String>> {
        let call = |call: &super::membership::ListenerCall| {
            let mut words = vec![call.what.to_owned()];
            words.extend(self.partition_names(&call.partitions));
            words.join(" ")
        };
        let members = group.membership.calls();
        members
            .map(|(member, calls)| {
                let name = self.cast.actor(member).to_owned();
                (name, calls.iter().map(call).collect())
            })
            .collect()
    }

    fn assignment(&self, group: &GroupLedger) -> BTreeMap<String, Vec<String>> {
        let members = group.membership.assigned();
        members
            .map(|(member, has)| {
                (
                    self.cast.actor(member).to_owned(),
                    self.partition_names(has),
                )
            })
            .collect()
    }

    fn partition_names(&self, partitions: &[TopicPartition]) -> Vec<String> {
        let mut partitions = partitions.to_vec();
        partitions.sort_unstable();
        partitions.iter().map(|p| self.cast.partition(*p)).collect()
    }

    fn group_partitions(&self, group: &GroupLedger) -> BTreeMap<String, GroupPartition> {
        let topics = group.topics.iter();
        let partitions = topics.flat_map(|topic| self.logs(*topic).map(|(partition, _)| partition));
        partitions
            .map(|partition| {
                let reading = group.partitions.get(&partition);
                let known = reading.map(|reading| GroupPartition {
                    committed: reading.committed,
                    position: reading.position.map(|(_, offset)| offset),
                    resumed_at: reading.resumed_at,
                    largest_lag: reading.largest_lag,
                });
                (self.cast.partition(partition), known.unwrap_or_default())
            })
            .collect()
    }

    fn topic_verdicts(&self) -> Vec<TopicVerdict> {
        let topics = (0..self.topics.len() as u32).map(TopicId);
        topics
            .filter(|topic| !self.cast.topic(*topic).starts_with("__"))
            .map(|topic| {
                let all: Vec<_> = self.logs(topic).map(|(partition, _)| partition).collect();
                let twice = self.appended_twice(&all);
                let partitions = self.logs(topic).map(|(partition, log)| PartitionVerdict {
                    name: self.cast.partition(partition),
                    start_offset: log.start(),
                    end_offset: log.contents.end(),
                    high_watermark: log.contents.high_watermark(),
                    leader: log.leader.map(|node| self.cast.actor(node).to_owned()),
                    leader_epoch: log.leader_epoch,
                    isr: self.actor_names(&log.isr),
                    elr: self.actor_names(&log.elr),
                });
                TopicVerdict {
                    id: topic,
                    name: self.cast.topic(topic).to_owned(),
                    appended: self.appended(&all).len(),
                    appended_twice: self.named(twice, &[topic]),
                    truncated: self.named(self.truncated(&all), &[topic]),
                    expired: self.named(self.expired(&all), &[topic]),
                    reordered: self.named(self.reordered_appends(&all), &[topic]),
                    partitions: partitions.collect(),
                }
            })
            .collect()
    }

    fn actor_names(&self, nodes: &[NodeId]) -> Vec<String> {
        let name = |node: &NodeId| self.cast.actor(*node).to_owned();
        nodes.iter().map(name).collect()
    }

    /// The records in the logs of these partitions.
    pub fn appended(&self, partitions: &[TopicPartition]) -> super::spans::Spans {
        let mut bits = super::columns::Bits::default();
        for log in partitions.iter().filter_map(|p| self.contents(*p)) {
            for (_, first, count) in log.runs() {
                bits.set_run(first, count);
            }
        }
        bits.spans()
    }

    fn producer_verdicts(&self) -> Vec<ProducerVerdict> {
        let mut families: Vec<(&str, Vec<NodeId>)> = Vec::new();
        for range in &self.cast.records {
            let family = self.cast.actors[range.producer.index()].family.as_str();
            match families.iter_mut().find(|(name, _)| *name == family) {
                Some((_, nodes)) => nodes.push(range.producer),
                None => families.push((family, vec![range.producer])),
            }
        }
        let written = self.written();
        let verdict = |(name, nodes): &(&str, Vec<NodeId>)| {
            self.producer_verdict(name, nodes, &|record| written.get(record))
        };
        families.iter().map(verdict).collect()
    }

    /// The records that are in some log.
    fn written(&self) -> super::columns::Bits {
        let mut bits = super::columns::Bits::default();
        for topic in (0..self.topics.len() as u32).map(TopicId) {
            for (_, log) in self.logs(topic) {
                for (_, first, count) in log.contents.runs() {
                    bits.set_run(first, count);
                }
            }
        }
        bits
    }

    fn producer_verdict(
        &self,
        name: &str,
        nodes: &[NodeId],
        written: &dyn Fn(RecordId) -> bool,
    ) -> ProducerVerdict {
        let sent = self.of_producers(nodes);
        let told = |record: &RecordId| self.acknowledged.get(*record) || self.failed.get(*record);
        let failed =
            |record: &RecordId| self.failed.get(*record) && !self.acknowledged.get(*record);
        let set = |test: &dyn Fn(&RecordId) -> bool| {
            let records = sent.iter().map(|id| RecordId(id as u32));
            self.named(collect(records.filter(test).collect()), &[])
        };
        let ledgers = nodes.iter().map(|node| &self.producers[node.index()]);
        let mut latencies = Latencies::default();
        ledgers
            .clone()
            .for_each(|producer| latencies.merge(&producer.latencies));
        ProducerVerdict {
            name: name.to_owned(),
            acknowledged: set(&|r| self.acknowledged.get(*r)),
            failed: set(&failed),
            unknown: set(&|r| !told(r)),
            failed_but_written: set(&|r| failed(r) && written(*r)),
            unknown_but_written: set(&|r| !told(r) && written(*r)),
            requests: ledgers.clone().map(|p| p.requests).sum(),
            retries: ledgers.clone().map(|p| p.retries).sum(),
            batches: ledgers.map(|p| p.batches).sum(),
            latency: latencies.summary(),
            sent: self.named(sent, &[]),
        }
    }

    /// The records these producer instances passed to `send()`.
    fn of_producers(&self, nodes: &[NodeId]) -> super::spans::Spans {
        let mut spans = super::spans::Spans::default();
        for range in &self.cast.records {
            if nodes.contains(&range.producer) {
                let ids = range.first.0..range.first.0 + range.count;
                for record in ids.map(RecordId).filter(|r| self.sent.get(*r)) {
                    spans.insert(record.0.into(), u64::from(record.0) + 1);
                }
            }
        }
        spans
    }
}
