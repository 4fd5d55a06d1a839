//! What a broker knows of the cluster, and tells clients: topics, leaders, coordinators
//! (`KRaftMetadataCache`, `AutoTopicCreationManager`).
//!
//! It is the controller's word as far as it has arrived. Topics that do not exist yet are created
//! by their first user, through the controller, one attempt at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Broker;
use super::replica::Role;
use super::replicate::Errand;
use crate::base::{Instant, NodeId, TopicId, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::hash::partition_for_group;
use crate::kafka::message::{PartitionMetadata, Request, Response, TopicMetadata};
use crate::node::fact::ClusterFact;
use crate::node::{Ctx, FactId, Lane};

/// A broker's view of the cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    topics: BTreeMap<TopicId, Arc<[PartitionMetadata]>>,
    /// How often that has changed.
    version: u64,
    /// Topics to be created, and whether the controller has been asked.
    wanted: BTreeMap<TopicId, bool>,
}

impl View {
    /// The partitions of a topic, if it exists.
    pub(super) fn topic(&self, topic: TopicId) -> Option<&Arc<[PartitionMetadata]>> {
        self.topics.get(&topic)
    }

    fn partition(&self, tp: TopicPartition) -> Option<&PartitionMetadata> {
        self.topics.get(&tp.topic)?.get(tp.partition as usize)
    }

    /// Changes with every word of the controller on topics.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Every topic there is, with its number of partitions.
    pub(super) fn partition_counts(&self) -> impl Iterator<Item = (TopicId, u32)> + '_ {
        let topics = self.topics.iter();
        topics.map(|(topic, partitions)| (*topic, partitions.len() as u32))
    }

    /// Takes in the controller's word on some partitions; those of a new topic all together.
    pub(super) fn update(&mut self, partitions: &[PartitionMetadata]) {
        self.version += 1;
        for of_topic in partitions.chunk_by(|a, b| a.partition.topic == b.partition.topic) {
            let topic = of_topic[0].partition.topic;
            let known = self.topics.get(&topic);
            let mut all: Vec<_> = known.map_or(Vec::new(), |known| known.to_vec());
            for partition in of_topic {
                let number = partition.partition.partition as usize;
                if number < all.len() {
                    all[number] = partition.clone();
                } else {
                    assert_eq!(number, all.len(), "new partitions come in their order");
                    all.push(partition.clone());
                }
            }
            self.topics.insert(topic, all.into());
            self.wanted.remove(&topic);
        }
    }

    /// The controller has answered, or its connection is lost: whoever needs the topic asks again.
    pub(super) fn creation_answered(&mut self, topic: TopicId) {
        self.wanted.remove(&topic);
    }
}

impl Broker {
    /// The active controller.
    pub(super) fn controller(&self) -> NodeId {
        *self
            .setup
            .controllers
            .first()
            .expect("a cluster has a controller")
    }

    /// Whether the controller is to be asked for something.
    pub(super) fn wants_controller(&self, now: Instant) -> bool {
        self.wants_topics() || self.memory.lifecycle.wants_controller(now)
    }

    fn wants_topics(&self) -> bool {
        self.memory.view.wanted.values().any(|asked| !asked)
    }

    /// Takes in the controller's word, and does what it says.
    pub(super) fn update_metadata(&mut self, ctx: &mut Ctx<'_>, partitions: &[PartitionMetadata]) {
        let cause = ctx.cause;
        self.memory.has_errands = true;
        self.memory.view.update(partitions);
        for state in partitions {
            ctx.cause = cause;
            if let Some(slot) = self.slots.of(state.partition) {
                self.apply(ctx, slot, state);
            }
        }
        ctx.cause = cause;
    }

    fn apply(&mut self, ctx: &mut Ctx<'_>, slot: usize, state: &PartitionMetadata) {
        let before = &self.memory.partitions[slot].replica;
        let before = (before.role(), before.leader_epoch());
        self.assign(ctx.now, slot, state, ctx.cause);
        let replica = &self.memory.partitions[slot].replica;
        let is_anew = before != (replica.role(), replica.leader_epoch());
        if is_anew && self.setup.can_fail {
            self.memory.sessions.drop_partition(slot);
            self.begin_leadership(ctx, slot);
        }
        self.note_outsiders(slot);
        self.host(ctx, slot);
        if self.memory.partitions[slot].replica.leads() && self.advance(ctx, slot) {
            self.wake_at_high_watermark(ctx, slot);
        }
        self.wake_produces(ctx, slot);
        self.wake_fetches(ctx, slot);
    }

    /// Takes a role for a partition, without anybody being told.
    pub(super) fn assign(
        &mut self,
        now: Instant,
        slot: usize,
        state: &PartitionMetadata,
        set_by: FactId,
    ) {
        let partition = &mut self.memory.partitions[slot];
        let log_end = self.disk.logs[slot].end();
        let me = self.setup.node;
        let epoch_before = partition.replica.leader_epoch();
        partition
            .replica
            .on_metadata(now, me, state, log_end, set_by);
        let leader = match partition.replica.role() {
            Role::Following(leader) => Some(leader),
            Role::Leading | Role::Offline => None,
        };
        let is_anew = epoch_before < partition.replica.leader_epoch();
        self.memory.fetchers.assign(slot, leader, is_anew);
        self.refresh_registrations(slot);
    }

