//! What a fact says, as a clause for a chain: who did what, with the names of the file.
//!
//! Why it mattered is in `rules`.

use super::about::offsets_of;
use super::quantity::Stage;
use super::removal;
use super::said_cluster::{what_cluster, what_log};
use super::why::{Question, Symptom};
use crate::base::{Instant, NodeId, Offset, TopicPartition};
use crate::kafka::Records;
use crate::node::fact::{
    AppFact, CommitKind, Fact, FaultFact, GroupFact, LogFact, PositionSource, ProduceFact,
    SinkFact, SinkSilence, Stated,
};

/// The symptom as a sentence.
pub(super) fn symptom(q: &Question<'_>) -> String {
    let record = q.cast.record(q.record);
    match q.symptom {
        Symptom::Duplicated(group) => {
            let group = q.cast.group(group);
            format!("{group} applied the effect of {record} more than once")
        }
        Symptom::Lost(group, stage) => {
            let group = q.cast.group(group);
            let where_it_ended = lost_words(stage);
            format!("{group} never applied the effect of {record}: {where_it_ended}")
        }
        Symptom::Reordered(group) => {
            let group = q.cast.group(group);
            format!("{group} applied the effect of {record} after that of a later record")
        }
        Symptom::Overtaken(group, by) => {
            let (group, by) = (q.cast.group(group), q.cast.record(by));
            format!(
                "{group} applied the effect of {record} after that of {by}, which has the same key \
                 and was sent later, to another partition"
            )
        }
        Symptom::AppendedTwice(topic) => {
            format!(
                "{record} is in the log of {} more than once",
                q.cast.topic(topic)
            )
        }
        Symptom::AppendedLate(topic) => {
            let topic = q.cast.topic(topic);
            format!("{record} lies in the log of {topic} behind a record that was sent later")
        }
    }
}

fn lost_words(stage: Stage) -> &'static str {
    match stage {
        Stage::NeverAcknowledged => "it is in no log, and nobody was told",
        Stage::Truncated => "it was acknowledged, and is in no log any more",
        Stage::Expired => "it was removed from the log before the group had dealt with it",
        Stage::SkippedByCommit => "an offset commit moved past it first",
        Stage::SkippedByReset => "a reset moved the position past it",
        Stage::DroppedByApplication => "the application went on without it",
    }
}

/// When a fact happened: of a stretch, the instant of the record in question, or of its first.
pub(super) fn instant(q: &Question<'_>, stated: &Stated) -> Instant {
    match &stated.fact {
        Fact::App(AppFact::Processed { records, times, .. })
        | Fact::Produce(ProduceFact::Sent { records, times, .. })
            if !records.is_empty() =>
        {
            let index = records
                .position(q.record)
                .or_else(|| overtaker_in(q, records));
            times.get(index.unwrap_or(0))
        }
        _ => stated.at,
    }
}

/// Where among these records the one is that overtook the record in question, if one did.
pub(super) fn overtaker_in(q: &Question<'_>, records: &Records) -> Option<u32> {
    match q.symptom {
        Symptom::Overtaken(_, by) => records.position(by),
        _ => None,
    }
}

/// Whether a fact set state that a later rule looks at, and is worth a link of its own wherever it
/// comes up. Rounds and positions are looked for where they matter.
pub(super) fn sets_state(fact: &Fact) -> bool {
    match fact {
        Fact::Group(fact) => matches!(
            fact,
            GroupFact::OffsetCommitted { .. }
                | GroupFact::SessionExpired { .. }
                | GroupFact::RevocationTimedOut { .. }
                | GroupFact::RejoinTimedOut { .. }
                | GroupFact::MemberLeft { .. }
                | GroupFact::PollIntervalExceeded { .. }
        ),
        Fact::Fault(_) => true,
        Fact::Produce(ProduceFact::Retry { .. } | ProduceFact::RequestTimedOut { .. }) => true,
        Fact::Log(LogFact::AppendRefused { .. }) => true,
        Fact::Sink(fact) => matches!(fact, SinkFact::OffsetStored { .. }),
        Fact::Cluster(_) | Fact::Storage(_) => true,
        Fact::Produce(_) | Fact::Log(_) | Fact::App(_) => false,
    }
}

