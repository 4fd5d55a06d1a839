//! Records that were passed to `send()` and that no fact speaks of yet.
//!
//! A stretch of sends is stated as one fact per topic, before anything that follows from it.

use super::batch::Ids;
use crate::base::{Instant, RecordId, Span, TopicId};
use crate::node::Ctx;
use crate::node::fact::{FactId, ProduceFact, Times};

/// Instants in order, as a regular row for as long as they are one.
#[derive(Clone, Debug, Default)]
struct Row {
    first: Instant,
    last: Instant,
    step: Span,
    count: u32,
    list: Vec<Instant>,
}

impl Row {
    /// Adds `count` instants, each `step` after the one before.
    fn push_row(&mut self, first: Instant, step: Span, count: u32) {
        let mut at = first;
        for pushed in 0..count {
            if pushed == 2 && self.list.is_empty() {
                // What is here goes on with the same step, or it would be a list by now.
                self.last += step * u64::from(count - pushed);
                self.count += count - pushed;
                return;
            }
            self.push(at);
            at += step;
        }
    }

    fn push(&mut self, at: Instant) {
        match self.count {
            0 => self.first = at,
            1 => self.step = at.since(self.first),
            _ if !self.list.is_empty() => self.list.push(at),
            _ if at.since(self.last) != self.step => {
                let regular = (0..self.count).map(|i| self.first + self.step * u64::from(i));
                self.list.extend(regular);
                self.list.push(at);
            }
            _ => {}
        }
        self.last = at;
        self.count += 1;
    }

    fn times(&self) -> Times {
        if self.list.is_empty() {
            Times::Every {
                first: self.first,
                step: self.step,
            }
        } else {
            Times::List(self.list.as_slice().into())
        }
    }

    fn clear(&mut self) {
        self.count = 0;
        self.step = Span::ZERO;
        self.list.clear();
    }
}

/// The sends of one topic.
#[derive(Clone, Debug)]
struct Sends {
    topic: TopicId,
    ids: Ids,
    times: Row,
}

/// The sends since the last statement.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    topics: Vec<Sends>,
    count: u32,
}

impl Stretch {
    /// Prepares for these topics, in the accumulator's order.
    pub fn new(topics: &[TopicId]) -> Self {
        let sends = |topic: &TopicId| Sends {
            topic: *topic,
            ids: Ids::default(),
            times: Row::default(),
        };
        Self {
            topics: topics.iter().map(sends).collect(),
            count: 0,
        }
    }

    /// `send()` was called for a record.
    pub fn push(&mut self, topic: usize, record: RecordId, at: Instant) {
        self.push_row(topic, record, (at, Span::ZERO), 1);
    }

    /// `send()` was called for `count` records from this one on: first at that instant, then every
    /// `step`.
    pub fn push_row(
        &mut self,
        topic: usize,
        record: RecordId,
        (at, step): (Instant, Span),
        count: u32,
    ) {
        let sends = &mut self.topics[topic];
        sends.ids.push(record, count);
        sends.times.push_row(at, step, count);
        self.count += count;
    }

    /// States it. Where the handler has no other cause, what follows is caused by the sends.
    pub fn state(&mut self, ctx: &mut Ctx<'_>) {
        if self.count == 0 {
            return;
        }
        self.count = 0;
        let cause = ctx.cause;
        for sends in self.topics.iter_mut().filter(|sends| 0 < sends.ids.len()) {
            ctx.cause = FactId::NONE;
            ctx.note(ProduceFact::Sent {
                topic: sends.topic,
                records: sends.ids.records(),
                times: sends.times.times(),
            });
            sends.ids.clear();
            sends.times.clear();
        }
        if cause != FactId::NONE {
            ctx.cause = cause;
        }
    }
}
