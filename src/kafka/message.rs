//! What travels between nodes: one variant per API, batches shared behind `Arc` or by value.
//!
//! Data only; a message has no behaviour. Sizes on the wire matter only for batches, so nothing
//! else carries a length.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::consumer_protocol::{ConsumerHeartbeatRequest, ConsumerHeartbeatResponse};
use super::group::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    SyncGroupRequest, SyncGroupResponse,
};
use super::sink::{SinkRequest, SinkResponse};
use super::{Batch, ErrorCode};
use crate::base::{NodeId, Offset, Span, TopicId, TopicPartition};

/// A list that nearly always has one entry, and then needs no room of its own.
pub type Few<T> = SmallVec<[T; 1]>;

/// The APIs of the protocol that are modelled, under Kafka's names (`ApiKeys`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are Kafka's own, documented there")]
pub enum Api {
    Produce,
    Fetch,
    ListOffsets,
    Metadata,
    OffsetCommit,
    OffsetFetch,
    FindCoordinator,
    JoinGroup,
    Heartbeat,
    LeaveGroup,
    SyncGroup,
    ConsumerGroupHeartbeat,
    CreateTopics,
    InitProducerId,
    OffsetForLeaderEpoch,
    /// Not an API of Kafka: a broker hears of new metadata. Stands for the metadata log of `KRaft`.
    UpdateMetadata,
    /// Not an API of Kafka: rows for a sink.
    StoreRows,
    /// Not an API of Kafka: the offsets a sink keeps.
    ReadStoredOffsets,
    BrokerRegistration,
    BrokerHeartbeat,
    AlterPartition,
}

impl Api {
    /// All of them, each at its place as a number.
    pub const ALL: [Self; 21] = [
        Self::Produce,
        Self::Fetch,
        Self::ListOffsets,
        Self::Metadata,
        Self::OffsetCommit,
        Self::OffsetFetch,
        Self::FindCoordinator,
        Self::JoinGroup,
        Self::Heartbeat,
        Self::LeaveGroup,
        Self::SyncGroup,
        Self::ConsumerGroupHeartbeat,
        Self::CreateTopics,
        Self::InitProducerId,
        Self::OffsetForLeaderEpoch,
        Self::UpdateMetadata,
        Self::StoreRows,
        Self::ReadStoredOffsets,
        Self::BrokerRegistration,
        Self::BrokerHeartbeat,
        Self::AlterPartition,
    ];
}

/// `acks` of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acks {
    /// 0: no answer is awaited.
    None,
    /// 1: the leader has appended.
    Leader,
    /// all (−1): every in-sync replica has it.
    All,
}

/// `Produce`: at most one batch per partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceRequest {
    /// What is awaited.
    pub acks: Acks,
    /// How long the broker may wait for replication: the client's `request.timeout.ms`.
    pub timeout: Span,
    /// The batches.
    pub batches: Few<(TopicPartition, Batch)>,
}

/// What became of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducedPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// `NONE` or why not.
    pub error: ErrorCode,
    /// The offset of the batch's first record, when known.
    pub base_offset: Option<Offset>,
}

/// One partition of a `Fetch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The first offset wanted.
    pub offset: Offset,
    /// The leader epoch the reader knows.
    pub leader_epoch: u32,
    /// A follower: the leader epoch of the last batch it has, by which the leader tells whether
    /// their logs agree. Consumers do not say.
    pub last_epoch: Option<u32>,
    /// `max.partition.fetch.bytes`.
    pub max_bytes: u32,
}

/// `Fetch`. A follower names itself and uses an incremental session: it lists only partitions
/// whose fetch offset moved since its last request on this connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// The follower that fetches; `None` for a consumer.
    pub replica: Option<NodeId>,
    /// `fetch.max.wait.ms` or `replica.fetch.wait.max.ms`.
    pub max_wait: Span,
    /// `fetch.min.bytes`.
    pub min_bytes: u32,
    /// `fetch.max.bytes`.
    pub max_bytes: u32,
    /// The partitions, in the order in which they are to be served.
    pub partitions: Vec<FetchPartition>,
}

/// A batch as a log keeps it and a fetch returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedBatch {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: u32,
    /// The batch.
    pub batch: Batch,
}

