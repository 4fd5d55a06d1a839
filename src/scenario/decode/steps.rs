//! Steps of loops and listeners, and where each may stand.

use super::fields::{Context, Fields};
use crate::scenario::diagnostic::{Kind, Problem};
use crate::scenario::not_yet::{self, Area};
use crate::scenario::resolved::Step;
use crate::scenario::resolved::step::{OffsetCommit, Offsets, POLL_TIMEOUT, Revoked};
use crate::scenario::tree::{Entry, Node, Place, Value};

/// The steps that are built.
const STEPS: [&str; 12] = [
    "poll",
    "each",
    "process",
    "commit-sync",
    "commit-async",
    "hand-off",
    "store",
    "store-all",
    "store-with-offset",
    "seek-to-stored",
    "sleep",
    "close",
];

/// Where a list of steps stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// The loop itself.
    Loop,
    /// Inside `each`.
    Each,
    /// Inside `hand-off`.
    HandOff,
    /// A listener, by its key.
    Listener(&'static str),
}

/// Reads a list of steps of a group.
pub(super) fn read(context: &mut Context, node: &Node, place: Where, group: &str) -> Vec<Step> {
    let items = context.items(node, "a list of steps");
    let mut steps = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if let Some((step, word)) = step(context, item, place, group) {
            check_place(context, &step, word, place, index);
            steps.push(step);
        }
    }
    let nothing = items.is_empty() && matches!(node.value, Value::List(_));
    if nothing && !matches!(place, Where::Listener(_)) {
        context.error(Kind::Step, node.place, "a list of steps needs at least one");
    }
    if place == Where::Loop
        && let (Some(first), Some(item)) = (steps.first(), items.first())
        && !matches!(first, Step::Poll { .. })
    {
        let text = format!("the loop of group `{group}` must begin with `poll`");
        context.error(Kind::Step, item.place, text);
    }
    if place == Where::Loop && !steps.is_empty() && !steps.iter().any(handles) {
        let text = format!("the loop of group `{group}` does nothing with the records it polls");
        let help = "add `{ each: [process] }`, or `hand-off`";
        context.error_help(Kind::Step, node.place, text, help);
    }
    steps
}

fn handles(step: &Step) -> bool {
    matches!(step, Step::Each(_) | Step::HandOff { .. })
}

/// One step and the place of its word.
fn step(context: &mut Context, node: &Node, place: Where, group: &str) -> Option<(Step, Place)> {
    match &node.value {
        Value::Scalar(scalar) => {
            let step = from_word(context, &scalar.text, node.place, place)?;
            Some((step, node.place))
        }
        Value::Map(entries) => {
            let [entry] = entries.as_slice() else {
                let text = "a step is one word, or a map of one word to its parameters";
                context.error(Kind::Step, node.place, text);
                return None;
            };
            let step = from_entry(context, entry, place, group)?;
            Some((step, entry.key_place))
        }
        Value::Null | Value::List(_) => {
            context.expected("a step", node);
            None
        }
    }
}

fn from_word(context: &mut Context, word: &str, at: Place, place: Where) -> Option<Step> {
    let commit = OffsetCommit::of(default_offsets(place));
    Some(match word {
        "poll" => Step::poll(),
        "process" => Step::Process,
        "commit-sync" => Step::CommitSync(commit),
        "commit-async" => Step::CommitAsync(commit),
        "hand-off" => Step::hand_off(),
        "store" => Step::Store,
        "store-all" => Step::StoreAll,
        "store-with-offset" => Step::StoreWithOffset,
        "seek-to-stored" => Step::SeekToStored,
        "close" => Step::Close,
        "each" => {
            let help = "write `{ each: [process] }`";
            context.error_help(Kind::Step, at, "`each` needs its list of steps", help);
            return None;
        }
        "sleep" => {
            let help = "write `{ sleep: 5s }`";
            context.error_help(Kind::Step, at, "`sleep` needs its duration", help);
            return None;
        }
        other => {
            unknown(context, other, at);
            return None;
        }
    })
}

fn unknown(context: &mut Context, word: &str, at: Place) {
    if not_yet::is_not_yet(Area::Step, word) {
        context.not_yet(at, &format!("the step `{word}`"));
        return;
    }
    let words = [STEPS.as_slice(), not_yet::words(Area::Step)].concat();
    context.unknown_word(at, word, &words);
}

