//! Claims about a coordinator whose log does not always get its records through.
//!
//! What clients see when all goes well is held against Kafka's own stories elsewhere.

use super::*;
use crate::base::{Offset, TopicId};
use crate::kafka::group::{
    HeartbeatRequest, JoinGroupRequest, JoinProtocol, LeaveGroupRequest, MemberId, OffsetAndEpoch,
    OffsetCommitRequest, OffsetFetchRequest, OffsetFetchResponse, Subscription, SyncGroupRequest,
};

const P0: TopicPartition = TopicPartition::new(TopicId(0), 0);

/// A coordinator, its log, and the answers so far by token.
struct Bench {
    coordinator: GroupCoordinator,
    log: Vec<CoordinatorRecord>,
    /// Whether writes are replicated at once.
    replicates: bool,
    last_write: Option<WriteId>,
    answers: BTreeMap<Token, Response>,
    notes: Vec<GroupEvent>,
    requests: u64,
    now: Instant,
    /// The `client.id` of whoever joins.
    client: &'static str,
    /// Whom the leader gives the one partition to. Kafka does not mind if they are several.
    assignees: &'static [&'static str],
}

impl Bench {
    fn new() -> Self {
        Self::loaded_from(&[], Instant::ZERO)
    }

    /// The coordinator that takes over with this log.
    fn loaded_from(log: &[CoordinatorRecord], now: Instant) -> Self {
        let mut coordinator = unloaded();
        for record in log {
            coordinator.replay(record);
        }
        let mut bench = Self {
            coordinator,
            log: log.to_vec(),
            replicates: true,
            last_write: None,
            answers: BTreeMap::new(),
            notes: Vec::new(),
            requests: 0,
            now,
            client: "shop",
            assignees: &["M0001", "M0002"],
        };
        let mut out = Vec::new();
        bench.coordinator.on_loaded(now, &mut out);
        bench.settle(out);
        bench
    }

    fn settle(&mut self, mut out: Vec<Output>) {
        while !out.is_empty() {
            for output in std::mem::take(&mut out) {
                match output {
                    Output::Write { id, records } => {
                        for record in records.iter() {
                            self.coordinator.replay(record);
                            self.log.push(record.clone());
                        }
                        self.last_write = Some(id);
                        if self.replicates {
                            self.coordinator.on_replicated(self.now, id, &mut out);
                        }
                    }
                    Output::Reply { token, response } => {
                        let previous = self.answers.insert(token, response);
                        assert!(previous.is_none(), "{token:?} is answered once");
                    }
                    Output::Note(event) => self.notes.push(event),
                }
            }
        }
    }

    /// Hands in a request; returns its token.
    fn ask(
        &mut self,
        handle: impl FnOnce(&mut GroupCoordinator, Instant, Token, &mut Vec<Output>),
    ) -> Token {
        self.requests += 1;
        let token = Token(self.requests);
        let mut out = Vec::new();
        handle(&mut self.coordinator, self.now, token, &mut out);
        self.settle(out);
        token
    }

    fn wait(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(deadline) = self.coordinator.next_deadline().filter(|&d| d <= end) {
            self.now = deadline;
            let mut out = Vec::new();
            self.coordinator.on_next_timer(deadline, &mut out);
            self.settle(out);
        }
        self.now = end;
    }

    fn replicate(&mut self) {
        let id = self.last_write.expect("something was written");
        let mut out = Vec::new();
        self.coordinator.on_replicated(self.now, id, &mut out);
        self.settle(out);
    }

    fn join(&mut self, member: &str, instance: Option<&str>) -> Token {
        let mut request = join_request(member, instance);
        request.client_id = Arc::from(self.client);
        self.ask(|c, now, token, out| c.handle_join(now, &request, token, out))
    }

    fn sync(&mut self, member: &str, generation: i32) -> Token {
        let assignees = self.assignees.iter();
        let request = SyncGroupRequest {
            group: Arc::from("g"),
            member: Arc::from(member),
            instance: None,
            generation,
            protocol: None,
            assignments: assignees
                .map(|&m| (Arc::from(m), Arc::from([P0])))
                .collect(),
        };
        self.ask(|c, now, token, out| c.handle_sync(now, &request, token, out))
    }

    fn heartbeat(&mut self, member: &str, generation: i32) -> Token {
        let request = HeartbeatRequest {
            group: Arc::from("g"),
            member: Arc::from(member),
            instance: None,
            generation,
        };
        self.ask(|c, now, token, out| c.handle_heartbeat(now, &request, token, out))
    }

