//! What a run is judged by, and the judgement.

mod about;
mod anomaly;
mod columns;
mod compare;
mod contents;
pub mod expect;
mod fingerprint;
mod group;
mod growth;
pub mod guarantee;
mod histogram;
pub mod judge;
mod kinds;
mod latency;
pub mod ledger;
mod lineage;
mod membership;
pub mod names;
pub mod order;
pub mod outcome;
mod overtaking;
pub mod quantity;
pub mod range;
pub mod record;
mod rules;
mod said;
pub mod seen;
pub mod spans;
#[cfg(test)]
mod story;
pub mod summary;
mod trail;
mod truncation;
pub mod why;
mod word;

pub use expect::{Claim, Ends, Expect, MustHappen, RecordSet, Subject, Want};
pub use group::Totals;
pub use judge::{Check, Judgement, Missed};
pub use latency::LatencySummary;
pub use ledger::{GroupInfo, Ledger, Options};
pub use quantity::{FactWord, Quantity, Stage};
pub use range::Range;
pub use record::RecordName;
pub use rules::rule_of;
pub use summary::{EndOfRun, Ending, Unstruck, Verdict};
pub(crate) use word::{Word, words};
