//! What the variants of a scenario cost: latencies and requests, a row per variant.
//!
//! Variants that cost the same share a row, so that a difference is seen.

use std::collections::BTreeMap;

use super::comparison::variant;
use super::table::Table;
use super::text::{Text, Tone, brief, grouped};
use crate::kafka::message::Api;
use crate::lab::{Comparison, Experiment, Outcome};
use crate::verdict::LatencySummary;

/// APIs with a column of their own; all others are one.
const APIS: [(Api, &str); 4] = [
    (Api::Produce, "produce"),
    (Api::Fetch, "fetch"),
    (Api::OffsetCommit, "offset commit"),
    (Api::Heartbeat, "heartbeat"),
];

type Run = (Experiment, Outcome);

/// From `send()` to the acknowledgement for producers, to the first effect for groups.
pub(super) fn latencies(text: &mut Text, comparison: &Comparison) {
    let mut table = Table::new(&["latency", "variant", "p50", "p99", "max"]);
    let mut is_rough = false;
    let mut add = |who: &str, of: &dyn Fn(&Run) -> Option<LatencySummary>| {
        for (name, latency) in shared(comparison, of) {
            let cells = latency.map_or(["-", "-", "-"].map(str::to_owned), |latency| {
                let about = if latency.from_histogram { "~" } else { "" };
                is_rough |= latency.from_histogram;
                let LatencySummary { p50, p99, max, .. } = latency;
                [
                    format!("{about}{}", brief(p50)),
                    format!("{about}{}", brief(p99)),
                    brief(max),
                ]
            });
            table.row([who.to_owned(), name].into_iter().chain(cells));
        }
    };
    for name in producers(comparison) {
        add(&format!("{name}, to ack"), &|(_, outcome)| {
            outcome.verdict.producer(&name).and_then(|p| p.latency)
        });
    }
    for name in comparison.groups() {
        add(&format!("{name}, to effect"), &|(_, outcome)| {
            outcome.verdict.group(name).and_then(|group| group.latency)
        });
    }
    if !table.is_empty() {
        text.table(2, table);
    }
    if is_rough {
        let words = "~ More than a million latencies: from a histogram, at most 1/128 too large.";
        text.hanging(Tone::Faint, 2, 4, words);
    }
}

/// Requests of each producer and group.
pub(super) fn requests(text: &mut Text, comparison: &Comparison) {
    let mut names = producers(comparison);
    names.extend(comparison.groups().into_iter().map(str::to_owned));
    for name in names {
        let of = |(_, outcome): &Run| outcome.requests.get(&name).map(columns);
        let rows = shared(comparison, &of);
        let occurs = |column: usize| {
            let mut all = rows.iter().filter_map(|(_, counts)| *counts);
            all.any(|counts| counts[column] != 0)
        };
        let words = APIS.iter().map(|(_, word)| *word).chain(["other"]);
        let shown: Vec<(usize, &str)> = words.enumerate().filter(|(n, _)| occurs(*n)).collect();
        let title = format!("requests of {name}");
        let mut heading = vec![title.as_str()];
        heading.extend(shown.iter().map(|(_, word)| *word));
        let mut table = Table::new(&heading);
        for (variant, counts) in &rows {
            let cell = |column: usize| counts.map_or("-".to_owned(), |c| grouped(c[column]));
            let cells = shown.iter().map(|(column, _)| cell(*column));
            table.row(std::iter::once(variant.clone()).chain(cells));
        }
        if !shown.is_empty() {
            text.gap();
            text.table(2, table);
        }
    }
}

/// The counts of [`APIS`], and the sum of all others.
fn columns(counts: &BTreeMap<Api, u64>) -> [u64; APIS.len() + 1] {
    let of = |api: &Api| counts.get(api).copied().unwrap_or(0);
    let all: u64 = counts.values().sum();
    let mut columns = [0; APIS.len() + 1];
    for (column, (api, _)) in columns.iter_mut().zip(&APIS) {
        *column = of(api);
    }
    columns[APIS.len()] = all - columns.iter().sum::<u64>();
    columns
}

/// The producers of all variants by name, in order of first appearance.
fn producers(comparison: &Comparison) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, outcome) in &comparison.runs {
        for producer in &outcome.verdict.producers {
            if !names.contains(&producer.name) {
                names.push(producer.name.clone());
            }
        }
    }
    names
}

/// A value per variant; one for all of them where it is the same.
fn shared<T: PartialEq>(comparison: &Comparison, of: &dyn Fn(&Run) -> T) -> Vec<(String, T)> {
    let value = |run: &Run| (variant(&run.0).to_owned(), of(run));
    let mut values: Vec<(String, T)> = comparison.runs.iter().map(value).collect();
    if 1 < values.len() && values.iter().all(|(_, value)| *value == values[0].1) {
        values.truncate(1);
        "every variant".clone_into(&mut values[0].0);
    }
    values
}
