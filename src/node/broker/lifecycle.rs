//! The broker's life as the controller sees it (`BrokerLifecycleManager`), and its requests to the
//! controller for other in-sync replicas (`AlterPartitionManager`).
//!
//! ```text
//!             registered            unfenced                asked to close
//! Registering ----------> Fenced -------------> Running ------------------> Stopping --may stop--> gone
//!      ^                    ^                     |
//!      | a new process      +--- was silent ------+
//! ```
//!
//! A process that registers serves no clients yet: its ports open when it has heard what it missed.
//! In a cluster whose brokers do not fail none of this goes on. Simplified: a connection to a broker
//! that registers is made and then closed, where Kafka refuses it; the waits between tries are
//! without jitter; the recovery of the logs takes no time.

use std::collections::BTreeSet;

use super::Broker;
use super::isr::{AfterRefusal, Registration};
use super::replicate::Errand;
use super::timers::Slot;
use crate::base::{Instant, NodeId, Span, Stream};
use crate::kafka::ErrorCode;
use crate::kafka::message::{BrokerState, IsrAnswer, IsrChange, Request, Response};
use crate::node::client::Outcome;
use crate::node::{Ctx, FactId, Lane};

/// Between heartbeats while the broker waits to be unfenced.
const WAIT_FENCED: Span = Span::from_millis(10);

/// Before the next heartbeat of a broker that is about to stop.
const WAIT_STOPPING: Span = Span::from_millis(50);

/// The first wait after a refused registration or a lost heartbeat; it doubles.
const RETRY: Span = Span::from_millis(100);

/// Before an `AlterPartition` goes again that met no controller.
const ALTER_RETRY: Span = Span::from_millis(50);

/// Where the process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Registering,
    Fenced,
    Running,
    Stopping,
}

/// What a broker has to say to the controller, and when.
#[derive(Clone, Debug)]
pub(super) struct Lifecycle {
    state: State,
    epoch: u64,
    /// The epoch of the process before, if that closed its logs.
    closed_before: Option<u64>,
    /// When the next registration or heartbeat is due; `None` while one is under way, and in a
    /// cluster whose brokers do not fail.
    due: Option<Instant>,
    failures: u32,
    /// When followers that lag are looked for.
    check_at: Option<Instant>,
    /// Led partitions with replicas that are not in sync.
    outsiders: BTreeSet<usize>,
    /// Partitions whose in-sync replicas are to change, and those asked about.
    proposed: BTreeSet<usize>,
    asked: Vec<(usize, u64)>,
    ask_at: Instant,
    /// The registrations of all brokers.
    brokers: Vec<BrokerState>,
    stopped_by: FactId,
}

impl Lifecycle {
    /// The process of a formed cluster.
    pub(super) fn formed() -> Self {
        Self {
            state: State::Running,
            epoch: 1,
            ..Self::registering()
        }
    }

    /// A new process.
    pub(super) fn registering() -> Self {
        Self {
            state: State::Registering,
            epoch: 0,
            closed_before: None,
            due: None,
            failures: 0,
            check_at: None,
            outsiders: BTreeSet::new(),
            proposed: BTreeSet::new(),
            asked: Vec::new(),
            ask_at: Instant::ZERO,
            brokers: Vec::new(),
            stopped_by: FactId::NONE,
        }
    }

    /// Whether clients are served yet.
    pub(super) fn serves(&self) -> bool {
        self.state != State::Registering
    }

    /// Whether the controller is to be asked for something now.
    pub(super) fn wants_controller(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now) || self.wants_alter(now)
    }

    fn wants_alter(&self, now: Instant) -> bool {
        !self.proposed.is_empty() && self.asked.is_empty() && self.ask_at <= now
    }

    /// When something is due next.
    fn next(&self, now: Instant) -> Option<Instant> {
        let later = |at: &Instant| now < *at;
        let due = self.due.filter(later);
        let check = self.check_at;
        let ask = (!self.proposed.is_empty() && self.asked.is_empty()).then_some(self.ask_at);
        due.into_iter().chain(check).chain(ask.filter(later)).min()
    }

    fn registration(&self, node: NodeId) -> Registration {
        let known = self.brokers.iter().find(|state| state.broker == node);
        known.map_or_else(Registration::default, |state| Registration {
            epoch: state.epoch,
            is_fenced: state.is_fenced,
            is_stopping: state.is_stopping,
        })
    }

    fn fail(&mut self, now: Instant, most: Span) {
        let wait = Span(RETRY.0 << self.failures.min(16)).min(most);
        self.failures += 1;
        self.due = Some(now + wait);
    }
}

