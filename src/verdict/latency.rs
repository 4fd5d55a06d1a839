//! Latencies, exact to the nanosecond, from `send()` to the effect or to the acknowledgement.
//!
//! Instants of `send()` are shared with the facts that stated them, and latencies of records that
//! were sent and dealt with at a steady pace are kept as one arithmetic series, so that a regular
//! workload costs nothing per record.

use std::sync::Arc;

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

/// A collection of latencies.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    series: Vec<Series>,
    single: Vec<Span>,
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
            self.series.push(Series {
                first: at.since(sent_at).0,
                step: step.0 as i64 - pace.0 as i64,
                count: *count,
            });
            return;
        }
        for (index, record) in (0..).zip(records.iter()) {
            if let Some(sent_at) = sent.get(record) {
                self.single.push(times.get(index).since(sent_at));
            }
        }
    }

    /// All latencies, in no order.
    pub(super) fn values(&self) -> Vec<Span> {
        let mut values = self.single.clone();
        for series in &self.series {
            let at = |i: u32| series.first.wrapping_add_signed(series.step * i64::from(i));
            values.extend((0..series.count).map(|i| Span(at(i))));
        }
        values
    }

    /// Percentiles by nearest rank; `None` without a latency.
    pub(super) fn summary(values: &mut [Span]) -> Option<LatencySummary> {
        if values.is_empty() {
            return None;
        }
        values.sort_unstable();
        let rank = |percent: usize| values[(values.len() * percent).div_ceil(100).max(1) - 1];
        Some(LatencySummary {
            p50: rank(50),
            p99: rank(99),
            max: rank(100),
        })
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
        assert_eq!(
            Latencies::summary(&mut whole.values()),
            Latencies::summary(&mut single.values())
        );
        assert_eq!(
            Latencies::summary(&mut whole.values()).unwrap().max,
            Span(1_800)
        );
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut values: Vec<Span> = (1..=200).rev().map(Span).collect();
        let summary = Latencies::summary(&mut values).unwrap();
        assert_eq!(summary.p50, Span(100));
        assert_eq!(summary.p99, Span(198));
        assert_eq!(summary.max, Span(200));
        assert_eq!(Latencies::summary(&mut []), None);
    }

    #[test]
    fn a_record_sent_anew_keeps_its_first_instant() {
        let mut sent = sent_every(10, 10);
        sent.sent(&Records::one(RecordId(4)), &Times::at(Instant(9_999)));
        assert_eq!(sent.get(RecordId(4)), Some(Instant(40)));
    }
}
