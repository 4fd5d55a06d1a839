//! The settings of a topic (`TopicConfig`, `LogConfig`).

use super::Settings;
use super::broker::BrokerConfig;
use super::catalogue::Role;
use super::problem::{Note, SettingError};
use super::reader::Reader;
use super::stamping::{self, Stamping};
use super::storage::{self, StorageConfig};
use crate::kafka::client::ClientFamily;

/// What a topic runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// How its files are cut, kept and flushed.
    pub storage: StorageConfig,
    /// Who stamps its records, and what stamps it takes.
    pub stamping: Stamping,
}

impl Default for TopicConfig {
    /// Kafka 4.1's defaults.
    fn default() -> Self {
        Self {
            min_insync_replicas: 1,
            max_message_bytes: 1_048_588,
            unclean_leader_election: false,
            storage: StorageConfig::default(),
            stamping: Stamping::default(),
        }
    }
}

/// Reads the settings of a topic; what it leaves out it has from its brokers.
///
/// # Errors
/// Everything that is wrong with them, in one go.
pub fn resolve_topic(
    settings: &Settings,
    broker: &BrokerConfig,
) -> Result<(TopicConfig, Vec<Note>), Vec<SettingError>> {
    let mut reader = Reader::new(ClientFamily::Java, Role::Topic, settings);
    let config = TopicConfig {
        min_insync_replicas: inherited(
            &mut reader,
            "min.insync.replicas",
            broker.min_insync_replicas,
        ),
        max_message_bytes: inherited(&mut reader, "max.message.bytes", broker.message_max_bytes),
        unclean_leader_election: inherited_flag(
            &mut reader,
            "unclean.leader.election.enable",
            broker.unclean_leader_election,
        ),
        storage: storage::of_topic(&mut reader, broker),
        stamping: stamping::of_topic(&mut reader, broker),
    };
    reader.finish(config)
}

/// A topic's own value, or that of the broker.
fn inherited(reader: &mut Reader, key: &'static str, of_broker: u32) -> u32 {
    let own = reader.count(key, 0);
    if reader.given(key) || own == of_broker {
        return own;
    }
    reader.adjust(key, &of_broker, "the brokers say so");
    of_broker
}

fn inherited_flag(reader: &mut Reader, key: &'static str, of_broker: bool) -> bool {
    let own = reader.flag(key);
    if reader.given(key) || own == of_broker {
        return own;
    }
    reader.adjust(key, &of_broker, "the brokers say so");
    of_broker
}

/// Checks the settings a group has on its brokers. None of them is modelled yet.
///
/// # Errors
/// Everything that is wrong with them, in one go.
pub fn resolve_group(settings: &Settings) -> Result<Vec<Note>, Vec<SettingError>> {
    let reader = Reader::new(ClientFamily::Java, Role::Group, settings);
    reader.finish(()).map(|((), notes)| notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_from_its_brokers_what_it_does_not_say_itself() {
        let broker = BrokerConfig {
            min_insync_replicas: 2,
            message_max_bytes: 1000,
            ..BrokerConfig::default()
        };
        let own = ("max.message.bytes".to_owned(), "5000".to_owned());
        let (config, notes) =
            resolve_topic(&Settings::from([own]), &broker).expect("both are modelled");
        assert_eq!(
            (config.min_insync_replicas, config.max_message_bytes),
            (2, 5000)
        );
        assert_eq!(notes.len(), 1);
        let (plain, _) = resolve_topic(&Settings::new(), &BrokerConfig::default())
            .expect("nothing is wrong with nothing");
        assert_eq!(plain, TopicConfig::default());
    }
}
