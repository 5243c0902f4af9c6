use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{
    Addresses, Dimension, Element, Fields, Interface, Ipv4Range, MacAddress, Mark, Masks, Member,
    OptionalMac, Port, PortRange,
};
use crate::ipset::message::encode::{Encoder, Refusal};
use crate::ipset::text::print_element;
use crate::ipset::{SetName, SetRange};
use crate::wire::Malformed;

/// An element whose kind is only known at run time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum AnyElement {
    /// An address, a range of addresses, or a network.
    Addresses(Addresses),
    /// A port or a range of ports, with a protocol.
    Port(Port),
    /// A port or a range of ports, without a protocol (`bitmap:port`).
    Ports(PortRange),
    /// A MAC address, which is optional in `bitmap:ip,mac`.
    Mac(OptionalMac),
    /// A packet mark.
    Mark(Mark),
    /// A network interface.
    Interface(Interface),
    /// A set in a list. It is boxed because it is larger than the other elements.
    Member(Box<Member>),
}

impl Element for AnyElement {
    #[inline]
    fn write(&self, dimension: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        match (self, dimension) {
            (Self::Addresses(addresses), Dimension::Ip(_)) => addresses.write(dimension, encoder),
            (Self::Port(port), Dimension::Port) => port.write(dimension, encoder),
            (Self::Ports(ports), Dimension::Ports) => ports.write(dimension, encoder),
            (Self::Mac(mac), Dimension::OptionalMac) => mac.write(dimension, encoder),
            (Self::Mac(OptionalMac(Some(mac))), Dimension::Mac) => mac.write(dimension, encoder),
            (Self::Mark(mark), Dimension::Mark) => mark.write(dimension, encoder),
            (Self::Interface(interface), Dimension::Interface) => {
                interface.write(dimension, encoder)
            }
            (Self::Member(member), Dimension::Member) => member.write(dimension, encoder),
            _ => Err(dimension.misplaced(self)),
        }
    }

    #[inline]
    fn read(dimension: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        Ok(match dimension {
            Dimension::Ip(_) => Self::Addresses(Addresses::read(dimension, fields)?),
            Dimension::Port => Self::Port(Port::read(dimension, fields)?),
            Dimension::Ports => Self::Ports(PortRange::read(dimension, fields)?),
            Dimension::Mac => Self::Mac(MacAddress::read(dimension, fields)?.into()),
            Dimension::OptionalMac => Self::Mac(OptionalMac::read(dimension, fields)?),
            Dimension::Mark => Self::Mark(Mark::read(dimension, fields)?),
            Dimension::Interface => Self::Interface(Interface::read(dimension, fields)?),
            Dimension::Member => Self::Member(Box::new(Member::read(dimension, fields)?)),
        })
    }

    fn take_first(&mut self, dimension: &Dimension, masks: &Masks) -> Option<Self> {
        match self {
            Self::Addresses(it) => it.take_first(dimension, masks).map(Self::from),
            Self::Port(it) => it.take_first(dimension, masks).map(Self::from),
            Self::Ports(it) => it.take_first(dimension, masks).map(Self::from),
            Self::Mark(it) => it.take_first(dimension, masks).map(Self::from),
            Self::Member(it) => it.take_first(dimension, masks).map(Self::from),
            Self::Mac(_) | Self::Interface(_) => None,
        }
    }

    fn last(&self, dimension: &Dimension) -> Self {
        match self {
            Self::Addresses(it) => it.last(dimension).into(),
            Self::Port(it) => it.last(dimension).into(),
            Self::Ports(it) => Element::last(it, dimension).into(),
            other => other.clone(),
        }
    }

    fn count(&self, dimension: &Dimension, masks: &Masks) -> u64 {
        match self {
            Self::Addresses(it) => it.count(dimension, masks),
            Self::Port(it) => it.count(dimension, masks),
            Self::Ports(it) => Element::count(it, dimension, masks),
            _ => 1,
        }
    }

    fn is_within(&self, range: &SetRange) -> bool {
        match self {
            Self::Addresses(it) => it.is_within(range),
            Self::Ports(it) => it.is_within(range),
            _ => true,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Mac(mac) if mac.is_open())
    }

    fn member_mut(&mut self) -> Option<&mut Member> {
        match self {
            Self::Member(member) => Some(member),
            _ => None,
        }
    }
}

impl fmt::Display for AnyElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_element(self, f)
    }
}

macro_rules! from {
    ($($source:ty => $variant:ident),* $(,)?) => {$(
        impl From<$source> for AnyElement {
            #[inline]
            fn from(element: $source) -> Self {
                Self::$variant(element.into())
            }
        }
    )*};
}

from! {
    IpAddr => Addresses,
    Ipv4Addr => Addresses,
    Ipv6Addr => Addresses,
    Ipv4Range => Addresses,
    IpNet => Addresses,
    Ipv4Net => Addresses,
    Ipv6Net => Addresses,
    Addresses => Addresses,
    Port => Port,
    PortRange => Ports,
    MacAddress => Mac,
    OptionalMac => Mac,
    Mark => Mark,
    Interface => Interface,
}

impl From<Member> for AnyElement {
    fn from(member: Member) -> Self {
        Self::Member(Box::new(member))
    }
}

impl From<SetName> for AnyElement {
    fn from(name: SetName) -> Self {
        Member::from(name).into()
    }
}
