//! The broker as host of group coordinators, one per partition of `__consumer_offsets` it leads
//! (`GroupCoordinatorService`, `CoordinatorRuntime`, `CoordinatorPartitionWriter`).
//!
//! A coordinator decides; its records count at once in its memory, are gathered into a batch for
//! `group.coordinator.append.linger.ms`, appended as with `acks=1`, and answered when the high
//! watermark has passed them. Loading a partition is a replay of its log and takes no time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::Broker;
use super::connections::Parked;
use super::group_facts::LastFacts;
use crate::base::{ConnId, GroupId, Instant, NodeId, Offset, Stream, TopicPartition};
use crate::kafka::assignor::server::TopicUuid;
use crate::kafka::consumer_protocol::ConsumerHeartbeatResponse;
use crate::kafka::group::{CoordinatorRecord, OffsetAndEpoch, OffsetCommitRequest};
use crate::kafka::message::{LoggedBatch, Request, Response};
use crate::kafka::{ErrorCode, Payload};
use crate::node::coordinator::{
    CoordinatorConfig, GroupCoordinator, GroupEvent, ImageTopic, MemberIds, Output, Token, WriteId,
};
use crate::node::fact::FaultFact;
use crate::node::{Ctx, FactId};

/// Tokens from here on belong to no connection but to the tool that sets offsets of a group.
const FIRST_TOOL_TOKEN: u64 = u64::MAX - u32::MAX as u64;

/// The version of `OffsetCommit` that tools send.
const OFFSET_COMMIT_VERSION: i16 = 9;

/// A coordinator and what is on its way to its log.
#[derive(Clone, Debug)]
pub(super) struct Hosted {
    pub(super) coordinator: GroupCoordinator,
    /// Records that wait to be appended, and until when.
    gathered: Vec<CoordinatorRecord>,
    gathered_last: Option<WriteId>,
    append_at: Option<Instant>,
    /// Appended writes that are not replicated: the offset they end at, and the last of them.
    appended: VecDeque<(Offset, WriteId)>,
    /// Writes of offset commits that are not replicated.
    open_commits: usize,
    pub(super) last_facts: LastFacts,
    /// The version of the broker's view that the coordinator has of the topics.
    topics_version: Option<u64>,
}

/// The coordinators a broker hosts, by the place of their partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    by_slot: BTreeMap<usize, Hosted>,
    open_tools: usize,
    /// When the next of them is due, and whether one has been touched since that was true.
    next: Option<Instant>,
    is_stale: bool,
}

impl Groups {
    /// When the next coordinator is due.
    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        if std::mem::take(&mut self.is_stale) {
            self.next = self.find_next_deadline();
        }
        self.next
    }

    fn find_next_deadline(&self) -> Option<Instant> {
        let due = |hosted: &Hosted| {
            let timer = hosted.coordinator.next_deadline();
            timer.into_iter().chain(hosted.append_at).min()
        };
        self.by_slot.values().filter_map(due).min()
    }

    /// Offset commits that are not replicated.
    pub(super) fn open_commits(&self) -> usize {
        let commits = self.by_slot.values().map(|hosted| hosted.open_commits);
        commits.sum::<usize>() + self.open_tools
    }

    /// The coordinator of a partition, to be changed.
    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut Hosted> {
        self.is_stale = true;
        self.by_slot.get_mut(&slot)
    }
}

fn token_of(conn: ConnId, correlation: u32) -> Token {
    Token(u64::from(conn.0) << 32 | u64::from(correlation))
}

fn place_of(token: Token) -> (ConnId, u32) {
    (ConnId((token.0 >> 32) as u32), token.0 as u32)
}

