//! What a set type requires of an address, and how addresses are written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Addresses, Bits, Ipv4Range, network, width};
use crate::Family;
use crate::ipset::message::attr::{address, data};
use crate::ipset::message::encode::{Encoder, Purpose, Refusal};
use crate::wire::{NESTED, NET_BYTE_ORDER};

/// One of the two addresses that an entry can have. The kernel has three attributes for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    First,
    Second,
}

impl Slot {
    const fn from(self) -> u16 {
        match self {
            Self::First => data::IP,
            Self::Second => data::IP2,
        }
    }

    const fn to(self) -> u16 {
        match self {
            Self::First => data::IP_TO,
            Self::Second => data::IP2_TO,
        }
    }

    const fn cidr(self) -> u16 {
        match self {
            Self::First => data::CIDR,
            Self::Second => data::CIDR2,
        }
    }
}

/// What a set type accepts as an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ip {
    pub(crate) slot: Slot,
    pub(crate) span: Span,
    /// Whether the kernel refuses the zero address (`IPSET_ERR_HASH_ELEM`).
    pub(crate) not_zero: bool,
    /// Whether the kernel walks ranges with a loop that never ends on Linux 6.18 if the last
    /// address is 255.255.255.255.
    pub(crate) wraps: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// A single address.
    One,
    /// A single address, or an IPv4 range or network that stands for each address in it.
    Each,
    /// A network, which is stored as one entry. With `everything` its prefix length may be 0.
    Network { everything: bool },
}

impl Ip {
    pub(crate) const fn new(slot: Slot, span: Span) -> Self {
        Self {
            slot,
            span,
            not_zero: false,
            wraps: false,
        }
    }

    pub(crate) const fn not_zero(mut self) -> Self {
        self.not_zero = true;
        self
    }

    pub(crate) const fn wraps(mut self) -> Self {
        self.wraps = true;
        self
    }
}

/// Returns a nest with one IPv4 address, whose layout is fixed, in one piece.
#[inline]
pub(crate) fn ipv4_nest(kind: u16, address: Ipv4Addr) -> [u8; 12] {
    const OUTER: [u8; 2] = 12u16.to_ne_bytes();
    const INNER: [u8; 2] = 8u16.to_ne_bytes();
    const IPV4: [u8; 2] = (address::IPV4 | NET_BYTE_ORDER).to_ne_bytes();
    let [k0, k1] = (kind | NESTED).to_ne_bytes();
    let [a, b, c, d] = address.octets();
    [
        OUTER[0], OUTER[1], k0, k1, INNER[0], INNER[1], IPV4[0], IPV4[1], a, b, c, d,
    ]
}

/// Returns a nest with one IPv6 address, like [`ipv4_nest`].
#[inline]
pub(crate) fn ipv6_nest(kind: u16, address: Ipv6Addr) -> [u8; 24] {
    const OUTER: [u8; 2] = 24u16.to_ne_bytes();
    const INNER: [u8; 2] = 20u16.to_ne_bytes();
    const IPV6: [u8; 2] = (address::IPV6 | NET_BYTE_ORDER).to_ne_bytes();
    let mut nest = [0; 24];
    nest[..2].copy_from_slice(&OUTER);
    nest[2..4].copy_from_slice(&(kind | NESTED).to_ne_bytes());
    nest[4..6].copy_from_slice(&INNER);
    nest[6..8].copy_from_slice(&IPV6);
    nest[8..].copy_from_slice(&address.octets());
    nest
}

