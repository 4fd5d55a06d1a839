//! Which brokers are alive, as the controller counts (`ClusterControlManager`,
//! `BrokerHeartbeatManager`).
//!
//! ```text
//!            registers                 asks to, has heard everything
//! (unknown) ----------> Fenced --------------------------------------> Unfenced
//!                          ^                                             |   | asks to stop
//!                          +---- silent for broker.session.timeout.ms ---+   v
//!                          +---------- leads nothing any more ------- Stopping
//! ```
//!
//! Registrations are in the metadata log; when a broker was heard last is in memory only. In a
//! cluster that no fault concerns nobody sends heartbeats, and all of this stands still.

use std::collections::BTreeMap;

use crate::base::{Instant, NodeId, Span};
use crate::kafka::ErrorCode;
use crate::kafka::message::BrokerState;

#[derive(Clone, Copy, Debug)]
struct Registered {
    epoch: u64,
    is_fenced: bool,
    is_stopping: bool,
    heard: Option<Instant>,
}

/// The registrations of all brokers.
#[derive(Clone, Debug)]
pub(super) struct Registry {
    session_timeout: Span,
    last_epoch: u64,
    brokers: BTreeMap<NodeId, Registered>,
}

impl Registry {
    /// A formed cluster: everybody is registered, with epoch 1, and unfenced.
    pub(super) fn formed(brokers: &[NodeId], session_timeout: Span) -> Self {
        let registered = Registered {
            epoch: 1,
            is_fenced: false,
            is_stopping: false,
            heard: None,
        };
        Self {
            session_timeout,
            last_epoch: 1,
            brokers: brokers.iter().map(|node| (*node, registered)).collect(),
        }
    }

    /// A controller becomes active: it counts every broker as heard of just now.
    pub(super) fn start(&mut self, now: Instant) {
        for broker in self.brokers.values_mut() {
            broker.heard = Some(now);
        }
    }

    /// Whether a broker may lead: registered, unfenced, not about to stop.
    pub(super) fn is_active(&self, node: NodeId) -> bool {
        let found = self.brokers.get(&node);
        found.is_some_and(|broker| !broker.is_fenced && !broker.is_stopping)
    }

    /// Whether a broker is fenced.
    pub(super) fn is_fenced(&self, node: NodeId) -> bool {
        self.brokers
            .get(&node)
            .is_none_or(|broker| broker.is_fenced)
    }

    /// The epoch of the process that registered last.
    pub(super) fn epoch(&self, node: NodeId) -> u64 {
        self.brokers.get(&node).map_or(0, |broker| broker.epoch)
    }

    /// Whether a broker is about to stop.
    pub(super) fn is_stopping(&self, node: NodeId) -> bool {
        let found = self.brokers.get(&node);
        found.is_some_and(|broker| broker.is_stopping)
    }

    /// All brokers as others hear of them.
    pub(super) fn states(&self) -> Vec<BrokerState> {
        let state = |(broker, of): (&NodeId, &Registered)| BrokerState {
            broker: *broker,
            epoch: of.epoch,
            is_fenced: of.is_fenced,
            is_stopping: of.is_stopping,
        };
        self.brokers.iter().map(state).collect()
    }

    /// A new process registers. It is refused while the one before it counts as alive.
    pub(super) fn register(&mut self, node: NodeId, now: Instant) -> Result<u64, ErrorCode> {
        let broker = self.brokers.get_mut(&node);
        let broker = broker.expect("every broker of the cluster is known");
        let is_alive = broker
            .heard
            .is_some_and(|heard| now < heard + self.session_timeout);
        if !broker.is_fenced && is_alive && !broker.is_stopping {
            return Err(ErrorCode::DuplicateBrokerRegistration);
        }
        self.last_epoch += 1;
        *broker = Registered {
            epoch: self.last_epoch,
            is_fenced: true,
            is_stopping: false,
            heard: Some(now),
        };
        Ok(self.last_epoch)
    }

    /// A heartbeat. Whether it is of the registered process.
    pub(super) fn heard(&mut self, node: NodeId, epoch: u64, now: Instant) -> bool {
        let broker = self.brokers.get_mut(&node);
        let broker = broker.filter(|broker| broker.epoch == epoch);
        broker.map(|broker| broker.heard = Some(now)).is_some()
    }

    /// Changes whether a broker is fenced; a fenced one is about nothing.
    pub(super) fn fence(&mut self, node: NodeId, is_fenced: bool) {
        let broker = self.brokers.get_mut(&node);
        let broker = broker.expect("every broker of the cluster is known");
        broker.is_fenced = is_fenced;
        broker.is_stopping = false;
    }

    /// A broker is about to stop.
    pub(super) fn stop(&mut self, node: NodeId) {
        let broker = self.brokers.get_mut(&node);
        let broker = broker.expect("every broker of the cluster is known");
        broker.is_stopping = true;
    }

    /// The unfenced broker whose session ends first, and when.
    pub(super) fn next_expiry(&self) -> Option<(Instant, NodeId)> {
        let sessions = self.brokers.iter().filter(|(_, of)| !of.is_fenced);
        let ends =
            sessions.filter_map(|(node, of)| Some((of.heard? + self.session_timeout, *node)));
        ends.min()
    }
}
