//! The kinds of value of the format as definitions of the schema: patterns and short descriptions.
//!
//! A schema sees values after YAML: `30` is a number there, `10_000` and `1..` are texts. What the
//! reader accepts (`scenario/value.rs`) these patterns accept; a test holds the two together.

use serde_json::{Value, json};

/// A kind of value: the name of its definition, how the manual calls it, and the schema.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) schema: Value,
}

/// A whole number, `_` between groups of three digits.
const COUNT: &str = "([0-9]+|[0-9]{1,3}(_[0-9]{3})+)";
/// A number and one unit.
const DURATION: &str = r"[0-9]+(\.[0-9]+)?(ns|us|ms|s|min|h|d)";
/// A NAME.
const NAME: &str = "[A-Za-z0-9][A-Za-z0-9._-]{0,248}";
/// A whole number without a sign or leading zeros.
const DIGITS: &str = "(0|[1-9][0-9]*)";
/// A number of bytes.
const BYTES: &str = "([0-9]+|[0-9]{1,3}(_[0-9]{3})+)(KiB|MiB|GiB)?";

/// Every kind, in the order of the manual.
pub(super) fn kinds() -> Vec<Kind> {
    let parts = [
        numbers(),
        sizes(),
        durations(),
        names(),
        actors(),
        records(),
    ];
    parts.into_iter().flatten().collect()
}

fn kind(name: &'static str, title: &'static str, about: &str, mut schema: Value) -> Kind {
    schema["description"] = json!(about);
    Kind {
        name,
        title,
        schema,
    }
}

/// A text of this pattern, from its first letter to its last.
fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": whole(pattern) })
}

fn whole(pattern: &str) -> String {
    format!("^({pattern})$")
}

/// An integer, or a text of this pattern.
fn number_or(least: i64, pattern: &str) -> Value {
    json!({ "anyOf": [{ "type": "integer", "minimum": least }, text(pattern)] })
}

/// One value, or a range that may be open on one side.
fn range_of(one: &str) -> String {
    format!(r"{one}(\.\.({one})?)?|\.\.{one}")
}

/// One value, or a range with both ends.
fn drawn_of(one: &str) -> String {
    format!(r"{one}(\.\.{one})?")
}

fn numbers() -> Vec<Kind> {
    vec![
        kind("text", "text", "A text.", json!({ "type": "string" })),
        kind(
            "boolean",
            "`true`, `false`",
            "`true` or `false`.",
            json!({ "type": "boolean" }),
        ),
        kind(
            "count",
            "COUNT",
            "A whole number: `30`, `10_000`.",
            number_or(0, COUNT),
        ),
        kind(
            "positive",
            "COUNT",
            "A whole number from 1: `3`, `10_000`.",
            number_or(1, "[1-9][0-9]*|[1-9][0-9]{0,2}(_[0-9]{3})+"),
        ),
        kind(
            "signed",
            "whole number",
            "A whole number, which may be negative.",
            json!({ "anyOf": [{ "type": "integer" }, text("[+-]?[0-9]+")] }),
        ),
        kind(
            "shift",
            "`-1`, `0`, `1`",
            "`-1`: the offset itself; `0`: the next, as Kafka wants it; `1`: one too far.",
            json!({ "enum": [-1, 0, 1, "-1", "0", "1"] }),
        ),
        kind(
            "drawn-count",
            "DRAWN",
            "A number, or a range from which each seed draws one: `3`, `3..40`.",
            number_or(1, &drawn_of(COUNT)),
        ),
        kind(
            "range",
            "RANGE",
            "A number or a range, bounds included: `3`, `3..5`, `1..`, `..5`.",
            number_or(0, &range_of(COUNT)),
        ),
        kind(
            "offset-range",
            "RANGE or `none`",
            "An offset, a range of offsets, or `none`.",
            number_or(0, &format!("none|{}", range_of(COUNT))),
        ),
    ]
}

fn sizes() -> Vec<Kind> {
    vec![
        kind(
            "drawn-bytes",
            "BYTES, or a range",
            "A number of bytes, or a range drawn from: `100`, `16KiB`, `100..1KiB`.",
            number_or(0, &drawn_of(BYTES)),
        ),
        kind(
            "bandwidth",
            "BYTES`/s`",
            "Bytes per second: `1MiB/s`.",
            text(&format!("{BYTES}/s")),
        ),
        kind(
            "rate",
            "RATE",
            "So many per second: `200/s`.",
            text(&format!("{COUNT}/s")),
        ),
    ]
}

