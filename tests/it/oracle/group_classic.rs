//! Stories of one classic group in time: every answer, timer and state at its millisecond.
//!
//! The story's inputs are played to a coordinator whose writes are replicated at once. What it does
//! is written down as the data writes it and compared line by line. Member ids are numbered with
//! leading zeros while they are inside, so that their order is that of the story.

use std::sync::Arc;

use kafkasim::base::{Instant, Span, TopicId, TopicPartition};
use kafkasim::kafka::ErrorCode;
use kafkasim::kafka::config::BrokerConfig;
use kafkasim::kafka::group::{
    Assignment, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, JoinProtocol,
    LeaveGroupRequest, MemberId, OffsetCommitRequest, Subscription, SyncGroupRequest,
};
use kafkasim::kafka::message::Response;
use kafkasim::node::coordinator::{
    ClassicGroup, CoordinatorConfig, Fired, GroupCoordinator, MemberIds, Output, Timer, Token,
};
use serde_json::{Map, Value, json};

use super::{at, list, number, same_lines, tell_stories, text};

const FILE: &str = "group-classic-timeline.jsonl";
const GROUP: &str = "g";

#[test]
fn a_classic_group_lives_as_in_the_oracle_stories() {
    tell_stories(FILE, difference);
}

/// Plays a story and says where it first differs.
fn difference(story: &Value) -> Result<(), String> {
    let mut player = Player::new(story);
    for event in list(story, "ev") {
        if event.get("do").is_some() {
            player.fire_timers_until(at(event));
            player.play(event);
        }
    }
    player.fire_timers_until(Instant::ZERO + Span::from_millis(number(story, "end") as u64));
    same_lines(&player.told, list(story, "ev"))?;
    player.check_open(story)
}

/// The coordinator of a story, and what it has done so far in the words of the data.
#[derive(Debug)]
struct Player {
    coordinator: GroupCoordinator,
    join_version: i16,
    now: Instant,
    told: Vec<Value>,
    state: Value,
    names: Vec<String>,
    open: Vec<i64>,
}

impl Player {
    fn new(story: &Value) -> Self {
        let mut config = CoordinatorConfig::from(&BrokerConfig::default());
        config.initial_rebalance_delay = Span::from_millis(number(story, "delay") as u64);
        if let Some(max_size) = story.get("max_size").and_then(Value::as_u64) {
            config.group_max_size = max_size as u32;
        }
        let mut coordinator = GroupCoordinator::new(config, MemberIds::Numbered { made: 0 });
        coordinator.on_loaded(Instant::ZERO, &mut Vec::new());
        let version = story.get("jv").and_then(Value::as_i64).unwrap_or(9);
        let mut player = Self {
            coordinator,
            join_version: version as i16,
            now: Instant::ZERO,
            told: Vec::new(),
            state: Value::Null,
            names: Vec::new(),
            open: Vec::new(),
        };
        player.tell_state();
        player
    }

    fn fire_timers_until(&mut self, end: Instant) {
        while let Some(deadline) = self.coordinator.next_deadline().filter(|&d| d <= end) {
            self.now = deadline;
            let mut out = Vec::new();
            let fired = self.coordinator.on_next_timer(deadline, &mut out);
            let name = match fired.expect("a timer is due at its deadline") {
                Fired::Timer(Timer::InitialJoin { .. } | Timer::Join { .. }) => "join".to_owned(),
                Fired::Timer(Timer::Sync { .. }) => "sync".to_owned(),
                Fired::Timer(Timer::Session { member, .. }) => {
                    format!("heartbeat {}", outside(&member))
                }
                Fired::Timer(other) => panic!("{other:?} is no timer of a classic group"),
                Fired::Replication => panic!("every write is replicated at once"),
            };
            self.tell(json!({ "timer": name }));
            self.settle(out);
        }
    }

