//! The lives of records: a row for each, from `send()` to the offset commit that covers it.

use std::collections::BTreeSet;

use super::frame::{Frame, Look};
use super::palette::{Colour, Fill, INK, ORANGE, PURPLE, SKY, VERMILION};
use super::plot::{self, Panel, Scale};
use super::scene::{Anchor, Area, Scene};
use super::size::Size;
use super::table::Csv;
use super::timeline::{Timeline, spoken};
use super::type_face;
use crate::base::{Instant, RecordId, Span};
use crate::kafka::Cast;
use crate::lab::course::Course;
use crate::lab::lives::{Life, Phase};
use crate::report::text::{counted, grouped};
use crate::verdict::names::NamedSet;
use crate::verdict::summary::GroupVerdict;

/// More rows cannot be read.
pub(super) const ROWS_MAX: usize = 60;

/// The records that get a row: all, or a sample of which at most two in three did not fare well.
pub(super) fn chosen(group: &GroupVerdict) -> Vec<RecordId> {
    let lost = group.lost.values().flat_map(NamedSet::iter);
    let odd: BTreeSet<RecordId> = lost
        .chain(group.duplicated.iter())
        .chain(group.handed_on.iter())
        .collect();
    let odd: Vec<RecordId> = odd.into_iter().collect();
    let rest: Vec<RecordId> = group.once.iter().chain(group.waiting.iter()).collect();
    let others = rest
        .len()
        .min((ROWS_MAX / 3).max(ROWS_MAX.saturating_sub(odd.len())));
    let mut chosen = sample(&odd, ROWS_MAX - others);
    chosen.extend(sample(&rest, others));
    chosen.sort_unstable();
    chosen
}

/// So many of these, evenly.
fn sample(records: &[RecordId], most: usize) -> Vec<RecordId> {
    let count = records.len().min(most);
    (0..count)
        .map(|index| records[index * records.len() / count])
        .collect()
}

/// The records that concern the group.
pub(super) fn total(group: &GroupVerdict) -> u64 {
    let sets = [
        &group.once,
        &group.duplicated,
        &group.handed_on,
        &group.waiting,
    ];
    sets.into_iter().map(NamedSet::len).sum::<u64>() + group.lost_count()
}

/// What the lives show, as a sentence; the numbers are those of all records.
pub(super) fn title(lives: &[Life], group: &GroupVerdict) -> String {
    let all = counted(total(group), "record", "records");
    let are = |count: u64| {
        let verb = if count == 1 { "is" } else { "are" };
        format!("{} of {all} {verb}", grouped(count))
    };
    let (lost, again) = (group.lost_count(), group.duplicated.len());
    if 0 < lost {
        let mut gone = lives.iter().filter(|life| life.effects.is_empty());
        let passed = gone.all(|life| life.lost.is_some());
        let why = ": committed before they were processed, and a crash came between";
        return format!("{} lost{}", are(lost), if passed { why } else { "" });
    }
    if 0 < again {
        return format!("{} processed again{}", are(again), reason(lives));
    }
    let mut waits: Vec<(Span, Span)> = lives.iter().filter_map(waits).collect();
    waits.sort_unstable();
    let Some((whole, in_log)) = waits.get(waits.len() / 2) else {
        return format!("None of {all} is processed");
    };
    let share = u128::from(in_log.0) * 100 / u128::from(whole.0.max(1));
    let whole = spoken(*whole);
    format!("The median record takes {whole} from send to effect, {share} % of it in the log")
}

/// Why records were processed again, as far as their lives show it.
fn reason(lives: &[Life]) -> &'static str {
    let repeated = || lives.iter().filter(|life| 1 < life.effects.len());
    let uncovered = |life: &Life| life.committed.is_none_or(|at| life.effects[1] <= at);
    if repeated().all(|life| 1 < life.appended) {
        ": they are in the log more than once"
    } else if repeated().all(uncovered) {
        ": no offset commit had covered them"
    } else {
        ""
    }
}

