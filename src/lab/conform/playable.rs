//! Whether a scenario can be played on real Kafka as it stands, and if not, why.
//!
//! What is drawn from a seed has no counterpart there, and loopback has no latency worth the name.

use crate::base::Span;
use crate::base::dist::Dist;
use crate::kafka::client::ClientFamily;
use crate::scenario::Scenario;
use crate::scenario::resolved::client::{Keys, Member, Producer, Sender, Values};
use crate::scenario::resolved::fault::{Action, Fault, Moment, Trigger};
use crate::scenario::resolved::sink::{Sink, Unique};
use crate::scenario::resolved::step::StepName;
use crate::scenario::resolved::{Create, Creation, Topic};
use crate::scenario::value::{Drawn, Timing};
use crate::verdict::RecordName;

/// A latency up to this is as good as loopback's.
const LATENCY_MAX: Span = Span::from_millis(5);

/// Why a scenario cannot be played here; `None` if it can. `has_librdkafka`: whether a library
/// is at hand for members that run on it.
pub fn why_not(scenario: &Scenario, has_librdkafka: bool) -> Option<String> {
    if !scenario.kafka.starts_with("4.1") {
        return Some(format!("release {}; the real one is 4.1", scenario.kafka));
    }
    cluster(scenario)
        .or_else(|| network(scenario))
        .or_else(|| {
            let mut producers = scenario.producers.iter();
            producers.find_map(|(name, producer)| of_producer(scenario, name, producer))
        })
        .or_else(|| of_members(scenario, has_librdkafka))
        .or_else(|| {
            scenario
                .faults
                .iter()
                .find_map(|fault| of_fault(scenario, fault))
        })
}

fn cluster(scenario: &Scenario) -> Option<String> {
    if let Some(reason) = scenario.sinks.iter().find_map(|(_, sink)| of_sink(sink)) {
        return Some(reason.to_owned());
    }
    let later = |topic: &Topic| topic.create != Creation::By(Create::BeforeStart);
    let mut topics = scenario.topics.iter();
    let topic = topics.find(|(_, topic)| later(topic));
    topic.map(|(name, _)| format!("topic `{name}`, which is created later"))
}

/// A sink there takes every row, at once, and knows none again.
fn of_sink(sink: &Sink) -> Option<&'static str> {
    let is_quick =
        |timing: &Timing| matches!(timing, Timing(Dist::Constant(span)) if *span <= LATENCY_MAX);
    if sink.unique != Unique::None {
        Some("a sink that knows rows again")
    } else if sink.capacity.is_some() || sink.queue.is_some() {
        Some("a sink that is full")
    } else if !is_quick(&sink.latency) || !is_quick(&sink.per_row) {
        Some("a slow sink")
    } else {
        None
    }
}

fn network(scenario: &Scenario) -> Option<String> {
    let network = &scenario.network;
    let links = network.links.iter().map(|link| &link.latency);
    let slow = std::iter::once(&network.latency)
        .chain(links)
        .any(|latency| !matches!(latency, Timing(Dist::Constant(span)) if *span <= LATENCY_MAX));
    slow.then(|| "a network latency that loopback does not have".to_owned())
}

fn is_drawn(timing: &Timing) -> bool {
    !matches!(timing, Timing(Dist::Constant(_)))
}

fn of_producer(scenario: &Scenario, name: &str, producer: &Producer) -> Option<String> {
    let actors = producer.actors(name);
    actors.iter().find_map(|actor| {
        let sender = producer.actor(actor);
        let reason = if sender.client.family() == ClientFamily::Librdkafka {
            "a producer on librdkafka"
        } else if is_drawn(&sender.every) {
            "the time between sends is drawn"
        } else if matches!(sender.values, Values::Bytes(bytes) if bytes.fixed().is_none()) {
            "the size of values is drawn"
        } else if matches!(
            sender.keys,
            Some(Keys::Random(_) | Keys::Weighted(_) | Keys::Zipf(_))
        ) {
            "keys are drawn"
        } else if partition_is_drawn(scenario, producer, sender) {
            "the partition of a record without a key is drawn"
        } else {
            return None;
        };
        Some(reason.to_owned())
    })
}

