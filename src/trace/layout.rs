//! The columns of a trace: time, mark of a fault, actor, verb, what.

use super::link::Link;
use crate::base::{Instant, NodeId};
use crate::kafka::Cast;
use crate::node::fact::FactId;

/// The widest line.
pub const COLUMNS: usize = 100;

/// The widest verb.
pub(crate) const VERB: usize = 11;

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When; for a stretch, when it began.
    pub at: Instant,
    /// When it was over; for anything but a stretch the same.
    pub until: Instant,
    /// Who.
    pub who: NodeId,
    /// Whether it was done to the actor from outside: a fault.
    pub fault: bool,
    /// What the actor does.
    pub verb: &'static str,
    /// To what.
    pub what: String,
    /// What passes between the actor and another node, where it is a message.
    pub link: Option<Link>,
    /// The first fact it tells.
    pub fact: FactId,
}

/// The widths of a trace's columns.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    actor: usize,
}

impl Layout {
    /// Columns wide enough for every actor of the cast, within reason.
    pub fn new(cast: &Cast) -> Self {
        let widest = cast.actors.iter().map(|actor| actor.name.len()).max();
        Self {
            actor: widest.unwrap_or(0).clamp(8, 24),
        }
    }

    /// How many characters are left for `what`.
    pub(crate) fn room(self) -> usize {
        // Time, mark and actor with their spaces, the verb with one.
        COLUMNS - (12 + 3 + self.actor + 2 + VERB + 1)
    }

    /// The line as text, without a line break.
    pub fn render(self, cast: &Cast, line: &Line) -> String {
        let mark = if line.fault { '!' } else { ' ' };
        let text = format!(
            "{} {mark} {:<actor$}  {:<VERB$} {}",
            seconds(line.at),
            cast.actor(line.who),
            line.verb,
            line.what,
            actor = self.actor,
        );
        shortened(text.trim_end())
    }
}

/// Seconds with microseconds, right-aligned in twelve columns.
pub fn seconds(at: Instant) -> String {
    let micros = at.0 / 1_000;
    format!("{:>5}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// The text, cut at the last column.
fn shortened(text: &str) -> String {
    if text.chars().count() <= COLUMNS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(COLUMNS - 1).collect();
    format!("{kept}…")
}
