//! Lines of a report, each with the weight it carries, laid out for a width when they are printed.
//!
//! A text remembers words and tables, not lines: the same report fits a slide, a page and a terminal
//! of 40 columns. What must be copied whole, such as a command, is a line as it is and never broken.

use std::fmt;

use super::table::Table;
use crate::base::Span;

/// The widest line, and the width of everything that is not printed on a terminal.
pub const COLUMNS: usize = 80;

/// A space at which no line is broken; printed as a plain one.
pub const KEPT_TOGETHER: char = '\u{a0}';

/// Below this width words are no longer kept together.
const NARROWEST: usize = 20;

/// How a line is to stand out, where colour is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Not at all.
    Plain,
    /// A heading.
    Strong,
    /// As expected.
    Good,
    /// Not as expected, or an anomaly.
    Bad,
    /// Of lesser weight.
    Faint,
}

/// A report: lines that are not laid out yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    blocks: Vec<Block>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Gap,
    Line(Tone, String),
    Words(Words),
    Table(usize, Table),
}

/// Words that are broken at spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Words {
    tone: Tone,
    /// What stands before the first word, from column 0.
    label: String,
    /// Where the first line's words begin.
    indent: usize,
    /// Where those of the other lines begin.
    further: usize,
    what: String,
}

impl Text {
    /// Adds a line as it is.
    pub fn line(&mut self, tone: Tone, line: impl Into<String>) {
        let line = line.into();
        assert!(!line.contains('\n'), "a line is one line");
        let line = line.trim_end().to_owned();
        self.blocks.push(if line.is_empty() {
            Block::Gap
        } else {
            Block::Line(tone, line)
        });
    }

    /// Adds an empty line, never two in a row and never the first.
    pub fn gap(&mut self) {
        if self.blocks.last().is_some_and(|last| *last != Block::Gap) {
            self.blocks.push(Block::Gap);
        }
    }

    /// Adds words, broken at spaces so that lines stay short; every line is indented.
    pub fn wrapped(&mut self, tone: Tone, indent: usize, words: &str) {
        self.hanging(tone, indent, indent, words);
    }

    /// Adds words as [`Text::wrapped`] does; lines after the first are indented by `further`.
    pub fn hanging(&mut self, tone: Tone, indent: usize, further: usize, words: &str) {
        self.words(Words {
            tone,
            label: String::new(),
            indent,
            further,
            what: words.to_owned(),
        });
    }

    /// Adds words that begin at a column, with a label before the first of them.
    pub fn labelled(&mut self, tone: Tone, label: impl Into<String>, column: usize, words: &str) {
        self.words(Words {
            tone,
            label: label.into(),
            indent: column,
            further: column,
            what: words.to_owned(),
        });
    }

    fn words(&mut self, words: Words) {
        if !words.what.trim().is_empty() {
            self.blocks.push(Block::Words(words));
        }
    }

    /// Adds a table, indented.
    pub fn table(&mut self, indent: usize, table: Table) {
        self.blocks.push(Block::Table(indent, table));
    }

    /// Adds the blocks of another text.
    pub fn append(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
    }

    /// The lines with their weight, for so many columns.
    pub fn lines(&self, columns: usize) -> Vec<(Tone, String)> {
        let columns = columns.clamp(NARROWEST, COLUMNS);
        let mut lines = Vec::new();
        for block in &self.blocks {
            match block {
                Block::Gap => lines.push((Tone::Plain, String::new())),
                Block::Line(tone, line) => lines.push((*tone, line.clone())),
                Block::Words(words) => words.lay_out(columns, &mut lines),
                Block::Table(indent, table) => lines.extend(table.lines(*indent, columns)),
            }
        }
        lines
    }
}

impl Words {
    fn lay_out(&self, columns: usize, lines: &mut Vec<(Tone, String)>) {
        // On a narrow page the words need the room more than the margin does.
        let most = columns / 3;
        let (indent, further) = (self.indent.min(most), self.further.min(most));
        let mut line = format!("{:<indent$}", self.label);
        let mut is_empty = true;
        for word in self.what.split_ascii_whitespace() {
            let word = word.replace(KEPT_TOGETHER, " ");
            let width = line.chars().count() + usize::from(!is_empty) + word.chars().count();
            if !is_empty && columns < width {
                lines.push((self.tone, std::mem::replace(&mut line, " ".repeat(further))));
                is_empty = true;
            }
            if !is_empty || !(line.is_empty() || line.ends_with(' ')) {
                line.push(' ');
            }
            line.push_str(&word);
            is_empty = false;
        }
        lines.push((self.tone, line));
    }
}

impl fmt::Display for Text {
    /// The lines at their widest without any colour, each with its line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines(COLUMNS);
        lines.iter().try_for_each(|(_, line)| writeln!(f, "{line}"))
    }
}

/// A number with its noun: `1 record`, `4 records`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A number with its digits in groups of three: `12 345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A duration as a table shows it, rounded to at most three digits after the point: `13.4ms`,
/// `60.929s`.
pub fn brief(span: Span) -> String {
    let (unit, word) = match span.0 {
        0..1_000 => return format!("{}ns", span.0),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let thousandths = (u128::from(span.0) * 1_000 + unit / 2) / unit;
    let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    format!("{}{word}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_at_words_and_hang() {
        let mut text = Text::default();
        let words = "word ".repeat(30);
        text.hanging(Tone::Plain, 2, 6, &words);
        let lines = text.lines(COLUMNS);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].1.starts_with("  word") && lines[1].1.starts_with("      word"));
        assert!(lines.iter().all(|(_, line)| line.len() <= COLUMNS));
    }

    #[test]
    fn the_same_text_fits_a_narrow_page_and_keeps_its_labels() {
        let mut text = Text::default();
        text.labelled(Tone::Bad, "  FAILED", 10, &"word ".repeat(20));
        text.labelled(
            Tone::Plain,
            "     12.34567s",
            14,
            "an instant longer than the margin",
        );
        for columns in [80, 40] {
            let lines = text.lines(columns);
            assert!(lines[0].1.starts_with("  FAILED  word"), "{}", lines[0].1);
            assert!(lines.iter().all(|(_, line)| line.len() <= columns));
        }
        let narrow = text.lines(40);
        assert!(
            narrow
                .iter()
                .any(|(_, line)| line.starts_with("     12.34567s an instant"))
        );
    }

    #[test]
    fn what_is_kept_together_is_not_broken() {
        let mut text = Text::default();
        let together = format!("100.0{KEPT_TOGETHER}%");
        text.wrapped(Tone::Plain, 0, &format!("{} {together}", "x".repeat(14)));
        let lines = text.lines(20);
        assert_eq!(lines[1].1, "100.0 %");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn gaps_are_single() {
        let mut text = Text::default();
        text.gap();
        text.line(Tone::Plain, "a");
        text.gap();
        text.gap();
        text.line(Tone::Plain, "b");
        assert_eq!(text.to_string(), "a\n\nb\n");
    }

    #[test]
    fn durations_are_short() {
        let shown = [
            0,
            999,
            9_200_000,
            13_400_500,
            60_928_800_000,
            20_000_000_000,
        ];
        let shown = shown.map(|nanoseconds| brief(Span(nanoseconds)));
        assert_eq!(
            shown,
            ["0ns", "999ns", "9.2ms", "13.401ms", "60.929s", "20s"]
        );
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234), "1 234");
        assert_eq!(grouped(1_234_567), "1 234 567");
        assert_eq!(counted(1, "record", "records"), "1 record");
    }
}
