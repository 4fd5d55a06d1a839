//! Faults of a resolved scenario: one verb, one trigger, parameters.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::step::StepName;
use crate::base::Span;
use crate::kafka::ErrorCode;
use crate::kafka::message::Api;
use crate::scenario::value::{Drawn, SignedSpan, Timing};
use crate::verdict::quantity::FactWord;
use crate::verdict::{RecordName, words};

/// One thing done to the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is done, and to whom.
    pub action: Action,
    /// When; a message verb needs none.
    pub trigger: Option<Trigger>,
    /// Only where the step, or the message, concerns this record.
    pub record: Option<RecordName>,
    /// The nth time the condition holds, from 1.
    pub nth: Drawn<u64>,
    /// It strikes at so many occurrences in a row.
    pub times: u64,
    /// The time between strikes of a fault at an instant.
    pub every: Option<Timing>,
    /// By which other faults refer to it.
    pub name: Option<String>,
    /// Whether it is no failure if it never strikes.
    pub optional: bool,
    /// The line of the file on which it stands, from 1; 0 if it was not read from a file.
    pub line: u32,
    /// The entry as it was written, for messages; empty if it was not read from a file.
    pub written: String,
}

/// When a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// At an instant.
    At(Moment),
    /// The actor is about to take the step.
    Before(StepName),
    /// The step has returned to the actor.
    After(StepName),
    /// At the instant of the first such fact.
    When {
        /// The fact.
        fact: FactWord,
        /// Only of these actors, groups, topics or partitions; of all if empty.
        of: Vec<String>,
        /// Only with this error.
        error: Option<String>,
    },
}

/// An instant of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Since time 0.
    Time(Drawn<Span>),
    /// After another fault first struck.
    AfterFault {
        /// The name of that fault.
        name: String,
        /// How long after.
        span: Span,
    },
}

/// What is done, and to whom. `who` are names of actors, groups, producers, or roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The process dies at once.
    Crash {
        /// Who.
        who: Vec<String>,
        /// When a new process starts; never if absent.
        restart_after: Option<Drawn<Span>>,
    },
    /// The power of a broker's machine fails.
    PowerLoss {
        /// Who.
        who: Vec<String>,
        /// When a new process starts; never if absent.
        restart_after: Option<Drawn<Span>>,
        /// How much of what was not flushed is lost.
        tail: Tail,
    },
    /// The process stands still.
    Pause {
        /// Who.
        who: Vec<String>,
        /// How long.
        length: Drawn<Span>,
    },
    /// The application thread stands still.
    Stall {
        /// Who.
        who: Vec<String>,
        /// How long.
        length: Drawn<Span>,
    },
    /// Graceful close.
    Close {
        /// Who.
        who: Vec<String>,
        /// When a new process starts; never if absent.
        restart_after: Option<Drawn<Span>>,
    },
    /// Starts what is down.
    Start {
        /// Who.
        who: Vec<String>,
    },
    /// The application calls `seek` before its next poll.
    Seek {
        /// Who.
        who: Vec<String>,
        /// Where to.
        to: Target,
    },
    /// `kafka-consumer-groups --reset-offsets`.
    SetOffsets {
        /// The group.
        group: String,
        /// Where to.
        to: Reset,
    },
    /// Nothing passes between two sides.
    Cut {
        /// Which.
        link: LinkSides,
        /// How long; until a `heal`, if absent.
        length: Option<Drawn<Span>>,
        /// Only what the first side sends.
        one_way: bool,
    },
    /// The cuts of a link end.
    Heal {
        /// Which link.
        link: LinkSides,
    },
    /// A link is slower.
    Slow {
        /// Which.
        link: LinkSides,
        /// By how much.
        by: Timing,
        /// How long; to the end, if absent.
        length: Option<Drawn<Span>>,
        /// Only what the first side sends.
        one_way: bool,
    },
    /// A request does not arrive.
    LoseRequest(Message, Breakage),
    /// The answer to a request does not arrive.
    LoseResponse(Message, Breakage),
    /// A request stays in the network for so long.
    HoldRequest(Message, Drawn<Span>),
    /// The answer to a request stays in the network for so long.
    HoldResponse(Message, Drawn<Span>),
    /// A broker answers a request with an error, and does nothing.
    Refuse(Message, ErrorCode),
    /// `DeleteRecords`: the log start offset of a partition moves.
    DeleteRecords {
        /// The partition, such as `orders-0`.
        partition: String,
        /// Everything before goes; everything before the high watermark if absent.
        up_to: Option<u64>,
    },
    /// `ElectLeaders`: an administrator asks the controller for an election.
    ElectLeader {
        /// The partition, such as `orders-0`.
        partition: String,
        /// Of whoever is alive where nobody leads, instead of the preferred leader.
        unclean: bool,
    },
    /// `CreatePartitions`: the topic has more partitions from then on.
    AddPartitions {
        /// The topic.
        topic: String,
        /// How many it has then.
        to: u32,
    },
}

