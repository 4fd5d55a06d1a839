//! Columns of the ledger: per-record state in vectors indexed by the dense record id.
//!
//! Work is per range of records. A column takes room only where something was written: bits grow to
//! the largest record touched, counts come in pages, so that a group has none for records that it
//! never reads.

use super::spans::Spans;
use crate::base::RecordId;
use crate::kafka::Records;

const PAGE: usize = 4096;

/// One bit per record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
}

/// A small count per record, which stops at 255.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pages: Vec<Option<Box<[u8]>>>,
}

impl Bits {
    /// Whether the record's bit is set.
    pub(super) fn get(&self, record: RecordId) -> bool {
        let word = self.words.get(record.index() / 64).copied().unwrap_or(0);
        word >> (record.0 % 64) & 1 == 1
    }

    /// Sets the bit of one record.
    pub(super) fn set(&mut self, record: RecordId) {
        self.set_run(record, 1);
    }

    /// Sets the bits of all these records.
    pub(super) fn set_all(&mut self, records: &Records) {
        match records {
            Records::Run { first, count } => self.set_run(*first, *count),
            Records::List(ids) => ids.iter().for_each(|id| self.set_run(*id, 1)),
        }
    }

    /// Sets the bits of `count` records from `first`, a word at a time.
    pub(super) fn set_run(&mut self, first: RecordId, count: u32) {
        let (mut at, end) = (first.index(), first.index() + count as usize);
        if self.words.len() < end.div_ceil(64) {
            self.words.resize(end.div_ceil(64), 0);
        }
        while at < end {
            let stop = end.min((at / 64 + 1) * 64);
            let ones = u64::MAX >> (64 - (stop - at));
            self.words[at / 64] |= ones << (at % 64);
            at = stop;
        }
    }

    /// Clears the bits of all these records.
    pub(super) fn clear_all(&mut self, records: &Records) {
        if self.words.is_empty() {
            return;
        }
        for record in records.iter() {
            self.clear(record);
        }
    }

    /// Clears the bit of one record.
    pub(super) fn clear(&mut self, record: RecordId) {
        if let Some(word) = self.words.get_mut(record.index() / 64) {
            *word &= !(1 << (record.0 % 64));
        }
    }

    /// Sets every bit that is set in `other`.
    pub(super) fn or(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// How many bits are set.
    pub(super) fn count(&self) -> u64 {
        self.words.iter().map(|w| u64::from(w.count_ones())).sum()
    }

    /// The records whose bit is set, as ranges.
    pub(super) fn spans(&self) -> Spans {
        let mut spans = Spans::default();
        for record in self.iter() {
            spans.insert(record.0.into(), u64::from(record.0) + 1);
        }
        spans
    }

    /// The records whose bit is set, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(RecordId(index as u32 * 64 + bit))
            })
        })
    }
}

impl Counts {
    /// The record's count.
    pub(super) fn get(&self, record: RecordId) -> u8 {
        let page = self.pages.get(record.index() / PAGE);
        page.and_then(Option::as_ref)
            .map_or(0, |page| page[record.index() % PAGE])
    }

    /// Counts one more for each of these records, and says how many of them were at zero.
    pub(super) fn add_all(&mut self, records: &Records) -> u32 {
        match records {
            Records::Run { first, count } => self.add_run(*first, *count),
            Records::List(ids) => ids.iter().map(|id| self.add_run(*id, 1)).sum(),
        }
    }

    /// Counts one more for `count` records from `first`, and says how many were at zero.
    pub(super) fn add_run(&mut self, first: RecordId, count: u32) -> u32 {
        let (mut at, end) = (first.index(), first.index() + count as usize);
        let mut fresh = 0;
        while at < end {
            let stop = end.min((at / PAGE + 1) * PAGE);
            let start = at % PAGE;
            for cell in &mut self.page(at / PAGE)[start..start + (stop - at)] {
                fresh += u32::from(*cell == 0);
                *cell = cell.saturating_add(1);
            }
            at = stop;
        }
        fresh
    }

    fn page(&mut self, index: usize) -> &mut [u8] {
        if self.pages.len() <= index {
            self.pages.resize(index + 1, None);
        }
        self.pages[index].get_or_insert_with(|| vec![0; PAGE].into_boxed_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u32, count: u32) -> Records {
        Records::Run {
            first: RecordId(first),
            count,
        }
    }

    #[test]
    fn a_run_of_bits_is_the_same_as_its_records_one_by_one() {
        for (first, count) in [(0, 1), (3, 61), (3, 62), (60, 200), (64, 64), (127, 2)] {
            let mut whole = Bits::default();
            whole.set_all(&run(first, count));
            let expected: Vec<RecordId> = (first..first + count).map(RecordId).collect();
            assert_eq!(
                whole.iter().collect::<Vec<_>>(),
                expected,
                "{count} from {first}"
            );
            assert_eq!(whole.count(), u64::from(count));
        }
    }

    #[test]
    fn counts_cross_pages_and_say_what_was_new() {
        let mut counts = Counts::default();
        assert_eq!(counts.add_all(&run(4000, 200)), 200);
        assert_eq!(
            counts.add_all(&run(4100, 200)),
            100,
            "100 were counted before"
        );
        assert_eq!(counts.get(RecordId(4099)), 1);
        assert_eq!(counts.get(RecordId(4199)), 2);
        assert_eq!(counts.get(RecordId(999_999)), 0);
    }

    #[test]
    fn counts_take_no_room_for_records_never_touched() {
        let mut counts = Counts::default();
        counts.add_all(&run(1_000_000, 10));
        assert_eq!(counts.pages.iter().flatten().count(), 1);
    }
}
