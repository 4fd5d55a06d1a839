//! Facts of groups: membership, assignments, positions and offset commits.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::base::{GroupId, NodeId, Offset, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::message::Api;

/// How an offset commit came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommitKind {
    /// `commitSync()`.
    Sync,
    /// `commitAsync()`.
    Async,
    /// Auto-commit, inside `poll()` (Java) or by the background timer (librdkafka).
    Auto,
    /// Auto-commit before a rebalance.
    AutoBeforeRebalance,
    /// Auto-commit in `close()`.
    AutoOnClose,
    /// A tool from outside.
    Admin,
}

/// Where a position came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositionSource {
    /// The group's committed offset.
    Committed,
    /// `auto.offset.reset`, as there was no committed offset or none in range.
    Reset,
    /// `seek()`.
    Seek,
    /// `seek()` to the offset that the sink keeps.
    Stored,
    /// Where the log was cut off: it has other records there, or none, from that offset on.
    Truncation,
}

/// The protocol that a group is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Members meet in rounds, and their leader assigns.
    Classic,
    /// The coordinator assigns, and moves one member at a time (KIP-848).
    Consumer,
}

impl fmt::Display for Protocol {
    /// As `group.protocol` names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        })
    }
}

/// Facts of groups: of the coordinator (its broker states them) and of members.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum GroupFact {
    /// Coordinator: the join phase of a rebalance begins.
    RebalanceStarted {
        /// The group.
        group: GroupId,
        /// Why, in Kafka's words.
        reason: Arc<str>,
    },
    /// Coordinator: the join phase is over; members are asked to sync.
    JoinCompleted {
        /// The group.
        group: GroupId,
        /// The new generation.
        generation: i32,
        /// Who is in it.
        members: Arc<[NodeId]>,
    },
    /// Coordinator: the assignment is stored, the group is stable. The first round of a group forms
    /// it, every later one is a rebalance.
    RoundCompleted {
        /// The group.
        group: GroupId,
        /// The generation.
        generation: i32,
        /// Whether the group had no generation before.
        first: bool,
        /// Who has what.
        assignment: Arc<[(NodeId, Arc<[TopicPartition]>)]>,
    },
    /// Coordinator: a partition has another owner than in the generation before.
    PartitionMoved {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// Its owner before.
        from: NodeId,
        /// Its owner now.
        to: NodeId,
    },
    /// Coordinator: nothing was heard of a member for `session.timeout.ms`.
    SessionExpired {
        /// The group.
        group: GroupId,
        /// The member.
        member: NodeId,
    },
    /// Coordinator: a member left by itself.
    MemberLeft {
        /// The group.
        group: GroupId,
        /// The member.
        member: NodeId,
    },
    /// Coordinator: a request was refused because its member or generation is no longer current.
    MemberFenced {
        /// The group.
        group: GroupId,
        /// The member that asked.
        member: NodeId,
        /// The API.
        api: Api,
        /// The error.
        error: ErrorCode,
    },
    /// Coordinator: the group has no members any more.
    GroupEmpty {
        /// The group.
        group: GroupId,
        /// Its generation.
        generation: i32,
    },
    /// Coordinator: an offset commit is replicated.
    OffsetCommitted {
        /// The group.
        group: GroupId,
        /// Who asked; `None` for a tool.
        member: Option<NodeId>,
        /// The partition.
        partition: TopicPartition,
        /// The next offset to read.
        offset: Offset,
        /// What it was before.
        before: Option<Offset>,
    },
    /// Member: `subscribe` made it look for its coordinator and join.
    Joining {
        /// The group.
        group: GroupId,
    },
    /// Member: `onPartitionsAssigned`.
    Assigned {
        /// The group.
        group: GroupId,
        /// The generation.
        generation: i32,
        /// The partitions handed to the listener.
        partitions: Arc<[TopicPartition]>,
    },
    /// Member: `onPartitionsRevoked`.
    Revoked {
        /// The group.
        group: GroupId,
        /// The partitions.
        partitions: Arc<[TopicPartition]>,
    },
    /// Member: `onPartitionsLost`.
    Lost {
        /// The group.
        group: GroupId,
        /// The partitions.
        partitions: Arc<[TopicPartition]>,
    },
    /// Member: nobody called `poll` for `max.poll.interval.ms`; the client leaves the group.
    PollIntervalExceeded {
        /// The group.
        group: GroupId,
    },
    /// Member: an offset commit was asked for.
    CommitRequested {
        /// The group.
        group: GroupId,
        /// How.
        kind: CommitKind,
        /// The next offsets to read.
        offsets: Arc<[(TopicPartition, Offset)]>,
    },
    /// Member: an offset commit was confirmed.
    CommitConfirmed {
        /// The group.
        group: GroupId,
        /// How.
        kind: CommitKind,
        /// The next offsets to read.
        offsets: Arc<[(TopicPartition, Offset)]>,
    },
    /// Member: an offset commit failed; `exception` is what the application sees.
    CommitFailed {
        /// The group.
        group: GroupId,
        /// How.
        kind: CommitKind,
        /// Kafka's exception.
        exception: &'static str,
        /// The error code behind it, if the coordinator answered.
        error: Option<ErrorCode>,
    },
    /// Member: the position of a partition was set.
    PositionSet {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The next offset to hand to the application.
        offset: Offset,
        /// Where it came from.
        source: PositionSource,
    },
    /// Member: `auto.offset.reset` was applied.
    OffsetReset {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The offset it gave.
        offset: Offset,
    },
    /// Member: the log was cut off before its position (KIP-320).
    PositionTruncated {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// Where its position was.
        from: Offset,
        /// From where on the leader's log is another; `None` where the leader cannot say.
        to: Option<Offset>,
    },
    /// Member: `poll` threw.
    PollFailed {
        /// The group.
        group: GroupId,
        /// Kafka's exception.
        exception: &'static str,
    },
    /// Coordinator: a `group.instance.id` joined anew, as a restarted static member does. It takes
    /// over what the id had; requests of its process before are refused from now on.
    StaticRejoin {
        /// The group.
        group: GroupId,
        /// The member that has the id now.
        member: NodeId,
        /// The member that had it: the same one, unless two have one id.
        before: NodeId,
    },
    /// Coordinator, consumer protocol: the group changed, and who is to have what in the end was
    /// computed anew.
    TargetComputed {
        /// The group.
        group: GroupId,
        /// The group epoch it is for.
        epoch: i32,
        /// Whether the group had no target before.
        first: bool,
        /// Why the group changed.
        reason: Arc<str>,
        /// Who is to have what.
        assignment: Arc<[(NodeId, Arc<[TopicPartition]>)]>,
    },
    /// Coordinator, consumer protocol: a member took a step towards its target.
    MemberReconciled {
        /// The group.
        group: GroupId,
        /// The member.
        member: NodeId,
        /// Its member epoch.
        epoch: i32,
        /// What it is told to own.
        assigned: Arc<[TopicPartition]>,
        /// What it has to give up before it goes on.
        revoking: Arc<[TopicPartition]>,
        /// Whether others still have partitions of its target.
        waits: bool,
    },
    /// Coordinator, consumer protocol: a member did not give up in time what it was told to.
    RevocationTimedOut {
        /// The group.
        group: GroupId,
        /// The member.
        member: NodeId,
    },
    /// Member: nobody called `poll` for `max.poll.interval.ms`. A static member does not leave: it
    /// says nothing any more, until its session ends or `poll` is called.
    FellSilent {
        /// The group.
        group: GroupId,
    },
    /// Coordinator: a group with members is of another protocol from now on.
    ProtocolChanged {
        /// The group.
        group: GroupId,
        /// Of which one.
        to: Protocol,
        /// Its generation or group epoch, which goes on.
        epoch: i32,
    },
    /// Coordinator, consumer protocol: a member of the classic protocol was told to join again, and
    /// did not join or did not ask for its assignment in time.
    RejoinTimedOut {
        /// The group.
        group: GroupId,
        /// The member.
        member: NodeId,
    },
}

