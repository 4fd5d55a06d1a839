//! The words of `expect` and `must-happen`: quantities, stages of a loss, facts.
//!
//! Only what is built is here; words of the grammar that are not yet built are listed by the loader.

use super::words;

words! {
    /// A quantity of `expect`. Which subjects have it, and what is compared, is in [`Shape::of`].
    pub enum Quantity {
        /// Records whose effect was applied exactly once.
        Once = "once",
        /// Records whose effect was applied more than once.
        Duplicated = "duplicated",
        /// Records whose effect was never applied and never will be.
        Lost = "lost",
        /// Group: effects against offset order per key. Topic: appends against send order.
        Reordered = "reordered",
        /// Records whose effect came after that of a record with the same key, which the same
        /// producer sent later and which lies in another partition.
        Overtaken = "overtaken",
        /// Records that failed here and were sent to another topic.
        HandedOn = "handed-on",
        /// Group: records that compaction took while they were still to come, where a later one has
        /// their key. Topic: records that compaction took, and that lie nowhere else.
        Compacted = "compacted",
        /// Records neither done nor lost when the run ended.
        Waiting = "waiting",
        /// Deliveries by `poll`.
        Delivered = "delivered",
        /// Executions of `process`.
        Processed = "processed",
        /// Executions beyond the first of each record.
        ProcessedAgain = "processed-again",
        /// Records an offset commit moved past before they were processed.
        PastUnprocessed = "past-unprocessed",
        /// Completed rounds after the first, after `warm-up`.
        Rebalances = "rebalances",
        /// Partitions that changed owner.
        Moved = "moved",
        /// Changes of owner, each counted: a partition that moves twice counts twice.
        Moves = "moves",
        /// How many changes of owner an even spread needed, at least, each time other members were
        /// in a round than before; as if every member could have every partition.
        MovesNeeded = "moves-needed",
        /// Partitions that had an owner and then none for a while.
        PartitionsStopped = "partitions-stopped",
        /// The longest time a partition had no owner.
        LongestStop = "longest-stop",
        /// The time without an owner, summed over all partitions.
        StoppedTime = "stopped-time",
        /// The longest time in which no partition of the group had an owner.
        LongestStandstill = "longest-standstill",
        /// The median latency.
        LatencyP50 = "latency-p50",
        /// The 99th percentile of the latency.
        LatencyP99 = "latency-p99",
        /// The largest latency.
        LatencyMax = "latency-max",
        /// The calls of the rebalance listener, by member.
        Callbacks = "callbacks",
        /// The most members without a partition at the end of any rebalance.
        IdleMembers = "idle-members",
        /// Partitions by member, at the end.
        Assignment = "assignment",
        /// The committed offset by partition, at the end.
        Committed = "committed",
        /// The position by partition, at the end.
        Position = "position",
        /// The first offset delivered after the last assignment, by partition.
        ResumedAt = "resumed-at",
        /// The largest lag seen, by partition.
        LargestLag = "largest-lag",
        /// Records passed to `send()`.
        Sent = "sent",
        /// Records whose acknowledgement the client has.
        Acknowledged = "acknowledged",
        /// Records whose future failed.
        Failed = "failed",
        /// Produce requests sent; requests that reached a sink.
        Requests = "requests",
        /// Batches sent again.
        Retries = "retries",
        /// Batches closed.
        Batches = "batches",
        /// Rows in a sink.
        Rows = "rows",
        /// Requests that a sink refused.
        Refused = "refused",
        /// Records in the log.
        Appended = "appended",
        /// Records in the log more than once.
        AppendedTwice = "appended-twice",
        /// Records that were acknowledged and are in no log.
        Truncated = "truncated",
        /// Records that lie before the log start offset, and nowhere else.
        Expired = "expired",
        /// The number of partitions.
        Partitions = "partitions",
        /// The number of partitions that hold records.
        PartitionsUsed = "partitions-used",
        /// The leader's log end offset, by partition.
        EndOffset = "end-offset",
        /// The leader's log start offset, by partition.
        StartOffset = "start-offset",
        /// The exact content, by partition.
        Log = "log",
        /// The keys, by partition, in any order.
        KeysIn = "keys-in",
        /// Keys with records in more than one partition.
        KeyMoved = "key-moved",
        /// Whose clock stamped every record.
        Timestamps = "timestamps",
        /// The leader of a partition.
        Leader = "leader",
        /// The leader epoch of a partition.
        LeaderEpoch = "leader-epoch",
        /// The in-sync replicas of a partition.
        Isr = "isr",
        /// Who may lead a partition besides its in-sync replicas.
        Elr = "elr",
        /// The high watermark of a partition.
        HighWatermark = "high-watermark",
    }
}

words! {
    /// Whose clock stamped records.
    pub enum Clock {
        /// That of their producer (`CreateTime`).
        Create = "create",
        /// That of the leader that appended them (`LogAppendTime`).
        Append = "append",
    }
}

