//! One fact, one line: time, actor, verb, what. All wording of a trace is here, but for what
//! applications and their sinks do ([`application`]).
//!
//! Sentences are written for reading aloud ("broker-1 appends orders-0@0..3"), by hand, never from
//! `Debug`. What several records do at a stretch is worded in [`Stretch`], because neighbouring
//! stretches may be told as one.

use crate::base::{Offset, TopicPartition};
use crate::kafka::{Cast, Records};
use crate::node::fact::{
    BatchReason, CommitKind, Fact, GroupFact, LogFact, PositionSource, ProduceFact, Stated,
};
use crate::trace::application;
use crate::trace::layout::{Layout, Line, VERB};
use crate::trace::link;
use crate::trace::modern;
use crate::trace::name::{self, code, counted};
use crate::trace::stretch::{Doing, Stretch};

/// Room for a list of records within a line.
pub(crate) const ROOM: usize = 24;

/// Room for a list of partitions within a line.
pub(super) const PARTITIONS_ROOM: usize = 40;

/// The line of a fact.
pub fn line_of(cast: &Cast, stated: &Stated) -> Line {
    if let Some(stretch) = Stretch::of(stated) {
        return self::stretch(cast, &stretch);
    }
    let (verb, what) = match &stated.fact {
        Fact::Produce(fact) => produce(cast, fact),
        Fact::Log(fact) => log(cast, fact),
        Fact::Cluster(fact) => super::cluster::line(cast, fact),
        Fact::Storage(fact) => super::storage::line(cast, fact),
        Fact::Group(fact) => group(cast, fact),
        Fact::App(fact) => application::line(cast, fact),
        Fact::Sink(fact) => application::sink(cast, fact),
        Fact::Fault(fact) => super::fault::line(cast, fact),
    };
    assert!(verb.len() <= VERB, "the verb `{verb}` fits its column");
    Line {
        at: stated.at,
        until: stated.at,
        who: stated.who,
        fault: matches!(stated.fact, Fact::Fault(_)),
        verb,
        what,
        link: link::of_fact(cast, stated),
        fact: stated.id,
    }
}

/// The line of a stretch: with the names of the records where there is room for them.
pub(crate) fn stretch(cast: &Cast, stretch: &Stretch) -> Line {
    let names = name::records(cast, &stretch.records, ROOM);
    let until = if stretch.first < stretch.last {
        format!(", until {}", stretch.last)
    } else {
        String::new()
    };
    let place = stretch.place.map_or(String::new(), |(partition, first)| {
        name::offsets(cast, partition, first, stretch.records.len() as u32)
    });
    let (verb, after) = match stretch.doing {
        Doing::Sends(_) => ("sends", ""),
        Doing::Appends => ("appends", ""),
        Doing::HearsWritten => ("is told", " is written"),
        Doing::Polls => ("polls", ""),
        Doing::Processes => ("processes", ""),
        Doing::HandsOff => ("hands off", " to its workers"),
        Doing::Drops => ("drops", ": taken away"),
        Doing::Stores(false) => ("stores", ""),
        Doing::Stores(true) => ("stores", " with offset"),
        Doing::FindsThere(false) => ("ignores", ": already there"),
        Doing::FindsThere(true) => ("overwrites", ""),
    };
    let what = match stretch.doing {
        Doing::Sends(topic) => format!("{names} to {}{until}", cast.topic(topic)),
        Doing::HearsWritten if stretch.place.is_none() => {
            let are = if stretch.records.len() == 1 {
                "is"
            } else {
                "are"
            };
            format!("{names} {are} written{until}")
        }
        _ => fitting(
            cast,
            format!("{place}{after} ({names}){until}"),
            format!("{place}{after}{until}"),
        ),
    };
    Line {
        at: stretch.first,
        until: stretch.last,
        who: stretch.who,
        fault: false,
        verb,
        what,
        link: link::of_stretch(cast, stretch),
        fact: stretch.fact,
    }
}

/// The long form if there is room for it.
fn fitting(cast: &Cast, long: String, short: String) -> String {
    if long.chars().count() <= Layout::new(cast).room() {
        long
    } else {
        short
    }
}

