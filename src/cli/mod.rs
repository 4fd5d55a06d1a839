//! The command line: parse, call, map to an exit code.
//!
//! The only layer that knows clap, reads files and the environment, and prints. One file per
//! command; what they share is loading (`input`), output (`printer`) and the exit codes (`status`).

pub mod args;
mod chart;
mod check;
mod compare;
mod completions;
mod conform;
mod determinism;
mod files;
mod input;
mod list;
mod new;
mod printer;
mod real_kafka;
mod report;
mod run;
mod schema;
mod show;
mod status;
mod swarm;
mod sweep;
mod test;
mod trace;
mod why;
mod write;

use std::process::{ExitCode, Termination};

use clap::Parser;

use crate::report::Tone;
use args::{Cli, Command};
use printer::Printer;
use status::Status;

/// The version of every JSON document this program prints, save for the facts of `trace`, which
/// carry their own.
const JSON_VERSION: u32 = 1;

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            // Help and version come this way too. A closed pipe is no error here either.
            let _ = message.print();
            return if message.use_stderr() {
                Status::BadInput
            } else {
                Status::AsExpected
            }
            .report();
        }
    };
    let mut printer = Printer::new();
    let status = carry_out(&cli, &mut printer);
    if let Err(error) = printer.finish() {
        printer.remark(
            Tone::Bad,
            format_args!("error[output]: standard output: {}", write::plain(&error)),
        );
        return Status::BadInput.report();
    }
    status.report()
}

fn carry_out(cli: &Cli, printer: &mut Printer) -> Status {
    let json = cli.json;
    let done = match &cli.command {
        Command::Run(args) => run::run(args, json, printer),
        Command::Compare(args) => compare::compare(args, json, printer),
        Command::Show(args) => show::show(args, json, printer),
        Command::Trace(args) => trace::trace(args, json, printer),
        Command::Why(args) => why::why(args, json, printer),
        Command::Chart(args) => chart::chart(args, json, printer),
        Command::Report(args) => report::report(args, json, printer),
        Command::Check(args) => check::check(args, json, printer),
        Command::Test(args) => test::test(args, json, printer),
        Command::Conform(args) => conform::conform(args, json, printer),
        Command::CheckDeterminism(args) => determinism::check_determinism(args, json, printer),
        Command::Swarm(args) => Ok(swarm::swarm(args, json, printer)),
        Command::List(args) => list::list(args, json, printer),
        Command::New(args) => new::new(args, json, printer),
        Command::Schema(args) => schema::schema(args, printer),
        Command::Completions(args) => Ok(completions::completions(args, printer)),
    };
    done.unwrap_or_else(|refusal| {
        refusal.tell(printer);
        Status::BadInput
    })
}
