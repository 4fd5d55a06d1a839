//! The coordinator of one partition of `__consumer_offsets`: consumer groups and their offsets.
//!
//! A state machine without any input or output of its own. Every request goes to a `handle_*`
//! method, which *decides*: it pushes [`Output`]s, namely answers, records to write and events.
//! The caller appends the records (`acks=1`, at most `group.coordinator.append.linger.ms` later),
//! calls [`GroupCoordinator::replay`] for each of them before the next request, and says when they
//! are replicated; only then the answers that depend on them come out. What is persistent changes
//! in `replay` alone, so a new coordinator is a replay of the log, then
//! [`GroupCoordinator::on_loaded`]. A rebalance on its way is memory and is lost with it, as in
//! Kafka; so a group that is loaded is Stable or Empty.
//!
//! Sources: `GroupMetadataManager`, `OffsetMetadataManager`, `CoordinatorRuntime` of Kafka 4.1.0.
//! Not yet: the expiry of offsets and of groups, the deletion of groups and offsets, pending
//! transactional offsets. Groups of the consumer protocol (KIP-848) are in [`modern`].

pub mod event;
pub mod group;
mod join;
mod member_id;
mod membership;
mod modern;
mod offsets;
mod rebalance;
mod requests;
mod sync;
#[cfg(test)]
mod tests;
mod timers;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use event::{GroupEvent, Moved, OffsetChange, RebalanceReason, RemovalReason, Who};
pub use group::{ClassicGroup, GroupState};
pub use member_id::MemberIds;
pub use modern::group::{ConsumerGroup, ConsumerGroupState, ConsumerMember};
pub use modern::image::ImageTopic;
pub use offsets::{CommitClaim, CommitKind, CommittedOffset};
pub use timers::Timer;

use crate::base::{Instant, Span, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::config::BrokerConfig;
use crate::kafka::config::broker::MigrationPolicy;
use crate::kafka::group::CoordinatorRecord;
use crate::kafka::message::{Api, Response};
use event::Owners;
use group::Parked;
use modern::image::Image;
use offsets::Offsets;
use timers::Timers;
use write::{Continuation, Writes};

/// A request that waits for its answer, under the caller's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub u64);

/// A write, numbered in the order in which a coordinator asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WriteId(pub u64);

/// What a coordinator asks of its broker, or tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Append these records in one batch, replay each, and say when they are replicated.
    Write {
        /// To be named when the write is replicated or has failed.
        id: WriteId,
        /// The records.
        records: Arc<[CoordinatorRecord]>,
    },
    /// Answer a request.
    Reply {
        /// Which one.
        token: Token,
        /// With what.
        response: Response,
    },
    /// Something happened.
    Note(GroupEvent),
}

/// The settings of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoordinatorConfig {
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay: Span,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout: Span,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout: Span,
    /// `group.max.size`.
    pub group_max_size: u32,
    /// `offsets.commit.timeout.ms`: how long any answer waits for replication.
    pub commit_timeout: Span,
    /// `group.consumer.session.timeout.ms`.
    pub consumer_session_timeout: Span,
    /// `group.consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval: Span,
    /// `group.consumer.max.size`.
    pub consumer_max_size: u32,
    /// `group.consumer.migration.policy`.
    pub migration_policy: MigrationPolicy,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub consumer_pattern_interval: Span,
}

/// The coordinator of one partition of `__consumer_offsets`.
#[derive(Clone, Debug)]
pub struct GroupCoordinator {
    config: CoordinatorConfig,
    member_ids: MemberIds,
    is_loaded: bool,
    groups: BTreeMap<Arc<str>, ClassicGroup>,
    consumer_groups: BTreeMap<Arc<str>, ConsumerGroup>,
    /// Who had which partition of a group of the consumer protocol that its records are yet to make.
    owners_before: BTreeMap<Arc<str>, Owners>,
    image: Image,
    offsets: Offsets,
    timers: Timers,
    writes: Writes,
}

