//! The project that plays scenarios on real Kafka: finding it, building it, running it.
//!
//! It is a Maven project in `tests/real-kafka`, searched from the current folder upwards. Each run is
//! a process of its own that bounds all its waits, and stops everything it started when it ends or
//! when its standard input does.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::input::Refusal;

/// Where the project lies below the repository.
const PROJECT: &str = "tests/real-kafka";
/// The variable that names a Python with `confluent-kafka`, for members on librdkafka.
const PYTHON: &str = "KAFKASIM_PYTHON";
/// The least release of Java that Kafka 4.1 runs on.
const JAVA_LEAST: u32 = 17;

/// The built project.
#[derive(Debug)]
pub(super) struct RealKafka {
    /// Its folder.
    pub(super) folder: PathBuf,
    java: PathBuf,
    python: Option<PathBuf>,
}

/// A process that plays scenarios, one after the other.
#[derive(Debug)]
pub(super) struct Player {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// Why there is no story.
#[derive(Clone, Debug)]
pub(super) enum Unplayed {
    /// The project does not know how.
    Unsupported(String),
    /// It went wrong.
    Failed(String),
}

/// The folder of the project, for runs that are stored there.
pub(super) fn folder() -> Result<PathBuf, Refusal> {
    let here = env::current_dir().unwrap_or_default();
    let found = here.ancestors().map(|folder| folder.join(PROJECT));
    let mut found = found.filter(|folder| folder.join("pom.xml").is_file());
    found.next().ok_or_else(|| {
        let help = "run it in the repository, which holds the project in `tests/real-kafka`";
        Refusal::argument(
            "the project that plays on real Kafka is not here",
            Some(help.to_owned()),
        )
    })
}

impl RealKafka {
    /// Finds the project, Java and Maven, and builds what is not built.
    pub(super) fn prepare() -> Result<Self, Refusal> {
        let folder = folder()?;
        let java = java()?;
        if is_stale(&folder) {
            build(&folder)?;
        }
        let python = env::var_os(PYTHON).filter(|path| !path.is_empty());
        Ok(Self {
            folder,
            java,
            python: python.map(PathBuf::from),
        })
    }

    /// Whether members can run on librdkafka.
    pub(super) fn has_librdkafka(&self) -> bool {
        self.python.is_some()
    }

    /// Starts the program; it waits for scenarios.
    pub(super) fn start(&self) -> Result<Player, Unplayed> {
        let target = self.folder.join("target");
        let mut path = target.join("conform.jar").into_os_string();
        path.push(if cfg!(windows) { ";" } else { ":" });
        path.push(target.join("lib").join("*"));
        let mut command = Command::new(&self.java);
        command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
        command.arg(path).arg("kafkasim.conform.Main");
        command.arg(self.folder.join("src/main/python/member.py"));
        command.args(&self.python).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let failed =
            |error: io::Error| Unplayed::Failed(format!("Java cannot be started: {error}"));
        let mut child = command.spawn().map_err(failed)?;
        let input = child.stdin.take().expect("its standard input is ours");
        let output = child.stdout.take().expect("its standard output is ours");
        Ok(Player {
            child,
            input: Some(input),
            output: BufReader::new(output),
        })
    }
}

impl Player {
    /// Starts to play a resolved scenario.
    pub(super) fn play(&mut self, document: &Value) {
        // One that has ended by itself says so when its story is asked for.
        let input = self
            .input
            .as_mut()
            .expect("open until the player is dropped");
        let _ = writeln!(input, "{document}").and_then(|()| input.flush());
    }

