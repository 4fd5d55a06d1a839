//! A stretch: many records processed in one go, with the instant at which each is done.
//!
//! With a constant time per record it costs the same for one record and for a thousand. It ends
//! before a record with its own time or failures, and a fault cuts it at its instant: what is done
//! strictly before is stated, the record in hand goes on alone. Nothing else cuts it; who wants to
//! know how far it is asks for the instant.

use std::sync::Arc;

use super::Member;
use super::app::{Activity, Stage};
use super::buffer::Run;
use super::program::ProcessSpec;
use super::work::Work;
use crate::base::{Instant, Offset, Span};
use crate::node::Ctx;
use crate::node::fact::{AppFact, Times};

/// Records `from..to` of one run.
#[derive(Clone, Debug)]
struct Part {
    run: usize,
    from: u32,
    to: u32,
    times: Times,
}

/// The records being processed.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    parts: Vec<Part>,
}

impl Part {
    fn len(&self) -> u32 {
        self.to - self.from
    }

    /// How many are done strictly before an instant.
    fn done_before(&self, now: Instant) -> u32 {
        match &self.times {
            Times::List(list) => list.partition_point(|done| *done < now) as u32,
            Times::Every { first, .. } if now <= *first => 0,
            Times::Every { step: Span(0), .. } => self.len(),
            Times::Every { first, step } => {
                // The nth is done at first + n * step.
                let count = (now.since(*first).0 - 1) / step.0 + 1;
                count.min(u64::from(self.len())) as u32
            }
        }
    }

    fn first_times(&self, count: u32) -> Times {
        match &self.times {
            every @ Times::Every { .. } => every.clone(),
            Times::List(list) => Times::List(list[..count as usize].into()),
        }
    }
}

impl Member {
    /// Begins a stretch at the current record. False if that record has to be taken alone.
    pub(super) fn begin_stretch(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let program = self.setup.program.clone();
        let spec = &program.process;
        if spec.handler.is_some() {
            return false;
        }
        let polled = &self.app.polled;
        let mut parts = Vec::new();
        let mut at = ctx.now;
        for (place, run) in polled.runs.iter().enumerate().skip(polled.run) {
            let from = if place == polled.run { polled.index } else { 0 };
            let to = next_special(spec, run, from);
            if from < to {
                let times = finish_times(&mut self.processing, spec, run, (from, to), at);
                at = times.get(to - from - 1);
                parts.push(Part {
                    run: place,
                    from,
                    to,
                    times,
                });
            }
            if to < run.records.len() {
                break;
            }
        }
        if parts.is_empty() {
            return false;
        }
        self.app.activity = Activity::Stretch(Stretch { parts });
        self.wake_app(ctx, at);
        true
    }

    /// All of the stretch is done.
    pub(super) fn end_stretch(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let stretch = self.take_stretch();
        for part in stretch.parts {
            self.part_done(ctx, &part, part.len());
        }
        true
    }

    /// Cuts the stretch: states what is done strictly before now; the record in hand goes on
    /// alone.
    pub(super) fn cut_stretch(&mut self, ctx: &mut Ctx<'_>) {
        if !matches!(self.app.activity, Activity::Stretch(_)) {
            return;
        }
        let stretch = self.take_stretch();
        let cause = ctx.cause;
        for part in stretch.parts {
            let done = part.done_before(ctx.now);
            if 0 < done {
                self.part_done(ctx, &part, done);
            }
            if done < part.len() {
                let until = part.times.get(done);
                let item = self.app.polled.current().expect("a record is in hand");
                self.store(item.tp, item.offset + 1);
                self.app.activity = Activity::Work(Work::running(item));
                // As if `process` had begun for it alone.
                let frame = self.app.frame();
                frame.pc += 1;
                frame.stage = Stage::After;
                self.wake_app(ctx, until);
                ctx.cause = cause;
                return;
            }
        }
        unreachable!("a stretch whose records are all done has ended")
    }

    fn take_stretch(&mut self) -> Stretch {
        let Activity::Stretch(stretch) = std::mem::replace(&mut self.app.activity, Activity::None)
        else {
            unreachable!("asked for while a stretch runs")
        };
        stretch
    }

    /// The first `count` records of a part are done.
    fn part_done(&mut self, ctx: &mut Ctx<'_>, part: &Part, count: u32) {
        let run = self.app.polled.runs[part.run].slice(part.from, part.from + count);
        let fact = AppFact::Processed {
            group: self.setup.group,
            partition: run.tp,
            first_offset: run.first_offset,
            records: run.records.clone(),
            times: part.first_times(count),
        };
        ctx.cause = run.polled;
        self.app.last_fact = ctx.note(fact);
        self.positions
            .processed(run.tp, run.first_offset, run.end_offset());
        self.store(run.tp, run.end_offset());
        self.app.polled.advance_by(count);
    }

    /// librdkafka: the records handed to the application by now, the one in hand included.
    pub(super) fn store_handed_over(&mut self, now: Instant) {
        let Activity::Stretch(stretch) = &self.app.activity else {
            return;
        };
        let mut handed = Vec::new();
        for part in &stretch.parts {
            let done = part.done_before(now);
            let run = &self.app.polled.runs[part.run];
            let upto = part.from + (done + 1).min(part.len());
            handed.push((run.tp, run.first_offset + Offset::from(upto)));
            if done < part.len() {
                break;
            }
        }
        for (tp, offset) in handed {
            self.store(tp, offset);
        }
    }
}

/// When each record `from..to` of a run is done, if the first begins at `at`.
fn finish_times(
    processing: &mut crate::base::Stream,
    spec: &ProcessSpec,
    run: &Run,
    (from, to): (u32, u32),
    at: Instant,
) -> Times {
    if let Some(step) = spec.time.constant() {
        return Times::Every {
            first: at + step,
            step,
        };
    }
    let mut done = at;
    let draw = |index: u32| {
        processing.seek(u64::from(run.records.get(index).0), 0);
        done += spec.time.sample(processing);
        done
    };
    let times: Vec<Instant> = (from..to).map(draw).collect();
    Times::List(Arc::from(times))
}

/// The first record from `from` on that has its own time or failures; the run's length if none.
fn next_special(spec: &ProcessSpec, run: &Run, from: u32) -> u32 {
    let len = run.records.len();
    if spec.slow.is_empty() && spec.fails.is_empty() {
        return len;
    }
    let is_special = |index: &u32| {
        let offset = run.first_offset + Offset::from(*index);
        spec.is_special(run.records.get(*index), run.tp, offset)
    };
    (from..len).find(is_special).unwrap_or(len)
}
