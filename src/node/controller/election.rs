//! Who leads a partition, who is in sync with it and who else may lead it, when brokers come and go
//! (`PartitionChangeBuilder`, `ReplicationControlManager.generateLeaderAndIsrUpdates`).
//!
//! Pure functions of one partition's state and of who is alive. With eligible leader replicas
//! (KIP-966) the in-sync replicas may become none: who leaves them while they are fewer than
//! `min.insync.replicas` stays eligible, because nothing could be acknowledged without it since.
//! Simplified: an unclean leader is recovered at once.

use std::sync::Arc;

use crate::base::NodeId;
use crate::kafka::message::PartitionMetadata;
use crate::node::fact::Choice;

/// Who may lead a partition without being in sync (KIP-966). Brokers are not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Eligible {
    /// The eligible leader replicas, ascending: they have everything that was replicated.
    pub(super) replicas: Vec<NodeId>,
    /// Who led last, while nobody leads and nobody is in sync.
    pub(super) last_leader: Option<NodeId>,
}

/// How leaders of a topic are elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `min.insync.replicas`, at most the number of replicas; `None`: without eligible leader
    /// replicas.
    pub min_isr: Option<u32>,
    /// `unclean.leader.election.enable`, or an administrator who asks for it.
    pub unclean: bool,
}

/// What a change asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// The in-sync replicas; `None`: those there are.
    pub(super) isr: Option<Vec<NodeId>>,
    /// A broker whose last process did not close its logs: it may lack what it had.
    pub(super) unclean_shutdown: Option<NodeId>,
}

/// A change of a partition's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// The new state.
    pub(super) state: PartitionMetadata,
    /// Who may lead besides, and who could before.
    pub(super) eligible: [Eligible; 2],
    /// Who is in sync no longer.
    pub(super) left: Vec<NodeId>,
    /// Who is in sync now and was not.
    pub(super) joined: Vec<NodeId>,
    /// Whether another leads, or nobody.
    pub(super) is_election: bool,
    /// How the leader was found.
    pub(super) choice: Choice,
}

/// The next state of a partition. The leader stays if it may lead; else the first replica leads that
/// is in sync and alive; else, if nobody is in sync, the first that is eligible and alive; else who
/// led last; else, if that is allowed, the first that is alive. `None`: nothing changes.
pub(super) fn change(
    (before, eligible): (&PartitionMetadata, &Eligible),
    wanted: &Wanted,
    rules: Rules,
    is_active: impl Fn(NodeId) -> bool,
) -> Option<Changed> {
    let isr = wanted.isr.as_deref().unwrap_or(&before.isr);
    let others = still_eligible(before, eligible, (isr, wanted.unclean_shutdown), rules);
    let may_lead = |node: &NodeId| {
        let counts = isr.contains(node) || (isr.is_empty() && others.contains(node));
        counts && is_active(*node)
    };
    let there = before.leader.filter(may_lead);
    let clean = there.or_else(|| before.replicas.iter().copied().find(may_lead));
    let nobody_is_left = rules.min_isr.is_some() && isr.is_empty() && others.is_empty();
    let last = eligible.last_leader.filter(|node| is_active(*node));
    let first_alive = || {
        before
            .replicas
            .iter()
            .copied()
            .find(|node| is_active(*node))
    };
    let (leader, choice) = if let Some(leader) = clean {
        let is_eligible = others.contains(&leader);
        (
            Some(leader),
            [Choice::InSync, Choice::Eligible][usize::from(is_eligible)],
        )
    } else if let (true, Some(last)) = (nobody_is_left, last) {
        (Some(last), Choice::LastLeader)
    } else if let (true, Some(alive)) = (rules.unclean, first_alive()) {
        (Some(alive), Choice::Unclean)
    } else {
        (None, Choice::InSync)
    };
    let mut next = Next {
        isr: isr.to_vec(),
        others,
        leader,
        choice,
    };
    if choice != Choice::InSync {
        next.isr = leader.into_iter().collect();
        next.others
            .retain(|node| choice == Choice::Eligible && Some(*node) != leader);
    } else if rules.min_isr.is_none() && isr.is_empty() {
        next.isr = before.isr.to_vec();
    }
    changed(before, eligible, next)
}

/// Who may lead besides those in sync: who was in sync or eligible and is not in sync now, as long as
/// fewer than `min.insync.replicas` are (`maybePopulateTargetElr`).
fn still_eligible(
    before: &PartitionMetadata,
    eligible: &Eligible,
    (isr, unclean_shutdown): (&[NodeId], Option<NodeId>),
    rules: Rules,
) -> Vec<NodeId> {
    let has_enough = |min: u32| min.min(before.replicas.len() as u32) <= isr.len() as u32;
    if rules.min_isr.is_none_or(has_enough) {
        return Vec::new();
    }
    let candidates = eligible.replicas.iter().chain(before.isr.iter()).copied();
    let stays = |node: &NodeId| !isr.contains(node) && Some(*node) != unclean_shutdown;
    let mut others: Vec<NodeId> = candidates.filter(stays).collect();
    others.sort_unstable();
    others.dedup();
    others
}

