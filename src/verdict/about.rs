//! Which stretch of a partition a fact of an application speaks of.

use std::ops::Range;

use crate::base::{GroupId, Offset, TopicPartition};
use crate::kafka::Records;
use crate::node::fact::{AppFact, Fact};

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
    let count = fact.records().map_or(0, Records::len);
    Some((group, partition, first..first + Offset::from(count)))
}
