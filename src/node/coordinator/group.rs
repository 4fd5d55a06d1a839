//! A classic group: its members, its state, and what may be asked of it (`ClassicGroup`).
//!
//! | state | meaning | leaves by |
//! |---|---|---|
//! | Empty | no members, perhaps offsets | first member → `PreparingRebalance` |
//! | `PreparingRebalance` | members are joining; the old generation may still commit offsets | join phase over → `CompletingRebalance`, or Empty without members |
//! | `CompletingRebalance` | a new generation waits for the leader's assignment | assignment replicated → Stable; any change → `PreparingRebalance` |
//! | Stable | everybody has an assignment | any change → `PreparingRebalance` |
//!
//! Kafka's fifth state, Dead, is not here: a coordinator that resigns is dropped with its groups.
//! Members are ordered by id, where Kafka goes by the hash order of random ids.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Token;
use super::event::{Moved, Owners, Who};
use crate::base::{Instant, Span};
use crate::kafka::ErrorCode;
use crate::kafka::group::{
    Assignment, CoordinatorRecord, JoinProtocol, JoinedMember, MemberId, PersistedMember,
    Subscription,
};
use crate::kafka::java_hash;

/// Where a classic group stands (`ClassicGroupState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table above says what they mean")]
pub enum GroupState {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parked {
    /// Which request.
    pub(super) token: Token,
    /// It was answered with an error meanwhile, but the group still waits on its behalf.
    pub(super) abandoned: bool,
}

/// A member of a classic group (`ClassicGroupMember`).
#[derive(Clone, Debug)]
pub struct Member {
    /// Its member id.
    pub id: MemberId,
    /// Its `group.instance.id`, if it is static.
    pub instance: Option<Arc<str>>,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Its `session.timeout.ms`.
    pub session_timeout: Span,
    /// Its `max.poll.interval.ms`.
    pub rebalance_timeout: Span,
    /// Its assignors by preference.
    pub protocols: Vec<JoinProtocol>,
    /// What it was given last.
    pub assignment: Assignment,
    /// It has never completed a join.
    pub(super) is_new: bool,
    /// Its `JoinGroup` that waits.
    pub(super) join: Option<Parked>,
    /// Its `SyncGroup` that waits.
    pub(super) sync: Option<Parked>,
}

/// A classic group.
#[derive(Clone, Debug)]
pub struct ClassicGroup {
    /// Its name.
    pub name: Arc<str>,
    /// Its state.
    pub state: GroupState,
    /// The state before; none for a group just made or loaded.
    pub(super) previous: Option<GroupState>,
    /// Since when it is in this state.
    pub(super) state_since: Instant,
    /// Its generation, 0 before the first.
    pub generation: i32,
    /// `consumer`, once it had members.
    pub(super) protocol_type: Option<Arc<str>>,
    /// The chosen assignor.
    pub protocol: Option<Arc<str>>,
    /// The member that computes assignments.
    pub leader: Option<MemberId>,
    /// The members by id.
    pub members: BTreeMap<MemberId, Member>,
    /// The member id behind each `group.instance.id`.
    pub(super) static_members: BTreeMap<Arc<str>, MemberId>,
    /// Ids given out with `MEMBER_ID_REQUIRED` that have not joined yet.
    pub pending_join: BTreeSet<MemberId>,
    /// Members that have not asked for the assignment of this generation.
    pub(super) pending_sync: BTreeSet<MemberId>,
    /// Somebody came after the first member while the initial delay ran.
    pub(super) new_member_added: bool,
    /// The `client.id` each partition was last assigned to.
    pub(super) owners: Owners,
    /// It has been Stable before.
    pub(super) has_formed: bool,
}

impl Parked {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            abandoned: false,
        }
    }
}

impl Member {
    fn from_record(record: &PersistedMember, protocol: &Arc<str>) -> Self {
        Self {
            id: Arc::clone(&record.member),
            instance: record.instance.clone(),
            client_id: Arc::clone(&record.client_id),
            session_timeout: record.session_timeout,
            rebalance_timeout: record.rebalance_timeout,
            protocols: vec![JoinProtocol {
                name: Arc::clone(protocol),
                subscription: Arc::clone(&record.subscription),
            }],
            assignment: Arc::clone(&record.assignment),
            is_new: false,
            join: None,
            sync: None,
        }
    }

    /// The member and the client behind it.
    pub fn who(&self) -> Who {
        Who {
            member: Arc::clone(&self.id),
            client_id: Arc::clone(&self.client_id),
        }
    }

    /// Whether it has a `group.instance.id`.
    pub fn is_static(&self) -> bool {
        self.instance.is_some()
    }

    /// Whether its `JoinGroup` waits for an answer.
    pub fn is_awaiting_join(&self) -> bool {
        self.join.is_some()
    }

    /// Whether its `SyncGroup` waits for an answer.
    pub fn is_awaiting_sync(&self) -> bool {
        self.sync.is_some()
    }

