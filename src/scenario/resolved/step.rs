//! The steps of an application's loop, and the loops that have a name.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::base::Span;
use crate::verdict::words;

/// One step of a loop or listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `poll(timeout)`.
    Poll {
        /// How long it waits for records.
        timeout: Span,
    },
    /// The steps for each polled record, in poll order.
    Each(Vec<Step>),
    /// Works for the record.
    Process,
    /// `commitSync()`.
    CommitSync(OffsetCommit),
    /// `commitAsync()`.
    CommitAsync(OffsetCommit),
    /// Gives the records to worker threads.
    HandOff {
        /// What a worker does with a record.
        steps: Vec<Step>,
        /// How many records may wait; `None` is unlimited.
        queue: Option<u64>,
        /// What happens to waiting records of a partition taken away.
        revoked: Revoked,
    },
    /// A row into the sink.
    Store,
    /// A row for each polled record into the sink, in one request.
    StoreAll,
    /// Row and next offset into the sink, in one transaction.
    StoreWithOffset,
    /// Asks the sink where to go on, and seeks there.
    SeekToStored,
    /// The application thread waits.
    Sleep(Span),
    /// `on-close`, then `close()`.
    Close,
}

/// The parameters of an offset commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OffsetCommit {
    /// Which offsets.
    pub offsets: Offsets,
    /// Only each so many times the step is reached.
    pub every: u64,
    /// Added to each offset; 0 is the next record to read, as Kafka wants it.
    pub shift: i64,
}

words! {
    /// Which offsets a commit step commits.
    pub enum Offsets {
        /// The positions: past everything polled.
        Polled = "polled",
        /// One past the current record.
        ThisRecord = "this-record",
        /// Just past the last record of each partition that was processed in order.
        Processed = "processed",
    }
}

words! {
    /// What becomes of records that wait for a worker when their partition is taken away.
    pub enum Revoked {
        /// They are still processed.
        Keep = "keep",
        /// They are dropped.
        Drop = "drop",
    }
}

words! {
    /// A point of an actor's work that a fault can name.
    pub enum StepName {
        /// Member: `poll`.
        Poll = "poll",
        /// Member: `process`.
        Process = "process",
        /// Member: `commit-sync`.
        CommitSync = "commit-sync",
        /// Member: `commit-async`.
        CommitAsync = "commit-async",
        /// Member: `hand-off`.
        HandOff = "hand-off",
        /// Member: `sleep`.
        Sleep = "sleep",
        /// Producer: `send()`.
        Send = "send",
        /// Producer: a Produce request leaves.
        Request = "request",
        /// Producer: the answer of a Produce request is handled.
        Acknowledge = "acknowledge",
        /// Member and producer: `close()`.
        Close = "close",
        /// Member: a row into the sink.
        Store = "store",
        /// Member: a row for each polled record into the sink.
        StoreAll = "store-all",
        /// Member: row and offset into the sink.
        StoreWithOffset = "store-with-offset",
        /// Member: where the sink says to go on.
        SeekToStored = "seek-to-stored",
        /// Sink: a request arrives.
        Receive = "receive",
        /// Sink: one row.
        Insert = "insert",
        /// Sink: the answer leaves.
        Respond = "respond",
    }
}

words! {
    /// A loop that has a name.
    pub enum LoopName {
        /// Commit, then process: at most once.
        BeforeProcessing = "before-processing",
        /// Process, then commit: at least once.
        AfterProcessing = "after-processing",
        /// Commit after each record.
        AfterEachRecord = "after-each-record",
        /// `commitAsync` after each poll, `commitSync` at the end.
        Async = "async",
        /// Kafka's auto-commit.
        Auto = "auto",
        /// Auto-commit with worker threads.
        AutoHandOff = "auto-hand-off",
        /// Row and offset into the sink, in one transaction.
        WithEffect = "with-effect",
        /// Process, then all rows in one request, then commit.
        BulkInsert = "bulk-insert",
    }
}

/// What a loop that has a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded {
    /// The loop.
    pub steps: Vec<Step>,
    /// The listener's `onPartitionsAssigned`.
    pub on_assigned: Vec<Step>,
    /// What runs before `close()`.
    pub on_close: Vec<Step>,
}

/// `poll()` waits so long where nothing else is written.
pub const POLL_TIMEOUT: Span = Span::from_millis(100);

impl Step {
    /// `poll` with its default.
    pub const fn poll() -> Self {
        Self::Poll {
            timeout: POLL_TIMEOUT,
        }
    }

    /// `commit-sync` of the positions.
    pub const fn commit_sync() -> Self {
        Self::CommitSync(OffsetCommit::of(Offsets::Polled))
    }

