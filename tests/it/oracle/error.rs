//! Every error code with its class.

use kafkasim::kafka::ErrorCode;
use serde_json::json;

use super::{Tally, lines, text};

#[test]
fn oracle_error_codes_are_kafkas() {
    let Some(lines) = lines("errors.jsonl") else {
        return;
    };
    let mut tally = Tally::new("errors.jsonl");
    for line in &lines {
        let name = text(line, "name").expect("an error has a name");
        let ours = ErrorCode::from_name(name).map(|error| {
            json!([
                error.code(),
                error.exception(),
                error.is_retriable(),
                error.is_invalid_metadata(),
                error.is_refresh_retriable(),
            ])
        });
        let keys = ["code", "exception", "retriable", "invalid_metadata"];
        let mut kafka: Vec<_> = keys.map(|key| line[key].clone()).into();
        kafka.push(line["refresh_retriable"].clone());
        tally.compare_eq(name, &ours, &Some(kafka.into()));
    }
    tally.finish();
}
