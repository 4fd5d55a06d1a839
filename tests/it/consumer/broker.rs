//! A fake broker: leader of every partition and coordinator of the only group, just enough of it
//! for a member to live with. No session timeouts, no replication, no delays. A static member that
//! comes back finds the group as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafkasim::base::{
    ConnId, Instant, NodeId, Offset, RecordId, Timestamp, TopicId, TopicPartition,
};
use kafkasim::kafka::group::{
    Assignment, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, JoinedMember,
    LeaveGroupResponse, MemberId, OffsetAndEpoch, OffsetCommitRequest, OffsetCommitResponse,
    OffsetFetchResponse, Subscription, SyncGroupRequest, SyncGroupResponse,
};
use kafkasim::kafka::message::{
    AskedEpoch, EpochEnd, FetchRequest, FetchedPartition, Few, LoggedBatch, OffsetSpec,
    PartitionMetadata, ProduceRequest, ProducedPartition, Request, Response, TopicMetadata,
};
use kafkasim::kafka::{Batch, ErrorCode, Payload, Records};

use super::kernel::BROKER;

/// Whose request: node, connection, number.
pub(super) type Asker = (NodeId, ConnId, u32);

pub(super) enum Reply {
    Answer(Asker, Response),
    Park(Instant, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    Preparing,
    Completing,
    Stable,
}

struct GroupMember {
    subscription: Arc<Subscription>,
    parked: Option<Asker>,
    assignment: Assignment,
}

pub(super) struct Broker {
    pub(super) up: bool,
    pub(super) logs: BTreeMap<TopicPartition, Vec<LoggedBatch>>,
    pub(super) committed: BTreeMap<TopicPartition, Offset>,
    /// The leader epochs of committed offsets.
    pub(super) epochs: BTreeMap<TopicPartition, u32>,
    /// What the next fetch to be answered is told instead of its records.
    pub(super) fetch_error: Option<ErrorCode>,
    /// What the next look-up of committed offsets is told, though nothing speaks against it.
    pub(super) lookup_error: Option<ErrorCode>,
    /// What the next offset commit is told, though nothing speaks against it.
    pub(super) commit_error: Option<ErrorCode>,
    /// Every offset commit that was accepted.
    pub(super) commits: Vec<(Instant, TopicPartition, Offset)>,
    /// Every request, by the name of its API.
    pub(super) requests: Vec<(Instant, NodeId, Request)>,
    state: State,
    generation: i32,
    members: BTreeMap<MemberId, GroupMember>,
    instances: BTreeMap<Arc<str>, MemberId>,
    ids: u32,
    parked: BTreeMap<u64, (Asker, FetchRequest)>,
    tickets: u64,
    replies: Vec<Reply>,
}

impl Broker {
    pub(super) fn new() -> Self {
        Self {
            up: true,
            logs: BTreeMap::new(),
            committed: BTreeMap::new(),
            epochs: BTreeMap::new(),
            fetch_error: None,
            lookup_error: None,
            commit_error: None,
            commits: Vec::new(),
            requests: Vec::new(),
            state: State::Empty,
            generation: 0,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            ids: 0,
            parked: BTreeMap::new(),
            tickets: 0,
            replies: Vec::new(),
        }
    }

    /// One batch of consecutive records at the end of a partition.
    pub(super) fn append(&mut self, tp: TopicPartition, first: u32, count: u32) {
        let log = self.logs.entry(tp).or_default();
        let base_offset = log.last().map_or(0, LoggedBatch::end_offset);
        if 0 < count {
            log.push(LoggedBatch {
                cleaned: None,
                base_offset,
                leader_epoch: 0,
                batch: Batch {
                    payload: Payload::Data(Records::Run {
                        first: RecordId(first),
                        count,
                    }),
                    bytes: 61 + 20 * count,
                    producer: None,
                    max_timestamp: Timestamp::default(),
                    stamps: None,
                },
            });
        }
        let waiting: Vec<u64> = self.parked.keys().copied().collect();
        for ticket in waiting {
            let (asker, request) = self.parked.remove(&ticket).expect("listed just before");
            match self.read(&request) {
                Some(answer) => self.replies.push(Reply::Answer(asker, answer)),
                None => {
                    self.parked.insert(ticket, (asker, request));
                }
            }
        }
    }

    pub(super) fn end(&self, tp: TopicPartition) -> Offset {
        let last = self.logs.get(&tp).and_then(|log| log.last());
        last.map_or(0, LoggedBatch::end_offset)
    }

