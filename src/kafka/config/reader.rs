//! A map of settings while it is being read: every key looked up and checked, then asked for by
//! name; mistakes and notes are collected, so that all of them are reported in one go.

use std::collections::{BTreeMap, BTreeSet};

use super::Settings;
use super::catalogue::{self, Role, Setting, Status};
use super::problem::{About, Mistake, Note, Refusal, SettingError};
use super::value::{self, Value};
use crate::base::Span;
use crate::kafka::client::ClientFamily;

/// What a finished reading gives: the typed settings with notes, or everything that is wrong.
pub(super) type Outcome<C> = Result<(C, Vec<Note>), Vec<SettingError>>;

/// A map of settings being read.
pub(super) struct Reader {
    family: ClientFamily,
    role: Role,
    values: BTreeMap<&'static str, Value>,
    /// How the user wrote each key that was given, for aliases.
    written: BTreeMap<&'static str, String>,
    /// Keys that were given and are wrong: no rule that needs them is looked at.
    broken: BTreeSet<&'static str>,
    errors: Vec<SettingError>,
    notes: Vec<Note>,
}

impl Reader {
    /// Looks every key up and checks its value.
    pub(super) fn new(family: ClientFamily, role: Role, settings: &Settings) -> Self {
        let mut reader = Self {
            family,
            role,
            values: BTreeMap::new(),
            written: BTreeMap::new(),
            broken: BTreeSet::new(),
            errors: Vec::new(),
            notes: Vec::new(),
        };
        for (key, text) in settings {
            match catalogue::find(family, role, key) {
                Some(setting) => reader.take(setting, key, text),
                None => reader.errors.push(unknown(family, role, key)),
            }
        }
        reader
    }

    fn take(&mut self, setting: &'static Setting, key: &str, text: &str) {
        if let Some(other) = self.written.insert(setting.key, key.to_owned()) {
            self.errors.push(SettingError {
                kind: Mistake::Combination,
                keys: vec![other.clone(), key.to_owned()],
                message: format!("`{other}` and `{key}` are one setting"),
                help: Some("keep one of them".to_owned()),
                refusal: None,
            });
        }
        match self.read(setting, key, text) {
            Ok(value) => {
                self.note_status(setting, key, &value);
                self.values.insert(setting.key, value);
            }
            Err(error) => {
                self.broken.insert(setting.key);
                self.errors.push(error);
            }
        }
    }

    fn read(&self, setting: &Setting, key: &str, text: &str) -> Result<Value, SettingError> {
        let is_client = matches!(self.role, Role::Producer | Role::Consumer);
        match self.family {
            ClientFamily::Librdkafka if is_client => value::read_librdkafka(setting, key, text),
            ClientFamily::Java | ClientFamily::Librdkafka => value::read(setting, key, text),
        }
    }

    /// A setting that is not modelled: refused unless it has its default, or noted as harmless.
    fn note_status(&mut self, setting: &Setting, key: &str, value: &Value) {
        let default = setting.default.map(|text| self.read(setting, key, text));
        let is_default = default.is_some_and(|default| default.as_ref() == Ok(value));
        match setting.status {
            Status::Modelled => {}
            Status::Refused if is_default => {}
            Status::Refused => {
                let release = match self.family {
                    ClientFamily::Librdkafka => "librdkafka",
                    ClientFamily::Java => "Kafka 4.1",
                };
                self.errors.push(SettingError {
                    kind: Mistake::NotModelled,
                    keys: vec![key.to_owned()],
                    message: format!(
                        "`{key}` exists in {release}, is not modelled, and could change the outcome"
                    ),
                    help: Some("remove it; see `docs/fidelity.md`".to_owned()),
                    refusal: None,
                });
            }
            Status::Harmless => self.notes.push(Note {
                key: key.to_owned(),
                text: format!("`{key}` cannot change the outcome here and is not modelled"),
                about: About::Harmless,
            }),
        }
    }

    /// Whether a setting was given.
    pub(super) fn given(&self, key: &str) -> bool {
        self.written.contains_key(key)
    }

    /// The value of a setting, or its default; `None` where it has neither.
    fn value(&self, key: &'static str) -> Option<Value> {
        if let Some(value) = self.values.get(key) {
            return Some(value.clone());
        }
        let setting = catalogue::find(self.family, self.role, key)
            .expect("only settings of the data file are asked for");
        let default = setting.default?;
        Some(
            self.read(setting, key, default)
                .expect("a default satisfies its own check"),
        )
    }

    /// A boolean setting.
    pub(super) fn flag(&self, key: &'static str) -> bool {
        match self.value(key) {
            Some(Value::Flag(flag)) => flag,
            other => unreachable!("`{key}` is a boolean with a default, not {other:?}"),
        }
    }

    /// A numeric setting.
    pub(super) fn number(&self, key: &'static str) -> i64 {
        match self.value(key) {
            Some(Value::Number(number)) => number,
            other => unreachable!("`{key}` is a number with a default, not {other:?}"),
        }
    }

