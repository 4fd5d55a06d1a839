//! Which partitions were moved from whom to whom (`PartitionMovements`), so that of two moves in
//! opposite directions one is undone instead.

use std::collections::BTreeMap;

use super::Place;
use crate::kafka::java_hash::GrownSet;

/// From a member to a member.
type Pair = (usize, usize);

/// The moves so far.
pub(super) struct Movements {
    by_pair: BTreeMap<(usize, Pair), GrownSet<Place>>,
    by_place: BTreeMap<Place, Pair>,
    /// The hash of each topic's name.
    name_hashes: Vec<i32>,
}

impl Movements {
    pub(super) fn new(name_hashes: Vec<i32>) -> Self {
        Self {
            by_pair: BTreeMap::new(),
            by_place: BTreeMap::new(),
            name_hashes,
        }
    }

    /// `TopicPartition.hashCode`.
    fn hash(&self, place: Place) -> i32 {
        let partition = 31_i32.wrapping_add(place.partition as i32);
        let name = self.name_hashes[place.topic];
        partition.wrapping_mul(31).wrapping_add(name)
    }

    /// A partition moves. One that moves on counts as moved from where it was first; one that comes
    /// back has not moved.
    pub(super) fn moved(&mut self, place: Place, from: usize, to: usize) {
        let first = match self.by_place.remove(&place) {
            None => from,
            Some(pair) => {
                self.forget(place, pair);
                if pair.0 == to {
                    return;
                }
                pair.0
            }
        };
        let hash = self.hash(place);
        let places = self.by_pair.entry((place.topic, (first, to))).or_default();
        places.insert(hash, place);
        self.by_place.insert(place, (first, to));
    }

    fn forget(&mut self, place: Place, pair: Pair) {
        let key = (place.topic, pair);
        let hash = self.hash(place);
        let places = self.by_pair.get_mut(&key);
        let places = places.expect("a move is booked under partition and pair");
        places.remove(hash, place);
        if places.is_empty() {
            self.by_pair.remove(&key);
        }
    }

    /// The partition to move in the place of this one: one of the same topic that was moved the
    /// other way before (`getTheActualPartitionToBeMoved`).
    pub(super) fn rather(&self, place: Place, from: usize, to: usize) -> Place {
        let first = self.by_place.get(&place).map_or(from, |pair| pair.0);
        let other_way = self.by_pair.get(&(place.topic, (to, first)));
        other_way.and_then(GrownSet::first).unwrap_or(place)
    }
}
