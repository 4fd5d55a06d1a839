//! Text to tree: YAML 1.2 (or JSON), strictly.
//!
//! What makes a file mean different things to different readers is refused here: duplicate keys,
//! tags, anchors, aliases, merge keys, keys that are no texts, ambiguous scalars, forgotten values.
//! The parser is pulled event by event, so that the bounds hold before anything is built.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use super::diagnostic::{Kind, Problem, line_of};
use super::plain;
use super::tree::{Entry, Node, Place, Scalar, Style, Value};

/// The largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The deepest nesting of lists and maps, block and flow alike.
pub const DEPTH_MAX: usize = 64;
/// More mistakes than this are not collected: the file is something else.
const PROBLEMS_MAX: usize = 100;

/// A text that could be read, though perhaps not without mistakes.
pub(crate) struct Text<'s> {
    pub(crate) root: Node,
    pub(crate) source: &'s str,
    pub(crate) problems: Vec<Problem>,
}

/// Reads bytes as one document.
pub(crate) fn read(bytes: &[u8]) -> Result<Text<'_>, Vec<Problem>> {
    let at_start = |text: String| Problem::new(Kind::File, Place::default(), text);
    if FILE_BYTES_MAX < bytes.len() {
        let text = format!(
            "the file has {} bytes, more than the {FILE_BYTES_MAX} (8 MiB) that are read",
            bytes.len()
        );
        return Err(vec![at_start(text)]);
    }
    let source = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|&b| b == b'\n').count();
        let text = format!("the file is not UTF-8: line {line} holds a byte that no text has");
        vec![at_start(text)]
    })?;
    read_document(source)
}

/// Reads a text without mistakes as one document.
pub(crate) fn read_text(source: &str) -> Result<Node, Vec<Problem>> {
    let text = read_document(source)?;
    if text.problems.is_empty() {
        Ok(text.root)
    } else {
        Err(text.problems)
    }
}

fn read_document(source: &str) -> Result<Text<'_>, Vec<Problem>> {
    let mut reader = Reader::new(source);
    let root = reader.document();
    match root {
        Some(root) => Ok(Text {
            root,
            source,
            problems: reader.problems,
        }),
        None if reader.problems.is_empty() => {
            let problem = Problem::new(Kind::File, Place::default(), "the file is empty");
            Err(vec![problem.help("a scenario begins with `title:`")])
        }
        None => Err(reader.problems),
    }
}

struct Reader<'s> {
    source: &'s str,
    parser: Parser<'s, StrInput<'s>>,
    /// The byte at which each character begins; `None` for ASCII, where they coincide.
    bytes: Option<Vec<usize>>,
    /// How many bytes of a byte order mark the parser was not shown.
    skipped: usize,
    problems: Vec<Problem>,
}

/// A list or map that is being read.
enum Open {
    List(Place, Vec<Node>),
    Map(Place, Vec<Entry>, Option<(String, Place)>),
}

impl<'s> Reader<'s> {
    fn new(source: &'s str) -> Self {
        let text = source.strip_prefix('\u{feff}').unwrap_or(source);
        let bytes = (!text.is_ascii()).then(|| {
            let starts = text.char_indices().map(|(byte, _)| byte);
            starts.chain([text.len()]).collect()
        });
        Self {
            source,
            parser: Parser::new_from_str(text),
            bytes,
            skipped: source.len() - text.len(),
            problems: Vec::new(),
        }
    }

