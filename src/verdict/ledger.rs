//! The ledger: what became of every record, on its way and for every group that reads it.
//!
//! Fed with facts in the order in which they were stated, and with nothing else. It keeps columns
//! and runs, never facts; it judges nothing. What the columns mean for a record is `outcome`, what
//! was demanded of a run is `judge`.
//!
//! | known | where | room |
//! |---|---|---|
//! | sent, acknowledged, failed | one bit each per record | 3/8 byte |
//! | appended, how often and where; replicated | runs of the logs, high watermarks | 8 bytes a run |
//! | delivered, offset committed past it | per group and partition, as ranges of offsets | per range |
//! | processed, how often | a count per record and group, only where the group processed | 1 byte |
//! | rows in a sink, how often | the same once more, only where rows are the effect | 1 byte |
//! | in which order | per group and partition, runs of offsets by first effect | 8 bytes a run |
//! | skipped, handed on, passed by an offset commit too early | bits, only where it happened | 1/8 byte |

use std::sync::Arc;

use super::columns::Bits;
use super::contents::Contents;
use super::fingerprint;
use super::group::GroupLedger;
use super::latency::{Latencies, SendTimes};
use super::lineage::Lineage;
use super::promise::Promises;
use super::removals::Removals;
use super::seen::Seen;
use crate::base::hash::Fingerprint;
use crate::base::{GroupId, Instant, NodeId, Offset, RecordId, TopicId, TopicPartition};
use crate::kafka::Cast;
use crate::kafka::cast::Role;
use crate::kafka::message::PartitionMetadata;
use crate::node::fact::{
    AppFact, ClusterFact, Fact, FaultFact, LogFact, ProduceFact, SinkFact, Stated, Times,
};

/// A group as the ledger has to know it.
#[derive(Clone, Debug, Default)]
pub struct GroupInfo {
    /// Which group.
    pub id: GroupId,
    /// The topics it reads.
    pub topics: Vec<TopicId>,
    /// Its members.
    pub members: Vec<NodeId>,
    /// Offsets it had committed before time 0: what lies below was dealt with before the run.
    pub committed: Vec<(TopicPartition, Offset)>,
    /// Whether its effects are rows in a sink, and not the processing itself.
    pub effect_in_sink: bool,
}

/// What to keep.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Stops, rebalances, moves, latencies and requests are counted from here.
    pub warm_up: Instant,
    /// Whether latencies are kept; up to 16 bytes per record where the pace is irregular.
    pub latencies: bool,
    /// Whether sets of records are given their names; who only counts does without.
    pub names: bool,
    /// The partitions of each topic at time 0, by [`TopicId`]; 0 for a topic created later.
    pub partitions: Vec<u32>,
    /// Whether a key can come to lie in several partitions of a topic, by [`TopicId`]. A topic that
    /// is not listed is taken for one in which it can.
    pub scattered: Vec<bool>,
}

/// What is known of every record of a run.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) cast: Arc<Cast>,
    pub(super) options: Options,
    pub(super) sent: Bits,
    pub(super) acknowledged: Bits,
    pub(super) failed: Bits,
    pub(super) send_times: SendTimes,
    pub(super) topics: Vec<TopicLedger>,
    pub(super) producers: Vec<ProducerLedger>,
    /// By [`NodeId`]; unused for other nodes.
    pub(super) sinks: Vec<SinkLedger>,
    pub(super) groups: Vec<GroupLedger>,
    pub(super) seen: Seen,
    pub(super) promises: Promises,
    pub(super) fingerprint: Fingerprint,
}

/// A topic: who was meant for it, and its partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct TopicLedger {
    pub(super) sent: Bits,
    pub(super) partitions: Vec<PartitionLedger>,
}

/// A partition: its log and who serves it.
#[derive(Clone, Debug, Default)]
pub(super) struct PartitionLedger {
    pub(super) contents: Contents,
    pub(super) lineage: Lineage,
    pub(super) leader: Option<NodeId>,
    pub(super) leader_epoch: u32,
    pub(super) isr: Arc<[NodeId]>,
    /// Who may lead besides (KIP-966).
    pub(super) elr: Arc<[NodeId]>,
    /// What was removed from it; nothing in most runs.
    pub(super) removals: Option<Box<Removals>>,
}

