//! Broken files: never a panic, always a scenario or a diagnostic.

use proptest::prelude::*;

use super::examples::examples;
use super::load_text;

/// Words and signs that change what a file means.
const PIECES: [&str; 28] = [
    ":", " ", "\n", "  ", "{", "}", "[", "]", "#", "\"", "'", ",", "-", "&a ", "*a", "!t ", "null",
    "~", "<<: ", "é", "\u{feff}", "\t", "\r\n", "0", "..", "| ", "? ", "@",
];

fn mutate(text: &str, edits: &[(usize, usize, usize)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, remove, piece) in edits {
        let at = at % (chars.len() + 1);
        let end = (at + remove % 6).min(chars.len());
        chars.splice(at..end, PIECES[piece % PIECES.len()].chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_mutated_file_gives_a_scenario_or_diagnostics(
        example in 0..15_usize,
        edits in prop::collection::vec((any::<usize>(), any::<usize>(), any::<usize>()), 1..6),
    ) {
        let (_, text) = examples().nth(example).expect("there are fifteen");
        match load_text(&mutate(text, &edits)) {
            Ok(loaded) => prop_assert!(!loaded.runs.is_empty()),
            Err(diagnostics) => {
                prop_assert!(!diagnostics.is_empty());
                for diagnostic in diagnostics {
                    prop_assert!(diagnostic.to_string().contains("error["));
                }
            }
        }
    }
}
