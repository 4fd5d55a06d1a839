//! Faults: one verb, one trigger, parameters.

use super::cluster::PARTITIONS_MAX;
use super::fields::{Context, Fields};
use super::names::Names;
use super::producer::known_topic;
use super::{fault_network, fault_rules};
use crate::scenario::diagnostic::{Kind, Problem, line_of};
use crate::scenario::not_yet::{self, Area};
use crate::scenario::resolved::fault::{Action, Moment, Reset, Tail, Target, Trigger, Verb};
use crate::scenario::resolved::{Fault, Topic};
use crate::scenario::tree::{Entry, Node, Value};
use crate::scenario::value::{self, Drawn};
use crate::verdict::RecordName;
use crate::verdict::record::is_name;

/// `faults`.
pub(super) fn faults(context: &mut Context, node: Option<&Node>, names: &Names<'_>) -> Vec<Fault> {
    let Some(node) = node else { return Vec::new() };
    let items = context.items(node, "a list of faults");
    let mut faults: Vec<Fault> = Vec::new();
    for item in items {
        if let Some(fault) = fault(context, item, names) {
            faults.push(fault);
        }
    }
    // With a fault that could not be read, a name that nobody bears may be its name.
    if faults.len() == items.len() {
        fault_rules::check(context, items, &faults, names);
    }
    faults
}

fn fault(context: &mut Context, node: &Node, names: &Names<'_>) -> Option<Fault> {
    let Some(entries) = node.entries() else {
        context.expected("a fault such as `{ crash: workers, at: 10s }`", node);
        return None;
    };
    let entry = verb_entry(context, node, entries)?;
    let verb = Verb::parse(&entry.key)?;
    let mut fields = Fields::of(context, node, format!("a `{verb}` fault"), Area::Fault);
    fields.get(verb.word());
    let who = match verb {
        Verb::AddPartitions
        | Verb::DeleteRecords
        | Verb::ElectLeader
        | Verb::Cut
        | Verb::Heal
        | Verb::Slow => Vec::new(),
        _ => who(context, &entry.node, verb, names),
    };
    let action = action(context, &mut fields, entry, verb, who, names);
    let trigger = trigger(context, &mut fields, entry, verb, names);
    let record = fields.get("record").and_then(|node| {
        let record = names.record(context, node)?;
        names.check_known_before(context, &record, node.place);
        Some(record)
    });
    let mut fault = Fault::new(action?, trigger?);
    fault.record = record;
    fault.line = line_of(&context.source, node.place.start) as u32;
    let written = context.source.get(node.place.start..node.place.end);
    fault.written = one_line(written.unwrap_or_default());
    modifiers(context, &mut fields, &mut fault);
    fields.finish(context);
    fault_rules::check_one(context, node, entry, &fault, names);
    Some(fault)
}

/// A stretch of the file with its blanks and line breaks run together.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The one entry whose key is a verb.
fn verb_entry<'t>(context: &mut Context, node: &Node, entries: &'t [Entry]) -> Option<&'t Entry> {
    let not_yet: Vec<&Entry> = entries
        .iter()
        .filter(|entry| not_yet::is_not_yet(Area::Verb, &entry.key))
        .collect();
    let built: Vec<&Entry> = entries
        .iter()
        .filter(|entry| Verb::parse(&entry.key).is_some())
        .collect();
    match (built.as_slice(), not_yet.as_slice()) {
        ([one], []) => Some(one),
        ([], [later]) => {
            context.not_yet(later.key_place, &format!("the fault `{}`", later.key));
            None
        }
        ([], []) => {
            let known: Vec<&str> = Verb::ALL.iter().map(|verb| verb.word()).collect();
            let all = [known.as_slice(), not_yet::words(Area::Verb)].concat();
            let near = entries.iter().find_map(|entry| {
                let near = crate::scenario::suggest::nearest(&entry.key, all.iter().copied())?;
                Some((entry, near))
            });
            let list = format!("verbs: {}", all.join(", "));
            if let Some((entry, near)) = near {
                let text = format!("`{}` is no verb", entry.key);
                let help = format!("did you mean `{near}`? {list}");
                context.error_help(Kind::Fault, entry.key_place, text, help);
            } else {
                let text = "this fault has no verb";
                context.error_help(Kind::Fault, node.place, text, list);
            }
            None
        }
        _ => {
            let verbs = built
                .iter()
                .chain(&not_yet)
                .map(|entry| format!("`{}`", entry.key));
            let verbs: Vec<String> = verbs.collect();
            let text = format!("a fault has one verb, this has {}", verbs.join(" and "));
            context.error(Kind::Fault, node.place, text);
            None
        }
    }
}

