//! Groups of the consumer protocol (KIP-848) in whole worlds: brokers, coordinator and members
//! together, by the file's words.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafkasim::base::{NodeId, TopicPartition};
use kafkasim::lab::Experiment;
use kafkasim::node::fact::{AppFact, GroupFact, Protocol};
use kafkasim::node::{Fact, Stated};
use kafkasim::scenario;
use kafkasim::sim::Sim;

/// Two members and six partitions under the consumer protocol.
const WORLD: &str = "
title: The consumer protocol
topics: { orders: { partitions: 6, replication.factor: 3 } }
producers: { shop: { topic: orders, records: 600, every: 200ms, keys: { random: 100 } } }
groups:
  workers:
    topics: [orders]
    members: 2
    config: { auto.offset.reset: earliest, group.protocol: consumer }
";

fn load(text: &str) -> Result<scenario::Loaded, String> {
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let options = scenario::Options::default();
    scenario::load(text.as_bytes(), "test.yaml", &no_file, &options)
        .map_err(|errors| format!("{errors:?}"))
}

fn experiment(more: &str) -> Experiment {
    let loaded = load(&format!("{WORLD}{more}")).unwrap_or_else(|errors| panic!("{errors}"));
    Experiment::new(&loaded.runs[0]).expect("a checked scenario compiles")
}

fn facts_of(more: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let setup = Arc::clone(&experiment(more).setup);
    Sim::new(setup).run(&mut |stated| facts.push(stated.clone()));
    facts
}

fn group_facts(facts: &[Stated]) -> impl Iterator<Item = (u64, &GroupFact)> {
    facts.iter().filter_map(|stated| match &stated.fact {
        Fact::Group(fact) => Some((stated.at.as_millis(), fact)),
        _ => None,
    })
}

/// How many facts of the group match.
fn count(facts: &[Stated], wanted: impl Fn(&GroupFact) -> bool) -> usize {
    group_facts(facts).filter(|(_, fact)| wanted(fact)).count()
}

/// How many partitions have gone through a listener's hands that match.
fn partitions(facts: &[Stated], what: &str, from: u64) -> usize {
    let sizes = group_facts(facts).filter(|(at, _)| from <= *at);
    let sizes = sizes.map(|(_, fact)| match fact {
        GroupFact::Assigned { partitions, .. } if what == "assigned" => partitions.len(),
        GroupFact::Revoked { partitions, .. } if what == "revoked" => partitions.len(),
        GroupFact::Lost { partitions, .. } if what == "lost" => partitions.len(),
        _ => 0,
    });
    sizes.sum()
}

/// Who holds each partition in the end by the coordinator's word; at no time do two.
fn holders_in_the_end(facts: &[Stated]) -> BTreeMap<TopicPartition, NodeId> {
    let mut holders = BTreeMap::new();
    let hold = |holders: &mut BTreeMap<_, _>, at, member: NodeId, partitions: &[TopicPartition]| {
        holders.retain(|_, holder| *holder != member);
        for partition in partitions {
            let before = holders.insert(*partition, member);
            assert_eq!(before, None, "{partition:?} has two holders at {at}");
        }
    };
    for (at, fact) in group_facts(facts) {
        match fact {
            GroupFact::RoundCompleted { assignment, .. } => {
                holders.clear();
                for (member, has) in assignment.iter() {
                    hold(&mut holders, at, *member, has);
                }
            }
            GroupFact::MemberReconciled {
                member,
                assigned,
                revoking,
                ..
            } => {
                let has: Vec<_> = assigned.iter().chain(revoking.iter()).copied().collect();
                hold(&mut holders, at, *member, &has);
            }
            GroupFact::SessionExpired { member, .. }
            | GroupFact::RevocationTimedOut { member, .. }
            | GroupFact::RejoinTimedOut { member, .. }
            | GroupFact::MemberLeft { member, .. } => hold(&mut holders, at, *member, &[]),
            _ => {}
        }
    }
    holders
}

fn processed(facts: &[Stated]) -> usize {
    let commits = group_facts(facts).filter_map(|(_, fact)| match fact {
        GroupFact::OffsetCommitted {
            partition, offset, ..
        } => Some((*partition, *offset)),
        _ => None,
    });
    let last: BTreeMap<_, _> = commits.collect();
    last.values().sum::<u64>() as usize
}