fn produce(cast: &Cast, fact: &ProduceFact) -> (&'static str, String) {
    let list = |records: &Records| name::batch(cast, records, ROOM);
    match fact {
        ProduceFact::RequestSent { to, batches, .. } => {
            let unit = if *batches == 1 { "batch" } else { "batches" };
            (
                "requests",
                format!("Produce from {}, {batches} {unit}", cast.actor(*to)),
            )
        }
        ProduceFact::BatchSent {
            partition,
            records,
            attempt,
            reason,
            ..
        } => {
            let verb = if *attempt == 0 {
                "sends batch"
            } else {
                "sends again"
            };
            let partition = cast.partition(*partition);
            (
                verb,
                format!("{} to {partition} ({})", list(records), why(*reason)),
            )
        }
        ProduceFact::Retry {
            partition,
            records,
            error,
        } => {
            let partition = cast.partition(*partition);
            (
                "will retry",
                format!("{} to {partition}: {}", list(records), code(*error)),
            )
        }
        ProduceFact::Acknowledged {
            partition, records, ..
        } => {
            // Without an offset nobody was asked: acks=0.
            let partition = cast.partition(*partition);
            (
                "believes",
                format!("{} written to {partition} (acks=0)", list(records)),
            )
        }
        fact => produce_failure(cast, fact),
    }
}

/// What goes wrong for a producer, and what changes about it.
fn produce_failure(cast: &Cast, fact: &ProduceFact) -> (&'static str, String) {
    let list = |records: &Records| name::batch(cast, records, ROOM);
    match fact {
        ProduceFact::Failed {
            topic,
            partition,
            records,
            error,
        } => {
            let place = partition.map_or_else(
                || cast.topic(*topic).to_owned(),
                |partition| cast.partition(TopicPartition::new(*topic, partition)),
            );
            (
                "is told",
                format!("{} to {place} failed: {}", list(records), code(*error)),
            )
        }
        ProduceFact::RequestTimedOut { to, api } => {
            let to = cast.actor(*to);
            (
                "gives up",
                format!("on {to} ({}): request.timeout.ms is over", code(*api)),
            )
        }
        ProduceFact::DeliveryTimedOut { partition, records } => {
            let partition = cast.partition(*partition);
            let list = list(records);
            (
                "gives up",
                format!("{list} to {partition}: delivery.timeout.ms"),
            )
        }
        ProduceFact::OutOfOrderSequence { partition, records } => {
            let partition = cast.partition(*partition);
            (
                "is told",
                format!("{partition} misses what came before {}", list(records)),
            )
        }
        ProduceFact::ProducerIdAssigned { id, epoch } => (
            "becomes",
            format!("producer id {id}, producer epoch {epoch}"),
        ),
        ProduceFact::ProducerEpochBumped { epoch } => {
            ("raises", format!("its producer epoch to {epoch}"))
        }
        ProduceFact::BufferFull => ("blocks", "in send(): buffer.memory is full".to_owned()),
        ProduceFact::Finished => ("finishes", "everything is sent and answered".to_owned()),
        other => unreachable!("{other:?} is part of the plain course, or a stretch"),
    }
}

fn why(reason: BatchReason) -> &'static str {
    match reason {
        BatchReason::Full => "the batch is full",
        BatchReason::LingerOver => "linger.ms is over",
        BatchReason::Piggyback => "the request leaves anyway",
        BatchReason::Retry => "a retry",
        BatchReason::Flush => "a flush",
    }
}

fn log(cast: &Cast, fact: &LogFact) -> (&'static str, String) {
    let list = |records: &Records| name::batch(cast, records, ROOM);
    match fact {
        LogFact::Appended {
            partition,
            base_offset,
            count,
            ..
        } => (
            "appends",
            name::offsets(cast, *partition, *base_offset, *count),
        ),
        LogFact::RetryDeduplicated {
            partition,
            records,
            base_offset,
        } => {
            let place = name::offsets(cast, *partition, *base_offset, records.len());
            (
                "recognises",
                fitting(
                    cast,
                    format!("{place} ({}) and appends nothing", list(records)),
                    format!("{place} and appends nothing"),
                ),
            )
        }
        LogFact::AppendRefused {
            partition,
            records,
            error,
        } => {
            let partition = cast.partition(*partition);
            (
                "refuses",
                format!("{} for {partition}: {}", list(records), code(*error)),
            )
        }
        LogFact::Replicated {
            partition,
            from,
            to,
        } => {
            let place = name::offsets(cast, *partition, *from, (to - from) as u32);
            ("replicated", format!("{place} (high watermark {to})"))
        }
        LogFact::TopicCreated { .. }
        | LogFact::PartitionsAdded { .. }
        | LogFact::PartitionState { .. }
        | LogFact::MetadataRefreshed => cluster(cast, fact),
    }
}

