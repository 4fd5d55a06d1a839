//! Own processing logic: an application that fails on every seventh record the first two times.
//!
//! The logic is a stateless function of the record and the attempt, so that a rerun agrees.
//!
//! ```text
//! cargo run --example own_processing
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use kafkasim::Experiment;
use kafkasim::node::consumer::program::Handled;
use kafkasim::scenario::resolved::client::ProcessFailure;
use kafkasim::scenario::{Group, Producer, Scenario};

fn main() {
    let mut workers = Group::reading("orders").config("auto.offset.reset", "earliest");
    workers.all.process.on_failure = ProcessFailure::SeekBack;
    let scenario = Scenario::new("A flaky application seeks back to the record that failed")
        .topic("orders", 1, 3)
        .producer("shop", Producer::to("orders", 50))
        .group("workers", workers);

    let experiment = Experiment::of(&scenario)
        .expect("it has no mistake")
        .with_handler("workers", |record| match record.attempt {
            1 | 2 if record.offset % 7 == 6 => Handled::Failed,
            _ => Handled::Done,
        });
    let mut failures = 0;
    let outcome = experiment.watched(&mut |stated| {
        use kafkasim::node::fact::{AppFact, Fact};
        failures += u32::from(matches!(
            stated.fact,
            Fact::App(AppFact::ProcessingFailed { .. })
        ));
    });

    let workers = outcome
        .verdict
        .group("workers")
        .expect("it is in the scenario");
    println!(
        "{failures} failures; once {}, duplicated {}, lost {}",
        workers.once.len(),
        workers.duplicated.len(),
        workers.lost_count()
    );
    assert_eq!(failures, 14, "seven records, twice each");
    assert_eq!(
        workers.once.len(),
        50,
        "a record that failed has had no effect"
    );
}
