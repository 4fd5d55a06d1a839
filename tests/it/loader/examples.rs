//! The examples of the format's manual.

use kafkasim::scenario::Kind;

use super::load_text;

const EXAMPLES: &str = include_str!("../../data/grammar-examples.yaml");

/// Those that this version runs, by their numbers.
const IN_SCOPE: [usize; 12] = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13];

pub(crate) fn examples() -> impl Iterator<Item = (usize, &'static str)> {
    EXAMPLES
        .split("---\n")
        .enumerate()
        .map(|(index, text)| (index + 1, text))
}

#[test]
fn every_example_in_scope_loads_and_the_others_are_refused_for_what_is_not_built() {
    for (number, text) in examples() {
        let loaded = load_text(text);
        assert_eq!(
            loaded.is_ok(),
            IN_SCOPE.contains(&number),
            "example {number}"
        );
        for diagnostic in loaded.err().into_iter().flatten() {
            let not_built = diagnostic.kind == Kind::NotYet
                || diagnostic.text.contains("not modelled")
                // Example 15 pastes settings that Kafka 4.1 itself refuses.
                || number == 15 && diagnostic.text.contains("Kafka refuses this");
            assert!(not_built, "example {number}: {diagnostic}");
        }
    }
}

#[test]
fn another_yaml_reader_reads_the_same_values() {
    for (number, text) in examples().filter(|(number, _)| IN_SCOPE.contains(number)) {
        let value: serde_yaml::Value = serde_yaml::from_str(text).expect("the example is YAML");
        let json = serde_json::to_string(&value).expect("its keys are texts");
        let ours = load_text(text).expect("the example is in scope");
        let theirs = load_text(&json).expect("JSON is YAML");
        for (ours, theirs) in ours.runs.iter().zip(&theirs.runs) {
            let (ours, theirs) = (&ours.scenario, &theirs.scenario);
            assert_eq!(ours.to_json(), theirs.to_json(), "example {number}");
        }
    }
}