impl Encoder<'_> {
    /// Writes an address, or refuses it if it is not of the set's family.
    #[inline(always)]
    pub(crate) fn address(&mut self, kind: u16, address: IpAddr) -> Result<(), Refusal> {
        match (address, self.family) {
            (IpAddr::V4(address), Family::Ipv4) => self.writer.raw(&ipv4_nest(kind, address)),
            (IpAddr::V6(address), Family::Ipv6) => self.writer.raw(&ipv6_nest(kind, address)),
            (address, family) => return Err(Refusal::other_family(address.into(), family)),
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn addresses(&mut self, rule: &Ip, addresses: &Addresses) -> Result<(), Refusal> {
        match addresses {
            Addresses::One(address) => {
                self.address(rule.slot.from(), *address)?;
                self.see(rule, *address, *address)
            }
            Addresses::Range(range) => {
                if let Some(refusal) = rule.refuses_range(*range, self.purpose) {
                    return Err(refusal);
                }
                if rule.slot == Slot::Second {
                    // The kernel walks the first range for the second one too.
                    self.endless()?;
                }
                self.address(rule.slot.from(), range.first.into())?;
                self.address(rule.slot.to(), range.last.into())?;
                self.see(rule, range.first.into(), range.last.into())
            }
            Addresses::Network(network) => {
                let (_, prefix) = network::parts(network);
                let (first, last) = network::bounds(network);
                if !rule.takes_network(first, prefix, self.purpose) {
                    return Err(rule.refuses_network(first.into(), prefix));
                }
                self.address(rule.slot.from(), first)?;
                if prefix != width(first) {
                    self.writer.u8(rule.slot.cidr(), prefix);
                }
                self.see(rule, first, last)
            }
        }
    }

    /// Checks the first and the last address against the rule.
    #[inline(always)]
    fn see(&mut self, rule: &Ip, first: IpAddr, last: IpAddr) -> Result<(), Refusal> {
        if rule.not_zero && first.is_unspecified() {
            return Err(Refusal::zero_address(first.into()));
        }
        if rule.slot == Slot::First {
            self.seen.zero_address = first.is_unspecified();
            self.seen.last_of_all = rule.wraps && last == IpAddr::V4(Ipv4Addr::BROADCAST);
            if first != last {
                self.endless()?;
            }
        }
        Ok(())
    }
}

impl Ip {
    #[cold]
    fn refuses_range(&self, range: Ipv4Range, purpose: Purpose) -> Option<Refusal> {
        if self.span == Span::One {
            return Some(Refusal::new(format!("{range} is not a single address")));
        }
        if range.first.to_bits() == 0 && range.last.to_bits() == u32::MAX {
            return Some(Refusal::new(
                "the kernel takes no range of all IPv4 addresses; add 0.0.0.0/1 and 128.0.0.0/1",
            ));
        }
        // `ip_set_range_to_cidr` compares with `after`, which is meant for numbers that wrap
        // around.
        let (first, last) = (range.first.to_bits(), range.last.to_bits());
        let split = matches!(self.span, Span::Network { .. });
        if split && first != 0 && last - first >= 1 << 31 {
            return Some(Refusal::new(format!(
                "{range} is more than half of all addresses: the kernel would store them one by \
                 one; split the range at 128.0.0.0"
            )));
        }
        let testing = purpose == Purpose::Test;
        testing.then(|| Refusal::new(format!("{range} is a range; test what is in it one by one")))
    }

    #[inline(always)]
    fn takes_network(&self, address: IpAddr, prefix: u8, purpose: Purpose) -> bool {
        match self.span {
            Span::One => false,
            Span::Each => {
                prefix == width(address)
                    || prefix != 0 && address.is_ipv4() && purpose != Purpose::Test
            }
            Span::Network { everything } => everything || prefix != 0,
        }
    }

    /// Returns why [`Ip::takes_network`] returned false.
    #[cold]
    fn refuses_network(&self, address: Bits, prefix: u8) -> Refusal {
        let address = IpAddr::from(address);
        let network = format!("{address}/{prefix}");
        Refusal::new(match self.span {
            Span::One => format!("{network} is not a single address"),
            _ if prefix == 0 => {
                format!("{network}: this type of set takes no network of prefix length 0")
            }
            Span::Each if address.is_ipv6() => {
                format!("{network}: this type of set takes only single IPv6 addresses")
            }
            _ => format!("{network} is more than one address; test them one by one"),
        })
    }
}
