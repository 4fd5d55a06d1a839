//! Every setting of Kafka 4.1.0 and of librdkafka, and what is made of each here.
//!
//! The lists are the text files in `data/`, read once. This file knows types, defaults and bounds;
//! what a value means is decided where the typed structs are filled.

use std::sync::LazyLock;

use crate::kafka::client::ClientFamily;

/// Whose settings a map holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `ProducerConfig`.
    Producer,
    /// `ConsumerConfig`.
    Consumer,
    /// `LogConfig`.
    Topic,
    /// `KafkaConfig`.
    Broker,
    /// `GroupConfig`.
    Group,
}

/// What is made of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Read, checked and obeyed.
    Modelled,
    /// Checked; it cannot change the outcome of a run here.
    Harmless,
    /// Not modelled, could change the outcome: only its default is accepted.
    Refused,
}

/// Kafka's types of values (`ConfigDef.Type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `true` or `false`.
    Boolean,
    /// 16 bit.
    Short,
    /// 32 bit.
    Int,
    /// 64 bit.
    Long,
    /// A number with a fraction.
    Double,
    /// librdkafka's milliseconds with a fraction.
    Millis,
    /// A text.
    Text,
    /// Texts separated by commas.
    List,
    /// The name of a Java class.
    Class,
    /// A secret text, never printed.
    Password,
}

/// What a value must satisfy beyond its type (`ConfigDef.Validator`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing.
    Any,
    /// A number within bounds, or the one exception.
    Range {
        /// The smallest.
        min: i64,
        /// The largest, if there is one.
        max: Option<i64>,
        /// A value outside that is accepted all the same.
        or: Option<i64>,
    },
    /// One of these texts; for a list, each of its texts.
    OneOf {
        /// The texts, in Kafka's order.
        texts: Vec<&'static str>,
        /// Whether capitals do not matter.
        any_case: bool,
    },
    /// A text with at least one character.
    NotEmpty,
    /// `AutoOffsetResetStrategy`: one of the words, or `by_duration:` and an ISO-8601 duration.
    OffsetReset,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Whose.
    pub role: Role,
    /// What is made of it.
    pub status: Status,
    /// Its name.
    pub key: &'static str,
    /// Its type.
    pub value_type: ValueType,
    /// Its default as text; `None` where it has none.
    pub default: Option<&'static str>,
    /// Its bounds.
    pub check: Check,
}

impl Role {
    /// Whose settings these are, for a sentence: `a Kafka 4.1 producer`.
    pub fn described(self, family: ClientFamily) -> &'static str {
        match (self, family) {
            (Self::Producer, ClientFamily::Java) => "a Kafka 4.1 producer",
            (Self::Consumer, ClientFamily::Java) => "a Kafka 4.1 consumer",
            (Self::Producer, ClientFamily::Librdkafka) => "a librdkafka producer",
            (Self::Consumer, ClientFamily::Librdkafka) => "a librdkafka consumer",
            (Self::Topic, _) => "a Kafka 4.1 topic",
            (Self::Broker, _) => "a Kafka 4.1 broker",
            (Self::Group, _) => "a Kafka 4.1 group",
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "producer" => Self::Producer,
            "consumer" => Self::Consumer,
            "topic" => Self::Topic,
            "broker" => Self::Broker,
            "group" => Self::Group,
            _ => unreachable!("a data file names a known role"),
        }
    }
}

/// All settings of a role, modelled ones first, by name.
pub fn settings(family: ClientFamily, role: Role) -> impl Iterator<Item = &'static Setting> {
    let file = file(family, role);
    file.settings.iter().filter(move |s| s.role == role)
}

/// The setting of that name, or that the name is an alias of.
pub fn find(family: ClientFamily, role: Role, key: &str) -> Option<&'static Setting> {
    let aliases = &file(family, role).aliases;
    let alias = aliases
        .iter()
        .find(|alias| alias.0 == role && alias.1 == key);
    let key = alias.map_or(key, |alias| alias.2);
    settings(family, role).find(|setting| setting.key == key)
}

/// Other names of settings of a role, each with the name it stands for.
pub fn aliases(
    family: ClientFamily,
    role: Role,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let aliases = file(family, role).aliases.iter();
    aliases
        .filter(move |alias| alias.0 == role)
        .map(|alias| (alias.1, alias.2))
}

