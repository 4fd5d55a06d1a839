//! Many seeds: the same experiments under each of them, in parallel, counted.
//!
//! A run belongs to one thread from start to end; threads share nothing but the number of the next
//! seed. What comes out is a sum, so it is the same for every number of threads. Variants of one
//! file run under the same seeds, so that they can be compared seed by seed.

use std::num::NonZeroUsize;

use super::run::Experiment;
use super::tally::{Hits, Tally};
use super::threads::share_out;
use crate::base::Seed;
use crate::scenario::{Mistakes, written};
use crate::verdict::guarantee::{Evidence, Kind, Scope};

/// The most seeds of one sweep.
pub const SEEDS_MAX: u64 = 1_000_000;

/// The most threads of one sweep. More than the machine has gain nothing.
pub const THREADS_MAX: usize = 1_024;

/// Consecutive seeds, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    first: u64,
    count: u64,
}

/// Experiments under many seeds.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Which seeds.
    pub seeds: Seeds,
    /// What each experiment came to, in the order in which they were given.
    pub tallies: Vec<Tally>,
    /// For each experiment, the seeds under which some record fared otherwise than in the first
    /// one. Without meaning where they do not send the same records.
    pub differs: Vec<Hits>,
}

impl Seeds {
    /// `count` seeds from `first` on.
    ///
    /// # Errors
    /// A sentence that says why there are no such seeds.
    pub fn new(first: u64, count: u64) -> Result<Self, String> {
        if !(1..=SEEDS_MAX).contains(&count) {
            return Err(format!("a sweep has 1 to {SEEDS_MAX} seeds, not {count}"));
        }
        if first.checked_add(count - 1).is_none() {
            return Err(format!(
                "{count} seeds from {first} on go past the largest, {}",
                u64::MAX
            ));
        }
        Ok(Self { first, count })
    }

    /// The first seed.
    pub fn first(self) -> u64 {
        self.first
    }

    /// How many.
    pub fn count(self) -> u64 {
        self.count
    }

    /// The last seed.
    pub fn last(self) -> u64 {
        self.first + (self.count - 1)
    }
}

/// As many threads as the machine has for us.
pub fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Runs a scenario that a program wrote under many seeds, on all threads of the machine.
///
/// ```
/// use kafkasim::lab::sweep::{Seeds, under};
/// use kafkasim::verdict::guarantee::Kind;
/// use kafkasim::{Fault, Group, Producer, Scenario, Topic};
///
/// let scenario = Scenario::new("A worker crashes while it works")
///     .topic("orders", Topic::with(1, 3))
///     .producer("shop", Producer::to("orders").records(30))
///     .group("workers", Group::reading("orders").config("auto.offset.reset", "earliest"))
///     .fault(Fault::crash("workers").before("process").nth("2..30").restart_after("5s"));
/// let tally = under(&scenario, Seeds::new(1, 20)?)?;
/// let workers = tally.group("workers");
/// assert_eq!(workers.with(Kind::Lost).seeds, 0, "at least once, under each of 20 seeds");
/// assert!(0 < workers.with(Kind::Duplicated).seeds);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Its mistakes, as the loader reports them for a file.
pub fn under(scenario: &written::Scenario, seeds: Seeds) -> Result<Tally, Mistakes> {
    let experiment = Experiment::of(scenario)?;
    let mut sweep = sweep(&[experiment], seeds, threads(), &|| {});
    Ok(sweep.tallies.remove(0))
}

/// Runs every experiment under every seed. `done` is called after each seed, on any thread.
pub fn sweep(
    experiments: &[Experiment],
    seeds: Seeds,
    threads: NonZeroUsize,
    done: &(dyn Fn() + Sync),
) -> Sweep {
    let empty = || Sweep::empty(experiments.len(), seeds);
    let parts = share_out(seeds.count, threads, empty, |part, index| {
        part.add(experiments, Seed(seeds.first + index));
        done();
    });
    let merge = |mut whole: Sweep, part| {
        whole.merge(part);
        whole
    };
    let whole = parts.into_iter().reduce(merge);
    whole.expect("this thread has its part")
}

impl Sweep {
    fn empty(experiments: usize, seeds: Seeds) -> Self {
        Self {
            seeds,
            tallies: (0..experiments).map(|_| Tally::new()).collect(),
            differs: vec![Hits::default(); experiments],
        }
    }

    /// Runs every experiment under one seed.
    fn add(&mut self, experiments: &[Experiment], seed: Seed) {
        let mut first: Option<Vec<(Scope, Evidence)>> = None;
        let parts = self.tallies.iter_mut().zip(&mut self.differs);
        for ((tally, differs), experiment) in parts.zip(experiments) {
            let experiment = experiment.with_seed(seed);
            let evidence = tally.add(&experiment, &experiment.tallied());
            let first = first.get_or_insert_with(|| evidence.clone());
            if !fare_alike(first, &evidence) {
                differs.add(seed.0);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        let tallies = self.tallies.iter_mut();
        tallies
            .zip(other.tallies)
            .for_each(|(tally, more)| tally.merge(more));
        let differs = self.differs.iter_mut();
        differs
            .zip(other.differs)
            .for_each(|(hits, more)| hits.merge(more));
    }
}

/// Whether every record is of the same kinds in both runs, for every group and in every log.
fn fare_alike(one: &[(Scope, Evidence)], two: &[(Scope, Evidence)]) -> bool {
    let alike = |(a, b): (&(Scope, Evidence), &(Scope, Evidence))| {
        a.0 == b.0 && Kind::ALL.iter().all(|kind| a.1.of(*kind) == b.1.of(*kind))
    };
    one.len() == two.len() && one.iter().zip(two).all(alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_bounded_at_both_ends() {
        assert!(Seeds::new(1, 0).is_err());
        assert!(Seeds::new(1, SEEDS_MAX + 1).is_err());
        assert!(Seeds::new(u64::MAX, 2).is_err());
        let last = Seeds::new(u64::MAX, 1).expect("the largest seed is one");
        assert_eq!(last.last(), u64::MAX);
        assert_eq!(Seeds::new(5, 10).map(Seeds::last), Ok(14));
    }
}
