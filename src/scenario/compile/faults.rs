//! Faults of a setup, and records by name.

use super::super::resolved::Fault;
use super::super::resolved::fault::{Action, Breakage, Loss, Moment, Reset, Target, Trigger};
use super::super::resolved::step::StepName;
use super::super::value::Drawn;
use super::{Names, Result, wrong};
use crate::base::{RecordId, Span, TopicId, TopicPartition};
use crate::kafka::cast::Role;
use crate::node::consumer::program::RecordKey;
use crate::node::producer::{ProducerSetup, workload};
use crate::node::{Phase, StepKind};
use crate::sim::setup::{
    self, FactPattern, FaultSetup, Life, LossKind, SeekTo, ServerFilter, Verb,
};
use crate::verdict::RecordName;

type Producers = [(ProducerSetup, Life)];

pub(super) fn faults(names: &Names<'_>, producers: &Producers) -> Result<Vec<FaultSetup>> {
    let all = &names.scenario.faults;
    all.iter()
        .map(|fault| one(names, producers, fault))
        .collect()
}

fn one(names: &Names<'_>, producers: &Producers, fault: &Fault) -> Result<FaultSetup> {
    let (verb, target) = action(names, &fault.action)?;
    let record = match &fault.record {
        Some(name) => Some(record(names, producers, name)?),
        None => None,
    };
    Ok(FaultSetup {
        verb,
        target,
        trigger: trigger(names, fault, record)?,
        nth: counted(fault.nth),
        times: fault.times as u32,
        every: fault.every.as_ref().map(|timing| timing.0.clone()),
        optional: fault.optional,
        line: fault.line,
        text: format!("{}: {}", fault.verb().word(), fault.who().join(", ")).into(),
    })
}

fn counted(drawn: Drawn<u64>) -> setup::Drawn {
    match drawn {
        Drawn::One(n) => setup::Drawn { low: n, high: n },
        Drawn::Between(low, high) => setup::Drawn { low, high },
    }
}

fn timed(drawn: Drawn<Span>) -> setup::Drawn {
    match drawn {
        Drawn::One(span) => setup::Drawn {
            low: span.0,
            high: span.0,
        },
        Drawn::Between(low, high) => setup::Drawn {
            low: low.0,
            high: high.0,
        },
    }
}

fn action(names: &Names<'_>, action: &Action) -> Result<(Verb, setup::Target)> {
    let restart = |after: &Option<Drawn<Span>>| after.map(timed);
    Ok(match action {
        Action::Crash { who, restart_after } => (
            Verb::Crash {
                restart_after: restart(restart_after),
            },
            target(names, who)?,
        ),
        Action::Close { who, restart_after } => (
            Verb::Close {
                restart_after: restart(restart_after),
            },
            target(names, who)?,
        ),
        Action::Pause { who, length } => (
            Verb::Pause {
                lasting: timed(*length),
            },
            target(names, who)?,
        ),
        Action::Stall { who, length } => (
            Verb::Stall {
                lasting: timed(*length),
            },
            target(names, who)?,
        ),
        Action::Start { who } => (Verb::Start, target(names, who)?),
        Action::Seek { who, to } => (Verb::Seek(seek_to(names, to)?), target(names, who)?),
        Action::SetOffsets { group, to } => {
            let to = match to {
                Reset::To(target) => seek_to(names, target)?,
                Reset::ShiftBy(by) => SeekTo::ShiftBy(*by),
            };
            (
                Verb::SetOffsets(to),
                setup::Target::Group(names.group(group)?),
            )
        }
        Action::LoseRequest(loss) => (Verb::LoseRequest(kind(loss)), target(names, &loss.who)?),
        Action::LoseResponse(loss) => (Verb::LoseResponse(kind(loss)), target(names, &loss.who)?),
    })
}

fn kind(loss: &Loss) -> LossKind {
    match loss.connection {
        Breakage::Reset => LossKind::Reset,
        Breakage::Silence => LossKind::Silence,
    }
}

fn seek_to(names: &Names<'_>, to: &Target) -> Result<SeekTo> {
    Ok(match to {
        Target::Offset {
            topic,
            partition,
            offset,
        } => SeekTo::Offset(
            TopicPartition::new(names.topic(topic)?, *partition),
            *offset,
        ),
        Target::Earliest => SeekTo::Earliest,
        Target::Latest => SeekTo::Latest,
    })
}

fn target(names: &Names<'_>, who: &[String]) -> Result<setup::Target> {
    if let [role] = who
        && let Some((partition, group)) = role
            .strip_prefix("owner of ")
            .and_then(|rest| rest.split_once(" in "))
    {
        let (tp, group) = (names.partition(partition)?, names.group(group)?);
        return Ok(setup::Target::OwnerOf(tp, group));
    }
    Ok(setup::Target::Actors(names.all_actors(who)?))
}

