//! Latencies from `send()` to the effect or to the acknowledgement: exact to the nanosecond up to a
//! million of them, from then on in a [`Histogram`], and the summary says so.
//!
//! Instants of `send()` are shared with the facts that stated them, and latencies of records that
//! were sent and dealt with at a steady pace are kept as one arithmetic series, so that a regular
//! workload costs nothing per record.

use std::sync::Arc;

use super::histogram::Histogram;
use crate::base::{Instant, RecordId, Span};
use crate::kafka::{Cast, Records};
use crate::node::fact::Times;

/// When each record was first passed to `send()`.
#[derive(Clone, Debug)]
pub(super) struct SendTimes {
    cast: Arc<Cast>,
    /// Per producer's record range, ascending by first record.
    ranges: Vec<Vec<SentRun>>,
}

/// Consecutive records of one producer: the record at `first + i` was sent at `times[skip + i]`.
#[derive(Clone, Debug)]
struct SentRun {
    first: RecordId,
    count: u32,
    skip: u32,
    times: Times,
}

/// So many latencies are kept one by one.
const EXACT_MAX: u64 = 1_000_000;

/// A collection of latencies.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    series: Vec<Series>,
    single: Vec<Span>,
    /// How many are in `series`.
    in_series: u64,
    /// Everything, once there are too many to be kept; the others are empty then.
    histogram: Option<Box<Histogram>>,
}

/// `first`, `first + step`, … in nanoseconds, `count` of them.
#[derive(Clone, Copy, Debug)]
struct Series {
    first: u64,
    step: i64,
    count: u32,
}

/// What a collection of latencies comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LatencySummary {
    /// The median.
    pub p50: Span,
    /// The 99th percentile.
    pub p99: Span,
    /// The largest.
    pub max: Span,
    /// Whether the percentiles are from a histogram, and so up to one part in 128 too large. The
    /// largest is always exact.
    #[serde(rename = "from-histogram", skip_serializing_if = "std::ops::Not::not")]
    pub from_histogram: bool,
}

impl SendTimes {
    /// Nothing sent yet.
    pub(super) fn new(cast: Arc<Cast>) -> Self {
        let ranges = vec![Vec::new(); cast.records.len()];
        Self { cast, ranges }
    }

    /// Takes in a `Sent` fact. A record sent anew keeps its first instant.
    pub(super) fn sent(&mut self, records: &Records, times: &Times) {
        match records {
            Records::Run { first, count } => self.insert(*first, *count, 0, times),
            Records::List(ids) => {
                for (skip, id) in (0..).zip(ids.iter()) {
                    self.insert(*id, 1, skip, times);
                }
            }
        }
    }

    fn insert(&mut self, first: RecordId, count: u32, skip: u32, times: &Times) {
        if count == 0 || self.run_of(first).is_some() {
            return;
        }
        let range = self.range_of(first);
        let runs = &mut self.ranges[range];
        let before = runs.iter().rev().take_while(|r| first < r.first).count();
        let run = SentRun {
            first,
            count,
            skip,
            times: times.clone(),
        };
        runs.insert(runs.len() - before, run);
    }

    fn range_of(&self, record: RecordId) -> usize {
        let ranges = &self.cast.records;
        let after = ranges.partition_point(|r| r.first <= record);
        assert!(0 < after, "every record belongs to a producer of the cast");
        after - 1
    }

    fn run_of(&self, record: RecordId) -> Option<&SentRun> {
        let runs = &self.ranges[self.range_of(record)];
        let last = runs.last()?;
        let run = if last.first <= record {
            last
        } else {
            let after = runs.partition_point(|r| r.first <= record);
            runs.get(after.checked_sub(1)?)?
        };
        (record.0 - run.first.0 < run.count).then_some(run)
    }

    /// When a record was sent.
    pub(super) fn get(&self, record: RecordId) -> Option<Instant> {
        let run = self.run_of(record)?;
        Some(run.times.get(run.skip + (record.0 - run.first.0)))
    }

    /// The steady pace at which `count` records from `first` were sent, if there was one.
    fn pace(&self, first: RecordId, count: u32) -> Option<(Instant, Span)> {
        let run = self.run_of(first)?;
        match &run.times {
            Times::Every { step, .. } if first.0 + count <= run.first.0 + run.count => {
                let start = run.times.get(run.skip + (first.0 - run.first.0));
                Some((start, *step))
            }
            _ => None,
        }
    }
}

impl Latencies {
    /// Takes in that these records were done at these instants.
    pub(super) fn done(&mut self, sent: &SendTimes, records: &Records, times: &Times) {
        if let (Records::Run { first, count }, Times::Every { first: at, step }) = (records, times)
            && let Some((sent_at, pace)) = sent.pace(*first, *count)
        {
            self.series(Series {
                first: at.since(sent_at).0,
                step: step.0 as i64 - pace.0 as i64,
                count: *count,
            });
            return;
        }
        for (index, record) in (0..).zip(records.iter()) {
            if let Some(sent_at) = sent.get(record) {
                self.single(times.get(index).since(sent_at));
            }
        }
    }

    fn series(&mut self, series: Series) {
        if let Some(histogram) = &mut self.histogram {
            series.values().for_each(|value| histogram.add(value));
            return;
        }
        self.series.push(series);
        self.in_series += u64::from(series.count);
        self.fold(EXACT_MAX);
    }

    fn single(&mut self, value: Span) {
        if let Some(histogram) = &mut self.histogram {
            histogram.add(value);
            return;
        }
        self.single.push(value);
        self.fold(EXACT_MAX);
    }

    /// How many latencies there are.
    fn len(&self) -> u64 {
        let exact = self.in_series + self.single.len() as u64;
        exact
            + self
                .histogram
                .as_ref()
                .map_or(0, |histogram| histogram.len())
    }

