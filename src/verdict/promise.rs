//! Invariants: what Kafka promises whatever befalls it, looked after in every run.
//!
//! | promise | broken by |
//! |---|---|
//! | one leader per epoch | two brokers that lead, or write, in one leader epoch |
//! | epochs grow | an election with an epoch that is not above the one before |
//! | high watermarks grow | a leader whose high watermark goes back within one leadership |
//! | logs agree | two in-sync replicas that differ below both high watermarks |
//! | sequences are contiguous | a log that misses a batch of an idempotent producer, or has it twice |
//! | once in an epoch | a record of an idempotent producer that is twice in a log, although its producer kept its epoch or no broker began anew |
//! | acknowledged is kept | a record acknowledged with acks=all that is in no log, with no unclean election and nothing lost with the power |
//!
//! The first three are read off the facts as they come, the others off the logs at the end of a
//! run. A broken one is a mistake of the simulator, never an outcome: it fails the run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::ledger::Ledger;
use super::quantity::FactWord;
use crate::base::{Instant, NodeId, Offset, RecordId, TopicId, TopicPartition};
use crate::kafka::Cast;
use crate::kafka::cast::Role;
use crate::node::fact::{Choice, ClusterFact, Fact, FaultFact, LogFact, ProduceFact, Stated};

/// No more than so many broken promises are kept of a run: one is enough to look into.
const KEPT: usize = 8;

/// What was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "promise", rename_all = "kebab-case")]
pub enum Promise {
    /// In this leader epoch two brokers led.
    OneLeaderPerEpoch {
        /// The epoch.
        epoch: u32,
    },
    /// An election gave this epoch, which is not above the one before.
    EpochsGrow {
        /// The epoch.
        epoch: u32,
    },
    /// The high watermark of a leader went back to this offset, or skipped to it.
    WatermarksGrow {
        /// The offset.
        to: Offset,
    },
    /// Two in-sync replicas have different records at this offset.
    LogsAgree {
        /// The offset.
        offset: Offset,
    },
    /// The batch at this offset does not follow the one before of its producer.
    SequencesAreContiguous {
        /// The offset.
        offset: Offset,
    },
    /// So many records of an idempotent producer are in a log more than once, and nothing happened by
    /// which Kafka lets that come about.
    OnceInAnEpoch {
        /// How many.
        records: u64,
    },
    /// So many records acknowledged with acks=all are in no log.
    AcknowledgedIsKept {
        /// How many.
        records: u64,
    },
}

/// A promise that was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// When it was noticed.
    pub at: Instant,
    /// Where.
    #[serde(skip)]
    pub partition: TopicPartition,
    /// Which.
    #[serde(flatten)]
    pub promise: Promise,
}

/// What is known of a partition.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The last leader that wrote, and in which epoch: nearly always the same as before.
    last: Option<(u32, NodeId)>,
    leaders: BTreeMap<u32, NodeId>,
    elected: Option<u32>,
    /// The high watermark of the leader that last raised its own.
    watermark: Option<(NodeId, Offset)>,
    watermarks: BTreeMap<NodeId, Offset>,
}

/// What was promised of every partition, and what was not kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Promises {
    topics: Vec<Vec<Known>>,
    broken: Vec<Broken>,
    /// The producers that raised their epoch.
    raised: BTreeSet<NodeId>,
    /// Who began anew, brokers among them.
    restarted: BTreeSet<NodeId>,
    /// Whether anybody was elected who need not have what was replicated.
    excuses_loss: bool,
}

impl Promises {
    /// What was not kept so far.
    pub(super) fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// Something was not kept.
    pub(super) fn is_broken(&mut self, broken: Broken) {
        if self.broken.len() < KEPT {
            self.broken.push(broken);
        }
    }

