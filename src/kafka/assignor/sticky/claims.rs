//! Who owned what before, as far as it is believed (`AbstractStickyAssignor.allSubscriptionsEqual`).
//!
//! | the claim was made before | then |
//! |---|---|
//! | by nobody | it stands |
//! | in an older generation | it moves to this member |
//! | in the same generation | nobody has it; a third claimant is compared with this one |
//! | in a newer generation | it stays there |

use std::collections::{BTreeMap, BTreeSet};

use super::{Group, Place, take_out};
use crate::base::TopicId;

/// What the members owned.
pub(super) struct Claims {
    /// Per member, in the order in which they said it.
    pub(super) owned: Vec<Vec<Place>>,
    /// Partitions that two members claimed in one generation.
    pub(super) disputed: BTreeSet<Place>,
    /// The newest generation.
    pub(super) newest: i32,
}

impl Group<'_> {
    pub(super) fn claims(&self) -> Claims {
        let mut claims = Claims {
            owned: vec![Vec::new(); self.members.len()],
            disputed: BTreeSet::new(),
            newest: -1,
        };
        let mut owners: BTreeMap<Place, usize> = BTreeMap::new();
        for (member, visited) in self.members.iter().enumerate() {
            let claimant = &visited.claimant;
            claims.newest = claims.newest.max(claimant.generation);
            for place in claimant.owned.iter().filter_map(|tp| self.place(*tp)) {
                let Some(other) = owners.get(&place).copied() else {
                    claims.owned[member].push(place);
                    owners.insert(place, member);
                    continue;
                };
                let theirs = self.members[other].claimant.joined_generation;
                if claimant.generation < theirs {
                    continue;
                }
                if claimant.generation == theirs {
                    claims.disputed.insert(place);
                } else {
                    claims.owned[member].push(place);
                }
                take_out(&mut claims.owned[other], place);
                owners.insert(place, member);
            }
        }
        claims
    }

    /// Whether all subscriptions are equal, topics that the leader does not know included. Judged by
    /// the first that is not empty: empty ones before it count as equal.
    pub(super) fn is_subscribed_alike(&self) -> bool {
        let mut subscriptions = self.members.iter().map(|m| m.claimant.topics);
        let Some(first) = subscriptions.find(|topics| !topics.is_empty()) else {
            return true;
        };
        let first: BTreeSet<TopicId> = first.iter().copied().collect();
        subscriptions.all(|topics| {
            topics.len() == first.len() && topics.iter().all(|topic| first.contains(topic))
        })
    }
}
