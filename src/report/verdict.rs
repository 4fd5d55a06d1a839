//! The verdict of a run for a person: what happened, in words and in numbers, what the client
//! knows of it, what was demanded, and how to see it again.

use super::columns::{self, Row};
use super::table::Table;
use super::text::{Text, Tone, counted, grouped};
use super::words;
use crate::lab::{Experiment, Outcome, Repro, Standing};
use crate::trace::name;
use crate::verdict::names::NamedSet;
use crate::verdict::{Ending, Judgement, Verdict};

/// Where a check's label ends and what it found begins.
const LABEL: usize = 10;

/// The whole report of a run of `file`.
pub fn report(file: &str, experiment: &Experiment, outcome: &Outcome) -> Text {
    let mut text = Text::default();
    heading(&mut text, experiment);
    text.gap();
    text.append(words::words(&outcome.verdict));
    text.gap();
    text.append(groups(&outcome.verdict));
    text.gap();
    text.append(producers(&outcome.verdict));
    text.gap();
    text.append(sinks(&outcome.verdict));
    text.gap();
    text.append(checks(experiment, &outcome.judgement));
    text.gap();
    ending(&mut text, outcome);
    text.gap();
    hints(&mut text, file, experiment, outcome);
    text
}

fn heading(text: &mut Text, experiment: &Experiment) {
    let scenario = &experiment.scenario;
    text.wrapped(Tone::Strong, 0, &scenario.title);
    if let Some(question) = &scenario.question {
        text.wrapped(Tone::Plain, 0, question);
    }
    let variant = experiment.variant.as_ref();
    let variant = variant.map_or(String::new(), |variant| format!("variant {variant}, "));
    text.line(
        Tone::Faint,
        format!("{variant}seed {}", experiment.seed().0),
    );
}

/// A row per group.
fn groups(verdict: &Verdict) -> Text {
    let rows: Vec<Row<'_>> = (verdict.groups.iter())
        .map(|group| Row {
            name: group.name.clone(),
            group: Some(group),
            end: None,
        })
        .collect();
    columns::table("group", &rows, None)
}

/// A row per producer: what the client knows, and beside it what is true.
fn producers(verdict: &Verdict) -> Text {
    let mut table = Table::new(&[
        "producer",
        "sent",
        "|",
        "told written",
        "told failed",
        "told nothing",
        "|",
        "yet written",
    ]);
    for producer in &verdict.producers {
        let yet = producer.failed_but_written.len() + producer.unknown_but_written.len();
        table.row([
            producer.name.clone(),
            grouped(producer.sent.len()),
            grouped(producer.acknowledged.len()),
            grouped(producer.failed.len()),
            grouped(producer.unknown.len()),
            grouped(yet),
        ]);
    }
    let mut text = Text::default();
    if !table.is_empty() {
        text.table(2, table);
    }
    text
}

/// A row per sink.
fn sinks(verdict: &Verdict) -> Text {
    let mut table = Table::new(&["sink", "rows", "|", "requests", "refused"]);
    for sink in &verdict.sinks {
        table.row([
            sink.name.clone(),
            grouped(sink.rows),
            grouped(sink.requests),
            grouped(sink.refused),
        ]);
    }
    let mut text = Text::default();
    if !table.is_empty() {
        text.table(2, table);
    }
    text
}

/// Everything that was demanded, and what came of it.
fn checks(experiment: &Experiment, judgement: &Judgement) -> Text {
    let mut text = Text::default();
    for check in judgement.checks.iter().filter(|check| check.ok) {
        labelled(&mut text, Tone::Good, "ok", &check.demand());
    }
    for demand in &experiment.scenario.must_happen {
        if !judgement
            .missed
            .iter()
            .any(|missed| missed.fact == demand.fact)
        {
            labelled(
                &mut text,
                Tone::Good,
                "ok",
                &format!("happened: {}", demand.fact),
            );
        }
    }
    text.append(failures(judgement));
    text
}

