//! What the queue of a run holds.

use crate::base::{ConnId, NodeId};
use crate::engine::Direction;
use crate::kafka::message::Envelope;
use crate::node::{FactId, TimerKey};

/// An event of a run. Small, because the heap moves it about.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A message arrives.
    Deliver {
        /// On this connection.
        conn: ConnId,
        /// At this end of it.
        direction: Direction,
        /// The message.
        envelope: Box<Envelope>,
    },
    /// A client's connection is up.
    Connected {
        /// The connection.
        conn: ConnId,
    },
    /// One end hears that its connection is gone, or could not be made.
    Disconnected {
        /// The connection.
        conn: ConnId,
        /// The end: `ToServer` is the server's.
        direction: Direction,
        /// The fact behind it.
        cause: FactId,
    },
    /// An entry of the timer table comes up.
    Timer {
        /// The node.
        node: NodeId,
        /// The timer.
        key: TimerKey,
    },
    /// A timer that fell due while its node stood still.
    Overdue {
        /// The node.
        node: NodeId,
        /// The timer.
        key: TimerKey,
        /// The fact behind it.
        cause: FactId,
    },
    /// A turn in the life of a node.
    Life {
        /// The node.
        node: NodeId,
        /// Which.
        turn: Turn,
        /// The fact behind it.
        cause: FactId,
    },
    /// A fault with an instant strikes.
    Strike {
        /// Its index in the file.
        fault: u32,
    },
    /// A client waits no longer for a connection to be made, if it still does.
    SetupOver {
        /// The connection.
        conn: ConnId,
    },
    /// The time of a cut or of a slowness is over.
    LinkOver {
        /// Which.
        id: u32,
        /// The fact that it began.
        cause: FactId,
    },
    /// Nothing but a look at whether the run may end.
    Wake,
}

/// The heap moves events about: a large one would cost more than what it says.
const _: () = assert!(size_of::<Event>() <= 64);

/// A turn in the life of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Its planned start.
    Start,
    /// Its planned end.
    Stop,
    /// A new process takes the place of one that went.
    Restart,
    /// A pause ends.
    Resume,
    /// A stall ends.
    StallEnd,
}
