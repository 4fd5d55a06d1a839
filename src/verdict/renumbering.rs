//! The chain behind a batch that an idempotent producer had written twice: the broker that began anew,
//! the retry that it did not know again, and the new epoch in which the batch was written again.

use super::why::{Part, Picked, Trail};
use crate::kafka::ErrorCode;
use crate::node::fact::{Fact, FaultFact, LogFact, ProduceFact, Stated};

impl Trail<'_> {
    /// What made the producer number the record's batch anew between its two writes, if it did.
    pub(super) fn renumbering(&self, (first, second): (usize, usize)) -> Picked {
        let mut picked = Picked::default();
        let producer = self.question.cast.sender(self.question.record).0;
        let raised = |s: &Stated| {
            let raised = matches!(
                s.fact,
                Fact::Produce(ProduceFact::ProducerEpochBumped { .. })
            );
            raised && s.who == producer
        };
        let Some(raised) = self.last_in((first, second), raised) else {
            return picked;
        };
        picked.add(Some(raised), Part::Expiry);
        let refused = |s: &Stated| {
            let out_of_order = ErrorCode::OutOfOrderSequenceNumber;
            matches!(&s.fact, Fact::Log(LogFact::AppendRefused { error, records, .. })
                if *error == out_of_order
                    && records.iter().next().is_some_and(|r| self.question.cast.sender(r).0 == producer))
        };
        let Some(refused) = self.last_in((first, raised), refused) else {
            return picked;
        };
        picked.add(Some(refused), Part::Fault);
        let broker = self.facts[refused].who;
        let began = |s: &Stated| s.who == broker && s.fact == Fact::Fault(FaultFact::Restarted);
        picked.add(self.last_in((first, refused), began), Part::Fault);
        picked
    }
}