    /// The one document, or `None` when there is none or it cannot be read to its end.
    fn document(&mut self) -> Option<Node> {
        let mut open: Vec<Open> = Vec::new();
        let mut root = None;
        let mut documents = 0;
        loop {
            let (event, span) = match self.parser.next_event()? {
                Ok(next) => next,
                Err(error) => {
                    let problem = self.syntax(error.marker().index(), error.info());
                    self.problems.push(problem);
                    return None;
                }
            };
            let place = self.place(span.start.index(), span.end.index());
            if PROBLEMS_MAX <= self.problems.len() {
                return None;
            }
            let node = match event {
                Event::StreamEnd => return root,
                Event::DocumentStart(_) => {
                    documents += 1;
                    if 1 < documents {
                        self.several_documents(place);
                        return None;
                    }
                    continue;
                }
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => continue,
                Event::SequenceStart(anchor, tag) => {
                    self.no_anchor(anchor, tag.is_some(), place);
                    self.push(&mut open, Open::List(place, Vec::new()))?;
                    continue;
                }
                Event::MappingStart(anchor, tag) => {
                    self.no_anchor(anchor, tag.is_some(), place);
                    self.push(&mut open, Open::Map(place, Vec::new(), None))?;
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(open.pop(), place),
                Event::Alias(_) => {
                    self.yaml(place, "aliases (`*name`) are not part of the format");
                    Node {
                        place,
                        value: Value::Null,
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.no_anchor(anchor, tag.is_some(), place);
                    self.scalar(open.last(), text.into_owned(), style, place)
                }
            };
            self.add(&mut open, &mut root, node);
        }
    }

    fn push(&mut self, open: &mut Vec<Open>, new: Open) -> Option<()> {
        let (Open::List(place, _) | Open::Map(place, ..)) = &new;
        let place = *place;
        if let Some(Open::Map(_, _, None)) = open.last() {
            self.yaml(place, "a key must be a text, not a list or a map");
            return None;
        }
        if DEPTH_MAX <= open.len() {
            self.problems.push(too_deep(place));
            return None;
        }
        open.push(new);
        Some(())
    }

    fn close(&mut self, open: Option<Open>, end: Place) -> Node {
        match open.expect("every end event has its start event") {
            Open::List(start, items) => {
                let end = items.last().map_or(end.end, |n| n.place.end.max(end.end));
                let place = self.trimmed(Place {
                    start: start.start,
                    end,
                });
                Node {
                    place,
                    value: Value::List(items),
                }
            }
            Open::Map(start, entries, _) => {
                let end = entries
                    .last()
                    .map_or(end.end, |e| e.node.place.end.max(end.end));
                let place = self.trimmed(Place {
                    start: start.start,
                    end,
                });
                Node {
                    place,
                    value: Value::Map(entries),
                }
            }
        }
    }

    /// Puts a finished value where it belongs; in a map it is a key first, then a value.
    fn add(&mut self, open: &mut [Open], root: &mut Option<Node>, node: Node) {
        match open.last_mut() {
            None => *root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key @ None)) => {
                let Some(scalar) = node.scalar() else {
                    self.yaml(node.place, "a key must be a text");
                    *key = Some((String::new(), node.place));
                    return;
                };
                let text = scalar.text.clone();
                let again = entries.iter().find(|entry| entry.key == text);
                if let Some(first) = again {
                    let message = format!("`{text}` is given twice in this map");
                    let line = line_of(self.source, first.key_place.start);
                    let problem = Problem::new(Kind::Yaml, node.place, message);
                    self.problems
                        .push(problem.help(format!("first given at line {line}")));
                }
                *key = Some((text, node.place));
            }
            Some(Open::Map(_, entries, key)) => {
                let (key, key_place) = key.take().expect("the other arm takes maps without a key");
                entries.push(Entry {
                    key,
                    key_place,
                    node,
                });
            }
        }
    }

