//! Hashes of keys and group names.

use kafkasim::kafka::hash;

use super::{Tally, lines, list, number, text};

/// The partition counts of each line's `p`.
const COUNTS: [u32; 20] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 24, 30, 32, 48, 50, 60, 64,
];

#[test]
fn oracle_murmur2_places_keys_as_kafka_does() {
    let Some(lines) = lines("murmur2.jsonl") else {
        return;
    };
    let mut tally = Tally::new("murmur2.jsonl");
    for line in &lines {
        let hex = text(line, "k").expect("a line has its key");
        let key: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("the key is in hex"))
            .collect();
        let ours: Vec<i64> = COUNTS
            .iter()
            .map(|&count| i64::from(hash::partition_for_key(&key, count)))
            .collect();
        let kafka: Vec<i64> = list(line, "p")
            .iter()
            .filter_map(serde_json::Value::as_i64)
            .collect();
        let hashes = (i64::from(hash::murmur2(&key)), number(line, "h"));
        tally.compare_eq(hex, &(hashes.0, ours), &(hashes.1, kafka));
    }
    tally.finish();
}

#[test]
fn oracle_coordinator_partitions_are_kafkas() {
    let Some(lines) = lines("coordinator-partition.jsonl") else {
        return;
    };
    let mut tally = Tally::new("coordinator-partition.jsonl");
    for line in &lines {
        let id = text(line, "id").expect("a line has its id");
        tally.compare_eq(id, &i64::from(hash::string_hash(id)), &number(line, "h"));
        let partitions = line["p"]
            .as_object()
            .expect("`p` maps counts to partitions");
        for (count, partition) in partitions {
            let count = count.parse().expect("a count is a number");
            let ours = u64::from(hash::partition_for_group(id, count));
            tally.compare_eq(id, &Some(ours), &partition.as_u64());
        }
    }
    tally.finish();
}
