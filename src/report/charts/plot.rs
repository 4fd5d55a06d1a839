//! Panels over time: several in a grid, each with a timeline below and a scale at its left; the
//! incidents of a group across all of them.

use super::frame::{Frame, Look};
use super::palette::{Colour, Fill, GREY, INK};
use super::scene::{Anchor, Area, Point, Scene};
use super::size::Size;
use super::timeline::{Axis, Timeline};
use super::type_face;
use crate::base::Instant;
use crate::kafka::Cast;
use crate::lab::course::{Course, Incident, IncidentKind, PartitionCourse, Rebalance, Steps};

/// Behind a rebalance.
pub(super) const REBALANCE: Fill = Fill::plain(Colour(0xdd, 0xec, 0xf7));
/// What struck.
const STRUCK: Colour = INK;
/// What was done.
const DONE: Colour = GREY;
/// Rows of labels above the panels.
const STRIP_ROWS: i32 = 3;

/// Panels of equal size in rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) columns: i32,
    pub(super) rows: i32,
}

/// A panel's place and its scales.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// Where data is drawn.
    pub(super) area: Area,
    /// From instants to places.
    pub(super) axis: Axis,
    /// From numbers to heights.
    pub(super) scale: Scale,
}

/// Numbers from `from` at the bottom to `to` at the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) top: i32,
    pub(super) bottom: i32,
}

impl Grid {
    /// A grid for so many panels over time, which are better wide than high.
    pub(super) const fn of(panels: usize) -> Self {
        let panels = panels as i32;
        let columns = match panels {
            0..=3 => 1,
            4..=8 => 2,
            9..=15 => 3,
            _ => 4,
        };
        Self {
            columns,
            rows: (panels + columns - 1) / columns,
        }
    }

    /// The height that a picture needs beyond its size so that panels can be read.
    pub(super) const fn extra(self, size: Size) -> i32 {
        let above = size.title().line() * 2 + size.text().line() * 5 + strip_height(size);
        let least = size.gap(76) * self.rows + above + size.margin();
        least - size.height()
    }

    /// The room of the `index`th panel.
    pub(super) const fn cell(self, room: &Area, index: usize, gap: i32) -> Area {
        let (row, column) = (index as i32 / self.columns, index as i32 % self.columns);
        let width = (room.width() - gap * (self.columns - 1)) / self.columns;
        let height = (room.height() - gap * (self.rows - 1)) / self.rows;
        let (left, top) = (
            room.left + column * (width + gap),
            room.top + row * (height + gap),
        );
        Area::new(left, top, left + width, top + height)
    }
}

impl Scale {
    /// The height of a number.
    pub(super) fn y(&self, value: u64) -> i32 {
        let (low, high) = (self.from, self.to.max(self.from + 1));
        let value = value.clamp(low, high) - low;
        let room = (self.bottom - self.top) as u128;
        self.bottom - (u128::from(value) * room / u128::from(high - low)) as i32
    }

    /// Round numbers at a distance that labels need.
    fn ticks(&self, apart: i32) -> Vec<u64> {
        let range = self.to.max(self.from + 1) - self.from;
        let most = u64::from(((self.bottom - self.top) / apart.max(1)).max(1) as u32);
        let steps = (0..19).flat_map(|power| [1, 2, 5].map(|n: u64| n * 10_u64.pow(power)));
        let step = steps.into_iter().find(|step| range / step <= most);
        let step = step.unwrap_or(range);
        let first = self.from.div_ceil(step);
        (first..=self.to / step).map(|n| n * step).collect()
    }
}

impl Panel {
    /// A panel within a cell: a heading above, numbers at the left; what stands below is not in it.
    pub(super) fn new(cell: &Area, timeline: &Timeline, size: Size, range: (u64, u64)) -> Self {
        let small = size.small();
        let widest = small.width(&range.1.to_string());
        let area = Area::new(
            cell.left + widest + size.gap(8),
            cell.top + size.name().line() + size.gap(4),
            cell.right,
            cell.bottom,
        );
        let label = small.width("00.000 s") + 4;
        Self {
            axis: timeline.laid(area.left, area.right, label),
            scale: Scale {
                from: range.0,
                to: range.1,
                top: area.top,
                bottom: area.bottom,
            },
            area,
        }
    }

