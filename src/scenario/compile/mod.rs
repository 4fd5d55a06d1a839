//! From a resolved scenario to a setup: every name becomes an id.
//!
//! A scenario that came through the loader compiles; one built by a program may name what is not
//! there, and then a sentence says what.

mod clients;
mod cluster;
mod faults;

use std::sync::Arc;

use super::resolved::Config;
use super::resolved::{Scenario, Setting};
use crate::base::{GroupId, Instant, NodeId, RecordId, Seed, TopicId, TopicPartition};
use crate::kafka::Cast;
use crate::kafka::cast::{Actor, RecordRange, Role};
use crate::kafka::config::{SettingError, Settings};
use crate::sim::setup::{self, Setup};

/// The name of the topic in which groups keep their offsets.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Why a scenario cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError(pub String);

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CompileError {}

type Result<T> = std::result::Result<T, CompileError>;

fn wrong<T>(text: impl Into<String>) -> Result<T> {
    Err(CompileError(text.into()))
}

/// Turns a scenario into the setup of its run.
///
/// # Errors
/// A name that nobody bears, a setting that Kafka refuses, or more records than a run can hold.
pub fn compile(scenario: &Scenario) -> Result<Setup> {
    let seed = Seed(scenario.seed);
    let cast = Arc::new(cast(scenario)?);
    let names = Names {
        scenario,
        cast: &cast,
    };
    let cluster = cluster::cluster(&names)?;
    let topics = cluster::topics(&names, &cluster.config)?;
    let bootstrap: Arc<[NodeId]> = cluster.brokers.clone().into();
    let producers = clients::producers(&names, seed, &bootstrap)?;
    let members = clients::members(&names, seed, &bootstrap)?;
    let groups = clients::groups(&names, &members)?;
    let faults = faults::faults(&names, &producers)?;
    let limits = &scenario.limits;
    Ok(Setup {
        seed,
        network: cluster::network(&names)?,
        cluster,
        topics,
        producers,
        members,
        groups,
        faults,
        warm_up: Instant::ZERO + scenario.warm_up,
        limits: setup::Limits {
            time: limits.time,
            drain: limits.drain,
            events: limits.events,
            at_least: limits
                .at_least
                .map_or(Instant::ZERO, |span| Instant::ZERO + span),
        },
        stepped: false,
        cast,
    })
}

/// The scenario and what its names became.
struct Names<'s> {
    scenario: &'s Scenario,
    cast: &'s Arc<Cast>,
}

impl Names<'_> {
    fn topic(&self, name: &str) -> Result<TopicId> {
        match self.cast.topic_id(name) {
            Some(topic) => Ok(topic),
            None => wrong(format!("topic {name} is not in `topics`")),
        }
    }

    fn group(&self, name: &str) -> Result<GroupId> {
        match self.cast.group_id(name) {
            Some(group) => Ok(group),
            None => wrong(format!("no group is called `{name}`")),
        }
    }

    /// `orders-0`.
    fn partition(&self, text: &str) -> Result<TopicPartition> {
        let parts = text
            .rsplit_once('-')
            .and_then(|(t, p)| Some((t, p.parse().ok()?)));
        match parts {
            Some((topic, partition)) => Ok(TopicPartition::new(self.topic(topic)?, partition)),
            None => wrong(format!("`{text}` is no partition")),
        }
    }

    /// The actors behind an actor's or family's name, or a reserved name.
    fn actors(&self, name: &str) -> Result<Vec<NodeId>> {
        let role = |role: &[Role]| self.select(|a| role.contains(&a.role));
        let found = match name {
            "brokers" => role(&[Role::Broker]),
            "controllers" => role(&[Role::Controller]),
            "clients" => role(&[Role::Producer, Role::Member]),
            _ => match self.cast.node(name) {
                Some(node) => vec![node],
                None => self.select(|a| a.family == name),
            },
        };
        if found.is_empty() {
            wrong(format!("no actor is called `{name}`"))
        } else {
            Ok(found)
        }
    }

    fn all_actors(&self, names: &[String]) -> Result<Vec<NodeId>> {
        let mut all = Vec::new();
        for name in names {
            all.extend(self.actors(name)?);
        }
        Ok(all)
    }

    fn select(&self, keep: impl Fn(&Actor) -> bool) -> Vec<NodeId> {
        let actors = self.cast.actors.iter().enumerate();
        actors
            .filter(|(_, a)| keep(a))
            .map(|(i, _)| NodeId(i as u32))
            .collect()
    }
}

/// Gives every process, topic and record its number: the cluster first, then producers and groups in
/// the order of the file.
fn cast(scenario: &Scenario) -> Result<Cast> {
    let mut cast = Cast::default();
    let mut add = |name: String, role: Role, family: &str, group: Option<GroupId>| {
        let family = family.to_owned();
        cast.actors.push(Actor {
            name,
            role,
            family,
            group,
        });
        NodeId(cast.actors.len() as u32 - 1)
    };
    for n in 1..=scenario.cluster.controllers {
        let name = format!("controller-{n}");
        add(name.clone(), Role::Controller, &name, None);
    }
    for n in 1..=scenario.cluster.brokers {
        let name = format!("broker-{n}");
        add(name.clone(), Role::Broker, &name, None);
    }
    let mut next: u32 = 0;
    let mut records = Vec::new();
    for (name, producer) in scenario.producers.iter() {
        for actor in producer.actors(name) {
            let node = add(actor, Role::Producer, name, None);
            let count = u32::try_from(producer.records.len()).ok();
            let end = count.and_then(|count| next.checked_add(count));
            let (Some(count), Some(end)) = (count, end) else {
                return wrong("a run holds at most 4294967295 records");
            };
            records.push(RecordRange {
                producer: node,
                first: RecordId(next),
                count,
            });
            next = end;
        }
    }
    for (index, (name, group)) in scenario.groups.iter().enumerate() {
        for actor in group.actors(name) {
            add(actor, Role::Member, name, Some(GroupId(index as u32)));
        }
    }
    cast.records = records;
    cast.topics = scenario.topics.names().map(str::to_owned).collect();
    cast.topics.push(OFFSETS_TOPIC.to_owned());
    cast.groups = scenario.groups.names().map(str::to_owned).collect();
    Ok(cast)
}

fn settings(config: &Config) -> Settings {
    config
        .iter()
        .map(|(key, setting)| (key.to_owned(), Setting::text(setting)))
        .collect()
}

fn refused(what: &str, errors: &[SettingError]) -> CompileError {
    let texts: Vec<&str> = errors.iter().map(|e| e.message.as_str()).collect();
    CompileError(format!("{what}: {}", texts.join("; ")))
}
