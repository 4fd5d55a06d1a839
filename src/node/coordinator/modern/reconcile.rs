//! One step of one member towards its target (`CurrentAssignmentBuilder`).
//!
//! A partition goes from one member to another in three heartbeats: its owner is told to give it
//! up, says that it has, and the other is given it. Meanwhile nothing else of either stops.

use std::sync::Arc;

use crate::base::TopicPartition;
use crate::kafka::consumer_protocol::{CurrentAssignment, ReconcileState};

/// What a step looks at besides the member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal<'a> {
    /// The epoch of the target.
    pub(super) epoch: i32,
    /// The member's target, ascending.
    pub(super) target: &'a [TopicPartition],
    /// What the member says that it owns; `None`: it does not say.
    pub(super) owned: Option<&'a [TopicPartition]>,
}

impl Goal<'_> {
    /// Whether the member may still own some of these. Who says nothing may own everything.
    fn may_own(&self, partitions: &[TopicPartition]) -> bool {
        let Some(owned) = self.owned else {
            return true;
        };
        let is_one = |owned: &TopicPartition| partitions.binary_search(owned).is_ok();
        owned.iter().any(is_one)
    }
}

/// What the member is to own next; the same as now if it cannot go on.
pub(super) fn step(
    current: &CurrentAssignment,
    goal: Goal<'_>,
    is_free: impl Fn(TopicPartition) -> bool,
) -> CurrentAssignment {
    match current.state {
        ReconcileState::Stable if current.epoch == goal.epoch => current.clone(),
        ReconcileState::UnrevokedPartitions if goal.may_own(&current.revoking) => current.clone(),
        ReconcileState::UnrevokedPartitions => next(current, current.epoch + 1, goal, is_free),
        ReconcileState::Stable | ReconcileState::UnreleasedPartitions => {
            next(current, current.epoch, goal, is_free)
        }
    }
}

/// `computeNextAssignment`: first what has to go, then what is free.
fn next(
    current: &CurrentAssignment,
    epoch: i32,
    goal: Goal<'_>,
    is_free: impl Fn(TopicPartition) -> bool,
) -> CurrentAssignment {
    let stays = |partition: &TopicPartition| goal.target.binary_search(partition).is_ok();
    let (kept, gone): (Vec<_>, Vec<_>) = current.assigned.iter().copied().partition(stays);
    let is_new = |partition: &TopicPartition| kept.binary_search(partition).is_err();
    let wanted = goal.target.iter().copied().filter(is_new);
    let (free, taken): (Vec<_>, Vec<_>) = wanted.partition(|partition| is_free(*partition));
    let mut next = CurrentAssignment {
        epoch,
        previous_epoch: current.epoch,
        state: ReconcileState::UnrevokedPartitions,
        assigned: Arc::from([]),
        revoking: Arc::from([]),
    };
    if !gone.is_empty() && goal.may_own(&gone) {
        next.assigned = kept.into();
        next.revoking = gone.into();
        return next;
    }
    let mut assigned = kept;
    assigned.extend(free);
    assigned.sort_unstable();
    next.epoch = goal.epoch;
    next.assigned = assigned.into();
    next.state = if taken.is_empty() {
        ReconcileState::Stable
    } else {
        ReconcileState::UnreleasedPartitions
    };
    next
}
