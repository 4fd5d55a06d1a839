//! Validation of committed offsets (KIP-320): a committed offset that carries a leader epoch is not
//! fetched from until the partition's leader has said where that epoch ends in its log
//! (`OffsetFetcher.validatePositionsIfNeeded`).
//!
//! So after a restart partitions never read before, whose positions carry no epoch, are fetched
//! first. Not here yet: what an epoch that ends below the position says, that the log was
//! truncated; the fetch that follows finds its offset out of range.

use super::positions::PositionState;
use super::{Member, Tag};
use crate::base::{Offset, TopicPartition};
use crate::kafka::ErrorCode;
use crate::kafka::message::{AskedEpoch, Request, Response};
use crate::node::client::Outcome;
use crate::node::{Ctx, Lane};

/// A position as it was when its validation was asked for; the answer is about no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unvalidated {
    partition: TopicPartition,
    offset: Offset,
    epoch: u32,
}

impl Member {
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
            let known = end.is_some_and(|end| end.error == ErrorCode::None);
            let Some(owned) = self.positions.get_mut(position.partition) else {
                continue;
            };
            let is_same = owned.offset == position.offset && owned.epoch == Some(position.epoch);
            if owned.state != PositionState::AwaitingValidation || !is_same {
                continue;
            }
            if known {
                owned.state = PositionState::Fetching;
            } else {
                owned.retry_at = ctx.now + self.setup.config.retry_backoff;
                self.metadata.request_update();
            }
        }
    }
}
