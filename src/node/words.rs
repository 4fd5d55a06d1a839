//! The words of the scenario file for facts (`when:`, `must-happen:`).
//!
//! Only facts that a node or the network states itself; what is derived from a whole run is the
//! verdict's. Several facts may share a word, one fact has at most one.

use super::fact::{
    AppFact, BatchReason, ClusterFact, Fact, FaultFact, GroupFact, LogFact, ProduceFact, SinkFact,
    Stated, StorageFact,
};
use crate::base::{GroupId, NodeId, TopicPartition};
use crate::kafka::ErrorCode;

/// The word of a fact, if the grammar has one for it.
pub fn word_of(fact: &Fact) -> Option<&'static str> {
    match fact {
        Fact::Produce(fact) => word_of_produce(fact),
        Fact::Log(fact) => word_of_log(fact),
        Fact::Cluster(fact) => word_of_cluster(fact),
        Fact::Storage(fact) => word_of_storage(fact),
        Fact::Group(fact) => word_of_group(fact),
        Fact::App(fact) => word_of_app(fact),
        Fact::Sink(fact) => word_of_sink(fact),
        Fact::Fault(fact) => Some(word_of_fault(fact)),
    }
}

fn word_of_produce(fact: &ProduceFact) -> Option<&'static str> {
    Some(match fact {
        ProduceFact::BatchSent {
            reason: BatchReason::Full,
            ..
        } => "batch-full",
        ProduceFact::BatchSent {
            reason: BatchReason::LingerOver,
            ..
        } => "linger-over",
        ProduceFact::BatchSent { .. } => "batch-sent",
        ProduceFact::Retry { .. } => "retry",
        ProduceFact::RequestTimedOut { .. } => "request-timed-out",
        ProduceFact::DeliveryTimedOut { .. } => "delivery-timed-out",
        ProduceFact::OutOfOrderSequence { .. } => "out-of-order-sequence",
        ProduceFact::ProducerEpochBumped { .. } => "producer-epoch-bumped",
        ProduceFact::BufferFull => "buffer-full",
        ProduceFact::Sent { .. }
        | ProduceFact::RequestSent { .. }
        | ProduceFact::Acknowledged { .. }
        | ProduceFact::Failed { .. }
        | ProduceFact::ProducerIdAssigned { .. }
        | ProduceFact::Finished => return None,
    })
}

fn word_of_log(fact: &LogFact) -> Option<&'static str> {
    Some(match fact {
        LogFact::RetryDeduplicated { .. } => "retry-deduplicated",
        LogFact::TopicCreated { .. } => "topic-created",
        LogFact::MetadataRefreshed => "metadata-refreshed",
        LogFact::PartitionsAdded { .. } => "partitions-added",
        LogFact::Appended { .. }
        | LogFact::AppendRefused { .. }
        | LogFact::Replicated { .. }
        | LogFact::PartitionState { .. } => return None,
    })
}

fn word_of_cluster(fact: &ClusterFact) -> Option<&'static str> {
    Some(match fact {
        ClusterFact::LeaderElected { leader: None, .. }
        | ClusterFact::BrokerUnfenced { .. }
        | ClusterFact::ElrChanged { .. }
        | ClusterFact::LeadershipBegun { .. } => return None,
        ClusterFact::LeaderElected { choice, .. } if choice.is_unclean() => "unclean-election",
        ClusterFact::LeaderElected { .. } => "leader-elected",
        ClusterFact::IsrShrunk { .. } => "isr-shrunk",
        ClusterFact::IsrExpanded { .. } => "isr-expanded",
        ClusterFact::BrokerFenced { .. } => "broker-fenced",
        ClusterFact::LogTruncated { .. } => "log-truncated",
    })
}

fn word_of_storage(fact: &StorageFact) -> Option<&'static str> {
    Some(match fact {
        StorageFact::RecordsDeleted { .. } => "records-deleted",
        StorageFact::SegmentRolled { leads: true, .. } => "segment-rolled",
        StorageFact::SegmentDeleted { leads: true, .. } => "segment-deleted",
        StorageFact::UnflushedLost { .. } => "unflushed-lost",
        StorageFact::LogCompacted { leads: true, .. } => "log-compacted",
        StorageFact::DeletionRefused { .. }
        | StorageFact::StartLearnt { .. }
        | StorageFact::Stamped { .. }
        | StorageFact::LogCompacted { leads: false, .. }
        | StorageFact::SegmentRolled { leads: false, .. }
        | StorageFact::SegmentDeleted { leads: false, .. } => return None,
    })
}

