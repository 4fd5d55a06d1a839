//! The classic assignors: single calls, and groups over many rounds.

use std::collections::BTreeMap;

use kafkasim::base::TopicId;
use kafkasim::kafka::assignor::{Candidate, KnownTopic, assign};
use kafkasim::kafka::config::consumer::Assignor;
use serde_json::Value;

use super::{Tally, lines, list, text};

#[test]
fn oracle_range_divides_as_kafka_does() {
    single_calls("client-range.jsonl", Assignor::Range);
}

#[test]
fn oracle_round_robin_divides_as_kafka_does() {
    single_calls("client-roundrobin.jsonl", Assignor::RoundRobin);
}

#[test]
fn oracle_range_follows_groups_over_time() {
    sequences("client-range-sequences.jsonl", Assignor::Range);
}

#[test]
fn oracle_round_robin_follows_groups_over_time() {
    sequences("client-roundrobin-sequences.jsonl", Assignor::RoundRobin);
}

fn single_calls(file: &'static str, assignor: Assignor) {
    let Some(lines) = lines(file) else {
        return;
    };
    let mut tally = Tally::new(file);
    for line in &lines {
        let id = text(line, "id").expect("a case has an id");
        compare(&mut tally, id, assignor, line);
    }
    tally.finish();
}

/// Eager members own nothing when they join, so every round is a case of its own.
fn sequences(file: &'static str, assignor: Assignor) {
    let Some(lines) = lines(file) else {
        return;
    };
    let mut tally = Tally::new(file);
    for line in &lines {
        let id = text(line, "id").expect("a group has an id");
        for (number, round) in list(line, "rounds").iter().enumerate() {
            compare(
                &mut tally,
                &format!("{id} round {}", number + 1),
                assignor,
                round,
            );
        }
    }
    tally.finish();
}

type Assigned = BTreeMap<String, BTreeMap<String, Vec<u32>>>;

fn compare(tally: &mut Tally, id: &str, assignor: Assignor, case: &Value) {
    let kafka: Assigned =
        serde_json::from_value(case["out"].clone()).expect("an assignor answers every member");
    tally.compare_eq(id, &ours(assignor, case), &kafka);
}

fn ours(assignor: Assignor, case: &Value) -> Assigned {
    let counts: BTreeMap<String, u32> =
        serde_json::from_value(case["t"].clone()).expect("topics have partition counts");
    let members = case["m"].as_object().expect("a case has members");
    // Ids against the order of the names, as in a scenario file that lists topics in any order;
    // the last stands for every topic without metadata.
    let names: Vec<&String> = counts.keys().rev().collect();
    let topic_id = |name: &Value| {
        let known = names
            .iter()
            .position(|known| Some(known.as_str()) == name.as_str());
        TopicId(known.unwrap_or(names.len()) as u32)
    };
    let subscriptions: Vec<Vec<TopicId>> = members
        .values()
        .map(|member| list(member, "s").iter().map(topic_id).collect())
        .collect();
    let candidates: Vec<Candidate<'_>> = members
        .iter()
        .zip(&subscriptions)
        .map(|((id, member), topics)| Candidate {
            member: id,
            instance: text(member, "i"),
            topics,
        })
        .collect();
    let known: Vec<KnownTopic<'_>> = (0..)
        .zip(&names)
        .map(|(id, name)| KnownTopic {
            id: TopicId(id),
            name,
            partitions: counts[*name],
        })
        .collect();
    let assigned = assign(assignor, &candidates, &known);
    let mut answer = Assigned::new();
    for (candidate, partitions) in candidates.iter().zip(assigned) {
        let of_member = answer.entry(candidate.member.to_owned()).or_default();
        for partition in partitions {
            let topic = names[partition.topic.index()].clone();
            of_member
                .entry(topic)
                .or_default()
                .push(partition.partition);
        }
    }
    answer
}