/// How much of what was not flushed a loss of power takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// All of it.
    All,
    /// A part, drawn from the seed.
    Drawn,
    /// So many batches at most.
    Batches(u64),
}

/// Which message a fault takes: a request, or its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who sends the request.
    pub who: Vec<String>,
    /// Which request; any if absent.
    pub request: Option<Api>,
    /// To which broker, controller or role; any if absent.
    pub to: Option<String>,
}

/// A link by its two sides: names of actors, families or roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSides {
    /// First side, second side.
    pub sides: [Vec<String>; 2],
}

impl LinkSides {
    /// Whether it is the same link, seen from either side.
    pub fn is(&self, other: &Self) -> bool {
        let [a, b] = &self.sides;
        let [c, d] = &other.sides;
        (a == c && b == d) || (a == d && b == c)
    }
}

impl Serialize for LinkSides {
    /// `[A, B]`; a side of several is a list.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.sides.len()))?;
        for side in &self.sides {
            match side.as_slice() {
                [one] => list.serialize_element(one)?,
                several => list.serialize_element(several)?,
            }
        }
        list.end()
    }
}

words! {
    /// How a connection is lost with a message.
    pub enum Breakage {
        /// Both ends learn of it at once.
        Reset = "reset",
        /// Silent, until the request times out.
        Silence = "silence",
    }
}

/// Where a position is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An offset of one partition.
    Offset {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The offset.
        offset: u64,
    },
    /// The log start offset of all partitions.
    Earliest,
    /// The end of all partitions.
    Latest,
    /// The first record of each partition with this timestamp, counted from time 0, or a later one;
    /// the end where there is none.
    Time(SignedSpan),
}

/// Where the offsets of a group are set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reset {
    /// As for a seek.
    To(Target),
    /// Each committed offset moved by so much.
    ShiftBy(i64),
}

words! {
    /// What is done.
    pub enum Verb {
        /// The process dies at once.
        Crash = "crash",
        /// The power of a broker fails.
        PowerLoss = "power-loss",
        /// The process stands still.
        Pause = "pause",
        /// The application thread stands still.
        Stall = "stall",
        /// Graceful close.
        Close = "close",
        /// Starts what is down.
        Start = "start",
        /// The application seeks.
        Seek = "seek",
        /// The offsets of a group are reset.
        SetOffsets = "set-offsets",
        /// Nothing passes between two sides.
        Cut = "cut",
        /// A cut ends.
        Heal = "heal",
        /// A link is slower.
        Slow = "slow",
        /// A request does not arrive.
        LoseRequest = "lose-request",
        /// An answer does not arrive.
        LoseResponse = "lose-response",
        /// A request stays in the network.
        HoldRequest = "hold-request",
        /// An answer stays in the network.
        HoldResponse = "hold-response",
        /// A broker refuses a request.
        Refuse = "refuse",
        /// A topic gets more partitions.
        AddPartitions = "add-partitions",
        /// The beginning of a partition is deleted.
        DeleteRecords = "delete-records",
        /// An administrator has a leader elected.
        ElectLeader = "elect-leader",
    }
}

impl Verb {
    /// Whether the message itself is the trigger.
    pub fn is_message(self) -> bool {
        matches!(
            self,
            Self::LoseRequest
                | Self::LoseResponse
                | Self::HoldRequest
                | Self::HoldResponse
                | Self::Refuse
        )
    }
}

