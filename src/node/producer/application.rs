//! The application of a producer: which record it passes to `send()` next, and when.
//!
//! Records that only lengthen an open batch need no event: the application looks ahead for the
//! first that would do more, is woken then, and appends those before it at their own instants.
//! Where somebody watches `send` every record has an event of its own.
//!
//! ```text
//! idle --due--> [before send] -> send -> [after send] -> idle
//!                                 |  ^
//!                     no metadata or memory: blocked, at most max.block.ms
//! idle --close--> [before close] -> closing -> [after close] -> closed
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use super::accumulator::Append;
use super::batch::{NewRecord, Row};
use super::draws::{Draw, Draws};
use super::partitioner::Route;
use super::sender::Sender;
use super::{OnSendFailure, ProducerSetup};
use crate::base::{Instant, RecordId, Span, Timestamp, TopicId, TopicPartition};
use crate::kafka::{ErrorCode, Records};
use crate::node::fact::ProduceFact;
use crate::node::{Concern, Ctx, StepKind, TimerKey};

/// The application's timer.
pub(super) const APPLICATION_TIMER: TimerKey = TimerKey::application(0);

/// How many records are looked at ahead: what is looked at in vain when another event comes first.
const LOOK_AHEAD: usize = 64;

/// As [`LOOK_AHEAD`], for records that are all alike.
const LOOK_ALONG: u32 = 512;

/// A record that is its turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    /// Its number with this producer, from 0.
    number: u32,
    draw: Draw,
    /// Sent before, and failed.
    again: bool,
}

/// A `send()` that has not returned.
#[derive(Clone, Copy, Debug)]
struct Blocked {
    pick: Pick,
    until: Instant,
    /// The record's timestamp, once the topic's metadata are there and memory is awaited.
    timestamp: Option<Instant>,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// Not wanted.
    No,
    /// As soon as the current `send()` has returned.
    Wanted,
    /// Stands before `close()`.
    Before,
    /// In `close()`.
    Closing,
    /// Stands after `close()`.
    After,
    /// Gone.
    Closed,
}

/// The application.
#[derive(Clone, Debug)]
pub(super) struct Application {
    setup: Arc<ProducerSetup>,
    draws: Draws,
    /// The first record not passed to `send()`.
    pub(super) next: u32,
    /// When it is due.
    due: Instant,
    again: VecDeque<u32>,
    blocked: Option<Blocked>,
    stalled_until: Instant,
    /// The record whose point before `send()` was passed already.
    announced: bool,
    pub(super) ending: Ending,
    armed: Option<Instant>,
    /// The first record that needs an event if nothing changes in the accumulator, and its count of
    /// changes.
    quiet: Option<(Instant, u64)>,
    /// An append woke the sender.
    pub(super) woke_sender: bool,
}

impl Application {
    pub(super) fn new(setup: &Arc<ProducerSetup>, next: u32, now: Instant) -> Self {
        let mut application = Self {
            setup: Arc::clone(setup),
            draws: Draws::new(setup, next),
            next,
            due: now,
            again: VecDeque::new(),
            blocked: None,
            stalled_until: now,
            announced: false,
            ending: Ending::No,
            armed: None,
            quiet: None,
            woke_sender: false,
        };
        application.returned(now, Span::ZERO);
        application
    }

    pub(super) fn topics(&self) -> &[TopicId] {
        self.draws.topics()
    }

    fn has_next(&self) -> bool {
        self.next < self.setup.workload.count
    }

    /// Whether everything was passed to `send()` and nothing is to be sent again.
    pub(super) fn has_sent_everything(&self) -> bool {
        !self.has_next() && self.again.is_empty() && self.blocked.is_none()
    }

    fn id(&self, number: u32) -> RecordId {
        RecordId(self.setup.first_record.0 + number)
    }

    /// A call has returned: the next record is due `gap` later, or at its own time.
    fn returned(&mut self, now: Instant, gap: Span) {
        self.due = now + gap;
        if self.has_next()
            && let Some(own) = self.draws.peek(0).at
        {
            self.due = own.max(now);
        }
    }

