//! `expect`: quantities of the run, of groups, topics, producers and sinks.

use super::fields::Context;
use super::names::{Bearer, Names};
use crate::scenario::diagnostic::{Kind, Problem};
use crate::scenario::not_yet::{self, Area};
use crate::scenario::suggest::nearest;
use crate::scenario::tree::{Entry, Node, Place, Value};
use crate::scenario::value;
use crate::verdict::expect::Owned;
use crate::verdict::quantity::{Shape, SubjectKind};
use crate::verdict::{Claim, Expect, Quantity, Range, RecordSet, Stage, Subject, Want, words};

words! {
    /// The names of anomalies that `expect.anomalies` may hold.
    pub(crate) enum Anomaly {
        EffectLost = "effect-lost",
        EffectDuplicated = "effect-duplicated",
        EffectReordered = "effect-reordered",
        EffectOfAborted = "effect-of-aborted",
        CommittedPastUnprocessed = "committed-past-unprocessed",
        ZombieWrite = "zombie-write",
        TornTransaction = "torn-transaction",
        StuckReader = "stuck-reader",
        Unavailable = "unavailable",
        InconsistentOffsets = "inconsistent-offsets",
        Duplicate = "duplicate",
        LostWrite = "lost-write",
        Unseen = "unseen",
        PollSkip = "poll-skip",
        NonmonotonicPoll = "nonmonotonic-poll",
        IntPollSkip = "int-poll-skip",
        IntNonmonotonicPoll = "int-nonmonotonic-poll",
        G1a = "G1a",
    }
}

/// The statements about one run, from one or several trees. A quantity that two trees state is a
/// mistake of the file.
pub(super) fn expect(context: &mut Context, nodes: &[&Node], names: &Names<'_>) -> Expect {
    let mut reader = Reader {
        names,
        expect: Expect::default(),
        places: Vec::new(),
        ends: None,
    };
    for node in nodes {
        reader.top(context, node);
    }
    reader.expect
}

/// The words that may stand at the top of `expect`, for telling them from names of variants.
pub(crate) fn is_quantity_of_run(word: &str) -> bool {
    let levels = [
        "groups",
        "topics",
        "producers",
        "sinks",
        "ends",
        "anomalies",
        "at",
    ];
    Quantity::parse(word).is_some()
        || levels.contains(&word)
        || not_yet::is_not_yet(Area::Expect, word)
}

struct Reader<'n> {
    names: &'n Names<'n>,
    expect: Expect,
    /// Where each claim stands, beside `expect.claims`.
    places: Vec<Place>,
    ends: Option<Place>,
}

