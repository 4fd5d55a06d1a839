//! Variants side by side: a row per variant, what each kept and broke, what it cost, and the
//! records that fared differently.

use std::collections::BTreeSet;

use super::columns::{self, Row};
use super::table::Table;
use super::text::{Text, Tone, counted, grouped};
use super::verdict::{self, by_sender};
use super::{costs, explanation};
use crate::base::RecordId;
use crate::lab::compare::{Difference, Findings, Whose};
use crate::lab::explain::Explanation;
use crate::lab::{Comparison, Experiment, Outcome, Repro, Standing};
use crate::verdict::Ending;
use crate::verdict::guarantee::{Finding, Guarantee};
use crate::verdict::outcome::Outcome as Fate;

/// Differences shown of one group.
const DIFFERENCES_MAX: usize = 20;

/// A comparison of the variants of `file`.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'c> {
    /// The path as it was typed.
    pub file: &'c str,
    /// The runs.
    pub comparison: &'c Comparison,
}

impl Compared<'_> {
    /// The whole report.
    pub fn report(&self) -> Text {
        let mut text = Text::default();
        let comparison = self.comparison;
        if let Some((experiment, _)) = comparison.runs.first() {
            text.wrapped(Tone::Strong, 0, &experiment.scenario.title);
            if let Some(question) = &experiment.scenario.question {
                text.wrapped(Tone::Plain, 0, question);
            }
            text.line(Tone::Faint, format!("seed {}", experiment.seed().0));
        }
        let guarantees = comparison.guarantees();
        for group in comparison.groups() {
            text.gap();
            text.append(rows(comparison, group));
            let own = |whose: &Whose| matches!(whose, Whose::Group(name) if name == group);
            for (whose, findings) in guarantees.iter().filter(|(whose, _)| own(whose)) {
                text.gap();
                self.guarantees(&mut text, whose, findings);
            }
            text.gap();
            text.append(differences(comparison, group));
        }
        self.logs(&mut text, &guarantees);
        text.gap();
        costs::latencies(&mut text, comparison);
        text.gap();
        costs::requests(&mut text, comparison);
        text.gap();
        failures(&mut text, comparison);
        text.gap();
        self.hints(&mut text);
        text
    }

    /// The logs in which something went wrong in some variant; all of them where nobody reads.
    fn logs(&self, text: &mut Text, guarantees: &[(Whose, Vec<Option<Findings>>)]) {
        let nobody_reads = self.comparison.groups().is_empty();
        for (whose, findings) in guarantees {
            let all = || findings.iter().flatten().flatten();
            let broken = all().any(|(_, finding)| finding.is_broken());
            if matches!(whose, Whose::Topic(_)) && (nobody_reads || broken) {
                text.gap();
                self.guarantees(text, whose, findings);
            }
        }
    }

    /// A row per variant, and below it the first record that shows what is broken.
    fn guarantees(&self, text: &mut Text, whose: &Whose, findings: &[Option<Findings>]) {
        let title = match whose {
            Whose::Group(_) => "variant".to_owned(),
            Whose::Topic(name) => format!("log of {name}"),
        };
        let Some(any) = findings.iter().flatten().next() else {
            return;
        };
        let mut heading = vec![title.as_str()];
        heading.extend(any.iter().map(|(guarantee, _)| guarantee.word()));
        let mut table = Table::new(&heading);
        let mut evidence = Text::default();
        for (run, findings) in self.comparison.runs.iter().zip(findings) {
            let mut cells = vec![variant(&run.0).to_owned()];
            match findings {
                None => cells.extend(any.iter().map(|_| "-".to_owned())),
                Some(findings) => {
                    cells.extend(findings.iter().map(|(_, f)| finding_word(*f).to_owned()));
                    one_evidence(&mut evidence, run, whose, findings);
                }
            }
            table.row(cells);
        }
        text.table(2, table);
        text.gap();
        text.append(evidence);
    }

    /// The commands that go on from here.
    fn hints(&self, text: &mut Text) {
        let differs = self.first_difference().is_some() || !self.broken_logs().is_empty();
        if differs {
            text.line(Tone::Plain, format!("why:       {} --why", self.repro()));
        }
        text.line(Tone::Plain, format!("reproduce: {}", self.repro()));
    }

    /// The command of this comparison.
    pub fn repro(&self) -> Repro {
        let runs = &self.comparison.runs;
        let seed = runs
            .first()
            .map_or(1, |(experiment, _)| experiment.seed().0);
        Repro::new("compare", self.file, None, seed)
    }

    fn first_difference(&self) -> Option<Difference> {
        let comparison = self.comparison;
        let groups = comparison.groups().into_iter();
        let mut groups = groups.filter(|_| comparison.is_comparable());
        groups.find_map(|group| comparison.differences(group).into_iter().next())
    }

    /// The command that explains a record in a variant.
    pub fn why(&self, index: usize, group: Option<&str>, record: &str) -> Repro {
        let (experiment, _) = &self.comparison.runs[index];
        let variant = experiment.variant.as_deref();
        let why = Repro::new("why", self.file, variant, experiment.seed().0);
        let why = why.with("--record", record);
        match group {
            Some(group) if 1 < self.comparison.groups().len() => why.with("--group", group),
            _ => why,
        }
    }

    /// The first record of every difference, explained in every variant where it did not simply
    /// arrive once.
    pub fn explanations(&self) -> Text {
        let (mut text, comparison) = (Text::default(), self.comparison);
        let groups = comparison.groups().into_iter();
        for group in groups.filter(|_| comparison.is_comparable()) {
            for difference in comparison.differences(group).iter().take(DIFFERENCES_MAX) {
                text.gap();
                text.append(one_difference(comparison, difference));
                let explained = comparison.explain(difference.records[0], Some(group));
                self.explained(&mut text, &explained);
            }
        }
        for (whose, record) in self.broken_logs() {
            text.gap();
            text.line(Tone::Plain, format!("  The log of {whose}:"));
            self.explained(&mut text, &comparison.explain(record, None));
        }
        if text == Text::default() {
            text.line(Tone::Plain, "Every record fares alike in all variants.");
        }
        text
    }

    /// The records that show first what is broken in the logs that [`Compared::logs`] shows.
    fn broken_logs(&self) -> BTreeSet<(String, RecordId)> {
        let comparable = self.comparison.is_comparable();
        let guarantees = self.comparison.guarantees().into_iter();
        let mut broken = BTreeSet::new();
        for (whose, findings) in guarantees.filter(|_| comparable) {
            let Whose::Topic(topic) = whose else { continue };
            for (_, finding) in findings.iter().flatten().flatten() {
                if let Finding::Broken { first, .. } = finding {
                    broken.insert((topic.clone(), *first));
                }
            }
        }
        broken
    }

    /// One record, explained in every variant.
    pub fn explained(&self, text: &mut Text, explained: &[Explanation]) {
        for ((experiment, outcome), explanation) in self.comparison.runs.iter().zip(explained) {
            text.gap();
            text.line(Tone::Strong, format!("In {}:", variant(experiment)));
            text.append(explanation::report(experiment, outcome, explanation));
        }
    }
}