impl Broker {
    /// Before time 0: a group has committed these offsets. On every replica of its partition of
    /// `__consumer_offsets`; elsewhere nothing happens.
    pub fn preload_committed(&mut self, group: &Arc<str>, offsets: &[(TopicPartition, Offset)]) {
        let place = self.offsets_partition(group);
        let Some(slot) = place.and_then(|tp| self.slots.of(tp)) else {
            return;
        };
        let partition = &mut self.memory.partitions[slot];
        if offsets.is_empty() || partition.replica.role() == super::replica::Role::Offline {
            return;
        }
        let record = |(tp, offset): &(TopicPartition, Offset)| CoordinatorRecord::OffsetCommit {
            group: Arc::clone(group),
            partition: *tp,
            at: OffsetAndEpoch::from(*offset),
            committed_at: Instant::ZERO,
            because: FactId::NONE.0,
        };
        let log = &mut self.disk.logs[slot];
        let batch = self
            .setup
            .batch_of(offsets.iter().map(record).collect(), Instant::ZERO);
        log.append(LoggedBatch {
            cleaned: None,
            base_offset: log.end(),
            leader_epoch: partition.replica.leader_epoch(),
            batch,
        });
        partition.replica.form(log.end());
    }

    /// Whether this broker coordinates a group.
    pub fn coordinates(&self, group: &str) -> bool {
        self.offsets_partition(group)
            .is_some_and(|tp| self.is_leader(tp))
    }

    /// The committed offset of a group, as its coordinator knows it.
    pub fn committed(&self, group: &str, tp: TopicPartition) -> Option<Offset> {
        let slot = self.slots.of(self.offsets_partition(group)?)?;
        let hosted = self.memory.groups.by_slot.get(&slot)?;
        hosted.coordinator.committed(group, tp).map(|c| c.offset)
    }

    /// A tool sets offsets of a group (`kafka-consumer-groups --reset-offsets`): an offset commit
    /// from outside, which only a group without members accepts.
    pub fn reset_offsets(
        &mut self,
        ctx: &mut Ctx<'_>,
        group: GroupId,
        offsets: Vec<(TopicPartition, Offset)>,
    ) {
        let name: Arc<str> = Arc::from(self.setup.cast.group(group));
        let request = OffsetCommitRequest {
            group: Arc::clone(&name),
            member: Arc::from(""),
            instance: None,
            generation: -1,
            version: OFFSET_COMMIT_VERSION,
            offsets: offsets
                .into_iter()
                .map(|(tp, offset)| (tp, offset.into()))
                .collect(),
        };
        let place = self.offsets_partition(&name);
        let slot = place.ok_or(ErrorCode::NotCoordinator);
        if let Ok(slot) = slot.and_then(|tp| self.led_slot(tp)) {
            self.memory.groups.open_tools += 1;
            let token = Token(FIRST_TOOL_TOKEN + u64::from(group.0));
            self.ask(ctx, slot, token, &Request::OffsetCommit(request));
        } else {
            let error = ErrorCode::NotCoordinator;
            ctx.note(FaultFact::OffsetsSet { group, error });
        }
        self.end_turn(ctx);
    }

    /// Begins to host a coordinator when the broker leads its partition, ends when it no longer
    /// does.
    pub(super) fn host(&mut self, ctx: &mut Ctx<'_>, slot: usize) {
        let partition = &self.memory.partitions[slot];
        if self.setup.offsets_topic != Some(partition.name.topic) {
            return;
        }
        let leads = partition.replica.leads();
        match self.memory.groups.by_slot.get(&slot) {
            None if leads => self.load(ctx, slot),
            Some(_) if !leads => {
                let hosted = self.memory.groups.by_slot.remove(&slot);
                let hosted = hosted.expect("the coordinator was just seen");
                self.memory.groups.is_stale = true;
                let mut out = Vec::new();
                hosted.coordinator.resign(&mut out);
                self.carry_out(ctx, slot, out, None);
            }
            _ => {}
        }
    }

    fn load(&mut self, ctx: &mut Ctx<'_>, slot: usize) {
        let number = self.memory.partitions[slot].name.partition;
        let name = format!("{}/{number}", self.setup.cast.actor(self.setup.node));
        let mut stream = Stream::new(self.setup.seed, "member-id", &name);
        // Who leads again gives no id that it has given before.
        let epoch = self.memory.partitions[slot].replica.leader_epoch();
        stream.seek(u64::from(epoch), 0);
        let member_ids = MemberIds::Random(Box::new(stream));
        let config = CoordinatorConfig::from(&self.setup.config);
        let mut hosted = Hosted {
            coordinator: GroupCoordinator::new(config, member_ids),
            gathered: Vec::new(),
            gathered_last: None,
            append_at: None,
            appended: VecDeque::new(),
            open_commits: 0,
            last_facts: LastFacts::default(),
            topics_version: None,
        };
        for logged in self.disk.logs[slot].batches() {
            if let Payload::Coordinator(records) = &logged.batch.payload {
                for record in records.iter() {
                    hosted.coordinator.replay(record);
                }
            }
        }
        let mut out = Vec::new();
        hosted.coordinator.on_loaded(ctx.now, &mut out);
        self.memory.groups.by_slot.insert(slot, hosted);
        self.memory.groups.is_stale = true;
        self.carry_out(ctx, slot, out, None);
    }

