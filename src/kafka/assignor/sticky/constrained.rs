//! All members subscribe to the same topics (`ConstrainedAssignmentBuilder`): quotas.
//!
//! Everybody is to have `floor(partitions / members)`, and `partitions % members` of them one more.
//! First each member keeps what it owned up to that, then the free partitions go round among those
//! that have less.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::claims::Claims;
use super::{Divided, Failure, Group, Place, take_out};

/// The state of a division.
struct Builder<'g, 'a> {
    group: &'g Group<'a>,
    disputed: BTreeSet<Place>,
    quota_min: usize,
    quota_max: usize,
    /// How many members are to have more than the least quota, and how many have.
    over_expected: usize,
    over: usize,
    /// Members below the least quota, and those at it that may get one more.
    below: Vec<usize>,
    at_least: VecDeque<usize>,
    assignment: Vec<Vec<Place>>,
    kept: Vec<Place>,
    /// What was taken from its owner, which may get it back.
    revoked: BTreeMap<Place, usize>,
    transferring: BTreeMap<Place, usize>,
}

pub(super) fn divide(group: &Group<'_>, claims: Claims) -> Result<Divided, Failure> {
    let (partitions, members) = (group.partition_count(), group.members.len());
    let mut builder = Builder {
        group,
        disputed: claims.disputed,
        quota_min: partitions / members,
        quota_max: partitions.div_ceil(members),
        over_expected: partitions % members,
        over: 0,
        below: Vec::new(),
        at_least: VecDeque::new(),
        assignment: vec![Vec::new(); members],
        kept: Vec::new(),
        revoked: BTreeMap::new(),
        transferring: BTreeMap::new(),
    };
    for (member, owned) in claims.owned.into_iter().enumerate() {
        builder.keep(member, owned);
    }
    let free = builder.free();
    let rank = |member: &usize| group.members[*member].rank;
    builder.below.sort_by_key(rank);
    builder.at_least.make_contiguous().sort_by_key(rank);
    builder.deal(&free)?;
    builder.verify()?;
    Ok(Divided {
        assignment: builder.assignment,
        transferring: Some(builder.transferring),
    })
}

impl Builder<'_, '_> {
    /// A member keeps what it owned, up to its quota (`assignOwnedPartitions`).
    fn keep(&mut self, member: usize, mut owned: Vec<Place>) {
        owned.sort_by_key(|place| (place.partition, place.topic));
        for place in &self.disputed {
            take_out(&mut owned, *place);
        }
        let may_exceed = self.over < self.over_expected;
        let kept = if owned.len() < self.quota_min {
            self.below.push(member);
            owned.len()
        } else if self.quota_max <= owned.len() && may_exceed {
            self.over += 1;
            if self.over == self.over_expected {
                self.at_least.clear();
            }
            self.quota_max
        } else {
            if may_exceed {
                self.at_least.push_back(member);
            }
            self.quota_min
        };
        let revoked = owned.split_off(kept);
        self.revoked
            .extend(revoked.into_iter().map(|place| (place, member)));
        self.kept.extend(&owned);
        self.assignment[member] = owned;
    }

    /// What nobody has kept (`getUnassignedPartitions`). Both lists are gone through side by side, so
    /// that from a kept partition on that does not exist everything counts as free.
    fn free(&mut self) -> Vec<Place> {
        self.kept.sort_unstable();
        let mut kept = self.kept.iter().peekable();
        let all = (0..self.group.topics.len()).flat_map(|topic| self.group.places(topic));
        all.filter(|place| kept.next_if_eq(&place).is_none())
            .collect()
    }

    /// Free partitions go round among members below their quota, then to those at the least one
    /// (`assignRoundRobin`).
    fn deal(&mut self, free: &[Place]) -> Result<(), Failure> {
        let mut turn = 0;
        for place in free {
            let below = if turn < self.below.len() {
                Some(turn)
            } else if self.below.is_empty() {
                None
            } else {
                Some(0)
            };
            let member = match below {
                Some(place) => self.below[place],
                None => self.at_least.pop_front().ok_or(Failure::IllegalState)?,
            };
            turn = below.map_or(turn, |place| place + 1);
            self.give(*place, member);
            let has = self.assignment[member].len();
            if has == self.quota_min {
                turn = below.ok_or(Failure::IllegalState)?;
                self.below.remove(turn);
                self.at_least.push_back(member);
            } else if has == self.quota_max {
                self.over += 1;
            }
        }
        Ok(())
    }

    fn give(&mut self, place: Place, member: usize) {
        self.assignment[member].push(place);
        let was_anothers = self
            .revoked
            .get(&place)
            .is_some_and(|owner| *owner != member);
        if was_anothers || self.disputed.contains(&place) {
            self.transferring.insert(place, member);
        }
    }

    /// Whether everybody has what was meant for them (`verifyUnfilledMembers`).
    fn verify(&self) -> Result<(), Failure> {
        let has_quota = |member: &usize| self.assignment[*member].len() == self.quota_min;
        let is_right = self.over == self.over_expected && self.below.iter().all(has_quota);
        if self.below.is_empty() || is_right {
            Ok(())
        } else {
            Err(Failure::IllegalState)
        }
    }
}