impl GroupFact {
    /// The group it is about.
    pub fn group(&self) -> GroupId {
        match self {
            Self::RebalanceStarted { group, .. }
            | Self::JoinCompleted { group, .. }
            | Self::RoundCompleted { group, .. }
            | Self::PartitionMoved { group, .. }
            | Self::SessionExpired { group, .. }
            | Self::MemberLeft { group, .. }
            | Self::MemberFenced { group, .. }
            | Self::GroupEmpty { group, .. }
            | Self::OffsetCommitted { group, .. }
            | Self::Joining { group }
            | Self::Assigned { group, .. }
            | Self::Revoked { group, .. }
            | Self::Lost { group, .. }
            | Self::PollIntervalExceeded { group }
            | Self::CommitRequested { group, .. }
            | Self::CommitConfirmed { group, .. }
            | Self::CommitFailed { group, .. }
            | Self::PositionSet { group, .. }
            | Self::OffsetReset { group, .. }
            | Self::PositionTruncated { group, .. }
            | Self::PollFailed { group, .. }
            | Self::StaticRejoin { group, .. }
            | Self::TargetComputed { group, .. }
            | Self::MemberReconciled { group, .. }
            | Self::RevocationTimedOut { group, .. }
            | Self::FellSilent { group }
            | Self::ProtocolChanged { group, .. }
            | Self::RejoinTimedOut { group, .. } => *group,
        }
    }
}