/// From `send()` to the effect, and how much of that in the log.
fn waits(life: &Life) -> Option<(Span, Span)> {
    let (sent, done) = (life.spans.first()?.from, *life.effects.first()?);
    let in_log = life
        .spans
        .iter()
        .filter(|span| span.phase == Phase::Log && span.to <= done);
    let in_log: u64 = in_log.map(|span| span.to.since(span.from).0).sum();
    Some((done.since(sent), Span(in_log)))
}

const fn look(phase: Phase) -> Fill {
    match phase {
        Phase::Producer => Fill::plain(PURPLE),
        Phase::Log => Fill::plain(Colour(0xd4, 0xd4, 0xd4)),
        Phase::Application => Fill::plain(ORANGE),
        Phase::Uncommitted => Fill::plain(SKY),
    }
}

/// The picture of one group's run.
pub(super) fn scene(
    lives: &[Life],
    (course, cast): (&Course, &Cast),
    (title, source, records): (&str, &str, u64),
    size: Size,
) -> Scene {
    let rows = lives.len().max(1) as i32;
    let least = size.gap(4);
    let above = size.title().line() * 2 + size.text().line() * 6 + plot::strip_height(size);
    let needed = above + rows * least + size.margin() * 2;
    let mut frame = Frame::new(size, title, source, needed - size.height());
    let stretches = frame.room.width() / (size.small().size * 8);
    let timeline = Timeline::new(instants(lives, course), stretches as usize);
    frame.key(&key(lives, course, &timeline));
    if (lives.len() as u64) < records {
        frame.note(&format!(
            "{} of {} records are shown.",
            lives.len(),
            grouped(records)
        ));
    }
    let strip = frame.room.top;
    if !course.incidents.is_empty() {
        frame.room.top += plot::strip_height(size) + size.gap(4);
    }
    frame.room.bottom -= size.small().line() + size.gap(4);
    let names: Vec<String> = lives.iter().map(|life| name(life, cast)).collect();
    let style = size.small();
    let widest = names
        .iter()
        .map(|name| style.width(name))
        .max()
        .unwrap_or(0);
    let names_width = widest.min(frame.room.width() / 4);
    let height = (frame.room.height() / rows).clamp(least, size.gap(36));
    let top = frame.room.top;
    let left = frame.room.left + names_width + size.gap(6);
    let area = Area::new(left, top, frame.room.right, top + height * rows);
    let panel = Panel {
        axis: timeline.laid(area.left, area.right, style.width("00.000 s") + 4),
        scale: Scale {
            from: 0,
            to: 1,
            top: area.top,
            bottom: area.bottom,
        },
        area,
    };
    let panels = [panel];
    plot::incidents(&mut frame, cast, &course.incidents, &panels, strip);
    let [panel] = panels;
    // Where rows are lower than letters, only some have a name.
    let stride = (style.size + height - 1) as usize / height as usize;
    for (index, (life, name)) in lives.iter().zip(&names).enumerate() {
        let top = panel.area.top + index as i32 * height;
        let lane = Area::new(panel.area.left, top, panel.area.right, top + height);
        if index.is_multiple_of(stride) {
            let name = type_face::fitted(name, style.size, style.weight, names_width);
            let middle = i32::midpoint(lane.top, lane.bottom);
            let place = (panel.area.left - size.gap(6), middle);
            let style = style.anchored(Anchor::End);
            frame.scene.text_beside(place, style, name);
        }
        row(&mut frame.scene, life, &panel, &lane, size);
    }
    panel.axis.draw(&mut frame.scene, panel.area.bottom);
    panel.instants(&mut frame);
    frame.scene
}

