//! What a run is judged by, and the judgement.

mod columns;
mod contents;
pub mod expect;
mod fingerprint;
mod group;
mod latency;
pub mod ledger;
mod membership;
pub mod order;
pub mod outcome;
pub mod quantity;
pub mod range;
pub mod record;
pub mod seen;
#[cfg(test)]
mod story;
mod word;

pub use expect::{Claim, Ends, Expect, MustHappen, RecordSet, Subject, Want};
pub use ledger::{GroupInfo, Ledger, Options};
pub use quantity::{FactWord, Quantity, Stage};
pub use range::Range;
pub use record::RecordName;
pub(crate) use word::{Word, words};
