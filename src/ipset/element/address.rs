use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Dimension, Element, Fields};
use crate::ipset::Family;
use crate::ipset::attr::{address, data};
use crate::ipset::encode::{Encoder, Purpose, Refusal, Seen};
use crate::ipset::text::Text;
use crate::wire::{Malformed, NESTED, NET_BYTE_ORDER, Writer};

/// The IPv4 addresses from one to another, both included.
///
/// ```
/// use ipvset::ipset::Ipv4Range;
///
/// let range = Ipv4Range::new([10, 0, 0, 9].into(), [10, 0, 0, 1].into());
/// assert_eq!(range.to_string(), "10.0.0.1-10.0.0.9");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ipv4Range {
    first: Ipv4Addr,
    last: Ipv4Addr,
}

impl Ipv4Range {
    /// The addresses between two, which may be given in either order.
    pub fn new(one: Ipv4Addr, other: Ipv4Addr) -> Self {
        Self {
            first: one.min(other),
            last: one.max(other),
        }
    }

    /// The lowest address.
    pub fn first(&self) -> Ipv4Addr {
        self.first
    }

    /// The highest address.
    pub fn last(&self) -> Ipv4Addr {
        self.last
    }

    /// Whether an address is one of them.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

impl From<Ipv4Net> for Ipv4Range {
    fn from(net: Ipv4Net) -> Self {
        Self::new(net.network(), net.broadcast())
    }
}

impl fmt::Display for Ipv4Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// One address, a range of IPv4 addresses, or a network.
///
/// Types whose first element is an address (`hash:ip`, `hash:ip,port`) store every address of
/// a range or network by itself; those whose element is a network (`hash:net`) store a network
/// as one entry, and split a range into the fewest networks that cover it.
///
/// It is made from any of these with `into`, which brings it into the form that the kernel
/// lists: a network of a single address becomes the address, and host bits are cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Addresses {
    /// One address.
    One(IpAddr),
    /// A range; the kernel knows none of IPv6 addresses.
    Range(Ipv4Range),
    /// A network.
    Network(IpNet),
}

impl Addresses {
    /// The only address, if it is only one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::One(address) => Some(*address),
            _ => None,
        }
    }

    /// As a network, of one address where it is one; `None` for a range.
    pub fn network(&self) -> Option<IpNet> {
        match self {
            Self::One(address) => Some(IpNet::from(*address)),
            Self::Network(network) => Some(*network),
            Self::Range(_) => None,
        }
    }
}

impl From<IpAddr> for Addresses {
    #[inline]
    fn from(address: IpAddr) -> Self {
        Self::One(address)
    }
}

impl From<Ipv4Addr> for Addresses {
    #[inline]
    fn from(address: Ipv4Addr) -> Self {
        Self::One(address.into())
    }
}

impl From<Ipv6Addr> for Addresses {
    #[inline]
    fn from(address: Ipv6Addr) -> Self {
        Self::One(address.into())
    }
}

impl From<Ipv4Range> for Addresses {
    #[inline]
    fn from(range: Ipv4Range) -> Self {
        if range.first == range.last {
            return range.first.into();
        }
        Self::Range(range)
    }
}

impl From<IpNet> for Addresses {
    #[inline]
    fn from(network: IpNet) -> Self {
        if network.prefix_len() == network.max_prefix_len() {
            return network.addr().into();
        }
        Self::Network(network.trunc())
    }
}

impl From<Ipv4Net> for Addresses {
    #[inline]
    fn from(network: Ipv4Net) -> Self {
        IpNet::V4(network).into()
    }
}

