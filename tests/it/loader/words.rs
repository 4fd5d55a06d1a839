//! Every word of the format is known: it is read, or refused with "not yet".

use super::{BASE, load_text};

/// The words of the manual by place: a file with `WORD` where the word stands, and the words.
const WORDS: &[(&str, &str)] = &[
    (
        "WORD: {}\n",
        "title about question covers kafka seed seeds cluster network topics sinks queues producers groups \
         warm-up faults variants sweep expect must-happen limits",
    ),
    (
        "cluster: { WORD: x }\n",
        "brokers controllers mode defaults config features request-time except",
    ),
    ("network: { WORD: x }\n", "latency bandwidth breaks links"),
    (
        "network: { links: [{ WORD: x }] }\n",
        "link latency bandwidth breaks",
    ),
    (
        "topics: { t: { WORD: x } }\n",
        "partitions replication.factor replica-assignment create config",
    ),
    (
        "sinks: { s: { WORD: x } }\n",
        "latency per-row capacity queue timeout bulk unique on-conflict",
    ),
    ("sinks: { s: { bulk: WORD } }\n", "atomic row-by-row"),
    ("sinks: { s: { unique: WORD } }\n", "none record key"),
    (
        "sinks: { s: { unique: record, on-conflict: WORD } }\n",
        "ignore overwrite refuse",
    ),
    (
        "groups: { g: { on-sink-failure: WORD } }\n",
        "retry continue stop",
    ),
    (
        "expect: { sinks: { s: { WORD: 0 } } }\n",
        "rows requests refused",
    ),
    (
        "producers: { p: { WORD: x } }\n",
        "topic topics queue sink instances records every start-at stop-at keys values partition \
         partitioner transaction on-failure client clock config properties properties-file except",
    ),
    (
        "producers: { p: { records: [{ WORD: x }] } }\n",
        "value key partition topic timestamp at",
    ),
    (
        "producers: { p: { keys: { WORD: x } } }\n",
        "cycle random weighted zipf",
    ),
    ("producers: { p: { values: { WORD: x } } }\n", "bytes cycle"),
    (
        "producers: { p: { partitioner: { WORD: x } } }\n",
        "table others",
    ),
    (
        "producers: { p: { on-failure: WORD } }\n",
        "continue resend stop",
    ),
    ("producers: { p: { client: WORD } }\n", "java librdkafka"),
    (
        "groups: { g: { WORD: x } }\n",
        "topics pattern assign members type start-at stop-at process commit loop effect output sink \
         on-sink-failure on-commit-failure on-poll-failure workers on-revoked on-assigned on-lost \
         on-close committed producer client clock config properties properties-file group-config \
         except",
    ),
    (
        "groups: { g: { process: { WORD: x } } }\n",
        "time slow fails retries backoff on-failure send-to",
    ),
    (
        "groups: { g: { process: { on-failure: WORD } } }\n",
        "stop skip seek-back send",
    ),
    ("groups: { g: { type: WORD } }\n", "consumer share"),
    ("groups: { g: { effect: WORD } }\n", "process send store"),
    (
        "groups: { g: { commit: WORD } }\n",
        "before-processing after-processing after-each-record async auto auto-hand-off transaction \
         with-effect bulk-insert acknowledge",
    ),
    (
        "groups: { g: { loop: [poll, { WORD: x }] } }\n",
        "poll each process commit-sync commit-async hand-off begin commit-transaction \
         abort-transaction send send-offsets store store-all store-with-offset seek-to-stored \
         acknowledge sleep close",
    ),
    (
        "groups: { g: { loop: [{ poll: { WORD: x } }] } }\n",
        "timeout",
    ),
    (
        "groups: { g: { loop: [poll, { commit-sync: { WORD: x } }] } }\n",
        "offsets every shift",
    ),
    (
        "groups: { g: { loop: [poll, { hand-off: { WORD: x } }] } }\n",
        "steps queue revoked",
    ),
    (
        "faults: [{ WORD: x }]\n",
        "crash power-loss disk-loss pause close stall start seek set-offsets cut heal slow \
         lose-request lose-response hold-request hold-response refuse add-partitions \
         delete-records elect-leader change-config",
    ),
    (
        "faults: [{ crash: shop, WORD: x }]\n",
        "at before after when of record nth times every name optional restart-after",
    ),
    (
        "faults: [{ lose-request: shop, WORD: x }]\n",
        "request to as record nth times name optional",
    ),
    ("faults: [{ pause: shop, at: 5s, WORD: x }]\n", "for"),
    ("faults: [{ seek: workers-1, at: 5s, WORD: x }]\n", "to"),
    (
        "faults: [{ set-offsets: workers, at: 5s, WORD: x }]\n",
        "to shift-by",
    ),
    (
        "faults: [{ crash: shop, before: WORD }]\n",
        "init-transactions begin send request acknowledge commit-transaction abort-transaction \
         close append replicate respond receive insert process delete",
    ),
    (
        "must-happen: [WORD]\n",
        "batch-sent batch-full linger-over retry retry-deduplicated out-of-order-sequence \
         request-timed-out delivery-timed-out response-lost producer-epoch-bumped buffer-full \
         leader-elected unclean-election isr-shrunk isr-expanded broker-fenced controller-elected \
         log-truncated unflushed-lost segment-rolled segment-deleted log-compacted topic-created \
         partitions-added metadata-refreshed zombie-leader-append group-formed rebalance \
         partition-moved session-expired poll-interval-exceeded member-fenced static-rejoin \
         offset-committed commit-failed poll-failed commit-rewound offset-reset \
         position-truncated coordinator-moved coordinator-loaded transaction-begun \
         transaction-prepared transaction-committed transaction-aborted transaction-timed-out \
         producer-fenced marker-written aborted-skipped reader-held processing-failed \
         record-skipped processed-again insert-deduplicated insert-refused bulk-torn sink-outage \
         item-redelivered dead-lettered share-record-released share-record-archived crashed \
         restarted power-lost paused resumed stalled closed started cut-made cut-healed",
    ),
    (
        "must-happen: [{ rebalance: { WORD: x } }]\n",
        "count of error",
    ),
    (
        "expect: { WORD: x }\n",
        "ends anomalies groups topics producers sinks queues some-seed every-seed at once \
         duplicated lost reordered overtaken handed-on compacted waiting delivered processed processed-again \
         past-unprocessed rebalances moved moves moves-needed partitions-stopped idle-members sent acknowledged \
         failed requests retries batches",
    ),
    ("expect: { ends: WORD }\n", "drained stuck any"),
    (
        "expect: { groups: { workers: { WORD: x } } }\n",
        "once duplicated lost reordered overtaken handed-on compacted waiting delivered processed processed-again \
         past-unprocessed rebalances moved moves moves-needed partitions-stopped longest-stop \
         stopped-time longest-standstill latency-p50 \
         latency-p99 latency-max callbacks idle-members assignment committed position resumed-at \
         largest-lag",
    ),
    (
        "expect: { groups: { workers: { lost: { WORD: 0 } } } }\n",
        "never-acknowledged truncated expired skipped-by-commit skipped-by-reset \
         dropped-by-application",
    ),
    (
        "expect: { topics: { orders-0: { WORD: x } } }\n",
        "appended appended-twice truncated expired compacted reordered partitions partitions-used \
         end-offset start-offset leader leader-epoch isr elr high-watermark last-stable-offset \
         log keys-in key-moved timestamps",
    ),
    (
        "expect: { producers: { shop: { WORD: x } } }\n",
        "sent acknowledged failed requests retries batches latency-p50 latency-p99 latency-max",
    ),
    (
        "expect: { anomalies: { WORD: 0 } }\n",
        "effect-lost effect-duplicated effect-reordered effect-of-aborted \
         committed-past-unprocessed zombie-write torn-transaction stuck-reader unavailable \
         inconsistent-offsets duplicate lost-write unseen poll-skip nonmonotonic-poll \
         int-poll-skip int-nonmonotonic-poll nonmonotonic-send int-send-skip \
         int-nonmonotonic-send G1a precommitted-read",
    ),
    ("limits: { WORD: x }\n", "time drain events trace at-least"),
    ("cluster: { mode: WORD }\n", "kraft zookeeper"),
    ("cluster: { defaults: WORD }\n", "code server.properties"),
    (
        "topics: { t: { create: WORD } }\n",
        "before-start on-first-use",
    ),
    (
        "faults: [{ lose-request: shop, as: WORD }]\n",
        "reset silence",
    ),
];

