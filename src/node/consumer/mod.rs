//! A member of a consumer group: the client library and the application around it.
//!
//! ```text
//!   program -> script -> app ----- stretch, work, workers, outbox, store   the application
//!                         |
//!                   poll, sync_commit, close                           calls into the client
//!                         |
//!   membership, join, handover    lookup  fetcher  commit  (librdkafka)  inside poll
//!    (or modern)               |       |       /
//!   liveness --- wire (connections), metadata                          background
//! ```
//!
//! Answers are taken in when they arrive, whichever thread of Kafka's would have read them; what
//! the application notices of them (joining, records, callbacks) it notices only inside its calls.
//! The one exception: the answer to `JoinGroup` is read inside the application's calls only, as
//! Kafka's heartbeat thread sleeps until then. A cooperative member that is busy with records of a
//! partition it keeps holds its group up in this way.
//!
//! Not modelled: transactions, pause, follower fetching.

pub mod program;

mod app;
mod buffer;
mod close;
mod commit;
mod fetcher;
mod handover;
mod heart;
mod join;
mod librdkafka;
mod liveness;
mod lookup;
mod membership;
mod modern;
mod outbox;
mod poll;
mod positions;
mod script;
mod store;
mod stretch;
mod sync_commit;
mod validation;
mod wire;
mod work;
mod workers;

pub use program::{CommitOffsets, Handler, ProcessSpec, Program, Step};

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::base::{
    ConnId, GroupId, Instant, Offset, RecordId, Seed, Stream, Timestamp, TopicId, TopicPartition,
};
use crate::kafka::client::ClientFamily;
use crate::kafka::config::ConsumerConfig;
use crate::kafka::config::consumer::GroupProtocol;
use crate::kafka::message::{Request, Response};
use crate::node::client::{Backoff, Completed, Metadata, NetworkClient, NetworkConfig, Outcome};
use crate::node::fact::{GroupFact, LogFact};
use crate::node::{Bootstrap, Ctx, Effect, FactId, Lane, TimerKey};

use app::{Activity, App};
use commit::{Commit, Commits};
use fetcher::{Asked, Fetcher};
use heart::Heart;
use lookup::Lookup;
use membership::{Generation, Membership};
use modern::Modern;
use outbox::Outbox;
use positions::{Place, Positions};
use script::Script;
use validation::Unvalidated;
use wire::Wire;
use workers::Workers;

/// Requests in flight on a connection of a consumer, not configurable.
const IN_FLIGHT_MAX: usize = 100;

/// The member's timers, besides those of the application and its workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Overdue requests, metadata, records sent on.
    Network,
    /// The heartbeat thread.
    Heart,
    /// What the application's call waits for.
    Call,
    /// librdkafka's auto-commit.
    Background,
}

impl Slot {
    const ALL: [Self; 4] = [Self::Network, Self::Heart, Self::Call, Self::Background];
}

/// What a request was for.
#[derive(Clone, Debug)]
enum Tag {
    Metadata,
    FindCoordinator,
    Join(Generation),
    Sync(Generation),
    Heartbeat(Generation),
    ConsumerHeartbeat { epoch: i32 },
    Leave,
    Commit(Commit),
    OffsetFetch(u32),
    ListOffsets(Vec<(TopicPartition, Place)>),
    Validation(Vec<Unvalidated>),
    Fetch(Asked),
    Produce,
    Sink(u32),
}

/// Everything one member is made of; a restarted process is made of the same.
#[derive(Clone, Debug)]
pub struct MemberSetup {
    /// Its actor name, which is also its `client.id`.
    pub name: Arc<str>,
    /// Its group.
    pub group: GroupId,
    /// The group's name, `group.id`.
    pub group_name: Arc<str>,
    /// The topics it subscribes to with their names, in the order of the names (as the client
    /// sorts them).
    pub topics: Vec<(TopicId, Arc<str>)>,
    /// The topics that any member of its group subscribes to: what it assigns if it leads.
    pub group_topics: Arc<[(TopicId, Arc<str>)]>,
    /// Whose client it is.
    pub family: ClientFamily,
    /// Its settings.
    pub config: ConsumerConfig,
    /// Its application.
    pub program: Arc<Program>,
    /// The brokers.
    pub bootstrap: Bootstrap,
    /// The seed of the run, for its own random streams.
    pub seed: Seed,
}

