//! A scenario built in Rust and asserted on: at-least-once loses nothing, whenever the crash comes.
//!
//! ```text
//! cargo run --example crash_under_many_seeds
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use kafkasim::base::Span;
use kafkasim::scenario::resolved::step::{LoopName, StepName};
use kafkasim::scenario::{Fault, Group, Producer, Scenario};

fn scenario(commit: LoopName, nth: u64) -> Scenario {
    let workers = Group::reading("orders")
        .members(2)
        .start_at(Span::from_secs(5))
        .commit(commit)
        .config("auto.offset.reset", "earliest")
        .config("max.poll.records", 10);
    let crash = Fault::crash("workers").before(StepName::Process).nth(nth);
    Scenario::new("A worker crashes before its nth record")
        .seed(nth)
        .topic("orders", 3, 3)
        .producer(
            "shop",
            Producer::to("orders", 60).keys(&["AAPL", "MSFT", "TSLA"]),
        )
        .group("workers", workers)
        .fault(crash.restart_after(Span::from_secs(5)))
}

fn main() {
    for commit in [LoopName::AfterProcessing, LoopName::BeforeProcessing] {
        let (mut lost, mut duplicated) = (0, 0);
        for nth in 1..=40 {
            let outcome = kafkasim::run(&scenario(commit, nth)).expect("it has no mistake");
            let workers = outcome
                .verdict
                .group("workers")
                .expect("it is in the scenario");
            lost += workers.lost_count();
            duplicated += workers.duplicated.len();
        }
        println!("{commit}: {lost} lost, {duplicated} duplicated in 40 runs");
        match commit {
            LoopName::AfterProcessing => assert_eq!(lost, 0, "at least once"),
            _ => assert_eq!(duplicated, 0, "at most once"),
        }
    }
}
