//! The copies of a partition: a panel for each broker, with the end of its log and its high watermark
//! over time, who leads in which epoch, and who is in sync.

use super::frame::{Frame, Look};
use super::palette::{BLUE, Colour, Fill, INK, PALE, Texture, VERMILION};
use super::plot::{self, Grid, Panel};
use super::scene::{Anchor, Area, Scene};
use super::size::Size;
use super::table::Csv;
use super::timeline::{Timeline, spoken};
use crate::base::{Instant, NodeId, Offset};
use crate::kafka::Cast;
use crate::lab::copies::{CopyCourse, Cut, PartitionCopies};
use crate::lab::course::{self, IncidentKind, Steps};
use crate::report::text::counted;

/// In sync, and not the leader.
const IN_SYNC: Fill = Fill::plain(Colour(0xdd, 0xec, 0xf7));
/// Leads.
const LEADS: Fill = Fill::plain(Colour(0xbf, 0xe3, 0xd6));
/// Its process is gone.
const DOWN: Fill = Fill::with(PALE, Texture::Falling);

/// What became of the copies, in a sentence.
pub(super) fn title(course: &PartitionCopies, cast: &Cast) -> String {
    let place = cast.partition(course.partition);
    let leads = match handovers(course).as_slice() {
        [] => format!("{place} keeps its leader"),
        [(at, who)] => {
            let after = spoken(at.since(Instant::ZERO));
            format!("{} leads {place} from {after} on", cast.actor(*who))
        }
        several => format!("{place} changes its leader {} times", several.len()),
    };
    let unclean = match course.unclean {
        0 => "",
        _ => ", although it was not in sync",
    };
    let cut: Offset = course.cuts.iter().map(|cut| cut.from - cut.to).sum();
    let records = match cut {
        1 => "1 record is".to_owned(),
        _ => format!("{} are", counted(cut, "record", "records")),
    };
    let loss = match course.cuts.as_slice() {
        [] => "; no log loses its end".to_owned(),
        [one] => format!(
            "; {records} gone from the log of {}",
            cast.actor(one.broker)
        ),
        cuts => format!("; {records} gone from {} logs", cuts.len()),
    };
    format!("{leads}{unclean}{loss}")
}

/// The elections that made another broker the leader than the one before.
fn handovers(course: &PartitionCopies) -> Vec<(Instant, NodeId)> {
    let first = |copy: &&CopyCourse| copy.leads.first().is_some_and(|(.., epoch)| *epoch == 0);
    let mut leader = course.copies.iter().find(first).map(|copy| copy.broker);
    let mut found = Vec::new();
    for incident in &course.incidents {
        if incident.what == IncidentKind::Elected && leader != Some(incident.who) {
            leader = Some(incident.who);
            found.push((incident.at, incident.who));
        }
    }
    found
}

/// The picture.
pub(super) fn scene(
    course: &PartitionCopies,
    cast: &Cast,
    (title, source): (&str, &str),
    size: Size,
) -> Scene {
    let rows = course.copies.len();
    let grid = Grid {
        columns: 1,
        rows: rows as i32,
    };
    let mut frame = Frame::new(size, title, source, grid.extra(size));
    let stretches = frame.room.width() / (size.small().size * 8);
    let timeline = Timeline::new(instants(course), stretches as usize);
    frame.key(&key(course, &timeline));
    frame.room.bottom -= size.small().line() + size.gap(4);
    let strip = frame.room.top;
    frame.room.top += plot::strip_height(size);
    let most = course.copies.iter().filter_map(CopyCourse::highest).max();
    let panels: Vec<Panel> = (0..rows)
        .map(|index| {
            let cell = grid.cell(&frame.room, index, size.gap(10));
            Panel::new(&cell, &timeline, size, (0, most.unwrap_or(0).max(1)))
        })
        .collect();
    for (panel, copy) in panels.iter().zip(&course.copies) {
        one(&mut frame, panel, copy, (course, cast));
    }
    plot::incidents(&mut frame, cast, &course.incidents, &panels, strip);
    if let Some(last) = panels.last() {
        last.instants(&mut frame);
    }
    frame.scene
}

/// What the looks mean; only those that are there.
fn key(course: &PartitionCopies, timeline: &Timeline) -> Vec<(Look, &'static str)> {
    let mut entries = vec![
        (Look::Line(INK), "end of the log"),
        (Look::Line(BLUE), "high watermark"),
        (Look::Surface(LEADS), "leads (its epoch)"),
        (Look::Surface(IN_SYNC), "in sync"),
    ];
    let has_gone = |copy: &CopyCourse| copy.gone(course.end).next().is_some();
    if course.copies.iter().any(has_gone) {
        entries.push((Look::Surface(DOWN), "process gone"));
    }
    if !course.cuts.is_empty() {
        entries.push((Look::Cross(VERMILION), "end of a log gone"));
    }
    if timeline.is_broken() {
        entries.push((Look::Break, "time left out"));
    }
    entries
}

