//! `JoinGroup` (`GroupMetadataManager.classicGroupJoin*`).
//!
//! | who joins | Empty | `PreparingRebalance` | `CompletingRebalance` | Stable |
//! |---|---|---|---|---|
//! | no id, dynamic | gets an id and `MEMBER_ID_REQUIRED` (from version 4 on; before: as one with an id given out) | same | same | same |
//! | id given out, or a new static member | added, initial rebalance | added, waits | added, rebalance | added, rebalance |
//! | no id, known static member | – | new id, waits | new id, rebalance | new id; rebalance only if the protocol would change |
//! | known member | – | waits | unchanged: told the generation; else rebalance | follower unchanged: told the generation; else rebalance |
//!
//! Refused: group full, no common protocol, id or instance that is not (or no longer) the sender's.

use std::sync::Arc;

use super::group::{ClassicGroup, GroupState, Member, Parked};
use super::modern::migration;
use super::timers::Timer;
use super::write::{Continuation, StaticRejoin};
use super::{
    ConsumerGroup, GroupEvent, RebalanceReason, RemovalReason, Token, Turn, reply_to, sync,
};
use crate::base::Span;
use crate::kafka::ErrorCode;
use crate::kafka::group::{CoordinatorRecord, JoinGroupRequest, JoinGroupResponse, MemberId};
use crate::kafka::message::{Api, Response};

/// How long a new member may wait for its first join, whatever its session timeout says
/// (`group.coordinator.new.member.join.timeout.ms`, a constant of Kafka).
const NEW_MEMBER_JOIN_TIMEOUT: Span = Span::from_secs(300);

/// The first version that makes a dynamic member come twice (KIP-394).
pub(super) const VERSION_MEMBER_ID_REQUIRED: i16 = 4;

/// The first version that can tell a returning leader not to assign (KIP-814).
const VERSION_SKIP_ASSIGNMENT: i16 = 9;