    /// Appends the records due before `now` that need no event.
    pub(super) fn catch_up(&mut self, sender: &mut Sender, now: Instant) {
        let limit = self.armed.map_or(Instant::ZERO, |armed| armed.min(now));
        self.catch_up_in_a_row(sender, limit);
        while self.due < limit && self.has_next() && self.blocked.is_none() {
            let draw = self.draws.take();
            let record = self.record(self.next, &draw, self.due);
            let accumulator = &mut sender.accumulator;
            accumulator.lengthen(draw.topic, draw.route, &record, self.due);
            sender.stretch.push(draw.topic, record.id, self.due);
            self.next += 1;
            self.returned(self.due, draw.gap);
        }
    }

    /// Records that are all alike are appended without a look at each.
    fn catch_up_in_a_row(&mut self, sender: &mut Sender, limit: Instant) {
        let left = self.setup.workload.count - self.next;
        let Some(draw) = self.draws.every_record().copied() else {
            return;
        };
        if limit <= self.due || left == 0 || self.blocked.is_some() || !is_in_a_row(&draw) {
            return;
        }
        let behind = (limit.since(self.due).0 - 1) / draw.gap.0;
        let row = Row {
            first: self.record(self.next, &draw, self.due),
            step: draw.gap,
            count: left.min(u32::try_from(behind + 1).unwrap_or(u32::MAX)),
        };
        sender.accumulator.lengthen_by(draw.topic, draw.route, &row);
        let times = (self.due, row.step);
        sender
            .stretch
            .push_row(draw.topic, row.first.id, times, row.count);
        self.draws.pass(row.count);
        self.next += row.count;
        self.due += row.step * u64::from(row.count);
    }

    fn record(&self, number: u32, draw: &Draw, now: Instant) -> NewRecord {
        new_record(self.id(number), draw, self.shown(now))
    }

    /// What the producer's clock shows.
    fn shown(&self, now: Instant) -> Timestamp {
        Timestamp::shown(now, self.setup.clock.off)
    }

    /// The record whose turn it is now, if the application is free.
    pub(super) fn pick(&mut self, now: Instant) -> Option<Pick> {
        if now < self.stalled_until || self.blocked.is_some() {
            return None;
        }
        if let Some(number) = self.again.pop_front() {
            let draw = self.draws.of(number);
            return Some(Pick {
                number,
                draw,
                again: true,
            });
        }
        (self.has_next() && self.due <= now).then(|| Pick {
            number: self.next,
            draw: *self.draws.peek(0),
            again: false,
        })
    }

    /// Gives a record back that was about to be sent.
    pub(super) fn put_back(&mut self, pick: Pick) {
        if pick.again {
            self.again.push_front(pick.number);
        }
        self.announced = true;
    }

    /// Whether the point before `send()` of the next record was passed already.
    pub(super) fn take_announced(&mut self) -> bool {
        std::mem::take(&mut self.announced)
    }

    /// The record and its partition, for a point.
    pub(super) fn concern(&self, sender: &Sender, pick: &Pick, sent: Option<u32>) -> Vec<Concern> {
        let (topic, route) = (pick.draw.topic, pick.draw.route);
        let partition = sent.or_else(|| sender.accumulator.foresee(topic, route));
        vec![Concern {
            partition: TopicPartition::new(
                self.draws.topics()[topic],
                partition.unwrap_or(u32::MAX),
            ),
            offsets: 0..0,
            records: Records::one(self.id(pick.number)),
        }]
    }

    /// `send()` is called.
    pub(super) fn send(&mut self, ctx: &mut Ctx<'_>, sender: &mut Sender, pick: Pick) -> Sent {
        let topic = pick.draw.topic;
        sender.accumulator.changes += 1;
        sender.stretch.push(topic, self.id(pick.number), ctx.now);
        if !pick.again {
            self.draws.take();
            self.next += 1;
        }
        let blocked = Blocked {
            pick,
            until: ctx.now + self.setup.config.max_block,
            timestamp: None,
        };
        if !sender.accumulator.is_known(topic, pick.draw.route) {
            sender.await_metadata(topic);
            self.woke_sender = true;
            self.blocked = Some(blocked);
            return Sent::Blocked;
        }
        self.append(ctx, sender, blocked)
    }

