//! The settings a consumer uses (`ConsumerConfig`).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::catalogue::Role;
use super::problem::{Note, Refusal, SettingError};
use super::producer::reconnect_backoff_max;
use super::reader::Reader;
use super::value::iso_duration;
use super::{Settings, librdkafka};
use crate::base::Span;
use crate::kafka::client::ClientFamily;

/// `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffsetReset {
    /// Begin at the log start offset.
    Earliest,
    /// Begin at the end.
    Latest,
    /// Begin at the first record that is at most so old (KIP-1106).
    ByDuration(Span),
    /// `poll` throws.
    None,
}

/// An assignor of the classic protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// `RangeAssignor`.
    Range,
    /// `RoundRobinAssignor`.
    RoundRobin,
    /// `StickyAssignor`.
    Sticky,
    /// `CooperativeStickyAssignor`.
    CooperativeSticky,
}

/// `group.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// `classic`: members meet in rounds, and their leader assigns.
    Classic,
    /// `consumer` (KIP-848): the coordinator assigns, and moves one member at a time.
    Consumer,
}

/// How a member gives partitions up (`ConsumerPartitionAssignor.RebalanceProtocol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebalanceProtocol {
    /// All of them, before it joins.
    Eager,
    /// Those it is no longer assigned, after it has joined; then it joins again.
    Cooperative,
}

/// What a consumer runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// `enable.auto.commit`.
    pub auto_commit: bool,
    /// `auto.commit.interval.ms`.
    pub auto_commit_interval: Span,
    /// librdkafka's `enable.auto.offset.store`: whether handing a record to the application stores
    /// its offset for the next automatic offset commit. The Java client has no such thing.
    pub auto_offset_store: bool,
    /// `auto.offset.reset`.
    pub offset_reset: OffsetReset,
    /// `max.poll.records`.
    pub max_poll_records: u32,
    /// `max.poll.interval.ms`.
    pub max_poll_interval: Span,
    /// `session.timeout.ms`.
    pub session_timeout: Span,
    /// `heartbeat.interval.ms`; Kafka accepts 0: the next one as soon as one is answered.
    pub heartbeat_interval: Span,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: u32,
    /// `fetch.max.wait.ms`.
    pub fetch_max_wait: Span,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: u32,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: u32,
    /// `request.timeout.ms`.
    pub request_timeout: Span,
    /// `default.api.timeout.ms`.
    pub default_api_timeout: Span,
    /// `retry.backoff.ms`.
    pub retry_backoff: Span,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Span,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: Span,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: Span,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Span,
    /// `allow.auto.create.topics`.
    pub allow_auto_create: bool,
    /// `group.instance.id`: makes it a static member (KIP-345).
    pub instance: Option<Arc<str>>,
    /// `partition.assignment.strategy` by preference; empty under the consumer protocol.
    pub assignors: Vec<Assignor>,
    /// `group.protocol`.
    pub protocol: GroupProtocol,
    /// `group.remote.assignor`: the coordinator's assignor that it asks for.
    pub remote_assignor: Option<Arc<str>>,
}

impl Default for ConsumerConfig {
    /// Kafka 4.1's defaults.
    fn default() -> Self {
        Self {
            auto_commit: true,
            auto_commit_interval: Span::from_secs(5),
            auto_offset_store: true,
            offset_reset: OffsetReset::Latest,
            max_poll_records: 500,
            max_poll_interval: Span::from_secs(300),
            session_timeout: Span::from_secs(45),
            heartbeat_interval: Span::from_secs(3),
            fetch_min_bytes: 1,
            fetch_max_wait: Span::from_millis(500),
            fetch_max_bytes: 52_428_800,
            max_partition_fetch_bytes: 1_048_576,
            request_timeout: Span::from_secs(30),
            default_api_timeout: Span::from_secs(60),
            retry_backoff: Span::from_millis(100),
            retry_backoff_max: Span::from_secs(1),
            reconnect_backoff: Span::from_millis(50),
            reconnect_backoff_max: Span::from_secs(1),
            metadata_max_age: Span::from_secs(300),
            allow_auto_create: true,
            instance: None,
            assignors: vec![Assignor::Range, Assignor::CooperativeSticky],
            protocol: GroupProtocol::Classic,
            remote_assignor: None,
        }
    }
}

