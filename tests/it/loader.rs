//! Scenario files: what is refused, how that is said, and what the printed form is.

use kafkasim::scenario::{Diagnostic, Loaded, Options, load};

mod compiled;
pub(crate) mod examples;
pub(crate) mod messages;
mod mutated;
mod reading;
mod resolved;
mod words;

/// A file that is one variant of the shortest useful one, with `{}` for the parts under test.
pub(crate) const BASE: &str = "\
title: A worker crashes before it commits
topics: { orders: { partitions: 3, replication.factor: 3 } }
producers: { shop: { topic: orders, records: 30 } }
groups: { workers: { topics: [orders], members: 2 } }
";

/// Loads a text under the name `shop.yaml`; files it names do not exist.
pub(crate) fn load_text(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    let no_file = |_: &str| Err("no such file".to_owned());
    load(text.as_bytes(), "shop.yaml", &no_file, &Options::default())
}

/// Every diagnostic of a text that must be refused, as printed.
pub(crate) fn refused(text: &str) -> String {
    match load_text(text) {
        Ok(_) => panic!("this loads:\n{text}"),
        Err(diagnostics) => diagnostics.iter().map(ToString::to_string).collect(),
    }
}

/// The one run of a text that must load.
pub(crate) fn accepted(text: &str) -> kafkasim::scenario::Scenario {
    match load_text(text) {
        Ok(mut loaded) => loaded.runs.remove(loaded.chosen).scenario,
        Err(diagnostics) => {
            let texts: String = diagnostics.iter().map(ToString::to_string).collect();
            panic!("this is refused:\n{text}\n{texts}")
        }
    }
}