/// Topics and their partitions, and who knows of them.
fn cluster(cast: &Cast, fact: &LogFact) -> (&'static str, String) {
    match fact {
        LogFact::TopicCreated { topic, partitions } => {
            let partitions = counted(*partitions as usize, "partition", "partitions");
            (
                "creates",
                format!("topic {} with {partitions}", cast.topic(*topic)),
            )
        }
        LogFact::PartitionState {
            partition,
            leader,
            leader_epoch,
            isr,
        } => {
            let leader = leader.map_or("no leader", |leader| cast.actor(leader));
            let isr: Vec<&str> = isr.iter().map(|&node| cast.actor(node)).collect();
            let partition = cast.partition(*partition);
            let isr = isr.join(" ");
            let what =
                format!("{partition}: {leader} leads (epoch {leader_epoch}), in sync: {isr}");
            ("decides", what)
        }
        LogFact::MetadataRefreshed => ("refreshes", "its metadata".to_owned()),
        LogFact::PartitionsAdded { topic, from, to } => (
            "adds",
            format!(
                "partitions to topic {}: {to} now, {from} before",
                cast.topic(*topic)
            ),
        ),
        LogFact::Appended { .. }
        | LogFact::RetryDeduplicated { .. }
        | LogFact::AppendRefused { .. }
        | LogFact::Replicated { .. } => unreachable!("the logs' own facts have their words above"),
    }
}

/// The rounds of a group, as its coordinator says them.
fn group(cast: &Cast, fact: &GroupFact) -> (&'static str, String) {
    match fact {
        GroupFact::RebalanceStarted { group, reason } => {
            ("rebalances", format!("{}: {reason}", cast.group(*group)))
        }
        GroupFact::JoinCompleted {
            group,
            generation,
            members,
        } => {
            let members: Vec<&str> = members.iter().map(|&node| cast.actor(node)).collect();
            let group = cast.group(*group);
            (
                "counts in",
                format!("{group} generation {generation}: {}", members.join(" ")),
            )
        }
        GroupFact::RoundCompleted {
            group,
            generation,
            assignment,
            ..
        } => {
            let partitions: usize = assignment.iter().map(|(_, list)| list.len()).sum();
            let members = counted(assignment.len(), "member", "members");
            let partitions = counted(partitions, "partition", "partitions");
            let group = cast.group(*group);
            (
                "completes",
                format!("{group} generation {generation}: {members}, {partitions}"),
            )
        }
        GroupFact::PartitionMoved {
            partition,
            from,
            to,
            ..
        } => {
            let (from, to) = (cast.actor(*from), cast.actor(*to));
            let partition = cast.partition(*partition);
            let long = format!("{partition} from {from} to {to}");
            ("moves", fitting(cast, long, format!("{partition} to {to}")))
        }
        GroupFact::GroupEmpty { group, generation } => (
            "notes",
            format!(
                "{} generation {generation} has no members",
                cast.group(*group)
            ),
        ),
        fact => membership(cast, fact),
    }
}

/// Who belongs to a group and who has what: coordinator and members.
fn membership(cast: &Cast, fact: &GroupFact) -> (&'static str, String) {
    let list = |partitions: &[TopicPartition]| name::partitions(cast, partitions, PARTITIONS_ROOM);
    match fact {
        GroupFact::SessionExpired { member, .. } => {
            let member = cast.actor(*member);
            ("expels", format!("{member}: session.timeout.ms is over"))
        }
        GroupFact::MemberLeft { group, member } => (
            "releases",
            format!("{}, which left {}", cast.actor(*member), cast.group(*group)),
        ),
        GroupFact::MemberFenced {
            member, api, error, ..
        } => {
            let member = cast.actor(*member);
            (
                "refuses",
                format!("{} of {member}: {}", code(*api), code(*error)),
            )
        }
        GroupFact::Joining { group } => ("joins", cast.group(*group).to_owned()),
        GroupFact::Assigned { partitions, .. } => ("is assigned", list(partitions)),
        GroupFact::Revoked { partitions, .. } => ("gives back", list(partitions)),
        GroupFact::Lost { partitions, .. } => {
            ("loses", format!("{}: no longer a member", list(partitions)))
        }
        GroupFact::PollIntervalExceeded { group } => {
            let group = cast.group(*group);
            (
                "leaves",
                format!("{group}: no poll() within max.poll.interval.ms"),
            )
        }
        GroupFact::FellSilent { group } => {
            let group = cast.group(*group);
            (
                "is silent",
                format!("in {group}: no poll() within max.poll.interval.ms"),
            )
        }
        GroupFact::StaticRejoin { member, before, .. } if member == before => {
            let member = cast.actor(*member);
            ("takes back", format!("{member}: same group.instance.id"))
        }
        GroupFact::StaticRejoin { member, before, .. } => {
            let (member, before) = (cast.actor(*member), cast.actor(*before));
            let same = "same group.instance.id";
            ("puts", format!("{member} in the place of {before}: {same}"))
        }
        GroupFact::PollFailed { exception, .. } => ("fails", format!("in poll(): {exception}")),
        GroupFact::TargetComputed { .. }
        | GroupFact::MemberReconciled { .. }
        | GroupFact::ProtocolChanged { .. }
        | GroupFact::RejoinTimedOut { .. }
        | GroupFact::RevocationTimedOut { .. } => modern::line(cast, fact),
        fact => offsets(cast, fact),
    }
}

