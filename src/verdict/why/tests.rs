//! Claims about chains, on runs told by hand.

use super::super::story::*;
use super::*;
use crate::base::Span;
use crate::kafka::ErrorCode;
use crate::kafka::message::Api;
use crate::node::fact::PositionSource::{Committed, Reset};
use crate::node::fact::{
    AppFact, BatchReason, CommitKind, FaultFact, GroupFact, LogFact, ProduceFact, Times,
};

fn explained(story: &Story, record: u32, symptom: Symptom) -> Chain {
    let setting =
        |_: NodeId, name: &str| (name == "session.timeout.ms").then(|| "45000".to_owned());
    let question = Question {
        facts: &story.facts,
        cast: &story.cast,
        setting: &setting,
        record: RecordId(record),
        symptom,
        effect_in_sink: false,
    };
    let chain = question.explain().expect("the facts show the symptom");
    assert!(chain.links.len() <= LINKS_MAX, "{chain:#?}");
    chain
}

fn whats(chain: &Chain) -> Vec<&str> {
    chain.links.iter().map(|link| link.what.as_str()).collect()
}

fn rule_of<'c>(chain: &'c Chain, what: &str) -> &'c str {
    let link = chain.links.iter().find(|link| link.what.contains(what));
    let link = link.unwrap_or_else(|| panic!("no link says {what}: {chain:#?}"));
    link.rule.as_deref().expect("the link has a rule")
}

fn expires(story: &mut Story, member: NodeId) {
    story.wait(Span::from_secs(44));
    let group = WORKERS;
    story.states(BROKER, GroupFact::SessionExpired { group, member });
    let reason = "removing member workers-1 on heartbeat expiration".into();
    story.states(BROKER, GroupFact::RebalanceStarted { group, reason });
    let assignment = [(TWO, [P0, P1].into())].into();
    let round = GroupFact::RoundCompleted {
        group,
        generation: 2,
        first: false,
        assignment,
    };
    story.states(BROKER, round);
}

fn asks(story: &mut Story, member: NodeId, kind: CommitKind, offset: Offset) {
    let fact = GroupFact::CommitRequested {
        group: WORKERS,
        kind,
        offsets: [(P0, offset)].into(),
    };
    story.states(member, fact);
}

#[test]
fn a_duplicate_is_traced_from_the_crash_to_the_second_effect() {
    let mut story = Story::with_records(0..10);
    story.position(ONE, 0, Reset);
    story.polled(ONE, 0..2);
    story.processed(ONE, 0..2);
    story.offset_committed(ONE, 2);
    story.polled(ONE, 2..10);
    story.processed(ONE, 2..6);
    story.crashed(ONE);
    expires(&mut story, ONE);
    story.assigned(TWO, &[P0, P1]);
    story.position(TWO, 2, Committed);
    story.polled(TWO, 2..10);
    story.processed(TWO, 2..10);
    let chain = explained(&story, 4, Symptom::Duplicated(WORKERS));
    assert_eq!(
        chain.symptom,
        "workers applied the effect of shop#5 more than once"
    );
    assert_eq!(
        whats(&chain),
        [
            "the committed offset of orders-0 is 2 now, it was none (by workers-1)",
            "workers-1 applies the effect of orders-0@4",
            "workers-1 crashes",
            "the coordinator gives workers-1 up",
            "a rebalance of workers begins: removing member workers-1 on heartbeat expiration",
            "generation 2: workers-2 has orders-0 orders-1",
            "workers-2 starts to read orders-0 at 2, from the committed offset",
            "poll() of workers-2 returns orders-0@2..9",
            "workers-2 applies the effect of orders-0@4",
        ]
    );
    assert!(rule_of(&chain, "gives workers-1 up").starts_with("session.timeout.ms=45000:"));
    assert!(rule_of(&chain, "committed offset of").contains("the next one to read"));
}

