//! What a log says to batches of idempotent and transactional producers, against Kafka's own
//! `UnifiedLog`: appends, markers, restarts, cuts, expiry.

use kafkasim::base::{Instant, Span};
use kafkasim::kafka::{ErrorCode, ProducerStamp};
use kafkasim::node::broker::producer_history::{Origin, ProducerHistory};
use kafkasim::node::broker::producer_state::{Admission, Enrolment, ProducerEntry};
use serde_json::{Map, Value, json};

use super::{Tally, lines, list, number, text};

const FILE: &str = "producer-state.jsonl";

/// `producer.id.expiration.ms`.
const EXPIRATION: Span = Span::from_millis(86_400_000);

#[test]
fn producers_are_known_as_in_the_oracle() {
    let Some(stories) = lines(FILE) else { return };
    let mut tally = Tally::new(FILE);
    for story in &stories {
        let id = text(story, "id").expect("a story has an id");
        tally.compare(id, told_alike(story));
    }
    tally.finish();
}

/// Tells one story; the first thing that differs is the difference.
fn told_alike(story: &Value) -> Result<(), String> {
    let verifies = story["verify"] == true;
    let mut log = ProducerHistory::new(EXPIRATION);
    let (mut known, mut offsets) = (Map::new(), Value::Null);
    for event in list(story, "ev") {
        let mut ours = take(&mut log, event, verifies);
        let now = producers(&log);
        let mut changed = Map::new();
        for (id, entry) in now
            .iter()
            .filter(|(id, entry)| known.get(*id) != Some(*entry))
        {
            changed.insert(id.clone(), entry.clone());
        }
        for id in known.keys().filter(|id| !now.contains_key(*id)) {
            changed.insert(id.clone(), Value::Null);
        }
        if !changed.is_empty() {
            ours.insert("st".to_owned(), Value::Object(changed));
        }
        let at = json!([
            log.start(),
            log.last_stable(),
            log.high_watermark(),
            log.end()
        ]);
        if at != offsets {
            ours.insert("offs".to_owned(), at.clone());
        }
        (known, offsets) = (now, at);
        let answers = ["ok", "dup", "e", "st", "offs"];
        let kafka: Map<String, Value> = answers
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), event.get(key)?.clone())))
            .collect();
        if ours != kafka {
            let ours = Value::Object(ours);
            return Err(format!("{event}: ours {ours}"));
        }
    }
    Ok(())
}

/// Does what an event says; returns the answer.
fn take(log: &mut ProducerHistory, event: &Value, verifies: bool) -> Map<String, Value> {
    let now = Instant::ZERO + Span::from_millis(number(event, "t") as u64);
    let to = || number(event, "to") as u64;
    match text(event, "do").expect("an event says what it is") {
        "batch" => return answer(batch(log, event, now, verifies)),
        "marker" => return answer(marker(log, event, now)),
        "hw" => log.set_high_watermark(to()),
        "roll" => log.roll(),
        "restart" => log.restart(now),
        "crash" => log.crash(now),
        "truncate" => log.truncate(now, to()),
        "delete_records" => log.delete_records(to()),
        "expire" => log.expire(now),
        other => panic!("the oracle has no `{other}`"),
    }
    Map::new()
}

/// The offsets a batch has, or those it had before, or the error.
type Answer = Result<(&'static str, u64, u32), ErrorCode>;

fn answer(answer: Answer) -> Map<String, Value> {
    let (key, value) = match answer {
        Ok((key, base, count)) => (key, json!([base, base + u64::from(count) - 1])),
        Err(error) => ("e", json!(error.exception())),
    };
    Map::from_iter([(key.to_owned(), value)])
}

fn batch(log: &mut ProducerHistory, event: &Value, now: Instant, verifies: bool) -> Answer {
    let (base, count) = (log.end(), number(event, "n") as u32);
    if event.get("pid").is_none() {
        log.append(count, now, Origin::Plain);
        return Ok(("ok", base, count));
    }
    let stamp = ProducerStamp {
        id: number(event, "pid") as u64,
        epoch: number(event, "epoch") as i16,
        base_sequence: number(event, "seq") as i32,
    };
    let mut is_verified = false;
    if let Some(version) = text(event, "guard") {
        is_verified = log
            .state_mut()
            .begin_verification(now, stamp, version == "tv2")?;
    }
    let enrolment = (event["txn"] == true).then_some(Enrolment {
        verifies,
        is_verified,
    });
    match log.state().check_enrolled(stamp, count, enrolment) {
        Admission::Refuse(error) => Err(error),
        Admission::Duplicate(original) => Ok(("dup", original.base_offset, original.count)),
        Admission::Append => {
            let origin = match enrolment {
                Some(_) => Origin::Transactional(stamp),
                None => Origin::Idempotent(stamp),
            };
            log.append(count, now, origin);
            Ok(("ok", base, count))
        }
    }
}

fn marker(log: &mut ProducerHistory, event: &Value, now: Instant) -> Answer {
    let (id, epoch) = (number(event, "pid") as u64, number(event, "epoch") as i16);
    let coordinator = number(event, "ce") as u32;
    log.state().check_marker(id, epoch, coordinator)?;
    let base = log.end();
    log.append(1, now, Origin::Marker(id, epoch, coordinator));
    Ok(("ok", base, 1))
}

/// Every producer as the oracle writes it.
fn producers(log: &ProducerHistory) -> Map<String, Value> {
    let entries = log.state().entries();
    entries
        .map(|(id, entry)| (id.to_string(), written(entry)))
        .collect()
}

fn written(entry: &ProducerEntry) -> Value {
    let batches = entry.batches().map(|batch| {
        let last = batch.base_offset + u64::from(batch.count) - 1;
        json!([
            batch.first_sequence(),
            batch.last_sequence,
            batch.base_offset,
            last
        ])
    });
    let batches: Vec<Value> = batches.collect();
    let mut fields = json!({ "epoch": entry.epoch, "b": batches });
    if let Some(last) = entry.batches().next_back() {
        fields["seq"] = json!(last.last_sequence);
    }
    if let Some(first) = entry.transaction {
        fields["txn"] = json!(first);
    }
    if let Some(epoch) = entry.coordinator_epoch {
        fields["ce"] = json!(epoch);
    }
    fields
}
