//! What real Kafka did, and whether the simulator does the same.
//!
//! Stored runs are compared step by step; what a person wrote down of other runs stands in the
//! scenarios' own `expect`. Neither needs Java.

use std::fs;
use std::path::{Path, PathBuf};

use kafkasim::lab::conform::{self, Stored, compare, stored};
use kafkasim::lab::{Experiment, Standing};
use kafkasim::report::conformance::{self, Result as Compared, Row};
use kafkasim::scenario;

/// What differs from real Kafka and is not mended: the scenario, the variant, and where the reason
/// stands in `docs/fidelity.md`.
const KNOWN: [(&str, &str, &str); 1] = [(
    "39-librdkafka-members",
    "close",
    "between two records that `each` hands over",
)];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real-kafka")
}

/// The scenario files, by name.
fn files() -> Vec<PathBuf> {
    let entries = project().join("scenarios").read_dir();
    let entries = entries.expect("the scenarios are shipped");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut files: Vec<_> = paths.collect();
    files.sort();
    files
}

fn experiments(path: &Path) -> Vec<Experiment> {
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let bytes = fs::read(path).expect("a readable file");
    let name = path.display().to_string();
    let loaded = scenario::load(&bytes, &name, &no_file, &scenario::Options::default())
        .unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
    let runs = loaded.runs.iter();
    runs.map(|run| Experiment::new(run).expect("a loaded file compiles"))
        .collect()
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().expect("a file has a name");
    stem.to_string_lossy().into_owned()
}

/// Every run of every file beside its stored runs.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for path in files() {
        let file = stem(&path);
        let text = fs::read_to_string(&path).expect("a readable file");
        let kept = project()
            .join("recorded")
            .join(&file)
            .with_extension("json");
        let kept = fs::read_to_string(&kept).map(|text| Stored::read(&text).expect("a stored run"));
        if let Ok(kept) = &kept {
            assert!(
                kept.is_of(&text),
                "{file} is no longer the scenario that was played: `kafkasim conform --record`"
            );
        }
        for experiment in experiments(&path) {
            let variant = experiment.variant.as_deref();
            let kept = kept.as_ref().ok();
            let result = match kept.and_then(|kept| kept.of(variant)) {
                Some(real) => {
                    let simulated = conform::simulated(&experiment);
                    Compared::Compared(compare::compare(&simulated, &real))
                }
                None => Compared::NotComparable("no run of real Kafka is stored".to_owned()),
            };
            let runs = kept.map_or(0, |kept| kept.runs(variant));
            rows.push(Row {
                file: file.clone(),
                variant: experiment.variant.clone(),
                runs,
                result,
            });
        }
    }
    rows
}

#[test]
fn the_simulator_tells_the_stories_that_real_kafka_told() {
    let mut wrong = Vec::new();
    let mut equal = 0;
    for row in rows() {
        let variant = row.variant.as_deref().unwrap_or(stored::PLAIN);
        let known = KNOWN
            .iter()
            .any(|(file, of, _)| *file == row.file && *of == variant);
        match &row.result {
            Compared::Compared(comparison) if comparison.agrees() != known => {
                equal += u32::from(!known);
            }
            Compared::NotComparable(_) => {}
            _ if known => wrong.push(format!("{} no longer differs", row.name())),
            _ => wrong.push(conformance::row(&row).to_string()),
        }
    }
    assert!(
        wrong.is_empty(),
        "real Kafka did otherwise:\n{}",
        wrong.join("")
    );
    assert!(80 <= equal, "{equal} stored runs were compared");
}

#[test]
fn what_is_known_to_differ_is_told_in_the_manual() {
    let fidelity = include_str!("../../docs/fidelity.md");
    for (file, variant, reason) in KNOWN {
        assert!(fidelity.contains(reason), "{file}, {variant}: {reason}");
    }
}

#[test]
fn the_table_of_the_manual_is_that_of_the_program() {
    let manual = include_str!("../../docs/conformance.md");
    let table = conformance::markdown(&rows());
    assert!(
        manual.contains(table.trim_end()),
        "docs/conformance.md: replace its table by that of \
         `kafkasim conform --stored --markdown tests/real-kafka/scenarios`:\n{table}"
    );
}

#[test]
fn what_was_written_down_of_real_runs_holds() {
    let mut agreed = 0;
    let mut differing = Vec::new();
    for path in files() {
        for experiment in experiments(&path) {
            if experiment.run().standing() == Standing::AsExpected {
                agreed += 1;
            } else {
                differing.push(format!("{} {:?}", stem(&path), experiment.variant));
            }
        }
    }
    assert!(
        differing.is_empty(),
        "real Kafka did otherwise in {differing:#?}"
    );
    assert!(80 <= agreed, "{agreed} recorded runs were compared");
}

#[test]
fn the_project_that_plays_on_real_kafka_reads_what_is_shown() {
    // The sample that the project's own test reads: if `show --json` changes, both sides must know.
    let sample = include_str!("../real-kafka/src/test/resources/resolved.json");
    let sample: serde_json::Value = serde_json::from_str(sample).expect("JSON");
    let path = project().join("scenarios").join("12-second-member.yaml");
    let experiments = experiments(&path);
    let variant = sample["variant"].as_str();
    let shown = experiments
        .iter()
        .find(|one| one.variant.as_deref() == variant);
    let shown = serde_json::to_value(&shown.expect("the variant").scenario).expect("plain data");
    for part in ["topics", "producers", "groups", "faults", "limits"] {
        assert_eq!(
            keys(&sample["scenario"][part]),
            keys(&shown[part]),
            "{part}"
        );
    }
    assert_eq!(sample["version"], 1);
}

/// The keys of a tree, without the settings of Kafka, which come and go.
fn keys(value: &serde_json::Value) -> Vec<String> {
    let Some(map) = value.as_object() else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (key, value) in map {
        all.push(key.clone());
        if key != "config" {
            all.extend(keys(value).iter().map(|inner| format!("{key}.{inner}")));
        }
    }
    all
}
