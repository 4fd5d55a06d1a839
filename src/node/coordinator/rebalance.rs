//! The join phase: how a rebalance starts, waits for the members and ends in a new generation
//! (`GroupMetadataManager.prepareRebalance`, `completeClassicGroupJoin`).
//!
//! The first rebalance out of Empty waits `group.initial.rebalance.delay.ms`, again and again while
//! new members come, at most as long as the rebalance timeout; nothing a client does ends it.
//! Later ones wait until every member has joined and every id given out has been used, at most as
//! long as the largest rebalance timeout.

use std::sync::Arc;

use super::group::{ClassicGroup, GroupState, Member};
use super::timers::{Timer, TimerKey};
use super::{GroupEvent, RebalanceReason, RemovalReason, Turn, join, reply_to};
use crate::base::Span;
use crate::kafka::ErrorCode;
use crate::kafka::group::MemberId;

impl Turn<'_> {
    /// Does what a timer of this group is for.
    pub(super) fn fire(&mut self, group: &mut ClassicGroup, timer: &Timer) {
        match timer {
            Timer::InitialJoin {
                delay, remaining, ..
            } => self.initial_delay_over(group, *delay, *remaining),
            Timer::Join { .. } => self.complete_join(group),
            Timer::Sync { generation, .. } => self.sync_timed_out(group, *generation),
            Timer::Session { member, .. } => self.session_expired(group, member),
            Timer::ConsumerSession { .. }
            | Timer::MemberJoin { .. }
            | Timer::MemberSync { .. }
            | Timer::Rebalance { .. }
            | Timer::Resolution { .. } => unreachable!("{timer:?} is of the other protocol"),
        }
    }

    /// A group comes out of the log: fresh sessions for all, and a rebalance if it is too large.
    pub(super) fn load(&mut self, group: &mut ClassicGroup) {
        for member in group.members.values() {
            self.set_session_timer(&group.name, &member.id, member.session_timeout);
        }
        if (self.config.group_max_size as usize) < group.members.len() {
            self.prepare_rebalance(group, RebalanceReason::OverCapacity);
        }
    }

    /// Starts a rebalance; during one, sees whether all have joined.
    pub(super) fn rebalance_or_complete(
        &mut self,
        group: &mut ClassicGroup,
        reason: RebalanceReason,
    ) {
        if group.can_rebalance() {
            self.prepare_rebalance(group, reason);
        } else {
            self.maybe_complete_join(group);
        }
    }

    /// Starts a rebalance.
    pub(super) fn prepare_rebalance(&mut self, group: &mut ClassicGroup, reason: RebalanceReason) {
        if group.state == GroupState::CompletingRebalance {
            self.drop_assignments(group, ErrorCode::RebalanceInProgress);
        }
        group.pending_sync.clear();
        self.timers.cancel(&TimerKey::Sync(Arc::clone(&group.name)));
        self.note(GroupEvent::RebalanceStarted {
            group: Arc::clone(&group.name),
            generation: group.generation,
            reason,
        });
        let is_initial = group.state == GroupState::Empty;
        group.transition(GroupState::PreparingRebalance, self.now);
        if is_initial {
            let delay = self.config.initial_rebalance_delay;
            let remaining = group.rebalance_timeout().saturating_sub(delay);
            self.wait_initially(group, delay, remaining);
        } else if group.has_all_members_joined() {
            self.complete_join(group);
        } else {
            self.wait_for_joins(group);
        }
    }

    fn wait_initially(&mut self, group: &ClassicGroup, delay: Span, remaining: Span) {
        let timer = Timer::InitialJoin {
            group: Arc::clone(&group.name),
            delay,
            remaining,
        };
        self.timers.set(self.now + delay, timer);
    }

    fn wait_for_joins(&mut self, group: &ClassicGroup) {
        let timer = Timer::Join {
            group: Arc::clone(&group.name),
        };
        let deadline = self.now + group.rebalance_timeout();
        self.timers.set(deadline, timer);
    }

    /// One step of the initial delay has passed: one more if somebody came in it.
    fn initial_delay_over(&mut self, group: &mut ClassicGroup, delay: Span, remaining: Span) {
        if group.new_member_added && remaining != Span::ZERO {
            group.new_member_added = false;
            let next = self.config.initial_rebalance_delay.min(remaining);
            self.wait_initially(group, next, remaining.saturating_sub(delay));
        } else {
            self.complete_join(group);
        }
    }

    /// Ends the join phase if all have joined, except the initial one.
    pub(super) fn maybe_complete_join(&mut self, group: &mut ClassicGroup) {
        if group.state == GroupState::PreparingRebalance
            && group.previous != Some(GroupState::Empty)
            && group.has_all_members_joined()
        {
            self.complete_join(group);
        }
    }

    /// Ends the join phase with whoever joined. Static members stay without having joined.
    pub(super) fn complete_join(&mut self, group: &mut ClassicGroup) {
        self.timers.cancel(&TimerKey::Join(Arc::clone(&group.name)));
        let absent: Vec<MemberId> = group
            .members
            .values()
            .filter(|m| !m.is_awaiting_join() && !m.is_static())
            .map(|m| Arc::clone(&m.id))
            .collect();
        for id in absent {
            self.cancel_session_timer(group, &id);
            let member = group.remove(&id).expect("the absent are members");
            self.note_removed(&group.name, &member, RemovalReason::DidNotRejoin);
        }
        if !group.elect_joined_leader() && !group.members.is_empty() {
            // Only static members, and none has come: wait until their sessions end.
            self.wait_for_joins(group);
            return;
        }
        group.init_next_generation(self.now);
        if group.state == GroupState::Empty {
            self.note(GroupEvent::Emptied {
                group: Arc::clone(&group.name),
                generation: group.generation,
            });
            // Nobody waits for this record: without it the generation before is loaded again, and
            // its members expire.
            self.write(vec![
                group.to_record(|_| unreachable!("an empty group has no member")),
            ]);
        } else {
            self.answer_joins(group);
        }
    }

    /// Tells everybody of the new generation, and waits for all to ask for their assignment.
    fn answer_joins(&mut self, group: &mut ClassicGroup) {
        let ids: Vec<MemberId> = group.members.keys().cloned().collect();
        for id in &ids {
            let response = join::joined(group, id, group.is_leader(id));
            let member = group.members.get_mut(id).expect("nobody left meanwhile");
            reply_to(&mut member.join, self.out, || response);
            member.is_new = false;
            let session = member.session_timeout;
            self.set_session_timer(&group.name, id, session);
            group.pending_sync.insert(Arc::clone(id));
        }
        let timer = Timer::Sync {
            group: Arc::clone(&group.name),
            generation: group.generation,
        };
        let deadline = self.now + group.rebalance_timeout();
        self.timers.set(deadline, timer);
        self.note(GroupEvent::JoinCompleted {
            group: Arc::clone(&group.name),
            generation: group.generation,
            leader: group.leader.clone().expect("a member that joined leads"),
            protocol: group.protocol.clone().expect("a generation has a protocol"),
            members: group.members.values().map(Member::who).collect(),
        });
    }

    /// Disarms the timer of a member's session.
    pub(super) fn cancel_session_timer(&mut self, group: &ClassicGroup, member: &MemberId) {
        let key = TimerKey::Session(Arc::clone(&group.name), Arc::clone(member));
        self.timers.cancel(&key);
    }

    /// Says that a member is out.
    pub(super) fn note_removed(
        &mut self,
        group: &Arc<str>,
        member: &Member,
        reason: RemovalReason,
    ) {
        self.note(GroupEvent::MemberRemoved {
            group: Arc::clone(group),
            who: member.who(),
            reason,
        });
    }
}
