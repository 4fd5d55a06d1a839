//! Server-side assignors (KIP-848, `org.apache.kafka.coordinator.group.assignor`): how a group
//! coordinator computes the target of a group of the consumer protocol.
//!
//! | assignor | members | free partitions |
//! |---|---|---|
//! | `range` | static ones first, by id | in a row per topic, whatever the target was |
//! | `uniform`, equal subscriptions ([`uniform`]) | in the order of a hash map | topics in the order of a hash set |
//! | `uniform`, different ones ([`heterogeneous`]) | in the order of a hash map | topics with many per subscriber first |
//!
//! Only the target: how members get there, revoking first, is the coordinator's.

mod balancer;
mod heterogeneous;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};

use super::{Candidate, KnownTopic, range, with_subscribers};
use crate::base::{TopicId, TopicPartition};
use crate::kafka::hash::string_hash;
use crate::kafka::java_hash;

/// The id that a cluster gives a topic (`org.apache.kafka.common.Uuid`). Ids compare as two signed
/// numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicUuid {
    /// The most significant bits.
    pub high: i64,
    /// The least significant bits.
    pub low: i64,
}

/// A topic as the coordinator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerTopic<'a> {
    /// Its id here, its name and its partitions.
    pub known: KnownTopic<'a>,
    /// Its id in the cluster.
    pub uuid: TopicUuid,
}

/// A member of a group of the consumer protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetMember<'a> {
    /// Its ids and what it subscribes to; topics that nobody knows count as absent.
    pub candidate: Candidate<'a>,
    /// Its target so far, with topics that are gone left out.
    pub target: &'a [TopicPartition],
}

/// What the group knows of its subscriptions (`SubscriptionType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscriptions {
    /// Every member subscribes to every name that anybody subscribes to.
    Equal,
    /// Some do not.
    Different,
}

impl Subscriptions {
    /// Of members that subscribe to these names; names of unknown topics count
    /// (`ModernGroup.subscriptionType`).
    pub fn of<'a>(members: impl IntoIterator<Item = &'a [TopicId]>) -> Self {
        let sets = members.into_iter().map(|names| names.iter().collect());
        let mut sets = sets.map(|names: BTreeSet<_>| names);
        let first = sets.next();
        if sets.all(|names| Some(&names) == first.as_ref()) {
            Self::Equal
        } else {
            Self::Different
        }
    }
}

impl TopicUuid {
    /// `Uuid.hashCode`.
    pub const fn hash(self) -> i32 {
        let mixed = self.high ^ self.low;
        (mixed >> 32) as i32 ^ mixed as i32
    }
}

/// The server's `range`: as the client's, with members and topics sorted alike.
pub fn server_range(
    members: &[TargetMember<'_>],
    topics: &[ServerTopic<'_>],
) -> Vec<Vec<TopicPartition>> {
    let candidates: Vec<Candidate<'_>> = members.iter().map(|m| m.candidate).collect();
    let known: Vec<KnownTopic<'_>> = topics.iter().map(|topic| topic.known).collect();
    let mut assigned = vec![Vec::new(); members.len()];
    range::assign(&with_subscribers(&candidates, &known), &mut assigned);
    assigned
}

/// The server's `uniform`: even first, then as much as possible stays where it is. Each list is in
/// the order of ids and numbers.
pub fn server_uniform(
    members: &[TargetMember<'_>],
    topics: &[ServerTopic<'_>],
    subscriptions: Subscriptions,
) -> Vec<Vec<TopicPartition>> {
    let input = Input::new(members, topics);
    let mut assigned = vec![Vec::new(); members.len()];
    if input.members.is_empty() || input.topics.is_empty() {
        return assigned;
    }
    let by_visit = match subscriptions {
        Subscriptions::Equal => uniform::divide(&input),
        Subscriptions::Different => heterogeneous::divide(&input),
    };
    for (index, mut list) in input.order.iter().zip(by_visit) {
        list.sort_unstable();
        assigned[*index] = list;
    }
    assigned
}

/// The input in the orders that matter.
struct Input<'a> {
    /// The members in the order of visits, and where each stands in the caller's list.
    members: Vec<TargetMember<'a>>,
    order: Vec<usize>,
    /// The known topics that somebody subscribes to.
    topics: BTreeMap<TopicId, ServerTopic<'a>>,
}

impl<'a> Input<'a> {
    fn new(members: &[TargetMember<'a>], topics: &[ServerTopic<'a>]) -> Self {
        let indices: Vec<usize> = (0..members.len()).collect();
        let hash = |index: &usize| string_hash(members[*index].candidate.member);
        let order = java_hash::iteration_order(&indices, hash);
        let subscribed: BTreeSet<TopicId> = members
            .iter()
            .flat_map(|member| member.candidate.topics)
            .copied()
            .collect();
        let used = topics.iter().filter(|t| subscribed.contains(&t.known.id));
        Self {
            members: order.iter().map(|index| members[*index]).collect(),
            order,
            topics: used.map(|topic| (topic.known.id, *topic)).collect(),
        }
    }

    fn partitions(&self, topic: TopicId) -> u32 {
        self.topics[&topic].known.partitions
    }
}
