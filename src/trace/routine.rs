//! A long course told shortly: what an actor does round by round is told once, and then how often.
//!
//! ```text
//! 8.313400   readers-1   polls       events-0@83 (site#84)
//! 8.314400   readers-1   processes   events-0@83 (site#84)
//! 8.314400   readers-1   commits     events-0 up to 84
//! 8.413400   readers-1   repeats     these three 633 times: events-0@84..716, until 71.7144s
//! ```
//!
//! A round that this actor or another member of its group has shown before is not shown again: the
//! actor `goes round`. What an actor does to several partitions in a row is one line.
//!
//! Each actor's course is looked at by itself, between two turns: faults, and what happens to groups
//! and leaders. Nothing is moved across a turn. The last round before a turn of the actor itself, such
//! as its crash, is told in full, so that it stays plain what had happened by then and what had not.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{Layout, Line};
use super::line;
use super::link::{Link, Peer};
use super::name;
use super::stretch::Stretch;
use crate::base::{Instant, NodeId, Offset, TopicId, TopicPartition};
use crate::kafka::Cast;
use crate::node::fact::{AppFact, Fact, GroupFact, LogFact, PositionSource, Stated, StorageFact};

/// The longest round that is looked for, in lines.
const ROUND_MAX: usize = 8;

/// Fewer lines than this are not worth a line that stands for them, nor are fewer rounds.
const LINES_FOLDED_MIN: usize = 4;
const ROUNDS_FOLDED_MIN: usize = 2;

/// Turns facts into lines, routine told once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routine {
    /// What happened since the last turn, by actor, each in the order in which it began.
    courses: BTreeMap<NodeId, Course>,
    lines: Vec<(Instant, usize, Line)>,
    /// How many facts were taken in: the order of what happens at one instant.
    facts: usize,
    /// The rounds that a producer or a member of a group has been told of in full, by their verbs.
    known: BTreeSet<(String, Vec<&'static str>)>,
}

/// What one actor does between two turns.
#[derive(Clone, Debug, Default)]
struct Course {
    deeds: Vec<Deed>,
    /// From here on stretches may still grow.
    open: usize,
}

#[derive(Clone, Debug)]
struct Deed {
    nth: usize,
    what: What,
    line: Line,
}

#[derive(Clone, Debug)]
enum What {
    Stretch(Stretch),
    Position(TopicPartition, Offset, PositionSource),
    Single,
}

/// What an actor does in a row, alike on one partition after the other.
#[derive(Clone, Debug)]
struct Block {
    nth: usize,
    line: Line,
    /// The offsets it went through, as ranges.
    spans: Vec<(TopicPartition, Offset, Offset)>,
    /// Whether it sets positions, and nothing more.
    is_position: bool,
}

impl Routine {
    /// Takes the next fact.
    pub(crate) fn push(&mut self, cast: &Cast, stated: &Stated) {
        self.facts += 1;
        if is_turn(&stated.fact) {
            self.turn(cast, Some(stated.who));
            let line = line::line_of(cast, stated);
            self.lines.push((line.at, self.facts, line));
            return;
        }
        let course = self.courses.entry(stated.who).or_default();
        let Some(stretch) = Stretch::of(stated).map(Stretch::anywhere) else {
            course.deeds.push(Deed {
                nth: self.facts,
                what: What::of_single(&stated.fact),
                line: line::line_of(cast, stated),
            });
            course.open = course.deeds.len();
            return;
        };
        let mut open = course.deeds[course.open..].iter_mut();
        if !open.any(|deed| deed.grows_by(cast, &stretch)) {
            course.deeds.push(Deed {
                nth: self.facts,
                line: line::stretch(cast, &stretch),
                what: What::Stretch(stretch),
            });
        }
    }