/// The name of a run among others.
pub(super) fn variant(experiment: &Experiment) -> &str {
    experiment.variant.as_deref().unwrap_or("the file")
}

/// A row per variant.
fn rows(comparison: &Comparison, group: &str) -> Text {
    let rows: Vec<Row<'_>> = (comparison.runs.iter())
        .map(|(experiment, outcome)| Row {
            name: variant(experiment).to_owned(),
            group: outcome.verdict.group(group),
            end: Some(match outcome.standing() {
                Standing::AsExpected => "yes",
                Standing::NotAsExpected => "NO",
                Standing::BoundHit => "unknown",
            }),
        })
        .collect();
    columns::table(group, &rows, Some("expected"))
}

const fn finding_word(finding: Finding) -> &'static str {
    match finding {
        Finding::Kept => "kept",
        Finding::Broken { .. } => "BROKEN",
        Finding::Open { .. } => "open",
    }
}

/// Which record shows first that a guarantee is broken, or why it is open. Exactly-once is broken
/// by what breaks the two others, so it is not said again.
fn one_evidence(
    text: &mut Text,
    (experiment, outcome): &(Experiment, Outcome),
    whose: &Whose,
    findings: &Findings,
) {
    let variant = variant(experiment);
    for (guarantee, finding) in findings {
        let word = guarantee.word();
        match finding {
            Finding::Broken { count, first } if *guarantee != Guarantee::ExactlyOnce => {
                let (name, sender) = (outcome.ledger.name_of(*first), sender(experiment, *first));
                let name = if name == sender {
                    name
                } else {
                    format!("{name} ({sender})")
                };
                let fate = fate_in(experiment, outcome, whose, *first, *guarantee);
                let records = if *count == 1 {
                    format!("{name} {fate}")
                } else {
                    let records = counted(*count, "record", "records");
                    format!("{records}; the first, {name}, {fate}")
                };
                let words = format!("{variant} breaks {word}: {records}");
                text.hanging(Tone::Bad, 2, 4, &words);
            }
            Finding::Open { waiting } if *guarantee != Guarantee::ExactlyOnce => {
                let why = match waiting {
                    0 => "the run was cut short".to_owned(),
                    _ => format!("{} to be dealt with", waits(*waiting)),
                };
                text.hanging(
                    Tone::Plain,
                    2,
                    4,
                    &format!("{variant} leaves {word} open: {why}"),
                );
            }
            _ => {}
        }
    }
}

