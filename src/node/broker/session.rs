//! Followers' fetches on the leader: incremental sessions (KIP-227), and what a fetch proves.
//!
//! A follower copies many partitions of one leader with one request at a time, which lists only
//! partitions whose offset moved. The session keeps the others, and which of them have something
//! to tell, so that a fetch costs what is new and not what there is.

use super::connections::Parked;
use super::fetch::{Room, failed};
use super::replica::FetchOutcome;
use super::{Broker, Memory};
use crate::base::{ConnId, Instant, NodeId, Offset};
use crate::kafka::ErrorCode;
use crate::kafka::message::{FetchPartition, FetchRequest, FetchedPartition, Response};
use crate::node::Ctx;

/// One partition of a session.
#[derive(Clone, Copy, Debug)]
struct Listed {
    offset: Offset,
    max_bytes: u32,
    /// The high watermark and the log start offset of the last answer.
    told: Option<(Offset, Offset)>,
    is_marked: bool,
}

/// What a parked fetch of a follower waits for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    min_bytes: u32,
    max_bytes: u32,
}

/// The session of one follower.
#[derive(Clone, Debug)]
struct Session {
    follower: NodeId,
    conn: Option<ConnId>,
    /// The newest connection it ever fetched on; connections are numbered in order.
    newest: Option<ConnId>,
    last_fetch: Option<Instant>,
    listed: Vec<Option<Listed>>,
    /// The partitions that may have something to tell.
    marked: Vec<usize>,
    wanted: Wanted,
    is_parked: bool,
}

/// The sessions of the followers, one per broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    by_broker: Vec<Session>,
}

impl Session {
    fn new(follower: NodeId) -> Self {
        Self {
            follower,
            conn: None,
            newest: None,
            last_fetch: None,
            listed: Vec::new(),
            marked: Vec::new(),
            wanted: Wanted {
                min_bytes: 0,
                max_bytes: 0,
            },
            is_parked: false,
        }
    }

    /// A session begins on a new connection.
    fn begin(&mut self, conn: ConnId) {
        *self = Self {
            conn: Some(conn),
            newest: Some(conn),
            ..Self::new(self.follower)
        };
    }

    fn mark(&mut self, slot: usize) {
        if let Some(Some(listed)) = self.listed.get_mut(slot)
            && !listed.is_marked
        {
            listed.is_marked = true;
            self.marked.push(slot);
        }
    }

    fn list(&mut self, slot: usize, offset: Offset, max_bytes: u32) {
        if self.listed.len() <= slot {
            self.listed.resize(slot + 1, None);
        }
        let before = self.listed[slot];
        self.listed[slot] = Some(Listed {
            offset,
            max_bytes,
            told: before.and_then(|l| l.told),
            is_marked: before.is_some_and(|l| l.is_marked),
        });
        self.mark(slot);
    }

    fn drop_partition(&mut self, slot: usize) {
        if let Some(listed) = self.listed.get_mut(slot) {
            *listed = None;
        }
        self.marked.retain(|marked| *marked != slot);
    }
}

impl Sessions {
    /// No session yet with any of these brokers.
    pub(super) fn new(brokers: &[NodeId]) -> Self {
        Self {
            by_broker: brokers.iter().map(|node| Session::new(*node)).collect(),
        }
    }

    fn index(&self, follower: NodeId) -> Option<usize> {
        self.by_broker.iter().position(|s| s.follower == follower)
    }

    /// When a follower fetched last.
    pub(super) fn last_fetch(&self, follower: NodeId) -> Option<Instant> {
        self.by_broker[self.index(follower)?].last_fetch
    }

    /// A partition is led by another, or anew: its followers list it again.
    pub(super) fn drop_partition(&mut self, slot: usize) {
        for session in &mut self.by_broker {
            session.drop_partition(slot);
        }
    }

    /// A follower's connection is gone, and its session with it.
    pub(super) fn close(&mut self, conn: ConnId) {
        for session in &mut self.by_broker {
            if session.conn == Some(conn) {
                *session = Session {
                    newest: session.newest,
                    ..Session::new(session.follower)
                };
            }
        }
    }
}

