//! Names of records in both directions: sets of ids as the file would write them, and the file's
//! names as ids.
//!
//! A record is named by its first place in the logs at hand (`orders-0@4..9`), or, where it has none,
//! by its sender (`shop#7`).

use serde::Serialize;
use serde::ser::SerializeStruct;

use super::columns::Bits;
use super::ledger::Ledger;
use super::order::{Keys, collect};
use super::record::RecordName;
use super::spans::Spans;
use crate::base::{Instant, Offset, RecordId, TopicId, TopicPartition};

/// Beyond so many names a set is cut off, and says so.
const NAMES_MAX: usize = 1000;

/// A set of records with its names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedSet {
    ids: Spans,
    names: Vec<String>,
    complete: bool,
}

impl NamedSet {
    /// How many records.
    pub fn len(&self) -> u64 {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether a record is in the set.
    pub fn contains(&self, record: RecordId) -> bool {
        self.ids.contains(record.0.into())
    }

    /// The records, ascending.
    pub fn iter(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.ids.iter().map(|id| RecordId(id as u32))
    }

    /// The names, neighbours as spans. A large set is cut off after a thousand of them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The set as one line with at most so many names: `[orders-0@4..9, shop#3, … 12 in all]`.
    pub fn brief(&self, most: usize) -> String {
        let shown = &self.names[..self.names.len().min(most)];
        if self.complete && shown.len() == self.names.len() {
            return format!("[{}]", shown.join(", "));
        }
        format!("[{}, … {} in all]", shown.join(", "), self.len())
    }

    pub(super) fn ids(&self) -> &Spans {
        &self.ids
    }
}

impl Serialize for NamedSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("set", 3)?;
        fields.serialize_field("count", &self.len())?;
        fields.serialize_field("records", &self.names)?;
        if self.complete {
            fields.skip_field("cut-off")?;
        } else {
            fields.serialize_field("cut-off", &true)?;
        }
        fields.end()
    }
}

impl Ledger {
    /// A set with its names by the logs of these topics.
    pub fn named(&self, ids: Spans, topics: &[TopicId]) -> NamedSet {
        if !self.options.names || ids.is_empty() {
            return NamedSet {
                complete: ids.is_empty(),
                ids,
                names: Vec::new(),
            };
        }
        let mut names = Vec::new();
        let mut named = Bits::default();
        for topic in topics {
            for (partition, log) in self.logs(*topic) {
                if names.len() <= NAMES_MAX {
                    let runs = log.contents.runs();
                    let offsets = offsets_of(&ids, runs, &mut named);
                    names.extend(offsets.iter().map(|span| self.span_name(partition, *span)));
                }
            }
        }
        if names.len() <= NAMES_MAX {
            self.names_by_sender(&ids, &named, &mut names);
        }
        let complete = names.len() <= NAMES_MAX;
        names.truncate(NAMES_MAX);
        NamedSet {
            ids,
            names,
            complete,
        }
    }

    fn span_name(&self, partition: TopicPartition, (first, last): (Offset, Offset)) -> String {
        let partition = self.cast.partition(partition);
        if first == last {
            format!("{partition}@{first}")
        } else {
            format!("{partition}@{first}..{last}")
        }
    }

    fn names_by_sender(&self, ids: &Spans, named: &Bits, names: &mut Vec<String>) {
        let mut spans: Vec<(RecordId, RecordId)> = Vec::new();
        for record in ids.iter().map(|id| RecordId(id as u32)) {
            if named.get(record) {
                continue;
            }
            if NAMES_MAX < spans.len() {
                break;
            }
            match spans.last_mut() {
                Some((_, last))
                    if last.0 + 1 == record.0
                        && self.cast.sender(*last).0 == self.cast.sender(record).0 =>
                {
                    *last = record;
                }
                _ => spans.push((record, record)),
            }
        }
        names.extend(spans.iter().map(|&(first, last)| {
            let (_, to) = self.cast.sender(last);
            let name = self.cast.record(first);
            if first == last {
                name
            } else {
                format!("{name}..{to}")
            }
        }));
    }

    /// The name of one record: its first place, or its sender.
    pub fn name_of(&self, record: RecordId) -> String {
        let place = self.places(record).into_iter().next();
        place.map_or_else(
            || self.cast.record(record),
            |(partition, offset)| self.span_name(partition, (offset, offset)),
        )
    }

