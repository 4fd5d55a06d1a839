//! What the member knows of its partitions (`SubscriptionState`): owned or not, next offset to
//! hand out, what was processed and committed.
//!
//! ```text
//!      +--with a leader epoch--> AwaitingValidation
//!      |                                | OffsetForLeaderEpoch
//!      |                                v
//! Initializing --committed offset--> Fetching <--ListOffsets-- AwaitingReset
//!      |                                |                          ^   ^
//!      +--none, by auto.offset.reset----|--------------------------+   |
//!                                       +--out of range, seekToEnd-----+
//! ```
//!
//! Only `Fetching` is a valid position: fetched from and committed. A position is committed with
//! the leader epoch of the last record handed out, if there was one, and only such a committed
//! offset has to be validated (KIP-320); so has such a position when metadata shows another leader
//! epoch.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Instant, Offset, Span, Timestamp, TopicPartition};
use crate::kafka::group::OffsetAndEpoch;
use crate::kafka::message::OffsetSpec;
use crate::node::FactId;

/// Where a position is to be set to, once a broker has said where that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The log start offset.
    Earliest,
    /// The high watermark.
    Latest,
    /// The first record stamped at most so long before the question is asked (KIP-1106).
    Ago(Span),
    /// The first record with this timestamp or a later one (`offsetsForTimes`).
    At(Timestamp),
}

impl Place {
    /// What `ListOffsets` is asked now. The timestamp of a duration is taken anew each time
    /// (`AutoOffsetResetStrategy.timestamp`).
    pub(super) fn spec(self, now: Instant) -> OffsetSpec {
        match self {
            Self::Earliest => OffsetSpec::Earliest,
            Self::Latest => OffsetSpec::Latest,
            Self::Ago(span) => OffsetSpec::At(Timestamp::from(now) - span),
            Self::At(stamp) => OffsetSpec::At(stamp),
        }
    }
}

/// How far a partition is on the way to a valid position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PositionState {
    /// Newly assigned: the committed offset is not known yet.
    Initializing,
    /// `ListOffsets` is to say; `seek` says whether the application asked for it.
    AwaitingReset {
        /// Where it is to go.
        to: Place,
        /// Whether the application asked for it, by `seekToBeginning` and the like, and not
        /// `auto.offset.reset`.
        seek: bool,
    },
    /// Committed with a leader epoch, and its leader has not said yet that its log has it so.
    AwaitingValidation,
    /// Valid.
    Fetching,
}

/// One owned partition.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    pub(super) tp: TopicPartition,
    pub(super) state: PositionState,
    /// The next offset to hand to the application; only in `Fetching` and `AwaitingValidation`.
    pub(super) offset: Offset,
    /// The leader epoch of the record before it, if it was read.
    pub(super) epoch: Option<u32>,
    /// Under which leader epoch of the partition, by metadata, the position counts.
    pub(super) leader_epoch: Option<u32>,
    /// The fact that set the position.
    pub(super) since: FactId,
    /// About to be revoked: not fetched from any more.
    pub(super) leaving: bool,
    /// `onPartitionsAssigned` has not returned yet: not fetched from.
    pub(super) arriving: bool,
    /// What the coordinator is known to hold.
    pub(super) committed: Option<Offset>,
    /// librdkafka: the stored offset, which its auto-commit commits.
    pub(super) stored: Option<Offset>,
    /// No record was young enough for `auto.offset.reset` when it was last asked.
    pub(super) found_nothing: bool,
    /// When `ListOffsets` or `OffsetForLeaderEpoch` may be asked again.
    pub(super) retry_at: Instant,
    processed: Option<Processed>,
}

/// What of a partition was processed in order, and what beyond it out of order.
#[derive(Clone, Debug)]
struct Processed {
    next: Offset,
    beyond: BTreeSet<Offset>,
    any: bool,
}

/// The owned partitions, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Positions {
    owned: Vec<Owned>,
    /// Up to where this process has moved offset commits, for the points of `commit-sync`.
    marks: BTreeMap<TopicPartition, Offset>,
}

impl Processed {
    fn add(&mut self, from: Offset, to: Offset) {
        if from <= self.next {
            self.next = self.next.max(to);
        } else {
            self.beyond.extend(from..to);
        }
        while self.beyond.first().is_some_and(|first| *first <= self.next) {
            let offset = self.beyond.pop_first().expect("looked at just before");
            self.next = self.next.max(offset + 1);
            self.any = true;
        }
    }
}