impl Broker {
    /// Handles a follower's fetch. Its offsets are taken in at arrival, whether or not it is then
    /// parked; an answer given at once tells the high watermarks from before. One that comes late, on
    /// a connection given up for another, is of a session that is gone and proves nothing
    /// (`FETCH_SESSION_ID_NOT_FOUND`, or the older broker epoch of KIP-903).
    pub(super) fn follower_fetch(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        correlation: u32,
        request: &FetchRequest,
        follower: NodeId,
    ) {
        let Some(index) = self.memory.sessions.index(follower) else {
            unreachable!("only brokers fetch as followers")
        };
        let session = &mut self.memory.sessions.by_broker[index];
        if session.newest.is_some_and(|newest| conn < newest) {
            return self.answer(ctx, conn, correlation, Response::Fetch(Vec::new()));
        }
        if session.conn != Some(conn) {
            session.begin(conn);
        }
        session.wanted = Wanted {
            min_bytes: request.min_bytes,
            max_bytes: request.max_bytes,
        };
        let mut answer = self.list_partitions(index, request, follower);
        self.forget_what_is_told(index);
        let at_once = !answer.is_empty() || request.max_wait.0 == 0 || self.has_news(index);
        if at_once {
            answer.extend(self.read_for_follower(index));
        }
        self.take_in_offsets(ctx, index, request);
        if at_once {
            return self.answer(ctx, conn, correlation, Response::Fetch(answer));
        }
        self.memory.sessions.by_broker[index].is_parked = true;
        let (deadline, cause) = (ctx.now + request.max_wait, ctx.cause);
        self.park(conn, Parked::Follower(index), cause, Some(deadline));
    }

    /// Enters the partitions of a request into the session; returns those that cannot be, or whose
    /// logs are different.
    fn list_partitions(
        &mut self,
        index: usize,
        request: &FetchRequest,
        follower: NodeId,
    ) -> Vec<FetchedPartition> {
        let mut answers = Vec::new();
        for wanted in &request.partitions {
            let is_follower = |slot: &usize| {
                let followers = self.memory.partitions[*slot].replica.followers();
                followers.iter().any(|f| f.node == follower)
            };
            if let Some(diverging) = self.divergence(wanted) {
                answers.push(FetchedPartition {
                    diverging: Some(diverging),
                    ..failed(wanted.partition, ErrorCode::None)
                });
                continue;
            }
            let slot = match self.readable(wanted) {
                Ok(slot) if is_follower(&slot) => Ok(slot),
                Ok(_) => Err(ErrorCode::UnknownTopicOrPartition),
                Err(error) => Err(error),
            };
            let session = &mut self.memory.sessions.by_broker[index];
            match slot {
                Ok(slot) => session.list(slot, wanted.offset, wanted.max_bytes),
                Err(error) => {
                    let mut answer = failed(wanted.partition, error);
                    if let Some(slot) = self.slots.of(wanted.partition) {
                        session.drop_partition(slot);
                        answer.log_start = self.disk.logs[slot].start();
                    }
                    answers.push(answer);
                }
            }
        }
        answers
    }

    /// Where the follower's log must be another than this one: the largest epoch that both may
    /// have, and its end here (`Partition.readRecords`, `lastFetchedEpoch`).
    fn divergence(&self, wanted: &FetchPartition) -> Option<(u32, Offset)> {
        let last_epoch = wanted.last_epoch?;
        let slot = self
            .slot_led_in(wanted.partition, wanted.leader_epoch)
            .ok()?;
        let end = self.disk.logs[slot].end_of_epoch(last_epoch);
        let (epoch, end) = end.unwrap_or((last_epoch, self.disk.logs[slot].start()));
        (epoch < last_epoch || end < wanted.offset).then_some((epoch, end))
    }

    /// Takes the partitions off the list of which the follower knows everything.
    fn forget_what_is_told(&mut self, index: usize) {
        let Memory {
            partitions,
            sessions,
            ..
        } = &mut self.memory;
        let logs = &self.disk.logs;
        let Session { marked, listed, .. } = &mut sessions.by_broker[index];
        marked.retain(|slot| {
            let Some(entry) = &mut listed[*slot] else {
                return false;
            };
            let high_watermark = partitions[*slot].replica.high_watermark();
            let is_told = entry.told == Some((high_watermark, logs[*slot].start()));
            entry.is_marked = entry.offset < logs[*slot].end() || !is_told;
            entry.is_marked
        });
    }

    /// Whether there is enough for the follower to be answered: records only. That the high
    /// watermark moved is no reason; it is told when there is another one.
    fn has_news(&self, index: usize) -> bool {
        let session = &self.memory.sessions.by_broker[index];
        let mut bytes = 0;
        for slot in &session.marked {
            let Some(entry) = session.listed[*slot] else {
                continue;
            };
            let log = &self.disk.logs[*slot];
            if log.end() < entry.offset {
                return true;
            }
            let there = log.bytes_between(entry.offset, log.end());
            bytes += there.min(u64::from(entry.max_bytes));
            if 0 < bytes && u64::from(session.wanted.min_bytes) <= bytes {
                return true;
            }
        }
        false
    }

