//! Facts as JSON, one object a fact, with names where the run has numbers.
//!
//! Times are nanoseconds since time 0 (`at_ns`). `by` and `since` are the numbers of other facts
//! (`id`). The `version` is raised when a field is renamed or changes its meaning; new fields and
//! new facts are no reason.

use serde_json::{Map, Value, json};

use crate::base::{GroupId, NodeId, RecordId, TopicId, TopicPartition};
use crate::kafka::Cast;
use crate::node::fact::Stated;

/// The version of the format.
pub const VERSION: u32 = 1;

/// The fact as one JSON object.
pub fn value_of(cast: &Cast, stated: &Stated) -> Value {
    let mut object = Map::new();
    object.insert("version".into(), json!(VERSION));
    object.insert("id".into(), json!(stated.id.0));
    object.insert("at_ns".into(), json!(stated.at.0));
    object.insert("who".into(), json!(cast.actor(stated.who)));
    for (key, fact) in [("by", stated.by), ("since", stated.since)] {
        if fact.0 != 0 {
            object.insert(key.into(), json!(fact.0));
        }
    }
    let fact = serde_json::to_value(&stated.fact).expect("a fact is plain data");
    let Value::Object(fields) = fact else {
        unreachable!("a fact is a map of its fields");
    };
    let word = fields["fact"].clone();
    let word = word.as_str().expect("a fact says its word");
    for (key, value) in fields {
        let value = named(cast, word, &key, value);
        object.insert(key, value);
    }
    Value::Object(object)
}

/// A field's value with names for ids. Fields mean the same in every fact, save for the few that
/// are named beside their fact.
fn named(cast: &Cast, word: &str, key: &str, value: Value) -> Value {
    let number = |value: &Value| value.as_u64().expect("an id is a number") as u32;
    let node = |value: &Value| json!(cast.actor(NodeId(number(value))));
    let each = |value: &Value, name: &dyn Fn(&Value) -> Value| -> Value {
        value.as_array().expect("a list").iter().map(name).collect()
    };
    let partition = |value: &Value| partition(cast, value);
    match (word, key) {
        _ if value.is_null() => value,
        ("replicated", "from" | "to") => value,
        ("handed-on", "to") | (_, "topic") => json!(cast.topic(TopicId(number(&value)))),
        (_, "to" | "from" | "member" | "leader") => node(&value),
        (_, "members" | "isr" | "elr") => each(&value, &node),
        (_, "group") => json!(cast.group(GroupId(number(&value)))),
        (_, "records") => each(&value, &|id| json!(cast.record(RecordId(number(id))))),
        ("failed", "partition") => value,
        (_, "partition") => partition(&value),
        (_, "partitions") if value.is_array() => each(&value, &partition),
        (_, "offsets") => each(&value, &|pair| json!([partition(&pair[0]), pair[1]])),
        (_, "assignment") => each(&value, &|pair| {
            json!([node(&pair[0]), each(&pair[1], &partition)])
        }),
        _ => value,
    }
}

fn partition(cast: &Cast, value: &Value) -> Value {
    let number = |key: &str| value[key].as_u64().expect("a partition has numbers") as u32;
    let partition = TopicPartition::new(TopicId(number("topic")), number("partition"));
    json!(cast.partition(partition))
}
