//! Reading scenario files from disk, finding them in folders, and writing one that was asked for.
//!
//! The loader takes bytes; paths and sizes end here.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::write;
use crate::scenario::FILE_BYTES_MAX;

/// The largest file that is read at all.
const BYTES_MAX: u64 = FILE_BYTES_MAX as u64;

/// How deep folders are searched.
const DEPTH_MAX: usize = 16;

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// The path as it was given.
    pub(super) path: PathBuf,
    /// What is wrong with it, and what to do.
    pub(super) reason: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[file]: {}: {}", self.path.display(), self.reason)
    }
}

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let unreadable = |reason: String| Unreadable {
        path: path.to_owned(),
        reason,
    };
    let metadata = fs::metadata(path).map_err(|error| unreadable(plain(&error)))?;
    if metadata.is_dir() {
        let help = format!(
            "this is a folder; `kafkasim test {}` runs it",
            path.display()
        );
        return Err(unreadable(help));
    }
    let too_large = || unreadable(format!("larger than {} MiB", BYTES_MAX / 1024 / 1024));
    if BYTES_MAX < metadata.len() {
        return Err(too_large());
    }
    // A pipe or device says no length: the bound holds for what is read.
    let file = fs::File::open(path).map_err(|error| unreadable(plain(&error)))?;
    let mut bytes = Vec::new();
    let read = file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(plain(&error)))?;
    if BYTES_MAX < bytes.len() as u64 {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Writes a whole text to a file, or nothing: under another name first, which then takes its place.
pub(super) fn write(path: &Path, text: &str, overwrite: bool) -> Result<(), Unreadable> {
    let unwritable = |reason: String| Unreadable {
        path: path.to_owned(),
        reason,
    };
    if path.is_dir() {
        return Err(unwritable(
            "this is a folder, and a file is to be written".to_owned(),
        ));
    }
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(unwritable(
            "the file is there already; `--force` overwrites it".to_owned(),
        ));
    }
    if path.file_name().is_none() {
        return Err(unwritable("no name of a file".to_owned()));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(unwritable("no such folder".to_owned()));
    }
    write::file(path, text.as_bytes())
        .map_err(|error| unwritable(format!("cannot be written: {}", error.reason())))
}

/// The scenario files of several paths, in the order of the paths.
pub(super) fn all_scenarios(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Unreadable> {
    let mut found = Vec::new();
    for path in paths {
        found.extend(scenarios(path)?);
    }
    Ok(found)
}

/// The scenario files of a path: itself, or every `.yaml`, `.yml` and `.json` below it by name.
fn scenarios(path: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let mut found = Vec::new();
    collect(path, 0, &mut found)?;
    if found.is_empty() {
        return Err(Unreadable {
            path: path.to_owned(),
            reason: "no scenario file (*.yaml) in this folder".to_owned(),
        });
    }
    Ok(found)
}

fn collect(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Unreadable> {
    let unreadable = |reason: String| Unreadable {
        path: path.to_owned(),
        reason,
    };
    let metadata = fs::metadata(path).map_err(|error| unreadable(plain(&error)))?;
    if !metadata.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    if DEPTH_MAX < depth {
        return Err(unreadable(format!("folders are searched {DEPTH_MAX} deep")));
    }
    let entries = fs::read_dir(path).map_err(|error| unreadable(plain(&error)))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| unreadable(plain(&error)))?.path());
    }
    paths.sort();
    for path in paths {
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        if !is_hidden && (path.is_dir() || is_scenario(&path)) {
            collect(&path, depth + 1, found)?;
        }
    }
    Ok(())
}

fn is_scenario(path: &Path) -> bool {
    let extensions = ["yaml", "yml", "json"];
    extensions
        .iter()
        .any(|e| path.extension().is_some_and(|extension| extension == *e))
}

/// The system's reason without its number.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
