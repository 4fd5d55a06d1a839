//! Outcomes of records as bars: a row for each variant, in each group.

use super::finding;
use super::frame::Frame;
use super::palette::{Colour, Fill, ORANGE, PURPLE, SKY, Texture, VERMILION};
use super::scene::{Anchor, Area, Style};
use super::size::Size;
use super::table::Csv;
use super::type_face;
use super::{Chart, Kind, Source};
use crate::lab::Comparison;
use crate::report::text::grouped;
use crate::verdict::summary::GroupVerdict;

/// What a record can come to: the word, and how it looks.
const OUTCOMES: [(&str, Fill); 5] = [
    ("once", Fill::plain(SKY)),
    ("duplicated", Fill::with(ORANGE, Texture::Rising)),
    ("lost", Fill::with(VERMILION, Texture::Crossed)),
    ("handed on", Fill::with(PURPLE, Texture::Level)),
    (
        "waiting",
        Fill::with(Colour(0xc4, 0xc4, 0xc4), Texture::Upright),
    ),
];

/// These three are always named, even where there are none.
const ALWAYS: usize = 3;

/// Of what the outcomes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// A group's: what was processed.
    Group,
    /// A topic's, in a scenario without groups: what was written.
    Topic,
}

/// How the records of one group, or of one topic, fared in one variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// Of what.
    pub(super) whose: Whose,
    /// The variant, if the file has any.
    pub(super) variant: Option<String>,
    /// The group, or the topic.
    pub(super) group: String,
    /// How many records came to each outcome: once, duplicated, lost, handed on, waiting.
    pub(super) counts: [u64; OUTCOMES.len()],
}

/// The bars of all runs.
pub(super) fn chart(comparison: &Comparison, source: &Source, size: Size) -> Option<Chart> {
    let tallies = tallies(comparison);
    if tallies.is_empty() {
        return None;
    }
    let title = finding::of_outcomes(&tallies);
    Some(Chart {
        kind: Kind::Outcomes,
        variant: None,
        group: None,
        scene: scene(&tallies, &title, &source.line(None, None), size),
        csv: csv(&tallies),
        title,
    })
}

/// Every variant of every group, the groups in the order of the file.
fn tallies(comparison: &Comparison) -> Vec<Tally> {
    let of_group = |name: &str| -> Vec<Tally> {
        let runs = comparison.runs.iter();
        let found = runs.filter_map(|(experiment, outcome)| {
            let group = outcome.verdict.group(name)?;
            Some(Tally::new(experiment.variant.clone(), group))
        });
        found.collect()
    };
    let groups = comparison.groups();
    if groups.is_empty() {
        return topics(comparison);
    }
    groups.into_iter().flat_map(of_group).collect()
}

/// Every variant of every topic that somebody writes to.
fn topics(comparison: &Comparison) -> Vec<Tally> {
    let Some((experiment, _)) = comparison.runs.first() else {
        return Vec::new();
    };
    let names = experiment.setup.cast.topics.iter();
    let of_topic = |name: &String| -> Vec<Tally> {
        let runs = comparison.runs.iter();
        let found = runs.filter_map(|(experiment, outcome)| {
            let topic = outcome.verdict.topic(name)?;
            let (sent, twice) = (outcome.ledger.sent_to(topic.id), topic.appended_twice.len());
            let written = topic.appended;
            (0 < sent).then(|| Tally {
                whose: Whose::Topic,
                variant: experiment.variant.clone(),
                group: topic.name.clone(),
                counts: [written - twice, twice, sent.saturating_sub(written), 0, 0],
            })
        });
        found.collect()
    };
    names.flat_map(of_topic).collect()
}

impl Tally {
    fn new(variant: Option<String>, group: &GroupVerdict) -> Self {
        Self {
            whose: Whose::Group,
            variant,
            group: group.name.clone(),
            counts: [
                group.once.len(),
                group.duplicated.len(),
                group.lost_count(),
                group.handed_on.len(),
                group.waiting.len(),
            ],
        }
    }

