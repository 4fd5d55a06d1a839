//! How many bytes records and batches take in record format v2 (KIP-98), and how far a sequence
//! number reaches.
//!
//! Lengths only: nothing is encoded. All of it is integer arithmetic without allocation, because
//! the producer asks for every record. Compression is not modelled.

/// The header of a batch (`DefaultRecordBatch.RECORD_BATCH_OVERHEAD`).
pub const BATCH_HEADER: u32 = 61;

/// The most that length, attributes and deltas of one record can take
/// (`DefaultRecord.MAX_RECORD_OVERHEAD`).
pub const RECORD_OVERHEAD_MAX: u32 = 21;

/// A header of a record as lengths: its name, and its value if it has one.
pub type HeaderLengths = (u32, Option<u32>);

/// Bytes of one record in a batch.
///
/// `offset_delta` counts from the first record of the batch, `timestamp_delta_ms` from its
/// timestamp (negative for an earlier one). Lengths are in bytes; `None` is null.
pub fn record_size(
    offset_delta: u32,
    timestamp_delta_ms: i64,
    key: Option<u32>,
    value: Option<u32>,
) -> u32 {
    framed(offset_delta, timestamp_delta_ms, fields(key, value, &[]))
}

/// As [`record_size`], for a record with headers.
pub fn record_size_with_headers(
    offset_delta: u32,
    timestamp_delta_ms: i64,
    key: Option<u32>,
    value: Option<u32>,
    headers: &[HeaderLengths],
) -> u32 {
    let fields = fields(key, value, headers);
    framed(offset_delta, timestamp_delta_ms, fields)
}

/// What the producer reserves for a batch of this one record, before it knows any delta
/// (`AbstractRecords.estimateSizeInBytesUpperBound`).
pub fn upper_estimate(key: Option<u32>, value: Option<u32>) -> u32 {
    upper_estimate_with_headers(key, value, &[])
}

/// As [`upper_estimate`], for a record with headers.
pub fn upper_estimate_with_headers(
    key: Option<u32>,
    value: Option<u32>,
    headers: &[HeaderLengths],
) -> u32 {
    BATCH_HEADER + RECORD_OVERHEAD_MAX + fields(key, value, headers)
}

/// The size at which a new batch is full: `batch.size` (0 counts as 1), or what its first record
/// needs if that is more (`RecordAccumulator.append`).
pub const fn batch_limit(batch_size: u32, first_upper_estimate: u32) -> u32 {
    let batch_size = if batch_size == 0 { 1 } else { batch_size };
    if batch_size < first_upper_estimate {
        first_upper_estimate
    } else {
        batch_size
    }
}

/// Whether a further record of `record_bytes` goes into a batch that has `batch_bytes` so far
/// (`MemoryRecordsBuilder.hasRoomFor`). The first record of a batch always fits: do not ask.
pub const fn has_room(batch_bytes: u32, limit: u32, record_bytes: u32) -> bool {
    batch_bytes < limit && batch_bytes + record_bytes <= limit
}

/// The sequence number `increment` records later; after 2^31 − 1 comes 0
/// (`DefaultRecordBatch.incrementSequence`).
pub const fn increment_sequence(sequence: i32, increment: u32) -> i32 {
    assert!(0 <= sequence, "a sequence number is not negative");
    ((sequence as u32 + increment % SEQUENCES) % SEQUENCES) as i32
}

/// The sequence number `decrement` records earlier (`DefaultRecordBatch.decrementSequence`).
pub const fn decrement_sequence(sequence: i32, decrement: u32) -> i32 {
    assert!(0 <= sequence, "a sequence number is not negative");
    ((sequence as u32 + (SEQUENCES - decrement % SEQUENCES)) % SEQUENCES) as i32
}

/// How many sequence numbers there are.
const SEQUENCES: u32 = 1 << 31;

/// Bytes of a record whose key, value and headers take `fields` bytes: what is the same for a
/// record wherever it goes can be counted once.
pub fn framed(offset_delta: u32, timestamp_delta_ms: i64, fields: u32) -> u32 {
    let body = 1 + varint(i64::from(offset_delta)) + varint(timestamp_delta_ms) + fields;
    varint(i64::from(body)) + body
}

/// Bytes of key, value and headers with their lengths in front of them.
pub fn fields(key: Option<u32>, value: Option<u32>, headers: &[HeaderLengths]) -> u32 {
    let headers_bytes: u32 = headers
        .iter()
        .map(|&(name, value)| bytes_field(Some(name)) + bytes_field(value))
        .sum();
    bytes_field(key) + bytes_field(value) + varint(headers.len() as i64) + headers_bytes
}

/// A length and as many bytes; null is the length −1.
fn bytes_field(length: Option<u32>) -> u32 {
    length.map_or(1, |length| varint(i64::from(length)) + length)
}

/// Bytes of a zigzag variable-length number: seven bits a byte.
const fn varint(value: i64) -> u32 {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    let bits = 64 - (zigzag | 1).leading_zeros();
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_a_second_byte_from_64_on() {
        assert_eq!([varint(-1), varint(0), varint(63), varint(-64)], [1; 4]);
        assert_eq!([varint(64), varint(-65), varint(8191)], [2; 3]);
        assert_eq!(varint(8192), 3);
        assert_eq!([varint(i64::MAX), varint(i64::MIN)], [10; 2]);
    }

    #[test]
    fn the_smallest_batch_has_68_bytes() {
        assert_eq!(BATCH_HEADER + record_size(0, 0, None, None), 68);
    }

    #[test]
    fn a_batch_size_of_0_leaves_room_in_the_slack_of_the_first_record() {
        let upper = upper_estimate(None, Some(1));
        let first = record_size(0, 0, None, Some(1));
        let limit = batch_limit(0, upper);
        assert_eq!(limit, upper);
        assert!(has_room(
            BATCH_HEADER + first,
            limit,
            record_size(1, 0, None, Some(1))
        ));
        assert!(!has_room(limit, limit, 0), "a full batch takes nothing");
    }

    #[test]
    fn sequence_numbers_go_round_after_the_largest() {
        assert_eq!(increment_sequence(i32::MAX, 1), 0);
        assert_eq!(increment_sequence(i32::MAX - 1, 3), 1);
        assert_eq!(decrement_sequence(0, 1), i32::MAX);
        assert_eq!(decrement_sequence(7, 7), 0);
    }
}
