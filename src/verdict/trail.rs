//! Which facts explain which symptom: the searches behind `why`.
//!
//! | symptom | the chain, in the order of time |
//! |---|---|
//! | duplicated | first effect, what ended the ownership, takeover, standing offset commit, position, redelivery, second effect |
//! | duplicated, written twice | the chain of the second write, both deliveries and effects |
//! | lost, skipped by an offset commit | delivery, passing offset commit, what ended the ownership, takeover, position past it |
//! | lost, expired | written, offset commit, removal, position past it |
//! | lost, skipped by a reset | partitions added, the group's metadata, written, assignment, position set past it |
//! | lost, dropped | delivery, failures, the decision |
//! | lost, never acknowledged | sent, requests, what happened to them |
//! | overtaken effect | partitions added, the producer's metadata, both writes, both deliveries and effects |
//! | reordered effect | both deliveries, the later record's effect, this effect |
//! | written twice, written late | first write, lost answer or refusal, retry, second or late write |

use super::kinds::{
    actor_of, committed, effect_of, effects_of, gives_up, is_batch, is_blow, is_crash, is_delivery,
    is_expiry, is_failure, is_giving_up, is_hand_off, is_lost_commit, is_lost_produce,
    is_offsets_set, is_outage, is_round, is_sent, is_static_rejoin, polled_from, position_of,
    requested, write_of,
};
use super::quantity::Stage;
use super::why::{Part, Picked, Place, Trail};
use crate::base::{GroupId, NodeId, TopicId, TopicPartition};
use crate::kafka::message::Api;
use crate::node::fact::{
    AppFact, Fact, FaultFact, GroupFact, LogFact, PositionSource, ProduceFact, Stated,
};

