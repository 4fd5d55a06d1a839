//! What a fact of a log or of the cluster says, as a clause for a chain, and the rules behind
//! elections. The others are in `said` and `rules`.

use super::said::overtaker_in;
use super::why::{Question, Symptom};
use crate::base::{NodeId, Offset};
use crate::node::fact::{Choice, ClusterFact, LogFact};

/// What happened to a log.
pub(super) fn what_log(q: &Question<'_>, who: &str, fact: &LogFact) -> String {
    match fact {
        LogFact::Appended {
            partition,
            base_offset,
            records,
            count,
            ..
        } => {
            let place = q.cast.partition(*partition);
            if let (None, Some(index), Symptom::Overtaken(_, by)) = (
                records.position(q.record),
                overtaker_in(q, records),
                q.symptom,
            ) {
                let (by, offset) = (q.cast.record(by), base_offset + Offset::from(index));
                return format!("{who} writes {by}, of the same key, at {place}@{offset}");
            }
            let Some(index) = records.position(q.record) else {
                let last = base_offset + Offset::from(*count) - 1;
                return format!("{who} writes later records at {place}@{base_offset}..{last}");
            };
            let offset = base_offset + Offset::from(index);
            let record = q.cast.record(q.record);
            format!("{who} writes {record} at {place}@{offset}")
        }
        LogFact::RetryDeduplicated { .. } => {
            format!("{who} recognises the batch and does not write it again")
        }
        LogFact::AppendRefused { error, records, .. } => {
            let which = ["another batch", "the batch"];
            let which = which[usize::from(records.position(q.record).is_some())];
            format!("{who} refuses {which}: {}", error.name())
        }
        LogFact::Replicated { partition, to, .. } => {
            format!("{} is replicated up to {to}", q.cast.partition(*partition))
        }
        LogFact::TopicCreated { topic, .. } => format!("{} is created", q.cast.topic(*topic)),
        LogFact::PartitionState {
            partition, leader, ..
        } => {
            let leader = leader.map_or("nobody", |node| q.cast.actor(node));
            format!("{} is led by {leader}", q.cast.partition(*partition))
        }
        LogFact::MetadataRefreshed => format!("{who} has new metadata"),
        LogFact::PartitionsAdded { topic, from, to } => {
            format!(
                "{} has {to} partitions now, it had {from}",
                q.cast.topic(*topic)
            )
        }
    }
}

/// What the controller decided, and brokers did about it.
pub(super) fn what_cluster(q: &Question<'_>, who: &str, fact: &ClusterFact) -> String {
    let place = fact.partition().map(|tp| q.cast.partition(tp));
    let place = place.unwrap_or_default();
    let names = |nodes: &[NodeId]| {
        let names: Vec<&str> = nodes.iter().map(|node| q.cast.actor(*node)).collect();
        names.join(" and ")
    };
    match fact {
        ClusterFact::LeaderElected { leader: None, .. } => format!("nobody can lead {place}"),
        ClusterFact::LeaderElected {
            leader: Some(leader),
            choice,
            ..
        } => {
            let leader = q.cast.actor(*leader);
            let choice = match choice {
                Choice::InSync => "",
                Choice::Eligible => ", for it was in sync when records could be acknowledged last",
                Choice::LastLeader => ", for it led last and nobody else is eligible",
                Choice::Unclean => ", though it is not in sync",
            };
            format!("{leader} is elected leader of {place}{choice}")
        }
        ClusterFact::IsrShrunk { left, .. } => {
            format!("{} is in sync with {place} no longer", names(left))
        }
        ClusterFact::IsrExpanded { joined, .. } => {
            format!("{} is in sync with {place} again", names(joined))
        }
        ClusterFact::ElrChanged { elr, .. } => match &elr[..] {
            [] => format!("only replicas in sync may lead {place}"),
            elr => format!("{} may lead {place} too", names(elr)),
        },
        ClusterFact::BrokerFenced { broker } => format!("{} is fenced", q.cast.actor(*broker)),
        ClusterFact::BrokerUnfenced { broker } => format!("{} counts again", q.cast.actor(*broker)),
        ClusterFact::LeadershipBegun { end, .. } => {
            format!("{who} begins to lead {place} with a log that ends at {end}")
        }
        ClusterFact::LogTruncated {
            from, to, leader, ..
        } => {
            let leader = q.cast.actor(*leader);
            format!(
                "{who} cuts off {place}@{to}..{}, which {leader} does not have",
                from - 1
            )
        }
    }
}

/// The rule behind a fact of the cluster. Most only say that something went its way.
pub(super) fn rule_cluster(fact: &ClusterFact) -> Option<&'static str> {
    Some(match fact {
        ClusterFact::LeaderElected {
            choice: Choice::Eligible,
            ..
        } => {
            "nobody is in sync; who left while fewer than min.insync.replicas were in sync may lead, \
             since nothing was replicated without it (KIP-966)"
        }
        ClusterFact::LeaderElected {
            choice: Choice::LastLeader,
            ..
        } => {
            "nobody is in sync, and the processes of all who were eligible ended without closing \
             their logs; who led last leads again: an unclean election (KIP-966)"
        }
        ClusterFact::LeaderElected {
            choice: Choice::Unclean,
            ..
        } => {
            "nobody in sync is alive and unclean.leader.election.enable=true, so the first replica \
             that is alive leads, whatever it lacks (PartitionChangeBuilder)"
        }
        ClusterFact::LeaderElected { leader: None, .. } => {
            "only replicas that are in sync or eligible may lead, and none of them is alive \
             (unclean.leader.election.enable=false)"
        }
        ClusterFact::LeaderElected { .. } => {
            "the first replica in sync that is alive leads (PartitionChangeBuilder)"
        }
        ClusterFact::BrokerFenced { .. } => {
            "a broker that was not heard for broker.session.timeout.ms leads nothing and is in sync \
             nowhere"
        }
        ClusterFact::LogTruncated { .. } => {
            "a follower makes its log its leader's: what it has beyond their common leader epochs \
             goes, acknowledged or not (KIP-101)"
        }
        ClusterFact::LeadershipBegun { .. } => {
            "the log of the leader is the log: what it lacks is in no log any more"
        }
        ClusterFact::IsrShrunk { .. }
        | ClusterFact::IsrExpanded { .. }
        | ClusterFact::ElrChanged { .. }
        | ClusterFact::BrokerUnfenced { .. } => return None,
    })
}
