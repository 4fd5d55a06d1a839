//! How fast: producer, broker, group and full ledger end to end, one JSON line per batch size.
//!
//! ```text
//! cargo run --release --example throughput [-- [--replicas N] [--batch SIZE] [--records N]]
//! ```
//!
//! `records_per_cpu_s` counts the time on a processor only, which others who use the machine disturb
//! less. `bytes_per_record` is what the world and its ledger still hold at the end, by a counting
//! allocator; `peak_rss_bytes` is the process's high-water mark so far, so it says most with one
//! `--batch` per process (both 0 where the system does not say). Batches are kept at a size by
//! `batch.size`, and leave two per millisecond, so that no request waits for another.

#![allow(
    unsafe_code,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_types,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a measurement: an allocator that counts, the wall clock, and a rate on stdout"
)]

mod gauge;
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant as WallClock;

use kafkasim::sim::{Ends, Sim};

/// Batch sizes, and how many records make a run of about a second or two.
const SIZES: [(u32, u32); 3] = [(100, 20_000_000), (10, 6_000_000), (1, 1_000_000)];

/// What is asked for.
#[derive(Default)]
struct Arguments {
    replicas: Option<u32>,
    batch: Option<u32>,
    records: Option<u32>,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("usage: throughput [--replicas 1..9] [--batch 1..1000] [--records N]");
        return ExitCode::from(2);
    };
    let replicas = arguments.replicas.unwrap_or(1);
    let sizes = match arguments.batch {
        None => SIZES.to_vec(),
        Some(batch) => {
            let known = SIZES.iter().find(|(size, _)| *size <= batch);
            vec![(batch, known.expect("a batch holds a record").1)]
        }
    };
    for (batch, records) in sizes {
        let records = arguments.records.unwrap_or(records);
        println!("{}", measure(batch, records, replicas));
    }
    ExitCode::SUCCESS
}

/// The arguments; nothing if one is wrong.
fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number = Some(words.next()?.parse().ok()?);
        match (word.as_str(), number) {
            ("--replicas", Some(1..=9)) => arguments.replicas = number,
            ("--batch", Some(1..=1000)) => arguments.batch = number,
            ("--records", Some(1..)) => arguments.records = number,
            _ => return None,
        }
    }
    Some(arguments)
}

/// One run, as a line of JSON.
fn measure(batch: u32, records: u32, replicas: u32) -> serde_json::Value {
    let setup = Arc::new(world::setup(batch, records, replicas));
    let held_before = gauge::held_bytes();
    let (began, busy_before) = (WallClock::now(), gauge::cpu_seconds());
    let mut ledger = world::ledger(&setup);
    let mut sim = Sim::new(Arc::clone(&setup));
    let end = sim.run(&mut |fact| ledger.observe(fact));
    let seconds = began.elapsed().as_secs_f64();
    let busy = gauge::cpu_seconds() - busy_before;
    let held = gauge::held_bytes().saturating_sub(held_before);
    assert_eq!(
        end.how,
        Ends::Drained,
        "everything is sent, read and committed"
    );
    serde_json::json!({
        "batch": batch,
        "replicas": replicas,
        "records": records,
        "records_per_s": (f64::from(records) / seconds) as u64,
        "records_per_cpu_s": if busy == 0.0 { 0 } else { (f64::from(records) / busy) as u64 },
        "bytes_per_record": (held as f64 / f64::from(records) * 100.0).round() / 100.0,
        "peak_rss_bytes": gauge::peak_rss_bytes(),
        "events": end.events,
        "seconds": (seconds * 1000.0).round() / 1000.0,
    })
}
