//! The counters of encoded entries.

use super::attr::data;
use crate::wire::{ATTRIBUTE_HEADER, NET_BYTE_ORDER, align};

/// The value that the kernel takes for a counter that is not given: `ip_set_init_counter` in
/// include/linux/netfilter/ipset/ip_set.h.
pub(in crate::ipset) const NOT_GIVEN: u64 = u64::MAX;

/// A set of counters of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::ipset) struct Counters(u32);

impl Counters {
    pub(in crate::ipset) const BYTES: Self = Self(1 << 30);
    pub(in crate::ipset) const PACKETS: Self = Self(1 << 31);
    pub(in crate::ipset) const BOTH: Self = Self(Self::BYTES.0 | Self::PACKETS.0);

    /// Returns the counters that are stored in a line number.
    pub(in crate::ipset) fn of_line(line: u32) -> Self {
        Self(line & Self::BOTH.0)
    }

    /// Stores these counters in a line number.
    #[inline(always)]
    pub(in crate::ipset) fn in_line(self, line: u32) -> u32 {
        line | self.0
    }

    /// Removes the counters from a line number.
    pub(in crate::ipset) fn strip(line: u32) -> u32 {
        line & !Self::BOTH.0
    }

    /// Returns these counters, or none if the condition is false.
    #[inline(always)]
    pub(in crate::ipset) fn when(self, condition: bool) -> Self {
        if condition { self } else { Self(0) }
    }

    /// Returns these counters and `other`.
    #[inline(always)]
    pub(in crate::ipset) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(in crate::ipset) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(in crate::ipset) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Leaves these counters to the kernel in an entry's attributes.
    pub(in crate::ipset) fn leave(self, entry: &mut [u8]) {
        let mut at = 0;
        while let Some([a, b, c, d]) = entry.get(at..).and_then(<[u8]>::first_chunk) {
            let length = usize::from(u16::from_ne_bytes([*a, *b]));
            let counter = match u16::from_ne_bytes([*c, *d]) & !NET_BYTE_ORDER {
                data::BYTES => self.0 & Self::BYTES.0,
                data::PACKETS => self.0 & Self::PACKETS.0,
                _ => 0,
            };
            let value = entry.get_mut(at + ATTRIBUTE_HEADER..);
            let value = value.and_then(<[u8]>::first_chunk_mut);
            if let (Some(value), true) = (value, counter != 0) {
                *value = NOT_GIVEN.to_be_bytes();
            }
            at += align(length).max(ATTRIBUTE_HEADER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_in_a_line_number_come_out_again() {
        let line = Counters::PACKETS.in_line(7);
        assert_eq!(Counters::strip(line), 7);
        let counters = Counters::of_line(line);
        assert!(counters.contains(Counters::PACKETS) && !counters.contains(Counters::BYTES));
        assert!(!counters.contains(Counters::BOTH) && !counters.is_empty());
        assert!(counters.and(Counters::BYTES).contains(Counters::BOTH));
        assert_eq!(counters.and(counters), counters);
        assert!(counters.when(false).is_empty() && counters.when(true) == counters);
    }
}
