//! `conform` without real Kafka: a Java that tells a story by heart takes its place.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{Kafkasim, Said};

const SCENARIO: &str = "\
title: Two records
cluster: { brokers: 1, defaults: server.properties }
topics: { orders: {} }
producers: { shop: { topic: orders, records: 2 } }
groups: { workers: { topics: [orders], start-at: 5s, config: { auto.offset.reset: earliest } } }
";

const STORY: &str = r#"{"event":"versions","version":1,"kafka":"4.1.0","java":"17.0.1"}
{"event":"acknowledged","producer":"shop","record":"shop#1"}
{"event":"acknowledged","producer":"shop","record":"shop#2"}
{"event":"began","member":"workers-1","life":1,"millis":5000}
{"event":"assigned","member":"workers-1","generation":1,"partitions":["orders-0"]}
{"event":"polled","member":"workers-1","records":[["orders-0",0,2]]}
{"event":"processed","member":"workers-1","record":"orders-0@0"}
{"event":"processed","member":"workers-1","record":"orders-0@1"}
{"event":"commit-asked","member":"workers-1","how":"sync"}
{"event":"commit-confirmed","member":"workers-1","how":"sync","offsets":{"orders-0":2}}
{"event":"log","partition":"orders-0","records":[{"offset":0,"record":"shop#1","key":null},{"offset":1,"record":"shop#2","key":null}]}
{"event":"stored","group":"workers","partition":"orders-0","offsets":[2]}
{"event":"committed","group":"workers","offsets":{"orders-0":2}}
{"event":"end","how":"drained"}
"#;

/// A folder that looks like the repository, with a project that is built.
struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// `story` is what its Java tells of every scenario.
    fn new(name: &str, story: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kafkasim-{}-{name}", std::process::id()));
        let project = folder.join("tests/real-kafka");
        fs::create_dir_all(project.join("src")).expect("a folder can be made");
        fs::create_dir_all(project.join("target/lib")).expect("a folder can be made");
        let write =
            |path: PathBuf, text: &str| fs::write(path, text).expect("a file can be written");
        write(project.join("pom.xml"), "<project/>");
        write(project.join("src/Main.java"), "");
        write(project.join("target/conform.jar"), "");
        write(folder.join("two.yaml"), SCENARIO);
        write(folder.join("story"), story);
        let java = folder.join("java/bin");
        fs::create_dir_all(&java).expect("a folder can be made");
        let script = "#!/bin/sh\n[ \"$1\" = -version ] && echo 'openjdk version \"17.0.1\"' >&2 && exit\n\
                      cd \"$(dirname \"$0\")/../..\" && while read -r scenario; do cat story; done\n";
        write(java.join("java"), script);
        executable(&java.join("java"));
        Self { folder }
    }

    fn conform(&self, words: &[&str]) -> Said {
        let words: Vec<&str> = ["conform", "two.yaml"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        let call = Kafkasim::new(&words).inside(&self.folder);
        call.with("JAVA_HOME", &self.folder.join("java")).run()
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        // A folder that is left in the folder for temporary files does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(unix)]
fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path, mode).expect("it is ours");
}

#[cfg(unix)]
#[test]
fn the_same_story_is_equal() {
    let said = Repository::new("equal", STORY).conform(&[]);
    said.exits(0);
    assert!(
        said.stdout.starts_with("equal           two  (1 run)\n"),
        "{}",
        said.stdout
    );
}

#[cfg(unix)]
#[test]
fn a_different_story_exits_with_1_and_names_the_place() {
    let story = STORY.replace(
        "\"how\":\"sync\",\"offsets\":{\"orders-0\":2}",
        "\"how\":\"sync\",\"offsets\":{\"orders-0\":1}",
    );
    let said = Repository::new("different", &story).conform(&[]);
    said.exits(1);
    assert!(
        said.stdout.contains("DIFFERENT       two  (5 runs)"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout
            .contains("workers-1, life 1, after `commit-asked sync`:")
    );
    assert!(
        said.stdout
            .contains("simulated  commit-confirmed orders-0=2")
    );
    assert!(
        said.stdout
            .contains("real       commit-confirmed orders-0=1")
    );
}

#[cfg(unix)]
#[test]
fn what_was_played_can_be_stored_and_compared_without_java() {
    let repository = Repository::new("stored", STORY);
    repository.conform(&["--record"]).exits(0);
    let stored = repository.folder.join("tests/real-kafka/recorded/two.json");
    let text = fs::read_to_string(&stored).expect("the runs are stored");
    assert!(text.contains("\"kafka\": \"4.1.0\""), "{text}");
    fs::remove_dir_all(repository.folder.join("java")).expect("Java can go");
    let said = repository.conform(&["--stored"]);
    said.exits(0);
    assert!(said.stdout.starts_with("equal"), "{}", said.stdout);
    let changed = SCENARIO.replace("records: 2", "records: 3");
    fs::write(repository.folder.join("two.yaml"), changed).expect("the scenario can change");
    let said = repository.conform(&["--stored"]);
    said.exits(2);
    assert!(
        said.stderr.contains("another text of the scenario"),
        "{}",
        said.stderr
    );
}

#[cfg(unix)]
#[test]
fn a_run_that_goes_wrong_exits_with_2_and_says_why() {
    let failed =
        "{\"event\":\"failed\",\"reason\":\"no broker was ready after 60 s\\nbroker-1.log\"}\n";
    for (name, story, why) in [
        ("failed", failed, "no broker was ready after 60 s"),
        ("cut-off", "no JSON\n", "ended in the middle of a run"),
        (
            "strange",
            "{\"event\":\"danced\"}\n{\"event\":\"end\"}\n",
            "danced",
        ),
    ] {
        let repository = Repository::new(name, story);
        if name == "cut-off" {
            let script = "#!/bin/sh\necho 'openjdk version \"17\"' >&2\n";
            fs::write(repository.folder.join("java/bin/java"), script).expect("it is ours");
        }
        let said = repository.conform(&[]);
        said.exits(2);
        assert!(
            said.stdout.contains("FAILED          two"),
            "{}",
            said.stdout
        );
        assert!(said.stdout.contains(why), "{}", said.stdout);
    }
}

#[cfg(unix)]
#[test]
fn what_real_kafka_cannot_play_is_listed_with_its_reason() {
    let repository = Repository::new("drawn", STORY);
    let drawn = SCENARIO.replace("records: 2", "records: 2, every: 1ms..9ms");
    fs::write(repository.folder.join("two.yaml"), drawn).expect("the scenario can change");
    let said = repository.conform(&[]);
    said.exits(0);
    assert!(
        said.stdout.starts_with("not comparable  two\n"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("the time between sends is drawn"));
}

#[test]
fn without_java_nothing_is_done_and_that_is_said() {
    let repository = Repository::new("no-java", STORY);
    fs::remove_dir_all(repository.folder.join("java")).expect("Java can go");
    let said = repository.conform(&[]);
    said.exits(2);
    assert!(
        said.stderr.contains("there is no Java here"),
        "{}",
        said.stderr
    );
    assert_eq!(said.stdout, "");
}

#[test]
fn outside_of_the_repository_it_says_where_to_go() {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("kafkasim-{}-alone.yaml", std::process::id()));
    fs::write(&path, SCENARIO).expect("a file can be written");
    let name = path.display().to_string();
    let said = Kafkasim::new(&["conform", &name]).inside(&folder).run();
    said.exits(2);
    assert!(said.stderr.contains("tests/real-kafka"), "{}", said.stderr);
    fs::remove_file(path).expect("it is ours");
}