    /// The lines, in order of time; at one instant in the order in which they were stated.
    pub(crate) fn finish(mut self, cast: &Cast) -> Vec<Line> {
        self.turn(cast, None);
        self.lines.sort_by_key(|(at, nth, _)| (*at, *nth));
        self.lines.into_iter().map(|(_, _, line)| line).collect()
    }

    /// Tells what every actor did up to here, where something happens to `struck` or by it.
    fn turn(&mut self, cast: &Cast, struck: Option<NodeId>) {
        for (who, course) in std::mem::take(&mut self.courses) {
            let alike = course.deeds.chunk_by(Deed::goes_with);
            let blocks: Vec<Block> = alike.map(|deeds| Block::of(cast, deeds)).collect();
            self.tell(cast, &blocks, struck == Some(who));
        }
    }

    fn tell(&mut self, cast: &Cast, blocks: &[Block], last_in_full: bool) {
        let mut rest = blocks;
        while let Some(block) = rest.first() {
            let (round, rounds) = longest_repetition(rest);
            let verbs = rest[..round].iter().map(|block| block.line.verb).collect();
            let whose = cast.actors[block.line.who.index()].family.clone();
            let key = (whose, verbs);
            let is_known = self.known.contains(&key);
            let again = &rest[if is_known { 0 } else { round }..round * rounds];
            let ends_here = round * rounds == rest.len();
            let kept = if last_in_full && ends_here { round } else { 0 };
            let folded = &again[..again.len().saturating_sub(kept)];
            if !is_worth_folding(&rest[..round], folded) {
                self.lines
                    .push((block.line.at, block.nth, block.line.clone()));
                rest = &rest[1..];
                continue;
            }
            let first = rest[..round * rounds - again.len()].iter();
            let last = again[folded.len()..].iter();
            let told = first.chain(last);
            let told = told.map(|block| (block.line.at, block.nth, block.line.clone()));
            self.lines.extend(told);
            let line = repeats(cast, round, folded, is_known);
            self.lines.push((line.at, folded[0].nth, line));
            self.known.insert(key);
            rest = &rest[round * rounds..];
        }
    }
}

impl Deed {
    fn grows_by(&mut self, cast: &Cast, next: &Stretch) -> bool {
        let What::Stretch(stretch) = &mut self.what else {
            return false;
        };
        let grows = stretch.join(next);
        if grows {
            self.line = line::stretch(cast, stretch);
        }
        grows
    }

    /// Whether one line can tell both.
    fn goes_with(&self, next: &Self) -> bool {
        let alike = match (&self.what, &next.what) {
            (What::Stretch(a), What::Stretch(b)) => a.place.is_some() && b.place.is_some(),
            (What::Position(.., a), What::Position(.., b)) => a == b,
            _ => false,
        };
        alike && self.line.verb == next.line.verb
    }

    fn span(&self) -> Option<(TopicPartition, Offset, Offset)> {
        let What::Stretch(stretch) = &self.what else {
            return None;
        };
        let (partition, first) = stretch.place?;
        Some((partition, first, first + stretch.records.len() as Offset))
    }
}

impl What {
    fn of_single(fact: &Fact) -> Self {
        use GroupFact::{OffsetReset, PositionSet};
        match fact {
            Fact::Group(PositionSet {
                partition,
                offset,
                source,
                ..
            }) => Self::Position(*partition, *offset, *source),
            Fact::Group(OffsetReset {
                partition, offset, ..
            }) => Self::Position(*partition, *offset, PositionSource::Reset),
            _ => Self::Single,
        }
    }
}

impl Block {
    fn of(cast: &Cast, deeds: &[Deed]) -> Self {
        let first = &deeds[0];
        let spans: Vec<_> = deeds.iter().filter_map(Deed::span).collect();
        let mut line = first.line.clone();
        if 1 < deeds.len() {
            let until = deeds.iter().map(|deed| deed.line.until).max();
            line.until = until.expect("a block holds a deed");
            line.link = common_link(cast, deeds);
            line.what = match &first.what {
                What::Position(..) => positions(cast, deeds),
                _ => through(cast, &spans, &line),
            };
        }
        Self {
            nth: first.nth,
            line,
            spans,
            is_position: matches!(first.what, What::Position(..)),
        }
    }
}

