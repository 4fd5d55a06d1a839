//! Where output goes: results to stdout, everything about them to stderr, colour on terminals only.
//!
//! A closed pipe is no error: whoever reads has read enough. What comes after is dropped.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};

use crate::report::text::COLUMNS;
use crate::report::{Text, Tone};

/// The two outputs of the program.
#[derive(Debug)]
pub(super) struct Printer {
    out: BufWriter<io::Stdout>,
    err: io::Stderr,
    colour_out: bool,
    colour_err: bool,
    /// The width of the terminal; that of a page where there is none.
    columns: usize,
    /// Nobody reads stdout any more.
    closed: bool,
    /// The first write that failed for another reason.
    failed: Option<io::Error>,
}

impl Printer {
    /// The program's own stdout and stderr.
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            out: BufWriter::new(io::stdout()),
            err: io::stderr(),
            colour_out: wanted && io::stdout().is_terminal(),
            colour_err: wanted && io::stderr().is_terminal(),
            columns: terminal_size::terminal_size_of(io::stdout())
                .map_or(COLUMNS, |(width, _)| width.0.into()),
            closed: false,
            failed: None,
        }
    }

    /// How many columns the terminal has that shows the result, if one does.
    pub(super) fn columns() -> Option<usize> {
        let size = terminal_size::terminal_size_of(io::stdout());
        size.map(|(width, _)| usize::from(width.0))
    }

    /// A line of the result.
    pub(super) fn line(&mut self, text: impl Display) {
        self.toned(Tone::Plain, text);
    }

    /// A line of the result that stands out.
    pub(super) fn toned(&mut self, tone: Tone, text: impl Display) {
        if self.closed {
            return;
        }
        let written = match (self.colour_out, code(tone)) {
            (true, Some(code)) => writeln!(self.out, "\u{1b}[{code}m{text}\u{1b}[0m"),
            _ => writeln!(self.out, "{text}"),
        };
        self.note(written);
    }

    /// Lines of the result.
    pub(super) fn text(&mut self, text: &Text) {
        for (tone, line) in text.lines(self.columns) {
            self.toned(tone, line);
        }
    }

    /// A remark about the result, for people only. It comes after the result so far.
    pub(super) fn remark(&mut self, tone: Tone, text: impl Display) {
        self.flush();
        // Nothing is left to tell anybody if stderr itself is gone.
        let _ = match (self.colour_err, code(tone)) {
            (true, Some(code)) => writeln!(self.err, "\u{1b}[{code}m{text}\u{1b}[0m"),
            _ => writeln!(self.err, "{text}"),
        };
    }

    /// Writes out what is buffered. Gives the first error other than a closed pipe.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.flush();
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Shows what is written so far: the next may take long.
    pub(super) fn flush(&mut self) {
        let flushed = self.out.flush();
        self.note(flushed);
    }

    fn note(&mut self, written: io::Result<()>) {
        let Err(error) = written else {
            return;
        };
        self.closed = true;
        if error.kind() != io::ErrorKind::BrokenPipe && self.failed.is_none() {
            self.failed = Some(error);
        }
    }
}

impl Default for Printer {
    fn default() -> Self {
        Self::new()
    }
}

/// The terminal's code (SGR) for a weight.
const fn code(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Strong => Some("1"),
        Tone::Good => Some("32"),
        Tone::Bad => Some("31"),
        Tone::Faint => Some("2"),
    }
}
