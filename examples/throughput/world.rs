//! The world of the throughput measurement: producer, broker, group and the ledger that watches.
//!
//! Kept apart so that `benches/lessons.rs` runs the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafkasim::base::{Dist, GroupId, Instant, NodeId, RecordId, Seed, Span, TopicId};
use kafkasim::kafka::Cast;
use kafkasim::kafka::cast::{Actor, RecordRange, Role};
use kafkasim::kafka::client::ClientFamily;
use kafkasim::kafka::config::consumer::OffsetReset;
use kafkasim::kafka::config::{BrokerConfig, ConsumerConfig, ProducerConfig, TopicConfig};
use kafkasim::kafka::size::record_size;
use kafkasim::node::consumer::program::{OnFailure, OnThrow};
use kafkasim::node::consumer::{MemberSetup, ProcessSpec, Program, Step};
use kafkasim::node::producer::{
    Keys, OnSendFailure, Partitioning, ProducerSetup, Values, Workload,
};
use kafkasim::sim::setup::{
    ClusterSetup, GroupSetup, Life, Limits, NetworkSetup, Setup, TopicSetup,
};
use kafkasim::verdict::{GroupInfo, Ledger, Options};

/// Bytes of a record's value; there is no key.
const VALUE_BYTES: u32 = 100;

const DATA: TopicId = TopicId(0);
const OFFSETS: TopicId = TopicId(1);
const GROUP: GroupId = GroupId(0);

/// A ledger for everything that is known of its records.
pub(crate) fn ledger(setup: &Setup) -> Ledger {
    let group = &setup.groups[GROUP.index()];
    let info = GroupInfo {
        id: GROUP,
        topics: group.topics.clone(),
        members: group.members.clone(),
        committed: Vec::new(),
        effect_in_sink: false,
    };
    let options = Options {
        partitions: vec![1, 0],
        scattered: vec![false, false],
        ..Options::default()
    };
    Ledger::new(Arc::clone(&setup.cast), &[info], options)
}

/// One topic with one partition, one producer, one group of one member.
pub(crate) fn setup(batch: u32, records: u32, replicas: u32) -> Setup {
    let seed = Seed(1);
    let brokers: Vec<NodeId> = (1..=replicas).map(NodeId).collect();
    let (producer, member) = (NodeId(replicas + 1), NodeId(replicas + 2));
    let bootstrap: Arc<[NodeId]> = brokers.clone().into();
    Setup {
        seed,
        cast: Arc::new(cast(records, replicas)),
        cluster: ClusterSetup {
            controllers: vec![NodeId(0)],
            brokers: brokers.clone(),
            config: BrokerConfig {
                offsets_topic_replication_factor: replicas,
                ..BrokerConfig::default()
            },
            eligible_leader_replicas: true,
            request_time: Dist::Constant(Span::from_micros(100)),
        },
        network: NetworkSetup {
            latency: Dist::Constant(Span::from_millis(1)),
            links: Vec::new(),
        },
        topics: vec![topic("events", replicas), internal_topic(replicas)],
        producers: vec![(
            ProducerSetup {
                name: "probe".into(),
                node: producer,
                first_record: RecordId(0),
                config: ProducerConfig {
                    batch_size: batch_size(batch),
                    linger: Span::from_secs(1),
                    ..ProducerConfig::default()
                },
                workload: Arc::new(workload(batch, records)),
                topic_names: Arc::new([(DATA, "events".into())]),
                bootstrap: Arc::clone(&bootstrap),
                seed,
            },
            Life::default(),
        )],
        members: vec![(reader(&bootstrap, seed), Life::default())],
        sinks: Vec::new(),
        groups: vec![GroupSetup {
            name: "readers".into(),
            members: vec![member],
            topics: vec![DATA],
            committed: Vec::new(),
            commits: true,
            effect_in_sink: false,
        }],
        faults: Vec::new(),
        warm_up: Instant::ZERO,
        limits: Limits::default(),
        stepped: false,
    }
}

