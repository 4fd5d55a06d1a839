//! What a run is judged by, and the judgement.

pub mod expect;
pub mod quantity;
pub mod range;
pub mod record;
mod word;

pub use expect::{Claim, Ends, Expect, MustHappen, RecordSet, Subject, Want};
pub use quantity::{FactWord, Quantity, Stage};
pub use range::Range;
pub use record::RecordName;
pub(crate) use word::{Word, words};
