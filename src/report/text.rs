//! Lines of a report, each with the weight it carries, and the wrapping of long ones.

use std::fmt;

/// The widest line.
pub const COLUMNS: usize = 80;

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

/// Lines of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    lines: Vec<(Tone, String)>,
}

impl Text {
    /// Adds a line as it is.
    pub fn line(&mut self, tone: Tone, line: impl Into<String>) {
        let line = line.into();
        assert!(!line.contains('\n'), "a line is one line");
        self.lines.push((tone, line.trim_end().to_owned()));
    }

    /// Adds an empty line, never two in a row and never the first.
    pub fn gap(&mut self) {
        if self.lines.last().is_some_and(|(_, line)| !line.is_empty()) {
            self.lines.push((Tone::Plain, String::new()));
        }
    }

    /// Adds words, broken at spaces so that lines stay short; every line is indented.
    pub fn wrapped(&mut self, tone: Tone, indent: usize, words: &str) {
        self.hanging(tone, indent, indent, words);
    }

    /// Adds words as [`Text::wrapped`] does; lines after the first are indented by `further`.
    pub fn hanging(&mut self, tone: Tone, indent: usize, further: usize, words: &str) {
        let mut line = " ".repeat(indent);
        let mut is_empty = true;
        for word in words.split_whitespace() {
            let width = line.chars().count() + usize::from(!is_empty) + word.chars().count();
            if !is_empty && COLUMNS < width {
                self.line(tone, std::mem::replace(&mut line, " ".repeat(further)));
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
        if !is_empty {
            self.line(tone, line);
        }
    }

    /// Adds the lines of another text.
    pub fn append(&mut self, other: Self) {
        self.lines.extend(other.lines);
    }

    /// The lines with their weight.
    pub fn lines(&self) -> impl Iterator<Item = (Tone, &str)> {
        self.lines.iter().map(|(tone, line)| (*tone, line.as_str()))
    }
}

impl fmt::Display for Text {
    /// The lines without any colour, each with its line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines
            .iter()
            .try_for_each(|(_, line)| writeln!(f, "{line}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_at_words_and_hang() {
        let mut text = Text::default();
        let words = "word ".repeat(30);
        text.hanging(Tone::Plain, 2, 6, &words);
        let lines: Vec<&str> = text.lines().map(|(_, line)| line).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("  word") && lines[1].starts_with("      word"));
        assert!(lines.iter().all(|line| line.len() <= COLUMNS));
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
    fn digits_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234), "1 234");
        assert_eq!(grouped(1_234_567), "1 234 567");
        assert_eq!(counted(1, "record", "records"), "1 record");
    }
}
