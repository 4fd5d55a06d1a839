//! Questions to single facts: is it a delivery of this place, an offset commit of this group, the end
//! of that membership?

use super::about::offsets_of;
use super::why::Place;
use crate::base::{GroupId, NodeId, Offset, RecordId, TopicPartition};
use crate::kafka::message::Api;
use crate::node::fact::{
    AppFact, Fact, FaultFact, GroupFact, LogFact, PositionSource, ProduceFact, SinkFact,
    SinkSilence, Stated,
};

pub(super) fn is_batch(stated: &Stated) -> bool {
    matches!(stated.fact, Fact::Produce(ProduceFact::BatchSent { .. }))
}

pub(super) fn is_sent(stated: &Stated) -> bool {
    matches!(stated.fact, Fact::Produce(ProduceFact::Sent { .. }))
}

pub(super) fn is_lost_produce(stated: &Stated, producer: NodeId) -> bool {
    let lost = matches!(
        stated.fact,
        Fact::Fault(
            FaultFact::RequestLost { api: Api::Produce }
                | FaultFact::ResponseLost { api: Api::Produce }
        )
    );
    lost && stated.who == producer
}

pub(super) fn is_lost_commit(stated: &Stated) -> bool {
    matches!(
        stated.fact,
        Fact::Fault(
            FaultFact::RequestLost {
                api: Api::OffsetCommit | Api::Heartbeat
            } | FaultFact::ResponseLost {
                api: Api::OffsetCommit | Api::Heartbeat
            }
        )
    )
}

pub(super) fn is_offsets_set(stated: &Stated, group: GroupId) -> bool {
    matches!(stated.fact, Fact::Fault(FaultFact::OffsetsSet { group: g, .. }) if g == group)
}

/// Something that befell the member itself, or that it did to itself.
pub(super) fn is_blow(stated: &Stated, member: NodeId) -> bool {
    let blow = matches!(
        stated.fact,
        Fact::Fault(
            FaultFact::Crashed
                | FaultFact::Paused
                | FaultFact::Stalled
                | FaultFact::Closed
                | FaultFact::Sought
        ) | Fact::App(AppFact::Stopped { .. })
    );
    blow && stated.who == member
}

pub(super) fn is_crash(stated: &Stated) -> bool {
    matches!(
        stated.fact,
        Fact::Fault(FaultFact::Crashed | FaultFact::PowerLost)
    )
}

/// What ended the membership, or made it worthless.
pub(super) fn is_expiry(stated: &Stated, group: GroupId, member: NodeId) -> bool {
    match &stated.fact {
        Fact::Group(
            GroupFact::SessionExpired {
                group: g,
                member: m,
            }
            | GroupFact::RevocationTimedOut {
                group: g,
                member: m,
            }
            | GroupFact::RejoinTimedOut {
                group: g,
                member: m,
            }
            | GroupFact::MemberLeft {
                group: g,
                member: m,
            },
        ) => *g == group && *m == member,
        Fact::Group(GroupFact::PollIntervalExceeded { .. } | GroupFact::FellSilent { .. }) => {
            stated.who == member
        }
        _ => false,
    }
}

/// Another process has the `group.instance.id` of this member now.
pub(super) fn is_static_rejoin(stated: &Stated, group: GroupId, member: NodeId) -> bool {
    matches!(
        &stated.fact,
        Fact::Group(GroupFact::StaticRejoin { group: g, before, .. })
            if *g == group && *before == member
    )
}

pub(super) fn is_round(stated: &Stated, group: GroupId) -> bool {
    matches!(
        stated.fact,
        Fact::Group(
            GroupFact::RoundCompleted { group: g, .. } | GroupFact::TargetComputed { group: g, .. }
        ) if g == group
    )
}

pub(super) fn gives_up(stated: &Stated, partition: TopicPartition) -> bool {
    match &stated.fact {
        Fact::Group(GroupFact::Revoked { partitions, .. } | GroupFact::Lost { partitions, .. }) => {
            partitions.contains(&partition)
        }
        _ => false,
    }
}

pub(super) fn position_of(
    stated: &Stated,
    group: GroupId,
    partition: TopicPartition,
) -> Option<(Offset, PositionSource)> {
    match &stated.fact {
        Fact::Group(GroupFact::PositionSet {
            group: g,
            partition: p,
            offset,
            source,
        }) if *g == group && *p == partition => Some((*offset, *source)),
        _ => None,
    }
}

