//! `docs/fidelity.md` says what the code says: its generated parts are compared with the tables they
//! are generated from.
//!
//! The list of words that are not built is private to the loader, so its source is read here.

use std::fmt::Write as _;

use kafkasim::kafka::client::ClientFamily;
use kafkasim::kafka::config::catalogue::{self, Role, Status};

const DOCUMENT: &str = include_str!("../../docs/fidelity.md");
const NOT_YET: &str = include_str!("../../src/scenario/not_yet.rs");

/// The text between the two marks of a generated part.
fn part(name: &str) -> &'static str {
    let (begin, end) = (
        format!("<!-- {name}: begin -->\n"),
        format!("<!-- {name}: end -->"),
    );
    let (_, rest) = DOCUMENT
        .split_once(&begin)
        .expect("the part begins with its mark");
    let (part, _) = rest.split_once(&end).expect("the part ends with its mark");
    part
}

/// The places of the grammar with the words that are not built, as the source lists them.
fn not_yet() -> Vec<(String, Vec<String>)> {
    let (_, rest) = NOT_YET
        .split_once("NOT_YET: &[(Area, &[&str])] = &[")
        .expect("the list begins");
    let (list, _) = rest.split_once("\n];").expect("the list ends");
    let entries = list.split("Area::").skip(1).map(|entry| {
        let (area, words) = entry.split_once(',').expect("an area, then its words");
        let words = words.split('"').skip(1).step_by(2).map(str::to_owned);
        (area.to_owned(), words.collect())
    });
    entries.collect()
}

#[test]
fn every_word_that_is_not_built_stands_in_the_document_and_no_other() {
    let entries = not_yet();
    assert!(entries.len() > 10, "the list was read");
    let mut table = String::from("| place | words |\n|---|---|\n");
    for (area, words) in entries {
        assert!(!words.is_empty(), "{area} has words");
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        writeln!(table, "| `{area}` | {} |", words.join(", ")).expect("a text takes a line");
    }
    assert_eq!(
        part("not-yet"),
        table,
        "the part is to be replaced by:\n{table}"
    );
}

#[test]
fn every_count_of_settings_is_true() {
    let mut table =
        String::from("| settings of | modelled | harmless | refused |\n|---|---|---|---|\n");
    for (name, family, role) in [
        ("the Java producer", ClientFamily::Java, Role::Producer),
        ("the Java consumer", ClientFamily::Java, Role::Consumer),
        ("topics", ClientFamily::Java, Role::Topic),
        ("brokers", ClientFamily::Java, Role::Broker),
        ("groups, on their brokers", ClientFamily::Java, Role::Group),
        (
            "the librdkafka producer",
            ClientFamily::Librdkafka,
            Role::Producer,
        ),
        (
            "the librdkafka consumer",
            ClientFamily::Librdkafka,
            Role::Consumer,
        ),
    ] {
        let count = |status| {
            let settings = catalogue::settings(family, role);
            settings.filter(|setting| setting.status == status).count()
        };
        let [modelled, harmless, refused] =
            [Status::Modelled, Status::Harmless, Status::Refused].map(count);
        writeln!(table, "| {name} | {modelled} | {harmless} | {refused} |")
            .expect("a text takes a line");
    }
    assert_eq!(
        part("settings"),
        table,
        "the part is to be replaced by:\n{table}"
    );
}
