//! Kafka's hashes: where a record with a key goes, and where a group's coordinator is.
//!
//! Two rules that look alike and are not: keys take `(murmur2 & 0x7fffffff) % n`, a mask; group
//! names take `abs(String.hashCode) % n`, an absolute value. Hashes that name random streams or
//! fingerprint a run are in `base::hash`.

/// Kafka's murmur2 (`org.apache.kafka.common.utils.Utils.murmur2`), as Java's signed number.
pub fn murmur2(bytes: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let word = u32::from_le_bytes(word.try_into().expect("a chunk has four bytes"));
        let mixed = word.wrapping_mul(MULTIPLIER);
        let mixed = (mixed ^ (mixed >> 24)).wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, &byte) in rest.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)) as i32
}

/// The partition, of `partitions`, of a record with this key in the Java client
/// (`BuiltInPartitioner.partitionForKey`).
pub fn partition_for_key(key: &[u8], partitions: u32) -> u32 {
    assert!(0 < partitions, "a topic has at least one partition");
    (murmur2(key) as u32 & 0x7fff_ffff) % partitions
}

/// Java's `String.hashCode`: base 31 over UTF-16 code units, wrapping.
pub fn string_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

/// Java's `TopicPartition.hashCode`, by which Kafka's maps put partitions in order. `name_hash` is the
/// [`string_hash`] of the topic's name.
pub fn topic_partition_hash(name_hash: i32, partition: u32) -> i32 {
    (31 + partition as i32)
        .wrapping_mul(31)
        .wrapping_add(name_hash)
}

/// The partition of `__consumer_offsets` that keeps a group, and so the place of its coordinator
/// (`GroupCoordinatorService.partitionFor`). `abs` of the smallest number is 0 (`Utils.abs`).
pub fn partition_for_group(group: &str, partitions: u32) -> u32 {
    assert!(
        0 < partitions,
        "the offsets topic has at least one partition"
    );
    let hash = string_hash(group);
    let absolute = if hash == i32::MIN {
        0
    } else {
        hash.unsigned_abs()
    };
    absolute % partitions
}

/// CRC-32 (IEEE 802.3, reflected), by which librdkafka's default partitioner hashes keys.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        CRC_TABLE[usize::from((crc as u8) ^ byte)] ^ (crc >> 8)
    })
}

/// The partition of a record with this key under librdkafka's `consistent_random`, its default:
/// `None` for an empty key, which like a missing one goes to a random partition.
pub fn partition_for_key_librdkafka(key: &[u8], partitions: u32) -> Option<u32> {
    assert!(0 < partitions, "a topic has at least one partition");
    (!key.is_empty()).then(|| crc32(key) % partitions)
}

/// The remainder of each byte under the reflected polynomial.
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 1;
            remainder >>= 1;
            if carry == 1 {
                remainder ^= 0xedb8_8320;
            }
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_the_minimum_has_the_coordinator_at_partition_0() {
        assert_eq!(string_hash("polygenelubricants"), i32::MIN);
        assert_eq!(partition_for_group("polygenelubricants", 50), 0);
    }

    #[test]
    fn keys_are_masked_where_groups_take_the_absolute_value() {
        // murmur2("a") is −1563381124: its mask is even, its absolute value a multiple of 4.
        assert_eq!(murmur2(b"a"), -1_563_381_124);
        assert_eq!(partition_for_key(b"a", 10), 4);
        assert_eq!(murmur2(b"a").unsigned_abs() % 5, 4);
        assert_eq!(partition_for_key(b"a", 64), 60);
        assert_eq!(murmur2(b"a").unsigned_abs() % 64, 4);
    }

    #[test]
    fn a_character_beyond_the_basic_plane_counts_as_two_units() {
        assert_eq!(string_hash("😀"), 0xd83d * 31 + 0xde00);
    }

    #[test]
    fn crc32_gives_the_check_value_of_its_definition() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn librdkafka_has_no_fixed_partition_for_an_empty_key() {
        assert_eq!(partition_for_key_librdkafka(b"", 3), None);
        assert_eq!(partition_for_key_librdkafka(b"123456789", 10), Some(2));
    }
}
