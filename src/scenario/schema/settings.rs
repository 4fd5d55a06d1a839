//! Kafka's settings as closed maps: types and bounds from the tables that the loader checks with.
//!
//! A combination that Kafka refuses is beyond this file, save one that lessons are made of.

use serde_json::{Map, Value, json};

use crate::kafka::client::ClientFamily;
use crate::kafka::config::catalogue::{self, Check, Role, Setting, Status, ValueType};

/// The definitions: one map for each role, and for each library of clients.
pub(super) fn definitions() -> Vec<(&'static str, Value)> {
    let (java, librdkafka) = (ClientFamily::Java, ClientFamily::Librdkafka);
    let mut producer = map(java, Role::Producer);
    producer["not"] = idempotence_without_all();
    let mut all = vec![
        ("producer-settings", producer),
        ("consumer-settings", map(java, Role::Consumer)),
        (
            "librdkafka-producer-settings",
            map(librdkafka, Role::Producer),
        ),
        (
            "librdkafka-consumer-settings",
            map(librdkafka, Role::Consumer),
        ),
        ("topic-settings", map(java, Role::Topic)),
        ("broker-settings", map(java, Role::Broker)),
        ("group-settings", map(java, Role::Group)),
    ];
    all.extend(texts());
    all
}

/// Names that the scenario itself sets.
fn is_ours(role: Role, key: &str) -> bool {
    match role {
        Role::Producer => key == "client.id",
        Role::Consumer => matches!(key, "group.id" | "client.id"),
        Role::Topic | Role::Broker | Role::Group => false,
    }
}

