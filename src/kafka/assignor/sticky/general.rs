//! Members subscribe to different topics (`GeneralAssignmentBuilder`): one move at a time.
//!
//! 1. Everybody keeps what is still theirs.
//! 2. Each free partition goes to the subscriber with the fewest.
//! 3. Members and partitions that cannot take part in an exchange are set aside.
//! 4. Partition by partition, first the free ones only, one moves if a subscriber has two fewer than
//!    its owner, as long as the whole is out of balance.
//! 5. If that did not make it more even, it is undone.
//!
//! Kafka looks for imbalance at every partition of every member each time; here the last place where
//! it was found is looked at first, which gives the same answer sooner.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::Claims;
use super::movements::Movements;
use super::{Failure, Group, Place, take_out};

/// An owner, and the generation in which it was one.
type Former = (usize, i32);

/// The state of a division.
struct Builder<'g, 'a> {
    group: &'g Group<'a>,
    /// The members that can be given each topic, in the order of visits.
    subscribers: Vec<Vec<usize>>,
    /// Whether a member subscribes to a topic.
    subscribes: Vec<Vec<bool>>,
    /// How many partitions each member could have at most.
    most: Vec<usize>,
    /// What each has; none for those set aside.
    current: Vec<Option<Vec<Place>>>,
    owners: BTreeMap<Place, usize>,
    /// Members by how many they have, then by id.
    by_load: BTreeSet<(usize, usize, usize)>,
    /// Owners of older generations.
    former: BTreeMap<Place, Former>,
    movements: Movements,
    /// Somebody has two more than this member, which could have this partition.
    uneven: Option<(usize, Place)>,
}

pub(super) fn divide(group: &Group<'_>, claims: Claims) -> Result<Vec<Vec<Place>>, Failure> {
    let mut builder = Builder::new(group, &claims);
    let (kept, revoked) = builder.keep(claims.owned);
    let all = builder.all();
    let free = builder.free(&all, kept);
    builder.sort_members();
    builder.balance(all, free, revoked)?;
    Ok(builder
        .current
        .into_iter()
        .map(Option::unwrap_or_default)
        .collect())
}

impl<'g, 'a> Builder<'g, 'a> {
    fn new(group: &'g Group<'a>, claims: &Claims) -> Self {
        let (members, topics) = (group.members.len(), group.topics.len());
        let mut subscribers = vec![Vec::new(); topics];
        let mut subscribes = vec![vec![false; topics]; members];
        let mut most = Vec::new();
        for (member, visited) in group.members.iter().enumerate() {
            for &topic in &visited.topics {
                subscribers[topic].push(member);
                subscribes[member][topic] = true;
            }
            let counts = visited.topics.iter();
            most.push(counts.map(|topic| group.topics[*topic].1 as usize).sum());
        }
        let mut former: BTreeMap<Place, Former> = BTreeMap::new();
        for (member, visited) in group.members.iter().enumerate() {
            let claimant = &visited.claimant;
            if claimant.generation < claims.newest {
                for place in claimant.owned.iter().filter_map(|tp| group.place(*tp)) {
                    let now = (member, claimant.generation);
                    let latest = former.entry(place).or_insert(now);
                    if latest.1 < claimant.generation {
                        *latest = now;
                    }
                }
            }
        }
        Self {
            group,
            subscribers,
            subscribes,
            most,
            current: vec![None; members],
            owners: BTreeMap::new(),
            by_load: BTreeSet::new(),
            former,
            movements: Movements::new(group.name_hashes.clone()),
            uneven: None,
        }
    }