/// What a handler may touch besides the group at hand.
struct Turn<'a> {
    now: Instant,
    config: &'a CoordinatorConfig,
    member_ids: &'a mut MemberIds,
    timers: &'a mut Timers,
    writes: &'a mut Writes,
    out: &'a mut Vec<Output>,
}

/// What [`GroupCoordinator::on_next_timer`] fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    /// A timer of a group.
    Timer(Timer),
    /// An answer had waited `offsets.commit.timeout.ms` for replication.
    Replication,
}

impl From<&BrokerConfig> for CoordinatorConfig {
    fn from(broker: &BrokerConfig) -> Self {
        Self {
            initial_rebalance_delay: broker.initial_rebalance_delay,
            min_session_timeout: broker.min_session_timeout,
            max_session_timeout: broker.max_session_timeout,
            group_max_size: broker.group_max_size,
            commit_timeout: broker.offsets_commit_timeout,
            consumer_session_timeout: broker.consumer_session_timeout,
            consumer_heartbeat_interval: broker.consumer_heartbeat_interval,
            consumer_max_size: broker.consumer_max_size,
            migration_policy: broker.migration_policy,
            consumer_pattern_interval: broker.consumer_pattern_interval,
        }
    }
}

impl GroupCoordinator {
    /// A coordinator that has yet to load its partition.
    pub fn new(config: CoordinatorConfig, member_ids: MemberIds) -> Self {
        Self {
            config,
            member_ids,
            is_loaded: false,
            groups: BTreeMap::new(),
            consumer_groups: BTreeMap::new(),
            owners_before: BTreeMap::new(),
            image: Image::default(),
            offsets: Offsets::default(),
            timers: Timers::default(),
            writes: Writes::default(),
        }
    }

    /// Applies a record of the log. A group's record counts only while the partition is loaded:
    /// later, memory is ahead of what it has written (`CoordinatorResult.replayRecords` is false).
    pub fn replay(&mut self, record: &CoordinatorRecord) {
        match record {
            CoordinatorRecord::OffsetCommit {
                group,
                partition,
                at,
                committed_at,
                because,
            } => {
                let committed = CommittedOffset {
                    offset: at.offset,
                    leader_epoch: at.leader_epoch,
                    committed_at: *committed_at,
                    because: *because,
                };
                self.offsets.set(group, *partition, committed);
                if !self.consumer_groups.contains_key(group) {
                    self.group_or_new(*committed_at, group);
                }
            }
            CoordinatorRecord::GroupMetadata { group, .. } if !self.is_loaded => {
                self.consumer_groups.remove(group);
                let loaded = ClassicGroup::from_record(record);
                self.groups.insert(Arc::clone(group), loaded);
            }
            CoordinatorRecord::GroupMetadata { .. } => {}
            CoordinatorRecord::GroupGone { group } => {
                self.groups.remove(group);
            }
            CoordinatorRecord::ConsumerGroup { group, record } => {
                self.replay_consumer_group(group, record);
            }
        }
    }

    /// The log is replayed: every member gets a fresh session, and requests are answered.
    pub fn on_loaded(&mut self, now: Instant, out: &mut Vec<Output>) {
        assert!(!self.is_loaded, "a coordinator loads once");
        self.is_loaded = true;
        let names: Vec<_> = self.groups.keys().cloned().collect();
        for name in names {
            let (group, mut turn) = self.turn(now, &name, out);
            turn.load(group.expect("a loaded group is known"));
        }
        self.load_consumer_groups(now, out);
    }

