//! Groups of the consumer protocol (KIP-848), as this coordinator keeps them.
//!
//! ```text
//! heartbeat -> member changed? -> group epoch + 1 -> target computed -> this member reconciled
//!                                                                          |
//!    Stable --has to give up--> UnrevokedPartitions --says it did--> Stable or UnreleasedPartitions
//!       ^                                                                           |
//!       +---------------------- others have given theirs up ------------------------+
//! ```
//!
//! Nothing waits for anybody: every heartbeat moves one member, the one that sent it. All of a
//! group is in its records, so a coordinator that takes over knows what the one before knew.
//! A group is Empty, Assigning (its target is behind the group epoch), Reconciling or Stable.
//!
//! Sources: `GroupMetadataManager`, `ConsumerGroup`, `CurrentAssignmentBuilder`,
//! `TargetAssignmentBuilder` of Kafka 4.1.0. Left out: racks, settings of single groups.

pub(super) mod classic;
pub(super) mod fence;
pub(super) mod group;
pub(super) mod heartbeat;
pub(super) mod hosting;
pub(super) mod identity;
pub(super) mod image;
pub(super) mod migration;
pub(super) mod patterns;
pub(super) mod reconcile;
pub(super) mod target;
