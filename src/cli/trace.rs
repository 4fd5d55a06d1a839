//! `trace`: a run told fact by fact, as lines or as JSON lines.

use super::args::Trace;
use super::input::{self, Refusal};
use super::printer::Printer;
use super::status::Status;
use crate::base::{GroupId, Instant, NodeId, Span, TopicPartition};
use crate::kafka::Cast;
use crate::lab::Experiment;
use crate::report::{Tone, text::grouped};
use crate::scenario::nearest;
use crate::trace::focus::narrowed;
use crate::trace::{Condenser, Detail, Focus, Layout, json};
use crate::verdict::record::split_partition;

/// Tells a run.
pub(super) fn trace(args: &Trace, as_json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    let experiment = input::experiment(&args.file, &args.choice, printer)?;
    let mut focus = focus(args, as_json, &experiment)?;
    let cast = &experiment.setup.cast;
    let lines_max = experiment.scenario.limits.trace;
    let one_by_one = args.all || focus.record.is_some();
    let mut condenser = if one_by_one {
        Condenser::plain()
    } else {
        Condenser::joining()
    };
    let mut lines = 0_u64;
    experiment.watched(&mut |stated| {
        if !focus.admits(cast, stated) {
            return;
        }
        lines += 1;
        if lines_max < lines {
            return;
        }
        if as_json {
            printer.line(json::value_of(cast, stated));
        } else {
            match focus.record {
                Some(record) => condenser.push(cast, &narrowed(stated, record)),
                None => condenser.push(cast, stated),
            }
        }
    });
    let layout = Layout::new(cast);
    for line in condenser.finish(cast) {
        let tone = if line.fault { Tone::Bad } else { Tone::Plain };
        printer.toned(tone, layout.render(cast, &line));
    }
    if lines_max < lines {
        let more = grouped(lines - lines_max);
        printer.remark(
            Tone::Plain,
            format_args!("{more} further facts (limits.trace)"),
        );
    }
    Ok(Status::AsExpected)
}

/// What the arguments ask to see.
fn focus(args: &Trace, as_json: bool, experiment: &Experiment) -> Result<Focus, Refusal> {
    let cast = &experiment.setup.cast;
    let instant = |span: Span| Instant::ZERO + span;
    let record = |name: &String| input::record(experiment, &experiment.run(), name);
    Ok(Focus {
        record: args.record.as_ref().map(record).transpose()?,
        partition: args
            .partition
            .as_ref()
            .map(|name| partition(experiment, name))
            .transpose()?,
        actors: args
            .actor
            .as_ref()
            .map_or(Ok(Vec::new()), |name| actors(cast, name))?,
        group: args
            .group
            .as_ref()
            .map(|name| group(cast, name))
            .transpose()?,
        from: args.from.map(instant),
        to: args.to.map(instant),
        detail: if args.all || as_json {
            Detail::All
        } else {
            Detail::Lesson
        },
        ..Focus::default()
    })
}

fn partition(experiment: &Experiment, name: &str) -> Result<TopicPartition, Refusal> {
    let cast = &experiment.setup.cast;
    let no_such = |help| Refusal::argument(format!("there is no partition `{name}`"), help);
    let (topic, number) = split_partition(name)
        .ok_or_else(|| no_such(Some("a partition is written `orders-0`".to_owned())))?;
    let names = || cast.topics.iter().map(String::as_str);
    let id = cast.topic_id(topic).ok_or_else(|| {
        let near = nearest(topic, names());
        no_such(near.map(|near| format!("did you mean `{near}-{number}`?")))
    })?;
    let partitions = experiment.setup.topics[id.index()].partitions_max;
    if partitions <= number {
        let help = format!(
            "`{topic}` has partitions 0 to {}",
            partitions.saturating_sub(1)
        );
        return Err(no_such(Some(help)));
    }
    Ok(TopicPartition::new(id, number))
}

/// An actor, or every actor of a producer or group.
fn actors(cast: &Cast, name: &str) -> Result<Vec<NodeId>, Refusal> {
    let numbered = || (0..).map(NodeId).zip(&cast.actors);
    let of = numbered().filter(|(_, actor)| actor.name == name || actor.family == name);
    let found: Vec<NodeId> = of.map(|(node, _)| node).collect();
    if found.is_empty() {
        let names = cast
            .actors
            .iter()
            .flat_map(|actor| [actor.name.as_str(), &actor.family]);
        let help = nearest(name, names).map(|near| format!("did you mean `{near}`?"));
        return Err(Refusal::argument(
            format!("no actor is called `{name}`"),
            help,
        ));
    }
    Ok(found)
}

/// A group by its name.
pub(super) fn group(cast: &Cast, name: &str) -> Result<GroupId, Refusal> {
    cast.group_id(name).ok_or_else(|| {
        let names = cast.groups.iter().map(String::as_str);
        let near = nearest(name, names).map(|near| format!("did you mean `{near}`?"));
        let help = near.unwrap_or_else(|| format!("groups here: {}", cast.groups.join(", ")));
        Refusal::argument(format!("there is no group `{name}`"), Some(help))
    })
}