/// A producer instance, by [`NodeId`]; unused for other nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct ProducerLedger {
    pub(super) requests: u64,
    pub(super) retries: u64,
    pub(super) batches: u64,
    pub(super) latencies: Latencies,
    /// What was passed to `send()` before its last crash and had no answer then.
    pub(super) orphaned: Bits,
}

/// A sink, by [`NodeId`]; unused for other nodes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SinkLedger {
    pub(super) rows: u64,
    pub(super) requests: u64,
    pub(super) refused: u64,
}

impl Ledger {
    /// An empty ledger for a run with this cast.
    pub fn new(cast: Arc<Cast>, groups: &[GroupInfo], options: Options) -> Self {
        let mut topics = vec![TopicLedger::default(); cast.topics.len()];
        for (topic, &partitions) in topics.iter_mut().zip(&options.partitions) {
            topic
                .partitions
                .resize_with(partitions as usize, PartitionLedger::default);
        }
        Self {
            sent: Bits::default(),
            acknowledged: Bits::default(),
            failed: Bits::default(),
            send_times: SendTimes::new(Arc::clone(&cast)),
            topics,
            producers: vec![ProducerLedger::default(); cast.actors.len()],
            sinks: vec![SinkLedger::default(); cast.actors.len()],
            groups: (groups.iter().enumerate())
                .map(|(index, group)| {
                    assert!(
                        group.id.index() == index,
                        "groups come in the order of their ids"
                    );
                    GroupLedger::new(group, options.warm_up)
                })
                .collect(),
            seen: Seen::default(),
            promises: Promises::default(),
            fingerprint: Fingerprint::default(),
            cast,
            options,
        }
    }

    /// A partition is there when the run begins, and stands like this.
    pub fn begins_with(&mut self, state: &PartitionMetadata) {
        let leads = (state.leader, state.leader_epoch);
        self.is_led(state.partition, leads, &state.isr);
    }

    /// Takes in the next fact.
    pub fn observe(&mut self, stated: &Stated) {
        fingerprint::take_in(&mut self.fingerprint, stated);
        self.seen.observe(stated);
        self.promises.observe(stated);
        match &stated.fact {
            Fact::Produce(fact) => self.produce(stated, fact),
            Fact::Log(fact) => self.log(stated.who, fact),
            Fact::Cluster(fact) => self.cluster(stated.who, fact),
            Fact::Group(fact) => {
                let group = &mut self.groups[fact.group().index()];
                group.group_fact(stated, fact, &self.topics);
            }
            Fact::App(fact) => self.application(stated, fact),
            Fact::Sink(fact) => self.sink(stated, fact),
            Fact::Fault(fact) => self.fault(stated, fact),
            Fact::Storage(fact) => self.storage(stated.who, fact),
        }
    }

    fn produce(&mut self, stated: &Stated, fact: &ProduceFact) {
        let counted = self.options.warm_up <= stated.at;
        let producer = &mut self.producers[stated.who.index()];
        match fact {
            ProduceFact::Sent {
                topic,
                records,
                times,
            } => {
                self.sent.set_all(records);
                self.topics[topic.index()].sent.set_all(records);
                producer.orphaned.clear_all(records);
                if self.options.latencies {
                    self.send_times.sent(records, times);
                }
            }
            ProduceFact::RequestSent { .. } => producer.requests += u64::from(counted),
            ProduceFact::BatchSent { attempt, .. } => {
                let total = if *attempt == 0 {
                    &mut producer.batches
                } else {
                    &mut producer.retries
                };
                *total += u64::from(counted);
            }
            ProduceFact::Acknowledged { records, .. } => {
                self.acknowledged.set_all(records);
                if self.options.latencies && counted {
                    let times = Times::at(stated.at);
                    producer.latencies.done(&self.send_times, records, &times);
                }
            }
            ProduceFact::Failed { records, .. } => self.failed.set_all(records),
            ProduceFact::Retry { .. }
            | ProduceFact::RequestTimedOut { .. }
            | ProduceFact::DeliveryTimedOut { .. }
            | ProduceFact::OutOfOrderSequence { .. }
            | ProduceFact::ProducerIdAssigned { .. }
            | ProduceFact::ProducerEpochBumped { .. }
            | ProduceFact::BufferFull
            | ProduceFact::Finished => {}
        }
    }

