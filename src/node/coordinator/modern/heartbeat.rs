//! `ConsumerGroupHeartbeat`: the whole of the protocol (`consumerGroupHeartbeat`).
//!
//! 1. The member is made or changed; if its subscription or the topics did, the group epoch moves.
//! 2. If the target is behind the group epoch it is computed, at once and for all.
//! 3. This member, and no other, takes one step towards it.
//!
//! `JoinGroup` of a member of the classic protocol goes the same way (`classic`).

use std::sync::Arc;

use super::super::event::{GroupEvent, RebalanceReason};
use super::super::timers::{Timer, TimerKey};
use super::super::{Token, Turn};
use super::group::{ConsumerGroup, ConsumerMember};
use super::hosting::consumer_group_records;
use super::identity::{self, Identified};
use super::image::Image;
use super::reconcile::{self, Goal};
use super::target;
use crate::base::{Span, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::{
    ConsumerGroupRecord, ConsumerHeartbeatRequest, ConsumerHeartbeatResponse, CurrentAssignment,
    EPOCH_JOIN, MemberSubscription, ReconcileState,
};
use crate::kafka::group::{Assignment, CoordinatorRecord, MemberId};
use crate::kafka::message::{Api, Response};

/// What a heartbeat does to the group it comes to before it is looked at: it is made, or takes the
/// place of a classic one.
#[derive(Debug, Default)]
pub(super) struct Founding {
    /// The records by which it does.
    pub(super) records: Vec<CoordinatorRecord>,
    /// The last generation of a classic group whose members come along.
    pub(super) upgrades: Option<i32>,
}

/// A heartbeat or a join on its way through the three parts.
pub(super) struct Beat<'a> {
    pub(super) image: &'a Image,
    /// What the member says that it owns; `None`: it does not say.
    pub(super) owned: Option<&'a [TopicPartition]>,
    pub(super) before: ConsumerMember,
    pub(super) member: ConsumerMember,
    pub(super) replaces: Option<ConsumerMember>,
    pub(super) records: Vec<ConsumerGroupRecord>,
    epoch: i32,
    reason: RebalanceReason,
    /// Whether it made the group look at its subscriptions anew.
    is_looked_at: bool,
}

