//! One replica's part in replication: role, leader epoch, in-sync replicas, high watermark
//! (`kafka.cluster.Partition`, `kafka.cluster.Replica`).
//!
//! ```text
//!            on_metadata: I lead                 on_metadata: another leads
//! Offline --------------------> Leading <----------------------------------> Following
//! ```
//!
//! It decides from offsets alone; the log is its caller's, which says where it ends. Times and
//! offsets of followers are known to the leader only, by their fetches.
//!
//! Changes of the in-sync replicas are in `isr`.

use std::sync::Arc;

use super::isr::{PendingIsr, Registration};
use crate::base::{Instant, NodeId, Offset, Span};
use crate::kafka::ErrorCode;
use crate::kafka::message::PartitionMetadata;
use crate::node::FactId;

/// What this broker does for the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing: it holds no replica, or nobody leads.
    Offline,
    /// It leads.
    Leading,
    /// It copies from this leader.
    Following(NodeId),
}

/// What a leader knows of a follower (`ReplicaState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerState {
    /// The follower.
    pub node: NodeId,
    /// Its log end offset, which is the offset of its last fetch; `None` before its first.
    pub end: Option<Offset>,
    /// When it fetched last; for one in sync at least the election.
    pub last_fetch: Option<Instant>,
    /// Where the leader's log ended at that fetch.
    pub leader_end_then: Option<Offset>,
    /// When it last had everything the leader had; `None`: never.
    pub caught_up: Option<Instant>,
    /// In the name of which broker epoch it fetched last; `None`: it did not say.
    pub fetch_epoch: Option<u64>,
    /// Its broker's registration.
    pub registration: Registration,
}

impl FollowerState {
    fn unknown(node: NodeId) -> Self {
        Self {
            node,
            end: None,
            last_fetch: None,
            leader_end_then: None,
            caught_up: None,
            fetch_epoch: None,
            registration: Registration::default(),
        }
    }

    /// The leader is elected (again): who is in sync counts as caught up now, others never
    /// (`Replica.resetReplicaState`).
    fn elected(&mut self, now: Instant, is_in_sync: bool, log_end: Offset) {
        self.caught_up = is_in_sync.then_some(now);
        self.last_fetch = is_in_sync.then_some(now);
        self.leader_end_then = Some(log_end);
    }

    /// A fetch at `offset` arrives, the leader's log ending at `leader_end`
    /// (`Replica.updateFetchStateOrThrow`).
    fn fetched(&mut self, now: Instant, offset: Offset, leader_end: Offset) {
        if leader_end <= offset {
            self.caught_up = self.caught_up.max(Some(now));
        } else if self.leader_end_then.is_some_and(|then| then <= offset) {
            self.caught_up = self.caught_up.max(self.last_fetch);
        }
        self.end = Some(offset);
        self.last_fetch = Some(now);
        self.leader_end_then = Some(leader_end);
    }

    /// Whether it has what the leader has, or had so within `lag`.
    pub(super) fn is_caught_up(&self, now: Instant, leader_end: Offset, lag: Span) -> bool {
        self.end == Some(leader_end) || self.caught_up.is_some_and(|at| now <= at + lag)
    }
}

impl FollowerState {
    /// Whether its broker may be in sync at all.
    pub(super) fn is_eligible(&self) -> bool {
        self.registration.is_eligible(self.fetch_epoch)
    }
}

/// What a leader says to a follower's fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchOutcome {
    /// The offset is as before.
    Same,
    /// The offset is new: the high watermark is to be looked at.
    Moved,
    /// It is no follower of this partition, or an older process of one.
    Refused,
}

/// One replica of a partition.
#[derive(Clone, Debug)]
pub struct Replica {
    min_isr: u32,
    lag: Span,
    role: Role,
    leader_epoch: u32,
    partition_epoch: u32,
    epoch_start: Offset,
    replicas: Arc<[NodeId]>,
    isr: Arc<[NodeId]>,
    high_watermark: Offset,
    followers: Vec<FollowerState>,
    pub(super) pending: Option<PendingIsr>,
    pub(super) proposals: u64,
    set_by: FactId,
}

impl Replica {
    /// A replica nobody has assigned yet. `min_isr` is `min.insync.replicas`, `lag` is
    /// `replica.lag.time.max.ms`.
    pub fn new(min_isr: u32, lag: Span) -> Self {
        Self {
            min_isr,
            lag,
            role: Role::Offline,
            leader_epoch: 0,
            partition_epoch: 0,
            epoch_start: 0,
            replicas: Arc::from([]),
            isr: Arc::from([]),
            high_watermark: 0,
            followers: Vec::new(),
            pending: None,
            proposals: 0,
            set_by: FactId::NONE,
        }
    }