#[test]
fn a_member_that_joins_takes_only_its_share_and_nobody_else_stops() {
    let facts = facts_of(
        "    except: { workers-2: { start-at: 30s } }
",
    );
    let from = 30_000;
    assert_eq!(
        partitions(&facts, "revoked", from),
        3,
        "the new one's share"
    );
    assert_eq!(partitions(&facts, "assigned", from), 3, "and nothing else");
    assert_eq!(partitions(&facts, "lost", 0), 0);
    let rebalances = count(&facts, |fact| {
        matches!(fact, GroupFact::TargetComputed { first: false, .. })
    });
    assert_eq!(rebalances, 1, "one target for one change");
    assert_eq!(processed(&facts), 600, "everything is read to its end");
}

#[test]
fn records_at_hand_are_returned_between_giving_up_and_saying_so() {
    let facts = facts_of(
        "    process: 500ms
    except: { workers-2: { start-at: 30s } }
",
    );
    let revoked = facts
        .iter()
        .position(|stated| matches!(&stated.fact, Fact::Group(GroupFact::Revoked { .. })));
    let revoked = revoked.expect("the first member gives its surplus up");
    let who = facts[revoked].who;
    let mut next = facts[revoked + 1..].iter().filter(|one| one.who == who);
    let next = next.find_map(|stated| match &stated.fact {
        Fact::App(AppFact::Polled { .. }) => Some("records"),
        Fact::Group(GroupFact::Assigned { .. }) => Some("assigned"),
        _ => None,
    });
    assert_eq!(
        next,
        Some("records"),
        "one call of the listener in a round of poll"
    );
}

#[test]
fn a_crashed_member_is_missed_for_the_brokers_session_timeout_and_its_share_is_taken_over() {
    let facts = facts_of("faults: [{ crash: workers-2, at: 40s }]\n");
    let expired = group_facts(&facts).find_map(|(at, fact)| match fact {
        GroupFact::SessionExpired { .. } => Some(at),
        _ => None,
    });
    let expired = expired.expect("the session of the crashed member ends");
    assert!(
        (80_000..=85_000).contains(&expired),
        "45 s after a heartbeat that left within 5 s of the crash, not at {expired}"
    );
    assert_eq!(partitions(&facts, "assigned", expired), 3);
    assert_eq!(partitions(&facts, "revoked", 40_000), 0);
    assert_eq!(processed(&facts), 600);
}

#[test]
fn a_member_that_is_told_to_close_says_farewell_and_the_other_takes_over_with_its_next_heartbeat() {
    let facts = facts_of("faults: [{ close: workers-2, at: 40s }]\n");
    let left = group_facts(&facts).find_map(|(at, fact)| match fact {
        GroupFact::MemberLeft { .. } => Some(at),
        _ => None,
    });
    let left = left.expect("it leaves");
    assert!(left < 41_000, "at once, not at {left}");
    let taken = group_facts(&facts).find_map(|(at, fact)| match fact {
        GroupFact::Assigned { partitions, .. } if left < at => Some((at, partitions.len())),
        _ => None,
    });
    let (at, share) = taken.expect("the other takes over");
    assert_eq!(share, 3);
    assert!(
        at <= left + 5_100,
        "a heartbeat interval later, not at {at}"
    );
}

#[test]
fn a_member_that_does_not_poll_leaves_loses_its_share_and_joins_anew() {
    let facts = facts_of(
        "    process: 1ms
    except: { workers-2: { config: { auto.offset.reset: earliest, group.protocol: consumer, max.poll.interval.ms: 10000 } } }
faults: [{ stall: workers-2, at: 40s, for: 30s }]
",
    );
    let exceeded = count(&facts, |fact| {
        matches!(fact, GroupFact::PollIntervalExceeded { .. })
    });
    assert_eq!(exceeded, 1);
    assert_eq!(
        partitions(&facts, "lost", 40_000),
        3,
        "told when it polls again"
    );
    let joins = count(&facts, |fact| {
        matches!(fact, GroupFact::TargetComputed { first: false, .. })
    });
    assert!(3 <= joins, "joined, left, joined anew: {joins} targets");
    assert_eq!(processed(&facts), 600);
}

#[test]
fn no_partition_is_handed_to_a_member_before_the_one_that_has_it_gave_it_up() {
    let facts = facts_of(
        "    except: { workers-2: { start-at: 20s } }
faults:
  - { crash: workers-1, at: 50s, restart-after: 10s }
  - { pause: workers-2, at: 70s, for: 60s }
",
    );
    let holders = holders_in_the_end(&facts);
    assert_eq!(holders.len(), 6, "everything has a holder in the end");
    assert_eq!(processed(&facts), 600);
}

