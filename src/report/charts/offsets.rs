//! Produced, position and committed offset of each partition over time: staircases, whose gap is the
//! lag.

use std::collections::BTreeSet;

use super::frame::{Frame, Look};
use super::palette::{BLUE, Colour, INK, ORANGE, VERMILION};
use super::plot::{self, Grid, Panel};
use super::scene::Scene;
use super::size::Size;
use super::table::Csv;
use super::timeline::Timeline;
use crate::base::{Instant, Offset};
use crate::kafka::Cast;
use crate::lab::course::{self, Course, IncidentKind, PartitionCourse, Steps};

/// The log.
const PRODUCED: Colour = Colour(0xb4, 0xb4, 0xb4);
/// More panels cannot be read.
const PANELS_MAX: usize = 24;

/// The picture of one group's run.
pub(super) fn scene(course: &Course, cast: &Cast, title: &str, source: &str, size: Size) -> Scene {
    let shown = &course.partitions[..course.partitions.len().min(PANELS_MAX)];
    let grid = Grid::of(shown.len());
    let mut frame = Frame::new(size, title, source, grid.extra(size));
    let cell_width = frame.room.width() / grid.columns;
    let stretches = (cell_width / (size.small().size * 7)).clamp(1, 8);
    let timeline = Timeline::new(plot::instants(course), stretches as usize);
    frame.key(&key(course, &timeline));
    if shown.len() < course.partitions.len() {
        frame.note(&format!(
            "The first {} of {} partitions.",
            shown.len(),
            course.partitions.len()
        ));
    }
    let strip = frame.room.top;
    if !course.incidents.is_empty() {
        frame.room.top += plot::strip_height(size);
    }
    frame.room.bottom -= size.small().line() + size.gap(4);
    let range = range(shown);
    let cell = |index| grid.cell(&frame.room, index, size.gap(10));
    let panels: Vec<Panel> = (0..shown.len())
        .map(|index| Panel::new(&cell(index), &timeline, size, range))
        .collect();
    for (panel, partition) in panels.iter().zip(shown) {
        panel.rebalances(&mut frame.scene, &course.rebalances);
        panel.scales(&mut frame);
        one(&mut frame, cast, course, partition, panel);
        panel.axis.draw(&mut frame.scene, panel.area.bottom);
    }
    for column in plot::columns(&panels, grid) {
        plot::incidents(&mut frame, cast, &course.incidents, &column, strip);
        if let Some(last) = column.last() {
            last.instants(&mut frame);
        }
    }
    frame.scene
}

fn key(course: &Course, timeline: &Timeline) -> Vec<(Look, &'static str)> {
    let mut entries = vec![
        (Look::Line(PRODUCED), "produced"),
        (Look::Line(BLUE), "position"),
        (Look::Dotted(VERMILION), "committed offset"),
        (Look::Dot(INK), "processed"),
    ];
    if course.partitions.iter().any(has_repeats) {
        entries.push((Look::Dot(ORANGE), "processed again"));
    }
    entries.extend(plot::key(course, timeline));
    entries
}

fn has_repeats(partition: &PartitionCourse) -> bool {
    let distinct: BTreeSet<Offset> = partition
        .processed
        .iter()
        .map(|(_, offset)| *offset)
        .collect();
    distinct.len() < partition.processed.len()
}

/// The smallest and largest number on any panel; from 0 unless everything is far from it.
fn range(partitions: &[PartitionCourse]) -> (u64, u64) {
    let values = |partition: &PartitionCourse| -> Vec<u64> {
        let steps = [
            &partition.log_end,
            &partition.position,
            &partition.committed,
        ];
        steps
            .into_iter()
            .flatten()
            .filter_map(|(_, value)| *value)
            .collect()
    };
    let most = partitions.iter().flat_map(values).max().unwrap_or(0);
    (0, most.max(1))
}