    /// Takes in a fact.
    pub(super) fn observe(&mut self, stated: &Stated) {
        let kept = match &stated.fact {
            Fact::Log(LogFact::Appended {
                partition,
                leader_epoch,
                ..
            }) => self.leads(*partition, *leader_epoch, stated.who),
            Fact::Log(LogFact::Replicated {
                partition,
                from,
                to,
            }) => self.rises(*partition, stated.who, (*from, *to)),
            Fact::Cluster(ClusterFact::LeadershipBegun {
                partition,
                leader_epoch,
                ..
            }) => {
                let known = self.known(*partition);
                // A new leader begins with the high watermark that it knew as a follower.
                known.watermark = None;
                known.watermarks.remove(&stated.who);
                self.leads(*partition, *leader_epoch, stated.who)
            }
            Fact::Cluster(ClusterFact::LeaderElected {
                partition,
                leader_epoch,
                choice,
                ..
            }) => {
                self.excuses_loss |= *choice == Choice::Unclean;
                self.is_elected(*partition, *leader_epoch)
            }
            Fact::Produce(ProduceFact::ProducerEpochBumped { .. }) => {
                self.raised.insert(stated.who);
                return;
            }
            Fact::Fault(FaultFact::Restarted) => {
                self.restarted.insert(stated.who);
                return;
            }
            _ => return,
        };
        if let Err((partition, promise)) = kept {
            let at = stated.at;
            self.is_broken(Broken {
                at,
                partition,
                promise,
            });
        }
    }

    fn known(&mut self, tp: TopicPartition) -> &mut Known {
        let (topic, partition) = (tp.topic.index(), tp.partition as usize);
        if self.topics.len() <= topic {
            self.topics.resize_with(topic + 1, Vec::new);
        }
        let partitions = &mut self.topics[topic];
        if partitions.len() <= partition {
            partitions.resize_with(partition + 1, Known::default);
        }
        &mut partitions[partition]
    }

    fn leads(
        &mut self,
        tp: TopicPartition,
        epoch: u32,
        who: NodeId,
    ) -> Result<(), (TopicPartition, Promise)> {
        let known = self.known(tp);
        if known.last == Some((epoch, who)) {
            return Ok(());
        }
        known.last = Some((epoch, who));
        if *known.leaders.entry(epoch).or_insert(who) == who {
            Ok(())
        } else {
            Err((tp, Promise::OneLeaderPerEpoch { epoch }))
        }
    }

    fn is_elected(
        &mut self,
        tp: TopicPartition,
        epoch: u32,
    ) -> Result<(), (TopicPartition, Promise)> {
        let before = self.known(tp).elected.replace(epoch);
        if before < Some(epoch) {
            Ok(())
        } else {
            Err((tp, Promise::EpochsGrow { epoch }))
        }
    }

    fn rises(
        &mut self,
        tp: TopicPartition,
        who: NodeId,
        (from, to): (Offset, Offset),
    ) -> Result<(), (TopicPartition, Promise)> {
        let known = self.known(tp);
        let before = match known.watermark.take() {
            Some((leader, at)) if leader == who => Some(at),
            other => {
                known.watermarks.extend(other);
                known.watermarks.remove(&who)
            }
        };
        known.watermark = Some((who, to));
        if from < to && before.is_none_or(|before| before == from) {
            Ok(())
        } else {
            Err((tp, Promise::WatermarksGrow { to }))
        }
    }
}

impl Ledger {
    /// Something was found at the end of a run that is not as promised.
    pub fn is_broken(&mut self, broken: Broken) {
        self.promises.is_broken(broken);
    }

    /// Looks for records acknowledged with acks=all that are in no log any more, although every
    /// leader was elected from the in-sync replicas and no disk lost what it had. `all` says whether
    /// a producer awaits them all.
    pub fn look_for_lost(&mut self, at: Instant, all: impl Fn(NodeId) -> bool) {
        let elected = self.seen.count(FactWord::LeaderElected);
        let excused = self.promises.excuses_loss || self.seen.count(FactWord::UnflushedLost) != 0;
        if elected == 0 || excused {
            return;
        }
        for topic in 0..self.topics.len() {
            let topic = TopicId(topic as u32);
            let count = self.topics[topic.index()].partitions.len() as u32;
            let partitions: Vec<_> = (0..count).map(|n| TopicPartition::new(topic, n)).collect();
            let gone = self.truncated(&partitions);
            let awaited = |id: &u64| all(self.cast.sender(RecordId(*id as u32)).0);
            let records = gone.iter().filter(awaited).count() as u64;
            if 0 < records {
                self.promises.is_broken(Broken {
                    at,
                    partition: partitions[0],
                    promise: Promise::AcknowledgedIsKept { records },
                });
            }
        }
    }

