//! The worker threads behind `hand-off`: a common queue, each worker one record at a time.
//!
//! The application thread goes on polling meanwhile; it waits only for room in a bounded queue. So
//! offsets can be committed past records that nobody has processed: the point of the exercise.
//! A process that closes lets its workers empty the queue before it ends, as an executor's orderly
//! shutdown does, unless what was revoked is dropped.

use std::collections::VecDeque;

use super::Member;
use super::app::Activity;
use super::buffer::Run;
use super::script::{Item, WorkerStep};
use super::store::{Stored, Storing};
use super::work::{Tried, Work};
use crate::base::{Instant, Span, TopicPartition};
use crate::kafka::Records;
use crate::node::fact::AppFact;
use crate::node::{Concern, Ctx, FactId, Phase, StepKind, TimerKey};

/// What a worker is about to do when its timer fires.
#[derive(Clone, Debug)]
enum Task {
    /// Has nothing.
    Idle,
    /// Comes to its next step.
    Step,
    /// `process` passed its `before` point.
    Begin,
    /// Its time for the record is over.
    Try(Work),
    /// `process` passed its `after` point, or a sleep is over.
    Next,
    /// The record is being sent to another topic.
    Sending,
    /// A step that stores passed its `before` point.
    Ask { with_offset: bool },
    /// A request to the sink is under way.
    Store(Storing),
}

/// One thread.
#[derive(Clone, Debug)]
struct Worker {
    item: Option<Item>,
    step: usize,
    task: Task,
}

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    threads: Vec<Worker>,
    queue: VecDeque<Run>,
    waiting: u32,
    /// The worker that stands at a watched point.
    standing: Option<u16>,
}

impl Workers {
    pub(super) fn new(count: u16) -> Self {
        let idle = Worker {
            item: None,
            step: 0,
            task: Task::Idle,
        };
        Self {
            threads: vec![idle; usize::from(count)],
            queue: VecDeque::new(),
            waiting: 0,
            standing: None,
        }
    }

    /// Whether nothing is queued or being worked on.
    pub(super) fn are_idle(&self) -> bool {
        self.waiting == 0 && self.threads.iter().all(|worker| worker.item.is_none())
    }

    /// Whether a worker stands at a watched point.
    pub(super) fn are_standing(&self) -> bool {
        self.standing.is_some()
    }

    /// The worker that stands at a watched point, once.
    pub(super) fn take_standing(&mut self) -> Option<u16> {
        self.standing.take()
    }

    /// The worker whose request to the sink passes a test.
    pub(super) fn that_asks(
        &mut self,
        test: impl Fn(&Storing) -> bool,
    ) -> Option<(u16, &mut Storing)> {
        let mut threads = (0..).zip(&mut self.threads);
        threads.find_map(|(number, worker)| match &mut worker.task {
            Task::Store(storing) if test(storing) => Some((number, storing)),
            _ => None,
        })
    }

    fn take_one(&mut self) -> Option<Item> {
        let run = self.queue.front_mut()?;
        let item = Item {
            tp: run.tp,
            offset: run.first_offset,
            record: run.records.get(0),
            polled: run.polled,
        };
        let len = run.records.len();
        *run = run.slice(1, len);
        if len == 1 {
            self.queue.pop_front();
        }
        self.waiting -= 1;
        Some(item)
    }
}

fn store_kind(with_offset: bool) -> StepKind {
    if with_offset {
        StepKind::StoreWithOffset
    } else {
        StepKind::Store
    }
}

fn timer(worker: u16) -> TimerKey {
    TimerKey::application(1 + worker)
}