impl Broker {
    /// The process starts: a new one registers, heartbeats begin.
    pub(super) fn begin_life(&mut self, ctx: &mut Ctx<'_>) {
        if !self.setup.can_fail {
            return;
        }
        let config = &self.setup.config;
        let life = &mut self.memory.lifecycle;
        // The mark of a clean shutdown is taken away as it is read (`CleanShutdownFileHandler`).
        life.closed_before = self.disk.closed.take();
        life.check_at = Some(ctx.now + Span(config.replica_lag_time_max.0 / 2));
        life.due = Some(ctx.now);
        if life.state == State::Running {
            // The processes of a formed cluster were not all started at the same moment.
            let name = self.setup.cast.actor(self.setup.node);
            let mut stream = Stream::new(self.setup.seed, "heartbeat", name);
            let first = Span(stream.between(0, config.heartbeat_interval.0));
            life.due = Some(ctx.now + first);
        }
        self.memory.has_errands = true;
    }

    /// Something was due.
    pub(super) fn on_lifecycle_timer(&mut self, ctx: &mut Ctx<'_>) {
        self.memory.has_errands = true;
        let life = &mut self.memory.lifecycle;
        if life.check_at.is_some_and(|at| at <= ctx.now) {
            let half = Span(self.setup.config.replica_lag_time_max.0 / 2);
            life.check_at = Some(ctx.now + half);
            self.look_for_laggards(ctx.now);
        }
    }

    /// Says to the controller what is due, if it can be reached, and arms the timer for the rest.
    pub(super) fn speak_to_controller(&mut self, ctx: &mut Ctx<'_>) {
        if !self.setup.can_fail {
            return;
        }
        let to = (self.controller(), Lane::Main);
        if self.memory.lifecycle.wants_controller(ctx.now)
            && self.memory.network.ready(ctx, to.0, to.1)
        {
            let life = &mut self.memory.lifecycle;
            if life.due.is_some_and(|due| due <= ctx.now) {
                life.due = None;
                let request = match life.state {
                    State::Registering => Request::RegisterBroker {
                        closed: life.closed_before,
                    },
                    state => Request::BrokerHeartbeat {
                        epoch: life.epoch,
                        wants_shutdown: state == State::Stopping,
                    },
                };
                let tag = Errand::Life;
                self.memory.network.send(ctx, to, request, None, tag);
            }
            self.propose(ctx);
        }
        if let Some(at) = self.memory.lifecycle.next(ctx.now) {
            self.memory.timers.arm(ctx, Slot::Lifecycle, at);
        }
    }

    /// The controller has answered a registration or a heartbeat, or cannot.
    pub(super) fn on_life_answered(&mut self, ctx: &mut Ctx<'_>, outcome: &Outcome) {
        let interval = self.setup.config.heartbeat_interval;
        let longest = self.setup.config.session_timeout;
        let life = &mut self.memory.lifecycle;
        let Outcome::Response(response) = outcome else {
            return life.fail(ctx.now, longest);
        };
        match response {
            Response::RegisterBroker {
                error: ErrorCode::None,
                epoch,
            } => {
                life.epoch = *epoch;
                life.state = State::Fenced;
                life.failures = 0;
                life.due = Some(ctx.now);
            }
            Response::BrokerHeartbeat {
                error: ErrorCode::None,
                is_fenced,
                may_stop,
            } => {
                life.failures = 0;
                if *may_stop {
                    return self.leave(ctx);
                }
                let wait = match (life.state, is_fenced) {
                    (State::Stopping, _) => WAIT_STOPPING,
                    (_, true) => WAIT_FENCED,
                    (_, false) => interval,
                };
                if life.state != State::Stopping {
                    life.state = if *is_fenced {
                        State::Fenced
                    } else {
                        State::Running
                    };
                }
                life.due = Some(ctx.now + wait);
            }
            _ => life.fail(ctx.now, longest),
        }
    }

