//! What a coordinator says has happened to a group, for whoever keeps the facts.
//!
//! Each event is complete in itself. Which request or timer caused it is known to the caller, in
//! whose call it comes out.

use std::sync::Arc;

use crate::base::{Offset, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::group::{Assignment, MemberId};
use crate::kafka::message::Api;

/// Why a rebalance started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RebalanceReason {
    /// A new member.
    MemberJoined(MemberId),
    /// The leader joined again, as it does when it sees other partitions than it assigned.
    LeaderRejoined(MemberId),
    /// A member joined again with another subscription or other assignors.
    SubscriptionChanged(MemberId),
    /// A static member came back under a new id where that needs a rebalance.
    StaticMemberReturned(MemberId),
    /// Members said that they leave.
    MembersLeft(Vec<MemberId>),
    /// A member was not heard of for its session timeout.
    SessionExpired(MemberId),
    /// Members joined but did not ask for their assignment in time.
    SyncTimedOut(Vec<MemberId>),
    /// The leader's assignment could not be stored.
    AssignmentNotStored(ErrorCode),
    /// A coordinator loaded a group larger than `group.max.size`.
    OverCapacity,
}

/// Why a member is no longer in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalReason {
    /// It said so.
    Left,
    /// It was not heard of for its session timeout.
    SessionExpired,
    /// It did not rejoin while the join phase lasted.
    DidNotRejoin,
    /// It did not ask for its assignment in time.
    DidNotSync,
    /// It came back under a new id (static members).
    Replaced,
    /// It rejoined when the group was full already.
    GroupFull,
}

/// Something happened to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// A member was taken in.
    MemberAdded {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: MemberId,
        /// Its `group.instance.id`.
        instance: Option<Arc<str>>,
        /// Its `client.id`.
        client_id: Arc<str>,
    },
    /// A member that was in the group already joins the round.
    MemberRejoined {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: MemberId,
    },
    /// A member is out.
    MemberRemoved {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: MemberId,
        /// Its `client.id`.
        client_id: Arc<str>,
        /// Why.
        reason: RemovalReason,
    },
    /// A rebalance started: members will learn of it with their next heartbeat.
    RebalanceStarted {
        /// The group.
        group: Arc<str>,
        /// The generation that ends with it; 0 if there was none.
        generation: i32,
        /// Why.
        reason: RebalanceReason,
    },
    /// The join phase is over; the leader is to assign.
    RoundCompleted {
        /// The group.
        group: Arc<str>,
        /// The new generation.
        generation: i32,
        /// The leader.
        leader: MemberId,
        /// The chosen assignor.
        protocol: Arc<str>,
        /// The members, in order of their ids.
        members: Arc<[MemberId]>,
    },
    /// The assignment is replicated and handed out: the group is Stable.
    Stabilized {
        /// The group.
        group: Arc<str>,
        /// The generation.
        generation: i32,
        /// Who got what.
        assignments: Arc<[(MemberId, Assignment)]>,
    },
    /// The last member is gone.
    Emptied {
        /// The group.
        group: Arc<str>,
        /// The generation that says so.
        generation: i32,
    },
    /// A request was refused.
    Refused {
        /// The group.
        group: Arc<str>,
        /// Who asked; empty outside a group.
        member: MemberId,
        /// What was asked.
        api: Api,
        /// Why not.
        error: ErrorCode,
    },
    /// An offset commit was accepted; it is answered once it is replicated.
    OffsetsAccepted {
        /// The group.
        group: Arc<str>,
        /// The member; empty outside a group.
        member: MemberId,
        /// The next offset to read, per partition.
        offsets: Arc<[(TopicPartition, Offset)]>,
        /// The number of the fact that asked for it.
        because: u64,
    },
}
