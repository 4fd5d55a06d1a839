//! The shipped lessons as a class sees them: each verdict and a trace short enough to be read aloud.
//!
//! The snapshots in `snapshots/` are the program's own output, fingerprints left out. A lesson
//! without a row here fails the first test.

use std::path::{Path, PathBuf};
use std::process::Command;

use kafkasim::scenario;

/// A lesson, and what of its trace tells the story: the arguments that focus it.
const LESSONS: &[(&str, &[&str])] = &[
    (
        "cluster/acks-and-a-dead-leader",
        &["--variant", "acks-1", "--from", "13700ms"],
    ),
    (
        "cluster/the-coordinator-fails",
        &["--variant", "one-copy", "--from", "24s", "--to", "46s"],
    ),
    (
        "cluster/too-few-in-sync",
        &["--variant", "refuses", "--from", "9800ms", "--to", "56s"],
    ),
    (
        "cluster/unclean-election",
        &["--variant", "goes-on", "--from", "4900ms"],
    ),
    (
        "cluster/zombie-leader",
        &["--variant", "acks-1", "--from", "34s"],
    ),
    (
        "delivery/auto-commit-hand-off",
        &["--variant", "handed-off", "--from", "5s", "--to", "13s"],
    ),
    ("delivery/auto-commit-java", &["--from", "9s"]),
    ("delivery/auto-commit-librdkafka", &[]),
    ("delivery/commit-cost", &[]),
    (
        "delivery/lost-response",
        &["--variant", "idempotent", "--record", "shop#30"],
    ),
    ("delivery/only-while-nobody-crashes", &[]),
    (
        "delivery/poison-pill",
        &["--variant", "retry-topic", "--record", "shop#6"],
    ),
    ("delivery/where-the-commit-stands", &["--from", "10s"]),
    (
        "groups/a-consumer-joins",
        &["--group", "workers", "--from", "29900ms", "--to", "31s"],
    ),
    (
        "groups/a-worker-crashes",
        &[
            "--variant",
            "kip-848",
            "--group",
            "workers",
            "--from",
            "29900ms",
        ],
    ),
    (
        "groups/four-assignors",
        &[
            "--variant",
            "cooperative-sticky",
            "--group",
            "workers",
            "--from",
            "29900ms",
            "--to",
            "34s",
        ],
    ),
    (
        "groups/members-of-a-group-crash",
        &["--group", "workers", "--from", "29900ms", "--to", "76s"],
    ),
    (
        "groups/n-topics-fewer-consumers",
        &["--variant", "round-robin", "--group", "readers"],
    ),
    (
        "groups/n-topics-more-consumers",
        &["--variant", "round-robin", "--group", "readers"],
    ),
    ("groups/n-topics-n-consumers", &["--group", "readers"]),
    ("groups/n-topics-one-consumer", &[]),
    ("groups/one-consumer-reads-all", &["--group", "solo"]),
    (
        "groups/one-more-worker",
        &[
            "--variant",
            "kip-848",
            "--group",
            "workers",
            "--from",
            "29900ms",
            "--to",
            "40s",
        ],
    ),
    ("groups/one-topic-one-consumer", &[]),
    (
        "groups/partitions-and-members",
        &["--variant", "five", "--group", "g"],
    ),
    ("groups/queue-or-publish-subscribe", &["--group", "email"]),
    (
        "groups/rolling-restart",
        &["--actor", "workers-2", "--from", "19800ms", "--to", "31s"],
    ),
    ("groups/to-the-new-protocol", &["--variant", "and-back"]),
    (
        "groups/two-groups-one-topic",
        &["--actor", "pricing-workers-1", "--from", "14500ms"],
    ),
    ("offsets/earliest-or-latest", &["--to", "9s"]),
    ("offsets/position-and-committed-offset", &["--from", "5s"]),
    (
        "offsets/resumes-at-2713",
        &["--record", "historical.reannotation-2@2712"],
    ),
    ("offsets/rewind-and-skip", &["--variant", "forward"]),
    (
        "sinks/idempotent-consumer",
        &["--variant", "idempotent", "--from", "13s"],
    ),
    (
        "sinks/insert-in-bulk",
        &[
            "--variant",
            "bulk-insert",
            "--group",
            "writers",
            "--from",
            "3s",
            "--to",
            "3400ms",
        ],
    ),
    (
        "sinks/row-and-offset-together",
        &["--from", "16s", "--partition", "pricing-tasks-0"],
    ),
    ("sinks/torn-bulk-insert", &["--from", "6s"]),
    ("sinks/zombie-writer", &["--record", "portfolio#10"]),
    (
        "storage/deleted-before-read",
        &[
            "--variant",
            "earliest",
            "--partition",
            "orders-0",
            "--from",
            "9600ms",
            "--to",
            "12s",
        ],
    ),
    (
        "storage/last-of-each-key",
        &[
            "--partition",
            "addresses-0",
            "--from",
            "24s",
            "--to",
            "131s",
        ],
    ),
    (
        "storage/power-loss",
        &[
            "--variant",
            "all-at-once",
            "--partition",
            "orders-0",
            "--from",
            "11900ms",
            "--to",
            "33s",
        ],
    ),
    (
        "storage/slower-than-retention",
        &["--partition", "orders-0", "--from", "88s", "--to", "97s"],
    ),
    (
        "topics/custom-partitioner",
        &[
            "--variant",
            "own-partition",
            "--from",
            "9s",
            "--to",
            "10200ms",
        ],
    ),
    ("topics/five-tasks-three-partitions", &[]),
    ("topics/hot-key", &["--from", "9s", "--to", "10050ms"]),
    (
        "topics/linger-and-batch-size",
        &["--variant", "five", "--to", "5050ms"],
    ),
    ("topics/no-partition-count", &["--to", "10050ms"]),
    ("topics/order-within-a-partition", &[]),
    (
        "topics/partitions-added-later",
        &[
            "--variant",
            "latest",
            "--partition",
            "user-events-5",
            "--to",
            "310s",
        ],
    ),
    (
        "topics/partitions-added-to-catch-up",
        &["--record", "user-events-2@44"],
    ),
    ("topics/same-key-same-partition", &["--actor", "site"]),
    (
        "topics/sticky-not-round-robin",
        &["--variant", "small-batches", "--actor", "web"],
    ),
    ("topics/what-to-key-by", &["--group", "analytics"]),
    (
        "topics/whose-clock",
        &["--variant", "create-time", "--from", "17s", "--to", "19s"],
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the program prints for a lesson, fingerprints left out.
fn print(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kafkasim"))
        .args(arguments)
        .current_dir(root())
        .env("NO_COLOR", "1")
        .output()
        .expect("the program under test starts");
    let text = String::from_utf8(output.stdout).expect("the program prints UTF-8");
    let kept = text
        .lines()
        .map(|line| match line.split_once("; fingerprint") {
            Some((before, _)) => before,
            None => line,
        });
    let mut printed = String::new();
    for line in kept {
        printed.push_str(line.trim_end());
        printed.push('\n');
    }
    printed
}

pub(crate) fn shipped() -> Vec<PathBuf> {
    let below = |folder: &Path| {
        let entries = folder.read_dir().expect("the lessons are shipped");
        let paths = entries.map(|entry| entry.expect("a readable folder").path());
        paths.collect::<Vec<_>>()
    };
    let themes = below(&root().join("scenarios"));
    let themes = themes.iter().filter(|path| path.is_dir());
    let mut files: Vec<PathBuf> = themes.flat_map(|theme| below(theme)).collect();
    files.sort();
    files
}

#[test]
fn every_shipped_lesson_has_its_snapshots() {
    let stem = |path: &PathBuf| {
        let below = path
            .strip_prefix(root().join("scenarios"))
            .expect("below scenarios");
        below
            .with_extension("")
            .to_str()
            .expect("a plain name")
            .to_owned()
    };
    let files: Vec<String> = shipped().iter().map(stem).collect();
    let listed: Vec<&str> = LESSONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(files, listed);
}

#[test]
fn every_lesson_fits_on_a_page_and_in_the_index() {
    let index = std::fs::read_to_string(root().join("scenarios/README.md")).expect("the index");
    for path in shipped() {
        let text = std::fs::read_to_string(&path).expect("a readable lesson");
        assert!(
            text.lines().count() <= 40,
            "{} has more than 40 lines",
            path.display()
        );
        let title = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("title: "));
        let title = title
            .expect("a lesson begins with its title")
            .trim_matches('"');
        assert!(index.contains(title), "the index lacks: {title}");
        for key in ["about:", "expect:", "must-happen:"] {
            assert!(text.contains(key), "{} lacks {key}", path.display());
        }
    }
}

/// Two screens of fifty lines: more is not read aloud, and no teacher knows beforehand what to
/// leave out.
#[test]
fn every_run_of_every_lesson_is_told_on_two_screens() {
    let mut told = 0;
    for path in shipped() {
        let text = std::fs::read(&path).expect("a readable lesson");
        let no_file = |name: &str| Err(format!("{name} is not read here"));
        let options = scenario::Options::default();
        let loaded = scenario::load(&text, "lesson.yaml", &no_file, &options);
        for run in loaded.expect("a lesson without mistakes").runs {
            let mut words = vec!["trace", path.to_str().expect("a plain name")];
            words.extend(run.variant.iter().flat_map(|name| ["--variant", name]));
            let lines = print(&words).lines().count();
            assert!((3..=100).contains(&lines), "{words:?}: {lines} lines");
            told += 1;
        }
    }
    assert!(25 <= told, "{told} runs told");
}

#[test]
fn verdicts_and_traces_are_as_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, focus) in LESSONS {
            let file = format!("scenarios/{name}.yaml");
            let flat = name.replace('/', "-");
            let verdicts = print(&["compare", &file]) + "\n" + &print(&["run", &file]);
            insta::assert_snapshot!(format!("{flat}-verdict"), verdicts);
            let mut arguments = vec!["trace", &file];
            arguments.extend(*focus);
            let trace = print(&arguments);
            let lines = trace.lines().count();
            assert!(
                (3..=90).contains(&lines),
                "{name}: a trace of {lines} lines is not read aloud"
            );
            insta::assert_snapshot!(format!("{flat}-trace"), trace);
        }
    });
}
