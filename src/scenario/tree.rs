//! A scenario file as a tree of values, each with its place in the text.
//!
//! The tree knows nothing of the grammar: it is what the reader produces, what overlays merge and
//! what the decoder takes apart. Order is kept, and so is how a scalar was written.

/// A stretch of the source text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The first byte.
    pub(crate) start: usize,
    /// The byte after the last.
    pub(crate) end: usize,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes: numbers and booleans are told from texts by their looks.
    Plain,
    /// In quotes or as a block: a text whatever it looks like.
    Text,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// The kinds of value a file is made of.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// The word `null`.
    Null,
    /// A number, boolean or text.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<Entry>),
}

/// A scalar as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) style: Style,
    /// A ` #7` that stands behind it on the line and reads as a comment: from the space on, and
    /// without the space.
    pub(crate) numbered_comment: Option<(Place, String)>,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Place {
    /// Whether `other` lies within this stretch.
    pub(crate) fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The part of this stretch that begins `offset` bytes in and is `length` bytes long.
    pub(crate) fn part(self, offset: usize, length: usize) -> Self {
        let start = (self.start + offset).min(self.end);
        Self {
            start,
            end: (start + length).min(self.end),
        }
    }
}

impl Node {
    /// The scalar, if it is one.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The text of a scalar, whatever its style.
    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    /// The entries, if it is a map.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            Value::Null | Value::Scalar(_) | Value::List(_) => None,
        }
    }

    /// The value under a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry under a key of a map.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// Whether this is the word `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What kind of value this is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Scalar(scalar) if scalar.is_number() || scalar.is_grouped_number() => "a number",
            Value::Scalar(scalar) if scalar.is_boolean() => "a boolean",
            Value::Scalar(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Whether two values say the same, wherever they stand.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Scalar(a), Value::Scalar(b)) => {
                let plain = |s: &Scalar| s.is_number() || s.is_boolean();
                a.text == b.text && plain(a) == plain(b)
            }
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_as(b))
            }
            (Value::Map(a), Value::Map(b)) => {
                let found = |e: &Entry| other.get(&e.key).is_some_and(|node| e.node.same_as(node));
                a.len() == b.len() && a.iter().all(found)
            }
            _ => false,
        }
    }
}

impl Scalar {
    /// Whether YAML reads this as an integer or a decimal number.
    pub(crate) fn is_number(&self) -> bool {
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let text = self.text.strip_prefix('-').unwrap_or(&self.text);
        self.style == Style::Plain
            && match text.split_once('.') {
                None => digits(text),
                Some((whole, fraction)) => digits(whole) && digits(fraction),
            }
    }

    /// Whether this is `10_000`: an integer to YAML 1.1, a text to YAML 1.2, a COUNT to us.
    pub(crate) fn is_grouped_number(&self) -> bool {
        self.style == Style::Plain
            && self.text.contains('_')
            && self.text.bytes().all(|b| b.is_ascii_digit() || b == b'_')
    }

    /// Whether YAML reads this as a boolean.
    pub(crate) fn is_boolean(&self) -> bool {
        self.style == Style::Plain && matches!(self.text.as_str(), "true" | "false")
    }
}
