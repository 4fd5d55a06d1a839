//! Whether a fault can strike at all: steps, families, names, modifiers.

use super::fields::Context;
use super::names::{Bearer, Names};
use crate::scenario::diagnostic::{Kind, Problem};
use crate::scenario::not_yet::{self, Area};
use crate::scenario::resolved::client::SendFailure;
use crate::scenario::resolved::fault::{Action, Moment, Trigger, Verb};
use crate::scenario::resolved::step::{StepName, in_one_line};
use crate::scenario::resolved::{Fault, Member, Step};
use crate::scenario::suggest::nearest;
use crate::scenario::tree::{Entry, Node, Place};
use crate::scenario::value::Drawn;

/// The steps of a sink that a fault can name.
const SINK_STEPS: [StepName; 3] = [StepName::Receive, StepName::Insert, StepName::Respond];

/// The steps of a producer that a fault can name.
const PRODUCER_STEPS: [StepName; 4] = [
    StepName::Send,
    StepName::Request,
    StepName::Acknowledge,
    StepName::Close,
];

/// The rules that concern one fault alone.
pub(super) fn check_one(
    context: &mut Context,
    node: &Node,
    verb: &Entry,
    fault: &Fault,
    names: &Names<'_>,
) {
    let passive = match fault.action {
        Action::AddPartitions { .. } => Some("a topic"),
        Action::DeleteRecords { .. } | Action::ElectLeader { .. } => Some("a partition"),
        _ => fault.action.link().map(|_| "a link"),
    };
    if let Some(what) = passive {
        if matches!(fault.trigger, Some(Trigger::Before(_) | Trigger::After(_))) {
            let word = fault.action.verb();
            let text = format!("`{word}` befalls {what}, and {what} takes no steps");
            let help = "write `at` an instant, or `when` a fact happens";
            context.error_help(Kind::Fault, verb.key_place, text, help);
        }
        return check_modifiers(context, node, fault);
    }
    for (name, place) in fault.action.who().iter().zip(places(verb)) {
        check_target(context, fault, name, place, names);
    }
    let step = match &fault.trigger {
        Some(Trigger::Before(step)) => Some(*step),
        Some(Trigger::After(step)) => Some(*step),
        _ => None,
    };
    if let Some(step) = step {
        let key = node.get("before").or(node.get("after")).unwrap_or(node);
        check_step(context, fault, step, key.place, names);
        if let Some(record) = node.entry("record")
            && matches!(
                step,
                StepName::Sleep | StepName::SeekToStored | StepName::Close
            )
        {
            let text = format!("`{step}` concerns no record");
            context.error(Kind::Fault, record.key_place, text);
        }
    }
    check_modifiers(context, node, fault);
}

/// The places of the names behind a verb.
fn places(verb: &Entry) -> Vec<Place> {
    match &verb.node.value {
        crate::scenario::tree::Value::List(items) => items.iter().map(|n| n.place).collect(),
        _ => vec![verb.node.place],
    }
}