    fn play(&mut self, event: &Value) {
        self.now = at(event);
        self.told.push(event.clone());
        let mut out = Vec::new();
        let n = number(event, "n");
        self.open.push(n);
        let (now, token) = (self.now, Token(n as u64));
        match text(event, "do").expect("an input says what it does") {
            "join" => {
                let request = self.join_request(event);
                self.coordinator.handle_join(now, &request, token, &mut out);
            }
            "sync" => {
                let request = self.sync_request(event);
                self.coordinator.handle_sync(now, &request, token, &mut out);
            }
            "heartbeat" => {
                let request = HeartbeatRequest {
                    group: Arc::from(GROUP),
                    member: member(event),
                    instance: instance(event),
                    generation: number(event, "gen") as i32,
                };
                self.coordinator
                    .handle_heartbeat(now, &request, token, &mut out);
            }
            "leave" => {
                let who = list(event, "who").iter();
                let request = LeaveGroupRequest {
                    group: Arc::from(GROUP),
                    members: who.map(|w| (member(w), instance(w))).collect(),
                };
                self.coordinator
                    .handle_leave(now, &request, token, &mut out);
            }
            "commit" => {
                let request = OffsetCommitRequest {
                    group: Arc::from(GROUP),
                    member: member(event),
                    instance: instance(event),
                    generation: number(event, "gen") as i32,
                    version: 9,
                    offsets: vec![(TopicPartition::default(), 1.into())],
                };
                self.coordinator
                    .handle_commit(now, &request, 0, token, &mut out);
            }
            other => panic!("`{other}` is no input of these stories"),
        }
        self.settle(out);
    }

    /// Does what the coordinator asks for, until it asks for nothing, and says how it stands then.
    fn settle(&mut self, mut out: Vec<Output>) {
        while !out.is_empty() {
            for output in std::mem::take(&mut out) {
                match output {
                    Output::Write { id, records } => {
                        for record in records.iter() {
                            self.coordinator.replay(record);
                        }
                        self.coordinator.on_replicated(self.now, id, &mut out);
                    }
                    Output::Reply { token, response } => self.tell_answer(token, &response),
                    Output::Note(_) => {}
                }
            }
        }
        self.tell_state();
    }

    fn tell_answer(&mut self, token: Token, response: &Response) {
        let n = token.0 as i64;
        assert!(self.open.contains(&n), "{n} is answered once");
        self.open.retain(|&open| open != n);
        let mut answer = match response {
            Response::JoinGroup(join) => told_join(join),
            Response::SyncGroup(sync) => {
                let mut answer = error_of(sync.error);
                if sync.error == ErrorCode::None {
                    answer.insert("asg".to_owned(), self.told_assignment(&sync.assignment));
                    answer.insert("proto".to_owned(), json!(sync.protocol.as_deref()));
                }
                answer
            }
            Response::Heartbeat(error) => error_of(*error),
            Response::LeaveGroup(leave) => {
                let mut answer = error_of(leave.error);
                answer.insert("each".to_owned(), json!(leave.members));
                answer
            }
            Response::OffsetCommit(commit) => error_of(commit.partitions[0].1),
            other => panic!("{:?} is no answer of these stories", other.api()),
        };
        answer.insert("re".to_owned(), json!(n));
        self.tell(Value::Object(answer));
    }

    fn tell_state(&mut self) {
        let state = told_group(self.coordinator.group(GROUP));
        if state != self.state {
            self.state = state.clone();
            self.tell(state);
        }
    }

    fn tell(&mut self, mut what: Value) {
        what["t"] = json!(self.now.as_millis());
        self.told.push(what);
    }

    fn check_open(&self, story: &Value) -> Result<(), String> {
        let open: Vec<Value> = self.open.iter().map(|&n| json!(n)).collect();
        if open == list(story, "open") {
            Ok(())
        } else {
            Err(format!("ours never answered {open:?}"))
        }
    }

    fn join_request(&mut self, event: &Value) -> JoinGroupRequest {
        let topics = text(event, "topics").expect("a join has a subscription");
        let topics = topics.split(',').map(|topic| self.number_of(topic));
        let subscription = Arc::new(Subscription {
            topics: topics.map(TopicId).collect(),
            owned: Vec::new(),
            generation: -1,
            user_data: None,
        });
        let protocol = |name: &Value| JoinProtocol {
            name: Arc::from(name.as_str().expect("a protocol is a name")),
            subscription: Arc::clone(&subscription),
        };
        JoinGroupRequest {
            group: Arc::from(GROUP),
            member: member(event),
            instance: instance(event),
            client_id: Arc::from("c"),
            session_timeout: Span::from_millis(number(event, "s") as u64),
            rebalance_timeout: Span::from_millis(number(event, "r") as u64),
            protocol_type: Arc::from(text(event, "type").unwrap_or("consumer")),
            protocols: list(event, "p").iter().map(protocol).collect(),
            version: self.join_version,
        }
    }

