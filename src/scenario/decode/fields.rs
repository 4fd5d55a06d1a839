//! Reading a tree: maps whose every key must be read, and values of a given kind.
//!
//! A function that reads a value reports what is wrong with it and gives `None`; the caller goes on
//! with a default, so that one look at a file finds all its mistakes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::{Dist, Span};
use crate::scenario::diagnostic::{Kind, Problem, line_of};
use crate::scenario::not_yet::{self, Area};
use crate::scenario::origin::{Origins, Spot};
use crate::scenario::suggest::nearest;
use crate::scenario::tree::{Entry, Node, Place, Value};
use crate::scenario::value::{self, Drawn, Timing, Wrong};
use crate::verdict::record::is_name;
use crate::verdict::{Range, Word};

/// What decoding a tree has found, and what it knows of the tree's origin.
#[derive(Debug)]
pub(crate) struct Context {
    /// Mistakes and warnings.
    pub(crate) problems: Vec<Problem>,
    /// The variant being decoded, with the place of its overlay.
    pub(crate) overlay: Option<(String, Place)>,
    /// The files that the scenario names, read beforehand, or why they cannot be read.
    pub(crate) files: BTreeMap<String, Result<String, String>>,
    /// Groups whose loops could not be read completely: what they lack is not known.
    pub(crate) unread_loops: BTreeSet<String>,
    /// The source text, for the line on which something stands.
    pub(crate) source: Arc<str>,
    /// The path of keys to the thing whose settings are being read.
    pub(crate) owner: Vec<String>,
    /// Where the settings read so far come from.
    pub(crate) origins: Origins,
}

/// A map that is being read key by key.
pub(crate) struct Fields<'t> {
    entries: &'t [Entry],
    what: String,
    area: Area,
    known: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// The map of a node; `what` names it in messages.
    pub(crate) fn of(
        context: &mut Context,
        node: &'t Node,
        what: impl Into<String>,
        area: Area,
    ) -> Self {
        let what = what.into();
        if node.entries().is_none() && !node.is_null() {
            context.expected("a map", node);
        }
        Self {
            entries: node.entries().unwrap_or_default(),
            what,
            area,
            known: Vec::new(),
        }
    }

    /// The value of a key, if it is there and not `null`.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'t Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of a key, if it is there and not `null`.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<&'t Entry> {
        self.known.push(key);
        let found = self.entries.iter().find(|entry| entry.key == key);
        found.filter(|entry| !entry.node.is_null())
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self, context: &mut Context) {
        let not_yet = not_yet::words(self.area);
        for entry in self.entries {
            let key = entry.key.as_str();
            if self.known.contains(&key) {
                continue;
            }
            if not_yet.contains(&key) {
                let place = entry.key_place;
                context.not_yet(place, &format!("`{key}` in {}", self.what));
                continue;
            }
            let mut keys = [self.known.as_slice(), not_yet].concat();
            keys.sort_unstable();
            let text = format!("unknown key `{key}` in {}", self.what);
            let problem = Problem::new(Kind::UnknownKey, entry.key_place, text);
            let list = format!("keys here: {}", keys.join(", "));
            let help = match nearest(key, keys.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? {list}"),
                None => list,
            };
            context.problems.push(problem.help(help));
        }
    }
}

impl Context {
    /// Reports a mistake.
    pub(crate) fn error(&mut self, kind: Kind, place: Place, text: impl Into<String>) {
        self.problems.push(Problem::new(kind, place, text));
    }

    /// Reports a mistake with advice.
    pub(crate) fn error_help(
        &mut self,
        kind: Kind,
        place: Place,
        text: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems
            .push(Problem::new(kind, place, text).help(help));
    }

    /// Reports a word of the grammar that is not built.
    pub(crate) fn not_yet(&mut self, place: Place, what: &str) {
        let text = format!("{what}: not yet");
        let help = "the format has it, this version does not run it; see `docs/fidelity.md`";
        self.error_help(Kind::NotYet, place, text, help);
    }

    /// Reports a value of the wrong kind.
    pub(crate) fn expected(&mut self, expected: &str, node: &Node) {
        if let Some(text) = node.text()
            && let Some((name, value)) = text.split_once(':')
            && is_name(name)
            && is_name(value)
            && expected.starts_with("a map")
        {
            let problem = crate::scenario::reader::one_word(name, value, node.place);
            self.problems.push(problem);
            return;
        }
        let text = match node.text() {
            Some(scalar) if scalar.len() <= 40 => {
                format!("{expected} is due here, and `{scalar}` is {}", node.kind())
            }
            _ => format!("{expected} is due here, and this is {}", node.kind()),
        };
        self.error(Kind::Value, node.place, text);
    }

