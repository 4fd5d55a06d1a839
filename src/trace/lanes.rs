//! Lines as a sequence diagram in plain characters: a lane for each node, arrows between them.
//!
//! ```text
//!              shop
//!              |     broker-1
//!              |     |     workers-1
//!     0.000000 o     |     |     sends shop#1..3 to orders
//!     0.010000 |---->o     |     appends orders-0@0..2 (shop#1..3)
//!     0.020000 o<....|     |     is told orders-0@0..2 is written (shop#1..3)
//!        +5.0s |     |     |
//!     5.000000 |     |....>o     polls orders-0@0..2 (shop#1..3)
//!     5.030000 |     |     X     crashes: its memory is gone, its connections are reset
//! ```
//!
//! `o` is on the lane of whoever the sentence speaks of; a line of dots is an answer, `x` the end of
//! what never arrived, `X` a crash, `!` another fault. A dead process has no lane, one that stands
//! still has a dotted one. A poll is an answer of the leader, though the client has fetched the records
//! before and only hands them out. What a line tells of a stretch stands where it began.
//!
//! Where the screen is narrow the sentences stand below their arrows, and where even that does not do
//! all brokers share a lane. A diagram for which no way is left is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{Line, seconds};
use super::roster::{Arrow, Life, Roster};
use crate::base::{Instant, NodeId, Span};
use crate::kafka::Cast;
use crate::kafka::cast::Role;
use crate::node::fact::FactId;

/// Time and a space.
const TIME: usize = 13;

/// From lane to lane where there is room, where there is less, and where there is hardly any.
const WIDE: usize = 6;
const CLOSE: usize = 4;
const TIGHT: usize = 3;

/// Beside the lanes a sentence needs so much room, and would like so much.
const ROOM_MIN: usize = 32;
const ROOM_GOOD: usize = 54;

/// A stretch of time that long without anything has a row of its own.
pub(crate) const LONG: Span = Span::from_millis(1_000);

/// More lanes than the screen has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded {
    /// How many lanes there would be at least.
    pub lanes: usize,
    /// How many columns they would need.
    pub columns: usize,
}

/// Everything that is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Diagram<'a> {
    /// Every name.
    pub cast: &'a Cast,
    /// Who was what.
    pub roster: &'a Roster,
    /// What happened, in the order of time.
    pub lines: &'a [Line],
    /// The rules behind some of the facts, as sentences.
    pub rules: &'a BTreeMap<FactId, String>,
}

/// Lanes and where they stand.
#[derive(Clone, Debug)]
struct Grid {
    lanes: Vec<Lane>,
    gap: usize,
    columns: usize,
    /// Whether sentences stand below their arrows.
    below: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Lane {
    name: String,
    nodes: Vec<NodeId>,
}

impl Diagram<'_> {
    /// The diagram on a screen of so many columns, line by line; with each whether it tells a fault.
    ///
    /// # Errors
    /// If the lanes do not fit on the screen.
    pub fn draw(&self, columns: usize) -> Result<Vec<(bool, String)>, Crowded> {
        let grid = Grid::new(self, columns)?;
        let mut drawn: Vec<(bool, String)> = Vec::new();
        if let Some(first) = self.lines.first() {
            drawn.extend(self.heading(&grid, first.at).map(|line| (false, line)));
        }
        for (line, pause) in self.paced() {
            if LONG <= pause {
                drawn.push((false, self.pause(&grid, pause, line.at)));
            }
            let rows = self.rows(&grid, line).into_iter();
            drawn.extend(rows.map(|row| (line.fault, row)));
        }
        Ok(drawn)
    }

    /// The lines, each with how long nothing had happened before it.
    pub(crate) fn paced(&self) -> impl Iterator<Item = (&Line, Span)> {
        let mut over = None;
        self.lines.iter().map(move |line| {
            let pause = over.map_or(Span::ZERO, |over: Instant| line.at.max(over) - over);
            over = over.max(Some(line.until));
            (line, pause)
        })
    }

