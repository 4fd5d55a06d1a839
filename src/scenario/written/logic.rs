//! Own processing logic: what a program decides about a record, in place of the file's `fails`.

use std::fmt;
use std::sync::Arc;

use crate::node::consumer::program::Handled;

/// A record as own processing logic sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'r> {
    /// The topic it was read from.
    pub topic: &'r str,
    /// The partition it was read from.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its key, if it has one.
    pub key: Option<&'r str>,
    /// Which try at this record it is, over all members of the group, from 1.
    pub attempt: u32,
}

/// Own processing logic: a function of the record alone, without memory, so that a rerun of the
/// same scenario agrees.
#[derive(Clone)]
pub struct Logic(pub(crate) Arc<dyn Fn(&Record<'_>) -> Handled + Send + Sync>);

impl fmt::Debug for Logic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logic")
    }
}