    /// Waits for the end of the run; gives its lines.
    pub(super) fn story(&mut self) -> Result<String, Unplayed> {
        let mut story = String::new();
        loop {
            let from = story.len();
            match self.output.read_line(&mut story) {
                Ok(0) | Err(_) => {
                    let reason = "the Java program ended in the middle of a run";
                    return Err(Unplayed::Failed(reason.to_owned()));
                }
                Ok(_) => {}
            }
            let line: Value = serde_json::from_str(&story[from..]).unwrap_or(Value::Null);
            let reason = || {
                line["reason"]
                    .as_str()
                    .unwrap_or_default()
                    .trim_end()
                    .to_owned()
            };
            match line["event"].as_str() {
                Some("end") => return Ok(story),
                Some("unsupported") => return Err(Unplayed::Unsupported(reason())),
                Some("failed") => return Err(Unplayed::Failed(reason())),
                _ => {}
            }
        }
    }
}

impl Drop for Player {
    /// The end of its standard input ends it, and everything it started.
    fn drop(&mut self) {
        self.input = None;
        // Nothing is left to do about one that cannot be waited for.
        let _ = self.child.wait();
    }
}

/// The Java to run with: that of `JAVA_HOME`, or the one on the path.
fn java() -> Result<PathBuf, Refusal> {
    let home = env::var_os("JAVA_HOME").filter(|home| !home.is_empty());
    let java = home.map_or(PathBuf::from("java"), |home| {
        Path::new(&home).join("bin").join("java")
    });
    let refusal = |text: String| {
        let help = format!(
            "real Kafka 4.1 needs Java {JAVA_LEAST} or later, and Maven to build; `kafkasim test` needs neither"
        );
        Refusal::argument(text, Some(help))
    };
    let said = Command::new(&java).arg("-version").output();
    let said = said.map_err(|_| refusal("there is no Java here".to_owned()))?;
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    match release(&text) {
        Some(found) if JAVA_LEAST <= found => Ok(java),
        Some(found) => Err(refusal(format!("the Java here is release {found}"))),
        None => Err(refusal("the Java here does not say its release".to_owned())),
    }
}

/// The release in `openjdk version "17.0.15" 2025-04-15`.
fn release(text: &str) -> Option<u32> {
    let (_, quoted) = text.split_once('"')?;
    quoted.split(['.', '"', '-']).next()?.parse().ok()
}

/// Whether the project has to be built: it was not, or a source is younger.
fn is_stale(folder: &Path) -> bool {
    let Some(built) = modified(&folder.join("target").join("conform.jar")) else {
        return true;
    };
    !folder.join("target").join("lib").is_dir()
        || modified(&folder.join("pom.xml")).is_none_or(|at| built < at)
        || youngest(&folder.join("src")).is_none_or(|at| built < at)
}

/// When a file was last written, since the epoch.
fn modified(path: &Path) -> Option<Duration> {
    let at = fs::metadata(path).and_then(|metadata| metadata.modified());
    at.ok()?.duration_since(UNIX_EPOCH).ok()
}

fn youngest(folder: &Path) -> Option<Duration> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let instants = entries.filter_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            youngest(&path)
        } else {
            modified(&path)
        }
    });
    instants.max()
}

/// Builds the project: from what Maven has, or with what it fetches.
fn build(folder: &Path) -> Result<(), Refusal> {
    let maven = |offline: &[&str]| {
        let mut command = Command::new("mvn");
        command.args(["-q", "-B", "-DskipTests"]).args(offline);
        command.arg("-f").arg(folder.join("pom.xml")).arg("package");
        command.stdin(Stdio::null()).output()
    };
    let no_maven = |_| {
        let help = "the project that plays on real Kafka is built with Maven";
        Refusal::argument("there is no Maven here", Some(help.to_owned()))
    };
    let offline = maven(&["-o"]).map_err(no_maven)?;
    if offline.status.success() {
        return Ok(());
    }
    let online = maven(&[]).map_err(no_maven)?;
    if online.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&online.stdout).into_owned();
    let first: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("ERROR"))
        .take(5)
        .collect();
    Err(Refusal::argument(
        format!("Maven cannot build the project:\n{}", first.join("\n")),
        None,
    ))
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn the_release_of_java_is_read() {
        let said = "openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime";
        assert_eq!(release(said), Some(17));
        assert_eq!(release("openjdk version \"21-ea\" 2023"), Some(21));
        assert_eq!(release("nothing of the kind"), None);
    }
}