impl Reader<'_> {
    fn top(&mut self, context: &mut Context, node: &Node) {
        let Some(entries) = node.entries() else {
            context.expected("a map of quantities", node);
            return;
        };
        for entry in entries.iter().filter(|entry| !entry.node.is_null()) {
            match entry.key.as_str() {
                "groups" => self.level(context, &entry.node, SubjectKind::Group),
                "topics" => self.level(context, &entry.node, SubjectKind::Topic),
                "producers" => self.level(context, &entry.node, SubjectKind::Producer),
                "sinks" => self.level(context, &entry.node, SubjectKind::Sink),
                "ends" => self.ends(context, entry),
                "anomalies" => self.anomalies(context, &entry.node),
                "at" => self.instants(context, &entry.node),
                word if not_yet::is_not_yet(Area::Expect, word) => {
                    context.not_yet(entry.key_place, &format!("`{word}` in `expect`"));
                }
                _ => self.claim(context, entry, &Subject::Run),
            }
        }
    }

    /// `at`: states at instants.
    fn instants(&mut self, context: &mut Context, node: &Node) {
        let Some(entries) = node.entries() else {
            context.expected("a map of instants, such as `{ 5s: { topics: … } }`", node);
            return;
        };
        for entry in entries.iter().filter(|entry| !entry.node.is_null()) {
            let begins_with_letter = entry.key.starts_with(|c: char| c.is_ascii_alphabetic());
            let Some(at) = value::duration(&entry.key).ok() else {
                if begins_with_letter {
                    context.not_yet(entry.key_place, "an instant after a fault in `expect`");
                } else {
                    let text = format!("`{}` is no instant", entry.key);
                    context.error_help(Kind::Value, entry.key_place, text, "e.g. `5s`");
                }
                continue;
            };
            if self.expect.at.iter().any(|(known, _)| *known == at) {
                let text = format!("the instant {at} stands here twice");
                context.error(Kind::Expect, entry.key_place, text);
                continue;
            }
            let claims = self.states(context, &entry.node);
            self.expect.at.push((at, claims));
        }
        self.expect.at.sort_by_key(|(at, _)| *at);
    }

    /// The quantities under an instant, which have to be states.
    fn states(&self, context: &mut Context, node: &Node) -> Vec<Claim> {
        let mut reader = Reader {
            names: self.names,
            expect: Expect::default(),
            places: Vec::new(),
            ends: None,
        };
        let levels = [
            ("groups", SubjectKind::Group),
            ("topics", SubjectKind::Topic),
        ];
        let Some(entries) = node.entries() else {
            context.expected("a map of `groups` and `topics`", node);
            return Vec::new();
        };
        for entry in entries.iter().filter(|entry| !entry.node.is_null()) {
            let level = levels.iter().find(|(word, _)| *word == entry.key);
            if let Some((_, kind)) = level {
                reader.level(context, &entry.node, *kind);
            } else {
                let text = format!("`{}` has no state at an instant", entry.key);
                let help = "states are of `groups` and of `topics`";
                context.error_help(Kind::Expect, entry.key_place, text, help);
            }
        }
        for (claim, place) in reader.expect.claims.iter().zip(&reader.places) {
            if !claim.quantity.is_state() {
                let text = format!("`{}` counts over the run and is no state", claim.quantity);
                let states = Quantity::ALL.iter().filter(|quantity| quantity.is_state());
                let states: Vec<&str> = states.map(|quantity| quantity.word()).collect();
                let help = format!("states: {}", states.join(", "));
                context.error_help(Kind::Expect, *place, text, help);
            }
        }
        reader.expect.claims
    }

    fn ends(&mut self, context: &mut Context, entry: &Entry) {
        let ends = context.word(&entry.node, Area::Nothing);
        self.expect.ends = ends.unwrap_or(self.expect.ends);
        if let Some(place) = self.ends.replace(entry.key_place) {
            twice(context, "ends", entry.key_place, place);
        }
    }

    fn anomalies(&mut self, context: &mut Context, node: &Node) {
        for entry in node.entries().unwrap_or_default() {
            let range = context.range(&entry.node);
            if not_yet::is_not_yet(Area::Anomaly, &entry.key) {
                context.not_yet(entry.key_place, &format!("the anomaly `{}`", entry.key));
            } else if Anomaly::parse(&entry.key).is_none() {
                let words: Vec<&str> = Anomaly::ALL.iter().map(|a| a.word()).collect();
                let near = nearest(&entry.key, words.iter().copied());
                let text = format!("`{}` is no anomaly", entry.key);
                let problem = Problem::new(Kind::Expect, entry.key_place, text);
                let list = near.map(|near| format!("did you mean `{near}`?"));
                let all = format!("anomalies: {}", words.join(", "));
                context.problems.push(problem.help(list.unwrap_or(all)));
            } else if self
                .expect
                .anomalies
                .iter()
                .any(|(name, _)| *name == entry.key)
            {
                let text = format!("`{}` is stated twice for this run", entry.key);
                context.error(Kind::Expect, entry.key_place, text);
            } else if let Some(range) = range {
                self.expect.anomalies.push((entry.key.clone(), range));
            }
        }
        if node.entries().is_none() {
            context.expected("a map of anomalies", node);
        }
    }

    /// `groups`, `topics`, `producers` or `sinks`: names with their quantities.
    fn level(&mut self, context: &mut Context, node: &Node, kind: SubjectKind) {
        if node.entries().is_none() {
            context.expected("a map of names", node);
        }
        for entry in node.entries().unwrap_or_default() {
            let Some(subject) = self.subject(context, entry, kind) else {
                continue;
            };
            let Some(quantities) = entry.node.entries() else {
                context.expected("a map of quantities", &entry.node);
                continue;
            };
            for quantity in quantities.iter().filter(|entry| !entry.node.is_null()) {
                self.claim(context, quantity, &subject);
            }
        }
    }

    fn subject(&self, context: &mut Context, entry: &Entry, kind: SubjectKind) -> Option<Subject> {
        let name = entry.key.as_str();
        let names = self.names;
        let (known, subject): (Vec<&str>, _) = match kind {
            SubjectKind::Run => unreachable!("the run has no names under it"),
            SubjectKind::Group => {
                let subject = names
                    .groups
                    .get(name)
                    .map(|_| Subject::Group(name.to_owned()));
                (names.groups.names().collect(), subject)
            }
            SubjectKind::Producer => {
                let known = names.producers.get(name);
                let subject = known.map(|_| Subject::Producer(name.to_owned()));
                (names.producers.names().collect(), subject)
            }
            SubjectKind::Sink => {
                let known = names.sinks.get(name);
                let subject = known.map(|_| Subject::Sink(name.to_owned()));
                (names.sinks.names().collect(), subject)
            }
            SubjectKind::Topic if names.topics.contains(name) => {
                return Some(Subject::Topic(name.to_owned()));
            }
            SubjectKind::Topic => {
                let partition = names.partition(name);
                let subject = partition.map(|(topic, p)| Subject::Partition(topic.to_owned(), p));
                (names.topics.names().collect(), subject)
            }
        };
        if subject.is_none() {
            let text = match kind {
                SubjectKind::Group => format!("no group is called `{name}`"),
                SubjectKind::Producer => format!("no producer is called `{name}`"),
                SubjectKind::Sink => format!("no sink is called `{name}`"),
                _ => format!("no topic or partition is called `{name}`"),
            };
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known.join(", ")),
            };
            context.error_help(Kind::Name, entry.key_place, text, help);
        }
        subject
    }

    fn claim(&mut self, context: &mut Context, entry: &Entry, of: &Subject) {
        let word = entry.key.as_str();
        let shape = Quantity::parse(word).and_then(|q| Some((q, Shape::of(q, of.kind())?)));
        let Some((quantity, shape)) = shape else {
            unknown(context, entry, of.kind());
            return;
        };
        let only_of_partition = matches!(shape, Shape::Actor | Shape::Actors | Shape::Offset);
        if only_of_partition && !matches!(of, Subject::Partition(..)) {
            let text = format!("`{word}` is a quantity of one partition");
            let help = format!("write it under `{}-0`", of.name());
            context.error_help(Kind::Expect, entry.key_place, text, help);
        }
        let Some(want) = self.want(context, &entry.node, shape, of) else {
            return;
        };
        let same = |claim: &Claim| claim.of == *of && claim.quantity == quantity;
        if let Some(first) = self.expect.claims.iter().position(same) {
            twice(context, word, entry.key_place, self.places[first]);
            return;
        }
        self.places.push(entry.key_place);
        self.expect.claims.push(Claim {
            of: of.clone(),
            quantity,
            want,
        });
    }

    fn want(&self, context: &mut Context, node: &Node, shape: Shape, of: &Subject) -> Option<Want> {
        Some(match shape {
            Shape::Count => Want::Count(context.range(node)?),
            Shape::Time => Want::Time(context.time_range(node)?),
            Shape::Offset => Want::Count(context.range(node)?),
            Shape::Records => Want::Records(self.set(context, node)?),
            Shape::LostRecords => match node.entries() {
                Some(stages) => Want::Lost(self.stages(context, stages)),
                None => Want::Records(self.set(context, node)?),
            },
            Shape::Offsets => Want::Offsets(self.by_partition(context, node, of, offset_or_none)),
            Shape::Contents => {
                let records = |context: &mut Context, node: &Node| {
                    let items = context.items(node, "a list of records");
                    let names = items
                        .iter()
                        .filter_map(|item| self.names.record(context, item));
                    Some(names.collect())
                };
                Want::Contents(self.by_partition(context, node, of, records))
            }
            Shape::Keys => {
                let keys = |context: &mut Context, node: &Node| Some(context.texts(node));
                Want::Keys(self.by_partition(context, node, of, keys))
            }
            Shape::Partitions => {
                let owned = |context: &mut Context, node: &Node| self.owned(context, node);
                Want::Partitions(self.by_member(context, node, of, owned))
            }
            Shape::Calls => {
                let calls = |context: &mut Context, node: &Node| Some(self.calls(context, node));
                Want::Calls(self.by_member(context, node, of, calls))
            }
            Shape::Clock => Want::Clock(context.word(node, Area::Nothing)?),
            Shape::Actor if node.text() == Some("none") => Want::Actor(None),
            Shape::Actor => Want::Actor(Some(self.broker(context, node)?)),
            Shape::Actors => {
                let items = context.items(node, "a list of brokers");
                let names = items.iter().filter_map(|item| self.broker(context, item));
                Want::Actors(names.collect())
            }
        })
    }

    fn set(&self, context: &mut Context, node: &Node) -> Option<RecordSet> {
        let Value::List(items) = &node.value else {
            if node.entries().is_some() {
                context.expected("a number, a range or a list of records", node);
                return None;
            }
            return context.range(node).map(RecordSet::Size);
        };
        let names = items
            .iter()
            .filter_map(|item| self.names.record(context, item));
        Some(RecordSet::Exactly(names.collect()))
    }

    fn stages(&self, context: &mut Context, entries: &[Entry]) -> Vec<(Stage, RecordSet)> {
        let mut stages = Vec::new();
        for entry in entries {
            let set = self.set(context, &entry.node);
            if let Some(stage) = Stage::parse(&entry.key) {
                stages.extend(set.map(|set| (stage, set)));
            } else {
                let words: Vec<&str> = Stage::ALL.iter().map(|stage| stage.word()).collect();
                context.unknown_word(entry.key_place, &entry.key, &words);
            }
        }
        stages
    }

    fn by_partition<T>(
        &self,
        context: &mut Context,
        node: &Node,
        of: &Subject,
        read: impl Fn(&mut Context, &Node) -> Option<T>,
    ) -> Vec<(String, T)> {
        let mut pairs = Vec::new();
        if node.entries().is_none() {
            context.expected("a map from partitions", node);
        }
        for entry in node.entries().unwrap_or_default() {
            let value = read(context, &entry.node);
            let Some((topic, _)) = self.names.partition(&entry.key) else {
                let text = format!("`{}` is no partition of a listed topic", entry.key);
                context.error(Kind::Name, entry.key_place, text);
                continue;
            };
            if matches!(of, Subject::Topic(name) | Subject::Partition(name, _) if name != topic) {
                let text = format!("`{}` is no partition of `{}`", entry.key, of.name());
                context.error(Kind::Name, entry.key_place, text);
            }
            pairs.extend(value.map(|value| (entry.key.clone(), value)));
        }
        pairs
    }

    fn by_member<T>(
        &self,
        context: &mut Context,
        node: &Node,
        of: &Subject,
        read: impl Fn(&mut Context, &Node) -> Option<T>,
    ) -> Vec<(String, T)> {
        let mut pairs = Vec::new();
        if node.entries().is_none() {
            context.expected("a map from members", node);
        }
        for entry in node.entries().unwrap_or_default() {
            let value = read(context, &entry.node);
            let member = Some(Bearer::Member(of.name()));
            if self.names.bearer(&entry.key) == member {
                pairs.extend(value.map(|value| (entry.key.clone(), value)));
            } else {
                let group = of.name();
                let actors = self.names.groups.get(&group).map(|g| g.actors(&group));
                let actors = actors.unwrap_or_default();
                let text = format!("group `{group}` has no member `{}`", entry.key);
                let near = nearest(&entry.key, actors.iter().map(String::as_str));
                let problem = Problem::new(Kind::Name, entry.key_place, text);
                let help = near.map(|near| format!("did you mean `{near}`?"));
                context.problems.push(problem.maybe_help(help));
            }
        }
        pairs
    }

    fn owned(&self, context: &mut Context, node: &Node) -> Option<Owned> {
        let Value::List(items) = &node.value else {
            return context.count(node).map(Owned::Count);
        };
        let mut partitions = Vec::new();
        for item in items {
            let Some(name) = context.text(item) else {
                continue;
            };
            self.known_partition(context, &name, item.place);
            partitions.push(name);
        }
        Some(Owned::Exactly(partitions))
    }

    fn calls(&self, context: &mut Context, node: &Node) -> Vec<String> {
        let mut calls = Vec::new();
        for item in context.items(node, "a list of calls such as `assigned orders-0`") {
            let Some(call) = context.text(item) else {
                continue;
            };
            let mut words = call.split(' ');
            let verb = words.next().unwrap_or_default();
            if !["assigned", "revoked", "lost"].contains(&verb) {
                let text = format!("`{verb}` is no call of a rebalance listener");
                let help = "`assigned`, `revoked` or `lost`, then the partitions";
                context.error_help(Kind::Expect, item.place, text, help);
            }
            for partition in words {
                self.known_partition(context, partition, item.place);
            }
            calls.push(call);
        }
        calls
    }

    fn known_partition(&self, context: &mut Context, name: &str, place: Place) {
        if self.names.partition(name).is_none() {
            let text = format!("`{name}` is no partition of a listed topic");
            context.error(Kind::Name, place, text);
        }
    }

    fn broker(&self, context: &mut Context, node: &Node) -> Option<String> {
        let name = self.names.any_actor(context, node)?;
        if self.names.bearer(&name) != Some(Bearer::Broker) || !name.starts_with("broker-") {
            let text = format!("a broker such as `broker-1` is due here, not `{name}`");
            context.error(Kind::Name, node.place, text);
            return None;
        }
        Some(name)
    }
}