    /// The names of the lanes, on one line or in steps.
    fn heading(&self, grid: &Grid, at: Instant) -> impl Iterator<Item = String> {
        let fits = |lane: &Lane| lane.name.chars().count() < grid.gap;
        let names = grid.lanes.iter().enumerate();
        let put = |row: &mut Vec<char>, index: usize, lane: &Lane| {
            row.truncate(grid.place(index));
            row.extend(lane.name.chars());
            row.truncate(grid.columns);
        };
        let mut rows = Vec::new();
        if grid.lanes.iter().all(fits) {
            let mut row = Vec::new();
            for (index, lane) in names {
                row.resize(grid.place(index), ' ');
                put(&mut row, index, lane);
            }
            rows.push(row);
        } else {
            for (index, lane) in names {
                let mut row = self.bars(grid, at);
                put(&mut row, index, lane);
                rows.push(row);
            }
        }
        rows.into_iter().map(text)
    }

    /// A row of lanes without anything on them.
    fn bars(&self, grid: &Grid, at: Instant) -> Vec<char> {
        let mut row = Vec::new();
        for (index, lane) in grid.lanes.iter().enumerate() {
            row.resize(grid.place(index), ' ');
            let lives = || lane.nodes.iter().map(|node| self.roster.life(*node, at));
            row.push(if lives().any(|life| life == Life::Up) {
                '|'
            } else if lives().any(|life| life == Life::Still) {
                ':'
            } else {
                ' '
            });
        }
        row
    }

    fn pause(&self, grid: &Grid, pause: Span, until: Instant) -> String {
        let tenths = (pause.0 + 50_000_000) / 100_000_000;
        let told = format!("+{}.{}s", tenths / 10, tenths % 10);
        let just_before = Instant(until.0 - 1);
        with_time(&format!("{told:>12}"), self.bars(grid, just_before))
    }

    fn rows(&self, grid: &Grid, line: &Line) -> Vec<String> {
        let arrow = self.roster.arrow(self.cast, line);
        let drawn = self.drawn(grid, line, arrow);
        let mut told = wrapped(&self.sentence(grid, line), grid.room());
        if let Some(rule) = self.rules.get(&line.fact) {
            told.extend(wrapped(&format!("= {rule}"), grid.room()));
        }
        let time = seconds(line.at);
        if grid.below {
            let below = told.into_iter().map(|line| format!("  {line}"));
            return [with_time(&time, drawn)].into_iter().chain(below).collect();
        }
        let mut rows = Vec::new();
        for (index, told) in told.into_iter().enumerate() {
            let (time, mut row) = match index {
                0 => (time.clone(), drawn.clone()),
                _ => (String::new(), self.bars(grid, line.at)),
            };
            row.resize(grid.place(grid.lanes.len()), ' ');
            row.extend(told.chars());
            rows.push(with_time(&time, row));
        }
        rows
    }

    /// The lanes with the arrow and the mark of a line.
    fn drawn(&self, grid: &Grid, line: &Line, arrow: Option<Arrow>) -> Vec<char> {
        let mut row = self.bars(grid, line.at);
        let place = |node| grid.lane_of(node).map(|lane| grid.place(lane));
        let ends = arrow.and_then(|arrow| Some((arrow, place(arrow.from)?, place(arrow.to)?)));
        if let Some((arrow, from, to)) = ends.filter(|(_, from, to)| from != to) {
            let shaft = if arrow.answer { '.' } else { '-' };
            row[from.min(to) + 1..from.max(to)].fill(shaft);
            let (head, tip) = match (arrow.lost, from < to) {
                (true, true) => (to - 1, 'x'),
                (true, false) => (to + 1, 'x'),
                (false, true) => (to - 1, '>'),
                (false, false) => (to + 1, '<'),
            };
            row[head] = tip;
        }
        if let Some(own) = place(line.who) {
            let is_dead = self.roster.life(line.who, line.at) == Life::Down;
            row[own] = match (line.fault, is_dead) {
                (true, true) => 'X',
                (true, false) => '!',
                (false, _) => 'o',
            };
        }
        row
    }

