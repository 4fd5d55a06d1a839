//! Which word of the scenario file a fact is, and how often each was seen, of whom.
//!
//! The words are those of `must-happen` ([`FactWord`]). A fact has one word, or none; a sent batch also
//! has the word of the reason it left for.

use std::collections::BTreeMap;
use std::fmt;

use super::quantity::FactWord;
use crate::base::{GroupId, NodeId, TopicId, TopicPartition};
use crate::kafka::{Cast, ErrorCode};
use crate::node::fact::{
    AppFact, BatchReason, ClusterFact, Fact, FaultFact, GroupFact, LogFact, ProduceFact, SinkFact,
    Stated, StorageFact,
};

/// The word of a fact, if it has one.
pub fn word_of(fact: &Fact) -> Option<FactWord> {
    match fact {
        Fact::Produce(fact) => produce_word(fact),
        Fact::Log(fact) => log_word(fact),
        Fact::Cluster(fact) => cluster_word(fact),
        Fact::Storage(fact) => storage_word(fact),
        Fact::Group(fact) => group_word(fact),
        Fact::App(fact) => match fact {
            AppFact::ProcessingFailed { .. } => Some(FactWord::ProcessingFailed),
            AppFact::RecordSkipped { .. } => Some(FactWord::RecordSkipped),
            AppFact::SinkOutage { .. } => Some(FactWord::SinkOutage),
            _ => None,
        },
        Fact::Sink(fact) => sink_word(fact),
        Fact::Fault(fact) => fault_word(fact),
    }
}

/// The second word of a fact: why a batch left, and an offset commit that moved backwards.
pub fn second_word(fact: &Fact) -> Option<FactWord> {
    match fact {
        Fact::Produce(ProduceFact::BatchSent { reason, .. }) => reason_word(*reason),
        Fact::Group(GroupFact::OffsetCommitted {
            offset,
            before: Some(before),
            ..
        }) if offset < before => Some(FactWord::CommitRewound),
        Fact::Cluster(ClusterFact::LeaderElected { choice, .. }) if choice.is_unclean() => {
            Some(FactWord::UncleanElection)
        }
        _ => None,
    }
}

fn reason_word(reason: BatchReason) -> Option<FactWord> {
    match reason {
        BatchReason::Full => Some(FactWord::BatchFull),
        BatchReason::LingerOver => Some(FactWord::LingerOver),
        BatchReason::Piggyback | BatchReason::Retry | BatchReason::Flush => None,
    }
}

fn produce_word(fact: &ProduceFact) -> Option<FactWord> {
    Some(match fact {
        ProduceFact::BatchSent { .. } => FactWord::BatchSent,
        ProduceFact::Retry { .. } => FactWord::Retry,
        ProduceFact::RequestTimedOut { .. } => FactWord::RequestTimedOut,
        ProduceFact::DeliveryTimedOut { .. } => FactWord::DeliveryTimedOut,
        ProduceFact::OutOfOrderSequence { .. } => FactWord::OutOfOrderSequence,
        ProduceFact::ProducerEpochBumped { .. } => FactWord::ProducerEpochBumped,
        ProduceFact::BufferFull => FactWord::BufferFull,
        ProduceFact::Sent { .. }
        | ProduceFact::RequestSent { .. }
        | ProduceFact::Acknowledged { .. }
        | ProduceFact::Failed { .. }
        | ProduceFact::ProducerIdAssigned { .. }
        | ProduceFact::Finished => return None,
    })
}

fn log_word(fact: &LogFact) -> Option<FactWord> {
    match fact {
        LogFact::RetryDeduplicated { .. } => Some(FactWord::RetryDeduplicated),
        LogFact::TopicCreated { .. } => Some(FactWord::TopicCreated),
        LogFact::MetadataRefreshed => Some(FactWord::MetadataRefreshed),
        LogFact::PartitionsAdded { .. } => Some(FactWord::PartitionsAdded),
        LogFact::Appended { .. }
        | LogFact::AppendRefused { .. }
        | LogFact::Replicated { .. }
        | LogFact::PartitionState { .. } => None,
    }
}

fn cluster_word(fact: &ClusterFact) -> Option<FactWord> {
    Some(match fact {
        ClusterFact::LeaderElected { leader: None, .. }
        | ClusterFact::BrokerUnfenced { .. }
        | ClusterFact::ElrChanged { .. }
        | ClusterFact::LeadershipBegun { .. } => return None,
        ClusterFact::LeaderElected { .. } => FactWord::LeaderElected,
        ClusterFact::IsrShrunk { .. } => FactWord::IsrShrunk,
        ClusterFact::IsrExpanded { .. } => FactWord::IsrExpanded,
        ClusterFact::BrokerFenced { .. } => FactWord::BrokerFenced,
        ClusterFact::LogTruncated { .. } => FactWord::LogTruncated,
    })
}