#[test]
fn the_fact_named_as_the_state_behind_a_position_beats_the_last_of_its_kind() {
    let mut story = Story::with_records(0..10);
    story.processed(ONE, 0..4);
    let stood = story.offset_committed(ONE, 1);
    story.offset_committed(ONE, 3);
    story.crashed(ONE);
    let position = GroupFact::PositionSet {
        group: WORKERS,
        partition: P0,
        offset: 1,
        source: Committed,
    };
    story.linked(TWO, position, FactId::NONE, stood);
    story.polled(TWO, 1..10);
    story.processed(TWO, 1..10);
    let chain = explained(&story, 2, Symptom::Duplicated(WORKERS));
    assert!(whats(&chain)[1].contains("orders-0 is 1 now"), "{chain:#?}");
}

#[test]
fn a_slow_member_that_is_thrown_out_and_may_not_commit_is_a_chain_without_a_fault() {
    let mut story = Story::with_records(0..10);
    let group = WORKERS;
    story.position(ONE, 0, Reset);
    story.polled(ONE, 0..10);
    story.processed(ONE, 0..10);
    story.states(ONE, GroupFact::PollIntervalExceeded { group });
    story.states(BROKER, GroupFact::MemberLeft { group, member: ONE });
    asks(&mut story, ONE, CommitKind::Sync, 10);
    let refused = GroupFact::CommitFailed {
        group,
        kind: CommitKind::Sync,
        exception: "CommitFailedException",
        error: Some(ErrorCode::UnknownMemberId),
    };
    story.states(ONE, refused);
    story.position(TWO, 0, Reset);
    story.polled(TWO, 0..10);
    story.processed(TWO, 0..10);
    let chain = explained(&story, 3, Symptom::Duplicated(WORKERS));
    assert_eq!(
        whats(&chain),
        [
            "workers-1 applies the effect of orders-0@3",
            "workers-1 has not called poll() for too long and leaves the group",
            "workers-1 asks for an offset commit (commitSync): orders-0 at 10",
            "the offset commit of workers-1 fails: CommitFailedException",
            "workers-2 starts to read orders-0 at 0, from auto.offset.reset",
            "poll() of workers-2 returns orders-0@0..9",
            "workers-2 applies the effect of orders-0@3",
        ]
    );
}

#[test]
fn a_loss_by_offset_commit_shows_delivery_commit_crash_and_the_position_past_it() {
    let mut story = Story::with_records(0..10);
    story.position(ONE, 0, Reset);
    story.polled(ONE, 0..10);
    asks(&mut story, ONE, CommitKind::Sync, 10);
    story.offset_committed(ONE, 10);
    story.processed(ONE, 0..4);
    story.crashed(ONE);
    expires(&mut story, ONE);
    story.position(TWO, 10, Committed);
    let symptom = Symptom::Lost(WORKERS, Stage::SkippedByCommit);
    let chain = explained(&story, 6, symptom);
    assert_eq!(
        whats(&chain),
        [
            "broker-1 writes shop#7 at orders-0@6",
            "poll() of workers-1 returns orders-0@0..9",
            "workers-1 asks for an offset commit (commitSync): orders-0 at 10",
            "the committed offset of orders-0 is 10 now, it was none (by workers-1)",
            "workers-1 crashes",
            "the coordinator gives workers-1 up",
            "a rebalance of workers begins: removing member workers-1 on heartbeat expiration",
            "generation 2: workers-2 has orders-0 orders-1",
            "workers-2 starts to read orders-0 at 10, from the committed offset",
        ]
    );
    assert!(rule_of(&chain, "starts to read").contains("never looks at what lies before"));
}

#[test]
fn a_loss_by_reset_ends_with_the_position_that_was_set_past_it() {
    let mut story = Story::with_records(0..10);
    story.assigned(ONE, &[P0]);
    story.position(ONE, 10, Reset);
    let chain = explained(&story, 6, Symptom::Lost(WORKERS, Stage::SkippedByReset));
    assert_eq!(
        whats(&chain),
        [
            "broker-1 writes shop#7 at orders-0@6",
            "workers-1 is given orders-0",
            "workers-1 starts to read orders-0 at 10, from auto.offset.reset",
        ]
    );
}

fn grows(story: &mut Story, to: u32) {
    let topic = ORDERS;
    story.states(BROKER, LogFact::PartitionsAdded { topic, from: 1, to });
}

