//! kafkasim: a deterministic discrete-event simulator of Apache Kafka's delivery semantics.
//!
//! A scenario says who writes, who reads and what breaks. kafkasim runs it in virtual time from a
//! seed and says what happened to every record: delivered once, duplicated, lost, reordered; and
//! why. The same file and the same seed give the same bytes, on every machine.
//!
//! ```text
//!   scenario file                                     facts
//!  +---------------+   +---------+   +-----------+   +----------------------------+
//!  | topics        |   |  Setup  |   |    Sim    |   | ledger -> verdict          |
//!  | producers     |-->|  (ids,  |-->|  pop,     |-->| trace: lines, JSON         |
//!  | groups        |   | no names|   |  dispatch,|   | why: from fault to symptom |
//!  | faults        |   |  needed)|   |  apply    |   +----------------------------+
//!  +---------------+   +---------+   +-----------+
//!      scenario            sim         engine, node        verdict, trace, report
//! ```
//!
//! # From a program
//!
//! A scenario is written in the file's words, run, and asked what became of the records. What is
//! re-exported here is stable; everything in modules may still change.
//!
//! ```
//! use kafkasim::{Fault, Group, Producer, Scenario, Topic};
//!
//! let scenario = Scenario::new("A worker crashes before it commits")
//!     .topic("orders", Topic::with(3, 3))
//!     .producer("shop", Producer::to("orders").records(30))
//!     .group("workers", Group::reading("orders").members(2).config("auto.offset.reset", "earliest"))
//!     .fault(Fault::crash("workers").before("commit-sync").restart_after("5s"));
//! let outcome = kafkasim::run(&scenario)?;
//! assert_eq!(outcome.group("workers").lost().len(), 0);
//! assert!(!outcome.group("workers").duplicated().is_empty());
//!
//! println!("{outcome}");
//! print!("{}", kafkasim::trace(&scenario)?); // what happened, line by line
//! # Ok::<(), kafkasim::Mistakes>(())
//! ```
//!
//! A mistake comes back as the loader reports it for a file, with what to write instead:
//!
//! ```
//! # use kafkasim::{Fault, Scenario};
//! let wrong = Scenario::new("Nobody to crash").fault(Fault::crash("wokers").at("5s"));
//! assert!(kafkasim::run(&wrong).is_err_and(|mistakes| mistakes.to_string().contains("wokers")));
//! ```
//!
//! # Three words
//!
//! | word | tense | what it is |
//! |---|---|---|
//! | **event** | future | an entry of the event queue: a message arrives, a timer fires, a fault strikes |
//! | **effect** | imperative | what a node asks of the kernel: send, set a timer, cancel a timer |
//! | **fact** | past | a typed statement of what happened; the only input of trace and verdict |
//!
//! A **node** (producer, broker, controller, group member) is a plain struct with handlers. It is
//! handed a [`node::Ctx`] and sees nothing else: not the queue, not the network, not another node.
//! [`sim::Sim`] owns every mutable byte, is `Clone` (a clone is a fork of the world), and has one
//! visible loop.
//!
//! # Layers
//!
//! A layer imports what is named beside it and nothing else; `tests/tidy` holds this.
//!
//! | layer | imports | what it is |
//! |---|---|---|
//! | [`base`] | nothing of ours | time, ids, randomness, distributions |
//! | [`kafka`] | base | the protocol's nouns: data and pure functions |
//! | [`engine`] | base | queue, timers, network; knows no Kafka |
//! | [`node`] | base, kafka | the state machines; know neither engine nor sim |
//! | [`sim`] | base, kafka, engine, node | the world, the loop, faults, fork |
//! | [`verdict`] | base, kafka, node's facts | ledger, judgement, explanation |
//! | [`trace`] | base, kafka, node's facts | facts as text and JSON |
//! | [`scenario`] | all above but trace | YAML to `Scenario` to `Setup`, every mistake located |
//! | [`lab`] | all above | runs, comparisons, suites |
//! | [`report`] | all above | what a run's outcome looks like to a person |
//! | `cli` | everything | arguments, files, stdout, exit codes |
//!
//! # Reading order
//!
//! About an hour: [`node`] (the contract), `sim/step.rs` (the loop), [`node::producer`],
//! `node/broker/produce.rs`, `node/consumer` (what an application does between two polls decides
//! its semantics), [`verdict`] (what is judged), and one trace in `snapshots/`. The map of all
//! folders is `docs/ARCHITECTURE.md`; what is simplified or refused is `docs/fidelity.md`.

#[doc(hidden)]
pub mod base;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod kafka;
#[doc(hidden)]
pub mod lab;
#[doc(hidden)]
pub mod node;
#[doc(hidden)]
pub mod report;
#[doc(hidden)]
pub mod scenario;
#[doc(hidden)]
pub mod sim;
#[doc(hidden)]
pub mod trace;
#[doc(hidden)]
pub mod verdict;

#[doc(inline)]
pub use base::Span;
#[doc(inline)]
pub use lab::run::{Outcome, run};
#[doc(inline)]
pub use lab::tell::trace;
#[doc(inline)]
pub use lab::{Found, GroupOutcome};
#[doc(inline)]
pub use node::consumer::program::Handled;
#[doc(inline)]
pub use scenario::written::{
    Expect, Fault, Group, Mistakes, Producer, Record, Scenario, Sink, Topic, Word,
};