impl LoggedBatch {
    /// The offset after its last record.
    pub fn end_offset(&self) -> Offset {
        self.base_offset + Offset::from(self.batch.count())
    }
}

/// One partition of a fetch answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// `NONE` or why not.
    pub error: ErrorCode,
    /// The high watermark.
    pub high_watermark: Offset,
    /// The log start offset.
    pub log_start: Offset,
    /// To a follower whose log is another than the leader's: the largest epoch that both may have,
    /// and where it ends in the leader's log. Then there are no batches.
    pub diverging: Option<(u32, Offset)>,
    /// Whole batches; the first may begin before the offset asked for.
    pub batches: Vec<LoggedBatch>,
}

/// What is known of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// The partition.
    pub partition: TopicPartition,
    /// Its leader.
    pub leader: Option<NodeId>,
    /// The leader epoch.
    pub leader_epoch: u32,
    /// How often the controller has changed this state.
    pub partition_epoch: u32,
    /// Its replicas, preferred leader first.
    pub replicas: Arc<[NodeId]>,
    /// The in-sync replicas.
    pub isr: Arc<[NodeId]>,
}

/// What is known of one broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerState {
    /// The broker.
    pub broker: NodeId,
    /// The broker epoch: a new process has a higher one.
    pub epoch: u64,
    /// Whether it is fenced: it leads nothing and is in sync nowhere.
    pub is_fenced: bool,
    /// Whether it is about to stop (controlled shutdown).
    pub is_stopping: bool,
}

/// One partition of an `AlterPartition`: the in-sync replicas a leader proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrChange {
    /// The partition.
    pub partition: TopicPartition,
    /// In the name of which leadership.
    pub leader_epoch: u32,
    /// Against which state.
    pub partition_epoch: u32,
    /// Who is to be in sync.
    pub isr: Arc<[NodeId]>,
}

/// What became of an [`IsrChange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsrAnswer {
    /// The partition.
    pub partition: TopicPartition,
    /// `NONE` or why not.
    pub error: ErrorCode,
    /// How often the controller has changed its state now.
    pub partition_epoch: u32,
}

/// The answer to `Metadata`, for one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// The topic.
    pub topic: TopicId,
    /// `NONE`, or `UNKNOWN_TOPIC_OR_PARTITION`.
    pub error: ErrorCode,
    /// Its partitions in order of their numbers. Shared: metadata travels often.
    pub partitions: Arc<[PartitionMetadata]>,
}

/// Which offset `ListOffsets` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// −2: the log start offset.
    Earliest,
    /// −1: the high watermark, for a client.
    Latest,
}

/// One partition of an `OffsetForLeaderEpoch` (KIP-320).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedEpoch {
    /// The partition.
    pub partition: TopicPartition,
    /// The leader epoch the reader knows, by which the leader tells who is behind.
    pub current_leader_epoch: u32,
    /// The epoch whose end is asked for.
    pub leader_epoch: u32,
}

/// One partition of the answer to `OffsetForLeaderEpoch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The partition.
    pub partition: TopicPartition,
    /// `NONE` or why not.
    pub error: ErrorCode,
    /// The largest epoch of the log that is at most the one asked for, and the offset at which it
    /// ends; `None` (`UNDEFINED_EPOCH`) where the log knows none.
    pub end: Option<(u32, Offset)>,
}

