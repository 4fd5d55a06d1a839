//! Who owned which partition when: a lane for each partition, a bar for each time a member had it.

use super::frame::{Frame, Look};
use super::palette::{FAINT, Fill, INK, Texture, WHITE};
use super::plot::{self, Panel, Scale};
use super::scene::{Anchor, Area, Scene, Style};
use super::size::Size;
use super::table::Csv;
use super::timeline::Timeline;
use super::type_face;
use crate::base::NodeId;
use crate::kafka::Cast;
use crate::kafka::cast::Role;
use crate::lab::course::{Course, IncidentKind, Tenure};

/// With more members a key would be larger than the chart: their bars are labelled anyway.
const KEY_MAX: usize = 14;

/// The picture of one group's run.
pub(super) fn scene(course: &Course, cast: &Cast, title: &str, source: &str, size: Size) -> Scene {
    let rows = course.partitions.len() as i32;
    let members = members(course, cast);
    let above = size.title().line() * 2 + size.text().line() * 6 + plot::strip_height(size);
    let needed = above + rows * size.gap(16) + size.margin() * 2;
    let mut frame = Frame::new(size, title, source, needed - size.height());
    let stretches = frame.room.width() / (size.small().size * 8);
    let lasts = course.tenures.iter().any(|t| course.end <= t.to);
    let timeline = Timeline::new(plot::membership(course), stretches as usize).open_if(lasts);
    frame.key(&key(course, cast, &members, &timeline));
    idle(&mut frame, course, cast, &members);
    let strip = frame.room.top;
    if !course.incidents.is_empty() {
        frame.room.top += plot::strip_height(size) + size.gap(6);
    }
    frame.room.bottom -= size.small().line() + size.gap(4);
    let panels = [panel(&frame, course, cast, &timeline)];
    panels[0].rebalances(&mut frame.scene, &course.rebalances);
    plot::incidents(&mut frame, cast, &course.incidents, &panels, strip);
    let [panel] = panels;
    let height = panel.area.height() / rows.max(1);
    for (index, partition) in course.partitions.iter().enumerate() {
        let top = panel.area.top + index as i32 * height;
        let lane = Area::new(panel.area.left, top, panel.area.right, top + height);
        let style = size.text();
        let room = panel.area.left - frame.room.left - size.gap(8);
        let name = cast.partition(partition.partition);
        let name = type_face::fitted(&name, style.size, style.weight, room);
        let middle = i32::midpoint(lane.top, lane.bottom);
        frame
            .scene
            .text_beside((frame.room.left, middle), style, name);
        frame
            .scene
            .line((lane.left, middle), (lane.right, middle), FAINT, 1);
        let own = |tenure: &&Tenure| tenure.partition == partition.partition;
        for tenure in course.tenures.iter().filter(own) {
            bar(&mut frame, cast, &members, tenure, &panel, &lane);
        }
    }
    panel.axis.draw(&mut frame.scene, panel.area.bottom);
    crosses(&mut frame.scene, course, &panel, height, size);
    panel.instants(&mut frame);
    frame.scene
}

/// The members of the group in the order of the file.
fn members(course: &Course, cast: &Cast) -> Vec<NodeId> {
    let nodes = (0..).map(NodeId).zip(&cast.actors);
    nodes
        .filter(|(_, actor)| actor.role == Role::Member && actor.group == Some(course.group))
        .map(|(node, _)| node)
        .collect()
}

fn look(members: &[NodeId], member: NodeId) -> Fill {
    let index = members.iter().position(|known| *known == member);
    Fill::nth(index.unwrap_or(0))
}

fn key<'c>(
    course: &Course,
    cast: &'c Cast,
    members: &[NodeId],
    timeline: &Timeline,
) -> Vec<(Look, &'c str)> {
    let own = |member: &&NodeId| {
        course
            .tenures
            .iter()
            .any(|tenure| tenure.member == **member)
    };
    let owners: Vec<&NodeId> = members.iter().filter(own).collect();
    let mut entries: Vec<(Look, &str)> = Vec::new();
    if owners.len() <= KEY_MAX {
        let entry =
            |member: &&NodeId| (Look::Surface(look(members, **member)), cast.actor(**member));
        entries.extend(owners.iter().map(entry));
    }
    entries.extend(plot::key(course, timeline));
    entries
}

