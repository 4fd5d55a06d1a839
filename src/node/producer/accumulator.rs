//! Where records become batches: queues per partition, memory, and what may be sent when.
//!
//! It knows nothing of requests and answers. Times are exact to the nanosecond; on whole
//! milliseconds everything is as in Kafka (`RecordAccumulator`, `BufferPool`).
//!
//! ```text
//! append -> last batch of the queue -> (full, lingered, retried) -> drain takes the first
//!                                        ^---------- queued again in front ----------'
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use super::batch::{BatchId, NewRecord, Place, Row, Shelf};
use super::partitioner::{Dice, Route, Sticky, partition_of};
use crate::base::{Instant, NodeId, Span, TopicId, TopicPartition};
use crate::kafka::hash::topic_partition_hash;
use crate::kafka::message::PartitionMetadata;
use crate::kafka::{java_hash, size};

/// The settings of an accumulator.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `batch.size`, bytes.
    pub batch_size: u32,
    /// `linger.ms`.
    pub linger: Span,
    /// `buffer.memory`, bytes.
    pub buffer_memory: u64,
    /// `max.request.size`, bytes.
    pub max_request_size: u32,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Span,
    /// Whether queue lengths weigh the sticky partitioner's choices.
    pub adaptive: bool,
}

/// The queue of one partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// Whether anything was ever appended here.
    pub(super) used: bool,
    pub(super) batches: VecDeque<BatchId>,
    /// Sent and not answered, in order of sending.
    pub(super) in_flight: Vec<BatchId>,
    pub(super) muted: bool,
    pub(super) leader: Option<NodeId>,
    pub(super) leader_epoch: Option<u32>,
    forecast: Forecast,
}

/// What the last batch of a queue will be after the appends looked at ahead.
#[derive(Clone, Copy, Debug, Default)]
struct Forecast {
    round: u64,
    count: u32,
    bytes: u32,
}

/// One topic.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) id: TopicId,
    pub(super) queues: Vec<Queue>,
    /// How many partitions the metadata say; 0 while unknown.
    pub(super) known: u32,
    /// Partitions in the order of the metadata.
    order: Vec<u32>,
    /// Partitions with a leader.
    available: Vec<u32>,
    /// The same in the order in which records are sent in turn.
    turns: Vec<u32>,
    /// The hash of its name.
    name_hash: i32,
    pub(super) sticky: Sticky,
    /// Records sent in turn so far.
    turn: u32,
    /// What `turn` and the sticky partitioner's count will be after the appends looked at ahead.
    forecast_turn: u32,
    forecast_sent: u32,
}

impl Topic {
    /// The partition of the `turn`th record sent in turn (`RoundRobinPartitioner`).
    fn turn_at(&self, turn: u32) -> u32 {
        let positive = turn & 0x7fff_ffff;
        match self.turns.len() as u32 {
            0 => positive % self.known,
            count => self.turns[(positive % count) as usize],
        }
    }
}

/// The partitions one broker leads, and where its next drain begins.
#[derive(Clone, Debug)]
pub(super) struct Broker {
    pub(super) node: NodeId,
    pub(super) places: Vec<Place>,
    pub(super) drain_index: usize,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    /// It is in a batch.
    Done {
        /// The partition.
        partition: u32,
        /// It began the batch.
        new_batch: bool,
        /// Its batch is full, or others wait in the queue.
        full: bool,
    },
    /// There is not enough memory for a new batch.
    NoMemory,
}

/// All queues of a producer.
#[derive(Clone, Debug)]
pub struct Accumulator {
    pub(super) limits: Limits,
    pub(super) topics: Vec<Topic>,
    pub(super) brokers: Vec<Broker>,
    /// The batches.
    pub shelf: Shelf,
    dice: Dice,
    others: Arc<[u32]>,
    pub(super) free_memory: u64,
    /// A `send()` waits for memory.
    pub exhausted: bool,
    /// The producer closes: everything may be sent.
    pub closing: bool,
    pub(super) incomplete: u32,
    /// Batches in all queues.
    pub(super) queued: u32,
    /// Whether every partition has a leader, as far as is known.
    pub(super) all_led: bool,
    forecast_round: u64,
    /// Counts what makes void what was seen of the queues: another first or last batch, other
    /// metadata, a partition that may send again.
    pub(super) changes: u64,
    /// Until when no batch may go if nothing changes, and the count of changes then.
    pub(super) waiting: Option<(Instant, u64)>,
}

