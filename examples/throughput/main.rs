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

mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant as WallClock;

use kafkasim::sim::{Ends, Sim};

/// The system's allocator, with a count of what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HELD.fetch_add(size, Ordering::Relaxed);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    let held_before = HELD.load(Ordering::Relaxed);
    let (began, busy_before) = (WallClock::now(), cpu_seconds());
    let mut ledger = world::ledger(&setup);
    let mut sim = Sim::new(Arc::clone(&setup));
    let end = sim.run(&mut |fact| ledger.observe(fact));
    let seconds = began.elapsed().as_secs_f64();
    let busy = cpu_seconds() - busy_before;
    let held = HELD.load(Ordering::Relaxed).saturating_sub(held_before);
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
        "peak_rss_bytes": peak_rss_bytes(),
        "events": end.events,
        "seconds": (seconds * 1000.0).round() / 1000.0,
    })
}

/// Seconds this thread was on a processor, as Linux tells it; 0 elsewhere.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|n| n.parse().ok());
    nanos.map_or(0.0, |nanos: f64| nanos / 1e9)
}

/// The high-water mark of the process's memory as Linux tells it; 0 elsewhere.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
