//! A small cast for the tests of this layer.

use std::sync::Arc;

use crate::base::{GroupId, Instant, NodeId, RecordId, TopicId, TopicPartition};
use crate::kafka::cast::{Actor, RecordRange, Role};
use crate::kafka::{Cast, Records};
use crate::node::fact::{Fact, FactId, Stated};

/// One broker, producers `shop` (30 records) and `desk` (5), group `workers` with two members.
pub(crate) fn cast() -> Cast {
    let actor = |name: &str, role, family: &str, group| Actor {
        name: name.to_owned(),
        role,
        family: family.to_owned(),
        group,
    };
    Cast {
        actors: vec![
            actor("broker-1", Role::Broker, "broker-1", None),
            actor("shop", Role::Producer, "shop", None),
            actor("desk", Role::Producer, "desk", None),
            actor("workers-1", Role::Member, "workers", Some(GroupId(0))),
            actor("workers-2", Role::Member, "workers", Some(GroupId(0))),
        ],
        topics: vec!["orders".to_owned(), "__consumer_offsets".to_owned()],
        groups: vec!["workers".to_owned()],
        records: vec![
            RecordRange {
                producer: SHOP,
                first: RecordId(0),
                count: 30,
            },
            RecordRange {
                producer: DESK,
                first: RecordId(30),
                count: 5,
            },
        ],
    }
}

pub(crate) const BROKER: NodeId = NodeId(0);
pub(crate) const SHOP: NodeId = NodeId(1);
pub(crate) const DESK: NodeId = NodeId(2);
pub(crate) const MEMBER: NodeId = NodeId(3);
pub(crate) const GROUP: GroupId = GroupId(0);

/// Partition `orders-<number>`.
pub(crate) fn orders(number: u32) -> TopicPartition {
    TopicPartition::new(TopicId(0), number)
}

/// `count` records from the `first`, counted from 0.
pub(crate) fn run(first: u32, count: u32) -> Records {
    Records::Run {
        first: RecordId(first),
        count,
    }
}

/// These partitions of `orders`, shared.
pub(crate) fn shared(numbers: &[u32]) -> Arc<[TopicPartition]> {
    numbers.iter().map(|&number| orders(number)).collect()
}

/// A fact stated by `who` so many microseconds after time 0.
pub(crate) fn stated(id: u64, micros: u64, who: NodeId, fact: impl Into<Fact>) -> Stated {
    Stated {
        id: FactId(id),
        at: Instant(micros * 1_000),
        who,
        by: FactId::NONE,
        since: FactId::NONE,
        fact: fact.into(),
    }
}
