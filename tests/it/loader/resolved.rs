//! The printed form.

use super::examples::examples;
use super::{BASE, accepted, load_text};
use kafkasim::scenario::Scenario;

#[test]
fn what_show_prints_is_its_own_show() {
    for (number, text) in examples() {
        let Ok(loaded) = load_text(text) else {
            continue;
        };
        for run in loaded.runs {
            let yaml = run.scenario.to_yaml();
            let again = accepted(&yaml);
            assert_eq!(again.to_yaml(), yaml, "example {number}, {:?}", run.variant);
            let from_json = accepted(&run.scenario.to_json());
            assert_eq!(from_json.to_yaml(), yaml, "example {number} through JSON");
        }
    }
}

#[test]
fn texts_that_yaml_readers_mistake_survive_the_printed_form() {
    let texts = [
        "NO",
        "no",
        "y",
        "on",
        "true",
        "null",
        "~",
        "12:30",
        "2026-01-01",
        "0777",
        "1e3",
        "123",
        "1_000",
        "<<",
        "a: b",
        "# x",
        "- x",
        "",
        " x ",
        "0x1F",
        "4.10",
        "é",
        "line\\nbreak",
        "=",
    ];
    let list = texts.map(|text| format!("\"{text}\"")).join(", ");
    let text = BASE.replace(
        "records: 30",
        &format!("records: 30, keys: {{ cycle: [{list}] }}"),
    );
    let scenario = accepted(&text);
    let again = accepted(&scenario.to_yaml());
    assert_eq!(again, scenario);
}

#[test]
fn a_scenario_is_read_back_through_serde() {
    let scenario = accepted(BASE);
    let again: Scenario = serde_yaml::from_str(&scenario.to_yaml()).expect("it was printed by us");
    assert_eq!(again, scenario);
    let again: Scenario = serde_json::from_str(&scenario.to_json()).expect("it was printed by us");
    assert_eq!(again, scenario);
}

#[test]
fn what_differs_between_actors_stands_in_except() {
    let text = BASE.replace(
        "members: 2",
        "members: 2, except: { workers-2: { start-at: 30s, config: { max.poll.records: 7 } } }",
    );
    let yaml = accepted(&text).to_yaml();
    let except = &yaml[yaml.find("    except:").expect("one member differs")..];
    let end = except.find("warm-up").expect("the next key");
    let differs = "    except:
      workers-2:
        config:
          max.poll.records: 7
        start-at: 30s
";
    assert_eq!(&except[..end], differs);
}

/// A file whose settings come from everywhere they can come from.
const MIXED: &str = "\
title: Settings from everywhere
cluster: { defaults: server.properties, config: { min.insync.replicas: 2 } }
topics: { orders: { partitions: 3, replication.factor: 3 } }
producers:
  shop:
    topic: orders
    records: 30
    properties: |
      acks=1
      linger.ms=7
    config: { linger.ms: 9 }
groups:
  workers: { topics: [orders], members: 2, except: { workers-2: { config: { max.poll.records: 7 } } } }
  others: { topics: [orders], client: librdkafka, config: { group.instance.id: <actor> } }
variants:
  as-pasted: {}
  patient: { groups: { workers: { config: { max.poll.interval.ms: 600000 } } } }
";

/// The lines of a printed form that hold a setting, in order.
fn lines_of<'t>(yaml: &'t str, setting: &str) -> Vec<&'t str> {
    let key = format!("{setting}: ");
    let lines = yaml.lines().map(str::trim);
    lines.filter(|line| line.starts_with(&key)).collect()
}

#[test]
fn a_comment_says_where_each_setting_comes_from() {
    let loaded = load_text(MIXED).expect("the file is fine");
    let yaml = loaded.runs[1].to_yaml();
    for (setting, said) in [
        ("acks", &["1 # pasted properties, line 9"][..]),
        ("linger.ms", &["9 # line 11"]),
        ("batch.size", &["16384 # default of Kafka 4.1"]),
        (
            "enable.idempotence",
            &["false # it needs `acks=all`, so Kafka switches it off"],
        ),
        (
            "offsets.topic.replication.factor",
            &["1 # the server.properties that Kafka ships"],
        ),
        (
            "min.insync.replicas",
            &["2 # line 2", "2 # the brokers say so"],
        ),
        ("enable.auto.commit", &["false # the loop implies it"; 2]),
        (
            "max.poll.interval.ms",
            &[
                "600000 # line 17, variant patient",
                "300000 # default of librdkafka",
            ],
        ),
        (
            "max.poll.records",
            &["500 # default of Kafka 4.1", "7 # line 13"],
        ),
        ("group.instance.id", &["others-1 # line 14"]),
    ] {
        let found = lines_of(&yaml, setting);
        let squeezed = found.iter().map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words[1..].join(" ")
        });
        assert_eq!(squeezed.collect::<Vec<_>>(), said, "{setting} in\n{yaml}");
    }
    let settings = yaml.lines().filter(|line| line.contains(" # "));
    assert!(60 <= settings.count(), "every setting has its comment");
}

#[test]
fn comments_change_nothing_of_what_is_shown() {
    for (_, text) in examples() {
        for run in load_text(text).into_iter().flat_map(|loaded| loaded.runs) {
            let again = accepted(&run.to_yaml());
            assert_eq!(again.to_yaml(), run.scenario.to_yaml());
        }
    }
}

#[test]
fn a_setting_that_is_a_file_names_the_file() {
    let text = BASE.replace(
        "records: 30",
        "records: 30, properties-file: portfolio.properties",
    );
    let file = |_: &str| Ok("acks=all\nlinger.ms=20\n".to_owned());
    let options = kafkasim::scenario::Options::default();
    let loaded = kafkasim::scenario::load(text.as_bytes(), "shop.yaml", &file, &options);
    let yaml = loaded.expect("the file is fine").runs[0].to_yaml();
    let lines = lines_of(&yaml, "linger.ms");
    assert!(
        lines[0].ends_with("# portfolio.properties, named in line 3"),
        "{lines:?}"
    );
}