/// Whom the verb befalls, as names that exist.
fn who(context: &mut Context, node: &Node, verb: Verb, names: &Names<'_>) -> Vec<String> {
    if matches!(node.value, Value::Map(_) | Value::Null) {
        context.expected(&format!("an actor to `{verb}`"), node);
        return Vec::new();
    }
    let items = context.one_or_more(node);
    let mut who: Vec<String> = Vec::new();
    for item in items {
        let Some(name) = names.any_actor(context, item) else {
            continue;
        };
        if who.contains(&name) {
            context.error(
                Kind::Name,
                item.place,
                format!("`{name}` stands here twice"),
            );
        } else {
            who.push(name);
        }
    }
    who
}

fn action(
    context: &mut Context,
    fields: &mut Fields<'_>,
    entry: &Entry,
    verb: Verb,
    who: Vec<String>,
    names: &Names<'_>,
) -> Option<Action> {
    let restart_after = |context: &mut Context, fields: &mut Fields<'_>| {
        let node = fields.get("restart-after")?;
        context.drawn_duration(node)
    };
    Some(match verb {
        Verb::Crash => Action::Crash {
            who,
            restart_after: restart_after(context, fields),
        },
        Verb::PowerLoss => Action::PowerLoss {
            who,
            restart_after: restart_after(context, fields),
            tail: tail(context, fields)?,
        },
        Verb::Close => Action::Close {
            who,
            restart_after: restart_after(context, fields),
        },
        Verb::Pause | Verb::Stall => {
            let length = required_length(context, fields, entry, verb)?;
            match verb {
                Verb::Pause => Action::Pause { who, length },
                _ => Action::Stall { who, length },
            }
        }
        Verb::Start => Action::Start { who },
        Verb::Seek => {
            let to = fields.get("to");
            let to = required_target(context, entry, to, names)?;
            Action::Seek { who, to }
        }
        Verb::SetOffsets => set_offsets(context, fields, entry, &who, names)?,
        Verb::Cut | Verb::Heal | Verb::Slow => {
            fault_network::link_action(context, fields, entry, verb, names)?
        }
        Verb::LoseRequest
        | Verb::LoseResponse
        | Verb::HoldRequest
        | Verb::HoldResponse
        | Verb::Refuse => fault_network::message_action(context, fields, entry, verb, who, names)?,
        Verb::AddPartitions => add_partitions(context, fields, entry, names)?,
        Verb::DeleteRecords => delete_records(context, fields, entry, names)?,
        Verb::ElectLeader => elect_leader(context, fields, entry, names)?,
    })
}

/// `add-partitions: orders, to: 6`.
fn add_partitions(
    context: &mut Context,
    fields: &mut Fields<'_>,
    entry: &Entry,
    names: &Names<'_>,
) -> Option<Action> {
    let topic = known_topic(context, &entry.node, names.topics);
    let Some(node) = fields.get("to") else {
        let text = "this `add-partitions` does not say how many the topic has then";
        context.error_help(Kind::Missing, entry.key_place, text, "e.g. `to: 6`");
        return None;
    };
    let to = context.count_in(node, 1, PARTITIONS_MAX)?;
    let topic = topic?;
    let before = names.topics.get(&topic).map_or(0, Topic::partitions);
    if to <= before {
        let text = format!("topic `{topic}` has {before} partitions already: Kafka only adds some");
        let help = "`to` is how many there are afterwards";
        context.error_help(Kind::Fault, node.place, text, help);
        return None;
    }
    Some(Action::AddPartitions { topic, to })
}

/// `tail: all`, `tail: drawn`, `tail: 3`.
fn tail(context: &mut Context, fields: &mut Fields<'_>) -> Option<Tail> {
    let Some(node) = fields.get("tail") else {
        return Some(Tail::All);
    };
    match node.text() {
        Some("all") => Some(Tail::All),
        Some("drawn") => Some(Tail::Drawn),
        _ => {
            let count = context.scalar(node, "`all`, `drawn` or a number of batches", value::count);
            count.map(Tail::Batches)
        }
    }
}

/// The partition that a verb is about.
fn known_partition(context: &mut Context, entry: &Entry, names: &Names<'_>) -> Option<String> {
    let text = context.text(&entry.node)?;
    names.known_partition(context, &text, entry.node.place)
}

/// `delete-records: orders-0, up-to: 40`.
fn delete_records(
    context: &mut Context,
    fields: &mut Fields<'_>,
    entry: &Entry,
    names: &Names<'_>,
) -> Option<Action> {
    let partition = known_partition(context, entry, names);
    let Some(node) = fields.get("up-to") else {
        let text = "this `delete-records` does not say up to where";
        let help = "e.g. `up-to: 40`, the first offset that stays, or `up-to: latest`";
        context.error_help(Kind::Missing, entry.key_place, text, help);
        return None;
    };
    let up_to = match node.text() {
        Some("latest") => None,
        _ => Some(context.scalar(node, "an offset, or `latest`", value::count)?),
    };
    let partition = partition?;
    Some(Action::DeleteRecords { partition, up_to })
}