    fn log(&mut self, who: NodeId, fact: &LogFact) {
        match fact {
            LogFact::Appended {
                partition,
                base_offset,
                records,
                count,
                leader_epoch,
            } => {
                let log = self.partition_mut(*partition);
                let base = *base_offset;
                if log.lineage.appended(who, *leader_epoch, base, records) {
                    log.contents.append(base, records, *count);
                }
            }
            LogFact::Replicated { partition, to, .. } => {
                if !self.partition_mut(*partition).lineage.is_of(who) {
                    return; // A deposed leader speaks of its own log.
                }
                self.partition_mut(*partition).contents.replicate(*to);
                for group in &mut self.groups {
                    group.replicated(*partition, *to);
                }
            }
            LogFact::TopicCreated { topic, partitions } => {
                let known = &mut self.topics[topic.index()].partitions;
                known.resize_with(*partitions as usize, PartitionLedger::default);
            }
            LogFact::PartitionsAdded { topic, to, .. } => {
                let known = &mut self.topics[topic.index()].partitions;
                known.resize_with(*to as usize, PartitionLedger::default);
            }
            LogFact::PartitionState {
                partition,
                leader,
                leader_epoch,
                isr,
            } => {
                self.is_led(*partition, (*leader, *leader_epoch), isr);
            }
            LogFact::RetryDeduplicated { .. }
            | LogFact::AppendRefused { .. }
            | LogFact::MetadataRefreshed => {}
        }
    }

    fn cluster(&mut self, who: NodeId, fact: &ClusterFact) {
        match fact {
            ClusterFact::LeaderElected {
                partition,
                leader,
                leader_epoch,
                isr,
                ..
            } => {
                self.is_led(*partition, (*leader, *leader_epoch), isr);
            }
            ClusterFact::IsrShrunk { partition, isr, .. }
            | ClusterFact::IsrExpanded { partition, isr, .. } => {
                self.partition_mut(*partition).isr = Arc::clone(isr);
            }
            ClusterFact::ElrChanged { partition, elr } => {
                self.partition_mut(*partition).elr = Arc::clone(elr);
            }
            ClusterFact::LeadershipBegun {
                partition,
                leader_epoch,
                end,
                epochs,
            } => {
                let known = self.partition_mut(*partition);
                let log = (&epochs[..], *end);
                let leader = (who, *leader_epoch);
                known.lineage.begins(leader, log, &mut known.contents);
                self.start_of_leader(*partition, who);
            }
            ClusterFact::BrokerFenced { .. }
            | ClusterFact::BrokerUnfenced { .. }
            | ClusterFact::LogTruncated { .. } => {}
        }
    }

    fn application(&mut self, stated: &Stated, fact: &AppFact) {
        let group = match fact {
            AppFact::Polled { group, .. }
            | AppFact::Processed { group, .. }
            | AppFact::ProcessingFailed { group, .. }
            | AppFact::RecordSkipped { group, .. }
            | AppFact::HandedOn { group, .. }
            | AppFact::HandedOff { group, .. }
            | AppFact::Dropped { group, .. }
            | AppFact::SinkOutage { group, .. }
            | AppFact::Stopped { group, .. } => group,
        };
        let group = &mut self.groups[group.index()];
        let sent = self.options.latencies.then_some(&self.send_times);
        group.application(stated, fact, sent, &mut self.seen);
    }

