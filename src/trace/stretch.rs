//! What an actor does to several records in a row, as one thing with a beginning and an end.

use crate::base::{Instant, NodeId, Offset, RecordId, TopicId, TopicPartition};
use crate::kafka::Records;
use crate::node::fact::{AppFact, Fact, FactId, LogFact, ProduceFact, SinkFact, Stated, Times};

/// What an actor does to consecutive records, told as one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) who: NodeId,
    pub(crate) doing: Doing,
    /// Where the records stand, if they stand anywhere.
    pub(crate) place: Option<(TopicPartition, Offset)>,
    pub(crate) records: Vec<RecordId>,
    pub(crate) first: Instant,
    pub(crate) last: Instant,
    /// The first fact that states it.
    pub(crate) fact: FactId,
}

/// The kinds of stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Sends(TopicId),
    Appends,
    HearsWritten,
    Polls,
    Processes,
    HandsOff,
    Drops,
    /// The flag says whether the next offset is stored with the row.
    Stores(bool),
    /// The flag says whether the new rows take the place of the old ones.
    FindsThere(bool),
}

impl Stretch {
    /// The stretch that a fact states, if it states one.
    pub(crate) fn of(stated: &Stated) -> Option<Self> {
        let now = Times::at(stated.at);
        let (doing, place, records, times) = match &stated.fact {
            Fact::Produce(ProduceFact::Sent {
                topic,
                records,
                times,
            }) => (Doing::Sends(*topic), None, records, times),
            Fact::Log(LogFact::Appended {
                partition,
                base_offset,
                records,
                ..
            }) if !records.is_empty() => (
                Doing::Appends,
                Some((*partition, *base_offset)),
                records,
                &now,
            ),
            Fact::Produce(ProduceFact::Acknowledged {
                partition,
                records,
                base_offset,
            }) => {
                let place = (*base_offset)?;
                (
                    Doing::HearsWritten,
                    Some((*partition, place)),
                    records,
                    &now,
                )
            }
            Fact::App(fact) => return Self::of_application(stated, fact),
            Fact::Sink(SinkFact::RowsStored {
                partition,
                first_offset,
                records,
                with_offset,
                ..
            }) => (
                Doing::Stores(*with_offset),
                Some((*partition, *first_offset)),
                records,
                &now,
            ),
            Fact::Sink(SinkFact::InsertDeduplicated {
                partition,
                first_offset,
                records,
                overwritten,
                ..
            }) => (
                Doing::FindsThere(*overwritten),
                Some((*partition, *first_offset)),
                records,
                &now,
            ),
            _ => return None,
        };
        Some(Self::new(stated, doing, place, records, times))
    }

    fn of_application(stated: &Stated, fact: &AppFact) -> Option<Self> {
        let now = Times::at(stated.at);
        let (doing, partition, offset, records, times) = match fact {
            AppFact::Polled {
                partition,
                first_offset,
                records,
                ..
            } => (Doing::Polls, partition, first_offset, records, &now),
            AppFact::Processed {
                partition,
                first_offset,
                records,
                times,
                ..
            } => (Doing::Processes, partition, first_offset, records, times),
            AppFact::HandedOff {
                partition,
                first_offset,
                records,
                ..
            } => (Doing::HandsOff, partition, first_offset, records, &now),
            AppFact::Dropped {
                partition,
                first_offset,
                records,
                ..
            } => (Doing::Drops, partition, first_offset, records, &now),
            _ => return None,
        };
        let place = Some((*partition, *offset));
        Some(Self::new(stated, doing, place, records, times))
    }

    fn new(
        stated: &Stated,
        doing: Doing,
        place: Option<(TopicPartition, Offset)>,
        records: &Records,
        times: &Times,
    ) -> Self {
        let last = records.len().checked_sub(1);
        Self {
            who: stated.who,
            fact: stated.id,
            doing,
            place,
            records: records.iter().collect(),
            first: times.get(0),
            last: times.get(last.expect("a stretch is of at least one record")),
        }
    }

    /// The same, but what a producer is told of its records is told whatever partition they are in.
    pub(crate) fn anywhere(mut self) -> Self {
        if self.doing == Doing::HearsWritten {
            self.place = None;
        }
        self
    }

    /// Takes in a stretch that goes on where this one ends.
    pub(crate) fn join(&mut self, next: &Self) -> bool {
        let goes_on = match (self.place, next.place) {
            (None, None) => true,
            (Some((here, first)), Some((there, offset))) => {
                here == there && offset == first + self.records.len() as u64
            }
            _ => false,
        };
        let joins = self.who == next.who && self.doing == next.doing && goes_on;
        if joins {
            self.records.extend_from_slice(&next.records);
            self.last = self.last.max(next.last);
        }
        joins
    }
}