impl Member {
    /// Hands over as much as the queue holds. Whether everything is handed over.
    pub(super) fn hand_off_pass(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let limit = self.app.script.hand_off.queue.unwrap_or(u32::MAX);
        while let Some(item) = self.app.polled.current() {
            let room = limit.saturating_sub(self.workers.waiting);
            if room == 0 {
                return false;
            }
            let polled = &self.app.polled;
            let run = &polled.runs[polled.run];
            let to = run.records.len().min(polled.index.saturating_add(room));
            let handed = run.slice(polled.index, to);
            self.app.polled.advance_by(handed.records.len());
            self.store(handed.tp, handed.end_offset());
            ctx.cause = item.polled;
            ctx.note(AppFact::HandedOff {
                group: self.setup.group,
                partition: handed.tp,
                first_offset: handed.first_offset,
                records: handed.records.clone(),
            });
            self.workers.waiting += handed.records.len();
            self.workers.queue.push_back(handed);
            self.wake_workers(ctx);
        }
        self.app.activity = Activity::None;
        true
    }

    /// Gives waiting records to idle workers, the first of them first.
    fn wake_workers(&mut self, ctx: &mut Ctx<'_>) {
        for index in 0..self.workers.threads.len() {
            if self.workers.threads[index].item.is_some() {
                continue;
            }
            let Some(item) = self.workers.take_one() else {
                return;
            };
            let worker = &mut self.workers.threads[index];
            worker.item = Some(item);
            worker.step = 0;
            worker.task = Task::Step;
            ctx.set_timer(timer(index as u16), ctx.now);
        }
    }

    /// A worker's timer fired.
    pub(super) fn worker_due(&mut self, ctx: &mut Ctx<'_>, worker: u16) {
        if self.workers.standing.is_some() {
            // Another worker stands at this very instant; this one comes to its step after it.
            ctx.set_timer(timer(worker), ctx.now);
            return;
        }
        let index = usize::from(worker);
        let Some(item) = self.workers.threads[index].item else {
            return;
        };
        if ctx.cause == FactId::NONE {
            ctx.cause = item.polled;
        }
        let task = std::mem::replace(&mut self.workers.threads[index].task, Task::Idle);
        match task {
            Task::Step => self.worker_step(ctx, worker, item),
            Task::Begin => {
                let time = self.work_time(item);
                self.worker_wait(ctx, worker, Task::Try(Work::running(item)), time);
            }
            Task::Try(work) => self.worker_tried(ctx, worker, work),
            Task::Next => self.worker_next(ctx, worker, item),
            Task::Ask { with_offset } => {
                let storing = self.worker_store(ctx, item, with_offset);
                self.worker_stores(ctx, worker, storing);
            }
            Task::Store(storing) => self.worker_stores(ctx, worker, storing),
            Task::Idle | Task::Sending => self.workers.threads[index].task = task,
        }
    }

    fn worker_step(&mut self, ctx: &mut Ctx<'_>, worker: u16, item: Item) {
        let step = self.workers.threads[usize::from(worker)].step;
        match self.app.script.hand_off.steps.get(step).copied() {
            None => self.worker_done(ctx, worker),
            Some(WorkerStep::Sleep(span)) => self.worker_wait(ctx, worker, Task::Next, span),
            Some(WorkerStep::Process) => {
                self.workers.threads[usize::from(worker)].task = Task::Begin;
                self.worker_point(ctx, worker, item, (StepKind::Process, Phase::Before));
            }
            Some(WorkerStep::Store { with_offset }) => {
                self.workers.threads[usize::from(worker)].task = Task::Ask { with_offset };
                let point = (store_kind(with_offset), Phase::Before);
                self.worker_point(ctx, worker, item, point);
            }
        }
    }

    /// Goes on with a request of a worker to the sink.
    fn worker_stores(&mut self, ctx: &mut Ctx<'_>, worker: u16, mut storing: Storing) {
        let stored = self.storing_pass(ctx, &mut storing);
        let thread = &mut self.workers.threads[usize::from(worker)];
        if stored == Stored::NotYet {
            if let Some(at) = storing.due() {
                ctx.set_timer(timer(worker), at);
            }
            thread.task = Task::Store(storing);
            return;
        }
        thread.task = Task::Next;
        let step = self.app.script.hand_off.steps.get(thread.step);
        let with_offset = step == Some(&WorkerStep::Store { with_offset: true });
        let item = thread.item.expect("a worker stores a record");
        if stored == Stored::Failed {
            self.app.stop_reason.get_or_insert(super::store::STOPPED);
        }
        let point = (store_kind(with_offset), Phase::After);
        self.worker_point(ctx, worker, item, point);
    }

