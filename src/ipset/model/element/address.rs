use std::cmp::Ordering;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net};

use super::{Bits, Dimension, Element, Fields, Ipv4Range, Masks, Slot, Span, network};
use crate::ipset::SetRange;
use crate::ipset::message::encode::{Encoder, Refusal};
use crate::ipset::text::Text;
use crate::wire::Malformed;
use crate::{Error, Family, Result};

/// An address, a range of IPv4 addresses, or a network.
///
/// Set types with addresses (`hash:ip`, `hash:ip,port`) store each address of a range or network as
/// an entry of its own. Set types with networks (`hash:net`) store a network as one entry, and
/// split a range into the fewest networks that cover it.
///
/// The `From` implementations convert to the form that the kernel lists: a network of a single
/// address becomes the address, and host bits are cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Addresses {
    /// A single address.
    One(IpAddr),
    /// A range of IPv4 addresses. The kernel does not support ranges of IPv6 addresses.
    Range(Ipv4Range),
    /// A network.
    Network(IpNet),
}

impl Addresses {
    /// Returns the address if it is a single one, or `None` for a range or network.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::One(address) => Some(*address),
            _ => None,
        }
    }

    /// Returns the family of the addresses.
    ///
    /// ```
    /// use ipvset::Family;
    /// use ipvset::ipset::elements::Addresses;
    ///
    /// assert_eq!("10.0.0.1-10.0.0.9".parse::<Addresses>()?.family(), Family::Ipv4);
    /// assert_eq!("2001:db8::/32".parse::<Addresses>()?.family(), Family::Ipv6);
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    pub fn family(&self) -> Family {
        Family::of(self.bounds().0)
    }

    /// Creates the network of an address and a prefix length that is not longer than the address.
    #[inline]
    fn network_of(address: Bits, prefix: u8) -> Self {
        let address_alone = Self::One(address.into());
        if prefix == width(address.into()) {
            return address_alone;
        }
        network::network(address, prefix).map_or(address_alone, Self::Network)
    }

    /// Returns the first and the last address, and whether it is a range, so that a range differs
    /// from the network with the same addresses.
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

    /// Returns the network, or `None` for a range. The network of a single address has the longest
    /// prefix.
    pub fn network(&self) -> Option<IpNet> {
        match self {
            Self::One(address) => Some(IpNet::from(*address)),
            Self::Network(network) => Some(*network),
            Self::Range(_) => None,
        }
    }
}

impl FromStr for Addresses {
    type Err = Error;

    /// Parses an address, a network with its prefix length, or a range of IPv4 addresses.
    ///
    /// ```
    /// use ipvset::ipset::elements::Addresses;
    ///
    /// for text in ["10.0.0.1", "2001:db8::/32", "10.0.0.1-10.0.0.9"] {
    ///     assert_eq!(text.parse::<Addresses>()?.to_string(), text);
    /// }
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for another text.
    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            if let Some((first, last)) = text.split_once('-') {
                return Some(Ipv4Range::new(first.parse().ok()?, last.parse().ok()?).into());
            }
            if text.contains('/') {
                return text.parse::<IpNet>().ok().map(Self::from);
            }
            text.parse::<IpAddr>().ok().map(Self::from)
        };
        read().ok_or_else(|| {
            let expected = "expected an address, a network or a range of IPv4 addresses";
            Error::refused("read addresses", expected).object(format_args!("{text:?}"))
        })
    }
}

/// Compares the first addresses, then the last ones.
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
        Self::network_of(address.into(), prefix)
    }
}

impl From<Ipv4Net> for Addresses {
    #[inline]
    fn from(network: Ipv4Net) -> Self {
        Self::network_of(Bits::V4(network.addr().to_bits()), network.prefix_len())
    }
}

