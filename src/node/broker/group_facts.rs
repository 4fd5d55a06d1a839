//! What happens to groups, as facts: the coordinator's events with members as processes.
//!
//! A member id is `<client.id>-<uuid>`, and the `client.id` is the actor's name. Each fact about a
//! group names the one before it as what its rule looked at, so that a refusal can be followed to
//! the expiry behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Broker;
use super::group::Hosted;
use crate::base::{GroupId, NodeId, Offset, TopicPartition};
use crate::kafka::group::{Assignment, CoordinatorRecord, MemberId};
use crate::kafka::message::Response;
use crate::kafka::{Cast, ErrorCode};
use crate::node::coordinator::{GroupEvent, RebalanceReason, RemovalReason, WriteId};
use crate::node::fact::GroupFact;
use crate::node::{Ctx, FactId};

/// The length of `-` and a UUID.
const UUID_SUFFIX: usize = 37;

/// An offset commit that is not replicated yet.
#[derive(Clone, Debug)]
pub(super) struct PendingCommit {
    group: Arc<str>,
    member: MemberId,
    offsets: Arc<[(TopicPartition, Offset)]>,
    because: FactId,
}

/// What the broker remembers of a group for its facts.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupMemory {
    /// The last fact about its members.
    last: FactId,
    /// Who owned what in the last generation.
    owners: BTreeMap<TopicPartition, NodeId>,
    /// Whether it has had a generation.
    has_formed: bool,
    /// Its replicated offset commits, with their facts.
    committed: BTreeMap<TopicPartition, (Offset, FactId)>,
}

/// The process of a member.
fn node_of(cast: &Cast, member: &str) -> Option<NodeId> {
    cast.node(client_id_of(member))
}

fn client_id_of(member: &str) -> &str {
    let length = member.len().saturating_sub(UUID_SUFFIX);
    member.get(..length).unwrap_or(member)
}

/// Why a rebalance started, in Kafka's words with the members' short names.
fn words(reason: &RebalanceReason) -> String {
    let list = |members: &[MemberId]| {
        let names: Vec<_> = members.iter().map(|m| client_id_of(m)).collect();
        names.join(", ")
    };
    match reason {
        RebalanceReason::MemberJoined(m) => format!("adding new member {}", client_id_of(m)),
        RebalanceReason::LeaderRejoined(m) => {
            format!("leader {} re-joining group", client_id_of(m))
        }
        RebalanceReason::SubscriptionChanged(m) => {
            format!("updating metadata for member {}", client_id_of(m))
        }
        RebalanceReason::StaticMemberReturned(m) => {
            format!("static member {} re-joining group", client_id_of(m))
        }
        RebalanceReason::MembersLeft(m) => format!("explicit removal of {}", list(m)),
        RebalanceReason::SessionExpired(m) => {
            format!(
                "removing member {} on heartbeat expiration",
                client_id_of(m)
            )
        }
        RebalanceReason::SyncTimedOut(m) => {
            format!("removing {} on pending sync request expiration", list(m))
        }
        RebalanceReason::AssignmentNotStored(error) => {
            format!("error {error} when storing group assignment")
        }
        RebalanceReason::OverCapacity => "freshly-loaded group is over capacity".to_owned(),
    }
}

impl Hosted {
    /// A record of the log is read back when the partition is loaded.
    pub(super) fn remember(&mut self, cast: &Cast, record: &CoordinatorRecord) {
        match record {
            CoordinatorRecord::OffsetCommit {
                group,
                partition,
                offset,
                because,
                ..
            } => {
                let memory = self.groups.entry(Arc::clone(group)).or_default();
                memory
                    .committed
                    .insert(*partition, (*offset, FactId(*because)));
            }
            CoordinatorRecord::GroupMetadata { group, members, .. } => {
                let memory = self.groups.entry(Arc::clone(group)).or_default();
                memory.has_formed |= !members.is_empty();
                let of_member = members.iter().map(|m| (&m.member, &m.assignment));
                memory.owners = owners(cast, of_member);
            }
        }
    }

    /// The fact that explains an answer: for an offset, the offset commit it came from; for the
    /// state of a group, the last thing that happened to it; else what caused the request.
    pub(super) fn reason_for(&self, group: &str, response: &Response, cause: FactId) -> FactId {
        let Some(memory) = self.groups.get(group) else {
            return cause;
        };
        let reason = match response {
            Response::OffsetFetch(fetch) => {
                let commit = |(tp, _): &(TopicPartition, _)| memory.committed.get(tp);
                let commits = fetch.offsets.iter().filter_map(commit);
                commits.map(|(_, fact)| *fact).max().unwrap_or_default()
            }
            Response::Heartbeat(ErrorCode::None) | Response::OffsetCommit(_) => FactId::NONE,
            _ => memory.last,
        };
        if reason == FactId::NONE {
            cause
        } else {
            reason
        }
    }
}

/// Who owns what, as processes.
fn owners<'a>(
    cast: &Cast,
    assignments: impl Iterator<Item = (&'a MemberId, &'a Assignment)>,
) -> BTreeMap<TopicPartition, NodeId> {
    let mut owners = BTreeMap::new();
    for (member, assignment) in assignments {
        if let Some(node) = node_of(cast, member) {
            owners.extend(assignment.iter().map(|tp| (*tp, node)));
        }
    }
    owners
}