fn trigger(
    names: &Names<'_>,
    fault: &Fault,
    record: Option<setup::RecordName>,
) -> Result<setup::Trigger> {
    let step = |step: StepName, phase| setup::Trigger::Step {
        step: step_kind(step),
        phase,
        record: record.clone(),
    };
    if let Action::LoseRequest(loss) | Action::LoseResponse(loss) = &fault.action {
        let to = match &loss.to {
            Some(to) => server(names, to)?,
            None => ServerFilter::Any,
        };
        return Ok(setup::Trigger::Message {
            api: loss.request,
            to,
            record,
        });
    }
    Ok(match &fault.trigger {
        None => {
            return wrong("a fault never strikes without one of `at`, `before`, `after`, `when`");
        }
        Some(Trigger::At(Moment::Time(at))) => setup::Trigger::At(timed(*at)),
        Some(Trigger::At(Moment::AfterFault { name, span })) => {
            let other = names
                .scenario
                .faults
                .iter()
                .position(|f| f.name.as_ref() == Some(name));
            let Some(other) = other else {
                return wrong(format!("no fault is named `{name}`"));
            };
            setup::Trigger::AfterFault(
                other,
                setup::Drawn {
                    low: span.0,
                    high: span.0,
                },
            )
        }
        Some(Trigger::Before(name)) => step(*name, Phase::Before),
        Some(Trigger::After(name)) => step(*name, Phase::After),
        Some(Trigger::When { fact, of, error }) => {
            let mut pattern = FactPattern {
                word: fact.word(),
                actors: Vec::new(),
                group: None,
                topic: None,
                partition: None,
                error: error.as_deref().map(Into::into),
            };
            for name in of {
                narrow(names, name, &mut pattern)?;
            }
            setup::Trigger::When(pattern)
        }
    })
}

/// Narrows a pattern to an actor, a family, a group, a topic or a partition.
fn narrow(names: &Names<'_>, name: &str, pattern: &mut FactPattern) -> Result<()> {
    if let Some(group) = names.cast.group_id(name) {
        pattern.group = Some(group);
    } else if let Ok(actors) = names.actors(name) {
        pattern.actors.extend(actors);
    } else if let Some(topic) = names.cast.topic_id(name) {
        pattern.topic = Some(topic);
    } else {
        pattern.partition = Some(names.partition(name)?);
    }
    Ok(())
}

fn server(names: &Names<'_>, to: &str) -> Result<ServerFilter> {
    if let Some(partition) = to.strip_prefix("leader of ") {
        return Ok(ServerFilter::LeaderOf(names.partition(partition)?));
    }
    if let Some(group) = to.strip_prefix("group coordinator of ") {
        return Ok(ServerFilter::CoordinatorOf(names.group(group)?));
    }
    let brokers = names.actors(to)?;
    let all = brokers
        .iter()
        .all(|b| names.cast.actors[b.index()].role == Role::Broker);
    if all {
        Ok(ServerFilter::Brokers(brokers))
    } else {
        wrong(format!("`{to}` is no broker"))
    }
}

fn step_kind(step: StepName) -> StepKind {
    match step {
        StepName::Poll => StepKind::Poll,
        StepName::Process => StepKind::Process,
        StepName::CommitSync => StepKind::CommitSync,
        StepName::CommitAsync => StepKind::CommitAsync,
        StepName::HandOff => StepKind::HandOff,
        StepName::Sleep => StepKind::Sleep,
        StepName::Send => StepKind::Send,
        StepName::Request => StepKind::Request,
        StepName::Acknowledge => StepKind::Acknowledge,
        StepName::Close => StepKind::Close,
    }
}

/// A record as a fault names it.
fn record(
    names: &Names<'_>,
    producers: &Producers,
    name: &RecordName,
) -> Result<setup::RecordName> {
    match name {
        RecordName::Keyed { topic, key, number } => {
            let topic_id = names.topic(topic)?;
            keyed(producers, topic_id, key, *number).map(setup::RecordName::Id).map_or_else(
                || {
                    wrong(format!(
                        "`{topic}/{key}#{number}`: not exactly one producer sends to {topic}, or \
                         it sends no such record; name it by its sender: `shop#7`"
                    ))
                },
                Ok,
            )
        }
        RecordName::Stored { .. } | RecordName::Sent { .. } => Ok(match key(names, name)? {
            RecordKey::At(tp, offset) => setup::RecordName::At(tp, offset),
            RecordKey::Id(id) => setup::RecordName::Id(id),
        }),
    }
}

/// The nth record with a key, where one producer alone sends to the topic: then the order of
/// `send()` is the order of its records.
fn keyed(producers: &Producers, topic: TopicId, key: &str, number: u64) -> Option<RecordId> {
    let mut senders = producers
        .iter()
        .filter(|(p, _)| p.workload.topics.contains(&topic));
    let (sender, None) = (&senders.next()?.0, senders.next()) else {
        return None;
    };
    let matching = (0..sender.workload.count).filter(|n| {
        workload::topic_of(sender, *n) == topic
            && workload::key_of(sender, *n).as_deref() == Some(key)
    });
    let nth = matching
        .clone()
        .nth(usize::try_from(number.checked_sub(1)?).ok()?)?;
    Some(RecordId(sender.first_record.0 + nth))
}

/// A record by its place or its sender.
pub(super) fn key(names: &Names<'_>, name: &RecordName) -> Result<RecordKey> {
    match name {
        RecordName::Stored {
            topic,
            partition,
            first,
            ..
        } => Ok(RecordKey::At(
            TopicPartition::new(names.topic(topic)?, *partition),
            *first,
        )),
        RecordName::Sent { actor, number } => {
            let node = names.cast.node(actor);
            let range = names.cast.records.iter().find(|r| Some(r.producer) == node);
            match range {
                Some(range) if (1..=u64::from(range.count)).contains(number) => {
                    Ok(RecordKey::Id(RecordId(range.first.0 + *number as u32 - 1)))
                }
                Some(range) => wrong(format!(
                    "`{actor}` sends {} records, there is no {number}th",
                    range.count
                )),
                None => wrong(format!("no producer is called `{actor}`")),
            }
        }
        RecordName::Keyed { topic, key, number } => wrong(format!(
            "`{topic}/{key}#{number}`: name the record by its sender: `shop#7`"
        )),
    }
}
