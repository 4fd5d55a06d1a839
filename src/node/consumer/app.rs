//! The application thread: runs the program step by step, stops at watched points, waits.
//!
//! ```text
//! frames:    loop [ ... poll ... ]      at most: the loop (or close), and a listener above it
//!                        |
//!                   on-revoked [ commit-sync ]   the poll is suspended until it returns
//! activity:  what the top frame waits for: poll, commit, a stretch of records, one record, sleep
//! stage:     before -> doing -> after -> next step
//! ```
//!
//! Activities of the application itself end with its own timer; poll, commits and close go on
//! whenever something of theirs arrives. A `commitSync` that throws is logged and the next step
//! runs, as in applications that catch around the call, unless the group says `stop`.

use std::sync::Arc;

use super::Member;
use super::close::Closing;
use super::commit::{Offsets, named};
use super::poll::{Polling, Turn};
use super::program::CommitOffsets;
use super::script::{Code, CommitStep, Polled, Script};
use super::store::Storing;
use super::stretch::Stretch;
use super::sync_commit::SyncCommit;
use super::work::Work;
use crate::base::{Instant, Offset, Span, TopicPartition};
use crate::kafka::Records;
use crate::kafka::client::ClientFamily;
use crate::node::fact::{AppFact, CommitKind};
use crate::node::{Concern, Ctx, FactId, Phase, StepKind, TimerKey};

pub(super) use super::script::Entry;

/// Steps without time passing; more means a program that cannot be.
const INSTANT_STEPS_MAX: u32 = 1_000_000;

/// What follows when a listener returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// `onJoinPrepare` is over.
    Prepared,
    /// `onJoinComplete` goes on: a cooperative member has given up what it is no longer assigned.
    GaveUp,
    /// `onJoinComplete` is over.
    Assigned,
    /// `close()` goes on.
    Closing,
    /// Consumer protocol: taking an assignment over goes on; everything is lost.
    ModernStep,
    ModernLost,
}

/// What the top frame waits for.
#[derive(Clone, Debug)]
pub(super) enum Activity {
    /// Nothing: the next step may run.
    None,
    Poll(Polling),
    Commit(SyncCommit),
    Stretch(Stretch),
    Work(Work),
    /// A record is on its way to another topic.
    Sending,
    /// A request to the sink.
    Store(Storing),
    Sleep,
    /// The queue of the workers is full.
    HandOff,
    Close(Closing),
    /// The application has ended; its workers may still be busy.
    Ended,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Before,
    Doing,
    After,
    Next,
}

/// A place in the program.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) pc: usize,
    pub(super) stage: Stage,
    /// For a listener: what it interrupts, and what follows.
    pub(super) interrupts: Option<(Activity, Then)>,
}

/// The application of a member.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) script: Arc<Script>,
    pub(super) frames: Vec<Frame>,
    pub(super) activity: Activity,
    pub(super) polled: Polled,
    /// When the application's own timer fires.
    due_at: Option<Instant>,
    due: bool,
    standing: bool,
    pub(super) stalled_until: Instant,
    counters: Vec<u32>,
    concerns: Vec<Concern>,
    /// The next poll ends the loop.
    close_requested: bool,
    /// `wakeup()` was called, and no call has thrown because of it yet.
    pub(super) woken: bool,
    /// Why a listener or worker wants the loop to end.
    pub(super) stop_reason: Option<&'static str>,
    closing: bool,
    shut: bool,
    /// What the application last did, so that what it does next has a cause.
    pub(super) last_fact: FactId,
}

impl App {
    pub(super) fn new(script: Arc<Script>) -> Self {
        let counters = vec![0; script.counters()];
        Self {
            script,
            frames: Vec::new(),
            activity: Activity::None,
            polled: Polled::default(),
            due_at: None,
            due: false,
            standing: false,
            stalled_until: Instant::ZERO,
            counters,
            concerns: Vec::new(),
            close_requested: false,
            woken: false,
            stop_reason: None,
            closing: false,
            shut: false,
            last_fact: FactId::NONE,
        }
    }

    pub(super) fn is_empty(&self, entry: Entry) -> bool {
        self.script.is_empty(entry)
    }

    pub(super) fn wants_to_end(&self) -> bool {
        !self.closing && (self.close_requested || self.stop_reason.is_some())
    }

    pub(super) fn is_shut(&self) -> bool {
        self.shut
    }

    pub(super) fn shut(&mut self) {
        self.shut = true;
    }