    /// The topic's metadata are there: checks the size and appends.
    fn append(&mut self, ctx: &mut Ctx<'_>, sender: &mut Sender, mut call: Blocked) -> Sent {
        let (pick, draw) = (call.pick, call.pick.draw);
        let at = *call.timestamp.get_or_insert(ctx.now);
        let record = self.record(pick.number, &draw, at);
        let config = &self.setup.config;
        let bytes = u64::from(record.upper_estimate());
        if u64::from(config.max_request_size).min(config.buffer_memory) < bytes {
            return self.fail(ctx, sender, &pick, ErrorCode::MessageTooLarge);
        }
        let accumulator = &mut sender.accumulator;
        match accumulator.append(draw.topic, draw.route, &record, ctx.now) {
            Append::Done {
                partition,
                new_batch,
                full,
            } => {
                accumulator.exhausted = false;
                self.blocked = None;
                self.woke_sender |= new_batch || full;
                self.call_returned(ctx.now, &pick);
                Sent::Returned(Some(partition))
            }
            Append::NoMemory => {
                if !accumulator.exhausted {
                    accumulator.exhausted = true;
                    accumulator.changes += 1;
                    sender.stretch.state(ctx);
                    ctx.note(ProduceFact::BufferFull);
                }
                self.blocked = Some(call);
                Sent::Blocked
            }
        }
    }

    /// A record sent again delays the others only by the time it blocks.
    fn call_returned(&mut self, now: Instant, pick: &Pick) {
        if pick.again {
            self.due = self.due.max(now);
        } else {
            self.returned(now, pick.draw.gap);
        }
    }

    /// `send()` fails by itself: the record never gets into a batch.
    fn fail(
        &mut self,
        ctx: &mut Ctx<'_>,
        sender: &mut Sender,
        pick: &Pick,
        error: ErrorCode,
    ) -> Sent {
        let topic = self.draws.topics()[pick.draw.topic];
        sender.stretch.state(ctx);
        ctx.note(ProduceFact::Failed {
            topic,
            partition: sender.accumulator.foresee(pick.draw.topic, pick.draw.route),
            records: Records::one(self.id(pick.number)),
            error,
        });
        sender.accumulator.exhausted = false;
        self.blocked = None;
        self.call_returned(ctx.now, pick);
        // A record that is too large will be so for ever: sending it again cannot be meant.
        if error != ErrorCode::MessageTooLarge {
            self.react(&Records::one(self.id(pick.number)));
        }
        Sent::Returned(None)
    }

    /// Goes on with a `send()` that waits, if what it waits for is there or its time is over. With
    /// the record when it has returned.
    pub(super) fn unblock(
        &mut self,
        ctx: &mut Ctx<'_>,
        sender: &mut Sender,
    ) -> Option<(Pick, Option<u32>)> {
        let call = self.blocked?;
        if ctx.now < self.stalled_until {
            return None;
        }
        let sent = if self.can_go_on(sender, &call) {
            self.append(ctx, sender, call)
        } else if call.until <= ctx.now {
            self.fail(ctx, sender, &call.pick, ErrorCode::RequestTimedOut)
        } else {
            return None;
        };
        match sent {
            Sent::Returned(partition) => Some((call.pick, partition)),
            Sent::Blocked => None,
        }
    }

    /// A `send()` that waits for a partition which is not there yet asks for metadata again and
    /// again (the loop of `KafkaProducer.waitOnMetadata`).
    pub(super) fn keep_asking(&self, sender: &mut Sender) {
        if let Some(call) = self.blocked
            && call.timestamp.is_none()
            && !self.can_go_on(sender, &call)
            && !sender.metadata.is_under_way()
        {
            sender.metadata.request_update();
        }
    }

    fn can_go_on(&self, sender: &Sender, call: &Blocked) -> bool {
        let draw = &call.pick.draw;
        match call.timestamp {
            None => sender.accumulator.is_known(draw.topic, draw.route),
            Some(at) => {
                let record = self.record(call.pick.number, draw, at);
                sender.accumulator.has_memory_for(&record)
            }
        }
    }

    /// The future of these records failed.
    pub(super) fn react(&mut self, records: &Records) {
        if Ending::Wanted < self.ending {
            return;
        }
        match self.setup.workload.on_failure {
            OnSendFailure::Continue => {}
            OnSendFailure::Resend => {
                let first = self.setup.first_record.0;
                self.again.extend(records.iter().map(|id| id.0 - first));
            }
            OnSendFailure::Stop => self.ending = Ending::Wanted,
        }
    }

    /// The application thread stands still until then.
    pub(super) fn stall(&mut self, until: Instant) {
        self.stalled_until = self.stalled_until.max(until);
        self.due = self.due.max(until);
        self.quiet = None;
    }

