//! Many seeds: what is counted is what single runs say, whoever counts.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use kafkasim::base::Seed;
use kafkasim::lab::sweep::{Seeds, Sweep, sweep, under};
use kafkasim::lab::{Experiment, Standing};
use kafkasim::scenario::{self, Options};
use kafkasim::verdict::guarantee::{Guarantee, Kind};
use kafkasim::{Group, Handled, Producer, Scenario, Topic, Word};

use crate::lessons::shipped;

/// A crash at a drawn record: how many are repeated differs from seed to seed.
const CRASH: &str = "\
title: A crash somewhere
topics: { orders: { partitions: 2, replication.factor: 3 } }
producers: { shop: { topic: orders, records: 60, every: { exponential: 15ms } } }
groups:
  workers: { topics: [orders], members: 2, process: 15ms, config: { auto.offset.reset: earliest } }
faults:
  - { crash: workers, before: process, nth: 5..50, restart-after: 5s }
variants:
  at-least-once: {}
  at-most-once: { groups: { workers: { commit: before-processing } } }
expect:
  at-least-once: { lost: 0, duplicated: 0..30 }
  at-most-once: { duplicated: 0 }
";

fn experiments(text: &str) -> Vec<Experiment> {
    let nothing = |named: &str| Err(format!("no file {named}"));
    let loaded = scenario::load(text.as_bytes(), "t.yaml", &nothing, &Options::default());
    let loaded = loaded.unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
    let runs = loaded.runs.iter().map(Experiment::new);
    runs.collect::<Result<_, _>>().expect("the file can be run")
}

fn swept(experiments: &[Experiment], count: u64, threads: usize) -> Sweep {
    let seeds = Seeds::new(3, count).expect("a few seeds");
    let threads = NonZeroUsize::new(threads).expect("at least one thread");
    sweep(experiments, seeds, threads, &|| {})
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let experiments = experiments(CRASH);
    let alone = swept(&experiments, 12, 1);
    for threads in [2, 5] {
        let together = swept(&experiments, 12, threads);
        assert_eq!(
            format!("{alone:?}"),
            format!("{together:?}"),
            "{threads} threads"
        );
    }
}

#[test]
fn a_sweep_counts_what_single_runs_say() {
    let experiments = experiments(CRASH);
    let sweep = swept(&experiments, 10, 2);
    for (experiment, tally) in experiments.iter().zip(&sweep.tallies) {
        let runs: Vec<_> = (3..13)
            .map(|seed| (seed, experiment.with_seed(Seed(seed)).run()))
            .collect();
        let group = tally.group("workers");
        let with = |of: &dyn Fn(&kafkasim::Outcome) -> bool| {
            let seeds: Vec<u64> = runs
                .iter()
                .filter(|run| of(&run.1))
                .map(|run| run.0)
                .collect();
            (seeds.len() as u64, seeds.first().copied())
        };
        let pair = |hits: kafkasim::lab::tally::Hits| (hits.seeds, hits.first);
        let duplicated = with(&|run| !run.group("workers").duplicated().is_empty());
        assert_eq!(pair(group.with(Kind::Duplicated)), duplicated);
        let lost = with(&|run| !run.group("workers").lost().is_empty());
        assert_eq!(pair(group.with(Kind::Lost)), lost);
        let failed = with(&|run| run.standing() == Standing::NotAsExpected);
        assert_eq!(pair(tally.of_standing(Standing::NotAsExpected)), failed);
        let sum: u64 = runs
            .iter()
            .map(|(_, run)| run.group("workers").once().len())
            .sum();
        assert_eq!(group.kinds[Kind::Once as usize].sum, sum);
        for kind in Kind::ALL {
            let records = group.records(kind).into_iter();
            let pairs: u64 = records
                .map(|stretch| stretch.seeds * u64::from(stretch.count))
                .sum();
            assert_eq!(pairs, group.kinds[kind as usize].sum, "{kind:?}");
        }
    }
}