/// A `seek` asked of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekRequest {
    /// `seek`: one partition, if the member owns it.
    Offset(TopicPartition, Offset),
    /// `seekToBeginning` of every owned partition.
    Earliest,
    /// `seekToEnd` of every owned partition.
    Latest,
    /// `offsetsForTimes` and `seek` there, of every owned partition: to the first record with this
    /// timestamp or a later one, or to the end.
    Time(Timestamp),
    /// `seek` to what the sink keeps, which a fact of its own stored.
    Stored(TopicPartition, Offset, FactId),
}

/// One member of a group.
#[derive(Clone, Debug)]
pub struct Member {
    setup: Arc<MemberSetup>,
    wire: Wire,
    metadata: Metadata,
    retry_backoff: Backoff,
    group: Membership,
    /// What a member of the consumer protocol has besides.
    modern: Option<Box<Modern>>,
    /// How many processes this member had before.
    starts: u32,
    heart: Heart,
    positions: Positions,
    lookup: Lookup,
    lookup_round: u32,
    /// The version of the metadata that positions were last compared with.
    validated_with: u64,
    /// Positions beyond a cut, and no policy to reset them: `poll` is to throw.
    is_truncated: bool,
    fetcher: Fetcher,
    commits: Commits,
    app: App,
    workers: Workers,
    outbox: Outbox,
    /// How many requests went to the sink.
    sink_requests: u32,
    seeks: Vec<SeekRequest>,
    /// Answers that wait until the application is in a call.
    deferred: VecDeque<Completed<Tag>>,
    processing: Stream,
    /// How often processing has failed, by record; over all members, and across crashes.
    failures: BTreeMap<RecordId, u32>,
    timers: [Option<Instant>; 4],
    exited: bool,
}

impl Member {
    /// A process that has not started.
    pub fn new(setup: MemberSetup) -> Self {
        let script = Arc::new(Script::new(&setup.program));
        Self::with(Arc::new(setup), script, 0)
    }

    fn with(setup: Arc<MemberSetup>, script: Arc<Script>, starts: u32) -> Self {
        let config = &setup.config;
        let stream = |purpose: &str| Stream::new(setup.seed, purpose, &setup.name);
        let network = NetworkConfig {
            request_timeout: config.request_timeout,
            reconnect_backoff: config.reconnect_backoff,
            reconnect_backoff_max: config.reconnect_backoff_max,
            max_in_flight: IN_FLIGHT_MAX,
        };
        let net = NetworkClient::new(network, stream("reconnect"));
        let retry = (config.retry_backoff, config.retry_backoff_max);
        let is_modern = config.protocol == GroupProtocol::Consumer;
        let modern = is_modern.then(|| Box::new(Modern::new(&setup, starts)));
        Self {
            wire: Wire::new(net, config.request_timeout),
            metadata: Metadata::new(config.metadata_max_age, config.retry_backoff),
            retry_backoff: Backoff::new(retry.0, retry.1, stream("retry")),
            group: Membership::new(!is_modern),
            modern,
            starts,
            heart: Heart::new(
                config.heartbeat_interval,
                config.session_timeout,
                config.max_poll_interval,
            ),
            positions: Positions::default(),
            lookup: Lookup::Idle,
            lookup_round: 0,
            validated_with: 0,
            is_truncated: false,
            fetcher: Fetcher::default(),
            commits: Commits::new(Instant::MAX),
            app: App::new(script),
            workers: Workers::new(setup.program.workers),
            outbox: Outbox::default(),
            sink_requests: 0,
            seeks: Vec::new(),
            deferred: VecDeque::new(),
            processing: Stream::new(setup.seed, "processing", &setup.group_name),
            failures: BTreeMap::new(),
            timers: [None; 4],
            exited: false,
            setup,
        }
    }