    /// Says with which log a new leader begins, except where a topic begins with it.
    fn begin_leadership(&self, ctx: &mut Ctx<'_>, slot: usize) {
        let partition = &self.memory.partitions[slot];
        let leader_epoch = partition.replica.leader_epoch();
        if partition.replica.leads() && 0 < leader_epoch {
            let log = &self.disk.logs[slot];
            ctx.note(ClusterFact::LeadershipBegun {
                partition: partition.name,
                leader_epoch,
                end: log.end(),
                epochs: log.epochs().into(),
            });
        }
    }

    /// The place of a partition this broker leads, or why it does not serve it.
    pub(super) fn led_slot(&self, tp: TopicPartition) -> Result<usize, ErrorCode> {
        let slot = self.slots.of(tp);
        match slot {
            Some(slot) if self.memory.partitions[slot].replica.leads() => Ok(slot),
            Some(_) if self.memory.view.partition(tp).is_some() => {
                Err(ErrorCode::NotLeaderOrFollower)
            }
            _ => Err(ErrorCode::UnknownTopicOrPartition),
        }
    }

    /// Whether a partition exists, as far as this broker knows.
    pub(super) fn exists(&self, tp: TopicPartition) -> bool {
        self.memory.view.partition(tp).is_some()
    }

    /// The fact behind what this broker knows of a partition.
    pub(super) fn set_by(&self, tp: TopicPartition) -> FactId {
        let slot = self.slots.of(tp);
        slot.map_or(FactId::NONE, |slot| {
            self.memory.partitions[slot].replica.set_by()
        })
    }

    /// Answers `Metadata`. A topic that does not exist is created for the next time, if the client
    /// and the broker allow it.
    pub(super) fn metadata(&mut self, topics: &[TopicId], allow_auto_create: bool) -> Response {
        let creates = allow_auto_create && self.setup.config.auto_create_topics;
        let mut answer = Vec::with_capacity(topics.len());
        for &topic in topics {
            if let Some(partitions) = self.memory.view.topic(topic) {
                answer.push(TopicMetadata {
                    topic,
                    error: ErrorCode::None,
                    partitions: Arc::clone(partitions),
                });
                continue;
            }
            if creates {
                self.want_topic(topic);
            }
            answer.push(TopicMetadata {
                topic,
                error: ErrorCode::UnknownTopicOrPartition,
                partitions: Arc::from([]),
            });
        }
        Response::Metadata(answer)
    }

    /// Answers `FindCoordinator`: the leader of the group's partition of `__consumer_offsets`,
    /// which the first question creates.
    pub(super) fn find_coordinator(&mut self, group: &str) -> Response {
        let coordinator = self.coordinator_of(group);
        if coordinator.is_none()
            && let Some(topic) = self.setup.offsets_topic
            && self.memory.view.topic(topic).is_none()
        {
            self.want_topic(topic);
        }
        Response::FindCoordinator {
            error: match coordinator {
                Some(_) => ErrorCode::None,
                None => ErrorCode::CoordinatorNotAvailable,
            },
            coordinator,
        }
    }

    /// The partition of `__consumer_offsets` that keeps a group.
    pub(super) fn offsets_partition(&self, group: &str) -> Option<TopicPartition> {
        let topic = self.setup.offsets_topic?;
        let partitions = self.setup.topics[topic.index()].partitions;
        Some(TopicPartition::new(
            topic,
            partition_for_group(group, partitions),
        ))
    }

    fn coordinator_of(&self, group: &str) -> Option<NodeId> {
        let tp = self.offsets_partition(group)?;
        self.memory.view.partition(tp)?.leader
    }

    fn want_topic(&mut self, topic: TopicId) {
        self.memory.view.wanted.entry(topic).or_insert(false);
        self.memory.has_errands = true;
    }

    /// Asks the controller for the topics that are wanted, once it can be reached.
    pub(super) fn create_topics(&mut self, ctx: &mut Ctx<'_>) {
        let controller = self.controller();
        if !self.wants_topics() || !self.memory.network.ready(ctx, controller, Lane::Main) {
            return;
        }
        for (&topic, asked) in &mut self.memory.view.wanted {
            if !std::mem::replace(asked, true) {
                let setup = &self.setup.topics[topic.index()];
                let request = Request::CreateTopics {
                    topic,
                    partitions: setup.partitions,
                    replication_factor: setup.replication_factor,
                };
                let to = (controller, Lane::Main);
                let errand = Errand::Create(topic);
                self.memory.network.send(ctx, to, request, None, errand);
            }
        }
    }
}
