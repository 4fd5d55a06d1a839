//! Stories of one group of the consumer protocol in time: every answer, timer and state at its
//! millisecond.
//!
//! As for the classic group: the story's inputs are played to a coordinator whose writes are
//! replicated at once, and what it does is written down as the data writes it. A regular expression
//! is resolved in the instant of the heartbeat that brings it, before the state is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafkasim::base::{Instant, Span, TopicId, TopicPartition};
use kafkasim::kafka::ErrorCode;
use kafkasim::kafka::assignor::server::TopicUuid;
use kafkasim::kafka::config::BrokerConfig;
use kafkasim::kafka::consumer_protocol::{ConsumerHeartbeatRequest, ReconcileState};
use kafkasim::kafka::group::{Assignment, OffsetCommitRequest};
use kafkasim::kafka::message::Response;
use kafkasim::node::coordinator::{
    ConsumerGroup, ConsumerMember, CoordinatorConfig, Fired, GroupCoordinator, ImageTopic,
    MemberIds, Output, Timer, Token,
};
use serde_json::{Map, Value, json};

use super::{at, list, number, same_lines, tell_stories, text};

const FILE: &str = "group-consumer-timeline.jsonl";
const GROUP: &str = "g";

#[test]
fn a_group_of_the_consumer_protocol_lives_as_in_the_oracle_stories() {
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
    same_lines(&player.told, list(story, "ev"))
}

/// What of a group was told last.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    head: (String, Option<(i32, i32)>),
    targets: BTreeMap<String, Value>,
    members: BTreeMap<String, Value>,
}

/// The coordinator of a story, and what it has done so far in the words of the data.
#[derive(Debug)]
struct Player {
    coordinator: GroupCoordinator,
    now: Instant,
    told: Vec<Value>,
    state: State,
    /// Names that are no number: topics that are never there.
    names: Vec<String>,
    /// How many partitions each topic has that is there now.
    topics: BTreeMap<String, u32>,
}

impl Player {
    fn new(story: &Value) -> Self {
        let mut config = CoordinatorConfig::from(&BrokerConfig::default());
        if let Some(session) = story.get("session").and_then(Value::as_u64) {
            config.consumer_session_timeout = Span::from_millis(session);
        }
        if let Some(max_size) = story.get("max_size").and_then(Value::as_u64) {
            config.consumer_max_size = max_size as u32;
        }
        let mut coordinator = GroupCoordinator::new(config, MemberIds::Numbered { made: 0 });
        coordinator.on_loaded(Instant::ZERO, &mut Vec::new());
        let topics = story.get("topics").and_then(Value::as_object);
        let topics = topics.into_iter().flatten();
        let count = |count: &Value| count.as_u64().expect("a count is a number") as u32;
        let mut player = Self {
            coordinator,
            now: Instant::ZERO,
            told: Vec::new(),
            state: State::default(),
            names: Vec::new(),
            topics: topics.map(|(name, n)| (name.clone(), count(n))).collect(),
        };
        player.learn_topics();
        player.tell_state();
        player
    }

    /// The coordinator hears of the topics as they are now.
    fn learn_topics(&mut self) {
        let topics: Vec<(String, u32)> = self.topics.clone().into_iter().collect();
        let image = topics.into_iter().map(|(name, partitions)| {
            let id = self.topic(&name);
            let topic = ImageTopic {
                uuid: TopicUuid {
                    high: 0,
                    low: i64::from(id.0),
                },
                name: Arc::from(name),
                partitions,
            };
            (id, topic)
        });
        let image = image.collect();
        self.coordinator.on_metadata(image);
    }

    /// The stories name their topics so that the order of their hashes is that of the names.
    fn topic(&mut self, name: &str) -> TopicId {
        if let Some(Ok(number)) = name.strip_prefix('t').map(str::parse) {
            return TopicId(number);
        }
        let known = self.names.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        TopicId(1000 + place as u32)
    }

