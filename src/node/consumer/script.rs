//! The program of an application as a flat list of steps with jumps, and the records it works on.
//!
//! | code | from |
//! |---|---|
//! | `EachStart`, `EachHead`, body, `EachNext` | `each` |
//! | `Loop` | the end of the loop |
//! | `CloseBegin`, `on-close` steps, `Shut` | `close`, and the end of every application |
//! | `Return` | the end of a listener |

use std::sync::Arc;

use super::buffer::Run;
use super::program::{CommitOffsets, Program, Step};
use crate::base::{Offset, RecordId, Span, TopicPartition};
use crate::node::{FactId, StepKind};

/// Where a piece of the program begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Main,
    Revoked,
    Assigned,
    Lost,
    Close,
}

/// A commit step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CommitStep {
    pub(super) sync: bool,
    pub(super) offsets: CommitOffsets,
    pub(super) every: u32,
    pub(super) shift: i64,
    /// Which counter says how often it was reached.
    pub(super) counter: usize,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Poll(Span),
    EachStart,
    /// `plain`: the body is `process` alone, so that many records can be taken in one stretch.
    EachHead {
        end: usize,
        plain: bool,
    },
    EachNext {
        head: usize,
    },
    Process,
    Commit(CommitStep),
    HandOff,
    Store {
        with_offset: bool,
    },
    StoreAll,
    SeekToStored,
    Sleep(Span),
    CloseBegin,
    Shut,
    Loop,
    Return,
}

/// A step of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerStep {
    Process,
    Store { with_offset: bool },
    Sleep(Span),
}

/// How records go to the workers.
#[derive(Clone, Debug, Default)]
pub(super) struct HandOffRules {
    pub(super) steps: Vec<WorkerStep>,
    pub(super) queue: Option<u32>,
    pub(super) drop_revoked: bool,
}

/// The program, flat.
#[derive(Clone, Debug)]
pub(super) struct Script {
    codes: Vec<Code>,
    entries: [usize; 5],
    counters: usize,
    pub(super) hand_off: HandOffRules,
}

impl Code {
    /// The step whose `before` point this is.
    pub(super) fn before(self) -> Option<StepKind> {
        match self {
            Self::CloseBegin => Some(StepKind::Close),
            Self::Shut => None,
            other => other.step(),
        }
    }

    /// The step whose `after` point this is.
    pub(super) fn after(self) -> Option<StepKind> {
        match self {
            Self::CloseBegin => None,
            Self::Shut => Some(StepKind::Close),
            other => other.step(),
        }
    }

    fn step(self) -> Option<StepKind> {
        match self {
            Self::Poll(_) => Some(StepKind::Poll),
            Self::Process => Some(StepKind::Process),
            Self::Commit(step) if step.sync => Some(StepKind::CommitSync),
            Self::Commit(_) => Some(StepKind::CommitAsync),
            Self::HandOff => Some(StepKind::HandOff),
            Self::Store { with_offset: false } => Some(StepKind::Store),
            Self::Store { with_offset: true } => Some(StepKind::StoreWithOffset),
            Self::StoreAll => Some(StepKind::StoreAll),
            Self::SeekToStored => Some(StepKind::SeekToStored),
            Self::Sleep(_) => Some(StepKind::Sleep),
            Self::EachStart
            | Self::EachHead { .. }
            | Self::EachNext { .. }
            | Self::CloseBegin
            | Self::Shut
            | Self::Loop
            | Self::Return => None,
        }
    }
}

impl Script {
    /// Compiles a program.
    pub(super) fn new(program: &Program) -> Self {
        let mut script = Self {
            codes: Vec::new(),
            entries: [0; 5],
            counters: 0,
            hand_off: HandOffRules::default(),
        };
        script.push_all(&program.steps);
        script.codes.push(Code::Loop);
        let listeners = [
            (Entry::Revoked, &program.on_revoked),
            (Entry::Assigned, &program.on_assigned),
            (Entry::Lost, &program.on_lost),
        ];
        for (entry, steps) in listeners {
            script.entries[entry as usize] = script.codes.len();
            script.push_all(steps);
            script.codes.push(Code::Return);
        }
        script.entries[Entry::Close as usize] = script.codes.len();
        script.codes.push(Code::CloseBegin);
        script.push_all(&program.on_close);
        script.codes.push(Code::Shut);
        script
    }

    /// How many commit steps count how often they are reached.
    pub(super) fn counters(&self) -> usize {
        self.counters
    }

    /// Where a piece begins.
    pub(super) fn entry(&self, entry: Entry) -> usize {
        self.entries[entry as usize]
    }

    /// The step at a place.
    pub(super) fn at(&self, pc: usize) -> Code {
        self.codes[pc]
    }