    pub(super) fn is_polling(&self) -> bool {
        self.frames.len() == 1 && matches!(self.activity, Activity::Poll(_))
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.activity, Activity::Ended)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing || self.close_requested
    }

    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        now < self.stalled_until
    }

    pub(super) fn is_standing(&self) -> bool {
        self.standing
    }

    pub(super) fn take_due(&mut self) -> bool {
        std::mem::take(&mut self.due)
    }

    pub(super) fn frame(&mut self) -> &mut Frame {
        self.frames
            .last_mut()
            .expect("a running application has a frame")
    }
}

impl Frame {
    fn at(pc: usize) -> Self {
        Self {
            pc,
            stage: Stage::Before,
            interrupts: None,
        }
    }
}

impl Member {
    pub(super) fn start_loop(&mut self, ctx: &mut Ctx<'_>) {
        let main = self.app.script.entry(Entry::Main);
        self.app.frames.push(Frame::at(main));
        self.run(ctx);
    }

    pub(super) fn run(&mut self, ctx: &mut Ctx<'_>) {
        for _ in 0..INSTANT_STEPS_MAX {
            if self.app.standing || self.app.is_stalled(ctx.now) || self.app.frames.is_empty() {
                return;
            }
            self.take_deferred(ctx);
            let goes_on = if matches!(self.app.activity, Activity::None) {
                self.step(ctx);
                true
            } else {
                self.advance(ctx)
            };
            if !goes_on {
                return;
            }
        }
        panic!("an application takes time: its loop begins with a poll");
    }

    pub(super) fn app_due(&mut self, ctx: &mut Ctx<'_>) {
        let at = self.app.due_at.filter(|at| *at <= ctx.now);
        if at.is_some() {
            self.app.due_at = None;
            self.app.due = true;
        }
        if ctx.cause == FactId::NONE {
            ctx.cause = self.app.last_fact;
        }
        self.run(ctx);
    }

    pub(super) fn wake_app(&mut self, ctx: &mut Ctx<'_>, at: Instant) {
        self.app.due = false;
        self.app.due_at = Some(at);
        ctx.set_timer(TimerKey::application(0), at.max(self.app.stalled_until));
    }

    pub(super) fn sleep(&mut self, ctx: &mut Ctx<'_>, span: Span) {
        self.app.activity = Activity::Sleep;
        self.wake_app(ctx, ctx.now + span);
    }

    fn advance(&mut self, ctx: &mut Ctx<'_>) -> bool {
        match &self.app.activity {
            Activity::None => true,
            Activity::Poll(_) => self.poll_pass(ctx),
            Activity::Commit(_) => self.commit_sync_pass(ctx),
            Activity::Stretch(_) => self.app.take_due() && self.end_stretch(ctx),
            Activity::Work(_) => self.app.take_due() && self.work_due(ctx),
            Activity::Sending => false,
            Activity::Store(_) => self.store_pass(ctx),
            Activity::Sleep => {
                let over = self.app.take_due();
                if over {
                    self.app.activity = Activity::None;
                }
                over
            }
            Activity::HandOff => self.hand_off_pass(ctx),
            Activity::Close(_) => self.close_pass(ctx),
            Activity::Ended => {
                self.exit_if_idle(ctx);
                false
            }
        }
    }

    fn step(&mut self, ctx: &mut Ctx<'_>) {
        let frame = self.app.frame();
        let (pc, stage) = (frame.pc, frame.stage);
        let code = self.app.script.at(pc);
        match stage {
            Stage::Before => {
                if self.skips(code) {
                    self.app.frame().stage = Stage::Next;
                    return;
                }
                self.app.frame().stage = Stage::Doing;
                self.app.concerns.clear();
                if let Some(kind) = code.before()
                    && ctx.watches(kind, Phase::Before)
                {
                    self.app.concerns = self.concerns(code);
                    let concerns = self.app.concerns.clone();
                    self.stand(ctx, kind, Phase::Before, concerns);
                } else if let Some(kind) = code.after()
                    && ctx.watches(kind, Phase::After)
                {
                    self.app.concerns = self.concerns(code);
                }
            }
            Stage::Doing => {
                self.app.frame().stage = Stage::After;
                self.begin(ctx, code);
            }
            Stage::After => {
                self.app.frame().stage = Stage::Next;
                if let Some(kind) = code.after()
                    && ctx.watches(kind, Phase::After)
                {
                    let concerns = if kind == StepKind::Poll {
                        self.polled_concerns()
                    } else {
                        std::mem::take(&mut self.app.concerns)
                    };
                    self.stand(ctx, kind, Phase::After, concerns);
                }
            }
            Stage::Next => self.next(ctx, code),
        }
    }