    fn fire_timers_until(&mut self, end: Instant) {
        while let Some(deadline) = self.coordinator.next_deadline().filter(|&d| d <= end) {
            self.now = deadline;
            let mut out = Vec::new();
            let fired = self.coordinator.on_next_timer(deadline, &mut out);
            let name = match fired.expect("a timer is due at its deadline") {
                Fired::Timer(Timer::Session { member, .. }) => format!("session-timeout {member}"),
                Fired::Timer(Timer::Rebalance { member, .. }) => {
                    format!("rebalance-timeout {member}")
                }
                other => panic!("{other:?} is no timer of these stories"),
            };
            self.tell(json!({ "timer": name }));
            self.carry_out(out);
            self.tell_state();
        }
    }

    fn play(&mut self, event: &Value) {
        self.now = at(event);
        self.told.push(event.clone());
        let mut out = Vec::new();
        match text(event, "do").expect("an input says what it does") {
            "hb" => {
                let request = self.heartbeat(event);
                let token = Token(number(event, "n") as u64);
                self.coordinator
                    .handle_consumer_heartbeat(self.now, &request, token, &mut out);
            }
            "commit" => {
                let request = OffsetCommitRequest {
                    group: Arc::from(GROUP),
                    member: Arc::from(text(event, "m").unwrap_or("")),
                    instance: None,
                    generation: number(event, "epoch") as i32,
                    version: 9,
                    offsets: vec![(TopicPartition::default(), 1.into())],
                };
                let token = Token(number(event, "n") as u64);
                self.coordinator
                    .handle_commit(self.now, &request, 0, token, &mut out);
            }
            "partitions" | "create" => {
                let name = text(event, "topic").expect("a change names its topic");
                let count = number(event, "count") as u32;
                self.topics.insert(name.to_owned(), count);
                self.learn_topics();
            }
            "delete" => {
                let name = text(event, "topic").expect("a change names its topic");
                self.topics.remove(name);
                self.learn_topics();
            }
            other => panic!("`{other}` is no input of these stories"),
        }
        self.carry_out(out);
        if self.coordinator.next_deadline() == Some(self.now) {
            // The timers of this instant came before its input: what is left is an expression.
            let mut out = Vec::new();
            let fired = self.coordinator.on_next_timer(self.now, &mut out);
            assert!(
                matches!(fired, Some(Fired::Timer(Timer::Resolution { .. }))),
                "{fired:?} comes before the inputs of its instant"
            );
            self.carry_out(out);
        }
        self.tell_state();
    }

    fn heartbeat(&mut self, event: &Value) -> ConsumerHeartbeatRequest {
        let shared = |key| text(event, key).map(Arc::from);
        let topics = event.get("sub").is_some().then(|| {
            let names = list(event, "sub").iter();
            let names = names.map(|name| name.as_str().expect("a topic is a name"));
            names.map(|name| self.topic(name)).collect()
        });
        let owned = event.get("own").and_then(Value::as_object).cloned();
        let owned = owned.map(|own| self.partitions(&own));
        let timeout = event.get("r").and_then(Value::as_u64);
        ConsumerHeartbeatRequest {
            group: Arc::from(GROUP),
            member: Arc::from(text(event, "m").unwrap_or("")),
            epoch: number(event, "epoch") as i32,
            instance: shared("i"),
            client_id: Arc::from("c"),
            rebalance_timeout: timeout.map(Span::from_millis),
            topics,
            pattern: shared("regex"),
            assignor: shared("assignor"),
            owned,
        }
    }

    fn partitions(&mut self, told: &Map<String, Value>) -> Assignment {
        let mut all = BTreeSet::new();
        for (name, numbers) in told {
            let topic = self.topic(name);
            let numbers = numbers.as_array().expect("partitions are a list");
            let number = |n: &Value| n.as_u64().expect("a partition is a number") as u32;
            all.extend(
                numbers
                    .iter()
                    .map(|n| TopicPartition::new(topic, number(n))),
            );
        }
        all.into_iter().collect()
    }

    /// Does what the coordinator asks for, until it asks for nothing.
    fn carry_out(&mut self, mut out: Vec<Output>) {
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
    }

