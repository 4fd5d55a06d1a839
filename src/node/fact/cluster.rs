//! Facts of a cluster whose brokers fail: elections, in-sync replicas, fencing, truncation.
//!
//! A controller states what it decided, a broker what it did about it. In a cluster that nothing
//! befalls none of them is stated.

use std::sync::Arc;

use serde::Serialize;

use crate::base::{NodeId, Offset, TopicPartition};

/// Why a replica may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// It is in sync, or nobody may lead.
    InSync,
    /// It was in sync when records could be acknowledged last (KIP-966).
    Eligible,
    /// It led last, and nobody who is eligible is left: unclean, since it may lack what it had.
    LastLeader,
    /// It is alive, and that is enough (`unclean.leader.election.enable`).
    Unclean,
}

impl Choice {
    /// Whether the leader may lack what was replicated (`PartitionRegistration.electionWasClean`).
    pub const fn is_unclean(self) -> bool {
        matches!(self, Self::LastLeader | Self::Unclean)
    }
}

/// Facts about who leads, who is in sync, and whose log was cut.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum ClusterFact {
    /// The controller has chosen another leader, or found none.
    LeaderElected {
        /// The partition.
        partition: TopicPartition,
        /// Who leads from now on; `None`: nobody can.
        leader: Option<NodeId>,
        /// The new leader epoch.
        leader_epoch: u32,
        /// The in-sync replicas.
        isr: Arc<[NodeId]>,
        /// Why it may lead.
        choice: Choice,
    },
    /// Replicas are in sync no longer: they lagged behind, or their broker was fenced or stops.
    IsrShrunk {
        /// The partition.
        partition: TopicPartition,
        /// Who left.
        left: Arc<[NodeId]>,
        /// Who is in sync now.
        isr: Arc<[NodeId]>,
    },
    /// Others may lead a partition now, though they are not in sync (KIP-966).
    ElrChanged {
        /// The partition.
        partition: TopicPartition,
        /// The eligible leader replicas.
        elr: Arc<[NodeId]>,
    },
    /// A replica has caught up and is in sync.
    IsrExpanded {
        /// The partition.
        partition: TopicPartition,
        /// Who joined.
        joined: Arc<[NodeId]>,
        /// Who is in sync now.
        isr: Arc<[NodeId]>,
    },
    /// The controller has not heard of a broker for `broker.session.timeout.ms`, or the broker
    /// stops: it leads nothing and is in sync nowhere.
    BrokerFenced {
        /// The broker.
        broker: NodeId,
    },
    /// A fenced broker counts again.
    BrokerUnfenced {
        /// The broker.
        broker: NodeId,
    },
    /// A broker has heard that it leads, and begins to.
    LeadershipBegun {
        /// The partition.
        partition: TopicPartition,
        /// The leader epoch.
        leader_epoch: u32,
        /// Where its log ends.
        end: Offset,
        /// By whom its log was written: each leader epoch with the offset at which it begins.
        epochs: Arc<[(u32, Offset)]>,
    },
    /// A follower has cut off what its leader does not have.
    LogTruncated {
        /// The partition.
        partition: TopicPartition,
        /// Where its log ended.
        from: Offset,
        /// Where it ends now.
        to: Offset,
        /// The leader.
        leader: NodeId,
    },
}

impl ClusterFact {
    /// The broker it is about, if not the one that states it.
    pub fn actor(&self) -> Option<NodeId> {
        match self {
            Self::LeaderElected { leader, .. } => *leader,
            Self::IsrShrunk { left: of, .. } | Self::IsrExpanded { joined: of, .. } => {
                of.first().copied()
            }
            Self::BrokerFenced { broker } | Self::BrokerUnfenced { broker } => Some(*broker),
            Self::ElrChanged { .. } | Self::LeadershipBegun { .. } | Self::LogTruncated { .. } => {
                None
            }
        }
    }

    /// The partition it is about, if it is about one.
    pub fn partition(&self) -> Option<TopicPartition> {
        match self {
            Self::LeaderElected { partition, .. }
            | Self::IsrShrunk { partition, .. }
            | Self::IsrExpanded { partition, .. }
            | Self::ElrChanged { partition, .. }
            | Self::LeadershipBegun { partition, .. }
            | Self::LogTruncated { partition, .. } => Some(*partition),
            Self::BrokerFenced { .. } | Self::BrokerUnfenced { .. } => None,
        }
    }
}
