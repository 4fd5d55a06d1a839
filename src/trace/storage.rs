//! The lines of what logs hold no more.

use super::name;
use crate::base::{Span, Timestamp};
use crate::kafka::Cast;
use crate::node::fact::{Retention, StorageFact};

/// Verb and text of a fact about storage.
pub(super) fn line(cast: &Cast, fact: &StorageFact) -> (&'static str, String) {
    let partition = fact.partition();
    let stretch = |from: u64, to: u64| name::offsets(cast, partition, from, (to - from) as u32);
    match fact {
        StorageFact::RecordsDeleted { from, to, .. } => (
            "deletes",
            format!(
                "{}: the log begins at {to} (DeleteRecords)",
                stretch(*from, *to)
            ),
        ),
        StorageFact::DeletionRefused {
            up_to,
            high_watermark,
            ..
        } => {
            let place = cast.partition(partition);
            let why = format!("the high watermark is {high_watermark}: OFFSET_OUT_OF_RANGE");
            ("refuses", format!("to delete {place} up to {up_to}: {why}"))
        }
        StorageFact::SegmentRolled { base, .. } => {
            let place = cast.partition(partition);
            ("rolls", format!("{place}: a new segment begins at {base}"))
        }
        StorageFact::SegmentDeleted {
            segments,
            from,
            to,
            reason,
            ..
        } => {
            let many = if *segments == 1 {
                "segment"
            } else {
                "segments"
            };
            let why = match reason {
                Retention::Start => "before the log start offset",
                Retention::Size => "retention.bytes",
                Retention::Time => "retention.ms",
            };
            let place = if from == to {
                cast.partition(partition)
            } else {
                stretch(*from, *to)
            };
            let begins = format!("the log begins at {to}");
            (
                "deletes",
                format!("{segments} {many}, {place}: {begins} ({why})"),
            )
        }
        StorageFact::UnflushedLost { from, to, .. } => {
            ("loses", format!("{}: not flushed", stretch(*to, *from)))
        }
        StorageFact::LogCompacted { .. } | StorageFact::Stamped { .. } => content(cast, fact),
        StorageFact::StartLearnt { to, .. } => {
            let place = cast.partition(partition);
            ("hears", format!("that {place} begins at {to}"))
        }
    }
}

/// What is said of the records in a log: their stamps, and which are compacted away.
fn content(cast: &Cast, fact: &StorageFact) -> (&'static str, String) {
    let partition = fact.partition();
    match fact {
        StorageFact::LogCompacted {
            up_to,
            superseded,
            tombstones,
            ..
        } => {
            let place = cast.partition(partition);
            let gone = |what: &str, ranges: &[(u64, u64)]| match ranges {
                [] => String::new(),
                ranges => format!(", {what}: {}", offsets(ranges)),
            };
            let superseded = gone("superseded", superseded);
            let tombstones = gone("tombstones", tombstones);
            (
                "compacts",
                format!("{place} up to {up_to}{superseded}{tombstones}"),
            )
        }
        StorageFact::Stamped {
            base_offset,
            count,
            by_broker,
            largest,
            now,
            ..
        } => {
            let place = name::offsets(cast, partition, *base_offset, *count);
            if *by_broker {
                ("stamps", format!("{place} with its own time"))
            } else {
                let stamp = stamped(*largest, *now);
                ("finds", format!("{place} stamped {stamp}"))
            }
        }
        other => unreachable!("{other:?} has a line of its own"),
    }
}

/// Ranges of offsets, the first few of them.
pub(crate) fn offsets(ranges: &[(u64, u64)]) -> String {
    const SHOWN: usize = 6;
    let one = |(from, to): &(u64, u64)| {
        if from + 1 == *to {
            format!("@{from}")
        } else {
            format!("@{from}..{}", to - 1)
        }
    };
    let mut shown: Vec<String> = ranges.iter().take(SHOWN).map(one).collect();
    let left: u64 = ranges.iter().skip(SHOWN).map(|(from, to)| to - from).sum();
    if 0 < left {
        shown.push(format!("and {left} more"));
    }
    shown.join(" ")
}

/// A timestamp beside the time: by how much it is off where that is a minute or more, in whole
/// seconds.
pub(crate) fn stamped(stamp: Timestamp, now: Timestamp) -> String {
    let (behind, ahead) = (now.since(stamp), stamp.since(now));
    let about = |span: Span| Span::from_secs((span.as_millis() + 500) / 1000);
    let minute = Span::from_secs(60);
    if minute <= behind {
        format!("{} ago", about(behind))
    } else if minute <= ahead {
        format!("{} from now", about(ahead))
    } else {
        stamp.whole().to_string()
    }
}
