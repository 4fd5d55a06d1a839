//! The leader's rules for high watermark and in-sync replicas, step by step in time, against
//! Kafka's own `Partition`.
//!
//! Appends, fetches, registrations and the controller's answers are told; what the leader says to
//! each, what it proposes, and where its high watermark stands afterwards is compared.

use std::collections::VecDeque;
use std::sync::Arc;

use kafkasim::base::{Instant, NodeId, Offset, Span, TopicId, TopicPartition};
use kafkasim::kafka::ErrorCode;
use kafkasim::kafka::message::PartitionMetadata;
use kafkasim::node::FactId;
use kafkasim::node::broker::isr::{AfterRefusal, Registration};
use kafkasim::node::broker::replica::{FetchOutcome, Replica};
use serde_json::{Value, json};

use super::{list, number, tell_stories, text};

const FILE: &str = "hw-timeline.jsonl";
const LEADER: NodeId = NodeId(1);

#[test]
fn high_watermarks_move_as_in_the_oracle() {
    tell_stories(FILE, told_alike);
}

/// Tells one story; the first thing that differs is the difference.
fn told_alike(story: &Value) -> Result<(), String> {
    let mut leader = Leader::of(story);
    let events = list(story, "ev");
    let mut next = 0;
    while next < events.len() {
        let input = &events[next];
        assert!(text(input, "do").is_some(), "outputs follow an input");
        let outputs = events[next + 1..]
            .iter()
            .take_while(|e| text(e, "do").is_none());
        let kafka: Vec<Value> = outputs.cloned().collect();
        next += 1 + kafka.len();
        let (answer, ours) = leader.take(input);
        if answer != answer_of(input) {
            return Err(format!("{input}: ours {answer}"));
        }
        if sorted(&ours) != sorted(&kafka) {
            return Err(format!("after {input}: ours {ours:?}, Kafka's {kafka:?}"));
        }
    }
    Ok(())
}

