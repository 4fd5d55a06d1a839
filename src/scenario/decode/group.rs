//! Consumer groups.

use super::config::{self, Owner, Written};
use super::except;
use super::fields::{Context, Fields};
use super::producer::{ACTORS_MAX, clock, known_topic, life};
use super::sink::use_of_sink;
use super::steps::{self, Where};
use crate::scenario::diagnostic::{Kind, Problem};
use crate::scenario::not_yet::Area;
use crate::scenario::origin::Origin;
use crate::scenario::resolved::client::{Fails, Process, ProcessFailure};
use crate::scenario::resolved::step::{Expanded, LoopName};
use crate::scenario::resolved::{Group, Member, Named, Sink, Step, Topic};
use crate::scenario::tree::{Entry, Node};
use crate::verdict::record::split_partition;
use crate::verdict::{RecordName, words};

words! {
    /// Whose protocol a group speaks.
    pub(crate) enum GroupType {
        /// A consumer group.
        Consumer = "consumer",
    }
}

/// One group.
pub(super) fn group(
    context: &mut Context,
    node: &Node,
    name: &str,
    (topics, sinks): (&Named<Topic>, &Named<Sink>),
) -> Group {
    let what = format!("group `{name}`");
    let mut fields = Fields::of(context, node, what.as_str(), Area::Group);
    let members = fields.get("members");
    let members = members.and_then(|node| context.count_in(node, 1, ACTORS_MAX));
    if let Some(node) = fields.get("type") {
        let _: Option<GroupType> = context.word(node, Area::GroupType);
    }
    let committed = fields.get("committed");
    let committed = committed.map(|node| committed_offsets(context, node, topics));
    let exceptions = fields.get("except");
    context.begin(&["groups", name]);
    let all = member(context, fields, node, name, (topics, sinks));
    let mut group = Group {
        members: members.unwrap_or(1),
        committed: committed.unwrap_or_default(),
        all,
        except: Named::default(),
    };
    let actors = group.actors(name);
    let shared = ["members", "type", "committed"];
    for (actor, merged) in except::members(context, node, exceptions, &actors, &shared) {
        let mut fields = Fields::of(context, &merged, what.as_str(), Area::Group);
        for key in ["members", "type", "committed", "except"] {
            fields.get(key);
        }
        context.begin(&["groups", name, "except", &actor]);
        let one = member(context, fields, &merged, name, (topics, sinks));
        group.except.set(actor, one);
    }
    except::fill_actor(&mut group.all, &mut group.except, &actors, |member| {
        &mut member.config
    });
    group
}

fn member(
    context: &mut Context,
    mut fields: Fields<'_>,
    node: &Node,
    name: &str,
    (topics, sinks): (&Named<Topic>, &Named<Sink>),
) -> Member {
    let mut member = Member {
        topics: subscription(context, &mut fields, node, name, topics),
        ..Member::default()
    };
    (member.start_at, member.stop_at) = life(context, &mut fields);
    if let Some(node) = fields.get("process") {
        member.process = process(context, node, topics);
    }
    let mistakes = context.problems.len();
    let loop_name = the_loop(context, &mut fields, &mut member, name);
    listeners(context, &mut fields, &mut member, name);
    if mistakes < context.problems.len() {
        context.unread_loops.insert(name.to_owned());
    }
    use_of_sink(context, &mut fields, node, &mut member, (name, sinks));
    if let Some(node) = fields.get("on-commit-failure") {
        let failure = context.word(node, Area::Nothing);
        member.on_commit_failure = failure.unwrap_or(member.on_commit_failure);
    }
    if let Some(node) = fields.get("on-poll-failure") {
        let failure = context.word(node, Area::Nothing);
        member.on_poll_failure = failure.unwrap_or(member.on_poll_failure);
    }
    if let Some(node) = fields.get("workers") {
        let workers = context.count_in(node, 1, 1_000);
        member.workers = workers.unwrap_or(member.workers);
    }
    if let Some(node) = fields.get("client") {
        let client = context.word(node, Area::Nothing);
        member.client = client.unwrap_or(member.client);
    }
    clock(context, &mut fields);
    let owner = Owner::Consumer(member.client, name);
    let mut written = config::written(context, &mut fields, owner);
    auto_commit(context, node, &member, loop_name, &mut written);
    member.config = config::client(context, &written, owner);
    fields.finish(context);
    member
}