    /// The process starts: `subscribe`, then the loop. After a graceful end a new process starts.
    pub fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        if self.exited {
            self.crash();
        }
        assert!(self.app.frames.is_empty(), "a process starts once");
        for (topic, _) in &self.setup.topics {
            self.metadata.want(*topic);
        }
        self.commits.auto_at = ctx.now + self.setup.config.auto_commit_interval;
        ctx.note(GroupFact::Joining {
            group: self.setup.group,
        });
        self.start_loop(ctx);
        self.finish(ctx);
    }

    /// A connection is up.
    pub fn on_connected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        self.wire.on_connected(ctx, conn);
        self.run(ctx);
        self.finish(ctx);
    }

    /// A connection is lost or could not be made.
    pub fn on_disconnected(&mut self, ctx: &mut Ctx<'_>, conn: ConnId) {
        for completed in self.wire.on_disconnected(ctx.now, conn) {
            self.take_in(ctx, completed);
        }
        self.run(ctx);
        self.finish(ctx);
    }

    /// An answer arrived.
    pub fn on_response(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnId,
        correlation: u32,
        response: Response,
    ) {
        if let Some(completed) = self.wire.on_response(conn, correlation, response) {
            self.take_in(ctx, completed);
            self.run(ctx);
        }
        self.finish(ctx);
    }

    /// A timer fired.
    pub fn on_timer(&mut self, ctx: &mut Ctx<'_>, key: TimerKey) {
        if key.application {
            match key.slot {
                0 => self.app_due(ctx),
                worker => self.worker_due(ctx, worker - 1),
            }
            self.finish(ctx);
            return;
        }
        let slot = Slot::ALL[usize::from(key.slot)];
        self.timers[slot as usize] = None;
        match slot {
            Slot::Network => {
                for completed in self.wire.expire(ctx) {
                    self.take_in(ctx, completed);
                }
                self.serve_outbox(ctx);
                self.run(ctx);
            }
            Slot::Heart if self.modern.is_some() => self.modern_tick(ctx),
            Slot::Heart => {
                self.heart_tick(ctx);
            }
            Slot::Call => self.run(ctx),
            Slot::Background => self.background_commit(ctx),
        }
        self.finish(ctx);
    }

    /// The point it stood at is done with.
    pub fn go_on(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(worker) = self.workers.take_standing() {
            self.worker_due(ctx, worker);
        } else if self.app.is_standing() {
            self.resume(ctx);
        }
        self.finish(ctx);
    }

    /// A fault is about to strike: states what lies strictly before now, and cuts the stretch, so
    /// that what a fault delays is one record.
    pub fn settle(&mut self, ctx: &mut Ctx<'_>) {
        self.cut_stretch(ctx);
    }

    /// The application thread stands still until then; the rest of the client goes on.
    pub fn stall(&mut self, ctx: &mut Ctx<'_>, until: Instant) {
        self.cut_stretch(ctx);
        self.stall_app(ctx, until);
        self.finish(ctx);
    }

    /// A graceful end: a poll in progress or the next one ends the loop, then `on-close`, then
    /// `close()`. At a watched point the loop ends right there.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        if self.app.frames.is_empty() {
            self.exited = true;
            ctx.exit();
            return;
        }
        self.workers.take_standing().into_iter().for_each(|worker| {
            ctx.set_timer(TimerKey::application(1 + worker), ctx.now);
        });
        self.request_close(ctx);
        self.finish(ctx);
    }

    /// The application seeks before its next poll. Partitions it does not own then are left alone.
    pub fn seek(&mut self, _ctx: &mut Ctx<'_>, to: SeekRequest) {
        self.seeks.push(to);
    }

    /// The process dies: memory is gone.
    pub fn crash(&mut self) {
        let failures = std::mem::take(&mut self.failures);
        *self = Self::with(self.setup.clone(), self.app.script.clone(), self.starts + 1);
        self.failures = failures;
    }

    /// A processing of this record failed in another member: `fails: N` counts over all.
    pub fn failed_elsewhere(&mut self, record: RecordId) {
        *self.failures.entry(record).or_insert(0) += 1;
    }

    /// Whether the application waits in poll with nothing at hand, and nothing else is under way.
    /// True as well once it has ended.
    pub fn quiet(&self) -> bool {
        if self.app.has_ended() {
            return self.exited;
        }
        let nothing_to_do = self.app.is_polling()
            && !self.app.is_closing()
            && !self.fetcher.buffer.has_records(&self.positions);
        let is_settled = match &self.modern {
            Some(modern) => modern.is_settled(),
            None => self.group.is_settled(),
        };
        let nothing_under_way = is_settled
            && !self.is_looking_up()
            && !self.commits.is_pending()
            && self.workers.are_idle()
            && self.outbox.is_empty();
        nothing_to_do && nothing_under_way && self.seeks.is_empty()
    }

    /// The member epoch, if this is a member of the consumer protocol that is in its group.
    pub fn epoch(&self) -> Option<i32> {
        let (_, epoch) = self.modern.as_ref()?.in_group()?;
        Some(epoch)
    }

    /// The positions of the owned partitions, `None` where there is none yet.
    pub fn positions(&self) -> impl Iterator<Item = (TopicPartition, Option<Offset>)> + '_ {
        self.positions
            .iter()
            .map(|owned| (owned.tp, owned.position()))
    }

    /// Where `auto.offset.reset` found no record young enough: the timestamp it is asked for next.
    pub fn sought_next(&self, partition: TopicPartition) -> Option<Timestamp> {
        self.positions.sought_next(partition)
    }

    /// The owned partitions.
    pub fn owned(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        self.positions.iter().map(|owned| owned.tp)
    }

    /// Whether auto-commit is on and has something left to commit.
    pub fn committed_is_pending(&self) -> bool {
        if !self.setup.config.auto_commit {
            return false;
        }
        let offsets = self.auto_committed_offsets();
        offsets.iter().any(|(tp, at)| {
            let owned = self.positions.get(*tp);
            owned.is_some_and(|owned| owned.committed != Some(at.offset))
        })
    }

    /// What has become of a request goes to whom it belongs.
    fn take_in(&mut self, ctx: &mut Ctx<'_>, completed: Completed<Tag>) {
        if matches!(completed.tag, Tag::Join(_)) && !self.app.is_in_a_call(ctx.now) {
            self.deferred.push_back(completed);
            return;
        }
        self.dispatch(ctx, completed);
    }

    fn dispatch(&mut self, ctx: &mut Ctx<'_>, completed: Completed<Tag>) {
        let outcome = completed.outcome;
        match completed.tag {
            Tag::Metadata => self.metadata_answered(ctx, &outcome),
            Tag::FindCoordinator => self.coordinator_found(ctx, &outcome),
            Tag::Join(sent) => self.join_answered(ctx, &sent, outcome),
            Tag::Sync(sent) => self.sync_answered(ctx, &sent, outcome),
            Tag::Heartbeat(sent) => self.heartbeat_answered(ctx, &sent, &outcome),
            Tag::ConsumerHeartbeat { epoch } => self.modern_answered(ctx, epoch, outcome),
            Tag::Leave => {}
            Tag::Commit(commit) => self.commit_answered(ctx, commit, outcome),
            Tag::OffsetFetch(round) => self.committed_answered(ctx, round, outcome),
            Tag::ListOffsets(asked) => self.ends_answered(ctx, &asked, outcome),
            Tag::Validation(asked) => self.validated(ctx, &asked, outcome),
            Tag::Fetch(asked) => self.fetched(completed.broker, &asked, outcome),
            Tag::Produce => self.send_answered(ctx, &outcome),
            Tag::Sink(number) => self.sink_answered(ctx, number, outcome, completed.left),
        }
    }

    /// The application is in a call: what waited for that is taken in.
    fn take_deferred(&mut self, ctx: &mut Ctx<'_>) {
        while self.app.is_in_a_call(ctx.now)
            && let Some(completed) = self.deferred.pop_front()
        {
            self.dispatch(ctx, completed);
        }
    }

    fn metadata_answered(&mut self, ctx: &mut Ctx<'_>, outcome: &Outcome) {
        let Outcome::Response(Response::Metadata(topics)) = outcome else {
            self.metadata.failed();
            return;
        };
        if self.metadata.update(ctx.now, topics) {
            let cause = ctx.cause;
            ctx.note(LogFact::MetadataRefreshed);
            ctx.cause = cause;
        }
        self.serve_outbox(ctx);
    }

    /// Whether no metadata update is due or under way.
    fn metadata_is_fresh(&self, now: Instant) -> bool {
        self.metadata.update_due().is_some_and(|due| now < due)
    }

    /// At the end of every handler: metadata, then the timers; standing at a point comes last.
    fn finish(&mut self, ctx: &mut Ctx<'_>) {
        if self.exited {
            return;
        }
        if !self.app.is_standing() && !self.workers.are_standing() {
            // Only then: what the application sends at this instant goes first, point or no point.
            self.serve_background(ctx);
        }
        let stands = |effect: &Effect| matches!(effect, Effect::Reached(_));
        if let Some(place) = ctx.effects.iter().position(stands) {
            let reached = ctx.effects.remove(place);
            ctx.effects.push(reached);
        }
    }

    fn serve_background(&mut self, ctx: &mut Ctx<'_>) {
        if self.metadata.update_due().is_some_and(|due| due <= ctx.now) {
            self.refresh_metadata(ctx);
        }
        for slot in Slot::ALL {
            let due = self.due(slot, ctx.now);
            let armed = &mut self.timers[slot as usize];
            if *armed == due {
                continue;
            }
            *armed = due;
            let key = TimerKey::timer(slot as u16);
            match due {
                Some(at) => ctx.set_timer(key, at),
                None => ctx.cancel_timer(key),
            }
        }
    }

    fn refresh_metadata(&mut self, ctx: &mut Ctx<'_>) {
        let bootstrap = self.setup.bootstrap.clone();
        let Some(broker) = self.wire.any_broker(ctx.now, &bootstrap) else {
            // Every link waits for its backoff; counts as a try.
            self.metadata.started(ctx.now);
            self.metadata.failed();
            return;
        };
        self.metadata.started(ctx.now);
        let request = Request::Metadata {
            topics: self.metadata.wanted().to_vec(),
            allow_auto_create: self.setup.config.allow_auto_create,
        };
        let to = (broker, Lane::Main);
        self.wire.send(ctx, to, request, None, Tag::Metadata);
    }

    fn due(&self, slot: Slot, now: Instant) -> Option<Instant> {
        match slot {
            Slot::Network => {
                let outbox = self.outbox_due().filter(|at| now < *at);
                let metadata = self.metadata.update_due();
                let requests = self.wire.next_deadline();
                requests.into_iter().chain(metadata).chain(outbox).min()
            }
            Slot::Heart if self.modern.is_some() => self.modern_due(now),
            Slot::Heart => self.heart_due(),
            Slot::Call if self.app.is_stalled(now) => None,
            Slot::Call => match &self.app.activity {
                Activity::Poll(_) => self.poll_due(now),
                Activity::Commit(commit) => Some(commit.due(now)),
                Activity::Store(storing) => storing.due(),
                Activity::Close(closing) => Some(closing.due(now)),
                _ => None,
            },
            Slot::Background => self.background_commit_due(),
        }
    }
}
