//! Writing files: whole or not at all.
//!
//! A file is written beside its place under a temporary name and then renamed. Whatever goes wrong,
//! what stood there before still stands there.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a file or folder cannot be written.
#[derive(Debug)]
pub(super) struct Unwritable {
    path: PathBuf,
    reason: String,
}

impl Unwritable {
    /// Why, without the path.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    fn new(path: &Path, error: &io::Error) -> Self {
        Self {
            path: path.to_owned(),
            reason: plain(error),
        }
    }
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[output]: {}: {}", self.path.display(), self.reason)
    }
}

/// The system's reason without its number.
pub(super) fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "this is not a folder; --out names a folder".to_owned()
        }
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only".to_owned(),
        _ => error.to_string(),
    }
}

/// Makes the folder if it is not there, and those above it.
pub(super) fn folder(path: &Path) -> Result<(), Unwritable> {
    fs::create_dir_all(path).map_err(|error| match error.kind() {
        // The folders above it are made too, so one of them takes no folders.
        io::ErrorKind::NotFound => Unwritable {
            path: path.to_owned(),
            reason: "the folder cannot be made here".to_owned(),
        },
        _ => Unwritable::new(path, &error),
    })
}

/// Writes a file into a folder that is there.
pub(super) fn file(path: &Path, bytes: &[u8]) -> Result<(), Unwritable> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.part", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = write_through(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // What cannot be written often cannot be removed either; the first reason is the one.
        let _ = fs::remove_file(&temporary);
        Unwritable::new(path, &error)
    })
}

/// Writes everything, and learns now rather than later that the disk is full.
fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_what_was_there() {
        let folder = std::env::temp_dir().join(format!("kafkasim-write-{}", std::process::id()));
        fs::create_dir_all(folder.join("taken")).expect("the test's folder can be made");
        file(&folder.join("kept"), b"old").expect("a file can be written");
        // A folder stands where the file is to go: the rename fails.
        assert!(file(&folder.join("taken"), b"new").is_err());
        let left = fs::read_dir(&folder).expect("the folder can be listed");
        let names: Vec<_> = left
            .map(|entry| entry.expect("an entry can be read").file_name())
            .collect();
        assert_eq!(names.len(), 2, "no temporary file is left: {names:?}");
        assert_eq!(fs::read(folder.join("kept")).expect("it is there"), b"old");
        fs::remove_dir_all(folder).expect("the test's folder can be removed");
    }
}
