//! What may be typed: definitions only, no logic.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::base::Span;

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
    Run(One),
    /// Run every variant of a scenario and show them side by side.
    Compare(Every),
    /// Print the scenario with every default and loop written out.
    Show(One),
    /// Tell a run, one line per fact.
    Trace(Trace),
    /// Explain what became of one record.
    Why(Why),
    /// Load a scenario without running it.
    Check(Files),
    /// Run every variant of a file, or of every file in a folder: one line each.
    Test(Files),
    /// Play scenarios on real Apache Kafka too, and say where the stories part.
    Conform(Conform),
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

fn time(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|_| "an instant is a number with a unit, such as `10s`".to_owned())
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