    fn sync_request(&mut self, event: &Value) -> SyncGroupRequest {
        let none = Map::new();
        let given = event.get("asg").and_then(Value::as_object).unwrap_or(&none);
        let assignments = given.iter().map(|(member, share)| {
            let share = share.as_str().expect("an assignment is a text");
            let share = TopicPartition::new(TopicId(self.number_of(share)), 0);
            (inside(member), Arc::from([share]))
        });
        SyncGroupRequest {
            assignments: assignments.collect(),
            group: Arc::from(GROUP),
            member: member(event),
            instance: instance(event),
            generation: number(event, "gen") as i32,
            protocol: text(event, "proto").map(Arc::from),
        }
    }

    /// A number that stands for a topic or an assignment of the story.
    fn number_of(&mut self, name: &str) -> u32 {
        let known = self.names.iter().position(|n| n == name);
        known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        }) as u32
    }

    fn told_assignment(&self, assignment: &Assignment) -> Value {
        let name = |p: &TopicPartition| self.names[p.topic.index()].as_str();
        json!(assignment.iter().map(name).collect::<String>())
    }
}

/// The id within the coordinator of the data's `M1`.
pub(super) fn inside(member: &str) -> MemberId {
    let number = member.strip_prefix('M').map(str::parse::<u32>);
    match number {
        Some(Ok(number)) => Arc::from(format!("M{number:04}")),
        _ => Arc::from(member),
    }
}

/// The story's name of a member id. What stands before a `~` only makes an order.
pub(super) fn outside(member: &str) -> String {
    if let Some((_, name)) = member.split_once('~') {
        return name.to_owned();
    }
    match member.strip_prefix('M') {
        Some(number) => format!("M{}", number.trim_start_matches('0')),
        None => member.to_owned(),
    }
}

pub(super) fn member(event: &Value) -> MemberId {
    inside(text(event, "m").unwrap_or(""))
}

pub(super) fn instance(event: &Value) -> Option<Arc<str>> {
    text(event, "i").map(Arc::from)
}

pub(super) fn error_of(error: ErrorCode) -> Map<String, Value> {
    Map::from_iter([("e".to_owned(), json!(error))])
}

pub(super) fn told_join(join: &JoinGroupResponse) -> Map<String, Value> {
    let mut answer = error_of(join.error);
    answer.insert("m".to_owned(), json!(outside(&join.member)));
    if join.error != ErrorCode::None {
        return answer;
    }
    answer.insert("gen".to_owned(), json!(join.generation));
    answer.insert("proto".to_owned(), json!(join.protocol.as_deref()));
    answer.insert("leader".to_owned(), json!(outside(&join.leader)));
    if !join.members.is_empty() {
        let members = join.members.iter().map(|m| outside(&m.member));
        answer.insert("members".to_owned(), members.collect());
    }
    if join.skip_assignment {
        answer.insert("skip".to_owned(), json!(true));
    }
    answer
}

pub(super) fn told_group(group: Option<&ClassicGroup>) -> Value {
    let Some(group) = group else {
        return json!({ "g": "none" });
    };
    let members = group.members.values();
    let joining = members.clone().filter(|m| m.is_awaiting_join());
    let syncing = members.clone().filter(|m| m.is_awaiting_sync());
    let mut told = json!({
        "g": format!("{:?}", group.state),
        "gen": group.generation,
        "m": members.map(|m| outside(&m.id)).collect::<Vec<_>>(),
    });
    let mut add = |key: &str, ids: Vec<String>| {
        if !ids.is_empty() {
            told[key] = json!(ids);
        }
    };
    add("join", joining.map(|m| outside(&m.id)).collect());
    add("sync", syncing.map(|m| outside(&m.id)).collect());
    add(
        "pend",
        group.pending_join.iter().map(|m| outside(m)).collect(),
    );
    if let Some(leader) = &group.leader {
        told["leader"] = json!(outside(leader));
    }
    if let Some(protocol) = &group.protocol {
        told["proto"] = json!(**protocol);
    }
    told
}