/// The names of a role closest to one that does not exist: at most three, closest first.
pub fn nearest(family: ClientFamily, role: Role, key: &str) -> Vec<&'static str> {
    let aliases = file(family, role).aliases.iter();
    let names = settings(family, role)
        .map(|setting| setting.key)
        .chain(aliases.filter(|alias| alias.0 == role).map(|alias| alias.1));
    let limit = (key.len() / 3).max(2);
    let mut close: Vec<(usize, &'static str)> = names
        .map(|name| (distance(key, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    close.sort_unstable();
    close.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How many letters must be changed, added or dropped to make one name of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// One data file: settings, and aliases as role, name, name it stands for.
struct File {
    settings: Vec<Setting>,
    aliases: Vec<(Role, &'static str, &'static str)>,
}

static KAFKA: LazyLock<File> = LazyLock::new(|| parse(include_str!("data/kafka.txt")));
static LIBRDKAFKA: LazyLock<File> = LazyLock::new(|| parse(include_str!("data/librdkafka.txt")));

fn file(family: ClientFamily, role: Role) -> &'static File {
    let is_client = matches!(role, Role::Producer | Role::Consumer);
    match family {
        ClientFamily::Librdkafka if is_client => &LIBRDKAFKA,
        ClientFamily::Java | ClientFamily::Librdkafka => &KAFKA,
    }
}

fn parse(text: &'static str) -> File {
    let mut file = File {
        settings: Vec::new(),
        aliases: Vec::new(),
    };
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('|').map(str::trim);
        let mut column = || columns.next().unwrap_or("");
        let (role, status, key) = (Role::parse(column()), column(), column());
        if status == "alias" {
            file.aliases.push((role, key, column()));
            continue;
        }
        let value_type = parse_type(column());
        let default = column();
        file.settings.push(Setting {
            role,
            status: parse_status(status),
            key,
            value_type,
            default: (default != "null" && default != "required").then_some(default),
            check: parse_check(column()),
        });
    }
    file
}

fn parse_status(word: &str) -> Status {
    match word {
        "modelled" => Status::Modelled,
        "harmless" => Status::Harmless,
        "refused" => Status::Refused,
        _ => unreachable!("a data file names a known status"),
    }
}

fn parse_type(word: &str) -> ValueType {
    match word {
        "BOOLEAN" => ValueType::Boolean,
        "SHORT" => ValueType::Short,
        "INT" => ValueType::Int,
        "LONG" => ValueType::Long,
        "DOUBLE" => ValueType::Double,
        "MILLIS" => ValueType::Millis,
        "STRING" => ValueType::Text,
        "LIST" => ValueType::List,
        "CLASS" => ValueType::Class,
        "PASSWORD" => ValueType::Password,
        _ => unreachable!("a data file names a known type"),
    }
}

/// Reads what Kafka's validators print about themselves. Bounds of fractions are left out: no
/// modelled setting has a fraction.
fn parse_check(text: &'static str) -> Check {
    let (body, any_case) = match text.strip_prefix("(case insensitive) ") {
        Some(body) => (body, true),
        None => (text, false),
    };
    if text == "non-empty string" {
        return Check::NotEmpty;
    }
    if text.contains("by_duration") {
        return Check::OffsetReset;
    }
    let (body, or) = match body.split_once(" or ") {
        Some((body, or)) => (body, or.parse().ok()),
        None => (body, None),
    };
    let Some(inner) = body.strip_prefix('[').and_then(|b| b.strip_suffix(']')) else {
        return Check::Any;
    };
    match inner.split_once(",...") {
        Some((min, rest)) => min.parse().map_or(Check::Any, |min| Check::Range {
            min,
            max: rest.strip_prefix(',').and_then(|max| max.parse().ok()),
            or,
        }),
        None => Check::OneOf {
            texts: inner.split(", ").collect(),
            any_case,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validators_are_read_as_kafka_prints_them() {
        let range = |min, max, or| Check::Range { min, max, or };
        assert_eq!(parse_check("[0,...]"), range(0, None, None));
        assert_eq!(parse_check("[1,...,9] or -1"), range(1, Some(9), Some(-1)));
        assert_eq!(parse_check("non-null string"), Check::Any);
        assert_eq!(parse_check("[0.5,...,1.0]"), Check::Any);
        let texts = vec!["CONSUMER", "CLASSIC"];
        let any_case = true;
        assert_eq!(
            parse_check("(case insensitive) [CONSUMER, CLASSIC]"),
            Check::OneOf { texts, any_case }
        );
    }

    #[test]
    fn a_misspelt_setting_has_its_likely_names_beside_it() {
        let near = |key| nearest(ClientFamily::Java, Role::Producer, key);
        assert_eq!(near("batch.sise")[0], "batch.size");
        let level = near("compression.level");
        assert!(level.contains(&"compression.gzip.level") && level.contains(&"compression.type"));
        assert!(near("a.completely.different.name").is_empty());
        let near = nearest(ClientFamily::Librdkafka, Role::Producer, "linger.msec");
        assert_eq!(near[0], "linger.ms");
    }

    #[test]
    fn an_alias_finds_the_setting_it_stands_for() {
        let found = find(ClientFamily::Librdkafka, Role::Producer, "acks");
        assert_eq!(found.map(|s| s.key), Some("request.required.acks"));
        assert!(find(ClientFamily::Java, Role::Producer, "queue.buffering.max.ms").is_none());
    }
}
