//! A member of a consumer group: the client library and the application around it.

pub mod program;

pub use program::{CommitOffsets, Handler, ProcessSpec, Program, Step};

use std::sync::Arc;

use crate::base::{ConnId, GroupId, Instant, Offset, RecordId, Seed, TopicId, TopicPartition};
use crate::kafka::client::ClientFamily;
use crate::kafka::config::ConsumerConfig;
use crate::kafka::message::Response;
use crate::node::fact::GroupFact;
use crate::node::{Bootstrap, Ctx, TimerKey};

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
}

/// One member of a group.
#[derive(Clone, Debug)]
pub struct Member {
    setup: Arc<MemberSetup>,
}

impl Member {
    /// A process that has not started.
    pub fn new(setup: MemberSetup) -> Self {
        Self {
            setup: Arc::new(setup),
        }
    }

    /// The process starts.
    pub fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        ctx.note(GroupFact::Joining {
            group: self.setup.group,
        });
    }

    /// A connection is up.
    pub fn on_connected(&mut self, _ctx: &mut Ctx<'_>, _conn: ConnId) {}

    /// A connection is lost or could not be made.
    pub fn on_disconnected(&mut self, _ctx: &mut Ctx<'_>, _conn: ConnId) {}

    /// An answer arrived.
    pub fn on_response(
        &mut self,
        _ctx: &mut Ctx<'_>,
        _conn: ConnId,
        _correlation: u32,
        _response: Response,
    ) {
    }

    /// A timer fired.
    pub fn on_timer(&mut self, _ctx: &mut Ctx<'_>, _key: TimerKey) {}

    /// The point it stood at is done with.
    pub fn go_on(&mut self, _ctx: &mut Ctx<'_>) {}

    /// A fault is about to strike: states what lies strictly before now.
    pub fn settle(&mut self, _ctx: &mut Ctx<'_>) {}

    /// The application thread stands still until then.
    pub fn stall(&mut self, _ctx: &mut Ctx<'_>, _until: Instant) {}

    /// A graceful end.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        ctx.exit();
    }

    /// The application seeks before its next poll.
    pub fn seek(&mut self, _ctx: &mut Ctx<'_>, _to: SeekRequest) {}

    /// The process dies: memory is gone.
    pub fn crash(&mut self) {}

    /// A processing of this record failed in another member: `fails: N` counts over all.
    pub fn failed_elsewhere(
        &mut self,
        _partition: TopicPartition,
        _offset: Offset,
        _record: RecordId,
    ) {
    }

    /// Nothing left to do: for the drain.
    pub fn quiet(&self) -> bool {
        false
    }

    /// The positions of the owned partitions.
    pub fn positions(&self) -> impl Iterator<Item = (TopicPartition, Option<Offset>)> + '_ {
        std::iter::empty()
    }

    /// The owned partitions.
    pub fn owned(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        std::iter::empty()
    }

    /// Whether auto-commit has something left to commit.
    pub fn committed_is_pending(&self) -> bool {
        false
    }
}
