//! The lag of a group over time, a panel for each variant: what is in the logs and not committed,
//! and how much of it was not even read.

use super::frame::{Frame, Look};
use super::palette::{BLUE, Colour, Fill, INK, ORANGE, SKY};
use super::plot::{self, Grid, Panel};
use super::scene::{Point, Scene};
use super::size::Size;
use super::table::Csv;
use super::timeline::{Timeline, spoken};
use crate::base::{Instant, Span};
use crate::kafka::Cast;
use crate::lab::course::{Course, PartitionCourse, Steps};
use crate::report::text::counted;

/// In the log, not handed out by any poll.
const UNREAD: Colour = SKY;
/// Handed out, not covered by an offset commit.
const UNCOMMITTED: Colour = ORANGE;

/// The course of a group in one variant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant<'c> {
    pub(super) name: Option<&'c str>,
    pub(super) cast: &'c Cast,
    pub(super) course: &'c Course,
}

/// The lag of all partitions together.
#[derive(Clone, Debug)]
struct Sum {
    lag: Steps,
    unread: Steps,
}

impl Sum {
    fn of(course: &Course) -> Self {
        let mut instants: Vec<Instant> = course
            .partitions
            .iter()
            .flat_map(PartitionCourse::instants)
            .collect();
        instants.sort_unstable();
        instants.dedup();
        let (mut lag, mut unread) = (Steps::new(), Steps::new());
        for at in instants {
            let of = |count: fn(&PartitionCourse, Instant) -> u64| {
                Some(
                    course
                        .partitions
                        .iter()
                        .map(|partition| count(partition, at))
                        .sum::<u64>(),
                )
            };
            push(&mut lag, at, of(PartitionCourse::lag));
            push(&mut unread, at, of(PartitionCourse::unread));
        }
        Self { lag, unread }
    }

    /// The largest lag and when it was reached first.
    fn peak(&self) -> (u64, Instant) {
        let values = self
            .lag
            .iter()
            .map(|(at, value)| (value.unwrap_or(0), std::cmp::Reverse(*at)));
        values
            .max()
            .map_or((0, Instant::ZERO), |(value, at)| (value, at.0))
    }

    /// The lag in the end, and since when it is so.
    fn end(&self) -> (u64, Instant) {
        let last = self.lag.last().copied();
        last.map_or((0, Instant::ZERO), |(at, value)| (value.unwrap_or(0), at))
    }
}

fn push(steps: &mut Steps, at: Instant, value: Option<u64>) {
    if steps.last().is_none_or(|(_, last)| *last != value) {
        steps.push((at, value));
    }
}

