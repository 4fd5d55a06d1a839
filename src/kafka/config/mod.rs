//! Settings, read and checked as Kafka does, in the form the state machines use.
//!
//! `show` and the loader deal in names and texts; a node is handed one of the plain structs. What
//! exists, and what is made of it here, is in `data/`.

pub mod broker;
pub mod catalogue;
pub mod cleanup;
pub mod consumer;
pub mod effective;
mod librdkafka;
pub mod problem;
pub mod producer;
mod reader;
pub mod stamping;
pub mod storage;
pub mod topic;
mod value;

use std::collections::BTreeMap;

pub use broker::{BrokerConfig, resolve_broker};
pub use catalogue::{Role, Setting, Status};
pub use cleanup::Cleanup;
pub use consumer::{ConsumerConfig, resolve_consumer};
pub use effective::{Effective, Source, effective};
pub use problem::{About, Mistake, Note, Refusal, SettingError};
pub use producer::{ProducerConfig, resolve_producer};
pub use stamping::Stamping;
pub use storage::StorageConfig;
pub use topic::{TopicConfig, resolve_group, resolve_topic};

/// Settings as they are written: names and texts. A list is its texts joined by commas.
pub type Settings = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::catalogue::{self, ValueType};
    use super::*;
    use crate::kafka::client::ClientFamily;

    /// What settings resolve to, as text, so that all roles can be compared alike.
    fn resolved(family: ClientFamily, role: Role, settings: &Settings) -> Option<String> {
        match role {
            Role::Producer => {
                resolve_producer(settings, family).map(|(config, _)| format!("{config:?}"))
            }
            Role::Consumer => {
                resolve_consumer(settings, family).map(|(config, _)| format!("{config:?}"))
            }
            Role::Topic => resolve_topic(settings, &BrokerConfig::default())
                .map(|(config, _)| format!("{config:?}")),
            Role::Broker => resolve_broker(settings).map(|(config, _)| format!("{config:?}")),
            Role::Group => resolve_group(settings).map(|notes| format!("{notes:?}")),
        }
        .ok()
    }

    /// Values other than the default, one of which a setting accepts.
    fn others(setting: &Setting) -> Vec<String> {
        let default = setting.default.unwrap_or("");
        match setting.value_type {
            ValueType::Boolean => vec![(default != "true").to_string()],
            ValueType::Short | ValueType::Int | ValueType::Long => {
                // Without a default anything will do.
                let number: i64 = default.parse().unwrap_or(7);
                let near = [number.saturating_add(1), number - 1, 5];
                near.map(|number| number.to_string()).to_vec()
            }
            ValueType::Millis => vec!["0.25".to_owned()],
            _ => [
                "1",
                "earliest",
                "RoundRobinPartitioner",
                "RoundRobinAssignor",
                "roundrobin",
                "murmur2_random",
                "consumer",
                "range",
                "LogAppendTime",
                "compact",
                "0.25",
                "disabled",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }

    #[test]
    fn every_setting_that_is_called_modelled_is_obeyed() {
        let java = ClientFamily::Java;
        let librdkafka = ClientFamily::Librdkafka;
        for (family, role) in [
            (java, Role::Producer),
            (java, Role::Consumer),
            (java, Role::Topic),
            (java, Role::Broker),
            (librdkafka, Role::Producer),
            (librdkafka, Role::Consumer),
        ] {
            let mut base = Settings::new();
            if role == Role::Consumer {
                base.insert("group.id".to_owned(), "workers".to_owned());
            }
            assert!(resolved(family, role, &base).is_some(), "defaults resolve");
            let modelled = catalogue::settings(family, role)
                .filter(|setting| setting.status == Status::Modelled && setting.key != "group.id");
            for setting in modelled {
                let changes = |text: String| {
                    let mut settings = base.clone();
                    if setting.key == "group.remote.assignor" {
                        settings.insert("group.protocol".to_owned(), "consumer".to_owned());
                    }
                    let without = resolved(family, role, &settings);
                    settings.insert(setting.key.to_owned(), text);
                    let with = resolved(family, role, &settings);
                    with.is_some() && with != without
                };
                let obeyed = others(setting).into_iter().any(changes);
                assert!(obeyed, "{family:?} {role:?} {}", setting.key);
            }
        }
    }
}
