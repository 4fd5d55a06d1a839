//! Where each Kafka setting of a run comes from, told in comments of the printed form.
//!
//! Origins stand beside the scenario, not in it: a printed form that is loaded again is a file like
//! any other, and all its settings come from there.

use std::collections::BTreeMap;
use std::fmt;

use super::diagnostic::line_of;
use super::load::Run;
use super::reader;
use super::tree::{Entry, Node};
use crate::kafka::client::ClientFamily;

/// The widest line behind which a comment stands in the column of its neighbours' comments.
const COLUMN_MAX: usize = 60;

/// Where the value of a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it: the default of the client, or of Kafka for brokers and topics.
    Default(ClientFamily),
    /// Kafka puts another value in the place of the default or of what was given; and why.
    Adjusted(String),
    /// `cluster.defaults: server.properties`.
    SampleFile,
    /// The loop of the application implies it.
    Loop,
    /// A `config` map of the file.
    Config(Spot),
    /// A text under `properties`.
    Pasted(Spot),
    /// The file that `properties-file` names, by its path as it stands there.
    File(String, Spot),
}

/// A line of the scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Counted from 1.
    pub line: usize,
    /// The variant in whose overlay it stands; `None` in the file itself.
    pub variant: Option<String>,
}

/// The origins of all settings of a run, by the path of keys that leads to each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<Vec<String>, Origin>);

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        match &self.variant {
            Some(variant) => write!(f, ", variant {variant}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Origin {
    /// The comment, without its `#`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default(ClientFamily::Java) => f.write_str("default of Kafka 4.1"),
            Self::Default(ClientFamily::Librdkafka) => f.write_str("default of librdkafka"),
            Self::Adjusted(why) => f.write_str(why),
            Self::SampleFile => f.write_str("the server.properties that Kafka ships"),
            Self::Loop => f.write_str("the loop implies it"),
            Self::Config(spot) => write!(f, "{spot}"),
            Self::Pasted(spot) => write!(f, "pasted properties, {spot}"),
            Self::File(path, spot) => write!(f, "{path}, named in {spot}"),
        }
    }
}

impl Origins {
    /// Notes where the settings of one `config` map come from. `owner` is the path of keys to it.
    pub(super) fn set(
        &mut self,
        owner: &[String],
        settings: impl IntoIterator<Item = (&'static str, Origin)>,
    ) {
        for (key, origin) in settings {
            let tail = ["config".to_owned(), key.to_owned()];
            self.0.insert([owner, &tail].concat(), origin);
        }
    }

    /// Where a setting comes from, by the path of keys in the printed form. An actor that differs
    /// from its like only in its name has what all share.
    pub fn get(&self, path: &[&str]) -> Option<&Origin> {
        let path: Vec<String> = path.iter().map(|&key| key.to_owned()).collect();
        self.0.get(&path).or_else(|| match path.as_slice() {
            [kind, name, except, _, rest @ ..] if except == "except" => {
                self.0.get(&[&[kind.clone(), name.clone()], rest].concat())
            }
            _ => None,
        })
    }

    /// The printed form with a comment behind each setting.
    fn annotate(&self, text: &str) -> String {
        let Ok(tree) = reader::read_text(text) else {
            unreachable!("the printed form can be read")
        };
        let mut comments = BTreeMap::new();
        self.comments(text, &tree, &mut Vec::new(), &mut comments);
        let mut annotated = String::with_capacity(text.len() * 2);
        for (index, line) in text.lines().enumerate() {
            annotated.push_str(line);
            if let Some((column, comment)) = comments.get(&(index + 1)) {
                let padding = column.saturating_sub(line.chars().count());
                annotated.push_str(&" ".repeat(padding + 2));
                annotated.push_str("# ");
                annotated.push_str(comment);
            }
            annotated.push('\n');
        }
        annotated
    }

    /// The comments by line, each with the column before it.
    fn comments<'t>(
        &self,
        text: &str,
        node: &'t Node,
        path: &mut Vec<&'t str>,
        comments: &mut BTreeMap<usize, (usize, String)>,
    ) {
        let entries = node.entries().unwrap_or_default();
        let width = |entry: &Entry| {
            let (from, to) = (entry.key_place.start, entry.node.place.end);
            let indent = from - text[..from].rfind('\n').map_or(0, |at| at + 1);
            // A value on several lines, which no setting has, would have no end of line of its own.
            let one_line = !text[from..to].contains('\n');
            one_line.then(|| indent + text[from..to].chars().count())
        };
        let widths = entries.iter().filter_map(width);
        let column = widths.filter(|width| *width <= COLUMN_MAX).max();
        for entry in entries {
            path.push(&entry.key);
            if let (Some(origin), Some(_)) = (self.get(path), width(entry)) {
                let line = line_of(text, entry.key_place.start);
                comments.insert(line, (column.unwrap_or(0), origin.to_string()));
            }
            self.comments(text, &entry.node, path, comments);
            path.pop();
        }
    }
}

impl Run {
    /// The run as a file that loads to the same scenario, with a comment behind each Kafka setting
    /// that says where it comes from.
    pub fn to_yaml(&self) -> String {
        let text = self.scenario.to_yaml();
        // What cannot be YAML without misunderstandings is printed as JSON, which has no comments.
        if text.starts_with('{') {
            return text;
        }
        self.origins.annotate(&text)
    }
}