    fn scalar(
        &mut self,
        parent: Option<&Open>,
        text: String,
        style: ScalarStyle,
        place: Place,
    ) -> Node {
        let plain = style == ScalarStyle::Plain;
        let is_key = matches!(parent, Some(Open::Map(_, _, None)));
        let place = self.trimmed(place);
        // The parser gives a value that is not there as `~`, with the place of what comes next.
        if plain && text == "~" && !self.source[place.start..].starts_with('~') {
            self.forgotten(parent, place);
            return Node {
                place,
                value: Value::Null,
            };
        }
        if plain {
            self.check_plain(&text, place, is_key);
        }
        if plain && text == "null" && !is_key {
            return Node {
                place,
                value: Value::Null,
            };
        }
        let scalar = Scalar {
            numbered_comment: plain.then(|| self.numbered_comment(place)).flatten(),
            text,
            style: if plain { Style::Plain } else { Style::Text },
        };
        Node {
            place,
            value: Value::Scalar(scalar),
        }
    }

    fn check_plain(&mut self, text: &str, place: Place, is_key: bool) {
        if text == "<<" {
            self.yaml(place, "merge keys (`<<`) are not part of the format");
        } else if let Some(why) = plain::ambiguity(text) {
            let problem = Problem::new(Kind::Yaml, place, format!("`{text}` {why}"));
            let help = match text {
                "~" | "Null" | "NULL" => "write `null`".to_owned(),
                "True" | "TRUE" => "write `true`".to_owned(),
                "False" | "FALSE" => "write `false`".to_owned(),
                _ => format!("write `\"{text}\"`"),
            };
            self.problems.push(problem.help(help));
        } else if is_key {
            let scalar = Scalar {
                text: text.to_owned(),
                style: Style::Plain,
                numbered_comment: None,
            };
            if scalar.is_number() || scalar.is_boolean() || text == "null" {
                let text = format!("the key `{text}` is no text to YAML readers");
                let problem = Problem::new(Kind::Yaml, place, text);
                self.problems.push(problem.help("put it in quotes"));
            }
        }
    }

    /// A key or an item with nothing after it.
    fn forgotten(&mut self, parent: Option<&Open>, place: Place) {
        let problem = match parent {
            Some(Open::Map(_, _, Some((key, key_place)))) => match key.split_once(':') {
                Some((name, value)) if !value.is_empty() => one_word(name, value, *key_place),
                _ => {
                    let text = format!("nothing stands after `{key}:`");
                    let problem = Problem::new(Kind::Missing, *key_place, text);
                    problem.help("give it a value; nothing is written `null`")
                }
            },
            Some(Open::Map(_, _, None)) => {
                Problem::new(Kind::Yaml, place, "a value stands here without its key")
            }
            Some(Open::List(..)) => {
                let problem = Problem::new(Kind::Missing, place, "this item of the list is empty");
                problem.help("give it a value; nothing is written `null`")
            }
            None => Problem::new(Kind::File, place, "the file is empty")
                .help("a scenario begins with `title:`"),
        };
        self.problems.push(problem);
    }

    fn no_anchor(&mut self, anchor: usize, tag: bool, place: Place) {
        if anchor != 0 {
            self.yaml(place, "anchors (`&name`) are not part of the format");
        }
        if tag {
            self.yaml(place, "tags (`!name`) are not part of the format");
        }
    }

    fn several_documents(&mut self, place: Place) {
        let text = "the file holds more than one document: a scenario is one file";
        self.problems.push(Problem::new(Kind::Yaml, place, text));
    }

    fn yaml(&mut self, place: Place, text: &str) {
        self.problems.push(Problem::new(Kind::Yaml, place, text));
    }

    /// A syntax error. Two well-known slips end as one far from their place; they are looked for
    /// by hand.
    fn syntax(&self, index: usize, info: &str) -> Problem {
        let place = self.place(index, index + 1);
        let before = &self.source[..place.start.min(self.source.len())];
        let last_lines = before.rfind('\n').unwrap_or(0);
        let from = before[..last_lines].rfind('\n').map_or(0, |i| i + 1);
        if info.contains("recursion limit") {
            // The parser's own bound on brackets, met before ours where no key can tell them apart.
            return too_deep(place);
        }
        if let Some(problem) = self.commented_record() {
            return problem;
        }
        for (start, line) in lines_from(self.source, from).take(3) {
            let word = line.trim();
            if let Some((name, value)) = word.split_once(':')
                && is_word(name)
                && !value.is_empty()
                && !value.starts_with([' ', '/'])
                && !value.contains(' ')
            {
                let start = start + (line.len() - line.trim_start().len());
                let end = start + word.len();
                return one_word(name, value, Place { start, end });
            }
        }
        Problem::new(Kind::Yaml, place, format!("this is not YAML: {info}"))
    }

