//! Facts by hand, for the tests of the verdict: a story is told in a line per fact.
//!
//! The cast is always the same: `broker-1`, the producer `shop` with 40 records, the group `workers`
//! with two members and the group `readers` with one, the topics `orders` (two partitions) and
//! `orders.dead`. Every line happens one second after the line before, unless [`Story::wait`] says
//! otherwise.

use std::ops::Range;
use std::sync::Arc;

use super::{GroupInfo, Ledger, Options};
use crate::base::{GroupId, Instant, NodeId, Offset, RecordId, Span, TopicId, TopicPartition};
use crate::kafka::cast::{Actor, RecordRange, Role};
use crate::kafka::{Cast, Records};
use crate::node::fact::{
    AppFact, Fact, FactId, FaultFact, GroupFact, LogFact, PositionSource, ProduceFact, Stated,
    Times,
};

pub(super) const BROKER: NodeId = NodeId(0);
pub(super) const SHOP: NodeId = NodeId(1);
pub(super) const ONE: NodeId = NodeId(2);
pub(super) const TWO: NodeId = NodeId(3);
pub(super) const READER: NodeId = NodeId(4);
pub(super) const WORKERS: GroupId = GroupId(0);
pub(super) const READERS: GroupId = GroupId(1);
pub(super) const ORDERS: TopicId = TopicId(0);
pub(super) const DEAD: TopicId = TopicId(1);
pub(super) const P0: TopicPartition = TopicPartition::new(ORDERS, 0);
pub(super) const P1: TopicPartition = TopicPartition::new(ORDERS, 1);

/// A run told by hand.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) cast: Arc<Cast>,
    pub(super) facts: Vec<Stated>,
    pub(super) now: Instant,
    groups: Vec<GroupInfo>,
    warm_up: Instant,
}

pub(super) fn records(ids: Range<u32>) -> Records {
    Records::Run {
        first: RecordId(ids.start),
        count: ids.end - ids.start,
    }
}

impl Story {
    pub(super) fn new() -> Self {
        let actor = |name: &str, role, family: &str, group| Actor {
            name: name.into(),
            role,
            family: family.into(),
            group,
        };
        let cast = Cast {
            actors: vec![
                actor("broker-1", Role::Broker, "broker-1", None),
                actor("shop", Role::Producer, "shop", None),
                actor("workers-1", Role::Member, "workers", Some(WORKERS)),
                actor("workers-2", Role::Member, "workers", Some(WORKERS)),
                actor("readers-1", Role::Member, "readers", Some(READERS)),
            ],
            topics: vec!["orders".into(), "orders.dead".into()],
            groups: vec!["workers".into(), "readers".into()],
            records: vec![RecordRange {
                producer: SHOP,
                first: RecordId(0),
                count: 40,
            }],
        };
        let group = |id, members: &[NodeId], topic| GroupInfo {
            id,
            topics: vec![topic],
            members: members.to_vec(),
            committed: Vec::new(),
            effect_in_sink: false,
        };
        Self {
            cast: Arc::new(cast),
            facts: Vec::new(),
            now: Instant::ZERO,
            groups: vec![
                group(WORKERS, &[ONE, TWO], ORDERS),
                group(READERS, &[READER], DEAD),
            ],
            warm_up: Instant::ZERO,
        }
    }

    /// A story in which records `ids` were sent, written to `orders-0` from offset 0 and replicated.
    pub(super) fn with_records(ids: Range<u32>) -> Self {
        let count = Offset::from(ids.end - ids.start);
        let mut story = Self::new();
        story.sent(ids.clone());
        story.appended(P0, 0, ids.clone());
        story.replicated(P0, count);
        story.acknowledged(ids);
        story
    }

    pub(super) fn committed_before(mut self, partition: TopicPartition, offset: Offset) -> Self {
        self.groups[0].committed.push((partition, offset));
        self
    }

    pub(super) fn warm_up(mut self, at: Instant) -> Self {
        self.warm_up = at;
        self
    }

    pub(super) fn wait(&mut self, span: Span) -> &mut Self {
        self.now += span;
        self
    }

    /// States a fact with its links.
    pub(super) fn linked(
        &mut self,
        who: NodeId,
        fact: impl Into<Fact>,
        by: FactId,
        since: FactId,
    ) -> FactId {
        self.now += Span::from_secs(1);
        let id = FactId(self.facts.len() as u64 + 1);
        self.facts.push(Stated {
            id,
            at: self.now,
            who,
            by,
            since,
            fact: fact.into(),
        });
        id
    }

    pub(super) fn states(&mut self, who: NodeId, fact: impl Into<Fact>) -> FactId {
        self.linked(who, fact, FactId::NONE, FactId::NONE)
    }

    pub(super) fn sent(&mut self, ids: Range<u32>) -> FactId {
        let fact = ProduceFact::Sent {
            topic: ORDERS,
            records: records(ids),
            times: Times::at(self.now + Span::from_secs(1)),
        };
        self.states(SHOP, fact)
    }

    pub(super) fn acknowledged(&mut self, ids: Range<u32>) -> FactId {
        let fact = ProduceFact::Acknowledged {
            partition: P0,
            records: records(ids),
            base_offset: None,
        };
        self.states(SHOP, fact)
    }