    /// Draws the scale of numbers.
    pub(super) fn scales(&self, frame: &mut Frame) {
        let style = frame.size.small();
        for value in self.scale.ticks(style.size * 2) {
            let y = self.scale.y(value);
            frame.scene.grid(self.area.left, self.area.right, y);
            let place = (self.area.left - frame.size.gap(5), y);
            let style = style.anchored(Anchor::End);
            frame.scene.text_beside(place, style, value.to_string());
        }
    }

    /// Puts the instants below.
    pub(super) fn instants(&self, frame: &mut Frame) {
        let style = frame.size.small();
        self.axis.label(&mut frame.scene, self.area.bottom, style);
    }

    /// The heading: a name, and beside it the first of several wordings that fits.
    pub(super) fn heading(&self, frame: &mut Frame, name: &str, wordings: &[String]) {
        let (bold, small) = (frame.size.name(), frame.size.small());
        let top = self.area.top - bold.line() - frame.size.gap(3);
        let room = self.area.width();
        let name = type_face::fitted(name, bold.size, bold.weight, room);
        let used = bold.width(&name) + bold.size * 3 / 4;
        frame.scene.text((self.area.left, top), bold, name);
        let fits = |words: &&String| small.width(words) <= room - used;
        if let Some(words) = wordings.iter().find(fits) {
            let place = (self.area.left + used, top + bold.size - small.size);
            frame.scene.text(place, small, words);
        }
    }

    /// Shades the rebalances.
    pub(super) fn rebalances(&self, scene: &mut Scene, rebalances: &[Rebalance]) {
        for rebalance in rebalances {
            let left = self.axis.x(rebalance.from);
            let right = self.axis.x(rebalance.to).max(left + 4);
            let area = Area::new(left, self.area.top, right, self.area.bottom);
            scene.surface(area, REBALANCE);
        }
    }

    /// Draws a number that changes in steps; where there is none, no line.
    pub(super) fn stairs(&self, scene: &mut Scene, steps: &Steps, colour: Colour, thick: i32) {
        let ends = steps
            .iter()
            .enumerate()
            .filter(|(_, (_, value))| value.is_none());
        let mut from = 0;
        for (end, _) in ends {
            scene.path(self.corners(&steps[from..=end]), colour, thick);
            from = end + 1;
        }
        scene.path(self.corners(&steps[from..]), colour, thick);
    }

    /// The corners of a staircase up to where there is no number any more, or the right edge.
    pub(super) fn corners(&self, steps: &[(Instant, Option<u64>)]) -> Vec<Point> {
        let end = self.axis.end();
        let mut line: Vec<Point> = Vec::new();
        for (at, value) in steps.iter().filter(|(at, _)| *at <= end) {
            let x = self.axis.x(*at);
            if let Some((_, before)) = line.last().copied() {
                along(&mut line, (x, before));
            }
            let Some(value) = value else {
                return line;
            };
            along(&mut line, (x, self.scale.y(*value)));
        }
        if let Some((_, last)) = line.last().copied() {
            along(&mut line, (self.axis.right(), last));
        }
        line
    }
}

/// Adds a point to a staircase; one that only lengthens its last part replaces it.
fn along(line: &mut Vec<Point>, (x, y): Point) {
    if let [.., before, last] = line.as_mut_slice() {
        let upright = before.0 == last.0 && last.0 == x && (before.1 <= last.1) == (last.1 <= y);
        let level = before.1 == last.1 && last.1 == y;
        if upright || level {
            *last = (x, y);
            return;
        }
    }
    if line.last() != Some(&(x, y)) {
        line.push((x, y));
    }
}

/// The panels of each column from top to bottom.
pub(super) fn columns(panels: &[Panel], grid: Grid) -> Vec<Vec<Panel>> {
    let column = |first: usize| {
        let own = panels.iter().skip(first).step_by(grid.columns as usize);
        own.cloned().collect()
    };
    (0..grid.columns as usize).map(column).collect()
}

/// Draws the incidents across panels that stand below each other, and names them above as far as
/// there is room.
pub(super) fn incidents(
    frame: &mut Frame,
    cast: &Cast,
    incidents: &[Incident],
    panels: &[Panel],
    strip: i32,
) {
    let Some(first) = panels.first() else {
        return;
    };
    let style = frame.size.small();
    let mut flags: Vec<Flag> = Vec::new();
    // From the right, so that what stands further left can stand above and no line meets a label.
    for incident in incidents.iter().rev() {
        let x = first.axis.x(incident.at);
        let words = format!("{} {}", cast.actor(incident.who), incident.what.word());
        let width = style.width(&words) + style.size / 2;
        let left = x.min(first.area.right - width);
        let row = free_row(&flags, x, (left, left + width));
        if let Some(row) = row.filter(|_| first.area.left <= left) {
            let top = strip + row * style.line();
            let ink = style.coloured(colour(incident.what));
            frame.scene.text((left + style.size / 3, top), ink, words);
            flags.push(Flag {
                x,
                left,
                right: left + width,
                row,
            });
        }
        let top = row.map_or(first.area.top, |row| strip + row * style.line());
        let top = if left == x { top } else { top + style.line() };
        let own = colour(incident.what);
        frame
            .scene
            .dotted(x, top, strip + strip_height(frame.size), own);
        for panel in panels {
            frame
                .scene
                .dotted(x, panel.area.top, panel.area.bottom, own);
        }
    }
}