fn one(
    frame: &mut Frame,
    cast: &Cast,
    course: &Course,
    partition: &PartitionCourse,
    panel: &Panel,
) {
    let thick = frame.size.line();
    let name = cast.partition(partition.partition);
    panel.heading(frame, &name, &numbers(partition, course.end));
    let scene = &mut frame.scene;
    panel.stairs(scene, &partition.log_end, PRODUCED, thick * 2 + 1);
    panel.stairs(scene, &partition.position, BLUE, thick);
    panel.stairs(scene, &partition.committed, VERMILION, (thick / 2).max(2));
    effects(scene, partition, panel, thick);
    // Dots that touch each other would hide everything else.
    let room = panel.area.width() / (thick * 8);
    if partition.committed.len() <= room as usize {
        let asked = partition
            .committed
            .iter()
            .filter(|(at, _)| Instant::ZERO < *at);
        for (at, value) in asked.filter_map(|(at, value)| Some((at, (*value)?))) {
            let place = (panel.axis.x(*at), panel.scale.y(value));
            scene.dot(place, thick, VERMILION);
        }
    }
    crashes(scene, course, partition, panel, thick * 2);
}

/// Where everything stands in the end, in full and shorter.
fn numbers(partition: &PartitionCourse, end: Instant) -> [String; 2] {
    let known = |steps: &Steps| {
        course::at(steps, end).map_or_else(|| "none".to_owned(), |value| value.to_string())
    };
    let produced = known(&partition.log_end);
    let (position, committed) = (known(&partition.position), known(&partition.committed));
    [
        format!("in the end: produced {produced}, position {position}, committed {committed}"),
        format!("{committed} of {produced} committed"),
    ]
}

/// A dot for each effect at the step from its offset to the next; those that are repeats stand out.
fn effects(scene: &mut Scene, partition: &PartitionCourse, panel: &Panel, thick: i32) {
    let mut seen = BTreeSet::new();
    let mut drawn = BTreeSet::new();
    for (at, offset) in &partition.processed {
        let again = !seen.insert(*offset);
        let place = (panel.axis.x(*at), panel.scale.y(offset + 1));
        if !drawn.insert((place.0 / 3, place.1 / 3, again)) {
            continue;
        }
        if again {
            scene.dot(place, thick + 1, INK);
            scene.dot(place, thick, ORANGE);
        } else {
            scene.dot(place, thick * 3 / 4, INK);
        }
    }
}

/// A cross where a crash ends a position.
fn crashes(
    scene: &mut Scene,
    course: &Course,
    partition: &PartitionCourse,
    panel: &Panel,
    reach: i32,
) {
    let crashed = course
        .incidents
        .iter()
        .filter(|i| i.what == IncidentKind::Crashed);
    for incident in crashed {
        let ends = |(at, value): &&(Instant, Option<Offset>)| *at == incident.at && value.is_none();
        let Some(index) = partition.position.iter().position(|step| ends(&step)) else {
            continue;
        };
        let before = index
            .checked_sub(1)
            .and_then(|index| partition.position[index].1);
        if let Some(before) = before {
            let place = (panel.axis.x(incident.at), panel.scale.y(before));
            scene.cross(place, reach, INK);
        }
    }
}

/// The steps of every line, one row each.
pub(super) fn csv(course: &Course, cast: &Cast) -> String {
    let mut csv = Csv::new(&["partition", "nanoseconds", "what", "offset"]);
    for partition in &course.partitions {
        let name = cast.partition(partition.partition);
        let lines = [
            ("log-end", &partition.log_end),
            ("position", &partition.position),
            ("committed", &partition.committed),
        ];
        for (what, steps) in lines {
            for (at, value) in steps {
                let value = value.map_or_else(String::new, |value| value.to_string());
                csv.row([name.clone(), at.0.to_string(), what.to_owned(), value]);
            }
        }
        for (at, offset) in &partition.processed {
            let cells = [
                name.clone(),
                at.0.to_string(),
                "processed".to_owned(),
                offset.to_string(),
            ];
            csv.row(cells);
        }
    }
    csv.text()
}
