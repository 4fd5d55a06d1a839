//! The sentences of `why`: what a fact says, and the rule of Kafka that made it matter.
//!
//! One sentence per kind of link, short and for a class. A rule names its source: a setting, a class
//! of the Java client or broker, or a KIP. Values of settings stand in it where the caller knows them.

use super::about::{offsets_of, records_of};
use super::quantity::Stage;
use super::why::{Part, Question, Symptom};
use crate::base::{Instant, NodeId, Offset, TopicPartition};
use crate::kafka::message::Api;
use crate::node::fact::{
    AppFact, CommitKind, Fact, FaultFact, GroupFact, LogFact, PositionSource, ProduceFact, Stated,
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
            format!(
                "{group} never applied the effect of {record}: {}",
                lost_words(stage)
            )
        }
        Symptom::Reordered(group) => {
            let group = q.cast.group(group);
            format!("{group} applied the effect of {record} after that of a later record")
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
        Stage::Expired => "it was deleted before the group came to it",
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
            times.get(records.position(q.record).unwrap_or(0))
        }
        _ => stated.at,
    }
}

/// Whether a fact sets state that a later rule looks at, and is no mere trigger.
pub(super) fn sets_state(fact: &Fact) -> bool {
    match fact {
        Fact::Group(fact) => matches!(
            fact,
            GroupFact::OffsetCommitted { .. }
                | GroupFact::SessionExpired { .. }
                | GroupFact::MemberLeft { .. }
                | GroupFact::PollIntervalExceeded { .. }
                | GroupFact::RoundCompleted { .. }
                | GroupFact::PositionSet { .. }
                | GroupFact::OffsetReset { .. }
        ),
        Fact::Fault(_) => true,
        Fact::Produce(ProduceFact::Retry { .. } | ProduceFact::RequestTimedOut { .. }) => true,
        Fact::Log(LogFact::AppendRefused { .. }) => true,
        Fact::Produce(_) | Fact::Log(_) | Fact::App(_) => false,
    }
}

/// What a fact says.
pub(super) fn what(q: &Question<'_>, stated: &Stated) -> String {
    let who = q.cast.actor(stated.who);
    match &stated.fact {
        Fact::Produce(fact) => what_produce(q, who, fact),
        Fact::Log(fact) => what_log(q, who, fact),
        Fact::Group(fact) => what_group(q, who, fact),
        Fact::App(fact) => what_app(q, who, stated, fact),
        Fact::Fault(fact) => what_fault(q, who, fact),
    }
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
            let batch = match records.position(q.record) {
                Some(_) => format!("the batch with {record}"),
                None => "a later batch".to_owned(),
            };
            let place = q.cast.partition(*partition);
            match attempt {
                0 => format!("{who} sends {batch} to {place}"),
                again => format!("{who} sends {batch} to {place} again (retry {again})"),
            }
        }
        ProduceFact::Retry { error, .. } => {
            format!(
                "{who} is to send the batch with {record} again: {}",
                error.name()
            )
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

fn what_log(q: &Question<'_>, who: &str, fact: &LogFact) -> String {
    match fact {
        LogFact::Appended {
            partition,
            base_offset,
            records,
            count,
            ..
        } => {
            let place = q.cast.partition(*partition);
            match records.position(q.record) {
                Some(index) => {
                    let offset = base_offset + Offset::from(index);
                    format!(
                        "{who} writes {} at {place}@{offset}",
                        q.cast.record(q.record)
                    )
                }
                None => {
                    let last = base_offset + Offset::from(*count) - 1;
                    format!("{who} writes later records at {place}@{base_offset}..{last}")
                }
            }
        }
        LogFact::RetryDeduplicated { .. } => {
            format!("{who} recognises the batch and does not write it again")
        }
        LogFact::AppendRefused { error, .. } => {
            format!("{who} refuses the batch: {}", error.name())
        }
        LogFact::Replicated { partition, to, .. } => {
            format!("{} is replicated up to {to}", q.cast.partition(*partition))
        }
        LogFact::TopicCreated { topic, .. } => format!("{} is created", q.cast.topic(*topic)),
        LogFact::PartitionState {
            partition, leader, ..
        } => {
            let leader = leader.map_or("nobody", |node| q.cast.actor(node));
            format!("{} is led by {leader}", q.cast.partition(*partition))
        }
        LogFact::MetadataRefreshed => format!("{who} has new metadata"),
    }
}

fn what_group(q: &Question<'_>, who: &str, fact: &GroupFact) -> String {
    let name = |member: &NodeId| q.cast.actor(*member);
    match fact {
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
        GroupFact::Joining { .. } => format!("{who} asks to join"),
        GroupFact::Assigned { partitions: p, .. } => format!("{who} is given {}", partitions(q, p)),
        GroupFact::Revoked { partitions: p, .. } => format!("{who} gives {} up", partitions(q, p)),
        GroupFact::Lost { partitions: p, .. } => {
            format!("{who} learns that it has lost {}", partitions(q, p))
        }
        GroupFact::PollIntervalExceeded { .. } => {
            format!("{who} has not called poll() for too long and leaves the group")
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
            };
            format!("{who} starts to read {place} at {offset}, from {from}")
        }
        GroupFact::OffsetReset {
            partition, offset, ..
        } => format!("{who} resets {} to {offset}", q.cast.partition(*partition)),
        GroupFact::PollFailed { exception, .. } => format!("poll() of {who} throws {exception}"),
    }
}