    /// Looks for records that are in a log more than once although their producer is idempotent.
    ///
    /// Kafka 4.1.0 does write such a record again: a broker that begins anew knows the last batch of
    /// a producer only (the snapshot of `ProducerStateManager` has no more), so it refuses a retry of
    /// the one before as out of order; the producer raises its epoch, numbers what it has under way
    /// anew (`TransactionManager.canRetry`), and everything is appended again. Nothing else does it.
    pub fn look_for_twice(&mut self, at: Instant, is_idempotent: impl Fn(NodeId) -> bool) {
        if self.seen.count(FactWord::Retry) == 0 {
            return;
        }
        let actors = &self.cast.actors;
        let is_broker = |node: &NodeId| actors[node.index()].role == Role::Broker;
        let has_begun_anew = self.promises.restarted.iter().any(is_broker);
        let topics: Vec<TopicId> = (0..self.topics.len() as u32).map(TopicId).collect();
        for topic in topics {
            let partitions: Vec<_> = self.logs(topic).map(|(partition, _)| partition).collect();
            for partition in partitions {
                let twice = self.appended_twice(&[partition]);
                let wrong = twice.iter().filter(|id| {
                    let producer = self.cast.sender(RecordId(*id as u32)).0;
                    let excused = has_begun_anew && self.promises.raised.contains(&producer);
                    is_idempotent(producer) && !excused
                });
                let records = wrong.count() as u64;
                if 0 < records {
                    let promise = Promise::OnceInAnEpoch { records };
                    self.promises.is_broken(Broken {
                        at,
                        partition,
                        promise,
                    });
                }
            }
        }
    }

    /// What was not kept, as sentences.
    pub(super) fn broken_promises(&self) -> Vec<String> {
        let broken = self.promises.broken().iter();
        broken.map(|broken| broken.message(&self.cast)).collect()
    }
}

