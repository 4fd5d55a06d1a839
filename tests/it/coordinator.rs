//! What holds for a group coordinator whatever its clients send and however late its log is.
//!
//! Clients send sense and nonsense at random instants; writes are replicated late, in order, or
//! not for a while. No story is checked here, only what no story may break.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafkasim::base::rng::{Seed, Stream};
use kafkasim::base::{Instant, Span, TopicId, TopicPartition};
use kafkasim::kafka::config::BrokerConfig;
use kafkasim::kafka::group::{
    CoordinatorRecord, HeartbeatRequest, JoinGroupRequest, JoinProtocol, LeaveGroupRequest,
    MemberId, OffsetCommitRequest, OffsetFetchRequest, Subscription, SyncGroupRequest,
};
use kafkasim::kafka::message::Response;
use kafkasim::node::coordinator::{
    CoordinatorConfig, GroupCoordinator, GroupEvent, GroupState, MemberIds, Output, RemovalReason,
    Token, WriteId,
};

const SEEDS: u64 = 100;
const STEPS: u32 = 400;
const GROUPS: [&str; 2] = ["g", "h"];

#[test]
fn whatever_comes_nothing_is_answered_twice_and_the_log_tells_the_same_groups() {
    let mut happened = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.settle_down();
        world.check_failover();
        for (what, times) in world.happened {
            *happened.entry(what).or_insert(0) += times;
        }
    }
    // Else the clients would only be refused, and the claim would be empty.
    for what in [
        "round",
        "later round",
        "static return",
        "expiry",
        "offsets",
        "emptied",
    ] {
        let times = happened.get(what).copied().unwrap_or(0);
        assert!(SEEDS <= times, "`{what}` happened {times} times only");
    }
}

#[test]
fn the_same_requests_at_the_same_instants_give_the_same_outputs() {
    for seed in 0..20 {
        let run = || {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
            }
            world.transcript
        };
        assert_eq!(run(), run(), "seed {seed}");
    }
}

