use std::cmp::Ordering;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Bits, Dimension, Element, Fields, network};
use crate::ipset::Family;
use crate::ipset::attr::{address, data};
use crate::ipset::encode::{Encoder, Purpose, Refusal};
use crate::ipset::text::Text;
use crate::wire::{Malformed, NESTED, NET_BYTE_ORDER};

/// The IPv4 addresses from one to another, both included.
///
/// ```
/// use ipvset::ipset::Ipv4Range;
///
/// let range = Ipv4Range::new([10, 0, 0, 9].into(), [10, 0, 0, 1].into());
/// assert_eq!(range.to_string(), "10.0.0.1-10.0.0.9");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

    /// The first address and the last, and what tells a range from the network that it covers.
    fn bounds(&self) -> (IpAddr, IpAddr, bool) {
        match *self {
            Self::One(address) => (address, address, false),
            Self::Range(Ipv4Range { first, last }) => (first.into(), last.into(), true),
            Self::Network(network) => {
                let (first, last) = network::bounds(&network);
                (first, last, false)
            }
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

/// By the first address, then by the last.
impl Ord for Addresses {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Self::One(one), Self::One(other)) = (self, other) {
            return one.cmp(other);
        }
        self.bounds().cmp(&other.bounds())
    }
}

impl PartialOrd for Addresses {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
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
        let (address, prefix) = network::parts(&network);
        if prefix == width(address) {
            return address.into();
        }
        // What is a network already has a possible prefix length.
        network::network(address.into(), prefix).map_or(Self::One(address), Self::Network)
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
    pub(crate) fn address(&mut self, kind: u16, address: IpAddr) -> Result<(), Refusal> {
        match (address, self.family) {
            (IpAddr::V4(address), Family::Inet) => self.writer.raw(&ipv4_nest(kind, address)),
            (IpAddr::V6(address), Family::Inet6) => self.writer.raw(&ipv6_nest(kind, address)),
            (address, family) => return Err(Refusal::other_family(address.into(), family)),
        }
        Ok(())
    }

    #[inline(always)]
    fn addresses(&mut self, rule: &Ip, addresses: &Addresses) -> Result<(), Refusal> {
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
                    // The kernel walks the first range for this one too.
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

    /// Looks at the first and the last address, at what the rule asks for.
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
                "the range of all IPv4 addresses is none that the kernel takes; \
                 0.0.0.0/1 and 128.0.0.0/1 are",
            ));
        }
        // `ip_set_range_to_cidr` compares with `after`, which is for numbers that wrap around.
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

    /// Why [`Ip::takes_network`] says no.
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

/// The bits of an address.
#[inline(always)]
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl Element for Addresses {
    #[inline(always)]
    fn write(&self, dimension: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        encoder.addresses(dimension.ip(self)?, self)
    }

    #[inline]
    fn read(dimension: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        let (address, to, cidr) = match dimension.slot() {
            Slot::First => (fields.ip, fields.ip_to, fields.cidr),
            Slot::Second => (fields.ip2, fields.ip2_to, fields.cidr2),
        };
        let address = address.ok_or(Malformed::Missing("an entry's address"))?;
        let (Bits::V4(first), Some(Bits::V4(last))) = (address, to) else {
            return match cidr {
                None => Ok(Self::One(address.into())),
                Some(prefix) => network(address, prefix),
            };
        };
        let (first, last) = (Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(last));
        Ok(Ipv4Range::new(first, last).into())
    }
}

/// A network of the kernel's.
#[inline(always)]
fn network(address: Bits, prefix: u8) -> Result<Addresses, Malformed> {
    let possible = match address {
        Bits::V4(_) if prefix == 32 => return Ok(Addresses::One(address.into())),
        Bits::V6(_) if prefix == 128 => return Ok(Addresses::One(address.into())),
        Bits::V4(_) => 32,
        Bits::V6(_) => 128,
    };
    match network::network(address, prefix) {
        Some(network) if prefix < possible => Ok(Addresses::Network(network)),
        _ => Err(Malformed::Value {
            what: "a prefix length",
            value: prefix.into(),
        }),
    }
}

impl Element for IpAddr {
    #[inline(always)]
    fn write(&self, dimension: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        encoder.addresses(dimension.ip(self)?, &Addresses::One(*self))
    }

    #[inline]
    fn read(dimension: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        let address = match dimension.slot() {
            Slot::First => fields.ip,
            Slot::Second => fields.ip2,
        };
        let address = address.ok_or(Malformed::Missing("an entry's address"))?;
        Ok(address.into())
    }
}
