//! `--seeds`: the same experiments under many seeds, with progress on a terminal.

use std::num::NonZeroUsize;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::Many;
use super::input::Refusal;
use super::printer::Printer;
use super::status::Status;
use crate::lab::sweep::{self, Seeds};
use crate::lab::tally::{Hits, ScopeTally, Tally};
use crate::lab::{Experiment, Standing};
use crate::report::sweep::{Swept, class_words};
use crate::verdict::guarantee::{Kind, Scope};

/// Stretches of records that a document lists of one kind.
const STRETCHES_MAX: usize = 1_000;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// The file as it was typed.
    pub(super) file: &'a str,
    /// The command: `run` or `compare`.
    pub(super) command: &'a str,
    /// How many seeds and threads.
    pub(super) many: &'a Many,
    /// Whether a document is wanted.
    pub(super) json: bool,
}

/// Runs the experiments under every seed and prints what came of them.
pub(super) fn sweep(
    asked: Asked<'_>,
    count: u64,
    experiments: &[Experiment],
    printer: &mut Printer,
) -> Result<Status, Refusal> {
    let first = experiments[0].seed().0;
    let seeds = Seeds::new(first, count).map_err(|reason| Refusal::argument(reason, None))?;
    let threads = asked.many.threads.unwrap_or_else(sweep::threads);
    let sweep = with_progress(experiments, seeds, threads);
    let swept = Swept {
        file: asked.file,
        command: asked.command,
        experiments,
        sweep: &sweep,
    };
    if asked.json {
        printer.line(document(&swept));
    } else {
        printer.text(&swept.report());
    }
    let statuses = sweep.tallies.iter().map(|tally| status(tally.standing()));
    Ok(statuses.max().unwrap_or(Status::AsExpected))
}

/// A bar on stderr if that is a terminal, and nothing otherwise.
fn with_progress(
    experiments: &[Experiment],
    seeds: Seeds,
    threads: NonZeroUsize,
) -> crate::lab::Sweep {
    let style = ProgressStyle::with_template("{pos} of {len} seeds {wide_bar} {eta} left");
    let style = style.expect("the template of the bar is well-formed");
    let bar = ProgressBar::new(seeds.count()).with_style(style);
    let sweep = sweep::sweep(experiments, seeds, threads, &|| bar.inc(1));
    bar.finish_and_clear();
    sweep
}

fn status(standing: Standing) -> Status {
    match standing {
        Standing::AsExpected => Status::AsExpected,
        Standing::NotAsExpected => Status::NotAsExpected,
        Standing::BoundHit => Status::BoundHit,
    }
}

fn document(swept: &Swept<'_>) -> Value {
    let seeds = swept.sweep.seeds;
    let runs = (0..swept.experiments.len()).map(|index| one_run(swept, index));
    json!({
        "version": JSON_VERSION,
        "file": swept.file,
        "title": swept.experiments[0].scenario.title,
        "seeds": { "first": seeds.first(), "count": seeds.count() },
        "runs": runs.collect::<Vec<_>>(),
        "reproduce": swept.this_sweep().to_string(),
    })
}

fn one_run(swept: &Swept<'_>, index: usize) -> Value {
    let (experiment, tally) = (&swept.experiments[index], &swept.sweep.tallies[index]);
    let hits = |hits: Hits| hit(swept, index, hits);
    let standing =
        |standing: Standing| (status(standing).word(), hits(tally.of_standing(standing)));
    let named = |pairs: Vec<(String, Hits)>| -> Vec<Value> {
        let value = |(what, of): (String, Hits)| json!({ "what": what, "in": hits(of) });
        pairs.into_iter().map(value).collect()
    };
    let scopes = tally.scopes.iter();
    let scopes = scopes.map(|of| scope(swept, index, of));
    json!({
        "variant": experiment.variant,
        "standing": status(tally.standing()).word(),
        "standings": Standing::ALL.map(standing).into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "failed": named(tally.failed.clone().into_iter().collect()),
        "not-drained": named(tally.endings.clone().into_iter().collect()),
        "differs-from-first": hits(swept.sweep.differs[index]),
        "scopes": scopes.collect::<Vec<_>>(),
    })
}

/// Seeds that showed something: how many, what that tells, the first and its command.
fn hit(swept: &Swept<'_>, index: usize, hits: Hits) -> Value {
    let tally: &Tally = &swept.sweep.tallies[index];
    let mut value = json!(tally.share(hits));
    if let Some(seed) = hits.first {
        value["first-seed"] = json!(seed);
        value["reproduce"] = json!(swept.one(index, seed).to_string());
    }
    value
}

fn scope(swept: &Swept<'_>, index: usize, of: &ScopeTally) -> Value {
    let hits = |hits: Hits| hit(swept, index, hits);
    let outcomes = of.classes.iter().map(
        |(class, found)| json!({ "kinds": class, "words": class_words(class), "in": hits(*found) }),
    );
    let guarantees = of.guarantees.iter().map(|(guarantee, broken, open)| {
        json!({ "guarantee": guarantee, "broken": hits(*broken), "open": hits(*open) })
    });
    let cast = &swept.experiments[index].setup.cast;
    let tally = &swept.sweep.tallies[index];
    let kinds = Kind::ALL.iter().map(|kind| {
        let range = of.kinds[*kind as usize];
        let stretches = of.records(*kind);
        let records = stretches.iter().take(STRETCHES_MAX);
        let records = records.map(|stretch| {
            let found = Hits {
                seeds: stretch.seeds,
                first: None,
            };
            let last = crate::base::RecordId(stretch.first.0 + stretch.count - 1);
            json!({ "first": cast.record(stretch.first), "last": cast.record(last), "in": tally.share(found) })
        });
        json!({
            "kind": kind,
            "per-seed": { "mean": range.mean(tally.seeds), "fewest": range.least, "most": range.most },
            "records": records.collect::<Vec<_>>(),
            "cut-off": STRETCHES_MAX < stretches.len(),
        })
    });
    json!({
        scope_word(of.scope): of.name,
        "outcomes": outcomes.collect::<Vec<_>>(),
        "guarantees": guarantees.collect::<Vec<_>>(),
        "kinds": kinds.collect::<Vec<_>>(),
    })
}

/// The key under which a document names a scope.
pub(super) const fn scope_word(scope: Scope) -> &'static str {
    match scope {
        Scope::Group(_) => "group",
        Scope::Topic(_) => "topic",
    }
}