/// A coordinator, its log and clients that remember a little.
struct World {
    coordinator: GroupCoordinator,
    draw: Stream,
    now: Instant,
    log: Vec<CoordinatorRecord>,
    unreplicated: Vec<WriteId>,
    requests: u64,
    answered: BTreeMap<Token, Instant>,
    known_ids: Vec<MemberId>,
    generation: BTreeMap<Arc<str>, i32>,
    happened: BTreeMap<&'static str, u64>,
    transcript: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut config = CoordinatorConfig::from(&BrokerConfig::default());
        let mut draw = Stream::new(Seed(seed), "coordinator", "clients");
        config.group_max_size = [3, 100][draw.below(2) as usize];
        let ids = Stream::new(Seed(seed), "coordinator", "member-ids");
        let mut coordinator = GroupCoordinator::new(config, MemberIds::Random(Box::new(ids)));
        coordinator.on_loaded(Instant::ZERO, &mut Vec::new());
        Self {
            coordinator,
            draw,
            now: Instant::ZERO,
            log: Vec::new(),
            unreplicated: Vec::new(),
            requests: 0,
            answered: BTreeMap::new(),
            known_ids: Vec::new(),
            generation: BTreeMap::new(),
            happened: BTreeMap::new(),
            transcript: Vec::new(),
        }
    }

    fn step(&mut self) {
        let pause = [0, 10, 500, 4_000, 20_000][self.draw.below(5) as usize];
        let pause = self.draw.between(0, pause);
        self.wait(Span::from_millis(pause));
        if self.draw.below(3) != 0 {
            self.replicate();
        }
        self.request();
        self.check_groups();
    }

    fn wait(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(deadline) = self.coordinator.next_deadline().filter(|&d| d <= end) {
            assert!(self.now <= deadline, "no deadline lies in the past");
            self.now = deadline;
            let mut out = Vec::new();
            self.coordinator.on_next_timer(deadline, &mut out);
            self.take(out);
        }
        self.now = end;
    }

    fn replicate(&mut self) {
        if let Some(&last) = self.unreplicated.last() {
            self.unreplicated.clear();
            let mut out = Vec::new();
            self.coordinator.on_replicated(self.now, last, &mut out);
            self.take(out);
        }
    }

    fn request(&mut self) {
        self.requests += 1;
        let (now, token) = (self.now, Token(self.requests));
        let group: Arc<str> = Arc::from(GROUPS[self.draw.below(2) as usize]);
        let (member, instance, generation) = self.identity(&group);
        let mut out = Vec::new();
        let coordinator = &mut self.coordinator;
        match self.draw.below(8) {
            0..=2 => {
                let request = join(&mut self.draw, group, member, instance);
                coordinator.handle_join(now, &request, token, &mut out);
            }
            3 | 4 => {
                let request = sync(coordinator, group, member, instance, generation);
                coordinator.handle_sync(now, &request, token, &mut out);
            }
            5 => {
                let request = HeartbeatRequest {
                    group,
                    member,
                    instance,
                    generation,
                };
                coordinator.handle_heartbeat(now, &request, token, &mut out);
            }
            6 if self.draw.below(4) == 0 => {
                let members = vec![(member, instance)];
                let request = LeaveGroupRequest { group, members };
                coordinator.handle_leave(now, &request, token, &mut out);
            }
            6 => {
                let partitions = vec![partition(0)];
                let request = OffsetFetchRequest {
                    group,
                    member: None,
                    partitions,
                };
                coordinator.handle_offset_fetch(now, &request, token, &mut out);
            }
            _ => {
                let request = OffsetCommitRequest {
                    group,
                    member,
                    instance,
                    generation,
                    version: 9,
                    offsets: vec![(partition(0), self.draw.below(100).into())],
                };
                coordinator.handle_commit(now, &request, 0, token, &mut out);
            }
        }
        self.take(out);
    }

    /// Mostly a member of the group, sometimes one that was, sometimes nobody.
    fn identity(&mut self, group: &str) -> (MemberId, Option<Arc<str>>, i32) {
        let found = self.coordinator.group(group);
        let generation = found.map_or(-1, |g| g.generation);
        let lag = i32::from(self.draw.below(10) == 0);
        let current: Vec<_> = found.map_or_else(Vec::new, |g| {
            let members = g.members.values();
            let pending = g.pending_join.iter().map(|id| (id.clone(), None));
            members
                .map(|m| (m.id.clone(), m.instance.clone()))
                .chain(pending)
                .collect()
        });
        let pick = |draw: &mut Stream, length: usize| draw.below(length.max(1) as u64) as usize;
        let (member, instance) = match self.draw.below(10) {
            0..=5 if !current.is_empty() => current[pick(&mut self.draw, current.len())].clone(),
            6 if !self.known_ids.is_empty() => {
                let id = self.known_ids[pick(&mut self.draw, self.known_ids.len())].clone();
                (id, None)
            }
            7 => (Arc::from(""), Some(Arc::from("s1"))),
            _ => return (Arc::from(""), None, -1),
        };
        (member, instance, generation - lag)
    }

    fn take(&mut self, out: Vec<Output>) {
        for output in out {
            self.transcript.push(format!("{} {output:?}", self.now));
            match output {
                Output::Write { id, records } => {
                    for record in records.iter() {
                        self.coordinator.replay(record);
                        self.log.push(record.clone());
                    }
                    assert!(self.unreplicated.last().is_none_or(|&last| last < id));
                    self.unreplicated.push(id);
                }
                Output::Reply { token, response } => {
                    let previous = self.answered.insert(token, self.now);
                    assert!(previous.is_none(), "{token:?} is answered once");
                    if let Response::JoinGroup(join) = response
                        && !join.member.is_empty()
                    {
                        self.known_ids.push(join.member);
                    }
                }
                Output::Note(event) => self.count(&event),
            }
        }
    }

    fn count(&mut self, event: &GroupEvent) {
        let what = match event {
            GroupEvent::RoundCompleted { first: true, .. } => "round",
            GroupEvent::RoundCompleted { .. } => "later round",
            GroupEvent::StaticMemberReturned { .. } => "static return",
            GroupEvent::MemberRemoved { reason, .. }
                if reason == &RemovalReason::SessionExpired =>
            {
                "expiry"
            }
            GroupEvent::OffsetsCommitted { .. } => "offsets",
            GroupEvent::Emptied { .. } => "emptied",
            _ => return,
        };
        *self.happened.entry(what).or_insert(0) += 1;
    }

    fn check_groups(&mut self) {
        for name in GROUPS {
            let Some(group) = self.coordinator.group(name) else {
                continue;
            };
            let before = self.generation.insert(Arc::from(name), group.generation);
            assert!(before.is_none_or(|before| before <= group.generation));
            let is_led = group.leader.as_ref();
            let is_led = is_led.is_some_and(|leader| group.members.contains_key(leader));
            assert_eq!(is_led, !group.members.is_empty(), "members have a leader");
            if group.state == GroupState::Empty {
                assert!(group.members.is_empty());
            }
            let unjoined = |id| !group.members.contains_key(id);
            assert!(group.pending_join.iter().all(unjoined));
        }
    }

    /// Nothing new comes; the log gets everything through, and every timer has its day.
    fn settle_down(&mut self) {
        for _ in 0..50 {
            self.replicate();
            self.wait(Span::from_secs(60));
        }
        self.replicate();
        for name in GROUPS {
            if let Some(group) = self.coordinator.group(name) {
                assert_eq!(group.state, GroupState::Empty, "{name} is left by all");
            }
        }
        assert_eq!(self.coordinator.next_deadline(), None);
    }

    /// A coordinator that replays the log knows the same groups and offsets.
    fn check_failover(&self) {
        let config = CoordinatorConfig::from(&BrokerConfig::default());
        let mut next = GroupCoordinator::new(config, MemberIds::Numbered { made: 0 });
        for record in &self.log {
            next.replay(record);
        }
        next.on_loaded(self.now, &mut Vec::new());
        for name in GROUPS {
            let (old, new) = (self.coordinator.group(name), next.group(name));
            let tell = |g: &kafkasim::node::coordinator::ClassicGroup| {
                (g.state, g.generation, g.members.len())
            };
            assert_eq!(old.map(tell), new.map(tell));
            assert_eq!(
                self.coordinator.committed(name, partition(0)),
                next.committed(name, partition(0))
            );
        }
    }
}