/// What a client or broker asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Append batches.
    Produce(ProduceRequest),
    /// Read batches.
    Fetch(FetchRequest),
    /// Offsets by position.
    ListOffsets(Vec<(TopicPartition, OffsetSpec)>),
    /// Where leader epochs end.
    OffsetForLeaderEpoch(Vec<AskedEpoch>),
    /// Leaders and partitions of topics; `allow_auto_create` as the client says.
    Metadata {
        /// The topics asked for.
        topics: Vec<TopicId>,
        /// `allow.auto.create.topics`.
        allow_auto_create: bool,
    },
    /// Which broker coordinates a group.
    FindCoordinator {
        /// The group's name.
        group: Arc<str>,
    },
    /// Store offsets.
    OffsetCommit(OffsetCommitRequest),
    /// Read offsets.
    OffsetFetch(OffsetFetchRequest),
    /// Enter or re-enter a group.
    JoinGroup(JoinGroupRequest),
    /// Hand out or ask for an assignment.
    SyncGroup(SyncGroupRequest),
    /// Still here.
    Heartbeat(HeartbeatRequest),
    /// Gone.
    LeaveGroup(LeaveGroupRequest),
    /// The whole of the consumer protocol.
    ConsumerHeartbeat(ConsumerHeartbeatRequest),
    /// A producer id for an idempotent producer.
    InitProducerId,
    /// Broker to controller: create an internal topic, or one on first use.
    CreateTopics {
        /// The topic.
        topic: TopicId,
        /// How many partitions.
        partitions: u32,
        /// How many replicas.
        replication_factor: u32,
    },
    /// Controller to broker: the state of these partitions.
    UpdateMetadata(Arc<[PartitionMetadata]>),
    /// Controller to broker: the state of the brokers.
    UpdateBrokers(Arc<[BrokerState]>),
    /// Broker to controller: a new process is there.
    RegisterBroker {
        /// The epoch of the process before it, if that closed its logs.
        closed: Option<u64>,
    },
    /// Broker to controller: the process of this epoch is alive.
    BrokerHeartbeat {
        /// Its epoch.
        epoch: u64,
        /// Whether it asks for a controlled shutdown.
        wants_shutdown: bool,
    },
    /// Leader to controller: other in-sync replicas.
    AlterPartition(Vec<IsrChange>),
    /// Application to sink.
    Sink(SinkRequest),
    /// A request of a client that its broker is to refuse: what a fault makes of it on its way.
    Refused {
        /// What was asked.
        request: Box<Request>,
        /// What is answered.
        error: ErrorCode,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To `Produce`; none is sent for `acks=0`.
    Produce(Few<ProducedPartition>),
    /// To `Fetch`.
    Fetch(Vec<FetchedPartition>),
    /// To `ListOffsets`.
    ListOffsets(Vec<(TopicPartition, ErrorCode, Option<Offset>)>),
    /// To `OffsetForLeaderEpoch`.
    OffsetForLeaderEpoch(Vec<EpochEnd>),
    /// To `Metadata`.
    Metadata(Vec<TopicMetadata>),
    /// To `FindCoordinator`.
    FindCoordinator {
        /// `NONE` or `COORDINATOR_NOT_AVAILABLE`.
        error: ErrorCode,
        /// The coordinator.
        coordinator: Option<NodeId>,
    },
    /// To `OffsetCommit`.
    OffsetCommit(OffsetCommitResponse),
    /// To `OffsetFetch`.
    OffsetFetch(OffsetFetchResponse),
    /// To `JoinGroup`.
    JoinGroup(JoinGroupResponse),
    /// To `SyncGroup`.
    SyncGroup(SyncGroupResponse),
    /// To `Heartbeat`.
    Heartbeat(ErrorCode),
    /// To `LeaveGroup`.
    LeaveGroup(LeaveGroupResponse),
    /// To `ConsumerGroupHeartbeat`.
    ConsumerHeartbeat(ConsumerHeartbeatResponse),
    /// To `InitProducerId`: id and epoch.
    InitProducerId {
        /// `NONE` or why not.
        error: ErrorCode,
        /// The producer id.
        id: u64,
        /// The producer epoch.
        epoch: i16,
    },
    /// To `CreateTopics`.
    CreateTopics(ErrorCode),
    /// To `UpdateMetadata`, of partitions or of brokers.
    UpdateMetadata,
    /// To `BrokerRegistration`.
    RegisterBroker {
        /// `NONE`, or `DUPLICATE_BROKER_REGISTRATION` while the process before counts as alive.
        error: ErrorCode,
        /// The broker epoch.
        epoch: u64,
    },
    /// To `BrokerHeartbeat`.
    BrokerHeartbeat {
        /// `NONE`, or `STALE_BROKER_EPOCH`.
        error: ErrorCode,
        /// Whether the broker is fenced.
        is_fenced: bool,
        /// Whether it may stop.
        may_stop: bool,
    },
    /// To `AlterPartition`.
    AlterPartition(Vec<IsrAnswer>),
    /// Of a sink.
    Sink(SinkResponse),
}

