//! The lines of faults: what is done to processes, messages and links.

use super::cluster::names;
use super::name::code;
use crate::kafka::{Cast, ErrorCode};
use crate::node::fact::FaultFact;

/// Verb and text of a fault.
pub(super) fn line(cast: &Cast, fact: &FaultFact) -> (&'static str, String) {
    let (verb, what) = match fact {
        FaultFact::Crashed => ("crashes", "its memory is gone, its connections are reset"),
        FaultFact::PowerLost => (
            "loses",
            "its power: what was not flushed is gone, its connections are silent",
        ),
        FaultFact::Restarted => ("restarts", "a new process"),
        FaultFact::Paused => ("is paused", "the whole process stands still"),
        FaultFact::Resumed => ("goes on", "what was overdue happens now"),
        FaultFact::Stalled => ("is stalled", "its application stands still"),
        FaultFact::StallEnded => ("goes on", "its application"),
        FaultFact::Closed => ("is closed", "gracefully"),
        FaultFact::Started => ("is started", ""),
        FaultFact::Sought => ("is sent", "elsewhere by seek()"),
        FaultFact::OffsetsSet {
            group,
            error: ErrorCode::None,
        } => {
            return (
                "has set",
                format!("the offsets of {} from outside", cast.group(*group)),
            );
        }
        FaultFact::OffsetsSet { group, error } => {
            let group = cast.group(*group);
            return (
                "refuses",
                format!("to set the offsets of {group}: {}", code(*error)),
            );
        }
        FaultFact::RequestLost { api } => {
            return (
                "loses",
                format!("its {} request, and the connection with it", code(*api)),
            );
        }
        FaultFact::ResponseLost { api } => {
            return (
                "loses",
                format!("the answer to {}, and the connection with it", code(*api)),
            );
        }
        FaultFact::RequestHeld { api, length } => {
            return (
                "waits",
                format!("its {} request is held up for {length}", code(*api)),
            );
        }
        FaultFact::ResponseHeld { api, length } => {
            return (
                "waits",
                format!("the answer to {} is held up for {length}", code(*api)),
            );
        }
        FaultFact::RequestRefused { api, error } => {
            return (
                "is refused",
                format!("its {} request: {}", code(*api), code(*error)),
            );
        }
        FaultFact::CutMade { .. }
        | FaultFact::CutHealed { .. }
        | FaultFact::Slowed { .. }
        | FaultFact::SlowEnded { .. } => return link(cast, fact),
    };
    (verb, what.to_owned())
}

/// A link is told by its sides, first side first; the line stands at an actor of that side.
fn link(cast: &Cast, fact: &FaultFact) -> (&'static str, String) {
    match fact {
        FaultFact::CutMade { a, b, one_way } => {
            let (a, b) = (names(cast, a), names(cast, b));
            let what = if *one_way {
                format!("nothing passes from {a} to {b}")
            } else {
                format!("nothing passes between {a} and {b}")
            };
            ("is cut off", what)
        }
        FaultFact::CutHealed { a, b } => {
            let (a, b) = (names(cast, a), names(cast, b));
            ("is back", format!("{a} and {b} hear each other again"))
        }
        FaultFact::Slowed { a, b, one_way } => {
            let (a, b) = (names(cast, a), names(cast, b));
            let what = if *one_way {
                format!("the link from {a} to {b}")
            } else {
                format!("the link between {a} and {b}")
            };
            ("is slowed", what)
        }
        FaultFact::SlowEnded { a, b } => {
            let (a, b) = (names(cast, a), names(cast, b));
            ("is as fast", format!("as before between {a} and {b}"))
        }
        other => unreachable!("{other:?} concerns no link"),
    }
}