impl Owned {
    fn new(tp: TopicPartition) -> Self {
        Self {
            tp,
            state: PositionState::Initializing,
            offset: 0,
            epoch: None,
            leader_epoch: None,
            since: FactId::NONE,
            leaving: false,
            arriving: true,
            committed: None,
            stored: None,
            found_nothing: false,
            retry_at: Instant::ZERO,
            processed: None,
        }
    }

    /// A new state may be acted on at once, whatever the old one waited for
    /// (`SubscriptionState.TopicPartitionState`).
    pub(super) fn becomes(&mut self, state: PositionState) {
        self.state = state;
        self.found_nothing = false;
        self.retry_at = Instant::ZERO;
    }

    /// Compaction has left no record at `from..to`, so nobody will process one.
    pub(super) fn pass_over(&mut self, from: Offset, to: Offset) {
        if from < to
            && let Some(done) = &mut self.processed
        {
            done.add(from, to);
        }
    }

    /// Whether records of it may be fetched and handed out.
    pub(super) fn is_fetchable(&self) -> bool {
        self.state == PositionState::Fetching && !self.leaving && !self.arriving
    }

    /// The position, if valid.
    pub(super) fn position(&self) -> Option<Offset> {
        (self.state == PositionState::Fetching).then_some(self.offset)
    }
}

