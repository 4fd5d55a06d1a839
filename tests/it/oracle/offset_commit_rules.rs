//! Which offset commits are accepted: by state, request, member, instance and generation.
//!
//! A group is brought into each state of the data by requests, then every commit is tried on a copy
//! of it. A transactional commit is not a request yet; the rule alone is asked for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafkasim::base::{Instant, Span, TopicId, TopicPartition};
use kafkasim::kafka::ErrorCode;
use kafkasim::kafka::assignor::server::TopicUuid;
use kafkasim::kafka::config::BrokerConfig;
use kafkasim::kafka::consumer_protocol::{ConsumerHeartbeatRequest, ReconcileState};
use kafkasim::kafka::group::{
    JoinGroupRequest, JoinProtocol, LeaveGroupRequest, OffsetCommitRequest, Subscription,
    SyncGroupRequest,
};
use kafkasim::kafka::message::Response;
use kafkasim::node::coordinator::{
    CommitClaim, CommitKind, ConsumerMember, CoordinatorConfig, GroupCoordinator, ImageTopic,
    MemberIds, Output, Token,
};
use serde_json::{Value, json};

use super::group_classic::inside;
use super::{Tally, lines, list, number, text};

const FILE: &str = "offset-commit-rules.jsonl";
const GROUP: &str = "g";
const SESSION: Span = Span::from_secs(1800);
const REBALANCE: Span = Span::from_secs(60);

#[test]
fn offset_commits_are_accepted_as_by_the_oracle() {
    let Some(states) = lines(FILE) else { return };
    let mut tally = Tally::new(FILE);
    for state in &states {
        let id = text(state, "id").expect("a state has an id");
        let commits = list(state, "commits");
        let is_consumer = text(state, "type") == Some("consumer");
        let stage = if is_consumer {
            Stage::of_consumer_protocol(state)
        } else {
            Stage::at(state)
        };
        let as_told = if is_consumer {
            stage.consumer_group_is_as_told(state)
        } else {
            stage.is_as_told(state)
        };
        tally.compare(id, as_told);
        for commit in commits {
            let ours = json!(stage.try_commit(commit));
            tally.compare_eq(&format!("{id} {commit}"), &ours, &commit[4]);
        }
    }
    tally.finish();
}

/// A group brought into a state.
#[derive(Clone, Debug)]
struct Stage {
    coordinator: GroupCoordinator,
    now: Instant,
    requests: u64,
}

impl Stage {
    /// The state of one line of the data, reached by the requests of clients.
    fn at(line: &Value) -> Self {
        let config = CoordinatorConfig::from(&BrokerConfig::default());
        let mut coordinator = GroupCoordinator::new(config, MemberIds::Numbered { made: 0 });
        coordinator.on_loaded(Instant::ZERO, &mut Vec::new());
        let mut stage = Self {
            coordinator,
            now: Instant::ZERO,
            requests: 0,
        };
        let generation = number(line, "gen");
        let id = text(line, "id").expect("a state has an id");
        let stage_name = id.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        match stage_name {
            "offset-commit-none" => {}
            "offset-commit-simple" => stage.commit_outside(),
            "offset-commit-classic/PreparingRebalance-initial" => stage.join_two(),
            "offset-commit-classic/PreparingRebalance" => {
                stage.join_two();
                stage.stabilize_until(generation);
                stage.join_new("M0003");
            }
            "offset-commit-classic/CompletingRebalance" => {
                stage.join_two();
                stage.stabilize_until(generation - 1);
                stage.complete_round(generation);
            }
            "offset-commit-classic/CompletingRebalance-synced" => {
                stage.join_two();
                stage.stabilize_until(generation - 1);
                stage.complete_round(generation);
                stage.sync("M0002", generation);
            }
            "offset-commit-classic/Stable" => {
                stage.join_two();
                stage.stabilize_until(generation);
            }
            "offset-commit-classic/Empty" => {
                stage.join_two();
                stage.stabilize_until(generation - 1);
                stage.leave();
            }
            other => panic!("how to reach {other} is not known"),
        }
        if !list(line, "pend").is_empty() {
            stage.join("", None);
        }
        stage
    }

    /// Whether the group stands as the data says.
    fn is_as_told(&self, line: &Value) -> Result<(), String> {
        let group = self.coordinator.group(GROUP);
        let ours = group.map_or_else(|| "none".to_owned(), |g| format!("{:?}", g.state));
        let generation = group.map_or(-1, |g| i64::from(g.generation));
        let members = group.map_or(0, |g| g.members.len());
        let pending = group.map_or(0, |g| g.pending_join.len());
        let told = line.get("members").and_then(Value::as_object);
        let as_told = Some(&*ours) == text(line, "state")
            && generation == number(line, "gen")
            && members == told.map_or(0, serde_json::Map::len)
            && pending == list(line, "pend").len();
        if as_told {
            return Ok(());
        }
        Err(format!(
            "the group was brought to {ours} {generation} with {members} members, {pending} pending"
        ))
    }

