//! Members of the classic protocol in a group of the consumer protocol: `JoinGroup`, `SyncGroup`,
//! `Heartbeat` and `LeaveGroup` as such a group takes them.
//!
//! | request | what it is here |
//! |---|---|
//! | `JoinGroup` | a heartbeat that says everything: answered at once, with the member epoch as generation, without leader and members |
//! | `SyncGroup` | asks for what the coordinator has assigned; what it carries is ignored |
//! | `Heartbeat` | tells the member to join again when its epoch is behind, it has to revoke, or what it waits for is free |
//! | `LeaveGroup` | all that it names are out at once |
//!
//! A member that was told to join again has its rebalance timeout for it, and as long to sync after
//! it has joined.

use std::sync::Arc;

use super::super::event::RemovalReason;
use super::super::join::VERSION_MEMBER_ID_REQUIRED;
use super::super::timers::{Timer, TimerKey};
use super::super::write::{ClassicAnswer, ClassicTimeouts, Continuation, failure};
use super::super::{GroupCoordinator, Output, Token, Turn, WriteId};
use super::group::{ConsumerGroup, ConsumerMember};
use super::heartbeat::Beat;
use super::hosting::consumer_group_records;
use super::identity;
use super::migration::{PROTOCOL_TYPE, topics_of};
use crate::base::Instant;
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::{ClassicMember, MemberSubscription, ReconcileState};
use crate::kafka::group::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    MemberId, SyncGroupRequest, SyncGroupResponse,
};
use crate::kafka::message::{Api, Response};

impl GroupCoordinator {
    /// `JoinGroup` (`classicGroupJoinToConsumerGroup`).
    pub(in super::super) fn join_consumer_group(
        &mut self,
        now: Instant,
        request: &JoinGroupRequest,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        let name = &request.group;
        let (group, image, mut turn) = self.consumer_turn(now, name, out);
        let group = group.expect("a group with members is known");
        let id = match turn.admit(group, request) {
            Ok(id) => id,
            Err((id, error)) => return turn.refuse_join(name, &id, token, error),
        };
        let identified = match identity::identify_classic(group, request, &id) {
            Ok(identified) => identified,
            Err(error) => return turn.refuse_join(name, &Arc::from(""), token, error),
        };
        let said = &request.protocols[0].subscription;
        let exists = |tp: &&_| image.knows(**tp);
        let owned: Vec<_> = said.owned.iter().filter(exists).copied().collect();
        let subscription = joined(&identified.member, request);
        let mut beat = Beat::new(group, image, identified, subscription, Some(&owned));
        if let Err(error) = turn.subscribe(group, &mut beat) {
            return turn.refuse_join(name, &id, token, error);
        }
        turn.advance(group, &mut beat);
        let instance = request.instance.as_ref();
        let replaced = instance.and_then(|instance| group.static_member(instance));
        let turns_classic = replaced.is_some_and(|old| turn.may_downgrade_with(group, old));
        let records: Vec<_> = consumer_group_records(name, beat.records).collect();
        let member = beat.member;
        let written = if turns_classic {
            Some(self.downgrade_with(now, &member, (name, records), out))
        } else {
            (!records.is_empty()).then(|| turn.write(records))
        };
        let timeouts = ClassicTimeouts {
            session: request.session_timeout,
            sync: Some(request.rebalance_timeout),
        };
        let answer = ClassicAnswer {
            group: Arc::clone(name),
            member: Arc::clone(&member.id),
            token,
            response: told_epoch(&member, &request.protocols[0].name),
            timeouts: (!turns_classic).then_some(timeouts),
        };
        let (_, _, mut turn) = self.consumer_turn(now, name, out);
        turn.answer_classic(written, answer);
    }

    /// `LeaveGroup` (`classicGroupLeaveToConsumerGroup`). Nothing asks whose protocol a member has.
    pub(in super::super) fn leave_consumer_group(
        &mut self,
        now: Instant,
        request: &LeaveGroupRequest,
        token: Token,
        out: &mut Vec<Output>,
    ) {
        let (group, _, mut turn) = self.consumer_turn(now, &request.group, out);
        let group = group.expect("a group with members is known");
        let (mut gone, mut errors) = (Vec::new(), Vec::new());
        for (member, instance) in &request.members {
            match leaver(group, member, instance.as_ref()) {
                Ok(id) => {
                    errors.push(ErrorCode::None);
                    if !gone.contains(&id) {
                        gone.push(id);
                    }
                }
                Err(error) => {
                    turn.note_refusal(&request.group, token, Api::LeaveGroup, error);
                    errors.push(error);
                }
            }
        }
        if !gone.is_empty() {
            self.fence(now, &request.group, &gone, RemovalReason::Left, out);
        }
        let response = LeaveGroupResponse {
            error: ErrorCode::None,
            members: errors,
        };
        let (_, _, mut turn) = self.consumer_turn(now, &request.group, out);
        turn.reply_when_replicated(token, Response::LeaveGroup(response));
    }
}