words! {
    /// Where a lost record was lost.
    pub enum Stage {
        /// The client was never told that it was stored, and it was not.
        NeverAcknowledged = "never-acknowledged",
        /// Acknowledged, then gone from every log.
        Truncated = "truncated",
        /// Retention passed it first; or compaction, where it said that its key is deleted and the group
        /// knew an older record of the key.
        Expired = "expired",
        /// The committed offset moved past it.
        SkippedByCommit = "skipped-by-commit",
        /// A reset moved the position past it.
        SkippedByReset = "skipped-by-reset",
        /// The application gave it up.
        DroppedByApplication = "dropped-by-application",
    }
}

words! {
    /// A fact of `must-happen` and of a fault's `when:`.
    pub enum FactWord {
        /// A batch left in a request.
        BatchSent = "batch-sent",
        /// A batch was closed because it was full.
        BatchFull = "batch-full",
        /// A batch was ready because `linger.ms` was over.
        LingerOver = "linger-over",
        /// A batch was sent again.
        Retry = "retry",
        /// A broker recognised a retried batch.
        RetryDeduplicated = "retry-deduplicated",
        /// A broker refused a batch with a gap in its sequence.
        OutOfOrderSequence = "out-of-order-sequence",
        /// A request had no answer within `request.timeout.ms`.
        RequestTimedOut = "request-timed-out",
        /// A batch was given up after `delivery.timeout.ms`.
        DeliveryTimedOut = "delivery-timed-out",
        /// An answer was lost on its way.
        ResponseLost = "response-lost",
        /// An idempotent producer began a new epoch.
        ProducerEpochBumped = "producer-epoch-bumped",
        /// `send()` found no room in `buffer.memory`.
        BufferFull = "buffer-full",
        /// A partition got another leader.
        LeaderElected = "leader-elected",
        /// A partition got a leader that was not in sync.
        UncleanElection = "unclean-election",
        /// A replica is in sync no longer.
        IsrShrunk = "isr-shrunk",
        /// A replica is in sync again.
        IsrExpanded = "isr-expanded",
        /// The controller counts a broker as gone.
        BrokerFenced = "broker-fenced",
        /// A follower cut off what its leader does not have.
        LogTruncated = "log-truncated",
        /// A topic came into being.
        TopicCreated = "topic-created",
        /// A topic got more partitions.
        PartitionsAdded = "partitions-added",
        /// A client learnt new metadata.
        MetadataRefreshed = "metadata-refreshed",
        /// A group completed its first round.
        GroupFormed = "group-formed",
        /// A group that had a generation completed another round.
        Rebalance = "rebalance",
        /// A partition changed its owner.
        PartitionMoved = "partition-moved",
        /// The coordinator heard nothing of a member for `session.timeout.ms`.
        SessionExpired = "session-expired",
        /// A member did not poll for `max.poll.interval.ms`.
        PollIntervalExceeded = "poll-interval-exceeded",
        /// A member was told that it is no member any more.
        MemberFenced = "member-fenced",
        /// A static member came back under a new member id.
        StaticRejoin = "static-rejoin",
        /// A group with members went from one protocol to the other.
        ProtocolChanged = "protocol-changed",
        /// An offset commit was stored.
        OffsetCommitted = "offset-committed",
        /// An offset commit failed.
        CommitFailed = "commit-failed",
        /// `poll` threw.
        PollFailed = "poll-failed",
        /// An offset commit moved a committed offset back.
        CommitRewound = "commit-rewound",
        /// A position was set by `auto.offset.reset`.
        OffsetReset = "offset-reset",
        /// A position was found beyond where the log was cut off.
        PositionTruncated = "position-truncated",
        /// The application failed at a record.
        ProcessingFailed = "processing-failed",
        /// The application gave a record up.
        RecordSkipped = "record-skipped",
        /// A sink had a row already.
        InsertDeduplicated = "insert-deduplicated",
        /// A sink refused a request.
        InsertRefused = "insert-refused",
        /// A sink died amid a request and kept its first rows.
        BulkTorn = "bulk-torn",
        /// A sink did not answer.
        SinkOutage = "sink-outage",
        /// A record was processed that had been processed before. Derived from the whole run.
        ProcessedAgain = "processed-again",
        /// A process died.
        Crashed = "crashed",
        /// A process came back.
        Restarted = "restarted",
        /// A process stood still.
        Paused = "paused",
        /// A paused process went on.
        Resumed = "resumed",
        /// An application thread stood still.
        Stalled = "stalled",
        /// A client was closed gracefully by a fault.
        Closed = "closed",
        /// A client was started by a fault.
        Started = "started",
        /// A fault let the application seek.
        Sought = "sought",
        /// A fault set the offsets of a group.
        OffsetsSet = "offsets-set",
        /// A request was lost on its way.
        RequestLost = "request-lost",
        /// A log began a new segment, on the leader.
        SegmentRolled = "segment-rolled",
        /// Retention deleted segments of a log, on the leader.
        SegmentDeleted = "segment-deleted",
        /// The cleaner compacted a log, on the leader.
        LogCompacted = "log-compacted",
        /// A loss of power took what was not flushed.
        UnflushedLost = "unflushed-lost",
        /// The power of a broker failed.
        PowerLost = "power-lost",
        /// A fault moved a log start offset.
        RecordsDeleted = "records-deleted",
        /// A request was held up.
        RequestHeld = "request-held",
        /// An answer was held up.
        ResponseHeld = "response-held",
        /// A broker refused a request by a fault.
        RequestRefused = "request-refused",
        /// A cut began.
        CutMade = "cut-made",
        /// A cut ended.
        CutHealed = "cut-healed",
        /// A link became slower.
        Slowed = "slowed",
    }
}