    /// What the line says. Whose lane is shared is named.
    fn sentence(&self, grid: &Grid, line: &Line) -> String {
        let is_shared = |lane: usize| 1 < grid.lanes[lane].nodes.len();
        let who = match grid.lane_of(line.who) {
            Some(lane) if is_shared(lane) => format!("{} ", self.cast.actor(line.who)),
            _ => String::new(),
        };
        let colon = if line.fault && !line.what.is_empty() {
            ":"
        } else {
            ""
        };
        format!("{who}{}{colon} {}", line.verb, line.what)
    }

    /// Every node that anything is told of: producers, cluster, members.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        let mut nodes = BTreeSet::new();
        for line in self.lines {
            nodes.insert(line.who);
            if let Some(arrow) = self.roster.arrow(self.cast, line) {
                nodes.extend([arrow.from, arrow.to]);
            }
        }
        let mut nodes: Vec<NodeId> = nodes.into_iter().collect();
        nodes.sort_by_key(|node| (self.rank(*node), *node));
        nodes
    }

    /// A lane for each of them.
    fn lanes(&self) -> Vec<Lane> {
        let lane = |node: &NodeId| Lane {
            name: self.cast.actor(*node).to_owned(),
            nodes: vec![*node],
        };
        self.nodes().iter().map(lane).collect()
    }

    fn rank(&self, node: NodeId) -> u8 {
        match self.cast.actors[node.index()].role {
            Role::Producer => 0,
            Role::Controller => 1,
            Role::Broker => 2,
            Role::Member => 3,
            Role::Sink => 4,
        }
    }

    /// The lanes, with one for all brokers.
    fn lanes_with_one_for_brokers(&self) -> Vec<Lane> {
        let is_broker = |lane: &Lane| self.rank(lane.nodes[0]) == 2;
        let mut lanes = self.lanes();
        let first = lanes.iter().position(is_broker);
        let brokers: Vec<NodeId> = (lanes.iter().filter(|lane| is_broker(lane)))
            .flat_map(|lane| lane.nodes.clone())
            .collect();
        if let Some(first) = first.filter(|_| 1 < brokers.len()) {
            lanes[first] = Lane {
                name: "brokers".to_owned(),
                nodes: brokers,
            };
            let after = first + 1;
            let mut index = 0;
            lanes.retain(|lane| {
                index += 1;
                index <= after || !is_broker(lane)
            });
        }
        lanes
    }
}

impl Grid {
    /// The widest arrangement that fits.
    fn new(diagram: &Diagram<'_>, columns: usize) -> Result<Self, Crowded> {
        let lanes = diagram.lanes();
        let grid = |lanes: &[Lane], gap, below| Self {
            lanes: lanes.to_vec(),
            gap,
            columns,
            below,
        };
        let beside = [(WIDE, ROOM_GOOD), (CLOSE, ROOM_MIN)];
        let beside = beside
            .into_iter()
            .find(|(gap, room)| TIME + lanes.len() * gap + room <= columns);
        if let Some((gap, _)) = beside {
            return Ok(grid(&lanes, gap, false));
        }
        let fewer = diagram.lanes_with_one_for_brokers();
        for lanes in [&lanes, &fewer] {
            let gap = columns.saturating_sub(TIME) / lanes.len().max(1);
            if TIGHT <= gap {
                return Ok(grid(lanes, gap.min(WIDE), true));
            }
        }
        Err(Crowded {
            lanes: fewer.len(),
            columns: TIME + TIGHT * fewer.len(),
        })
    }

    /// The column of a lane, counted from behind the time; of the sentences for the number of lanes.
    fn place(&self, lane: usize) -> usize {
        lane * self.gap
    }

    fn lane_of(&self, node: NodeId) -> Option<usize> {
        self.lanes
            .iter()
            .position(|lane| lane.nodes.contains(&node))
    }

    /// How many characters a line of a sentence may have.
    fn room(&self) -> usize {
        if self.below {
            self.columns.saturating_sub(2).max(1)
        } else {
            self.columns - TIME - self.place(self.lanes.len())
        }
    }
}

fn text(row: Vec<char>) -> String {
    with_time("", row)
}

fn with_time(time: &str, row: Vec<char>) -> String {
    let row: String = row.into_iter().collect();
    format!("{time:12} {row}").trim_end().to_owned()
}

