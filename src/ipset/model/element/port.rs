use std::fmt;
use std::ops::RangeInclusive;

use super::{Dimension, Element, Fields, Masks};
use crate::ipset::SetRange;
use crate::ipset::message::attr::data;
use crate::ipset::message::encode::{Encoder, Purpose, Refusal};
use crate::ipset::text::{only_in, print_element};
use crate::wire::{Malformed, NET_BYTE_ORDER};
use crate::{Error, Family, Protocol, Result};

/// A port or a range of ports, converted from a number or a range of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Creates the range between two ports, which may be given in either order.
    pub fn new(one: u16, other: u16) -> Self {
        Self {
            first: one.min(other),
            last: one.max(other),
        }
    }

    /// Returns the lowest port.
    pub fn first(&self) -> u16 {
        self.first
    }

    /// Returns the highest port. For a single port it equals the lowest.
    pub fn last(&self) -> u16 {
        self.last
    }

    #[inline]
    fn is_one(&self) -> bool {
        self.first == self.last
    }

    #[cold]
    fn several(self) -> Refusal {
        Refusal::new(format!(
            "ports {self} are more than one; test them one by one"
        ))
    }
}

impl From<u16> for PortRange {
    #[inline]
    fn from(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }
}

impl From<RangeInclusive<u16>> for PortRange {
    fn from(ports: RangeInclusive<u16>) -> Self {
        Self::new(*ports.start(), *ports.end())
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if !self.is_one() {
            write!(f, "-{}", self.last)?;
        }
        Ok(())
    }
}

/// A protocol with a port, a range of ports, or an ICMP type and code.
///
/// Created by [`tcp`], [`udp`], [`sctp`], [`udplite`], [`icmp`], [`icmpv6`] and [`protocol`], or by
/// [`Port::new`] if the protocol is only known at run time.
///
/// ```
/// use ipvset::ipset::elements::{icmp, tcp};
///
/// assert_eq!(tcp(8080).to_string(), "tcp:8080");
/// assert_eq!(tcp(8000..=8080).to_string(), "tcp:8000-8080");
/// assert_eq!(icmp(8, 0).to_string(), "icmp:echo-request");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port {
    /// The number, which has 8 bits in a set.
    protocol: u8,
    ports: PortRange,
}

/// The numbers of the protocols that have functions here.
mod number {
    use crate::Protocol;

    pub(super) const ICMP: u8 = Protocol::ICMP.number() as u8;
    pub(super) const TCP: u8 = Protocol::TCP.number() as u8;
    pub(super) const UDP: u8 = Protocol::UDP.number() as u8;
    pub(super) const ICMPV6: u8 = Protocol::ICMPV6.number() as u8;
    pub(super) const SCTP: u8 = Protocol::SCTP.number() as u8;
    pub(super) const UDPLITE: u8 = Protocol::UDPLITE.number() as u8;
}

/// Returns the family if the protocol belongs to only one, whose sets alone may contain it.
pub(crate) fn only_family(protocol: Protocol) -> Option<Family> {
    match protocol {
        Protocol::ICMP => Some(Family::Ipv4),
        Protocol::ICMPV6 => Some(Family::Ipv6),
        _ => None,
    }
}

/// Creates a TCP port or a range of TCP ports.
pub fn tcp(ports: impl Into<PortRange>) -> Port {
    Port {
        protocol: number::TCP,
        ports: ports.into(),
    }
}

/// Creates a UDP port or a range of UDP ports.
pub fn udp(ports: impl Into<PortRange>) -> Port {
    Port {
        protocol: number::UDP,
        ports: ports.into(),
    }
}

/// Creates an SCTP port or a range of SCTP ports.
pub fn sctp(ports: impl Into<PortRange>) -> Port {
    Port {
        protocol: number::SCTP,
        ports: ports.into(),
    }
}

/// Creates a UDP-Lite port or a range of UDP-Lite ports.
pub fn udplite(ports: impl Into<PortRange>) -> Port {
    Port {
        protocol: number::UDPLITE,
        ports: ports.into(),
    }
}

/// Creates an element for an ICMP type and code. Only sets of IPv4 addresses take it.
pub fn icmp(kind: u8, code: u8) -> Port {
    Port {
        protocol: number::ICMP,
        ports: u16::from_be_bytes([kind, code]).into(),
    }
}

