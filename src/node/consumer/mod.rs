//! A member of a consumer group: the client library and the application around it.

pub mod program;

pub use program::{CommitOffsets, Handler, ProcessSpec, Program, Step};

use std::sync::Arc;

use crate::base::{GroupId, Seed, TopicId};
use crate::kafka::client::ClientFamily;
use crate::kafka::config::ConsumerConfig;
use crate::node::Bootstrap;

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