/// Whether the verb can befall such a thing, and whether the trigger says which of them.
fn check_target(context: &mut Context, fault: &Fault, name: &str, place: Place, names: &Names<'_>) {
    let Some(bearer) = names.bearer(name) else {
        return;
    };
    let verb = fault.action.verb();
    let at = matches!(fault.trigger, Some(Trigger::At(_)));
    match (&bearer, verb) {
        (Bearer::Broker | Bearer::Controller, Verb::Stall | Verb::Seek | Verb::SetOffsets) => {
            context.error(
                Kind::Fault,
                place,
                format!("`{verb}` befalls clients, not `{name}`"),
            );
        }
        (Bearer::Broker, Verb::PowerLoss) => check_server(context, fault, name, place),
        (Bearer::Later, _) => context.not_yet(place, &format!("a `{verb}` of `{name}`")),
        (_, Verb::PowerLoss) => {
            let text = format!("`{verb}` befalls brokers, not `{name}`");
            context.error(Kind::Fault, place, text);
        }
        (Bearer::Sink(_), Verb::Crash | Verb::Pause | Verb::Start) => {}
        // Whether it sends such requests has been seen where the message is read.
        (Bearer::Broker | Bearer::Controller, verb) if verb.is_message() => {}
        (Bearer::Sink(_), _) => {
            let text = format!("`{verb}` befalls clients, not `{name}`");
            context.error(Kind::Fault, place, text);
        }
        (Bearer::Controller, Verb::Close) => {
            context.not_yet(place, &format!("a `{verb}` of `{name}`"));
        }
        (
            Bearer::Broker | Bearer::Controller,
            Verb::Crash | Verb::Pause | Verb::Start | Verb::Close,
        ) => {
            check_server(context, fault, name, place);
        }
        (Bearer::Broker | Bearer::Controller, _) => {
            context.not_yet(place, &format!("a `{verb}` of `{name}`"));
        }
        (Bearer::Instance(_) | Bearer::Producer(_) | Bearer::Clients, Verb::Seek) => {
            let text = format!("`seek` befalls members of groups, and `{name}` is none");
            context.error(Kind::Fault, place, text);
        }
        (Bearer::Group(_), Verb::SetOffsets) => {}
        (Bearer::Group(family), _) if at => {
            let actors = names.groups.get(family).map(|group| group.actors(family));
            say_which(context, name, &actors.unwrap_or_default(), "members", place);
        }
        (Bearer::Producer(family), _) if at => {
            let actors = names.producers.get(family).map(|p| p.actors(family));
            say_which(
                context,
                name,
                &actors.unwrap_or_default(),
                "instances",
                place,
            );
        }
        _ => {}
    }
}

/// What of a broker or controller can be struck: not at a step of its own, and a role alone.
fn check_server(context: &mut Context, fault: &Fault, name: &str, place: Place) {
    if matches!(fault.trigger, Some(Trigger::Before(_) | Trigger::After(_))) {
        context.not_yet(place, &format!("a step of `{name}` as a trigger"));
    }
    let is_role = name.contains(' ');
    if is_role && (1 < fault.action.who().len() || name.starts_with("transaction ")) {
        context.not_yet(place, &format!("the role `{name}` in a list"));
    }
}

/// A family of several under `at`.
fn say_which(context: &mut Context, name: &str, actors: &[String], kind: &str, place: Place) {
    if actors.len() <= 1 {
        return;
    }
    let text = format!(
        "`{name}` has {} {kind}, and `at` does not say which",
        actors.len()
    );
    let help = if actors.len() <= 8 {
        format!("write `[{}]`, or one of them", actors.join(", "))
    } else {
        format!(
            "name one or some of `{}` to `{}`",
            actors[0],
            actors[actors.len() - 1]
        )
    };
    context.error_help(Kind::Name, place, text, help);
}

/// Reports a name that is no broker's.
pub(super) fn must_be_broker(context: &mut Context, names: &Names<'_>, name: &str, place: Place) {
    match names.bearer(name) {
        Some(Bearer::Broker) if !is_known_receiver(name) => {
            context.not_yet(
                place,
                &format!("the role `{name}` as receiver of a request"),
            );
        }
        Some(Bearer::Broker) | None => {}
        Some(_) => {
            let text = format!("requests go to brokers, and `{name}` is none");
            context.error(Kind::Name, place, text);
        }
    }
}

/// A broker by name, or a role that is looked up when a request leaves.
fn is_known_receiver(name: &str) -> bool {
    let roles = ["leader of ", "group coordinator of "];
    !name.contains(' ') || roles.iter().any(|role| name.starts_with(role))
}

/// The word of a step behind `before` or `after`.
pub(super) fn step_name(context: &mut Context, node: &Node) -> Option<StepName> {
    let text = context.text(node)?;
    let step = StepName::parse(&text);
    if step.is_none() {
        if not_yet::is_not_yet(Area::FaultStep, &text) {
            context.not_yet(node.place, &format!("the step `{text}` as a trigger"));
            return None;
        }
        let words: Vec<&str> = StepName::ALL.iter().map(|step| step.word()).collect();
        let all = [words.as_slice(), not_yet::words(Area::FaultStep)].concat();
        let list = format!("steps: {}", all.join(", "));
        let help = match nearest(&text, all.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? {list}"),
            None => list,
        };
        let text = format!("`{text}` is no step that a fault can name");
        context.error_help(Kind::Step, node.place, text, help);
    }
    step
}