/// Settings of a consumer that the scenario sets and nobody else may: the group's name and the
/// member's name.
pub const SET_BY_SCENARIO: [&str; 2] = ["client.id", "group.id"];

impl Assignor {
    /// The protocol name, under which members and coordinator speak of it.
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The assignor of that protocol name.
    pub fn from_protocol_name(name: &str) -> Option<Self> {
        [
            Self::Range,
            Self::RoundRobin,
            Self::Sticky,
            Self::CooperativeSticky,
        ]
        .into_iter()
        .find(|assignor| assignor.protocol_name() == name)
    }
}

impl ConsumerConfig {
    /// How this member gives partitions up, whatever assignor the group agrees on: the most advanced
    /// protocol that each of its own assignors supports, and all but the cooperative one support
    /// only the eager one (`ConsumerCoordinator`'s constructor).
    pub fn rebalance_protocol(&self) -> RebalanceProtocol {
        let is_cooperative = |assignor: &Assignor| *assignor == Assignor::CooperativeSticky;
        if self.assignors.iter().all(is_cooperative) {
            RebalanceProtocol::Cooperative
        } else {
            RebalanceProtocol::Eager
        }
    }
}

/// Reads the settings of a consumer and checks them as its client does. Without `group.id` there is
/// no group: the caller puts the group's name in.
///
/// # Errors
/// Everything that is wrong with them, in one go.
pub fn resolve_consumer(
    settings: &Settings,
    family: ClientFamily,
) -> Result<(ConsumerConfig, Vec<Note>), Vec<SettingError>> {
    match family {
        ClientFamily::Java => java(settings),
        ClientFamily::Librdkafka => librdkafka::consumer(settings),
    }
}

fn java(settings: &Settings) -> Result<(ConsumerConfig, Vec<Note>), Vec<SettingError>> {
    let mut reader = Reader::new(ClientFamily::Java, Role::Consumer, settings);
    let group = reader.text("group.id");
    let is_classic = group_protocol(&mut reader);
    let instance = instance_id(&mut reader);
    let config = ConsumerConfig {
        auto_commit: auto_commit(&mut reader, group.as_deref()),
        auto_commit_interval: reader.millis("auto.commit.interval.ms"),
        auto_offset_store: true,
        offset_reset: offset_reset(&reader),
        max_poll_records: reader.count("max.poll.records", 1),
        max_poll_interval: reader.millis("max.poll.interval.ms"),
        session_timeout: reader.millis("session.timeout.ms"),
        heartbeat_interval: reader.millis("heartbeat.interval.ms"),
        fetch_min_bytes: reader.count("fetch.min.bytes", 0),
        fetch_max_wait: reader.millis("fetch.max.wait.ms"),
        fetch_max_bytes: reader.count("fetch.max.bytes", 0),
        max_partition_fetch_bytes: reader.count("max.partition.fetch.bytes", 0),
        request_timeout: reader.millis("request.timeout.ms"),
        default_api_timeout: reader.millis("default.api.timeout.ms"),
        retry_backoff: reader.millis("retry.backoff.ms"),
        retry_backoff_max: reader.millis("retry.backoff.max.ms"),
        reconnect_backoff: reader.millis("reconnect.backoff.ms"),
        reconnect_backoff_max: reconnect_backoff_max(&mut reader),
        metadata_max_age: reader.millis("metadata.max.age.ms"),
        allow_auto_create: reader.flag("allow.auto.create.topics"),
        instance,
        assignors: if is_classic {
            assignors(&mut reader)
        } else {
            Vec::new()
        },
        protocol: if is_classic {
            GroupProtocol::Classic
        } else {
            GroupProtocol::Consumer
        },
        remote_assignor: reader.text("group.remote.assignor").map(Arc::from),
    };
    if let Some(group) = group {
        group_rules(&mut reader, &group, is_classic);
    }
    reader.finish(config)
}