    /// Whether the end of its session means nothing, because a request of it is waiting here.
    pub(super) fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.is_awaiting_join() || self.is_awaiting_sync())
    }

    pub(super) fn knows(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|p| *p.name == *protocol)
    }

    /// What it says of itself under a protocol that it knows.
    pub(super) fn subscription(&self, protocol: &str) -> &Arc<Subscription> {
        self.protocols
            .iter()
            .find(|p| *p.name == *protocol)
            .map(|p| &p.subscription)
            .expect("every member knows the chosen protocol")
    }
}

impl ClassicGroup {
    /// A group nobody has joined yet.
    pub(super) fn new(name: Arc<str>, now: Instant) -> Self {
        Self {
            name,
            state: GroupState::Empty,
            previous: None,
            state_since: now,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            new_member_added: false,
            owners: Owners::new(),
            has_formed: false,
        }
    }

    /// The group as its record tells it: Stable, or Empty without members. A member knows only the
    /// protocol that was chosen then, so one that joins again with all of its protocols counts as
    /// changed.
    pub(super) fn from_record(record: &CoordinatorRecord) -> Self {
        let CoordinatorRecord::GroupMetadata {
            group,
            generation,
            protocol_type,
            protocol,
            leader,
            members,
            state_since,
        } = record
        else {
            unreachable!("only a group's own record is loaded as a group");
        };
        let mut loaded = Self {
            generation: *generation,
            protocol_type: protocol_type.clone(),
            protocol: protocol.clone(),
            leader: leader.clone(),
            has_formed: 0 < *generation,
            ..Self::new(Arc::clone(group), *state_since)
        };
        if members.is_empty() {
            return loaded;
        }
        loaded.state = GroupState::Stable;
        let protocol = protocol.as_ref().expect("members imply a protocol");
        let protocol_type = protocol_type.as_ref().expect("members imply a type");
        for member in members.iter() {
            loaded.add(Member::from_record(member, protocol), protocol_type);
        }
        loaded.take_over_owners();
        loaded
    }

    /// Notes who owns what now; says which partitions were another client's.
    pub(super) fn take_over_owners(&mut self) -> Vec<Moved> {
        let mut moved = Vec::new();
        for member in self.members.values() {
            for &partition in member.assignment.iter() {
                let client = &member.client_id;
                moved.extend(Moved::take_over(&mut self.owners, partition, client));
            }
        }
        moved.sort_by_key(|m| m.partition);
        moved
    }

    /// Whether this member leads.
    pub(super) fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    /// How many members wait for the join phase to complete.
    pub(super) fn awaiting_join(&self) -> usize {
        self.members
            .values()
            .filter(|m| m.is_awaiting_join())
            .count()
    }

    /// Whether everybody who is expected has joined, ids given out included.
    pub(super) fn has_all_members_joined(&self) -> bool {
        self.awaiting_join() == self.members.len() && self.pending_join.is_empty()
    }

    /// How long the slowest member may take to join.
    pub(super) fn rebalance_timeout(&self) -> Span {
        let timeouts = self.members.values().map(|m| m.rebalance_timeout);
        timeouts.max().unwrap_or(Span::ZERO)
    }

    /// Whether a rebalance may start from this state.
    pub(super) fn can_rebalance(&self) -> bool {
        self.state != GroupState::PreparingRebalance
    }

    /// Moves on. Which state may follow which is asserted.
    pub(super) fn transition(&mut self, to: GroupState, now: Instant) {
        use GroupState::{CompletingRebalance, Empty, PreparingRebalance, Stable};
        let allowed = match to {
            Empty | CompletingRebalance => self.state == PreparingRebalance,
            PreparingRebalance => self.can_rebalance(),
            Stable => self.state == CompletingRebalance,
        };
        assert!(allowed, "{:?} does not follow {:?}", to, self.state);
        self.previous = Some(self.state);
        self.state = to;
        self.state_since = now;
    }