/// What a fact says.
pub(super) fn what(q: &Question<'_>, stated: &Stated) -> String {
    let who = q.cast.actor(stated.who);
    match &stated.fact {
        Fact::Produce(fact) => what_produce(q, who, fact),
        Fact::Log(fact) => what_log(q, who, fact),
        Fact::Cluster(fact) => what_cluster(q, who, fact),
        Fact::Storage(fact) => removal::what(q, who, fact),
        Fact::Group(fact) => what_group(q, who, fact),
        Fact::App(fact) => what_app(q, who, stated, fact),
        Fact::Sink(fact) => what_sink(q, who, stated, fact),
        Fact::Fault(fact) => what_fault(q, who, fact),
    }
}

/// A batch, by whether it holds the record in question.
fn batch(q: &Question<'_>, records: &Records) -> String {
    if records.position(q.record).is_some() {
        return format!("the batch with {}", q.cast.record(q.record));
    }
    let later = records.iter().any(|record| q.record < record);
    if later {
        "a later batch"
    } else {
        "an earlier batch"
    }
    .to_owned()
}

fn what_produce(q: &Question<'_>, who: &str, fact: &ProduceFact) -> String {
    let record = q.cast.record(q.record);
    match fact {
        ProduceFact::Sent { .. } => format!("{who} passes {record} to send()"),
        ProduceFact::BatchSent {
            partition,
            attempt,
            records,
            ..
        } => {
            let batch = batch(q, records);
            let place = q.cast.partition(*partition);
            match attempt {
                0 => format!("{who} sends {batch} to {place}"),
                again => format!("{who} sends {batch} to {place} again (retry {again})"),
            }
        }
        ProduceFact::Retry { error, records, .. } => {
            let batch = batch(q, records);
            format!("{who} is to send {batch} again: {}", error.name())
        }
        ProduceFact::Acknowledged { .. } => format!("{who} is told that {record} is written"),
        ProduceFact::Failed { error, .. } => {
            format!("{who} is told that {record} failed: {}", error.name())
        }
        ProduceFact::RequestTimedOut { to, api } => {
            let to = q.cast.actor(*to);
            format!("{who} has no answer of {to} to its {api:?} request and closes the connection")
        }
        ProduceFact::DeliveryTimedOut { .. } => format!("{who} gives up the batch with {record}"),
        ProduceFact::OutOfOrderSequence { .. } => {
            format!("{who} hears that an earlier batch is missing")
        }
        ProduceFact::RequestSent { to, .. } => {
            format!("{who} sends a Produce request to {}", q.cast.actor(*to))
        }
        ProduceFact::ProducerIdAssigned { id, epoch } => {
            format!("{who} is producer {id}, epoch {epoch}")
        }
        ProduceFact::ProducerEpochBumped { epoch } => format!("{who} begins epoch {epoch}"),
        ProduceFact::BufferFull => format!("{who} has no buffer memory left"),
        ProduceFact::Finished => format!("{who} has heard of everything"),
    }
}

/// The coordinator's side of the consumer protocol.
fn what_modern(q: &Question<'_>, fact: &GroupFact) -> Option<String> {
    let name = |member: &NodeId| q.cast.actor(*member);
    Some(match fact {
        GroupFact::TargetComputed {
            epoch, assignment, ..
        } => {
            let members: Vec<String> = (assignment.iter())
                .map(|(member, has)| format!("{} {}", name(member), partitions(q, has)))
                .collect();
            format!("the target of epoch {epoch} is {}", members.join(", "))
        }
        GroupFact::MemberReconciled {
            member,
            assigned,
            revoking,
            ..
        } if revoking.is_empty() => {
            format!("{} is to own {}", name(member), partitions(q, assigned))
        }
        GroupFact::MemberReconciled {
            member, revoking, ..
        } => format!("{} is to give {} up", name(member), partitions(q, revoking)),
        GroupFact::ProtocolChanged { group, to, .. } => {
            let group = q.cast.group(*group);
            format!("{group} becomes a group of the {to} protocol")
        }
        GroupFact::RevocationTimedOut { member, .. } | GroupFact::RejoinTimedOut { member, .. } => {
            let member = name(member);
            format!("the coordinator gives {member} up, which did not do in time what it had to")
        }
        _ => return None,
    })
}

