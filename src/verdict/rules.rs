//! The rules behind the links of a chain: one sentence per kind of link, short and for a class.
//!
//! A rule names its source: a setting, a class of the Java client or broker, or a KIP. Values of
//! settings stand in it where the caller knows them.

use super::removal;
use super::said_cluster::rule_cluster;
use super::why::{Part, Question, Settings, Symptom};
use crate::base::{GroupId, NodeId, RecordId};
use crate::kafka::cast::Role;
use crate::kafka::message::Api;
use crate::kafka::{Cast, ErrorCode};
use crate::node::fact::{
    AppFact, CommitKind, Fact, FaultFact, GroupFact, LogFact, PositionSource, ProduceFact,
    SinkFact, Stated,
};

/// The rule behind a link.
pub(super) fn rule(q: &Question<'_>, stated: &Stated, part: Part) -> Option<String> {
    match &stated.fact {
        Fact::Produce(fact) => rule_produce(q, stated.who, fact),
        Fact::Log(fact) => rule_log(q, stated.who, fact, part),
        Fact::Cluster(fact) => rule_cluster(fact).map(str::to_owned),
        Fact::Storage(fact) => removal::rule(fact).map(str::to_owned),
        Fact::Group(fact) => rule_group(q, stated.who, fact, part),
        Fact::App(fact) => rule_app(q, fact, part),
        Fact::Sink(fact) => rule_sink(fact, part).map(str::to_owned),
        Fact::Fault(fact) => rule_fault(q, stated.who, fact).map(str::to_owned),
    }
}

/// The rule behind a fact by itself, without a record that came to grief over it. Not every fact has
/// one: most only say that something went its way.
pub fn rule_of(cast: &Cast, setting: Settings<'_>, stated: &Stated) -> Option<String> {
    let record = match (&stated.fact, stated.fact.records()) {
        (_, Some(records)) => records.iter().next()?,
        (Fact::Log(_), None) => return None,
        // Rules about groups and faults look at no record.
        (_, None) => RecordId(0),
    };
    let question = Question {
        facts: &[],
        cast,
        setting,
        record,
        symptom: Symptom::Duplicated(GroupId(0)),
        effect_in_sink: false,
    };
    // A chain tells a reset by the position that it gave; a trace tells it by the reset.
    if let Fact::Group(GroupFact::OffsetReset { .. }) = stated.fact {
        let source = PositionSource::Reset;
        return Some(rule_position(&question, stated.who, source, false));
    }
    rule(&question, stated, Part::Setting)
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
             and again after {}; of several that failed together the last is in front then.",
            setting(q, who, "retry.backoff.ms")
        ),
        ProduceFact::Failed { .. } => {
            "A TimeoutException or NetworkException says that no answer came, not that nothing was \
             written."
                .to_owned()
        }
        ProduceFact::ProducerEpochBumped { .. } => {
            "No earlier batch of its own can be what is missing, so the producer begins a new epoch and \
             numbers from 0 what it has not heard of, written or not \
             (TransactionManager.bumpIdempotentEpochAndResetIdIfNeeded)."
                .to_owned()
        }
        ProduceFact::Sent { .. } => {
            "send() only puts a record into the producer's memory (RecordAccumulator).".to_owned()
        }
        _ => return None,
    })
}

fn rule_log(q: &Question<'_>, who: NodeId, fact: &LogFact, part: Part) -> Option<String> {
    let producer = q.cast.sender(q.record).0;
    Some(match (fact, q.symptom, part) {
        (LogFact::PartitionsAdded { .. }, Symptom::Overtaken(..), _) => {
            "A key's partition is its hash modulo the number of partitions, so with another number \
             most keys have another partition (BuiltInPartitioner.partitionForKey); what is written \
             stays where it is."
                .to_owned()
        }
        (LogFact::PartitionsAdded { .. }, ..) => {
            "CreatePartitions tells the brokers; clients are not told, they ask.".to_owned()
        }
        (LogFact::MetadataRefreshed, ..) if who == producer => format!(
            "{}: a producer learns of new partitions with its next metadata, and hashes keys over \
             all of them from then on.",
            setting(q, who, "metadata.max.age.ms")
        ),
        (LogFact::MetadataRefreshed, ..) => format!(
            "{}: the leader of the group compares the partitions it assigned with its metadata, and \
             asks for a rebalance when they differ (ConsumerCoordinator.rejoinNeededOrPending).",
            setting(q, who, "metadata.max.age.ms")
        ),
        (LogFact::Appended { .. }, Symptom::AppendedLate(_), Part::Symptom) => format!(
            "{} without idempotence: a batch that is sent again arrives behind those sent after it.",
            setting(q, producer, "max.in.flight.requests.per.connection")
        ),
        (
            LogFact::Appended { .. },
            Symptom::AppendedTwice(_) | Symptom::Duplicated(_),
            Part::Symptom | Part::State | Part::Warning,
        ) if is_idempotent(q, producer) => {
            "A retry is known by producer epoch and sequence number, and the batch has others now: to \
             the broker it is a new one."
                .to_owned()
        }
        (
            LogFact::Appended { .. },
            Symptom::AppendedTwice(_) | Symptom::Duplicated(_),
            Part::Symptom | Part::State | Part::Warning,
        ) => format!(
            "{}: without a producer id and sequence numbers the broker cannot tell a retry from a \
             new batch (KIP-98), and writes it again.",
            setting(q, producer, "enable.idempotence")
        ),
        (
            LogFact::AppendRefused {
                error: ErrorCode::OutOfOrderSequenceNumber,
                ..
            },
            ..,
        ) => "A batch that is not among those the broker remembers of its producer has to follow the \
              last of them (ProducerAppendInfo.checkSequence)."
            .to_owned(),
        (LogFact::AppendRefused { .. }, ..) => "A refused batch is not written.".to_owned(),
        _ => return None,
    })
}

