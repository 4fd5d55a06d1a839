//! A sink: the database behind an application, as far as delivery depends on it.
//!
//! ```text
//!   arrives --(its turn)--> latency --> row, row, … (per-row each) --> answer leaves
//!   Receive                             Insert                         Respond
//! ```
//!
//! Requests are worked on side by side; a limited capacity spaces their beginnings, and what waits
//! to begin is the queue. Rows of an atomic request, and always those with an offset, appear
//! together when the answer leaves; `row-by-row` they appear one by one. A crash drops every
//! request and keeps what had appeared. A client that goes away takes back nothing.
//!
//! Not modelled: reads but of offsets, row contents, locks between requests, replicas.

mod table;

use std::sync::Arc;

use crate::base::{ConnId, Dist, Instant, NodeId, Offset, Seed, Span, Stream, TopicPartition};
use crate::kafka::message::{Body, Envelope, Request, Response};
use crate::kafka::sink::{Refusal, Rows, SinkRequest, SinkResponse};
use crate::node::fact::SinkFact;
use crate::node::{Concern, Ctx, FactId, Phase, StepKind, TimerKey};
use table::Tables;

/// The one timer: the next thing due of any request.
const DUE: TimerKey = TimerKey::timer(0);

/// Whether a request cut short leaves its first rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bulk {
    /// All rows or none.
    #[default]
    Atomic,
    /// Rows stay as they come.
    RowByRow,
}

/// What happens to a row that is there already; only where rows are unique.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The old row stays.
    #[default]
    Ignore,
    /// The new row takes its place.
    Overwrite,
    /// The request is refused.
    Refuse,
}

/// What makes two rows the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniqueBy {
    /// The record they are for.
    Record,
    /// That record's key; one without a key is like no other.
    Key,
}

/// A unique index of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unique {
    /// Over what.
    pub by: UniqueBy,
    /// What happens to a second row.
    pub on_conflict: OnConflict,
}

/// A sink, ready to be built.
#[derive(Clone, Debug)]
pub struct SinkSetup {
    /// The process.
    pub node: NodeId,
    /// Its name.
    pub name: Arc<str>,
    /// The seed of the run.
    pub seed: Seed,
    /// The time of a request, before its rows.
    pub latency: Dist,
    /// The time of a row.
    pub per_row: Dist,
    /// The least time between the beginnings of two requests.
    pub interval: Span,
    /// How many requests may wait to begin; `None`: any number.
    pub queue: Option<u32>,
    /// Whether a request cut short leaves its first rows.
    pub bulk: Bulk,
    /// Which rows are the same, and what happens then; `None`: every row is a new one.
    pub unique: Option<Unique>,
}

/// What of a request is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Receive,
    /// The row of this number.
    Insert(u32),
    Respond,
}

/// How far the step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Before,
    Doing,
    After,
    Next,
}

/// A request at work.
#[derive(Clone, Debug)]
struct Job {
    number: u64,
    /// `None` once the client has gone.
    conn: Option<ConnId>,
    correlation: u32,
    from: NodeId,
    request: SinkRequest,
    step: Step,
    stage: Stage,
    /// When the step is due.
    due: Instant,
    /// When the request begins; it waits until then.
    begins: Instant,
    /// Rows that are in, of a request row by row.
    stored: u32,
    answer: SinkResponse,
    cause: FactId,
}

/// A sink.
#[derive(Clone, Debug)]
pub struct Sink {
    setup: Arc<SinkSetup>,
    /// What a crash leaves.
    tables: Tables,
    /// How many requests ever came: it names their draws.
    requests: u64,
    jobs: Vec<Job>,
    /// When the next request may begin.
    free_at: Instant,
    /// The request that stands at a watched point.
    standing: Option<u64>,
    draws: Stream,
}

impl Job {
    fn is_atomic(&self, bulk: Bulk) -> bool {
        let with_offset = matches!(
            self.request,
            SinkRequest::Insert {
                offset: Some(_),
                ..
            }
        );
        with_offset || bulk == Bulk::Atomic
    }

    fn rows(&self) -> &[Rows] {
        match &self.request {
            SinkRequest::Insert { rows, .. } => rows,
            SinkRequest::ReadOffsets { .. } => &[],
        }
    }

    /// The row of this number, alone.
    fn row(&self, number: u32) -> Rows {
        let mut index = number;
        for rows in self.rows() {
            if index < rows.records.len() {
                return rows.one(index);
            }
            index -= rows.records.len();
        }
        unreachable!("a step names a row of its request")
    }

