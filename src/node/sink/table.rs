//! What a sink keeps: per group the records with a row, and offsets beside them.
//!
//! Which records have a row is kept only where rows are unique; how many rows there are is for
//! whoever reads the facts.

use std::collections::{BTreeMap, BTreeSet};

use super::OnConflict;
use crate::base::{GroupId, NodeId, Offset, RecordId, TopicPartition};
use crate::kafka::sink::Rows;
use crate::node::fact::SinkFact;
use crate::node::{Ctx, FactId};

/// The tables of all groups.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    unique: Option<OnConflict>,
    rows: BTreeMap<GroupId, BTreeSet<RecordId>>,
    offsets: BTreeMap<(GroupId, TopicPartition), (Offset, FactId)>,
}

impl Tables {
    pub(super) fn new(unique: Option<OnConflict>) -> Self {
        Self {
            unique,
            rows: BTreeMap::new(),
            offsets: BTreeMap::new(),
        }
    }

    fn has(&self, group: GroupId, record: RecordId) -> bool {
        self.rows
            .get(&group)
            .is_some_and(|rows| rows.contains(&record))
    }

    /// Whether one of these rows is there already and the sink will not have it again.
    pub(super) fn refuses(&self, group: GroupId, rows: &[Rows]) -> bool {
        let there = |rows: &Rows| rows.records.iter().any(|record| self.has(group, record));
        self.unique == Some(OnConflict::Refuse) && rows.iter().any(there)
    }

    /// Takes rows in; states which are new and which were there.
    pub(super) fn put(
        &mut self,
        ctx: &mut Ctx<'_>,
        whose: (GroupId, NodeId),
        rows: &Rows,
        with_offset: bool,
    ) {
        let Some(on_conflict) = self.unique else {
            note_stored(ctx, whose, rows, with_offset);
            return;
        };
        let known = self.rows.entry(whose.0).or_default();
        let is_new: Vec<bool> = rows.records.iter().map(|r| known.insert(r)).collect();
        let mut first = 0;
        for part in is_new.chunk_by(|one, next| one == next) {
            let end = first + part.len() as u32;
            let part_rows = Rows {
                partition: rows.partition,
                first_offset: rows.first_offset + Offset::from(first),
                records: rows.records.slice(first, end),
            };
            if part[0] {
                note_stored(ctx, whose, &part_rows, with_offset);
            } else {
                let overwritten = on_conflict == OnConflict::Overwrite;
                note_there(ctx, whose, &part_rows, overwritten);
            }
            first = end;
        }
    }

    /// Stores the offset to go on from.
    pub(super) fn set_offset(
        &mut self,
        ctx: &mut Ctx<'_>,
        (group, from): (GroupId, NodeId),
        (partition, offset): (TopicPartition, Offset),
    ) {
        let before = self
            .offsets
            .get(&(group, partition))
            .map(|(offset, _)| *offset);
        let stored = ctx.note(SinkFact::OffsetStored {
            group,
            from,
            partition,
            offset,
            before,
        });
        self.offsets.insert((group, partition), (offset, stored));
    }

    /// The offset stored for a partition, and the number of the fact that says so.
    pub(super) fn offset(
        &self,
        group: GroupId,
        partition: TopicPartition,
    ) -> Option<(TopicPartition, Offset, u64)> {
        let (offset, stored) = self.offsets.get(&(group, partition))?;
        Some((partition, *offset, stored.0))
    }
}

fn note_stored(
    ctx: &mut Ctx<'_>,
    (group, from): (GroupId, NodeId),
    rows: &Rows,
    with_offset: bool,
) {
    ctx.note(SinkFact::RowsStored {
        group,
        from,
        partition: rows.partition,
        first_offset: rows.first_offset,
        records: rows.records.clone(),
        with_offset,
    });
}

fn note_there(ctx: &mut Ctx<'_>, (group, from): (GroupId, NodeId), rows: &Rows, overwritten: bool) {
    ctx.note(SinkFact::InsertDeduplicated {
        group,
        from,
        partition: rows.partition,
        first_offset: rows.first_offset,
        records: rows.records.clone(),
        overwritten,
    });
}