fn rule_group(q: &Question<'_>, who: NodeId, fact: &GroupFact, part: Part) -> Option<String> {
    if let Some(rule) = rule_static(fact) {
        return Some(rule.to_owned());
    }
    let lost = matches!(q.symptom, Symptom::Lost(..));
    if let Some(rule) = rule_modern(q, who, fact) {
        return Some(rule);
    }
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
        GroupFact::FellSilent { .. } => format!(
            "{}: a static member that does not call poll() for so long stops its heartbeats and \
             does not leave; session.timeout.ms later the coordinator gives it up (KIP-345).",
            setting(q, who, "max.poll.interval.ms")
        ),
        GroupFact::OffsetCommitted { offset, .. } if lost && part == Part::Symptom => format!(
            "The group is now past everything below {offset}, processed or not: Kafka does not ask \
             (the broker stores the number it is given)."
        ),
        GroupFact::OffsetCommitted { offset, .. } => format!(
            "The committed offset is the next one to read: whoever takes the partition over starts \
             at {offset}, whatever was done after it."
        ),
        GroupFact::CommitRequested { kind, .. } => rule_commit(q, who, *kind),
        GroupFact::CommitFailed { exception, .. } => rule_failed_commit(exception).to_owned(),
        GroupFact::PositionSet { source, .. } => rule_position(q, who, *source, lost),
        _ => return rule_rebalance(q, who, fact).map(str::to_owned),
    })
}

/// The rules of a rebalance of the classic protocol.
fn rule_rebalance(q: &Question<'_>, who: NodeId, fact: &GroupFact) -> Option<&'static str> {
    Some(match fact {
        GroupFact::MemberLeft { .. } => {
            "LeaveGroup: who leaves by itself is replaced at once, without waiting for a session to \
             expire."
        }
        GroupFact::RebalanceStarted { .. } => {
            "Whoever joins, leaves or is given up makes the group agree anew who has what."
        }
        GroupFact::RoundCompleted { .. } => {
            "The leader of the group divides all partitions among the members that joined \
             (partition.assignment.strategy)."
        }
        GroupFact::Revoked { .. } if is_cooperative(q, who) => {
            "Cooperative protocol: a member gives up only what its new assignment no longer has, and \
             joins again so that somebody else may have it (ConsumerCoordinator.onJoinComplete, \
             KIP-429)."
        }
        GroupFact::Revoked { .. } => {
            "Eager protocol: before it joins again a member gives all its partitions up \
             (ConsumerCoordinator.onJoinPrepare)."
        }
        GroupFact::Lost { .. } => {
            "A member that was removed meanwhile cannot commit offsets for its partitions any more."
        }
        _ => return None,
    })
}

/// Why an offset commit of the classic protocol fails.
fn rule_failed_commit(exception: &str) -> &'static str {
    if exception == BETWEEN_GENERATIONS {
        "The member is in the group, but between two generations: it has to call poll() to take part \
         in the rebalance, and may then commit again what it still owns (REBALANCE_IN_PROGRESS); \
         what it did stays done."
    } else {
        "A member that is no longer in the group, or of an older generation, may not commit offsets \
         (UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION); what it did stays done."
    }
}

/// The exception of an offset commit in the middle of a rebalance of the classic protocol.
const BETWEEN_GENERATIONS: &str = "RebalanceInProgressException";

