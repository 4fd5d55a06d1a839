//! Brokers, network and topics of a setup.

use super::super::resolved::{Defaults, Placement};
use super::{Names, OFFSETS_TOPIC, Result, refused, settings, wrong};
use crate::base::NodeId;
use crate::kafka::cast::Role;
use crate::kafka::config::broker::{SERVER_PROPERTIES, resolve_broker};
use crate::kafka::config::topic::resolve_topic;
use crate::kafka::config::{BrokerConfig, Settings, TopicConfig};
use crate::sim::setup::{ClusterSetup, LinkSetup, NetworkSetup, TopicSetup};

pub(super) fn cluster(names: &Names<'_>) -> Result<ClusterSetup> {
    let cluster = &names.scenario.cluster;
    let mut given = settings(&cluster.config);
    if cluster.defaults == Defaults::ServerProperties {
        for (key, text) in SERVER_PROPERTIES {
            given
                .entry(key.to_owned())
                .or_insert_with(|| text.to_owned());
        }
    }
    let (config, _) = resolve_broker(&given).map_err(|e| refused("cluster.config", &e))?;
    Ok(ClusterSetup {
        controllers: names.select(|a| a.role == Role::Controller),
        brokers: names.select(|a| a.role == Role::Broker),
        config,
        request_time: cluster.request_time.0.clone(),
    })
}

pub(super) fn network(names: &Names<'_>) -> Result<NetworkSetup> {
    let network = &names.scenario.network;
    let mut links = Vec::new();
    for link in &network.links {
        let [a, b] = &link.link;
        let (a, b) = (names.all_actors(a)?, names.all_actors(b)?);
        links.push(LinkSetup {
            a,
            b,
            latency: link.latency.0.clone(),
        });
    }
    Ok(NetworkSetup {
        latency: network.latency.0.clone(),
        links,
    })
}

pub(super) fn topics(names: &Names<'_>, broker: &BrokerConfig) -> Result<Vec<TopicSetup>> {
    let mut topics = Vec::new();
    for (name, topic) in names.scenario.topics.iter() {
        let (config, _) = resolve_topic(&settings(&topic.config), broker)
            .map_err(|e| refused(&format!("topics.{name}.config"), &e))?;
        let (partitions, replication_factor, assignment) = match &topic.placement {
            Placement::Counted {
                partitions,
                replication_factor,
            } => (*partitions, *replication_factor, None),
            Placement::Assigned { replica_assignment } => {
                let assignment = assigned(names, replica_assignment)?;
                let copies = replica_assignment.first().map_or(1, |r| r.len() as u32);
                (replica_assignment.len() as u32, copies, Some(assignment))
            }
        };
        topics.push(TopicSetup {
            name: name.into(),
            before_start: true,
            partitions,
            replication_factor,
            assignment,
            config,
            internal: false,
        });
    }
    topics.push(offsets_topic(broker)?);
    Ok(topics)
}

/// Node ids, as Kafka counts them from 1, to brokers.
fn assigned(names: &Names<'_>, assignment: &[Vec<u32>]) -> Result<Vec<Vec<NodeId>>> {
    let broker = |id: &u32| match names.cast.node(&format!("broker-{id}")) {
        Some(node) => Ok(node),
        None => wrong(format!("there is no broker with node.id {id}")),
    };
    assignment
        .iter()
        .map(|replicas| replicas.iter().map(broker).collect())
        .collect()
}

/// `__consumer_offsets`, which appears when the first client looks for a coordinator.
fn offsets_topic(broker: &BrokerConfig) -> Result<TopicSetup> {
    let (config, _): (TopicConfig, _) =
        resolve_topic(&Settings::new(), broker).map_err(|e| refused(OFFSETS_TOPIC, &e))?;
    Ok(TopicSetup {
        name: OFFSETS_TOPIC.into(),
        before_start: false,
        partitions: broker.offsets_topic_partitions,
        replication_factor: broker.offsets_topic_replication_factor,
        assignment: None,
        config,
        internal: true,
    })
}
