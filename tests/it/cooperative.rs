//! Sticky and cooperative groups in whole worlds: who gives up what, when, and what that costs.

use kafkasim::base::{NodeId, Span, TopicPartition};
use kafkasim::lab::Experiment;
use kafkasim::node::fact::{AppFact, CommitKind, GroupFact};
use kafkasim::node::{Fact, Stated};
use kafkasim::scenario;

use crate::world::{self, facts_of};

/// Messages and brokers take no time; the coordinator waits 5 ms for more to write, as Kafka's
/// does. Two members share six partitions from 6105 ms on, with heartbeats at 9100, 12100 and so on;
/// the third is the business of each test.
const WORLD: &str = "
title: Sticky groups
network: { latency: 0ms }
cluster: { request-time: 0ms }
topics: { orders: { partitions: 6, replication.factor: 3 } }
producers: { shop: { topic: orders, records: 600, every: 100ms, keys: { random: 60 } } }
groups:
  w:
    topics: [orders]
    members: 3
    config: { auto.offset.reset: earliest, partition.assignment.strategy: ASSIGNORS }
";

const JOINS: &str = "    except: { w-3: { start-at: 20s } }\n";

fn experiment(assignors: &str, more: &str) -> Experiment {
    let world = WORLD.replace("ASSIGNORS", assignors);
    world::experiment(&format!("{world}{more}"))
}

/// The millisecond, the member and what its listener was told, from 10 s on.
fn calls(facts: &[Stated]) -> Vec<String> {
    let first = facts
        .iter()
        .filter(|stated| matches!(stated.fact, Fact::Group(GroupFact::Joining { .. })))
        .map(|stated| stated.who.0)
        .min()
        .expect("somebody joins");
    let told = |who: NodeId, what: &str, partitions: &[TopicPartition]| {
        let numbers: Vec<String> = partitions
            .iter()
            .map(|tp| tp.partition.to_string())
            .collect();
        format!("w-{} {what} {}", who.0 - first + 1, numbers.join(","))
    };
    let call = |stated: &Stated| {
        let line = match &stated.fact {
            Fact::Group(GroupFact::Assigned { partitions, .. }) => {
                told(stated.who, "assigned", partitions)
            }
            Fact::Group(GroupFact::Revoked { partitions, .. }) => {
                told(stated.who, "revoked", partitions)
            }
            Fact::Group(GroupFact::Lost { partitions, .. }) => told(stated.who, "lost", partitions),
            _ => return None,
        };
        let at = stated.at.as_millis();
        (10_000 < at).then(|| format!("{at} {}", line.trim_end()))
    };
    facts.iter().filter_map(call).collect()
}

fn commit_failures(facts: &[Stated]) -> Vec<(u64, &'static str)> {
    let failed = facts.iter().filter_map(|stated| match &stated.fact {
        Fact::Group(GroupFact::CommitFailed { exception, .. }) => {
            Some((stated.at.as_millis(), *exception))
        }
        _ => None,
    });
    failed.collect()
}

#[test]
fn a_cooperative_member_gives_up_what_moves_after_the_first_round_and_the_second_hands_it_on() {
    let experiment = experiment("CooperativeStickyAssignor", JOINS);
    let facts = facts_of(&experiment);
    // The newcomer hears of the second round with its first heartbeat, 3 s after the first.
    let expected = [
        "21105 w-1 revoked 4",
        "21105 w-1 assigned",
        "21105 w-2 revoked 5",
        "21105 w-2 assigned",
        "21105 w-3 assigned",
        "24105 w-1 assigned",
        "24105 w-2 assigned",
        "24105 w-3 assigned 4,5",
    ];
    assert_eq!(calls(&facts), expected);
    let outcome = experiment.run();
    let group = outcome.verdict.group("w").expect("the group is there");
    assert_eq!((group.rebalances, group.moved), (2, 2));
    assert_eq!(group.partitions_stopped, 2, "the other four never stop");
    assert_eq!(group.longest_stop, Span::from_secs(3));
    assert_eq!(group.stopped_time, Span::from_secs(6));
    assert_eq!(group.longest_standstill, Span::ZERO);
    assert_eq!((group.moves, group.moves_needed), (2, 2));
    // Who polls on while it joins cannot commit until it has joined.
    let failures = commit_failures(&facts);
    assert!(!failures.is_empty());
    for (at, exception) in failures {
        assert!((21_100..24_105).contains(&at), "{at}");
        assert_eq!(exception, "RebalanceInProgressException");
    }
}

#[test]
fn an_eager_sticky_group_stops_whole_and_moves_no_more_than_the_cooperative_one() {
    let experiment = experiment("StickyAssignor", JOINS);
    let expected = [
        "21100 w-1 revoked 0,2,4",
        "21100 w-2 revoked 1,3,5",
        "21105 w-1 assigned 0,2",
        "21105 w-2 assigned 1,3",
        "21105 w-3 assigned 4,5",
    ];
    assert_eq!(calls(&facts_of(&experiment)), expected);
    let outcome = experiment.run();
    let group = outcome.verdict.group("w").expect("the group is there");
    assert_eq!((group.rebalances, group.moved), (1, 2));
    assert_eq!(group.partitions_stopped, 6);
    assert_eq!(group.longest_stop, Span::from_millis(5));
    assert_eq!(group.stopped_time, Span::from_millis(30));
    assert_eq!(group.longest_standstill, Span::from_millis(5));
    assert_eq!((group.moves, group.moves_needed), (2, 2));
}

