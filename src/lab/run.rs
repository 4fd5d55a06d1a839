//! One run: a world, the ledger that watches it, and the judgement of what came out.
//!
//! A plain run keeps no facts. Who wants to see them runs the same experiment again and watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keys::{self, KeyBook};
use crate::base::{GroupId, Instant, NodeId, RecordId, Seed};
use crate::kafka::cast::Role;
use crate::kafka::message::{Acks, Api};
use crate::node::consumer::Handler;
use crate::node::consumer::program::HandledRecord;
use crate::node::fact::Stated;
use crate::scenario::{self, Mistakes, Scenario, written};
use crate::sim::audit::Finding;
use crate::sim::setup::{FaultSetup, Setup, Target, TopicSetup, Trigger};
use crate::sim::{End, Ends, Requests, Sim};
use crate::verdict::promise::{Broken, Promise};
use crate::verdict::{
    Check, EndOfRun, Ending, GroupInfo, Judgement, Ledger, Options, RecordName, Unstruck, Verdict,
};

/// What is run and what it is judged by.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The variant, in a file that has variants.
    pub variant: Option<String>,
    /// What the file says, with every default.
    pub scenario: Scenario,
    /// The world.
    pub setup: Arc<Setup>,
    /// The logic that a program brought along, by group. The world holds it installed.
    pub logic: Vec<(String, written::Logic)>,
}

/// A run that is over.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// What is known of every record.
    pub ledger: Ledger,
    /// What that comes to.
    pub verdict: Verdict,
    /// How that compares with what was demanded.
    pub judgement: Judgement,
    /// How many events were handled.
    pub events: u64,
    /// How many requests each producer and group of the file sent to brokers since the warm-up,
    /// all its instances and members together, by API; those that were lost too.
    pub requests: BTreeMap<String, BTreeMap<Api, u64>>,
}

/// Whether a run came out as demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything demanded is so.
    AsExpected,
    /// Something is not.
    NotAsExpected,
    /// A bound was hit: nothing is known.
    BoundHit,
}

/// Runs a scenario that a program wrote. The same scenario has the same outcome every time.
///
/// # Errors
/// Its mistakes, as the loader reports them for a file.
pub fn run(scenario: &written::Scenario) -> Result<Outcome, Mistakes> {
    Ok(Experiment::of(scenario)?.run())
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AsExpected, Self::NotAsExpected, Self::BoundHit];
}

impl Experiment {
    /// The world of a loaded run.
    ///
    /// # Errors
    /// A sentence that says why this scenario cannot be run. The loader has refused most of these.
    pub fn new(run: &scenario::Run) -> Result<Self, String> {
        let setup = scenario::compile(&run.scenario);
        Ok(Self {
            variant: run.variant.clone(),
            setup: Arc::new(setup),
            scenario: run.scenario.clone(),
            logic: Vec::new(),
        })
    }

    /// The world of a scenario that a program wrote, with the logic it brings along.
    ///
    /// # Errors
    /// Its mistakes, as the loader reports them for a file.
    pub fn of(scenario: &written::Scenario) -> Result<Self, Mistakes> {
        let resolved = scenario.resolved()?;
        let logic = scenario.logic().to_vec();
        let mut setup = scenario::compile(&resolved);
        install_all(&mut setup, &logic);
        Ok(Self {
            variant: None,
            setup: Arc::new(setup),
            scenario: resolved,
            logic,
        })
    }

    /// The same experiment under another seed.
    #[must_use]
    pub fn with_seed(&self, seed: Seed) -> Self {
        let mut setup = self.setup.with_seed(seed);
        // Logic is shown the keys of the records, which are drawn from the seed.
        install_all(&mut setup, &self.logic);
        let mut scenario = self.scenario.clone();
        scenario.seed = seed.0;
        Self {
            variant: self.variant.clone(),
            scenario,
            setup: Arc::new(setup),
            logic: self.logic.clone(),
        }
    }

    /// Runs it.
    pub fn run(&self) -> Outcome {
        self.watched(&mut |_| {})
    }

    /// Runs it, and shows every fact to `watch`.
    pub fn watched(&self, watch: &mut dyn FnMut(&Stated)) -> Outcome {
        self.run_with(self.ledger(true), watch)
    }

