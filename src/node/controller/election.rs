//! Who leads a partition, and who is in sync with it, when brokers come and go
//! (`PartitionChangeBuilder`, `ReplicationControlManager.generateLeaderAndIsrUpdates`).
//!
//! Pure functions of one partition's state and of who is alive. Simplified: without eligible leader
//! replicas (KIP-966), so that the last in-sync replica stays in sync when its broker goes, and
//! leads again when it returns; and an unclean leader is recovered at once.

use std::sync::Arc;

use crate::base::NodeId;
use crate::kafka::message::PartitionMetadata;

/// A changed partition, and what changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// The new state.
    pub(super) state: PartitionMetadata,
    /// Who is in sync no longer.
    pub(super) left: Vec<NodeId>,
    /// Who is in sync now and was not.
    pub(super) joined: Vec<NodeId>,
    /// Whether there was an election.
    pub(super) is_election: bool,
    /// Whether the new leader was not in sync.
    pub(super) is_unclean: bool,
}

/// Sets the in-sync replicas, except that they never become nobody, and elects a leader among them:
/// the one there is if it can, else the first in the order of the replicas; if there is none and
/// `is_unclean_allowed`, the first replica that is active. `None` if all stays as it is.
pub(super) fn change(
    before: &PartitionMetadata,
    wanted: &[NodeId],
    is_unclean_allowed: bool,
    is_active: impl Fn(NodeId) -> bool,
) -> Option<Changed> {
    let mut isr = match wanted {
        [] => before.isr.to_vec(),
        wanted => wanted.to_vec(),
    };
    let can_lead = |node: &NodeId| is_active(*node) && isr.contains(node);
    let there = before.leader.filter(can_lead);
    let clean = there.or_else(|| before.replicas.iter().copied().find(can_lead));
    let unclean = || {
        before
            .replicas
            .iter()
            .copied()
            .find(|node| is_active(*node))
    };
    let leader = match clean {
        None if is_unclean_allowed => unclean(),
        clean => clean,
    };
    let is_unclean = clean.is_none() && leader.is_some();
    if is_unclean {
        isr = leader.into_iter().collect();
    }
    changed(before, isr, leader, is_unclean)
}

/// The first replica leads again, if it is active and in sync (`PREFERRED`).
pub(super) fn prefer(
    before: &PartitionMetadata,
    is_active: impl Fn(NodeId) -> bool,
) -> Option<Changed> {
    let preferred = *before.replicas.first()?;
    if !is_active(preferred) || !before.isr.contains(&preferred) {
        return None;
    }
    changed(before, before.isr.to_vec(), Some(preferred), false)
}

/// The leader epoch counts elections, the partition epoch every change.
fn changed(
    before: &PartitionMetadata,
    isr: Vec<NodeId>,
    leader: Option<NodeId>,
    is_unclean: bool,
) -> Option<Changed> {
    let is_election = leader != before.leader;
    if !is_election && isr[..] == before.isr[..] {
        return None;
    }
    let without = |these: &[NodeId], those: &[NodeId]| -> Vec<NodeId> {
        let new = these.iter().filter(|node| !those.contains(node));
        new.copied().collect()
    };
    let (left, joined) = (without(&before.isr, &isr), without(&isr, &before.isr));
    Some(Changed {
        state: PartitionMetadata {
            leader,
            leader_epoch: before.leader_epoch + u32::from(is_election),
            partition_epoch: before.partition_epoch + 1,
            isr: Arc::from(isr),
            ..before.clone()
        },
        left,
        joined,
        is_election,
        is_unclean,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{TopicId, TopicPartition};

    const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

    fn partition(leader: Option<u32>, isr: &[u32]) -> PartitionMetadata {
        PartitionMetadata {
            partition: TopicPartition::new(TopicId(0), 0),
            leader: leader.map(NodeId),
            leader_epoch: 4,
            partition_epoch: 7,
            replicas: ALL.into(),
            isr: isr.iter().map(|node| NodeId(*node)).collect(),
        }
    }

    fn but(gone: u32) -> impl Fn(NodeId) -> bool {
        move |node| node != NodeId(gone)
    }

    #[test]
    fn the_first_replica_in_sync_that_is_alive_leads_with_a_new_epoch() {
        let before = partition(Some(1), &[1, 3, 2]);
        let after = change(&before, &[NodeId(3), NodeId(2)], false, but(1)).expect("it changes");
        assert_eq!(
            after.state.leader,
            Some(NodeId(2)),
            "in the replicas' order"
        );
        assert_eq!(
            (after.state.leader_epoch, after.state.partition_epoch),
            (5, 8)
        );
        assert_eq!((after.left, after.is_unclean), (vec![NodeId(1)], false));
    }

    #[test]
    fn a_leader_that_is_alive_stays_and_its_epoch_with_it() {
        let before = partition(Some(2), &[1, 2, 3]);
        let after = change(&before, &[NodeId(2), NodeId(3)], false, but(1)).expect("it changes");
        assert_eq!(
            (after.state.leader, after.state.leader_epoch),
            (Some(NodeId(2)), 4)
        );
        assert_eq!(after.state.partition_epoch, 8);
        assert!(!after.is_election);
    }

    #[test]
    fn the_last_in_sync_replica_stays_in_sync_and_nobody_leads() {
        let before = partition(Some(1), &[1]);
        let after = change(&before, &[], false, but(1)).expect("it changes");
        assert_eq!(
            (after.state.leader, &after.state.isr[..]),
            (None, &[NodeId(1)][..])
        );
        let back = change(&after.state, &after.state.isr.clone(), false, |_| true);
        assert_eq!(back.expect("it changes").state.leader, Some(NodeId(1)));
    }

    #[test]
    fn an_unclean_election_takes_who_is_alive_and_counts_nobody_else_as_in_sync() {
        let before = partition(Some(1), &[1]);
        let after = change(&before, &[], true, but(1)).expect("it changes");
        assert!(after.is_unclean);
        assert_eq!(after.state.leader, Some(NodeId(2)));
        assert_eq!(&after.state.isr[..], [NodeId(2)]);
    }

    #[test]
    fn the_preferred_leader_returns_only_when_it_is_in_sync() {
        assert_eq!(prefer(&partition(Some(2), &[2, 3]), |_| true), None);
        let back = prefer(&partition(Some(2), &[2, 1]), |_| true).expect("it changes");
        assert_eq!(
            (back.state.leader, back.state.leader_epoch),
            (Some(NodeId(1)), 5)
        );
        assert_eq!(prefer(&back.state, |_| true), None, "it leads already");
    }
}