fn partition(number: u32) -> TopicPartition {
    TopicPartition::new(TopicId(0), number)
}

fn join(
    draw: &mut Stream,
    group: Arc<str>,
    member: MemberId,
    instance: Option<Arc<str>>,
) -> JoinGroupRequest {
    let subscription = Arc::new(Subscription {
        topics: vec![TopicId(draw.below(2) as u32)],
        owned: Vec::new(),
        generation: -1,
        user_data: None,
    });
    let protocol = |name: &str| JoinProtocol {
        name: Arc::from(name),
        subscription: Arc::clone(&subscription),
    };
    let mut protocols = vec![
        protocol("range"),
        protocol("sticky"),
        protocol("roundrobin"),
    ];
    let first = draw.below(3) as usize;
    protocols.rotate_left(first);
    protocols.truncate(1 + draw.below(3).min(draw.below(9)) as usize);
    JoinGroupRequest {
        group,
        member,
        instance,
        client_id: Arc::from("shop"),
        session_timeout: Span::from_secs(draw.between(6, 45)),
        rebalance_timeout: Span::from_secs(draw.between(1, 60)),
        protocol_type: Arc::from("consumer"),
        protocols,
        version: [3, 8, 9][draw.below(3) as usize],
    }
}

/// Everybody who could lead sends an assignment; the coordinator takes only the leader's.
fn sync(
    coordinator: &GroupCoordinator,
    group: Arc<str>,
    member: MemberId,
    instance: Option<Arc<str>>,
    generation: i32,
) -> SyncGroupRequest {
    let members = coordinator.group(&group).map(|g| g.members.keys());
    let share = |(number, id): (usize, &MemberId)| {
        let share = Arc::from([partition(number as u32)]);
        (Arc::clone(id), share)
    };
    let assignments = members.into_iter().flatten().enumerate().map(share);
    SyncGroupRequest {
        assignments: assignments.collect(),
        group,
        member,
        instance,
        generation,
        protocol: None,
    }
}