    /// Whether the application thread stands still.
    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        now < self.stalled_until
    }

    /// Whether a `send()` has not returned.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// The timer fired.
    pub(super) fn fired(&mut self) {
        self.armed = None;
    }

    /// Ends the stretch: the next record gets an event of its own.
    pub(super) fn cut(&mut self, ctx: &mut Ctx<'_>) {
        if self.has_next() && self.armed.is_some_and(|armed| self.due < armed) {
            self.armed = Some(self.due);
            ctx.set_timer(APPLICATION_TIMER, self.due);
        }
    }

    /// Sets the timer to what the application does next.
    pub(super) fn arm(&mut self, ctx: &mut Ctx<'_>, sender: &mut Sender) {
        let at = self.next_step(ctx, sender);
        if at == self.armed {
            return;
        }
        match at {
            Some(at) => ctx.set_timer(APPLICATION_TIMER, at),
            None => ctx.cancel_timer(APPLICATION_TIMER),
        }
        self.armed = at;
    }

    fn next_step(&mut self, ctx: &Ctx<'_>, sender: &mut Sender) -> Option<Instant> {
        if Ending::Wanted < self.ending {
            return None;
        }
        if let Some(call) = &self.blocked {
            let at = if self.can_go_on(sender, call) {
                ctx.now
            } else {
                call.until
            };
            return Some(at.max(self.stalled_until));
        }
        let now = ctx.now.max(self.stalled_until);
        if self.ending == Ending::Wanted || !self.again.is_empty() {
            return Some(now);
        }
        if !self.has_next() {
            return None;
        }
        let at_once = self.due <= now || ctx.watched.touches(StepKind::Send);
        Some(if at_once {
            // What fell due while the process stood still is due now, and no part of a stretch.
            self.due = self.due.max(now);
            self.due
        } else {
            self.look_ahead(sender)
        })
    }

    /// The first of the next records that would do more than lengthen an open batch; or the last
    /// one looked at, which is as far as it pays to look.
    fn look_ahead(&mut self, sender: &mut Sender) -> Instant {
        if let Some((until, changes)) = self.quiet
            && self.due <= until
            && changes == sender.accumulator.changes
        {
            return until;
        }
        let horizon = sender.wakes_at().unwrap_or(Instant::MAX);
        let at = match self.draws.every_record().copied() {
            Some(draw) if is_in_a_row(&draw) => self.end_of_row(sender, &draw, horizon),
            _ => self.end_of_stretch(sender, horizon),
        };
        self.quiet = Some((at, sender.accumulator.changes));
        at
    }

    fn end_of_row(&self, sender: &Sender, draw: &Draw, horizon: Instant) -> Instant {
        let left = self.setup.workload.count - self.next;
        let before_horizon = horizon.since(self.due).0 / draw.gap.0;
        let row = Row {
            first: self.record(self.next, draw, self.due),
            step: draw.gap,
            count: (left - 1)
                .min(LOOK_ALONG)
                .min(u32::try_from(before_horizon).map_or(u32::MAX, |count| count + 1)),
        };
        let quiet = sender.accumulator.quiet_part(draw.topic, draw.route, &row);
        self.due + row.step * u64::from(quiet)
    }

    fn end_of_stretch(&mut self, sender: &mut Sender, horizon: Instant) -> Instant {
        sender.accumulator.begin_forecast();
        let left = (self.setup.workload.count - self.next) as usize;
        let mut at = self.due;
        for index in 0..left.min(LOOK_AHEAD) {
            if index + 1 == left.min(LOOK_AHEAD) || horizon < at {
                break;
            }
            let id = self.id(self.next + index as u32);
            let shown = self.shown(at);
            let (draw, behind) = self.draws.peek_two(index);
            let record = new_record(id, draw, shown);
            if sender.accumulator.stirs(draw.topic, draw.route, &record) {
                break;
            }
            at = behind.at.map_or(at + draw.gap, |own| own.max(at));
        }
        at
    }
}

/// Whether records like this one go to one partition, one after the other in time.
fn is_in_a_row(draw: &Draw) -> bool {
    draw.gap != Span::ZERO && draw.route != Route::InTurn
}

fn new_record(id: RecordId, draw: &Draw, now: Timestamp) -> NewRecord {
    NewRecord {
        id,
        timestamp: draw.timestamp.unwrap_or(now),
        fields: draw.fields,
    }
}

/// How `send()` went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It has returned; the partition, if the record is in a batch.
    Returned(Option<u32>),
    /// It waits for metadata or memory.
    Blocked,
}