impl Fault {
    /// A fault of this kind with the defaults of the format.
    pub fn new(action: Action, trigger: Option<Trigger>) -> Self {
        Self {
            action,
            trigger,
            record: None,
            nth: Drawn::One(1),
            times: 1,
            every: None,
            name: None,
            optional: false,
            line: 0,
            written: String::new(),
        }
    }
}

impl Action {
    /// The verb.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Crash { .. } => Verb::Crash,
            Self::PowerLoss { .. } => Verb::PowerLoss,
            Self::Pause { .. } => Verb::Pause,
            Self::Stall { .. } => Verb::Stall,
            Self::Close { .. } => Verb::Close,
            Self::Start { .. } => Verb::Start,
            Self::Seek { .. } => Verb::Seek,
            Self::SetOffsets { .. } => Verb::SetOffsets,
            Self::Cut { .. } => Verb::Cut,
            Self::Heal { .. } => Verb::Heal,
            Self::Slow { .. } => Verb::Slow,
            Self::LoseRequest(..) => Verb::LoseRequest,
            Self::LoseResponse(..) => Verb::LoseResponse,
            Self::HoldRequest(..) => Verb::HoldRequest,
            Self::HoldResponse(..) => Verb::HoldResponse,
            Self::Refuse(..) => Verb::Refuse,
            Self::AddPartitions { .. } => Verb::AddPartitions,
            Self::DeleteRecords { .. } => Verb::DeleteRecords,
            Self::ElectLeader { .. } => Verb::ElectLeader,
        }
    }

    /// The link it befalls, if it does.
    pub fn link(&self) -> Option<&LinkSides> {
        match self {
            Self::Cut { link, .. } | Self::Heal { link } | Self::Slow { link, .. } => Some(link),
            _ => None,
        }
    }

    /// The message it takes, if the message itself is the trigger.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::LoseRequest(message, _)
            | Self::LoseResponse(message, _)
            | Self::HoldRequest(message, _)
            | Self::HoldResponse(message, _)
            | Self::Refuse(message, _) => Some(message),
            _ => None,
        }
    }

    /// Whom it befalls, by the names of the file; nobody, if it befalls a link.
    pub fn who(&self) -> &[String] {
        match self {
            Self::Crash { who, .. }
            | Self::PowerLoss { who, .. }
            | Self::Pause { who, .. }
            | Self::Stall { who, .. }
            | Self::Close { who, .. }
            | Self::Start { who }
            | Self::Seek { who, .. } => who,
            Self::SetOffsets { group, .. } => std::slice::from_ref(group),
            Self::AddPartitions { topic, .. } => std::slice::from_ref(topic),
            Self::DeleteRecords { partition, .. } | Self::ElectLeader { partition, .. } => {
                std::slice::from_ref(partition)
            }
            Self::Cut { .. } | Self::Heal { .. } | Self::Slow { .. } => &[],
            Self::LoseRequest(message, _)
            | Self::LoseResponse(message, _)
            | Self::HoldRequest(message, _)
            | Self::HoldResponse(message, _)
            | Self::Refuse(message, _) => &message.who,
        }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(time) => write!(f, "{time}"),
            Self::AfterFault { name, span } if *span == Span::ZERO => f.write_str(name),
            Self::AfterFault { name, span } => write!(f, "{name} + {span}"),
        }
    }
}

impl Target {
    fn text(&self) -> String {
        match self {
            Self::Offset {
                topic,
                partition,
                offset,
            } => format!("{topic}-{partition}@{offset}"),
            Self::Earliest => "earliest".to_owned(),
            Self::Latest => "latest".to_owned(),
            Self::Time(span) => span.to_string(),
        }
    }
}

