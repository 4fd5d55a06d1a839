//! Sinks with ids for names.

use super::Compiler;
use crate::base::Span;
use crate::node::consumer::program::{OnSinkFailure, SinkUse};
use crate::node::sink::{Bulk, OnConflict, SinkSetup, Unique, UniqueBy};
use crate::scenario::resolved::sink::{self as resolved, SinkFailure};
use crate::scenario::resolved::{Member, Sink};

/// Nanoseconds of a second, divided among the requests of a rate.
const SECOND: u64 = 1_000_000_000;

impl Compiler<'_> {
    pub(super) fn sinks(&self) -> Vec<SinkSetup> {
        let sinks = self.scenario.sinks.iter();
        sinks.map(|(name, sink)| self.sink(name, sink)).collect()
    }

    fn sink(&self, name: &str, sink: &Sink) -> SinkSetup {
        SinkSetup {
            node: self.node(name),
            name: name.into(),
            seed: self.seed,
            latency: sink.latency.0.clone(),
            per_row: sink.per_row.0.clone(),
            interval: sink
                .capacity
                .map_or(Span::ZERO, |rate| Span::from_nanos(SECOND / rate.0)),
            queue: sink.queue.map(|queue| queue as u32),
            bulk: match sink.bulk {
                resolved::Bulk::Atomic => Bulk::Atomic,
                resolved::Bulk::RowByRow => Bulk::RowByRow,
            },
            unique: unique(sink),
        }
    }

    /// The sink of a member's application, if it stores.
    pub(super) fn sink_use(&self, member: &Member) -> Option<SinkUse> {
        let name = member.sink.as_deref()?;
        let sink = self.scenario.sinks.get(name);
        let sink = sink.expect("the loader has checked the name of a sink");
        Some(SinkUse {
            node: self.node(name),
            timeout: sink.timeout,
            on_failure: match member.on_sink_failure {
                None | Some(SinkFailure::Retry) => OnSinkFailure::Retry,
                Some(SinkFailure::Continue) => OnSinkFailure::Continue,
                Some(SinkFailure::Stop) => OnSinkFailure::Stop,
            },
        })
    }
}

fn unique(sink: &Sink) -> Option<Unique> {
    let by = match sink.unique {
        resolved::Unique::None => return None,
        resolved::Unique::Record => UniqueBy::Record,
        resolved::Unique::Key => UniqueBy::Key,
    };
    let on_conflict = match sink.on_conflict {
        None | Some(resolved::OnConflict::Ignore) => OnConflict::Ignore,
        Some(resolved::OnConflict::Overwrite) => OnConflict::Overwrite,
        Some(resolved::OnConflict::Refuse) => OnConflict::Refuse,
    };
    Some(Unique { by, on_conflict })
}