fn storage_word(fact: &StorageFact) -> Option<FactWord> {
    Some(match fact {
        StorageFact::RecordsDeleted { .. } => FactWord::RecordsDeleted,
        StorageFact::SegmentRolled { leads: true, .. } => FactWord::SegmentRolled,
        StorageFact::SegmentDeleted { leads: true, .. } => FactWord::SegmentDeleted,
        StorageFact::UnflushedLost { .. } => FactWord::UnflushedLost,
        StorageFact::LogCompacted { leads: true, .. } => FactWord::LogCompacted,
        StorageFact::DeletionRefused { .. }
        | StorageFact::StartLearnt { .. }
        | StorageFact::Stamped { .. }
        | StorageFact::LogCompacted { leads: false, .. }
        | StorageFact::SegmentRolled { leads: false, .. }
        | StorageFact::SegmentDeleted { leads: false, .. } => return None,
    })
}

fn group_word(fact: &GroupFact) -> Option<FactWord> {
    Some(match fact {
        GroupFact::RoundCompleted { first: true, .. }
        | GroupFact::TargetComputed { first: true, .. } => FactWord::GroupFormed,
        GroupFact::RoundCompleted { first: false, .. }
        | GroupFact::TargetComputed { first: false, .. } => FactWord::Rebalance,
        GroupFact::PartitionMoved { .. } => FactWord::PartitionMoved,
        GroupFact::SessionExpired { .. } => FactWord::SessionExpired,
        GroupFact::MemberFenced { .. } => FactWord::MemberFenced,
        GroupFact::OffsetCommitted { .. } => FactWord::OffsetCommitted,
        GroupFact::PollIntervalExceeded { .. } | GroupFact::FellSilent { .. } => {
            FactWord::PollIntervalExceeded
        }
        GroupFact::StaticRejoin { .. } => FactWord::StaticRejoin,
        GroupFact::ProtocolChanged { .. } => FactWord::ProtocolChanged,
        GroupFact::CommitFailed { .. } => FactWord::CommitFailed,
        GroupFact::PollFailed { .. } => FactWord::PollFailed,
        GroupFact::OffsetReset { .. } => FactWord::OffsetReset,
        GroupFact::PositionTruncated { .. } => FactWord::PositionTruncated,
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

fn sink_word(fact: &SinkFact) -> Option<FactWord> {
    Some(match fact {
        SinkFact::InsertDeduplicated { .. } => FactWord::InsertDeduplicated,
        SinkFact::InsertRefused { .. } => FactWord::InsertRefused,
        SinkFact::BulkTorn { .. } => FactWord::BulkTorn,
        SinkFact::Received { .. } | SinkFact::RowsStored { .. } | SinkFact::OffsetStored { .. } => {
            return None;
        }
    })
}

fn fault_word(fact: &FaultFact) -> Option<FactWord> {
    Some(match fact {
        FaultFact::Crashed => FactWord::Crashed,
        FaultFact::PowerLost => FactWord::PowerLost,
        FaultFact::Restarted => FactWord::Restarted,
        FaultFact::Paused => FactWord::Paused,
        FaultFact::Resumed => FactWord::Resumed,
        FaultFact::Stalled => FactWord::Stalled,
        FaultFact::StallEnded => return None,
        FaultFact::Closed => FactWord::Closed,
        FaultFact::Started => FactWord::Started,
        FaultFact::Sought => FactWord::Sought,
        FaultFact::OffsetsSet { .. } => FactWord::OffsetsSet,
        FaultFact::RequestLost { .. } => FactWord::RequestLost,
        FaultFact::ResponseLost { .. } => FactWord::ResponseLost,
        FaultFact::RequestHeld { .. } => FactWord::RequestHeld,
        FaultFact::ResponseHeld { .. } => FactWord::ResponseHeld,
        FaultFact::RequestRefused { .. } => FactWord::RequestRefused,
        FaultFact::CutMade { .. } => FactWord::CutMade,
        FaultFact::CutHealed { .. } => FactWord::CutHealed,
        FaultFact::Slowed { .. } => FactWord::Slowed,
        FaultFact::SlowEnded { .. } => return None,
    })
}

/// Whom and what a fact concerns: what `of:` and `error:` narrow it to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Concerns {
    /// Who states it, and the members it names.
    pub actors: [Option<NodeId>; 3],
    /// Its group.
    pub group: Option<GroupId>,
    /// Its topic.
    pub topic: Option<TopicId>,
    /// Its partition.
    pub partition: Option<TopicPartition>,
    /// The exception the application sees.
    pub exception: Option<&'static str>,
    /// The error code.
    pub error: Option<ErrorCode>,
}

impl Concerns {
    /// Whom and what a fact concerns.
    pub fn of(stated: &Stated) -> Self {
        let mut concerns = match &stated.fact {
            Fact::Produce(fact) => Self::of_produce(fact),
            Fact::Log(fact) => Self::of_log(fact),
            Fact::Cluster(fact) => Self {
                actors: [None, fact.actor(), None],
                ..fact.partition().map_or_else(Self::default, Self::at)
            },
            Fact::Storage(fact) => Self::at(fact.partition()),
            Fact::Group(fact) => Self::of_group(fact),
            Fact::App(fact) => Self::of_app(fact),
            Fact::Sink(fact) => Self {
                actors: [None, Some(fact.from()), None],
                group: Some(fact.group()),
                ..fact.partition().map_or_else(Self::default, Self::at)
            },
            Fact::Fault(FaultFact::OffsetsSet { group, error }) => Self {
                group: Some(*group),
                error: Some(*error),
                ..Self::default()
            },
            Fact::Fault(_) => Self::default(),
        };
        concerns.actors[0] = Some(stated.who);
        concerns
    }

    fn at(partition: TopicPartition) -> Self {
        Self {
            topic: Some(partition.topic),
            partition: Some(partition),
            ..Self::default()
        }
    }

    fn failing(mut self, error: ErrorCode) -> Self {
        self.error = Some(error);
        self
    }

    fn of_produce(fact: &ProduceFact) -> Self {
        match fact {
            ProduceFact::Sent { topic, .. } => Self {
                topic: Some(*topic),
                ..Self::default()
            },
            ProduceFact::Failed {
                topic,
                partition,
                error,
                ..
            } => Self {
                topic: Some(*topic),
                partition: partition.map(|p| TopicPartition::new(*topic, p)),
                error: Some(*error),
                ..Self::default()
            },
            ProduceFact::Retry {
                partition, error, ..
            } => Self::at(*partition).failing(*error),
            ProduceFact::BatchSent { partition, .. }
            | ProduceFact::Acknowledged { partition, .. }
            | ProduceFact::DeliveryTimedOut { partition, .. }
            | ProduceFact::OutOfOrderSequence { partition, .. } => Self::at(*partition),
            ProduceFact::RequestSent { to, .. } | ProduceFact::RequestTimedOut { to, .. } => Self {
                actors: [None, Some(*to), None],
                ..Self::default()
            },
            ProduceFact::ProducerIdAssigned { .. }
            | ProduceFact::ProducerEpochBumped { .. }
            | ProduceFact::BufferFull
            | ProduceFact::Finished => Self::default(),
        }
    }

    fn of_log(fact: &LogFact) -> Self {
        match fact {
            LogFact::AppendRefused {
                partition, error, ..
            } => Self::at(*partition).failing(*error),
            LogFact::Appended { partition, .. }
            | LogFact::RetryDeduplicated { partition, .. }
            | LogFact::Replicated { partition, .. }
            | LogFact::PartitionState { partition, .. } => Self::at(*partition),
            LogFact::TopicCreated { topic, .. } | LogFact::PartitionsAdded { topic, .. } => Self {
                topic: Some(*topic),
                ..Self::default()
            },
            LogFact::MetadataRefreshed => Self::default(),
        }
    }

    fn of_group(fact: &GroupFact) -> Self {
        let mut concerns = match fact {
            GroupFact::PartitionMoved {
                partition,
                from,
                to,
                ..
            } => Self {
                actors: [None, Some(*from), Some(*to)],
                ..Self::at(*partition)
            },
            GroupFact::SessionExpired { member, .. }
            | GroupFact::MemberReconciled { member, .. }
            | GroupFact::RevocationTimedOut { member, .. }
            | GroupFact::RejoinTimedOut { member, .. }
            | GroupFact::MemberLeft { member, .. } => Self {
                actors: [None, Some(*member), None],
                ..Self::default()
            },
            GroupFact::StaticRejoin { member, before, .. } => Self {
                actors: [None, Some(*member), Some(*before)],
                ..Self::default()
            },
            GroupFact::MemberFenced { member, error, .. } => Self {
                actors: [None, Some(*member), None],
                error: Some(*error),
                exception: error.exception(),
                ..Self::default()
            },
            GroupFact::OffsetCommitted {
                member, partition, ..
            } => Self {
                actors: [None, *member, None],
                ..Self::at(*partition)
            },
            GroupFact::CommitFailed {
                exception, error, ..
            } => Self {
                exception: Some(exception),
                error: *error,
                ..Self::default()
            },
            GroupFact::PollFailed { exception, .. } => Self {
                exception: Some(exception),
                ..Self::default()
            },
            GroupFact::PositionSet { partition, .. }
            | GroupFact::OffsetReset { partition, .. }
            | GroupFact::PositionTruncated { partition, .. } => Self::at(*partition),
            _ => Self::default(),
        };
        concerns.group = Some(fact.group());
        concerns
    }

    fn of_app(fact: &AppFact) -> Self {
        match fact {
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
            } => Self {
                group: Some(*group),
                ..Self::at(*partition)
            },
            AppFact::SinkOutage { group, sink, .. } => Self {
                actors: [None, Some(*sink), None],
                group: Some(*group),
                ..Self::default()
            },
            AppFact::Stopped { group, reason } => Self {
                group: Some(*group),
                exception: Some(reason),
                ..Self::default()
            },
        }
    }

    /// Whether a name of the file stands for something this fact concerns: an actor, the producer
    /// or group an actor belongs to, a group, a topic or a partition.
    pub fn includes(&self, name: &str, cast: &Cast) -> bool {
        let actor = |node: &NodeId| {
            let actor = &cast.actors[node.index()];
            actor.name == name || actor.family == name
        };
        self.actors.iter().flatten().any(actor)
            || self.group.is_some_and(|g| cast.group(g) == name)
            || self.topic.is_some_and(|t| cast.topic(t) == name)
            || self.partition.is_some_and(|p| cast.partition(p) == name)
    }

    /// Whether the exception or the error code has this name of Kafka's.
    pub fn has_error(&self, name: &str) -> bool {
        self.exception == Some(name)
            || self
                .error
                .is_some_and(|e| e.name() == name || e.exception() == Some(name))
    }
}

/// How often each word was seen, by what it concerned.
#[derive(Clone, Default)]
pub struct Seen {
    counts: BTreeMap<(FactWord, Concerns), u64>,
    /// Batches that left one after the other, all alike, not counted above yet.
    batches: Option<Batches>,
}

/// Batches that one producer sent to one partition, for one reason.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Batches {
    producer: NodeId,
    partition: TopicPartition,
    reason: BatchReason,
    count: u64,
}