    /// The word of the step.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Poll { .. } => "poll",
            Self::Each(_) => "each",
            Self::Process => "process",
            Self::CommitSync(_) => "commit-sync",
            Self::CommitAsync(_) => "commit-async",
            Self::HandOff { .. } => "hand-off",
            Self::Store => "store",
            Self::StoreAll => "store-all",
            Self::StoreWithOffset => "store-with-offset",
            Self::SeekToStored => "seek-to-stored",
            Self::Sleep(_) => "sleep",
            Self::Close => "close",
        }
    }

    /// The steps inside this one.
    pub fn inner(&self) -> &[Self] {
        match self {
            Self::Each(steps) | Self::HandOff { steps, .. } => steps,
            _ => &[],
        }
    }

    /// Whether this step, or one inside it, commits offsets.
    pub fn commits(&self) -> bool {
        self.is_any(&|step| matches!(step, Self::CommitSync(_) | Self::CommitAsync(_)))
    }

    /// Whether this step itself puts rows into a sink.
    pub fn stores_rows(&self) -> bool {
        matches!(self, Self::Store | Self::StoreAll | Self::StoreWithOffset)
    }

    /// Whether this step, or one inside it, passes a test.
    pub fn is_any(&self, test: &impl Fn(&Self) -> bool) -> bool {
        test(self) || self.inner().iter().any(|step| step.is_any(test))
    }
}

impl OffsetCommit {
    /// A commit at each pass, unshifted.
    pub const fn of(offsets: Offsets) -> Self {
        Self {
            offsets,
            every: 1,
            shift: 0,
        }
    }
}

impl LoopName {
    /// The loop and its listeners.
    pub fn expand(self) -> Expanded {
        let poll = Step::poll;
        let each = |steps: &[Step]| Step::Each(steps.to_vec());
        let this_record = OffsetCommit::of(Offsets::ThisRecord);
        let polled = OffsetCommit::of(Offsets::Polled);
        let steps = match self {
            Self::BeforeProcessing => {
                vec![poll(), Step::commit_sync(), each(&[Step::Process])]
            }
            Self::AfterProcessing => {
                vec![poll(), each(&[Step::Process]), Step::commit_sync()]
            }
            Self::AfterEachRecord => {
                let commit = Step::CommitSync(this_record);
                vec![poll(), each(&[Step::Process, commit])]
            }
            Self::Async => {
                let commit = Step::CommitAsync(polled);
                vec![poll(), each(&[Step::Process]), commit]
            }
            Self::Auto => vec![poll(), each(&[Step::Process])],
            Self::AutoHandOff => vec![poll(), Step::hand_off()],
            Self::WithEffect => vec![poll(), each(&[Step::Process, Step::StoreWithOffset])],
            Self::BulkInsert => vec![
                poll(),
                each(&[Step::Process]),
                Step::StoreAll,
                Step::commit_sync(),
            ],
        };
        let on_assigned = match self {
            Self::WithEffect => vec![Step::SeekToStored],
            _ => Vec::new(),
        };
        let on_close = match self {
            Self::Async => vec![Step::commit_sync()],
            _ => Vec::new(),
        };
        Expanded {
            steps,
            on_assigned,
            on_close,
        }
    }

    /// Whether the loop stands for `enable.auto.commit=true`.
    pub fn is_auto(self) -> bool {
        matches!(self, Self::Auto | Self::AutoHandOff)
    }
}

impl Step {
    /// `hand-off` with its defaults.
    pub fn hand_off() -> Self {
        Self::HandOff {
            steps: vec![Self::Process],
            queue: None,
            revoked: Revoked::Keep,
        }
    }
}

/// A loop in one line, parameters left out: `[poll, { each: [process] }, commit-sync]`.
pub fn in_one_line(steps: &[Step]) -> String {
    let words = steps.iter().map(|step| match step {
        Step::Each(inner) => format!("{{ each: {} }}", in_one_line(inner)),
        other => other.word().to_owned(),
    });
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

impl Serialize for Step {
    /// The long form with every parameter.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Poll {
            timeout: Span,
        }
        #[derive(Serialize)]
        struct HandOff<'s> {
            steps: &'s [Step],
            #[serde(skip_serializing_if = "Option::is_none")]
            queue: Option<u64>,
            revoked: Revoked,
        }
        let is_word =
            self.stores_rows() || matches!(self, Self::Process | Self::SeekToStored | Self::Close);
        if is_word {
            return serializer.serialize_str(self.word());
        }
        let mut map = serializer.serialize_map(Some(1))?;
        let word = self.word();
        match self {
            Self::Poll { timeout } => map.serialize_entry(word, &Poll { timeout: *timeout })?,
            Self::Each(steps) => map.serialize_entry(word, steps)?,
            Self::CommitSync(commit) | Self::CommitAsync(commit) => {
                map.serialize_entry(word, commit)?;
            }
            Self::HandOff {
                steps,
                queue,
                revoked,
            } => {
                let (queue, revoked) = (*queue, *revoked);
                map.serialize_entry(
                    word,
                    &HandOff {
                        steps,
                        queue,
                        revoked,
                    },
                )?;
            }
            Self::Sleep(span) => map.serialize_entry(word, span)?,
            Self::Process
            | Self::Store
            | Self::StoreAll
            | Self::StoreWithOffset
            | Self::SeekToStored
            | Self::Close => unreachable!("returned above as a word"),
        }
        map.end()
    }
}