/// `elect-leader: orders-0`, `elect-leader: orders-0, type: unclean`.
fn elect_leader(
    context: &mut Context,
    fields: &mut Fields<'_>,
    entry: &Entry,
    names: &Names<'_>,
) -> Option<Action> {
    let partition = known_partition(context, entry, names);
    let unclean = match fields.get("type") {
        None => false,
        Some(node) => match node.text() {
            Some("preferred") => false,
            Some("unclean") => true,
            _ => {
                context.expected("`preferred` or `unclean`", node);
                return None;
            }
        },
    };
    let partition = partition?;
    Some(Action::ElectLeader { partition, unclean })
}

/// How long a fault lasts that has to say so.
pub(super) fn required_length(
    context: &mut Context,
    fields: &mut Fields<'_>,
    entry: &Entry,
    verb: Verb,
) -> Option<Drawn<crate::base::Span>> {
    let Some(node) = fields.get("for") else {
        let text = format!("this `{verb}` does not say how long");
        context.error_help(Kind::Missing, entry.key_place, text, "e.g. `for: 30s`");
        return None;
    };
    context.drawn_duration(node)
}

fn required_target(
    context: &mut Context,
    entry: &Entry,
    to: Option<&Node>,
    names: &Names<'_>,
) -> Option<Target> {
    let Some(node) = to else {
        let text = format!("this `{}` does not say where to", entry.key);
        let help = "write `to: orders-0@40`, `to: earliest`, `to: latest` or a time: `to: 30s`";
        context.error_help(Kind::Missing, entry.key_place, text, help);
        return None;
    };
    let text = context.text(node)?;
    match text.as_str() {
        "earliest" => return Some(Target::Earliest),
        "latest" => return Some(Target::Latest),
        _ => {}
    }
    if let Ok(span) = value::signed_duration(&text) {
        return Some(Target::Time(span));
    }
    let record = RecordName::parse(&text).filter(|record| !record.is_span());
    let Some(RecordName::Stored {
        topic,
        partition,
        first,
        ..
    }) = record
    else {
        let text = format!("`{text}` is no place to seek to");
        let help = "write `orders-0@40`, `earliest`, `latest` or a time: `30s`";
        context.error_help(Kind::Value, node.place, text, help);
        return None;
    };
    let name = RecordName::Stored {
        topic: topic.clone(),
        partition,
        first,
        last: first,
    };
    names.check_record(context, &name, node.place);
    Some(Target::Offset {
        topic,
        partition,
        offset: first,
    })
}

fn set_offsets(
    context: &mut Context,
    fields: &mut Fields<'_>,
    entry: &Entry,
    who: &[String],
    names: &Names<'_>,
) -> Option<Action> {
    let (to, shift) = (fields.entry("to"), fields.entry("shift-by"));
    let reset = match (to, shift) {
        (Some(to), Some(shift)) => {
            let text = "`to` and `shift-by` cannot stand together";
            let problem = Problem::new(Kind::Conflict, to.key_place, text);
            context
                .problems
                .push(problem.also(shift.key_place).help("keep one"));
            return None;
        }
        (None, Some(shift)) => {
            let read = |text: &str| {
                let wrong = || value::wrong(format!("`{text}` is no whole number"));
                text.parse::<i64>().map_err(|_| wrong())
            };
            Reset::ShiftBy(context.scalar(&shift.node, "a whole number", read)?)
        }
        (to, None) => {
            let to = to.map(|entry| &entry.node);
            Reset::To(required_target(context, entry, to, names)?)
        }
    };
    let group = match who {
        [group] if names.groups.contains(group) => group.clone(),
        _ => {
            let text = "`set-offsets` takes one group";
            context.error(Kind::Fault, entry.node.place, text);
            return None;
        }
    };
    Some(Action::SetOffsets { group, to: reset })
}

