//! The cast of a run: what every dense id is called in the scenario file.
//!
//! Facts carry ids; whoever prints them asks the cast. It never changes during a run: internal
//! topics are in it from the start, whether or not they are ever created.

use serde::Serialize;

use crate::base::{GroupId, NodeId, RecordId, TopicId, TopicPartition};

/// What kind of process a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A `KRaft` controller.
    Controller,
    /// A broker.
    Broker,
    /// A producer instance.
    Producer,
    /// A member of a consumer group.
    Member,
    /// A sink: the database behind an application.
    Sink,
}

/// One process of the scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// Its name, such as `pricing-workers-1`.
    pub name: String,
    /// Its kind.
    pub role: Role,
    /// The name of the producer or group it belongs to; its own for cluster nodes and sinks.
    pub family: String,
    /// The group of a member.
    pub group: Option<GroupId>,
}

/// The records of one producer instance: `first..first + count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RecordRange {
    /// The producer instance.
    pub producer: NodeId,
    /// Its first record.
    pub first: RecordId,
    /// How many it will send.
    pub count: u32,
}

/// Every name of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cast {
    /// Processes by [`NodeId`].
    pub actors: Vec<Actor>,
    /// Topics by [`TopicId`].
    pub topics: Vec<String>,
    /// Groups by [`GroupId`].
    pub groups: Vec<String>,
    /// The record ranges of the producers, ascending.
    pub records: Vec<RecordRange>,
}

impl Cast {
    /// The name of a process.
    pub fn actor(&self, node: NodeId) -> &str {
        &self.actors[node.index()].name
    }

    /// The process of that name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.actors
            .iter()
            .position(|a| a.name == name)
            .map(|i| NodeId(i as u32))
    }

    /// The name of a topic.
    pub fn topic(&self, topic: TopicId) -> &str {
        &self.topics[topic.index()]
    }

    /// The topic of that name.
    pub fn topic_id(&self, name: &str) -> Option<TopicId> {
        self.topics
            .iter()
            .position(|t| t == name)
            .map(|i| TopicId(i as u32))
    }

    /// The name of a group.
    pub fn group(&self, group: GroupId) -> &str {
        &self.groups[group.index()]
    }

    /// The group of that name.
    pub fn group_id(&self, name: &str) -> Option<GroupId> {
        self.groups
            .iter()
            .position(|g| g == name)
            .map(|i| GroupId(i as u32))
    }

    /// `topic-partition`.
    pub fn partition(&self, tp: TopicPartition) -> String {
        format!("{}-{}", self.topic(tp.topic), tp.partition)
    }

    /// How many records all producers together will send.
    pub fn record_count(&self) -> u32 {
        self.records.last().map_or(0, |r| r.first.0 + r.count)
    }

    /// Who sends a record, and as which of its records, counted from 1.
    pub fn sender(&self, record: RecordId) -> (NodeId, u32) {
        let at = self.records.partition_point(|r| r.first <= record) - 1;
        let range = self.records[at];
        (range.producer, record.0 - range.first.0 + 1)
    }

    /// `shop#7`.
    pub fn record(&self, record: RecordId) -> String {
        let (producer, nth) = self.sender(record);
        format!("{}#{nth}", self.actor(producer))
    }
}