fn what_coordinator(q: &Question<'_>, fact: &GroupFact) -> Option<String> {
    if let Some(words) = what_modern(q, fact) {
        return Some(words);
    }
    let name = |member: &NodeId| q.cast.actor(*member);
    Some(match fact {
        GroupFact::RebalanceStarted { group, reason } => {
            format!("a rebalance of {} begins: {reason}", q.cast.group(*group))
        }
        GroupFact::JoinCompleted { generation, .. } => {
            format!("everybody has joined generation {generation}")
        }
        GroupFact::RoundCompleted {
            generation,
            assignment,
            ..
        } => {
            let members: Vec<String> = (assignment.iter())
                .map(|(member, has)| format!("{} has {}", name(member), partitions(q, has)))
                .collect();
            format!("generation {generation}: {}", members.join(", "))
        }
        GroupFact::PartitionMoved {
            partition,
            from,
            to,
            ..
        } => {
            let place = q.cast.partition(*partition);
            format!("{place} moves from {} to {}", name(from), name(to))
        }
        GroupFact::SessionExpired { member, .. } => {
            format!("the coordinator gives {} up", name(member))
        }
        GroupFact::MemberLeft { member, .. } => format!("{} leaves the group", name(member)),
        GroupFact::MemberFenced {
            member, api, error, ..
        } => format!(
            "the {api:?} request of {} is refused: {}",
            name(member),
            error.name()
        ),
        GroupFact::StaticRejoin { member, before, .. } if member == before => {
            format!("{} is back as the static member it was", name(member))
        }
        GroupFact::StaticRejoin { member, before, .. } => format!(
            "{} takes the place of {}: both have one group.instance.id",
            name(member),
            name(before)
        ),
        GroupFact::GroupEmpty { .. } => "the group has no members left".to_owned(),
        GroupFact::OffsetCommitted {
            partition,
            offset,
            member,
            before,
            ..
        } => {
            let place = q.cast.partition(*partition);
            let by = member.map_or("a tool", |node| q.cast.actor(node));
            let before = before.map_or("none".to_owned(), |offset| offset.to_string());
            format!("the committed offset of {place} is {offset} now, it was {before} (by {by})")
        }
        _ => return None,
    })
}

