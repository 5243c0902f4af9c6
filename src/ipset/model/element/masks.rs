//! The masks that a set applies to the elements of its entries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ipset::CreateOptions;
use crate::ipset::model::types::{Definition, Takes};

/// The masks of a set.
#[derive(Debug, Clone, Copy)]
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
        let zeros = match self.address {
            Some(IpAddr::V4(mask)) => mask.to_bits().trailing_zeros().min(31),
            _ => 0,
        };
        let step = 1 << zeros;
        match self.steps {
            true => address.checked_add(step),
            false => (address | (step - 1)).checked_add(1),
        }
    }
}