    fn commit(&mut self, member: &str, generation: i32, offset: Offset) -> Token {
        let request = OffsetCommitRequest {
            group: Arc::from("g"),
            member: Arc::from(member),
            instance: None,
            generation,
            version: 9,
            offsets: vec![(P0, read_under_epoch_4(offset))],
        };
        let because = 1000 + offset;
        self.ask(|c, now, token, out| c.handle_commit(now, &request, because, token, out))
    }

    fn fetch(&mut self) -> Token {
        let request = OffsetFetchRequest {
            member: None,
            group: Arc::from("g"),
            partitions: vec![P0],
        };
        self.ask(|c, now, token, out| c.handle_offset_fetch(now, &request, token, out))
    }

    /// A group of two dynamic members, `M0001` leading, Stable in generation 1.
    fn of_two() -> Self {
        let mut bench = Self::new();
        for member in ["M0001", "M0002"] {
            bench.join("", None);
            bench.join(member, None);
        }
        bench.wait(Span::from_secs(6));
        bench.sync("M0001", 1);
        bench.sync("M0002", 1);
        assert_eq!(bench.group().state, GroupState::Stable);
        bench
    }

    fn group(&self) -> &ClassicGroup {
        self.coordinator.group("g").expect("the group is known")
    }

    fn committed(&self) -> Option<Offset> {
        self.coordinator.committed("g", P0).map(|c| c.offset)
    }

    /// The error of an answer, or none if there is no answer yet.
    fn error(&self, token: Token) -> Option<ErrorCode> {
        let error = match self.answers.get(&token)? {
            Response::JoinGroup(join) => join.error,
            Response::SyncGroup(sync) => sync.error,
            Response::Heartbeat(error) => *error,
            Response::LeaveGroup(leave) => leave.error,
            Response::OffsetCommit(commit) => commit.partitions[0].1,
            Response::OffsetFetch(fetch) => fetch.error,
            other => panic!("{:?} is no answer of a coordinator", other.api()),
        };
        Some(error)
    }
}

fn read_under_epoch_4(offset: Offset) -> OffsetAndEpoch {
    OffsetAndEpoch {
        offset,
        leader_epoch: Some(4),
    }
}

fn who(member: &str) -> Who {
    Who {
        member: Arc::from(member),
        client_id: Arc::from("shop"),
    }
}

fn unloaded() -> GroupCoordinator {
    let config = CoordinatorConfig::from(&BrokerConfig::default());
    GroupCoordinator::new(config, MemberIds::Numbered { made: 0 })
}

fn join_request(member: &str, instance: Option<&str>) -> JoinGroupRequest {
    JoinGroupRequest {
        group: Arc::from("g"),
        member: Arc::from(member),
        instance: instance.map(Arc::from),
        client_id: Arc::from("shop"),
        session_timeout: Span::from_secs(45),
        rebalance_timeout: Span::from_secs(60),
        protocol_type: Arc::from("consumer"),
        protocols: vec![JoinProtocol {
            name: Arc::from("range"),
            subscription: Arc::new(Subscription::default()),
        }],
        version: 9,
    }
}

#[test]
fn a_heartbeat_is_told_of_a_rebalance_only_while_members_join() {
    let mut bench = Bench::of_two();
    bench.join("M0001", None);
    assert_eq!(bench.group().state, GroupState::PreparingRebalance);
    let told = bench.heartbeat("M0002", 1);
    assert_eq!(bench.error(told), Some(ErrorCode::RebalanceInProgress));
    bench.join("M0002", None);
    assert_eq!(bench.group().state, GroupState::CompletingRebalance);
    let not_told = bench.heartbeat("M0002", 2);
    assert_eq!(bench.error(not_told), Some(ErrorCode::None));
}

#[test]
fn a_static_member_that_does_not_rejoin_stays_and_is_assigned_to() {
    let mut bench = Bench::new();
    bench.join("", Some("s1"));
    bench.join("", Some("s2"));
    bench.wait(Span::from_secs(6));
    bench.sync("M0001", 1);
    bench.sync("M0002", 1);
    let rejoin = bench.join("M0001", None);
    // The other one only heartbeats until the rebalance timeout.
    for _ in 0..2 {
        bench.wait(Span::from_secs(30));
        bench.heartbeat("M0002", 1);
    }
    let Some(Response::JoinGroup(answer)) = bench.answers.get(&rejoin) else {
        panic!("the join phase ends with the rebalance timeout");
    };
    let members: Vec<_> = answer.members.iter().map(|m| &*m.member).collect();
    assert_eq!((answer.generation, members), (2, vec!["M0001", "M0002"]));
    bench.sync("M0001", 2);
    assert_eq!(bench.group().members["M0002"].assignment.len(), 1);
}

