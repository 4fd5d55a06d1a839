//! Which followers are in sync: the leader's proposals to the controller and what becomes of them
//! (`Partition.maybeExpandIsr`, `maybeShrinkIsr`, `submitAlterPartition`, `PendingPartitionChange`).
//!
//! ```text
//!              propose_joining, propose_leaving             committed, or metadata
//! Committed --------------------------------------> Pending ----------------------> Committed
//!                                                      |                                ^
//!                                                      +--------- rolled back ----------+
//! ```
//!
//! One change at a time. A follower that is to join counts for the high watermark from the proposal
//! on; one that is to leave counts until the controller has confirmed it. So the high watermark is
//! right whichever way the answer goes.

use std::sync::Arc;

use super::replica::Replica;
use crate::base::{Instant, NodeId, Offset};
use crate::kafka::ErrorCode;

/// What the controller knows of a follower's broker, as far as the leader has heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// The broker epoch: a new process has a higher one.
    pub epoch: u64,
    /// Whether it is fenced: it does not count as alive.
    pub is_fenced: bool,
    /// Whether it is about to stop (controlled shutdown).
    pub is_stopping: bool,
}

impl Registration {
    /// Whether a fetch in the name of `epoch` is of an older process. Of a fenced broker the leader
    /// knows no epoch.
    pub fn outdates(self, epoch: Option<u64>) -> bool {
        !self.is_fenced && epoch.is_some_and(|epoch| epoch < self.epoch)
    }

    /// Whether a follower that fetched in the name of `epoch` may be in sync.
    pub fn is_eligible(self, epoch: Option<u64>) -> bool {
        !self.is_fenced && !self.is_stopping && epoch.is_none_or(|epoch| epoch == self.epoch)
    }
}

/// A change of the in-sync replicas on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingIsr {
    /// Its number, by which the answer to it is known from one to an earlier proposal.
    pub number: u64,
    /// What the leader proposes.
    pub proposed: Arc<[NodeId]>,
    /// The follower that is to join; `None` if some are to leave.
    pub joining: Option<NodeId>,
}

/// What a leader does about the controller's refusal of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRefusal {
    /// The committed in-sync replicas stand; another change may be tried.
    RolledBack,
    /// The same request goes again.
    Resend,
    /// New metadata is on its way and will say how things are.
    Wait,
}

impl Replica {
    /// The change that is on its way.
    pub fn pending_isr(&self) -> Option<&PendingIsr> {
        self.pending.as_ref()
    }

    /// Whether a follower may count as in sync already: it is, or it is about to join.
    pub fn may_be_in_sync(&self, node: NodeId) -> bool {
        let joining = self.pending.as_ref().and_then(|pending| pending.joining);
        self.isr().contains(&node) || joining == Some(node)
    }

    /// After a fetch of a follower: it is to join when it has everything below the high watermark
    /// and has reached the beginning of this leader epoch. Returns what to propose.
    pub fn propose_joining(&mut self, node: NodeId) -> Option<Arc<[NodeId]>> {
        if self.pending.is_some() || self.isr().contains(&node) {
            return None;
        }
        let follower = self.followers().iter().find(|f| f.node == node)?;
        let end = follower.end?;
        let is_there = self.high_watermark() <= end && self.epoch_start() <= end;
        if !is_there || !follower.is_eligible() {
            return None;
        }
        let proposed: Arc<[NodeId]> = self.isr().iter().copied().chain([node]).collect();
        self.propose(&proposed, Some(node));
        Some(proposed)
    }

    /// Every half `replica.lag.time.max.ms`: whoever has not been caught up for that long is to
    /// leave, all in one change. Returns what to propose.
    pub fn propose_leaving(&mut self, now: Instant, log_end: Offset) -> Option<Arc<[NodeId]>> {
        if self.pending.is_some() {
            return None;
        }
        let lags = |node: &NodeId| {
            let follower = self.followers().iter().find(|f| f.node == *node);
            follower.is_some_and(|f| !f.is_caught_up(now, log_end, self.lag()))
        };
        if !self.isr().iter().any(lags) {
            return None;
        }
        let stay = self.isr().iter().filter(|node| !lags(node));
        let proposed: Arc<[NodeId]> = stay.copied().collect();
        self.propose(&proposed, None);
        Some(proposed)
    }

    fn propose(&mut self, proposed: &Arc<[NodeId]>, joining: Option<NodeId>) {
        self.proposals += 1;
        self.pending = Some(PendingIsr {
            number: self.proposals,
            proposed: Arc::clone(proposed),
            joining,
        });
    }

    /// The controller has accepted this change. Returns whether it was still pending; then the high
    /// watermark is to be looked at. An answer that metadata overtook is of no interest.
    pub fn on_isr_committed(&mut self, number: u64) -> bool {
        let Some(pending) = self.pending.take_if(|pending| pending.number == number) else {
            return false;
        };
        self.set_isr(pending.proposed);
        true
    }

    /// The controller has refused this change.
    pub fn on_isr_refused(&mut self, number: u64, error: ErrorCode) -> AfterRefusal {
        if self
            .pending
            .as_ref()
            .is_none_or(|pending| pending.number != number)
        {
            return AfterRefusal::Wait;
        }
        match error {
            ErrorCode::OperationNotAttempted | ErrorCode::IneligibleReplica => {
                self.pending = None;
                AfterRefusal::RolledBack
            }
            ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::InvalidUpdateVersion
            | ErrorCode::InvalidRequest
            | ErrorCode::NewLeaderElected => AfterRefusal::Wait,
            _ => AfterRefusal::Resend,
        }
    }
}
