//! Claims about the words of facts, and about whom and what they concern.

use super::super::story::*;
use super::*;
use crate::base::Instant;
use crate::kafka::Records;
use crate::kafka::message::Api;
use crate::node::fact::{CommitKind, FactId, PositionSource, SinkSilence, Times};

fn stated(who: NodeId, fact: impl Into<Fact>) -> Stated {
    Stated {
        id: FactId(1),
        at: Instant(0),
        who,
        by: FactId::NONE,
        since: FactId::NONE,
        fact: fact.into(),
    }
}

/// The names that a fact stated by the broker concerns besides the broker itself.
fn names(fact: impl Into<Fact>) -> String {
    let cast = Story::new().cast;
    let concerns = Concerns::of(&stated(BROKER, fact));
    assert!(concerns.includes("broker-1", &cast), "who states it");
    let all = [
        "shop",
        "workers",
        "workers-1",
        "workers-2",
        "readers",
        "readers-1",
        "orders",
        "orders-0",
        "orders-1",
        "orders.dead",
    ];
    let named = all
        .into_iter()
        .filter(|name| concerns.includes(name, &cast));
    named.collect::<Vec<_>>().join(" ")
}

/// Which of these errors and exceptions a fact has.
fn errors(fact: impl Into<Fact>) -> Vec<&'static str> {
    let concerns = Concerns::of(&stated(BROKER, fact));
    let all = [
        "ILLEGAL_GENERATION",
        "IllegalGenerationException",
        "CommitFailedException",
        "NoOffsetForPartitionException",
    ];
    let known = all.into_iter().filter(|name| concerns.has_error(name));
    known.collect()
}

fn failed_commit(error: Option<ErrorCode>) -> Stated {
    let fact = GroupFact::CommitFailed {
        group: WORKERS,
        kind: CommitKind::Sync,
        exception: "CommitFailedException",
        error,
    };
    stated(ONE, fact)
}

#[test]
fn a_fact_of_a_group_concerns_the_group_and_the_members_it_names() {
    let group = READERS;
    let moved = GroupFact::PartitionMoved {
        group,
        partition: P1,
        from: ONE,
        to: SHOP,
    };
    assert_eq!(
        names(moved),
        "shop workers workers-1 readers orders orders-1"
    );
    let member = TWO;
    let expired = GroupFact::SessionExpired { group, member };
    assert_eq!(names(expired), "workers workers-2 readers");
    let left = GroupFact::MemberLeft { group, member };
    assert_eq!(names(left), "workers workers-2 readers");
    let before = ONE;
    let rejoin = GroupFact::StaticRejoin {
        group,
        member,
        before,
    };
    assert_eq!(names(rejoin), "workers workers-1 workers-2 readers");
    let formed = GroupFact::GroupEmpty {
        group,
        generation: 1,
    };
    assert_eq!(names(formed), "readers");
}

#[test]
fn an_offset_commit_or_a_position_concerns_its_partition_and_a_commit_its_member() {
    let (group, partition, offset) = (READERS, P0, 7);
    let committed = |member| GroupFact::OffsetCommitted {
        group,
        member,
        partition,
        offset,
        before: None,
    };
    assert_eq!(names(committed(None)), "readers orders orders-0");
    assert_eq!(
        names(committed(Some(TWO))),
        "workers workers-2 readers orders orders-0"
    );
    let set = GroupFact::PositionSet {
        group,
        partition,
        offset,
        source: PositionSource::Reset,
    };
    assert_eq!(names(set), "readers orders orders-0");
    let reset = GroupFact::OffsetReset {
        group,
        partition,
        offset,
    };
    assert_eq!(names(reset), "readers orders orders-0");
}

#[test]
fn a_fact_of_a_producer_concerns_its_topic_and_its_partition_or_the_broker_it_speaks_to() {
    let (partition, records) = (P1, Records::EMPTY);
    let sent = ProduceFact::Sent {
        topic: ORDERS,
        records: records.clone(),
        times: Times::at(Instant(0)),
    };
    assert_eq!(names(sent), "orders");
    let failed = |partition| ProduceFact::Failed {
        topic: ORDERS,
        partition,
        records: Records::EMPTY,
        error: ErrorCode::IllegalGeneration,
    };
    assert_eq!(names(failed(None)), "orders");
    assert_eq!(names(failed(Some(1))), "orders orders-1");
    assert_eq!(errors(failed(None)), ILLEGAL);
    let retry = ProduceFact::Retry {
        partition,
        records: records.clone(),
        error: ErrorCode::IllegalGeneration,
    };
    assert_eq!(names(retry.clone()), "orders orders-1");
    assert_eq!(errors(retry), ILLEGAL);
    let late = ProduceFact::DeliveryTimedOut {
        partition,
        records: records.clone(),
    };
    assert_eq!(names(late), "orders orders-1");
    let gap = ProduceFact::OutOfOrderSequence { partition, records };
    assert_eq!(names(gap), "orders orders-1");
    let silent = ProduceFact::RequestTimedOut {
        to: TWO,
        api: Api::Produce,
    };
    assert_eq!(names(silent), "workers workers-2");
    assert_eq!(names(ProduceFact::BufferFull), "");
}