impl Trail<'_> {
    pub(super) fn duplicated(&self, group: GroupId) -> Option<Picked> {
        let is_effect = |s: &Stated| self.effect_place(s, group).is_some();
        let first = self.first_from(0, is_effect)?;
        let second = self.first_from(first + 1, is_effect)?;
        let place = self.effect_place(self.facts[first], group)?;
        let again = self.effect_place(self.facts[second], group)?;
        let mut picked = Picked::default();
        if place == again {
            picked = self.takeover(first, second, (group, place));
        } else {
            picked.merge(self.appended_twice(place.0.topic).unwrap_or_default());
            picked.add(self.delivery(first, group, place), Part::Delivery);
            picked.add(self.delivery(second, group, again), Part::Redelivery);
        }
        picked.add(Some(first), Part::First);
        picked.add(Some(second), Part::Symptom);
        Some(picked)
    }

    /// How reading came back to a place that was dealt with at `first`.
    fn takeover(&self, first: usize, second: usize, (group, place): (GroupId, Place)) -> Picked {
        let mut picked = Picked::default();
        let former = actor_of(self.facts[first]);
        let redelivery = self.delivery(second, group, place);
        if redelivery.is_some_and(|index| index < first) {
            return self.in_hand_before((first, second), redelivery, (group, place));
        }
        picked.add(redelivery, Part::Redelivery);
        let until = redelivery.unwrap_or(second);
        let position = self.position_before(until, group, place);
        if let Some(position) = position.filter(|index| first < *index) {
            picked.merge(self.standing_commit(position, group, place.0));
            picked.merge(self.unconfirmed((first, position), former, place));
            picked.merge(self.end_of_ownership((first, position), former, group, place.0));
            picked.add(Some(position), Part::Position);
        } else {
            picked.merge(self.end_of_ownership((first, until), former, group, place.0));
        }
        picked
    }

    /// How a record came to take effect at `first` while whoever acts at `second` had it in hand:
    /// the same member asked its sink twice, or a former owner finished late.
    fn in_hand_before(
        &self,
        (first, second): (usize, usize),
        delivery: Option<usize>,
        (group, place): (GroupId, Place),
    ) -> Picked {
        let mut picked = Picked::default();
        picked.add(delivery, Part::Delivery);
        let (early, late) = (actor_of(self.facts[first]), actor_of(self.facts[second]));
        if early == late {
            let within = (first, second);
            picked.add(self.last_in(within, |s| is_outage(s, late)), Part::Expiry);
            let sink = self.facts[first].who;
            let died = |s: &Stated| s.who == sink && is_crash(s);
            picked.add(self.last_in(within, died), Part::Fault);
            return picked;
        }
        let from = delivery.unwrap_or(0);
        picked.merge(self.end_of_ownership((from, first), late, group, place.0));
        let position = self.position_before(first, group, place);
        picked.add(position, Part::Position);
        picked.add(self.delivery(first, group, place), Part::Redelivery);
        let resumed = |s: &Stated| s.who == late && s.fact == Fact::Fault(FaultFact::Resumed);
        picked.add(self.last_in((first, second), resumed), Part::Setting);
        picked
    }

    /// The effect on the record by the group that this fact states, if it does: its place.
    fn effect_place(&self, stated: &Stated, group: GroupId) -> Option<Place> {
        effect_of(
            stated,
            group,
            self.question.record,
            self.question.effect_in_sink,
        )
    }

    /// The last delivery of a place to whoever acts at `index`, up to there.
    pub(super) fn delivery(&self, index: usize, group: GroupId, place: Place) -> Option<usize> {
        let who = actor_of(self.facts[index]);
        self.last_before(index, |s| s.who == who && is_delivery(s, group, place))
    }

    /// The last position set at or before a place by whoever acts at `index`, up to there.
    fn position_before(&self, index: usize, group: GroupId, place: Place) -> Option<usize> {
        let who = actor_of(self.facts[index]);
        let test = |s: &Stated| {
            s.who == who && position_of(s, group, place.0).is_some_and(|(o, _)| o <= place.1)
        };
        self.last_before(index, test)
    }

    /// The offset commit behind a position.
    fn standing_commit(
        &self,
        position: usize,
        group: GroupId,
        partition: TopicPartition,
    ) -> Picked {
        let mut picked = Picked::default();
        let is_commit = |s: &Stated| committed(s, group, partition).is_some();
        let source = position_of(self.facts[position], group, partition).map(|(_, source)| source);
        if source == Some(PositionSource::Committed) {
            let named = self.by_id(self.facts[position].since);
            let named = named.filter(|index| is_commit(self.facts[*index]));
            let commit = named.or_else(|| self.last_before(position, is_commit));
            picked.add(commit, Part::StandingCommit);
        }
        picked
    }

    /// The former owner's offset commits past the place that never counted.
    fn unconfirmed(&self, within: (usize, usize), former: NodeId, place: Place) -> Picked {
        let mut picked = Picked::default();
        let asked = |s: &Stated| {
            let past = |&(p, o): &Place| p == place.0 && place.1 < o;
            s.who == former && requested(s).is_some_and(|offsets| offsets.iter().any(past))
        };
        let request = self.first_in(within, asked);
        picked.add(request, Part::Warning);
        if let Some(request) = request {
            let failed = |s: &Stated| {
                s.who == former && matches!(s.fact, Fact::Group(GroupFact::CommitFailed { .. }))
            };
            picked.add(self.first_in((request, within.1), failed), Part::Warning);
        }
        picked
    }

    /// How a member ceased to own a partition, and how the next one got it.
    fn end_of_ownership(
        &self,
        (from, to): (usize, usize),
        member: NodeId,
        group: GroupId,
        partition: TopicPartition,
    ) -> Picked {
        let mut picked = Picked::default();
        // What struck the member may have struck before the effect: a pause, a slow call.
        let tenure = self.last_before(from, |s| {
            s.who == member && position_of(s, group, partition).is_some()
        });
        let during = (tenure.unwrap_or(0), to);
        picked.add(self.last_in(during, |s| is_blow(s, member)), Part::Fault);
        let lost = |s: &Stated| s.who == member && is_lost_commit(s);
        picked.add(self.first_in((from, to), lost), Part::Fault);
        let set = |s: &Stated| is_offsets_set(s, group);
        picked.add(self.last_in((from, to), set), Part::Fault);
        let within = (from, to);
        picked.add(
            self.first_in(within, |s| is_expiry(s, group, member)),
            Part::Expiry,
        );
        let replaced = |s: &Stated| is_static_rejoin(s, group, member);
        picked.add(self.last_in(during, replaced), Part::Takeover);
        let completed = self.last_in(within, |s| is_round(s, group));
        picked.add(completed, Part::Takeover);
        let started = |s: &Stated| matches!(s.fact, Fact::Group(GroupFact::RebalanceStarted { group: g, .. }) if g == group);
        let before_round = (from, completed.unwrap_or(to));
        picked.add(self.last_in(before_round, started), Part::Takeover);
        let given_up = |s: &Stated| s.who == member && gives_up(s, partition);
        picked.add(self.first_in(within, given_up), Part::Setting);
        let restarted = |s: &Stated| s.who == member && s.fact == Fact::Fault(FaultFact::Restarted);
        picked.add(self.first_in(within, restarted), Part::Setting);
        let moved = |s: &Stated| {
            matches!(s.fact, Fact::Group(GroupFact::PartitionMoved { partition: p, group: g, .. })
                if p == partition && g == group)
        };
        picked.add(self.last_in(within, moved), Part::Setting);
        picked
    }

    pub(super) fn lost(&self, group: GroupId, stage: Stage) -> Option<Picked> {
        if stage == Stage::NeverAcknowledged {
            return self.never_written();
        }
        if stage == Stage::Truncated {
            return self.truncated();
        }
        if stage == Stage::Expired {
            return self.removed(group);
        }
        let place = self.place_in(group)?;
        let mut picked = match stage {
            Stage::SkippedByCommit => self.skipped_by_commit(group, place)?,
            Stage::SkippedByReset => self.skipped_by_reset(group, place)?,
            _ => self.dropped(group, place)?,
        };
        picked.add(self.first_write(place), Part::FirstWrite);
        Some(picked)
    }

    /// Where the record lies on a partition that the group reads.
    fn place_in(&self, group: GroupId) -> Option<Place> {
        let places = self.facts.iter().filter_map(|s| self.write_place(s));
        let read = |place: &Place| {
            let about = |s: &Stated| {
                position_of(s, group, place.0).is_some() || committed(s, group, place.0).is_some()
            };
            self.facts.iter().any(|s| about(s))
        };
        places.into_iter().find(read)
    }

    fn write_place(&self, stated: &Stated) -> Option<Place> {
        write_of(stated, self.question.record)
    }

    fn first_write(&self, place: Place) -> Option<usize> {
        self.first_from(0, |s| self.write_place(s) == Some(place))
    }

    fn skipped_by_commit(&self, group: GroupId, place: Place) -> Option<Picked> {
        let past = |s: &Stated| committed(s, group, place.0).is_some_and(|o| place.1 < o);
        let passing = self.first_from(0, past)?;
        let mut picked = Picked::default();
        picked.add(Some(passing), Part::Symptom);
        let asked = |s: &Stated| {
            let past = |&(p, o): &Place| p == place.0 && place.1 < o;
            requested(s).is_some_and(|offsets| offsets.iter().any(past))
        };
        let request = self.last_before(passing, asked);
        picked.add(request, Part::PassingCommit);
        let given = |s: &Stated| is_delivery(s, group, place);
        let delivery = self.last_before(passing, given);
        picked.add(delivery, Part::Delivery);
        let handed = |s: &Stated| is_hand_off(s, group, place);
        picked.add(self.last_before(self.facts.len(), handed), Part::Delivery);
        let Some(delivery) = delivery else {
            picked.add(self.jump_over(passing, group, place), Part::Position);
            picked.add(
                self.last_before(passing, |s| is_offsets_set(s, group)),
                Part::Fault,
            );
            return Some(picked);
        };
        let member = self.facts[delivery].who;
        let next = self.first_from(passing, |s| {
            position_of(s, group, place.0).is_some_and(|(offset, _)| place.1 < offset)
        });
        picked.add(next, Part::Position);
        let until = next.unwrap_or(self.facts.len());
        picked.merge(self.end_of_ownership((delivery, until), member, group, place.0));
        Some(picked)
    }

    /// The last position set past a place.
    fn jump_over(&self, index: usize, group: GroupId, place: Place) -> Option<usize> {
        let past = |s: &Stated| position_of(s, group, place.0).is_some_and(|(o, _)| place.1 < o);
        self.last_before(index, past)
    }

    fn skipped_by_reset(&self, group: GroupId, place: Place) -> Option<Picked> {
        let reset = self.last_before(self.facts.len(), |s| {
            position_of(s, group, place.0)
                .is_some_and(|(o, source)| place.1 < o && source == PositionSource::Reset)
        })?;
        let mut picked = Picked::default();
        picked.add(Some(reset), Part::Symptom);
        let who = self.facts[reset].who;
        let assigned = |s: &Stated| {
            s.who == who
                && matches!(&s.fact, Fact::Group(GroupFact::Assigned { partitions, .. })
                    if partitions.contains(&place.0))
        };
        let assigned = self.last_before(reset, assigned);
        picked.add(assigned, Part::Takeover);
        picked.add(
            self.last_before(reset, |s| is_round(s, group)),
            Part::Setting,
        );
        picked.merge(self.noticed_growth(reset, group, place));
        // A group that read before: what made it look for a position anew.
        let given = self.last_before(reset, |s| polled_from(s, group, place.0));
        if let Some(before) = given {
            picked.add(Some(before), Part::Setting);
            let member = self.facts[before].who;
            picked.merge(self.end_of_ownership((before, reset), member, group, place.0));
        }
        Some(picked)
    }

    fn dropped(&self, group: GroupId, place: Place) -> Option<Picked> {
        let mut picked = Picked::default();
        let end = self.facts.len();
        let decision = self.last_before(end, |s| is_giving_up(s, group, place));
        let given = |s: &Stated| is_delivery(s, group, place);
        if let Some(decision) = decision {
            picked.add(Some(decision), Part::Symptom);
            picked.add(self.last_before(decision, given), Part::Delivery);
            let failed = |s: &Stated| is_failure(s, group, place);
            picked.add(self.first_from(0, failed), Part::First);
            picked.add(self.last_before(decision, failed), Part::Expiry);
            let who = self.facts[decision].who;
            let thrown = matches!(
                self.facts[decision].fact,
                Fact::App(AppFact::Dropped { .. })
            );
            if let Some(delivery) = self.last_before(decision, given).filter(|_| thrown) {
                let within = (delivery, decision + 1);
                picked.merge(self.end_of_ownership(within, who, group, place.0));
            }
            return Some(picked);
        }
        let jump = self.jump_over(end, group, place);
        let symptom = jump.or_else(|| self.last_before(end, given))?;
        picked.add(Some(symptom), Part::Symptom);
        let sought = |s: &Stated| s.fact == Fact::Fault(FaultFact::Sought);
        picked.add(self.last_before(symptom, sought), Part::Fault);
        Some(picked)
    }

    fn never_written(&self) -> Option<Picked> {
        let mut picked = Picked::default();
        let about = |s: &Stated| {
            s.fact
                .records()
                .is_some_and(|r| r.position(self.question.record).is_some())
        };
        let sent = self.first_from(0, |s| is_sent(s) && about(s))?;
        let producer = self.facts[sent].who;
        picked.add(Some(sent), Part::First);
        let batch = |s: &Stated| is_batch(s) && about(s);
        let left = self.first_from(sent, batch);
        picked.add(left, Part::FirstWrite);
        let lost = |s: &Stated| {
            let lost = matches!(
                s.fact,
                Fact::Fault(FaultFact::RequestLost { api: Api::Produce })
            );
            s.who == producer && lost
        };
        picked.add(self.first_from(left.unwrap_or(sent), lost), Part::Fault);
        let died = |s: &Stated| s.who == producer && s.fact == Fact::Fault(FaultFact::Crashed);
        picked.add(self.first_from(sent, died), Part::Fault);
        let refused =
            |s: &Stated| about(s) && matches!(s.fact, Fact::Log(LogFact::AppendRefused { .. }));
        picked.add(self.first_from(sent, refused), Part::Expiry);
        Some(picked)
    }

    pub(super) fn reordered(&self, group: GroupId) -> Option<Picked> {
        let in_sink = self.question.effect_in_sink;
        let effect = self.first_from(0, |s| self.effect_place(s, group).is_some())?;
        let place = self.effect_place(self.facts[effect], group)?;
        let later = self.last_before(effect, |s| {
            effects_of(s, group, place.0, in_sink).is_some_and(|(_, end)| place.1 + 1 < end)
        })?;
        let mut picked = Picked::default();
        picked.add(Some(effect), Part::Symptom);
        picked.add(Some(later), Part::First);
        let end =
            effects_of(self.facts[later], group, place.0, in_sink).map_or(place.1, |(_, end)| end);
        picked.add(self.delivery(effect, group, place), Part::Delivery);
        let overtaker = (place.0, end - 1);
        picked.add(self.delivery(later, group, overtaker), Part::Delivery);
        for index in [effect, later] {
            let who = actor_of(self.facts[index]);
            let handed = |s: &Stated| {
                s.who == who && (is_hand_off(s, group, place) || is_hand_off(s, group, overtaker))
            };
            picked.add(self.last_before(index, handed), Part::Takeover);
        }
        let failed = |s: &Stated| is_failure(s, group, place);
        picked.add(self.first_in((0, effect), failed), Part::Fault);
        if let Some(delivery) = self.delivery(effect, group, place)
            && later < delivery
        {
            let position = self.position_before(delivery, group, place);
            picked.add(position, Part::Position);
            let member = actor_of(self.facts[later]);
            picked.merge(self.end_of_ownership((later, delivery), member, group, place.0));
        }
        Some(picked)
    }

    pub(super) fn appended_twice(&self, topic: TopicId) -> Option<Picked> {
        let here = |s: &Stated| self.write_place(s).is_some_and(|(p, _)| p.topic == topic);
        let first = self.first_from(0, here)?;
        let second = self.first_from(first + 1, here)?;
        let mut picked = self.resending((first, second));
        picked.merge(self.renumbering((first, second)));
        picked.add(Some(first), Part::First);
        picked.add(Some(second), Part::Symptom);
        Some(picked)
    }

    pub(super) fn appended_late(&self, topic: TopicId) -> Option<Picked> {
        let here = |s: &Stated| self.write_place(s).is_some_and(|(p, _)| p.topic == topic);
        let own = self.first_from(0, here)?;
        let (partition, _) = self.write_place(self.facts[own])?;
        let producer = self.question.cast.sender(self.question.record).0;
        let later = self.first_in((0, own), |s| {
            let Fact::Log(LogFact::Appended {
                partition: p,
                records,
                ..
            }) = &s.fact
            else {
                return false;
            };
            let overtakes =
                |r| self.question.record < r && self.question.cast.sender(r).0 == producer;
            *p == partition && records.iter().any(overtakes)
        })?;
        let mut picked = self.resending((0, own));
        picked.add(Some(later), Part::First);
        picked.add(Some(own), Part::Symptom);
        let overtaking = self.facts[later]
            .fact
            .records()
            .map(|records| records.get(0));
        let batch = |s: &Stated| {
            let holds = |r| {
                s.fact
                    .records()
                    .is_some_and(|records| records.position(r).is_some())
            };
            is_batch(s) && overtaking.is_some_and(holds)
        };
        picked.add(self.last_before(later, batch), Part::Warning);
        Some(picked)
    }

    /// How the record's batch was sent, failed and was sent again up to the write at `.1`.
    fn resending(&self, (from, to): (usize, usize)) -> Picked {
        let mut picked = Picked::default();
        let about = |s: &Stated| {
            let records = match &s.fact {
                Fact::Produce(fact) => fact.records(),
                _ => None,
            };
            records.is_some_and(|r| r.position(self.question.record).is_some())
        };
        let batch = |s: &Stated| is_batch(s) && about(s);
        let sent = self.first_in((0, to), batch);
        picked.add(sent, Part::FirstWrite);
        picked.add(self.last_before(to, batch), Part::Position);
        let within = (sent.unwrap_or(from).min(to), to);
        let producer = self.question.cast.sender(self.question.record).0;
        picked.add(
            self.first_in(within, |s| is_lost_produce(s, producer)),
            Part::Fault,
        );
        let timed_out = |s: &Stated| {
            let overdue = matches!(s.fact, Fact::Produce(ProduceFact::RequestTimedOut { .. }));
            overdue && s.who == producer
        };
        picked.add(self.first_in(within, timed_out), Part::Expiry);
        let retry =
            |s: &Stated| about(s) && matches!(s.fact, Fact::Produce(ProduceFact::Retry { .. }));
        picked.add(self.last_in(within, retry), Part::Expiry);
        let refused = |s: &Stated| {
            let ours = s
                .fact
                .records()
                .is_some_and(|r| r.position(self.question.record).is_some());
            ours && matches!(s.fact, Fact::Log(LogFact::AppendRefused { .. }))
        };
        picked.add(self.first_in(within, refused), Part::Fault);
        let failed =
            |s: &Stated| about(s) && matches!(s.fact, Fact::Produce(ProduceFact::Failed { .. }));
        picked.add(self.last_in(within, failed), Part::Warning);
        picked
    }
}