    /// Everybody keeps what they owned and still subscribe to (`assignOwnedPartitions`). Returns
    /// what is kept, and whether anything was taken away.
    fn keep(&mut self, owned: Vec<Vec<Place>>) -> (Vec<Place>, bool) {
        let mut all_kept = Vec::new();
        let mut revoked = false;
        for (member, mut owned) in owned.into_iter().enumerate() {
            self.owners
                .extend(owned.iter().map(|place| (*place, member)));
            let count = owned.len();
            owned.retain(|place| self.subscribes[member][place.topic]);
            revoked |= owned.len() < count;
            all_kept.extend(&owned);
            self.current[member] = Some(owned);
        }
        (all_kept, revoked)
    }

    /// All partitions, those of topics with few subscribers first.
    fn all(&self) -> Vec<Place> {
        let mut topics: Vec<usize> = (0..self.subscribers.len()).collect();
        topics.sort_by_key(|topic| (self.subscribers[*topic].len(), *topic));
        let places = topics
            .into_iter()
            .flat_map(|topic| self.group.places(topic));
        places.collect()
    }

    /// What nobody has kept: both lists side by side, as for equal subscriptions.
    fn free(&self, all: &[Place], mut kept: Vec<Place>) -> Vec<Place> {
        kept.sort_by_key(|place| (self.subscribers[place.topic].len(), *place));
        let mut kept = kept.iter().peekable();
        let free = all.iter().filter(|place| kept.next_if_eq(place).is_none());
        free.copied().collect()
    }

    fn sort_members(&mut self) {
        let loads = (0..self.current.len()).map(|member| self.load_key(member));
        self.by_load = loads.collect();
    }

    /// Where a member that is not set aside stands among the others.
    fn load_key(&self, member: usize) -> (usize, usize, usize) {
        let load = self.current[member].as_ref().map_or(0, Vec::len);
        (load, self.group.members[member].rank, member)
    }

    /// How many a member has; Kafka looks in vain for one that was set aside.
    fn load(&self, member: usize) -> Result<usize, Failure> {
        let has = self.current[member].as_ref().map(Vec::len);
        has.ok_or(Failure::NullPointer)
    }

    fn balance(
        &mut self,
        mut all: Vec<Place>,
        mut free: Vec<Place>,
        revoked: bool,
    ) -> Result<(), Failure> {
        let fullest = self.by_load.last().ok_or(Failure::NoSuchElement)?;
        let begins = fullest.0 == 0;
        for place in &free {
            self.give(*place);
        }
        let can_move = |place: &Place| 2 <= self.subscribers[place.topic].len();
        all.retain(can_move);
        free.retain(can_move);
        let aside = self.set_aside();
        let before = (self.current.clone(), self.owners.clone());
        if !revoked {
            self.exchange(&free)?;
        }
        let exchanged = self.exchange(&all)?;
        if !begins && exchanged && score(&before.0) <= score(&self.current) {
            (self.current, self.owners) = before;
        }
        for (member, has) in aside {
            self.current[member] = Some(has);
        }
        Ok(())
    }

    /// A free partition goes to the subscriber with the fewest (`maybeAssignPartition`).
    fn give(&mut self, place: Place) {
        let mut loads = self.by_load.iter();
        let taker = loads.find(|(_, _, member)| self.subscribes[*member][place.topic]);
        if let Some(key) = taker.copied() {
            self.by_load.remove(&key);
            let member = key.2;
            let list = self.current[member].as_mut();
            list.expect("nobody is set aside yet").push(place);
            self.owners.insert(place, member);
            self.by_load.insert(self.load_key(member));
        }
    }

    /// Members that have all they can get, and nothing that another could have.
    fn set_aside(&mut self) -> Vec<(usize, Vec<Place>)> {
        let mut aside = Vec::new();
        for member in 0..self.current.len() {
            let has = self.current[member].as_ref();
            let has = has.expect("nobody is set aside twice");
            let shares = |place: &Place| 2 <= self.subscribers[place.topic].len();
            if has.len() < self.most[member] || has.iter().any(shares) {
                continue;
            }
            self.by_load.remove(&self.load_key(member));
            let has = self.current[member].take();
            aside.push((member, has.expect("it was there above")));
        }
        aside
    }