/// Says who never had a partition.
fn idle(frame: &mut Frame, course: &Course, cast: &Cast, members: &[NodeId]) {
    let idle = |member: &&NodeId| {
        course
            .tenures
            .iter()
            .all(|tenure| tenure.member != **member)
    };
    let names: Vec<&str> = members
        .iter()
        .filter(idle)
        .map(|m| cast.actor(*m))
        .collect();
    if !names.is_empty() && names.len() <= KEY_MAX {
        frame.note(&format!(
            "Without a partition throughout: {}.",
            names.join(", ")
        ));
    } else if !names.is_empty() {
        frame.note(&format!(
            "{} members had no partition throughout.",
            names.len()
        ));
    }
}

/// All lanes as one panel, with room for the names of the partitions at its left.
fn panel(frame: &Frame, course: &Course, cast: &Cast, timeline: &Timeline) -> Panel {
    let style = frame.size.text();
    let width = |name: &str| style.width(name) + frame.size.gap(8);
    let widths = course
        .partitions
        .iter()
        .map(|p| width(&cast.partition(p.partition)));
    let names = widths.max().unwrap_or(0).min(frame.room.width() / 4);
    let room = frame.room;
    let rows = course.partitions.len().max(1) as i32;
    let height = (room.height() / rows).min(frame.size.gap(84)) * rows;
    let area = Area::new(room.left + names, room.top, room.right, room.top + height);
    let label = frame.size.small().width("00.000 s") + 4;
    Panel {
        axis: timeline.laid_with_tail(area.left, area.right, label, tail(frame.size, course, cast)),
        scale: Scale {
            from: 0,
            to: 1,
            top: area.top,
            bottom: area.bottom,
        },
        area,
    }
}

/// Room for the bars of the last owners, so that who they are can be read.
fn tail(size: Size, course: &Course, cast: &Cast) -> i32 {
    let owners = course
        .tenures
        .iter()
        .map(|tenure| cast.actor(tenure.member));
    let widths = owners.map(|name| size.small().width(name) + size.gap(12));
    widths.max().unwrap_or(0).min(size.width() / 8)
}

fn bar(
    frame: &mut Frame,
    cast: &Cast,
    members: &[NodeId],
    tenure: &Tenure,
    panel: &Panel,
    lane: &Area,
) {
    let fill = look(members, tenure.member);
    let left = panel.axis.x(tenure.from);
    let right = panel.axis.x(tenure.to).max(left + 3);
    let inset = (lane.height() / 8).max(2);
    let area = Area::new(left, lane.top + inset, right, lane.bottom - inset);
    frame.scene.surface(area, fill);
    frame.scene.outline(area, INK);
    let size = frame.size.small().size.min(area.height() - 4);
    let style = Style::plain(size).anchored(Anchor::Middle);
    let full = cast.actor(tenure.member);
    let family = &cast.actors[tenure.member.index()].family;
    let short = full
        .strip_prefix(family.as_str())
        .unwrap_or(full)
        .trim_start_matches('-');
    let fits = |name: &&str| style.width(name) + size / 2 <= area.width();
    let Some(name) = [full, short].into_iter().find(fits) else {
        return;
    };
    let middle = (
        i32::midpoint(left, right),
        i32::midpoint(area.top, area.bottom),
    );
    if fill.texture == Texture::Plain {
        frame
            .scene
            .text_beside(middle, style.coloured(fill.colour.ink()), name);
        return;
    }
    let half = (style.width(name) / 2 + 3, size / 2 + 2);
    let patch = Area::new(
        middle.0 - half.0,
        middle.1 - half.1,
        middle.0 + half.0,
        middle.1 + half.1,
    );
    frame.scene.surface(patch, Fill::plain(WHITE));
    frame.scene.text_beside(middle, style, name);
}

/// A cross at the end of each bar that a crash ended.
fn crosses(scene: &mut Scene, course: &Course, panel: &Panel, height: i32, size: Size) {
    for (index, partition) in course.partitions.iter().enumerate() {
        let ends = course
            .tenures
            .iter()
            .filter(|t| t.partition == partition.partition);
        for tenure in ends {
            let crashed = course.incidents.iter().any(|incident| {
                incident.what == IncidentKind::Crashed
                    && incident.who == tenure.member
                    && incident.at == tenure.to
            });
            if crashed {
                let middle = panel.area.top + index as i32 * height + height / 2;
                let place = (panel.axis.x(tenure.to), middle);
                scene.cross(place, size.line() * 2, INK);
            }
        }
    }
}

/// A row for each tenure.
pub(super) fn csv(course: &Course, cast: &Cast) -> String {
    let mut csv = Csv::new(&["partition", "member", "from_nanoseconds", "to_nanoseconds"]);
    for tenure in &course.tenures {
        csv.row([
            cast.partition(tenure.partition),
            cast.actor(tenure.member).to_owned(),
            tenure.from.0.to_string(),
            tenure.to.0.to_string(),
        ]);
    }
    csv.text()
}
