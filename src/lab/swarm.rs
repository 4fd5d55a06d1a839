//! A swarm of random worlds: which settings, which faults and how many of each are drawn from a
//! seed, and what must hold whatever was drawn is looked after.
//!
//! Swarm testing: a world in which everything may happen seldom gets far, so each seed first draws
//! which kinds of faults its world knows at all. A world is a scenario file like any other: what a
//! seed stands for can be printed, run, traced and asked `why`. Every fault ends, so that every world
//! has to drain.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::panic::catch_unwind;

use super::threads::share_out;
use super::{Experiment, Outcome};
use crate::base::{Seed, Stream};
use crate::scenario;
use crate::verdict::Ending;

/// What is not as it has to be in the world of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The seed.
    pub seed: u64,
    /// What, as sentences.
    pub what: Vec<String>,
}

/// A world drawn from a seed.
#[derive(Clone, Debug)]
pub struct World {
    /// The scenario file.
    pub text: String,
    /// Whether a record that was acknowledged must be there at the end.
    keeps: bool,
}

/// Runs the world of a seed; what is wrong with it, if anything is.
///
/// # Errors
/// What does not hold.
pub fn check(seed: u64) -> Result<(), Violation> {
    let world = World::draw(seed);
    let what = match catch_unwind(|| world.run()) {
        Ok(Ok(outcome)) => world.objections(&outcome),
        Ok(Err(refused)) => vec![refused],
        Err(_) => vec!["it panics, as told above".to_owned()],
    };
    if what.is_empty() {
        Ok(())
    } else {
        Err(Violation { seed, what })
    }
}

/// Runs the worlds of `count` seeds from `first` on; what is wrong with them, in the order of seeds
/// whatever the number of threads.
pub fn run(first: u64, count: u64, threads: NonZeroUsize) -> Vec<Violation> {
    let parts = share_out(count, threads, Vec::new, |found, number| {
        found.extend(check(first.wrapping_add(number)).err());
    });
    let mut violations: Vec<Violation> = parts.into_iter().flatten().collect();
    violations.sort_by_key(|violation| violation.seed);
    violations
}

