//! Source files as the checks see them: the text, and the text with comments and literals blanked.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository.
pub(crate) struct Source {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// As it stands.
    pub(crate) text: String,
    /// Comments, strings and characters replaced by spaces: what is left is code.
    pub(crate) code: String,
    /// The first byte of every line of code.
    pub(crate) starts: Vec<usize>,
}

impl Source {
    pub(crate) fn new(path: String, text: String) -> Self {
        let code = blanked(&text);
        let breaks = code.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            path,
            starts: std::iter::once(0).chain(breaks).collect(),
            code,
            text,
        }
    }

    /// The lines of code with their numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code
            .lines()
            .zip(1..)
            .map(|(line, number)| (number, line))
    }

    /// Whether the file as a whole is compiled for tests only.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs")
            || self.path.ends_with("/example.rs")
            || self.path.contains("/tests/")
    }

    /// The number of the line, from 1, on which a byte of the code stands.
    pub(crate) fn line_at(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte)
    }

    /// The lines of code before the unit tests at the bottom; none in a file of tests.
    pub(crate) fn lines_of_program(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests_at = self
            .code
            .find("#[cfg(test)]\nmod tests {")
            .unwrap_or(self.code.len());
        let end = if self.is_test() { 0 } else { tests_at };
        let last = self.code[..end].lines().count();
        self.lines().take_while(move |(number, _)| *number <= last)
    }
}

/// Every file below `folder` whose name ends so, in order of their paths.
pub(crate) fn files(folder: &str, extensions: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder can be listed");
            open.extend(entries.map(|entry| entry.expect("an entry can be read").path()));
        } else if extensions
            .iter()
            .any(|e| path.extension().is_some_and(|x| x == *e))
        {
            found.push(path);
        }
    }
    found.sort();
    found.iter().map(|path| read(root, path)).collect()
}

fn read(root: &Path, path: &PathBuf) -> Source {
    let text = fs::read_to_string(path).expect("a source file is UTF-8");
    let path = path.strip_prefix(root).expect("the file is below the root");
    Source::new(path.to_string_lossy().replace('\\', "/"), text)
}

/// The text with everything that is no code replaced by spaces; line breaks stay.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skip = literal_or_comment(rest, code.chars().next_back());
        if skip == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let blank = rest[..skip]
                .chars()
                .map(|c| if c == '\n' { '\n' } else { ' ' });
            code.extend(blank);
            rest = &rest[skip..];
        }
    }
    code
}

/// The length of the comment or literal that begins here; 0 if none does.
fn literal_or_comment(rest: &str, before: Option<char>) -> usize {
    // Most characters begin nothing.
    if !rest.starts_with(['/', '"', '\'', 'r']) {
        return 0;
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        rest.find("*/").map_or(rest.len(), |end| end + 2)
    } else if rest.starts_with('"') {
        quoted(rest, '"')
    } else if rest.starts_with('\'') {
        character(rest)
    } else if rest.starts_with('r') && !in_word {
        raw(rest)
    } else {
        0
    }
}

/// A string or character up to its closing quote.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted(rest, '\''),
        _ => 0,
    }
}

/// A raw string `r#"…"#`; 0 for a word that begins with r.
fn raw(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|&c| c == '#').count();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let body = 2 + hashes;
    rest[body..]
        .find(&close)
        .map_or(rest.len(), |end| body + end + close.len())
}

/// Whether `word` stands in `line` as a word of its own (or path, or macro).
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let open_end = word.ends_with(|c: char| !c.is_alphanumeric());
        let open_start = word.starts_with(|c: char| !c.is_alphanumeric());
        (open_start || !is_part(before)) && (open_end || !is_part(after))
    })
}

#[test]
fn literals_and_comments_are_blanked_and_lines_stay() {
    let text = "let a = \"x } \\\" y\"; // {\nlet b = '{'; fn f<'a>() {} r#\"}\n\"#;";
    let code = blanked(text);
    assert_eq!(code.lines().count(), 3);
    assert_eq!(code.matches('{').count(), 1, "{code}");
    assert_eq!(code.matches('}').count(), 1, "{code}");
    assert!(code.contains("fn f<'a>()"));
}
