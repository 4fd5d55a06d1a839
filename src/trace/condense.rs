//! Neighbouring facts of one kind told as one line: ten appends to one partition are one.
//!
//! Facts that are only *more of the same* (sends, appends, acknowledgements, polls, processing) are
//! held back and joined, until a fact of another kind comes: an offset commit, a rebalance, a fault.
//! So no line hides whether something happened before or after such a turn of events. Where that
//! still takes more than two screens, what goes on round by round is told once (`routine`).

use super::layout::Line;
use super::line;
use super::routine::Routine;
use super::stretch::Stretch;
use crate::kafka::Cast;
use crate::node::fact::Stated;

/// Two screens of 50 lines: what is longer is not read aloud.
pub const LINES_MAX: usize = 100;

/// Turns facts into lines.
#[derive(Clone, Debug)]
pub struct Condenser {
    /// Stretches that may still grow, in order of their beginning.
    open: Vec<Stretch>,
    lines: Vec<Line>,
    /// The same told shortly, if neighbours are joined at all.
    routine: Option<Routine>,
}

impl Condenser {
    /// Joins what is more of the same.
    pub fn joining() -> Self {
        Self {
            open: Vec::new(),
            lines: Vec::new(),
            routine: Some(Routine::default()),
        }
    }

    /// One line per fact.
    pub fn plain() -> Self {
        Self {
            routine: None,
            ..Self::joining()
        }
    }

    /// Takes the next fact.
    pub fn push(&mut self, cast: &Cast, stated: &Stated) {
        if let Some(routine) = &mut self.routine {
            routine.push(cast, stated);
        }
        match Stretch::of(stated) {
            Some(stretch) if self.routine.is_some() => {
                if !self.open.iter_mut().any(|open| open.join(&stretch)) {
                    self.open.push(stretch);
                }
            }
            _ => {
                self.flush(cast);
                self.lines.push(line::line_of(cast, stated));
            }
        }
    }

    /// Whether joining neighbours is not enough, so that rounds are told once.
    pub fn is_long(&self) -> bool {
        self.routine.is_some() && LINES_MAX < self.lines.len() + self.open.len()
    }

    /// The lines, in order of time; at one instant in the order in which they were stated.
    pub fn finish(mut self, cast: &Cast) -> Vec<Line> {
        let is_long = self.is_long();
        if let Some(routine) = self.routine.take_if(|_| is_long) {
            return routine.finish(cast);
        }
        self.flush(cast);
        // A stretch is stated when it ends, and told where it began.
        self.lines.sort_by_key(|line| line.at);
        self.lines
    }

    fn flush(&mut self, cast: &Cast) {
        let told = self
            .open
            .drain(..)
            .map(|stretch| line::stretch(cast, &stretch));
        self.lines.extend(told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RecordId;
    use crate::kafka::Records;
    use crate::node::fact::{FaultFact, LogFact};
    use crate::trace::Layout;
    use crate::trace::example::{BROKER, MEMBER, cast, orders, stated};

    fn appended(id: u64, partition: u32, offset: u64, record: u32) -> Stated {
        let fact = LogFact::Appended {
            partition: orders(partition),
            base_offset: offset,
            records: Records::one(RecordId(record)),
            count: 1,
            leader_epoch: 0,
        };
        stated(id, id * 1_000, BROKER, fact)
    }

    #[test]
    fn appends_are_told_as_one_until_something_else_happens() {
        let cast = cast();
        let facts = [
            appended(1, 0, 0, 0),
            appended(2, 1, 0, 1),
            appended(3, 0, 1, 2),
            stated(4, 4_000, MEMBER, FaultFact::Crashed),
            appended(5, 0, 2, 3),
        ];
        let mut condenser = Condenser::joining();
        for fact in &facts {
            condenser.push(&cast, fact);
        }
        let layout = Layout::new(&cast);
        let lines = condenser.finish(&cast);
        let text: Vec<_> = lines
            .iter()
            .map(|line| layout.render(&cast, line))
            .collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        0.001000   broker-1   appends     orders-0@0..1 (shop#1 #3), until 0.003s
        0.002000   broker-1   appends     orders-1@0 (shop#2)
        0.004000 ! workers-1  crashes     its memory is gone, its connections are reset
        0.005000   broker-1   appends     orders-0@2 (shop#4)
        "#);
    }
}