    /// Whether the application does anything there.
    pub(super) fn is_empty(&self, entry: Entry) -> bool {
        self.at(self.entry(entry)) == Code::Return
    }

    fn push_all(&mut self, steps: &[Step]) {
        for step in steps {
            self.push(step);
        }
    }

    fn push(&mut self, step: &Step) {
        let code = match step {
            Step::Poll { timeout } => Code::Poll(*timeout),
            Step::Each(body) => return self.push_each(body),
            Step::Process => Code::Process,
            Step::CommitSync {
                offsets,
                every,
                shift,
            } => self.commit(true, *offsets, *every, *shift),
            Step::CommitAsync {
                offsets,
                every,
                shift,
            } => self.commit(false, *offsets, *every, *shift),
            Step::HandOff {
                steps,
                queue,
                drop_revoked,
            } => {
                self.hand_off = HandOffRules {
                    steps: steps.iter().map(worker_step).collect(),
                    queue: *queue,
                    drop_revoked: *drop_revoked,
                };
                Code::HandOff
            }
            Step::Store => Code::Store { with_offset: false },
            Step::StoreWithOffset => Code::Store { with_offset: true },
            Step::StoreAll => Code::StoreAll,
            Step::SeekToStored => Code::SeekToStored,
            Step::Sleep(span) => Code::Sleep(*span),
            Step::Close => Code::CloseBegin,
        };
        self.codes.push(code);
    }

    fn push_each(&mut self, body: &[Step]) {
        self.codes.push(Code::EachStart);
        let head = self.codes.len();
        self.codes.push(Code::EachHead {
            end: 0,
            plain: body == [Step::Process],
        });
        self.push_all(body);
        self.codes.push(Code::EachNext { head });
        let here = self.codes.len();
        if let Code::EachHead { end, .. } = &mut self.codes[head] {
            *end = here;
        }
    }

    fn commit(&mut self, sync: bool, offsets: CommitOffsets, every: u32, shift: i64) -> Code {
        let counter = self.counters;
        self.counters += 1;
        Code::Commit(CommitStep {
            sync,
            offsets,
            every: every.max(1),
            shift,
            counter,
        })
    }
}

fn worker_step(step: &Step) -> WorkerStep {
    match step {
        Step::Process => WorkerStep::Process,
        Step::Sleep(span) => WorkerStep::Sleep(*span),
        Step::Store => WorkerStep::Store { with_offset: false },
        Step::StoreWithOffset => WorkerStep::Store { with_offset: true },
        other => panic!("a consumer is not safe for several threads: {other:?} in a worker"),
    }
}

/// A record at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) tp: TopicPartition,
    pub(super) offset: Offset,
    pub(super) record: RecordId,
    /// The fact that says a poll returned it.
    pub(super) polled: FactId,
}

/// What the last poll returned, and how far the application is in it.
#[derive(Clone, Debug)]
pub(super) struct Polled {
    pub(super) runs: Arc<[Run]>,
    pub(super) run: usize,
    pub(super) index: u32,
}

impl Default for Polled {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Polled {
    /// From its first record on.
    pub(super) fn new(runs: Vec<Run>) -> Self {
        assert!(
            runs.iter().all(|run| !run.records.is_empty()),
            "a poll returns records, not empty ranges"
        );
        Self {
            runs: runs.into(),
            run: 0,
            index: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Back to the first record.
    pub(super) fn rewind(&mut self) {
        self.run = 0;
        self.index = 0;
    }

    /// The record at hand.
    pub(super) fn current(&self) -> Option<Item> {
        let run = self.runs.get(self.run)?;
        Some(Item {
            tp: run.tp,
            offset: run.first_offset + Offset::from(self.index),
            record: run.records.get(self.index),
            polled: run.polled,
        })
    }

    /// On to the next record.
    pub(super) fn advance(&mut self) {
        self.advance_by(1);
    }

    /// On by several records of the current run.
    pub(super) fn advance_by(&mut self, count: u32) {
        let len = self.runs[self.run].records.len();
        self.index += count;
        assert!(self.index <= len, "records are passed within their run");
        if self.index == len {
            self.run += 1;
            self.index = 0;
        }
    }

    /// The first record of each partition that the application has not come past, the record at
    /// hand included.
    pub(super) fn unfinished(&self) -> Vec<(TopicPartition, Offset)> {
        let mut first: Vec<(TopicPartition, Offset)> = Vec::new();
        for (place, run) in self.runs.iter().enumerate().skip(self.run) {
            let index = if place == self.run { self.index } else { 0 };
            if first.iter().all(|(tp, _)| *tp != run.tp) {
                first.push((run.tp, run.first_offset + Offset::from(index)));
            }
        }
        first
    }
}
