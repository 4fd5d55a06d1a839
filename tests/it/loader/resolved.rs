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