    /// Moves partitions of a list until nothing more is gained (`performReassignments`). Whether any
    /// moved.
    fn exchange(&mut self, places: &[Place]) -> Result<bool, Failure> {
        let mut has_moved = false;
        loop {
            let mut moves = false;
            for place in places {
                if self.is_balanced()? {
                    break;
                }
                moves |= self.move_if_better(*place)?;
            }
            has_moved |= moves;
            if !moves {
                return Ok(has_moved);
            }
        }
    }

    fn move_if_better(&mut self, place: Place) -> Result<bool, Failure> {
        let owner = self.owners.get(&place).copied();
        let owner = owner.ok_or(Failure::NullPointer)?;
        if let Some((former, _)) = self.former.get(&place).copied()
            && self.load(former)? + 1 < self.load(owner)?
        {
            self.move_to(place, former)?;
            return Ok(true);
        }
        let load = self.load(owner)?;
        for index in 0..self.subscribers[place.topic].len() {
            let other = self.subscribers[place.topic][index];
            if self.load(other)? + 1 < load {
                let mut loads = self.by_load.iter();
                let least = loads.find(|(_, _, member)| self.subscribes[*member][place.topic]);
                let least = least.copied().ok_or(Failure::NullPointer)?;
                self.move_to(place, least.2)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Moves a partition, or rather one of its topic that came the other way.
    fn move_to(&mut self, place: Place, to: usize) -> Result<(), Failure> {
        let owner = self.owners.get(&place).copied();
        let owner = owner.ok_or(Failure::NullPointer)?;
        let place = self.movements.rather(place, owner, to);
        let from = self.owners.get(&place).copied();
        let from = from.ok_or(Failure::NullPointer)?;
        self.by_load.remove(&self.load_key(from));
        self.by_load.remove(&self.load_key(to));
        self.movements.moved(place, from, to);
        let list = self.current[from].as_mut().ok_or(Failure::NullPointer)?;
        take_out(list, place);
        let list = self.current[to].as_mut().ok_or(Failure::NullPointer)?;
        list.push(place);
        self.owners.insert(place, to);
        self.by_load.insert(self.load_key(to));
        self.by_load.insert(self.load_key(from));
        Ok(())
    }

    /// Whether no partition could go to a member that has two fewer than its owner (`isBalanced`).
    fn is_balanced(&mut self) -> Result<bool, Failure> {
        let least = self.by_load.first().ok_or(Failure::NoSuchElement)?.0;
        let most = self.by_load.last().ok_or(Failure::NoSuchElement)?.0;
        if most <= least + 1 {
            return Ok(true);
        }
        if let Some((member, place)) = self.uneven
            && self.is_uneven(member, place)?
        {
            return Ok(false);
        }
        self.uneven = None;
        for (load, _, member) in &self.by_load {
            if most <= load + 1 {
                break;
            }
            for &topic in &self.group.members[*member].topics {
                for place in self.group.places(topic) {
                    if self.is_uneven(*member, place)? {
                        self.uneven = Some((*member, place));
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    fn is_uneven(&self, member: usize, place: Place) -> Result<bool, Failure> {
        let load = self.load(member)?;
        if load == self.most[member] {
            return Ok(false);
        }
        match self.owners.get(&place) {
            Some(owner) => Ok(load + 1 < self.load(*owner)?),
            None => Err(Failure::NullPointer),
        }
    }
}

/// How uneven it is: the sum of the differences between any two members (`getBalanceScore`).
fn score(current: &[Option<Vec<Place>>]) -> usize {
    let mut loads: Vec<usize> = current.iter().flatten().map(Vec::len).collect();
    loads.sort_unstable();
    let mut score = 0;
    let mut sum = 0;
    for (count, load) in loads.into_iter().enumerate() {
        score += load * count - sum;
        sum += load;
    }
    score
}