#[test]
fn a_loss_in_a_partition_that_was_added_begins_with_the_growth_and_who_noticed_it() {
    let mut story = Story::new();
    grows(&mut story, 2);
    story.states(SHOP, LogFact::MetadataRefreshed);
    story.appended(P1, 0, 0..3);
    story.states(ONE, LogFact::MetadataRefreshed);
    let (group, reason) = (WORKERS, "Leader workers-1 re-joining group".into());
    story.states(BROKER, GroupFact::RebalanceStarted { group, reason });
    story.assigned(TWO, &[P1]);
    let reset = GroupFact::PositionSet {
        group,
        partition: P1,
        offset: 3,
        source: Reset,
    };
    story.states(TWO, reset);
    let chain = explained(&story, 1, Symptom::Lost(WORKERS, Stage::SkippedByReset));
    assert_eq!(
        whats(&chain),
        [
            "orders has 2 partitions now, it had 1",
            "broker-1 writes shop#2 at orders-1@1",
            "workers-1 has new metadata",
            "a rebalance of workers begins: Leader workers-1 re-joining group",
            "workers-2 is given orders-1",
            "workers-2 starts to read orders-1 at 3, from auto.offset.reset",
        ]
    );
    let noticed = rule_of(&chain, "workers-1 has new metadata");
    assert!(noticed.contains("the leader of the group compares"));
}

#[test]
fn an_overtaken_record_is_traced_from_the_growth_to_both_effects() {
    let mut story = Story::new();
    story.appended(P0, 0, 0..3);
    grows(&mut story, 2);
    story.states(SHOP, LogFact::MetadataRefreshed);
    story.appended(P1, 0, 3..6);
    story.assigned(TWO, &[P1]);
    story.polled(ONE, 0..3);
    story.processed_in(TWO, P1, (0, 3..6));
    story.processed_in(ONE, P0, (0, 0..3));
    let chain = explained(&story, 2, Symptom::Overtaken(WORKERS, RecordId(4)));
    assert_eq!(
        whats(&chain),
        [
            "broker-1 writes shop#3 at orders-0@2",
            "orders has 2 partitions now, it had 1",
            "shop has new metadata",
            "broker-1 writes shop#5, of the same key, at orders-1@1",
            "workers-2 is given orders-1",
            "poll() of workers-1 returns orders-0@0..2",
            "workers-2 applies the effect of orders-1@1",
            "workers-1 applies the effect of orders-0@2",
        ]
    );
    assert!(rule_of(&chain, "orders has 2").contains("modulo the number of partitions"));
    assert!(chain.symptom.contains("after that of shop#5"));
}

#[test]
fn a_poison_record_that_is_swallowed_names_its_failures_and_the_decision() {
    let mut story = Story::with_records(0..4);
    story.position(ONE, 0, Reset);
    story.polled(ONE, 0..4);
    for last_attempt in [false, false, true] {
        let failure = AppFact::ProcessingFailed {
            group: WORKERS,
            partition: P0,
            offset: 2,
            records: records(2..3),
            last_attempt,
        };
        story.states(ONE, failure);
    }
    story.skipped(ONE, 2);
    let chain = explained(
        &story,
        2,
        Symptom::Lost(WORKERS, Stage::DroppedByApplication),
    );
    assert_eq!(
        whats(&chain)[1..],
        [
            "poll() of workers-1 returns orders-0@0..3",
            "workers-1 fails at orders-0@2",
            "workers-1 fails at orders-0@2 for the last time",
            "workers-1 goes on without orders-0@2",
        ]
    );
}

fn batch(story: &mut Story, ids: std::ops::Range<u32>, attempt: u32) {
    let fact = ProduceFact::BatchSent {
        partition: P0,
        records: records(ids),
        attempt,
        reason: BatchReason::LingerOver,
        sequence: None,
    };
    story.states(SHOP, fact);
}

