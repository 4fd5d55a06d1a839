//! Who plays stories of one group that may be of the consumer protocol: every answer, timer and state
//! at its millisecond.
//!
//! As for the classic group: the story's inputs are played to a coordinator whose writes are
//! replicated at once, and what it does is written down as the data writes it. A regular expression
//! is resolved in the instant of the heartbeat that brings it, before the state is told. A story that
//! names a `policy` has members of both protocols; then more is told of a classic group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafkasim::base::{Instant, Span, TopicId, TopicPartition};
use kafkasim::kafka::ErrorCode;
use kafkasim::kafka::assignor::server::TopicUuid;
use kafkasim::kafka::config::BrokerConfig;
use kafkasim::kafka::config::broker::MigrationPolicy;
use kafkasim::kafka::consumer_protocol::{ConsumerHeartbeatRequest, ReconcileState};
use kafkasim::kafka::group::{
    Assignment, HeartbeatRequest, JoinGroupRequest, JoinProtocol, LeaveGroupRequest, MemberId,
    OffsetCommitRequest, Subscription, SyncGroupRequest,
};
use kafkasim::kafka::hash::string_hash;
use kafkasim::kafka::message::Response;
use kafkasim::node::coordinator::{
    ConsumerGroup, ConsumerMember, CoordinatorConfig, Fired, GroupCoordinator, ImageTopic,
    MemberIds, Output, Timer, Token,
};
use serde_json::{Map, Value, json};

use super::group_classic::{error_of, inside, instance, outside, told_group, told_join};
use super::{at, list, number, same_lines, text};

const GROUP: &str = "g";

/// How large a hash table is whose order is an order of ids: no story has as many members.
const HASH_TABLE: usize = 64;

/// Plays a story whose members come in the order of their names, and says where it first differs.
pub(super) fn difference(story: &Value) -> Result<(), String> {
    play(story, &Orders::default()).map_err(|(_, difference)| difference)
}

/// The names of all members in the orders in which maps hand them out; empty: that of the names.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    /// A Java hash map: all members.
    pub(super) hash: Vec<String>,
    /// The map of a group of the consumer protocol: who comes first, each time that the group goes
    /// from one protocol to the other.
    pub(super) turns: Vec<Vec<String>>,
}

/// Plays a story whose members come in these orders. Says behind how many lines it first differs, and
/// how.
pub(super) fn play(story: &Value, orders: &Orders) -> Result<(), (usize, String)> {
    let mut player = Player::new(story, orders);
    for event in list(story, "ev") {
        if event.get("do").is_some() {
            player.fire_timers_until(at(event));
            player.play(event);
        }
    }
    player.fire_timers_until(Instant::ZERO + Span::from_millis(number(story, "end") as u64));
    let lines = list(story, "ev");
    let same = player.told.iter().zip(lines).take_while(|(a, b)| a == b);
    let same = same.count();
    same_lines(&player.told, lines).map_err(|difference| (same, difference))?;
    let open: Vec<Value> = player.open.iter().map(|&n| json!(n)).collect();
    if open == list(story, "open") {
        Ok(())
    } else {
        Err((same, format!("ours never answered {open:?}")))
    }
}

/// What of a group was told last.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    head: Map<String, Value>,
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
    /// The names of members in the order of their ids.
    order: Vec<String>,
    /// Whether the story has members of both protocols.
    is_mixed: bool,
    /// The generation and the assignor that each member of the classic protocol was told last. It
    /// says the first in its next subscription, which is therefore another one.
    told_in_join: BTreeMap<MemberId, (i32, Arc<str>)>,
    /// The requests that are not answered yet.
    open: Vec<u64>,
    /// Names that are no number: topics that are never there.
    names: Vec<String>,
    /// How many partitions each topic has that is there now.
    topics: BTreeMap<String, u32>,
}

