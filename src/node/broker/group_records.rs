//! The records of `__consumer_offsets` as a batch: about as large as Kafka's would be.
//!
//! Sizes follow the message schemas; of a group's records, what members say of themselves is
//! estimated.

use std::sync::Arc;

use crate::base::{Instant, TopicPartition};
use crate::kafka::consumer_protocol::{
    ConsumerGroupRecord, CurrentAssignment, MemberSubscription, ResolvedPattern,
};
use crate::kafka::group::{CoordinatorRecord, JoinProtocol};
use crate::kafka::size::record_size;
use crate::kafka::{Batch, Payload};

/// The header of a record batch of format v2, in bytes.
const BATCH_HEADER: u32 = 61;

impl super::BrokerSetup {
    /// A batch of coordinator records, about as large as it would be.
    pub(super) fn batch_of(&self, records: Vec<CoordinatorRecord>, now: Instant) -> Batch {
        let size = |(index, record): (usize, &CoordinatorRecord)| {
            let (key, value) = self.lengths(record);
            record_size(index as u32, 0, Some(key), Some(value))
        };
        let bytes = BATCH_HEADER + records.iter().enumerate().map(size).sum::<u32>();
        Batch {
            payload: Payload::Coordinator(records.into()),
            bytes,
            producer: None,
            max_timestamp: now.into(),
            stamps: None,
        }
    }

    /// The lengths of key and value of a record of `__consumer_offsets`, in bytes, by its message
    /// schema; of a group's, what its members say of themselves is estimated.
    fn lengths(&self, record: &CoordinatorRecord) -> (u32, u32) {
        let text = |text: &str| 2 + text.len() as u32;
        match record {
            CoordinatorRecord::OffsetCommit {
                group, partition, ..
            } => {
                let topic = self.cast.topic(partition.topic);
                (2 + text(group) + text(topic) + 4, 2 + 8 + 4 + 2 + 8)
            }
            CoordinatorRecord::GroupMetadata { group, members, .. } => {
                let member = |m: &crate::kafka::group::PersistedMember| {
                    let names = text(&m.member) + text(&m.client_id) + 2 + 16;
                    let subscription = 10 + 16 * m.subscription.topics.len() as u32;
                    let assignment = 10 + 16 * m.assignment.len() as u32;
                    names + 8 + subscription + assignment
                };
                let members: u32 = members.iter().map(member).sum();
                (2 + text(group), 40 + members)
            }
            CoordinatorRecord::GroupGone { group } => (2 + text(group), 0),
            CoordinatorRecord::ConsumerGroup { group, record } => {
                let (key, value) = consumer_group_lengths(record);
                (2 + text(group) + key, value)
            }
        }
    }
}

/// The lengths of a record of a group of the consumer protocol: its key besides the group's name, and
/// its value.
fn consumer_group_lengths(record: &ConsumerGroupRecord) -> (u32, u32) {
    let text = |text: &str| 2 + text.len() as u32;
    let partitions = |list: &[TopicPartition]| 1 + 20 * list.len() as u32;
    match record {
        ConsumerGroupRecord::Epoch { .. } => (0, 12),
        ConsumerGroupRecord::TargetEpoch(Some(_)) => (0, 4),
        ConsumerGroupRecord::Gone | ConsumerGroupRecord::TargetEpoch(None) => (0, 0),
        ConsumerGroupRecord::Member {
            member,
            subscription,
        } => {
            let value = |s: &Arc<MemberSubscription>| {
                let protocols = s.classic.iter().flat_map(|c| &c.protocols);
                let protocol = |p: &JoinProtocol| 20 + 16 * p.subscription.topics.len() as u32;
                40 + 16 * s.topics.len() as u32 + protocols.map(protocol).sum::<u32>()
            };
            (text(member), subscription.as_ref().map_or(0, value))
        }
        ConsumerGroupRecord::Target { member, assignment } => {
            let value = assignment.as_deref().map_or(0, partitions);
            (text(member), value)
        }
        ConsumerGroupRecord::Current { member, current } => {
            let value =
                |c: &Arc<CurrentAssignment>| 9 + partitions(&c.assigned) + partitions(&c.revoking);
            (text(member), current.as_ref().map_or(0, value))
        }
        ConsumerGroupRecord::Pattern { pattern, resolved } => {
            let value = |r: &Arc<ResolvedPattern>| 17 + 16 * r.topics.len() as u32;
            (text(pattern), resolved.as_ref().map_or(0, value))
        }
    }
}
