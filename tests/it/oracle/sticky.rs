//! The sticky assignors: single calls, and groups over many rounds. Members are put into the
//! leader's map in the order of their ids, as in the recordings.

use kafkasim::kafka::assignor::KnownTopic;
use kafkasim::kafka::assignor::sticky::{Claimant, Failure, cooperative_sticky, sticky};
use serde_json::Value;

use super::assignments::{Assigned, Names, compare_file, members};

/// The eager one has generations in its user data, the cooperative one in its subscription.
#[derive(Clone, Copy)]
enum Kind {
    Eager,
    Cooperative,
}

#[test]
fn oracle_sticky_divides_as_kafka_does() {
    compare_file("client-sticky.jsonl", false, |case| ours(Kind::Eager, case));
}

#[test]
fn oracle_sticky_follows_groups_over_time() {
    compare_file("client-sticky-sequences.jsonl", true, |case| {
        ours(Kind::Eager, case)
    });
}

#[test]
fn oracle_cooperative_sticky_divides_as_kafka_does() {
    let file = "client-cooperative-sticky.jsonl";
    compare_file(file, false, |case| ours(Kind::Cooperative, case));
}

#[test]
fn oracle_cooperative_sticky_follows_groups_over_time() {
    let file = "client-cooperative-sticky-sequences.jsonl";
    compare_file(file, true, |case| ours(Kind::Cooperative, case));
}

fn ours(kind: Kind, case: &Value) -> Result<Assigned, &'static str> {
    let names = Names::of(case);
    let inputs: Vec<_> = members(case)
        .values()
        .map(|member| {
            // Without user data the eager one knows of nothing, whatever the member had.
            let has_data = member.get("ug").or(member.get("ud")).is_some();
            let owned = match kind {
                Kind::Eager if !has_data => Vec::new(),
                Kind::Eager | Kind::Cooperative => names.owned(member),
            };
            (names.subscription(member), owned)
        })
        .collect();
    let claimants = members(case).iter().zip(&inputs);
    let claimants: Vec<Claimant<'_>> = claimants
        .map(|((id, member), (topics, owned))| {
            let generation = |key: &str| member[key].as_i64().map_or(-1, |number| number as i32);
            let joined_generation = generation("sg");
            let has_field = 0 <= joined_generation;
            Claimant {
                member: id,
                topics,
                owned,
                generation: match kind {
                    Kind::Cooperative if has_field => joined_generation,
                    Kind::Cooperative | Kind::Eager => generation("ug"),
                },
                joined_generation,
            }
        })
        .collect();
    let topics = case["t"].as_object().expect("a case has topics");
    let known: Vec<KnownTopic<'_>> = topics
        .iter()
        .map(|(name, count)| KnownTopic {
            id: names.id(name),
            name,
            partitions: count.as_u64().expect("a count is a number") as u32,
        })
        .collect();
    let answer = match kind {
        Kind::Eager => sticky(&claimants, &known),
        Kind::Cooperative => cooperative_sticky(&claimants, &known),
    };
    let answer = answer.map_err(Failure::exception)?;
    Ok(names.assigned(case, answer))
}
