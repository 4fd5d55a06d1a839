//! A scenario built in Rust and asserted on: a worker crashes just before it commits its offsets.
//!
//! Committed after processing, nothing is lost and some records are processed twice: at least once.
//! Committed before, nothing is processed twice and some records are lost: at most once.
//!
//! ```text
//! cargo run --example crash_before_commit
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use kafkasim::{Expect, Fault, Group, Mistakes, Producer, Scenario, Topic};

fn main() -> Result<(), Mistakes> {
    let after = crash("process and commit-sync", "after-processing", "commit-sync")
        .expect(Expect::group("workers").lost(0).duplicated("1.."));
    let outcome = kafkasim::run(&after)?;
    println!("{outcome}\n");
    assert!(outcome.as_expected(), "at least once");

    let before = crash("commit-sync and process", "before-processing", "process")
        .expect(Expect::group("workers").lost("1..").duplicated(0));
    let outcome = kafkasim::run(&before)?;
    println!("{outcome}\n");
    assert!(outcome.as_expected(), "at most once");
    assert_eq!(
        outcome.group("workers").lost().len(),
        outcome.group("workers").lost_at("skipped-by-commit").len()
    );

    println!("The second as a file:\n\n{}", before.to_yaml());
    Ok(())
}

/// Two workers read thirty orders; one of them dies between two steps, and comes back.
fn crash(between: &str, commit: &str, before: &str) -> Scenario {
    let workers = Group::reading("orders")
        .members(2)
        .start_at("5s")
        .process("20ms")
        .commit(commit)
        .config("auto.offset.reset", "earliest")
        .config("max.poll.records", 10);
    Scenario::new(&format!("A worker crashes between {between}"))
        .topic("orders", Topic::with(3, 3))
        .producer(
            "shop",
            Producer::to("orders")
                .records(30)
                .every("50ms")
                .keys(["AAPL", "MSFT", "TSLA"]),
        )
        .group("workers", workers)
        .fault(Fault::crash("workers").before(before).restart_after("5s"))
        .must_happen("rebalance")
}
