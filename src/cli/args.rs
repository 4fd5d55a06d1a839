//! What may be typed: definitions only, no logic.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::base::Span;
use crate::lab::sweep::{SEEDS_MAX, THREADS_MAX};

/// A deterministic simulator of Apache Kafka's delivery semantics.
///
/// Give it a scenario file: it runs the scenario in virtual time from a seed and says what happened
/// to every record, and why.
#[derive(Debug, Parser)]
#[command(name = "kafkasim", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print JSON (with a `version` field) instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

const EXIT_CODES: &str = "\
Exit codes: 0 as expected, 1 not as expected, 2 bad input, 3 a bound was hit and nothing is known.
NO_COLOR is honoured.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and judge it.
    Run(Run),
    /// Run every variant of a scenario and show them side by side.
    Compare(Every),
    /// Print the scenario with every default and loop written out.
    Show(One),
    /// Tell a run, one line per fact.
    Trace(Trace),
    /// Explain what became of one record.
    Why(Why),
    /// Draw charts of a scenario's runs into a folder.
    Chart(Chart),
    /// Make a gallery of every comparison: charts, verdict tables, and an index in Markdown.
    Report(Report),
    /// Load a scenario without running it.
    Check(Files),
    /// Run every variant of a file, or of every file in a folder: one line each.
    Test(Files),
    /// Play scenarios on real Apache Kafka too, and say where the stories part.
    Conform(Conform),
    /// Run every variant in several ways and say whether all give the same run.
    CheckDeterminism(CheckDeterminism),
    /// Run random worlds with random faults and say which promise of Kafka one of them breaks.
    Swarm(Swarm),
    /// List the scenarios of a folder by theme.
    List(List),
    /// Begin a scenario file: a commented scaffold, by theme.
    New(New),
    /// Print what a scenario file may hold, as JSON Schema (draft 7) for editors.
    Schema(Schema),
    /// Print a script that completes this program's commands in a shell.
    Completions(Completions),
}

/// One run of a scenario, or one variant under many seeds.
#[derive(Args, Debug)]
pub struct Run {
    /// The scenario file.
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the arguments say it")]
    pub choice: Choice,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the arguments say it")]
    pub many: Many,
}

/// How many runs, and on how many threads.
#[derive(Args, Debug)]
pub struct Many {
    /// Run under so many seeds, from the seed on, and count what comes out.
    #[arg(long, value_name = "NUMBER", value_parser = seeds, allow_negative_numbers = true)]
    pub seeds: Option<u64>,
    /// Threads for `--seeds`; as many as the machine has unless told otherwise. They change no
    /// result.
    #[arg(long, value_name = "NUMBER", requires = "seeds", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<NonZeroUsize>,
}

/// One run of a scenario.
#[derive(Args, Debug)]
pub struct One {
    /// The scenario file.
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the arguments say it")]
    pub choice: Choice,
}

/// Which run of a scenario.
#[derive(Args, Debug)]
pub struct Choice {
    /// The variant; the first one unless told otherwise.
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// The seed, instead of the file's.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub seed: Option<u64>,
}

/// Every variant of a scenario.
#[derive(Args, Debug)]
pub struct Every {
    /// The scenario file.
    pub file: PathBuf,
    /// The seed, instead of the file's.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Explain the first record of each difference, in every variant where something went wrong.
    #[arg(long, conflicts_with_all = ["seeds", "record"])]
    pub why: bool,
    /// Explain this record in every variant: `orders-0@4`, `shop#7` or `orders/AAPL#3`.
    #[arg(long, value_name = "RECORD", conflicts_with = "seeds")]
    pub record: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the arguments say it")]
    pub many: Many,
}

/// Files and folders of scenarios.
#[derive(Args, Debug)]
pub struct Files {
    /// Scenario files, or folders of them.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
}

/// What is compared with real Kafka, and how.
#[derive(Args, Debug)]
pub struct Conform {
    /// Scenario files, or folders of them.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Only this variant.
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Compare with the runs that are stored; needs neither Java nor Kafka.
    #[arg(long, conflicts_with_all = ["real_only", "record"])]
    pub stored: bool,
    /// Play the real side only, and print its story.
    #[arg(long)]
    pub real_only: bool,
    /// Store the real runs in `tests/real-kafka/recorded`.
    #[arg(long)]
    pub record: bool,
    /// Play so often at least; more where it differs, up to five times.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub runs: usize,
    /// How many are played at a time; each takes a broker and a process for each member.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub jobs: usize,
    /// Print the table of the manual.
    #[arg(long)]
    pub markdown: bool,
}

/// What is held against what, and how.
#[derive(Args, Debug)]
pub struct CheckDeterminism {
    /// Scenario files, or folders of them.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// The seed, instead of each file's.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Check nothing: print the fingerprint of each run, to be compared with another machine's.
    #[arg(long)]
    pub print: bool,
    /// How many runs at a time `--print` makes.
    #[arg(long, value_name = "NUMBER", default_value = "1", requires = "print")]
    pub threads: NonZeroUsize,
}

/// Which random worlds, and what to do with them.
#[derive(Args, Debug)]
pub struct Swarm {
    /// The seed of the first world.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// How many worlds, each with the next seed.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = seeds, conflicts_with = "print", allow_negative_numbers = true)]
    pub seeds: u64,
    /// On so many threads; they change no result.
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = threads, allow_negative_numbers = true)]
    pub threads: NonZeroUsize,
    /// Run nothing: print the world of the seed as a scenario file.
    #[arg(long)]
    pub print: bool,
}

