//! Which stretch of a partition a fact of an application, or of its sink, speaks of.

use std::ops::Range;

use crate::base::{GroupId, Offset, TopicPartition};
use crate::kafka::Records;
use crate::node::fact::{AppFact, Fact, SinkFact};

/// The group, the partition and the offsets such a fact speaks of.
pub(super) fn offsets_of(fact: &Fact) -> Option<(GroupId, TopicPartition, Range<Offset>)> {
    let app = match fact {
        Fact::App(app) => app,
        Fact::Sink(sink) => return rows_of(sink),
        _ => return None,
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
        AppFact::Stopped { .. } | AppFact::SinkOutage { .. } => return None,
    };
    let count = fact.records().map_or(0, Records::len);
    Some((group, partition, first..first + Offset::from(count)))
}

fn rows_of(fact: &SinkFact) -> Option<(GroupId, TopicPartition, Range<Offset>)> {
    let (SinkFact::RowsStored {
        group,
        partition,
        first_offset,
        records,
        ..
    }
    | SinkFact::InsertDeduplicated {
        group,
        partition,
        first_offset,
        records,
        ..
    }) = fact
    else {
        return None;
    };
    let end = first_offset + Offset::from(records.len());
    Some((*group, *partition, *first_offset..end))
}