    /// The answer: of each partition that has something to tell, records up to the log's end and
    /// the high watermark.
    fn read_for_follower(&mut self, index: usize) -> Vec<FetchedPartition> {
        let session = &mut self.memory.sessions.by_broker[index];
        let mut room = Room::new(session.wanted.max_bytes);
        let mut answer = Vec::with_capacity(session.marked.len());
        for slot in &session.marked {
            let Some(entry) = &mut session.listed[*slot] else {
                continue;
            };
            let log = &self.disk.logs[*slot];
            let partition = &self.memory.partitions[*slot];
            let high_watermark = partition.replica.high_watermark();
            let (max_bytes, first_anyway) = room.of_partition(entry.max_bytes);
            let slice = log.read(entry.offset, log.end(), max_bytes, first_anyway);
            room.take(slice.bytes);
            let tells = Some((high_watermark, log.start()));
            if slice.batches.is_empty() && entry.told == tells {
                continue;
            }
            entry.told = tells;
            answer.push(FetchedPartition {
                partition: partition.name,
                error: ErrorCode::None,
                high_watermark,
                log_start: log.start(),
                diverging: None,
                batches: slice.batches,
            });
        }
        answer
    }

    /// What the fetch proves: the follower has everything before its offsets. Partitions that are
    /// not listed and have nothing new are caught up on when they get a record.
    fn take_in_offsets(&mut self, ctx: &mut Ctx<'_>, index: usize, request: &FetchRequest) {
        let session = &mut self.memory.sessions.by_broker[index];
        let follower = session.follower;
        session.last_fetch = Some(ctx.now);
        let mut known: Vec<usize> = session.marked.clone();
        known.retain(|slot| session.listed[*slot].is_some());
        for wanted in &request.partitions {
            let slot = self.slots.of(wanted.partition);
            if let Some(slot) = slot.filter(|slot| !known.contains(slot)) {
                known.push(slot);
            }
        }
        let cause = ctx.cause;
        for slot in known {
            let session = &self.memory.sessions.by_broker[index];
            let Some(Some(entry)) = session.listed.get(slot) else {
                continue;
            };
            let (offset, log_end) = (entry.offset, self.disk.logs[slot].end());
            let replica = &mut self.memory.partitions[slot].replica;
            if replica.on_fetch(ctx.now, (follower, None), offset, log_end) == FetchOutcome::Moved {
                ctx.cause = cause;
                if self.advance(ctx, slot) {
                    self.wake_at_high_watermark(ctx, slot);
                }
            }
        }
        ctx.cause = cause;
        self.look_for_all_joiners();
    }

    /// A partition has something to tell its followers; with records in it, those whose fetch is
    /// parked may be answered.
    pub(super) fn wake_followers(&mut self, ctx: &mut Ctx<'_>, slot: usize) {
        for nth in 0..self.memory.partitions[slot].replica.followers().len() {
            let node = self.memory.partitions[slot].replica.followers()[nth].node;
            let Some(index) = self.memory.sessions.index(node) else {
                continue;
            };
            let session = &mut self.memory.sessions.by_broker[index];
            session.mark(slot);
            let parked = session.conn.filter(|_| session.is_parked);
            if let Some(conn) = parked
                && self.has_news(index)
            {
                let cause = ctx.cause;
                self.complete_follower_fetch(ctx, index, conn);
                ctx.cause = cause;
            }
        }
    }

    /// The high watermark or the log start offset moved: the followers are told with their next answer.
    pub(super) fn mark_for_followers(&mut self, slot: usize) {
        let Memory {
            partitions,
            sessions,
            ..
        } = &mut self.memory;
        for follower in partitions[slot].replica.followers() {
            if let Some(index) = sessions.index(follower.node) {
                sessions.by_broker[index].mark(slot);
            }
        }
    }

    /// Answers a parked fetch with what is there; with nothing, if the follower has begun a new
    /// session since.
    pub(super) fn complete_follower_fetch(
        &mut self,
        ctx: &mut Ctx<'_>,
        index: usize,
        conn: ConnId,
    ) {
        let Some((_, correlation, _)) = self.memory.connections.unpark(conn) else {
            unreachable!("the fetch was seen parked")
        };
        let session = &mut self.memory.sessions.by_broker[index];
        let mut answer = Vec::new();
        if session.conn == Some(conn) {
            session.is_parked = false;
            answer = self.read_for_follower(index);
        }
        self.answer(ctx, conn, correlation, Response::Fetch(answer));
    }
}
