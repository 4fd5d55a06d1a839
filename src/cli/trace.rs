//! `trace`: a run told fact by fact, as lines or as JSON lines.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::args::Trace;
use super::input::{self, Refusal};
use super::printer::Printer;
use super::status::Status;
use crate::base::{GroupId, Instant, NodeId, Span, TopicPartition};
use crate::kafka::Cast;
use crate::lab::{Experiment, explain};
use crate::node::fact::{FactId, Stated};
use crate::report::{Text, Tone, text::grouped};
use crate::scenario::nearest;
use crate::trace::focus::narrowed;
use crate::trace::lanes::Crowded;
use crate::trace::layout::COLUMNS;
use crate::trace::{Condenser, Detail, Diagram, Focus, Layout, Roster, json, mermaid};
use crate::verdict::record::split_partition;

/// What is gathered while a run is watched.
struct Told {
    condenser: Condenser,
    roster: Roster,
    rules: Rules,
    /// How many facts were in focus.
    facts: u64,
}

/// The rules behind facts, each where it first matters.
#[derive(Default)]
struct Rules {
    by_fact: BTreeMap<FactId, String>,
    known: BTreeSet<String>,
}

/// Tells a run.
pub(super) fn trace(args: &Trace, as_json: bool, printer: &mut Printer) -> Result<Status, Refusal> {
    let experiment = input::experiment(&args.file, &args.choice, printer)?;
    let mut focus = focus(args, as_json, &experiment)?;
    let cast = &experiment.setup.cast;
    let lines_max = experiment.scenario.limits.trace;
    let mut told = Told::new(args.all || focus.record.is_some());
    experiment.watched(&mut |stated| {
        told.roster.learn(cast, stated);
        if !focus.admits(cast, stated) {
            return;
        }
        told.facts += 1;
        if lines_max < told.facts {
            return;
        }
        let narrow = focus.record.map(|record| narrowed(stated, record));
        let rule = || explain::rule_of(&experiment, stated);
        if as_json {
            printer.line(document(cast, stated, args.explain.then(rule).flatten()));
        } else {
            told.condenser.push(cast, narrow.as_ref().unwrap_or(stated));
            told.rules
                .note(stated.id, args.explain.then(rule).flatten());
        }
    });
    let facts = told.facts;
    if !as_json {
        tell(args, cast, told, printer)?;
    }
    if lines_max < facts {
        let more = grouped(facts - lines_max);
        printer.remark(
            Tone::Plain,
            format_args!("{more} further facts (limits.trace)"),
        );
    }
    Ok(Status::AsExpected)
}

impl Told {
    fn new(one_by_one: bool) -> Self {
        Self {
            condenser: if one_by_one {
                Condenser::plain()
            } else {
                Condenser::joining()
            },
            roster: Roster::default(),
            rules: Rules::default(),
            facts: 0,
        }
    }
}

impl Rules {
    fn note(&mut self, fact: FactId, rule: Option<String>) {
        let Some(rule) = rule else {
            return;
        };
        if self.known.insert(rule.clone()) {
            self.by_fact.insert(fact, rule);
        }
    }
}

/// A fact as JSON, with its rule where that was asked for.
fn document(cast: &Cast, stated: &Stated, rule: Option<String>) -> Value {
    let mut document = json::value_of(cast, stated);
    if let Some(rule) = rule {
        document["rule"] = rule.into();
    }
    document
}

/// Prints what was gathered: as lines, or as one of the diagrams.
fn tell(args: &Trace, cast: &Cast, told: Told, printer: &mut Printer) -> Result<(), Refusal> {
    let is_long = told.condenser.is_long();
    let lines = told.condenser.finish(cast);
    let diagram = Diagram {
        cast,
        roster: &told.roster,
        lines: &lines,
        rules: &told.rules.by_fact,
    };
    if args.mermaid {
        let (text, left) = mermaid::diagram(&diagram);
        printer.line(text.trim_end());
        if 0 < left {
            let more = grouped(left as u64);
            let how = "--from, --to, --actor and --partition choose";
            printer.remark(Tone::Plain, format_args!("{more} lines left out; {how}"));
        }
    } else if args.lanes {
        let columns = args.width.or_else(Printer::columns);
        let drawn = diagram.draw(columns.unwrap_or(COLUMNS)).map_err(crowded)?;
        for (fault, line) in drawn {
            printer.toned(tone(fault), line);
        }
    } else {
        let layout = Layout::new(cast);
        for line in &lines {
            printer.toned(tone(line.fault), layout.render(cast, line));
            if let Some(rule) = diagram.rules.get(&line.fact) {
                let mut text = Text::default();
                text.wrapped(Tone::Faint, 15, rule);
                printer.text(&text);
            }
        }
    }
    if is_long {
        let how = "what goes on round by round is told once; --all tells every fact";
        printer.remark(Tone::Plain, how);
    }
    Ok(())
}

const fn tone(fault: bool) -> Tone {
    if fault { Tone::Bad } else { Tone::Plain }
}

fn crowded(Crowded { lanes, columns }: Crowded) -> Refusal {
    let help = format!("{columns} columns would do (--width), or --actor, --group, --partition");
    Refusal::argument(
        format!("{lanes} lanes do not fit on this screen"),
        Some(help),
    )
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