impl Turn<'_> {
    /// The id of a member that may join, or the id and the error it is told.
    fn admit(
        &mut self,
        group: &ConsumerGroup,
        request: &JoinGroupRequest,
    ) -> Result<MemberId, (MemberId, ErrorCode)> {
        let is_unknown = request.member.is_empty();
        let id = if is_unknown {
            // Kafka puts no client's name in front here; nobody reads it.
            let prefix = request.instance.as_ref().unwrap_or(&request.client_id);
            self.member_ids.next(prefix)
        } else {
            Arc::clone(&request.member)
        };
        let nobody = || Arc::from("");
        let comes_twice = VERSION_MEMBER_ID_REQUIRED <= request.version;
        if self.is_full(group, &id) {
            Err((nobody(), ErrorCode::GroupMaxSizeReached))
        } else if !supports(group, request) {
            Err((nobody(), ErrorCode::InconsistentGroupProtocol))
        } else if is_unknown && request.instance.is_none() && comes_twice {
            Err((id, ErrorCode::MemberIdRequired))
        } else {
            Ok(id)
        }
    }

    /// `SyncGroup` (`classicGroupSyncToConsumerGroup`).
    pub(in super::super) fn sync_consumer_group(
        &mut self,
        group: &ConsumerGroup,
        request: &SyncGroupRequest,
        token: Token,
    ) {
        let who = (&request.member, request.instance.as_ref());
        let checked = classic_member(group, who, request.generation).and_then(|member| {
            let protocol = &member.1.protocols[0].name;
            let is_other = |said: &Arc<str>| said != protocol;
            if request.protocol.as_ref().is_some_and(is_other) {
                Err(ErrorCode::InconsistentGroupProtocol)
            } else {
                Ok(member)
            }
        });
        let (member, classic) = match checked {
            Ok(found) => found,
            Err(error) => return self.refuse_sync(request, token, error),
        };
        let revokes = member.current.state == ReconcileState::UnrevokedPartitions;
        if member.current.epoch < group.epoch && !revokes {
            self.expect_join(group, member);
            return self.refuse_sync(request, token, ErrorCode::RebalanceInProgress);
        }
        let response = SyncGroupResponse {
            error: ErrorCode::None,
            protocol: request.protocol.clone(),
            assignment: Arc::clone(&member.current.assigned),
        };
        let timeouts = ClassicTimeouts {
            session: classic.session_timeout,
            sync: None,
        };
        let answer = ClassicAnswer {
            group: Arc::clone(&group.name),
            member: Arc::clone(&member.id),
            token,
            response: Response::SyncGroup(response),
            timeouts: Some(timeouts),
        };
        self.answer_classic(None, answer);
    }

    /// `Heartbeat` (`classicGroupHeartbeatToConsumerGroup`).
    pub(in super::super) fn heartbeat_of_classic_member(
        &mut self,
        group: &ConsumerGroup,
        request: &HeartbeatRequest,
        token: Token,
    ) {
        let who = (&request.member, request.instance.as_ref());
        let (member, classic) = match classic_member(group, who, request.generation) {
            Ok(found) => found,
            Err(error) => return self.refuse_heartbeat(request, token, error),
        };
        self.set_consumer_session_timer(&group.name, &member.id, classic.session_timeout);
        let is_behind = member.current.epoch < group.epoch;
        let can_go_on = match member.current.state {
            ReconcileState::Stable => false,
            ReconcileState::UnrevokedPartitions => true,
            ReconcileState::UnreleasedPartitions => !waits_for_others(group, member),
        };
        let mut answer = ErrorCode::None;
        if is_behind || can_go_on {
            answer = ErrorCode::RebalanceInProgress;
            self.expect_join(group, member);
        }
        self.reply_when_replicated(token, Response::Heartbeat(answer));
    }

    /// From now on the member has its rebalance timeout to join again, if it has not begun before.
    fn expect_join(&mut self, group: &ConsumerGroup, member: &ConsumerMember) {
        let timer = Timer::MemberJoin {
            group: Arc::clone(&group.name),
            member: Arc::clone(&member.id),
        };
        let deadline = self.now + member.subscription.rebalance_timeout;
        self.timers.set_if_absent(deadline, timer);
    }

    /// Answers once this write, or whatever is written already, is replicated.
    fn answer_classic(&mut self, written: Option<WriteId>, answer: ClassicAnswer) {
        match written.or_else(|| self.writes.last_outstanding()) {
            None => self.after_classic(answer, ErrorCode::None),
            Some(last) => {
                let answer = Box::new(answer);
                self.defer(last, Continuation::Classic { answer });
            }
        }
    }

    /// The end of [`Turn::answer_classic`]: only who is answered well gets new timeouts.
    pub(in super::super) fn after_classic(&mut self, answer: ClassicAnswer, error: ErrorCode) {
        let ClassicAnswer {
            group,
            member,
            token,
            response,
            timeouts,
        } = answer;
        if error != ErrorCode::None {
            return self.reply(token, failure(response, error));
        }
        let key = || (Arc::clone(&group), Arc::clone(&member));
        let (name, id) = key();
        self.timers.cancel(&match response {
            Response::SyncGroup(_) => TimerKey::MemberSync(name, id),
            _ => TimerKey::MemberJoin(name, id),
        });
        if let Some(timeouts) = timeouts {
            self.set_consumer_session_timer(&group, &member, timeouts.session);
            if let Some(sync) = timeouts.sync {
                let (group, member) = key();
                let timer = Timer::MemberSync { group, member };
                self.timers.set(self.now + sync, timer);
            }
        }
        self.reply(token, response);
    }
}