    /// Runs it for a tally: the same verdict and judgement without the names of records, and
    /// without latencies that nobody demands.
    pub(super) fn tallied(&self) -> Outcome {
        self.run_with(self.ledger(false), &mut |_| {})
    }

    fn run_with(&self, mut ledger: Ledger, watch: &mut dyn FnMut(&Stated)) -> Outcome {
        let mut sim = Sim::new(Arc::clone(&self.setup));
        for state in sim.partitions() {
            ledger.begins_with(state);
        }
        let keys = self.keys();
        let mut at = &self.scenario.expect.at[..];
        let mut states = Vec::new();
        let end = sim.run(&mut |stated| {
            while let Some(((instant, claims), later)) = at.split_first()
                && Instant::ZERO + *instant < stated.at
            {
                states.extend(ledger.judge_now(*instant, claims, &|record| keys.of(record)));
                at = later;
            }
            ledger.observe(stated);
            watch(stated);
        });
        for (instant, claims) in at {
            states.extend(ledger.judge_now(*instant, claims, &|record| keys.of(record)));
        }
        self.audit(&sim, &end, &mut ledger);
        self.judged(ledger, &end, states)
    }

    /// Looks for what has to hold in every run and does not.
    fn audit(&self, sim: &Sim, end: &End, ledger: &mut Ledger) {
        let at = end.at;
        for finding in sim.audit() {
            let (partition, promise) = match finding {
                Finding::Disagreement(tp, offset) => (tp, Promise::LogsAgree { offset }),
                Finding::Sequence(tp, offset) => (tp, Promise::SequencesAreContiguous { offset }),
            };
            ledger.is_broken(Broken {
                at,
                partition,
                promise,
            });
        }
        let producers = &self.setup.producers;
        let acks_of = |node: NodeId| {
            let found = producers.iter().find(|(setup, _)| setup.node == node);
            found.map(|(setup, _)| setup.config.acks)
        };
        ledger.look_for_lost(at, |node| acks_of(node) == Some(Acks::All));
        if !self.setup.cluster.config.expires_producers() {
            ledger.look_for_twice(at, |node| {
                let found = producers.iter().find(|(setup, _)| setup.node == node);
                found.is_some_and(|(setup, _)| setup.config.idempotence)
            });
        }
    }

    /// The record of that name, as it stands after the run. A span names its first record.
    ///
    /// # Errors
    /// A sentence that says why there is no such record.
    pub fn find(&self, outcome: &Outcome, name: &RecordName) -> Result<RecordId, String> {
        let keys = self.keys();
        let found = outcome.ledger.resolve(name, &|record| keys.of(record))?;
        let first = found.first().copied();
        first.ok_or_else(|| format!("`{name}` names no record of this run"))
    }

    /// The keys of its records.
    pub fn keys(&self) -> KeyBook {
        KeyBook::new(&self.setup)
    }

    /// A ledger for everything, or only for what is counted and demanded.
    fn ledger(&self, whole: bool) -> Ledger {
        let setup = &self.setup;
        let groups: Vec<GroupInfo> = (setup.groups.iter().zip(0..))
            .map(|(group, id)| GroupInfo {
                id: GroupId(id),
                topics: group.topics.clone(),
                members: group.members.clone(),
                committed: group.committed.clone(),
                effect_in_sink: group.effect_in_sink,
            })
            .collect();
        let present = |topic: &TopicSetup| {
            if topic.before_start {
                topic.partitions
            } else {
                0
            }
        };
        let options = Options {
            warm_up: setup.warm_up,
            latencies: whole || self.scenario.expect.asks_for_latency(),
            names: whole,
            partitions: setup.topics.iter().map(present).collect(),
            scattered: keys::scattered(setup),
        };
        Ledger::new(Arc::clone(&setup.cast), &groups, options)
    }

    fn judged(&self, ledger: Ledger, end: &End, states: Vec<Check>) -> Outcome {
        let keys = self.keys();
        let verdict = ledger.verdict(&self.end_of_run(end), &|record| keys.of(record));
        let (expect, must_happen) = (&self.scenario.expect, &self.scenario.must_happen);
        let mut judgement = ledger.judge(&verdict, expect, must_happen, &|record| keys.of(record));
        judgement.checks.extend(states);
        Outcome {
            ledger,
            verdict,
            judgement,
            events: end.events,
            requests: self.requests(&end.requests),
        }
    }