/// A `batch.size` into which exactly so many records fit: half a record to spare.
fn batch_size(batch: u32) -> u32 {
    let sizes = (0..batch).map(|delta| record_size(delta, 1, None, Some(VALUE_BYTES)));
    61 + sizes.sum::<u32>() + VALUE_BYTES / 2
}

/// Two batches per millisecond: nearly what five requests in flight allow at this latency.
fn workload(batch: u32, records: u32) -> Workload {
    Workload {
        topics: vec![DATA],
        count: records,
        script: Vec::new(),
        every: Dist::Constant(Span::from_micros(500 / u64::from(batch))),
        keys: Keys::None,
        values: Values::Bytes(VALUE_BYTES),
        partitioning: Partitioning::Client,
        on_failure: OnSendFailure::Continue,
    }
}

fn cast(records: u32, replicas: u32) -> Cast {
    let actor = |name: String, role, group| Actor {
        family: if role == Role::Member {
            "readers".to_owned()
        } else {
            name.clone()
        },
        name,
        role,
        group,
    };
    let mut actors = vec![actor("controller-1".to_owned(), Role::Controller, None)];
    actors.extend((1..=replicas).map(|n| actor(format!("broker-{n}"), Role::Broker, None)));
    actors.push(actor("probe".to_owned(), Role::Producer, None));
    actors.push(actor("readers-1".to_owned(), Role::Member, Some(GROUP)));
    Cast {
        actors,
        topics: vec!["events".to_owned(), "__consumer_offsets".to_owned()],
        groups: vec!["readers".to_owned()],
        records: vec![RecordRange {
            producer: NodeId(replicas + 1),
            first: RecordId(0),
            count: records,
        }],
    }
}

fn topic(name: &str, replicas: u32) -> TopicSetup {
    TopicSetup {
        name: name.into(),
        created_at: None,
        before_start: true,
        partitions: 1,
        partitions_max: 1,
        replication_factor: replicas,
        assignment: None,
        config: TopicConfig::default(),
        internal: false,
    }
}

fn internal_topic(replicas: u32) -> TopicSetup {
    assert_eq!(OFFSETS.index(), 1, "internal topics come last");
    TopicSetup {
        created_at: None,
        before_start: false,
        partitions: BrokerConfig::default().offsets_topic_partitions,
        partitions_max: BrokerConfig::default().offsets_topic_partitions,
        internal: true,
        ..topic("__consumer_offsets", replicas)
    }
}

fn reader(bootstrap: &Arc<[NodeId]>, seed: Seed) -> MemberSetup {
    MemberSetup {
        name: "readers-1".into(),
        group: GROUP,
        group_name: "readers".into(),
        topics: vec![(DATA, "events".into())],
        group_topics: [(DATA, "events".into())].into(),
        family: ClientFamily::Java,
        config: ConsumerConfig {
            offset_reset: OffsetReset::Earliest,
            ..ConsumerConfig::default()
        },
        program: Arc::new(program()),
        bootstrap: Arc::clone(bootstrap),
        seed,
    }
}

/// Poll and process, with Kafka's auto-commit.
fn program() -> Program {
    Program {
        steps: vec![
            Step::Poll {
                timeout: Span::from_millis(100),
            },
            Step::Each(vec![Step::Process]),
        ],
        on_revoked: Vec::new(),
        on_assigned: Vec::new(),
        on_lost: Vec::new(),
        on_close: Vec::new(),
        process: ProcessSpec {
            time: Dist::Constant(Span::ZERO),
            slow: BTreeMap::default(),
            fails: BTreeMap::default(),
            retries: 0,
            backoff: Span::from_secs(1),
            on_failure: OnFailure::Stop,
            handler: None,
        },
        on_commit_failure: OnThrow::Continue,
        on_poll_failure: OnThrow::Stop,
        workers: 4,
        sink: None,
    }
}
