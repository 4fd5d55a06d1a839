//! Which brokers get the replicas of a new topic (`StripedReplicaPlacer`).
//!
//! One rack and no fenced broker, so each partition gets consecutive brokers of a ring, starting
//! one later than the partition before; after as many partitions as brokers the ring is shuffled.

use crate::base::{NodeId, Stream};

/// The replicas of each partition, the first leader in front.
///
/// `brokers` ascend. `stream` belongs to this one creation: it draws where the ring starts, and
/// every further ring.
pub fn place(
    brokers: &[NodeId],
    partitions: u32,
    replication_factor: u32,
    stream: &mut Stream,
) -> Vec<Vec<NodeId>> {
    assert!(brokers.is_sorted(), "placement starts from a sorted list");
    assert!(0 < replication_factor, "a partition has a replica");
    assert!(
        replication_factor as usize <= brokers.len(),
        "a broker holds at most one replica of a partition"
    );
    let mut ring = brokers.to_vec();
    let mut start = stream.below(ring.len() as u64) as usize;
    (0..partitions as usize)
        .map(|partition| {
            if 0 < partition {
                start = (start + 1) % ring.len();
            }
            if 0 < partition && partition % ring.len() == 0 {
                stream.shuffle(&mut ring);
            }
            (0..replication_factor as usize)
                .map(|index| ring[(start + index) % ring.len()])
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    fn placed(brokers: u32, partitions: u32, replication_factor: u32) -> Vec<Vec<NodeId>> {
        let brokers: Vec<NodeId> = (1..=brokers).map(NodeId).collect();
        let mut stream = Stream::new(Seed(1), "placement", "pricing-tasks");
        place(&brokers, partitions, replication_factor, &mut stream)
    }

    #[test]
    fn every_stretch_of_as_many_partitions_as_brokers_gives_each_one_lead() {
        for stretch in placed(5, 20, 3).chunks(5) {
            let mut leaders: Vec<u32> = stretch.iter().map(|replicas| replicas[0].0).collect();
            leaders.sort_unstable();
            assert_eq!(leaders, [1, 2, 3, 4, 5]);
        }
    }

    #[test]
    fn the_first_ring_is_sorted_and_each_partition_starts_one_later() {
        let placed = placed(4, 4, 2);
        for replicas in &placed {
            assert_eq!(replicas[1].0, replicas[0].0 % 4 + 1);
        }
        for pair in placed.windows(2) {
            assert_eq!(pair[1][0], pair[0][1]);
        }
    }

    #[test]
    fn no_broker_holds_two_replicas_of_a_partition() {
        for mut replicas in placed(3, 50, 3) {
            replicas.sort_unstable();
            assert_eq!(replicas, [NodeId(1), NodeId(2), NodeId(3)]);
        }
    }
}