/// Whether every actor of the fault has the step.
fn check_step(
    context: &mut Context,
    fault: &Fault,
    step: StepName,
    place: Place,
    names: &Names<'_>,
) {
    for name in fault.action.who() {
        match names.bearer(name) {
            Some(Bearer::Member(family)) => {
                if let Some(group) = names.groups.get(&family) {
                    lacks(context, group.actor(name), &family, step, place);
                }
            }
            Some(Bearer::Group(family) | Bearer::Owner { group: family }) => {
                let Some(group) = names.groups.get(&family) else {
                    continue;
                };
                let members: Vec<&Member> = std::iter::once(&group.all)
                    .chain(group.except.iter().map(|e| e.1))
                    .collect();
                // Whichever member gets there is struck: one that has the step is enough.
                if !members
                    .iter()
                    .any(|member| steps_of(member).contains(&step))
                {
                    lacks(context, &group.all, &family, step, place);
                }
            }
            Some(Bearer::Instance(family) | Bearer::Producer(family))
                if !PRODUCER_STEPS.contains(&step) =>
            {
                let text = format!("producer `{family}` has no step `{step}`");
                let list = PRODUCER_STEPS.map(StepName::word).join(", ");
                let help = format!("its steps: {list}");
                context.error_help(Kind::Step, place, text, help);
            }
            Some(Bearer::Sink(sink)) if !SINK_STEPS.contains(&step) => {
                let text = format!("sink `{sink}` has no step `{step}`");
                let list = SINK_STEPS.map(StepName::word).join(", ");
                context.error_help(Kind::Step, place, text, format!("its steps: {list}"));
            }
            _ => {}
        }
    }
}

fn lacks(context: &mut Context, member: &Member, family: &str, step: StepName, place: Place) {
    let steps = steps_of(member);
    if steps.contains(&step) || context.unread_loops.contains(family) {
        return;
    }
    let text = format!(
        "the loop of group `{family}` has no step `{step}`: `{}`",
        in_one_line(&member.steps)
    );
    let list: Vec<&str> = steps.iter().map(|step| step.word()).collect();
    context.error_help(
        Kind::Step,
        place,
        text,
        format!("its steps: {}", list.join(", ")),
    );
}

/// The steps of a member's loop and listeners, in order, `close` last.
fn steps_of(member: &Member) -> Vec<StepName> {
    fn collect(steps: &[Step], into: &mut Vec<StepName>) {
        for step in steps {
            let name = StepName::parse(step.word()).filter(|name| *name != StepName::Close);
            if let Some(name) = name.filter(|name| !into.contains(name)) {
                into.push(name);
            }
            collect(step.inner(), into);
        }
    }
    let mut names = Vec::new();
    let lists = [
        &member.steps,
        &member.on_revoked,
        &member.on_assigned,
        &member.on_lost,
        &member.on_close,
    ];
    for list in lists {
        collect(list, &mut names);
    }
    names.push(StepName::Close);
    names
}

/// `nth`, `times`, `every`, `record` with an instant.
fn check_modifiers(context: &mut Context, node: &Node, fault: &Fault) {
    let at = matches!(fault.trigger, Some(Trigger::At(_)));
    let key = |key: &str| node.entry(key).map(|entry| entry.key_place);
    if at {
        if let Some(place) = key("record") {
            let text = "`record` narrows a step, a fact or a message, and `at` is an instant";
            context.error(Kind::Fault, place, text);
        }
        if let Some(place) = key("nth").filter(|_| fault.nth != Drawn::One(1)) {
            let text = "`nth` counts how often a condition holds, and `at` is an instant";
            context.error(Kind::Fault, place, text);
        }
        if let Some(place) = key("times").filter(|_| 1 < fault.times && fault.every.is_none()) {
            let text = "`times` with `at` needs `every`: the time between strikes";
            context.error(Kind::Fault, place, text);
        }
    } else if let Some(place) = key("every") {
        let text = "`every` is the time between strikes of an `at`; here `nth` and `times` count";
        context.error(Kind::Fault, place, text);
    }
}