impl Turn<'_> {
    /// A join that passed the checks before its group.
    pub(super) fn join(
        &mut self,
        group: &mut ClassicGroup,
        request: &JoinGroupRequest,
        token: Token,
    ) {
        let name = Arc::clone(&group.name);
        let is_given_out = group.pending_join.contains(&request.member);
        if !group.has_room_for(&request.member, self.config.group_max_size) {
            if let Some(member) = group.remove(&request.member) {
                self.note_removed(&name, &member, RemovalReason::GroupFull);
            }
            self.refuse_join(&name, &Arc::from(""), token, ErrorCode::GroupMaxSizeReached);
        } else if !group.supports(&request.protocol_type, &request.protocols) {
            let error = ErrorCode::InconsistentGroupProtocol;
            self.refuse_join(&name, &request.member, token, error);
        } else if request.member.is_empty() {
            self.join_without_id(group, request, token);
        } else if is_given_out && request.instance.is_some() {
            // Kafka throws an IllegalStateException here: only dynamic members are given ids.
            self.refuse_join(&name, &request.member, token, ErrorCode::UnknownServerError);
        } else if is_given_out {
            self.add_member(group, request, Arc::clone(&request.member), token);
        } else {
            match group.validate_member(&request.member, request.instance.as_deref()) {
                ErrorCode::None => self.join_again(group, request, token),
                error => self.refuse_join(&name, &request.member, token, error),
            }
        }
    }

    fn join_without_id(
        &mut self,
        group: &mut ClassicGroup,
        request: &JoinGroupRequest,
        token: Token,
    ) {
        let prefix = request.instance.as_ref().unwrap_or(&request.client_id);
        let id = self.member_ids.next(prefix);
        let known = request.instance.as_ref();
        let known = known.and_then(|instance| group.static_members.get(instance).cloned());
        if let Some(old) = known {
            self.return_static(group, request, (&old, &id), token);
        } else if request.instance.is_none() && VERSION_MEMBER_ID_REQUIRED <= request.version {
            group.pending_join.insert(Arc::clone(&id));
            let session = request.session_timeout;
            self.set_session_timer(&group.name, &id, session);
            self.reply(token, refusal(&id, ErrorCode::MemberIdRequired));
        } else {
            self.add_member(group, request, id, token);
        }
    }

    /// Adds a member, which starts a rebalance or joins the one under way.
    fn add_member(
        &mut self,
        group: &mut ClassicGroup,
        request: &JoinGroupRequest,
        id: MemberId,
        token: Token,
    ) {
        if group.state == GroupState::PreparingRebalance
            && group.previous == Some(GroupState::Empty)
        {
            group.new_member_added = true;
        }
        let member = Member {
            id: Arc::clone(&id),
            instance: request.instance.clone(),
            client_id: Arc::clone(&request.client_id),
            session_timeout: request.session_timeout,
            rebalance_timeout: request.rebalance_timeout,
            protocols: request.protocols.clone(),
            assignment: Arc::from([]),
            is_new: true,
            join: Some(Parked::new(token)),
            sync: None,
        };
        self.note(GroupEvent::MemberAdded {
            group: Arc::clone(&group.name),
            who: member.who(),
            instance: request.instance.clone(),
        });
        group.add(member, &request.protocol_type);
        self.set_session_timer(&group.name, &id, NEW_MEMBER_JOIN_TIMEOUT);
        self.rebalance_or_complete(group, RebalanceReason::MemberJoined(id));
    }

    /// A member that the group knows joins again.
    fn join_again(&mut self, group: &mut ClassicGroup, request: &JoinGroupRequest, token: Token) {
        let id = &request.member;
        let is_changed = group.members[id].protocols != request.protocols;
        let is_leader = group.is_leader(id);
        match group.state {
            GroupState::PreparingRebalance => {}
            GroupState::CompletingRebalance if !is_changed => {
                // It may have missed the answer of this very round.
                let response = joined(group, id, is_leader);
                return self.reply(token, response);
            }
            GroupState::Stable if !is_leader && !is_changed => {
                let response = joined(group, id, false);
                return self.reply(token, response);
            }
            GroupState::CompletingRebalance | GroupState::Stable => {}
            GroupState::Empty => unreachable!("an empty group has no member to join again"),
        }
        let reason = if group.state == GroupState::Stable && is_leader {
            RebalanceReason::LeaderRejoined(Arc::clone(id))
        } else {
            RebalanceReason::SubscriptionChanged(Arc::clone(id))
        };
        update_member(group, request, id, token);
        self.note(GroupEvent::MemberRejoined {
            group: Arc::clone(&group.name),
            who: group.members[id].who(),
        });
        self.rebalance_or_complete(group, reason);
    }

    /// A static member comes back without its id: it gets a new one, the old one is fenced.
    fn return_static(
        &mut self,
        group: &mut ClassicGroup,
        request: &JoinGroupRequest,
        (old_id, new_id): (&MemberId, &MemberId),
        token: Token,
    ) {
        let leader_before = group.leader.clone().expect("a group with members is led");
        let old = self.replace_static(group, old_id, new_id);
        update_member(group, request, new_id, token);
        // Kafka keeps the old `client.id` in its records. Here it says whose the member is now.
        let member = group.members.get_mut(new_id);
        let member = member.expect("the member was just put under its new id");
        member.client_id = Arc::clone(&request.client_id);
        self.note(GroupEvent::StaticMemberReturned {
            group: Arc::clone(&group.name),
            old: old.who(),
            who: member.who(),
        });
        let old = self.fence(&group.name, old);
        let reason = RebalanceReason::StaticMemberReturned(Arc::clone(new_id));
        match group.state {
            GroupState::Stable if group.protocol.as_ref() == Some(&group.select_protocol()) => {
                let id = self.write(vec![group.to_record(|m| Arc::clone(&m.assignment))]);
                let rejoin = Box::new(StaticRejoin {
                    old,
                    new: Arc::clone(new_id),
                    leader_before,
                    version: request.version,
                    token,
                });
                let group = Arc::clone(&group.name);
                self.defer(id, Continuation::StaticRejoin { group, rejoin });
            }
            GroupState::Stable => self.rebalance_or_complete(group, reason),
            // The leader may be assigning to the old id already, so all must join again.
            GroupState::CompletingRebalance => self.prepare_rebalance(group, reason),
            GroupState::PreparingRebalance => self.maybe_complete_join(group),
            GroupState::Empty => unreachable!("an empty group has no static member"),
        }
    }

    /// Puts a static member under a new id.
    fn replace_static(
        &mut self,
        group: &mut ClassicGroup,
        old_id: &MemberId,
        new_id: &MemberId,
    ) -> Member {
        let old = group.replace_static(old_id, new_id);
        // The timer of the old id runs out without effect. The first one of the new id still has
        // the old session timeout.
        self.set_session_timer(&group.name, new_id, old.session_timeout);
        old
    }

    /// Refuses what the old process of a static member still waits for.
    fn fence(&mut self, group: &Arc<str>, mut old: Member) -> Member {
        let error = ErrorCode::FencedInstanceId;
        let join = (old.join.take(), Api::JoinGroup, refusal(&old.id, error));
        let sync = (old.sync.take(), Api::SyncGroup, sync::refusal(error));
        for (parked, api, response) in [join, sync] {
            if let Some(Parked { token, abandoned }) = parked
                && !abandoned
            {
                self.note_refusal(group, token, api, error);
                self.reply(token, response);
            }
        }
        old
    }

    /// The new id of a static member is stored, or is not.
    pub(super) fn after_static_rejoin(
        &mut self,
        group: &mut ClassicGroup,
        rejoin: StaticRejoin,
        error: ErrorCode,
    ) {
        let is_ours = |parked: &Parked| parked.token == rejoin.token;
        let member = group.members.get(&rejoin.new);
        if !member.is_some_and(|m| m.join.as_ref().is_some_and(is_ours)) {
            return;
        }
        if error != ErrorCode::None {
            return self.undo_static_rejoin(group, rejoin, error);
        }
        let knows_skip = VERSION_SKIP_ASSIGNMENT <= rejoin.version;
        let skips = knows_skip && group.is_leader(&rejoin.new);
        if skips && group.state == GroupState::PreparingRebalance {
            // A rebalance started meanwhile: the join is answered at its end.
            return;
        }
        let Response::JoinGroup(mut response) = joined(group, &rejoin.new, skips) else {
            unreachable!("a join is answered as a join");
        };
        response.skip_assignment = skips;
        if !knows_skip {
            // Before, a returning leader was told of its old id, so that it would not assign.
            response.leader = rejoin.leader_before;
        }
        let member = group.members.get_mut(&rejoin.new);
        let member = member.expect("the member was found above");
        reply_to(&mut member.join, self.out, || Response::JoinGroup(response));
    }

    /// The new id could not be stored: the old one stands again.
    fn undo_static_rejoin(
        &mut self,
        group: &mut ClassicGroup,
        rejoin: StaticRejoin,
        error: ErrorCode,
    ) {
        let member = group.members.get_mut(&rejoin.new);
        let member = member.expect("whose join waits is a member");
        reply_to(&mut member.join, self.out, || refusal("", error));
        member.protocols = rejoin.old.protocols;
        member.rebalance_timeout = rejoin.old.rebalance_timeout;
        member.session_timeout = rejoin.old.session_timeout;
        member.client_id = rejoin.old.client_id;
        self.replace_static(group, &rejoin.new, &rejoin.old.id);
    }

    /// A group that was just made is written, so that it is not forgotten, after the tombstones of
    /// an empty one of the other protocol that made way.
    pub(super) fn write_new_group(
        &mut self,
        group: &ClassicGroup,
        made_way: Option<ConsumerGroup>,
    ) {
        let mut records = made_way
            .as_ref()
            .map_or_else(Vec::new, migration::tombstones);
        let record = CoordinatorRecord::GroupMetadata {
            group: Arc::clone(&group.name),
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: Arc::from([]),
            state_since: group.state_since,
        };
        records.push(record);
        let id = self.write(records);
        let group = Arc::clone(&group.name);
        self.defer(id, Continuation::NewGroup { group });
        if let Some(before) = made_way.map(Box::new) {
            self.defer(id, Continuation::Replaced { before });
        }
    }

    /// Arms or moves the timer of a member's session.
    pub(super) fn set_session_timer(&mut self, group: &Arc<str>, member: &MemberId, length: Span) {
        let timer = Timer::Session {
            group: Arc::clone(group),
            member: Arc::clone(member),
        };
        self.timers.set(self.now + length, timer);
    }

    /// Refuses a join at once.
    pub(super) fn refuse_join(
        &mut self,
        group: &Arc<str>,
        member: &MemberId,
        token: Token,
        error: ErrorCode,
    ) {
        self.note_refusal(group, token, Api::JoinGroup, error);
        self.reply(token, refusal(member, error));
    }
}