fn word_of_group(fact: &GroupFact) -> Option<&'static str> {
    Some(match fact {
        GroupFact::RoundCompleted { first: true, .. }
        | GroupFact::TargetComputed { first: true, .. } => "group-formed",
        GroupFact::RoundCompleted { first: false, .. }
        | GroupFact::TargetComputed { first: false, .. } => "rebalance",
        GroupFact::PartitionMoved { .. } => "partition-moved",
        GroupFact::SessionExpired { .. } => "session-expired",
        GroupFact::PollIntervalExceeded { .. } | GroupFact::FellSilent { .. } => {
            "poll-interval-exceeded"
        }
        GroupFact::StaticRejoin { .. } => "static-rejoin",
        GroupFact::ProtocolChanged { .. } => "protocol-changed",
        GroupFact::MemberFenced { .. } => "member-fenced",
        GroupFact::OffsetCommitted {
            before: Some(before),
            offset,
            ..
        } if offset < before => "commit-rewound",
        GroupFact::OffsetCommitted { .. } => "offset-committed",
        GroupFact::CommitFailed { .. } => "commit-failed",
        GroupFact::PollFailed { .. } => "poll-failed",
        GroupFact::OffsetReset { .. } => "offset-reset",
        GroupFact::PositionTruncated { .. } => "position-truncated",
        GroupFact::MemberReconciled { .. }
        | GroupFact::RevocationTimedOut { .. }
        | GroupFact::RejoinTimedOut { .. }
        | GroupFact::RebalanceStarted { .. }
        | GroupFact::JoinCompleted { .. }
        | GroupFact::MemberLeft { .. }
        | GroupFact::GroupEmpty { .. }
        | GroupFact::Joining { .. }
        | GroupFact::Assigned { .. }
        | GroupFact::Revoked { .. }
        | GroupFact::Lost { .. }
        | GroupFact::CommitRequested { .. }
        | GroupFact::CommitConfirmed { .. }
        | GroupFact::PositionSet { .. } => return None,
    })
}

fn word_of_app(fact: &AppFact) -> Option<&'static str> {
    Some(match fact {
        AppFact::ProcessingFailed { .. } => "processing-failed",
        AppFact::RecordSkipped { .. } => "record-skipped",
        AppFact::SinkOutage { .. } => "sink-outage",
        AppFact::Polled { .. }
        | AppFact::Processed { .. }
        | AppFact::HandedOn { .. }
        | AppFact::HandedOff { .. }
        | AppFact::Dropped { .. }
        | AppFact::Stopped { .. } => return None,
    })
}

fn word_of_sink(fact: &SinkFact) -> Option<&'static str> {
    Some(match fact {
        SinkFact::InsertDeduplicated { .. } => "insert-deduplicated",
        SinkFact::InsertRefused { .. } => "insert-refused",
        SinkFact::BulkTorn { .. } => "bulk-torn",
        SinkFact::Received { .. } | SinkFact::RowsStored { .. } | SinkFact::OffsetStored { .. } => {
            return None;
        }
    })
}

fn word_of_fault(fact: &FaultFact) -> &'static str {
    match fact {
        FaultFact::Crashed => "crashed",
        FaultFact::PowerLost => "power-lost",
        FaultFact::Restarted => "restarted",
        FaultFact::Paused => "paused",
        FaultFact::Resumed => "resumed",
        FaultFact::Stalled => "stalled",
        FaultFact::StallEnded => "stall-ended",
        FaultFact::Closed => "closed",
        FaultFact::Started => "started",
        FaultFact::Sought => "sought",
        FaultFact::OffsetsSet { .. } => "offsets-set",
        FaultFact::RequestLost { .. } => "request-lost",
        FaultFact::ResponseLost { .. } => "response-lost",
        FaultFact::RequestHeld { .. } => "request-held",
        FaultFact::ResponseHeld { .. } => "response-held",
        FaultFact::RequestRefused { .. } => "request-refused",
        FaultFact::CutMade { .. } => "cut-made",
        FaultFact::CutHealed { .. } => "cut-healed",
        FaultFact::Slowed { .. } => "slowed",
        FaultFact::SlowEnded { .. } => "slow-ended",
    }
}

/// Whether a fact counts for a word: its own, or one it implies (`batch-full` is a `batch-sent`, a
/// rewound commit is an `offset-committed`, an `unclean-election` is a `leader-elected`).
pub fn counts_for(fact: &Fact, word: &str) -> bool {
    match word_of(fact) {
        Some(own) if own == word => true,
        Some("batch-full" | "linger-over") => word == "batch-sent",
        Some("commit-rewound") => word == "offset-committed",
        Some("unclean-election") => word == "leader-elected",
        Some(_) | None => false,
    }
}

/// What a fact is about, so that a pattern can narrow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The actor it concerns, if not the one that states it.
    pub actor: Option<NodeId>,
    /// The group.
    pub group: Option<GroupId>,
    /// The partition.
    pub partition: Option<TopicPartition>,
    /// The exception.
    pub exception: Option<&'static str>,
    /// The error code.
    pub error: Option<ErrorCode>,
}

