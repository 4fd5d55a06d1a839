//! Validation of committed offsets (KIP-320): a committed offset that carries a leader epoch is not
//! fetched from until the partition's leader has said where that epoch ends in its log
//! (`OffsetFetcher.validatePositionsIfNeeded`).
//!
//! So after a restart partitions never read before, whose positions carry no epoch, are fetched
//! first. A position whose last record has an epoch is validated again when metadata shows another
//! leader epoch (`validatePositionsOnMetadataChange`). Where the epoch ends below the position, the
//! log was cut off: the position goes to that end, or `poll` throws where `auto.offset.reset` is
//! `none` (`SubscriptionState.maybeCompleteValidation`).

use super::fetcher::reset_place;
use super::positions::PositionState;
use super::{Member, Tag};
use crate::base::{Offset, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::group::OffsetAndEpoch;
use crate::kafka::message::{AskedEpoch, EpochEnd, Request, Response};
use crate::node::client::Outcome;
use crate::node::fact::{GroupFact, PositionSource};
use crate::node::{Ctx, Lane};

/// A position as it was when its validation was asked for; the answer is about no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unvalidated {
    partition: TopicPartition,
    offset: Offset,
    epoch: u32,
}

impl Member {
    /// Compares positions with metadata that is new: where another leader epoch has begun they await
    /// validation, unless nothing was read yet (`maybeValidatePosition`).
    pub(super) fn validate_again(&mut self) {
        let version = self.metadata.version();
        if std::mem::replace(&mut self.validated_with, version) == version {
            return;
        }
        let metadata = &self.metadata;
        for owned in self.positions.iter_mut() {
            let is_valid = matches!(
                owned.state,
                PositionState::Fetching | PositionState::AwaitingValidation
            );
            let now = metadata.leader_epoch(owned.tp);
            if !is_valid || metadata.leader(owned.tp).is_none() || owned.leader_epoch == now {
                continue;
            }
            owned.leader_epoch = now;
            if owned.epoch.is_some() {
                owned.becomes(PositionState::AwaitingValidation);
            }
        }
    }

    /// Asks each leader about all of its partitions whose positions await validation.
    pub(super) fn send_validations(&mut self, ctx: &mut Ctx<'_>) {
        let asked = self.by_leader(ctx.now, |owned| match owned.state {
            PositionState::AwaitingValidation => Some(Unvalidated {
                partition: owned.tp,
                offset: owned.offset,
                epoch: owned.epoch.expect("a position without an epoch is valid"),
            }),
            _ => None,
        });
        for (broker, positions) in asked {
            let metadata = &self.metadata;
            let question = |position: &Unvalidated| AskedEpoch {
                partition: position.partition,
                current_leader_epoch: metadata.leader_epoch(position.partition).unwrap_or(0),
                leader_epoch: position.epoch,
            };
            let questions = positions.iter().map(question).collect();
            let request = Request::OffsetForLeaderEpoch(questions);
            let tag = Tag::Validation(positions);
            self.wire
                .send(ctx, (broker, Lane::Main), request, None, tag);
        }
    }

    /// The answer to `OffsetForLeaderEpoch`. Errors, all retriable, are asked about again.
    pub(super) fn validated(&mut self, ctx: &mut Ctx<'_>, asked: &[Unvalidated], outcome: Outcome) {
        let ends = match outcome {
            Outcome::Response(Response::OffsetForLeaderEpoch(ends)) => ends,
            _ => Vec::new(),
        };
        for position in asked {
            let end = ends.iter().find(|e| e.partition == position.partition);
            let known = end.filter(|end| end.error == ErrorCode::None);
            let retry_backoff = self.setup.config.retry_backoff;
            let Some(owned) = self.positions.get_mut(position.partition) else {
                continue;
            };
            let is_same = owned.offset == position.offset && owned.epoch == Some(position.epoch);
            if owned.state != PositionState::AwaitingValidation || !is_same {
                continue;
            }
            match known {
                Some(EpochEnd {
                    end: Some((_, end)),
                    ..
                }) if position.offset <= *end => owned.becomes(PositionState::Fetching),
                Some(known) => self.truncated(ctx, *position, known.end),
                None => {
                    owned.retry_at = ctx.now + retry_backoff;
                    self.metadata.request_update();
                }
            }
        }
    }

    /// The log was cut off below a position: it goes to where the epoch ends now, or where the reset
    /// policy says if the leader does not know the epoch; without a policy `poll` throws.
    fn truncated(&mut self, ctx: &mut Ctx<'_>, position: Unvalidated, end: Option<(u32, Offset)>) {
        let tp = position.partition;
        let owned = self.positions.get_mut(tp);
        let owned = owned.expect("what was validated is owned");
        let fact = GroupFact::PositionTruncated {
            group: self.setup.group,
            partition: tp,
            from: position.offset,
            to: end.map(|(_, offset)| offset),
        };
        let cause = ctx.cause;
        let since = ctx.note_since(fact, owned.since);
        match (reset_place(self.setup.config.offset_reset), end) {
            (None, _) => self.is_truncated = true,
            (Some(to), None) => {
                owned.becomes(PositionState::AwaitingReset { to, seek: false });
            }
            (Some(_), Some((epoch, offset))) => {
                let at = OffsetAndEpoch {
                    offset,
                    leader_epoch: Some(epoch),
                };
                self.set_position(ctx, tp, at, (PositionSource::Truncation, since));
                if let Some(owned) = self.positions.get_mut(tp) {
                    owned.becomes(PositionState::Fetching);
                }
            }
        }
        ctx.cause = cause;
    }
}