/// A label above the panels, beside the line that it names.
#[derive(Clone, Copy, Debug)]
struct Flag {
    x: i32,
    left: i32,
    right: i32,
    row: i32,
}

/// The lowest row in which a label from `left` to `right` for a line at `x` meets no other label and
/// no line.
fn free_row(flags: &[Flag], x: i32, (left, right): (i32, i32)) -> Option<i32> {
    let fits = |row: &i32| {
        flags.iter().all(|flag| {
            let apart = right + 4 < flag.left || flag.right + 4 < left;
            let crosses_own = flag.left <= x && x <= flag.right && *row <= flag.row;
            let is_crossed = left <= flag.x && flag.x <= right && flag.row <= *row;
            (apart || *row != flag.row) && !crosses_own && !is_crossed
        })
    };
    (0..STRIP_ROWS).rev().find(fits)
}

/// The height of the labels above the panels.
pub(super) const fn strip_height(size: Size) -> i32 {
    STRIP_ROWS * size.small().line()
}

/// The colour of an incident.
pub(super) const fn colour(what: IncidentKind) -> Colour {
    match what {
        IncidentKind::Crashed | IncidentKind::Expelled | IncidentKind::TooSlow => STRUCK,
        IncidentKind::Halted | IncidentKind::CutOff => STRUCK,
        IncidentKind::Restarted
        | IncidentKind::WentOn
        | IncidentKind::Left
        | IncidentKind::Sought
        | IncidentKind::Elected
        | IncidentKind::Back => DONE,
    }
}

/// The entries of the key that every chart over time may need.
pub(super) fn key(course: &Course, timeline: &Timeline) -> Vec<(Look, &'static str)> {
    let crashed = course
        .incidents
        .iter()
        .any(|i| i.what == IncidentKind::Crashed);
    let mut entries = Vec::new();
    if !course.rebalances.is_empty() {
        entries.push((Look::Surface(REBALANCE), "rebalance"));
    }
    if crashed {
        entries.push((Look::Cross(INK), "crash"));
    }
    if timeline.is_broken() {
        entries.push((Look::Break, "time left out"));
    }
    entries
}

/// Every instant of a course: of its partitions, and of what happened to the group.
pub(super) fn instants(course: &Course) -> Vec<Instant> {
    let partitions = course.partitions.iter();
    let mut all = membership(course);
    all.extend(partitions.flat_map(PartitionCourse::instants));
    all
}

/// Every instant at which something happened to the group; the end of the run is none.
pub(super) fn membership(course: &Course) -> Vec<Instant> {
    let rebalances = course
        .rebalances
        .iter()
        .flat_map(|round| [round.from, round.to]);
    let incidents = course.incidents.iter().map(|incident| incident.at);
    let tenures = course
        .tenures
        .iter()
        .flat_map(|tenure| [tenure.from, tenure.to]);
    let all = rebalances.chain(incidents).chain(tenures);
    all.filter(|at| *at < course.end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staircase_keeps_its_corners_only() {
        let mut line = Vec::new();
        for point in [(0, 9), (3, 9), (7, 9), (7, 6), (7, 2), (9, 2)] {
            along(&mut line, point);
        }
        assert_eq!(line, [(0, 9), (7, 9), (7, 2), (9, 2)]);
    }

    #[test]
    fn ticks_are_round_and_few() {
        let scale = |to| Scale {
            from: 0,
            to,
            top: 0,
            bottom: 120,
        };
        assert_eq!(scale(10).ticks(30), [0, 5, 10]);
        assert_eq!(scale(1).ticks(30), [0, 1]);
        assert_eq!(scale(4_000_000).ticks(30).len(), 5);
        assert_eq!(scale(10).y(10), 0);
        assert_eq!(scale(10).y(0), 120);
    }
}
