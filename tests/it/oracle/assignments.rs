//! What the cases of all assignors have in common: members, topics by name, answers.

use std::collections::{BTreeMap, BTreeSet};

use kafkasim::base::{TopicId, TopicPartition};
use serde_json::Value;

use super::{Tally, lines, list, text};

/// Member, topic name, partitions.
pub(super) type Assigned = BTreeMap<String, BTreeMap<String, Vec<u32>>>;

/// Compares every line of a file, or every round of every line, with what `ours` makes of it: an
/// answer, or the exception.
pub(super) fn compare_file(
    file: &'static str,
    is_sequences: bool,
    ours: impl Fn(&Value) -> Result<Assigned, &'static str>,
) {
    let Some(lines) = lines(file) else {
        return;
    };
    let mut tally = Tally::new(file);
    for line in &lines {
        let id = text(line, "id").expect("a case has an id");
        if !is_sequences {
            tally.compare_eq(id, &ours(line), &kafkas(line));
            continue;
        }
        for (number, round) in (1..).zip(list(line, "rounds")) {
            tally.compare_eq(
                &format!("{id} round {number}"),
                &ours(round),
                &kafkas(round),
            );
        }
    }
    tally.finish();
}

/// Kafka's answer, or the class of its exception.
fn kafkas(case: &Value) -> Result<Assigned, &str> {
    match text(case, "out") {
        Some(error) => Err(error.strip_prefix("error:").expect("a text is an error")),
        None => {
            Ok(serde_json::from_value(case["out"].clone()).expect("an answer has every member"))
        }
    }
}

/// The names of all topics that a case speaks of, by their ids: against the order of the names, as
/// in a scenario file that lists topics in any order.
pub(super) struct Names(Vec<String>);

impl Names {
    pub(super) fn of(case: &Value) -> Self {
        let mut names: BTreeSet<String> = keys(&case["t"]).collect();
        for member in members(case).values() {
            let subscribed = list(member, "s").iter().filter_map(Value::as_str);
            names.extend(subscribed.map(str::to_owned));
            names.extend(keys(&member["o"]));
        }
        Self(names.into_iter().rev().collect())
    }

    pub(super) fn id(&self, name: &str) -> TopicId {
        let place = self.0.iter().position(|known| known == name);
        TopicId(place.expect("every name was listed") as u32)
    }

    /// What a member subscribes to.
    pub(super) fn subscription(&self, member: &Value) -> Vec<TopicId> {
        let names = list(member, "s").iter().filter_map(Value::as_str);
        names.map(|name| self.id(name)).collect()
    }

    /// What a member owns, or its target.
    pub(super) fn owned(&self, member: &Value) -> Vec<TopicPartition> {
        let topics = member["o"].as_object().into_iter().flatten();
        let partitions = topics.flat_map(|(name, partitions)| {
            let numbers = partitions.as_array().into_iter().flatten();
            numbers.map(|number| {
                let number = number.as_u64().expect("a partition is a number");
                TopicPartition::new(self.id(name), number as u32)
            })
        });
        partitions.collect()
    }

    /// An answer by names.
    pub(super) fn assigned(&self, case: &Value, answer: Vec<Vec<TopicPartition>>) -> Assigned {
        let mut assigned = Assigned::new();
        for (member, partitions) in members(case).keys().zip(answer) {
            let of_member = assigned.entry(member.clone()).or_default();
            for partition in partitions {
                let topic = self.0[partition.topic.index()].clone();
                let numbers: &mut Vec<u32> = of_member.entry(topic).or_default();
                numbers.push(partition.partition);
            }
        }
        assigned
    }
}

/// The members of a case by id.
pub(super) fn members(case: &Value) -> &serde_json::Map<String, Value> {
    case["m"].as_object().expect("a case has members")
}

fn keys(map: &Value) -> impl Iterator<Item = String> {
    map.as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.clone())
}