/// The link of several deeds, if it is one: between the same two.
fn common_link(cast: &Cast, deeds: &[Deed]) -> Option<Link> {
    let ends = |link: Link| match link.peer {
        Peer::Sender(record, _) => (link.direction, Peer::Node(cast.sender(record).0)),
        peer => (link.direction, peer),
    };
    let first = deeds[0].line.link?;
    let mut links = deeds.iter().map(|deed| deed.line.link);
    let are_one = links.all(|link| link.is_some_and(|link| ends(link) == ends(first)));
    are_one.then_some(first)
}

/// `orders-0 from 4, -1 from 7 on (the committed offset)`.
fn positions(cast: &Cast, deeds: &[Deed]) -> String {
    let mut named = None;
    let mut told = Vec::new();
    for deed in deeds {
        let What::Position(partition, offset, _) = deed.what else {
            unreachable!("a block of positions holds positions");
        };
        let name = short(cast, &mut named, partition, cast.partition(partition));
        told.push((name, offset));
    }
    let one = told.iter().all(|(_, offset)| *offset == told[0].1);
    let is_reset = deeds[0].line.verb == "resets";
    let to = if is_reset { "to" } else { "from" };
    let list = if one {
        let names: Vec<String> = told.iter().map(|(name, _)| name.clone()).collect();
        format!("{} {to} {}", names.join(" "), told[0].1)
    } else {
        let each = told
            .iter()
            .map(|(name, offset)| format!("{name} {to} {offset}"));
        each.collect::<Vec<_>>().join(", ")
    };
    // The end is the same for all: why the position is what it is.
    let whole = &deeds[0].line.what;
    let end = if is_reset {
        whole.find(':')
    } else {
        whole.find(" on (")
    };
    format!("{list}{}", end.map_or("", |end| &whole[end..]))
}

/// What a block of stretches went through, with as much detail as there is room for.
fn through(cast: &Cast, spans: &[(TopicPartition, Offset, Offset)], line: &Line) -> String {
    let until = if line.at < line.until {
        format!(", until {}", line.until)
    } else {
        String::new()
    };
    let records: Offset = spans.iter().map(|(_, from, to)| to - from).sum();
    let long = format!("{}{until}", places(cast, spans));
    if long.chars().count() <= Layout::new(cast).room() {
        return long;
    }
    let partitions: BTreeSet<TopicPartition> = spans.iter().map(|(place, ..)| *place).collect();
    format!(
        "{records} records of {} partitions{until}",
        partitions.len()
    )
}

/// The name, without its topic if that was just named.
fn short(
    cast: &Cast,
    named: &mut Option<TopicId>,
    partition: TopicPartition,
    name: String,
) -> String {
    if named.replace(partition.topic) == Some(partition.topic) {
        name[cast.topic(partition.topic).len()..].to_owned()
    } else {
        name
    }
}

/// Whether the courses of all actors are told anew from here.
fn is_turn(fact: &Fact) -> bool {
    match fact {
        Fact::Fault(_) | Fact::Cluster(_) | Fact::App(AppFact::Stopped { .. }) => true,
        // Segments roll as it goes, and followers hear of what was told of their leader.
        Fact::Storage(fact) => !matches!(
            fact,
            StorageFact::StartLearnt { .. }
                | StorageFact::SegmentRolled { .. }
                | StorageFact::Stamped { .. }
        ),
        Fact::Log(fact) => matches!(
            fact,
            LogFact::PartitionState { .. } | LogFact::TopicCreated { .. }
        ),
        Fact::Group(fact) => !matches!(
            fact,
            GroupFact::CommitRequested { .. }
                | GroupFact::CommitConfirmed { .. }
                | GroupFact::CommitFailed { .. }
                | GroupFact::OffsetCommitted { .. }
                | GroupFact::MemberFenced { .. }
                | GroupFact::PositionSet { .. }
                | GroupFact::OffsetReset { .. }
                | GroupFact::PositionTruncated { .. }
        ),
        Fact::Produce(_) | Fact::App(_) | Fact::Sink(_) => false,
    }
}