    fn tell_answer(&mut self, token: Token, response: &Response) {
        let mut answer = Map::new();
        match response {
            Response::ConsumerHeartbeat(beat) => {
                answer.insert("e".to_owned(), json!(beat.error));
                if beat.error == ErrorCode::None {
                    answer.insert("epoch".to_owned(), json!(beat.epoch));
                }
                if let Some(assignment) = &beat.assignment {
                    answer.insert("asg".to_owned(), told_partitions(assignment));
                }
            }
            Response::OffsetCommit(commit) => {
                answer.insert("e".to_owned(), json!(commit.partitions[0].1));
            }
            other => panic!("{:?} is no answer of these stories", other.api()),
        }
        answer.insert("re".to_owned(), json!(token.0));
        self.tell(Value::Object(answer));
    }

    fn tell_state(&mut self) {
        let state = self.read_state();
        let mut told = Map::new();
        if state.head != self.state.head {
            told.insert("g".to_owned(), json!(state.head.0));
            if let Some((epoch, target_epoch)) = state.head.1 {
                told.insert("epoch".to_owned(), json!(epoch));
                told.insert("tepoch".to_owned(), json!(target_epoch));
            }
        }
        let parts = [
            ("target", &self.state.targets, &state.targets),
            ("mem", &self.state.members, &state.members),
        ];
        for (key, before, after) in parts {
            let changes = changes(before, after);
            if !changes.is_empty() {
                told.insert(key.to_owned(), Value::Object(changes));
            }
        }
        if !told.is_empty() {
            self.tell(Value::Object(told));
        }
        self.state = state;
    }

    fn read_state(&self) -> State {
        if let Some(group) = self.coordinator.consumer_group(GROUP) {
            return told_group(group);
        }
        let head = match self.coordinator.group(GROUP) {
            Some(group) => format!("classic {:?}", group.state),
            None => "none".to_owned(),
        };
        State {
            head: (head, None),
            ..State::default()
        }
    }

    fn tell(&mut self, mut what: Value) {
        what["t"] = json!(self.now.as_millis());
        self.told.push(what);
    }
}

fn changes(
    before: &BTreeMap<String, Value>,
    after: &BTreeMap<String, Value>,
) -> Map<String, Value> {
    let new = after
        .iter()
        .filter(|(id, now)| before.get(*id) != Some(now));
    let gone = before.keys().filter(|id| !after.contains_key(*id));
    let new = new.map(|(id, now)| (id.clone(), now.clone()));
    new.chain(gone.map(|id| (id.clone(), Value::Null)))
        .collect()
}

fn told_partitions(partitions: &[TopicPartition]) -> Value {
    let mut told: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for tp in partitions {
        told.entry(format!("t{}", tp.topic.0))
            .or_default()
            .push(tp.partition);
    }
    json!(told)
}

fn told_group(group: &ConsumerGroup) -> State {
    let target = |(id, target): (&Arc<str>, &Assignment)| (id.to_string(), told_partitions(target));
    let member = |(id, member): (&Arc<str>, &ConsumerMember)| (id.to_string(), told_member(member));
    State {
        head: (
            format!("{:?}", group.state()),
            Some((group.epoch, group.target_epoch)),
        ),
        targets: group.targets.iter().map(target).collect(),
        members: group.members.iter().map(member).collect(),
    }
}

fn told_member(member: &ConsumerMember) -> Value {
    let current = &member.current;
    let state = match current.state {
        ReconcileState::Stable => "STABLE",
        ReconcileState::UnrevokedPartitions => "UNREVOKED_PARTITIONS",
        ReconcileState::UnreleasedPartitions => "UNRELEASED_PARTITIONS",
    };
    let mut told = json!({
        "epoch": current.epoch,
        "prev": current.previous_epoch,
        "st": state,
        "own": told_partitions(&current.assigned),
    });
    if !current.revoking.is_empty() {
        told["rev"] = told_partitions(&current.revoking);
    }
    told
}
