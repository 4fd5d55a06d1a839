//! The lines of elections, in-sync replicas, fencing and truncation.

use super::name;
use crate::base::NodeId;
use crate::kafka::Cast;
use crate::node::fact::{Choice, ClusterFact};

/// Verb and text of a fact about the cluster.
pub(super) fn line(cast: &Cast, fact: &ClusterFact) -> (&'static str, String) {
    match fact {
        ClusterFact::LeaderElected { .. } => ("elects", election(cast, fact)),
        ClusterFact::IsrShrunk {
            partition,
            left,
            isr,
        } => {
            let (left, isr) = (names(cast, left), names(cast, isr));
            let partition = cast.partition(*partition);
            (
                "shrinks",
                format!("ISR of {partition} by {left} (in sync: {isr})"),
            )
        }
        ClusterFact::IsrExpanded {
            partition,
            joined,
            isr,
        } => {
            let (joined, isr) = (names(cast, joined), names(cast, isr));
            let partition = cast.partition(*partition);
            (
                "expands",
                format!("ISR of {partition} by {joined} (in sync: {isr})"),
            )
        }
        ClusterFact::ElrChanged { partition, elr } => {
            let elr = names(cast, elr);
            (
                "counts",
                format!("as eligible to lead {}: {elr}", cast.partition(*partition)),
            )
        }
        ClusterFact::BrokerFenced { broker } => ("fences", cast.actor(*broker).to_owned()),
        ClusterFact::BrokerUnfenced { broker } => ("unfences", cast.actor(*broker).to_owned()),
        ClusterFact::LeadershipBegun {
            partition,
            leader_epoch,
            end,
            ..
        } => {
            let partition = cast.partition(*partition);
            (
                "leads",
                format!("{partition} from offset {end} on (epoch {leader_epoch})"),
            )
        }
        ClusterFact::LogTruncated {
            partition,
            from,
            to,
            leader,
        } => {
            let place = name::offsets(cast, *partition, *to, (from - to) as u32);
            (
                "truncates",
                format!("{place}: {} has other or none", cast.actor(*leader)),
            )
        }
    }
}

/// Who leads now, why, and who is in sync.
fn election(cast: &Cast, fact: &ClusterFact) -> String {
    let ClusterFact::LeaderElected {
        partition,
        leader,
        leader_epoch,
        isr,
        choice,
    } = fact
    else {
        unreachable!("only an election is told as one: {fact:?}")
    };
    let leader = leader.map_or("nobody", |leader| cast.actor(leader));
    let choice = match choice {
        Choice::InSync => "",
        Choice::Eligible => ", eligible",
        Choice::LastLeader => ", who led last",
        Choice::Unclean => ", not in sync",
    };
    let (partition, isr) = (cast.partition(*partition), names(cast, isr));
    format!("{leader} for {partition}{choice} (epoch {leader_epoch}, in sync: {isr})")
}

pub(super) fn names(cast: &Cast, nodes: &[NodeId]) -> String {
    if nodes.is_empty() {
        return "nobody".to_owned();
    }
    let names: Vec<&str> = nodes.iter().map(|node| cast.actor(*node)).collect();
    names.join(" ")
}
