//! The iteration order of `java.util.HashMap`.

use kafkasim::kafka::{hash::string_hash, java_hash};

use super::{Tally, lines, list, text};

#[test]
fn oracle_hash_maps_iterate_in_javas_order() {
    let Some(lines) = lines("java-hash-order.jsonl") else {
        return;
    };
    let mut tally = Tally::new("java-hash-order.jsonl");
    for (number, line) in lines.iter().enumerate() {
        let keys: Vec<&str> = list(line, "in")
            .iter()
            .map(|key| key.as_str().expect("a key is text"))
            .collect();
        let given: Vec<i32> = list(line, "hash")
            .iter()
            .map(|hash| hash.as_i64().expect("a hash is a number") as i32)
            .collect();
        let id = format!("line {}", number + 1);
        if text(line, "of") == Some("string") {
            let hashes: Vec<i32> = keys.iter().map(|key| string_hash(key)).collect();
            tally.compare_eq(&id, &hashes, &given);
        }
        let pairs: Vec<(&str, i32)> = keys.into_iter().zip(given).collect();
        let order = java_hash::iteration_order(&pairs, |pair| pair.1);
        let copied = java_hash::copy_order(&order, |pair| pair.1);
        for (ours, field) in [(&order, "out"), (&copied, "copy")] {
            // A set has no copy.
            if line.get(field).is_none() {
                continue;
            }
            let ours: Vec<&str> = ours.iter().map(|pair| pair.0).collect();
            let kafka: Vec<&str> = list(line, field)
                .iter()
                .filter_map(|k| k.as_str())
                .collect();
            tally.compare_eq(&format!("{id} {field}"), &ours, &kafka);
        }
    }
    tally.finish();
}