impl Quantity {
    /// Whether it is a state, which there is at every instant; others count over the run.
    pub fn is_state(self) -> bool {
        matches!(
            self,
            Self::Assignment
                | Self::Committed
                | Self::Position
                | Self::Leader
                | Self::LeaderEpoch
                | Self::Isr
                | Self::Elr
                | Self::HighWatermark
                | Self::Log
        )
    }
}

/// What a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// All groups, or all producers, summed.
    Run,
    /// One group.
    Group,
    /// One topic, or one partition.
    Topic,
    /// One producer.
    Producer,
    /// One sink.
    Sink,
}

/// What a quantity is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A RANGE.
    Count,
    /// A RANGE of durations.
    Time,
    /// A RANGE for the size of a set of records, or the exact list.
    Records,
    /// The same, or a map from stages to such.
    LostRecords,
    /// A map from partitions to RANGE or `none`.
    Offsets,
    /// A map from members to lists of partitions, or their number.
    Partitions,
    /// A map from members to lists of calls.
    Calls,
    /// A map from partitions to lists of records.
    Contents,
    /// A map from partitions to lists of keys.
    Keys,
    /// An actor or `none`; only of a partition.
    Actor,
    /// A list of actors; only of a partition.
    Actors,
    /// A clock.
    Clock,
    /// An offset; only of a partition.
    Offset,
}

impl Shape {
    /// What a quantity of such a subject is compared with; `None` if the subject has no such
    /// quantity.
    pub fn of(quantity: Quantity, subject: SubjectKind) -> Option<Self> {
        match subject {
            SubjectKind::Group => Self::of_group(quantity),
            SubjectKind::Topic => Self::of_topic(quantity),
            SubjectKind::Producer => Self::of_producer(quantity),
            SubjectKind::Sink => Self::of_sink(quantity),
            SubjectKind::Run => {
                let shape = Self::of_group(quantity).or_else(|| Self::of_producer(quantity));
                let summed =
                    |s: &Self| matches!(s, Self::Count | Self::Records | Self::LostRecords);
                shape.filter(summed)
            }
        }
    }

    fn of_group(quantity: Quantity) -> Option<Self> {
        use Quantity as Q;
        Some(match quantity {
            Q::Once | Q::Duplicated | Q::Reordered | Q::HandedOn | Q::Waiting => Self::Records,
            Q::PastUnprocessed | Q::Overtaken | Q::Compacted => Self::Records,
            Q::Lost => Self::LostRecords,
            Q::Delivered | Q::Processed | Q::ProcessedAgain | Q::Rebalances => Self::Count,
            Q::Moved | Q::PartitionsStopped | Q::IdleMembers => Self::Count,
            Q::Moves | Q::MovesNeeded => Self::Count,
            Q::LongestStop | Q::LatencyP50 | Q::LatencyP99 | Q::LatencyMax => Self::Time,
            Q::StoppedTime | Q::LongestStandstill => Self::Time,
            Q::Callbacks => Self::Calls,
            Q::Assignment => Self::Partitions,
            Q::Committed | Q::Position | Q::ResumedAt | Q::LargestLag => Self::Offsets,
            _ => return None,
        })
    }

    fn of_topic(quantity: Quantity) -> Option<Self> {
        use Quantity as Q;
        Some(match quantity {
            Q::Appended | Q::AppendedTwice | Q::Reordered => Self::Records,
            Q::Truncated | Q::Expired | Q::Compacted => Self::Records,
            Q::Partitions | Q::PartitionsUsed | Q::KeyMoved => Self::Count,
            Q::EndOffset | Q::StartOffset => Self::Offsets,
            Q::Log => Self::Contents,
            Q::KeysIn => Self::Keys,
            Q::Timestamps => Self::Clock,
            Q::Leader => Self::Actor,
            Q::Isr | Q::Elr => Self::Actors,
            Q::HighWatermark | Q::LeaderEpoch => Self::Offset,
            _ => return None,
        })
    }

    fn of_sink(quantity: Quantity) -> Option<Self> {
        use Quantity as Q;
        matches!(quantity, Q::Rows | Q::Requests | Q::Refused).then_some(Self::Count)
    }

    fn of_producer(quantity: Quantity) -> Option<Self> {
        use Quantity as Q;
        Some(match quantity {
            Q::Sent | Q::Acknowledged | Q::Failed => Self::Records,
            Q::Requests | Q::Retries | Q::Batches => Self::Count,
            Q::LatencyP50 | Q::LatencyP99 | Q::LatencyMax => Self::Time,
            _ => return None,
        })
    }
}