    fn stand(&mut self, ctx: &mut Ctx<'_>, kind: StepKind, phase: Phase, of: Vec<Concern>) {
        self.app.standing = true;
        self.app.last_fact = ctx.cause;
        ctx.reach(kind, phase, of);
    }

    fn skips(&mut self, code: Code) -> bool {
        let Code::Commit(step) = code else {
            return false;
        };
        let counter = &mut self.app.counters[step.counter];
        *counter += 1;
        !counter.is_multiple_of(step.every)
    }

    fn begin(&mut self, ctx: &mut Ctx<'_>, code: Code) {
        match code {
            Code::Poll(timeout) => self.begin_poll(ctx, timeout),
            Code::EachStart => self.app.polled.rewind(),
            Code::EachHead { end, plain } => self.each_head(ctx, end, plain),
            Code::Process => self.begin_work(ctx),
            Code::Commit(step) => self.begin_commit(ctx, step),
            Code::HandOff => {
                self.app.polled.rewind();
                self.app.activity = Activity::HandOff;
            }
            Code::Store { with_offset } => self.begin_store(ctx, with_offset),
            Code::StoreAll => self.begin_store_all(ctx),
            Code::SeekToStored => self.begin_seek_to_stored(ctx),
            Code::Sleep(span) => self.sleep(ctx, span),
            Code::Shut => self.begin_shut(ctx),
            Code::EachNext { .. } | Code::CloseBegin | Code::Loop | Code::Return => {}
        }
    }

    fn next(&mut self, ctx: &mut Ctx<'_>, code: Code) {
        let pc = self.app.frame().pc;
        let target = match code {
            Code::Poll(_) if self.app.polled.is_empty() => self.app.script.entry(Entry::Main),
            Code::EachNext { head } => {
                self.app.polled.advance();
                head
            }
            Code::Loop => self.app.script.entry(Entry::Main),
            Code::Shut => {
                self.app.activity = Activity::Ended;
                return;
            }
            Code::Return => return self.end_listener(ctx),
            // A `close` of the loop goes on where every close does.
            Code::CloseBegin => {
                let close = self.app.script.entry(Entry::Close);
                self.app.closing = true;
                self.app.polled = Polled::default();
                close + 1
            }
            _ => pc + 1,
        };
        self.jump(target);
    }

    /// Goes on at a place of the program.
    pub(super) fn jump(&mut self, pc: usize) {
        let frame = self.app.frame();
        frame.pc = pc;
        frame.stage = Stage::Before;
    }

    fn begin_poll(&mut self, ctx: &mut Ctx<'_>, timeout: Span) {
        self.app.polled = Polled::default();
        for to in std::mem::take(&mut self.seeks) {
            self.seek_now(ctx, to);
        }
        self.app.activity = Activity::Poll(Polling::new(ctx.now, timeout));
    }

    /// At the head of `each`: a stretch, the next record alone, or out of it.
    fn each_head(&mut self, ctx: &mut Ctx<'_>, end: usize, plain: bool) {
        let Some(item) = self.app.polled.current() else {
            self.jump(end);
            return;
        };
        self.store(item.tp, item.offset + 1);
        let watched = ctx.watches(StepKind::Process, Phase::Before)
            || ctx.watches(StepKind::Process, Phase::After);
        if plain && !watched && self.begin_stretch(ctx) {
            let frame = self.app.frame();
            frame.stage = Stage::Before;
        }
    }

    /// `commitSync` or `commitAsync`.
    fn begin_commit(&mut self, ctx: &mut Ctx<'_>, step: CommitStep) {
        let offsets = self.commit_offsets(step);
        for (tp, at) in offsets.iter() {
            self.positions.move_mark(*tp, at.offset);
        }
        if !step.sync {
            self.commit_async(ctx, CommitKind::Async, offsets);
            return;
        }
        let limit = ctx.now + self.setup.config.default_api_timeout;
        let commit = self.begin_sync_commit(ctx, CommitKind::Sync, offsets, limit);
        self.app.activity = Activity::Commit(commit);
    }

