//! How often the records of each group took effect, by the story alone: the same rule for both sides.
//!
//! This is no judgement of loss, which is the ledger's: only the counting that it rests on.

use std::collections::BTreeMap;

use super::build::join;
use super::story::{Kind, Place, Story};
use crate::scenario::Scenario;

/// For each group: records that took effect more than once, and those that never did, apart by
/// whether the group's offsets have passed them.
pub(super) fn of(scenario: &Scenario, story: &Story) -> BTreeMap<String, Vec<String>> {
    let groups = scenario.groups.iter();
    let fates = groups.map(|(name, group)| {
        let members = group.actors(name);
        let effects = effects(story, &members);
        let mut lines = Vec::new();
        let topics: Vec<&str> = group.all.topics.iter().map(String::as_str).collect();
        let read = |partition: &str| {
            let topic = partition
                .rsplit_once('-')
                .map_or(partition, |(topic, _)| topic);
            topics.contains(&topic)
        };
        for (partition, log) in story.logs.iter().filter(|(partition, _)| read(partition)) {
            let passed = story
                .committed
                .get(name)
                .and_then(|group| group.get(partition));
            let offsets = log
                .iter()
                .filter_map(|line| line.split(' ').next()?.parse().ok());
            let mut sorted: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
            for offset in offsets {
                let times = effects.get(&(partition.as_str(), offset)).copied();
                let fate = match times.unwrap_or(0) {
                    0 if passed.is_some_and(|passed| offset < *passed) => "passed over",
                    0 => "not yet",
                    1 => continue,
                    2 => "twice",
                    _ => "three times and more",
                };
                let places = sorted.entry(fate).or_default();
                join(places, Place::one(partition.clone(), offset));
            }
            for (fate, places) in sorted {
                lines.extend(places.iter().map(|place| format!("{fate}: {place}")));
            }
        }
        (name.to_owned(), lines)
    });
    fates.collect()
}

/// How often each record took effect, over all members and lives.
fn effects<'s>(story: &'s Story, members: &[String]) -> BTreeMap<(&'s str, u64), u32> {
    let mut effects = BTreeMap::new();
    let lives = members
        .iter()
        .filter_map(|member| story.lives.get(member))
        .flatten();
    for step in lives.flat_map(|life| life.steps.iter().chain(&life.workers)) {
        if step.kind != Kind::Processed {
            continue;
        }
        let place = Place::parse(&step.what).expect("what is processed has a place");
        let partition = story.logs.get_key_value(&place.partition);
        let Some((partition, _)) = partition else {
            continue;
        };
        for offset in place.first..place.first + place.count {
            *effects.entry((partition.as_str(), offset)).or_insert(0) += 1;
        }
    }
    effects
}
