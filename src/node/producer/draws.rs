//! What the nth record of a producer is: topic, key, size, route, and the time to the next.
//!
//! Every draw belongs to the record's number: one per record from each of the streams `keys`,
//! `values` and `every` of the producer, so that it does not matter in which order one asks.

use std::collections::VecDeque;
use std::sync::Arc;

use super::partitioner::Route;
use super::{Keys, Partitioning, ProducerSetup, ScriptedRecord, Values};
use crate::base::{Dist, Instant, Span, Stream, Timestamp, TopicId};
use crate::kafka::config::producer::PartitionerClass;
use crate::kafka::{hash, size};

/// The weight of the first key under Zipf's law; the nth has this divided by n.
const ZIPF_UNIT: u64 = 1 << 32;

/// One record to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    /// The topic, as an index into [`Draws::topics`].
    pub(super) topic: usize,
    /// How its partition is found.
    pub(super) route: Route,
    /// Bytes of key and value.
    pub(super) fields: u32,
    /// Its timestamp, if not the time of `send()`.
    pub(super) timestamp: Option<Timestamp>,
    /// When it is sent, if not so long after the one before.
    pub(super) at: Option<Instant>,
    /// Time to the next record.
    pub(super) gap: Span,
}

/// A key that can occur.
#[derive(Clone, Debug)]
struct Key {
    text: Option<Arc<str>>,
    route: Route,
    bytes: u32,
}

/// How keys are chosen from the list.
#[derive(Clone, Debug)]
enum Choice {
    Only,
    Cycle,
    Even,
    /// Running sums of the weights.
    Weighted(Vec<u64>),
}

/// The draws of one producer, standing at a record.
#[derive(Clone, Debug)]
pub struct Draws {
    setup: Arc<ProducerSetup>,
    topics: Vec<TopicId>,
    keys: Vec<Key>,
    choice: Choice,
    /// Bytes of each value of a cycle.
    values: Vec<u32>,
    key_stream: Stream,
    value_stream: Stream,
    every_stream: Stream,
    next: u32,
    ahead: VecDeque<Draw>,
    /// What every record is, if nothing of it is drawn.
    every_record: Option<Draw>,
}