    /// Another broker leads the partition now: whoever waits here is told to look for it.
    pub fn resign(mut self, out: &mut Vec<Output>) {
        for then in self.writes.abandon() {
            let (token, response) = match then {
                Continuation::Answer(token, response) => (token, response),
                Continuation::Classic { answer } => (answer.token, answer.response),
                _ => continue,
            };
            let response = write::failure(response, ErrorCode::NotCoordinator);
            out.push(Output::Reply { token, response });
        }
        for group in self.groups.values_mut() {
            for member in group.members.values_mut() {
                let id = Arc::clone(&member.id);
                reply_to(&mut member.join, out, || {
                    join::refusal(&id, ErrorCode::NotCoordinator)
                });
                reply_to(&mut member.sync, out, || {
                    sync::refusal(ErrorCode::NotCoordinator)
                });
            }
        }
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&ClassicGroup> {
        self.groups.get(name)
    }

    /// The committed offset of a group's partition, with the number of the fact that set it.
    pub fn committed(&self, group: &str, partition: TopicPartition) -> Option<CommittedOffset> {
        self.offsets.get(group, partition)
    }

    /// When [`GroupCoordinator::on_timers`] is to be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let due = self.timers.next_due().into_iter();
        due.chain(self.writes.next_due()).min().map(|(at, _)| at)
    }

    /// Fires everything that is due, by deadline, at one instant in the order of setting.
    pub fn on_timers(&mut self, now: Instant, out: &mut Vec<Output>) {
        while self.on_next_timer(now, out).is_some() {}
    }

    /// Fires the first timer that is due, if one is. The caller replays what it writes before the
    /// next one.
    pub fn on_next_timer(&mut self, now: Instant, out: &mut Vec<Output>) -> Option<Fired> {
        let (timer, replication) = (self.timers.next_due(), self.writes.next_due());
        let first = timer.into_iter().chain(replication).min()?;
        if now < first.0 {
            return None;
        }
        if replication == Some(first) {
            let then = self.writes.time_out().expect("something waits");
            self.go_on(now, then, ErrorCode::RequestTimedOut, out);
            return Some(Fired::Replication);
        }
        let timer = self.timers.pop().expect("a timer is armed");
        if timer.is_of_consumer_group() {
            self.fire_of_consumer_group(now, &timer, out);
        } else if let (Some(group), mut turn) = self.turn(now, timer.group(), out) {
            turn.fire(group, &timer);
        }
        Some(Fired::Timer(timer))
    }

    /// This write and all before it are replicated.
    pub fn on_replicated(&mut self, now: Instant, up_to: WriteId, out: &mut Vec<Output>) {
        let events = self.writes.events_replicated(up_to);
        out.extend(events.map(Output::Note));
        for then in self.writes.replicated(up_to) {
            self.go_on(now, then, ErrorCode::None, out);
        }
    }

    /// The records of this write were not appended, so not replayed either. `error` is the log's.
    pub fn on_write_failed(
        &mut self,
        now: Instant,
        id: WriteId,
        error: ErrorCode,
        out: &mut Vec<Output>,
    ) {
        assert!(error != ErrorCode::None, "a write fails with an error");
        let failed = self.writes.failed(id);
        for then in failed.iter().cloned() {
            self.go_on(now, then, error, out);
        }
        for then in failed {
            match then {
                Continuation::NewGroup { group } => {
                    self.groups.remove(&group);
                }
                Continuation::Replaced { before } => {
                    self.groups.remove(&before.name);
                    self.consumer_groups
                        .insert(Arc::clone(&before.name), *before);
                }
                _ => {}
            }
        }
    }

    /// Does what waited for a write that is replicated (`NONE`) or is not.
    fn go_on(
        &mut self,
        now: Instant,
        then: Continuation,
        append: ErrorCode,
        out: &mut Vec<Output>,
    ) {
        let error = write::client_error(append);
        match then {
            Continuation::Answer(token, response) => {
                let response = match error {
                    ErrorCode::None => response,
                    error => write::failure(response, error),
                };
                out.push(Output::Reply { token, response });
            }
            Continuation::NewGroup { .. } | Continuation::Replaced { .. } => {}
            Continuation::Classic { answer } => {
                let (_, mut turn) = self.turn(now, &answer.group.clone(), out);
                turn.after_classic(*answer, error);
            }
            Continuation::Parked { group, token } => {
                if let (Some(group), mut turn) = self.turn(now, &group, out) {
                    turn.after_parked(group, token, error);
                }
            }
            Continuation::Assignment { group, plan } => {
                if let (Some(group), mut turn) = self.turn(now, &group, out) {
                    turn.after_assignment(group, &plan, error);
                }
            }
            Continuation::StaticRejoin { group, rejoin } => {
                if let (Some(group), mut turn) = self.turn(now, &group, out) {
                    turn.after_static_rejoin(group, *rejoin, error);
                }
            }
        }
    }

