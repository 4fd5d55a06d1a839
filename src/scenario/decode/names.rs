//! Who bears which name: actors, families of actors, roles, records.

use super::fields::Context;
use super::keyed::{self, Keyed};
use crate::scenario::diagnostic::{Kind, Problem};
use crate::scenario::reader::space_before_number;
use crate::scenario::resolved::client::Records;
use crate::scenario::resolved::{Group, Named, Producer, Sink, Topic};
use crate::scenario::suggest::nearest;
use crate::scenario::tree::{Entry, Node, Place};
use crate::verdict::RecordName;
use crate::verdict::record::split_partition;

/// Everything in a scenario that bears a name.
pub(crate) struct Names<'s> {
    pub(crate) brokers: u32,
    pub(crate) controllers: u32,
    pub(crate) topics: &'s Named<Topic>,
    pub(crate) producers: &'s Named<Producer>,
    pub(crate) groups: &'s Named<Group>,
    pub(crate) sinks: &'s Named<Sink>,
    /// Queues, which are not built.
    pub(crate) later: Vec<String>,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// One member of a group.
    Member(String),
    /// One instance of a producer, or a producer that has one.
    Instance(String),
    /// All members of a group.
    Group(String),
    /// All instances of a producer.
    Producer(String),
    /// All producers and members.
    Clients,
    /// The member that owns a partition, at the instant.
    Owner {
        /// The group.
        group: String,
    },
    /// One broker, all brokers, or a role that a broker has.
    Broker,
    /// One controller, or all.
    Controller,
    /// A sink.
    Sink(String),
    /// A queue or a queue's worker: not built.
    Later,
}