/// An offset or a range of such, or `none`.
#[allow(
    clippy::option_option,
    reason = "the outer level is the mistake already reported, the inner one a value of the format"
)]
fn offset_or_none(context: &mut Context, node: &Node) -> Option<Option<Range>> {
    if node.text() == Some("none") {
        return Some(None);
    }
    let read = |text: &str| value::range(text, value::count);
    let expected = "an offset, a range such as `10..`, or `none`";
    context.scalar(node, expected, read).map(Some)
}

fn twice(context: &mut Context, word: &str, place: Place, first: Place) {
    let text = format!("`{word}` is stated twice for this run");
    let problem = Problem::new(Kind::Expect, place, text).also(first);
    let help = "state it under `every-variant`, or under the variants";
    context.problems.push(problem.help(help));
}

/// Reports a word that is no quantity of its subject.
fn unknown(context: &mut Context, entry: &Entry, kind: SubjectKind) {
    let word = entry.key.as_str();
    let area = match kind {
        SubjectKind::Run => Area::Expect,
        SubjectKind::Group => Area::GroupQuantity,
        SubjectKind::Topic => Area::TopicQuantity,
        SubjectKind::Producer => Area::ProducerQuantity,
        SubjectKind::Sink => Area::Nothing,
    };
    if not_yet::is_not_yet(area, word) {
        context.not_yet(entry.key_place, &format!("the quantity `{word}`"));
        return;
    }
    let (of_this, place) = match kind {
        SubjectKind::Run => ("of the whole run", "`expect`"),
        SubjectKind::Group => ("of a group", "a group"),
        SubjectKind::Topic => ("of a topic", "a topic"),
        SubjectKind::Producer => ("of a producer", "a producer"),
        SubjectKind::Sink => ("of a sink", "a sink"),
    };
    let here: Vec<&str> = Quantity::ALL
        .iter()
        .filter(|quantity| Shape::of(**quantity, kind).is_some())
        .map(|quantity| quantity.word())
        .collect();
    let elsewhere = [
        (SubjectKind::Group, "groups.<NAME>"),
        (SubjectKind::Topic, "topics.<NAME>"),
        (SubjectKind::Producer, "producers.<NAME>"),
        (SubjectKind::Sink, "sinks.<NAME>"),
    ];
    let owners: Vec<&str> = elsewhere
        .iter()
        .filter(|(other, _)| Quantity::parse(word).is_some_and(|q| Shape::of(q, *other).is_some()))
        .map(|(_, path)| *path)
        .collect();
    if !owners.is_empty() {
        let text = format!("`{word}` is no quantity {of_this}");
        let help = format!("write it under `{}`", owners.join("` or `"));
        context.error_help(Kind::Expect, entry.key_place, text, help);
        return;
    }
    let text = format!("unknown key `{word}` in {place}");
    let problem = Problem::new(Kind::UnknownKey, entry.key_place, text);
    let list = format!("quantities {of_this}: {}", here.join(", "));
    let help = match nearest(word, here.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    };
    context.problems.push(problem.help(help));
}
