//! Settings: the list of them, and which combinations a client accepts.

use std::collections::BTreeMap;

use kafkasim::kafka::client::ClientFamily::Java;
use kafkasim::kafka::config::consumer::{Assignor, GroupProtocol, OffsetReset, RebalanceProtocol};
use kafkasim::kafka::config::producer::PartitionerClass;
use kafkasim::kafka::config::{
    ConsumerConfig, Mistake, ProducerConfig, Role, Setting, SettingError, Settings, catalogue,
    resolve_consumer, resolve_producer,
};
use kafkasim::kafka::message::Acks;
use serde_json::{Value, json};

use super::{Tally, document, lines, text};

const RELEASE: &str = "4.1.0";

#[test]
fn oracle_every_setting_of_kafka_is_listed_with_its_type_and_default() {
    for (file, role) in [
        ("config-producer.json", Role::Producer),
        ("config-consumer.json", Role::Consumer),
        ("config-topic.json", Role::Topic),
        ("config-broker.json", Role::Broker),
        ("config-group.json", Role::Group),
    ] {
        let Some(document) = document(file) else {
            continue;
        };
        let mut tally = Tally::new(file);
        let keys = document["keys"].as_object().expect("a file lists keys");
        let in_release = |ranges: &Value| {
            let ranges = ranges.as_array().expect("a key has ranges of releases");
            ranges
                .iter()
                .find(|range| text(range, "to") == Some(RELEASE))
                .cloned()
        };
        let kafka: BTreeMap<&str, Value> = keys
            .iter()
            .filter_map(|(key, ranges)| Some((key.as_str(), in_release(ranges)?)))
            .collect();
        let ours: BTreeMap<&str, &Setting> = catalogue::settings(Java, role)
            .map(|setting| (setting.key, setting))
            .collect();
        for (key, range) in &kafka {
            let listed = ours
                .get(key)
                .map(|setting| (type_of(setting), setting.default));
            let theirs = (text(range, "type").unwrap_or(""), text(range, "default"));
            tally.compare_eq(key, &listed, &Some(theirs));
        }
        for key in ours.keys() {
            tally.compare_eq(key, &kafka.contains_key(key), &true);
        }
        tally.finish();
    }
}

/// Kafka's name of a setting's type.
fn type_of(setting: &Setting) -> &'static str {
    use catalogue::ValueType;
    match setting.value_type {
        ValueType::Boolean => "BOOLEAN",
        ValueType::Short => "SHORT",
        ValueType::Int => "INT",
        ValueType::Long => "LONG",
        ValueType::Double => "DOUBLE",
        ValueType::Millis => "MILLIS",
        ValueType::Text => "STRING",
        ValueType::List => "LIST",
        ValueType::Class => "CLASS",
        ValueType::Password => "PASSWORD",
    }
}

#[test]
fn oracle_clients_accept_and_refuse_the_same_settings() {
    let Some(lines) = lines("config-combinations.jsonl") else {
        return;
    };
    let mut tally = Tally::new("config-combinations.jsonl");
    for line in &lines {
        let settings: Settings =
            serde_json::from_value(line["set"].clone()).expect("`set` maps keys to texts");
        match text(line, "client") {
            Some("producer") => {
                let ours = resolve_producer(&settings, Java);
                compare(&mut tally, line, ours.map(|(config, _)| producer(&config)));
            }
            Some("consumer") => {
                let grouped = settings.contains_key("group.id");
                let ours = resolve_consumer(&settings, Java);
                compare(
                    &mut tally,
                    line,
                    ours.map(|(config, _)| consumer(&config, grouped)),
                );
            }
            other => panic!("no client is {other:?}"),
        }
    }
    tally.finish();
}

