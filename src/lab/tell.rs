//! A run told line by line, for a program.

use super::run::Experiment;
use crate::scenario::Mistakes;
use crate::scenario::written::Scenario;
use crate::trace::{Condenser, Focus, Layout};

/// Runs a scenario and tells its course: a line for each thing that happened, with its time, its
/// actor and what it was, at most 100 columns wide. At most `limits.trace` facts are told.
///
/// # Errors
/// The mistakes of the scenario.
pub fn trace(scenario: &Scenario) -> Result<String, Mistakes> {
    let experiment = Experiment::of(scenario)?;
    let cast = &experiment.setup.cast;
    let mut left = experiment.scenario.limits.trace;
    let (mut focus, mut condenser) = (Focus::default(), Condenser::joining());
    experiment.watched(&mut |stated| {
        if 0 < left && focus.admits(cast, stated) {
            left -= 1;
            condenser.push(cast, stated);
        }
    });
    let layout = Layout::new(cast);
    let lines = condenser.finish(cast).into_iter();
    Ok(lines
        .map(|line| layout.render(cast, &line) + "\n")
        .collect())
}
