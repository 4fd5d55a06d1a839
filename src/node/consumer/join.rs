//! The two requests of joining and what their answers mean: `JoinGroup`, `SyncGroup`, and the
//! assignment in between if this member leads (`AbstractCoordinator`'s response handlers).
//!
//! | answer to `JoinGroup` | then |
//! |---|---|
//! | none | leader: assign and sync; others: sync |
//! | `MEMBER_ID_REQUIRED` | again at once with the given id (KIP-394) |
//! | `UNKNOWN_MEMBER_ID` | forget the id, again at once |
//! | `REBALANCE_IN_PROGRESS` | again at once |
//! | coordinator gone, loading, connection lost | again after `retry.backoff.ms` |
//! | anything else | `poll` throws |

use std::sync::Arc;

use super::membership::{Generation, MemberState};
use super::{Member, Tag};
use crate::base::Span;
use crate::kafka::ErrorCode;
use crate::kafka::assignor::{self, KnownTopic};
use crate::kafka::config::consumer::Assignor;
use crate::kafka::group::{
    Assignment, JoinGroupRequest, JoinGroupResponse, JoinProtocol, MemberId, Subscription,
    SyncGroupRequest,
};
use crate::kafka::message::{Request, Response};
use crate::node::client::Outcome;
use crate::node::{Ctx, Lane};

/// What a `JoinGroup` may take longer than the rebalance (`JOIN_GROUP_TIMEOUT_LAPSE`).
const JOIN_LAPSE: Span = Span::from_secs(5);

/// The version of `JoinGroup` that 4.1 speaks.
const JOIN_VERSION: i16 = 9;

/// The joining under way (`joinFuture`).
#[derive(Clone, Debug)]
pub(super) enum Joining {
    Idle,
    InFlight,
    /// The leader waits for metadata before it assigns.
    Electing(Box<JoinGroupResponse>),
    Joined(Assignment),
    Failed(JoinFailure),
}

/// Why joining failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JoinFailure {
    /// Again at once.
    AtOnce,
    /// Again after `retry.backoff.ms`.
    Later,
    /// `poll` throws.
    Fatal(&'static str),
}

impl Member {
    /// Sends `JoinGroup`.
    pub(super) fn send_join(&mut self, ctx: &mut Ctx<'_>) {
        let coordinator = self
            .group
            .coordinator
            .expect("joining asks a known coordinator");
        self.group.state = MemberState::Preparing;
        self.group.joining = Joining::InFlight;
        let protocols = self.join_protocols();
        let config = &self.setup.config;
        let request = Request::JoinGroup(JoinGroupRequest {
            group: self.setup.group_name.clone(),
            member: self.group.generation.member.clone(),
            instance: config.instance.clone(),
            client_id: self.setup.name.clone(),
            session_timeout: config.session_timeout,
            rebalance_timeout: config.max_poll_interval,
            protocol_type: Arc::from("consumer"),
            protocols,
            version: JOIN_VERSION,
        });
        let timeout = config
            .request_timeout
            .max(config.max_poll_interval.saturating_add(JOIN_LAPSE));
        let tag = Tag::Join(self.group.generation.clone());
        let to = (coordinator, Lane::Coordinator);
        self.wire.send(ctx, to, request, Some(timeout), tag);
    }

    /// What it says of itself, by assignor (`ConsumerCoordinator.metadata`).
    fn join_protocols(&self) -> Vec<JoinProtocol> {
        let plain = Arc::new(Subscription {
            topics: self.setup.topics.iter().map(|(topic, _)| *topic).collect(),
            owned: self.positions.partitions(),
            generation: self.group.generation.id,
            user_data: None,
        });
        let protocol = |assignor: &Assignor| JoinProtocol {
            name: Arc::from(assignor.protocol_name()),
            subscription: match self.group.memory.of(*assignor) {
                None => Arc::clone(&plain),
                user_data => Arc::new(Subscription {
                    user_data,
                    ..Subscription::clone(&plain)
                }),
            },
        };
        self.setup.config.assignors.iter().map(protocol).collect()
    }

