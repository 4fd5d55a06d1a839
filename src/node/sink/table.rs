//! What a sink keeps: per group the records with a row, and offsets beside them.
//!
//! Which records have a row is kept only where rows are unique; how many rows there are is for
//! whoever reads the facts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{OnConflict, Unique, UniqueBy};
use crate::base::{GroupId, NodeId, Offset, RecordId, TopicPartition};
use crate::kafka::sink::Rows;
use crate::node::fact::SinkFact;
use crate::node::{Ctx, FactId};

/// The tables of all groups.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    unique: Option<Unique>,
    /// A number for the key of every record; 0 for none.
    keys: Arc<[u32]>,
    /// What the index holds: records, or numbers of keys.
    rows: BTreeMap<GroupId, BTreeSet<u32>>,
    offsets: BTreeMap<(GroupId, TopicPartition), (Offset, FactId)>,
}

impl Tables {
    pub(super) fn new(unique: Option<Unique>, keys: Arc<[u32]>) -> Self {
        Self {
            unique,
            keys,
            rows: BTreeMap::new(),
            offsets: BTreeMap::new(),
        }
    }

    /// What the index knows a row by; `None`: it has no key, and is always a new one.
    fn entry(&self, record: RecordId) -> Option<u32> {
        match self.unique?.by {
            UniqueBy::Record => Some(record.0),
            UniqueBy::Key => {
                let key = self.keys.get(record.0 as usize).copied();
                key.filter(|key| *key != 0)
            }
        }
    }

    /// Whether one of these rows is there already and the sink will not have it again.
    pub(super) fn refuses(&self, group: GroupId, rows: &[Rows]) -> bool {
        if self
            .unique
            .is_none_or(|unique| unique.on_conflict != OnConflict::Refuse)
        {
            return false;
        }
        let known = self.rows.get(&group);
        let mut own = BTreeSet::new();
        let records = rows.iter().flat_map(|rows| rows.records.iter());
        let mut entries = records.filter_map(|record| self.entry(record));
        entries.any(|entry| known.is_some_and(|known| known.contains(&entry)) || !own.insert(entry))
    }

    /// Takes rows in; states which are new and which were there.
    pub(super) fn put(
        &mut self,
        ctx: &mut Ctx<'_>,
        whose: (GroupId, NodeId),
        rows: &Rows,
        with_offset: bool,
    ) {
        let Some(Unique { on_conflict, .. }) = self.unique else {
            note_stored(ctx, whose, rows, with_offset);
            return;
        };
        let entries: Vec<Option<u32>> = rows.records.iter().map(|r| self.entry(r)).collect();
        let known = self.rows.entry(whose.0).or_default();
        let entries = entries.into_iter();
        let is_new: Vec<bool> = entries
            .map(|entry| entry.is_none_or(|entry| known.insert(entry)))
            .collect();
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