impl Turn<'_> {
    /// Answers a heartbeat. `group` is a new one if the member founds it.
    pub(super) fn consumer_heartbeat(
        &mut self,
        group: &mut ConsumerGroup,
        image: &Image,
        request: &ConsumerHeartbeatRequest,
        founding: Founding,
        token: Token,
    ) {
        if self.is_full(group, &request.member) {
            return self.refuse_consumer(request, token, ErrorCode::GroupMaxSizeReached);
        }
        let identified = match identity::identify(group, request) {
            Ok(identified) => identified,
            Err(error) => return self.refuse_consumer(request, token, error),
        };
        let subscription = updated(&identified.member.subscription, request);
        let owned = request.owned.as_deref();
        let mut beat = Beat::new(group, image, identified, subscription, owned);
        if let Err(error) = self.subscribe(group, &mut beat) {
            return self.refuse_consumer(request, token, error);
        }
        if let Some(generation) = founding.upgrades {
            let group = Arc::clone(&group.name);
            self.note(GroupEvent::Upgraded { group, generation });
        }
        self.advance(group, &mut beat);
        let changes = consumer_group_records(&group.name, std::mem::take(&mut beat.records));
        let records: Vec<_> = founding.records.into_iter().chain(changes).collect();
        if !records.is_empty() {
            self.write(records);
        }
        let session = self.config.consumer_session_timeout;
        self.set_consumer_session_timer(&group.name, &beat.member.id, session);
        let response = ConsumerHeartbeatResponse {
            error: ErrorCode::None,
            member: Arc::clone(&beat.member.id),
            epoch: beat.member.current.epoch,
            heartbeat_interval: self.config.consumer_heartbeat_interval,
            assignment: beat.answered_assignment(request),
        };
        self.reply_when_replicated(token, Response::ConsumerHeartbeat(response));
    }

    /// Whether there is no room for whoever sends this member id (`throwIfConsumerGroupIsFull`).
    pub(super) fn is_full(&self, group: &ConsumerGroup, member: &str) -> bool {
        let is_new = !group.members.contains_key(member);
        is_new && self.config.consumer_max_size as usize <= group.members.len()
    }

    /// Parts 2 and 3, once the member is known.
    pub(super) fn advance(&mut self, group: &mut ConsumerGroup, beat: &mut Beat<'_>) {
        self.note_identity(group, beat);
        let (target_epoch, target) = self.target(group, beat);
        self.reconcile(group, beat, target_epoch, &target);
    }

    /// Refuses a heartbeat at once.
    pub(in super::super) fn refuse_consumer(
        &mut self,
        request: &ConsumerHeartbeatRequest,
        token: Token,
        error: ErrorCode,
    ) {
        self.note_refusal(&request.group, token, Api::ConsumerGroupHeartbeat, error);
        let response = ConsumerHeartbeatResponse::refusal(error);
        self.reply(token, Response::ConsumerHeartbeat(response));
    }

    /// Part 1: the member and the group epoch. A join of the classic protocol leaves a regular
    /// expression of the member as it is.
    pub(super) fn subscribe(
        &mut self,
        group: &mut ConsumerGroup,
        beat: &mut Beat<'_>,
    ) -> Result<(), ErrorCode> {
        let (before, after) = (&beat.before.subscription, &beat.member.subscription);
        let is_classic = after.classic.is_some();
        let mut bumps = group.epoch == 0 && !is_classic;
        if before != after {
            beat.records.push(ConsumerGroupRecord::Member {
                member: Arc::clone(&beat.member.id),
                subscription: Some(Arc::clone(after)),
            });
            bumps |= before.topics != after.topics;
        }
        if !is_classic {
            let (before, after) = (beat.before.pattern(), beat.member.pattern());
            let (resolved, records) = self.update_patterns(group, beat.image, before, after)?;
            beat.records.extend(records);
            bumps |= resolved;
        }
        if bumps || group.looked_at != beat.image.version {
            let members = group.members_with(Some(&beat.member));
            let subscribed = group.subscribed(members.into_values());
            let topics = beat.image.counts(subscribed);
            if topics != group.topics {
                if !bumps {
                    beat.reason = RebalanceReason::TopicsChanged;
                }
                bumps = true;
            }
            if bumps {
                beat.epoch += 1;
                let epoch = beat.epoch;
                beat.records
                    .push(ConsumerGroupRecord::Epoch { epoch, topics });
            }
            group.looked_at = beat.image.version;
            beat.is_looked_at = true;
        }
        Ok(())
    }

    fn note_identity(&mut self, group: &ConsumerGroup, beat: &Beat<'_>) {
        let is_new = !group.members.contains_key(&beat.member.id);
        let (name, who) = (Arc::clone(&group.name), beat.member.who());
        if let Some(old) = &beat.replaces {
            let old = old.who();
            self.note(GroupEvent::StaticMemberReturned {
                group: name,
                old,
                who,
            });
        } else if is_new {
            self.note(GroupEvent::MemberAdded {
                group: name,
                who,
                instance: beat.member.subscription.instance.clone(),
            });
        }
    }

    /// Part 2: the target, computed if it is behind.
    fn target(&mut self, group: &ConsumerGroup, beat: &mut Beat<'_>) -> (i32, Assignment) {
        if beat.epoch <= group.target_epoch {
            return (group.target_epoch, target::of(group, &beat.member));
        }
        let targets = target::compute(group, beat.image, &beat.member, beat.is_looked_at);
        let records = target::records(group, &targets, beat.epoch);
        beat.records.extend(records);
        let own = targets.iter().find(|(id, _)| *id == beat.member.id);
        let own = own.map_or_else(|| Arc::from([]), |(_, target)| Arc::clone(target));
        let members = group.members_with(Some(&beat.member));
        let assignments = targets.into_iter().map(|(id, target)| {
            let who = members[&id].who();
            (who, target)
        });
        self.note(GroupEvent::TargetComputed {
            group: Arc::clone(&group.name),
            epoch: beat.epoch,
            first: group.target_epoch == 0,
            reason: beat.reason.clone(),
            assignments: assignments.collect(),
        });
        (beat.epoch, own)
    }

    /// Part 3: one step of this member (`maybeReconcile`).
    fn reconcile(
        &mut self,
        group: &mut ConsumerGroup,
        beat: &mut Beat<'_>,
        epoch: i32,
        target: &Assignment,
    ) {
        if beat.member.is_reconciled_to(epoch) {
            return;
        }
        let before = Arc::clone(&beat.member.current);
        let goal = Goal {
            epoch,
            target,
            owned: beat.owned,
        };
        let next = reconcile::step(&before, goal, |tp| !group.holders.contains_key(&tp));
        if next == *before {
            return;
        }
        self.time_revocation(group, &beat.member, &next);
        let next = Arc::new(next);
        beat.records.push(ConsumerGroupRecord::Current {
            member: Arc::clone(&beat.member.id),
            current: Some(Arc::clone(&next)),
        });
        beat.member.current = Arc::clone(&next);
        let is_seen = next.epoch != before.epoch || next.assigned != before.assigned;
        if is_seen || next.state != before.state {
            let moved = group.take_over(&beat.member.who(), &next.assigned);
            self.note(GroupEvent::MemberReconciled {
                group: Arc::clone(&group.name),
                who: beat.member.who(),
                current: next,
                moved: moved.into(),
            });
        }
    }
}

