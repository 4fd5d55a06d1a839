//! Kinds of value: the patterns of the schema take what the loader takes, after YAML.

use kafkasim::scenario::Kind;

use super::Judge;
use crate::loader::{BASE, load_text};

/// A place where a kind of value stands, and values that are tried there.
const TRIED: [(&str, &[&str]); 14] = [
    ("seed: VALUE\n", COUNTS),
    ("warm-up: VALUE\n", DURATIONS),
    ("network: { latency: VALUE }\n", DISTRIBUTIONS),
    ("expect: { lost: VALUE }\n", SETS),
    ("expect: { delivered: VALUE }\n", RANGES),
    (
        "expect: { groups: { workers: { longest-stop: VALUE } } }\n",
        &[
            "3s", "3s..5s", "1s..", "..5s", "3", "3..5", "..", "5s..3", "1.5s..2s",
        ],
    ),
    (
        "expect: { groups: { workers: { committed: { orders-0: VALUE } } } }\n",
        &["none", "3", "3..", "..9", "-1", "nothing", "0"],
    ),
    (
        "faults: [{ crash: workers-1, at: VALUE }]\n",
        &["5s", "2s..8s", "5", "2s..", "5m", "1h30min", "-5s"],
    ),
    (
        "faults: [{ crash: workers, before: process, optional: true, nth: VALUE }]\n",
        &["3", "3..40", "0", "3..", "x", "10_000", "1_00"],
    ),
    (
        "faults: [{ crash: workers, before: process, record: VALUE }]\n",
        &[
            "shop#7",
            "orders-0@4",
            "orders-0@4..9",
            "shop",
            "orders-0",
            "shop#0",
            "orders-00@4",
            "#7",
        ],
    ),
    ("must-happen: [{ rebalance: VALUE }]\n", RANGES),
    (
        "must-happen: [VALUE]\n",
        &[
            "rebalance",
            "rebalanced",
            "3",
            "[rebalance]",
            "{ rebalance: { of: workers } }",
        ],
    ),
    ("limits: { events: VALUE }\n", COUNTS),
    (
        "covers: VALUE\n",
        &[
            "[29, 30]",
            "[3-in-part]",
            "29",
            "[a b]",
            "[29, 29]",
            "[[1]]",
        ],
    ),
];

const COUNTS: &[&str] = &[
    "30",
    "\"30\"",
    "10_000",
    "1_000_000",
    "0",
    "-1",
    "1_00",
    "_1",
    "3.5",
    "x",
    "true",
    "[1]",
    "{}",
];
const DURATIONS: &[&str] = &[
    "250ms", "1.5s", "7d", "0s", "10us", "3ns", "2h", "4min", "5", "5m", "1h30min", "-1s", "1.s",
    ".5s", "5 s", "5S", "1s..2s", "true",
];
const DISTRIBUTIONS: &[&str] = &[
    "10ms",
    "10ms..30ms",
    "{ exponential: 20ms }",
    "{ weighted: { 10ms: 99, 2s: 1 } }",
    "10ms..",
    "10",
    "{ exponential: 20 }",
    "{ weighted: { 10: 99 } }",
    "{ exponential: 20ms, weighted: { 1s: 1 } }",
    "{ uniform: 20ms }",
    "{}",
    "[10ms]",
];
const RANGES: &[&str] = &[
    "3", "3..5", "1..", "..5", "10_000..", "..", "-1", "1.5", "3...5", "x", "3s", "[3]",
];
const SETS: &[&str] = &[
    "0",
    "1..",
    "..5",
    "[]",
    "[shop#7]",
    "[orders-0@4..9, shop#7]",
    "{ skipped-by-commit: 1 }",
    "{ truncated: [shop#1] }",
    "[shop]",
    "[7]",
    "{ skipped: 1 }",
    "x",
];

