//! Many seeds for a person: how many came out how, what that tells, and which to look at.

use super::comparison::variant;
use super::table::Table;
use super::text::{KEPT_TOGETHER, Text, Tone, counted, grouped};
use crate::lab::tally::{Class, Hits, ScopeTally, Stretch, Tally};
use crate::lab::{Experiment, Repro, Share, Standing, Sweep};
use crate::trace::name;
use crate::verdict::guarantee::{Kind, Scope};

/// Records named of those that fared badly most often.
const RECORDS_MAX: usize = 5;

/// Kinds of trouble, those a lesson is about first.
const TROUBLES: [Kind; 5] = [
    Kind::Duplicated,
    Kind::Lost,
    Kind::Reordered,
    Kind::HandedOn,
    Kind::Waiting,
];

/// A sweep, with what it was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Swept<'s> {
    /// The path as it was typed.
    pub file: &'s str,
    /// The command: `run` or `compare`.
    pub command: &'s str,
    /// What was run.
    pub experiments: &'s [Experiment],
    /// What came out.
    pub sweep: &'s Sweep,
}

impl Swept<'_> {
    /// The whole report.
    pub fn report(&self) -> Text {
        let mut text = Text::default();
        self.heading(&mut text);
        for index in self.shown_scopes() {
            text.gap();
            self.outcomes(&mut text, index);
            text.gap();
            self.guarantees(&mut text, index);
            text.gap();
            self.per_seed(&mut text, index);
            text.gap();
            self.most_often(&mut text, index);
        }
        text.gap();
        self.expectations(&mut text);
        text.gap();
        self.differences(&mut text);
        text.gap();
        self.first_seeds(&mut text);
        let reproduce = self.this_sweep();
        text.line(Tone::Plain, format!("reproduce: {reproduce}"));
        text
    }

    fn tallies(&self) -> impl Iterator<Item = (&str, &Tally)> {
        let names = self.experiments.iter().map(variant);
        names.zip(&self.sweep.tallies)
    }

    fn scopes(&self, index: usize) -> impl Iterator<Item = (&str, &Tally, &ScopeTally)> {
        let tallies = self.tallies();
        tallies.filter_map(move |(name, tally)| Some((name, tally, tally.scopes.get(index)?)))
    }

    /// Groups; and topics in whose logs something went wrong, or all where there is no group.
    fn shown_scopes(&self) -> Vec<usize> {
        let all = |index: &usize| self.scopes(*index).map(|(_, _, scope)| scope);
        let most = self.sweep.tallies.iter().map(|tally| tally.scopes.len());
        let most = most.max().unwrap_or(0);
        let is_group = |scope: &ScopeTally| matches!(scope.scope, Scope::Group(_));
        let groups = (0..most).any(|index| all(&index).any(is_group));
        let bad = |kind: &Kind| !matches!(kind, Kind::Once | Kind::Waiting);
        let wrong = |scope: &ScopeTally| scope.classes.keys().flatten().any(bad);
        let shown =
            |index: &usize| !groups || all(index).any(|scope| is_group(scope) || wrong(scope));
        (0..most).filter(shown).collect()
    }

    fn heading(&self, text: &mut Text) {
        if let Some(experiment) = self.experiments.first() {
            text.wrapped(Tone::Strong, 0, &experiment.scenario.title);
            if let Some(question) = &experiment.scenario.question {
                text.wrapped(Tone::Plain, 0, question);
            }
        }
        let variant = match self.experiments {
            [one] => one.variant.as_ref(),
            _ => None,
        };
        let variant = variant.map_or(String::new(), |variant| format!("variant {variant}, "));
        let seeds = self.sweep.seeds;
        let (first, last) = (seeds.first(), seeds.last());
        text.line(Tone::Faint, format!("{variant}seeds {first} to {last}"));
    }

    /// The first columns of a row: what it is about, and the variant where there are several.
    fn start(&self, what: &str, variant: &str) -> Vec<String> {
        let mut cells = vec![what.to_owned()];
        if 1 < self.experiments.len() {
            cells.push(variant.to_owned());
        }
        cells
    }

    fn table(&self, what: &str, columns: &[&str]) -> Table {
        let start = self.start(what, "variant");
        let mut heading: Vec<&str> = start.iter().map(String::as_str).collect();
        heading.extend(columns);
        Table::new(&heading)
    }

    /// A row per outcome that occurred, and variant.
    fn outcomes(&self, text: &mut Text, index: usize) {
        let mut classes: Vec<&Class> = Vec::new();
        let mut title = String::new();
        for (_, _, scope) in self.scopes(index) {
            title = scope_name(scope);
            classes.extend(scope.classes.keys());
        }
        classes.sort_unstable();
        classes.dedup();
        let mut table = self.table(&title, &["seeds", "share", "95 % interval", "first seed"]);
        for class in classes {
            for (name, tally, scope) in self.scopes(index) {
                let hits = scope.classes.get(class).copied().unwrap_or_default();
                let mut cells = self.start(&class_words(class), name);
                cells.extend(hit_cells(tally, hits));
                table.row(cells);
            }
        }
        text.table(2, table);
    }

    fn guarantees(&self, text: &mut Text, index: usize) {
        let columns = ["broken in", "share", "95 % interval", "first seed"];
        let mut table = self.table("guarantee", &columns);
        let mut open = Text::default();
        let count = self
            .scopes(index)
            .map(|(_, _, scope)| scope.guarantees.len());
        for number in 0..count.max().unwrap_or(0) {
            for (name, tally, scope) in self.scopes(index) {
                let (guarantee, broken, left_open) = scope.guarantees[number];
                let mut cells = self.start(guarantee.word(), name);
                cells.extend(hit_cells(tally, broken));
                table.row(cells);
                if let Some(first) = left_open.first {
                    let words = format!(
                        "{} is left open in {} (the first is {first}): records wait, or a bound was hit.",
                        guarantee.word(),
                        counted(left_open.seeds, "seed", "seeds"),
                    );
                    open.hanging(Tone::Plain, 2, 4, &words);
                }
            }
        }
        text.table(2, table);
        text.append(open);
    }

    fn per_seed(&self, text: &mut Text, index: usize) {
        let mut table = self.table("records per seed", &["mean", "fewest", "most"]);
        for kind in Kind::ALL {
            let scopes = || self.scopes(index);
            let occurs = scopes().any(|(_, _, scope)| 0 < scope.kinds[kind as usize].most);
            for (name, tally, scope) in scopes().filter(|_| occurs) {
                let range = scope.kinds[kind as usize];
                let mut cells = self.start(kind.word(), name);
                cells.push(range.mean(tally.seeds));
                cells.extend([grouped(range.least), grouped(range.most)]);
                table.row(cells);
            }
        }
        text.table(2, table);
    }

    /// The records that fared badly in most seeds, by their senders: where they lie may differ.
    fn most_often(&self, text: &mut Text, index: usize) {
        for (number, (name, tally, scope)) in self.scopes(index).enumerate() {
            let cast = &self.experiments[number].setup.cast;
            for kind in TROUBLES {
                let mut stretches = scope.records(kind);
                stretches.sort_by_key(|stretch| std::cmp::Reverse(stretch.seeds));
                if stretches.is_empty() {
                    continue;
                }
                let words = |stretch: &Stretch| {
                    let ids: Vec<_> = stretch.records().collect();
                    let hits = Hits {
                        seeds: stretch.seeds,
                        first: None,
                    };
                    let share = tally.share(hits);
                    let records = name::records(cast, &ids, 40);
                    format!("{records} in {} ({})", together(&share), interval(share))
                };
                let shown = stretches.iter().take(RECORDS_MAX).map(words);
                let mut shown: Vec<String> = shown.collect();
                if RECORDS_MAX < stretches.len() {
                    shown.push("…".to_owned());
                }
                let variant = match self.experiments.len() {
                    1 => String::new(),
                    _ => format!(" in {name}"),
                };
                let (kind, list) = (kind.word(), shown.join("; "));
                let words = format!("most often {kind}{variant}: {list}");
                text.hanging(Tone::Plain, 2, 4, &words);
            }
        }
    }

    fn expectations(&self, text: &mut Text) {
        for (name, tally) in self.tallies() {
            let whose = match self.experiments.len() {
                1 => String::new(),
                _ => format!("{name}: "),
            };
            let seeds = counted(tally.seeds, "seed", "seeds");
            let good = tally.of_standing(Standing::AsExpected).seeds;
            if good == tally.seeds {
                let words = format!("{whose}as expected under all of {seeds}");
                text.labelled(Tone::Good, "  ok", LABEL, &words);
                continue;
            }
            let words = format!("{whose}as expected under {} of {seeds}", grouped(good));
            text.labelled(Tone::Bad, "  FAILED", LABEL, &words);
            for (what, hits) in &tally.failed {
                let words = format!("{what}: failed {}", times(tally, *hits));
                text.labelled(Tone::Plain, "", LABEL, &words);
            }
            for (what, hits) in &tally.endings {
                let words = format!("{what} {}", times(tally, *hits));
                text.labelled(Tone::Plain, "", LABEL, &words);
            }
        }
    }

    /// In how many seeds the variants did not fare alike.
    fn differences(&self, text: &mut Text) {
        let Some(baseline) = self.experiments.first().map(variant) else {
            return;
        };
        let others = self.tallies().zip(&self.sweep.differs).skip(1);
        for ((name, tally), differs) in others {
            let words = if differs.seeds == 0 {
                format!("{name}: every record fares as in {baseline} under every seed")
            } else {
                let times = times(tally, *differs);
                format!("{name}: some record fares otherwise than in {baseline} {times}")
            };
            text.hanging(Tone::Plain, 2, 4, &words);
        }
    }

    /// A command for the first seed of each outcome.
    fn first_seeds(&self, text: &mut Text) {
        for index in self.shown_scopes() {
            for (number, (_, _, scope)) in self.scopes(index).enumerate() {
                for (class, hits) in &scope.classes {
                    let Some(seed) = hits.first else { continue };
                    let repro = self.one(number, seed);
                    text.line(
                        Tone::Faint,
                        format!("{}, {}:", scope.name, class_words(class)),
                    );
                    text.line(Tone::Plain, format!("  {repro}"));
                }
            }
        }
    }

    /// The command for one run of the sweep.
    pub fn one(&self, experiment: usize, seed: u64) -> Repro {
        let variant = self.experiments[experiment].variant.as_deref();
        Repro::new("run", self.file, variant, seed)
    }

    /// The command for the whole sweep.
    pub fn this_sweep(&self) -> Repro {
        let variant = match self.experiments {
            [one] if self.command == "run" => one.variant.as_deref(),
            _ => None,
        };
        let seeds = self.sweep.seeds;
        let repro = Repro::new(self.command, self.file, variant, seeds.first());
        repro.with("--seeds", &seeds.count().to_string())
    }
}

