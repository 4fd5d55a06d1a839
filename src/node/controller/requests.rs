//! What brokers ask of the controller, and what it does on its own: topics, registrations,
//! heartbeats, fencing, changes of in-sync replicas, preferred leaders (`ControllerApis`,
//! `ReplicationControlManager`).

use std::sync::Arc;

use super::election::{self, Changed, Eligible, Rules, Wanted};
use super::{BALANCE, Controller, SESSIONS, Word};
use crate::base::{ConnId, NodeId, Span, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::message::{
    Body, Envelope, IsrAnswer, IsrChange, PartitionMetadata, Request, Response,
};
use crate::node::fact::{Choice, ClusterFact};
use crate::node::{Ctx, FactId, Lane};

impl Controller {
    /// A broker's request arrives; the controller answers at once.
    pub fn on_request(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        broker: NodeId,
        envelope: Envelope,
    ) {
        let cause = ctx.cause;
        let Body::Request(request) = envelope.body else {
            unreachable!("answers are not requests")
        };
        let response = match request {
            Request::CreateTopics {
                topic,
                partitions,
                replication_factor,
            } => Response::CreateTopics(self.create(ctx, topic, partitions, replication_factor)),
            Request::RegisterBroker { closed } => self.register(ctx, broker, closed),
            Request::BrokerHeartbeat {
                epoch,
                wants_shutdown,
            } => self.heartbeat(ctx, broker, epoch, wants_shutdown),
            Request::AlterPartition(changes) => {
                let answer = |change: &IsrChange| {
                    ctx.cause = cause;
                    self.alter(ctx, broker, change)
                };
                Response::AlterPartition(changes.iter().map(answer).collect())
            }
            other => unreachable!("brokers do not send {:?} to a controller", other.api()),
        };
        ctx.respond(conn, envelope.correlation, response);
        self.tell(ctx);
    }

    /// A new process. If the one before it did not close its logs, this one may lack what that had:
    /// it is in sync nowhere and eligible nowhere (`handleBrokerShutdown`).
    fn register(&mut self, ctx: &mut Ctx<'_>, broker: NodeId, closed: Option<u64>) -> Response {
        let was_fenced = self.registry.is_fenced(broker);
        let was_closed = closed == Some(self.registry.epoch(broker));
        let (error, epoch) = match self.registry.register(broker, ctx.now) {
            Ok(epoch) => (ErrorCode::None, epoch),
            Err(error) => (error, 0),
        };
        if error == ErrorCode::None {
            if !was_fenced {
                // The process before it stopped, or went silent, and nobody has noticed yet.
                ctx.note(ClusterFact::BrokerFenced { broker });
            }
            self.leave_everywhere(ctx, broker, was_closed);
            self.announce_brokers();
            self.watch_sessions(ctx);
        }
        Response::RegisterBroker { error, epoch }
    }

    fn heartbeat(
        &mut self,
        ctx: &mut Ctx<'_>,
        broker: NodeId,
        epoch: u64,
        wants_shutdown: bool,
    ) -> Response {
        if !self.registry.heard(broker, epoch, ctx.now) {
            return Response::BrokerHeartbeat {
                error: ErrorCode::StaleBrokerEpoch,
                is_fenced: true,
                may_stop: false,
            };
        }
        let mut may_stop = false;
        if wants_shutdown {
            may_stop = self.shut_down(ctx, broker);
        } else if self.registry.is_fenced(broker) && self.has_heard_everything(broker) {
            self.unfence(ctx, broker);
        }
        self.watch_sessions(ctx);
        Response::BrokerHeartbeat {
            error: ErrorCode::None,
            is_fenced: self.registry.is_fenced(broker),
            may_stop,
        }
    }

    /// Whether a broker has taken in all there is to tell: its metadata offset is at the end.
    fn has_heard_everything(&self, broker: NodeId) -> bool {
        let untold = self.untold.get(&broker);
        untold.is_none_or(std::collections::VecDeque::is_empty)
            && self.network.in_flight(broker, Lane::Main) == 0
    }

    /// Controlled shutdown: the broker's partitions get other leaders. Whether it may stop: it
    /// leads nothing that another could, and everybody knows.
    fn shut_down(&mut self, ctx: &mut Ctx<'_>, broker: NodeId) -> bool {
        if self.registry.is_fenced(broker) {
            return true;
        }
        if !self.registry.is_stopping(broker) {
            self.registry.stop(broker);
            self.leave_everywhere(ctx, broker, true);
            self.announce_brokers();
            return false;
        }
        let others = self.setup.brokers.iter().copied();
        let is_known = others
            .filter(|node| self.registry.is_active(*node))
            .all(|node| self.has_heard_everything(node));
        if is_known {
            ctx.note(ClusterFact::BrokerFenced { broker });
            self.registry.fence(broker, true);
            self.announce_brokers();
        }
        is_known
    }

    fn unfence(&mut self, ctx: &mut Ctx<'_>, broker: NodeId) {
        self.registry.fence(broker, false);
        let cause = ctx.note(ClusterFact::BrokerUnfenced { broker });
        self.announce_brokers();
        self.change_all(ctx, cause, |state, _| {
            let concerned = state.leader.is_none() && state.replicas.contains(&broker);
            concerned.then(Wanted::default)
        });
    }

    /// The broker whose session is over is fenced: one at a time, as in Kafka.
    pub(super) fn fence_next(&mut self, ctx: &mut Ctx<'_>) {
        if let Some((at, broker)) = self.registry.next_expiry()
            && at <= ctx.now
        {
            self.registry.fence(broker, true);
            ctx.note(ClusterFact::BrokerFenced { broker });
            self.announce_brokers();
            self.leave_everywhere(ctx, broker, true);
        }
        self.watch_sessions(ctx);
    }

    /// A broker is in sync nowhere any more, and leads nothing; if its process did not close its logs,
    /// it is eligible nowhere either.
    fn leave_everywhere(&mut self, ctx: &mut Ctx<'_>, broker: NodeId, has_closed: bool) {
        let cause = ctx.cause;
        let unclean_shutdown = (!has_closed).then_some(broker);
        self.change_all(ctx, cause, |state, eligible| {
            let was_eligible = !has_closed && eligible.replicas.contains(&broker);
            let others = state.isr.iter().copied().filter(|node| *node != broker);
            (state.isr.contains(&broker) || was_eligible).then(|| Wanted {
                isr: Some(others.collect()),
                unclean_shutdown,
            })
        });
    }

    /// Changes each partition for which `wanted` says how, and elects.
    fn change_all(
        &mut self,
        ctx: &mut Ctx<'_>,
        cause: FactId,
        wanted: impl Fn(&PartitionMetadata, &Eligible) -> Option<Wanted>,
    ) {
        let states = self.topics.values().flat_map(|all| all.iter());
        let mut changes = Vec::new();
        for state in states {
            let eligible = self.eligible(state.partition);
            if let Some(wanted) = wanted(state, &eligible) {
                let rules = self.setup.rules[state.partition.topic.index()];
                let active = |node| self.registry.is_active(node);
                changes.extend(election::change((state, &eligible), &wanted, rules, active));
            }
        }
        self.commit(ctx, cause, changes);
    }

    /// Who may lead a partition besides those in sync.
    fn eligible(&self, tp: TopicPartition) -> Eligible {
        self.eligible.get(&tp).cloned().unwrap_or_default()
    }

    /// A leader proposes in-sync replicas.
    fn alter(&mut self, ctx: &mut Ctx<'_>, leader: NodeId, change: &IsrChange) -> IsrAnswer {
        let state = self.state_of(change.partition).cloned();
        let error = match &state {
            None => ErrorCode::UnknownTopicOrPartition,
            Some(state) => self.objection(state, leader, change),
        };
        if let (ErrorCode::None, Some(state)) = (error, &state) {
            let cause = ctx.cause;
            let active = |node| self.registry.is_active(node);
            let wanted = Wanted {
                isr: Some(change.isr.to_vec()),
                unclean_shutdown: None,
            };
            let rules = self.setup.rules[change.partition.topic.index()];
            let of = (state, &self.eligible(change.partition));
            let changed = election::change(of, &wanted, rules, active);
            self.commit(ctx, cause, changed.into_iter().collect());
        }
        let now = self.state_of(change.partition);
        IsrAnswer {
            partition: change.partition,
            error,
            partition_epoch: now.map_or(0, |state| state.partition_epoch),
        }
    }

    fn objection(
        &self,
        state: &PartitionMetadata,
        leader: NodeId,
        change: &IsrChange,
    ) -> ErrorCode {
        if change.leader_epoch < state.leader_epoch {
            ErrorCode::FencedLeaderEpoch
        } else if state.leader != Some(leader) || !change.isr.contains(&leader) {
            ErrorCode::InvalidRequest
        } else if change.partition_epoch < state.partition_epoch {
            ErrorCode::InvalidUpdateVersion
        } else if !change.isr.iter().all(|node| self.registry.is_active(*node)) {
            ErrorCode::IneligibleReplica
        } else {
            ErrorCode::None
        }
    }

    fn state_of(&self, tp: TopicPartition) -> Option<&PartitionMetadata> {
        self.topics.get(&tp.topic)?.get(tp.partition as usize)
    }

    /// Writes changes to the metadata log: states them, and has every broker hear of them.
    fn commit(&mut self, ctx: &mut Ctx<'_>, cause: FactId, changes: Vec<Changed>) {
        if changes.is_empty() {
            return;
        }
        for changed in &changes {
            let state = &changed.state;
            let partition = state.partition;
            let all = self.topics.get_mut(&partition.topic);
            let all = all.expect("a partition that changes exists");
            Arc::make_mut(all)[partition.partition as usize] = state.clone();
            let [eligible, _] = &changed.eligible;
            if *eligible == Eligible::default() {
                self.eligible.remove(&partition);
            } else {
                self.eligible.insert(partition, eligible.clone());
            }
            ctx.cause = cause;
            note_change(ctx, changed);
        }
        let told: Arc<[PartitionMetadata]> = changes.into_iter().map(|c| c.state).collect();
        self.have_told(&Word::Partitions(told));
        self.balance_later(ctx);
    }

    /// Every broker is to hear this. One that cannot be reached hears how things are once it can, and
    /// nothing of how they were meanwhile: it loads the metadata log to its end before it acts.
    fn have_told(&mut self, word: &Word) {
        for &broker in self.setup.brokers.clone().iter() {
            if self.network.is_connected(broker, Lane::Main) {
                let untold = self.untold.entry(broker).or_default();
                untold.push_back(word.clone());
            } else {
                self.tell_again(std::iter::once(broker));
            }
        }
    }

    fn announce_brokers(&mut self) {
        let states: Arc<[_]> = self.registry.states().into();
        self.have_told(&Word::Brokers(states));
    }

    /// Arms the timer for the session that ends next.
    pub(super) fn watch_sessions(&self, ctx: &mut Ctx<'_>) {
        match self.registry.next_expiry() {
            Some((at, _)) => ctx.set_timer(SESSIONS, at),
            None => ctx.cancel_timer(SESSIONS),
        }
    }

    /// An administrator asks for an election (`ReplicationControlManager.electLeader`): of the preferred
    /// leader, or, where nobody leads, of any replica that is alive. Nothing happens where that elects
    /// nobody else (`ELECTION_NOT_NEEDED`, `PREFERRED_LEADER_NOT_AVAILABLE`,
    /// `ELIGIBLE_LEADERS_NOT_AVAILABLE`).
    pub fn elect_leader(&mut self, ctx: &mut Ctx<'_>, tp: TopicPartition, unclean: bool) {
        let Some(state) = self.state_of(tp) else {
            return;
        };
        let active = |node| self.registry.is_active(node);
        let of = (state, &self.eligible(tp));
        let rules = Rules {
            unclean: true,
            ..self.setup.rules[tp.topic.index()]
        };
        let changed = match (unclean, state.leader) {
            (false, _) => election::prefer(of, active),
            (true, None) => election::change(of, &Wanted::default(), rules, active),
            (true, Some(_)) => None,
        };
        let cause = ctx.cause;
        self.commit(ctx, cause, changed.into_iter().collect());
        self.tell(ctx);
    }

    /// While another than the preferred leader leads somewhere, leaders are looked at with the next of
    /// the looks, which go on every so often since the process became active
    /// (`PeriodicTaskControlManager`). Those that would find nothing are left out.
    pub(super) fn balance_later(&mut self, ctx: &mut Ctx<'_>) {
        let is_other = |state: &PartitionMetadata| state.leader != state.replicas.first().copied();
        let mut states = self.topics.values().flat_map(|all| all.iter());
        let config = &self.setup.config;
        if !self.balances && config.auto_leader_rebalance && states.any(is_other) {
            self.balances = true;
            let every = config.leader_imbalance_check;
            let looks = ctx.now.since(self.looked).0 / every.0 + 1;
            ctx.set_timer(BALANCE, self.looked + Span(looks * every.0));
        }
    }

    /// Preferred leaders lead again where they are in sync.
    pub(super) fn balance(&mut self, ctx: &mut Ctx<'_>) {
        self.balances = false;
        self.looked = ctx.now;
        let states = self.topics.values().flat_map(|all| all.iter());
        let active = |node| self.registry.is_active(node);
        let changes: Vec<_> = states
            .filter_map(|state| {
                let eligible = self.eligible(state.partition);
                election::prefer((state, &eligible), active)
            })
            .collect();
        let cause = ctx.cause;
        self.commit(ctx, cause, changes);
        self.balance_later(ctx);
    }
}

/// States what changed about a partition.
fn note_change(ctx: &mut Ctx<'_>, changed: &Changed) {
    let state = &changed.state;
    let partition = state.partition;
    if !changed.left.is_empty() {
        ctx.note(ClusterFact::IsrShrunk {
            partition,
            left: changed.left.clone().into(),
            isr: Arc::clone(&state.isr),
        });
    }
    if !changed.joined.is_empty() && changed.choice == Choice::InSync {
        ctx.note(ClusterFact::IsrExpanded {
            partition,
            joined: changed.joined.clone().into(),
            isr: Arc::clone(&state.isr),
        });
    }
    let [now, before] = &changed.eligible;
    if now.replicas != before.replicas {
        ctx.note(ClusterFact::ElrChanged {
            partition,
            elr: now.replicas.clone().into(),
        });
    }
    if changed.is_election {
        ctx.note(ClusterFact::LeaderElected {
            partition,
            leader: state.leader,
            leader_epoch: state.leader_epoch,
            isr: Arc::clone(&state.isr),
            choice: changed.choice,
        });
    }
}