    /// A numeric setting, if it has a value.
    pub(super) fn optional(&self, key: &'static str) -> Option<i64> {
        match self.value(key) {
            Some(Value::Number(number)) => Some(number),
            None => None,
            other => unreachable!("`{key}` is a number, not {other:?}"),
        }
    }

    /// A count or a size: a numeric setting of at most 2^32 − 1, not below `least`. Some of Kafka's
    /// settings have no lower bound of their own; less than makes sense is refused here.
    pub(super) fn count(&mut self, key: &'static str, least: u32) -> u32 {
        let number = self.number(key);
        if number < i64::from(least) {
            let message = format!("`{key}` of {number} is accepted by Kafka and not modelled");
            self.not_modelled(key, message, &format!("at least {least}"));
            return least;
        }
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// A setting in milliseconds, not below zero.
    pub(super) fn millis(&mut self, key: &'static str) -> Span {
        if let Some(Value::Millis(span)) = self.value(key) {
            return span;
        }
        let number = self.number(key);
        if number < 0 {
            let message = format!("`{key}` of {number} is accepted by Kafka and not modelled");
            self.not_modelled(key, message, "at least 0");
        }
        Span::from_millis(number.max(0) as u64)
    }

    /// A text setting, if it has a value.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text),
            None => None,
            other => unreachable!("`{key}` is a text, not {other:?}"),
        }
    }

    /// A list setting.
    pub(super) fn list(&self, key: &'static str) -> Vec<String> {
        match self.value(key) {
            Some(Value::List(list)) => list,
            other => unreachable!("`{key}` is a list with a default, not {other:?}"),
        }
    }

    /// The client refuses this combination. `keys` are the settings the rule looks at; those that
    /// were given are at fault. Nothing is said while one of them is wrong by itself.
    pub(super) fn refuse(&mut self, keys: &[&'static str], refusal: Refusal, help: &str) {
        let words = refusal.message.clone();
        self.refuse_in_words(keys, refusal, &words, help);
    }

    /// As [`Reader::refuse`], in plainer words than the client's own.
    pub(super) fn refuse_in_words(
        &mut self,
        keys: &[&'static str],
        refusal: Refusal,
        words: &str,
        help: &str,
    ) {
        if keys.iter().any(|key| self.broken.contains(key)) {
            return;
        }
        let message = match refusal.exception {
            "" => format!("librdkafka refuses this: {words}"),
            exception => format!("Kafka refuses this: {words} ({exception})"),
        };
        self.errors.push(SettingError {
            kind: Mistake::Combination,
            keys: self.as_written(keys),
            message,
            help: Some(help.to_owned()),
            refusal: Some(refusal),
        });
    }

    /// A value that the client would accept and the simulator does not know.
    pub(super) fn not_modelled(&mut self, key: &'static str, message: String, help: &str) {
        if self.broken.insert(key) {
            self.errors.push(SettingError {
                kind: Mistake::NotModelled,
                keys: self.as_written(&[key]),
                message,
                help: Some(help.to_owned()),
                refusal: None,
            });
        }
    }

    /// A setting takes another value than the one given or its default.
    pub(super) fn adjust(&mut self, key: &'static str, value: &impl ToString, why: &str) {
        let value = value.to_string();
        self.notes.push(Note {
            key: key.to_owned(),
            text: format!("`{key}` is {value} here: {why}"),
            about: About::Adjusted {
                value,
                why: why.to_owned(),
            },
        });
    }

    /// The typed settings, if nothing is wrong.
    pub(super) fn finish<C>(self, config: C) -> Outcome<C> {
        if self.errors.is_empty() {
            Ok((config, self.notes))
        } else {
            Err(self.errors)
        }
    }

    /// The keys that were given, as they were written.
    fn as_written(&self, keys: &[&'static str]) -> Vec<String> {
        keys.iter()
            .filter_map(|key| self.written.get(key).cloned())
            .collect()
    }
}

/// A key that is no setting of this role, with what was probably meant.
fn unknown(family: ClientFamily, role: Role, key: &str) -> SettingError {
    let roles = [
        Role::Producer,
        Role::Consumer,
        Role::Topic,
        Role::Broker,
        Role::Group,
    ];
    let families = [ClientFamily::Java, ClientFamily::Librdkafka];
    let elsewhere = roles
        .into_iter()
        .flat_map(|role| families.map(|family| (role, family)))
        .find(|(role, family)| catalogue::find(*family, *role, key).is_some());
    let nearest = catalogue::nearest(family, role, key);
    let quoted: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
    let help = match elsewhere {
        Some((role, family)) => Some(format!("it is a setting of {}", role.described(family))),
        None if quoted.is_empty() => None,
        None => Some(format!("nearest: {}", quoted.join(", "))),
    };
    SettingError {
        kind: Mistake::Unknown,
        keys: vec![key.to_owned()],
        message: format!("`{key}` is no setting of {}", role.described(family)),
        help,
        refusal: None,
    }
}