/// Whether one line is better than these, which repeat a round. A round begins with its poll, and
/// positions are what one looks for in a trace.
fn is_worth_folding(round: &[Block], folded: &[Block]) -> bool {
    let polls = round.iter().position(|block| block.line.verb == "polls");
    LINES_FOLDED_MIN <= folded.len()
        && ROUNDS_FOLDED_MIN * round.len() <= folded.len()
        && polls.unwrap_or(0) == 0
        && !round.iter().all(|block| block.is_position)
}

/// The length of the round that stands at the beginning, and how often it is gone through: the one
/// that covers most.
fn longest_repetition(blocks: &[Block]) -> (usize, usize) {
    let mut best = (1, 1);
    for round in 1..=ROUND_MAX.min(blocks.len()) {
        let verb = |index: usize| blocks[index].line.verb;
        let alike = (round..blocks.len()).take_while(|&i| verb(i) == verb(i - round));
        let rounds = 1 + alike.count() / round;
        if best.0 * best.1 < round * rounds && 1 < rounds {
            best = (round, rounds);
        }
    }
    best
}

/// The line that stands for rounds that are not told.
/// If its first round is not told either, the line says what a round is.
fn repeats(cast: &Cast, round: usize, folded: &[Block], is_known: bool) -> Line {
    let verbs: Vec<&str> = folded[..round].iter().map(|b| b.line.verb).collect();
    let this = match round {
        _ if is_known => verbs.join(", "),
        1 => "this".to_owned(),
        2 => "both".to_owned(),
        3 => "these three".to_owned(),
        4 => "these four".to_owned(),
        more => format!("these {more}"),
    };
    let times = name::counted(folded.len() / round, "time", "times");
    let until = folded.iter().map(|block| block.line.until).max();
    let until = until.expect("more than one line is folded");
    let room = Layout::new(cast).room();
    let places = places_of(cast, round, folded);
    let forms = [
        format!("{this} {times}: {places}, until {until}"),
        format!("{this} {times}: {places}"),
        format!("{times}: {places}"),
    ];
    let fits = |form: &String| !places.is_empty() && form.chars().count() <= room;
    let what = forms.into_iter().find(fits);
    let what = what.unwrap_or_else(|| format!("{this} {times}, until {until}"));
    Line {
        at: folded[0].line.at,
        until,
        who: folded[0].line.who,
        fault: false,
        verb: if is_known { "goes round" } else { "repeats" },
        what,
        link: None,
        fact: folded[0].line.fact,
    }
}

/// The offsets that the last block of a round which has any went through.
fn places_of(cast: &Cast, round: usize, folded: &[Block]) -> String {
    let has_any = |block: &Block| !block.spans.is_empty();
    let Some(which) = folded[..round].iter().rposition(has_any) else {
        return String::new();
    };
    let spans = folded[which..].iter().step_by(round);
    let spans: Vec<_> = spans.flat_map(|block| block.spans.clone()).collect();
    places(cast, &spans)
}