    fn commit_offsets(&self, step: CommitStep) -> Offsets {
        let polled = self.positions.consumed();
        let offsets = match step.offsets {
            CommitOffsets::Polled if step.shift == 0 => return polled.into(),
            CommitOffsets::Polled => polled.into_iter().map(|(tp, at)| (tp, at.offset)).collect(),
            CommitOffsets::Processed => self.positions.processed_in_order(),
            CommitOffsets::ThisRecord => {
                let item = self.app.polled.current();
                item.map(|item| (item.tp, item.offset + 1))
                    .into_iter()
                    .collect()
            }
        };
        let shifted =
            |(tp, offset): (TopicPartition, Offset)| (tp, offset.saturating_add_signed(step.shift));
        named(offsets.into_iter().map(shifted).collect())
    }

    /// What a step concerns, as far as it is known before it is taken.
    fn concerns(&self, code: Code) -> Vec<Concern> {
        match code {
            Code::Process | Code::Store { .. } => {
                let item = self.app.polled.current().expect("inside each");
                vec![Concern {
                    partition: item.tp,
                    offsets: item.offset..item.offset + 1,
                    records: Records::one(item.record),
                }]
            }
            Code::Commit(step) => {
                let offsets = self.commit_offsets(step);
                let moved = offsets.iter().filter_map(|(tp, at)| {
                    let mark = self.positions.mark(*tp);
                    (mark < at.offset).then_some(Concern {
                        partition: *tp,
                        offsets: mark..at.offset,
                        records: Records::EMPTY,
                    })
                });
                moved.collect()
            }
            Code::HandOff | Code::StoreAll => self.polled_concerns(),
            _ => Vec::new(),
        }
    }

    fn polled_concerns(&self) -> Vec<Concern> {
        let concern = |run: &super::buffer::Run| Concern {
            partition: run.tp,
            offsets: run.first_offset..run.end_offset(),
            records: run.records.clone(),
        };
        self.app.polled.runs.iter().map(concern).collect()
    }

    /// Runs a listener above the current activity; `Ready` if it has no steps.
    pub(super) fn call_listener(&mut self, _ctx: &mut Ctx<'_>, entry: Entry, then: Then) -> Turn {
        if self.app.is_empty(entry) {
            return Turn::Ready;
        }
        let suspended = std::mem::replace(&mut self.app.activity, Activity::None);
        let mut frame = Frame::at(self.app.script.entry(entry));
        frame.interrupts = Some((suspended, then));
        self.app.frames.push(frame);
        Turn::Called
    }

    /// The application ends because of an exception or a failed record. Inside a listener the
    /// exception comes out of the poll around it.
    pub(super) fn stop(&mut self, ctx: &mut Ctx<'_>, reason: &'static str) {
        if self.app.closing {
            return;
        }
        if 1 < self.app.frames.len() {
            self.app.stop_reason.get_or_insert(reason);
            return;
        }
        ctx.note(AppFact::Stopped {
            group: self.setup.group,
            reason,
        });
        self.begin_close();
    }

    /// A poll finds that the loop is to end.
    pub(super) fn end_loop(&mut self, ctx: &mut Ctx<'_>) {
        match self.app.stop_reason.take() {
            Some(reason) => self.stop(ctx, reason),
            None => self.begin_close(),
        }
    }

    pub(super) fn begin_close(&mut self) {
        assert!(!self.app.closing, "an application closes once");
        self.app.closing = true;
        self.app.activity = Activity::None;
        self.app.polled = Polled::default();
        self.app.frames.clear();
        let close = self.app.script.entry(Entry::Close);
        self.app.frames.push(Frame::at(close));
    }

    pub(super) fn resume(&mut self, ctx: &mut Ctx<'_>) {
        self.app.standing = false;
        if ctx.cause == FactId::NONE {
            ctx.cause = self.app.last_fact;
        }
        self.run(ctx);
    }

    /// `wakeup()`: a poll in progress or the next one ends the loop; at a point it ends right
    /// there. A `commitSync` before that poll throws in its place, and the next poll ends the loop
    /// all the same: an application that is told to close has a flag besides. Only Java is woken.
    pub(super) fn request_close(&mut self, ctx: &mut Ctx<'_>) {
        if self.app.closing {
            return;
        }
        if self.app.standing {
            self.app.standing = false;
            self.begin_close();
        } else {
            self.app.close_requested = true;
            self.app.woken = self.setup.family == ClientFamily::Java;
        }
        self.run(ctx);
    }

    pub(super) fn stall_app(&mut self, ctx: &mut Ctx<'_>, until: Instant) {
        self.app.stalled_until = self.app.stalled_until.max(until);
        let wake = self.app.due_at.map_or(until, |at| at.max(until));
        ctx.set_timer(TimerKey::application(0), wake);
    }
}