impl Player {
    fn new(story: &Value, orders: &Orders) -> Self {
        let mut config = CoordinatorConfig::from(&BrokerConfig::default());
        if let Some(session) = story.get("session").and_then(Value::as_u64) {
            config.consumer_session_timeout = Span::from_millis(session);
        }
        if let Some(max_size) = story.get("max_size").and_then(Value::as_u64) {
            config.consumer_max_size = max_size as u32;
        }
        let policy = text(story, "policy");
        if let Some(policy) = policy {
            config.migration_policy = policy_of(policy);
            config.initial_rebalance_delay = Span::from_millis(number(story, "delay") as u64);
        }
        let order = &orders.hash;
        let ids = if order.is_empty() {
            MemberIds::Numbered { made: 0 }
        } else {
            let made = (1..=order.len()).rev();
            let ids = made.map(|number| placed(&format!("M{number}"), order));
            let turn = |first: &Vec<String>| first.iter().map(|name| placed(name, order)).collect();
            MemberIds::Listed {
                ids: ids.collect(),
                turns: orders.turns.iter().rev().map(turn).collect(),
            }
        };
        let mut coordinator = GroupCoordinator::new(config, ids);
        coordinator.on_loaded(Instant::ZERO, &mut Vec::new());
        let topics = story.get("topics").and_then(Value::as_object);
        let topics = topics.into_iter().flatten();
        let count = |count: &Value| count.as_u64().expect("a count is a number") as u32;
        let mut player = Self {
            coordinator,
            now: Instant::ZERO,
            told: Vec::new(),
            state: State::default(),
            order: order.clone(),
            is_mixed: policy.is_some(),
            told_in_join: BTreeMap::new(),
            open: Vec::new(),
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
                Fired::Timer(timer) => name_of(&timer),
                Fired::Replication => panic!("every write is replicated at once"),
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
        if event.get("n").is_some() {
            self.ask(event, &mut out);
        } else {
            let name = text(event, "topic").expect("a change names its topic");
            if text(event, "do") == Some("delete") {
                self.topics.remove(name);
            } else {
                let count = number(event, "count") as u32;
                self.topics.insert(name.to_owned(), count);
            }
            self.learn_topics();
        }
        self.carry_out(out);
        if !self.is_mixed && self.coordinator.next_deadline() == Some(self.now) {
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

    /// Hands in a request.
    fn ask(&mut self, event: &Value, out: &mut Vec<Output>) {
        let n = number(event, "n") as u64;
        self.open.push(n);
        let (now, token) = (self.now, Token(n));
        match text(event, "do").expect("an input says what it does") {
            "hb" => {
                let request = self.beat(event);
                let coordinator = &mut self.coordinator;
                coordinator.handle_consumer_heartbeat(now, &request, token, out);
            }
            "join" => {
                let request = self.join(event);
                self.coordinator.handle_join(now, &request, token, out);
            }
            "sync" => {
                let request = self.sync(event);
                self.coordinator.handle_sync(now, &request, token, out);
            }
            "heartbeat" => {
                let request = HeartbeatRequest {
                    group: Arc::from(GROUP),
                    member: self.member(event),
                    instance: instance(event),
                    generation: number(event, "gen") as i32,
                };
                self.coordinator.handle_heartbeat(now, &request, token, out);
            }
            "leave" => {
                let request = LeaveGroupRequest {
                    group: Arc::from(GROUP),
                    members: vec![(self.member(event), instance(event))],
                };
                self.coordinator.handle_leave(now, &request, token, out);
            }
            "commit" => {
                let is_modern = event.get("epoch").is_some();
                let generation = number(event, if is_modern { "epoch" } else { "gen" });
                let request = OffsetCommitRequest {
                    group: Arc::from(GROUP),
                    member: self.member(event),
                    instance: instance(event),
                    generation: generation as i32,
                    version: 9,
                    offsets: vec![(TopicPartition::default(), 1.into())],
                };
                let coordinator = &mut self.coordinator;
                coordinator.handle_commit(now, &request, 0, token, out);
            }
            other => panic!("`{other}` is no input of these stories"),
        }
    }

    fn join(&mut self, event: &Value) -> JoinGroupRequest {
        let owned = event.get("own").and_then(Value::as_object).cloned();
        let owned = owned.map_or_else(Vec::new, |own| self.partitions(&own).to_vec());
        let topics = self.topics_at(event, "topics");
        let known = self.told_in_join.get(&self.member(event));
        let subscription = Subscription {
            topics,
            generation: known.map_or(-1, |(generation, _)| *generation),
            owned,
            user_data: None,
        };
        let protocol = JoinProtocol {
            name: Arc::from(text(event, "p").expect("a join has a protocol")),
            subscription: Arc::new(subscription),
        };
        JoinGroupRequest {
            group: Arc::from(GROUP),
            member: self.member(event),
            instance: instance(event),
            client_id: Arc::from("c"),
            session_timeout: Span::from_millis(number(event, "s") as u64),
            rebalance_timeout: Span::from_millis(number(event, "r") as u64),
            protocol_type: Arc::from("consumer"),
            protocols: vec![protocol],
            version: 9,
        }
    }

    fn sync(&mut self, event: &Value) -> SyncGroupRequest {
        let given = event.get("asg").and_then(Value::as_object).cloned();
        let given = given.into_iter().flatten();
        let assignments = given.map(|(member, share)| {
            let share = share.as_object().expect("a share is a map");
            (self.inside(&member), self.partitions(share))
        });
        let assignments = assignments.collect();
        let member = self.member(event);
        let known = self.told_in_join.get(&member);
        SyncGroupRequest {
            group: Arc::from(GROUP),
            instance: instance(event),
            generation: number(event, "gen") as i32,
            protocol: known.map(|(_, protocol)| Arc::clone(protocol)),
            member,
            assignments,
        }
    }

    /// The id within the coordinator of the story's name.
    fn inside(&self, name: &str) -> MemberId {
        if name.is_empty() || self.order.is_empty() {
            inside(name)
        } else {
            placed(name, &self.order)
        }
    }

    fn member(&self, event: &Value) -> MemberId {
        self.inside(text(event, "m").unwrap_or(""))
    }

    /// The topics that a list names.
    fn topics_at(&mut self, event: &Value, key: &str) -> Vec<TopicId> {
        let names = list(event, key).iter();
        let names = names.map(|name| name.as_str().expect("a topic is a name"));
        names.map(|name| self.topic(name)).collect()
    }

    fn beat(&mut self, event: &Value) -> ConsumerHeartbeatRequest {
        let shared = |key| text(event, key).map(Arc::from);
        let topics = event.get("sub").is_some();
        let topics = topics.then(|| self.topics_at(event, "sub").into());
        let owned = event.get("own").and_then(Value::as_object).cloned();
        let owned = owned.map(|own| self.partitions(&own));
        let timeout = event.get("r").and_then(Value::as_u64);
        ConsumerHeartbeatRequest {
            group: Arc::from(GROUP),
            member: self.member(event),
            epoch: number(event, "epoch") as i32,
            instance: instance(event),
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
        assert!(self.open.contains(&token.0), "{token:?} is answered once");
        self.open.retain(|&open| open != token.0);
        let mut answer = match response {
            Response::JoinGroup(join) => {
                if let Some(protocol) = &join.protocol {
                    let told = Arc::clone(protocol);
                    let member = Arc::clone(&join.member);
                    self.told_in_join.insert(member, (join.generation, told));
                }
                let mut answer = told_join(join);
                // A group of the consumer protocol names no leader.
                answer.retain(|key, value| key != "leader" || *value != "");
                answer
            }
            Response::SyncGroup(sync) => {
                let mut answer = error_of(sync.error);
                if sync.error == ErrorCode::None {
                    answer.insert("asg".to_owned(), told_partitions(&sync.assignment));
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
            Response::ConsumerHeartbeat(beat) => {
                let mut answer = error_of(beat.error);
                if beat.error == ErrorCode::None {
                    answer.insert("epoch".to_owned(), json!(beat.epoch));
                }
                if let Some(assignment) = &beat.assignment {
                    answer.insert("asg".to_owned(), told_partitions(assignment));
                }
                answer
            }
            Response::OffsetCommit(commit) => error_of(commit.partitions[0].1),
            other => panic!("{:?} is no answer of these stories", other.api()),
        };
        answer.insert("re".to_owned(), json!(token.0));
        self.tell(Value::Object(answer));
    }

    fn tell_state(&mut self) {
        let state = self.read_state();
        let mut told = Map::new();
        if state.head != self.state.head {
            told.extend(state.head.clone());
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
            return told_consumer_group(group);
        }
        let group = self.coordinator.group(GROUP);
        let Value::Object(mut head) = told_group(group) else {
            unreachable!("a group is told as a map");
        };
        if let Some(group) = group {
            head.insert("g".to_owned(), json!(format!("classic {:?}", group.state)));
            head.retain(|key, _| key == "g" || self.is_mixed && key != "pend");
            for (_, names) in &mut head {
                if let Value::Array(names) = names {
                    names.sort_by_key(|name| {
                        name.as_str().map(|name| (name.len(), name.to_owned()))
                    });
                }
            }
        }
        State {
            head,
            ..State::default()
        }
    }

    fn tell(&mut self, mut what: Value) {
        what["t"] = json!(self.now.as_millis());
        self.told.push(what);
    }
}

/// An id that has its name's place in this order, by itself and in a Java hash map.
fn placed(name: &str, order: &[String]) -> MemberId {
    let place = order.iter().position(|known| known == name);
    let place = place.unwrap_or(order.len());
    let ids = (0..10_000).map(|salt| format!("{place:02}{salt:04}~{name}"));
    let mut ids = ids.filter(|id| {
        let hash = string_hash(id).cast_unsigned();
        (hash ^ (hash >> 16)) as usize % HASH_TABLE == place
    });
    Arc::from(ids.next().expect("one in sixty-four of them has its place"))
}

fn policy_of(name: &str) -> MigrationPolicy {
    match name {
        "bidirectional" => MigrationPolicy::Bidirectional,
        "upgrade" => MigrationPolicy::Upgrade,
        "downgrade" => MigrationPolicy::Downgrade,
        "disabled" => MigrationPolicy::Disabled,
        other => panic!("`{other}` is no policy"),
    }
}

fn name_of(timer: &Timer) -> String {
    match timer {
        Timer::InitialJoin { .. } | Timer::Join { .. } => "join".to_owned(),
        Timer::Sync { .. } => "sync".to_owned(),
        Timer::MemberJoin { member, .. } => format!("join {}", outside(member)),
        Timer::MemberSync { member, .. } => format!("sync {}", outside(member)),
        Timer::Session { member, .. } => format!("heartbeat {}", outside(member)),
        Timer::ConsumerSession { member, .. } => format!("session-timeout {}", outside(member)),
        Timer::Rebalance { member, .. } => format!("rebalance-timeout {}", outside(member)),
        Timer::Resolution { .. } => panic!("{timer:?} comes in the instant of its input"),
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

fn told_consumer_group(group: &ConsumerGroup) -> State {
    let target = |(id, target): (&Arc<str>, &Assignment)| (outside(id), told_partitions(target));
    let member = |(id, member): (&Arc<str>, &ConsumerMember)| (outside(id), told_member(member));
    let head = [
        ("g".to_owned(), json!(format!("{:?}", group.state()))),
        ("epoch".to_owned(), json!(group.epoch)),
        ("tepoch".to_owned(), json!(group.target_epoch)),
    ];
    State {
        head: Map::from_iter(head),
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
    if member.classic().is_some() {
        told["classic"] = json!(true);
    }
    if !current.revoking.is_empty() {
        told["rev"] = told_partitions(&current.revoking);
    }
    told
}
