//! Charts of runs: data first, drawn second, a title that says what was found.
//!
//! | file | is |
//! |---|---|
//! | `outcomes`, `offsets`, `owners`, `lag`, `life`, `replicas` | a kind of chart each |
//! | `finding`, `course_finding` | their titles |
//! | `plot`, `timeline` | panels over time, and their time axis |
//! | `frame`, `size` | what all charts share: title, key, room, letters |
//! | `scene`, `palette`, `type_face` | the picture as data: marks, colours and textures, the font |
//! | `draw` | the picture as SVG or PNG |
//! | `table` | the data as CSV |
//!
//! Nothing here runs or writes a file; all numbers but the font's are integers.

mod course_finding;
mod draw;
mod finding;
mod frame;
mod lag;
mod life;
mod offsets;
mod outcomes;
mod owners;
mod palette;
mod plot;
mod replicas;
mod scene;
mod size;
mod table;
mod timeline;
mod type_face;

use crate::kafka::Cast;
use crate::lab::copies::copies;
use crate::lab::course::{self, Course};
use crate::lab::lives::lives;
use crate::lab::{Comparison, Experiment, Outcome};
use crate::verdict::summary::GroupVerdict;

use scene::Scene;
pub use size::Size;

/// What a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Outcomes of records, by variant.
    Outcomes,
    /// Produced, position and committed offset over time, by partition.
    Offsets,
    /// Who owned which partition when.
    Owners,
    /// The lag over time, by variant.
    Lag,
    /// From send to offset commit, by record.
    Life,
    /// The copies of the partition to which most happened: logs, leaders, who is in sync.
    Replicas,
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
    let runs = runs(comparison);
    for run in &runs {
        charts.extend(
            kinds
                .iter()
                .filter_map(|kind| run.chart(*kind, &source, size)),
        );
    }
    if kinds.contains(&Kind::Lag) {
        let names = comparison.groups();
        let several = 1 < names.len();
        charts.extend(
            names
                .into_iter()
                .map(|name| lag_of(&runs, name, several, &source, size)),
        );
    }
    if kinds.contains(&Kind::Replicas) {
        let experiments = comparison.runs.iter().map(|(experiment, _)| experiment);
        charts.extend(experiments.filter_map(|one| replicas_of(one, &source, size)));
    }
    charts
}

/// The copies of a partition of one run, if anything happened to them.
fn replicas_of(experiment: &Experiment, source: &Source, size: Size) -> Option<Chart> {
    let course = copies(experiment)?;
    let cast = &experiment.setup.cast;
    let variant = experiment.variant.clone();
    let title = replicas::title(&course, cast);
    let line = source.line(variant.as_deref(), None);
    Some(Chart {
        kind: Kind::Replicas,
        variant,
        group: None,
        scene: replicas::scene(&course, cast, (&title, &line), size),
        csv: replicas::csv(&course, cast),
        title,
    })
}

/// Every group of every variant.
fn runs(comparison: &Comparison) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    for (experiment, outcome) in &comparison.runs {
        let courses = course::courses(experiment).into_iter();
        runs.extend(courses.map(|course| Run {
            experiment,
            outcome,
            course,
        }));
    }
    runs
}

/// The lag of a group in all variants.
fn lag_of(runs: &[Run<'_>], name: &str, several: bool, source: &Source, size: Size) -> Chart {
    let own = |run: &&Run<'_>| run.cast().group(run.course.group) == name;
    let variants: Vec<lag::Variant<'_>> = (runs.iter().filter(own))
        .map(|run| lag::Variant {
            name: run.experiment.variant.as_deref(),
            cast: run.cast(),
            course: &run.course,
        })
        .collect();
    let group = several.then(|| name.to_owned());
    let title = lag::title(&variants);
    let line = source.line(None, group.as_deref());
    Chart {
        kind: Kind::Lag,
        variant: None,
        group,
        scene: lag::scene(&variants, &title, &line, size),
        csv: lag::csv(&variants),
        title,
    }
}

#[cfg(test)]
mod tests;

/// Whether a chart of lives has a row for every record of the group.
pub fn lives_fit(group: &GroupVerdict) -> bool {
    life::total(group) <= life::ROWS_MAX as u64
}

/// What one group did in one run.
#[derive(Debug)]
struct Run<'e> {
    experiment: &'e Experiment,
    outcome: &'e Outcome,
    course: Course,
}

impl Run<'_> {
    fn cast(&self) -> &Cast {
        &self.experiment.setup.cast
    }

    /// A chart of this run; none of a kind that shows several runs side by side.
    fn chart(&self, kind: Kind, source: &Source, size: Size) -> Option<Chart> {
        let cast = self.cast();
        let course = &self.course;
        let several = 1 < cast.groups.len();
        let group = several.then(|| cast.group(course.group).to_owned());
        let variant = self.experiment.variant.clone();
        let line = source.line(variant.as_deref(), group.as_deref());
        let (title, scene, csv) = match kind {
            Kind::Outcomes | Kind::Lag | Kind::Replicas => return None,
            Kind::Offsets => {
                let title = course_finding::of_offsets(course, cast);
                let scene = offsets::scene(course, cast, &title, &line, size);
                (title, scene, offsets::csv(course, cast))
            }
            Kind::Owners => {
                let verdict = &self.outcome.verdict.groups[course.group.index()];
                let title = course_finding::of_owners(course, verdict, cast);
                let scene = owners::scene(course, cast, &title, &line, size);
                (title, scene, owners::csv(course, cast))
            }
            Kind::Life => {
                let verdict = &self.outcome.verdict.groups[course.group.index()];
                let lives = lives(self.experiment, course.group, &life::chosen(verdict));
                let title = life::title(&lives, verdict);
                let words = (title.as_str(), line.as_str(), life::total(verdict));
                let scene = life::scene(&lives, (course, cast), words, size);
                (title, scene, life::csv(&lives, cast))
            }
        };
        Some(Chart {
            kind,
            variant,
            group,
            title,
            scene,
            csv,
        })
    }
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
    fn line(&self, variant: Option<&str>, group: Option<&str>) -> String {
        let of = |what: &str, name: Option<&str>| {
            name.map_or(String::new(), |name| format!("{what} {name} · "))
        };
        let (variant, group) = (of("variant", variant), of("group", group));
        format!("{variant}{group}{} · seed {}", self.title, self.seed)
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Outcomes,
        Self::Offsets,
        Self::Owners,
        Self::Lag,
        Self::Life,
        Self::Replicas,
    ];

    /// Its word on the command line and in file names.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Outcomes => "outcomes",
            Self::Offsets => "offsets",
            Self::Owners => "owners",
            Self::Lag => "lag",
            Self::Life => "life",
            Self::Replicas => "replicas",
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
