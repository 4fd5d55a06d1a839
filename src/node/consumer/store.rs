//! Rows into a sink, and the offset a sink keeps.
//!
//! The application waits for each answer. Without one, within its patience, it knows nothing of the
//! request: it may be in. What it does then, and after a refusal, the group says: the same request
//! again after a second, on with the next step, or the end. So does each worker behind `hand-off`;
//! all threads of a process share one connection to the sink.
//!
//! ```text
//! Until --send--> InFlight --stored--> done
//!   ^                |  no answer, refused
//!   +-----retry------+--continue--> done      (or stop)
//! ```

use super::app::Activity;
use super::program::OnSinkFailure;
use super::script::Item;
use super::{Member, SeekRequest, Tag};
use crate::base::{Instant, Span, TopicPartition};
use crate::kafka::Records;
use crate::kafka::message::{Request, Response};
use crate::kafka::sink::{Rows, SinkRequest, SinkResponse};
use crate::node::client::Outcome;
use crate::node::fact::{AppFact, SinkSilence};
use crate::node::{Ctx, FactId, Lane};

/// How long the application waits before it asks again.
const RETRY_AFTER: Span = Span::from_secs(1);

/// The reason of an application that stops over its sink.
pub(super) const STOPPED: &str = "the sink failed";

/// How far a request to the sink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// It is under way.
    NotYet,
    /// It is done, or given up.
    Over,
    /// It failed, and the group stops over that.
    Failed,
}

/// A request to the sink under way.
#[derive(Clone, Debug)]
pub(super) struct Storing {
    request: SinkRequest,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// To be sent then.
    Until(Instant),
    /// The number tells its answer from that of an earlier one.
    InFlight(u32),
    Answered(SinkResponse),
    Unanswered,
}

impl Storing {
    /// When it goes on by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.state {
            State::Until(at) => Some(at),
            State::InFlight(_) | State::Answered(_) | State::Unanswered => None,
        }
    }

    fn awaits(&self, number: u32) -> bool {
        matches!(self.state, State::InFlight(awaited) if awaited == number)
    }
}

impl Member {
    /// `store`, or `store-with-offset`: a row for the record at hand.
    pub(super) fn begin_store(&mut self, ctx: &mut Ctx<'_>, with_offset: bool) {
        let item = self.app.polled.current().expect("a store stands in `each`");
        let request = self.row_of(item, with_offset);
        self.begin_asking(ctx, request);
    }

    /// The same on a worker's thread.
    pub(super) fn worker_store(
        &mut self,
        ctx: &mut Ctx<'_>,
        item: Item,
        with_offset: bool,
    ) -> Storing {
        let request = self.row_of(item, with_offset);
        self.storing(ctx, request)
    }

    fn row_of(&self, item: Item, with_offset: bool) -> SinkRequest {
        let rows = Rows {
            partition: item.tp,
            first_offset: item.offset,
            records: Records::one(item.record),
        };
        SinkRequest::Insert {
            group: self.setup.group,
            rows: vec![rows],
            offset: with_offset.then_some((item.tp, item.offset + 1)),
        }
    }

    /// `store-all`: a row for each polled record, in one request.
    pub(super) fn begin_store_all(&mut self, ctx: &mut Ctx<'_>) {
        let runs = self.app.polled.runs.iter().map(|run| Rows {
            partition: run.tp,
            first_offset: run.first_offset,
            records: run.records.clone(),
        });
        let request = SinkRequest::Insert {
            group: self.setup.group,
            rows: runs.collect(),
            offset: None,
        };
        self.begin_asking(ctx, request);
    }

    /// `seek-to-stored`: asks for the offsets of the partitions just assigned.
    pub(super) fn begin_seek_to_stored(&mut self, ctx: &mut Ctx<'_>) {
        let arriving = self.positions.iter().filter(|owned| owned.arriving);
        let partitions: Vec<TopicPartition> = arriving.map(|owned| owned.tp).collect();
        if !partitions.is_empty() {
            let group = self.setup.group;
            self.begin_asking(ctx, SinkRequest::ReadOffsets { group, partitions });
        }
    }

