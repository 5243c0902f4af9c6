//! The masks that a set applies to the elements of its entries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ipset::CreateOptions;
use crate::ipset::model::types::{Definition, Takes};

/// The masks of a set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Masks {
    address: Option<IpAddr>,
    mark: u32,
    /// Whether the kernel walks a range in steps from its first address on, as it does for a
    /// bitmap (`bitmap_ip_uadt`), and not from one network to the next.
    steps: bool,
}

impl Masks {
    /// No masks: elements are stored as they are.
    pub(crate) const NONE: Self = Self {
        address: None,
        mark: u32::MAX,
        steps: false,
    };

    pub(crate) fn of(definition: &Definition, options: &CreateOptions) -> Self {
        Self {
            address: options.mask(),
            mark: options.markmask.unwrap_or(u32::MAX),
            steps: definition.options.contains(Takes::ADDRESS_RANGE),
        }
    }

    /// Returns the address that is stored for an address.
    #[inline]
    pub(super) fn apply(&self, address: IpAddr) -> IpAddr {
        match (address, self.address) {
            (IpAddr::V4(address), Some(IpAddr::V4(mask))) => {
                Ipv4Addr::from_bits(address.to_bits() & mask.to_bits()).into()
            }
            (IpAddr::V6(address), Some(IpAddr::V6(mask))) => {
                Ipv6Addr::from_bits(address.to_bits() & mask.to_bits()).into()
            }
            _ => address,
        }
    }

    pub(super) fn apply_to_mark(&self, mark: u32) -> u32 {
        mark & self.mark
    }

    /// Returns the next address of a range for which another address may be stored.
    pub(super) fn next(&self, address: u32) -> Option<u32> {
        let step = 1 << self.zeros();
        match self.steps {
            true => address.checked_add(step),
            false => (address | (step - 1)).checked_add(1),
        }
    }

    /// Returns the number of addresses from the first to the last one that [`next`](Self::next)
    /// visits.
    pub(super) fn count(&self, first: u32, last: u32) -> u64 {
        let steps = match self.steps {
            true => (last - first) >> self.zeros(),
            false => (last >> self.zeros()) - (first >> self.zeros()),
        };
        u64::from(steps) + 1
    }

    /// Returns the number of bits at the end of the mask for addresses that are not set.
    fn zeros(&self) -> u32 {
        match self.address {
            Some(IpAddr::V4(mask)) => mask.to_bits().trailing_zeros().min(31),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(address: Option<&str>, steps: bool) -> Masks {
        Masks {
            address: address.map(|it| it.parse().unwrap()),
            mark: 0xff00,
            steps,
        }
    }

    #[test]
    fn a_mask_applies_to_addresses_of_its_family() {
        let applied = |mask, address: &str| {
            let address = masks(mask, false).apply(address.parse().unwrap());
            address.to_string()
        };
        assert_eq!(applied(Some("255.255.255.0"), "10.1.2.3"), "10.1.2.0");
        assert_eq!(applied(Some("0.0.255.255"), "10.1.2.3"), "0.0.2.3");
        assert_eq!(applied(Some("ffff::"), "2001:db8::1"), "2001::");
        assert_eq!(applied(Some("ffff::"), "10.1.2.3"), "10.1.2.3");
        assert_eq!(applied(None, "10.1.2.3"), "10.1.2.3");
        assert_eq!(masks(None, false).apply_to_mark(0x1234), 0x1200);
    }

    #[test]
    fn ranges_go_on_at_the_next_network_or_after_a_step() {
        let mask = Some("255.255.255.0");
        assert_eq!(masks(mask, false).next(0x0a00_0005), Some(0x0a00_0100));
        assert_eq!(masks(mask, false).next(0x0a00_0100), Some(0x0a00_0200));
        assert_eq!(masks(mask, true).next(0x0a00_0005), Some(0x0a00_0105));
        assert_eq!(masks(mask, false).next(0xffff_ff05), None);
        for steps in [false, true] {
            assert_eq!(masks(None, steps).next(7), Some(8));
            assert_eq!(masks(None, steps).next(u32::MAX), None);
        }
    }
}