impl Broken {
    /// What was not kept, as a sentence with the names of the file.
    pub fn message(&self, cast: &Cast) -> String {
        let (at, promise) = (self.at, self.promise);
        format!("{at}: {}: {promise}", cast.partition(self.partition))
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneLeaderPerEpoch { epoch } => {
                write!(f, "two brokers lead in leader epoch {epoch}")
            }
            Self::EpochsGrow { epoch } => {
                write!(
                    f,
                    "an election gives leader epoch {epoch}, which was there before"
                )
            }
            Self::WatermarksGrow { to } => {
                write!(
                    f,
                    "the high watermark does not grow to {to} from where it was"
                )
            }
            Self::LogsAgree { offset } => write!(
                f,
                "in-sync replicas differ at offset {offset}, below their high watermarks"
            ),
            Self::SequencesAreContiguous { offset } => write!(
                f,
                "the batch at offset {offset} does not follow the one before of its producer"
            ),
            Self::OnceInAnEpoch { records } => write!(
                f,
                "{records} records of an idempotent producer are there twice, in one producer epoch \
                 or with no broker that began anew"
            ),
            Self::AcknowledgedIsKept { records } => write!(
                f,
                "{records} records acknowledged with acks=all are in no log, with no unclean election"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::*;
    use super::*;
    use crate::kafka::{ErrorCode, Records};
    use crate::node::fact::FactId;

    const TP: TopicPartition = TopicPartition::new(TopicId(0), 0);

    fn told(facts: Vec<(u32, Fact)>) -> Vec<Promise> {
        let mut promises = Promises::default();
        for (number, (who, fact)) in facts.into_iter().enumerate() {
            promises.observe(&Stated {
                id: FactId(number as u64 + 1),
                at: Instant(number as u64),
                who: NodeId(who),
                by: FactId::NONE,
                since: FactId::NONE,
                fact,
            });
        }
        promises
            .broken()
            .iter()
            .map(|broken| broken.promise)
            .collect()
    }

    fn appended(who: u32, leader_epoch: u32) -> (u32, Fact) {
        let first = RecordId(0);
        let fact = LogFact::Appended {
            partition: TP,
            base_offset: 0,
            records: Records::Run { first, count: 1 },
            count: 1,
            leader_epoch,
        };
        (who, fact.into())
    }

    fn rises(who: u32, from: Offset, to: Offset) -> (u32, Fact) {
        let partition = TP;
        let fact = LogFact::Replicated {
            partition,
            from,
            to,
        };
        (who, fact.into())
    }

    fn elected(leader_epoch: u32) -> (u32, Fact) {
        let fact = ClusterFact::LeaderElected {
            partition: TP,
            leader: None,
            leader_epoch,
            isr: [].into(),
            choice: Choice::InSync,
        };
        (0, fact.into())
    }

    fn begins(who: u32, leader_epoch: u32) -> (u32, Fact) {
        let fact = ClusterFact::LeadershipBegun {
            partition: TP,
            leader_epoch,
            end: 0,
            epochs: [].into(),
        };
        (who, fact.into())
    }

    #[test]
    fn a_zombie_that_writes_in_its_own_epoch_breaks_nothing_and_one_in_anothers_does() {
        let fine = vec![appended(1, 0), begins(2, 1), appended(2, 1), appended(1, 0)];
        assert_eq!(told(fine), []);
        let broken = vec![appended(1, 0), begins(2, 1), appended(1, 1)];
        let epoch = 1;
        assert_eq!(told(broken), [Promise::OneLeaderPerEpoch { epoch }]);
    }

    /// Records 0 to 3 are written, and 2 is written again after what `between` tells.
    fn twice(between: impl Fn(&mut Story)) -> Vec<Promise> {
        let mut story = Story::with_records(0..4);
        between(&mut story);
        let records = records(2..3);
        let (partition, error) = (P0, ErrorCode::RequestTimedOut);
        let retry = ProduceFact::Retry {
            partition,
            records,
            error,
        };
        story.states(SHOP, retry);
        story.appended(P0, 4, 2..3);
        let mut ledger = story.ledger();
        ledger.look_for_twice(story.now, |node| node == SHOP);
        let broken = ledger.promises.broken().iter();
        broken.map(|broken| broken.promise).collect()
    }

    #[test]
    fn a_record_is_written_twice_only_in_two_epochs_and_after_a_broker_began_anew() {
        let raised = ProduceFact::ProducerEpochBumped { epoch: 1 };
        let restarted = |story: &mut Story, who| {
            story.states(who, FaultFact::Restarted);
        };
        let broken = [Promise::OnceInAnEpoch { records: 1 }];
        assert_eq!(twice(|_| {}), broken);
        assert_eq!(
            twice(|story| {
                story.states(SHOP, raised.clone());
            }),
            broken,
            "no broker began anew"
        );
        assert_eq!(twice(|story| restarted(story, BROKER)), broken);
        let other = |story: &mut Story| {
            restarted(story, ONE);
            story.states(SHOP, raised.clone());
        };
        assert_eq!(twice(other), broken, "a member is no broker");
        let both = |story: &mut Story| {
            restarted(story, BROKER);
            story.states(SHOP, raised.clone());
        };
        assert_eq!(twice(both), []);
    }

    #[test]
    fn an_epoch_is_given_once() {
        assert_eq!(told(vec![elected(1), elected(2)]), []);
        let epoch = 1;
        assert_eq!(
            told(vec![elected(1), elected(1)]),
            [Promise::EpochsGrow { epoch }]
        );
    }

    #[test]
    fn a_high_watermark_goes_on_from_where_it_was_unless_a_leadership_begins() {
        let fine = vec![rises(1, 0, 5), begins(2, 1), rises(2, 3, 6), rises(1, 5, 6)];
        assert_eq!(told(fine), []);
        let again = vec![rises(1, 0, 5), begins(1, 1), rises(1, 4, 6)];
        assert_eq!(told(again), []);
        let to = 6;
        let back = vec![rises(1, 0, 5), rises(2, 0, 3), rises(1, 4, to)];
        assert_eq!(told(back), [Promise::WatermarksGrow { to }]);
        let to = 5;
        assert_eq!(
            told(vec![rises(1, 5, to)]),
            [Promise::WatermarksGrow { to }]
        );
    }
}