/// What of a run is told.
#[derive(Args, Debug)]
pub struct Trace {
    /// The scenario file.
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the arguments say it")]
    pub choice: Choice,
    /// Only what touches this record: `orders-0@4`, `shop#7` or `orders/AAPL#3`.
    #[arg(long, value_name = "RECORD")]
    pub record: Option<String>,
    /// Only what speaks of this partition, such as `orders-0`.
    #[arg(long, value_name = "PARTITION")]
    pub partition: Option<String>,
    /// Only this actor, or every actor of a producer or group.
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    /// Only what concerns this group.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Only from this instant on, such as `10s`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Span>,
    /// Only up to this instant.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Option<Span>,
    /// Every fact, one line each: requests, replication, metadata too.
    #[arg(long)]
    pub all: bool,
    /// Add the rule of Kafka behind a fact, where it first matters.
    #[arg(long)]
    pub explain: bool,
    /// Draw a sequence diagram: a lane for each node, arrows between them.
    #[arg(long, conflicts_with_all = ["mermaid", "json"])]
    pub lanes: bool,
    /// Write a sequence diagram for Mermaid.
    #[arg(long, conflicts_with = "json")]
    pub mermaid: bool,
    /// How many columns --lanes may take, instead of the terminal's or 100.
    #[arg(long, value_name = "COLUMNS", requires = "lanes")]
    pub width: Option<usize>,
}

/// Which record is explained.
#[derive(Args, Debug)]
pub struct Why {
    /// The scenario file.
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the arguments say it")]
    pub choice: Choice,
    /// The record: `orders-0@4`, `shop#7` or `orders/AAPL#3`.
    #[arg(long, value_name = "RECORD")]
    pub record: String,
    /// The group it is about; needed only where several groups read the record.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
}

/// Which scenarios are listed.
#[derive(Args, Debug)]
pub struct List {
    /// The folder, or a file.
    #[arg(default_value = "scenarios")]
    pub folder: PathBuf,
    /// Only those that cover this row of a course (key `covers` of the file).
    #[arg(long, value_name = "ROW")]
    pub covers: Option<String>,
}

/// Which scaffold, and where to.
#[derive(Args, Debug)]
pub struct New {
    /// The theme: `kafkasim new --list` names them.
    pub theme: Option<String>,
    /// List the themes.
    #[arg(long, conflicts_with = "theme")]
    pub list: bool,
    /// Write to this file instead of stdout.
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub out: Option<PathBuf>,
    /// Overwrite the file if it is there.
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// In which form, and where to.
#[derive(Args, Debug)]
pub struct Schema {
    /// The reference for people, as Markdown, instead of the schema.
    #[arg(long)]
    pub markdown: bool,
    /// Write to this file instead of stdout.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Overwrite the file if it is there.
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// For which shell.
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// What is drawn, and where it goes.
#[derive(Args, Debug)]
pub struct Chart {
    /// The scenario file.
    pub file: PathBuf,
    /// The folder the charts go into; it is made if need be.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// What to draw; every kind unless told otherwise. May be given several times.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<ChartKind>,
    /// Only this variant.
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// The seed, instead of the file's.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// As which kind of file.
    #[arg(
        long,
        value_name = "FORMAT",
        value_delimiter = ',',
        default_value = "svg,png"
    )]
    pub format: Vec<ChartFormat>,
    /// For a projector, or for a printed page.
    #[arg(long, value_name = "SIZE", default_value = "slide")]
    pub size: ChartSize,
    /// Write the data under each chart beside it, as CSV.
    #[arg(long)]
    pub csv: bool,
}

/// A gallery, and where it goes.
#[derive(Args, Debug)]
pub struct Report {
    /// Scenario files, or folders of them; those without variants are passed over.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// The folder of the gallery; it is made if need be.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write nothing: say whether what is there is what would be made.
    #[arg(long)]
    pub check: bool,
}

/// What a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChartKind {
    /// Outcomes of records, by variant.
    Outcomes,
    /// Produced, position and committed offset over time, by partition.
    Offsets,
    /// Who owned which partition when.
    Owners,
    /// The lag over time, by variant.
    Lag,
    /// From send to offset commit, by record.
    Life,
    /// The copies of the partition to which most happened: logs, leaders, who is in sync.
    Replicas,
}

/// What a chart is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChartFormat {
    /// Lines and letters: for documents, the same bytes on every machine.
    Svg,
    /// Pixels: for slides.
    Png,
}

/// What a chart is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChartSize {
    /// 1600 by 900, large letters.
    Slide,
    /// 1000 by 660, for print.
    Page,
}

fn time(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|_| "an instant is a number with a unit, such as `10s`".to_owned())
}

fn seeds(text: &str) -> Result<u64, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=SEEDS_MAX).contains(number));
    number.ok_or_else(|| format!("a sweep has 1 to {SEEDS_MAX} seeds"))
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().and_then(NonZeroUsize::new);
    let number = number.filter(|number| number.get() <= THREADS_MAX);
    number.ok_or_else(|| format!("a sweep has 1 to {THREADS_MAX} threads"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_has_help() {
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments() {
                let id = argument.get_id();
                assert!(
                    argument.get_help().is_some(),
                    "`{}` of `{}`",
                    id,
                    command.get_name()
                );
            }
        }
    }
}