    /// The records in all.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many came to nothing else than once.
    pub(super) fn once(&self) -> u64 {
        self.counts[0]
    }

    /// How many took effect more than once.
    pub(super) fn duplicated(&self) -> u64 {
        self.counts[1]
    }

    /// How many never took effect.
    pub(super) fn lost(&self) -> u64 {
        self.counts[2]
    }

    /// How many were handed on.
    pub(super) fn handed_on(&self) -> u64 {
        self.counts[3]
    }

    /// How many are still waiting.
    pub(super) fn waiting(&self) -> u64 {
        self.counts[4]
    }
}

fn csv(tallies: &[Tally]) -> String {
    let mut csv = Csv::new(&["variant", "group", "outcome", "records"]);
    for tally in tallies {
        for ((outcome, _), count) in OUTCOMES.iter().zip(tally.counts) {
            let variant = tally.variant.clone().unwrap_or_default();
            csv.row([
                variant,
                tally.group.clone(),
                (*outcome).to_owned(),
                count.to_string(),
            ]);
        }
    }
    csv.text()
}

/// The height of a row and of its parts.
#[derive(Clone, Copy, Debug)]
struct Row {
    name: Style,
    text: Style,
    bar: i32,
    gap: i32,
}

impl Row {
    const fn height(&self) -> i32 {
        self.name.line() + self.bar + self.gap
    }
}

fn scene(tallies: &[Tally], title: &str, source: &str, size: Size) -> super::scene::Scene {
    let groups = 1 + tallies
        .windows(2)
        .filter(|pair| pair[0].group != pair[1].group)
        .count();
    let variants = tallies.iter().any(|tally| tally.variant.is_some());
    let headings = if 1 < groups && variants {
        groups as i32
    } else {
        0
    };
    let rows = tallies.len() as i32;
    let roomy = Frame::new(size, title, source, 0).room.height();
    let heading = size.name().line() + size.gap(6);
    let tight = Row {
        name: Style::bold(size.small().size),
        text: Style::plain(size.small().size),
        bar: size.gap(10),
        gap: size.gap(8),
    };
    let free = roomy - headings * heading - rows * size.name().line();
    let bar = (free / rows / 2).clamp(tight.bar, size.gap(72));
    let wide = Row {
        name: size.name(),
        text: size.text(),
        bar,
        gap: (bar * 2 / 3).max(tight.gap),
    };
    let needs = |row: Row| headings * heading + rows * row.height();
    let row = if needs(wide) <= roomy { wide } else { tight };
    let mut frame = Frame::new(size, title, source, needs(row) - roomy);
    let most = tallies.iter().map(Tally::total).max().unwrap_or(0).max(1);
    let mut y = frame.room.top;
    let mut group = "";
    for tally in tallies {
        if 0 < headings && tally.group != group {
            let place = (frame.room.left, y);
            let words = match tally.whose {
                Whose::Group => format!("group {}", tally.group),
                Whose::Topic => format!("topic {}", tally.group),
            };
            let room = frame.room.width();
            let style = size.name().coloured(super::palette::BLUE);
            let words = type_face::fitted(&words, style.size, style.weight, room);
            frame.scene.text(place, style, words);
            y += heading;
        }
        group = &tally.group;
        one_row(&mut frame, tally, row, y, most);
        y += row.height();
    }
    frame.scene
}