    /// The coordinator forgets the members of a node, as after a session timeout.
    pub(super) fn expire(&mut self, name: &str) {
        let gone: Vec<MemberId> = self.members.keys().cloned().collect();
        for member in gone.iter().filter(|m| m.starts_with(name)) {
            self.remove(member);
        }
    }

    /// Another process joins with this instance id: its member has another id from now on.
    pub(super) fn take_instance(&mut self, instance: &str) {
        let old = self.instances.get(instance).cloned().expect("it is taken");
        let known = self.members.remove(&old).expect("the id is a member's");
        self.ids += 1;
        let new: MemberId = format!("{instance}-{:04}", self.ids).into();
        self.instances.insert(instance.into(), Arc::clone(&new));
        self.members.insert(new, known);
    }

    pub(super) fn take_replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.replies)
    }

    pub(super) fn serve(&mut self, now: Instant, asker: Asker, request: Request) -> Vec<Reply> {
        self.requests.push((now, asker.0, request.clone()));
        let answer = match request {
            Request::Metadata { topics, .. } => Some(self.metadata(&topics)),
            Request::FindCoordinator { .. } => Some(Response::FindCoordinator {
                error: ErrorCode::None,
                coordinator: Some(BROKER),
            }),
            Request::JoinGroup(request) => self.join(asker, request),
            Request::SyncGroup(request) => self.sync(asker, request),
            Request::Heartbeat(request) => Some(self.heartbeat(&request)),
            Request::LeaveGroup(request) => {
                for (member, _) in &request.members {
                    self.remove(member);
                }
                Some(Response::LeaveGroup(LeaveGroupResponse {
                    error: ErrorCode::None,
                    members: request.members.iter().map(|_| ErrorCode::None).collect(),
                }))
            }
            Request::OffsetCommit(request) => Some(self.commit(now, &request)),
            Request::OffsetFetch(request) => {
                let error = self.lookup_error.take();
                let committed = |tp: &TopicPartition| {
                    (
                        *tp,
                        self.committed
                            .get(tp)
                            .map(|offset| (self.at(*tp, *offset), 0)),
                    )
                };
                Some(Response::OffsetFetch(OffsetFetchResponse {
                    error: error.unwrap_or(ErrorCode::None),
                    offsets: request.partitions.iter().map(committed).collect(),
                }))
            }
            Request::ListOffsets(asked) => Some(self.list_offsets(&asked)),
            Request::OffsetForLeaderEpoch(asked) => Some(self.ends_of_epochs(&asked)),
            Request::Fetch(request) => {
                let answer = self.read(&request);
                if answer.is_none() {
                    self.tickets += 1;
                    let until = now + request.max_wait;
                    self.replies.push(Reply::Park(until, self.tickets));
                    self.parked.insert(self.tickets, (asker, request));
                }
                answer
            }
            Request::Produce(request) => Some(self.produce(request)),
            other => panic!("a member does not ask this: {other:?}"),
        };
        if let Some(answer) = answer {
            self.replies.push(Reply::Answer(asker, answer));
        }
        self.take_replies()
    }

    /// A committed offset with the epoch of the record before it, if there is to be one.
    fn at(&self, tp: TopicPartition, offset: Offset) -> OffsetAndEpoch {
        OffsetAndEpoch {
            offset,
            leader_epoch: self.epochs.get(&tp).copied(),
        }
    }

    fn ends_of_epochs(&self, asked: &[AskedEpoch]) -> Response {
        let ends = asked.iter().map(|asked| EpochEnd {
            partition: asked.partition,
            error: ErrorCode::None,
            end: Some((asked.leader_epoch, self.end(asked.partition))),
        });
        Response::OffsetForLeaderEpoch(ends.collect())
    }

    fn list_offsets(&self, asked: &[(TopicPartition, OffsetSpec)]) -> Response {
        let ends = asked.iter().map(|(tp, spec)| {
            let offset = match spec {
                OffsetSpec::Earliest => 0,
                OffsetSpec::Latest => self.end(*tp),
                OffsetSpec::At(_) => unreachable!("no test here asks by time"),
            };
            (*tp, ErrorCode::None, Some(offset))
        });
        Response::ListOffsets(ends.collect())
    }

    fn produce(&mut self, request: ProduceRequest) -> Response {
        let mut produced = Few::new();
        for (tp, batch) in request.batches {
            let base_offset = self.end(tp);
            for record in batch.records().iter() {
                self.append(tp, record.0, 1);
            }
            produced.push(ProducedPartition {
                partition: tp,
                error: ErrorCode::None,
                base_offset: Some(base_offset),
            });
        }
        Response::Produce(produced)
    }

    /// Whether another member has the instance id by now.
    fn is_fenced(&self, instance: Option<&Arc<str>>, member: &MemberId) -> bool {
        let current = instance.and_then(|instance| self.instances.get(instance));
        current.is_some_and(|current| current != member)
    }

    fn heartbeat(&self, request: &HeartbeatRequest) -> Response {
        Response::Heartbeat(
            if self.is_fenced(request.instance.as_ref(), &request.member) {
                ErrorCode::FencedInstanceId
            } else if !self.members.contains_key(&request.member) {
                ErrorCode::UnknownMemberId
            } else if request.generation != self.generation {
                ErrorCode::IllegalGeneration
            } else if self.state == State::Preparing {
                ErrorCode::RebalanceInProgress
            } else {
                ErrorCode::None
            },
        )
    }

    pub(super) fn park_over(&mut self, _now: Instant, ticket: u64) -> Vec<Reply> {
        if let Some((asker, request)) = self.parked.remove(&ticket) {
            let empty = request
                .partitions
                .iter()
                .map(|p| self.fetched(p.partition, None));
            let answer = Response::Fetch(empty.collect());
            self.replies.push(Reply::Answer(asker, answer));
        }
        self.take_replies()
    }

    fn fetched(&self, tp: TopicPartition, from: Option<Offset>) -> FetchedPartition {
        let end = self.end(tp);
        let out_of_range = from.is_some_and(|from| end < from);
        let log = self.logs.get(&tp).map_or(&[][..], Vec::as_slice);
        FetchedPartition {
            partition: tp,
            error: if out_of_range {
                ErrorCode::OffsetOutOfRange
            } else {
                ErrorCode::None
            },
            high_watermark: end,
            log_start: 0,
            diverging: None,
            batches: match from {
                Some(from) => log
                    .iter()
                    .filter(|b| from < b.end_offset())
                    .cloned()
                    .collect(),
                None => Vec::new(),
            },
        }
    }

    fn read(&mut self, request: &FetchRequest) -> Option<Response> {
        let partitions = request.partitions.iter();
        if let Some(error) = self.fetch_error.take() {
            let refused = partitions.map(|p| FetchedPartition {
                error,
                ..self.fetched(p.partition, None)
            });
            return Some(Response::Fetch(refused.collect()));
        }
        let fetched: Vec<FetchedPartition> = partitions
            .map(|p| self.fetched(p.partition, Some(p.offset)))
            .collect();
        let something = |p: &FetchedPartition| !p.batches.is_empty() || p.error != ErrorCode::None;
        if fetched.iter().any(something) {
            Some(Response::Fetch(fetched))
        } else {
            None
        }
    }

    fn metadata(&self, topics: &[TopicId]) -> Response {
        let topic = |topic: &TopicId| {
            let of_topic = self.logs.keys().filter(|tp| tp.topic == *topic);
            let partitions: Vec<PartitionMetadata> = of_topic
                .map(|tp| PartitionMetadata {
                    partition: *tp,
                    leader: Some(BROKER),
                    leader_epoch: 0,
                    partition_epoch: 0,
                    replicas: [BROKER].into(),
                    isr: [BROKER].into(),
                })
                .collect();
            TopicMetadata {
                topic: *topic,
                error: ErrorCode::None,
                partitions: partitions.into(),
            }
        };
        Response::Metadata(topics.iter().map(topic).collect())
    }

    fn join(&mut self, asker: Asker, mut request: JoinGroupRequest) -> Option<Response> {
        if let Some(instance) = &request.instance {
            if request.member.is_empty() {
                self.ids += 1;
                request.member = format!("{instance}-{:04}", self.ids).into();
                let new = Arc::clone(&request.member);
                let old = self.instances.insert(Arc::clone(instance), new);
                if let Some(known) = old.and_then(|old| self.members.remove(&old)) {
                    return Some(self.static_rejoin(request.member, known));
                }
            } else if self.is_fenced(Some(instance), &request.member) {
                return Some(join_error(ErrorCode::FencedInstanceId, request.member));
            }
        } else if request.member.is_empty() {
            self.ids += 1;
            let member = format!("{}-{:04}", request.client_id, self.ids);
            return Some(join_error(ErrorCode::MemberIdRequired, member.into()));
        }
        let known = self.members.contains_key(&request.member);
        let fresh = request.member.ends_with(&format!("{:04}", self.ids)) || known;
        if !fresh {
            return Some(join_error(ErrorCode::UnknownMemberId, request.member));
        }
        self.members.insert(
            request.member,
            GroupMember {
                subscription: request.protocols[0].subscription.clone(),
                parked: Some(asker),
                assignment: [].into(),
            },
        );
        self.state = State::Preparing;
        self.complete_join();
        None
    }

    /// A static member is back in a stable group: it is told what it would be told anyway.
    fn static_rejoin(&mut self, member: MemberId, known: GroupMember) -> Response {
        assert_eq!(self.state, State::Stable, "else this is more than a fake");
        self.members.insert(Arc::clone(&member), known);
        let leader = self.members.keys().next().expect("not empty").clone();
        Response::JoinGroup(JoinGroupResponse {
            error: ErrorCode::None,
            generation: self.generation,
            protocol: Some(Arc::from("range")),
            skip_assignment: leader == member,
            leader,
            member,
            members: Vec::new(),
        })
    }

    fn complete_join(&mut self) {
        if self.members.is_empty() || self.members.values().any(|m| m.parked.is_none()) {
            return;
        }
        self.generation += 1;
        self.state = State::Completing;
        let leader = self.members.keys().next().expect("not empty").clone();
        let joined: Vec<JoinedMember> = self
            .members
            .iter()
            .map(|(member, state)| JoinedMember {
                member: member.clone(),
                instance: None,
                subscription: state.subscription.clone(),
            })
            .collect();
        for (member, state) in &mut self.members {
            let asker = state.parked.take().expect("all have joined");
            let answer = Response::JoinGroup(JoinGroupResponse {
                error: ErrorCode::None,
                generation: self.generation,
                protocol: Some(Arc::from("range")),
                leader: leader.clone(),
                member: member.clone(),
                members: if *member == leader {
                    joined.clone()
                } else {
                    Vec::new()
                },
                skip_assignment: false,
            });
            self.replies.push(Reply::Answer(asker, answer));
        }
    }

    fn sync(&mut self, asker: Asker, request: SyncGroupRequest) -> Option<Response> {
        if !self.members.contains_key(&request.member) {
            return Some(sync_answer(ErrorCode::UnknownMemberId, [].into()));
        }
        if self.state == State::Preparing {
            return Some(sync_answer(ErrorCode::RebalanceInProgress, [].into()));
        }
        let member = self.members.get_mut(&request.member).expect("looked at");
        member.parked = Some(asker);
        if !request.assignments.is_empty() {
            for (member, assignment) in request.assignments {
                self.members.get_mut(&member).expect("assigned").assignment = assignment;
            }
            self.state = State::Stable;
        }
        if self.state == State::Stable {
            for member in self.members.values_mut() {
                if let Some(asker) = member.parked.take() {
                    let answer = sync_answer(ErrorCode::None, member.assignment.clone());
                    self.replies.push(Reply::Answer(asker, answer));
                }
            }
        }
        None
    }

    fn remove(&mut self, member: &MemberId) {
        if self.members.remove(member).is_some() {
            self.state = if self.members.is_empty() {
                State::Empty
            } else {
                State::Preparing
            };
            self.complete_join();
        }
    }

    fn commit(&mut self, now: Instant, request: &OffsetCommitRequest) -> Response {
        let error = if self.is_fenced(request.instance.as_ref(), &request.member) {
            ErrorCode::FencedInstanceId
        } else if !self.members.contains_key(&request.member) {
            ErrorCode::UnknownMemberId
        } else if request.generation != self.generation {
            ErrorCode::IllegalGeneration
        } else if self.state == State::Completing {
            ErrorCode::RebalanceInProgress
        } else {
            self.commit_error.take().unwrap_or(ErrorCode::None)
        };
        if error == ErrorCode::None {
            for (tp, at) in &request.offsets {
                self.committed.insert(*tp, at.offset);
                self.commits.push((now, *tp, at.offset));
            }
        }
        Response::OffsetCommit(OffsetCommitResponse {
            partitions: request.offsets.iter().map(|(tp, _)| (*tp, error)).collect(),
        })
    }
}

fn join_error(error: ErrorCode, member: MemberId) -> Response {
    Response::JoinGroup(JoinGroupResponse {
        error,
        generation: -1,
        protocol: None,
        leader: Arc::from(""),
        member,
        members: Vec::new(),
        skip_assignment: false,
    })
}

fn sync_answer(error: ErrorCode, assignment: Assignment) -> Response {
    Response::SyncGroup(SyncGroupResponse {
        error,
        protocol: Some(Arc::from("range")),
        assignment,
    })
}
