//! The group protocols' messages, and the records a group coordinator writes.
//!
//! The classic protocol, and the offsets of both; the other one is `consumer_protocol`. Names and fields are those of Kafka's message schemas.

use std::sync::Arc;

use super::ErrorCode;
use super::consumer_protocol::ConsumerGroupRecord;
use crate::base::{Instant, Offset, Span, TopicId, TopicPartition};

/// A member id as the coordinator made it: `<client.id>-<uuid>`. Empty: none yet.
pub type MemberId = Arc<str>;

/// What a member says of itself in one of its protocols (`ConsumerProtocolSubscription`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The topics it subscribes to, sorted by name as the client sorts them.
    pub topics: Vec<TopicId>,
    /// The partitions it owns when it joins; eager members own none.
    pub owned: Vec<TopicPartition>,
    /// The generation of `owned`, −1 for none.
    pub generation: i32,
    /// What its assignor adds to this: only the sticky ones add anything.
    pub user_data: Option<UserData>,
}

/// What a sticky assignor of a member remembers and tells the leader (`StickyAssignor`,
/// `CooperativeStickyAssignor`): opaque to everybody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserData {
    /// What it was assigned last; nothing for the cooperative one, whose members still own it.
    pub assigned: Assignment,
    /// In which generation, −1 for none.
    pub generation: i32,
}

/// One assignor a member supports, by preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinProtocol {
    /// The assignor's protocol name, such as `range`.
    pub name: Arc<str>,
    /// What the member says under it. Equal subscriptions are equal metadata to the coordinator.
    pub subscription: Arc<Subscription>,
}

/// `JoinGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroupRequest {
    /// The group's name.
    pub group: Arc<str>,
    /// The member id, empty at first.
    pub member: MemberId,
    /// `group.instance.id` of a static member.
    pub instance: Option<Arc<str>>,
    /// The `client.id`, of which the coordinator makes the member id.
    pub client_id: Arc<str>,
    /// `session.timeout.ms`.
    pub session_timeout: Span,
    /// `max.poll.interval.ms`.
    pub rebalance_timeout: Span,
    /// `consumer` for consumers.
    pub protocol_type: Arc<str>,
    /// The assignors by preference.
    pub protocols: Vec<JoinProtocol>,
    /// The request's version: 4 and above know `MEMBER_ID_REQUIRED`, 9 knows `skip_assignment`.
    pub version: i16,
}

/// The answer to `JoinGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroupResponse {
    /// `NONE` or why not.
    pub error: ErrorCode,
    /// The generation id, −1 on error.
    pub generation: i32,
    /// The chosen assignor.
    pub protocol: Option<Arc<str>>,
    /// The leader's member id.
    pub leader: MemberId,
    /// The member's own id.
    pub member: MemberId,
    /// All members with their subscription under the chosen protocol; only the leader gets them.
    pub members: Vec<JoinedMember>,
    /// Whether a leader need not compute an assignment (static rejoin).
    pub skip_assignment: bool,
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its member id.
    pub member: MemberId,
    /// Its `group.instance.id`.
    pub instance: Option<Arc<str>>,
    /// Its subscription under the chosen protocol.
    pub subscription: Arc<Subscription>,
}

/// The partitions one member is given. Shared, because it travels and is stored.
pub type Assignment = Arc<[TopicPartition]>;

/// `SyncGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroupRequest {
    /// The group's name.
    pub group: Arc<str>,
    /// The member id.
    pub member: MemberId,
    /// `group.instance.id` of a static member.
    pub instance: Option<Arc<str>>,
    /// The generation the member believes in.
    pub generation: i32,
    /// The protocol it believes was chosen; absent: not said.
    pub protocol: Option<Arc<str>>,
    /// Everybody's assignment, from the leader; empty from the others.
    pub assignments: Vec<(MemberId, Assignment)>,
}

/// The answer to `SyncGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroupResponse {
    /// `NONE` or why not.
    pub error: ErrorCode,
    /// The chosen assignor, on success.
    pub protocol: Option<Arc<str>>,
    /// The member's own assignment.
    pub assignment: Assignment,
}

/// `Heartbeat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// The group's name.
    pub group: Arc<str>,
    /// The member id.
    pub member: MemberId,
    /// `group.instance.id` of a static member.
    pub instance: Option<Arc<str>>,
    /// The generation the member believes in.
    pub generation: i32,
}

