//! What of a run a trace shows: a record, a partition, an actor, a group, a window of time.
//!
//! Faults are always shown, unless the focus is on other actors: they are few, and they are why
//! one looks. A focus on one record learns where that record was appended, and then also shows the
//! offset commits that pass it and the positions set on its partition.

use crate::base::{GroupId, Instant, NodeId, Offset, RecordId, TopicPartition};
use crate::kafka::{Cast, Records};
use crate::node::fact::{
    AppFact, Fact, FaultFact, GroupFact, LogFact, PositionSource, ProduceFact, SinkFact, Stated,
    StorageFact, Times,
};

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// The course of events: sends, appends, groups, polls, processing, offset commits, faults.
    #[default]
    Lesson,
    /// Every fact.
    All,
}

/// A filter on facts. What is not named is not narrowed.
#[derive(Clone, Debug, Default)]
pub struct Focus {
    /// Only what touches this record.
    pub record: Option<RecordId>,
    /// Only what speaks of this partition.
    pub partition: Option<TopicPartition>,
    /// Only what these actors state, or what is stated of them.
    pub actors: Vec<NodeId>,
    /// Only what concerns this group.
    pub group: Option<GroupId>,
    /// Only from this instant on.
    pub from: Option<Instant>,
    /// Only up to this instant, included.
    pub to: Option<Instant>,
    /// How much.
    pub detail: Detail,
    /// Where the record in focus stands, as far as is known.
    pub(crate) places: Vec<(TopicPartition, Offset)>,
    /// Whether partitions have been added to a topic.
    pub(crate) grown: bool,
}

impl Focus {
    /// Whether the fact is in focus. To be asked for every fact of the run, in order.
    pub fn admits(&mut self, cast: &Cast, stated: &Stated) -> bool {
        self.learn(&stated.fact);
        let early = self.from.is_some_and(|from| stated.at < from);
        let late = self.to.is_some_and(|to| to < stated.at);
        if early || late || (self.detail == Detail::Lesson && self.is_noise(cast, stated)) {
            return false;
        }
        let is_fault = matches!(stated.fact, Fact::Fault(_));
        self.touches_actor(stated)
            && self.touches_group(cast, stated)
            && (is_fault || self.touches_record(&stated.fact))
            && (is_fault || self.touches_partition(&stated.fact))
    }

    /// Notes where the record in focus is appended, and whether a topic has grown.
    fn learn(&mut self, fact: &Fact) {
        self.grown |= matches!(fact, Fact::Log(LogFact::PartitionsAdded { .. }));
        let Fact::Log(LogFact::Appended {
            partition,
            base_offset,
            records,
            ..
        }) = fact
        else {
            return;
        };
        let Some(index) = self.record.and_then(|record| records.position(record)) else {
            return;
        };
        self.places
            .push((*partition, base_offset + u64::from(index)));
    }

    /// What a lesson leaves out: requests, replication, confirmations of what was just told.
    fn is_noise(&self, cast: &Cast, stated: &Stated) -> bool {
        match &stated.fact {
            Fact::Produce(ProduceFact::BatchSent { attempt, .. }) => *attempt == 0,
            Fact::Produce(
                ProduceFact::RequestSent { .. } | ProduceFact::ProducerIdAssigned { .. },
            ) => true,
            Fact::Produce(ProduceFact::Acknowledged { base_offset, .. }) => base_offset.is_none(),
            Fact::Log(LogFact::Appended { records, .. }) => records.is_empty(),
            Fact::Log(LogFact::Replicated { .. }) => self.record.is_none(),
            // Once a topic has grown it is the point of the lesson who knows of it.
            Fact::Log(LogFact::MetadataRefreshed) => !self.grown,
            Fact::Log(LogFact::PartitionState { leader_epoch, .. }) => *leader_epoch == 0,
            Fact::Log(LogFact::TopicCreated { topic, .. }) => cast.topic(*topic).starts_with("__"),
            Fact::Group(GroupFact::JoinCompleted { .. } | GroupFact::CommitConfirmed { .. }) => {
                true
            }
            // The member's own line says the same, unless there is no member.
            Fact::Group(GroupFact::OffsetCommitted { member, .. }) => {
                member.is_some() && self.record.is_none()
            }
            Fact::Group(GroupFact::CommitRequested { offsets, .. }) => offsets.is_empty(),
            Fact::Sink(SinkFact::Received { .. })
            | Fact::Storage(
                StorageFact::StartLearnt { .. }
                | StorageFact::LogCompacted { leads: false, .. }
                | StorageFact::SegmentRolled { leads: false, .. }
                | StorageFact::SegmentDeleted { leads: false, .. },
            ) => true,
            // The line of the row says it, if it is the next one.
            Fact::Sink(SinkFact::OffsetStored { offset, before, .. }) => {
                before.is_none_or(|before| before + 1 == *offset)
            }
            // The reset was told just before.
            Fact::Group(GroupFact::PositionSet { source, .. }) => {
                matches!(source, PositionSource::Reset | PositionSource::Truncation)
            }
            _ => false,
        }
    }