/// What the constructor checks where there is a group.
fn group_rules(reader: &mut Reader, group: &str, is_classic: bool) {
    if group.is_empty() {
        let message = "The configured group.id should not be an empty string or whitespace.";
        refuse(
            reader,
            &["group.id"],
            "InvalidGroupIdException",
            message,
            "give it a name",
        );
        return;
    }
    let keys = ["heartbeat.interval.ms", "session.timeout.ms"];
    if is_classic && reader.number(keys[1]) <= reader.number(keys[0]) {
        let message = "Heartbeat must be set lower than the session timeout";
        let help = "Kafka advises a third of the session timeout";
        refuse(reader, &keys, "IllegalArgumentException", message, help);
    }
}

/// `ConsumerConfig.maybeOverrideEnableAutoCommit`: nothing is committed without a group.
fn auto_commit(reader: &mut Reader, group: Option<&str>) -> bool {
    const KEY: &str = "enable.auto.commit";
    let enabled = reader.flag(KEY);
    if group.is_some() || !enabled {
        return enabled;
    }
    if reader.given(KEY) {
        let message =
            "enable.auto.commit cannot be set to true when default group id (null) is used.";
        refuse(
            reader,
            &[KEY],
            "InvalidConfigurationException",
            message,
            "set `group.id`",
        );
    } else {
        reader.adjust(KEY, &false, "there is no group, so Kafka switches it off");
    }
    false
}

/// `ConsumerConfig.checkUnsupportedConfigsPostProcess`: each group protocol has settings that are
/// refused under the other. Says whether the protocol is the classic one.
fn group_protocol(reader: &mut Reader) -> bool {
    let protocol = reader.text("group.protocol").unwrap_or_default();
    let is_classic = protocol.eq_ignore_ascii_case("classic");
    let (foreign, name): (Vec<&'static str>, &str) = if is_classic {
        let remote = reader.text("group.remote.assignor").unwrap_or_default();
        let foreign = (!remote.is_empty()).then_some("group.remote.assignor");
        (foreign.into_iter().collect(), "CLASSIC")
    } else {
        // A blank strategy counts as not set; the other two cannot be blank.
        let is_blank = reader.list(STRATEGY).is_empty();
        let is_set = |key: &&str| reader.given(key) && !(is_blank && *key == STRATEGY);
        let set = CLASSIC_ONLY.into_iter().filter(is_set).collect();
        (set, "CONSUMER")
    };
    if !foreign.is_empty() {
        let listed = foreign.join(", ");
        let message = format!("{listed} cannot be set when group.protocol={name}");
        let help = "remove what belongs to the other protocol";
        refuse(reader, &foreign, "ConfigException", &message, help);
    }
    is_classic
}

/// `group.instance.id` as `JoinGroupRequest.validateGroupInstanceId` accepts it.
fn instance_id(reader: &mut Reader) -> Option<Arc<str>> {
    const KEY: &str = "group.instance.id";
    const LENGTH_MAX: usize = 249;
    let id = reader.text(KEY)?;
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let why = if matches!(id.as_str(), "." | "..") {
        format!("'{id}' is not allowed")
    } else if LENGTH_MAX < id.len() {
        format!("the length of '{id}' is longer than the max allowed length {LENGTH_MAX}")
    } else if !id.chars().all(is_legal) {
        format!(
            "'{id}' contains one or more characters other than ASCII alphanumerics, '.', '_' and \
             '-'"
        )
    } else {
        return Some(Arc::from(id));
    };
    let message = format!("Group instance id is invalid: {why}");
    let help = "use letters, digits, `.`, `_` and `-`";
    let exception = "InvalidConfigurationException";
    refuse(reader, &[KEY], exception, &message, help);
    None
}

fn offset_reset(reader: &Reader) -> OffsetReset {
    let text = reader.text("auto.offset.reset");
    let text = text.as_deref().unwrap_or_default();
    let duration = text.strip_prefix("by_duration:").and_then(iso_duration);
    match (text, duration) {
        ("earliest", _) => OffsetReset::Earliest,
        ("none", _) => OffsetReset::None,
        (_, Some(span)) => OffsetReset::ByDuration(span),
        _ => OffsetReset::Latest,
    }
}

/// What a member of the consumer protocol may not set.
pub(super) const CLASSIC_ONLY: [&str; 3] =
    [STRATEGY, "heartbeat.interval.ms", "session.timeout.ms"];

