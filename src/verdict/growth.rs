//! What added partitions did to a record: the searches behind `why` that begin with a topic's growth.
//!
//! A key that moved is overtaken by its later records, which lie elsewhere; a partition that a group
//! did not know of yet is read from where `auto.offset.reset` says when it comes to it.

use super::kinds::{effect_of, write_of};
use super::why::{Part, Picked, Place, Trail};
use crate::base::{GroupId, RecordId, TopicId};
use crate::kafka::cast::Role;
use crate::node::fact::{Fact, GroupFact, LogFact, Stated};

impl Trail<'_> {
    /// A record whose effect came after that of a later one of its key in another partition.
    pub(super) fn overtaken(&self, group: GroupId, by: RecordId) -> Option<Picked> {
        let record = self.question.record;
        let (late, place) = self.first_effect(group, record)?;
        let (early, other) = self.first_effect(group, by)?;
        let mut picked = Picked::default();
        picked.add(Some(late), Part::Symptom);
        picked.add(Some(early), Part::First);
        picked.add(self.delivery(late, group, place), Part::Delivery);
        picked.add(self.delivery(early, group, other), Part::Delivery);
        let written = |record| self.first_from(0, |s| write_of(s, record).is_some());
        picked.add(written(record), Part::FirstWrite);
        let write = written(by);
        picked.add(write, Part::FirstWrite);
        let added = self.added_before(write.unwrap_or(early), place.0.topic);
        picked.add(added, Part::Fault);
        if let (Some(added), Some(write)) = (added, write) {
            let producer = self.question.cast.sender(by).0;
            let learns = |s: &Stated| s.who == producer && is_refresh(s);
            picked.add(self.last_in((added, write), learns), Part::Warning);
        }
        let assigned = |s: &Stated| {
            s.who == self.facts[early].who
                && matches!(&s.fact, Fact::Group(GroupFact::Assigned { partitions, .. })
                    if partitions.contains(&other.0))
        };
        picked.add(self.last_before(early, assigned), Part::Takeover);
        Some(picked)
    }

    /// The first effect of a group on a record, and where it lies.
    fn first_effect(&self, group: GroupId, record: RecordId) -> Option<(usize, Place)> {
        let place = |s: &Stated| effect_of(s, group, record, self.question.effect_in_sink);
        let index = self.first_from(0, |s| place(s).is_some())?;
        Some((index, place(self.facts[index])?))
    }

    /// How a group came to read a partition that was added, if the partition was: the growth of
    /// the topic, and the metadata that let the group's leader see it.
    pub(super) fn noticed_growth(&self, reset: usize, group: GroupId, place: Place) -> Picked {
        let mut picked = Picked::default();
        let grown = |s: &Stated| {
            matches!(s.fact, Fact::Log(LogFact::PartitionsAdded { topic, from, .. })
                if topic == place.0.topic && from <= place.0.partition)
        };
        let Some(added) = self.last_before(reset, grown) else {
            return picked;
        };
        picked.add(Some(added), Part::Fault);
        let started = |s: &Stated| matches!(s.fact, Fact::Group(GroupFact::RebalanceStarted { group: g, .. }) if g == group);
        let started = self.last_in((added, reset), started);
        picked.add(started, Part::Takeover);
        let member = |s: &Stated| {
            let actor = &self.question.cast.actors[s.who.index()];
            actor.role == Role::Member && actor.group == Some(group)
        };
        let learns = |s: &Stated| is_refresh(s) && member(s);
        let noticed = self.last_in((added, started.unwrap_or(reset)), learns);
        picked.add(noticed, Part::Expiry);
        picked
    }

    /// The last time a topic got partitions, before a fact.
    fn added_before(&self, index: usize, topic: TopicId) -> Option<usize> {
        let grown = |s: &Stated| matches!(s.fact, Fact::Log(LogFact::PartitionsAdded { topic: t, .. }) if t == topic);
        self.last_before(index, grown)
    }
}

fn is_refresh(stated: &Stated) -> bool {
    stated.fact == Fact::Log(LogFact::MetadataRefreshed)
}
