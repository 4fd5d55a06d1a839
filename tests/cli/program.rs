//! Calling the built program, and files to call it with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A call of the program.
pub(crate) struct Kafkasim {
    command: Command,
}

/// What it said.
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    code: Option<i32>,
}

/// A scenario file.
pub(crate) struct Scenario {
    path: String,
}

impl Kafkasim {
    pub(crate) fn new(words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kafkasim"));
        command.args(words).stdin(Stdio::null());
        Self { command }
    }

    /// In that folder.
    pub(crate) fn inside(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// With that variable.
    pub(crate) fn with(mut self, name: &str, value: &Path) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn run(mut self) -> Said {
        let output = self.command.output().expect("the program can be started");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Said {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            code: output.status.code(),
        }
    }

    /// Runs it with a stdout that was closed before the first byte.
    pub(crate) fn with_nobody_reading(self) -> Said {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        self.with_stdout(writer)
    }

    /// Runs it with this stdout.
    pub(crate) fn with_stdout(mut self, stdout: impl Into<Stdio>) -> Said {
        self.command.stdout(stdout).stderr(Stdio::piped());
        let child = self.command.spawn().expect("the program can be started");
        let output = child.wait_with_output().expect("the program ends");
        Said {
            stdout: String::new(),
            stderr: String::from_utf8(output.stderr).expect("output is UTF-8"),
            code: output.status.code(),
        }
    }
}

impl Said {
    /// Fails with everything that was said if the exit code is another.
    pub(crate) fn exits(&self, code: i32) {
        let Self { stdout, stderr, .. } = self;
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{stdout}\nstderr:\n{stderr}"
        );
    }
}

impl Scenario {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self::bytes(name, text.as_bytes())
    }

    pub(crate) fn bytes(name: &str, bytes: &[u8]) -> Self {
        let path = place(&format!("{name}.yaml"));
        write(&path, bytes);
        Self {
            path: path.to_str().expect("the path is UTF-8").to_owned(),
        }
    }

    /// A folder with these files; gives its path.
    pub(crate) fn folder(name: &str, files: &[(&str, String)]) -> String {
        let folder = place(name);
        for (file, text) in files {
            write(&folder.join(file), text.as_bytes());
        }
        folder.to_str().expect("the path is UTF-8").to_owned()
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("cli")
        .join(name)
}

fn write(path: &Path, bytes: &[u8]) {
    let folder = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder).expect("the test's folder can be made");
    fs::write(path, bytes).expect("the test's file can be written");
}