#[test]
fn sticky_members_get_back_what_they_had_when_another_leaves() {
    let leaves = "    except: { w-3: { stop-at: 30s } }\n";
    let moved = |assignors: &str| {
        let outcome = experiment(assignors, leaves).run();
        let group = outcome.verdict.group("w").expect("the group is there");
        (group.moved, group.rebalances, group.longest_stop)
    };
    // Range recomputes everything: 0,1 | 2,3 | 4,5 becomes 0,1,2 | 3,4,5.
    assert_eq!(moved("RangeAssignor").0, 3);
    assert_eq!(moved("StickyAssignor").0, 2);
    // What a leaver had is nobody's, so one round is enough.
    let (moved, rebalances, _) = moved("CooperativeStickyAssignor");
    assert_eq!((moved, rebalances), (2, 1));
}

#[test]
fn a_process_that_comes_back_has_forgotten_what_its_sticky_assignor_knew() {
    let crash =
        "faults: [{ crash: w-1, at: 30s, restart-after: 60s }]\nlimits: { at-least: 2min }\n";
    let calls = calls(&facts_of(&experiment("StickyAssignor", crash)));
    // The others keep their two; the dead one's are free, and so is nothing when it is back.
    let last = calls
        .iter()
        .rev()
        .find(|call| call.contains("w-1 assigned"));
    let back = last.expect("it is back");
    assert!(!back.ends_with("assigned"), "it gets a share: {back}");
    let kept = |member: &str| {
        let assigned: Vec<&String> = calls
            .iter()
            .filter(|call| call.contains(&format!("{member} assigned")))
            .collect();
        assigned.len()
    };
    assert_eq!((kept("w-2"), kept("w-3")), (2, 2), "{calls:?}");
}

#[test]
fn a_busy_cooperative_member_reads_the_answer_to_its_join_in_its_next_poll_only() {
    // w-1 leads and is always busy, 2 s a record; w-2 joins when its stall is over, at 23500 ms.
    let busy = "    except: { w-3: { start-at: 20s }, w-1: { process: 2s, config: { max.poll.records: 1 } } }
faults: [{ stall: w-2, at: 20.5s, for: 3s }]\n";
    let facts = facts_of(&experiment("CooperativeStickyAssignor", busy));
    let mut joined = None;
    let mut completed = None;
    for stated in &facts {
        match &stated.fact {
            Fact::Group(GroupFact::JoinCompleted { generation: 2, .. }) => {
                joined = Some(stated.at.as_millis());
            }
            Fact::Group(GroupFact::RoundCompleted { generation: 2, .. }) => {
                completed = Some(stated.at.as_millis());
            }
            _ => {}
        }
    }
    let completed = completed.expect("the round completes");
    assert_eq!(joined, Some(23_500));
    assert!(
        23_600 < completed,
        "the leader assigns in a poll: {completed}"
    );
    let polled = facts.iter().any(|stated| {
        matches!(stated.fact, Fact::App(AppFact::Polled { .. }))
            && stated.at.as_millis() == completed - 5
    });
    assert!(polled, "that poll returns a record of a partition it keeps");
}

#[test]
fn what_a_cooperative_member_reads_while_it_joins_is_read_again_by_the_next_owner() {
    // Auto-commit runs before the join, at 21100 ms. w-2 joins 2.4 s later, and until then w-1 polls
    // on: what it reads of partition 4 in that time is committed by nobody.
    let text = "    except: { w-3: { start-at: 20s } }
    commit: auto
faults: [{ stall: w-2, at: 20.5s, for: 3s }]\n";
    let twice = |assignors: &str| {
        let experiment = experiment(assignors, text);
        let outcome = experiment.run();
        let group = outcome.verdict.group("w").expect("the group is there");
        (
            group.duplicated.len(),
            group.lost_count(),
            facts_of(&experiment),
        )
    };
    let (duplicated, lost, _) = twice("StickyAssignor");
    assert_eq!(
        (duplicated, lost),
        (0, 0),
        "an eager member freezes what it commits"
    );
    let (duplicated, lost, facts) = twice("CooperativeStickyAssignor");
    let uncommitted = [4, 5].map(|partition| read_beyond_the_commit(&facts, partition));
    assert!(uncommitted.iter().all(|read| 0 < *read), "{uncommitted:?}");
    assert_eq!((duplicated, lost), (uncommitted.iter().sum(), 0));
}