/// Where a label ends and what is said begins.
const LABEL: usize = 10;

fn scope_name(scope: &ScopeTally) -> String {
    match scope.scope {
        Scope::Group(_) => scope.name.clone(),
        Scope::Topic(_) => format!("log of {}", scope.name),
    }
}

/// `duplicated, lost`; a run without trouble has every record once.
pub fn class_words(class: &Class) -> String {
    if class.is_empty() {
        return "every record once".to_owned();
    }
    let words: Vec<&str> = class.iter().map(|kind| kind.word()).collect();
    words.join(", ")
}

fn hit_cells(tally: &Tally, hits: Hits) -> [String; 4] {
    let share = tally.share(hits);
    [
        grouped(hits.seeds),
        share.to_string(),
        share.interval_text(),
        hits.first.map_or("-".to_owned(), |seed| seed.to_string()),
    ]
}

/// `58.1 to 64.2 %`, never broken.
fn interval(share: Share) -> String {
    together(&share.interval_text())
}

fn together(words: &impl ToString) -> String {
    words.to_string().replace(' ', &KEPT_TOGETHER.to_string())
}

/// `in 12 seeds (0.6 to 2.1 %), first in seed 17`.
fn times(tally: &Tally, hits: Hits) -> String {
    let seeds = counted(hits.seeds, "seed", "seeds");
    let first = hits.first.map_or("-".to_owned(), |seed| seed.to_string());
    let interval = interval(tally.share(hits));
    format!("in {seeds} ({interval}), first in seed {first}")
}