fn what_group(q: &Question<'_>, who: &str, fact: &GroupFact) -> String {
    if let Some(said) = what_coordinator(q, fact) {
        return said;
    }
    match fact {
        GroupFact::Joining { .. } => format!("{who} asks to join"),
        GroupFact::Assigned { partitions: p, .. } => format!("{who} is given {}", partitions(q, p)),
        GroupFact::Revoked { partitions: p, .. } => format!("{who} gives {} up", partitions(q, p)),
        GroupFact::Lost { partitions: p, .. } => {
            format!("{who} learns that it has lost {}", partitions(q, p))
        }
        GroupFact::PollIntervalExceeded { .. } => {
            format!("{who} has not called poll() for too long and leaves the group")
        }
        GroupFact::FellSilent { .. } => {
            format!("{who} has not called poll() for too long and stops its heartbeats")
        }
        GroupFact::CommitRequested { kind, offsets, .. } => {
            format!(
                "{who} asks for an offset commit ({}): {}",
                kind_word(*kind),
                places(q, offsets)
            )
        }
        GroupFact::CommitConfirmed { offsets, .. } => {
            format!(
                "{who} hears that its offset commit stands: {}",
                places(q, offsets)
            )
        }
        GroupFact::CommitFailed { exception, .. } => {
            format!("the offset commit of {who} fails: {exception}")
        }
        GroupFact::PositionSet {
            partition,
            offset,
            source,
            ..
        } => {
            let place = q.cast.partition(*partition);
            let from = match source {
                PositionSource::Committed => "the committed offset",
                PositionSource::Reset => "auto.offset.reset",
                PositionSource::Seek => "seek()",
                PositionSource::Stored => "the offset that the sink keeps",
                PositionSource::Truncation => "where the log was cut off",
            };
            format!("{who} starts to read {place} at {offset}, from {from}")
        }
        GroupFact::OffsetReset {
            partition, offset, ..
        } => format!("{who} resets {} to {offset}", q.cast.partition(*partition)),
        GroupFact::PositionTruncated {
            partition, from, ..
        } => {
            let partition = q.cast.partition(*partition);
            format!("{who} learns that {partition} was cut off below its position {from}")
        }
        GroupFact::PollFailed { exception, .. } => format!("poll() of {who} throws {exception}"),
        _ => unreachable!("the coordinator's facts were put into words above"),
    }
}

/// Where the records of a fact lie: the one in question alone, but for a poll.
fn place_of(q: &Question<'_>, stated: &Stated) -> String {
    offsets_of(&stated.fact).map_or_else(String::new, |(_, partition, offsets)| {
        let own = stated.fact.records().and_then(|records| {
            records
                .position(q.record)
                .or_else(|| overtaker_in(q, records))
        });
        let is_poll = matches!(stated.fact, Fact::App(AppFact::Polled { .. }));
        let partition = q.cast.partition(partition);
        match own.filter(|_| !is_poll) {
            Some(index) => format!("{partition}@{}", offsets.start + Offset::from(index)),
            None if offsets.start + 1 == offsets.end => format!("{partition}@{}", offsets.start),
            None => format!("{partition}@{}..{}", offsets.start, offsets.end.max(1) - 1),
        }
    })
}

fn what_sink(q: &Question<'_>, who: &str, stated: &Stated, fact: &SinkFact) -> String {
    let from = q.cast.actor(fact.from());
    let place = place_of(q, stated);
    match fact {
        SinkFact::Received { .. } => format!("{who} has a request of {from}"),
        SinkFact::RowsStored { .. } => format!("{who} stores the row of {place}, sent by {from}"),
        SinkFact::OffsetStored {
            partition, offset, ..
        } => {
            let partition = q.cast.partition(*partition);
            format!("{who} keeps {offset} as the next offset of {partition}")
        }
        SinkFact::InsertDeduplicated { .. } => {
            format!("{who} has the row of {place} already, and counts it once")
        }
        SinkFact::InsertRefused { .. } => format!("{who} refuses a request of {from}"),
        SinkFact::BulkTorn { stored, of, .. } => {
            format!("{who} keeps {stored} of {of} rows of a request of {from}")
        }
    }
}

fn what_app(q: &Question<'_>, who: &str, stated: &Stated, fact: &AppFact) -> String {
    let place = place_of(q, stated);
    match fact {
        AppFact::Polled { .. } => format!("poll() of {who} returns {place}"),
        AppFact::Processed { .. } => format!("{who} applies the effect of {place}"),
        AppFact::ProcessingFailed { last_attempt, .. } => {
            let last = if *last_attempt {
                " for the last time"
            } else {
                ""
            };
            format!("{who} fails at {place}{last}")
        }
        AppFact::RecordSkipped { .. } => format!("{who} goes on without {place}"),
        AppFact::HandedOn { to, .. } => format!("{who} sends {place} on to {}", q.cast.topic(*to)),
        AppFact::HandedOff { .. } => format!("{who} gives {place} to its workers"),
        AppFact::Dropped { .. } => format!("{who} throws {place} away unprocessed"),
        AppFact::Stopped { reason, .. } => format!("{who} stops: {reason}"),
        AppFact::SinkOutage { sink, silence, .. } => {
            let sink = q.cast.actor(*sink);
            match silence {
                SinkSilence::NotSent => format!("{who} cannot reach {sink}"),
                SinkSilence::ConnectionLost => format!("{who} loses its connection to {sink}"),
                SinkSilence::TimedOut => format!("{who} has no answer of {sink} in time"),
            }
        }
    }
}