pub(super) fn committed(
    stated: &Stated,
    group: GroupId,
    partition: TopicPartition,
) -> Option<Offset> {
    match &stated.fact {
        Fact::Group(GroupFact::OffsetCommitted {
            group: g,
            partition: p,
            offset,
            ..
        }) if *g == group && *p == partition => Some(*offset),
        _ => None,
    }
}

pub(super) fn requested(stated: &Stated) -> Option<&[Place]> {
    match &stated.fact {
        Fact::Group(GroupFact::CommitRequested { offsets, .. }) => Some(offsets),
        _ => None,
    }
}

pub(super) fn is_delivery(stated: &Stated, group: GroupId, place: Place) -> bool {
    matches!(stated.fact, Fact::App(AppFact::Polled { .. })) && is_about(stated, group, place)
}

pub(super) fn polled_from(stated: &Stated, group: GroupId, partition: TopicPartition) -> bool {
    let about = offsets_of(&stated.fact).is_some_and(|(g, p, _)| g == group && p == partition);
    about && matches!(stated.fact, Fact::App(AppFact::Polled { .. }))
}

pub(super) fn is_hand_off(stated: &Stated, group: GroupId, place: Place) -> bool {
    matches!(stated.fact, Fact::App(AppFact::HandedOff { .. })) && is_about(stated, group, place)
}

pub(super) fn is_failure(stated: &Stated, group: GroupId, place: Place) -> bool {
    let failure = matches!(stated.fact, Fact::App(AppFact::ProcessingFailed { .. }));
    failure && is_about(stated, group, place)
}

/// The application's decision to go on without a record.
pub(super) fn is_giving_up(stated: &Stated, group: GroupId, place: Place) -> bool {
    let decision = matches!(
        stated.fact,
        Fact::App(AppFact::RecordSkipped { .. } | AppFact::Dropped { .. })
    );
    decision && is_about(stated, group, place)
}

fn is_about(stated: &Stated, group: GroupId, place: Place) -> bool {
    offsets_of(&stated.fact).is_some_and(|(g, partition, offsets)| {
        g == group && partition == place.0 && offsets.contains(&place.1)
    })
}

/// The member that acts: for what a sink does, the one that asked it.
pub(super) fn actor_of(stated: &Stated) -> NodeId {
    match &stated.fact {
        Fact::Sink(fact) => fact.from(),
        _ => stated.who,
    }
}

/// Whether a fact states effects: rows where the effect is in a sink, else processing.
pub(super) fn is_effect(stated: &Stated, in_sink: bool) -> bool {
    match &stated.fact {
        Fact::Sink(SinkFact::RowsStored { .. }) => in_sink,
        Fact::App(AppFact::Processed { .. }) => !in_sink,
        _ => false,
    }
}

/// The member had no answer of its sink to a request that had left.
pub(super) fn is_outage(stated: &Stated, member: NodeId) -> bool {
    let unknown = match &stated.fact {
        Fact::App(AppFact::SinkOutage { silence, .. }) => *silence != SinkSilence::NotSent,
        _ => false,
    };
    unknown && stated.who == member
}

/// The offsets whose effects a fact states for this partition.
pub(super) fn effects_of(
    stated: &Stated,
    group: GroupId,
    partition: TopicPartition,
    in_sink: bool,
) -> Option<(Offset, Offset)> {
    if !is_effect(stated, in_sink) {
        return None;
    }
    let (g, p, offsets) = offsets_of(&stated.fact)?;
    (g == group && p == partition).then_some((offsets.start, offsets.end))
}

/// The effect on any record by the group that this fact states, if it does: its place.
pub(super) fn effect_of(
    stated: &Stated,
    group: GroupId,
    record: RecordId,
    in_sink: bool,
) -> Option<Place> {
    if !is_effect(stated, in_sink) {
        return None;
    }
    let (of, partition, offsets) = offsets_of(&stated.fact)?;
    let index = stated.fact.records()?.position(record);
    let index = index.filter(|_| of == group)?;
    Some((partition, offsets.start + Offset::from(index)))
}

/// Where a fact says that any record was written.
pub(super) fn write_of(stated: &Stated, record: RecordId) -> Option<Place> {
    let Fact::Log(LogFact::Appended {
        partition,
        base_offset,
        records,
        ..
    }) = &stated.fact
    else {
        return None;
    };
    let index = records.position(record)?;
    Some((*partition, base_offset + Offset::from(index)))
}