    /// Goes over to a histogram if there are more than `most`.
    fn fold(&mut self, most: u64) {
        if self.len() <= most || self.histogram.is_some() {
            return;
        }
        let mut histogram = Box::<Histogram>::default();
        self.values().for_each(|value| histogram.add(value));
        *self = Self {
            histogram: Some(histogram),
            ..Self::default()
        };
    }

    /// Adds the latencies of another collection.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.len() + other.len() <= EXACT_MAX {
            self.series.extend(&other.series);
            self.single.extend(&other.single);
            self.in_series += other.in_series;
            return;
        }
        self.fold(0);
        let histogram = self.histogram.get_or_insert_default();
        match &other.histogram {
            Some(others) => histogram.merge(others),
            None => other.values().for_each(|value| histogram.add(value)),
        }
    }

    /// All latencies that are kept one by one, in no order.
    fn values(&self) -> impl Iterator<Item = Span> + '_ {
        let series = self.series.iter().flat_map(Series::values);
        self.single.iter().copied().chain(series)
    }

    /// Percentiles by nearest rank; `None` without a latency.
    pub(super) fn summary(&self) -> Option<LatencySummary> {
        let count = self.len();
        let rank = |percent: u64| (count * percent).div_ceil(100).max(1);
        if count == 0 {
            return None;
        }
        if let Some(histogram) = &self.histogram {
            return Some(LatencySummary {
                p50: histogram.at_rank(rank(50)),
                p99: histogram.at_rank(rank(99)),
                max: histogram.max(),
                from_histogram: true,
            });
        }
        let mut values: Vec<Span> = self.values().collect();
        values.sort_unstable();
        let at = |percent| values[rank(percent) as usize - 1];
        Some(LatencySummary {
            p50: at(50),
            p99: at(99),
            max: at(100),
            from_histogram: false,
        })
    }
}

impl Series {
    fn values(&self) -> impl Iterator<Item = Span> + use<> {
        let Self { first, step, count } = *self;
        (0..count).map(move |index| Span(first.wrapping_add_signed(step * i64::from(index))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;
    use crate::kafka::cast::RecordRange;

    fn sent_every(step: u64, count: u32) -> SendTimes {
        let range = RecordRange {
            producer: NodeId(0),
            first: RecordId(0),
            count,
        };
        let cast = Cast {
            records: vec![range],
            ..Cast::default()
        };
        let mut sent = SendTimes::new(Arc::new(cast));
        let times = Times::Every {
            first: Instant(0),
            step: Span(step),
        };
        let first = RecordId(0);
        sent.sent(&Records::Run { first, count }, &times);
        sent
    }

    #[test]
    fn a_steady_pace_gives_the_same_latencies_as_instants_one_by_one() {
        let sent = sent_every(10, 100);
        let steady = Times::Every {
            first: Instant(2_000),
            step: Span(3),
        };
        let listed = Times::List((0..40).map(|i| steady.get(i)).collect());
        let records = Records::Run {
            first: RecordId(20),
            count: 40,
        };
        let (mut whole, mut single) = (Latencies::default(), Latencies::default());
        whole.done(&sent, &records, &steady);
        single.done(&sent, &records, &listed);
        assert_eq!(whole.series.len(), 1);
        assert_eq!(whole.summary(), single.summary());
        assert_eq!(whole.summary().unwrap().max, Span(1_800));
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut latencies = Latencies::default();
        (1..=200)
            .rev()
            .for_each(|value| latencies.single(Span(value)));
        let summary = latencies.summary().unwrap();
        assert_eq!(summary.p50, Span(100));
        assert_eq!(summary.p99, Span(198));
        assert_eq!(summary.max, Span(200));
        assert!(!summary.from_histogram);
        assert_eq!(Latencies::default().summary(), None);
    }

    /// So many latencies, the last half of them as a series.
    fn many(count: u64) -> Latencies {
        let mut latencies = Latencies::default();
        (1..=count / 2).for_each(|value| latencies.single(Span(value)));
        latencies.series(Series {
            first: count / 2 + 1,
            step: 1,
            count: (count - count / 2) as u32,
        });
        latencies
    }

    #[test]
    fn a_million_latencies_are_exact_and_one_more_makes_a_histogram() {
        let mut latencies = many(EXACT_MAX);
        let exact = latencies.summary().unwrap();
        assert_eq!((exact.p99, exact.from_histogram), (Span(990_000), false));
        latencies.single(Span(EXACT_MAX + 1));
        let rough = latencies.summary().unwrap();
        assert!(rough.from_histogram && exact.p99 < rough.p99);
        assert!(rough.p99.0 - exact.p99.0 <= exact.p99.0 / 128);
        assert_eq!(rough.max, Span(EXACT_MAX + 1), "the largest stays exact");
        assert!(latencies.single.is_empty() && latencies.series.is_empty());
    }

    #[test]
    fn merging_gives_what_one_collection_would_have() {
        for count in [1_000, EXACT_MAX] {
            let (mut merged, mut whole) = (many(count), many(count));
            merged.merge(&many(10));
            (1..=10).for_each(|value| whole.single(Span(value)));
            assert_eq!(merged.summary(), whole.summary());
            let mut other_way = many(10);
            other_way.merge(&many(count));
            assert_eq!(other_way.summary(), whole.summary());
        }
    }

    #[test]
    fn a_record_sent_anew_keeps_its_first_instant() {
        let mut sent = sent_every(10, 10);
        sent.sent(&Records::one(RecordId(4)), &Times::at(Instant(9_999)));
        assert_eq!(sent.get(RecordId(4)), Some(Instant(40)));
    }
}
