//! Scenarios written in Rust, in the words of the file.
//!
//! ```
//! use kafkasim::base::Span;
//! use kafkasim::scenario::resolved::step::StepName;
//! use kafkasim::scenario::{Fault, Group, Producer, Scenario};
//!
//! let scenario = Scenario::new("A worker crashes before it commits")
//!     .topic("orders", 3, 3)
//!     .producer("shop", Producer::to("orders", 30))
//!     .group("workers", Group::reading("orders").members(2).config("auto.offset.reset", "earliest"))
//!     .fault(Fault::crash("workers").before(StepName::CommitSync).restart_after(Span::from_secs(5)));
//! let outcome = kafkasim::run(&scenario).expect("the scenario has no mistake");
//! let workers = outcome.verdict.group("workers").expect("the group is in the scenario");
//! assert_eq!(workers.lost_count(), 0);
//! assert!(0 < workers.duplicated.len());
//! ```
//!
//! Nothing is checked here: `run` checks a scenario as the loader checks a file. The fields are
//! public, so what has no method here is set in the struct.

use super::resolved::client::{Keys, Records};
use super::resolved::fault::{Action, Breakage, Loss, Moment, Trigger};
use super::resolved::named::Named;
use super::resolved::step::{LoopName, StepName};
use super::resolved::{Fault, Group, Member, Producer, Scenario, Sender, Setting, Step, Topic};
use super::resolved::{Placement, client::Process};
use super::value::{Drawn, Timing};
use crate::base::Span;
use crate::kafka::message::Api;
use crate::verdict::RecordName;

impl Scenario {
    /// A scenario with a title, the default cluster and nobody in it.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    /// With another seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With a topic.
    #[must_use]
    pub fn topic(mut self, name: &str, partitions: u32, replication_factor: u32) -> Self {
        let topic = Topic {
            placement: Placement::Counted {
                partitions,
                replication_factor,
            },
            ..Topic::default()
        };
        self.topics.set(name, topic);
        self
    }

    /// With a producer.
    #[must_use]
    pub fn producer(mut self, name: &str, producer: Producer) -> Self {
        self.producers.set(name, producer);
        self
    }

    /// With a consumer group.
    #[must_use]
    pub fn group(mut self, name: &str, group: Group) -> Self {
        self.groups.set(name, group);
        self
    }

    /// With a further fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

impl Producer {
    /// One instance that sends so many records to a topic.
    pub fn to(topic: &str, records: u64) -> Self {
        Self {
            instances: None,
            records: Records::Count(records),
            all: Sender {
                topics: vec![topic.to_owned()],
                ..Sender::default()
            },
            except: Named::default(),
        }
    }

    /// So long between two calls of `send()`.
    #[must_use]
    pub fn every(mut self, span: Span) -> Self {
        self.all.every = Timing::constant(span);
        self
    }

    /// Keys in turn.
    #[must_use]
    pub fn keys(mut self, keys: &[&str]) -> Self {
        self.all.keys = Some(Keys::Cycle(keys.iter().map(ToString::to_string).collect()));
        self
    }

    /// A setting of the client.
    #[must_use]
    pub fn config(mut self, name: &str, value: impl Into<Setting>) -> Self {
        self.all.config.set(name, value.into());
        self
    }
}

impl Group {
    /// One member that reads a topic, processes every record and commits after each poll.
    pub fn reading(topic: &str) -> Self {
        Self {
            members: 1,
            committed: Named::default(),
            all: Member {
                topics: vec![topic.to_owned()],
                ..Member::default()
            },
            except: Named::default(),
        }
    }

    /// So many members.
    #[must_use]
    pub fn members(mut self, members: u32) -> Self {
        self.members = members;
        self
    }

    /// Members start at this instant.
    #[must_use]
    pub fn start_at(mut self, at: Span) -> Self {
        self.all.start_at = at;
        self
    }

    /// The work on a record takes so long.
    #[must_use]
    pub fn process(mut self, time: Span) -> Self {
        self.all.process = Process {
            time: Timing::constant(time),
            ..self.all.process
        };
        self
    }

    /// One of the loops that have a name.
    #[must_use]
    pub fn commit(mut self, name: LoopName) -> Self {
        let (steps, on_close) = name.expand();
        self.all.steps = steps;
        self.all.on_close = on_close;
        self.config("enable.auto.commit", name.is_auto())
    }

    /// A loop of one's own. Offsets are not committed automatically.
    #[must_use]
    pub fn steps(mut self, steps: Vec<Step>) -> Self {
        self.all.steps = steps;
        self.all.on_close = Vec::new();
        self.config("enable.auto.commit", false)
    }

    /// A setting of the client.
    #[must_use]
    pub fn config(mut self, name: &str, value: impl Into<Setting>) -> Self {
        self.all.config.set(name, value.into());
        self
    }
}

impl Fault {
    /// The process of an actor, or of whoever of a group gets there, dies.
    pub fn crash(who: &str) -> Self {
        let action = Action::Crash {
            who: vec![who.to_owned()],
            restart_after: None,
        };
        Self::new(action, None)
    }

    /// The process stands still for so long.
    pub fn pause(who: &str, length: Span) -> Self {
        let action = Action::Pause {
            who: vec![who.to_owned()],
            length: Drawn::One(length),
        };
        Self::new(action, None)
    }

    /// The answer to a request of a client is lost, and the connection with it.
    pub fn lose_response(who: &str, request: Api) -> Self {
        let loss = Loss {
            who: vec![who.to_owned()],
            request: Some(request),
            to: None,
            connection: Breakage::Reset,
        };
        Self::new(Action::LoseResponse(loss), None)
    }

    /// Strikes at an instant.
    #[must_use]
    pub fn at(mut self, at: Span) -> Self {
        self.trigger = Some(Trigger::At(Moment::Time(Drawn::One(at))));
        self
    }

    /// Strikes just before a step.
    #[must_use]
    pub fn before(mut self, step: StepName) -> Self {
        self.trigger = Some(Trigger::Before(step));
        self
    }

    /// Strikes when a step has returned.
    #[must_use]
    pub fn after(mut self, step: StepName) -> Self {
        self.trigger = Some(Trigger::After(step));
        self
    }

    /// Only where it concerns this record.
    ///
    /// # Panics
    /// If the text names no record: `orders-0@4`, `shop#7` and `orders/AAPL#3` do.
    #[must_use]
    pub fn record(mut self, name: &str) -> Self {
        let record = RecordName::parse(name);
        self.record = Some(record.unwrap_or_else(|| panic!("`{name}` names no record")));
        self
    }

    /// Strikes the nth time its condition holds, from 1.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Drawn::One(nth);
        self
    }

    /// A crashed or closed process is started again so long after.
    ///
    /// # Panics
    /// If the fault is neither a crash nor a close.
    #[must_use]
    pub fn restart_after(mut self, span: Span) -> Self {
        match &mut self.action {
            Action::Crash { restart_after, .. } | Action::Close { restart_after, .. } => {
                *restart_after = Some(Drawn::One(span));
            }
            other => panic!("nothing restarts after `{}`", other.verb()),
        }
        self
    }
}
