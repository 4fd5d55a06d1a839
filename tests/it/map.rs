//! `docs/ARCHITECTURE.md` and `docs/testing.md` name what is there.

use std::path::Path;

const MAP: &str = include_str!("../../docs/ARCHITECTURE.md");
const TESTING: &str = include_str!("../../docs/testing.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folders below `folder`, by path from the root.
fn walk(folder: &str, folders: &mut Vec<String>) {
    let entries = root()
        .join(folder)
        .read_dir()
        .expect("the folder can be read");
    for entry in entries {
        let path = entry.expect("a readable entry").path();
        let name = path
            .file_name()
            .expect("an entry has a name")
            .to_string_lossy();
        let below = format!("{folder}/{name}");
        if path.is_dir() {
            walk(&below, folders);
            folders.push(below);
        }
    }
}

/// The part of the map about one folder: from its heading to the next.
fn section(folder: &str) -> Option<&'static str> {
    let sections = MAP.split("\n### ").skip(1);
    let mut sections = sections.map(|text| text.split("\n## ").next().unwrap_or(text));
    sections.find(|section| {
        let heading = section.lines().next().unwrap_or("");
        heading.contains(&format!("`{folder}`"))
    })
}

#[test]
fn every_folder_of_the_source_is_on_the_map_with_files_that_are_there() {
    let mut folders = Vec::new();
    walk("src", &mut folders);
    folders.sort();
    let mut wrong = Vec::new();
    for folder in folders {
        let Some(section) = section(&folder) else {
            wrong.push(format!("{folder} is not on the map"));
            continue;
        };
        let quoted = section.split('`').skip(1).step_by(2);
        let files = quoted.filter(|word| {
            Path::new(word)
                .extension()
                .is_some_and(|ending| ending == "rs")
                && !word.contains('/')
        });
        let gone = files.filter(|file| !root().join(&folder).join(file).exists());
        wrong.extend(gone.map(|file| format!("{folder} has no {file}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_path_that_the_documents_name_is_there() {
    for text in [MAP, TESTING] {
        let quoted = text.split('`').skip(1).step_by(2);
        let named = quoted.filter(|word| {
            let starts = [
                "src/", "tests/", "docs/", "node/", "sim/", "kafka/", "engine/",
            ]
            .iter()
            .chain(&["verdict/", "trace/", "scenario/"])
            .any(|start| word.starts_with(start));
            starts && !word.contains(' ')
        });
        for path in named {
            let there = root().join(path).exists() || root().join("src").join(path).exists();
            assert!(there, "`{path}` is named and not there");
        }
    }
}
