//! The chain behind a record that was acknowledged and is in no log: who had it, who led next
//! without it, and who cut it off.

use super::kinds::{is_crash, write_of};
use super::why::{Part, Picked, Trail};

use crate::node::fact::{ClusterFact, Fact, ProduceFact, Stated, StorageFact};

impl Trail<'_> {
    /// The last write of the record, and what made it undone.
    pub(super) fn truncated(&self) -> Option<Picked> {
        let record = self.question.record;
        let end = self.facts.len();
        let write = self.last_before(end, |s| write_of(s, record).is_some())?;
        let (place, writer) = (write_of(self.facts[write], record)?, self.facts[write].who);
        let here = |s: &Stated, test: &dyn Fn(&ClusterFact) -> bool| {
            let Fact::Cluster(fact) = &s.fact else {
                return false;
            };
            fact.partition() == Some(place.0) && test(fact)
        };
        let begins = |s: &Stated| {
            s.who != writer
                && here(
                    s,
                    &|fact| matches!(fact, ClusterFact::LeadershipBegun { end, .. } if *end <= place.1),
                )
        };
        // The same broker leads again, with a shorter log: it had not flushed all of it.
        let again = |s: &Stated| {
            s.who == writer
                && here(
                    s,
                    &|fact| matches!(fact, ClusterFact::LeadershipBegun { end, .. } if *end <= place.1),
                )
        };
        let begun = self.first_from(0, begins).into_iter();
        let begun = begun.chain(self.first_from(write, again)).min()?;
        let elected = |s: &Stated| {
            here(s, &|fact| {
                matches!(
                    fact,
                    ClusterFact::LeaderElected {
                        leader: Some(_),
                        ..
                    }
                )
            })
        };
        let election = self.last_before(begun, elected);
        let cut = |s: &Stated| {
            here(s, &|fact| {
                matches!(fact, ClusterFact::LogTruncated { to, from, .. }
                    if *to <= place.1 && place.1 < *from)
            })
        };
        let told = |s: &Stated| {
            matches!(&s.fact, Fact::Produce(ProduceFact::Acknowledged { records, .. })
                if records.position(record).is_some())
        };
        let fenced = |s: &Stated| matches!(&s.fact, Fact::Cluster(ClusterFact::BrokerFenced { broker }) if *broker == writer);
        let unflushed = |s: &Stated| {
            matches!(&s.fact, Fact::Storage(StorageFact::UnflushedLost { partition, from, to })
                if *partition == place.0 && *to <= place.1 && place.1 < *from)
        };
        let mut picked = Picked::default();
        picked.add(self.last_before(begun, unflushed), Part::Warning);
        picked.add(Some(write), Part::FirstWrite);
        picked.add(self.first_from(0, told), Part::First);
        let until = election.unwrap_or(begun);
        let died = |s: &Stated| s.who == writer && is_crash(s);
        picked.add(self.last_before(until, died), Part::Fault);
        picked.add(self.last_before(until, fenced), Part::Expiry);
        picked.add(election, Part::Takeover);
        picked.add(Some(begun), Part::Symptom);
        picked.add(self.first_from(begun, cut), Part::Position);
        Some(picked)
    }
}