    fn begin_asking(&mut self, ctx: &mut Ctx<'_>, request: SinkRequest) {
        if ctx.cause == FactId::NONE {
            ctx.cause = self.app.last_fact;
        }
        let storing = self.storing(ctx, request);
        self.app.activity = Activity::Store(storing);
    }

    fn storing(&self, ctx: &Ctx<'_>, request: SinkRequest) -> Storing {
        let state = State::Until(self.sink_reachable_at(ctx.now));
        Storing { request, state }
    }

    /// When the link to the sink may be tried.
    fn sink_reachable_at(&self, now: Instant) -> Instant {
        let sink = self.sink().node;
        now.max(self.wire.retry_at(sink, Lane::Main).unwrap_or(now))
    }

    fn sink(&self) -> super::program::SinkUse {
        self.setup
            .program
            .sink
            .expect("an application that stores has a sink")
    }

    /// Goes on with the request. Whether the application goes on.
    pub(super) fn store_pass(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Activity::Store(mut storing) =
            std::mem::replace(&mut self.app.activity, Activity::None)
        else {
            unreachable!("a pass belongs to a request to the sink")
        };
        match self.storing_pass(ctx, &mut storing) {
            Stored::NotYet => {
                self.app.activity = Activity::Store(storing);
                return false;
            }
            Stored::Over => {}
            Stored::Failed => self.stop(ctx, STOPPED),
        }
        true
    }

    /// Goes on with a request, whoever waits for it.
    pub(super) fn storing_pass(&mut self, ctx: &mut Ctx<'_>, storing: &mut Storing) -> Stored {
        match &storing.state {
            State::Until(at) if *at <= ctx.now => {
                self.send_to_sink(ctx, storing);
                Stored::NotYet
            }
            State::Until(_) | State::InFlight(_) => Stored::NotYet,
            State::Answered(SinkResponse::Stored) => Stored::Over,
            State::Answered(SinkResponse::Offsets(offsets)) => {
                let cause = ctx.cause;
                for (tp, offset, because) in offsets.clone() {
                    ctx.cause = cause;
                    self.seek_now(ctx, SeekRequest::Stored(tp, offset, FactId(because)));
                }
                Stored::Over
            }
            State::Answered(SinkResponse::Refused(_)) | State::Unanswered => {
                match self.sink().on_failure {
                    OnSinkFailure::Retry => {
                        let again = ctx.now + RETRY_AFTER;
                        let at = self.sink_reachable_at(ctx.now).max(again);
                        storing.state = State::Until(at);
                        Stored::NotYet
                    }
                    OnSinkFailure::Continue => Stored::Over,
                    OnSinkFailure::Stop => Stored::Failed,
                }
            }
        }
    }

    fn send_to_sink(&mut self, ctx: &mut Ctx<'_>, storing: &mut Storing) {
        let sink = self.sink();
        self.sink_requests += 1;
        storing.state = State::InFlight(self.sink_requests);
        let request = Request::Sink(storing.request.clone());
        let tag = Tag::Sink(self.sink_requests);
        self.wire.send(
            ctx,
            (sink.node, Lane::Main),
            request,
            Some(sink.timeout),
            tag,
        );
    }

    /// The answer of the sink, or none.
    pub(super) fn sink_answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        number: u32,
        outcome: Outcome,
        left: bool,
    ) {
        let asked_here = match &self.app.activity {
            Activity::Store(storing) => storing.awaits(number),
            _ => false,
        };
        let asks = |storing: &Storing| storing.awaits(number);
        if !asked_here && self.workers.that_asks(asks).is_none() {
            return;
        }
        let state = match outcome {
            Outcome::Response(Response::Sink(answer)) => State::Answered(answer),
            other => {
                ctx.note(AppFact::SinkOutage {
                    group: self.setup.group,
                    sink: self.sink().node,
                    silence: match other {
                        _ if !left => SinkSilence::NotSent,
                        Outcome::TimedOut => SinkSilence::TimedOut,
                        _ => SinkSilence::ConnectionLost,
                    },
                });
                State::Unanswered
            }
        };
        if let Some((worker, storing)) = self.workers.that_asks(asks) {
            storing.state = state;
            return self.worker_due(ctx, worker);
        }
        self.app.last_fact = ctx.cause;
        if let Activity::Store(storing) = &mut self.app.activity {
            storing.state = state;
        }
    }
}