/// `LeaveGroup`: the members that go, each by id or instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroupRequest {
    /// The group's name.
    pub group: Arc<str>,
    /// Who leaves: member id (may be empty when the instance is given) and instance.
    pub members: Vec<(MemberId, Option<Arc<str>>)>,
}

/// The answer to `LeaveGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroupResponse {
    /// The error of the request as a whole.
    pub error: ErrorCode,
    /// One error per member of the request.
    pub members: Vec<ErrorCode>,
}

/// The next offset to read, with the leader epoch of the record before it, by which a reader can
/// notice that the log was truncated (`OffsetAndMetadata`, KIP-320).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetAndEpoch {
    /// The next offset to read.
    pub offset: Offset,
    /// `None` where nobody knows: an offset that an application or a tool names.
    pub leader_epoch: Option<u32>,
}

impl From<Offset> for OffsetAndEpoch {
    fn from(offset: Offset) -> Self {
        Self {
            offset,
            leader_epoch: None,
        }
    }
}

/// `OffsetCommit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitRequest {
    /// The group's name.
    pub group: Arc<str>,
    /// The member id; empty outside a group.
    pub member: MemberId,
    /// `group.instance.id` of a static member.
    pub instance: Option<Arc<str>>,
    /// The generation (or member epoch); −1 outside a group.
    pub generation: i32,
    /// The request's version: from 9 on an unknown group is `GROUP_ID_NOT_FOUND`.
    pub version: i16,
    /// The offsets, per partition.
    pub offsets: Vec<(TopicPartition, OffsetAndEpoch)>,
}

/// The answer to `OffsetCommit`, one error per partition of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitResponse {
    /// Per partition, in the order of the request.
    pub partitions: Vec<(TopicPartition, ErrorCode)>,
}

/// `OffsetFetch` of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchRequest {
    /// The group's name.
    pub group: Arc<str>,
    /// Who asks, with its member epoch; only members of the consumer protocol say it.
    pub member: Option<(MemberId, i32)>,
    /// The partitions asked for.
    pub partitions: Vec<TopicPartition>,
}

/// The answer to `OffsetFetch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchResponse {
    /// `NONE` or why not.
    pub error: ErrorCode,
    /// The committed offset of each partition; `None` where the group has none.
    /// Behind each the number of the fact that asked for the offset commit, 0 for none.
    pub offsets: Vec<(TopicPartition, Option<(OffsetAndEpoch, u64)>)>,
}

/// A member as a `GroupMetadata` record keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistedMember {
    /// Its member id.
    pub member: MemberId,
    /// Its `group.instance.id`.
    pub instance: Option<Arc<str>>,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Its session timeout.
    pub session_timeout: Span,
    /// Its rebalance timeout.
    pub rebalance_timeout: Span,
    /// Its subscription under the chosen protocol.
    pub subscription: Arc<Subscription>,
    /// Its assignment.
    pub assignment: Assignment,
}

/// A record of `__consumer_offsets`. Only the replay of these changes what a coordinator keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoordinatorRecord {
    /// An offset commit (`OffsetCommitKey` / `OffsetCommitValue`).
    OffsetCommit {
        /// The group's name.
        group: Arc<str>,
        /// The partition.
        partition: TopicPartition,
        /// The next offset to read, and its leader epoch.
        at: OffsetAndEpoch,
        /// When the coordinator wrote it.
        committed_at: Instant,
        /// The number of the fact that asked for it, so that whoever reads it can say why it is so.
        because: u64,
    },
    /// The state of a classic group (`GroupMetadataKey` / `GroupMetadataValue`).
    GroupMetadata {
        /// The group's name.
        group: Arc<str>,
        /// The generation.
        generation: i32,
        /// `consumer`, or none for a group without members.
        protocol_type: Option<Arc<str>>,
        /// The chosen assignor.
        protocol: Option<Arc<str>>,
        /// The leader's member id.
        leader: Option<MemberId>,
        /// The members.
        members: Arc<[PersistedMember]>,
        /// Since when the group is in this state.
        state_since: Instant,
    },
    /// The tombstone of a classic group.
    GroupGone {
        /// The group's name.
        group: Arc<str>,
    },
    /// A part of a group of the consumer protocol.
    ConsumerGroup {
        /// The group's name.
        group: Arc<str>,
        /// The part.
        record: ConsumerGroupRecord,
    },
}