/// Ranges of offsets by partition, each topic named once: `orders-0@4..9 -1@2..7`.
fn places(cast: &Cast, ranges: &[(TopicPartition, Offset, Offset)]) -> String {
    let mut spans: BTreeMap<TopicPartition, (Offset, Offset)> = BTreeMap::new();
    for (partition, from, to) in ranges {
        let span = spans.entry(*partition).or_insert((*from, *to));
        *span = (span.0.min(*from), span.1.max(*to));
    }
    let mut named = None;
    let told = spans.iter().map(|(partition, (from, to))| {
        let whole = name::offsets(cast, *partition, *from, (to - from) as u32);
        short(cast, &mut named, *partition, whole)
    });
    told.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::{GroupId, RecordId};
    use crate::kafka::Records;
    use crate::node::fact::{CommitKind, FaultFact, Times};
    use crate::trace::example::{BROKER, MEMBER, cast, orders, stated};

    /// A record is polled, processed and committed, one after the other.
    fn rounds(offsets: std::ops::Range<u64>) -> Vec<Stated> {
        let group = GroupId(0);
        let mut facts = Vec::new();
        for first_offset in offsets {
            let (at, partition) = (first_offset * 100, orders(0));
            let records = || Records::one(RecordId(first_offset as u32));
            let polled = AppFact::Polled {
                group,
                partition,
                first_offset,
                records: records(),
            };
            let processed = AppFact::Processed {
                group,
                partition,
                first_offset,
                records: records(),
                times: Times::at(Instant((at + 10) * 1_000)),
            };
            let committed = GroupFact::CommitRequested {
                group,
                kind: CommitKind::Sync,
                offsets: Arc::new([(partition, first_offset + 1)]),
            };
            facts.push(stated(0, at, MEMBER, polled));
            facts.push(stated(0, at + 10, MEMBER, processed));
            facts.push(stated(0, at + 10, MEMBER, committed));
        }
        facts
    }

    fn told(facts: &[Stated]) -> String {
        let cast = cast();
        let mut routine = Routine::default();
        for fact in facts {
            routine.push(&cast, fact);
        }
        let layout = Layout::new(&cast);
        let lines = routine.finish(&cast);
        let lines: Vec<String> = lines.iter().map(|l| layout.render(&cast, l)).collect();
        lines.join("\n")
    }

    #[test]
    fn a_round_is_told_once_and_in_full_before_a_turn_of_its_actor() {
        let mut facts = rounds(0..9);
        facts.push(stated(0, 950, MEMBER, FaultFact::Crashed));
        facts.extend(rounds(10..15));
        insta::assert_snapshot!(told(&facts), @r"
        0.000000   workers-1  polls       orders-0@0 (shop#1)
        0.000010   workers-1  processes   orders-0@0 (shop#1)
        0.000010   workers-1  commits     orders-0 up to 1
        0.000100   workers-1  repeats     these three 7 times: orders-0@1..7, until 0.00071s
        0.000800   workers-1  polls       orders-0@8 (shop#9)
        0.000810   workers-1  processes   orders-0@8 (shop#9)
        0.000810   workers-1  commits     orders-0 up to 9
        0.000950 ! workers-1  crashes     its memory is gone, its connections are reset
        0.001000   workers-1  goes round  polls, processes, commits 5 times: orders-0@10..14
        ");
    }

    #[test]
    fn a_turn_of_somebody_else_ends_a_stretch_and_no_more() {
        let mut facts = rounds(0..9);
        facts.push(stated(0, 950, BROKER, FaultFact::Paused));
        let text = told(&facts);
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(
            text.contains("repeats     these three 8 times: orders-0@1..8"),
            "{text}"
        );
    }

    #[test]
    fn a_round_that_was_told_before_is_not_told_again() {
        let mut facts = rounds(0..9);
        facts.push(stated(0, 950, BROKER, FaultFact::Paused));
        facts.extend(rounds(10..15));
        let text = told(&facts);
        let last = text.lines().last().expect("something is told");
        let whole = "goes round  polls, processes, commits 5 times: orders-0@10..14";
        assert!(last.contains(whole), "{text}");
    }

    #[test]
    fn from_the_third_round_on_it_is_routine() {
        assert!(!told(&rounds(0..2)).contains("repeats"));
        assert!(told(&rounds(0..3)).contains("repeats"));
    }
}