    /// Handles a request of a group's member: hands it to the coordinator, or says that there is
    /// none here.
    pub(super) fn group(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        correlation: u32,
        mut request: Request,
    ) {
        if let Request::OffsetCommit(commit) = &request
            && let Some(response) = self.commit_to_unknown(commit)
        {
            return self.answer(ctx, conn, correlation, response);
        }
        let place = self.offsets_partition(group_of(&request));
        let slot = place.and_then(|tp| self.led_slot(tp).ok());
        let Some(slot) = slot else {
            let response = refusal(&mut request, ErrorCode::NotCoordinator);
            return self.answer(ctx, conn, correlation, response);
        };
        let cause = ctx.cause;
        self.park(conn, Parked::Coordinator, cause, None);
        self.ask(ctx, slot, token_of(conn, correlation), &request);
    }

    /// An offset commit for partitions that do not exist is refused before any coordinator sees it.
    fn commit_to_unknown(&self, commit: &OffsetCommitRequest) -> Option<Response> {
        let error_of = |tp| {
            if self.exists(tp) {
                ErrorCode::None
            } else {
                ErrorCode::UnknownTopicOrPartition
            }
        };
        let partitions: Vec<_> = commit
            .offsets
            .iter()
            .map(|(tp, _)| (*tp, error_of(*tp)))
            .collect();
        let is_known = |(_, error): &(_, ErrorCode)| *error == ErrorCode::None;
        if partitions.iter().all(is_known) {
            return None;
        }
        Some(Response::OffsetCommit(
            crate::kafka::group::OffsetCommitResponse { partitions },
        ))
    }

    fn ask(&mut self, ctx: &mut Ctx<'_>, slot: usize, token: Token, request: &Request) {
        if matches!(request, Request::ConsumerHeartbeat(_)) {
            self.tell_topics(slot);
        } else if matches!(request, Request::JoinGroup(_) | Request::LeaveGroup(_)) {
            self.tell_topics_if_asked(slot);
        }
        let hosted = self.memory.groups.get_mut(slot);
        let hosted = hosted.expect("a led partition of the offsets topic has a coordinator");
        let (now, because) = (ctx.now, ctx.cause.0);
        let coordinator = &mut hosted.coordinator;
        let mut out = Vec::new();
        let group = Arc::clone(group_of(request));
        match request {
            Request::OffsetCommit(commit) => {
                coordinator.handle_commit(now, commit, because, token, &mut out);
            }
            Request::OffsetFetch(fetch) => {
                coordinator.handle_offset_fetch(now, fetch, token, &mut out);
            }
            Request::JoinGroup(join) => coordinator.handle_join(now, join, token, &mut out),
            Request::SyncGroup(sync) => coordinator.handle_sync(now, sync, token, &mut out),
            Request::Heartbeat(beat) => coordinator.handle_heartbeat(now, beat, token, &mut out),
            Request::LeaveGroup(leave) => coordinator.handle_leave(now, leave, token, &mut out),
            Request::ConsumerHeartbeat(beat) => {
                coordinator.handle_consumer_heartbeat(now, beat, token, &mut out);
            }
            other => unreachable!("{:?} is not for a coordinator", other.api()),
        }
        self.carry_out(ctx, slot, out, Some(&group));
    }

    /// Tells a coordinator what topics there are, if it may ask by itself when a timer fires.
    fn tell_topics_if_asked(&mut self, slot: usize) {
        let hosted = self.memory.groups.by_slot.get(&slot);
        if hosted.is_some_and(|hosted| hosted.coordinator.has_consumer_groups()) {
            self.tell_topics(slot);
        }
    }

