//! How the program ends: four exit codes that a script can tell apart.

use std::process::{ExitCode, Termination};

/// The outcome of a command, ordered by what outranks what when a command has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// 0: everything as expected.
    AsExpected,
    /// 3: a bound was hit, and nothing is known.
    BoundHit,
    /// 1: something is not as expected.
    NotAsExpected,
    /// 2: bad input; nothing was run, or nothing can be said.
    BadInput,
}

impl Status {
    /// The word in JSON documents.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::AsExpected => "as-expected",
            Self::BoundHit => "bound-hit",
            Self::NotAsExpected => "not-as-expected",
            Self::BadInput => "bad-input",
        }
    }

    /// The code that the operating system sees.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::AsExpected => 0,
            Self::NotAsExpected => 1,
            Self::BadInput => 2,
            Self::BoundHit => 3,
        }
    }
}

impl Termination for Status {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}
