//! What a coordinator knows of the cluster's topics (`MetadataImage`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{TopicId, TopicPartition};
use crate::kafka::assignor::server::TopicUuid;

/// A topic as a coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id in the cluster.
    pub uuid: TopicUuid,
    /// How many partitions it has.
    pub partitions: u32,
}

/// The topics there are, at one version of the metadata.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Image {
    pub(super) topics: BTreeMap<TopicId, ImageTopic>,
    pub(super) version: u64,
    /// The last version that had a new topic.
    pub(super) with_new_topics: u64,
}

impl Image {
    /// Takes in what the topics are now.
    pub(in super::super) fn update(&mut self, topics: BTreeMap<TopicId, ImageTopic>) {
        if topics == self.topics {
            return;
        }
        self.version += 1;
        if topics.keys().any(|topic| !self.topics.contains_key(topic)) {
            self.with_new_topics = self.version;
        }
        self.topics = topics;
    }

    /// Whether the topic of a partition exists.
    pub(super) fn knows(&self, partition: TopicPartition) -> bool {
        self.topics.contains_key(&partition.topic)
    }

    /// These topics with their partition counts, as far as they exist.
    pub(super) fn counts(
        &self,
        topics: impl IntoIterator<Item = TopicId>,
    ) -> Arc<[(TopicId, u32)]> {
        let known = |topic| Some((topic, self.topics.get(&topic)?.partitions));
        topics.into_iter().filter_map(known).collect()
    }
}