#[test]
fn values_are_taken_by_both_or_by_none() {
    let judge = Judge::new();
    let mut refused = 0;
    let mut wrong = Vec::new();
    for (template, values) in TRIED {
        for value in values {
            let text = format!("{BASE}{}", template.replace("VALUE", value));
            let loads = load_text(&text).is_ok();
            let valid = judge.complaint(&text).is_none();
            refused += usize::from(!valid);
            if loads != valid {
                let takes = if loads { "the loader" } else { "the schema" };
                wrong.push(format!(
                    "only {takes} takes {}",
                    template.replace("VALUE", value).trim()
                ));
            }
        }
    }
    assert!(40 < refused, "the patterns refuse something");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn numbers_that_yaml_reads_are_no_business_of_a_schema() {
    let judge = Judge::new();
    for value in ["1e3", "0x10"] {
        let text = format!("{BASE}seed: {value}\n");
        assert!(load_text(&text).is_err(), "{value}");
        assert_eq!(
            judge.complaint(&text),
            None,
            "after YAML {value} is a number"
        );
    }
}

#[test]
fn overlays_remove_with_null_and_are_judged_by_variant() {
    let judge = Judge::new();
    let text = format!(
        "{BASE}variants:\n  plain: {{}}\n  direct: {{ groups: {{ workers: {{ members: null, loop: [poll, {{ each: [process] }}], \
         config: {{ max.poll.records: 5 }} }} }}, faults: [{{ crash: workers-1, at: 5s }}] }}\n\
         expect: {{ every-variant: {{ lost: 0 }}, direct: {{ duplicated: 0 }} }}\n\
         must-happen: {{ every-variant: [group-formed], direct: [{{ rebalance: ..0 }}] }}\n"
    );
    assert_eq!(judge.complaint(&text), None, "{text}");
    for (from, to) in [
        ("members: null", "member: null"),
        ("plain: {}", "plain: { title: x }"),
        ("plain: {}", "plain: { expect: { lost: 0 } }"),
        ("{ lost: 0 }", "{ los: 0 }"),
        ("duplicated: 0", "duplicated: none"),
        ("[group-formed]", "[group-fromed]"),
        ("at: 5s", "at: 5"),
        ("max.poll.records: 5", "max.poll.recods: 5"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert!(load_text(&broken).is_err(), "{from} -> {to}");
        assert!(judge.complaint(&broken).is_some(), "{from} -> {to}");
    }
}

#[test]
fn the_names_of_settings_follow_the_library() {
    let judge = Judge::new();
    let with = |keys: &str| {
        let text = BASE.replace("members: 2", keys);
        let refused = load_text(&text).err().unwrap_or_default();
        let known = refused.iter().all(|d| d.kind != Kind::Setting);
        assert_eq!(judge.complaint(&text).is_none(), known, "{keys}");
        known
    };
    assert!(with(
        "client: librdkafka, config: { auto.commit.interval.ms: 100 }"
    ));
    assert!(with("config: { auto.commit.interval.ms: 100 }"));
    assert!(with(
        "config: { partition.assignment.strategy: [RangeAssignor] }"
    ));
    assert!(!with(
        "client: librdkafka, config: { max.poll.records: 100 }"
    ));
    assert!(!with(
        "client: java, config: { enable.auto.offset.store: false }"
    ));
    assert!(!with("config: { enable.auto.offset.store: false }"));
}

/// A default as the schema tells it, read as YAML; nothing where it is told in words.
fn told_default(property: &serde_json::Value) -> Option<serde_json::Value> {
    let (_, told) = property["description"]
        .as_str()?
        .split_once(" Default: `")?;
    let literal = told.split_once("`.")?.0.replace('_', "");
    let value: serde_yaml::Value = serde_yaml::from_str(&literal).ok()?;
    serde_json::to_value(value).ok()
}

#[test]
fn the_defaults_that_are_told_are_those_of_the_resolved_form() {
    let schema = kafkasim::scenario::schema::schema();
    let resolved = crate::loader::accepted(BASE).to_json();
    let resolved: serde_json::Value = serde_json::from_str(&resolved).expect("a document");
    let mut compared = 0;
    for (name, pointer) in [
        ("shape", ""),
        ("cluster", "/cluster"),
        ("network", "/network"),
        ("limits", "/limits"),
        ("topic", "/topics/orders"),
        ("producer", "/producers/shop"),
        ("group", "/groups/workers"),
        ("process-map", "/groups/workers/process"),
    ] {
        let properties = super::definition(&schema, name)["properties"].as_object();
        let shown = resolved.pointer(pointer).expect("the resolved form has it");
        for (key, property) in properties.expect("a map has properties") {
            let short_form = shown[key].is_object() && key == "process";
            let given = ["members", "topics", "producers", "groups"].contains(&key.as_str());
            if let Some(told) = told_default(property)
                && shown.get(key).is_some()
                && !short_form
                && !given
            {
                assert_eq!(told, shown[key], "{name}: `{key}`");
                compared += 1;
            }
        }
    }
    assert!(20 <= compared, "only {compared} defaults were compared");
}

#[test]
fn a_setting_that_the_loader_takes_is_valid() {
    use kafkasim::kafka::client::ClientFamily::{Java, Librdkafka};
    use kafkasim::kafka::config::catalogue::{Role, Status, settings};
    let judge = Judge::new();
    let (mut taken, mut refused) = (0, 0);
    let (mut wrong, mut index) = (Vec::new(), 0);
    for (family, role, place, before) in [
        (Java, Role::Producer, "records: 30", ""),
        (Java, Role::Consumer, "members: 2", ""),
        (
            Librdkafka,
            Role::Consumer,
            "members: 2",
            "client: librdkafka, ",
        ),
        (Java, Role::Topic, "partitions: 3", ""),
        (Java, Role::Broker, "cluster: { brokers: 3", ""),
    ] {
        for setting in settings(family, role) {
            let default = setting.default.unwrap_or("null");
            let quoted = format!("{default:?}");
            let plain = if default.is_empty() { "\"\"" } else { default };
            // What is not modelled takes its default: a sample is enough.
            let is_modelled = setting.status == Status::Modelled;
            index += 1;
            if !is_modelled && index % 4 != 0 {
                continue;
            }
            let tried = [
                plain,
                &quoted,
                "0",
                "-1",
                "\" FALSE \"",
                "x",
                "0.5",
                "{ a: 1 }",
            ];
            for value in tried.into_iter().take(if is_modelled { 8 } else { 3 }) {
                let base = format!("cluster: {{ brokers: 3 }}\n{BASE}");
                let config = format!("{place}, {before}config: {{ {}: {value} }}", setting.key);
                let text = base.replacen(place, &config, 1);
                let loads = load_text(&text).is_ok();
                let complaint = judge.complaint(&text);
                if loads && complaint.is_some() {
                    wrong.push(config);
                }
                taken += usize::from(loads);
                refused += usize::from(complaint.is_some());
            }
        }
    }
    assert!(
        200 < taken && 200 < refused,
        "{taken} taken, {refused} refused"
    );
}
