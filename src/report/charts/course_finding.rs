//! What the course of a run shows, in a sentence made from its numbers.

use std::collections::BTreeSet;

use super::timeline::spoken;
use crate::base::{Instant, NodeId, Offset, TopicPartition};
use crate::kafka::Cast;
use crate::lab::course::{self, Course, IncidentKind, PartitionCourse};
use crate::report::text::counted;
use crate::verdict::summary::GroupVerdict;

/// A position that was set anew, and what that did to the records around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    at: Instant,
    partition: TopicPartition,
    /// Where reading went on.
    to: Offset,
    /// So many records came back that had been processed …
    again: u64,
    /// … or so many were passed over and never processed.
    passed: u64,
    /// Whether nobody had read the partition before.
    is_first: bool,
}

fn records(count: u64) -> String {
    counted(count, "record", "records")
}

/// What the offsets of a group show: what a crash or rebalance made of the gap, or how large the gap
/// became.
pub(super) fn of_offsets(course: &Course, cast: &Cast) -> String {
    let turns: Vec<Turn> = course.partitions.iter().flat_map(turns).collect();
    let worst = turns.iter().max_by_key(|turn| (turn.passed, turn.again));
    if let Some(turn) = worst.filter(|turn| 0 < turn.passed + turn.again) {
        return of_turn(turn, course, cast);
    }
    let reading = course.partitions.iter().filter_map(|partition| {
        let instants = partition.position.iter().map(|(at, _)| *at);
        let gap = |at: Instant| {
            let position = course::at(&partition.position, at)?;
            let committed = course::at(&partition.committed, at);
            let committed = committed.or(partition.begins()).unwrap_or(0);
            Some((position.saturating_sub(committed), at))
        };
        let (gap, at) = instants
            .filter_map(gap)
            .max_by_key(|(gap, at)| (*gap, std::cmp::Reverse(*at)))?;
        Some((gap, at, partition.partition))
    });
    let Some((gap, _, partition)) =
        reading.max_by_key(|(gap, at, _)| (*gap, std::cmp::Reverse(*at)))
    else {
        let left: u64 = course.partitions.iter().map(|p| p.lag(course.end)).sum();
        return format!(
            "{} reads nothing: {} left",
            cast.group(course.group),
            are(left)
        );
    };
    let left: u64 = course.partitions.iter().map(|p| p.lag(course.end)).sum();
    let ends = match left {
        0 => "in the end the lag is 0".to_owned(),
        _ => format!("in the end the lag is {}", records(left)),
    };
    if gap == 0 {
        return format!("The committed offset never falls behind the position; {ends}");
    }
    format!(
        "The position runs up to {} ahead of the committed offset ({}); {ends}",
        records(gap),
        cast.partition(partition),
    )
}

fn are(count: u64) -> String {
    match count {
        1 => "1 record is".to_owned(),
        _ => format!("{} are", records(count)),
    }
}

fn of_turn(turn: &Turn, course: &Course, cast: &Cast) -> String {
    let partition = cast.partition(turn.partition);
    if turn.is_first {
        let passed = counted(turn.passed, "record before it is", "records before it are");
        return format!(
            "Reading of {partition} begins at {}: {passed} never processed",
            turn.to
        );
    }
    let after = cause(turn, course, cast);
    if 0 < turn.passed {
        return format!(
            "{after} {partition} is read on from {}: {} passed over and never processed",
            turn.to,
            are(turn.passed),
        );
    }
    format!(
        "{after} {partition} is read again from {}: {} processed a second time",
        turn.to,
        are(turn.again),
    )
}

/// What came before a turn, as the beginning of a sentence.
fn cause(turn: &Turn, course: &Course, cast: &Cast) -> String {
    let reader = |tenure: &&crate::lab::course::Tenure| {
        tenure.partition == turn.partition && tenure.to <= turn.at
    };
    let before: Option<NodeId> = course.tenures.iter().rfind(reader).map(|t| t.member);
    let struck = course.incidents.iter().filter(|incident| {
        incident.at <= turn.at
            && incident.what != IncidentKind::Restarted
            && Some(incident.who) == before
    });
    match struck.min_by_key(|incident| incident.at) {
        Some(incident) => {
            let who = cast.actor(incident.who);
            match incident.what {
                IncidentKind::Crashed => format!("After the crash of {who},"),
                IncidentKind::Sought => format!("After {who} called seek,"),
                _ => format!("After {who} {},", incident.what.word()),
            }
        }
        None if course.rebalances.len() < 2 => "Then".to_owned(),
        None => "After a rebalance,".to_owned(),
    }
}

