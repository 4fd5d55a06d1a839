//! Own processing logic: an application that fails at every seventh offset the first time.
//!
//! The logic is a function of the record and of which try it is, without a memory of its own, so
//! that a rerun agrees. Tried again on the spot, a failure costs nothing but time. Passed over, the
//! record is lost, and the offset commit says that it was dealt with.
//!
//! ```text
//! cargo run --example own_processing
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use kafkasim::{Expect, Group, Handled, Mistakes, Producer, Record, Scenario, Topic};

/// What the application does with a record.
fn flaky(record: &Record<'_>) -> Handled {
    if record.offset.is_multiple_of(7) && record.attempt == 1 {
        Handled::Failed
    } else {
        Handled::Done
    }
}

fn main() -> Result<(), Mistakes> {
    let retried = scenario("tries again", Group::reading("orders").retries(1))
        .expect(Expect::group("workers").once(50))
        .must_happen("processing-failed");
    let outcome = kafkasim::run(&retried)?;
    println!("{outcome}\n");
    assert!(
        outcome.as_expected(),
        "the second try succeeds, and a failed one has no effect"
    );

    let skipping = Group::reading("orders").retries(0).on_failure("skip");
    let outcome = kafkasim::run(&scenario("goes on", skipping))?;
    println!("{outcome}");
    let lost = outcome.group("workers").lost_at("dropped-by-application");
    assert_eq!(lost.len(), 8, "offsets 0, 7, 14, 21, 28, 35, 42 and 49");
    Ok(())
}

fn scenario(what: &str, workers: Group) -> Scenario {
    let workers = workers.config("auto.offset.reset", "earliest").logic(flaky);
    Scenario::new(&format!("A flaky application {what}"))
        .topic("orders", Topic::with(1, 3))
        .producer("shop", Producer::to("orders").records(50))
        .group("workers", workers)
}
