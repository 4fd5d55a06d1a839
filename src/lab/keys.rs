//! The keys of a run's records. Facts do not carry them: they are drawn again when asked for.

use std::sync::{Arc, OnceLock};

use crate::base::{RecordId, TopicId};
use crate::kafka::cast::RecordRange;
use crate::kafka::config::producer::PartitionerClass;
use crate::node::consumer::MemberSetup;
use crate::node::consumer::program::OnFailure;
use crate::node::producer::{Draws, Keys, Partitioning, ProducerSetup};
use crate::sim::setup::{Setup, TopicSetup};

/// Every record's key.
#[derive(Debug)]
pub struct KeyBook {
    producers: Vec<Page>,
}

#[derive(Debug)]
struct Page {
    range: RecordRange,
    setup: Arc<ProducerSetup>,
    /// Filled when the first key of this producer is asked for.
    keys: OnceLock<Vec<Option<Arc<str>>>>,
}

impl KeyBook {
    /// The keys of the records of a world.
    pub fn new(setup: &Setup) -> Self {
        let page = |range: &RecordRange| {
            let mut producers = setup.producers.iter().map(|(producer, _)| producer);
            let producer = producers.find(|producer| producer.node == range.producer);
            let producer = producer.expect("every range of records has its producer");
            Page {
                range: *range,
                setup: Arc::new(producer.clone()),
                keys: OnceLock::new(),
            }
        };
        Self {
            producers: setup.cast.records.iter().map(page).collect(),
        }
    }

    /// The key of a record.
    pub fn of(&self, record: RecordId) -> Option<Arc<str>> {
        let at = self
            .producers
            .partition_point(|page| page.range.first <= record);
        let page = &self.producers[at.checked_sub(1)?];
        let keys = page.keys.get_or_init(|| {
            let mut draws = Draws::new(&page.setup, 0);
            (0..page.range.count)
                .map(|number| draws.key_of(number))
                .collect()
        });
        keys.get((record.0 - page.range.first.0) as usize)?.clone()
    }
}

/// Whether a key can come to lie in several partitions of a topic, by [`TopicId`]: the topic grows, a
/// producer does not go by the key, producers go by it in different ways, or members send records
/// on to it.
pub(super) fn scattered(setup: &Setup) -> Vec<bool> {
    let topics = (0..).map(TopicId).zip(&setup.topics);
    topics
        .map(|(id, topic)| scatters(setup, id, topic))
        .collect()
}

fn scatters(setup: &Setup, id: TopicId, topic: &TopicSetup) -> bool {
    let mut ways: Vec<(&Partitioning, PartitionerClass)> = Vec::new();
    for (producer, _) in &setup.producers {
        let workload = &producer.workload;
        let mut script = workload.script.iter().filter_map(|record| record.topic);
        let is_meant = workload.topics.contains(&id) || script.any(|own| own == id);
        let keyed = workload.keys != Keys::None || !workload.script.is_empty();
        if !is_meant || !keyed {
            continue;
        }
        let config = &producer.config;
        let in_turn = config.partitioner == PartitionerClass::RoundRobin || config.ignore_keys;
        let by_client = workload.partitioning == Partitioning::Client;
        let by_record = workload
            .script
            .iter()
            .any(|record| record.partition.is_some());
        if by_record || (by_client && in_turn) {
            return true;
        }
        let way = (&workload.partitioning, config.partitioner);
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    let sent_on = |member: &MemberSetup| {
        let process = &member.program.process;
        process.on_failure == OnFailure::Send(id) || process.handler.is_some()
    };
    let mut members = setup.members.iter().map(|(member, _)| member);
    topic.partitions < topic.partitions_max || 1 < ways.len() || members.any(sent_on)
}