    fn wrong(&mut self, node: &Node, wrong: Wrong) {
        let problem = Problem::new(Kind::Value, node.place, wrong.text);
        self.problems.push(problem.maybe_help(wrong.help));
    }

    /// A scalar read by `read`.
    pub(crate) fn scalar<T>(
        &mut self,
        node: &Node,
        expected: &str,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let Some(text) = node.text() else {
            self.expected(expected, node);
            return None;
        };
        match read(text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.wrong(node, wrong);
                None
            }
        }
    }

    /// A text; a plain number or boolean is none.
    pub(crate) fn text(&mut self, node: &Node) -> Option<String> {
        let Some(scalar) = node.scalar() else {
            self.expected("a text", node);
            return None;
        };
        if scalar.is_number() || scalar.is_boolean() || scalar.is_grouped_number() {
            let text = format!(
                "a text is due here, and `{}` is {}",
                scalar.text,
                node.kind()
            );
            let help = format!("write `\"{}\"`", scalar.text);
            self.error_help(Kind::Value, node.place, text, help);
            return None;
        }
        Some(scalar.text.clone())
    }

    /// The text of a scalar of any look: the reader of the value tells numbers itself.
    pub(crate) fn text_of_any(&mut self, node: &Node) -> Option<String> {
        self.scalar(node, "a text", |text| Ok(text.to_owned()))
    }

    /// A part of a scalar, read by `read`; mistakes are reported for the whole.
    pub(crate) fn read_part<T>(
        &mut self,
        node: &Node,
        part: &str,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.scalar(node, "a text", |_| read(part))
    }

    /// A COUNT.
    pub(crate) fn count(&mut self, node: &Node) -> Option<u64> {
        self.scalar(node, "a whole number", value::count)
    }

    /// A COUNT within bounds, as a smaller number.
    pub(crate) fn count_in(&mut self, node: &Node, low: u64, high: u64) -> Option<u32> {
        let count = self.count(node)?;
        if count < low || high < count {
            let text = format!("`{count}` is not between {low} and {high}");
            self.error(Kind::Value, node.place, text);
            return None;
        }
        u32::try_from(count).ok()
    }

    /// A DURATION.
    pub(crate) fn duration(&mut self, node: &Node) -> Option<Span> {
        self.scalar(node, "a duration", value::duration)
    }

    /// A DRAWN duration.
    pub(crate) fn drawn_duration(&mut self, node: &Node) -> Option<Drawn<Span>> {
        self.scalar(node, "a duration", |text| {
            value::drawn(text, value::duration)
        })
    }

    /// A RANGE of numbers.
    pub(crate) fn range(&mut self, node: &Node) -> Option<Range> {
        let read = |text: &str| value::range(text, value::count);
        self.scalar(node, "a number or a range such as `1..`", read)
    }

    /// A RANGE of durations.
    pub(crate) fn time_range(&mut self, node: &Node) -> Option<Range<Span>> {
        let read = |text: &str| value::range(text, value::duration);
        self.scalar(node, "a duration or a range such as `10s..15s`", read)
    }

    /// A boolean.
    pub(crate) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match node.scalar() {
            Some(scalar) if scalar.is_boolean() => Some(scalar.text == "true"),
            _ => {
                self.expected("`true` or `false`", node);
                None
            }
        }
    }

    /// A DIST.
    pub(crate) fn timing(&mut self, node: &Node) -> Option<Timing> {
        if node.entries().is_none() {
            return self.scalar(node, "a duration", value::timing).map(Timing);
        }
        let mut fields = Fields::of(self, node, "a distribution of durations", Area::Nothing);
        let exponential = fields.get("exponential");
        let weighted = fields.get("weighted");
        fields.finish(self);
        match (exponential, weighted) {
            (Some(mean), None) => {
                let mean = self.duration(mean)?;
                Some(Timing(Dist::Exponential { mean }))
            }
            (None, Some(weights)) => self.weights(weights).map(|w| Timing(Dist::Weighted(w))),
            _ => {
                let text = "a distribution is one of `exponential` and `weighted`";
                self.error(Kind::Value, node.place, text);
                None
            }
        }
    }

    fn weights(&mut self, node: &Node) -> Option<Vec<(Span, u64)>> {
        let Some(entries) = node.entries() else {
            self.expected("a map from durations to weights", node);
            return None;
        };
        let mut weights = Vec::new();
        for entry in entries {
            let place = entry.key_place;
            let span = value::duration(&entry.key);
            let span = span.map_err(|wrong| {
                let problem = Problem::new(Kind::Value, place, wrong.text);
                self.problems.push(problem.maybe_help(wrong.help));
            });
            let weight = self.count(&entry.node);
            if let (Ok(span), Some(weight)) = (span, weight) {
                weights.push((span, weight));
            }
        }
        let total = weights
            .iter()
            .try_fold(0_u64, |sum, (_, w)| sum.checked_add(*w));
        if total.is_none_or(|total| total == 0) {
            self.error(
                Kind::Value,
                node.place,
                "the weights must sum to more than 0",
            );
            return None;
        }
        Some(weights)
    }

    /// One of the words of an enumeration.
    pub(crate) fn word<T: Word>(&mut self, node: &Node, area: Area) -> Option<T> {
        let words: Vec<&str> = T::WORDS.iter().map(|w| w.as_word()).collect();
        let Some(text) = node.text() else {
            self.expected(&format!("one of {}", words.join(", ")), node);
            return None;
        };
        let found = T::WORDS.iter().find(|w| w.as_word() == text);
        if found.is_none() {
            if not_yet::is_not_yet(area, text) {
                self.not_yet(node.place, &format!("`{text}`"));
                return None;
            }
            let all = [words.as_slice(), not_yet::words(area)].concat();
            self.unknown_word(node.place, text, &all);
        }
        found.copied()
    }

    /// Reports a word that is none of those that may stand here.
    pub(crate) fn unknown_word(&mut self, place: Place, word: &str, words: &[&str]) {
        let list = format!("words here: {}", words.join(", "));
        let help = match nearest(word, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? {list}"),
            None => list,
        };
        let text = format!("`{word}` is no word that can stand here");
        self.error_help(Kind::Value, place, text, help);
    }

    /// The items of a list.
    pub(crate) fn items<'t>(&mut self, node: &'t Node, expected: &str) -> &'t [Node] {
        if let Value::List(items) = &node.value {
            return items;
        }
        self.expected(expected, node);
        &[]
    }

    /// The items of a list, or the one value that may stand for it.
    pub(crate) fn one_or_more<'t>(&mut self, node: &'t Node) -> &'t [Node] {
        match &node.value {
            Value::List(items) => {
                if items.is_empty() {
                    self.error(Kind::Value, node.place, "the list is empty");
                }
                items
            }
            _ => std::slice::from_ref(node),
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, node: &Node) -> Vec<String> {
        let items = self.items(node, "a list of texts");
        items.iter().filter_map(|item| self.text(item)).collect()
    }

    /// Checks that a text is a NAME.
    pub(crate) fn name(&mut self, name: &str, place: Place) {
        if !is_name(name) {
            let text = format!("`{name}` is no name");
            let help =
                "letters, digits, `.`, `_` and `-`, at most 249, beginning with a letter or digit";
            self.error_help(Kind::Name, place, text, help);
        }
    }

    /// The named things of a map, each with its key's place.
    pub(crate) fn named<'t>(&mut self, node: Option<&'t Node>) -> &'t [Entry] {
        let Some(node) = node else { return &[] };
        let Some(entries) = node.entries() else {
            self.expected("a map", node);
            return &[];
        };
        for entry in entries {
            self.name(&entry.key, entry.key_place);
        }
        entries
    }

    /// Begins with a thing that has settings, by the path of keys that leads to it.
    pub(crate) fn begin(&mut self, owner: &[&str]) {
        self.owner = owner.iter().map(|&key| key.to_owned()).collect();
    }

    /// Where something stands.
    pub(crate) fn spot(&self, place: Place) -> Spot {
        Spot {
            line: line_of(&self.source, place.start),
            variant: self.overlay_of(place).map(str::to_owned),
        }
    }

    /// Whether something stands in the overlay of the variant being decoded.
    pub(crate) fn overlay_of(&self, place: Place) -> Option<&str> {
        let (name, overlay) = self.overlay.as_ref()?;
        overlay.contains(place).then_some(name.as_str())
    }
}