/// What the variants show, as a sentence.
pub(super) fn title(variants: &[Variant<'_>]) -> String {
    let told: Vec<(String, Sum)> = (variants.iter())
        .map(|v| (v.name.unwrap_or("the lag").to_owned(), Sum::of(v.course)))
        .collect();
    let records = |count| counted(count, "record", "records");
    match told.as_slice() {
        [] => String::new(),
        [(_, sum)] => {
            let (peak, at) = sum.peak();
            let (left, since) = sum.end();
            let end = match left {
                _ if peak == 0 => return "The group never lags behind".to_owned(),
                0 => format!("is 0 again after {}", spoken(since.since(at))),
                _ => format!("ends at {left}"),
            };
            let at = spoken(at.since(Instant::ZERO));
            format!("The lag peaks at {} after {at} and {end}", records(peak))
        }
        _ => {
            let least = told.iter().min_by_key(|(_, sum)| sum.peak().0);
            let most = told.iter().rev().max_by_key(|(_, sum)| sum.peak().0);
            let (Some((low, least)), Some((high, most))) = (least, most) else {
                return String::new();
            };
            let end = ending(&told);
            if least.peak().0 == most.peak().0 {
                let peak = records(most.peak().0);
                return format!("The lag peaks at {peak} in every variant{end}");
            }
            let (least, most) = (records(least.peak().0), most.peak().0);
            format!("The lag peaks at {least} ({low}) to {most} ({high}){end}")
        }
    }
}

/// Where the lags of several variants end, as the end of a sentence.
fn ending(told: &[(String, Sum)]) -> String {
    let by_rest = |(_, sum): &&(String, Sum)| sum.end().0;
    let (Some((low, least)), Some((high, most))) = (
        told.iter().min_by_key(by_rest),
        told.iter().max_by_key(by_rest),
    ) else {
        return String::new();
    };
    let (least, most) = (least.end().0, most.end().0);
    if most != least {
        return format!("; it ends at {least} ({low}) to {most} ({high})");
    }
    if most != 0 {
        return format!(" and ends at {most}");
    }
    let by_time = |(_, sum): &&(String, Sum)| sum.end().1;
    let (Some((soon, first)), Some((late, last))) = (
        told.iter().min_by_key(by_time),
        told.iter().max_by_key(by_time),
    ) else {
        return String::new();
    };
    let after = |sum: &Sum| spoken(sum.end().1.since(Instant::ZERO));
    if after(first) == after(last) {
        return format!(" and is 0 again at {}", after(last));
    }
    format!(
        "; it is 0 again at {} ({soon}) to {} ({late})",
        after(first),
        after(last)
    )
}

/// The picture: a panel for each variant, over one time axis.
pub(super) fn scene(variants: &[Variant<'_>], title: &str, source: &str, size: Size) -> Scene {
    let grid = if variants.len() <= 4 {
        Grid {
            columns: 1,
            rows: variants.len() as i32,
        }
    } else {
        Grid::of(variants.len())
    };
    let mut frame = Frame::new(size, title, source, grid.extra(size));
    let cell_width = frame.room.width() / grid.columns;
    let stretches = (cell_width / (size.small().size * 8)).clamp(1, 8);
    let instants = variants
        .iter()
        .flat_map(|variant| plot::instants(variant.course));
    let timeline = Timeline::new(instants.collect(), stretches as usize);
    let mut key = vec![
        (Look::Surface(Fill::plain(UNREAD)), "not read yet"),
        (
            Look::Surface(Fill::plain(UNCOMMITTED)),
            "read, not committed yet",
        ),
        (Look::Line(INK), "lag: both together"),
    ];
    for variant in variants {
        for entry in plot::key(variant.course, &timeline) {
            if !key.contains(&entry) {
                key.push(entry);
            }
        }
    }
    key.retain(|(look, _)| !matches!(look, Look::Cross(_)));
    frame.key(&key);
    frame.room.bottom -= size.small().line() + size.gap(4);
    let sums: Vec<Sum> = variants
        .iter()
        .map(|variant| Sum::of(variant.course))
        .collect();
    let most = sums
        .iter()
        .map(|sum| sum.peak().0)
        .max()
        .unwrap_or(0)
        .max(1);
    // One variant has its incidents named above, several have them in their own panels.
    let strip = frame.room.top;
    if variants.len() == 1 {
        frame.room.top += plot::strip_height(size);
    }
    let panels: Vec<Panel> = (0..variants.len())
        .map(|index| {
            let cell = grid.cell(&frame.room, index, size.gap(10));
            Panel::new(&cell, &timeline, size, (0, most))
        })
        .collect();
    for ((panel, variant), sum) in panels.iter().zip(variants).zip(&sums) {
        one(&mut frame, panel, variant, sum);
    }
    if let ([panel], [variant]) = (panels.as_slice(), variants) {
        let (panels, cast) = ([panel.clone()], variant.cast);
        plot::incidents(&mut frame, cast, &variant.course.incidents, &panels, strip);
    }
    for column in plot::columns(&panels, grid) {
        if let Some(last) = column.last() {
            last.instants(&mut frame);
        }
    }
    frame.scene
}

fn one(frame: &mut Frame, panel: &Panel, variant: &Variant<'_>, sum: &Sum) {
    let name = variant
        .name
        .unwrap_or_else(|| variant.cast.group(variant.course.group));
    let (peak, _) = sum.peak();
    let (left, since) = sum.end();
    let since = spoken(Span(since.0));
    let wordings = [
        format!("largest {peak}, {left} in the end, from {since} on"),
        format!("largest {peak}, {left} in the end"),
    ];
    panel.heading(frame, name, &wordings);
    panel.rebalances(&mut frame.scene, &variant.course.rebalances);
    panel.scales(frame);
    let scene = &mut frame.scene;
    for (steps, colour) in [(&sum.lag, UNCOMMITTED), (&sum.unread, UNREAD)] {
        if let Some(points) = surface(panel, steps) {
            scene.shape(points, colour);
        }
    }
    panel.stairs(scene, &sum.unread, BLUE, frame.size.line() / 2);
    panel.stairs(scene, &sum.lag, INK, frame.size.line() / 2);
    panel.axis.draw(&mut frame.scene, panel.area.bottom);
}

/// The outline of the surface under a staircase.
fn surface(panel: &Panel, steps: &Steps) -> Option<Vec<Point>> {
    let lines = panel.corners(steps);
    let (first, last) = (*lines.first()?, *lines.last()?);
    let mut points = vec![(first.0, panel.area.bottom)];
    points.extend(lines);
    points.push((last.0, panel.area.bottom));
    Some(points)
}

/// A row for each change on a partition.
pub(super) fn csv(variants: &[Variant<'_>]) -> String {
    let mut csv = Csv::new(&["variant", "partition", "nanoseconds", "lag", "unread"]);
    for variant in variants {
        for partition in &variant.course.partitions {
            let mut instants: Vec<Instant> = partition.instants().collect();
            instants.sort_unstable();
            instants.dedup();
            let mut last = None;
            for at in instants {
                let numbers = (partition.lag(at), partition.unread(at));
                if last == Some(numbers) {
                    continue;
                }
                last = Some(numbers);
                csv.row([
                    variant.name.unwrap_or_default().to_owned(),
                    variant.cast.partition(partition.partition),
                    at.0.to_string(),
                    numbers.0.to_string(),
                    numbers.1.to_string(),
                ]);
            }
        }
    }
    csv.text()
}