    /// The first ` #7` inside brackets, where it swallows the rest of the line.
    fn commented_record(&self) -> Option<Problem> {
        lines_from(self.source, 0).find_map(|(start, line)| {
            let (at, length) = find_numbered_comment(line)?;
            let before = &line[..at];
            let count = |c| before.matches(c).count();
            let inside = count('}') < count('{') || count(']') < count('[');
            let word = before
                .rsplit([' ', '[', '{', ','])
                .next()
                .unwrap_or_default();
            inside.then(|| {
                let place = Place {
                    start: start + at,
                    end: start + at + length,
                };
                space_before_number(word, line[at..at + length].trim(), place)
            })
        })
    }

    /// The ` #7` right behind a plain scalar.
    fn numbered_comment(&self, place: Place) -> Option<(Place, String)> {
        let rest = &self.source[place.end..];
        let line = rest.split('\n').next().unwrap_or_default();
        let (at, length) = find_numbered_comment(line)?;
        (at == 0).then(|| {
            let start = place.end;
            let end = start + length;
            (Place { start, end }, line[..length].trim().to_owned())
        })
    }

    fn place(&self, start: usize, end: usize) -> Place {
        let byte = |index: usize| match &self.bytes {
            None => index,
            Some(bytes) => bytes.get(index).copied().unwrap_or(self.source.len()),
        };
        let most = self.source.len();
        let start = (byte(start) + self.skipped).min(most);
        let end = (byte(end) + self.skipped).min(most).max(start);
        Place { start, end }
    }

    /// Without the blanks and comments the parser counts to the end of a block.
    fn trimmed(&self, place: Place) -> Place {
        let text = self.source[place.start..place.end].trim_end();
        Place {
            start: place.start,
            end: place.start + text.len(),
        }
    }
}

fn too_deep(place: Place) -> Problem {
    let text = format!("the file nests deeper than {DEPTH_MAX} levels");
    Problem::new(Kind::File, place, text)
}

/// The error of `lost:0`.
pub(crate) fn one_word(name: &str, value: &str, place: Place) -> Problem {
    let problem = Problem::new(Kind::Yaml, place, format!("`{name}:{value}` is one word"));
    problem.help(format!("a space after the colon: `{name}: {value}`"))
}

/// The error of `shop #7`.
pub(crate) fn space_before_number(word: &str, number: &str, place: Place) -> Problem {
    let text = format!("a space before `#` begins a comment: this reads `{word}`");
    Problem::new(Kind::Yaml, place, text).help(format!("write `{word}{number}`"))
}

/// Where ` #7` stands in a line, with its length, blanks before it included.
fn find_numbered_comment(line: &str) -> Option<(usize, usize)> {
    for (hash, _) in line.match_indices('#') {
        let before = &line[..hash];
        let word_end = before.trim_end_matches(' ').len();
        let digits = line[hash + 1..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let after = line[hash + 1 + digits..].chars().next();
        let ends = after.is_none_or(|c| matches!(c, ' ' | ',' | ']' | '}' | '\r' | '.'));
        if word_end < hash && 0 < digits && ends {
            return Some((word_end, hash + 1 + digits - word_end));
        }
    }
    None
}

fn lines_from(source: &str, from: usize) -> impl Iterator<Item = (usize, &str)> {
    source[from..]
        .split_inclusive('\n')
        .scan(from, |start, line| {
            let at = *start;
            *start += line.len();
            Some((at, line.trim_end_matches(['\n', '\r'])))
        })
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}
