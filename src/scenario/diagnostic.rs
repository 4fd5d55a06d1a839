//! What is wrong with a file, where, and what to do about it.
//!
//! Inside the loader a mistake is a [`Problem`] with places in bytes; outside it is a
//! [`Diagnostic`], which carries its lines along and can be printed without the file at hand.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::tree::Place;

/// The kinds of mistake, printed in `error[KIND]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The file cannot be read at all: too large, too deep, not UTF-8, empty.
    File,
    /// Not the YAML we take: syntax, duplicate keys, tags, anchors, ambiguous scalars.
    Yaml,
    /// A key that is not in the grammar.
    UnknownKey,
    /// A required key is missing, or nothing follows it.
    Missing,
    /// A value of the wrong kind or out of its bounds.
    Value,
    /// Two things that cannot stand together.
    Conflict,
    /// A name that nobody bears, or that two bear.
    Name,
    /// A record that will never be sent.
    Record,
    /// A step that the loop lacks, or one out of place.
    Step,
    /// A fault that cannot strike, or has no end.
    Fault,
    /// A Kafka setting that Kafka, or the model, does not take.
    Setting,
    /// An overlay that does not do what it says.
    Overlay,
    /// A statement in `expect` or `must-happen` that cannot be judged.
    Expect,
    /// A word of the grammar that is not built.
    NotYet,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file runs; something in it has no effect here.
    Warning,
}

/// One mistake with its place in the source, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) place: Place,
    pub(crate) severity: Severity,
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) help: Option<String>,
    pub(crate) also: Vec<Place>,
}

/// One mistake in a file, ready to print: `Display` gives the form of the manual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The kind of mistake.
    pub kind: Kind,
    /// The thing first, the rule second.
    pub text: String,
    /// The file's name as it was given.
    pub file: Arc<str>,
    /// The culprit, and other places that belong to it.
    pub snippets: Vec<Snippet>,
    /// What to write instead.
    pub help: Option<String>,
}

/// A line of the file with a stretch of it marked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snippet {
    /// The line, from 1.
    pub line: usize,
    /// The first marked column, in characters from 1.
    pub column: usize,
    /// How many characters are marked.
    pub width: usize,
    /// How many characters of `source` stand before the marked ones: fewer than `column` says when
    /// the left of a very long line is left out.
    pub indent: usize,
    /// The line as it stands, tabs as spaces.
    pub source: String,
}

impl Kind {
    /// The word in the brackets.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Yaml => "yaml",
            Self::UnknownKey => "unknown-key",
            Self::Missing => "missing",
            Self::Value => "value",
            Self::Conflict => "conflict",
            Self::Name => "name",
            Self::Record => "record",
            Self::Step => "step",
            Self::Fault => "fault",
            Self::Setting => "setting",
            Self::Overlay => "overlay",
            Self::Expect => "expect",
            Self::NotYet => "not-yet",
        }
    }
}

impl Problem {
    /// An error at a place.
    pub(crate) fn new(kind: Kind, place: Place, text: impl Into<String>) -> Self {
        Self {
            place,
            severity: Severity::Error,
            kind,
            text: text.into(),
            help: None,
            also: Vec::new(),
        }
    }

    /// The same as a warning.
    pub(crate) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// With advice.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With advice, where there is some.
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// With a second culprit.
    pub(crate) fn also(mut self, place: Place) -> Self {
        self.also.push(place);
        self
    }

    /// The mistake with its lines, for readers outside the loader.
    pub(crate) fn located(&self, file: &Arc<str>, source: &str) -> Diagnostic {
        let places = std::iter::once(self.place).chain(self.also.iter().copied());
        Diagnostic {
            severity: self.severity,
            kind: self.kind,
            text: self.text.clone(),
            file: file.clone(),
            snippets: places.map(|place| snippet(source, place)).collect(),
            help: self.help.clone(),
        }
    }
}

/// The line, from 1, on which a byte stands.
pub(crate) fn line_of(source: &str, byte: usize) -> usize {
    let byte = byte.min(source.len());
    source[..floor_boundary(source, byte)].matches('\n').count() + 1
}

/// The first line of a place, with as much of the place as lies on it.
fn snippet(source: &str, place: Place) -> Snippet {
    // Longer lines than this are generated, and their middle helps nobody.
    const WIDTH_MAX: usize = 160;
    let start = floor_boundary(source, place.start);
    let end = floor_boundary(source, place.end.max(start));
    let line_start = source[..start].rfind('\n').map_or(0, |i| i + 1);
    let line_end = source[start..]
        .find('\n')
        .map_or(source.len(), |i| start + i);
    let line = source[line_start..line_end].trim_end_matches('\r');
    let column = source[line_start..start].chars().count();
    let marked = source[start..end.min(line_end).max(start)].trim_end();
    let width = marked.chars().count().max(1);
    let cut = column.saturating_sub(WIDTH_MAX / 2);
    let cut = if line.chars().count() <= WIDTH_MAX {
        0
    } else {
        cut
    };
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    Snippet {
        line: line_of(source, start),
        column: column + 1,
        width: width.min(WIDTH_MAX),
        indent: column - cut,
        source: line.chars().skip(cut).take(WIDTH_MAX).map(clean).collect(),
    }
}

fn floor_boundary(source: &str, byte: usize) -> usize {
    let mut byte = byte.min(source.len());
    while !source.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}[{}]: {}", self.kind.word(), self.text)?;
        let last = self.snippets.iter().map(|s| s.line).max().unwrap_or(1);
        let gutter = last.to_string().len();
        if let Some(first) = self.snippets.first() {
            let (line, column) = (first.line, first.column);
            writeln!(f, "{:gutter$}--> {}:{line}:{column}", "", self.file)?;
            writeln!(f, "{:gutter$} |", "")?;
        }
        let mut rest = self.snippets.as_slice();
        while let Some(first) = rest.first() {
            let same = rest
                .iter()
                .take_while(|s| s.line == first.line && s.source == first.source);
            let (line, others) = rest.split_at(same.count());
            rest = others;
            if first.source.trim().is_empty() {
                continue;
            }
            writeln!(f, "{:>gutter$} | {}", first.line, first.source)?;
            writeln!(f, "{:gutter$} | {}", "", marks(line))?;
        }
        match &self.help {
            Some(help) => writeln!(f, "{:gutter$} help: {help}", ""),
            None => Ok(()),
        }
    }
}

/// The marks under one line.
fn marks(snippets: &[Snippet]) -> String {
    let mut marks = String::new();
    for snippet in snippets {
        let from = marks.chars().count();
        for column in from..snippet.indent + snippet.width {
            marks.push(if snippet.indent <= column { '^' } else { ' ' });
        }
    }
    marks
}