/// The answer to a join: the member's epoch is its generation.
fn told_epoch(member: &ConsumerMember, protocol: &Arc<str>) -> Response {
    Response::JoinGroup(JoinGroupResponse {
        error: ErrorCode::None,
        generation: member.current.epoch,
        protocol: Some(Arc::clone(protocol)),
        leader: Arc::from(""),
        member: Arc::clone(&member.id),
        members: Vec::new(),
        skip_assignment: false,
    })
}

/// What a member says of itself in a join. Kafka reads the subscription of any of its protocols.
fn joined(before: &ConsumerMember, request: &JoinGroupRequest) -> MemberSubscription {
    let before = &before.subscription;
    let classic = ClassicMember {
        session_timeout: request.session_timeout,
        protocols: request.protocols.clone(),
    };
    MemberSubscription {
        instance: request.instance.clone().or_else(|| before.instance.clone()),
        client_id: Arc::clone(&request.client_id),
        rebalance_timeout: request.rebalance_timeout,
        assignor: before.assignor.clone(),
        topics: topics_of(&request.protocols[0].subscription),
        pattern: before.pattern.clone(),
        classic: Some(Arc::new(classic)),
    }
}

/// Whether all members of the classic protocol know one of the assignors
/// (`ConsumerGroup.supportsClassicProtocols`).
fn supports(group: &ConsumerGroup, request: &JoinGroupRequest) -> bool {
    let known_to_all = |name: &str| {
        let mut classic = group.members.values().filter_map(ConsumerMember::classic);
        classic.all(|member| member.protocols.iter().any(|p| *p.name == *name))
    };
    let mut names = request.protocols.iter().map(|protocol| &*protocol.name);
    *request.protocol_type == *PROTOCOL_TYPE && names.any(known_to_all)
}

/// The member of the classic protocol that a request with this generation is from.
fn classic_member<'a>(
    group: &'a ConsumerGroup,
    (member, instance): (&MemberId, Option<&Arc<str>>),
    generation: i32,
) -> Result<(&'a ConsumerMember, &'a ClassicMember), ErrorCode> {
    let id = leaver(group, member, instance)?;
    if id != *member {
        return Err(ErrorCode::FencedInstanceId);
    }
    let member = &group.members[&id];
    let classic = member.classic().ok_or(ErrorCode::UnknownMemberId)?;
    if member.current.epoch == generation {
        Ok((member, classic))
    } else {
        Err(ErrorCode::IllegalGeneration)
    }
}

/// Who is meant by a member id and an instance. An instance without a member id is an administrator's
/// way to remove a static member.
fn leaver(
    group: &ConsumerGroup,
    member: &MemberId,
    instance: Option<&Arc<str>>,
) -> Result<MemberId, ErrorCode> {
    let Some(instance) = instance else {
        let known = group.members.contains_key(member);
        return known
            .then(|| Arc::clone(member))
            .ok_or(ErrorCode::UnknownMemberId);
    };
    match group.static_member(instance) {
        None => Err(ErrorCode::UnknownMemberId),
        Some(known) if !member.is_empty() && known.id != *member => {
            Err(ErrorCode::FencedInstanceId)
        }
        Some(known) => Ok(Arc::clone(&known.id)),
    }
}

/// Whether something of the member's target is still another's
/// (`ConsumerGroup.waitingOnUnreleasedPartition`).
fn waits_for_others(group: &ConsumerGroup, member: &ConsumerMember) -> bool {
    let target = group.targets.get(&member.id);
    let mut target = target.into_iter().flat_map(|target| target.iter());
    let assigned = &member.current.assigned;
    target.any(|tp| !assigned.contains(tp) && group.holders.contains_key(tp))
}