#[test]
fn failed_demands_and_broken_guarantees_come_with_their_first_seed() {
    let experiments = experiments(CRASH);
    let sweep = swept(&experiments, 12, 2);
    let [at_least_once, at_most_once] = &sweep.tallies[..] else {
        panic!("two variants");
    };
    let (what, hits) = at_least_once
        .failed
        .iter()
        .next()
        .expect("a few seeds repeat more");
    assert_eq!(what, "duplicated: 0..30");
    assert!(0 < hits.seeds && hits.seeds < 12, "{hits:?}");
    let first = hits.first.expect("there is a first");
    let run = experiments[0].with_seed(Seed(first)).run();
    assert_eq!(run.standing(), Standing::NotAsExpected);
    assert!(at_most_once.failed.is_empty());
    let broken = |tally: &kafkasim::lab::Tally, guarantee| {
        let guarantees = &tally.group("workers").guarantees;
        let (_, broken, _) = guarantees
            .iter()
            .find(|(of, _, _)| *of == guarantee)
            .expect("one of four");
        broken.seeds
    };
    assert_eq!(broken(at_least_once, Guarantee::AtLeastOnce), 0);
    assert!(0 < broken(at_least_once, Guarantee::AtMostOnce));
    assert_eq!(broken(at_most_once, Guarantee::AtMostOnce), 0);
    assert!(0 < broken(at_most_once, Guarantee::AtLeastOnce));
    assert_eq!(
        sweep.differs[0].seeds, 0,
        "the first variant is like itself"
    );
    assert!(6 < sweep.differs[1].seeds);
}

/// A sweep leaves names and latencies out; nothing that is judged may depend on that.
#[test]
fn every_lesson_on_delivery_is_judged_in_a_sweep_as_in_a_run() {
    let delivery = |path: &PathBuf| path.to_string_lossy().contains("delivery");
    for path in shipped().into_iter().filter(delivery) {
        let text = std::fs::read_to_string(&path).expect("a readable lesson");
        let experiments = experiments(&text);
        let seeds = Seeds::new(experiments[0].seed().0, 1).expect("one seed");
        let sweep = sweep(&experiments, seeds, NonZeroUsize::MIN, &|| {});
        for (experiment, tally) in experiments.iter().zip(&sweep.tallies) {
            let run = experiment.run();
            assert_eq!(
                tally.standing(),
                run.standing(),
                "{}: {:?}",
                path.display(),
                tally.failed
            );
            for (scope, evidence) in run.ledger.evidence(&run.verdict) {
                let mut scopes = tally.scopes.iter();
                let of = scopes
                    .find(|of| of.scope == scope)
                    .expect("the same groups and topics");
                for kind in Kind::ALL {
                    let records = of.records(kind).into_iter().flat_map(|s| s.records());
                    let ids: Vec<u64> = records.map(|record| record.0.into()).collect();
                    assert_eq!(ids, evidence.of(kind).iter().collect::<Vec<_>>());
                }
            }
        }
    }
}

#[test]
fn every_seed_is_announced_once() {
    let experiments = experiments(CRASH);
    let done = AtomicU64::new(0);
    let seeds = Seeds::new(1, 30).expect("a few seeds");
    let threads = NonZeroUsize::new(3).expect("three threads");
    sweep(&experiments, seeds, threads, &|| {
        done.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(done.into_inner(), 30);
}

/// The logic is shown keys, which are drawn anew under every seed.
#[test]
fn own_logic_comes_along_to_every_seed() {
    let workers = Group::reading("orders")
        .config("auto.offset.reset", "earliest")
        .retries(0)
        .on_failure("skip")
        .logic(|record| match record.key {
            Some(key) if key.ends_with('1') => Handled::Failed,
            _ => Handled::Done,
        });
    let scenario = Scenario::new("One key in two is not understood")
        .topic("orders", Topic::with(1, 3))
        .producer(
            "shop",
            Producer::to("orders")
                .records(40)
                .key("keys", Word::yaml("{ random: 2 }")),
        )
        .group("workers", workers);
    let tally = under(&scenario, Seeds::new(1, 8).expect("a few seeds")).expect("no mistake");
    let lost = tally.group("workers").kinds[Kind::Lost as usize];
    assert!(0 < lost.least && lost.most < 40, "{lost:?}");
    assert!(
        lost.least < lost.most,
        "another number of records has the key under every seed"
    );
    for seed in 1..=8 {
        let alone = kafkasim::run(&scenario.clone().seed(seed)).expect("no mistake");
        let lost_alone = alone.group("workers").lost().len();
        assert!(
            (lost.least..=lost.most).contains(&lost_alone),
            "{seed}: {lost_alone}"
        );
    }
}