    fn touches_actor(&self, stated: &Stated) -> bool {
        if self.actors.is_empty() {
            return true;
        }
        let named = |node: &NodeId| self.actors.contains(node);
        named(&stated.who)
            || match &stated.fact {
                Fact::Group(
                    GroupFact::SessionExpired { member, .. }
                    | GroupFact::MemberReconciled { member, .. }
                    | GroupFact::RevocationTimedOut { member, .. }
                    | GroupFact::RejoinTimedOut { member, .. }
                    | GroupFact::MemberLeft { member, .. }
                    | GroupFact::MemberFenced { member, .. }
                    | GroupFact::OffsetCommitted {
                        member: Some(member),
                        ..
                    },
                ) => named(member),
                Fact::Group(GroupFact::PartitionMoved { from, to, .. }) => named(from) || named(to),
                Fact::Sink(fact) => named(&fact.from()),
                Fact::Group(GroupFact::StaticRejoin { member, before, .. }) => {
                    named(member) || named(before)
                }
                _ => false,
            }
    }

    fn touches_group(&self, cast: &Cast, stated: &Stated) -> bool {
        let Some(group) = self.group else {
            return true;
        };
        cast.actors[stated.who.index()].group == Some(group)
            || group_of(&stated.fact) == Some(group)
    }

    fn touches_record(&self, fact: &Fact) -> bool {
        let Some(record) = self.record else {
            return true;
        };
        let stands = |partition: &TopicPartition, from: Offset, to: Offset| {
            let mut places = self.places.iter();
            places.any(|(place, offset)| place == partition && (from..to).contains(offset))
        };
        match fact {
            Fact::Log(LogFact::Replicated {
                partition,
                from,
                to,
            }) => stands(partition, *from, *to),
            Fact::Group(GroupFact::OffsetCommitted {
                partition,
                offset,
                before,
                ..
            })
            | Fact::Sink(SinkFact::OffsetStored {
                partition,
                offset,
                before,
                ..
            }) => {
                let before = before.unwrap_or(0);
                stands(partition, before.min(*offset), before.max(*offset))
            }
            Fact::Group(GroupFact::PositionSet { partition, .. }) => {
                self.places.iter().any(|(place, _)| place == partition)
            }
            Fact::Storage(fact) => fact
                .start_moved()
                .is_some_and(|(from, to)| stands(&fact.partition(), from, to)),
            fact => fact
                .records()
                .is_some_and(|list| list.position(record).is_some()),
        }
    }

    fn touches_partition(&self, fact: &Fact) -> bool {
        // Once a topic has grown, new metadata is news of its partitions.
        (self.grown && *fact == Fact::Log(LogFact::MetadataRefreshed))
            || self
                .partition
                .is_none_or(|partition| speaks_of(fact, partition))
    }
}