/// The answer to the batch 0..3 is lost while 3..6 is under way; the retry is written last.
fn lost_answer(first_write: bool) -> Story {
    let mut story = Story::new();
    story.sent(0..6);
    batch(&mut story, 0..3, 0);
    batch(&mut story, 3..6, 0);
    let api = Api::Produce;
    let mut end = 0;
    if first_write {
        story.appended(P0, 0, 0..3);
        end = 3;
        story.states(SHOP, FaultFact::ResponseLost { api });
    } else {
        story.states(SHOP, FaultFact::RequestLost { api });
    }
    story.appended(P0, end, 3..6);
    let retry = ProduceFact::Retry {
        partition: P0,
        records: records(0..3),
        error: ErrorCode::NetworkException,
    };
    story.states(SHOP, retry);
    batch(&mut story, 0..3, 1);
    story.appended(P0, end + 3, 0..3);
    story
}

#[test]
fn a_record_written_twice_is_traced_to_the_lost_answer() {
    let chain = explained(&lost_answer(true), 1, Symptom::AppendedTwice(ORDERS));
    assert_eq!(
        whats(&chain),
        [
            "shop sends the batch with shop#2 to orders-0",
            "broker-1 writes shop#2 at orders-0@1",
            "the answer to the Produce request of shop is lost",
            "shop is to send the batch with shop#2 again: NETWORK_EXCEPTION",
            "shop sends the batch with shop#2 to orders-0 again (retry 1)",
            "broker-1 writes shop#2 at orders-0@7",
        ]
    );
    assert!(rule_of(&chain, "orders-0@7").starts_with("enable.idempotence:"));
}

#[test]
fn a_record_written_late_is_traced_to_the_batch_that_overtook_it() {
    let chain = explained(&lost_answer(false), 1, Symptom::AppendedLate(ORDERS));
    assert_eq!(
        whats(&chain),
        [
            "shop sends the batch with shop#2 to orders-0",
            "shop sends a later batch to orders-0",
            "the Produce request of shop is lost",
            "broker-1 writes later records at orders-0@0..2",
            "shop is to send the batch with shop#2 again: NETWORK_EXCEPTION",
            "shop sends the batch with shop#2 to orders-0 again (retry 1)",
            "broker-1 writes shop#2 at orders-0@4",
        ]
    );
}

#[test]
fn workers_that_overtake_each_other_are_a_reordering() {
    let mut story = Story::with_records(0..4);
    story.position(ONE, 0, Reset);
    story.polled(ONE, 0..4);
    let handed = AppFact::HandedOff {
        group: WORKERS,
        partition: P0,
        first_offset: 0,
        records: records(0..4),
    };
    story.states(ONE, handed);
    story.processed(ONE, 1..2);
    story.processed(ONE, 0..1);
    let chain = explained(&story, 0, Symptom::Reordered(WORKERS));
    assert_eq!(
        whats(&chain),
        [
            "poll() of workers-1 returns orders-0@0..3",
            "workers-1 gives orders-0@0 to its workers",
            "workers-1 applies the effect of orders-0@1",
            "workers-1 applies the effect of orders-0@0",
        ]
    );
}

#[test]
fn a_record_that_never_left_is_traced_to_the_death_of_its_producer() {
    let mut story = Story::new();
    story.sent(0..6);
    story.crashed(SHOP);
    let chain = explained(&story, 1, Symptom::Lost(WORKERS, Stage::NeverAcknowledged));
    assert_eq!(
        whats(&chain),
        ["shop passes shop#2 to send()", "shop crashes"]
    );
}

#[test]
fn mere_triggers_and_facts_of_other_partitions_are_no_part_of_a_chain() {
    let mut story = Story::with_records(0..4);
    story.appended(P1, 0, 10..12);
    let other = &story.facts[story.facts.len() - 1];
    assert!(!concerns(other, RecordId(1), &[P0]));
    assert!(concerns(&story.facts[1], RecordId(1), &[P0]));
    story.states(BROKER, LogFact::MetadataRefreshed);
    story.processed(ONE, 0..4);
    story.processed(TWO, 0..4);
    let chain = explained(&story, 1, Symptom::Duplicated(WORKERS));
    assert_eq!(chain.links.len(), 2);
}