    /// The answer to `JoinGroup` (`JoinGroupResponseHandler`).
    pub(super) fn join_answered(&mut self, ctx: &mut Ctx<'_>, sent: &Generation, outcome: Outcome) {
        let Outcome::Response(Response::JoinGroup(response)) = outcome else {
            self.group.forget_coordinator();
            self.group.joining = Joining::Failed(JoinFailure::Later);
            return;
        };
        let failure = match response.error {
            ErrorCode::None if self.group.state != MemberState::Preparing => JoinFailure::Later,
            ErrorCode::None => {
                self.joined(ctx, response);
                return;
            }
            ErrorCode::UnknownMemberId => {
                if self.group.generation == *sent {
                    self.group.reset(true, ctx.cause);
                }
                JoinFailure::AtOnce
            }
            ErrorCode::MemberIdRequired => {
                self.group.generation = Generation {
                    id: -1,
                    member: response.member,
                    protocol: None,
                };
                JoinFailure::AtOnce
            }
            ErrorCode::RebalanceInProgress => JoinFailure::AtOnce,
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.group.forget_coordinator();
                JoinFailure::Later
            }
            error if error.is_retriable() => JoinFailure::Later,
            error => JoinFailure::Fatal(error.exception().unwrap_or("KafkaException")),
        };
        self.group.joining = Joining::Failed(failure);
    }

    fn joined(&mut self, ctx: &mut Ctx<'_>, response: JoinGroupResponse) {
        self.group.state = MemberState::Completing;
        self.heart.enable(ctx.now);
        self.group.generation = Generation {
            id: response.generation,
            member: response.member.clone(),
            protocol: response.protocol.clone(),
        };
        if response.leader != response.member {
            self.send_sync(ctx, Vec::new());
            return;
        }
        for joined in &response.members {
            for topic in &joined.subscription.topics {
                self.metadata.want(*topic);
            }
        }
        if self.metadata_is_fresh(ctx.now) {
            self.lead(ctx, &response);
        } else {
            self.group.joining = Joining::Electing(Box::new(response));
        }
    }

    /// Computes everybody's assignment (`onLeaderElected`).
    pub(super) fn lead(&mut self, ctx: &mut Ctx<'_>, response: &JoinGroupResponse) {
        self.group.is_leader = true;
        self.group.assigned_from = Some(self.metadata_snapshot().collect());
        if response.skip_assignment {
            self.send_sync(ctx, Vec::new());
            return;
        }
        // Of all members, not of the leader alone (`updateGroupSubscription`).
        let topics: Vec<KnownTopic<'_>> = self
            .setup
            .group_topics
            .iter()
            .filter_map(|(id, name)| {
                Some(KnownTopic {
                    id: *id,
                    name,
                    partitions: self.metadata.partition_count(*id)?,
                })
            })
            .collect();
        let chosen = response
            .protocol
            .as_deref()
            .and_then(Assignor::from_protocol_name);
        let chosen = chosen.expect("the coordinator chooses among what every member supports");
        match assignor::assign_members(chosen, &response.members, &topics) {
            Ok(assignments) => self.send_sync(ctx, assignments),
            Err(failure) => {
                self.group.joining = Joining::Failed(JoinFailure::Fatal(failure.exception()));
            }
        }
    }

    fn send_sync(&mut self, ctx: &mut Ctx<'_>, assignments: Vec<(MemberId, Assignment)>) {
        let Some(coordinator) = self.group.coordinator else {
            self.group.joining = Joining::Failed(JoinFailure::Later);
            return;
        };
        self.group.joining = Joining::InFlight;
        let generation = self.group.generation.clone();
        let request = Request::SyncGroup(SyncGroupRequest {
            group: self.setup.group_name.clone(),
            member: generation.member.clone(),
            instance: self.setup.config.instance.clone(),
            generation: generation.id,
            protocol: generation.protocol.clone(),
            assignments,
        });
        let to = (coordinator, Lane::Coordinator);
        self.wire
            .send(ctx, to, request, None, Tag::Sync(generation));
    }

    /// The answer to `SyncGroup` (`SyncGroupResponseHandler`).
    pub(super) fn sync_answered(&mut self, ctx: &mut Ctx<'_>, sent: &Generation, outcome: Outcome) {
        let Outcome::Response(Response::SyncGroup(response)) = outcome else {
            self.group.forget_coordinator();
            self.group.joining = Joining::Failed(JoinFailure::Later);
            return;
        };
        let error = response.error;
        self.group.joining = match error {
            ErrorCode::None if self.group.state == MemberState::Completing => {
                self.group.state = MemberState::Stable;
                self.group.rejoin_needed = false;
                Joining::Joined(response.assignment)
            }
            ErrorCode::None | ErrorCode::RebalanceInProgress => {
                Joining::Failed(JoinFailure::AtOnce)
            }
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => {
                if self.group.generation == *sent {
                    let forget = error == ErrorCode::UnknownMemberId;
                    self.group.reset(forget, ctx.cause);
                }
                Joining::Failed(JoinFailure::AtOnce)
            }
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.group.forget_coordinator();
                Joining::Failed(JoinFailure::Later)
            }
            error => {
                let exception = error.exception().unwrap_or("KafkaException");
                Joining::Failed(JoinFailure::Fatal(exception))
            }
        };
    }
}