/// The fact, told of one record alone where it speaks of several in a row.
pub fn narrowed(stated: &Stated, record: RecordId) -> Stated {
    let mut stated = stated.clone();
    let Some(index) = stated.fact.records().and_then(|list| list.position(record)) else {
        return stated;
    };
    let one = |records: &mut Records| *records = Records::one(record);
    let at = |times: &mut Times| *times = Times::at(times.get(index));
    match &mut stated.fact {
        Fact::Produce(ProduceFact::Sent { records, times, .. }) => {
            one(records);
            at(times);
        }
        Fact::Produce(ProduceFact::Acknowledged {
            records,
            base_offset,
            ..
        }) => {
            one(records);
            *base_offset = base_offset.map(|base| base + Offset::from(index));
        }
        Fact::Log(LogFact::Appended {
            records,
            base_offset,
            count,
            ..
        }) => {
            one(records);
            *base_offset += Offset::from(index);
            *count = 1;
        }
        Fact::App(AppFact::Processed {
            records,
            first_offset,
            times,
            ..
        }) => {
            one(records);
            *first_offset += Offset::from(index);
            at(times);
        }
        Fact::App(AppFact::Polled {
            records,
            first_offset,
            ..
        })
        | Fact::Sink(
            SinkFact::RowsStored {
                records,
                first_offset,
                ..
            }
            | SinkFact::InsertDeduplicated {
                records,
                first_offset,
                ..
            },
        ) => {
            one(records);
            *first_offset += Offset::from(index);
        }
        _ => {}
    }
    stated
}

/// Whether a fact speaks of a partition.
fn speaks_of(fact: &Fact, wanted: TopicPartition) -> bool {
    match fact {
        Fact::Group(fact) => group_speaks_of(fact, wanted),
        Fact::Sink(fact) => fact.partition() == Some(wanted),
        Fact::Storage(fact) => fact.partition() == wanted,
        Fact::Produce(
            ProduceFact::BatchSent { partition, .. }
            | ProduceFact::Retry { partition, .. }
            | ProduceFact::Acknowledged { partition, .. }
            | ProduceFact::DeliveryTimedOut { partition, .. }
            | ProduceFact::OutOfOrderSequence { partition, .. },
        )
        | Fact::Log(
            LogFact::Appended { partition, .. }
            | LogFact::RetryDeduplicated { partition, .. }
            | LogFact::AppendRefused { partition, .. }
            | LogFact::Replicated { partition, .. }
            | LogFact::PartitionState { partition, .. },
        )
        | Fact::App(
            AppFact::Polled { partition, .. }
            | AppFact::Processed { partition, .. }
            | AppFact::ProcessingFailed { partition, .. }
            | AppFact::RecordSkipped { partition, .. }
            | AppFact::HandedOn { partition, .. }
            | AppFact::HandedOff { partition, .. }
            | AppFact::Dropped { partition, .. },
        ) => *partition == wanted,
        Fact::Produce(ProduceFact::Failed {
            topic, partition, ..
        }) => *topic == wanted.topic && *partition == Some(wanted.partition),
        Fact::Log(LogFact::PartitionsAdded { topic, .. }) => *topic == wanted.topic,
        _ => false,
    }
}

fn group_speaks_of(fact: &GroupFact, wanted: TopicPartition) -> bool {
    match fact {
        GroupFact::MemberReconciled {
            assigned, revoking, ..
        } => assigned.contains(&wanted) || revoking.contains(&wanted),
        GroupFact::RoundCompleted { assignment, .. }
        | GroupFact::TargetComputed { assignment, .. } => {
            assignment.iter().any(|(_, list)| list.contains(&wanted))
        }
        GroupFact::Assigned { partitions, .. }
        | GroupFact::Revoked { partitions, .. }
        | GroupFact::Lost { partitions, .. } => partitions.contains(&wanted),
        GroupFact::CommitRequested { offsets, .. } | GroupFact::CommitConfirmed { offsets, .. } => {
            offsets.iter().any(|(partition, _)| *partition == wanted)
        }
        GroupFact::PartitionMoved { partition, .. }
        | GroupFact::OffsetCommitted { partition, .. }
        | GroupFact::PositionSet { partition, .. }
        | GroupFact::OffsetReset { partition, .. }
        | GroupFact::PositionTruncated { partition, .. } => *partition == wanted,
        _ => false,
    }
}

/// The group a fact about groups speaks of.
fn group_of(fact: &Fact) -> Option<GroupId> {
    match fact {
        Fact::Group(fact) => Some(fact.group()),
        Fact::Sink(fact) => Some(fact.group()),
        Fact::Fault(FaultFact::OffsetsSet { group, .. }) => Some(*group),
        _ => None,
    }
}
