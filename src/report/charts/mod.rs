//! Charts of runs: data first, drawn second, a title that says what was found.
//!
//! | file | is |
//! |---|---|
//! | `outcomes` | a kind of chart |
//! | `finding` | its title |
//! | `frame`, `size` | what all charts share: title, key, room, letters |
//! | `scene`, `palette`, `type_face` | the picture as data: marks, colours and textures, the font |
//! | `draw` | the picture as SVG or PNG |
//! | `table` | the data as CSV |
//!
//! Nothing here runs or writes a file; all numbers but the font's are integers.

mod draw;
mod finding;
mod frame;
mod outcomes;
mod palette;
mod scene;
mod size;
mod table;
mod type_face;

use crate::lab::Comparison;

use scene::Scene;
pub use size::Size;

/// What a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Outcomes of records, by variant.
    Outcomes,
}

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it shows.
    pub kind: Kind,
    /// Of which variant; none if of all, or if the file has none.
    pub variant: Option<String>,
    /// Of which group, if the run has several.
    pub group: Option<String>,
    /// What was found, as a sentence.
    pub title: String,
    /// The picture.
    scene: Scene,
    /// The data under it.
    pub csv: String,
}

/// The charts of these kinds, as far as there is something to show.
pub fn of(comparison: &Comparison, kinds: &[Kind], size: Size) -> Vec<Chart> {
    let Some((experiment, _)) = comparison.runs.first() else {
        return Vec::new();
    };
    let source = Source {
        title: experiment.scenario.title.clone(),
        seed: experiment.seed().0,
    };
    let mut charts = Vec::new();
    if kinds.contains(&Kind::Outcomes) {
        charts.extend(outcomes::chart(comparison, &source, size));
    }
    charts
}

/// Where charts come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The title of the scenario.
    pub title: String,
    /// The seed of the runs.
    pub seed: u64,
}

impl Source {
    /// The line below the finding.
    fn line(&self, variant: Option<&str>) -> String {
        let variant = variant.map_or(String::new(), |variant| format!("variant {variant} · "));
        format!("{variant}{} · seed {}", self.title, self.seed)
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 1] = [Self::Outcomes];

    /// Its word on the command line and in file names.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Outcomes => "outcomes",
        }
    }
}

impl Chart {
    /// The name of its file without an extension: what it is of, then what it shows.
    pub fn file_stem(&self, scenario: &str) -> String {
        let of = [
            Some(scenario),
            self.variant.as_deref(),
            self.group.as_deref(),
        ];
        let words = of.into_iter().flatten().chain([self.kind.word()]);
        words.map(plain).collect::<Vec<_>>().join("-")
    }

    /// The picture as SVG.
    pub fn svg(&self) -> String {
        draw::svg(&self.scene, &self.title)
    }

    /// The picture as PNG.
    pub fn png(&self) -> Vec<u8> {
        draw::png(&self.scene)
    }
}

/// A name as part of a file name.
fn plain(name: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = name
        .chars()
        .map(|c| if kept(c) { c } else { '-' })
        .collect();
    name.trim_start_matches('.').to_owned()
}