impl Batches {
    /// The words of each, and what it concerns.
    fn words(&self) -> (Concerns, impl Iterator<Item = FactWord> + use<>) {
        let mut concerns = Concerns::at(self.partition);
        concerns.actors[0] = Some(self.producer);
        let words = [Some(FactWord::BatchSent), reason_word(self.reason)];
        (concerns, words.into_iter().flatten())
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = |word: &FactWord| (word.word(), self.count(*word));
        f.debug_map()
            .entries(FactWord::ALL.iter().map(total))
            .finish()
    }
}

impl Seen {
    /// Takes in a fact.
    pub fn observe(&mut self, stated: &Stated) {
        if let Fact::Produce(ProduceFact::BatchSent {
            partition, reason, ..
        }) = &stated.fact
        {
            return self.batch_sent(stated.who, *partition, *reason);
        }
        let Some(word) = word_of(&stated.fact) else {
            return;
        };
        let concerns = Concerns::of(stated);
        if let Some(second) = second_word(&stated.fact) {
            *self.counts.entry((second, concerns.clone())).or_default() += 1;
        }
        *self.counts.entry((word, concerns)).or_default() += 1;
    }

    /// Nearly every batch is like the one before: the map need not be asked for each.
    fn batch_sent(&mut self, producer: NodeId, partition: TopicPartition, reason: BatchReason) {
        let one = Batches {
            producer,
            partition,
            reason,
            count: 1,
        };
        let last = self.batches.get_or_insert(Batches { count: 0, ..one });
        if (Batches { count: 1, ..*last }) == one {
            last.count += 1;
            return;
        }
        let (concerns, words) = last.words();
        let count = std::mem::replace(last, one).count;
        for word in words {
            self.add(word, concerns.clone(), count);
        }
    }

    /// Takes in a fact derived from the whole run, so often.
    pub fn add(&mut self, word: FactWord, concerns: Concerns, times: u64) {
        *self.counts.entry((word, concerns)).or_default() += times;
    }

    /// How often a word was seen.
    pub fn count(&self, word: FactWord) -> u64 {
        self.count_where(word, |_| true)
    }

    /// How often a word was seen of what the test accepts.
    pub fn count_where(&self, word: FactWord, test: impl Fn(&Concerns) -> bool) -> u64 {
        let of_word = self.counts.iter().filter(|((w, _), _)| *w == word);
        let counted: u64 = of_word.filter(|((_, c), _)| test(c)).map(|(_, n)| n).sum();
        let last = self.batches.map_or(0, |last| {
            let (concerns, mut words) = last.words();
            let counts = words.any(|w| w == word) && test(&concerns);
            if counts { last.count } else { 0 }
        });
        counted + last
    }
}

#[cfg(test)]
mod tests;
