//! Scenario files: text to [`Scenario`], strictly, with every mistake located.

mod compile;
mod decode;
mod diagnostic;
mod load;
mod merge;
mod not_yet;
mod origin;
mod plain;
mod reader;
pub mod resolved;
pub mod schema;
mod show;
mod suggest;
mod tree;
pub mod value;
pub mod written;

pub use compile::compile;
pub use diagnostic::{Diagnostic, Kind, Severity, Snippet};
pub use load::{Loaded, Options, Run, load};
pub use origin::{Origin, Origins, Spot};
pub use reader::{DEPTH_MAX, FILE_BYTES_MAX};
pub use resolved::Scenario;
#[cfg(feature = "cli")]
pub(crate) use suggest::nearest;
pub use written::Mistakes;