/// The trigger: `None` if there is a mistake, `Some(None)` for a message verb.
#[allow(
    clippy::option_option,
    reason = "the outer level is the mistake already reported, the inner one a value of the format"
)]
fn trigger(
    context: &mut Context,
    fields: &mut Fields<'_>,
    entry: &Entry,
    verb: Verb,
    names: &Names<'_>,
) -> Option<Option<Trigger>> {
    let keys = ["at", "before", "after", "when"];
    let given: Vec<&Entry> = keys
        .into_iter()
        .filter_map(|key| fields.entry(key))
        .collect();
    let message = verb.is_message();
    let error = (verb != Verb::Refuse).then(|| fields.get("error"));
    let (of, error) = (fields.get("of"), error.flatten());
    let one = match given.as_slice() {
        [] if message => {
            narrows_nothing(context, [of, error]);
            return Some(None);
        }
        [] => {
            let text = "this fault never strikes: it has none of `at`, `before`, `after`, `when`";
            context.error_help(Kind::Fault, entry.key_place, text, "e.g. `at: 10s`");
            return None;
        }
        [one] if message => {
            let text = format!(
                "`{}` beside `{verb}`: the message itself is the trigger",
                one.key
            );
            let help = "narrow it with `request`, `to`, `record` and `nth`";
            context.error_help(Kind::Fault, one.key_place, text, help);
            return None;
        }
        [one] => one,
        [first, second, ..] => {
            let text = format!(
                "a fault has one trigger, this has `{}` and `{}`",
                first.key, second.key
            );
            let problem = Problem::new(Kind::Conflict, first.key_place, text);
            context
                .problems
                .push(problem.also(second.key_place).help("keep one"));
            return None;
        }
    };
    let trigger = match one.key.as_str() {
        "at" => Trigger::At(moment(context, &one.node)?),
        "when" => {
            let fact = super::must_happen::fact(context, &one.node, true)?;
            Trigger::When {
                fact,
                of: of.map_or_else(Vec::new, |node| narrowed(context, node, names)),
                error: error.and_then(|node| context.text(node)),
            }
        }
        side => {
            let step = fault_rules::step_name(context, &one.node)?;
            match side {
                "before" => Trigger::Before(step),
                _ => Trigger::After(step),
            }
        }
    };
    if !matches!(trigger, Trigger::When { .. }) {
        narrows_nothing(context, [of, error]);
    }
    Some(Some(trigger))
}

/// Reports `of` and `error` where no fact is waited for.
fn narrows_nothing(context: &mut Context, nodes: [Option<&Node>; 2]) {
    for node in nodes.into_iter().flatten() {
        let text = "`of` and `error` narrow the fact of a `when`";
        context.error(Kind::Fault, node.place, text);
    }
}

/// What narrows the fact of a `when`: actors, or one group, topic or partition.
fn narrowed(context: &mut Context, node: &Node, names: &Names<'_>) -> Vec<String> {
    let things = names.things(context, node);
    let is_actor = |name: &String| {
        let topic = names.topics.contains(name) || names.partition(name).is_some();
        !topic && !names.groups.contains(name)
    };
    if 1 < things.len() && !things.iter().all(is_actor) {
        let text = "`of` takes actors, or one group, topic or partition";
        context.error(Kind::Fault, node.place, text);
    }
    things
}

/// `10s`, `2s..8s`, `stall`, `stall + 3s`.
fn moment(context: &mut Context, node: &Node) -> Option<Moment> {
    let text = context.text_of_any(node)?;
    let (name, after) = match text.split_once(" + ") {
        Some((name, span)) => (name, Some(span)),
        None => (text.as_str(), None),
    };
    let begins_with_letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_name(name) && begins_with_letter {
        let span = match after {
            Some(span) => context.read_part(node, span, value::duration)?,
            None => crate::base::Span::ZERO,
        };
        let name = name.to_owned();
        return Some(Moment::AfterFault { name, span });
    }
    let read = |text: &str| value::drawn(text, value::duration);
    context
        .scalar(node, "an instant such as `10s`", read)
        .map(Moment::Time)
}

fn modifiers(context: &mut Context, fields: &mut Fields<'_>, fault: &mut Fault) {
    if let Some(node) = fields.get("nth") {
        let read = |text: &str| value::drawn(text, value::count);
        let nth = context.scalar(node, "a number, counted from 1", read);
        let least = nth.map(|nth| match nth {
            Drawn::One(value) | Drawn::Between(value, _) => value,
        });
        if least == Some(0) {
            context.error(Kind::Value, node.place, "`nth` counts from 1");
        }
        fault.nth = nth.unwrap_or(fault.nth);
    }
    if let Some(node) = fields.get("times") {
        let times = context.count_in(node, 1, 1_000_000);
        fault.times = times.map_or(fault.times, u64::from);
    }
    fault.every = fields.get("every").and_then(|node| context.timing(node));
    if let Some(node) = fields.get("name") {
        fault.name = context.text(node);
        if let Some(name) = &fault.name {
            context.name(name, node.place);
            if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let text =
                    "the name of a fault begins with a letter: else `at:` would read an instant";
                context.error(Kind::Name, node.place, text);
            }
        }
    }
    if let Some(node) = fields.get("optional") {
        fault.optional = context.boolean(node).unwrap_or(false);
    }
}
