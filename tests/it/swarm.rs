//! A thousand random worlds: settings and faults drawn from a seed, and what must hold in all of them.

use kafkasim::lab::swarm::{self, World};

/// How a world that breaks something is looked at again.
fn all_hold(seeds: std::ops::Range<u64>) {
    let broken: Vec<_> = seeds.filter_map(|seed| swarm::check(seed).err()).collect();
    let told = broken.iter().take(5).map(|violation| {
        let (seed, what) = (violation.seed, violation.what.join("; "));
        format!("seed {seed}: {what}\n  again: kafkasim swarm --seed {seed}")
    });
    let told: Vec<String> = told.collect();
    assert!(
        broken.is_empty(),
        "{} worlds:\n{}",
        broken.len(),
        told.join("\n")
    );
}

#[test]
fn whatever_befalls_a_cluster_kafka_keeps_its_promises_in_the_first_half_of_a_thousand_worlds() {
    all_hold(0..500);
}

#[test]
fn whatever_befalls_a_cluster_kafka_keeps_its_promises_in_the_second_half_of_a_thousand_worlds() {
    all_hold(500..1_000);
}

#[test]
fn a_seed_stands_for_one_world_and_its_neighbour_for_another() {
    assert_eq!(World::draw(7).text, World::draw(7).text);
    assert_ne!(World::draw(7).text, World::draw(8).text);
}

#[test]
fn worlds_know_every_kind_of_fault() {
    let texts: Vec<String> = (0..200).map(|seed| World::draw(seed).text).collect();
    for word in [
        "crash: broker",
        "pause: broker",
        "close: broker",
        "cut: [",
        "slow: [",
        "hold-request: clients",
        "hold-response: broker",
        "lose-request: clients",
        "lose-response: clients",
        "crash: active controller",
        "crash: workers-1",
        "pause: shop",
        "one-way: true",
        "unclean.leader.election.enable: true",
        "acks: 1",
    ] {
        assert!(texts.iter().any(|text| text.contains(word)), "{word}");
    }
}