impl World {
    /// The world that a seed stands for.
    pub fn draw(seed: u64) -> Self {
        let mut draw = Draw(Stream::new(Seed(seed), "swarm", "world"));
        let idempotent = draw.one_in(2);
        let acks_all = idempotent || draw.one_in(2);
        let unclean = draw.one_in(4);
        let topic = draw.topic(unclean);
        let producer = draw.producer(idempotent, acks_all);
        let group = draw.group();
        let faults = draw.faults();
        let latency = draw.of(&["1ms", "1ms..5ms", "100us..20ms"]);
        let text = format!(
            "title: World {seed} of the swarm
seed: {seed}
cluster: {{ config: {{ offsets.topic.num.partitions: 2 }} }}
network: {{ latency: {latency} }}
topics:
  orders: {topic}
producers:
  shop: {producer}
groups:
  workers: {group}
faults:
{faults}limits: {{ drain: 30min }}
"
        );
        Self {
            text,
            keeps: acks_all && !unclean,
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// Why the file was refused, which it must not be.
    pub fn run(&self) -> Result<Outcome, String> {
        let no_file = |_: &str| Err("a world is one file".to_owned());
        let options = scenario::Options::default();
        let loaded = scenario::load(self.text.as_bytes(), "swarm.yaml", &no_file, &options);
        let mut loaded = loaded.map_err(|mistakes| format!("refused: {mistakes:?}"))?;
        let run = loaded.runs.remove(loaded.chosen);
        let experiment = Experiment::new(&run).map_err(|mistakes| format!("{mistakes:?}"))?;
        Ok(experiment.run())
    }

    fn objections(&self, outcome: &Outcome) -> Vec<String> {
        let mut wrong: Vec<String> = outcome.judgement.broken.clone();
        let verdict = &outcome.verdict;
        match &verdict.ends {
            Ending::Drained => {}
            Ending::Stuck { reason } => wrong.push(format!("it does not drain: {reason}")),
            Ending::Limit { which } => wrong.push(format!("it does not end: {which}")),
        }
        for topic in &verdict.topics {
            if self.keeps && !topic.truncated.is_empty() {
                wrong.push(format!("acknowledged and gone: {}", topic.truncated.len()));
            }
        }
        for group in &verdict.groups {
            let lost = group.lost_count();
            if self.keeps && lost != 0 {
                wrong.push(format!("never processed: {lost}"));
            }
        }
        wrong
    }
}

struct Draw(Stream);

impl Draw {
    fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.between(low, high)
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.0.below(times) == 0
    }

    fn of<'t>(&mut self, words: &[&'t str]) -> &'t str {
        words[self.0.below(words.len() as u64) as usize]
    }

    fn topic(&mut self, unclean: bool) -> String {
        let min_isr = self.between(1, 2);
        let partitions = self.between(1, 3);
        format!(
            "{{ partitions: {partitions}, replication.factor: 3, config: {{ min.insync.replicas: \
             {min_isr}, unclean.leader.election.enable: {unclean} }} }}"
        )
    }

    fn producer(&mut self, idempotent: bool, acks_all: bool) -> String {
        let records = self.between(50, 400);
        let every = self.of(&["100ms", "0s..200ms", "exponential"]);
        let every = match every {
            "exponential" => "{ exponential: 80ms }",
            other => other,
        };
        let mut config = match (idempotent, acks_all) {
            (true, _) => "acks: all".to_owned(),
            (false, true) => "acks: all, enable.idempotence: false".to_owned(),
            (false, false) => "acks: 1, enable.idempotence: false".to_owned(),
        };
        let linger = self.of(&["0", "5", "300"]);
        let in_flight = self.between(1, 5);
        let request = self.of(&["2000", "30000"]);
        write!(
            config,
            ", linger.ms: {linger}, max.in.flight.requests.per.connection: {in_flight}, \
             request.timeout.ms: {request}"
        )
        .expect("a text takes more text");
        format!("{{ topic: orders, records: {records}, every: {every}, config: {{ {config} }} }}")
    }

    fn group(&mut self) -> String {
        let members = self.between(1, 3);
        let commit = self.of(&["after-processing", "after-each-record", "auto"]);
        let assignor = self.of(&["RangeAssignor", "RoundRobinAssignor"]);
        format!(
            "{{ topics: [orders], members: {members}, process: 5ms, commit: {commit}, config: {{ \
             auto.offset.reset: earliest, partition.assignment.strategy: {assignor} }} }}"
        )
    }

    /// The faults, one a line. Which kinds there are is drawn first.
    fn faults(&mut self) -> String {
        let kinds: Vec<u64> = (0..KINDS).filter(|_| self.one_in(3)).collect();
        let count = self.between(1, 7);
        let overlapping = self.one_in(2);
        let (mut faults, mut at) = (String::new(), 2_000);
        for _ in 0..count {
            let kind = match kinds.as_slice() {
                [] => self.between(0, KINDS - 1),
                kinds => kinds[self.0.below(kinds.len() as u64) as usize],
            };
            let length = self.between(50, 25_000);
            let fault = self.fault(kind, at, length);
            writeln!(faults, "  - {{ {fault}, optional: true }}").expect("a text takes more text");
            at += if overlapping {
                self.between(0, 15_000)
            } else {
                length + self.between(10_000, 30_000)
            };
        }
        faults
    }

    fn fault(&mut self, kind: u64, at: u64, length: u64) -> String {
        let when = format!("at: {at}ms");
        let broker = self.of(&[
            "broker-1",
            "broker-2",
            "broker-3",
            "leader of orders-0",
            "group coordinator of workers",
        ]);
        let request = self.of(&[
            "Produce",
            "Fetch",
            "Metadata",
            "OffsetCommit",
            "JoinGroup",
            "SyncGroup",
            "Heartbeat",
        ]);
        let nth = self.between(1, 30);
        match kind {
            0 => format!("crash: {broker}, {when}, restart-after: {length}ms"),
            1 => format!("pause: {broker}, {when}, for: {length}ms"),
            2 => format!("close: {broker}, {when}, restart-after: {length}ms"),
            3 => {
                let link = self.link();
                let one_way = self.one_in(3);
                format!("cut: {link}, {when}, for: {length}ms, one-way: {one_way}")
            }
            4 => {
                let (link, by) = (self.link(), self.of(&["50ms", "0s..2s", "8s"]));
                format!("slow: {link}, by: {by}, {when}, for: {length}ms")
            }
            5 => {
                let message = self.of(&["hold-request", "hold-response"]);
                format!("{message}: clients, request: {request}, nth: {nth}, for: {length}ms")
            }
            6 => {
                let message = self.of(&["hold-request", "hold-response"]);
                let asked = self.of(&["Fetch", "BrokerHeartbeat", "AlterPartition"]);
                format!("{message}: {broker}, request: {asked}, nth: {nth}, for: {length}ms")
            }
            7 => {
                let message = self.of(&["lose-request", "lose-response"]);
                let times = self.between(1, 5);
                let connection = self.of(&["reset", "silence"]);
                format!(
                    "{message}: clients, request: {request}, nth: {nth}, times: {times}, as: \
                     {connection}"
                )
            }
            8 => format!("crash: active controller, {when}, restart-after: {length}ms"),
            9 => format!("pause: active controller, {when}, for: {length}ms"),
            10 => format!("crash: workers-1, {when}, restart-after: {length}ms"),
            11 => format!("pause: workers-1, {when}, for: {length}ms"),
            _ => format!("pause: shop, {when}, for: {length}ms"),
        }
    }

    fn link(&mut self) -> &'static str {
        self.of(&[
            "[broker-1, broker-2]",
            "[broker-3, [broker-1, broker-2]]",
            "[broker-1, controllers]",
            "[brokers, controllers]",
            "[broker-2, [brokers, controllers]]",
            "[leader of orders-0, [brokers, controllers]]",
            "[shop, brokers]",
            "[workers, brokers]",
            "[shop, leader of orders-0]",
            "[clients, broker-1]",
            "[broker-1, [brokers, controllers, clients]]",
        ])
    }
}

/// How many kinds of faults there are.
const KINDS: u64 = 13;