/// Takes over what a member says of itself in a new join; an older one is never answered.
fn update_member(group: &mut ClassicGroup, request: &JoinGroupRequest, id: &str, token: Token) {
    let member = group.members.get_mut(id);
    let member = member.expect("a member that joins again is known");
    member.protocols.clone_from(&request.protocols);
    member.rebalance_timeout = request.rebalance_timeout;
    member.session_timeout = request.session_timeout;
    member.join = Some(Parked::new(token));
}

/// The answer that tells a member of the current generation.
pub(super) fn joined(group: &ClassicGroup, member: &MemberId, with_members: bool) -> Response {
    Response::JoinGroup(JoinGroupResponse {
        error: ErrorCode::None,
        generation: group.generation,
        protocol: group.protocol.clone(),
        leader: group.leader.clone().expect("a generation has a leader"),
        member: Arc::clone(member),
        members: if with_members {
            group.joined_members()
        } else {
            Vec::new()
        },
        skip_assignment: false,
    })
}

/// The answer that refuses a join. It carries the member id that the client is to use, if any.
pub(super) fn refusal(member: &str, error: ErrorCode) -> Response {
    Response::JoinGroup(JoinGroupResponse {
        error,
        generation: -1,
        protocol: None,
        leader: Arc::from(""),
        member: Arc::from(member),
        members: Vec::new(),
        skip_assignment: false,
    })
}
