//! What a coordinator says has happened to a group, for whoever keeps the facts.
//!
//! Each event is complete in itself. Which request or timer caused it is known to the caller, in
//! whose call it comes out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Token;
use crate::base::{Offset, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::CurrentAssignment;
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
    /// A group of the consumer protocol turned classic.
    Downgraded,
    /// Consumer protocol: the subscribed topics are not what they were.
    TopicsChanged,
    /// Consumer protocol: members that are out since the last target had a share of it.
    MembersGone,
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
    /// It rejoined when the group was full already.
    GroupFull,
    /// Consumer protocol: it is of the classic one, and did not join again or sync in time.
    RejoinTimedOut,
    /// Consumer protocol: it did not give up in time what it was told to.
    DidNotRevoke,
}

/// A member, and the client behind it: ids change with every restart, a `client.id` does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The member id.
    pub member: MemberId,
    /// The `client.id`.
    pub client_id: Arc<str>,
}

/// The `client.id` that had each partition last.
pub(super) type Owners = BTreeMap<TopicPartition, Arc<str>>;

/// A partition went from one client to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The partition.
    pub partition: TopicPartition,
    /// The `client.id` of its last owner.
    pub from: Arc<str>,
    /// The `client.id` of its owner now.
    pub to: Arc<str>,
}

impl Moved {
    /// Notes that a client has a partition now; says whether it was another client's.
    pub(super) fn take_over(
        owners: &mut Owners,
        partition: TopicPartition,
        to: &Arc<str>,
    ) -> Option<Self> {
        let from = owners.insert(partition, Arc::clone(to))?;
        (from != *to).then(|| Self {
            partition,
            from,
            to: Arc::clone(to),
        })
    }
}

/// An offset commit for one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetChange {
    /// The partition.
    pub partition: TopicPartition,
    /// The next offset to read.
    pub offset: Offset,
    /// What it was before.
    pub before: Option<Offset>,
}

/// Something happened to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// A member was taken in.
    MemberAdded {
        /// The group.
        group: Arc<str>,
        /// The member.
        who: Who,
        /// Its `group.instance.id`.
        instance: Option<Arc<str>>,
    },
    /// A member that was in the group already joins the round.
    MemberRejoined {
        /// The group.
        group: Arc<str>,
        /// The member.
        who: Who,
    },
    /// A static member is known under another id from now on; the old one is fenced.
    StaticMemberReturned {
        /// The group.
        group: Arc<str>,
        /// The member as it was known.
        old: Who,
        /// The member as it is known now.
        who: Who,
    },
    /// A member is out.
    MemberRemoved {
        /// The group.
        group: Arc<str>,
        /// The member.
        who: Who,
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
    JoinCompleted {
        /// The group.
        group: Arc<str>,
        /// The new generation.
        generation: i32,
        /// The leader.
        leader: MemberId,
        /// The chosen assignor.
        protocol: Arc<str>,
        /// The members, in order of their ids.
        members: Arc<[Who]>,
    },
    /// The assignment is replicated and handed out: the group is Stable.
    RoundCompleted {
        /// The group.
        group: Arc<str>,
        /// The generation.
        generation: i32,
        /// Whether this is the first round that the group completed.
        first: bool,
        /// Who got what, in order of the member ids.
        assignments: Arc<[(Who, Assignment)]>,
        /// The partitions that were another client's when they were last assigned.
        moved: Arc<[Moved]>,
    },
    /// Consumer protocol: the target of an epoch was computed.
    TargetComputed {
        /// The group.
        group: Arc<str>,
        /// The group epoch it is for.
        epoch: i32,
        /// Whether this is the first target of the group.
        first: bool,
        /// Why the group epoch moved.
        reason: RebalanceReason,
        /// Who is meant to get what, in order of the member ids.
        assignments: Arc<[(Who, Assignment)]>,
    },
    /// Consumer protocol: a member took a step towards its target.
    MemberReconciled {
        /// The group.
        group: Arc<str>,
        /// The member.
        who: Who,
        /// What it is to own now, and what it has to give up first.
        current: Arc<CurrentAssignment>,
        /// The partitions that were another client's before.
        moved: Arc<[Moved]>,
    },
    /// The first member of the consumer protocol took its classic group along.
    Upgraded {
        /// The group.
        group: Arc<str>,
        /// Its last generation, from which the group epoch goes on.
        generation: i32,
    },
    /// The last member of the consumer protocol is gone, and those that are left make a classic
    /// group.
    Downgraded {
        /// The group.
        group: Arc<str>,
        /// Its last group epoch, from which the generation goes on.
        epoch: i32,
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
        /// The request; whose it is, is known to whoever received it.
        token: Token,
        /// What was asked.
        api: Api,
        /// Why not.
        error: ErrorCode,
    },
    /// An offset commit is replicated, whether or not whoever asked for it still waited.
    OffsetsCommitted {
        /// The group.
        group: Arc<str>,
        /// The member; none outside a group.
        who: Option<Who>,
        /// What changed.
        offsets: Arc<[OffsetChange]>,
        /// The number of the fact that asked for it.
        because: u64,
    },
}

impl fmt::Display for RebalanceReason {
    /// As the coordinator's log words it (`GroupMetadataManager`), without the client's own reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MemberJoined(id) => write!(f, "Adding new member {id}"),
            Self::LeaderRejoined(id) => write!(f, "Leader {id} re-joining group during Stable"),
            Self::SubscriptionChanged(id) => write!(f, "Updating metadata for member {id}"),
            Self::StaticMemberReturned(id) => {
                write!(f, "Updating metadata for static member {id}")
            }
            Self::MembersLeft(ids) => {
                write!(
                    f,
                    "explicit `LeaveGroup` request for ({}) members",
                    ids.join(", ")
                )
            }
            Self::SessionExpired(id) => write!(f, "removing member {id} on heartbeat expiration"),
            Self::SyncTimedOut(ids) => {
                let ids = ids.join(", ");
                write!(f, "Removing [{ids}] on pending sync request expiration")
            }
            Self::AssignmentNotStored(_) => f.write_str("Error when storing group assignment"),
            Self::OverCapacity => f.write_str("Freshly-loaded group is over capacity"),
            Self::Downgraded => f.write_str("Downgrade group from consumer to classic"),
            Self::TopicsChanged => f.write_str("Computed new metadata hash"),
            Self::MembersGone => f.write_str("Removed members from the group"),
        }
    }
}
