//! The order in which Java's `HashMap` hands out its keys, on which some of Kafka's choices lean:
//! the next leader of a group, ties between assignors.
//!
//! Not modelled are the red-black trees that Java makes of slots with more than eight keys in a
//! table of 64 slots or more, since a scenario has no such keys.

use std::collections::BTreeMap;

use super::hash::string_hash;

/// Slots of a new map.
const SLOTS_INITIAL: usize = 16;

/// A slot with this many keys grows the table when one more comes, while it is small.
const SLOT_KEYS_MAX: usize = 8;

/// From this many slots on a crowded slot becomes a tree instead.
const SLOTS_TREE: usize = 64;

/// The iteration order of a `HashMap` or `HashSet` of default capacity into which these distinct
/// keys were put in this order.
pub fn iteration_order<K: Clone>(keys: &[K], hash: impl Fn(&K) -> i32) -> Vec<K> {
    let spread: Vec<u32> = keys.iter().map(|key| spread(hash(key))).collect();
    by_slot(keys, &hash, table_size(&spread))
}

/// The iteration order of `new HashMap<>(map)` for a map that iterates over its keys in this
/// order: the table of a copy is sized from the count.
pub fn copy_order<K: Clone>(keys: &[K], hash: impl Fn(&K) -> i32) -> Vec<K> {
    // `tableSizeFor(count / 0.75 + 1)`, without the fraction.
    let wanted = keys.len() * 4 / 3 + 1;
    by_slot(keys, &hash, wanted.next_power_of_two())
}

/// The iteration order of `new HashSet<>(collection)` for a collection that iterates in this order
/// and says that it has `count` elements: the table is sized from that.
pub fn collected_order<K: Clone>(keys: &[K], count: usize, hash: impl Fn(&K) -> i32) -> Vec<K> {
    let wanted = (count * 4 / 3 + 1).max(SLOTS_INITIAL);
    by_slot(keys, &hash, wanted.next_power_of_two())
}

/// The order of these keys among all of a `new HashMap<>(count)` into which `count` keys were put,
/// none of the others in their slots.
pub fn sized_order<K: Clone>(keys: &[K], count: usize, hash: impl Fn(&K) -> i32) -> Vec<K> {
    let slots = count.next_power_of_two();
    // The table of exactly that size is doubled when it is more than three quarters full.
    let slots = if slots * 3 / 4 < count {
        slots * 2
    } else {
        slots
    };
    by_slot(keys, &hash, slots)
}

/// [`iteration_order`] of strings.
pub fn string_order<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    iteration_order(keys, |key| string_hash(key))
}

/// Java's mixing of the high half of a hash into the low one (`HashMap.hash`).
fn spread(hash: i32) -> u32 {
    let hash = hash as u32;
    hash ^ (hash >> 16)
}

/// Within a slot keys stay in the order of insertion: doubling splits a slot but keeps its order.
fn by_slot<K: Clone>(keys: &[K], hash: &impl Fn(&K) -> i32, slots: usize) -> Vec<K> {
    let mut ordered = keys.to_vec();
    ordered.sort_by_key(|key| spread(hash(key)) as usize & (slots - 1));
    ordered
}

/// How many slots a map has after these insertions: doubled whenever it is more than three
/// quarters full, and when a slot of a small table gets crowded (`HashMap.treeifyBin`).
fn table_size(spread: &[u32]) -> usize {
    let mut slots = SLOTS_INITIAL;
    for (index, key) in spread.iter().enumerate() {
        if slots < SLOTS_TREE {
            let slot = |key: &u32| *key as usize & (slots - 1);
            let in_slot = spread[..index]
                .iter()
                .filter(|other| slot(other) == slot(key));
            if SLOT_KEYS_MAX <= in_slot.count() {
                slots *= 2;
            }
        }
        if slots * 3 / 4 < index + 1 {
            slots *= 2;
        }
    }
    slots
}