fn what_app(q: &Question<'_>, who: &str, stated: &Stated, fact: &AppFact) -> String {
    let place = offsets_of(&stated.fact).map_or_else(String::new, |(_, partition, offsets)| {
        let own = records_of(&stated.fact).and_then(|records| records.position(q.record));
        let single = !matches!(fact, AppFact::Polled { .. }) && own.is_some();
        let partition = q.cast.partition(partition);
        match own.filter(|_| single) {
            Some(index) => format!("{partition}@{}", offsets.start + Offset::from(index)),
            None if offsets.start + 1 == offsets.end => format!("{partition}@{}", offsets.start),
            None => format!("{partition}@{}..{}", offsets.start, offsets.end.max(1) - 1),
        }
    });
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
    }
}

fn what_fault(q: &Question<'_>, who: &str, fact: &FaultFact) -> String {
    match fact {
        FaultFact::Crashed => format!("{who} crashes"),
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
    }
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

/// The rule behind a link.
pub(super) fn rule(q: &Question<'_>, stated: &Stated, part: Part) -> Option<String> {
    match &stated.fact {
        Fact::Produce(fact) => rule_produce(q, stated.who, fact),
        Fact::Log(fact) => rule_log(q, fact, part),
        Fact::Group(fact) => rule_group(q, stated.who, fact, part),
        Fact::App(fact) => rule_app(q, fact, part),
        Fact::Fault(fact) => rule_fault(fact).map(str::to_owned),
    }
}

/// A setting with its value, where it is known.
fn setting(q: &Question<'_>, who: NodeId, name: &str) -> String {
    match (q.setting)(who, name) {
        Some(value) => format!("{name}={value}"),
        None => name.to_owned(),
    }
}

fn rule_produce(q: &Question<'_>, who: NodeId, fact: &ProduceFact) -> Option<String> {
    Some(match fact {
        ProduceFact::BatchSent { attempt: 1.., .. } => format!(
            "{}: a producer that was not told sends again; it cannot know whether the first \
             attempt was written (Sender.reenqueueBatch).",
            setting(q, who, "retries")
        ),
        ProduceFact::BatchSent { records, .. } if records.position(q.record).is_none() => format!(
            "{}: several batches of one partition may be under way at once.",
            setting(q, who, "max.in.flight.requests.per.connection")
        ),
        ProduceFact::BatchSent { .. } => format!(
            "{}: what the producer waits for before it calls the batch done.",
            setting(q, who, "acks")
        ),
        ProduceFact::RequestTimedOut { .. } => format!(
            "{}: no answer for so long, and the connection is closed; whether the broker did its \
             work stays open (NetworkClient.handleTimedOutRequests).",
            setting(q, who, "request.timeout.ms")
        ),
        ProduceFact::Retry { .. } => format!(
            "The error is a RetriableException, so the batch goes back to the front of its queue \
             and again after {}.",
            setting(q, who, "retry.backoff.ms")
        ),
        ProduceFact::DeliveryTimedOut { .. } => format!(
            "{}: the limit from send() to the answer, retries included (KIP-91).",
            setting(q, who, "delivery.timeout.ms")
        ),
        ProduceFact::Failed { .. } => {
            "A TimeoutException or NetworkException says that no answer came, not that nothing was \
             written."
                .to_owned()
        }
        ProduceFact::Sent { .. } => {
            "send() only puts a record into the producer's memory (RecordAccumulator).".to_owned()
        }
        _ => return None,
    })
}

fn rule_log(q: &Question<'_>, fact: &LogFact, part: Part) -> Option<String> {
    let producer = q.cast.sender(q.record).0;
    Some(match (fact, q.symptom, part) {
        (LogFact::Appended { .. }, Symptom::AppendedLate(_), Part::Symptom) => format!(
            "{} without idempotence: a batch that is sent again arrives behind those sent after it.",
            setting(q, producer, "max.in.flight.requests.per.connection")
        ),
        (
            LogFact::Appended { .. },
            Symptom::AppendedTwice(_) | Symptom::Duplicated(_),
            Part::Symptom | Part::State | Part::Warning,
        ) => format!(
            "{}: without a producer id and sequence numbers the broker cannot tell a retry from a \
             new batch (KIP-98), and writes it again.",
            setting(q, producer, "enable.idempotence")
        ),
        (LogFact::AppendRefused { .. }, ..) => "A refused batch is not written.".to_owned(),
        (LogFact::RetryDeduplicated { .. }, ..) => {
            "A leader keeps the last five batches of each producer id, and answers a repeated \
             sequence number as the first time (ProducerStateManager)."
                .to_owned()
        }
        _ => return None,
    })
}

fn rule_group(q: &Question<'_>, who: NodeId, fact: &GroupFact, part: Part) -> Option<String> {
    let lost = matches!(q.symptom, Symptom::Lost(..));
    Some(match fact {
        GroupFact::SessionExpired { member, .. } => format!(
            "{}: a member of which the coordinator heard nothing for so long is removed; its \
             partitions stand still until then.",
            setting(q, *member, "session.timeout.ms")
        ),
        GroupFact::PollIntervalExceeded { .. } => format!(
            "{}: an application that does not call poll() for so long is taken for stuck, and its \
             client leaves the group, however well it sends heartbeats (KIP-62).",
            setting(q, who, "max.poll.interval.ms")
        ),
        GroupFact::MemberLeft { .. } => {
            "LeaveGroup: who leaves by itself is replaced at once, without waiting for a session to \
             expire."
                .to_owned()
        }
        GroupFact::RebalanceStarted { .. } => {
            "Whoever joins, leaves or is given up makes the group agree anew who has what.".to_owned()
        }
        GroupFact::RoundCompleted { .. } => {
            "The leader of the group divides all partitions among the members that joined \
             (partition.assignment.strategy)."
                .to_owned()
        }
        GroupFact::Revoked { .. } => {
            "Eager protocol: before it joins again a member gives all its partitions up \
             (ConsumerCoordinator.onJoinPrepare)."
                .to_owned()
        }
        GroupFact::Lost { .. } => {
            "A member that was removed meanwhile cannot commit offsets for its partitions any more."
                .to_owned()
        }
        GroupFact::OffsetCommitted { offset, .. } if lost && part == Part::Symptom => format!(
            "The group is now past everything below {offset}, processed or not: Kafka does not ask \
             (the broker stores the number it is given)."
        ),
        GroupFact::OffsetCommitted { offset, .. } => format!(
            "The committed offset is the next one to read: whoever takes the partition over starts \
             at {offset}, whatever was done after it."
        ),
        GroupFact::CommitRequested { kind, .. } => rule_commit(q, who, *kind),
        GroupFact::CommitFailed { .. } => {
            "A member that is no longer in the group, or of an older generation, may not commit \
             offsets (UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION); what it did stays done."
                .to_owned()
        }
        GroupFact::MemberFenced { .. } => {
            "Requests carry member id and generation; the coordinator refuses those of another \
             generation."
                .to_owned()
        }
        GroupFact::PositionSet { source, .. } => rule_position(q, who, *source, lost),
        GroupFact::OffsetReset { .. } => format!(
            "{}: it applies where the group has no committed offset, or one that the log does not \
             hold.",
            setting(q, who, "auto.offset.reset")
        ),
        _ => return None,
    })
}

fn rule_commit(q: &Question<'_>, who: NodeId, kind: CommitKind) -> String {
    match kind {
        CommitKind::Sync | CommitKind::Async => {
            "commitSync() and commitAsync() send what they are told, by default the position after \
             the last poll(): everything polled, processed or not."
                .to_owned()
        }
        CommitKind::Auto => format!(
            "{}: poll() commits the position that the poll() before it left, once {} is over; it \
             takes for done what was handed out (ConsumerCoordinator.maybeAutoCommitOffsetsAsync).",
            setting(q, who, "enable.auto.commit"),
            setting(q, who, "auto.commit.interval.ms")
        ),
        CommitKind::AutoBeforeRebalance => {
            "With auto-commit a member commits its positions before it gives partitions up \
             (ConsumerCoordinator.onJoinPrepare)."
                .to_owned()
        }
        CommitKind::AutoOnClose => {
            "With auto-commit close() commits the positions (ConsumerCoordinator.close).".to_owned()
        }
        CommitKind::Admin => {
            "kafka-consumer-groups --reset-offsets writes committed offsets from outside."
                .to_owned()
        }
    }
}

fn rule_position(q: &Question<'_>, who: NodeId, source: PositionSource, lost: bool) -> String {
    match (source, lost) {
        (PositionSource::Committed, false) => {
            "A new owner asks for the committed offset (OffsetFetch) and reads on from there: \
             records behind it are delivered again."
                .to_owned()
        }
        (PositionSource::Committed, true) => {
            "A new owner asks for the committed offset (OffsetFetch) and reads on from there: it \
             never looks at what lies before."
                .to_owned()
        }
        (PositionSource::Reset, true) => format!(
            "{}: without a committed offset the position goes to where the setting says; `latest` is \
             the end of the log, and what lies there already is not read.",
            setting(q, who, "auto.offset.reset")
        ),
        (PositionSource::Reset, false) => format!(
            "{}: nothing was committed, so reading begins where the setting says.",
            setting(q, who, "auto.offset.reset")
        ),
        (PositionSource::Seek, _) => {
            "seek() sets the position of this member, and nothing else.".to_owned()
        }
    }
}

fn rule_app(q: &Question<'_>, fact: &AppFact, part: Part) -> Option<String> {
    let rule = match (fact, part) {
        (AppFact::Processed { .. }, Part::Symptom) => match q.symptom {
            Symptom::Reordered(_) => {
                "Kafka keeps the order of a partition up to poll(); what the application does at \
                 once, or again later, has none."
            }
            _ => {
                "At least once: Kafka knows which offsets were committed, not which effects were \
                 applied."
            }
        },
        (AppFact::Polled { .. }, Part::Redelivery) => {
            "poll() returns what lies from the position on; that it was returned before to somebody \
             is not recorded anywhere."
        }
        (AppFact::HandedOff { .. }, _) => {
            "To the client a record is done with when poll() has returned it; that a worker still \
             holds it only the application knows."
        }
        (AppFact::ProcessingFailed { .. }, _) => {
            "An exception in the application is none of Kafka's business: the position has moved on."
        }
        (AppFact::RecordSkipped { .. }, _) => {
            "The application caught its failure and went on; the next offset commit covers the \
             record."
        }
        (AppFact::Dropped { .. }, _) => {
            "The partition was taken away, and the application throws away what it had queued."
        }
        (AppFact::Stopped { .. }, _) => {
            "An application that stops closes its consumer, and its partitions go to others."
        }
        _ => return None,
    };
    Some(rule.to_owned())
}

fn rule_fault(fact: &FaultFact) -> Option<&'static str> {
    Some(match fact {
        FaultFact::Crashed => {
            "A crash says goodbye to nobody: what was only in memory is gone, what was committed \
             stands."
        }
        FaultFact::Paused => "A process that stands still sends no heartbeats either.",
        FaultFact::Stalled => {
            "Heartbeats come from a thread of their own and go on (KIP-62); poll() is not called."
        }
        FaultFact::RequestLost { api: Api::Produce } => {
            "The broker never saw it; the producer only knows that the connection is gone."
        }
        FaultFact::ResponseLost { api: Api::Produce } => {
            "The broker has done its work; the producer only knows that the connection is gone."
        }
        FaultFact::RequestLost { .. } => "The broker never saw it.",
        FaultFact::ResponseLost { .. } => {
            "The broker has done its work; only the answer is missing."
        }
        FaultFact::Sought => "The application may read on from wherever it likes.",
        FaultFact::OffsetsSet { .. } => {
            "Kafka accepts offsets from outside only while the group has no members."
        }
        FaultFact::Restarted => {
            "A new process is a new member with a new member id, unless group.instance.id is set."
        }
        FaultFact::Resumed | FaultFact::StallEnded | FaultFact::Closed | FaultFact::Started => {
            return None;
        }
    })
}