fn row(scene: &mut Scene, life: &Life, panel: &Panel, lane: &Area, size: Size) {
    let inset = (lane.height() / 8).max(1);
    for span in &life.spans {
        let (left, right) = (panel.axis.x(span.from), panel.axis.x(span.to));
        // The height tells the phases apart where colours do not.
        let inset = match span.phase {
            Phase::Log => lane.height() * 3 / 8,
            Phase::Application => lane.height() / 4,
            Phase::Producer | Phase::Uncommitted => inset,
        };
        let area = Area::new(
            left,
            lane.top + inset,
            right.max(left + 2),
            lane.bottom - inset,
        );
        scene.surface(area, look(span.phase));
    }
    let middle = i32::midpoint(lane.top, lane.bottom);
    let reach = (lane.height() / 4).clamp(3, size.line() * 2);
    for (index, at) in life.effects.iter().enumerate() {
        let place = (panel.axis.x(*at), middle);
        scene.dot(place, reach, INK);
        if 0 < index {
            scene.dot(place, (reach - 2).max(1), ORANGE);
        }
    }
    if let Some(at) = life.committed {
        let x = panel.axis.x(at);
        let tick = Area::new(x - 1, lane.top + 1, x + 2, lane.bottom - 1);
        scene.surface(tick, Fill::plain(VERMILION));
    }
    if let Some(at) = life.lost {
        scene.cross((panel.axis.x(at), middle), reach, INK);
    }
}

/// The record as its place in the log and its sender.
fn name(life: &Life, cast: &Cast) -> String {
    match life.place {
        Some((partition, offset)) => format!("{}@{offset}", cast.partition(partition)),
        None => cast.record(life.record),
    }
}

fn key(lives: &[Life], course: &Course, timeline: &Timeline) -> Vec<(Look, &'static str)> {
    let occurs = |phase: &Phase| {
        lives
            .iter()
            .any(|life| life.spans.iter().any(|span| span.phase == *phase))
    };
    let phases = Phase::ALL.into_iter().filter(occurs);
    let mut entries: Vec<(Look, &str)> = phases
        .map(|phase| (Look::Surface(look(phase)), phase.word()))
        .collect();
    entries.push((Look::Dot(INK), "processed"));
    if lives.iter().any(|life| 1 < life.effects.len()) {
        entries.push((Look::Dot(ORANGE), "again"));
    }
    entries.push((Look::Tick(VERMILION), "offset committed"));
    if lives.iter().any(|life| life.lost.is_some()) {
        entries.push((Look::Cross(INK), "lost"));
    }
    let shared = plot::key(course, timeline).into_iter();
    entries.extend(shared.filter(|(look, _)| *look == Look::Break));
    entries
}

fn instants(lives: &[Life], course: &Course) -> Vec<Instant> {
    let of_life = |life: &Life| {
        let begins = life.spans.iter().map(|span| span.from);
        let marks = life
            .effects
            .iter()
            .copied()
            .chain(life.committed)
            .chain(life.lost);
        begins.chain(marks).collect::<Vec<_>>()
    };
    let incidents = course.incidents.iter().map(|incident| incident.at);
    lives.iter().flat_map(of_life).chain(incidents).collect()
}

/// A row for each phase of each record.
pub(super) fn csv(lives: &[Life], cast: &Cast) -> String {
    let mut csv = Csv::new(&[
        "record",
        "place",
        "what",
        "from_nanoseconds",
        "to_nanoseconds",
    ]);
    for life in lives {
        let place = life.place.map_or_else(String::new, |(partition, offset)| {
            format!("{}@{offset}", cast.partition(partition))
        });
        let mut row = |what: &str, from: Instant, to: Instant| {
            let (from, to) = (from.0.to_string(), to.0.to_string());
            csv.row([
                cast.record(life.record),
                place.clone(),
                what.to_owned(),
                from,
                to,
            ]);
        };
        for span in &life.spans {
            row(span.phase.word(), span.from, span.to);
        }
        life.effects
            .iter()
            .for_each(|at| row("processed", *at, *at));
        life.committed
            .iter()
            .for_each(|at| row("offset committed", *at, *at));
        life.lost.iter().for_each(|at| row("lost", *at, *at));
    }
    csv.text()
}
