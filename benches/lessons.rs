//! How long a lesson takes, and the event queue under it. Whole-run figures per record are the
//! business of `examples/throughput.rs`.

#![allow(
    missing_docs,
    reason = "Criterion's macro makes a function that cannot be documented"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kafkasim::base::{Instant, NodeId};
use kafkasim::engine::{Class, Queue};
use kafkasim::lab::Experiment;
use kafkasim::scenario;

fn lesson(c: &mut Criterion) {
    let text = include_bytes!("../scenarios/delivery/where-the-commit-stands.yaml");
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let load = || {
        let options = scenario::Options::default();
        scenario::load(text, "lesson.yaml", &no_file, &options).expect("the lesson has no mistake")
    };
    c.bench_function("load a lesson", |b| b.iter(|| black_box(load())));
    let loaded = load();
    let experiment = Experiment::new(&loaded.runs[0]).expect("the lesson compiles");
    c.bench_function("run a lesson", |b| b.iter(|| black_box(experiment.run())));
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

criterion_group!(benches, lesson, queue);
criterion_main!(benches);
