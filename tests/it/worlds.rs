//! What must hold of whole worlds: the same file and seed give the same run, a fork goes on like its
//! parent, a stretch is the same as its steps, and actors do not disturb each other's draws.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafkasim::base::Instant;
use kafkasim::lab::Experiment;
use kafkasim::node::fact::ProduceFact;
use kafkasim::node::{Fact, words};
use kafkasim::scenario;
use kafkasim::sim::{Scratch, Sim};
use kafkasim::verdict::{Ending, FactWord};

use crate::lessons::shipped;
use crate::world::facts_of;

fn experiments(text: &str) -> Vec<Experiment> {
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let options = scenario::Options::default();
    let loaded = scenario::load(text.as_bytes(), "test.yaml", &no_file, &options)
        .unwrap_or_else(|errors| panic!("{errors:?}"));
    let runs = loaded.runs.iter();
    runs.map(|run| Experiment::new(run).expect("a checked scenario compiles"))
        .collect()
}

/// Latencies, keys, processing times and a fault, all drawn.
const NOISY: &str = "
title: Everything is drawn
network: { latency: 1ms..20ms }
topics: { orders: { partitions: 3, replication.factor: 3 } }
producers:
  shop: { topic: orders, records: 200, every: { exponential: 5ms }, keys: { random: 9 } }
groups:
  workers: { topics: [orders], members: 2, process: 1ms..9ms, config: { auto.offset.reset: earliest } }
faults:
  - { crash: workers, before: process, nth: 20..80, restart-after: 1s..3s }
";

#[test]
fn the_same_file_and_seed_give_the_same_facts() {
    let noisy = &experiments(NOISY)[0];
    assert_eq!(facts_of(noisy), facts_of(noisy));
    assert_eq!(
        noisy.run().verdict.fingerprint,
        noisy.run().verdict.fingerprint
    );
}

#[test]
fn another_seed_gives_another_run() {
    let other = NOISY.replace("title:", "seed: 2\ntitle:");
    let (one, two) = (&experiments(NOISY)[0], &experiments(&other)[0]);
    assert_ne!(one.run().verdict.fingerprint, two.run().verdict.fingerprint);
}

#[test]
fn a_fork_and_its_parent_go_on_alike_and_do_not_disturb_each_other() {
    let noisy = &experiments(NOISY)[0];
    let whole = facts_of(noisy);
    let mut parent = Sim::new(Arc::clone(&noisy.setup));
    let mut scratch = Scratch::default();
    let mut before = Vec::new();
    for _ in 0..2_000 {
        assert!(
            parent.step(&mut scratch).is_none(),
            "the fork lies within the run"
        );
        before.append(&mut scratch.facts);
    }
    let mut fork = parent.clone();
    let rest_of = |sim: &mut Sim| {
        let mut facts = before.clone();
        sim.run(&mut |stated| facts.push(stated.clone()));
        facts
    };
    let of_fork = rest_of(&mut fork);
    let of_parent = rest_of(&mut parent);
    assert_eq!(of_fork, whole, "a fork goes on as the run would have");
    assert_eq!(
        of_parent, whole,
        "and running the fork has not touched its parent"
    );
}

#[test]
fn another_group_changes_no_draw_of_a_producer() {
    let sends = |text: &str| -> Vec<(u32, Instant)> {
        let mut sends = Vec::new();
        for stated in facts_of(&experiments(text)[0]) {
            if let Fact::Produce(ProduceFact::Sent { records, times, .. }) = &stated.fact {
                sends.extend((0..records.len()).map(|i| (records.get(i).0, times.get(i))));
            }
        }
        sends
    };
    let crowded = NOISY.replace(
        "groups:\n",
        "groups:\n  others: { topics: [orders], members: 3 }\n",
    );
    assert_ne!(NOISY, crowded);
    assert_eq!(sends(NOISY).len(), 200);
    assert_eq!(sends(NOISY), sends(&crowded));
}

#[test]
fn every_shipped_lesson_is_the_same_stretched_and_stepped() {
    let mut compared = 0;
    for path in shipped() {
        let text = std::fs::read_to_string(&path).expect("a readable lesson");
        for stretched in experiments(&text) {
            let mut setup = (*stretched.setup).clone();
            setup.stepped = true;
            let stepped = Experiment {
                setup: Arc::new(setup),
                ..stretched.clone()
            };
            let (one, two) = (stretched.run(), stepped.run());
            let what = format!("{} {:?}", path.display(), stretched.variant);
            assert_eq!(one.verdict.fingerprint, two.verdict.fingerprint, "{what}");
            assert_eq!(one.verdict.at, two.verdict.at, "{what}");
            compared += 1;
        }
    }
    assert!(25 <= compared, "{compared} runs compared");
}

/// Draws that nobody chose find timers that never come to rest; the bound on events tells.
#[test]
fn sixty_seeds_of_noise_all_drain() {
    for seed in 1..=60 {
        let text = NOISY.replace("title:", &format!("seed: {seed}\ntitle:"));
        let text = text + "limits: { events: 100000 }\n";
        let outcome = experiments(&text)[0].run();
        assert_eq!(outcome.verdict.ends, Ending::Drained, "seed {seed}");
        let workers = outcome
            .verdict
            .group("workers")
            .expect("the group is in the file");
        assert_eq!(
            workers.lost_count(),
            0,
            "at least once loses nothing, seed {seed}"
        );
    }
}

/// `when:` and `must-happen:` are answered in two places; they must not drift apart.
#[test]
fn a_fault_that_waits_for_a_word_and_a_demand_for_it_mean_the_same() {
    let derived = [FactWord::ProcessedAgain];
    for path in shipped() {
        let text = std::fs::read_to_string(&path).expect("a readable lesson");
        for experiment in experiments(&text) {
            let mut counts: BTreeMap<FactWord, u64> = BTreeMap::new();
            let outcome = experiment.watched(&mut |stated| {
                for word in FactWord::ALL {
                    let counts_for = words::counts_for(&stated.fact, word.word());
                    *counts.entry(*word).or_default() += u64::from(counts_for);
                }
            });
            for word in FactWord::ALL.iter().filter(|word| !derived.contains(word)) {
                let demanded = outcome.ledger.seen().count(*word);
                assert_eq!(counts[word], demanded, "{} {}", path.display(), word.word());
            }
        }
    }
}