/// Same verdict; if refused the same exception and words, else the same settings in effect.
fn compare(tally: &mut Tally, line: &Value, ours: Result<Value, Vec<SettingError>>) {
    let id = text(line, "id").expect("a combination has an id");
    let errors = match ours {
        Ok(effective) => return tally.compare(id, same_effect(&effective, line)),
        Err(errors) => errors,
    };
    let refusals: Vec<(&str, &str)> = errors
        .iter()
        .filter_map(|error| error.refusal.as_ref())
        .map(|refusal| (refusal.exception, refusal.message.as_str()))
        .collect();
    if refusals.is_empty() {
        // We refuse for reasons of our own, so there is nothing to compare, unless Kafka has reasons
        // that we do not know.
        if text(line, "result") == Some("rejected") {
            return tally.compare(id, Err(format!("ours {errors:?}, Kafka's {line}")));
        }
        let own = |error: &SettingError| match error.kind {
            Mistake::Unknown => "a misspelt setting, which Kafka ignores".to_owned(),
            _ => format!("not yet: {}", error.keys.join(", ")),
        };
        return tally.skip(own(&errors[0]));
    }
    let exception = text(line, "cause")
        .or(text(line, "exception"))
        .unwrap_or("accepted");
    let kafka = (exception, text(line, "message").unwrap_or(""));
    let said = if refusals.contains(&kafka) {
        Ok(())
    } else {
        Err(format!("ours {refusals:?}, Kafka's {kafka:?}"))
    };
    tally.compare(id, said);
}

/// Compares what we carry of `effective`.
fn same_effect(ours: &Value, line: &Value) -> Result<(), String> {
    let Some(kafka) = line.get("effective") else {
        return Err(format!("accepted, but Kafka says {}", line["message"]));
    };
    let ours = ours.as_object().expect("an effect is a map");
    for (key, value) in ours {
        // Kafka leaves out what its client does not have, such as a coordinator without a group.
        let theirs = kafka.get(key);
        if theirs.is_some_and(|theirs| theirs != value) {
            return Err(format!("{key}: ours {value}, Kafka's {}", kafka[key]));
        }
    }
    Ok(())
}

fn producer(config: &ProducerConfig) -> Value {
    json!({
        "acks_used": match config.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        },
        "enable.idempotence": config.idempotence,
        "idempotent": config.idempotence,
        "transactional": false,
        "retries": config.retries,
        "retries_used": config.retries,
        "max.in.flight.requests.per.connection": config.max_in_flight,
        "guarantee_message_order": config.max_in_flight == 1,
        "batch_size_used": config.batch_size,
        "max.request.size": config.max_request_size,
        "retry.backoff.ms": config.retry_backoff.as_millis(),
        "retry.backoff.max.ms": config.retry_backoff_max.as_millis(),
        "linger_used": config.linger.as_millis(),
        "delivery_timeout_used": config.delivery_timeout.as_millis(),
        "partitioner.ignore.keys": config.ignore_keys,
        "partitioner.class": match config.partitioner {
            PartitionerClass::Default => None,
            PartitionerClass::RoundRobin => Some("RoundRobinPartitioner"),
            PartitionerClass::ConsistentRandom => Some("none of Java's"),
        },
    })
}

fn consumer(config: &ConsumerConfig, grouped: bool) -> Value {
    let class = |assignor: &Assignor| match assignor {
        Assignor::Range => "RangeAssignor",
        Assignor::RoundRobin => "RoundRobinAssignor",
        Assignor::Sticky => "StickyAssignor",
        Assignor::CooperativeSticky => "CooperativeStickyAssignor",
    };
    let assignors: Vec<&str> = config.assignors.iter().map(class).collect();
    let mut effect = json!({
        "enable.auto.commit": config.auto_commit,
        "auto.offset.reset": match config.offset_reset {
            OffsetReset::Earliest => "earliest".to_owned(),
            OffsetReset::Latest => "latest".to_owned(),
            OffsetReset::None => "none".to_owned(),
            OffsetReset::ByDuration(span) => {
                let hours = span.as_millis() / 3_600_000;
                format!("by_duration:PT{hours}H")
            }
        },
        "max.poll.records": config.max_poll_records,
        "max.poll.interval.ms": config.max_poll_interval.as_millis(),
        "session.timeout.ms": config.session_timeout.as_millis(),
        "heartbeat.interval.ms": config.heartbeat_interval.as_millis(),
        "allow.auto.create.topics": config.allow_auto_create,
        "partition.assignment.strategy": assignors,
        "group.remote.assignor": config.remote_assignor.as_deref(),
        "implementation": match config.protocol {
            GroupProtocol::Classic => "ClassicKafkaConsumer",
            GroupProtocol::Consumer => "AsyncKafkaConsumer",
        },
        "isolation.level": "read_uncommitted",
        "coordinator": grouped,
    });
    if grouped {
        effect["auto_commit_active"] = json!(config.auto_commit);
        effect["rebalance_protocol"] = json!(match config.rebalance_protocol() {
            RebalanceProtocol::Eager => "EAGER",
            RebalanceProtocol::Cooperative => "COOPERATIVE",
        });
    }
    effect
}