    /// Tells a coordinator what topics there are, as this broker knows; only groups of the consumer
    /// protocol need it.
    fn tell_topics(&mut self, slot: usize) {
        let version = Some(self.memory.view.version());
        let (setup, view) = (&self.setup, &self.memory.view);
        let hosted = self.memory.groups.by_slot.get_mut(&slot);
        let hosted = hosted.expect("the slot is hosted");
        if hosted.topics_version == version {
            return;
        }
        hosted.topics_version = version;
        let topics = view.partition_counts().map(|(id, partitions)| {
            let name = setup.cast.topic(id);
            let mut stream = Stream::new(setup.seed, "topic-id", name);
            let topic = ImageTopic {
                name: Arc::from(name),
                uuid: TopicUuid {
                    high: stream.next_u64().cast_signed(),
                    low: stream.next_u64().cast_signed(),
                },
                partitions,
            };
            (id, topic)
        });
        hosted.coordinator.on_metadata(topics.collect());
    }

    /// Does what a coordinator asks for.
    fn carry_out(
        &mut self,
        ctx: &mut Ctx<'_>,
        slot: usize,
        out: Vec<Output>,
        group: Option<&Arc<str>>,
    ) {
        let linger = self.setup.config.coordinator_append_linger;
        for output in out {
            match output {
                Output::Write { id, records } => {
                    let hosted = self.memory.groups.get_mut(slot);
                    let hosted = hosted.expect("who writes is hosted");
                    for record in records.iter() {
                        hosted.coordinator.replay(record);
                    }
                    hosted.gathered.extend(records.iter().cloned());
                    hosted.gathered_last = Some(id);
                    hosted.append_at.get_or_insert(ctx.now + linger);
                    hosted.open_commits += usize::from(commits_offsets(&records));
                }
                Output::Reply { token, response } => {
                    self.reply(ctx, slot, token, response, group);
                }
                Output::Note(event) => {
                    if matches!(event, GroupEvent::OffsetsCommitted { .. }) {
                        let hosted = self.memory.groups.get_mut(slot);
                        hosted.expect("who commits is hosted").open_commits -= 1;
                    }
                    self.note_event(ctx, slot, event);
                }
            }
        }
        self.append_gathered(ctx, slot);
    }

    fn reply(
        &mut self,
        ctx: &mut Ctx<'_>,
        slot: usize,
        token: Token,
        response: Response,
        group: Option<&Arc<str>>,
    ) {
        if FIRST_TOOL_TOKEN <= token.0 {
            self.memory.groups.open_tools -= 1;
            let group = GroupId((token.0 - FIRST_TOOL_TOKEN) as u32);
            let Response::OffsetCommit(commit) = response else {
                unreachable!("a tool commits offsets")
            };
            let error = commit.partitions.iter().map(|(_, error)| *error);
            let error = error.max().unwrap_or(ErrorCode::None);
            ctx.note(FaultFact::OffsetsSet { group, error });
            return;
        }
        let cause = ctx.cause;
        if let Some(group) = group
            && let Some(hosted) = self.memory.groups.get_mut(slot)
        {
            ctx.cause = hosted.last_facts.behind(group, &response, cause);
        }
        let (conn, correlation) = place_of(token);
        self.answer(ctx, conn, correlation, response);
        ctx.cause = cause;
    }

    /// The client behind a request. None for a tool, and if nobody waits for the answer any more.
    pub(super) fn client_of(&self, token: Token) -> Option<NodeId> {
        self.memory.connections.client(place_of(token).0)
    }

    /// Appends what was gathered, if it has waited long enough.
    fn append_gathered(&mut self, ctx: &mut Ctx<'_>, slot: usize) {
        let Some(hosted) = self.memory.groups.get_mut(slot) else {
            return;
        };
        if hosted.append_at.is_none_or(|at| ctx.now < at) {
            return;
        }
        hosted.append_at = None;
        let records = std::mem::take(&mut hosted.gathered);
        let last = hosted
            .gathered_last
            .take()
            .expect("what is gathered was asked for");
        let name = self.memory.partitions[slot].name;
        let batch = self.setup.batch_of(records, ctx.now);
        self.append_as_leader(ctx, slot, name, batch);
        let end = self.disk.logs[slot].end();
        let hosted = self
            .memory
            .groups
            .get_mut(slot)
            .expect("the coordinator is hosted");
        hosted.appended.push_back((end, last));
        let moved = self.advance(ctx, slot);
        self.wake_after_append(ctx, slot, moved);
    }

