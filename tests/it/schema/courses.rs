//! Which rows of the course the shipped files cover, by their own word and by the index.

use std::collections::BTreeSet;

use super::{files, text_of};
use crate::loader::accepted;

/// The rows that a shipped file has to cover. A new lesson adds its row here.
const ROWS: [u32; 35] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 25, 26, 27,
    28, 29, 30, 31, 32, 33, 34, 35, 38,
];

/// Each shipped file by its name in the index, with the rows it covers.
fn covered() -> Vec<(String, Vec<String>)> {
    let files = files("scenarios", "yaml").into_iter().map(|path| {
        let name = path.file_stem().expect("a file has a name");
        let covers = accepted(&text_of(&path)).covers;
        (name.to_string_lossy().into_owned(), covers)
    });
    files.collect()
}

#[test]
fn every_row_of_the_course_that_is_taught_is_covered_by_a_file() {
    let covered: BTreeSet<String> = covered().into_iter().flat_map(|(_, rows)| rows).collect();
    let missing: Vec<u32> = ROWS
        .into_iter()
        .filter(|row| !covered.contains(&row.to_string()))
        .collect();
    assert!(
        missing.is_empty(),
        "no shipped file covers rows {missing:?}"
    );
}

#[test]
fn the_index_and_the_files_name_the_same_rows() {
    let index = include_str!("../../../scenarios/README.md");
    let mut wrong = Vec::new();
    for (name, covers) in covered() {
        let line = index
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        let line = line.unwrap_or_else(|| panic!("the index lists `{name}`"));
        let last = line
            .trim_end_matches(" |")
            .rsplit(" | ")
            .next()
            .unwrap_or_default();
        let words = last.split(|c: char| !c.is_ascii_digit());
        let rows: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        if rows != covers {
            wrong.push(format!(
                "{name}: write `covers: [{}]`, as in the index",
                rows.join(", ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
