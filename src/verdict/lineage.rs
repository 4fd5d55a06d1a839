//! Which of a partition's writes are in its log, when leaders change.
//!
//! A log is a line of leader epochs. A new leader says which line its own log has; what was written
//! beside that line is cut, and comes back if a later leader has it after all (an unclean election
//! of a broker that had died). What a deposed leader still writes never was on the line.

use super::contents::Contents;
use crate::base::{NodeId, Offset, RecordId};
use crate::kafka::Records;

/// A stretch of records written in one leader epoch that is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    epoch: u32,
    base: Offset,
    first: RecordId,
    count: u32,
}

/// The leader epochs of a log, and what is not on its line.
#[derive(Clone, Debug, Default)]
pub(super) struct Lineage {
    /// Who leads, once there was an election.
    leader: Option<NodeId>,
    epoch: u32,
    epochs: Vec<(u32, Offset)>,
    cut: Vec<Cut>,
}

impl Lineage {
    /// Whether what a broker says of the partition is about the log.
    pub(super) fn is_of(&self, who: NodeId) -> bool {
        self.leader.is_none_or(|leader| leader == who)
    }

    /// A batch was written in a leader epoch. Whether it is on the line.
    pub(super) fn appended(
        &mut self,
        who: NodeId,
        epoch: u32,
        base: Offset,
        records: &Records,
    ) -> bool {
        if !self.is_of(who) {
            self.set_aside(epoch, base, records);
            return false;
        }
        if self.epochs.last().is_none_or(|(last, _)| *last != epoch) {
            self.epochs.push((epoch, base));
        }
        true
    }

    fn set_aside(&mut self, epoch: u32, base: Offset, records: &Records) {
        for (record, offset) in records.iter().zip(base..) {
            self.cut.push(Cut {
                epoch,
                base: offset,
                first: record,
                count: 1,
            });
        }
    }

    /// A leader begins with a log of this line, which ends at `end`.
    pub(super) fn begins(
        &mut self,
        (leader, epoch): (NodeId, u32),
        (epochs, end): (&[(u32, Offset)], Offset),
        contents: &mut Contents,
    ) {
        if epoch < self.epoch {
            return; // It hears late that it once led.
        }
        (self.leader, self.epoch) = (Some(leader), epoch);
        let keep = common(&self.epochs, contents.end(), epochs, end);
        for (base, first, count) in contents.runs_in(keep, contents.end()) {
            self.cut.extend(split(&self.epochs, base, first, count));
        }
        contents.truncate(keep);
        self.epochs = epochs.to_vec();
        while contents.end() < end {
            let at = contents.end();
            let epoch = epoch_at(epochs, at);
            let is_next = |cut: &&Cut| {
                Some(cut.epoch) == epoch
                    && (cut.base..cut.base + Offset::from(cut.count)).contains(&at)
            };
            let Some(found) = self.cut.iter().find(is_next).copied() else {
                // Offsets without records of applications.
                let next = self
                    .cut
                    .iter()
                    .filter(|cut| at < cut.base)
                    .map(|cut| cut.base);
                let next = next.min().unwrap_or(end).min(end);
                contents.append(at, &Records::EMPTY, (next - at) as u32);
                continue;
            };
            let skipped = (at - found.base) as u32;
            let count = (found.count - skipped).min((end - at) as u32);
            let first = RecordId(found.first.0 + skipped);
            contents.append(at, &Records::Run { first, count }, count);
        }
    }
}

/// The epoch in which an offset was written.
fn epoch_at(epochs: &[(u32, Offset)], offset: Offset) -> Option<u32> {
    let after = epochs.partition_point(|(_, start)| *start <= offset);
    Some(epochs[..after].last()?.0)
}

/// Up to where two lines are the same.
fn common(
    one: &[(u32, Offset)],
    one_end: Offset,
    other: &[(u32, Offset)],
    other_end: Offset,
) -> Offset {
    let end = one_end.min(other_end);
    let starts = one.iter().chain(other).map(|(_, start)| *start);
    let mut points: Vec<Offset> = starts.filter(|start| *start < end).collect();
    points.sort_unstable();
    let differs = |at: &Offset| epoch_at(one, *at) != epoch_at(other, *at);
    points.into_iter().find(differs).unwrap_or(end)
}

/// A run, in pieces of one epoch each.
fn split(epochs: &[(u32, Offset)], base: Offset, first: RecordId, count: u32) -> Vec<Cut> {
    let mut pieces: Vec<Cut> = Vec::new();
    for index in 0..count {
        let offset = base + Offset::from(index);
        let epoch = epoch_at(epochs, offset).unwrap_or(0);
        match pieces.last_mut() {
            Some(last) if last.epoch == epoch => last.count += 1,
            _ => pieces.push(Cut {
                epoch,
                base: offset,
                first: RecordId(first.0 + index),
                count: 1,
            }),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: NodeId = NodeId(1);
    const NEW: NodeId = NodeId(2);

    fn write(
        lineage: &mut Lineage,
        contents: &mut Contents,
        who: NodeId,
        epoch: u32,
        ids: std::ops::Range<u32>,
    ) {
        let base = contents.end();
        let count = ids.end - ids.start;
        let records = Records::Run {
            first: RecordId(ids.start),
            count,
        };
        if lineage.appended(who, epoch, base, &records) {
            contents.append(base, &records, count);
        }
    }

    fn records(contents: &Contents) -> Vec<u32> {
        let ids = |(_, first, count): (Offset, RecordId, u32)| first.0..first.0 + count;
        contents.runs().flat_map(ids).collect()
    }

    #[test]
    fn what_the_new_leader_does_not_have_is_in_the_log_no_more() {
        let (mut lineage, mut contents) = (Lineage::default(), Contents::default());
        write(&mut lineage, &mut contents, OLD, 0, 0..10);
        lineage.begins((NEW, 1), (&[(0, 0)], 7), &mut contents);
        assert_eq!(records(&contents), (0..7).collect::<Vec<_>>());
        write(&mut lineage, &mut contents, NEW, 1, 20..22);
        assert_eq!(records(&contents), [0, 1, 2, 3, 4, 5, 6, 20, 21]);
    }

    #[test]
    fn what_a_deposed_leader_writes_is_not_in_the_log() {
        let (mut lineage, mut contents) = (Lineage::default(), Contents::default());
        write(&mut lineage, &mut contents, OLD, 0, 0..3);
        lineage.begins((NEW, 1), (&[(0, 0)], 3), &mut contents);
        write(&mut lineage, &mut contents, OLD, 0, 5..6);
        assert_eq!(records(&contents), [0, 1, 2]);
    }

    #[test]
    fn what_was_cut_comes_back_with_a_leader_that_has_it() {
        let (mut lineage, mut contents) = (Lineage::default(), Contents::default());
        write(&mut lineage, &mut contents, OLD, 0, 0..10);
        lineage.begins((NEW, 1), (&[(0, 0)], 7), &mut contents);
        write(&mut lineage, &mut contents, NEW, 1, 20..22);
        lineage.begins((OLD, 2), (&[(0, 0)], 10), &mut contents);
        assert_eq!(records(&contents), (0..10).collect::<Vec<_>>());
        lineage.begins((NEW, 3), (&[(0, 0), (1, 7)], 9), &mut contents);
        assert_eq!(records(&contents), [0, 1, 2, 3, 4, 5, 6, 20, 21]);
    }
}