#[test]
fn a_dynamic_member_that_does_not_rejoin_is_removed() {
    let mut bench = Bench::of_two();
    bench.join("M0001", None);
    for _ in 0..2 {
        bench.wait(Span::from_secs(30));
        bench.heartbeat("M0002", 1);
    }
    assert_eq!(bench.group().generation, 2);
    assert!(!bench.group().members.contains_key("M0002"));
    let removed = |n: &GroupEvent| {
        matches!(n, GroupEvent::MemberRemoved { who, reason: RemovalReason::DidNotRejoin, .. }
            if *who.member == *"M0002")
    };
    assert!(bench.notes.iter().any(removed));
}

fn committed_20() -> GroupEvent {
    let change = OffsetChange {
        partition: P0,
        offset: 20,
        before: Some(10),
    };
    GroupEvent::OffsetsCommitted {
        group: Arc::from("g"),
        who: Some(who("M0001")),
        offsets: Arc::from([change]),
        because: 1020,
    }
}

#[test]
fn an_offset_commit_that_times_out_stays_and_is_read_later() {
    let mut bench = Bench::of_two();
    bench.commit("M0001", 1, 10);
    bench.replicates = false;
    let commit = bench.commit("M0001", 1, 20);
    bench.wait(Span::from_millis(4999));
    assert_eq!(bench.error(commit), None);
    bench.wait(Span::from_millis(1));
    assert_eq!(
        bench.error(commit),
        Some(ErrorCode::CoordinatorNotAvailable)
    );
    assert_eq!(bench.committed(), Some(20));
    assert!(!bench.notes.contains(&committed_20()));
    bench.replicate();
    assert!(bench.notes.contains(&committed_20()));
    let fetch = bench.fetch();
    let expected = OffsetFetchResponse {
        error: ErrorCode::None,
        offsets: vec![(P0, Some((read_under_epoch_4(20), 1020)))],
    };
    assert_eq!(bench.answers[&fetch], Response::OffsetFetch(expected));
    let because = bench.coordinator.committed("g", P0).map(|c| c.because);
    assert_eq!(because, Some(1020));
}

#[test]
fn an_offset_fetch_waits_for_offset_commits_on_their_way() {
    let mut bench = Bench::of_two();
    bench.replicates = false;
    bench.commit("M0001", 1, 20);
    let fetch = bench.fetch();
    assert_eq!(bench.error(fetch), None);
    bench.replicate();
    assert_eq!(bench.error(fetch), Some(ErrorCode::None));
}

