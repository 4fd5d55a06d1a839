//! The questions that an assertion asks of an outcome.

use std::fmt;

use super::run::{Outcome, Standing};
use crate::verdict::Stage;
use crate::verdict::names::NamedSet;
use crate::verdict::summary::GroupVerdict;

/// So many names are shown of a set of records.
const NAMES_SHOWN: usize = 8;

/// What became of the records of one group.
#[derive(Clone, Copy, Debug)]
pub struct GroupOutcome<'o> {
    /// All that is known of the group.
    pub verdict: &'o GroupVerdict,
}

/// Records of an outcome, by the names that the file gives them.
#[derive(Clone, Debug)]
pub struct Found<'o>(Vec<&'o NamedSet>);

impl Outcome {
    /// Whether everything that the scenario demands is so.
    pub fn as_expected(&self) -> bool {
        self.standing() == Standing::AsExpected
    }

    /// What became of the records of a group.
    ///
    /// # Panics
    /// If the scenario has no such group, as an index does; [`Verdict::group`] asks whether it has.
    ///
    /// [`Verdict::group`]: crate::verdict::Verdict::group
    pub fn group(&self, name: &str) -> GroupOutcome<'_> {
        let Some(verdict) = self.verdict.group(name) else {
            let groups = self.verdict.groups.iter().map(|group| group.name.as_str());
            let groups: Vec<&str> = groups.collect();
            panic!("no group is called `{name}`; groups: {}", groups.join(", "));
        };
        GroupOutcome { verdict }
    }
}

impl<'o> GroupOutcome<'o> {
    /// The records that took effect exactly once.
    pub fn once(&self) -> Found<'o> {
        Found(vec![&self.verdict.once])
    }

    /// The records that took effect more than once.
    pub fn duplicated(&self) -> Found<'o> {
        Found(vec![&self.verdict.duplicated])
    }

    /// The records that never took effect, and never will.
    pub fn lost(&self) -> Found<'o> {
        Found(self.verdict.lost.values().collect())
    }

    /// The records lost at one stage, such as `"skipped-by-commit"`.
    pub fn lost_at(&self, stage: &str) -> Found<'o> {
        let stage = Stage::parse(stage);
        Found(
            stage
                .and_then(|stage| self.verdict.lost.get(&stage))
                .into_iter()
                .collect(),
        )
    }

    /// The records that took effect after one that was behind them.
    pub fn reordered(&self) -> Found<'o> {
        Found(vec![&self.verdict.reordered])
    }

    /// The records that took effect after a later one with the same key, from another partition.
    pub fn overtaken(&self) -> Found<'o> {
        Found(vec![&self.verdict.overtaken])
    }

    /// The records that failed here and were sent to another topic.
    pub fn handed_on(&self) -> Found<'o> {
        Found(vec![&self.verdict.handed_on])
    }

    /// The records that are neither done nor lost.
    pub fn waiting(&self) -> Found<'o> {
        Found(vec![&self.verdict.waiting])
    }
}

impl<'o> Found<'o> {
    /// How many.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|set| set.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their names, neighbours as spans: `orders-0@4..9`, `shop#7`. A large set is cut off after a
    /// thousand names.
    pub fn names(&self) -> Vec<&'o str> {
        let names = self.0.iter().flat_map(|set| set.names());
        names.map(String::as_str).collect()
    }
}

impl fmt::Display for Found<'_> {
    /// The number, and the first names in brackets if there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.len())?;
        let names = self.names();
        if names.is_empty() {
            return Ok(());
        }
        let more = if NAMES_SHOWN < names.len() {
            ", …"
        } else {
            ""
        };
        let shown = &names[..names.len().min(NAMES_SHOWN)];
        write!(f, " [{}{more}]", shown.join(", "))
    }
}

impl fmt::Display for GroupOutcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, once) = (&self.verdict.name, self.verdict.once.len());
        let (duplicated, lost) = (self.duplicated(), self.lost());
        write!(
            f,
            "{name}: once {once}, duplicated {duplicated}, lost {lost}"
        )
    }
}

impl fmt::Display for Outcome {
    /// A line for each group, and one on whether the demands are met.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for verdict in &self.verdict.groups {
            writeln!(f, "{}", GroupOutcome { verdict })?;
        }
        f.write_str(match self.standing() {
            Standing::AsExpected => "as expected",
            Standing::NotAsExpected => "not as expected",
            Standing::BoundHit => "unknown: a bound of the run was hit",
        })
    }
}