    /// What it does.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.role == Role::Leading
    }

    /// The leader epoch it knows.
    pub fn leader_epoch(&self) -> u32 {
        self.leader_epoch
    }

    /// How often the controller has changed the partition, as far as it knows.
    pub fn partition_epoch(&self) -> u32 {
        self.partition_epoch
    }

    /// The controller has confirmed a proposal, and counted it.
    pub(super) fn set_partition_epoch(&mut self, partition_epoch: u32, set_by: FactId) {
        self.partition_epoch = partition_epoch;
        self.set_by = set_by;
    }

    /// Where the log ended when this leader epoch began.
    pub fn epoch_start(&self) -> Offset {
        self.epoch_start
    }

    /// The in-sync replicas.
    pub fn isr(&self) -> &Arc<[NodeId]> {
        &self.isr
    }

    /// The controller has confirmed these in-sync replicas.
    pub(super) fn set_isr(&mut self, isr: Arc<[NodeId]>) {
        self.isr = isr;
    }

    /// `replica.lag.time.max.ms`.
    pub(super) fn lag(&self) -> Span {
        self.lag
    }

    /// Everything below is on every in-sync replica.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The followers, as a leader knows them.
    pub fn followers(&self) -> &[FollowerState] {
        &self.followers
    }

    /// The fact of the controller's last word, that rules about leaders and in-sync replicas
    /// consult.
    pub fn set_by(&self) -> FactId {
        self.set_by
    }

    /// Whether a write with `acks=all` is accepted: the in-sync replicas number at least
    /// `min.insync.replicas`, or all copies if there are fewer.
    pub fn has_enough_in_sync(&self) -> bool {
        self.effective_min_isr() <= self.isr.len()
    }

    fn effective_min_isr(&self) -> usize {
        (self.min_isr as usize).min(self.replicas.len())
    }

    /// What becomes of a write with `acks=all` that ends at `required`; `None` while it has to wait
    /// (`Partition.checkEnoughReplicasReachOffset`).
    pub fn write_outcome(&self, required: Offset) -> Option<ErrorCode> {
        if !self.leads() {
            Some(ErrorCode::NotLeaderOrFollower)
        } else if self.high_watermark < required {
            None
        } else if self.effective_min_isr() <= self.isr.len() + self.joining_count() {
            Some(ErrorCode::None)
        } else {
            Some(ErrorCode::NotEnoughReplicasAfterAppend)
        }
    }

    fn joining_count(&self) -> usize {
        let joining = self.pending.as_ref().and_then(|pending| pending.joining);
        usize::from(joining.is_some())
    }

    /// Takes in the controller's word on the partition, for the broker `me` whose log ends at
    /// `log_end` (`makeLeader`, `makeFollower`). Older words are not listened to.
    pub fn on_metadata(
        &mut self,
        now: Instant,
        me: NodeId,
        state: &PartitionMetadata,
        log_end: Offset,
        set_by: FactId,
    ) {
        let is_older =
            state.leader_epoch < self.leader_epoch || state.partition_epoch < self.partition_epoch;
        if is_older {
            return;
        }
        let has_led = self.leads();
        let is_elected = !has_led || self.leader_epoch < state.leader_epoch;
        self.leader_epoch = state.leader_epoch;
        self.partition_epoch = state.partition_epoch;
        self.replicas = Arc::clone(&state.replicas);
        self.isr = Arc::clone(&state.isr);
        self.pending = None;
        self.set_by = set_by;
        self.role = match state.leader {
            _ if !state.replicas.contains(&me) => Role::Offline,
            None => Role::Offline,
            Some(leader) if leader == me => Role::Leading,
            Some(leader) => Role::Following(leader),
        };
        if !self.leads() {
            self.followers.clear();
            return;
        }
        if !has_led {
            let others = state.replicas.iter().filter(|node| **node != me);
            self.followers = others.map(|node| FollowerState::unknown(*node)).collect();
        }
        if is_elected {
            self.epoch_start = log_end;
            for follower in &mut self.followers {
                follower.elected(now, state.isr.contains(&follower.node), log_end);
            }
        }
    }

    /// A cluster that is formed at time 0 has copied everything: the high watermark is at the end.
    pub fn form(&mut self, log_end: Offset) {
        self.high_watermark = log_end;
    }

    /// The registration of a follower's broker has changed.
    pub fn on_registration(&mut self, node: NodeId, registration: Registration) {
        if let Some(follower) = self.followers.iter_mut().find(|f| f.node == node) {
            follower.registration = registration;
        }
    }

    /// A follower's fetch at `offset` arrives, in the name of a broker epoch if it says so.
    pub fn on_fetch(
        &mut self,
        now: Instant,
        (follower, epoch): (NodeId, Option<u64>),
        offset: Offset,
        log_end: Offset,
    ) -> FetchOutcome {
        let Some(state) = self.followers.iter_mut().find(|f| f.node == follower) else {
            return FetchOutcome::Refused;
        };
        if state.registration.outdates(epoch) {
            return FetchOutcome::Refused;
        }
        let before = state.end;
        state.fetch_epoch = epoch;
        state.fetched(now, offset, log_end);
        if before == state.end {
            FetchOutcome::Same
        } else {
            FetchOutcome::Moved
        }
    }

    /// Before the leader appends: followers that had everything have told so again with each fetch
    /// of their session since, though it did not list this partition. `last_fetch` is their last.
    pub fn note_silent_fetches(
        &mut self,
        log_end: Offset,
        last_fetch: impl Fn(NodeId) -> Option<Instant>,
    ) {
        for follower in &mut self.followers {
            if follower.end == Some(log_end)
                && let Some(at) = last_fetch(follower.node)
            {
                follower.fetched(at, log_end, log_end);
            }
        }
    }

    /// The high watermark rule of a leader (`maybeIncrementLeaderHW`): the least log end offset of
    /// the leader, the in-sync replicas, and whoever else is caught up. It never goes down, and
    /// stays while the in-sync replicas are too few. To be called after an append, after a fetch
    /// that changed a follower's offset, and after metadata: not because time passes.
    pub fn advance(&mut self, now: Instant, log_end: Offset) -> Option<(Offset, Offset)> {
        assert!(self.leads(), "only a leader moves the high watermark");
        if !self.has_enough_in_sync() {
            return None;
        }
        let mut candidate = log_end;
        for follower in &self.followers {
            let end = follower.end.unwrap_or(0);
            let counts = || {
                self.may_be_in_sync(follower.node)
                    || follower.is_caught_up(now, log_end, self.lag) && follower.is_eligible()
            };
            // A follower that has never fetched counts with less than any offset.
            if (follower.end.is_none() || end < candidate) && counts() {
                candidate = end;
            }
        }
        let before = self.high_watermark;
        if candidate <= before {
            return None;
        }
        self.high_watermark = candidate;
        Some((before, candidate))
    }

    /// A follower learns the leader's high watermark; as far as its own log goes. It may move back.
    pub fn learn(&mut self, leader_high_watermark: Offset, log_end: Offset) {
        self.high_watermark = leader_high_watermark.min(log_end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{TopicId, TopicPartition};

    const AT: Instant = Instant(1_000_000_000);

    fn leader(min_isr: u32, isr: &[u32]) -> Replica {
        let mut replica = Replica::new(min_isr, Span::from_secs(30));
        let state = PartitionMetadata {
            partition: TopicPartition::new(TopicId(0), 0),
            leader: Some(NodeId(1)),
            leader_epoch: 0,
            partition_epoch: 0,
            replicas: Arc::from([NodeId(1), NodeId(2), NodeId(3)]),
            isr: isr.iter().map(|n| NodeId(*n)).collect(),
        };
        replica.on_metadata(AT, NodeId(1), &state, 0, FactId::NONE);
        replica
    }

    #[test]
    fn the_high_watermark_is_the_least_offset_of_those_in_sync() {
        let mut replica = leader(1, &[1, 2, 3]);
        replica.on_fetch(AT, (NodeId(2), None), 5, 9);
        assert_eq!(replica.advance(AT, 9), None, "broker 3 has not fetched yet");
        replica.on_fetch(AT, (NodeId(3), None), 7, 9);
        assert_eq!(replica.advance(AT, 9), Some((0, 5)));
        replica.on_fetch(AT, (NodeId(2), None), 9, 9);
        assert_eq!(replica.advance(AT, 9), Some((5, 7)));
    }

    #[test]
    fn it_does_not_move_while_too_few_are_in_sync() {
        let mut replica = leader(2, &[1]);
        assert!(!replica.has_enough_in_sync());
        assert_eq!(replica.advance(AT, 9), None);
        let mut alone = leader(1, &[1]);
        assert_eq!(alone.advance(AT, 9), Some((0, 9)));
    }

    #[test]
    fn one_outside_that_is_caught_up_holds_it_back() {
        let mut replica = leader(1, &[1, 2]);
        replica.on_fetch(AT, (NodeId(2), None), 9, 9);
        replica.on_fetch(AT, (NodeId(3), None), 9, 9);
        replica.on_fetch(AT, (NodeId(2), None), 12, 12);
        assert_eq!(replica.advance(AT, 12), Some((0, 9)));
        let late = AT + Span::from_secs(31);
        assert_eq!(replica.advance(late, 12), Some((9, 12)));
    }

    #[test]
    fn caught_up_is_also_who_had_everything_of_the_fetch_before() {
        let mut replica = leader(1, &[1, 2]);
        let second = Span::from_secs(1);
        replica.on_fetch(AT, (NodeId(3), None), 0, 4);
        assert_eq!(replica.followers()[1].caught_up, None);
        replica.on_fetch(AT + second, (NodeId(3), None), 4, 8);
        assert_eq!(replica.followers()[1].caught_up, Some(AT));
    }

    #[test]
    fn a_follower_learns_no_more_than_it_has() {
        let mut replica = Replica::new(1, Span::from_secs(30));
        replica.learn(9, 4);
        assert_eq!(replica.high_watermark(), 4);
        replica.learn(3, 4);
        assert_eq!(replica.high_watermark(), 3);
    }
}