    fn worker_tried(&mut self, ctx: &mut Ctx<'_>, worker: u16, mut work: Work) {
        let item = work.item;
        match self.try_ended(ctx, &mut work) {
            Tried::Wait(span) => self.worker_wait(ctx, worker, Task::Try(work), span),
            Tried::GaveUp if self.worker_gives_up(ctx, worker, item) => {
                self.workers.threads[usize::from(worker)].task = Task::Sending;
            }
            Tried::Done | Tried::GaveUp => {
                self.workers.threads[usize::from(worker)].task = Task::Next;
                self.worker_point(ctx, worker, item, (StepKind::Process, Phase::After));
            }
        }
    }

    /// Stands at a point of a step if it is watched; else goes on at once.
    fn worker_point(
        &mut self,
        ctx: &mut Ctx<'_>,
        worker: u16,
        item: Item,
        (kind, phase): (StepKind, Phase),
    ) {
        if !ctx.watches(kind, phase) {
            self.worker_due(ctx, worker);
            return;
        }
        self.workers.standing = Some(worker);
        let concern = Concern {
            partition: item.tp,
            offsets: item.offset..item.offset + 1,
            records: Records::one(item.record),
        };
        ctx.reach(kind, phase, vec![concern]);
    }

    fn worker_wait(&mut self, ctx: &mut Ctx<'_>, worker: u16, task: Task, span: Span) {
        self.workers.threads[usize::from(worker)].task = task;
        ctx.set_timer(timer(worker), ctx.now + span);
    }

    fn worker_next(&mut self, ctx: &mut Ctx<'_>, worker: u16, item: Item) {
        self.workers.threads[usize::from(worker)].step += 1;
        self.worker_step(ctx, worker, item);
    }

    fn worker_done(&mut self, ctx: &mut Ctx<'_>, worker: u16) {
        self.workers.threads[usize::from(worker)].item = None;
        self.wake_workers(ctx);
        self.run(ctx);
    }

    /// A record of a worker was sent on.
    pub(super) fn worker_sent(&mut self, ctx: &mut Ctx<'_>, worker: u16) {
        self.worker_wait(ctx, worker, Task::Next, Span::ZERO);
    }

    /// Throws queued records of partitions taken away into the bin, if the group says so.
    pub(super) fn drop_queued(&mut self, ctx: &mut Ctx<'_>, taken: &[TopicPartition]) {
        if !self.app.script.hand_off.drop_revoked {
            return;
        }
        let is_taken = |run: &Run| taken.contains(&run.tp);
        let (dropped, kept): (VecDeque<Run>, VecDeque<Run>) =
            self.workers.queue.drain(..).partition(is_taken);
        self.workers.queue = kept;
        for run in dropped {
            self.workers.waiting -= run.records.len();
            ctx.note(AppFact::Dropped {
                group: self.setup.group,
                partition: run.tp,
                first_offset: run.first_offset,
                records: run.records,
            });
        }
    }

    /// The process has closed: it ends when its workers have nothing left.
    pub(super) fn exit_if_idle(&mut self, ctx: &mut Ctx<'_>) {
        if self.exited || !self.workers.are_idle() || !self.outbox.is_empty() {
            return;
        }
        self.exited = true;
        self.wire.close_all(ctx);
        ctx.exit();
    }

    /// When workers' sends have to be tried again.
    pub(super) fn outbox_due(&self) -> Option<Instant> {
        self.outbox.retry_at()
    }
}
