//! Client-side assignors: how the leader of a classic group divides partitions among members.
//!
//! Pure functions of members and partition counts, without racks. `range` and `roundrobin` do not
//! look at what was owned before; the sticky ones read it in what each member said of itself.

mod range;
mod round_robin;
pub mod server;
pub mod sticky;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::config::consumer::Assignor;
use super::group::{Assignment, JoinedMember, MemberId};
use crate::base::{TopicId, TopicPartition};
use sticky::Claimant;

/// What an assignor sees of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its member id.
    pub member: &'a str,
    /// Its `group.instance.id`.
    pub instance: Option<&'a str>,
    /// What it subscribes to; topics the leader does not know count as absent.
    pub topics: &'a [TopicId],
}

/// A topic in the leader's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownTopic<'a> {
    /// Its id.
    pub id: TopicId,
    /// Its name, by which topics are sorted.
    pub name: &'a str,
    /// How many partitions it has.
    pub partitions: u32,
}

/// The partitions of each candidate, in the order of the candidates; each list by topic name,
/// then number.
pub fn assign(
    assignor: Assignor,
    candidates: &[Candidate<'_>],
    topics: &[KnownTopic<'_>],
) -> Vec<Vec<TopicPartition>> {
    let topics = with_subscribers(candidates, topics);
    let mut assigned = vec![Vec::new(); candidates.len()];
    match assignor {
        Assignor::Range => range::assign(&topics, &mut assigned),
        Assignor::RoundRobin => {
            round_robin::assign(&in_member_order(candidates), &topics, &mut assigned);
        }
        Assignor::Sticky | Assignor::CooperativeSticky => {
            unreachable!("the sticky assignors look at what was owned before")
        }
    }
    assigned
}

/// What the leader sends with `SyncGroup`: everybody's assignment, in the order of the members.
///
/// # Errors
/// Where Kafka's own assignor throws.
pub fn assign_members(
    assignor: Assignor,
    members: &[JoinedMember],
    topics: &[KnownTopic<'_>],
) -> Result<Vec<(MemberId, Assignment)>, sticky::Failure> {
    let assigned = match assignor {
        Assignor::Range | Assignor::RoundRobin => {
            let candidates: Vec<Candidate<'_>> = members.iter().map(candidate).collect();
            assign(assignor, &candidates, topics)
        }
        Assignor::Sticky => {
            let claimants: Vec<Claimant<'_>> = members.iter().map(eager_claimant).collect();
            sticky::sticky(&claimants, topics)?
        }
        Assignor::CooperativeSticky => {
            let claimants: Vec<Claimant<'_>> = members.iter().map(cooperative_claimant).collect();
            sticky::cooperative_sticky(&claimants, topics)?
        }
    };
    let ids = members.iter().map(|joined| joined.member.clone());
    let assigned = assigned.into_iter().map(Assignment::from);
    Ok(ids.zip(assigned).collect())
}

fn candidate(joined: &JoinedMember) -> Candidate<'_> {
    Candidate {
        member: &joined.member,
        instance: joined.instance.as_deref(),
        topics: &joined.subscription.topics,
    }
}

/// What `StickyAssignor.memberData` reads: the user data, since an eager member owns nothing when
/// it joins.
fn eager_claimant(joined: &JoinedMember) -> Claimant<'_> {
    let said = joined.subscription.user_data.as_ref();
    Claimant {
        member: &joined.member,
        topics: &joined.subscription.topics,
        owned: said.map_or(&[], |data| &data.assigned),
        generation: said.map_or(-1, |data| data.generation),
        joined_generation: joined.subscription.generation,
    }
}

/// What `CooperativeStickyAssignor.memberData` reads: the fields of the subscription.
fn cooperative_claimant(joined: &JoinedMember) -> Claimant<'_> {
    let subscription = &joined.subscription;
    let remembered = subscription.user_data.as_ref();
    Claimant {
        member: &joined.member,
        topics: &subscription.topics,
        owned: &subscription.owned,
        generation: match subscription.generation {
            generation @ 0.. => generation,
            _ => remembered.map_or(-1, |data| data.generation),
        },
        joined_generation: subscription.generation,
    }
}

/// The order in which assignors visit members (`AbstractPartitionAssignor.MemberInfo`): static
/// members before dynamic ones, by instance id; the others by member id.
pub fn member_order(a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
    match (a.instance, b.instance) {
        (Some(a), Some(b)) => java_order(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => java_order(a.member, b.member),
    }
}

/// `String.compareTo`: by UTF-16 code units, which differs from Rust's order beyond the basic
/// plane.
pub fn java_order(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// A known topic with its subscribers as indices of candidates, in member order.
struct SubscribedTopic {
    id: TopicId,
    partitions: u32,
    subscribers: Vec<usize>,
}

/// Indices of the candidates in [`member_order`].
fn in_member_order(candidates: &[Candidate<'_>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|&a, &b| member_order(&candidates[a], &candidates[b]));
    order
}

/// The known topics that somebody subscribes to, by name.
fn with_subscribers(
    candidates: &[Candidate<'_>],
    topics: &[KnownTopic<'_>],
) -> Vec<SubscribedTopic> {
    let mut subscribers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
    for index in in_member_order(candidates) {
        for topic in candidates[index].topics {
            let of_topic = subscribers.entry(*topic).or_default();
            if of_topic.last() != Some(&index) {
                of_topic.push(index);
            }
        }
    }
    let mut known = topics.to_vec();
    known.sort_by(|a, b| java_order(a.name, b.name));
    known
        .iter()
        .filter_map(|topic| {
            Some(SubscribedTopic {
                id: topic.id,
                partitions: topic.partitions,
                subscribers: subscribers.remove(&topic.id)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_sort_by_utf16_units() {
        // U+FF5E is one unit above the surrogates that U+1F600 is made of.
        assert_eq!(java_order("\u{1f600}", "\u{ff5e}"), Ordering::Less);
        assert_eq!("\u{1f600}".cmp("\u{ff5e}"), Ordering::Greater);
    }

    #[test]
    fn static_members_come_first() {
        let candidate = |member, instance| Candidate {
            member,
            instance,
            topics: &[],
        };
        let candidates = [
            candidate("C1", None),
            candidate("C2", Some("i2")),
            candidate("C3", Some("i1")),
        ];
        assert_eq!(in_member_order(&candidates), [2, 1, 0]);
    }
}