/// What happens at one instant after one input has no order of its own.
fn sorted(outputs: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = outputs.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

/// What Kafka answered to an input: the high watermark of a fetch, the offsets of an append, or an
/// error.
fn answer_of(input: &Value) -> Value {
    match text(input, "do") {
        Some("append") => input
            .get("e")
            .or(input.get("ok"))
            .cloned()
            .unwrap_or_default(),
        Some("fetch") => input
            .get("e")
            .or(input.get("hw"))
            .cloned()
            .unwrap_or_default(),
        _ => Value::Null,
    }
}

/// A leader, and the writes that wait at it.
#[derive(Debug)]
struct Leader {
    replica: Replica,
    replicas: Arc<[NodeId]>,
    end: Offset,
    waiting: Vec<(i64, Offset)>,
    /// Proposals to the controller that are not answered, oldest first.
    unanswered: VecDeque<u64>,
    shown: Value,
}

impl Leader {
    fn of(story: &Value) -> Self {
        let lag = Span::from_millis(number(story, "lag") as u64);
        let replicas = (1..=number(story, "replicas") as u32).map(NodeId);
        Self {
            replica: Replica::new(number(story, "min_isr") as u32, lag),
            replicas: replicas.collect(),
            end: 0,
            waiting: Vec::new(),
            unanswered: VecDeque::new(),
            shown: Value::Null,
        }
    }

    /// Takes an input in; returns the answer to it and what else it leads to.
    fn take(&mut self, input: &Value) -> (Value, Vec<Value>) {
        let now = Instant::ZERO + Span::from_millis(number(input, "t") as u64);
        let mut proposal = None;
        let mut answer = Value::Null;
        match text(input, "do").expect("an input says what it is") {
            "append" => answer = self.append(now, input),
            "fetch" => (answer, proposal) = self.fetch(now, input),
            "check" => proposal = self.replica.propose_leaving(now, self.end),
            "metadata" => self.metadata(now, input),
            "broker" => self.broker(input),
            "alter_ok" => {
                let number = self.answered();
                if self.replica.on_isr_committed(number) {
                    self.replica.advance(now, self.end);
                }
            }
            "alter_error" => {
                let number = self.answered();
                if self.replica.on_isr_refused(number, error_of(input)) == AfterRefusal::Resend {
                    let pending = self.replica.pending_isr();
                    proposal = pending.map(|pending| Arc::clone(&pending.proposed));
                }
            }
            other => panic!("`{other}` is no input that is known"),
        }
        if proposal.is_some() {
            let pending = self
                .replica
                .pending_isr()
                .expect("what is proposed is pending");
            self.unanswered.push_back(pending.number);
        }
        let t = &input["t"];
        let mut outputs = Vec::new();
        outputs.extend(proposal.map(|isr| json!({"t": t, "alter": numbers(&isr)})));
        let replica = &self.replica;
        self.waiting.retain(|(k, required)| {
            let outcome = replica.write_outcome(*required);
            outputs.extend(outcome.map(|error| json!({"t": t, "acked": k, "e": error.name()})));
            outcome.is_none()
        });
        outputs.extend(self.state(t));
        (answer, outputs)
    }

    fn answered(&mut self) -> u64 {
        let oldest = self.unanswered.pop_front();
        oldest.expect("the controller answers what it was asked")
    }

    fn append(&mut self, now: Instant, input: &Value) -> Value {
        let waits = number(input, "acks") == -1;
        if waits && !self.replica.has_enough_in_sync() {
            return json!(ErrorCode::NotEnoughReplicas.exception());
        }
        let first = self.end;
        self.end += number(input, "n") as u64;
        self.replica.advance(now, self.end);
        if waits {
            self.waiting.push((number(input, "k"), self.end));
        }
        json!([first, self.end - 1])
    }

    fn fetch(&mut self, now: Instant, input: &Value) -> (Value, Option<Arc<[NodeId]>>) {
        let follower = NodeId(number(input, "b") as u32);
        let offset = number(input, "off") as u64;
        if self.end < offset {
            return (json!(ErrorCode::OffsetOutOfRange.exception()), None);
        }
        let told = json!(self.replica.high_watermark());
        let by = (follower, u64::try_from(number(input, "be")).ok());
        let outcome = self.replica.on_fetch(now, by, offset, self.end);
        if outcome == FetchOutcome::Refused {
            return (json!(ErrorCode::NotLeaderOrFollower.exception()), None);
        }
        let proposal = self.replica.propose_joining(follower);
        if outcome == FetchOutcome::Moved {
            self.replica.advance(now, self.end);
        }
        (told, proposal)
    }

    fn metadata(&mut self, now: Instant, input: &Value) {
        let is_first = !self.replica.leads();
        let isr = list(input, "isr")
            .iter()
            .map(|n| NodeId(n.as_u64().expect("an id") as u32));
        let state = PartitionMetadata {
            partition: TopicPartition::new(TopicId(0), 0),
            leader: Some(LEADER),
            leader_epoch: number(input, "leader_epoch") as u32,
            partition_epoch: 0,
            replicas: Arc::clone(&self.replicas),
            isr: isr.collect(),
        };
        self.replica
            .on_metadata(now, LEADER, &state, self.end, FactId::NONE);
        if is_first {
            let registered = Registration {
                epoch: 1,
                ..Registration::default()
            };
            for node in self.replicas.iter() {
                self.replica.on_registration(*node, registered);
            }
        }
        self.replica.advance(now, self.end);
    }

    fn broker(&mut self, input: &Value) {
        let is_set = |key| input.get(key).and_then(Value::as_bool).unwrap_or(false);
        let registration = Registration {
            epoch: number(input, "epoch") as u64,
            is_fenced: is_set("fenced"),
            is_stopping: is_set("stopping"),
        };
        let node = NodeId(number(input, "b") as u32);
        self.replica.on_registration(node, registration);
    }

    /// The leader's state, if it is not what was shown last.
    fn state(&mut self, t: &Value) -> Option<Value> {
        let replica = &self.replica;
        let isr = numbers(replica.isr());
        let mut state = json!({"hw": replica.high_watermark(), "end": self.end, "isr": isr});
        if let Some(pending) = replica.pending_isr() {
            state["flight"] = json!(true);
            if pending.joining.is_some() {
                state["max"] = json!(numbers(&pending.proposed));
            }
        }
        if state == self.shown {
            return None;
        }
        self.shown = state.clone();
        state["t"] = t.clone();
        Some(state)
    }
}

fn numbers(nodes: &[NodeId]) -> Vec<u32> {
    let mut numbers: Vec<u32> = nodes.iter().map(|node| node.0).collect();
    numbers.sort_unstable();
    numbers
}

fn error_of(input: &Value) -> ErrorCode {
    let name = text(input, "e").expect("an error has a name");
    let found = ErrorCode::ALL.iter().find(|code| code.name() == name);
    *found.unwrap_or_else(|| panic!("{name} is an error of Kafka"))
}
