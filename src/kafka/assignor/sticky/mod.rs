//! `StickyAssignor` and `CooperativeStickyAssignor` (`AbstractStickyAssignor`), without racks: as
//! even as possible, then as much as possible stays where it was.
//!
//! ```text
//! claims -- who owned what, by generation --+-- equal subscriptions ---- [`constrained`]
//!                                           +-- different ones --------- [`general`]
//! cooperative: what somebody else has still to give up is taken out of the answer again
//! ```
//!
//! Members are visited in the order of a Java hash map into which they were put in the given order,
//! and that decides which of several members with too much keeps more of it.

mod claims;
mod constrained;
mod general;
mod movements;

use std::collections::{BTreeMap, BTreeSet};

use super::{KnownTopic, java_order};
use crate::base::{TopicId, TopicPartition};
use crate::kafka::hash::string_hash;
use crate::kafka::java_hash;

/// What a sticky assignor sees of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant<'a> {
    /// Its member id.
    pub member: &'a str,
    /// What it subscribes to; topics the leader does not know count as absent.
    pub topics: &'a [TopicId],
    /// What it says it owns: in its user data (`sticky`) or its subscription (cooperative).
    pub owned: &'a [TopicPartition],
    /// The generation of what it owns, −1 for none.
    pub generation: i32,
    /// The generation in the field of its subscription, −1 for none. Kafka compares a claim's own
    /// generation with this one of the other claimant.
    pub joined_generation: i32,
}

/// How Kafka's own assignor throws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its books do not balance, which claims of partitions that do not exist bring about.
    IllegalState,
    /// A partition goes back to a member that was set aside.
    NullPointer,
    /// Nobody is left to balance.
    NoSuchElement,
}

impl Failure {
    /// The class of the exception.
    pub const fn exception(self) -> &'static str {
        match self {
            Self::IllegalState => "IllegalStateException",
            Self::NullPointer => "NullPointerException",
            Self::NoSuchElement => "NoSuchElementException",
        }
    }
}

/// The partitions of each member, in the order of the members; each list by topic name, then
/// number.
pub type Answer = Result<Vec<Vec<TopicPartition>>, Failure>;

/// The eager assignor, `sticky`.
///
/// # Errors
/// Where Kafka's own throws.
pub fn sticky(members: &[Claimant<'_>], topics: &[KnownTopic<'_>]) -> Answer {
    let group = Group::new(members, topics);
    let divided = group.divide()?;
    Ok(group.answer(divided.assignment))
}

/// The cooperative assignor, `cooperative-sticky`: a partition that its owner has still to give up
/// goes to nobody in this round.
///
/// # Errors
/// Where Kafka's own throws.
pub fn cooperative_sticky(members: &[Claimant<'_>], topics: &[KnownTopic<'_>]) -> Answer {
    let group = Group::new(members, topics);
    let Divided {
        mut assignment,
        transferring,
    } = group.divide()?;
    let transferring = transferring.unwrap_or_else(|| group.transfers(&assignment));
    for (place, member) in transferring {
        take_out(&mut assignment[member], place);
    }
    Ok(group.answer(assignment))
}

/// A partition by the rank of its topic's name, so that its order is Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    topic: usize,
    partition: u32,
}

/// A member in the order of visits.
struct Visited<'a> {
    /// Its place in the list of the caller.
    index: usize,
    /// The rank of its id.
    rank: usize,
    claimant: Claimant<'a>,
    /// What it subscribes to and the leader knows, by rank, in the order of its subscription.
    topics: Vec<usize>,
}

/// The input in the orders that matter.
struct Group<'a> {
    members: Vec<Visited<'a>>,
    /// Ids and partition counts of known topics that somebody subscribes to, by name.
    topics: Vec<(TopicId, u32)>,
    by_id: BTreeMap<TopicId, usize>,
    /// The hashes of the topics' names.
    name_hashes: Vec<i32>,
}

/// Partitions per member in the order of visits, and which of them are another's still. Only the
/// builder for equal subscriptions keeps book of the latter.
struct Divided {
    assignment: Vec<Vec<Place>>,
    transferring: Option<BTreeMap<Place, usize>>,
}