impl Positions {
    /// Every owned partition.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Owned> {
        self.owned.iter()
    }

    /// Every owned partition, to change.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Owned> {
        self.owned.iter_mut()
    }

    /// The partitions, ascending.
    pub(super) fn partitions(&self) -> Vec<TopicPartition> {
        self.owned.iter().map(|owned| owned.tp).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    pub(super) fn get(&self, tp: TopicPartition) -> Option<&Owned> {
        let index = self.owned.binary_search_by_key(&tp, |owned| owned.tp);
        index.ok().map(|index| &self.owned[index])
    }

    pub(super) fn get_mut(&mut self, tp: TopicPartition) -> Option<&mut Owned> {
        let index = self.owned.binary_search_by_key(&tp, |owned| owned.tp);
        index.ok().map(|index| &mut self.owned[index])
    }

    /// Replaces the assignment; kept partitions keep their positions
    /// (`assignFromSubscribed`).
    pub(super) fn assign(&mut self, partitions: &[TopicPartition]) {
        let mut before = std::mem::take(&mut self.owned).into_iter().peekable();
        let mut sorted = partitions.to_vec();
        sorted.sort_unstable();
        for tp in sorted {
            while before.next_if(|owned| owned.tp < tp).is_some() {}
            let known = before.next_if(|owned| owned.tp == tp);
            self.owned.push(known.unwrap_or_else(|| Owned::new(tp)));
        }
    }

    /// Gives up what is not among these, ascending; takes nothing new.
    pub(super) fn retain(&mut self, kept: &[TopicPartition]) {
        self.owned
            .retain(|owned| kept.binary_search(&owned.tp).is_ok());
    }

    /// Sets a position, valid if it needs no validation. What was processed counts from there.
    pub(super) fn set(&mut self, tp: TopicPartition, at: OffsetAndEpoch, since: FactId) {
        let offset = at.offset;
        let owned = self
            .get_mut(tp)
            .expect("a position is set where it is owned");
        owned.becomes(match at.leader_epoch {
            Some(_) => PositionState::AwaitingValidation,
            None => PositionState::Fetching,
        });
        owned.offset = offset;
        owned.epoch = at.leader_epoch;
        owned.since = since;
        owned.processed = Some(Processed {
            next: offset,
            beyond: BTreeSet::new(),
            any: false,
        });
        self.marks.entry(tp).or_insert(offset);
    }

    /// Whether every partition has a valid position, or none as no record is young enough.
    pub(super) fn all_settled(&self) -> bool {
        self.owned
            .iter()
            .all(|owned| owned.state == PositionState::Fetching || owned.found_nothing)
    }

    /// Where no record was young enough: how young one has to be when it is asked again.
    pub(super) fn sought_next(&self, tp: TopicPartition) -> Option<Timestamp> {
        let owned = self.get(tp).filter(|owned| owned.found_nothing)?;
        match owned.state {
            PositionState::AwaitingReset {
                to: Place::Ago(span),
                ..
            } => Some(Timestamp::from(owned.retry_at) - span),
            _ => None,
        }
    }

    /// Whether every partition has a valid position.
    pub(super) fn all_valid(&self) -> bool {
        self.owned
            .iter()
            .all(|owned| owned.state == PositionState::Fetching)
    }

    /// The valid positions (`allConsumed`).
    pub(super) fn consumed(&self) -> Vec<(TopicPartition, OffsetAndEpoch)> {
        let valid = |owned: &Owned| {
            let at = OffsetAndEpoch {
                offset: owned.position()?,
                leader_epoch: owned.epoch,
            };
            Some((owned.tp, at))
        };
        self.owned.iter().filter_map(valid).collect()
    }

    /// Records `from..to` of a partition are done with.
    pub(super) fn processed(&mut self, tp: TopicPartition, from: Offset, to: Offset) {
        let done = self.get_mut(tp).and_then(|owned| owned.processed.as_mut());
        if let Some(done) = done {
            done.any |= from <= done.next;
            done.add(from, to);
        }
    }

    /// Just past what was processed in order, for partitions of which anything was.
    pub(super) fn processed_in_order(&self) -> Vec<(TopicPartition, Offset)> {
        let past = |owned: &Owned| {
            let done = owned.processed.as_ref()?;
            done.any.then_some((owned.tp, done.next))
        };
        self.owned.iter().filter_map(past).collect()
    }

    /// Librdkafka's stored offsets that are not committed yet.
    pub(super) fn stored(&self) -> Vec<(TopicPartition, Offset)> {
        let uncommitted = |owned: &Owned| {
            let stored = owned.stored?;
            (owned.committed != Some(stored)).then_some((owned.tp, stored))
        };
        self.owned.iter().filter_map(uncommitted).collect()
    }

    /// Up to where offset commits of this partition have gone so far in this process.
    pub(super) fn mark(&self, tp: TopicPartition) -> Offset {
        self.marks.get(&tp).copied().unwrap_or(0)
    }

    /// An offset commit moves the mark.
    pub(super) fn move_mark(&mut self, tp: TopicPartition, offset: Offset) {
        let mark = self.marks.entry(tp).or_insert(offset);
        *mark = (*mark).max(offset);
    }

    /// The coordinator confirmed an offset commit.
    pub(super) fn confirm(&mut self, offsets: &[(TopicPartition, OffsetAndEpoch)]) {
        for (tp, at) in offsets {
            if let Some(owned) = self.get_mut(*tp) {
                owned.committed = Some(at.offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TopicId;

    fn tp(partition: u32) -> TopicPartition {
        TopicPartition::new(TopicId(0), partition)
    }

    #[test]
    fn what_is_processed_out_of_order_waits_for_what_is_before_it() {
        let mut positions = Positions::default();
        positions.assign(&[tp(0)]);
        positions.set(tp(0), 10.into(), FactId::NONE);
        assert_eq!(positions.processed_in_order(), []);
        positions.processed(tp(0), 12, 14);
        assert_eq!(positions.processed_in_order(), []);
        positions.processed(tp(0), 10, 11);
        assert_eq!(positions.processed_in_order(), [(tp(0), 11)]);
        positions.processed(tp(0), 11, 12);
        assert_eq!(positions.processed_in_order(), [(tp(0), 14)]);
    }

    #[test]
    fn kept_partitions_keep_their_positions() {
        let mut positions = Positions::default();
        positions.assign(&[tp(1), tp(0)]);
        positions.set(tp(1), 5.into(), FactId(3));
        positions.assign(&[tp(2), tp(1)]);
        assert_eq!(positions.partitions(), [tp(1), tp(2)]);
        assert_eq!(positions.consumed(), [(tp(1), 5.into())]);
        assert!(!positions.all_valid());
    }

    #[test]
    fn the_mark_of_a_partition_is_its_furthest_offset_commit() {
        let mut positions = Positions::default();
        assert_eq!(positions.mark(tp(0)), 0);
        positions.move_mark(tp(0), 7);
        assert_eq!([0, 1].map(|p| positions.mark(tp(p))), [7, 0]);
        positions.move_mark(tp(0), 4);
        assert_eq!(
            positions.mark(tp(0)),
            7,
            "a commit further back moves no mark"
        );
    }
}
