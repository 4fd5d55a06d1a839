//! Where member ids come from: `<client.id>-<uuid>`, or `<group.instance.id>-<uuid>` for a static
//! member (`ClassicGroup.generateMemberId`).

use std::fmt::Write;
use std::sync::Arc;

use crate::base::rng::Stream;
use crate::kafka::group::MemberId;

/// A source of member ids, none of which is given twice.
#[derive(Clone, Debug)]
pub enum MemberIds {
    /// Random version 4 UUIDs, two draws each.
    Random(Box<Stream>),
    /// `M0001`, `M0002`, ..: ids whose order is the order in which they were made, for stories that
    /// were recorded under such names.
    Numbered {
        /// How many were given out.
        made: u32,
    },
    /// These, for stories that were recorded under ids of another order.
    Listed {
        /// The ids, the last first.
        ids: Vec<MemberId>,
        /// Whom the map of a group of the consumer protocol (`TimelineHashMap`) hands out first, each
        /// time that the group goes from one protocol to the other; the last time first. Its order is
        /// another than that of a Java hash map.
        turns: Vec<Vec<MemberId>>,
    },
}

impl MemberIds {
    /// The next id for a member of this client id or instance id.
    pub(super) fn next(&mut self, prefix: &str) -> MemberId {
        match self {
            Self::Random(stream) => {
                let (high, low) = (stream.next_u64(), stream.next_u64());
                Arc::from(format!("{prefix}-{}", uuid(high, low)))
            }
            Self::Numbered { made } => {
                *made += 1;
                assert!(*made < 10_000, "four digits keep the order of the names");
                Arc::from(format!("M{made:04}"))
            }
            Self::Listed { ids, .. } => ids.pop().expect("as many are listed as are made"),
        }
    }

    /// Puts members of a group of the consumer protocol in the order in which it hands them out: that
    /// of their ids, where nothing else is known.
    pub(super) fn sort<T>(&mut self, members: &mut [T], id: impl Fn(&T) -> &MemberId) {
        if let Self::Listed { turns, .. } = self
            && let Some(first) = turns.pop()
        {
            let place = |member: &T| first.iter().position(|known| known == id(member));
            members.sort_by_key(|member| place(member).unwrap_or(first.len()));
        }
    }
}

/// The text of a random UUID made of 128 bits, six of which say that it is one.
fn uuid(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let digits = format!("{high:016x}{low:016x}");
    let mut text = String::with_capacity(36);
    for (place, digit) in digits.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.write_char(digit)
            .expect("writing to a string cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Seed;

    #[test]
    fn a_member_id_is_the_client_id_and_a_version_4_uuid() {
        let mut ids = MemberIds::Random(Box::new(Stream::new(Seed(1), "member-id", "g")));
        let (first, second) = (ids.next("shop-1"), ids.next("shop-1"));
        assert_ne!(first, second);
        let uuid = first.strip_prefix("shop-1-").unwrap();
        let parts: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }
}
