//! The work on one record: its time, its failures, what the application does about them.
//!
//! The time of a record is drawn for the record and how often it has failed before, so that no
//! draw depends on what happened to other records. How often it has failed is counted over all
//! members: what fails elsewhere is told to each ([`Member::failed_elsewhere`]). The count outlives
//! a crash: it belongs to the record, not to the process.

use super::Member;
use super::SeekRequest;
use super::app::{Activity, Entry};
use super::outbox::Sender;
use super::program::{Failures, Handled, HandledRecord, OnFailure};
use super::script::Item;
use crate::base::{Span, TopicId};
use crate::kafka::Records;
use crate::node::Ctx;
use crate::node::fact::{AppFact, Times};

/// The reason of an application that stops over a record.
const STOPPED: &str = "processing failed";

/// A record being worked on.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) item: Item,
    /// How often it was tried since it was polled.
    tries: u32,
    /// Waiting between two tries.
    backing_off: bool,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// Processed.
    Done,
    /// Goes on after so long.
    Wait(Span),
    /// The application gives up on the record.
    GaveUp,
}

impl Work {
    /// Being tried for the first time.
    pub(super) fn running(item: Item) -> Self {
        Self {
            item,
            tries: 0,
            backing_off: false,
        }
    }
}

impl Member {
    /// `process` on the application thread.
    pub(super) fn begin_work(&mut self, ctx: &mut Ctx<'_>) {
        let item = self
            .app
            .polled
            .current()
            .expect("`process` stands in `each`");
        let time = self.work_time(item);
        self.app.activity = Activity::Work(Work::running(item));
        self.wake_app(ctx, ctx.now + time);
    }

    /// The time of a try is over. Whether the application goes on.
    pub(super) fn work_due(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Activity::Work(mut work) = std::mem::replace(&mut self.app.activity, Activity::None)
        else {
            unreachable!("asked for while a record is worked on")
        };
        let tried = self.try_ended(ctx, &mut work);
        self.app.last_fact = ctx.cause;
        match tried {
            Tried::Done => {}
            Tried::Wait(span) => {
                self.app.activity = Activity::Work(work);
                self.wake_app(ctx, ctx.now + span);
            }
            Tried::GaveUp => self.give_up(ctx, work.item),
        }
        true
    }

    /// How long a record takes now.
    pub(super) fn work_time(&mut self, item: Item) -> Span {
        let spec = &self.setup.program.process;
        if let Some(time) = spec.slow_time(item.record, item.tp, item.offset) {
            return time;
        }
        let failed = self.failures.get(&item.record).copied().unwrap_or(0);
        self.processing
            .seek(u64::from(item.record.0), u64::from(failed));
        spec.time.sample(&mut self.processing)
    }

    /// A try, or the wait between two, is over.
    pub(super) fn try_ended(&mut self, ctx: &mut Ctx<'_>, work: &mut Work) -> Tried {
        if work.backing_off {
            work.backing_off = false;
            return Tried::Wait(self.work_time(work.item));
        }
        let item = work.item;
        ctx.cause = item.polled;
        work.tries += 1;
        if !self.fails_now(item) {
            self.item_processed(ctx, item);
            return Tried::Done;
        }
        *self.failures.entry(item.record).or_insert(0) += 1;
        let spec = &self.setup.program.process;
        let last_attempt = spec.retries < work.tries;
        let backoff = spec.backoff;
        ctx.note(AppFact::ProcessingFailed {
            group: self.setup.group,
            partition: item.tp,
            offset: item.offset,
            records: Records::one(item.record),
            last_attempt,
        });
        if last_attempt {
            return Tried::GaveUp;
        }
        work.backing_off = true;
        Tried::Wait(backoff)
    }

    fn fails_now(&self, item: Item) -> bool {
        let spec = &self.setup.program.process;
        let failed = self.failures.get(&item.record).copied().unwrap_or(0);
        match spec.failures(item.record, item.tp, item.offset) {
            Some(Failures::Always) => return true,
            Some(Failures::Times(times)) if failed < times => return true,
            Some(Failures::Times(_)) | None => {}
        }
        let handled = spec.handler.as_ref().map(|handler| {
            (handler.0)(&HandledRecord {
                record: item.record,
                partition: item.tp,
                offset: item.offset,
                attempt: failed + 1,
            })
        });
        handled == Some(Handled::Failed)
    }

    fn item_processed(&mut self, ctx: &mut Ctx<'_>, item: Item) {
        ctx.note(AppFact::Processed {
            group: self.setup.group,
            partition: item.tp,
            first_offset: item.offset,
            records: Records::one(item.record),
            times: Times::at(ctx.now),
        });
        self.positions
            .processed(item.tp, item.offset, item.offset + 1);
    }

    /// What the application thread does with a record that failed for good.
    fn give_up(&mut self, ctx: &mut Ctx<'_>, item: Item) {
        match self.setup.program.process.on_failure {
            OnFailure::Stop => self.stop(ctx, STOPPED),
            OnFailure::Skip => self.skip_record(ctx, item),
            OnFailure::SeekBack => {
                // Also back to the first record of every other partition not come to yet, or
                // they would be passed over.
                for (tp, offset) in self.app.polled.unfinished() {
                    self.seek_now(ctx, SeekRequest::Offset(tp, offset));
                }
                let main = self.app.script.entry(Entry::Main);
                self.jump(main);
            }
            OnFailure::Send(to) => {
                self.app.activity = Activity::Sending;
                self.send_on(ctx, item, to, Sender::Application);
            }
        }
    }

    /// What a worker does with a record that failed for good. True if it waits for a send.
    pub(super) fn worker_gives_up(&mut self, ctx: &mut Ctx<'_>, worker: u16, item: Item) -> bool {
        match self.setup.program.process.on_failure {
            OnFailure::Stop => {
                self.app.stop_reason.get_or_insert(STOPPED);
                false
            }
            OnFailure::Skip => {
                self.skip_record(ctx, item);
                false
            }
            OnFailure::SeekBack => {
                self.seeks.push(SeekRequest::Offset(item.tp, item.offset));
                false
            }
            OnFailure::Send(to) => {
                self.send_on(ctx, item, to, Sender::Worker(worker));
                true
            }
        }
    }

    fn skip_record(&mut self, ctx: &mut Ctx<'_>, item: Item) {
        ctx.note(AppFact::RecordSkipped {
            group: self.setup.group,
            partition: item.tp,
            offset: item.offset,
            records: Records::one(item.record),
        });
        self.positions
            .processed(item.tp, item.offset, item.offset + 1);
    }

    /// A record sent on is done with.
    pub(super) fn sent_on(&mut self, ctx: &mut Ctx<'_>, item: Item, to: TopicId) {
        ctx.note(AppFact::HandedOn {
            group: self.setup.group,
            partition: item.tp,
            offset: item.offset,
            records: Records::one(item.record),
            to,
        });
        self.positions
            .processed(item.tp, item.offset, item.offset + 1);
    }
}