/// How many records of a partition its owner processed beyond what it committed before the join.
fn read_beyond_the_commit(facts: &[Stated], partition: u32) -> u64 {
    let prepared = facts.iter().find_map(|stated| match &stated.fact {
        Fact::Group(GroupFact::CommitRequested {
            kind: CommitKind::AutoBeforeRebalance,
            offsets,
            ..
        }) if 20_000 < stated.at.as_millis() => {
            let of_it = offsets.iter().find(|(tp, _)| tp.partition == partition)?;
            Some((stated.who, of_it.1))
        }
        _ => None,
    });
    let (owner, committed) = prepared.expect("auto-commit runs before a join");
    let ends = facts.iter().filter_map(|stated| match &stated.fact {
        Fact::App(AppFact::Processed {
            partition: tp,
            first_offset,
            records,
            ..
        }) if tp.partition == partition && stated.who == owner => {
            Some(first_offset + u64::from(records.len()))
        }
        _ => None,
    });
    ends.max().map_or(0, |end| end - committed)
}

#[test]
fn members_vote_for_the_first_assignor_that_all_of_them_know() {
    let chosen = |lists: [&str; 3]| {
        let list = |n: usize| {
            let list = lists[n];
            format!(
                "w-{}: {{ config: {{ partition.assignment.strategy: [{list}] }} }}",
                n + 1
            )
        };
        let except = format!("    except: {{ {}, {}, {} }}\n", list(0), list(1), list(2));
        let facts = facts_of(&experiment("RangeAssignor", &except));
        let threw = facts.iter().find_map(|stated| match &stated.fact {
            Fact::Group(GroupFact::PollFailed { exception, .. }) => Some(*exception),
            _ => None,
        });
        let round = facts.iter().find_map(|stated| match &stated.fact {
            Fact::Group(GroupFact::RoundCompleted { assignment, .. }) => Some(
                assignment[0]
                    .1
                    .iter()
                    .map(|tp| tp.partition)
                    .collect::<Vec<_>>(),
            ),
            _ => None,
        });
        (round, threw)
    };
    let (by_range, in_turns) = (Some(vec![0, 1]), Some(vec![0, 3]));
    let two = [
        "RangeAssignor, RoundRobinAssignor",
        "RoundRobinAssignor, RangeAssignor",
    ];
    assert_eq!(chosen([two[0], two[0], two[1]]), (by_range.clone(), None));
    assert_eq!(chosen([two[0], two[1], two[1]]), (in_turns.clone(), None));
    // The default pair beside a member that has only the second of it.
    let pair = "RangeAssignor, CooperativeStickyAssignor";
    let only = "CooperativeStickyAssignor";
    assert_eq!(chosen([pair, pair, only]), (in_turns, None));
    assert_eq!(chosen([pair, pair, pair]), (by_range, None));
    // Nothing in common: whoever comes late is refused, and its poll throws.
    let (_, threw) = chosen(["RangeAssignor", "RangeAssignor", "RoundRobinAssignor"]);
    assert_eq!(threw, Some("InconsistentGroupProtocolException"));
}

#[test]
fn two_rolling_restarts_lead_from_range_to_cooperative_without_a_loss() {
    // Each process is replaced by one with the next list: range, both, cooperative alone.
    let both = "CooperativeStickyAssignor, RangeAssignor";
    let steps = [
        ("w-1", "RangeAssignor", 0, 60),
        ("w-2", "RangeAssignor", 0, 80),
        ("w-3", both, 50, 120),
        ("w-4", both, 70, 140),
        ("w-5", "CooperativeStickyAssignor", 110, 0),
        ("w-6", "CooperativeStickyAssignor", 130, 0),
    ];
    let step = |&(name, list, start, stop): &(&str, &str, u32, u32)| {
        let stop = if stop == 0 {
            String::new()
        } else {
            format!(", stop-at: {stop}s")
        };
        let config = format!("config: {{ partition.assignment.strategy: [{list}] }}");
        format!("      {name}: {{ start-at: {start}s{stop}, {config} }}\n")
    };
    let except: String = steps.iter().map(step).collect();
    let text = format!("    except:\n{except}limits: {{ at-least: 170s }}\n");
    let world = WORLD
        .replace("members: 3", "members: 6")
        .replace("records: 600", "records: 1500");
    let world = world.replace("ASSIGNORS", "RangeAssignor");
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let text = format!("{world}{text}");
    let loaded = scenario::load(
        text.as_bytes(),
        "test.yaml",
        &no_file,
        &scenario::Options::default(),
    )
    .unwrap_or_else(|errors| panic!("{errors:?}"));
    let experiment = Experiment::new(&loaded.runs[0]).expect("it compiles");
    let facts = facts_of(&experiment);
    let outcome = experiment.run();
    let group = outcome.verdict.group("w").expect("the group is there");
    assert_eq!((group.once.len(), group.lost_count()), (1_500, 0));
    let threw = |stated: &&Stated| matches!(stated.fact, Fact::Group(GroupFact::PollFailed { .. }));
    assert_eq!(facts.iter().filter(threw).count(), 0);
    // The last change, w-4's leaving, takes nothing from w-5, which is cooperative by then.
    let calls = calls(&facts);
    let after = calls.iter().filter(|call| call.contains("w-5 revoked"));
    assert!(
        after.clone().all(|call| !call.starts_with("14")),
        "{calls:?}"
    );
    assert_eq!(
        group.assignment["w-5"].len() + group.assignment["w-6"].len(),
        6
    );
}
