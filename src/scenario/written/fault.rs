//! Faults in the words of the file: one verb, one trigger, parameters.

use super::word::{Entries, Word};

/// One thing done to the system. `who` is an actor such as `workers-2`, or a whole group or
/// producer: then it befalls whoever of them gets there first.
#[derive(Clone, Debug)]
pub struct Fault(pub(super) Entries);

impl Fault {
    fn new(verb: &str, who: &str) -> Self {
        Self(Entries::default()).key(verb, who)
    }

    /// The process dies at once.
    pub fn crash(who: &str) -> Self {
        Self::new("crash", who)
    }

    /// The process stands still for so long.
    pub fn pause(who: &str, length: impl Into<Word>) -> Self {
        Self::new("pause", who).key("for", length)
    }

    /// The application thread stands still for so long; background threads go on.
    pub fn stall(who: &str, length: impl Into<Word>) -> Self {
        Self::new("stall", who).key("for", length)
    }

    /// The process closes gracefully.
    pub fn close(who: &str) -> Self {
        Self::new("close", who)
    }

    /// A process that is down starts.
    pub fn start(who: &str) -> Self {
        Self::new("start", who)
    }

    /// The application calls `seek` before its next poll: `"orders-0@4"`, `"earliest"`, `"latest"`.
    pub fn seek(who: &str, to: &str) -> Self {
        Self::new("seek", who).key("to", to)
    }

    /// The group's committed offsets are set, as by `kafka-consumer-groups --reset-offsets`.
    pub fn set_offsets(group: &str, to: &str) -> Self {
        Self::new("set-offsets", group).key("to", to)
    }

    /// The topic has so many partitions from then on; old records stay where they are.
    pub fn add_partitions(topic: &str, to: u32) -> Self {
        Self::new("add-partitions", topic).key("to", to)
    }

    /// Everything before an offset of the partition is deleted, as by `kafka-delete-records`.
    pub fn delete_records(partition: &str, up_to: u64) -> Self {
        Self::new("delete-records", partition).key("up-to", up_to)
    }

    /// A client's request, such as `"Produce"`, does not arrive.
    pub fn lose_request(who: &str, request: &str) -> Self {
        Self::new("lose-request", who).key("request", request)
    }

    /// The answer to a client's request does not arrive.
    pub fn lose_response(who: &str, request: &str) -> Self {
        Self::new("lose-response", who).key("request", request)
    }

    /// Strikes at an instant: `"10s"`, `"5s..9s"` drawn from the seed, `"split + 2s"` after the
    /// fault of that name.
    #[must_use]
    pub fn at(self, at: impl Into<Word>) -> Self {
        self.key("at", at)
    }

    /// Strikes just before a step, such as `"commit-sync"`.
    #[must_use]
    pub fn before(self, step: &str) -> Self {
        self.key("before", step)
    }

    /// Strikes when a step has returned.
    #[must_use]
    pub fn after(self, step: &str) -> Self {
        self.key("after", step)
    }

    /// Strikes at the first fact of a kind, such as `"rebalance"`.
    #[must_use]
    pub fn when(self, fact: &str) -> Self {
        self.key("when", fact)
    }

    /// Only where it concerns this record: `"orders-0@4"`, `"shop#7"`, `"orders/AAPL#3"`.
    #[must_use]
    pub fn record(self, name: &str) -> Self {
        self.key("record", name)
    }

    /// The nth time its condition holds, from 1; `"20..80"` is drawn from the seed.
    #[must_use]
    pub fn nth(self, nth: impl Into<Word>) -> Self {
        self.key("nth", nth)
    }

    /// At so many occurrences in a row.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        self.key("times", times)
    }

    /// What crashed or closed starts again so long after.
    #[must_use]
    pub fn restart_after(self, span: impl Into<Word>) -> Self {
        self.key("restart-after", span)
    }

    /// It is no failure if it never strikes.
    #[must_use]
    pub fn optional(self) -> Self {
        self.key("optional", true)
    }

    /// Any key of a fault in a file.
    #[must_use]
    pub fn key(mut self, key: &str, value: impl Into<Word>) -> Self {
        self.0.set(&[key], value);
        self
    }
}