impl Accumulator {
    /// Empty. `others` are the partitions of a table partitioner for other keys.
    pub fn new(limits: Limits, dice: Dice, others: Arc<[u32]>) -> Self {
        let free_memory = limits.buffer_memory;
        Self {
            limits,
            topics: Vec::new(),
            brokers: Vec::new(),
            shelf: Shelf::default(),
            dice,
            others,
            free_memory,
            exhausted: false,
            closing: false,
            incomplete: 0,
            queued: 0,
            all_led: true,
            forecast_round: 0,
            changes: 0,
            waiting: None,
        }
    }

    /// The index of a topic; a new one is added.
    pub fn topic(&mut self, id: TopicId) -> usize {
        let known = self.topics.iter().position(|topic| topic.id == id);
        known.unwrap_or_else(|| {
            self.topics.push(Topic {
                id,
                queues: Vec::new(),
                known: 0,
                order: Vec::new(),
                available: Vec::new(),
                turns: Vec::new(),
                name_hash: 0,
                sticky: Sticky::new(self.limits.batch_size),
                turn: 0,
                forecast_turn: 0,
                forecast_sent: 0,
            });
            self.topics.len() - 1
        })
    }

    /// Says what the name of a topic hashes to (`String.hashCode`), on which turns depend.
    pub fn name_topic(&mut self, topic: usize, name_hash: i32) {
        self.topics[topic].name_hash = name_hash;
    }

    /// How many partitions a topic has; 0 while its metadata are unknown.
    pub fn partitions(&self, topic: usize) -> u32 {
        self.topics[topic].known
    }

    /// The partition of a place.
    pub fn partition(&self, place: Place) -> TopicPartition {
        TopicPartition::new(self.topics[place.topic].id, place.partition)
    }

    pub(super) fn queue(&mut self, place: Place) -> &mut Queue {
        &mut self.topics[place.topic].queues[place.partition as usize]
    }

    /// Batches without a result.
    pub fn incomplete(&self) -> u32 {
        self.incomplete
    }

    /// Whether anything is queued.
    pub fn has_undrained(&self) -> bool {
        self.queued != 0
    }

    /// Takes in the metadata of a topic: every partition, in the order in which drains visit them.
    pub fn learn(&mut self, topic: usize, partitions: &[PartitionMetadata]) {
        let state = &mut self.topics[topic];
        state.known = partitions.len() as u32;
        let queues = partitions.len().max(state.queues.len());
        state.queues.resize_with(queues, Queue::default);
        state.order.clear();
        state.available.clear();
        for known in partitions {
            let partition = known.partition.partition;
            let queue = &mut state.queues[partition as usize];
            queue.leader = known.leader;
            queue.leader_epoch = Some(known.leader_epoch);
            state.order.push(partition);
            if known.leader.is_some() {
                state.available.push(partition);
            }
        }
        self.list_turns();
        self.list_places();
        let mut queues = self.topics.iter().flat_map(|topic| &topic.queues);
        self.all_led = queues.all(|queue| queue.leader.is_some());
        self.changes += 1;
    }

    /// Turns go in the order of the hash map in which the metadata keep the partitions of all topics
    /// (`MetadataSnapshot`, `Cluster.availablePartitionsForTopic`).
    fn list_turns(&mut self) {
        let all = self.topics.iter().map(|topic| topic.known as usize).sum();
        for topic in &mut self.topics {
            let name_hash = topic.name_hash;
            let hash = |partition: &u32| topic_partition_hash(name_hash, *partition);
            topic.turns = java_hash::sized_order(&topic.available, all, hash);
        }
    }

    /// Which broker leads what (`Cluster.partitionsForNode`). Kafka's order is that of a hash map.
    fn list_places(&mut self) {
        for broker in &mut self.brokers {
            broker.places.clear();
        }
        for (topic, state) in self.topics.iter().enumerate() {
            for &partition in &state.order {
                let Some(leader) = state.queues[partition as usize].leader else {
                    continue;
                };
                let known = self.brokers.iter().position(|b| b.node == leader);
                let index = known.unwrap_or_else(|| {
                    self.brokers.push(Broker {
                        node: leader,
                        places: Vec::new(),
                        drain_index: 0,
                    });
                    self.brokers.len() - 1
                });
                self.brokers[index].places.push(Place { topic, partition });
            }
        }
    }

    /// The partition a record would go to now, where that is no choice.
    pub fn foresee(&self, topic: usize, route: Route) -> Option<u32> {
        let known = self.topics[topic].known;
        if known == 0 {
            return match route {
                Route::Fixed(partition) => Some(partition),
                _ => None,
            };
        }
        partition_of(route, known, &self.others)
    }

    /// Whether enough is known of a topic for a record with this route.
    pub fn is_known(&self, topic: usize, route: Route) -> bool {
        match route {
            Route::Fixed(partition) => partition < self.topics[topic].known,
            _ => 0 < self.topics[topic].known,
        }
    }