fn waits(count: u64) -> String {
    let verb = if count == 1 { "is still" } else { "are still" };
    format!("{} {verb}", counted(count, "record", "records"))
}

fn sender(experiment: &Experiment, record: RecordId) -> String {
    experiment.setup.cast.record(record)
}

/// What happened to the record that shows it.
fn fate_in(
    experiment: &Experiment,
    outcome: &Outcome,
    whose: &Whose,
    record: RecordId,
    guarantee: Guarantee,
) -> String {
    let group = match whose {
        Whose::Group(name) => experiment.setup.cast.group_id(name),
        Whose::Topic(_) => None,
    };
    match (guarantee, group) {
        (Guarantee::OrderPerKey, _) => "took effect too late".to_owned(),
        (Guarantee::OrderPerPartition, _) => "lies behind one that was sent later".to_owned(),
        (_, Some(group)) => {
            let drained = outcome.verdict.ends == Ending::Drained;
            let fate = outcome.ledger.outcomes(group, drained).of(record);
            format!("was {}", fate_words(fate))
        }
        (Guarantee::AtMostOnce, None) => "is in the log more than once".to_owned(),
        (_, None) => "is in no log, and its client does not know".to_owned(),
    }
}

fn differences(comparison: &Comparison, group: &str) -> Text {
    let mut text = Text::default();
    if comparison.runs.len() < 2 {
        return text;
    }
    if !comparison.is_comparable() {
        let why = "The variants send different records, so single records are not compared.";
        text.wrapped(Tone::Plain, 2, why);
        return text;
    }
    let differences = comparison.differences(group);
    if differences.is_empty() {
        text.wrapped(Tone::Plain, 2, "Every record fares alike in all variants.");
    }
    for difference in differences.iter().take(DIFFERENCES_MAX) {
        text.append(one_difference(comparison, difference));
    }
    if DIFFERENCES_MAX < differences.len() {
        let more = differences.len() - DIFFERENCES_MAX;
        let words = format!("… and {} further combinations", grouped(more as u64));
        text.wrapped(Tone::Faint, 2, &words);
    }
    text
}

/// `4 records: duplicated in at-least-once, once in at-most-once` and their names below.
fn one_difference(comparison: &Comparison, difference: &Difference) -> Text {
    let mut text = Text::default();
    let runs = comparison.runs.iter().map(|(experiment, _)| experiment);
    let fates: Vec<String> = runs
        .zip(&difference.fates)
        .map(|(experiment, fate)| format!("{} in {}", fate_words(*fate), variant(experiment)))
        .collect();
    let count = counted(difference.records.len() as u64, "record", "records");
    text.hanging(Tone::Plain, 2, 4, &format!("{count}: {}", fates.join("; ")));
    let baseline = &comparison.runs[0].0;
    text.wrapped(Tone::Faint, 6, &by_sender(baseline, &difference.records));
    text
}

/// What was demanded of a variant and is not so.
fn failures(text: &mut Text, comparison: &Comparison) {
    for (experiment, outcome) in &comparison.runs {
        let failures = verdict::failures(&outcome.judgement);
        if failures != Text::default() {
            text.gap();
            text.wrapped(
                Tone::Bad,
                2,
                &format!("{} is not as expected:", variant(experiment)),
            );
            text.append(failures);
        }
    }
}

/// What a record came to, in a few words.
pub fn fate_words(fate: Fate) -> String {
    match fate {
        Fate::Once => "once".to_owned(),
        Fate::Duplicated => "duplicated".to_owned(),
        Fate::Lost(stage) => format!("lost ({})", stage.word()),
        Fate::HandedOn => "handed on".to_owned(),
        Fate::Compacted => "compacted away".to_owned(),
        Fate::Waiting => "waiting".to_owned(),
        Fate::None => "no concern".to_owned(),
    }
}