/// The base file without the key that the text gives anew.
fn whole(text: &str) -> String {
    let key = text.split(':').next().unwrap_or_default();
    let kept = BASE
        .lines()
        .filter(|line| line.split(':').next() != Some(key));
    let kept: Vec<&str> = kept.collect();
    format!("{}\n{text}", kept.join("\n"))
}

fn is_unknown(text: &str, word: &str) -> bool {
    let complaints = [
        format!("unknown key `{word}`"),
        format!("`{word}` is no "),
        format!("`{word}` in "),
    ];
    load_text(&whole(text))
        .err()
        .into_iter()
        .flatten()
        .any(|d| {
            let not_yet = d.kind == kafkasim::scenario::Kind::NotYet;
            !not_yet
                && complaints
                    .iter()
                    .any(|complaint| d.text.starts_with(complaint))
        })
}

#[test]
fn every_word_of_the_format_is_read_or_refused_with_not_yet() {
    for (template, words) in WORDS {
        for word in words.split_whitespace() {
            let text = template.replace("WORD", word);
            assert!(!is_unknown(&text, word), "`{word}` in {template}");
        }
        let text = template.replace("WORD", "elephant");
        assert!(
            load_text(&whole(&text)).is_err(),
            "`elephant` in {template}"
        );
    }
}