/// Whether Kafka's own partitioner chooses a partition at random for some record.
fn partition_is_drawn(scenario: &Scenario, producer: &Producer, sender: &Sender) -> bool {
    let several = |topic: &String| {
        scenario
            .topics
            .get(topic)
            .is_some_and(|topic| 1 < topic.partitions())
    };
    let chosen = sender.partition.is_some() || sender.config.contains("partitioner.class");
    let keyed = sender.keys.is_some();
    let listed = match &producer.records {
        crate::scenario::resolved::client::Records::Listed(list) => list
            .iter()
            .all(|record| record.partition.is_some() || record.key.is_some()),
        crate::scenario::resolved::client::Records::Count(_) => false,
    };
    !chosen && !keyed && !listed && sender.topics.iter().any(several)
}

fn of_members(scenario: &Scenario, has_librdkafka: bool) -> Option<String> {
    scenario.groups.iter().find_map(|(name, group)| {
        let members = group.actors(name);
        let mut members = members.iter().map(|member| group.actor(member));
        members.find_map(|member| of_member(member, has_librdkafka))
    })
}

fn of_member(member: &Member, has_librdkafka: bool) -> Option<String> {
    if is_drawn(&member.process.time) {
        return Some("the time of processing is drawn".to_owned());
    }
    let librdkafka = member.client.family() == ClientFamily::Librdkafka;
    (librdkafka && !has_librdkafka)
        .then(|| "a member on librdkafka, and no Python that has it (KAFKASIM_PYTHON)".to_owned())
}

fn of_fault(scenario: &Scenario, fault: &Fault) -> Option<String> {
    if matches!(fault.record, Some(RecordName::Keyed { .. })) {
        return Some("a fault that names a record by its key".to_owned());
    }
    if fault.nth.fixed().is_none() || fault.every.as_ref().is_some_and(is_drawn) {
        return Some("a fault at a moment that is drawn".to_owned());
    }
    let reason = match &fault.trigger {
        Some(Trigger::When { .. }) => "a fault that waits for something to happen",
        Some(Trigger::At(Moment::Time(time))) if time.fixed().is_none() => {
            "a fault at a moment that is drawn"
        }
        Some(Trigger::Before(step) | Trigger::After(step)) if is_of_producer(*step) => {
            "a fault at a step of a producer"
        }
        _ => return of_action(scenario, &fault.action),
    };
    Some(reason.to_owned())
}

fn is_of_producer(step: StepName) -> bool {
    matches!(
        step,
        StepName::Send | StepName::Request | StepName::Acknowledge
    )
}

fn of_action(scenario: &Scenario, action: &Action) -> Option<String> {
    let length = match action {
        Action::Crash { restart_after, .. } | Action::Close { restart_after, .. } => *restart_after,
        Action::Pause { length, .. } | Action::Stall { length, .. } => Some(*length),
        _ => None,
    };
    if length.is_some_and(|length| matches!(length, Drawn::Between(..))) {
        return Some("a fault that lasts as long as is drawn".to_owned());
    }
    match action {
        Action::SetOffsets { .. } | Action::DeleteRecords { .. } => return None,
        Action::AddPartitions { .. } => return Some("partitions that are added".to_owned()),
        Action::ElectLeader { .. } => return Some("an election that is asked for".to_owned()),
        _ => {}
    }
    if action.link().is_some() {
        return Some("a fault on a link".to_owned());
    }
    if let Action::HoldRequest(..) | Action::HoldResponse(..) | Action::Refuse(..) = action {
        return Some("a message that is held up or refused".to_owned());
    }
    let is_client = |name: &String| {
        let groups = scenario.groups.iter();
        let mut members = groups.flat_map(|(group, members)| members.actors(group));
        scenario.groups.contains(name)
            || members.any(|member| member == *name)
            || name.starts_with("owner of ")
    };
    let losing = matches!(action, Action::LoseRequest(..) | Action::LoseResponse(..));
    let is_producer = |name: &String| losing && scenario.producers.contains(name);
    let stranger = action
        .who()
        .iter()
        .find(|name| !is_client(name) && !is_producer(name))?;
    Some(format!("a fault on `{stranger}`"))
}
