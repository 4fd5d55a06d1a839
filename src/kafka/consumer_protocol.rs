//! The consumer protocol (KIP-848): its one request, and the records its groups are made of.
//!
//! Names and fields are those of Kafka's message schemas (`ConsumerGroupHeartbeatRequest`,
//! `ConsumerGroup*Value`). Lists of partitions are ascending. Racks are left out.

use std::sync::Arc;

use super::ErrorCode;
use super::group::{Assignment, JoinProtocol, MemberId};
use crate::base::{Instant, Span, TopicId};

/// The epoch by which a member joins.
pub const EPOCH_JOIN: i32 = 0;

/// The epoch by which a member leaves for good.
pub const EPOCH_LEAVE: i32 = -1;

/// The epoch by which a static member leaves and means to come back.
pub const EPOCH_LEAVE_STATIC: i32 = -2;

/// `ConsumerGroupHeartbeat`. What is `None` has not changed since it was last sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerHeartbeatRequest {
    /// The group's name.
    pub group: Arc<str>,
    /// The member id, which the client makes up itself.
    pub member: MemberId,
    /// The member epoch, or what it wants: [`EPOCH_JOIN`], [`EPOCH_LEAVE`],
    /// [`EPOCH_LEAVE_STATIC`].
    pub epoch: i32,
    /// `group.instance.id` of a static member.
    pub instance: Option<Arc<str>>,
    /// The `client.id`.
    pub client_id: Arc<str>,
    /// `max.poll.interval.ms`.
    pub rebalance_timeout: Option<Span>,
    /// The topics it subscribes to by name, ascending.
    pub topics: Option<Arc<[TopicId]>>,
    /// The regular expression it subscribes to; empty: none any more.
    pub pattern: Option<Arc<str>>,
    /// `group.remote.assignor`.
    pub assignor: Option<Arc<str>>,
    /// The partitions it owns: the acknowledgement of what it had to revoke.
    pub owned: Option<Assignment>,
}

/// The answer to `ConsumerGroupHeartbeat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerHeartbeatResponse {
    /// `NONE` or why not.
    pub error: ErrorCode,
    /// The member id.
    pub member: MemberId,
    /// The epoch of the member from now on.
    pub epoch: i32,
    /// How long to wait before the next heartbeat.
    pub heartbeat_interval: Span,
    /// What the member is to own; `None`: as before.
    pub assignment: Option<Assignment>,
}

impl ConsumerHeartbeatResponse {
    /// A refusal.
    pub fn refusal(error: ErrorCode) -> Self {
        Self {
            error,
            member: Arc::from(""),
            epoch: 0,
            heartbeat_interval: Span::ZERO,
            assignment: None,
        }
    }
}

/// What a member says of itself (`ConsumerGroupMemberMetadataValue`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSubscription {
    /// Its `group.instance.id`.
    pub instance: Option<Arc<str>>,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Its `max.poll.interval.ms`: how long it may take to revoke.
    pub rebalance_timeout: Span,
    /// The assignor it asks for.
    pub assignor: Option<Arc<str>>,
    /// The topics it subscribes to by name.
    pub topics: Arc<[TopicId]>,
    /// The regular expression it subscribes to.
    pub pattern: Option<Arc<str>>,
    /// What only a member of the classic protocol says.
    pub classic: Option<Arc<ClassicMember>>,
}

/// What a member of the classic protocol in a group of this one says besides
/// (`ClassicMemberMetadata`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicMember {
    /// Its `session.timeout.ms`.
    pub session_timeout: Span,
    /// Its assignors by preference, at least one.
    pub protocols: Vec<JoinProtocol>,
}

/// How far a member is on its way to the target (`MemberState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileState {
    /// It has its target of its epoch.
    Stable,
    /// It has to give partitions up, and has not said yet that it did.
    UnrevokedPartitions,
    /// Others still have partitions of its target.
    UnreleasedPartitions,
}

/// What a member is to own now (`ConsumerGroupCurrentMemberAssignmentValue`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentAssignment {
    /// Its member epoch.
    pub epoch: i32,
    /// The epoch before, from which a lost answer can be made good.
    pub previous_epoch: i32,
    /// How far it is.
    pub state: ReconcileState,
    /// What it is told to own.
    pub assigned: Assignment,
    /// What it owned and has to give up first.
    pub revoking: Assignment,
}

/// The topics behind a regular expression (`ConsumerGroupRegularExpressionValue`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedPattern {
    /// The topics, ascending.
    pub topics: Arc<[TopicId]>,
    /// The version of the metadata in which they were found.
    pub version: u64,
    /// When.
    pub at: Instant,
}

impl ConsumerGroupRecord {
    /// Whether it takes away what another record has set.
    pub fn is_tombstone(&self) -> bool {
        match self {
            Self::Epoch { .. } => false,
            Self::Gone => true,
            Self::Member { subscription, .. } => subscription.is_none(),
            Self::TargetEpoch(epoch) => epoch.is_none(),
            Self::Target { assignment, .. } => assignment.is_none(),
            Self::Current { current, .. } => current.is_none(),
            Self::Pattern { resolved, .. } => resolved.is_none(),
        }
    }
}

/// A record of a group of the consumer protocol; `None` stands for a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerGroupRecord {
    /// The group epoch, and the subscribed topics with their partition counts (Kafka keeps a hash of
    /// them).
    Epoch {
        /// The epoch.
        epoch: i32,
        /// Which topics it was made for.
        topics: Arc<[(TopicId, u32)]>,
    },
    /// A member.
    Member {
        /// Its id.
        member: MemberId,
        /// What it says of itself.
        subscription: Option<Arc<MemberSubscription>>,
    },
    /// The tombstone of the epoch: there is no such group any more.
    Gone,
    /// The epoch of the target assignment.
    TargetEpoch(Option<i32>),
    /// What a member is meant to own in the end.
    Target {
        /// Its id.
        member: MemberId,
        /// The partitions.
        assignment: Option<Assignment>,
    },
    /// What a member is to own now.
    Current {
        /// Its id.
        member: MemberId,
        /// The partitions and how far it is.
        current: Option<Arc<CurrentAssignment>>,
    },
    /// What a regular expression stands for.
    Pattern {
        /// The expression.
        pattern: Arc<str>,
        /// Its topics.
        resolved: Option<Arc<ResolvedPattern>>,
    },
}
