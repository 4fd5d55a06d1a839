//! The wording of applications and of the sinks behind them: verb and object.

use crate::base::{Offset, TopicPartition};
use crate::kafka::sink::Refusal;
use crate::kafka::{Cast, Records};
use crate::node::fact::{AppFact, SinkFact, SinkSilence};
use crate::trace::line::ROOM;
use crate::trace::name::{self, counted};

/// Verb and object of what an application does.
pub(crate) fn line(cast: &Cast, fact: &AppFact) -> (&'static str, String) {
    let one = |partition: &TopicPartition, offset: &Offset, records: &Records| {
        let place = name::offsets(cast, *partition, *offset, records.len());
        format!("{place} ({})", name::batch(cast, records, ROOM))
    };
    match fact {
        AppFact::ProcessingFailed {
            partition,
            offset,
            records,
            last_attempt,
            ..
        } => {
            let end = if *last_attempt { ", no try left" } else { "" };
            (
                "fails on",
                format!("{}{end}", one(partition, offset, records)),
            )
        }
        AppFact::RecordSkipped {
            partition,
            offset,
            records,
            ..
        } => ("skips", one(partition, offset, records)),
        AppFact::HandedOn {
            partition,
            offset,
            records,
            to,
            ..
        } => {
            let to = cast.topic(*to);
            (
                "hands on",
                format!("{} to {to}", one(partition, offset, records)),
            )
        }
        AppFact::Stopped { reason, .. } => ("stops", (*reason).to_owned()),
        AppFact::SinkOutage { sink, silence, .. } => {
            let sink = cast.actor(*sink);
            match silence {
                SinkSilence::NotSent => ("cannot", format!("reach {sink}")),
                SinkSilence::ConnectionLost => ("loses", format!("its connection to {sink}")),
                SinkSilence::TimedOut => ("gives up", format!("on {sink}: its patience is over")),
            }
        }
        other => unreachable!("{other:?} is told as a stretch"),
    }
}

/// Verb and object of what a sink does.
pub(crate) fn sink(cast: &Cast, fact: &SinkFact) -> (&'static str, String) {
    let from = cast.actor(fact.from());
    match fact {
        SinkFact::Received { rows: 0, .. } => {
            ("is asked", format!("by {from} for the stored offsets"))
        }
        SinkFact::Received { rows, .. } => {
            let rows = counted(*rows as usize, "row", "rows");
            ("receives", format!("{rows} of {from}"))
        }
        SinkFact::OffsetStored {
            partition,
            offset,
            before,
            ..
        } => {
            let before = before.map_or(String::new(), |before| format!(" (was {before})"));
            let partition = cast.partition(*partition);
            ("notes", format!("{partition} up to {offset}{before}"))
        }
        SinkFact::InsertRefused { reason, .. } => {
            let why = match reason {
                Refusal::QueueFull => "too many wait",
                Refusal::Conflict => "the row is there",
            };
            ("refuses", format!("a request of {from}: {why}"))
        }
        SinkFact::BulkTorn { stored, of, .. } => (
            "has torn",
            format!("a request of {from}: {stored} of {of} rows are in"),
        ),
        SinkFact::RowsStored { .. } | SinkFact::InsertDeduplicated { .. } => {
            unreachable!("rows are told as a stretch")
        }
    }
}