/// The preferred leader, the first replica, takes the lead back. `None`: it leads already, or may
/// not lead.
pub(super) fn prefer(
    (before, eligible): (&PartitionMetadata, &Eligible),
    is_active: impl Fn(NodeId) -> bool,
) -> Option<Changed> {
    let preferred = *before.replicas.first()?;
    if !is_active(preferred) || !before.isr.contains(&preferred) {
        return None;
    }
    let next = Next {
        isr: before.isr.to_vec(),
        others: eligible.replicas.clone(),
        leader: Some(preferred),
        choice: Choice::InSync,
    };
    changed(before, eligible, next)
}

struct Next {
    isr: Vec<NodeId>,
    others: Vec<NodeId>,
    leader: Option<NodeId>,
    choice: Choice,
}

fn changed(before: &PartitionMetadata, eligible: &Eligible, next: Next) -> Option<Changed> {
    let is_election = next.leader != before.leader;
    // Who led last is noted when nobody is in sync any more, and forgotten when somebody leads.
    let last_leader = match next.leader {
        Some(_) => None,
        None if next.isr.is_empty() && !before.isr.is_empty() => before.leader,
        None => eligible.last_leader,
    };
    let now = Eligible {
        replicas: next.others,
        last_leader,
    };
    if !is_election && next.isr[..] == before.isr[..] && now == *eligible {
        return None;
    }
    let without = |these: &[NodeId], those: &[NodeId]| -> Vec<NodeId> {
        let new = these.iter().filter(|node| !those.contains(node));
        new.copied().collect()
    };
    let left = without(&before.isr, &next.isr);
    let joined = without(&next.isr, &before.isr);
    Some(Changed {
        state: PartitionMetadata {
            leader: next.leader,
            leader_epoch: before.leader_epoch + u32::from(is_election),
            partition_epoch: before.partition_epoch + 1,
            isr: Arc::from(next.isr),
            ..before.clone()
        },
        eligible: [now, eligible.clone()],
        left,
        joined,
        is_election,
        choice: next.choice,
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

    fn but(gone: &[u32]) -> impl Fn(NodeId) -> bool {
        let gone = gone.to_vec();
        move |node| !gone.contains(&node.0)
    }

    const OLD: Rules = Rules {
        min_isr: None,
        unclean: false,
    };
    const NEW: Rules = Rules {
        min_isr: Some(2),
        unclean: false,
    };
    const UNCLEAN: Rules = Rules {
        unclean: true,
        ..NEW
    };

    fn isr(nodes: &[NodeId]) -> Wanted {
        Wanted {
            isr: Some(nodes.to_vec()),
            unclean_shutdown: None,
        }
    }

    fn eligible(replicas: &[u32], last_leader: Option<u32>) -> Eligible {
        Eligible {
            replicas: replicas.iter().map(|node| NodeId(*node)).collect(),
            last_leader: last_leader.map(NodeId),
        }
    }

    #[test]
    fn the_first_replica_in_sync_that_is_alive_leads_with_a_new_epoch() {
        let (before, none) = (partition(Some(1), &[1, 3, 2]), Eligible::default());
        for rules in [OLD, NEW, UNCLEAN] {
            let wanted = &isr(&[NodeId(3), NodeId(2)]);
            let after = change((&before, &none), wanted, rules, but(&[1])).expect("it changes");
            let state = &after.state;
            assert_eq!(state.leader, Some(NodeId(2)), "in the replicas' order");
            assert_eq!((state.leader_epoch, state.partition_epoch), (5, 8));
            assert_eq!(
                (&after.left[..], after.choice),
                (&[NodeId(1)][..], Choice::InSync)
            );
            assert_eq!(after.eligible, [Eligible::default(), Eligible::default()]);
        }
    }

    #[test]
    fn a_leader_that_is_alive_stays_and_its_epoch_with_it() {
        let (before, none) = (partition(Some(2), &[1, 2, 3]), Eligible::default());
        let wanted = &isr(&[NodeId(2), NodeId(3)]);
        let after = change((&before, &none), wanted, NEW, but(&[1])).expect("it changes");
        let state = &after.state;
        assert_eq!((state.leader, state.leader_epoch), (Some(NodeId(2)), 4));
        assert_eq!(state.partition_epoch, 8);
        assert!(!after.is_election);
    }

    #[test]
    fn without_eligible_replicas_the_last_in_sync_replica_stays_in_sync_and_nobody_leads() {
        let (before, none) = (partition(Some(1), &[1]), Eligible::default());
        let after = change((&before, &none), &isr(&[]), OLD, but(&[1])).expect("it changes");
        assert_eq!(after.state.leader, None);
        assert_eq!(&after.state.isr[..], [NodeId(1)]);
        let back = change((&after.state, &none), &Wanted::default(), OLD, |_| true);
        let back = back.expect("it changes");
        assert_eq!(
            (back.state.leader, back.choice),
            (Some(NodeId(1)), Choice::InSync)
        );
    }

    #[test]
    fn who_leaves_while_too_few_are_in_sync_stays_eligible_and_leads_once_nobody_is_in_sync() {
        let none = Eligible::default();
        let before = partition(Some(1), &[1, 2]);
        let one = change((&before, &none), &isr(&[NodeId(1)]), NEW, but(&[2, 3]));
        let one = one.expect("it changes");
        assert_eq!(one.eligible[0], eligible(&[2], None));
        let of = (&one.state, &one.eligible[0]);
        let nobody = change(of, &isr(&[]), NEW, but(&[1, 2, 3])).expect("it changes");
        assert_eq!(
            (nobody.state.leader, &nobody.state.isr[..]),
            (None, &[][..])
        );
        assert_eq!(nobody.eligible[0], eligible(&[1, 2], Some(1)));
        let of = (&nobody.state, &nobody.eligible[0]);
        assert_eq!(
            change(of, &Wanted::default(), NEW, but(&[1, 2])),
            None,
            "the third was not in sync when something could be acknowledged last"
        );
        let back = change(of, &Wanted::default(), NEW, but(&[1, 3])).expect("it changes");
        assert_eq!(
            (back.state.leader, back.choice),
            (Some(NodeId(2)), Choice::Eligible)
        );
        assert_eq!(&back.state.isr[..], [NodeId(2)]);
        assert_eq!(back.eligible[0], eligible(&[1], None));
        let of = (&back.state, &back.eligible[0]);
        let both = change(of, &isr(&[NodeId(2), NodeId(1)]), NEW, |_| true).expect("it changes");
        assert_eq!(both.eligible[0], Eligible::default(), "enough are in sync");
    }

    #[test]
    fn who_did_not_close_its_logs_is_eligible_no_longer_and_who_led_last_is_the_last_resort() {
        let before = partition(None, &[]);
        let two = eligible(&[1, 2], Some(1));
        let crashed = |node| Wanted {
            isr: None,
            unclean_shutdown: Some(NodeId(node)),
        };
        let one = change((&before, &two), &crashed(2), NEW, but(&[1, 2])).expect("it changes");
        assert_eq!(one.eligible[0], eligible(&[1], Some(1)));
        assert!(!one.is_election);
        assert_eq!(one.state.partition_epoch, 8);
        let of = (&one.state, &one.eligible[0]);
        let none = change(of, &crashed(1), NEW, but(&[1])).expect("it changes");
        assert_eq!(none.eligible[0], eligible(&[], Some(1)));
        let of = (&none.state, &none.eligible[0]);
        assert_eq!(change(of, &Wanted::default(), NEW, but(&[1])), None);
        let back = change(of, &Wanted::default(), NEW, |_| true).expect("it changes");
        assert_eq!(
            (back.state.leader, back.choice),
            (Some(NodeId(1)), Choice::LastLeader)
        );
        assert_eq!(back.eligible[0], Eligible::default());
    }

    #[test]
    fn an_unclean_election_takes_who_is_alive_and_counts_nobody_else_as_in_sync() {
        let (before, none) = (partition(Some(1), &[1]), Eligible::default());
        for rules in [
            UNCLEAN,
            Rules {
                min_isr: None,
                ..UNCLEAN
            },
        ] {
            let after = change((&before, &none), &isr(&[]), rules, but(&[1])).expect("it changes");
            assert_eq!(after.choice, Choice::Unclean);
            assert_eq!(after.state.leader, Some(NodeId(2)));
            assert_eq!(&after.state.isr[..], [NodeId(2)]);
            assert_eq!(after.eligible[0], Eligible::default());
        }
    }

    #[test]
    fn the_preferred_leader_returns_only_when_it_is_in_sync() {
        let none = Eligible::default();
        let prefer = |state: &PartitionMetadata| prefer((state, &none), |_| true);
        assert_eq!(prefer(&partition(Some(2), &[2, 3])), None);
        let back = prefer(&partition(Some(2), &[2, 1])).expect("it changes");
        let state = &back.state;
        assert_eq!((state.leader, state.leader_epoch), (Some(NodeId(1)), 5));
        assert_eq!(prefer(state), None, "it leads already");
    }
}