impl Draws {
    /// Stands at record `next`.
    pub fn new(setup: &Arc<ProducerSetup>, next: u32) -> Self {
        let workload = &setup.workload;
        let mut topics = workload.topics.clone();
        for topic in workload.script.iter().filter_map(|record| record.topic) {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        let stream = |purpose| Stream::new(setup.seed, purpose, &setup.name);
        let (keys, choice) = keys(setup);
        let mut draws = Self {
            setup: Arc::clone(setup),
            topics,
            keys,
            choice,
            values: values(&workload.values),
            key_stream: stream("keys"),
            value_stream: stream("values"),
            every_stream: stream("every"),
            next,
            ahead: VecDeque::new(),
            every_record: None,
        };
        draws.seek(next);
        if draws.are_alike() {
            draws.every_record = Some(draws.draw());
            draws.seek(next);
        }
        draws
    }

    /// Whether all records are the same but for their number: nothing is drawn, nothing written out.
    fn are_alike(&self) -> bool {
        let workload = &self.setup.workload;
        workload.script.is_empty()
            && workload.topics.len() == 1
            && matches!(workload.every, Dist::Constant(_))
            && matches!(self.choice, Choice::Only)
            && self.values.len() == 1
    }

    /// What every record is, if they are all alike.
    pub(super) fn every_record(&self) -> Option<&Draw> {
        self.every_record.as_ref()
    }

    /// Goes past records that are all alike.
    pub(super) fn pass(&mut self, count: u32) {
        assert!(
            self.every_record.is_some(),
            "only records that are alike are passed without a look at each"
        );
        self.next += count;
    }

    /// Every topic of the workload, in the order of the file.
    pub fn topics(&self) -> &[TopicId] {
        &self.topics
    }

    fn seek(&mut self, record: u32) {
        self.next = record;
        self.ahead.clear();
        for stream in [
            &mut self.key_stream,
            &mut self.value_stream,
            &mut self.every_stream,
        ] {
            stream.seek(0, u64::from(record));
        }
    }

    /// The record `index` places behind the one it stands at.
    pub(super) fn peek(&mut self, index: usize) -> &Draw {
        self.draw_up_to(index);
        self.every_record
            .as_ref()
            .unwrap_or_else(|| &self.ahead[index])
    }

    /// The record `index` places behind the one it stands at, and the one behind that.
    pub(super) fn peek_two(&mut self, index: usize) -> (&Draw, &Draw) {
        self.draw_up_to(index + 1);
        let drawn = |index: usize| {
            self.every_record
                .as_ref()
                .unwrap_or_else(|| &self.ahead[index])
        };
        (drawn(index), drawn(index + 1))
    }

    fn draw_up_to(&mut self, index: usize) {
        while self.every_record.is_none() && self.ahead.len() <= index {
            let draw = self.draw();
            self.ahead.push_back(draw);
        }
    }

    /// Takes the record it stands at.
    pub(super) fn take(&mut self) -> Draw {
        if let Some(draw) = self.every_record {
            self.next += 1;
            return draw;
        }
        match self.ahead.pop_front() {
            Some(draw) => draw,
            None => self.draw(),
        }
    }

    /// Any record.
    pub(super) fn of(&self, record: u32) -> Draw {
        let mut other = self.clone();
        other.seek(record);
        other.take()
    }

    /// The key of any record.
    pub fn key_of(&mut self, record: u32) -> Option<Arc<str>> {
        if let Some(scripted) = self.setup.workload.script.get(record as usize) {
            return scripted.key.clone();
        }
        self.seek(record);
        let index = self.draw_key();
        self.keys[index].text.clone()
    }

    fn draw(&mut self) -> Draw {
        let record = self.next;
        self.next += 1;
        let gap = self.setup.workload.every.sample(&mut self.every_stream);
        if !self.setup.workload.script.is_empty() {
            return self.scripted(record, gap);
        }
        let key = self.draw_key_of(record);
        let value = self.draw_value(record);
        let key = &self.keys[key];
        Draw {
            topic: record as usize % self.setup.workload.topics.len(),
            route: key.route,
            fields: key.bytes + value + NO_HEADERS,
            timestamp: None,
            at: None,
            gap,
        }
    }

    fn scripted(&self, record: u32, gap: Span) -> Draw {
        let setup = &self.setup;
        let scripted: &ScriptedRecord = &setup.workload.script[record as usize];
        let in_turn = record as usize % setup.workload.topics.len().max(1);
        let own = scripted.topic.map(|topic| {
            let index = self.topics.iter().position(|other| *other == topic);
            index.expect("every scripted topic is known")
        });
        let route = route_of(setup, scripted.key.as_deref());
        let lengths = |text: &Option<Arc<str>>| text.as_ref().map(|text| text.len() as u32);
        Draw {
            topic: own.unwrap_or(in_turn),
            route: scripted.partition.map_or(route, Route::Fixed),
            fields: size::fields(lengths(&scripted.key), lengths(&scripted.value), &[]),
            timestamp: scripted.timestamp,
            at: scripted.at,
            gap,
        }
    }

    fn draw_key(&mut self) -> usize {
        self.draw_key_of(self.next)
    }

    fn draw_key_of(&mut self, record: u32) -> usize {
        match &self.choice {
            Choice::Only => 0,
            Choice::Cycle => record as usize % self.keys.len(),
            Choice::Even => self.key_stream.below(self.keys.len() as u64) as usize,
            Choice::Weighted(sums) => {
                let total = *sums.last().expect("weighted keys are not empty");
                let draw = self.key_stream.below(total);
                sums.partition_point(|sum| *sum <= draw)
            }
        }
    }

    fn draw_value(&mut self, record: u32) -> u32 {
        match self.setup.workload.values {
            Values::Between(low, high) => {
                let length = self.value_stream.between(u64::from(low), u64::from(high));
                field(Some(length as u32))
            }
            Values::Bytes(_) | Values::Cycle(_) => self.values[record as usize % self.values.len()],
        }
    }
}

/// The count of a record's headers, 0, takes a byte.
const NO_HEADERS: u32 = 1;

/// Bytes of a key or value with its length.
fn field(length: Option<u32>) -> u32 {
    size::fields(length, None, &[]) - size::fields(None, None, &[]) + 1
}

fn values(values: &Values) -> Vec<u32> {
    match values {
        Values::Bytes(length) => vec![field(Some(*length))],
        Values::Between(_, _) => Vec::new(),
        Values::Cycle(list) => {
            let length = |text: &Option<Arc<str>>| text.as_ref().map(|text| text.len() as u32);
            list.iter().map(|value| field(length(value))).collect()
        }
    }
}

fn keys(setup: &ProducerSetup) -> (Vec<Key>, Choice) {
    let key = |text: Option<&Arc<str>>| Key {
        text: text.cloned(),
        route: route_of(setup, text.map(|text| &**text)),
        bytes: field(text.map(|text| text.len() as u32)),
    };
    let all = |list: &[Arc<str>]| list.iter().map(|text| key(Some(text))).collect();
    match &setup.workload.keys {
        Keys::None => (vec![key(None)], Choice::Only),
        Keys::Cycle(list) => (all(list), Choice::Cycle),
        Keys::Random(list) => (all(list), Choice::Even),
        Keys::Weighted(list) => {
            let keys = list.iter().map(|(text, _)| key(Some(text))).collect();
            let sums = running_sums(list.iter().map(|(_, weight)| *weight));
            (keys, Choice::Weighted(sums))
        }
        Keys::Zipf(list) => {
            let sums = running_sums((1..=list.len() as u64).map(|nth| ZIPF_UNIT / nth));
            (all(list), Choice::Weighted(sums))
        }
    }
}

fn running_sums(weights: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut sum = 0;
    let add = |weight| {
        sum += weight;
        sum
    };
    weights.map(add).collect()
}

/// The decision order of `KafkaProducer.partition`: the record's own, the custom partitioner, the
/// key's hash, the sticky partitioner. An empty key is a key.
fn route_of(setup: &ProducerSetup, key: Option<&str>) -> Route {
    let hashed = |key: &str| hash::murmur2(key.as_bytes()) as u32 & 0x7fff_ffff;
    match &setup.workload.partitioning {
        Partitioning::Fixed(partition) => Route::Fixed(*partition),
        Partitioning::Table { table, .. } => match key.and_then(|key| table.get(key)) {
            Some(partition) => Route::Fixed(*partition),
            None => Route::Others(hashed(key.unwrap_or_default())),
        },
        Partitioning::Client => match (setup.config.partitioner, key) {
            (PartitionerClass::RoundRobin, _) => Route::InTurn,
            (PartitionerClass::Default, Some(key)) if !setup.config.ignore_keys => {
                Route::Hashed(hashed(key))
            }
            (PartitionerClass::ConsistentRandom, Some(key)) if !key.is_empty() => {
                Route::Hashed(hash::crc32(key.as_bytes()))
            }
            (PartitionerClass::Default | PartitionerClass::ConsistentRandom, _) => Route::Sticky,
        },
    }
}
