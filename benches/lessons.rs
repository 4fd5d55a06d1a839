//! How long a lesson takes, from its text and under many seeds; records by batch size; the event
//! queue under all of it. `examples/throughput` measures memory and long runs.

#![allow(
    missing_docs,
    reason = "Criterion's macro makes a function that cannot be documented"
)]

#[path = "../examples/throughput/world.rs"]
mod world;

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kafkasim::base::{Instant, NodeId};
use kafkasim::engine::{Class, Queue};
use kafkasim::lab::Experiment;
use kafkasim::lab::sweep::{Seeds, sweep};
use kafkasim::scenario::{self, Loaded};
use kafkasim::sim::{Ends, Sim};

fn load() -> Loaded {
    let text = include_bytes!("../scenarios/delivery/where-the-commit-stands.yaml");
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let options = scenario::Options::default();
    scenario::load(text, "lesson.yaml", &no_file, &options).expect("the lesson has no mistake")
}

fn experiment(loaded: &Loaded) -> Experiment {
    Experiment::new(&loaded.runs[0]).expect("the lesson compiles")
}

fn lesson(c: &mut Criterion) {
    c.bench_function("load a lesson", |b| b.iter(|| black_box(load())));
    let first = experiment(&load());
    c.bench_function("run a lesson", |b| b.iter(|| black_box(first.run())));
    c.bench_function("load and run a lesson", |b| {
        b.iter(|| black_box(experiment(&load()).run()));
    });
}

/// All variants of the lesson under each seed, as `run --seeds` does, in one thread.
fn seeds(c: &mut Criterion) {
    let count = 20;
    let seeds = Seeds::new(1, count).expect("twenty seeds are few enough");
    let loaded = load();
    let experiments: Vec<Experiment> = (loaded.runs.iter())
        .map(|run| Experiment::new(run).expect("the lesson compiles"))
        .collect();
    let mut group = c.benchmark_group("sweep");
    group
        .throughput(Throughput::Elements(count))
        .sample_size(20);
    group.bench_function("all variants of a lesson, by seed", |b| {
        b.iter(|| black_box(sweep(&experiments, seeds, NonZeroUsize::MIN, &|| {})));
    });
    group.finish();
}

/// Records sent, read, committed and accounted for, by batch size.
fn throughput(c: &mut Criterion) {
    let mut group = c.benchmark_group("records");
    group.sample_size(10);
    for (batch, records) in [(100, 400_000), (10, 200_000), (1, 50_000)] {
        let setup = Arc::new(world::setup(batch, records, 1));
        group.throughput(Throughput::Elements(u64::from(records)));
        group.bench_function(format!("in batches of {batch}"), |b| {
            b.iter(|| {
                let mut ledger = world::ledger(&setup);
                let mut sim = Sim::new(Arc::clone(&setup));
                let end = sim.run(&mut |fact| ledger.observe(fact));
                assert_eq!(end.how, Ends::Drained, "everything is read and committed");
                ledger
            });
        });
    }
    group.finish();
}

fn queue(c: &mut Criterion) {
    c.bench_function("push and pop an event with 100 pending", |b| {
        let mut queue = Queue::default();
        for at in 0..100 {
            queue.push(Instant(at), Class::Timer, NodeId(0), at);
        }
        b.iter(|| {
            let next = queue.pop().expect("a hundred are pending");
            queue.push(
                Instant(next.at.0 + 100),
                Class::Timer,
                NodeId(0),
                next.event,
            );
        });
    });
}

criterion_group!(benches, lesson, seeds, throughput, queue);
criterion_main!(benches);