/// The name and the counts above, the bar below.
fn one_row(frame: &mut Frame, tally: &Tally, row: Row, top: i32, most: u64) {
    let room = frame.room;
    let counts_left = counts(frame, tally, row, top);
    let name = tally.variant.as_ref().unwrap_or(&tally.group);
    let name_room = counts_left - room.left - row.text.size;
    let name = type_face::fitted(name, row.name.size, row.name.weight, name_room);
    frame.scene.text((room.left, top), row.name, name);
    let top = top + row.name.line();
    let mut left = room.left;
    for ((_, fill), width) in OUTCOMES
        .iter()
        .zip(widths(&tally.counts, most, room.width()))
    {
        let area = Area::new(left, top, left + width, top + row.bar);
        frame.scene.surface(area, *fill);
        left += width;
    }
    let bar = Area::new(room.left, top, left.max(room.left + 1), top + row.bar);
    frame.scene.outline(bar, super::palette::GREY);
}

/// The counts in words, each with its look, flush right; gives where they begin.
fn counts(frame: &mut Frame, tally: &Tally, row: Row, top: i32) -> i32 {
    let style = row.text.anchored(Anchor::End);
    let swatch = style.size * 3 / 4;
    let mut right = frame.room.right;
    let outcomes = OUTCOMES.iter().zip(tally.counts).enumerate();
    let mut shown: Vec<_> = outcomes
        .filter(|(index, (_, count))| *index < ALWAYS || 0 < *count)
        .collect();
    shown.reverse();
    for (_, ((word, fill), count)) in shown {
        let words = format!("{} {word}", grouped(count));
        let left = right - style.width(&words);
        frame.scene.text((right, top), style, words);
        let area = Area::new(
            left - swatch * 3 / 2,
            top + 2,
            left - swatch / 2,
            top + 2 + swatch,
        );
        frame.scene.surface(area, *fill);
        frame.scene.outline(area, super::palette::GREY);
        right = area.left - style.size;
    }
    right
}

/// The widths of a bar's parts in a row whose longest bar is as wide as `room`: in proportion, but
/// what is there can be seen.
fn widths(counts: &[u64], most: u64, room: i32) -> Vec<i32> {
    const VISIBLE: i32 = 5;
    let proportion = |count: u64| (u128::from(count) * room as u128 / u128::from(most)) as i32;
    let visible = |count: u64| {
        if count == 0 {
            0
        } else {
            proportion(count).max(VISIBLE)
        }
    };
    let mut widths: Vec<i32> = counts.iter().map(|count| visible(*count)).collect();
    let excess = widths.iter().sum::<i32>() - room;
    if let Some(widest) = widths.iter_mut().max().filter(|_| 0 < excess) {
        *widest -= excess;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_in_a_million_is_seen() {
        let widths = widths(&[999_999, 1, 0], 1_000_000, 1_500);
        assert!(5 <= widths[1] && widths[2] == 0);
        assert!(widths.iter().sum::<i32>() <= 1_500);
    }

    fn tally(variant: &str, counts: [u64; 5]) -> Tally {
        Tally {
            whose: Whose::Group,
            variant: Some(variant.to_owned()),
            group: "workers".to_owned(),
            counts,
        }
    }

    #[test]
    fn labels_stand_apart_with_many_variants_and_long_names() {
        let long = "a-variant-with-quite-a-name-that-nobody-would-type-but-somebody-will-paste";
        for count in [1, 2, 5, 12, 30] {
            for size in [Size::Slide, Size::Page] {
                let counts = [1_000_000, 20_000, 3_000, 400, 50];
                let tallies: Vec<Tally> = (0..count).map(|_| tally(long, counts)).collect();
                let scene = scene(&tallies, &finding::of_outcomes(&tallies), "a file", size);
                assert_eq!(scene.collision(), None, "{count} rows on a {size:?}");
            }
        }
    }

    #[test]
    fn every_record_is_in_the_data() {
        let tallies = [tally("a", [26, 4, 0, 0, 0]), tally("b", [24, 0, 6, 0, 0])];
        let csv = csv(&tallies);
        let records = csv.lines().skip(1).map(|line| {
            let number = line.rsplit(',').next().expect("a row has cells");
            number.parse::<u64>().expect("the last cell is a number")
        });
        assert_eq!(records.sum::<u64>(), 60);
    }
}
