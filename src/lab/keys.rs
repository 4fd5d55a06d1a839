//! The keys of a run's records. Facts do not carry them: they are drawn again when asked for.

use std::sync::{Arc, OnceLock};

use crate::base::RecordId;
use crate::kafka::cast::RecordRange;
use crate::node::producer::{Draws, ProducerSetup};
use crate::sim::setup::Setup;

/// Every record's key.
#[derive(Debug)]
pub struct KeyBook {
    producers: Vec<Page>,
}

#[derive(Debug)]
struct Page {
    range: RecordRange,
    setup: Arc<ProducerSetup>,
    /// Filled when the first key of this producer is asked for.
    keys: OnceLock<Vec<Option<Arc<str>>>>,
}

impl KeyBook {
    /// The keys of the records of a world.
    pub fn new(setup: &Setup) -> Self {
        let page = |range: &RecordRange| {
            let mut producers = setup.producers.iter().map(|(producer, _)| producer);
            let producer = producers.find(|producer| producer.node == range.producer);
            let producer = producer.expect("every range of records has its producer");
            Page {
                range: *range,
                setup: Arc::new(producer.clone()),
                keys: OnceLock::new(),
            }
        };
        Self {
            producers: setup.cast.records.iter().map(page).collect(),
        }
    }

    /// The key of a record.
    pub fn of(&self, record: RecordId) -> Option<Arc<str>> {
        let at = self
            .producers
            .partition_point(|page| page.range.first <= record);
        let page = &self.producers[at.checked_sub(1)?];
        let keys = page.keys.get_or_init(|| {
            let mut draws = Draws::new(&page.setup, 0);
            (0..page.range.count)
                .map(|number| draws.key_of(number))
                .collect()
        });
        keys.get((record.0 - page.range.first.0) as usize)?.clone()
    }
}