impl Broker {
    /// States the facts of an event. Of an accepted offset commit there is nothing to state before
    /// it is replicated: it is returned, to be kept until then.
    pub(super) fn note_event(
        &mut self,
        ctx: &mut Ctx<'_>,
        slot: usize,
        event: GroupEvent,
    ) -> Option<PendingCommit> {
        match event {
            GroupEvent::OffsetsAccepted {
                group,
                member,
                offsets,
                because,
            } => {
                return Some(PendingCommit {
                    group,
                    member,
                    offsets,
                    because: FactId(because),
                });
            }
            GroupEvent::Stabilized {
                group,
                generation,
                assignments,
            } => self.note_round(ctx, slot, &group, generation, &assignments),
            GroupEvent::MemberAdded { .. } | GroupEvent::MemberRejoined { .. } => {}
            other => {
                if let Some((group, fact)) = self.fact_of(other) {
                    self.note_of_group(ctx, slot, &group, fact);
                }
            }
        }
        None
    }

    fn group_id(&self, group: &str) -> GroupId {
        let id = self.setup.cast.group_id(group);
        id.expect("every group is in the cast")
    }

    /// States a fact about a group's members.
    fn note_of_group(&mut self, ctx: &mut Ctx<'_>, slot: usize, group: &Arc<str>, fact: GroupFact) {
        let Some(hosted) = self.memory.groups.get_mut(slot) else {
            return;
        };
        let is_refusal = matches!(fact, GroupFact::MemberFenced { .. });
        let memory = hosted.groups.entry(Arc::clone(group)).or_default();
        let stated = ctx.note_since(fact, memory.last);
        if !is_refusal {
            memory.last = stated;
        }
    }

    /// The fact of an event, for those that are one fact.
    fn fact_of(&self, event: GroupEvent) -> Option<(Arc<str>, GroupFact)> {
        let cast = &self.setup.cast;
        match event {
            GroupEvent::RebalanceStarted { group, reason, .. } => {
                let fact = GroupFact::RebalanceStarted {
                    group: self.group_id(&group),
                    reason: words(&reason).into(),
                };
                Some((group, fact))
            }
            GroupEvent::RoundCompleted {
                group,
                generation,
                members,
                ..
            } => {
                let nodes = members.iter().filter_map(|member| node_of(cast, member));
                let fact = GroupFact::JoinCompleted {
                    group: self.group_id(&group),
                    generation,
                    members: nodes.collect(),
                };
                Some((group, fact))
            }
            GroupEvent::Emptied { group, generation } => {
                let fact = GroupFact::GroupEmpty {
                    group: self.group_id(&group),
                    generation,
                };
                Some((group, fact))
            }
            GroupEvent::MemberRemoved {
                group,
                member,
                reason,
                ..
            } => {
                let (id, member) = (self.group_id(&group), node_of(cast, &member)?);
                let fact = match reason {
                    RemovalReason::Left => GroupFact::MemberLeft { group: id, member },
                    RemovalReason::SessionExpired => {
                        GroupFact::SessionExpired { group: id, member }
                    }
                    _ => return None,
                };
                Some((group, fact))
            }
            GroupEvent::Refused {
                group,
                member,
                api,
                error:
                    error @ (ErrorCode::UnknownMemberId
                    | ErrorCode::IllegalGeneration
                    | ErrorCode::FencedInstanceId),
            } => {
                let fact = GroupFact::MemberFenced {
                    group: self.group_id(&group),
                    member: node_of(cast, &member)?,
                    api,
                    error,
                };
                Some((group, fact))
            }
            _ => None,
        }
    }

    /// A round is complete: states it, and which partitions have another owner than before.
    fn note_round(
        &mut self,
        ctx: &mut Ctx<'_>,
        slot: usize,
        name: &Arc<str>,
        generation: i32,
        assignments: &[(MemberId, Assignment)],
    ) {
        let cast = Arc::clone(&self.setup.cast);
        let group = self.group_id(name);
        let Some(hosted) = self.memory.groups.get_mut(slot) else {
            return;
        };
        let memory = hosted.groups.entry(Arc::clone(name)).or_default();
        let first = !std::mem::replace(&mut memory.has_formed, true);
        let now = owners(&cast, assignments.iter().map(|(m, a)| (m, a)));
        let before = std::mem::replace(&mut memory.owners, now.clone());
        let with_node = |(member, assignment): &(MemberId, Assignment)| {
            node_of(&cast, member).map(|node| (node, Arc::clone(assignment)))
        };
        let round = GroupFact::RoundCompleted {
            group,
            generation,
            first,
            assignment: assignments.iter().filter_map(with_node).collect(),
        };
        self.note_of_group(ctx, slot, name, round);
        let completed = ctx.cause;
        for (partition, to) in now {
            if let Some(&from) = before.get(&partition)
                && from != to
            {
                ctx.note(GroupFact::PartitionMoved {
                    group,
                    partition,
                    from,
                    to,
                });
                ctx.cause = completed;
            }
        }
    }

    /// Offset commits up to this write are replicated.
    pub(super) fn note_commits(&mut self, ctx: &mut Ctx<'_>, slot: usize, up_to: WriteId) {
        let replicated = ctx.cause;
        while let Some(hosted) = self.memory.groups.get_mut(slot)
            && hosted.commits.front().is_some_and(|(id, _)| *id <= up_to)
            && let Some((_, commit)) = hosted.commits.pop_front()
        {
            let group = self.group_id(&commit.group);
            let member = node_of(&self.setup.cast, &commit.member);
            let hosted = self.memory.groups.get_mut(slot);
            let hosted = hosted.expect("the coordinator was just seen");
            let memory = hosted.groups.entry(commit.group).or_default();
            for &(partition, offset) in commit.offsets.iter() {
                ctx.cause = commit.because;
                let before = memory.committed.get(&partition).map(|(before, _)| *before);
                let committed = GroupFact::OffsetCommitted {
                    group,
                    member,
                    partition,
                    offset,
                    before,
                };
                let fact = ctx.note_since(committed, replicated);
                memory.committed.insert(partition, (offset, fact));
            }
        }
    }
}
