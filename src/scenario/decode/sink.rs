//! Sinks, and which of them a group stores into.

use super::fields::{Context, Fields};
use crate::scenario::diagnostic::Kind;
use crate::scenario::not_yet::Area;
use crate::scenario::resolved::client::Effect;
use crate::scenario::resolved::sink::{OnConflict, Rate, Sink, SinkFailure, Unique};
use crate::scenario::resolved::{Member, Named};
use crate::scenario::suggest::nearest;
use crate::scenario::tree::Node;
use crate::scenario::value::{self, Wrong};

/// The most requests per second: the time between two is a whole number of nanoseconds.
const RATE_MAX: u64 = 1_000_000_000;

/// One sink.
pub(super) fn sink(context: &mut Context, node: &Node, name: &str) -> Sink {
    let mut sink = Sink::default();
    let mut fields = Fields::of(context, node, format!("sink `{name}`"), Area::Sink);
    if let Some(node) = fields.get("latency") {
        sink.latency = context.timing(node).unwrap_or(sink.latency);
    }
    if let Some(node) = fields.get("per-row") {
        sink.per_row = context.timing(node).unwrap_or(sink.per_row);
    }
    let capacity = fields.get("capacity");
    sink.capacity = capacity.and_then(|node| context.scalar(node, "a rate", rate));
    if let Some(entry) = fields.entry("queue") {
        let queue = context.count_in(&entry.node, 0, u64::from(u32::MAX));
        sink.queue = queue.map(u64::from);
        if capacity.is_none() {
            let text = "`queue` has no effect without `capacity`: no request ever waits";
            let help = "write `capacity: 50/s` beside it, or remove `queue`";
            context.error_help(Kind::Conflict, entry.key_place, text, help);
        }
    }
    if let Some(node) = fields.get("timeout") {
        sink.timeout = context.duration(node).unwrap_or(sink.timeout);
    }
    if let Some(node) = fields.get("bulk") {
        sink.bulk = context.word(node, Area::Nothing).unwrap_or(sink.bulk);
    }
    if let Some(node) = fields.get("unique") {
        sink.unique = context.word(node, Area::Unique).unwrap_or(sink.unique);
    }
    let conflict = fields.entry("on-conflict");
    if sink.unique != Unique::None {
        sink.on_conflict = Some(OnConflict::Ignore);
    }
    if let Some(entry) = conflict {
        let word = context.word(&entry.node, Area::Nothing);
        if sink.unique == Unique::None {
            let text = "`on-conflict` needs `unique`: without it no row is there already";
            let help = "write `unique: record` beside it, or remove `on-conflict`";
            context.error_help(Kind::Conflict, entry.key_place, text, help);
        } else {
            sink.on_conflict = word.or(sink.on_conflict);
        }
    }
    fields.finish(context);
    sink
}

/// `50/s`.
fn rate(text: &str) -> Result<Rate, Wrong> {
    let help = || Some("a whole number of requests per second, such as `50/s`".to_owned());
    let Some(number) = text.strip_suffix("/s") else {
        return Err(Wrong {
            text: format!("`{text}` is no rate"),
            help: help(),
        });
    };
    match value::count(number)? {
        count @ 1..=RATE_MAX => Ok(Rate(count)),
        _ => Err(Wrong {
            text: format!("`{text}` is not between 1/s and {RATE_MAX}/s"),
            help: help(),
        }),
    }
}

/// `effect`, `sink` and `on-sink-failure` of a group, once its steps are known.
pub(super) fn use_of_sink(
    context: &mut Context,
    fields: &mut Fields<'_>,
    node: &Node,
    member: &mut Member,
    (name, sinks): (&str, &Named<Sink>),
) {
    let unread = context.unread_loops.contains(name);
    let stores = member.stores();
    let rows = member.stores_rows();
    member.effect = if rows { Effect::Store } else { Effect::Process };
    if let Some(node) = fields.get("effect") {
        let effect = context.word(node, Area::Effect);
        member.effect = effect.unwrap_or(member.effect);
        if effect == Some(Effect::Store) && !rows && !unread {
            let text = format!("the loop of group `{name}` stores nothing, so no row is an effect");
            let help = "its loop needs `store`, `store-all` or `store-with-offset`";
            context.error_help(Kind::Conflict, node.place, text, help);
        }
    }
    let (sink, on_failure) = (fields.entry("sink"), fields.entry("on-sink-failure"));
    if !stores {
        for entry in [sink, on_failure].into_iter().flatten().filter(|_| !unread) {
            let text = format!(
                "`{}` has no effect: the loop of group `{name}` stores nothing",
                entry.key
            );
            context.error(Kind::Conflict, entry.key_place, text);
        }
        return;
    }
    let failure = on_failure.and_then(|entry| context.word(&entry.node, Area::Nothing));
    member.on_sink_failure = Some(failure.unwrap_or(SinkFailure::Retry));
    member.sink = match sink {
        Some(entry) => known_sink(context, &entry.node, sinks),
        None => only_sink(context, node, name, sinks),
    };
}

fn known_sink(context: &mut Context, node: &Node, sinks: &Named<Sink>) -> Option<String> {
    let name = context.text(node)?;
    if sinks.contains(&name) {
        return Some(name);
    }
    let text = format!("sink `{name}` is not in `sinks`");
    let help = match nearest(&name, sinks.names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write `sinks: {{ {name}: {{}} }}`"),
    };
    context.error_help(Kind::Name, node.place, text, help);
    None
}

fn only_sink(
    context: &mut Context,
    node: &Node,
    name: &str,
    sinks: &Named<Sink>,
) -> Option<String> {
    let names: Vec<&str> = sinks.names().collect();
    let (text, help) = match names.as_slice() {
        [one] => return Some((*one).to_owned()),
        [] => (
            format!("group `{name}` stores rows, and the file has no sink"),
            "write `sinks: { db: {} }`".to_owned(),
        ),
        several => (
            format!("group `{name}` stores rows, and does not say into which sink"),
            format!(
                "write `sink: {}`; there are {}",
                several[0],
                several.join(", ")
            ),
        ),
    };
    let place = ["loop", "commit"]
        .into_iter()
        .find_map(|key| node.entry(key));
    let place = place.map_or(node.place, |entry| entry.key_place);
    context.error_help(Kind::Missing, place, text, help);
    None
}