/// A `HashSet` that keys are also taken out of: its table has the size of its fullest day.
#[derive(Clone, Debug)]
pub struct GrownSet<K> {
    slots: usize,
    insertions: u64,
    /// The keys in order of iteration: by slot, then as they came.
    keys: BTreeMap<(usize, u64), (u32, K)>,
}

impl<K> Default for GrownSet<K> {
    fn default() -> Self {
        Self {
            slots: SLOTS_INITIAL,
            insertions: 0,
            keys: BTreeMap::new(),
        }
    }
}

impl<K: Copy + Eq> GrownSet<K> {
    /// Puts in a key that is not there.
    pub fn insert(&mut self, hash: i32, key: K) {
        let spread = spread(hash);
        let slot = self.slot(spread);
        let is_crowded = SLOT_KEYS_MAX <= self.keys.range(slot_range(slot)).count();
        self.keys.insert((slot, self.insertions), (spread, key));
        self.insertions += 1;
        if is_crowded && self.slots < SLOTS_TREE {
            self.grow();
        }
        if self.slots * 3 / 4 < self.keys.len() {
            self.grow();
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, hash: i32, key: K) {
        let slot = self.slot(spread(hash));
        let mut in_slot = self.keys.range(slot_range(slot));
        let place = in_slot.find(|(_, (_, other))| *other == key);
        if let Some(place) = place.map(|(place, _)| *place) {
            self.keys.remove(&place);
        }
    }

    /// The key that iteration begins with.
    pub fn first(&self) -> Option<K> {
        self.keys.values().next().map(|(_, key)| *key)
    }

    /// Whether no key is in it.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn slot(&self, spread: u32) -> usize {
        spread as usize & (self.slots - 1)
    }

    fn grow(&mut self) {
        self.slots *= 2;
        let keys = std::mem::take(&mut self.keys);
        for ((_, insertion), (spread, key)) in keys {
            let slot = self.slot(spread);
            self.keys.insert((slot, insertion), (spread, key));
        }
    }
}

fn slot_range(slot: usize) -> std::ops::RangeInclusive<(usize, u64)> {
    (slot, 0)..=(slot, u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_slot_keep_the_order_of_insertion() {
        // 0, 16 and 32 share slot 0 of 16.
        assert_eq!(iteration_order(&[32, 1, 0, 16], |key| *key), [32, 0, 16, 1]);
    }

    #[test]
    fn the_thirteenth_key_doubles_the_table() {
        let twelve: Vec<i32> = (5..17).collect();
        let thirteen: Vec<i32> = (5..18).collect();
        assert_eq!(iteration_order(&twelve, |key| *key)[0], 16);
        assert_eq!(iteration_order(&thirteen, |key| *key)[0], 5);
    }

    #[test]
    fn a_table_of_a_given_size_grows_when_it_is_three_quarters_full() {
        let order = |keys: &[i32]| sized_order(keys, keys.len(), |key| *key);
        assert_eq!(order(&[4, 1, 0]), [4, 0, 1], "three keys have four slots");
        assert_eq!(order(&[4, 1, 0, 8]), [0, 8, 1, 4], "and four have eight");
        assert_eq!(sized_order(&[4, 1, 0], 4, |key| *key), [0, 1, 4]);
    }

    #[test]
    fn a_table_does_not_shrink_again() {
        let mut set = GrownSet::default();
        for key in 5..18 {
            set.insert(key, key);
        }
        assert_eq!(set.first(), Some(5), "thirteen keys have 32 slots");
        for key in 6..17 {
            set.remove(key, key);
        }
        set.insert(32, 32);
        assert_eq!(set.first(), Some(32));
        set.remove(32, 32);
        set.remove(5, 5);
        assert_eq!(set.first(), Some(17));
    }

    #[test]
    fn a_crowded_slot_doubles_a_small_table() {
        // Nine multiples of 16: at the ninth the odd ones move to slot 16 of 32.
        let keys: Vec<i32> = (0..9).map(|n| n * 16).collect();
        let order = iteration_order(&keys, |key| *key);
        assert_eq!(order, [0, 32, 64, 96, 128, 16, 48, 80, 112]);
    }
}