/// What was demanded and is not so.
pub fn failures(judgement: &Judgement) -> Text {
    let mut text = Text::default();
    for check in judgement.failed() {
        labelled(&mut text, Tone::Bad, "FAILED", &check.demand());
        text.hanging(
            Tone::Plain,
            LABEL,
            LABEL,
            &format!("but it is {}", check.actual),
        );
        if let Some(note) = &check.note {
            text.hanging(Tone::Plain, LABEL, LABEL, note);
        }
    }
    for missed in &judgement.missed {
        labelled(&mut text, Tone::Bad, "FAILED", &missed.message());
        text.hanging(Tone::Plain, LABEL, LABEL, &missed.help());
    }
    for unstruck in &judgement.unstruck {
        labelled(&mut text, Tone::Bad, "FAILED", &unstruck.message());
        text.hanging(Tone::Plain, LABEL, LABEL, &unstruck.text);
    }
    for broken in &judgement.broken {
        labelled(&mut text, Tone::Bad, "BROKEN", broken);
        let help = "Kafka promises this in every run: a mistake of the simulator";
        text.hanging(Tone::Plain, LABEL, LABEL, help);
    }
    text
}

fn labelled(text: &mut Text, tone: Tone, label: &str, what: &str) {
    text.labelled(tone, format!("  {label}"), LABEL, what);
}

/// How the run ended, and the one word that judges it.
fn ending(text: &mut Text, outcome: &Outcome) {
    let verdict = &outcome.verdict;
    let events = counted(outcome.events, "event", "events");
    let at = verdict.at;
    let how = match &verdict.ends {
        Ending::Drained => format!("drained at {at} after {events}"),
        Ending::Stuck { reason } => format!("stuck at {at} after {events}: {reason}"),
        Ending::Limit { which } => {
            format!("cut short at {at} after {events}: {which} was hit, so nothing is known")
        }
    };
    text.hanging(
        Tone::Plain,
        2,
        4,
        &format!("{how}; fingerprint {:016x}", verdict.fingerprint),
    );
    let (tone, word) = match outcome.standing() {
        Standing::AsExpected => (Tone::Good, "AS EXPECTED"),
        Standing::NotAsExpected => (Tone::Bad, "NOT AS EXPECTED"),
        Standing::BoundHit => (Tone::Bad, "UNKNOWN: A BOUND WAS HIT"),
    };
    text.line(tone, format!("  {word}"));
}

/// The line that reproduces the run, last; before it, what explains one anomaly.
fn hints(text: &mut Text, file: &str, experiment: &Experiment, outcome: &Outcome) {
    let repro = |command| {
        let variant = experiment.variant.as_deref();
        Repro::new(command, file, variant, experiment.seed().0)
    };
    if let Some((group, record)) = anomaly(outcome) {
        let mut why = repro("why").with("--record", &record);
        if 1 < outcome.verdict.groups.len() {
            why = why.with("--group", group);
        }
        text.line(Tone::Plain, format!("why:       {why}"));
    }
    text.line(Tone::Plain, format!("reproduce: {}", repro("run")));
}

/// A record worth explaining: the last of the worst kind, for the group it happened to.
fn anomaly(outcome: &Outcome) -> Option<(&str, String)> {
    outcome.verdict.groups.iter().find_map(|group| {
        let mut sets: Vec<&NamedSet> = group.lost.values().collect();
        sets.extend([&group.duplicated, &group.reordered, &group.overtaken]);
        sets.push(&group.past_unprocessed);
        let set = sets.into_iter().find(|set| !set.is_empty())?;
        let record = set.iter().last()?;
        Some((group.name.as_str(), outcome.ledger.name_of(record)))
    })
}

/// One line on a run, for a list of many.
pub fn line(file: &str, experiment: &Experiment, outcome: &Outcome) -> (Tone, String) {
    let (tone, word) = match outcome.standing() {
        Standing::AsExpected => (Tone::Good, "ok"),
        Standing::NotAsExpected => (Tone::Bad, "FAILED"),
        Standing::BoundHit => (Tone::Bad, "UNKNOWN"),
    };
    let variant = experiment.variant.as_ref();
    let variant = variant.map_or(String::new(), |variant| format!(" [{variant}]"));
    (tone, format!("{word:<8}{file}{variant}"))
}

/// Records by their senders, for where offsets differ from run to run.
pub(super) fn by_sender(experiment: &Experiment, records: &[crate::base::RecordId]) -> String {
    name::records(&experiment.setup.cast, records, 160)
}