fn from_entry(context: &mut Context, entry: &Entry, place: Where, group: &str) -> Option<Step> {
    let node = &entry.node;
    Some(match entry.key.as_str() {
        "each" => Step::Each(read(context, node, Where::Each, group)),
        "sleep" => Step::Sleep(context.duration(node)?),
        "poll" => {
            let mut fields = Fields::of(context, node, "`poll`", Area::PollStep);
            let timeout = fields
                .get("timeout")
                .and_then(|node| context.duration(node));
            fields.finish(context);
            Step::Poll {
                timeout: timeout.unwrap_or(POLL_TIMEOUT),
            }
        }
        "commit-sync" => Step::CommitSync(commit(context, node, place)),
        "commit-async" => Step::CommitAsync(commit(context, node, place)),
        "hand-off" => hand_off(context, node, group),
        "process" | "store" | "store-all" | "store-with-offset" | "seek-to-stored" | "close" => {
            let text = format!("`{}` takes no parameters", entry.key);
            context.error(Kind::Step, node.place, text);
            return None;
        }
        other => {
            unknown(context, other, entry.key_place);
            return None;
        }
    })
}

fn hand_off(context: &mut Context, node: &Node, group: &str) -> Step {
    let mut fields = Fields::of(context, node, "`hand-off`", Area::HandOffStep);
    let inner = fields.get("steps");
    let inner = inner.map(|node| read(context, node, Where::HandOff, group));
    let queue = fields.get("queue");
    let queue = queue.and_then(|node| context.count_in(node, 1, u64::from(u32::MAX)));
    let revoked = fields.get("revoked");
    let revoked = revoked.and_then(|node| context.word(node, Area::Nothing));
    fields.finish(context);
    Step::HandOff {
        steps: inner.unwrap_or_else(|| vec![Step::Process]),
        queue: queue.map(u64::from),
        revoked: revoked.unwrap_or(Revoked::Keep),
    }
}

fn default_offsets(place: Where) -> Offsets {
    match place {
        Where::Each => Offsets::ThisRecord,
        Where::Loop | Where::HandOff | Where::Listener(_) => Offsets::Polled,
    }
}

fn commit(context: &mut Context, node: &Node, place: Where) -> OffsetCommit {
    let mut fields = Fields::of(context, node, "an offset commit", Area::CommitStep);
    let mut commit = OffsetCommit::of(default_offsets(place));
    if let Some(node) = fields.get("offsets") {
        let offsets = context.word(node, Area::Nothing);
        commit.offsets = offsets.unwrap_or(commit.offsets);
        if commit.offsets == Offsets::ThisRecord && place != Where::Each {
            let text = "`this-record` is only known inside `each`";
            context.error(Kind::Step, node.place, text);
        }
    }
    if let Some(node) = fields.get("every") {
        let every = context.count_in(node, 1, 1_000_000_000);
        commit.every = every.map_or(commit.every, u64::from);
    }
    if let Some(node) = fields.get("shift") {
        let read = |text: &str| match text {
            "-1" => Ok(-1),
            "0" => Ok(0),
            "1" => Ok(1),
            _ => Err(crate::scenario::value::wrong(format!(
                "`{text}` is no shift: -1 (the offset itself), 0 (the next, as Kafka wants it) or 1"
            ))),
        };
        commit.shift = context.scalar(node, "-1, 0 or 1", read).unwrap_or(0);
    }
    fields.finish(context);
    commit
}

/// Where each step may stand.
fn check_place(context: &mut Context, step: &Step, word: Place, place: Where, index: usize) {
    let problem = match (step, place) {
        (Step::Poll { .. }, Where::Loop) if index == 0 => None,
        (Step::Poll { .. }, _) => Some("comes first in the loop, and only there"),
        (Step::Process, Where::Each | Where::HandOff) => None,
        (Step::Process, _) => Some("stands inside `each`: it works on one record"),
        (Step::Store | Step::StoreWithOffset, Where::Each | Where::HandOff) => None,
        (Step::Store | Step::StoreWithOffset, _) => {
            Some("stands inside `each` or `hand-off`: it is one row")
        }
        (Step::SeekToStored, Where::Listener("on-assigned")) => None,
        (Step::SeekToStored, _) => Some("stands in `on-assigned`: there reading begins"),
        (Step::CommitSync(_) | Step::CommitAsync(_), Where::HandOff) => Some(
            "cannot stand inside `hand-off`: a consumer belongs to one thread (KafkaConsumer \
             throws ConcurrentModificationException)",
        ),
        (Step::CommitSync(_) | Step::CommitAsync(_) | Step::Sleep(_), _) => None,
        (Step::Each(_) | Step::HandOff { .. } | Step::StoreAll | Step::Close, Where::Loop) => None,
        (Step::Each(_) | Step::HandOff { .. } | Step::StoreAll | Step::Close, _) => {
            Some("stands in the loop itself, not inside another step or a listener")
        }
    };
    if let Some(rule) = problem {
        let text = format!("`{}` {rule}", step.word());
        let problem = Problem::new(Kind::Step, word, text);
        context.problems.push(problem.maybe_help(match step {
            Step::Process => Some("write `{ each: [process] }`".to_owned()),
            Step::Store | Step::StoreWithOffset => {
                Some(format!("write `{{ each: [process, {}] }}`", step.word()))
            }
            _ => None,
        }));
    }
}