    fn refuse(&mut self, ctx: &mut Ctx<'_>, reason: Refusal) {
        self.answer = SinkResponse::Refused(reason);
        self.cause = ctx.note(SinkFact::InsertRefused {
            group: self.request.group(),
            from: self.from,
            reason,
        });
    }

    fn point(&self) -> StepKind {
        match self.step {
            Step::Receive => StepKind::Receive,
            Step::Insert(_) => StepKind::Insert,
            Step::Respond => StepKind::Respond,
        }
    }

    fn concerns(&self) -> Vec<Concern> {
        let concern = |rows: &Rows| Concern {
            partition: rows.partition,
            offsets: rows.first_offset..rows.first_offset + Offset::from(rows.records.len()),
            records: rows.records.clone(),
        };
        match self.step {
            Step::Insert(number) => vec![concern(&self.row(number))],
            Step::Receive | Step::Respond => self.rows().iter().map(concern).collect(),
        }
    }
}

impl Sink {
    /// An empty sink. `keys` numbers the key of every record, 0 for none; it is only looked at where
    /// rows are unique by key.
    pub fn new(setup: SinkSetup, keys: Arc<[u32]>) -> Self {
        Self {
            draws: Stream::new(setup.seed, "sink", &setup.name),
            tables: Tables::new(setup.unique, keys),
            requests: 0,
            jobs: Vec::new(),
            free_at: Instant::ZERO,
            standing: None,
            setup: Arc::new(setup),
        }
    }

    /// A request arrived.
    pub fn on_request(&mut self, ctx: &mut Ctx<'_>, conn: ConnId, from: NodeId, asked: Envelope) {
        let Body::Request(Request::Sink(request)) = asked.body else {
            unreachable!("a sink is asked for rows and offsets: {:?}", asked.body)
        };
        self.requests += 1;
        self.jobs.push(Job {
            number: self.requests,
            conn: Some(conn),
            correlation: asked.correlation,
            from,
            request,
            step: Step::Receive,
            stage: Stage::Before,
            due: ctx.now,
            begins: ctx.now,
            stored: 0,
            answer: SinkResponse::Stored,
            cause: FactId(asked.cause),
        });
        self.run(ctx);
    }

    /// A client is gone; what it asked goes on without it.
    pub fn on_disconnected(&mut self, conn: ConnId) {
        for job in &mut self.jobs {
            if job.conn == Some(conn) {
                job.conn = None;
            }
        }
    }

    /// Something is due.
    pub fn on_timer(&mut self, ctx: &mut Ctx<'_>) {
        self.run(ctx);
    }

    /// The point it stood at is done with.
    pub fn go_on(&mut self, ctx: &mut Ctx<'_>) {
        self.standing = None;
        self.run(ctx);
    }

    /// The process is about to die: which requests leave a part of their rows.
    pub fn dies(&self, ctx: &mut Ctx<'_>) {
        let cause = ctx.cause;
        for job in &self.jobs {
            let of = job.request.row_count();
            if 0 < job.stored && matches!(job.step, Step::Insert(_)) && job.stored < of {
                ctx.cause = cause;
                ctx.note(SinkFact::BulkTorn {
                    group: job.request.group(),
                    from: job.from,
                    stored: job.stored,
                    of,
                });
            }
        }
    }

    /// The process died: requests are gone, tables stay.
    pub fn crash(&mut self) {
        self.jobs.clear();
        self.standing = None;
        self.free_at = Instant::ZERO;
    }

    /// Whether no request is at work.
    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Takes every step that is due, and sets the timer for the next.
    fn run(&mut self, ctx: &mut Ctx<'_>) {
        while self.standing.is_none() {
            let due = self.jobs.iter().enumerate();
            let due = due.filter(|(_, job)| job.due <= ctx.now);
            let Some((index, _)) = due.min_by_key(|(_, job)| (job.due, job.number)) else {
                break;
            };
            self.step(ctx, index);
        }
        if let Some(at) = self.jobs.iter().map(|job| job.due).min() {
            ctx.set_timer(DUE, at);
        }
    }

    /// One stage of one step of a request.
    fn step(&mut self, ctx: &mut Ctx<'_>, index: usize) {
        let job = &mut self.jobs[index];
        ctx.cause = job.cause;
        match job.stage {
            Stage::Before => {
                job.stage = Stage::Doing;
                self.stand(ctx, index, Phase::Before);
            }
            Stage::Doing => {
                job.stage = Stage::After;
                self.take(ctx, index);
            }
            Stage::After => {
                job.stage = Stage::Next;
                self.stand(ctx, index, Phase::After);
            }
            Stage::Next => self.next(index),
        }
    }

