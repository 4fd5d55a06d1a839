//! Stories of one group with members of both protocols, which goes from one to the other and back.
//!
//! Where a story depends on the order in which maps hand out the members (who leads, who gives a
//! partition up), the data does not say it: the ids were random, and the data has names of its own for
//! them. There are two such orders. That of the maps of groups of the consumer protocol shows only in
//! who leads a group that turns classic, and in which of several sessions ends first; it is read from
//! there. That of Java's hash maps is looked for: one for the whole story, in which every line of it
//! comes out. Members are put into it as they turn up, and no order is followed beyond the first line
//! that differs.

use serde_json::Value;

use super::group_player::{Orders, play};
use super::{list, tell_stories, text};

const FILE: &str = "group-migration-timeline.jsonl";

/// How often a story is played at most: a wrong rule is found in few more.
const PLAYS_MAX: u32 = 1_000;

#[test]
fn a_group_goes_from_one_protocol_to_the_other_as_in_the_oracle_stories() {
    tell_stories(FILE, difference);
}

/// Plays a story in every order of its members that may be, and says how far it comes out in none.
fn difference(story: &Value) -> Result<(), String> {
    let mut search = Search {
        story,
        turns: turns(story),
        members: members(story),
        plays: 0,
        furthest: 0,
        difference: String::new(),
    };
    if search.comes_out(&[]) {
        Ok(())
    } else {
        Err(search.difference)
    }
}

/// The search for an order.
struct Search<'a> {
    story: &'a Value,
    /// The members in the order in which they turn up, and the line of each.
    members: Vec<(String, usize)>,
    turns: Vec<Vec<String>>,
    plays: u32,
    /// Behind how many lines the best order differs, and how.
    furthest: usize,
    difference: String,
}

impl Search<'_> {
    /// Whether the story comes out in an order of which the first members are in this one.
    fn comes_out(&mut self, order: &[String]) -> bool {
        let rest = &self.members[order.len()..];
        let rest_of_names = rest.iter().map(|(name, _)| name);
        let orders = Orders {
            hash: order.iter().chain(rest_of_names).cloned().collect(),
            turns: self.turns.clone(),
        };
        self.plays += 1;
        let Err((same, difference)) = play(self.story, &orders) else {
            return true;
        };
        let next = rest.first().cloned();
        if self.furthest <= same {
            (self.furthest, self.difference) = (same, difference);
        }
        let Some((next, _)) = next.filter(|(_, line)| *line <= same) else {
            return false;
        };
        (0..=order.len()).rev().any(|place| {
            let mut longer = order.to_vec();
            longer.insert(place, next.clone());
            self.plays < PLAYS_MAX && self.comes_out(&longer)
        })
    }
}

/// The members of a story and the lines in which they turn up.
fn members(story: &Value) -> Vec<(String, usize)> {
    let mut members: Vec<(String, usize)> = Vec::new();
    for (line, event) in list(story, "ev").iter().enumerate() {
        let name = text(event, "m").filter(|name| !name.is_empty());
        if let Some(name) = name.filter(|name| members.iter().all(|(known, _)| known != name)) {
            members.push((name.to_owned(), line));
        }
    }
    members
}

/// Who comes first in the map of the group, each time that it goes from one protocol to the other:
/// upwards, those whose sessions end in one instant, as they end; downwards, who leads.
fn turns(story: &Value) -> Vec<Vec<String>> {
    let events = list(story, "ev");
    let mut turns = Vec::new();
    let mut before = "none";
    for (line, event) in events.iter().enumerate() {
        let Some(state) = text(event, "g") else {
            continue;
        };
        let is_classic = |state: &str| state.starts_with("classic");
        let had_members = !matches!(before, "none" | "classic Empty" | "Empty");
        if had_members && is_classic(before) != is_classic(state) {
            turns.push(if is_classic(state) {
                let leader = text(event, "leader").into_iter();
                leader.map(str::to_owned).collect()
            } else {
                sessions_ended(&events[line..])
            });
        }
        before = state;
    }
    turns
}

/// The members of the classic protocol whose sessions end, in their order, up to the next such
/// change.
fn sessions_ended(events: &[Value]) -> Vec<String> {
    let is_classic = |event: &&Value| text(event, "g").is_some_and(|g| g.starts_with("classic"));
    let until = events.iter().take_while(|event| !is_classic(event));
    let timers = until.filter_map(|event| text(event, "timer"));
    let ended = timers.filter_map(|timer| timer.strip_prefix("session-timeout "));
    ended.map(str::to_owned).collect()
}