fn what_fault(q: &Question<'_>, who: &str, fact: &FaultFact) -> String {
    match fact {
        FaultFact::Crashed => format!("{who} crashes"),
        FaultFact::PowerLost => format!("{who} loses its power"),
        FaultFact::Restarted => format!("{who} is started again"),
        FaultFact::Paused => format!("{who} stands still as a whole"),
        FaultFact::Resumed => format!("{who} goes on"),
        FaultFact::Stalled => format!("the application thread of {who} stands still"),
        FaultFact::StallEnded => format!("the application thread of {who} goes on"),
        FaultFact::Closed => format!("{who} is told to close"),
        FaultFact::Started => format!("{who} is started"),
        FaultFact::Sought => format!("the application of {who} is told to seek"),
        FaultFact::OffsetsSet { group, error } => {
            let group = q.cast.group(*group);
            format!("a tool sets the offsets of {group}: {}", error.name())
        }
        FaultFact::RequestLost { api } => format!("the {api:?} request of {who} is lost"),
        FaultFact::ResponseLost { api } => {
            format!("the answer to the {api:?} request of {who} is lost")
        }
        FaultFact::RequestHeld { api, length } => {
            format!("the {api:?} request of {who} is held up for {length}")
        }
        FaultFact::ResponseHeld { api, length } => {
            format!("the answer to the {api:?} request of {who} is held up for {length}")
        }
        FaultFact::RequestRefused { api, error } => {
            format!("the {api:?} request of {who} is refused: {error}")
        }
        FaultFact::CutMade { a, b, one_way } => {
            let (a, b) = (actors(q, a), actors(q, b));
            if *one_way {
                format!("nothing passes from {a} to {b} any more")
            } else {
                format!("nothing passes between {a} and {b} any more")
            }
        }
        FaultFact::CutHealed { a, b } => {
            let (a, b) = (actors(q, a), actors(q, b));
            format!("{a} and {b} hear each other again")
        }
        FaultFact::Slowed { a, b, .. } => {
            format!("the link from {} to {} is slow", actors(q, a), actors(q, b))
        }
        FaultFact::SlowEnded { a, b } => {
            let (a, b) = (actors(q, a), actors(q, b));
            format!("the link from {a} to {b} is as fast as before")
        }
    }
}

fn actors(q: &Question<'_>, list: &[NodeId]) -> String {
    let names: Vec<&str> = list.iter().map(|node| q.cast.actor(*node)).collect();
    names.join(", ")
}

fn partitions(q: &Question<'_>, list: &[TopicPartition]) -> String {
    let names: Vec<String> = list.iter().map(|p| q.cast.partition(*p)).collect();
    match names.len() {
        0 => "nothing".to_owned(),
        _ => names.join(" "),
    }
}

fn places(q: &Question<'_>, offsets: &[(TopicPartition, Offset)]) -> String {
    let place = |(partition, offset): &(TopicPartition, Offset)| {
        format!("{} at {offset}", q.cast.partition(*partition))
    };
    let names: Vec<String> = offsets.iter().map(place).collect();
    names.join(", ")
}

fn kind_word(kind: CommitKind) -> &'static str {
    match kind {
        CommitKind::Sync => "commitSync",
        CommitKind::Async => "commitAsync",
        CommitKind::Auto => "auto-commit",
        CommitKind::AutoBeforeRebalance => "auto-commit before a rebalance",
        CommitKind::AutoOnClose => "auto-commit in close",
        CommitKind::Admin => "a tool",
    }
}
