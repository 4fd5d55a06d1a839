//! Words of the grammar that are known and not built: each is refused with "not yet".
//!
//! The one list of them. A test holds it, with the words the loader reads, against the grammar.

/// A place of the grammar where words stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Area {
    /// Keys of the file.
    Top,
    Cluster,
    /// Names of features of a cluster.
    Feature,
    Network,
    Link,
    Topic,
    Producer,
    /// Keys of one written-out record.
    Record,
    /// Keys of `partitioner`.
    Partitioner,
    /// Keys of `keys`.
    Keys,
    /// Keys of `values`.
    Values,
    Group,
    Process,
    /// Names of loops behind `commit`.
    Loop,
    /// Steps of a loop or listener.
    Step,
    /// Parameters of `commit-sync` and `commit-async`.
    CommitStep,
    /// Parameters of `poll`.
    PollStep,
    /// Parameters of `hand-off`.
    HandOffStep,
    /// Keys of a sink.
    Sink,
    /// Values of `unique` of a sink.
    Unique,
    /// Values of `type` of a group.
    GroupType,
    /// Values of `effect`.
    Effect,
    /// Values of `cluster.mode`.
    Mode,
    /// Values of `topics.<NAME>.create`.
    Create,
    /// Verbs of faults.
    Verb,
    /// Other keys of a fault.
    Fault,
    /// Steps of actors that a fault names.
    FaultStep,
    /// Facts of `must-happen` and `when`.
    Fact,
    /// Keys of a fact's long form.
    FactDetail,
    /// Keys of `expect`.
    Expect,
    /// Names of anomalies.
    Anomaly,
    GroupQuantity,
    TopicQuantity,
    ProducerQuantity,
    Limits,
    /// Everywhere a list of words is complete.
    Nothing,
}

/// The words that are not built, by place.
pub(crate) const NOT_YET: &[(Area, &[&str])] = &[
    (Area::Top, &["seeds", "queues", "sweep"]),
    (Area::Cluster, &["except"]),
    (
        Area::Feature,
        &[
            "metadata.version",
            "kraft.version",
            "transaction.version",
            "group.version",
            "share.version",
            "streams.version",
        ],
    ),
    (Area::Network, &["bandwidth", "breaks"]),
    (Area::Link, &["bandwidth", "breaks"]),
    (Area::Producer, &["queue", "sink", "transaction"]),
    (Area::Record, &["timestamp"]),
    (
        Area::Group,
        &["pattern", "assign", "output", "producer", "group-config"],
    ),
    (Area::Loop, &["transaction", "acknowledge"]),
    (
        Area::Step,
        &[
            "begin",
            "commit-transaction",
            "abort-transaction",
            "send",
            "send-offsets",
            "acknowledge",
        ],
    ),
    (Area::GroupType, &["share"]),
    (Area::Effect, &["send"]),
    (Area::Mode, &["zookeeper"]),
    (Area::Verb, &["disk-loss", "change-config"]),
    (
        Area::FaultStep,
        &[
            "init-transactions",
            "begin",
            "commit-transaction",
            "abort-transaction",
            "append",
            "replicate",
            "delete",
            "send-offsets",
        ],
    ),
    (
        Area::Fact,
        &[
            "controller-elected",
            "log-compacted",
            "zombie-leader-append",
            "coordinator-moved",
            "coordinator-loaded",
            "transaction-begun",
            "transaction-prepared",
            "transaction-committed",
            "transaction-aborted",
            "transaction-timed-out",
            "producer-fenced",
            "marker-written",
            "aborted-skipped",
            "reader-held",
            "item-redelivered",
            "dead-lettered",
            "share-record-released",
            "share-record-archived",
            "disk-lost",
            "config-changed",
        ],
    ),
    (Area::Expect, &["queues", "some-seed", "every-seed"]),
    (
        Area::Anomaly,
        &[
            "nonmonotonic-send",
            "int-send-skip",
            "int-nonmonotonic-send",
            "precommitted-read",
            "G0",
            "G0-process",
            "G0-realtime",
            "G1c",
            "G1c-process",
            "G1c-realtime",
        ],
    ),
    (Area::TopicQuantity, &["last-stable-offset", "timestamps"]),
];

/// The words of a place that are not built.
pub(crate) fn words(area: Area) -> &'static [&'static str] {
    let found = NOT_YET.iter().find(|(known, _)| *known == area);
    found.map_or(&[], |(_, words)| words)
}

/// Whether a word of a place is known and not built.
pub(crate) fn is_not_yet(area: Area, word: &str) -> bool {
    words(area).contains(&word)
}