fn durations() -> Vec<Kind> {
    let distribution = json!({
        "anyOf": [
            text(&drawn_of(DURATION)),
            {
                "type": "object",
                "properties": {
                    "exponential": { "$ref": "#/definitions/duration" },
                    "weighted": {
                        "type": "object",
                        "minProperties": 1,
                        "propertyNames": { "pattern": whole(DURATION) },
                        "additionalProperties": { "$ref": "#/definitions/count" },
                    },
                },
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ],
    });
    let moment = format!(
        r"{}|[A-Za-z][A-Za-z0-9._-]*( \+ {DURATION})?",
        drawn_of(DURATION)
    );
    let about = "An instant: `10s` since time 0, `2s..8s` drawn by each seed, `stall + 3s` after \
                 the fault named `stall` first struck.";
    vec![
        kind(
            "duration",
            "DURATION",
            "A number and one unit of `ns us ms s min h d`: `250ms`, `1.5s`. Zero is `0s`.",
            text(DURATION),
        ),
        kind(
            "signed-duration",
            "signed DURATION",
            "A duration, which may be negative: `-1h`.",
            text(&format!("-?{DURATION}")),
        ),
        kind(
            "drawn-duration",
            "DRAWN",
            "A duration, or a range from which each seed draws one: `5s`, `2s..8s`.",
            text(&drawn_of(DURATION)),
        ),
        kind(
            "time-range",
            "RANGE of durations",
            "A duration or a range, bounds included: `42s..52s`, `..10ms`.",
            text(&range_of(DURATION)),
        ),
        kind(
            "distribution",
            "DIST",
            "`20ms`, `10ms..30ms` (uniform), `{ exponential: 20ms }` (by its mean), or \
             `{ weighted: { 10ms: 99, 2s: 1 } }`.",
            distribution,
        ),
        kind("moment", "DRAWN, or `NAME + 3s`", about, text(&moment)),
    ]
}

fn names() -> Vec<Kind> {
    vec![
        kind(
            "name",
            "NAME",
            "Letters, digits, `.`, `_` and `-`; at most 249; begins with a letter or digit.",
            text(NAME),
        ),
        kind(
            "names",
            "list of NAMEs",
            "A list of names.",
            list("name", 1),
        ),
        kind(
            "fault-name",
            "NAME",
            "A name that begins with a letter, so that `at:` can tell it from an instant.",
            text("[A-Za-z][A-Za-z0-9._-]{0,248}"),
        ),
        kind(
            "texts",
            "list of texts",
            "A list of texts.",
            list("text", 0),
        ),
        kind(
            "partition",
            "partition",
            "A partition of a topic: `orders-0`.",
            text(&format!("{NAME}-{DIGITS}")),
        ),
        kind(
            "partitions",
            "list of partitions",
            "A list of partitions.",
            list("partition", 0),
        ),
        kind(
            "target",
            "partition`@`offset, `earliest`, `latest`, signed DURATION",
            "Where to: `orders-0@40`, `earliest`, `latest`, or the first record with this timestamp or a later one, counted from time 0: `30s`.",
            text(&format!(
                "earliest|latest|{NAME}-{DIGITS}@{DIGITS}|-?{DURATION}"
            )),
        ),
        kind("anything", "any value", "Any value.", json!({})),
    ]
}

/// A list of what a definition describes.
fn list(one: &str, least: u32) -> Value {
    let one = json!({ "$ref": format!("#/definitions/{one}") });
    json!({ "type": "array", "items": one, "minItems": least })
}

fn actors() -> Vec<Kind> {
    let role = format!(
        "(leader|followers) of {NAME}|group coordinator of {NAME}|transaction coordinator of .+|\
         active controller|owner of {NAME} in {NAME}"
    );
    let actor = format!("{NAME}|{role}");
    let one_or_more = |one: &str| {
        let one = json!({ "$ref": format!("#/definitions/{one}") });
        json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    };
    vec![
        kind(
            "actor",
            "ACTOR",
            "`shop`, `workers-1`, `broker-2`, a group or producer for all its actors, `brokers`, \
             `controllers`, `clients`, or a role: `leader of orders-0`, `followers of orders-0`, \
             `group coordinator of workers`, `owner of orders-0 in workers`, `active controller`.",
            text(&actor),
        ),
        kind(
            "actors",
            "ACTOR, or a list",
            "An actor, or a list of them.",
            one_or_more("actor"),
        ),
        kind(
            "link",
            "LINK",
            "Two sides, each an actor or a list of them: `[broker-1, [broker-2, broker-3]]`.",
            json!({
                "type": "array",
                "items": { "$ref": "#/definitions/actors" },
                "minItems": 2,
                "maxItems": 2,
            }),
        ),
    ]
}

fn records() -> Vec<Kind> {
    let number = "[1-9][0-9]*";
    let sent = format!("{NAME}#{number}|{NAME}/{NAME}#{number}");
    let one = format!("{NAME}-{DIGITS}@{DIGITS}|{sent}");
    let span = format!(r"{NAME}-{DIGITS}@{DIGITS}(\.\.{DIGITS})?|{sent}");
    let list = json!({ "type": "array", "items": { "$ref": "#/definitions/record-or-span" } });
    vec![
        kind(
            "record",
            "RECORD",
            "A record: `orders-0@4` (offset 4), `shop#7` (the 7th that `shop` sent), \
             `orders/AAPL#3` (the 3rd with this key).",
            text(&one),
        ),
        kind(
            "record-or-span",
            "RECORD, or a span",
            "A record, or a span of offsets: `orders-0@4..9`.",
            text(&span),
        ),
        kind(
            "records",
            "list of RECORDs",
            "Records, spans allowed.",
            list.clone(),
        ),
        kind(
            "record-set",
            "set",
            "How many (`0`, `1..`), or exactly which: `[shop#7, orders-0@4..9]`.",
            json!({ "anyOf": [{ "$ref": "#/definitions/range" }, list] }),
        ),
    ]
}