/// Offset commits.
fn offsets(cast: &Cast, fact: &GroupFact) -> (&'static str, String) {
    match fact {
        GroupFact::OffsetCommitted {
            group,
            partition,
            offset,
            before,
            ..
        } => {
            let before = before.map_or(String::new(), |before| format!(" (was {before})"));
            let (partition, group) = (cast.partition(*partition), cast.group(*group));
            (
                "stores",
                format!("{partition} up to {offset} for {group}{before}"),
            )
        }
        GroupFact::CommitRequested { kind, offsets, .. } => (
            "commits",
            format!("{}{}", upto(cast, offsets), kind_word(*kind)),
        ),
        GroupFact::CommitConfirmed { offsets, .. } => ("is told", {
            format!("{} is committed", upto(cast, offsets))
        }),
        GroupFact::CommitFailed {
            kind,
            exception,
            error,
            ..
        } => {
            let behind = error.map_or(String::new(), |error| format!(" ({})", code(error)));
            (
                "cannot",
                format!("commit{}: {exception}{behind}", kind_word(*kind)),
            )
        }
        fact => position(cast, fact),
    }
}

/// Where a member reads on.
fn position(cast: &Cast, fact: &GroupFact) -> (&'static str, String) {
    match fact {
        GroupFact::PositionSet {
            partition,
            offset,
            source,
            ..
        } => {
            let source = match source {
                PositionSource::Committed => "the committed offset",
                PositionSource::Reset => "auto.offset.reset",
                PositionSource::Seek => "seek()",
                PositionSource::Stored => "the sink's offset",
                PositionSource::Truncation => "the log was cut",
            };
            (
                "will read",
                format!("{} from {offset} on ({source})", cast.partition(*partition)),
            )
        }
        GroupFact::OffsetReset {
            partition, offset, ..
        } => {
            let partition = cast.partition(*partition);
            (
                "resets",
                format!("{partition} to {offset}: no usable committed offset"),
            )
        }
        GroupFact::PositionTruncated { .. } => truncated(cast, fact),
        other => unreachable!("{other:?} is told elsewhere"),
    }
}

fn truncated(cast: &Cast, fact: &GroupFact) -> (&'static str, String) {
    let GroupFact::PositionTruncated {
        partition,
        from,
        to,
        ..
    } = fact
    else {
        unreachable!("{fact:?} tells of no cut")
    };
    let partition = cast.partition(*partition);
    let what = match to {
        Some(to) => format!("{partition} was cut at {to}, below its position {from}"),
        None => format!("{partition} was cut somewhere below its position {from}"),
    };
    ("learns", what)
}

fn kind_word(kind: CommitKind) -> &'static str {
    match kind {
        CommitKind::Sync => "",
        CommitKind::Async => " (async)",
        CommitKind::Auto => " (auto)",
        CommitKind::AutoBeforeRebalance => " (auto, before the rebalance)",
        CommitKind::AutoOnClose => " (auto, on close)",
        CommitKind::Admin => " (a tool)",
    }
}

/// `orders-0 up to 4, -1 up to 7`: a topic is named once.
fn upto(cast: &Cast, offsets: &[(TopicPartition, Offset)]) -> String {
    let mut text = String::new();
    let mut topic = None;
    for (partition, offset) in offsets {
        let name = if topic == Some(partition.topic) {
            format!("-{}", partition.partition)
        } else {
            cast.partition(*partition)
        };
        let comma = if text.is_empty() { "" } else { ", " };
        text = format!("{text}{comma}{name} up to {offset}");
        topic = Some(partition.topic);
    }
    if text.is_empty() {
        "nothing".to_owned()
    } else {
        text
    }
}