    /// The records of a name of the file.
    ///
    /// # Errors
    /// A sentence that says why there is no such record in this run.
    pub fn resolve(&self, name: &RecordName, keys: Keys<'_>) -> Result<Vec<RecordId>, String> {
        match name {
            RecordName::Stored {
                topic,
                partition,
                first,
                last,
            } => self.stored(topic, *partition, *first..*last + 1),
            RecordName::Sent { actor, number } => self.sent_by(actor, *number),
            RecordName::Keyed { topic, key, number } => self.keyed(topic, key, *number, keys),
        }
    }

    fn stored(
        &self,
        topic: &str,
        partition: u32,
        offsets: std::ops::Range<Offset>,
    ) -> Result<Vec<RecordId>, String> {
        let id = self.cast.topic_id(topic);
        let id = id.ok_or_else(|| format!("there is no topic `{topic}`"))?;
        let partition = TopicPartition::new(id, partition);
        let record = |offset| {
            let missing = || {
                let end = self
                    .contents(partition)
                    .map_or(0, super::contents::Contents::end);
                let log = self.cast.partition(partition);
                format!("there is no {log}@{offset}: the log of {log} ends at {end}")
            };
            self.record_at(partition, offset).ok_or_else(missing)
        };
        offsets.map(record).collect()
    }

    fn sent_by(&self, actor: &str, number: u64) -> Result<Vec<RecordId>, String> {
        let node = self.cast.node(actor);
        let node = node.ok_or_else(|| format!("no actor is called `{actor}`"))?;
        let range = self.cast.records.iter().find(|r| r.producer == node);
        let range = range.ok_or_else(|| format!("`{actor}` sends no records"))?;
        if u64::from(range.count) < number {
            let count = range.count;
            return Err(format!(
                "`{actor}` sends {count} records, there is no #{number}"
            ));
        }
        Ok(vec![RecordId(range.first.0 + number as u32 - 1)])
    }

    /// The nth record with a key by the time of its first `send()`, ties by sender.
    fn keyed(
        &self,
        topic: &str,
        key: &str,
        number: u64,
        keys: Keys<'_>,
    ) -> Result<Vec<RecordId>, String> {
        let id = self.cast.topic_id(topic);
        let id = id.ok_or_else(|| format!("there is no topic `{topic}`"))?;
        let sent = self.topics[id.index()].sent.iter();
        let mut with_key: Vec<(Option<Instant>, RecordId)> = sent
            .filter(|record| keys(*record).as_deref() == Some(key))
            .map(|record| (self.send_times.get(record), record))
            .collect();
        with_key.sort_unstable();
        let found = with_key.get(number as usize - 1);
        found.map(|(_, record)| vec![*record]).ok_or_else(|| {
            let count = with_key.len();
            format!("{count} records with key {key} were sent to {topic}, there is no #{number}")
        })
    }

    /// The records of several names of the file as a set.
    ///
    /// # Errors
    /// As [`Ledger::resolve`].
    pub fn resolve_all(&self, names: &[RecordName], keys: Keys<'_>) -> Result<Spans, String> {
        let mut records = Vec::new();
        for name in names {
            records.extend(self.resolve(name, keys)?);
        }
        Ok(collect(records))
    }
}

/// The offsets, as spans with both ends included, at which records of the set lie and were not
/// named before.
fn offsets_of(
    ids: &Spans,
    runs: impl Iterator<Item = (Offset, RecordId, u32)>,
    named: &mut Bits,
) -> Vec<(Offset, Offset)> {
    let mut offsets: Vec<(Offset, Offset)> = Vec::new();
    for (base, first, count) in runs {
        if NAMES_MAX < offsets.len() {
            break;
        }
        let (low, high) = (u64::from(first.0), u64::from(first.0 + count));
        for &(from, to) in ids.ranges_in(low, high) {
            for id in from.max(low)..to.min(high) {
                let record = RecordId(id as u32);
                if named.get(record) {
                    continue;
                }
                named.set(record);
                let offset = base + (id - low);
                match offsets.last_mut() {
                    Some(last) if last.1 + 1 == offset => last.1 = offset,
                    _ => offsets.push((offset, offset)),
                }
            }
        }
    }
    offsets
}