    fn sink(&mut self, stated: &Stated, fact: &SinkFact) {
        let counted = u64::from(self.options.warm_up <= stated.at);
        let sink = &mut self.sinks[stated.who.index()];
        match fact {
            SinkFact::Received { .. } => sink.requests += counted,
            SinkFact::InsertRefused { .. } => sink.refused += counted,
            SinkFact::RowsStored { records, .. } => sink.rows += u64::from(records.len()),
            SinkFact::OffsetStored { .. }
            | SinkFact::InsertDeduplicated { .. }
            | SinkFact::BulkTorn { .. } => {}
        }
        let sent = self.options.latencies.then_some(&self.send_times);
        self.groups[fact.group().index()].sink_fact(stated.at, fact, sent);
    }

    fn fault(&mut self, stated: &Stated, fact: &FaultFact) {
        if *fact != FaultFact::Crashed {
            return;
        }
        let actor = &self.cast.actors[stated.who.index()];
        match actor.role {
            Role::Member => {
                let group = actor.group.expect("a member has a group");
                self.groups[group.index()].member_died(stated.at, stated.who);
            }
            Role::Producer => self.orphan(stated.who),
            Role::Broker | Role::Controller | Role::Sink => {}
        }
    }

    /// A producer died: what it had sent and not heard of, nobody will send again.
    fn orphan(&mut self, producer: NodeId) {
        let ranges = self.cast.records.iter().filter(|r| r.producer == producer);
        for range in ranges {
            for record in (range.first.0..range.first.0 + range.count).map(RecordId) {
                let open = self.sent.get(record)
                    && !self.acknowledged.get(record)
                    && !self.failed.get(record);
                if open {
                    self.producers[producer.index()].orphaned.set(record);
                }
            }
        }
    }

    /// The controller's word on who leads a partition in which epoch, and who is in sync.
    fn is_led(
        &mut self,
        partition: TopicPartition,
        leads: (Option<NodeId>, u32),
        isr: &Arc<[NodeId]>,
    ) {
        let known = self.partition_mut(partition);
        (known.leader, known.leader_epoch) = leads;
        known.isr = Arc::clone(isr);
    }

    pub(super) fn partition_mut(&mut self, partition: TopicPartition) -> &mut PartitionLedger {
        let partitions = &mut self.topics[partition.topic.index()].partitions;
        let index = partition.partition as usize;
        if partitions.len() <= index {
            partitions.resize_with(index + 1, PartitionLedger::default);
        }
        &mut partitions[index]
    }

    pub(super) fn contents(&self, partition: TopicPartition) -> Option<&Contents> {
        let topic = &self.topics[partition.topic.index()];
        let known = topic.partitions.get(partition.partition as usize)?;
        Some(&known.contents)
    }

    /// Every partition of a topic with its log, in order.
    pub(super) fn logs(
        &self,
        topic: TopicId,
    ) -> impl Iterator<Item = (TopicPartition, &PartitionLedger)> {
        let partitions = self.topics[topic.index()].partitions.iter();
        (0..)
            .zip(partitions)
            .map(move |(number, log)| (TopicPartition::new(topic, number), log))
    }

    /// How many records were passed to `send()` for a topic.
    pub fn sent_to(&self, topic: TopicId) -> u64 {
        self.topics[topic.index()].sent.count()
    }

    /// How often each word of the scenario file was seen.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The fingerprint of the facts so far.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint.finish()
    }

    /// The record at a place of a log.
    pub fn record_at(&self, partition: TopicPartition, offset: Offset) -> Option<RecordId> {
        self.contents(partition)?.get(offset)
    }

    /// Where a record is, in topic and partition order: its first place first.
    pub fn places(&self, record: RecordId) -> Vec<(TopicPartition, Offset)> {
        let topics = (0..self.topics.len()).map(|t| TopicId(t as u32));
        let logs = topics.flat_map(|topic| self.logs(topic));
        let mut places = Vec::new();
        for (partition, log) in logs {
            for (base, first, count) in log.contents.runs() {
                if (first.0..first.0 + count).contains(&record.0) {
                    places.push((partition, base + Offset::from(record.0 - first.0)));
                }
            }
        }
        places
    }
}