impl Turn<'_> {
    /// Whoever has to give something up has its rebalance timeout for it. A member of the classic
    /// protocol has only the timeouts of its join and its sync.
    fn time_revocation(
        &mut self,
        group: &ConsumerGroup,
        member: &ConsumerMember,
        next: &CurrentAssignment,
    ) {
        if member.classic().is_some() {
            return;
        }
        let (group, id) = (Arc::clone(&group.name), Arc::clone(&member.id));
        if next.state == ReconcileState::UnrevokedPartitions {
            let timer = Timer::Rebalance {
                group,
                member: id,
                epoch: next.epoch,
            };
            let timeout = member.subscription.rebalance_timeout;
            self.timers.set(self.now + timeout, timer);
        } else {
            self.timers.cancel(&TimerKey::Rebalance(group, id));
        }
    }

    /// Arms or moves the timer of a member's session.
    pub(super) fn set_consumer_session_timer(
        &mut self,
        group: &Arc<str>,
        member: &MemberId,
        length: Span,
    ) {
        let timer = Timer::ConsumerSession {
            group: Arc::clone(group),
            member: Arc::clone(member),
        };
        self.timers.set(self.now + length, timer);
    }
}

impl<'a> Beat<'a> {
    /// What comes of a member that says this of itself now.
    pub(super) fn new(
        group: &ConsumerGroup,
        image: &'a Image,
        identified: Identified,
        subscription: MemberSubscription,
        owned: Option<&'a [TopicPartition]>,
    ) -> Self {
        let Identified {
            member: before,
            replaces,
            records,
        } = identified;
        let mut member = before.clone();
        // Their ids say nothing: the client's name does.
        let client = Arc::clone(&subscription.client_id);
        let reason = if replaces.is_some() {
            RebalanceReason::StaticMemberReturned(client)
        } else if !group.members.contains_key(&before.id) {
            RebalanceReason::MemberJoined(client)
        } else if subscription != *before.subscription {
            RebalanceReason::SubscriptionChanged(client)
        } else {
            RebalanceReason::MembersGone
        };
        if subscription != *before.subscription {
            member.subscription = Arc::new(subscription);
        }
        Self {
            image,
            owned,
            before,
            member,
            replaces,
            records,
            epoch: group.epoch,
            reason,
            is_looked_at: false,
        }
    }

    /// What the member is told to own: if that changed, or if it said everything of itself.
    fn answered_assignment(&self, request: &ConsumerHeartbeatRequest) -> Option<Assignment> {
        let subscribes = request.topics.is_some() || request.pattern.is_some();
        let is_full = request.rebalance_timeout.is_some() && subscribes && request.owned.is_some();
        let assigned = &self.member.current.assigned;
        let has_changed = self.before.current.assigned != *assigned;
        (request.epoch == EPOCH_JOIN || is_full || has_changed).then(|| Arc::clone(assigned))
    }
}

/// What a member says of itself, with what this request says anew.
fn updated(before: &MemberSubscription, request: &ConsumerHeartbeatRequest) -> MemberSubscription {
    MemberSubscription {
        instance: request.instance.clone().or_else(|| before.instance.clone()),
        client_id: Arc::clone(&request.client_id),
        rebalance_timeout: request
            .rebalance_timeout
            .unwrap_or(before.rebalance_timeout),
        assignor: request.assignor.clone().or_else(|| before.assignor.clone()),
        topics: Arc::clone(request.topics.as_ref().unwrap_or(&before.topics)),
        pattern: request.pattern.clone().or_else(|| before.pattern.clone()),
        classic: None,
    }
}