/// Whether a member of the classic protocol keeps what it has through a rebalance: each of its
/// assignors has to allow it.
fn is_cooperative(q: &Question<'_>, member: NodeId) -> bool {
    let assignors = (q.setting)(member, "partition.assignment.strategy");
    assignors.is_some_and(|assignors| {
        let each = |one: &str| one.to_ascii_lowercase().contains("cooperative");
        assignors.split(',').all(each)
    })
}

/// Whether a producer is idempotent.
fn is_idempotent(q: &Question<'_>, producer: NodeId) -> bool {
    (q.setting)(producer, "enable.idempotence").is_some_and(|value| value == "true")
}

/// Whether a member speaks the consumer protocol.
fn is_modern(q: &Question<'_>, member: NodeId) -> bool {
    let protocol = (q.setting)(member, "group.protocol");
    protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("consumer"))
}

/// The rules of the consumer protocol, which go before those of the classic one.
fn rule_modern(q: &Question<'_>, who: NodeId, fact: &GroupFact) -> Option<String> {
    Some(match fact {
        GroupFact::SessionExpired { member, .. } if is_modern(q, *member) => format!(
            "{}: under the consumer protocol the broker says how long a member may be silent; its \
             partitions stand still until then (KIP-848).",
            setting(q, who, "group.consumer.session.timeout.ms")
        ),
        GroupFact::TargetComputed { .. } => {
            "The coordinator itself divides the partitions (group.consumer.assignors), and then \
             moves one member at a time (KIP-848)."
                .to_owned()
        }
        GroupFact::MemberReconciled { .. } => {
            "A partition is given to a member only when the one that has it has said that it gave \
             it up, or is out (CurrentAssignmentBuilder)."
                .to_owned()
        }
        GroupFact::RevocationTimedOut { member, .. }
        | GroupFact::RejoinTimedOut { member, .. } => format!(
            "{}: a member that does not do in that time what it was told to is removed (KIP-848).",
            setting(q, *member, "max.poll.interval.ms")
        ),
        GroupFact::ProtocolChanged { .. } => format!(
            "{}: the first member of the consumer protocol takes its classic group along, and the \
             last one that goes leaves a classic group behind (KIP-848).",
            setting(q, who, "group.consumer.migration.policy")
        ),
        GroupFact::MemberLeft { member, .. } if is_modern(q, *member) => {
            "A heartbeat with epoch -1: who leaves by itself is out at once; the next heartbeat of \
             another member shares its partitions out."
                .to_owned()
        }
        GroupFact::Revoked { .. } if is_modern(q, who) => {
            "Consumer protocol: a member gives up only what its target no longer has, inside poll(). \
             The coordinator hears of it once a later round of poll() has called \
             onPartitionsAssigned too (AbstractMembershipManager.revokeAndAssign)."
                .to_owned()
        }
        GroupFact::Lost { .. } if is_modern(q, who) => {
            "A member that the coordinator refuses (UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH), or whose \
             application does not poll, has lost what it had, and joins anew with epoch 0 \
             (AbstractMembershipManager.transitionToFenced, transitionToStale)."
                .to_owned()
        }
        GroupFact::CommitRequested { kind, .. } if is_modern(q, who) => {
            return rule_modern_commit(q, who, *kind);
        }
        GroupFact::CommitFailed { .. } if is_modern(q, who) => {
            "A member of the consumer protocol commits with exactly its epoch, or is refused \
             (STALE_MEMBER_EPOCH, UNKNOWN_MEMBER_ID); what it did stays done."
                .to_owned()
        }
        _ => return None,
    })
}

/// What a member of the consumer protocol commits by itself, and when.
fn rule_modern_commit(q: &Question<'_>, who: NodeId, kind: CommitKind) -> Option<String> {
    Some(match kind {
        CommitKind::Auto => format!(
            "{}: poll() commits the position that the poll() before it left, once {} is over; it \
             takes for done what was handed out (CommitRequestManager.updateTimerAndMaybeCommit).",
            setting(q, who, "enable.auto.commit"),
            setting(q, who, "auto.commit.interval.ms")
        ),
        CommitKind::AutoBeforeRebalance => {
            "With auto-commit a member commits its positions before it takes a new assignment over, \
             and reads on meanwhile (CommitRequestManager.maybeAutoCommitSyncBeforeRebalance)."
                .to_owned()
        }
        CommitKind::AutoOnClose => {
            "With auto-commit close() commits the positions (AsyncKafkaConsumer.autoCommitOnClose)."
                .to_owned()
        }
        CommitKind::Sync | CommitKind::Async | CommitKind::Admin => return None,
    })
}