/// `topics`, `pattern` or `assign`: exactly one.
fn subscription(
    context: &mut Context,
    fields: &mut Fields<'_>,
    node: &Node,
    name: &str,
    topics: &Named<Topic>,
) -> Vec<String> {
    let other = ["pattern", "assign"]
        .into_iter()
        .find_map(|key| node.entry(key).filter(|entry| !entry.node.is_null()));
    let Some(entry) = fields.entry("topics") else {
        if other.is_none() {
            let text = format!("group `{name}` needs `topics`: what it subscribes to");
            context.error(Kind::Missing, node.place, text);
        }
        return Vec::new();
    };
    if let Some(other) = other {
        let text = format!("`topics` and `{}` cannot stand together", other.key);
        let problem = Problem::new(Kind::Conflict, entry.key_place, text);
        context
            .problems
            .push(problem.also(other.key_place).help("keep one"));
    }
    let items = context.items(&entry.node, "a list of topics");
    if items.is_empty() && entry.node.scalar().is_none() {
        context.error(Kind::Value, entry.node.place, "the list is empty");
    }
    let names = items
        .iter()
        .filter_map(|item| known_topic(context, item, topics));
    names.collect()
}

/// `process`: a time, or a map.
fn process(context: &mut Context, node: &Node, topics: &Named<Topic>) -> Process {
    let mut process = Process::default();
    if node.entries().is_none() || is_distribution(node) {
        let time = context.timing(node);
        process.time = time.unwrap_or(process.time);
        return process;
    }
    let mut fields = Fields::of(context, node, "`process`", Area::Process);
    if let Some(node) = fields.get("time") {
        let time = context.timing(node);
        process.time = time.unwrap_or(process.time);
    }
    if let Some(node) = fields.get("slow") {
        process.slow = by_record(context, node, Context::duration);
    }
    if let Some(node) = fields.get("fails") {
        process.fails = by_record(context, node, fails);
    }
    if let Some(node) = fields.get("retries") {
        let retries = context.count_in(node, 0, 1_000_000);
        process.retries = retries.map_or(process.retries, u64::from);
    }
    if let Some(node) = fields.get("backoff") {
        let backoff = context.duration(node);
        process.backoff = backoff.unwrap_or(process.backoff);
    }
    let on_failure = fields.get("on-failure");
    if let Some(node) = on_failure {
        let failure = context.word(node, Area::Nothing);
        process.on_failure = failure.unwrap_or(process.on_failure);
    }
    let send_to = fields.entry("send-to");
    process.send_to = send_to.and_then(|entry| known_topic(context, &entry.node, topics));
    match (process.on_failure, send_to, on_failure) {
        (ProcessFailure::Send, None, Some(node)) => {
            let text = "`on-failure: send` needs a topic";
            context.error_help(
                Kind::Missing,
                node.place,
                text,
                "write `send-to: TOPIC` beside it",
            );
        }
        (failure, Some(entry), _) if failure != ProcessFailure::Send => {
            let text = format!("`send-to` has no effect with `on-failure: {failure}`");
            let help = "write `on-failure: send`, or remove `send-to`";
            context.error_help(Kind::Conflict, entry.key_place, text, help);
        }
        _ => {}
    }
    fields.finish(context);
    process
}

/// How often the work on a record fails: a number, or `always`.
fn fails(context: &mut Context, node: &Node) -> Option<Fails> {
    if node.text() == Some("always") {
        return Some(Fails::Always);
    }
    let times = context.count_in(node, 0, u64::from(u32::MAX))?;
    Some(Fails::Times(u64::from(times)))
}

/// Whether a map is a distribution of times and not the long form of `process`.
fn is_distribution(node: &Node) -> bool {
    let entries = node.entries().unwrap_or_default();
    let only = |entry: &Entry| matches!(entry.key.as_str(), "exponential" | "weighted");
    !entries.is_empty() && entries.iter().all(only)
}

