//! What happens to groups, as facts: the coordinator's events, with clients as processes.
//!
//! A `client.id` is the actor's name. Each fact about the members of a group names the one before it as what its rule looked at, so that a refusal can be
//! followed to the expiry behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Broker;
use crate::base::{GroupId, NodeId};
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::ReconcileState;
use crate::kafka::group::{Assignment, MemberId};
use crate::kafka::message::Response;
use crate::node::coordinator::{
    GroupEvent, Moved, OffsetChange, RebalanceReason, RemovalReason, Who,
};
use crate::node::fact::{GroupFact, Protocol};
use crate::node::{Ctx, FactId};

/// The length of `-` and a UUID.
const UUID_SUFFIX: usize = 37;

/// The last fact about the members of each group.
#[derive(Clone, Debug, Default)]
pub(super) struct LastFacts {
    by_group: BTreeMap<Arc<str>, FactId>,
}

impl LastFacts {
    /// The fact behind an answer that tells of a group's state; `cause` for any other.
    pub(super) fn behind(&self, group: &str, response: &Response, cause: FactId) -> FactId {
        match response {
            Response::Heartbeat(ErrorCode::None)
            | Response::OffsetCommit(_)
            | Response::OffsetFetch(_) => cause,
            _ => self.by_group.get(group).copied().unwrap_or(cause),
        }
    }
}

/// The `client.id` in a member id, or the `group.instance.id` of a static member.
fn client_id_of(member: &str) -> &str {
    let length = member.len().saturating_sub(UUID_SUFFIX);
    member.get(..length).unwrap_or(member)
}

/// Why a rebalance started, in Kafka's words, with members by their `client.id`.
fn words(reason: RebalanceReason) -> Arc<str> {
    let one = |id: MemberId| Arc::from(client_id_of(&id));
    let all = |ids: Vec<MemberId>| ids.into_iter().map(one).collect();
    let short = match reason {
        RebalanceReason::MemberJoined(id) => RebalanceReason::MemberJoined(one(id)),
        RebalanceReason::LeaderRejoined(id) => RebalanceReason::LeaderRejoined(one(id)),
        RebalanceReason::SubscriptionChanged(id) => RebalanceReason::SubscriptionChanged(one(id)),
        RebalanceReason::StaticMemberReturned(id) => RebalanceReason::StaticMemberReturned(one(id)),
        RebalanceReason::MembersLeft(ids) => RebalanceReason::MembersLeft(all(ids)),
        RebalanceReason::SessionExpired(id) => RebalanceReason::SessionExpired(one(id)),
        RebalanceReason::SyncTimedOut(ids) => RebalanceReason::SyncTimedOut(all(ids)),
        RebalanceReason::AssignmentNotStored(_)
        | RebalanceReason::OverCapacity
        | RebalanceReason::TopicsChanged
        | RebalanceReason::Downgraded
        | RebalanceReason::MembersGone => reason,
    };
    Arc::from(short.to_string())
}

impl Broker {
    /// States the facts of an event.
    pub(super) fn note_event(&mut self, ctx: &mut Ctx<'_>, slot: usize, event: GroupEvent) {
        match event {
            GroupEvent::OffsetsCommitted {
                group,
                who,
                offsets,
                because,
            } => self.note_commit(ctx, &group, who.as_ref(), &offsets, FactId(because)),
            GroupEvent::RoundCompleted {
                group,
                generation,
                first,
                assignments,
                moved,
            } => {
                let round = GroupFact::RoundCompleted {
                    group: self.group_id(&group),
                    generation,
                    first,
                    assignment: self.owners(&assignments),
                };
                self.note_of_members(ctx, slot, &group, round);
                self.note_moved(ctx, &group, &moved);
            }
            GroupEvent::MemberReconciled {
                group,
                who,
                current,
                moved,
            } => {
                let step = GroupFact::MemberReconciled {
                    group: self.group_id(&group),
                    member: self.process(&who.client_id),
                    epoch: current.epoch,
                    assigned: Arc::clone(&current.assigned),
                    revoking: Arc::clone(&current.revoking),
                    waits: current.state == ReconcileState::UnreleasedPartitions,
                };
                self.note_of_members(ctx, slot, &group, step);
                self.note_moved(ctx, &group, &moved);
            }
            other => {
                if let Some((group, fact)) = self.fact_of(other) {
                    self.note_of_members(ctx, slot, &group, fact);
                }
            }
        }
    }

    fn group_id(&self, group: &str) -> GroupId {
        let id = self.setup.cast.group_id(group);
        id.expect("every group is in the cast")
    }

    /// The process of a client.
    fn process(&self, client_id: &str) -> NodeId {
        let node = self.setup.cast.node(client_id);
        node.expect("the client.id of a member is its actor's name")
    }

    fn owners(&self, assignments: &[(Who, Assignment)]) -> Arc<[(NodeId, Assignment)]> {
        let owner = |(who, assignment): &(Who, Assignment)| {
            (self.process(&who.client_id), Arc::clone(assignment))
        };
        assignments.iter().map(owner).collect()
    }

