//! `swarm`: random worlds, and what must hold in all of them.

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::Swarm;
use super::printer::Printer;
use super::status::Status;
use crate::lab::swarm::{self, Violation, World};
use crate::report::Tone;

/// Runs the worlds of the seeds, or prints one of them. Each violation comes with the command that
/// shows it again.
pub(super) fn swarm(args: &Swarm, json: bool, printer: &mut Printer) -> Status {
    if args.print {
        let world = World::draw(args.seed).text;
        if json {
            printer.line(json!({ "version": JSON_VERSION, "world": world }));
        } else {
            printer.line(world.trim_end());
        }
        return Status::AsExpected;
    }
    let violations = swarm::run(args.seed, args.seeds, args.threads);
    if json {
        let violations: Vec<Value> = violations.iter().map(document).collect();
        printer.line(json!({
            "version": JSON_VERSION, "worlds": args.seeds, "violations": violations,
        }));
    } else {
        for violation in &violations {
            tell(violation, printer);
        }
        let tone = if violations.is_empty() {
            Tone::Good
        } else {
            Tone::Bad
        };
        let count = violations.len();
        let summary = format!(
            "{} worlds, {count} with something that must not be",
            args.seeds
        );
        printer.toned(tone, summary);
    }
    if violations.is_empty() {
        Status::AsExpected
    } else {
        Status::NotAsExpected
    }
}

fn tell(violation: &Violation, printer: &mut Printer) {
    let seed = violation.seed;
    for what in &violation.what {
        printer.toned(Tone::Bad, format!("seed {seed}: {what}"));
    }
    printer.line(format!("  again:    kafkasim swarm --seed {seed}"));
    printer.line(format!("  the file: kafkasim swarm --seed {seed} --print"));
}

fn document(violation: &Violation) -> Value {
    json!({ "seed": violation.seed, "what": violation.what })
}
