//! Who of some members gives and who takes next (`MemberAssignmentBalancer`).
//!
//! ```text
//!             takes                 gives
//!          ^ least                  most
//! load     | [..->    ]             [   <-]##
//!          | [########]####  ...  ##[#####]##   those at the end have nothing to give
//!          +---------------------------------->  members by load
//! ```
//!
//! Each range is a run of members with equal loads, gone through once; then its level rises or falls
//! by one and the range grows by the members at that level.

/// Two ranges of members.
pub(super) struct Balancer {
    members: Vec<usize>,
    least_end: usize,
    least_level: isize,
    least_next: usize,
    most_start: usize,
    most_end: usize,
    most_level: isize,
    /// One past the next that gives, so that 0 is nobody.
    most_next: usize,
}

impl Balancer {
    /// Of at least one member, with what each has.
    pub(super) fn new(members: &[usize], loads: &[usize]) -> Self {
        let mut members = members.to_vec();
        members.sort_by_key(|member| (loads[*member], *member));
        let level = |member: Option<&usize>| {
            let member = member.expect("whoever is to be balanced is somebody");
            loads[*member] as isize
        };
        Self {
            least_end: 0,
            least_level: level(members.first()) - 1,
            least_next: 0,
            most_start: members.len(),
            most_end: members.len(),
            most_level: level(members.last()) + 1,
            most_next: members.len(),
            members,
        }
    }

    /// The difference between most and least, before anything moved.
    pub(super) fn imbalance(&self, loads: &[usize]) -> usize {
        let load = |member: Option<&usize>| member.map_or(0, |member| loads[*member]);
        load(self.members.last()) - load(self.members.first())
    }

    /// Who takes next, which it then does.
    pub(super) fn next_least(&mut self, loads: &[usize]) -> usize {
        if self.least_end <= self.least_next {
            self.least_level += 1;
            while let Some(member) = self.members.get(self.least_end)
                && loads[*member] as isize == self.least_level
            {
                self.least_end += 1;
            }
            self.least_next = 0;
        }
        let member = self.members[self.least_next];
        self.least_next += 1;
        member
    }

    /// Who gives next, which it then does or is excluded; none if nobody has anything.
    pub(super) fn next_most(&mut self, loads: &[usize]) -> Option<usize> {
        if self.most_next <= self.most_start {
            self.most_level = match self.most_start.checked_sub(1) {
                Some(below) if self.most_end <= self.most_start => {
                    loads[self.members[below]] as isize
                }
                _ => self.most_level - 1,
            };
            while let Some(below) = self.most_start.checked_sub(1)
                && loads[self.members[below]] as isize == self.most_level
            {
                self.most_start = below;
            }
            self.most_next = self.most_end;
        }
        self.most_next = self.most_next.checked_sub(1)?;
        Some(self.members[self.most_next])
    }

    /// The last one that was to give has nothing.
    pub(super) fn exclude_most(&mut self) {
        self.most_end -= 1;
        self.members.swap(self.most_next, self.most_end);
    }

    /// Whether the two levels differ by one at most.
    pub(super) fn is_balanced(&self) -> bool {
        self.most_level - self.least_level <= 1
    }
}