    fn stand(&mut self, ctx: &mut Ctx<'_>, index: usize, phase: Phase) {
        let job = &self.jobs[index];
        if ctx.watches(job.point(), phase) {
            self.standing = Some(job.number);
            ctx.reach(job.point(), phase, job.concerns());
        }
    }

    fn take(&mut self, ctx: &mut Ctx<'_>, index: usize) {
        match self.jobs[index].step {
            Step::Receive => self.receive(ctx, index),
            Step::Insert(number) => self.insert(ctx, index, number),
            Step::Respond => self.respond(ctx, index),
        }
    }

    fn receive(&mut self, ctx: &mut Ctx<'_>, index: usize) {
        let waiting = self.jobs.iter().filter(|job| ctx.now < job.begins).count();
        let job = &mut self.jobs[index];
        let group = job.request.group();
        job.cause = ctx.note(SinkFact::Received {
            group,
            from: job.from,
            rows: job.request.row_count(),
        });
        let begins = self.free_at.max(ctx.now);
        let full = self
            .setup
            .queue
            .is_some_and(|room| room as usize <= waiting);
        if ctx.now < begins && full {
            return job.refuse(ctx, Refusal::QueueFull);
        }
        job.begins = begins;
        self.free_at = begins + self.setup.interval;
    }

    /// A row, of a request row by row; an atomic one keeps its rows back.
    fn insert(&mut self, ctx: &mut Ctx<'_>, index: usize, number: u32) {
        let job = &mut self.jobs[index];
        if job.is_atomic(self.setup.bulk) {
            return;
        }
        let row = job.row(number);
        let group = job.request.group();
        if self.tables.refuses(group, std::slice::from_ref(&row)) {
            return job.refuse(ctx, Refusal::Conflict);
        }
        self.tables.put(ctx, (group, job.from), &row, false);
        job.stored += 1;
        job.cause = ctx.cause;
    }

    /// What was kept back appears, and the answer leaves.
    fn respond(&mut self, ctx: &mut Ctx<'_>, index: usize) {
        let job = &mut self.jobs[index];
        let refused = matches!(job.answer, SinkResponse::Refused(_));
        let atomic = job.is_atomic(self.setup.bulk);
        let mut conflicts = false;
        match &job.request {
            _ if refused => {}
            SinkRequest::ReadOffsets { group, partitions } => {
                let found = |tp: &TopicPartition| self.tables.offset(*group, *tp);
                job.answer = SinkResponse::Offsets(partitions.iter().filter_map(found).collect());
            }
            SinkRequest::Insert {
                group,
                rows,
                offset,
            } if atomic => {
                conflicts = self.tables.refuses(*group, rows);
                if !conflicts {
                    for rows in rows {
                        let whose = (*group, job.from);
                        self.tables.put(ctx, whose, rows, offset.is_some());
                    }
                    if let Some((tp, offset)) = offset {
                        self.tables
                            .set_offset(ctx, (*group, job.from), (*tp, *offset));
                    }
                }
            }
            SinkRequest::Insert { .. } => {}
        }
        if conflicts {
            job.refuse(ctx, Refusal::Conflict);
        }
        job.cause = ctx.cause;
        if let Some(conn) = job.conn {
            let answer = Response::Sink(job.answer.clone());
            ctx.respond(conn, job.correlation, answer);
        }
    }

    /// To the step after this one, with its time.
    fn next(&mut self, index: usize) {
        let rows = self.jobs[index].request.row_count();
        let refused = matches!(self.jobs[index].answer, SinkResponse::Refused(_));
        let after_row = |number: u32| {
            if number < rows && !refused {
                Step::Insert(number)
            } else {
                Step::Respond
            }
        };
        let step = match self.jobs[index].step {
            Step::Receive => after_row(0),
            Step::Insert(number) => after_row(number + 1),
            Step::Respond => {
                self.jobs.remove(index);
                return;
            }
        };
        let job = &mut self.jobs[index];
        let begins = (job.step == Step::Receive).then_some(job.begins);
        if !refused {
            let number = job.number;
            if let Some(begins) = begins {
                self.draws.seek(number, 0);
                job.due = begins + self.setup.latency.sample(&mut self.draws);
            }
            if let Step::Insert(row) = step {
                self.draws.seek(number, u64::from(row) + 1);
                job.due += self.setup.per_row.sample(&mut self.draws);
            }
        }
        job.step = step;
        job.stage = Stage::Before;
    }
}