/// The words on lines of so many characters, all but the first indented. A word that is longer than
/// a line is broken.
fn wrapped(words: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let line = lines.last_mut().expect("there is always a line");
            let is_begun = !line.trim().is_empty();
            let space = usize::from(is_begun);
            let left = room.saturating_sub(line.chars().count() + space);
            let fits = word.len() <= left;
            if !fits && is_begun {
                lines.push("  ".to_owned());
                continue;
            }
            if is_begun {
                line.push(' ');
            }
            let taken = word.len().min(left.max(1));
            line.extend(word.drain(..taken));
            if word.is_empty() {
                break;
            }
            lines.push("  ".to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RecordId;
    use crate::kafka::Records;
    use crate::node::fact::{AppFact, CommitKind, FaultFact, GroupFact, LogFact, Stated, Times};
    use crate::trace::Condenser;
    use crate::trace::example::{BROKER, GROUP, MEMBER, SHOP, cast, orders, run, stated};
    use crate::trace::mermaid;

    /// A record from `send()` to the crash of its reader.
    fn story() -> Vec<Stated> {
        use crate::node::fact::ProduceFact;
        let (partition, first_offset) = (orders(0), 0);
        let records = || run(0, 3);
        let group = GROUP;
        let sent = ProduceFact::Sent {
            topic: partition.topic,
            records: records(),
            times: Times::at(Instant(0)),
        };
        let appended = LogFact::Appended {
            partition,
            base_offset: 0,
            records: records(),
            count: 3,
            leader_epoch: 0,
        };
        let told = ProduceFact::Acknowledged {
            partition,
            records: records(),
            base_offset: Some(0),
        };
        let polled = AppFact::Polled {
            group,
            partition,
            first_offset,
            records: records(),
        };
        let committed = GroupFact::CommitRequested {
            group,
            kind: CommitKind::Sync,
            offsets: [(partition, 3)].into(),
        };
        let stored = GroupFact::OffsetCommitted {
            group,
            member: Some(MEMBER),
            partition,
            offset: 3,
            before: None,
        };
        vec![
            stated(1, 0, SHOP, sent),
            stated(2, 10_000, BROKER, appended),
            stated(3, 20_000, SHOP, told),
            stated(4, 5_000_000, MEMBER, polled),
            stated(5, 5_010_000, MEMBER, committed),
            stated(6, 5_020_000, BROKER, stored),
            stated(7, 5_030_000, MEMBER, FaultFact::Crashed),
            stated(8, 5_040_000, SHOP, ProduceFact::Finished),
        ]
    }

    fn with_diagram<T>(facts: &[Stated], look: impl FnOnce(&Diagram<'_>) -> T) -> T {
        let cast = cast();
        let (mut condenser, mut roster) = (Condenser::joining(), Roster::default());
        for fact in facts {
            roster.learn(&cast, fact);
            condenser.push(&cast, fact);
        }
        let rule = "The broker keeps the number it is given.".to_owned();
        look(&Diagram {
            cast: &cast,
            roster: &roster,
            lines: &condenser.finish(&cast),
            rules: &BTreeMap::from([(FactId(6), rule)]),
        })
    }

    fn drawn(facts: &[Stated], columns: usize) -> String {
        let drawn = with_diagram(facts, |diagram| diagram.draw(columns));
        let rows = drawn.expect("three lanes fit").into_iter();
        rows.map(|(_, row)| row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_story_is_drawn_beside_its_sentences() {
        insta::assert_snapshot!(drawn(&story(), 90), @r"
                     shop
                     |     broker-1
                     |     |     workers-1
            0.000000 o     |     |     sends shop#1..3 to orders
            0.010000 |---->o     |     appends orders-0@0..2 (shop#1..3)
            0.020000 o<....|     |     is told orders-0@0..2 is written (shop#1..3)
               +5.0s |     |     |
            5.000000 |     |....>o     polls orders-0@0..2 (shop#1..3)
            5.010000 |     |<----o     commits orders-0 up to 3
            5.020000 |     o     |     stores orders-0 up to 3 for workers
                     |     |     |     = The broker keeps the number it is given.
            5.030000 |     |     X     crashes: its memory is gone, its connections are reset
            5.040000 o     |           finishes everything is sent and answered
        ");
    }

    #[test]
    fn on_a_narrow_screen_the_sentences_stand_below() {
        let text = drawn(&story(), 40);
        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
        insta::assert_snapshot!(text, @r"
                     shop
                     |     broker-1
                     |     |     workers-1
            0.000000 o     |     |
          sends shop#1..3 to orders
            0.010000 |---->o     |
          appends orders-0@0..2 (shop#1..3)
            0.020000 o<....|     |
          is told orders-0@0..2 is written
            (shop#1..3)
               +5.0s |     |     |
            5.000000 |     |....>o
          polls orders-0@0..2 (shop#1..3)
            5.010000 |     |<----o
          commits orders-0 up to 3
            5.020000 |     o     |
          stores orders-0 up to 3 for workers
          = The broker keeps the number it is
            given.
            5.030000 |     |     X
          crashes: its memory is gone, its
            connections are reset
            5.040000 o     |
          finishes everything is sent and
            answered
        ");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        let crowded = with_diagram(&story(), |diagram| diagram.draw(20));
        let crowded = crowded.expect_err("twenty columns are too few");
        assert_eq!((crowded.lanes, crowded.columns), (3, 22));
        assert!(with_diagram(&story(), |d| d.draw(crowded.columns)).is_ok());
    }

    #[test]
    fn brokers_share_a_lane_where_there_is_no_room_for_all() {
        let mut cast = cast();
        for number in 2..=9 {
            let mut broker = cast.actors[BROKER.index()].clone();
            broker.name = format!("broker-{number}");
            cast.actors.push(broker);
        }
        let appended = |who: u32| LogFact::Appended {
            partition: orders(who),
            base_offset: 0,
            records: Records::one(RecordId(who)),
            count: 1,
            leader_epoch: 0,
        };
        let facts: Vec<Stated> = (5..13)
            .map(|who| stated(who.into(), 0, NodeId(who), appended(who)))
            .collect();
        let (mut condenser, mut roster) = (Condenser::plain(), Roster::default());
        for fact in &facts {
            roster.learn(&cast, fact);
            condenser.push(&cast, fact);
        }
        let diagram = Diagram {
            cast: &cast,
            roster: &roster,
            lines: &condenser.finish(&cast),
            rules: &BTreeMap::new(),
        };
        let rows = |columns| diagram.draw(columns).expect("it fits");
        assert_eq!(
            rows(100)[8].1.trim_start(),
            "|   |   |   |   |   |   |   |   broker-9"
        );
        let narrow = rows(36);
        assert!(narrow[1].1.ends_with("brokers"), "{narrow:?}");
        assert!(narrow[3].1.contains("broker-2 appends"), "{narrow:?}");
    }

    #[test]
    fn mermaid_gets_messages_notes_and_the_end_of_what_is_too_long() {
        let (text, left) = with_diagram(&story(), mermaid::diagram);
        assert_eq!(left, 0);
        insta::assert_snapshot!(text, @r#"
        sequenceDiagram
            participant n1 as shop
            participant n2 as broker-1
            participant n3 as workers-1
            Note over n1: 0.000s sends shop#35;1..3 to orders
            n1->>n2: 0.010s appends orders-0@0..2 (shop#35;1..3)
            n2-->>n1: 0.020s is told orders-0@0..2 is written (shop#35;1..3)
            Note over n1,n3: 4.98s later
            n2-->>n3: 5.000s polls orders-0@0..2 (shop#35;1..3)
            n3->>n2: 5.010s commits orders-0 up to 3
            Note over n2: 5.020s stores orders-0 up to 3 for workers
            Note over n2: The broker keeps the number it is given.
            Note over n3: 5.030s crashes: its memory is gone, its connections are reset
            Note over n1: 5.040s finishes everything is sent and answered
        "#);
        let crash = |n: u64| stated(n, n * 10, MEMBER, FaultFact::Crashed);
        let many: Vec<Stated> = (1..=1_000).map(crash).collect();
        let (text, left) = with_diagram(&many, mermaid::diagram);
        assert_eq!(left, 1_000 - mermaid::LINES_MAX);
        assert!(text.ends_with("Note over n1,n1: 800 further lines are left out\n"));
        assert!(text.len() < 50_000);
    }
}
