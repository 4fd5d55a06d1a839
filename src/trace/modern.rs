//! The wording of the consumer protocol's facts (KIP-848), those of the coordinator.

use super::line::PARTITIONS_ROOM;
use super::name;
use crate::base::TopicPartition;
use crate::kafka::Cast;
use crate::node::fact::GroupFact;

/// Verb and object of such a fact.
pub(super) fn line(cast: &Cast, fact: &GroupFact) -> (&'static str, String) {
    let list = |partitions: &[TopicPartition]| name::partitions(cast, partitions, PARTITIONS_ROOM);
    match fact {
        GroupFact::TargetComputed {
            group,
            epoch,
            reason,
            ..
        } => {
            let group = cast.group(*group);
            ("assigns", format!("{group} epoch {epoch}: {reason}"))
        }
        GroupFact::MemberReconciled {
            member,
            epoch,
            assigned,
            revoking,
            waits,
            ..
        } => {
            let member = cast.actor(*member);
            let (what, list) = match (revoking.is_empty(), waits) {
                (false, _) => ("without", list(revoking)),
                (true, true) => ("for now", list(assigned)),
                (true, false) => ("with", list(assigned)),
            };
            ("tells", format!("{member} epoch {epoch}: {what} {list}"))
        }
        GroupFact::RevocationTimedOut { member, .. } => {
            let member = cast.actor(*member);
            ("expels", format!("{member}: it gave nothing up in time"))
        }
        GroupFact::RejoinTimedOut { member, .. } => {
            let member = cast.actor(*member);
            ("expels", format!("{member}: it did not rejoin in time"))
        }
        GroupFact::ProtocolChanged { group, to, epoch } => {
            let group = cast.group(*group);
            (
                "moves",
                format!("{group} to the {to} protocol, epoch {epoch}"),
            )
        }
        _ => unreachable!("the other facts of groups are worded elsewhere"),
    }
}