/// Takes a partition out of a list (`List.remove(Object)`).
fn take_out(list: &mut Vec<Place>, place: Place) {
    if let Some(index) = list.iter().position(|p| *p == place) {
        list.remove(index);
    }
}

impl<'a> Group<'a> {
    fn new(members: &[Claimant<'a>], topics: &[KnownTopic<'_>]) -> Self {
        let wanted: BTreeSet<TopicId> = members.iter().flat_map(|m| m.topics).copied().collect();
        let is_used = |topic: &&KnownTopic<'_>| wanted.contains(&topic.id) && 0 < topic.partitions;
        let mut known: Vec<&KnownTopic<'_>> = topics.iter().filter(is_used).collect();
        known.sort_by(|a, b| java_order(a.name, b.name));
        let by_id: BTreeMap<TopicId, usize> = known
            .iter()
            .enumerate()
            .map(|(rank, topic)| (topic.id, rank))
            .collect();
        let mut ranked: Vec<usize> = (0..members.len()).collect();
        ranked.sort_by(|a, b| java_order(members[*a].member, members[*b].member));
        let mut ranks = vec![0; members.len()];
        for (rank, index) in ranked.into_iter().enumerate() {
            ranks[index] = rank;
        }
        let indices: Vec<usize> = (0..members.len()).collect();
        let hash = |index: &usize| string_hash(members[*index].member);
        let visits = java_hash::iteration_order(&indices, hash);
        let visited = visits.into_iter().map(|index| {
            let claimant = members[index];
            let topics = claimant.topics.iter();
            Visited {
                index,
                rank: ranks[index],
                claimant,
                topics: topics
                    .filter_map(|topic| by_id.get(topic).copied())
                    .collect(),
            }
        });
        Self {
            members: visited.collect(),
            topics: known
                .iter()
                .map(|topic| (topic.id, topic.partitions))
                .collect(),
            by_id,
            name_hashes: known.iter().map(|topic| string_hash(topic.name)).collect(),
        }
    }

    fn divide(&self) -> Result<Divided, Failure> {
        if self.members.is_empty() {
            return Ok(Divided {
                assignment: Vec::new(),
                transferring: None,
            });
        }
        let claims = self.claims();
        if self.is_subscribed_alike() {
            return constrained::divide(self, claims);
        }
        let assignment = general::divide(self, claims)?;
        Ok(Divided {
            assignment,
            transferring: None,
        })
    }

    /// A partition of a known topic.
    fn place(&self, partition: TopicPartition) -> Option<Place> {
        let topic = *self.by_id.get(&partition.topic)?;
        Some(Place {
            topic,
            partition: partition.partition,
        })
    }

    /// All partitions of a topic.
    fn places(&self, topic: usize) -> impl Iterator<Item = Place> + use<> {
        let partitions = self.topics[topic].1;
        (0..partitions).map(move |partition| Place { topic, partition })
    }

    fn partition_count(&self) -> usize {
        let counts = self
            .topics
            .iter()
            .map(|(_, partitions)| *partitions as usize);
        counts.sum()
    }

    /// Added for one member while another one has it (`computePartitionsTransferringOwnership`).
    fn transfers(&self, assignment: &[Vec<Place>]) -> BTreeMap<Place, usize> {
        let mut added = BTreeMap::new();
        let mut revoked = BTreeSet::new();
        for (member, assigned) in assignment.iter().enumerate() {
            let owned = self.members[member].claimant.owned.iter();
            let owned: BTreeSet<Place> = owned.filter_map(|tp| self.place(*tp)).collect();
            let assigned: BTreeSet<Place> = assigned.iter().copied().collect();
            added.extend(assigned.difference(&owned).map(|place| (*place, member)));
            revoked.extend(owned.difference(&assigned).copied());
        }
        added.retain(|place, _| revoked.contains(place));
        added
    }

    /// The answer in the order of the caller's members.
    fn answer(&self, assignment: Vec<Vec<Place>>) -> Vec<Vec<TopicPartition>> {
        let mut answer = vec![Vec::new(); self.members.len()];
        for (member, mut places) in self.members.iter().zip(assignment) {
            places.sort_unstable();
            let named = places
                .into_iter()
                .map(|place| TopicPartition::new(self.topics[place.topic].0, place.partition));
            answer[member.index] = named.collect();
        }
        answer
    }
}