    /// The high watermark of a partition of `__consumer_offsets` moved: what was written before it
    /// is answered.
    pub(super) fn on_offsets_replicated(&mut self, ctx: &mut Ctx<'_>, slot: usize) {
        let partition = &self.memory.partitions[slot];
        if self.setup.offsets_topic != Some(partition.name.topic) {
            return;
        }
        let high_watermark = partition.replica.high_watermark();
        let Some(hosted) = self.memory.groups.get_mut(slot) else {
            return;
        };
        let mut last = None;
        while let Some((end, id)) = hosted.appended.front().copied()
            && end <= high_watermark
        {
            hosted.appended.pop_front();
            last = Some(id);
        }
        let Some(last) = last else {
            return;
        };
        let mut out = Vec::new();
        hosted.coordinator.on_replicated(ctx.now, last, &mut out);
        self.carry_out(ctx, slot, out, None);
    }

    /// A coordinator's timer fires, or a batch has gathered long enough.
    pub(super) fn on_coordinator_timer(&mut self, ctx: &mut Ctx<'_>) {
        let cause = ctx.cause;
        let slots: Vec<usize> = self.memory.groups.by_slot.keys().copied().collect();
        for slot in slots {
            self.append_gathered(ctx, slot);
            self.tell_topics_if_asked(slot);
            loop {
                ctx.cause = cause;
                let mut out = Vec::new();
                let hosted = self
                    .memory
                    .groups
                    .get_mut(slot)
                    .expect("the slot is hosted");
                if hosted
                    .coordinator
                    .on_next_timer(ctx.now, &mut out)
                    .is_none()
                {
                    break;
                }
                self.carry_out(ctx, slot, out, None);
            }
        }
    }
}

/// Whether a write stores offsets.
fn commits_offsets(records: &[CoordinatorRecord]) -> bool {
    let is_offset =
        |record: &CoordinatorRecord| matches!(record, CoordinatorRecord::OffsetCommit { .. });
    records.iter().any(is_offset)
}

/// The group a request is about.
fn group_of(request: &Request) -> &Arc<str> {
    match request {
        Request::OffsetCommit(r) => &r.group,
        Request::OffsetFetch(r) => &r.group,
        Request::JoinGroup(r) => &r.group,
        Request::SyncGroup(r) => &r.group,
        Request::Heartbeat(r) => &r.group,
        Request::LeaveGroup(r) => &r.group,
        Request::ConsumerHeartbeat(r) => &r.group,
        other => unreachable!("{:?} is about no group", other.api()),
    }
}

/// The answer that says that a request came to the wrong broker.
fn refusal(request: &mut Request, error: ErrorCode) -> Response {
    use crate::kafka::group as messages;
    match request {
        Request::OffsetCommit(r) => {
            let failed = |(tp, _): &(TopicPartition, OffsetAndEpoch)| (*tp, error);
            let partitions = r.offsets.iter().map(failed).collect();
            Response::OffsetCommit(messages::OffsetCommitResponse { partitions })
        }
        Request::OffsetFetch(_) => Response::OffsetFetch(messages::OffsetFetchResponse {
            error,
            offsets: Vec::new(),
        }),
        Request::JoinGroup(r) => Response::JoinGroup(messages::JoinGroupResponse {
            error,
            generation: -1,
            protocol: None,
            leader: Arc::from(""),
            member: Arc::clone(&r.member),
            members: Vec::new(),
            skip_assignment: false,
        }),
        Request::SyncGroup(_) => Response::SyncGroup(messages::SyncGroupResponse {
            error,
            protocol: None,
            assignment: Arc::from([]),
        }),
        Request::Heartbeat(_) => Response::Heartbeat(error),
        Request::ConsumerHeartbeat(_) => {
            Response::ConsumerHeartbeat(ConsumerHeartbeatResponse::refusal(error))
        }
        Request::LeaveGroup(_) => Response::LeaveGroup(messages::LeaveGroupResponse {
            error,
            members: Vec::new(),
        }),
        other => unreachable!("{:?} is not for a coordinator", other.api()),
    }
}
