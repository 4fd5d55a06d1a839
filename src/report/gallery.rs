//! A gallery of comparisons: a page in Markdown for each, with its charts and its verdict table, and
//! an index. All of it as bytes under relative paths; who writes or compares files is above.

use super::charts::{self, Chart, Kind, Size};
use super::comparison::Compared;
use crate::lab::Comparison;

/// The charts of a page, in their order, and what a page says above each kind.
const KINDS: [(Kind, &str); 6] = [
    (Kind::Outcomes, "Outcomes"),
    (Kind::Offsets, "Offsets over time"),
    (Kind::Owners, "Who owned what"),
    (Kind::Lag, "Lag"),
    (Kind::Life, "The lives of records"),
    (Kind::Replicas, "The copies of a partition"),
];

/// A chart of more records or partitions than a page holds grows beyond this, and is left out.
const SVG_BYTES_MAX: usize = 100_000;

/// A file of the gallery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its path from the gallery's folder, with `/`.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A gallery under way.
#[derive(Debug, Default)]
pub struct Gallery {
    leaves: Vec<Leaf>,
    entries: Vec<Entry>,
}

/// A comparison in the index.
#[derive(Debug)]
struct Entry {
    /// The folder of its page, such as `delivery/lost-response`.
    folder: String,
    title: String,
    question: Option<String>,
    finding: String,
    picture: String,
}

impl Gallery {
    /// Adds a comparison under the name of its folder; `file` is what its commands name.
    pub fn add(&mut self, folder: &str, file: &str, comparison: &Comparison) {
        let Some((experiment, _)) = comparison.runs.first() else {
            return;
        };
        let kinds = KINDS.map(|(kind, _)| kind);
        let charts = charts::of(comparison, &kinds, Size::Page);
        let drawn: Vec<(Chart, String, String)> = (charts.into_iter())
            .map(|chart| {
                let svg = chart.svg();
                let name = format!("{}.svg", chart.file_stem("").trim_start_matches('-'));
                (chart, name, svg)
            })
            .filter(|(chart, _, svg)| svg.len() <= SVG_BYTES_MAX && is_telling(chart, comparison))
            .collect();
        let scenario = &experiment.scenario;
        let page = page(file, comparison, &drawn);
        let first = drawn.first();
        self.entries.push(Entry {
            folder: folder.to_owned(),
            title: one_line(&scenario.title),
            question: scenario.question.as_deref().map(one_line),
            finding: first.map_or_else(String::new, |(chart, ..)| chart.title.clone()),
            picture: first.map_or_else(String::new, |(_, name, _)| name.clone()),
        });
        self.leaf(format!("{folder}/README.md"), page);
        for (_, name, svg) in drawn {
            self.leaf(format!("{folder}/{name}"), svg);
        }
    }

    fn leaf(&mut self, path: String, text: String) {
        let bytes = text.into_bytes();
        self.leaves.push(Leaf { path, bytes });
    }

    /// Every file, the index among them; `command` is what makes the gallery anew.
    pub fn finish(mut self, command: &str) -> Vec<Leaf> {
        let index = index(&self.entries, command);
        self.leaf("README.md".to_owned(), index);
        self.leaves.sort_by(|a, b| a.path.cmp(&b.path));
        self.leaves
    }
}

/// Whether a chart says what the others do not: owners where some changed or had nothing, lives where
/// no variant has more than a page of them.
fn is_telling(chart: &Chart, comparison: &Comparison) -> bool {
    let mut groups = comparison
        .runs
        .iter()
        .flat_map(|(_, outcome)| &outcome.verdict.groups);
    match chart.kind {
        Kind::Outcomes | Kind::Offsets | Kind::Lag | Kind::Replicas => true,
        Kind::Owners => groups.any(|g| 0 < g.moved + g.partitions_stopped + g.idle_members),
        Kind::Life => groups.all(charts::lives_fit),
    }
}

fn index(entries: &[Entry], command: &str) -> String {
    let mut blocks = vec![
        "# Reports".to_owned(),
        "Every comparison with its charts and its verdict table, made by".to_owned(),
        format!("```sh\n{command}\n```"),
        "The same files give the same bytes on every machine, and each title is what its runs came \
         to. With `--check` the command compares and writes nothing."
            .to_owned(),
    ];
    let mut theme = "";
    for entry in entries {
        let own = entry.folder.rsplit_once('/').map_or("", |(theme, _)| theme);
        if own != theme {
            blocks.push(format!("## {own}"));
            theme = own;
        }
        let Entry {
            folder,
            title,
            finding,
            picture,
            ..
        } = entry;
        blocks.push(format!("### [{title}]({folder}/README.md)"));
        blocks.extend(entry.question.clone());
        if !picture.is_empty() {
            blocks.push(format!("![{finding}]({folder}/{picture})"));
        }
    }
    blocks.join("\n\n") + "\n"
}

fn page(file: &str, comparison: &Comparison, drawn: &[(Chart, String, String)]) -> String {
    let scenario = &comparison.runs[0].0.scenario;
    let mut blocks = vec![format!("# {}", one_line(&scenario.title))];
    let question = scenario.question.as_ref();
    blocks.extend(question.map(|question| format!("> {}", one_line(question))));
    blocks.extend(scenario.about.as_ref().map(|about| about.trim().to_owned()));
    let report = Compared { file, comparison }.report().to_string();
    blocks.push(format!("```text\n$ kafkasim compare {file}\n\n{report}```"));
    for (kind, heading) in KINDS {
        let own = drawn.iter().filter(|(chart, ..)| chart.kind == kind);
        let pictures = own.map(|(chart, name, _)| format!("![{}]({name})", chart.title));
        let pictures: Vec<String> = pictures.collect();
        if !pictures.is_empty() {
            blocks.push(format!("## {heading}"));
            blocks.extend(pictures);
        }
    }
    blocks.join("\n\n") + "\n"
}

/// A text without line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