#[test]
fn a_fact_of_a_log_concerns_its_partition_or_its_topic() {
    let (partition, records) = (P0, Records::EMPTY);
    let known = LogFact::RetryDeduplicated {
        partition,
        records: records.clone(),
        base_offset: 0,
    };
    assert_eq!(names(known), "orders orders-0");
    let refused = LogFact::AppendRefused {
        partition,
        records,
        error: ErrorCode::IllegalGeneration,
    };
    assert_eq!(names(refused.clone()), "orders orders-0");
    assert_eq!(errors(refused), ILLEGAL);
    let created = LogFact::TopicCreated {
        topic: DEAD,
        partitions: 1,
    };
    assert_eq!(names(created), "orders.dead");
    assert_eq!(names(LogFact::MetadataRefreshed), "");
}

#[test]
fn a_fact_of_an_application_concerns_its_group_and_its_partition_or_its_sink() {
    let (group, partition, offset, records) = (READERS, P1, 3, Records::EMPTY);
    let failed = AppFact::ProcessingFailed {
        group,
        partition,
        offset,
        records: records.clone(),
        last_attempt: true,
    };
    assert_eq!(names(failed), "readers orders orders-1");
    let skipped = AppFact::RecordSkipped {
        group,
        partition,
        offset,
        records,
    };
    assert_eq!(names(skipped), "readers orders orders-1");
    let outage = AppFact::SinkOutage {
        group,
        sink: SHOP,
        silence: SinkSilence::TimedOut,
    };
    assert_eq!(names(outage), "shop readers");
    let reason = "CommitFailedException";
    let stopped = AppFact::Stopped { group, reason };
    assert_eq!(names(stopped.clone()), "readers");
    assert_eq!(errors(stopped), [reason]);
}

#[test]
fn a_refusal_is_found_by_its_error_code_and_by_its_exception() {
    let group = READERS;
    let fenced = GroupFact::MemberFenced {
        group,
        member: ONE,
        api: Api::OffsetCommit,
        error: ErrorCode::IllegalGeneration,
    };
    assert_eq!(names(fenced.clone()), "workers workers-1 readers");
    assert_eq!(errors(fenced), ILLEGAL);
    let failed = failed_commit(Some(ErrorCode::IllegalGeneration)).fact;
    let found = ["CommitFailedException"];
    assert_eq!(errors(failed), [ILLEGAL, &found].concat());
    let exception = "NoOffsetForPartitionException";
    let thrown = GroupFact::PollFailed { group, exception };
    assert_eq!(errors(thrown), [exception]);
    let error = ErrorCode::IllegalGeneration;
    let set = FaultFact::OffsetsSet { group, error };
    assert_eq!(names(set.clone()), "readers");
    assert_eq!(errors(set), ILLEGAL);
}

/// The names of one error.
const ILLEGAL: &[&str] = &["ILLEGAL_GENERATION", "IllegalGenerationException"];

#[test]
fn a_fact_is_counted_for_its_actor_its_family_and_its_error() {
    let mut seen = Seen::default();
    seen.observe(&failed_commit(Some(ErrorCode::IllegalGeneration)));
    seen.observe(&failed_commit(None));
    let cast = Story::new().cast;
    let of = |name: &str| seen.count_where(FactWord::CommitFailed, |c| c.includes(name, &cast));
    assert_eq!([of("workers-1"), of("workers"), of("orders")], [2, 2, 0]);
    let with = |name: &str| seen.count_where(FactWord::CommitFailed, |c| c.has_error(name));
    assert_eq!(with("CommitFailedException"), 2);
    assert_eq!(with("ILLEGAL_GENERATION"), 1);
    assert_eq!(with("UNKNOWN_MEMBER_ID"), 0);
}

#[test]
fn an_offset_commit_that_goes_back_is_also_a_rewind() {
    let commit = |offset| {
        Fact::from(GroupFact::OffsetCommitted {
            group: GroupId(0),
            member: None,
            partition: TopicPartition::default(),
            offset,
            before: Some(10),
        })
    };
    assert_eq!(second_word(&commit(9)), Some(FactWord::CommitRewound));
    assert_eq!(second_word(&commit(10)), None);
    assert_eq!(word_of(&commit(9)), Some(FactWord::OffsetCommitted));
}

#[test]
fn batches_are_counted_one_by_one_however_alike_they_are() {
    let mut seen = Seen::default();
    let mut send = |partition, reason, times| {
        for _ in 0..times {
            let sent = ProduceFact::BatchSent {
                partition,
                records: Records::EMPTY,
                attempt: 0,
                reason,
                sequence: None,
            };
            seen.observe(&stated(SHOP, sent));
        }
    };
    send(P0, BatchReason::Full, 3);
    send(P1, BatchReason::LingerOver, 2);
    send(P0, BatchReason::Full, 4);
    let words = [
        FactWord::BatchSent,
        FactWord::BatchFull,
        FactWord::LingerOver,
    ];
    assert_eq!(words.map(|word| seen.count(word)), [9, 7, 2]);
    let cast = Story::new().cast;
    let of = |name| seen.count_where(FactWord::BatchSent, |c| c.includes(name, &cast));
    assert_eq!(["orders-0", "orders-1", "shop"].map(of), [7, 2, 9]);
}
