//! What a client believes of the cluster: partitions and leaders of its topics.
//!
//! It only keeps and answers; when to refresh is the owner's business, within the limits of
//! `retry.backoff.ms` (`Metadata.timeToNextUpdate`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Instant, NodeId, Span, TopicId, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::message::{PartitionMetadata, TopicMetadata};

/// A client's view of the cluster.
#[derive(Clone, Debug)]
pub struct Metadata {
    topics: BTreeMap<TopicId, Arc<[PartitionMetadata]>>,
    wanted: Vec<TopicId>,
    update_requested: bool,
    in_flight: bool,
    version: u64,
    last_success: Option<Instant>,
    last_attempt: Option<Instant>,
    max_age: Span,
    backoff: Span,
}

impl Metadata {
    /// Knows nothing yet. `max_age` is `metadata.max.age.ms`, `backoff` is `retry.backoff.ms`.
    pub fn new(max_age: Span, backoff: Span) -> Self {
        Self {
            topics: BTreeMap::new(),
            wanted: Vec::new(),
            update_requested: false,
            in_flight: false,
            version: 0,
            last_success: None,
            last_attempt: None,
            max_age,
            backoff,
        }
    }

    /// Adds a topic of interest; a new one asks for an update.
    pub fn want(&mut self, topic: TopicId) {
        if !self.wanted.contains(&topic) {
            self.wanted.push(topic);
            self.update_requested = true;
        }
    }

    /// The topics of interest.
    pub fn wanted(&self) -> &[TopicId] {
        &self.wanted
    }

    /// Asks for an update as soon as the backoff allows.
    pub fn request_update(&mut self) {
        self.update_requested = true;
    }

    /// Whether an update is on its way.
    pub fn is_under_way(&self) -> bool {
        self.in_flight
    }

    /// How many partitions a topic has, if known.
    pub fn partition_count(&self, topic: TopicId) -> Option<u32> {
        self.topics
            .get(&topic)
            .map(|partitions| partitions.len() as u32)
    }

    /// The partitions of a topic in order, if known.
    pub fn partitions(&self, topic: TopicId) -> Option<&Arc<[PartitionMetadata]>> {
        self.topics.get(&topic)
    }

    /// The leader of a partition, if known.
    pub fn leader(&self, tp: TopicPartition) -> Option<NodeId> {
        self.partition(tp)?.leader
    }

    /// The leader epoch of a partition, if known.
    pub fn leader_epoch(&self, tp: TopicPartition) -> Option<u32> {
        self.partition(tp).map(|p| p.leader_epoch)
    }

    fn partition(&self, tp: TopicPartition) -> Option<&PartitionMetadata> {
        self.topics.get(&tp.topic)?.get(tp.partition as usize)
    }

    /// How many answers were taken in.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When the next update is due: at once if asked for (after the backoff since the last try), at
    /// the latest `max_age` after the last one. `None` while one is on its way.
    pub fn update_due(&self) -> Option<Instant> {
        if self.in_flight || self.wanted.is_empty() {
            return None;
        }
        let aged = self
            .last_success
            .map_or(Instant::ZERO, |at| at + self.max_age);
        let due = if self.update_requested {
            Instant::ZERO
        } else {
            aged
        };
        let allowed = self
            .last_attempt
            .map_or(Instant::ZERO, |at| at + self.backoff);
        Some(due.max(allowed))
    }

    /// A Metadata request leaves.
    pub fn started(&mut self, now: Instant) {
        self.in_flight = true;
        self.update_requested = false;
        self.last_attempt = Some(now);
    }

    /// The request failed with its connection; another is due after the backoff.
    pub fn failed(&mut self) {
        self.in_flight = false;
        self.update_requested = true;
    }

    /// Takes in an answer. Unknown topics stay wanted and ask for another update. Returns whether
    /// anything changed.
    pub fn update(&mut self, now: Instant, topics: &[TopicMetadata]) -> bool {
        self.in_flight = false;
        self.version += 1;
        self.last_success = Some(now);
        let mut changed = false;
        for topic in topics {
            if topic.error == ErrorCode::None {
                let known = self.topics.get(&topic.topic);
                let partitions = newest(known, &topic.partitions);
                changed |= known.is_none_or(|known| known[..] != partitions[..]);
                self.update_requested |= partitions.iter().any(|p| p.leader.is_none());
                self.topics.insert(topic.topic, partitions);
            } else {
                self.update_requested = true;
            }
        }
        changed
    }
}

/// What an answer says, except where an older leader epoch than the known one shows that the broker
/// that answered had not heard the latest yet (`Metadata.updateLatestMetadata`).
fn newest(
    known: Option<&Arc<[PartitionMetadata]>>,
    answer: &Arc<[PartitionMetadata]>,
) -> Arc<[PartitionMetadata]> {
    let newer = |said: &PartitionMetadata| {
        let known = known.and_then(|known| known.get(said.partition.partition as usize));
        known.filter(|known| said.leader_epoch < known.leader_epoch)
    };
    if answer.iter().all(|said| newer(said).is_none()) {
        return Arc::clone(answer);
    }
    answer
        .iter()
        .map(|said| newer(said).unwrap_or(said).clone())
        .collect()
}