impl Names<'_> {
    /// What a name stands for, roles included.
    pub(crate) fn bearer(&self, name: &str) -> Option<Bearer> {
        if let Some(bearer) = self.role(name) {
            return Some(bearer);
        }
        match name {
            "clients" => return Some(Bearer::Clients),
            "brokers" => return Some(Bearer::Broker),
            "controllers" => return Some(Bearer::Controller),
            _ => {}
        }
        if numbered(name, "broker", self.brokers) {
            return Some(Bearer::Broker);
        }
        if numbered(name, "controller", self.controllers) {
            return Some(Bearer::Controller);
        }
        if self.groups.contains(name) {
            return Some(Bearer::Group(name.to_owned()));
        }
        if let Some(producer) = self.producers.get(name) {
            let name = name.to_owned();
            return Some(match producer.instances {
                None => Bearer::Instance(name),
                Some(_) => Bearer::Producer(name),
            });
        }
        if self.sinks.contains(name) {
            return Some(Bearer::Sink(name.to_owned()));
        }
        if self
            .later
            .iter()
            .any(|later| later == name || numbered(name, later, u32::MAX))
        {
            return Some(Bearer::Later);
        }
        let (family, _) = name.rsplit_once('-')?;
        if self
            .groups
            .get(family)
            .is_some_and(|g| numbered(name, family, g.members))
        {
            return Some(Bearer::Member(family.to_owned()));
        }
        let instances = self.producers.get(family)?.instances?;
        numbered(name, family, instances).then(|| Bearer::Instance(family.to_owned()))
    }

    fn role(&self, name: &str) -> Option<Bearer> {
        if let Some(rest) = name.strip_prefix("owner of ") {
            let (partition, group) = rest.split_once(" in ")?;
            let known = self.partition(partition).is_some() && self.groups.contains(group);
            let group = group.to_owned();
            return known.then_some(Bearer::Owner { group });
        }
        for prefix in ["leader of ", "followers of "] {
            if let Some(partition) = name.strip_prefix(prefix) {
                return self.partition(partition).map(|_| Bearer::Broker);
            }
        }
        if let Some(group) = name.strip_prefix("group coordinator of ") {
            return self.groups.contains(group).then_some(Bearer::Broker);
        }
        if name.starts_with("transaction coordinator of ") {
            return Some(Bearer::Broker);
        }
        (name == "active controller").then_some(Bearer::Controller)
    }

    /// A partition of a listed topic, such as `orders-0`.
    pub(crate) fn partition<'n>(&self, name: &'n str) -> Option<(&'n str, u32)> {
        let (topic, partition) = split_partition(name)?;
        let known = self.topics.get(topic)?;
        (partition < known.partitions_max()).then_some((topic, partition))
    }

    /// The name of a partition as it stands in the file, if there is one of that name.
    pub(crate) fn known_partition(
        &self,
        context: &mut Context,
        name: &str,
        place: Place,
    ) -> Option<String> {
        let Some((topic, partition)) = split_partition(name) else {
            let text = format!("`{name}` is no partition");
            context.error_help(Kind::Name, place, text, "write e.g. `orders-0`");
            return None;
        };
        self.check_partition(context, topic, partition, place);
        self.partition(name).map(|_| name.to_owned())
    }

    /// All names of clients: families, then actors.
    fn all(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, group) in self.groups.iter() {
            names.push(name.to_owned());
            names.extend(group.actors(name).into_iter().take(100));
        }
        for (name, producer) in self.producers.iter() {
            names.push(name.to_owned());
            names.extend(producer.actors(name).into_iter().take(100));
        }
        names.extend(self.sinks.names().map(str::to_owned));
        names.extend((1..=self.brokers.min(100)).map(|n| format!("broker-{n}")));
        names.extend(["clients", "brokers"].map(str::to_owned));
        names
    }

    /// The name of an actor, group, producer or role that exists.
    pub(crate) fn any_actor(&self, context: &mut Context, node: &Node) -> Option<String> {
        let name = context.text(node)?;
        if self.bearer(&name).is_some() {
            return Some(name);
        }
        self.nobody(context, &name, node.place);
        None
    }

    /// Names of actors, groups, topics or partitions; one, or a list.
    pub(crate) fn things(&self, context: &mut Context, node: &Node) -> Vec<String> {
        let mut things = Vec::new();
        for item in context.one_or_more(node) {
            let Some(name) = context.text(item) else {
                continue;
            };
            let is_topic = self.topics.contains(&name) || self.partition(&name).is_some();
            if is_topic || self.bearer(&name).is_some() {
                things.push(name);
            } else if let Some(near) = nearest(&name, self.topics.names()) {
                let text = format!("nothing is called `{name}`");
                let help = format!("did you mean `{near}`?");
                context.error_help(Kind::Name, item.place, text, help);
            } else {
                self.nobody(context, &name, item.place);
            }
        }
        things
    }

    /// Reports a name that nobody bears.
    pub(crate) fn nobody(&self, context: &mut Context, name: &str, place: Place) {
        let names = self.all();
        let near = nearest(name, names.iter().map(String::as_str));
        let family = near.map(|near| self.family_of(near));
        let mut help = Vec::new();
        if let Some(near) = near {
            help.push(format!("did you mean `{near}`?"));
        }
        let groups = self.groups.names().map(|name| format!("group `{name}`"));
        let producers = self.producers.names();
        let producers = producers.map(|name| format!("producer `{name}`"));
        let sinks = self.sinks.names().map(|name| format!("sink `{name}`"));
        let list: Vec<String> = groups.chain(producers).chain(sinks).collect();
        if let Some(family) = family.flatten() {
            help.push(family);
        } else if !list.is_empty() {
            help.push(format!("the file has {}", list.join(", ")));
        }
        let text = format!("no actor is called `{name}`");
        context.error_help(Kind::Name, place, text, help.join(" "));
    }

    /// "group `workers` has `workers-1`, `workers-2`".
    fn family_of(&self, name: &str) -> Option<String> {
        let listed = |kind: &str, family: &str, actors: Vec<String>| {
            let few: Vec<String> = actors.iter().take(8).map(|a| format!("`{a}`")).collect();
            let more = if 8 < actors.len() { ", …" } else { "" };
            format!("{kind} `{family}` has {}{more}", few.join(", "))
        };
        match self.bearer(name)? {
            Bearer::Member(family) | Bearer::Group(family) => {
                let group = self.groups.get(&family)?;
                Some(listed("group", &family, group.actors(&family)))
            }
            Bearer::Instance(family) | Bearer::Producer(family) => {
                let producer = self.producers.get(&family)?;
                producer.instances?;
                Some(listed("producer", &family, producer.actors(&family)))
            }
            _ => None,
        }
    }

    /// Reports names that two things bear.
    pub(crate) fn check_unique(&self, context: &mut Context, entries: &[&Entry]) {
        let mut taken: Vec<(String, String)> = Vec::new();
        let reserved = ["brokers", "controllers", "clients", "earliest", "latest"];
        for entry in entries {
            let name = entry.key.as_str();
            let group = self.groups.get(name).map(|group| group.actors(name));
            let producer = self
                .producers
                .get(name)
                .map(|producer| producer.actors(name));
            let sink = self.sinks.get(name).map(|_| vec![name.to_owned()]);
            let bearers = [("group", group), ("producer", producer), ("sink", sink)];
            let mut bearers = bearers.into_iter().filter_map(|(kind, a)| Some((kind, a?)));
            let (kind, actors) = match (bearers.next(), bearers.next()) {
                (Some((one, _)), Some((other, _))) => {
                    let text = format!("a {one} and a {other} are both called `{name}`");
                    context.error(Kind::Name, entry.key_place, text);
                    continue;
                }
                (Some(one), None) => one,
                (None, _) => continue,
            };
            let broker =
                |n: &String| numbered(n, "broker", u32::MAX) || numbered(n, "controller", u32::MAX);
            if reserved.contains(&name) || broker(&name.to_owned()) || actors.iter().any(broker) {
                let text = format!("`{name}` is a name of the cluster's own");
                context.error(Kind::Name, entry.key_place, text);
            }
            let mut names = actors;
            if !names.contains(&name.to_owned()) {
                names.push(name.to_owned());
            }
            for bearer in names {
                if let Some((_, other)) = taken.iter().find(|(known, _)| *known == bearer) {
                    let text = format!("{kind} `{name}` and {other} would both have a `{bearer}`");
                    context.error(Kind::Name, entry.key_place, text);
                    break;
                }
                taken.push((bearer, format!("{kind} `{name}`")));
            }
        }
    }

    /// A record named in the file: its form, and whether there can be such a record.
    pub(crate) fn record(&self, context: &mut Context, node: &Node) -> Option<RecordName> {
        let text = context.text(node)?;
        let comment = node
            .scalar()
            .and_then(|scalar| scalar.numbered_comment.as_ref());
        let Some(record) = RecordName::parse(&text) else {
            if let Some((place, number)) = comment {
                let problem = space_before_number(&text, number, *place);
                context.problems.push(problem);
                return None;
            }
            let text = format!("`{text}` names no record");
            let help = "write `shop#7`, `orders-0@4` or `orders/AAPL#3`";
            context.error_help(Kind::Record, node.place, text, help);
            return None;
        };
        self.check_record(context, &record, node.place);
        Some(record)
    }

    /// Whether there can be such a record.
    pub(crate) fn check_record(&self, context: &mut Context, record: &RecordName, place: Place) {
        match record {
            RecordName::Sent { actor, number } => self.check_sent(context, actor, *number, place),
            RecordName::Keyed { topic, .. } if !self.topics.contains(topic) => {
                let text = format!("topic `{topic}` is not in `topics`");
                let near = nearest(topic, self.topics.names());
                let problem = Problem::new(Kind::Name, place.part(0, topic.len()), text);
                let help = near.map(|near| format!("did you mean `{near}`?"));
                context.problems.push(problem.maybe_help(help));
            }
            RecordName::Keyed { .. } => {}
            RecordName::Stored {
                topic, partition, ..
            } => {
                self.check_partition(context, topic, *partition, place);
            }
        }
    }

    /// Whether the record of a fault, or of `process`, is known before the run.
    pub(crate) fn check_known_before(
        &self,
        context: &mut Context,
        record: &RecordName,
        place: Place,
    ) {
        if record.is_span() {
            let text = format!("`{record}` names several records, and one is due here");
            context.error(Kind::Record, place, text);
        }
        let RecordName::Keyed { topic, key, number } = record else {
            return;
        };
        if !self.topics.contains(topic) {
            return;
        }
        match keyed::find(self.producers, topic, key, *number) {
            Keyed::Record(..) => {}
            Keyed::Missing(count) => {
                let ordinal = ordinal(*number);
                let text = format!(
                    "`{topic}` is sent {count} records with key `{key}`, there is no {number}{ordinal}"
                );
                context.error(Kind::Record, place, text);
            }
            Keyed::Unknown => {
                context.not_yet(
                    place,
                    "a record by key here, with several senders or drawn keys",
                );
            }
        }
    }

    fn check_partition(&self, context: &mut Context, topic: &str, partition: u32, place: Place) {
        let text = match self.topics.get(topic) {
            None => format!("topic `{topic}` is not in `topics`"),
            Some(known) if known.partitions_max() <= partition => {
                let count = known.partitions_max();
                format!("topic `{topic}` has {count} partitions from 0, there is no {partition}")
            }
            Some(_) => return,
        };
        let near = nearest(topic, self.topics.names().filter(|known| *known != topic));
        let help = near.map(|near| format!("did you mean `{near}-{partition}`?"));
        let problem = Problem::new(Kind::Name, place, text);
        context.problems.push(problem.maybe_help(help));
    }

    fn check_sent(&self, context: &mut Context, actor: &str, number: u64, place: Place) {
        let at = place.part(0, actor.len());
        let family = match self.bearer(actor) {
            Some(Bearer::Instance(family)) => family,
            Some(Bearer::Producer(family)) => {
                let actors = self.producers.get(&family).map(|p| p.actors(&family));
                let first = actors.unwrap_or_default().join("`, `");
                let text =
                    format!("`{actor}` has several instances, each with its own record {number}");
                context.error_help(Kind::Name, at, text, format!("name one of `{first}`"));
                return;
            }
            Some(_) => {
                let text = format!("`{actor}` is no producer: only producers number their records");
                context.error(Kind::Name, at, text);
                return;
            }
            None => {
                self.nobody(context, actor, at);
                return;
            }
        };
        let sent = match self
            .producers
            .get(&family)
            .map(|producer| &producer.records)
        {
            Some(Records::Count(count)) => *count,
            Some(Records::Listed(list)) => list.len() as u64,
            None => return,
        };
        if sent < number {
            let records = if sent == 1 { "record" } else { "records" };
            let text = format!(
                "`{actor}` sends {sent} {records}, there is no {number}{}",
                ordinal(number)
            );
            let digits = number.to_string().len();
            context.error(Kind::Record, place.part(actor.len() + 1, digits), text);
        }
    }
}

/// The ending of an ordinal number.
fn ordinal(number: u64) -> &'static str {
    match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

/// Whether a name is `FAMILY-n` with `1 <= n <= count`.
fn numbered(name: &str, family: &str, count: u32) -> bool {
    name.strip_prefix(family)
        .and_then(|rest| rest.strip_prefix('-'))
        .filter(|digits| !digits.starts_with('0') && !digits.starts_with('+'))
        .and_then(|digits| digits.parse::<u32>().ok())
        .is_some_and(|number| (1..=count).contains(&number))
}
