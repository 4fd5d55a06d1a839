//! Runs of real Kafka that were kept: what they showed, what made them, and of which text.
//!
//! One JSON file for one scenario file. The stamp is that of the scenario's text before what it
//! expects, so that a run of another scenario is not taken for one of this.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lines::{Played, Versions};
use super::story::Story;
use crate::base::hash;

/// The version of the format.
const VERSION: u32 = 1;

/// The name of the only run of a file without variants.
pub const PLAIN: &str = "the file";

/// The runs of one scenario file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stored {
    version: u32,
    /// The stamp of the scenario's text.
    stamp: String,
    /// What they were played with.
    pub made_with: Versions,
    /// By variant: the outcomes that were seen.
    pub variants: BTreeMap<String, Vec<Seen>>,
}

/// One outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Seen {
    /// In how many runs.
    pub runs: u32,
    /// What happened in them.
    pub story: Story,
}

impl Stored {
    /// No run yet of a scenario with this text.
    pub fn new(scenario: &str) -> Self {
        Self {
            version: VERSION,
            stamp: stamp(scenario),
            made_with: Versions::default(),
            variants: BTreeMap::new(),
        }
    }

    /// Reads a stored file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let stored: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if stored.version != VERSION {
            let (version, known) = (stored.version, VERSION);
            return Err(format!(
                "version {version} of the format; this program reads {known}"
            ));
        }
        Ok(stored)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("stories consist of maps, lists and texts") + "\n"
    }

    /// Whether these are runs of the scenario with this text.
    pub fn is_of(&self, scenario: &str) -> bool {
        self.stamp == stamp(scenario)
    }

    /// The outcomes seen of a variant.
    pub fn of(&self, variant: Option<&str>) -> Option<Vec<&Story>> {
        let seen = self.variants.get(variant.unwrap_or(PLAIN))?;
        Some(seen.iter().map(|one| &one.story).collect())
    }

    /// How often a variant was played.
    pub fn runs(&self, variant: Option<&str>) -> u32 {
        let seen = self.variants.get(variant.unwrap_or(PLAIN));
        seen.into_iter().flatten().map(|one| one.runs).sum()
    }

    /// Replaces the runs of a variant.
    pub fn keep(&mut self, variant: Option<&str>, played: &[Played]) {
        let mut seen: Vec<Seen> = Vec::new();
        for run in played {
            let Versions { librdkafka, .. } = &self.made_with;
            let librdkafka = run.versions.librdkafka.clone().or(librdkafka.clone());
            self.made_with = Versions {
                librdkafka,
                ..run.versions.clone()
            };
            match seen.iter_mut().find(|one| one.story == run.story) {
                Some(same) => same.runs += 1,
                None => seen.push(Seen {
                    runs: 1,
                    story: run.story.clone(),
                }),
            }
        }
        self.variants
            .insert(variant.unwrap_or(PLAIN).to_owned(), seen);
    }
}

/// The stamp of a scenario: of its text up to what it expects.
fn stamp(scenario: &str) -> String {
    let played = scenario.lines().take_while(|line| {
        let expects = ["expect:", "must-happen:"];
        !expects.iter().any(|key| line.starts_with(key))
    });
    let played: Vec<&str> = played.collect();
    format!("{:016x}", hash::of_bytes(played.join("\n").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENARIO: &str = "title: One\ntopics: {}\nexpect: { lost: 0 }\n";

    fn played(life: &str) -> Played {
        let mut story = Story::default();
        story.lives.insert(life.to_owned(), Vec::new());
        Played {
            versions: Versions::default(),
            story,
        }
    }

    #[test]
    fn equal_runs_are_kept_once_and_counted() {
        let mut stored = Stored::new(SCENARIO);
        stored.keep(None, &[played("a"), played("b"), played("a")]);
        assert_eq!(stored.runs(None), 3);
        assert_eq!(stored.of(None).map(|stories| stories.len()), Some(2));
        assert_eq!(Stored::read(&stored.text()), Ok(stored));
    }

    #[test]
    fn what_is_expected_is_no_part_of_what_was_played() {
        let stored = Stored::new(SCENARIO);
        assert!(stored.is_of("title: One\ntopics: {}\nexpect: { lost: 1 }\n"));
        assert!(!stored.is_of("title: Two\ntopics: {}\nexpect: { lost: 0 }\n"));
    }

    #[test]
    fn another_version_is_refused() {
        let text = Stored::new(SCENARIO)
            .text()
            .replace("\"version\": 1", "\"version\": 2");
        let refused = Stored::read(&text).expect_err("a version of the future");
        assert!(refused.contains("version 2"), "{refused}");
    }
}
