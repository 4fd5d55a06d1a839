//! Sizes of records and batches, and the arithmetic of sequence numbers.

use kafkasim::kafka::size;
use serde_json::Value;

use super::{Tally, lines, list, number, text};

#[test]
fn oracle_records_have_kafkas_sizes() {
    let Some(lines) = lines("record-sizes.jsonl") else {
        return;
    };
    let mut tally = Tally::new("record-sizes.jsonl");
    for line in &lines {
        let id = line.to_string();
        match text(line, "what") {
            Some("const") => {
                let ours = i64::from(size::BATCH_HEADER);
                tally.compare_eq(&id, &ours, &number(line, "RECORD_BATCH_OVERHEAD"));
                let ours = i64::from(size::RECORD_OVERHEAD_MAX);
                tally.compare_eq(&id, &ours, &number(line, "MAX_RECORD_OVERHEAD"));
            }
            Some("record") => record(&mut tally, line),
            Some("sequence") => sequence(&mut tally, line),
            other => panic!("no line of this file is {other:?}"),
        }
    }
    tally.finish();
}

fn record(tally: &mut Tally, line: &Value) {
    let id = line.to_string();
    let (key, value) = (length(&line["k"]), length(&line["v"]));
    let headers = header_lengths(list(line, "h"));
    let (offset, timestamp) = (number(line, "od") as u32, number(line, "td"));
    let ours = size::record_size_with_headers(offset, timestamp, key, value, &headers);
    tally.compare_eq(&id, &i64::from(ours), &number(line, "size"));
    let upper = size::upper_estimate_with_headers(key, value, &headers);
    tally.compare_eq(&id, &i64::from(upper), &number(line, "upper"));
    if headers.is_empty() {
        let plain = size::record_size(offset, timestamp, key, value);
        assert_eq!(plain, ours, "both forms agree where there are no headers");
        assert_eq!(upper, size::upper_estimate(key, value));
    }
}

fn sequence(tally: &mut Tally, line: &Value) {
    let (sequence, by) = (number(line, "seq") as i32, number(line, "inc") as u32);
    let ours = (
        i64::from(size::increment_sequence(sequence, by)),
        i64::from(size::decrement_sequence(sequence, by)),
    );
    let kafka = (number(line, "plus"), number(line, "minus"));
    tally.compare_eq(&line.to_string(), &ours, &kafka);
}

#[test]
fn oracle_batches_have_kafkas_sizes() {
    let Some(lines) = lines("batch-sizes.jsonl") else {
        return;
    };
    let mut tally = Tally::new("batch-sizes.jsonl");
    for line in &lines {
        let id = text(line, "id").expect("a case has an id");
        let timestamp = |record: &Value| record.get(3).and_then(Value::as_i64).unwrap_or(0);
        let records = list(line, "r");
        let base = timestamp(&records[0]);
        let sizes: Vec<u32> = (0..)
            .zip(records)
            .map(|(offset, record)| {
                let headers = record.get(2).and_then(Value::as_array);
                let headers = headers.map_or(Vec::new(), |list| header_lengths(list));
                let (key, value) = (length(&record[0]), length(&record[1]));
                let delta = timestamp(record) - base;
                size::record_size_with_headers(offset, delta, key, value, &headers)
            })
            .collect();
        let kafka: Vec<u32> = list(line, "sizes")
            .iter()
            .filter_map(|size| size.as_u64().map(|size| size as u32))
            .collect();
        let bytes = size::BATCH_HEADER + sizes.iter().sum::<u32>();
        tally.compare_eq(
            id,
            &(sizes, i64::from(bytes)),
            &(kafka, number(line, "bytes")),
        );
    }
    tally.finish();
}

/// A length; −1 is null.
fn length(value: &Value) -> Option<u32> {
    let length = value.as_i64().expect("a length is a number");
    u32::try_from(length).ok()
}

fn header_lengths(list: &[Value]) -> Vec<size::HeaderLengths> {
    list.iter()
        .map(|header| (length(&header[0]).unwrap_or(0), length(&header[1])))
        .collect()
}
