//! Which mistakes of the manual a schema catches, and which only the loader can.

use super::Judge;
use crate::loader::messages::mistakes;
use crate::loader::{BASE, load_text};

/// Mistakes that no schema can see, and why.
const BEYOND: [(usize, &str); 8] = [
    (7, "a schema does not know which names the file gives"),
    (8, "it does not count the members behind a name"),
    (9, "it expands no loop and lays no overlay over the file"),
    (11, "it does not count the records of a producer"),
    (14, "it does not know which topics are listed"),
    (
        18,
        "it lays no overlay over the file; in one map it sees both",
    ),
    (19, "it lays no overlay over the file"),
    (
        23,
        "it sees values after YAML, where `NO` and `\"NO\"` are one text",
    ),
];
// 12 and 13 are no mistakes of a file but of a run.

#[test]
fn every_mistake_that_a_schema_can_catch_is_caught_and_the_others_have_a_reason() {
    let judge = Judge::new();
    let mut seen = 0;
    for (number, text) in mistakes() {
        let beyond = BEYOND.iter().find(|(beyond, _)| *beyond == number);
        let complaint = judge.complaint(&text);
        match beyond {
            None => assert!(complaint.is_some(), "{number} is not caught:\n{text}"),
            Some((_, why)) => assert_eq!(complaint, None, "{number}: {why}\n{text}"),
        }
        seen += 1;
    }
    assert!(23 <= seen, "the table of mistakes was read");
}

/// More that both refuse, as a change of the base file: a text, and what stands for it.
const ALSO: [(&str, &str); 29] = [
    (
        "members: 2",
        "members: 2, commit: auto, loop: [poll, { each: [process] }]",
    ),
    ("topic: orders", "topic: orders, topics: [orders]"),
    ("topic: orders, ", ""),
    (", records: 30", ""),
    ("topics: [orders], ", ""),
    ("title: A worker crashes before it commits\n", ""),
    ("members: 2", "members: 0"),
    ("members: 2", "members: two"),
    ("members: 2", "loop: [{ each: [process] }]"),
    ("members: 2", "loop: [poll, process]"),
    ("members: 2", "loop: [poll, { each: [poll] }]"),
    ("members: 2", "loop: [poll, { each: [proces] }]"),
    (
        "members: 2",
        "loop: [poll, { each: [process], hand-off: {} }]",
    ),
    (
        "members: 2",
        "loop: [poll, { commit-sync: { shift: 2 } }, { each: [process] }]",
    ),
    ("members: 2", "on-revoked: [process]"),
    ("members: 2", "commit: after-procesing"),
    ("members: 2", "config: { group.id: x }"),
    ("members: 2", "config: { max.poll.records: 10_000 }"),
    ("members: 2", "config: { auto.offset.reset: first }"),
    ("members: 2", "process: { fails: { shop-7: always } }"),
    ("records: 30", "records: 30, keys: { cycle: [a], zipf: 3 }"),
    ("records: 30", "records: 30, config: { linger.ms: -1 }"),
    (
        "records: 30",
        "records: 30, partition: 0, partitioner: { table: { a: 0 } }",
    ),
    ("partitions: 3", "partitions: 3, replica-assignment: [[1]]"),
    (
        "partitions: 3",
        "partitions: 3, config: { segment.jitter.ms: 1000 }",
    ),
    ("partitions: 3", "partitions: 0"),
    ("title: A worker crashes before it commits", "title: 5"),
    (
        "title: A",
        "network: { links: [{ latency: 5ms }] }\ntitle: A",
    ),
    ("title: A", "variants: { every-variant: {} }\ntitle: A"),
];

#[test]
fn what_is_wrong_within_one_map_is_refused_by_both() {
    let judge = Judge::new();
    assert_eq!(judge.complaint(BASE), None);
    for (from, to) in ALSO {
        assert!(BASE.contains(from), "the base file has `{from}`");
        let text = BASE.replacen(from, to, 1);
        assert!(load_text(&text).is_err(), "the loader takes\n{text}");
        assert!(judge.complaint(&text).is_some(), "the schema takes\n{text}");
    }
}

/// Faults that both refuse.
const FAULTS: [&str; 17] = [
    "{ crash: workers-1 }",
    "{ at: 5s }",
    "{ crash: workers-1, pause: workers-2, at: 5s, for: 1s }",
    "{ crash: workers-1, at: 5s, before: poll }",
    "{ crash: workers-1, at: 5 }",
    "{ crash: workers-1, at: 5s, for: 3s }",
    "{ crash: worker s, at: 5s }",
    "{ pause: workers-1, at: 5s }",
    "{ pause: workers-1, at: 5s, for: 5s.. }",
    "{ seek: workers-1, at: 5s }",
    "{ seek: workers-1, at: 5s, to: orders-0 }",
    "{ set-offsets: workers, at: 5s, to: latest, shift-by: 3 }",
    "{ lose-request: shop, at: 5s }",
    "{ lose-request: shop, of: orders }",
    "{ lose-request: shop, request: Produc }",
    "{ crash: workers, before: process, nth: 0 }",
    "{ crash: workers, before: process, name: 5s }",
];

#[test]
fn a_fault_has_one_verb_one_trigger_and_its_own_parameters() {
    let judge = Judge::new();
    let fine = format!("{BASE}faults:\n  - {{ crash: workers-1, at: 5s, restart-after: 3s }}\n");
    assert_eq!(judge.complaint(&fine), None);
    for fault in FAULTS {
        let text = format!("{BASE}faults:\n  - {fault}\n");
        assert!(load_text(&text).is_err(), "the loader takes {fault}");
        assert!(judge.complaint(&text).is_some(), "the schema takes {fault}");
    }
}

#[test]
fn a_cut_ends_by_its_length_or_by_a_heal() {
    let judge = Judge::new();
    let with = |faults: &str| judge.complaint(&format!("{BASE}faults: [{faults}]\n"));
    let cut = "{ cut: [broker-1, broker-2], at: 5s }";
    assert!(with(cut).is_some());
    assert_eq!(with("{ cut: [broker-1, broker-2], at: 5s, for: 3s }"), None);
    let heal = "{ heal: [broker-1, broker-2], at: 9s }";
    assert_eq!(with(&format!("{cut}, {heal}")), None);
}