impl From<Ipv6Net> for Addresses {
    #[inline]
    fn from(network: Ipv6Net) -> Self {
        IpNet::V6(network).into()
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

/// Which of an entry's two addresses: the kernel has three attributes for each.
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

/// What an address may be in a type of set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ip {
    pub(crate) slot: Slot,
    pub(crate) span: Span,
    /// The kernel refuses the zero address (`IPSET_ERR_HASH_ELEM`).
    pub(crate) not_zero: bool,
    /// The kernel walks ranges with a loop that Linux 6.18 never leaves when the last address
    /// is 255.255.255.255.
    pub(crate) wraps: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// Only one address.
    One,
    /// IPv4 ranges and networks stand for each address in them.
    Each,
    /// A network is stored as such. `everything`: the prefix length may be 0.
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

/// A nest with one address: the layout is known, so it is written in one piece.
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

/// As [`ipv4_nest`].
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
    /// An address of the set's family.
    #[inline(always)]
    fn address(&mut self, kind: u16, address: IpAddr) -> Result<(), Refusal> {
        match (address, self.family) {
            (IpAddr::V4(address), Family::Inet) => self.writer.raw(&ipv4_nest(kind, address)),
            (IpAddr::V6(address), Family::Inet6) => self.writer.raw(&ipv6_nest(kind, address)),
            (address, family) => return Err(Refusal::other_family(address, family)),
        }
        Ok(())
    }

    /// A single address: what nearly every entry has, so it is kept short.
    #[inline(always)]
    fn one(&mut self, rule: &Ip, address: IpAddr) -> Result<(), Refusal> {
        self.address(rule.slot.from(), address)?;
        if rule.not_zero && address.is_unspecified() {
            return Err(Refusal::zero(address));
        }
        if rule.slot == Slot::First {
            self.seen.zero_address = address.is_unspecified();
            self.seen.last_of_all = rule.wraps && address == IpAddr::V4(Ipv4Addr::BROADCAST);
        }
        Ok(())
    }

    /// Several addresses, or a network.
    fn several(&mut self, rule: &Ip, addresses: &Addresses) -> Result<(), Refusal> {
        if rule.span == Span::One {
            return Err(Refusal::new(format!("{addresses} is not a single address")));
        }
        let (first, last) = match addresses {
            Addresses::One(address) => return self.one(rule, *address),
            Addresses::Range(range) => {
                self.range(rule, range)?;
                (range.first.into(), range.last.into())
            }
            Addresses::Network(network) => {
                let network = network.trunc();
                self.network(rule, network)?;
                (network.network(), network.broadcast())
            }
        };
        if rule.not_zero && first.is_unspecified() {
            return Err(Refusal::zero(first));
        }
        if rule.slot == Slot::First {
            self.seen.zero_address = first.is_unspecified();
            self.seen.last_of_all = rule.wraps && last == IpAddr::V4(Ipv4Addr::BROADCAST);
            self.endless()?;
        }
        Ok(())
    }

    fn range(&mut self, rule: &Ip, range: &Ipv4Range) -> Result<(), Refusal> {
        if self.testing() {
            return Err(Refusal::new(format!(
                "{range} is a range; test what is in it one by one"
            )));
        }
        if range.first.to_bits() == 0 && range.last.to_bits() == u32::MAX {
            return Err(Refusal::new(
                "the range of all IPv4 addresses is none that the kernel takes; \
                 0.0.0.0/1 and 128.0.0.0/1 are",
            ));
        }
        // `ip_set_range_to_cidr` compares with `after`, which is for numbers that wrap around.
        let (first, last) = (range.first.to_bits(), range.last.to_bits());
        let split = matches!(rule.span, Span::Network { .. });
        if split && first != 0 && last - first >= 1 << 31 {
            return Err(Refusal::new(format!(
                "{range} is more than half of all addresses: the kernel would store them one by \
                 one; split the range at 128.0.0.0"
            )));
        }
        self.address(rule.slot.from(), range.first.into())?;
        self.address(rule.slot.to(), range.last.into())
    }

    fn network(&mut self, rule: &Ip, network: IpNet) -> Result<(), Refusal> {
        let prefix = network.prefix_len();
        let host = prefix == network.max_prefix_len();
        if prefix == 0 && rule.span != (Span::Network { everything: true }) {
            return Err(Refusal::new(format!(
                "{network}: this type of set takes no network of prefix length 0"
            )));
        }
        if rule.span == Span::Each && !host {
            if self.testing() {
                return Err(Refusal::new(format!(
                    "{network} is more than one address; test them one by one"
                )));
            }
            if matches!(network, IpNet::V6(_)) {
                return Err(Refusal::new(format!(
                    "{network}: this type of set takes only single IPv6 addresses"
                )));
            }
        }
        self.address(rule.slot.from(), network.network())?;
        if !host {
            self.writer.u8(rule.slot.cidr(), prefix);
        }
        Ok(())
    }
}

/// [`Encoder::several`], apart from the hot path: it takes everything by value, so that an entry
/// with single addresses stays in registers.
#[inline(never)]
fn several_of(
    writer: &mut Writer,
    family: Family,
    purpose: Purpose,
    rule: Ip,
    addresses: Addresses,
) -> Result<Seen, Refusal> {
    let mut encoder = Encoder::new(writer, family, purpose);
    encoder.several(&rule, &addresses)?;
    Ok(encoder.seen)
}

impl Refusal {
    #[cold]
    fn zero(address: IpAddr) -> Self {
        Self::new(format!(
            "{address} is the address that this type of set does not take"
        ))
    }
}

impl Element for Addresses {
    #[inline(always)]
    fn write(&self, dimension: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        let rule = dimension.ip(self)?;
        match self {
            Self::One(address) => encoder.one(rule, *address),
            several => {
                let (family, purpose) = (encoder.family, encoder.purpose);
                let seen = several_of(encoder.writer, family, purpose, *rule, *several)?;
                match (rule.slot, several) {
                    (Slot::First, _) => encoder.seen = seen,
                    // The kernel walks the first range for this one too.
                    (Slot::Second, Self::Range(_)) => encoder.endless()?,
                    (Slot::Second, _) => {}
                }
                Ok(())
            }
        }
    }

    #[inline]
    fn read(dimension: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        let (address, to, cidr) = match dimension.slot() {
            Slot::First => (fields.ip, fields.ip_to, fields.cidr),
            Slot::Second => (fields.ip2, fields.ip2_to, fields.cidr2),
        };
        let address = address.ok_or(Malformed::Missing("an entry's address"))?;
        match (address, to, cidr) {
            (address, None, None) => Ok(address.into()),
            (IpAddr::V4(first), Some(IpAddr::V4(last)), _) => {
                Ok(Ipv4Range::new(first, last).into())
            }
            (address, _, cidr) => {
                let prefix = cidr.unwrap_or_default();
                let network = IpNet::new(address, prefix).map_err(|_| Malformed::Value {
                    what: "a prefix length",
                    value: prefix.into(),
                })?;
                Ok(network.into())
            }
        }
    }
}

impl Element for IpAddr {
    #[inline(always)]
    fn write(&self, dimension: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        encoder.one(dimension.ip(self)?, *self)
    }

    #[inline]
    fn read(dimension: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        let address = match dimension.slot() {
            Slot::First => fields.ip,
            Slot::Second => fields.ip2,
        };
        address.ok_or(Malformed::Missing("an entry's address"))
    }
}
