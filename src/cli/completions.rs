//! `completions`: a script that teaches a shell the commands and their options.

use clap::CommandFactory;

use super::args::{Cli, Completions};
use super::printer::Printer;
use super::status::Status;

/// Prints the script for a shell.
pub(super) fn completions(args: &Completions, printer: &mut Printer) -> Status {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kafkasim", &mut script);
    let script = String::from_utf8(script).expect("a script of words is UTF-8");
    printer.line(script.trim_end());
    Status::AsExpected
}