fn map(family: ClientFamily, role: Role) -> Value {
    let mut properties = Map::new();
    for setting in catalogue::settings(family, role).filter(|s| !is_ours(role, s.key)) {
        properties.insert(setting.key.to_owned(), property(setting));
    }
    for (alias, key) in catalogue::aliases(family, role).filter(|(a, _)| !is_ours(role, a)) {
        let setting = catalogue::find(family, role, key);
        let mut schema = property(setting.expect("an alias stands for a setting"));
        schema["description"] = json!(format!("Another name of `{key}`."));
        properties.insert(alias.to_owned(), schema);
    }
    json!({
        "description": format!("Settings of {}, under their own names.", role.described(family)),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn property(setting: &Setting) -> Value {
    let mut schema = match setting.status {
        // `group-config` as a whole is not built: its settings are checked as they will be.
        Status::Refused if setting.role == Role::Group => any_of_type(setting),
        Status::Refused => only_default(setting),
        Status::Modelled | Status::Harmless => any_of_type(setting),
    };
    schema["description"] = json!(described(setting));
    if setting.status != Status::Modelled {
        // A hint to editors: known, and not offered.
        schema["doNotSuggest"] = json!(true);
    }
    schema
}

/// "Kafka's type, default and bounds; what is made of it here."
fn described(setting: &Setting) -> String {
    let mut parts = vec![format!("{:?}", setting.value_type).to_lowercase()];
    let default = setting.default.filter(|text| !text.is_empty());
    parts.extend(default.map(|default| format!("default `{default}`")));
    match &setting.check {
        Check::Range { min, max, or } => {
            let to = max.map_or_else(String::new, |max| format!(" to {max}"));
            parts.push(format!("from {min}{to}"));
            parts.extend(or.map(|or| format!("or {or}")));
        }
        Check::OneOf { texts, .. } => parts.push(format!("one of {}", texts.join(", "))),
        Check::NotEmpty => parts.push("not empty".to_owned()),
        Check::Any | Check::OffsetReset => {}
    }
    parts.join(", ")
        + match setting.status {
            Status::Modelled => ".",
            Status::Harmless => ". It cannot change the outcome here: a warning.",
            Status::Refused => ". Not modelled: only the default is accepted.",
        }
}

/// The default in all its spellings.
fn only_default(setting: &Setting) -> Value {
    let Some(default) = setting.default else {
        return json!({ "type": "null" });
    };
    match setting.value_type {
        ValueType::Double | ValueType::Millis => json!({ "type": ["number", "string", "null"] }),
        ValueType::Boolean => {
            let plain = json!({ "enum": [default == "true", null] });
            json!({ "anyOf": [plain, insensitive(default)] })
        }
        ValueType::List => {
            let items = default.split(',').map(str::trim);
            let items: Vec<&str> = items.filter(|item| !item.is_empty()).collect();
            json!({ "enum": [default, items, null] })
        }
        ValueType::Short | ValueType::Int | ValueType::Long => {
            let number: Option<i64> = default.parse().ok();
            json!({ "enum": [default, number, null] })
        }
        ValueType::Text | ValueType::Class | ValueType::Password => {
            json!({ "enum": [default, null] })
        }
    }
}

fn any_of_type(setting: &Setting) -> Value {
    let text_of = |name: &str| json!({ "$ref": format!("#/definitions/{name}-as-text") });
    let alternatives = match (setting.value_type, &setting.check) {
        (ValueType::Boolean, _) => {
            vec![json!({ "type": ["boolean", "null"] }), text_of("boolean")]
        }
        (ValueType::Short | ValueType::Int | ValueType::Long, check) => {
            let mut alternatives = whole_number(setting, check);
            alternatives.push(text_of("number"));
            alternatives
        }
        (ValueType::Double | ValueType::Millis, _) => {
            vec![json!({ "type": ["number", "null"] }), text_of("fraction")]
        }
        (ValueType::List, check) => {
            let item = match check {
                Check::OneOf { texts, .. } => json!({ "enum": texts }),
                _ => json!({ "type": "string" }),
            };
            let list = json!({ "type": "array", "items": item });
            let text = json!({ "type": ["string", "number", "boolean", "null"] });
            vec![text, list]
        }
        (_, Check::OneOf { texts, any_case }) => one_of(texts, *any_case),
        (_, Check::OffsetReset) => {
            let text = "^\\s*(earliest|latest|none|by_duration:[Pp].+)\\s*$";
            vec![
                json!({ "enum": ["earliest", "latest", "none", null] }),
                json!({ "type": "string", "pattern": text }),
            ]
        }
        (_, Check::NotEmpty) => vec![
            json!({ "type": "string", "minLength": 1 }),
            json!({ "type": ["number", "boolean", "null"] }),
        ],
        _ => return json!({ "type": ["string", "number", "boolean", "null"] }),
    };
    json!({ "anyOf": alternatives })
}

/// What Kafka reads in a text: capitals do not matter to a boolean, and blanks to none of them.
fn texts() -> Vec<(&'static str, Value)> {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    let boolean = "^\\s*([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])\\s*$";
    vec![
        ("boolean-as-text", text(boolean)),
        ("number-as-text", text("^\\s*[+-]?[0-9]+\\s*$")),
        (
            "fraction-as-text",
            text("^\\s*[+-]?[0-9.]+([eE][+-]?[0-9]+)?\\s*$"),
        ),
    ]
}

fn whole_number(setting: &Setting, check: &Check) -> Vec<Value> {
    let (low, high) = match setting.value_type {
        ValueType::Short => (i64::from(i16::MIN), i64::from(i16::MAX)),
        ValueType::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let (min, max, or) = match check {
        Check::Range { min, max, or } => (*min, max.unwrap_or(high), *or),
        _ => (low, high, None),
    };
    let mut schema = json!({ "type": ["integer", "null"], "minimum": min });
    if max < i64::MAX {
        schema["maximum"] = json!(max);
    }
    let other = or.map(|or| json!({ "const": or }));
    std::iter::once(schema).chain(other).collect()
}

/// One of these texts; those that YAML reads as numbers also as such.
fn one_of(texts: &[&str], any_case: bool) -> Vec<Value> {
    let mut words: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    let numbers = texts.iter().filter_map(|text| text.parse::<i64>().ok());
    words.extend(numbers.map(|number| json!(number)));
    words.push(Value::Null);
    let mut alternatives = vec![json!({ "enum": words })];
    if any_case {
        alternatives.extend(texts.iter().map(|text| insensitive(text)));
    }
    alternatives
}

/// This text in capitals or small letters.
fn insensitive(text: &str) -> Value {
    let letters = text.chars().map(|c| {
        if c.is_ascii_alphabetic() {
            format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase())
        } else if c.is_ascii_alphanumeric() || c == '_' {
            c.to_string()
        } else {
            format!("\\{c}")
        }
    });
    let pattern: String = letters.collect();
    json!({ "type": "string", "pattern": format!("^\\s*{pattern}\\s*$") })
}

/// `ProducerConfig.postProcessAndValidateIdempotenceConfigs`: an explicit `enable.idempotence` needs
/// `acks=all`.
fn idempotence_without_all() -> Value {
    json!({
        "required": ["acks", "enable.idempotence"],
        "properties": {
            "acks": { "enum": [0, 1, "0", "1"] },
            "enable.idempotence": { "enum": [true, "true"] },
        },
    })
}
