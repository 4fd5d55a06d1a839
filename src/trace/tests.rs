//! What a focus keeps, the order of a trace, and its JSON form.

use std::sync::Arc;

use super::example::{BROKER, DESK, GROUP, MEMBER, SHOP, cast, orders, run, shared, stated};
use super::focus::narrowed;
use super::{Condenser, Detail, Focus, json, line_of};
use crate::base::{Instant, RecordId, Span, TopicId};
use crate::node::fact::{
    AppFact, CommitKind, FaultFact, GroupFact, LogFact, ProduceFact, Stated, Times,
};

/// A little story: two records, one offset commit, a crash.
fn story() -> Vec<Stated> {
    let group = GROUP;
    let appended = |partition: u32, base_offset, record| LogFact::Appended {
        partition: orders(partition),
        base_offset,
        records: run(record, 1),
        count: 1,
        leader_epoch: 0,
    };
    vec![
        stated(1, 1_000, BROKER, appended(0, 0, 0)),
        stated(2, 2_000, BROKER, appended(0, 1, 1)),
        stated(3, 2_500, BROKER, appended(1, 0, 30)),
        stated(
            4,
            3_000,
            BROKER,
            GroupFact::OffsetCommitted {
                group,
                member: Some(MEMBER),
                partition: orders(0),
                offset: 1,
                before: None,
            },
        ),
        stated(5, 4_000, MEMBER, FaultFact::Crashed),
        stated(6, 5_000, DESK, ProduceFact::Finished),
    ]
}

fn ids(mut focus: Focus) -> Vec<u64> {
    let cast = cast();
    let kept = story().into_iter().filter(|fact| focus.admits(&cast, fact));
    kept.map(|fact| fact.id.0).collect()
}

#[test]
fn a_record_is_followed_to_the_offset_commit_that_passes_it() {
    let of = |record| Focus {
        record: Some(RecordId(record)),
        ..Focus::default()
    };
    assert_eq!(ids(of(0)), [1, 4, 5]);
    assert_eq!(ids(of(1)), [2, 5], "the offset commit stops short of it");
}

#[test]
fn a_focus_keeps_what_it_names_and_faults() {
    let base = Focus {
        detail: Detail::All,
        ..Focus::default()
    };
    assert_eq!(ids(base.clone()), [1, 2, 3, 4, 5, 6]);
    let partition = Focus {
        partition: Some(orders(1)),
        ..base.clone()
    };
    assert_eq!(ids(partition), [3, 5]);
    let actor = Focus {
        actors: vec![MEMBER],
        ..base.clone()
    };
    assert_eq!(ids(actor), [4, 5]);
    let group = Focus {
        group: Some(GROUP),
        ..base.clone()
    };
    assert_eq!(ids(group), [4, 5]);
    let window = Focus {
        from: Some(Instant(2_000_000)),
        to: Some(Instant(3_000_000)),
        ..base
    };
    assert_eq!(ids(window), [2, 3, 4], "both ends are included");
}

#[test]
fn a_lesson_leaves_out_what_the_member_said_already() {
    assert_eq!(ids(Focus::default()), [1, 2, 3, 5, 6]);
}

#[test]
fn json_lines_carry_names() {
    let cast = cast();
    let group = GROUP;
    let mut facts = story();
    facts.truncate(2);
    facts.push(stated(
        7,
        9_000,
        BROKER,
        GroupFact::RoundCompleted {
            group,
            generation: 1,
            first: true,
            assignment: Arc::new([(MEMBER, shared(&[0, 1]))]),
        },
    ));
    facts.push(stated(
        8,
        9_001,
        BROKER,
        LogFact::Replicated {
            partition: orders(0),
            from: 0,
            to: 4,
        },
    ));
    let offsets: Arc<[_]> = Arc::new([(orders(0), 4)]);
    let kind = CommitKind::Sync;
    facts.push(stated(
        9,
        9_002,
        MEMBER,
        GroupFact::CommitRequested {
            group,
            kind,
            offsets,
        },
    ));
    let lines: Vec<String> = facts
        .iter()
        .map(|fact| json::value_of(&cast, fact).to_string())
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"at_ns":1000000,"base_offset":0,"count":1,"fact":"appended","id":1,"leader_epoch":0,"partition":"orders-0","records":["shop#1"],"version":1,"who":"broker-1"}
    {"at_ns":2000000,"base_offset":1,"count":1,"fact":"appended","id":2,"leader_epoch":0,"partition":"orders-0","records":["shop#2"],"version":1,"who":"broker-1"}
    {"assignment":[["workers-1",["orders-0","orders-1"]]],"at_ns":9000000,"fact":"round-completed","first":true,"generation":1,"group":"workers","id":7,"version":1,"who":"broker-1"}
    {"at_ns":9001000,"fact":"replicated","from":0,"id":8,"partition":"orders-0","to":4,"version":1,"who":"broker-1"}
    {"at_ns":9002000,"fact":"commit-requested","group":"workers","id":9,"kind":"sync","offsets":[["orders-0",4]],"version":1,"who":"workers-1"}
    "#);
}

#[test]
fn a_story_is_told_in_order_of_time() {
    let cast = cast();
    let mut condenser = Condenser::plain();
    let mut facts = story();
    facts.push(stated(
        9,
        6_000,
        SHOP,
        ProduceFact::Sent {
            topic: TopicId(0),
            records: run(0, 2),
            times: Times::Every {
                first: Instant::ZERO,
                step: Span::from_millis(1),
            },
        },
    ));
    for fact in &facts {
        condenser.push(&cast, fact);
    }
    let lines = condenser.finish(&cast);
    assert_eq!(lines[0].verb, "sends", "a stretch stands where it began");
    assert!(lines.is_sorted_by_key(|line| line.at));
}

#[test]
fn a_stretch_is_told_of_the_one_record_in_focus() {
    let processed = AppFact::Processed {
        group: GROUP,
        partition: orders(0),
        first_offset: 10,
        records: run(0, 4),
        times: Times::Every {
            first: Instant(10_000_000),
            step: Span::from_millis(20),
        },
    };
    let told = narrowed(&stated(1, 70_000, MEMBER, processed), RecordId(2));
    let line = line_of(&cast(), &told);
    assert_eq!(line.what, "orders-0@12 (shop#3)");
    assert_eq!(line.at, Instant(50_000_000));
}