    /// Whether there is memory for a new batch that begins with this record.
    pub fn has_memory_for(&self, record: &NewRecord) -> bool {
        let needed = size::batch_limit(self.limits.batch_size, record.upper_estimate());
        u64::from(needed) <= self.free_memory
    }

    /// Puts a record into the last batch of its queue, or into a new one. The topic's metadata are
    /// known.
    pub fn append(
        &mut self,
        topic: usize,
        route: Route,
        record: &NewRecord,
        now: Instant,
    ) -> Append {
        match self.place_record(topic, route, record, now) {
            Some((place, new_batch)) => self.appended(place, new_batch),
            None => Append::NoMemory,
        }
    }

    /// Puts a record into an open batch that is known to have room for it.
    pub(super) fn lengthen(&mut self, topic: usize, route: Route, record: &NewRecord, at: Instant) {
        let placed = self.place_record(topic, route, record, at);
        assert!(
            matches!(placed, Some((_, false))),
            "a stretch of records only lengthens open batches"
        );
    }

    /// As [`Accumulator::lengthen`], for a row whose records go to one partition.
    pub(super) fn lengthen_by(&mut self, topic: usize, route: Route, row: &Row) {
        let open = self.open_batch(topic, route);
        let batch = open.expect("a stretch of records only lengthens open batches");
        let added = self.shelf.get_mut(batch).append_row(row);
        if route == Route::Sticky {
            self.topics[topic].sticky.count(added);
        }
    }

    /// The last batch of the partition that records of this route go to one after the other, if it
    /// takes more.
    fn open_batch(&self, topic: usize, route: Route) -> Option<BatchId> {
        let state = self.topics.get(topic)?;
        let partition = match route {
            _ if state.known == 0 => None,
            Route::Sticky => state.sticky.current(),
            _ => partition_of(route, state.known, &self.others),
        }?;
        let last = *state.queues.get(partition as usize)?.batches.back()?;
        (!self.shelf.get(last).is_full()).then_some(last)
    }

    /// How many records of a row would only lengthen an open batch, all of them the same one: for
    /// rows what [`Accumulator::stirs`] is for records.
    pub(super) fn quiet_part(&self, topic: usize, route: Route, row: &Row) -> u32 {
        if self.limits.max_request_size < row.first.upper_estimate() {
            return 0;
        }
        let Some(batch) = self.open_batch(topic, route) else {
            return 0;
        };
        let sticky = &self.topics[topic].sticky;
        let allowance = if route == Route::Sticky {
            sticky.leaves_after()
        } else {
            u32::MAX
        };
        self.shelf.get(batch).room_for(row, allowance)
    }

    /// Where a record went and whether it began a batch; `None` without memory.
    fn place_record(
        &mut self,
        topic: usize,
        route: Route,
        record: &NewRecord,
        now: Instant,
    ) -> Option<(Place, bool)> {
        let state = &mut self.topics[topic];
        let given = match route {
            Route::InTurn => {
                state.turn = state.turn.wrapping_add(1);
                Some(state.turn_at(state.turn.wrapping_sub(1)))
            }
            _ => partition_of(route, state.known, &self.others),
        };
        loop {
            let state = &mut self.topics[topic];
            let partition = given.unwrap_or_else(|| {
                let Topic {
                    sticky, available, ..
                } = state;
                sticky.stand(&mut self.dice, available, state.known)
            });
            let place = Place { topic, partition };
            self.queue(place).used = true;
            if given.is_none() && self.moves_on(place, 0) {
                continue;
            }
            if let Some(added) = self.try_append(place, record) {
                if given.is_none() {
                    self.moves_on(place, added);
                }
                return Some((place, false));
            }
            let needed = size::batch_limit(self.limits.batch_size, record.upper_estimate());
            if self.free_memory < u64::from(needed) {
                if route == Route::InTurn {
                    // The partitioner is not asked again when the memory is there.
                    let turn = &mut self.topics[topic].turn;
                    *turn = turn.wrapping_sub(1);
                }
                return None;
            }
            if given.is_none() && self.moves_on(place, 0) {
                continue;
            }
            let added = self.append_new(place, record, (needed, now));
            if given.is_none() {
                self.moves_on(place, added);
            }
            return Some((place, true));
        }
    }

    fn appended(&self, place: Place, new_batch: bool) -> Append {
        Append::Done {
            partition: place.partition,
            new_batch,
            full: self.is_full(place)
                || 1 < self.topics[place.topic].queues[place.partition as usize]
                    .batches
                    .len(),
        }
    }

    /// Whether the last batch of the queue takes nothing more; so does an empty queue.
    pub fn is_full(&self, place: Place) -> bool {
        let queue = &self.topics[place.topic].queues[place.partition as usize];
        let last = queue.batches.back();
        last.is_none_or(|last| self.shelf.get(*last).is_full())
    }