#[test]
fn a_stretch_stated_late_stands_where_the_record_had_its_turn() {
    let mut story = Story::with_records(0..4);
    story.position(ONE, 0, Reset);
    story.polled(ONE, 0..4);
    let begun = story.now;
    let group = WORKERS;
    story.states(ONE, GroupFact::PollIntervalExceeded { group });
    let fact = AppFact::Processed {
        group,
        partition: P0,
        first_offset: 0,
        records: records(0..4),
        times: Times::Every {
            first: begun + Span::from_millis(1),
            step: Span::from_millis(1),
        },
    };
    story.states(ONE, fact);
    story.position(TWO, 0, Reset);
    story.polled(TWO, 0..4);
    story.processed(TWO, 0..4);
    let chain = explained(&story, 2, Symptom::Duplicated(WORKERS));
    let first = &chain.links[0];
    assert_eq!(first.what, "workers-1 applies the effect of orders-0@2");
    assert_eq!(first.at, begun + Span::from_millis(3));
    assert!(
        chain.links[1].what.contains("has not called poll()"),
        "{chain:#?}"
    );
}

#[test]
fn a_chain_has_at_most_a_dozen_links_and_keeps_the_important_ones() {
    let mut picked = Picked::default();
    for index in 0..30 {
        picked.add(Some(index), Part::Setting);
    }
    picked.add(Some(3), Part::Fault);
    picked.add(Some(29), Part::Symptom);
    let left = picked.shorten();
    assert_eq!(left.len(), LINKS_MAX);
    assert!(left.contains_key(&3) && left.contains_key(&29));
}

#[test]
fn every_symptom_of_a_record_is_named() {
    let mut story = Story::with_records(0..4);
    story.appended(P0, 4, 1..3);
    story.position(ONE, 0, Reset);
    story.processed(ONE, 0..4);
    story.processed_at(ONE, 4, 1..3);
    let end = crate::verdict::EndOfRun {
        at: story.now,
        ending: crate::verdict::Ending::Drained,
        unstruck: Vec::new(),
    };
    let verdict = story.ledger().verdict(&end, &|_| None);
    assert_eq!(
        symptoms(&verdict, RecordId(1)),
        [Symptom::Duplicated(WORKERS), Symptom::AppendedTwice(ORDERS)]
    );
    assert_eq!(symptoms(&verdict, RecordId(3)), []);
}

/// The rule of one fact of a member with these settings.
fn rule_with(settings: &[(&str, &str)], fact: GroupFact) -> String {
    let mut story = Story::with_records(0..1);
    story.states(ONE, fact);
    let setting = |_: NodeId, name: &str| {
        let found = settings.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let stated = story.facts.last().expect("a fact was just stated");
    let rule = crate::verdict::rule_of(&story.cast, &setting, stated);
    rule.expect("the fact has a rule")
}

#[test]
fn what_a_member_gives_up_is_explained_by_its_own_protocol() {
    let revoked = || GroupFact::Revoked {
        group: WORKERS,
        partitions: [P0].into(),
    };
    let strategy =
        |assignors| rule_with(&[("partition.assignment.strategy", assignors)], revoked());
    assert!(strategy("RangeAssignor").starts_with("Eager"));
    assert!(strategy("CooperativeStickyAssignor").starts_with("Cooperative"));
    let default = strategy("RangeAssignor,CooperativeStickyAssignor");
    assert!(
        default.starts_with("Eager"),
        "one eager assignor makes the member eager: {default}"
    );
    let modern = rule_with(&[("group.protocol", "consumer")], revoked());
    assert!(modern.starts_with("Consumer protocol"), "{modern}");
}

#[test]
fn a_commit_between_two_generations_is_told_apart_from_one_of_a_member_that_is_out() {
    let failed = |exception, error| GroupFact::CommitFailed {
        group: WORKERS,
        kind: CommitKind::Sync,
        exception,
        error,
    };
    let between = rule_with(&[], failed("RebalanceInProgressException", None));
    assert!(between.contains("call poll()"), "{between}");
    let out = failed("CommitFailedException", Some(ErrorCode::UnknownMemberId));
    let out = rule_with(&[], out);
    assert!(out.contains("no longer in the group"), "{out}");
}