impl Serialize for Fault {
    /// The flat map of the file: verb, trigger, parameters.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(name) = &self.name {
            map.serialize_entry("name", name)?;
        }
        let verb = self.action.verb();
        match (self.action.link(), self.action.who()) {
            (Some(link), _) => map.serialize_entry(&verb, link)?,
            (None, [one]) => map.serialize_entry(&verb, one)?,
            (None, several) => map.serialize_entry(&verb, several)?,
        }
        self.action.serialize_parameters(&mut map)?;
        if let Some(trigger) = &self.trigger {
            trigger.serialize_into(&mut map)?;
        }
        if let Some(record) = &self.record {
            map.serialize_entry("record", record)?;
        }
        if self.nth != Drawn::One(1) || !matches!(self.trigger, Some(Trigger::At(_))) {
            map.serialize_entry("nth", &self.nth)?;
        }
        map.serialize_entry("times", &self.times)?;
        if let Some(every) = &self.every {
            map.serialize_entry("every", every)?;
        }
        map.serialize_entry("optional", &self.optional)?;
        map.end()
    }
}

impl Trigger {
    fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::At(moment) => map.serialize_entry("at", &moment.to_string()),
            Self::Before(step) => map.serialize_entry("before", step),
            Self::After(step) => map.serialize_entry("after", step),
            Self::When { fact, of, error } => {
                map.serialize_entry("when", fact)?;
                if !of.is_empty() {
                    map.serialize_entry("of", of)?;
                }
                match error {
                    Some(error) => map.serialize_entry("error", error),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Action {
    fn serialize_parameters<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Crash { restart_after, .. } | Self::Close { restart_after, .. } => {
                match restart_after {
                    Some(span) => map.serialize_entry("restart-after", span),
                    None => Ok(()),
                }
            }
            Self::PowerLoss {
                restart_after,
                tail,
                ..
            } => {
                if let Some(span) = restart_after {
                    map.serialize_entry("restart-after", span)?;
                }
                match tail {
                    Tail::All => map.serialize_entry("tail", "all"),
                    Tail::Drawn => map.serialize_entry("tail", "drawn"),
                    Tail::Batches(count) => map.serialize_entry("tail", count),
                }
            }
            Self::Pause { length, .. } | Self::Stall { length, .. } => {
                map.serialize_entry("for", length)
            }
            Self::Start { .. } => Ok(()),
            Self::AddPartitions { to, .. } => map.serialize_entry("to", to),
            Self::DeleteRecords { up_to, .. } => match up_to {
                Some(offset) => map.serialize_entry("up-to", offset),
                None => map.serialize_entry("up-to", "latest"),
            },
            Self::ElectLeader { unclean, .. } => {
                map.serialize_entry("type", ["preferred", "unclean"][usize::from(*unclean)])
            }
            Self::Seek { to, .. } => map.serialize_entry("to", &to.text()),
            Self::SetOffsets { to, .. } => match to {
                Reset::To(target) => map.serialize_entry("to", &target.text()),
                Reset::ShiftBy(shift) => map.serialize_entry("shift-by", shift),
            },
            Self::Cut {
                length, one_way, ..
            } => {
                serialize_length(map, *length)?;
                map.serialize_entry("one-way", one_way)
            }
            Self::Heal { .. } => Ok(()),
            Self::Slow {
                by,
                length,
                one_way,
                ..
            } => {
                map.serialize_entry("by", by)?;
                serialize_length(map, *length)?;
                map.serialize_entry("one-way", one_way)
            }
            Self::LoseRequest(message, connection) | Self::LoseResponse(message, connection) => {
                message.serialize_into(map)?;
                map.serialize_entry("as", connection)
            }
            Self::HoldRequest(message, length) | Self::HoldResponse(message, length) => {
                message.serialize_into(map)?;
                map.serialize_entry("for", length)
            }
            Self::Refuse(message, error) => {
                message.serialize_into(map)?;
                map.serialize_entry("error", error)
            }
        }
    }
}

fn serialize_length<M: SerializeMap>(
    map: &mut M,
    length: Option<Drawn<Span>>,
) -> Result<(), M::Error> {
    match length {
        Some(length) => map.serialize_entry("for", &length),
        None => Ok(()),
    }
}

impl Message {
    fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if let Some(request) = self.request {
            map.serialize_entry("request", &request)?;
        }
        match &self.to {
            Some(to) => map.serialize_entry("to", to),
            None => Ok(()),
        }
    }
}
