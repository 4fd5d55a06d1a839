//! Where to begin: committed offsets (`OffsetFetch`), `auto.offset.reset` (`ListOffsets`), `seek`.
//!
//! | | waits inside `poll` | on failure |
//! |---|---|---|
//! | committed offsets | yes, up to the poll's timeout | again after the backoff |
//! | reset, `seekToBeginning`, `seekToEnd` | no | again after `retry.backoff.ms` |
//!
//! Committed offsets with a leader epoch are then validated ([`super::validation`]).

use super::fetcher::reset_place;
use super::poll::Turn;
use super::positions::{Owned, Place, PositionState};
use super::{Member, SeekRequest, Tag};
use crate::base::{Instant, NodeId, Offset, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::group::{OffsetAndEpoch, OffsetFetchRequest};
use crate::kafka::message::{Request, Response};
use crate::node::client::Outcome;
use crate::node::fact::{GroupFact, PositionSource};
use crate::node::{Ctx, FactId, Lane};

/// A committed offset as the coordinator tells it.
type Committed = (TopicPartition, Option<(OffsetAndEpoch, u64)>);

/// The search for committed offsets.
#[derive(Clone, Debug, Default)]
pub(super) enum Lookup {
    #[default]
    Idle,
    /// Asked for; the number tells a stale answer from the one awaited.
    InFlight,
    /// Failed; may be asked again from then on.
    Until(Instant),
    /// Answered; taken over at the next pass of `poll`.
    Found(Vec<Committed>),
}

impl Member {
    /// The assignment changed: what is being looked up is no longer what is missing.
    pub(super) fn lookup_is_stale(&mut self) {
        self.lookup = Lookup::Idle;
        self.lookup_round += 1;
    }

    /// Whether committed offsets or resets are being looked up.
    pub(super) fn is_looking_up(&self) -> bool {
        !self.positions.all_settled()
    }

    /// When committed offsets may be asked for again.
    pub(super) fn lookup_retry_at(&self) -> Option<Instant> {
        match self.lookup {
            Lookup::Until(at) => Some(at),
            Lookup::Idle | Lookup::InFlight | Lookup::Found(_) => None,
        }
    }

    /// Finds positions for partitions without one (`updateFetchPositions`).
    pub(super) fn update_positions(&mut self, ctx: &mut Ctx<'_>) -> Turn {
        self.validate_again();
        if std::mem::take(&mut self.is_truncated) {
            return Turn::Threw("LogTruncationException");
        }
        self.send_validations(ctx);
        if self.positions.all_valid() {
            return Turn::Ready;
        }
        let initializing: Vec<TopicPartition> = self
            .positions
            .iter()
            .filter(|owned| owned.state == PositionState::Initializing)
            .map(|owned| owned.tp)
            .collect();
        if !initializing.is_empty() {
            match std::mem::take(&mut self.lookup) {
                Lookup::Found(offsets) => {
                    if let Some(exception) = self.take_over(ctx, &offsets) {
                        return Turn::Threw(exception);
                    }
                }
                Lookup::InFlight => {
                    self.lookup = Lookup::InFlight;
                    return Turn::Blocked;
                }
                Lookup::Until(at) if ctx.now < at => {
                    self.lookup = Lookup::Until(at);
                    return Turn::Blocked;
                }
                Lookup::Idle | Lookup::Until(_) => {
                    self.fetch_committed(ctx, initializing);
                    return Turn::Blocked;
                }
            }
        }
        self.send_resets(ctx);
        Turn::Ready
    }

    fn fetch_committed(&mut self, ctx: &mut Ctx<'_>, partitions: Vec<TopicPartition>) {
        if !self.coordinator_ready(ctx) {
            return;
        }
        let coordinator = self.group.coordinator.expect("the coordinator is ready");
        self.lookup = Lookup::InFlight;
        let request = Request::OffsetFetch(OffsetFetchRequest {
            member: self.modern.as_ref().and_then(|modern| modern.in_group()),
            group: self.setup.group_name.clone(),
            partitions,
        });
        let to = (coordinator, Lane::Coordinator);
        let tag = Tag::OffsetFetch(self.lookup_round);
        self.wire.send(ctx, to, request, None, tag);
    }

    /// The answer to `OffsetFetch`.
    pub(super) fn committed_answered(&mut self, ctx: &mut Ctx<'_>, round: u32, outcome: Outcome) {
        if round != self.lookup_round {
            return;
        }
        let error = match outcome {
            Outcome::Response(Response::OffsetFetch(response)) => {
                if response.error == ErrorCode::None {
                    self.lookup = Lookup::Found(response.offsets);
                    return;
                }
                Some(response.error)
            }
            _ => None,
        };
        let lost = matches!(
            error,
            None | Some(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable)
        );
        if lost {
            self.group.forget_coordinator();
        }
        let wait = self.retry_backoff.after(0);
        self.lookup = Lookup::Until(ctx.now + wait);
    }

    /// Committed offsets become positions; partitions without go the way of `auto.offset.reset`
    /// (`refreshCommittedOffsets`, `resetInitializingPositions`).
    fn take_over(&mut self, ctx: &mut Ctx<'_>, offsets: &[Committed]) -> Option<&'static str> {
        let reset = reset_place(self.setup.config.offset_reset);
        let mut missing = false;
        for (tp, committed) in offsets {
            let wanted = |state| state == PositionState::Initializing;
            if !self.positions.get(*tp).is_some_and(|o| wanted(o.state)) {
                continue;
            }
            if let Some((at, because)) = committed {
                let since = FactId(*because);
                self.set_position(ctx, *tp, *at, (PositionSource::Committed, since));
                self.positions.confirm(&[(*tp, *at)]);
            } else if let Some(to) = reset {
                let owned = self.positions.get_mut(*tp).expect("looked at just before");
                owned.becomes(PositionState::AwaitingReset { to, seek: false });
            } else {
                missing = true;
            }
        }
        missing.then_some("NoOffsetForPartitionException")
    }

    pub(super) fn set_position(
        &mut self,
        ctx: &mut Ctx<'_>,
        tp: TopicPartition,
        at: OffsetAndEpoch,
        (source, since): (PositionSource, FactId),
    ) {
        let fact = GroupFact::PositionSet {
            group: self.setup.group,
            partition: tp,
            offset: at.offset,
            source,
        };
        let cause = ctx.cause;
        let set = ctx.note_since(fact, since);
        ctx.cause = cause;
        self.positions.set(tp, at, set);
        let leader_epoch = self.metadata.leader_epoch(tp);
        if let Some(owned) = self.positions.get_mut(tp) {
            owned.leader_epoch = leader_epoch;
        }
    }

    /// Asks for the ends of partitions that await a reset (`resetPositionsIfNeeded`).
    fn send_resets(&mut self, ctx: &mut Ctx<'_>) {
        let asked = self.by_leader(ctx.now, |owned| match owned.state {
            PositionState::AwaitingReset { to, .. } => Some((owned.tp, to)),
            _ => None,
        });
        for (broker, partitions) in asked {
            let specs = partitions.iter().map(|(tp, to)| (*tp, to.spec(ctx.now)));
            let request = Request::ListOffsets(specs.collect());
            let tag = Tag::ListOffsets(partitions);
            let to = (broker, Lane::Main);
            self.wire.send(ctx, to, request, None, tag);
        }
    }

    /// What is to be asked about positions, by the leader to be asked. Without one that can be
    /// reached a partition waits; nothing is asked twice before `request.timeout.ms`.
    pub(super) fn by_leader<T>(
        &mut self,
        now: Instant,
        question: impl Fn(&Owned) -> Option<T>,
    ) -> Vec<(NodeId, Vec<T>)> {
        let mut asked: Vec<(NodeId, Vec<T>)> = Vec::new();
        let config = &self.setup.config;
        for owned in self.positions.iter_mut() {
            if now < owned.retry_at {
                continue;
            }
            let Some(question) = question(owned) else {
                continue;
            };
            let leader = self.metadata.leader(owned.tp);
            let reachable =
                leader.filter(|leader| !self.wire.is_unavailable(now, *leader, Lane::Main));
            let Some(leader) = reachable else {
                self.metadata.request_update();
                owned.retry_at = now + config.retry_backoff;
                continue;
            };
            owned.retry_at = now + config.request_timeout;
            match asked.iter_mut().find(|(broker, _)| *broker == leader) {
                Some((_, questions)) => questions.push(question),
                None => asked.push((leader, vec![question])),
            }
        }
        asked
    }

    /// The answer to `ListOffsets`.
    pub(super) fn ends_answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: &[(TopicPartition, Place)],
        outcome: Outcome,
    ) {
        let answers = match outcome {
            Outcome::Response(Response::ListOffsets(answers)) => answers,
            _ => Vec::new(),
        };
        for (tp, place) in asked {
            let found = answers.iter().find(|(answered, ..)| answered == tp);
            let found = found.filter(|(_, error, _)| *error == ErrorCode::None);
            let Some(owned) = self.positions.get_mut(*tp) else {
                continue;
            };
            let PositionState::AwaitingReset { to, seek } = owned.state else {
                continue;
            };
            if to != *place {
                continue;
            }
            match found {
                Some((_, _, Some(offset))) => self.reset_to(ctx, *tp, *offset, seek),
                // No record is so young: `offsetsForTimes` says null, and the application goes to
                // the end, as `kafka-consumer-groups` does.
                Some((_, _, None)) if seek => owned.becomes(PositionState::AwaitingReset {
                    to: Place::Latest,
                    seek,
                }),
                // A reset leaves such a partition out (`handleListOffsetResponse`): it is asked for
                // again when the question is as old as `request.timeout.ms`.
                Some((_, _, None)) => owned.found_nothing = true,
                None => {
                    owned.retry_at = ctx.now + self.setup.config.retry_backoff;
                    self.metadata.request_update();
                }
            }
        }
    }

    fn reset_to(&mut self, ctx: &mut Ctx<'_>, tp: TopicPartition, offset: Offset, seek: bool) {
        if seek {
            let source = (PositionSource::Seek, FactId::NONE);
            self.set_position(ctx, tp, offset.into(), source);
            return;
        }
        let fact = GroupFact::OffsetReset {
            group: self.setup.group,
            partition: tp,
            offset,
        };
        let cause = ctx.cause;
        // What it replaces: a position out of range, or none since the assignment.
        let before = self
            .positions
            .get(tp)
            .map_or(FactId::NONE, |owned| owned.since);
        let since = if before == FactId::NONE {
            self.group.assigned_since
        } else {
            before
        };
        let since = ctx.note_since(fact, since);
        let source = (PositionSource::Reset, since);
        self.set_position(ctx, tp, offset.into(), source);
        ctx.cause = cause;
    }

    /// `seek`, `seekToBeginning` or `seekToEnd` on the application thread. Partitions that are not
    /// owned are left alone.
    pub(super) fn seek_now(&mut self, ctx: &mut Ctx<'_>, to: SeekRequest) {
        let to = match to {
            SeekRequest::Offset(tp, offset) => {
                if self.positions.get(tp).is_some() {
                    let source = (PositionSource::Seek, FactId::NONE);
                    self.set_position(ctx, tp, offset.into(), source);
                }
                return;
            }
            SeekRequest::Stored(tp, offset, since) => {
                if self.positions.get(tp).is_some() {
                    self.set_position(ctx, tp, offset.into(), (PositionSource::Stored, since));
                }
                return;
            }
            SeekRequest::Earliest => Place::Earliest,
            SeekRequest::Latest => Place::Latest,
            SeekRequest::Time(stamp) => Place::At(stamp),
        };
        for owned in self.positions.iter_mut() {
            owned.becomes(PositionState::AwaitingReset { to, seek: true });
        }
    }
}