impl Request {
    /// The API this request belongs to.
    pub fn api(&self) -> Api {
        match self {
            Self::Produce(_) => Api::Produce,
            Self::Fetch(_) => Api::Fetch,
            Self::ListOffsets(_) => Api::ListOffsets,
            Self::OffsetForLeaderEpoch(_) => Api::OffsetForLeaderEpoch,
            Self::Metadata { .. } => Api::Metadata,
            Self::FindCoordinator { .. } => Api::FindCoordinator,
            Self::OffsetCommit(_) => Api::OffsetCommit,
            Self::OffsetFetch(_) => Api::OffsetFetch,
            Self::JoinGroup(_) => Api::JoinGroup,
            Self::SyncGroup(_) => Api::SyncGroup,
            Self::Heartbeat(_) => Api::Heartbeat,
            Self::LeaveGroup(_) => Api::LeaveGroup,
            Self::ConsumerHeartbeat(_) => Api::ConsumerGroupHeartbeat,
            Self::InitProducerId => Api::InitProducerId,
            Self::CreateTopics { .. } => Api::CreateTopics,
            Self::UpdateMetadata(_) | Self::UpdateBrokers(_) => Api::UpdateMetadata,
            Self::RegisterBroker { .. } => Api::BrokerRegistration,
            Self::BrokerHeartbeat { .. } => Api::BrokerHeartbeat,
            Self::AlterPartition(_) => Api::AlterPartition,
            Self::Sink(SinkRequest::Insert { .. }) => Api::StoreRows,
            Self::Sink(SinkRequest::ReadOffsets { .. }) => Api::ReadStoredOffsets,
            Self::Refused { request, .. } => request.api(),
        }
    }
}

impl Response {
    /// The API this response belongs to.
    pub fn api(&self) -> Api {
        match self {
            Self::Produce(_) => Api::Produce,
            Self::Fetch(_) => Api::Fetch,
            Self::ListOffsets(_) => Api::ListOffsets,
            Self::OffsetForLeaderEpoch(_) => Api::OffsetForLeaderEpoch,
            Self::Metadata(_) => Api::Metadata,
            Self::OffsetCommit(_) => Api::OffsetCommit,
            Self::OffsetFetch(_) => Api::OffsetFetch,
            Self::FindCoordinator { .. } => Api::FindCoordinator,
            Self::JoinGroup(_) => Api::JoinGroup,
            Self::SyncGroup(_) => Api::SyncGroup,
            Self::Heartbeat(_) => Api::Heartbeat,
            Self::LeaveGroup(_) => Api::LeaveGroup,
            Self::ConsumerHeartbeat(_) => Api::ConsumerGroupHeartbeat,
            Self::InitProducerId { .. } => Api::InitProducerId,
            Self::CreateTopics(_) => Api::CreateTopics,
            Self::UpdateMetadata => Api::UpdateMetadata,
            Self::RegisterBroker { .. } => Api::BrokerRegistration,
            Self::BrokerHeartbeat { .. } => Api::BrokerHeartbeat,
            Self::AlterPartition(_) => Api::AlterPartition,
            Self::Sink(SinkResponse::Offsets(_)) => Api::ReadStoredOffsets,
            Self::Sink(SinkResponse::Stored | SinkResponse::Refused(_)) => Api::StoreRows,
        }
    }
}

/// A message on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Pairs a response with its request, per connection.
    pub correlation: u32,
    /// The number of the fact behind this message, so that what it causes can say so.
    pub cause: u64,
    /// What is said.
    pub body: Body,
    api: Api,
}

/// A request on its way to a server, or a response on its way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Client to server.
    Request(Request),
    /// Server to client.
    Response(Response),
}

impl Envelope {
    /// A message. Which API it belongs to is asked at every turn of its way, so it is looked up once.
    pub fn new(correlation: u32, cause: u64, body: Body) -> Self {
        let api = match &body {
            Body::Request(request) => request.api(),
            Body::Response(response) => response.api(),
        };
        Self {
            correlation,
            cause,
            body,
            api,
        }
    }

    /// The API the message belongs to.
    pub fn api(&self) -> Api {
        self.api
    }
}