/// One broker's panel.
fn one(
    frame: &mut Frame,
    panel: &Panel,
    copy: &CopyCourse,
    (course, cast): (&PartitionCopies, &Cast),
) {
    let end = copy.log_end.last().and_then(|(_, end)| *end).unwrap_or(0);
    let known = |steps: &Steps| steps.iter().rev().find_map(|(_, value)| *value);
    let watermark = known(&copy.high_watermark).unwrap_or(0);
    let wordings = [
        format!("its log ends at {end}, high watermark {watermark}"),
        format!("ends at {end}"),
    ];
    panel.heading(frame, cast.actor(copy.broker), &wordings);
    for (from, to) in &copy.in_sync {
        band(frame, panel, (*from, *to), IN_SYNC);
    }
    for (from, to) in copy.gone(course.end) {
        band(frame, panel, (from, to), DOWN);
    }
    for (from, to, epoch) in &copy.leads {
        band(frame, panel, (*from, *to), LEADS);
        let style = frame.size.small().anchored(Anchor::End);
        let words = format!("epoch {epoch}");
        let (left, right) = (panel.axis.x(*from), panel.axis.x(*to));
        if style.width(&words) + style.size <= right - left {
            let place = (right - style.size / 2, panel.area.bottom - style.line());
            frame.scene.text(place, style, words);
        }
    }
    panel.scales(frame);
    let thick = frame.size.line();
    panel.stairs(&mut frame.scene, &copy.log_end, INK, thick);
    panel.stairs(&mut frame.scene, &copy.high_watermark, BLUE, thick / 2);
    for cut in course.cuts.iter().filter(|cut| cut.broker == copy.broker) {
        crossed(frame, panel, cut);
    }
    panel.axis.draw(&mut frame.scene, panel.area.bottom);
}

fn band(frame: &mut Frame, panel: &Panel, (from, to): (Instant, Instant), fill: Fill) {
    let area = Area::new(
        panel.axis.x(from),
        panel.area.top,
        panel.axis.x(to),
        panel.area.bottom,
    );
    if 0 < area.width() {
        frame.scene.surface(area, fill);
    }
}

/// A cross where the log ended before it was cut off, with the number of records.
fn crossed(frame: &mut Frame, panel: &Panel, cut: &Cut) {
    let place = (panel.axis.x(cut.at), panel.scale.y(cut.from));
    let size = frame.size.line() * 2;
    frame.scene.cross(place, size, VERMILION);
    let style = frame.size.small();
    let words = format!("−{}", cut.from - cut.to);
    let left = place.0 + size + 4;
    if left + style.width(&words) <= panel.area.right {
        let middle = place.1.max(panel.area.top + style.size / 2);
        frame
            .scene
            .text_beside((left, middle), style.coloured(INK), words);
    }
}

/// Every instant at which something happened to a broker or a copy.
fn instants(course: &PartitionCopies) -> Vec<Instant> {
    let incidents = course.incidents.iter().map(|incident| incident.at);
    let copies = course.copies.iter().flat_map(CopyCourse::instants);
    incidents
        .chain(copies)
        .filter(|at| *at < course.end)
        .collect()
}

impl CopyCourse {
    /// Every instant at which something changed.
    fn instants(&self) -> impl Iterator<Item = Instant> + '_ {
        let steps = self.log_end.iter().chain(&self.high_watermark);
        let leads = self.leads.iter().flat_map(|(from, to, _)| [*from, *to]);
        let stretches = self.in_sync.iter().chain(&self.up);
        let stretches = stretches.flat_map(|(from, to)| [*from, *to]);
        steps.map(|(at, _)| *at).chain(leads).chain(stretches)
    }

    fn highest(&self) -> Option<Offset> {
        self.log_end.iter().filter_map(|(_, end)| *end).max()
    }

    /// The stretches of time without a process, up to the end of the run.
    fn gone(&self, end: Instant) -> impl Iterator<Item = (Instant, Instant)> + '_ {
        let begins = self.up.iter().map(|(_, to)| *to);
        let ends = self.up.iter().skip(1).map(|(from, _)| *from);
        let gaps = begins.zip(ends.chain([end]));
        gaps.filter(|(from, to)| from < to)
    }
}

/// A row for each change of a copy.
pub(super) fn csv(course: &PartitionCopies, cast: &Cast) -> String {
    let mut csv = Csv::new(&[
        "partition",
        "broker",
        "nanoseconds",
        "log_end",
        "high_watermark",
        "leader_epoch",
        "in_sync",
        "up",
    ]);
    let within = |stretches: &[(Instant, Instant)], at: Instant| {
        stretches.iter().any(|(from, to)| *from <= at && at < *to)
    };
    for copy in &course.copies {
        let mut all: Vec<Instant> = copy.instants().collect();
        all.sort_unstable();
        all.dedup();
        for at in all {
            let number = |value: Option<Offset>| value.map_or(String::new(), |n| n.to_string());
            let leads = copy.leads.iter();
            let epoch = leads.filter(|(from, to, _)| *from <= at && at < *to);
            let epoch = epoch.map(|(_, _, epoch)| epoch.to_string()).next();
            csv.row([
                cast.partition(course.partition),
                cast.actor(copy.broker).to_owned(),
                at.0.to_string(),
                number(course::at(&copy.log_end, at)),
                number(course::at(&copy.high_watermark, at)),
                epoch.unwrap_or_default(),
                within(&copy.in_sync, at).to_string(),
                within(&copy.up, at).to_string(),
            ]);
        }
    }
    csv.text()
}
