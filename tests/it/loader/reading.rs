//! The bounds of a file, and what of YAML is taken.

use kafkasim::scenario::{FILE_BYTES_MAX, Options, load};

use super::{BASE, accepted, load_text, refused};

fn bytes(bytes: &[u8]) -> String {
    let no_file = |_: &str| Err("no such file".to_owned());
    let refused = load(bytes, "shop.yaml", &no_file, &Options::default());
    let diagnostics = refused.expect_err("such a file is refused");
    diagnostics.iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let text = bytes(&vec![b' '; FILE_BYTES_MAX + 1]);
    assert!(
        text.starts_with("error[file]: the file has 8388609 bytes"),
        "{text}"
    );
}

#[test]
fn a_file_that_is_no_text_or_empty_is_refused() {
    assert!(bytes(b"title: \xff").contains("not UTF-8: line 1"));
    for text in ["", "\n\n", "# only a comment\n", "---\n"] {
        assert!(
            bytes(text.as_bytes()).contains("the file is empty"),
            "{text:?}"
        );
    }
    assert!(refused("[1, 2]").contains("a scenario is a map"));
    assert!(refused("just a text").contains("a scenario is a map"));
}

#[test]
fn nesting_of_both_kinds_is_bounded() {
    let flow = format!("title: {}", "[".repeat(100_000));
    assert!(refused(&flow).contains("nests deeper than 64 levels"));
    let lines: Vec<String> = (0..100).map(|n| format!("{}a:", " ".repeat(n))).collect();
    let block = lines.join("\n");
    assert!(refused(&block).contains("nests deeper than 64 levels"));
    let lists = format!("title:\n{} x", "- ".repeat(50_000));
    assert!(refused(&lists).contains("nests deeper than 64 levels"));
}

#[test]
fn what_makes_files_mean_different_things_is_refused() {
    let cases = [
        (
            "title: &a x\n",
            "anchors (`&name`) are not part of the format",
        ),
        (
            "title: !str x\n",
            "tags (`!name`) are not part of the format",
        ),
        ("title: x\ntopics: { <<: { a: {} } }\n", "merge keys (`<<`)"),
        ("title: x\n---\ntitle: y\n", "more than one document"),
        ("title: x\n? [a, b]\n: 1\n", "a key must be a text"),
        ("title: x\n1: y\n", "the key `1` is no text"),
        ("title: x\ntopics:\n", "nothing stands after `topics:`"),
        (
            "title: x\ntopics: ~\n",
            "`~` is nothing to some YAML readers",
        ),
        (
            "title: x\nseed: 0777\n",
            "`0777` is read as different numbers",
        ),
        ("title: 2026-01-01\n", "`2026-01-01` is a date to some"),
        ("title: 12:30:00\n", "`12:30:00` is a number to base 60"),
        ("on: x\n", "`on` is a boolean to some YAML readers"),
        ("title: x\nabout: *a\n", "this is not YAML"),
        ("title: 123\n", "a text is due here, and `123` is a number"),
        ("title: 10_000\n", "a text is due here"),
    ];
    for (text, expected) in cases {
        let printed = refused(text);
        assert!(printed.contains(expected), "{text}\n{printed}");
    }
}

#[test]
fn places_count_characters_and_survive_marks_and_line_ends() {
    let text = BASE
        .replace("shop:", "shöp: # ünï\r\n  ")
        .replace("shöp", "\"shöp\"");
    assert!(refused(&text).contains("`shöp` is no name"));
    let marked = format!("\u{feff}{}", BASE.replace("records: 30", "records: é30"));
    let printed = refused(&marked);
    assert!(printed.contains("shop.yaml:3:46"), "{printed}");
    let windows = BASE
        .replace('\n', "\r\n")
        .replace("records: 30", "records: x");
    assert!(refused(&windows).contains("shop.yaml:3:46"));
}

#[test]
fn json_is_read_as_well() {
    let json = r#"{"title": "x", "topics": {"orders": {}},
        "producers": {"shop": {"topic": "orders", "records": 3}}}"#;
    assert_eq!(
        accepted(json)
            .producers
            .get("shop")
            .map(|p| p.records.count()),
        Some(3)
    );
    assert!(load_text(&json.replace("orders\"}", "order\"}")).is_ok());
}
