//! Every mistake of the manual's table, with its message.

use super::{BASE, load_text, refused};

/// A file with a mistake: what is changed in the base file.
enum Edit {
    /// A key of the group.
    Group(&'static str),
    /// A setting of the producer.
    Sender(&'static str),
    /// A fault.
    Fault(&'static str),
    /// Text behind the file.
    Behind(&'static str),
    /// One text for another, and text behind the file.
    Replace(&'static str, &'static str, &'static str),
    /// Another edit, and text behind it.
    And(&'static Edit, &'static str),
}

use Edit::{And, Behind, Fault, Group, Replace, Sender};

impl Edit {
    fn text(&self) -> String {
        let replace = |from: &str, to: &str| {
            assert!(BASE.contains(from), "the base file has `{from}`");
            BASE.replacen(from, to, 1)
        };
        match self {
            Group(keys) => replace("members: 2", &format!("members: 2, {keys}")),
            Sender(setting) => replace(
                "records: 30",
                &format!("records: 30, config: {{ {setting} }}"),
            ),
            Fault(fault) => format!("{BASE}faults:\n  - {fault}\n"),
            Behind(more) => format!("{BASE}{more}"),
            Replace(from, to, more) => format!("{}{more}", replace(from, to)),
            And(edit, more) => format!("{}{more}", edit.text()),
        }
    }
}

/// A mistake of the table: its number, a file with it, the text, the underlined words, the help.
struct Row(
    usize,
    Edit,
    &'static str,
    &'static [&'static str],
    &'static str,
);

const ROWS: &[Row] = &[
    Row(
        1,
        Group("commmit: auto"),
        "unknown key `commmit` in group `workers`",
        &["commmit"],
        "did you mean `commit`? keys here: ",
    ),
    Row(
        2,
        Group("process: 20"),
        "`20` has no unit",
        &["20"],
        "write `20ms` or `20s`",
    ),
    Row(
        3,
        Fault("{ pause: workers-1, at: 5s, for: 5m }"),
        "`5m` could be minutes or milliseconds",
        &["5m"],
        "write `5min` or `5ms`",
    ),
    Row(
        4,
        Group("config: { session.timeout.ms: 45s }"),
        "`session.timeout.ms` is a Kafka setting and takes milliseconds as a plain number",
        &["45s"],
        "write `45000`",
    ),
    Row(
        5,
        Behind("kafka: 4.1\n"),
        "the release must be in quotes",
        &["4.1"],
        "write `\"4.1\"`; unquoted, 4.10 would be read as 4.1",
    ),
    Row(
        6,
        Behind("topics: {}\n"),
        "`topics` is given twice in this map",
        &["topics"],
        "first given at line 2",
    ),
    Row(
        7,
        Fault("{ crash: worker-1, at: 5s }"),
        "no actor is called `worker-1`",
        &["worker-1"],
        "did you mean `workers-1`? group `workers` has `workers-1`, `workers-2`",
    ),
    Row(
        8,
        Fault("{ crash: workers, at: 5s }"),
        "`workers` has 2 members, and `at` does not say which",
        &["workers"],
        "write `[workers-1, workers-2]`, or one of them",
    ),
    Row(
        9,
        And(
            &Fault("{ crash: workers, before: commit-sync }"),
            "variants:\n  manual: {}\n  auto: { groups: { workers: { commit: auto } } }\n",
        ),
        "the loop of group `workers` has no step `commit-sync`: `[poll, { each: [process] }]`",
        &["commit-sync"],
        "its steps: poll, process, close. In variant `auto` (line 9)",
    ),
    Row(
        10,
        Fault("{ crash: workers }"),
        "this fault never strikes: it has none of `at`, `before`, `after`, `when`",
        &["crash"],
        "e.g. `at: 10s`",
    ),
    Row(
        11,
        Fault("{ crash: workers, before: process, record: shop#40 }"),
        "`shop` sends 30 records, there is no 40th",
        &["40"],
        "",
    ),
    Row(
        14,
        Replace("topics: [orders]", "topics: [order]", ""),
        "topic `order` is not in `topics`",
        &["order"],
        "did you mean `orders`? To have it created by its first user: `order: { create: on-first-use }`",
    ),
    Row(
        15,
        Sender("compression.level: 3"),
        "`compression.level` is no setting of a Kafka 4.1 producer",
        &["compression.level"],
        "nearest: `compression.lz4.level`, `compression.type`, `compression.gzip.level`; it is a setting of a librdkafka producer",
    ),
    Row(
        16,
        Sender("interceptor.classes: x"),
        "`interceptor.classes` exists in Kafka 4.1, is not modelled, and could change the outcome",
        &["interceptor.classes"],
        "remove it; see `docs/fidelity.md`",
    ),
    Row(
        17,
        Sender("acks: 1, enable.idempotence: true"),
        "Kafka refuses this: idempotence needs `acks=all` (ConfigException)",
        &["acks: 1", "enable.idempotence: true"],
        "remove `enable.idempotence: true`, or write `acks: all`",
    ),
    Row(
        18,
        And(
            &Group("commit: auto"),
            "variants:\n  plain: {}\n  mine: { groups: { workers: { loop: [poll, { each: [process] }] } } }\n",
        ),
        "group `workers` has both `commit` and `loop`",
        &["loop", "commit"],
        "keep one. The overlay `mine` sets `loop`, the file sets `commit`: write `commit: null` in the overlay. In variant `mine` (line 7)",
    ),
    Row(
        19,
        And(
            &Group("config: { session.timeout.ms: 45000 }"),
            "variants:\n  plain: {}\n  mine: { groups: { workers: { config: { heartbeat.interval.ms: null } } } }\n",
        ),
        "`heartbeat.interval.ms: null` removes what is not there",
        &["heartbeat.interval.ms"],
        "group `workers` has: `session.timeout.ms`",
    ),
    Row(
        20,
        Behind("variants: { a: {} }\nexpect: { lost: 0 }\n"),
        "`expect` must say for which variant",
        &["lost"],
        "put it under `every-variant:`, or under one of `a`",
    ),
    Row(
        21,
        Replace(
            "replication.factor: 3",
            "replication.factor: 1",
            "cluster: { brokers: 1 }\n",
        ),
        "`__consumer_offsets` needs 3 brokers by Kafka's defaults, the cluster has 1: no group could ever start",
        &["brokers: 1"],
        "add `defaults: server.properties`, as the sample file of Kafka does, or set `offsets.topic.replication.factor: 1`",
    ),
    Row(
        22,
        Fault("{ crash: workers, before: process, record: shop #7 }"),
        "a space before `#` begins a comment: this reads `shop`",
        &[" #7"],
        "write `shop#7`",
    ),
    Row(
        22,
        Behind("faults:\n  - crash: workers\n    before: process\n    record: shop #7\n"),
        "a space before `#` begins a comment: this reads `shop`",
        &[" #7"],
        "write `shop#7`",
    ),
    Row(
        23,
        Replace("records: 30", "records: 30, keys: { cycle: [NO, SE] }", ""),
        "`NO` is a boolean to some YAML readers and a text to others",
        &["NO"],
        "write `\"NO\"`",
    ),
    Row(
        24,
        Behind("expect: { lost:0 }\n"),
        "`lost:0` is one word",
        &["lost:0"],
        "a space after the colon: `lost: 0`",
    ),
    Row(
        24,
        Behind("expect:\n  lost:0\n"),
        "`lost:0` is one word",
        &["lost:0"],
        "a space after the colon: `lost: 0`",
    ),
    Row(
        25,
        Fault("{ cut: [broker-1, broker-2], at: 5s }"),
        "this cut has no end",
        &["{ cut: [broker-1, broker-2], at: 5s }"],
        "`for: 30s`, or a later `heal` of the same link",
    ),
];

/// The number of each mistake, and a file with it.
pub(crate) fn mistakes() -> impl Iterator<Item = (usize, String)> {
    ROWS.iter().map(|row| (row.0, row.1.text()))
}

#[test]
fn every_mistake_of_the_manual_has_its_message_its_place_and_its_help() {
    for &Row(number, ref edit, message, underlined, help) in ROWS {
        let text = edit.text();
        let diagnostics = load_text(&text).expect_err("the file has a mistake");
        let found = diagnostics
            .iter()
            .find(|diagnostic| diagnostic.text == message);
        let all = refused(&text);
        let found = found.unwrap_or_else(|| panic!("{number}: no `{message}` in\n{all}"));
        let marked: Vec<String> = found
            .snippets
            .iter()
            .map(|s| s.source.chars().skip(s.indent).take(s.width).collect())
            .collect();
        assert_eq!(marked, underlined, "{number}: underlined in\n{all}");
        let said = found.help.as_deref().unwrap_or_default();
        let whole = help.ends_with("keys here: ");
        assert!(
            if whole {
                said.starts_with(help)
            } else {
                said == help
            },
            "{number}: help in\n{all}"
        );
        let others = diagnostics
            .iter()
            .filter(|d| d.text != message && number != 25);
        assert_eq!(
            others.count(),
            0,
            "{number}: nothing else is wrong in\n{all}"
        );
    }
}

#[test]
fn a_diagnostic_is_printed_with_its_place_its_line_and_its_help() {
    let printed = refused(&Fault("{ crash: workers, at: 5s }").text());
    let expected = "\
error[name]: `workers` has 2 members, and `at` does not say which
 --> shop.yaml:6:14
  |
6 |   - { crash: workers, at: 5s }
  |              ^^^^^^^
  help: write `[workers-1, workers-2]`, or one of them
";
    assert_eq!(printed, expected);
}

#[test]
fn all_mistakes_of_a_file_are_reported_in_one_go_in_the_order_of_their_places() {
    let text = "\
title: x
topics: { orders: { partition: 3 } }
producers: { shop: { topic: order, records: 30, every: 10 } }
groups: { workers: { topics: [orders], members: x } }
faults: [{ crash: nobody, at: 5 }]
expect: { los: 0 }
must-happen: [rebalanced]
limits: { tim: 5s }
";
    let diagnostics = load_text(text).expect_err("the file has many mistakes");
    let lines: Vec<usize> = diagnostics.iter().map(|d| d.snippets[0].line).collect();
    assert_eq!(lines, [2, 3, 3, 4, 5, 5, 6, 7, 8], "{}", refused(text));
}

/// What cannot stand, and a part of what is said about it.
const CONTRADICTIONS: &[(Edit, &str)] = &[
    (
        Group("config: { group.id: x }"),
        "`group.id` is set by the scenario",
    ),
    (
        Group("config: { enable.auto.commit: true }"),
        "so `enable.auto.commit` is `false`",
    ),
    (
        Group("commit: auto, config: { enable.auto.commit: false }"),
        "stands for",
    ),
    (
        Group("loop: [{ each: [process] }]"),
        "must begin with `poll`",
    ),
    (
        Group("loop: [poll, process]"),
        "`process` stands inside `each`",
    ),
    (
        Group("loop: [poll, { each: [process, { each: [process] }] }]"),
        "`each` stands in",
    ),
    (
        Group("loop: [poll, { commit-sync: { offsets: this-record } }, { each: [process] }]"),
        "only known inside `each`",
    ),
    (Group("process: { on-failure: send }"), "needs a topic"),
    (Group("process: { send-to: orders }"), "has no effect"),
    (Group("pattern: x"), "cannot stand together"),
    (
        Replace("topic: orders", "topic: orders, topics: [orders]", ""),
        "cannot stand together",
    ),
    (
        Replace("records: 30", "records: 30, partition: 7", ""),
        "there is no partition 7",
    ),
    (
        Replace(
            "partitions: 3",
            "partitions: 3, replica-assignment: [[1]]",
            "",
        ),
        "fixes",
    ),
    (
        Replace("replication.factor: 3", "replication.factor: 4", ""),
        "the cluster has 3",
    ),
    (Replace("shop:", "workers:", ""), "both called `workers`"),
    (
        Fault("{ crash: workers-1, at: 5s, nth: 2 }"),
        "`at` is an instant",
    ),
    (
        Fault("{ crash: workers-1, at: 5s, times: 2 }"),
        "needs `every`",
    ),
    (
        Fault("{ crash: workers-1, at: 5s, before: poll }"),
        "one trigger",
    ),
    (
        Fault("{ crash: workers-1, pause: workers-2, at: 5s }"),
        "one verb",
    ),
    (
        Fault("{ crash: workers-1, at: stall + 3s }"),
        "no fault is called `stall`",
    ),
    (
        Fault("{ crash: workers-1, before: send }"),
        "has no step `send`",
    ),
    (Fault("{ start: workers-1, at: 5s }"), "is never down"),
    (
        Fault("{ stall: workers-1, at: 5s }"),
        "does not say how long",
    ),
    (
        Fault("{ seek: shop, to: latest, at: 5s }"),
        "`seek` befalls members",
    ),
    (
        Fault("{ lose-request: shop, request: Produc }"),
        "`Produc` is no word",
    ),
    (
        Behind("expect: { topics: { orders: { leader: broker-1 } } }\n"),
        "one partition",
    ),
    (
        Behind("expect: { appended-twice: 0 }\n"),
        "is no quantity of the whole run",
    ),
    (
        Behind("variants: { a: { title: z } }\n"),
        "an overlay cannot hold `title`",
    ),
    (
        Behind("variants: { a: { groups: { workers: { members: 2 } } } }\n"),
        "the overlay `a` changes nothing",
    ),
    (
        Behind("variants: { a: {} }\nexpect: { every-variant: { lost: 0 }, a: { lost: 0 } }\n"),
        "`lost` is stated twice",
    ),
];

#[test]
fn contradictions_are_refused() {
    for (edit, expected) in CONTRADICTIONS {
        let text = edit.text();
        let printed = refused(&text);
        assert!(
            printed.contains(expected),
            "no `{expected}` for\n{text}\n{printed}"
        );
    }
}

#[test]
fn a_misread_word_hides_no_other_mistake_of_the_file() {
    let text = "title: Two mistakes\ntopics: { orders: { partitons: 3 } }\nexpect: { lost:0 }\n";
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let options = kafkasim::scenario::Options::default();
    let errors = kafkasim::scenario::load(text.as_bytes(), "two.yaml", &no_file, &options)
        .expect_err("the file has two mistakes");
    let texts: Vec<&str> = errors.iter().map(|error| error.text.as_str()).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(
        texts[0].contains("partitons") && texts[1].contains("`lost:0` is one word"),
        "{texts:?}"
    );
}