#[test]
fn a_setting_of_the_other_protocol_is_refused() {
    let foreign = WORLD.replace(
        "group.protocol: consumer",
        "group.protocol: consumer, session.timeout.ms: 10000",
    );
    let errors = load(&foreign).map(|_| ()).unwrap_err();
    assert!(
        errors.contains("session.timeout.ms cannot be set when group.protocol=CONSUMER"),
        "{errors}"
    );
}

/// One member of the classic protocol from the start, and one of the other that comes at 20 s.
const MIXED: &str = "
    except:
      workers-1: { config: { group.protocol: classic } }
      workers-2: { start-at: 20s }
";

/// To which protocol the group went, and when.
fn changes(facts: &[Stated]) -> Vec<(u64, Protocol)> {
    let change = |(at, fact): (u64, &GroupFact)| match fact {
        GroupFact::ProtocolChanged { to, .. } => Some((at, *to)),
        _ => None,
    };
    group_facts(facts).filter_map(change).collect()
}

/// The exceptions that `poll` threw.
fn poll_failures(facts: &[Stated]) -> Vec<&'static str> {
    let failure = |(_, fact): (u64, &GroupFact)| match fact {
        GroupFact::PollFailed { exception, .. } => Some(*exception),
        _ => None,
    };
    group_facts(facts).filter_map(failure).collect()
}

#[test]
fn the_first_member_of_the_consumer_protocol_takes_its_classic_group_along() {
    let facts = facts_of(MIXED);
    let changes = changes(&facts);
    assert!(
        matches!(changes[..], [(20_000..21_000, Protocol::Consumer)]),
        "{changes:?}"
    );
    let holders = holders_in_the_end(&facts);
    let members: std::collections::BTreeSet<NodeId> = holders.values().copied().collect();
    assert_eq!((holders.len(), members.len()), (6, 2), "{holders:?}");
    assert_eq!(processed(&facts), 600);
    assert_eq!(poll_failures(&facts), [""; 0]);
}

#[test]
fn where_the_policy_does_not_let_a_group_go_up_the_new_member_fails_and_the_old_one_notices_nothing()
 {
    for policy in ["disabled", "downgrade"] {
        let facts = facts_of(&format!(
            "{MIXED}cluster: {{ config: {{ group.consumer.migration.policy: {policy} }} }}\n"
        ));
        assert_eq!(changes(&facts), [], "{policy}");
        assert_eq!(poll_failures(&facts), ["GroupIdNotFoundException"]);
        let rebalances = count(&facts, |fact| {
            matches!(fact, GroupFact::RebalanceStarted { .. })
        });
        assert_eq!(rebalances, 1, "the group forms, and no more");
        assert_eq!(processed(&facts), 600);
    }
}

#[test]
fn a_classic_group_that_never_chose_an_assignor_cannot_go_up_and_the_new_member_fails() {
    let early = MIXED.replace("start-at: 20s", "start-at: 2s");
    let facts = facts_of(&early);
    assert_eq!(changes(&facts), []);
    assert_eq!(poll_failures(&facts), ["UnknownServerException"]);
    assert_eq!(
        processed(&facts),
        600,
        "the old one joins again and works on"
    );
}

#[test]
fn the_group_turns_back_when_the_last_member_of_the_consumer_protocol_is_gone_if_it_may() {
    let leaves = MIXED.replace("start-at: 20s", "start-at: 20s, stop-at: 60s");
    let back = facts_of(&leaves);
    let ways: Vec<Protocol> = changes(&back).into_iter().map(|(_, to)| to).collect();
    assert_eq!(ways, [Protocol::Consumer, Protocol::Classic]);
    let upwards_only = "cluster: { config: { group.consumer.migration.policy: upgrade } }";
    let stays = facts_of(&format!("{leaves}{upwards_only}\n"));
    let ways: Vec<Protocol> = changes(&stays).into_iter().map(|(_, to)| to).collect();
    assert_eq!(ways, [Protocol::Consumer]);
    for facts in [back, stays] {
        assert_eq!(holders_in_the_end(&facts).len(), 6);
        assert_eq!(processed(&facts), 600);
        assert_eq!(poll_failures(&facts), [""; 0]);
    }
}

#[test]
fn a_group_of_both_protocols_outlives_its_coordinator() {
    let facts = facts_of(&format!(
        "{MIXED}faults: [{{ crash: group coordinator of workers, at: 50s, restart-after: 20s }}]\n"
    ));
    assert_eq!(changes(&facts).len(), 1);
    assert_eq!(holders_in_the_end(&facts).len(), 6);
    assert_eq!(processed(&facts), 600);
}