    /// States a fact about a group's members. A refusal changes nothing for what comes after it.
    fn note_of_members(
        &mut self,
        ctx: &mut Ctx<'_>,
        slot: usize,
        group: &Arc<str>,
        fact: GroupFact,
    ) {
        let hosted = self.memory.groups.get_mut(slot);
        let hosted = hosted.expect("what happens to a group, happens at its coordinator");
        let last = hosted
            .last_facts
            .by_group
            .entry(Arc::clone(group))
            .or_default();
        let is_refusal = matches!(fact, GroupFact::MemberFenced { .. });
        let stated = ctx.note_since(fact, *last);
        if !is_refusal {
            *last = stated;
        }
    }

    /// The fact of an event that is one fact; none for what members say of themselves.
    fn fact_of(&self, event: GroupEvent) -> Option<(Arc<str>, GroupFact)> {
        let (name, fact) = match event {
            GroupEvent::RebalanceStarted { group, reason, .. } => {
                let (id, reason) = (self.group_id(&group), words(reason));
                (group, GroupFact::RebalanceStarted { group: id, reason })
            }
            GroupEvent::JoinCompleted {
                group: name,
                generation,
                members,
                ..
            } => {
                let group = self.group_id(&name);
                let members = members.iter().map(|who| self.process(&who.client_id));
                let members = members.collect();
                let fact = GroupFact::JoinCompleted {
                    group,
                    generation,
                    members,
                };
                (name, fact)
            }
            GroupEvent::Emptied {
                group: name,
                generation,
            } => {
                let group = self.group_id(&name);
                (name, GroupFact::GroupEmpty { group, generation })
            }
            GroupEvent::MemberRemoved {
                group: name,
                who,
                reason,
            } => {
                let (group, member) = (self.group_id(&name), self.process(&who.client_id));
                let fact = match reason {
                    RemovalReason::Left => GroupFact::MemberLeft { group, member },
                    RemovalReason::SessionExpired => GroupFact::SessionExpired { group, member },
                    RemovalReason::DidNotRevoke => GroupFact::RevocationTimedOut { group, member },
                    RemovalReason::RejoinTimedOut => GroupFact::RejoinTimedOut { group, member },
                    _ => return None,
                };
                (name, fact)
            }
            other => return self.fact_of_identity(other),
        };
        Some((name, fact))
    }

    /// The fact of an event that is about who is who, or who is to have what.
    fn fact_of_identity(&self, event: GroupEvent) -> Option<(Arc<str>, GroupFact)> {
        match event {
            GroupEvent::TargetComputed {
                group,
                epoch,
                first,
                reason,
                assignments,
            } => {
                let fact = GroupFact::TargetComputed {
                    group: self.group_id(&group),
                    epoch,
                    first,
                    reason: Arc::from(reason.to_string()),
                    assignment: self.owners(&assignments),
                };
                Some((group, fact))
            }
            GroupEvent::Upgraded { group, generation } => {
                let fact = GroupFact::ProtocolChanged {
                    group: self.group_id(&group),
                    to: Protocol::Consumer,
                    epoch: generation,
                };
                Some((group, fact))
            }
            GroupEvent::Downgraded { group, epoch } => {
                let fact = GroupFact::ProtocolChanged {
                    group: self.group_id(&group),
                    to: Protocol::Classic,
                    epoch,
                };
                Some((group, fact))
            }
            GroupEvent::StaticMemberReturned { group, old, who } => {
                let fact = GroupFact::StaticRejoin {
                    group: self.group_id(&group),
                    member: self.process(&who.client_id),
                    before: self.process(&old.client_id),
                };
                Some((group, fact))
            }
            GroupEvent::Refused {
                group,
                token,
                api,
                error,
            } if is_fencing(error) => {
                let fact = GroupFact::MemberFenced {
                    group: self.setup.cast.group_id(&group)?,
                    member: self.client_of(token)?,
                    api,
                    error,
                };
                Some((group, fact))
            }
            _ => None,
        }
    }

    fn note_moved(&mut self, ctx: &mut Ctx<'_>, group: &str, moved: &[Moved]) {
        let (completed, group) = (ctx.cause, self.group_id(group));
        for Moved {
            partition,
            from,
            to,
        } in moved
        {
            ctx.note(GroupFact::PartitionMoved {
                group,
                partition: *partition,
                from: self.process(from),
                to: self.process(to),
            });
            ctx.cause = completed;
        }
    }

    /// An offset commit is replicated: because somebody asked for it, since the high watermark
    /// passed it.
    fn note_commit(
        &mut self,
        ctx: &mut Ctx<'_>,
        group: &str,
        who: Option<&Who>,
        offsets: &[OffsetChange],
        because: FactId,
    ) {
        let (replicated, group) = (ctx.cause, self.group_id(group));
        let member = who.map(|who| self.process(&who.client_id));
        for change in offsets {
            ctx.cause = because;
            let committed = GroupFact::OffsetCommitted {
                group,
                member,
                partition: change.partition,
                offset: change.offset,
                before: change.before,
            };
            ctx.note_since(committed, replicated);
        }
    }
}

/// Whether a refusal says that the member or its generation is no longer current.
fn is_fencing(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::FencedInstanceId
            | ErrorCode::FencedMemberEpoch
            | ErrorCode::StaleMemberEpoch
            | ErrorCode::UnreleasedInstanceId
    )
}