    /// The requests of clients by the names of the file.
    fn requests(&self, requests: &Requests) -> BTreeMap<String, BTreeMap<Api, u64>> {
        let mut sums: BTreeMap<String, BTreeMap<Api, u64>> = BTreeMap::new();
        for (actor, node) in self.setup.cast.actors.iter().zip((0..).map(NodeId)) {
            if !matches!(actor.role, Role::Producer | Role::Member) {
                continue;
            }
            let of_family = sums.entry(actor.family.clone()).or_default();
            for api in Api::ALL {
                let sent = requests.of(node, api);
                if 0 < sent {
                    *of_family.entry(api).or_default() += sent;
                }
            }
        }
        sums
    }

    /// The end of the run in the words of the verdict.
    fn end_of_run(&self, end: &End) -> EndOfRun {
        let ending = match &end.how {
            Ends::Drained => Ending::Drained,
            Ends::Stuck { reason } => Ending::Stuck {
                reason: reason.clone(),
            },
            Ends::Limit { which } => Ending::Limit {
                which: which.clone(),
            },
        };
        let unstruck = end.unstruck.iter().map(|unstruck| {
            let fault = &self.setup.faults[unstruck.fault];
            Unstruck {
                line: fault.line,
                text: Arc::clone(&fault.text),
                condition: self.condition(fault),
                reached: unstruck.reached,
                nth: unstruck.nth,
                optional: fault.optional,
            }
        });
        EndOfRun {
            at: end.at,
            ending,
            unstruck: unstruck.collect(),
        }
    }

    /// Whom a fault waited for at which step, if it waited for one.
    fn condition(&self, fault: &FaultSetup) -> Option<(String, String)> {
        let Trigger::Step { step, .. } = &fault.trigger else {
            return None;
        };
        let cast = &self.setup.cast;
        let who = match &fault.target {
            Target::Group(group) => cast.group(*group).to_owned(),
            Target::Topic(topic) => cast.topic(*topic).to_owned(),
            Target::Partition(partition) => cast.partition(*partition),
            Target::Link(_) => "a link".to_owned(),
            Target::LeaderOf(partition) => format!("leader of {}", cast.partition(*partition)),
            Target::FollowersOf(partition) => {
                format!("followers of {}", cast.partition(*partition))
            }
            Target::CoordinatorOf(group) => {
                format!("group coordinator of {}", cast.group(*group))
            }
            Target::OwnerOf(partition, _) => format!("owner of {}", cast.partition(*partition)),
            Target::Actors(actors) => {
                let families = actors
                    .iter()
                    .map(|actor| &cast.actors[actor.index()].family);
                let one = &cast.actors[actors.first()?.index()];
                match actors.len() {
                    1 => one.name.clone(),
                    _ if families.clone().all(|family| *family == one.family) => one.family.clone(),
                    _ => "the actors named".to_owned(),
                }
            }
        };
        Some((who, step.word().to_owned()))
    }

    /// The seed it runs with.
    pub fn seed(&self) -> Seed {
        self.setup.seed
    }
}

fn install_all(setup: &mut Setup, logic: &[(String, written::Logic)]) {
    for (group, logic) in logic {
        install(setup, group, logic);
    }
}

/// Gives every member of a group its own logic, which is shown names in place of ids.
fn install(setup: &mut Setup, group: &str, logic: &written::Logic) {
    let (cast, keys) = (Arc::clone(&setup.cast), KeyBook::new(setup));
    let logic = logic.clone();
    let handler = Handler(Arc::new(move |handled: &HandledRecord| {
        let key = keys.of(handled.record);
        (logic.0)(&written::Record {
            topic: cast.topic(handled.partition.topic),
            partition: handled.partition.partition,
            offset: handled.offset,
            key: key.as_deref(),
            attempt: handled.attempt,
        })
    }));
    let members = setup.members.iter_mut().map(|(member, _)| member);
    for member in members.filter(|member| *member.group_name == *group) {
        Arc::make_mut(&mut member.program).process.handler = Some(handler.clone());
    }
}

impl Outcome {
    /// Whether it came out as demanded.
    pub fn standing(&self) -> Standing {
        match self.verdict.ends {
            Ending::Limit { .. } => Standing::BoundHit,
            _ if self.judgement.as_expected() => Standing::AsExpected,
            _ => Standing::NotAsExpected,
        }
    }
}