/// Creates an element for an ICMPv6 type and code. Only sets of IPv6 addresses take it.
pub fn icmpv6(kind: u8, code: u8) -> Port {
    Port {
        protocol: number::ICMPV6,
        ports: u16::from_be_bytes([kind, code]).into(),
    }
}

/// Creates an element for a protocol without ports, from its number. Sets do not take 0.
pub fn protocol(number: u8) -> Port {
    Port {
        protocol: number,
        ports: 0.into(),
    }
}

impl Port {
    /// Creates a port or a range of ports of a protocol.
    ///
    /// The protocol may be that of a virtual service, for example
    /// ([`ServiceKey::protocol`](crate::ipvs::ServiceKey::protocol)).
    ///
    /// ```
    /// use ipvset::Protocol;
    /// use ipvset::ipset::elements::{Port, tcp};
    ///
    /// assert_eq!(Port::new(Protocol::TCP, 80)?, tcp(80));
    /// assert!(Port::new(Protocol::from_number(256), 80).is_err());
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a protocol that no set can contain,
    /// because its number is above 255.
    pub fn new(protocol: Protocol, ports: impl Into<PortRange>) -> Result<Self> {
        Self::from_parts(protocol, ports.into()).ok_or_else(|| {
            let why = format!("a set cannot contain protocol {protocol}: its number is above 255");
            Error::refused("create port", why)
        })
    }

    /// Returns `None` for a protocol that no set can contain, since its number is above 255.
    pub(crate) fn from_parts(protocol: Protocol, ports: PortRange) -> Option<Self> {
        let protocol = protocol.number().try_into().ok()?;
        Some(Self { protocol, ports })
    }

    /// Returns the protocol.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        Protocol::from_number(self.protocol.into())
    }

    /// Returns the ports.
    ///
    /// For ICMP and ICMPv6 the upper byte is the type and the lower byte is the code. For other
    /// protocols without ports it is 0.
    pub fn ports(&self) -> PortRange {
        self.ports
    }

    /// Returns the type and the code for ICMP and ICMPv6, or `None` for another protocol.
    pub fn icmp(&self) -> Option<(u8, u8)> {
        let [kind, code] = self.ports.first.to_be_bytes();
        matches!(self.protocol(), Protocol::ICMP | Protocol::ICMPV6).then_some((kind, code))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_element(self, f)
    }
}

/// Returns the attributes of port and protocol, whose layout is fixed, in one piece.
#[inline]
fn one_port(port: u16, protocol: u8) -> [u8; 16] {
    const PORT: [u8; 2] = (data::PORT | NET_BYTE_ORDER).to_ne_bytes();
    const PROTO: [u8; 2] = data::PROTO.to_ne_bytes();
    const SIX: [u8; 2] = 6u16.to_ne_bytes();
    const FIVE: [u8; 2] = 5u16.to_ne_bytes();
    let [high, low] = port.to_be_bytes();
    [
        SIX[0], SIX[1], PORT[0], PORT[1], high, low, 0, 0, //
        FIVE[0], FIVE[1], PROTO[0], PROTO[1], protocol, 0, 0, 0,
    ]
}

impl Element for Port {
    #[inline(always)]
    fn write(&self, _: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        let Self { protocol, ports } = *self;
        if !self.protocol().has_ports() {
            self.check_without_ports(encoder.family, encoder.purpose)?;
        }
        encoder.writer.raw(&one_port(ports.first, protocol));
        if !ports.is_one() {
            encoder.port_to(ports)?;
            encoder.endless()?;
        }
        Ok(())
    }

    #[inline]
    fn read(_: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        let protocol = fields
            .proto
            .ok_or(Malformed::Missing("an entry's protocol"))?;
        Ok(Self {
            protocol,
            ports: PortRange::read(&Dimension::Ports, fields)?,
        })
    }

    fn take_first(&mut self, dimension: &Dimension, masks: &Masks) -> Option<Self> {
        let protocol = self.protocol;
        let ports = self.ports.take_first(dimension, masks)?;
        Some(Self { protocol, ports })
    }

    fn last(&self, dimension: &Dimension) -> Self {
        Self {
            protocol: self.protocol,
            ports: Element::last(&self.ports, dimension),
        }
    }