/// The rules that concern the list: names are unique and known, what is started can be down.
pub(super) fn check(context: &mut Context, nodes: &[Node], faults: &[Fault], names: &Names<'_>) {
    for (index, (node, fault)) in nodes.iter().zip(faults).enumerate() {
        let place = |key: &str| node.get(key).map_or(node.place, |node| node.place);
        if let Some(name) = &fault.name
            && faults[..index]
                .iter()
                .any(|other| other.name.as_ref() == Some(name))
        {
            let text = format!("two faults are called `{name}`");
            context.error(Kind::Name, place("name"), text);
        }
        if let Some(Trigger::At(Moment::AfterFault { name, .. })) = &fault.trigger {
            after_known_fault(context, faults, fault, name, place("at"));
        }
        if let Action::Cut {
            link, length: None, ..
        } = &fault.action
        {
            let heals = |other: &Fault| match &other.action {
                Action::Heal { link: healed } => healed.is(link),
                _ => false,
            };
            if !faults.iter().any(heals) {
                let help = "`for: 30s`, or a later `heal` of the same link";
                context.error_help(Kind::Fault, node.place, "this cut has no end", help);
            }
        }
        if let Action::Heal { link } = &fault.action {
            let cuts = |other: &Fault| match &other.action {
                Action::Cut { link: cut, .. } => cut.is(link),
                _ => false,
            };
            if !faults.iter().any(cuts) {
                let text = "nothing cuts this link";
                let help = "name the two sides as its `cut` does";
                context.error_help(Kind::Fault, place("heal"), text, help);
            }
        }
        if let Action::Start { who } = &fault.action {
            for actor in who
                .iter()
                .filter(|actor| !can_be_down(actor, faults, names))
            {
                let text = format!("`{actor}` is never down: nothing crashes, closes or delays it");
                context.error(Kind::Fault, place("start"), text);
            }
        }
    }
}

/// `at: NAME` must name another fault, and no circle of such.
fn after_known_fault(
    context: &mut Context,
    faults: &[Fault],
    fault: &Fault,
    name: &str,
    place: Place,
) {
    let find = |name: &str| faults.iter().find(|f| f.name.as_deref() == Some(name));
    let Some(mut other) = find(name) else {
        let text = format!("no fault is called `{name}`");
        let known: Vec<&str> = faults.iter().filter_map(|f| f.name.as_deref()).collect();
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("give the other fault a `name: {name}`"),
            None => format!("names of faults: {}", known.join(", ")),
        };
        let problem = Problem::new(Kind::Name, place, text);
        context.problems.push(problem.help(help));
        return;
    };
    for _ in 0..=faults.len() {
        if std::ptr::eq(other, fault) {
            let text = format!("this fault waits, through `{name}`, for itself");
            context.error(Kind::Fault, place, text);
            return;
        }
        let Some(Trigger::At(Moment::AfterFault { name, .. })) = &other.trigger else {
            return;
        };
        let Some(next) = find(name) else { return };
        other = next;
    }
}

/// Whether something in the file can take an actor down, or keep it down at first.
fn can_be_down(name: &str, faults: &[Fault], names: &Names<'_>) -> bool {
    let Some(Bearer::Member(family) | Bearer::Instance(family) | Bearer::Sink(family)) =
        names.bearer(name)
    else {
        // A family or a role: which actor it is, the run will show.
        return true;
    };
    let strikes = |fault: &&Fault| {
        let takes_down = matches!(
            fault.action,
            Action::Crash { .. } | Action::Close { .. } | Action::PowerLoss { .. }
        );
        let who = fault.action.who();
        let met =
            |who: &String| who == name || *who == family || who == "clients" || who.contains(' ');
        takes_down && who.iter().any(met)
    };
    let group = names.groups.get(&family).map(|group| {
        let member = group.actor(name);
        let ends = !member.process.fails.is_empty();
        (member.start_at, member.stop_at, ends)
    });
    let producer = names.producers.get(&family).map(|producer| {
        let sender = producer.actor(name);
        let ends = sender.on_failure == SendFailure::Stop;
        (sender.start_at, sender.stop_at, ends)
    });
    let planned = group.or(producer).is_some_and(|(start, stop, may_end)| {
        start != crate::base::Span::ZERO || stop.is_some() || may_end
    });
    planned || faults.iter().any(|fault| strikes(&fault))
}
