//! Whole worlds from the text of a scenario file: what the tests of runs have in common.

use kafkasim::lab::{Experiment, Outcome};
use kafkasim::node::Stated;

use crate::loader::load_text;

/// The experiment of a file, or of its first variant.
pub(crate) fn experiment(text: &str) -> Experiment {
    let mut loaded = load_text(text).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
    let run = loaded.runs.remove(loaded.chosen);
    Experiment::new(&run).expect("a checked scenario compiles")
}

/// What became of it.
pub(crate) fn run(text: &str) -> Outcome {
    experiment(text).run()
}

/// Every fact of a run, in order.
pub(crate) fn facts_of(experiment: &Experiment) -> Vec<Stated> {
    let mut facts = Vec::new();
    experiment.watched(&mut |stated| facts.push(stated.clone()));
    facts
}
