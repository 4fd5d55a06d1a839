//! `conform` with real Kafka itself, stopped or stuck in the middle: what is said, and that no
//! process and no folder is left behind.
//!
//! Ignored unless asked for, since they need Java, Maven and some minutes:
//! `cargo test --test cli stopping -- --ignored --test-threads 1`. With `KAFKASIM_PYTHON` a member
//! on librdkafka takes part.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::program::Kafkasim;

const SCENARIO: &str = "\
title: Records for two minutes
cluster:
  brokers: 1
  defaults: server.properties
  config: { group.min.session.timeout.ms: 1000 }
topics: { orders: { partitions: 2 } }
producers: { shop: { topic: orders, partition: 0, records: 600, every: 200ms } }
groups: { workers: { topics: [orders], config: { session.timeout.ms: 3000, heartbeat.interval.ms: 500 } } }
limits: { drain: 5s }
";

/// A member in Python beside the one in Java.
const LIBRDKAFKA: &str = "  drivers: { client: librdkafka, topics: [orders], config: { session.timeout.ms: 3000, heartbeat.interval.ms: 500 } }\n";

/// A call of the program that plays on real Kafka, whose processes all know of one folder.
struct Playing {
    folder: PathBuf,
    program: Child,
}

impl Playing {
    fn start(name: &str, scenario: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kafkasim-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let file = folder.join("long.yaml");
        fs::write(&file, scenario).expect("a file can be written");
        let program = Command::new(env!("CARGO_BIN_EXE_kafkasim"))
            .args(["conform", "--real-only"])
            .arg(&file)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env(
                "JAVA_TOOL_OPTIONS",
                format!("-Djava.io.tmpdir={}", folder.display()),
            )
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        Self { folder, program }
    }

    /// Waits for a process with this word in its command line.
    fn process(&self, word: &str) -> u32 {
        let found = || {
            let all = processes_of(&self.folder);
            all.into_iter()
                .find(|(_, command)| command.contains(word))
                .map(|(id, _)| id)
        };
        wait(Duration::from_secs(180), || found().is_some());
        found().unwrap_or_else(|| panic!("no process of {word}"))
    }

    /// Waits until the members' part of the story has begun.
    fn under_way(&self, members: &[&str]) {
        for word in members {
            self.process(word);
        }
        thread::sleep(Duration::from_secs(5));
    }

    fn ends(mut self) -> (Option<i32>, String) {
        let stdout = self.program.stdout.take().expect("it is piped");
        let said = std::io::read_to_string(stdout).expect("output is UTF-8");
        let status = self.program.wait().expect("it can be waited for");
        self.leaves_nothing();
        (status.code(), said)
    }

    fn leaves_nothing(&self) {
        let folders = || {
            let entries = fs::read_dir(&self.folder).expect("it is ours");
            let names = entries.map(|entry| entry.expect("readable").file_name());
            let names = names.map(|name| name.to_string_lossy().into_owned());
            names
                .filter(|name| name.starts_with("kafkasim-conform-"))
                .collect::<Vec<_>>()
        };
        wait(Duration::from_secs(30), || {
            processes_of(&self.folder).is_empty() && folders().is_empty()
        });
        assert_eq!(processes_of(&self.folder), [], "processes are left");
        assert_eq!(folders(), Vec::<String>::new(), "folders are left");
        // What is left of the test itself does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Every process in whose environment this folder stands, with its command line.
fn processes_of(folder: &Path) -> Vec<(u32, String)> {
    let wanted = folder.display().to_string();
    let entries = fs::read_dir("/proc").expect("a Linux");
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let read = |id: u32, file: &str| {
        let bytes = fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    ids.filter(|id| read(*id, "environ").contains(&wanted))
        .map(|id| (id, read(id, "cmdline")))
        .collect()
}

/// Looks again and again, for about so long.
fn wait(limit: Duration, mut done: impl FnMut() -> bool) {
    let pause = Duration::from_millis(100);
    for _ in 0..limit.as_millis() / pause.as_millis() {
        if done() {
            return;
        }
        thread::sleep(pause);
    }
}

fn signal(name: &str, to: &str) {
    let sent = Command::new("kill").args([name, "--", to]).status();
    assert!(
        sent.expect("there is a `kill`").success(),
        "kill {name} {to}"
    );
}

#[test]
#[ignore = "plays on real Kafka"]
fn a_program_that_is_stopped_leaves_no_process_and_no_folder() {
    let mut scenario = SCENARIO.to_owned();
    let mut members = vec!["conform.BrokerMain", "conform.Member "];
    if std::env::var_os("KAFKASIM_PYTHON").is_some() {
        scenario = scenario.replace("limits:", &format!("{LIBRDKAFKA}limits:"));
        members.push("member.py ");
    }
    // Ctrl-C reaches every process of the terminal; the others reach the program alone.
    for (name, whole_group) in [
        ("INT", true),
        ("INT", false),
        ("TERM", false),
        ("KILL", false),
    ] {
        let mut playing = Playing::start(&format!("{name}-{whole_group}"), &scenario);
        playing.under_way(&members);
        let id = playing.program.id();
        let sign = if whole_group { "-" } else { "" };
        signal(&format!("-{name}"), &format!("{sign}{id}"));
        playing.program.wait().expect("it can be waited for");
        playing.leaves_nothing();
    }
}

#[test]
#[ignore = "plays on real Kafka"]
fn a_broker_that_is_not_ready_in_time_is_reported_with_its_last_lines() {
    let playing = Playing::start("slow-broker", SCENARIO);
    let broker = playing.process("conform.BrokerMain");
    signal("-STOP", &broker.to_string());
    let (code, said) = playing.ends();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no broker was ready after 60 s"), "{said}");
    assert!(said.contains("broker-1.log:"), "{said}");
}

#[test]
#[ignore = "plays on real Kafka"]
fn a_member_that_hangs_is_reported_with_the_brokers_last_lines() {
    let short = SCENARIO.replace("records: 600", "records: 40");
    let playing = Playing::start("hangs", &short);
    playing.under_way(&["conform.Member "]);
    let member = playing.process("conform.Member ");
    signal("-STOP", &member.to_string());
    let (code, said) = playing.ends();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("workers-1 hangs"), "{said}");
    assert!(said.contains("broker-1.log:"), "{said}");
}

#[test]
fn without_maven_nothing_is_done_and_that_is_said() {
    let folder = std::env::temp_dir().join(format!("kafkasim-{}-no-maven", std::process::id()));
    let project = folder.join("tests/real-kafka");
    let java = folder.join("java/bin/java");
    fs::create_dir_all(&project).expect("a folder can be made");
    fs::create_dir_all(folder.join("java/bin")).expect("a folder can be made");
    let write = |path: &Path, text: &str| fs::write(path, text).expect("a file can be written");
    write(&project.join("pom.xml"), "<project/>");
    write(&folder.join("long.yaml"), SCENARIO);
    write(&java, "#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\n");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&java, executable).expect("it is ours");
    let call = Kafkasim::new(&["conform", "long.yaml"]).inside(&folder);
    let call = call.with("JAVA_HOME", &folder.join("java"));
    let said = call.with("PATH", &folder).run();
    said.exits(2);
    assert!(
        said.stderr.contains("there is no Maven here"),
        "{}",
        said.stderr
    );
    assert_eq!(said.stdout, "");
    fs::remove_dir_all(folder).expect("it is ours");
}