#[test]
fn what_waits_behind_a_write_that_gets_stuck_gives_up_after_the_commit_timeout() {
    let mut bench = Bench::of_two();
    bench.replicates = false;
    bench.commit("M0001", 1, 20);
    bench.wait(Span::from_secs(1));
    let (heartbeat, fetch) = (bench.heartbeat("M0002", 1), bench.fetch());
    // Refusals need no log.
    let refused = bench.heartbeat("M0002", 7);
    assert_eq!(bench.error(refused), Some(ErrorCode::IllegalGeneration));
    bench.wait(Span::from_secs(5));
    let error = bench.error(heartbeat);
    assert_eq!(error, Some(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(bench.error(fetch), Some(ErrorCode::NotCoordinator));
}

#[test]
fn a_new_coordinator_has_the_offsets_generation_and_members_of_the_old_one() {
    let mut old = Bench::of_two();
    old.commit("M0001", 1, 20);
    // A rebalance on its way is in no record.
    old.join("M0001", None);
    let mut new = Bench::loaded_from(&old.log, old.now);
    assert_eq!(new.committed(), Some(20));
    let committed = new.coordinator.committed("g", P0);
    assert_eq!(committed.and_then(|c| c.leader_epoch), Some(4));
    assert_eq!(new.group().state, GroupState::Stable);
    assert_eq!(new.group().generation, 1);
    let ids: Vec<_> = new.group().members.keys().map(|id| &**id).collect();
    assert_eq!(ids, ["M0001", "M0002"]);
    assert!(new.group().is_leader("M0001"));
    let heartbeat = new.heartbeat("M0002", 1);
    assert_eq!(new.error(heartbeat), Some(ErrorCode::None));
    let sync = new.sync("M0002", 1);
    let Response::SyncGroup(answer) = &new.answers[&sync] else {
        panic!("a sync is answered as a sync");
    };
    assert_eq!(*answer.assignment, [P0]);
    // Everybody has a full session from the take-over on.
    new.wait(Span::from_millis(44_999));
    assert_eq!(new.group().members.len(), 2);
    new.wait(Span::from_millis(1));
    assert_eq!(new.group().members.len(), 0);
}

#[test]
fn a_group_known_by_its_offsets_alone_is_loaded_as_an_empty_one() {
    let mut old = Bench::new();
    old.commit("", -1, 5);
    let mut new = Bench::loaded_from(&old.log, old.now);
    assert_eq!(new.group().state, GroupState::Empty);
    let commit = new.commit("", -1, 3);
    assert_eq!(new.error(commit), Some(ErrorCode::None));
    assert_eq!(new.committed(), Some(3));
}

#[test]
fn offsets_are_set_from_outside_only_while_nobody_is_in_the_group() {
    let mut bench = Bench::of_two();
    let refused = bench.commit("", -1, 0);
    assert_eq!(bench.error(refused), Some(ErrorCode::UnknownMemberId));
    bench.wait(Span::from_secs(45));
    assert_eq!(bench.group().state, GroupState::Empty);
    let accepted = bench.commit("", -1, 0);
    assert_eq!(bench.error(accepted), Some(ErrorCode::None));
}

#[test]
fn the_old_generation_may_commit_offsets_until_the_join_phase_is_over() {
    let mut bench = Bench::of_two();
    bench.join("M0001", None);
    let early = bench.commit("M0002", 1, 20);
    assert_eq!(bench.error(early), Some(ErrorCode::None));
    bench.join("M0002", None);
    let late = bench.commit("M0002", 1, 30);
    assert_eq!(bench.error(late), Some(ErrorCode::IllegalGeneration));
    let soon = bench.commit("M0002", 2, 30);
    assert_eq!(bench.error(soon), Some(ErrorCode::RebalanceInProgress));
    assert_eq!(bench.committed(), Some(20));
}

#[test]
fn an_assignment_that_is_not_stored_is_not_handed_out() {
    let mut bench = Bench::of_two();
    bench.join("M0001", None);
    bench.join("M0002", None);
    bench.replicates = false;
    let follower = bench.sync("M0002", 2);
    let leader = bench.sync("M0001", 2);
    bench.wait(Span::from_secs(5));
    for sync in [leader, follower] {
        assert_eq!(bench.error(sync), Some(ErrorCode::CoordinatorNotAvailable));
    }
    assert_eq!(bench.group().state, GroupState::PreparingRebalance);
    // That the record gets through later changes nothing.
    bench.replicate();
    assert_eq!(bench.group().state, GroupState::PreparingRebalance);
}

#[test]
fn a_static_member_keeps_its_old_id_if_the_new_one_is_not_stored() {
    let mut bench = Bench::new();
    bench.join("", Some("s1"));
    bench.wait(Span::from_secs(3));
    bench.sync("M0001", 1);
    bench.replicates = false;
    let rejoin = bench.join("", Some("s1"));
    assert!(bench.group().members.contains_key("M0002"));
    bench.wait(Span::from_secs(5));
    assert_eq!(
        bench.error(rejoin),
        Some(ErrorCode::CoordinatorNotAvailable)
    );
    let ids: Vec<_> = bench.group().members.keys().map(|id| &**id).collect();
    assert_eq!(ids, ["M0001"]);
    assert!(bench.group().is_leader("M0001"));
}

#[test]
fn a_parked_join_is_told_that_its_group_could_not_be_stored() {
    let mut bench = Bench::new();
    bench.replicates = false;
    let first = bench.join("", Some("s1"));
    let later = bench.join("", Some("s2"));
    // The initial delay of 3 s runs twice, because somebody came while it ran.
    bench.wait(Span::from_secs(5));
    for join in [first, later] {
        assert_eq!(bench.error(join), Some(ErrorCode::CoordinatorNotAvailable));
    }
    // The group waits on their behalf all the same, as Kafka's does.
    bench.wait(Span::from_secs(1));
    assert_eq!(bench.group().state, GroupState::CompletingRebalance);
}

#[test]
fn a_coordinator_that_resigns_sends_everybody_elsewhere() {
    let mut bench = Bench::of_two();
    let join = bench.join("M0001", None);
    bench.replicates = false;
    let commit = bench.commit("M0002", 1, 20);
    let heartbeat = bench.heartbeat("M0002", 1);
    let mut out = Vec::new();
    bench.coordinator.clone().resign(&mut out);
    bench.settle(out);
    for token in [join, commit, heartbeat] {
        assert_eq!(bench.error(token), Some(ErrorCode::NotCoordinator));
    }
}

#[test]
fn while_the_log_is_loaded_only_heartbeats_are_fine() {
    let mut coordinator = unloaded();
    let mut out = Vec::new();
    coordinator.handle_join(Instant::ZERO, &join_request("", None), Token(1), &mut out);
    let heartbeat = HeartbeatRequest {
        group: Arc::from("g"),
        member: Arc::from("M0001"),
        instance: None,
        generation: 1,
    };
    coordinator.handle_heartbeat(Instant::ZERO, &heartbeat, Token(2), &mut out);
    let fine = Output::Reply {
        token: Token(2),
        response: Response::Heartbeat(ErrorCode::None),
    };
    assert!(out.contains(&fine));
    let loading = Output::Reply {
        token: Token(1),
        response: join::refusal("", ErrorCode::CoordinatorLoadInProgress),
    };
    assert!(out.contains(&loading));
    let leave = LeaveGroupRequest {
        group: Arc::from("g"),
        members: vec![(Arc::from("M0001"), None)],
    };
    coordinator.handle_leave(Instant::ZERO, &leave, Token(3), &mut out);
    let loading = Output::Reply {
        token: Token(3),
        response: membership::leave_failure(ErrorCode::CoordinatorLoadInProgress),
    };
    assert!(out.contains(&loading));
}

#[test]
fn a_member_that_falls_silent_is_expired_and_the_others_rebalance() {
    let mut bench = Bench::of_two();
    for _ in 0..3 {
        bench.wait(Span::from_secs(15));
        bench.heartbeat("M0001", 1);
    }
    let silent: MemberId = Arc::from("M0002");
    let expected = [
        GroupEvent::MemberRemoved {
            group: Arc::from("g"),
            who: who("M0002"),
            reason: RemovalReason::SessionExpired,
        },
        GroupEvent::RebalanceStarted {
            group: Arc::from("g"),
            generation: 1,
            reason: RebalanceReason::SessionExpired(silent),
        },
    ];
    assert!(bench.notes.ends_with(&expected), "{:?}", bench.notes.last());
    let told = bench.heartbeat("M0002", 1);
    assert_eq!(bench.error(told), Some(ErrorCode::UnknownMemberId));
}

#[test]
fn a_write_that_fails_takes_back_the_group_it_was_to_make() {
    let mut coordinator = unloaded();
    let mut out = Vec::new();
    coordinator.on_loaded(Instant::ZERO, &mut out);
    let request = join_request("", Some("s1"));
    coordinator.handle_join(Instant::ZERO, &request, Token(1), &mut out);
    let id = out.iter().find_map(|output| match output {
        Output::Write { id, .. } => Some(*id),
        _ => None,
    });
    let id = id.expect("a new group is written");
    out.clear();
    let error = ErrorCode::NotLeaderOrFollower;
    coordinator.on_write_failed(Instant::ZERO, id, error, &mut out);
    let refused = Output::Reply {
        token: Token(1),
        response: join::refusal("", ErrorCode::NotCoordinator),
    };
    assert_eq!(out, [refused]);
    assert!(coordinator.group("g").is_none());
}

#[test]
fn the_first_round_forms_the_group_and_a_later_one_says_what_moved() {
    let mut bench = Bench::new();
    bench.client = "a";
    bench.join("", Some("s1"));
    bench.wait(Span::from_secs(3));
    bench.sync("M0001", 1);
    bench.client = "b";
    bench.join("", Some("s2"));
    bench.join("M0001", None);
    bench.assignees = &["M0002"];
    bench.sync("M0001", 2);
    let round = |note: &GroupEvent| match note {
        GroupEvent::RoundCompleted { first, moved, .. } => Some((*first, moved.to_vec())),
        _ => None,
    };
    let rounds: Vec<_> = bench.notes.iter().filter_map(round).collect();
    let moved = Moved {
        partition: P0,
        from: Arc::from("a"),
        to: Arc::from("b"),
    };
    assert_eq!(rounds, [(true, vec![]), (false, vec![moved])]);
}
