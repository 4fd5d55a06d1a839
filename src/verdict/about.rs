//! What a fact speaks of: its records, its stretch of a partition.

use std::ops::Range;

use crate::base::{GroupId, Offset, TopicPartition};
use crate::kafka::Records;
use crate::node::fact::{AppFact, Fact, LogFact, ProduceFact};

/// The records a producer's fact speaks of.
pub(super) fn records_of_produce(fact: &ProduceFact) -> Option<&Records> {
    match fact {
        ProduceFact::Sent { records, .. }
        | ProduceFact::BatchSent { records, .. }
        | ProduceFact::Retry { records, .. }
        | ProduceFact::Acknowledged { records, .. }
        | ProduceFact::Failed { records, .. }
        | ProduceFact::DeliveryTimedOut { records, .. }
        | ProduceFact::OutOfOrderSequence { records, .. } => Some(records),
        ProduceFact::RequestSent { .. }
        | ProduceFact::RequestTimedOut { .. }
        | ProduceFact::ProducerIdAssigned { .. }
        | ProduceFact::ProducerEpochBumped { .. }
        | ProduceFact::BufferFull
        | ProduceFact::Finished => None,
    }
}

/// The records a fact speaks of.
pub(super) fn records_of(fact: &Fact) -> Option<&Records> {
    match fact {
        Fact::Produce(fact) => records_of_produce(fact),
        Fact::Log(
            LogFact::Appended { records, .. }
            | LogFact::RetryDeduplicated { records, .. }
            | LogFact::AppendRefused { records, .. },
        ) => Some(records),
        Fact::App(
            AppFact::Polled { records, .. }
            | AppFact::Processed { records, .. }
            | AppFact::ProcessingFailed { records, .. }
            | AppFact::RecordSkipped { records, .. }
            | AppFact::HandedOn { records, .. }
            | AppFact::HandedOff { records, .. }
            | AppFact::Dropped { records, .. },
        ) => Some(records),
        Fact::Log(_) | Fact::Group(_) | Fact::App(AppFact::Stopped { .. }) | Fact::Fault(_) => None,
    }
}

/// The group, the partition and the offsets an application's fact speaks of.
pub(super) fn offsets_of(fact: &Fact) -> Option<(GroupId, TopicPartition, Range<Offset>)> {
    let Fact::App(app) = fact else {
        return None;
    };
    let (group, partition, first) = match app {
        AppFact::Polled {
            group,
            partition,
            first_offset,
            ..
        }
        | AppFact::Processed {
            group,
            partition,
            first_offset,
            ..
        }
        | AppFact::HandedOff {
            group,
            partition,
            first_offset,
            ..
        }
        | AppFact::Dropped {
            group,
            partition,
            first_offset,
            ..
        }
        | AppFact::ProcessingFailed {
            group,
            partition,
            offset: first_offset,
            ..
        }
        | AppFact::RecordSkipped {
            group,
            partition,
            offset: first_offset,
            ..
        }
        | AppFact::HandedOn {
            group,
            partition,
            offset: first_offset,
            ..
        } => (*group, *partition, *first_offset),
        AppFact::Stopped { .. } => return None,
    };
    let count = records_of(fact).map_or(0, Records::len);
    Some((group, partition, first..first + Offset::from(count)))
}