const STRATEGY: &str = "partition.assignment.strategy";
const ASSIGNOR_PACKAGE: &str = "org.apache.kafka.clients.consumer.";

/// `ConsumerPartitionAssignor.getAssignorInstances`.
fn assignors(reader: &mut Reader) -> Vec<Assignor> {
    let mut assignors = Vec::new();
    for class in reader.list(STRATEGY) {
        let short = class.strip_prefix(ASSIGNOR_PACKAGE).unwrap_or(&class);
        let assignor = match short {
            "RangeAssignor" => Assignor::Range,
            "RoundRobinAssignor" => Assignor::RoundRobin,
            "StickyAssignor" => Assignor::Sticky,
            "CooperativeStickyAssignor" => Assignor::CooperativeSticky,
            _ => {
                let help = "write `RangeAssignor`, `RoundRobinAssignor`, `StickyAssignor` or \
                            `CooperativeStickyAssignor`";
                refuse(reader, &[STRATEGY], "ClassNotFoundException", &class, help);
                return Vec::new();
            }
        };
        if assignors.contains(&assignor) {
            let name = assignor.protocol_name();
            let full = format!("{ASSIGNOR_PACKAGE}{short}");
            let message = format!(
                "The assignor name: '{name}' is used in more than one assignor: {full}, {full}"
            );
            refuse(
                reader,
                &[STRATEGY],
                "KafkaException",
                &message,
                "name it once",
            );
            return Vec::new();
        }
        assignors.push(assignor);
    }
    if assignors.is_empty() {
        let message = format!("`{STRATEGY}` without an assignor is not modelled yet");
        reader.not_modelled(STRATEGY, message, "name one, or remove the setting");
    }
    assignors
}

fn refuse(
    reader: &mut Reader,
    keys: &[&'static str],
    exception: &'static str,
    message: &str,
    help: &str,
) {
    let message = message.to_owned();
    reader.refuse(keys, Refusal { exception, message }, help);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        settings: &[(&str, &str)],
    ) -> Result<(ConsumerConfig, Vec<Note>), Vec<SettingError>> {
        let owned = |&(key, text): &(&str, &str)| (key.to_owned(), text.to_owned());
        let group = ("group.id".to_owned(), "workers".to_owned());
        let settings = settings.iter().map(owned).chain([group]).collect();
        resolve_consumer(&settings, ClientFamily::Java)
    }

    #[test]
    fn kafkas_defaults_are_those_of_the_data_file() {
        assert_eq!(resolve(&[]), Ok((ConsumerConfig::default(), Vec::new())));
    }

    #[test]
    fn assignors_are_named_by_their_class_in_full_or_in_short() {
        for class in [
            "RoundRobinAssignor",
            "org.apache.kafka.clients.consumer.RoundRobinAssignor",
        ] {
            let (config, _) = resolve(&[(STRATEGY, class)]).expect("Kafka has this class");
            assert_eq!(config.assignors, [Assignor::RoundRobin]);
        }
        assert!(resolve(&[(STRATEGY, "roundrobin")]).is_err());
    }

    #[test]
    fn a_member_is_cooperative_if_each_of_its_assignors_is() {
        let protocol = |list: &str| {
            let (config, _) = resolve(&[(STRATEGY, list)]).expect("Kafka takes such a list");
            config.rebalance_protocol()
        };
        for eager in [
            "RangeAssignor",
            "StickyAssignor",
            "RangeAssignor,CooperativeStickyAssignor",
            "CooperativeStickyAssignor,RangeAssignor",
            "CooperativeStickyAssignor,StickyAssignor",
        ] {
            assert_eq!(protocol(eager), RebalanceProtocol::Eager, "{eager}");
        }
        let alone = protocol("CooperativeStickyAssignor");
        assert_eq!(alone, RebalanceProtocol::Cooperative);
        assert!(resolve(&[(STRATEGY, "")]).is_err());
    }

    #[test]
    fn an_assignor_is_named_once() {
        let list = "StickyAssignor,org.apache.kafka.clients.consumer.StickyAssignor";
        assert!(resolve(&[(STRATEGY, list)]).is_err());
    }
}
