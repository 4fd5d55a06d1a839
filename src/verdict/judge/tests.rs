//! Claims about the judgement, on runs told by hand.

use std::sync::Arc;

use super::super::expect::{Owned, RecordSet, Want};
use super::super::quantity::{Quantity, Stage};
use super::super::record::RecordName;
use super::super::story::*;
use super::super::summary::EndOfRun;
use super::*;
use crate::base::{Instant, NodeId, RecordId, Span, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::message::Api;
use crate::node::fact::PositionSource::{Committed, Reset};
use crate::node::fact::{GroupFact, LogFact};

fn no_keys(_: RecordId) -> Option<Arc<str>> {
    None
}

fn judged_with(
    story: &Story,
    ending: Ending,
    expect: &Expect,
    must_happen: &[MustHappen],
) -> Judgement {
    let ledger = story.ledger();
    let end = EndOfRun {
        at: story.now,
        ending,
        unstruck: Vec::new(),
    };
    let verdict = ledger.verdict(&end, &no_keys);
    ledger.judge(&verdict, expect, must_happen, &no_keys)
}

fn group(quantity: Quantity, want: Want) -> Expect {
    claim(Subject::Group("workers".into()), quantity, want)
}

fn claim(of: Subject, quantity: Quantity, want: Want) -> Expect {
    Expect {
        claims: vec![Claim { of, quantity, want }],
        ..Expect::default()
    }
}

/// The failed checks as `quantity: expected, actual (note)`.
fn failures(story: &Story, expect: &Expect) -> Vec<String> {
    let judgement = judged_with(story, Ending::Drained, expect, &[]);
    let text = |c: &Check| {
        let note = c
            .note
            .as_ref()
            .map(|n| format!(" ({n})"))
            .unwrap_or_default();
        format!("{}: {}, {}{note}", c.quantity, c.expected, c.actual)
    };
    judgement.failed().map(text).collect()
}

fn exactly(names: &[&str]) -> RecordSet {
    RecordSet::Exactly(
        names
            .iter()
            .map(|n| RecordName::parse(n).unwrap())
            .collect(),
    )
}

/// The crash of the first lesson: offsets 0 to 3 processed twice.
fn at_least_once() -> Story {
    let mut story = Story::with_records(0..10);
    story.assigned(ONE, &[P0, P1]);
    story.position(ONE, 0, Reset);
    story.polled(ONE, 0..10);
    story.processed(ONE, 0..4);
    story.crashed(ONE);
    story.wait(Span::from_secs(40));
    story.assigned(TWO, &[P0, P1]);
    story.position(TWO, 0, Reset);
    story.polled(TWO, 0..10);
    story.processed(TWO, 0..10);
    story.offset_committed(TWO, 10);
    story
}

#[test]
fn sets_are_judged_by_size_and_by_name_in_every_form() {
    let story = at_least_once();
    let lost = group(
        Quantity::Lost,
        Want::Records(RecordSet::Size(Range::exactly(0))),
    );
    assert_eq!(failures(&story, &lost), [""; 0]);
    for names in [
        &["orders-0@0..3"][..],
        &["shop#1", "shop#2", "shop#3", "shop#4"],
    ] {
        let duplicated = group(Quantity::Duplicated, Want::Records(exactly(names)));
        assert_eq!(failures(&story, &duplicated), [""; 0]);
    }
    let wrong = group(
        Quantity::Duplicated,
        Want::Records(exactly(&["orders-0@2..5"])),
    );
    assert_eq!(
        failures(&story, &wrong),
        ["duplicated: [orders-0@2..5], [orders-0@0..3] \
          (missing [orders-0@4..5], not expected [orders-0@0..1])"]
    );
    let beyond = group(
        Quantity::Duplicated,
        Want::Records(exactly(&["orders-0@12"])),
    );
    assert_eq!(
        failures(&story, &beyond),
        ["duplicated: [orders-0@12], [orders-0@0..3] \
          (there is no orders-0@12: the log of orders-0 ends at 10)"]
    );
}

#[test]
fn lost_records_are_judged_stage_by_stage() {
    let mut story = Story::with_records(0..10);
    story.position(ONE, 0, Reset);
    story.polled(ONE, 0..10);
    story.offset_committed(ONE, 10);
    story.processed(ONE, 0..4);
    story.crashed(ONE);
    story.position(TWO, 10, Committed);
    let stages = vec![
        (Stage::SkippedByCommit, exactly(&["orders-0@4..9"])),
        (Stage::SkippedByReset, RecordSet::Size(Range::at_least(1))),
    ];
    assert_eq!(
        failures(&story, &group(Quantity::Lost, Want::Lost(stages))),
        ["lost skipped-by-reset: 1.., 0"]
    );
}

#[test]
fn counts_states_and_stops_of_a_group_come_from_its_facts() {
    let story = at_least_once();
    let count = |quantity, value| group(quantity, Want::Count(Range::exactly(value)));
    let offsets = |quantity, value: Option<u64>| {
        let range = value.map(Range::exactly);
        group(quantity, Want::Offsets(vec![("orders-0".into(), range)]))
    };
    for expect in [
        count(Quantity::Delivered, 20),
        count(Quantity::Processed, 14),
        count(Quantity::ProcessedAgain, 4),
        count(Quantity::PartitionsStopped, 2),
        offsets(Quantity::Committed, Some(10)),
        offsets(Quantity::Position, Some(10)),
        offsets(Quantity::ResumedAt, Some(0)),
        offsets(Quantity::LargestLag, Some(10)),
        group(
            Quantity::LongestStop,
            Want::Time(Range::exactly(Span::from_secs(41))),
        ),
    ] {
        assert_eq!(failures(&story, &expect), [""; 0]);
    }
    let story = Story::with_records(0..1);
    assert_eq!(
        failures(&story, &offsets(Quantity::Committed, None)),
        [""; 0]
    );
    assert_eq!(
        failures(&story, &offsets(Quantity::Committed, Some(0))),
        ["committed orders-0: 0, none"]
    );
}

#[test]
fn rounds_moves_idle_members_and_calls_are_counted_from_the_warm_up() {
    let round = |first, owners: &[(NodeId, &[TopicPartition])]| GroupFact::RoundCompleted {
        group: WORKERS,
        generation: 1,
        first,
        assignment: owners.iter().map(|(m, p)| (*m, (*p).into())).collect(),
    };
    let mut story = Story::new().warm_up(Instant(2_500_000_000));
    story.states(BROKER, round(true, &[(ONE, &[P0, P1])]));
    story.states(BROKER, round(false, &[(ONE, &[P0]), (TWO, &[P1])]));
    story.states(BROKER, round(false, &[(ONE, &[P0, P1]), (TWO, &[])]));
    story.states(
        BROKER,
        GroupFact::PartitionMoved {
            group: WORKERS,
            partition: P1,
            from: TWO,
            to: ONE,
        },
    );
    story.revoked(TWO, &[P1]);
    story.assigned(ONE, &[P1, P0]);
    let count = |quantity, value| group(quantity, Want::Count(Range::exactly(value)));
    let both = vec!["orders-0".to_owned(), "orders-1".to_owned()];
    let owned = vec![
        ("workers-1".to_owned(), Owned::Exactly(both)),
        ("workers-2".to_owned(), Owned::Count(0)),
    ];
    let calls = vec![
        (
            "workers-1".to_owned(),
            vec!["assigned orders-0 orders-1".to_owned()],
        ),
        ("workers-2".to_owned(), vec!["revoked orders-1".to_owned()]),
    ];
    for expect in [
        count(Quantity::Rebalances, 1),
        count(Quantity::Moved, 1),
        count(Quantity::IdleMembers, 1),
        group(Quantity::Assignment, Want::Partitions(owned)),
        group(Quantity::Callbacks, Want::Calls(calls)),
    ] {
        assert_eq!(failures(&story, &expect), [""; 0]);
    }
}

#[test]
fn what_producers_believe_and_what_logs_hold_are_judged_apart() {
    let mut story = Story::new();
    story.sent(0..4);
    story.appended(P0, 0, 1..3);
    story.appended(P0, 2, 0..2);
    story.failed(1..2);
    story.acknowledged(2..3);
    let shop = |quantity, names: &[&str]| {
        let subject = Subject::Producer("shop".into());
        claim(subject, quantity, Want::Records(exactly(names)))
    };
    let orders = |quantity, names: &[&str]| {
        let subject = Subject::Topic("orders".into());
        claim(subject, quantity, Want::Records(exactly(names)))
    };
    let log = vec![("orders-0".to_owned(), {
        let names = ["shop#2", "shop#3", "shop#1", "shop#2"];
        names.map(|n| RecordName::parse(n).unwrap()).to_vec()
    })];
    for expect in [
        shop(Quantity::Sent, &["shop#1", "shop#2", "shop#3", "shop#4"]),
        shop(Quantity::Failed, &["shop#2"]),
        shop(Quantity::Acknowledged, &["shop#3"]),
        orders(Quantity::Appended, &["shop#1", "shop#2", "shop#3"]),
        orders(Quantity::AppendedTwice, &["shop#2"]),
        orders(Quantity::Reordered, &["shop#1"]),
        claim(
            Subject::Topic("orders".into()),
            Quantity::Log,
            Want::Contents(log),
        ),
    ] {
        assert_eq!(failures(&story, &expect), [""; 0]);
    }
}

#[test]
fn leader_and_in_sync_replicas_are_those_of_the_last_state() {
    let mut story = Story::new();
    let fact = LogFact::PartitionState {
        partition: P1,
        leader: Some(BROKER),
        leader_epoch: 3,
        isr: [BROKER].into(),
    };
    story.states(BROKER, fact);
    let of = Subject::Partition("orders".into(), 1);
    let leader = Want::Actor(Some("broker-1".into()));
    assert_eq!(
        failures(&story, &claim(of.clone(), Quantity::Leader, leader)),
        [""; 0]
    );
    let nobody = claim(of, Quantity::Leader, Want::Actor(None));
    assert_eq!(failures(&story, &nobody), ["leader: none, broker-1"]);
}

fn must(fact: FactWord) -> MustHappen {
    MustHappen {
        fact,
        count: Range::at_least(1),
        of: Vec::new(),
        error: None,
    }
}

#[test]
fn a_run_without_the_demanded_fact_fails_however_green_it_is() {
    let story = at_least_once();
    let demands = [must(FactWord::Crashed), must(FactWord::Rebalance)];
    let judgement = judged_with(&story, Ending::Drained, &Expect::default(), &demands);
    assert!(!judgement.as_expected());
    assert_eq!(judgement.missed.len(), 1);
    assert_eq!(
        judgement.missed[0].message(),
        "`rebalance` was demanded and did not happen; the verdict would be empty"
    );
    assert!(judgement.missed[0].help().contains("`offset-committed` 1"));
}

#[test]
fn demands_are_narrowed_by_actor_and_by_error() {
    let mut story = at_least_once();
    let fenced = GroupFact::MemberFenced {
        group: WORKERS,
        member: ONE,
        api: Api::Heartbeat,
        error: ErrorCode::UnknownMemberId,
    };
    story.states(BROKER, fenced);
    let narrowed = |of: &str, error: &str| MustHappen {
        of: vec![of.into()],
        error: Some(error.into()),
        ..must(FactWord::MemberFenced)
    };
    let missed = |demand: MustHappen| {
        let expect = Expect::default();
        let judgement = judged_with(&story, Ending::Drained, &expect, &[demand]);
        judgement.missed.first().map(Missed::message)
    };
    assert_eq!(missed(narrowed("workers-1", "UNKNOWN_MEMBER_ID")), None);
    assert_eq!(
        missed(narrowed("workers", "UnknownMemberIdException")),
        None
    );
    assert_eq!(
        missed(narrowed("workers-2", "UNKNOWN_MEMBER_ID")).unwrap(),
        "`member-fenced` of workers-2 with UNKNOWN_MEMBER_ID was demanded and did not happen; \
         the verdict would be empty"
    );
    let processed_again = MustHappen {
        count: Range::exactly(4),
        ..must(FactWord::ProcessedAgain)
    };
    assert_eq!(missed(processed_again), None, "derived: four records again");
}

#[test]
fn a_stuck_run_fails_unless_demanded_and_says_why() {
    let story = at_least_once();
    let stuck = Ending::Stuck {
        reason: "orders-0 is at 0 of 10".into(),
    };
    let judgement = judged_with(&story, stuck.clone(), &Expect::default(), &[]);
    let check = judgement.failed().next().unwrap();
    assert_eq!(check.note.as_deref(), Some("orders-0 is at 0 of 10"));
    for ends in [Ends::Stuck, Ends::Any] {
        let expect = Expect {
            ends,
            ..Expect::default()
        };
        assert!(judged_with(&story, stuck.clone(), &expect, &[]).as_expected());
    }
}

#[test]
fn a_fault_that_never_struck_fails_the_run_unless_optional() {
    let fault = |optional| Unstruck {
        line: 22,
        text: "crash: workers".into(),
        condition: Some(("workers".into(), "commit-sync".into())),
        reached: 3,
        nth: 9,
        optional,
    };
    let story = at_least_once();
    let ledger = story.ledger();
    let end = EndOfRun {
        at: story.now,
        ending: Ending::Drained,
        unstruck: vec![fault(true), fault(false)],
    };
    let verdict = ledger.verdict(&end, &no_keys);
    let judgement = ledger.judge(&verdict, &Expect::default(), &[], &no_keys);
    let messages: Vec<_> = judgement.unstruck.iter().map(Unstruck::message).collect();
    assert_eq!(
        messages,
        [
            "the fault at line 22 never struck: `workers` reached `commit-sync` 3 times, \
          `nth` is 9"
        ]
    );
}

#[test]
fn every_fact_word_has_neighbours_to_be_told_of() {
    for word in FactWord::ALL {
        let themes = THEMES.iter().filter(|theme| theme.contains(word));
        assert_eq!(themes.count(), 1, "{word}");
    }
}