    /// The group of this name, made if there is none.
    fn group_or_new(&mut self, now: Instant, name: &Arc<str>) -> &mut ClassicGroup {
        self.groups
            .entry(Arc::clone(name))
            .or_insert_with(|| ClassicGroup::new(Arc::clone(name), now))
    }

    /// Splits the coordinator into one group and what its handlers may touch besides.
    fn turn<'a>(
        &'a mut self,
        now: Instant,
        group: &str,
        out: &'a mut Vec<Output>,
    ) -> (Option<&'a mut ClassicGroup>, Turn<'a>) {
        let turn = Turn {
            now,
            config: &self.config,
            member_ids: &mut self.member_ids,
            timers: &mut self.timers,
            writes: &mut self.writes,
            out,
        };
        (self.groups.get_mut(group), turn)
    }
}

impl Turn<'_> {
    /// Answers at once.
    fn reply(&mut self, token: Token, response: Response) {
        self.out.push(Output::Reply { token, response });
    }

    /// Answers once everything written so far is replicated.
    fn reply_when_replicated(&mut self, token: Token, response: Response) {
        match self.writes.last_outstanding() {
            None => self.reply(token, response),
            Some(last) => self.defer(last, Continuation::Answer(token, response)),
        }
    }

    /// Says what happened.
    fn note(&mut self, event: GroupEvent) {
        self.out.push(Output::Note(event));
    }

    /// Says that a request was refused.
    fn note_refusal(&mut self, group: &Arc<str>, token: Token, api: Api, error: ErrorCode) {
        self.note(GroupEvent::Refused {
            group: Arc::clone(group),
            token,
            api,
            error,
        });
    }

    /// Asks for records to be written.
    fn write(&mut self, records: Vec<CoordinatorRecord>) -> WriteId {
        assert!(!records.is_empty(), "a write has records");
        let id = self.writes.issue();
        let records = records.into();
        self.out.push(Output::Write { id, records });
        id
    }

    /// Lets something wait for a write, as long as it may.
    fn defer(&mut self, after: WriteId, then: Continuation) {
        let deadline = self.now + self.config.commit_timeout;
        let due = self.timers.due_at(deadline);
        self.writes.defer(after, due, then);
    }

    /// A join or sync that is parked behind writes is told if they do not get through, even if it
    /// waits for something else.
    fn watch_parked(&mut self, group: &Arc<str>, token: Token) {
        if let Some(last) = self.writes.last_outstanding() {
            let group = Arc::clone(group);
            self.defer(last, Continuation::Parked { group, token });
        }
    }

    /// The end of [`Turn::watch_parked`]: the group goes on waiting on behalf of the request.
    fn after_parked(&mut self, group: &mut ClassicGroup, token: Token, error: ErrorCode) {
        if error == ErrorCode::None {
            return;
        }
        let is_ours = |parked: &&mut Parked| parked.token == token && !parked.abandoned;
        for member in group.members.values_mut() {
            let response = if let Some(parked) = member.join.as_mut().filter(is_ours) {
                parked.abandoned = true;
                join::refusal("", error)
            } else if let Some(parked) = member.sync.as_mut().filter(is_ours) {
                parked.abandoned = true;
                sync::refusal(error)
            } else {
                continue;
            };
            self.out.push(Output::Reply { token, response });
        }
    }
}

/// Answers a parked request, if there is one and it has not been answered already.
fn reply_to(
    parked: &mut Option<Parked>,
    out: &mut Vec<Output>,
    response: impl FnOnce() -> Response,
) -> bool {
    let Some(parked) = parked.take() else {
        return false;
    };
    if !parked.abandoned {
        let (token, response) = (parked.token, response());
        out.push(Output::Reply { token, response });
    }
    true
}