/// The rules of static membership, which go before those of every member.
fn rule_static(fact: &GroupFact) -> Option<&'static str> {
    Some(match fact {
        GroupFact::StaticRejoin { member, before, .. } if member != before => {
            "group.instance.id: who joins under an id that is taken replaces its holder; the older \
             process is refused from its next request on (FENCED_INSTANCE_ID, KIP-345)."
        }
        GroupFact::StaticRejoin { .. } => {
            "group.instance.id: a static member that comes back within its session gets its \
             partitions back under a new member id, and nobody else notices (KIP-345)."
        }
        GroupFact::CommitFailed {
            error: Some(ErrorCode::FencedInstanceId),
            ..
        } => {
            "Another process has joined with the same group.instance.id: the older one is refused \
             (FENCED_INSTANCE_ID); what it did stays done."
        }
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
        CommitKind::Auto if (q.setting)(who, "enable.auto.offset.store").is_some() => format!(
            "librdkafka: a timer commits the stored offset every {}, and an offset is stored when \
             its record is handed to the application, before any work on it \
             (enable.auto.offset.store).",
            setting(q, who, "auto.commit.interval.ms")
        ),
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
            "{}: without a committed offset that the log holds the position goes to where the \
             setting says; `latest` is the end of the log, and what lies there already is not read.",
            setting(q, who, "auto.offset.reset")
        ),
        (PositionSource::Reset, false) => format!(
            "{}: there is no committed offset that the log holds, so reading begins where the \
             setting says.",
            setting(q, who, "auto.offset.reset")
        ),
        (PositionSource::Stored, _) => {
            "on-assigned: the application asks its sink where the rows end and seeks there; the \
             committed offset of the group plays no part."
                .to_owned()
        }
        (PositionSource::Truncation, _) => {
            "KIP-320: after an election the leader says where the epoch of the last record read ends \
             in its log; the position goes back to there, where other records stand now."
                .to_owned()
        }
        (PositionSource::Seek, _) => {
            "seek() sets the position of this member, and nothing else.".to_owned()
        }
    }
}

fn rule_app(q: &Question<'_>, fact: &AppFact, part: Part) -> Option<String> {
    let rule = match (fact, part) {
        (AppFact::Processed { .. }, Part::Symptom) => match q.symptom {
            Symptom::Overtaken(..) => {
                "Kafka keeps order within a partition only: nobody waits with one partition for \
                 what still lies in another."
            }
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
        (AppFact::SinkOutage { .. }, _) => {
            "A request without an answer may have been carried out or not; to send it again is \
             right only where a second row does no harm."
        }
        (AppFact::Stopped { .. }, _) => {
            "An application that stops closes its consumer, and its partitions go to others."
        }
        _ => return None,
    };
    Some(rule.to_owned())
}

fn rule_sink(fact: &SinkFact, part: Part) -> Option<&'static str> {
    Some(match (fact, part) {
        (SinkFact::RowsStored { .. }, Part::Symptom) => {
            "A sink without a unique key takes a second row for the same record like any other."
        }
        (SinkFact::OffsetStored { .. }, _) => {
            "Row and offset are one transaction: both are there, or neither."
        }
        (SinkFact::InsertDeduplicated { .. }, _) => {
            "The row bears the id of its record, and the sink keeps one row for an id."
        }
        (SinkFact::BulkTorn { .. }, _) => {
            "The sink takes rows one by one, so a request cut short leaves those that were in."
        }
        _ => return None,
    })
}

fn rule_fault(q: &Question<'_>, who: NodeId, fact: &FaultFact) -> Option<&'static str> {
    let is_broker = q.cast.actors[who.index()].role == Role::Broker;
    Some(match fact {
        FaultFact::PowerLost => {
            "The process and the page cache are gone, only what was flushed is left; nobody is told, \
             connections just fall silent."
        }
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
        FaultFact::Restarted if is_broker => {
            "A broker that begins anew has its log; of each producer it knows the last batch only, as a \
             snapshot keeps no more (ProducerStateManager)."
        }
        FaultFact::Restarted => {
            "A new process is a new member with a new member id, unless group.instance.id is set."
        }
        FaultFact::RequestHeld { .. } => {
            "A connection keeps its order: what is behind the request waits too. A client that gives \
             the connection up does not call the request back."
        }
        FaultFact::ResponseHeld { .. } => {
            "The broker has done its work; the client learns of it late, or not at all."
        }
        FaultFact::RequestRefused { .. } => "The broker did nothing but answer with the error.",
        FaultFact::CutMade { .. } => {
            "Nobody is told of a cut: connections stay open until a request on them is overdue."
        }
        FaultFact::CutHealed { .. } => {
            "What was sent into the cut arrives now, unless its connection was given up."
        }
        FaultFact::Slowed { .. }
        | FaultFact::SlowEnded { .. }
        | FaultFact::Resumed
        | FaultFact::StallEnded
        | FaultFact::Closed
        | FaultFact::Started => {
            return None;
        }
    })
}