/// A map from records to something.
fn by_record<T>(
    context: &mut Context,
    node: &Node,
    read: impl Fn(&mut Context, &Node) -> Option<T>,
) -> Vec<(RecordName, T)> {
    let Some(entries) = node.entries() else {
        context.expected("a map from records", node);
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for entry in entries {
        let record = record_key(context, entry);
        let value = read(context, &entry.node);
        if let (Some(record), Some(value)) = (record, value) {
            pairs.push((record, value));
        }
    }
    pairs
}

fn record_key(context: &mut Context, entry: &Entry) -> Option<RecordName> {
    let record = RecordName::parse(&entry.key).filter(|record| !record.is_span());
    if record.is_none() {
        let text = format!("`{}` names no record", entry.key);
        let help = "write `shop#7`, `orders-0@4` or `orders/AAPL#3`";
        context.error_help(Kind::Record, entry.key_place, text, help);
    }
    record
}

/// `commit` or `loop`: the steps, and the loop's name if it has one.
fn the_loop(
    context: &mut Context,
    fields: &mut Fields<'_>,
    member: &mut Member,
    name: &str,
) -> Option<LoopName> {
    let (commit, own) = (fields.entry("commit"), fields.entry("loop"));
    if let (Some(commit), Some(own)) = (commit, own) {
        both(context, commit, own, name);
        return None;
    }
    if let Some(own) = own {
        member.steps = steps::read(context, &own.node, Where::Loop, name);
        (member.on_assigned, member.on_close) = (Vec::new(), Vec::new());
        return None;
    }
    let named = match commit {
        Some(commit) => context.word(&commit.node, Area::Loop)?,
        None => LoopName::AfterProcessing,
    };
    let Expanded {
        steps,
        on_assigned,
        on_close,
    } = named.expand();
    (member.steps, member.on_assigned, member.on_close) = (steps, on_assigned, on_close);
    Some(named)
}

/// Both `commit` and `loop`: an overlay does not choose.
fn both(context: &mut Context, commit: &Entry, own: &Entry, name: &str) {
    let text = format!("group `{name}` has both `commit` and `loop`");
    let problem = Problem::new(Kind::Conflict, own.key_place, text).also(commit.key_place);
    let overlay = |entry: &Entry| context.overlay_of(entry.key_place).map(str::to_owned);
    let told = |variant: String, sets: &str, other: &str| {
        format!(
            "keep one. The overlay `{variant}` sets `{sets}`, the file sets `{other}`: \
             write `{other}: null` in the overlay"
        )
    };
    let help = match (overlay(own), overlay(commit)) {
        (Some(variant), None) => told(variant, "loop", "commit"),
        (None, Some(variant)) => told(variant, "commit", "loop"),
        _ => "keep one".to_owned(),
    };
    context.problems.push(problem.help(help));
}

fn listeners(context: &mut Context, fields: &mut Fields<'_>, member: &mut Member, name: &str) {
    let mut list = |key: &'static str| {
        let node = fields.get(key)?;
        Some(steps::read(context, node, Where::Listener(key), name))
    };
    let revoked = list("on-revoked");
    let assigned = list("on-assigned");
    let lost = list("on-lost");
    let close = list("on-close");
    member.on_revoked = revoked.unwrap_or_default();
    member.on_assigned = assigned.unwrap_or_else(|| std::mem::take(&mut member.on_assigned));
    // The default of Kafka's `ConsumerRebalanceListener.onPartitionsLost`.
    member.on_lost = lost.unwrap_or_else(|| member.on_revoked.clone());
    member.on_close = close.unwrap_or_else(|| std::mem::take(&mut member.on_close));
}

/// `enable.auto.commit`: what the loop implies, and whether the settings contradict it.
fn auto_commit(
    context: &mut Context,
    node: &Node,
    member: &Member,
    loop_name: Option<LoopName>,
    written: &mut Written,
) {
    const KEY: &str = "enable.auto.commit";
    let with_offset = |step: &Step| *step == Step::StoreWithOffset;
    let commits = member.has(|step| step.commits() || step.is_any(&with_offset));
    let auto = loop_name.is_some_and(LoopName::is_auto);
    let given = written
        .get(KEY)
        .map(|text| text.trim().to_ascii_lowercase());
    let place = written.place(KEY).unwrap_or(node.place);
    match given.as_deref() {
        Some("true") if commits => {
            let text =
                format!("the loop commits or stores offsets itself, so `{KEY}` is `false` for it");
            let help = format!("remove `{KEY}: true`, or write `commit: auto`");
            context.error_help(Kind::Conflict, place, text, help);
        }
        Some("false") if auto => {
            let name = loop_name.map_or("auto", LoopName::word);
            let text = format!("`commit: {name}` stands for `{KEY}=true`");
            let help = format!("remove `{KEY}: false`, or write another loop");
            context.error_help(Kind::Conflict, place, text, help);
        }
        Some(_) => {}
        None if commits || auto => {
            let value = if commits { "false" } else { "true" };
            written.imply(KEY, value, node.place, Origin::Loop);
        }
        None => {}
    }
}

/// `committed: { orders-0: 40 }`.
fn committed_offsets(context: &mut Context, node: &Node, topics: &Named<Topic>) -> Named<u64> {
    let mut offsets = Named::default();
    for entry in context.named(Some(node)) {
        let known = split_partition(&entry.key)
            .is_some_and(|(topic, p)| topics.get(topic).is_some_and(|t| p < t.partitions()));
        if !known {
            let text = format!("`{}` is no partition of a listed topic", entry.key);
            context.error(Kind::Name, entry.key_place, text);
        }
        if let Some(offset) = context.count(&entry.node) {
            offsets.set(entry.key.clone(), offset);
        }
    }
    offsets
}
