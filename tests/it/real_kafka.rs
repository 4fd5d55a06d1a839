//! Scenario files whose expectations were recorded from real Kafka: the simulator has to agree.

use std::path::Path;

use kafkasim::lab::{Experiment, Standing};
use kafkasim::scenario;

#[test]
fn the_simulator_agrees_with_every_recorded_run_of_real_kafka() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real-kafka/scenarios");
    let entries = folder.read_dir().expect("the recorded runs are shipped");
    let mut files: Vec<_> = entries
        .map(|e| e.expect("a readable folder").path())
        .collect();
    files.sort();
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let mut agreed = 0;
    let mut differing = Vec::new();
    for path in &files {
        let bytes = std::fs::read(path).expect("a readable file");
        let name = path.display().to_string();
        let loaded = scenario::load(&bytes, &name, &no_file, &scenario::Options::default())
            .unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        for run in &loaded.runs {
            let outcome = Experiment::new(run).expect("a loaded file compiles").run();
            if outcome.standing() == Standing::AsExpected {
                agreed += 1;
            } else {
                differing.push(format!("{name} {:?}", run.variant));
            }
        }
    }
    assert!(
        differing.is_empty(),
        "real Kafka did otherwise in {differing:#?}"
    );
    assert!(80 <= agreed, "{agreed} recorded runs were compared");
}
