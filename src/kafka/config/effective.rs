//! Every setting a client or broker runs with, for `show`: what was given, what is Kafka's default,
//! and what Kafka makes of it.

use super::Settings;
use super::catalogue::{self, Role, Setting, Status, ValueType};
use super::consumer::CLASSIC_ONLY;
use super::problem::{About, Note};
use crate::kafka::client::ClientFamily;

/// A setting in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Its name; for an alias that was given, the name it stands for.
    pub key: &'static str,
    /// Its value, classes in full; `None` where it has none. A secret is shown as `[hidden]`.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The client's or broker's default.
    Default,
    /// The settings as given.
    Given,
    /// Neither: Kafka puts another value in their place, and why.
    Adjusted(String),
}

/// The settings in effect, by name: all that are modelled, and all that were given. `notes` are
/// those that came with the resolution of the same settings.
pub fn effective(
    family: ClientFamily,
    role: Role,
    settings: &Settings,
    notes: &[Note],
) -> Vec<Effective> {
    let mut list: Vec<Effective> = catalogue::settings(family, role)
        .filter_map(|setting| {
            let given = settings.iter().find(|(key, _)| {
                catalogue::find(family, role, key).is_some_and(|found| found.key == setting.key)
            });
            let shown = setting.status == Status::Modelled || given.is_some();
            shown.then(|| of_setting(setting, given.map(|(_, text)| text.as_str()), notes))
        })
        .collect();
    list.sort_by_key(|effective| effective.key);
    if speaks_consumer_protocol(&list) {
        list.retain(|effective| !CLASSIC_ONLY.contains(&effective.key));
    }
    list
}

/// Whether these are the settings of a member of the consumer protocol, to which those of the
/// classic one mean nothing.
fn speaks_consumer_protocol(list: &[Effective]) -> bool {
    let is_consumer = |value: &String| value.eq_ignore_ascii_case("consumer");
    list.iter().any(|setting| {
        setting.key == "group.protocol" && setting.value.as_ref().is_some_and(is_consumer)
    })
}

fn of_setting(setting: &Setting, given: Option<&str>, notes: &[Note]) -> Effective {
    let adjusted = notes.iter().find_map(|note| match &note.about {
        About::Adjusted { value, why } if note.key == setting.key => {
            Some((value.clone(), why.clone()))
        }
        _ => None,
    });
    let (value, source) = match (adjusted, given) {
        (Some((value, why)), _) => (Some(value), Source::Adjusted(why)),
        (None, Some(text)) => (Some(canonical(setting, text)), Source::Given),
        (None, None) => (setting.default.map(str::to_owned), Source::Default),
    };
    Effective {
        key: setting.key,
        value,
        source,
    }
}

/// The text Kafka itself would use: trimmed, classes in full.
fn canonical(setting: &Setting, text: &str) -> String {
    let package = match setting.key {
        "partitioner.class" => "org.apache.kafka.clients.producer.",
        "partition.assignment.strategy" => "org.apache.kafka.clients.consumer.",
        _ => "",
    };
    match setting.value_type {
        ValueType::Password => "[hidden]".to_owned(),
        ValueType::Class | ValueType::List if !package.is_empty() => {
            let full = |class: &str| {
                let is_full = class.contains('.');
                format!("{}{class}", if is_full { "" } else { package })
            };
            let classes: Vec<String> = text.split(',').map(str::trim).map(full).collect();
            classes.join(",")
        }
        _ => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::config::{resolve_consumer, resolve_producer};

    fn find<'a>(list: &'a [Effective], key: &str) -> &'a Effective {
        let found = list.iter().find(|effective| effective.key == key);
        found.expect("the setting is listed")
    }

    #[test]
    fn given_default_and_adjusted_values_are_told_apart() {
        let settings = Settings::from([("acks".to_owned(), " 1 ".to_owned())]);
        let (_, notes) = resolve_producer(&settings, ClientFamily::Java).expect("Kafka accepts it");
        let list = effective(ClientFamily::Java, Role::Producer, &settings, &notes);
        let value = |key| {
            let effective = find(&list, key);
            (effective.value.as_deref(), effective.source.clone())
        };
        assert_eq!(value("acks"), (Some("1"), Source::Given));
        assert_eq!(value("linger.ms"), (Some("5"), Source::Default));
        let (idempotent, Source::Adjusted(why)) = value("enable.idempotence") else {
            panic!("Kafka adjusts it")
        };
        assert_eq!(idempotent, Some("false"));
        assert!(why.contains("acks"), "{why}");
        assert_eq!(value("partitioner.class"), (None, Source::Default));
        assert!(list.is_sorted_by_key(|effective| effective.key));
    }

    #[test]
    fn classes_are_shown_in_full_and_secrets_not_at_all() {
        let settings = Settings::from([
            ("group.id".to_owned(), "workers".to_owned()),
            (
                "partition.assignment.strategy".to_owned(),
                "RangeAssignor".to_owned(),
            ),
            ("ssl.key.password".to_owned(), "hunter2".to_owned()),
        ]);
        let (_, notes) = resolve_consumer(&settings, ClientFamily::Java).expect("all are fine");
        let list = effective(ClientFamily::Java, Role::Consumer, &settings, &notes);
        let strategy = find(&list, "partition.assignment.strategy");
        let full = "org.apache.kafka.clients.consumer.RangeAssignor";
        assert_eq!(strategy.value.as_deref(), Some(full));
        assert_eq!(
            find(&list, "ssl.key.password").value.as_deref(),
            Some("[hidden]")
        );
    }

    #[test]
    fn what_is_shown_resolves_to_the_same() {
        let settings = Settings::from([
            ("acks".to_owned(), "1".to_owned()),
            ("request.timeout.ms".to_owned(), "200000".to_owned()),
            ("reconnect.backoff.ms".to_owned(), "70".to_owned()),
        ]);
        let (config, notes) =
            resolve_producer(&settings, ClientFamily::Java).expect("Kafka accepts it");
        let shown: Settings = effective(ClientFamily::Java, Role::Producer, &settings, &notes)
            .into_iter()
            .filter_map(|effective| Some((effective.key.to_owned(), effective.value?)))
            .collect();
        let (again, notes) =
            resolve_producer(&shown, ClientFamily::Java).expect("what is shown loads");
        assert_eq!(again, config);
        assert!(notes.is_empty(), "nothing is left to adjust");
    }
}