    fn count(&self, dimension: &Dimension, masks: &Masks) -> u64 {
        Element::count(&self.ports, dimension, masks)
    }
}

impl Port {
    /// Refuses a port that the kernel would store differently, and protocols that the `ipset` tool
    /// refuses.
    ///
    /// For a protocol without ports the kernel silently stores port 0. It also stores ICMP in a set
    /// of IPv6 addresses and ICMPv6 in a set of IPv4 addresses, but the tool refuses a file with
    /// such an entry. Therefore such an entry cannot be added, but one that another program added
    /// can be removed.
    #[cold]
    fn check_without_ports(self, family: Family, purpose: Purpose) -> Result<(), Refusal> {
        let protocol = self.protocol();
        match only_family(protocol) {
            _ if self.protocol == 0 => Err(Refusal::new("a set cannot contain protocol 0")),
            Some(needed) if needed == family => Ok(()),
            Some(needed) if purpose.adds() => Err(Refusal::new(only_in(needed))),
            _ if self.ports.first != 0 => Err(Refusal::new(format!(
                "in a set of {family} addresses the port of {protocol} has to be 0"
            ))),
            _ => Ok(()),
        }
    }
}

impl Encoder<'_> {
    #[inline(always)]
    fn port_to(&mut self, ports: PortRange) -> Result<(), Refusal> {
        if self.testing() {
            return Err(ports.several());
        }
        self.writer.u16_net(data::PORT_TO, ports.last);
        Ok(())
    }
}

impl Element for PortRange {
    #[inline(always)]
    fn write(&self, _: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        encoder.writer.u16_net(data::PORT, self.first);
        if !self.is_one() {
            encoder.port_to(*self)?;
        }
        Ok(())
    }

    #[inline]
    fn read(_: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        let first = fields.port.ok_or(Malformed::Missing("an entry's port"))?;
        Ok(match fields.port_to {
            None => first.into(),
            Some(last) => Self::new(first, last),
        })
    }

    fn take_first(&mut self, _: &Dimension, _: &Masks) -> Option<Self> {
        let Self { first, last } = *self;
        self.last = first;
        (first < last).then(|| Self::new(first + 1, last))
    }

    fn last(&self, _: &Dimension) -> Self {
        self.last.into()
    }

    fn count(&self, _: &Dimension, _: &Masks) -> u64 {
        u64::from(self.last - self.first) + 1
    }

    fn is_within(&self, range: &SetRange) -> bool {
        match range {
            SetRange::Ports(range) => range.first <= self.first && self.last <= range.last,
            SetRange::Addresses(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ipset::text::Writer;
    use crate::ipset::{Entry, HashIpPort, IpSet};
    use crate::wire::{self, Attributes};

    /// The kernel stores ICMPv6 in a set of IPv4 addresses without type and code. The `ipset` tool
    /// refuses a file with such an entry.
    #[test]
    fn icmp_of_the_other_family_is_read_and_removed_but_not_added() {
        let set = IpSet::<HashIpPort>::new("s").unwrap();
        let address = Ipv4Addr::new(10, 0, 0, 1);
        let mut bytes = wire::Writer::default();
        let stored = Entry::<HashIpPort>::new((address, protocol(47)));
        stored.write(&set, Purpose::Add, &mut bytes).unwrap();
        let mut bytes = bytes.bytes().to_vec();
        let place = bytes.iter().rposition(|byte| *byte == 47).unwrap();
        bytes[place] = 58;

        let entry = Entry::<HashIpPort>::read(&HashIpPort, Attributes::new(&bytes)).unwrap();
        assert_eq!(entry, Entry::new((address, icmpv6(0, 0))));
        let mut out = wire::Writer::default();
        entry.write(&set, Purpose::Remove, &mut out).unwrap();
        for purpose in [Purpose::Add, Purpose::Put] {
            let refusal = entry.write(&set, purpose, &mut out).unwrap_err();
            assert!(refusal.0.contains("family inet6 only"), "{}", refusal.0);
        }
        let error = Writer::new(Vec::new()).add(set.name(), &entry).unwrap_err();
        assert!(error.reason().contains("other family"), "{error}");
    }
}