    /// A group of the consumer protocol in the state of one line of the data. The group epoch comes
    /// from members that joined and left before.
    fn of_consumer_protocol(line: &Value) -> Self {
        let mut stage = Self::at(&json!({ "id": "offset-commit-none", "gen": -1 }));
        let topic = ImageTopic {
            name: Arc::from("t0"),
            uuid: TopicUuid { high: 0, low: 0 },
            partitions: 4,
        };
        let topics = BTreeMap::from([(TopicId(0), topic)]);
        stage.coordinator.on_metadata(topics);
        let wanted = number(line, "gen") as i32;
        let id = text(line, "id").expect("a state has an id");
        let before = match id.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-') {
            "offset-commit-consumer/Empty" => 4,
            "offset-commit-consumer/Stable" => 2,
            "offset-commit-consumer/Assigning" => 4,
            "offset-commit-consumer/Reconciling" => 3,
            "offset-commit-consumer/static-left" => 2,
            other => panic!("how to reach {other} is not known"),
        };
        for _ in 0..(wanted - before) / 2 {
            stage.beat("z", None, 0, &[]);
            stage.beat("z", None, -1, &[]);
        }
        let (mine, all) = (&[0, 1], &[0, 1, 2, 3]);
        stage.beat("a", None, 0, &[]);
        stage.beat("b", Some("s2"), 0, &[]);
        let epoch = wanted - before + 2;
        stage.beat("a", None, epoch - 1, all);
        stage.beat("a", None, epoch - 1, &stage.owned_by("a"));
        stage.beat("b", Some("s2"), epoch, mine);
        match before {
            4 if id.contains("Empty") => {
                stage.beat("a", None, -1, &[]);
                stage.beat("b", Some("s2"), -1, &[]);
            }
            4 => {
                stage.beat("c", None, 0, &[]);
                stage.beat("c", None, -1, &[]);
            }
            3 => {
                stage.beat("c", None, 0, &[]);
                stage.beat("a", None, epoch, &stage.owned_by("a"));
                stage.beat("a", None, epoch, &stage.owned_by("a"));
            }
            _ if id.contains("static-left") => stage.beat("b", Some("s2"), -2, &[]),
            _ => {}
        }
        stage
    }

    /// The partitions a member is to own.
    fn owned_by(&self, member: &str) -> Vec<u32> {
        let group = self.coordinator.consumer_group(GROUP);
        let member = group.and_then(|group| group.members.get(member));
        let assigned = member.map(|member| Arc::clone(&member.current.assigned));
        let assigned = assigned.expect("the member is there");
        assigned.iter().map(|tp| tp.partition).collect()
    }

    /// A heartbeat of the consumer protocol; with epoch 0 it says everything.
    fn beat(&mut self, member: &str, instance: Option<&str>, epoch: i32, owned: &[u32]) {
        let joins = epoch == 0;
        let owned = owned.iter().map(|n| TopicPartition::new(TopicId(0), *n));
        let request = ConsumerHeartbeatRequest {
            group: Arc::from(GROUP),
            member: Arc::from(member),
            epoch,
            instance: instance.map(Arc::from),
            client_id: Arc::from("c"),
            rebalance_timeout: joins.then_some(REBALANCE),
            topics: joins.then(|| Arc::from([TopicId(0)])),
            pattern: None,
            assignor: None,
            owned: Some(owned.collect()),
        };
        let (token, mut out) = (self.next_token(), Vec::new());
        self.coordinator
            .handle_consumer_heartbeat(self.now, &request, token, &mut out);
        self.settle(out);
    }

    /// Whether a group of the consumer protocol stands as the data says, its members too.
    fn consumer_group_is_as_told(&self, line: &Value) -> Result<(), String> {
        let group = self.coordinator.consumer_group(GROUP);
        let group = group.ok_or("there is no such group")?;
        let member = |member: &ConsumerMember| {
            let state = match member.current.state {
                ReconcileState::Stable => "STABLE",
                ReconcileState::UnrevokedPartitions => "UNREVOKED_PARTITIONS",
                ReconcileState::UnreleasedPartitions => "UNRELEASED_PARTITIONS",
            };
            let mut told = json!({ "epoch": member.current.epoch, "st": state });
            if let Some(instance) = &member.subscription.instance {
                told["i"] = json!(**instance);
            }
            told
        };
        let members = group.members.iter();
        let members: BTreeMap<&str, Value> = members.map(|(id, m)| (&**id, member(m))).collect();
        let ours = json!({
            "gen": group.epoch,
            "members": members,
            "state": format!("{:?}", group.state()),
        });
        for key in ["gen", "members", "state"] {
            if ours[key] != line[key] {
                return Err(format!("the group was brought to {ours}"));
            }
        }
        Ok(())
    }

    /// The error of one commit to a copy of this group.
    fn try_commit(&self, commit: &Value) -> ErrorCode {
        let member = inside(commit[1].as_str().expect("a commit names a member or none"));
        let instance: Option<Arc<str>> = commit[2].as_str().map(Arc::from);
        let generation = commit[3].as_i64().expect("a commit has a generation") as i32;
        let version = match commit[0].as_str() {
            Some("v8") => 8,
            Some("v9") => 9,
            Some("t3") => {
                let claim = CommitClaim {
                    member: &member,
                    instance: instance.as_deref(),
                    generation,
                };
                let kind = CommitKind::Transactional;
                return self.coordinator.validate_commit(GROUP, claim, kind);
            }
            _ => panic!("{commit} is no request of this data"),
        };
        let request = OffsetCommitRequest {
            group: Arc::from(GROUP),
            member,
            instance,
            generation,
            version,
            offsets: vec![(TopicPartition::default(), 7.into())],
        };
        let mut copy = self.clone();
        let mut out = Vec::new();
        copy.coordinator
            .handle_commit(copy.now, &request, 0, Token(0), &mut out);
        match copy.settle(out).as_slice() {
            [Response::OffsetCommit(answer)] => answer.partitions[0].1,
            other => panic!("a commit has one answer, not {other:?}"),
        }
    }

    /// Replicates what is written, at once; returns the answers.
    fn settle(&mut self, mut out: Vec<Output>) -> Vec<Response> {
        let mut answers = Vec::new();
        while !out.is_empty() {
            for output in std::mem::take(&mut out) {
                match output {
                    Output::Write { id, records } => {
                        for record in records.iter() {
                            self.coordinator.replay(record);
                        }
                        self.coordinator.on_replicated(self.now, id, &mut out);
                    }
                    Output::Reply { response, .. } => answers.push(response),
                    Output::Note(_) => {}
                }
            }
        }
        answers
    }

    fn next_token(&mut self) -> Token {
        self.requests += 1;
        Token(self.requests)
    }

    fn commit_outside(&mut self) {
        let request = OffsetCommitRequest {
            group: Arc::from(GROUP),
            member: Arc::from(""),
            instance: None,
            generation: -1,
            version: 9,
            offsets: vec![(TopicPartition::default(), 1.into())],
        };
        let (token, mut out) = (self.next_token(), Vec::new());
        self.coordinator
            .handle_commit(self.now, &request, 0, token, &mut out);
        self.settle(out);
    }

    /// M1 is dynamic and leads, M2 is the static member `s2`.
    fn join_two(&mut self) {
        self.join_new("M0001");
        self.join("", Some("s2"));
    }

    /// A dynamic member gets the id `id` and joins with it.
    fn join_new(&mut self, id: &str) {
        self.join("", None);
        self.join(id, None);
    }

    fn join(&mut self, member: &str, instance: Option<&str>) {
        let request = JoinGroupRequest {
            group: Arc::from(GROUP),
            member: Arc::from(member),
            instance: instance.map(Arc::from),
            client_id: Arc::from("c"),
            session_timeout: SESSION,
            rebalance_timeout: REBALANCE,
            protocol_type: Arc::from("consumer"),
            protocols: vec![JoinProtocol {
                name: Arc::from("range"),
                subscription: Arc::new(Subscription {
                    topics: vec![TopicId(0)],
                    owned: Vec::new(),
                    generation: -1,
                    user_data: None,
                }),
            }],
            version: 9,
        };
        let (token, mut out) = (self.next_token(), Vec::new());
        self.coordinator
            .handle_join(self.now, &request, token, &mut out);
        self.settle(out);
    }

    /// Both members go through rounds until this generation is Stable.
    fn stabilize_until(&mut self, generation: i64) {
        for round in 1..=generation {
            self.complete_round(round);
            self.sync("M0001", round);
            self.sync("M0002", round);
        }
    }

    /// Both members join; the first time the initial delay has to pass.
    fn complete_round(&mut self, round: i64) {
        if round == 1 {
            while let Some(deadline) = self.coordinator.next_deadline() {
                let group = self.coordinator.group(GROUP);
                if group.is_some_and(|g| i64::from(g.generation) == round) {
                    return;
                }
                self.now = deadline;
                let mut out = Vec::new();
                self.coordinator.on_timers(deadline, &mut out);
                self.settle(out);
            }
        }
        self.join("M0001", None);
        self.join("M0002", Some("s2"));
    }

    fn sync(&mut self, member: &str, generation: i64) {
        let request = SyncGroupRequest {
            group: Arc::from(GROUP),
            member: Arc::from(member),
            instance: (member == "M0002").then(|| Arc::from("s2")),
            generation: generation as i32,
            protocol: None,
            assignments: Vec::new(),
        };
        let (token, mut out) = (self.next_token(), Vec::new());
        self.coordinator
            .handle_sync(self.now, &request, token, &mut out);
        self.settle(out);
    }

    fn leave(&mut self) {
        let request = LeaveGroupRequest {
            group: Arc::from(GROUP),
            members: vec![
                (Arc::from("M0001"), None),
                (Arc::from("M0002"), Some(Arc::from("s2"))),
            ],
        };
        let (token, mut out) = (self.next_token(), Vec::new());
        self.coordinator
            .handle_leave(self.now, &request, token, &mut out);
        self.settle(out);
    }
}
