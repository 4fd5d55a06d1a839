//! Sets of numbers (offsets, record ids) as ranges: cheap where they come in stretches.

/// A set of numbers as disjoint, ascending ranges `from..to`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    ranges: Vec<(u64, u64)>,
}

impl Spans {
    /// Adds `from..to`. Cheap at the end, where most additions come.
    pub fn insert(&mut self, from: u64, to: u64) {
        if to <= from {
            return;
        }
        match self.ranges.last_mut() {
            Some(last) if last.1 < from => self.ranges.push((from, to)),
            Some(last) if last.0 <= from => last.1 = last.1.max(to),
            Some(_) => self.insert_before_end(from, to),
            None => self.ranges.push((from, to)),
        }
    }

    /// Adds what of `from..to` another set does not hold.
    pub fn insert_without(&mut self, from: u64, to: u64, other: &Self) {
        let mut next = from;
        for &(start, stop) in other.ranges_in(from, to) {
            self.insert(next, start);
            next = stop;
        }
        self.insert(next, to);
    }

    fn insert_before_end(&mut self, from: u64, to: u64) {
        let start = self.ranges.partition_point(|r| r.1 < from);
        let stop = self.ranges.partition_point(|r| r.0 <= to);
        let merged = if start < stop {
            (
                from.min(self.ranges[start].0),
                to.max(self.ranges[stop - 1].1),
            )
        } else {
            (from, to)
        };
        self.ranges.splice(start..stop, [merged]);
    }

    /// Removes everything from `from` on.
    pub fn cut(&mut self, from: u64) {
        self.ranges.retain(|r| r.0 < from);
        if let Some(last) = self.ranges.last_mut() {
            last.1 = last.1.min(from);
        }
    }

    /// Whether a number is in the set.
    pub fn contains(&self, value: u64) -> bool {
        let after = self.ranges.partition_point(|r| r.0 <= value);
        0 < after && value < self.ranges[after - 1].1
    }

    /// How many numbers.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|r| r.1 - r.0).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges `from..to`, ascending and apart.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// The ranges that meet `from..to`, not cut to it.
    pub fn ranges_in(&self, from: u64, to: u64) -> &[(u64, u64)] {
        let start = self.ranges.partition_point(|r| r.1 <= from);
        let stop = self.ranges.partition_point(|r| r.0 < to);
        &self.ranges[start.min(stop)..stop]
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.ranges.iter().flat_map(|&(from, to)| from..to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_merge_in_any_order() {
        let mut spans = Spans::default();
        for (from, to) in [(10, 20), (0, 5), (30, 40), (5, 10), (19, 31), (50, 50)] {
            spans.insert(from, to);
        }
        assert_eq!(spans.ranges(), [(0, 40)]);
        spans.cut(35);
        assert_eq!(spans.len(), 35);
        assert!(spans.contains(34) && !spans.contains(35));
    }
}