/// Every setting of a position after the partition had been read before.
fn turns(partition: &PartitionCourse) -> Vec<Turn> {
    let ever: BTreeSet<Offset> = partition
        .processed
        .iter()
        .map(|(_, offset)| *offset)
        .collect();
    let end = course::at(&partition.log_end, Instant::MAX).unwrap_or(0);
    let mut reached: Option<Offset> = None;
    let mut was_absent = false;
    let mut found = Vec::new();
    for (at, value) in &partition.position {
        let Some(to) = *value else {
            was_absent = true;
            continue;
        };
        let is_first = reached.is_none()
            && partition
                .committed
                .first()
                .is_none_or(|(when, _)| at < when);
        let known = if is_first { Some(Offset::MAX) } else { reached };
        if let Some(reached) = known.filter(|reached| was_absent || to < *reached) {
            let before = |(when, offset): &&(Instant, Offset)| when < at && to <= *offset;
            let done: BTreeSet<Offset> = partition
                .processed
                .iter()
                .filter(before)
                .map(|(_, offset)| *offset)
                .collect();
            let later = |(when, offset): &&(Instant, Offset)| at <= when && done.contains(offset);
            let again = partition
                .processed
                .iter()
                .filter(later)
                .map(|(_, offset)| *offset);
            let again: BTreeSet<Offset> = again.collect();
            let passed = (0..to.min(end).min(reached)).filter(|offset| !ever.contains(offset));
            found.push(Turn {
                at: *at,
                partition: partition.partition,
                to,
                again: again.len() as u64,
                passed: passed.count() as u64,
                is_first,
            });
        }
        was_absent = false;
        reached = reached.max(Some(to));
    }
    found
}

/// What the owners of partitions show: who has nothing, what nobody had for a while, what moved.
pub(super) fn of_owners(course: &Course, verdict: &GroupVerdict, cast: &Cast) -> String {
    let partitions = course.partitions.len() as u64;
    let counted = |count| counted(count, "partition", "partitions");
    let of_all = |count: u64| match count {
        _ if count == partitions && 1 < count => format!("all {}", counted(count)),
        1 => one_stopped(course, cast).unwrap_or_else(|| counted(1)),
        _ => format!("{count} of {}", counted(partitions)),
    };
    if 0 < verdict.partitions_stopped {
        let after = first_blow(course, cast);
        let longest = spoken(verdict.longest_stop);
        let stopped = of_all(verdict.partitions_stopped);
        let verb = if verdict.partitions_stopped == 1 {
            "has"
        } else {
            "have"
        };
        let moved = match verdict.moved {
            0 => String::new(),
            1 => "; 1 moves".to_owned(),
            moved => format!("; {moved} move"),
        };
        let up_to = if verdict.partitions_stopped == 1 {
            ""
        } else {
            "up to "
        };
        return sentence_case(&format!(
            "{after}{stopped} {verb} no owner for {up_to}{longest}{moved}"
        ));
    }
    let members = (0..).map(NodeId).zip(&cast.actors);
    let members = members.filter(|(_, actor)| actor.group == Some(course.group));
    let members: Vec<NodeId> = members.map(|(node, _)| node).collect();
    let has = |member: &&NodeId| {
        course
            .tenures
            .iter()
            .any(|tenure| tenure.member == **member)
    };
    let owners: Vec<&NodeId> = members.iter().filter(has).collect();
    match (owners.as_slice(), members.len()) {
        ([], _) => format!("Nobody ever owns any of {}", counted(partitions)),
        ([one], 1) => format!("{} owns {}", cast.actor(**one), of_all(partitions)),
        (owners, all) if owners.len() < all => format!(
            "{all} members, {}: {} without one",
            counted(partitions),
            match all - owners.len() {
                1 => "1 member is".to_owned(),
                idle => format!("{idle} members are"),
            },
        ),
        (owners, _) if verdict.moved == 0 => {
            format!(
                "{} members share {}, and none moves",
                owners.len(),
                counted(partitions)
            )
        }
        _ => sentence_case(&format!(
            "{} move between members without a stop",
            of_all(verdict.moved)
        )),
    }
}

/// The first thing that struck a member, as the beginning of a sentence.
fn first_blow(course: &Course, cast: &Cast) -> String {
    let blow = course.incidents.iter().find(|incident| {
        cast.actors[incident.who.index()].group == Some(course.group)
            && !matches!(
                incident.what,
                IncidentKind::Restarted | IncidentKind::WentOn
            )
    });
    blow.map_or_else(String::new, |incident| {
        let who = cast.actor(incident.who);
        match incident.what {
            IncidentKind::Crashed => format!("After the crash of {who}, "),
            what => format!("After {who} {}, ", what.word()),
        }
    })
}

/// The partition that had no owner for longest, if its tenures show it.
fn one_stopped(course: &Course, cast: &Cast) -> Option<String> {
    let gap = |partition: &PartitionCourse| {
        let own = course
            .tenures
            .iter()
            .filter(|t| t.partition == partition.partition);
        let tenures: Vec<_> = own.collect();
        let gaps = tenures
            .windows(2)
            .map(|pair| pair[1].from.since(pair[0].to));
        Some((gaps.max()?, partition.partition))
    };
    let (_, partition) = course.partitions.iter().filter_map(gap).max()?;
    Some(cast.partition(partition))
}

fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