    pub(super) fn failed(&mut self, ids: Range<u32>) -> FactId {
        let fact = ProduceFact::Failed {
            topic: ORDERS,
            partition: Some(0),
            records: records(ids),
            error: crate::kafka::ErrorCode::RequestTimedOut,
        };
        self.states(SHOP, fact)
    }

    pub(super) fn appended(
        &mut self,
        partition: TopicPartition,
        base_offset: Offset,
        ids: Range<u32>,
    ) -> FactId {
        let fact = LogFact::Appended {
            partition,
            base_offset,
            count: ids.end - ids.start,
            records: records(ids),
            leader_epoch: 0,
        };
        self.states(BROKER, fact)
    }

    pub(super) fn replicated(&mut self, partition: TopicPartition, to: Offset) -> FactId {
        let fact = LogFact::Replicated {
            partition,
            from: 0,
            to,
        };
        self.states(BROKER, fact)
    }

    pub(super) fn assigned(&mut self, member: NodeId, partitions: &[TopicPartition]) -> FactId {
        let fact = GroupFact::Assigned {
            group: WORKERS,
            generation: 1,
            partitions: partitions.into(),
        };
        self.states(member, fact)
    }

    pub(super) fn revoked(&mut self, member: NodeId, partitions: &[TopicPartition]) -> FactId {
        let fact = GroupFact::Revoked {
            group: WORKERS,
            partitions: partitions.into(),
        };
        self.states(member, fact)
    }

    /// The position on `orders-0` was set.
    pub(super) fn position(
        &mut self,
        member: NodeId,
        offset: Offset,
        source: PositionSource,
    ) -> FactId {
        let fact = GroupFact::PositionSet {
            group: WORKERS,
            partition: P0,
            offset,
            source,
        };
        self.states(member, fact)
    }

    /// `poll` returned these offsets of `orders-0`, which hold the records of the same numbers.
    pub(super) fn polled(&mut self, member: NodeId, offsets: Range<u32>) -> FactId {
        let fact = AppFact::Polled {
            group: WORKERS,
            partition: P0,
            first_offset: offsets.start.into(),
            records: records(offsets),
        };
        self.states(member, fact)
    }

    /// The effects of these offsets of `orders-0` were applied, at one instant.
    pub(super) fn processed(&mut self, member: NodeId, offsets: Range<u32>) -> FactId {
        let first_offset = Offset::from(offsets.start);
        self.processed_at(member, first_offset, offsets)
    }

    /// The effects of these records, which lie in `orders-0` from `first_offset`.
    pub(super) fn processed_at(
        &mut self,
        member: NodeId,
        first_offset: Offset,
        ids: Range<u32>,
    ) -> FactId {
        self.processed_in(member, P0, (first_offset, ids))
    }

    /// The effects of these records of a partition, which lie there from an offset on.
    pub(super) fn processed_in(
        &mut self,
        member: NodeId,
        partition: TopicPartition,
        (first_offset, ids): (Offset, Range<u32>),
    ) -> FactId {
        let fact = AppFact::Processed {
            group: WORKERS,
            partition,
            first_offset,
            records: records(ids),
            times: Times::at(self.now + Span::from_secs(1)),
        };
        self.states(member, fact)
    }

    /// The effects of these offsets of `orders-0` were applied at these instants.
    pub(super) fn applied_at(
        &mut self,
        member: NodeId,
        offsets: Range<u32>,
        times: Times,
    ) -> FactId {
        let fact = AppFact::Processed {
            group: WORKERS,
            partition: P0,
            first_offset: offsets.start.into(),
            records: records(offsets),
            times,
        };
        self.states(member, fact)
    }

    /// The committed offset of `orders-0` is now this.
    pub(super) fn offset_committed(&mut self, member: NodeId, offset: Offset) -> FactId {
        let fact = GroupFact::OffsetCommitted {
            group: WORKERS,
            member: Some(member),
            partition: P0,
            offset,
            before: None,
        };
        self.states(BROKER, fact)
    }

    pub(super) fn crashed(&mut self, node: NodeId) -> FactId {
        self.states(node, FaultFact::Crashed)
    }

    pub(super) fn skipped(&mut self, member: NodeId, offset: u32) -> FactId {
        let fact = AppFact::RecordSkipped {
            group: WORKERS,
            partition: P0,
            offset: offset.into(),
            records: records(offset..offset + 1),
        };
        self.states(member, fact)
    }

    pub(super) fn handed_on(&mut self, member: NodeId, offset: u32) -> FactId {
        let fact = AppFact::HandedOn {
            group: WORKERS,
            partition: P0,
            offset: offset.into(),
            records: records(offset..offset + 1),
            to: DEAD,
        };
        self.states(member, fact)
    }

    pub(super) fn dropped(&mut self, member: NodeId, offsets: Range<u32>) -> FactId {
        let fact = AppFact::Dropped {
            group: WORKERS,
            partition: P0,
            first_offset: offsets.start.into(),
            records: records(offsets),
        };
        self.states(member, fact)
    }

    /// The ledger of the story so far.
    pub(super) fn ledger(&self) -> Ledger {
        let options = Options {
            scattered: Vec::new(),
            warm_up: self.warm_up,
            latencies: true,
            names: true,
            partitions: vec![2, 1],
        };
        let mut ledger = Ledger::new(Arc::clone(&self.cast), &self.groups, options);
        for stated in &self.facts {
            ledger.observe(stated);
        }
        ledger
    }
}