impl From<Ipv6Net> for Addresses {
    #[inline]
    fn from(network: Ipv6Net) -> Self {
        Self::network_of(Bits::V6(network.addr().to_bits()), network.prefix_len())
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

/// Returns the number of bits of an address.
#[inline(always)]
pub(super) fn width(address: IpAddr) -> u8 {
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

    fn take_first(&mut self, dimension: &Dimension, masks: &Masks) -> Option<Self> {
        let Dimension::Ip(ip) = dimension else {
            return None;
        };
        if let Self::Network(network) = *self {
            *self = network.into();
        }
        let behind = |address: u32| Some(Ipv4Addr::from_bits(address.checked_add(1)?));
        let (first, next, last) = match (*self, ip.span) {
            (Self::One(address), _) => {
                *self = Self::One(masks.apply(address));
                return None;
            }
            (Self::Network(network), Span::Network { .. }) => {
                let (address, prefix) = network::parts(&network);
                *self = Self::network_of(masks.apply(address).into(), prefix);
                return None;
            }
            (Self::Range(Ipv4Range { first, last }), Span::Network { everything }) => {
                // A type without the network of all addresses stores its halves.
                let mut networks = Ipv4Subnets::new(first, last, u8::from(!everything));
                let mut first = Self::from(networks.next()?);
                let (_, IpAddr::V4(end), _) = first.bounds() else {
                    return None;
                };
                first.take_first(dimension, masks);
                (first, behind(end.to_bits()), last)
            }
            (Self::Range(_) | Self::Network(IpNet::V4(_)), Span::Each) => {
                let (IpAddr::V4(first), IpAddr::V4(last), _) = self.bounds() else {
                    return None;
                };
                let next = masks.next(first.to_bits()).map(Ipv4Addr::from_bits);
                (Self::One(masks.apply(first.into())), next, last)
            }
            _ => return None,
        };
        *self = first;
        let next = next.filter(|next| *next <= last)?;
        Some(Ipv4Range::new(next, last).into())
    }

    fn last(&self, dimension: &Dimension) -> Self {
        let Dimension::Ip(ip) = dimension else {
            return *self;
        };
        match (self, ip.span) {
            // The last address also stands for the last network of a range.
            (Self::Range(_), Span::Each | Span::Network { .. })
            | (Self::Network(IpNet::V4(_)), Span::Each) => Self::One(self.bounds().1),
            _ => *self,
        }
    }

    fn count(&self, dimension: &Dimension, masks: &Masks) -> u64 {
        let Dimension::Ip(ip) = dimension else {
            return 1;
        };
        match (self, ip.span) {
            (Self::Range(Ipv4Range { first, last }), Span::Network { everything }) => {
                Ipv4Subnets::new(*first, *last, u8::from(!everything)).count() as u64
            }
            (Self::Range(_) | Self::Network(IpNet::V4(_)), Span::Each) => match self.bounds() {
                (IpAddr::V4(first), IpAddr::V4(last), _) => {
                    masks.count(first.to_bits(), last.to_bits())
                }
                _ => 1,
            },
            _ => 1,
        }
    }

    fn is_within(&self, range: &SetRange) -> bool {
        let (first, last, _) = self.bounds();
        [first, last].iter().all(|address| address.is_within(range))
    }
}

/// Converts a network that the kernel lists.
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

    fn take_first(&mut self, _: &Dimension, masks: &Masks) -> Option<Self> {
        *self = masks.apply(*self);
        None
    }

    fn is_within(&self, range: &SetRange) -> bool {
        match (self, range) {
            (Self::V4(address), SetRange::Addresses(range)) => range.contains(*address),
            (Self::V6(_), SetRange::Addresses(_)) => false,
            (_, SetRange::Ports(_)) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Addresses {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_one_or_a_range_or_a_network() {
        let one: IpAddr = "10.0.0.1".parse().unwrap();
        let network: IpNet = "2001:db8::/32".parse().unwrap();
        for (text, address, its_network, family) in [
            ("10.0.0.1", Some(one), Some(IpNet::from(one)), Family::Ipv4),
            ("10.0.0.1-10.0.0.9", None, None, Family::Ipv4),
            ("2001:db8::/32", None, Some(network), Family::Ipv6),
        ] {
            let value = addresses(text);
            assert_eq!(value.address(), address, "{text}");
            assert_eq!(value.network(), its_network, "{text}");
            assert_eq!(value.family(), family, "{text}");
        }
    }

    #[test]
    fn addresses_are_ordered_by_the_first_and_then_the_last() {
        let ordered = [
            "10.0.0.0",
            "10.0.0.0/24",
            "10.0.0.0-10.0.0.255",
            "10.0.0.0/8",
            "10.0.0.1",
            "2001:db8::1",
        ];
        for pair in ordered.windows(2) {
            let (one, other) = (addresses(pair[0]), addresses(pair[1]));
            assert_eq!(one.partial_cmp(&other), Some(Ordering::Less), "{pair:?}");
            assert_eq!(other.cmp(&one), Ordering::Greater, "{pair:?}");
        }
    }
}
