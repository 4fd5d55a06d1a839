//! The assignors of the group coordinator: single calls, and targets over many epochs. Members are
//! put into the coordinator's map in the order of their ids, as in the recordings.

use kafkasim::base::TopicPartition;
use kafkasim::kafka::assignor::server::{
    ServerTopic, Subscriptions, TargetMember, TopicUuid, server_range, server_uniform,
};
use kafkasim::kafka::assignor::{Candidate, KnownTopic};
use serde_json::Value;

use super::assignments::{Assigned, Names, compare_file, members};
use super::text;

type Assignor = fn(&[TargetMember<'_>], &[ServerTopic<'_>], Subscriptions) -> Answer;
type Answer = Vec<Vec<TopicPartition>>;

fn range(members: &[TargetMember<'_>], topics: &[ServerTopic<'_>], _: Subscriptions) -> Answer {
    server_range(members, topics)
}

#[test]
fn oracle_server_range_divides_as_kafka_does() {
    compare_file("server-range.jsonl", false, |case| Ok(ours(range, case)));
}

#[test]
fn oracle_server_range_follows_groups_over_time() {
    let file = "server-range-sequences.jsonl";
    compare_file(file, true, |case| Ok(ours(range, case)));
}

#[test]
fn oracle_server_uniform_divides_as_kafka_does() {
    let file = "server-uniform.jsonl";
    compare_file(file, false, |case| Ok(ours(server_uniform, case)));
}

#[test]
fn oracle_server_uniform_follows_groups_over_time() {
    let file = "server-uniform-sequences.jsonl";
    compare_file(file, true, |case| Ok(ours(server_uniform, case)));
}

fn ours(assignor: Assignor, case: &Value) -> Assigned {
    let names = Names::of(case);
    let topics = case["t"].as_object().expect("a case has topics");
    let inputs: Vec<_> = members(case)
        .values()
        .map(|member| (names.subscription(member), names.owned(member)))
        .collect();
    let targets = members(case).iter().zip(&inputs);
    let targets: Vec<TargetMember<'_>> = targets
        .map(|((id, member), (topics, target))| TargetMember {
            candidate: Candidate {
                member: id,
                instance: text(member, "i"),
                topics,
            },
            target,
        })
        .collect();
    let known: Vec<ServerTopic<'_>> = topics
        .iter()
        .map(|(name, about)| ServerTopic {
            known: KnownTopic {
                id: names.id(name),
                name,
                partitions: about[1].as_u64().expect("a count is a number") as u32,
            },
            uuid: uuid(about[0].as_str().expect("an id is text")),
        })
        .collect();
    // In the sequences a subscription may list a name that joined it later; the group's own word
    // is of the round.
    let subscriptions = match text(case, "type") {
        Some("homogeneous") => Subscriptions::Equal,
        _ => Subscriptions::Different,
    };
    if case.get("id").is_some() {
        let names = inputs.iter().map(|(topics, _)| topics.as_slice());
        assert_eq!(Subscriptions::of(names), subscriptions, "{case}");
    }
    names.assigned(case, assignor(&targets, &known, subscriptions))
}

/// 16 bytes in the base64 of URLs, without padding.
fn uuid(text: &str) -> TopicUuid {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = text.bytes().map(|byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte);
        digit.expect("an id has digits of base64") as u128
    });
    let digits: Vec<u128> = digits.collect();
    let (last, others) = digits.split_last().expect("an id has digits");
    // 21 digits of six bits, and the first two of the last one.
    let bits = others.iter().fold(0, |bits, digit| bits << 6 | digit) << 2 | last >> 4;
    TopicUuid {
        high: (bits >> 64) as i64,
        low: bits as i64,
    }
}