    /// A controlled shutdown: the controller is asked to give the broker's partitions to others.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        let life = &mut self.memory.lifecycle;
        life.stopped_by = ctx.cause;
        if life.state == State::Registering {
            return self.leave(ctx); // Nobody counts on it yet.
        }
        life.state = State::Stopping;
        life.due = Some(ctx.now);
        self.memory.has_errands = true;
        self.end_turn(ctx);
    }

    /// The process ends by itself: its logs are closed.
    fn leave(&mut self, ctx: &mut Ctx<'_>) {
        ctx.cause = self.memory.lifecycle.stopped_by;
        self.flush_all(ctx.now);
        self.disk.closed = Some(self.memory.lifecycle.epoch);
        self.crash();
        ctx.exit();
    }

    /// Takes in what the controller says of all brokers.
    pub(super) fn update_brokers(&mut self, brokers: &[BrokerState]) {
        self.memory.lifecycle.brokers = brokers.to_vec();
        let slots: Vec<usize> = self.memory.lifecycle.outsiders.iter().copied().collect();
        for slot in 0..self.memory.partitions.len() {
            if self.memory.partitions[slot].replica.leads() {
                self.refresh_registrations(slot);
            }
        }
        for slot in slots {
            self.look_for_joiners(slot);
        }
    }

    /// A partition's followers are registered as the brokers are.
    pub(super) fn refresh_registrations(&mut self, slot: usize) {
        if !self.setup.can_fail {
            return;
        }
        let Self { memory, .. } = self;
        let replica = &mut memory.partitions[slot].replica;
        for nth in 0..replica.followers().len() {
            let node = replica.followers()[nth].node;
            replica.on_registration(node, memory.lifecycle.registration(node));
        }
    }

    /// Keeps the list of led partitions with replicas that are not in sync.
    pub(super) fn note_outsiders(&mut self, slot: usize) {
        let replica = &self.memory.partitions[slot].replica;
        let has_outsiders = replica.leads() && replica.isr().len() <= replica.followers().len();
        let outsiders = &mut self.memory.lifecycle.outsiders;
        if has_outsiders {
            outsiders.insert(slot);
        } else {
            outsiders.remove(&slot);
        }
        if !replica.leads() {
            self.memory.lifecycle.proposed.remove(&slot);
        }
    }

    /// A follower has fetched: wherever it is not in sync it may be now.
    pub(super) fn look_for_all_joiners(&mut self) {
        if self.memory.lifecycle.outsiders.is_empty() {
            return;
        }
        let slots: Vec<usize> = self.memory.lifecycle.outsiders.iter().copied().collect();
        for slot in slots {
            self.look_for_joiners(slot);
        }
    }

    fn look_for_joiners(&mut self, slot: usize) {
        let replica = &mut self.memory.partitions[slot].replica;
        for nth in 0..replica.followers().len() {
            let node = replica.followers()[nth].node;
            if replica.propose_joining(node).is_some() {
                self.memory.lifecycle.proposed.insert(slot);
                self.memory.has_errands = true;
            }
        }
    }

    fn look_for_laggards(&mut self, now: Instant) {
        for slot in 0..self.memory.partitions.len() {
            let log_end = self.disk.logs[slot].end();
            let Self { memory, .. } = self;
            let replica = &mut memory.partitions[slot].replica;
            if !replica.leads() {
                continue;
            }
            let sessions = &memory.sessions;
            replica.note_silent_fetches(log_end, |node| sessions.last_fetch(node));
            if replica.propose_leaving(now, log_end).is_some() {
                memory.lifecycle.proposed.insert(slot);
            }
        }
    }

    /// Asks for all proposed changes with one request; one is under way at a time.
    fn propose(&mut self, ctx: &mut Ctx<'_>) {
        let Self { memory, .. } = self;
        let life = &mut memory.lifecycle;
        if !life.wants_alter(ctx.now) {
            return;
        }
        let mut changes = Vec::new();
        for slot in std::mem::take(&mut life.proposed) {
            let partition = &memory.partitions[slot];
            if let Some(pending) = partition.replica.pending_isr() {
                life.asked.push((slot, pending.number));
                changes.push(IsrChange {
                    partition: partition.name,
                    leader_epoch: partition.replica.leader_epoch(),
                    partition_epoch: partition.replica.partition_epoch(),
                    isr: pending.proposed.clone(),
                });
            }
        }
        if !changes.is_empty() {
            let to = (self.controller(), Lane::Main);
            let request = Request::AlterPartition(changes);
            let tag = Errand::Alter;
            self.memory.network.send(ctx, to, request, None, tag);
        }
    }

    /// The controller has answered a proposal, or cannot: then it goes again.
    pub(super) fn on_alter_answered(&mut self, ctx: &mut Ctx<'_>, outcome: &Outcome) {
        let asked = std::mem::take(&mut self.memory.lifecycle.asked);
        let Outcome::Response(Response::AlterPartition(answers)) = outcome else {
            let life = &mut self.memory.lifecycle;
            life.ask_at = ctx.now + ALTER_RETRY;
            life.proposed.extend(asked.iter().map(|(slot, _)| *slot));
            return;
        };
        let cause = ctx.cause;
        for (slot, number) in asked {
            let name = self.memory.partitions[slot].name;
            if let Some(answer) = answers.iter().find(|answer| answer.partition == name) {
                ctx.cause = cause;
                self.altered(ctx, slot, number, *answer);
            }
        }
        ctx.cause = cause;
    }

    fn altered(&mut self, ctx: &mut Ctx<'_>, slot: usize, number: u64, answer: IsrAnswer) {
        let replica = &mut self.memory.partitions[slot].replica;
        if answer.error == ErrorCode::None {
            if replica.on_isr_committed(number) {
                replica.set_partition_epoch(answer.partition_epoch, ctx.cause);
                self.note_outsiders(slot);
                if self.advance(ctx, slot) {
                    self.wake_at_high_watermark(ctx, slot);
                }
            }
        } else if replica.on_isr_refused(number, answer.error) == AfterRefusal::Resend {
            let life = &mut self.memory.lifecycle;
            life.proposed.insert(slot);
            life.ask_at = ctx.now + ALTER_RETRY;
        }
    }
}
