//! The wording of every kind of fact.

use std::sync::Arc;

use super::example::{BROKER, GROUP, MEMBER, SHOP, cast, orders, run, shared, stated};
use super::layout::COLUMNS;
use super::{Layout, line_of};
use crate::base::{Instant, NodeId, RecordId, Span, TopicId};
use crate::kafka::message::Api;
use crate::kafka::{ErrorCode, Records};
use crate::node::fact::{
    AppFact, BatchReason, CommitKind, Fact, FaultFact, GroupFact, LogFact, PositionSource,
    ProduceFact, Stated, Times,
};

fn text(facts: &[Stated]) -> String {
    let cast = cast();
    let layout = Layout::new(&cast);
    let lines: Vec<String> = facts
        .iter()
        .map(|fact| layout.render(&cast, &line_of(&cast, fact)))
        .collect();
    for line in &lines {
        assert!(line.chars().count() <= COLUMNS, "a line is short: {line}");
    }
    lines.join("\n")
}

/// States the facts one microsecond after the other.
fn all_of<F: Into<Fact>>(who: NodeId, facts: Vec<F>) -> Vec<Stated> {
    let numbered = facts.into_iter().zip(1..);
    numbered.map(|(fact, n)| stated(n, n, who, fact)).collect()
}

#[test]
fn what_producers_do_reads_aloud() {
    let partition = orders(0);
    let facts = vec![
        ProduceFact::Sent {
            topic: TopicId(0),
            records: run(0, 30),
            times: Times::Every {
                first: Instant::ZERO,
                step: Span::from_millis(50),
            },
        },
        ProduceFact::RequestSent {
            to: BROKER,
            correlation: 3,
            batches: 2,
        },
        ProduceFact::BatchSent {
            partition,
            records: run(0, 3),
            attempt: 0,
            reason: BatchReason::LingerOver,
            sequence: Some(0),
        },
        ProduceFact::BatchSent {
            partition,
            records: run(0, 3),
            attempt: 1,
            reason: BatchReason::Retry,
            sequence: Some(0),
        },
        ProduceFact::Acknowledged {
            partition,
            records: run(0, 3),
            base_offset: Some(0),
        },
        ProduceFact::Acknowledged {
            partition,
            records: run(3, 1),
            base_offset: None,
        },
        ProduceFact::ProducerIdAssigned { id: 1000, epoch: 0 },
        ProduceFact::Finished,
    ];
    insta::assert_snapshot!(text(&all_of(SHOP, facts)), @r#"
    0.000000   shop       sends       shop#1..30 to orders, until 1.450s
    0.000002   shop       requests    Produce from broker-1, 2 batches
    0.000003   shop       sends batch shop#1..3 to orders-0 (linger.ms is over)
    0.000004   shop       sends again shop#1..3 to orders-0 (a retry)
    0.000005   shop       is told     orders-0@0..2 is written (shop#1..3)
    0.000006   shop       believes    shop#4 written to orders-0 (acks=0)
    0.000007   shop       becomes     producer id 1000, producer epoch 0
    0.000008   shop       finishes    everything is sent and answered
    "#);
}

#[test]
fn what_goes_wrong_for_producers_reads_aloud() {
    let partition = orders(0);
    let facts = vec![
        ProduceFact::Retry {
            partition,
            records: run(0, 3),
            error: ErrorCode::NetworkException,
        },
        ProduceFact::Failed {
            topic: TopicId(0),
            partition: Some(0),
            records: run(4, 2),
            error: ErrorCode::RequestTimedOut,
        },
        ProduceFact::RequestTimedOut {
            to: BROKER,
            api: Api::Produce,
        },
        ProduceFact::DeliveryTimedOut {
            partition,
            records: run(4, 2),
        },
        ProduceFact::OutOfOrderSequence {
            partition,
            records: run(6, 1),
        },
        ProduceFact::ProducerEpochBumped { epoch: 1 },
        ProduceFact::BufferFull,
    ];
    insta::assert_snapshot!(text(&all_of(SHOP, facts)), @r#"
    0.000001   shop       will retry  shop#1..3 to orders-0: NETWORK_EXCEPTION
    0.000002   shop       is told     shop#5..6 to orders-0 failed: REQUEST_TIMED_OUT
    0.000003   shop       gives up    on broker-1 (Produce): request.timeout.ms is over
    0.000004   shop       gives up    shop#5..6 to orders-0: delivery.timeout.ms
    0.000005   shop       is told     orders-0 misses what came before shop#7
    0.000006   shop       raises      its producer epoch to 1
    0.000007   shop       blocks      in send(): buffer.memory is full
    "#);
}

#[test]
fn what_brokers_do_reads_aloud() {
    let partition = orders(0);
    let facts = vec![
        LogFact::Appended {
            partition,
            base_offset: 0,
            records: run(0, 4),
            count: 4,
            leader_epoch: 0,
        },
        LogFact::Appended {
            partition,
            base_offset: 9,
            records: Records::EMPTY,
            count: 1,
            leader_epoch: 0,
        },
        LogFact::RetryDeduplicated {
            partition,
            records: run(0, 4),
            base_offset: 0,
        },
        LogFact::AppendRefused {
            partition,
            records: run(4, 1),
            error: ErrorCode::NotEnoughReplicas,
        },
        LogFact::Replicated {
            partition,
            from: 0,
            to: 4,
        },
        LogFact::TopicCreated {
            topic: TopicId(0),
            partitions: 3,
        },
        LogFact::PartitionState {
            partition,
            leader: Some(BROKER),
            leader_epoch: 0,
            isr: Arc::new([BROKER]),
        },
        LogFact::MetadataRefreshed,
        LogFact::PartitionsAdded {
            topic: TopicId(0),
            from: 3,
            to: 6,
        },
    ];
    insta::assert_snapshot!(text(&all_of(BROKER, facts)), @r#"
    0.000001   broker-1   appends     orders-0@0..3 (shop#1..4)
    0.000002   broker-1   appends     orders-0@9
    0.000003   broker-1   recognises  orders-0@0..3 (shop#1..4) and appends nothing
    0.000004   broker-1   refuses     shop#5 for orders-0: NOT_ENOUGH_REPLICAS
    0.000005   broker-1   replicated  orders-0@0..3 (high watermark 4)
    0.000006   broker-1   creates     topic orders with 3 partitions
    0.000007   broker-1   decides     orders-0: broker-1 leads (epoch 0), in sync: broker-1
    0.000008   broker-1   refreshes   its metadata
    0.000009   broker-1   adds        partitions to topic orders: 6 now, 3 before
    "#);
}

#[test]
fn what_coordinators_do_reads_aloud() {
    let group = GROUP;
    let facts = vec![
        GroupFact::RebalanceStarted {
            group,
            reason: "a member joined".into(),
        },
        GroupFact::JoinCompleted {
            group,
            generation: 1,
            members: Arc::new([MEMBER, NodeId(4)]),
        },
        GroupFact::RoundCompleted {
            group,
            generation: 1,
            first: true,
            assignment: Arc::new([(MEMBER, shared(&[0, 1])), (NodeId(4), shared(&[2]))]),
        },
        GroupFact::PartitionMoved {
            group,
            partition: orders(1),
            from: MEMBER,
            to: NodeId(4),
        },
        GroupFact::SessionExpired {
            group,
            member: MEMBER,
        },
        GroupFact::MemberLeft {
            group,
            member: MEMBER,
        },
        GroupFact::MemberFenced {
            group,
            member: MEMBER,
            api: Api::OffsetCommit,
            error: ErrorCode::UnknownMemberId,
        },
        GroupFact::GroupEmpty {
            group,
            generation: 3,
        },
        GroupFact::OffsetCommitted {
            group,
            member: Some(MEMBER),
            partition: orders(0),
            offset: 4,
            before: None,
        },
    ];
    insta::assert_snapshot!(text(&all_of(BROKER, facts)), @r#"
    0.000001   broker-1   rebalances  workers: a member joined
    0.000002   broker-1   counts in   workers generation 1: workers-1 workers-2
    0.000003   broker-1   completes   workers generation 1: 2 members, 3 partitions
    0.000004   broker-1   moves       orders-1 from workers-1 to workers-2
    0.000005   broker-1   expels      workers-1: session.timeout.ms is over
    0.000006   broker-1   releases    workers-1, which left workers
    0.000007   broker-1   refuses     OffsetCommit of workers-1: UNKNOWN_MEMBER_ID
    0.000008   broker-1   notes       workers generation 3 has no members
    0.000009   broker-1   stores      orders-0 up to 4 for workers
    "#);
}

#[test]
fn what_coordinators_do_with_static_members_reads_aloud() {
    let back = |member, before| GroupFact::StaticRejoin {
        group: GROUP,
        member,
        before,
    };
    let facts = vec![back(MEMBER, MEMBER), back(NodeId(4), MEMBER)];
    insta::assert_snapshot!(text(&all_of(BROKER, facts)), @r#"
    0.000001   broker-1   takes back  workers-1: same group.instance.id
    0.000002   broker-1   puts        workers-2 in the place of workers-1: same group.instance.id
    "#);
}

#[test]
fn what_members_do_reads_aloud() {
    let group = GROUP;
    let facts = vec![
        GroupFact::Joining { group },
        GroupFact::Assigned {
            group,
            generation: 1,
            partitions: shared(&[0, 1]),
        },
        GroupFact::Assigned {
            group,
            generation: 1,
            partitions: shared(&[]),
        },
        GroupFact::Revoked {
            group,
            partitions: shared(&[0]),
        },
        GroupFact::Lost {
            group,
            partitions: shared(&[0, 1, 2, 3, 4, 5]),
        },
        GroupFact::PollIntervalExceeded { group },
        GroupFact::FellSilent { group },
    ];
    insta::assert_snapshot!(text(&all_of(MEMBER, facts)), @r#"
    0.000001   workers-1  joins       workers
    0.000002   workers-1  is assigned orders-0 orders-1
    0.000003   workers-1  is assigned nothing
    0.000004   workers-1  gives back  orders-0
    0.000005   workers-1  loses       orders-0..5: no longer a member
    0.000006   workers-1  leaves      workers: no poll() within max.poll.interval.ms
    0.000007   workers-1  is silent   in workers: no poll() within max.poll.interval.ms
    "#);
}

#[test]
fn what_members_do_with_offsets_reads_aloud() {
    let group = GROUP;
    let kind = CommitKind::Sync;
    let offsets: Arc<[_]> = Arc::new([(orders(0), 4), (orders(1), 2)]);
    let facts = vec![
        GroupFact::CommitRequested {
            group,
            kind,
            offsets: offsets.clone(),
        },
        GroupFact::CommitConfirmed {
            group,
            kind,
            offsets,
        },
        GroupFact::CommitFailed {
            group,
            kind,
            exception: "CommitFailedException",
            error: Some(ErrorCode::UnknownMemberId),
        },
        GroupFact::PositionSet {
            group,
            partition: orders(0),
            offset: 4,
            source: PositionSource::Committed,
        },
        GroupFact::OffsetReset {
            group,
            partition: orders(0),
            offset: 0,
        },
        GroupFact::PollFailed {
            group,
            exception: "NoOffsetForPartitionException",
        },
    ];
    insta::assert_snapshot!(text(&all_of(MEMBER, facts)), @r#"
    0.000001   workers-1  commits     orders-0 up to 4, -1 up to 2
    0.000002   workers-1  is told     orders-0 up to 4, -1 up to 2 is committed
    0.000003   workers-1  cannot      commit: CommitFailedException (UNKNOWN_MEMBER_ID)
    0.000004   workers-1  will read   orders-0 from 4 on (the committed offset)
    0.000005   workers-1  resets      orders-0 to 0: no usable committed offset
    0.000006   workers-1  fails       in poll(): NoOffsetForPartitionException
    "#);
}

#[test]
fn what_applications_do_reads_aloud() {
    let (group, partition, records) = (GROUP, orders(0), run(0, 4));
    let first_offset = 0;
    let one = Records::one(RecordId(4));
    let facts = vec![
        AppFact::Polled {
            group,
            partition,
            first_offset,
            records: records.clone(),
        },
        AppFact::Processed {
            group,
            partition,
            first_offset,
            records: records.clone(),
            times: Times::Every {
                first: Instant(10_121_000_000),
                step: Span::from_millis(20),
            },
        },
        AppFact::ProcessingFailed {
            group,
            partition,
            offset: 4,
            records: one.clone(),
            last_attempt: true,
        },
        AppFact::RecordSkipped {
            group,
            partition,
            offset: 4,
            records: one.clone(),
        },
        AppFact::HandedOn {
            group,
            partition,
            offset: 4,
            records: one,
            to: TopicId(0),
        },
        AppFact::HandedOff {
            group,
            partition,
            first_offset,
            records: records.clone(),
        },
        AppFact::Dropped {
            group,
            partition,
            first_offset,
            records,
        },
        AppFact::Stopped {
            group,
            reason: "processing failed",
        },
    ];
    insta::assert_snapshot!(text(&all_of(MEMBER, facts)), @r#"
     0.000001   workers-1  polls       orders-0@0..3 (shop#1..4)
    10.121000   workers-1  processes   orders-0@0..3 (shop#1..4), until 10.181s
     0.000003   workers-1  fails on    orders-0@4 (shop#5), no try left
     0.000004   workers-1  skips       orders-0@4 (shop#5)
     0.000005   workers-1  hands on    orders-0@4 (shop#5) to orders
     0.000006   workers-1  hands off   orders-0@0..3 to its workers (shop#1..4)
     0.000007   workers-1  drops       orders-0@0..3: taken away (shop#1..4)
     0.000008   workers-1  stops       processing failed
    "#);
}

#[test]
fn faults_stand_out() {
    let group = GROUP;
    let facts = vec![
        FaultFact::Crashed,
        FaultFact::Restarted,
        FaultFact::Paused,
        FaultFact::Resumed,
        FaultFact::Stalled,
        FaultFact::StallEnded,
        FaultFact::Closed,
        FaultFact::Started,
        FaultFact::Sought,
        FaultFact::OffsetsSet {
            group,
            error: ErrorCode::None,
        },
        FaultFact::OffsetsSet {
            group,
            error: ErrorCode::UnknownMemberId,
        },
    ];
    insta::assert_snapshot!(text(&all_of(MEMBER, facts)), @r#"
    0.000001 ! workers-1  crashes     its memory is gone, its connections are reset
    0.000002 ! workers-1  restarts    a new process
    0.000003 ! workers-1  is paused   the whole process stands still
    0.000004 ! workers-1  goes on     what was overdue happens now
    0.000005 ! workers-1  is stalled  its application stands still
    0.000006 ! workers-1  goes on     its application
    0.000007 ! workers-1  is closed   gracefully
    0.000008 ! workers-1  is started
    0.000009 ! workers-1  is sent     elsewhere by seek()
    0.000010 ! workers-1  has set     the offsets of workers from outside
    0.000011 ! workers-1  refuses     to set the offsets of workers: UNKNOWN_MEMBER_ID
    "#);
}

#[test]
fn faults_of_the_network_stand_out() {
    let facts = vec![
        FaultFact::RequestLost { api: Api::Produce },
        FaultFact::ResponseLost { api: Api::Produce },
        FaultFact::RequestHeld {
            api: Api::Fetch,
            length: Span::from_secs(3),
        },
        FaultFact::ResponseHeld {
            api: Api::OffsetCommit,
            length: Span::from_secs(3),
        },
        FaultFact::RequestRefused {
            api: Api::Produce,
            error: ErrorCode::NotEnoughReplicas,
        },
        FaultFact::CutMade {
            a: [MEMBER].into(),
            b: [MEMBER].into(),
            one_way: true,
        },
        FaultFact::CutHealed {
            a: [MEMBER].into(),
            b: [MEMBER].into(),
        },
        FaultFact::Slowed {
            a: [MEMBER].into(),
            b: [MEMBER].into(),
            one_way: false,
        },
        FaultFact::SlowEnded {
            a: [MEMBER].into(),
            b: [MEMBER].into(),
        },
    ];
    insta::assert_snapshot!(text(&all_of(MEMBER, facts)), @r#"
    0.000001 ! workers-1  loses       its Produce request, and the connection with it
    0.000002 ! workers-1  loses       the answer to Produce, and the connection with it
    0.000003 ! workers-1  waits       its Fetch request is held up for 3s
    0.000004 ! workers-1  waits       the answer to OffsetCommit is held up for 3s
    0.000005 ! workers-1  is refused  its Produce request: NOT_ENOUGH_REPLICAS
    0.000006 ! workers-1  is cut off  nothing passes from workers-1 to workers-1
    0.000007 ! workers-1  is back     workers-1 and workers-1 hear each other again
    0.000008 ! workers-1  is slowed   the link between workers-1 and workers-1
    0.000009 ! workers-1  is as fast  as before between workers-1 and workers-1
    "#);
}
