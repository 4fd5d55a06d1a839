//! Records that were removed before they were read: the chain behind one, and how facts of storage
//! are put into words.

use super::kinds::{committed, is_delivery, position_of, write_of};
use super::why::{Part, Picked, Question, Trail};
use crate::base::{GroupId, Offset, TopicPartition};
use crate::node::fact::{Fact, PositionSource, Retention, Stated, StorageFact};

impl Trail<'_> {
    /// The removal that passed a record, what the group had come to by then, and where it went on.
    pub(super) fn removed(&self, group: GroupId) -> Option<Picked> {
        let record = self.question.record;
        let end = self.facts.len();
        let removed = |s: &Stated| self.removed_place(s).is_some();
        let removal = self.first_from(0, removed)?;
        let place = self.removed_place(self.facts[removal])?;
        let mut picked = Picked::default();
        picked.add(Some(removal), Part::Symptom);
        let write = |s: &Stated| write_of(s, record) == Some(place);
        picked.add(self.last_before(removal, write), Part::FirstWrite);
        let commit = |s: &Stated| committed(s, group, place.0).is_some();
        picked.add(self.last_before(removal, commit), Part::StandingCommit);
        let given = |s: &Stated| is_delivery(s, group, place);
        picked.add(self.last_before(end, given), Part::Delivery);
        let past = |s: &Stated| {
            position_of(s, group, place.0)
                .is_some_and(|(o, source)| place.1 < o && source == PositionSource::Reset)
        };
        picked.add(self.first_from(removal, past), Part::Position);
        Some(picked)
    }

    /// Where the record lay, if this fact is its removal.
    fn removed_place(&self, stated: &Stated) -> Option<(TopicPartition, Offset)> {
        let Fact::Storage(fact) = &stated.fact else {
            return None;
        };
        let is_copy = matches!(
            fact,
            StorageFact::StartLearnt { .. } | StorageFact::SegmentDeleted { leads: false, .. }
        );
        let gone = match fact {
            StorageFact::LogCompacted {
                tombstones, leads, ..
            } if *leads => tombstones.to_vec(),
            _ => vec![fact.start_moved().filter(|_| !is_copy)?],
        };
        let is_gone = |at: &Offset| gone.iter().any(|(from, to)| (from..to).contains(&at));
        let places = self.facts.iter();
        let mut places = places.filter_map(|s| write_of(s, self.question.record));
        places.find(|(tp, offset)| *tp == fact.partition() && is_gone(offset))
    }
}

/// What a fact of storage says.
pub(super) fn what(q: &Question<'_>, who: &str, fact: &StorageFact) -> String {
    let place = q.cast.partition(fact.partition());
    match fact {
        StorageFact::RecordsDeleted { from, to, .. } => format!(
            "{who} deletes {place}@{from}..{}: the log begins at {to}",
            to - 1
        ),
        StorageFact::DeletionRefused { up_to, .. } => {
            format!("{who} refuses to delete {place} up to {up_to}")
        }
        StorageFact::SegmentRolled { base, .. } => {
            format!("{who} begins a new segment of {place} at {base}")
        }
        StorageFact::SegmentDeleted { segments, to, .. } => {
            let many = if *segments == 1 {
                "segment"
            } else {
                "segments"
            };
            format!("{who} deletes {segments} {many} of {place}: the log begins at {to}")
        }
        StorageFact::UnflushedLost { from, to, .. } => format!(
            "{who} has lost {place}@{to}..{}, which it had not flushed",
            from - 1
        ),
        StorageFact::StartLearnt { to, .. } => format!("{who} hears that {place} begins at {to}"),
        StorageFact::LogCompacted { up_to, .. } => {
            format!("{who} compacts {place} up to {up_to}: of each key the last record is left")
        }
        StorageFact::Stamped { largest, .. } => {
            format!("{who} has {place} up to a timestamp of {}", largest.whole())
        }
    }
}

/// The rule behind a fact of storage.
pub(super) fn rule(fact: &StorageFact) -> Option<&'static str> {
    match fact {
        StorageFact::RecordsDeleted { .. } => Some(
            "DeleteRecords moves the log start offset, whoever still had to read what lies before \
             it: a log keeps no account of its readers (ReplicaManager.deleteRecords).",
        ),
        StorageFact::DeletionRefused { .. } => Some(
            "DeleteRecords goes up to the high watermark at most, else OFFSET_OUT_OF_RANGE \
             (UnifiedLog.maybeIncrementLogStartOffset).",
        ),
        StorageFact::SegmentDeleted { reason, .. } => Some(match reason {
            Retention::Start => {
                "A segment that lies before the log start offset goes with the next look of the \
                 retention task (UnifiedLog.deleteLogStartOffsetBreachedSegments)."
            }
            Retention::Size => {
                "retention.bytes: whole segments go, the oldest first, as long as the log stays at \
                 least as large as that; who has read them plays no part."
            }
            Retention::Time => {
                "retention.ms: a segment goes when its latest record is older than that, the active \
                 one too; who has read it plays no part. Looked at every \
                 log.retention.check.interval.ms."
            }
        }),
        StorageFact::UnflushedLost { .. } => Some(
            "A broker answers from the page cache. By default nothing is flushed but when a segment \
             is rolled (flush.messages, flush.ms): copies on other machines are what Kafka relies on.",
        ),
        StorageFact::LogCompacted { .. } => Some(
            "cleanup.policy: compact keeps of each key the last record, whoever still had to read \
             the others; a record without a value goes too, delete.retention.ms after a cleaning \
             has met it (Cleaner.shouldRetainRecord, KIP-534).",
        ),
        StorageFact::StartLearnt { .. }
        | StorageFact::SegmentRolled { .. }
        | StorageFact::Stamped { .. } => None,
    }
}