/// The subject of a fact.
pub fn subject(stated: &Stated) -> Subject {
    match &stated.fact {
        Fact::Produce(fact) => subject_of_produce(fact),
        Fact::Log(fact) => subject_of_log(fact),
        Fact::Cluster(fact) => Subject {
            actor: fact.actor(),
            partition: fact.partition(),
            ..Subject::default()
        },
        Fact::Storage(fact) => Subject {
            partition: Some(fact.partition()),
            ..Subject::default()
        },
        Fact::Group(fact) => subject_of_group(fact),
        Fact::App(fact) => subject_of_app(fact),
        Fact::Sink(fact) => Subject {
            actor: Some(fact.from()),
            group: Some(fact.group()),
            partition: fact.partition(),
            ..Subject::default()
        },
        Fact::Fault(FaultFact::OffsetsSet { group, error }) => Subject {
            group: Some(*group),
            error: Some(*error),
            ..Subject::default()
        },
        Fact::Fault(_) => Subject::default(),
    }
}

fn subject_of_produce(fact: &ProduceFact) -> Subject {
    let mut subject = Subject::default();
    match fact {
        ProduceFact::BatchSent { partition, .. }
        | ProduceFact::Acknowledged { partition, .. }
        | ProduceFact::DeliveryTimedOut { partition, .. }
        | ProduceFact::OutOfOrderSequence { partition, .. } => subject.partition = Some(*partition),
        ProduceFact::Retry {
            partition, error, ..
        } => {
            subject.partition = Some(*partition);
            subject.error = Some(*error);
        }
        ProduceFact::Failed {
            topic,
            partition,
            error,
            ..
        } => {
            subject.partition = partition.map(|p| TopicPartition::new(*topic, p));
            subject.error = Some(*error);
        }
        ProduceFact::Sent { .. }
        | ProduceFact::RequestSent { .. }
        | ProduceFact::RequestTimedOut { .. }
        | ProduceFact::ProducerIdAssigned { .. }
        | ProduceFact::ProducerEpochBumped { .. }
        | ProduceFact::BufferFull
        | ProduceFact::Finished => {}
    }
    subject
}

fn subject_of_log(fact: &LogFact) -> Subject {
    let mut subject = Subject::default();
    match fact {
        LogFact::Appended { partition, .. }
        | LogFact::RetryDeduplicated { partition, .. }
        | LogFact::Replicated { partition, .. }
        | LogFact::PartitionState { partition, .. } => subject.partition = Some(*partition),
        LogFact::AppendRefused {
            partition, error, ..
        } => {
            subject.partition = Some(*partition);
            subject.error = Some(*error);
        }
        LogFact::TopicCreated { topic, .. } | LogFact::PartitionsAdded { topic, .. } => {
            subject.partition = Some(TopicPartition::new(*topic, 0));
        }
        LogFact::MetadataRefreshed => {}
    }
    subject
}

fn subject_of_group(fact: &GroupFact) -> Subject {
    let group = Some(fact.group());
    let subject = Subject {
        group,
        ..Subject::default()
    };
    match fact {
        GroupFact::SessionExpired { member, .. }
        | GroupFact::MemberLeft { member, .. }
        | GroupFact::StaticRejoin { member, .. } => Subject {
            actor: Some(*member),
            ..subject
        },
        GroupFact::MemberFenced { member, error, .. } => Subject {
            actor: Some(*member),
            error: Some(*error),
            ..subject
        },
        GroupFact::OffsetCommitted {
            member, partition, ..
        } => Subject {
            actor: *member,
            partition: Some(*partition),
            ..subject
        },
        GroupFact::PartitionMoved { partition, to, .. } => Subject {
            actor: Some(*to),
            partition: Some(*partition),
            ..subject
        },
        GroupFact::PositionSet { partition, .. }
        | GroupFact::OffsetReset { partition, .. }
        | GroupFact::PositionTruncated { partition, .. } => Subject {
            partition: Some(*partition),
            ..subject
        },
        GroupFact::CommitFailed {
            exception, error, ..
        } => Subject {
            exception: Some(exception),
            error: *error,
            ..subject
        },
        GroupFact::PollFailed { exception, .. } => Subject {
            exception: Some(exception),
            ..subject
        },
        _ => subject,
    }
}

fn subject_of_app(fact: &AppFact) -> Subject {
    let (group, partition) = match fact {
        AppFact::Polled {
            group, partition, ..
        }
        | AppFact::Processed {
            group, partition, ..
        }
        | AppFact::ProcessingFailed {
            group, partition, ..
        }
        | AppFact::RecordSkipped {
            group, partition, ..
        }
        | AppFact::HandedOn {
            group, partition, ..
        }
        | AppFact::HandedOff {
            group, partition, ..
        }
        | AppFact::Dropped {
            group, partition, ..
        } => (*group, Some(*partition)),
        AppFact::Stopped { group, .. } | AppFact::SinkOutage { group, .. } => (*group, None),
    };
    Subject {
        group: Some(group),
        partition,
        ..Subject::default()
    }
}