    /// Whether a member with these protocols fits the group (`supportsProtocols`).
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[JoinProtocol]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let known_to_all = |p: &JoinProtocol| self.members.values().all(|m| m.knows(&p.name));
        self.protocol_type.as_deref() == Some(protocol_type) && protocols.iter().any(known_to_all)
    }

    /// Whether there is room for whoever sends this member id (`acceptJoiningMember`). While the
    /// group rebalances, those waiting are counted, so that the last to rejoin lose.
    pub(super) fn has_room_for(&self, member: &str, max_size: u32) -> bool {
        let max_size = max_size as usize;
        let known = self.members.get(member);
        match self.state {
            GroupState::Empty => true,
            GroupState::PreparingRebalance => {
                known.is_some_and(Member::is_awaiting_join) || self.awaiting_join() < max_size
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                known.is_some() || self.members.len() < max_size
            }
        }
    }

    /// Whether the sender is who it says (`validateMember`).
    pub(super) fn validate_member(&self, member: &str, instance: Option<&str>) -> ErrorCode {
        if let Some(instance) = instance {
            match self.static_members.get(instance) {
                None => return ErrorCode::UnknownMemberId,
                Some(current) if **current != *member => return ErrorCode::FencedInstanceId,
                Some(_) => {}
            }
        }
        if self.members.contains_key(member) {
            ErrorCode::None
        } else {
            ErrorCode::UnknownMemberId
        }
    }

    /// Takes a member in; the first one leads.
    pub(super) fn add(&mut self, member: Member, protocol_type: &Arc<str>) {
        if let Some(instance) = &member.instance {
            let previous = self
                .static_members
                .insert(Arc::clone(instance), Arc::clone(&member.id));
            assert!(
                previous.is_none(),
                "an instance that returns replaces its member"
            );
        }
        if self.members.is_empty() {
            self.protocol_type = Some(Arc::clone(protocol_type));
        }
        if self.leader.is_none() {
            self.leader = Some(Arc::clone(&member.id));
        }
        self.pending_join.remove(&member.id);
        let previous = self.members.insert(Arc::clone(&member.id), member);
        assert!(previous.is_none(), "a member is added once");
    }

    /// Removes a member or an id given out. If it led, the first of the others does.
    pub(super) fn remove(&mut self, member: &str) -> Option<Member> {
        let removed = self.members.remove(member);
        if let Some(instance) = removed.as_ref().and_then(|m| m.instance.as_ref()) {
            self.static_members.remove(instance);
        }
        if self.is_leader(member) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_join.remove(member);
        self.pending_sync.remove(member);
        removed
    }

    /// Gives a static member a new id; the waiting requests of the old one come back with it.
    pub(super) fn replace_static(&mut self, old: &str, new: &MemberId) -> Member {
        let replaced = self
            .members
            .remove(old)
            .expect("an instance is mapped to a member of the group");
        let instance = replaced.instance.clone();
        let instance = instance.expect("only a static member is replaced");
        let successor = Member {
            id: Arc::clone(new),
            is_new: false,
            join: None,
            sync: None,
            ..replaced.clone()
        };
        self.members.insert(Arc::clone(new), successor);
        self.static_members.insert(instance, Arc::clone(new));
        if self.is_leader(old) {
            self.leader = Some(Arc::clone(new));
        }
        replaced
    }

    /// Makes sure that a member that has joined leads; false if nobody has joined.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else {
            return false;
        };
        if self.members[leader].is_awaiting_join() {
            return true;
        }
        let joined = self.members.values().find(|m| m.is_awaiting_join());
        let Some(joined) = joined else {
            return false;
        };
        self.leader = Some(Arc::clone(&joined.id));
        true
    }

    /// Ends the join phase: next generation, protocol chosen.
    pub(super) fn init_next_generation(&mut self, now: Instant) {
        self.generation += 1;
        if self.members.is_empty() {
            self.protocol = None;
            self.transition(GroupState::Empty, now);
        } else {
            self.protocol = Some(self.select_protocol());
            self.transition(GroupState::CompletingRebalance, now);
        }
        self.pending_sync.clear();
    }

    /// The protocol with most votes: each member votes for the first of its own that all know. Of
    /// equals, the first in the order of a Java map.
    pub(super) fn select_protocol(&self) -> Arc<str> {
        let mut votes: Vec<(Arc<str>, u32)> = Vec::new();
        for member in self.members.values() {
            let choice = member
                .protocols
                .iter()
                .find(|p| self.members.values().all(|m| m.knows(&p.name)))
                .expect("members without a common protocol are refused at the join");
            match votes.iter_mut().find(|(name, _)| *name == choice.name) {
                Some((_, count)) => *count += 1,
                None => votes.push((Arc::clone(&choice.name), 1)),
            }
        }
        let names: Vec<&str> = votes.iter().map(|(name, _)| &**name).collect();
        let order = java_hash::string_order(&names);
        let most = votes.iter().map(|&(_, count)| count).max();
        let is_winner = |name: &&str| votes.iter().any(|(n, c)| **n == **name && Some(*c) == most);
        let winner = order.into_iter().find(is_winner);
        Arc::from(winner.expect("a group that selects has members"))
    }

    /// All members under the chosen protocol, as the leader is told.
    pub(super) fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_ref();
        let protocol = protocol.expect("a generation with members has a protocol");
        let joined = |m: &Member| JoinedMember {
            member: Arc::clone(&m.id),
            instance: m.instance.clone(),
            subscription: Arc::clone(m.subscription(protocol)),
        };
        self.members.values().map(joined).collect()
    }

    /// The record that keeps this group, with the assignments as given for each member.
    pub(super) fn to_record(
        &self,
        assignment_of: impl Fn(&Member) -> Assignment,
    ) -> CoordinatorRecord {
        let persisted = |m: &Member| PersistedMember {
            member: Arc::clone(&m.id),
            instance: m.instance.clone(),
            client_id: Arc::clone(&m.client_id),
            session_timeout: m.session_timeout,
            rebalance_timeout: m.rebalance_timeout,
            subscription: Arc::clone(
                m.subscription(self.protocol.as_ref().expect("members imply a protocol")),
            ),
            assignment: assignment_of(m),
        };
        CoordinatorRecord::GroupMetadata {
            group: Arc::clone(&self.name),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: self.members.values().map(persisted).collect(),
            state_since: self.state_since,
        }
    }
}