    /// Lets the sticky partitioner count bytes, and move on if it is time.
    fn moves_on(&mut self, place: Place, added: u32) -> bool {
        if self.topics[place.topic].sticky.stays(added) {
            return false;
        }
        let batch_ends = self.is_full(place);
        let Topic {
            sticky,
            available,
            known,
            ..
        } = &mut self.topics[place.topic];
        sticky.add(added, batch_ends, &mut self.dice, (available, *known))
    }

    fn try_append(&mut self, place: Place, record: &NewRecord) -> Option<u32> {
        let last = *self.queue(place).batches.back()?;
        let batch = self.shelf.get_mut(last);
        let added = batch.try_append(record);
        if added.is_none() {
            batch.close();
        }
        added
    }

    fn append_new(
        &mut self,
        place: Place,
        record: &NewRecord,
        (limit, now): (u32, Instant),
    ) -> u32 {
        self.changes += 1;
        self.free_memory -= u64::from(limit);
        let id = self.shelf.begin(place, limit, now);
        let batch = self.shelf.get_mut(id);
        batch.reserved = limit;
        let added = batch
            .try_append(record)
            .expect("the first record of a batch always fits");
        self.queue(place).batches.push_back(id);
        self.queued += 1;
        self.incomplete += 1;
        added
    }

    /// Begins to look ahead at appends that are yet to come.
    pub fn begin_forecast(&mut self) {
        self.forecast_round += 1;
        for topic in &mut self.topics {
            topic.forecast_sent = topic.sticky.produced();
            topic.forecast_turn = topic.turn;
        }
    }

    /// Whether an append, after those looked at before it, would do more than lengthen an open
    /// batch: begin one, fill one, choose a partition, or wait.
    pub fn stirs(&mut self, topic: usize, route: Route, record: &NewRecord) -> bool {
        let round = self.forecast_round;
        let Some(state) = self.topics.get_mut(topic) else {
            return true;
        };
        if state.known == 0 || self.limits.max_request_size < record.upper_estimate() {
            return true;
        }
        let partition = match route {
            Route::Sticky => state.sticky.current(),
            Route::InTurn => Some(state.turn_at(state.forecast_turn)),
            _ => partition_of(route, state.known, &self.others),
        };
        let Some(queue) = partition.and_then(|p| state.queues.get_mut(p as usize)) else {
            return true;
        };
        let Some(last) = queue.batches.back() else {
            return true;
        };
        let batch = self.shelf.get(*last);
        if queue.forecast.round != round {
            if batch.is_full() {
                return true;
            }
            queue.forecast = Forecast {
                round,
                count: batch.count(),
                bytes: batch.bytes(),
            };
        }
        let forecast = &mut queue.forecast;
        let Some(bytes) = batch.with_one_more(forecast.count, forecast.bytes, record) else {
            return true;
        };
        let added = bytes - forecast.bytes;
        forecast.count += 1;
        forecast.bytes = bytes;
        if route == Route::Sticky {
            state.forecast_sent += added;
            if state.sticky.would_leave(state.forecast_sent) {
                return true;
            }
        }
        state.forecast_turn += u32::from(route == Route::InTurn);
        batch.limit() <= bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::hash::string_hash;

    /// An accumulator that knows topics of these names and counts of partitions.
    fn knowing(topics: &[(&str, u32)]) -> Accumulator {
        let limits = Limits {
            batch_size: 16_384,
            linger: Span::ZERO,
            buffer_memory: 1 << 20,
            max_request_size: 1 << 20,
            delivery_timeout: Span::from_secs(120),
            adaptive: false,
        };
        let mut accumulator = Accumulator::new(limits, Dice::Loaded([].into()), Arc::new([]));
        for ((name, partitions), id) in topics.iter().zip(0..) {
            let index = accumulator.topic(TopicId(id));
            accumulator.name_topic(index, string_hash(name));
            let led = |number| PartitionMetadata {
                partition: TopicPartition::new(TopicId(id), number),
                leader: Some(NodeId(1)),
                leader_epoch: 0,
                partition_epoch: 0,
                replicas: Arc::new([]),
                isr: Arc::new([]),
            };
            let known: Vec<_> = (0..*partitions).map(led).collect();
            accumulator.learn(index, &known);
        }
        accumulator
    }

    #[test]
    fn turns_go_in_the_order_of_the_map_in_which_the_metadata_keep_partitions() {
        // As a producer of Kafka 4.1.0 with `RoundRobinPartitioner` took them.
        assert_eq!(knowing(&[("quotes", 3)]).topics[0].turns, [0, 2, 1]);
    }
}
