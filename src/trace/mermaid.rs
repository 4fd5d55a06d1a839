//! Lines as a Mermaid sequence diagram, for pages and slides.
//!
//! Mermaid reads `;` as the end of a statement, `#` as the beginning of a character's number and a few
//! words (`end`) as its own: names and sentences are written so that none of that happens. Participants
//! have ids of their own (`n1`), so a name may be anything. A long course is cut, and the diagram says
//! so: browsers give up on large ones, and Mermaid itself above 50,000 characters.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::lanes::{Diagram, LONG};
use super::layout::Line;
use super::roster::Arrow;
use crate::base::NodeId;

/// So many lines are told.
pub const LINES_MAX: usize = 200;

/// And so many characters, well below what Mermaid reads.
const CHARACTERS_MAX: usize = 40_000;

/// The diagram as text that Mermaid reads, and how many lines did not go into it.
pub fn diagram(diagram: &Diagram<'_>) -> (String, usize) {
    let nodes = diagram.nodes();
    let ids: BTreeMap<NodeId, String> = (nodes.iter().zip(1..))
        .map(|(node, number)| (*node, format!("n{number}")))
        .collect();
    let mut text = "sequenceDiagram\n".to_owned();
    for node in &nodes {
        let name = escaped(diagram.cast.actor(*node));
        put(
            &mut text,
            format_args!("participant {} as {name}", ids[node]),
        );
    }
    let everybody = match (nodes.first(), nodes.last()) {
        (Some(first), Some(last)) => format!("{},{}", ids[first], ids[last]),
        _ => return (text, 0),
    };
    let mut told = 0;
    for (line, pause) in diagram.paced().take(LINES_MAX) {
        if CHARACTERS_MAX < text.len() {
            break;
        }
        if LONG <= pause {
            put(
                &mut text,
                format_args!("Note over {everybody}: {pause} later"),
            );
        }
        statement(&mut text, diagram, &ids, line);
        told += 1;
    }
    let left = diagram.lines.len() - told;
    if 0 < left {
        put(
            &mut text,
            format_args!("Note over {everybody}: {left} further lines are left out"),
        );
    }
    (text, left)
}

fn put(text: &mut String, statement: impl std::fmt::Display) {
    writeln!(text, "    {statement}").expect("a text takes in everything");
}

/// A message where the line is one and both its ends are known; a note otherwise.
fn statement(
    text: &mut String,
    diagram: &Diagram<'_>,
    ids: &BTreeMap<NodeId, String>,
    line: &Line,
) {
    let colon = if line.fault && !line.what.is_empty() {
        ":"
    } else {
        ""
    };
    let said = escaped(format!("{}{colon} {}", line.verb, line.what).trim_end());
    let own = &ids[&line.who];
    let at = line.at;
    match diagram.roster.arrow(diagram.cast, line) {
        Some(Arrow {
            from,
            to,
            answer,
            lost,
        }) => {
            let shaft = match (answer, lost) {
                (false, false) => "->>",
                (true, false) => "-->>",
                (false, true) => "-x",
                (true, true) => "--x",
            };
            let (from, to) = (&ids[&from], &ids[&to]);
            put(text, format_args!("{from}{shaft}{to}: {at} {said}"));
        }
        None => put(text, format_args!("Note over {own}: {at} {said}")),
    }
    if let Some(rule) = diagram.rules.get(&line.fact) {
        put(text, format_args!("Note over {own}: {}", escaped(rule)));
    }
}

/// The text without what Mermaid takes for its own: such characters by their number, and a letter of
/// its own words.
fn escaped(text: &str) -> String {
    let mut written = String::new();
    for word in text.split(' ') {
        if !written.is_empty() {
            written.push(' ');
        }
        let is_keyword = word.eq_ignore_ascii_case("end");
        for (index, c) in word.chars().enumerate() {
            let plain = c.is_alphanumeric() || " .,:!?()'/_@=+*-…".contains(c);
            if !plain || (is_keyword && index == 0) {
                write!(written, "#{};", u32::from(c)).expect("a text takes in everything");
            } else {
                written.push(c);
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mermaid_takes_for_its_own_is_written_by_number() {
        assert_eq!(
            escaped("sends shop#1..3 to orders"),
            "sends shop#35;1..3 to orders"
        );
        assert_eq!(
            escaped("a;b %% <br> \"x\""),
            "a#59;b #37;#37; #60;br#62; #34;x#34;"
        );
        assert_eq!(escaped("the end of it"), "the #101;nd of it");
        assert_eq!(escaped("line\nbreak"), "line#10;break");
    }
}
